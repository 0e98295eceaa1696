"""Tables of a report, made from result rows: what stands in which row and column, and how it is printed.

Words, units and number formats come from the indicator catalogue, so that a new indicator needs no code here.
A number is printed with its interval, `109.8 (103.2–116.9)`; a missing one as a dash; one withheld to protect
persons as a mark that a note explains. Raw values stay beside the printed ones. A unit that all columns share is
stated once. Layout after Schwabish, "Ten guidelines for better tables", J. Benefit-Cost Analysis 2020.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from .blocks import MISSING, Column, Table, raw_value
from .errors import FpError, did_you_mean
from .results import COLUMNS, NUMBERS, by_row, pick, read_note
from .wording import format_value, has, indicator, label, period_label, remark, text

__all__ = ["across", "cross", "long", "measure_kind", "measure_unit", "printed", "wide"]

SUPPRESSED = "note.suppressed"
KINDS = {"count": "count", "total": "count", "p": "p", "lower": "", "upper": ""}


def wide(
    results: pd.DataFrame,
    columns: Sequence[str],
    *,
    lang: str,
    rows: str = "place",
    names: Mapping[str, str] | None = None,
    total: str = "",
    intervals: bool = True,
    heads: Mapping[str, str] | None = None,
    caption: str = "",
    notes: Sequence[str] = (),
    source: str = "",
    id: str = "",
) -> Table:
    """Return a table with one row a place (or period) and one column a measure.

    `columns` are measures; `srb@p`, `srb@count`, `srb@total` take another number of the same row. `rows` is
    "place" or "period". `names` gives the words for the row keys and their order (others follow, by their key);
    `total` is the key of the row that sums the others up and stands last. Neighbouring measures of one indicator
    stand under its name; `heads` (worded) replaces the heading of a column. Raises FpError when several results fall
    into one cell.
    """
    if rows not in ("place", "period"):
        raise FpError(f"rows {rows!r} does not exist{did_you_mean(rows, ['place', 'period'])}")
    words = names or {}
    asked = [_split(column) for column in columns]
    cells = _cells(results, rows, {measure for measure, _ in asked})
    keys = _row_keys(dict.fromkeys(key for key, _ in cells), words, total)
    typed = [_headed(_column(name, asked, cells, words, lang, intervals), heads or {}) for name in columns]
    raw = [[_value(cells.get((key, m)), part, c.interval) for (m, part), c in zip(asked, typed, strict=True)]
           for key in keys]  # fmt: skip
    printed = [[_text(cells.get((key, m)), part, c, lang) for (m, part), c in zip(asked, typed, strict=True)]
               for key in keys]  # fmt: skip
    stub = [words.get(key, period_label(key, lang, calendar=False) if rows == "period" else key) for key in keys]
    return Table(
        (Column(rows, text(f"table.{rows}", lang)), *typed),
        tuple((name, *row) for name, row in zip(stub, raw, strict=True)),
        tuple((name, *row) for name, row in zip(stub, printed, strict=True)),
        caption,
        (*notes, *_suppression(cells.values(), lang)),
        source,
        id,
        bool(total) and total in keys,
        tuple(("", *(_fact(cells.get((key, measure))) for measure, _ in asked)) for key in keys),
    )


def long(
    results: pd.DataFrame,
    *,
    lang: str,
    names: Mapping[str, str] | None = None,
    columns: Sequence[str] = (),
    caption: str = "",
    notes: Sequence[str] = (),
    source: str = "",
    id: str = "",
) -> Table:
    """Return a table with one row a result, in the order given.

    `columns` are some of place, period, measure, value, unit, count, total, p, method, note; by default those
    that tell the rows apart or hold anything. `value` carries its interval.
    """
    known = ("place", "period", "measure", "value", "unit", "count", "total", "p", "method", "note")
    for column in columns:
        if column not in known:
            raise FpError(f"column {column!r} does not exist{did_you_mean(column, known)}")
    records = by_row(results)
    units = {measure_unit(record["measure"], lang) for record in records}
    shown = list(columns) or _telling(results, units)
    if shown[0] == "value":
        shown = ["measure", *shown]
    typed = tuple(_long_column(name, results, units, lang) for name in shown)
    return Table(
        typed,
        tuple(tuple(_long_value(r, c, names or {}, lang) for c in typed) for r in records),
        tuple(tuple(_long_text(r, c, names or {}, lang) for c in typed) for r in records),
        caption,
        (*notes, *_suppression(records, lang)),
        source,
        id,
        ids=tuple(tuple("" if column.is_text else _fact(record) for column in typed) for record in records),
    )


def across(
    results: pd.DataFrame,
    measure: str,
    *,
    periods: Sequence[str],
    lang: str,
    names: Mapping[str, str] | None = None,
    total: str = "",
    id: str = "",
) -> Table:
    """Return a table with one row a place and one column a period, of one measure; `total` as in `wide`."""
    mine = pick(results, measure=measure, period=list(periods))
    turned = _with_fact(mine).assign(measure=measure + "/" + mine["period"], period="")
    heads = {f"{measure}/{key}": period_label(key, lang, calendar=False) for key in periods}
    return wide(turned, list(heads), lang=lang, names=names, total=total, intervals=False, heads=heads, id=id)


def cross(
    results: pd.DataFrame,
    indicators: Sequence[str],
    *,
    lang: str,
    names: Mapping[str, str] | None = None,
    caption: str = "",
    notes: Sequence[str] = (),
    source: str = "",
    id: str = "",
) -> Table:
    """Return a table with one row a breakdown and one column an indicator, for one place and period.

    `births/order1` and `registered/order1` share the row `order1`; deeper breakdowns are left out.
    """
    parts = results["measure"].str.split("/")
    mine = results[(parts.str.len() == 2) & parts.str[0].isin(list(indicators))]
    turned = _with_fact(mine).assign(
        place=mine["measure"].str.split("/").str[1], measure=mine["measure"].str.split("/").str[0]
    )
    words = {key: _row_words(key, names or {}, lang) for key in dict.fromkeys(turned["place"])}
    made = wide(turned, indicators, lang=lang, names=words, caption=caption, notes=notes, source=source, id=id)
    head = Column("part", text("table.part", lang))
    return replace(made, columns=(head, *made.columns[1:]))


def _row_words(key: str, names: Mapping[str, str], lang: str) -> str:
    return names.get(key) or (text(f"part.{key}", lang) if has(f"part.{key}") else key)


def measure_kind(measure: str, value: float | None = None) -> str:
    """Return the number format of a measure; an indicator of "plain" kind takes it from the measure it is about."""
    kind = indicator(measure)["kind"]
    if kind != "plain":
        return kind
    about = measure.partition("/")[2]
    if about and has(about.split("/")[0]) and indicator(about).get("kind", "plain") != "plain":
        return indicator(about)["kind"]
    return "n2" if value is not None and value % 1 > 0 else "count"


def measure_unit(measure: str, lang: str) -> str:
    """Return the words for a measure's unit, "" where the printed figure carries it (a share prints its %)."""
    about = measure.partition("/")[2]
    known = indicator(measure)["kind"] == "plain" and has(about.split("/")[0])
    unit = indicator(about if known else measure).get("unit", "")
    if measure_kind(measure).startswith(("pct", "signedpct")) or not unit:
        return ""
    return text(f"unit.{unit}", lang) if has(f"unit.{unit}") else unit


def _split(column: str) -> tuple[str, str]:
    measure, _, part = column.partition("@")
    if part and part not in NUMBERS:
        raise FpError(f"column {column!r}: {part!r} does not exist{did_you_mean(part, NUMBERS)}")
    return measure, part or "value"


def printed(record: Mapping[str, Any], column: Column, lang: str) -> str:
    """Return the text of a result row's cell under a column of `wide`, `long` or their kin."""
    part = column.key.partition("@")[2] or (column.key if column.key in NUMBERS else "value")
    kind = measure_kind(record["measure"], record["value"]) if column.key == "value" else column.kind
    return _text(record, part, replace(column, kind=kind), lang)


def _with_fact(results: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the fact that each is, before they are turned into another table."""
    return results.assign(fact=results["measure"] + "@" + results["place"] + "@" + results["period"])


def _fact(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return ""
    return record.get("fact") or f"{record['measure']}@{record['place']}@{record['period']}"


def _cells(results: pd.DataFrame, rows: str, measures: set[str]) -> dict[tuple[str, str], dict[str, Any]]:
    cells: dict[tuple[str, str], dict[str, Any]] = {}
    kept = [*COLUMNS, *(name for name in ("fact",) if name in results)]
    for record in by_row(pick(results, measure=measures)[kept]):
        key = (record[rows], record["measure"])
        if key in cells:
            raise FpError(f"several results for {key[0]}, {key[1]}: pick one period, place and method first")
        cells[key] = record
    return cells


def _row_keys(present: Mapping[str, Any], words: Mapping[str, str], total: str) -> list[str]:
    ordered = [key for key in words if key in present] + [key for key in present if key not in words]
    return [key for key in ordered if key != total] + [key for key in ordered if key == total]


def _column(
    name: str,
    asked: Sequence[tuple[str, str]],
    cells: Mapping[Any, Mapping[str, Any]],
    words: Mapping[str, str],
    lang: str,
    intervals: bool,
) -> Column:
    measure, part = _split(name)
    here = [record for (_, m), record in cells.items() if m == measure]
    kind = KINDS.get(part) or measure_kind(measure, next((r["value"] for r in here if r["value"] == r["value"]), None))
    with_interval = part == "value" and intervals and any(r["lower"] == r["lower"] for r in here)
    unit = measure_unit(measure, lang) if part == "value" else ""
    heading, group = _heading(measure, part, asked, words, lang)
    return Column(name, heading, kind, unit, group, with_interval)


def _headed(column: Column, heads: Mapping[str, str]) -> Column:
    return replace(column, label=heads[column.key], group="") if column.key in heads else column


def _heading(
    measure: str, part: str, asked: Sequence[tuple[str, str]], words: Mapping[str, str], lang: str
) -> tuple[str, str]:
    """Return a column's heading and the heading of its group.

    Columns of one indicator stand under its name; else columns of one breakdown stand under that.
    """
    family, _, breakdown = measure.partition("/")
    comma = text("list.comma", lang)
    about = label(measure, lang, words).removeprefix(label(family, lang)).removeprefix(comma)
    number = "" if part == "value" else text(f"table.{part}", lang)
    if sum(m.split("/")[0] == family for m, _ in asked) > 1:
        return comma.join(filter(None, [about, number])) or text("table.all", lang), label(family, lang)
    if breakdown and sum(m.partition("/")[2] == breakdown for m, _ in asked) > 1:
        return comma.join(filter(None, [label(family, lang), number])), about
    return comma.join(filter(None, [label(measure, lang, words), number])), ""


def _value(record: Mapping[str, Any] | None, part: str, interval: bool) -> Any:
    if record is None:
        return (None, None, None) if interval else None
    values = [record[name] for name in ((part, "lower", "upper") if interval else (part,))]
    clean = tuple(raw_value(value) for value in values)
    return clean if interval else clean[0]


def _text(record: Mapping[str, Any] | None, part: str, column: Column, lang: str) -> str:
    if record is None:
        return MISSING
    if _is_suppressed(record):
        return text("table.mark", lang)
    value = record[part]
    if value != value:
        return MISSING
    printed = format_value(value, column.kind, lang)
    if not column.interval or record["lower"] != record["lower"] or record["lower"] == record["upper"]:
        return printed
    ends = {end: format_value(record[end], column.kind, lang) for end in ("lower", "upper")}
    key = "table.interval_signed" if column.kind.startswith(("signed", "points", "change")) else "table.interval"
    return text(key, lang, value=printed, **ends)


def _is_suppressed(record: Mapping[str, Any]) -> bool:
    return bool(record["note"]) and read_note(record["note"])[0] == SUPPRESSED


def _suppression(records: Any, lang: str) -> tuple[str, ...]:
    marked = dict.fromkeys(remark(record["note"], lang) for record in records if _is_suppressed(record))
    return tuple(text("table.marked", lang, remark=words) for words in marked)


def _telling(results: pd.DataFrame, units: set[str]) -> list[str]:
    keys = [name for name in ("place", "period") if len(set(results[name])) > 1]
    extra = ["unit"] if len(units) > 1 else []
    extra += ["p"] if results["p"].notna().any() else []
    notes = [note for note in results["note"] if note and read_note(note)[0] != SUPPRESSED]
    return [*keys, "measure", "value", *extra, *(["note"] if notes else [])]


def _long_column(name: str, results: pd.DataFrame, units: set[str], lang: str) -> Column:
    heading = text({"unit": "table.unit_head", "note": "table.note_head"}.get(name, f"table.{name}"), lang)
    if name in ("count", "total", "p"):
        return Column(name, heading, KINDS[name])
    if name != "value":
        return Column(name, heading)
    kinds = {measure_kind(m, v) for m, v in zip(results["measure"], results["value"], strict=True)}
    unit = next(iter(units)) if len(units) == 1 else ""
    return Column(
        name, heading, kinds.pop() if len(kinds) == 1 else "n2", unit, "", bool(results["lower"].notna().any())
    )


def _long_value(record: Mapping[str, Any], column: Column, names: Mapping[str, str], lang: str) -> Any:
    if column.is_text:
        return _words(record, column.key, names, lang)
    return _value(record, column.key, column.interval)


def _long_text(record: Mapping[str, Any], column: Column, names: Mapping[str, str], lang: str) -> str:
    if column.is_text:
        return _words(record, column.key, names, lang) or MISSING
    return printed(record, column, lang)


def _words(record: Mapping[str, Any], name: str, names: Mapping[str, str], lang: str) -> str:
    if name == "unit":
        return measure_unit(record["measure"], lang)
    if name == "method":
        return text(f"method.{record[name]}", lang) if has(f"method.{record[name]}") else record[name]
    wording = {
        "place": lambda key: names.get(key, key),
        "period": lambda key: period_label(key, lang, calendar=False),
        "measure": lambda key: label(key, lang, names),
        "note": lambda key: remark(key, lang, names),
    }
    return wording[name](record[name])

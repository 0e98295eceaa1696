"""What stands in which cell of the annex: a document's tables and figures as sheets of plain cells.

A program that reads the annex finds one table a sheet, one row of heads, a type a column, and no merged cell (UK
Government Analysis Function, "Releasing statistics in spreadsheets", 2023; Broman and Woo, "Data organization in
spreadsheets", The American Statistician 2018). So group headings are folded into the heads, an interval becomes
three columns, and a number is the unrounded number with the format that prints it as the report does. What is hidden
or missing is a mark, never a zero; in the data of a figure a missing number is an empty cell, because a chart draws
any text as zero.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import pandas as pd

from ..blocks import MISSING, Cards, Column, Figure, Table
from ..errors import PublishError
from ..wording import format_value, text
from .document import Document, Output, Part

__all__ = ["PATTERNS", "Cell", "Sheet", "data_sheets", "figures_without_data", "pattern", "read_grid", "sheet_name"]

LONGEST_NAME, LONGEST_HEAD, LONGEST_TEXT, MOST_ROWS = 31, 255, 32_767, 1_000_000
EXACT = 10**15
INFINITE = {"inf": "∞", "-inf": "−∞"}
DAY = re.compile(r"\d{4}-\d\d-\d\d")
PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d+)?")
FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
CLAUSE = re.compile(r"[:：,，(（;；]")


@dataclass(frozen=True)
class Cell:
    """One cell: what it holds (None: empty), the words it shows, and its number format ("" in columns of text)."""

    value: int | float | str | dt.date | None
    words: str
    pattern: str = ""


@dataclass(frozen=True)
class Sheet:
    """One sheet of data: `kind` headline, table, figure or output, `number` its name in the report ("Table 1")."""

    name: str
    kind: str
    number: str
    title: str
    table: Table
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    source: str = ""
    alt: str = ""


def data_sheets(document: Document, *, taken: Iterable[str] = ()) -> list[Sheet]:
    """Return the sheets of a document in its order; `taken` are sheet names already in use.

    Raises PublishError for a table that a workbook cannot hold.
    """
    lang, made = document.meta.lang, []
    names, counts = list(taken), {"headline": 0, "output": 0}
    for part in document.parts:
        found = _found(part, document, counts)
        if found is None:
            continue
        kind, number, table, words = found
        name = sheet_name(words, names)
        names.append(name)
        made.append(_sheet(name, kind, number, table, part, lang))
    return made


def figures_without_data(document: Document) -> list[tuple[str, str]]:
    """Return number and caption of what the annex has no sheet for: drawings without data, pictures, printed text."""
    lang, found = document.meta.lang, []
    for part in document.parts:
        content = part.content
        if isinstance(content, Figure) and content.data is None:
            found.append((text("figure.number", lang, n=document.numbers[content.id][1]), content.caption))
        elif isinstance(content, Output) and read_grid(content, lang) is None:
            found.append((text("page.output", lang), content.alt))
    return found


def pattern(value: float, kind: str, lang: str) -> str:
    """Return the number format with which a workbook prints a value as `wording.format_value` does.

    >>> pattern(0.985, "pct", "en"), pattern(1, "pct", "en")
    ('0.0%', '[<0.9995]0.0%;[<1]">99.9%";0%')
    """
    if kind == "pct" and 0.9995 <= value <= 1:
        return PATTERNS["pct_full"]
    return PATTERNS["pct0" if kind == "pct" and value == 0 else kind] if kind in PATTERNS else PATTERNS["plain"]


def sheet_name(words: str, taken: Iterable[str]) -> str:
    """Return a valid sheet name made of words: 31 characters at most, none forbidden, not among `taken`.

    >>> sheet_name("Table 1 Births: by township/street", ["table 1 births"])
    'Table 1 Births 2'
    """
    clean = " ".join(FORBIDDEN.sub(" ", CLAUSE.split(words.strip())[0] or words).replace("'", "’").split())
    used = {name.casefold() for name in taken}
    for n in range(1, len(used) + 2):
        ending = f" {n}" if n > 1 else ""
        name = _cut(clean or MISSING, LONGEST_NAME - len(ending)) + ending
        if name.casefold() not in used:
            break
    return name


def read_grid(output: Output, lang: str) -> Table | None:
    """Return the table that an ordinary HTML output shows, None when it is not one plain grid."""
    if output.kind != "text/html":
        return None
    reader = _Grid()
    reader.feed(output.content)
    reader.close()
    rows = [row for row in reader.rows if row]
    if reader.is_odd or len(rows) < 2 or len({len(row) for row in rows}) != 1:
        return None
    columns = tuple(
        Column(str(n), head or text("workbook.head.column", lang, n=n)) for n, head in enumerate(rows[0], 1)
    )
    return Table(columns, tuple(tuple(map(_read, row)) for row in rows[1:]), tuple(map(tuple, rows[1:])))


def _found(part: Part, document: Document, counts: dict[str, int]) -> tuple[str, str, Table, str] | None:
    """Return kind, number, table and name of the sheet of a part, None when it has none."""
    content, lang = part.content, document.meta.lang
    if isinstance(content, Cards):
        counts["headline"] += 1
        words = text("workbook.headline", lang)
        return "headline", words, _cards(content, lang), words
    if isinstance(content, Output):
        grid = read_grid(content, lang)
        counts["output"] += grid is not None
        words = text("workbook.output", lang, n=counts["output"])
        return ("output", words, grid, words) if grid else None
    table = content.data if isinstance(content, Figure) else content
    if not isinstance(table, Table):
        return None
    kind, n = document.numbers[content.id]  # type: ignore[union-attr]
    number = text(f"{kind}.number", lang, n=n)
    caption = CLAUSE.split(content.caption)[0]  # type: ignore[union-attr]
    return kind, number, table, text("workbook.name", lang, number=number, words=caption)


def _sheet(name: str, kind: str, number: str, table: Table, part: Part, lang: str) -> Sheet:
    figure = part.content if isinstance(part.content, Figure) else None
    title = figure.caption if figure else table.caption
    _check_size(table, title or number)
    notes = dict.fromkeys((*(figure.notes if figure else ()), *table.notes))
    return Sheet(
        name, kind, number, title, table,
        heads=tuple(_unique(_heads(table, lang))),
        rows=tuple(_row(*pair, table, lang, blank=figure is not None)
                   for pair in zip(table.values, table.texts, strict=True)),
        notes=tuple(notes),
        source=(figure.source if figure else "") or table.source,
        alt=figure.alt if figure else "",
    )  # fmt: skip


def _check_size(table: Table, title: str) -> None:
    if len(table.values) > MOST_ROWS:
        raise PublishError(f"{title}: {len(table.values):,} rows do not fit into a sheet; show the first {MOST_ROWS:,}")
    for row, words in enumerate(table.texts, start=1):
        if any(len(cell) > LONGEST_TEXT // 2 for cell in words):
            raise PublishError(f"{title}, row {row}: a text of more than {LONGEST_TEXT // 2:,} characters; shorten it")


def _cards(cards: Cards, lang: str) -> Table:
    keys = ("figure", "value", "change", "reference")
    columns = tuple(
        Column(key, text(f"workbook.head.{key}", lang), "plain" if key == "value" else "text") for key in keys
    )
    rows = [(f.label, f.value if f.raw is None else f.raw, f.change, f.reference) for f in cards.facts]
    printed = [(f.label, f.value, f.change or MISSING, f.reference or MISSING) for f in cards.facts]
    return Table(columns, tuple(rows), tuple(printed))


def _heads(table: Table, lang: str) -> Iterator[str]:
    """Yield the heads: the group's heading in front, the unit behind unless all share it, an interval's ends."""
    for column in table.columns:
        head = column.label
        if column.group:
            head = text("workbook.head.group", lang, group=column.group, label=column.label)
        if column.unit and not table.unit:
            head = text("workbook.head.unit", lang, head=head, unit=column.unit)
        yield head
        if column.interval:
            yield text("workbook.head.lower", lang, head=head)
            yield text("workbook.head.upper", lang, head=head)


def _unique(names: Iterable[str]) -> Iterator[str]:
    """Yield names that differ, as the heads of a workbook's table must, whatever their case."""
    seen: set[str] = set()
    for n, name in enumerate(names, start=1):
        base = " ".join(name.split())[: LONGEST_HEAD - 8] or str(n)
        unique = next(
            made for k in range(1, n + 1) if (made := base if k == 1 else f"{base} {k}").casefold() not in seen
        )
        seen.add(unique.casefold())
        yield unique


def _row(values: Sequence[Any], texts: Sequence[str], table: Table, lang: str, *, blank: bool) -> tuple[Cell, ...]:
    cells: list[Cell] = []
    for value, printed, column in zip(values, texts, table.columns, strict=True):
        cells += _cells(value, printed, column, lang, blank=blank and not column.is_text)
    return tuple(cells)


def _cells(value: Any, printed: str, column: Column, lang: str, *, blank: bool) -> list[Cell]:
    """Return the cell of a value, or the three cells of an interval; `blank` leaves a missing number empty."""
    if not column.interval:
        return [_cell(value, printed, column, lang, blank=blank)]
    point, *ends = value if isinstance(value, tuple) else (value, None, None)
    shown = printed.partition(" (")[0]
    first = _cell(point, shown, column, lang, blank=blank)
    kind = _kind(point, column.kind, shown, lang)[0] if _is_number(point) else column.kind
    mark = shown if point is None else MISSING
    return [first, *(_cell(end, "" if _is_number(end) else mark, _typed(column, kind), lang, blank=blank)
                     for end in ends)]  # fmt: skip


def _typed(column: Column, kind: str) -> Column:
    return column if column.kind == kind else Column(column.key, column.label, kind, column.unit)


def _cell(value: Any, printed: str, column: Column, lang: str, *, blank: bool) -> Cell:
    if value is None and printed == MISSING:
        return Cell(None, "") if blank else _mark(MISSING, column)
    if _is_number(value):
        return _number(value, printed, column, lang)
    if not column.is_text and isinstance(value, str) and value in INFINITE:
        return _mark(INFINITE[value], column)
    day = _day(value, column)
    if day:
        kind = f"workbook.pattern.{column.kind}"
        return Cell(day, printed, text(kind, lang) if column.kind in ("date", "month") else "yyyy-mm-dd")
    return _mark(printed, column)


def _mark(words: str, column: Column) -> Cell:
    return Cell(words, words, "" if column.is_text else PATTERNS["plain"])


def _number(value: float, printed: str, column: Column, lang: str) -> Cell:
    if column.is_text:
        return Cell(value, printed, PATTERNS["plain"])
    kind, before, after = _kind(value, column.kind, printed, lang)
    words = printed or (format_value(value, kind, lang) if kind in PATTERNS else str(value))
    return Cell(value, words, _worded(pattern(value, kind, lang), before, after))


def _kind(value: float, kind: str, printed: str, lang: str) -> tuple[str, str, str]:
    """Return the number format that prints a value as it is printed, and the words before and after it.

    A column may hold several (a share below a count), and a headline figure its unit.
    """
    words = {name: format_value(value, name, lang) for name in (kind,) if name in PATTERNS}
    if not printed or printed == words.get(kind):
        return kind, "", ""
    words |= {name: format_value(value, name, lang) for name in PRINTED}
    exact = next((name for name, found in words.items() if found == printed), "")
    if exact:
        return exact, "", ""
    for name, found in words.items():
        before, inside, after = printed.partition(found)
        if inside and not re.search(r"[\d.,%<>−+-]", before + after):
            return name, before, after
    return kind, "", ""


def _worded(form: str, before: str, after: str) -> str:
    """Return a number format with words around the number, in each of its sections."""
    if not before and not after:
        return form
    front, back = (f'"{words}"' if words and '"' not in words else "" for words in (before, after))
    return ";".join(re.sub(r"^(\[[^\]]*\])?(.*)$", rf"\1{front}\2{back}", section) for section in form.split(";"))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < EXACT


def _day(value: Any, column: Column) -> dt.date | None:
    """Return the day of a date, None for what is none or lies before the calendar of workbooks (1900)."""
    is_dated = column.kind in ("date", "month") or (column.is_text and DAY.fullmatch(str(value)))
    if not is_dated or not isinstance(value, str):
        return None
    try:
        found = pd.Timestamp(value)
    except ValueError:
        return None
    return found.date() if found.year > 1900 else None


def _cut(words: str, most: int) -> str:
    """Return words cut to a number of UTF-16 units, as workbooks count, between words where that leaves half."""
    if len(words.encode("utf-16-le")) <= 2 * most:
        return words
    short = words.encode("utf-16-le")[: 2 * most].decode("utf-16-le", errors="ignore")
    whole = short.rpartition(" ")[0]
    return (whole if len(whole) * 2 > most else short).rstrip(" ’")


def _read(words: str) -> int | float | str:
    """Return a printed number as a number, other words as they are."""
    if not PLAIN_NUMBER.fullmatch(words):
        return words
    return float(words) if "." in words else int(words)


class _Grid(HTMLParser):
    """Collect the cells of an HTML table by row; `is_odd` when cells span or tables nest."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self.tables = 0
        self.is_open = False
        self.is_odd = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tables += tag == "table"
        self.is_odd |= self.tables > 1
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self.is_odd |= any(name in ("colspan", "rowspan") and value != "1" for name, value in attrs)
            self.rows[-1].append("")
            self.is_open = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr", "table"):
            self.is_open = False

    def handle_data(self, data: str) -> None:
        if self.is_open:
            self.rows[-1][-1] = (self.rows[-1][-1] + data).strip()


PATTERNS: Mapping[str, str] = {
    "count": "#,##0",
    "floor": "#,##0",
    "n1": "#,##0.0",
    "n2": "#,##0.00",
    "pct": "0.0%",
    "pct0": "0%",
    "pct_full": '[<0.9995]0.0%;[<1]">99.9%";0%',
    "signedcount": "+#,##0;-#,##0;+0",
    "signedpct": "+0.0%;-0.0%;+0.0%",
    "p": '[<0.001]"<0.001";[<0.0995]0.000;0.00',
    "plain": "General",
}
"""The number format of each kind of number (`wording.FORMATS`); other kinds are text."""

PRINTED = ("count", "n1", "n2", "pct", "signedcount", "signedpct", "plain")
"""The kinds to try when a number is not printed as its column says."""

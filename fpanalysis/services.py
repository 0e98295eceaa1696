"""What the services notebook found, as sentences and tables: indicators, changes, the plan, the county among its peers.

Generic throughout: an indicator, a target or a peer figure that is added to the catalogue, the plan or the peers' file
is told here without a line of code. Words come from `catalogue/services.csv`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from . import tables
from .blocks import Column, Table
from .results import Fact, by_row, facts, pick, read_note
from .wording import catalogue, defined, format_value, label, needs, text

__all__ = ["changed", "changes", "indicators", "judged", "league", "planned", "standings", "targets", "told", "undone"]

SECTIONS = {
    "services": ("registered",),
    "sex_ratio": ("activity/inspection", "activity/officers_seconded", "activity/case_closed", "activity/device_seized",
                  "activity/fine"),
    "checkups": ("checkups",),
    "subsidies": ("activity/exam_candidate_checked",),
    "benchmarking": ("activity/benchmark", "activity/improvement"),
    "organisation": ("activity",),
}  # fmt: skip
"""Sections of the report and how the measures begin whose targets they tell; the first that fits."""
COMPARISONS = ("year_ago", "previous", "so_far")
CHANGES = ("change/", "change_points/", "births_corrected_change/")
REAL = ("note.change.rise", "note.change.fall", "note.change.first")
UNCALLED = {"untold": "note.change.untold", "few": "note.change.few"}
NOTHING = "note.change.nothing"


def told(found: pd.DataFrame, *, lang: str, names: Mapping[str, str]) -> str:
    """Return one sentence with the indicators of a place that the catalogue names in no sentence, "" for none."""
    rows = [r for r in by_row(_made(found)) if r["value"] == r["value"]]
    items = [text("indicator.said", lang, name=label(r["measure"], lang, names), value=_valued(r, lang)) for r in rows]
    return text("indicator.all", lang, list=text("list.semicolon", lang).join(items)) if items else ""


def indicators(found: pd.DataFrame, *, lang: str, names: Mapping[str, str], id: str = "indicators") -> Table:
    """Return the same indicators as a table: figure, numerator, denominator, remark."""
    rows = _made(found)
    columns = ["measure", "value", "count", "total", *(["note"] if (rows["note"] != "").any() else [])]
    return tables.long(rows, lang=lang, names=names, columns=columns, caption=text("table.indicators", lang), id=id)


def changed(found: pd.DataFrame, *, lang: str, names: Mapping[str, str]) -> list[str]:
    """Return a sentence for each comparison of one place and period: what really changed, and in how many nothing."""
    rows = [r for r in by_row(found) if r["measure"].startswith(CHANGES) and _verdict(r) != NOTHING]
    lines = []
    for name in COMPARISONS:
        mine = [r for r in rows if r["measure"].split("/")[1] == name]
        real = [_change(r, lang, names) for r in mine if _verdict(r) in REAL]
        counts = {key: sum(_verdict(r) == note for r in mine) for key, note in UNCALLED.items()}
        counts = {"rest" if real else "rest.all": len(mine) - len(real) - sum(counts.values()), **counts}
        more = [text(f"change.{key}", lang, n=n) for key, n in counts.items() if n]
        if mine:
            said = text("list.semicolon", lang).join([*real, *more])
            lines.append(text("change.line", lang, about=f"change.{name}", said=said))
    return lines


def _verdict(row: Mapping[str, Any]) -> str:
    return read_note(row["note"])[0] if row["note"] else NOTHING


def changes(found: pd.DataFrame, *, lang: str, names: Mapping[str, str], id: str = "changes") -> Table:
    """Return the changes of one place and period as a table: one row a count, one column a comparison."""
    rows = found[found["measure"].str.startswith(CHANGES)]
    parts = rows["measure"].str.split("/", n=2)
    births = parts.str.len() == 2
    about = parts.str[-1].where(~births, parts.str[0].str.removesuffix("_change"))
    turned = rows.assign(place=about, measure="change/" + parts.str[1])[
        ~rows["measure"].str.startswith("change_points/")
    ]
    words = {key: label(key, lang, names) for key in dict.fromkeys(turned["place"])}
    have = [name for name in COMPARISONS if (turned["measure"] == f"change/{name}").any()]
    heads = {f"change/{name}": text(f"column.change_{name}", lang) for name in have}
    heads["change/year_ago@total"] = text("column.year_ago", lang)
    columns = [f"change/{have[0]}@count"] if have else []
    heads |= dict.fromkeys(columns, text("column.now", lang))
    for name in have:
        columns += [f"change/{name}@total", f"change/{name}"] if name == "year_ago" else [f"change/{name}"]
    notes = [text(f"table.changes.{key}", lang) for key, told in (("season", "change/previous" in heads),
             ("few", any(_verdict(r) == UNCALLED["few"] for r in by_row(rows)))) if told]  # fmt: skip
    head = {"heads": heads, "caption": text("table.changes", lang), "notes": notes, "id": id}
    made = tables.wide(turned, columns, lang=lang, names=words, **head)
    return replace(made, columns=(Column("measure", text("table.measure", lang)), *made.columns[1:]))


def targets(found: pd.DataFrame) -> dict[str, list[str]]:
    """Return the measures that have a target of the year, by the section of the report that tells them."""
    told: dict[str, list[str]] = {section: [] for section in SECTIONS}
    for row in pick(found, measure="plan_forecast/*")["measure"]:
        measure = row.partition("/")[2]
        told[next(name for name, starts in SECTIONS.items() if measure.startswith(starts))].append(measure)
    return told


def planned(found: pd.DataFrame, measures: Sequence[str], *, lang: str, names: Mapping[str, str]) -> list[str]:
    """Return a sentence for each target of one place and period: done, usual by now, forecast, verdict, pace needed."""
    known = facts(found, place=found["place"].iloc[0], period=found["period"].iloc[0]) if len(found) else {}
    return [_plan(m, known, lang, names) for m in measures]


def undone(found: pd.DataFrame, *, lang: str, names: Mapping[str, str]) -> list[str]:
    """Return a sentence for each benchmarking step that some visit, report or plan still lacks, naming them."""
    rows = pick(found, measure="benchmark_step/*")
    lacking = {r.measure.partition("/")[2]: read_note(r.note)[1]["items"] for r in rows.itertuples() if r.note}
    worded = {step: [(names.get(name, name), day) for name, day in items] for step, items in lacking.items()}
    return [text(f"benchmark.open.{step}", lang, items=items) for step, items in worded.items()]


def standings(found: pd.DataFrame, *, lang: str, names: Mapping[str, str]) -> list[str]:
    """Return a sentence for each measure in which the county was held against its peers."""
    rows = pick(found, measure="peer_standing/*").itertuples()
    return [
        text("standing.said", lang, name=label(r.measure.partition("/")[2], lang, names), remark=r.note) for r in rows
    ]


def judged(found: pd.DataFrame) -> list[str]:
    """Return the measures in which the county was held against its peers, the most remarkable first."""
    rows = pick(found, measure="peer_standing/*").sort_values("p", kind="stable")
    return [m.partition("/")[2] for m in rows["measure"]]


def league(
    found: pd.DataFrame,
    measures: Sequence[str],
    *,
    lang: str,
    names: Mapping[str, str],
    caption: str = "",
    id: str = "",
) -> Table:
    """Return the counties with their figure and their rank, each with its interval, in the order of their names.

    Never in the order of their ranks: the table would say what the intervals deny.
    """
    columns = [f"{head}/{m}" for m in measures for head in ("peer", "peer_rank")]
    heads = {f"peer_rank/{m}": text("peer_rank", lang) for m in measures}
    heads |= {f"peer/{m}": label(m, lang, names) for m in measures}
    return tables.wide(found, columns, lang=lang, names=names, heads=heads, caption=caption, id=id)


def _made(found: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of indicators made from others (by the catalogue or the place itself) that no sentence names."""
    spoken = {name.split(".")[0] for key in catalogue() if key.startswith("say.") for name in needs(key)}
    heads = {entry["key"] for entry in defined()}
    head = found["measure"].str.split("/").str[0]
    return found[(head.isin(heads) | head.str.startswith("own_")) & ~found["measure"].isin(spoken)]


def _valued(row: Mapping[str, Any], lang: str) -> str:
    fact = Fact(**{name: row[name] for name in Fact._fields})
    unit = tables.measure_unit(fact.measure, lang)
    printed = format_value(fact, f"{tables.measure_kind(fact.measure)}+", lang)
    return f"{printed}{'' if lang == 'zh' else ' '}{unit}" if unit and fact.value == fact.value else printed


def _change(row: Mapping[str, Any], lang: str, names: Mapping[str, str]) -> str:
    head, *parts = row["measure"].split("/", 2)
    name = label(parts[1] if len(parts) > 1 else head.removesuffix("_change"), lang, names)
    side = "up" if _verdict(row) != "note.change.fall" else "down"
    if head == "change_points":
        size = {"size": abs(row["value"]), "lower": row["lower"], "upper": row["upper"]}
        return text(f"change.said_points.{side}", lang, name=name, **size)
    if row["value"] != row["value"]:
        return text("change.said_new", lang, name=name, then=row["total"], now=row["count"])
    return text(f"change.said.{side}", lang, name=name, size=abs(row["value"]))


def _work(measure: str, lang: str, names: Mapping[str, str]) -> str:
    """Return what is done, as a sentence begins: of a kind of activity or check-up its own name alone."""
    head, words = measure.split("/")[0], label(measure, lang, names)
    if head in ("activity", "checkups"):
        words = words.removeprefix(label(head, lang) + text("list.comma", lang))
    return words[:1].upper() + words[1:]


def _plan(measure: str, known: Mapping[str, Fact], lang: str, names: Mapping[str, str]) -> str:
    forecast, usual = known[f"plan_forecast/{measure}"], known[f"plan_usual/{measure}"]
    share = forecast.count / forecast.total if forecast.total else float("nan")
    base = {"name": _work(measure, lang, names), "done": forecast.count, "target": forecast.total, "share": share,
            "verdict": forecast.note}  # fmt: skip
    pace = known.get(f"plan_pace/{measure}")
    if pace is None:
        return text("plan.over", lang, **base)
    usual_pace = known[f"plan_usual_pace/{measure}"]
    said = text("plan.pace", lang, need=pace, usual=usual_pace) if pace.value > 0 else ""
    return text("plan.said", lang, **base, usual=usual, history=usual.note, forecast=forecast, lower=forecast.lower,
                upper=forecast.upper, pace=said)  # fmt: skip

"""Findings as sentences: which sentences of the catalogue can be said with these results, and what was found wrong.

A paragraph is the catalogue entries `say.<section>.<number>` in the order of the file. A sentence is said when
every measure that it names is in the results with a value, and left out otherwise; when none can be said, the
section says that there are no data. So a sentence is added, or reworded, in the catalogue alone. A measure that a
sentence hangs on without saying it is written `{srb:|}`, which prints nothing.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from . import blocks, results, wording
from .results import Fact
from .tables import measure_kind

__all__ = [
    "ANSWERS",
    "DOUBTS",
    "FINDINGS",
    "alarms",
    "answered",
    "bases",
    "bullets",
    "findings",
    "headline",
    "incomplete",
    "meanings",
    "missing",
    "named",
    "noted",
    "paragraph",
    "promises",
    "refused",
    "revised",
    "section",
    "sentences",
]

FINDINGS = ("check/", "activity_outside/", "registered_mix", "reported_difference/", "roll_opening_gap/", "pay_class/")
"""Measures whose rows are findings that the report must name, in the order they are told."""
DOUBTS = (
    *(f"quality/{name}/" for name in ("heaping", "copied", "equal_months", "couples")),
    *(f"quality/missing/{kind}" for kind in ("registrations", "checkups")),
    "missing_effect/",
)
"""Measures whose rows the note on data quality tells; townships without births are among FINDINGS already."""
ABOUT = ("activity_outside", "rollup_difference", "reported_difference", "registered_mix", "peer")
"""Measures whose finding needs the name of the measure in front of the remark."""
ANSWERS = ("kept", "not_kept", "cannot_judge", "said_done", "carried", "done_late")
"""States of a promise that is answered, in the order in which they are told."""
WHOLE = 0.995
"""Share of a month's births from which on it counts as registered."""
RAISED = tuple(
    f"note.alarm.{name}" for name in ("fall", "rise", "fall_strong", "rise_strong", "drift_down", "drift_up")
)
"""Remarks of an alarm that is raised."""
AGREED = ("matched", "nothing_due")
"""Outcomes of the payments check that are in order."""
CARDS = {"births": "births", "srb": "srb", "registered": "registered", "pay": "pay_on_time"}
"""Headline figures: key in the catalogue (`card.<key>`) and measure."""
MISSING = {"births": "silent_births", "registrations": "silent_registrations", "checkups": "silent_checkups"}
"""What the places without a report of some month are called in sentences, by the kind of report."""
PARTIAL = "note.rollup.partial"
"""The remark of a sum that lacks counties: its card says so first."""


def sentences(section: str, facts: Mapping[str, Fact], lang: str, **values: Any) -> list[str]:
    """Return the sentences of a section that the facts (and further `values`) allow, worded in a language."""
    keys = [key for key in wording.catalogue() if key.startswith(f"say.{section}.")]
    return [said for key in keys if (said := _said(key, facts, lang, values))]


def paragraph(section: str, facts: Mapping[str, Fact], lang: str, *, silent: bool = False, **values: Any) -> str:
    """Return the sentences of a section as one paragraph, or (unless `silent`) that there are no data for it."""
    said = sentences(section, facts, lang, **values)
    if not said:
        return "" if silent else wording.text("section.no_data", lang)
    return functools.reduce(lambda first, second: wording.text("sentence.join", lang, first=first, second=second), said)


def section(
    name: str, facts: Mapping[str, Fact], lang: str, *written: str, level: int = 3, **values: Any
) -> blocks.Prose:
    """Return a section as one text: its heading, its paragraph, then what was `written` (Markdown; "" is left out)."""
    heading = f"{'#' * level} {wording.text(f'heading.{name}', lang)}"
    parts = [heading, paragraph(name, facts, lang, **values), *written]
    return blocks.prose("\n\n".join(part for part in parts if part))


def findings(
    found: pd.DataFrame,
    *,
    period: str,
    county: str,
    lang: str,
    names: Mapping[str, str],
    kinds: Sequence[str] = FINDINGS,
    again: bool = False,
) -> list[str]:
    """Return a sentence for every result row of the period that names something wrong, in the order of `kinds`.

    `period`: the report's own, or one whose findings it repeats (`again`), which the sentence then names. `names` words
    places and programmes. Elsewhere a finding is a row with a remark; the outcomes of the payments check
    need none, and are told for the county alone, since a township's may be a single person.
    """
    rows = results.pick(found, period=period)
    if again:
        places = {
            key: wording.text("finding.when", lang, place=names.get(key, key), period=period) for key in rows["place"]
        }
        names = {**names, **places}
    picked = [rows[rows["measure"].str.startswith(kind)] for kind in kinds]
    told = [said for table in picked for said in _told(table, county, lang, names)]
    return [said for said in told if said]


def _told(table: pd.DataFrame, county: str, lang: str, names: Mapping[str, str]) -> list[str]:
    """Return a sentence for each row; the outcomes of the payments check of one programme are one sentence."""
    outcomes = table["measure"].str.startswith("pay_class/")
    others = [_finding(row, lang, names) for row in table[~outcomes].itertuples(index=False)]
    return others + _payments(table[outcomes & (table["place"] == county) & (table["count"] > 0)], lang, names)


def alarms(found: pd.DataFrame, *, lang: str, names: Mapping[str, str]) -> str:
    """Return the alarms as Markdown: how many are raised and the budget of false ones, each one, then earlier ones.

    "" where nothing was judged.
    """
    rows = found[found["measure"].str.startswith(("alarm/", "alarm_before/")) & (found["note"] != "")]
    raised = [row for row in rows.itertuples(index=False) if results.read_note(row.note)[0] in RAISED]
    budget = results.pick(found, measure="alarm_budget")["note"]
    if not len(budget):
        return ""
    key = "alarms.some" if raised else "alarms.none"
    head = wording.text(key, lang, n=len(raised), budget=wording.remark(budget.iloc[-1], lang))
    earlier = [row for row in rows.itertuples(index=False) if row.measure.startswith("alarm_before/")]
    said = bullets([_alarm(row, lang, names) for row in [*raised, *earlier]])
    return "\n\n".join(part for part in (head, said) if part)


def _alarm(row: Any, lang: str, names: Mapping[str, str]) -> str:
    period = wording.period_label(row.period, lang, calendar=False)
    place, remark = names.get(row.place, row.place), wording.remark(row.note, lang, names)
    return wording.text("alarm.said", lang, place=place, period=period, remark=remark)


def bullets(lines: Sequence[str]) -> str:
    """Return lines as a Markdown list, "" for none."""
    return "\n".join(f"- {line}" for line in lines)


def named(fact: Fact | None, key: str, names: Mapping[str, str]) -> list[str]:
    """Return a list that a result row's remark carries, its members worded by `names`."""
    if fact is None or not fact.note:
        return []
    return [names.get(item, item) for item in results.read_note(fact.note)[1].get(key, [])]


def missing(found: pd.DataFrame, *, period: str, names: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the places of which reports of some months are missing, for sentences: by kind (`MISSING`), worded."""
    rows = results.pick(found, period=period)
    places = {word: rows[rows["measure"] == f"quality/missing/{kind}"]["place"] for kind, word in MISSING.items()}
    return {word: [names.get(place, place) for place in found] for word, found in places.items() if len(found)}


def noted(fact: Fact | None, lang: str, names: Mapping[str, str]) -> str | None:
    """Return a result row's remark, what it names worded by `names`; None where there is none."""
    return wording.remark(fact.note, lang, names) if fact is not None and fact.note else None


def headline(facts: Mapping[str, Fact], lang: str, **values: Any) -> list[blocks.Fact]:
    """Return the headline figures (CARDS) that the facts allow, each with its reference and its change.

    A card without a figure to compare with says so.
    """
    cards = [_card(name, facts[measure], facts, lang, values) for name, measure in CARDS.items() if measure in facts]
    return [card for card in cards if card.raw is not None]


def meanings(classes: pd.DataFrame, lang: str) -> list[str]:
    """Return what each class of the payments check that has people means, in the order of the table."""
    found = dict.fromkeys(
        measure.split("/")[-1] for measure, n in zip(classes["measure"], classes["count"], strict=True) if n > 0
    )
    named = [name for name in found if wording.has(f"meaning.{name}")]
    return [wording.text("class.said", lang, name=wording.text(f"class.{name}", lang),
                         meaning=wording.text(f"meaning.{name}", lang)) for name in named]  # fmt: skip


def incomplete(fact: Fact) -> Fact | None:
    """Return a share of births registered, None when all but half a per cent are (and nothing need be said)."""
    return None if fact.value >= WHOLE else fact


def bases(facts: Mapping[str, Fact]) -> dict[str, Fact | None]:
    """Return which sentences on the bases of births hold: corrected or not, with births registered later or not."""
    births, later = facts.get("births"), facts.get("births_unregistered")
    corrected = facts.get("births_corrected")
    return {
        "uncorrected": births if corrected is None or math.isnan(corrected.lower) else None,
        "settled": births if later is not None and later.count == 0 else None,
        "later": later if later is not None and later.count > 0 else None,
    }


def refused(fact: Fact | None, lang: str) -> str | None:
    """Return why a figure could not be given: the remark of a row without a value; None when there is a value."""
    if fact is None or not fact.note or not math.isnan(fact.value):
        return None
    return wording.remark(fact.note, lang)


def answered(facts: Mapping[str, Fact], lang: str) -> str:
    """Return how many promises fell due and how they came out, as one sentence; "" when none did."""
    counts = {state: int(facts[key].count) for state in ANSWERS if (key := f"promises/{state}") in facts}
    if not counts:
        return ""
    states = [wording.text("answered.state", lang, n=n, state=f"state.{state}") for state, n in counts.items()]
    return wording.text("answered.said", lang, n=sum(counts.values()), states=states)


def promises(
    found: pd.DataFrame,
    *,
    period: str,
    lang: str,
    names: Mapping[str, str],
    states: Sequence[str] = ("open",),
    id: str = "commitments",
) -> blocks.Table:
    """Return the commitments in some states as a table: promise, target, result if any, due, owner, state."""
    rows = results.pick(found, period=period, measure="commitment/*")
    rows = rows[[_state(note) in states for note in rows["note"]]]
    columns = ["id", "text", "target", "result", "due", "owner", "state"]
    heads = {
        name: wording.text(f"commitment.{name}", lang) for name in columns if name != "result" or "open" not in states
    }
    frame = pd.DataFrame([_promise(row, lang, names) for row in rows.itertuples(index=False)], columns=columns)
    return blocks.table(frame, columns=heads, lang=lang, caption=wording.text(f"table.{id}", lang), id=id)


def _state(note: str) -> str:
    return results.read_note(note)[0].removeprefix("note.commitment.")


def revised(found: pd.DataFrame, *, period: str, lang: str, names: Mapping[str, str]) -> blocks.Table:
    """Return what the report of an earlier period said, what is known now, and the difference, as a table of counts."""
    rows = results.pick(found, period=period, measure="revision/*")
    rows = rows[rows["measure"] != "revision/srb"]  # a ratio, which a sentence tells
    heads = {name: wording.text(f"column.{name}", lang) for name in ("figure", "then", "known_now", "difference")}
    words = [wording.label(measure.partition("/")[2], lang, names) for measure in rows["measure"]]
    columns = [words, rows["total"], rows["count"], rows["value"]]
    frame = pd.DataFrame({name: list(column) for name, column in zip(heads, columns, strict=True)})
    kinds = {"figure": "text", "difference": "signedcount"}
    typed = [blocks.Column(name, head, kinds.get(name, "count")) for name, head in heads.items()]
    return blocks.table(frame, columns=typed, lang=lang, caption=wording.text("table.revised", lang), id="revised")


def _promise(row: Any, lang: str, names: Mapping[str, str]) -> dict[str, str]:
    key, said = results.read_note(row.note)
    return {
        "id": row.measure.split("/")[1],
        "text": said[lang],
        "target": _amount(row.total, said["measure"], lang),
        "result": _covering(_amount(row.value, said["measure"], lang), said, lang),
        "due": wording.period_label(said["due"], lang, calendar=False),
        "owner": names.get(said["owner"], said["owner"]),
        "state": wording.text(key.replace("note.commitment.", "state."), lang),
    }


def _covering(figure: str, said: Mapping[str, Any], lang: str) -> str:
    """Return a figure with the period that it covers, where that is known."""
    return wording.text("commitment.figure", lang, figure=figure, covers=said["covers"]) if "covers" in said else figure


def _amount(number: float, measure: str, lang: str) -> str:
    return "" if math.isnan(number) else wording.format_value(number, measure_kind(measure), lang)


def _card(name: str, fact: Fact, facts: Mapping[str, Fact], lang: str, values: Mapping[str, Any]) -> blocks.Fact:
    kind = wording.indicator(fact.measure)["kind"]
    change, missing, reference = (
        _said(f"card.{name}.{part}", facts, lang, values) for part in ("change", "missing", "reference")
    )
    partial = wording.remark(fact.note, lang) if PARTIAL in fact.note else ""
    change = wording.text("list.semicolon", lang).join(
        filter(None, [partial, change or wording.text("card.no_change", lang), missing])
    )
    raw = None if math.isnan(fact.value) else fact.value
    printed = wording.format_value(fact.value, kind, lang)
    title = wording.text(f"card.{name}", lang)
    return blocks.fact(title, printed, change=change, reference=reference, raw=raw, key=fact.measure)


def _said(key: str, facts: Mapping[str, Fact], lang: str, values: Mapping[str, Any]) -> str:
    """Return a sentence if everything it names is known, else ""."""
    if not wording.has(key):
        return ""
    known: Mapping[str, Any] = {**facts, **values}
    return "" if any(_missing(known, name) for name in wording.needs(key)) else wording.text(key, lang, facts, **values)


def _missing(known: Mapping[str, Any], name: str) -> bool:
    """Return whether a placeholder such as `srb` or `srb.lower` has no value (a remark: no text)."""
    name, _, attribute = name.partition(".")
    value = known.get(name)
    if isinstance(value, Fact):
        value = getattr(value, attribute or "value")
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _finding(row: Any, lang: str, names: Mapping[str, str]) -> str:
    indicator, place = row.measure.partition("/")[0], names.get(row.place, row.place)
    if not row.note:
        return ""
    remark = wording.remark(row.note, lang, names)
    if indicator in ABOUT:
        return wording.text(
            "finding.about", lang, place=place, about=wording.label(row.measure, lang, names), remark=remark
        )
    return wording.text("finding", lang, place=place, remark=remark)


def _payments(rows: pd.DataFrame, lang: str, names: Mapping[str, str]) -> list[str]:
    """Return a sentence for each programme with all outcomes that are not as they should be, and their people."""
    found: dict[str, list[str]] = {}
    for row in rows.itertuples(index=False):
        programme, _, outcome = row.measure.removeprefix("pay_class/").partition("/")
        if outcome and outcome not in AGREED:
            said = wording.text("finding.outcome", lang, outcome=wording.text(f"class.{outcome}", lang), n=row.count)
            found.setdefault(programme, []).append(said)
    place = names.get(rows["place"].iloc[0], rows["place"].iloc[0]) if len(rows) else ""
    return [wording.text("finding.payment", lang, place=place, programme=names.get(key, key), outcomes=said)
            for key, said in found.items()]  # fmt: skip

"""What the office promised, and what became of it: a register that does not forget.

A promise is a row of data: text in both languages, measure, target, when due, who answers for it. It is listed until it
falls due, answered in the report of the period in which it does (a year answers for its halves), with the number, and
comes back in every later report until it is kept, promised anew under the same number, or said to be done. Kept
is what a figure shows to have reached its target; a promise without a number is never called kept, at most
"said to be done", with the day and who said so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from .indicators import activities, checkups, plan, registrations
from .periods import PARTS, Period, parse_period
from .results import Fact, combine, fact, note, pick, read_note, rows

__all__ = ["STATES", "figures", "register"]

OVERDUE = ("carried", "done_late")


def figures(frames: Mapping[str, pd.DataFrame], *, periods: Sequence[Period], county: str) -> pd.DataFrame:
    """Return the figures that promises due in some periods are judged by: those of the period, and of its year so far.

    `frames` are ingest's tidy frames. Registrations, check-ups, activities and the shares of the plan, of the county.
    """
    return combine([_of(frames, period, county) for period in periods])


def register(commitments: pd.DataFrame, results: pd.DataFrame, *, period: str, county: str) -> pd.DataFrame:
    """Return `commitment/<id>` for every promise that the report of a period has to list, and `promises/<state>`.

    value = done, total = target; the note is one of STATES with the promise in both languages, when it was made, when
    it is due, who answers for it, and the period that the figure covers. To be judged, a promise needs
    the figures of the period in which it is due (under that period's key) in `results`. `promises/<state>` counts them.
    """
    now = parse_period(period)
    told = [(promise, _outcome(promise, results, now, county)) for promise in _listed(commitments, now)]
    told = [(promise, state, found) for promise, (state, found) in told if not _settled(promise, state, now)]
    again = Counter(promise.id for promise, _, _ in told)
    base = {"place": county, "period": period, "method": "promised"}
    names = [f"commitment/{p.id}" + (f"/{p.made}" if again[p.id] > 1 else "") for p, _, _ in told]
    lines = [{**base, "measure": name, "count": found.value, "total": p.target, "value": found.value,
              "note": _said(p, state, found)} for name, (p, state, found) in zip(names, told, strict=True)]  # fmt: skip
    states = Counter(state for _, state, _ in told)
    counts = [{**base, "measure": f"promises/{s}", "count": states[s]} for s in STATES if states[s]]
    return rows([*lines, *counts])


def _of(frames: Mapping[str, pd.DataFrame], period: Period, county: str) -> pd.DataFrame:
    year, until = period.whole_year(), period.last_month
    done, seen, acts = (frames[kind] for kind in ("registrations", "checkups", "activities"))
    so_far = seen[seen["month"] <= until]
    found = combine([
        registrations(done, months=period.months, period=period.key, county=county),
        checkups(so_far, months=period.months, period=period.key, county=county),
        activities(acts, first=period.start, last=period.end, period=period.key, county=county),
    ])  # fmt: skip
    whole = combine([
        checkups(so_far, months=year.months, period=year.key, county=county),
        pick(activities(acts, first=year.start, last=period.end, period=year.key, county=county), measure="activity/*"),
    ])  # fmt: skip
    have = combine([found, whole]) if year != period else found
    planned = plan(have, frames["plan"], period=period.key, year_key=year.key, county=county)
    return pick(combine([found, planned]), place=county, period=period.key)


def _listed(commitments: pd.DataFrame, now: Period) -> list[Any]:
    """Return the promises made by the end of a period, without those overdue that were promised anew since."""
    made = [p for p in commitments.itertuples() if parse_period(p.made).end <= now.end]
    last = {p.id: max(parse_period(q.made).end for q in made if q.id == p.id) for p in made}
    return [p for p in made if not _overdue(p, now) or parse_period(p.made).end == last[p.id]]


def _overdue(promise: Any, now: Period) -> bool:
    return parse_period(promise.due).end < now.start


def _settled(promise: Any, state: str, now: Period) -> bool:
    """Return whether an earlier report has closed a promise: kept, or said to be done before this period began."""
    if not _overdue(promise, now):
        return False
    return state not in OVERDUE or (state == "done_late" and promise.done < pd.Timestamp(now.start))


def _outcome(promise: Any, results: pd.DataFrame, now: Period, county: str) -> tuple[str, Fact]:
    """Return the state of a promise and the figure that it was judged by (its value NaN for none)."""
    none = fact(results[:0])
    found = fact(results, place=county, period=promise.due, measure=promise.measure) if promise.measure else none
    figure, said = found.value, pd.notna(promise.done) and promise.done <= pd.Timestamp(now.end)
    if parse_period(promise.due).end > now.end:
        return "open", none
    if not np.isnan(figure) and not np.isnan(promise.target) and figure >= promise.target:
        return "kept", found
    if _overdue(promise, now):
        return ("done_late" if said else "carried"), found
    if np.isnan(figure) or np.isnan(promise.target):
        return ("said_done" if said else "cannot_judge"), found
    return "not_kept", found


def _said(promise: Any, state: str, found: Fact) -> str:
    words = {name: getattr(promise, name) for name in ("zh", "en", "made", "due", "owner", "measure")}
    words |= {"done": promise.done.date()} if state in ("said_done", "done_late") else {}
    return note(STATES[state], **words, **({} if np.isnan(found.value) else {"covers": _covered(found)}))


def _covered(found: Fact) -> str:
    """Return the period that a figure covers, its own or (of a target of the year) the year so far: a key or months."""
    due = parse_period(found.period)
    if not found.note or read_note(found.note)[0] != "note.plan.year":
        return due.key
    year = due.whole_year()
    whole = [p for part in PARTS if (p := replace(year, part=part)).start == year.start and p.end == due.end]
    return whole[0].key if whole else f"{year.first_month}/{due.last_month}"


STATES: Mapping[str, str] = {
    "kept": "note.commitment.kept",
    "not_kept": "note.commitment.not_kept",
    "cannot_judge": "note.commitment.cannot_judge",
    "said_done": "note.commitment.said_done",
    "carried": "note.commitment.carried",
    "done_late": "note.commitment.done_late",
    "open": "note.commitment.open",
}
"""Every outcome of a commitment and the sentence that says it, in the order in which reports tell them."""

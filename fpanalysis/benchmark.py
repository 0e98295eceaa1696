"""The county beside its peers, and whom it went to learn from.

Each county's rate stands with its own interval, and never in a league table: with a few thousand cases a county
the order of the rates is mostly chance. Whether the county differs from its peers is asked once, in the funnel that
allows for how counties differ anyhow (`funnels`). Intervals are those of their kind everywhere (`rates`): shares
Wilson's, counts and rates exact Poisson, the sex ratio mid-p as in its own section. Work done against a target is a
rate, also while it stays below the target.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from .results import note, pick, rows
from .stats import binomial_interval, poisson_interval, share_to_ratio

__all__ = ["STEPS", "UNITS", "of_peers", "peers", "rated", "visits"]

STEPS = {"benchmark_report": "benchmark_visit", "improvement_plan": "benchmark_report",
         "improvement_done": "improvement_plan"}  # fmt: skip
"""What must follow on what: each visit is reported on, each report gives a plan, each plan is carried out."""


def peers(
    peers: pd.DataFrame,
    own_results: pd.DataFrame,
    *,
    period: str,
    county: str,
    own_names: Collection[str] = (),
    level: float = 0.95,
) -> pd.DataFrame:
    """Return `peer/<measure>` for the own county (place = its key) and each peer (place = its name as in the file).

    count, total: as delivered, the own county's from `own_results`; value: count / total in the unit of the measure
    (UNITS; a count alone stays one), with its interval at `level`. The own county's row comes first. Measures that the
    own county has no result for have rows of the peers alone. `own_names`: how files call the own county; a row under
    its own name is no peer and is left out.
    """
    mine = of_peers(peers, county, own_names)
    mine = mine[mine["period"] == period]
    return rows([
        row for measure, group in mine.groupby("measure")
        for row in _measure(str(measure), group, own_results, period, county, level)
    ])  # fmt: skip


def of_peers(peers: pd.DataFrame, county: str, own_names: Collection[str] = ()) -> pd.DataFrame:
    """Return the rows of peers without those that a file gives of the own county, under any of its names."""
    return peers[~peers["county"].map(_bare).isin({_bare(name) for name in (county, *own_names)})]


def _bare(name: str) -> str:
    """Return a county's name without spaces and what stands in brackets."""
    return re.sub(r"\s|[（(].*?[）)]", "", name)


def rated(measure: str, counties: pd.DataFrame) -> bool:
    """Return whether the cases of a measure (count, total of each county) are a rate and not a part of their total."""
    return measure.split("/")[0] in TARGETS or bool((counties["count"] > counties["total"]).any())


def visits(activities: pd.DataFrame, *, first: dt.date, last: dt.date, period: str, county: str) -> pd.DataFrame:
    """Return the counties visited from the day `first` to `last`, and what became of each visit, report and plan.

    `benchmark_counties`: counties visited; the note lists them. `benchmark_step/<step>` for each of STEPS: total = all
    that should have it (made in the period, or still without it when the period began), count = those that had it
    by `last`; the note lists county and day of the others, which come back in the next period. The steps of a county
    are taken in the order of their days: its first plan carried out is the first one made.
    """
    mine = activities[activities["date"] <= pd.Timestamp(last)].sort_values(["date", "subject"])
    seen = mine[(mine["activity"] == "benchmark_visit") & (mine["date"] >= pd.Timestamp(first))]
    visited = list(dict.fromkeys(seen.loc[seen["subject"] != "", "subject"]))
    base = {"place": county, "period": period, "method": "counted"}
    records = []
    if visited:
        remark = note("note.benchmark.visited", counties=visited)
        records.append({**base, "measure": "benchmark_counties", "count": len(visited), "note": remark})
    for step, on in STEPS.items():
        due, open_ = _followed(mine, on, step, pd.Timestamp(first))
        if due:
            remark = note("note.benchmark.lacking", items=open_) if open_ else ""
            records.append({**base, "measure": f"benchmark_step/{step}", "count": due - len(open_), "total": due,
                            "note": remark})  # fmt: skip
    return rows(records)


def _followed(mine: pd.DataFrame, on: str, step: str, first: pd.Timestamp) -> tuple[int, list[list[str]]]:
    """Return how many should have been followed by a step, and [county, day] of those that were not."""
    made: dict[str, list[pd.Timestamp]] = {}
    settled, done = Counter[str](), Counter[str]()
    for row in mine[mine["activity"].isin([on, step])].itertuples():
        if row.activity == on:
            made.setdefault(row.subject, []).extend([row.date] * int(row.count))
        else:
            done[row.subject] += int(row.count)
            settled[row.subject] += int(row.count) * (row.date < first)
    due = sum(len(days[settled[subject] :]) for subject, days in made.items())
    left = [[subject, str(day.date())] for subject, days in made.items() for day in days[done[subject] :]]
    return due, sorted(left, key=lambda item: item[::-1])


def _measure(
    measure: str, group: pd.DataFrame, own_results: pd.DataFrame, period: str, county: str, level: float
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one measure: the own county first, then the peers by name."""
    own = pick(own_results, place=county, period=period, measure=measure).head(1)
    all_of_them = pd.concat([own.assign(county=county), group.sort_values("county")])
    rate = rated(measure, all_of_them)
    for row in all_of_them.itertuples():
        yield _row(row.county, period, measure, float(row.count), float(row.total), level, rate)


def _row(place: str, period: str, measure: str, count: float, total: float, level: float, rate: bool) -> dict[str, Any]:
    """Return value and interval of one county; `rate`: cases may exceed the total."""
    base = {"place": place, "period": period, "measure": f"peer/{measure}", "count": count, "total": total}
    size, known = (1.0, "count_exact") if np.isnan(total) else (total, "rate_exact")
    if np.isnan(total) or (rate and total):
        low, high = (float(bound) / size for bound in poisson_interval(count, level))
        numbers, method = (count / size, low, high), known
    else:
        kind, method = ("midp", "midp") if measure.split("/")[0] in UNITS else ("wilson", "wilson_share")
        low, high = (float(bound) for bound in binomial_interval(count, total, level, kind))
        numbers = (count / total if total else np.nan, low, high)
    scaled = dict(zip(("value", "lower", "upper"), (_in_unit(measure, n) for n in numbers), strict=True))
    return {**base, **scaled, "method": f"{method}-{100 * level:g}"}


def _in_unit(measure: str, share: float) -> float:
    return UNITS.get(measure.split("/")[0], float)(share)


UNITS: Mapping[str, Callable[[float], float]] = {"srb": lambda share: float(share_to_ratio(share))}
"""Measures whose figure is not a share, and how it is made from one (srb: boys per 100 girls)."""
TARGETS = ("plan_share",)
"""Measures whose total is a target and not what the cases are a part of."""

"""Now against then: the same part of last year, the period before, and the year so far against last year's.

A difference is called a rise or a fall only when its interval leaves out "no change"; else it is "no real change",
which is what most differences between two half-years are. So that such a claim is made on noise in at most 5 of 100
comparisons, the tests are exact ones, which err on the side of silence.

*Counts* are taken as Poisson and compared as rates a day (the second half-year has three days more than the first): the
conditional binomial test of Przyborowski and Wilenski (Biometrika 31 (1940) 313), its interval that of Clopper and
Pearson. Where past years show that months scatter more than Poisson counts do, both counts are divided by that factor
first (quasi-Poisson: McCullagh and Nelder, Generalized Linear Models, 1989, 6.2.3). *Shares* differ in points, with
Newcombe's interval from two Wilson ones (Statistics in Medicine 17 (1998) 873, method 10) and the exact conditional
test. *Births* are compared corrected for late registration against corrected; what the correction does not know is
added to the variance. Sums of money have no test, because a sum tells nothing of how its parts vary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from .periods import Period, parse_period
from .results import facts, note, pick, rows
from .stats import binomial_interval, binomial_p, odds_ratio, share_to_ratio
from .wording import indicator

__all__ = ["COMPARED", "births", "changes", "pairs", "scatter"]

COMPARED = (
    "registered/*", "registered_on_time", "checkups/*", "checkups_risk/*", "checkups_followed_share/*",
    "activity/inspection", "activity/case_closed",
)  # fmt: skip
"""Measures that are compared with earlier periods."""
FEWEST = 20
"""Cases below which past months tell nothing of how much they scatter."""
ALPHA = 0.05
Z95 = 1.959963984540054


def pairs(period: str) -> dict[str, tuple[str, str]]:
    """Return the comparisons of a period: name -> key of now, key of then.

    `year_ago`; `previous`, the period of this kind just before (for a year that is the same, and left out); `so_far`,
    the year up to the end of the period against last year's same months, where that is a half-year or year
    by itself and not the period.

    >>> pairs("S2018H2")["so_far"]
    ('S2018', 'S2017')
    """
    now = parse_period(period)
    found = {"year_ago": (now.key, now.year_ago().key)}
    if now.kind != "year":
        found["previous"] = (now.key, now.previous().key)
    year = now.whole_year()
    longer = [Period(year.year, part, year.calendar) for part in ("Q1", "H1", "")]
    for one in longer:
        if one.start == year.start and one.end == now.end and one.start < now.start:
            found["so_far"] = (one.key, one.year_ago().key)
    return found


def scatter(monthly: pd.DataFrame, *, before: pd.Period) -> dict[str, float]:
    """Return by measure how much more past months scatter than Poisson counts would: chi-square over its degrees, >= 1.

    `monthly`: measure, month, count. Years counted back from the month `before`, which is not looked at, are held
    against each other month by month, each at its own level; without two of them, or with fewer than FEWEST cases,
    it is 1.
    """
    found = {}
    for measure, group in monthly[monthly["month"] < before].groupby("measure"):
        series = group.groupby("month")["count"].sum()
        months = pd.period_range(series.index.min(), before - 1, freq="M")
        years = len(months) // 12
        if years:
            table = series.reindex(months[-12 * years :], fill_value=0).to_numpy("float64").reshape(years, 12)
            found[str(measure)] = _scatter(table)
    return found


def _scatter(table: np.ndarray) -> float:
    table = table[table.sum(axis=1) > 0]
    table = table[:, table.sum(axis=0) > 0]
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    if min(table.shape) < 2 or table.sum() < FEWEST:
        return 1.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return max(1.0, float(((table - expected) ** 2 / expected).sum() / freedom))


def changes(
    results: pd.DataFrame,
    *,
    period: str,
    county: str,
    measures: Iterable[str] = (),
    scatter: Mapping[str, float] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return `change/<comparison>/<measure>` of the county for every comparison (`pairs`) that the results allow.

    `results` hold the figures of the periods compared, under their keys; `measures`: those to compare, by default
    COMPARED (`*` stands for one part). count = now, total = then; value = relative change of the count a day with its
    interval and p. A share gives `change_points/...`: points by which it differs (count, total = its numerators).
    `scatter` divides counts (see the module). The note says rise, fall or no real change; where nothing was before
    there is no relative change.
    """
    records = []
    wanted = [
        m for m in dict.fromkeys(results["measure"]) if any(_fits(m, pattern) for pattern in measures or COMPARED)
    ]
    for name, (now, then) in pairs(period).items():
        first, second = (facts(results, place=county, period=key) for key in (now, then))
        for measure in wanted:
            if measure in first and measure in second and not np.isnan(first[measure].count + second[measure].count):
                base = {
                    "place": county,
                    "period": period,
                    "count": first[measure].count,
                    "total": second[measure].count,
                }
                about = _told(
                    first[measure], second[measure], _days(now, then), (scatter or {}).get(measure, 1.0), level
                )
                head = "change_points" if _is_share(measure) else "change"
                records.append({**base, "measure": f"{head}/{name}/{measure}", **about})
    return rows(records)


def births(
    monthly: pd.DataFrame, *, period: str, county: str, level: float = 0.95, measure: str = "births_corrected"
) -> pd.DataFrame:
    """Return `births_corrected_change/<comparison>`: births corrected for late registration, now against then.

    `monthly`: result rows of the county by month (value, interval at 95 %). A comparison lacking months is left out.
    The errors of the months are added as if they went together, which makes the interval wider rather than narrower.
    """
    rows_ = pick(monthly, place=county, measure=measure).drop_duplicates("period", keep="last").set_index("period")
    records = []
    for name, keys in pairs(period).items():
        months = [[str(m) for m in parse_period(key).months] for key in keys]
        if all(set(some) <= set(rows_.index) for some in months):
            sums = [rows_.loc[some] for some in months]
            now, then = (float(s["value"].sum()) for s in sums)
            errors = [float((s["upper"] - s["lower"]).fillna(0).sum()) / (2 * Z95) for s in sums]
            if not np.isnan(now + then):
                factor = max(1 + e**2 / n if n > 0 else 1.0 for e, n in zip(errors, (now, then), strict=True))
                records.append({"place": county, "period": period, "measure": f"{measure}_change/{name}", "count": now,
                                "total": then, **_rates(now, then, _days(*keys), factor, level)})  # fmt: skip
    return rows(records)


def _fits(measure: str, pattern: str) -> bool:
    parts, wanted = measure.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(w in ("*", p) for p, w in zip(parts, wanted, strict=True))


def _days(now: str, then: str) -> tuple[int, int]:
    first, second = (parse_period(key) for key in (now, then))
    return (first.end - first.start).days + 1, (second.end - second.start).days + 1


def _is_share(measure: str) -> bool:
    return indicator(measure)["kind"] == "pct"


def _told(now: Any, then: Any, days: tuple[int, int], factor: float, level: float) -> dict[str, Any]:
    if not _is_share(now.measure):
        return _rates(now.count, then.count, days, factor, level)
    return _points(now, then, level)


def _rates(now: float, then: float, days: tuple[int, int], factor: float, level: float) -> dict[str, Any]:
    """Return relative change a day, interval, p and note of two counts."""
    base = {"method": f"change_exact-{100 * level:g}"}
    if now + then <= 0:
        return {**base, "value": np.nan, "note": note("note.change.nothing", now=now, then=then)}
    first, both = now / factor, (now + then) / factor
    ends = (
        share_to_ratio(np.array(binomial_interval(first, both, level, "clopper-pearson"))) / 100 * days[1] / days[0] - 1
    )
    p = float(binomial_p(first, both, days[0] / (days[0] + days[1]), kind="exact"))
    value = now / then * days[1] / days[0] - 1 if then else np.nan
    upper = float(ends[1]) if then else np.nan
    return {**base, "value": value, "lower": float(ends[0]) if then else np.nan, "upper": upper, "p": p,
            "note": _verdict(then, p, float(ends[0]) > 0, float(ends[1]) < 0)}  # fmt: skip


def _points(now: Any, then: Any, level: float) -> dict[str, Any]:
    """Return the difference of two shares in points, Newcombe's interval, exact p and note."""
    base = {"method": f"points_newcombe-{100 * level:g}"}
    if not (now.total > 0 and then.total > 0):
        return {**base, "value": np.nan, "note": note("note.change.nothing", now=now.count, then=then.count)}
    first, second = now.count / now.total, then.count / then.total
    (low_1, high_1), (low_2, high_2) = (binomial_interval(f.count, f.total, level, "wilson") for f in (now, then))
    gap = first - second
    low = gap - float(np.hypot(first - low_1, high_2 - second))
    high = gap + float(np.hypot(high_1 - first, second - low_2))
    p = odds_ratio((now.count, now.total - now.count), (then.count, then.total - then.count), level, "exact")[3]
    return {**base, "value": 100 * gap, "lower": 100 * low, "upper": 100 * high, "p": p,
            "note": _verdict(second, p, low > 0, high < 0)}  # fmt: skip


def _verdict(then: float, p: float, above: bool, below: bool) -> str:
    """Return the note: a rise or fall only where test and interval both say so."""
    told = p < ALPHA and (above or below)
    key = ("rise" if above else "fall") if told else "same"
    return note(f"note.change.{'first' if told and then == 0 else key}")

"""What the reports of several periods tell together: a year less its half-year, a half-year less a quarter.

Counts add up over months, so that the figures of overlapping periods are equations for the months in between. A stretch
of months that lies in the same of the reported periods throughout is told when some sum and difference of the reports
leaves it alone; told small counts are what `disclosure.protect` hides.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
import pandas as pd

from .periods import parse_period

__all__ = ["tells_small"]

CLOSE = 1e-9


def tells_small(results: pd.DataFrame, elsewhere: pd.DataFrame, *, smallest: int) -> np.ndarray:
    """Return which rows, beside those of other periods, would tell a count from 1 to `smallest` - 1.

    `results`, `elsewhere`: result rows whose counts add up over months; `elsewhere` is what other reports show, hidden
    counts missing. What was counted anew between two reports only blurs what they tell.
    """
    known = elsewhere[elsewhere["count"].notna()].drop_duplicates(["place", "measure", "period"])
    shown = {key: dict(zip(rows["period"], rows["count"], strict=True))
             for key, rows in known.groupby(["place", "measure"])}  # fmt: skip
    rows = zip(results["place"], results["measure"], results["period"], results["count"], strict=True)
    return np.array(
        [(place, measure) in shown and _tells(period, count, shown[place, measure], smallest)
         for place, measure, period, count in rows], dtype=bool
    )  # fmt: skip


def _tells(period: str, count: float, others: Mapping[str, float], smallest: int) -> bool:
    counts = {**others, period: count}
    told = _stretches(tuple(counts), period) @ np.array(list(counts.values()))
    return not np.isnan(count) and bool(((told > CLOSE) & (told < smallest - CLOSE)).any())


@functools.lru_cache(maxsize=256)
def _stretches(periods: tuple[str, ...], new: str) -> np.ndarray:
    """Return how each stretch that the period `new` helps to tell is worked out: a row a stretch, a column a period."""
    months = [set(parse_period(key).months) for key in periods]
    each = np.array([[month in held for held in months] for month in sorted(set().union(*months))], dtype="float64")
    stretches = np.unique(each, axis=0)  # a row a stretch: the periods that it lies in
    ways = np.linalg.pinv(stretches)  # a column a stretch: the periods that come nearest to it alone
    told = np.isclose(stretches @ ways, np.eye(len(stretches)), atol=1e-6).all(axis=0)
    used = ways[:, told].T
    return used[np.abs(used[:, periods.index(new)]) > CLOSE]

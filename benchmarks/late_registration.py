"""How well births are known while they are still being registered: simulated delays over real series.

Of every region with 150 to 5,000 births in its median month up to `windows` runs of 66 months are drawn. Each month's
births are registered over seven months, on average as SHARES says, but every month after a pattern of its own
(Dirichlet of concentration SPREAD, so the first share has a standard deviation of 13 %), and fall to ten townships of
unequal size. What is registered by the end of the run is corrected three ways: not at all, by chain ladder, and by
chain ladder and forecast in one likelihood. Errors are of log births; coverage is of the combined 95 % interval.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fpanalysis import forecast, nowcast

__all__ = ["GOALS", "compare", "registered", "runs"]

SEED, LENGTH, LAGS, DRAWS = 20180630, 66, 6, 1000
SHARES = np.diff([0.0, 0.577, 0.726, 0.83, 0.90, 0.95, 0.98, 1.0])
SPREAD = 45.0
TOWNS = np.array([20, 16, 13, 11, 10, 9, 8, 6, 4, 3]) / 100
MEDIAN = (150, 5000)
GOALS = {("county", 0): 0.079, ("county", 1): 0.072, ("township", 0): 0.159, ("township", 1): 0.133}
"""Error of the combination to be reached: level and lag in months."""


def runs(frame: pd.DataFrame, windows: int, limit: int) -> list[pd.Series]:
    """Return at most `limit` runs of monthly births, drawn with a fixed seed."""
    rng, found = np.random.default_rng(SEED), []
    for _, group in frame.groupby(["series", "region"]):
        births = group.set_index("month")["births"].sort_index().astype("float64")
        if MEDIAN[0] <= births.median() <= MEDIAN[1] and len(births) >= LENGTH:
            ends = np.arange(LENGTH, len(births) + 1)
            found += [births.iloc[end - LENGTH : end] for end in rng.choice(ends, min(windows, len(ends)), False)]
    return [found[n] for n in rng.permutation(len(found))[:limit]]


def registered(births: pd.Series, rng: np.random.Generator) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Return births by place, month and month of registration, as known in the last month, and the whole truth.

    The truth has a row a township, and a column a month.
    """
    size, months = len(births), births.index
    by_delay = [rng.multinomial(int(n), rng.dirichlet(SHARES * SPREAD)) for n in births]
    cells = np.array([[rng.multinomial(n, TOWNS) for n in month] for month in by_delay])
    month, delay, town = np.nonzero(cells >= 0)
    seen = month + delay < size
    month, delay, town = month[seen], delay[seen], town[seen]
    frame = pd.DataFrame({"place": [f"t{n}" for n in town], "occurred": months[month],
                          "registered": months[month] + delay, "order": 1, "sex": "male",
                          "count": cells[month, delay, town]})  # fmt: skip
    return frame, cells.sum(axis=1).T


def compare(frame: pd.DataFrame, windows: int = 2, limit: int = 150) -> pd.DataFrame:
    """Return one row a level and lag: bias of raw counts, error of chain ladder and of the combination, coverage."""
    rows = [row for n, births in enumerate(runs(frame, windows, limit)) for row in _one(births, n)]
    table = pd.DataFrame(rows, columns=["level", "lag", "raw", "ladder", "combined", "held"])
    groups = table.groupby(["level", "lag"])
    error = groups[["ladder", "combined"]].agg(lambda e: np.sqrt((e**2).mean()))
    found = error.assign(raw_bias=groups["raw"].mean(), bias=groups["combined"].mean(), held95=groups["held"].mean())
    found["goal"] = pd.Series(GOALS)
    return found[["raw_bias", "ladder", "combined", "goal", "bias", "held95"]].assign(cases=groups.size())


def _one(births: pd.Series, number: int) -> Iterator[tuple[str, int, float, float, float, bool]]:
    cells, truth = registered(births, np.random.default_rng([SEED, number]))
    at = births.index[-1]
    monthly = nowcast.completed(cells, at=at, county="county", townships=True)
    rng = np.random.default_rng(SEED)
    paths = forecast.sample_paths(monthly, horizon=1, rng=rng, draws=DRAWS, county="county")
    for path in paths:
        place = path.series.place
        whole = truth.sum(axis=0) if place == "county" else truth[int(place[1:])]
        known = monthly[monthly["place"] == place].set_index("month")
        for lag in range(LAGS):
            month, real = at - lag, max(float(whole[-1 - lag]), 0.5)
            low, middle, high = np.quantile(path.births[:, path.months.get_loc(month)], [0.025, 0.5, 0.975])
            errors = (
                np.log(max(float(v), 0.5) / real) for v in (known["births"][month], known["completed"][month], middle)
            )
            yield ("county" if place == "county" else "township", lag, *errors, low <= whole[-1 - lag] <= high)

"""The simulation tables of the services methods: coverage of plan forecasts, claims under the null, ranks and funnels.

Seeded, so that the same numbers come out. Run from the root of the project:

    python -m benchmarks.services --json tables.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from fpanalysis import plan_path

SEED = 20180630


def _year(rng: np.random.Generator, usual: np.ndarray, spread: float, volume: float) -> np.ndarray:
    """Return a year of monthly counts: shares around the usual ones with a spread of their own, Poisson counts.

    `spread`: standard deviation of the share done by mid-year.
    """
    concentration = 0.25 / spread**2 - 1 if spread else np.inf
    shares = rng.dirichlet(usual * concentration) if spread else usual
    level = volume * rng.gamma(25, 1 / 25)
    return rng.poisson(level * shares)


def plan_forecasts(runs: int) -> pd.DataFrame:
    """Return how often the 90 % interval held what the year came to, by years of history and month; in per cent."""
    rng = np.random.default_rng(SEED)
    rows = []
    for years in (0, 1, 2, 3, 5):
        for now in (2, 6, 9):
            for spread in (0.0, 0.02, 0.05, 0.1):
                for volume in (50, 500, 5_000):
                    held = [_held(rng, years, now, spread, volume) for _ in range(runs)]
                    rows.append([years, now, spread, volume, 100 * np.mean([h[0] for h in held]),
                                 np.median([h[1] for h in held])])  # fmt: skip
    return pd.DataFrame(rows, columns=["years", "month", "spread", "volume", "covers", "width"])


def _held(rng: np.random.Generator, years: int, now: int, spread: float, volume: float) -> tuple[bool, float]:
    usual = rng.dirichlet(np.full(12, 4.0))
    counts = np.array([_year(rng, usual, spread, volume) for _ in range(years + 1)])
    months = pd.period_range(f"{2018 - years}-01", periods=12 * (years + 1), freq="M")
    seen = counts.ravel()[: 12 * years + now]
    frame = pd.DataFrame({"measure": "checkups/x", "month": months[: len(seen)], "count": seen})
    plan = pd.DataFrame({"period": ["2018"], "measure": ["checkups/x"], "target": [float(volume)]})
    found = plan_path.paths(frame, plan, period="2018", county="c", last=months[len(seen) - 1], rng=rng)
    row = found[found["measure"] == "plan_forecast/checkups/x"].iloc[0]
    came = counts[-1].sum()
    return bool(row["lower"] <= came <= row["upper"]), float((row["upper"] - row["lower"]) / volume)

"""How often the note on data quality doubts what is right and finds what is wrong, and how often a rise is none.

Simulated with a fixed seed: twenty townships, four series each (17, 48, 83 and 250 a month on average: 220 tests,
about as many as in the sample county), with a season, and with or without more variation than Poisson. Run from the
root of the project (`--runs 10` takes a minute, the default ten):

    python -m benchmarks.quality --json tables.json

* `false`: share of counties without any fault in which anything is doubted (at most 5 % is promised).
* `found`: share of faults that are named, by kind, size of the series, and months concerned.
* `missing`: how often the interval of "if they report as usual" holds what they would have reported, and its width.
* `changes`: share of comparisons of two equal periods that are called a rise or a fall (at most 5 % is promised).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from fpanalysis import indicators, quality, results

SEED = 20181231
TOWNS = [f"t{n:02d}" for n in range(20)]
MEANS = {"births_reported": 48, "registered/first": 17, "checkups/reproductive/female": 83, "registered/second": 250}
MONTHS = pd.period_range("2018-01", periods=6, freq="M")
SEASON = np.array([1.06, 0.93, 0.94, 0.91, 0.93, 0.92, 0.98, 1.05, 1.05, 1.09, 1.07, 1.07])
SPREAD = {"Poisson": 0.0, "10 % more": 0.10}
"""Standard deviation of the means of single months around the season, relative."""

Change = Callable[[np.ndarray, np.ndarray], np.ndarray]


def county(rng: np.random.Generator, spread: float, months: pd.PeriodIndex) -> pd.DataFrame:
    """Return the figures of a county without faults, the months asked for and two years before."""
    span = pd.period_range(months[0] - 24, months[-1], freq="M")
    season = SEASON[span.month - 1]
    frames = []
    for measure, mean in MEANS.items():
        shape = (len(TOWNS), len(span))
        noise = rng.gamma(1 / spread**2, spread**2, shape) if spread else np.ones(shape)
        counts = rng.poisson(mean * season * noise)
        index = pd.MultiIndex.from_product([TOWNS, span], names=["place", "month"])
        frames.append(pd.DataFrame({"count": counts.ravel()}, index=index).reset_index().assign(measure=measure))
    return pd.concat(frames, ignore_index=True)


def doubts(figures: pd.DataFrame, months: pd.PeriodIndex) -> set[tuple[str, str, str]]:
    """Return what is doubted: place, fault, measure."""
    found = quality.implausible(figures, months=months, period="2018H1", county="x")
    mine = found[found["measure"].str.startswith("quality/")]
    return {(row.place, *row.measure.split("/", 2)[1:]) for row in mine.itertuples()}


def false(runs: int) -> pd.DataFrame:
    """Return the share of clean counties in which anything is doubted, in per cent, half-years and years."""
    rows = []
    for name, spread in SPREAD.items():
        for length in (6, 12):
            rng, months = np.random.default_rng(SEED), pd.period_range("2018-01", periods=length, freq="M")
            wrong = [bool(doubts(county(rng, spread, months), months)) for _ in range(4 * runs)]
            rows.append([name, length, len(wrong), 100 * float(np.mean(wrong))])
    return pd.DataFrame(rows, columns=["variation", "months", "counties", "doubted_%"])


FAULTS: dict[str, Change] = {
    "heaping": lambda now, then: np.round(now, -1),
    "copied": lambda now, then: then,
    "equal_months": lambda now, then: np.full(len(now), now[0]),
}


def found(runs: int) -> pd.DataFrame:
    """Return the share of planted faults that are named, in per cent: one township of each series is spoilt."""
    rows = []
    for fault, change in FAULTS.items():
        for spoilt in (3, 4, 5, 6):
            rng, hits = np.random.default_rng(SEED), dict.fromkeys(MEANS, 0)
            for _ in range(runs):
                figures = plant(county(rng, 0.0, MONTHS), change, spoilt)
                named = doubts(figures, MONTHS)
                for measure in MEANS:
                    hits[measure] += ("t03", fault, measure.removesuffix("/female")) in named
            rows.append([fault, spoilt, *(100 * hits[m] / runs for m in sorted(MEANS, key=lambda m: MEANS[m]))])
    return pd.DataFrame(rows, columns=["fault", "of 6 months", *(f"mean {m}" for m in sorted(MEANS.values()))])


def plant(figures: pd.DataFrame, change: Change, spoilt: int) -> pd.DataFrame:
    """Return the figures with the first months of one township spoilt in every series."""
    figures = figures.copy()
    for measure in MEANS:
        mine = (figures["place"] == "t03") & (figures["measure"] == measure)
        now, then = (mine & figures["month"].isin(m) for m in (MONTHS[:spoilt], MONTHS[:spoilt] - 12))
        figures.loc[now, "count"] = change(figures.loc[now, "count"].to_numpy(), figures.loc[then, "count"].to_numpy())
    return figures


def missing(runs: int) -> pd.DataFrame:
    """Return how often the 95 % interval of the missing holds them, in per cent, and its width relative to them."""
    rows = []
    for name, spread in SPREAD.items():
        for towns, gone in ((1, 1), (1, 6), (3, 1), (3, 6)):
            rng, held, width = np.random.default_rng(SEED), [], []
            for _ in range(2 * runs):
                figures = county(rng, spread, MONTHS)
                figures = figures[figures["measure"] == "births_reported"]
                lost = figures["place"].isin(TOWNS[:towns]) & figures["month"].isin(MONTHS[6 - gone :])
                truth = figures.loc[lost, "count"].sum()
                terms = {"months": MONTHS, "period": "2018H1", "county": "x", "townships": TOWNS}
                row = quality.missing_effect(figures[~lost], **terms).iloc[0]
                low, high = row["lower"] * row["total"], row["upper"] * row["total"]
                held.append(low - 0.5 <= truth <= high + 0.5)
                width.append((high - low) / truth)
            rows.append([name, towns, gone, 100 * float(np.mean(held)), 100 * float(np.mean(width))])
    return pd.DataFrame(rows, columns=["variation", "townships", "months", "held_%", "width_%"])


def changes(runs: int) -> pd.DataFrame:
    """Return the share of equal pairs of periods that are called a rise or a fall, in per cent (mid-p interval)."""
    rows = []
    for mean in (10, 50, 500, 5_000):
        rng, called = np.random.default_rng(SEED), []
        for _ in range(20 * runs):
            now, then = rng.poisson(mean, 2)
            table = results.rows([{"place": "x", "period": period, "measure": "births", "count": n}
                                  for period, n in (("2018H1", now), ("2017H1", then))])  # fmt: skip
            row = indicators.change(table, "births", before="2017H1", period="2018H1", county="x")
            called.append(bool(len(row)) and not row["lower"].iloc[0] <= 0 <= row["upper"].iloc[0])
        rows.append([mean, len(called), 100 * float(np.mean(called))])
    return pd.DataFrame(rows, columns=["mean", "pairs", "called_%"])


TABLES = {"false": false, "found": found, "missing": missing, "changes": changes}


def main() -> None:
    """Print the tables, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--only", choices=TABLES)
    parser.add_argument("--json", type=Path)
    words = parser.parse_args()
    made = {}
    for name, table in TABLES.items():
        if words.only in (None, name):
            made[name] = table(words.runs)
            print(f"\n{name}\n{made[name].round(1).to_string(index=False)}", flush=True)
    if words.json:
        text = json.dumps({name: table.to_dict("records") for name, table in made.items()}, indent=1)
        words.json.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()

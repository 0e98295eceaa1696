"""Forecasts of monthly births against the usual methods, on any folder of real series.

Rolling origin, 12 months ahead, histories of 36, 60 and 120 months. Of each file `--series` regions are drawn with a
fixed seed, of each region `--origins` origins spread over it. MASE, RMSSE: errors over those of seasonal naive inside
the history (Hyndman and Koehler, International Journal of Forecasting 22 (2006) 679); scaled pinball: mean over the
quantiles 2.5, 10, 25, 50, 75, 90, 97.5 %, doubled, over the same scale; coverage of 80 % and 95 % intervals; CPU
seconds a series, imports and the first (compiling) call left out.

    OMP_NUM_THREADS=1 python -m benchmarks.births --data DIR --json OUT [--methods ours,AutoETS,...]

The peers come from statsforecast, which nothing else here needs: `pip install "statsforecast >=2"` in an environment of
its own, or with `--no-deps` beside the project where its pin of pandas conflicts.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from fpanalysis import forecast

from .learn_births_prior import read

Floats: TypeAlias = NDArray[np.float64]
Method: TypeAlias = Callable[[pd.Series], Floats]
"""From a history to the quantiles TAUS of the next 12 months (quantiles, months)."""

HORIZON, SEED = 12, 20180630
HISTORIES = (36, 60, 120)
TAUS = np.array([0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975])
NORMAL = special.ndtri(TAUS)
LEVELS = [50, 80, 95]


def cases(frame: pd.DataFrame, series: int, origins: int) -> list[tuple[str, str, int, pd.Series]]:
    """Return (panel, region, months of history, history followed by the 12 months to foretell)."""
    found = []
    for panel, group in frame.groupby("series"):
        names = sorted(group["region"].unique())
        rng = np.random.default_rng(SEED)
        for name in sorted(rng.choice(names, min(series, len(names)), replace=False)):
            births = group[group["region"] == name].set_index("month")["births"].sort_index().astype("float64")
            for history in HISTORIES:
                ends = np.arange(history, len(births) - HORIZON + 1)
                for end in ends[np.linspace(0, len(ends) - 1, min(origins, len(ends))).astype(int)]:
                    found.append((str(panel), str(name), history, births.iloc[end - history : end + HORIZON]))
    return found


def ours(past: pd.Series) -> Floats:
    """Return the quantiles of the package's own forecast."""
    monthly = pd.DataFrame({"place": "x", "month": past.index, "births": past.to_numpy()})
    (path,) = forecast.sample_paths(monthly, horizon=HORIZON, rng=np.random.default_rng(SEED))
    return np.quantile(path.births[:, -HORIZON:], TAUS, axis=0)


def seasonal_naive(past: pd.Series) -> Floats:
    """Return last year's months, with the spread of the year-on-year changes inside the history."""
    births = past.to_numpy()
    sd = np.sqrt(((births[12:] - births[:-12]) ** 2).mean())
    return births[-12:] + NORMAL[:, None] * sd


def peer(name: str, past: pd.Series) -> Floats:
    """Return the quantiles of a method of statsforecast. Ends with a clear message when that is not installed."""
    try:
        models = importlib.import_module("statsforecast.models")
    except ImportError as missing:
        raise SystemExit(f"{name} needs statsforecast ({missing}): see the head of benchmarks/births.py, "
                         "or choose --methods ours,SeasonalNaive") from None  # fmt: skip
    got = getattr(models, name)(season_length=12).forecast(y=past.to_numpy(), h=HORIZON, level=LEVELS)
    lower, upper = ([got[f"{side}-{level}"] for level in LEVELS] for side in ("lo", "hi"))
    return np.array([*lower[::-1], got["mean"], *upper])


def score(quantiles: Floats, past: Floats, truth: Floats) -> dict[str, float]:
    """Return the scores of one forecast."""
    change = past[12:] - past[:-12]
    scale = np.abs(change).mean()
    middle, missed = quantiles[3], truth - quantiles
    pinball = 2 * np.maximum(TAUS[:, None] * missed, (TAUS[:, None] - 1) * missed).mean()
    return {
        "mase": np.abs(middle - truth).mean() / scale,
        "rmsse": np.sqrt(((middle - truth) ** 2).mean() / (change**2).mean()),
        "pinball": pinball / scale,
        "in80": ((truth >= quantiles[1]) & (truth <= quantiles[5])).mean(),
        "in95": ((truth >= quantiles[0]) & (truth <= quantiles[6])).mean(),
    }


def run(found: list[tuple[str, str, int, pd.Series]], methods: Mapping[str, Method]) -> pd.DataFrame:
    """Return one row a case and method. `mean of four` joins those of MEAN_OF, when all are there."""
    records = []
    for method in methods.values():
        method(found[0][3].iloc[:-HORIZON])
    for panel, region, history, births in found:
        past, truth = births.iloc[:history], births.iloc[history:].to_numpy()
        made, cost = {}, {}
        for name, method in methods.items():
            start = time.process_time()
            made[name] = method(past)
            cost[name] = time.process_time() - start
        if set(MEAN_OF) <= set(made):
            made["mean of four"] = np.mean([made[name] for name in MEAN_OF], axis=0)
            cost["mean of four"] = sum(cost[name] for name in MEAN_OF)
        head = {"panel": panel, "region": region, "history": history}
        records += [{**head, "method": name, **score(q, past.to_numpy(), truth), "cpu": cost[name]}
                    for name, q in made.items()]  # fmt: skip
    return pd.DataFrame(records)


def summary(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return mean scores by method (and more), cases that could not be scaled left out."""
    sound = table[np.isfinite(table["mase"])]
    return sound.groupby([*by, "method"])[["mase", "rmsse", "pinball", "in80", "in95", "cpu"]].mean()


def ratios(means: pd.DataFrame) -> dict[str, float]:
    """Return ours over the best single peer and over the mean of four."""
    others = means.drop(index=[n for n in ("ours", "mean of four") if n in means.index])
    found = {f"{what} over best single": means.loc["ours", what] / others[what].min() for what in ("mase", "pinball")}
    if "mean of four" in means.index:
        over = {
            f"{w} over mean of four": means.loc["ours", w] / means.loc["mean of four", w] for w in ("mase", "pinball")
        }
        return found | over
    return found


def main() -> None:
    """Print the tables, write them as JSON."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--data", type=Path, nargs="+", required=True)
    words.add_argument("--json", type=Path)
    words.add_argument("--methods", default=",".join(METHODS), help="of " + ", ".join(METHODS))
    words.add_argument("--series", type=int, default=10_000)
    words.add_argument("--origins", type=int, default=3)
    given = words.parse_args()
    chosen = given.methods.split(",")
    if unknown := [name for name in chosen if name not in METHODS]:
        words.error(f"no method {unknown[0]!r}; there are {', '.join(METHODS)}")
    found = cases(read(given.data), given.series, given.origins)
    if not found:
        words.error("no series is long enough: 48 months are needed")
    table = run(found, {name: METHODS[name] for name in chosen})
    means = summary(table, [])
    parts = {"all": means, "history": summary(table, ["history"]), "panel": summary(table, ["panel"])}
    for part in parts.values():
        print(part.round(3).to_string(), end="\n\n")
    against = ratios(means) if "ours" in means.index and len(means) > 1 else {}
    print({key: round(value, 3) for key, value in against.items()}, "cases", len(found))
    if given.json:
        told = {name: part.round(5).reset_index().to_dict("records") for name, part in parts.items()}
        told |= {"ratios": against, "cases": len(found), "seed": SEED}
        given.json.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


MEAN_OF = ("AutoETS", "AutoTheta", "AutoCES", "SeasonalNaive")
METHODS: dict[str, Method] = {
    "ours": ours,
    "SeasonalNaive": seasonal_naive,
    **{name: functools.partial(peer, name) for name in ("AutoETS", "AutoTheta", "AutoCES", "AutoARIMA")},
}

if __name__ == "__main__":
    main()

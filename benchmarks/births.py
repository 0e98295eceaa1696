"""Births against the usual methods, on any folder of real series: forecast, units of a region, nowcast, alarms.

Four parts (`--parts`), all seeded, printed and written as JSON; `--methods` names forecasts and alarm rules.
forecast, here: rolling origin, 12 months ahead, histories of 36, 60 and 120 months. Of each file `--series` regions are
drawn with a fixed seed, of each region `--origins` origins spread over it. MASE, RMSSE: errors over those of seasonal
naive inside the history (Hyndman and Koehler, International Journal of Forecasting 22 (2006) 679); scaled pinball: mean
over the quantiles 2.5, 10, 25, 50, 75, 90, 97.5 %, doubled, over the same scale; coverage of 80 % and 95 %
intervals; CPU seconds a series, imports and the first (compiling) call left out. With `--leave-out` each panel
(series) is foretold by a prior that was learned from the others, which takes minutes. hierarchy: units that add up
(`hierarchy`). nowcast: births still being registered (`late_registration`). alarms: false ones, and changes found, by
rule (`alarm_rules`).

    OMP_NUM_THREADS=1 python -m benchmarks.births --data DIR --json OUT [--parts ...] [--methods ...]

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

from fpanalysis import forecast, gp

from . import alarm_rules, hierarchy, late_registration
from .learn_births_prior import left_out, read

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


def ours(past: pd.Series, prior: gp.Prior | None = None) -> Floats:
    """Return the quantiles of the package's own forecast."""
    monthly = pd.DataFrame({"place": "x", "month": past.index, "births": past.to_numpy()})
    (path,) = forecast.sample_paths(monthly, horizon=HORIZON, rng=np.random.default_rng(SEED), prior=prior)
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


def part_forecast(frame: pd.DataFrame, chosen: list[str], given: argparse.Namespace) -> dict[str, object]:
    """Print the comparison of forecasts and return it."""
    found = cases(frame, given.series, given.origins)
    if not found:
        raise SystemExit("no series is long enough: 48 months are needed")
    methods = {name: METHODS[name] for name in METHODS if name in chosen}
    priors = left_out(frame) if given.leave_out and "ours" in methods else {}
    tables = []
    for panel in sorted({case[0] for case in found}):
        mine = {"ours": functools.partial(ours, prior=priors[panel])} if priors else {}
        tables.append(run([case for case in found if case[0] == panel], methods | mine))
    table = pd.concat(tables, ignore_index=True)
    means = summary(table, [])
    parts = {"all": means, "history": summary(table, ["history"]), "panel": summary(table, ["panel"])}
    against = ratios(means) if "ours" in means.index and len(means) > 1 else {}
    told = {name: _told(part) for name, part in parts.items()}
    print({key: round(value, 3) for key, value in against.items()}, "cases", len(found))
    return {**told, "ratios": against, "cases": len(found), "seed": SEED}


def part_hierarchy(frame: pd.DataFrame, chosen: list[str], given: argparse.Namespace) -> dict[str, object]:
    """Print the comparison over units of a region and return it."""
    return {"hierarchy": _told(hierarchy.compare(frame, given.origins, given.origins, "AutoETS" in chosen))}


def part_nowcast(frame: pd.DataFrame, chosen: list[str], given: argparse.Namespace) -> dict[str, object]:
    """Print errors and coverage of births still being registered and return them."""
    return {"nowcast": _told(late_registration.compare(frame, limit=given.counties))}


def part_alarms(frame: pd.DataFrame, chosen: list[str], given: argparse.Namespace) -> dict[str, object]:
    """Print what each alarm rule raises and finds and return it."""
    rules = {name: rule for name, rule in alarm_rules.RULES.items() if name in chosen}
    return {"alarms": _told(alarm_rules.compare(rules, given.counties, frame))}


def _told(table: pd.DataFrame) -> list[dict[str, object]]:
    print(table.round(3).to_string(), end="\n\n")
    return table.round(5).reset_index().to_dict("records")


def main() -> None:
    """Print the tables, write them as JSON."""
    names = list(dict.fromkeys([*METHODS, *alarm_rules.RULES]))
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--data", type=Path, nargs="+", required=True)
    words.add_argument("--json", type=Path)
    words.add_argument("--methods", default=",".join(names), help="of " + ", ".join(names))
    words.add_argument("--parts", default=",".join(PARTS), help="of " + ", ".join(PARTS))
    words.add_argument("--series", type=int, default=10_000)
    words.add_argument("--origins", type=int, default=3)
    words.add_argument("--counties", type=int, default=100, help="simulated for the nowcast and the alarms")
    words.add_argument(
        "--leave-out", action="store_true", help="each panel foretold by a prior learned from the others"
    )
    given = words.parse_args()
    parts, chosen = given.parts.split(","), given.methods.split(",")
    for what, wrong in (("method", set(chosen) - set(names)), ("part", set(parts) - set(PARTS))):
        if wrong:
            words.error(f"no {what} {min(wrong)!r}; there are {', '.join(names if what == 'method' else PARTS)}")
    frame, told = read(given.data), {}
    for part in parts:
        told |= PARTS[part](frame, chosen, given)
    if given.json:
        given.json.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


PARTS: dict[str, Callable[[pd.DataFrame, list[str], argparse.Namespace], dict[str, object]]] = {
    "forecast": part_forecast, "hierarchy": part_hierarchy, "nowcast": part_nowcast, "alarms": part_alarms,
}  # fmt: skip
MEAN_OF = ("AutoETS", "AutoTheta", "AutoCES", "SeasonalNaive")
METHODS: dict[str, Method] = {
    "ours": ours,
    "SeasonalNaive": seasonal_naive,
    **{name: functools.partial(peer, name) for name in ("AutoETS", "AutoTheta", "AutoCES", "AutoARIMA")},
}

if __name__ == "__main__":
    main()

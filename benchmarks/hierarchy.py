"""Coherent forecasts of the units of a region: the package's paths against reconciled AutoETS.

The units are regions of one file, drawn in groups of UNITS with a fixed seed; their sum is the county. 12 months ahead
from 36, 60 and 120 months. Peers: AutoETS bottom-up, and reconciled by MinT with the shrunken covariance of the
residuals (Wickramasuriya, Athanasopoulos and Hyndman, Journal of the American Statistical Association 114 (2019) 804;
Schaefer and Strimmer, Statistical Applications in Genetics and Molecular Biology 4 (2005) 32). Errors are MASE, mean
over the units, and of their sum.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fpanalysis import forecast

__all__ = ["compare", "mint", "shrunken"]

Floats: TypeAlias = NDArray[np.float64]

SEED, UNITS, HORIZON = 20180630, 8, 12
HISTORIES = (36, 60, 120)


def groups(frame: pd.DataFrame, number: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """Return (panel, births: a row a month, a column a unit) of `number` groups a panel, without a gap or a zero."""
    for panel, part in frame.groupby("series"):
        wide = part.pivot_table(index="month", columns="region", values="births", aggfunc="sum")
        rng, found = np.random.default_rng(SEED), 0
        for _ in range(20 * number):
            if wide.shape[1] < UNITS or found == number:
                break
            chosen = wide[sorted(rng.choice(wide.columns, UNITS, replace=False))].dropna()
            steady = len(chosen) and (np.diff(chosen.index.asi8) == 1).all() and (chosen > 0).all(axis=None)
            if steady and len(chosen) >= HISTORIES[0] + HORIZON:
                found += 1
                yield str(panel), chosen.astype("float64")


def coherent(past: pd.DataFrame) -> Floats:
    """Return the package's medians of the units' next 12 months (units, months)."""
    whole = past.assign(county=past.sum(axis=1)).melt(ignore_index=False, var_name="place", value_name="births")
    monthly = whole.rename_axis("month").reset_index()
    paths = forecast.sample_paths(monthly, horizon=HORIZON, rng=np.random.default_rng(SEED), county="county")
    medians = {path.series.place: np.median(path.births[:, -HORIZON:], axis=0) for path in paths}
    return np.array([medians[unit] for unit in past.columns])


def ets(past: Floats) -> tuple[Floats, Floats]:
    """Return AutoETS forecasts of each row and its residuals inside the history."""
    models = importlib.import_module("statsforecast.models")
    got = [models.AutoETS(season_length=12).forecast(y=y, h=HORIZON, fitted=True) for y in past]
    return np.array([g["mean"] for g in got]), past - np.array([g["fitted"] for g in got])


def shrunken(residuals: Floats) -> Floats:
    """Return the covariance of the rows, its correlations shrunk towards zero by the Schaefer-Strimmer weight."""
    number = residuals.shape[1]
    scaled = residuals / np.sqrt((residuals**2).mean(axis=1, keepdims=True))
    products = scaled[:, None, :] * scaled[None, :, :]
    correlation = products.mean(axis=-1)
    off = ~np.eye(len(residuals), dtype=bool)
    noise = ((products - correlation[..., None]) ** 2).sum(axis=-1) / (number * (number - 1))
    weight = float(np.clip(noise[off].sum() / (correlation[off] ** 2).sum(), 0, 1))
    sd = np.sqrt((residuals**2).mean(axis=1))
    return np.where(off, (1 - weight) * correlation, 1.0) * np.outer(sd, sd)


def mint(forecasts: Floats, covariance: Floats) -> Floats:
    """Return reconciled forecasts of the units; the first row of `forecasts` is their sum's own."""
    units = len(forecasts) - 1
    summing = np.vstack([np.ones(units), np.eye(units)])
    weighed = np.linalg.solve(covariance, summing).T
    return np.linalg.solve(weighed @ summing, weighed @ forecasts)


def compare(frame: pd.DataFrame, number: int = 2, origins: int = 2, peers: bool = True) -> pd.DataFrame:
    """Return MASE of units and of their sum, by history and method."""
    records = []
    for _, births in groups(frame, number):
        for history in HISTORIES:
            ends = np.arange(history, len(births) - HORIZON + 1)
            for end in ends[np.linspace(0, len(ends) - 1, min(origins, len(ends))).astype(int)]:
                past, truth = births.iloc[end - history : end], births.iloc[end : end + HORIZON].to_numpy().T
                made = {"ours": coherent(past)}
                if peers:
                    bottom, residuals = ets(np.vstack([past.sum(axis=1), past.T]))
                    made |= {"AutoETS, bottom-up": bottom[1:], "AutoETS, MinT": mint(bottom, shrunken(residuals))}
                records += [(history, name, *_errors(f, truth, past.to_numpy().T)) for name, f in made.items()]
    table = pd.DataFrame(records, columns=["history", "method", "units", "sum"])
    groups_ = table.groupby(["history", "method"])
    return groups_.mean().assign(cases=groups_.size())


def _errors(made: Floats, truth: Floats, past: Floats) -> tuple[float, float]:
    def mase(f: Floats, y: Floats, before: Floats) -> float:
        return float(np.abs(f - y).mean() / np.abs(before[12:] - before[:-12]).mean())

    units = [mase(f, y, before) for f, y, before in zip(made, truth, past, strict=True)]
    return float(np.mean(units)), mase(made.sum(axis=0), truth.sum(axis=0), past.sum(axis=0))

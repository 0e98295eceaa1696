"""The Gaussian process behind births: its parts, its learned prior, and what follows from months that are known.

Log births per day are taken as

    level (random walk + slowly damped slope) + AR(1) + zero-sum seasonal pattern that changes slowly
    + effect of the share of weekend days + noise beyond Poisson.

How wild each part is cannot be known from a few years of one county. So the answer is a mixture over a table of
settings, each weighted by how often births elsewhere behaved so (`data/births_prior.csv`, learned by
`benchmarks/learn_births_prior.py` as a non-parametric maximum-likelihood mixing distribution) times how well it
explains this series: a short history borrows what births do everywhere. Deviations of a path share one scale drawn
from a scaled t distribution, whose two numbers are calibrated on the learning series (`data/births_prior.json`).

Months still being registered are the place where a sudden change would stand, and where little speaks against the
forecast. So every setting has a second form in which the level moves freely in these months, with a small prior chance:
where registration and forecast contradict each other, registration is believed (`BREAK_SD`, `BREAK_CHANCE`; chosen by
`benchmarks/late_registration.py`).

References: Rasmussen and Williams, Gaussian Processes for Machine Learning (MIT Press 2006), chapters 2 and 5;
Roberts et al., Philosophical Transactions A 371 (2013) 20110550; Gardner and McKenzie, Management Science 31 (1985)
1237 (damped trend); Laird, Journal of the American Statistical Association 73 (1978) 805 (mixing distribution).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, special

from .errors import FpError

__all__ = [
    "BREAK_CHANCE",
    "BREAK_SD",
    "HYPER",
    "TEMPER",
    "Fit",
    "Prior",
    "births_prior",
    "fit",
    "foretold",
    "kernels",
    "likelihoods",
    "mean",
    "one_step",
    "own",
    "paths",
    "pooled",
    "prior_of",
    "spread",
    "warm",
]

Floats: TypeAlias = NDArray[np.float64]

HYPER = ("level", "slope", "damping", "ar", "memory", "season", "decay", "width", "noise", "weekend")
"""Columns of the table of settings: monthly sd of the level's steps; of the slope's, and its monthly autocorrelation;
sd and autocorrelation of the AR(1) part; sd of the seasonal pattern, the months over which it changes, and the
length-scale of its periodic kernel (small: neighbouring months differ freely); sd of the noise beyond Poisson; sd of
the log effect of the share of weekend days."""
LEVEL_SD = 1.0
"""Prior standard deviation of the level at the start, about the mean of the series."""
TEMPER = 0.5
"""Power of the likelihood in the weights of settings: no setting is quite true, and half the trust foretells better."""
OWN = 5.0
"""Scores of a place itself that weigh as much as the learned scale of deviations (conjugate, inverse chi-squared): so
unlike are the scales of half-years' scores of real series."""
BREAK_SD, BREAK_CHANCE = 0.1, 0.1
"""Monthly step of the level in months still being registered, in the form that allows for a break, and its weight."""


@dataclass(frozen=True, eq=False)
class Prior:
    """Settings (one a row, columns HYPER), their weights, and scale and degrees of freedom of the deviations."""

    table: Floats
    weight: Floats
    scale: float
    tail: float


@dataclass(frozen=True, eq=False)
class Fit:
    """What known months say: Cholesky factors and posterior weight of every setting, and scaled residuals."""

    prior: Prior
    kernels: Floats
    weekend: Floats
    at: NDArray[np.int64]
    factors: Floats
    scaled: Floats
    weight: Floats


@functools.cache
def births_prior() -> Prior:
    """Return the learned prior of the package."""
    folder = resources.files(__package__).joinpath("data")
    found = json.loads(folder.joinpath("births_prior.json").read_text("utf-8"))["deviations"]
    return prior_of(folder.joinpath("births_prior.csv").read_text("utf-8-sig"), found["scale"], found["tail"])


def warm() -> None:
    """Read the prior ahead: it is part of the package, and every notebook that forecasts would read it anew."""
    births_prior()


def prior_of(text: str, scale: float = 1.0, tail: float = np.inf) -> Prior:
    """Return the prior of a CSV table (HYPER, weight). Raises FpError for other columns or negative numbers."""
    head, *lines = text.strip().splitlines()
    if tuple(head.split(",")) != (*HYPER, "weight"):
        raise FpError(f"births prior: found the columns {head}, expected {','.join((*HYPER, 'weight'))}")
    values = np.array([line.split(",") for line in lines], dtype="float64")
    if not (values >= 0).all():
        raise FpError(f"births prior: row {2 + int(np.argmin(values.min(axis=1)))} holds a negative number")
    return Prior(values[:, :-1], values[:, -1] / values[:, -1].sum(), float(scale), float(tail))


@functools.lru_cache(maxsize=8)
def kernels(prior: Prior, length: int) -> Floats:
    """Return the covariance of every setting but weekends and noise, on months 0 ... length - 1 (settings, n, n)."""
    time = np.arange(length)
    lag = np.abs(time[:, None] - time[None, :])
    walk = np.minimum(time[:, None], time[None, :]) + 0.0
    summed = np.tril(np.ones((length, length)), -1)
    slopes = {d: summed @ (d**lag / (1 - d**2)) @ summed.T for d in np.unique(prior.table[:, 2])}
    periodic = {w: _zero_sum_season(w)[lag % 12] for w in np.unique(prior.table[:, 7])}
    stack = np.empty((len(prior.table), length, length))
    for row, (level, slope, damping, ar, memory, season, decay, width, _, _) in enumerate(prior.table):
        stack[row] = level**2 * walk + slope**2 * slopes[damping] + LEVEL_SD**2
        stack[row] += ar**2 * (memory**lag) + season**2 * periodic[width] * np.exp(-lag / decay)
    stack.setflags(write=False)
    return stack


def _zero_sum_season(width: float) -> Floats:
    """Return the periodic covariance at lags 0 ... 11, made to sum to zero over a year, with variance 1."""
    kernel = np.exp(-2 * np.sin(np.pi * np.arange(12) / 12) ** 2 / width**2)
    kernel -= kernel.mean()
    return kernel / kernel[0]


def fit(
    prior: Prior,
    weekend: Floats,
    at: NDArray[np.int64],
    target: Floats,
    variance: Floats,
    *,
    loose: int | None = None,
    effects: Floats | None = None,
) -> Fit:
    """Return what the known months `at` say of all months.

    `weekend`: share of weekend days of every month, less 2/7; `target`: log rate of the known months less its centre;
    `variance`: of each known month, Poisson noise and the share registered included. `loose`: the month from which on
    the level may have moved freely, as far as the last known month; None where all of them are as sure as any.
    `effects`: regressors (a row each, of every month) times the standard deviations of their effects.
    """
    stack = kernels(prior, -(-len(weekend) // 12) * 12)[:, : len(weekend), : len(weekend)]
    stack = stack if effects is None else stack + effects.T @ effects
    found = _solved(prior, stack, weekend, at, target, variance)
    before = 0 if loose is None else int(np.searchsorted(at, loose))
    if before == 0 or before == len(at):
        return found
    weight = _weights(prior, _likelihoods(found.factors, found.scaled)[:, before - 1])
    likely = np.flatnonzero(weight > 1e-3 * weight.max())
    steps = np.clip(np.arange(len(weekend)) - at[before] + 1, 0, at[-1] - at[before] + 1)
    moving = stack[likely] + BREAK_SD**2 * np.minimum(steps[:, None], steps[None, :])
    part = Prior(prior.table[likely], prior.weight[likely], prior.scale, prior.tail)
    return _joined(found, _solved(part, moving, weekend, at, target, variance), BREAK_CHANCE)


def _solved(
    prior: Prior, stack: Floats, weekend: Floats, at: NDArray[np.int64], target: Floats, variance: Floats
) -> Fit:
    """Return the fit of every setting under its own covariance."""
    noise, effect = prior.table[:, 8], prior.table[:, 9]
    seen = stack[:, at[:, None], at] + (effect**2)[:, None, None] * np.outer(weekend[at], weekend[at])
    diagonal = np.arange(len(at))
    seen[:, diagonal, diagonal] += variance + (noise**2)[:, None]
    factors = np.linalg.cholesky(seen)
    scaled = np.array([_solve(factor, target) for factor in factors])
    weight = _weights(prior, TEMPER * _likelihoods(factors, scaled)[:, -1])
    return Fit(prior, stack, weekend, at, factors, scaled, weight)


def _solve(factor: Floats, right: Floats) -> Floats:
    """Return the solution of a lower triangular system: LAPACK itself, since SciPy's checks cost more than it does."""
    return linalg.lapack.dtrtrs(factor.T, right, lower=0, trans=1)[0]


def _joined(first: Fit, second: Fit, chance: float) -> Fit:
    """Return the mixture of two fits of the same months, the second with the prior weight `chance`."""
    found = pooled([first, second], [1 - chance, chance])
    posterior = _weights(found.prior, TEMPER * likelihoods(found)[:, -1])
    return replace(found, weight=posterior)


def pooled(fits: Sequence[Fit], shares: Sequence[float]) -> Fit:
    """Return fits of the same months, made under different views of the data, as one: each keeps its share."""
    if len(fits) == 1:
        return fits[0]
    first = fits[0]
    table = np.vstack([fit.prior.table for fit in fits])
    weight = np.concatenate([share * fit.prior.weight for share, fit in zip(shares, fits, strict=True)])
    prior = Prior(table, weight, first.prior.scale, first.prior.tail)
    stack, factors, scaled = (np.concatenate([getattr(fit, name) for fit in fits])
                              for name in ("kernels", "factors", "scaled"))  # fmt: skip
    posterior = np.concatenate([share * fit.weight for share, fit in zip(shares, fits, strict=True)])
    return Fit(prior, stack, first.weekend, first.at, factors, scaled, posterior)


def likelihoods(found: Fit) -> Floats:
    """Return the log likelihood of the first 1, 2, ... known months under every setting, but for a constant a month."""
    return _likelihoods(found.factors, found.scaled)


def _likelihoods(factors: Floats, scaled: Floats) -> Floats:
    """Return the log likelihood of the first 1, 2, ... known months under every setting (settings, months)."""
    logs = np.log(np.diagonal(factors, axis1=1, axis2=2))
    return np.cumsum(-0.5 * scaled**2 - logs, axis=1)


def _weights(prior: Prior, likelihood: Floats) -> Floats:
    """Return the posterior weight of every setting (first axis)."""
    with np.errstate(divide="ignore"):
        logs = likelihood + np.log(prior.weight).reshape(-1, *[1] * (likelihood.ndim - 1))
    return special.softmax(logs, axis=0)


def paths(found: Fit, wanted: NDArray[np.int64], rng: np.random.Generator, draws: int) -> Floats:
    """Return sampled log rates less the centre at `wanted` months, noise beyond Poisson included (draws, months)."""
    steps = (np.arange(draws) + rng.random()) / draws
    chosen = np.minimum(np.searchsorted(np.cumsum(found.weight), steps), len(found.weight) - 1)
    pieces = []
    for setting in np.unique(chosen):
        centre, root = _conditional(found, int(setting), wanted)
        number = int((chosen == setting).sum())
        normal = rng.standard_normal((number, len(wanted))) * spread(found.prior, rng, number)[:, None]
        pieces.append(centre + normal @ root.T)
    return np.concatenate(pieces)


def mean(found: Fit, wanted: NDArray[np.int64]) -> Floats:
    """Return the mean log rates less the centre at the `wanted` months, settings of next to no weight left out."""
    heavy = np.flatnonzero(found.weight > 1e-3 * found.weight.max())
    weight = found.weight[heavy] / found.weight[heavy].sum()
    return weight @ np.array([_conditional(found, int(setting), wanted)[0] for setting in heavy])


def spread(prior: Prior, rng: np.random.Generator, number: int) -> Floats:
    """Return scales of that many paths: the calibrated scale times that of a t distribution."""
    if not np.isfinite(prior.tail):
        return np.full(number, prior.scale)
    return prior.scale * np.sqrt(prior.tail / rng.chisquare(prior.tail, number))


def _conditional(found: Fit, setting: int, wanted: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return mean and Cholesky root of the log rates at the wanted months, given the known ones.

    The noise beyond Poisson belongs to the rate of its month, so a month known in part informs its own noise.
    """
    kernel, noise = found.kernels[setting], found.prior.table[setting, 8]
    weekend = found.prior.table[setting, 9] * found.weekend
    across = kernel[np.ix_(wanted, found.at)] + np.outer(weekend[wanted], weekend[found.at])
    across += noise**2 * (wanted[:, None] == found.at[None, :])
    left = _solve(found.factors[setting], across.T)
    covariance = kernel[np.ix_(wanted, wanted)] + np.outer(weekend[wanted], weekend[wanted]) - left.T @ left
    covariance[np.diag_indices(len(wanted))] += noise**2 + 1e-10
    return left.T @ found.scaled[setting], np.linalg.cholesky(covariance)


def one_step(found: Fit, target: Floats) -> Floats:
    """Return the mean of each known month, foretold from the known months before it.

    Exact for the mixture: row i of a Cholesky factor is the forecast of month i from the months before.
    """
    own = np.diagonal(found.factors, axis1=1, axis2=2)
    before = np.hstack([np.zeros((len(own), 1)), likelihoods(found)[:, :-1]])
    return (_weights(found.prior, before) * (target - own * found.scaled)).sum(axis=0)


def foretold(found: Fit, start: int, stop: int) -> tuple[Floats, Floats, Floats]:
    """Return how the known months number start ... stop - 1 were foretold by those before them.

    Weights of the settings, those of next to none left out; mean (settings, months) and covariance of the log rates
    less the centre, noise beyond Poisson included: the rows of a Cholesky factor hold what earlier months say of later.
    """
    weight = _weights(found.prior, likelihoods(found)[:, start - 1])
    heavy = np.flatnonzero(weight > 1e-3 * weight.max())
    months, across = found.at[start:stop], found.factors[heavy, start:stop, :start]
    weekend = found.prior.table[heavy, 9][:, None] * found.weekend[months]
    covariance = found.kernels[heavy[:, None, None], months[:, None], months] - across @ across.swapaxes(1, 2)
    covariance += weekend[:, :, None] * weekend[:, None, :]
    covariance += found.prior.table[heavy, 8][:, None, None] ** 2 * np.eye(len(months))
    mean = (across @ found.scaled[heavy, :start, None])[..., 0]
    return weight[heavy] / weight[heavy].sum(), mean, covariance


def own(prior: Prior, scores: Floats) -> tuple[float, float]:
    """Return scale and degrees of freedom of deviations, once earlier scores of the same place are known."""
    freedom = OWN + len(scores)
    return float(np.sqrt((OWN * prior.scale**2 + (scores**2).sum()) / freedom)), freedom

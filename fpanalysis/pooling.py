"""Shares that differ from year to year: what a short history says about the next one.

A share (of the year's work done by June; of second children among registrations) is not the same every year. Each
year's own share comes from a beta distribution with a mean and a concentration that nobody knows, and the counts are
binomial around it (Skellam, JRSS B 10 (1948) 257). Both unknowns are averaged over and not plugged in, since plugging
in makes the interval of a short history too short (Morris, JASA 78 (1983) 47). The spread between years has a
half-Cauchy prior (Gelman, Bayesian Analysis 1 (2006) 515); the mean is drawn towards a centre that the caller names,
with the weight of a stated number of cases, which is how a history of no year, or of one, still gives an answer that
says how little it knows. Years long past can be given less weight (their likelihood to a power below 1: Ibrahim and
Chen, Statistical Science 15 (2000) 46). Everything stands on a grid: the same numbers in every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from .stats import mixture_quantile

__all__ = ["Posterior", "posterior", "scatter", "shares", "surprise"]

Floats: TypeAlias = NDArray[np.float64]

SPREADS = np.concatenate([[1e-3], np.geomspace(0.006, 0.6, 18)])
"""Grid of the spread between years: the standard deviation of the share over the square root of mean (1 - mean)."""
CENTRES = np.linspace(-6.0, 6.0, 61)
"""Grid of the mean on the logit scale, in its standard errors."""
CUTS = 3 / (np.pi**2 - 9)
"""Independent cuts through a year that all its cuts are worth: 2 over the variance of Anderson and Darling's statistic
(Annals of Mathematical Statistics 23 (1952) 193)."""
EDGE = 1e-4
EXACT = 1000
"""Cases up to which a predictive probability is summed case by case."""


@dataclass(frozen=True)
class Posterior:
    """What is known of a share in a year to come: beta distributions (means, concentrations) and their weights."""

    means: Floats
    concentrations: Floats
    weights: Floats


def posterior(
    counts: ArrayLike,
    totals: ArrayLike,
    *,
    centre: float = 0.5,
    weight: float = 2.0,
    scale: float = 0.1,
    evidence: ArrayLike = 0.0,
    trust: ArrayLike = 1.0,
) -> Posterior:
    """Return the posterior of a share after years of `counts` among `totals`.

    `centre`, `weight`: the prior of its mean (a beta distribution worth `weight` cases). `scale`: of the half-Cauchy
    prior of the spread between years; `evidence`: log-likelihood of each of SPREADS from elsewhere (`scatter`);
    `trust`: weight of each year, at most 1. Years with an empty or missing total are left out.
    """
    k, n, w = (np.asarray(a, dtype="float64") for a in np.broadcast_arrays(counts, totals, trust))
    k, n, w = k[n > 0], n[n > 0], w[n > 0]
    middle = min(max(centre, EDGE), 1 - EDGE)
    phi = 1 / SPREADS**2 - 1
    means = _means(k, n, w, phi, middle, weight)
    a, b = means * phi[:, None], (1 - means) * phi[:, None]
    log = (special.betaln(a[..., None] + k, b[..., None] + n - k) - special.betaln(a, b)[..., None]) @ w
    log += special.xlogy(middle * weight, means) + special.xlog1py(
        (1 - middle) * weight, -means
    )  # with d mean / d logit
    steps = np.gradient(special.logit(means), axis=1)
    log += np.log(steps) + np.log(np.gradient(SPREADS) / (1 + (SPREADS / scale) ** 2))[:, None]
    log += np.broadcast_to(np.asarray(evidence, dtype="float64"), len(SPREADS))[:, None]
    weights = np.exp(log - log.max())
    return Posterior(means.ravel(), np.repeat(phi, means.shape[1]), (weights / weights.sum()).ravel())


def scatter(table: ArrayLike) -> Floats:
    """Return the log-likelihood of each of SPREADS from how much the rows (years) of a table of counts differ.

    At every cut through the columns (months) the share done by then is held against that of all years together; the
    squares, standardised, are averaged over the cuts. That mean (Anderson and Darling's) is taken as chi-square over
    its degrees, CUTS for each year but one, times what the spread adds. Deviations that go together from month to month
    count as they do for the share itself, which month against month would miss. Rows and columns without counts are
    left out; fewer than two rows tell nothing.
    """
    n = np.asarray(table, dtype="float64")
    n = n[n.sum(axis=1) > 0]
    n = n[:, n.sum(axis=0) > 0]
    if min(n.shape) < 2:
        return np.zeros(len(SPREADS))
    total, done = n.sum(axis=1, keepdims=True), n.cumsum(axis=1)[:, :-1]
    share = done.sum(axis=0) / total.sum()
    square = float(((done - total * share) ** 2 / (total * share * (1 - share))).sum(axis=0).mean())
    widening = 1 + (total.mean() - 1) * SPREADS**2
    return -CUTS / 2 * ((len(n) - 1) * np.log(widening) + square / widening)


def shares(known: Posterior, size: int, rng: np.random.Generator) -> Floats:
    """Return `size` draws of the share in a year to come."""
    at = rng.choice(len(known.weights), size=size, p=known.weights)
    return rng.beta(known.means[at] * known.concentrations[at], (1 - known.means[at]) * known.concentrations[at])


def surprise(count: float, total: float, known: Posterior, level: float = 0.95) -> tuple[float, float, float, float]:
    """Return the expected share, its predictive interval among `total` cases, and the two-sided mid-p of `count`.

    Exact up to EXACT cases; beyond, each beta-binomial is replaced by the beta distribution of its mean and variance.
    """
    use = known.weights > known.weights.max() * 1e-7
    means, phi, weights = known.means[use], known.concentrations[use], known.weights[use] / known.weights[use].sum()
    below = _exact_below if total <= EXACT else _matched_below

    def passed(cases: float) -> float:
        return float(below(np.array([cases]), total, means, phi)[0] @ weights)

    tail, expected = (1 - level) / 2, float(weights @ means)
    if total <= EXACT:
        all_passed = below(np.arange(total + 1), total, means, phi) @ weights
        low, high = (float(min(np.searchsorted(all_passed, q), total)) for q in (tail, 1 - tail))
    else:
        a, b = _matched(total, means, phi)
        low, high = (
            max(0.0, float(total * mixture_quantile([a], [b], [weights], q)[0] - 0.5)) for q in (tail, 1 - tail)
        )
    middle = (passed(count) + passed(count - 1.0)) / 2
    return expected, low / total, high / total, min(1.0, 2 * min(middle, 1 - middle))


def _exact_below(cases: Floats, total: float, means: Floats, phi: Floats) -> Floats:
    """Return P(X <= case) of beta-binomials: one row a case, one column a distribution."""
    every = np.arange(total + 1)[:, None]
    a, b = means * phi, (1 - means) * phi
    ways = special.gammaln(total + 1) - special.gammaln(every + 1) - special.gammaln(total - every + 1)
    passed = np.exp(ways + special.betaln(a + every, b + total - every) - special.betaln(a, b)).cumsum(axis=0)
    inside = passed[np.clip(cases, 0, total).astype("int64")]
    return np.where((cases >= 0)[:, None], np.minimum(inside, 1.0), 0.0)


def _matched_below(cases: Floats, total: float, means: Floats, phi: Floats) -> Floats:
    """Return P(X <= case) by beta distributions of the same mean and variance, half a case on."""
    at = np.clip((cases[:, None] + 0.5) / total, 0.0, 1.0)
    return special.betainc(*_matched(total, means, phi), at)


def _matched(total: float, means: Floats, phi: Floats) -> tuple[Floats, Floats]:
    """Return the parameters of beta distributions that are, of a share of `total` cases, as wide as beta-binomials."""
    size = 1 / (1 / total + (1 - 1 / total) / (phi + 1)) - 1
    return means * size, (1 - means) * size


def _means(k: Floats, n: Floats, w: Floats, phi: Floats, middle: float, weight: float) -> Floats:
    """Return the grid of means (one row a concentration), where the years and the prior put them."""
    size = (w * n * (phi[:, None] + 1) / (n + phi[:, None])) if len(n) else np.zeros((len(phi), 0))
    cases = size.sum(axis=1) + weight
    pooled = ((size * (k / n)).sum(axis=1) + weight * middle) / cases if len(n) else np.full(len(phi), middle)
    pooled = np.clip(pooled, EDGE, 1 - EDGE)
    error = 1 / np.sqrt(cases * pooled * (1 - pooled))
    return special.expit(special.logit(pooled)[:, None] + np.minimum(error, 1.5)[:, None] * CENTRES[None, :])

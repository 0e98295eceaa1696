"""Intervals, exact tests and multiplicity for counts and shares: arrays in, arrays out.

Everything broadcasts and passes missing numbers through. Two rules hold throughout:

- *A test and its interval agree.* Two-sided p-values are twice the smaller tail, at most 1 (the central
  method), so that p < alpha exactly where the reference lies outside the interval of level 1 - alpha of the
  same kind. R's `binom.test` sums the likelihoods not above the one observed instead; that is `minlike` here,
  and agrees with no interval.
- *Mid-p is the default.* The mid-p tail counts half the probability of what was observed. Its intervals cover
  the nominal level on average, where Clopper-Pearson's cover more than they say.

References: Clopper and Pearson, Biometrika 26 (1934) 404; Wilson, JASA 22 (1927) 209; Lancaster, JASA 56 (1961)
223 (mid-p); Agresti and Gottard, Computational Statistics & Data Analysis 51 (2007) 6447 (mid-p intervals);
Garwood, Biometrika 28 (1936) 437 (Poisson); Holm, Scandinavian Journal of Statistics 6 (1979) 65; Benjamini and
Hochberg, JRSS B 57 (1995) 289; Wang and Ramdas, JRSS B 84 (2022) 822 (e-BH). Funnel limits: Spiegelhalter,
Statistics in Medicine 24 (2005) 1185. Two shares: Cornfield, Proc. Third Berkeley Symposium 4 (1956) 135
(conditional on all margins). Binomial tails by the incomplete beta function: Abramowitz and Stegun 26.5.24.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from scipy.optimize import brentq

from .errors import FpError, did_you_mean

__all__ = [
    "adjust",
    "adjust_e",
    "binomial_interval",
    "binomial_p",
    "births_needed",
    "detectable",
    "funnel_limits",
    "mixture_quantile",
    "odds_ratio",
    "outside_p",
    "poisson_interval",
    "power",
    "ratio_to_share",
    "share_to_ratio",
]

Floats: TypeAlias = NDArray[np.float64]
Side: TypeAlias = Literal["two-sided", "greater", "less"]

SIDES = ("two-sided", "greater", "less")
KINDS = ("midp", "exact", "minlike", "score")
TIE = 1e-7
"""Likelihoods this close count as equal in the `minlike` test, as in R's binom.test."""
SETTLED = 1e-6
"""Newton's step, in standard errors, after which the error left is smaller by as much again."""
QUANTILE = 1e-10
"""Newton's step, relative to the quantile of a mixture, after which it is known; the error left is far smaller."""
HALVINGS = 100
NEAR = 4
"""Counts around the normal critical value between which the exact one is looked for first."""
CHUNK = 300
"""Numbers of trials that are looked at in one go."""
BEYOND = 3.0
"""How far above the normal approximation, in its root over the spread of one trial, a count of trials may fall short:
some times what a whole outcome more or less is worth (the tests hold it against looking at every number)."""
EDGE = 1e-12
"""Alpha is read this much (relatively) lower, so that p equal to alpha but for rounding is not below it."""


def binomial_interval(
    successes: ArrayLike, trials: ArrayLike, level: float = 0.95, kind: str = "midp"
) -> tuple[Floats, Floats]:
    """Return the lower and upper bound of a share.

    `kind` is a key of INTERVALS: "midp", "clopper-pearson" or "wilson". NaN where there were no trials, or
    where `successes` is not between 0 and `trials`. Raises FpError for an unknown kind or level.
    """
    k, n = _counts(successes, trials)
    tail = _tail(level)
    if kind not in INTERVALS:
        raise FpError(f"interval {kind!r} does not exist{did_you_mean(kind, INTERVALS)}")
    lower, upper = INTERVALS[kind](k, n, tail)
    return np.where(k == 0, 0.0, lower), np.where(k == n, 1.0, upper)


def binomial_p(
    successes: ArrayLike,
    trials: ArrayLike,
    reference: ArrayLike,
    side: Side = "two-sided",
    kind: str = "midp",
) -> Floats:
    """Return the exact p-value of a share against `reference`.

    `kind`: "midp" or "exact" (two-sided: twice the smaller tail, at most 1), "minlike" (two-sided as R's
    binom.test does it; one-sided the same as "exact"), or "score" (normal, agrees with Wilson's interval). NaN
    where there were no trials.
    """
    _check_test(side, kind)
    k, n = _counts(successes, trials)
    k, n, share = np.broadcast_arrays(k, n, np.asarray(reference, dtype="float64"))
    if kind == "minlike" and side == "two-sided":
        return _minlike(k, n, share)
    if side == "two-sided":
        return np.minimum(1.0, 2 * _smaller_tail(k, n, share, kind))
    return _greater(k, n, share, kind) if side == "greater" else _greater(n - k, n, 1 - share, kind)


def outside_p(
    successes: ArrayLike,
    trials: ArrayLike,
    band: tuple[ArrayLike, ArrayLike],
    side: Side = "two-sided",
    kind: str = "midp",
) -> Floats:
    """Return the p-value of the null hypothesis that the share lies anywhere within `band` (lower, upper share).

    The worst case of a composite null is its nearer end: "greater" tests against the upper, "less" against the
    lower end, "two-sided" is twice the smaller of the two, at most 1. Raises FpError for a band that is upside down.
    """
    low, high = (np.asarray(end, dtype="float64") for end in band)
    if (low > high).any():
        raise FpError(f"the band {band} is upside down, expected (lower, upper)")
    if side != "two-sided":
        return binomial_p(successes, trials, high if side == "greater" else low, side, kind)
    k, n, low, high = _broadcast(successes, trials, low, high)
    inside = (k >= n * low - 2) & (k <= n * high + 2)
    nearer = np.where(k > n * high, high, low)
    p = np.where(inside, 1.0, np.minimum(1.0, 2 * _smaller_tail(*_counts(k, n), nearer, kind)))
    if inside.any():
        tails = (
            binomial_p(k[inside], n[inside], end[inside], way, kind) for end, way in ((high, "greater"), (low, "less"))
        )
        p = np.array(p)
        p[inside] = np.minimum(1.0, 2 * np.minimum(*tails))
    return np.where(np.isnan(_counts(k, n)[0]), np.nan, p)


def odds_ratio(
    first: tuple[float, float], second: tuple[float, float], level: float = 0.95, kind: str = "midp"
) -> tuple[float, float, float, float]:
    """Return the odds ratio of two 2-cell counts with interval and two-sided p, conditional on the margins.

    `first`, `second`: (successes, failures). The estimate is the plain cross-product; interval and p are the
    central ones of the noncentral hypergeometric distribution, "midp" or "exact", and agree with each other.
    For counts of boys and girls it is the ratio of two sex ratios. NaN where a pair is empty.
    """
    if kind not in ("midp", "exact"):
        raise FpError(f"test {kind!r} does not exist{did_you_mean(kind, ('midp', 'exact'))}")
    (a, b), (c, d), tail = first, second, _tail(level)
    if min(a, b, c, d) < 0 or not a + b or not c + d:
        return (np.nan,) * 4
    value = a * d / (b * c) if b * c else (np.nan if a * d == 0 else np.inf)
    above, below = (_conditional(a, b, c, d, kind, upper) for upper in (True, False))
    p = min(1.0, 2 * min(above(0.0), below(0.0)))
    at, error = _log_odds(a, b, c, d)
    reach = -special.ndtri(tail) * error
    lower = 0.0 if a == 0 or d == 0 else _log_root(above, tail, at - reach, error / 4)
    upper = np.inf if b == 0 or c == 0 else _log_root(below, tail, at + reach, error / 4)
    return value, lower, upper, p


def funnel_limits(
    trials: ArrayLike, target: ArrayLike, level: float = 0.95, *, factor: float = 1.0, spread: float = 0.0
) -> tuple[Floats, Floats]:
    """Return the shares between which a share `target` falls with probability `level`, for a funnel plot.

    target -+ z sqrt(factor target (1 - target) / trials + spread^2), cut at 0 and 1. `factor` is a multiplicative,
    `spread` an additive over-dispersion (Spiegelhalter 2005). Without either these are the shares whose Wilson
    interval just touches the target: the limits of PHEindicatormethods. NaN where there were no trials.
    """
    n, share = _broadcast(trials, target)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.where(n > 0, factor * share * (1 - share) / n + spread**2, np.nan)
    half = -special.ndtri(_tail(level)) * np.sqrt(variance)
    return np.maximum(share - half, 0.0), np.minimum(share + half, 1.0)


def poisson_interval(count: ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the exact (Garwood's) lower and upper bound of the mean of a Poisson count.

    NaN for a negative or missing count.
    """
    k = np.asarray(count, dtype="float64")
    k, tail = np.where(k >= 0, k, np.nan), _tail(level)
    lower = special.gammaincinv(np.where(k > 0, k, np.nan), tail)
    return np.where(k == 0, 0.0, lower), special.gammainccinv(k + 1, tail)


def adjust(p: ArrayLike, how: str = "holm") -> Floats:
    """Return p-values adjusted for all tests made together: "holm" (family-wise error) or "bh" (false discovery).

    Missing p-values stay missing and do not count as tests. The shape is kept.
    """
    if how not in ("holm", "bh"):
        raise FpError(f"adjustment {how!r} does not exist{did_you_mean(how, ('holm', 'bh'))}")
    given = np.asarray(p, dtype="float64")
    made = ~np.isnan(given)
    order = np.argsort(given[made], kind="stable")
    ordered, number = given[made][order], made.sum()
    if how == "holm":
        stepped = np.maximum.accumulate(ordered * (number - np.arange(number)))
    else:
        stepped = np.minimum.accumulate((ordered * (number / np.arange(1, number + 1)))[::-1])[::-1]
    back = np.empty(number)
    back[order] = np.minimum(stepped, 1.0)
    result = np.full(given.shape, np.nan)
    result[made] = back
    return result


def adjust_e(e: ArrayLike) -> Floats:
    """Return e-values as adjusted p-values: those at most alpha are the discoveries of e-BH at rate alpha.

    e-BH is Benjamini-Hochberg on 1/e; it needs no independence of the tests. Missing e-values stay missing.
    """
    given = np.asarray(e, dtype="float64")
    with np.errstate(divide="ignore"):
        return adjust(np.minimum(1.0, 1 / given), "bh")


def power(
    trials: ArrayLike,
    truth: ArrayLike,
    reference: ArrayLike,
    alpha: float = 0.05,
    side: Side = "two-sided",
    kind: str = "midp",
) -> Floats:
    """Return the probability that the test of `binomial_p` says p < alpha when the true share is `truth`.

    Exact: the probability of the outcomes that the test rejects, found by their bounds. `kind`: "midp" or "exact".
    """
    return _power(trials, truth, reference, alpha, side, kind)


def _power(trials: ArrayLike, truth: ArrayLike, reference: ArrayLike, alpha: float, side: Side, kind: str) -> Floats:
    n, share, ref = _broadcast(trials, truth, reference)
    high, low = _bounds(n, ref, alpha, side, kind)
    return np.where(n > 0, _at_least(high, n, share) + _at_least(n - low, n, 1 - share), np.nan)


def detectable(
    trials: ArrayLike,
    reference: ArrayLike,
    alpha: float = 0.05,
    power: float = 0.8,
    side: Side = "greater",
    kind: str = "midp",
) -> Floats:
    """Return the smallest true share above the reference that the test finds with probability `power`.

    With side "less" it is the largest one below. NaN where no outcome at all would be significant. For a
    two-sided test the outcomes on the far side, which would be the wrong finding, are not counted.
    """
    n, ref = _broadcast(trials, reference)
    high, low = _bounds(n, ref, alpha, side, kind)
    cut, mirrored = (n - low, True) if side == "less" else (high, False)
    possible = (n > 0) & (cut <= n)
    cut, some = np.where(possible, cut, 1.0), np.where(possible, n, 1.0)
    found = np.where(possible, special.betaincinv(cut, some - cut + 1, power), np.nan)
    return 1 - found if mirrored else found


@functools.lru_cache(maxsize=256)
def births_needed(
    truth: float, reference: float, alpha: float = 0.05, power: float = 0.8, side: Side = "greater", kind: str = "midp"
) -> float:
    """Return how many trials the test needs to find a true share with probability `power`, and with any more too.

    Exact up to a million trials, above that to a millionth; nearly so for shares within 0.03 of 0 or 1. Infinite where
    truth and reference are the same, or the truth is on the side that the test does not look at.
    """
    if truth == reference or side == ("less" if truth > reference else "greater"):
        return np.inf
    tail = alpha / 2 if side == "two-sided" else alpha
    spreads = [np.sqrt(s * (1 - s)) for s in (reference, truth)]
    first = ((-special.ndtri(tail) * spreads[0] + special.ndtri(power) * spreads[1]) / (truth - reference)) ** 2
    most = np.ceil(first + min(first / 2, BEYOND * np.sqrt(first) / max(min(spreads), 1e-9)) + 60)
    while _power([most], truth, reference, alpha, side, kind)[0] < power:  # shares near 0 or 1
        most *= 2
    steps = int(min(most - 1, 1_000_000))
    for last in range(steps, 0, -CHUNK):  # from the top: the last number that falls short is wanted
        part = np.unique(np.ceil(1 + (most - 1) / steps * np.arange(max(0, last - CHUNK), last + 1)))
        short = np.flatnonzero(_power(part, truth, reference, alpha, side, kind) < power)
        if len(short):
            return float(part[short[-1] + 1])
    return 1.0


def mixture_quantile(a: ArrayLike, b: ArrayLike, weights: ArrayLike, at: float) -> Floats:
    """Return a quantile of mixtures of beta distributions, one a row; a, b, weights: a row each, a column a component.

    Newton's steps from the beta distribution of the same mean and variance, within bounds that close in.
    """
    a, b, w = (np.asarray(given, dtype="float64") for given in (a, b, weights))
    mean, square = ((w * part).sum(axis=1) for part in (a / (a + b), a * (a + 1) / ((a + b) * (a + b + 1))))
    size = np.maximum(mean * (1 - mean) / np.maximum(square - mean**2, 1e-300) - 1, 1e-3)
    x, scale = special.betaincinv(mean * size, (1 - mean) * size, at), special.betaln(a, b)
    low, high = np.zeros_like(x), np.ones_like(x)
    for _ in range(HALVINGS):
        excess = (w * special.betainc(a, b, x[:, None])).sum(axis=1) - at
        low, high = np.where(excess < 0, x, low), np.where(excess < 0, high, x)
        log = special.xlogy(a - 1, x[:, None]) + special.xlog1py(b - 1, -x[:, None]) - scale
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            near = x - excess / (w * np.exp(log)).sum(axis=1)
        settled = np.abs(near - x) < QUANTILE * np.minimum(x, 1 - x)
        x = np.where(((near > low) & (near < high)) | settled, near, (low + high) / 2)
        if settled.all():
            break
    return x


def ratio_to_share(ratio: ArrayLike) -> Floats:
    """Return the share of boys for a ratio of boys per 100 girls (an infinite ratio is a share of 1)."""
    given = np.asarray(ratio, dtype="float64")
    return 1 - 100 / (100 + given)


def share_to_ratio(share: ArrayLike) -> Floats:
    """Return boys per 100 girls for a share of boys (a share of 1 is an infinite ratio)."""
    given = np.asarray(share, dtype="float64")
    with np.errstate(divide="ignore"):
        return 100 * given / (1 - given)


def _counts(successes: ArrayLike, trials: ArrayLike) -> tuple[Floats, Floats]:
    k, n = _broadcast(successes, trials)
    usable = (n > 0) & (k >= 0) & (k <= n)
    return np.where(usable, k, np.nan), np.where(usable, n, np.nan)


def _broadcast(*arrays: ArrayLike) -> tuple[Floats, ...]:
    return tuple(np.broadcast_arrays(*(np.asarray(a, dtype="float64") for a in arrays)))


def _tail(level: float) -> float:
    if not 0 < level < 1:
        raise FpError(f"level of an interval is {level}, expected a number between 0 and 1, such as 0.95")
    return (1 - level) / 2


def _check_test(side: str, kind: str) -> None:
    if side not in SIDES:
        raise FpError(f"side {side!r} does not exist{did_you_mean(side, SIDES)}")
    if kind not in KINDS:
        raise FpError(f"test {kind!r} does not exist{did_you_mean(kind, KINDS)}")


def _at_least(k: Floats, n: Floats, share: Floats) -> Floats:
    """Return P(X >= k) for X binomial (n, share)."""
    inside = (k >= 1) & (k <= n)
    tail = special.betainc(np.where(inside, k, np.nan), n - np.where(inside, k, 0) + 1, share)
    return np.where(inside, tail, np.where(k < 1, 1.0, np.where(k > n, 0.0, np.nan)))


def _greater(k: Floats, n: Floats, share: Floats, kind: str) -> Floats:
    """Return the upper tail at k: P(X >= k), or for mid-p P(X > k) + P(X = k) / 2."""
    if kind == "midp":
        return 0.5 * (_at_least(k, n, share) + _at_least(k + 1, n, share))
    if kind == "score":
        with np.errstate(invalid="ignore", divide="ignore"):
            return special.ndtr((n * share - k) / np.sqrt(n * share * (1 - share)))
    return _at_least(k, n, share)


def _conditional(a: float, b: float, c: float, d: float, kind: str, upper: bool) -> Callable[[float], float]:
    """Return the upper (or lower) tail at `a` given all margins, as a function of the log odds ratio."""
    drawn, least = a + c, max(0.0, a + c - (c + d))
    most = min(a + b, drawn)
    width = 40 * np.sqrt(min(a + b, c + d, drawn, b + d)) + 40  # far beyond any tail that can be told from 0
    x = np.arange(max(least, a - width), min(most, a + width) + 1)
    ways = [special.gammaln(m + 1) - special.gammaln(y + 1) - special.gammaln(m - y + 1)
            for m, y in ((a + b, x), (c + d, drawn - x))]  # fmt: skip
    within = x >= a if upper else x <= a
    share = np.where(x == a, 0.5 if kind == "midp" else 1.0, within)

    def tail(log_ratio: float) -> float:
        weights = ways[0] + ways[1] + x * log_ratio
        weights = np.exp(weights - weights.max())
        return float(weights @ share / weights.sum())

    return tail


def _log_odds(*cells: float) -> tuple[float, float]:
    """Return the log odds ratio of four counts and its standard error, half a case added to each (Haldane 1956)."""
    a, b, c, d = (cell + 0.5 for cell in cells)
    return np.log(a * d / (b * c)), np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)


def _log_root(tail: Callable[[float], float], wanted: float, start: float, reach: float) -> float:
    """Return exp of the log odds ratio at which a tail is as large as wanted; as a probit it is nearly a line."""
    goal = special.ndtri(wanted)

    def excess(log_ratio: float) -> float:
        return float(special.ndtri(np.clip(tail(log_ratio), 1e-300, 1 - 1e-16)) - goal)

    while excess(start - reach) * excess(start + reach) > 0:
        reach *= 2
    return float(np.exp(brentq(excess, start - reach, start + reach, xtol=1e-14, rtol=1e-14)))


def _smaller_tail(k: Floats, n: Floats, share: Floats, kind: str) -> Floats:
    """Return the smaller of the two tails; both are worked out only near the mean, where either can be it."""
    above = k >= n * share
    outer, rate = np.where(above, k, n - k), np.where(above, share, 1 - share)
    tail, near = _greater(outer, n, rate, kind), np.abs(k - n * share) < 2
    if near.any():
        tail = np.array(tail)
        tail[near] = np.minimum(tail[near], _greater(n[near] - outer[near], n[near], 1 - rate[near], kind))
    return tail


def _clopper_pearson(k: Floats, n: Floats, tail: float) -> tuple[Floats, Floats]:
    lower = special.betaincinv(np.where(k > 0, k, np.nan), n - k + 1, tail)
    upper = special.betaincinv(k + 1, np.where(k < n, n - k, np.nan), 1 - tail)
    return lower, upper


def _wilson(k: Floats, n: Floats, tail: float) -> tuple[Floats, Floats]:
    z = -special.ndtri(tail)
    middle = (k + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * np.sqrt(k * (n - k) / n + z**2 / 4)
    return middle - half, middle + half


def _midp_interval(k: Floats, n: Floats, tail: float) -> tuple[Floats, Floats]:
    return _midp_lower(k, n, tail), 1 - _midp_lower(n - k, n, tail)


def _midp_lower(k: Floats, n: Floats, tail: float) -> Floats:
    """Return the lower bounds by Newton's method from Wilson's, on the probit of the tail, which is all but straight.

    A step that leaves what is known to enclose the bound is replaced by halving; what has settled is left alone.
    """
    shape = k.shape
    with np.errstate(divide="ignore"):
        found = np.where(k == n, (2 * tail) ** (1 / n), np.nan).ravel()
    todo = np.flatnonzero((k > 0) & (k < n))
    k, n = k.ravel()[todo], n.ravel()[todo]
    low, share, high, z = np.zeros(len(k)), _wilson(k, n, tail)[0], np.ones(len(k)), special.ndtri(tail)
    for _ in range(HALVINGS):
        if not len(todo):
            break
        excess, step = _midp_step(k, n, share, z)
        low, high = np.where(excess < 0, share, low), np.where(excess < 0, high, share)
        inside = (share - step > low) & (share - step < high)
        settled = np.abs(step) <= SETTLED * share * np.sqrt((1 - share) / k)
        share = np.where(inside | settled, share - step, (low + high) / 2)
        found[todo[settled]] = share[settled]
        k, n, low, share, high, todo = (a[~settled] for a in (k, n, low, share, high, todo))
    found[todo] = share
    return found.reshape(shape)


def _midp_step(k: Floats, n: Floats, share: Floats, z: float) -> tuple[Floats, Floats]:
    """Return how far the probit of the mid-p tail is above z, and Newton's step towards it."""
    log = special.xlogy(k, share) + special.xlog1py(n - k, -share) - special.betaln(k, n - k + 1)
    likely = np.exp(log) / k  # P(X = k)
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = special.ndtri(special.betainc(k, n - k + 1, share) - likely / 2) - z
        rise = likely / 2 * (k / share + (n - k) / (1 - share))
        return excess, excess * np.exp(-((excess + z) ** 2) / 2) / np.sqrt(2 * np.pi) / rise


def _bounds(n: Floats, ref: Floats, alpha: float, side: str, kind: str) -> tuple[Floats, Floats]:
    """Return the smallest count significantly high (n + 1: none) and the largest significantly low (-1: none)."""
    _check_test(side, kind)
    tail = (alpha / 2 if side == "two-sided" else alpha) * (1 - EDGE)
    high = np.full(n.shape, np.nan) if side == "less" else _smallest_high(n, ref, tail, kind)
    low = np.full(n.shape, np.nan) if side == "greater" else n - _smallest_high(n, 1 - ref, tail, kind)
    return np.where(np.isnan(high), n + 1, high), np.where(np.isnan(low), -1.0, low)


def _smallest_high(n: Floats, ref: Floats, tail: float, kind: str) -> Floats:
    """Return the smallest count whose upper tail is below `tail`, by halving; n + 1 where there is none."""
    low, high = _around(n, ref, tail, kind)
    while (low < high).any():
        middle = np.floor((low + high) / 2)
        significant = _greater(middle, n, ref, kind) < tail
        low, high = np.where(significant | (low >= high), low, middle + 1), np.where(significant, middle, high)
    return high


def _around(n: Floats, ref: Floats, tail: float, kind: str) -> tuple[Floats, Floats]:
    """Return bounds of the smallest count whose upper tail is below `tail`: near the normal one where it is there."""
    low, high = np.zeros_like(n), np.where(n > 0, n, 0.0) + 1
    with np.errstate(invalid="ignore"):
        normal = np.floor(n * ref - special.ndtri(tail) * np.sqrt(n * ref * (1 - ref)))
    near_low, near_high = (np.clip(normal + step, low, high) for step in (-NEAR, NEAR))
    known = (near_low == low) | (_greater(near_low - 1, n, ref, kind) >= tail)
    known &= (near_high == high) | (_greater(near_high, n, ref, kind) < tail)
    return np.where(known, near_low, low), np.where(known, near_high, high)


def _minlike(k: Floats, n: Floats, share: Floats) -> Floats:
    """Return the p-value that sums all outcomes no more likely than the one observed (R's binom.test)."""
    upper = k >= n * share
    k, share = np.where(upper, k, n - k), np.where(upper, share, 1 - share)
    limit = _log_likelihood(k, n, share) + np.log1p(TIE)
    low, high = np.full(k.shape, -1.0), np.floor(np.where(np.isnan(n), 0.0, n) * share)
    while (low < high).any():
        middle = np.ceil((low + high) / 2)
        as_rare = _log_likelihood(middle, n, share) <= limit
        low, high = np.where(as_rare, middle, low), np.where(as_rare | (low >= high), high, middle - 1)
    below = np.where(low >= 0, _at_least(n - low, n, 1 - share), 0.0)
    return np.where(k == n * share, 1.0, np.minimum(1.0, _at_least(k, n, share) + below))


def _log_likelihood(k: Floats, n: Floats, share: Floats) -> Floats:
    ways = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return ways + special.xlogy(k, share) + special.xlog1py(n - k, -share)


INTERVALS = {"midp": _midp_interval, "clopper-pearson": _clopper_pearson, "wilson": _wilson}
"""Kinds of interval of a share: (successes, trials, tail) -> (lower, upper)."""

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
Hochberg, JRSS B 57 (1995) 289. Binomial tails by the incomplete beta function: Abramowitz and Stegun 26.5.24.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from scipy.optimize import elementwise

from .errors import FpError, did_you_mean

__all__ = [
    "adjust",
    "binomial_interval",
    "binomial_p",
    "detectable",
    "poisson_interval",
    "power",
    "ratio_to_share",
    "share_to_ratio",
]

Floats: TypeAlias = NDArray[np.float64]
Side: TypeAlias = Literal["two-sided", "greater", "less"]

SIDES = ("two-sided", "greater", "less")
TIE = 1e-7
"""Likelihoods this close count as equal in the `minlike` test, as in R's binom.test."""
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

    `kind`: "midp" or "exact" (two-sided: twice the smaller tail, at most 1), or "minlike" (two-sided as R's
    binom.test does it; one-sided the same as "exact"). NaN where there were no trials.
    """
    _check_test(side, kind)
    k, n = _counts(successes, trials)
    k, n, share = np.broadcast_arrays(k, n, np.asarray(reference, dtype="float64"))
    if kind == "minlike" and side == "two-sided":
        return _minlike(k, n, share)
    greater, less = (_greater(a, n, b, kind) for a, b in ((k, share), (n - k, 1 - share)))
    if side == "two-sided":
        return np.minimum(1.0, 2 * np.minimum(greater, less))
    return greater if side == "greater" else less


def poisson_interval(count: ArrayLike, level: float = 0.95, kind: str = "midp") -> tuple[Floats, Floats]:
    """Return the lower and upper bound of the mean of a Poisson count; `kind` is "midp" or "exact" (Garwood).

    NaN for a negative or missing count.
    """
    if kind not in ("midp", "exact"):
        raise FpError(f"interval {kind!r} does not exist{did_you_mean(kind, ('midp', 'exact'))}")
    k = np.asarray(count, dtype="float64")
    k, tail = np.where(k >= 0, k, np.nan), _tail(level)
    exact = special.gammaincinv(np.where(k > 0, k, np.nan), tail), special.gammainccinv(k + 1, tail)
    if kind == "exact":
        return np.where(k == 0, 0.0, exact[0]), exact[1]
    inner = special.gammaincinv(k + 1, tail), special.gammainccinv(np.where(k > 0, k, np.nan), tail)
    lower = _root(_poisson_above, exact[0], inner[0], k, tail)
    upper = _root(_poisson_below, np.where(k > 0, inner[1], 0.0), exact[1], k, tail)
    return np.where(k == 0, 0.0, lower), upper


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
    if kind not in ("midp", "exact", "minlike"):
        raise FpError(f"test {kind!r} does not exist{did_you_mean(kind, ('midp', 'exact', 'minlike'))}")


def _at_least(k: Floats, n: Floats, share: Floats) -> Floats:
    """Return P(X >= k) for X binomial (n, share)."""
    inside = (k >= 1) & (k <= n)
    tail = special.betainc(np.where(inside, k, np.nan), n - np.where(inside, k, 0) + 1, share)
    return np.where(inside, tail, np.where(k < 1, 1.0, np.where(k > n, 0.0, np.nan)))


def _greater(k: Floats, n: Floats, share: Floats, kind: str) -> Floats:
    """Return the upper tail at k: P(X >= k), or for mid-p P(X > k) + P(X = k) / 2."""
    if kind == "midp":
        return 0.5 * (_at_least(k, n, share) + _at_least(k + 1, n, share))
    return _at_least(k, n, share)


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
    """Bounds by root finding between the two exact bounds for k and its neighbour, which enclose them."""
    return _midp_lower(k, n, tail), 1 - _midp_lower(n - k, n, tail)


def _midp_lower(k: Floats, n: Floats, tail: float) -> Floats:
    some = np.where(k > 0, k, np.nan)
    outer = special.betaincinv(some, n - k + 1, tail)
    inner = np.where(k < n, special.betaincinv(some + 1, np.where(k < n, n - k, 1.0), tail), 1.0)
    return _root(lambda share, k, n, a: _greater(k, n, share, "midp") - a, outer, inner, some, n, tail)


def _root(function: object, low: Floats, high: Floats, *args: ArrayLike) -> Floats:
    """Return the root between two arrays of bounds, NaN where a bound is missing."""
    low, high, *given = np.broadcast_arrays(low, high, *args)
    use = ~(np.isnan(low) | np.isnan(high))
    result = np.full(low.shape, np.nan)
    if use.any():
        bracket = (low[use], high[use])
        found = elementwise.find_root(function, bracket, args=tuple(a[use] for a in given),
                                      tolerances={"xatol": 0, "xrtol": 1e-13, "fatol": 0, "frtol": 0})  # fmt: skip
        result[use] = found.x
    return result


def _poisson_above(mean: Floats, k: Floats, tail: Floats) -> Floats:
    """Return P(X > k) + P(X = k) / 2 - tail for X Poisson."""
    return 0.5 * (special.gammainc(k, mean) + special.gammainc(k + 1, mean)) - tail


def _poisson_below(mean: Floats, k: Floats, tail: Floats) -> Floats:
    """Return P(X < k) + P(X = k) / 2 - tail for X Poisson."""
    under = np.where(k > 0, special.gammaincc(np.maximum(k, 1), mean), 0.0)
    return 0.5 * (under + special.gammaincc(k + 1, mean)) - tail


def _bounds(n: Floats, ref: Floats, alpha: float, side: str, kind: str) -> tuple[Floats, Floats]:
    """Return the smallest count significantly high (n + 1: none) and the largest significantly low (-1: none)."""
    _check_test(side, kind)
    tail = (alpha / 2 if side == "two-sided" else alpha) * (1 - EDGE)
    high = np.full(n.shape, np.nan) if side == "less" else _smallest_high(n, ref, tail, kind)
    low = np.full(n.shape, np.nan) if side == "greater" else n - _smallest_high(n, 1 - ref, tail, kind)
    return np.where(np.isnan(high), n + 1, high), np.where(np.isnan(low), -1.0, low)


def _smallest_high(n: Floats, ref: Floats, tail: float, kind: str) -> Floats:
    """Return the smallest count whose upper tail is below `tail`, by halving; n + 1 where there is none."""
    low, high = np.zeros_like(n), np.where(n > 0, n, 0.0) + 1
    while (low < high).any():
        middle = np.floor((low + high) / 2)
        significant = _greater(middle, n, ref, kind) < tail
        low, high = np.where(significant | (low >= high), low, middle + 1), np.where(significant, middle, high)
    return high


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

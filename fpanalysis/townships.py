"""Many small places together: shrunken ratios, how much places truly differ, the funnel, several years pooled.

Twenty raw ratios of 250 births each lie between 80 and 135 when nothing at all is the matter, so they are never
ranked. Instead:

- *Shrinkage.* The townships' shares of boys come from a beta distribution whose centre and spread are not known; each
  township has its own multiplier of the spread (a scale mixture that is close to a t distribution), so that two
  odd places neither drag the others along nor are themselves pulled in. Nothing is plugged in: the intervals are
  quantiles of the posterior averaged over centre and spread (prior: PRIOR), since
  plugging the spread in is what makes empirical-Bayes intervals too short (Morris, JASA 78 (1983) 47; Gelman,
  Bayesian Analysis 1 (2006) 515).
- *Over-dispersion.* Chi-square over its degrees of freedom, and the additive spread of DerSimonian and Laird
  (Controlled Clinical Trials 7 (1986) 177), both with an interval (Viechtbauer, Statistics in Medicine 26 (2007) 37).
- *Funnel.* Limits around the county's ratio by births (Spiegelhalter, Statistics in Medicine 24 (2005) 1185).

All take `srb` rows of one period before small counts are hidden, and read boys (count) and births (total).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special
from scipy.optimize import brentq

from . import results, stats
from .errors import FpError, did_you_mean
from .sex_ratio import sex_ratio

__all__ = ["MEASURES", "OVERDISPERSION", "dispersion", "funnel", "pooled", "shrunken"]

Floats: TypeAlias = NDArray[np.float64]

PRIOR = 0.2
"""Scale of the prior on the spread of log ratios, flat on the variance below it (Morris 1983; Daniels, Canadian J.
Statistics 27 (1999) 567). A half-Cauchy of scale 0.05 covers 86 % where townships truly differ by 10 points, since
twenty townships alone cannot tell a spread of 10 from none."""
SPREADS = np.concatenate([[1e-3], np.geomspace(0.01, 0.6, 14)])
"""Grid of the spread of log ratios (0.01 is about 1 boy per 100 girls)."""
CENTRES = np.linspace(-3.0, 3.0, 9)
"""Grid of the common centre, in its standard errors."""
SCALES = np.array([0.8, 1.4, 3.0])
MIXED = np.array([0.55, 0.35, 0.10])
"""Multipliers of a township's spread and their weights: near a t distribution with 4 degrees of freedom."""
WINSOR = 0.1
"""Share of the z-scores at each end that is pulled in before over-dispersion is measured (Spiegelhalter 2005)."""
LEVELS = (0.95, 0.998)
MEASURES = ("srb_shrunken", "srb_funnel", "srb_pooled", "srb_pooled_adjusted", "srb_pooled_band",
            "srb_pooled_band_adjusted")  # fmt: skip
"""Measures that stand on counts of persons in townships: for `disclosure.protect`."""


def shrunken(found: pd.DataFrame, *, period: str, county: str, level: float = 0.95) -> pd.DataFrame:
    """Return rows `srb_shrunken` of the townships and `srb_spread` of the county.

    value: posterior mean ratio with its central interval; p stays empty. `srb_spread`: typical difference between
    townships in boys per 100 girls (posterior median of the spread), with interval; count = townships. Townships
    without births have no value. Fewer than three townships with births give no rows.
    """
    towns = _towns(found, period, county)
    boys, total = towns["count"].to_numpy(), towns["total"].to_numpy()
    use = total > 0
    if use.sum() < 3:
        return results.empty()
    centre, scaled, weight, spread = _posterior(boys[use], total[use])
    mean, low, high = _summaries(boys[use], total[use], centre, scaled, weight, level)
    method = f"beta_binomial-{100 * level:g}"
    rows = towns[use].assign(measure="srb_shrunken", method=method, note="", p=np.nan)
    rows = rows.assign(value=_ratio(mean), lower=_ratio(low), upper=_ratio(high))
    empty = towns[~use].assign(measure="srb_shrunken", method=method, note=results.note("note.srb.empty"))
    numbers = _weighted_quantiles(SPREADS, spread, [0.5, (1 - level) / 2, (1 + level) / 2])
    points = 100 * boys[use].sum() / max(total[use].sum() - boys[use].sum(), 1) * numbers
    head = {"place": county, "period": period, "measure": "srb_spread", "count": int(use.sum()), "method": method}
    whole = results.rows([{**head, **dict(zip(("value", "lower", "upper"), points, strict=True))}])
    return results.combine([results.rows(rows), results.rows(empty.assign(value=np.nan)), whole])


def dispersion(found: pd.DataFrame, *, period: str, county: str, level: float = 0.95) -> pd.DataFrame:
    """Return rows `srb_dispersion` (chi-square / degrees of freedom) and `srb_between` (sd in boys per 100 girls).

    `srb_dispersion`: 1 means that townships differ as chance makes them; p from the chi-square distribution, upper
    tail; the interval is that of a mean square. `srb_between`: DerSimonian and Laird's standard deviation between
    townships with its Q-profile interval. count = townships. Fewer than three with births give no rows.
    """
    towns = _towns(found, period, county)
    towns = towns[towns["total"] > 0]
    if len(towns) < 3:
        return results.empty()
    boys, total = towns["count"].to_numpy(), towns["total"].to_numpy()
    share = boys.sum() / total.sum()
    freedom = len(towns) - 1
    square = float((((boys - total * share) ** 2) / (total * max(share * (1 - share), 1e-12))).sum())
    tail = (1 - level) / 2
    ends = [square / special.chdtri(freedom, q) for q in (tail, 1 - tail)]
    head = {"place": county, "period": period, "count": len(towns), "total": total.sum()}
    key = "note.srb.dispersion." + ("more" if special.chdtrc(freedom, square) < 1 - level else "chance")
    between, low, high = _between(boys / total, total, share, level)
    points = 100 / (1 - share) ** 2 if share < 1 else np.nan
    first = {"measure": "srb_dispersion", "value": square / freedom, "lower": ends[0], "upper": ends[1],
             "p": float(special.chdtrc(freedom, square)), "method": f"chi_square-{100 * level:g}",
             "note": results.note(key, places=len(towns))}  # fmt: skip
    second = {"measure": "srb_between", "value": between * points, "lower": low * points, "upper": high * points,
              "method": f"q_profile-{100 * level:g}"}  # fmt: skip
    return results.rows([{**head, **first}, {**head, **second}])


def funnel(
    found: pd.DataFrame,
    *,
    period: str,
    county: str,
    target: float | None = None,
    overdispersion: str = "none",
    levels: Sequence[float] = LEVELS,
) -> pd.DataFrame:
    """Return rows `srb_funnel/95`, `/99.8`: townships' ratios with the limits within which chance alone keeps them.

    `target`: boys per 100 girls, by default the townships' together.
    `overdispersion`: a key of OVERDISPERSION: "multiplicative" widens all limits by the same factor, "additive" adds
    a spread between places; both are measured on the townships and used only when they exceed chance. The county's
    row `srb_funnel` holds the target (value), the factor (lower) and the spread in shares (upper). Limits beyond
    which no count can lie are 0 or infinite.
    """
    if overdispersion not in OVERDISPERSION:
        raise FpError(
            f"over-dispersion {overdispersion!r} does not exist{did_you_mean(overdispersion, OVERDISPERSION)}"
        )
    towns = _towns(found, period, county)
    towns = towns[towns["total"] > 0]
    if towns.empty:
        return results.empty()
    boys, total = towns["count"].to_numpy(), towns["total"].to_numpy()
    share = boys.sum() / total.sum() if target is None else float(stats.ratio_to_share(target))
    factor, spread = OVERDISPERSION[overdispersion](boys, total, share)
    made = []
    for level in levels:
        low, high = stats.funnel_limits(total, share, level, factor=factor, spread=spread)
        outside = (boys / total < low) | (boys / total > high)
        notes = [results.note(f"note.srb.funnel.{'outside' if out else 'inside'}", level=level) for out in outside]
        name = f"{100 * level:g}"
        limits = towns.assign(measure=f"srb_funnel/{name}", method=f"funnel-{name}", note=notes, p=np.nan)
        made.append(limits.assign(lower=_ratio(low), upper=_ratio(high)))
    rows = pd.concat(made)
    said = results.note("note.srb.funnel.about", places=len(towns), target=float(_ratio(share)))
    head = {"place": county, "period": period, "measure": "srb_funnel", "count": len(towns), "total": total.sum()}
    about = {**head, "value": float(_ratio(share)), "lower": factor, "upper": spread, "note": said,
             "method": f"funnel_{overdispersion}"}  # fmt: skip
    return results.combine([results.rows(rows), results.rows([about])])


def pooled(
    births: pd.DataFrame, *, last: pd.Period, period: str, county: str, years: int = 3, **terms: Any
) -> pd.DataFrame:
    """Return rows `srb_pooled`, `srb_pooled_band` and their `_adjusted` of county and townships over the last years.

    `last`: last month of the pool. `terms`: those of `sex_ratio`. The note says what may be said, as for `srb`.
    """
    months = pd.period_range(last - (12 * years - 1), last, freq="M")
    found = sex_ratio(births, months=months, period=period, county=county, by=["place"], **terms)
    words = {
        name: name.replace("srb", "srb_pooled") for name in ("srb", "srb_adjusted", "srb_band", "srb_band_adjusted")
    }
    rows = results.pick(found, measure=list(words))
    return results.rows(rows.assign(measure=rows["measure"].map(words)))


def _towns(found: pd.DataFrame, period: str, county: str) -> pd.DataFrame:
    rows = results.pick(found, period=period, measure="srb")
    rows = rows[(rows["place"] != county) & rows["count"].ge(0) & rows["count"].le(rows["total"])]
    if rows.duplicated("place").any():
        raise FpError("several sex ratios for one place: pick one basis first")
    return rows


def _ratio(share: Any) -> Any:
    return stats.share_to_ratio(share)


def _posterior(boys: Floats, total: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return centres and concentrations of the beta components, their weights by township, weights of SPREADS.

    The components are all points (spread, centre, scale) of the grid that matter; weights: one row a township.
    """
    share = np.clip(boys.sum() / total.sum(), 0.02, 0.98)
    unit = share * (1 - share)
    precision = 1 / (SPREADS[:, None] ** 2 + 1 / (total * unit)[None, :])
    error = 1 / np.sqrt(precision.sum(axis=1))
    centre = special.expit(special.logit(share) + error[:, None] * CENTRES[None, :])
    concentrated = 1 / ((SPREADS[:, None] * SCALES[None, :]) ** 2 * unit)
    a = centre[:, :, None] * concentrated[:, None, :]
    b = (1 - centre)[:, :, None] * concentrated[:, None, :]
    log = special.betaln(a + boys[:, None, None, None], b + (total - boys)[:, None, None, None]) - special.betaln(a, b)
    log += np.log(MIXED)
    by_point = special.logsumexp(log, axis=3)
    prior = np.log(np.gradient(SPREADS) * SPREADS / (1 + (SPREADS / PRIOR) ** 2) ** 2)[:, None] + np.log(error)[:, None]
    joint = by_point.sum(axis=0) + prior
    joint = np.exp(joint - joint.max())
    joint /= joint.sum()
    weight = joint[None, :, :, None] * np.exp(log - by_point[:, :, :, None])
    keep = weight.max(axis=0) > 1e-5 / len(boys)
    shape = np.broadcast_to(concentrated[:, None, :], keep.shape)
    middle = np.broadcast_to(centre[:, :, None], keep.shape)
    kept = weight[:, keep]
    return middle[keep], shape[keep], kept / kept.sum(axis=1, keepdims=True), joint.sum(axis=1)


def _summaries(
    boys: Floats, total: Floats, centre: Floats, concentrated: Floats, weight: Floats, level: float
) -> tuple[Floats, Floats, Floats]:
    """Return mean, lower and upper quantile of each township's share: a mixture of beta distributions."""
    a = boys[:, None] + (centre * concentrated)[None, :]
    b = (total - boys)[:, None] + ((1 - centre) * concentrated)[None, :]
    mean = (weight * a / (a + b)).sum(axis=1)
    ends = [stats.mixture_quantile(a, b, weight, q) for q in ((1 - level) / 2, (1 + level) / 2)]
    return mean, *ends


def _weighted_quantiles(values: Floats, weights: Floats, at: Sequence[float]) -> Floats:
    """Return quantiles of a distribution on a grid, linear between its points."""
    passed = np.cumsum(weights) - weights / 2
    return np.interp(at, passed / weights.sum(), values)


def _between(shares: Floats, total: Floats, share: float, level: float) -> tuple[float, float, float]:
    """Return the standard deviation of shares between places (DerSimonian and Laird) and its Q-profile interval."""
    variance = max(share * (1 - share), 1e-12) / total

    def q(extra: float) -> float:
        weights = 1 / (variance + extra)
        return float((weights * (shares - (weights * shares).sum() / weights.sum()) ** 2).sum())

    freedom, weights = len(total) - 1, 1 / variance
    moment = (q(0.0) - freedom) / (weights.sum() - (weights**2).sum() / weights.sum())
    tail, most = (1 - level) / 2, 1.0
    ends = []
    for target in (special.chdtri(freedom, tail), special.chdtri(freedom, 1 - tail)):
        ends.append(brentq(lambda x, c=target: q(x) - c, 0.0, most) if q(0.0) > target > q(most) else 0.0)
    return float(np.sqrt(max(moment, 0.0))), float(np.sqrt(ends[0])), float(np.sqrt(ends[1]))


def _winsorised(boys: Floats, total: Floats, share: float) -> tuple[Floats, Floats]:
    """Return z-scores pulled in at both ends, and the variances of the shares."""
    variance = max(share * (1 - share), 1e-12) / total
    z = (boys / total - share) / np.sqrt(variance)
    low, high = np.quantile(z, [WINSOR, 1 - WINSOR])
    return np.clip(z, low, high), variance


def _none(boys: Floats, total: Floats, share: float) -> tuple[float, float]:
    return 1.0, 0.0


def _multiplicative(boys: Floats, total: Floats, share: float) -> tuple[float, float]:
    """Return the mean squared z-score when it exceeds what chance gives, else 1 (Spiegelhalter 2005, 4.1)."""
    factor = float((_winsorised(boys, total, share)[0] ** 2).mean())
    return (factor if _exceeds(factor, len(boys)) else 1.0), 0.0


def _additive(boys: Floats, total: Floats, share: float) -> tuple[float, float]:
    """Return the spread between places by the method of moments (Spiegelhalter 2005, 4.2), 0 when chance will do."""
    z, variance = _winsorised(boys, total, share)
    factor, number, weights = float((z**2).mean()), len(boys), 1 / variance
    if not _exceeds(factor, number):
        return 1.0, 0.0
    extra = (number * factor - (number - 1)) / (weights.sum() - (weights**2).sum() / weights.sum())
    return 1.0, float(np.sqrt(max(extra, 0.0)))


def _exceeds(factor: float, number: int) -> bool:
    """Return whether a mean squared z-score is above (I - 1) / I, where over-dispersion begins to be seen."""
    return factor > (number - 1) / number


OVERDISPERSION = {"none": _none, "multiplicative": _multiplicative, "additive": _additive}
"""How a funnel allows for places that truly differ: (boys, births, share) -> (factor, spread)."""

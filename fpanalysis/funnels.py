"""The county among similar ones: a funnel that allows for over-dispersion, ranks with intervals, worse and worsening.

*Which counties.* Those that are alike in size: births (or another measure's total) between half and twice the county's
own. Where fewer than FEWEST are, or size is not known, all of them; the row says which and how many were left out.

*Funnel.* Each county's share or rate against its size, between the limits within which it would lie if it were like its
peers (Spiegelhalter, Statistics in Medicine 24 (2005) 1185). Target and over-dispersion come from the peers alone, so
that the county is not held against itself. Counties truly differ in what no indicator allows for; unless that is
allowed for, half of them lie outside. The z-scores, the outer tenth at each end pulled in (winsorised), have a mean
square phi; where it is above what chance gives, limits are widened - "multiplicative": by sqrt(phi) for all;
"additive" (the default, since it does not punish large counties): by a variance between counties, by the moments of
DerSimonian and Laird (Controlled Clinical Trials 7 (1986) 177; Spiegelhalter, Quality and Safety in Health Care 14
(2005) 347). Of a few peers that leaves one ordinary county in six outside 95 % limits, since winsorising shrinks what
is pulled in, and since neither centre nor spread is known: so the z-scores are divided by what they shrink to when
chance alone is at work, the error of the centre is added, and the limits are those of Student's t with the degrees of
freedom that the winsorised squares have (as in the prediction interval of Higgins, Thompson and Spiegelhalter, JRSS A
172 (2009) 137). They hold what they say (`benchmarks/services.py`); where counties do not truly differ, more.

*Ranks.* A rank without its interval is noise: with equal counties it is drawn by lot every year (Goldstein and
Spiegelhalter, JRSS A 159 (1996) 385). A county's interval of ranks counts those that are better, and those that are
worse, beyond doubt: pairwise score tests, Holm's correction over the county's pairs (Mogstad, Romano, Shaikh, Wilhelm,
Review of Economic Studies 91 (2024) 476). It holds the true rank in at least 95 of 100 cases, ties included, where
simulated ranks do not.

A county outside the funnel whose rank could still be any is not called better or worse: it cannot be told apart.

*Worse and worsening* needs two periods: outside the funnel on the wrong side (after Holm over the measures), and itself
changed for the worse by the exact test. Which side is wrong, the catalogue says (`better`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from .benchmark import UNITS, of_peers, rated
from .errors import FpError, did_you_mean
from .results import Fact, fact, note, rows
from .stats import adjust, binomial_p, odds_ratio
from .wording import indicator

__all__ = ["LEVELS", "OVERDISPERSION", "VERDICTS", "overdispersion", "rank_intervals", "similar", "standing"]

Floats: TypeAlias = NDArray[np.float64]

LEVELS = (0.95, 0.998)
WINSOR = 0.1
FEWEST = 3
SIZE_FACTOR = 2.0
ALPHA = 0.05
DRAWS, SEED = 20_000, 2005
"""Simulated sets of peers that tell what winsorising does to as many."""


def similar(
    peers: pd.DataFrame, own_results: pd.DataFrame, *, period: str, county: str, size: str = "srb",
    own_names: Collection[str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Return the rows of the similar counties (see the module), and the result row `peer_similar` that says which.

    `size`: the measure whose total is a county's size.
    """
    mine = of_peers(peers, county, own_names)
    own = fact(own_results, place=county, period=period, measure=size).total
    sizes = mine[(mine["period"] == period) & (mine["measure"] == size)].set_index("county")["total"].astype("float64")
    near = [str(name) for name, n in sizes.items() if own / SIZE_FACTOR <= n <= own * SIZE_FACTOR]
    everyone = list(dict.fromkeys(mine.loc[mine["period"] == period, "county"]))
    if not everyone:
        return mine, rows([])
    left = [name for name in everyone if name not in near]
    base = {"place": county, "period": period, "measure": "peer_similar", "total": len(everyone), "method": "counted"}
    if len(near) < FEWEST:
        said = note("note.peer.all", n=len(everyone))
        return mine, rows([{**base, "count": len(everyone), "note": said}])
    key = "note.peer.similar" if left else "note.peer.all_similar"
    said = note(key, n=len(near), factor=SIZE_FACTOR, left=left) if left else note(key, n=len(near), factor=SIZE_FACTOR)
    return mine[mine["county"].isin(near)], rows([{**base, "count": len(near), "note": said}])


def standing(
    peers: pd.DataFrame,
    own_results: pd.DataFrame,
    *,
    period: str,
    before: str,
    county: str,
    how: str = "additive",
) -> pd.DataFrame:
    """Return the funnel, ranks and standing of the county in every measure that it and at least FEWEST peers have.

    `peers`: rows of the counties to compare with (`similar`). `peer_funnel/<measure>/95`, `/99.8`: every county's
    figure with its limits; `peer_funnel/<measure>` of the own county: target (value), factor of the limits' variance
    (lower), standard deviation between counties as a share (upper). `peer_rank/<measure>`: rank with its interval,
    total = counties; 1 is the best, or the highest where no direction is better. `peer_standing/<measure>`: the own
    figure, p of the funnel after Holm over the measures, and a note of VERDICTS; `before`: to have worsened since.
    """
    now = peers[peers["period"] == period]
    tables = {str(m): _table(str(m), group, own_results, period, county) for m, group in now.groupby("measure")}
    tables = {m: t for m, t in tables.items() if len(t) > FEWEST and t["place"].iloc[0] == county}
    made = {m: _funnel(m, table, how) for m, table in tables.items()}
    adjusted = adjust([funnel["p"] for funnel in made.values()]) if made else []
    records: list[dict[str, Any]] = []
    for (measure, table), p in zip(tables.items(), adjusted, strict=True):
        then = fact(own_results, place=county, period=before, measure=measure)
        ranked = _ranks(measure, table, made[measure]["rated"])
        records += _limits(measure, table, made[measure], how) + ranked
        apart = ranked[0]["lower"] > 1 or ranked[0]["upper"] < len(table)
        records.append(_standing(measure, table, made[measure], float(p), then, apart))
    return rows([{"period": period, **r} for r in records])


def overdispersion(
    values: ArrayLike, variances: ArrayLike, target: float, how: str = "additive", shrunk: float = 1.0
) -> tuple[float, float]:
    """Return the factor and the additional variance that the limits of a funnel need (1 and 0: chance alone).

    `values` with their sampling `variances` around the `target`; `how`: a key of OVERDISPERSION; `shrunk`: what
    winsorising makes of a mean square of 1, by which that of the z-scores is divided.
    """
    if how not in OVERDISPERSION:
        raise FpError(f"over-dispersion {how!r} does not exist{did_you_mean(how, OVERDISPERSION)}")
    y, v = (np.asarray(a, dtype="float64") for a in (values, variances))
    z = (y - target) / np.sqrt(v)
    return OVERDISPERSION[how](_winsorised(z) / np.sqrt(shrunk), v)


def rank_intervals(values: ArrayLike, totals: ArrayLike, *, rated: bool, high_first: bool = True,
                   level: float = 0.95) -> tuple[Floats, Floats, Floats]:  # fmt: skip
    """Return rank, lowest and highest rank of shares (or, `rated`, rates) with their totals.

    Two are told apart by the score test with the pooled variance; each row's tests are corrected by Holm. Equal values
    share the better rank.
    """
    y, n = (np.asarray(a, dtype="float64") for a in (values, totals))
    pooled = (y[:, None] * n[:, None] + y * n) / (n[:, None] + n)
    spread = pooled if rated else pooled * (1 - pooled)
    gap = y - y[:, None]  # of the column over the row
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(gap == 0, 0.0, gap / np.sqrt(spread * (1 / n[:, None] + 1 / n)))
    p = 2 * special.ndtr(-np.abs(z))
    np.fill_diagonal(p, np.nan)
    told = np.array([adjust(line) for line in p]) < 1 - level
    ahead = gap > 0 if high_first else gap < 0
    lower = 1 + (told & ahead).sum(axis=1)
    upper = len(y) - (told & ~ahead & (gap != 0)).sum(axis=1)
    return (1 + ahead.sum(axis=1)).astype(float), lower.astype(float), upper.astype(float)


def _table(measure: str, group: pd.DataFrame, own_results: pd.DataFrame, period: str, county: str) -> pd.DataFrame:
    """Return place, count, total of the counties that have both, the own one first."""
    own = fact(own_results, place=county, period=period, measure=measure)
    listed = group.rename(columns={"county": "place"})[["place", "count", "total"]].sort_values("place")
    mine = pd.DataFrame([{"place": county, "count": own.count, "total": own.total}])
    table = pd.concat([mine, listed], ignore_index=True).astype({"count": "float64", "total": "float64"})
    return table[(table["total"] > 0) & table["count"].notna()].reset_index(drop=True)


def _funnel(measure: str, table: pd.DataFrame, how: str) -> dict[str, Any]:
    """Return target, factor, spread, error of the centre, degrees of freedom, if it is of rates, the own z and p."""
    rate = rated(measure, table)
    peers = table.iloc[1:]
    target = float(peers["count"].sum() / peers["total"].sum())
    unit = max(target if rate else target * (1 - target), 1e-9)
    shares = (table["count"] / table["total"]).to_numpy()
    variances = unit / table["total"].to_numpy()
    known = how == "none"
    shrunk, freedom = (1.0, np.inf) if known else _winsorising(len(peers))
    factor, extra = overdispersion(shares[1:], variances[1:], target, how, shrunk)
    parts = (peers["total"] / peers["total"].sum()).to_numpy()
    centre = 0.0 if known else float((parts**2 * (factor * variances[1:] + extra)).sum())
    z = float((shares[0] - target) / np.sqrt(factor * variances[0] + extra + centre))
    return {"target": target, "factor": factor, "extra": extra, "centre": centre, "freedom": freedom, "rated": rate,
            "unit": unit, "z": z, "p": float(2 * special.stdtr(freedom, -abs(z)))}  # fmt: skip


def _winsorised(z: Floats) -> Floats:
    """Return z-scores (sets of them as rows) with the outer tenth at each end pulled in."""
    return np.clip(z, *np.quantile(z, [WINSOR, 1 - WINSOR], axis=-1, keepdims=True))


@cache
def _winsorising(number: int) -> tuple[float, float]:
    """Return mean square (a degree) and degrees of freedom of winsorised z-scores of peers that differ by chance."""
    drawn = np.random.default_rng(SEED).normal(size=(DRAWS, number))
    squares = (_winsorised(drawn - drawn.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    return float(squares.mean() / (number - 1)), float(2 * squares.mean() ** 2 / squares.var())


def _in_unit(measure: str, share: Any) -> Any:
    made = UNITS.get(measure.split("/")[0])
    return share if made is None else [made(s) for s in np.atleast_1d(share)]


def _limits(measure: str, table: pd.DataFrame, funnel: Mapping[str, Any], how: str) -> list[dict[str, Any]]:
    county = table["place"].iloc[0]
    spread = float(np.sqrt(funnel["extra"]))
    records = [{"place": county, "measure": f"peer_funnel/{measure}", "count": len(table),
                "value": float(np.atleast_1d(_in_unit(measure, funnel["target"]))[0]), "lower": funnel["factor"],
                "upper": spread, "method": f"funnel_{how}",
                "note": note("note.peer.funnel", n=len(table) - 1, factor=funnel["factor"], spread=spread,
                             **{name: funnel[name] for name in ("unit", "centre", "freedom", "rated")})}]  # fmt: skip
    for level in LEVELS:
        variance = funnel["factor"] * funnel["unit"] / table["total"] + funnel["extra"] + funnel["centre"]
        half = special.stdtrit(funnel["freedom"], (1 + level) / 2) * np.sqrt(variance)
        most = np.inf if funnel["rated"] else 1.0
        low = _in_unit(measure, np.maximum(funnel["target"] - half, 0.0))
        high = _in_unit(measure, np.minimum(funnel["target"] + half, most))
        value = _in_unit(measure, table["count"] / table["total"])
        shown = table.assign(value=np.asarray(value), lower=np.asarray(low), upper=np.asarray(high))
        records += [{**r, "measure": f"peer_funnel/{measure}/{100 * level:g}", "method": f"funnel-{100 * level:g}"}
                    for r in shown.to_dict("records")]  # fmt: skip
    return records


def _ranks(measure: str, table: pd.DataFrame, rate: bool) -> list[dict[str, Any]]:
    found = rank_intervals(table["count"] / table["total"], table["total"], rated=rate,
                           high_first=indicator(measure)["better"] != "low")  # fmt: skip
    return [{"place": place, "measure": f"peer_rank/{measure}", "count": rank, "total": len(table), "value": rank,
             "lower": low, "upper": high, "method": "ranks_pairwise-95"}
            for place, rank, low, high in zip(table["place"], *found, strict=True)]  # fmt: skip


def _standing(
    measure: str, table: pd.DataFrame, funnel: Mapping[str, Any], p: float, then: Fact, apart: bool
) -> dict[str, Any]:
    """Return the standing of the own county; `apart`: its interval of ranks leaves some rank out."""
    own = table.iloc[0]
    better = indicator(measure)["better"]
    outside = p < ALPHA
    worse = outside and better != "" and (funnel["z"] < 0) == (better == "high")
    key = ("worse" if worse else "better" if better else "high" if funnel["z"] > 0 else "low") if outside else "within"
    if outside and not apart:
        key = "untold"
    elif worse:
        key = {None: "worse_unknown", True: "worse_worsening", False: "worse"}[
            _worsened(own, then, better, funnel["rated"])
        ]
    share = own["count"] / own["total"]
    return {"place": own["place"], "measure": f"peer_standing/{measure}", "count": own["count"], "total": own["total"],
            "value": float(np.atleast_1d(_in_unit(measure, share))[0]), "p": p, "method": "funnel_z",
            "note": note(VERDICTS[key], n=len(table) - 1, ranks=len(table), p=p)}  # fmt: skip


def _worsened(own: pd.Series, then: Fact, better: str, rated: bool) -> bool | None:
    """Return whether the own figure changed for the worse by the exact test; None without an earlier one."""
    if not then.total > 0 or np.isnan(then.count):
        return None
    if rated or then.count > then.total:
        p = float(
            binomial_p(
                own["count"], own["count"] + then.count, own["total"] / (own["total"] + then.total), kind="exact"
            )
        )
    else:
        p = odds_ratio(
            (own["count"], own["total"] - own["count"]), (then.count, then.total - then.count), kind="exact"
        )[3]
    fell = own["count"] / own["total"] < then.count / then.total
    return bool(p < ALPHA and fell == (better == "high"))


def _exceeds(z: Floats) -> bool:
    return bool(len(z) * (z**2).mean() > len(z) - 1)


def _none(z: Floats, variances: Floats) -> tuple[float, float]:
    return 1.0, 0.0


def _multiplicative(z: Floats, variances: Floats) -> tuple[float, float]:
    """Return phi, the mean square of the z-scores, where it exceeds chance."""
    return (float((z**2).mean()), 0.0) if _exceeds(z) else (1.0, 0.0)


def _additive(z: Floats, variances: Floats) -> tuple[float, float]:
    """Return the variance between counties by moments (DerSimonian and Laird), 0 where chance will do."""
    weights, number = 1 / variances, len(z)
    if not _exceeds(z):
        return 1.0, 0.0
    extra = ((z**2).sum() - (number - 1)) / (weights.sum() - (weights**2).sum() / weights.sum())
    return 1.0, float(max(extra, 0.0))


OVERDISPERSION: Mapping[str, Callable[[Floats, Floats], tuple[float, float]]] = {
    "none": _none,
    "multiplicative": _multiplicative,
    "additive": _additive,
}
"""How a funnel allows for counties that truly differ: (winsorised z-scores, variances) -> (factor, variance)."""

VERDICTS: Mapping[str, str] = {
    name: f"note.standing.{name}"
    for name in ("within", "untold", "better", "worse", "worse_unknown", "worse_worsening", "high", "low")
}
"""Every standing among peers and the sentence that says it."""

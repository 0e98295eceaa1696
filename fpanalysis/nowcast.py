"""Late registration: births on the occurrence and the reporting basis, and the share that is registered by now.

A birth is counted in the month it occurred or in the month it was registered, and the two agree exactly:
*births reported = births that occurred + carried in - not yet registered*, for every place, order and sex.
The latest months are incomplete; how incomplete is estimated from how fast earlier months filled up (chain
ladder on the triangle of occurrence month by delay). Its uncertainty is Mack's, free of any distribution: it is
read off the spread of the months' own development, so over-dispersion and negative corrections are allowed.

References: Mack, ASTIN Bulletin 23 (1993) 213 (chain ladder and its error); England and Verrall, British Actuarial
Journal 8 (2002) 443; Buehlmann and Straub, Mitteilungen der Vereinigung Schweizerischer Versicherungsmathematiker 70
(1970) 111 (credibility: townships drawn towards the county); Lawless, Canadian Journal of Statistics 22 (1994) 15.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats as distributions

from . import results

__all__ = ["bases", "completed", "completeness", "earlier"]

Floats: TypeAlias = NDArray[np.float64]

MAX_DELAY = 24
"""Months after which births are taken as registered, unless told otherwise."""
BASES = ("births", "births_reported", "births_carried_in", "births_unregistered")
METHODS = {"births": "by_occurrence", "births_reported": "by_registration"}
PARTS = ("", "order", "sex", "order/sex")
WRITTEN = {"place": "{}", "order": "/order{}", "sex": "/{}"}
"""How a value stands in the name of a measure (of a place: as it is)."""


@dataclass(frozen=True)
class _Development:
    """How registration fills up with age: for each delay the share registered by then, the relative variance of
    the later growth (process and estimate, of the births so far) and the degrees of freedom behind it."""

    share: Floats
    process: Floats
    estimate: Floats
    freedom: Floats
    known: bool


def bases(
    births: pd.DataFrame,
    *,
    months: pd.PeriodIndex,
    period: str,
    county: str,
    known_until: pd.Period | None = None,
    by: Sequence[str] = PARTS,
) -> pd.DataFrame:
    """Return births on both bases for the county and each township, whole, by order, sex and both (or as `by` says).

    Rows `births` (occurred in `months`, known by `known_until`), `births_reported` (registered in `months`),
    `births_carried_in` (registered in `months`, occurred outside them) and `births_unregistered` (occurred in
    `months`, registered outside them), each also as /orderN, /male, /orderN/male ... Exactly:
    reported = births + carried in - unregistered. `known_until`: last month of registration that is known, by
    default the last in the frame; `births` of a time when less was known say so in their note. Orders and sexes are
    those of the whole frame, so that every row has its peers; where no birth's order (or sex) was ever given there are
    no rows by order (or sex), and without births there are none.
    """
    if births.empty:
        return results.empty()
    known = births["registered"].le(known_until or births["registered"].max())
    occurred, registered = known & births["occurred"].isin(months), known & births["registered"].isin(months)
    chosen = (occurred, registered, registered & ~occurred, occurred & ~registered)
    grid = _grid(births, county)
    cells = _cells(births, grid, dict(zip(BASES, chosen, strict=True)))
    last = births["registered"].max() if known_until is None else known_until
    aged = last < births["registered"].max()
    given = {"order": (births["order"] != 0).any(), "sex": (births["sex"] != "unknown").any()}
    parts = [part for part in by if all(given[name] for name in part.split("/") if name)]
    return results.combine(_base(cells, part, grid, period, last, aged) for part in parts)


def earlier(
    births: pd.DataFrame, *, periods: Iterable[tuple[str, pd.PeriodIndex, pd.Period]], county: str
) -> pd.DataFrame:
    """Return `births` of earlier periods as they were first counted, for the county and each township.

    `periods`: key, months and last month of registration known then, so that all are of the same age. Periods that
    begin before the data do are left out.
    """
    first = births["registered"].min()
    whole = [period for period in periods if len(births) and period[1][0] >= first]
    about = {"county": county, "by": ("",)}
    then = [bases(births, months=months, period=key, known_until=last, **about) for key, months, last in whole]
    return results.pick(results.combine(then), measure="births")


def completeness(
    births: pd.DataFrame,
    *,
    months: pd.PeriodIndex,
    county: str,
    at: pd.Period,
    max_delay: int = MAX_DELAY,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return rows `births_completeness` and `births_corrected` of the county, one a month (period = the month).

    Completeness is the share of the month's births that is registered by the end of `at`; count = births so far,
    total = births expected in the end. Corrected births are that total with its interval. Intervals: t on the
    log of what is still missing, from Mack's error. Where no birth was ever registered after its month, the share
    is 1 with a note and no interval. Months after `at` are left out.
    """
    (triangle,) = _triangles(births, at, max_delay)
    growth = _development(triangle)
    wanted = months[months <= at]
    so_far = _so_far(births, at).groupby("occurred")["count"].sum().reindex(wanted, fill_value=0)
    table = _shares(wanted, so_far.to_numpy(dtype="float64"), growth, at, level)
    method = f"chain_ladder-{100 * level:g}"
    return results.combine(
        [_completeness_rows(table, county, method, growth.known), _corrected_rows(table, county, method, growth.known)]
    )


def completed(
    births: pd.DataFrame,
    *,
    at: pd.Period,
    county: str,
    townships: bool = False,
    max_delay: int = MAX_DELAY,
) -> pd.DataFrame:
    """Return monthly births for the forecast: columns place, month, births, share, share_sd, completed.

    `births` is the count registered by the end of `at`, `share` the share of the month's births that this is,
    with its standard deviation, `completed` their quotient (NaN where the share is 0). Months from the first month
    of registration to `at`, without those in which the county has no row at all. With `townships` their rows follow;
    their shares are drawn towards the county's as far as few births and the likeness of townships demand.
    share_sd is what the share itself may differ by; the chance in births still to come is the forecast's to add.
    """
    known = _so_far(births, at)
    months = pd.PeriodIndex(sorted(known["occurred"].unique()), freq="M")
    months = months[months >= known["registered"].min()] if len(known) else months
    cells = (
        pd.concat([known.assign(place=county), known[known["place"] != county]])
        if townships
        else known.assign(place=county)
    )
    counts = cells.pivot_table(index="place", columns="occurred", values="count", aggfunc="sum", fill_value=0)
    counts = counts.reindex(columns=months, fill_value=0)
    places = [county, *sorted(set(counts.index) - {county})] if len(counts) else []
    growth = _by_place(births, at, max_delay, places)
    frames = [
        _completed(place, months, counts.loc[place].to_numpy(dtype="float64"), growth[place], at) for place in places
    ]
    columns = ["place", "month", "births", "share", "share_sd", "completed"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def _grid(births: pd.DataFrame, county: str) -> dict[str, list]:
    places, orders, sexes = ({*births[name].unique()} for name in ("place", "order", "sex"))
    return {
        "place": [county, *sorted(places - {county})],
        "order": sorted({1, 2, 3} | orders),
        "sex": sorted({"male", "female"} | sexes),
    }


def _cells(births: pd.DataFrame, grid: Mapping[str, list], chosen: Mapping[str, pd.Series]) -> dict[str, Floats]:
    """Return the births that are chosen, by name, along the axes of the grid; the first place, the county, has all."""
    shape = [len(values) for values in grid.values()]
    at = np.ravel_multi_index([pd.Index(grid[name]).get_indexer(births[name]) for name in grid], shape)
    found = {}
    for name, rows in chosen.items():
        counts = np.bincount(at, births["count"].where(rows, 0), math.prod(shape)).reshape(shape)
        found[name] = np.concatenate([counts.sum(axis=0, keepdims=True), counts[1:]])
    return found


def _base(
    cells: Mapping[str, Floats], part: str, grid: Mapping[str, list], period: str, last: pd.Period, aged: bool
) -> pd.DataFrame:
    kept = {"place", *part.split("/")}
    rest = tuple(axis for axis, name in enumerate(grid) if name not in kept)
    places, *words = ([WRITTEN[name].format(value) for value in grid[name]] for name in grid if name in kept)
    suffixes = ["".join(said) for said in itertools.product(*words)]
    until = results.note("note.births.known_until", month=str(last))
    columns: dict[str, list] = {name: [] for name in ("place", "measure", "count", "method", "note")}
    for base, counts in cells.items():
        summed = counts.sum(axis=rest).ravel().tolist()
        columns["place"] += [place for place in places for _ in suffixes]
        columns["measure"] += [base + suffix for suffix in suffixes] * len(places)
        columns["count"] += summed
        columns["method"] += [METHODS.get(base, "by_both")] * len(summed)
        columns["note"] += [until if base == "births_unregistered" or (aged and base == "births") else ""] * len(summed)
    return results.rows(pd.DataFrame({**columns, "period": period}))


def _so_far(births: pd.DataFrame, at: pd.Period) -> pd.DataFrame:
    return births[(births["registered"] <= at) & (births["occurred"] <= at)]


def _ordinals(months: pd.Series) -> NDArray[np.int64]:
    """Return months as numbers, one apart."""
    return months.array.asi8.astype("int64")


def _triangles(births: pd.DataFrame, at: pd.Period, max_delay: int, towns: Sequence[str] = ()) -> Floats:
    """Return cumulative births by occurrence month (rows) and delay (columns), NaN where not yet known: all, each town.

    Only months since registration began count: of earlier ones the file holds the late registrations alone.
    """
    known = _so_far(births, at)
    if not len(known):
        return np.empty((1 + len(towns), 0, max_delay + 1))
    first = known["registered"].min()
    known = known[known["occurred"] >= first]
    rows = _ordinals(known["occurred"]) - first.ordinal
    columns = np.clip(_ordinals(known["registered"]) - _ordinals(known["occurred"]), 0, max_delay)
    cohorts = (at - first).n + 1
    counts = np.zeros((1 + len(towns), cohorts, max_delay + 1))
    town = 1 + pd.Index(towns, dtype="str").get_indexer(known["place"])  # 0 for none of them
    np.add.at(counts, (town, rows, columns), known["count"].to_numpy(dtype="float64"))
    counts[0] = counts.sum(axis=0)
    total = counts.cumsum(axis=2)
    age = np.arange(cohorts)[::-1, None]
    return np.where(np.arange(max_delay + 1)[None, :] <= age, total, np.nan)


def _development(triangle: Floats) -> _Development:
    """Return how births fill up with age, by chain ladder with Mack's variances.

    A step of age needs three months that made it, with births in them; later ones are taken to be complete.
    """
    steps = [_step(triangle[:, age], triangle[:, age + 1]) for age in range(triangle.shape[1] - 1)]
    factor, spread, base, freedom = (np.array(column) for column in zip(*steps, strict=True))
    uncertain = np.divide(spread, base, out=np.zeros_like(spread), where=base > 0)
    known = bool(np.nansum(np.abs(np.diff(triangle, axis=1))) > 0)
    return _grown(factor, spread, uncertain, freedom, known)


def _grown(factor: Floats, spread: Floats, uncertain: Floats, freedom: Floats, known: bool) -> _Development:
    """Return the development that follows from its steps: factor, Mack's variance and the variance of the factor."""
    ages = len(factor) + 1
    later = np.cumprod(factor[::-1])[::-1]
    share = np.append(np.divide(1.0, later, out=np.zeros_like(later), where=np.isfinite(later)), 1.0)
    finite = np.where(np.isfinite(factor), factor, 1.0)
    grown = np.cumprod(np.append(1.0, finite))[:-1]
    rate, error = (np.where(np.isfinite(factor), v / finite**2, 0.0) for v in (spread, uncertain))
    process, estimate = np.zeros(ages), np.zeros(ages)
    for age in range(ages - 1):
        process[age] = (rate[age:] / (grown[age:] / grown[age])).sum()
        estimate[age] = error[age:].sum()
    return _Development(share, process, estimate, np.append(freedom, 1.0), known)


def _by_place(births: pd.DataFrame, at: pd.Period, max_delay: int, places: list[str]) -> dict[str, _Development]:
    """Return the development of the county (first of `places`) and of each township, drawn towards the county's."""
    if not places:
        return {}
    whole, *towns = _triangles(births, at, max_delay, places[1:])
    county = _development(whole)
    return {places[0]: county} | dict(zip(places[1:], _pooled(whole, towns, county.known), strict=True))


def _pooled(whole: Floats, towns: list[Floats], known: bool) -> list[_Development]:
    """Return the townships' developments: each step's factor by credibility between the township's and the county's."""
    if not towns:
        return []
    columns = [_credible(whole[:, age : age + 2], [t[:, age : age + 2] for t in towns])
               for age in range(whole.shape[1] - 1)]  # fmt: skip
    factors, spreads, uncertain, freedom = (np.array(column) for column in zip(*columns, strict=True))
    return [_grown(factors[:, town], spreads, uncertain[:, town], freedom, known) for town in range(len(towns))]


def _credible(whole: Floats, towns: list[Floats]) -> tuple[Floats, float, Floats, float]:
    """Return factors of the townships, their common variance, the variance of each factor, and degrees of freedom.

    Credibility as in Buehlmann and Straub (1970): with births b behind it, a township's own factor has the weight
    b / (b + within / between), where both variances are estimated from all townships together.
    """
    factor, spread, base, freedom = _step(whole[:, 0], whole[:, 1])
    steps = [_step(town[:, 0], town[:, 1]) for town in towns]
    own, within, births, free = (np.array(column) for column in zip(*steps, strict=True))
    usable = (births > 0) & np.isfinite(own) & np.isfinite(factor)
    spread = float((within * free)[usable].sum() / free[usable].sum()) if usable.any() else spread
    gap = np.where(usable, own, 0.0) - np.where(usable, factor, 0.0)
    births = np.where(usable, births, 0.0)
    total = births.sum()
    room = total - (births**2).sum() / total if total > 0 else 0.0
    excess = (births * gap**2).sum() - (usable.sum() - 1) * spread
    between = max(excess / room, 0.0) if room > 0 else 0.0
    weight = births / (births + spread / between) if between > 0 else np.zeros(len(towns))
    factors = factor + weight * gap
    return factors, spread, (1 - weight) * between + (spread / base if base > 0 else 0.0), freedom


def _step(now: Floats, then: Floats) -> tuple[float, float, float, float]:
    """Return factor, Mack's variance, births behind it and degrees of freedom for one step of age."""
    made = ~np.isnan(then)
    if made.sum() < 3:
        return 1.0, 0.0, 0.0, 1.0
    now, then = now[made], then[made]
    base, freedom = now.sum(), float(made.sum() - 1)
    if base <= 0:
        return (np.inf if then.sum() > 0 else 1.0), 0.0, 0.0, freedom
    factor = then.sum() / base
    positive = now > 0
    spread = ((then - factor * now)[positive] ** 2 / now[positive]).sum() / freedom
    return (factor if factor > 0 else 1.0), spread, base, freedom


def _shares(months: pd.PeriodIndex, so_far: Floats, growth: _Development, at: pd.Period, level: float) -> pd.DataFrame:
    """Return births so far, share with interval, and births in the end with interval, by month."""
    age = np.clip([(at - month).n for month in months], 0, len(growth.share) - 1).astype(int)
    share = np.where(growth.share[age] > 0, growth.share[age], np.nan)
    relative = _relative_sd(so_far, growth, age)
    quantile = distributions.t.ppf(0.5 + level / 2, growth.freedom[age])
    growth_lower, growth_upper = _growth_interval(1 / share - 1, relative / share, quantile)
    table = pd.DataFrame({"period": months.astype(str), "so_far": so_far, "share": share, "whole": so_far / share})
    return table.assign(
        lower=1 / (1 + growth_upper), upper=1 / (1 + growth_lower),
        whole_lower=so_far * (1 + growth_lower), whole_upper=so_far * (1 + growth_upper),
    )  # fmt: skip


def _relative_sd(so_far: Floats, growth: _Development, age: NDArray[np.int64]) -> Floats:
    """Return the standard deviation of the births in the end, relative to their number (Mack 1993, theorem 3)."""
    births = np.where(so_far > 0, so_far, np.nan)
    return np.sqrt(growth.process[age] / births + growth.estimate[age])


def _share_sd(so_far: Floats, growth: _Development, age: NDArray[np.int64]) -> Floats:
    """Return the standard deviation of the share itself, relative to it.

    Mack's variance holds the chance in births so far and to come; for births that come one by one (Poisson) that is
    (1 - share) of the births so far, and what is beyond it is the share's own.
    """
    births = np.where(so_far > 0, so_far, np.nan)
    own = np.maximum(growth.process[age] - np.abs(1 - growth.share[age]), 0.0)
    return np.sqrt(own / births + growth.estimate[age])


def _growth_interval(missing: Floats, sd: Floats, quantile: Floats) -> tuple[Floats, Floats]:
    """Return bounds of (births in the end / births so far - 1): lognormal where births are missing, else normal.

    The lognormal keeps the share below 1; where corrections outweigh late births (missing <= 0) it may exceed 1.
    """
    positive = np.where(missing > 0, missing, np.nan)
    log_sd = np.sqrt(np.log1p((sd / positive) ** 2))
    lower = np.where(missing > 0, positive * np.exp(-quantile * log_sd), missing - quantile * sd)
    return lower, np.where(missing > 0, positive * np.exp(quantile * log_sd), missing + quantile * sd)


def _completeness_rows(table: pd.DataFrame, county: str, method: str, known: bool) -> pd.DataFrame:
    frame = table.rename(columns={"so_far": "count", "whole": "total", "share": "value"})
    return _month_rows(frame, county, "births_completeness", method, known)


def _corrected_rows(table: pd.DataFrame, county: str, method: str, known: bool) -> pd.DataFrame:
    frame = table.drop(columns=["lower", "upper", "share"])
    frame = frame.rename(columns={"so_far": "count", "whole": "value", "whole_lower": "lower", "whole_upper": "upper"})
    return _month_rows(frame, county, "births_corrected", method, known)


def _month_rows(frame: pd.DataFrame, county: str, measure: str, method: str, known: bool) -> pd.DataFrame:
    frame = frame.assign(place=county, measure=measure, method=method, note="")
    if not known:
        note = results.note("note.nowcast.no_delay")
        frame = frame.assign(lower=np.nan, upper=np.nan, method="by_registration", note=note)
    frame.loc[frame["value"].isna(), "note"] = results.note("note.nowcast.unknown_share")
    return results.rows(frame.reindex(columns=list(results.COLUMNS)))


def _completed(place: str, months: pd.PeriodIndex, so_far: Floats, growth: _Development, at: pd.Period) -> pd.DataFrame:
    age = np.clip([(at - month).n for month in months], 0, len(growth.share) - 1).astype(int)
    share = growth.share[age]
    relative = np.nan_to_num(_share_sd(so_far, growth, age), nan=0.0)
    whole = np.divide(so_far, share, out=np.full(len(share), np.nan), where=share > 0)
    frame = pd.DataFrame({"place": place, "month": months, "births": so_far.astype("int64"), "share": share})
    return frame.assign(share_sd=share * relative, completed=whole)

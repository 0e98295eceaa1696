"""Monthly births forecast with honest intervals, the expected births of a period, and a back-test of both.

The model (`gp`) is a Gaussian process on the log of births per day, so that month length is divided out, mixed over
settings by a prior that was learned from births elsewhere. Births still being registered enter as exposure: a month of
which 65 % is registered counts as 65 % of a month, with the uncertainty of that share. Months that fit nothing
(leave-one-out residual over 3.5 standard deviations) lose their weight. Forecasts are sampled paths, so half-years
and years have right intervals, not sums of monthly ones.

Sampling: each place draws from its own generator, seeded by one integer from the `rng` passed in and the CRC-32 of
the place's name; neither the order of the places nor the presence of others changes its numbers.

Regressors (`regressors`) enter where they help in a back-test on the months that are known at the time of the forecast;
so a back-test of past periods chooses them anew each time.

References: McCullagh and Nelder, Generalized Linear Models (1989), 2.5 (working response of small counts); Hyndman and
Koehler, International Journal of Forecasting 22 (2006) 679 (MASE).
"""

from __future__ import annotations

import copy
import functools
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import linalg, special

from . import gp, nowcast, results, stats
from . import regressors as _regressors
from .errors import FpError

__all__ = [
    "Paths", "backtest", "corrected", "expected", "forecast", "helpful", "known", "sample_paths", "surprises", "totals",
]  # fmt: skip

Floats: TypeAlias = NDArray[np.float64]
Window: TypeAlias = tuple[str, pd.PeriodIndex]
Observed: TypeAlias = tuple[Floats, Floats, float, NDArray[np.int64]]
"""Log births per day less their centre, the variance of each, that centre, and the months set aside."""

LEVELS = (0.80, 0.95)
DRAWS = 2000
SHORTEST = 12
"""Months of history below which no forecast is made."""
SHORT = 24
"""Months of history below which the forecast carries a warning."""
LONGEST = 120
"""Months of history that are used, counted back from the last."""
OUTLIER = 3.5
"""Leave-one-out residual, in standard deviations, from which a month loses its weight."""
VIEWS = (2.5, OUTLIER, np.inf)
"""The same, in three views of the data that a forecast pools: no single one foretells best everywhere."""
LEAST_SHARE = 0.05
"""A month of which less than this is registered counts as not known."""
OPEN = 0.98
"""Share registered below which a month, of the last LOOSE, counts as open: the level may have moved unseen."""
LOOSE = 12
SMALL = 25
"""Counts below this enter through the Poisson working response instead of their logarithm."""
WEEKEND_SD = 0.3
TYPICAL = gp.Prior(
    np.array([[0.01, 0.0, 0.95, 0.025, 0.6, 0.12, 360.0, 0.7, 0.0, WEEKEND_SD]]), np.ones(1), 1.0, np.inf
)
"""Setting (wide seasons, moderate steps) that small counts and outlying months are judged by."""
NODES = 241
"""Log rates over which the chance of a count is summed."""
TYPICAL_NOISE = 0.04
"""Noise beyond Poisson in that judgement; a large one, so that few months are set aside."""


@dataclass(frozen=True)
class _Series:
    """One place's births on a gapless run of months: `use` marks the months that are known and usable."""

    place: str
    months: pd.PeriodIndex
    births: Floats
    share: Floats
    share_sd: Floats
    use: NDArray[np.bool_]
    note: str


@dataclass(frozen=True)
class Paths:
    """Sampled births in the end, one row a draw, for the months of one series and those after it."""

    series: _Series
    months: pd.PeriodIndex
    births: Floats
    note: str


def forecast(
    monthly: pd.DataFrame,
    *,
    horizon: int = 18,
    levels: Sequence[float] = LEVELS,
    rng: np.random.Generator,
    draws: int = DRAWS,
    county: str | None = None,
    regressors: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return rows `births_forecast`, one for each place, month after its last and level of interval.

    `monthly`: columns place, month (period[M]), births (count so far), optionally share (of the month's births
    that this is; default 1) and share_sd. value = median, method `gp-80`, `gp-95`. A place with fewer than 12 usable
    months gets one row without value and a note; short or faulty histories get a note beside a wider answer.
    Raises FpError for a missing column or a month given twice.
    """
    tables = []
    for path in _paths(monthly, horizon, rng, draws, None, county, regressors):
        ahead = path.months > path.series.months[-1]
        windows = [(str(month), pd.PeriodIndex([month])) for month in path.months[ahead]]
        tables += [_summary(path, windows if len(path.births) else windows[:1], "births_forecast", levels)]
    return results.combine(tables)


def totals(
    monthly: pd.DataFrame,
    *,
    periods: Iterable[Window],
    levels: Sequence[float] = LEVELS,
    rng: np.random.Generator,
    draws: int = DRAWS,
    county: str | None = None,
    regressors: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return rows `births_forecast` for whole periods, such as half-years and years, as in `forecast`.

    `periods`: (key, months) of each. Months fully known enter as they are, months partly registered are completed,
    and months ahead are sampled. count = births so far in the period. A period that begins before the series gets
    a row without value and a note.
    """
    windows = list(periods)
    last = _months(monthly).max() if len(monthly) else None
    horizon = max([1, *((months[-1] - last).n for _, months in windows)]) if last is not None else 1
    paths = _paths(monthly, horizon, rng, draws, last, county, regressors)
    return results.combine([_summary(path, windows, "births_forecast", levels, known=True) for path in paths])


def expected(
    monthly: pd.DataFrame,
    *,
    months: pd.PeriodIndex,
    period: str,
    levels: Sequence[float] = LEVELS,
    rng: np.random.Generator,
    draws: int = DRAWS,
    county: str | None = None,
    regressors: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return rows `births_expected`: births of a period foretold from the months before it, beside the actual count.

    One row a place and level: count = births of the period so far, total = the same completed for late registration
    (the column `completed` where there is one, else count / share), value = median expected, p = two-sided tail of the
    actual count among what would be registered by now (mid-p over the draws). Note: as expected, above or below, by the
    first two of `levels`. Late registrations of earlier months count as known: the expectation is the one that today's
    knowledge of the time before would have given.
    """
    before = monthly[monthly["month"] < months[0]]
    horizon = (months[-1] - months[0]).n + 1
    paths = _paths(before, horizon, rng, draws, months[0] - 1, county, regressors)
    found = {path.series.place: path for path in paths}
    places = list(dict.fromkeys(monthly["place"]))
    actual = {place: monthly[(monthly["place"] == place) & monthly["month"].isin(months)] for place in places}
    base = int(rng.integers(2**63))
    return results.combine(
        [
            _expected(place, found.get(place), actual[place], months, period, levels, _child(base, place))
            for place in places
        ]
    )


def backtest(
    monthly: pd.DataFrame,
    *,
    periods: Iterable[Window],
    levels: Sequence[float] = LEVELS,
    rng: np.random.Generator,
    draws: int = DRAWS,
    county: str | None = None,
    regressors: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return what the forecast would have said of past periods, and its score.

    `periods`: (key, months) of each, in order. Rows `forecast_backtest` (one a place, period and level; as
    `births_expected`), `forecast_error` (mean absolute error relative to the actual births; count = periods) and
    `forecast_coverage` (value = share of intervals that held, count of total, with its own exact interval). Each period
    is foretold from the months before it; one that the data do not hold whole, or with too little before it, is left
    out. Each is drawn with `rng` as it is given, so that a period has the row that `expected` gives it. Scores stand
    under the last period.
    """
    windows = list(periods)
    if not len(monthly) or not windows:
        return results.empty()
    terms = {"levels": levels, "draws": draws, "regressors": regressors}
    tables = [expected(monthly, months=months, period=key, rng=copy.deepcopy(rng), **terms) for key, months in windows]
    rows = results.combine(tables).assign(measure="forecast_backtest")
    rows = rows[rows["value"].notna() & rows["total"].notna()]
    return results.combine([rows, *_scores(rows, windows[-1][0], levels)]) if len(rows) else results.empty()


def corrected(
    completeness: pd.DataFrame,
    monthly: pd.DataFrame,
    *,
    county: str,
    periods: Iterable[Window] = (),
    level: float = 0.95,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> pd.DataFrame:
    """Return the county's completeness and corrected births, those of open months from forecast and delay at once.

    `completeness`: rows `births_completeness` and `births_corrected` of `nowcast.completeness`; `monthly`: the series
    of `nowcast.completed`. In months still being registered the count so far and what the months before and the
    seasons say count in one likelihood, each as far as it is sure (method `gp-95`). Other months stay as they are.
    `periods`: (key, months) of those that get a row `births_corrected` too: the sum of their months, its interval
    from whole paths.
    """
    (path,) = sample_paths(monthly[monthly["place"] == county], horizon=1, rng=rng, draws=draws) or (None,)
    frame, method = completeness.copy(), f"gp-{100 * level:g}"
    if path is None or not len(path.births):
        return results.combine([frame, _summed(frame, None, periods, county, level)])
    open_months = path.series.months[~_whole(path.series, len(path.series.months)) & path.series.use]
    for month in open_months:
        births = path.births[:, path.months.get_loc(month)]
        bounds = np.quantile(births, [0.5, (1 - level) / 2, (1 + level) / 2])
        mine = (frame["period"] == str(month)) & (frame["place"] == county)
        whole, share = (mine & (frame["measure"] == f"births_{name}") for name in ("corrected", "completeness"))
        frame.loc[whole, ["value", "lower", "upper"]] = bounds
        so_far = frame.loc[share, "count"].to_numpy()
        frame.loc[share, "total"] = bounds[0]
        for name, bound in zip(("value", "upper", "lower"), bounds, strict=True):
            frame.loc[share, name] = so_far / max(bound, 1.0)
        frame.loc[whole | share, "method"] = method
        frame.loc[whole | share, "note"] = ""
    return results.combine([frame, _summed(frame, path, periods, county, level)])


def _summed(
    rows: pd.DataFrame, path: Paths | None, periods: Iterable[Window], county: str, level: float
) -> pd.DataFrame:
    """Return `births_corrected` of whole periods from the rows of their months; without paths it has no interval."""
    mine = results.pick(rows, place=county, measure="births_corrected").set_index("period")
    records = []
    for key, months in periods:
        known = mine.reindex([str(month) for month in months])
        if known["value"].notna().all():
            value, method = float(known["value"].sum()), str(known["method"].iloc[-1])
            row = {"place": county, "period": key, "measure": "births_corrected", "count": known["count"].sum()}
            inside = path.months.isin(months) if path else np.zeros(0, dtype=bool)
            if path and inside.sum() == len(months):
                tails = [(1 - level) / 2, (1 + level) / 2]
                low, high = np.quantile(path.births[:, inside].sum(axis=1), tails)
                row |= {"lower": min(float(low), value), "upper": max(float(high), value)}
                method = f"gp-{100 * level:g}"
            records.append({**row, "value": value, "method": method})
    return results.rows(records)


def known(
    births: pd.DataFrame,
    *,
    at: pd.Period,
    months: pd.PeriodIndex,
    county: str,
    periods: Iterable[Window] = (),
    townships: bool = False,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the births known at the end of month `at`: the series for forecasts, and what of `months` is registered.

    The series is that of `nowcast.completed`, the rows are those of `corrected`; the county's `completed` births of a
    month are its row `births_corrected`, so that one number stands for them whoever asks.
    """
    monthly = nowcast.completed(births, at=at, county=county, townships=townships)
    chained = nowcast.completeness(births, months=months, county=county, at=at)
    rows = corrected(chained, monthly, county=county, periods=periods, rng=rng, draws=draws)
    best = results.pick(rows, place=county, measure="births_corrected").set_index("period")["value"]
    better = monthly["month"].astype(str).map(best).where(monthly["place"] == county)
    return monthly.assign(completed=better.fillna(monthly["completed"])), rows


def surprises(
    monthly: pd.DataFrame, *, months: pd.PeriodIndex, length: int = 1, prior: gp.Prior | None = None
) -> pd.DataFrame:
    """Return how runs of `length` months of each place compare with what the months before them foretold.

    Columns place, first, last (months of the run), births (so far), completed (for late registration), expected
    (completed), score (standard normal when births do as the model says; the chance in a count included). Runs of
    usable months follow one another back from the last of `months`, each with 12 usable months before it. Months
    before `months` that fit nothing lose their weight; `months` themselves keep it.
    """
    prior = gp.births_prior() if prior is None else prior
    records = [row for series in _series(monthly) if series.use.sum() >= SHORTEST + length
               for row in _surprise(series, months, length, prior)]  # fmt: skip
    columns = ["place", "first", "last", "births", "completed", "expected", "score"]
    return pd.DataFrame(records, columns=columns)


def helpful(
    monthly: pd.DataFrame, regressors: pd.DataFrame, *, county: str, period: str, until: pd.Period
) -> pd.DataFrame:
    """Return whether each regressor helps to foretell the county: rows `regressor/<name>`, `births_regressors`.

    From the months to `until` alone, one month ahead each, from the third year on. value = mean error of log births
    with it, total = without, count = months; the note says used or not. The last row (value = number used, total =
    tried) says so for all of them.
    """
    (series,) = _series(monthly[(monthly["place"] == county) & (monthly["month"] <= until)]) or (None,)
    if series is None or series.use.sum() < SHORTEST or not len(regressors.columns):
        return results.empty()
    days, weekend = _calendar(series.months[0].ordinal, len(series.months))
    target, variance, _, _ = _observed(series, days, weekend)
    values = _regressors.aligned(regressors, series.months, series.months[-1])
    at, names = np.flatnonzero(series.use), [str(name) for name in regressors.columns]
    prior = gp.births_prior()
    judged = _regressors.judge(prior, weekend, at, target, variance, names=names, values=values)
    head = {"place": county, "period": period, "method": "gp"}
    rows = [{**head, "measure": f"regressor/{one.name}", "count": one.months, "value": one.error, "total": one.without,
             "note": results.note("note.regressor.used" if one.helps else "note.regressor.not_used")}
            for one in judged]  # fmt: skip
    used = [f"part.{one.name}" for one in judged if one.helps]
    key = "some" if used else "none"
    about = results.note(f"note.regressors.{key}", used=used, tried=[f"part.{name}" for name in names])
    return results.rows([*rows, {**head, "measure": "births_regressors", "total": len(judged), "value": len(used),
                                 "note": about}])  # fmt: skip


def _surprise(series: _Series, months: pd.PeriodIndex, length: int, prior: gp.Prior) -> list[tuple[Any, ...]]:
    days, weekend = _calendar(series.months[0].ordinal, len(series.months))
    wanted = np.asarray(series.months.isin(months))
    at = np.flatnonzero(series.use)
    target, variance, centre, _ = _observed(series, days, weekend, wanted)
    found = gp.fit(prior, weekend, at, target, variance)
    share, births = series.share[at], series.births[at]
    doubt = (series.share_sd[at] / share) ** 2
    last = int(np.flatnonzero(wanted[at]).max(initial=-1)) + 1
    records = []
    for stop in range(last, SHORTEST + length - 1, -length):
        run = slice(stop - length, stop)
        weight, mean, covariance = gp.foretold(found, stop - length, stop)
        rates = days[at[run]] * np.exp(mean + centre)
        so_far = births[run].sum()
        score = _score(so_far, weight, rates * share[run], covariance + np.diag(doubt[run]))
        completed, expected = (births[run] / share[run]).sum(), weight @ rates.sum(axis=1)
        first, end = series.months[at[[run.start, stop - 1]]]
        records.append((series.place, first, end, so_far, completed, expected, score))
    return records[::-1]


def _score(births: float, weight: Floats, rates: Floats, covariance: Floats) -> float:
    """Return the normal score of a count: Poisson about a sum of log-normal rates, mixed over settings (mid-p)."""
    whole = rates.sum(axis=1)
    part = rates / whole[:, None]
    centre, sd = np.log(whole), np.sqrt(np.einsum("sm,smn,sn->s", part, covariance, part))
    logs = np.linspace((centre - 6 * sd).min(), (centre + 6 * sd).max(), NODES)
    density = (weight / sd) @ np.exp(-(((logs - centre[:, None]) / sd[:, None]) ** 2) / 2)
    below = (special.pdtr(births, np.exp(logs)) + (special.pdtr(births - 1, np.exp(logs)) if births else 0.0)) / 2
    return float(special.ndtri(np.clip(density @ below / density.sum(), 1e-12, 1 - 1e-12)))


def sample_paths(
    monthly: pd.DataFrame,
    *,
    horizon: int,
    rng: np.random.Generator,
    draws: int = DRAWS,
    until: pd.Period | None = None,
    prior: gp.Prior | None = None,
    county: str | None = None,
    regressors: pd.DataFrame | None = None,
) -> list[Paths]:
    """Return sampled births of every place: its own months and `horizon` months after `until`.

    `until` is the last month of the place by default; `prior` the learned one. Places come in the order of the frame.
    With `county`, all other places are its townships: in every path they add up to it, births of no township aside
    that the county had before. Townships follow the county's seasons and level, and have a share of it of their own.
    `regressors`: a row a month, a column each; those are used that help in a back-test on the months before the
    forecast (with `county`, on the county's).
    """
    prior = gp.births_prior() if prior is None else prior
    base = int(rng.integers(2**63))
    if county is not None and (found := _family(_series(monthly), county)):
        last = found[0].months[-1] if until is None else max(until, found[0].months[-1])
        months = pd.period_range(found[0].months[0], last + horizon, freq="M")
        return _together(
            found, months, base, draws, prior, list(dict.fromkeys(monthly["place"].astype(str))), regressors
        )
    paths = []
    for series in _series(monthly):
        last = series.months[-1] if until is None else max(until, series.months[-1])
        months = pd.period_range(series.months[0], last + horizon, freq="M")
        paths.append(_sampled(series, months, _child(base, series.place), draws, prior, regressors))
    return paths


def _paths(
    monthly: pd.DataFrame, horizon: int, rng: np.random.Generator, draws: int, until: pd.Period | None,
    county: str | None, regressors: pd.DataFrame | None,
) -> list[Paths]:  # fmt: skip
    return sample_paths(
        monthly, horizon=horizon, rng=rng, draws=draws, until=until, county=county, regressors=regressors
    )


def _child(base: int, place: str) -> np.random.Generator:
    """Return a place's own generator."""
    return np.random.default_rng([base, zlib.crc32(place.encode())])


# ---- a series from the frame ------------------------------------------------------------------------------


def _months(monthly: pd.DataFrame) -> pd.Series:
    missing = {"place", "month", "births"} - set(monthly.columns)
    if missing:
        raise FpError(f"monthly births lack the column {sorted(missing)[0]!r}")
    return monthly["month"]


def _series(monthly: pd.DataFrame, longest: int = LONGEST) -> list[_Series]:
    _months(monthly)
    twice = monthly.duplicated(["place", "month"])
    if twice.any():
        row = monthly[twice].iloc[0]
        raise FpError(f"monthly births of {row['place']} hold {row['month']} twice")
    return [_one(str(place), group, longest) for place, group in monthly.groupby("place", sort=False)]


def _one(place: str, group: pd.DataFrame, longest: int) -> _Series:
    group = group.set_index("month").sort_index()
    months = pd.period_range(group.index[0], group.index[-1], freq="M")[-longest:]
    group = group.reindex(months)
    births = group["births"].to_numpy(dtype="float64")
    share = group["share"].to_numpy(dtype="float64") if "share" in group else np.ones(len(months))
    sd = group["share_sd"].to_numpy(dtype="float64") if "share_sd" in group else np.zeros(len(months))
    use = (births >= 0) & (share >= LEAST_SHARE)
    return _Series(place, months, births, np.nan_to_num(share, nan=0.0), np.nan_to_num(sd, nan=0.0), use,
                   _history_note(births, share, use))  # fmt: skip


def _history_note(births: Floats, share: Floats, use: NDArray[np.bool_]) -> str:
    months = int(use.sum())
    if months < SHORTEST:
        return results.note("note.forecast.too_short", months=months, needed=SHORTEST)
    if months < SHORT:
        return results.note("note.forecast.short", months=months)
    missing = int((np.isnan(births) | (births < 0)).sum())
    if missing:
        return results.note("note.forecast.gaps", missing=missing)
    zeros = int((births[use] == 0).sum())
    return results.note("note.forecast.zeros", zeros=zeros) if zeros else ""


# ---- the model --------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=512)
def _calendar(first: int, length: int) -> tuple[Floats, Floats]:
    """Return days, and the share of weekend days less 2/7, of months from ordinal `first` on."""
    starts = np.datetime64("1970-01") + np.arange(first, first + length + 1)
    weekdays = np.busday_count(starts[:-1], starts[1:])
    days = np.diff(starts.astype("datetime64[D]")).astype("float64")
    weekend = 1 - weekdays / days - 2 / 7
    days.setflags(write=False)
    weekend.setflags(write=False)
    return days, weekend


def _sampled(
    series: _Series, months: pd.PeriodIndex, rng: np.random.Generator, draws: int, prior: gp.Prior,
    regressors: pd.DataFrame | None,
) -> Paths:  # fmt: skip
    if series.use.sum() < SHORTEST:
        return Paths(series, months, np.empty((0, len(months))), series.note)
    days, weekend = _calendar(months[0].ordinal, len(months))
    centre, outliers, found = _fitted(series, days, weekend, prior, months, regressors)
    known = _padded(series.births, series, len(months))
    births = np.tile(known, (draws, 1))
    if len(unknown := np.flatnonzero(~_whole(series, len(months)))):
        rates = np.exp(np.minimum(gp.paths(found, unknown, rng, draws) + centre, 25.0)) * days[unknown]
        births[:, unknown] = known[unknown] + _later(series, rates, unknown, rng)
    note = series.note or (_outlier_note(series.months[outliers]) if len(outliers) else "")
    return Paths(series, months, births, note)


def _fitted(
    series: _Series, days: Floats, weekend: Floats, prior: gp.Prior, months: pd.PeriodIndex | None = None,
    regressors: pd.DataFrame | None = None,
) -> tuple[float, NDArray[np.int64], gp.Fit]:  # fmt: skip
    """Return the centre of the log rates, the months set aside, and the fit of the series and what helps it."""
    (target, variance, centre, outliers), views = _views(series, days, weekend)
    known, effects = np.flatnonzero(series.use), None
    if months is not None and regressors is not None and len(regressors.columns):
        values = _regressors.aligned(regressors, months, series.months[-1])
        names = list(regressors.columns)
        judged = _regressors.judge(prior, weekend, known, target, variance, names=names, values=values)
        helps = np.array([one.helps for one in judged])
        effects = _regressors.EFFECT_SD * values[helps] if helps.any() else None
    loose = _first_open(series)
    fits = [gp.fit(prior, weekend, known, *seen[:2], loose=loose, effects=effects) for seen, _ in views]
    return centre, outliers, gp.pooled(fits, [share for _, share in views])


def _views(series: _Series, days: Floats, weekend: Floats) -> tuple[Observed, list[tuple[Observed, float]]]:
    """Return what the known months say with OUTLIER, and in each of VIEWS with its share, those that agree as one."""
    seen: list[Observed] = []
    for limit in VIEWS:
        settled = seen and not len(seen[-1][3])
        seen.append(seen[-1] if settled else _observed(series, days, weekend, limit=limit))
    found: dict[bytes, tuple[Observed, float]] = {}
    for view in seen:
        key = view[3].tobytes()
        found[key] = (view, found.get(key, (None, 0.0))[1] + 1 / len(VIEWS))
    return seen[VIEWS.index(OUTLIER)], list(found.values())


def _first_open(series: _Series) -> int | None:
    """Return the first of the last months that is still being registered, None where there is none."""
    late = np.flatnonzero(series.use & (series.share < OPEN))
    late = late[late >= len(series.months) - LOOSE]
    return int(late[0]) if len(late) else None


def _outlier_note(months: pd.PeriodIndex) -> str:
    return results.note("note.forecast.outliers", months=[str(month) for month in months])


def _observed(
    series: _Series,
    days: Floats,
    weekend: Floats,
    judged: NDArray[np.bool_] | None = None,
    limit: float = OUTLIER,
) -> Observed:
    """Return what the known months say.

    Counts of SMALL and more enter as their logarithm; smaller ones as the working response of a Poisson count about
    the fit, which is renewed until it settles. Months that fit nothing get the square of their residual as variance.
    """
    at = np.flatnonzero(series.use)
    judged = ~_whole(series, len(series.births)) | (False if judged is None else judged)
    births, exposure = series.births[at], series.share[at] * days[at]
    shared = (series.share_sd[at] / series.share[at]) ** 2
    rate = births.sum() / exposure.sum() if births.sum() > 0 else 0.5 / exposure.sum()
    centre = float(np.log(max(np.median(births / exposure), rate / 4)))
    size = -(-len(days) // 12) * 12
    typical = gp.kernels(TYPICAL, size)[0][np.ix_(at, at)] + WEEKEND_SD**2 * np.outer(weekend[at], weekend[at])
    fit, extra = np.full(len(at), centre), np.zeros(len(at))
    for _ in range(3):
        mean = np.maximum(np.exp(fit) * exposure, 0.5)
        small = np.maximum(births, mean) < SMALL
        logs = np.log(np.maximum(births, 0.5) / exposure)
        target = np.where(small, np.log(mean / exposure) + (births - mean) / mean, logs) - centre
        variance = shared + np.where(small, 1 / mean, 1 / np.maximum(births, mean / 4))
        extra = _inflation(typical, target, variance + TYPICAL_NOISE**2, judged[at], limit)
        whole = typical + np.diag(variance + extra + TYPICAL_NOISE**2)
        fit = centre + typical @ linalg.solve(whole, target, assume_a="pos")
    return target, variance + extra, centre, at[extra > 0]


def _inflation(kernel: Floats, target: Floats, variance: Floats, kept: NDArray[np.bool_], limit: float) -> Floats:
    """Return extra variance for months whose leave-one-out residual is too large, worst first (few at most).

    Months `kept` never lose weight: those still being registered, and those that are judged themselves.
    """
    extra = np.zeros(len(target))
    for _ in range(max(2, len(target) // 10)):
        inverse = np.linalg.inv(kernel + np.diag(variance + extra))
        spread = 1 / np.diag(inverse)
        residual = (inverse @ target) * spread
        score = np.where((extra > 0) | kept, 0.0, np.abs(residual) / np.sqrt(spread))
        worst = int(np.argmax(score))
        if score[worst] <= limit:
            break
        extra[worst] = residual[worst] ** 2
    return extra


def _padded(values: Floats, series: _Series, length: int) -> Floats:
    """Return values of the usable months, 0 elsewhere, out to `length` months."""
    found = np.zeros(length)
    found[: len(values)] = np.where(series.use, np.nan_to_num(values), 0.0)
    return found


def _whole(series: _Series, length: int) -> NDArray[np.bool_]:
    """Return which months are registered whole, so that nothing is left to sample."""
    return (_padded(series.share, series, length) >= 1) & (_padded(series.share_sd, series, length) == 0)


def _later(series: _Series, rates: Floats, months: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """Return sampled births still to come, of months known in part or not at all.

    Rate and share are not independent once part of a month is counted: a high rate means that a small share is in.
    So the share is drawn given rate and count, log-normally: prior precision and that of the count add up. A share
    above 1 (corrections outweigh late births) makes them negative.
    """
    length = int(months.max()) + 1
    share, sd, known = (
        _padded(v, series, max(length, len(series.births)))[months]
        for v in (series.share, series.share_sd, series.births)
    )
    begun = (share > 0) & (known > 0)
    prior = np.log(np.where(share > 0, share, 1.0))
    variance = np.where(share > 0, (sd / np.where(share > 0, share, 1.0)) ** 2, 0.0)
    weight = variance * known / (1 + variance * known)
    seen = np.log(np.maximum(known, 0.5)) - np.log(np.maximum(rates, 1e-9))
    logs = np.where(begun, (1 - weight) * prior + weight * seen, prior)
    logs = logs + np.sqrt(variance * np.where(begun, 1 - weight, 1.0)) * rng.standard_normal(rates.shape)
    drawn = np.where(share > 0, np.exp(np.where(share > 1, logs, np.minimum(logs, 0.0))), 0.0)
    coming = rates * (1 - drawn)
    return np.maximum(np.sign(coming) * rng.poisson(np.abs(coming)), -known)


# ---- townships that add up to their county ----------------------------------------------------------------


def _family(series: list[_Series], county: str) -> list[_Series]:
    """Return county, then townships by name, on the same months; births of no township come last, as a place of "".

    Empty when the county is not there, has no townships or too short a history: then each stands alone.
    """
    first = min((s.months[0] for s in series), default=None)
    if first is None or county not in [s.place for s in series] or len(series) < 2:
        return []
    last = max(s.months[-1] for s in series)
    months = pd.period_range(max(first, last - LONGEST + 1), last, freq="M")
    aligned = sorted((_aligned(s, months) for s in series), key=lambda s: (s.place != county, s.place))
    head, towns = aligned[0], aligned[1:]
    if head.use.sum() < SHORTEST:
        return []
    rest = np.where(head.use, head.births, 0.0) - np.sum([np.where(t.use, t.births, 0.0) for t in towns], axis=0)
    alone = replace(head, place="", births=np.maximum(rest, 0.0), note="")
    return [*aligned, alone] if np.abs(rest).sum() > 0 else aligned


def _aligned(series: _Series, months: pd.PeriodIndex) -> _Series:
    at = series.months.get_indexer(months)
    births, share, sd = (np.where(at >= 0, v[at], fill) for v, fill in
                         ((series.births, np.nan), (series.share, 0.0), (series.share_sd, 0.0)))  # fmt: skip
    return _Series(series.place, months, births, share, sd, np.where(at >= 0, series.use[at], False), series.note)


def _together(
    family: list[_Series], months: pd.PeriodIndex, base: int, draws: int, prior: gp.Prior, order: list[str],
    regressors: pd.DataFrame | None,
) -> list[Paths]:  # fmt: skip
    """Return the paths of county and townships, in the order of the frame.

    The county's births still to come are drawn first and then fall to townships, in proportion to the births of each
    and to what of them is not registered yet: so the county is as sure, or unsure, as it is alone.
    """
    county, *towns = family
    days, weekend = _calendar(months[0].ordinal, len(months))
    centre, outliers, found = _fitted(county, days, weekend, prior, months, regressors)
    unknown = np.flatnonzero(~np.all([_whole(s, len(months)) for s in family], axis=0))
    rng = _child(base, county.place)
    rates = np.exp(np.minimum(gp.paths(found, unknown, rng, draws) + centre, 25.0)) * days[unknown]
    curve = days * np.exp(gp.mean(found, np.arange(len(months))) + centre)
    logs = [_relative(town, curve, unknown, _child(base, town.place), draws, prior) for town in towns]
    top = np.max(logs, axis=0)
    parts = [np.exp(log - top) for log in logs]
    later = _later(county, rates, unknown, rng)
    shares = [_padded(town.share, town, len(months))[unknown] for town in towns]
    chances = np.stack([part * np.maximum(1 - share, 1e-9) for part, share in zip(parts, shares, strict=True)], axis=-1)
    chances /= chances.sum(axis=-1, keepdims=True)
    split = np.sign(later)[..., None] * rng.multinomial(np.abs(later).astype("int64"), chances)
    births = {}
    for number, town in enumerate(towns):
        births[town.place] = np.tile(_padded(town.births, town, len(months)), (draws, 1))
        births[town.place][:, unknown] += split[..., number]
    births[county.place] = np.sum(list(births.values()), axis=0)
    notes = {county.place: county.note or (_outlier_note(county.months[outliers]) if len(outliers) else "")}
    return [_shown(s, months, births[s.place], notes) for s in sorted(
        (s for s in family if s.place), key=lambda s: order.index(s.place))]  # fmt: skip


def _shown(series: _Series, months: pd.PeriodIndex, births: Floats, notes: Mapping[str, str]) -> Paths:
    """Return the paths of a place, none when its own history is too short for an interval."""
    short = series.use.sum() < SHORTEST
    return Paths(series, months, births[:0] if short else births, notes.get(series.place, series.note))


def _relative(
    town: _Series, curve: Floats, wanted: NDArray[np.int64], rng: np.random.Generator, draws: int, prior: gp.Prior
) -> Floats:
    """Return sampled log shares of the county's curve (draws, months); of a short history its mean share."""
    known = town.use
    if known.sum() < SHORTEST:
        births, exposure = town.births[known].sum(), (town.share * curve[: len(known)])[known].sum()
        return np.full((draws, len(wanted)), np.log(max(births, 1e-3) / exposure) if exposure > 0 else -50.0)
    centre, _, found = _fitted(town, curve, np.zeros(len(curve)), prior)
    return np.minimum(gp.paths(found, wanted, rng, draws) + centre, 25.0)


# ---- summaries --------------------------------------------------------------------------------------------


def _summary(
    path: Paths, windows: Sequence[Window], measure: str, levels: Sequence[float], *, known: bool = False
) -> pd.DataFrame:
    records = []
    for key, months in windows:
        inside = path.months.isin(months)
        row: dict[str, Any] = {"place": path.series.place, "period": key, "measure": measure, "note": path.note}
        if known:
            row["count"] = float(np.nansum(path.series.births[path.series.months.isin(months)]))
        if not len(path.births):
            records.append({**row, "value": np.nan, "method": "gp"})
        elif inside.sum() < len(months):
            note = results.note("note.forecast.no_data", month=str(path.months[0]))
            records.append({**row, "value": np.nan, "method": "gp", "note": note})
        else:
            records += [{**row, **cells} for cells in _intervals(path.births[:, inside].sum(axis=1), levels)]
    return results.rows(records)


def _intervals(draws: Floats, levels: Sequence[float]) -> list[dict[str, Any]]:
    tails = [(1 - level) / 2 for level in levels]
    bounds = np.quantile(draws, [0.5, *tails, *(1 - tail for tail in tails)])
    middle, lower, upper = bounds[0], bounds[1 : len(levels) + 1], bounds[len(levels) + 1 :]
    return [
        {"value": middle, "lower": low, "upper": high, "method": f"gp-{100 * level:g}"}
        for level, low, high in zip(levels, lower, upper, strict=True)
    ]


def _expected(
    place: str,
    path: Paths | None,
    actual: pd.DataFrame,
    months: pd.PeriodIndex,
    period: str,
    levels: Sequence[float],
    rng: np.random.Generator,
) -> pd.DataFrame:
    row: dict[str, Any] = {"place": place, "period": period, "measure": "births_expected"}
    actual = actual[actual["births"].notna()]
    missing = len(months) - len(actual)
    births, share = actual["births"].to_numpy(dtype="float64"), _column(actual, "share", 1.0)
    row["count"] = np.nan if missing else births.sum()
    row["total"] = np.nan if missing else _completed_total(actual, births, share)
    if path is None or not len(path.births):
        note = path.note if path else results.note("note.forecast.too_short", months=0, needed=SHORTEST)
        return results.rows([{**row, "value": np.nan, "method": "gp", "note": note}])
    if missing:
        row["note"] = results.note("note.forecast.months_missing", missing=missing)
    else:
        registered = _registered(path, actual, share, rng)
        row["p"], row["note"] = _tail(registered, row["count"]), _expected_note(row, registered, levels)
    draws = path.births[:, path.months.isin(months)].sum(axis=1)
    return results.rows([{**row, **cells} for cells in _intervals(draws, levels)])


def _column(frame: pd.DataFrame, name: str, default: float) -> Floats:
    return frame[name].to_numpy(dtype="float64") if name in frame else np.full(len(frame), default)


def _completed_total(actual: pd.DataFrame, births: Floats, share: Floats) -> float:
    if (share < LEAST_SHARE).any():
        return np.nan
    return float((actual["completed"] if "completed" in actual else births / share).sum())


def _registered(path: Paths, actual: pd.DataFrame, share: Floats, rng: np.random.Generator) -> Floats:
    """Return sampled births of these months that would be registered by now (all where the share is 1)."""
    births = path.births[:, path.months.get_indexer(pd.PeriodIndex(actual["month"]))]
    spread = _column(actual, "share_sd", 0.0)
    shares = np.maximum(share + spread * rng.standard_normal(births.shape), 0.0)
    registered = rng.binomial(births.astype("int64"), np.minimum(shares, 1.0)) * np.maximum(shares, 1.0)
    return np.rint(registered).sum(axis=1)


def _tail(draws: Floats, actual: float) -> float:
    """Return the two-sided mid-p of an actual count among draws, never below 2 / (draws + 1)."""
    ties = (draws == actual).sum() / 2
    smaller = min((draws < actual).sum(), (draws > actual).sum()) + ties
    return float(min(1.0, 2 * (smaller + 1) / (len(draws) + 1)))


def _expected_note(row: Mapping[str, Any], registered: Floats, levels: Sequence[float]) -> str:
    """Return as expected, above or below: by the widest level, and (80 %) whether the narrowest holds."""
    wide, narrow = max(levels), min(levels)
    bounds = {level: np.quantile(registered, [(1 - level) / 2, (1 + level) / 2]) for level in (wide, narrow)}

    def place_of(level: float) -> str:
        low, high = bounds[level]
        return "below" if row["count"] < low else "above" if row["count"] > high else "as_expected"

    finding, soft = place_of(wide), place_of(narrow)
    key = f"slightly_{soft}" if finding == "as_expected" and soft != finding else finding
    births = row["count"] if np.isnan(row["total"]) else row["total"]
    facts = {"births": round(births), "actual": round(row["count"])}
    return results.note(f"note.births.{key}", level=round(100 * wide, 1), narrow=round(100 * narrow, 1), **facts)


def _scores(rows: pd.DataFrame, period: str, levels: Sequence[float]) -> list[pd.DataFrame]:
    """Return forecast_error and forecast_coverage of every place."""
    tables = []
    for place, group in rows.groupby("place", sort=False):
        first = group[group["method"] == f"gp-{100 * levels[0]:g}"]
        error = (first["total"] - first["value"]).abs() / first["total"].where(first["total"] > 0)
        head = {"place": place, "period": period}
        tables.append(results.rows([{**head, "measure": "forecast_error", "count": len(first),
                                     "value": error.mean(), "method": "mape"}]))  # fmt: skip
        tables += [_coverage(group, head, level) for level in levels]
    return tables


def _coverage(group: pd.DataFrame, head: Mapping[str, Any], level: float) -> pd.DataFrame:
    group = group[group["method"] == f"gp-{100 * level:g}"]
    held = int(((group["total"] >= group["lower"]) & (group["total"] <= group["upper"])).sum())
    low, high = stats.binomial_interval(held, len(group))
    row = {"measure": "forecast_coverage", "count": held, "total": len(group), "value": held / len(group)}
    return results.rows([{**head, **row, "lower": float(low), "upper": float(high), "method": f"gp-{100 * level:g}"}])

"""Now against then: the same part of last year, the period before, and the year so far against last year's.

A difference is called a rise or a fall only when its interval leaves out "no change"; else it is "no real change",
which is what most differences between two half-years are. So that such a claim is made on noise in at most 5 of 100
comparisons, the tests are exact ones, which err on the side of silence.

*Counts* are taken as Poisson and compared as rates a day (the second half-year has three days more than the first): the
conditional binomial test of Przyborowski and Wilenski (Biometrika 31 (1940) 313), its interval that of Clopper and
Pearson. Where past years show that months scatter more than Poisson counts do, all counts are divided by that factor
first (quasi-Poisson: McCullagh and Nelder, Generalized Linear Models, 1989, 6.2.3); and since that factor is itself
learned from few months, Student's t with the degrees of freedom of these months takes the place of the normal
distribution (Tjur, American Statistician 52 (1998) 222): the exact test is read at the level where the normal is as
wide as t at 5 %. Where no two earlier years are known it is t with LEAST degrees: only a leap is a rise then, and what
would be one if months scattered as little as Poisson counts is called untold. *Shares* differ in points, with
Newcombe's interval from two Wilson ones (Statistics in Medicine 17 (1998) 873, method 10) and the exact conditional
test. *Births* are compared corrected for late registration against corrected; what the correction does not know is
added to the variance. Sums of money have no test, because a sum tells nothing of how its parts vary. Counts that are
both under FEW are not compared: nothing but a leap could be seen in them.

*The period before* is another season: more are born in autumn than in spring, and offices have their own rhythm. So
its comparison asks whether the two differ more, or less, than the same two periods of earlier years did: the odds
ratio of now and before against those years together, by the exact conditional test and interval (Fisher 1935, Cornfield
1956); shares by the difference of the two differences, its interval put together from theirs (MOVER: Zou and Donner,
Statistics in Medicine 27 (2008) 1693). Where no earlier year is known the comparison is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from .periods import Period, parse_period
from .results import facts, note, pick, rows
from .stats import binomial_interval, binomial_p, odds_ratio, share_to_ratio
from .wording import indicator

__all__ = ["COMPARED", "FEW", "POISSON", "UNKNOWN", "Scatter", "births", "changes", "pairs", "scatter", "seasons",
           "spans"]  # fmt: skip

COMPARED = (
    "registered", "registered/*", "registered_on_time", "checkups/*", "checkups_risk/*", "checkups_followed_share/*",
    "activity/inspection", "activity/case_closed",
)  # fmt: skip
"""Measures that are compared with earlier periods."""
FEWEST = 20
"""Cases below which past months tell nothing of how much they scatter."""
FEW = 10
"""Counts that are both below this are not compared (shares: of so few cases in either period)."""
SEASONS = 5
"""Earlier years that say how a period usually differs from the one before, at most."""
ALPHA = 0.05
Z95 = 1.959963984540054
LEAST = 2
"""Degrees of freedom below which past months are not asked how much they scatter."""
ROUNDS = 100


class Scatter(NamedTuple):
    """How much more months scatter than Poisson counts, and the degrees of freedom that this was learned from."""

    factor: float
    freedom: float


POISSON, UNKNOWN = Scatter(1.0, np.inf), Scatter(1.0, float(LEAST))
"""Counts that are known to be Poisson, and counts of which no two years are known: t with 2 degrees keeps to 5 % of
false claims up to a factor of 4.8 (of real months of 300 to 1,000 births 1.2 to 3.5 is usual)."""


def pairs(period: str) -> dict[str, tuple[str, str]]:
    """Return the comparisons of a period: name -> key of now, key of then.

    `year_ago`; `previous`, the period of this kind just before (for a year that is the same, and left out); `so_far`,
    the year up to the end of the period against last year's same months, where that is a half-year or year
    by itself and not the period.

    >>> pairs("S2018H2")["so_far"]
    ('S2018', 'S2017')
    """
    now = parse_period(period)
    found = {"year_ago": (now.key, now.year_ago().key)}
    if now.kind != "year":
        found["previous"] = (now.key, now.previous().key)
    year = now.whole_year()
    longer = [Period(year.year, part, year.calendar) for part in ("Q1", "H1", "")]
    for one in longer:
        if one.start == year.start and one.end == now.end and one.start < now.start:
            found["so_far"] = (one.key, one.year_ago().key)
    return found


def seasons(period: str) -> list[tuple[str, str]]:
    """Return period and period before of earlier years, the last year first: what lies between them as a rule.

    >>> seasons("2018H1")[0]
    ('2017H1', '2016H2')
    """
    found, now = [], parse_period(period).year_ago()
    for _ in range(SEASONS):
        found.append((now.key, now.previous().key))
        now = now.year_ago()
    return found


def spans(period: str) -> list[str]:
    """Return the keys of all earlier periods, and the year so far, that the comparisons of a period look at."""
    keys = {key for pair in pairs(period).values() for key in pair}
    if "previous" in pairs(period):
        keys |= {key for pair in seasons(period) for key in pair}
    return sorted(keys - {period})


def scatter(monthly: pd.DataFrame, *, before: pd.Period) -> dict[str, Scatter]:
    """Return by measure how much more past months scatter than Poisson counts would: chi-square over its degrees, >= 1.

    `monthly`: measure, month, count. Years counted back from the month `before`, which is not looked at, are held
    against each other month by month, each at its own level, the first of them as far as it is known; UNKNOWN with
    fewer than LEAST degrees or FEWEST cases.
    """
    found = {}
    for measure, group in monthly[monthly["month"] < before].groupby("measure"):
        series = group.groupby("month")["count"].sum()
        months = pd.period_range(series.index.min(), before - 1, freq="M")
        counts = series.reindex(months, fill_value=0).to_numpy("float64")
        found[str(measure)] = _scatter(np.r_[np.full(-len(counts) % 12, np.nan), counts].reshape(-1, 12))
    return found


def _scatter(table: np.ndarray) -> Scatter:
    """Return the scatter of a table of years and months, NaN where a month is not known (quasi-independence)."""
    table = table[np.nansum(table, axis=1) > 0]
    table = table[:, np.nansum(table, axis=0) > 0]
    known = ~np.isnan(table)
    freedom = int(known.sum()) - sum(table.shape) + 1
    if freedom < LEAST or np.nansum(table) < FEWEST:
        return UNKNOWN
    expected = known.astype("float64")
    for _ in range(ROUNDS):
        for axis in (0, 1):
            expected *= np.nansum(table, axis=axis, keepdims=True) / expected.sum(axis=axis, keepdims=True)
    square = ((table - expected)[known] ** 2 / expected[known]).sum()
    return Scatter(max(1.0, float(square / freedom)), float(freedom))


def changes(
    results: pd.DataFrame,
    *,
    period: str,
    county: str,
    measures: Iterable[str] = (),
    scatter: Mapping[str, Scatter] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return `change/<comparison>/<measure>` of the county for every comparison (`pairs`) that the results allow.

    `results` hold the figures of the periods compared (`spans`), under their keys; `measures`: those to compare, by
    default COMPARED (`*` stands for one part). count = now, total = then; value = relative change of the count a day
    with its interval and p, for `previous` beyond what usually lies between the two. A share gives
    `change_points/...`: points by which it differs (count, total = its numerators). `scatter` (see the module): of a
    sum without its own that of its worst part, UNKNOWN of a count without; None takes counts as Poisson. The note says
    rise, fall, no real change, untold or too few; where nothing was before there is no relative change.
    """
    records = []
    patterns = list(measures or COMPARED)
    wanted = [m for m in dict.fromkeys(results["measure"]) if any(_fits(m, pattern) for pattern in patterns)]
    usual = [tuple(facts(results, place=county, period=key) for key in pair) for pair in seasons(period)]
    for name, (now, then) in pairs(period).items():
        first, second = (facts(results, place=county, period=key) for key in (now, then))
        for measure in wanted:
            past = _past(measure, usual) if name == "previous" else None
            if not _known(measure, first, second) or past == []:
                continue
            spread = POISSON if scatter is None else _spread(measure, scatter)
            told = _told(first[measure], second[measure], past, _days(now, then), spread, level)
            head = "change_points" if _is_share(measure) else "change"
            records.append({"place": county, "period": period, "measure": f"{head}/{name}/{measure}",
                            "count": first[measure].count, "total": second[measure].count, **told})  # fmt: skip
    return rows(records)


def births(
    monthly: pd.DataFrame, *, period: str, county: str, level: float = 0.95, measure: str = "births_corrected"
) -> pd.DataFrame:
    """Return `births_corrected_change/<comparison>`: births corrected for late registration, now against then.

    `monthly`: result rows of the county by month (value, interval at 95 %). A comparison lacking months is left out.
    The errors of the months are added as if they went together, which makes the interval wider rather than narrower;
    months of past years that scatter more than Poisson counts do (`scatter`) widen it too.
    """
    known = pick(monthly, place=county, measure=measure).drop_duplicates("period", keep="last").set_index("period")
    seen = scatter(_series(known, measure), before=parse_period(period).first_month).get(measure, UNKNOWN)
    past = [pair for keys in seasons(period) if (pair := [_sum(known, key) for key in keys]) and all(pair)]
    records = []
    for name, keys in pairs(period).items():
        both = [_sum(known, key) for key in keys]
        if all(both) and (past or name != "previous"):
            (now, error_now), (then, error_then) = both
            more = max(e**2 / n if n > 0 else 0.0 for n, e in ((now, error_now), (then, error_then)))
            spread = Scatter(seen.factor + more, seen.freedom)
            usual = tuple(sum(pair[side][0] for pair in past) for side in (0, 1))
            told = (_beyond(now, then, usual, spread, level) if name == "previous"
                    else _rates(now, then, _days(*keys), spread, level))  # fmt: skip
            records.append({"place": county, "period": period, "measure": f"{measure}_change/{name}",
                            "count": now, "total": then, **told})  # fmt: skip
    return rows(records)


def _series(known: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return the months of result rows as `scatter` takes them."""
    months = [key for key in known.index if parse_period(key).is_month]
    frame = {"measure": measure, "month": pd.PeriodIndex(months, freq="M"), "count": known.loc[months, "value"].array}
    return pd.DataFrame(frame).dropna()


def _spread(measure: str, scatter: Mapping[str, Scatter]) -> Scatter:
    """Return what a count is held to; a sum scatters at most as the worst of its parts does."""
    parts = [one for name, one in scatter.items() if name.startswith(f"{measure}/")]
    return scatter.get(measure, max(parts, default=UNKNOWN))


def _sum(known: pd.DataFrame, key: str) -> tuple[float, float] | None:
    """Return the births of a period and their standard error, None where a month is not known."""
    months = [str(month) for month in parse_period(key).months]
    if not set(months) <= set(known.index) or known.loc[months, "value"].isna().any():
        return None
    mine = known.loc[months]
    return float(mine["value"].sum()), float((mine["upper"] - mine["lower"]).fillna(0).sum()) / (2 * Z95)


def _known(measure: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    here = measure in first and measure in second
    return here and not np.isnan(first[measure].count + second[measure].count)


def _past(measure: str, usual: Iterable[tuple[Mapping[str, Any], ...]]) -> list[tuple[Any, Any]]:
    """Return the figures of earlier years, period and period before, that are known and of which there are any."""
    pairs_ = [(now[measure], then[measure]) for now, then in usual if _known(measure, now, then)]
    return [(now, then) for now, then in pairs_ if now.count + then.count > 0]


def _fits(measure: str, pattern: str) -> bool:
    parts, wanted = measure.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(w in ("*", p) for p, w in zip(parts, wanted, strict=True))


def _days(now: str, then: str) -> tuple[int, int]:
    first, second = (parse_period(key) for key in (now, then))
    return (first.end - first.start).days + 1, (second.end - second.start).days + 1


def _is_share(measure: str) -> bool:
    return indicator(measure)["kind"] == "pct"


def _told(
    now: Any, then: Any, past: list[tuple[Any, Any]] | None, days: tuple[int, int], spread: Scatter, level: float
) -> dict[str, Any]:
    """Return change, interval, p and note of two figures; `past` pairs: beyond what they differ by as a rule."""
    if _is_share(now.measure):
        sides = [tuple(sum(getattr(pair[side], part) for pair in past or []) for part in ("count", "total"))
                 for side in (0, 1)]  # fmt: skip
        return _points(now, then, sides if past else None, level)
    if past is None:
        return _rates(now.count, then.count, days, spread, level)
    usual = tuple(sum(pair[side].count for pair in past) for side in (0, 1))
    return _beyond(now.count, then.count, usual, spread, level)


def _few(now: float, then: float, method: str) -> dict[str, Any]:
    """Return what is said of figures that are too small to be compared."""
    key = "few" if now + then > 0 else "nothing"
    return {"method": method, "value": np.nan, "note": note(f"note.change.{key}", now=now, then=then)}


def _rates(now: float, then: float, days: tuple[int, int], spread: Scatter, level: float) -> dict[str, Any]:
    """Return relative change a day, interval, p and note of two counts."""
    method = f"change_exact-{100 * level:g}"
    if max(now, then) < FEW:
        return _few(now, then, method)
    first, both = now / spread.factor, (now + then) / spread.factor
    ends = np.array(binomial_interval(first, both, _normal(level, spread), "clopper-pearson"))
    low, high = share_to_ratio(ends) / 100 * days[1] / days[0]
    p = float(binomial_p(first, both, days[0] / (days[0] + days[1]), kind="exact"))
    return _changed(then, now / then * days[1] / days[0] if then else np.nan, low, high, p, spread, method)


def _beyond(now: float, then: float, usual: tuple[float, float], spread: Scatter, level: float) -> dict[str, Any]:
    """Return by how much now over then exceeds what it was in earlier years (`usual`: counts of both), as a share."""
    method = f"season_exact-{100 * level:g}"
    if max(now, then) < FEW:
        return _few(now, then, method)
    pairs_ = [tuple(round(n / spread.factor) for n in pair) for pair in ((now, then), usual)]
    _, low, high, p = odds_ratio(*pairs_, _normal(level, spread), "exact")
    ratio = now * usual[1] / (then * usual[0]) if then * usual[0] else np.nan
    return _changed(then, ratio, low, high, p, spread, method)


def _changed(
    then: float, ratio: float, low: float, high: float, poisson_p: float, spread: Scatter, method: str
) -> dict[str, Any]:
    """Return the record of a ratio with its interval; p of the scattered count from that of a Poisson one."""
    p = float(2 * special.stdtr(spread.freedom, special.ndtri(poisson_p / 2)))
    verdict = _verdict(then, p, low > 1, high < 1, untold=spread.freedom <= LEAST and poisson_p < ALPHA)
    ends = [end - 1 if np.isfinite(end) and np.isfinite(ratio) else np.nan for end in (low, high)]
    return {"method": method, "value": ratio - 1, "lower": ends[0], "upper": ends[1], "p": p, "note": verdict}


def _normal(level: float, spread: Scatter) -> float:
    """Return the level at which the normal distribution is as wide as t is at `level`."""
    return float(1 - 2 * special.ndtr(-special.stdtrit(spread.freedom, (1 + level) / 2)))


def _points(now: Any, then: Any, usual: list[tuple[float, ...]] | None, level: float) -> dict[str, Any]:
    """Return the difference of two shares in points, Newcombe's interval, exact p and note.

    `usual`: numerator and denominator of both in earlier years, whose difference is taken off (then without p).
    """
    method = f"{'season' if usual else 'points'}_newcombe-{100 * level:g}"
    if min(now.total, then.total, *(total for _, total in usual or ())) < FEW:
        return _few(now.total, then.total, method)
    gap, low, high = _gap((now.count, now.total), (then.count, then.total), level)
    if usual:
        other, other_low, other_high = _gap(*usual, level)
        low, high = (gap - other - float(np.hypot(gap - low, other_high - other)),
                     gap - other + float(np.hypot(high - gap, other - other_low)))  # fmt: skip
        gap, p = gap - other, np.nan
    else:
        p = odds_ratio((now.count, now.total - now.count), (then.count, then.total - then.count), level, "exact")[3]
    return {"method": method, "value": 100 * gap, "lower": 100 * low, "upper": 100 * high, "p": p,
            "note": _verdict(then.count, p, low > 0, high < 0)}  # fmt: skip


def _gap(first: tuple[float, ...], second: tuple[float, ...], level: float) -> tuple[float, float, float]:
    """Return the difference of two shares (numerator, denominator) with Newcombe's interval."""
    shares = [count / total for count, total in (first, second)]
    (low_1, high_1), (low_2, high_2) = (binomial_interval(*at, level, "wilson") for at in (first, second))
    gap = shares[0] - shares[1]
    low, high = np.hypot(shares[0] - low_1, high_2 - shares[1]), np.hypot(high_1 - shares[0], shares[1] - low_2)
    return gap, gap - float(low), gap + float(high)


def _verdict(then: float, p: float, above: bool, below: bool, untold: bool = False) -> str:
    """Return the note: a rise or fall only where the interval, and the test if there is one, say so."""
    told = (above or below) and not p >= ALPHA
    key = ("rise" if above else "fall") if told else "untold" if untold else "same"
    return note(f"note.change.{'first' if told and then == 0 else key}")

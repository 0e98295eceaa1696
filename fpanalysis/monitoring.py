"""Looking at the sex ratio every month of a year without crying wolf: alpha spending, e-process, confidence sequence.

Testing anew each month at 5 % raises a false alarm in 11-16 of 100 years. *Alpha spending* (Lan and DeMets,
Biometrika 70 (1983) 659, with their O'Brien-Fleming-type function) hands the 5 % out over the looks, little at first.
The boundary is worked out exactly: births known at each look make a binomial random walk, whose distribution among
the years not yet stopped is carried from look to look (Armitage, McPherson and Rowe, JRSS A 132 (1969) 235). Rules:

- The information at a look is births known / births expected for the year by the forecast, not the calendar.
  At the last look everything that is left is spent, however many births there were.
- What a look spends is fixed by what was known then. Births registered later count at the next look; a month that is
  run again gives the look that was kept (`seen`), and costs nothing.
- Four streams of a county are watched: all births, first, second, third and later, each with a quarter of alpha:
  a skew of third births alone hardly moves the total. Looking twelve times costs a stream of 10,000 births at most 2
  points of power against one test at year-end (`benchmarks/sex_ratio.py looking`). Hwang, Shih and De Cani's function
  costs less (`spend="hwang-shih-decani"`), but spends on the first months, when births are least complete.

For looks that nobody planned there are the *e-process* against the upper end of the band, and the *confidence
sequence*, both by a beta mixture and valid at all times together (Howard, Ramdas, McAuliffe and Sekhon, Annals of
Statistics 49 (2021) 1055; the formulas and their tuning are those of the package confseq).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special
from scipy.optimize import brentq
from scipy.signal import convolve

from . import results, stats
from .errors import FpError, did_you_mean

__all__ = [
    "SPENDING",
    "STREAMS",
    "alarm_chance",
    "anytime",
    "boundaries",
    "confidence_sequence",
    "log_e",
    "log_mixture",
    "monitor",
    "normal_boundaries",
    "spending",
    "watched",
]

Floats: TypeAlias = NDArray[np.float64]

STREAMS: Mapping[str, tuple[int, ...]] = {"total": (), "order1": (1,), "order2": (2,), "order3": (3,)}
"""Streams that are watched: the birth orders of each, () for all births."""
LAST_BUT_ONE = 0.99
"""Information that a look before the last can reach at most, so that something is left for the last."""
NEGLIGIBLE = 1e-20
NODES = 2001
"""Points of the grid for the boundaries in the normal limit (odd)."""


@dataclass(frozen=True)
class _Watch:
    """How one stream is watched."""

    stream: str
    share: float
    alpha: float
    spend: str


def monitor(
    births: pd.DataFrame,
    *,
    looks: pd.PeriodIndex,
    last: pd.Period,
    county: str,
    expected: float | Mapping[str, float],
    upper: float = 107.0,
    alpha: float = 0.05,
    basis: str = "occurred",
    spend: str = "obrien-fleming",
    seen: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return rows `srb_look/<stream>`, one a stream and look (period: its month), by which the year is watched.

    `births`: tidy births. `looks`: the months of the year so far; at each, the births known are those of the year
    with `basis` month up to it, registered by its end. `last`: month of the year's last look. `expected`: births of
    the whole year by the forecast, for the total or each stream (the total is shared out by the birth orders of the
    twelve months before the year, else of the year so far). `upper`: the ratio that is still usual. `seen`: result
    rows of an earlier run, whose looks stand as they were. count = boys, total = births known, value = their ratio,
    upper = smallest ratio that would be an alarm, p = exact one-sided p of this look by itself, which no one should
    read alone. The note says quiet or alarm, and holds the information, the alpha spent so far and the boundary.
    """
    if spend not in SPENDING:
        raise FpError(f"spending function {spend!r} does not exist{did_you_mean(spend, SPENDING)}")
    share = float(stats.ratio_to_share(upper))
    plan = _plan(births, expected, looks, basis)
    state = results.pick(seen if seen is not None else results.empty(), place=county)
    rows = [
        row
        for stream in STREAMS
        for row in _stream(
            _known(births, looks, basis, STREAMS[stream]), plan[stream], last, state, county,
            _Watch(stream, share, alpha / len(STREAMS), spend),
        )
    ]  # fmt: skip
    return results.rows(rows)


def watched(looks: pd.DataFrame, *, period: str, county: str) -> pd.DataFrame:
    """Return what the looks of a year say by now: `srb_watch` (count = streams with an alarm, total = streams) and
    `srb_watch/<stream>`, the last look of each, with an alarm for good once it was raised.
    """
    mine = results.pick(looks, place=county, measure="srb_look/*").sort_values("period", kind="stable")
    last = mine.drop_duplicates("measure", keep="last")
    notes = [results.read_note(note) for note in last["note"]]
    alarmed = [key not in ("note.srb.look.quiet", "note.srb.look.none") for key, _ in notes]
    rows = last.assign(period=period, measure=last["measure"].str.replace("srb_look", "srb_watch"))
    if rows.empty:
        return results.empty()
    which = [measure.rpartition("/")[2] for measure, alarm in zip(last["measure"], alarmed, strict=True) if alarm]
    key = "alarm" if which else "quiet" if last["total"].any() else "none"
    alpha, streams = sum(values["alpha"] for _, values in notes), [f"stream.{name}" for name in which]
    number = {"looks": int(mine["period"].nunique()), "last": str(last["period"].max())}
    said = results.note(f"note.srb.watch.{key}", streams=streams, alpha=alpha, **number)
    whole = {"place": county, "period": period, "measure": "srb_watch", "count": sum(alarmed), "total": len(rows),
             "value": np.nan, "method": "spending", "note": said}  # fmt: skip
    return results.combine([results.rows([whole]), results.rows(rows)])


def anytime(
    births: pd.DataFrame,
    *,
    months: pd.PeriodIndex,
    period: str,
    county: str,
    planned: float,
    upper: float = 107.0,
    level: float = 0.95,
    basis: str = "occurred",
) -> pd.DataFrame:
    """Return rows `srb_anytime/<stream>` for looks that nobody planned, valid however often they are made.

    value = ratio of all births of `months`, lower, upper = confidence sequence, p = 1 / e-value (at most 1) against
    ratios up to `upper`, one-sided. `planned`: births in all at which it shall be sharpest, shared out by the
    births of each stream; must not depend on the sexes. The note holds the e-value, and what it is worth among the
    streams: e-BH (`stats.adjust_e`) at most alpha is a finding, in streams that share births too.
    """
    mine = births[births[basis].isin(months)]
    whole = max(_sexes(mine, ())[1], 1.0)
    planned = planned if np.isfinite(planned) and planned > 0 else whole
    null, rows = float(stats.ratio_to_share(upper)), []
    counts = {stream: _sexes(mine, orders) for stream, orders in STREAMS.items()}
    best = {stream: max(planned * total / whole, 1.0) for stream, (_, total) in counts.items()}
    evidence = [float(np.exp(min(log_e(*counts[s], null, planned=best[s]), 600.0))) for s in STREAMS]
    for stream, e, among in zip(STREAMS, evidence, stats.adjust_e(evidence), strict=True):
        boys, total = counts[stream]
        low, high = confidence_sequence(boys, total, planned=best[stream], level=level)
        said = results.note("note.srb.anytime", e=round(e, 4), upper=upper, births=int(total), among=float(among))
        rows.append({
            "place": county, "period": period, "measure": f"srb_anytime/{stream}", "count": boys, "total": total,
            "value": _ratio(boys, total), "lower": float(stats.share_to_ratio(low)), "p": min(1.0, 1 / max(e, 1e-300)),
            "upper": float(stats.share_to_ratio(high)), "method": f"beta_mixture-{100 * level:g}", "note": said,
        })  # fmt: skip
    return results.rows(rows)


def spending(information: ArrayLike, alpha: float, kind: str = "obrien-fleming") -> Floats:
    """Return the alpha that may have been spent at a share of the information: 0 at 0, all of `alpha` from 1 on."""
    if kind not in SPENDING:
        raise FpError(f"spending function {kind!r} does not exist{did_you_mean(kind, SPENDING)}")
    share = np.clip(np.asarray(information, dtype="float64"), 0.0, 1.0)
    return np.where(share >= 1, alpha, SPENDING[kind](np.maximum(share, 1e-300), alpha))


def boundaries(births: Sequence[float], allowed: Sequence[float], share: float) -> tuple[Floats, Floats]:
    """Return for each look the smallest number of boys that is an alarm, and the alpha spent so far, exactly.

    `births`: births known at each look, never falling. `allowed`: alpha that may have been spent by then. `share`:
    share of boys under the null. A look without new births spends nothing, and its boundary is n + 1 (no alarm).
    """
    if any(later < earlier for earlier, later in zip([0, *births], births, strict=False)):
        raise FpError(f"births known at the looks fall: {list(births)}; expected numbers that never fall")
    first, mass, spent, known = 0, np.ones(1), 0.0, 0
    bounds, total = [], []
    for now, limit in zip(births, allowed, strict=True):
        if now > known:
            first, mass = _grown(first, mass, int(now - known), share)
            above = np.cumsum(mass[::-1])[::-1]
            some = np.flatnonzero(above <= limit - spent)
            cut = int(some[0]) if len(some) else len(mass)
            spent += float(above[cut]) if cut < len(mass) else 0.0
            bounds.append(float(first + cut))
            first, mass = _trimmed(first, mass[:cut])
            known = now
        else:
            bounds.append(float(now + 1))
        total.append(spent)
    return np.array(bounds), np.array(total)


def alarm_chance(births: Sequence[float], bounds: Sequence[float], share: float) -> Floats:
    """Return the probability of an alarm by each look when the true share of boys is `share`, exactly."""
    first, mass, known, raised, found = 0, np.ones(1), 0.0, 0.0, []
    for now, bound in zip(births, bounds, strict=True):
        if now > known:
            first, mass = _grown(first, mass, int(now - known), share)
            cut = int(np.clip(bound - first, 0, len(mass)))
            raised += float(mass[cut:].sum())
            first, mass, known = *_trimmed(first, mass[:cut]), now
        found.append(raised)
    return np.array(found)


def normal_boundaries(information: Sequence[float], allowed: Sequence[float]) -> Floats:
    """Return the z boundaries of the looks in the normal limit, one-sided, by numerical integration.

    For comparison with group-sequential programs (gsDesign, ldbounds); `monitor` uses the exact ones.
    """
    z, spent, grid, density = [], 0.0, np.zeros(1), np.ones(1)
    for number, (at, limit) in enumerate(zip(information, allowed, strict=True)):
        step = np.sqrt(at - (information[number - 1] if number else 0.0))
        tail = lambda c, g=grid, d=density, s=step: float(d @ special.ndtr((g - c) / s))  # noqa: E731
        cut = brentq(lambda c, t=tail, left=limit - spent: t(c) - left, -8.0, 12 * np.sqrt(at), xtol=1e-12)
        spent += tail(cut)
        fine = np.linspace(-9 * np.sqrt(at), cut, NODES)
        weights = np.full(NODES, 2.0)
        weights[1::2], weights[0], weights[-1] = 4.0, 1.0, 1.0
        kernel = np.exp(-0.5 * ((fine[:, None] - grid[None, :]) / step) ** 2) / (step * np.sqrt(2 * np.pi))
        density = kernel @ density * weights * (fine[1] - fine[0]) / 3
        grid = fine
        z.append(cut / np.sqrt(at))
    return np.array(z)


def log_e(boys: float, births: float, share: float, *, planned: float) -> float:
    """Return the log of the e-value against a share of boys of at most `share`, one-sided.

    The births may be looked at any number of times: at or below `share`, the e-value reaches 20 in at most one of 20
    series, ever. `planned`: births at which it shall be sharpest.
    """
    if births <= 0:
        return 0.0
    variance = share * (1 - share)
    return log_mixture(boys - births * share, births * variance, planned * variance, share, 1 - share, one_sided=True)


def confidence_sequence(boys: float, births: float, *, planned: float, level: float = 0.95) -> tuple[float, float]:
    """Return lower and upper bound of the share of boys, which hold at all looks together with probability `level`.

    `planned`: births at which it shall be narrowest. (0, 1) without births.
    """
    if not 0 < level < 1:
        raise FpError(f"level of a confidence sequence is {level}, expected a number between 0 and 1, such as 0.95")
    if births <= 0:
        return 0.0, 1.0
    threshold, seen = np.log(1 / (1 - level)), boys / births

    def excess(share: float) -> float:
        variance = share * (1 - share)
        s, v = boys - births * share, births * variance
        return log_mixture(s, v, planned * variance, share, 1 - share, one_sided=False) - threshold

    tiny = 1e-12
    low = 0.0 if boys == 0 else brentq(excess, tiny * seen, min(seen, 1 - tiny), xtol=1e-15)
    high = 1.0 if boys == births else brentq(excess, max(seen, tiny), 1 - tiny * (1 - seen), xtol=1e-15)
    return float(low), float(high)


def log_mixture(
    s: float, v: float, v_best: float, g: float, h: float, *, one_sided: bool, alpha_best: float = 0.05
) -> float:
    """Return the log of the beta-binomial mixture supermartingale of Howard and others (2021), as in confseq.

    `s`: sum of the deviations, each between -g and h; `v`: its variance; `v_best`: the variance at which the bound of
    error rate `alpha_best` is tightest.
    """
    alpha = 2 * alpha_best if one_sided else alpha_best
    rho = v_best / (2 * np.log(1 / alpha) + np.log(1 + 2 * np.log(1 / alpha)))
    r = max(rho - g * h, 1e-3 * g * h)
    cut = h / (g + h) if one_sided else 1.0
    growth = v / (g * h) * np.log(g + h) - (v + h * s) / (h * (g + h)) * np.log(g)
    growth -= (v - g * s) / (g * (g + h)) * np.log(h)
    after = _log_beta((r + v - g * s) / (g * (g + h)), (r + v + h * s) / (h * (g + h)), cut)
    return float(growth + after - _log_beta(r / (g * (g + h)), r / (h * (g + h)), cut))


def _log_beta(a: float, b: float, cut: float) -> float:
    """Return the log of the incomplete beta function up to `cut` (not divided by the whole)."""
    share = special.betainc(a, b, cut)
    return float(special.betaln(a, b) + (np.log(share) if share > 0 else -np.inf))


def _plan(
    births: pd.DataFrame, expected: float | Mapping[str, float], looks: pd.PeriodIndex, basis: str
) -> Mapping[str, float]:
    """Return the births expected in the year by stream."""
    if isinstance(expected, Mapping):
        missing = [stream for stream in STREAMS if stream not in expected]
        if missing:
            raise FpError(f"expected births of stream {missing[0]!r} are missing; streams: {', '.join(STREAMS)}")
        found = dict(expected)
    else:
        start = looks[0]
        before = births[(births[basis] < start) & (births[basis] >= start - 12) & (births["registered"] < start)]
        mix = before if before["count"].sum() > 0 else births[births[basis].isin(looks)]
        whole = max(float(mix["count"].sum()), 1.0)
        found = {
            stream: float(expected)
            * (float(mix.loc[mix["order"].isin(orders), "count"].sum()) / whole if orders else 1)
            for stream, orders in STREAMS.items()
        }
    return found


def _known(births: pd.DataFrame, looks: pd.PeriodIndex, basis: str, orders: tuple[int, ...]) -> pd.DataFrame:
    """Return boys and births of the year as known at the end of each look's month."""
    year = births[(births[basis] >= looks[0]) & (births[basis] <= looks[-1])]
    counts = [_sexes(year[(year[basis] <= look) & (year["registered"] <= look)], orders) for look in looks]
    return pd.DataFrame(counts, columns=["boys", "births"], index=looks)


def _sexes(births: pd.DataFrame, orders: tuple[int, ...]) -> tuple[float, float]:
    """Return boys, and boys and girls."""
    some = births[births["order"].isin(orders)] if orders else births
    boys, girls = (float(some.loc[some["sex"] == sex, "count"].sum()) for sex in ("male", "female"))
    return boys, boys + girls


def _stream(
    known: pd.DataFrame, expected: float, last: pd.Period, state: pd.DataFrame, county: str, watch: _Watch
) -> list[dict[str, Any]]:
    """Return the looks of one stream: those of earlier runs as they were, then the new ones."""
    table = _remembered(known, state, watch).assign(expected=lambda f: f["plan"].fillna(expected))
    births = np.maximum.accumulate(table["births"].to_numpy())
    table["information"] = _information(births, table["expected"].to_numpy(), table.index == last)
    allowed = np.fmax(spending(table["information"], watch.alpha, watch.spend), table["allowed"].fillna(0.0))
    bounds, spent = boundaries(list(births), list(np.maximum.accumulate(allowed)), watch.share)
    table = table.assign(bound=bounds, spent=spent, limit=allowed)
    table["alarm"] = table["boys"] >= table["bound"]
    table["since"] = table["alarm"].cummax()
    return [_look(str(row.Index), row, county, watch) for row in table.itertuples()]


def _remembered(known: pd.DataFrame, state: pd.DataFrame, watch: _Watch) -> pd.DataFrame:
    """Return the looks with counts, plan and allowance replaced by what an earlier run kept, made by the same rule."""
    table = known.assign(plan=np.nan, allowed=np.nan)
    kept = results.pick(state, measure=f"srb_look/{watch.stream}").drop_duplicates("period", keep="first")
    for row in kept.itertuples():
        said = results.read_note(row.note)[1]
        month = pd.Period(row.period, "M")
        same = np.isclose([said["share"], said["alpha"]], [watch.share, watch.alpha], rtol=1e-12).all()
        if month in table.index and same:
            table.loc[month] = [row.count, row.total, said["expected"], said["allowed"]]
    return table


def _information(births: Floats, expected: Floats, is_last: NDArray[np.bool_]) -> Floats:
    """Return the share of the year's information at each look: all at the last, never quite all before."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(expected > 0, births / expected, 0.0)
    return np.where(is_last, 1.0, np.maximum.accumulate(np.minimum(share, LAST_BUT_ONE)))


def _look(month: str, row: Any, county: str, watch: _Watch) -> dict[str, Any]:
    key = "note.srb.look." + ("alarm" if row.alarm else "before" if row.since else "quiet" if row.births else "none")
    ratio = _ratio(row.bound, row.births) if row.bound <= row.births else np.nan
    said = results.note(
        key, information=round(row.information, 4), spent=row.spent, allowed=row.limit, bound=row.bound,
        expected=row.expected, share=watch.share, alpha=watch.alpha, births=int(row.births),
    )  # fmt: skip
    p = float(stats.binomial_p(row.boys, row.births, watch.share, "greater", "exact"))
    return {
        "place": county, "period": month, "measure": f"srb_look/{watch.stream}", "count": row.boys, "total": row.births,
        "value": _ratio(row.boys, row.births), "upper": ratio, "p": p, "method": "spending", "note": said,
    }  # fmt: skip


def _ratio(boys: float, births: float) -> float:
    if births <= 0:
        return float("nan")
    return 100 * boys / (births - boys) if births > boys else float("inf")


def _grown(first: int, mass: Floats, more: int, share: float) -> tuple[int, Floats]:
    """Return the distribution of boys after `more` births: the number that the first entry stands for, the masses."""
    middle, reach = more * share, 11 * np.sqrt(more * share * (1 - share)) + 25
    low, high = max(0, int(middle - reach)), min(more, int(middle + reach) + 1)
    steps = _pmf(np.arange(low, high + 1), more, share)
    return first + low, np.maximum(convolve(mass, steps, method="auto" if len(steps) > 20_000 else "direct"), 0.0)


def _trimmed(first: int, mass: Floats) -> tuple[int, Floats]:
    """Return the distribution without the negligible masses at its lower end; without any mass, one of nothing."""
    some = np.flatnonzero(mass > NEGLIGIBLE)
    return (first, np.zeros(1)) if not len(some) else (first + int(some[0]), mass[some[0] :])


def _pmf(k: NDArray[np.int64], n: int, share: float) -> Floats:
    ways = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return np.exp(ways + special.xlogy(k, share) + special.xlog1py(n - k, -share))


def _obrien_fleming(information: Floats, alpha: float) -> Floats:
    """Return 2 - 2 Phi(z / sqrt t), Lan and DeMets' approximation to O'Brien and Fleming's boundary."""
    return 2 * special.ndtr(special.ndtri(alpha / 2) / np.sqrt(information))


def _pocock(information: Floats, alpha: float) -> Floats:
    """Return alpha log(1 + (e - 1) t), Lan and DeMets' approximation to Pocock's boundary."""
    return alpha * np.log1p((np.e - 1) * information)


def _hwang_shih_decani(information: Floats, alpha: float) -> Floats:
    """Return alpha (e^5t - 1) / (e^5 - 1): Hwang, Shih and De Cani, Statistics in Medicine 9 (1990) 1439, gamma -5."""
    return alpha * np.expm1(5 * information) / np.expm1(5)


SPENDING = {"obrien-fleming": _obrien_fleming, "hwang-shih-decani": _hwang_shih_decani, "pocock": _pocock}
"""Spending functions: (share of the information, alpha) -> alpha that may have been spent."""

"""The plan against the path that the year usually takes, instead of against the calendar.

Half the year is not half the work: check-ups pause at the Spring Festival, inspections come in campaigns. So what was
done by a month is held against the share of the year's work that was usually done by then. The shares of past years
are pooled (`pooling`), and drawn towards an even pace - or halfway towards the paths of the office's other
programmes - with the weight of PRIOR_CASES, so that a programme without any history has an expected path too, and an
interval that says how little is behind it.

How much years differ is read from all cuts through past years (`pooling.scatter`), not from the one of this month
alone. Paths drift: in real monthly series the share done by June differs from that of last year by 0.4 points, from
that of three years ago by 0.8 (medians, beyond chance). So each year counts FADING of the one after it: with years of
equal weight, 90 % intervals of five years of history held in 86 to 87 % of real cases, with these in 90 to 91 %.

*Forecast for the end of the year.* What is still to come is Poisson around (done / share by now) x (1 - share by
now), the rate known from what was done (Jeffreys' prior: gamma with done + 1/2), the share drawn for this year. The
level of past years does not enter: a programme that was doubled is not pulled back. Sampled, from the generator that
is passed in.

A target that is reached stays reached; a target of nothing has no share; a year that is over has no forecast. The year
is the twelve months of the period's own calendar (January-December, or October-September).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .periods import Period, parse_period
from .pooling import Posterior, posterior, scatter, shares
from .results import note, rows

__all__ = ["VERDICTS", "paths"]

Floats: TypeAlias = NDArray[np.float64]

PRIOR_CASES = 25.0
"""Weight of the prior path, in cases: an even pace is known to about 10 points either way."""
SPREAD = 0.04
"""Scale of the prior spread between years: of real monthly series half were below 0.015, a tenth above 0.035."""
FADING = 0.7
"""Weight of a year in that of the year after it."""
TRUST = 0.5
"""Weight of what the cuts tell of the spread between years: they hold the cut of this month too, told already."""
DRAWS = 20_000
SURE, LIKELY, UNLIKELY = 0.9, 0.5, 0.1
"""Chances of reaching the target at which the verdict changes."""


def paths(
    monthly: pd.DataFrame,
    plan: pd.DataFrame,
    *,
    period: str,
    county: str,
    last: pd.Period,
    rng: np.random.Generator,
    level: float = 0.9,
) -> pd.DataFrame:
    """Return where each target of the year stands: rows of the county, under `period` and by month.

    `monthly`: measure, month, count of the county, past years and this one (months without a row count as 0 between the
    first and `last`, the last month known). `plan`: period, measure, target; targets of the year of `period` are used.

    `plan_usual/<measure>`: share of the year's work usually done by now, with its predictive interval; count = years of
    history. `plan_forecast/<measure>`: what the year will come to, with prediction interval; count = done, total =
    target, the note is one of VERDICTS. `plan_chance/<measure>`: chance of reaching the target. `plan_pace/<measure>`:
    needed a month from now on (count = still to do, total = months left). `plan_usual_pace/<measure>`: what those
    months usually bring at the present level. By month: `plan_path/<measure>` the usual share done,
    `plan_walked/<measure>` done so far as a share of the target.
    """
    year = parse_period(period).whole_year()
    targets = plan[plan["period"] == year.key].sort_values("measure", kind="stable")
    now = min(last, year.last_month)
    table = _by_year(monthly, year, last)
    history = {m: t.drop(index=year.year, errors="ignore").to_numpy() for m, t in table.items()}
    records: list[dict[str, Any]] = []
    for target in targets.itertuples() if now >= year.first_month else ():
        if target.measure in table and year.year in table[target.measure].index:
            done = table[target.measure].loc[year.year].to_numpy()[: (now - year.first_month).n + 1]
            even = _prior(history, str(target.measure), year)
            found = _standing(done, history[str(target.measure)], even, float(target.target), year, rng, level)
            records += [{"place": county, "period": period, **r, "measure": f"{r['measure']}/{target.measure}"}
                        for r in found]  # fmt: skip
    return rows(records)


def _by_year(monthly: pd.DataFrame, year: Period, last: pd.Period) -> dict[str, pd.DataFrame]:
    """Return by measure a table of counts: one row a year (of the period's calendar) known whole, or this one."""
    found, now = {}, (last - year.first_month).n
    for measure, group in monthly[monthly["month"] <= last].groupby("measure"):
        at = group["month"].array.asi8 - year.first_month.ordinal
        years = np.arange(at.min() // 12, now // 12 + 1)
        cells = np.full((len(years), 12), np.nan)
        flat, at = cells.reshape(-1), at - 12 * years[0]
        flat[at.min() : now - 12 * years[0] + 1] = 0
        np.add.at(flat, at, group["count"].to_numpy("float64"))
        table = pd.DataFrame(cells, index=year.year + years)
        whole = table.notna().all(axis=1) | (table.index == year.year)
        found[str(measure)] = table[whole]
    return found


def _even(year: Period) -> Floats:
    days = np.array([m.days_in_month for m in year.months], dtype="float64")
    return np.cumsum(days) / days.sum()


def _prior(history: Mapping[str, Floats], measure: str, year: Period) -> Floats:
    """Return the path that a short history is drawn to: an even pace, halfway to what the other programmes did."""
    even = _even(year)
    others = [known.sum(axis=0) for m, known in sorted(history.items()) if m != measure and known.sum() > 0]
    if not others:
        return even
    return (even + np.mean([np.cumsum(o) / o.sum() for o in others], axis=0)) / 2


def _standing(
    done: Floats, history: Floats, prior: Floats, target: float, year: Period, rng: np.random.Generator, level: float
) -> Iterator[dict[str, Any]]:
    """Yield the records of one target."""
    now, so_far, method = len(done), float(done.sum()), f"plan_path-{100 * level:g}"
    evidence = TRUST * scatter(history)
    known = [_known(history, prior, at, evidence) for at in range(1, 12)]
    ends = [(1 - level) / 2, (1 + level) / 2]
    drawn = shares(known[now - 1], DRAWS, rng) if now < 12 else np.ones(DRAWS)
    to_come = _to_come(so_far, drawn, rng)
    usual, low, high = (_mean(known[now - 1]), *np.quantile(drawn, ends)) if now < 12 else (1.0, 1.0, 1.0)
    years = int((history.sum(axis=1) > 0).sum())
    yield {"measure": "plan_usual", "count": years, "value": usual, "lower": low, "upper": high, "method": method,
           "note": note(f"note.plan.history.{min(years, 2)}", years=years)}  # fmt: skip
    whole = so_far + to_come
    chance = float((whole >= target).mean())
    if now < 12:
        low, high = np.quantile(whole, ends)
        yield {"measure": "plan_chance", "count": so_far, "total": target, "value": chance, "method": method}
        yield from _paces(so_far, target, 12 - now, to_come)
    else:
        low = high = so_far
    yield {"measure": "plan_forecast", "count": so_far, "total": target, "value": float(np.median(whole)),
           "lower": low, "upper": high, "method": method,
           "note": note(VERDICTS[_verdict(so_far, target, chance, now)], done=so_far, target=target,
                        chance=chance)}  # fmt: skip
    yield from _walked(done, target, known, year)


def _known(history: Floats, prior: Floats, at: int, evidence: Floats) -> Posterior:
    """Return what is known of the share done by the month `at` (1 = the first of the year)."""
    trust = FADING ** np.arange(len(history) - 1, -1, -1.0)
    return posterior(history[:, :at].sum(axis=1), history.sum(axis=1), centre=float(prior[at - 1]),
                     weight=PRIOR_CASES, scale=SPREAD, evidence=evidence, trust=trust)  # fmt: skip


def _mean(known: Posterior) -> float:
    return float((known.weights * known.means).sum())


def _to_come(so_far: float, drawn: Floats, rng: np.random.Generator) -> Floats:
    """Return draws of what the rest of the year brings."""
    rate = rng.gamma(so_far + 0.5, size=len(drawn)) * (1 - drawn) / np.maximum(drawn, 1e-6)
    return rng.poisson(np.minimum(rate, 1e15)).astype("float64")


def _paces(so_far: float, target: float, left: int, to_come: Floats) -> Iterator[dict[str, Any]]:
    missing = max(target - so_far, 0.0)
    yield {"measure": "plan_pace", "count": missing, "total": left, "value": missing / left, "method": "plan_path"}
    yield {"measure": "plan_usual_pace", "total": left, "value": float(np.median(to_come)) / left,
           "method": "plan_path"}  # fmt: skip


def _walked(done: Floats, target: float, known: Sequence[Posterior], year: Period) -> Iterator[dict[str, Any]]:
    """Yield the usual share and the share done of each month."""
    for at, month in enumerate(year.months, start=1):
        path = {"period": str(month), "measure": "plan_path", "method": "plan_path"}
        yield {**path, "value": _mean(known[at - 1]) if at < 12 else 1.0}
        if at <= len(done) and target > 0:
            walked = float(done[:at].sum())
            yield {"period": str(month), "measure": "plan_walked", "count": walked, "total": target,
                   "value": walked / target, "method": "counted"}  # fmt: skip


def _verdict(so_far: float, target: float, chance: float, now: int) -> str:
    if target <= 0:
        return "no_target"
    if so_far >= target:
        return "reached"
    if now >= 12:
        return "missed"
    steps = {"sure": SURE, "likely": LIKELY, "unlikely": UNLIKELY}
    return next((name for name, least in steps.items() if chance >= least), "hardly")


VERDICTS: Mapping[str, str] = {
    name: f"note.plan.{name}" for name in ("reached", "sure", "likely", "unlikely", "hardly", "missed", "no_target")
}
"""Every verdict on a target and the sentence that says it."""

"""What else may move births, month by month, and whether it does here: policies, zodiac years, closures, registrations.

A regressor is a number for every month: the share of its days that lie in a span (a policy in force, a year of the
dragon or of the sheep, a closed maternity ward), or how far registrations by birth order, made during pregnancy, stood
from their mean half a year before. Its effect on log births has a normal prior (`EFFECT_SD`), so that nothing is fitted
at will. It is used only when it helps in a back-test on the county's own months: one month ahead, from the third year
on, the errors must be smaller and the predictive likelihood larger by the factor ODDS for each regressor tried. Under
births that it does not move, that happens by chance at most once in ODDS (Markov's inequality for a Bayes factor).

The spans are data with their source, `events:` in params. References: Good, The American Statistician 33 (1979) 118
(Bayes factors and Markov's inequality); Dawid, Journal of the Royal Statistical Society A 147 (1984) 278 (prequential
judgement).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from . import gp

__all__ = ["EFFECT_SD", "LEAD", "ODDS", "Judged", "aligned", "from_events", "from_registrations", "joined", "judge"]

Floats: TypeAlias = NDArray[np.float64]

EFFECT_SD = 0.15
"""Prior standard deviation of the log effect of a whole month in a span, or of registrations e times as many."""
LEAD = 6
"""Months by which registrations come before births: so far ahead they are known."""
SERVICES = ("first", "second")
LEADING = "registered"
"""Columns that begin so are known no more than LEAD months ahead."""
BEFORE = 24
"""Months of history that are not scored."""
ODDS = 20.0
"""Bayes factor asked for."""


@dataclass(frozen=True)
class Judged:
    """A regressor's back-test: months scored, mean absolute error without and with it, log Bayes factor, verdict."""

    name: str
    months: int
    without: float
    error: float
    gain: float
    helps: bool


def joined(events: pd.DataFrame, registered: pd.DataFrame, *, months: pd.PeriodIndex, ahead: int = 36) -> pd.DataFrame:
    """Return all regressors of these months and of `ahead` months after them; those that never vary are left out."""
    months = pd.period_range(months[0], months[-1] + ahead, freq="M")
    found = from_events(events, months).join(from_registrations(registered, months))
    return found.loc[:, found.max() > found.min()]


def from_events(events: pd.DataFrame, months: pd.PeriodIndex) -> pd.DataFrame:
    """Return the share of each month's days inside the spans, a column for each kind of event.

    `events`: columns name, first, last (timestamps; last NaT where it is still so).
    """
    starts, ends = months.start_time.normalize(), months.end_time.normalize()
    found = pd.DataFrame(0.0, index=months, columns=list(dict.fromkeys(events["name"])))
    for event in events.itertuples(index=False):
        last = ends if pd.isna(event.last) else np.minimum(ends, event.last)
        days = (last - np.maximum(starts, event.first)).days + 1
        found[event.name] += np.maximum(days, 0) / np.asarray(months.days_in_month)
    return found


def from_registrations(registered: pd.DataFrame, months: pd.PeriodIndex) -> pd.DataFrame:
    """Return log registrations, by birth order, of the three months that end LEAD months before, less their mean.

    `registered`: columns month, service, count; services other than SERVICES do not count. 0 where they are not known.
    """
    wanted = registered[registered["service"].isin(SERVICES)]
    wide = wanted.pivot_table(index="month", columns="service", values="count", aggfunc="sum", observed=True)
    if not len(wide):
        return pd.DataFrame(index=months)
    wide = wide.reindex(pd.period_range(wide.index.min(), wide.index.max(), freq="M"))
    logs = np.log(wide.rolling(3).mean().where(lambda w: w > 0))
    late = (logs - logs.mean()).shift(LEAD, freq="M").reindex(months).fillna(0.0)
    late.columns = [f"{LEADING}_{name}" for name in late.columns]
    return late


def aligned(regressors: pd.DataFrame, months: pd.PeriodIndex, last: pd.Period) -> Floats:
    """Return the regressors at these months (a row each), as they were known at the end of the month `last`."""
    found = regressors.reindex(months).fillna(0.0).to_numpy(dtype="float64").T.copy()
    leading = np.array([str(name).startswith(LEADING) for name in regressors.columns], dtype=bool)
    found[np.ix_(leading, np.asarray(months > last + LEAD))] = 0.0
    return found


def judge(
    prior: gp.Prior,
    weekend: Floats,
    at: NDArray[np.int64],
    target: Floats,
    variance: Floats,
    *,
    names: list[str],
    values: Floats,
) -> list[Judged]:
    """Return the back-test of every regressor alone, on the known months `at` of one series (else as in `gp.fit`)."""
    number = len(at) - BEFORE
    seen = values[:, at[BEFORE:]] if number > 0 else values[:, :0]
    varied = [bool(number > 0 and np.ptp(values[n, at]) > 0 and np.abs(seen[n]).max() > 0) for n in range(len(names))]
    if not any(varied):
        return [Judged(name, max(number, 0), np.nan, np.nan, 0.0, False) for name in names]
    plain_error, plain_score = _tested(gp.fit(prior, weekend, at, target, variance), target)
    found = []
    for name, value, tried in zip(names, values, varied, strict=True):
        error, score = plain_error, plain_score
        if tried:
            effect = EFFECT_SD * value[None, :]
            error, score = _tested(gp.fit(prior, weekend, at, target, variance, effects=effect), target)
        gain = score - plain_score
        helps = error < plain_error and gain > np.log(ODDS * len(names))
        found.append(Judged(name, number, plain_error, error, gain, helps))
    return found


def _tested(found: gp.Fit, target: Floats) -> tuple[float, float]:
    """Return mean absolute error and log likelihood of the months after the first BEFORE, each from those before it."""
    mean = gp.one_step(found, target)
    path = special.logsumexp(gp.likelihoods(found) + np.log(found.prior.weight)[:, None], axis=0)
    return float(np.abs(target - mean)[BEFORE:].mean()), float(path[-1] - path[BEFORE - 1])

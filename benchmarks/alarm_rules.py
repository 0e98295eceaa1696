"""Alarm rules on monthly births: false alarms, and changes of a quarter that are found.

54 months of a county, the last six judged. Background: Poisson births about 833 a month with a season of 6 %, and, with
`--data`, real series of that folder (54 months each, in which real changes are false alarms too). Scenarios: nothing
happens; the last two months fall, or rise, by a quarter (found = an alarm in the month or the next); and the same three
while the last three months are 97, 88 and 65 % registered. `ours` estimates the delays from the history of
registrations, and judges county, four townships and drift on one budget of 5 %; the other rules see the counts alone.

The rules, in plain numpy for comparison only:
DHIS2: z score over the whole series above 3 (WHO data quality tool). FASTR: robust regression on month and time,
rolling median of 7 months, residual over 1.5 MAD, or three months below 90 % or above 110 % (Global Financing
Facility, FASTR module 3). Farrington flexible: quasi-Poisson with trend and season, old outliers weighted down, upper
quantile of the negative binomial (Noufaily et al., Statistics in Medicine 32 (2013) 1206). glrnb: generalised
likelihood ratio against a fall, in the manner of Hoehle and Paul, Computational Statistics and Data Analysis 52 (2008)
4357, limit 5. GLM: quasi-Poisson with trend and season, two-sided 1 % a month; with known delay its expectation is
multiplied by the true share registered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from fpanalysis import nowcast, warning

__all__ = ["RULES", "SCENARIOS", "Case", "compare"]

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

SEED, LENGTH, JUDGED, CHANGED = 20180630, 54, 6, 2
DELAY = np.array([0.65, 0.23, 0.09, 0.03])
TOWNS = 4
SCENARIOS = {"nothing": (1.0, False), "fall": (0.75, False), "rise": (1.25, False),
             "late, nothing": (1.0, True), "late, fall": (0.75, True), "late, rise": (1.25, True)}  # fmt: skip
"""Factor on the births of the last two months, and whether the last three months are incomplete."""


@dataclass(frozen=True)
class Case:
    """A county as a rule may see it: months, counts so far, the true share of them, and births by registration."""

    months: pd.PeriodIndex
    counts: Floats
    share: Floats
    births: pd.DataFrame


Rule: TypeAlias = Callable[[Case], Flags]
"""From a case to an alarm or none for each of the last six months."""


def case(months: pd.PeriodIndex, rates: Floats, late: bool, rng: np.random.Generator) -> Case:
    """Return a case: births about `rates`, their delays drawn, cut off in the last month where they are late."""
    cells = rng.poisson(rates[:, None, None] * DELAY[:, None] / TOWNS, (len(months), len(DELAY), TOWNS))
    month, delay, town = np.nonzero(cells >= 0)
    seen = (month + delay < len(months)) | (not late)
    month, delay, town = month[seen], delay[seen], town[seen]
    frame = pd.DataFrame({"place": [f"t{n}" for n in town], "occurred": months[month],
                          "registered": months[month] + (delay if late else 0), "order": 1, "sex": "male",
                          "count": cells[month, delay, town]})  # fmt: skip
    counts = np.bincount(month, frame["count"], len(months))
    share = np.ones(len(months))
    if late:
        share[-3:] = np.cumsum(DELAY)[2::-1]
    return Case(months, counts, share, frame)


def ours(given: Case) -> Flags:
    """Return the package's alarms; one on townships or drift counts for the last month."""
    monthly = nowcast.completed(given.births, at=given.months[-1], county="county", townships=True)
    judged = given.months[-JUDGED:]
    rng = np.random.default_rng(SEED)
    rows = warning.raised(warning.alarms(monthly, county="county", months=judged, period="half", rng=rng))
    flags = np.array([str(month) in set(rows["period"]) for month in judged])
    flags[-1] |= bool((rows["measure"] != "alarm/month").any())
    return flags


def dhis2(given: Case) -> Flags:
    """Return months more than three standard deviations from the mean of the series."""
    y = given.counts
    return (np.abs(y - y.mean()) > 3 * y.std(ddof=1))[-JUDGED:]


def fastr(given: Case) -> Flags:
    """Return sharp disruptions and the months of sustained dips and rises."""
    y, month = given.counts, np.asarray(given.months.month)
    x = np.column_stack([np.arange(len(y)) / len(y), month[:, None] == np.arange(1, 13)]).astype("float64")
    weight = np.ones(len(y))
    for _ in range(20):
        fit = x @ np.linalg.lstsq(x * np.sqrt(weight)[:, None], y * np.sqrt(weight), rcond=None)[0]
        scale = 1.4826 * np.median(np.abs(y - fit)) + 1e-9
        weight = np.minimum(1.0, 1.345 * scale / np.maximum(np.abs(y - fit), 1e-9))
    smooth = pd.Series(fit).rolling(7, center=True, min_periods=1).median().to_numpy()
    residual = y - smooth
    sharp = np.abs(residual) / (1.4826 * np.median(np.abs(residual - np.median(residual))) + 1e-9) >= 1.5
    return (sharp | _sustained(y < 0.9 * smooth) | _sustained(y > 1.1 * smooth))[-JUDGED:]


def _sustained(flags: Flags) -> Flags:
    """Return the months that end a run of three."""
    return flags & np.roll(flags, 1) & np.roll(flags, 2) & (np.arange(len(flags)) >= 2)


def farrington(given: Case) -> Flags:
    """Return months above the upper 1 % limit, old outliers weighted down in a second fit."""
    flags = []
    for x, y, days in _months(given):
        first = _glm(x[:-1], y[:-1], days[:-1])
        residual = first.anscombe(y[:-1])
        weight = np.where(residual > 2.58, 1 / np.maximum(residual, 1.0) ** 2, 1.0)
        expected, variance = _glm(x[:-1], y[:-1], days[:-1], weight).foretold(x[-1], days[-1])
        flags.append(y[-1] > _quantile(0.99, expected, variance))
    return np.array(flags)


def glm(given: Case, *, known_delay: bool = False) -> Flags:
    """Return months outside the two-sided 99 % interval; with `known_delay` of what can be registered by now."""
    share = given.share if known_delay else np.ones(len(given.share))
    flags = []
    for x, y, exposure in _months(given, share):
        expected, variance = _glm(x[:-1], y[:-1], exposure[:-1]).foretold(x[-1], exposure[-1])
        flags.append(not _quantile(0.005, expected, variance) <= y[-1] <= _quantile(0.995, expected, variance))
    return np.array(flags)


def glrnb(given: Case, *, limit: float = 5.0) -> Flags:
    """Return months in which the likelihood ratio of a fall, begun in any judged month, is over the limit."""
    x, y, days = _design(given.months), given.counts, np.asarray(given.months.days_in_month, dtype="float64")
    fit = _glm(x[:-JUDGED], y[:-JUDGED], days[:-JUDGED])
    expected = days[-JUDGED:] * np.exp(x[-JUDGED:] @ fit.beta)
    flags = []
    for end in range(1, JUDGED + 1):
        seen, foretold = (np.array([v[begin:end].sum() for begin in range(end)]) for v in (y[-JUDGED:], expected))
        shift = np.minimum(np.log(np.maximum(seen, 0.5) / foretold), 0.0)
        flags.append((seen * shift - foretold * np.expm1(shift)).max() / fit.phi > limit)
    return np.array(flags)


@dataclass(frozen=True)
class _Glm:
    """A quasi-Poisson fit: coefficients, their covariance, means, dispersion, leverage of each month."""

    beta: Floats
    covariance: Floats
    mean: Floats
    phi: float
    leverage: Floats

    def foretold(self, x: Floats, exposure: float) -> tuple[float, float]:
        """Return mean and variance of a month to come."""
        mean = float(exposure * np.exp(x @ self.beta))
        return mean, self.phi * mean + mean**2 * float(x @ self.covariance @ x)

    def anscombe(self, y: Floats) -> Floats:
        """Return standardised residuals."""
        spread = self.mean ** (1 / 6) * np.sqrt(self.phi * np.maximum(1 - self.leverage, 1e-6))
        return 1.5 * (y ** (2 / 3) - self.mean ** (2 / 3)) / spread


def _glm(x: Floats, y: Floats, exposure: Floats, weight: Floats | None = None) -> _Glm:
    """Return the quasi-Poisson fit with log link by iterated weighted least squares."""
    weight = np.ones(len(y)) if weight is None else weight / weight.mean()
    mean = np.maximum(y, 0.5)
    for _ in range(25):
        working = np.log(mean / exposure) + (y - mean) / mean
        scaled = np.sqrt(weight * mean)
        beta = np.linalg.lstsq(x * scaled[:, None], working * scaled, rcond=None)[0]
        mean = exposure * np.exp(np.clip(x @ beta, -30, 30))
    inverse = np.linalg.pinv(x.T @ (x * (weight * mean)[:, None]))
    phi = max(1.0, float((weight * (y - mean) ** 2 / mean).sum() / (len(y) - x.shape[1])))
    return _Glm(beta, phi * inverse, mean, phi, weight * mean * np.einsum("ij,jk,ik->i", x, inverse, x))


def _design(months: pd.PeriodIndex) -> Floats:
    """Return constant, trend and two harmonics of the year."""
    angle = 2 * np.pi * np.asarray(months.month)[:, None] * np.array([1, 2]) / 12
    trend = (np.arange(len(months)) - len(months) / 2) / len(months)
    return np.column_stack([np.ones(len(months)), trend, np.sin(angle), np.cos(angle)])


def _months(given: Case, share: Floats | None = None) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Return design, counts and exposure (days times share) up to each judged month."""
    x, y = _design(given.months), given.counts
    exposure = np.asarray(given.months.days_in_month, dtype="float64") * (1.0 if share is None else share)
    for end in range(len(y) - JUDGED + 1, len(y) + 1):
        yield x[:end], y[:end], exposure[:end]


def _quantile(level: float, mean: float, variance: float) -> float:
    """Return a quantile of the negative binomial of that mean and variance, of the Poisson where they are equal."""
    if variance <= mean * (1 + 1e-9):
        return float(stats.poisson.ppf(level, mean))
    return float(stats.nbinom.ppf(level, mean**2 / (variance - mean), mean / variance))


def backgrounds(number: int, frame: pd.DataFrame | None = None) -> dict[str, list[tuple[pd.PeriodIndex, Floats]]]:
    """Return months and expected births: a made-up county `number` times, and as many runs of the real series."""
    months = pd.period_range("2014-01", periods=LENGTH, freq="M")
    season = np.exp(0.06 * np.sin(2 * np.pi * (np.asarray(months.month) - 1) / 12))
    found = {"made up": [(months, 833 * season * np.asarray(months.days_in_month) / 30.44)] * number}
    if frame is None:
        return found
    rng, real = np.random.default_rng(SEED), []
    for _, group in frame.groupby(["series", "region"]):
        births = group.set_index("month")["births"].sort_index().astype("float64")
        if len(births) >= LENGTH and births.median() >= 150:
            end = int(rng.integers(LENGTH, len(births) + 1))
            real.append((births.index[end - LENGTH : end], births.to_numpy()[end - LENGTH : end]))
    return found | {"real": [real[n] for n in rng.permutation(len(real))[:number]]}


def compare(rules: Mapping[str, Rule], number: int = 100, frame: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the share of half-years with an alarm, or of changes found, by background, rule and scenario."""
    records = []
    for background, places in backgrounds(number, frame).items():
        for n, (months, rates) in enumerate(places):
            for scenario, (factor, late) in SCENARIOS.items():
                changed = np.where(np.arange(LENGTH) >= LENGTH - CHANGED, factor, 1.0) * rates
                given = case(months, changed, late, np.random.default_rng([SEED, n]))
                for name, rule in rules.items():
                    flags = rule(given)[-CHANGED:] if factor != 1 else rule(given)
                    records.append((background, scenario, name, bool(flags.any())))
    table = pd.DataFrame(records, columns=["background", "scenario", "method", "alarm"])
    return table.pivot_table(index=["background", "method"], columns="scenario", values="alarm", sort=False)


RULES: dict[str, Rule] = {
    "ours": ours,
    "DHIS2": dhis2,
    "FASTR": fastr,
    "Farrington": farrington,
    "glrnb": glrnb,
    "GLM": glm,
    "GLM-known-delay": lambda given: glm(given, known_delay=True),
}

"""Whether monthly figures of townships can be what they say they are: missing, rounded, copied, all alike.

Each question is a test of one series (a township, a measure, the months of the period), made exactly or on the safe
side, and all tests of a report are adjusted together (Holm), so that a report without any fault names one with a
chance of at most `alpha`. `benchmarks/quality.py` measures that rate, and how often faults of each kind are found.

* *Rounded*: how many values are multiples of 10 (or of 5), against one in 10 (in 5): binomial tail, doubled for the two
  looks. Last digits of counts are even enough once they spread over more than a digit's range; series below
  `LEAST_ROUNDED` a month are left out. After Mosimann and others, Accountability in Research 4 (1995) 31.
* *Copied*: how many values equal those of the same months a year before. Two Poisson counts with mean m are equal with
  probability exp(-2m) I0(2m) (Skellam 1946); the number of equal pairs is Poisson-binomial.
* *All alike*: one value in at least k months, or k months in a row. The chance that any value does so is at most the
  sum over values (and places of the row) of the chances of each (union bound), doubled for the two looks.
* *Men = women*: as *copied*, over all townships and months of a programme that examines both.

More variation than Poisson, seasons and trends all make equal values rarer: the last three stay on the safe side.

*Missing*: a month in which a township has no row though others have, and should have had several. What it would have
added is foretold from its share of the county before, with the share's own uncertainty and what shares moved by in the
past (quasi-binomial), as a negative binomial: "if they report as usual, +1.8 %".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

from .results import combine, note, rows
from .stats import adjust

__all__ = ["TESTS", "by_month", "implausible", "missing", "missing_effect", "monthly"]

LEAST = 5
"""Mean a month below which a series is not tested: equal small numbers say nothing and may point to persons."""
LEAST_ROUNDED = 25
SHORTEST = 4
"""Months that a series needs to be tested."""
CERTAIN = 7
"""Mean a month from which on no birth at all is no chance (exp(-7) < 0.001)."""
REFERENCE = 24
"""Months before the first missing one that tell a township's usual share."""

Cases = list[dict[str, Any]]


def monthly(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the monthly figures of townships that were delivered: columns measure, place, month, count.

    `births_reported` (by month of registration), `registered/<service>` and `checkups/<programme>` by sex.
    """
    births, done, seen = (frames[kind] for kind in ("births", "registrations", "checkups"))
    tables = [
        births.assign(measure="births_reported", month=births["registered"]),
        done.assign(measure="registered/" + done["service"].astype(str)),
        seen.assign(measure="checkups/" + seen["programme"].astype(str) + "/" + seen["sex"].astype(str)),
    ]
    keys = ["measure", "place", "month"]
    filled = [table[[*keys, "count"]] for table in tables if len(table)]
    if not filled:
        return pd.DataFrame(columns=[*keys, "count"])
    return pd.concat(filled).groupby(keys, as_index=False)["count"].sum()


def by_month(figures: pd.DataFrame, *, months: pd.PeriodIndex, county: str) -> pd.DataFrame:
    """Return the county's figures of each month under the month's own key: registrations by service, people examined.

    Approvals for a further birth are so few in a month that they point to persons; they are left out.
    """
    mine = figures[figures["month"].isin(months) & (figures["measure"] != "registered/further")]
    mine = mine[mine["measure"].str.startswith(("registered/", "checkups/"))]
    summed = mine.assign(measure=mine["measure"].str.replace("/(?:fe)?male$", "", regex=True))
    counts = summed.groupby(["month", "measure"])["count"].sum()
    return rows([{"place": county, "period": str(month), "measure": measure, "count": n, "method": "counted"}
                 for (month, measure), n in counts.items()])  # fmt: skip


def implausible(
    figures: pd.DataFrame, *, months: pd.PeriodIndex, period: str, county: str, alpha: float = 0.05
) -> pd.DataFrame:
    """Return what can hardly be by chance: `quality/<fault>/<measure>` for a township (men = women: for the county).

    count of total months (cells) that are as the fault says; p adjusted for all tests. `quality_tests` of the county:
    count = found, total = tests made (both without men = women, which is as couples are counted), value = `alpha`, the
    chance that any is named though nothing is wrong.
    """
    towns = figures[figures["place"] != county]
    cases: Cases = []
    table = towns.pivot_table(index=["measure", "place"], columns="month", values="count", aggfunc="sum")
    values = (table.reindex(columns=wanted).to_numpy(dtype="float64") for wanted in (months, months - 12))
    for (measure, place), now, before in zip(table.index, *values, strict=True):
        about = measure.removesuffix("/female")
        for name, test in TESTS.items() if not measure.endswith("/male") else ():  # couples: one of the two will do
            cases += [{"place": place, "measure": f"quality/{name}/{about}", **case} for case in test(now, before)]
    paired = [{"place": county, **case} for case in _couples(towns, months)]
    cases += paired
    adjusted = adjust([case["p"] for case in cases]) if cases else []
    found = [_found({**case, "p": p}, period) for case, p in zip(cases, adjusted, strict=True) if p <= alpha]
    doubts = [row for row in found if not row["measure"].startswith("quality/couples/")]  # that is how couples count
    summary = {"place": county, "period": period, "measure": "quality_tests", "count": len(doubts),
               "total": len(cases) - len(paired), "value": alpha, "method": "exact_tests"}  # fmt: skip
    return rows([*found, summary])


def missing(
    figures: pd.DataFrame, *, months: pd.PeriodIndex, period: str, county: str, townships: Sequence[str]
) -> pd.DataFrame:
    """Return `quality/missing/<kind>` for each township without a row in months in which others have one.

    count = such months, total = months looked at; the note names the first and last. Births are missed where there are
    usually enough of them that none is no chance.
    """
    records = []
    for kind, gaps in _gaps(figures, months, county, townships).items():
        for place, group in gaps.groupby("place", sort=True):
            ends = [str(group["month"].min()), str(group["month"].max())]
            remark = note("note.quality.missing", n=len(group), kind=f"data.{kind}", first=ends[0], last=ends[1])
            records.append({"place": place, "period": period, "measure": f"quality/missing/{kind}", "count": len(group),
                            "total": len(months), "method": "counted", "note": remark})  # fmt: skip
    return rows(records)


def missing_effect(
    figures: pd.DataFrame,
    *,
    months: pd.PeriodIndex,
    period: str,
    county: str,
    townships: Sequence[str],
    level: float = 0.95,
) -> pd.DataFrame:
    """Return `missing_effect/<headline>` of the county: how much more it would be if all reported as usual.

    value: relative to the figure as it stands, with interval; count = people (items) expected to be missing, total =
    the figure. Only figures of which something is missing have a row.
    """
    tables = []
    for kind, gaps in _gaps(figures, months, county, townships).items():
        mine = figures[figures["measure"].str.startswith(SERIES[kind]) & (figures["place"] != county)]
        total = float(mine.loc[mine["month"].isin(months), "count"].sum())
        if len(gaps) and total:
            tables.append(_effect(mine, gaps, total, f"missing_effect/{HEADLINES[kind]}", period, county, level))
    return combine(tables)


SERIES = {"births": "births_reported", "registrations": "registered/", "checkups": "checkups/"}
"""Beginning of the measures that each kind of file gives."""
HEADLINES = {"births": "births_reported", "registrations": "registered", "checkups": "checkups"}
"""The county's figure that each kind of file adds up to."""


# ---- tests of one series ----------------------------------------------------------------------------------


def _rounded(now: np.ndarray, before: np.ndarray) -> Cases:
    x = now[~np.isnan(now)]
    if len(x) < SHORTEST or x.mean() < LEAST_ROUNDED:
        return []
    looks = {step: int((x % step == 0).sum()) for step in (10, 5)}
    tails = {step: float(_tail(k, len(x), 1 / step)) for step, k in looks.items()}
    step = min(tails, key=lambda s: tails[s])
    return [{"count": looks[step], "total": len(x), "p": min(1.0, 2 * tails[step]), "said": "rounded", "step": step}]


def _copied(now: np.ndarray, before: np.ndarray) -> Cases:
    both = ~np.isnan(now) & ~np.isnan(before)
    x, y = now[both], before[both]
    if len(x) < SHORTEST or x.mean() < LEAST:
        return []
    equal = int((x == y).sum())
    return [{"count": equal, "total": len(x), "p": _at_least(equal, _equal_chance((x + y) / 2)), "said": "copied"}]


def _alike(now: np.ndarray, before: np.ndarray) -> Cases:
    x = now[~np.isnan(now)]
    if len(x) < SHORTEST or x.mean() < LEAST:
        return []
    mean = x.mean()
    every = np.arange(np.ceil(mean + 8 * np.sqrt(mean) + 25))  # beyond, less than 1e-12
    possible = np.exp(special.xlogy(every, mean) - mean - special.gammaln(every + 1))
    most, run = int(np.unique(x, return_counts=True)[1].max()), _longest_run(x)
    anywhere = float(_tail(most, len(x), possible).sum())
    in_a_row = float((len(x) - run + 1) * (possible**run).sum())
    count, p = min(((most, anywhere), (run, in_a_row)), key=lambda look: look[1])
    return [{"count": count, "total": len(x), "p": min(1.0, 2 * p), "said": "alike"}]


def _tail(count: int, trials: int, share: Any) -> Any:
    """Return P(X >= count) for X binomial (trials, share)."""
    return special.bdtrc(count - 1, trials, share) if count else np.ones_like(share)


def _longest_run(x: np.ndarray) -> int:
    """Return how many neighbouring values are equal at most."""
    ends = np.flatnonzero(np.diff(x, append=np.inf))
    return int(np.diff(ends, prepend=-1).max())


def _couples(towns: pd.DataFrame, months: pd.PeriodIndex) -> Cases:
    """Return whether men and women are alike in all townships and months of each programme that examines both."""
    parts = towns[towns["month"].isin(months)]["measure"].str.extract(r"^(checkups/\w+)/(male|female)$")
    seen = towns.loc[parts.index].assign(programme=parts[0], sex=parts[1]).dropna(subset="programme")
    cases: Cases = []
    for programme, group in seen.groupby("programme"):
        table = group.pivot_table(index=["place", "month"], columns="sex", values="count", aggfunc="sum").dropna()
        if {"male", "female"} <= set(table.columns) and len(table) >= SHORTEST:
            x, y = (table[sex].to_numpy(dtype="float64") for sex in ("male", "female"))
            equal, p = int((x == y).sum()), _equal_chance((x + y) / 2)
            cases.append({"measure": f"quality/couples/{programme}", "count": equal, "total": len(x),
                          "p": _at_least(equal, p), "said": "couples"})  # fmt: skip
    return cases


def _equal_chance(mean: np.ndarray) -> np.ndarray:
    """Return the probability that two Poisson counts of a mean are equal."""
    return special.ive(0, 2 * mean)


def _at_least(count: int, chances: np.ndarray) -> float:
    """Return P(at least `count` of independent events), by their exact (Poisson-binomial) distribution."""
    law = np.array([1.0])
    for chance in chances:
        law = np.convolve(law, [1 - chance, chance])
    return float(min(1.0, law[count:].sum()))


def _found(case: Mapping[str, Any], period: str) -> dict[str, Any]:
    """Return the result row of a fault, its remark without any value of the series."""
    about = case["measure"].split("/", 2)[2]
    more = {name: case[name] for name in ("step",) if name in case}
    remark = note(f"note.quality.{case['said']}", about=about, k=case["count"], n=case["total"], p=case["p"], **more)
    return {"place": case["place"], "period": period, "measure": case["measure"], "count": case["count"],
            "total": case["total"], "p": case["p"], "method": "exact_tests", "note": remark}  # fmt: skip


# ---- what is missing --------------------------------------------------------------------------------------


def _gaps(
    figures: pd.DataFrame, months: pd.PeriodIndex, county: str, townships: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Return, by kind of file, the townships and months without a row (columns place, month)."""
    found = {}
    for kind, start in SERIES.items():
        mine = figures[figures["measure"].str.startswith(start) & (figures["place"] != county)]
        have = set(zip(mine["place"], mine["month"], strict=True))
        reached = months[months.isin(mine["month"])]
        usual = mine[mine["month"] < months[0]].groupby("place")["count"].sum() / max(mine["month"].nunique(), 1)
        gone = [(p, m) for p in townships for m in reached if (p, m) not in have]
        gone = [(p, m) for p, m in gone if kind != "births" or usual.get(p, 0.0) >= CERTAIN]
        found[kind] = pd.DataFrame(gone, columns=["place", "month"])
    return found


def _effect(
    mine: pd.DataFrame, gaps: pd.DataFrame, total: float, measure: str, period: str, county: str, level: float
) -> pd.DataFrame:
    table = mine.pivot_table(index="month", columns="place", values="count", aggfunc="sum")
    others = table.drop(columns=[place for place in set(gaps["place"]) if place in table]).sum(axis=1)
    parts = [_usual(table.get(place), others, list(group["month"])) for place, group in gaps.groupby("place")]
    known = np.array([part for part in parts if part is not None])
    if not len(known):
        return rows([])
    mean = known[:, 0].sum()
    variance = known[:, 1].sum() + (known[:, 0] * np.sqrt(known[:, 2])).sum() ** 2
    bounds = _spread(mean, variance, level) / total
    remark = note("note.quality.effect", n=len(known), about=measure.partition("/")[2], share=mean / total,
                  low=bounds[0], high=bounds[1])  # fmt: skip
    return rows([{"place": county, "period": period, "measure": measure, "count": mean, "total": total,
                  "value": mean / total, "lower": bounds[0], "upper": bounds[1],
                  "method": f"usual_share-{100 * level:g}", "note": remark}])  # fmt: skip


def _usual(own: pd.Series | None, others: pd.Series, gone: list[pd.Period]) -> tuple[float, float, float] | None:
    """Return what a township would have reported in months, from its usual share beside `others` that did report.

    Mean, variance of its own, and the relative variance that it has in common with every other township missing.
    """
    if own is None:
        return None
    reference = own[own.index < min(gone)].dropna().tail(REFERENCE)
    x, n = reference.to_numpy(), others.reindex(reference.index).to_numpy()
    now = float(others.reindex(gone).sum())
    if len(x) < SHORTEST or not x.sum() or not now:
        return None
    share = x.sum() / (x + n).sum()
    moved = float(((x - (x + n) * share) ** 2 / ((x + n) * share * (1 - share))).sum() / (len(x) - 1))
    mean, moved = now * x.sum() / n.sum(), max(1.0, moved)
    return mean, moved * (mean + mean**2 / x.sum()), moved * (1 / n.sum() + 1 / now)


def _spread(mean: float, variance: float, level: float) -> np.ndarray:
    """Return the bounds of a count with this mean and variance: negative binomial, Poisson where there is no more."""
    tails = [(1 - level) / 2, (1 + level) / 2]
    if variance <= mean * 1.000001:
        return stats.poisson.ppf(tails, mean)
    return stats.nbinom.ppf(tails, mean**2 / (variance - mean), mean / variance)


TESTS = {"heaping": _rounded, "copied": _copied, "equal_months": _alike}
"""Faults of one series by name: values of the months and of those a year before, to cases with count, total and p."""

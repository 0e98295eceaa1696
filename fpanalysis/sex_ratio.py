"""Sex ratio at birth: boys per 100 girls with exact intervals and tests, and what could have been found at all.

Office practice reads "normal" off a ratio within 103-107. With the births of a county or a township that is
mostly noise, so here every ratio comes with its mid-p interval, an exact test against a reference, and the
smallest ratio that as many births would have shown with 80 % probability. The rules:

- *One family of tests.* The county total, the birth orders and the townships of one call are tested together,
  once a period: row `srb` carries the plain p, row `srb_adjusted` the p adjusted (Holm) for all of them.
- *high* or *low* needs an adjusted p below alpha **and** a ratio outside the band; a ratio that is only
  significant by itself is reported as such, with the number of tests (`alone`).
- *within* needs no significance and at least 50 % power against 115; otherwise the answer is *cannot tell*.
- Births of unknown sex are left out and counted in the notes.

The default reference is East Asia's 1.063 (1.054-1.072): Chao, Gerland, Cook and Alkema, PNAS 116 (2019) 9303.
Tests and intervals: `stats` (mid-p; Agresti and Gottard 2007). Adjustment: Holm 1979.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from . import results, stats
from .errors import FpError, did_you_mean

__all__ = ["TESTS", "sex_ratio"]

AGAINST = 115.0
"""Ratio that must be findable before a place is called within the usual range."""
LEAST_POWER = 0.5
FOUND = 0.8
"""Power at which `srb_detectable` is read."""
BREAKDOWNS = ("order", "place")
BASES = ("occurred", "registered")

Test = tuple[str, str]


def sex_ratio(
    births: pd.DataFrame,
    *,
    months: pd.PeriodIndex,
    period: str,
    county: str,
    by: Sequence[str] = BREAKDOWNS,
    reference: float = 106.3,
    band: tuple[float, float] = (103, 107),
    level: float = 0.95,
    alpha: float = 0.05,
    test: str = "midp",
    basis: str = "occurred",
) -> pd.DataFrame:
    """Return rows `srb`, `srb_adjusted` and `srb_detectable` of the county, its birth orders and its townships.

    `births`: tidy births. Births whose `basis` month ("occurred" or "registered") is in `months` count.
    `by`: breakdowns beside the county total, "order" (orders 1-3 of the county) and "place" (its townships).
    `reference`, `band`: boys per 100 girls. `test`: a key of TESTS. In a row, count = boys, total = boys and
    girls, value = boys per 100 girls (`srb_detectable`: the smallest ratio above the reference found with 80 %).
    No births, or corrections that make a sex negative, give NaN and a note. Raises FpError for unknown names.
    """
    _check(by, test, basis)
    counted = _counted(births[births[basis].isin(months)], births, county, by)
    table = _tested(counted, reference, level, alpha, test)
    table = table.assign(period=period, band=[band] * len(table))
    limits = {"reference": reference, "alpha": alpha, "tests": int(table["p"].notna().sum()), "test": test}
    return results.combine([_ratios(table, limits, level), _adjusted(table, limits), _detectable(table, limits)])


def _check(by: Sequence[str], test: str, basis: str) -> None:
    for name, known in ((test, TESTS), (basis, BASES), *((b, BREAKDOWNS) for b in by)):
        if name not in known:
            raise FpError(f"{name!r} is not known to sex_ratio{did_you_mean(name, known)}")


def _counted(period: pd.DataFrame, births: pd.DataFrame, county: str, by: Sequence[str]) -> pd.DataFrame:
    """Return boys, girls and unknown of every row to be tested: place, part of the measure, then the counts."""
    sexes = period.pivot_table(index=["place", "order"], columns="sex", values="count", aggfunc="sum", fill_value=0)
    sexes = sexes.reindex(columns=["male", "female", "unknown"], fill_value=0)
    cells = [(county, "", sexes.sum())]
    if "order" in by:
        orders = sexes.groupby("order").sum().reindex([1, 2, 3], fill_value=0)
        cells += [(county, f"/order{order}", row) for order, row in orders.iterrows()]
    if "place" in by:
        townships = sorted(set(births["place"]) - {county})
        places = sexes.groupby("place").sum().reindex(townships, fill_value=0)
        cells += [(place, "", row) for place, row in places.iterrows()]
    return pd.DataFrame([{"place": place, "part": part, **row.astype(float)} for place, part, row in cells])


def _tested(counted: pd.DataFrame, reference: float, level: float, alpha: float, test: str) -> pd.DataFrame:
    """Return the counts with ratio, interval, p, adjusted p, power against AGAINST and the detectable ratio."""
    p_kind, interval_kind = TESTS[test]
    usable = (counted["male"] >= 0) & (counted["female"] >= 0)
    boys = counted["male"].where(usable).to_numpy()
    total = (counted["male"] + counted["female"]).where(usable).to_numpy()
    share = stats.ratio_to_share(reference)
    low, high = stats.binomial_interval(boys, total, level, interval_kind)
    p = stats.binomial_p(boys, total, share, kind=p_kind)
    with np.errstate(invalid="ignore"):
        ratio = stats.share_to_ratio(np.divide(boys, total, out=np.full(len(boys), np.nan), where=total > 0))
    detected = stats.detectable(total, share, alpha, FOUND, "two-sided", p_kind)
    return counted.assign(
        boys=counted["male"], births=counted["male"] + counted["female"], usable=usable, ratio=ratio, p=p,
        lower=stats.share_to_ratio(low), upper=stats.share_to_ratio(high), p_adjusted=stats.adjust(p, "holm"),
        power=stats.power(total, stats.ratio_to_share(AGAINST), share, alpha, "two-sided", p_kind),
        detectable=stats.share_to_ratio(detected),
    )  # fmt: skip


def _ratios(table: pd.DataFrame, limits: Mapping[str, Any], level: float) -> pd.DataFrame:
    notes = [_verdict(row, limits) for row in table.to_dict("records")]
    method = f"{limits['test']}-{100 * level:g}"
    columns = {"boys": "count", "births": "total", "ratio": "value"}
    frame = table.assign(measure="srb" + table["part"], method=method, note=notes).rename(columns=columns)
    return results.rows(frame.reindex(columns=list(results.COLUMNS)))


def _adjusted(table: pd.DataFrame, limits: Mapping[str, Any]) -> pd.DataFrame:
    notes = [
        results.note("note.srb.tests", tests=limits["tests"], unknown=int(unknown)) for unknown in table["unknown"]
    ]
    frame = table.assign(measure="srb_adjusted" + table["part"], method=f"{limits['test']}-holm", note=notes)
    columns = {"boys": "count", "births": "total", "ratio": "value", "p_adjusted": "p"}
    frame = frame.drop(columns=["p", "lower", "upper"]).rename(columns=columns)
    return results.rows(frame.reindex(columns=list(results.COLUMNS)))


def _detectable(table: pd.DataFrame, limits: Mapping[str, Any]) -> pd.DataFrame:
    note = results.note("note.srb.detectable", alpha=limits["alpha"], power=FOUND, reference=limits["reference"])
    frame = table.assign(measure="srb_detectable" + table["part"], method=f"{limits['test']}-power", note=note)
    frame = frame.drop(columns=["p", "lower", "upper"]).rename(columns={"births": "total", "detectable": "value"})
    return results.rows(frame.reindex(columns=list(results.COLUMNS)))


def _verdict(row: Mapping[str, Any], limits: Mapping[str, Any]) -> str:
    """Return the note: what may be said about this ratio, with the numbers that it rests on."""
    births = int(row["births"])
    facts = {"births": births, "unknown": int(row["unknown"]), "reference": limits["reference"]}
    if not row["usable"]:
        return results.note("note.srb.negative", boys=int(row["boys"]), **facts)
    if births == 0:
        return results.note("note.srb.none", **facts)
    facts |= {"against": AGAINST, "power": round(float(row["power"]), 4), "tests": limits["tests"]}
    return results.note(f"note.srb.{_finding(row, limits['alpha'])}", **facts)


def _finding(row: Mapping[str, Any], alpha: float) -> str:
    low, high = row["band"]
    outside = "high" if row["ratio"] > high else "low" if row["ratio"] < low else ""
    if outside and row["p"] < alpha:
        return outside if row["p_adjusted"] < alpha else "alone"
    return "within" if row["power"] >= LEAST_POWER else "cannot_tell"


TESTS: dict[str, Test] = {"midp": ("midp", "midp"), "exact": ("exact", "clopper-pearson")}
"""Tests by name: (kind of `stats.binomial_p`, kind of `stats.binomial_interval`), which agree with each other."""

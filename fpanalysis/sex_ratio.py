"""Sex ratio at birth: boys per 100 girls with exact intervals and tests, and what could have been found at all.

Office practice reads "normal" off a ratio within 103-107. With the births of a county or a township that is
mostly noise, so here every ratio comes with its mid-p interval, exact tests, and the smallest ratio that as many
births would have shown with 80 % probability. The rules:

- *Two questions.* Does the ratio differ from the reference (two-sided)? Does it lie outside the usual band, when
  the truth may be anywhere within it (a composite null: high against its upper, low against its lower end)?
- *One family of tests.* All groups of one call are tested together, once a period. `srb` carries the plain p,
  `srb_adjusted` and `srb_band_adjusted` the p adjusted for all of them (Holm), `srb_bh` after Benjamini and
  Hochberg; `srb_tests` says how many there were. A report that tests more than this puts it through `family`.
- *Words by significance and by size.* `high` and `low` need the band to be left, after adjustment. A ratio that
  surely differs from the reference is `above` or `below` when the band may still hold it, and `inside` when it lies
  within the band: real, but small. What is significant only by itself is `alone`.
- *within* needs no significance and at least 50 % power against 115; otherwise the answer is *cannot tell*.
- Births of unknown sex are left out, and counted in the county's notes.

The default reference is East Asia's 1.063 (1.054-1.072): Chao, Gerland, Cook and Alkema, PNAS 116 (2019) 9303.
Tests and intervals: `stats` (mid-p; Agresti and Gottard 2007). Adjustment: Holm 1979; Benjamini and Hochberg 1995.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from . import results, stats
from .errors import FpError, did_you_mean

__all__ = ["MEASURES", "TESTS", "finding", "planning", "ratios", "sex_ratio", "warm"]

AGAINST = 115.0
"""Ratio that must be findable before a place is called within the usual range."""
LEAST_POWER = 0.5
FOUND = 0.8
"""Power at which `srb_detectable` is read."""
MISSED = (115.0, 120.0)
"""True ratios of which the chance to be missed is told."""
PLANNED = (110.0, 112.0, 115.0, 120.0, 130.0)
"""True ratios of the planning table."""
ORDERS = (1, 2, 3)
BREAKDOWNS = ("order", "place", "place/order", "month")
BASES = ("occurred", "registered")
MEASURES = ("srb", "srb_adjusted", "srb_bh", "srb_high", "srb_low", "srb_band", "srb_band_adjusted", "srb_detectable",
            "srb_missed115", "srb_missed120")  # fmt: skip
"""Measures of `sex_ratio` that stand on counts of persons: for `disclosure.protect`."""

Test = tuple[str, str]


@dataclass(frozen=True)
class _Rule:
    """By what a ratio is judged: boys per 100 girls, interval level, error rate, key of TESTS."""

    reference: float
    band: tuple[float, float]
    level: float
    alpha: float
    test: str


def sex_ratio(
    births: pd.DataFrame,
    *,
    months: pd.PeriodIndex,
    period: str,
    county: str,
    by: Sequence[str] = ("order", "place"),
    reference: float = 106.3,
    band: tuple[float, float] = (103, 107),
    level: float = 0.95,
    alpha: float = 0.05,
    test: str = "midp",
    basis: str = "occurred",
) -> pd.DataFrame:
    """Return the sex ratio of the county and its breakdowns: the rows of MEASURES, and `srb_tests`.

    `births`: tidy births. Births whose `basis` month ("occurred" or "registered") is in `months` count. `by`:
    breakdowns beside the county total: "order" (orders 1-3 of the county), "place" (townships), "place/order",
    "month" (county; its rows carry the month as period). `reference`, `band`: boys per 100 girls. `test`: a key of
    TESTS. In a row, count = boys, total = boys and girls, value = boys per 100 girls; of `srb_detectable` the
    smallest ratio above the reference found with 80 %, of `srb_missed115` the chance to miss a true 115. p of
    `srb`: two-sided against the reference; of `srb_high` and `srb_low`: one-sided against the ends of the band; of
    `srb_band`: two-sided against the band. No births, or corrections that make a sex negative, give NaN and a
    note; where no sex at all is known, boys and births are NaN too. Raises FpError for unknown names and for counts
    that are not whole.
    """
    _check(by, test, basis)
    rule = _Rule(reference, (float(band[0]), float(band[1])), level, alpha, test)
    counted = _counted(births[births[basis].isin(months)], births, period, county, by, basis, months)
    table = _tested(counted, rule)
    return results.rows(_rows(table, rule, int(table["p"].notna().sum()), period, county))


def ratios(
    boys: ArrayLike,
    girls: ArrayLike,
    *,
    reference: float = 106.3,
    band: tuple[float, float] = (103, 107),
    level: float = 0.95,
    test: str = "midp",
) -> pd.DataFrame:
    """Return one row a pair of counts: boys, girls, births, ratio, lower, upper, p, p_high, p_low, p_band.

    As in `sex_ratio`, without adjustment or words, for any number of groups at once. No births, missing or negative
    counts give NaN; girls alone 0, boys alone an infinite ratio. Raises FpError for counts that are not whole.
    """
    _check((), test, BASES[0])
    numbers = [np.atleast_1d(np.asarray(given, dtype="float64")) for given in (boys, girls)]
    male, female = np.broadcast_arrays(*numbers)
    for name, given in (("boys", male), ("girls", female)):
        broken = np.flatnonzero(~np.isnan(given) & ~(np.isfinite(given) & (np.floor(given) == given)))
        if len(broken):
            found = given[broken[0]]
            raise FpError(f"{name} of group {broken[0] + 1} are {found:g}, expected a whole number of births")
    return _measured(male, female, _Rule(reference, (float(band[0]), float(band[1])), level, 0.05, test))


def planning(
    *,
    period: str,
    county: str,
    reference: float = 106.3,
    alpha: float = 0.05,
    power: float = FOUND,
    truths: Sequence[float] = PLANNED,
    test: str = "midp",
) -> pd.DataFrame:
    """Return rows `srb_needed/<ratio>`: births needed so that a true ratio is found with the probability `power`.

    Two-sided against the reference at `alpha`, a single test; exact (see `stats.births_needed`).
    """
    _check((), test, BASES[0])
    share, kind = float(stats.ratio_to_share(reference)), TESTS[test][0]
    said = results.note("note.srb.needed", alpha=alpha, power=power, reference=reference)
    head = {"place": county, "period": period, "method": f"{test}-power", "note": said}
    needed = {
        truth: stats.births_needed(float(stats.ratio_to_share(truth)), share, alpha, power, "two-sided", kind)
        for truth in truths
    }
    return results.rows([{**head, "measure": f"srb_needed/{truth:g}", "value": n} for truth, n in needed.items()])


def warm() -> None:
    """Work the planning table of the usual rule out ahead: it rests on no data, and every county would do it anew."""
    planning(period="2018", county="any")


def finding(row: Mapping[str, Any], band: tuple[float, float], alpha: float) -> str:
    """Return the verdict on a ratio: significance first, then size, then whether silence means anything.

    `row`: ratio, p, p_band, both adjusted (p_adjusted, p_band_adjusted), and the power against a true 115.
    """
    low, high = band
    if row["p_band_adjusted"] < alpha:
        return "high" if row["ratio"] > high else "low"
    if row["p_adjusted"] < alpha:
        if low <= row["ratio"] <= high:
            return "inside"
        return "above" if row["ratio"] > high else "below"
    if min(row["p"], row["p_band"]) < alpha:
        return "alone"
    return "within" if row["power"] >= LEAST_POWER else "cannot_tell"


def _check(by: Sequence[str], test: str, basis: str) -> None:
    for name, known in ((test, TESTS), (basis, BASES), *((b, BREAKDOWNS) for b in by)):
        if name not in known:
            raise FpError(f"{name!r} is not known to sex_ratio{did_you_mean(name, known)}")


def _counted(
    mine: pd.DataFrame,
    births: pd.DataFrame,
    period: str,
    county: str,
    by: Sequence[str],
    basis: str,
    months: pd.PeriodIndex,
) -> pd.DataFrame:
    """Return boys, girls and unknown of every row to be tested: place, period, part of the measure, the counts."""
    broken = mine[mine["count"] % 1 != 0]
    for row in broken.head(1).itertuples():
        where = f"births of {row.place}, order {row.order}, {row.occurred}"
        raise FpError(f"{where}: count is {row.count:g}, expected a whole number of births; correct the file")
    towns = sorted({*births["place"].unique()} - {county})
    orders = [(order, f"/order{order}") for order in ORDERS]
    total = mine.assign(all=0)
    groups: dict[str, Any] = {
        "": (["all"], [(0, county, period, "")]),
        "order": (["order"], [(order, county, period, part) for order, part in orders]),
        "place": (["place"], [(town, town, period, "") for town in towns]),
        "place/order": (["place", "order"], [((t, o), t, period, part) for t in towns for o, part in orders]),
        "month": ([basis], [(month, county, str(month), "") for month in months]),
    }
    found = [_cells(total, *groups[name]) for name in ("", *BREAKDOWNS) if name in ("", *by)]
    return pd.concat(found, ignore_index=True)


def _cells(births: pd.DataFrame, keys: list[str], wanted: list[tuple[Any, str, str, str]]) -> pd.DataFrame:
    """Return the counts by sex of the groups that are wanted: (key, place, period, part)."""
    sexes = births.pivot_table(index=keys, columns="sex", values="count", aggfunc="sum", observed=True)
    at = [key for key, *_ in wanted]
    sexes = sexes.reindex(index=at, columns=["male", "female", "unknown"]).astype("float64").fillna(0.0)
    heads = pd.DataFrame([head for _, *head in wanted], columns=["place", "period", "part"])
    return pd.concat([heads, sexes.reset_index(drop=True)], axis=1)


def _measured(male: np.ndarray, female: np.ndarray, rule: _Rule) -> pd.DataFrame:
    """Return counts, ratios, intervals and p-values."""
    p_kind, interval_kind = TESTS[rule.test]
    usable = (male >= 0) & (female >= 0)
    boys, total = np.where(usable, male, np.nan), np.where(usable, male + female, np.nan)
    share, ends = stats.ratio_to_share(rule.reference), tuple(stats.ratio_to_share(np.array(rule.band)))
    low, high = stats.binomial_interval(boys, total, rule.level, interval_kind)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(total > 0, 100 * boys / (total - boys), np.nan)
    above, below = (stats.outside_p(boys, total, ends, side, p_kind) for side in ("greater", "less"))
    return pd.DataFrame({
        "boys": male, "girls": female, "births": male + female, "usable": usable, "ratio": ratio,
        "lower": stats.share_to_ratio(low), "upper": stats.share_to_ratio(high),
        "p": stats.binomial_p(boys, total, share, kind=p_kind),
        "p_high": above, "p_low": below, "p_band": np.minimum(1.0, 2 * np.minimum(above, below)),
    })  # fmt: skip


def _tested(counted: pd.DataFrame, rule: _Rule) -> pd.DataFrame:
    """Return the counts with what `_measured` gives, adjusted p, the chances to miss and the detectable ratio."""
    measured = _measured(counted["male"].to_numpy(), counted["female"].to_numpy(), rule)
    total = measured["births"].where(measured["usable"]).to_numpy()
    share, kind = stats.ratio_to_share(rule.reference), TESTS[rule.test][0]
    truths = {f"missed{truth:g}": stats.ratio_to_share(truth) for truth in MISSED}
    power = {name: stats.power(total, truth, share, rule.alpha, "two-sided", kind) for name, truth in truths.items()}
    detected = stats.detectable(total, share, rule.alpha, FOUND, "two-sided", kind)
    return counted.join(measured).assign(
        p_adjusted=stats.adjust(measured["p"], "holm"),
        p_bh=stats.adjust(measured["p"], "bh"),
        p_band_adjusted=stats.adjust(measured["p_band"], "holm"),
        power=power[f"missed{AGAINST:g}"],
        detectable=stats.share_to_ratio(detected),
        **{name: 1 - found for name, found in power.items()},
    )


def _rows(table: pd.DataFrame, rule: _Rule, tests: int, period: str, county: str) -> list[dict[str, Any]]:
    """Return the records of the results, measure by measure."""
    verdicts = [_verdict(row, rule, tests, county) for row in results.by_row(table)]
    together = results.note("note.srb.tests", tests=tests)
    found = results.note("note.srb.detectable", alpha=rule.alpha, power=FOUND, reference=rule.reference)
    missed = {t: results.note("note.srb.missed", alpha=rule.alpha, against=t, reference=rule.reference) for t in MISSED}
    kind, ratio = rule.test, table["ratio"]
    ends = {"lower": table["lower"], "upper": table["upper"]}
    made = [
        ("srb", f"{kind}-{100 * rule.level:g}", verdicts, {"value": ratio, **ends, "p": table["p"]}),
        ("srb_adjusted", f"{kind}-holm", together, {"value": ratio, "p": table["p_adjusted"]}),
        ("srb_bh", f"{kind}-bh", together, {"value": ratio, "p": table["p_bh"]}),
        ("srb_high", f"{kind}-above", "", {"value": ratio, "p": table["p_high"]}),
        ("srb_low", f"{kind}-below", "", {"value": ratio, "p": table["p_low"]}),
        ("srb_band", f"{kind}-outside", "", {"value": ratio, "p": table["p_band"]}),
        ("srb_band_adjusted", f"{kind}-outside-holm", together, {"value": ratio, "p": table["p_band_adjusted"]}),
        ("srb_detectable", f"{kind}-power", found, {"value": table["detectable"]}),
        *((f"srb_missed{t:g}", f"{kind}-power", missed[t], {"value": table[f"missed{t:g}"]}) for t in MISSED),
    ]
    heads = _heads(table)
    number = {"place": county, "period": period, "measure": "srb_tests", "count": tests, "method": f"{kind}-holm"}
    return [*(record for each in made for record in _made(heads, *each)), number]


def _heads(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return place, period, part (as the measure), boys and births of each row."""
    told = (table["births"] != 0) | (table["unknown"] == 0)  # 0 boys would be wrong where the sexes are not known
    heads = table[["place", "period"]].assign(
        measure=table["part"], count=table["boys"].where(told), total=table["births"].where(told)
    )
    return results.by_row(heads)


def _made(
    heads: Sequence[Mapping[str, Any]], measure: str, method: str, notes: str | list[str], numbers: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the records of one measure: a note for all, or one for each; its numbers by column."""
    told = [notes] * len(heads) if isinstance(notes, str) else notes
    cells = zip(*(column.tolist() for column in numbers.values()), strict=True)
    for head, said, values in zip(heads, told, cells, strict=True):
        named = {"measure": measure + head["measure"], "method": method, "note": said}
        yield {**head, **dict(zip(numbers, values, strict=True)), **named}


def _verdict(row: Mapping[str, Any], rule: _Rule, tests: int, county: str) -> str:
    """Return the note: what may be said about this ratio, with the numbers that it rests on.

    Births of unknown sex are told for the county only: a township's may be few, and a note is not looked at there.
    """
    births = int(row["births"])
    facts = {"births": births, "reference": rule.reference}
    facts |= {"unknown": int(row["unknown"])} if row["place"] == county else {}
    if not row["usable"]:
        return results.note("note.srb.negative", boys=int(row["boys"]), **facts)
    if births == 0:
        return results.note("note.srb.unknown" if row["unknown"] else "note.srb.none", **facts)
    facts |= {"low": rule.band[0], "high": rule.band[1], "against": AGAINST}
    facts |= {"power": round(float(row["power"]), 4), "tests": tests}
    return results.note(f"note.srb.{finding(row, rule.band, rule.alpha)}", **facts)


TESTS: dict[str, Test] = {
    "midp": ("midp", "midp"),
    "exact": ("exact", "clopper-pearson"),
    "wilson": ("score", "wilson"),
}
"""Tests by name: (kind of `stats.binomial_p`, kind of `stats.binomial_interval`), which agree with each other."""

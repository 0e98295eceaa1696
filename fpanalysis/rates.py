"""Indicators that a catalogue defines: a numerator and a denominator of the result table, and the kind of number.

An indicator is a row of words, `numerator`, `denominator` and `kind`; it needs no code. A numerator (or denominator) is
a measure of the result table or a sum of several (`activity/family_visited + activity/poor_mother_visited`), taken as
its count; `@value`, `@total` take another number of the row. A last part `*` makes one indicator for each breakdown:
`roll_exits/*` over `roll_opening/*` gives the exit rate of every programme.

| kind | value | interval |
|---|---|---|
| count | the numerator | exact Poisson (Garwood, Biometrika 28 (1936) 437) |
| share | numerator / denominator, a part of it | Wilson's score (JASA 22 (1927) 209), as Newcombe 1998 recommends |
| rate | numerator / denominator, per 1,000 or per 100 by its unit | exact Poisson, the denominator taken as known |
| ratio | numerator / denominator, two separate counts | exact: Clopper and Pearson's of the first's share, as odds |
| mean | numerator / denominator (money a case) | none: a sum tells nothing of how its parts vary |
| difference | numerator - denominator | of two Poisson counts by MOVER from the exact ones (Zou, Donner, 2008) |

With fewer than SMALL in the denominator (of a share that many cases, of a rate that many events) the note says so; with
none there is no figure. Zou and Donner: Statistics in Medicine 27 (2008) 1693; Newcombe: Statistics in Medicine 17
(1998) 857.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from .errors import FpError, did_you_mean
from .results import NUMBERS, note, rows
from .stats import binomial_interval, poisson_interval, share_to_ratio
from .wording import catalogue

__all__ = ["KINDS", "SMALL", "derived"]

Definition: TypeAlias = Mapping[str, str]
Numbers: TypeAlias = tuple[float, float, float]

SMALL = 20
"""Cases below which a note says that the figure stands on few."""
SCALES = {"per100": 100.0, "per1000": 1000.0, "ratio": 100.0}
"""What a rate is multiplied by, by its unit."""


def derived(
    results: pd.DataFrame,
    defined: Iterable[Definition],
    *,
    period: str,
    level: float = 0.95,
    missing: str = "",
) -> pd.DataFrame:
    """Return the indicators `defined` for every place of the period that has their figures.

    `defined`: rows of key, numerator, denominator, kind, unit (see the module); those without a numerator are left out.
    count, total: numerator and denominator. Of several rows of a measure the last is taken. `missing`: a place for
    which an indicator without figures has a row all the same, and a note that says so. Raises FpError for a kind or
    measure that does not exist.
    """
    mine = results[results["period"] == period].drop_duplicates(["place", "measure"], keep="last")
    by_place = {str(place): rows_.set_index("measure") for place, rows_ in mine.groupby("place", sort=False)}
    records: list[dict[str, Any]] = []
    for one in defined:
        if one.get("numerator"):
            _check(one)
            found = [r for place, have in by_place.items() for r in _of_place(one, place, have, period, level)]
            if missing and not any(r["place"] == missing for r in found):
                found.append({"place": missing, "period": period, "measure": one["key"], "value": np.nan,
                              "note": note("note.indicator.no_figure")})  # fmt: skip
            records += found
    return rows(records)


def _check(one: Definition) -> None:
    if one["kind"] not in KINDS:
        raise FpError(
            f"indicator {one['key']!r}: kind {one['kind']!r} does not exist{did_you_mean(one['kind'], KINDS)}"
        )
    for part in ("numerator", "denominator"):
        for measure, number in _terms(one.get(part, "")):
            head = measure.split("/")[0]
            if head not in catalogue():
                hint = did_you_mean(head, catalogue())
                raise FpError(f"indicator {one['key']!r}: {part}: measure {measure!r} does not exist{hint}")
            if number not in NUMBERS:
                hint = did_you_mean(number, NUMBERS)
                raise FpError(f"indicator {one['key']!r}: {part}: number {number!r} does not exist{hint}")
    if not one.get("denominator") and one["kind"] != "count":
        raise FpError(f"indicator {one['key']!r}: kind {one['kind']!r} needs a denominator, only a count has none")


def _terms(written: str) -> list[tuple[str, str]]:
    """Return the measures of a sum, each with the number of its row that is meant."""
    terms = [term.strip() for term in written.split("+") if term.strip()]
    return [(m, number or "count") for m, _, number in (term.partition("@") for term in terms)]


def _of_place(one: Definition, place: str, have: pd.DataFrame, period: str, level: float) -> Iterable[dict[str, Any]]:
    for part in _breakdowns(one, have):
        upper, lower = (_sum(one.get(side, ""), part, have) for side in ("numerator", "denominator"))
        if np.isnan(upper) or (one.get("denominator") and np.isnan(lower)):
            continue
        key = f"{one['key']}/{part}" if part else one["key"]
        yield {"place": place, "period": period, "measure": key, **_figure(one, upper, lower, level)}


def _breakdowns(one: Definition, have: pd.DataFrame) -> list[str]:
    """Return what a last part `*` stands for, in the order of the table; [""] without one."""
    open_terms = [m for side in ("numerator", "denominator") for m, _ in _terms(one.get(side, "")) if m.endswith("/*")]
    if not open_terms:
        return [""]
    stem = open_terms[0].removesuffix("*")
    return [m.removeprefix(stem) for m in have.index if m.startswith(stem) and "/" not in m.removeprefix(stem)]


def _sum(written: str, part: str, have: pd.DataFrame) -> float:
    """Return the sum of a numerator's (or denominator's) terms, NaN where one is missing or there is none."""
    terms = [(m.removesuffix("*") + part if m.endswith("/*") else m, number) for m, number in _terms(written)]
    if not terms or any(m not in have.index for m, _ in terms):
        return np.nan
    return float(sum(have.loc[m, number] for m, number in terms))


def _figure(one: Definition, upper: float, lower: float, level: float) -> dict[str, Any]:
    kind, scale = one["kind"], SCALES.get(one.get("unit", ""), 1.0) if one["kind"] == "rate" else 1.0
    base = {"count": upper, "total": lower, "method": METHODS[kind].format(level=f"{100 * level:g}")}
    if kind not in ("count", "difference") and lower <= 0:
        return {**base, "value": np.nan, "note": note("note.indicator.nothing")}
    if kind == "share" and upper > lower:
        return {**base, "value": upper / lower, "note": note("note.indicator.over", count=upper, total=lower)}
    value, low, high = KINDS[kind](upper, lower, level)
    few = {"share": lower, "ratio": upper + lower, "rate": upper}.get(kind, SMALL)
    remark = note("note.indicator.small", n=few) if few < SMALL else ""
    return {**base, "value": value * scale, "lower": low * scale, "upper": high * scale, "note": remark}


def _count(upper: float, lower: float, level: float) -> Numbers:
    low, high = poisson_interval(upper, level)
    return upper, float(low), float(high)


def _share(upper: float, lower: float, level: float) -> Numbers:
    low, high = binomial_interval(upper, lower, level, "wilson")
    return upper / lower, float(low), float(high)


def _rate(upper: float, lower: float, level: float) -> Numbers:
    low, high = poisson_interval(upper, level)
    return upper / lower, float(low) / lower, float(high) / lower


def _ratio(upper: float, lower: float, level: float) -> Numbers:
    low, high = share_to_ratio(np.array(binomial_interval(upper, upper + lower, level, "clopper-pearson"))) / 100
    return upper / lower, float(low), float(high)


def _mean(upper: float, lower: float, level: float) -> Numbers:
    return upper / lower, np.nan, np.nan


def _difference(upper: float, lower: float, level: float) -> Numbers:
    (low_1, high_1), (low_2, high_2) = (poisson_interval(n, level) for n in (upper, lower))
    gap = upper - lower
    return (gap, gap - float(np.hypot(upper - low_1, high_2 - lower)),
            gap + float(np.hypot(high_1 - upper, lower - low_2)))  # fmt: skip


KINDS: Mapping[str, Callable[[float, float, float], Numbers]] = {
    "count": _count,
    "share": _share,
    "rate": _rate,
    "ratio": _ratio,
    "mean": _mean,
    "difference": _difference,
}
"""Kinds of indicator: (numerator, denominator, level) -> value, lower, upper."""

METHODS = {
    "count": "count_exact-{level}",
    "share": "wilson_share-{level}",
    "rate": "rate_exact-{level}",
    "ratio": "ratio_exact-{level}",
    "mean": "mean",
    "difference": "difference_mover-{level}",
}
"""How each kind is made, as the result table says it."""

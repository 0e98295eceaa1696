"""A province from its counties: their published county figures added up, and held against the province's own totals.

Nothing is counted anew and no township is read: what a county has published is what it answers for. Counts and money
are added; shares and ratios are worked out again from the added numerators and denominators, never averaged. A county
that has not published is named, and the sum then says that it is of the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .results import empty, note, pick, rows
from .sex_ratio import ratios
from .stats import binomial_interval

__all__ = ["ADDED", "SHARES", "compare", "county_rows", "handed_in", "roll_up"]

ADDED = (
    "births", "births_reported", "births_carried_in", "births_unregistered", "registered", "checkups", "roll_opening",
    "roll_new", "roll_exits", "roll_closing", "entitled_amount", "pay_amount", "pay_class", "pay_class_amount",
    "activity", "activity_amount",
)  # fmt: skip
"""Measures (with everything below them) that are added: persons, births, yuan, things done."""
SHARES = ("registered_on_time", "pay_on_time")
"""Measures (with everything below them) that are shares of added counts."""
RATIOS = ("srb", "srb/order1", "srb/order2", "srb/order3")


def county_rows(published: Mapping[str, pd.DataFrame], *, period: str) -> pd.DataFrame:
    """Return the counties' own rows of a period that a province takes over: `published` holds results by county key."""
    taken = [_of_county(found, place, period) for place, found in published.items()]
    return rows(pd.concat(taken, ignore_index=True)) if taken else empty()


def roll_up(counties: pd.DataFrame, *, province: str, expected: Sequence[str]) -> pd.DataFrame:
    """Return the province's rows: every measure of `county_rows` added up, or worked out again from what was added.

    `expected`: keys of all counties of the province. A measure that some of them lack has the note
    `note.rollup.partial` with their number. Intervals: shares Wilson 95 %, sex ratios mid-p 95 %.
    """
    records = [_added(measure, group, province, len(expected)) for measure, group in counties.groupby("measure")]
    return rows([record for record in records if record])


def handed_in(counties: pd.DataFrame, *, period: str, province: str, expected: Sequence[str]) -> pd.DataFrame:
    """Return `rollup_counties`: counties that have published of those expected; the note names those that have not."""
    present = set(counties["place"])
    lacking = [place for place in expected if place not in present]
    remark = note("note.rollup.missing", places=lacking) if lacking else ""
    there = len(expected) - len(lacking)
    return rows([{"place": province, "period": period, "measure": "rollup_counties", "count": there,
                  "total": len(expected), "method": "counted", "note": remark}])  # fmt: skip


def compare(totals: pd.DataFrame, found: pd.DataFrame, *, period: str, province: str) -> pd.DataFrame:
    """Return where the province's own totals differ from its counties' figures: `rollup_difference/<measure>`.

    `totals`: place (a county, or the province itself), period, measure, value, as the province's forms say; `found`:
    rows of `county_rows` and `roll_up`. value = total minus figure, the note has both; `rollup_compared` counts what
    was held against each other (total: all that was handed in) and says how many differ.
    """
    told = totals[totals["period"] == period]
    figures = found.drop_duplicates(["place", "measure"]).set_index(["place", "measure"])["value"]
    both = told.assign(figure=figures.reindex(pd.MultiIndex.from_frame(told[["place", "measure"]])).to_numpy())
    known = both[both["figure"].notna()]
    differing = known[~np.isclose(known["value"], known["figure"], rtol=0, atol=0.005)]
    summary = {"place": province, "period": period, "measure": "rollup_compared", "count": len(known),
               "total": len(told), "method": "levels", "note": note("note.rollup.compared", different=len(differing),
                                                                   alone=len(told) - len(known))}  # fmt: skip
    return rows([*_differences(differing, period), summary])


def _differences(differing: pd.DataFrame, period: str) -> Iterator[dict[str, Any]]:
    for row in differing.itertuples():
        remark = note("note.rollup.differs", told=float(row.value), found=float(row.figure))
        yield {"place": row.place, "period": period, "measure": f"rollup_difference/{row.measure}",
               "count": row.value - row.figure, "method": "levels", "note": remark}  # fmt: skip


def _of_county(found: pd.DataFrame, place: str, period: str) -> pd.DataFrame:
    own = pick(found, place=place, period=period)
    head = own["measure"].str.partition("/")[0]
    taken = head.isin([*ADDED, *SHARES]) | own["measure"].isin(RATIOS)
    return own[taken].drop_duplicates("measure", keep="last")


def _added(measure: str, group: pd.DataFrame, province: str, expected: int) -> dict[str, Any]:
    lacking = expected - len(group)
    remark = note("note.rollup.partial", counties=len(group), lacking=lacking) if lacking else ""
    base = {"place": province, "period": group["period"].iloc[0], "measure": measure, "note": remark}
    count, total = group["count"].sum(min_count=1), group["total"].sum(min_count=1)
    if measure in RATIOS:
        found = ratios(count, total - count).iloc[0]
        return {**base, "count": count, "total": total, "value": found["ratio"], "lower": found["lower"],
                "upper": found["upper"], "method": "midp-95"}  # fmt: skip
    if measure.partition("/")[0] in SHARES:
        lower, upper = (float(bound) for bound in binomial_interval(count, total, kind="wilson"))
        value = count / total if total else np.nan
        return {**base, "count": count, "total": total, "value": value, "lower": lower, "upper": upper,
                "method": "wilson_share-95"}  # fmt: skip
    return {**base, "count": count, "value": group["value"].sum(min_count=1), "method": "added"}

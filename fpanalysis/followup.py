"""Differences of the subsidies followed up: one item each, its history from period to period, and how old they are.

An item is a person-programme in one class in one period. Its number is made from just these with the place's key, so
that the same difference has the same number in every workbook, and tells nothing. What the office answered in the
workbook (open, explained, corrected, written off) comes back as a raw file and is joined on the number.

An answer is held against the data: a difference that is gone from them is corrected, whatever was answered; one that
was said to be corrected and is still there is open, and is counted. An item that nothing new is known about (its period
was not looked at again) keeps its answer. So every difference that was ever listed is in exactly one status.

Age, in whole months: of an open item from the end of the period it was first seen in to the day of the data; of any
other to the day it was dealt with. Rows about persons (`differences`, `carried`) and totals by village (`villages`),
whose counts are small, are internal: they go into the follow-up workbook alone. `ageing` gives counts and money of the
county, as result rows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from .identity import item_number
from .periods import parse_period
from .results import note, rows

__all__ = ["BANDS", "SETTLED", "STATUSES", "ageing", "carried", "differences", "looked_at", "villages"]

KEY = ["programme", "person"]
SETTLED = ("matched", "nothing_due")
"""Classes without anything to follow up."""

STATUSES = ("open", "explained", "corrected", "written_off")
BANDS: Mapping[str, int] = {"age0_3": 3, "age3_6": 6, "age6_12": 12, "age12": 10_000}
"""Age bands, and the month in which each ends."""

HISTORY = ["status", "explanation", "date", "by", "first_seen", "last_seen", "times_seen"]
SHORT = 8
"""Characters of a pseudonym that the workbook shows."""


def differences(
    persons: pd.DataFrame,
    roll: pd.DataFrame,
    payments: pd.DataFrame,
    *,
    months: pd.PeriodIndex,
    period: str,
    key: bytes,
) -> pd.DataFrame:
    """Return the items of one period: item, programme, place, village, person (short), roll_row, payment_row, class,
    period, entitled, paid, difference (fen).

    INTERNAL: rows about persons. `persons`: what `reconcile.classify` gave for `months`, from `roll` and `payments`.
    `roll_row` and `payment_row` are tuples of (file, sheet, row as Excel shows it).
    """
    mine = persons[~persons["class"].isin(SETTLED)].reset_index(drop=True)
    person = mine["person"].astype(object).where(mine["person"].notna(), "")
    again = mine.assign(person=person).groupby([*KEY, "class"]).cumcount().astype("str").replace("0", "")
    parts = zip(mine["programme"], person, mine["class"], again, strict=True)
    due = payments[payments["due"].isin(months)]
    found = {
        "item": [item_number([*map(str, p), period], key) for p in parts],
        "programme": mine["programme"],
        "place": mine["place"],
        "village": _villages_of(mine, roll),
        "person": person.str[:SHORT],
        "roll_row": _at(_stood(roll, mine), mine, ()),
        "payment_row": _at(_stood(pd.concat([due, _mistyped(due, mine)]), mine), mine, ()),
        "class": mine["class"],
        "period": period,
        "entitled": mine["entitled"],
        "paid": mine["paid"],
        "difference": mine["entitled"] - mine["paid"],
    }
    made = pd.DataFrame(found).astype(dict.fromkeys(["item", "village", "person"], "str"))
    return made.sort_values(["class", "programme", "place", "village", "item"], ignore_index=True)


def villages(persons: pd.DataFrame, roll: pd.DataFrame, reported: pd.DataFrame, *, period: str) -> pd.DataFrame:
    """Return a row a programme, township and village, then one for the township: level (village, township), programme,
    place, village, on_roll, due_people, open (persons with a difference), entitled, paid, difference and, of townships
    that reported it, reported (fen; else missing).

    INTERNAL: small counts. `persons`: what `reconcile.classify` gave; someone belongs to the village of the last row on
    the roll, without one to "". `reported`: tidy frame of the totals in the forms.
    """
    counted = persons.assign(
        village=_villages_of(persons, roll),
        due_people=persons["entitled"] > 0,
        open=~persons["class"].isin(SETTLED),
        difference=persons["entitled"] - persons["paid"],
    ).astype({"village": "str"})
    by, sums = ["programme", "place"], ["on_roll", "due_people", "open", "entitled", "paid", "difference"]
    of_village = counted.groupby([*by, "village"], as_index=False)[sums].sum().assign(level="village")
    of_township = counted.groupby(by, as_index=False)[sums].sum().assign(level="township", village="")
    asked = (reported["level"] == "township") & (reported["item"] == "amount") & (reported["period"] == period)
    told = reported[asked].drop_duplicates(by).assign(reported=lambda f: f["value"] * 100)[[*by, "reported"]]
    both = pd.concat([of_village, of_township.merge(told, on=by, how="left")], ignore_index=True)
    order = both.assign(last=both["level"] == "township").sort_values([*by, "last", "village"], ignore_index=True)
    return order[["level", *by, "village", *sums, "reported"]].astype(dict.fromkeys(sums, "int64"))


def looked_at(returned: pd.DataFrame, period: str) -> list[str]:
    """Return the periods to look at for a workbook: its own (of a year its halves), the one before, and those of items
    that came back, oldest first. What was a difference in the period before and still is one has its age from then,
    answered or not; and an item of a half-year is the same one in the year's report."""
    own = parse_period(period)
    halves = [replace(own, part=half) for half in ("H1", "H2")] if own.kind == "year" else [own]
    keys = {*(half.key for half in halves), halves[0].previous().key, *returned["period"]}
    return sorted(keys, key=lambda key: (parse_period(key).end, key))


def carried(found: pd.DataFrame, returned: pd.DataFrame, *, period: str) -> pd.DataFrame:
    """Return the items with what is known of them: status, explanation, date, by, first_seen, last_seen, times_seen.

    `returned`: tidy frame of the workbooks that came back; the last answer to an item counts. `period`: that of the
    workbook to be made. `again` marks those that were said to be corrected. An item not seen before is open,
    and was first seen in its own period.
    """
    last = _latest(returned).set_index("item")[HISTORY]
    joined = found.join(last, on="item")
    new = joined["status"].isna()
    again = joined["status"] == "corrected"
    seen_now = joined["last_seen"] == period
    return joined.assign(
        again=again,
        status=joined["status"].mask(new | again, "open"),
        explanation=joined["explanation"].fillna(""),
        by=joined["by"].fillna(""),
        date=pd.to_datetime(joined["date"]),
        first_seen=joined["first_seen"].fillna(joined["period"]),
        last_seen=period,
        times_seen=joined["times_seen"].fillna(0).astype("int64") + ~seen_now.to_numpy(dtype=bool),
    )


def ageing(
    found: pd.DataFrame, returned: pd.DataFrame, *, looked: Sequence[str], as_of: dt.date, period: str, county: str
) -> pd.DataFrame:
    """Return `followup/<status>[/<age band>]` (items) and `followup_amount/...` (yuan; count in fen) for the county.

    `found`: items with their history (`carried`) of the periods `looked`; `returned`: tidy frame of the workbooks that
    came back. The money of an item is its difference, whatever its sign. `followup` counts all items; each status is
    followed by the bands that have any.
    """
    gone = _latest(returned)
    gone = gone[~gone["item"].isin(found["item"])]
    gone = gone.assign(
        status=gone["status"].where(~gone["period"].isin(list(looked)), "corrected"),
        difference=gone["entitled"] - gone["paid"],
    )
    columns = ["item", "status", "difference", "date", "first_seen"]
    everything = pd.concat([frame[columns].astype(object) for frame in (found, gone)], ignore_index=True)
    months = _months(everything, as_of)
    everything["band"] = np.array(list(BANDS))[np.searchsorted(list(BANDS.values())[:-1], months, side="right")]
    everything["fen"] = everything["difference"].abs().astype("int64")
    still = int(found["again"].sum()) if len(found) else 0
    return rows([{**row, "place": county, "period": period} for row in _counted(everything, still)])


def _counted(items: pd.DataFrame, still: int) -> Iterator[dict[str, Any]]:
    parts: list[tuple[str, pd.DataFrame]] = [("", items)]
    for status in STATUSES:
        mine = items[items["status"] == status]
        parts += [
            (f"/{status}", mine),
            *((f"/{status}/{b}", mine[mine["band"] == b]) for b in BANDS if b in set(mine["band"])),
        ]
    for part, mine in parts:
        fen = int(mine["fen"].sum())
        remark = note("note.followup.still_there", n=still) if part == "/open" and still else ""
        yield {"measure": f"followup{part}", "count": len(mine), "method": "followed", "note": remark}
        yield {"measure": f"followup_amount{part}", "count": fen, "value": fen / 100, "method": "followed"}


def _latest(returned: pd.DataFrame) -> pd.DataFrame:
    """Return the last answer to each item: files are named by the day of receipt."""
    return returned.sort_values(["file", "row"]).drop_duplicates("item", keep="last")


def _months(items: pd.DataFrame, as_of: dt.date) -> np.ndarray:
    """Return the age of each item in whole months."""
    since = pd.to_datetime(items["first_seen"].map(lambda key: parse_period(key).end))
    until = pd.to_datetime(items["date"]).where(items["status"] != "open").fillna(pd.Timestamp(as_of))
    whole = (until.dt.year - since.dt.year) * 12 + until.dt.month - since.dt.month
    short = (until.dt.day < since.dt.day) & (until.dt.day < until.dt.days_in_month)
    return (whole - short).clip(lower=0).to_numpy(dtype="int64")


def _villages_of(mine: pd.DataFrame, roll: pd.DataFrame) -> list[str]:
    """Return the village of each person-programme: of the last row on the roll, "" without one."""
    if "village" not in roll:
        return [""] * len(mine)
    return _at(roll.sort_values("start").groupby(KEY)["village"].last(), mine, "")


def _at(known: pd.Series, mine: pd.DataFrame, missing: Any) -> list[Any]:
    """Return what is known of each person-programme."""
    held = known.to_dict()
    return [held.get(key, missing) for key in mine[KEY].itertuples(index=False, name=None)]


def _stood(frame: pd.DataFrame, mine: pd.DataFrame) -> pd.Series:
    """Return where the rows of each person-programme stand: tuples of (file, sheet, row)."""
    if "row" not in frame:
        return pd.Series(dtype=object)
    asked = pd.MultiIndex.from_frame(mine[KEY].astype(object))
    rows_ = frame[pd.MultiIndex.from_frame(frame[KEY].astype(object)).isin(asked)]
    file = rows_["file"].str.replace(r"\[.*", "", regex=True)
    sheet = rows_["sheet"] if "sheet" in rows_ else pd.Series("", rows_.index)
    places = pd.Series(list(zip(file, sheet, rows_["row"].astype(int), strict=True)), rows_.index, dtype=object)
    return places.groupby([rows_[c] for c in KEY]).agg(lambda held: tuple(sorted(set(held))))


def _mistyped(payments: pd.DataFrame, mine: pd.DataFrame) -> pd.DataFrame:
    """Return payments under a mistyped number as rows of those whom it may mean and who were set right by one."""
    corrected = mine.get("corrected", mine["class"] == "matched_after_correction").astype(bool)
    meant = pd.MultiIndex.from_frame(mine.loc[corrected, KEY].astype(object))
    if "person_near" not in payments or not len(meant):
        return payments[:0]
    near = payments[~payments["person_valid"].astype(bool)].explode("person_near").dropna(subset="person_near")
    near = near.assign(person=near["person_near"])
    return near[pd.MultiIndex.from_frame(near[KEY].astype(object)).isin(meant)]

"""Rules across fields and files: what is well formed and still cannot be right, or came late, or was repaired.

Faults stop a run (`ingest`); findings do not: each becomes a result row `check/<rule>` with the number of cases and a
remark that names file and row, so that the report can print it and the office can act on it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from .ingest import Delivery
from .periods import Period, parse_period
from .results import combine, note, rows

__all__ = ["RULES", "deadline", "deliveries", "repairs", "run_rules"]


def run_rules(
    frames: Mapping[str, pd.DataFrame], *, period: Period, county: str, townships: Sequence[str], as_of: dt.date
) -> pd.DataFrame:
    """Return the findings of every rule as result rows: `check/<rule>`, cases, a remark with file and row.

    `frames` are ingest's tidy frames by kind. A rule without cases gives one county row with count 0, so that the
    report can say what was looked at.
    """
    context = {"period": period, "townships": townships, "as_of": as_of}
    return combine([_as_rows(name, rule(frames, **context), period.key, county) for name, rule in RULES.items()])


def deliveries(
    received: Sequence[Delivery], *, period: Period, county: str, deadlines: Mapping[str, int], as_of: dt.date
) -> pd.DataFrame:
    """Return what arrived late or was replaced: result rows `check/late_delivery` and `check/replaced_delivery`.

    A file whose name says that it is of this period or a part of it (`births.2018H1.csv`) is late when it came later
    than `deadlines[kind]` of the month after the end of that. Of a file whose name has no period it cannot be told. A
    file that was delivered again is late if it first came late.
    """
    late, first = [], {}
    for delivery in sorted(received, key=lambda d: d.received):
        first.setdefault((delivery.kind, delivery.part), delivery)
    for delivery in (d for d in first.values() if d.period and period.holds(d.period)):
        due = deadline(parse_period(delivery.period), deadlines.get(delivery.kind))
        if due and due < delivery.received <= as_of:
            late.append(note("check.late_delivery.found", file=delivery.name, received=delivery.received, due=due))
    replaced = [note("check.replaced_delivery.found", file=d.name) for d in received if not d.used]
    listed = {"late_delivery": late, "replaced_delivery": replaced}
    return combine([_listed(name, notes, period.key, county) for name, notes in listed.items()])


def repairs(repaired: pd.DataFrame, *, period: Period, county: str) -> pd.DataFrame:
    """Return the repairs that reading took: a result row `repair/<kind>` a file, its count the cells repaired."""
    return rows(
        {
            "place": county, "period": period.key, "measure": f"repair/{row.repair}",
            "count": row.cells, "method": "counted",
            "note": note("repair.found", file=row.file, repair=f"repair.{row.repair}"),
        }
        for row in repaired.itertuples()
    )  # fmt: skip


def deadline(period: Period, day: int | None) -> dt.date | None:
    """Return the day of the month after a period by which a file of it is due, None where no day is laid down."""
    if day is None:
        return None
    after = period.last_month + 1
    return dt.date(after.year, after.month, min(day, after.days_in_month))


def _listed(name: str, notes: Sequence[str], period: str, county: str) -> pd.DataFrame:
    base = {"place": county, "period": period, "measure": f"check/{name}", "method": "counted"}
    if not notes:
        return rows([{**base, "count": 0}])
    return rows([{**base, "count": 1, "note": remark} for remark in notes])


def _as_rows(name: str, cases: pd.DataFrame, period: str, county: str) -> pd.DataFrame:
    """Return one result row a place for the cases of a rule (columns place, file, row, and what its remark names)."""
    if cases.empty:
        return rows([{"place": county, "period": period, "measure": f"check/{name}", "count": 0, "method": "counted"}])
    records = []
    for place, group in cases.assign(place=cases["place"].replace("", county)).groupby("place", sort=True):
        first: dict[str, Any] = {str(k): v for k, v in group.iloc[0].items() if k != "place"}
        remark = note(f"check.{name}.found", n=len(group), **{k: str(v) for k, v in first.items()})
        records.append(
            {
                "place": place,
                "period": period,
                "measure": f"check/{name}",
                "count": len(group),
                "method": "counted",
                "note": remark,
            }
        )
    return rows(records)


def _registered_before_occurred(frames: Mapping[str, pd.DataFrame], **context: Any) -> pd.DataFrame:
    births = frames["births"]
    return births.loc[births["registered"] < births["occurred"], ["file", "row"]].assign(place="")


def _births_in_future(frames: Mapping[str, pd.DataFrame], *, as_of: dt.date, **context: Any) -> pd.DataFrame:
    births, last = frames["births"], pd.Period(as_of, "M")
    late = (births["registered"] > last) | (births["occurred"] > last)
    return births.loc[late, ["file", "row"]].assign(place="")


def _township_without_births(
    frames: Mapping[str, pd.DataFrame], *, period: Period, townships: Sequence[str], **context: Any
) -> pd.DataFrame:
    """Months of the period with births in the county but none registered at all in a township."""
    births = frames["births"]
    if births.empty:
        return pd.DataFrame(columns=["place", "file", "row", "month"])
    within = births.loc[births["registered"].isin(period.months), ["place", "registered"]].drop_duplicates()
    months = sorted(within["registered"].unique())
    have = set(zip(within["place"], within["registered"], strict=True))
    missing = [(p, "", 0, str(m)) for p in townships for m in months if (p, m) not in have]
    return pd.DataFrame(missing, columns=["place", "file", "row", "month"])


def _not_reached(kind: str, column: str) -> Callable[..., pd.DataFrame]:
    """Months of the period that the rows of a kind do not reach: of them nothing is known, which is not zero."""

    def missing(frames: Mapping[str, pd.DataFrame], *, period: Period, as_of: dt.date, **context: Any) -> pd.DataFrame:
        known = frames[kind][column]
        known = known[known <= pd.Period(as_of, "M")] if column != "due" else known
        months = [m for m in period.months if len(known) and not known.min() <= m <= known.max()]
        return pd.DataFrame([("", "", 0, str(m)) for m in months], columns=["place", "file", "row", "month"])

    return missing


def _of_county(rows: pd.DataFrame) -> pd.DataFrame:
    """Return cases about persons for the county as a whole, without their rows: a township's, or the one in a row, may
    be a single person. The follow-up workbook, which is internal, leads to the row."""
    return rows[["file"]].assign(place="")


def _exit_before_start(frames: Mapping[str, pd.DataFrame], **context: Any) -> pd.DataFrame:
    roll = frames["roll"]
    return _of_county(roll[roll["exit"] < roll["start"]])


def _exit_without_reason(frames: Mapping[str, pd.DataFrame], *, period: Period, **context: Any) -> pd.DataFrame:
    roll = frames["roll"]
    inside = roll["exit"].between(pd.Timestamp(period.start), pd.Timestamp(period.end))
    return _of_county(roll[inside & (roll["reason"] == "")])


def _check_character(kind: str) -> Callable[..., pd.DataFrame]:
    def failing(frames: Mapping[str, pd.DataFrame], **context: Any) -> pd.DataFrame:
        frame = frames[kind]
        return _of_county(frame[~frame["person_valid"].astype(bool)])

    return failing


def _more_on_time_than_done(frames: Mapping[str, pd.DataFrame], **context: Any) -> pd.DataFrame:
    done = frames["registrations"]
    return done.loc[done["on_time"] > done["count"], ["place", "file", "row"]]


RULES: Mapping[str, Callable[..., pd.DataFrame]] = {
    "registered_before_occurred": _registered_before_occurred,
    "births_in_future": _births_in_future,
    "township_without_births": _township_without_births,
    "births_not_reached": _not_reached("births", "registered"),
    "registrations_not_reached": _not_reached("registrations", "month"),
    "checkups_not_reached": _not_reached("checkups", "month"),
    "risks_not_reached": _not_reached("risks", "month"),
    "months_without_payments": _not_reached("payments", "due"),
    "exit_before_start": _exit_before_start,
    "exit_without_reason": _exit_without_reason,
    "roll_check_character": _check_character("roll"),
    "payment_check_character": _check_character("payments"),
    "more_on_time_than_done": _more_on_time_than_done,
}
"""Every rule: tidy frames in, its cases out as rows with place, file and row."""

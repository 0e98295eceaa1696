"""Roll, payments and reported totals held against each other: every person and every fen in exactly one class.

Roll rows and payment rows of a person and programme are brought together on the pseudonym; what was due is worked
out from the roll and the effective-dated rate; an ordered list of rules (`CLASSES`) then gives each person-programme
the first class that fits. So people and money add up by construction: on the roll + paid without being on it = sum
of the classes, and entitled - paid = sum of the differences of the classes, with nothing left over, in fen.

Definitions, the same everywhere. On the roll on a day: `start <= day < exit`. A month counts when the person is on the
roll on its last day, at the rate in force on that day. A payment is in time up to the last day of its due month plus
`grace_days`. Payments that the bank returned are not paid. What is not yet overdue at `as_of` and has no payment row is
not due. Overlapping roll rows of a person in a programme are one spell, at the place of the earliest row.

The idea of one key, counts and sums by source and one ordered list of rules is that of record reconciliation in
accounting; one-slip neighbours of an identity number that fails its check digit follow GB 11643-1999.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from .errors import FpError, did_you_mean
from .results import note, pick, rows

__all__ = ["CLASSES", "classify", "levels", "statement", "stock_flow"]

KEY = ["programme", "person"]
DUE = [*KEY, "due"]
OPEN = pd.Timestamp("2262-01-01")
"""Stands for "no exit yet"; later than any date in a file."""

ITEMS = {
    "opening": "roll_opening",
    "new": "roll_new",
    "exits": "roll_exits",
    "closing": "roll_closing",
    "amount": "pay_amount",
}
"""Each item of a reported form and the measure computed from the rows."""


def classify(
    roll: pd.DataFrame, payments: pd.DataFrame, *, months: pd.PeriodIndex, rates: pd.DataFrame, as_of: dt.date
) -> pd.DataFrame:
    """Return one row a person-programme: programme, person, place, on_roll, entitled and paid (fen), in_time, class.

    INTERNAL: rows about persons, pseudonymous; they stay in the analysis and are never kept, shown or published.

    `roll`, `payments`: tidy frames. `months`: of the period; payments count by their due month. `rates`: a row a
    programme and effective date with programme, effective, amount (fen), unit (month, year, once), pays (calendar
    months in which a payment is due, each for the months since the one before; empty: every month, a yearly rate in
    December), grace_days. A yearly rate is shared evenly among the months of `pays`; a rate paid once is due in the
    month of `start`. In the frame are all who were on the roll in the period, were due something or had a payment row.
    Raises FpError for a programme without a rate.
    """
    _check_programmes([roll, payments], rates)
    spells = _spells(roll)
    dues = _entitlements(spells, months, rates)
    paid = _payments(payments, dues, _people(roll), months)
    compared = _compare(dues, paid, rates, as_of, _bounds(roll))
    persons = _persons(compared, spells, roll, months)
    persons["place"] = _places(spells, roll, paid).reindex(pd.MultiIndex.from_frame(persons[KEY])).to_numpy()
    masks = [rule(persons).to_numpy(dtype=bool) for rule in CLASSES.values()]
    persons["class"] = np.select(masks, list(CLASSES), default="")
    columns = [*KEY, "place", "on_roll", "entitled", "paid", "in_time", "class"]
    return persons[columns].sort_values(KEY, ignore_index=True)


def statement(
    roll: pd.DataFrame,
    payments: pd.DataFrame,
    *,
    months: pd.PeriodIndex,
    rates: pd.DataFrame,
    as_of: dt.date,
    period: str,
    county: str,
) -> pd.DataFrame:
    """Return the reconciliation as result rows for the county and each township; no row is about a person.

    For each programme: `rate`; `entitled_amount`, `pay_amount` (yuan; count in fen); `pay_on_time` = people to whom
    everything due in the period was paid in full by the end of its due month + grace_days / people to whom anything was
    due (county also over all programmes); `pay_class/<programme>` (all people) and below it each class (people);
    `pay_class_amount` likewise (entitled minus paid, yuan; count in fen). Arguments as for `classify`;
    no months give no rows.
    """
    if not len(months):
        return rows([])
    persons = classify(roll, payments, months=months, rates=rates, as_of=as_of)
    records = [*_rates(rates, months, county), _in_time(persons, "", county)]
    for programme, mine in persons.groupby("programme"):
        for place, group in _areas(mine, county):
            records += [*_money(group, programme, place), _in_time(group, f"/{programme}", place)]
            records += _classes(group, programme, place, set(CLASSES) if place == county else set(mine["class"]))
    return rows([{**r, "period": period} for r in records])


def stock_flow(roll: pd.DataFrame, *, start: dt.date, end: dt.date, period: str, county: str) -> pd.DataFrame:
    """Return opening, new, exits (also by reason), closing and balance of each roll, for the county and each township.

    `start`, `end`: first and last day of the period. Opening is on the roll the day before `start`, closing on `end`.
    Someone on the roll twice at a time counts once; someone who moves to another township leaves and is new.
    A row that ends before it begins was never on the roll. `roll_balance` = opening + new - exits - closing, always 0.
    """
    spells = _spells(roll)
    first, last = pd.Timestamp(start), pd.Timestamp(end)
    marked = spells.assign(
        opening=_on_roll(spells, first - pd.Timedelta(days=1)),
        new=spells["start"].between(first, last),
        exits=spells["exit"].between(first, last),
        closing=_on_roll(spells, last),
    )
    by_area = [(p, place, group) for p, mine in marked.groupby("programme") for place, group in _areas(mine, county)]
    return rows([{**r, "period": period} for p, place, group in by_area for r in _flow(group, p, place)])


def levels(reported: pd.DataFrame, computed: pd.DataFrame, *, period: str, county: str) -> pd.DataFrame:
    """Return where reported totals differ: from the rows (each township and the county), and from the sum of townships.

    `computed`: results of `stock_flow` and `statement`. `reported_difference/<programme>/<item>` has value = reported
    minus computed and a note with both; a county row stands also when only the townships' sum differs from it.
    A township whose own opening + new - exits is not its closing is named on its closing. `reported_compared` counts
    the totals held against rows, its note how many differ, how many are missing, and how many have no rows at all to
    be held against (a programme without a roll, or without payments) and so are not compared.
    """
    told = _reported_cells(reported[reported["period"] == period], county)
    known = pick(computed, period=period).drop_duplicates(["place", "measure"])
    known = known.set_index(["place", "measure"])["value"]
    by_rows = told["measure"].isin(known.index.get_level_values("measure"))
    computed = known.reindex(pd.MultiIndex.from_frame(told[["place", "measure"]])).fillna(0).to_numpy()
    told["computed"] = np.where(by_rows, computed, np.nan)
    cells = told[by_rows].reset_index(drop=True)
    differing = [r for _, of_item in told.groupby("measure") for r in _differences(of_item, told, county)]
    asked = known[known.index.get_level_values("measure").isin(cells["measure"])]
    missing = len(asked.index.difference(pd.MultiIndex.from_frame(cells[["place", "measure"]])))
    counted = {"different": len(differing), "missing": missing, "alone": len(told) - len(cells)}
    remark = note("note.reported.compared", **counted)
    summary = {"place": county, "measure": "reported_compared", "count": len(cells), "method": "levels", "note": remark}
    return rows([{**r, "period": period} for r in [*differing, summary]])


def _areas(frame: pd.DataFrame, county: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the county with all rows, then each township with its own."""
    yield county, frame
    for place, group in frame[frame["place"] != county].groupby("place"):
        yield str(place), group


def _rates(rates: pd.DataFrame, months: pd.PeriodIndex, county: str) -> Iterator[dict[str, Any]]:
    """Yield the rate of each programme at the end of the period, with a note when it changed within it."""
    for programme, terms in rates.groupby("programme"):
        at_start, at_end = _rate(terms, _last_day(months[0])), _rate(terms, _last_day(months[-1]))
        since = terms.loc[terms["effective"] <= _last_day(months[-1]), "effective"].max()
        changed = note("note.rate.changed", before=at_start / 100, since=since.date()) if at_start != at_end else ""
        yield {
            "place": county,
            "measure": f"rate/{programme}",
            "count": at_end,
            "value": at_end / 100,
            "method": "rate",
            "note": changed,
        }


def _money(group: pd.DataFrame, programme: str, place: str) -> list[dict[str, Any]]:
    amounts = {"entitled_amount": int(group["entitled"].sum()), "pay_amount": int(group["paid"].sum())}
    return [{"place": place, "measure": f"{name}/{programme}", "count": fen, "value": fen / 100, "method": "reconciled"}
            for name, fen in amounts.items()]  # fmt: skip


def _in_time(group: pd.DataFrame, part: str, place: str) -> dict[str, Any]:
    entitled = group[group["entitled"] > 0]
    done, people = int(entitled["in_time"].sum()), len(entitled)
    return {"place": place, "measure": f"pay_on_time{part}", "count": done, "total": people,
            "value": done / people if people else np.nan, "method": "reconciled",
            "note": "" if people else note("note.pay.nothing_due")}  # fmt: skip


def _classes(group: pd.DataFrame, programme: str, place: str, shown: set[str]) -> Iterator[dict[str, Any]]:
    """Yield people and difference of all classes together, then of each class shown (also where it has nobody)."""
    gap = group["entitled"] - group["paid"]
    on_roll = int(group["on_roll"].sum())
    people = note("note.reconcile.people", on_roll=on_roll, others=len(group) - on_roll)
    money = note(
        "note.reconcile.money", entitled=int(group["entitled"].sum()) / 100, paid=int(group["paid"].sum()) / 100
    )
    parts = [("", slice(None), people, money)]
    parts += [(f"/{name}", group["class"] == name, "", "") for name in CLASSES if name in shown]
    for part, mask, remark, remark_money in parts:
        fen = int(gap[mask].sum())
        base = {"place": place, "method": "reconciled"}
        yield {**base, "measure": f"pay_class/{programme}{part}", "count": len(group[mask]), "note": remark}
        yield {
            **base,
            "measure": f"pay_class_amount/{programme}{part}",
            "count": fen,
            "value": fen / 100,
            "note": remark_money,
        }


def _flow(group: pd.DataFrame, programme: str, place: str) -> list[dict[str, Any]]:
    counts = {item: int(group[item].sum()) for item in ("opening", "new", "exits", "closing")}
    found = {f"roll_{item}/{programme}": n for item, n in counts.items()}
    found[f"roll_balance/{programme}"] = counts["opening"] + counts["new"] - counts["exits"] - counts["closing"]
    reasons = group.loc[group["exits"], "reason"].replace("", "reason_unknown").value_counts().sort_index()
    found |= {f"roll_exits/{programme}/{reason}": int(n) for reason, n in reasons.items()}
    return [{"place": place, "measure": m, "count": n, "method": "roll"} for m, n in found.items()]


def _reported_cells(reported: pd.DataFrame, county: str) -> pd.DataFrame:
    """Return place, level, measure, value of every reported total, one a cell, the county under its own key."""
    is_county = reported["level"] == "county"
    mine = reported.assign(place=reported["place"].where(~is_county, county),
                           measure=reported["item"].map(ITEMS) + "/" + reported["programme"])  # fmt: skip
    mine = mine[is_county | (mine["place"] != county)]
    return mine.drop_duplicates(["level", "place", "measure"]).sort_values(["measure", "place"], ignore_index=True)


def _differences(of_item: pd.DataFrame, cells: pd.DataFrame, county: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of one item of one programme in which reported and computed, or county and sum, differ."""
    below = of_item[of_item["level"] == "township"]
    summed = below["value"].sum()
    for cell in of_item.itertuples():
        gap = cell.value - cell.computed
        both = {"reported": cell.value, "computed": cell.computed}
        if cell.level == "county" and len(below) and cell.value != summed:
            gap = cell.value - summed if np.isnan(gap) else gap
            remark = note("note.reported.sum", **both, townships=summed)
        elif gap == 0 or np.isnan(gap):
            continue
        else:
            remark = _located(cell, cells, both)
        yield {"place": cell.place, "measure": f"reported_difference/{cell.programme}/{cell.item}", "count": gap,
               "method": "levels", "note": remark}  # fmt: skip


def _located(cell: Any, cells: pd.DataFrame, both: Mapping[str, float]) -> str:
    """Return the note of a differing cell; it says so when the four reported figures do not add up by themselves."""
    own = cells[
        (cells["place"] == cell.place) & (cells["level"] == cell.level) & (cells["programme"] == cell.programme)
    ]
    flow = own.set_index("item")["value"].reindex(["opening", "new", "exits", "closing"])
    adds_up = flow["opening"] + flow["new"] - flow["exits"] == flow["closing"]
    if flow.isna().any() or adds_up or cell.item == "amount":
        return note("note.reported.differs", **both)
    return note("note.reported.not_adding_up", **both)


def _check_programmes(frames: Iterable[pd.DataFrame], rates: pd.DataFrame) -> None:
    known = set(rates["programme"])
    for name in sorted({str(p) for frame in frames for p in frame["programme"]} - known):
        raise FpError(f"programme {name!r} has no rate{did_you_mean(name, known)}")


def _spells(roll: pd.DataFrame) -> pd.DataFrame:
    """Return times on the roll without overlap: programme, person, place, start, exit (OPEN: none), reason, listed.

    `listed` is the number of roll rows that a spell is made of; the reason is that of the last exit.
    """
    rows_ = roll[[*KEY, "place", "start", "exit", "reason"]].assign(exit=roll["exit"].fillna(OPEN))
    rows_ = rows_[rows_["exit"] >= rows_["start"]].sort_values([*KEY, "start", "exit", "place", "reason"])
    latest = rows_.groupby(KEY)["exit"].cummax()
    before = latest.groupby([rows_["programme"], rows_["person"]]).shift()
    same_start = rows_["start"] == rows_.groupby(KEY)["start"].shift()
    spell = (before.isna() | ((rows_["start"] >= before) & ~same_start)).cumsum().rename("spell")
    ends = rows_.assign(spell=spell).sort_values(["spell", "exit", "reason"]).groupby("spell")["reason"].last()
    found = rows_.groupby(spell).agg(
        programme=("programme", "first"), person=("person", "first"), place=("place", "first"),
        start=("start", "first"), exit=("exit", "max"), listed=("place", "size"),
    )  # fmt: skip
    return found.assign(reason=ends).reset_index(drop=True)


def _on_roll(spells: pd.DataFrame, day: pd.Timestamp) -> pd.Series:
    return (spells["start"] <= day) & (spells["exit"] > day)


def _people(roll: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(roll[KEY]).unique()


def _bounds(roll: pd.DataFrame) -> pd.DataFrame:
    """Return first start and last exit of each person-programme on the roll at any time."""
    ends = roll.assign(exit=roll["exit"].fillna(OPEN))
    return ends.groupby(KEY, as_index=False).agg(first_start=("start", "min"), last_exit=("exit", "max"))


def _last_day(month: pd.Period) -> pd.Timestamp:
    return month.end_time.normalize()


def _pay_months(terms: pd.DataFrame) -> tuple[int, ...]:
    """Return the calendar months in which a programme pays."""
    given = tuple(sorted(terms["pays"].iloc[-1]))
    return given or ((12,) if terms["unit"].iloc[-1] == "year" else tuple(range(1, 13)))


def _rate(terms: pd.DataFrame, day: pd.Timestamp) -> int:
    """Return the rate (fen) in force on a day. Raises FpError when none was."""
    in_force = terms[terms["effective"] <= day]
    if in_force.empty:
        name, first = terms["programme"].iloc[0], terms["effective"].min()
        raise FpError(f"programme {name!r} has no rate in force on {day:%Y-%m-%d}; its first is from {first:%Y-%m-%d}")
    return int(in_force.sort_values("effective")["amount"].iloc[-1])


def _parts(terms: pd.DataFrame, due: pd.Period) -> list[tuple[pd.Timestamp, int]]:
    """Return what a payment due in a month is made of: (day on which the person must be on the roll, fen)."""
    pays = _pay_months(terms)
    if terms["unit"].iloc[-1] == "year":
        rate, place = _rate(terms, _last_day(due)), pays.index(due.month)
        return [(_last_day(due), rate * (place + 1) // len(pays) - rate * place // len(pays))]
    length = next(n for n in range(1, 13) if (due - n).month in pays)
    return [(_last_day(due - i), _rate(terms, _last_day(due - i))) for i in range(length)]


def _entitlements(spells: pd.DataFrame, months: pd.PeriodIndex, rates: pd.DataFrame) -> pd.DataFrame:
    """Return what is due: programme, person, due, and in fen `entitled`, `without_exit`, `without_start`.

    `without_exit` is what would be due had the person not left, `without_start` had they been on the roll before.
    """
    found = [
        _one_due(spells[spells["programme"] == programme], due, terms)
        for programme, terms in rates.groupby("programme") for due in months
        if terms["unit"].iloc[-1] == "once" or due.month in _pay_months(terms)
    ]  # fmt: skip
    together = (
        pd.concat(found)
        if found
        else spells[KEY].iloc[:0].assign(due=months[:0], entitled=0, without_exit=0, without_start=0)
    )
    summed = {"entitled": "sum", "without_exit": "max", "without_start": "max"}
    return together[together["without_exit"] + together["without_start"] > 0].groupby(DUE, as_index=False).agg(summed)


def _one_due(spells: pd.DataFrame, due: pd.Period, terms: pd.DataFrame) -> pd.DataFrame:
    frame = spells[KEY].assign(due=due, entitled=0, without_exit=0, without_start=0)
    if terms["unit"].iloc[-1] == "once":
        amount = _rate(terms, _last_day(due)) * (spells["start"].dt.to_period("M") == due)
        return frame.assign(entitled=amount, without_exit=amount, without_start=amount)
    for day, amount in _parts(terms, due):
        frame["entitled"] += amount * _on_roll(spells, day)
        frame["without_exit"] += amount * (spells["start"] <= day)
        frame["without_start"] += amount * (spells["exit"] > day)
    return frame


def _payments(
    payments: pd.DataFrame, dues: pd.DataFrame, people: pd.MultiIndex, months: pd.PeriodIndex
) -> pd.DataFrame:
    """Return the payment rows of the period, mistyped identities set right: programme, person, due, ..., corrected."""
    mine = payments.loc[
        payments["due"].isin(months), [*DUE, "person_valid", "person_near", "place", "amount", "paid", "status"]
    ]
    mine = mine.reset_index(drop=True)
    meant = _meant(mine[~mine["person_valid"] & ~pd.MultiIndex.from_frame(mine[KEY]).isin(people)], mine, dues)
    return mine.assign(
        person=meant.reindex(mine.index).fillna(mine["person"]), corrected=mine.index.isin(meant.index)
    ).drop(columns=["person_valid", "person_near"])  # fmt: skip


def _meant(failing: pd.DataFrame, payments: pd.DataFrame, dues: pd.DataFrame) -> pd.Series:
    """Return, by payment row, the one person whom a failing identity can mean.

    That is a valid one-slip neighbour to whom this programme owes something for the same month and has paid nothing,
    when there is exactly one, and no other failing identity claims the same person and month.
    """
    claims = failing.explode("person_near").dropna(subset="person_near").astype({"person_near": "str"}).reset_index()
    owed = dues.loc[dues["entitled"] > 0, DUE]
    paid = pd.MultiIndex.from_frame(payments.loc[payments["status"] == "paid", DUE])
    owed = owed[~pd.MultiIndex.from_frame(owed).isin(paid)].rename(columns={"person": "person_near"})
    claims = claims.merge(owed, on=["programme", "person_near", "due"])
    near = claims.groupby(["programme", "person", "due"])["person_near"].transform("nunique")
    rivals = claims.groupby(["programme", "person_near", "due"])["person"].transform("nunique")
    return claims[(near == 1) & (rivals == 1)].set_index("index")["person_near"]


def _compare(
    dues: pd.DataFrame, paid: pd.DataFrame, rates: pd.DataFrame, as_of: dt.date, bounds: pd.DataFrame
) -> pd.DataFrame:
    """Return a row a person, programme and due month: what was due, what was paid, and what is wrong with it."""
    found = _paid_by_due(paid, rates)
    both = dues.merge(found, on=DUE, how="outer", indicator="source").merge(bounds, on=KEY, how="left")
    amounts = both.columns.difference([*DUE, "source", "first_start", "last_exit"])
    both[amounts] = both[amounts].fillna(0).astype("int64")
    waiting = _deadline(both, rates) >= pd.Timestamp(as_of)
    both.loc[waiting & (both["source"] == "left_only"), "entitled"] = 0
    return _faults(both.assign(end=_end(both["due"])))


def _paid_by_due(paid: pd.DataFrame, rates: pd.DataFrame) -> pd.DataFrame:
    """Return money paid (in all, and in time) and rows paid, late, returned and corrected, by person and due month."""
    good = paid["status"] == "paid"
    in_time = paid["paid"] <= _deadline(paid, rates)
    found = paid[DUE].assign(
        paid=paid["amount"].where(good, 0),
        in_time=paid["amount"].where(good & in_time, 0),
        paid_rows=good.astype("int64"),
        late_rows=(good & ~in_time).astype("int64"),
        returned_rows=(~good).astype("int64"),
        corrected=paid["corrected"].astype("int64"),
    )
    return found.groupby(DUE, as_index=False).sum()


def _end(due: pd.Series) -> pd.Series:
    """Return the last day of each month."""
    return due.dt.to_timestamp(how="end").dt.normalize()


def _deadline(frame: pd.DataFrame, rates: pd.DataFrame) -> pd.Series:
    """Return the last day on which a payment of each row is in time."""
    grace = rates.groupby("programme")["grace_days"].last()
    return _end(frame["due"]) + pd.to_timedelta(frame["programme"].map(grace), unit="D")


def _faults(both: pd.DataFrame) -> pd.DataFrame:
    """Return the comparison with a mark for each thing that can be wrong with one due month."""
    due, over = both["entitled"] > 0, both["paid"] > both["entitled"]
    twice = over & due & (both["paid_rows"] > 1)
    gone = (both["last_exit"] <= both["end"]) & (~due | (both["paid"] == both["without_exit"]))
    early = np.where(due, both["paid"] == both["without_start"], both["first_start"] > both["end"])
    none = due & (both["paid"] == 0)
    return both.assign(
        twice=twice, gone=over & ~twice & gone, early=over & ~twice & early,
        returned=none & (both["returned_rows"] > 0), unpaid=none & (both["returned_rows"] == 0),
        wrong=both["paid"] != both["entitled"], late=due & (both["late_rows"] > 0),
        short=due & (both["in_time"] < both["entitled"]), touched=due | (both["paid"] != 0),
    )  # fmt: skip


SUMS = ["entitled", "paid", "corrected"]
MARKS = ["twice", "gone", "early", "returned", "unpaid", "wrong", "late", "short", "touched"]


def _persons(compared: pd.DataFrame, spells: pd.DataFrame, roll: pd.DataFrame, months: pd.PeriodIndex) -> pd.DataFrame:
    """Return the comparison by person-programme, with those on the roll in the period to whom nothing was due."""
    first, last = months[0].start_time, _last_day(months[-1])
    inside = spells[(spells["start"] <= last) & ((spells["exit"] > first) | (spells["start"] >= first))]
    listed = inside.groupby(KEY)["listed"].max()
    kept = compared[(compared["entitled"] > 0) | (compared["source"] != "left_only")]
    found = kept.astype(dict.fromkeys(MARKS, "int64")).groupby(KEY)[[*SUMS, *MARKS]].sum()
    found = found.reindex(found.index.union(listed.index).set_names(KEY), fill_value=0)
    found["listed"] = listed.reindex(found.index, fill_value=0)
    found["known"] = found.index.isin(_people(roll))
    found["on_roll"] = found.index.isin(listed.index) | (found["entitled"] > 0)
    found["in_time"] = found["short"] == 0
    return found.reset_index()


def _places(spells: pd.DataFrame, roll: pd.DataFrame, paid: pd.DataFrame) -> pd.Series:
    """Return the township of each person-programme: of the latest spell, else of the roll, else of the payment."""
    sources = [
        f.sort_values([when, "place"]).groupby(KEY)["place"].last()
        for f, when in ((spells, "start"), (roll, "start"), (paid, "paid"))
    ]
    found = pd.concat(sources)
    return found[~found.index.duplicated()]


CLASSES: Mapping[str, Callable[[pd.DataFrame], pd.Series]] = {
    "not_on_roll": lambda p: ~p["known"],
    "paid_after_exit": lambda p: p["gone"] > 0,
    "before_start": lambda p: p["early"] > 0,
    "paid_twice": lambda p: p["twice"] > 0,
    "on_roll_twice": lambda p: p["listed"] > 1,
    "returned": lambda p: p["returned"] > 0,
    "unpaid": lambda p: p["unpaid"] > 0,
    "wrong_amount": lambda p: p["wrong"] > 0,
    "late": lambda p: p["late"] > 0,
    "matched_after_correction": lambda p: p["corrected"] > 0,
    "nothing_due": lambda p: p["touched"] == 0,
    "matched": lambda p: p["entitled"] == p["paid"],
}
"""Every class and its rule, in the order in which they are asked; the first that fits is the class.

A new class is one entry here and its words in the catalogue (`class.<class>`, `meaning.<class>`).
"""

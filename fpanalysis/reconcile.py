"""Roll, payments and reported totals held against each other: every person and every fen in exactly one class.

Roll rows and payment rows of a person and programme are brought together on the pseudonym; what was due is worked
out from the roll and the effective-dated rate; an ordered list of rules (`catalogue/rules.csv`) then gives each
person-programme the first class that fits. So people and money add up by construction: on the roll + paid without
being on it = sum of the classes, and entitled - paid = sum of the differences of the classes, with nothing left over,
in fen. The work is one SQL text (`formulation`) that any engine runs (`engines`); here is what goes in and comes out.

The roll holds everybody with start and exit, also those of periods before, so that the previous roll is in it and the
opening of a period can be told from it; what differs from the closing as it was told then is named by
`carried_forward`. Reported totals are about places, not persons, and no row of theirs can be a person's difference:
they are held against the sums (`levels`), not put into the union.

Definitions, the same everywhere. On the roll on a day: `start <= day < exit`. A month counts when the person is on the
roll, and meets the programme's condition, on its last day, at the rate in force on that day; a condition that cannot be
judged (no date of birth) counts as met. A payment is in time up to the last day of its due month plus `grace_days`.
Payments that the bank returned are not paid. What is not yet overdue at `as_of` and has no payment row is carried over,
not due. Overlapping roll rows of a person in a programme are one spell, at the place of the earliest row.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from . import engines, sources
from .errors import FpError, did_you_mean
from .formulation import OPEN, query, spells_query
from .results import by_row, note, pick, rows
from .schedule import day_number, eligible, month_number, rate_on, tables
from .suspects import suspects
from .wording import catalogue

__all__ = ["CLASSES", "at_scale", "carried_forward", "classify", "formulated", "levels", "statement", "stock_flow"]

KEY = ["programme", "person"]

ITEMS = {
    "opening": "roll_opening",
    "new": "roll_new",
    "exits": "roll_exits",
    "closing": "roll_closing",
    "amount": "pay_amount",
}
"""Each item of a reported form and the measure computed from the rows."""


def classify(
    roll: pd.DataFrame,
    payments: pd.DataFrame,
    *,
    months: pd.PeriodIndex,
    rates: pd.DataFrame,
    as_of: dt.date,
    engine: str = "duckdb",
    **limits: Any,
) -> pd.DataFrame:
    """Return one row a person-programme: programme, person, place, class, on_roll, in_time, corrected, payments
    (rows), and in fen entitled, carried, paid.

    INTERNAL: rows about persons, pseudonymous; they stay in the analysis and are never kept, shown or published.

    `roll`, `payments`: tidy frames; a roll without `birth` and `sex` has no condition judged; `corrected` are rows
    whose mistyped number was set right while read. A row without a person is a case of its own. `months`: of the
    period; payments count by their due month. `rates`: a row a programme and effective date with programme, effective,
    amount (fen), unit (month, year, once), pays (calendar months in which a payment is due, each for the months since
    the one before; empty: every month, a yearly rate in December), grace_days, and perhaps eligible (an expression of
    `eligibility`) and excludes (programmes). A yearly rate is shared evenly among the months of `pays`; a rate paid
    once is due in the month of `start`. In the frame are all who were on the roll in the period, were due something or
    had a payment row.
    `engine`, `limits`: of `engines.run`. Raises FpError for a programme without a rate.
    """
    _check_programmes([roll, payments], rates)
    codes = _Codes(roll, payments, rates)
    near = codes.near(payments)
    given = {"roll": codes.roll(roll), "payments": codes.payments(payments), "near": near, "kin": sources.kin(near)}
    given["renamed"] = near[["person", "near"]].rename(columns={"near": "meant"})[:0]
    text, small = formulated(rates, months, as_of)
    question = {"rows": "SELECT * FROM found"}
    found = engines.run(text, given | small, question, engine=engine, **limits)["rows"]
    mine = payments[payments["due"].isin(months)]
    _check_control(found, len(mine), int(mine.loc[mine["status"] == "paid", "amount"].sum()))
    return codes.words(found).sort_values([*KEY, "place", "class", "paid"], ignore_index=True)


def formulated(rates: pd.DataFrame, months: pd.PeriodIndex, as_of: dt.date) -> tuple[str, dict[str, pd.DataFrame]]:
    """Return the SQL text of a period, and the small tables that it reads beside roll, payments and near."""
    small = tables(rates, months, as_of)
    parts = small["parts"]
    days = {n: sorted(set(parts.loc[parts["programme"] == n, "ymd"])) for n in range(rates["programme"].nunique())}
    joined = parts[parts["once"] == 1].merge(small["calendar"], on=["programme", "due"])
    entering = {int(n): list(zip(mine["opens"], mine["day"], mine["token"], strict=True))
                for n, mine in joined.groupby("programme")}  # fmt: skip
    terms = small["terms"]
    sound = dict(zip(terms["bits"].tolist(), (terms["dues"] + 1).tolist(), strict=True))
    span = {"opens": day_number(months[0].start_time), "closes": day_number(_last_day(months[-1]))}
    return query(
        CLASSES,
        **span,
        eligible=eligible(rates),
        days=days,
        entering=entering,
        sound=sound,
        excluding=len(small["excludes"]) > 0,
    ), small


def at_scale(
    *,
    roll: Sequence[str | Path] | pd.DataFrame,
    payments: Sequence[str | Path] | pd.DataFrame,
    months: pd.PeriodIndex,
    rates: pd.DataFrame,
    as_of: dt.date,
    programmes: Mapping[str, str] | None = None,
    places: Mapping[str, str] | None = None,
    engine: str = "duckdb",
    near: Sequence[str | Path] = (),
    level: str = "place",
    out: Path | None = None,
    key: bytes | None = None,
    **limits: Any,
) -> pd.DataFrame:
    """Return one row a programme, place and class: people, on_roll, due_people, in_time, payments, and in fen entitled,
    carried, paid.

    `roll`, `payments`: Parquet or CSV files with the columns of `sources`, or both tidy frames. `programmes`, `places`:
    every accepted spelling and its key (without: the words as they stand). `near`: where persons are pseudonyms, files
    with programme, person, due and near, whom a failing number may mean; identity numbers tell it themselves. `level`:
    the column that says where someone belongs, `village` for one (small counts: INTERNAL); sums over all are the same.
    Villages of files have codes that no two townships share; in frames the township stands before the village.
    A mistyped number of the roll is not set right here, as `ingest` does: who was paid is then unpaid, and paid without
    being on the roll, so that nothing is hidden.
    `out`: folder for the class of each person-programme as Parquet: INTERNAL, rows about persons under a hash made
    with `key` (None: a random one). The rest as for `classify`.
    Raises FpError when money or rows of the payments are not all in the classes.
    """
    terms = {"months": months, "rates": rates, "as_of": as_of}
    if isinstance(roll, pd.DataFrame) or isinstance(payments, pd.DataFrame):
        roll, payments = (_at_level(frame, level) for frame in (roll, payments))
        return _of_frames(roll, payments, out=out, engine=engine, **terms, **limits)
    numbers = {name: n for n, name in enumerate(sorted(set(rates["programme"])))}
    spelled = {word: numbers[name] for word, name in (programmes or {n: n for n in numbers}).items() if name in numbers}
    with engines.opened(engine, **limits) as ask:
        keys = places if places is not None else _words(ask, [roll, payments], level)
        spots = {name: n for n, name in enumerate(sorted(set(keys.values())))}
        at = {word: spots[name] for word, name in keys.items()}
        known = {"programmes": spelled, "places": at, "level": level, "key": key or secrets.token_bytes(32)}
        words = [list(numbers), list(spots), list(CLASSES)]
        return _summed(_of_files(ask, roll, payments, near, words=words, known=known, out=out, **terms), words)


def _of_files(
    ask: engines.Ask,
    roll: Sequence[str | Path],
    payments: Sequence[str | Path],
    near: Sequence[str | Path],
    *,
    words: Sequence[Sequence[str]],
    known: Mapping[str, Any],
    out: Path | None,
    months: pd.PeriodIndex,
    rates: pd.DataFrame,
    as_of: dt.date,
) -> pd.DataFrame:
    """Return the totals of files in numbers, for each bucket. `words`: what the numbers of programmes, places and
    classes say; `known`: programmes, places, level and key of `sources.roll_and_payments`."""
    conditions = eligible(rates).values()
    asked = [name for name in ("birth", "sex") if any(f"{{{name}}}" in rule for rule in conditions)]
    given = sources.roll_and_payments(roll, payments, asked=asked, months=_written(months), **known)
    text, small = formulated(rates, months, as_of)
    given |= sources.meanings(*_meanings(ask, roll, payments, near, known["programmes"], months), key=known["key"])
    written = {"out": out, "written": sources.written(known["key"])} if out else {}
    reads = given | small | (sources.names(*words) if out else {})
    found, control = ask(text, reads, {"totals": TOTALS, "control": _control(months)}, **written).values()
    _check_control(found, int(control["payments"].sum()), int(control["paid"].sum()))
    return found


def _meanings(
    ask: engines.Ask,
    roll: Sequence[str | Path],
    payments: Sequence[str | Path],
    near: Sequence[str | Path],
    programmes: Mapping[str, int],
    months: pd.PeriodIndex,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return whom the failing numbers of payments may mean (programme, due, person, near), and what old ones are since
    1999 (person, meant), all as they are written."""

    def asked(text: str, given: engines.Table) -> pd.DataFrame:
        filled = text.format(first=month_number(months[0]), last=month_number(months[-1]))
        return _rows_of(ask, filled, given)

    if near:
        return asked(sources.CLAIMS, sources.claims(near, programmes)), sources.renamed([])
    failing = asked(sources.FAILING, sources.failing(payments, programmes, _written(months)))
    old = {*asked(sources.OLD, sources.old(roll))["written"], *failing["written"]}
    renamed = sources.renamed(sorted(text for text in old if len(text) == 15))
    return sources.near(failing[~failing["written"].isin(renamed["person"])]), renamed


def _rows_of(ask: engines.Ask, text: str, given: engines.Table) -> pd.DataFrame:
    """Return the rows that a text makes of one table, all at once."""
    return ask(text, {"given": given}, {"rows": "SELECT * FROM found"}, buckets=1)["rows"]


def _at_level(frame: Any, level: str) -> pd.DataFrame:
    """Return a tidy frame with place and village as its place; payments, which name no village, without any."""
    if level == "place":
        return frame
    if level not in frame:
        return frame.assign(place="")
    return frame.assign(place=(frame["place"] + " " + frame[level]).str.strip())


def _of_frames(roll: Any, payments: Any, *, out: Path | None, **terms: Any) -> pd.DataFrame:
    """Return the totals of `at_scale` from tidy frames, whose persons are pseudonyms already."""
    persons = classify(roll, payments, **terms)
    due = persons["entitled"] > 0
    counted = persons.assign(people=1, due_people=due, in_time=persons["in_time"] & due)
    if out:
        engines.run("SELECT * FROM given", {"given": persons}, {"rows": "SELECT COUNT(*) FROM found"}, out=out)
    columns = ["people", "on_roll", "due_people", "in_time", "payments", "entitled", "carried", "paid"]
    return counted.groupby(["programme", "place", "class"], as_index=False)[columns].sum().astype(
        dict.fromkeys(columns, "int64"))  # fmt: skip


def _summed(found: pd.DataFrame, words: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Return the totals of all buckets added up, with words for programme, place and class."""
    keys = ["programme", "place", "class"]
    place = found["place"].where(found["place"].between(0, len(words[1]) - 1), -1)  # a place that has no name
    summed = found.assign(place=place).groupby(keys, as_index=False).sum().astype("int64")
    said = {key: summed[key].map(dict(enumerate(known, start=key == "class"))).fillna("")
            for key, known in zip(keys, words, strict=True)}  # fmt: skip
    if (summed["class"] == 0).any():
        raise FpError("catalogue/rules.csv: there are cases that fit no rule; the last rule must fit all")
    return summed.assign(**said).astype(dict.fromkeys(keys, "str")).sort_values(keys, ignore_index=True)


TOTALS = """
SELECT programme, place, class, CAST(COUNT(*) AS BIGINT) AS people, CAST(SUM(on_roll) AS BIGINT) AS on_roll,
  CAST(SUM(CASE WHEN entitled > 0 THEN 1 ELSE 0 END) AS BIGINT) AS due_people,
  CAST(SUM(CASE WHEN entitled > 0 THEN in_time ELSE 0 END) AS BIGINT) AS in_time,
  CAST(SUM(payments) AS BIGINT) AS payments, CAST(SUM(entitled) AS BIGINT) AS entitled,
  CAST(SUM(carried) AS BIGINT) AS carried, CAST(SUM(paid) AS BIGINT) AS paid
FROM found GROUP BY programme, place, class"""

CONTROL = """
SELECT CAST(COUNT(*) AS BIGINT) AS payments, CAST(COALESCE(SUM(amount * (1 - returned)), 0) AS BIGINT) AS paid
FROM payments WHERE due BETWEEN {first} AND {last}"""


def _written(months: pd.PeriodIndex) -> dict[str, int]:
    """Return the number of each month as it is mostly written."""
    return {str(month): month_number(month) for month in months}


def _control(months: pd.PeriodIndex) -> str:
    """Return the text for rows and money (fen) of the payments of the period as they stand, whatever they name."""
    return CONTROL.format(first=month_number(months[0]), last=month_number(months[-1]))


def _check_control(found: pd.DataFrame, number: int, fen: int) -> None:
    """Hold rows and money of the classes against those of the sources before anything was left out."""
    missing, money = number - int(found["payments"].sum()), fen - int(found["paid"].sum())
    if missing or money:
        raise FpError(f"{missing} payment rows with {money / 100:.2f} yuan are in no class: "
                      "their programme is not one of params, or is missing")  # fmt: skip


def _words(ask: engines.Ask, files: Iterable[Sequence[str | Path]], level: str) -> dict[str, str]:
    """Return the places of a level that stand in files, each under its own name."""
    text = "SELECT DISTINCT place FROM given WHERE place IS NOT NULL"
    found = [_rows_of(ask, text, sources.words(paths, level, "place")) for paths in files]
    words = sorted({str(word) for frame in found for word in frame["place"]})
    return {word: word for word in words}


def statement(
    roll: pd.DataFrame,
    payments: pd.DataFrame,
    *,
    months: pd.PeriodIndex,
    rates: pd.DataFrame,
    as_of: dt.date,
    period: str,
    county: str,
    persons: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the reconciliation as result rows for the county and each township; no row is about a person.

    For each programme: `rate`; `entitled_amount`, `pay_amount` (yuan; count in fen); `pay_on_time` = people to whom
    everything due in the period was paid in full by the end of its due month + grace_days / people to whom anything was
    due (county also over all programmes); `pay_class/<programme>` (all people) and below it each class (people);
    `pay_class_amount` likewise (entitled minus paid, yuan; count in fen), the items that lead from due to paid. For the
    county also `carried_amount`, due in the period and to be paid in the next, and `arrears_amount`, paid in the period
    for months before it. Arguments as for `classify`, and `persons`, what it gave for them, where that is at hand; no
    months give no rows.
    """
    if not len(months):
        return rows([])
    persons = classify(roll, payments, months=months, rates=rates, as_of=as_of) if persons is None else persons
    records = [*_rates(rates, months, county), _in_time(persons, "", county)]
    records += _across(persons, payments, months, county)
    for programme, mine in persons.groupby("programme"):
        there = set(mine["class"].unique())
        for place, group in _areas(mine, county):
            records += [*_money(group, programme, place), _in_time(group, f"/{programme}", place)]
            records += _classes(group, programme, place, set(CLASSES) if place == county else there)
    return rows([{**r, "period": period} for r in records])


def stock_flow(roll: pd.DataFrame, *, start: dt.date, end: dt.date, period: str, county: str) -> pd.DataFrame:
    """Return opening, new, exits (also by reason), closing and balance of each roll, for the county and each township.

    `start`, `end`: first and last day of the period. Opening is on the roll the day before `start`, closing on `end`.
    Someone on the roll twice at a time counts once; someone who moves to another township leaves and is new.
    A row that ends before it begins was never on the roll. `roll_balance` = opening + new - exits - closing, always 0.
    """
    spells, first, last = _spells(roll), day_number(start), day_number(end)
    marked = spells.assign(
        opening=(spells["since"] < first) & (spells["until"] >= first),
        new=spells["since"].between(first, last),
        exits=spells["until"].between(first, last),
        closing=(spells["since"] <= last) & (spells["until"] > last),
    )
    flows = pd.concat([marked.assign(place=county), marked[marked["place"] != county]])
    counts = flows.groupby(["programme", "place"], sort=False)[list(FLOWS)].sum()
    gone = flows[flows["exits"]]
    by_reason = gone.groupby(["programme", "place", gone["reason"].replace("", "reason_unknown")]).size()
    return rows([{**r, "period": period} for r in _flow(counts, by_reason, county)])


def carried_forward(flow: pd.DataFrame, before: pd.DataFrame, *, period: str, county: str) -> pd.DataFrame:
    """Return `roll_opening_gap/<programme>`: the county's opening minus the closing before, as it was told then.

    `flow`: results of `stock_flow`; `before`: rows `roll_closing/...` of the period before, as they were kept or
    published then. A difference has a note with both. Programmes that either side lacks have no row.
    """
    now = pick(flow, place=county, measure="roll_opening/*").set_index("measure")["count"]
    then = pick(before, place=county, measure="roll_closing/*").drop_duplicates("measure", keep="last")
    found = []
    for measure, closing in zip(then["measure"], then["count"], strict=True):
        programme = measure.partition("/")[2]
        opening = now.get(f"roll_opening/{programme}", np.nan)
        remark = note("note.roll.opening_gap", opening=opening, closing=closing) if opening != closing else ""
        found.append({"place": county, "period": period, "measure": f"roll_opening_gap/{programme}",
                      "count": opening - closing, "method": "levels", "note": remark})  # fmt: skip
    return rows([row for row in found if not np.isnan(row["count"])])


def levels(reported: pd.DataFrame, computed: pd.DataFrame, *, period: str, county: str) -> pd.DataFrame:
    """Return where reported totals differ: from the rows (each township and the county), and from the sum of townships.

    `computed`: results of `stock_flow` and `statement`. `reported_difference/<programme>/<item>` has value = reported
    minus computed and a note with both; a county row stands also when only the townships' sum differs from it.
    A township whose own opening + new - exits is not its closing is named on its closing. `reported_suspect` names
    the figure of a programme that alone, if changed, would mend all broken sums (count: how many figures could be it).
    `reported_compared` counts the totals held against rows, its note how many differ, how many are missing, and how
    many have no rows at all to be held against (a programme without a roll, or without payments).
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
    return rows([{**r, "period": period} for r in [*differing, summary, *_suspected(told, county)]])


def _areas(frame: pd.DataFrame, county: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the county with all rows, then each township with its own."""
    yield county, frame
    for place, group in frame[frame["place"] != county].groupby("place"):
        yield str(place), group


def _rates(rates: pd.DataFrame, months: pd.PeriodIndex, county: str) -> Iterator[dict[str, Any]]:
    """Yield the rate of each programme at the end of the period, with a note when it changed within it."""
    for programme, terms in rates.groupby("programme"):
        at_start, at_end = rate_on(terms, _last_day(months[0])), rate_on(terms, _last_day(months[-1]))
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


def _across(
    persons: pd.DataFrame, payments: pd.DataFrame, months: pd.PeriodIndex, county: str
) -> Iterator[dict[str, Any]]:
    """Yield what crosses the period's ends: money carried into the next, and money paid now for months before."""
    paid_now = payments["paid"].between(months[0].start_time, months[-1].end_time) & (payments["status"] == "paid")
    arrears = payments[paid_now & (payments["due"] < months[0])].groupby("programme")["amount"].sum()
    for name, by_programme in (
        ("carried_amount", persons.groupby("programme")["carried"].sum()),
        ("arrears_amount", arrears),
    ):
        for programme, fen in by_programme[by_programme != 0].items():
            yield {"place": county, "measure": f"{name}/{programme}", "count": int(fen), "value": fen / 100,
                   "method": "reconciled"}  # fmt: skip


def _in_time(group: pd.DataFrame, part: str, place: str) -> dict[str, Any]:
    entitled = group[group["entitled"] > 0]
    done, people = int(entitled["in_time"].sum()), len(entitled)
    return {"place": place, "measure": f"pay_on_time{part}", "count": done, "total": people,
            "value": done / people if people else np.nan, "method": "reconciled",
            "note": "" if people else note("note.pay.nothing_due")}  # fmt: skip


def _classes(group: pd.DataFrame, programme: str, place: str, shown: set[str]) -> Iterator[dict[str, Any]]:
    """Yield people and difference of all classes together, then of each class shown (also where it has nobody)."""
    gap, classes = (group["entitled"] - group["paid"]).to_numpy(), group["class"].to_numpy()
    on_roll = int(group["on_roll"].sum())
    people = note("note.reconcile.people", on_roll=on_roll, others=len(group) - on_roll)
    money = note(
        "note.reconcile.money", entitled=int(group["entitled"].sum()) / 100, paid=int(group["paid"].sum()) / 100
    )
    parts = [("", np.full(len(group), True), people, money)]
    parts += [(f"/{name}", classes == name, "", "") for name in CLASSES if name in shown]
    for part, mask, remark, remark_money in parts:
        fen = int(gap[mask].sum())
        base = {"place": place, "method": "reconciled"}
        yield {**base, "measure": f"pay_class/{programme}{part}", "count": int(mask.sum()), "note": remark}
        yield {
            **base,
            "measure": f"pay_class_amount/{programme}{part}",
            "count": fen,
            "value": fen / 100,
            "note": remark_money,
        }


def _flow(counts: pd.DataFrame, by_reason: pd.Series, county: str) -> Iterator[dict[str, Any]]:
    """Yield the flows of each programme, the county first, then each township; exits by reason after each."""
    reasons: dict[tuple[str, str], dict[str, int]] = {}
    for (programme, place, reason), n in by_reason.items():
        reasons.setdefault((programme, place), {})[reason] = n
    flows = dict(zip(counts.index, by_row(counts[list(FLOWS)]), strict=True))
    for programme, place in sorted(flows, key=lambda key: (key[0], key[1] != county, key[1])):
        found = flows[programme, place]
        found["balance"] = found["opening"] + found["new"] - found["exits"] - found["closing"]
        told = {f"roll_{item}/{programme}": n for item, n in found.items()}
        told |= {f"roll_exits/{programme}/{reason}": n for reason, n in reasons.get((programme, place), {}).items()}
        for measure, n in told.items():
            yield {"place": place, "measure": measure, "count": n, "method": "roll"}


def _reported_cells(reported: pd.DataFrame, county: str) -> pd.DataFrame:
    """Return place, level, measure, value of every reported total, one a cell, the county under its own key."""
    is_county = reported["level"] == "county"
    mine = reported.assign(place=reported["place"].where(~is_county, county),
                           measure=reported["item"].map(ITEMS) + "/" + reported["programme"])  # fmt: skip
    mine = mine[is_county | (mine["place"] != county)]
    return mine.drop_duplicates(["level", "place", "measure"]).sort_values(["measure", "place"], ignore_index=True)


def _suspected(told: pd.DataFrame, county: str) -> Iterator[dict[str, Any]]:
    """Yield the figures of each programme of which one alone can be wrong."""
    parent = pd.Series("", told.index).mask(told["place"] != county, county)
    for programme, cells in told.assign(parent=parent).groupby("programme"):
        found = suspects(cells.reset_index(drop=True))
        for cell in found.itertuples():
            yield {"place": cell.place, "measure": f"reported_suspect/{programme}/{cell.item}", "count": len(found),
                   "method": "levels"}  # fmt: skip


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
    """Return times on the roll without overlap: programme, person, place, since, until (days), last reason."""
    codes = _Codes(roll, roll)
    coded = codes.roll(roll)
    own = pd.Series(-1 - np.arange(len(coded)), coded.index)  # each row without a person is one of its own
    keyed = coded.assign(person=coded["person"].fillna(own).astype("int64"))
    found = engines.run(spells_query(), {"roll": keyed}, {"rows": "SELECT * FROM found"})["rows"]
    return found.assign(
        programme=codes.programmes.take(found["programme"]).astype("str"),
        place=codes.places.take(found["place"].astype("int64")).astype("str"),
        reason=codes.reasons.take(found["reason"].astype("int64")).astype("str"),
    ).sort_values(["programme", "person", "since"], ignore_index=True)


def _last_day(month: pd.Period) -> pd.Timestamp:
    return month.end_time.normalize()


FLOWS = ("opening", "new", "exits", "closing")
"""What the roll does in a period, as stock_flow counts it."""
SEXES = {"male": 1, "female": 2}


class _Codes:
    """Persons, programmes, places and reasons as whole numbers, in the order of their names, and back again."""

    def __init__(self, roll: pd.DataFrame, payments: pd.DataFrame, rates: pd.DataFrame | None = None) -> None:
        known = roll if rates is None else rates
        self.programmes = pd.Index(sorted(set(known["programme"])))
        self.places = pd.Index(sorted({*roll["place"].dropna(), *payments["place"].dropna()}))
        self.reasons = pd.Index(sorted({"", *roll["reason"].dropna()}))
        near = payments["person_near"].explode() if "person_near" in payments else pd.Series(dtype=object)
        together = pd.concat([f.astype(object) for f in (roll["person"], payments["person"], near)])
        self.persons = pd.Index(together[together.notna() & (together != "")].unique())

    def roll(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the table `roll` of the text (`formulation.TABLES`)."""
        nothing = pd.Series(pd.NaT, frame.index)
        return self._both(frame).assign(
            since=_days(frame["start"], OPEN),
            until=_days(frame["exit"], OPEN),
            reason=self.reasons.get_indexer(frame["reason"].fillna("")),
            birth=_ymd(frame.get("birth", nothing)),
            sex=(frame["sex"].map(SEXES) if "sex" in frame else nothing.dt.year).astype("Int64"),
        )

    def payments(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the table `payments` of the text."""
        return self._both(frame).assign(
            due=frame["due"].dt.year.astype("int64") * 100 + frame["due"].dt.month.astype("int64"),
            amount=frame["amount"].astype("int64"),
            paid=_days(frame["paid"], OPEN),
            returned=(frame["status"] != "paid").astype("int64"),
        )

    def near(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the table `near`: whom the failing numbers of payments may mean."""
        failing = (
            frame[~frame["person_valid"].astype(bool)] if "person_near" in frame else frame[:0].assign(person_near="")
        )
        claims = failing.explode("person_near").dropna(subset="person_near")
        made = self.payments(claims)[["programme", "person", "due"]]
        return made.assign(near=self.persons.get_indexer(claims["person_near"])).drop_duplicates().astype("int64")

    def words(self, found: pd.DataFrame) -> pd.DataFrame:
        """Return the answer of the text with its numbers as words. Raises FpError when a case fits no rule."""
        if (found["class"] == 0).any():
            raise FpError(
                f"catalogue/rules.csv: {(found['class'] == 0).sum()} cases fit no rule; the last must fit all"
            )
        persons = found["person"].fillna(-1).astype("int64")
        return pd.DataFrame({
            "programme": self.programmes.take(found["programme"]).astype("str"),
            "person": self.persons.take(persons, allow_fill=True, fill_value=None) if len(self.persons) else None,
            "place": self.places.take(found["place"].astype("int64")).astype("str"),
            **{name: found[name].to_numpy(dtype=bool) for name in ("on_roll", "in_time", "corrected")},
            **{name: found[name].to_numpy(dtype="int64") for name in ("payments", "entitled", "carried", "paid")},
            "class": pd.Index(list(CLASSES)).take(found["class"] - 1).astype("str"),
        }).astype({"person": "str"})  # fmt: skip

    def _both(self, frame: pd.DataFrame) -> pd.DataFrame:
        person = pd.Series(self.persons.get_indexer(frame["person"].astype(object)), frame.index)
        return pd.DataFrame({
            "programme": self.programmes.get_indexer(frame["programme"]),
            "person": person.astype("Int64").mask(person < 0),
            "place": self.places.get_indexer(frame["place"]),
            "corrected": frame["corrected"].astype("int64") if "corrected" in frame else 0,
        }, index=frame.index)  # fmt: skip


def _days(dates: pd.Series, missing: int) -> pd.Series:
    return ((dates - pd.Timestamp(0)).dt.days).fillna(missing).astype("int64")


def _ymd(dates: pd.Series) -> pd.Series:
    """Return dates as whole numbers such as 19580630, missing ones as NA."""
    when = pd.to_datetime(dates).dt
    return (when.year * 10_000 + when.month * 100 + when.day).astype("Int64")


CLASSES: Mapping[str, str] = {
    key.removeprefix("class."): entry["condition"]
    for key, entry in sorted(catalogue().items(), key=lambda item: int(item[1].get("order") or 0))
    if entry.get("condition")
}
"""Every class and its rule, in the order in which they are asked; the first that fits is the class.

A new class is one row of `catalogue/rules.csv`: a condition in SQL over the columns that `formulation` marks
(`persons`), its words, what to do and whom to ask; and `meaning.<class>` in the catalogue.
"""

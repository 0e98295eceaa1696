"""Reconciling rolls and payments against the usual tools, on made-up rows whose true classes are known.

`cases` plants, with a fixed seed, every class of `catalogue/rules.csv` (and mistyped numbers with their right
neighbours) and says what must come out; `write` puts 10^4 to 10^8 cases into Parquet files, a part at a time, with whole
numbers and narrow columns. Each method reads the same files, classifies every person and programme and gives people,
due and paid by programme, place and class; it is run in a process of its own, and held against the planted truth.

    python -m benchmarks.reconcile --rows 1e6 --methods read,ours,polars --json OUT

CPU seconds of all threads, imports left out; peak memory of the process, imports and all; ratio to one read of the same
columns (`read`). Peers: `pip install "fpanalysis[benchmark]"`, best in an environment of its own (datacompy holds back
pandas and polars). datacompy has no classes: it is given what is due and what was paid by person, and finds who differs.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SEED = 20180630
PART = 1_000_000
"""Cases a file."""
MONTHS = pd.period_range("2018-01", "2018-06", freq="M")
AS_OF = dt.date(2018, 7, 18)
PLACES = 400
AWARD, RETIREMENT, RURAL, SPECIAL = range(4)
PROGRAMMES = ("only_child_award", "retirement_award", "rural_award", "special_support")
MIX = {
    "matched": 0.955, "nothing_due": 0.004, "unpaid": 0.005, "paid_twice": 0.003, "on_roll_twice": 0.003,
    "not_on_roll": 0.003, "paid_after_exit": 0.003, "before_start": 0.003, "returned": 0.003, "wrong_amount": 0.003,
    "wrong_rate": 0.002, "late": 0.003, "carried_over": 0.002, "ineligible": 0.002, "two_rolls": 0.002,
    "matched_after_correction": 0.003, "no_key": 0.001,
}  # fmt: skip
"""Share of the cases that are planted in each class."""
ONLY = {"wrong_rate": SPECIAL, "carried_over": RETIREMENT, "ineligible": RURAL, "two_rolls": RURAL}
"""Classes that only one programme can have."""
MARCH, JUNE = 201803, 201806
OPEN = 110_000


def day(text: str) -> int:
    """Return a day as days from 1970-01-01."""
    return (dt.date.fromisoformat(text) - dt.date(1970, 1, 1)).days


def rates() -> pd.DataFrame:
    """Return the programmes' rates and conditions, as `reconcile.classify` takes them."""
    records = [
        ("only_child_award", "2001-01-01", 1_000, "month", (3, 6, 9, 12), 15, "", ()),
        ("retirement_award", "2001-01-01", 300_000, "once", (), 60, "", ()),
        ("rural_award", "2001-01-01", 96_000, "year", (6,), 15, "age >= 60", ("special_support",)),
        ("special_support", "2001-01-01", 34_000, "month", (3, 6, 9, 12), 15, "age >= 49", ()),
        ("special_support", "2018-04-01", 45_000, "month", (3, 6, 9, 12), 15, "age >= 49", ()),
    ]
    columns = ["programme", "effective", "amount", "unit", "pays", "grace_days", "eligible", "excludes"]
    return pd.DataFrame(records, columns=columns).astype({"effective": "datetime64[ns]"})


FULL = {(AWARD, MARCH): 3_000, (AWARD, JUNE): 3_000, (RURAL, JUNE): 96_000, (SPECIAL, MARCH): 102_000,
        (SPECIAL, JUNE): 135_000}  # fmt: skip
"""What is due to who is on the roll all the time (fen)."""


# ---- planted cases ----------------------------------------------------------------------------------------


def cases(number: int, *, seed: int = SEED, part: int = 0, mix: Mapping[str, float] = MIX) -> dict[str, pd.DataFrame]:
    """Return roll, payments, near and truth of so many planted cases, in random order; parts have different persons.

    truth: a row a person-programme with programme, person (0: none), place, class, entitled, paid (fen).
    """
    rng = np.random.default_rng([seed, part])
    drawn = _drawn(number, part, rng, mix)
    roll, payments, near = _roll(drawn, rng), _payments(drawn, rng), _near(drawn, rng)
    made = {"roll": roll, "payments": payments, "near": near}
    shuffled = {name: frame.take(rng.permutation(len(frame))).reset_index(drop=True) for name, frame in made.items()}
    return shuffled | {"truth": _truth(drawn)}


def _number(index: np.ndarray) -> np.ndarray:
    """Return the pseudonym of a running number: one to one, and without order."""
    return (index.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) & np.uint64((1 << 60) - 1)).astype(np.int64)


def _drawn(number: int, part: int, rng: np.random.Generator, mix: Mapping[str, float]) -> pd.DataFrame:
    """Return the cases: index, person, class, programme, place, start, exit, birth; two rolls take two cases."""
    names, shares = list(mix), np.array(list(mix.values()))
    planted = np.array(names, dtype=object)[rng.choice(len(names), number, p=shares / shares.sum())]
    if number >= 2 * len(names):
        planted[: 2 * len(names)] = names * 2  # every class twice at least
    programme = rng.choice([AWARD, RETIREMENT, RURAL, SPECIAL], number, p=[0.5, 0.05, 0.3, 0.15])
    for name, only in ONLY.items():
        programme[planted == name] = only
    once = (programme == RETIREMENT) & ~np.isin(planted, ["matched", "unpaid", "carried_over"])
    programme[once] = AWARD
    index = np.arange(number, dtype=np.int64) + np.int64(part) * (1 << 32)
    drawn = pd.DataFrame({
        "index": index, "class": planted, "programme": programme, "place": rng.integers(0, PLACES, number),
        "start": rng.integers(day("2010-01-01"), day("2017-06-30"), number), "exit": OPEN,
        "birth": rng.integers(1930, 1956, number) * 10_000 + rng.integers(1, 13, number) * 100 + rng.integers(1, 29, number),
    })  # fmt: skip
    other = drawn[planted == "two_rolls"].assign(programme=SPECIAL)
    drawn = pd.concat([drawn, other], ignore_index=True)
    drawn["person"] = _number(drawn["index"].to_numpy())
    return _times(drawn, rng)


def _times(drawn: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the cases with the times and births that make their class."""
    month = rng.integers(1, 5, len(drawn))
    joined = np.array([day(f"2018-{m:02d}-10") for m in range(1, 7)])
    once = drawn["programme"] == RETIREMENT
    drawn.loc[once, "start"] = joined[month[once] - 1]
    drawn["month"] = 201800 + month
    waiting = drawn["class"] == "carried_over"
    drawn.loc[waiting, ["start", "month"]] = day("2018-06-10"), JUNE
    drawn.loc[drawn["class"] == "nothing_due", "exit"] = day("2018-01-15")
    drawn.loc[drawn["class"] == "paid_after_exit", "exit"] = day("2017-11-01")
    drawn.loc[drawn["class"] == "before_start", "start"] = day("2018-07-05")
    drawn.loc[drawn["class"] == "ineligible", "birth"] = 19700315
    return drawn


def _roll(drawn: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    columns = ["person", "programme", "place", "start", "exit", "birth"]
    rows = drawn.loc[drawn["class"] != "not_on_roll", [*columns, "class"]]
    rows = pd.concat([rows, rows[rows["class"] == "on_roll_twice"]], ignore_index=True)
    person = rows["person"].astype("Int64").mask(rows["class"] == "no_key")
    types = {"programme": "int8", "place": "int16", "start": "int32", "birth": "int32"}
    until = rows["exit"].astype("Int32").mask(rows["exit"] == OPEN)
    return rows[columns].astype(types).assign(person=person, exit=until)


def _payments(drawn: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the rows of payments: first as they should be, then each class's fault in them."""
    parts = []
    for (programme, due), amount in FULL.items():
        parts.append(drawn[drawn["programme"] == programme].assign(due=due, amount_fen=amount))
    once = drawn[drawn["programme"] == RETIREMENT]
    parts.append(once.assign(due=once["month"], amount_fen=300_000))
    rows = pd.concat(parts, ignore_index=True)
    name, june = rows["class"], rows["due"] == JUNE
    last = june | (rows["programme"] == RETIREMENT)
    outside = name.isin(["not_on_roll", "paid_after_exit", "before_start", "no_key"]) & ~june
    none = (name == "nothing_due") | (name == "carried_over") | ((name == "unpaid") & last) | outside
    rows = rows[~none].reset_index(drop=True)
    return _spoilt(rows, rng)


def _spoilt(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return payments with the fault of each class."""
    name, june = rows["class"], rows["due"] == JUNE
    closes = np.array([day(f"2018-{m:02d}-28") for m in range(1, 7)])[rows["due"] % 100 - 1]
    paid = closes - rng.integers(0, 9, len(rows))
    paid[((name == "late") & june).to_numpy()] = day("2018-07-17")
    amount = rows["amount_fen"].to_numpy().copy()
    amount[((name == "wrong_amount") & june).to_numpy()] -= 100
    amount[((name == "wrong_rate") & june).to_numpy()] = 102_000
    mistyped = (name == "matched_after_correction") & june
    person = rows["person"].mask(mistyped, _number(rows["index"].to_numpy() + (1 << 31)))
    returned = ((name == "returned") & june).astype("int8")
    made = pd.DataFrame({
        "person": person.astype("Int64").mask(name == "no_key"), "programme": rows["programme"].astype("int8"),
        "place": rows["place"].astype("int16"), "due": rows["due"].astype("int32"), "amount_fen": amount.astype("int32"),
        "paid": paid.astype("int32"), "returned": returned,
    })  # fmt: skip
    return pd.concat([made, made[((name == "paid_twice") & june).to_numpy()]], ignore_index=True)


def _near(drawn: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the right neighbours of each failing number: the person meant, four that nobody has, one who was paid."""
    slips = drawn[drawn["class"] == "matched_after_correction"]
    index = slips["index"].to_numpy()
    sound = drawn.loc[drawn["class"] == "matched", "person"].to_numpy()
    others = [_number(index + (1 << 31) + (n << 28)) for n in range(1, 5)]
    others += [rng.choice(sound, len(slips))] if len(sound) else []
    columns = [slips["person"].to_numpy(), *others]
    return pd.DataFrame({
        "programme": np.tile(slips["programme"].to_numpy(), len(columns)).astype("int8"),
        "person": np.tile(_number(index + (1 << 31)), len(columns)), "due": np.int32(JUNE),
        "near": np.concatenate(columns).astype("int64"),
    })  # fmt: skip


def _truth(drawn: pd.DataFrame) -> pd.DataFrame:
    """Return what must come out; a row without a person is a case on the roll and one in the payments."""
    name = drawn["class"]
    full = drawn["programme"].map({AWARD: 6_000, RETIREMENT: 300_000, RURAL: 96_000, SPECIAL: 237_000})
    june = drawn["programme"].map({AWARD: 3_000, RETIREMENT: 300_000, RURAL: 96_000, SPECIAL: 135_000})
    nothing = ["nothing_due", "not_on_roll", "paid_after_exit", "before_start", "carried_over", "ineligible", "no_key"]
    entitled = full.mask(name.isin(nothing), 0)
    paid = full.mask(name.isin(["nothing_due", "carried_over"]), 0).mask(name.isin(["unpaid", "returned"]), full - june)
    paid = paid.mask(name.isin(["not_on_roll", "paid_after_exit", "before_start"]), june)
    paid = paid + june.where(name == "paid_twice", 0) - (name == "wrong_amount") * 100 - (name == "wrong_rate") * 33_000
    truth = drawn[["programme", "person", "place", "class"]].assign(entitled=entitled, paid=paid)
    keyless = truth["class"] == "no_key"
    truth.loc[keyless, ["person", "paid"]] = 0
    return pd.concat([truth, truth[keyless].assign(paid=june[keyless])], ignore_index=True)


def tidy(made: Mapping[str, pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return roll and payments of `cases` as the frames that `ingest` gives, for `reconcile.classify`."""
    roll, payments = made["roll"], made["payments"]
    near = made["near"].groupby("person")["near"].agg(lambda n: tuple(map(str, n)))
    dates = {"start": _date(roll["start"]), "exit": _date(roll["exit"])}
    roll = _worded(roll).assign(**dates, birth=pd.to_datetime(roll["birth"].astype("str")), sex="female", reason="",
                                village="")  # fmt: skip
    due = pd.PeriodIndex.from_fields(year=payments["due"] // 100, month=payments["due"] % 100, freq="M")
    status = payments["returned"].map({0: "paid", 1: "returned"}).astype("str")
    payments = _worded(payments).assign(
        due=due, amount=payments["amount_fen"].astype("int64"), paid=_date(payments["paid"]), status=status,
        person_near=[near.get(p, ()) for p in payments["person"]], person_valid=~payments["person"].isin(near.index),
    )  # fmt: skip
    return roll, payments


def _worded(frame: pd.DataFrame) -> pd.DataFrame:
    person = frame["person"].astype("str").where(frame["person"].notna(), None)
    place = frame["place"].map(lambda n: f"t{n:03d}").astype("str")
    return frame.assign(person=person, programme=[PROGRAMMES[n] for n in frame["programme"]], place=place)


def _date(days: pd.Series) -> pd.Series:
    return pd.to_datetime(days.astype("float64"), unit="D").astype("datetime64[ns]")


def write(folder: Path, number: int, *, seed: int = SEED) -> None:
    """Write so many cases as Parquet files (roll, payments, near by part) and the summed truth."""
    import duckdb

    connection, totals = duckdb.connect(), []
    for part, start in enumerate(range(0, number, PART)):
        made = cases(min(PART, number - start), seed=seed, part=part)
        totals.append(summed(made.pop("truth")))
        for name, frame in made.items():
            connection.register("frame", frame)
            connection.execute(f"COPY (SELECT * FROM frame) TO '{folder / f'{name}.{part:03d}.parquet'}' (FORMAT parquet)")
            connection.unregister("frame")
    together = pd.concat(totals).groupby(KEYS, as_index=False).sum()
    together.to_csv(folder / "truth.csv", index=False)


KEYS = ["programme", "place", "class"]
MEASURES = ["people", "entitled", "paid"]


def summed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return people, entitled and paid by programme, place and class."""
    return rows.assign(people=1).groupby(KEYS, as_index=False)[MEASURES].sum()

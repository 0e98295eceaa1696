"""Reconciling rolls and payments against the usual tools, on made-up rows whose true classes are known.

`cases` plants, with a fixed seed, every class of `catalogue/rules.csv` (and mistyped numbers with their right
neighbours) and says what must come out; `write` puts 10^4 to 10^8 cases into Parquet files, a part at a time, in two
forms. `coded`: whole numbers in narrow columns, whom failing numbers may mean beside them; every method reads these.
`written`: as offices deliver them, with identity numbers (some of the old 15 characters, some mistyped), names, dates
and yuan; ours reads these by itself, slips and all. Each method classifies every person and programme and gives people,
due and paid by programme, place and class; it is run in a process of its own, and held against the planted truth.

    python -m benchmarks.reconcile --rows 1e6 --methods read,ours,polars --json OUT

CPU seconds of all threads, imports left out; peak memory of the process, imports and all; ratios to one read in which
every cell is made and taken up in a sum: of the narrow whole numbers (`read`), which is the least that any method can
do, and of the same rows as offices deliver them (`read_written`), three times as much. Peers:
`pip install "fpanalysis[benchmark]"`, best in an environment of its own; datacompy besides, which holds back pandas and
polars. It has no classes: it is given what is due and what was paid by person, and finds who differs.
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

from benchmarks.identity import slip
from fpanalysis.identity import WEIGHTS

SEED = 20180630
PART = 1_000_000
"""Cases a file."""
MONTHS = pd.period_range("2018-01", "2018-06", freq="M")
AS_OF = dt.date(2018, 7, 18)
PLACES = 400
AWARD, RETIREMENT, RURAL, SPECIAL = range(4)
PROGRAMMES = ("only_child_award", "retirement_award", "rural_award", "special_support")
MIX = {
    "matched": 0.955,
    "nothing_due": 0.004,
    "unpaid": 0.005,
    "paid_twice": 0.003,
    "on_roll_twice": 0.003,
    "not_on_roll": 0.003,
    "paid_after_exit": 0.003,
    "before_start": 0.003,
    "returned": 0.003,
    "wrong_amount": 0.003,
    "wrong_rate": 0.002,
    "late": 0.003,
    "carried_over": 0.002,
    "ineligible": 0.002,
    "two_rolls": 0.002,
    "matched_after_correction": 0.003,
    "no_key": 0.001,
}
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


FULL = {
    (AWARD, MARCH): 3_000,
    (AWARD, JUNE): 3_000,
    (RURAL, JUNE): 96_000,
    (SPECIAL, MARCH): 102_000,
    (SPECIAL, JUNE): 135_000,
}
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
    people = drawn[["index", "person", "birth", "class"]].drop_duplicates("person", ignore_index=True)
    return shuffled | {"truth": _truth(drawn), "people": people}


def _number(index: np.ndarray) -> np.ndarray:
    """Return the pseudonym of a running number: one to one, and without order."""
    return (index.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) & np.uint64((1 << 56) - 1)).astype(np.int64)


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
    drawn = pd.DataFrame(
        {
            "index": index,
            "class": planted,
            "programme": programme,
            "place": rng.integers(0, PLACES, number),
            "start": rng.integers(day("2010-01-01"), day("2017-06-30"), number),
            "exit": OPEN,
            "birth": rng.integers(1930, 1956, number) * 10_000
            + rng.integers(1, 13, number) * 100
            + rng.integers(1, 29, number),
        }
    )
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
    made = pd.DataFrame(
        {
            "person": person.astype("Int64").mask(name == "no_key"),
            "programme": rows["programme"].astype("int8"),
            "place": rows["place"].astype("int16"),
            "due": rows["due"].astype("int32"),
            "amount_fen": amount.astype("int32"),
            "paid": paid.astype("int32"),
            "returned": returned,
        }
    )
    return pd.concat([made, made[((name == "paid_twice") & june).to_numpy()]], ignore_index=True)


def _near(drawn: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the right neighbours of each failing number: the person meant, four that nobody has, one who was paid."""
    slips = drawn[drawn["class"] == "matched_after_correction"]
    index = slips["index"].to_numpy()
    sound = drawn.loc[drawn["class"] == "matched", "person"].to_numpy()
    others = [_number(index + (1 << 31) + (n << 28)) for n in range(1, 5)]
    others += [rng.choice(sound, len(slips))] if len(sound) else []
    columns = [slips["person"].to_numpy(), *others]
    return pd.DataFrame(
        {
            "programme": np.tile(slips["programme"].to_numpy(), len(columns)).astype("int8"),
            "person": np.tile(_number(index + (1 << 31)), len(columns)),
            "due": np.int32(JUNE),
            "near": np.concatenate(columns).astype("int64"),
        }
    )


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
    roll = _worded(roll).assign(
        **dates, birth=pd.to_datetime(roll["birth"].astype("str")), sex="female", reason="", village=""
    )
    due = pd.PeriodIndex.from_fields(year=payments["due"] // 100, month=payments["due"] % 100, freq="M")
    status = payments["returned"].map({0: "paid", 1: "returned"}).astype("str")
    payments = _worded(payments).assign(
        due=due,
        amount=payments["amount_fen"].astype("int64"),
        paid=_date(payments["paid"]),
        status=status,
        person_near=[near.get(p, ()) for p in payments["person"]],
        person_valid=~payments["person"].isin(near.index),
    )
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
        connection.register("numbers", numbers(made.pop("people"), np.random.default_rng([seed, part, 1])))
        for name, frame in made.items():
            _put(connection, name, frame, folder, part)
        connection.unregister("numbers")
    together = pd.concat(totals).groupby(KEYS, as_index=False).sum()
    together.to_csv(folder / "truth.csv", index=False)


def numbers(people: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the identity number of each pseudonym, one in 200 of 15 characters, and those that are mistyped.

    The region counts the cases, so that two people have numbers that a slip could confuse by chance of birth alone.
    """
    index = people["index"].to_numpy()
    running = (index >> 32) * PART + (index & ((1 << 32) - 1))
    body = (110_000 + running // 1000) * 10**11 + people["birth"].to_numpy(dtype="int64") * 1000 + running % 1000
    digits = body[:, None] // 10 ** np.arange(16, -1, -1, dtype="int64") % 10
    last = np.array(list("10X98765432"))[digits @ WEIGHTS[:17] % 11]
    right = pd.Series(body.astype("str")).str.cat(pd.Series(last))
    old = right.str[:6] + right.str[8:17]
    slips = (people["class"] == "matched_after_correction").to_numpy()
    mistyped = {"person": _number(index[slips] + (1 << 31)), "number": [slip(n, rng) for n in right[slips]]}
    known = {"person": people["person"], "number": right.mask(running % 200 == 0, old)}
    return pd.concat([pd.DataFrame(known), pd.DataFrame(mistyped)], ignore_index=True)


NAMES = " ".join(f"WHEN {n} THEN '{name}'" for n, name in enumerate(PROGRAMMES))
BOTH = (
    f"i.number AS person, CASE f.programme {NAMES} END AS programme, "
    "'township ' || LPAD(CAST(f.place AS VARCHAR), 3, '0') AS place"
)
DATE = "DATE '1970-01-01' + f.{0} AS {0}"
WRITTEN = {
    "roll": f"{BOTH}, {DATE.format('start')}, {DATE.format('exit')}",
    "payments": f"{BOTH}, CAST(f.due // 100 AS VARCHAR) || '-' || LPAD(CAST(f.due % 100 AS VARCHAR), 2, '0') AS due, "
    f"CAST(f.amount_fen / 100 AS DECIMAL(12, 2)) AS amount, {DATE.format('paid')}, "
    "CASE f.returned WHEN 1 THEN 'returned' ELSE 'paid' END AS status",
}
"""The columns of rolls and payments as offices deliver them; the date of birth stands in the identity number."""


def _put(connection: Any, name: str, frame: pd.DataFrame, folder: Path, part: int) -> None:
    """Write a table as coded, and as written where it is delivered; `numbers` are known to the connection."""
    connection.register("frame", frame)
    texts = {name: "SELECT * FROM frame"}
    if name in WRITTEN:
        texts[f"written_{name}"] = f"SELECT {WRITTEN[name]} FROM frame f LEFT JOIN numbers i ON f.person = i.person"
    for form, text in texts.items():
        connection.execute(f"COPY ({text}) TO '{folder / f'{form}.{part:03d}.parquet'}' (FORMAT parquet)")
    connection.unregister("frame")


KEYS = ["programme", "place", "class"]
MEASURES = ["people", "entitled", "paid"]


def summed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return people, entitled and paid by programme, place and class."""
    return rows.assign(people=1).groupby(KEYS, as_index=False)[MEASURES].sum()


# ---- methods ----------------------------------------------------------------------------------------------


def small_tables() -> dict[str, pd.DataFrame]:
    """Return the days that payments stand for, deadlines and tariffs: a few rows, the same for every peer."""
    from fpanalysis.schedule import tables

    made = {name: frame.copy() for name, frame in tables(rates(), MONTHS, AS_OF).items()}
    calendar = made["calendar"]
    made["codes"] = calendar[["closes", "deadline", "waiting"]].assign(
        code=calendar["programme"] * 16 + calendar["due"] % 100
    )
    return made


def files(folder: Path, name: str) -> list[str]:
    """Return the Parquet files of a table."""
    return [str(path) for path in sorted(folder.glob(f"{name}.*.parquet"))]


def read(folder: Path, **limits: Any) -> pd.DataFrame | None:
    """Read every column of the coded files once and add it up; classify nothing."""
    return _read(folder, {"roll": "roll", "payments": "payments"}, "SUM(CAST({} AS DOUBLE))", limits)


def read_written(folder: Path, **limits: Any) -> pd.DataFrame | None:
    """Read every column of the files as delivered once and add up a number of each cell; classify nothing."""
    return _read(folder, {"roll": "written_roll", "payments": "written_payments"}, "SUM(hash({}) % 7)", limits)


def _read(folder: Path, names: Mapping[str, str], taken: str, limits: Mapping[str, Any]) -> None:
    import duckdb

    connection = duckdb.connect(config={k: v for k, v in limits.items() if v})
    for name in names.values():
        rows = f"read_parquet({files(folder, name)})"
        columns = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()]
        sums = ", ".join(taken.format(column) for column in columns)
        connection.execute(f"SELECT {sums} FROM {rows}").fetchall()


def ours(folder: Path, **limits: Any) -> pd.DataFrame:
    """Return the classes by the package, from the coded files; whom pseudonyms may mean is told."""
    places = {f"{n:03d}": f"{n:03d}" for n in range(PLACES)}
    return _ours(folder, "", places, limits | {"near": files(folder, "near")})


def ours_written(folder: Path, **limits: Any) -> pd.DataFrame:
    """Return the classes by the package, from files as offices deliver them."""
    places = {f"township {n:03d}": f"{n}" for n in range(PLACES)}
    return _ours(folder, "written_", places, limits)


def _ours(folder: Path, form: str, places: Mapping[str, str], limits: Mapping[str, Any]) -> pd.DataFrame:
    from fpanalysis.reconcile import at_scale

    given = {name: files(folder, form + name) for name in ("roll", "payments")}
    given |= {key: value for key, value in limits.items() if value}
    found = at_scale(**given, months=MONTHS, rates=rates(), as_of=AS_OF, places=places)
    codes = {name: n for n, name in enumerate(PROGRAMMES)}
    return found.assign(programme=found["programme"].map(codes))


def lazily(x: Any, tables: Sequence[Any], calendar: Any, small: Mapping[str, pd.DataFrame]) -> tuple[Any, list[str]]:
    """Return the classes by lazy frames; `x` is polars or narwhals, whose words are the same.

    Written as an expert would: one whole number is the key of a person-programme (person x 4 + programme), another that
    of its month (key x 16 + month), so that no join or group has several columns.
    """
    c = x.col
    roll, payments, near = tables
    known = roll.filter(~c("person").is_null()).with_columns(c("exit").fill_null(OPEN), key=_keyed(x, "person"))
    spell = known.group_by("key").agg(
        *[c(name).max() for name in ("place", "exit", "birth")], c("start").min(), x.len().alias("listed")
    )
    good = payments.filter(~c("person").is_null()).with_columns(pair=_keyed(x, "person") * 16 + _month(x))
    owed = _owed(x, spell, small["parts"])
    made = _meant(x, good, near, spell, owed).with_columns(code=c("pair") % 64).join(calendar, on="code", how="inner")
    kept = 1 - c("returned").cast(x.Int64)
    made = made.with_columns(
        got=c("amount_fen").cast(x.Int64) * kept,
        rows=kept,
        late=kept * (c("paid") > c("deadline")).cast(x.Int64),
        back=c("returned").cast(x.Int64),
        spot=c("place").cast(x.Int64),
    )
    sums, due = ["got", "rows", "late", "back", "corrected"], ["entitled", "part", "barred", "stayed", "before"]
    zero, whole = x.lit(0).cast(x.Int64), [c(name).cast(x.Int64) for name in [*sums, "spot"]]
    rows = [
        owed.select("pair", *due, *[zero.alias(name) for name in [*sums, "spot"]]),
        made.select("pair", *[zero.alias(name) for name in due], *whole),
    ]
    both = x.concat(rows, how="vertical").group_by("pair")
    both = both.agg(*[c(name).sum() for name in [*due, *sums]], c("spot").max()).with_columns(code=c("pair") % 64)
    marked = _marked(x, both.join(calendar, on="code", how="inner"), spell, small["tariff"])
    return _classed(x, marked, spell, roll, payments)


def _keyed(x: Any, person: str) -> Any:
    return x.col(person) * 4 + x.col("programme").cast(x.Int64)


def _month(x: Any) -> Any:
    return x.col("due").cast(x.Int64) % 100


def _owed(x: Any, spell: Any, parts: pd.DataFrame) -> Any:
    """Return what is due by person, programme and month: for each month the few days that its payment stands for."""
    made = [
        _owed_in(x, spell.filter(x.col("key") % 4 == int(programme)), int(programme), int(due), list(days.itertuples()))
        for (programme, due), days in parts.groupby(["programme", "due"])
    ]
    return x.concat(made, how="vertical").filter((x.col("stayed") > 0) | (x.col("before") > 0))


def _owed_in(x: Any, spell: Any, programme: int, due: int, days: Sequence[Any]) -> Any:
    c = x.col
    needed = {RURAL: 600_000, SPECIAL: 490_000}.get(programme, -(10**9))
    sums: dict[str, Any] = dict.fromkeys(("entitled", "part", "barred", "stayed", "before"), x.lit(0).cast(x.Int64))
    for day in days:
        amount, may = int(day.amount), int(day.ymd) - c("birth") >= needed
        once = (c("start") >= int(day.opens)) & (c("start") <= int(day.day))
        on = once if day.once else (c("start") <= int(day.day)) & (c("exit") > int(day.day))
        flags = {
            "entitled": on & may,
            "part": on & may,
            "barred": on & ~may,
            "stayed": once if day.once else c("start") <= int(day.day),
            "before": once if day.once else c("exit") > int(day.day),
        }
        factor = {"part": 1, "barred": 1}
        sums = {name: sums[name] + flag.cast(x.Int64) * factor.get(name, amount) for name, flag in flags.items()}
    return spell.select((c("key") * 16 + due % 100).alias("pair"), *[total.alias(name) for name, total in sums.items()])


def _meant(x: Any, good: Any, near: Any, spell: Any, owed: Any) -> Any:
    """Return the payments, mistyped persons set right where one is meant."""
    c = x.col
    near = near.select(pair=_keyed(x, "person") * 16 + _month(x), meant=_keyed(x, "near") * 16 + _month(x))
    strangers = good.with_columns(key=c("pair") // 16).join(spell.select("key"), on="key", how="anti")
    claims = near.join(strangers.select("pair").unique(), on="pair", how="inner")
    claims = claims.join(owed.filter(c("entitled") > 0).select(meant=c("pair")), on="meant", how="inner")
    claims = claims.join(good.filter(c("returned") == 0).select(meant=c("pair")), on="meant", how="anti").unique()
    choices = claims.group_by("pair").agg(x.len().alias("choices"))
    rivals = claims.group_by("meant").agg(x.len().alias("rivals"))
    sole = claims.join(choices, on="pair", how="inner").join(rivals, on="meant", how="inner")
    sole = sole.filter((c("choices") == 1) & (c("rivals") == 1)).select("pair", "meant")
    joined = good.join(sole, on="pair", how="left").with_columns(corrected=(~c("meant").is_null()).cast(x.Int64))
    return joined.with_columns(pair=x.coalesce(c("meant"), c("pair")))


def _marked(x: Any, both: Any, spell: Any, tariff: pd.DataFrame) -> Any:
    c, one = x.col, lambda condition: condition.cast(x.Int64)
    held = both.with_columns(key=c("pair") // 16).join(spell.select("key", "start", "exit"), on="key", how="left")
    waits = (c("waiting") == 1) & (c("rows") + c("back") == 0)
    held = held.with_columns(
        carried=x.when(waits).then(c("entitled")).otherwise(x.lit(0)),
        barred=x.when(waits).then(x.lit(0)).otherwise(c("barred")),
        entitled=x.when(waits).then(x.lit(0)).otherwise(c("entitled")),
    )
    due, over = c("entitled") > 0, c("got") > c("entitled")
    twice = over & due & (c("rows") > 1)
    rate = [
        (c("code") == int(r.programme) * 16 + int(r.due) % 100) & (c("got") == c("part") * int(r.amount))
        for r in tariff.itertuples()
    ]
    listed = rate[0]
    for other in rate[1:]:
        listed = listed | other
    early = x.when(due).then(one(c("got") == c("before"))).otherwise(one(c("start") > c("closes")))
    return held.with_columns(
        twice=one(twice),
        rate=one(due & (c("got") != c("entitled")) & (c("part") > 0) & listed),
        gone=one(over & ~twice & (c("exit") <= c("closes")) & (~due | (c("got") == c("stayed")))),
        early=one(over & ~twice) * early,
        unpaid=one(due & (c("got") == 0) & (c("back") == 0)),
        returned=one(due & (c("got") == 0) & (c("back") > 0)),
        wrong=one(c("got") != c("entitled")),
        behind=one(due & (c("late") > 0)),
        touched=one(due | (c("got") != 0)),
    )


SUMS = (
    "entitled", "got", "carried", "corrected", "barred", "twice", "rate", "gone", "early", "unpaid", "returned",
    "wrong", "behind", "touched",
)  # fmt: skip


def _classed(x: Any, marked: Any, spell: Any, roll: Any, payments: Any) -> tuple[Any, list[str]]:
    c = x.col
    found = marked.group_by("key").agg(*[c(name).sum() for name in SUMS], c("spot").max())
    found = found.join(spell.select("key", "listed", "place"), on="key", how="left")
    found = found.join(_rivals(x, spell), on="key", how="left")
    rules = {
        "not_on_roll": c("listed").is_null(),
        "two_rolls": ~c("rival").is_null(),
        "ineligible": c("barred") > 0,
        "paid_after_exit": c("gone") > 0,
        "before_start": c("early") > 0,
        "paid_twice": c("twice") > 0,
        "on_roll_twice": c("listed") > 1,
        "returned": c("returned") > 0,
        "unpaid": c("unpaid") > 0,
        "wrong_rate": (c("wrong") > 0) & (c("wrong") == c("rate")),
        "wrong_amount": c("wrong") > 0,
        "late": c("behind") > 0,
        "carried_over": c("carried") > 0,
        "matched_after_correction": c("corrected") > 0,
        "nothing_due": c("touched") == 0,
    }
    names = [*rules, "matched", "no_key"]
    number = x.lit(len(rules))
    for n, condition in reversed(list(enumerate(rules.values()))):
        number = x.when(condition).then(x.lit(n)).otherwise(number)
    whole = [c(name).cast(x.Int64) for name in ("programme", "place", "class", "entitled", "paid")]
    zero, lost = x.lit(0).cast(x.Int64), x.lit(names.index("no_key")).cast(x.Int64)
    keyless = {"class": lost, "entitled": zero}
    money = c("amount_fen").cast(x.Int64) * (1 - c("returned").cast(x.Int64))
    place = x.coalesce(c("place").cast(x.Int64), c("spot"))
    rows = [
        found.with_columns(**{"class": number}, programme=c("key") % 4, place=place, paid=c("got")).select(*whole),
        roll.filter(c("person").is_null()).with_columns(**keyless, paid=zero).select(*whole),
        payments.filter(c("person").is_null()).with_columns(**keyless, paid=money).select(*whole),
    ]
    summed_up = [x.len().alias("people"), c("entitled").sum(), c("paid").sum()]
    return x.concat(rows, how="vertical").group_by(KEYS).agg(*summed_up), names


def _rivals(x: Any, spell: Any) -> Any:
    """Return the keys of those who are on both of two rolls that exclude each other, at the same time."""
    c = x.col
    one, other = (
        spell.filter(c("key") % 4 == p).select(c("start"), c("exit"), person=c("key") // 4) for p in (RURAL, SPECIAL)
    )
    both = one.join(other, on="person", how="inner", suffix="_other")
    both = both.filter((c("start") < c("exit_other")) & (c("start_other") < c("exit")))
    keys = [both.select(key=c("person") * 4 + p, rival=x.lit(1)) for p in (RURAL, SPECIAL)]
    return x.concat(keys, how="vertical")


def _named(found: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    named = found.assign(**{"class": found["class"].map(dict(enumerate(names)))})
    return named[[*KEYS, *MEASURES]]


def polars(folder: Path, **limits: Any) -> pd.DataFrame:
    """Return the classes by polars, lazily."""
    pl = importlib.import_module("polars")
    scans = [pl.scan_parquet(files(folder, name)) for name in ("roll", "payments", "near")]
    small = small_tables()
    found, names = lazily(pl, scans, pl.from_pandas(small["codes"]).lazy(), small)
    return _named(found.collect().to_pandas(), names)


def narwhals_polars(folder: Path, **limits: Any) -> pd.DataFrame:
    """Return the classes by narwhals over polars."""
    nw, pl = importlib.import_module("narwhals"), importlib.import_module("polars")
    scans = [nw.from_native(pl.scan_parquet(files(folder, name))) for name in ("roll", "payments", "near")]
    small = small_tables()
    found, names = lazily(nw, scans, nw.from_native(pl.from_pandas(small["codes"]).lazy()), small)
    return _named(found.collect().to_pandas(), names)


def narwhals_duckdb(folder: Path, **limits: Any) -> pd.DataFrame:
    """Return the classes by narwhals over DuckDB."""
    import duckdb

    nw = importlib.import_module("narwhals")
    connection = duckdb.connect(config={k: v for k, v in limits.items() if v})
    scans = [nw.from_native(connection.read_parquet(files(folder, name))) for name in ("roll", "payments", "near")]
    small = small_tables()
    found, names = lazily(nw, scans, nw.from_native(connection.from_df(small["codes"])), small)
    return _named(nw.to_native(found).df(), names)


def _frames(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    whole = {arrow.int64(): pd.Int64Dtype()}.get  # a missing person must not turn the others into floats
    roll, payments, near = (
        pd.concat([parquet.read_table(f).to_pandas(types_mapper=whole) for f in files(folder, name)], ignore_index=True)
        for name in ("roll", "payments", "near")
    )
    return roll, payments, near


def pandas(folder: Path, **limits: Any) -> pd.DataFrame:
    """Return the classes by pandas as an expert writes it: one whole number as key, an index rather than a merge."""
    roll, payments, near = _frames(folder)
    keyless = [
        roll[roll["person"].isna()].assign(entitled=0, paid=0),
        payments[payments["person"].isna()].assign(entitled=0, paid=lambda f: f["amount_fen"] * (1 - f["returned"])),
    ]
    spell = _spells(roll[roll["person"].notna()])
    owed = _dues(spell)
    paid = _received(payments[payments["person"].notna()], near, spell, owed)
    found = _by_person(_compared(owed, paid, spell), spell, paid)
    rows = [found, *(frame.assign(**{"class": "no_key"}) for frame in keyless)]
    return summed(pd.concat([frame[[*KEYS, "entitled", "paid"]] for frame in rows], ignore_index=True))


def _key(frame: pd.DataFrame, person: str = "person") -> np.ndarray:
    return frame[person].to_numpy(dtype="int64") * 4 + frame["programme"].to_numpy(dtype="int64")


def _spells(roll: pd.DataFrame) -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            "key": _key(roll),
            "place": roll["place"].to_numpy(),
            "start": roll["start"].to_numpy(),
            "exit": roll["exit"].fillna(OPEN).to_numpy(dtype="int32"),
            "birth": roll["birth"].to_numpy(),
        }
    )
    again = rows["key"].duplicated(keep=False)
    twice = (
        rows[again]
        .groupby("key")
        .agg(
            place=("place", "max"),
            start=("start", "min"),
            exit=("exit", "max"),
            birth=("birth", "max"),
            listed=("place", "size"),
        )
    )
    return pd.concat([rows[~again].set_index("key").assign(listed=1), twice])


def _dues(spell: pd.DataFrame) -> pd.DataFrame:
    """Return what is due by person, programme and month."""
    programme = spell.index.to_numpy() % 4
    start, until, birth = (spell[name].to_numpy() for name in ("start", "exit", "birth"))
    needed = np.select([programme == RURAL, programme == SPECIAL], [600_000, 490_000], -(10**9))
    made = []
    for (number, due), parts in small_tables()["parts"].groupby(["programme", "due"]):
        mine = np.flatnonzero(programme == number)
        sums = {name: np.zeros(len(mine), dtype="int64") for name in ("entitled", "part", "barred", "stayed", "before")}
        for part in parts.itertuples():
            s, u = start[mine], until[mine]
            on = (s >= part.opens) & (s <= part.day) if part.once else (s <= part.day) & (u > part.day)
            may = part.ymd - birth[mine] >= needed[mine]
            sums["entitled"] += part.amount * (on & may)
            sums["part"] += on & may
            sums["barred"] += on & ~may
            sums["stayed"] += part.amount * (on if part.once else s <= part.day)
            sums["before"] += part.amount * (on if part.once else u > part.day)
        made.append(pd.DataFrame({"key": spell.index.to_numpy()[mine], "due": np.int32(due), **sums}))
    owed = pd.concat(made, ignore_index=True)
    return owed[(owed["stayed"] > 0) | (owed["before"] > 0)]


def _received(payments: pd.DataFrame, near: pd.DataFrame, spell: pd.DataFrame, owed: pd.DataFrame) -> pd.DataFrame:
    """Return the payments by person, programme and month, mistyped persons set right."""
    rows = pd.DataFrame(
        {
            "key": _key(payments),
            **{n: payments[n].to_numpy() for n in ("due", "amount_fen", "paid", "returned", "place")},
            "corrected": 0,
        }
    )
    claims = near.assign(key=_key(near), meant=_key(near, "near"))
    strangers = rows.loc[~rows["key"].isin(spell.index), ["key", "due"]].drop_duplicates()
    claims = claims.merge(strangers, on=["key", "due"])[["key", "due", "meant"]]
    open_ = owed.loc[owed["entitled"] > 0, ["key", "due"]].rename(columns={"key": "meant"})
    claims = claims.merge(open_[open_["meant"].isin(claims["meant"])], on=["meant", "due"])
    had = rows.loc[(rows["returned"] == 0) & rows["key"].isin(claims["meant"]), ["key", "due"]].drop_duplicates()
    claims = claims.merge(had.rename(columns={"key": "meant"}), on=["meant", "due"], how="left", indicator="had")
    claims = claims[claims["had"] == "left_only"].drop_duplicates(["key", "due", "meant"])
    sole = ~claims.duplicated(["key", "due"], keep=False) & ~claims.duplicated(["meant", "due"], keep=False)
    meant = claims[sole].set_index(["key", "due"])["meant"]
    failing = rows["key"].isin(meant.index.get_level_values(0)).to_numpy()
    held = meant.to_dict()
    to = [held.get(pair, -1) for pair in rows.loc[failing, ["key", "due"]].itertuples(index=False, name=None)]
    right = pd.Series(to, rows.index[failing], dtype="int64").loc[lambda key: key >= 0]
    rows.loc[right.index, "key"], rows.loc[right.index, "corrected"] = right, 1
    return _by_due(rows)


def _by_due(rows: pd.DataFrame) -> pd.DataFrame:
    calendar = small_tables()["calendar"].set_index(["programme", "due"])["deadline"]
    code = rows["key"].to_numpy() % 4 * 1000 + rows["due"].to_numpy() % 100
    late = dict(zip([p * 1000 + d % 100 for p, d in calendar.index], calendar, strict=True))
    kept = 1 - rows["returned"].to_numpy(dtype="int64")
    behind = rows["paid"].to_numpy() > pd.Series(code).map(late).to_numpy()
    rows = rows.assign(
        got=rows["amount_fen"].to_numpy(dtype="int64") * kept, rows=kept, late=kept * behind, back=1 - kept
    )
    sums = ["got", "rows", "late", "back", "corrected"]
    pair = rows["key"] * 16 + rows["due"] % 100
    again = pair.duplicated(keep=False)
    twice = rows[again].groupby(["key", "due"], as_index=False).agg({**dict.fromkeys(sums, "sum"), "place": "max"})
    return pd.concat([rows.loc[~again, ["key", "due", *sums, "place"]], twice], ignore_index=True)


def _compared(owed: pd.DataFrame, paid: pd.DataFrame, spell: pd.DataFrame) -> pd.DataFrame:
    both = owed.merge(paid.drop(columns="place"), on=["key", "due"], how="outer")
    numbers = both.columns.difference(["key", "due"])
    both[numbers] = both[numbers].fillna(0).astype("int64")
    code = both["key"].to_numpy() % 4 * 1000 + both["due"].to_numpy() % 100
    calendar = small_tables()["calendar"]
    known = pd.Index(calendar["programme"].astype("int64") * 1000 + calendar["due"] % 100)
    at = known.get_indexer(code)
    waits = (calendar["waiting"].to_numpy()[at] == 1) & (both["rows"] + both["back"] == 0).to_numpy()
    entitled = both["entitled"].to_numpy()
    both = both.assign(
        carried=np.where(waits, entitled, 0),
        barred=np.where(waits, 0, both["barred"]),
        entitled=np.where(waits, 0, entitled),
        closes=calendar["closes"].to_numpy()[at],
        code=code,
    )
    odd = (both["entitled"] != both["got"]) | (both["late"] > 0) | (both["corrected"] > 0) | (both["barred"] > 0)
    odd |= both["carried"] > 0
    return _flagged(both, both[odd].join(spell[["start", "exit"]], on="key"))


def _flagged(both: pd.DataFrame, odd: pd.DataFrame) -> pd.DataFrame:
    due, over = odd["entitled"] > 0, odd["got"] > odd["entitled"]
    twice = over & due & (odd["rows"] > 1)
    tariff = small_tables()["tariff"]
    listed = pd.Series(False, odd.index)
    for row in tariff.itertuples():
        listed |= (odd["code"] == row.programme * 1000 + row.due % 100) & (odd["got"] == odd["part"] * row.amount)
    early = np.where(due, odd["got"] == odd["before"], odd["start"] > odd["closes"])
    flags = pd.DataFrame(
        {
            "twice": twice,
            "rate": due & (odd["got"] != odd["entitled"]) & (odd["part"] > 0) & listed,
            "gone": over & ~twice & (odd["exit"] <= odd["closes"]) & (~due | (odd["got"] == odd["stayed"])),
            "early": over & ~twice & early,
            "unpaid": due & (odd["got"] == 0) & (odd["back"] == 0),
            "returned": due & (odd["got"] == 0) & (odd["back"] > 0),
            "wrong": odd["got"] != odd["entitled"],
            "behind": due & (odd["late"] > 0),
        }
    )
    return both.drop(columns="code").join(flags.astype("int64")).fillna(dict.fromkeys(flags.columns, 0))


def _by_person(compared: pd.DataFrame, spell: pd.DataFrame, paid: pd.DataFrame) -> pd.DataFrame:
    sums = [
        "entitled",
        "got",
        "carried",
        "corrected",
        "barred",
        "twice",
        "rate",
        "gone",
        "early",
        "unpaid",
        "returned",
        "wrong",
        "behind",
    ]
    found = compared.groupby("key")[sums].sum()
    found = found.reindex(found.index.union(spell.index), fill_value=0)
    listed = spell["listed"].reindex(found.index)
    both = pd.Index(spell.index[spell.index % 4 == RURAL] // 4).intersection(
        spell.index[spell.index % 4 == SPECIAL] // 4
    )
    rival = pd.Series(found.index // 4, found.index).isin(both) & np.isin(found.index % 4, [RURAL, SPECIAL])
    rules = {
        "not_on_roll": listed.isna(),
        "two_rolls": rival,
        "ineligible": found["barred"] > 0,
        "paid_after_exit": found["gone"] > 0,
        "before_start": found["early"] > 0,
        "paid_twice": found["twice"] > 0,
        "on_roll_twice": listed > 1,
        "returned": found["returned"] > 0,
        "unpaid": found["unpaid"] > 0,
        "wrong_rate": (found["wrong"] > 0) & (found["wrong"] == found["rate"]),
        "wrong_amount": found["wrong"] > 0,
        "late": found["behind"] > 0,
        "carried_over": found["carried"] > 0,
        "matched_after_correction": found["corrected"] > 0,
        "nothing_due": (found["entitled"] == 0) & (found["got"] == 0),
    }
    name = np.select([rule.to_numpy(dtype=bool) for rule in rules.values()], list(rules), default="matched")
    place = spell["place"].reindex(found.index)
    lost = place.index[place.isna()]
    place.loc[lost] = paid[paid["key"].isin(lost)].groupby("key")["place"].max().reindex(lost)
    return pd.DataFrame(
        {
            "programme": found.index % 4,
            "place": place.astype("int64").to_numpy(),
            "class": name,
            "entitled": found["entitled"].to_numpy(),
            "paid": found["got"].to_numpy(),
        }
    )


def datacompy(folder: Path, **limits: Any) -> pd.DataFrame | None:
    """Find who was paid something else than due, by datacompy; what is due is worked out by pandas first."""
    compare = importlib.import_module("datacompy")
    roll, payments, _ = _frames(folder)
    owed = _dues(_spells(roll[roll["person"].notna()])).groupby("key", as_index=False)["entitled"].sum()
    good = payments[payments["person"].notna()]
    paid = pd.DataFrame(
        {"key": _key(good), "entitled": good["amount_fen"].to_numpy(dtype="int64") * (1 - good["returned"])}
    )
    one, other = owed.rename(columns={"entitled": "amount"}), paid.groupby("key", as_index=False)["entitled"].sum()
    compare.PandasCompare(one, other.rename(columns={"entitled": "amount"}), join_columns="key").matches()
    return None


METHODS: Mapping[str, Callable[..., pd.DataFrame | None]] = {
    "read": read,
    "ours": ours,
    "read_written": read_written,
    "ours_written": ours_written,
    "polars": polars,
    "narwhals_polars": narwhals_polars,
    "narwhals_duckdb": narwhals_duckdb,
    "pandas": pandas,
    "datacompy": datacompy,
}
"""Every method by its name; what a method returns is held against the planted truth, None is only timed."""
IMPORTS = {
    "polars": ["polars"],
    "narwhals_polars": ["polars", "narwhals"],
    "narwhals_duckdb": ["duckdb", "narwhals"],
    "pandas": ["pyarrow.parquet"],
    "datacompy": ["pyarrow.parquet", "datacompy"],
    **{name: ["duckdb", "fpanalysis.reconcile"] for name in ("read", "ours", "read_written", "ours_written")},
}
"""What a method imports, before its clock starts."""


WRITE = "write"
"""Stands for a method: files are written in a process of its own too, because a peak of memory is inherited."""


# ---- measuring --------------------------------------------------------------------------------------------


def differing(found: pd.DataFrame, folder: Path) -> int:
    """Return how many rows of the truth (people, entitled or paid by programme, place and class) a result misses."""
    truth = pd.read_csv(folder / "truth.csv").set_index(KEYS)[MEASURES]
    mine = found.astype({"programme": "int64", "place": "int64"}).set_index(KEYS)[MEASURES].astype("int64")
    both = truth.join(mine.add_suffix("_found"), how="outer").fillna(-1).astype("int64")
    return int((both[MEASURES].to_numpy() != both[[f"{name}_found" for name in MEASURES]].to_numpy()).any(axis=1).sum())


def measured(name: str, folder: Path, **limits: Any) -> dict[str, Any]:
    """Return CPU seconds, peak memory (GiB) and rows that differ from the truth, of a method in this process."""
    for module in ("fpanalysis.schedule", *IMPORTS[name]):
        importlib.import_module(module)
    begun = time.process_time()
    found = METHODS[name](folder, **limits)
    seconds = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"cpu_s": seconds, "peak_gib": peak, "differing": None if found is None else differing(found, folder)}


def in_process(name: str, folder: Path, **limits: Any) -> dict[str, Any]:
    """Return what `measured` says, of a process of its own; a method that cannot run says why."""
    words = [sys.executable, "-m", "benchmarks.reconcile", "--one", name, "--folder", str(folder)]
    words += [word for key, value in limits.items() if value for word in (f"--{key.replace('_', '-')}", str(value))]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:200]}
    return json.loads(done.stdout.splitlines()[-1])


def listed(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the results as a table in Markdown, each held against both reads."""
    lines = [
        "| method | CPU s | x read | x read_written | peak GiB | rows unlike the truth |",
        "|---|---|---|---|---|---|",
    ]
    floors = [results.get(name, {}).get("cpu_s") for name in ("read", "read_written")]
    for name, row in results.items():
        if "failed" in row:
            lines.append(f"| {name} | {row['failed']} | | | | |")
            continue
        ratios = " | ".join(f"{row['cpu_s'] / floor:.1f}" if floor else "" for floor in floors)
        missed = "" if row["differing"] is None else str(row["differing"])
        lines.append(f"| {name} | {row['cpu_s']:.2f} | {ratios} | {row['peak_gib']:.2f} | {missed} |")
    return "\n".join(lines)


def main() -> None:
    """Write the cases, run every method in a process of its own, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=float, default=1e5, help="cases to plant (1e4 to 1e8)")
    parser.add_argument("--methods", default=",".join(METHODS), help="names, with commas")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--memory-limit", default="", help='of DuckDB, as "2GB"')
    parser.add_argument("--threads", type=int, default=0, help="of DuckDB; 0 for as many as there are")
    parser.add_argument("--folder", type=Path, help="where to keep the files; they are made once")
    parser.add_argument("--json", type=Path, help="file to write the results into")
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    words = parser.parse_args()
    limits = {"memory_limit": words.memory_limit, "threads": words.threads}
    if words.one == WRITE:
        write(words.folder, int(words.rows), seed=words.seed)
        return
    if words.one:
        print(json.dumps(measured(words.one, words.folder, **limits)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = words.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "truth.csv").is_file():
            about = ["--rows", str(words.rows), "--seed", str(words.seed), "--folder", str(folder)]
            subprocess.run([sys.executable, "-m", "benchmarks.reconcile", "--one", WRITE, *about], check=True)
        results = {name: in_process(name, folder, **limits) for name in words.methods.split(",")}
    print(listed(results))
    if words.json:
        about = {"rows": int(words.rows), "seed": words.seed, "results": results}
        words.json.write_text(json.dumps(about, indent=1), "utf-8")


if __name__ == "__main__":
    main()

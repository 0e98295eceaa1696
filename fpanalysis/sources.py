"""Rolls and payments as files for millions of rows: which columns they need, and what each becomes.

The files are tidy: one heading row, the column names of the data dictionary. Identity numbers become whole numbers
while being read and are never written; whoever is written (`written`) is so under a keyed hash.

| file | column | what stands in it |
|---|---|---|
| both | person | identity number (text of 18), or a pseudonym (number) |
| both | programme, place | their names, or their numbers |
| roll | start, exit | dates; no exit: empty |
| roll | birth, sex | optional; else from the identity number |
| payments | due | month: 2018-06, 201806, or a date |
| payments | amount, or amount_fen | yuan; or fen |
| payments | paid, status | date; `paid` or `returned` (or a column `returned`, 0 or 1) |
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .engines.staging import NONE, Column, Files, Table, weighed
from .formulation import OPEN
from .identity import lifted, one_slip

__all__ = [
    "CLAIMS", "FAILING", "OLD", "claims", "failing", "kin", "meanings", "names", "near", "old", "renamed",
    "roll_and_payments", "words", "written",
]  # fmt: skip

STATUS = {"paid": 0, "returned": 1}
SEXES = {"male": 1, "female": 2}


NO_MONTHS: Mapping[str, int] = {}
OF_PAYMENTS = {
    "amount": Column("amount", "yuan", instead=Column("amount_fen", "fen")),
    "paid": Column("paid", "day"),
    "returned": Column("returned", "code", instead=Column("status", "code", default=NONE, codes=STATUS, strict=True)),
}


def roll_and_payments(
    roll: Sequence[str | Path],
    payments: Sequence[str | Path],
    *,
    programmes: Mapping[str, int],
    places: Mapping[str, int],
    key: bytes,
    asked: Collection[str] = ("birth", "sex"),
    level: str = "place",
    months: Mapping[str, int] = NO_MONTHS,
) -> dict[str, Table]:
    """Return the tables `roll` and `payments` of the text; `programmes`, `places`: the number of each spelling.

    `key`: what persons are mixed with; the same key gives the same numbers. `asked`: which of birth and sex any
    condition asks; the other is not made. `level`: the column of the roll that says where someone belongs, and of
    payments if they have it. `months`: numbers of months as they are mostly written, which then need not be worked out.
    """
    salt = _salt(key)
    both = {
        "programme": Column("programme", "code", codes=programmes),
        "person": Column("person", "person", salt=salt),
        "place": Column(level, "code", default="0" if level == "place" else "-1", missing="-1", codes=places),
        "corrected": Column("corrected", "code", default=NONE),
    }
    of_roll = {
        "since": Column("start", "day"),
        "until": Column("exit", "day", default=str(OPEN), missing=str(OPEN)),
        "reason": Column("reason_code", "code", default=NONE),
        "birth": Column("birth", "birth", instead=Column("person", "birth_in_number")),
        "sex": Column("sex", "code", codes=SEXES, instead=Column("person", "sex_in_number")),
    }
    if level != "place":
        of_roll["place"] = Column(level, "code", missing="-1", codes=places)
    nothing = Column("", "code", default="CAST(NULL AS SMALLINT)")
    of_roll |= {name: nothing for name in ("birth", "sex") if name not in asked}
    return {
        "roll": Files(tuple(map(Path, roll)), both | of_roll, often=True),
        "payments": Files(tuple(map(Path, payments)), both | OF_PAYMENTS | _month(months), often=True),
    }


OF_PERIOD = "programme IS NOT NULL AND due BETWEEN {first} AND {last}"
FAILING = f"""
SELECT DISTINCT programme, due, written
FROM (SELECT programme, due, written, number, {weighed("digits", 18)} % 11 AS rest
      FROM (SELECT programme, due, written, number, CASE WHEN number < 0 THEN number * -10 ELSE number END AS digits
            FROM given WHERE {OF_PERIOD}) taken_apart) weighed
WHERE CASE WHEN number IS NULL THEN LENGTH(written) IN (15, 17, 18, 19)
           WHEN number < 0 THEN rest <> 2 ELSE rest <> 1 END"""
"""The identity numbers of payments that are old or whose check character is wrong, as they are written.

One that is right in it is never one slip from a right one, whatever its date.
The question is one CASE, of which an engine cannot ask a part earlier and so read each number twice.
"""
OLD = "SELECT DISTINCT written FROM given WHERE LENGTH(written) = 15"
"""The old identity numbers of rolls."""
CLAIMS = f"SELECT DISTINCT programme, due, person, near FROM given WHERE {OF_PERIOD}"
"""Whom failing pseudonyms may mean."""


def failing(
    payments: Sequence[str | Path], programmes: Mapping[str, int], months: Mapping[str, int] = NO_MONTHS
) -> Files:
    """Return the table that FAILING reads; pseudonyms are numbers that do not show whether they are right."""
    columns = {"written": Column("person", "letters"), "number": Column("person", "number")}
    return Files(tuple(map(Path, payments)), _due(programmes) | _month(months) | columns)


def old(roll: Sequence[str | Path]) -> Files:
    """Return the table that OLD reads."""
    return Files(tuple(map(Path, roll)), {"written": Column("person", "letters")})


def claims(near: Sequence[str | Path], programmes: Mapping[str, int]) -> Files:
    """Return the table that CLAIMS reads: whom failing pseudonyms may mean, where files tell it."""
    people = {name: Column(name, "word") for name in ("person", "near")}
    return Files(tuple(map(Path, near)), _due(programmes) | people)


def near(found: pd.DataFrame) -> pd.DataFrame:
    """Return programme, due, person, near: for each failing number (`written`) the right ones that one slip turns into
    it, all as they are written. INTERNAL: to be read by an engine (`meanings`), and nowhere kept."""
    texts = found["written"].astype("str").drop_duplicates()
    meant = pd.Series(one_slip(texts.str.upper().tolist()), texts.to_numpy(), dtype=object)
    made = found.assign(near=found["written"].map(meant)).explode("near").dropna(subset="near")
    made = made.rename(columns={"written": "person"})[["programme", "due", "person", "near"]]
    return made.astype({"person": "str", "near": "str"})


def renamed(texts: Sequence[str]) -> pd.DataFrame:
    """Return person, meant: each old number of 15 characters whose date exists, and what it is since 1999. INTERNAL."""
    new = lifted(texts)
    kept = [(text, number) for text, number in zip(texts, new, strict=True) if number]
    return pd.DataFrame(kept, columns=["person", "meant"], dtype="str")


def meanings(claims: pd.DataFrame, renamed: pd.DataFrame, *, key: bytes) -> dict[str, Table]:
    """Return the tables `near` and `renamed` of the text, and `kin`: those who claim each other, under one of them.

    `claims`: programme and due as the text knows them, person and near as they are written; `renamed`: person, meant.
    """
    people = {name: Column(name, "person", salt=_salt(key)) for name in ("person", "near", "meant", "head")}
    known = {name: Column(name, "code") for name in ("programme", "due")}

    def read(frame: pd.DataFrame, *names: str) -> Files:
        return Files((), {name: (people | known)[name] for name in names}, frame)

    links = pd.concat([claims[["person", "near"]], renamed.rename(columns={"meant": "near"})], ignore_index=True)
    return {
        "near": read(claims, "programme", "person", "due", "near"),
        "renamed": read(renamed, "person", "meant"),
        "kin": read(kin(links), "person", "head"),
    }


def kin(claims: pd.DataFrame) -> pd.DataFrame:
    """Return person, head: all who are joined by claims (person, near), each under the first of them.

    Who claims whom is decided among them alone; so they have to be looked at together.
    """
    codes, people = pd.factorize(pd.concat([claims["person"], claims["near"]], ignore_index=True))
    one, other = codes[: len(claims)], codes[len(claims) :]
    links = coo_array((np.ones(len(claims), dtype=bool), (one, other)), shape=(len(people),) * 2)
    group = connected_components(links, directed=False)[1] if len(people) else np.array([], dtype=int)
    first = pd.Series(np.arange(len(people))).groupby(group).min().to_numpy()
    return pd.DataFrame({"person": people, "head": people.take(first[group])})


def _due(programmes: Mapping[str, int]) -> dict[str, Column]:
    return {"programme": Column("programme", "code", codes=programmes)} | _month(NO_MONTHS)


def _month(months: Mapping[str, int]) -> dict[str, Column]:
    return {"due": Column("due", "month", codes=months)}


def _salt(key: bytes) -> int:
    return int.from_bytes(hashlib.sha256(key).digest()[:7])


def words(paths: Sequence[str | Path], column: str, name: str) -> Files:
    """Return one column of files as it stands, under a name."""
    return Files(tuple(map(Path, paths)), {name: Column(column, "word", default="CAST(NULL AS STRING)")})


def written(key: bytes) -> str:
    """Return the text that gives `found` for a file: persons under a hash with `key`, numbers as words (`names`)."""
    return (
        f"SELECT SUBSTR(SHA256(CONCAT('{key.hex()}', CAST(person AS STRING))), 1, 24) AS person, "
        "n.word AS programme, p.word AS place, c.word AS class, on_roll, in_time, corrected, payments, entitled, "
        "carried, paid FROM found f LEFT JOIN programme_names n ON f.programme = n.code "
        "LEFT JOIN place_names p ON f.place = p.code LEFT JOIN class_names c ON f.class = c.code"
    )


def names(programmes: Sequence[str], places: Sequence[str], classes: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Return the tables of words that `written` reads; classes are numbered from 1, the others from 0."""
    return {
        f"{name}_names": pd.DataFrame({"code": range(first, first + len(known)), "word": list(known)})
        for name, known, first in (("programme", programmes, 0), ("place", places, 0), ("class", classes, 1))
    }

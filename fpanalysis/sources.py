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
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from .engines.staging import Column, Files, Table
from .formulation import OPEN

__all__ = ["names", "roll_and_payments", "words", "written"]

STATUS = {"paid": 0, "returned": 1}
SEXES = {"male": 1, "female": 2}


def roll_and_payments(
    roll: Sequence[str | Path],
    payments: Sequence[str | Path],
    *,
    programmes: Mapping[str, int],
    places: Mapping[str, int],
    key: bytes,
) -> dict[str, Table]:
    """Return the tables `roll`, `payments` and `near` of the text; `programmes`, `places`: the number of each spelling.

    `key`: what persons are mixed with; the same key gives the same numbers.
    """
    salt = int.from_bytes(hashlib.sha256(key).digest()[:7])
    both = {
        "programme": Column("programme", "code", codes=programmes),
        "person": Column("person", "person", salt=salt),
        "place": Column("place", "code", default="0", missing="-1", codes=places),
        "corrected": Column("corrected", "code", default="0"),
    }
    of_roll = {
        "since": Column("start", "day"),
        "until": Column("exit", "day", default=str(OPEN), missing=str(OPEN)),
        "reason": Column("reason_code", "code", default="0"),
        "birth": Column("birth", "birth", instead=Column("person", "birth_in_number")),
        "sex": Column("sex", "code", codes=SEXES, instead=Column("person", "sex_in_number")),
    }
    of_payments = {
        "due": Column("due", "month"),
        "amount": Column("amount", "yuan", instead=Column("amount_fen", "fen")),
        "paid": Column("paid", "day"),
        "returned": Column(
            "returned", "code", instead=Column("status", "code", default="0", codes=STATUS, strict=True)
        ),
    }
    return {
        "roll": Files(tuple(map(Path, roll)), both | of_roll),
        "payments": Files(tuple(map(Path, payments)), both | of_payments),
        "near": pd.DataFrame(columns=["programme", "person", "due", "near"], dtype="int64"),
    }


def words(paths: Sequence[str | Path], column: str) -> Files:
    """Return one column of files as it stands."""
    return Files(tuple(map(Path, paths)), {column: Column(column, "word", default="CAST(NULL AS STRING)")})


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

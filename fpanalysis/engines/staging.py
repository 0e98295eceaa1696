"""What an engine reads: frames, or Parquet and CSV files with their columns turned into whole numbers while read.

A file's columns are described by what they mean (`Column.kind`); how that is said in SQL depends on the type that the
column has in the file and is written down once, for both dialects, in `EXPRESSIONS`. Identity numbers become whole
numbers or hashes here and are nowhere written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from ..errors import FpError, did_you_mean

__all__ = ["NONE", "Ask", "Column", "Dialect", "Files", "Table", "expression", "kind_of_type", "weighed"]


@dataclass(frozen=True)
class Column:
    """One column of a text's table: the column of the file that it is made from, and what that means.

    `kind`: a key of EXPRESSIONS. `instead`: what is taken when the file has no such column; then `default` (SQL), then
    it is an error. `missing`: SQL for an empty cell ("" leaves it empty). `codes`: the number of each word; one that
    has none is empty, or with `strict` an error. `salt`: what persons are mixed with.
    """

    source: str
    kind: str
    default: str = ""
    missing: str = ""
    codes: Mapping[str, int] = field(default_factory=dict)
    strict: bool = False
    salt: int = 0
    instead: Column | None = None


@dataclass(frozen=True)
class Files:
    """Rows in files of one form, `parquet` or `csv` (UTF-8, one heading row), or in a frame like such a file: the
    columns that the text reads. `often`: the text reads them more than once, so that an engine may keep what it made of
    texts."""

    paths: tuple[Path, ...]
    columns: Mapping[str, Column]
    frame: pd.DataFrame | None = None
    often: bool = False

    @property
    def name(self) -> str:
        """Return what an error calls it."""
        return self.paths[0].name if self.paths else "rows"

    @property
    def joined(self) -> dict[str, pd.DataFrame]:
        """Return the words of columns that have many, as a table each, by column: word, code."""
        return {
            name: pd.DataFrame(list(column.codes.items()), columns=["word", "code"]).astype({"code": "int32"})
            for name, column in self.columns.items() if column.kind == "code" and len(column.codes) > FEW
        }  # fmt: skip

    @property
    def form(self) -> str:
        """Return `parquet`, `csv` or `frame`. Raises FpError for files of other or several forms."""
        if self.frame is not None:
            return "frame"
        forms = sorted({path.suffix.lower().lstrip(".") for path in self.paths})
        if forms not in (["parquet"], ["csv"]):
            raise FpError(
                f"{self.paths[0].name}: found {', '.join(forms)!r}, expected .parquet or .csv files, of one form"
            )
        return forms[0]


NONE = "CAST(0 AS SMALLINT)"
"""The code of what a file does not tell; narrow, because ten million rows have it."""
FEW = 12
"""Up to so many words are told apart in the text itself; more are looked up in a table."""

Table: TypeAlias = pd.DataFrame | Files

Ask: TypeAlias = Callable[..., dict[str, pd.DataFrame]]
"""Takes text, tables and questions, and perhaps `out` with what of `found` is `written` there, and `buckets`."""


def kind_of_type(name: str) -> str:
    """Return `text`, `date`, `time`, `whole` or `number` for the name of a SQL type."""
    word = name.upper().split("(")[0].strip()
    if word in ("VARCHAR", "STRING", "TEXT", "CHAR"):
        return "text"
    if word.startswith("TIMESTAMP"):
        return "time"
    if word == "DATE":
        return "date"
    return "whole" if "INT" in word or word in ("LONG", "SHORT", "BYTE") else "number"


@dataclass(frozen=True)
class Dialect:
    """What the engines say in different words: days since 1970 of a date, an error, the quotes of a name, and a whole
    number mixed with a key (one to one, so that no two persons become one), or a text."""

    days: str
    error: str
    quote: str
    mask: str
    mask_text: str


def expression(column: Column, types: Mapping[str, str], *, dialect: Dialect, where: str) -> str:
    """Return the SQL that makes a column; `types`: SQL types of the file's columns.

    Raises FpError, naming the file (`where`), for a column that is needed and missing.
    """
    if column.source not in types:
        if column.instead:
            return expression(column.instead, types, dialect=dialect, where=where)
        if not column.default:
            raise FpError(f"{where}: column {column.source!r} is missing{did_you_mean(column.source, types)}")
        return column.default
    cell = f"f.{dialect.quote}{column.source}{dialect.quote}"
    found = EXPRESSIONS[column.kind](cell, kind_of_type(types[column.source]), dialect, column)
    return f"COALESCE({found}, {column.missing})" if column.missing else found


def _day(cell: str, kind: str, dialect: Dialect, column: Column) -> str:
    if kind == "whole":
        return cell
    written = f"NULLIF({cell}, '')" if kind == "text" else cell
    return dialect.days.format(cell if kind == "date" else f"CAST({written} AS DATE)")


def _month(cell: str, kind: str, dialect: Dialect, column: Column) -> str:
    if kind == "whole":  # 201806
        return cell
    if kind == "text":  # 2018-06, 2018-06-30; those of the period need no reading
        known = " ".join(f"WHEN '{word}' THEN {number}" for word, number in column.codes.items())
        read = f"CAST(SUBSTR({cell}, 1, 4) AS INTEGER) * 100 + CAST(SUBSTR({cell}, 6, 2) AS INTEGER)"
        return f"CASE {cell} {known} ELSE {read} END" if known else read
    return f"CAST(YEAR({cell}) * 100 + MONTH({cell}) AS INTEGER)"


def _birth(cell: str, kind: str, dialect: Dialect, column: Column) -> str:
    if kind == "whole":
        return cell
    if kind == "text":
        return f"CAST(REPLACE({cell}, '-', '') AS INTEGER)"
    return f"CAST(YEAR({cell}) * 10000 + MONTH({cell}) * 100 + DAY({cell}) AS INTEGER)"


def _birth_in_number(cell: str, kind: str, dialect: Dialect, column: Column) -> str:
    old = f"WHEN 15 THEN 19000000 + TRY_CAST(SUBSTR({cell}, 7, 6) AS INTEGER)"
    written = f"CASE LENGTH({cell}) {old} ELSE TRY_CAST(SUBSTR({cell}, 7, 8) AS INTEGER) END"
    return written if kind == "text" else "CAST(NULL AS INTEGER)"


def _sex_in_number(cell: str, kind: str, dialect: Dialect, column: Column) -> str:
    """Return the sex in an identity number: its 17th digit (of an old one the last) is odd for men (1), else 2."""
    at = f"CASE LENGTH({cell}) WHEN 15 THEN 15 ELSE 17 END"
    return f"2 - TRY_CAST(SUBSTR({cell}, {at}, 1) AS INTEGER) % 2" if kind == "text" else "CAST(NULL AS INTEGER)"


def _yuan(cell: str, kind: str, dialect: Dialect, column: Column) -> str:
    return (
        f"CAST({cell} AS BIGINT) * 100" if kind == "whole" else f"CAST(CAST({cell} AS DECIMAL(18, 2)) * 100 AS BIGINT)"
    )


def _fen(cell: str, kind: str, dialect: Dialect, column: Column) -> str:
    return f"CAST({cell} AS BIGINT)"


def _code(cell: str, kind: str, dialect: Dialect, column: Column) -> str:
    if kind == "whole":
        return cell
    if len(column.codes) > FEW:
        return f"{column.source}_codes.code"
    escaped = [(word.replace("'", "''"), number) for word, number in column.codes.items()]
    cases = " ".join(f"WHEN '{word}' THEN {number}" for word, number in escaped)
    expected = f"column {column.source}: expected {', '.join(word for word, _ in escaped)}"
    if not cases:
        return NONE
    return (
        f"CAST(CASE {cell} {cases} ELSE {dialect.error.format(expected) if column.strict else 'NULL'} END AS SMALLINT)"
    )


def _person(cell: str, kind: str, dialect: Dialect, column: Column) -> str:
    """Return a whole number for an identity number or a pseudonym: one to one, then mixed with the key of the run.

    An identity number of 18 digits is itself, one that ends in X its 17 digits below zero. An old one of 15 characters,
    and what one slip may have made of a number (a character too few, too many, or one that no number has), is mixed as
    a text; anything else is no key.
    """
    if kind != "text":
        return dialect.mask.format(f"CAST({cell} AS BIGINT)", column.salt)
    number = dialect.mask.format(f"CASE LENGTH({cell}) WHEN 18 THEN {_number_of(cell)} END", column.salt)
    other = f"CASE WHEN {_other(cell)} THEN {dialect.mask_text.format(cell, column.salt)} END"
    return f"COALESCE({number}, {other})"


def _ends_in_x(cell: str) -> str:
    return f"({cell} LIKE '%X' OR {cell} LIKE '%x')"


def _number_of(cell: str) -> str:
    """Return the number of a text of 18; no text is first tried and then refused, which is slow."""
    body = f"TRY_CAST(SUBSTR({cell}, 1, 17) AS BIGINT)"
    return f"CASE WHEN {_ends_in_x(cell)} THEN -{body} ELSE TRY_CAST({cell} AS BIGINT) END"


def weighed(number: str, digits: int) -> str:
    """Return a number that leaves, divided by 11, what the digits do, each times 2 to the power of its place.

    These powers are the weights of the check character (GB 11643-1999). The sum is n - 8 (n/10 + 2 n/100 + ...),
    rounded down each time; as 10 is -1 modulo 11, n/10 rounded down is (n % 10 - n), and so on: no digit is cut out.
    """
    shares = {k: 2 ** (k - 1) * (-1) ** k for k in range(1, digits)}
    parts = {(1 - 8 * sum(shares.values())) % 11: [f"{number} % 11"]}
    for k, share in shares.items():
        parts.setdefault(8 * share % 11, []).append(f"{number} % {10**k}")
    return "(" + " + ".join(f"{times} * ({' + '.join(rests)})" for times, rests in parts.items()) + ")"


def _other(cell: str) -> str:
    strange = f"LENGTH(TRANSLATE({cell}, '0123456789Xx', ''))"
    return f"(LENGTH({cell}) IN (15, 17, 19) AND {strange} = 0) OR (LENGTH({cell}) = 18 AND {strange} <= 1)"


def _number(cell: str, kind: str, dialect: Dialect, column: Column) -> str:
    """Return an identity number of 18 characters as it is, one that ends in X as its 17 digits below zero."""
    return f"CASE LENGTH({cell}) WHEN 18 THEN {_number_of(cell)} END" if kind == "text" else "CAST(NULL AS BIGINT)"


def _letters(cell: str, kind: str, dialect: Dialect, column: Column) -> str:
    return cell if kind == "text" else "CAST(NULL AS STRING)"


def _word(cell: str, kind: str, dialect: Dialect, column: Column) -> str:
    return cell


EXPRESSIONS: Mapping[str, Callable[[str, str, Dialect, Column], str]] = {
    "person": _person,
    "number": _number,
    "letters": _letters,
    "code": _code,
    "day": _day,
    "month": _month,
    "birth": _birth,
    "birth_in_number": _birth_in_number,
    "sex_in_number": _sex_in_number,
    "yuan": _yuan,
    "fen": _fen,
    "word": _word,
}
"""How each kind of column is said in SQL; a new kind is one function and its entry here."""

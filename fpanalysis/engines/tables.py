"""What an engine reads: frames, or Parquet and CSV files with their columns turned into whole numbers while read.

A file's columns are described by what they mean (`Column.kind`); how that is said in SQL depends on the type that the
column has in the file and is written down once, for both dialects, in `EXPRESSIONS`. Identity numbers become whole
numbers or hashes here and are nowhere written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from ..errors import FpError, did_you_mean

__all__ = ["Column", "Files", "Table", "expression", "kind_of_type"]


@dataclass(frozen=True)
class Column:
    """One column of a text's table: the column of the file that it is made from, what that means, and what if it is
    missing.

    `kind`: person, code (a number, or a word of `codes`), day, month, yuan, fen, birth (as 19580630). `default`: SQL for a
    file without the column; "" makes its absence an error. `missing`: SQL for an empty cell, "" leaves it empty.
    """

    source: str
    kind: str
    default: str = ""
    missing: str = ""
    codes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Files:
    """Rows in files of one form, `parquet` or `csv` (UTF-8, one heading row): the columns that the text reads."""

    paths: tuple[Path, ...]
    columns: Mapping[str, Column]
    rename: Mapping[str, str] = field(default_factory=dict)

    @property
    def form(self) -> str:
        """Return `parquet` or `csv`. Raises FpError for files of other or several forms."""
        forms = sorted({path.suffix.lower().lstrip(".") for path in self.paths})
        if forms not in (["parquet"], ["csv"]):
            raise FpError(f"{self.paths[0].name}: found {', '.join(forms)!r}, expected .parquet or .csv files, of one form")
        return forms[0]


Table: TypeAlias = pd.DataFrame | Files


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


def expression(column: Column, types: Mapping[str, str], *, days: str, where: str) -> str:
    """Return the SQL that makes a column; `types`: SQL types of the file's columns, `days`: a day as number.

    Raises FpError when the file lacks a column that is needed.
    """
    if column.source not in types:
        if not column.default:
            raise FpError(f"{where}: column {column.source!r} is missing{did_you_mean(column.source, types)}")
        return column.default
    quoted = f'f."{column.source}"' if not days.startswith("unix") else f"f.`{column.source}`"
    found = EXPRESSIONS[column.kind](quoted, kind_of_type(types[column.source]), days, column)
    return f"COALESCE({found}, {column.missing})" if column.missing else found


def _day(cell: str, kind: str, days: str, column: Column) -> str:
    if kind == "whole":
        return cell
    return days.format(cell if kind == "date" else f"CAST(NULLIF({cell}, '') AS DATE)" if kind == "text" else f"CAST({cell} AS DATE)")


def _month(cell: str, kind: str, days: str, column: Column) -> str:
    if kind == "whole":  # 201806
        return f"CAST(({cell} - {cell} % 100) / 100 * 12 + {cell} % 100 - 1 AS INTEGER)"
    if kind == "text":  # 2018-06, 2018-06-30
        return f"CAST(SUBSTR({cell}, 1, 4) AS INTEGER) * 12 + CAST(SUBSTR({cell}, 6, 2) AS INTEGER) - 1"
    return f"CAST(YEAR({cell}) * 12 + MONTH({cell}) - 1 AS INTEGER)"


def _birth(cell: str, kind: str, days: str, column: Column) -> str:
    if kind == "whole":
        return cell
    if kind == "text":
        return f"CAST(REPLACE({cell}, '-', '') AS INTEGER)"
    return f"CAST(YEAR({cell}) * 10000 + MONTH({cell}) * 100 + DAY({cell}) AS INTEGER)"


def _yuan(cell: str, kind: str, days: str, column: Column) -> str:
    return f"CAST({cell} * 100 AS BIGINT)" if kind == "whole" else f"CAST(CAST({cell} AS DECIMAL(18, 2)) * 100 AS BIGINT)"


def _fen(cell: str, kind: str, days: str, column: Column) -> str:
    return cell if kind == "whole" else f"CAST({cell} AS BIGINT)"


def _code(cell: str, kind: str, days: str, column: Column) -> str:
    if kind == "whole":
        return cell
    escaped = [(word.replace("'", "''"), number) for word, number in column.codes.items()]
    cases = " ".join(f"WHEN '{word}' THEN {number}" for word, number in escaped)
    return f"CASE {cell} {cases} END" if cases else "0"


def _person(cell: str, kind: str, days: str, column: Column) -> str:
    """Return identity numbers as whole numbers (17 digits x 11 + check character, which is one to one), keys as they are."""
    if kind != "text" or column.source != "person":
        return cell
    last = f"CASE WHEN SUBSTR({cell}, 18, 1) IN ('X', 'x') THEN 10 ELSE TRY_CAST(SUBSTR({cell}, 18, 1) AS BIGINT) END"
    whole = f"TRY_CAST(SUBSTR({cell}, 1, 17) AS BIGINT) * 11 + {last}"
    return f"CASE WHEN LENGTH({cell}) = 18 THEN {whole} END"


EXPRESSIONS = {"day": _day, "month": _month, "birth": _birth, "yuan": _yuan, "fen": _fen, "code": _code, "person": _person}
"""How each kind of column is said in SQL; a new kind is one function and its entry here."""

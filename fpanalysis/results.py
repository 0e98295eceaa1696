"""The one result table: every analysis returns these rows, every sentence, figure and file is made from them.

| column | meaning |
|---|---|
| place | key of the county, or name of a township as in params |
| period | `Period.key`: `2018H1`, `S2018H1`, `2018-06`, `2018` |
| measure | indicator, then its breakdown after slashes: `births`, `births/order2`, `roll_closing/rural_award` |
| count, total | numerator and denominator in units (people, births, fen for money measures); NaN where there is none |
| value | the reported figure in the indicator's unit (a share is 0-1, a sex ratio boys per 100 girls, money yuan) |
| lower, upper | interval of `value`, NaN where none applies; its level and kind are in `method` |
| p | p-value where a test was made, else NaN |
| method | how it was made: a key of the catalogue (`method.counted`), with `-80` or `-95` for an interval's level |
| note | "" or a remark made with `note()`, rendered from the catalogue in either language |
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .errors import FpError, did_you_mean

__all__ = [
    "COLUMNS",
    "Fact",
    "by_row",
    "combine",
    "empty",
    "fact",
    "facts",
    "note",
    "pick",
    "read",
    "read_note",
    "rows",
    "value",
    "write",
]

TEXT = ("place", "period", "measure", "method", "note")
NUMBERS = ("count", "total", "value", "lower", "upper", "p")
WORDS = pd.array([""], dtype="str").dtype
"""The type of texts: its name would be looked up again for every table."""
COLUMNS = ("place", "period", "measure", *NUMBERS, "method", "note")


class Fact(NamedTuple):
    """One row of the table, for sentences: a template may say `{srb:n1}` or `{srb.lower:n1}`."""

    place: str
    period: str
    measure: str
    count: float
    total: float
    value: float
    lower: float
    upper: float
    p: float
    method: str
    note: str


def facts(results: pd.DataFrame, *, place: str, period: str) -> dict[str, Fact]:
    """Return the rows of one place and period by measure; of several intervals of a measure, the last."""
    picked = pick(results, place=place, period=period)
    found: dict[str, Fact] = {}
    for row in map(Fact, *(picked[column].tolist() for column in COLUMNS)):
        found.pop(row.measure, None)  # in the order of the rows that are kept
        found[row.measure] = row
    return found


def fact(results: pd.DataFrame, **wanted: Any) -> Fact:
    """Return the one row that matches (the last of several), or a Fact without value when there is none."""
    found = pick(results, **wanted).tail(1)
    if len(found):
        return Fact(*found.iloc[0])
    words = [str(wanted.get(name, "")) for name in ("place", "period", "measure")]
    return Fact(*words, *[float("nan")] * len(NUMBERS), "", "")


def rows(records: Iterable[Mapping[str, Any]] | pd.DataFrame) -> pd.DataFrame:
    """Return a result table from records or a frame with any of the columns.

    Missing numbers become NaN, missing texts "". A record without `value` takes its `count`. Raises FpError
    for a column that the table does not have, or a row without place, period or measure.
    """
    given = _by_column(records)
    unknown = [str(c) for c in given if c not in COLUMNS]
    if unknown:
        raise FpError(f"result column {unknown[0]!r} does not exist{did_you_mean(unknown[0], COLUMNS)}")
    number = len(next(iter(given.values()), ()))
    found = {name: given.get(name, [None] * number) for name in COLUMNS}
    if any(not _text(v) for name in ("place", "period", "measure") for v in found[name]):
        raise FpError("a result row needs a place, a period and a measure")
    made: dict[str, Any] = {name: np.array([np.nan if v is None else v for v in found[name]], "float64")
                            for name in NUMBERS}  # fmt: skip
    made |= {name: pd.array([_text(v) for v in found[name]], dtype=WORDS) for name in TEXT}
    return pd.DataFrame({name: made[name] for name in COLUMNS})


def _by_column(records: Iterable[Mapping[str, Any]] | pd.DataFrame) -> dict[Any, list[Any]]:
    """Return the values of each column that records or a frame have; of records `value` too, which may be `count`."""
    if isinstance(records, pd.DataFrame):
        frame = records if "value" in records or "count" not in records else records.assign(value=records["count"])
        return {name: frame[name].tolist() for name in frame.columns}
    listed = list(records)
    names = {"value": None} | {name: None for r in listed for name in r}
    return {name: [r.get(name, r.get("count") if name == "value" else None) for r in listed] for name in names}


def _text(value: Any) -> str:
    """Return a value as text, "" for a missing one."""
    return value if isinstance(value, str) else "" if pd.isna(value) else str(value)


def by_row(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return each row of a table as its values by column, as `to_dict("records")` does in four times the time."""
    names = list(table)
    return [dict(zip(names, row, strict=True)) for row in zip(*(table[name].tolist() for name in names), strict=True)]


def empty() -> pd.DataFrame:
    """Return a result table without rows."""
    return rows([])


def combine(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of several result tables as one."""
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else empty()


def pick(results: pd.DataFrame, **wanted: Any) -> pd.DataFrame:
    """Return the rows whose columns equal the values asked for; a list means any of them.

    `measure="births/*"` takes every measure below `births/`.
    """
    keep = np.ones(len(results), dtype=bool)
    for column, want in wanted.items():
        if column not in COLUMNS:
            raise FpError(f"result column {column!r} does not exist{did_you_mean(column, COLUMNS)}")
        have = results[column].to_numpy()
        if isinstance(want, str) and want.endswith("/*"):
            keep &= np.array([text.startswith(want[:-1]) for text in have], dtype=bool)
        elif isinstance(want, str):
            keep &= have == want
        else:
            wished = set(want)
            keep &= np.array([value in wished for value in have], dtype=bool)
    return results.take(np.flatnonzero(keep))


def value(results: pd.DataFrame, column: str = "value", **wanted: Any) -> float:
    """Return one number of the table, NaN when no row matches. Raises FpError when several match."""
    found = pick(results, **wanted)
    if len(found) > 1:
        raise FpError(f"{len(found)} result rows match {wanted}, expected one")
    return float(found[column].iloc[0]) if len(found) else float("nan")


def note(key: str, **values: Any) -> str:
    """Return a remark as text for the column `note`: a sentence key of the catalogue with its values."""
    return json.dumps({"key": key, **values}, ensure_ascii=False, sort_keys=True, default=str)


def read_note(text: str) -> tuple[str, dict[str, Any]]:
    """Return the sentence key and the values of a remark made by `note`."""
    values = json.loads(text)
    return values.pop("key"), values


def write(results: pd.DataFrame, path: Path) -> None:
    """Write the table as UTF-8 CSV with BOM (Excel opens it rightly), numbers at full precision."""
    results.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\n")


def read(path: Path) -> pd.DataFrame:
    """Return a table written by `write`."""
    frame = pd.read_csv(
        path,
        encoding="utf-8-sig",
        dtype=dict.fromkeys(TEXT, "str"),
        keep_default_na=False,
        na_values={column: [""] for column in NUMBERS},
    )
    return rows(frame)

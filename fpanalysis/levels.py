"""Rows of the county among rows of its townships: totals of the level below, never more of the same.

Offices often put a line for the county (全市) beside its townships. Added up with them it would double the county. So
where townships report, a county row is held against the sum of the township rows with the same keys: of its own file,
or of all files of the kind, because townships may come in parts. A row that agrees is left out; one that differs, or
that no township row answers to (a total over several months or kinds), is handed back as a disagreement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

__all__ = ["Disagreement", "without_county_rows"]


@dataclass(frozen=True)
class Disagreement:
    """A county row that is not the sum of its townships; `expected` is None when no township row has its keys."""

    file: str
    row: int
    column: str
    value: float
    expected: float | None


def without_county_rows(
    frame: pd.DataFrame, *, keys: Sequence[str], counts: Sequence[str], month: str, county: str
) -> tuple[pd.DataFrame, pd.DataFrame, list[Disagreement]]:
    """Return a frame without the county rows that townships add up to, those rows, and what does not agree.

    `keys` say which rows belong together, `counts` are the columns added up, `month` is the key that says which months
    townships report. County rows of months without any township, in files without any, are the county's only figures
    and stay. Columns: place, file, row, keys, counts; missing counts are not compared.

    >>> rows = pd.DataFrame({"place": ["a", "b", "x"], "month": 1, "n": [2, 3, 5], "file": "f", "row": [2, 3, 4]})
    >>> without_county_rows(rows, keys=["month"], counts=["n"], month="month", county="x")[0]["place"].tolist()
    ['a', 'b']
    """
    own = frame["place"] == county
    towns = frame[~own]
    beside = own & (frame["file"].isin(towns["file"]) | frame[month].isin(towns[month]))
    if not beside.any():
        return frame, frame[beside], []
    totals = frame[beside]
    sums = [_summed(totals, towns, [*keys, *extra], counts) for extra in (["file"], [])]
    differing: list[Disagreement] = []
    for column in counts:
        here, everywhere = (s[column].to_numpy() for s in sums)
        value = totals[column].to_numpy()
        off = ~((value == here) | (value == everywhere) | pd.isna(value)) & ~(pd.isna(everywhere) & (value == 0))
        found = zip(totals["file"][off], totals["row"][off], value[off], everywhere[off], strict=True)
        differing += [
            Disagreement(str(f), int(r), column, float(v), None if pd.isna(e) else float(e)) for f, r, v, e in found
        ]
    return frame[~beside].reset_index(drop=True), totals, differing


def _summed(totals: pd.DataFrame, towns: pd.DataFrame, by: Sequence[str], counts: Sequence[str]) -> pd.DataFrame:
    """Return the sums of the township rows beside each total; missing where there is no such row."""
    sums = towns.groupby(list(by), observed=True)[list(counts)].sum().reset_index()
    return totals[list(by)].merge(sums, on=list(by), how="left")

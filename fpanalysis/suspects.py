"""Which single figure of a set of reported tables is wrong: the one that all broken sums have in common.

Reported figures obey sums: opening + new - exits = closing in every place, every place above = the places below it,
item by item, and each figure = what the rows give, where there are rows. One wrong cell breaks exactly the sums that it
stands in, each by its own error (or minus that). So the suspects are the cells that stand in all broken sums and in no
other, and whose change by one amount mends them all; with two kinds of sums through a cell that is one cell.

The idea is that of parity checks in two directions (R. W. Hamming, Bell System Technical Journal 29, 1950, 147).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

__all__ = ["suspects"]

FLOW = {"opening": 1, "new": 1, "exits": -1, "closing": -1}
TOLERANCE = 1e-6


def suspects(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of which one alone can be wrong, with the value that would mend all sums as `mended`.

    `cells`: place, parent (the place above, "" for none), item, value, and perhaps computed (from the rows; NaN: none).
    No broken sum, or several wrong cells: no rows. Sums with a missing cell are not asked.
    """
    values = cells["value"].to_numpy(dtype="float64")
    sums = list(_sums(cells))
    matrix, target = np.zeros((len(sums), len(cells))), np.zeros(len(sums))
    for line, (members, total) in enumerate(sums):
        matrix[line, list(members)], target[line] = list(members.values()), total
    gap = target - matrix @ values
    broken = np.abs(gap) > TOLERANCE
    if not broken.any():
        return cells[:0].assign(mended=np.empty(0))
    change = gap[broken][0] / np.where(matrix[broken][0] == 0, np.nan, matrix[broken][0])
    mends = np.abs(matrix * np.nan_to_num(change) - gap[:, None]) < TOLERANCE
    alone = mends.all(axis=0) & np.isfinite(change)
    return cells[alone].assign(mended=values[alone] + change[alone])


def _sums(cells: pd.DataFrame) -> Iterator[tuple[Mapping[int, int], float]]:
    """Yield every sum that the cells obey: position of a cell -> its sign, and what it adds up to."""
    at = {(place, item): n for n, (place, item) in enumerate(zip(cells["place"], cells["item"], strict=True))}
    below = cells.groupby("parent")["place"].unique()
    for place in cells["place"].unique():
        if all((place, item) in at for item in FLOW):
            yield {at[place, item]: sign for item, sign in FLOW.items()}, 0.0
        for item in cells["item"].unique() if place in below else ():
            if all((p, item) in at for p in (place, *below[place])):
                yield {at[place, item]: -1, **{at[p, item]: 1 for p in below[place]}}, 0.0
    if "computed" in cells:
        for n, value in enumerate(cells["computed"]):
            if not np.isnan(value):
                yield {n: 1}, float(value)

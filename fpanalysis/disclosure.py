"""Small numbers of people hidden before anything is shown: suppression, and what a reader could work out again.

A township figure that counts fewer than `smallest` people could point to one of them. It is hidden, and with it
every figure that gives it away: the money that belongs to it, and in each sum in which it is the only one hidden, the
next smallest figure (complementary suppression). Sums are the county total over townships, opening + new - exits =
closing, and a figure and its parts. County figures stay.

Reference: Hundepool and others, Statistical Disclosure Control (Wiley 2012), chapter 4 (frequency tables, primary and
secondary suppression). Against what several sums together allow by solving equations, this gives no guarantee.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from .results import note

__all__ = ["HIDDEN", "protect"]

HIDDEN = "note.suppressed"
"""The note of a figure that is not shown."""


def protect(results: pd.DataFrame, *, smallest: int, measures: Sequence[str], county: str) -> pd.DataFrame:
    """Return the results with small township counts of people hidden: numbers missing, note `note.suppressed`.

    `measures`: the person counts, by the beginning of their names (`pay_class`, `roll_new`; whole parts, so that
    `pay_class` is not `pay_class_amount`). Hidden is a township row with 0 < count < smallest; with a total also when
    0 < total - count < smallest or 0 < total < smallest; then what would give it away (see the module). Figures of
    money follow the people they belong to (MONEY). `smallest` of 0 or 1 hides nothing.
    """
    if smallest <= 1 or results.empty:
        return results.copy()
    counts = results["measure"].map(lambda m: _is_person_count(m, measures)).to_numpy(dtype=bool)
    township = (results["place"] != county).to_numpy()
    hidden = counts & township & _small(results, smallest)
    if hidden.any():
        hidden = _complementary(results, hidden, counts, township, smallest)
        hidden |= _money_of(results, hidden)
    found = results.copy()
    found.loc[hidden, ["count", "total", "value", "lower", "upper", "p"]] = np.nan
    found.loc[hidden, "note"] = note(HIDDEN, smallest=smallest)
    return found


def _is_person_count(measure: str, measures: Sequence[str]) -> bool:
    return any(measure == m or measure.startswith(f"{m.removesuffix('/')}/") for m in measures)


def _small(results: pd.DataFrame, smallest: int) -> np.ndarray:
    count, total = results["count"], results["total"]
    small = [(n > 0) & (n < smallest) for n in (count, total, total - count)]
    return np.logical_or.reduce(small)


def _complementary(
    results: pd.DataFrame, hidden: np.ndarray, counts: np.ndarray, township: np.ndarray, smallest: int
) -> np.ndarray:
    """Return the hidden rows and those that must go with them, until no sum gives one away."""
    hidden, size = hidden.copy(), results["count"].to_numpy()
    sums = list(_sums(results, counts))
    changed = True
    while changed:
        changed = False
        for members in sums:
            extra = _one_more(members, hidden, township, size, smallest)
            if extra is not None:
                hidden[extra] = changed = True
    return hidden


def _one_more(
    members: np.ndarray, hidden: np.ndarray, township: np.ndarray, size: np.ndarray, smallest: int
) -> int | None:
    """Return the row to hide next so that a sum gives nothing away; None when it does not, or no row is left."""
    gone = members[hidden[members]]
    if not len(gone) or not _given_away(size[gone], smallest):
        return None
    left = members[~hidden[members] & township[members]]
    if not len(left):
        return None
    return int(min(left, key=lambda i: (size[i] == 0, size[i], i)))


def _given_away(sizes: np.ndarray, smallest: int) -> bool:
    """Return whether the sum of hidden counts tells each: one alone, or all small and at one end of the possible."""
    if len(sizes) == 1:
        return True
    all_small = bool((sizes > 0).all() and (sizes < smallest).all())
    return all_small and sizes.sum() in (len(sizes), len(sizes) * (smallest - 1))


def _sums(results: pd.DataFrame, counts: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the positions of rows that add up: over places, over the flow of a roll, over a figure and its parts."""
    mine = results.loc[counts, ["place", "period", "measure"]].assign(at=np.flatnonzero(counts))
    head, _, tail = (mine["measure"].str.partition("/")[i] for i in range(3))
    for _, group in mine.groupby(["period", "measure"]):
        yield group["at"].to_numpy()
    flow = mine.assign(tail=tail)[head.isin(FLOW) & ~tail.str.contains("/")]
    for _, group in flow.groupby(["place", "period", "tail"]):
        yield group["at"].to_numpy()
    parent = mine["measure"].str.rpartition("/")[0]
    for _, group in mine.assign(family=parent).query("family != ''").groupby(["place", "period", "family"]):
        whole = mine[(mine["place"] == group["place"].iloc[0]) & (mine["period"] == group["period"].iloc[0])
                     & (mine["measure"] == group["family"].iloc[0])]  # fmt: skip
        if len(whole):
            yield np.concatenate([whole["at"].to_numpy(), group["at"].to_numpy()])


def _money_of(results: pd.DataFrame, hidden: np.ndarray) -> np.ndarray:
    """Return the rows of money (and of differences) whose people are hidden."""
    gone = set(zip(*(results.loc[hidden, c] for c in ("place", "period", "measure")), strict=True))
    follows = [any((row.place, row.period, m) in gone for m in _people_of(row.measure)) for row in results.itertuples()]
    return np.array(follows, dtype=bool)


def _people_of(measure: str) -> list[str]:
    """Return the person counts that a figure of money or a difference belongs to."""
    head, _, tail = measure.partition("/")
    if head == "reported_difference":
        programme, _, item = tail.rpartition("/")
        return [f"roll_{item}/{programme}"]
    return [f"{people}/{tail}" for people in MONEY.get(head, ())]


FLOW = ("roll_opening", "roll_new", "roll_exits", "roll_closing")
"""The figures of opening + new - exits = closing."""

MONEY = {
    "pay_class_amount": ("pay_class",),
    "pay_amount": ("pay_on_time", "pay_class"),
    "entitled_amount": ("pay_on_time", "pay_class"),
}
"""Figures of money and the person counts by which they are hidden."""

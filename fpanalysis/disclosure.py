"""Small numbers of people hidden before anything is shown: suppression, and what a reader could work out again.

A township figure that counts fewer than `smallest` people could point to one of them. It is hidden, and with it every
figure that gives it away: the money that belongs to it, and whatever the published sums would tell. Two things are
made sure of. In every single sum a hidden figure stands with another one (the next smallest), so that no subtraction
tells it. And all sums together are held against the hidden figures as a system of linear equations: none is
determined by them, and each could, with no count below zero, be `smallest` or more. County figures stay.

The sums are those that the table itself obeys: county = townships, opening + new - exits = closing, reported = births +
carried in - unregistered, men - women = their difference, and a figure = its parts (by order, by sex, by class). What
stands in another table is not looked at (protect together what is published together), nor the reports of other
periods, but for counts that one figure here and theirs tell (`elsewhere`).

References: Hundepool and others, Statistical Disclosure Control (Wiley 2012), chapter 4 (primary and secondary
suppression of frequency tables, and their audit by linear programming); Fischetti and Salazar, Management Science 47
(2001) 1008.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TypeAlias

import numpy as np
import pandas as pd
from scipy.optimize import linprog

from .overlaps import tells_small
from .results import note

__all__ = ["HIDDEN", "protect"]

HIDDEN = "note.suppressed"
"""The note of a figure that is not shown."""

Flags: TypeAlias = np.ndarray
Sum: TypeAlias = Mapping[int, int]
"""Figures that add up to zero: position of a figure (`_Figures`) -> its sign."""

TOLERANCE = 1e-6


def protect(
    results: pd.DataFrame,
    *,
    smallest: int,
    measures: Sequence[str],
    county: str,
    townships: Sequence[str] = ("*",),
    elsewhere: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the results with small township counts of people hidden: numbers missing, note `note.suppressed`.

    `townships`: what townships are broken down by at all; their other rows are left out. "births/*" is every measure
    with one part below births (a star does not pass a slash), "*" alone is everything.

    `measures`: the person counts, by the beginning of their names (`pay_class`, `roll_new`; whole parts, so that
    `pay_class` is not `pay_class_amount`). Hidden is a township row with 0 < count < smallest; with a total also when
    0 < total - count < smallest or 0 < total < smallest; then what would give it away (see the module). Figures of
    money follow the people they belong to (MONEY), and so does a reported figure beside them. `smallest` of 0 or 1
    hides nothing. Rows that are hidden already stay so.

    `elsewhere`: rows that reports of other periods show, of counts that add up over months; a count that tells a small
    one together with them (a year less its half-year) is hidden like a small one.
    """
    results = _published(results, county, townships)
    if smallest <= 1 or results.empty:
        return results
    counts = results["measure"].map(lambda m: _is_person_count(m, measures)).to_numpy(dtype=bool)
    township = (results["place"] != county).to_numpy()
    small = counts & township & _small(results, smallest)
    if elsewhere is not None:
        small |= counts & township & tells_small(results, elsewhere, smallest=smallest)
    before = counts & results["note"].str.contains(f'"{HIDDEN}"', regex=False).to_numpy()
    hidden = small | before
    if small.any():
        sums = list(_sums(results, counts & (results["count"].notna().to_numpy() | before), township))
        hidden = _complementary(results, hidden, sums, township, smallest)
        hidden = _audited(results, small, hidden, sums, township, smallest)
        money = _money_of(results, hidden)
        hidden |= _audited_money(results, money, township)
    found = results
    found.loc[hidden, ["count", "total", "value", "lower", "upper", "p"]] = np.nan
    found.loc[hidden, "note"] = note(HIDDEN, smallest=smallest)
    return found


def _published(results: pd.DataFrame, county: str, townships: Sequence[str]) -> pd.DataFrame:
    """Return the county's rows and those of the townships that a pattern allows."""
    if "*" in townships:
        return results.copy()
    allowed = {m for m in results["measure"].unique() if any(_matches(m, pattern) for pattern in townships)}
    return results[(results["place"] == county) | results["measure"].isin(allowed)].reset_index(drop=True)


def _matches(measure: str, pattern: str) -> bool:
    parts, wanted = measure.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(fnmatchcase(p, w) for p, w in zip(parts, wanted, strict=True))


def _is_person_count(measure: str, measures: Sequence[str]) -> bool:
    return any(measure == m or measure.startswith(f"{m.removesuffix('/')}/") for m in measures)


def _small(results: pd.DataFrame, smallest: int) -> Flags:
    count, total = results["count"].abs(), results["total"]
    small = [(n > 0) & (n < smallest) for n in (count, total, total - count)]
    return np.logical_or.reduce(small)


# ---- single sums ------------------------------------------------------------------------------------------


def _complementary(results: pd.DataFrame, hidden: Flags, sums: Sequence[Sum], township: Flags, smallest: int) -> Flags:
    """Return the hidden rows and those that must go with them, until no single sum gives one away."""
    hidden, size = hidden.copy(), results["count"].to_numpy()
    changed = True
    while changed:
        changed = False
        for members in (np.array(list(members)) for members in sums):
            extra = _one_more(members, hidden, township, size, smallest)
            if extra is not None:
                hidden[extra] = changed = True
    return hidden


def _one_more(members: np.ndarray, hidden: Flags, township: Flags, size: np.ndarray, smallest: int) -> int | None:
    """Return the row to hide next so that a sum gives nothing away; None when it does not, or no row is left."""
    gone = members[hidden[members]]
    if not len(gone) or not _given_away(size[gone], smallest):
        return None
    return _next(members, hidden, township, size)


def _next(members: Iterable[int], hidden: Flags, township: Flags, size: np.ndarray) -> int | None:
    """Return the township row to hide next: the smallest that is not zero; None when no row is left."""
    left = [i for i in members if township[i] and not hidden[i]]
    return min(left, key=lambda i: (size[i] == 0, abs(size[i]), i), default=None)


def _given_away(sizes: np.ndarray, smallest: int) -> bool:
    """Return whether the sum of hidden counts tells each: one alone, or all small and at one end of the possible."""
    if len(sizes) == 1:
        return True
    all_small = bool((sizes > 0).all() and (sizes < smallest).all())
    return all_small and sizes.sum() in (len(sizes), len(sizes) * (smallest - 1))


# ---- all sums together ------------------------------------------------------------------------------------


def _audited(
    results: pd.DataFrame, small: Flags, hidden: Flags, sums: Sequence[Sum], township: Flags, smallest: int
) -> Flags:
    """Return the hidden rows with those added without which all sums together would tell a small figure.

    A figure that is told is one whose largest possible value, given all that is shown, is below `smallest`.
    """
    hidden, size = hidden.copy(), results["count"].to_numpy()
    signed = results["measure"].str.startswith(tuple(SIGNED)).to_numpy()
    open_rows = set(np.flatnonzero(small))
    while open_rows:
        open_rows = {i for i in open_rows if not _may_reach(i, sums, hidden, size, signed, smallest)}
        found = [_partner(i, sums, hidden, township, size) for i in sorted(open_rows)]
        extra = [i for i in found if i is not None]
        if not extra:
            break
        hidden[extra] = True
    return hidden


def _may_reach(row: int, sums: Sequence[Sum], hidden: Flags, size: np.ndarray, signed: Flags, least: float) -> bool:
    """Return whether a hidden figure could be `least` or more, given the sums of all that is shown."""
    linked = _linked(row, sums, hidden)
    unknown = sorted({i for s in linked for i in s if hidden[i]} | {row})
    at = {i: n for n, i in enumerate(unknown)}
    matrix, known = np.zeros((len(linked), len(unknown))), np.zeros(len(linked))
    for line, members in enumerate(linked):
        for i, sign in members.items():
            if hidden[i]:
                matrix[line, at[i]] = sign
            else:
                known[line] -= sign * size[i]
    goal = np.zeros(len(unknown))
    goal[at[row]] = -1.0
    bounds = [(None, None) if signed[i] else (0, None) for i in unknown]
    found = linprog(goal, A_eq=matrix if len(linked) else None, b_eq=known if len(linked) else None, bounds=bounds)
    return bool(found.status == 3 or (found.status == 0 and -found.fun >= least - TOLERANCE))


def _linked(row: int, sums: Sequence[Sum], hidden: Flags) -> list[Sum]:
    """Return the sums that bear on a hidden figure: those it stands in, and those of the hidden ones beside it."""
    seen, reached, linked = {row}, [row], []
    by_row = defaultdict(list)
    for n, members in enumerate(sums):
        for i in members:
            if hidden[i]:
                by_row[i].append(n)
    used: set[int] = set()
    while reached:
        for n in by_row[reached.pop()]:
            if n not in used:
                used.add(n)
                linked.append(sums[n])
                fresh = {i for i in sums[n] if hidden[i]} - seen
                seen |= fresh
                reached += fresh
    return linked


def _partner(row: int, sums: Sequence[Sum], hidden: Flags, township: Flags, size: np.ndarray) -> int | None:
    """Return the row to hide beside one that is told: from a sum it stands in, else from one linked to it."""
    near = {i for s in sums if row in s for i in s}
    found = _next(sorted(near), hidden, township, size)
    return found if found is not None else _next(sorted({i for s in _linked(row, sums, hidden) for i in s}), hidden,
                                                 township, size)  # fmt: skip


def _audited_money(results: pd.DataFrame, money: Flags, township: Flags) -> Flags:
    """Return the hidden rows of money with those added without which a county's total would tell one of them."""
    hidden, size = money.copy(), results["count"].to_numpy()
    heads = results["measure"].str.partition("/")[0].isin(list(MONEY)).to_numpy()
    for _, group in results.assign(at=np.arange(len(results)))[heads].groupby(["period", "measure"]):
        members = group["at"].to_numpy()
        if hidden[members].sum() == 1:
            extra = _next(members, hidden, township, size)
            if extra is not None:
                hidden[extra] = True
    return hidden


# ---- the sums of a table ----------------------------------------------------------------------------------


def _sums(results: pd.DataFrame, counts: Flags, township: Flags) -> Iterator[Sum]:
    """Yield the sums over person counts that hold in the table (or have a hidden member, and so may)."""
    size = results["count"].to_numpy()
    names = ("place", "period", "measure")
    at = {key: i for i, key in zip(np.flatnonzero(counts), results.loc[counts, list(names)].itertuples(index=False,
          name=None), strict=True)}  # fmt: skip
    seen: set[frozenset[tuple[int, int]]] = set()
    for candidate in (*_over_places(results, counts, township), *_flows(at), *_over_parts(at)):
        key = frozenset(candidate.items())
        total = sum(sign * size[i] for i, sign in candidate.items())
        if len(candidate) > 1 and key not in seen and (np.isnan(total) or abs(total) < TOLERANCE):
            seen.add(key)
            yield candidate


def _over_places(results: pd.DataFrame, counts: Flags, township: Flags) -> Iterator[Sum]:
    signs = np.where(township, 1, -1)
    mine = results.loc[counts, ["period", "measure"]].assign(at=np.flatnonzero(counts))
    for _, group in mine.groupby(["period", "measure"]):
        yield {int(i): int(signs[i]) for i in group["at"]}


def _flows(at: Mapping[tuple[str, str, str], int]) -> Iterator[Sum]:
    for place, period, measure in at:
        head, slash, tail = measure.partition("/")
        for flow in FLOWS:
            if head == next(iter(flow)):
                keys = {(place, period, f"{name}{slash}{tail}"): sign for name, sign in flow.items()}
                if all(key in at for key in keys):
                    yield {at[key]: sign for key, sign in keys.items()}
        if head == DIFFERENCE:
            men, women = ((place, period, f"checkups/{tail}/{sex}") for sex in ("male", "female"))
            if men in at and women in at:
                yield {at[men]: 1, at[women]: -1, at[place, period, measure]: -1}


def _over_parts(at: Mapping[tuple[str, str, str], int]) -> Iterator[Sum]:
    """Yield each figure with its parts: the parts of one kind (orders, sexes, others) add up to it."""
    families: dict[tuple[str, str, str, str], dict[int, int]] = defaultdict(dict)
    for (place, period, measure), i in at.items():
        parts = measure.split("/")
        for n in range(1, len(parts)):
            whole = "/".join(parts[:n] + parts[n + 1 :])
            if (place, period, whole) in at:
                families[place, period, whole, _kind(parts[n])][i] = 1
    for (place, period, whole, _), members in families.items():
        yield {at[place, period, whole]: -1, **members}


def _kind(part: str) -> str:
    if re.fullmatch(r"order\d", part):
        return "order"
    return "sex" if part in ("male", "female", "unknown") else "other"


def _money_of(results: pd.DataFrame, hidden: Flags) -> Flags:
    """Return the rows of money (and of differences) whose people are hidden."""
    gone = set(zip(*(results.loc[hidden, c] for c in ("place", "period", "measure")), strict=True))
    follows = [any((row.place, row.period, m) in gone for m in _people_of(row.measure)) for row in results.itertuples()]
    return hidden | np.array(follows, dtype=bool)


def _people_of(measure: str) -> list[str]:
    """Return the person counts that a figure of money or a difference belongs to."""
    head, _, tail = measure.partition("/")
    if head == "reported_difference":
        programme, _, item = tail.rpartition("/")
        people = MONEY["pay_amount"] if item == "amount" else (f"roll_{item}",)
        return [f"{name}/{programme}" for name in people]
    if head.startswith("srb_"):  # everything about a ratio goes with it: its limits, its shrunken value ...
        tail = tail if tail.startswith("order") else ""
        return [f"{people}/{tail}".removesuffix("/") for people in ("births", "srb")]
    return [f"{people}/{tail}".removesuffix("/") for people in MONEY.get(head, ())]


FLOWS = (
    {"roll_opening": 1, "roll_new": 1, "roll_exits": -1, "roll_closing": -1},
    {"births_reported": -1, "births": 1, "births_carried_in": 1, "births_unregistered": -1},
)
"""Figures that add up to zero for a place and programme (or part): opening + new - exits = closing; the two bases."""

DIFFERENCE = "checkups_difference"
SIGNED = (DIFFERENCE,)
"""Counts that may be below zero."""

MONEY = {
    "pay_class_amount": ("pay_class",),
    "pay_amount": ("pay_on_time", "pay_class"),
    "entitled_amount": ("pay_on_time", "pay_class"),
    "registered_on_time": ("registered/first", "registered/second"),
    "srb": ("births",),
}
"""Figures of money, and others whose total is a sum of person counts, with the person counts by which they are hidden.
"""

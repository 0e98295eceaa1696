"""Neighbouring townships that are high together: the flexible scan statistic.

A township of 250 births at 120 is found 6 times in 100 by any honest method; four neighbours at 120 are found
about half the time when they are tested as one. Every connected group of up to `largest` townships is compared
with the rest of the county by its likelihood ratio (Tango and Takahashi, Int. J. Health Geographics 4 (2005) 11;
Kulldorff, Communications in Statistics 26 (1997) 1481). The p-value is that of the *largest* of all groups among
counties in which the same boys are dealt out over the same births at random (Dwass, Annals of Mathematical Statistics
28 (1957) 181): it already allows for having looked at every group, so a group that is named was found on its own merit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from . import results
from .errors import FpError, did_you_mean

__all__ = ["connected", "scan"]

Floats: TypeAlias = NDArray[np.float64]

LARGEST = 4
DRAWS = 999
MOST_GROUPS = 50_000
MOST_BIRTHS = 1_000_000_000
"""Births that can be dealt out at random (a limit of numpy)."""


def scan(
    found: pd.DataFrame,
    *,
    period: str,
    county: str,
    neighbours: Mapping[str, Iterable[str]],
    rng: np.random.Generator,
    largest: int = LARGEST,
    draws: int = DRAWS,
    alpha: float = 0.05,
    measure: str = "srb",
) -> pd.DataFrame:
    """Return rows `srb_cluster/<number>` (place: the county): groups of neighbours with high ratios, the best first.

    `found`: rows `measure` of the townships, before small counts are hidden. `neighbours`: places that share a
    border; one direction is enough. The first row is always there when there are townships and neighbours; further ones
    are groups with p < `alpha` that share no place with those before. count = boys, total = births, value = ratio of
    the group, p by Monte Carlo over `draws` (never below 1 / (draws + 1)). The note names the places only when
    p < `alpha`.
    """
    rows = results.pick(found, period=period, measure=measure)
    rows = rows[(rows["place"] != county) & (rows["total"] > 0) & rows["count"].between(0, rows["total"])]
    places = list(rows["place"])
    edges = _edges(neighbours, {*results.pick(found, period=period)["place"]} - {county})
    if len(places) < 2 or not edges:
        return results.empty()
    groups = connected(places, edges, largest)
    member = np.zeros((len(groups), len(places)))
    for number, group in enumerate(groups):
        member[number, [places.index(place) for place in group]] = 1.0
    boys, total = rows["count"].to_numpy(), rows["total"].to_numpy()
    if total.sum() >= MOST_BIRTHS:
        raise FpError(f"{total.sum():,.0f} births in {period}, expected fewer than {MOST_BIRTHS:,}; check the counts")
    observed = _ratio_of_likelihoods(member @ boys, member @ total, boys.sum(), total.sum())
    dealt = rng.multivariate_hypergeometric(total.astype("int64"), int(boys.sum()), size=draws, method="marginals")
    best = np.array([
        _ratio_of_likelihoods(member @ some, member @ total, boys.sum(), total.sum()).max()
        for some in dealt.astype("float64")
    ])  # fmt: skip
    p = (1 + (best[None, :] >= observed[:, None] - 1e-9).sum(axis=1)) / (draws + 1)
    made = []
    for number, at in enumerate(_apart(groups, observed, p, alpha), start=1):
        made.append(_row(groups[at], member[at] @ boys, member[at] @ total, p[at], number, period, county, alpha))
    return results.rows(made)


def connected(places: Iterable[str], edges: Mapping[str, set[str]], largest: int) -> list[tuple[str, ...]]:
    """Return every connected group of one to `largest` places, each sorted, smaller ones first.

    Raises FpError when there are more than MOST_GROUPS.
    """
    known = set(places)
    layer = {(place,) for place in known}
    found = sorted(layer)
    for _ in range(largest - 1):
        grown: set[tuple[str, ...]] = set()
        for group in layer:
            near = set().union(*(edges.get(place, set()) for place in group)) & known - set(group)
            grown |= {tuple(sorted((*group, other))) for other in near}
            if len(found) + len(grown) > MOST_GROUPS:
                raise FpError(
                    f"more than {MOST_GROUPS:,} groups of up to {largest} neighbours; take a smaller `largest`"
                )
        layer = grown
        found += sorted(layer)
    return found


def _edges(neighbours: Mapping[str, Iterable[str]], known: set[str]) -> Mapping[str, set[str]]:
    """Return the neighbours of each place in both directions."""
    edges: dict[str, set[str]] = {}
    for place, others in neighbours.items():
        for other in others:
            for name in (place, other):
                if name not in known:
                    raise FpError(f"neighbour {name!r} is no township{did_you_mean(name, known)}")
            edges.setdefault(place, set()).add(other)
            edges.setdefault(other, set()).add(place)
    return edges


def _ratio_of_likelihoods(boys: Floats, births: Floats, all_boys: float, all_births: float) -> Floats:
    """Return the log likelihood ratio of each group being high, 0 where it is not higher than the rest."""
    rest_boys, rest = all_boys - boys, all_births - births

    def fit(k: Floats | float, n: Floats | float) -> Floats:
        return special.xlogy(k, k) + special.xlogy(n - k, n - k) - special.xlogy(n, n)

    gain = fit(boys, births) + fit(rest_boys, rest) - fit(all_boys, all_births)
    return np.where(boys * rest > rest_boys * births, np.maximum(gain, 0.0), 0.0)


def _apart(groups: list[tuple[str, ...]], observed: Floats, p: Floats, alpha: float) -> list[int]:
    """Return the best group, then the significant ones that share no place with those before."""
    order = np.argsort(-observed, kind="stable")
    chosen, used = [int(order[0])], set(groups[order[0]])
    for at in order[1:]:
        if p[at] < alpha and not used & set(groups[at]):
            chosen.append(int(at))
            used |= set(groups[at])
    return chosen


def _row(
    group: tuple[str, ...], boys: float, births: float, p: float, number: int, period: str, county: str, alpha: float
) -> dict[str, object]:
    named = bool(p < alpha)
    words = {"places": list(group)} if named else {}
    said = results.note(f"note.srb.cluster.{'found' if named else 'none'}", size=len(group), **words)
    ratio = 100 * boys / (births - boys) if births > boys else float("inf")
    return {"place": county, "period": period, "measure": f"srb_cluster/{number}", "count": boys, "total": births,
            "value": ratio, "p": float(p), "method": "scan", "note": said}  # fmt: skip

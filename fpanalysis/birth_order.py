"""Birth order and the sex ratio: contrasts between orders, and what made an overall ratio change.

Where sons are wanted, first births look natural and second and third births do not; pooling over orders hides it
(Ontario, mothers born in India: 196 boys per 100 girls after two girls, and no difference overall). The contrast
of two orders is a ratio of ratios, which is an odds ratio: conditional on the margins its test and interval are
exact (`stats.odds_ratio`). Two periods are compared within orders and put together by Mantel and Haenszel (JNCI 22
(1959) 719; variance: Robins, Breslow and Greenland, Biometrics 42 (1986) 311).

An overall ratio also moves when the mix of orders does. Its change is taken apart into a part for the mix and one
for the ratio of each order, by the average over all sequences of making the changes one after another (Shapley;
Das Gupta, US Bureau of the Census P23-186 (1993); Shorrocks, J. Economic Inequality 11 (2013) 99): the parts add up
to the change exactly, and no sequence is preferred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import comb
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from . import results, stats
from .errors import FpError

__all__ = ["change", "contrasts"]

Floats: TypeAlias = NDArray[np.float64]

ORDERS = (1, 2, 3)


def contrasts(
    found: pd.DataFrame, *, period: str, county: str, level: float = 0.95, kind: str = "midp"
) -> pd.DataFrame:
    """Return rows `srb_contrast/order2` and `/order3`: ratio of the order over the ratio of first births.

    `found`: `srb/order1` ... of one period. value: ratio of ratios with its interval (`kind`: "midp" or "exact"), p
    two-sided against 1; count = boys, total = births of the later order. An order without births has no row.
    """
    counts = _orders(found, period, county)
    rows = []
    for order in ORDERS[1:]:
        if order not in counts or ORDERS[0] not in counts:
            continue
        (boys, girls), first = counts[order], counts[ORDERS[0]]
        value, low, high, p = stats.odds_ratio((boys, girls), first, level, kind)
        if np.isnan(p):
            continue
        key = "different" if p < 1 - level else "same"
        said = results.note(f"note.srb.contrast.{key}", value=None if np.isnan(value) else value)
        rows.append({
            "place": county, "period": period, "measure": f"srb_contrast/order{order}", "count": boys,
            "total": boys + girls, "value": value, "lower": low, "upper": high, "p": p, "note": said,
            "method": f"odds_ratio_{kind}-{100 * level:g}",
        })  # fmt: skip
    return results.rows(rows)


def change(found: pd.DataFrame, *, period: str, before: str, county: str, level: float = 0.95) -> pd.DataFrame:
    """Return what made the county's ratio change from the period `before` to `period`.

    `found`: `srb/order1` ... of both periods. Rows: `srb_change` (value: points of boys per 100 girls; births of orders
    1-3), `srb_change/mix` and `srb_change/order<k>`, which add up to it exactly; `srb_change_ratio`: ratio of ratios
    within orders with interval and p against 1 (Mantel-Haenszel). No rows when either period lacks births or girls.
    """
    now, ago = (_orders(found, key, county) for key in (period, before))
    orders = [order for order in ORDERS if order in now or order in ago]
    tables = [np.array([counts.get(order, (0.0, 0.0)) for order in orders]).reshape(-1, 2) for counts in (ago, now)]
    if any(not table[:, 1].sum() for table in tables):
        return results.empty()
    total, parts = _decomposed(*tables)
    head = {"place": county, "period": period, "method": "shapley"}
    rows = [{**head, "measure": "srb_change", "value": total, "total": tables[1].sum()}]
    rows += [
        {**head, "measure": f"srb_change/{name}", "value": value}
        for name, value in zip(["mix", *(f"order{order}" for order in orders)], parts, strict=True)
    ]
    return results.rows([*rows, _pooled(tables[1], tables[0], period, before, county, level)])


def _orders(found: pd.DataFrame, period: str, county: str) -> Mapping[int, tuple[float, float]]:
    """Return boys and girls of each order that has births."""
    rows = results.pick(found, period=period, place=county, measure=[f"srb/order{order}" for order in ORDERS])
    if rows.duplicated("measure").any():
        raise FpError(f"several sex ratios of one birth order in {period}: pick one basis first")
    rows = rows[(rows["count"] >= 0) & (rows["total"] >= rows["count"]) & (rows["total"] > 0)]
    return {int(row.measure[-1]): (row.count, row.total - row.count) for row in rows.itertuples(index=False)}


def _decomposed(ago: Floats, now: Floats) -> tuple[float, list[float]]:
    """Return the change of the overall ratio and its parts: for the mix of orders, then for each order's share."""
    mixes = [table.sum(axis=1) / table.sum() for table in (ago, now)]
    shares = [_shares(table, other) for table, other in ((ago, now), (now, ago))]
    factors = 1 + len(ago)

    def ratio(changed: Sequence[int]) -> float:
        mix = mixes[0 in changed]
        share = np.array([shares[at + 1 in changed][at] for at in range(len(ago))])
        return float(100 * (mix @ share) / (mix @ (1 - share)))

    value = {some: ratio(some) for size in range(factors + 1) for some in combinations(range(factors), size)}
    parts = []
    for factor in range(factors):
        others = [at for at in range(factors) if at != factor]
        gains = [
            (value[tuple(sorted((*some, factor)))] - value[some]) / (factors * comb(factors - 1, len(some)))
            for size in range(factors)
            for some in combinations(others, size)
        ]
        parts.append(float(np.sum(gains)))
    return value[tuple(range(factors))] - value[()], parts


def _shares(table: Floats, other: Floats) -> Floats:
    """Return the share of boys by order; of an order without births that of the other period, which changes nothing."""
    whole = np.where(table.sum(axis=1, keepdims=True) > 0, table, other)
    return whole[:, 0] / whole.sum(axis=1)


def _pooled(now: Floats, ago: Floats, period: str, before: str, county: str, level: float) -> dict[str, Any]:
    """Return the row of the ratio of ratios, now against before, stratified by order."""
    value, error = _mantel_haenszel(now, ago)
    z = -special.ndtri((1 - level) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = float(2 * special.ndtr(-abs(np.log(value)) / error))
    key = "different" if p < 1 - level else "same"
    return {
        "place": county, "period": period, "measure": "srb_change_ratio", "value": value, "p": p,
        "lower": value * np.exp(-z * error), "upper": value * np.exp(z * error), "count": now[:, 0].sum(),
        "total": now.sum(), "method": f"mantel_haenszel-{100 * level:g}",
        "note": results.note(f"note.srb.change.{key}", before=before, p=p),
    }  # fmt: skip


def _mantel_haenszel(now: Floats, ago: Floats) -> tuple[float, float]:
    """Return the common odds ratio over strata and the standard error of its log (Robins, Breslow, Greenland)."""
    (a, b), (c, d) = now.T, ago.T
    whole = a + b + c + d
    r, s, agree, differ = a * d / whole, b * c / whole, (a + d) / whole, (b + c) / whole
    if not r.sum() or not s.sum():
        return float("nan"), float("nan")
    terms = (agree * r).sum() / (2 * r.sum() ** 2) + (differ * s).sum() / (2 * s.sum() ** 2)
    both = (agree * s + differ * r).sum() / (2 * r.sum() * s.sum())
    return float(r.sum() / s.sum()), float(np.sqrt(terms + both))

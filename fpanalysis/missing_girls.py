"""Girls that a high sex ratio says are missing, and whether the two ways of counting births agree on it.

With a natural ratio R, M boys go with M / R girls. How many girls M boys bring with them is itself a matter of chance
(negative binomial), and R is known only within limits (East Asia 1.054-1.072: Chao, Gerland, Cook and Alkema, PNAS 116
(2019) 9303). The interval holds both: with R taken as fixed it would miss the truth 10 times in 100 at 100,000
births. Girls "missing" in the statistics may be unborn, unregistered, or registered elsewhere: the number says
nothing of which.

Births by month of birth and by month of registration differ in the births carried in and those not yet registered.
Girls are more often registered late, so a ratio by registration that looks normal may hide one by occurrence that does
not, and the other way round; where the two bases disagree the report says so (`bases`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from . import results, stats

__all__ = ["bases", "missing_girls"]

Floats: TypeAlias = NDArray[np.float64]

UNCERTAIN = (105.4, 107.2)
"""95 % interval of the reference, boys per 100 girls."""
NODES = 41
HIGH = ("high",)


def missing_girls(
    found: pd.DataFrame,
    *,
    period: str,
    county: str,
    reference: float = 106.3,
    uncertain: tuple[float, float] = UNCERTAIN,
    level: float = 0.95,
    verdicts: Sequence[str] = HIGH,
) -> pd.DataFrame:
    """Return rows `srb_missing` of the county and its birth orders whose ratio is high; none when none is.

    `found`: `srb` rows with their notes. value: expected girls less girls (median), lower, upper: predictive
    interval with the chance of the births and the `uncertain` (95 %) reference in it. count = girls, total = births.
    `verdicts`: the findings for which it is worked out.
    """
    measures = ["srb", *(f"srb/order{order}" for order in (1, 2, 3))]
    rows = results.pick(found, place=county, period=period, measure=measures)
    made = []
    for row in rows.itertuples(index=False):
        if not row.note or results.read_note(row.note)[0].removeprefix("note.srb.") not in verdicts:
            continue
        girls = row.total - row.count
        ends = _girls(row.count, reference, uncertain, (0.5, (1 - level) / 2, (1 + level) / 2))
        middle, low, high = (end - girls for end in ends)
        said = results.note("note.srb.missing", reference=reference, low=uncertain[0], high=uncertain[1])
        made.append({
            "place": county, "period": period, "measure": row.measure.replace("srb", "srb_missing", 1), "count": girls,
            "total": row.total, "value": middle, "lower": low, "upper": high, "note": said,
            "method": f"negative_binomial-{100 * level:g}",
        })  # fmt: skip
    return results.rows(made)


def bases(
    births: pd.DataFrame, *, months: pd.PeriodIndex, period: str, county: str, level: float = 0.95, kind: str = "midp"
) -> pd.DataFrame:
    """Return rows that hold the two bases of a period against each other.

    `srb_basis/occurred` and `srb_basis/registered`: the ratio on each, with interval. `srb_late`: ratio of ratios
    between births registered now that happened before and those in both, with interval and p: are births found
    late of another sex ratio? Its note says whether the bases agree, or that no sex is known.
    """
    born, recorded = births["occurred"].isin(months), births["registered"].isin(months)
    rows = []
    for name, mine in (("occurred", born), ("registered", recorded)):
        boys, girls = _sexes(births[mine])
        low, high = stats.binomial_interval(boys, boys + girls, level, kind)
        rows.append({
            "measure": f"srb_basis/{name}", "count": boys, "total": boys + girls, "value": _ratio(boys, girls),
            "lower": float(stats.share_to_ratio(low)), "upper": float(stats.share_to_ratio(high)),
            "method": f"{kind}-{100 * level:g}",
        })  # fmt: skip
    late, prompt = _sexes(births[recorded & ~born]), _sexes(births[recorded & born])
    value, low, high, p = stats.odds_ratio(late, prompt, level, kind)
    apart = [row["value"] for row in rows]
    key = "none" if np.isnan(p) else "differ" if p < 1 - level else "agree"
    if not any(row["total"] for row in rows) and births.loc[born | recorded, "count"].sum() > 0:
        key, rows = "unknown", [{**row, "count": np.nan, "total": np.nan} for row in rows]
    said = results.note(f"note.srb.bases.{key}", occurred=_known(apart[0]), registered=_known(apart[1]),
                        late=int(sum(late)), ratio=_known(_ratio(*late)), p=_known(p))  # fmt: skip
    rows.append({
        "measure": "srb_late", "count": late[0], "total": sum(late), "value": value, "lower": low,
        "upper": high, "p": p, "method": f"odds_ratio_{kind}-{100 * level:g}", "note": said,
    })  # fmt: skip
    return results.rows([{"place": county, "period": period, **row} for row in rows])


def _girls(boys: float, reference: float, uncertain: tuple[float, float], at: Sequence[float]) -> list[float]:
    """Return quantiles of the girls that come with so many boys: negative binomial, mixed over the reference."""
    if boys <= 0:
        return [0.0 for _ in at]
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    spread = (np.log(uncertain[1]) - np.log(uncertain[0])) / (2 * -special.ndtri(0.025))
    share = stats.ratio_to_share(reference * np.exp(spread * nodes))
    weights = weights / weights.sum()

    def below(girls: float) -> float:
        return float(weights @ special.betainc(boys, girls + 1, share))

    return [_smallest(below, q, 100 * boys / reference) for q in at]


def _smallest(below: object, q: float, start: float) -> float:
    """Return the smallest whole number whose distribution function reaches q."""
    low, high = -1.0, 2 * start + 50
    while high - low > 1:
        middle = np.floor((low + high) / 2)
        low, high = (low, middle) if below(middle) >= q else (middle, high)  # type: ignore[operator]
    return float(high)


def _sexes(births: pd.DataFrame) -> tuple[float, float]:
    boys, girls = (float(births.loc[births["sex"] == sex, "count"].sum()) for sex in ("male", "female"))
    return boys, girls


def _ratio(boys: float, girls: float) -> float:
    if boys + girls <= 0:
        return float("nan")
    return 100 * boys / girls if girls else float("inf")


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

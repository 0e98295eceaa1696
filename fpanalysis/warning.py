"""Early warning: months, townships and slow drifts that differ from what the time before foretold.

A raw fall in the last months says nothing: they are incomplete. So counts are compared with what would be registered
by now, under the forecast made from the months before (`forecast.surprises`, `forecast.expected`), both ways. Whoever
looks at many places and months finds something by chance; the whole report has one budget for that (by default a
false alarm in 5 % of reports), shared out here: 40 % to the months of the county, 40 % to the townships (each judged
once, over the whole period, since a month of 40 births shows nothing), 20 % to slow drift of the county. What each
share buys is divided evenly over its tests (Bonferroni).

Drift: two-sided CUSUM on the normal scores of the forecasts of the last 24 months, one month ahead each; its limit is
the quantile of its maximum over simulated scores. Causes are offered, never asserted.

References: Page, Biometrika 41 (1954) 100 (CUSUM); Farrington et al., Journal of the Royal Statistical Society A 159
(1996) 547 (alarms against a forecast of the count); Dunn, Journal of the American Statistical Association 56 (1961) 52.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from . import forecast, results

__all__ = ["PARTS", "alarms", "followed", "raised"]

PARTS = {"month": 0.4, "township": 0.4, "drift": 0.2}
"""Shares of the budget."""
DRAWS = 20_000
MEMORY = 24
"""Months over which drift is looked for."""
SLACK = 0.25
"""CUSUM's allowance: half of the shift of a score that it is quickest to find."""
STRONG = 0.2
"""Relative difference from which an alarm is called a strong one."""
RAISED = ("fall", "rise", "fall_strong", "rise_strong", "drift_down", "drift_up")


def alarms(
    monthly: pd.DataFrame,
    *,
    county: str,
    months: pd.PeriodIndex,
    period: str,
    budget: float = 0.05,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> pd.DataFrame:
    """Return the alarms of a period and everything that was looked at for them.

    `monthly`: series of county and townships as from `nowcast.completed`. Rows `alarm/month` (county, one a month),
    `alarm/township` (each township, the whole period) and `alarm/drift` (county): value = completed births over the
    expected ones - 1, count = births so far, total = completed, p two-sided; the note says fall, rise or nothing, what
    to check first, and stands on one budget: row `alarm_budget` (value = chance of any false alarm in the report,
    count = number of tests). What cannot be judged has no row.
    """
    shares = {name: budget * share for name, share in PARTS.items()}
    towns = monthly[monthly["place"] != county]
    judged = [
        _monthly(monthly[monthly["place"] == county], months, shares["month"]),
        _townships(towns, months, period, shares["township"], rng, draws),
        _drift(monthly[monthly["place"] == county], months, period, shares["drift"], rng),
    ]
    rows = results.combine(judged)
    tests = float(len(rows))
    about = results.note("note.alarm.budget", tests=tests, budget=budget, **PARTS)
    total = {"place": county, "period": period, "measure": "alarm_budget", "count": tests, "value": budget,
             "method": "bonferroni", "note": about}  # fmt: skip
    return results.combine([rows, results.rows([total])]) if tests else results.empty()


def raised(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `alarms` that are alarms."""
    keys = [results.read_note(note)[0] if note else "" for note in rows["note"]]
    return rows[rows["measure"].str.startswith("alarm/") & pd.Series(keys, index=rows.index).isin(_keys(RAISED))]


def followed(earlier: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Return what became of alarms that earlier releases raised: rows `alarm_before/...`, one an alarm.

    `earlier`: kept rows of `alarms` of any releases (of several for the same place, period and kind, the first alarm
    counts), `now`: those of this one. value = the difference as it was then, total = as it is now; the note says
    whether it stands, is withdrawn (today's figures show none), or is not judged any more.
    """
    before = raised(earlier).drop_duplicates(["place", "period", "measure"])
    present = now.set_index(["place", "period", "measure"])
    standing = set(map(tuple, raised(now)[["place", "period", "measure"]].to_numpy()))
    records = [_outcome(row, present, standing) for row in before.itertuples(index=False)]
    return results.rows(records) if records else results.empty()


def _outcome(row: Any, present: pd.DataFrame, standing: set[tuple[str, ...]]) -> dict[str, Any]:
    key = (row.place, row.period, row.measure)
    state = "stands" if key in standing else "withdrawn" if key in present.index else "not_judged"
    value = float(present.loc[[key], "value"].iloc[0]) if key in present.index else np.nan
    measure = row.measure.replace("alarm/", "alarm_before/")
    note = results.note(f"note.alarm.{state}", then=row.value, now=None if np.isnan(value) else value)
    return {"place": row.place, "period": row.period, "measure": measure, "value": row.value, "total": value,
            "method": row.method, "note": note}  # fmt: skip


def _keys(names: tuple[str, ...]) -> list[str]:
    return [f"note.alarm.{name}" for name in names]


def _monthly(county: pd.DataFrame, months: pd.PeriodIndex, alpha: float) -> pd.DataFrame:
    found = forecast.surprises(county, months=months)
    if not len(found):
        return results.empty()
    p = 2 * np.minimum(found["below"], 1 - found["below"]).to_numpy()
    records = [
        _judged(row.place, str(row.month), "alarm/month", row.births, row.completed, row.expected, chance,
                alpha / len(found), "gp")
        for row, chance in zip(found.itertuples(index=False), p, strict=True)
    ]  # fmt: skip
    return results.rows(records)


def _townships(
    towns: pd.DataFrame, months: pd.PeriodIndex, period: str, alpha: float, rng: np.random.Generator, draws: int
) -> pd.DataFrame:
    known = towns[towns["month"] <= towns["month"].max()] if len(towns) else towns
    months = months[months <= known["month"].max()] if len(known) else months[:0]
    if not len(months):
        return results.empty()
    rows = forecast.expected(known, months=months, period=period, levels=(0.95,), rng=rng, draws=draws)
    rows = rows[rows["p"].notna() & (rows["value"] > 0) & rows["total"].notna()]
    records = [
        _judged(row.place, period, "alarm/township", row.count, row.total, row.value, row.p, alpha / len(rows), "gp")
        for row in (results.Fact(*values) for values in rows.itertuples(index=False))
    ]
    return results.rows(records) if records else results.empty()


def _judged(
    place: str, period: str, measure: str, births: float, completed: float, expected: float, p: float, alpha: float,
    method: str,
) -> dict[str, Any]:  # fmt: skip
    change = completed / expected - 1
    side = "none" if p >= alpha else "fall" if change < 0 else "rise"
    key = f"{side}_strong" if side != "none" and abs(change) >= STRONG else side
    facts = {"change": change, "births": births, "completed": completed, "expected": expected, "alpha": alpha}
    note = results.note(f"note.alarm.{key}", **facts)
    return {"place": place, "period": period, "measure": measure, "count": births, "total": completed,
            "value": change, "p": min(p, 1.0), "method": method, "note": note}  # fmt: skip


def _drift(
    county: pd.DataFrame, months: pd.PeriodIndex, period: str, alpha: float, rng: np.random.Generator
) -> pd.DataFrame:
    last = pd.period_range(months[-1] - MEMORY + 1, months[-1], freq="M")
    found = forecast.surprises(county, months=last)
    if len(found) < MEMORY // 2:
        return results.empty()
    scores = special.ndtri(np.clip(found["below"].to_numpy(), 1e-6, 1 - 1e-6))
    limit = float(np.quantile(_cusum(rng.standard_normal((DRAWS, len(scores)))).max(axis=(0, 2)), 1 - alpha))
    path = _cusum(scores[None, :])[:, 0]
    side, month = np.unravel_index(int(path.argmax()), path.shape)
    zero = np.flatnonzero(path[side, : month + 1] == 0)
    run = found.iloc[(int(zero[-1]) + 1 if len(zero) else 0) : month + 1]
    change = float(run["completed"].sum() / run["expected"].sum() - 1) if len(run) else 0.0
    height = float(path.max())
    key = "no_drift" if height <= limit else ("drift_up", "drift_down")[side]
    since = str(run["month"].iloc[0]) if len(run) else str(last[0])
    note = results.note(f"note.alarm.{key}", change=change, since=since, height=height, limit=limit, months=len(scores))
    row = {"place": county["place"].iloc[0], "period": period, "measure": "alarm/drift", "count": run["births"].sum(),
           "total": run["completed"].sum(), "value": change, "method": "cusum", "note": note}  # fmt: skip
    return results.rows([row])


def _cusum(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return upper and lower CUSUM of each row of scores (2, rows, months)."""
    path = np.zeros((2, *scores.shape))
    height = np.zeros((2, len(scores)))
    for month in range(scores.shape[1]):
        step = np.stack([scores[:, month], -scores[:, month]]) - SLACK
        height = np.maximum(height + step, 0.0)
        path[:, :, month] = height
    return path

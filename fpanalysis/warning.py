"""Early warning: months, townships and slow drifts that differ from what the time before foretold.

A raw fall in the last months says nothing: they are incomplete. So counts are compared with what would be registered
by now, under the forecast made from the months before (`forecast.surprises`), both ways. Whoever looks at many places
and months finds something by chance; the whole report has one budget for that (by default a false alarm in 5 % of
reports), shared out here: 45 % to the months of the county, 45 % to the townships (each judged once, over the whole
period, since a month of 40 births shows nothing), 10 % to slow drift of the county. A part that cannot be judged leaves
its share to the others. What each share buys is divided evenly over its tests (Bonferroni).

How far births miss what was foretold differs from county to county, and a scale learned elsewhere would leave most of
the budget unspent in a quiet one, or overdraw it in a wild one. So scores are held against the earlier ones of the same
county, those of townships against the earlier half-years (or years) of all townships together (`gp.own`).

Drift: two-sided CUSUM on the scores of the last 24 months, one month ahead each; its limit is the quantile of its
maximum over simulated scores. Where the level never moves at all the forecast follows chance, errors take turns, and
this part spends next to nothing. Causes are offered, never asserted.

References: Page, Biometrika 41 (1954) 100 (CUSUM); Farrington et al., Journal of the Royal Statistical Society A 159
(1996) 547 (alarms against a forecast of the count); Dunn, Journal of the American Statistical Association 56 (1961) 52.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from . import forecast, gp, results

__all__ = ["PARTS", "alarms", "followed", "raised"]

PARTS = {"month": 0.45, "township": 0.45, "drift": 0.1}
"""Shares of the budget."""
DRAWS = 10_000
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
) -> pd.DataFrame:
    """Return the alarms of a period and everything that was looked at for them.

    `monthly`: series of county and townships as from `nowcast.completed`. Rows `alarm/month` (county, one a month),
    `alarm/township` (each township, the whole period) and `alarm/drift` (county): value = completed births over the
    expected ones - 1, count = births so far, total = completed, p two-sided; the note says fall, rise or nothing, what
    to check first, and stands on one budget: row `alarm_budget` (value = chance of any false alarm in the report,
    count = number of tests). What cannot be judged has no row.
    """
    head, towns = (monthly[(monthly["place"] == county) == mine] for mine in (True, False))
    last = pd.period_range(months[-1] - MEMORY + 1, months[-1], freq="M")
    drift, freedom = _judge(forecast.surprises(head, months=last), last)
    found = {
        "month": _monthly(head, months),
        "township": _townships(towns, months, period),
        "drift": drift if len(drift) >= MEMORY // 2 else drift[:0],
    }
    tried = sum(PARTS[name] for name, part in found.items() if len(part))
    shares = {name: PARTS[name] / tried if len(part) else 0.0 for name, part in found.items()}
    judged = [_judged(found[name], f"alarm/{name}", budget * shares[name]) for name in ("month", "township")]
    judged += [_drift(drift, freedom, period, budget * shares["drift"], rng)] if shares["drift"] else []
    rows = results.combine(judged)
    tests = float(len(rows))
    about = results.note("note.alarm.budget", tests=tests, budget=budget, **shares)
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


def _judge(found: pd.DataFrame, months: pd.PeriodIndex) -> tuple[pd.DataFrame, float, float]:
    """Return the runs inside `months`, with scores relative to the scale of those before, and scale's freedom.

    How far births here usually miss what was foretold is learned from the earlier runs of the places themselves.
    """
    inside = (found["first"] >= months[0]) & (found["last"] <= months[-1])
    earlier = found.loc[found["last"] < months[0], "score"].to_numpy(dtype="float64")
    scale, freedom = gp.own(gp.births_prior(), earlier)
    judged = found[inside]
    score = judged["score"].to_numpy(dtype="float64") / scale
    return judged.assign(score=score, p=2 * special.stdtr(freedom, -np.abs(score))), freedom


def _monthly(county: pd.DataFrame, months: pd.PeriodIndex) -> pd.DataFrame:
    """Return the months of the county, with p."""
    found, _ = _judge(forecast.surprises(county, months=months), months)
    return found.assign(period=found["last"].astype(str))


def _townships(towns: pd.DataFrame, months: pd.PeriodIndex, period: str) -> pd.DataFrame:
    """Return each township that is known for all months of the period that any is known for, with p."""
    months = months[months <= towns["month"].max()] if len(towns) else months[:0]
    if not len(months):
        return pd.DataFrame()
    found, _ = _judge(forecast.surprises(towns, months=months, length=len(months)), months)
    return found.assign(period=period)


def _judged(found: pd.DataFrame, measure: str, alpha: float) -> pd.DataFrame:
    """Return the rows of tests that share alpha evenly."""
    records = []
    for row in found.itertuples(index=False):
        change = row.completed / row.expected - 1
        side = "none" if row.p >= alpha / len(found) else "fall" if change < 0 else "rise"
        key = f"{side}_strong" if side != "none" and abs(change) >= STRONG else side
        facts = {"change": change, "births": row.births, "completed": row.completed, "expected": row.expected,
                 "alpha": alpha / len(found)}  # fmt: skip
        note = results.note(f"note.alarm.{key}", **facts)
        records.append({"place": row.place, "period": row.period, "measure": measure, "count": row.births,
                        "total": row.completed, "value": change, "p": row.p, "method": "gp", "note": note})  # fmt: skip
    return results.rows(records) if records else results.empty()


def _drift(found: pd.DataFrame, freedom: float, period: str, alpha: float, rng: np.random.Generator) -> pd.DataFrame:
    """Return the one row on slow drift over the judged months of the county, their scores of `freedom`."""
    scores = found["score"].to_numpy(dtype="float64")
    scales = np.sqrt(freedom / rng.chisquare(freedom, (DRAWS, 1)))
    limit = float(np.quantile(_cusum(scales * rng.standard_normal((DRAWS, len(scores)))).max(axis=(0, 2)), 1 - alpha))
    path = _cusum(scores[None, :])[:, 0]
    side, month = np.unravel_index(int(path.argmax()), path.shape)
    zero = np.flatnonzero(path[side, : month + 1] == 0)
    run = found.iloc[(int(zero[-1]) + 1 if len(zero) else 0) : month + 1]
    change = float(run["completed"].sum() / run["expected"].sum() - 1) if len(run) else 0.0
    height = float(path.max())
    key = "no_drift" if height <= limit else ("drift_up", "drift_down")[side]
    since = str((run if len(run) else found)["last"].iloc[0])
    note = results.note(f"note.alarm.{key}", change=change, since=since, height=height, limit=limit, months=len(scores))
    row = {"place": found["place"].iloc[0], "period": period, "measure": "alarm/drift", "count": run["births"].sum(),
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

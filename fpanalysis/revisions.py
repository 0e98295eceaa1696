"""What an earlier report of the same year said, what is known now, and why the two differ.

What the half-year report published when it was closed (its kept release; without one, what the files that it was made
from give today) is held against the files that are there now:

    known now - said then = registered since + files that came or were corrected since

exactly, for births. Figures that do not wait for late registrations (registrations, check-ups, rolls) can differ by
files alone. What the half-year report estimated or foretold comes back too, with its interval and whether it held: an
office that publishes intervals should say how often they hold (Dawid, JASA 77 (1982) 605, on calibration).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from .results import combine, empty, fact, note, pick, rows, value

__all__ = ["births", "estimates", "figures"]


def births(
    then: pd.DataFrame,
    now: pd.DataFrame,
    *,
    months: pd.PeriodIndex,
    period: str,
    county: str,
    known_then: pd.Period,
    published: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return why the births of an earlier period differ from what its report said.

    `revision/births`: now minus then (count = now, total = then); `revision_late/births`: registered after
    `known_then`, the last month known then; `revision_corrected/births`: the rest, by files come or corrected since.
    `published`: results of that report, whose births stand for those of the files `then`.
    """
    before, after = (frame[frame["occurred"].isin(months)] for frame in (then, now))
    told = fact(empty() if published is None else published, place=county, period=period, measure="births").count
    said, known = before["count"].sum() if np.isnan(told) else told, after["count"].sum()
    late = int(after.loc[after["registered"] > known_then, "count"].sum())
    base = {"place": county, "period": period, "method": "compared"}
    return rows([
        {**base, "measure": "revision/births", "count": known, "total": said, "value": known - said},
        {**base, "measure": "revision_late/births", "count": late},
        {**base, "measure": "revision_corrected/births", "count": known - said - late},
    ])  # fmt: skip


def figures(
    then: pd.DataFrame, now: pd.DataFrame, *, measures: Sequence[str], period: str, county: str
) -> pd.DataFrame:
    """Return `revision/<measure>`: now minus then (count = now, total = then) of the county's figures of a period.

    `then` and `now` are results; measures that either lacks have no row.
    """
    where = {"place": county, "period": period}
    pairs = {m: [value(table, measure=m, **where) for table in (now, then)] for m in measures}
    base = {**where, "method": "compared"}
    return rows([{**base, "measure": f"revision/{m}", "count": known, "total": said, "value": known - said}
                 for m, (known, said) in pairs.items() if not np.isnan([known, said]).any()])  # fmt: skip


def estimates(
    foretold: pd.DataFrame, monthly: pd.DataFrame, *, periods: Mapping[str, pd.PeriodIndex], county: str
) -> pd.DataFrame:
    """Return `foretold/births`: what was estimated or forecast then, beside what is known now.

    `foretold`: rows of then, `births_corrected` of a period that was over, else `births_forecast`, of several of a
    period the first; `monthly`: the series of now (`forecast.known`), births completed for late registration. value,
    lower, upper: of then; count = registered so far, total = corrected for delay. The note says whether the interval
    held. Periods that either does not reach have no row.
    """
    mine = monthly[monthly["place"] == county].set_index("month")
    said = pick(foretold, place=county, measure=["births_corrected", "births_forecast"], method="gp-95")
    found = said.sort_values("measure", kind="stable").drop_duplicates("period").set_index("period")
    known = {key: mine.reindex(months) for key, months in periods.items() if key in found.index}
    whole = {key: frame for key, frame in known.items() if frame["completed"].notna().all()}
    return combine([_held(found.loc[key], frame, key, county) for key, frame in whole.items()])


def _held(said: pd.Series, known: pd.DataFrame, period: str, county: str) -> pd.DataFrame:
    births = float(known["completed"].sum())
    side = "held" if said["lower"] <= births <= said["upper"] else "below" if births < said["lower"] else "above"
    return rows([{"place": county, "period": period, "measure": "foretold/births", "count": known["births"].sum(),
                  "total": births, "value": said["value"], "lower": said["lower"], "upper": said["upper"],
                  "method": "gp-95", "note": note(f"note.foretold.{side}")}])  # fmt: skip

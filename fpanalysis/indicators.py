"""What the office did: registration services, check-ups, activities, the plan.

Counts are complete, not samples. The intervals of shares and of the order mix say how far such a figure moves by
chance alone between one half-year and the next, by the method of its kind as in `rates`: shares Wilson's, a ratio of
two counts the exact one of the first one's share of both (Clopper and Pearson), turned into odds.

*The mix of first, second and further registrations* is held against its own history: the shares of earlier periods of
the same kind give a predictive distribution for this one (`pooling`), and a mix that it would give in fewer than 1 of
100 periods is called unusual. Without any earlier period a rule of thumb (`usual_mix`) stands in.

What happened outside the period does not count for it; it is listed beside it with its date, because a report that was
written some weeks after the period's end easily takes it in. What was promised: `commitments`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .periods import Period, parse_period
from .pooling import posterior, surprise
from .results import combine, note, pick, rows, value
from .stats import adjust, binomial_interval, binomial_p, share_to_ratio

__all__ = [
    "activities",
    "change",
    "checkups",
    "counted",
    "difference",
    "monthly",
    "plan",
    "registrations",
    "risks",
]

SERVICES = ("first", "second", "further")
FEW_DAYS = 6
"""Days up to which a report names each on which an activity took place."""
UNUSUAL = 0.01
"""Chance, given its history, below which a mix of registrations is called unusual."""


def registrations(
    registrations: pd.DataFrame,
    *,
    months: pd.PeriodIndex,
    period: str,
    county: str,
    usual_mix: tuple[float, float] = (0.3, 2.0),
    level: float = 0.95,
) -> pd.DataFrame:
    """Return the registration services of the period, and of the same part of earlier years.

    `registered` (all) and `registered/further`: county; of the few approvals for a further birth no township figure is
    made. `registered/first`, `registered/second`: county and townships. `registered_on_time`: share of the county's
    cases and of each township's registrations (its note says so), with interval; cases without an on-time figure are
    left out and a note says so.
    `registered_mix`: second-child per first-child registration in the county, with its interval and the p of its own
    history; a note says when it is unusual against that (without any history: outside `usual_mix`).
    `registered_usual/<service>`: the share that history had, with the predictive interval for now; count, total:
    this period's. Earlier years that the data hold whole: rows of the county under their own period key.
    """
    now = _registered_in(registrations, months, period, county, level)
    past = _history(registrations, months, period)
    now += _usual(now, past, county, period, level)
    for row in (r for r in now if r["measure"] == "registered_mix" and r["total"]):
        row.update(_judged(row, past, usual_mix, level))
    whole = registrations.assign(place=county)
    earlier = [
        r for key, past in _earlier(whole["month"], months, period)
        for r in _registered_in(whole, past, key, county, level)
    ]  # fmt: skip
    return rows([*now, *earlier])


def checkups(checkups: pd.DataFrame, *, months: pd.PeriodIndex, period: str, county: str) -> pd.DataFrame:
    """Return people examined: `checkups/<programme>` and below it by sex, for the county and each township.

    `checkups_difference/<programme>`: men minus women, for a programme that examines both (0 where couples come
    together), county and townships where it is not 0; the county's note says so, or in how many townships it is not.
    """
    mine = checkups[checkups["month"].isin(months)]
    records = []
    for programme, of_programme in mine.groupby("programme"):
        areas = _areas(of_programme.groupby(["place", "sex"])["count"].sum(), county)
        couples = areas[county].get("male", 0) > 0
        for place, by_sex in areas.items():
            records.append((place, f"checkups/{programme}", sum(by_sex.values())))
            records += [(place, f"checkups/{programme}/{sex}", n) for sex, n in sorted(by_sex.items())]
            gap = by_sex.get("male", 0) - by_sex.get("female", 0)
            if couples and (place == county or gap):
                records.append((place, f"checkups_difference/{programme}", gap))
    made = [_counted(place, period, measure, n) for place, measure, n in records]
    for row in (r for r in made if r["place"] == county and r["measure"].startswith("checkups_difference/")):
        apart = [r for r in made if r["measure"] == row["measure"] and r["place"] != county]
        unequal = note("note.checkups.differ", gap=row["count"], towns=len(apart))
        row["note"] = unequal if apart or row["count"] else note("note.checkups.equal")
    return rows(made)


def risks(risks: pd.DataFrame, *, months: pd.PeriodIndex, period: str, county: str) -> pd.DataFrame:
    """Return people found at high risk and those of them followed up, by programme, for the county alone.

    `checkups_risk/<programme>`, `checkups_followed/<programme>` (only over rows that say how many were followed up). No
    township figure is made: it would count a few people by their health. Nothing is made of months that the file does
    not reach to their end: a part must not stand for the whole.
    """
    mine = risks[risks["month"].isin(months)]
    if len(mine) and mine["month"].max() < months[-1]:
        return rows([])
    records = []
    for programme, group in mine.groupby("programme"):
        records.append(_counted(county, period, f"checkups_risk/{programme}", group["found"].sum()))
        known = group[group["followed"].notna()]
        if len(known):
            records.append(_counted(county, period, f"checkups_followed/{programme}", known["followed"].sum()))
    return rows(records)


def counted(files: Mapping[str, pd.DataFrame], *, span: Period, county: str, last: pd.Period) -> pd.DataFrame:
    """Return the county's counts of any period that the files (by kind, those of COUNTED) hold whole, for comparisons.

    A kind of file holds a period when its first month is not after the period's first, and `last`, the last month
    known, not before the period's last.
    """
    made = []
    for kind, make in COUNTED.items():
        frame = files[kind]
        months = frame["date"].dt.to_period("M") if kind == "activities" else frame["month"]
        if len(frame) and months.min() <= span.first_month and last >= span.last_month:
            when = {"first": span.start, "last": span.end} if kind == "activities" else {"months": span.months}
            whole = frame.assign(place=county)
            made.append(make(whole, **when, period=span.key, county=county))
    return pick(combine(made), place=county, period=span.key)


def monthly(files: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the county's counts by month: measure, month, count; for expected paths, and how much months scatter."""
    made = []
    for kind, head, by, number in MONTHLY:
        frame = files[kind]
        months = frame["date"].dt.to_period("M") if kind == "activities" else frame["month"]
        names = head + "/" + frame[by].astype(str)
        made.append(pd.DataFrame({"measure": names, "month": months, "count": frame[number].astype("float64")}))
    whole = pd.concat([m for m in made if len(m)] or made[:1])
    return whole.groupby(["measure", "month"], as_index=False)["count"].sum()


def activities(
    activities: pd.DataFrame,
    *,
    first: dt.date,
    last: dt.date,
    period: str,
    county: str,
    as_of: dt.date | None = None,
) -> pd.DataFrame:
    """Return what the office did from the day `first` to `last`, by kind of activity, for the county.

    `activity/<kind>`: inside the period only; the note says on which days (of many: the first and last).
    `activity_amount/<kind>`: yuan (count in fen), for kinds with money.
    `activity_outside/<kind>`: dated after `last` (and not after `as_of`) in a file of this period (`file_period`) that
    also has rows of it, with a note naming the date. `activity_listed/<kind>`: both together, which is what a reader
    of that file counts. `activity_monthly/<kind>`: inside the period, a month (of the months until `as_of`). Kinds that
    no delivered file names have no row, and a period without any activity has none at all.
    """
    mine = activities[activities["date"] <= pd.Timestamp(as_of)] if as_of else activities
    inside = mine["date"].between(pd.Timestamp(first), pd.Timestamp(last))
    outside = (mine["date"] > pd.Timestamp(last)) & mine["file"].isin(mine.loc[inside, "file"])
    outside &= mine["file_period"].map(parse_period(period).holds).astype(bool)
    done, late = _by_kind(mine[inside]), _by_kind(mine[outside])
    with_money = set(mine.loc[mine["amount"] != 0, "activity"])
    records = []
    for kind in sorted(mine["activity"].unique()) if inside.any() else ():
        (n, fen, days), (n_late, _, days_late) = done.get(kind, (0, 0, ())), late.get(kind, (0, 0, ()))
        records.append({**_counted(county, period, f"activity/{kind}", n), "note": _days(days)})
        records.append({**_counted(county, period, f"activity_monthly/{kind}", n),
                        "value": n / _months(first, min(last, as_of or last))})  # fmt: skip
        records.append(_counted(county, period, f"activity_listed/{kind}", n + n_late))
        if kind in with_money:
            records.append({**_counted(county, period, f"activity_amount/{kind}", fen), "value": fen / 100})
        if days_late:
            records.append({**_counted(county, period, f"activity_outside/{kind}", n_late), "note": _dated(days_late)})
    return rows(records)


def _by_kind(activities: pd.DataFrame) -> dict[str, tuple[int, int, list[dt.date]]]:
    """Return the number, the money (fen) and the days in order of each kind of activity."""
    sums = activities.groupby("activity")[["count", "amount"]].sum()
    days = activities["date"].dt.date.groupby(activities["activity"]).unique()
    return {kind: (n, fen, sorted(days[kind])) for kind, n, fen in sums.itertuples()}


def change(
    results: pd.DataFrame, measure: str, *, before: str, period: str, county: str, level: float = 0.95
) -> pd.DataFrame:
    """Return `<measure>_change`: a count relative to that of the period `before`, minus 1, with its interval and p.

    count = now, total = before. The interval of the ratio of two Poisson counts is that of the first one's share of
    both, turned into odds (Przyborowski and Wilenski 1940; exact). Without a count before there is no row.
    """
    now, then = (value(results, place=county, period=key, measure=measure) for key in (period, before))
    if np.isnan(now) or np.isnan(then) or then <= 0:
        return rows([])
    bounds = _odds(now, then, level) - 1
    p = float(binomial_p(now, now + then, 0.5, kind="exact"))
    return rows([{"place": county, "period": period, "measure": f"{measure}_change", "count": now, "total": then,
                  "value": now / then - 1, "lower": bounds[0], "upper": bounds[1], "p": p,
                  "method": f"ratio_exact-{100 * level:g}"}])  # fmt: skip


def difference(
    results: pd.DataFrame, measure: str, *, before: str, period: str, county: str, level: float = 0.95
) -> pd.DataFrame:
    """Return `<measure>_change`: a share minus that of the period `before`, with its interval.

    Hybrid of two Wilson intervals (Newcombe, Statistics in Medicine 17 (1998) 873, method 10). Without a share before
    there is no row.
    """
    found = pick(results, place=county, measure=measure, period=[period, before]).set_index("period")
    if not {period, before} <= set(found.index) or not (found["total"] > 0).all():
        return rows([])
    now, then = ((found.loc[key, "count"], found.loc[key, "total"]) for key in (period, before))
    (low, high), (low_then, high_then) = (binomial_interval(*at, level, "wilson") for at in (now, then))
    share, share_then = now[0] / now[1], then[0] / then[1]
    return rows([{"place": county, "period": period, "measure": f"{measure}_change", "value": share - share_then,
                  "lower": share - share_then - np.hypot(share - low, high_then - share_then),
                  "upper": share - share_then + np.hypot(high - share, share_then - low_then),
                  "method": f"newcombe-{100 * level:g}"}])  # fmt: skip


def plan(results: pd.DataFrame, plan: pd.DataFrame, *, period: str, year_key: str, county: str) -> pd.DataFrame:
    """Return how much of each target is done: `plan_share/<measure>` and `plan_done/<measure>`.

    count: done; total: target. `results` hold the figures of the period and, under `year_key`, of the year so far: a
    target of the year is held against the year's figure; without one against the period's, when the period is the
    first of the year. Without any figure the value is missing and the note says so.
    """
    mine = plan[plan["period"].isin([period, year_key])]
    return rows([r for target in mine.itertuples() for r in _against_plan(results, target, period, county)])


def _areas(sums: pd.Series | pd.DataFrame, county: str) -> dict[str, dict[str, Any]]:
    """Return sums by place and part as a part's sums by place: of the county, from all, then of each township."""
    found: dict[str, dict[str, Any]] = {county: {}}
    for (place, part), row in zip(sums.index, sums.to_numpy(), strict=True):
        for mine in [found[county], *([found.setdefault(place, {})] if place != county else [])]:
            mine[part] = mine.get(part, 0) + row
    return found


def _counted(place: str, period: str, measure: str, count: float) -> dict[str, Any]:
    return {"place": place, "period": period, "measure": measure, "count": count, "method": "counted"}


def _earlier(known: pd.Series, months: pd.PeriodIndex, period: str) -> Iterator[tuple[str, pd.PeriodIndex]]:
    """Yield the key and months of the same part of each earlier year that the data hold from its first month."""
    year = parse_period(period).year_ago()
    past = months - 12
    while len(known) and past[0] >= known.min():
        yield year.key, past
        year, past = year.year_ago(), past - 12


def _registered_in(
    registrations: pd.DataFrame, months: pd.PeriodIndex, period: str, county: str, level: float
) -> list[dict[str, Any]]:
    """Return the records of one period; none when nothing was registered in it."""
    mine = registrations[registrations["month"].isin(months)]
    mine = mine.assign(known=mine["count"].where(mine["on_time"].notna(), 0))
    sums = mine.groupby(["place", "service"])[["count", "on_time", "known"]].sum()
    records = []
    for place, by_service in _areas(sums, county).items() if len(mine) else ():
        shown = SERVICES if place == county else SERVICES[:2]
        table = np.array([by_service.get(s, np.zeros(3)) for s in shown])
        records += [_counted(place, period, f"registered/{s}", n) for s, n in zip(shown, table[:, 0], strict=True)]
        records.append({**_counted(place, period, "registered_on_time", 0), **_on_time(*table.sum(axis=0), level)})
        if place == county:
            records.append(_counted(place, period, "registered", table[:, 0].sum()))
            records.append({**_counted(place, period, "registered_mix", 0), **_mix(table[1, 0], table[0, 0], level)})
        elif not records[-1]["note"]:
            records[-1]["note"] = note("note.on_time.registrations")
    return records


def _on_time(cases: float, done: float, total: float, level: float) -> dict[str, Any]:
    """Return the share that was registered on time, of the `total` cases of which that is known."""
    lower, upper = binomial_interval(done, total, level, "wilson")
    left_out = float(cases - total)
    return {"count": done, "total": total, "value": done / total if total else np.nan, "lower": float(lower),
            "upper": float(upper), "method": f"wilson_share-{100 * level:g}",
            "note": note("note.on_time.unknown", cases=left_out) if left_out else ""}  # fmt: skip


def _mix(second: float, first: float, level: float) -> dict[str, Any]:
    lower, upper = _odds(second, first, level)
    ratio = second / first if first else np.nan
    return {"count": second, "total": first, "value": ratio, "lower": lower, "upper": upper,
            "method": f"ratio_exact-{100 * level:g}"}  # fmt: skip


def _odds(first: float, second: float, level: float) -> np.ndarray:
    """Return the exact bounds of the ratio of two counts."""
    return share_to_ratio(np.array(binomial_interval(first, first + second, level, "clopper-pearson"))) / 100


def _history(registrations: pd.DataFrame, months: pd.PeriodIndex, period: str) -> pd.DataFrame:
    """Return the registrations of earlier periods of this kind that the data hold whole: one row each, by service."""
    found, one = [], parse_period(period).previous()
    first = registrations["month"].min() if len(registrations) else months[0]
    while one.first_month >= first:
        mine = registrations[registrations["month"].isin(one.months)]
        found.append(mine.groupby("service")["count"].sum().reindex(SERVICES, fill_value=0))
        one = one.previous()
    table = pd.DataFrame(found, columns=list(SERVICES)).astype("float64")
    return table[table.sum(axis=1) > 0]


def _usual(
    now: list[dict[str, Any]], past: pd.DataFrame, county: str, period: str, level: float
) -> list[dict[str, Any]]:
    """Return the records of the shares that history leads to expect; none without history or registrations."""
    counts = {s: r["count"] for s in SERVICES for r in now
              if r["place"] == county and r["measure"] == f"registered/{s}"}  # fmt: skip
    total = sum(counts.values())
    if not total or past.empty:
        return []
    whole = past.sum(axis=1)
    told = {s: surprise(n, total, posterior(past[s], whole, centre=1 / 3), level) for s, n in counts.items()}
    adjusted = adjust([t[3] for t in told.values()])
    usual = past.sum() / whole.sum()  # what is expected of one share is drawn towards a third; this is what was
    base = {"place": county, "period": period, "total": total, "method": f"predictive-{100 * level:g}"}
    return [{**base, "measure": f"registered_usual/{s}", "count": counts[s], "value": usual[s], "lower": low,
             "upper": high, "p": p, "note": note("note.mix.share", share=counts[s] / total, periods=len(past))}
            for (s, (_, low, high, _)), p in zip(told.items(), adjusted, strict=True)]  # fmt: skip


def _judged(row: dict[str, Any], past: pd.DataFrame, usual_mix: tuple[float, float], level: float) -> dict[str, Any]:
    """Return p and note of the mix: against its history, or without one against the rule of thumb."""
    if past.empty:
        rule = note("note.mix.unusual", lower=usual_mix[0], upper=usual_mix[1])
        return {"note": "" if usual_mix[0] <= row["value"] <= usual_mix[1] else rule}
    both = past["first"] + past["second"]
    _, low, high, p = surprise(row["count"], row["count"] + row["total"], posterior(past["second"], both), level)
    lower, upper = (float(share_to_ratio(s)) / 100 for s in (low, high))
    said = note("note.mix.history", lower=lower, upper=upper, periods=len(past), p=p)
    return {"p": p, "note": said if p < UNUSUAL else ""}


def _months(first: dt.date, last: dt.date) -> int:
    return (pd.Period(last, "M") - pd.Period(first, "M")).n + 1


def _days(days: Sequence[dt.date]) -> str:
    """Return a note with the days of an activity, of many the first and the last."""
    if len(days) > FEW_DAYS:
        return note("note.activity.from_to", first=days[0], last=days[-1])
    return note("note.activity.on_days", days=[str(day) for day in days]) if days else ""


def _dated(days: Sequence[dt.date]) -> str:
    if len(days) == 1:
        return note("note.activity.outside_day", day=days[0])
    return note("note.activity.outside_days", first=days[0], last=days[-1])


def _against_plan(results: pd.DataFrame, target: Any, period: str, county: str) -> list[dict[str, Any]]:
    """Return the rows of one target: share done, and done (NaN without a figure) beside the target."""
    done = value(results, place=county, period=target.period, measure=target.measure)
    if np.isnan(done) and parse_period(target.period).start == parse_period(period).start:
        done = value(results, place=county, period=period, measure=target.measure)
    remark = note("note.plan.year", year=target.period) if target.period != period else ""
    if np.isnan(done):
        remark = note("note.plan.no_figure")
    base = {
        "place": county,
        "period": period,
        "count": done,
        "total": target.target,
        "method": "counted",
        "note": remark,
    }
    share = done / target.target if target.target else np.nan
    found = {f"plan_share/{target.measure}": share, f"plan_done/{target.measure}": done}
    return [{**base, "measure": measure, "value": number} for measure, number in found.items()]


def _registered(registrations: pd.DataFrame, *, months: pd.PeriodIndex, period: str, county: str) -> pd.DataFrame:
    return rows(_registered_in(registrations, months, period, county, 0.95))


COUNTED: Mapping[str, Callable[..., pd.DataFrame]] = {
    "registrations": _registered,
    "checkups": checkups,
    "risks": risks,
    "activities": activities,
}
"""What is counted from each kind of file."""

MONTHLY = (
    ("registrations", "registered", "service", "count"),
    ("checkups", "checkups", "programme", "count"),
    ("risks", "checkups_risk", "programme", "found"),
    ("risks", "checkups_followed", "programme", "followed"),
    ("activities", "activity", "activity", "count"),
)
"""Counts by month: kind of file, indicator, the column of its breakdown, the column counted."""

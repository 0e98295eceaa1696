"""Laws of the counts, what lies outside the period, plans and promises, and the sample's published figures."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from fpanalysis import results, wording
from fpanalysis.indicators import (
    activities,
    checkups,
    counted,
    difference,
    monthly,
    plan,
    registrations,
    risks,
)
from fpanalysis.periods import parse_period

MONTHS = pd.period_range("2018-01", "2018-06", freq="M")
WHERE = {"period": "2018H1", "county": "x"}
SPAN = {"first": dt.date(2018, 1, 1), "last": dt.date(2018, 6, 30)}


def registered(*records: tuple) -> pd.DataFrame:
    """Rows of (place, month, service, count, on time)."""
    frame = pd.DataFrame(records, columns=["place", "month", "service", "count", "on_time"])
    return frame.assign(month=pd.PeriodIndex(frame["month"], freq="M"), on_time=frame["on_time"].astype("float64"))


def done(*records: tuple) -> pd.DataFrame:
    """Rows of (date, activity, count, yuan), perhaps with a file."""
    padded = [(*r, "f.csv")[:5] for r in records]
    frame = pd.DataFrame(padded, columns=["date", "activity", "count", "amount", "file"])
    return frame.assign(
        date=pd.to_datetime(frame["date"]), amount=frame["amount"].astype("int64") * 100, subject="", file_period=""
    )


def figures(**counts: float) -> pd.DataFrame:
    """County results of 2018H1 by measure ("__" for "/")."""
    return results.rows(
        [{"place": "x", "period": "2018H1", "measure": m.replace("__", "/"), "count": n} for m, n in counts.items()]
    )


def counts(found: pd.DataFrame, place: str = "x") -> dict[str, float]:
    mine = results.pick(found, place=place, period="2018H1")
    return dict(zip(mine["measure"], mine["value"], strict=True))


# Registrations

cells = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["2017-03", "2018-02", "2018-06", "2018-07"]),
              st.sampled_from(["first", "second", "further"]), st.integers(0, 500)).map(lambda c: (*c, c[3])),
    max_size=15,
)  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(cells)
def test_townships_and_services_add_up_and_intervals_hold_the_value(rows):
    frame = registered(*rows)
    before = frame.copy()
    found = registrations(frame, months=MONTHS, **WHERE)
    now = results.pick(found, period="2018H1")
    county, townships = (now[m].groupby("measure")["count"].sum() for m in (now["place"] == "x", now["place"] != "x"))
    inside = (
        found["lower"].isna()
        | ((found["lower"] <= found["value"]) & (found["value"] <= found["upper"]))
        | found["value"].isna()
    )

    assert_frame_equal(before, frame)
    services = [m for m in townships.index if m.startswith("registered/")]
    assert {m: county[m] for m in services} == townships[services].to_dict()
    assert county.get("registered", 0) == sum(county.get(f"registered/{s}", 0) for s in ("first", "second", "further"))
    assert inside.all()


def test_earlier_years_that_the_data_hold_whole_stand_beside_it():
    frame = registered(
        ("a", "2016-02", "first", 5, 5), ("a", "2017-03", "first", 7, 7), ("a", "2018-02", "first", 9, 9)
    )
    found = results.pick(registrations(frame, months=MONTHS, **WHERE), measure="registered/first", place="x")

    assert {"2018H1": 9, "2017H1": 7} == dict(zip(found["period"], found["value"], strict=True))


def test_the_statistical_year_keeps_its_own_periods():
    months = pd.period_range("2017-10", "2018-03", freq="M")
    frame = registered(("a", "2016-10", "first", 7, 7), ("a", "2017-10", "first", 9, 9))
    found = results.pick(
        registrations(frame, months=months, period="S2018H1", county="x"), measure="registered", place="x"
    )

    assert {"S2018H1": 9, "S2017H1": 7} == dict(zip(found["period"], found["value"], strict=True))


@pytest.mark.parametrize(("second", "unusual"), [(469, True), (117, False), (20, True)])
def test_an_unusual_mix_says_so(second, unusual):
    frame = registered(("a", "2018-02", "first", 100, 100), ("a", "2018-02", "second", second, second))
    fact = results.pick(registrations(frame, months=MONTHS, **WHERE), measure="registered_mix").iloc[0]

    assert second / 100 == fact["value"]
    assert unusual == fact["note"].startswith('{"key": "note.mix.unusual"')


def test_cases_without_an_on_time_figure_are_left_out_and_named():
    frame = registered(("a", "2018-02", "first", 100, 90), ("a", "2018-03", "first", 50, np.nan))
    fact = results.pick(registrations(frame, months=MONTHS, **WHERE), measure="registered_on_time", place="x").iloc[0]

    assert (90, 100, 0.9) == (fact["count"], fact["total"], fact["value"])
    assert "50 without an on-time figure are left out" == wording.remark(fact["note"], "en")


def test_a_period_without_registrations_has_no_rows():
    assert registrations(registered(), months=MONTHS, **WHERE).empty


def test_a_township_shows_nothing_that_would_tell_its_few_approvals():
    frame = registered(("a", "2018-02", "first", 50, 49), ("a", "2018-02", "further", 1, 1))
    table = registrations(frame, months=MONTHS, **WHERE)
    found = results.pick(table, place="a")
    share = results.pick(found, measure="registered_on_time").iloc[0]

    assert {"registered/first", "registered/second", "registered_on_time"} == set(found["measure"])
    assert (49, 50) == (share["count"], share["total"])
    assert "Registrations of first and second children only" == wording.remark(share["note"], "en")
    assert (50, 51) == tuple(results.pick(table, place="x", measure="registered_on_time").iloc[0][["count", "total"]])


def halves(*seconds: int, first: int = 2500) -> pd.DataFrame:
    """Half-years up to 2018H1 with so many second-child registrations each, and `first` first-child ones."""
    starts = [str(pd.Period("2018-02", "M") - 6 * n) for n in range(len(seconds))][::-1]
    return registered(*[("a", m, s, n, n) for m, second in zip(starts, seconds, strict=True)
                        for s, n in (("first", first), ("second", second), ("further", 15))])  # fmt: skip


def mix(frame: pd.DataFrame, **terms) -> pd.Series:
    found = registrations(frame, months=MONTHS, **WHERE, **terms)
    return results.pick(found, measure="registered_mix", period="2018H1").iloc[0]


def test_a_mix_is_judged_by_its_own_history_not_by_the_rule_of_thumb():
    """Three to one is unusual after 1.2 to one; and usual where it always was so, which the rule of thumb denies."""
    strange, usual = mix(halves(3000, 3010, 2990, 7500)), mix(halves(7450, 7520, 7490, 7500))

    assert "note.mix.history" == results.read_note(strange["note"])[0]
    assert strange["p"] < 0.01 < usual["p"]
    assert "" == usual["note"]


def test_without_history_the_rule_of_thumb_stands_in():
    fact = mix(halves(7500))

    assert "note.mix.unusual" == results.read_note(fact["note"])[0]
    assert np.isnan(fact["p"])


def test_a_history_that_moves_allows_for_more():
    steady, moving = mix(halves(3000, 3000, 3000, 3800)), mix(halves(2400, 3600, 2900, 3800))

    assert steady["p"] < moving["p"]


def test_the_shares_expected_from_history_have_predictive_intervals():
    found = registrations(halves(3000, 3010, 2990, 7500), months=MONTHS, **WHERE)
    rows = results.pick(found, measure="registered_usual/*").set_index("measure")

    assert ["registered_usual/first", "registered_usual/second", "registered_usual/further"] == rows.index.tolist()
    assert ((rows["lower"] <= rows["value"]) & (rows["value"] <= rows["upper"])).all()
    assert (
        rows.loc["registered_usual/second", "count"] / rows.loc["registered_usual/second", "total"]
        > rows.loc["registered_usual/second", "upper"]
    )


# High risk, and any period


def risky(*records: tuple) -> pd.DataFrame:
    frame = pd.DataFrame(records, columns=["programme", "place", "month", "found", "followed"])
    return frame.assign(month=pd.PeriodIndex(frame["month"], freq="M"), followed=frame["followed"].astype("float64"))


def test_high_risk_is_counted_for_the_county_alone():
    """A township's few people at high risk would be persons by their health."""
    found = risks(
        risky(("preconception", "a", "2018-02", 7, 5), ("preconception", "b", "2018-06", 3, np.nan)),
        months=MONTHS,
        **WHERE,
    )

    assert {"x"} == set(found["place"])
    assert {"checkups_risk/preconception": 10, "checkups_followed/preconception": 5} == counts(found)


def test_a_part_of_the_period_does_not_stand_for_the_whole():
    assert risks(risky(("preconception", "a", "2018-05", 7, 5)), months=MONTHS, **WHERE).empty


def delivered(**frames: pd.DataFrame) -> dict[str, pd.DataFrame]:
    empty = {"registrations": registered(), "checkups": examined(), "risks": risky(), "activities": done()}
    return {**empty, **frames}


def test_a_period_is_counted_only_where_the_files_hold_it_whole():
    files = delivered(registrations=registered(("a", "2017-01", "first", 5, 5), ("a", "2018-06", "first", 9, 9)))
    terms = {"county": "x", "last": pd.Period("2018-06", "M")}
    have = {
        key: len(counted(files, span=parse_period(key), **terms)) for key in ("2016H2", "2017H1", "2018H1", "2018H2")
    }

    assert [False, True, True, False] == [n > 0 for n in have.values()]


def test_months_add_up_to_the_year_whatever_the_files():
    files = delivered(registrations=registered(("a", "2018-01", "first", 5, 5), ("b", "2018-01", "first", 7, 7)),
                      activities=done(("2018-01-18", "inspection", 1, 0), ("2018-01-20", "inspection", 2, 0)))  # fmt: skip
    found = monthly(files)

    assert {"registered/first": 12, "activity/inspection": 3} == found.groupby("measure")["count"].sum().to_dict()
    assert 0 == len(monthly(delivered()))


@pytest.mark.parametrize(("men", "key"), [(12, "note.checkups.equal"), (10, "note.checkups.differ")])
def test_the_couples_identity_is_said(men, key):
    frame = examined(("preconception", "a", "2018-02", "male", men), ("preconception", "a", "2018-02", "female", 12))
    row = results.pick(checkups(frame, months=MONTHS, **WHERE), place="x", measure="checkups_difference/*").iloc[0]

    assert key == results.read_note(row["note"])[0]


# Check-ups


def examined(*records: tuple) -> pd.DataFrame:
    frame = pd.DataFrame(records, columns=["programme", "place", "month", "sex", "count"])
    return frame.assign(month=pd.PeriodIndex(frame["month"], freq="M"))


def test_couples_that_do_not_add_up_are_located():
    frame = examined(
        ("preconception", "a", "2018-02", "male", 10), ("preconception", "a", "2018-02", "female", 12),
        ("preconception", "b", "2018-02", "male", 5), ("preconception", "b", "2018-02", "female", 5),
        ("preconception", "b", "2018-07", "male", 99), ("reproductive", "a", "2018-02", "female", 30),
    )  # fmt: skip
    found = checkups(frame, months=MONTHS, **WHERE)
    gaps = results.pick(found, measure="checkups_difference/*").set_index("place")["value"].to_dict()

    assert {"x": -2, "a": -2} == gaps
    assert [32, 15, 17, 30] == [
        counts(found)[m]
        for m in (
            "checkups/preconception",
            "checkups/preconception/male",
            "checkups/preconception/female",
            "checkups/reproductive",
        )
    ]


# Activities


def named(found: pd.DataFrame) -> dict[str, float]:
    """Counts by measure, without the monthly means."""
    return {m: v for m, v in counts(found).items() if not m.startswith("activity_monthly/")}


def test_the_monthly_mean_is_over_the_months_of_the_period():
    found = activities(done(*[(f"2018-0{m}-08", "study_session", 2, 0) for m in range(1, 7)]), **SPAN, **WHERE)

    assert 2 == counts(found)["activity_monthly/study_session"]


def test_months_that_have_not_come_do_not_lower_the_monthly_mean():
    found = activities(done(("2018-01-08", "study_session", 6, 0)), as_of=dt.date(2018, 3, 31), **SPAN, **WHERE)

    assert 2 == results.value(found, measure="activity_monthly/study_session")


def test_what_happened_after_the_period_is_listed_with_its_date_and_not_counted():
    frame = done(
        ("2018-01-18", "inspection", 1, 0), ("2018-05-16", "inspection", 1, 0), ("2018-07-16", "inspection", 1, 0)
    )
    found = activities(frame, as_of=dt.date(2018, 7, 18), **SPAN, **WHERE)
    outside = results.pick(found, measure="activity_outside/inspection")["note"].iloc[0]

    assert {"activity/inspection": 2, "activity_outside/inspection": 1, "activity_listed/inspection": 3} == named(found)
    assert "日期为2018年7月16日，在统计期之后，不计入本期" == wording.remark(outside, "zh")


def test_other_periods_are_not_outside_ones():
    """Earlier years in the file, later ones in another file, and what was not known yet."""
    frame = done(
        ("2017-05-16", "inspection", 1, 0), ("2018-05-16", "inspection", 1, 0),
        ("2018-08-01", "inspection", 1, 0), ("2018-07-10", "inspection", 1, 0, "later.csv"),
    )  # fmt: skip
    found = activities(frame, as_of=dt.date(2018, 7, 18), **SPAN, **WHERE)

    assert {"activity/inspection": 1, "activity_listed/inspection": 1} == named(found)


@pytest.mark.parametrize(("name", "listed"), [("2018H1", 2), ("2018-05", 2), ("", 2), ("2018", 1), ("S2018H1", 1)])
def test_what_comes_after_the_period_counts_from_files_of_the_period_alone(name, listed):
    frame = done(("2018-05-16", "inspection", 1, 0), ("2018-07-16", "inspection", 1, 0)).assign(file_period=name)

    assert listed == named(activities(frame, **SPAN, **WHERE))["activity_listed/inspection"]


def test_money_is_in_yuan_and_counted_in_fen():
    found = activities(done(("2018-01-24", "fine", 4, 19500), ("2018-05-24", "fine", 3, 15000)), **SPAN, **WHERE)
    fact = results.pick(found, measure="activity_amount/fine").iloc[0]

    assert (34500, 3_450_000) == (fact["value"], fact["count"])


@pytest.mark.parametrize(
    ("days", "said"),
    [([18], "18 January 2018"), ([18, 8, 18], "8 January 2018, 18 January 2018"), (range(1, 8), "1 January 2018 to 7 January 2018")],
)  # fmt: skip
def test_the_days_of_an_activity_are_told_and_of_many_the_first_and_the_last(days, said):
    frame = done(*[(f"2018-01-{day:02d}", "staff_meeting", 1, 0) for day in days])
    row = results.pick(activities(frame, **SPAN, **WHERE), measure="activity/staff_meeting").iloc[0]

    assert said == wording.remark(row["note"], "en")


def test_several_dates_outside_name_the_first_and_the_last():
    frame = done(
        ("2018-06-30", "inspection", 1, 0), ("2018-07-01", "inspection", 1, 0), ("2018-07-16", "inspection", 1, 0)
    )
    fact = results.pick(activities(frame, **SPAN, **WHERE), measure="activity_outside/inspection").iloc[0]

    assert "dated 1 July 2018 to 16 July 2018, after the period, and not counted in it" == wording.remark(
        fact["note"], "en"
    )


# Plan


TARGETS = pd.DataFrame({"period": ["2018"], "measure": ["activity/inspection"], "target": [4.0]})


def test_a_target_of_the_year_is_held_against_the_year_so_far():
    found = plan(figures(activity__inspection=3), TARGETS, year_key="2018", **WHERE)

    assert {"plan_share/activity/inspection": 0.75, "plan_done/activity/inspection": 3} == counts(found)


def test_in_the_second_half_the_half_alone_is_not_the_year():
    half = figures(activity__inspection=3).assign(period="2018H2")
    year = figures(activity__inspection=5).assign(period="2018")
    alone, whole = (
        plan(f, TARGETS, period="2018H2", year_key="2018", county="x")["value"].iloc[0]
        for f in (half, results.combine([half, year]))
    )

    assert np.isnan(alone)
    assert 1.25 == whole


def test_a_target_without_a_figure_says_so():
    fact = plan(results.empty(), TARGETS, year_key="2018", **WHERE).iloc[0]

    assert np.isnan(fact["value"])
    assert "No figure to hold against the target" == wording.remark(fact["note"], "en")


# The sample


@pytest.mark.parametrize(
    ("measure", "value"),
    [("registered/first", 1559), ("registered/second", 4696), ("registered/further", 14), ("registered_on_time", 1.0),
     ("checkups/preconception", 2886), ("checkups/preconception/male", 1443), ("checkups/preconception/female", 1443),
     ("activity/benchmark_line", 10), ("activity/benchmark_visit", 10), ("activity/benchmark_report", 10), ("activity/improvement_plan", 10),
     ("activity/officers_seconded", 13), ("activity_listed/inspection", 3), ("activity/inspection", 2), ("activity_outside/inspection", 1),
     ("activity/case_closed", 7), ("activity/device_seized", 3), ("activity_amount/fine", 34500), ("activity/family_visited", 51),
     ("activity/poor_mother_visited", 50), ("activity/exam_candidate_checked", 106), ("activity/study_session", 12),
     ("activity/staff_meeting", 1), ("activity_amount/money_given", 102600)],
)  # fmt: skip
def test_the_published_figures_come_out(desk, measure, value):
    """Published by the office for January-June 2018 (DOMAIN, the half-year report); 102,600 is "over 100,000 yuan"."""
    data = desk.data
    found = results.combine([
        registrations(data["registrations"], months=MONTHS, **desk.where), checkups(data["checkups"], months=MONTHS, **desk.where),
        activities(data["activities"], **SPAN, as_of=desk.as_of, **desk.where),
    ])  # fmt: skip

    assert value == results.value(found, place="renqiu", period="2018H1", measure=measure)


def share(period, count, total):
    return {"place": "renqiu", "period": period, "measure": "pay_on_time", "count": count, "total": total,
            "value": count / total, "method": "reconciled"}  # fmt: skip


def test_the_difference_of_two_shares_has_newcombes_interval():
    """Newcombe, Statistics in Medicine 17 (1998) 873, table II, contrast (a), method 10: 56/70 - 48/80."""
    found = results.rows([share("2018H1", 56, 70), share("2017H1", 48, 80)])
    row = difference(found, "pay_on_time", before="2017H1", period="2018H1", county="renqiu").iloc[0]

    assert [0.2000, 0.0524, 0.3339] == pytest.approx([row["value"], row["lower"], row["upper"]], abs=5e-5)
    assert "pay_on_time_change" == row["measure"]


def test_without_a_share_before_there_is_no_difference():
    found = results.rows([share("2018H1", 56, 70)])

    assert difference(found, "pay_on_time", before="2017H1", period="2018H1", county="renqiu").empty

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpanalysis.errors import ParamsError
from fpanalysis.periods import CALENDARS, PARTS, Period, named_period, parse_period

PERIODS = st.builds(Period, st.integers(1960, 2090), st.sampled_from(list(PARTS)), st.sampled_from(list(CALENDARS)))


@given(PERIODS)
def test_key_reads_back_as_the_same_period(period):
    assert parse_period(period.key) == period


@given(PERIODS)
def test_next_begins_the_day_after_the_end(period):
    assert period.next().start == period.end + dt.timedelta(days=1)


@given(PERIODS)
def test_previous_undoes_next(period):
    assert period.next().previous() == period


@given(PERIODS)
def test_year_ago_is_twelve_months_earlier(period):
    assert period.year_ago().first_month == period.first_month - 12


@given(PERIODS)
def test_whole_year_contains_the_period(period):
    year = period.whole_year()

    assert len(year.months) == 12
    assert year.contains(period.start) and year.contains(period.end)


@pytest.mark.parametrize("calendar", CALENDARS)
def test_halves_and_quarters_make_the_year(calendar):
    year = set(Period(2018, "", calendar).months)
    halves = [set(Period(2018, part, calendar).months) for part in ("H1", "H2")]
    quarters = [set(Period(2018, f"Q{q}", calendar).months) for q in range(1, 5)]

    assert set.union(*halves) == set.union(*quarters) == year
    assert sum(map(len, halves)) == sum(map(len, quarters)) == 12


def test_2018h1_is_january_to_june_in_the_calendar_year():
    period = parse_period("2018H1")

    assert (period.start, period.end) == (dt.date(2018, 1, 1), dt.date(2018, 6, 30))


def test_2018h1_is_october_to_march_in_the_statistical_year():
    period = parse_period("2018H1", "statistical")

    assert (period.start, period.end) == (dt.date(2017, 10, 1), dt.date(2018, 3, 31))
    assert period.key == "S2018H1"


def test_a_prefix_names_the_calendar_outright():
    assert parse_period("C2018H1", "statistical") == parse_period("2018H1")


def test_mid_july_lies_outside_the_first_half():
    assert not parse_period("2018H1").contains(dt.date(2018, 7, 16))


@pytest.mark.parametrize("text", ["2018H3", "2018Q5", "18H1", "H1 2018", "", "2018-13", "20180"])
def test_anything_else_is_refused_with_the_forms_that_are_understood(text):
    with pytest.raises(ParamsError, match="write a year"):
        parse_period(text)


@pytest.mark.parametrize(
    ("part", "calendar", "key"),
    [
        ("2018H1-于村乡", "calendar", "2018H1"),
        ("2018H1-于村乡", "statistical", "S2018H1"),
        ("C2018H1", "statistical", "2018H1"),
        ("S2018H1.v2", "calendar", "S2018H1"),
        ("2018-06-x", "statistical", "2018-06"),
        ("2018", "calendar", "2018"),
        ("于村乡", "calendar", ""),
        ("", "calendar", ""),
    ],
)
def test_a_file_name_may_begin_with_a_period_in_the_calendar_of_its_place(part, calendar, key):
    assert named_period(part, calendar) == key


@pytest.mark.parametrize(
    ("key", "held"),
    [("", True), ("2018H1", True), ("2018-06", True), ("2018", False), ("S2018H1", False), ("2017H1", False)],
)
def test_a_period_holds_the_files_of_itself_and_of_its_parts(key, held):
    assert parse_period("2018H1").holds(key) == held

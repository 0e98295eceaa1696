"""Expressions of who may be on a roll: right on every birthday, nothing but comparisons, errors that name the place."""

import datetime as dt

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpanalysis.eligibility import sql
from fpanalysis.errors import ParamsError

DAYS = st.dates(dt.date(1930, 1, 1), dt.date(2018, 6, 30))
TODAY = dt.date(2018, 6, 30)


def holds(expression: str, birth: dt.date, start: dt.date = TODAY, sex: int = 1, today: dt.date = TODAY) -> bool:
    filled = sql(expression).format(
        birth=f"{birth:%Y%m%d}", since=(start - dt.date(1970, 1, 1)).days, sex=sex, ymd=f"{today:%Y%m%d}"
    )
    return duckdb.execute(f"SELECT {filled}").fetchall()[0][0]


def age(birth: dt.date) -> int:
    return TODAY.year - birth.year - ((TODAY.month, TODAY.day) < (birth.month, birth.day))


@given(DAYS, st.sampled_from(["<", "<=", "=", ">=", ">", "!="]), st.integers(0, 90))
def test_an_age_is_completed_years(birth, operator, years):
    expected = {"<": age(birth) < years, "<=": age(birth) <= years, "=": age(birth) == years, ">=": age(birth) >= years,
                ">": age(birth) > years, "!=": age(birth) != years}[operator]  # fmt: skip

    assert expected == holds(f"age {operator} {years}", birth)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("age >= 60 and start >= 2016-01-01", True),
        ("age < 60 or sex = female", False),
        ("not age < 60", True),
        ("(age < 60 or sex = male) and not birth > 1958-06-30", True),
        ("age < 60 or age >= 60 and start < 2016-01-01", False),
        ("not (age >= 60 and sex = male)", False),
    ],
)
def test_comparisons_are_joined_as_they_read(expression, expected):
    assert expected == holds(expression, dt.date(1958, 6, 30), dt.date(2017, 5, 1))


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("agee >= 60", "found 'agee', expected one of age, birth, start, sex; did you mean 'age'"),
        ("age => 60", "found '=', expected one of <= >= != = < > after 'age'|found '>', expected a whole number"),
        ("age >= sixty", "found 'sixty', expected a whole number of years"),
        ("start >= 2016", "found '2016', expected a date such as 2016-01-01"),
        ("start >= 2016-02-31", "found '2016-02-31', expected a date"),
        ("sex > male", "expected sex = male or sex = female"),
        ("(age >= 60", "found 'its end', expected a closing bracket"),
        ("age >= 60 start < 2016-01-01", "found 'start', expected and, or, or the end"),
        ("age >= 60; drop table roll", "found ';', expected and, or, or the end"),
        ("", "found 'its end', expected one of age"),
    ],
)
def test_what_is_not_understood_is_named(expression, words):
    with pytest.raises(ParamsError, match=words) as told:
        sql(expression, where="params/x.yaml: programmes: p")

    assert str(told.value).startswith("params/x.yaml: programmes: p: ")

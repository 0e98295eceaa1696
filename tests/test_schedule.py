"""Rates and terms as the tables that the reconciliation reads."""

import datetime as dt

import pandas as pd
import pytest
from planted import AS_OF, MONTHS, OTHER, QUARTERLY, YEARLY, rates

from fpanalysis.errors import FpError
from fpanalysis.schedule import IMPOSSIBLE, day_number, eligible, month_number, rate_on, tables


def test_days_and_months_are_counted_from_their_beginnings():
    assert (17712, 201806) == (day_number(dt.date(2018, 6, 30)), month_number(pd.Period("2018-06", "M")))


def test_a_quarter_is_made_of_its_months_at_the_rate_of_each():
    terms = rates()[rates()["programme"] == QUARTERLY].assign(effective=pd.to_datetime(["2001-01-01", "2018-06-01"]))
    parts = tables(terms, MONTHS, AS_OF)["parts"]
    june = parts[parts["due"] == month_number(MONTHS[-1])]

    assert [(20180430, 34000), (20180531, 34000), (20180630, 45000)] == sorted(
        zip(june["ymd"], june["amount"], strict=True)
    )


def test_whole_payments_and_their_tokens_add_up():
    made = tables(rates(), MONTHS, AS_OF)
    by_due = made["parts"].groupby("programme")["amount"].sum()

    assert by_due.tolist() == made["terms"]["whole"].tolist()
    assert [7, 2, 3] == [bits.bit_count() for bits in made["terms"]["bits"]]
    assert made["terms"]["bits"].tolist() == [
        token + made["calendar"].query("programme == @number")["token"].sum()
        for number, token in enumerate(made["terms"]["token"])
    ]


def test_no_two_tokens_are_alike_and_more_than_fit_are_none():
    many = pd.concat([rates().query("programme == @OTHER").assign(programme=f"p{n}", excludes=[()]) for n in range(12)])
    made = tables(many, MONTHS, AS_OF)
    tokens = [*made["terms"]["token"], *made["calendar"]["token"]]
    given = [token for token in tokens if token]

    assert len(set(given)) == len(given) == 8 * 7  # eight programmes of a roll and six payments
    assert all(token.bit_count() == 1 and token < 1 << 62 for token in given)
    assert [IMPOSSIBLE] * 4 == made["terms"]["bits"].tolist()[8:]


def test_a_month_is_waiting_up_to_its_last_day_in_time():
    waiting = [tables(rates(), MONTHS, day)["calendar"].query("programme == 1 and due == @june")["waiting"].iloc[0]
               for june in [month_number(MONTHS[-1])] for day in (dt.date(2018, 7, 15), dt.date(2018, 7, 16))]  # fmt: skip

    assert [1, 0] == waiting


def test_exclusion_holds_both_ways():
    pairs = tables(rates(), MONTHS, AS_OF)["excludes"].to_numpy().tolist()
    names = sorted({YEARLY, QUARTERLY, OTHER})

    assert sorted([[names.index(YEARLY), names.index(OTHER)], [names.index(OTHER), names.index(YEARLY)]]) == pairs


def test_conditions_are_by_the_number_of_the_programme():
    assert {1: "{ymd} - {birth} >= 600000"} == eligible(rates())


def test_an_unknown_excluded_programme_offers_the_nearest():
    terms = rates().assign(excludes=[("special_suport",)] * 4)

    with pytest.raises(
        FpError, match="excludes 'special_suport', which does not exist; did you mean 'special_support'"
    ):
        tables(terms, MONTHS, AS_OF)


def test_the_rate_in_force_is_the_last_that_began():
    terms = rates()[rates()["programme"] == QUARTERLY]

    assert [34000, 45000] == [rate_on(terms, pd.Timestamp(day)) for day in ("2018-03-31", "2018-04-01")]

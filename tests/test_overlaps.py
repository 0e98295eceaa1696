"""A year less its half-year tells nothing small."""

import numpy as np
import pytest

from fpanalysis import results
from fpanalysis.disclosure import HIDDEN, protect
from fpanalysis.overlaps import tells_small


def counts(period, **by_place):
    return results.rows(
        [{"place": place, "period": period, "measure": "births", "count": n, "method": "counted"}
         for place, n in by_place.items()]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("new", "others", "tells"),
    [
        (("2018", 50), {"2018H1": 49}, True),  # the second half had one
        (("2018", 50), {"2018H1": 50}, False),  # none is no one
        (("2018", 50), {"2018H1": 47}, False),
        (("2018", 50), {"2018H1": np.nan}, False),
        (("2018", 50), {"2017H2": 49}, False),  # no month of it
        (("2018H1", 50), {"2018Q1": 48}, True),
        (("2018", 90), {"2018H1": 50, "2018Q3": 39}, True),  # the fourth quarter, by two subtractions
        (("2018", 90), {"2018H1": 50, "2018-07": 39}, True),
        (("2018", 90), {"S2018H2": 40, "2018Q1": 20, "2018Q3": 19}, False),
        (("2018H1", 40), {"2018Q1": 20, "2018-04": 10, "2018-05": 9}, True),
        (("2018H1", 40), {"S2018H1": 39, "2017Q4": 20}, False),  # April to June had twenty-one
        (("2018H1", 21), {"S2018H1": 39, "2017Q4": 20}, True),  # and here two: 21 - (39 - 20)
    ],
)
def test_what_other_reports_tell_together_with_a_new_one(new, others, tells):
    elsewhere = results.combine([counts(period, a=n) for period, n in others.items()])

    assert list(tells_small(counts(new[0], a=new[1]), elsewhere, smallest=3)) == [tells]


def test_what_the_others_tell_without_it_is_not_its_fault():
    elsewhere = results.combine([counts("2017", a=20), counts("2017H1", a=19)])

    assert not tells_small(counts("2018H1", a=40), elsewhere, smallest=3).any()


def test_a_year_that_would_tell_a_small_half_is_hidden_with_another():
    year = counts("2018", county=200, a=50, b=70, c=80)
    half = counts("2018H1", a=49, b=30, c=40)
    found = protect(year, smallest=3, measures=["births"], county="county", elsewhere=half)

    assert found.loc[found["note"].str.contains(HIDDEN), "place"].tolist() == ["a", "b"]
    assert protect(year, smallest=3, measures=["births"], county="county")["count"].notna().all()

"""A row of the county among its townships is their total, or a disagreement; it is never added to them."""

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from fpanalysis.levels import Disagreement, without_county_rows

BY = {"keys": ["month", "sex"], "counts": ["n", "done"], "month": "month", "county": "x"}


def table(*records: tuple) -> pd.DataFrame:
    """Rows of (place, month, sex, n, done, file), numbered from 2."""
    frame = pd.DataFrame(records, columns=["place", "month", "sex", "n", "done", "file"])
    return frame.assign(row=range(2, len(frame) + 2), done=frame["done"].astype("float64"))


towns = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(1, 3), st.sampled_from("mf"), st.integers(-2, 50), st.integers(0, 50),
              st.sampled_from(["f", "g"])),
    min_size=1, max_size=20,
)  # fmt: skip


@settings(deadline=None)
@given(towns)
def test_totals_of_any_townships_are_left_out_and_the_sum_stays(rows):
    plain = table(*rows)
    sums = plain.groupby(["month", "sex"])[["n", "done"]].sum().reset_index()
    both = table(*rows, *[("x", r.month, r.sex, r.n, r.done, "h") for r in sums.itertuples()])
    before = both.copy()
    kept, left_out, differing = without_county_rows(both, **BY)

    pd.testing.assert_frame_equal(kept, plain)
    assert (len(left_out), differing) == (len(sums), [])
    pd.testing.assert_frame_equal(both, before)


@settings(deadline=None)
@given(towns, st.integers(1, 9))
def test_a_total_that_is_off_by_any_amount_is_found(rows, shift):
    n = sum(r[3] for r in rows if r[1:3] == rows[0][1:3])
    own = sum(r[3] for r in rows if r[1:3] == rows[0][1:3] and r[5] == rows[0][5])
    wrong = max(n, own) + shift
    _, _, differing = without_county_rows(table(*rows, ("x", *rows[0][1:3], wrong, None, rows[0][5])), **BY)

    assert differing == [Disagreement(rows[0][5], len(rows) + 2, "n", wrong, n)]


def test_rows_of_the_county_alone_stay():
    frame = table(("x", 1, "m", 3, 3, "f"), ("x", 2, "m", 4, 4, "f"))

    assert without_county_rows(frame, **BY)[0] is frame


def test_months_of_the_county_alone_stay_where_they_are_a_file_of_their_own():
    frame = table(("x", 1, "m", 3, 3, "old"), ("a", 2, "m", 4, 4, "new"))

    assert len(without_county_rows(frame, **BY)[0]) == 2


def test_a_total_that_no_township_answers_to_is_handed_back_without_a_sum():
    frame = table(("a", 1, "m", 4, 4, "f"), ("x", 1, "all", 4, 4, "f"))
    _, _, differing = without_county_rows(frame, **BY)

    assert [(d.row, d.column, d.expected) for d in differing] == [(3, "n", None), (3, "done", None)]


def test_a_missing_count_of_the_county_is_not_compared():
    frame = table(("a", 1, "m", 4, 4, "f"), ("x", 1, "m", 4, None, "f"))

    assert without_county_rows(frame, **BY)[2] == []

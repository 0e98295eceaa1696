"""What was said then and is known now: the identity, and intervals that come back."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpanalysis import results, revisions

MONTHS = pd.period_range("2018-01", "2018-06", freq="M")
THEN = pd.Period("2018-06", "M")
WHERE = {"months": MONTHS, "period": "2018H1", "county": "x"}

cells = st.lists(st.tuples(st.integers(-8, 5), st.integers(0, 9), st.integers(-5, 60)), max_size=20)


def frame(rows) -> pd.DataFrame:
    """Births by month of occurrence (from January 2018), delay and count."""
    occurred = [MONTHS[0] + n for n, _, _ in rows]
    table = pd.DataFrame({"occurred": occurred, "registered": [m + d for m, (_, d, _) in zip(occurred, rows, strict=True)],
                          "count": [n for _, _, n in rows]})  # fmt: skip
    return table.astype({"occurred": "period[M]", "registered": "period[M]", "count": "int64"})


@given(cells, cells)
def test_the_difference_is_late_registrations_and_files_and_nothing_else(then, now):
    before, after = frame(then), frame(now)
    found = revisions.births(before[before["registered"] <= THEN], after, known_then=THEN, **WHERE)
    value = {row.measure: row.value for row in found.itertuples()}

    assert value["revision/births"] == value["revision_late/births"] + value["revision_corrected/births"]


def test_late_and_corrected_are_told_apart():
    """10 births registered in time, of which a corrected file has 12, and 3 registered in July."""
    found = revisions.births(frame([(5, 0, 10)]), frame([(5, 0, 12), (5, 1, 3)]), known_then=THEN, **WHERE)

    assert [5, 3, 2] == found["value"].tolist()
    assert [15, 10] == found.loc[0, ["count", "total"]].tolist()


def test_what_was_published_stands_before_what_the_files_give_today():
    """The report said 9; its files give 10 today; 15 are known: 3 came since, and 3 are by files."""
    said = results.rows([{"place": "x", "period": "2018H1", "measure": "births", "count": 9}])
    found = revisions.births(
        frame([(5, 0, 10)]), frame([(5, 0, 12), (5, 1, 3)]), known_then=THEN, published=said, **WHERE
    )

    assert [6, 3, 3] == found["value"].tolist()
    assert 9 == found.loc[0, "total"]


def test_the_published_forecast_comes_before_one_made_anew():
    said = results.rows([{"place": "x", "period": "2018H1", "measure": "births_forecast", "value": v, "lower": v - 9,
                          "upper": v + 9, "method": "gp-95"} for v in (60, 90)])  # fmt: skip
    monthly = pd.DataFrame({"place": "x", "month": MONTHS, "births": 9, "completed": 10.0})

    assert [60] == revisions.estimates(said, monthly, periods={"2018H1": MONTHS}, county="x")["value"].tolist()


def test_nothing_new_is_no_revision():
    same = frame([(0, 0, 5), (5, 0, 7)])

    assert [0, 0, 0] == revisions.births(same, same, known_then=THEN, **WHERE)["value"].tolist()


def test_figures_that_one_side_lacks_are_left_out():
    then = results.rows([{"place": "x", "period": "2018H1", "measure": "registered", "count": 10}])
    now = results.rows(
        [{"place": "x", "period": "2018H1", "measure": m, "count": 12} for m in ("registered", "checkups/a")]
    )
    found = revisions.figures(then, now, measures=["registered", "checkups/a"], period="2018H1", county="x")

    assert [("revision/registered", 2)] == list(zip(found["measure"], found["value"], strict=True))


@pytest.mark.parametrize(("lower", "upper", "note"), [(50, 70, "held"), (65, 70, "below"), (40, 55, "above")])
def test_an_interval_comes_back_with_whether_it_held(lower, upper, note):
    said = results.rows([{"place": "x", "period": "2018H1", "measure": "births_forecast", "value": 60, "lower": lower,
                          "upper": upper, "method": "gp-95"}])  # fmt: skip
    monthly = pd.DataFrame({"place": "x", "month": MONTHS, "births": 9, "completed": 10.0})
    found = revisions.estimates(said, monthly, periods={"2018H1": MONTHS}, county="x").iloc[0]

    assert (54, 60, 60) == (found["count"], found["total"], found["value"])
    assert f"note.foretold.{note}" == results.read_note(found["note"])[0]


def test_what_the_report_published_comes_before_what_is_made_anew():
    """And an estimate of the period itself before a forecast of it."""
    rows = [("births_forecast", 50), ("births_corrected", 61), ("births_corrected", 62)]
    said = results.rows([{"place": "x", "period": "2018H1", "measure": m, "value": v, "lower": v - 9, "upper": v + 9,
                          "method": "gp-95"} for m, v in rows])  # fmt: skip
    monthly = pd.DataFrame({"place": "x", "month": MONTHS, "births": 9, "completed": 10.0})

    assert [61] == revisions.estimates(said, monthly, periods={"2018H1": MONTHS}, county="x")["value"].tolist()


def test_a_period_that_is_not_known_to_its_end_is_not_judged():
    said = results.rows(
        [{"place": "x", "period": "2018H1", "measure": "births_forecast", "value": 60, "method": "gp-95"}]
    )
    monthly = pd.DataFrame({"place": "x", "month": MONTHS[:5], "births": 9, "completed": 10.0})

    assert revisions.estimates(said, monthly, periods={"2018H1": MONTHS}, county="x").empty

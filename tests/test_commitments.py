"""Every state of a promise, what comes back and what does not, and the figures that promises are judged by."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpanalysis import results, wording
from fpanalysis.commitments import STATES, figures, register
from fpanalysis.periods import parse_period

WHERE = {"period": "2018H1", "county": "x"}


def promise(
    due: str = "2018H1",
    measure: str = "activity/inspection",
    target: float = 2,
    made: str = "2017H2",
    done: str | None = None,
) -> pd.DataFrame:
    record = {"id": "C1", "made": made, "due": due, "zh": "检查", "en": "Inspections", "measure": measure, "target": target,
              "owner": "科", "done": pd.Timestamp(done) if done else pd.NaT}  # fmt: skip
    return pd.DataFrame([record])


def known(inspections: float, period: str = "2018H1") -> pd.DataFrame:
    return results.rows([{"place": "x", "period": period, "measure": "activity/inspection", "count": inspections}])


def states(found: pd.DataFrame) -> list[str]:
    mine = results.pick(found, measure="commitment/*")
    return [results.read_note(note)[0].removeprefix("note.commitment.") for note in mine["note"]]


@pytest.mark.parametrize(
    ("state", "listed", "inspections"),
    [
        ("kept", promise(), 2), ("kept", promise(), 5), ("not_kept", promise(), 1), ("not_kept", promise(), 0),
        ("cannot_judge", promise(), None), ("cannot_judge", promise(measure=""), 2), ("cannot_judge", promise(target=np.nan), 2),
        ("open", promise(due="2018H2"), 2), ("said_done", promise(measure="", done="2018-05-02"), None),
        ("cannot_judge", promise(measure="", done="2018-07-02"), None), ("not_kept", promise(done="2018-05-02"), 1),
    ],
)  # fmt: skip
def test_a_promise_comes_back_with_its_outcome(state, listed, inspections):
    table = results.empty() if inspections is None else known(inspections)

    assert [state] == states(register(listed, table, **WHERE))


def test_the_number_and_the_target_stand_beside_the_outcome():
    fact = register(promise(), known(1), **WHERE).iloc[0]

    assert ("commitment/C1", 1, 2) == (fact["measure"], fact["value"], fact["total"])


def test_the_answer_says_which_months_its_figure_covers():
    """An inspection count is of the period in which the promise is due; a share of the year's plan is of the year so far."""
    share = {"place": "x", "period": "2018H2", "measure": "plan_share/activity/inspection", "value": 1.25,
             "note": results.note("note.plan.year", year="2018")}  # fmt: skip
    table = results.combine([known(5, "2018H2"), results.rows([share])])
    listed = [promise("2018H2", m, 1, "2018H1").assign(id=m) for m in ("activity/inspection", share["measure"])]
    found = results.pick(register(pd.concat(listed), table, period="2018", county="x"), measure="commitment/*")

    assert ["2018H2", "2018"] == [results.read_note(n)[1]["covers"] for n in found["note"]]


@pytest.mark.parametrize(("due", "covers", "zh", "en"), [("2018Q3", "2018-01/2018-09", "2018年1月至2018年9月", "January 2018 to September 2018"),
                                                         ("S2018H1", "S2018H1", "2018统计年度上半年", "first half of statistical year 2018")])  # fmt: skip
def test_a_year_so_far_that_is_no_period_is_told_by_its_months(due, covers, zh, en):
    share = {
        "place": "x",
        "period": due,
        "measure": "plan_share/m",
        "value": 1,
        "note": results.note("note.plan.year", year=2018),
    }
    found = register(promise(due, "plan_share/m", 1, "2017H1"), results.rows([share]), period=due, county="x")
    said = results.read_note(results.pick(found, measure="commitment/*")["note"].iloc[0])[1]

    assert covers == said["covers"]
    assert [zh, en] == [wording.format_value(said["covers"], "span", lang) for lang in wording.LANGS]


def test_the_annual_report_judges_what_was_due_in_its_halves():
    found = register(promise(due="2018H2", made="2018H1"), known(2, "2018H2"), period="2018", county="x")

    assert ["kept"] == states(found)


@pytest.mark.parametrize(
    ("state", "listed", "inspections"),
    [
        ("carried", promise(due="2017H2", made="2017H1"), 1),
        ("carried", promise(due="2017H2", made="2017H1", measure=""), None),
        ("done_late", promise(due="2017H2", made="2017H1", done="2018-03-01"), 1),
    ],
)
def test_what_was_not_done_comes_back_in_every_later_report(state, listed, inspections):
    table = results.empty() if inspections is None else known(inspections, "2017H2")

    assert [state] == states(register(listed, table, **WHERE))


@pytest.mark.parametrize(
    ("listed", "inspections"),
    [
        (promise(due="2017H2", made="2017H1"), 2),
        (promise(due="2017H2", made="2017H1", done="2017-12-31"), 1),
        (promise(due="2019H1", made="2018H2"), 2),
    ],
)
def test_what_is_settled_and_what_is_not_yet_promised_is_left_out(listed, inspections):
    assert register(listed, known(inspections, "2017H2"), **WHERE).empty


def test_a_promise_made_anew_takes_the_place_of_the_one_not_kept():
    again = pd.concat([promise(due="2017H2", made="2017H1"), promise(due="2018H2", made="2017H2")])

    assert ["open"] == states(register(again, known(0, "2017H2"), **WHERE))


def test_two_promises_of_one_name_keep_apart():
    listed = pd.concat([promise(made="2017H1"), promise(made="2017H2")])
    found = results.pick(register(listed, results.empty(), **WHERE), measure="commitment/*")

    assert ["commitment/C1/2017H1", "commitment/C1/2017H2"] == found["measure"].tolist()


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(["2017H1", "2017H2", "2018H1"]), st.sampled_from(["2017H2", "2018H1", "2018H2", "2019"]),
                          st.integers(0, 3)), max_size=8))  # fmt: skip
def test_each_promise_is_in_one_state_and_the_counts_add_up(drawn):
    listed = pd.concat([promise(made=m, due=d, target=t).assign(id=f"C{n}") for n, (m, d, t) in enumerate(drawn)]
                       or [promise()[:0]])  # fmt: skip
    found = register(listed, pd.concat([known(1), known(1, "2017H2")]), **WHERE)

    assert results.pick(found, measure="promises/*")["count"].sum() == len(results.pick(found, measure="commitment/*"))


@pytest.mark.parametrize("lang", wording.LANGS)
@pytest.mark.parametrize("state", STATES)
def test_every_state_has_its_words_without_keys_of_periods(state, lang):
    words = {"zh": "检查", "en": "Inspections", "made": "2017H2", "due": "2018H1", "owner": "科", "done": "2018-03-01",
             "covers": "2018H1"}  # fmt: skip
    said = wording.text(STATES[state], lang, **words)

    assert wording.has(f"state.{state}")
    assert "2017H2" not in said and "{" not in said


def test_figures_of_a_period_include_the_share_of_the_plan_of_its_year(desk):
    """2,886 of the 5,600 check-ups planned for 2018 were made by June (sample)."""
    found = figures(desk.data.frames, periods=[parse_period("2018H1")], county="renqiu")

    assert results.value(found, measure="plan_share/checkups/preconception") == 2886 / 5600
    assert results.value(found, measure="registered/first") == 1559
    assert set(found["period"]) == {"2018H1"} and set(found["place"]) == {"renqiu"}

"""A province: sums are sums, ratios are worked out anew, what is missing or differs is named."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpanalysis import narrative, pipeline, results, rollup
from fpanalysis.errors import NotebookError
from fpanalysis.execute import run_notebook
from fpanalysis.pipeline import run_report
from fpanalysis.stats import binomial_interval

PERIOD = "2018H1"


def published(**counties: dict[str, tuple[float, float | None]]) -> dict[str, pd.DataFrame]:
    """Results of counties: by measure the count and total."""
    return {
        place: results.rows(
            [{"place": place, "period": PERIOD, "measure": m, "count": c, "total": t, "method": "counted"}
             for m, (c, t) in measures.items()]
        )
        for place, measures in counties.items()
    }  # fmt: skip


def summed(counties, expected=("a", "b")):
    return rollup.roll_up(rollup.county_rows(counties, period=PERIOD), province="p", expected=expected)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=8))
def test_counts_add_up(counts):
    counties = published(**{f"c{i}": {"births": (n, None)} for i, n in enumerate(counts)})
    found = summed(counties, list(counties))

    assert results.value(found, "count", measure="births") == sum(counts)
    assert (found["note"] == "").all()


def test_the_order_of_counties_changes_nothing():
    a, b = {"births": (3, None), "srb": (2, 5)}, {"births": (8, None), "srb": (1, 4)}

    pd.testing.assert_frame_equal(summed(published(a=a, b=b)), summed(published(b=b, a=a)))


def test_a_share_is_of_the_sums_not_the_mean_of_shares():
    found = results.fact(
        summed(published(a={"pay_on_time": (1, 2)}, b={"pay_on_time": (98, 98)})), measure="pay_on_time"
    )
    lower, upper = binomial_interval(99, 100, kind="wilson")

    assert (found.count, found.total, found.value) == (99, 100, 0.99)
    assert [found.lower, found.upper] == pytest.approx([float(lower), float(upper)])


def test_a_sex_ratio_is_of_the_sums():
    found = results.fact(summed(published(a={"srb": (110, 210)}, b={"srb": (106, 206)})), measure="srb")

    assert found.value == pytest.approx(108)
    assert found.lower < 108 < found.upper


def test_a_measure_that_a_county_lacks_says_so():
    found = summed(published(a={"births": (3, None), "checkups/preconception": (7, None)}, b={"births": (4, None)}))

    assert results.read_note(results.fact(found, measure="checkups/preconception").note) == (
        "note.rollup.partial", {"counties": 1, "lacking": 1},
    )  # fmt: skip
    assert results.fact(found, measure="births").note == ""


def test_townships_and_other_periods_are_not_taken_over():
    rows = [("a", PERIOD), ("鄚州镇", PERIOD), ("a", "2017H1")]
    table = results.rows([{"place": p, "period": t, "measure": "births", "count": 5, "method": "x"} for p, t in rows])

    assert len(rollup.county_rows({"a": table}, period=PERIOD)) == 1


def test_measures_that_do_not_add_up_are_left_out():
    found = summed(published(a={"births_expected": (5, None), "srb_adjusted": (1, 3), "births": (1, None)}))

    assert list(found["measure"]) == ["births"]


def test_a_county_without_a_report_is_named():
    counties = rollup.county_rows(published(a={"births": (3, None)}), period=PERIOD)
    found = rollup.handed_in(counties, period=PERIOD, province="p", expected=["a", "b"]).iloc[0]

    assert (found["count"], found["total"]) == (1, 2)
    assert results.read_note(found["note"])[1] == {"places": ["b"]}


def test_nothing_published_gives_nothing():
    assert rollup.county_rows({}, period=PERIOD).empty
    assert summed({}).empty


def totals(*lines):
    return pd.DataFrame(lines, columns=["place", "period", "measure", "value"])


def test_a_total_that_differs_is_named_with_both_figures():
    both = results.combine([c := rollup.county_rows(published(a={"births": (3, None)}, b={"births": (4, None)}), period=PERIOD),
                            rollup.roll_up(c, province="p", expected=["a", "b"])])  # fmt: skip
    told = totals(("p", PERIOD, "births", 8.0), ("a", PERIOD, "births", 3.0), ("b", PERIOD, "deaths", 1.0),
                  ("p", "2017H1", "births", 99.0))  # fmt: skip
    found = rollup.compare(told, both, period=PERIOD, province="p")
    differing = results.fact(found, measure="rollup_difference/births")

    assert (differing.place, differing.count) == ("p", 1)
    assert results.read_note(differing.note)[1] == {"told": 8.0, "found": 7.0}
    assert results.read_note(results.fact(found, measure="rollup_compared").note)[1] == {"different": 1, "alone": 1}


def test_inputs_are_left_as_they_are():
    counties = published(a={"births": (3, None)})
    before = counties["a"].copy()
    summed(counties)

    pd.testing.assert_frame_equal(before, counties["a"])
    assert np.isnan(before["total"]).all()


@pytest.mark.slow
def test_a_prefecture_adds_up_what_its_counties_have_published_also_after_a_run_that_ended_halfway(
    tmp_path, monkeypatch
):
    from conftest import copy_project

    def in_one_language(source, target, *given, **named):
        if target.stem.endswith(".en"):
            raise NotebookError("the machine was needed")
        run_notebook(source, target, *given, **named)

    home = copy_project(tmp_path, "renqiu", "cangzhou", "demo")
    run_report("renqiu", "2018H1", home=home)
    with monkeypatch.context() as patched, pytest.raises(NotebookError, match="the machine was needed"):
        patched.setattr(pipeline, "run_notebook", in_one_language)
        run_report("cangzhou", "2018H1", home=home)
    release, _ = run_report("cangzhou", "2018H1", home=home)
    found = results.read(release / "results.csv")

    assert results.value(found, place="cangzhou", measure="registered/first") == 1559
    assert results.value(found, place="renqiu", measure="rollup_difference/registered/second") == 1
    assert "Not yet published: Demo County." in (release / "report.en.html").read_text("utf-8")


def test_the_headline_of_a_sum_that_lacks_counties_says_so():
    found = summed(published(a={"births": (10, None)}), ("a", "b"))

    for lang, said in (("en", "Of 1 county only; 1 has no such figure"), ("zh", "只有1个县市有此数，缺1个")):
        (card,) = narrative.headline(results.facts(found, place="p", period=PERIOD), lang, low=103, high=107)
        assert card.change.startswith(said)
    whole = summed(published(a={"births": (10, None)}, b={"births": (1, None)}))
    assert (
        "only"
        not in narrative.headline(results.facts(whole, place="p", period=PERIOD), "en", low=103, high=107)[0].change
    )

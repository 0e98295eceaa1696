import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from fpanalysis import consistency, results, wording
from fpanalysis.consistency import possible_boys
from fpanalysis.errors import FpError

WHERE = {"period": "2018H1", "county": "renqiu"}
MONTHS = pd.period_range("2018-01", "2018-06", freq="M")
quick = settings(max_examples=100, deadline=None)


def births_of(counts) -> pd.DataFrame:
    month = pd.PeriodIndex(["2018-01"] * len(counts), freq="M")
    frame = pd.DataFrame({"place": [f"t{n}" for n in range(len(counts))], "sex": "male", "count": counts, "order": 1})
    return frame.assign(occurred=month, registered=month)


@quick
@given(st.integers(2, 100_000), st.integers(0, 3), st.data())
def test_a_ratio_that_was_worked_out_is_possible(births, decimals, data):
    boys = data.draw(st.integers(0, births - 1))
    printed = f"{100 * boys / (births - boys):.{decimals}f}"

    assert boys in possible_boys(births, printed)[0]


def test_the_communique_that_no_boys_can_have_made():
    """METHODS: 6,312 births, "110.77": none does (3,317 boys give 110.75, 3,318 give 110.82)."""
    assert ([], 3317) == possible_boys(6312, "110.77")
    assert ([3317], 3317) == possible_boys(6312, "110.75")


def test_fewer_decimals_let_more_through():
    assert [3317, 3318] == possible_boys(6312, "110.8")[0]
    assert 14 == len(possible_boys(6312, "111")[0])


def test_what_is_no_ratio_is_refused():
    with pytest.raises(FpError, match=r"printed ratio is '110,77', expected a number as text"):
        possible_boys(6312, "110,77")
    with pytest.raises(FpError, match="births of a printed ratio are 0"):
        possible_boys(0, "100")


def test_published_ratios_are_listed_with_their_source():
    found = consistency.grim([("communique 2017", 6312, "110.77"), ("yearbook", 100, "100")], **WHERE)

    assert ["srb_printed/1", "srb_printed/2"] == list(found["measure"])
    assert "communique 2017" in wording.remark(found["note"][0], "en")
    assert "note.srb.printed.possible" == results.read_note(found["note"][1])[0]


def test_counts_that_end_in_0_and_5_are_seen():
    guessed = consistency.heaping(births_of([25, 30, 35, 40, 45, 50, 60, 55]), months=MONTHS, **WHERE).iloc[0]
    counted = consistency.heaping(births_of([31, 33, 37, 42, 45, 58, 29, 51, 3]), months=MONTHS, **WHERE).iloc[0]

    assert (8, 8) == (guessed["count"], guessed["total"])
    assert "note.srb.heaping.many" == results.read_note(guessed["note"])[0]
    assert (1, 8) == (counted["count"], counted["total"])
    assert binomtest(8, 8, 0.2, "greater").pvalue > guessed["p"] > 0


def test_small_counts_say_nothing():
    found = consistency.heaping(births_of([5, 9]), months=MONTHS, **WHERE).iloc[0]

    assert "note.srb.heaping.none" == results.read_note(found["note"])[0]


@pytest.mark.parametrize("lang", wording.LANGS)
def test_everything_has_words(lang):
    made = results.combine([
        consistency.grim([("a", 6312, "110.77"), ("b", 100, "100")], **WHERE),
        *(consistency.heaping(births_of(c), months=MONTHS, **WHERE) for c in ([5], [25, 30, 35, 40], [21, 22])),
    ])  # fmt: skip

    assert all(wording.remark(note, lang) for note in made["note"])
    assert all(wording.text(f"method.{method}", lang) for method in made["method"])
    assert all(wording.indicator(measure)["kind"] for measure in made["measure"])


@pytest.mark.parametrize("mean", [11, 20, 25, 40])
def test_honest_counts_are_called_heaped_no_more_often_than_said(mean):
    """Poisson counts of 10 townships and 6 months, 300 times; five in a hundred, and two standard errors of that."""
    rng = np.random.default_rng(mean)
    table = pd.MultiIndex.from_product([[f"t{i}" for i in range(10)], ["male", "female"], MONTHS[:6]])
    births = table.to_frame(index=False, name=["place", "sex", "occurred"]).assign(order=1)
    found = [
        consistency.heaping(births.assign(count=rng.poisson(mean, len(births))), months=MONTHS, **WHERE)["p"].iloc[0]
        for _ in range(300)
    ]

    assert np.mean(np.array(found) < 0.05) < 0.05 + 2 * np.sqrt(0.05 * 0.95 / 300)

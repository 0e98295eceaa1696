"""Indicators from the catalogue: golden intervals for each kind, small and missing figures, errors by their words."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpanalysis import results, wording
from fpanalysis.errors import FpError
from fpanalysis.rates import KINDS, derived

NAN = float("nan")


def have(**counts: float) -> pd.DataFrame:
    """County results by measure ("__" for "/")."""
    records = [
        {"place": "x", "period": "2018H1", "measure": m.replace("__", "/"), "count": n} for m, n in counts.items()
    ]
    return results.rows(records)


def one(kind: str, numerator: str = "checkups/a", denominator: str = "checkups/b", unit: str = "") -> dict[str, str]:
    return {"key": f"own_{kind}/it", "kind": kind, "numerator": numerator, "unit": unit,
            "denominator": "" if kind == "count" else denominator}  # fmt: skip


def figure(kind: str, upper: float, lower: float, unit: str = "") -> pd.Series:
    return derived(have(checkups__a=upper, checkups__b=lower), [one(kind, unit=unit)], period="2018H1").iloc[0]


@pytest.mark.parametrize(
    ("upper", "lower", "bounds"),
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)), (1, 29, (0.0061, 0.1718))],
)
def test_a_share_has_wilsons_interval(upper, lower, bounds):
    """Newcombe, Statistics in Medicine 17 (1998) 857, Table I, method 3 (score, no continuity correction)."""
    fact = figure("share", upper, lower)

    assert bounds == (round(fact["lower"], 4), round(fact["upper"], 4))


@pytest.mark.parametrize(
    ("count", "bounds"),
    [(0, (0.0, 3.689)), (1, (0.0253, 5.572)), (5, (1.6235, 11.668)), (10, (4.7954, 18.390)), (100, (81.3640, 121.627))],
)
def test_a_count_has_the_exact_poisson_interval(count, bounds):
    """Garwood, Biometrika 28 (1936) 437, and Ulm, American J. Epidemiology 131 (1990) 373; R's poisson.test gives them."""
    fact = figure("count", count, 0)

    assert bounds == (round(fact["lower"], 4), round(fact["upper"], 3))


def test_a_rate_is_a_count_over_what_is_known_times_its_unit():
    """R: poisson.test(5, T = 2000)$conf.int * 1000 = 0.8117, 5.8342."""
    fact = figure("rate", 5, 2000, unit="per1000")

    assert (2.5, 0.8117, 5.8342) == tuple(round(fact[n], 4) for n in ("value", "lower", "upper"))


def test_a_ratio_has_the_exact_conditional_interval():
    """R 4: poisson.test(c(7, 5))$conf.int = 0.382494249454, 5.594034266843."""
    fact = figure("ratio", 7, 5)

    assert (0.382494249454, 5.594034266843) == pytest.approx((fact["lower"], fact["upper"]), abs=1e-9)


def test_a_difference_of_counts_is_put_together_from_their_exact_intervals():
    """MOVER (Zou and Donner 2008) from R's poisson.test(10) = 4.795389, 18.390356 and poisson.test(5) = 1.623486, 11.668332."""
    fact = figure("difference", 10, 5)

    assert 5 - np.hypot(10 - 4.795389, 11.668332 - 5) == pytest.approx(fact["lower"], abs=1e-5)
    assert 5 + np.hypot(18.390356 - 10, 5 - 1.623486) == pytest.approx(fact["upper"], abs=1e-5)


def test_a_mean_of_money_has_no_interval():
    fact = figure("mean", 34500, 7)

    assert 34500 / 7 == fact["value"]
    assert np.isnan(fact["lower"])


@pytest.mark.parametrize(
    ("kind", "upper", "lower", "n"), [("share", 3, 10, 10), ("rate", 3, 5000, 3), ("ratio", 4, 5, 9)]
)
def test_few_cases_say_so(kind, upper, lower, n):
    assert ("note.indicator.small", {"n": n}) == results.read_note(figure(kind, upper, lower)["note"])


def test_enough_cases_say_nothing():
    assert "" == figure("share", 10, 100)["note"]


@pytest.mark.parametrize("kind", ["share", "rate", "ratio", "mean"])
def test_nothing_to_divide_by_is_no_figure_and_says_so(kind):
    fact = figure(kind, 3, 0)

    assert np.isnan(fact["value"])
    assert "note.indicator.nothing" == results.read_note(fact["note"])[0]


def test_a_part_larger_than_the_whole_is_named():
    assert "The numerator (12) exceeds the denominator (10): check both first" == wording.remark(
        figure("share", 12, 10)["note"], "en"
    )


def test_sums_and_other_numbers_of_a_row():
    table = results.combine([have(activity__family_visited=51, activity__poor_mother_visited=50),
                             results.rows([{"place": "x", "period": "2018H1", "measure": "activity_amount/money_given", "count": 100, "value": 1}])])  # fmt: skip
    made = derived(table, [one("mean", "activity_amount/money_given@value", "activity/family_visited + activity/poor_mother_visited")],
                   period="2018H1").iloc[0]  # fmt: skip

    assert (1, 101) == (made["count"], made["total"])


def test_a_star_makes_one_indicator_for_each_breakdown():
    table = have(roll_exits__a=2, roll_exits__b=3, roll_opening__a=100, roll_opening__b=200)
    made = derived(table, [one("rate", "roll_exits/*", "roll_opening/*", "per100")], period="2018H1")

    assert {"own_rate/it/a": 2.0, "own_rate/it/b": 1.5} == dict(zip(made["measure"], made["value"], strict=True))


def test_what_is_hidden_or_missing_makes_no_figure():
    table = have(checkups__a=NAN, checkups__b=10)

    assert 0 == len(derived(table, [one("share")], period="2018H1"))
    assert 0 == len(derived(have(checkups__a=1), [one("share")], period="2018H1"))


def test_an_indicator_that_was_asked_for_says_that_it_has_no_figures():
    made = derived(have(), [one("share")], period="2018H1", missing="x").iloc[0]

    assert "没有报送可用的数字" == wording.remark(made["note"], "zh")


def test_a_misspelt_measure_is_an_error_that_offers_the_nearest():
    with pytest.raises(
        FpError, match="indicator 'own_share/it': numerator: measure 'chekups/a' does not exist; did you mean 'checkups"
    ):
        derived(have(), [one("share", "chekups/a")], period="2018H1")


def test_a_share_without_a_denominator_is_an_error():
    with pytest.raises(FpError, match="kind 'share' needs a denominator"):
        derived(have(), [{**one("share"), "denominator": ""}], period="2018H1")


def test_the_catalogue_defines_indicators_that_can_be_made():
    assert 0 == len(derived(results.empty(), wording.defined(), period="2018H1"))
    assert {"registered_share", "checkups_followed_share", "improvement_done_share"} <= {
        d["key"] for d in wording.defined()
    }
    assert {d["kind"] for d in wording.defined()} <= set(KINDS)


@settings(max_examples=40)
@given(st.sampled_from(sorted(KINDS)), st.integers(0, 10**7), st.integers(0, 10**7))
def test_an_interval_holds_its_value_and_the_table_stays_as_it_was(kind, upper, lower):
    table = have(checkups__a=upper, checkups__b=lower)
    before = table.copy()
    made = derived(table, [one(kind)], period="2018H1").iloc[0]

    pd.testing.assert_frame_equal(before, table)
    if not np.isnan(made["lower"]):
        assert made["lower"] <= made["value"] <= made["upper"]


@pytest.mark.parametrize("lang", wording.LANGS)
@pytest.mark.parametrize("number", [0, 1, 10**12, NAN])
def test_every_remark_reads_with_any_number(lang, number):
    keys = [k for k in wording.catalogue() if k.startswith("note.indicator.")]
    said = [wording.text(k, lang, n=number, count=number, total=number) for k in keys]

    assert not [s for s in said if "nan" in s.lower() or "{" in s]

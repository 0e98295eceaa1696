"""Doubts about the data: exact tails against enumeration and simulation, planted faults found, none found where none is."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fpanalysis import quality, results, wording

MONTHS = pd.period_range("2018-01", "2018-06", freq="M")
YEARS = pd.period_range("2016-01", "2018-06", freq="M")
WHERE = {"months": MONTHS, "period": "2018H1", "county": "x"}
TOWNS = [f"t{n}" for n in range(12)]


def county(rng: np.random.Generator, *, mean: float = 80, measure: str = "registered/first") -> pd.DataFrame:
    """Monthly figures of twelve townships without any fault."""
    rows = [(measure, town, month, rng.poisson(mean)) for town in TOWNS for month in YEARS]
    return pd.DataFrame(rows, columns=["measure", "place", "month", "count"])


def spoilt(figures: pd.DataFrame, town: str, change) -> pd.DataFrame:
    """Figures of one township in the period replaced by what `change` makes of them (and of those a year before)."""
    mine = figures["place"] == town
    now, then = (mine & figures["month"].isin(months) for months in (MONTHS, MONTHS - 12))
    found = figures.copy()
    found.loc[now, "count"] = change(figures.loc[now, "count"].to_numpy(), figures.loc[then, "count"].to_numpy())
    return found


FAULTS = {
    "heaping": lambda now, then: np.round(now, -1),
    "copied": lambda now, then: then,
    "equal_months": lambda now, then: np.full(len(now), 80),
}


def named(found: pd.DataFrame) -> set[tuple[str, str]]:
    rows = found[found["measure"].str.startswith("quality/")]
    return {(row.place, row.measure.split("/")[1]) for row in rows.itertuples()}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_where_it_is(fault):
    clean = county(np.random.default_rng(7))
    found = quality.implausible(spoilt(clean, "t3", FAULTS[fault]), **WHERE)

    assert ("t3", fault) in named(found)
    assert {place for place, _ in named(found)} == {"t3"}


def test_every_test_has_its_fault_here():
    assert set(FAULTS) == set(quality.TESTS)


def test_where_nothing_is_wrong_nothing_is_named():
    found = quality.implausible(county(np.random.default_rng(7)), **WHERE)

    assert not named(found)
    assert results.value(found, measure="quality_tests", column="total") == 12 * 3


def test_men_equal_to_women_everywhere_is_told_of_the_county_once():
    rng, rows = np.random.default_rng(1), []
    for town, month in itertools.product(TOWNS, YEARS):
        n = rng.poisson(11)
        rows += [(f"checkups/preconception/{sex}", town, month, n) for sex in ("male", "female")]
    found = quality.implausible(pd.DataFrame(rows, columns=["measure", "place", "month", "count"]), **WHERE)

    assert {("x", "couples")} == named(found)
    assert (72, 72) == tuple(results.pick(found, measure="quality/couples/*")[["count", "total"]].iloc[0])


@given(st.lists(st.floats(0, 1), max_size=8))
def test_the_poisson_binomial_tail_is_that_of_enumeration(chances):
    k = len(chances) // 2
    exact = sum(
        math.prod(p if i in chosen else 1 - p for i, p in enumerate(chances))
        for size in range(k, len(chances) + 1)
        for chosen in itertools.combinations(range(len(chances)), size)
    )

    assert quality._at_least(k, np.array(chances)) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("mean", [0.5, 5.0, 80.0])
def test_the_chance_that_two_counts_are_equal_is_the_sum_of_squares(mean):
    """Skellam 1946: P(X = Y) = exp(-2m) I0(2m), here against the sum over all values of P(X = v) squared."""
    direct = (stats.poisson.pmf(np.arange(1000), mean) ** 2).sum()

    assert quality._equal_chance(np.array([mean]))[0] == pytest.approx(direct, rel=1e-12)


def test_rounded_has_the_binomial_tail_doubled():
    """Six multiples of ten in six months: 2 * 0.1**6."""
    (case,) = quality._rounded(np.array([80.0, 90, 70, 80, 100, 60]), np.full(6, np.nan))

    assert (6, 6, 10) == (case["count"], case["total"], case["step"])
    assert case["p"] == pytest.approx(2e-6)


@pytest.mark.parametrize(("values", "run"), [([1, 1, 2, 2, 2, 1], 3), ([1, 2, 3], 1), ([4, 4, 4, 4], 4)])
def test_the_longest_run(values, run):
    assert quality._longest_run(np.array(values, dtype=float)) == run


def test_small_numbers_are_not_judged():
    """One a month in every month says nothing, and may be one person."""
    found = quality.implausible(
        spoilt(county(np.random.default_rng(3), mean=1), "t3", lambda now, then: np.ones(6)), **WHERE
    )

    assert not named(found)


def without(figures: pd.DataFrame, town: str, months) -> pd.DataFrame:
    return figures[~((figures["place"] == town) & figures["month"].isin(months))]


def test_a_township_that_is_missing_is_named_with_its_months():
    figures = without(county(np.random.default_rng(5), measure="births_reported"), "t4", MONTHS[4:])
    row = quality.missing(figures, townships=TOWNS, **WHERE).iloc[0]

    assert ("t4", "quality/missing/births", 2, 6) == tuple(row[["place", "measure", "count", "total"]])
    assert "May 2018 to June 2018" in wording.remark(row["note"], "en")


def test_a_small_township_without_a_birth_is_not_missing():
    figures = county(np.random.default_rng(5), measure="births_reported", mean=2)

    assert quality.missing(without(figures, "t4", MONTHS[:1]), townships=TOWNS, **WHERE).empty


def test_nothing_missing_has_no_effect():
    assert quality.missing_effect(county(np.random.default_rng(5)), townships=TOWNS, **WHERE).empty


def test_the_effect_is_what_the_township_would_have_reported():
    """All townships alike: one of twelve missing, reporting as usual, adds 1/11."""
    whole = county(np.random.default_rng(5), mean=400)
    row = quality.missing_effect(without(whole, "t4", MONTHS), townships=TOWNS, **WHERE).iloc[0]
    mine = whole[(whole["place"] == "t4") & whole["month"].isin(MONTHS)]["count"].sum()

    assert "missing_effect/registered" == row["measure"]
    assert row["lower"] < row["value"] < row["upper"]
    assert row["lower"] * row["total"] <= mine <= row["upper"] * row["total"]
    assert row["value"] == pytest.approx(1 / 11, rel=0.05)


def test_months_of_the_county_leave_out_what_is_too_small():
    figures = pd.concat(
        [county(np.random.default_rng(5)), county(np.random.default_rng(6), measure="registered/further")]
    )
    found = quality.by_month(figures, months=MONTHS, county="x")

    assert {"registered/first"} == set(found["measure"])
    assert [str(m) for m in MONTHS] == found["period"].tolist()
    assert (
        found["count"].sum()
        == figures[(figures["measure"] == "registered/first") & figures["month"].isin(MONTHS)]["count"].sum()
    )


def test_monthly_figures_of_the_sample_are_those_delivered(desk):
    found = quality.monthly(desk.data.frames)
    mine = found[found["month"].isin(desk.months)].groupby("measure")["count"].sum()

    assert (mine["registered/first"], mine["checkups/preconception/male"]) == (1559, 1443)


def test_nothing_delivered_is_nothing_tested():
    empty = quality.monthly({k: pd.DataFrame(columns=["place", "month", "count", "registered", "service", "programme", "sex"])
                             for k in ("births", "registrations", "checkups")})  # fmt: skip
    found = quality.implausible(empty, **WHERE)

    assert (0, 0) == tuple(found[["count", "total"]].iloc[0])

"""Shares of years to come: conjugate answers, how history narrows them, and predictive tails that add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom

from fpanalysis.pooling import CUTS, SPREADS, posterior, scatter, shares, surprise


def mean(known) -> float:
    return float(known.means @ known.weights)


def test_without_a_year_the_centre_is_expected_and_little_is_known():
    drawn = shares(posterior([], [], centre=0.4, weight=25), 4_000, np.random.default_rng(1))

    assert 0.4 == pytest.approx(mean(posterior([], [], centre=0.4, weight=25)), abs=0.02)
    assert 0.1 < drawn.std() < 0.2


def test_years_that_do_not_differ_give_the_conjugate_answer():
    """Beta-binomial conjugacy with no spread between years: mean (a + k) / (a + b + n), a = b = 1 (Laplace's rule)."""
    found = posterior([30], [100], centre=0.5, weight=2.0, evidence=np.where(SPREADS.min() == SPREADS, 0.0, -1e9))

    assert 31 / 102 == pytest.approx(mean(found), abs=1e-4)


def test_the_predictive_tail_is_the_beta_binomial_one():
    """Mid-p of 60 in 100 after 30 in 100, uniform prior: scipy's beta-binomial (31, 71)."""
    known = posterior([30], [100], centre=0.5, weight=2.0, evidence=np.where(SPREADS.min() == SPREADS, 0.0, -1e9))
    p = surprise(60, 100, known)[3]
    tail = betabinom.sf(60, 100, 31, 71) + betabinom.pmf(60, 100, 31, 71) / 2

    assert 2 * tail == pytest.approx(p, rel=0.05)


def test_a_longer_history_knows_more():
    widths = []
    for years in (1, 3, 8):
        found = posterior([500] * years, [1000] * years)
        low, high = surprise(500, 1000, found)[1:3]
        widths.append(high - low)

    assert sorted(widths, reverse=True) == widths


def test_a_year_of_less_weight_says_less_and_one_of_none_nothing():
    last, both = posterior([700], [1000]), [300, 700]
    means = [mean(posterior(both, [1000, 1000], trust=[w, 1.0])) for w in (1.0, 0.5, 0.0)]

    assert sorted(means) == means
    assert mean(last) == pytest.approx(means[-1])


def test_years_without_cases_say_nothing():
    assert mean(posterior([5], [10])) == mean(posterior([5, 0, np.nan], [10, 0, np.nan]))


def test_large_and_small_totals_agree_on_the_tail():
    """Both ways of working it out, on either side of the change-over."""
    known = posterior([480, 510, 495], [1000, 1000, 1000])
    small, large = surprise(560, 1000, known), surprise(560.56, 1001, known)

    assert small == pytest.approx(large, rel=0.05)


@settings(max_examples=30)
@given(st.integers(0, 60), st.integers(1, 60))
def test_the_p_of_a_count_is_a_probability_and_its_interval_is_ordered(count, total):
    expected, low, high, p = surprise(min(count, total), total, posterior([3, 7], [10, 20]))

    assert 0 <= low <= high <= 1
    assert 0 <= p <= 1
    assert 0 < expected < 1


def test_months_that_scatter_say_that_years_differ():
    steady = np.full((3, 12), 100.0)
    wild = steady * np.exp(np.random.default_rng(1).normal(0, 0.4, steady.shape))

    assert [SPREADS[0], True] == [SPREADS[scatter(steady).argmax()], SPREADS[scatter(wild).argmax()] > 0.05]


def test_deviations_that_go_together_tell_more_than_the_same_ones_apart():
    """Two years of which one did 30 more in each month of spring and 30 less in each of autumn, or the same month about."""
    together = np.repeat([30.0, -30.0], 6)
    spread = [
        SPREADS[scatter(400 + np.array([one, -one])).argmax()] for one in (together, together.reshape(2, 6).T.ravel())
    ]

    assert spread[0] > 2 * spread[1]


def test_alike_years_are_as_unlike_as_chance_makes_them():
    """The mean over the cuts has the variance of Anderson and Darling's statistic, 2 (pi^2 - 9) / 3 = 0.580 (1952, 4.3)."""
    rng, share = np.random.default_rng(1), np.arange(1, 200) / 200
    counts = rng.multinomial(4_000, np.full(200, 1 / 200), size=4_000).cumsum(axis=1)[:, :-1]
    found = ((counts - 4_000 * share) ** 2 / (4_000 * share * (1 - share))).mean(axis=1)

    assert 1 == pytest.approx(found.mean(), abs=0.05)
    assert 2 / CUTS == pytest.approx(2 * (np.pi**2 - 9) / 3) == pytest.approx(found.var(), rel=0.1)


def test_one_year_says_nothing_of_the_scatter():
    assert 0 == scatter(np.ones((1, 12))).max() == scatter(np.zeros((0, 12))).max()

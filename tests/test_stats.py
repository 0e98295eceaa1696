import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpanalysis import stats
from fpanalysis.errors import FpError

counts = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
shares = st.floats(0.02, 0.98)
kinds = st.sampled_from(sorted(stats.INTERVALS))
agreeing = st.sampled_from([("midp", "midp"), ("exact", "clopper-pearson")])
quick = settings(max_examples=60, deadline=None)


@quick
@given(counts, kinds)
def test_an_interval_contains_the_share(cell, kind):
    k, n = cell
    lower, upper = stats.binomial_interval(k, n, kind=kind)

    assert 0 <= lower <= k / n <= upper <= 1


@quick
@given(counts, kinds)
def test_swapping_successes_and_failures_mirrors_the_interval(cell, kind):
    k, n = cell
    lower, upper = stats.binomial_interval(k, n, kind=kind)
    other = stats.binomial_interval(n - k, n, kind=kind)

    np.testing.assert_allclose((1 - upper, 1 - lower), other, atol=1e-12)


@quick
@given(counts, shares, agreeing)
def test_p_is_below_alpha_exactly_where_the_reference_lies_outside_the_interval(cell, reference, pair):
    test, interval = pair
    lower, upper = stats.binomial_interval(*cell, kind=interval)

    assert (stats.binomial_p(*cell, reference, kind=test) < 0.05) == (not lower <= reference <= upper)


@quick
@given(counts, shares, st.sampled_from(["midp", "exact", "minlike"]))
def test_swapping_successes_and_failures_keeps_the_two_sided_p(cell, reference, kind):
    k, n = cell

    assert stats.binomial_p(k, n, reference, kind=kind) == pytest.approx(
        stats.binomial_p(n - k, n, 1 - reference, kind=kind), rel=1e-9, abs=1e-300
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300), shares, shares, st.sampled_from(stats.SIDES), st.sampled_from(["midp", "exact"]))
def test_power_is_the_probability_of_the_outcomes_that_the_test_rejects(n, truth, reference, side, kind):
    k = np.arange(n + 1)
    likelihood = np.exp(stats._log_likelihood(k, np.full(n + 1, float(n)), np.full(n + 1, truth)))
    summed = likelihood[stats.binomial_p(k, n, reference, side, kind) < 0.05].sum()

    assert float(stats.power(n, truth, reference, 0.05, side, kind)) == pytest.approx(summed, abs=1e-9)


@quick
@given(st.integers(30, 20_000), st.sampled_from(["greater", "less"]))
def test_the_detectable_share_is_found_with_the_power_asked(n, side):
    share = stats.detectable(n, 0.515, 0.05, 0.8, side)

    assert float(stats.power(n, share, 0.515, 0.05, side)) == pytest.approx(0.8, abs=1e-9)


@quick
@given(st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), max_size=30), st.sampled_from(["holm", "bh"]))
def test_adjusted_p_values_keep_order_and_missing_ones(p, how):
    p = np.array(p)
    adjusted, made = stats.adjust(p, how), ~np.isnan(p)
    order = np.argsort(p[made], kind="stable")

    assert (np.isnan(adjusted) == ~made).all()
    assert (adjusted[made] >= p[made]).all() and (adjusted[made] <= 1).all()
    assert (np.diff(adjusted[made][order]) >= 0).all()


@quick
@given(st.floats(1, 1000))
def test_ratio_and_share_go_back_and_forth(ratio):
    assert float(stats.share_to_ratio(stats.ratio_to_share(ratio))) == pytest.approx(ratio, rel=1e-9)


@quick
@given(st.integers(0, 100_000), st.sampled_from(["midp", "exact"]))
def test_a_poisson_interval_contains_the_count(count, kind):
    lower, upper = stats.poisson_interval(count, kind=kind)

    assert lower <= count <= upper


NEWCOMBE = {
    "wilson": [(0.2553, 0.3662), (0.0624, 0.1605), (0.0, 0.1611), (0.0061, 0.1718)],
    "clopper-pearson": [(0.2527, 0.3676), (0.0578, 0.1617), (0.0, 0.1684), (0.0009, 0.1776)],
    "midp": [(0.2544, 0.3658), (0.0601, 0.1581), (0.0, 0.1391), (0.0017, 0.1585)],
}


@pytest.mark.parametrize("kind", NEWCOMBE)
def test_intervals_equal_those_of_newcombe(kind):
    """Newcombe, Statistics in Medicine 17 (1998) 857, table I: 81/263, 15/148, 0/20, 1/29."""
    found = stats.binomial_interval([81, 15, 0, 1], [263, 148, 20, 29], kind=kind)

    np.testing.assert_allclose(np.transpose(found), NEWCOMBE[kind], atol=5.1e-5)


def test_p_and_interval_equal_those_of_r():
    """R, ?binom.test, Mendel's peas (Conover 1971, p. 97): binom.test(682, 925, p = 0.75)."""
    interval = stats.binomial_interval(682, 925, kind="clopper-pearson")

    np.testing.assert_allclose(interval, (0.7076683, 0.7654066), atol=5e-8)
    assert float(stats.binomial_p(682, 925, 0.75, kind="minlike")) == pytest.approx(0.3825, abs=5e-5)


def test_minlike_equals_scipy_on_a_grid():
    """scipy.stats.binomtest uses R's rule."""
    from scipy.stats import binomtest

    cells = [(k, n, share) for n in (1, 2, 7, 20, 61) for k in range(n + 1) for share in (0.5, 0.3, 0.515)]
    expected = [binomtest(*cell).pvalue for cell in cells]

    np.testing.assert_allclose(stats.binomial_p(*np.transpose(cells), kind="minlike"), expected, rtol=1e-9)


def test_poisson_intervals_equal_those_of_r():
    """R: poisson.test(10)$conf.int; at 0 the upper bound is -log(0.025)."""
    np.testing.assert_allclose(stats.poisson_interval(10, kind="exact"), (4.795389, 18.39036), rtol=1e-6)
    np.testing.assert_allclose(stats.poisson_interval(0, kind="exact"), (0, -np.log(0.025)))


def test_adjustments_equal_those_of_benjamini_and_hochberg():
    """Benjamini and Hochberg, JRSS B 57 (1995) 289, section 4: 15 p-values; at 0.05 Holm rejects 3, BH 4."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
         0.6528, 0.7590, 1.0]  # fmt: skip

    assert [3, 4] == [(stats.adjust(p, how) <= 0.05).sum() for how in ("holm", "bh")]
    assert stats.adjust(p, "bh")[3] == pytest.approx(0.0095 * 15 / 4)
    assert stats.adjust(p, "holm")[2] == pytest.approx(0.0019 * 13)


POWER = {
    250: (9, 16, 26, 49, 145, 148),
    1_000: (15, 36, 62, 94, 124, 125),
    5_000: (37, 89, 99.7, 100, 113.7, 114.8),
    10_000: (58, 99, 100, 100, 111.4, 112.5),
}


@pytest.mark.parametrize("births", POWER)
def test_power_equals_the_table_worked_out_before(births):
    """Power in % of a one-sided mid-p test at 5 % against 106; the ratio found with 80 % against 106 and 107."""
    *powers, at_106, at_107 = POWER[births]
    share = stats.ratio_to_share
    found = 100 * stats.power(births, share([110, 115, 120, 130]), share(106), 0.05, "greater")

    np.testing.assert_allclose(found, powers, atol=0.5)
    np.testing.assert_allclose(
        stats.share_to_ratio(stats.detectable(births, share([106, 107]))), (at_106, at_107), atol=0.5
    )


def test_a_two_sided_test_of_a_township_finds_a_true_120_fifteen_times_in_a_hundred():
    """The figure of the office's own field: an exact 5 % test on 250 births."""
    found = stats.power(250, stats.ratio_to_share(120), stats.ratio_to_share(106))

    assert float(found) == pytest.approx(0.15, abs=0.005)


def test_no_trials_give_missing_numbers():
    assert np.isnan(stats.binomial_interval(0, 0)).all()
    assert np.isnan(stats.binomial_p([0, 5, -1], [0, 4, 4], 0.5)).all()
    assert np.isnan(stats.poisson_interval(-1)).all()
    assert np.isnan([stats.power(0, 0.5, 0.5), stats.detectable(2, 0.9)]).all()


def test_unknown_names_are_refused():
    with pytest.raises(FpError, match="'mdip' does not exist; did you mean 'midp'"):
        stats.binomial_interval(1, 2, kind="mdip")
    with pytest.raises(FpError, match="side 'lower' does not exist"):
        stats.binomial_p(1, 2, 0.5, "lower")
    with pytest.raises(FpError, match="'hlom' does not exist; did you mean 'holm'"):
        stats.adjust([0.5], "hlom")
    with pytest.raises(FpError, match="level of an interval is 95"):
        stats.binomial_interval(1, 2, level=95)


def test_many_exact_p_values_are_fast_enough_to_be_vectorised():
    rng = np.random.default_rng(1)
    n = rng.integers(1, 6000, 134_400)

    assert (134_400,) == stats.binomial_p(rng.binomial(n, 0.515), n, 0.515).shape

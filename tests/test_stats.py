import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

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
@given(st.integers(0, 100_000))
def test_a_poisson_interval_contains_the_count(count):
    lower, upper = stats.poisson_interval(count)

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
    np.testing.assert_allclose(stats.poisson_interval(10), (4.795389, 18.39036), rtol=1e-6)
    np.testing.assert_allclose(stats.poisson_interval(0), (0, -np.log(0.025)))


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


def test_a_band_of_one_point_is_the_plain_test():
    k = np.arange(101)
    for kind in ("midp", "exact", "score"):
        plain = stats.binomial_p(k, 100, 0.515, kind=kind)

        np.testing.assert_allclose(plain, stats.outside_p(k, 100, (0.515, 0.515), kind=kind), rtol=1e-12)


@quick
@given(counts)
def test_a_band_is_left_at_its_nearer_end(cell):
    k, n = cell
    above = stats.binomial_p(k, n, 0.5169, "greater")
    below = stats.binomial_p(k, n, 0.5074, "less")
    p = stats.outside_p(k, n, (0.5074, 0.5169))

    np.testing.assert_allclose(min(1.0, 2 * min(above, below)), p, rtol=1e-12)
    assert above == stats.outside_p(k, n, (0.5074, 0.5169), "greater")
    assert below == stats.outside_p(k, n, (0.5074, 0.5169), "less")


def test_a_band_upside_down_is_refused():
    with pytest.raises(FpError, match="upside down"):
        stats.outside_p(5, 10, (0.52, 0.51))


@quick
@given(counts)
def test_the_score_test_agrees_with_wilsons_interval(cell):
    k, n = cell
    p = float(stats.binomial_p(k, n, 0.515, kind="score"))
    low, high = stats.binomial_interval(k, n, kind="wilson")

    assert abs(p - 0.05) < 1e-9 or (p < 0.05) == (not low <= 0.515 <= high)


def test_odds_ratio_equals_scipy():
    """Conditional exact interval (as R's fisher.test) of births by order in Sanxia, 2019: 250/232 and 166/187."""
    from scipy.stats.contingency import odds_ratio

    other = odds_ratio(np.array([[250, 232], [166, 187]])).confidence_interval(0.95)
    value, low, high, _ = stats.odds_ratio((250, 232), (166, 187), kind="exact")

    np.testing.assert_allclose([other.low, other.high], [low, high], rtol=1e-9)
    assert 250 * 187 / (232 * 166) == value


def test_odds_ratio_p_is_twice_the_smaller_hypergeometric_tail():
    from scipy.stats import hypergeom

    margins = hypergeom(835, 416, 482)
    above, at = margins.sf(249), margins.pmf(250)

    assert 2 * above == pytest.approx(stats.odds_ratio((250, 232), (166, 187), kind="exact")[3], rel=1e-9)
    assert 2 * above - at == pytest.approx(stats.odds_ratio((250, 232), (166, 187))[3], rel=1e-9)


@quick
@given(*[st.integers(1, 300)] * 4, st.sampled_from(["midp", "exact"]))
def test_odds_ratio_p_and_interval_agree_and_mirror(a, b, c, d, kind):
    value, low, high, p = stats.odds_ratio((a, b), (c, d), kind=kind)
    mirrored = stats.odds_ratio((b, a), (d, c), kind=kind)

    assert abs(p - 0.05) < 1e-6 or (p < 0.05) == (not low <= 1 <= high)
    np.testing.assert_allclose([1 / value, 1 / high, 1 / low, p], mirrored, rtol=1e-7)


def test_odds_ratio_at_the_edges():
    assert np.isnan(stats.odds_ratio((0, 0), (3, 4))).all()
    assert stats.odds_ratio((5, 0), (3, 4))[::2] == (np.inf, np.inf)
    assert stats.odds_ratio((0, 5), (3, 4))[:2] == (0.0, 0.0)


def phe(p: float, births: float, average: float, side: int) -> float:
    """sigma_adjustment of PHEindicatormethods (R/utils.R), written out."""
    from scipy.stats import norm

    z = norm.ppf(p) ** 2
    first = average * (births / z + 1)
    inner = births * (average * (births / z + 2) - 1) + z * (average - 1)
    adjusted = np.sqrt((-8 * first) ** 2 - 64 * (1 / z + 1 / births) * average * inner)
    return (first + side * adjusted / 8) / (1 / z + 1 / births) / births


@pytest.mark.parametrize("births", [50, 250, 5_000])
def test_funnel_limits_equal_phe(births):
    for level, p in ((0.95, 0.975), (0.998, 0.999)):
        low, high = stats.funnel_limits(births, 0.5146, level)

        np.testing.assert_allclose([phe(p, births, 0.5146, -1), phe(p, births, 0.5146, 1)], [low, high], rtol=1e-9)


def test_funnel_limits_are_those_whose_wilson_interval_touches_the_target():
    low, high = stats.funnel_limits(250, 0.5146)

    assert 0.5146 == pytest.approx(float(stats.binomial_interval(250 * low, 250, kind="wilson")[1]))
    assert 0.5146 == pytest.approx(float(stats.binomial_interval(250 * high, 250, kind="wilson")[0]))


def test_over_dispersion_widens_the_funnel():
    plain = np.ptp(stats.funnel_limits([250, 1e9], 0.515), axis=0)
    wider = np.ptp(stats.funnel_limits([250, 1e9], 0.515, factor=4.0), axis=0)
    spread = np.ptp(stats.funnel_limits([250, 1e9], 0.515, spread=0.02), axis=0)

    np.testing.assert_allclose(2 * plain, wider)
    assert 2 * 1.959964 * 0.02 == pytest.approx(spread[1], rel=1e-4)


def test_e_bh_by_hand():
    """Wang and Ramdas: reject the k largest, k the greatest with e(k) >= m / (alpha k). Here 4 e-values, alpha 0.1."""
    adjusted = stats.adjust_e([50, 21, 3, 0.5])

    assert [True, True, False, False] == list(adjusted <= 0.1)
    np.testing.assert_allclose([4 / 50, 2 / 21, 4 / 9, 1.0], adjusted)


@pytest.mark.parametrize("truth", [112.0, 120.0, 150.0])
def test_births_needed_reach_the_power_and_keep_it(truth):
    share, reference = stats.ratio_to_share([truth, 106.3])
    needed = stats.births_needed(float(share), float(reference))
    more = np.arange(needed, needed + 300)

    assert (stats.power(more, share, reference, side="greater") >= 0.8).all()
    assert np.isinf(stats.births_needed(float(reference), float(reference)))
    assert np.isinf(stats.births_needed(float(share), float(reference), side="less"))


def test_births_needed_of_rare_things_are_more_than_the_normal_distribution_says():
    needed = stats.births_needed(0.0335, 0.0122, alpha=3e-5, power=0.2, side="two-sided")
    found = stats.power(np.arange(needed - 1, 3 * needed), 0.0335, 0.0122, 3e-5, "two-sided")

    assert found[0] < 0.2 <= found[1:].min()


def test_births_needed_where_every_trial_has_the_same_end():
    """Five boys in five births: p = 1/16, of one side 1/32; six: 1/32."""
    assert [6, 5] == [stats.births_needed(1.0, 0.5, 0.05, side=side, kind="exact") for side in ("two-sided", "greater")]


def test_births_needed_are_those_that_looking_at_every_number_finds():
    rng = np.random.default_rng(11)
    for _ in range(60):
        reference = rng.uniform(0.05, 0.95)
        truth = reference + rng.choice([-1, 1]) * rng.uniform(0.04, 0.3)
        terms = {"alpha": rng.choice([0.2, 0.05, 0.01]), "power": rng.choice([0.5, 0.8, 0.95]), "side": "two-sided"}
        if not 0.01 < truth < 0.99:
            continue
        every = np.arange(1, 6000)
        short = every[stats.power(every, truth, reference, terms["alpha"], "two-sided") < terms["power"]]

        assert stats.births_needed(truth, reference, **terms) == short[-1] + 1


def test_the_quantile_of_a_mixture_has_its_share_below():
    rng = np.random.default_rng(12)
    for size in (1, 30, 3000, 300_000):
        a, b, weight = rng.uniform(0.2, size, (5, 40)), rng.uniform(0.2, size, (5, 40)), rng.random((5, 40)) ** 3
        weight /= weight.sum(axis=1, keepdims=True)
        for at in (0.001, 0.025, 0.5, 0.999):
            found = stats.mixture_quantile(a, b, weight, at)
            below = (weight * special.betainc(a, b, found[:, None])).sum(axis=1)

            np.testing.assert_allclose(below, at, atol=1e-6)

    one = stats.mixture_quantile([[3.0]], [[5.0]], [[1.0]], 0.1)
    np.testing.assert_allclose(one, special.betaincinv(3, 5, 0.1), rtol=1e-10)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from fpanalysis import gp
from fpanalysis.errors import FpError

PRIOR = gp.births_prior()
quick = settings(max_examples=10, deadline=None)


def fitted(length=48, ahead=12, seed=1, prior=PRIOR, variance=1e-3):
    rng = np.random.default_rng(seed)
    at, target = np.arange(length), 0.05 * np.sin(np.arange(length) / 6 * np.pi) + 0.02 * rng.standard_normal(length)
    weekend = 0.02 * rng.standard_normal(length + ahead)
    return gp.fit(prior, weekend, at, target, np.full(length, variance)), target


def one_setting(**changed) -> gp.Prior:
    row = dict.fromkeys(gp.HYPER, 0.0) | {"damping": 0.9, "memory": 0.5, "decay": 100.0, "width": 0.7} | changed
    return gp.Prior(np.array([[row[name] for name in gp.HYPER]]), np.ones(1), 1.0, np.inf)


def test_the_learned_prior_is_a_distribution_over_settings():
    assert 1 == pytest.approx(PRIOR.weight.sum())
    assert (len(PRIOR.weight), len(gp.HYPER)) == PRIOR.table.shape


def test_a_prior_of_other_columns_or_with_a_negative_number_is_refused():
    head = ",".join((*gp.HYPER, "weight"))
    with pytest.raises(FpError, match="found the columns level,weight"):
        gp.prior_of("level,weight\n1,1")
    with pytest.raises(FpError, match="row 3 holds a negative"):
        gp.prior_of("\n".join([head, ",".join("1" * 11), ",".join(["-1"] * 11)]))


@pytest.mark.parametrize("width", [0.4, 1.1])
def test_the_seasonal_pattern_sums_to_zero_over_a_year(width):
    season = gp.kernels(one_setting(season=0.1, decay=np.inf, width=width), 12)[0] - gp.LEVEL_SD**2

    np.testing.assert_allclose(season.sum(axis=1), 0, atol=1e-12)


@quick
@given(st.integers(0, 99))
def test_more_months_never_widen_what_is_known_of_the_past(seed):
    """Under one setting: the variance of every month given 40 months is at least that given 48."""
    prior, wanted = one_setting(level=0.01, season=0.05, noise=0.01), np.arange(40)
    widths = []
    for length in (40, 48):
        found, _ = fitted(length, 60 - length, seed, prior)
        _, root = gp._conditional(found, 0, wanted)
        widths.append((root**2).sum(axis=1))

    assert (widths[0] >= widths[1] - 1e-9).all()


def test_what_was_foretold_is_what_the_months_before_alone_foretell():
    """Golden: months 40 to 45 from 40 months, by conditioning on them alone."""
    prior = one_setting(level=0.01, season=0.05, noise=0.01, weekend=0.3)
    whole, target = fitted(48, 12, 3, prior)
    part = gp.fit(prior, whole.weekend, np.arange(40), target[:40], np.full(40, 1e-3))
    mean, root = gp._conditional(part, 0, np.arange(40, 46))
    weight, means, covariance = gp.foretold(whole, 40, 46)

    assert [1.0] == list(weight)
    np.testing.assert_allclose(means[0], mean)
    np.testing.assert_allclose(covariance[0], root @ root.T, atol=1e-9)
    assert gp.one_step(whole, target)[40] == pytest.approx(mean[0])


def test_chances_of_what_was_foretold_are_uniform_for_series_of_the_model_itself():
    """400 chances from ten series drawn from one setting; Kolmogorov's 1 % bound is 1.63 / sqrt(400)."""
    prior, weekend, at = one_setting(level=0.01, season=0.05, noise=0.01), np.zeros(48), np.arange(48)
    covariance = gp.kernels(prior, 48)[0] + np.diag(np.full(48, 0.01**2 + 1e-3))
    draws = np.random.default_rng(1).multivariate_normal(np.zeros(48), covariance, size=10)
    scores = []
    for y in draws:
        found = gp.fit(prior, weekend, at, y, np.full(48, 1e-3))
        told = [gp.foretold(found, month, month + 1) for month in range(8, 48)]
        scores += [(y[8 + n] - mean[0, 0]) / np.sqrt(sd2[0, 0, 0] + 1e-3) for n, (_, mean, sd2) in enumerate(told)]
    ordered = special.ndtr(np.sort(scores))

    assert np.abs(ordered - (np.arange(400) + 0.5) / 400).max() < 1.63 / 20


def test_the_scale_of_deviations_follows_those_of_the_place_itself():
    """Without any it is the learned one; 100 of 2 weigh twenty times as much: by hand, (5 x 0.5 ** 2 + 400) / 105."""
    prior = gp.Prior(PRIOR.table, PRIOR.weight, 0.5, 10.0)

    assert (0.5, gp.OWN) == gp.own(prior, np.array([]))
    assert (pytest.approx(np.sqrt(401.25 / 105)), 105) == gp.own(prior, np.full(100, 2.0))


def test_paths_have_the_mean_and_spread_of_the_mixture():
    found, target = fitted()
    draws = gp.paths(found, np.array([48]), np.random.default_rng(1), 40_000)
    extended = gp.fit(PRIOR, found.weekend, np.arange(49), np.append(target, 0.0), np.append(np.full(48, 1e-3), 1e-9))
    mean = gp.one_step(extended, np.append(target, 0.0))

    assert draws.mean() == pytest.approx(gp.mean(found, np.array([48]))[0], abs=0.002)
    assert draws.mean() == pytest.approx(mean[48], abs=0.02)


def broken(jump: float, loose: int | None):
    """48 months, the level of the last three moved by `jump` and known with a standard deviation of 10 %."""
    target, variance = 0.02 * np.sin(np.arange(48) / 6 * np.pi), np.full(48, 1e-3)
    target[-3:] += jump
    variance[-3:] = 0.1**2
    found = gp.fit(PRIOR, np.zeros(60), np.arange(48), target, variance, loose=loose)
    return found, gp.mean(found, np.arange(60))


def test_months_still_open_are_believed_more_where_the_level_may_break():
    (_, firm), (_, free) = broken(-0.6, None), broken(-0.6, 45)

    assert free[47] < firm[47] - 0.1
    np.testing.assert_allclose(free[:40], firm[:40], atol=0.02)


def test_where_nothing_breaks_the_freedom_changes_next_to_nothing():
    (_, firm), (_, free) = broken(0.0, None), broken(0.0, 45)

    np.testing.assert_allclose(free, firm, atol=0.005)


def test_the_level_moves_freely_in_the_open_months_alone():
    """In its free form the months after the last known one add no step to the settings' own."""
    found, _ = broken(0.0, 45)
    likely = len(found.weight) - len(PRIOR.weight)
    moving = found.kernels[-likely:] - found.kernels[[np.flatnonzero((PRIOR.table == row).all(axis=1))[0]
                                                      for row in found.prior.table[-likely:]]]  # fmt: skip

    np.testing.assert_allclose(moving[:, :45], 0, atol=1e-12)
    np.testing.assert_allclose(moving[:, 47:, 47:], 3 * gp.BREAK_SD**2)


def test_pooled_fits_keep_their_shares():
    fits = [fitted(seed=seed)[0] for seed in (1, 2)]
    both = gp.pooled(fits, [0.25, 0.75])
    means = [gp.mean(fit, np.array([50])) for fit in (*fits, both)]

    assert 0.25 == pytest.approx(both.weight[: len(PRIOR.weight)].sum())
    assert means[2] == pytest.approx(0.25 * means[0] + 0.75 * means[1], abs=1e-3)


def test_effects_of_regressors_are_learned_and_foretold():
    """A step of 0.2 in month 30, known to end in month 54."""
    step = ((np.arange(60) >= 30) & (np.arange(60) < 54)) * 1.0
    found = gp.fit(one_setting(noise=0.01, season=0.01), np.zeros(60), np.arange(48), 0.2 * step[:48],
                   np.full(48, 1e-4), effects=0.15 * step[None, :])  # fmt: skip
    told = gp.mean(found, np.array([50, 56]))

    assert told[0] - told[1] == pytest.approx(0.2, abs=0.02)


def test_a_month_known_exactly_has_no_spread():
    found, target = fitted(variance=1e-12)
    draws = gp.paths(found, np.array([5]), np.random.default_rng(1), 500)

    np.testing.assert_allclose(draws, target[5], atol=1e-3)

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]
MONTHS = pd.period_range("2014-01", periods=54, freq="M")
SEASON = np.exp(0.06 * np.sin(2 * np.pi * (np.asarray(MONTHS.month) - 1) / 12))
RATES = 833 * SEASON * np.asarray(MONTHS.days_in_month) / 30.44


def benchmark(name: str):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        return importlib.import_module(f"benchmarks.{name}")


rules, late, units, learn = (
    benchmark(name) for name in ("alarm_rules", "late_registration", "hierarchy", "learn_births_prior")
)
COUNTS_ALONE = [name for name in rules.RULES if name != "ours"]


def flagged(rule: str, factor: float, late_: bool, number: int = 12) -> float:
    """Return how often a rule has an alarm when the last two months are multiplied by `factor`."""
    changed = np.where(np.arange(54) >= 52, factor, 1.0) * RATES
    cases = [rules.case(MONTHS, changed, late_, np.random.default_rng(seed)) for seed in range(number)]
    return float(np.mean([rules.RULES[rule](given).any() for given in cases]))


def test_the_quasi_poisson_fit_finds_what_was_put_in():
    design = rules._design(MONTHS)
    beta = np.array([3.3, -0.2, 0.06, 0.0, 0.02, 0.01])
    days = np.asarray(MONTHS.days_in_month, dtype="float64")
    fit = rules._glm(design, days * np.exp(design @ beta), days)

    np.testing.assert_allclose(fit.beta, beta, atol=1e-8)
    assert (fit.phi, pytest.approx(6.0)) == (1.0, fit.leverage.sum())


@pytest.mark.parametrize("rule", ["FASTR", "GLM", "GLM-known-delay"])
@pytest.mark.parametrize("factor", [0.75, 1.25])
def test_rules_of_both_sides_find_a_change_of_a_quarter(rule, factor):
    assert flagged(rule, factor, False) >= 0.9


def test_rules_of_one_side_are_blind_to_the_other():
    assert flagged("Farrington", 1.25, False) > 0.9 > 0.3 > flagged("Farrington", 0.75, False)
    assert flagged("glrnb", 0.75, False) > 0.9 > 0.3 > flagged("glrnb", 1.25, False)


@pytest.mark.parametrize("rule", ["FASTR", "glrnb", "GLM"])
def test_late_registration_deceives_whoever_sees_the_counts_alone(rule):
    assert 1.0 == flagged(rule, 1.0, True)
    assert flagged("GLM-known-delay", 1.0, True) < 0.3


def test_a_case_is_late_by_the_delays_it_says():
    given = rules.case(MONTHS, RATES * 1000, True, np.random.default_rng(1))

    np.testing.assert_allclose(given.counts[-3:] / RATES[-3:] / 1000, given.share[-3:], rtol=0.01)
    assert given.births["count"].sum() == given.counts.sum()


def test_what_is_registered_is_part_of_the_truth():
    births = pd.Series(RATES.round(), index=MONTHS)
    frame, truth = late.registered(births, np.random.default_rng(1))
    known = frame.groupby("occurred")["count"].sum()

    assert (truth.sum(axis=0) == births).all()
    assert (known[MONTHS[:-6]] == births[:-6]).all() and known.iloc[-1] < births.iloc[-1]
    assert (frame["registered"] <= MONTHS[-1]).all()


def test_reconciled_forecasts_of_equal_trust_share_the_gap():
    """Golden: sum foretold 12, units 3 and 6, identity covariance: each unit gets a third of the gap of 3."""
    made = units.mint(np.array([[12.0], [3.0], [6.0]]), np.eye(3))

    np.testing.assert_allclose(made[:, 0], [4.0, 7.0])


def test_a_shrunken_covariance_keeps_its_variances():
    residuals = np.random.default_rng(1).standard_normal((4, 60)) * np.array([1.0, 2.0, 3.0, 4.0])[:, None]
    found = units.shrunken(residuals)

    np.testing.assert_allclose(np.diag(found), (residuals**2).mean(axis=1))
    assert np.linalg.eigvalsh(found).min() > 0


def test_a_panel_left_out_teaches_its_own_prior_nothing():
    """Changing a panel changes the priors of the others and not its own."""
    rng = np.random.default_rng(1)
    panels = [pd.DataFrame({"series": name, "region": "x", "month": MONTHS, "births": rng.poisson(RATES)})
              for name in ("a", "b", "c")]  # fmt: skip
    wild = panels[0].assign(births=panels[0]["births"] * np.exp(0.3 * rng.standard_normal(len(MONTHS))))
    before, after = (learn.left_out(pd.concat([first, *panels[1:]]), 40) for first in (panels[0], wild))

    np.testing.assert_array_equal(before["a"].weight, after["a"].weight)
    assert not np.array_equal(before["b"].weight, after["b"].weight)

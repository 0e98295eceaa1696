import numpy as np
import pytest
from scipy import special

from fpanalysis import results, stats, townships
from fpanalysis.history import ARBUTHNOT, LAPLACE
from fpanalysis.sex_ratio import ratios


def test_arbuthnot_more_boys_in_every_one_of_82_years():
    """Arbuthnot 1710: the chance is 1 in 4 8360 0000 0000 0000 0000 0000, that is 2^82 (4.836e24)."""
    years = len(ARBUTHNOT)
    ahead = sum(boys > girls for _, boys, girls in ARBUTHNOT)

    assert (82, 82) == (years, ahead)
    assert 1 / 4.8360e24 == pytest.approx(float(stats.binomial_p(ahead, years, 0.5, "greater", "exact")), rel=1e-4)


def test_arbuthnots_years_follow_each_other_and_add_up():
    """Totals of the 82 years: 484,382 boys and 453,841 girls (938,223 christenings)."""
    years, boys, girls = np.array(ARBUTHNOT).T

    assert list(range(1629, 1711)) == list(years)
    assert (484_382, 453_841) == (boys.sum(), girls.sum())


def test_arbuthnots_years_differ_by_more_than_chance():
    """The ratio of christenings is not constant over the years; chi-square by hand."""
    _, boys, girls = np.array(ARBUTHNOT).T
    rows = [{"place": str(y), "period": "all", "measure": "srb", "count": b, "total": b + g} for y, b, g in ARBUTHNOT]
    found = townships.dispersion(results.rows(rows), period="all", county="london")
    found = results.pick(found, measure="srb_dispersion").iloc[0]
    share = boys.sum() / (boys + girls).sum()
    chi = (((boys - (boys + girls) * share) ** 2) / ((boys + girls) * share * (1 - share))).sum()

    assert chi / 81 == pytest.approx(found["value"])
    assert found["lower"] > 1


def test_laplace_paris():
    """1.146058490154673e-42: Laplace 1778 with a uniform prior, as computed in the notebook of the package bbai."""
    boys, girls = LAPLACE

    assert 1.146058490154673e-42 == pytest.approx(special.betainc(boys + 1, girls + 1, 0.5), rel=1e-9)
    assert 1.146058490154673e-42 == pytest.approx(
        float(stats.binomial_p(boys + 1, boys + girls + 1, 0.5, "greater", "exact")), rel=1e-9
    )


def test_laplaces_paris_lies_within_the_band_and_surely_below_the_east_asian_reference():
    found = ratios(*LAPLACE).iloc[0]

    assert found["p"] < 1e-9
    assert found["lower"] > 103
    assert found["p_band"] == 1

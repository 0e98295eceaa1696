"""The answers of R, made by benchmarks/r_answers.R (versions: tests/golden/r_version.txt), on real tables.

Arbuthnot's 82 years of London (Philosophical Transactions 27 (1710) 186), Laplace's Paris, edges; and where the files
are at hand the births of Denmark (Januaries) and of New Taipei by order, of which the project holds R's answers only.
Funnel limits of PHEindicatormethods, which Debian does not have, are held by its formula in test_stats.
The synthetic counts of the ranks stand in the script.
"""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fpanalysis import birth_order, funnels, indicators, monitoring, results, stats, townships
from fpanalysis.history import ARBUTHNOT

GOLDEN = Path(__file__).parent / "golden"
REFERENCE = 106.3 / 206.3
INTERVALS = {"exact": "clopper-pearson", "wilson": "wilson", "midp": "midp"}
TESTS = {"minlike": ("two-sided", "minlike"), "midp": ("two-sided", "midp"), "greater": ("greater", "exact"),
         "less": ("less", "exact")}  # fmt: skip
LONDON = pd.DataFrame(ARBUTHNOT, columns=["group", "boys", "girls"])


def golden(name: str) -> pd.DataFrame:
    return pd.read_csv(GOLDEN / f"{name}.csv")


def answers(groups) -> pd.DataFrame:
    return golden("r_binomial").set_index("group").loc[list(groups)]


def kept() -> pd.DataFrame:
    return golden("counts")


def real(folder: Path) -> pd.DataFrame:
    """Denmark's Januaries and New Taipei's districts by order, named as in the script."""
    months = pd.read_csv(folder / "srb_denmark_monthly.csv").dropna().query("month == 1")
    orders = pd.read_csv(folder / "srb_newtaipei_2019_by_order.csv")
    months["group"] = "denmark " + months["year"].astype(int).astype(str)
    orders["group"] = [f"newtaipei {number}" for number in range(1, len(orders) + 1)]
    return pd.concat([months, orders])[["group", "boys", "girls"]]


def hold(table: pd.DataFrame) -> None:
    wanted, boys = answers(table["group"]), table["boys"].to_numpy(dtype=float)
    births = boys + table["girls"].to_numpy(dtype=float)
    for name, (side, kind) in TESTS.items():
        found = stats.binomial_p(boys, births, REFERENCE, side, kind)
        np.testing.assert_allclose(found, wanted[name], rtol=1e-9, atol=1e-12, err_msg=name)
    for name, kind in INTERVALS.items():
        found = stats.binomial_interval(boys, births, kind=kind)
        expected = [wanted[f"{name}_lower"], wanted[f"{name}_upper"]]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9, err_msg=name)


def test_tests_and_intervals_of_london_paris_and_the_edges_equal_those_of_r():
    """binom.test, prop.test (Wilson, as Hmisc::binconf but at k = 1 and n - 1), the mid-p equations solved by uniroot."""
    hold(kept())


def test_the_counts_that_r_was_given_are_those_of_the_tour():
    london = kept()[kept()["group"].str.startswith("london")]

    assert LONDON[["boys", "girls"]].to_numpy().tolist() == london[["boys", "girls"]].to_numpy().tolist()


def test_tests_and_intervals_of_denmark_and_new_taipei_equal_those_of_r(shared):
    hold(real(shared / "real"))


def test_adjustments_equal_those_of_r():
    """p.adjust, and multtest::mt.rawp2adjp, which the script holds against it."""
    table = golden("r_adjust")
    for how in ("holm", "bh"):
        np.testing.assert_allclose(stats.adjust(table["p"], how), table[how], rtol=1e-9)


@pytest.mark.parametrize("looks", ["monthly", "quarterly", "uneven"])
@pytest.mark.parametrize("alpha", [0.05, 0.0125])
@pytest.mark.parametrize(
    ("theirs", "ours"), [("asOF", "obrien-fleming"), ("asP", "pocock"), ("asHSD", "hwang-shih-decani")]
)
def test_boundaries_equal_those_of_rpact(looks, alpha, theirs, ours):
    table = golden("r_sequential").query("looks == @looks and alpha == @alpha and type == @theirs")
    information = table["information"].to_numpy()
    found = monitoring.normal_boundaries(information, monitoring.spending(information, alpha, ours))
    told = np.isfinite(table["z"].to_numpy())  # rpact calls a boundary beyond 7.5 infinite

    np.testing.assert_allclose(found[told], table["z"][told], rtol=0, atol=1e-4)
    assert (found[~told] > 7.5).all()


def test_over_dispersion_equals_that_of_metafor():
    """chisq.test; rma(method = "DL") and its Q-profile interval, with the variances of a common share."""
    births = LONDON["boys"] + LONDON["girls"]
    rows = LONDON.assign(
        place=LONDON["group"].astype(str), period="x", measure="srb", count=LONDON["boys"], total=births
    )
    found = townships.dispersion(results.rows(rows.drop(columns=["group", "boys", "girls"])), period="x", county="c")
    wanted, points = golden("r_dispersion").iloc[0], 100 / (1 - LONDON["boys"].sum() / births.sum()) ** 2
    chance, between = found.iloc[0], found.iloc[1]

    np.testing.assert_allclose([chance["value"] * wanted["df"], chance["p"]], wanted[["chi", "p"]], rtol=1e-9)
    tau = wanted[["tau", "tau_lower", "tau_upper"]].to_numpy(dtype=float)
    np.testing.assert_allclose(between[["value", "lower", "upper"]].to_numpy(dtype=float), points * tau, rtol=1e-6)


def test_a_change_within_strata_equals_that_of_r():
    """mantelhaen.test: the years 1629-1669 against 1670-1710, pair by pair (the interval of Robins and others)."""
    counts = LONDON[["boys", "girls"]].to_numpy(dtype=float)
    value, error = birth_order._mantel_haenszel(counts[:41], counts[41:])
    found = value * np.exp(np.array([0.0, -1.0, 1.0]) * 1.959963984540054 * error)

    np.testing.assert_allclose(found, golden("r_mantel_haenszel").iloc[0], rtol=1e-9)


def test_poisson_intervals_equal_those_of_r():
    table = golden("r_poisson")

    np.testing.assert_allclose(stats.poisson_interval(table["count"]), [table["lower"], table["upper"]], rtol=1e-9)


def test_the_ratio_of_two_counts_has_the_interval_of_r():
    """poisson.test of two counts: exact, conditional on their sum."""
    table = golden("r_poisson_ratio")
    found = np.array([indicators._odds(*pair, 0.95) for pair in table[["now", "then"]].to_numpy()])

    np.testing.assert_allclose(found, table[["lower", "upper"]], rtol=1e-7, atol=1e-12)


def test_funnel_limits_are_where_the_score_test_of_r_turns():
    """prop.test without correction, its count solved by uniroot; cut at 0 and 1."""
    table = golden("r_funnel")
    for level, group in table.groupby("level"):
        found = stats.funnel_limits(group["n"], group["target"], float(level))

        np.testing.assert_allclose(found, [group["lower"], group["upper"]], rtol=0, atol=1e-6)


@pytest.mark.parametrize("group", ["alike", "spread"])
def test_ranks_and_their_intervals_equal_those_of_r(group):
    """prop.test of every pair, p.adjust by Holm over a county's pairs; the sample's follow-up and its peers' registrations."""
    table = golden("r_ranks").query("group == @group")
    found = funnels.rank_intervals(table["count"] / table["total"], table["total"], rated=False)

    np.testing.assert_array_equal(found, table[["rank", "lower", "upper"]].to_numpy().T)


def test_the_versions_of_r_are_told():
    with (GOLDEN / "r_version.txt").open(encoding="utf-8") as file:
        lines = [row[0] for row in csv.reader(file)]

    assert lines[0].startswith("R version 4")
    assert {"Hmisc", "rpact", "metafor", "multtest"} == {line.split()[0] for line in lines[1:]}

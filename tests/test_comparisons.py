"""Now against then: published intervals, claims under the null, exposure, over-dispersion, births, and the words."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpanalysis import comparisons, results, wording
from fpanalysis.comparisons import POISSON, UNKNOWN, Scatter, births, changes, pairs, scatter


def at(period: str, count: float, total: float = np.nan, measure: str = "activity/inspection") -> pd.DataFrame:
    value = count / total if total == total else count
    return results.rows(
        [{"place": "x", "period": period, "measure": measure, "count": count, "total": total, "value": value}]
    )


def change(now: float, then: float, **terms) -> pd.Series:
    table = results.combine([at("2018H1", now), at("2017H1", then)])
    return changes(table, period="2018H1", county="x", **terms).iloc[0]


def points(now: tuple[float, float], then: tuple[float, float]) -> pd.Series:
    table = results.combine([at("2018H1", *now, "registered_on_time"), at("2017H1", *then, "registered_on_time")])
    return changes(table, period="2018H1", county="x").iloc[0]


def key(row: pd.Series) -> str:
    return results.read_note(row["note"])[0].rpartition(".")[2]


@pytest.mark.parametrize(
    ("now", "then", "bounds"),
    [((56, 70), (48, 80), (0.0524, 0.3339)), ((9, 10), (3, 10), (0.1705, 0.8090)), ((10, 10), (0, 20), (0.6791, 1.0))],
)
def test_points_have_newcombes_interval(now, then, bounds):
    """Newcombe, Statistics in Medicine 17 (1998) 873, Table II, method 10 (square-and-add of two Wilson intervals)."""
    row = points(now, then)

    assert bounds == pytest.approx((row["lower"] / 100, row["upper"] / 100), abs=6e-5)


def test_counts_have_the_exact_conditional_interval():
    """R's help of poisson.test: c(11, 21) over c(800, 3011): ratio 1.9715, 95 % interval 0.8584264 to 4.2772659."""
    told = comparisons._rates(11, 21, (800, 3011), POISSON, 0.95)

    assert (0.8584264034, 4.2772659437) == pytest.approx((told["lower"] + 1, told["upper"] + 1), abs=1e-9)


@pytest.mark.parametrize(
    ("now", "then", "said"), [(160, 100, "rise"), (60, 100, "fall"), (105, 100, "same"), (20, 0, "first"), (0, 0, "nothing"),
                              (0, 30, "fall"), (1, 0, "few"), (9, 2, "few"), (10, 9, "same")]
)  # fmt: skip
def test_a_rise_or_fall_is_called_one_only_where_the_interval_says_so(now, then, said):
    assert said == key(change(now, then))


def test_interval_and_verdict_agree():
    row = change(130, 100)

    assert (key(row) == "rise") == (row["lower"] > 0)


def test_a_longer_half_year_is_no_rise():
    """The second half has 184 days, the first 181: the same count a day is no change."""
    table = results.combine(
        [at("2018H2", 184_000), at("2018H1", 181_000), at("2017H2", 184_000), at("2017H1", 181_000)]
    )
    found = changes(table, period="2018H2", county="x")
    row = results.pick(found, measure="change/previous/activity/inspection").iloc[0]

    assert 0 == pytest.approx(row["value"], abs=1e-12)


def seasonal(
    now: float, before: float, *past: tuple[float, float], measure: str = "activity/inspection"
) -> pd.DataFrame:
    """What is said of the first half against the second half before, whose earlier years are `past`, last first."""
    keys = [("2018H1", "2017H2"), *((f"{2017 - n}H1", f"{2016 - n}H2") for n in range(len(past)))]
    counts = [at(key, n) for pair, both in zip(keys, ((now, before), *past), strict=True)
              for key, n in zip(pair, both, strict=True)]  # fmt: skip
    found = changes(results.combine(counts), period="2018H1", county="x")
    return results.pick(found, measure=f"change/previous/{measure}")


def test_a_season_is_no_change():
    """Fewer in spring than in autumn, year after year."""
    assert "same" == key(seasonal(5_600, 6_300, (5_580, 6_290), (5_100, 5_700)).iloc[0])


def test_what_goes_beyond_the_season_is_one():
    low, high = (seasonal(now, 6_300, (5_580, 6_290)).iloc[0] for now in (4_800, 6_300))

    assert ["fall", "rise"] == [key(low), key(high)]
    assert 4_800 / 6_300 * 6_290 / 5_580 - 1 == pytest.approx(low["value"])


def test_without_an_earlier_year_the_season_is_not_known():
    assert seasonal(5_600, 6_300).empty


def test_the_change_beyond_the_season_is_fishers_odds_ratio():
    """R 4.2: fisher.test(matrix(c(12, 20, 30, 22), 2))$conf.int; p is twice its smaller tail,
    2 * phyper(12, 42, 42, 32)."""
    row = seasonal(12, 20, (30, 22)).iloc[0]

    assert (0.1607959456, 1.1859302833) == pytest.approx((row["lower"] + 1, row["upper"] + 1), abs=1e-5)
    assert 0.1151453 == pytest.approx(row["p"], abs=1e-7)


def test_shares_are_held_against_the_usual_gap_of_the_two_periods():
    """On time 90 % now and 95 % before is no change where it always is 5 points less."""
    keys = [("2018H1", 900), ("2017H2", 950), ("2017H1", 900), ("2016H2", 950)]
    table = results.combine([at(period, n, 1000, "registered_on_time") for period, n in keys])
    row = results.pick(changes(table, period="2018H1", county="x"), measure="change_points/previous/*").iloc[0]

    assert (0, "same") == (pytest.approx(row["value"], abs=1e-9), key(row))


def test_shares_of_too_few_cases_are_not_compared():
    assert "few" == key(points((5, 9), (1, 900)))


def test_months_that_scatter_make_a_claim_harder():
    spreads = (Scatter(1.0, 44.0), Scatter(6.0, 44.0))

    assert ["rise", "same"] == [key(change(150, 100, scatter={"activity/inspection": one})) for one in spreads]


def test_scatter_that_few_months_showed_is_read_as_students_t():
    """t with 5 degrees is 2.5706 at 5 % (Fisher and Yates, Statistical Tables, 1938, table III): p of z = 2.5706 is 0.05."""
    row = change(
        1_000_000, 1_000_000 * (1 + 2.5706 * np.sqrt(2e-6)), scatter={"activity/inspection": Scatter(1.0, 5.0)}
    )

    assert 0.05 == pytest.approx(row["p"], abs=2e-4)
    assert 0 == pytest.approx(row["upper"], abs=2e-5)


@given(st.integers(0, 2_000), st.integers(0, 2_000), st.integers(2, 50))
def test_interval_and_p_of_scattered_counts_agree(now, then, freedom):
    row = change(now, then, scatter={"activity/inspection": Scatter(2.0, float(freedom))})
    outside = row["lower"] > 0 or row["upper"] < 0

    assert then == 0 or np.isnan(row["p"]) or outside == (row["p"] < 0.05)


@pytest.mark.parametrize(("now", "said"), [(105, "same"), (150, "untold"), (300, "rise")])
def test_without_two_earlier_years_only_a_leap_is_a_rise(now, said):
    assert said == key(change(now, 100, scatter={})) == key(change(now, 100, scatter={"activity/inspection": UNKNOWN}))


def test_the_year_so_far_stands_in_the_second_half_alone():
    assert {"year_ago", "previous"} == set(pairs("2018H1"))
    assert ("2018", "2017") == pairs("2018H2")["so_far"]
    assert ("S2018", "S2017") == pairs("S2018H2")["so_far"]
    assert ("2018H1", "2017H1") == pairs("2018Q2")["so_far"]
    assert {"year_ago"} == set(pairs("2018"))


def test_past_months_scatter_as_they_are_counted():
    """Couples come together: men and women counted both double the variance, factor 2."""
    rng = np.random.default_rng(1)
    months = pd.period_range("2008-01", periods=120, freq="M")
    monthly = pd.DataFrame({"measure": "m", "month": months, "count": 2 * rng.poisson(200, 120)})

    found = scatter(monthly, before=pd.Period("2018-01", "M"))["m"]

    assert (pytest.approx(2, rel=0.3), 99) == (found.factor, found.freedom)


@pytest.mark.parametrize(
    ("months", "freedom"), [(12, UNKNOWN.freedom), (13, UNKNOWN.freedom), (18, 5), (24, 11), (30, 16)]
)
def test_a_year_that_is_known_in_part_shows_scatter_in_part(months, freedom):
    """18 months are 6 of one year and 12 of the next: 18 - 2 years - 12 months + 1 degrees."""
    counts = np.random.default_rng(1).poisson(100, months)
    monthly = pd.DataFrame({"measure": "m", "month": pd.period_range(end="2017-12", periods=months, freq="M"),
                            "count": counts})  # fmt: skip

    assert freedom == scatter(monthly, before=pd.Period("2018-01", "M"))["m"].freedom


def test_scatter_of_a_table_with_a_gap_is_that_of_quasi_independence():
    """R 4.2: glm(n ~ year + month, poisson) on rows (NA NA 30 45), (20 35 25 50), (22 30 40 38): Pearson's chi-square
    5.7504 on 4 degrees."""
    table = np.array([[np.nan, np.nan, 30, 45], [20, 35, 25, 50], [22, 30, 40, 38]])

    assert (pytest.approx(5.75044171515 / 4), 4) == comparisons._scatter(table)


def test_the_period_itself_does_not_count_as_scatter():
    months = pd.period_range("2016-01", periods=30, freq="M")
    counts = np.r_[np.full(24, 100), np.full(6, 900)]
    monthly = pd.DataFrame({"measure": "m", "month": months, "count": counts})

    assert {"m": Scatter(1.0, 11.0)} == scatter(monthly, before=pd.Period("2018-01", "M"))


def corrected(year: str, value: float, spread: float, number: int = 6) -> pd.DataFrame:
    months = pd.period_range(f"{year}-01", periods=number, freq="M")
    return results.rows([{"place": "x", "period": str(m), "measure": "births_corrected", "value": value,
                          "lower": value - spread, "upper": value + spread} for m in months])  # fmt: skip


def test_births_are_compared_corrected_with_the_error_of_the_correction():
    past = corrected("2016", 1000, 0, 24)
    sure, unsure = (
        births(results.combine([past, corrected("2018", 950, s)]), period="2018H1", county="x").iloc[0]
        for s in (0, 200)
    )

    assert ["fall", "same"] == [key(sure), key(unsure)]
    assert (5700, 6000) == (sure["count"], sure["total"])


def test_months_that_are_missing_leave_the_comparison_out():
    assert 0 == len(births(corrected("2018", 950, 0), period="2018H1", county="x"))


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_now_and_then_change_places(now, then):
    first, second = change(now, then), change(then, now)
    mirrored = {"rise": "fall", "fall": "rise", "first": "fall"}

    assert first["p"] == pytest.approx(second["p"], nan_ok=True)
    assert mirrored.get(key(first), key(first)) == {"first": "rise"}.get(key(second), key(second))


@pytest.mark.parametrize("mean", [3, 40, 5_000])
def test_noise_is_called_a_rise_or_fall_in_at_most_five_of_a_hundred(mean):
    rng = np.random.default_rng(20180630)
    told = [comparisons._rates(*rng.poisson(mean, 2).astype(float), (181, 181), POISSON, 0.95) for _ in range(1500)]
    claims = np.mean([t["p"] < 0.05 if "p" in t else False for t in told])

    assert claims <= 0.05 + 0.012


@pytest.mark.parametrize("scattered", [1.0, 3.0])
def test_noise_over_a_season_is_called_a_change_in_at_most_five_of_a_hundred(scattered):
    """Half-years of 600 with a season of a fifth, as Poisson counts and three times as scattered, two earlier years."""
    rng = np.random.default_rng(7)
    season, said = np.array([500.0, 600.0]), []
    for _ in range(500):
        draws = (rng.poisson(season, (3, 2)) if scattered == 1
                 else rng.negative_binomial(season / (scattered - 1), 1 / scattered, (3, 2)))  # fmt: skip
        told = comparisons._beyond(*draws[0], tuple(draws[1:].sum(axis=0)), Scatter(scattered, np.inf), 0.95)
        said.append(told["p"] < 0.05)

    assert np.mean(said) <= 0.05 + 0.02


def test_births_that_scatter_are_rarely_called_changed():
    """Months of 100 births with three times the variance of a Poisson count, over five years: the same level."""
    rng, months = np.random.default_rng(11), pd.period_range("2013-01", periods=66, freq="M")
    said = []
    for _ in range(60):
        counts = rng.negative_binomial(50, 1 / 3, len(months)).astype(float)
        rows = [{"place": "x", "period": str(m), "measure": "births_corrected", "value": n, "lower": n, "upper": n}
                for m, n in zip(months, counts, strict=True)]  # fmt: skip
        said += [
            key(row) in ("rise", "fall")
            for _, row in births(results.rows(rows), period="2018H1", county="x").iterrows()
        ]

    assert 120 == len(said) and np.mean(said) <= 0.05 + 0.04


@pytest.mark.parametrize("lang", wording.LANGS)
def test_every_verdict_has_its_words(lang):
    keys = [k for k in wording.catalogue() if k.startswith("note.change.")]

    assert all(wording.text(k, lang, now=1, then=0) for k in keys)

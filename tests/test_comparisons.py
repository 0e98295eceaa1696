"""Now against then: published intervals, claims under the null, exposure, over-dispersion, births, and the words."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpanalysis import comparisons, results, wording
from fpanalysis.comparisons import births, changes, pairs, scatter


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
    told = comparisons._rates(11, 21, (800, 3011), 1.0, 0.95)

    assert (0.8584264034, 4.2772659437) == pytest.approx((told["lower"] + 1, told["upper"] + 1), abs=1e-9)


@pytest.mark.parametrize(
    ("now", "then", "said"), [(160, 100, "rise"), (60, 100, "fall"), (105, 100, "same"), (20, 0, "first"), (0, 0, "nothing"),
                              (0, 30, "fall"), (1, 0, "same")]
)  # fmt: skip
def test_a_rise_or_fall_is_called_one_only_where_the_interval_says_so(now, then, said):
    assert said == key(change(now, then))


def test_interval_and_verdict_agree():
    row = change(130, 100)

    assert (key(row) == "rise") == (row["lower"] > 0)


def test_a_longer_half_year_is_no_rise():
    """The second half has 184 days, the first 181: the same count a day is no change."""
    table = results.combine([at("2018H2", 184_000), at("2018H1", 181_000)])
    row = results.pick(changes(table, period="2018H2", county="x"), measure="change/previous/activity/inspection").iloc[
        0
    ]

    assert 0 == pytest.approx(row["value"], abs=1e-12)


def test_months_that_scatter_make_a_claim_harder():
    assert ["rise", "same"] == [key(change(150, 100, scatter={"activity/inspection": f})) for f in (1.0, 6.0)]


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

    assert 2 == pytest.approx(scatter(monthly, before=pd.Period("2018-01", "M"))["m"], rel=0.3)


def test_the_period_itself_does_not_count_as_scatter():
    months = pd.period_range("2016-01", periods=30, freq="M")
    counts = np.r_[np.full(24, 100), np.full(6, 900)]
    monthly = pd.DataFrame({"measure": "m", "month": months, "count": counts})

    assert {"m": 1.0} == scatter(monthly, before=pd.Period("2018-01", "M"))


def corrected(period: str, value: float, spread: float) -> pd.DataFrame:
    months = pd.period_range(f"{period[:4]}-01", periods=6, freq="M")
    return results.rows([{"place": "x", "period": str(m), "measure": "births_corrected", "value": value,
                          "lower": value - spread, "upper": value + spread} for m in months])  # fmt: skip


def test_births_are_compared_corrected_with_the_error_of_the_correction():
    past = corrected("2017", 1000, 0)
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
    told = [comparisons._rates(*rng.poisson(mean, 2).astype(float), (181, 181), 1.0, 0.95) for _ in range(1500)]
    claims = np.mean([t["p"] < 0.05 if "p" in t else False for t in told])

    assert claims <= 0.05 + 0.012


@pytest.mark.parametrize("lang", wording.LANGS)
def test_every_verdict_has_its_words(lang):
    keys = [k for k in wording.catalogue() if k.startswith("note.change.")]

    assert all(wording.text(k, lang) for k in keys)

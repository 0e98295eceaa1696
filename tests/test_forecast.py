import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpanalysis import results, wording
from fpanalysis.errors import FpError
from fpanalysis.forecast import backtest, expected, forecast, known, sample_paths, totals

FIRST = pd.Period("2013-07", "M")
SEASON = 0.06 * np.sin(2 * np.pi * np.arange(12) / 12)
quick = settings(max_examples=8, deadline=None)


def months_of(first: str, last: str) -> pd.PeriodIndex:
    return pd.period_range(first, last, freq="M")


def monthly_of(length=60, mean=1000.0, place="renqiu", seed=1, trend=0.0) -> pd.DataFrame:
    """Poisson births with a season and a trend (log change a month)."""
    months = pd.period_range(FIRST, periods=length, freq="M")
    logs = SEASON[months.month - 1] + trend * np.arange(length)
    rates = mean * np.exp(logs) * np.asarray(months.days_in_month) / 30.44
    births = np.random.default_rng(seed).poisson(rates)
    return pd.DataFrame({"place": place, "month": months, "births": births})


HALVES = [(f"{year}H{half}", pd.period_range(f"{year}-{6 * half - 5:02d}", periods=6, freq="M"))
          for year in range(2016, 2019) for half in (1, 2)][:5]  # fmt: skip


def generator(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def key_of(note: str) -> str:
    return results.read_note(note)[0] if note else ""


def row_of(table: pd.DataFrame, method: str = "gp-95") -> pd.Series:
    return results.pick(table, method=method).iloc[0]


@quick
@given(st.integers(0, 99), st.sampled_from([12, 18, 25, 60, 130]), st.sampled_from([0.5, 30, 900]))
def test_intervals_are_nested_and_hold_the_median(seed, length, mean):
    table = forecast(monthly_of(length, mean, seed=seed), horizon=6, rng=generator())
    narrow, wide = (results.pick(table, method=method).reset_index() for method in ("gp-80", "gp-95"))

    assert 12 == len(table)
    bounds = [wide["lower"], narrow["lower"], narrow["value"], narrow["upper"], wide["upper"]]
    assert all((low <= high).all() for low, high in itertools.pairwise(bounds))
    assert np.isfinite(table[["value", "lower", "upper"]]).all(axis=None) and (table["lower"] >= 0).all()


def test_the_same_seed_gives_the_same_numbers():
    monthly = monthly_of()

    pd.testing.assert_frame_equal(*(forecast(monthly, horizon=6, rng=generator(3)) for _ in range(2)))


def test_the_order_of_places_and_rows_and_other_places_change_nothing():
    towns = [monthly_of(40, 60.0, place, seed) for seed, place in enumerate(["鄚州镇", "北汉乡", "于村乡"])]
    together = forecast(pd.concat(towns), horizon=3, rng=generator())
    shuffled = forecast(pd.concat(towns[::-1]).sample(frac=1, random_state=1), horizon=3, rng=generator())
    alone = forecast(towns[1], horizon=3, rng=generator())
    keys = ["place", "period", "method"]

    pd.testing.assert_frame_equal(*(t.sort_values(keys, ignore_index=True) for t in (together, shuffled)))
    pd.testing.assert_frame_equal(alone, results.pick(together, place="北汉乡").reset_index(drop=True))


@quick
@given(st.sampled_from([3, 10, 50]))
def test_a_hundred_times_the_births_foretell_a_hundred_times_as_many(factor):
    monthly = monthly_of(mean=20_000)
    one, many = (
        forecast(monthly.assign(births=monthly["births"] * times), horizon=6, rng=generator()) for times in (1, factor)
    )

    np.testing.assert_allclose(many["value"], factor * one["value"], rtol=0.02)


def test_the_input_is_unchanged():
    monthly = monthly_of(30)
    before = monthly.copy()
    window = months_of("2015-07", "2015-12")
    forecast(monthly, rng=generator(), draws=50)
    backtest(monthly, periods=HALVES, rng=generator(), draws=50)
    totals(monthly, periods=[("2016H1", months_of("2016-01", "2016-06"))], rng=generator(), draws=50)
    expected(monthly, months=window, period="2015H2", rng=generator(), draws=50)

    pd.testing.assert_frame_equal(before, monthly)


def test_month_length_and_season_are_foretold():
    """February has 28 of 30.44 days; the season of the made-up county is +-6 %."""
    table = forecast(monthly_of(mean=50_000), horizon=12, rng=generator())
    medians = results.pick(table, method="gp-80").set_index("period")["value"]
    months = pd.PeriodIndex(medians.index, freq="M")
    truth = 50_000 * np.exp(SEASON[months.month - 1]) * np.asarray(months.days_in_month) / 30.44

    np.testing.assert_allclose(medians, truth, rtol=0.03)


def test_intervals_of_a_half_year_are_those_of_the_sum_of_its_months():
    """A half-year is relatively better known than a month, and less well than independent months would have it."""
    monthly = monthly_of()
    half = row_of(totals(monthly, periods=[("2018H2", months_of("2018-07", "2018-12"))], rng=generator()))
    months = results.pick(forecast(monthly, horizon=6, rng=generator()), method="gp-95")
    widths = months["upper"] - months["lower"]

    assert np.sqrt((widths**2).sum()) * 0.95 < half["upper"] - half["lower"] < widths.sum()
    assert half["value"] == pytest.approx(months["value"].sum(), rel=0.01)


def test_a_period_already_known_is_its_own_count():
    monthly = monthly_of()
    known = months_of("2018-01", "2018-06")
    row = row_of(totals(monthly, periods=[("2018H1", known)], rng=generator()))
    births = monthly[monthly["month"].isin(known)]["births"].sum()

    assert [births] * 4 == [row["count"], row["value"], row["lower"], row["upper"]]


def test_a_period_before_the_data_gets_no_figure():
    table = totals(monthly_of(), periods=[("2012", months_of("2012-01", "2012-12"))], rng=generator())

    assert np.isnan(table["value"]).all()
    assert "note.forecast.no_data" == key_of(table["note"].iloc[0])


def incomplete(**kwargs) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The whole series, and the same with 97, 88 and 65 % of the last months registered."""
    whole = monthly_of(**kwargs)
    share = np.ones(len(whole))
    share[-3:] = (0.97, 0.88, 0.65)
    births = np.random.default_rng(5).binomial(whole["births"], share)
    return whole, whole.assign(births=births, share=share, share_sd=np.where(share < 1, 0.01, 0.0))


def test_months_still_being_registered_do_not_pull_the_forecast_down():
    whole, part = incomplete()
    window = [("2018H2", months_of("2018-07", "2018-12"))]
    truth, found, raw = (
        row_of(totals(frame, periods=window, rng=generator()))["value"]
        for frame in (whole, part, part.drop(columns=["share", "share_sd"]))
    )

    assert found == pytest.approx(truth, rel=0.03)
    assert raw < found and abs(found - truth) < abs(raw - truth)


def test_a_half_year_still_being_registered_is_completed():
    whole, part = incomplete()
    known = months_of("2018-01", "2018-06")
    row = row_of(totals(part, periods=[("2018H1", known)], rng=generator()))
    truth = whole[whole["month"].isin(known)]["births"].sum()

    assert row["count"] < row["lower"] < truth < row["upper"]


@pytest.mark.parametrize("factor, finding", [(1.0, "as_expected"), (0.7, "below"), (1.4, "above")])
def test_expected_births_tell_a_fall_and_a_rise_from_nothing(factor, finding):
    _, part = incomplete()
    window = months_of("2018-01", "2018-06")
    births = np.where(part["month"].isin(window), (part["births"] * factor).round(), part["births"]).astype(int)
    row = row_of(expected(part.assign(births=births), months=window, period="2018H1", rng=generator()))

    assert births[-6:].sum() == row["count"]
    assert f"note.births.{finding}" == key_of(row["note"])
    assert (row["p"] < 0.05) == (finding != "as_expected")


def test_expected_births_do_not_look_at_the_period_itself():
    monthly, window = monthly_of(), months_of("2018-01", "2018-06")
    other = monthly.assign(births=monthly["births"].where(~monthly["month"].isin(window), 3))
    tables = [expected(frame, months=window, period="2018H1", rng=generator()) for frame in (monthly, other)]

    assert tables[0]["value"].tolist() == tables[1]["value"].tolist()


def test_expected_births_stand_beside_a_period_with_missing_months_without_a_test():
    monthly = monthly_of().iloc[:-2]
    window = months_of("2018-01", "2018-06")
    row = row_of(expected(monthly, months=window, period="2018H1", rng=generator()))

    assert "note.forecast.months_missing" == key_of(row["note"])
    assert np.isnan(row["p"]) and np.isnan(row["count"]) and row["value"] > 0


def test_backtest_scores_are_those_of_its_rows():
    table = backtest(monthly_of(), periods=HALVES, rng=generator())
    rows = results.pick(table, measure="forecast_backtest", method="gp-95")
    held = ((rows["total"] >= rows["lower"]) & (rows["total"] <= rows["upper"])).sum()
    error = ((rows["total"] - rows["value"]).abs() / rows["total"]).mean()

    assert ["2016H1", "2016H2", "2017H1", "2017H2", "2018H1"] == list(rows["period"])
    assert held == results.value(table, "count", measure="forecast_coverage", method="gp-95")
    assert error == pytest.approx(results.value(table, measure="forecast_error"))
    assert {"2018H1"} == set(results.pick(table, measure=["forecast_error", "forecast_coverage"])["period"])


def test_a_period_has_one_expectation():
    """Its row of the back-test is the one that is published as its expectation."""
    monthly, (name, months) = monthly_of(), HALVES[-1]
    tested = results.pick(backtest(monthly, periods=HALVES, rng=generator()), period=name, measure="forecast_backtest")
    alone = expected(monthly, months=months, period=name, rng=generator())

    assert alone.drop(columns="measure").to_dict("list") == tested.drop(columns="measure").to_dict("list")


def late(length=60) -> pd.DataFrame:
    """Births of `length` months of which 65, 23, 9 and 3 % are registered in the same month and the three after it."""
    rng, months = np.random.default_rng(3), pd.period_range(FIRST, periods=length, freq="M")
    rows = [(month, month + delay, n) for month in months
            for delay, n in enumerate(rng.multinomial(rng.poisson(900), [0.65, 0.23, 0.09, 0.03])) if month + delay <= months[-1]]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["occurred", "registered", "count"])
    return frame.assign(place="renqiu", order=1, sex="male")


def test_one_number_stands_for_the_births_of_a_period():
    """Months add up to the period, and expectation and comparison are held against that very sum."""
    births, (name, months) = late(), HALVES[-1]
    terms = {"at": months[-1], "months": months_of("2016-01", "2018-06"), "county": "renqiu"}
    series, rows = known(births, **terms, periods=[(name, months)], rng=generator())
    whole = results.pick(rows, measure="births_corrected", period=name).iloc[0]
    by_month = results.pick(rows, measure="births_corrected", period=[str(m) for m in months])["value"].sum()
    told = row_of(expected(series, months=months, period=name, rng=generator(), draws=200))

    assert whole["value"] == pytest.approx(by_month)
    assert whole["value"] == pytest.approx(told["total"])
    assert whole["value"] == pytest.approx(series[series["month"].isin(months)]["completed"].sum())
    assert whole["lower"] <= whole["value"] <= whole["upper"]
    assert whole["count"] == births[births["occurred"].isin(months)]["count"].sum() < whole["value"]


def test_a_period_not_yet_over_has_no_corrected_births():
    coming = ("2018H2", months_of("2018-07", "2018-12"))
    terms = {"at": HALVES[-1][1][-1], "months": months_of("2018-01", "2018-06"), "county": "renqiu", "draws": 50}
    _, rows = known(late(), **terms, periods=[coming], rng=generator())

    assert 0 == len(results.pick(rows, period="2018H2"))


def test_only_whole_periods_with_a_history_are_tested():
    """The first half of 2018 is known to March only; of 2013 there is nothing before."""
    early = ("2013H2", pd.period_range("2013-07", periods=6, freq="M"))
    table = backtest(monthly_of(57), periods=[early, *HALVES], rng=generator(), draws=50)

    assert ["2016H1", "2016H2", "2017H1", "2017H2"] == list(
        results.pick(table, method="gp-80", measure="forecast_backtest")["period"]
    )


@pytest.mark.parametrize("length", [0, 1, 11])
def test_too_short_a_history_gets_a_note_and_no_figure(length):
    table = forecast(monthly_of(length), horizon=6, rng=generator())

    assert np.isnan(table["value"]).all()
    assert ["note.forecast.too_short"] * min(length, 1) == [key_of(note) for note in table["note"]]
    assert 0 == len(backtest(monthly_of(length), periods=HALVES, rng=generator()))


def faulty(fault: str) -> pd.DataFrame:
    monthly = monthly_of()
    if fault == "gaps":
        return monthly.drop(index=[10, 11, 30])
    if fault == "short":
        return monthly.iloc[:18]
    births = monthly["births"].to_numpy().copy()
    births[{"outliers": 40, "zeros": 40, "negative": 40}[fault]] = {"outliers": 10_030, "zeros": 0, "negative": -5}[
        fault
    ]
    return monthly.assign(births=births)


@pytest.mark.parametrize("fault", ["gaps", "short", "outliers", "zeros", "negative"])
def test_a_faulty_history_gives_a_usable_answer_and_says_so(fault):
    table = forecast(faulty(fault), horizon=12, rng=generator())
    sound = forecast(monthly_of(), horizon=12, rng=generator())
    note = {"negative": "gaps"}.get(fault, fault)

    assert {f"note.forecast.{note}"} == {key_of(text) for text in table["note"]}
    if fault != "short":
        np.testing.assert_allclose(table["value"], sound["value"], rtol=0.06)


def test_a_short_history_gets_wider_intervals():
    widths = [
        (row["upper"] - row["lower"]) / row["value"]
        for length in (60, 14)
        for row in [row_of(forecast(monthly_of(length), horizon=1, rng=generator()))]
    ]

    assert widths[0] < widths[1]


def test_a_sound_history_has_no_note():
    assert {""} == set(forecast(monthly_of(), horizon=2, rng=generator())["note"])


def test_a_place_without_any_births_is_foretold_to_have_hardly_any():
    table = forecast(monthly_of(mean=0), horizon=2, rng=generator())

    assert (table["value"] == 0).all() and (table["upper"] < 5).all()


def test_sampled_paths_cover_the_months_asked():
    (path,) = sample_paths(monthly_of(24), horizon=3, rng=generator(), draws=100)

    assert (100, 27) == path.births.shape
    assert FIRST == path.months[0]


def test_faulty_frames_are_refused():
    monthly = monthly_of(20)
    with pytest.raises(FpError, match="lack the column 'births'"):
        forecast(monthly.drop(columns="births"), rng=generator())
    with pytest.raises(FpError, match="renqiu hold 2013-07 twice"):
        forecast(pd.concat([monthly, monthly.head(1)]), rng=generator())


@pytest.mark.parametrize("lang", wording.LANGS)
def test_every_method_and_note_has_words(lang):
    window = months_of("2018-01", "2018-06")
    tables = [forecast(faulty(fault), horizon=1, rng=generator(), draws=50) for fault in ("gaps", "short", "outliers")]
    tables += [
        forecast(monthly_of(5), rng=generator()),
        backtest(monthly_of(), periods=HALVES, rng=generator(), draws=50),
    ]
    tables += [expected(monthly_of(), months=window, period="2018H1", rng=generator(), draws=50)]
    table = results.combine(tables)

    assert all(wording.text(f"method.{method}", lang) for method in table["method"])
    assert all(wording.remark(note, lang) for note in table["note"] if note)


@pytest.mark.parametrize("lang", wording.LANGS)
@pytest.mark.parametrize("finding", ["as_expected", "slightly_above", "slightly_below", "above", "below"])
def test_every_finding_has_words(finding, lang):
    note = results.note(f"note.births.{finding}", births=6186, actual=5627, level=95.0, narrow=80.0)

    assert "6,186" in wording.remark(note, lang)


def family(seed=1, towns=5, length=60, rest=0) -> pd.DataFrame:
    """A county, its townships of 20 to 100 births a month and `rest` births of no township; the last month is 65 % in."""
    frames = [monthly_of(length, 20.0 * (n + 1), f"镇{n}", seed=10 * seed + n) for n in range(towns)]
    share = np.ones(length)
    share[-1] = 0.65
    frames = [f.assign(births=(f["births"] * share).round(), share=share, share_sd=0.02 * (share < 1)) for f in frames]
    whole = frames[0].assign(place="renqiu", births=sum(f["births"] for f in frames) + rest)
    return pd.concat([whole, *frames], ignore_index=True)


@quick
@given(st.integers(0, 30), st.sampled_from([15, 40, 60]), st.sampled_from([0, 7]))
def test_townships_add_up_to_the_county_in_every_path(seed, length, rest):
    county, *towns = sample_paths(family(seed, 4, length, rest), horizon=6, rng=generator(), draws=60, county="renqiu")
    summed = np.sum([town.births for town in towns], axis=0)

    if rest == 0:
        assert (county.births == summed).all()
    else:
        assert (county.births >= summed).all() and (county.births[:, : length - 1] == summed[:, : length - 1] + 7).all()


@quick
@given(st.permutations(range(5)))
def test_the_order_of_townships_changes_nothing_in_the_family(order):
    monthly = family()
    places = ["renqiu", *(f"镇{n}" for n in order)]
    shuffled = pd.concat([monthly[monthly["place"] == place] for place in places], ignore_index=True)
    tables = [forecast(frame, horizon=3, rng=generator(), draws=100, county="renqiu") for frame in (monthly, shuffled)]
    keys = ["place", "period", "method"]

    pd.testing.assert_frame_equal(*(t.sort_values(keys, ignore_index=True) for t in tables))


def test_the_same_seed_gives_the_family_the_same_numbers():
    tables = [totals(family(), periods=[HALVES[-1]], rng=generator(), county="renqiu") for _ in range(2)]

    pd.testing.assert_frame_equal(*tables)


def test_ten_times_the_births_foretell_ten_times_as_many_in_the_family():
    monthly = family().assign(births=lambda f: f["births"] * 200)
    one, many = (
        forecast(monthly.assign(births=monthly["births"] * n), horizon=3, rng=generator(), county="renqiu")
        for n in (1, 10)
    )

    np.testing.assert_allclose(many["value"], 10 * one["value"], rtol=0.02)


def test_a_township_with_too_short_a_history_is_in_the_county_and_has_no_forecast_of_its_own():
    monthly = family()
    late = monthly[(monthly["place"] != "镇4") | (monthly["month"] >= monthly["month"].max() - 4)]
    table = forecast(late, horizon=2, rng=generator(), draws=300, county="renqiu")
    sums = table[(table["method"] == "gp-95") & (table["period"] == table["period"].max())]

    assert results.pick(table, place="镇4")["value"].isna().all()
    assert results.value(sums, place="renqiu") > 1.3 * sums[sums["place"].str.startswith("镇")]["value"].sum()


def test_townships_of_no_county_in_the_frame_stand_alone():
    monthly = family().query("place != 'renqiu'")
    tables = [forecast(monthly, horizon=2, rng=generator(), draws=50, county=county) for county in (None, "renqiu")]

    pd.testing.assert_frame_equal(*tables)

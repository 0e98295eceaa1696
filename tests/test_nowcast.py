import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpanalysis import nowcast, results, wording

MONTHS = pd.period_range("2018-01", "2018-06", freq="M")
AT = pd.Period("2018-06", "M")
FIRST = pd.Period("2016-01", "M")
DELAY = np.array([0.65, 0.23, 0.09, 0.03])


def births_of(rows) -> pd.DataFrame:
    """Tidy births of (place, month of birth, delay, order, sex, count); months count from January 2016."""
    frame = pd.DataFrame(rows, columns=["place", "occurred", "delay", "order", "sex", "count"])
    occurred = pd.PeriodIndex([FIRST + n for n in frame["occurred"]], freq="M")
    registered = pd.PeriodIndex([m + n for m, n in zip(occurred, frame["delay"], strict=True)], freq="M")
    return frame.drop(columns="delay").assign(occurred=occurred, registered=registered)


def simulated(seed: int, mean: float, spread: float = 0.0) -> pd.DataFrame:
    """30 months of births with DELAY, over-dispersed by `spread`; nothing is cut off."""
    rng = np.random.default_rng(seed)
    rows = []
    for month in range(30):
        shares = rng.dirichlet(DELAY / spread) if spread else DELAY
        counts = rng.multinomial(rng.poisson(mean), shares)
        rows += [("甲镇", month, delay, 1, "male", count) for delay, count in enumerate(counts)]
    return births_of(rows)


rows = st.lists(
    st.tuples(
        st.sampled_from(["甲镇", "乙镇", "renqiu"]), st.integers(20, 31), st.integers(-2, 8), st.integers(0, 3),
        st.sampled_from(["male", "female", "unknown"]), st.integers(-3, 20),
    ),
    max_size=25,
)  # fmt: skip
quick = settings(max_examples=25, deadline=None)


@quick
@given(rows.filter(len), st.sampled_from([None, pd.Period("2018-04", "M"), pd.Period("2019-01", "M")]))
def test_reported_is_births_plus_carried_in_less_unregistered_everywhere(rows, known_until):
    table = nowcast.bases(births_of(rows), months=MONTHS, period="2018H1", county="renqiu", known_until=known_until)
    base, _, part = table["measure"].str.partition("/").to_numpy().T
    wide = table.assign(base=base, part=part).set_index(["place", "part", "base"])["count"]
    wide = {base: wide.xs(base, level="base") for base in set(base)}

    reported = wide["births"] + wide["births_carried_in"] - wide["births_unregistered"]
    assert (wide["births_reported"] == reported.loc[wide["births_reported"].index]).all()


def triangles(rng: np.random.Generator, places: int) -> pd.DataFrame:
    """A random triangle a place: orders and sexes known or not, registered before and after, corrections below zero."""
    number = 30 * places
    occurred, late = rng.integers(18, 33, number), rng.integers(-2, 14, number)
    frame = {
        "place": [f"镇{n}" for n in rng.integers(0, places, number)],
        "occurred": pd.PeriodIndex.from_ordinals(FIRST.ordinal + occurred, freq="M"),
        "registered": pd.PeriodIndex.from_ordinals(FIRST.ordinal + occurred + late, freq="M"),
        "order": rng.integers(0, 4, number),
        "sex": rng.choice(["male", "female", "unknown"], number),
        "count": rng.integers(-4, 40, number),
    }
    return pd.DataFrame(frame)


@pytest.mark.parametrize("seed", range(10))
def test_the_identity_holds_to_the_unit_in_a_thousand_random_triangles(seed):
    """A hundred each, for every place, order and sex; the births reported are counted here by a plain mask."""
    rng = np.random.default_rng(seed)
    births, at = triangles(rng, 100), FIRST + int(rng.integers(24, 36))
    table = nowcast.bases(births, months=MONTHS, period="2018H1", county="renqiu", known_until=at)
    base, _, part = table["measure"].str.partition("/").to_numpy().T
    wide = table.assign(base=base, part=part).pivot_table(index=["place", "part"], columns="base", values="count")
    known = births[(births["registered"] <= at) & births["registered"].isin(MONTHS)]
    whole = wide.xs("", level="part")

    assert 101 == len(whole)
    reported = wide["births"] + wide["births_carried_in"] - wide["births_unregistered"]
    assert (wide["births_reported"] == reported).all()
    assert whole["births_reported"]["renqiu"] == known["count"].sum()
    assert (
        whole["births_reported"].drop("renqiu")
        == known.groupby("place")["count"].sum().reindex(whole.index[whole.index != "renqiu"], fill_value=0)
    ).all()


@quick
@given(rows)
def test_orders_sexes_and_townships_add_up(rows):
    births = births_of([row for row in rows if row[0] != "renqiu"])
    table = nowcast.bases(births, months=MONTHS, period="2018H1", county="renqiu")
    county = np.nan_to_num(results.value(table, place="renqiu", measure="births"))

    assert county == results.pick(table, measure="births")["value"].sum() - county
    for parts in ([f"births/order{n}" for n in range(4)], [f"births/{s}" for s in ("male", "female", "unknown")]):
        found = results.pick(table, place="renqiu", measure=parts)["value"]

        assert county == found.sum() or found.empty


@quick
@given(rows)
def test_the_input_is_unchanged(rows):
    births = births_of(rows)
    before = births.copy()
    nowcast.bases(births, months=MONTHS, period="2018H1", county="renqiu")
    nowcast.completeness(births, months=MONTHS, county="renqiu", at=AT)
    nowcast.completed(births, at=AT, county="renqiu", townships=True)

    pd.testing.assert_frame_equal(before, births)


def test_the_four_bases_of_a_small_example():
    """Three births in May, one of them registered in July; two of December registered in January."""
    births = births_of([("甲镇", 28, 0, 1, "male", 2), ("甲镇", 28, 2, 1, "female", 1), ("甲镇", 23, 1, 2, "male", 2)])
    table = nowcast.bases(births, months=MONTHS, period="2018H1", county="renqiu")
    measures = ["births", "births_reported", "births_carried_in", "births_unregistered"]

    assert [3, 4, 2, 1] == [results.value(table, place="甲镇", measure=measure) for measure in measures]


def test_births_registered_later_than_what_is_known_do_not_count():
    births = births_of([("甲镇", 28, 0, 1, "male", 2), ("甲镇", 28, 2, 1, "female", 1)])
    table = nowcast.bases(births, months=MONTHS, period="2018H1", county="renqiu", known_until=AT)

    assert [2, 0] == [
        results.value(table, place="renqiu", measure=measure) for measure in ("births", "births_unregistered")
    ]


def test_completeness_is_the_chain_ladder_worked_by_hand():
    """Two ages: 100 + 150 + 50 births known at once grew to 110 + 165 + 60, a factor of 335 / 300."""
    births = births_of(
        [("甲镇", n, delay, 1, "male", count)
         for n, counts in enumerate([(100, 10), (150, 15), (50, 10), (90, 9)])
         for delay, count in enumerate(counts)]
    )  # fmt: skip
    at = FIRST + 3
    table = nowcast.completeness(births, months=pd.PeriodIndex([at]), county="renqiu", at=at)

    assert results.value(table, measure="births_completeness") == pytest.approx(300 / 335)
    assert results.value(table, measure="births_corrected") == pytest.approx(90 * 335 / 300)


@pytest.mark.parametrize("spread", [0.0, 0.003])
def test_intervals_of_the_last_month_cover_the_births_in_the_end(spread):
    """120 simulated counties of 800 births a month, delays binomial and over-dispersed."""
    held = 0
    for seed in range(120):
        births = simulated(seed, 800, spread)
        at = FIRST + 29
        truth = births[births["occurred"] == at]["count"].sum()
        row = results.pick(
            nowcast.completeness(births, months=pd.PeriodIndex([at]), county="renqiu", at=at),
            measure="births_corrected",
        ).iloc[0]
        held += row["lower"] <= truth <= row["upper"]

    assert 0.90 <= held / 120 <= 0.985


def test_without_any_delay_completeness_is_one_with_a_note():
    births = births_of([("甲镇", n, 0, 1, "male", 100) for n in range(30)])
    table = nowcast.completeness(births, months=MONTHS, county="renqiu", at=AT)

    assert (results.pick(table, measure="births_completeness")["value"] == 1).all()
    assert table["lower"].isna().all()
    assert {results.note("note.nowcast.no_delay")} == set(table["note"])


def test_months_after_the_last_known_are_left_out():
    table = nowcast.completeness(simulated(1, 100), months=MONTHS, county="renqiu", at=pd.Period("2018-04", "M"))

    assert ["2018-01", "2018-02", "2018-03", "2018-04"] == sorted(set(table["period"]))


def test_a_month_before_any_registration_has_an_unknown_share():
    """Here nothing is ever registered in the month of birth."""
    births = births_of([("甲镇", n, 1, 1, "male", 100) for n in range(30)])
    table = nowcast.completeness(births, months=MONTHS, county="renqiu", at=AT)

    assert np.isnan(results.value(table, measure="births_completeness", period="2018-06"))
    assert 1.0 == results.value(table, measure="births_completeness", period="2018-05")


def test_completed_gives_the_series_for_the_forecast():
    births = simulated(3, 500)
    known = nowcast.completed(births, at=AT, county="renqiu", townships=True)
    county, township = (known[known["place"] == place] for place in ("renqiu", "甲镇"))

    assert ["place", "month", "births", "share", "share_sd", "completed"] == list(known.columns)
    assert (county["births"].to_numpy() == township["births"].to_numpy()).all()
    assert county["share"].iloc[-1] == pytest.approx(0.65, abs=0.03)
    assert (county["share"].iloc[:-3] == 1).all()


def test_the_first_months_hold_only_months_since_registration_began():
    births = pd.concat([simulated(3, 500), births_of([("甲镇", -5, 6, 1, "male", 4)])], ignore_index=True)

    assert FIRST == nowcast.completed(births, at=AT, county="renqiu")["month"].min()


def test_empty_births_give_empty_tables():
    births = simulated(1, 10).iloc[:0]

    assert 0 == len(nowcast.completed(births, at=AT, county="renqiu"))
    assert 0 == len(nowcast.bases(births, months=MONTHS, period="2018H1", county="renqiu"))


def test_an_order_or_sex_that_was_never_given_is_not_counted_as_zero():
    births = births_of([("甲镇", 24, 0, 0, "unknown", 9)])
    known = births.assign(sex="male")
    found, with_sex = (nowcast.bases(b, months=MONTHS, period="2018H1", county="renqiu") for b in (births, known))

    assert {"births", "births_reported", "births_carried_in", "births_unregistered"} == set(found["measure"])
    assert 9 == results.value(with_sex, place="renqiu", measure="births/male")
    assert not with_sex["measure"].str.contains("order").any()


@pytest.mark.parametrize("lang", wording.LANGS)
def test_every_method_and_note_has_words(lang):
    births = births_of([("甲镇", n, 1, 1, "male", 100) for n in range(30)])
    tables = [
        nowcast.completeness(births, months=MONTHS, county="renqiu", at=AT),
        nowcast.completeness(births.iloc[:0], months=MONTHS, county="renqiu", at=AT),
        nowcast.bases(births, months=MONTHS, period="2018H1", county="renqiu"),
    ]
    table = results.combine(tables)

    assert all(wording.text(f"method.{method}", lang) for method in table["method"])
    assert all(wording.remark(note, lang) for note in table["note"] if note)


def test_earlier_periods_are_counted_at_their_own_age_and_only_where_the_data_begin():
    """Registered by the end of each: what came later does not count; a period before the first month is left out."""
    births = births_of([("甲镇", 20, 0, 1, "male", 5), ("甲镇", 20, 3, 1, "male", 2), ("甲镇", 26, 0, 1, "male", 4)])
    first = births["registered"].min()
    spans = [("2015H1", first - 12), ("2016H1", first), ("2017H1", first + 6)]
    periods = [(key, pd.period_range(start, periods=3, freq="M"), start + 2) for key, start in spans]
    found = nowcast.earlier(births, periods=periods, county="renqiu")

    assert {"births"} == set(found["measure"])
    assert [5, 4] == [
        found[(found["period"] == key) & (found["place"] == "甲镇")]["count"].iloc[0] for key in ("2016H1", "2017H1")
    ]
    assert "2015H1" not in set(found["period"])

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpanalysis import results, wording
from fpanalysis.errors import FpError
from fpanalysis.sex_ratio import TESTS, sex_ratio

MONTHS = pd.period_range("2018-01", "2018-06", freq="M")
SWAP = {"male": "female", "female": "male", "unknown": "unknown"}


def births_of(cells) -> pd.DataFrame:
    """Tidy births of (place, order, boys, girls, unknown), all in January 2018."""
    rows = [
        (place, order, sex, count)
        for place, order, *counts in cells
        for sex, count in zip(("male", "female", "unknown"), counts, strict=False)
    ]
    month = pd.PeriodIndex(["2018-01"] * len(rows), freq="M")
    frame = pd.DataFrame(rows, columns=["place", "order", "sex", "count"])
    return frame.assign(occurred=month, registered=month)


def found(births, **changed) -> pd.DataFrame:
    return sex_ratio(births, **{"months": MONTHS, "period": "2018H1", "county": "renqiu", **changed})


def key_of(table, **wanted) -> str:
    return results.read_note(results.pick(table, **wanted)["note"].iloc[0])[0]


cells = st.lists(
    st.tuples(st.sampled_from(["甲镇", "乙镇"]), st.integers(0, 3), st.integers(0, 900), st.integers(0, 900)),
    max_size=8,
)
quick = settings(max_examples=20, deadline=None)


@quick
@given(cells)
def test_intervals_contain_the_ratio_and_counts_add_up(cells):
    table = results.pick(found(births_of(cells)), measure="srb")
    known = table[table["value"].notna()]

    assert ((known["lower"] <= known["value"]) & (known["value"] <= known["upper"])).all()
    county, towns = table[table["place"] == "renqiu"], table[table["place"] != "renqiu"]
    assert county["total"].sum() == towns["total"].sum()


@quick
@given(cells)
def test_swapping_boys_and_girls_mirrors_ratio_and_keeps_p(cells):
    births = births_of(cells)
    ratio = results.pick(found(births, reference=100), measure=["srb", "srb/order1"])
    mirrored = found(births.assign(sex=births["sex"].map(SWAP)), reference=100)
    mirrored = results.pick(mirrored, measure=["srb", "srb/order1"])

    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(1e4 / ratio["value"], mirrored["value"], rtol=1e-9)
        np.testing.assert_allclose(1e4 / ratio["upper"], mirrored["lower"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ratio["p"], mirrored["p"], rtol=1e-9)


@quick
@given(cells, st.randoms())
def test_the_order_of_rows_does_not_matter_and_the_input_is_unchanged(cells, shuffler):
    births = births_of(cells)
    order = list(range(len(births)))
    shuffler.shuffle(order)
    before = births.copy()

    pd.testing.assert_frame_equal(found(births), found(births.iloc[order]))
    pd.testing.assert_frame_equal(before, births)


def test_all_tests_of_the_call_are_one_family():
    table = found(births_of([("甲镇", 1, 600, 500), ("乙镇", 2, 500, 500), ("丙镇", 3, 90, 50)]))
    plain, adjusted = results.pick(table, measure=["srb", "srb/*"]), table[table["measure"].str.startswith("srb_adj")]
    plain = table[table["measure"].str.match(r"srb(/|$)")]

    assert results.read_note(adjusted["note"].iloc[0])[1]["tests"] == 7
    assert (adjusted["p"].to_numpy() >= plain["p"].to_numpy()).all()
    assert adjusted["p"].min() == pytest.approx(7 * plain["p"].min())


VERDICTS = {"high": (3000, 2300), "low": (2500, 2800), "within": (2580, 2430), "cannot_tell": (130, 120)}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_verdict_says_no_more_than_the_births_allow(verdict):
    table = found(births_of([("甲镇", 1, *VERDICTS[verdict])]))

    assert key_of(table, place="renqiu", measure="srb") == f"note.srb.{verdict}"


def test_a_ratio_that_is_significant_only_by_itself_is_told_apart():
    """3 tests that count (total, first order, township), all p = 0.03: adjusted 0.08."""
    table = found(births_of([("甲镇", 1, 1130, 970)]))

    assert key_of(table, place="renqiu", measure="srb") == "note.srb.alone"


def test_a_large_county_within_the_band_is_not_called_high():
    table = found(births_of([("甲镇", 1, 1_069_000, 1_000_000)]))

    assert results.value(table, "p", place="renqiu", measure="srb") < 0.05
    assert key_of(table, place="renqiu", measure="srb") == "note.srb.within"


def test_unknown_sex_is_left_out_and_counted():
    table = found(births_of([("甲镇", 1, 53, 50, 7)]))

    assert results.value(table, "total", place="renqiu", measure="srb") == 103
    assert results.read_note(results.pick(table, measure="srb")["note"].iloc[0])[1]["unknown"] == 7


def test_no_births_and_negative_corrections_give_a_note_and_no_number():
    table = found(births_of([("甲镇", 1, 0, 0), ("乙镇", 1, -3, 5)]))
    places = results.pick(table, measure="srb")

    assert np.isnan(results.value(table, place="甲镇", measure="srb"))
    assert ["note.srb.negative", "note.srb.none"] == [key_of(places, place=place) for place in ("乙镇", "甲镇")]


def test_no_rows_at_all_give_the_county_without_a_ratio():
    table = found(births_of([]))

    assert np.isnan(results.value(table, place="renqiu", measure="srb"))


def test_the_basis_decides_which_month_counts():
    late = births_of([("甲镇", 1, 53, 50)]).assign(registered=pd.PeriodIndex(["2018-07"] * 3, freq="M")[:2])

    assert results.value(found(late), "total", place="renqiu", measure="srb") == 103
    assert results.value(found(late, basis="registered"), "total", place="renqiu", measure="srb") == 0


def test_new_taipei_2019_by_order():
    """Ministry of the Interior, Taiwan, births of 2019 in Sanxia district: 250/232, 166/187, 69/49 by order."""
    table = found(births_of([("三峽區", 1, 250, 232), ("三峽區", 2, 166, 187), ("三峽區", 3, 69, 49)]))

    assert 100 * 69 / 49 == pytest.approx(results.value(table, measure="srb/order3"))
    assert 953 == results.value(table, "total", place="renqiu", measure="srb")


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("lang", wording.LANGS)
def test_every_method_and_note_has_words(test, lang):
    cells = [("甲镇", 1, *VERDICTS["high"]), ("乙镇", 2, 0, 0), ("丙镇", 3, -1, 2), ("丁镇", 3, 1130, 970)]
    table = found(births_of(cells), test=test)

    assert all(wording.text(f"method.{method}", lang) for method in table["method"])
    assert all(wording.remark(note, lang) for note in table["note"])


def test_unknown_names_are_refused():
    with pytest.raises(FpError, match="'mdip' is not known to sex_ratio; did you mean 'midp'"):
        found(births_of([]), test="mdip")
    with pytest.raises(FpError, match="'township' is not known"):
        found(births_of([]), by=["township"])

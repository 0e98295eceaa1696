import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpanalysis import birth_order, clusters, consistency, missing_girls, results, stats, townships, wording
from fpanalysis.errors import FpError
from fpanalysis.family import ALONE, MEASURES, TESTED, together
from fpanalysis.sex_ratio import sex_ratio

WHERE = {"period": "2018H1", "county": "renqiu"}
MONTHS = pd.period_range("2016-01", "2018-06", freq="M")
HALF = MONTHS[-6:]
TOWNS = [f"{number}镇" for number in range(8)]
RING = {place: [TOWNS[number - 1]] for number, place in enumerate(TOWNS)}
quick = settings(max_examples=15, deadline=None)


def births_of(ratios, seed=1, monthly=40) -> pd.DataFrame:
    """Births of two and a half years in eight townships of given ratios, three orders, a fifth registered late."""
    rng = np.random.default_rng(seed)
    heads = pd.MultiIndex.from_product([TOWNS, (1, 2, 3), MONTHS, (0, 1)], names=["place", "order", "occurred", "late"])
    frame = heads.to_frame(index=False)
    parts = frame["order"].map({1: 0.4, 2: 0.52, 3: 0.08}) * frame["late"].map({0: 0.8, 1: 0.2})
    total = np.round(monthly * parts).astype(int)
    share = stats.ratio_to_share(frame["place"].map(dict(zip(TOWNS, ratios, strict=True))))
    boys = rng.binomial(total, share)
    frame["registered"] = frame["occurred"] + frame.pop("late")
    return pd.concat([frame.assign(sex="male", count=boys), frame.assign(sex="female", count=total - boys)])


def found_in(births, draws=99) -> pd.DataFrame:
    """All tests of a report, as notebook 03 makes them."""
    found = sex_ratio(births, months=HALF, **WHERE)
    past = sex_ratio(births, months=HALF - 12, period="2017H1", county="renqiu", by=["order"])
    rng = np.random.default_rng(5)
    return results.combine([
        found, townships.pooled(births, last=HALF[-1], years=2, **WHERE), townships.dispersion(found, **WHERE),
        birth_order.contrasts(found, **WHERE), consistency.heaping(births, months=HALF, **WHERE),
        birth_order.change(results.combine([found, past]), **WHERE, before="2017H1"),
        missing_girls.bases(births, months=HALF, **WHERE),
        clusters.scan(found, **WHERE, neighbours=RING, rng=rng, draws=draws),
    ])  # fmt: skip


def key_of(table, **wanted) -> str:
    return results.read_note(results.pick(table, **wanted)["note"].iloc[0])[0]


def contrasts_of(*p, **changed) -> pd.DataFrame:
    """Contrasts with these p-values, each found different by itself."""
    return results.rows([
        {"place": "renqiu", "period": "2018H1", "measure": f"srb_contrast/order{number}", "value": 1.5, "p": each,
         "note": results.note("note.srb.contrast.different", value=1.5), **changed}
        for number, each in enumerate(p, start=2)
    ])  # fmt: skip


@pytest.fixture(scope="module")
def found():
    return found_in(births_of([106] * 8))


@pytest.fixture(scope="module")
def judged(found):
    return together(found, **WHERE)


def test_every_p_value_that_could_be_told_is_one_test(found, judged):
    """9 places and 3 orders against reference and band, 9 places pooled against both, 2 contrasts, 5 single tests."""
    heads = found["measure"].str.partition("/")[0]

    assert set(TESTED) <= set(heads)
    assert 12 * 2 + 9 * 2 + 2 + 5 == results.value(judged, "count", measure="srb_tests")


def test_no_other_measure_with_a_p_is_left_out_unsaid(found):
    """The halves of the band's test, and adjusted rows of single analyses."""
    heads = set(found.loc[found["p"].notna(), "measure"].str.partition("/")[0]) - set(TESTED)

    assert {"srb_high", "srb_low", "srb_bh", "srb_adjusted", "srb_band_adjusted", "srb_pooled_adjusted",
            "srb_pooled_band_adjusted"} == heads  # fmt: skip


def test_adjusted_p_are_those_of_all_tests_in_one_array(found, judged):
    mine = found[found["measure"].str.partition("/")[0].isin(TESTED) & found["p"].notna()]
    holm = judged[judged["measure"].str.partition("/")[0].isin(MEASURES)]

    np.testing.assert_allclose(np.sort(stats.adjust(mine["p"], "holm")), np.sort(holm["p"]))
    bh = [results.read_note(note)[1]["bh"] for note in holm["note"]]
    np.testing.assert_allclose(np.sort(stats.adjust(mine["p"], "bh")), np.sort(bh))


def test_judging_twice_changes_nothing_and_the_input_is_unchanged(found, judged):
    before, columns = found.copy(), ["measure", "place", "period"]
    again = together(judged, **WHERE)

    pd.testing.assert_frame_equal(before, found)
    pd.testing.assert_frame_equal(*(t.sort_values(columns).reset_index(drop=True) for t in (judged, again)))


def test_the_order_of_rows_does_not_matter(found, judged):
    columns = ["measure", "place", "period"]
    mixed = together(found.sample(frac=1, random_state=3), **WHERE)

    pd.testing.assert_frame_equal(*(t.sort_values(columns).reset_index(drop=True) for t in (judged, mixed)))


@quick
@given(st.lists(st.floats(0, 0.049), min_size=1, max_size=6), st.integers(0, 200))
def test_more_tests_never_make_a_finding(p, others):
    alone, among = (together(table, **WHERE) for table in (
        contrasts_of(*p), results.combine([contrasts_of(*p), contrasts_of(*[0.5] * others, place="甲镇")])))  # fmt: skip
    known = [key_of(table, place="renqiu", measure=[f"srb_contrast/order{n}"]) for table in (alone, among)
             for n in range(2, 2 + len(p))]  # fmt: skip
    first, second = known[: len(p)], known[len(p) :]

    assert all(a == b or b.endswith("alone") for a, b in zip(first, second, strict=True))


def test_what_is_significant_by_itself_only_is_called_so():
    table = together(contrasts_of(0.004, *[0.5] * 19), **WHERE)

    assert "note.srb.contrast.alone" == key_of(table, measure="srb_contrast/order2")
    assert 0.08 == pytest.approx(results.value(table, "p", measure="srb_contrast_adjusted/order2"))


def test_a_county_that_is_high_is_still_found_and_its_verdict_counts_all_tests():
    table = together(found_in(births_of([125] * 8, monthly=120)), **WHERE)
    key, said = results.read_note(results.pick(table, place="renqiu", measure="srb")["note"].iloc[0])

    assert "note.srb.high" == key
    assert results.value(table, "count", measure="srb_tests") == said["tests"]
    assert "note.srb.high" == key_of(table, place="renqiu", measure="srb_pooled")


def test_a_township_found_in_its_own_analysis_may_fall_silent_in_the_family():
    found = sex_ratio(births_of([106] * 7 + [158], seed=2, monthly=60), months=HALF, **WHERE)
    more = contrasts_of(*[0.5] * 3_000)
    table = together(results.combine([found, more]), **WHERE)

    assert key_of(found, place=TOWNS[-1], measure="srb") in ("note.srb.high", "note.srb.above")
    assert "note.srb.alone" == key_of(table, place=TOWNS[-1], measure="srb")


def test_places_of_a_cluster_that_the_family_does_not_bear_out_are_nowhere_named():
    said = results.note("note.srb.cluster.found", size=2, places=["甲镇", "乙镇"])
    cluster = contrasts_of(0.03, measure="srb_cluster/1", note=said)
    table = together(results.combine([cluster, contrasts_of(0.5)]), **WHERE)
    note = results.pick(table, measure="srb_cluster/1")["note"].iloc[0]

    assert "note.srb.cluster.alone" == results.read_note(note)[0]
    assert "甲镇" not in note


def test_a_ratio_without_its_test_against_the_band_is_refused():
    found = results.pick(sex_ratio(births_of([160] * 8), months=HALF, **WHERE), measure=["srb"])

    with pytest.raises(FpError, match="srb of renqiu stands without srb_band, expected both"):
        together(found, **WHERE)


def test_two_bases_at_once_are_refused():
    with pytest.raises(FpError, match="several tests of one measure"):
        together(results.combine([contrasts_of(0.1), contrasts_of(0.2)]), **WHERE)


def test_without_tests_there_are_none():
    table = together(results.empty(), **WHERE)

    assert [0] == list(table["count"])


@pytest.mark.parametrize("lang", wording.LANGS)
def test_everything_has_words(lang, judged):
    for row in judged.itertuples(index=False):
        wording.label(row.measure, lang)
        wording.text(f"method.{row.method}", lang)
        wording.remark(row.note, lang)

    for key in ALONE.values():
        assert "5" in wording.remark(results.note(key, tests=5, p=0.01, places=3, size=2, occurred=1.0, registered=1.0, late=7,
                                                  ratio=99.0, least=20), lang)  # fmt: skip


@pytest.mark.slow
def test_a_null_report_says_something_false_at_the_stated_rate_at_most():
    """400 counties without selection: any finding after Holm in the whole family, at most 5 %."""
    runs, flagged = 400, 0
    for seed in range(runs):
        table = together(found_in(births_of([106.3] * 8, seed=seed)), **WHERE)
        flagged += results.read_note(results.pick(table, measure="srb_tests")["note"].iloc[0])[1]["holm"] > 0

    assert flagged / runs <= 0.05 + 1.96 * np.sqrt(0.05 * 0.95 / runs)

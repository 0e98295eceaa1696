import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, multivariate_normal, norm

from fpanalysis import monitoring, results, stats, wording
from fpanalysis.errors import FpError
from fpanalysis.monitoring import STREAMS, boundaries, monitor, spending

NULL = float(stats.ratio_to_share(107))
YEAR = np.round(np.arange(1, 13) * 10_000 / 12)
MONTHS = pd.period_range("2018-01", "2018-12", freq="M")
quick = settings(max_examples=20, deadline=None)


def births_of(share=0.515, monthly=300, seed=1, late=0) -> pd.DataFrame:
    """Births of two years, three orders; a part registered `late` months after the birth."""
    rng = np.random.default_rng(seed)
    rows = []
    for month in pd.period_range("2017-01", "2018-12", freq="M"):
        for order, part in ((1, 0.4), (2, 0.52), (3, 0.08)):
            for delay, some in ((0, 0.8), (late, 0.2)):
                total = int(monthly * part * some)
                boys = int(rng.binomial(total, share))
                rows += [("甲镇", order, "male", boys, month, month + delay), ("甲镇", order, "female", total - boys, month, month + delay)]  # fmt: skip
    return pd.DataFrame(rows, columns=["place", "order", "sex", "count", "occurred", "registered"])


def watch(births, looks=MONTHS[:6], **changed) -> pd.DataFrame:
    terms = {"looks": looks, "last": MONTHS[-1], "county": "renqiu", "expected": 3600, **changed}
    return monitor(births, **terms)


def size(births, planned, alpha=0.05):
    information = np.append(np.minimum(births[:-1] / planned, 0.99), 1.0)
    return boundaries(births, spending(information, alpha), NULL)


def test_boundaries_in_the_normal_limit_equal_gsdesign():
    """gsDesign (sfLDOF, 5 equal looks, one-sided 0.025): 4.8769, 3.3570, 2.6803, 2.2898, 2.0310."""
    looks = np.arange(1, 6) / 5

    np.testing.assert_allclose(
        [4.8769, 3.3570, 2.6803, 2.2898, 2.0310], monitoring.normal_boundaries(looks, spending(looks, 0.025)), atol=1e-4
    )


def test_boundaries_in_the_normal_limit_equal_seqbounds():
    """README of SeqBounds.jl: 4 looks, one-sided 0.05, O'Brien-Fleming."""
    looks = np.arange(1, 5) / 4

    np.testing.assert_allclose(
        [3.74955, 2.53993, 2.01604, 1.72014], monitoring.normal_boundaries(looks, spending(looks, 0.05)), atol=1e-4
    )


def test_two_looks_in_the_normal_limit_spend_what_a_bivariate_normal_says():
    first, second = monitoring.normal_boundaries([0.5, 1.0], spending([0.5, 1.0], 0.025))
    quiet = multivariate_normal([0, 0], [[1, np.sqrt(0.5)], [np.sqrt(0.5), 1]]).cdf([first, second])

    assert 0.025 == pytest.approx(1 - quiet, abs=1e-6)
    assert norm.isf(spending(0.5, 0.025)) == pytest.approx(first, abs=1e-9)


def test_exact_boundaries_approach_the_normal_ones_for_many_births():
    births = np.arange(1, 6) * 200_000
    bounds, _ = boundaries(births, spending(births / births[-1], 0.025), NULL)
    z = (bounds - 0.5 - births * NULL) / np.sqrt(births * NULL * (1 - NULL))

    np.testing.assert_allclose([4.8769, 3.3570, 2.6803, 2.2898, 2.0310], z, atol=0.01)


def test_spending_starts_at_nothing_and_ends_with_all():
    for kind in monitoring.SPENDING:
        spent = spending(np.linspace(0, 1, 101), 0.05, kind)

        assert (0, 0.05) == (pytest.approx(spent[0], abs=1e-12), spent[-1])
        assert (np.diff(spent) >= 0).all()


@quick
@given(st.lists(st.integers(0, 400), min_size=1, max_size=8), st.floats(0.001, 0.2), st.floats(0.3, 0.7))
def test_no_more_is_ever_spent_than_allowed(more, alpha, share):
    births = np.cumsum(more)
    allowed = spending(np.arange(1, len(more) + 1) / len(more), alpha)
    bounds, spent = boundaries(births, allowed, share)

    assert (spent <= allowed + 1e-12).all()
    np.testing.assert_allclose(monitoring.alarm_chance(births, bounds, share), spent, atol=1e-12)


@quick
@given(st.integers(1, 300), st.floats(0.01, 0.2))
def test_one_look_is_the_exact_test(births, alpha):
    bounds, _ = boundaries([births], [alpha], NULL)
    significant = stats.binomial_p(np.arange(births + 1), births, NULL, "greater", "exact") <= alpha

    assert bounds[0] == (np.flatnonzero(significant)[0] if significant.any() else births + 1)


def test_a_county_is_watched_at_the_rate_that_is_promised():
    """10,000 births a year, 12 looks, true 107: at most 5 % false alarms, and not much less."""
    _, spent = size(YEAR, 10_000)

    assert 0.049 < spent[-1] <= 0.05


@pytest.mark.parametrize("planned", [10_000, 12_500, 8_000])
def test_the_rate_holds_when_births_are_not_as_planned(planned):
    """Births 20 % under (or over) plan: what is left is spent at the last look."""
    _, spent = size(YEAR, planned)

    assert 0.04 < spent[-1] <= 0.05


@pytest.mark.parametrize(("truth", "least"), [(112, 0.70), (115, 0.96), (116, 0.98), (120, 0.999)])
def test_a_high_county_is_found_in_the_year(truth, least):
    bounds, _ = size(YEAR, 10_000)
    share = float(stats.ratio_to_share(truth))

    assert monitoring.alarm_chance(YEAR, bounds, share)[-1] >= least


def test_looking_every_month_costs_two_points_of_power_at_most():
    """At 112, where it costs most; mean over years of 9,800 to 10,200 births, since counts are whole."""
    share, lost = float(stats.ratio_to_share(112)), []
    for total in range(9_800, 10_200, 40):
        births = np.round(np.arange(1, 13) * total / 12)
        once = stats.power(total, share, NULL, 0.05, "greater", "exact")
        lost.append(once - monitoring.alarm_chance(births, size(births, total)[0], share)[-1])

    assert np.mean(lost) <= 0.02


@pytest.mark.parametrize("truth", [112, 113])
def test_as_streams_are_watched_looking_costs_two_points_in_every_year(truth):
    """A quarter of alpha, where it costs most: 1.4 points on average, 1.96 at most (at 5 % whole counts make it 2.4)."""
    share, lost = float(stats.ratio_to_share(truth)), []
    for total in range(9_800, 10_200, 40):
        births = np.round(np.arange(1, 13) * total / 12)
        once = stats.power(total, share, NULL, 0.0125, "greater", "exact")
        lost.append(once - monitoring.alarm_chance(births, size(births, total, 0.0125)[0], share)[-1])

    assert max(lost) <= 0.02


def test_third_births_at_160_are_found_where_the_total_is_not():
    """METHODS: shares 40/52/8, orders 106/106/160: the total finds it 30 % of the time, the third births always."""
    births = np.round(YEAR * 0.08)
    third = size(births, 800, 0.0125)[0]
    share = float(stats.ratio_to_share(160))

    assert monitoring.alarm_chance(births, third, share)[-1] > 0.99


def test_births_that_fall_are_refused():
    with pytest.raises(FpError, match="births known at the looks fall"):
        boundaries([100, 90], [0.01, 0.05], NULL)


def test_every_stream_has_a_quarter_of_alpha_and_a_row_a_look():
    table = watch(births_of())

    assert {f"srb_look/{stream}" for stream in STREAMS} == set(table["measure"])
    assert 4 * 6 == len(table)
    assert {0.0125} == {results.read_note(note)[1]["alpha"] for note in table["note"]}


def test_orders_add_up_to_the_total():
    table = watch(births_of())
    counts = table.pivot_table(index="period", columns="measure", values="total")

    np.testing.assert_allclose(counts["srb_look/total"], counts.drop(columns="srb_look/total").sum(axis=1))


def test_a_month_that_is_run_again_costs_nothing():
    births = births_of(late=2)
    table = watch(births)

    pd.testing.assert_frame_equal(table, watch(births, seen=table))


def test_looks_of_a_longer_year_begin_with_those_of_the_shorter():
    births = births_of(late=2)
    half, whole = watch(births), watch(births, looks=MONTHS)
    early = whole[whole["period"] <= "2018-06"].reset_index(drop=True)

    pd.testing.assert_frame_equal(half, early)


def test_births_registered_late_count_at_the_next_look_and_leave_the_past_alone():
    births = births_of()
    seen = watch(births)
    corrected = births.copy()
    corrected.loc[corrected["occurred"] == MONTHS[2], "count"] += 10
    now = watch(corrected, looks=MONTHS[:7], seen=seen)
    early = now[now["period"] <= "2018-06"].sort_values(["measure", "period"]).reset_index(drop=True)

    pd.testing.assert_frame_equal(seen.sort_values(["measure", "period"]).reset_index(drop=True), early)
    after = results.value(now, "total", measure="srb_look/total", period="2018-07")
    assert after == results.value(
        watch(corrected, looks=MONTHS[:7]), "total", measure="srb_look/total", period="2018-07"
    )


def test_looks_of_another_rule_are_not_taken_over():
    births = births_of()
    seen = watch(births, alpha=0.2)

    pd.testing.assert_frame_equal(watch(births), watch(births, seen=seen))


def test_corrections_that_take_births_away_make_no_new_information():
    births = births_of()
    taken = pd.DataFrame([("甲镇", 1, "male", -500, MONTHS[4], MONTHS[4])], columns=births.columns)
    table = watch(pd.concat([births, taken]))
    fifth = results.read_note(results.pick(table, measure="srb_look/total", period="2018-05")["note"].iloc[0])[1]
    fourth = results.read_note(results.pick(table, measure="srb_look/total", period="2018-04")["note"].iloc[0])[1]

    assert fifth["spent"] == fourth["spent"]


def test_a_skewed_county_raises_an_alarm_that_stays():
    births = births_of(share=0.60, monthly=900)
    girls = births["occurred"].gt(MONTHS[5]) & births["sex"].eq("female")
    births.loc[girls, "count"] *= 3
    table = watch(births, looks=MONTHS, expected=10_800)
    now = monitoring.watched(table, period="2018", county="renqiu")

    assert 4 == results.value(now, "total", measure="srb_watch")
    assert results.value(now, "count", measure="srb_watch") >= 3
    assert "note.srb.look.before" in {results.read_note(note)[0] for note in table["note"]}


def test_without_a_forecast_nothing_is_spent_before_the_last_look():
    table = watch(births_of(), looks=MONTHS, expected=float("nan"))
    total = results.pick(table, measure="srb_look/total")
    spent = [results.read_note(note)[1]["spent"] for note in total["note"]]
    free = monitoring.anytime(births_of(), months=MONTHS, period="2018", county="renqiu", planned=float("nan"))

    assert 0 == max(spent[:-1]) < spent[-1] <= 0.0125
    assert free["lower"].notna().all()


def test_expected_births_by_stream_must_be_whole():
    with pytest.raises(FpError, match="expected births of stream 'order1' are missing"):
        watch(births_of(), expected={"total": 3600})
    with pytest.raises(FpError, match="spending function 'obrien-flemming' does not exist; did you mean"):
        watch(births_of(), spend="obrien-flemming")


def test_the_mixture_equals_confseq():
    """confseq, test/uniform_boundaries_unittest.cpp (values of a reference implementation in R)."""
    two = monitoring.log_mixture(10, 100, 100, 0.2, 0.8, one_sided=False)
    one = monitoring.log_mixture(10, 100, 100, 0.2, 0.8, one_sided=True)

    assert (-0.6941012, -0.07134019) == (pytest.approx(two, abs=1e-5), pytest.approx(one, abs=1e-5))


@quick
@given(st.integers(1, 400), st.integers(1, 1000), st.floats(0.3, 0.517))
def test_an_e_value_is_one_on_average_under_the_null_and_less_below(births, planned, share):
    k = np.arange(births + 1)
    e = np.exp([monitoring.log_e(boys, births, NULL, planned=planned) for boys in k])

    assert 1 == pytest.approx(float(binom.pmf(k, births, NULL) @ e), rel=1e-6)
    assert float(binom.pmf(k, births, min(share, NULL)) @ e) <= 1 + 1e-9


@quick
@given(st.integers(30, 500), st.integers(30, 500))
def test_the_confidence_sequence_holds_the_ratio_and_is_wider_than_one_look(boys, girls):
    low, high = monitoring.confidence_sequence(boys, boys + girls, planned=500)
    once = stats.binomial_interval(boys, boys + girls)

    assert low <= once[0] <= boys / (boys + girls) <= once[1] <= high


def test_the_confidence_sequence_ends_where_the_births_do():
    assert (0.0, 1.0) == monitoring.confidence_sequence(0, 0, planned=500)
    assert 0.0 == monitoring.confidence_sequence(0, 9, planned=500)[0]
    assert 1.0 == monitoring.confidence_sequence(9, 9, planned=500)[1]


def test_the_confidence_sequence_ends_where_the_evidence_reaches_twenty():
    share = monitoring.confidence_sequence(5300, 10_000, planned=8_000)[0]
    s, v = 5300 - 10_000 * share, share * (1 - share)
    log = monitoring.log_mixture(s, 10_000 * v, 8_000 * v, share, 1 - share, one_sided=False)

    assert np.log(20) == pytest.approx(log, abs=1e-6)


def test_swapping_boys_and_girls_mirrors_the_confidence_sequence():
    low, high = monitoring.confidence_sequence(5300, 10_000, planned=8_000)

    assert (1 - high, 1 - low) == pytest.approx(monitoring.confidence_sequence(4700, 10_000, planned=8_000))


def test_unplanned_looks_have_an_interval_and_an_e_value():
    found = monitoring.anytime(births_of(), months=MONTHS, period="2018", county="renqiu", planned=3600)
    total = results.pick(found, measure="srb_anytime/total").iloc[0]

    assert total["lower"] < total["value"] < total["upper"]
    assert 0 < total["p"] <= 1


@pytest.mark.parametrize("lang", wording.LANGS)
def test_every_look_has_words(lang):
    table = watch(births_of(share=0.6), looks=MONTHS)
    free = monitoring.anytime(births_of(), months=MONTHS, period="2018", county="renqiu", planned=3600)
    now = monitoring.watched(table, period="2018", county="renqiu")
    calm = monitoring.watched(watch(births_of(share=0.5)), period="2018H1", county="renqiu")
    made = results.combine([table, free, now, calm])

    assert all(wording.remark(note, lang) for note in made["note"])
    assert all(wording.text(f"method.{method}", lang) for method in made["method"])
    assert all(wording.label(measure, lang) for measure in made["measure"])


@pytest.mark.slow
def test_four_streams_together_keep_the_rate_of_the_family():
    """4,000 county-years at a true 107, every stream looked at monthly: any false alarm in at most 5 % of years."""
    rng, years = np.random.default_rng(20180630), 4_000
    alarm = np.zeros(years, dtype=bool)
    parts = [np.diff(np.round(np.arange(13) * n / 12)).astype(int) for n in (4_000, 5_200, 800)]
    boys = [np.cumsum(rng.binomial(part, NULL, size=(years, 12)), axis=1) for part in parts]
    births = [np.cumsum(part) for part in parts]
    for some, total in [*zip(boys, births, strict=True), (sum(boys), sum(births))]:
        bounds, _ = size(total, total[-1], 0.0125)
        alarm |= (some >= bounds).any(axis=1)

    assert alarm.mean() <= 0.05 + 1.96 * np.sqrt(0.05 * 0.95 / years)


def test_births_without_a_known_sex_are_not_called_quiet():
    blind = watch(births_of().assign(sex="unknown"))
    now = monitoring.watched(blind, period="2018H1", county="renqiu")

    assert {"note.srb.look.none"} == {results.read_note(note)[0] for note in blind["note"]}
    assert "nothing to watch" in wording.remark(results.pick(now, measure="srb_watch")["note"].iloc[0], "en")


def test_unplanned_looks_tell_what_an_e_value_is_worth_among_the_streams():
    births = births_of(share=0.60, monthly=900)
    free = monitoring.anytime(births, months=MONTHS, period="2018", county="renqiu", planned=10_800)
    notes = [results.read_note(note)[1] for note in free["note"]]

    np.testing.assert_allclose(
        stats.adjust_e([n["e"] for n in notes]), [n["among"] for n in notes], rtol=1e-6, atol=1e-9
    )
    assert notes[0]["among"] < 0.05

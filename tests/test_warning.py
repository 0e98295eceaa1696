import numpy as np
import pandas as pd
import pytest

from fpanalysis import nowcast, results, warning, wording

MONTHS = pd.period_range("2014-01", periods=54, freq="M")
HALF = MONTHS[-6:]
DELAY = np.array([0.65, 0.23, 0.09, 0.03])
SEASON = 0.06 * np.sin(2 * np.pi * np.arange(12) / 12)


def births_of(seed: int, *, fall=1.0, months=(), town_fall=1.0, slope=0.0, towns=4, mean=833.0) -> pd.DataFrame:
    """A county of `towns` equal townships; its last months 65, 88, 97 % registered. `fall` on `months` from the end."""
    rng, rows = np.random.default_rng(seed), []
    for n, month in enumerate(MONTHS):
        rate = mean * np.exp(SEASON[month.month - 1] + slope * max(n - 30, 0)) * month.days_in_month / 30.44
        rate *= fall if len(MONTHS) - n in months else 1.0
        for delay, share in enumerate(DELAY):
            if month + delay <= MONTHS[-1]:
                for town in range(towns):
                    shrunk = town_fall if town == 0 and month in HALF else 1.0
                    count = rng.poisson(rate * share * shrunk / towns)
                    rows.append((f"镇{town}", month, month + delay, 1, "male", count))
    return pd.DataFrame(rows, columns=["place", "occurred", "registered", "order", "sex", "count"])


def alarms_of(births: pd.DataFrame, townships=False, **kwargs) -> pd.DataFrame:
    monthly = nowcast.completed(births, at=MONTHS[-1], county="renqiu", townships=townships)
    rng = np.random.default_rng(1)
    return warning.alarms(monthly, county="renqiu", months=HALF, period="2018H1", rng=rng, **kwargs)


def key_of(row) -> str:
    return results.read_note(row.note)[0]


def test_a_raw_fall_that_is_only_late_registration_raises_nothing():
    births = births_of(1)
    raw = births[births["occurred"] == MONTHS[-1]]["count"].sum()

    assert raw < 0.75 * 833
    assert 0 == len(warning.raised(alarms_of(births, townships=True)))


@pytest.mark.parametrize("factor, side", [(0.75, "fall"), (1.25, "rise")])
def test_a_change_of_a_quarter_is_found_and_named(factor, side):
    found = warning.raised(alarms_of(births_of(2, fall=factor, months=(2,))))
    row = results.pick(found, measure="alarm/month", period=str(MONTHS[-2])).iloc[0]

    assert key_of(row) in (f"note.alarm.{side}", f"note.alarm.{side}_strong")
    assert row["value"] == pytest.approx(factor - 1, abs=0.1)


def test_a_township_is_judged_once_over_the_period():
    rows = alarms_of(births_of(3, town_fall=0.5), townships=True)
    found = warning.raised(results.pick(rows, measure="alarm/township"))

    assert 4 == len(results.pick(rows, measure="alarm/township"))
    assert ["镇0"] == list(found["place"])
    assert "note.alarm.fall_strong" == key_of(found.iloc[0])


def test_a_slow_drift_is_found_that_no_month_shows():
    rows = alarms_of(births_of(4, slope=-0.02, mean=3000.0))
    row = results.pick(rows, measure="alarm/drift").iloc[0]

    assert "note.alarm.drift_down" == key_of(row)
    assert row["value"] < 0


def test_the_budget_is_stated_with_the_number_of_tests():
    rows = alarms_of(births_of(1), townships=True, budget=0.1)
    row = results.pick(rows, measure="alarm_budget").iloc[0]

    assert (0.1, 6 + 4 + 1) == (row["value"], row["count"])
    assert 1 == pytest.approx(sum(warning.PARTS.values()))


def test_what_has_no_tests_leaves_its_share_to_the_rest():
    rows = alarms_of(births_of(1))
    told = results.read_note(results.pick(rows, measure="alarm_budget").iloc[0]["note"])[1]
    months = results.pick(rows, measure="alarm/month")
    alpha = results.read_note(months.iloc[0]["note"])[1]["alpha"]

    assert (0, 1) == (told["township"], pytest.approx(told["month"] + told["drift"]))
    assert alpha == pytest.approx(0.05 * told["month"] / 6)


def test_a_township_with_a_month_missing_is_not_judged():
    births = births_of(3)
    births = births[~((births["place"] == "镇0") & (births["occurred"] == HALF[2]))]
    monthly = nowcast.completed(births, at=MONTHS[-1], county="renqiu", townships=True)
    monthly = monthly[~((monthly["place"] == "镇0") & (monthly["month"] == HALF[2]))]
    rows = warning.alarms(monthly, county="renqiu", months=HALF, period="2018H1", rng=np.random.default_rng(1))

    assert ["镇1", "镇2", "镇3"] == list(results.pick(rows, measure="alarm/township")["place"])


def test_p_is_uniform_where_nothing_happens():
    """Months of 20 counties: 120 values of p, of which Kolmogorov's 1 % bound allows 1.63 / sqrt(120)."""
    p = np.sort(np.concatenate([results.pick(alarms_of(births_of(s)), measure="alarm/month")["p"] for s in range(20)]))

    assert np.abs(p - (np.arange(120) + 0.5) / 120).max() < 1.63 / np.sqrt(120)


def test_the_same_seed_gives_the_same_rows_and_the_input_is_unchanged():
    births = births_of(1)
    monthly = nowcast.completed(births, at=MONTHS[-1], county="renqiu", townships=True)
    before = monthly.copy()

    pd.testing.assert_frame_equal(*(alarms_of(births, townships=True) for _ in range(2)))
    pd.testing.assert_frame_equal(before, monthly)


def test_too_short_a_history_raises_no_alarm_and_states_no_budget():
    births = births_of(1)

    assert 0 == len(alarms_of(births[births["occurred"] > MONTHS[-10]]))


def test_what_became_of_earlier_alarms():
    earlier = alarms_of(births_of(2, fall=0.7, months=(2,)))
    again = warning.followed(earlier, alarms_of(births_of(2, fall=0.7, months=(2,))))
    corrected = warning.followed(earlier, alarms_of(births_of(2)))
    later = warning.followed(earlier, alarms_of(births_of(2)).iloc[:0])

    for table, state in ((again, "stands"), (corrected, "withdrawn"), (later, "not_judged")):
        row = results.pick(table, measure="alarm_before/month", period=str(MONTHS[-2])).iloc[0]

        assert f"note.alarm.{state}" == key_of(row)


def test_without_earlier_alarms_nothing_became_of_them():
    assert 0 == len(warning.followed(alarms_of(births_of(1)), alarms_of(births_of(1))))


def test_cusum_worked_by_hand():
    upper, lower = warning._cusum(np.array([[1.0, 0.25, -2.0, -1.0]]))[:, 0]

    np.testing.assert_allclose(upper, [0.75, 0.75, 0.0, 0.0])
    np.testing.assert_allclose(lower, [0.0, 0.0, 1.75, 2.5])


@pytest.mark.parametrize("lang", wording.LANGS)
def test_every_note_and_method_has_words(lang):
    earlier = alarms_of(births_of(2, fall=0.7, months=(2,)), townships=True)
    tables = [
        earlier,
        alarms_of(births_of(4, slope=-0.02, mean=3000.0)),
        warning.followed(earlier, alarms_of(births_of(2))),
        warning.followed(earlier, earlier),
        warning.followed(earlier, earlier.iloc[:0]),
    ]
    table = results.combine(tables)

    assert all(wording.text(f"method.{method}", lang) for method in table["method"])
    assert all(wording.remark(note, lang) for note in table["note"] if note)
    assert all(wording.label(measure, lang, {}) for measure in table["measure"])


@pytest.mark.slow
def test_false_alarms_of_whole_reports_keep_the_budget():
    """500 counties in which nothing happens; the share of reports with any alarm, within simulation error of 5 %.

    Two minutes of CPU.
    """
    found = [len(warning.raised(alarms_of(births_of(seed), townships=True))) > 0 for seed in range(500)]

    assert np.mean(found) == pytest.approx(0.05, abs=1.96 * np.sqrt(0.05 * 0.95 / 500))


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.75, 1.25])
def test_nine_of_ten_changes_of_a_quarter_are_found_in_the_month_or_the_next(factor):
    months = set(MONTHS[-2:].astype(str))
    raised = [
        warning.raised(alarms_of(births_of(seed, fall=factor, months=(2, 1)), townships=True)) for seed in range(100)
    ]
    found = [bool(months & set(results.pick(rows, measure="alarm/month")["period"])) for rows in raised]

    assert np.mean(found) >= 0.9

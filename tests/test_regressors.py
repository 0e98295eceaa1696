import numpy as np
import pandas as pd
import pytest

from fpanalysis import forecast, regressors, results, wording

MONTHS = pd.period_range("2013-07", periods=84, freq="M")
KNOWN = MONTHS[:60]
EVENTS = pd.DataFrame(
    [
        ("two_child_policy", "2016-10-01", None),
        ("avoided_year", "2015-02-19", "2016-02-07"),
        ("closure", "2017-03-01", "2017-04-30"),
    ],
    columns=["name", "first", "last"],
).astype({"first": "datetime64[ns]", "last": "datetime64[ns]"})
VALUES = regressors.from_events(EVENTS, MONTHS)


def births_of(seed: int, effect=0.0, name="closure", mean=900.0, months=KNOWN) -> pd.DataFrame:
    """Births with a season and a wandering level; `effect` on their logarithm while `name` holds."""
    rng = np.random.default_rng(seed)
    logs = 0.06 * np.sin(2 * np.pi * np.arange(84) / 12) + np.cumsum(0.006 * rng.standard_normal(84))
    births = rng.poisson(mean * np.exp(logs + effect * VALUES[name]) * MONTHS.days_in_month / 30.44)
    return pd.DataFrame({"place": "c", "month": months, "births": births[: len(months)]})


def used(monthly: pd.DataFrame, values: pd.DataFrame = VALUES) -> list[str]:
    table = forecast.helpful(monthly, values, county="c", period="2018H1", until=KNOWN[-1])
    keys = [results.read_note(note)[0] for note in table["note"]]
    return [m.split("/")[1] for m, key in zip(table["measure"], keys, strict=True) if key == "note.regressor.used"]


def test_a_span_counts_by_the_share_of_a_months_days():
    """19 to 28 February 2015 are 10 of 28 days; the first seven days of February 2016 are 7 of 29."""
    year = VALUES["avoided_year"]

    assert [10 / 28, 1.0, 7 / 29, 0.0] == [
        year[pd.Period(m, "M")] for m in ("2015-02", "2015-03", "2016-02", "2016-03")
    ]
    assert VALUES["two_child_policy"].tolist() == [float(m >= pd.Period("2016-10", "M")) for m in MONTHS]


@pytest.mark.parametrize(
    "name, effect", [("two_child_policy", 0.15), ("avoided_year", -0.15), ("closure", -0.25)]
)  # fmt: skip
def test_a_planted_effect_is_found(name, effect):
    found = [used(births_of(seed, effect, name)) for seed in range(6)]

    assert sum(name in one for one in found) >= 5


def test_what_moves_nothing_is_dropped():
    assert [] == [name for seed in range(8) for name in used(births_of(seed))]


def test_a_regressor_that_is_dropped_changes_no_forecast():
    monthly = births_of(1)
    tables = [
        forecast.forecast(monthly, horizon=12, rng=np.random.default_rng(1), regressors=values)
        for values in (None, VALUES, VALUES[[]])
    ]

    pd.testing.assert_frame_equal(tables[0], tables[1])
    pd.testing.assert_frame_equal(tables[0], tables[2])


def test_what_moved_births_once_is_foretold_when_it_comes_again():
    """An effect of -20 % was seen for two months; the same comes again in the months ahead, somewhat shrunken."""
    again = VALUES.assign(closure=np.where(MONTHS >= "2018-10", 1.0, VALUES["closure"]))
    monthly = births_of(3, -0.22)
    plain, told = (
        results.pick(
            forecast.forecast(monthly, horizon=12, rng=np.random.default_rng(1), regressors=values), method="gp-80"
        )
        for values in (None, again)
    )
    change = told["value"].to_numpy() / plain["value"].to_numpy() - 1

    assert np.abs(change[:3]).max() < 0.05
    assert change[3:].mean() == pytest.approx(np.expm1(-0.22), abs=0.08)


def test_a_regressor_is_chosen_by_the_months_before_the_forecast_alone():
    """The closure of 2017 cannot help to foretell the end of 2016."""
    monthly = births_of(2, -0.3)
    window = pd.period_range("2016-07", "2016-12", freq="M")
    tables = [
        forecast.expected(monthly, months=window, period="2016H2", rng=np.random.default_rng(1), regressors=values)
        for values in (None, VALUES)
    ]

    pd.testing.assert_frame_equal(*tables)


def registered(by: dict[str, list[int]]) -> pd.DataFrame:
    rows = [(month, service, n) for service, counts in by.items() for month, n in zip(KNOWN, counts, strict=True)]
    return pd.DataFrame(rows, columns=["month", "service", "count"])


def test_registrations_lead_by_half_a_year():
    """Counts of 100, doubled in the last 30 months: three-month means, six months later, less the mean of the logs."""
    found = regressors.from_registrations(registered({"first": [100] * 30 + [200] * 30, "other": [9] * 60}), MONTHS)
    series = found["registered_first"]

    assert ["registered_first"] == list(found.columns)
    assert series[KNOWN[40]] - series[KNOWN[20]] == pytest.approx(np.log(2))
    assert 0 == series[KNOWN[7]] == series[KNOWN[-1] + regressors.LEAD + 1]


def test_registrations_are_not_known_before_they_are_made():
    months, last = MONTHS, KNOWN[40]
    found = regressors.from_registrations(registered({"first": list(range(50, 110))}), months)
    known = regressors.aligned(found, months, last)[0]

    assert (known[months > last + regressors.LEAD] == 0).all()
    assert (known[months <= last + regressors.LEAD] == found["registered_first"][months <= last + 6]).all()


def test_registrations_that_lead_births_are_found():
    rng = np.random.default_rng(5)
    wave = 0.25 * np.sin(np.arange(66) / 7) + 0.1 * rng.standard_normal(66)
    counts = np.exp(pd.Series(wave).rolling(3, min_periods=1).mean().to_numpy()[:60])
    monthly = births_of(4)
    births = rng.poisson(900 * np.concatenate([np.ones(6), counts[:54]]))
    orders = registered({"first": (500 * np.exp(wave[:60])).round().astype(int).tolist()})
    values = regressors.from_registrations(orders, MONTHS)

    assert ["registered_first"] == used(monthly.assign(births=births), values)


def test_all_regressors_are_joined_and_constant_ones_left_out():
    late = pd.DataFrame({"name": ["liked_year"], "first": [pd.Timestamp("2032-01-01")], "last": [pd.NaT]})
    events = pd.concat([EVENTS, late], ignore_index=True)
    found = regressors.joined(events, registered({"first": [100] * 59 + [200]}), months=KNOWN, ahead=24)

    assert ["two_child_policy", "avoided_year", "closure", "registered_first"] == list(found.columns)
    assert (KNOWN[0], KNOWN[-1] + 24) == (found.index[0], found.index[-1])


def test_without_events_or_registrations_there_is_nothing_to_judge():
    found = regressors.joined(EVENTS.iloc[:0], registered({}), months=KNOWN)

    assert 0 == len(found.columns)
    assert 0 == len(forecast.helpful(births_of(1), found, county="c", period="2018H1", until=KNOWN[-1]))


def test_the_inputs_are_unchanged():
    monthly, values = births_of(1), VALUES.copy()
    before = monthly.copy()
    forecast.helpful(monthly, values, county="c", period="2018H1", until=KNOWN[-1])

    pd.testing.assert_frame_equal(before, monthly)
    pd.testing.assert_frame_equal(VALUES, values)


@pytest.mark.parametrize("lang", wording.LANGS)
@pytest.mark.parametrize("effect", [0.0, -0.3])
def test_every_note_has_words(effect, lang):
    table = forecast.helpful(births_of(1, effect), VALUES, county="c", period="2018H1", until=KNOWN[-1])

    assert all(wording.remark(note, lang) for note in table["note"])
    assert all(wording.label(measure, lang, {}) for measure in table["measure"])

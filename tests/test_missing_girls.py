import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import nbinom

from fpanalysis import missing_girls, results, wording

WHERE = {"period": "2018H1", "county": "renqiu"}
MONTHS = pd.period_range("2018-01", "2018-06", freq="M")
quick = settings(max_examples=25, deadline=None)


def ratio(boys, girls, verdict="high", measure="srb"):
    said = results.note(f"note.srb.{verdict}")
    return results.rows([{"place": "renqiu", "period": "2018H1", "measure": measure, "count": boys,
                          "total": boys + girls, "note": said}])  # fmt: skip


def missing(*args, **terms):
    return missing_girls.missing_girls(ratio(*args), **WHERE, **terms).iloc[0]


def births_of(rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["sex", "count", "occurred", "registered"])
    months = {name: pd.PeriodIndex(frame[name], freq="M") for name in ("occurred", "registered")}
    return frame.assign(place="甲镇", order=1, **months)


@quick
@given(st.integers(1, 5_000), st.integers(0, 5_000))
def test_boys_over_the_reference_less_the_girls_lie_in_the_interval(boys, girls):
    row = missing(boys, girls)
    expected = boys / 1.063 - girls

    assert row["lower"] - 1 <= expected <= row["upper"] + 1
    assert row["lower"] <= row["value"] <= row["upper"]


def test_with_a_certain_reference_it_is_the_negative_binomial():
    row = missing(2_800, 2_200, "high", "srb")
    fixed = missing_girls.missing_girls(ratio(2_800, 2_200), **WHERE, uncertain=(106.3, 106.3)).iloc[0]
    ends = nbinom.ppf([0.025, 0.5, 0.975], 2_800, 1.063 / 2.063) - 2_200

    np.testing.assert_allclose(ends, fixed[["lower", "value", "upper"]].to_numpy(float), atol=1)
    assert row["upper"] - row["lower"] > fixed["upper"] - fixed["lower"]


def test_at_5000_births_the_interval_is_about_135_either_way():
    """METHODS section 3: +-135 at 5,000 births."""
    fixed = missing_girls.missing_girls(ratio(2_577, 2_424), **WHERE, uncertain=(106.3, 106.3)).iloc[0]

    assert 2 * 135 == pytest.approx(fixed["upper"] - fixed["lower"], abs=6)


def test_the_interval_covers_when_the_reference_is_uncertain():
    """METHODS: at 100,000 births a fixed reference covers 90 %, an uncertain one 95 %."""
    rng = np.random.default_rng(6)
    reference = 1.063 * np.exp(rng.normal(0, np.log(1.072 / 1.054) / 3.92, 4_000))
    girls = rng.binomial(100_000, 1 / (1 + reference))
    held = {}
    for name, uncertain in (("fixed", (106.3, 106.3)), ("uncertain", (105.4, 107.2))):
        boys = np.arange(51_000, 52_000, 50)
        ends = [missing_girls._girls(b, 106.3, uncertain, (0.025, 0.975)) for b in boys]
        low, high = (np.interp(100_000 - girls, boys, [end[side] for end in ends]) for side in (0, 1))
        held[name] = ((low <= girls) & (girls <= high)).mean()

    assert held["fixed"] < 0.93
    assert 0.94 < held["uncertain"] < 0.97


def test_only_high_ratios_are_told():
    rows = results.combine([ratio(2_600, 2_400, "within"), ratio(900, 700, "high", "srb/order2")])
    found = missing_girls.missing_girls(rows, **WHERE)

    assert ["srb_missing/order2"] == list(found["measure"])


def test_a_large_number_of_births_is_no_obstacle():
    row = missing(520_000_000, 480_000_000)

    assert 520e6 / 1.063 - 480e6 == pytest.approx(row["value"], rel=1e-3)


def test_bases_that_agree_and_bases_that_do_not():
    same = [("male", 530, "2018-02", "2018-02"), ("female", 500, "2018-02", "2018-02")]
    calm = [("male", 53, "2017-06", "2018-03"), ("female", 50, "2017-06", "2018-03")]
    girls = [("male", 30, "2017-06", "2018-03"), ("female", 90, "2017-06", "2018-03")]
    keys = []
    for late in (calm, girls, []):
        found = missing_girls.bases(births_of(same + late), months=MONTHS, **WHERE)
        keys.append(results.read_note(results.pick(found, measure="srb_late")["note"].iloc[0])[0])

    assert ["note.srb.bases.agree", "note.srb.bases.differ", "note.srb.bases.none"] == keys


def test_each_basis_counts_its_own_births():
    rows = [("male", 10, "2018-02", "2018-08"), ("male", 5, "2018-02", "2018-02"), ("female", 7, "2017-11", "2018-01")]
    found = missing_girls.bases(births_of(rows), months=MONTHS, **WHERE)

    assert (15, 12) == (
        results.value(found, "total", measure="srb_basis/occurred"),
        results.value(found, "total", measure="srb_basis/registered"),
    )


@pytest.mark.parametrize("lang", wording.LANGS)
def test_everything_has_words(lang):
    rows = [("male", 530, "2018-02", "2018-02"), ("female", 500, "2018-02", "2018-02"), ("female", 80, "2017-06", "2018-03")]  # fmt: skip
    some = [missing_girls.bases(births_of(rows[:n]), months=MONTHS, **WHERE) for n in (1, 2, 3)]
    made = results.combine([*some, missing_girls.missing_girls(ratio(2_800, 2_200), **WHERE)])

    assert all(wording.remark(note, lang) for note in made["note"] if note)
    assert all(wording.text(f"method.{method}", lang) for method in made["method"])
    assert all(wording.label(measure, lang) for measure in made["measure"])


def test_bases_without_a_known_sex_say_so():
    births = births_of([("unknown", 90, "2018-01", "2018-01"), ("unknown", 80, "2017-12", "2018-02")])
    found = missing_girls.bases(births, months=MONTHS, **WHERE)

    assert found.iloc[:2][["count", "total", "value"]].isna().all(axis=None)
    assert "note.srb.bases.unknown" == results.read_note(found["note"].iloc[-1])[0]

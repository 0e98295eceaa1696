"""Planted mixes come back class by class with nothing left over, whatever the order, also without the short way."""

import pandas as pd
import pytest
from planted import AS_OF, CASES, MONEY, MONTHS, as_payments, as_roll, by_class, mix, pay_row, rates, roll_row

from fpanalysis import formulation, reconcile
from fpanalysis.reconcile import CLASSES, classify

TERMS = {"months": MONTHS, "rates": rates(), "as_of": AS_OF}


def found_and_true(seed: int):
    roll, payments, truth = mix(seed)
    return by_class(classify(roll, payments, **TERMS)), truth


@pytest.mark.parametrize("seed", range(12))
def test_a_planted_mix_is_recovered(seed):
    found, truth = found_and_true(seed)

    assert truth == found


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 200, 20))
def test_two_hundred_mixes_are_recovered_in_any_order_and_the_controls_are_kept(start):
    for seed in range(start, start + 20):
        roll, payments, truth = mix(seed)
        found = classify(roll, payments, **TERMS)
        again = classify(roll.sample(frac=1, random_state=seed), payments.sample(frac=1, random_state=seed), **TERMS)

        assert truth == by_class(found) == by_class(again)
        assert not found[found["person"] != ""].dropna(subset="person").duplicated(["programme", "person"]).any()
        assert int(payments.loc[payments["status"] == "paid", "amount"].sum()) == int(found["paid"].sum())


def test_every_class_but_the_corrected_one_is_planted():
    assert set(CLASSES) - {"matched_after_correction"} == {case.strip() for case in CASES}
    assert CASES.keys() == MONEY.keys()


def test_the_short_way_of_sound_rows_changes_nothing(monkeypatch):
    roll, payments, _ = mix(3, most=9)
    quick = classify(roll, payments, **TERMS)
    long = formulation.STEPS.replace("found <> CASE bits {founds} ELSE -1 END", "1 = 1").replace(
        "ON y.bits", "ON 1 = 0 AND y.bits"
    )
    assert "1 = 1" in long and "1 = 0" in long
    monkeypatch.setattr(formulation, "STEPS", long)

    assert quick.equals(classify(roll, payments, **TERMS))


def test_rows_without_a_person_are_never_a_sound_person_together():
    found = by_class(classify(as_roll([roll_row(None)]), as_payments([pay_row(None)]), **TERMS))

    assert {"no_key": [2, 0, 96000]} == found


ONCE = {"programme": "retirement_award", "effective": pd.Timestamp("2001-01-01"), "amount": 300000, "unit": "once", "pays": (),
        "grace_days": 60, "eligible": "", "excludes": ()}  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "amounts", "start"),
    [
        ({"matched": [1, 300000, 300000]}, [300000], "2018-06-02"),
        ({"not_on_roll": [1, 0, 2]}, [1, 1], None),  # two wrong payments are not a sound one
        ({"wrong_amount": [1, 300000, 2]}, [2], "2018-06-02"),
        ({"before_start": [1, 0, 300000]}, [300000], "2018-07-02"),
        ({"paid_twice": [1, 300000, 600000]}, [300000, 300000], "2018-06-02"),
    ],
)
def test_a_rate_paid_once_has_a_short_way_of_its_own(expected, amounts, start):
    terms = TERMS | {"rates": pd.concat([rates(), pd.DataFrame([ONCE])], ignore_index=True)}
    on_roll = [roll_row("p", "retirement_award", start)] if start else []
    paid = [pay_row("p", fen=fen, programme="retirement_award") for fen in amounts]

    assert expected == by_class(classify(as_roll(on_roll), as_payments(paid), **terms))


def test_the_text_knows_whole_numbers_only():
    text, _ = reconcile.formulated(rates(), MONTHS, AS_OF)

    assert "'" not in text
    assert "SUM(" not in text.replace("CAST(SUM(", "").replace("SUM(m.", "").replace(
        "SUM(CASE WHEN reached", ""
    ).replace("ELSE SUM(CASE", "")


def test_a_programme_without_a_day_that_counts_asks_nothing_of_a_row():
    assert formulation._throughout("{ymd} - {birth} >= 600000", []) == ""
    assert formulation._throughout("{ymd} - {birth} >= 600000", [20180131, 20180630]) == "20180131 - {birth} >= 600000"

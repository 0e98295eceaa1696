"""Planted mixes come back class by class with nothing left over, whatever the order, also without the short way."""

import pytest
from planted import AS_OF, CASES, MONEY, MONTHS, by_class, mix, rates

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
    long = formulation.STEPS.replace("WHERE y.tokens <> t.tokens OR", "WHERE 1 = 1 OR").replace(
        "WHERE y.tokens = t.tokens AND", "WHERE 1 = 0 AND"
    )
    monkeypatch.setattr(formulation, "STEPS", long)

    assert quick.equals(classify(roll, payments, **TERMS))


def test_the_text_knows_whole_numbers_only():
    text, _ = reconcile.formulated(rates(), MONTHS, AS_OF)

    assert "'" not in text
    assert "SUM(" not in text.replace("CAST(SUM(", "").replace("SUM(m.", "").replace(
        "SUM(CASE WHEN reached", ""
    ).replace("ELSE SUM(CASE", "")

"""The planted cases of the benchmark come out as planted, class by class and to the fen; so do random mixes of them."""

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from fpanalysis.reconcile import CLASSES, classify


@pytest.fixture(scope="module")
def benchmark(root):
    """The benchmark as a module (it lies beside the package, not in it)."""
    sys.path.insert(0, str(root))
    try:
        from benchmarks import reconcile
    finally:
        sys.path.remove(str(root))
    return reconcile


def found(benchmark, made: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """What `classify` gives for planted cases, with the numbers of the truth for programme, place and person."""
    roll, payments = benchmark.tidy(made)
    persons = classify(roll, payments, months=benchmark.MONTHS, rates=benchmark.rates(), as_of=benchmark.AS_OF)
    numbers = {name: n for n, name in enumerate(benchmark.PROGRAMMES)}
    place = persons["place"].str[1:].astype("int64")
    person = [int(p) if isinstance(p, str) else 0 for p in persons["person"].astype(object)]
    return persons.assign(programme=persons["programme"].map(numbers), place=place, person=person)


def test_ten_thousand_cases_come_out_as_planted_person_by_person(benchmark):
    made = benchmark.cases(10_000)
    columns = ["programme", "person", "place", "class", "entitled", "paid"]
    sides = [
        frame[columns].sort_values(columns, ignore_index=True) for frame in (made["truth"], found(benchmark, made))
    ]

    assert_frame_equal(sides[1].astype("str"), sides[0].astype("str"))


def test_every_class_is_planted_and_recovered_with_nothing_left_over(benchmark):
    made = benchmark.cases(2_000, seed=1)
    truth, mine = benchmark.summed(made["truth"]), benchmark.summed(found(benchmark, made))

    assert set(truth["class"]) == set(CLASSES)
    assert_frame_equal(mine.astype(truth.dtypes), truth)
    good = made["payments"]["returned"] == 0
    assert mine["paid"].sum() == made["payments"].loc[good, "amount_fen"].sum()


MIXES = st.lists(st.integers(0, 5), min_size=len(CLASSES), max_size=len(CLASSES)).filter(any)


@settings(max_examples=8)
@given(MIXES, st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_any_mix_comes_out_as_planted(benchmark, mix, number, seed):
    mix = dict(zip(benchmark.MIX, np.array(mix) / sum(mix), strict=True))
    made = benchmark.cases(number, seed=seed, mix=mix)

    assert_frame_equal(
        benchmark.summed(found(benchmark, made)).astype("str"), benchmark.summed(made["truth"]).astype("str")
    )


@pytest.mark.slow
@settings(max_examples=200)
@given(MIXES, st.integers(1, 200), st.integers(0, 2**32 - 1))
def test_two_hundred_random_mixes_come_out_as_planted(benchmark, mix, number, seed):
    mix = dict(zip(benchmark.MIX, np.array(mix) / sum(mix), strict=True))
    made = benchmark.cases(number, seed=seed, mix=mix)

    assert_frame_equal(
        benchmark.summed(found(benchmark, made)).astype("str"), benchmark.summed(made["truth"]).astype("str")
    )


def test_the_order_of_rows_changes_nothing(benchmark):
    made = benchmark.cases(1_000, seed=3)
    turned = {name: frame.iloc[::-1].reset_index(drop=True) for name, frame in made.items()}

    assert_frame_equal(benchmark.summed(found(benchmark, turned)), benchmark.summed(found(benchmark, made)))


def test_the_same_seed_gives_the_same_rows_and_parts_have_persons_of_their_own(benchmark):
    one, again, other = benchmark.cases(500), benchmark.cases(500), benchmark.cases(500, part=1)

    for name in one:
        assert_frame_equal(again[name], one[name])
    assert not set(one["roll"]["person"].dropna()) & set(other["roll"]["person"].dropna())


def test_files_hold_the_planted_cases_and_our_reading_of_them_is_right(benchmark, tmp_path):
    benchmark.write(tmp_path, 3_000)
    result = benchmark.ours(tmp_path)

    assert benchmark.differing(result, tmp_path) == 0
    assert benchmark.differing(result.assign(paid=result["paid"] + (result.index == 0)), tmp_path) == 1
    assert benchmark.differing(result.iloc[1:], tmp_path) == 1


@pytest.mark.parametrize("limits", [{}, {"buckets": 3}])
def test_files_as_delivered_give_the_same_slips_and_old_numbers_and_all(benchmark, tmp_path, limits):
    benchmark.write(tmp_path, 3_000, seed=5)

    assert benchmark.differing(benchmark.ours_written(tmp_path, **limits), tmp_path) == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # pyspark's own
@pytest.mark.parametrize("engine", ["dask", "spark"])
def test_files_as_delivered_give_the_same_on_a_cluster(benchmark, tmp_path, engine):
    if engine == "spark":
        pytest.importorskip("pyspark.sql")
    benchmark.write(tmp_path, 3_000, seed=5)

    assert benchmark.differing(benchmark.ours_written(tmp_path, engine=engine), tmp_path) == 0


def test_a_method_that_cannot_run_says_why_and_the_table_names_it(benchmark, tmp_path):
    shown = benchmark.listed({"read": {"cpu_s": 0.5, "peak_gib": 1.0, "differing": None},
                              "ours": {"cpu_s": 1.5, "peak_gib": 1.25, "differing": 0}, "x": {"failed": "no module"}})  # fmt: skip

    assert "| ours | 1.50 | 3.0 |  | 1.25 | 0 |" in shown
    assert "| x | no module | | | | |" in shown

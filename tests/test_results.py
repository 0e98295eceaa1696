import numpy as np
import pandas as pd
import pytest

from fpanalysis import results
from fpanalysis.errors import FpError

ROW = {"place": "renqiu", "period": "2018H1", "measure": "births", "count": 10, "method": "count"}


def test_a_row_without_value_takes_its_count():
    assert results.rows([ROW])["value"].tolist() == [10.0]


def test_an_explicitly_missing_value_stays_missing():
    assert np.isnan(results.rows([{**ROW, "value": float("nan")}])["value"].iloc[0])


def test_an_empty_table_has_all_columns():
    assert list(results.empty().columns) == list(results.COLUMNS)


def test_an_unknown_column_is_refused_with_the_nearest_name():
    with pytest.raises(FpError, match="'valeu' does not exist; did you mean 'value'"):
        results.rows([{**ROW, "valeu": 1}])


def test_a_row_needs_a_place():
    with pytest.raises(FpError, match="needs a place"):
        results.rows([{**ROW, "place": ""}])


def test_written_and_read_back_is_the_same(tmp_path):
    table = results.rows(
        [{**ROW, "value": 1 / 3, "note": results.note("x", n=1, name="鄚州镇")}, {**ROW, "place": "鄚州镇"}]
    )
    results.write(table, tmp_path / "t.csv")

    pd.testing.assert_frame_equal(results.read(tmp_path / "t.csv"), table)


def test_pick_takes_one_several_or_all_below():
    table = results.rows([{**ROW, "measure": m} for m in ("births", "births/order1", "births/order2", "srb")])

    assert len(results.pick(table, measure="births")) == 1
    assert len(results.pick(table, measure=["births", "srb"])) == 2
    assert len(results.pick(table, measure="births/*")) == 2


def test_value_of_nothing_is_nan_and_of_several_an_error():
    table = results.rows([ROW, ROW])

    assert np.isnan(results.value(table, measure="srb"))
    with pytest.raises(FpError, match="2 result rows match"):
        results.value(table, measure="births")


def test_a_note_reads_back():
    assert results.read_note(results.note("late", n=3)) == ("late", {"n": 3})


def test_facts_are_the_rows_of_one_place_and_period():
    table = results.rows([ROW, {**ROW, "place": "鄚州镇", "count": 3}])

    assert results.facts(table, place="renqiu", period="2018H1")["births"].value == 10


def test_rows_as_dicts_are_those_of_pandas():
    row = {"place": "a", "period": "2018", "measure": "births"}
    table = results.rows([{**row, "count": 3, "note": "n"}, {**row, "measure": "srb", "value": 1.5, "lower": 1}])

    assert repr(table.to_dict("records")) == repr(results.by_row(table))
    assert results.by_row(results.empty()) == []

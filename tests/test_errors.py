import pytest

from fpanalysis.errors import DataError, Fault, FpError, NotebookError, ParamsError, PublishError, did_you_mean


def test_nearest_name_is_offered():
    assert did_you_mean("renqui", ["renqiu", "demo"]) == "; did you mean 'renqiu'?"


def test_all_names_are_listed_when_none_is_near():
    assert did_you_mean("xyz", ["renqiu", "demo"]) == "; known: demo, renqiu"


def test_fault_names_file_row_column_value_expectation_and_fix():
    fault = Fault("2018-07-06/births.csv", 7, "人数", "x", "a whole number", "remove words")

    assert str(fault) == "2018-07-06/births.csv, row 7, column 人数: found 'x', expected a whole number (remove words)"


def test_all_faults_are_told_at_once():
    error = DataError([Fault("b.csv", 3, "", "", "y"), Fault("a.csv", 2, "", "", "x")])

    assert str(error).splitlines() == [
        "2 faults in 2 files:",
        "  a.csv, row 2: expected x",
        "  b.csv, row 3: expected y",
    ]


def test_a_flood_of_faults_is_cut_but_counted():
    error = DataError([Fault("a.csv", n, "", "", "x") for n in range(1, 100)])

    assert str(error).endswith("... and 49 more of the same files")


@pytest.mark.parametrize(("kind", "code"), [(ParamsError, 2), (DataError, 2), (NotebookError, 1), (PublishError, 1)])
def test_wrong_input_ends_with_2_and_a_failed_run_with_1(kind, code):
    assert issubclass(kind, FpError)
    assert kind.exit_code == code

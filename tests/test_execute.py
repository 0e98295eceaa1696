from pathlib import Path

import nbformat
import pytest

from fpanalysis.errors import NotebookError, ParamsError
from fpanalysis.execute import declared_parameters, run_notebook


@pytest.fixture
def notebook(tmp_path):
    """A function that writes a notebook of code cells, the first one tagged parameters."""

    def write(*sources: str) -> Path:
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        cells[0].metadata["tags"] = ["parameters"]
        path = tmp_path / "x.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        return path

    return write


def test_declared_parameters_are_those_of_the_tagged_cell(notebook):
    assert declared_parameters(notebook('place = "a"\nperiod = "b"', "other = 1")) == ("place", "period")


def test_a_notebook_without_parameters_cell_is_refused(tmp_path):
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "x.ipynb")

    with pytest.raises(ParamsError, match="no cell tagged 'parameters'"):
        declared_parameters(tmp_path / "x.ipynb")


def test_a_misspelt_parameter_is_refused_before_the_start(notebook, tmp_path):
    with pytest.raises(ParamsError, match="has no parameter 'plce'; did you mean 'place'"):
        run_notebook(notebook('place = "a"'), tmp_path / "out.ipynb", {"plce": "b"})

    assert not (tmp_path / "out.ipynb").exists()


def test_parameters_arrive_and_the_executed_copy_is_kept(notebook, tmp_path):
    run_notebook(notebook('place = "a"', "place"), tmp_path / "out.ipynb", {"place": "b"})
    done = nbformat.read(tmp_path / "out.ipynb", as_version=4)

    assert done.cells[-1].outputs[0]["data"]["text/plain"] == "'b'"


def test_two_runs_give_the_same_bytes(notebook, tmp_path):
    source = notebook('place = "a"', "place")
    for name in ("a.ipynb", "b.ipynb"):
        run_notebook(source, tmp_path / name, {"place": "b"})

    assert (tmp_path / "a.ipynb").read_bytes() == (tmp_path / "b.ipynb").read_bytes()


def test_a_failing_cell_is_named_with_its_cause(notebook, tmp_path):
    with pytest.raises(NotebookError, match="notebook x.ipynb, cell 2: ZeroDivisionError: division by zero"):
        run_notebook(notebook('place = "a"', "1 / 0"), tmp_path / "out.ipynb", {})


def test_a_killed_kernel_is_not_taken_for_a_success(notebook, tmp_path):
    with pytest.raises(NotebookError, match="kernel died"):
        run_notebook(notebook('place = "a"', "import os; os.kill(os.getpid(), 9)", "1"), tmp_path / "out.ipynb", {})

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from fpanalysis import kernels
from fpanalysis.errors import NotebookError, ParamsError
from fpanalysis.execute import KEPT, declared_parameters, keep_failed, run_notebook

KINDS = ["warm", "cold"] if kernels.is_wanted() else ["cold"]


@pytest.fixture(params=KINDS)
def kind(request, monkeypatch):
    """Forked kernels, ordinary kernels."""
    monkeypatch.setenv("FPANALYSIS_KERNELS", request.param)
    return request.param


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


def test_a_killed_kernel_is_not_taken_for_a_success(notebook, tmp_path, kind):
    source = notebook('place = "a"', "import os; os.kill(os.getpid(), 9)", "1")
    with pytest.raises(NotebookError, match=r"notebook x.ipynb, cell 2: the kernel was killed \(signal 9\)") as error:
        run_notebook(source, tmp_path / "out.ipynb", {"place": "b"})

    assert (error.value.status, error.value.cell) == ("killed", 2)


def test_a_cell_that_takes_too_long_is_stopped(notebook, tmp_path, kind):
    source = notebook('place = "a"', "import time; time.sleep(60)")
    with pytest.raises(NotebookError, match="cell 2: the cell took longer than 1 seconds and was stopped") as error:
        run_notebook(source, tmp_path / "out.ipynb", {}, cell_timeout=1)

    assert (error.value.status, error.value.cell) == ("timed out", 2)


def test_the_kernel_runs_in_the_folder_of_the_notebook_and_this_process_stays(notebook, tmp_path, kind):
    here = Path.cwd()
    run_notebook(notebook('place = "a"', "import os; os.getcwd()"), tmp_path / "out" / "out.ipynb", {})
    done = nbformat.read(tmp_path / "out" / "out.ipynb", as_version=4)

    assert done.cells[-1].outputs[0]["data"]["text/plain"] == repr(str(tmp_path))
    assert Path.cwd() == here


def test_threads_run_notebooks_side_by_side_each_with_its_own_environment(notebook, tmp_path, kind):
    source = notebook('place = "a"', "import os; os.environ['FPANALYSIS_X']")

    def run(name: str) -> str:
        run_notebook(source, tmp_path / f"{name}.ipynb", {}, environment={"FPANALYSIS_X": name})
        done = nbformat.read(tmp_path / f"{name}.ipynb", as_version=4)
        return done.cells[-1].outputs[0]["data"]["text/plain"]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, ["one", "two"])) == ["'one'", "'two'"]
    assert "FPANALYSIS_X" not in os.environ


def test_a_kernel_that_never_starts_is_named(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("FPANALYSIS_KERNELS", "cold")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "ipykernel_launcher.py").write_text("raise SystemExit(4)", "utf-8")

    with pytest.raises(NotebookError, match="the kernel did not start"):
        run_notebook(notebook('place = "a"'), tmp_path / "out.ipynb", {})


def failed(folder: Path, notebook, *sources: str) -> NotebookError:
    """The error of a notebook that fails, kept."""
    with pytest.raises(NotebookError) as error:
        run_notebook(notebook('place = "a"', *sources), folder / "out.ipynb", {})
    return keep_failed(folder / "out.ipynb", folder / "failed", error.value)


def test_what_ran_before_a_failure_is_kept_and_named(notebook, tmp_path):
    error = failed(tmp_path, notebook, "'so far'", "1 / 0")
    kept = nbformat.read(tmp_path / "failed" / "1" / "out.ipynb", as_version=4)
    why = json.loads((tmp_path / "failed" / "1" / "failure.json").read_text("utf-8"))

    assert "so far" in str(kept.cells) and "ZeroDivisionError" in str(kept.cells)
    assert (why["notebook"], why["status"], why["cell"]) == ("out.ipynb", "failed", 3)
    assert str(error).endswith(f"what ran until then is kept in {tmp_path / 'failed' / '1' / 'out.ipynb'}")


def test_no_personal_number_is_kept_of_a_failure(notebook, tmp_path):
    number = "13068419880101234X"
    failed(tmp_path, notebook, f"{number[:-1]}, '{number}'", f"raise ValueError('{number}')")
    kept = json.loads((tmp_path / "failed" / "1" / "out.ipynb").read_text("utf-8"))
    outputs = json.dumps([cell.get("outputs") for cell in kept["cells"]])

    assert "ValueError" in outputs and number[:-1] not in outputs
    assert number not in (tmp_path / "failed" / "1" / "failure.json").read_text("utf-8")


def test_of_failed_runs_only_the_newest_stay(tmp_path):
    for _ in range(KEPT + 2):
        keep_failed(tmp_path / "never-written.ipynb", tmp_path / "failed", NotebookError("x"))

    assert {p.name for p in (tmp_path / "failed").iterdir()} == {str(n) for n in range(3, KEPT + 3)}

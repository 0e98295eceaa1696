"""How a notebook ended is recorded as it was: by the plain papermill engine, with forked and ordinary kernels."""

import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest

from fpanalysis import kernels
from fpanalysis.engine import KILLED, TIMED_OUT

KINDS = ["warm", "cold"] if kernels.is_wanted() else ["cold"]
KILL = "import os, signal; print('before', flush=True); os.kill(os.getpid(), signal.SIGKILL)"
NOISE = "import os, sys; os.write(1, b'noise'); print('{\"exit\": 0}'); print('aside', file=sys.stderr); os.write(2, b'!'); None"


@pytest.fixture(params=KINDS)
def kind(request, monkeypatch):
    """Forked kernels, ordinary kernels."""
    monkeypatch.setenv("FPANALYSIS_KERNELS", request.param)
    return request.param


def ended(
    folder: Path, *sources: str, **wishes: object
) -> tuple[nbformat.NotebookNode, papermill.PapermillExecutionError]:
    """The notebook that plain papermill leaves, without the marks it puts in, and the error it raises."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "in.ipynb")
    with pytest.raises(papermill.PapermillExecutionError) as error:
        papermill.execute_notebook(
            folder / "in.ipynb", folder / "out.ipynb", engine_name="fpanalysis", kernel_name="python3", language="python",
            progress_bar=False, **wishes)  # fmt: skip
    notebook = nbformat.read(folder / "out.ipynb", as_version=4)
    notebook.cells = [c for c in notebook.cells if c.cell_type == "code"]
    return notebook, error.value


def statuses(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.metadata.papermill.status for cell in notebook.cells]


def test_a_killed_kernel_is_recorded_in_its_cell(kind, tmp_path):
    notebook, error = ended(tmp_path, "1", KILL, "3")

    assert statuses(notebook) == ["completed", "failed", "pending"]
    assert (error.ename, error.cell_index) == (KILLED, 1)
    assert "the kernel was killed (signal 9); out of memory is the usual cause" in error.evalue
    assert notebook.metadata.papermill.exception is True


def test_a_kernel_that_ends_by_itself_is_recorded(kind, tmp_path):
    notebook, error = ended(tmp_path, "import os; os._exit(3)", "2")

    assert statuses(notebook) == ["failed", "pending"]
    assert "ended by itself with exit code 3" in error.evalue


def test_a_cell_that_takes_too_long_is_recorded(kind, tmp_path):
    notebook, error = ended(tmp_path, "1", "import time; time.sleep(60)", "3", execution_timeout=1)

    assert statuses(notebook) == ["completed", "failed", "pending"]
    assert (error.ename, error.cell_index) == (TIMED_OUT, 1)
    assert "took longer than 1 seconds and was stopped; allow more" in error.evalue


def test_an_exception_is_recorded_as_ever(kind, tmp_path):
    notebook, error = ended(tmp_path, "1", "1 / 0", "3")

    assert statuses(notebook) == ["completed", "failed", "pending"]
    assert error.ename == "ZeroDivisionError"


@pytest.mark.parametrize("clock", [True, False])
def test_a_failure_that_ipython_only_prints_is_one_also_in_the_last_cell(kind, tmp_path, clock):
    notebook, error = ended(tmp_path, "1", "%nosuchmagic", clock=clock)

    assert (error.ename, error.evalue, error.cell_index) == (
        "UsageError",
        "Line magic function `%nosuchmagic` not found.",
        1,
    )
    assert [output.output_type for output in notebook.cells[1].outputs] == ["stream", "error"]


def test_noise_goes_into_the_notebook_and_harms_nothing(kind, tmp_path):
    notebook, error = ended(tmp_path, NOISE, "1 / 0")

    assert statuses(notebook) == ["completed", "failed"]
    assert {output.name for output in notebook.cells[0].outputs} == {"stdout", "stderr"}
    assert '{"exit": 0}' in "".join(o.text for o in notebook.cells[0].outputs)
    assert error.ename == "ZeroDivisionError"


def test_the_collector_looks_less_often_and_nothing_of_that_is_seen(kind, tmp_path):
    code = "print(*__import__('gc').get_threshold(), 'gc' in globals())"
    notebook, _ = ended(tmp_path, code, "1 / 0")

    assert notebook.cells[0].outputs[0].text == "10000 10 10 False\n"
    assert [cell.execution_count for cell in notebook.cells] == [1, 2]


def test_what_passes_between_kernel_and_client_is_encrypted(kind, tmp_path):
    code = "import ipykernel.kernelapp as app; print(app.IPKernelApp.instance().curve_secretkey is not None)"
    notebook, _ = ended(tmp_path, code, "1 / 0")

    assert notebook.cells[0].outputs[0].text == "True\n"


@pytest.mark.slow
@pytest.mark.parametrize("first", ["papermill", "fpanalysis.engine", "fpanalysis.execute"])
def test_papermill_finds_the_engine_whatever_is_imported_first(first):
    code = f"import {first}; from papermill.engines import papermill_engines as e; print(e.get_engine('fpanalysis').__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stdout.strip() == "WarmEngine", done.stderr

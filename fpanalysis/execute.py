"""Run one notebook through papermill, and tell the truth about how it ended.

papermill 2.7.0 only warns about a misspelt parameter and finishes with the default, and records a notebook whose
kernel was killed as completed. So undeclared parameters are refused before the start, the engine (`engine`) records
what happened in the cell where it happened, and after the end every code cell must have run.

A notebook that fails is kept, for inspection, in a folder that is no release (`keep_failed`): as far as it ran, with
whatever looks like an identity number, an account or a telephone number struck out.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import NotebookError, ParamsError, did_you_mean

__all__ = ["CELL_TIMEOUT", "STATUSES", "WarmEngine", "declared_parameters", "keep_failed", "run_notebook"]

CELL_TIMEOUT = 1800
"""Seconds that a cell may take: a run that nobody watches must end."""
STATUSES = {"KernelDied": "killed", "CellTimeout": "timed out"}
"""How a notebook ended, by the name of the error in its last cell; any other error: `failed`."""
KEPT = 5
"""Failed runs of a period that are kept; older ones go."""
PERSONAL = re.compile(r"(?<![0-9A-Fa-f.])\d{11,19}[Xx]?(?![0-9A-Fa-f])")
"""Numbers as long as telephone, identity and account numbers; not parts of hashes or of decimal fractions."""


class WarmEngine:
    """The entry point `papermill.engine`: `papermill --engine fpanalysis`. All of it is in `engine`."""

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, **wishes: Any) -> Any:
        """Return the executed notebook, as papermill's engines do."""
        from .engine import HonestEngine

        return HonestEngine.execute_notebook(nb, kernel_name, **wishes)

    @classmethod
    def nb_kernel_name(cls, nb: Any, name: str | None = None) -> str:
        """Return the name of the kernel that a notebook asks for."""
        from papermill.utils import nb_kernel_name

        return nb_kernel_name(nb, name)

    @classmethod
    def nb_language(cls, nb: Any, language: str | None = None) -> str:
        """Return the language of a notebook."""
        from papermill.utils import nb_language

        return nb_language(nb, language)


def declared_parameters(notebook: Path) -> tuple[str, ...]:
    """Return the names assigned in the cell tagged `parameters`. Raises ParamsError when there is no such cell."""
    import ast

    written = json.loads(notebook.read_text("utf-8"))["cells"]
    cells = ["".join(c["source"]) for c in written if "parameters" in c["metadata"].get("tags", ())]
    if not cells:
        raise ParamsError(f"notebook {notebook.name} has no cell tagged 'parameters'")
    return tuple(node.targets[0].id for node in ast.parse(cells[0]).body if isinstance(node, ast.Assign))


def run_notebook(
    source: Path,
    target: Path,
    parameters: Mapping[str, str],
    *,
    cell_timeout: int | None = CELL_TIMEOUT,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Execute a notebook with parameters and write the executed copy to `target`.

    A cell may take `cell_timeout` seconds (None: for ever); `environment` is added to the kernel's.
    Raises ParamsError for a parameter that the notebook does not declare, NotebookError (naming notebook, cell, cause
    and remedy, and how it ended as `status`) when a cell fails, takes too long, or the kernel dies: `target` then holds
    what ran until then.
    """
    known = declared_parameters(source) if parameters else ()
    for name in parameters:
        if name not in known:
            raise ParamsError(f"notebook {source.name} has no parameter {name!r}{did_you_mean(name, known)}")
    import papermill

    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        wishes = {"execution_timeout": cell_timeout, "kernel_env": environment}
        done = _executed(source.resolve(), target.resolve(), parameters, **wishes)
    except papermill.PapermillExecutionError as error:
        number = error.cell_index + 1 - bool(parameters)  # papermill puts a cell of its own before the failing one
        status = STATUSES.get(error.ename, "failed")
        said = error.evalue if status != "failed" else f"{error.ename}: {error.evalue}"
        raise NotebookError(f"notebook {source.name}, cell {number}: {said}", status=status, cell=number) from None
    except RuntimeError as error:  # jupyter_client, when a kernel dies or is silent before its first cell
        raise NotebookError(f"notebook {source.name}: the kernel did not start: {error}", status="killed") from None
    finally:
        _close_loop()
    _check_completed(done, source.name)
    with target.open("a", encoding="utf-8", newline="\n") as written:
        written.write("\n")  # papermill ends the file without, unlike every other tool


def _executed(source: Path, target: Path, parameters: Mapping[str, str], **wishes: Any) -> Any:
    import papermill
    from papermill.engines import papermill_engines

    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    papermill_engines.register("fpanalysis", WarmEngine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return papermill.execute_notebook(
            str(source),
            str(target),
            dict(parameters),
            engine_name="fpanalysis",
            request_save_on_cell_execute=False,  # writing a long notebook twice a cell costs more than many a cell
            progress_bar=False,
            kernel_cwd=source.parent,
            kernel_name="python3",
            language="python",
            clock=False,
            **wishes,
        )


def _close_loop() -> None:
    """Close the event loop that jupyter_client has made for this thread; the main thread keeps its own."""
    from jupyter_core.utils import ensure_event_loop

    if threading.current_thread() is not threading.main_thread():
        ensure_event_loop().close()


def keep_failed(executed: Path, folder: Path, error: NotebookError) -> NotebookError:
    """Return the error, saying where the notebook is now kept: `folder`/<number>/, with `failure.json` beside it.

    Nothing longer than ten digits in its outputs is kept. Of the failed runs in `folder` only the newest stay.
    """
    import nbformat

    numbers = sorted(int(p.name) for p in folder.iterdir() if p.name.isdigit()) if folder.is_dir() else []
    kept = folder / str(numbers[-1] + 1 if numbers else 1)
    kept.mkdir(parents=True)
    for number in numbers[: max(0, len(numbers) + 1 - KEPT)]:
        shutil.rmtree(folder / str(number), ignore_errors=True)
    if executed.is_file():
        notebook = nbformat.read(executed, as_version=4)
        for cell in notebook.cells:
            if "outputs" in cell:
                cell.outputs = json.loads(PERSONAL.sub("#", json.dumps(cell.outputs)), object_hook=nbformat.from_dict)
        nbformat.write(notebook, kept / executed.name)
    why = {
        "notebook": executed.name,
        "status": error.status,
        "cell": error.cell,
        "error": PERSONAL.sub("#", str(error)),
    }
    (kept / "failure.json").write_text(json.dumps(why, indent=1, ensure_ascii=False) + "\n", "utf-8", newline="\n")
    where = kept / (executed.name if executed.is_file() else "failure.json")
    return NotebookError(f"{error}; what ran until then is kept in {where}", status=error.status, cell=error.cell)


def _check_completed(notebook: Any, name: str) -> None:
    """Raise NotebookError for the first code cell that never ran."""
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code" and cell.source.strip() and cell.execution_count is None:
            said = f"notebook {name}, cell {number}: never ran; the kernel died or was stopped before it"
            raise NotebookError(said, status="killed", cell=number)

"""Run one notebook through papermill, and tell the truth about how it ended.

papermill 2.7.0 only warns about a misspelt parameter and finishes with the default, and records a notebook whose
kernel was killed as completed. So undeclared parameters are refused before the start, and after the end every code
cell must have run.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import NotebookError, ParamsError, did_you_mean

__all__ = ["declared_parameters", "run_notebook"]

KERNEL = {
    "KernelManager": {"transport_encryption": "auto"},
    "NotebookClient": {"extra_arguments": ["--IPKernelApp.log_level=50"]},
}
"""How kernels are started: encrypted, and silent about being stopped (run from a notebook, that would stand in it)."""


def declared_parameters(notebook: Path) -> tuple[str, ...]:
    """Return the names assigned in the cell tagged `parameters`. Raises ParamsError when there is no such cell."""
    import ast

    import nbformat

    cells = [c for c in nbformat.read(notebook, as_version=4).cells if "parameters" in c.metadata.get("tags", ())]
    if not cells:
        raise ParamsError(f"notebook {notebook.name} has no cell tagged 'parameters'")
    return tuple(node.targets[0].id for node in ast.parse(cells[0].source).body if isinstance(node, ast.Assign))


def run_notebook(source: Path, target: Path, parameters: Mapping[str, str]) -> None:
    """Execute a notebook with parameters and write the executed copy to `target`.

    Raises ParamsError for a parameter that the notebook does not declare, NotebookError (naming notebook, cell and
    cause) when a cell fails or the kernel dies.
    """
    for name in parameters:
        known = declared_parameters(source)
        if name not in known:
            raise ParamsError(f"notebook {source.name} has no parameter {name!r}{did_you_mean(name, known)}")
    import papermill
    from nbclient.exceptions import DeadKernelError
    from traitlets.config import Config

    logging.getLogger("papermill").setLevel(logging.ERROR)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            done = papermill.execute_notebook(
                str(source),
                str(target),
                dict(parameters),
                progress_bar=False,
                cwd=str(source.parent),
                kernel_name="python3",
                language="python",
                config=Config(KERNEL),
            )
    except papermill.PapermillExecutionError as error:
        number = error.cell_index + 1 - bool(parameters)  # papermill puts a cell of its own before the failing one
        raise NotebookError(f"notebook {source.name}, cell {number}: {error.ename}: {error.evalue}") from None
    except DeadKernelError:
        raise NotebookError(f"notebook {source.name}: the kernel died (killed, or out of memory)") from None
    _check_completed(done, source.name)
    _write_without_clock(done, target)


def _check_completed(notebook: Any, name: str) -> None:
    """Raise NotebookError for the first code cell that never ran."""
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code" and cell.source.strip() and cell.execution_count is None:
            raise NotebookError(f"notebook {name}, cell {number}: never ran; the kernel died or was stopped before it")


def _write_without_clock(notebook: Any, target: Path) -> None:
    """Write the executed notebook without times, paths and random ids, so that equal runs give equal bytes."""
    import nbformat

    notebook.metadata.pop("papermill", None)
    for number, cell in enumerate(notebook.cells):
        for clock in ("papermill", "execution"):
            cell.metadata.pop(clock, None)
        if "injected-parameters" in cell.metadata.get("tags", ()):
            cell.id = f"injected-{number}"
    nbformat.write(notebook, target)

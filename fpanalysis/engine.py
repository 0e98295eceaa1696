"""The papermill engine of warm kernels and honest records: `papermill --engine fpanalysis in.ipynb out.ipynb`.

papermill 2.7.0 records every cell of a notebook whose kernel was killed, or whose cell took too long, as completed and
without an exception. Here the cell is recorded as failed, with an error output that says in one sentence what happened
and what can be done, the cells after it stay pending, and papermill then raises its usual PapermillExecutionError.

`execute.WarmEngine` is the entry point; it imports this module late, because papermill imports all its engines.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager
from papermill.log import logger
from traitlets.config import Config

from .kernels import WarmKernelManager

__all__ = ["KILLED", "TIMED_OUT", "HonestClient", "HonestEngine"]

KILLED, TIMED_OUT = "KernelDied", "CellTimeout"
"""Names of the errors (`ename`) that stand in the cell."""
COLLECT = "__import__('gc').set_threshold(10_000, 10, 10)"
"""Look for garbage after 10,000 new objects, not 700: that is a twentieth of the time of a notebook that ends soon."""
KERNEL = {
    "KernelManager": {"transport_encryption": "auto"},
    "NotebookClient": {"extra_arguments": ["--IPKernelApp.log_level=50", f"--IPKernelApp.exec_lines={COLLECT}"]},
}
"""How kernels are started: encrypted, and silent about being stopped (run from a notebook, that would stand in it)."""
OUTPUTS = 60
"""Seconds that the last outputs of a finished cell may take: nbclient's 4 are too few on a busy machine."""
TRIES = 3
"""Starts of a kernel that are tried: jupyter_client finds free ports, and another program may take them first."""


class Stopped(Exception):
    """The notebook has ended before its last cell, and that is recorded in it."""


class HonestClient(PapermillNotebookClient):
    """papermill's client, with the truth about cells whose kernel died or whose time was over."""

    def papermill_execute_cells(self) -> None:
        """Run the cells in order. Raises Stopped when the kernel cannot go on."""
        for index, cell in enumerate(self.nb.cells):
            try:
                self._execute_one(cell, index)
            except (DeadKernelError, CellTimeoutError) as error:
                self._record(cell, index, error)
                raise Stopped from None
            if cell.metadata.papermill["status"] == self.nb_man.FAILED:
                break

    def _execute_one(self, cell: NotebookNode, index: int) -> None:
        self.nb_man.cell_start(cell, index)
        try:
            self.execute_cell(cell, index)
        except CellExecutionError as error:
            if not any(output.output_type == "error" for output in cell.outputs):  # IPython prints some, to stderr
                _put(cell, error.ename, error.evalue)
            self.nb_man.cell_exception(cell, cell_index=index, exception=error)
        self.nb_man.cell_complete(cell, cell_index=index)

    def _record(self, cell: NotebookNode, index: int, error: Exception) -> None:
        late = isinstance(error, CellTimeoutError)
        name, said = (TIMED_OUT, self._too_late()) if late else (KILLED, self._dead())
        _put(cell, name, said)
        self.nb_man.cell_exception(cell, cell_index=index, exception=error)
        self.nb_man.cell_complete(cell, cell_index=index)

    def _too_late(self) -> str:
        remedy = "allow more (--cell-timeout), or ask for less"
        return f"the cell took longer than {self.timeout} seconds and was stopped; {remedy}"

    def _dead(self) -> str:
        process = getattr(getattr(self.km, "provisioner", None), "process", None)
        code = process.poll() if process else None
        if code is not None and code >= 0:
            return f"the kernel ended by itself with exit code {code}; run the cells before this one by hand to see why"
        how = f"signal {-code}" if code else "no reason known"
        return f"the kernel was killed ({how}); out of memory is the usual cause: close other programs and run again"


def _put(cell: NotebookNode, name: str, said: str) -> None:
    """Put an error into the outputs of a cell, where papermill and people look for it."""
    cell.outputs.append(new_output("error", ename=name, evalue=said, traceback=[f"{name}: {said}"]))


class HonestEngine(NBClientEngine):
    """papermill's own engine, with warm kernels and HonestClient."""

    @classmethod
    def execute_notebook(cls, nb: NotebookNode, kernel_name: str, *, clock: bool = True, **wishes: Any) -> NotebookNode:
        """Return the executed notebook; without `clock` equal runs give equal bytes."""
        done = super().execute_notebook(nb, kernel_name, record_timing=clock, **wishes)
        return done if clock else _without_clock(done)

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        *,
        start_timeout: int = 60,
        execution_timeout: int | None = None,
        kernel_cwd: Path | str | None = None,
        kernel_env: Mapping[str, str] | None = None,
        **wishes: Any,
    ) -> None:
        """Run the notebook; papermill finds the errors recorded in it.

        `kernel_cwd` is the folder of the kernel alone, unlike papermill's `cwd`, and `kernel_env` is added to its
        environment alone: this process stays as it is, so that threads may run notebooks side by side. Other
        `wishes` are traits of nbclient's NotebookClient.
        """
        known = {name: wish for name, wish in wishes.items() if name not in ("input_path", "startup_timeout")}
        traits = {
            "timeout": execution_timeout,
            "iopub_timeout": OUTPUTS,
            "kernel_manager_class": WarmKernelManager,
            "config": Config(KERNEL),
            **known,
        }
        where: dict[str, Any] = {"env": {**os.environ, **(kernel_env or {})}}
        where |= {"cwd": str(kernel_cwd)} if kernel_cwd else {}
        for tries_left in reversed(range(TRIES)):
            client = HonestClient(nb_man, kernel_name=kernel_name, startup_timeout=start_timeout, log=logger, **traits)
            try:
                client.execute(**where)
            except Stopped:
                return
            except RuntimeError:
                if client.code_cells_executed or not tries_left:
                    raise
            else:
                return


def _without_clock(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook with times, paths and random ids taken out."""
    notebook.metadata.pop("papermill", None)
    for number, cell in enumerate(notebook.cells):
        cell.metadata.pop("papermill", None)
        if "injected-parameters" in cell.metadata.get("tags", ()):
            cell.id = f"injected-{number}"
    return notebook

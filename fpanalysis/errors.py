"""Every error a user can cause, as one family that reads as a sentence.

A refusal names the place (file, row as Excel shows it, key), the value found, what was expected and the likely
fix, and where a name was misspelt, the nearest known one. `exit_code` is what the command line returns.
"""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "BusyError",
    "CopyError",
    "DataError",
    "Fault",
    "FpError",
    "NotebookError",
    "ParamsError",
    "PublishError",
    "StorageError",
    "did_you_mean",
    "sentence",
]

SHOWN_FAULTS = 50


class FpError(Exception):
    """Return to the user: one clear sentence, and exit code 2 (the input is wrong, the program is not)."""

    exit_code = 2


class ParamsError(FpError):
    """A parameter, place or period that is unknown, missing or of the wrong form."""


class PublishError(FpError):
    """A report that may not be published as it stands; says which notebook, cell and remedy."""

    exit_code = 1


class NotebookError(FpError):
    """A notebook that failed while running; says which notebook, cell and why, and how: failed, killed, timed out."""

    exit_code = 1

    def __init__(self, said: str, *, status: str = "failed", cell: int = 0) -> None:
        super().__init__(said)
        self.status, self.cell = status, cell


class StorageError(FpError):
    """A disk that is full or may not be written to; nothing half-made is visible, and the run can be repeated."""

    exit_code = 1


class BusyError(FpError):
    """Another run holds the place; says which, and how to wait for it."""

    exit_code = 1


class CopyError(FpError):
    """A release that is made, but could not be copied to where it was asked for; says where to, and why not."""

    exit_code = 1


@dataclass(frozen=True, order=True)
class Fault:
    """Return one thing wrong in one file.

    `row` is the number Excel shows at the left (1 = first line of the file; 0 = the file as a whole),
    `column` the heading as it stands in the file. `value` never holds a personal datum: readers mask those.
    """

    file: str
    row: int
    column: str
    value: str
    expected: str
    fix: str = ""

    def __str__(self) -> str:
        where = self.file + (f", row {self.row}" if self.row else "")
        where += f", column {self.column}" if self.column else ""
        found = f"found {self.value!r}, " if self.value else ""
        return f"{where}: {found}expected {self.expected}" + (f" ({self.fix})" if self.fix else "")


class DataError(FpError):
    """All faults of the raw files in one go."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: Sequence[Fault] = sorted(faults)
        super().__init__(_listing(self.faults))


def _listing(faults: Sequence[Fault]) -> str:
    files = len({f.file for f in faults})
    head = f"{len(faults)} fault{'s' * (len(faults) != 1)} in {files} file{'s' * (files != 1)}:"
    lines = [f"  {fault}" for fault in faults[:SHOWN_FAULTS]]
    if len(faults) > SHOWN_FAULTS:
        lines.append(f"  ... and {len(faults) - SHOWN_FAULTS} more of the same files")
    return "\n".join([head, *lines])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest known name, else a list of the known ones.

    >>> did_you_mean("renqui", ["renqiu", "demo"])
    "; did you mean 'renqiu'?"
    """
    names = sorted({str(name) for name in known})
    near = difflib.get_close_matches(str(word), names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""


def sentence(error: BaseException) -> str:
    """Return what a ledger says of an error: the sentence of one that a user can cause; of any other, which is a fault
    of the program, kind and place alone, since its words may hold what stood in a file."""
    if isinstance(error, KeyboardInterrupt):
        return "stopped by hand"
    if isinstance(error, (FpError, OSError, MemoryError)):
        return str(error) or type(error).__name__
    at = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" in {Path(frame.filename).name}, line {frame.lineno}" for frame in at)
    return f"a fault of the program: {type(error).__name__}{where}"

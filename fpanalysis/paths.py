"""The only module that knows folder names.

The home of a project is the folder that holds `params/` and `data/raw/`: the one named by the environment
variable FPANALYSIS_HOME, else the nearest one above the current folder, else the one this package lies in.
So a notebook needs no relative path, wherever it was started.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from .errors import ParamsError

__all__ = ["Home", "find_home", "is_hidden", "marks", "write_private"]

SYSTEM_FILES = ("thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Home:
    """The folders of one project."""

    root: Path

    @property
    def params(self) -> Path:
        """Return the folder with one YAML file a place."""
        return self.root / "params"

    @property
    def raw(self) -> Path:
        """Return the folder with the raw files: `<place>/<received-date>/<kind>.csv`."""
        return self.root / "data" / "raw"

    @property
    def notebooks(self) -> Path:
        """Return the folder with the notebooks: the project's own, else those beside the package."""
        own = self.root / "notebooks"
        return own if own.is_dir() else Path(__file__).resolve().parent.parent / "notebooks"

    @property
    def outputs(self) -> Path:
        """Return the folder that published releases go to (FPANALYSIS_OUTPUTS names another one)."""
        named = os.environ.get("FPANALYSIS_OUTPUTS")
        return Path(named) if named else self.root / "outputs"

    def raw_files(self, place: str, as_of: str = "") -> list[Path]:
        """Return every raw file of a place in folders of receipt up to the day `as_of` (all when "")."""
        folder = self.raw / place
        days = [p for p in folder.iterdir() if p.is_dir() and not is_hidden(p)] if folder.is_dir() else []
        received = [day for day in sorted(days) if not as_of or day.name <= as_of]
        return [path for day in received for path in sorted(day.iterdir()) if path.is_file() and not is_hidden(path)]

    @property
    def ledger(self) -> Path:
        """Return the file with one line for each thing that happened in a run."""
        return self.outputs / "ledger.jsonl"

    def lock(self, name: str) -> Path:
        """Return the lock file that a run on a place (or a writer of the ledger) holds."""
        return self.outputs / ".locks" / f"{name}.lock"

    def lacks(self, place: str) -> Path:
        """Return the hidden file that says what was found missing when the raw files of a place were last read."""
        return self.outputs / ".lacks" / f"{place}.json"

    def stage(self, place: str, period: str) -> Path:
        """Return the hidden folder in which a release is made."""
        return self.outputs / ".stage" / place / period

    def key(self, place: str, *, make: bool = False) -> bytes | None:
        """Return the key that hashes identity numbers of a place, the same in every run; None when there is none yet.

        It lies in `data/raw/<place>/.key`, beside the files that hold the numbers themselves, and is worth what they
        are worth; with `make` it is made. Raises ParamsError when the file holds no key.
        """
        file = self.raw / place / ".key"
        if make and not file.exists():
            write_private(file, f"{secrets.token_hex(32)}\n".encode())
        if not file.exists():
            return None
        try:
            found = bytes.fromhex(file.read_text("ascii").strip())
        except ValueError:
            found = b""
        if len(found) != 32:
            raise ParamsError(
                f"data/raw/{place}/.key holds no key of 64 hexadecimal digits: put back the file as it was"
            )
        return found

    def releases(self, place: str, period: str) -> Path:
        """Return the folder with the releases of one period of one place."""
        return self.outputs / place / period

    def failed(self, place: str, period: str) -> Path:
        """Return the folder with what runs that failed have left, for inspection; none of it is a release."""
        return self.releases(place, period) / "failed"

    def work(self, place: str, period: str) -> Path:
        """Return the folder for kept results: the run's own (FPANALYSIS_WORK), else a hidden one in outputs."""
        staged = os.environ.get("FPANALYSIS_WORK")
        return Path(staged) if staged else self.outputs / ".work" / place / period


def marks(stage: Path) -> Path:
    """Return the folder beside a stage's that holds the marks of what is finished in it."""
    return stage.with_name(f"{stage.name}.marks")


def is_hidden(path: Path) -> bool:
    """Return whether a file or folder is the system's or an open program's, not the office's."""
    return path.name.startswith((".", "~$")) or path.name.lower() in SYSTEM_FILES


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that its owner alone may read. Raises FileExistsError when there is one."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as made:
        made.write(content)


def find_home(start: Path | None = None) -> Home:
    """Return the project that the environment, the current folder or the package belongs to.

    Raises ParamsError when FPANALYSIS_HOME names no project, or none is found.
    """
    named = os.environ.get("FPANALYSIS_HOME")
    if named:
        if not (Path(named) / "params").is_dir():
            raise ParamsError(f"FPANALYSIS_HOME is {named!r}, which has no folder params/")
        return Home(Path(named).resolve())
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents, Path(__file__).resolve().parent.parent):
        if (folder / "params").is_dir() and (folder / "data" / "raw").is_dir():
            return Home(folder)
    raise ParamsError(f"no project (a folder with params/ and data/raw/) at or above {here}")

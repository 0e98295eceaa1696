"""One run at a time on a place, and writes that a reader never sees by halves.

The lock is the operating system's (`flock`, on Windows `msvcrt.locking`), so a run that is killed lets go of it.
Where a network drive knows no locks, a lock file is made instead; one that a dead run left has to be removed by hand,
and the message says which.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from .errors import BusyError, StorageError

__all__ = ["is_held", "locked", "replace_text", "storage", "synced"]

FULL = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)
HELD = ".held"
"""How the name of a lock file ends where the drive knows no locks."""
SEALED = (errno.EROFS, errno.EACCES, errno.EPERM)


@contextmanager
def locked(path: Path, *, wait: float, say: Callable[[str], None] = lambda text: None) -> Iterator[None]:
    """Hold the lock `path` for a block; another run that holds it is waited for, at most `wait` seconds.

    `say` hears one sentence when there is something to wait for. Raises BusyError when it does not let go in time.
    """
    with storage(path.parent.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _acquired(path, wait=wait, say=say)
    try:
        yield
    finally:
        lock.release()


def _acquired(path: Path, *, wait: float, say: Callable[[str], None]) -> BaseFileLock:
    for kind in (FileLock, SoftFileLock):
        lock: BaseFileLock = kind(path if kind is FileLock else path.with_suffix(HELD), thread_local=False)
        try:
            return _waited(lock, path.stem, wait, say)
        except NotImplementedError:
            continue
    raise AssertionError("SoftFileLock needs nothing of the file system")


def _waited(lock: BaseFileLock, name: str, wait: float, say: Callable[[str], None]) -> BaseFileLock:
    try:
        lock.acquire(timeout=0)
        return lock
    except Timeout:
        if wait > 0:
            say(f"another run works on {name}; waiting for it")
    try:
        lock.acquire(timeout=wait)
    except Timeout:
        soft = isinstance(lock, SoftFileLock)
        cure = (
            f"if none is running, remove {Path(lock.lock_file).name} in outputs/.locks/" if soft else "try again later"
        )
        raise BusyError(f"another run works on {name} and did not end within {wait:.0f} seconds; {cure}") from None
    return lock


def is_held(path: Path) -> bool:
    """Return whether a run holds a lock at this moment; False where that cannot be told (a folder of somebody else)."""
    if path.with_suffix(HELD).exists():
        return True
    if not path.is_file():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except (OSError, NotImplementedError):
        return False


@contextmanager
def storage(folder: Path) -> Iterator[None]:
    """Turn a full or read-only disk, met in the block, into one sentence: StorageError."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageError(
                f"the disk that holds {folder} is full; free some space and run again, what is finished is kept"
            ) from None
        if error.errno in SEALED and error.filename:
            raise StorageError(
                f"{error.filename} cannot be written to; make it writable, or name another folder with the "
                "environment variable FPANALYSIS_OUTPUTS"
            ) from None
        raise


def synced(folder: Path) -> None:
    """Wait until every file below a folder is on the disk, so that a crash leaves what is renamed whole."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    if sys.platform != "win32":
        for path in (folder, *(p for p in folder.rglob("*") if p.is_dir())):
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def replace_text(path: Path, text: str) -> None:
    """Write a small text file so that a reader sees the old text or the new one."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, "utf-8", newline="\n")
    part.replace(path)

"""What was published: releases of a period, their manifest, and the fingerprint of everything that made them.

A release is `outputs/<place>/<period>/r<number>/`, made in a private folder on the same file system and renamed into
place as a whole: a reader sees all of it or nothing. Its manifest holds the hashes of all inputs and outputs and the
versions of the packages, and no clock: the same inputs give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat

from .ingest import Delivery
from .paths import Home

__all__ = ["file_hash", "fingerprint", "inputs", "newest", "staged", "write_manifest"]

PACKAGES = ("jupyterlab", "papermill", "nbconvert", "pandas", "numpy", "matplotlib", "scipy", "pydantic", "openpyxl")


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def inputs(home: Home, place: str, deliveries: Sequence[Delivery], notebooks: Sequence[Path]) -> dict[str, Any]:
    """Return what a report is made from: hashes of raw files, params, notebooks, library, and package versions.

    Of a notebook the code and text count, not the outputs.
    """
    package = Path(__file__).resolve().parent
    library = hashlib.sha256()
    for path in sorted(p for p in package.rglob("*") if p.is_file() and p.suffix != ".pyc"):
        library.update(f"{path.relative_to(package).as_posix()} {file_hash(path)}\n".encode())
    return {
        "raw": {d.name: {"sha256": d.sha256, "received": d.received.isoformat(), "used": d.used} for d in deliveries},
        "params": {f"{place}.yaml": file_hash(home.params / f"{place}.yaml")},
        "notebooks": {path.name: _notebook_hash(path) for path in notebooks},
        "library": library.hexdigest(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "python": platform.python_version(),
    }


def fingerprint(made_from: Mapping[str, Any], **settings: str) -> str:
    """Return one hash of everything that can change a number: the inputs, and settings such as `as_of`."""
    text = json.dumps({**made_from, "settings": settings}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _notebook_hash(path: Path) -> str:
    cells = [(c.cell_type, c.source, c.metadata.get("tags", [])) for c in nbformat.read(path, as_version=4).cells]
    return hashlib.sha256(json.dumps(cells, ensure_ascii=False).encode()).hexdigest()


def newest(folder: Path) -> Path | None:
    """Return the newest release in a period's folder, None when there is none."""
    numbered = [p for p in folder.glob("r*") if re.fullmatch(r"r\d+", p.name)] if folder.is_dir() else []
    return max(numbered, key=lambda p: int(p.name[1:]), default=None)


def manifest_of(release: Path) -> dict[str, Any]:
    """Return the manifest of a release, {} when it has none."""
    path = release / "manifest.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def write_manifest(folder: Path, content: Mapping[str, Any]) -> None:
    """Write `manifest.json` with the hashes of all other files in the folder added as `outputs`."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json")
    outputs = {p.relative_to(folder).as_posix(): file_hash(p) for p in files}
    text = json.dumps({**content, "outputs": outputs}, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / "manifest.json").write_text(text + "\n", "utf-8", newline="\n")


@contextmanager
def staged(target: Path, outputs: Path) -> Iterator[Path]:
    """Give a private folder to fill; when the block ends well it becomes `target`, when it fails it is removed.

    Folders that this makes on the way and that stay empty are removed too, so a failure leaves `outputs` untouched.
    """
    existed = outputs.is_dir()
    stage = outputs / f".stage-{target.parent.parent.name}-{target.parent.name}-{os.getpid()}"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    try:
        yield stage
        target.parent.mkdir(parents=True, exist_ok=True)
        stage.rename(target)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        if not existed and outputs.is_dir() and not any(outputs.iterdir()):
            outputs.rmdir()

"""Shared: the project's root, a place to try things in, and the real data beside the project (skipped when absent)."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from hypothesis import settings

from fpanalysis.desk import Desk, open_desk

settings.register_profile("house", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("house")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def desk() -> Desk:
    """The sample county, half-year 2018H1, everything received."""
    return open_desk("renqiu", "2018H1", "zh", home=ROOT)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project of its own, with the notebooks, and the params and raw files of the sample county."""
    return copy_project(tmp_path, "renqiu")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data beside the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data (real births and messy office files), which is not here")
    return folder


def copy_project(folder: Path, *places: str) -> Path:
    """A project of its own with the notebooks, and params and raw files of some places."""
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    add_ledger(folder / "notebooks" / "06_report.ipynb")
    (folder / "params").mkdir()
    for place in places:
        shutil.copyfile(ROOT / "params" / f"{place}.yaml", folder / "params" / f"{place}.yaml")
        shutil.copytree(ROOT / "data" / "raw" / place, folder / "data" / "raw" / place)
    return folder


LEDGER = """\
from fpanalysis.facts import ledger

about = {"as_of": desk.as_of.isoformat(), "inputs": desk.inputs, "synthetic": desk.params.synthetic}
ledger(found, **here, names=desk.bilingual, files=desk.sources, **about)"""
"""The cell of the report notebook that carries its facts."""


def add_ledger(path: Path) -> None:
    """Give a report notebook the cell with its facts, where it has none."""
    notebook = nbformat.read(path, as_version=4)
    if not any("ledger(" in cell.source for cell in notebook.cells):
        notebook.cells.append(nbformat.v4.new_code_cell(LEDGER, id="facts"))
        nbformat.write(notebook, path)


def made_once(shared: Path, make: Callable[[Path], Path]) -> Path:
    """What `make` gives, made by the first of several test processes; the others wait for it."""
    done = shared / "made.txt"
    try:
        (shared / "project").mkdir(parents=True)
    except FileExistsError:
        deadline = time.monotonic() + 600
        while not done.is_file() and time.monotonic() < deadline:
            time.sleep(0.5)
    else:
        made = make(shared / "project")
        done.with_suffix(".part").write_text(str(made), "utf-8")
        done.with_suffix(".part").rename(done)
    return Path(done.read_text("utf-8"))


@pytest.fixture(scope="session")
def edition(tmp_path_factory) -> Path:
    """The release of the sample county's half-year report, made once from a project of its own."""
    from fpanalysis.pipeline import run_report

    def make(folder: Path) -> Path:
        return run_report("renqiu", "2018H1", home=copy_project(folder, "renqiu"))[0]

    base = tmp_path_factory.getbasetemp()
    return made_once((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "edition", make)

"""Shared: the project's root, a place to try things in, and the real data beside the project (skipped when absent)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fpanalysis.desk import Desk, open_desk

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
    """A project of its own, with the notebooks, the params and the raw files of the sample county."""
    for folder in ("params", "notebooks", "data/raw/renqiu"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data beside the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data (real births and messy office files), which is not here")
    return folder

"""The notebooks' committed outputs are held by nbval; here: that it does hold them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fpanalysis.kernels import PROVISIONER

NBVAL = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env"]


def nbval(root: Path, *notebooks: Path, provisioner: str = PROVISIONER) -> subprocess.CompletedProcess[str]:
    """Hold notebooks against their outputs, as `make test` does."""
    words = [sys.executable, *NBVAL, "--nbval-sanitize-with", str(root / "tests" / "nbval_sanitize.cfg")]
    env = {**os.environ, "JUPYTER_DEFAULT_PROVISIONER_NAME": provisioner}
    return subprocess.run([*words, *map(str, notebooks)], cwd=root, capture_output=True, text=True, env=env)


@pytest.mark.parametrize(
    "provisioner", [PROVISIONER, pytest.param("local-provisioner", marks=pytest.mark.slow)], ids=["warm", "cold"]
)
def test_a_number_changed_by_hand_in_a_committed_output_is_found(root, home, provisioner):
    notebook = home / "notebooks" / "03_sex_ratio.ipynb"
    text = notebook.read_text("utf-8")
    changed = text.replace("106.0 (100.6", "106.1 (100.6", 1)
    assert changed != text

    assert nbval(root, notebook, provisioner=provisioner).returncode == 0
    notebook.write_text(changed, "utf-8")
    found = nbval(root, notebook, provisioner=provisioner)

    assert found.returncode == 1
    assert "outputs differ" in found.stdout
    shutil.rmtree(home / "outputs", ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize("provisioner", [PROVISIONER, "local-provisioner"], ids=["warm", "cold"])
def test_the_committed_notebooks_hold_with_either_kind_of_kernel(root, home, provisioner):
    held = nbval(root, *sorted((home / "notebooks").glob("0[0-5]*.ipynb")), provisioner=provisioner)

    assert held.returncode == 0, held.stdout[-2000:]

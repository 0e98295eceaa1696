"""The notebooks' committed outputs are held by nbval; here: that it does hold them."""

import shutil
import subprocess
import sys
from pathlib import Path

NBVAL = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env"]


def nbval(root: Path, notebook: Path) -> subprocess.CompletedProcess[str]:
    """Hold one notebook against its outputs, as `make test` does."""
    words = [sys.executable, *NBVAL, "--nbval-sanitize-with", str(root / "tests" / "nbval_sanitize.cfg"), str(notebook)]
    return subprocess.run(words, cwd=root, capture_output=True, text=True)


def test_a_number_changed_by_hand_in_a_committed_output_is_found(root, home):
    notebook = home / "notebooks" / "03_sex_ratio.ipynb"
    text = notebook.read_text("utf-8")
    changed = text.replace("106.0 (100.6", "106.1 (100.6", 1)
    assert changed != text

    assert nbval(root, notebook).returncode == 0
    notebook.write_text(changed, "utf-8")
    found = nbval(root, notebook)

    assert found.returncode == 1
    assert "outputs differ" in found.stdout
    shutil.rmtree(home / "outputs", ignore_errors=True)

"""A run does not pay for what it does not use, and what it does not use is not missed."""

import subprocess
import sys

import pytest

from fpanalysis.lean import UNUSED


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("name", UNUSED)
def test_a_run_imports_nothing_that_it_does_not_use(name):
    assert run(f"import sys, fpanalysis.pipeline, nbformat; print(sys.modules[{name!r}])") == "None"


@pytest.mark.parametrize("name", UNUSED)
def test_kernels_are_left_as_they_are(name):
    said = f"import sys; from fpanalysis import zygote; zygote._import_all(); print({name!r} in sys.modules)"

    assert run(said).endswith("False")


def test_notebooks_are_validated_as_ever():
    broken = "nbformat.v4.new_notebook(cells=[{'cell_type': 'none'}])"

    assert (
        run(
            f"import fpanalysis.pipeline, nbformat\ntry:\n  nbformat.validate({broken})\n"
            "except nbformat.ValidationError: print('refused')"
        )
        == "refused"
    )


def test_imports_are_no_garbage_to_look_for_and_circles_made_later_are():
    code = (
        "import gc, weakref, fpanalysis.pipeline\nfrom fpanalysis import lean\nclass Link: pass\n"
        "def circle():\n  one = Link(); one.self = one; return weakref.ref(one)\n"
        "gc.disable(); before = circle(); lean.settle(); kept = gc.get_freeze_count()\n"
        "after = circle(); lean.settle(); seen = after() is not None; gc.collect()\n"
        "print(before() is None, kept > 50_000, seen, after() is None)"
    )

    assert run(code) == "True True True True"

"""The formats: each is registered with nbconvert under its own name, and makes something of a small report."""

from __future__ import annotations

import tomllib
from importlib import import_module

import pytest
from nbconvert.exporters import Exporter, get_exporter
from nbformat import v4

from fpanalysis import blocks
from fpanalysis.publish import BILINGUAL, EDITION, FORMATS


def test_formats_are_the_registered_exporters(root):
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]

    assert project["entry-points"]["nbconvert.exporters"] == FORMATS | EDITION


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_brings_what_reads_its_files_back(name):
    module = import_module(FORMATS[name].partition(":")[0])

    assert callable(module.extract)


def test_formats_of_both_languages_are_formats():
    assert set(BILINGUAL) <= set(FORMATS)


@pytest.mark.parametrize("name", [*FORMATS, *EDITION])
def test_a_format_makes_something_of_a_small_report(name):
    outputs = [v4.new_output("display_data", data=block._repr_mimebundle_())
               for block in (blocks.meta("任丘市", lang="zh"), blocks.prose("鄚州镇"))]  # fmt: skip
    exporter = get_exporter(name)()
    body, _ = exporter.from_notebook_node(v4.new_notebook(cells=[v4.new_code_cell("x", outputs=outputs)]))

    assert isinstance(exporter, Exporter)
    assert exporter.file_extension.startswith(".")
    assert body

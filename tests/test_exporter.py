"""What every exporter does with a notebook: the family checks, over all registered formats."""

import pytest
from nbconvert.exporters import get_exporter
from nbformat import v4

from fpanalysis.blocks import meta
from fpanalysis.errors import PublishError
from fpanalysis.publish import FORMATS
from fpanalysis.publish.exporter import ReportExporter


def shown(**words: str) -> v4.new_notebook:
    cover = meta("Report", lang="en", **words)._repr_mimebundle_()
    cells = [v4.new_code_cell("meta()", outputs=[v4.new_output("display_data", cover)])]
    return v4.new_notebook(cells=cells)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_known_to_nbconvert_by_its_name(name):
    exporter = get_exporter(name)

    assert issubclass(exporter, ReportExporter)
    assert f"{exporter.__module__}:{exporter.__name__}" == FORMATS[name]
    assert exporter().file_extension == exporter.extension != ""


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_refuses_what_a_gate_refuses(name):
    notebook = shown()
    notebook.cells.append(v4.new_code_cell("x", outputs=[v4.new_output("error", ename="E", evalue="why")]))

    with pytest.raises(PublishError, match="cell 2: it failed with E: why"):
        get_exporter(name)().from_notebook_node(notebook)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_bytes_twice(name):
    first, second = (get_exporter(name)().from_notebook_node(shown())[0] for _ in range(2))

    assert first == second

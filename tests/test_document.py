"""From notebook to document: what is carried, in which order, and what is refused."""

from __future__ import annotations

import re

import pytest
from nbformat import v4

from fpanalysis import blocks
from fpanalysis.blocks import Figure, Heading, Table
from fpanalysis.errors import PublishError
from fpanalysis.publish.document import Output, Passage, plain_text, read_document
from fpanalysis.typeface import font_files

TITLE = blocks.meta("报告", lang="zh")
FIGURE = blocks.Figure("<svg viewBox='0 0 1 1'></svg>", "出生减少。", "图", id="births")
TABLE = blocks.Table((blocks.Column("a", "地区"),), (("鄚州镇",),), (("鄚州镇",),))


def shown(*displayed, tags=()):
    outputs = [v4.new_output("display_data", data=block._repr_mimebundle_()) for block in displayed]
    return v4.new_code_cell("1 + 1", outputs=outputs, metadata={"tags": list(tags)})


def output(**data):
    return v4.new_code_cell(
        "x", outputs=[v4.new_output("display_data", data={k.replace("_", "/"): d for k, d in data.items()})]
    )


def read(*cells, lang=""):
    made = [v4.new_markdown_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    return read_document(v4.new_notebook(cells=made), name="06_report.ipynb", fonts=font_files(), lang=lang)


def kinds(document):
    return [type(part.content) for part in document.parts]


def test_parts_stand_in_the_order_of_the_cells():
    document = read(shown(TITLE), shown(blocks.heading("一"), blocks.prose("文")), "## 二", shown(TABLE, FIGURE))

    assert [Heading, Passage, Heading, Table, Figure] == kinds(document)
    assert [2, 2, 3, 4, 4] == [part.cell for part in document.parts]


def test_code_parameters_and_notes_are_not_shown():
    parameters = v4.new_code_cell("place = 'x'", metadata={"tags": ["parameters"]})
    note = v4.new_markdown_cell("# 给分析员", metadata={"tags": ["note"]})
    document = read(shown(TITLE), parameters, note, shown(blocks.prose("x"), tags=["note"]), v4.new_code_cell("1 + 1"))

    assert document.parts == ()


def test_footnotes_may_stand_in_another_cell():
    document = read(shown(TITLE), shown(blocks.prose("出生减少[^a]。")), shown(TABLE), "[^a]: 与上年同期比。")

    assert ["与上年同期比。"] == [plain_text(note["children"]) for note in document.footnotes]
    assert [Passage, Table] == kinds(document)


def test_a_list_ends_with_its_cell():
    document = read(shown(TITLE), "- 一", shown(TABLE), "- 二")

    assert [Passage, Table, Passage] == kinds(document)


def test_tables_and_figures_are_numbered_apart():
    document = read(shown(TITLE), shown(TABLE, FIGURE, TABLE))

    assert {"table-1": ("table", 1), "births": ("figure", 1), "table-2": ("table", 2)} == document.numbers


@pytest.mark.parametrize(("title", "lang"), [("报告", "zh"), ("Report", "en")])
def test_a_plain_notebook_is_titled_by_its_first_heading(title, lang):
    document = read(f"# {title}\n\ntext", output(text_plain="42"))

    assert (title, lang) == (document.meta.title, document.meta.lang)
    assert [Passage, Output] == kinds(document)


def test_the_language_of_a_plain_notebook_can_be_given():
    assert read("# 2018", lang="zh").meta.lang == "zh"


def test_ordinary_outputs_are_carried():
    printed = v4.new_code_cell("x", outputs=[v4.new_output("stream", name="stdout", text="\x1b[31mhello\x1b[0m\n")])
    picture = v4.new_output("display_data", data={"image/png": "aGk="}, metadata={"image/png": {"alt": "births"}})
    document = read("# T", printed, output(text_html="<table></table>", text_plain="x"), output(text_markdown="*a*"),
                    v4.new_code_cell("x", outputs=[picture]))  # fmt: skip

    assert [Output, Output, Passage, Output] == kinds(document)
    assert document.parts[0].content.content == "hello"
    assert document.parts[3].content.alt == "births"


def test_an_attached_picture_is_put_in():
    cell = v4.new_markdown_cell("![map](attachment:map.png)", attachments={"map.png": {"image/png": "aGk="}})
    token = read("# T", cell).parts[0].content.tokens[0]["children"][0]

    assert token["attrs"]["url"] == "data:image/png;base64,aGk="


def test_the_notebook_is_unchanged():
    notebook = v4.new_notebook(cells=[shown(TITLE), v4.new_markdown_cell("x")])
    before = str(notebook)
    read_document(notebook, name="x", fonts=font_files())

    assert before == str(notebook)


def warning(text):
    return v4.new_code_cell("x", outputs=[v4.new_output("stream", name="stderr", text=text)])


def failure():
    return v4.new_code_cell("x", outputs=[v4.new_output("error", ename="ValueError", evalue="no births", traceback=[])])


GATES = {
    "warning": ([shown(TITLE), warning("Glyph missing\nmore")], "cell 2: it wrote a warning: Glyph missing; mend its cause"),
    "failure": ([shown(TITLE), failure()], "cell 2: it failed with ValueError: no births"),
    "alt": ([shown(TITLE), shown(blocks.Figure("<svg/>", " "))], "cell 2: a figure without alt text; show it as figure("),
    "plain alt": ([shown(TITLE), output(image_png="aGk=")], "cell 2: a figure without alt text"),
    "markdown alt": ([shown(TITLE), "![](data:image/png;base64,aGk=)"], "cell 2: a picture without alt text"),
    "network": ([shown(TITLE), "![x](https://example.org/a.png)"], "cell 2: a picture from outside: https://example.org"),
    "attachment": ([shown(TITLE), "![x](attachment:a.png)"], "cell 2: the attached picture 'a.png' is missing"),
    "html": ([shown(TITLE), "<script>x</script>"], "cell 2: HTML in the text: <script>x</script>; write it as markdown"),
    "level": ([shown(TITLE), "## a\n\n#### b"], "cell 2: heading 'b' of level 4 follows level 2; make it level 3"),
    "first level": ([shown(TITLE), "### a"], "heading 'a' of level 3 follows level 1; make it level 2"),
    "no title": (["text"], "notebook 06_report.ipynb: it has no title; show meta(title=...)"),
    "two titles": ([shown(TITLE), "# again"], "cell 2: a second title: again; use '##', or tag the cell 'note'"),
    "two covers": ([shown(TITLE), shown(TITLE)], "cell 2: a second meta(...)"),
    "glyph": ([shown(TITLE), "baby \U0001f476"], "cell 2: no glyph for \U0001f476 (U+1F476) in FPASans-Bold.otf"),
    "glyph in a table": ([shown(TITLE), shown(blocks.Table((blocks.Column("a", "\U0001f476"),), (("x",),), (("x",),)))], "cell 2: no glyph"),
    "id": ([shown(TITLE), shown(FIGURE, FIGURE)], "cell 2: the id 'births' stands twice"),
    "fence": ([shown(TITLE), "```\nopen", shown(TABLE)], "cell 2: its markdown swallows what follows; close its code fence"),
    "note in heading": ([shown(TITLE), "## a[^1]\n\n[^1]: b"], "cell 2: a footnote in a heading"),
    "block": ([shown(TITLE), v4.new_code_cell("x", outputs=[v4.new_output("display_data", data={blocks.MIME: {"block": "x"}})])],
              "cell 2: its block cannot be read (block 'x' does not exist"),
}  # fmt: skip


@pytest.mark.parametrize(("cells", "words"), GATES.values(), ids=GATES)
def test_a_gate_names_notebook_cell_and_remedy(cells, words):
    with pytest.raises(PublishError, match=re.escape(words)) as raised:
        read(*cells)

    assert str(raised.value).startswith("notebook 06_report.ipynb")


def test_what_has_nothing_to_show_is_left_out():
    nothing = blocks.Table((blocks.Column("a", "地区"),), (), ())
    document = read(shown(TITLE), shown(nothing, TABLE))

    assert [part.content.values for part in document.parts if isinstance(part.content, blocks.Table)] == [TABLE.values]

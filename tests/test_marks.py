"""Preliminary and revised figures carry their mark in every format, and stay numbers for machines."""

from __future__ import annotations

import json
import re

import pytest
from nbformat import v4

from fpanalysis import blocks, results, tables
from fpanalysis.errors import PublishError
from fpanalysis.facts import ledger
from fpanalysis.publish import FORMATS
from fpanalysis.publish.edition import EditionExporter
from fpanalysis.publish.facts import FactsExporter
from fpanalysis.publish.marks import earlier_facts, unmarked
from fpanalysis.publish.numbers import extractor
from fpanalysis.publish.xlsx import numbers

HERE = {"place": "renqiu", "period": "2018H1"}


def row(measure, place="renqiu", period="2018H1", **given):
    return {"place": place, "period": period, "measure": measure, "method": "counted", **given}


OPEN = row("births_completeness", period="2018-06", value=0.7) | {"method": "chain_ladder-95"}
FOUND = results.rows([OPEN, row("births", count=5584), row("births", "鄚州镇", count=323), row("births_reported", count=6233),
                      row("births_reported", "鄚州镇", count=357), row("registered/first", count=1559),
                      row("registered/first", "鄚州镇", count=83), row("births_expected", value=6125.0)])  # fmt: skip


def notebook(found=FOUND, *measures, lang="zh"):
    wanted = measures or ("births", "births_reported", "registered/first", "births_expected")
    shown = [
        blocks.meta("任丘市报告", lang=lang),
        blocks.facts([blocks.fact("出生人数", "5,584", raw=5584, key="births")]),
        tables.wide(results.pick(found, period="2018H1"), wanted, lang=lang, total="renqiu", id="towns"),
        ledger(found, **HERE, names={"renqiu": ("任丘市", "Renqiu")}),
    ]
    outputs = [v4.new_output("display_data", data=block._repr_mimebundle_()) for block in shown]
    return v4.new_notebook(cells=[v4.new_code_cell("x", id="a", outputs=outputs)])


def read(found=FOUND, *measures, before=""):
    return EditionExporter(before=str(before)).read(notebook(found, *measures), {})[0]


def table(document):
    return next(part.content for part in document.parts if isinstance(part.content, blocks.Table))


@pytest.fixture
def before(tmp_path):
    """The release before: one registration fewer in the township."""
    made, _ = FactsExporter().from_notebook_node(notebook())
    content = json.loads(made)
    for fact in content["facts"]:
        if fact["id"] == "registered/first@鄚州镇@2018H1":
            fact["value"] -= 1
    (tmp_path / "facts.json").write_text(json.dumps(content), "utf-8")
    return tmp_path / "facts.json"


def test_a_column_of_open_births_is_marked_at_its_head_and_others_are_not():
    """Births by month of registration are settled, and what is expected is not preliminary."""
    labels = [column.label for column in table(read()).columns]

    assert [False, True, False, False, False] == [label.endswith(" [p]") for label in labels]
    assert not [cell for line in table(read()).texts for cell in line if "[" in cell]


def test_a_single_revised_figure_is_marked_itself(before):
    made = table(read(before=before))

    assert [["83 [r]"]] == [[cell for cell in line if "[r]" in cell] for line in made.texts[:1]]
    assert made.values == table(read()).values


def test_a_change_that_is_not_printed_has_no_mark(before):
    content = json.loads(before.read_text("utf-8"))
    for fact in content["facts"]:
        fact["value"] = 83.2 if fact["id"] == "registered/first@鄚州镇@2018H1" else fact["value"]
    before.write_text(json.dumps(content), "utf-8")

    assert "[r]" not in str(table(read(before=before)).texts)


def test_a_row_whose_figures_share_a_mark_has_it_at_its_name(before):
    assert "鄚州镇 [r]" == table(read(FOUND, "registered/first", before=before)).texts[0][0]


def test_a_headline_figure_is_marked():
    cards = next(part.content for part in read().parts if isinstance(part.content, blocks.Cards))

    assert "5,584 [p]" == cards.facts[0].value


def test_what_marks_mean_is_said_once(before):
    notes = table(read(before=before)).notes

    assert [True, True] == ["初步数" in notes[0], "修订数" in notes[1]]
    assert len(table(read()).notes) == 1


def test_without_facts_nothing_is_marked():
    cells = [cell for cell in notebook().cells[0].outputs if "lines" not in str(cell)]
    made = EditionExporter().read(v4.new_notebook(cells=[v4.new_code_cell("x", id="a", outputs=cells[:3])]), {})[0]

    assert "[p]" not in str(made.parts)


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "fp-facts"])
def test_every_format_shows_the_marks_and_keeps_the_numbers(format, before):
    """The numbers gate runs within; here the marks are read back from the file."""
    exporter = EditionExporter(formats=[format], before=str(before))
    made, _ = exporter.from_notebook_node(notebook(), {})
    content = made.encode() if isinstance(made, str) else made
    said = " ".join(str(cell) for cell in extractor(format)(content))

    assert "[p]" in said
    assert "[r]" in said
    if format == "fp-xlsx":
        assert {323, 83, 357} <= numbers(content)


def test_a_marked_cell_of_the_annex_is_a_number_that_shows_its_mark(before):
    import io

    from openpyxl import load_workbook

    made, _ = EditionExporter(formats=["fp-xlsx"], before=str(before)).from_notebook_node(notebook(), {})
    cells = [
        cell for sheet in load_workbook(io.BytesIO(made)).worksheets for line in sheet.iter_rows() for cell in line
    ]
    marked = [cell for cell in cells if re.search(r"\[r\]", cell.number_format)]

    assert [83] == [cell.value for cell in marked]


def test_a_file_that_is_no_release_is_refused(tmp_path):
    (tmp_path / "facts.json").write_text("{}", "utf-8")

    with pytest.raises(PublishError, match="has schema None, expected 'urn:fpanalysis:facts:1'"):
        earlier_facts(tmp_path / "facts.json")


@pytest.mark.parametrize(("words", "plain"), [("5,584 [p]", "5,584"), ("a [r]", "a"), ("[p]", "[p]"), ("x", "x")])
def test_words_without_their_mark(words, plain):
    assert plain == unmarked(words)

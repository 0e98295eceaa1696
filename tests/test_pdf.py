"""The PDF: standards and tags, what it carries, the official page, and that nothing is lost on the way."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import v4
from pypdf import PdfReader

from fpanalysis import blocks
from fpanalysis.blocks import Column, Table, csv_text
from fpanalysis.errors import PublishError
from fpanalysis.publish.document import Document, Part, Passage, plain_text, read_document
from fpanalysis.publish.pdf import (
    NO_DATE,
    TEXT_WIDTH,
    PdfExporter,
    _compiled,
    _day,
    _Model,
    _need,
    _parts,
    extract,
    layout,
    render,
)
from fpanalysis.typeface import font_files, page_font, typst_fonts

ROOT = Path(__file__).resolve().parent.parent
FILES = font_files()
HAN = "任丘市鄚州镇出生人口性别比登记服务"
A4 = (595, 842)


def shown(block: blocks.Block) -> nbformat.NotebookNode:
    return v4.new_code_cell("x", outputs=[v4.new_output("display_data", data=block._repr_mimebundle_())])


def made(*cells: str | blocks.Block, lang: str = "zh", **cover: Any) -> bytes:
    """The PDF of a small report."""
    parts = [blocks.meta("任丘市报告" if lang == "zh" else "Report", lang=lang, **cover), *cells]
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell(c) if isinstance(c, str) else shown(c) for c in parts])
    return PdfExporter().from_notebook_node(notebook)[0]


def grid(columns: int, rows: int = 3, **words: Any) -> Table:
    names = tuple(Column(str(n), f"第{n}项指标名称", "count") for n in range(1, columns))
    texts = tuple((f"第{r}县", *(f"{1234567 + n:,}" for n in range(1, columns))) for r in range(rows))
    return Table((Column("place", "地区"), *names), texts, texts, "宽表", **words)


def tags(data: bytes) -> list[Any]:
    """Every element of the structure tree, in order."""
    found: list[Any] = []

    def walk(node: Any) -> None:
        node = node.get_object()
        if isinstance(node, list):
            for child in node:
                walk(child)
        elif isinstance(node, dict):
            found.extend([node] if "/S" in node else [])
            walk(node["/K"]) if "/K" in node else None

    walk(PdfReader(io.BytesIO(data)).trailer["/Root"]["/StructTreeRoot"])
    return found


def pages(data: bytes) -> list[list[str]]:
    from pypdfium2 import PdfDocument

    with PdfDocument(data) as document:
        return [page.get_textpage().get_text_range().splitlines() for page in document]


def squeezed(words: str) -> str:
    return re.sub(r"\s", "", words)


@pytest.fixture(scope="module")
def document() -> Document:
    """The sample county's report as it is kept in the project."""
    notebook = nbformat.read(ROOT / "notebooks" / "06_report.ipynb", as_version=4)
    return read_document(notebook, name="06_report.ipynb", fonts=FILES)


@pytest.fixture(scope="module")
def report(document: Document) -> bytes:
    return render(document, FILES, {"facts.json": b"{}"})


# Standards and tags


def test_the_report_says_that_it_holds_to_both_standards(report):
    metadata = PdfReader(io.BytesIO(report)).trailer["/Root"]["/Metadata"].get_data().decode()

    assert "<pdfuaid:part>1<" in metadata
    assert "<pdfaid:part>3<" in metadata and "<pdfaid:conformance>A<" in metadata


def test_the_report_is_tagged_in_its_language(report):
    root = PdfReader(io.BytesIO(report)).trailer["/Root"]

    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "zh-CN"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]


def test_title_office_and_date_are_those_of_the_cover(report, document):
    about = PdfReader(io.BytesIO(report)).metadata

    assert (about.title, about.author) == (document.meta.title, document.meta.office)
    assert about.creation_date.date() == dt.date(2018, 7, 18)


def test_every_figure_has_its_alt_text(report, document):
    alts = [block.content.alt for block in document.parts if isinstance(block.content, blocks.Figure)]

    assert sorted(alts) == sorted(tag["/Alt"] for tag in tags(report) if tag["/S"] == "/Figure")


def test_every_head_cell_says_what_it_heads(report):
    scopes = [str(tag["/A"]) for tag in tags(report) if tag["/S"] == "/TH"]

    assert scopes
    assert all("/Column" in scope for scope in scopes)


def test_tables_and_headings_are_those_of_the_document(report, document):
    counted = Counter(tag["/S"] for tag in tags(report))
    levels = Counter(f"/H{heading.level - 1}" for heading in document.headings)

    assert counted["/Table"] == sum(isinstance(part.content, Table) for part in document.parts)
    assert {level: counted[level] for level in levels} == levels


def test_bookmarks_lead_to_the_sections(report, document):
    outline = PdfReader(io.BytesIO(report)).outline
    titles = [entry["/Title"] for entry in outline if not isinstance(entry, list)]

    assert titles == [heading.text for heading in document.headings if heading.level == 2]


def test_footnotes_references_and_links_are_real():
    data = made(
        "## 一、文字\n\n见[](#wide)与[网页](https://a.example/)[^1]，再见[^1]。\n\n[^1]: 注释在此。", grid(3, id="wide")
    )
    kinds = Counter(tag["/S"] for tag in tags(data))

    assert kinds["/Note"] == 1
    assert kinds["/Link"] >= 2
    assert "见表1与网页1，再见1。" in squeezed("".join(extract(data)))


@pytest.mark.skipif(not shutil.which("qpdf"), reason="needs qpdf, which is not installed")
def test_qpdf_finds_no_fault(report, tmp_path):
    (tmp_path / "a.pdf").write_bytes(report)
    done = subprocess.run(["qpdf", "--check", tmp_path / "a.pdf"], capture_output=True, text=True)

    assert "No syntax or stream encoding errors found" in done.stdout


# What it carries


def test_the_data_of_tables_and_figures_are_attached(report, document):
    attached = PdfReader(io.BytesIO(report)).attachments
    tables = {p.content.id: p.content for p in document.parts if isinstance(p.content, Table)}
    drawn = {p.content.id for p in document.parts if isinstance(p.content, blocks.Figure) and p.content.data}
    names = {Path(name).name: content[0] for name, content in attached.items()}

    assert set(names) == {f"{name}.csv" for name in {*tables, *drawn}} | {"facts.json"}
    assert names["flow.csv"].decode("utf-8-sig") == csv_text(tables["flow"], "zh")


def test_no_word_of_the_document_is_lost(report, document):
    read = squeezed("".join(extract(report)))
    said = [part.content.text for part in document.parts if isinstance(part.content, blocks.Heading)]
    said += [
        cell for part in document.parts if isinstance(part.content, Table) for row in part.content.texts for cell in row
    ]
    flowing = "".join(extract(report))

    assert [words for words in said if squeezed(words) not in read] == []
    for part in document.parts:
        if isinstance(part.content, Passage):
            assert Counter(squeezed(plain_text(part.content.tokens))) - Counter(flowing) == Counter()


def test_numbers_of_the_text_are_read_back_whole(report, document):
    said = {n for p in document.parts if isinstance(p.content, Passage)
            for n in re.findall(r"\d[\d,.]*\d|\d", plain_text(p.content.tokens))}  # fmt: skip
    read = set(re.findall(r"\d[\d,.]*\d|\d", "\n".join(extract(report))))

    assert said - read == set()


# The page


def test_an_official_page_has_22_lines_of_28_characters():
    """GB/T 9704-2012, 5.2.2."""
    full = pages(made("## 一、正文\n\n" + HAN * 120))[1]

    assert [28] * 22 == [len(line) for line in full[:22]]
    assert full[22:] == ["— 2 —"]


def test_page_numbers_stand_on_the_outside():
    from pypdfium2 import PdfDocument

    with PdfDocument(made("## 一、正文\n\n" + HAN * 120)) as document:
        ends = [page.get_textpage().get_charbox(page.get_textpage().count_chars() - 3)[0] for page in document]

    assert ends[0] > A4[0] / 2 > ends[1]


def test_an_english_page_says_how_many_there_are():
    assert "Page 1 of 1" in " ".join(extract(made("Some words.", lang="en")))


def test_a_table_too_wide_for_its_page_lies_across():
    sizes = [
        tuple(map(round, page.mediabox[2:])) for page in PdfReader(io.BytesIO(made("前。", grid(30), "后。"))).pages
    ]

    assert A4[::-1] in sizes and A4 in sizes


def test_the_head_of_a_long_table_stands_on_every_page():
    with_table = [page for page in pages(made(grid(3, rows=120))) if any("第" in line for line in page)]

    assert len(with_table) > 2
    assert all(any("地区" in line for line in page) for page in with_table)


@pytest.mark.parametrize("lines", range(5, 9))
def test_the_last_row_of_a_table_never_stands_alone_on_a_page(lines):
    """After 7 lines of text the 20th row would stand on the next page by itself."""
    data = made("\n\n".join(["字" * 20] * lines), blocks.table(pd.DataFrame({"a": [f"row{n}" for n in range(20)]})))
    rows = [sum("row" in line for line in page) for page in pages(data)]

    assert 20 == sum(rows)
    assert min(count for count in rows if count) > 1


def test_ordinary_outputs_are_set_too():
    html = (
        "<table><thead><tr><th></th><th>births</th></tr></thead><tbody><tr><th>甲</th><td>12</td></tr></tbody></table>"
    )
    outputs = [
        v4.new_output("stream", name="stdout", text="printed"),
        v4.new_output("display_data", data={"text/html": html}),
    ]
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell("# 标题"), v4.new_code_cell("x", outputs=outputs)])
    read = extract(PdfExporter().from_notebook_node(notebook)[0])

    assert {"printed", "births", "甲 12"} <= set(read)


def test_a_character_that_the_serif_lacks_is_borrowed():
    assert "鄭州與鄚州" in "".join(extract(made("鄭州與鄚州")))


def office_font(path: Path, characters: str, family: str) -> None:
    font = TTFont(io.BytesIO(page_font(characters, FILES["body"])))
    font.flavor = None
    for number in (1, 4, 6):
        font["name"].setName(family, number, 3, 1, 0x409)
    font.save(path)


def test_the_page_is_set_in_the_fonts_of_the_office(tmp_path):
    office_font(tmp_path / "仿宋.otf", "任丘市州镇", "OfficeFang")
    notebook = v4.new_notebook(cells=[shown(blocks.meta("任丘市", lang="zh")), v4.new_markdown_cell("任丘市鄚州镇")])
    data = PdfExporter(fonts=str(tmp_path)).from_notebook_node(notebook)[0]
    used = {str(font["/BaseFont"]) for page in PdfReader(io.BytesIO(data)).pages
            for font in page["/Resources"]["/Font"].get_object().values()}  # fmt: skip

    assert "任丘市鄚州镇" in extract(data)
    assert any("OfficeFang" in name for name in used) and any("FPASans" in name for name in used)


def test_a_missing_glyph_is_refused(document):
    spoilt = Document(
        document.meta,
        (Part(Passage(({"type": "paragraph", "children": [{"type": "text", "raw": "𰻝"}]},)), 1),),
        (),
        {},
    )

    with pytest.raises(PublishError, match="the PDF of '任丘市.*' cannot be made: .*𰻝"):
        render(spoilt, FILES)


@pytest.mark.slow
def test_a_table_of_2800_rows_takes_seconds():
    import time

    start = time.process_time()
    data = made(grid(9, rows=2800))

    assert time.process_time() - start < 15
    assert "第2799县" in "".join(extract(data))


# Columns


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 40), st.sampled_from(["zh", "en"]))
def test_the_parts_of_a_table_hold_every_column_once_beside_the_first(columns, lang):
    _, across, parts = layout(grid(columns), lang, FILES)

    assert all(part[0] == 0 for part, _ in parts)
    assert [n for part, _ in parts for n in part[1:]] == list(range(1, columns))
    if not across:
        assert all(sum(widths) == pytest.approx(TEXT_WIDTH[lang], abs=0.1) for _, widths in parts)


def test_a_table_that_fits_is_one_part():
    size, across, parts = layout(grid(5), "zh", FILES)

    assert (size, across, len(parts)) == (10.5, False, 1)


def test_a_bold_row_of_totals_has_the_room_that_bold_takes():
    narrow = [_need(grid(5, total=bold), 1, 8.0, FILES, 9.0)[1] for bold in (False, True)]

    assert narrow[1] > narrow[0]


def test_short_texts_are_rather_broken_than_a_table_parted():
    words = {f"c{n}": ["second half of the year"] * 2 for n in range(6)}
    table = blocks.table(pd.DataFrame({"place": ["a", "b"], **words}), lang="en")

    assert len(_parts(table, 8.5, TEXT_WIDTH["en"], FILES, 9.0)) > 1
    _, across, parts = layout(table, "en", FILES)
    assert (across, len(parts)) == (False, 1)


def test_rows_whose_height_is_known_are_as_high_as_typst_would_set_them(document):
    words = ["短", "字" * 40, "a\nb", "1,234 [p]", "", "鄚州镇 (98.5%)", "合计"]
    table = Table((Column("place", "地区"), Column("n", "数")), words, tuple((w, w) for w in words), "表", total=True)
    given = replace(document, parts=(*document.parts, Part(replace(table, id="last"), 0)),
                    numbers={**document.numbers, "last": ("table", 99)})  # fmt: skip
    known = _Model(given, FILES, {}).files()
    model = json.loads(known["model.json"])
    parts = [part for block in model["parts"] if block["kind"] == "table" for part in block["parts"]]
    low = [part["low"] for part in parts]
    for part in parts:
        part["low"] = [False] * len(part["low"])
    measured = known | {"model.json": json.dumps(model, ensure_ascii=False).encode()}
    fonts = typst_fonts(*{path.parent for path in FILES.values()})

    assert low[-1] == [True, False, False, False, False, True, True]
    assert sum(map(sum, low)) > 0.8 * sum(map(len, low))
    assert _compiled(given, known, fonts) == _compiled(given, measured, fonts)


DAYS = {
    "数据收至2018年7月18日": dt.date(2018, 7, 18),
    "data received by 18 July 2018": dt.date(2018, 7, 18),
    "2018-07-18": dt.date(2018, 7, 18),
    "": NO_DATE,
}


@pytest.mark.parametrize("words", DAYS)
def test_the_date_is_that_of_the_data(words):
    assert DAYS[words] == _day(words)


# The same bytes


@pytest.mark.slow  # test_edition holds all formats together
def test_another_clock_and_hash_seed_give_the_same_bytes(tmp_path):
    notebook = v4.new_notebook(
        cells=[
            shown(blocks.meta("任丘市", lang="zh")),
            shown(grid(4)),
            v4.new_markdown_cell("鄚州镇[^1]\n\n[^1]: 注。"),
        ]
    )
    for n, cell in enumerate(notebook.cells):
        cell.id = f"c{n}"
    nbformat.write(notebook, tmp_path / "report.ipynb")
    script = (
        "import hashlib, sys; from fpanalysis.publish.pdf import PdfExporter;"
        "print(hashlib.sha256(PdfExporter().from_filename(sys.argv[1])[0]).hexdigest())"
    )
    hashes = {
        subprocess.run([sys.executable, "-c", script, tmp_path / "report.ipynb"], env={**os.environ, **other},
                       check=True, capture_output=True).stdout
        for other in ({"TZ": "Asia/Shanghai", "PYTHONHASHSEED": "1"}, {"TZ": "America/New_York", "PYTHONHASHSEED": "77"})
    }  # fmt: skip

    assert 1 == len(hashes)

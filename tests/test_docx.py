"""The Word file: official page, native parts, valid, equal bytes, quick; and the same lines in LibreOffice."""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from matplotlib import pyplot as plt
from nbconvert.exporters import get_exporter
from nbformat import v4, write
from openxml_audit import OpenXmlValidator
from PIL import Image

from fpanalysis import blocks
from fpanalysis.errors import PublishError
from fpanalysis.publish.docx import DocxExporter, extract
from fpanalysis.typeface import font_files, uncovered

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
TOWNS = pd.DataFrame({"place": ["鄚州镇", "青塔乡", "任丘市"], "a": [12, 30, 42], "b": [0.5, None, 0.6]})
COLUMNS = [blocks.Column("place", "地区"), blocks.Column("a", "男", "count", "人", "出生"),
           blocks.Column("b", "占比", "pct", "", "出生")]  # fmt: skip
SOFFICE = shutil.which("soffice")


def picture(**given):
    _, ax = plt.subplots(figsize=(3, 2))
    ax.plot([1, 2], [3, 4])
    return blocks.figure(ax, caption="月度出生", alt='出生"减少"<5%。', source="登记", id="births", **given)


def shown(*displayed, **cover):
    given = {"title": "任丘市<报告>", "lang": "zh", "office": "某局", "synthetic": True, "as_of": "数据收至2018年7月18日",
             "inputs": "1f2e", "release": "r3", **cover}  # fmt: skip
    outputs = [v4.new_output("display_data", data=b._repr_mimebundle_()) for b in (blocks.meta(**given), *displayed)]
    cell = v4.new_code_cell("secret_code()", id="a", outputs=outputs)
    return v4.new_notebook(cells=[cell], metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})


def report(**cover):
    return shown(
        blocks.facts([blocks.fact("出生人数", "5,584人", change="+0.2%", reference="预期 6,133")]),
        blocks.heading("一、出生"),
        blocks.prose("出生**减少**[^a]，\n见[](#towns)与[](#births)[^a]。[外](https://example.org/?a=1&b=2)"),
        blocks.table(
            TOWNS, columns=COLUMNS, caption="各乡镇", notes=["注：合成。"], source="登记", id="towns", total=True
        ),
        blocks.heading("（一）趋势", 3),
        picture(data=TOWNS),
        blocks.prose("[^a]: 与**上年**比。"),
        **cover,
    )


def made(notebook) -> bytes:
    return DocxExporter().from_notebook_node(notebook)[0]


@pytest.fixture(scope="module")
def file() -> bytes:
    return made(report())


def part(data, name):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name)


def tree(data, name="word/document.xml"):
    return ElementTree.fromstring(part(data, name))


def value(element, path):
    return element.find(path).get(f"{W}val")


def paragraphs(data, style):
    every = tree(data).iter(f"{W}p")
    return [p for p in every if p.find(f"{W}pPr/{W}pStyle") is not None and value(p, f"{W}pPr/{W}pStyle") == style]


def words(element):
    return "".join(t.text for t in element.iter(f"{W}t"))


def faults(data, tmp_path):
    path = tmp_path / "report.docx"
    path.write_bytes(data)
    return [f"{error.part_uri}: {error.description}" for error in OpenXmlValidator().validate(path).errors]


def test_nbconvert_knows_the_exporter():
    assert get_exporter("fp-docx") is DocxExporter


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_file_holds_to_the_schema(lang, tmp_path):
    assert faults(made(report(lang=lang)), tmp_path) == []


def test_the_schema_check_notices_a_wrong_order(file, tmp_path):
    """The check of the check: `w:jc` before `w:pStyle` is what Word repairs with a warning."""
    wrong = re.sub(rb'(<w:pStyle w:val="TableText"/>)(<w:keepNext/>)?(<w:jc w:val="right"/>)', rb"\3\1",
                   part(file, "word/document.xml"))  # fmt: skip
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(file)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, wrong if name == "word/document.xml" else old.read(name))

    assert faults(out.getvalue(), tmp_path)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_is_that_of_official_documents(lang):
    """GB/T 9704-2012, 5.2.1: A4, margins of 37, 35, 28, 26 mm, 22 lines; a twentieth of a point is 0.0176 mm."""
    section = tree(made(report(lang=lang))).find(f"{W}body/{W}sectPr")
    margins = {side: int(section.find(f"{W}pgMar").get(f"{W}{side}")) * 25.4 / 1440
               for side in ("top", "bottom", "left", "right")}  # fmt: skip

    assert {"top": 37, "bottom": 35, "left": 28, "right": 26} == {side: round(mm, 1) for side, mm in margins.items()}
    assert (section.find(f"{W}pgSz").get(f"{W}w"), section.find(f"{W}pgSz").get(f"{W}h")) == ("11906", "16838")
    assert 22 == (16838 - 2098 - 1984) // int(section.find(f"{W}docGrid").get(f"{W}linePitch"))


@pytest.mark.parametrize(
    ("style", "font", "size"),
    [("Heading1", "黑体", None), ("Heading2", "楷体", None), ("Heading3", "仿宋", None), ("Title", "方正小标宋简体", "44"),
     ("Footer", "宋体", "28")],
)  # fmt: skip
def test_each_level_has_its_font(file, style, font, size):
    found = next(s for s in tree(file, "word/styles.xml") if s.get(f"{W}styleId") == style)

    assert found.find(f"{W}rPr/{W}rFonts").get(f"{W}eastAsia") == font
    assert (found.find(f"{W}rPr/{W}sz") is None and size is None) or value(found, f"{W}rPr/{W}sz") == size


def test_body_is_16_points_in_fangsong(file):
    body = tree(file, "word/styles.xml").find(f"{W}docDefaults/{W}rPrDefault/{W}rPr")

    assert (body.find(f"{W}rFonts").get(f"{W}eastAsia"), value(body, f"{W}sz")) == ("仿宋", "32")


def test_page_numbers_are_mirrored(file):
    odd, even = (tree(file, f"word/footer{n}.xml").find(f"{W}p") for n in (1, 2))

    assert (value(odd, f"{W}pPr/{W}jc"), value(even, f"{W}pPr/{W}jc")) == ("right", "left")
    assert words(odd) == "— 1 —"
    assert tree(file, "word/settings.xml").find(f"{W}evenAndOddHeaders") is not None


def test_headings_are_native_and_keep_their_own_numbers(file):
    assert ["一、出生"] == [words(p) for p in paragraphs(file, "Heading1")]
    assert ["（一）趋势"] == [words(p) for p in paragraphs(file, "Heading2")]
    levels = {s.get(f"{W}styleId"): value(s, f"{W}pPr/{W}outlineLvl") for s in tree(file, "word/styles.xml")
              if s.get(f"{W}styleId", "").startswith("Heading")}  # fmt: skip

    assert {"Heading1": "0", "Heading2": "1", "Heading3": "2"} == levels


def test_the_title_block_names_office_title_period_and_notice(file):
    assert ["某局"] == [words(p) for p in paragraphs(file, "Cover")]
    assert ["任丘市<报告>"] == [words(p) for p in paragraphs(file, "Title")]
    assert "合成数据" in words(paragraphs(file, "Notice")[0])
    assert paragraphs(made(report(synthetic=False)), "Notice") == []


def test_a_long_title_breaks_where_its_sense_does():
    long = shown(title="任丘市2018年上半年人口与计划生育工作报告", period="2018年上半年")

    assert "任丘市2018年上半年 人口与计划生育工作报告" == extract(made(long))[1]


def test_a_footnote_stands_at_its_first_mention_and_is_referred_to_at_the_second(file):
    references = [r.get(f"{W}id") for r in tree(file).iter(f"{W}footnoteReference")]
    fields = [i.text.split()[:2] for i in tree(file).iter(f"{W}instrText")]
    notes = {n.get(f"{W}id"): words(n).strip() for n in tree(file, "word/footnotes.xml")}

    assert references == ["1"]
    assert fields == [["NOTEREF", "_RefNote1"]]
    assert notes == {"-1": "", "0": "", "1": "与上年比。"}


def test_head_rows_repeat_and_no_row_splits(file):
    tables = list(tree(file).iter(f"{W}tbl"))
    towns = tables[1]

    assert [True, True, False, False, False] == [
        r.find(f"{W}trPr/{W}tblHeader") is not None for r in towns.iter(f"{W}tr")
    ]
    assert all(r.find(f"{W}trPr/{W}cantSplit") is not None for table in tables for r in table.iter(f"{W}tr"))


def test_a_group_stands_over_its_columns(file):
    first = next(list(tree(file).iter(f"{W}tbl"))[1].iter(f"{W}tr"))

    assert ["", "出生"] == [words(c) for c in first.iter(f"{W}tc")]
    assert value(first, f".//{W}gridSpan") == "2"


def test_numbers_stand_right_and_the_total_is_bold(file):
    rows = list(list(tree(file).iter(f"{W}tbl"))[1].iter(f"{W}tr"))
    sides = [c.find(f"{W}p/{W}pPr/{W}jc") for c in rows[2].iter(f"{W}tc")]

    assert [None, "right", "right"] == [side if side is None else side.get(f"{W}val") for side in sides]
    assert len(list(rows[-1].iter(f"{W}b"))) == 3
    assert not list(rows[2].iter(f"{W}b"))


def test_references_lead_to_the_captions(file):
    links = {words(h): h.get(f"{W}anchor") for h in tree(file).iter(f"{W}hyperlink") if h.get(f"{W}anchor")}
    marks = {b.get(f"{W}name") for b in tree(file).iter(f"{W}bookmarkStart")}

    assert links == {"表1": "table_1", "图1": "figure_1"}
    assert set(links.values()) <= marks
    assert ["表1　各乡镇", "图1　月度出生"] == [words(p) for p in paragraphs(file, "Caption")][1:]


def test_an_outside_link_keeps_its_address(file):
    assert b'Target="https://example.org/?a=1&amp;b=2" TargetMode="External"' in part(
        file, "word/_rels/document.xml.rels"
    )


def test_notes_and_source_stand_below(file):
    lines = [words(p) for p in paragraphs(file, "TableNote") if words(p)]

    assert lines == ["注：合成。", "来源：登记", "来源：登记"]


def test_a_figure_says_in_words_what_it_shows(file):
    described = [d.get("descr") for d in tree(file).iter() if d.tag.endswith("}docPr")]

    assert described == ['出生"减少"<5%。']


def test_a_figure_is_sharp_and_carries_its_drawing(file):
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        names = {Path(name).suffix: name for name in archive.namelist() if "media/" in name}
        image = Image.open(io.BytesIO(archive.read(names[".png"])))

    assert set(names) == {".png", ".svg"}
    assert image.width == pytest.approx(3 * 200, abs=2)
    darkest, palest = image.convert("L").getextrema()

    assert darkest < 60 < 250 < palest


def test_short_data_stand_below_a_figure_and_long_data_are_left_to_the_annex(file):
    long = pd.DataFrame({"place": [f"{n}乡" for n in range(9)], "a": range(9)})
    apart = made(shown(picture(data=long)))

    assert len(list(tree(file).iter(f"{W}tbl"))) == 3
    assert not list(tree(apart).iter(f"{W}tbl"))
    assert any("电子表格" in line for line in extract(apart))


def test_no_space_stands_at_a_line_end_between_chinese_words(file):
    assert any("，见" in line for line in extract(file))


def test_code_is_not_shown(file):
    assert "secret_code" not in " ".join(extract(file))


def test_all_texts_are_extracted_in_order_with_footnotes_last(file):
    found = extract(file)

    assert ["指标", "数值", "变化", "参照", "出生人数", "5,584人", "+0.2%", "预期 6,133"] == found[5:13]
    assert found[-1] == "与上年比。"
    assert {"鄚州镇", "12", "50.0%", "60.0%"} <= set(found)


@pytest.mark.parametrize(("lang", "named"), [("zh", "zh-CN"), ("en", "en-GB")])
def test_properties_say_language_title_office_and_the_reports_day(lang, named):
    as_of = {"zh": "数据收至2018年7月18日", "en": "data received by 18 July 2018"}[lang]
    core = part(made(report(lang=lang, as_of=as_of)), "docProps/core.xml").decode()

    assert f"<dc:language>{named}</dc:language>" in core
    assert "<dc:title>任丘市&lt;报告&gt;</dc:title><dc:subject>" in core
    assert "<dc:creator>某局</dc:creator>" in core
    assert core.count("2018-07-18T00:00:00Z") == 2


@pytest.mark.slow  # test_edition holds all formats together
def test_two_runs_give_the_same_bytes(tmp_path, file):
    write(report(), tmp_path / "report.ipynb")
    code = "import sys; from fpanalysis.publish.docx import DocxExporter; sys.stdout.buffer.write(DocxExporter().from_filename(sys.argv[1])[0])"
    runs = {
        subprocess.run([sys.executable, "-c", code, tmp_path / "report.ipynb"], capture_output=True, check=True,
                       env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone}).stdout
        for seed, zone in (("1", "Asia/Shanghai"), ("2", "America/New_York"))
    }  # fmt: skip

    assert runs == {file}


def test_a_wide_table_gets_a_turned_page_and_its_heading_goes_with_it():
    wide = pd.DataFrame({"place": ["鄚州镇"], **{f"c{n}": [1234567.89] for n in range(9)}})
    data = made(
        shown(blocks.prose("前。"), blocks.heading("一、宽表"), blocks.table(wide, id="w"), blocks.prose("后。"))
    )
    pages = [s.find(f"{W}pgSz").get(f"{W}orient", "") for s in tree(data).iter(f"{W}sectPr")]
    body = list(tree(data).find(f"{W}body"))
    first_end = next(n for n, p in enumerate(body) if p.find(f"{W}pPr/{W}sectPr") is not None)

    assert pages == ["", "landscape", ""]
    assert words(body[first_end + 1]) == "一、宽表"


def test_a_table_too_wide_for_any_page_is_set_as_several_with_the_row_names():
    wide = pd.DataFrame({"place": ["鄚州镇"], **{f"c{n}": [1234567.89] for n in range(30)}})
    data = made(shown(blocks.table(wide, caption="各项", id="w")))
    tables = list(tree(data).iter(f"{W}tbl"))

    assert len(tables) > 1
    assert all(words(t).startswith("place") and "鄚州镇" in words(t) for t in tables)
    assert 30 == sum(words(t).count("1,234,567.89") for t in tables)
    assert any(line == "表1（续）" for line in extract(data))


def test_2800_rows_take_under_five_seconds():
    """A county a row, nine columns: 25,200 cells; the gates of the notebook included."""
    counties = pd.DataFrame({"place": [f"{n}县" for n in range(2800)], **{f"c{n}": range(2800) for n in range(8)}})
    notebook = shown(blocks.table(counties, caption="全国", id="counties"))
    begun = time.process_time()
    data = made(notebook)

    assert time.process_time() - begun < 5
    assert len(extract(data)) > 2800 * 9


def test_ordinary_outputs_take_a_sensible_form(tmp_path):
    drawn = io.BytesIO()
    Image.new("RGB", (96, 48), "#1b4f80").save(drawn, "png")
    png = base64.b64encode(drawn.getvalue()).decode()
    spans = pd.DataFrame({("甲", "x"): [1], ("甲", "y"): [2]}, index=["任丘市"]).to_html()
    outputs = [
        v4.new_output("execute_result", data={"text/html": f"<style>td{{}}</style>{spans}<p>脚</p>"}),
        v4.new_output("stream", name="stdout", text="a < b\n"),
        v4.new_output("display_data", data={"image/png": png}, metadata={"image/png": {"alt": "蓝"}}),
        v4.new_output("display_data", data={"image/svg+xml": '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="40"><rect width="9" height="9"/></svg>'},
                      metadata={"image/svg+xml": {"alt": "方"}}),
    ]  # fmt: skip
    data = made(v4.new_notebook(cells=[v4.new_markdown_cell("# 题"), v4.new_code_cell("x", outputs=outputs)]))
    sizes = [(e.get("cx"), e.get("cy")) for e in tree(data).iter() if e.tag.endswith("}extent")]

    assert {"甲", "x", "y", "任丘市", "1", "2", "脚", "a < b"} <= set(extract(data))
    assert sizes[0] == ("914400", "457200")
    assert faults(data, tmp_path) == []


def test_a_refusal_names_the_file(tmp_path):
    path = tmp_path / "06_report.ipynb"
    write(v4.new_notebook(cells=[v4.new_markdown_cell("x", id="a")]), path)

    with pytest.raises(PublishError, match=r"notebook 06_report\.ipynb: it has no title"):
        DocxExporter().from_filename(str(path))


def to_pdf(data, folder):
    """Return the pages of a Word file as LibreOffice sets it, every font name standing for the bundled font."""
    (folder / "a.docx").write_bytes(data)
    fonts = font_files()["regular"].parent
    (folder / "fonts.conf").write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">'
        f"<fontconfig><dir>{fonts}</dir><cachedir>{folder}/cache</cachedir></fontconfig>",
        "utf-8",
    )
    profile = f"-env:UserInstallation=file://{folder}/profile"
    subprocess.run([SOFFICE, profile, "--headless", "--convert-to", "pdf", "--outdir", folder, folder / "a.docx"],
                   env={**os.environ, "FONTCONFIG_FILE": str(folder / "fonts.conf")}, check=True, capture_output=True,
                   timeout=120)  # fmt: skip
    laid = subprocess.run(["pdftotext", "-layout", folder / "a.pdf", "-"], capture_output=True, check=True).stdout
    return laid.decode("utf-8").split("\f")


@pytest.mark.skipif(not (SOFFICE and shutil.which("pdftotext")), reason="needs LibreOffice and pdftotext")
def test_a_page_full_of_hanzi_shows_22_lines_of_28_characters(tmp_path):
    """GB/T 9704-2012, 5.2.2, as LibreOffice sets the page."""
    every = "".join(chr(code) for code in range(0x4E00, 0x9FA0))
    hanzi = "".join(sorted(set(every) - uncovered(every, font_files())))[: 22 * 28 * 3]
    pages = to_pdf(made(shown(blocks.prose(hanzi), synthetic=False)), tmp_path)
    lines = [line.strip() for line in pages[1].splitlines() if re.match("[\u4e00-\u9fff]", line.strip())]

    assert [28] * 22 == [len(line) for line in lines]
    assert re.search(r"—\s*2\s*—", pages[1])

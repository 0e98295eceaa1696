"""The annex: read back with openpyxl and from its XML; numbers are numbers, text is text, equal bytes."""

from __future__ import annotations

import datetime as dt
import io
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile

import pandas as pd
import pytest
from matplotlib import pyplot as plt
from nbconvert.exporters import get_exporter
from nbformat import v4, write
from openpyxl import load_workbook

from fpanalysis import blocks
from fpanalysis.publish.xlsx import XlsxExporter, extract, numbers

OFFICE = shutil.which("libreoffice") or shutil.which("soffice")

HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("x")']
WORDS = {
    "zh": {"title": "任丘市半年报", "as_of": "数据收至2018年7月18日", "place": "地区", "months": ["2018年5月", "2018年6月"]},
    "en": {"title": "Renqiu half-year", "as_of": "data received by 18 July 2018", "place": "Place", "months": ["May 2018", "June 2018"]},
}  # fmt: skip


def _figure(id, frame, columns, lang):
    _, ax = plt.subplots(figsize=(3, 2))
    data = blocks.table(frame, columns=columns, lang=lang)
    return blocks.figure(ax, caption=f"C {id}", alt=f'"{id}" fell <5%.', data=data, lang=lang, id=id)


def _shown(lang):
    words = WORDS[lang]
    place = blocks.Column("place", words["place"])
    towns = pd.DataFrame({"place": ["鄚州镇", "b", "all"], "n": [1234, 30, 1264], "s": [0.98567, None, 1.0],
                          "r": [(106.25, 101.5, 111.75), (99.0, 80.0, float("inf")), (105.0, 100.0, 110.0)]})  # fmt: skip
    columns = [place, blocks.Column("n", "n", "count", "u", "g"), blocks.Column("s", "s", "pct"),
               blocks.Column("r", "r", "n1", interval=True)]  # fmt: skip
    months = pd.DataFrame({"period": words["months"], "v": [(10, 8, 12), (11, 9, 13)]})
    ratios = pd.DataFrame({"place": ["a", "b"], "r": [(106.5, 100, 112), (99, 90, 108)]})
    bars = pd.DataFrame({"place": ["a", "b"], "n": [7, 5]})
    hostile = pd.DataFrame({"place": HOSTILE, "n": range(len(HOSTILE))})
    return [
        blocks.meta(words["title"], lang=lang, as_of=words["as_of"], synthetic=True, inputs="sha256:1f"),
        blocks.facts([blocks.fact("f", "5,584", raw=5584, change="+0.2%")]),
        blocks.table(towns, columns=columns, lang=lang, caption="Towns: all", notes=["* n"], source="s", total=True),
        _figure("months", months, [blocks.Column("period", "p"), blocks.Column("v", "v", "count", interval=True)], lang),
        _figure("ratios", ratios, [place, blocks.Column("r", "r", "n1", interval=True)], lang),
        _figure("bars", bars, [place, blocks.Column("n", "n", "count")], lang),
        blocks.table(hostile, columns=[place, blocks.Column("n", "=n", "count")], lang=lang, caption="=x"),
    ]  # fmt: skip


def _notebook(lang="zh"):
    outputs = [v4.new_output("display_data", data=block._repr_mimebundle_()) for block in _shown(lang)]
    outputs += [
        v4.new_output(
            "execute_result", data={"text/html": pd.DataFrame({"a": [1.5, 2.25]}).to_html(), "text/plain": "x"}
        )
    ]
    return v4.new_notebook(cells=[v4.new_code_cell("secret()", id="a", outputs=outputs)])


def _made(lang="zh"):
    return XlsxExporter().from_notebook_node(_notebook(lang))[0]


@pytest.fixture(scope="module")
def data() -> bytes:
    return _made()


@pytest.fixture(scope="module")
def book(data):
    return load_workbook(io.BytesIO(data))


def parts(data, pattern):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [archive.read(name).decode() for name in sorted(archive.namelist()) if re.search(pattern, name)]


def test_nbconvert_knows_the_exporter():
    assert get_exporter("fp-xlsx") is XlsxExporter


def test_sheets_stand_in_the_order_of_the_report(book):
    assert book.sheetnames == ["封面", "目录", "说明", "主要数字", "表1 Towns", "图1 C months", "图2 C ratios", "图3 C bars",
                               "表2 =x", "计算结果1"]  # fmt: skip


def test_every_sheet_but_the_cover_holds_one_native_table(book):
    assert [len(sheet.tables) for sheet in book] == [0, *[1] * (len(book.sheetnames) - 1)]
    assert all(table.autoFilter for sheet in book for table in sheet.tables.values())


def test_nothing_is_merged_and_nothing_is_a_formula(book):
    assert not [sheet.title for sheet in book if sheet.merged_cells.ranges]
    assert {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row} <= {"n", "s", "d"}


def test_hostile_text_stays_text_also_when_it_is_edited(book):
    cells = [cell for cell in book["表2 =x"]["A"] if cell.value in HOSTILE]

    assert [(cell.value, cell.data_type, cell.quotePrefix) for cell in cells] == [
        (words, "s", True) for words in HOSTILE
    ]


def test_numbers_are_numbers_with_the_format_of_the_report(book):
    sheet = book["表1 Towns"]
    first = next(row for row in sheet.iter_rows() if row[0].value == "鄚州镇")

    assert [(cell.value, cell.number_format) for cell in first[1:]] == [
        (1234, "#,##0"), (0.98567, "0.0%"), (106.25, "#,##0.0"), (101.5, "#,##0.0"), (111.75, "#,##0.0")]  # fmt: skip


def test_missing_and_infinite_are_marks(book):
    row = next(row for row in book["表1 Towns"].iter_rows(values_only=True) if row[0] == "b")

    assert row == ("b", 30, "–", 99, 80, "∞")


def test_the_total_is_the_tables_own_total_row(book):
    assert [table.name for sheet in book for table in sheet.tables.values() if table.totalsRowCount] == ["table_4"]


def test_heads_are_frozen_and_repeated_on_paper(book):
    for sheet in book.worksheets[1:]:
        head = int(re.search(r"[A-Z]+(\d+):", next(iter(sheet.tables.values())).ref)[1])

        assert sheet.freeze_panes == f"B{head + 1}"
        assert sheet.print_title_rows == f"${head}:${head}"
        assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)


def test_every_figure_has_a_native_chart_with_its_alternative_text(data):
    drawn = parts(data, r"drawings/drawing\d")

    assert [re.search(r'descr="([^"]*)"', xml)[1] for xml in drawn] == [
        f"&quot;{name}&quot; fell &lt;5%." for name in ("months", "ratios", "bars")]  # fmt: skip
    assert [re.search(r"<c:(lineChart|barChart)>", xml)[1] for xml in parts(data, r"charts/chart\d")] == [
        "lineChart", "lineChart", "barChart"]  # fmt: skip


def test_charts_are_drawn_from_cells(data):
    for xml in parts(data, r"charts/chart\d"):
        assert xml.count("<c:numRef>") == xml.count("<c:ser>") > 0


def test_properties_come_from_the_report(book):
    assert book.properties.created == dt.datetime(2018, 7, 18)
    assert book.properties.title == "任丘市半年报"
    assert book.custom_doc_props["inputs"].value == "sha256:1f"


def test_the_cover_says_that_data_are_synthetic(data):
    assert any(isinstance(value, str) and value.startswith("合成数据") for value in extract(data))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_what_is_read_back_is_what_openpyxl_reads(lang):
    days = pd.DataFrame({"d": ["2018-06-30"], "m": ["2018-05"], "t": ["y 2018-01-02"], "n": [12.5]})
    columns = [blocks.Column("d", "d", "date"), blocks.Column("m", "m", "month"), blocks.Column("t", "yyyy"),
               blocks.Column("n", "n", "n1", "y")]  # fmt: skip
    shown = [*_shown(lang), blocks.table(days, columns=columns, lang=lang, caption="Days", notes=["< 1900"])]
    outputs = [v4.new_output("display_data", data=block._repr_mimebundle_()) for block in shown]
    made, _ = XlsxExporter().from_notebook_node(v4.new_notebook(cells=[v4.new_code_cell("x", outputs=outputs)]))
    cells = [cell.value for sheet in load_workbook(io.BytesIO(made)) for row in sheet.iter_rows() for cell in row]
    expected = [value.date().isoformat() if isinstance(value, dt.datetime) else value for value in cells]

    assert {"2018-06-30", "2018-05-01", 12.5} <= set(extract(made))
    assert extract(made) == [value for value in expected if value is not None]


def test_every_link_leads_to_a_sheet(book):
    places = [cell.hyperlink.location for sheet in book for row in sheet.iter_rows() for cell in row if cell.hyperlink]

    assert len(places) > 10
    assert {re.match(r"'?(.*?)'?!A1", place)[1] for place in places} <= set(book.sheetnames)


def test_both_languages_hold_the_same_numbers(data):
    assert numbers(data) == numbers(_made("en")) >= {5584.0, 1234.0, 0.98567, 106.25, 111.75, 1.5, 2.25}


def test_code_is_not_shown(data):
    assert not any("secret" in str(value) for value in extract(data))


@pytest.mark.slow  # test_edition holds all formats together
def test_two_runs_give_the_same_bytes(tmp_path, data):
    write(_notebook(), tmp_path / "report.ipynb")
    code = "import sys; from fpanalysis.publish.xlsx import XlsxExporter; sys.stdout.buffer.write(XlsxExporter().from_filename(sys.argv[1])[0])"
    made = {
        subprocess.run([sys.executable, "-c", code, tmp_path / "report.ipynb"], capture_output=True, check=True,
                       env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone}).stdout
        for seed, zone in (("1", "Asia/Shanghai"), ("2", "America/New_York"))
    }  # fmt: skip

    assert made == {data}


def test_a_table_of_2800_rows_takes_seconds():
    frame = pd.DataFrame({"place": [f"p{n}" for n in range(2800)], **{f"v{k}": range(k, 2800 + k) for k in range(8)}})
    shown = [blocks.meta("Counties", lang="en"), blocks.table(frame, lang="en", caption="All")]
    outputs = [v4.new_output("display_data", data=block._repr_mimebundle_()) for block in shown]
    notebook = v4.new_notebook(cells=[v4.new_code_cell("x", outputs=outputs)])
    before = time.process_time()
    made, _ = XlsxExporter().from_notebook_node(notebook)

    assert time.process_time() - before < 10
    assert len(numbers(made)) == 2807


@pytest.mark.slow
@pytest.mark.skipif(OFFICE is None, reason="no LibreOffice here: apt-get install libreoffice-calc")
def test_libreoffice_opens_it(tmp_path, data):
    (tmp_path / "annex.xlsx").write_bytes(data)
    subprocess.run([OFFICE, f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}", "--headless", "--convert-to",
                    "ods", "--outdir", tmp_path, tmp_path / "annex.xlsx"], check=True, capture_output=True, timeout=300)  # fmt: skip

    assert (tmp_path / "annex.ods").stat().st_size > 5_000

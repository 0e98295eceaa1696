"""The page: one file, nothing loaded, readable without script, equal bytes, small."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import pandas as pd
import pytest
from fontTools.ttLib import TTFont
from matplotlib import pyplot as plt
from nbconvert.exporters import get_exporter
from nbformat import v4, write

from fpanalysis import blocks
from fpanalysis.errors import PublishError
from fpanalysis.publish.html import HtmlExporter, extract
from fpanalysis.typeface import font_files, page_font, register_matplotlib

TOWNS = pd.DataFrame({"place": ["鄚州镇", "青塔乡", "任丘市"], "a": [12, 30, 42], "b": [0.5, None, 0.6]})
COLUMNS = [blocks.Column("place", "地区"), blocks.Column("a", "男", "count", "人", "出生"),
           blocks.Column("b", "占比", "pct", "", "出生")]  # fmt: skip


def _figure():
    _, ax = plt.subplots(figsize=(3, 2))
    ax.plot([1, 2], [3, 4])
    return blocks.figure(ax, caption="月度出生", alt='出生"减少"<5%。', data=TOWNS, source="登记", id="births")


def _notebook(**given):
    shown = [
        blocks.meta(**{"title": "任丘市<报告>", "lang": "zh", "office": "某局", "synthetic": True, "other": "report.en.html",
                       "as_of": "2018年7月18日", "inputs": "sha256:1f", **given}),
        blocks.facts([blocks.fact("出生人数", "5,584人", change="+0.2%", reference="预期 6,133")]),
        blocks.heading("一、出生"),
        blocks.prose("出生**减少**[^a]，\n见[](#towns)与[](#births)[^a]。[坏](javascript:x) <br> 1 < 2"),
        blocks.table(TOWNS, columns=COLUMNS, caption="各乡镇", notes=["注：合成。"], source="登记", id="towns", total=True),
        blocks.heading("（一）趋势", 3),
        _figure(),
        blocks.prose("| 甲 | 乙 |\n|---|--:|\n| 1 | 2 |\n\n[^a]: 与**上年**比。"),
    ]  # fmt: skip
    outputs = [v4.new_output("display_data", data=block._repr_mimebundle_()) for block in shown]
    html = '<style>td{color:red}</style><table onclick="x"><thead><tr><th></th><th>a</th></tr></thead><tbody><tr><th>0</th><td>1</td></tr></tbody></table><script>alert(1)</script>'
    outputs += [v4.new_output("execute_result", data={"text/html": html, "text/plain": "x"}),
                v4.new_output("stream", name="stdout", text="a < b\n")]  # fmt: skip
    cell = v4.new_code_cell("secret_code()", id="a", outputs=outputs)
    return v4.new_notebook(cells=[cell], metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})


@pytest.fixture(scope="module")
def page() -> str:
    return HtmlExporter().from_notebook_node(_notebook())[0]


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def tags(page, name):
    return [attributes for tag, attributes in Tags(page).found if tag == name]


def test_nbconvert_knows_the_exporter():
    assert get_exporter("fp-html") is HtmlExporter
    assert HtmlExporter().file_extension == ".html"


@pytest.mark.parametrize(("lang", "html_lang"), [("zh", "zh-CN"), ("en", "en")])
def test_language_and_title_are_said(lang, html_lang):
    page, _ = HtmlExporter().from_notebook_node(_notebook(lang=lang))

    assert tags(page, "html") == [{"lang": html_lang}]
    assert "<title>任丘市&lt;报告&gt;</title>" in page
    assert len(tags(page, "h1")) == 1


def test_code_is_not_shown(page):
    assert "secret_code" not in page


def test_nothing_is_loaded_and_one_script_runs_that_is_named_by_its_hash(page):
    addresses = [a.get("src") or a.get("href") or a.get("data") for _, a in Tags(page).found]
    script = re.search(r"<script[^>]*>(.*?)</script>", page)[1]
    named = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    assert f"default-src 'none'; script-src 'sha256-{named}'" in page
    assert page.count("<script") == 1 and not re.search(r"fetch|XMLHttp|import|eval|src=", script)
    assert not re.search(r"<link|<iframe|@import|onclick|javascript:", page)
    assert not [a for a in addresses if a and re.match(r"https?:|//", a)]
    assert set(re.findall(r"url\(([a-z]+|#)", page)) <= {"data", "#"}


def test_every_inner_link_has_its_target(page):
    ids = [a["id"] for _, a in Tags(page).found if "id" in a]
    links = [a["href"][1:] for a in tags(page, "a") if a.get("href", "").startswith("#")]

    assert len(set(ids)) == len(ids)
    assert set(links) <= set(ids)


def test_references_become_the_number_of_what_they_name(page):
    assert "<a href=#towns>表1</a>与<a href=#births>图1</a>" in page


def test_a_line_end_between_chinese_characters_is_no_space(page):
    assert "，见<a" in page


def test_a_footnote_leads_back_to_each_mention(page):
    assert ["#r1-1", "#r1-2"] == [a["href"] for a in tags(page, "a") if a.get("class") == "back"]
    assert [a["id"] for a in tags(page, "a") if "id" in a] == ["r1-1", "r1-2"]


def test_every_head_has_its_scope_and_every_region_its_name(page):
    heads = [a.get("scope") for part in page.split("<thead>")[1:] for a in tags(part.partition("<tbody>")[0], "th")]
    regions = [a["aria-label"] for a in tags(page, "div") if a.get("role") == "region"]

    assert len(heads) == 10 and set(heads) == {"col", "colgroup"}
    assert all(row.startswith("<th") for row in re.findall(r"<tbody>(?:\n<tr[^>]*>(<th|<td))", page))
    assert len(regions) == len(set(regions)) == 5


def test_a_figure_is_named_for_those_who_cannot_see_it(page):
    drawn = tags(page, "svg")

    assert [("img", '出生"减少"<5%。')] == [(a["role"], a["aria-label"]) for a in drawn]


def test_a_cell_carries_what_it_holds_where_the_script_cannot_read_it_off(page):
    """Test_accessibility runs the script; here: 30 and – are read off, and so is 50.0%."""
    body = page.split("<tbody>")[1].partition("</table>")[0]

    assert "青塔乡<td>30<td>–" in body and "鄚州镇<td>12<td>50.0%" in body
    assert "data-v" not in body


@pytest.mark.parametrize(
    ("raw", "printed", "kind", "interval", "held"),
    [
        (1234, "1,234", "count", False, None),
        (0.985, "98.5%", "pct", False, None),
        (-960.0, "−960.00", "money", False, None),
        (0.98476, "98.5%", "pct", False, "0.98476"),
        ((0.5, 0.4, 0.6), "50% (40%–60%)", "pct", True, None),
        ((105.97, 100.558, 111.6), "106.0 (100.6–111.6)", "n1", True, "105.97|100.558|111.6"),
        ((7, None, None), "7", "count", True, "7"),
        (None, "*", "count", False, ""),
        ("=1+1", "=1+1", "text", False, "'=1+1"),
        ("1,234", "1,234", "text", False, None),
    ],
)
def test_what_a_cell_holds_stands_beside_what_it_prints(raw, printed, kind, interval, held):
    columns = (blocks.Column("a", "甲"), blocks.Column("b", "乙", kind, interval=interval))
    shown = [blocks.meta("题", lang="zh"), blocks.Table(columns, (("行", raw),), (("行", printed),), "表", id="t")]
    outputs = [v4.new_output("display_data", data=block._repr_mimebundle_()) for block in shown]
    page, _ = HtmlExporter().from_notebook_node(v4.new_notebook(cells=[v4.new_code_cell("x", outputs=outputs)]))

    assert [held] == [cell.get("data-v") for cell in tags(page.partition("<tbody>")[2], "td")]


def test_an_ordinary_table_is_made_harmless(page):
    assert "color:red" not in page and "alert" not in page
    assert "<tr><td><th scope=col>a" in page
    assert "<th scope=row>0<td>1" in page
    assert "<pre>a &lt; b</pre>" in page


def test_a_banner_says_that_data_are_synthetic(page):
    assert "合成数据" in page
    assert "合成数据" not in HtmlExporter().from_notebook_node(_notebook(synthetic=False))[0]
    assert "只作演示" in HtmlExporter().from_notebook_node(_notebook(notice="只作演示"))[0]


def test_the_other_language_is_a_link(page):
    link = next(a for a in tags(page, "a") if a.get("href") == "report.en.html")

    assert (link["lang"], link["hreflang"]) == ("en", "en")


def faces(page):
    found = re.findall(r"font-weight:(\d+);src:url\(data:font/woff2;base64,([^)]*)\)", page)
    return {weight: TTFont(io.BytesIO(base64.b64decode(content))).getBestCmap() for weight, content in found}


def test_the_page_carries_its_characters_as_two_weights(page):
    fonts = faces(page)

    assert set(fonts) == {"400", "700"}
    assert all(ord(character) in fonts["400"] for character in "鄚州镇青塔乡占比登记")
    assert all(ord(character) in fonts["700"] for character in "任丘市减少")
    assert ord("龘") not in fonts["400"]


def test_what_an_office_font_lacks_is_borrowed_for_those_characters_alone(tmp_path):
    for weight in ("regular", "bold"):
        font = TTFont(io.BytesIO(page_font("任丘市", font_files()[weight])))
        font.flavor = None
        font.save(tmp_path / f"office-{weight}.otf")
    cells = [v4.new_markdown_cell("# 任丘市鄚")]
    page, _ = HtmlExporter(fonts=str(tmp_path)).from_notebook_node(v4.new_notebook(cells=cells))
    ranges = re.findall(r"font-weight:700;src:[^}]*?(unicode-range:[^}]*)?}", page)

    assert sorted(ranges)[0] == ""
    assert "U+911A" in sorted(ranges)[1] and "U+4EFB" not in sorted(ranges)[1]


def test_a_page_without_fonts_is_small():
    page, _ = HtmlExporter(embed_fonts=False).from_notebook_node(_notebook())

    assert faces(page) == {}
    assert len(page.encode()) < 30_000


def test_what_a_page_says_is_read_back(page):
    said = extract(page.encode())

    assert {"5,584人", "+0.2%", "预期 6,133", '出生"减少"<5%。', "12", "50.0%", "一、出生"} <= set(said)
    assert not [words for words in said if "font-face" in words or "secret" in words]


def test_formatting_within_a_line_parts_no_number_and_a_footnote_does():
    assert extract("<p>共<b>1,5</b>59<sup><a>2</a></sup>件</p>".encode())[:2] == ["共1,559", "2"]


def test_the_sample_page_is_small(edition):
    """At most 80 kB without fonts and 200 kB with (80 and 200 thousand bytes)."""
    for lang in ("zh", "en"):
        page = (edition / f"report.{lang}.html").read_bytes()
        bare = re.sub(rb"@font-face\{[^}]*\}", b"", page)

        assert len(page) <= 200_000
        assert 30_000 < len(bare) <= 80_000


def test_the_sample_page_has_what_a_reader_needs(edition):
    """Headline figures with reference and change, contents, data under each figure, tables to take away, the other page."""
    page = (edition / "report.zh.html").read_text("utf-8")
    tables = len([a for a in tags(page, "div") if (a.get("class") or "").split()[:1] == ["table"]])
    figures = page.count("<figure ")

    assert min(tables, figures) >= 4
    assert page.count("<details class=data>") == figures
    assert len([a for a in tags(page, "table") if "grid" in a.get("class", "").split()]) == tables + figures
    assert len(tags(page, "nav")) == 1
    assert "href=report.en.html" in page and "校正延迟后比上年同期" in page and "95%区间" in page
    assert "@media print" in page and "position:sticky" in page.replace(" ", "")


@pytest.mark.slow  # test_edition holds all formats together
def test_two_runs_give_the_same_bytes(tmp_path, page):
    write(_notebook(), tmp_path / "report.ipynb")
    code = "import sys; from fpanalysis.publish.html import HtmlExporter; sys.stdout.buffer.write(HtmlExporter().from_filename(sys.argv[1])[0].encode())"
    made = {
        subprocess.run([sys.executable, "-c", code, tmp_path / "report.ipynb"], capture_output=True, check=True,
                       env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone}).stdout
        for seed, zone in (("1", "Asia/Shanghai"), ("2", "UTC"))
    }  # fmt: skip

    assert made == {page.encode()}


def test_a_refusal_names_the_file(tmp_path):
    path = tmp_path / "06_report.ipynb"
    write(v4.new_notebook(cells=[v4.new_markdown_cell("x", id="a")]), path)

    with pytest.raises(PublishError, match=r"notebook 06_report\.ipynb: it has no title"):
        HtmlExporter().from_filename(str(path))


def test_a_pandas_table_of_a_plain_notebook_is_published():
    output = v4.new_output("execute_result", data={"text/html": TOWNS.to_html(), "text/plain": str(TOWNS)})
    cells = [v4.new_markdown_cell("# 出生"), v4.new_code_cell("x", outputs=[output])]
    page, _ = HtmlExporter().from_notebook_node(v4.new_notebook(cells=cells))

    assert "鄚州镇" in page
    assert all("scope" in a for a in tags(page, "th"))


def test_bold_words_inside_a_drawing_have_their_glyphs():
    """A figure's repeated styles become classes; what those make bold must be in the bold font all the same."""
    with plt.rc_context({"font.family": register_matplotlib(font_files())}):
        _, ax = plt.subplots(figsize=(3, 2))
        for height, word in enumerate(("峽", "鷺", "萬")):
            ax.annotate(word, (0, height / 3), weight="bold")
    shown = [blocks.meta("题", lang="zh"), blocks.figure(ax, caption="图", alt="字。", id="f")]
    outputs = [v4.new_output("display_data", data=block._repr_mimebundle_()) for block in shown]
    page, _ = HtmlExporter().from_notebook_node(v4.new_notebook(cells=[v4.new_code_cell("x", outputs=outputs)]))

    assert all(ord(character) in faces(page)["700"] for character in "峽鷺萬")

"""Markdown in Word: form, lists, links, notes, pictures."""

import base64
import io
from xml.etree import ElementTree

import mistune
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fpanalysis.publish.word_page import Relations
from fpanalysis.publish.word_text import Writing, blocks_xml, fit, picture_size, run

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
SPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"'
)
PARSER = mistune.create_markdown(renderer=None, plugins=["footnotes", "table", "strikethrough"])


def writing(lang="zh"):
    return Writing(lang, {"towns": ("table", 3)}, Relations(), len, lambda drawings: [b""] * len(drawings), 442.2)


def written(markdown, lang="zh", to=None):
    tokens = [token for token in PARSER(markdown) if token["type"] != "footnotes"]
    return ElementTree.fromstring(f"<x {SPACES}>{blocks_xml(tokens, to or writing(lang))}</x>")


def words(element):
    return "".join(t.text or "" for t in element.iter(f"{W}t"))


def styles(element):
    return [style.get(f"{W}val") for style in element.iter(f"{W}pStyle")]


def test_strong_emphasis_and_struck_words_have_their_form():
    made = written("a **b** *c* ~~d~~ `e`")
    forms = {words(r): [child.tag.removeprefix(W) for child in r.find(f"{W}rPr") or ()] for r in made.iter(f"{W}r")}

    assert forms["b"] == ["b", "bCs"]
    assert forms["d"] == ["strike"]
    assert (forms["c"], forms["e"]) == (["rStyle"], ["rStyle"])


def test_lists_are_native_nested_and_begin_where_the_text_says():
    to = writing()
    made = written("- a\n  - b\n\n3. c\n4. d", to=to)
    found = [(words(p), p.find(f".//{W}ilvl").get(f"{W}val"), p.find(f".//{W}numId").get(f"{W}val")) for p in made]

    assert found == [("a", "0", "1"), ("b", "1", "2"), ("c", "0", "3"), ("d", "0", "3")]
    assert to.lists == [(False, 1), (False, 1), (True, 3)]


def test_a_second_paragraph_of_an_item_has_no_number():
    made = written("- a\n\n  b\n- c")

    assert [True, False, True] == [p.find(f".//{W}numPr") is not None for p in made]


def test_a_table_in_the_text_keeps_its_form_and_sides():
    table = next(written("| 甲 | 乙 |\n|---|--:|\n| **1** | 2 |").iter(f"{W}tbl"))
    rows = list(table.iter(f"{W}tr"))

    assert ["甲", "乙"] == [words(c) for c in rows[0].iter(f"{W}tc")]
    assert rows[1].find(f".//{W}b") is not None
    assert "right" == list(rows[1].iter(f"{W}tc"))[1].find(f".//{W}jc").get(f"{W}val")


@pytest.mark.parametrize(
    ("markdown", "style"), [("> 引文", "Quote"), ("```\nx = 1\n```", "Code"), ("- 一", "ListParagraph")]
)
def test_blocks_have_native_styles(markdown, style):
    assert styles(written(markdown)) == [style]


def test_lines_of_code_stay_lines():
    made = written("```\na\n  b\n```")

    assert [t.text for t in made.iter(f"{W}t")] == ["a", "  b"]
    assert len(list(made.iter(f"{W}br"))) == 1


def test_links_lead_inside_and_outside_and_unsafe_ones_nowhere():
    to = writing()
    made = written("[](#towns) [外](https://example.org/) [坏](javascript:x) [丢](#lost)", to=to)
    links = [(words(h), h.get(f"{W}anchor") or h.get(f"{R}id")) for h in made.iter(f"{W}hyperlink")]

    assert links == [("表3", "table_3"), ("外", "rId1")]
    assert "坏" in words(made)
    assert "丢" in words(made)


@pytest.mark.parametrize(("lang", "between"), [("zh", "甲乙"), ("en", "a b")])
def test_a_line_end_is_a_space_only_between_latin_words(lang, between):
    assert between == words(written("\n".join(between.replace(" ", "")), lang))


def test_quotes_and_dashes_take_the_chinese_font_in_chinese_text():
    assert 'w:hint="eastAsia"' in run("“甲”", "zh")
    assert "hint" not in run("“a”", "en")


def test_a_picture_has_its_alt_text_and_its_own_size():
    drawn = io.BytesIO()
    Image.new("RGB", (192, 96)).save(drawn, "png", dpi=(192, 192))
    made = written(f"![红 & 蓝](data:image/png;base64,{base64.b64encode(drawn.getvalue()).decode()})")
    named = [e.get("descr") for e in made.iter() if e.tag.endswith("}docPr")]
    size = next((int(e.get("cx")), int(e.get("cy"))) for e in made.iter() if e.tag.endswith("}extent"))

    assert named == ["红 & 蓝"]
    assert [side / 12700 for side in size] == pytest.approx([72, 36], rel=0.01)


def test_a_picture_that_says_no_size_counts_96_dots_an_inch():
    drawn = io.BytesIO()
    Image.new("RGB", (96, 48)).save(drawn, "png")

    assert picture_size(drawn.getvalue(), 400, 400) == (72, 36)


@given(st.floats(1, 1e4), st.floats(1, 1e4))
def test_what_is_too_large_is_made_smaller_in_proportion(wide, high):
    found = fit(wide, high, 442.0, 430.0)

    assert found[0] <= min(wide, 442.0) * 1.0001
    assert found[1] <= min(high, 430.0) * 1.0001
    assert found[0] / found[1] == pytest.approx(wide / high)


@given(st.text())
def test_any_text_makes_sound_xml(text):
    made = ElementTree.fromstring(f"<x {SPACES}>{run(text, 'zh')}</x>")

    assert "\x00" not in words(made)

"""Numbers: found in text, held against the facts, and read back from files."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import nbformat
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import v4

from fpanalysis import blocks, results
from fpanalysis.errors import PublishError
from fpanalysis.facts import ledger
from fpanalysis.publish import FORMATS
from fpanalysis.publish.document import Part, Passage, read_document
from fpanalysis.publish.edition import edition
from fpanalysis.publish.numbers import check_format, check_prose, extractor, find, telling
from fpanalysis.typeface import font_files
from fpanalysis.wording import format_value

NAMES = {"renqiu": ("任丘市", "Renqiu"), "鄚州镇": ("鄚州镇", "Maozhou")}
ROWS = results.rows(
    [
        {"place": "renqiu", "period": "2018H1", "measure": "births", "count": 5584, "method": "by_occurrence"},
        {"place": "renqiu", "period": "2018H1", "measure": "srb", "count": 2873, "total": 5584, "value": 105.975,
         "lower": 100.56, "upper": 111.68, "p": 0.0161, "method": "midp-95",
         "note": results.note("note.srb.within", reference=106.3, against=115.0, births=5584, power=0.835)},
        {"place": "renqiu", "period": "2018H1", "measure": "registered_on_time", "count": 6201, "total": 6269,
         "value": 0.98915, "method": "wilson_share-95"},
        {"place": "renqiu", "period": "2018H1", "measure": "births_change", "value": -0.0312, "method": "ratio_exact-95"},
        {"place": "renqiu", "period": "2018H1", "measure": "activity_amount/money_given", "count": 12345600,
         "value": 123456, "method": "counted"},
        {"place": "renqiu", "period": "2018-06", "measure": "births_completeness", "count": 592, "total": 910.02,
         "value": 0.6505, "method": "chain_ladder-95"},
        {"place": "鄚州镇", "period": "2018H1", "measure": "births", "count": 318, "method": "by_occurrence"},
    ]
)  # fmt: skip


def read(*texts: str, lang: str = "zh", more=(), with_ledger: bool = True):
    """A document of texts, a cell each (the first is cell 2), with the ledger."""
    facts = ledger(ROWS, place="renqiu", period="2018H1", names=NAMES)
    shown = [blocks.meta("题 Title", lang=lang), *map(blocks.prose, texts), *more, *([facts] if with_ledger else [])]
    cells = [v4.new_code_cell("x", outputs=[v4.new_output("display_data", data=b._repr_mimebundle_())]) for b in shown]
    return read_document(v4.new_notebook(cells=cells), name="r.ipynb", fonts=font_files())


# Numbers in text


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ("2,886人，其中男1,443人", ["2886", "1443"]),
        ("12万元、12.3万、1.2亿、5千", ["120000", "123000", "120000000", "5000"]),
        ("1.2 million, 5 thousand", ["1200000", "5000"]),
        ("变动−3.5%（95%区间−7.1%～+0.9%）", ["-3.5%", "95%", "-7.1%", "0.9%"]),
        ("100.6–111.7, 100-111", ["100.6", "111.7", "100", "111"]),
        ("a fall of -3.5 and (-4)", ["-3.5", "-4"]),
        ("２，８８６与９８．５％", ["2", "886", "98.5%"]),
        ("2018H1, births.2018H1-于村乡.csv, C1, 06efe88b, FPA1.2", []),
        ("版本1.2.3", []),
        ("p<0.001, >99.9%.", ["0.001", "99.9%"]),
        ("in 2018, 559 were", ["2018", "559"]),
    ],
)
def test_numbers_are_found_as_people_write_them(words, keys):
    assert keys == [number.key for number in find(words)]


@given(st.floats(-1e7, 1e7), st.sampled_from(["count", "n1", "n2", "signedcount"]))
def test_what_is_printed_is_found_again(value, kind):
    printed = format_value(value, kind, "zh")
    (found,) = find(f"共{printed}人")

    assert found.value == Decimal(printed.replace(",", "").replace("−", "-"))
    assert abs(float(found.value) - value) <= float(found.step) / 2 + 1e-6


@given(st.floats(-3, 3), st.sampled_from(["pct", "signedpct", "pct0"]))
def test_a_printed_share_is_found_again(value, kind):
    (found,) = find(format_value(value, kind, "en"))

    assert found.is_share
    assert abs(float(found.value) - 100 * value) <= float(found.step) / 2 + 0.05


# Numbers in prose


@pytest.mark.parametrize(
    "words",
    [
        "出生5,584人。",
        "出生5584人，性别比106.0（100.6～111.7，p值0.016）。",
        "按时办结率98.9%，即98.92%，约99%。",
        "比上年同期下降3.1%。",
        "送去慰问钱物12.3万元，即123,456元，超过10万元。",
        "2018年上半年，2017年以来（2016）。7月18日，2018年7月18日。",
        "依据冀卫发〔2018〕123号文件第365条。",
        "有8个部门、12个乡镇。",
        "真实性别比为115.0时有83.5%的机会查出，参考值106.3。",
        "2018年6月出生已登记592人，完整率65.1%。",
        "鄚州镇出生318人；鄚州有318人。",
        "省里要求达到97.5%（来源：省卫健委通知）。",
        "省里要求达到97.5%[^a]。\n\n[^a]: 省卫健委通知，第1,234页，共4,321页。",
        "95%区间，80%的把握。",
        "p值<0.001，>99.9%。",
    ],
)
def test_a_figure_that_is_a_fact_or_has_its_source_passes(words):
    document = read(words)

    assert check_prose(document, name="r.ipynb") is None
    assert document.parts


@pytest.mark.parametrize(
    "words",
    [
        "5,584 births, a sex ratio of 106.0 (100.6–111.7), 98.9% on time.",
        "Over 100,000 yuan was given, 0.1 million.",
        "In 2018, and by 18 July 2018, see No. 365 and row 3622.",
        "The province asks for 97.5% (source: notice of May).",
        "592 births of June 2018 are registered; 318 births in Maozhou.",
    ],
)
def test_english_figures_that_are_facts_pass(words):
    document = read(words, lang="en")

    assert check_prose(document, name="r.ipynb") is None
    assert document.parts


@pytest.mark.parametrize(
    ("words", "figure"),
    [
        ("出生5,548人。", "5,548"),
        ("性别比107.0。", "107.0"),
        ("按时办结率96.8%。", "96.8%"),
        ("慰问钱物12.4万元。", "12.4万"),
        ("超过20万元。", "20万"),
        ("出生318人。", "318"),
        ("已登记592人。", "592"),
        ("办理2013件。", "2013"),
        ("- 出生5,584人\n- 又5,585人", "5,585"),
        ("有97.5%[^a]。\n\n达到97.4%。\n\n[^a]: 出处", "97.4%"),
    ],
)
def test_a_typed_wrong_figure_is_refused(words, figure):
    with pytest.raises(
        PublishError, match=f"notebook r.ipynb, cell 2: the figure '{figure}' in .* is not in the facts; .*footnote"
    ):
        check_prose(read(words), name="r.ipynb")


@pytest.mark.parametrize("words", ["2013 registrations were made.", "5,548 births.", "See 318 births."])
def test_a_typed_wrong_english_figure_is_refused(words):
    with pytest.raises(PublishError, match="is not in the facts"):
        check_prose(read(words, lang="en"), name="r.ipynb")


def test_the_cell_of_the_wrong_figure_is_named():
    with pytest.raises(PublishError, match="cell 3: the figure '5,585'"):
        check_prose(read("出生5,584人。", "出生5,585人。"), name="r.ipynb")


def test_figures_of_headlines_and_captions_may_be_repeated():
    cards = blocks.facts([blocks.fact("性别比", "106.0", reference="常用范围 103～107")])

    assert check_prose(read("常用范围103～107。", more=[cards]), name="r.ipynb") is None
    with pytest.raises(PublishError, match="'103'"):
        check_prose(read("常用范围103～107。"), name="r.ipynb")


def test_without_a_ledger_there_is_nothing_to_hold_prose_against():
    assert check_prose(read("出生5,548人。", with_ledger=False), name="r.ipynb") is None


@settings(max_examples=60, deadline=None)
@given(st.integers(1000, 999_999))
def test_hardly_any_wrong_number_passes(number):
    """The facts have six numbers of four digits and more; any other one, save "over 5,000", is refused."""
    right = {5584, 2873, 6201, 6269, 123456, 12345600}
    right |= {int(str(n)[0]) * 10 ** (len(str(n)) - 1) for n in right}
    document = read(f"共{number:,}人。")
    if number in right or number == 1000:  # rates are per 1,000
        check_prose(document, name="r.ipynb")
        return
    with pytest.raises(PublishError):
        check_prose(document, name="r.ipynb")


def test_numbers_that_tell_are_the_same_in_both_languages():
    zh = read("2018年上半年出生5,584人，慰问12.3万元，走访8户。")
    en = read("In the first half of 2018 there were 5,584 births; 123,000 yuan; eight visits.", lang="en")

    assert {"5584": 2, "123000": 2} == telling(zh) == telling(en)


# Numbers of files


TABLE = blocks.table(
    pd.DataFrame({"place": ["鄚州镇", "任丘市"], "n": [318, 5584], "share": [(0.0345307598099, 0.02, 0.05), None]}),
    columns=[blocks.Column("place", "地区"), blocks.Column("n", "出生", "count", "人"),
             blocks.Column("share", "占比", "pct", interval=True)],
    caption="表", notes=["少于3人不公布。"], id="towns",
)  # fmt: skip
CARDS = blocks.facts([blocks.fact("出生人数", "5,584人", change="−3.1%", reference="预期 6,133", raw=5584.0)])
FIGURE = blocks.Figure("<svg viewBox='0 0 9 9'><text>1,200</text></svg>", "最高1,234人。", "图", data=TABLE, id="f")
REPORT = ("出生**5,584**人[^a]。\n\n[^a]: 与2017年的5,764人比。",)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_its_numbers_back(name):
    document = read(*REPORT, more=[CARDS, TABLE, FIGURE])
    (content, *_) = edition(document, font_files(), formats=[name], name="report").values()

    assert check_format(name, content, document, name="report") is None
    assert extractor(name)(content)


@pytest.mark.parametrize(
    ("right", "wrong"), [("5,584", "5,548"), ("−3.1%", "3.1%"), ("3.5%", "3.6%"), ("6,133", "6,134")]
)
def test_a_page_with_another_number_is_refused(right, wrong):
    document = read(*REPORT, more=[CARDS, TABLE])
    page = edition(document, font_files(), formats=["fp-html"], name="report")[".html"].decode()
    spoilt = page.replace(right, wrong).encode()

    with pytest.raises(
        PublishError, match=rf"report.zh.html: its numbers differ .*not in the report: {find(wrong)[0].key}(?!\d)"
    ):
        check_format("fp-html", spoilt, document, name="report.zh.html")


def test_a_page_that_lacks_a_number_is_refused():
    document = read(*REPORT, more=[CARDS])
    page = edition(document, font_files(), formats=["fp-html"], name="report")[".html"].decode()

    with pytest.raises(PublishError, match="its numbers differ .*missing: 6133"):
        check_format("fp-html", page.replace("预期 6,133", "预期").encode(), document, name="report")


@pytest.mark.parametrize(("right", "wrong"), [('"value":5584', '"value":5585'), ('"p":0.0161', '"p":0.0162')])
def test_facts_with_another_number_are_refused(right, wrong):
    document = read()
    made = edition(document, font_files(), formats=["fp-facts"], name="report")[".facts.json"].decode()
    rewritten = (
        made.replace(right, wrong).replace('"count":5584', '"count":5585').replace('"total":5584', '"total":5585')
    )

    with pytest.raises(PublishError, match="its numbers differ .*the format fp-facts is at fault"):
        check_format("fp-facts", rewritten.encode(), document, name="facts.json")


# The sample county


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_sample_report_has_no_figure_that_is_not_a_fact(edition, lang):
    notebook = nbformat.read(edition / "notebooks" / f"06_report.{lang}.ipynb", as_version=4)
    document = read_document(notebook, name="06", fonts=font_files())

    assert check_prose(document, name="06") is None
    assert len(telling(document)) > 50


def test_hardly_any_slip_passes_in_the_sample_report(edition):
    """Two neighbouring digits exchanged, in every number of the text that tells a result: at least nine in ten are refused."""
    notebook = nbformat.read(edition / "notebooks" / "06_report.zh.ipynb", as_version=4)
    document = read_document(notebook, name="06", fonts=font_files())
    slips = {slip for key in telling(document) if (slip := swapped(key)) and slip not in telling(document)}
    refused = [slip for slip in slips if is_refused(document, f"共{slip}。")]

    assert len(slips) > 30
    assert len(refused) >= 0.9 * len(slips), sorted(slips - set(refused))


def swapped(key: str) -> str:
    """The number with its first two different neighbouring digits exchanged, "" when it has none."""
    for n in range(len(key) - 1):
        if key[n] != key[n + 1] and key[n : n + 2].isdigit() and not (n == 0 and key[1] == "0"):
            return key[:n] + key[n + 1] + key[n] + key[n + 2 :]
    return ""


def is_refused(document, words: str) -> bool:
    token = {"type": "paragraph", "children": [{"type": "text", "raw": words}]}
    try:
        others = [part for part in document.parts if not isinstance(part.content, Passage)]
        check_prose(replace(document, parts=(*others, Part(Passage((token,)), 99))), name="06")
    except PublishError:
        return True
    return False

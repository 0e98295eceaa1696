"""The two languages of a report: the same parts and numbers, or one sentence that says what differs."""

from __future__ import annotations

import pandas as pd
import pytest
from nbformat import v4

from fpanalysis import blocks, results
from fpanalysis.errors import PublishError
from fpanalysis.facts import ledger
from fpanalysis.publish.document import read_document
from fpanalysis.publish.languages import check_languages
from fpanalysis.typeface import font_files
from fpanalysis.wording import text

NAMES = {"zh": "06.zh.ipynb", "en": "06.en.ipynb"}
FACTS = ledger(
    results.rows([{"place": "renqiu", "period": "2018H1", "measure": "births", "count": 5584, "method": "by_occurrence"}]),
    place="renqiu", period="2018H1", names={"renqiu": ("任丘市", "Renqiu")},
)  # fmt: skip


def towns(births: float = 318, id: str = "towns") -> blocks.Table:
    return blocks.table(pd.DataFrame({"place": ["鄚州镇"], "n": [births]}), caption="表", id=id)


def figure(births: float = 318) -> blocks.Figure:
    return blocks.Figure("<svg></svg>", "最高318人。", "图", data=towns(births), id="births")


def report(**changed) -> list[blocks.Block]:
    """The parts of a report, a cell each: cell 2 is the headline figures, cell 3 the first section ..."""
    parts = {
        "cards": blocks.facts([blocks.fact("出生", "5,584", raw=changed.pop("births", 5584.0))]),
        "section": blocks.prose("## 一\n\n出生5,584人。"),
        "words": blocks.prose("### 工作\n\n有8个部门。"),
        "table": towns(),
        "figure": figure(),
        "facts": FACTS,
    }
    return [part for part in (parts | changed).values() if part is not None]


def read(lang: str, **changed):
    shown = [blocks.meta("题 Title", lang=lang), *report(**changed)]
    cells = [v4.new_code_cell("x", outputs=[v4.new_output("display_data", data=b._repr_mimebundle_())]) for b in shown]
    return read_document(v4.new_notebook(cells=cells), name=NAMES[lang], fonts=font_files())


def check(zh: dict, en: dict) -> None:
    check_languages({"zh": read("zh", **zh), "en": read("en", **en)}, names=NAMES)


def test_the_same_report_in_both_languages_passes():
    assert check({}, {"section": blocks.prose("## 1. Work\n\n5,584 births in 2018.")}) is None


NOTICE = {lang: text("prose.other_language", lang) for lang in NAMES}


@pytest.mark.parametrize("alone", ["zh", "en"])
def test_what_the_analyst_wrote_in_one_language_only_may_stand(alone):
    """The other report says that it is so; headings and numbers within are not expected there."""
    other = "en" if alone == "zh" else "zh"
    given = {
        alone: {"words": blocks.prose("### 工作\n\n#### 队伍\n\n专干2,345人。")},
        other: {"words": blocks.prose(f"### Work\n\n{NOTICE[other]}")},
    }

    assert check(given["zh"], given["en"]) is None


WRONG = {
    "a heading in zh only": ({}, {"words": blocks.prose("8")},
        "notebook 06.zh.ipynb, cell 4: a heading of level 3, where notebook 06.en.ipynb, cell 5, has table towns; give both"),
    "a heading of another level": ({}, {"words": blocks.prose("## x\n\n8")},
        "cell 4: a heading of level 3, where notebook 06.en.ipynb, cell 4, has a heading of level 2"),
    "a table in en only": ({"table": None}, {}, "cell 5: figure births, where notebook 06.en.ipynb, cell 5, has table towns"),
    "another table": ({}, {"table": towns(id="places")}, "cell 5: table towns, where .* has table places"),
    "a figure at the end in zh only": ({}, {"figure": None}, "notebook 06.zh.ipynb, cell 6: figure births is missing in notebook 06.en.ipynb"),
    "a figure at the end in en only": ({"figure": None}, {}, "notebook 06.en.ipynb, cell 6: figure births is missing in notebook 06.zh.ipynb"),
    "another value in a table": ({}, {"table": towns(319)}, "cell 5: table towns has other numbers than in notebook 06.en.ipynb, cell 5"),
    "another value behind a figure": ({}, {"figure": figure(319)}, "cell 6: figure births has other numbers"),
    "another headline figure": ({}, {"births": 5585.0}, "cell 2: 1 headline figures has other numbers"),
    "other facts": ({}, {"facts": None}, "notebooks 06.zh.ipynb and 06.en.ipynb: their facts differ; run both from the same data"),
    "a number in the zh text only": ({"section": blocks.prose("## 一\n\n出生5,584人，按时98.5%。")}, {},
        "notebook 06.zh.ipynb, cell 3: the number 98.5% is in the text of this language only; write the same .* 06.en.ipynb"),
    "a number in the en text only": ({}, {"section": blocks.prose("## 1\n\n5,584 births, 650 of them late.")},
        "notebook 06.en.ipynb, cell 3: the number 650 is in the text of this language only"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_difference_is_refused(what):
    zh, en, words = WRONG[what]

    with pytest.raises(PublishError, match=words):
        check(zh, en)

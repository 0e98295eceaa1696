"""The analyst's words: placeholders filled, and typed numbers that contradict the results refused, in both languages."""

import re

import pytest

from fpanalysis import prose, results, wording
from fpanalysis.errors import PublishError

NAN = float("nan")
COUNTS = {"registered/first": 1559, "registered/second": 4696, "births": 5584, "checkups/preconception": 2886,
          "activity/inspection": 2, "hidden": NAN}  # fmt: skip
FOUND = results.rows(
    [{"place": "x", "period": "2018H1", "measure": m, "count": n} for m, n in COUNTS.items()]
    + [{"place": "x", "period": "2018H1", "measure": "srb", "value": 109.84, "lower": 103.2, "upper": 116.9},
       {"place": "x", "period": "2018H1", "measure": "pay_on_time", "value": 0.9976, "count": 4758, "total": 4766},
       {"place": "x", "period": "2018H1", "measure": "activity_amount/fine", "value": 34500.0, "count": 3450000},
       {"place": "鄚州镇", "period": "2018H1", "measure": "births", "count": 320}]
)  # fmt: skip


def filled(said: str, lang: str = "zh") -> str:
    names = {"鄚州镇": "Maozhou" if lang == "en" else "鄚州镇"}
    written = {"plan": (said, f"prose.2018H1.{lang}.md", 7)}
    return prose.filled(written, FOUND, place="x", period="2018H1", lang=lang, names=names)["plan"]


@pytest.mark.parametrize(
    ("lang", "hole", "printed"),
    [
        ("zh", "{{registered/first}}", "1,559"), ("en", "{{ registered/first }}", "1,559"), ("en", "{{srb}}", "109.8"),
        ("zh", "{{srb.lower}}", "103.2"), ("en", "{{pay_on_time}}", "99.8%"), ("zh", "{{pay_on_time.total}}", "4,766"),
        ("en", "{{births@Maozhou}}", "320"), ("zh", "{{births@鄚州镇}}", "320"), ("zh", "{{srb:n2}}", "109.84"),
        ("zh", "{{activity_amount/fine}}", "3.45万"), ("en", "{{activity_amount/fine}}", "34,500"),
        ("zh", "{{activity_amount/fine:count}}", "34,500"),
    ],
)  # fmt: skip
def test_a_placeholder_is_filled_as_the_report_prints_it(lang, hole, printed):
    assert f"a {printed} b" == filled(f"a {hole} b", lang)


@pytest.mark.parametrize(
    ("hole", "words"),
    [
        ("\n{{registred/first}}", r"prose\.2018H1\.zh\.md, line 8: .* did you mean 'registered/first'"),
        ("{{births@Maozho}}", "there is no place 'Maozho'"),
        ("{{srb.uper}}", "a result has no 'uper'; did you mean 'upper'"),
        ("{{hidden}}", "no value in this period"),
    ],
)
def test_a_placeholder_without_a_figure_stops_the_report(hole, words):
    with pytest.raises(PublishError, match=words):
        filled(hole)


@pytest.mark.parametrize(
    ("lang", "said", "typed", "right"),
    [
        ("zh", "共办理一孩登记1,600件。", "1,600", "1,559"), ("zh", "1600件一孩登记", "1600", "1,559"),
        ("zh", "出生人口性别比为108.2", "108.2", "109.8"), ("zh", "按时足额发放率98%", "98%", "99.8%"),
        ("zh", "联合检查3次", "3", "2"), ("zh", "罚款3.5万元", "3.5万", "34,500"),
        ("en", "1,600 first-child registrations were completed.", "1,600", "1,559"),
        ("en", "The sex ratio at birth was 108.2.", "108.2", "109.8"), ("en", "3 joint inspections", "3", "2"),
        ("en", "2,900 people had free pre-conception check-ups", "2,900", "2,886"), ("en", "98% were paid on time and in full", "98%", "99.8%"),
    ],
)  # fmt: skip
def test_a_typed_number_that_contradicts_the_results_stops_the_report_with_both(lang, said, typed, right):
    if (said, typed) == ("罚款3.5万元", "3.5万"):
        assert filled(said, lang) == said  # 34,500 rounds to 3.5万 (half up) and 3.4万 would not
        said, typed = "罚款3.6万元", "3.6万"
    with pytest.raises(PublishError) as refused:
        filled(f"\n\n{said}", lang)

    assert all(words in str(refused.value) for words in (f"prose.2018H1.{lang}.md, line 9", typed, right))


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("zh", "一孩登记1,559件，二孩登记4,696件，性别比109.8，发放率99.8%，罚款34,500元。"), ("zh", "去年同期一孩登记1,600件。"),
        ("zh", "鄚州镇出生人数400人。"), ("zh", "下半年开展专项检查不少于2次，力争3次。"), ("zh", "2017年一孩登记1,700件"),
        ("zh", "一孩登记1,600件（来源：县统计年鉴）。"), ("zh", "出生人数下降5%"), ("zh", "全年联合检查计划4次"),
        ("en", "1,559 first-child registrations; the sex ratio was 109.8."), ("en", "Last year there were 1,600 first-child registrations."),
        ("en", "At least 4 joint inspections are planned."), ("en", "400 births in Maozhou"), ("en", "source: yearbook, 1,600 births"),
    ],
)  # fmt: skip
def test_a_number_that_agrees_or_speaks_of_something_else_stands(lang, said):
    assert said == filled(said, lang)


@pytest.mark.parametrize("lang", wording.LANGS)
def test_every_name_of_a_measure_is_found_beside_a_wrong_number(lang):
    """Whatever name the catalogue gives a measure, a wrong number after it is refused (if it is a count)."""
    for key, entry in wording.catalogue().items():
        measure = key.removeprefix("said.")
        name = re.sub(r"\(\?:(\w+)\|[^)]*\)", r"\1", entry[lang]).split("|")[0]
        name = re.sub(r"\(\?:|\)|\?", "", name)
        if key.startswith("said.") and not measure.startswith(("pay", "registered_on_time")):
            table = results.rows([{"place": "x", "period": "2018H1", "measure": measure, "count": 5}])
            with pytest.raises(PublishError, match="given as 777"):
                prose.filled({"plan": (f"{name} 777", "f", 1)}, table, place="x", period="2018H1", lang=lang)


def test_words_without_numbers_stay_as_they_are():
    assert "继续努力。" == filled("继续努力。")

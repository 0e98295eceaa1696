"""What the services notebook found, told: every sentence in both languages with 0, 1, very large and missing numbers."""

import os
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from conftest import copy_project

from fpanalysis import results, services, wording
from fpanalysis.plan_path import VERDICTS
from fpanalysis.publish import FORMATS
from fpanalysis.publish.numbers import extractor

NAN = float("nan")
NUMBERS = [0, 1, 3, 10**9, NAN]
LOOK = {"names": {"x": "X"}}


def fact(measure: str, **numbers) -> dict:
    return {"place": "x", "period": "2018H1", "measure": measure, **numbers}


def changed_rows(n: float, key: str = "rise") -> pd.DataFrame:
    both = {"count": n, "total": n, "value": n, "lower": n, "upper": n, "note": results.note(f"note.change.{key}")}
    same = {**both, "note": results.note("note.change.same")}
    return results.rows([fact("change/year_ago/registered/first", **both), fact("change/year_ago/checkups/preconception", **same),
                         fact("change_points/year_ago/registered_on_time", **both),
                         fact("births_corrected_change/year_ago", **both), fact("change/previous/registered/first", **same),
                         fact("change/so_far/registered/first", **both)])  # fmt: skip


def plan_rows(n: float, key: str = "likely", over: bool = False) -> pd.DataFrame:
    about = "checkups/preconception"
    note = results.note(VERDICTS[key], done=n, target=n, chance=n)
    made = [fact(f"plan_forecast/{about}", count=n, total=n, value=n, lower=n, upper=n, note=note),
            fact(f"plan_usual/{about}", value=n, note=results.note("note.plan.history.2", years=n))]  # fmt: skip
    pace = [fact(f"plan_pace/{about}", value=n), fact(f"plan_usual_pace/{about}", value=n)]
    return results.rows([*made, *([] if over else pace)])


def is_plain(said: str) -> bool:
    """No placeholder, no nan, no doubled or dangling punctuation."""
    return bool(said) and not any(
        bad in said for bad in ("{", "}", "nan", "None", "  ", " ,", "，，", "。。", "..", "( ", "（）", "()")
    )


@pytest.mark.parametrize("lang", wording.LANGS)
@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("key", ["rise", "fall", "first", "same", "untold"])
def test_changes_read_with_any_number(lang, n, key):
    said = services.changed(changed_rows(n, key), lang=lang, **LOOK)

    assert 3 == len(said)
    assert all(is_plain(s) for s in said), said


@pytest.mark.parametrize("lang", wording.LANGS)
@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("over", [True, False])
def test_the_plan_reads_with_any_number(lang, n, over):
    for key in VERDICTS:
        (said,) = services.planned(plan_rows(n, key, over), ["checkups/preconception"], lang=lang, **LOOK)

        assert is_plain(said), said


@pytest.mark.parametrize(
    ("lang", "begins"), [("zh", "免费孕前优生健康检查：完成"), ("en", "Free pre-conception check-ups: ")]
)
def test_a_target_begins_with_the_work_itself(lang, begins):
    assert services.planned(plan_rows(3), ["checkups/preconception"], lang=lang, **LOOK)[0].startswith(begins)


@pytest.mark.parametrize("lang", wording.LANGS)
@pytest.mark.parametrize("n", NUMBERS)
def test_indicators_read_with_any_number(lang, n):
    rows = results.rows(
        [fact("fine_mean", count=n, total=n, value=n), fact("own_share/mine", value=n, lower=n, upper=n)]
    )
    said = services.told(rows, lang=lang, names={"mine": "M"})

    assert ("" == said) if n != n else (is_plain(said) and "M" in said), said


@pytest.mark.parametrize("lang", wording.LANGS)
@pytest.mark.parametrize("n", NUMBERS)
def test_sentences_of_the_catalogue_read_with_any_number(lang, n):
    """Every `say.` of services.csv, its numbers all the same and its lists empty."""
    mine = [k for k, e in wording.catalogue().items() if k.startswith("say.") and e["file"] == "services.csv"]
    note = results.note("note.checkups.differ", gap=n, towns=n)
    for key in mine:
        names = {name.split(".")[0] for name in wording.needs(key)}
        facts = {name: results.Fact("x", "2018H1", name, n, n, n, n, n, n, "", note) for name in names}
        said = wording.text(key, lang, facts)

        assert is_plain(said), said


def test_what_a_sentence_of_the_catalogue_names_is_not_told_again():
    rows = results.rows([fact("registered_share/first", value=0.2), fact("cases_per_inspection", value=3.5)])
    said = services.told(rows, lang="en", **LOOK)

    assert "Cases closed per joint inspection 3.5" in said
    assert "Share of registrations" not in said


def test_nothing_made_is_nothing_told():
    assert "" == services.told(results.empty(), lang="zh", **LOOK)
    assert (
        []
        == services.changed(results.empty(), lang="zh", **LOOK)
        == services.planned(results.empty(), [], lang="zh", **LOOK)
    )


def test_real_changes_are_counted_apart_from_the_others():
    first = services.changed(changed_rows(0.2), lang="en", **LOOK)[0]

    assert "; no real change in 1 other." in first
    assert "Registrations, first child, up 20.0%" in first


@pytest.mark.parametrize(
    ("lang", "said"),
    [("en", "On the same period last year: 2 figures are too small to compare."),
     ("zh", "比上年同期：另有2项数字太小，不作比较。")],
)  # fmt: skip
def test_figures_too_small_to_compare_are_said_to_be(lang, said):
    few = {"count": 7, "total": 2, "note": results.note("note.change.few", now=7, then=2)}
    nothing = {"note": results.note("note.change.nothing", now=0, then=0)}
    rows = [fact("change/year_ago/activity/inspection", **few), fact("change/year_ago/activity/case_closed", **few),
            fact("change/year_ago/registered/first", **nothing)]  # fmt: skip

    assert [said] == services.changed(results.rows(rows), lang=lang, **LOOK)


@pytest.mark.parametrize(
    ("lang", "said"),
    [("en", "The year so far on last year: 1 figure cannot be told, since too few earlier years show how much months scatter."),
     ("zh", "年初以来比上年同期：另有1项因以往年份太少、看不出各月本身的起伏而无法判断。")],
)  # fmt: skip
def test_what_cannot_be_told_from_the_scatter_of_months_is_said_to_be(lang, said):
    assert said == services.changed(changed_rows(0.2, "untold"), lang=lang, **LOOK)[2]


def test_a_fall_is_called_down():
    (said,) = services.changed(changed_rows(-0.2, "fall").iloc[:1], lang="zh", **LOOK)

    assert "比上年同期：登记服务·一孩下降20.0%。" == said


def test_the_table_of_changes_has_a_row_a_count_and_a_column_a_comparison():
    made = services.changes(changed_rows(0.2), lang="en", **LOOK)

    assert ["Registrations, first child", "People examined, free pre-conception check-ups"] == [
        r[0] for r in made.texts if "Births" not in r[0]
    ]
    assert {"A year ago", "On a year ago", "Now"} <= {c.label for c in made.columns}


def test_an_own_indicator_stands_in_the_table_under_its_own_name():
    rows = results.rows([fact("own_share/mine", count=30, total=100, value=0.3, lower=0.2, upper=0.4)])
    made = services.indicators(rows, lang="zh", names={"mine": "自有指标"})

    assert ("自有指标", "30.0% (20.0%–40.0%)", "30", "100") == made.texts[0]


def test_a_league_is_in_the_order_of_names_and_shows_ranks_with_their_intervals():
    rows = [r for place, rank in (("b", 1), ("a", 2)) for r in
            ({**fact("peer/registered_on_time", value=0.9), "place": place},
             {**fact("peer_rank/registered_on_time", value=rank, lower=1, upper=2), "place": place})]  # fmt: skip
    made = services.league(results.rows(rows), ["registered_on_time"], lang="en", names={"a": "A", "b": "B"})

    assert [("A", "90.0%", "2 (1–2)"), ("B", "90.0%", "1 (1–2)")] == list(made.texts)


def test_every_target_is_told_in_the_section_of_its_work():
    wanted = {"sex_ratio": ["activity/inspection"], "checkups": ["checkups/preconception"], "services": ["registered/first"],
              "benchmarking": ["activity/benchmark_visit"], "organisation": ["activity/study_session"]}  # fmt: skip
    rows = results.rows([fact(f"plan_forecast/{m}", count=1, total=2) for some in wanted.values() for m in some])

    assert wanted == {section: some for section, some in services.targets(rows).items() if some}


@pytest.mark.parametrize(("lang", "said"), [("zh", "尚未完成的整改方案：甲（2018年5月21日）、甲（2018年6月6日）。"),
                                            ("en", "Improvement plans not yet done: A (21 May 2018), A (6 June 2018).")])  # fmt: skip
def test_each_plan_that_is_not_done_is_named_with_its_day(lang, said):
    items = results.note("note.benchmark.lacking", items=[["甲", "2018-05-21"], ["甲", "2018-06-06"]])
    rows = results.rows([fact("benchmark_step/improvement_done", count=7, total=9, note=items),
                         fact("benchmark_step/benchmark_report", count=9, total=9)])  # fmt: skip

    assert [said] == services.undone(rows, lang=lang, names={"甲": "A"} if lang == "en" else {})


def test_standings_name_their_measure():
    rows = results.rows(
        [fact("peer_standing/registered_on_time", value=0.9, note=results.note("note.standing.within", n=9, p=0.4))]
    )
    said = services.standings(rows, lang="en", **LOOK)

    assert ["registered_on_time"] == services.judged(rows)
    assert ["Completed on time: within what is usual among the 9 peer counties (p-value 0.40)."] == said


def test_every_comparison_has_its_words():
    assert all(wording.has(f"change.{name}") for name in services.COMPARISONS)


# One more row


ROW = "device_rate,每次联合检查没收的设备,Devices seized per joint inspection,activity/device_seized,activity/inspection,ratio,times,,activities\n"
OWN = """
  gifts_per_family:
    zh: 慰问钱物与走访家庭之比
    en: Gifts for each family visited
    numerator: activity/money_given
    denominator: activity/family_visited
    kind: ratio
"""
FILES = {"fp-html": "html", "fp-pdf": "pdf", "fp-docx": "docx", "fp-xlsx": "xlsx"}


@pytest.mark.slow
def test_a_row_of_the_catalogue_and_one_of_params_reach_every_format_in_both_languages(tmp_path, root):
    """No line of code: a copy of the package with one more row, a copy of the project with one more word."""
    home = copy_project(tmp_path / "home", "renqiu")
    shutil.copytree(root / "fpanalysis", tmp_path / "code" / "fpanalysis")
    with (tmp_path / "code" / "fpanalysis" / "catalogue" / "indicators.csv").open("a", encoding="utf-8") as file:
        file.write(ROW)
    params = home / "params" / "renqiu.yaml"
    params.write_text(params.read_text("utf-8").replace("\nindicators:", "\nindicators:" + OWN.rstrip(), 1), "utf-8")
    run = subprocess.run([sys.executable, "-m", "fpanalysis", "run", "renqiu", "2018H1"], cwd=home, text=True,
                         env={**os.environ, "PYTHONPATH": str(tmp_path / "code")}, capture_output=True)  # fmt: skip
    assert run.returncode == 0, run.stderr
    release = home / "outputs" / "renqiu" / "2018H1" / "r1"
    facts = (release / "facts.json").read_text("utf-8")

    for zh, en, key in (("每次联合检查没收的设备", "Devices seized per joint inspection", "device_rate"),
                        ("慰问钱物与走访家庭之比", "Gifts for each family visited", "own_ratio/gifts_per_family")):  # fmt: skip
        assert all(word in facts for word in (zh, en, key))
        for format, ending in FILES.items():
            for lang, words in (("zh", zh), ("en", en)):
                told = "".join(map(str, extractor(format)((release / f"report.{lang}.{ending}").read_bytes())))

                assert words.replace(" ", "") in told.replace(" ", ""), (format, lang, words)
    assert set(FILES) == set(FORMATS) - {"fp-facts"}

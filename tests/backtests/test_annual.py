"""The annual report of the sample county: every fact planted in the second half of 2018, and the half-year looked back on."""

import csv
import re

import pytest
from conftest import copy_project
from test_published import text_of

from fpanalysis import results, wording
from fpanalysis.commitments import figures, register
from fpanalysis.desk import open_desk
from fpanalysis.execute import run_notebook

WHERE = {"place": "renqiu", "period": "2018"}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What 01, 04 and 05 keep for 2018."""
    home = copy_project(tmp_path_factory.mktemp("annual"), "renqiu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FPANALYSIS_HOME", str(home))
        for name in ("01_check_data", "05_services"):
            run_notebook(
                home / "notebooks" / f"{name}.ipynb", home / f"{name}.ipynb", {"place": "renqiu", "period": "2018"}
            )
        return open_desk("renqiu", "2018", home=home).kept("01_check_data", "04_subsidies", "05_services")


def planted(root) -> list[dict[str, str]]:
    path = root / "data/raw/renqiu/planted_2018.csv"
    return list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))


def test_every_planted_fact_is_in_the_results(found, root):
    for fact in planted(root):
        rows = results.pick(found, place=fact["place"], measure=fact["measure"])
        if fact["fault"].startswith("promise "):
            state = results.read_note(rows["note"].iloc[0])[0].rpartition(".")[2]

            assert fact["fault"] == f"promise {state}", fact
        else:
            assert len(rows) and float(fact["count"]) <= rows["count"].max(), fact
            assert fact["fault"] == "rounded values" or float(fact["count"]) in set(rows["count"]) | set(
                rows["value"]
            ), fact


def test_no_other_township_is_doubted(found, root):
    doubted = found[found["measure"].str.startswith("quality/") & (found["place"] != "renqiu")]
    wanted = {(f["place"], f["measure"]) for f in planted(root) if f["measure"].startswith("quality/")}

    assert wanted == set(zip(doubted["place"], doubted["measure"], strict=True))


def test_each_promise_of_the_half_year_is_answered_and_one_is_not_kept(found):
    states = {"kept": 3, "not_kept": 1, "cannot_judge": 1, "open": 3}

    assert states == {s: results.value(found, **WHERE, measure=f"promises/{s}") for s in states}
    assert results.value(found, **WHERE, measure="commitment/C3") == pytest.approx(19734 / 21000)


def test_what_was_not_kept_is_carried_to_the_next_period(found, root):
    """In the report after: C3 (not kept) and C4 (cannot be judged) come back, what was kept does not."""
    desk = open_desk("renqiu", "2018", home=root)
    known = figures(desk.data.frames, periods=desk.answered(), county="renqiu")
    later = register(desk.data["commitments"], results.combine([known, found]), period="2019H1", county="renqiu")
    states = {m: results.read_note(n)[0] for m, n in zip(later["measure"], later["note"], strict=True) if n}

    assert {"commitment/C3", "commitment/C4"} == {m for m, s in states.items() if s == "note.commitment.carried"}
    assert {"commitment/D1", "commitment/D2", "commitment/D3"} == set(states) - {"commitment/C3", "commitment/C4"}


def test_the_second_opening_is_the_first_closing(found):
    """3,182 and 225, as the half-year report published them, stand unrevised; the year goes on from there."""
    for programme, closing in (("rural_award", 3182), ("special_support", 225)):
        row = results.pick(found, place="renqiu", period="2018H1", measure=f"revision/roll_closing/{programme}").iloc[0]

        assert (closing, closing, 0) == (row["total"], row["count"], row["value"])


def test_the_half_years_births_are_revised_and_the_difference_is_explained(found):
    value = {m: results.value(found, place="renqiu", period="2018H1", measure=f"{m}/births")
             for m in ("revision", "revision_late", "revision_corrected")}  # fmt: skip

    assert value["revision"] == value["revision_late"] + value["revision_corrected"] > 0
    assert value["revision_corrected"] == 9


def test_what_the_half_year_report_estimated_and_foretold_is_held_against_what_came(found):
    halves = results.pick(found, place="renqiu", measure="foretold/births")

    assert ["2018H1", "2018H2"] == halves["period"].tolist()
    assert (halves["lower"] < halves["value"]).all() and (halves["value"] < halves["upper"]).all()


def test_the_year_stands_by_month_and_adds_up(found):
    monthly = found[found["period"].str.match(r"2018-\d\d") & (found["measure"] == "registered/first")]

    assert 12 == len(monthly)
    assert monthly["count"].sum() == results.value(found, **WHERE, measure="registered/first")


def test_the_effect_of_the_missing_township_is_told_with_its_interval(found):
    row = results.pick(found, **WHERE, measure="missing_effect/births_reported").iloc[0]

    assert 0.005 < row["lower"] < row["value"] < row["upper"] < 0.012


SAID = {
    "zh": ["到期承诺5项：已兑现3项、未兑现1项、无法判断1项", "补报或更正+9人", "开展联合检查5次", "2019年预计出生", "照抄", "是10的整倍数", "数字相同，疑非实际统计",
           "农村妇女生殖健康检查完成计划的94.0%", "期初2,924人，新增311人，退出79人，期末3,156人", "全年各月", "青塔乡",
           "高风险415人", "尚未完成的整改方案：青县（2018年5月29日）", "有报告而尚无整改方案：黄骅市（2018年10月30日）",
           "全员大会2次（2018年3月31日、2018年12月12日）", "100%（2018年下半年）", "业务培训2次（2018年8月21日、2018年10月25日）"],
    "en": ["5 commitments have fallen due: 3 kept, 1 not kept, 1 cannot be judged", "+9 by files", "5 joint inspections were made",
           "births are forecast for 2019", "looks copied", "multiples of 10", "one and the same number",
           "94.0% of the plan, and the figures of two townships", "2,924 people at the start, 311 new, 79 left, 3,156 at the end",
           "The year by month", "Qingta",
           "415 people were found at high risk", "Improvement plans not yet done: Qingxian (29 May 2018)",
           "without an improvement plan yet: Huanghua (30 October 2018)",
           "2 all-staff meetings were held (31 March 2018, 12 December 2018)", "100% (second half of 2018)",
           "2 training sessions were held (21 August 2018, 25 October 2018)"],
}  # fmt: skip


@pytest.fixture(scope="module")
def annual(tmp_path_factory):
    from fpanalysis.pipeline import run_report

    return run_report("renqiu", "2018", home=copy_project(tmp_path_factory.mktemp("annual"), "renqiu"))[0]


@pytest.mark.slow
@pytest.mark.parametrize("lang", wording.LANGS)
def test_the_annual_report_says_it_all(annual, lang):
    text = text_of(annual, lang)

    for words in SAID[lang]:
        assert words in text, words
    assert not re.search(r"\{\{|\bnan\b", text)

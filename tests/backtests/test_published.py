"""The model case: the half-year report of 2018 as the office published it, and the faults planted in its sample data."""

import csv
import html
import re
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from fpanalysis import indicators, nowcast, reconcile, results, wording
from fpanalysis.sample import PUBLISHED

LANGS = wording.LANGS


def text_of(release: Path, lang: str, gap: str = "") -> str:
    """The words of a report as a reader sees them, white space made single."""
    page = (release / f"report.{lang}.html").read_text("utf-8")
    page = re.sub(r"<(style|script|nav)\b.*?</\1>", " ", page, flags=re.DOTALL)
    page = re.sub(r"<h([2-6])\b.*?</h\1>", " ", page, flags=re.DOTALL) if gap else page  # English numbers its headings
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", gap, page)))


@pytest.fixture(scope="module")
def found(edition) -> pd.DataFrame:
    return results.read(edition / "results.csv")


def planted(root: Path) -> list[tuple[str, str, int]]:
    """What was planted: fault, measure, and how many in the county."""
    path = root / "data/raw/renqiu/planted_faults.csv"
    rows = pd.DataFrame(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    rows["count"] = rows["count"].astype(int)
    return list(rows.groupby(["fault", "measure"])["count"].sum().reset_index().itertuples(index=False, name=None))


@pytest.mark.parametrize("measure", PUBLISHED)
def test_every_published_figure_is_in_the_results(found, measure):
    assert results.value(found, place="renqiu", period="2018H1", measure=measure) == PUBLISHED[measure]


PRINTED = {
    "zh": ["一孩登记1,559件", "二孩登记4,696件", "再生育审批14件", "按时办结率100%", "对标业务10项", "走访10次", "报告10份", "整改方案10份",
           "赵县", "元氏县", "晋州市", "裕华区", "鹿泉区", "平泉市", "乐亭县", "黄骅市", "青县", "抽调人员13人", "联合检查3次", "查结案件7起",
           "没收设备3台", "罚款3.45万元", "健康检查2,886人", "男1,443人", "女1,443人", "每月10元", "一次性奖励3,000元", "按时足额发放率100%",
           "新增299人", "期末3,182人", "期末225人", "家庭51户", "贫困母亲50人", "超过10万元", "考生106人", "平均每月2.0次", "2018年3月31日",
           "专项检查不少于2次", "2018年1月18日、2018年5月16日", "日期为2018年7月16日", "2018年4月20日"],
    "en": ["1,559 first-child registrations", "4,696 second-child registrations", "14 approvals", "completed on time was 100%",
           "10 business lines", "10 visits", "10 reports", "10 improvement plans", "Zhaoxian", "Yuanshi", "Jinzhou", "Yuhua", "Luquan",
           "Pingquan", "Laoting", "Huanghua", "Qingxian", "13 officers", "3 joint inspections", "7 cases", "3 devices", "34,500 yuan",
           "2,886 people", "1,443 men", "1,443 women", "10 yuan a month", "3,000 yuan", "100% was paid on time", "299 new", "3,182 at the end",
           "225 at the end", "51 families", "50 mothers", "over 100,000 yuan", "106 only-child candidates", "2.0 a month", "31 March 2018",
           "At least 2 special inspections", "18 January 2018, 16 May 2018", "dated 16 July 2018", "20 April 2018"],
}  # fmt: skip


@pytest.mark.parametrize(("lang", "words"), [(lang, words) for lang in LANGS for words in PRINTED[lang]])
def test_every_published_figure_is_in_the_text(edition, lang, words):
    assert words in text_of(edition, lang)


def test_money_given_is_over_100_000_yuan(found):
    assert results.value(found, place="renqiu", period="2018H1", measure="activity_amount/money_given") > 100_000


def test_what_that_report_lacked_is_there(edition, found):
    """Births against expectation with an interval, the sex ratio itself, the reconciliation, the data-quality note."""
    expected = results.pick(found, place="renqiu", period="2018H1", measure=["births_expected", "srb"])

    assert (expected["lower"] < expected["value"]).all() and (expected["value"] < expected["upper"]).all()
    for words in ("预期", "性别比为", "应发减实发", "数据质量说明"):
        assert words in text_of(edition, "zh")


def test_opening_plus_new_minus_exits_is_closing(found):
    value = {
        m: results.value(found, place="renqiu", period="2018H1", measure=f"roll_{m}/rural_award")
        for m in ("opening", "new", "exits", "closing")
    }

    assert value["opening"] + value["new"] - value["exits"] == value["closing"] == 3182


def test_every_planted_fault_is_in_the_results(found, root):
    for fault, measure, count in planted(root):
        rows = results.pick(found, period="2018H1", measure=measure)
        county = rows[rows["place"] == "renqiu"]
        counted = county["count"].sum() if measure.startswith(("pay_class", "check", "activity")) else count

        assert len(rows) and counted == count, fault


NAMED = {
    "zh": {"late file": "births.2018H1-于村乡.csv 于2018年7月18日收到", "unusual mix of registrations": "通常每1件一孩登记对应1.04～1.38件二孩登记", "on the roll twice": "重复在册1人",
           "unpaid": "未发3人", "paid twice": "重复发放2人", "wrong rate (the old one)": "标准不符2人", "too young for the roll": "不符合条件1人",
           "on two rolls that exclude each other": "同在互斥名册1人", "late": "迟发2人",
           "transposed identity number": "更正证号后相符1人", "returned by the bank": "银行退票1人", "paid after exit": "退出后发放2人",
           "paid but not on the roll": "不在册而发放1人", "township total does not add up": "各乡镇上报合计3,185",
           "inspection outside the period": "日期为2018年7月16日，在统计期之后",
           "follow-up worse than peers and worsening": "差于9个对标县"},
    "en": {"late file": "births.2018H1-于村乡.csv was received on 18 July 2018", "unusual mix of registrations": "usually 1.04–1.38 second-child for each first-child one",
           "on the roll twice": "on the roll twice (1 person)", "unpaid": "unpaid (3 people)", "paid twice": "paid twice (2 people)",
           "wrong rate (the old one)": "wrong rate (2 people)", "too young for the roll": "not eligible (1 person)",
           "on two rolls that exclude each other": "on two rolls that exclude each other (1 person)", "late": "late (2 people)",
           "transposed identity number": "matched after correcting the identity number (1 person)",
           "returned by the bank": "returned by the bank (1 person)", "paid after exit": "paid after leaving (2 people)",
           "paid but not on the roll": "paid but not on the roll (1 person)", "township total does not add up": "the townships reported 3,185 together",
           "inspection outside the period": "dated 16 July 2018, after the period",
           "follow-up worse than peers and worsening": "and worse than a year ago"},
}  # fmt: skip


@pytest.mark.parametrize("lang", LANGS)
def test_every_planted_fault_is_named_in_the_report(edition, root, lang):
    text = text_of(edition, lang)
    for fault, _, _ in planted(root):
        assert NAMED[lang][fault] in text, fault


@pytest.mark.parametrize("lang", LANGS)
def test_the_report_says_synthetic_and_which_calendar(edition, lang):
    text = text_of(edition, lang)

    assert {"zh": "合成数据", "en": "Synthetic data"}[lang] in text
    assert {"zh": "日历年度，2018年1月至2018年6月", "en": "calendar year, January 2018 to June 2018"}[lang] in text


def test_both_languages_print_the_same_numbers(edition):
    """Numbers with a thousands separator or decimals are the same; Chinese writes amounts in 万, which are counted out."""
    number = r"\d{1,3}(?:,\d{3})+|\d+\.\d+"
    texts = (text_of(edition, lang, " ") for lang in LANGS)
    counted_out = (re.sub(r"([\d.]+)万", lambda m: f"{round(float(m[1]) * 10_000):,}", said) for said in texts)
    zh, en = (set(re.findall(number, said)) for said in counted_out)

    assert zh == en


def test_no_identity_number_leaves_the_run(edition):
    numbers = re.compile(r"(?<![0-9a-f])139999\d{11}[\dX]")
    for path in (p for p in edition.rglob("*") if p.is_file()):
        assert not numbers.search(path.read_text("utf-8", errors="ignore")), path.name


IDENTITIES = (
    ({"births": 1, "births_carried_in": 1, "births_unregistered": -1, "births_reported": -1}, ("", "/order1", "/order2", "/order3")),
    ({"roll_opening": 1, "roll_new": 1, "roll_exits": -1, "roll_closing": -1},
     ("/only_child_award", "/retirement_award", "/rural_award", "/special_support")),
    ({"births": -1, "births/order1": 1, "births/order2": 1, "births/order3": 1}, ("",)),
    ({"checkups/preconception": -1, "checkups/preconception/male": 1, "checkups/preconception/female": 1}, ("",)),
)  # fmt: skip
"""What a reader knows to add up to zero in every place, written down apart from the program."""


def equations(found: pd.DataFrame) -> tuple[list[tuple[str, str]], list[dict[tuple[str, str], float]]]:
    """The cells (place, measure) that are hidden, and every equation over cells that a reader can write down."""
    named = {(row.place, row.measure) for row in found.itertuples()}
    lines = []
    for place in found["place"].unique():
        for terms, tails in IDENTITIES:
            for tail in tails:
                line = {(place, m + tail): sign for m, sign in terms.items()}
                lines += [line] if all(cell in named for cell in line) else []
    for measure, rows in found.groupby("measure"):
        places = [p for p in rows["place"] if p != "renqiu"]
        if "renqiu" in set(rows["place"]) and places:
            lines.append({("renqiu", measure): -1.0, **{(p, measure): 1.0 for p in places}})
    hidden = [(row.place, row.measure) for row in found.itertuples() if "suppressed" in row.note]
    return hidden, lines


def test_no_small_number_can_be_worked_out_from_what_is_published(found, desk):
    """An attack by linear programming: with all that is shown, each hidden small count could still be 3 or more."""
    heads = ("births", "roll_", "registered/", "checkups")
    mine = found[(found["period"] == "2018H1") & found["measure"].str.startswith(heads)]
    mine = mine[~mine["measure"].str.startswith(("births_expected", "births_change", "births_c", "roll_balance"))
                | mine["measure"].str.startswith("births_carried_in")]  # fmt: skip
    shown = {(row.place, row.measure): row.count_ for row in mine.rename(columns={"count": "count_"}).itertuples()}
    hidden, lines = equations(mine)
    truth = _true_counts(desk)
    secret = [cell for cell in hidden if 0 < truth[cell] < 3]
    at = {cell: n for n, cell in enumerate(hidden)}
    matrix = np.array([[line.get(cell, 0.0) for cell in hidden] for line in lines])
    known = np.array([-sum(sign * shown[c] for c, sign in line.items() if c not in at) for line in lines])

    assert secret, "the sample has small numbers to hide"
    for cell in secret:
        goal = np.zeros(len(hidden))
        goal[at[cell]] = -1
        best = linprog(goal, A_eq=matrix, b_eq=known, bounds=(0, None))

        assert best.status in (0, 3), cell
        assert best.status == 3 or -best.fun >= 3 - 1e-6, cell


def _true_counts(desk) -> dict[tuple[str, str], float]:
    """What nobody outside the office may know: the counts before anything was hidden."""
    flow = reconcile.stock_flow(desk.data["roll"], start=desk.period.start, end=desk.period.end, **desk.where)
    births = nowcast.bases(desk.births, months=desk.months, **desk.where, known_until=desk.last_known())
    seen = indicators.checkups(desk.data["checkups"], months=desk.months, **desk.where)
    done = indicators.registrations(desk.data["registrations"], months=desk.months, **desk.where)
    table = results.combine([flow, births, seen, done])
    return {(row.place, row.measure): row.value for row in results.pick(table, period="2018H1").itertuples()}


def test_executed_notebooks_show_no_small_township_count(edition, desk):
    """Tables that a notebook shows carry raw values: none stands in a township's row of a person count below 3."""
    townships = {t.name for t in desk.params.townships}
    for path in sorted((edition / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", ()):
                carried = output.get("data", {}).get("application/vnd.fpanalysis.block+json", {})
                for table in filter(None, (carried, carried.get("data"))):
                    _check_rows(table, townships, path.name)


PERSON_COUNTS = ("roll_", "pay_class", "births", "checkups", "registered/")


def _check_rows(table: dict, townships: set[str], name: str) -> None:
    keys = [column["key"] for column in table.get("columns", ())]
    for row in table.get("values", ()):
        if row and row[0] in townships:
            people = [v for key, v in zip(keys, row, strict=True) if key.startswith(PERSON_COUNTS)]
            about = str(row[1]) if keys[:2] == ["place", "measure"] else ""

            assert not [v for v in people if isinstance(v, (int, float)) and 0 < v < 3], (name, row)
            assert "pay_class" not in about, (name, row)


def test_findings_about_persons_are_told_for_the_county_alone(found):
    told = found[found["measure"].str.match("check/(roll|payment|exit)") & (found["count"] > 0)]

    assert set(told["place"]) <= {"renqiu"}
    assert not found["measure"].str.match("pay_class(_amount)?/[^/]+/")[found["place"] != "renqiu"].any()


def test_small_township_counts_of_people_are_not_published(found):
    people = found[found["measure"].str.startswith(("pay_class/", "roll_", "births", "checkups/", "registered/"))]
    counts = people[(people["place"] != "renqiu") & people["period"].isin(["2018H1"])]["count"].dropna()

    assert not counts.between(1, 2).any()

"""What each kind of raw file must hold: one contract a kind, the checker's rule and the printed data dictionary.

A raw file is `data/raw/<place>/<received-date>/<kind>[.<part>].csv|xlsx` (prose: `.md`). Re-delivering the
same kind and part later replaces the earlier one; different parts (months, townships) are put together.
Headings are the office's own: `params/<place>.yaml` maps them to the names here. `ingest` returns a tidy frame
with exactly these columns, plus `file` and `row` (as Excel shows it) so that any figure can be traced. Of a person
are kept `person` (pseudonym), `person_valid`, `person_near`, `birth`, `sex` (`identity.Person`), of a
name `person_name` (its keyed hash); and `sheet`, so that the office can find the row and nobody else can.
The words of the dictionary are in the catalogue: `kind.<kind>`, `column.<kind>.<name>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .wording import LANGS, catalogue

__all__ = ["ACTIVITIES", "CONTRACTS", "ORDERS", "Column", "Contract"]


@dataclass(frozen=True)
class Column:
    """One column of a raw file.

    `kind` is one of ingest's PARSERS: text, place, month, date, period, int, count, number, yuan, choice, person,
    name, item, programme, measure. A column that is not `required` may be missing or empty and then holds `default`.
    `choices` maps the value in the tidy frame to the spellings accepted in files.
    """

    kind: str
    required: bool = True
    default: Any = None
    choices: Mapping[Any, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Contract:
    """One kind of raw file: its columns in order, and the columns that together may stand only once.

    `adds_up`: rows of townships add up to the county's, so that a row of the county among them is their total.
    `of_a_period`: the tidy frame has a column `file_period`, the key of the period that the file's name names or "",
    because what the file says beyond that period's end belongs to it. `headings`: of a file that is made here, filled in
    elsewhere and handed back, each in both languages; it needs no entry in params.
    """

    columns: Mapping[str, Column]
    unique: tuple[str, ...] = ()
    adds_up: bool = False
    of_a_period: bool = False
    headings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _in_both(beginning: str, of: str = "") -> dict[str, tuple[str, ...]]:
    """Return the wordings of all keys of the catalogue (or of one of its files) with this beginning, by what follows it."""
    held = {key: e for key, e in catalogue().items() if key.startswith(beginning) and of in ("", e["file"])}
    return {key.removeprefix(beginning): tuple(entry[lang] for lang in LANGS) for key, entry in held.items()}


ORDERS = {
    1: ("1", "一孩", "第一孩", "一", "first"),
    2: ("2", "二孩", "第二孩", "二", "second"),
    3: ("3", "三孩", "多孩", "三孩及以上", "三", "3+", "third", "third and later"),
}
"""Birth order: first, second, third and later (国人口统1表 counts the third and later as 多孩)."""

EXAMINATIONS = {
    "preconception": ("免费孕前优生健康检查", "孕前", "preconception"),
    "reproductive": ("农村妇女生殖健康检查", "生殖健康", "reproductive"),
}
"""Programmes of free examinations, in the files of check-ups and of what was found in them."""

SEXES = {"male": ("男", "男性", "1", "m", "male"), "female": ("女", "女性", "2", "f", "female")}

ACTIVITIES = {
    "inspection": ("联合检查", "两非联合检查", "joint inspection"),
    "officers_seconded": ("抽调人员", "officers seconded"),
    "case_closed": ("查结案件", "case closed"),
    "device_seized": ("没收设备", "device seized"),
    "fine": ("罚款", "fine"),
    "benchmark_line": ("对标业务", "benchmarking line"),
    "benchmark_visit": ("对标走访", "benchmarking visit"),
    "benchmark_report": ("对标报告", "benchmarking report"),
    "improvement_plan": ("整改方案", "improvement plan"),
    "improvement_done": ("整改完成", "improvement plan done"),
    "family_visited": ("走访家庭", "families visited"),
    "poor_mother_visited": ("走访贫困母亲", "mothers in poverty visited"),
    "money_given": ("慰问钱物", "money and goods given"),
    "exam_candidate_checked": ("中考加分审核", "examination candidates checked"),
    "study_session": ("集中学习", "study session"),
    "staff_meeting": ("全员大会", "all-staff meeting"),
    "training": ("业务培训", "培训", "training session"),
}
"""What the office does besides births and subsidies; one key a kind of activity."""

FOLLOWUP = {
    "item": Column("item"),
    "class": Column("choice", choices=_in_both("class.", of="rules.csv")),
    "period": Column("period"),
    "entitled": Column("yuan"),
    "paid": Column("yuan"),
    "status": Column("choice", choices=_in_both("followup.status.")),
    "explanation": Column("prose", required=False, default=""),
    "date": Column("date", required=False),
    "by": Column("text", required=False, default=""),
    "first_seen": Column("period"),
    "last_seen": Column("period"),
    "times_seen": Column("count"),
}
"""What is read back of a follow-up workbook; what it tells about a person besides is not."""

CONTRACTS = {
    "births": Contract(
        {
            "place": Column("place", required=False),
            "occurred": Column("month"),
            "registered": Column("month", required=False),
            "order": Column("choice", required=False, default=0, choices=ORDERS),
            "sex": Column("choice", required=False, default="unknown", choices=SEXES),
            "count": Column("int"),
        },
        unique=("place", "occurred", "registered", "order", "sex"),
        adds_up=True,
    ),
    "registrations": Contract(
        {
            "place": Column("place", required=False),
            "month": Column("month"),
            "service": Column(
                "choice",
                choices={
                    "first": ("一孩登记", "first"),
                    "second": ("二孩登记", "second"),
                    "further": ("再生育审批", "further"),
                },
            ),
            "count": Column("count"),
            "on_time": Column("count", required=False),
        },
        unique=("place", "month", "service"),
        adds_up=True,
    ),
    "roll": Contract(
        {
            "person": Column("person"),
            "name": Column("name", required=False, default=""),
            "programme": Column("programme"),
            "place": Column("place", required=False),
            "village": Column("text", required=False, default=""),
            "start": Column("date"),
            "exit": Column("date", required=False),
            "reason": Column(
                "choice",
                required=False,
                default="",
                choices={
                    "died": ("死亡", "died"),
                    "moved": ("迁出", "moved"),
                    "aged_out": ("子女年满18周岁", "aged out"),
                    "no_longer_eligible": ("不再符合条件", "no longer eligible", "ineligible"),
                    "paid_once": ("一次性发放完毕", "paid once"),
                },
            ),
        },
    ),
    "payments": Contract(
        {
            "person": Column("person"),
            "name": Column("name", required=False, default=""),
            "programme": Column("programme"),
            "place": Column("place", required=False),
            "due": Column("month"),
            "amount": Column("yuan"),
            "paid": Column("date"),
            "status": Column(
                "choice",
                required=False,
                default="paid",
                choices={"paid": ("成功", "已发放", "paid"), "returned": ("退票", "失败", "returned")},
            ),
        },
    ),
    "reported": Contract(
        {
            "level": Column(
                "choice", choices={"township": ("乡级", "乡镇", "township"), "county": ("县级", "全市", "county")}
            ),
            "place": Column("place", required=False),
            "period": Column("period"),
            "programme": Column("programme"),
            "item": Column(
                "choice",
                choices={
                    "opening": ("期初", "opening"),
                    "new": ("新增", "new"),
                    "exits": ("退出", "exits"),
                    "closing": ("期末", "closing"),
                    "amount": ("发放金额", "amount"),
                },
            ),
            "value": Column("number"),
        },
        unique=("level", "place", "period", "programme", "item"),
    ),
    "totals": Contract(
        {
            "place": Column("place"),
            "period": Column("period"),
            "measure": Column("measure"),
            "value": Column("number"),
        },
        unique=("place", "period", "measure"),
    ),
    "checkups": Contract(
        {
            "programme": Column("choice", choices=EXAMINATIONS),
            "place": Column("place", required=False),
            "month": Column("month"),
            "sex": Column("choice", choices=SEXES),
            "count": Column("count"),
        },
        unique=("programme", "place", "month", "sex"),
        adds_up=True,
    ),
    "risks": Contract(
        {
            "programme": Column("choice", choices=EXAMINATIONS),
            "place": Column("place", required=False),
            "month": Column("month"),
            "found": Column("count"),
            "followed": Column("count", required=False),
        },
        unique=("programme", "place", "month"),
        adds_up=True,
    ),
    "activities": Contract(
        {
            "date": Column("date"),
            "activity": Column("choice", choices=ACTIVITIES),
            "subject": Column("text", required=False, default=""),
            "count": Column("count", required=False, default=1),
            "amount": Column("yuan", required=False, default=0),
        },
        of_a_period=True,
    ),
    "plan": Contract(
        {"period": Column("period"), "measure": Column("measure"), "target": Column("number")},
        unique=("period", "measure"),
    ),
    "commitments": Contract(
        {
            "id": Column("text"),
            "made": Column("period"),
            "due": Column("period"),
            "zh": Column("prose"),
            "en": Column("text"),
            "measure": Column("measure", required=False, default=""),
            "target": Column("number", required=False),
            "owner": Column("text", required=False, default=""),
            "owner_en": Column("text", required=False, default=""),
            "done": Column("date", required=False),
        },
        unique=("id", "made"),
    ),
    "peers": Contract(
        {
            "county": Column("text"),
            "county_en": Column("text", required=False, default=""),
            "period": Column("period"),
            "measure": Column("measure"),
            "count": Column("count"),
            "total": Column("count", required=False),
        },
        unique=("county", "period", "measure"),
    ),
    "followup": Contract(
        FOLLOWUP,
        unique=("item", "file_period"),
        of_a_period=True,
        headings={name: said for name, said in _in_both("followup.head.").items() if name in FOLLOWUP},
    ),
}
"""Every kind of raw table. The analyst's own prose (`prose.<period>.<lang>.md`) is text by section: `ingest.SECTIONS`."""

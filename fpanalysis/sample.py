"""A made-up county with known faults planted in it: what every page, test and newcomer starts from.

SYNTHETIC. The townships are Renqiu's by name; every row is invented. The totals for January-June 2018 equal the
figures the office published (see `PUBLISHED`), so that a back-test can hold them. Identity numbers are right in
form and belong to nobody: region code 139999 does not exist. The faults are listed in `planted_faults.csv` beside
the data, and the report must find each of them. The second half of 2018 arrived later and is invented as a whole: its
facts and faults, which the annual report must state, are listed in `planted_2018.csv`.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from .identity import check_character

__all__ = ["PUBLISHED", "SAMPLES", "write_sample"]

REGION = "139999"
FIRST, LAST = pd.Period("2013-07", "M"), pd.Period("2018-06", "M")
H1_START, H1_END = dt.date(2018, 1, 1), dt.date(2018, 6, 30)
RECEIVED, LATE = "2018-07-06", "2018-07-18"
PART = "2018H1"
YEAR_END = pd.Period("2018-12", "M")
OCTOBER, JANUARY, LATE_JANUARY = "2018-10-09", "2019-01-08", "2019-01-17"
SECOND_HALF = pd.period_range("2018-07", "2018-12", freq="M")

PUBLISHED = {
    "registered/first": 1559, "registered/second": 4696, "registered/further": 14, "registered_on_time": 1.0,
    "activity/benchmark_line": 10, "activity/benchmark_visit": 10, "activity/benchmark_report": 10,
    "activity/improvement_plan": 10, "activity/officers_seconded": 13, "activity_listed/inspection": 3,
    "activity/case_closed": 7, "activity/device_seized": 3, "activity_amount/fine": 34500,
    "checkups/preconception": 2886, "checkups/preconception/male": 1443, "checkups/preconception/female": 1443,
    "rate/only_child_award": 10, "rate/retirement_award": 3000, "pay_on_time/only_child_award": 1.0,
    "pay_on_time/retirement_award": 1.0, "roll_new/rural_award": 299, "roll_closing/rural_award": 3182,
    "roll_closing/special_support": 225, "activity/family_visited": 51, "activity/poor_mother_visited": 50,
    "activity/exam_candidate_checked": 106, "activity/study_session": 12, "activity/staff_meeting": 1,
}  # fmt: skip
"""Figures the office published for January-June 2018 (half-year report; DOMAIN: 'over 100,000 yuan' is tested apart)."""

WEIGHTS = {
    "新华路街道": 7.5, "西环路街道": 6.0, "永丰路街道": 6.5, "中华路街道": 6.0, "渤海路街道": 4.5, "油建路街道": 3.5,
    "会战道街道": 3.0, "出岸镇": 5.0, "石门桥镇": 6.5, "吕公堡镇": 5.5, "长丰镇": 6.0, "鄚州镇": 6.0, "苟各庄镇": 4.0,
    "梁召镇": 6.0, "辛中驿镇": 5.5, "麻家坞镇": 5.5, "议论堡乡": 5.0, "青塔乡": 3.0, "北辛庄乡": 3.0, "北汉乡": 3.5,
    "于村乡": 2.5,
}  # fmt: skip
DEMO_WEIGHTS = {"东湖镇": 30.0, "西山镇": 25.0, "南塘乡": 20.0, "北桥乡": 25.0}
SKEWED = ("辛中驿镇", "麻家坞镇", "梁召镇")
COUNTIES = {"赵县": "Zhaoxian", "元氏县": "Yuanshi", "晋州市": "Jinzhou", "裕华区": "Yuhua", "鹿泉区": "Luquan",
            "平泉市": "Pingquan", "乐亭县": "Laoting", "黄骅市": "Huanghua", "青县": "Qingxian"}  # fmt: skip
SEASON = np.array([1.06, 0.93, 0.94, 0.91, 0.93, 0.92, 0.98, 1.05, 1.05, 1.09, 1.07, 1.07])
DELAY = np.array([0.65, 0.23, 0.09, 0.012, 0.006, 0.004, 0.003, 0.002, 0.001, 0.001, 0.0005, 0.0005])
"""Share registered in the month of birth, one month later ...: 65, 88 and 97 % after one, two and three months."""

Table = tuple[list[str], list[list[object]]]
Rows = dict[tuple[pd.Period, str], list[list[object]]]
BIRTHS = ["乡镇", "出生年月", "登记年月", "孩次", "性别", "人数"]
REGISTRATIONS = ["乡镇", "月份", "业务", "办结数", "按时办结数"]
CHECKUPS = ["项目", "乡镇", "月份", "性别", "人数"]
ROLL = ["序号", "姓名", "身份证号", "项目", "乡镇", "村代码", "起始日期", "退出日期", "退出原因"]
PAYMENTS = ["身份证号", "姓名", "银行账号", "项目", "乡镇", "应发年月", "金额", "发放日期", "状态"]
REPORTED = ["级别", "单位", "统计期", "项目", "指标", "上报数"]
ACTIVITIES = ["日期", "事项", "对象", "数量", "金额"]
PLAN = ["统计期", "指标", "目标"]
PROMISES = ["编号", "承诺期", "到期", "内容", "英文", "指标", "目标", "责任单位", "责任单位英文"]
OWNERS = {"综合治理科": "Comprehensive Management Section", "妇幼科": "Maternal and Child Health Section",
          "统计科": "Statistics Section", "家庭发展科": "Family Development Section",
          "政务服务科": "Government Services Section"}  # fmt: skip
PEERS = ["县市", "英文名", "统计期", "指标", "分子", "分母"]


@dataclass
class _Book:
    """Raw files of a place as they grow: rows by (delivery date, file stem), and the list of planted faults."""

    rng: np.random.Generator
    files: dict[tuple[str, str], Table] = field(default_factory=dict)
    planted: list[dict[str, object]] = field(default_factory=list)
    year: list[dict[str, object]] = field(default_factory=list)
    numbers: set[str] = field(default_factory=set)

    def add(self, received: str, stem: str, heading: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Append rows to a file."""
        self.files.setdefault((received, stem), (list(heading), []))[1].extend(list(row) for row in rows)

    def plant(self, fault: str, measure: str, place: str, count: int, where: str) -> None:
        """List a planted fault: the result row (place, measure, count) that must name it."""
        self.planted.append({"fault": fault, "measure": measure, "place": place, "count": count, "where": where})

    def plant_year(self, fact: str, measure: str, place: str, count: float, where: str) -> None:
        """List a fact or fault of the whole year: the result row (place, measure, count) that must state it."""
        self.year.append({"fault": fact, "measure": measure, "place": place, "count": count, "where": where})

    def person(self, born: dt.date) -> str:
        """Return a new identity number, right in form, of the region that does not exist."""
        while True:
            first17 = f"{REGION}{born:%Y%m%d}{self.rng.integers(1000):03d}"
            number = first17 + check_character(first17)
            if number not in self.numbers:
                self.numbers.add(number)
                return number


def write_sample(folder: Path, place: str = "renqiu", *, params: Path | None = None) -> list[Path]:
    """Write the raw files of a sample place below `folder/data/raw/<place>/` and return them.

    `params`: folder to copy `<place>.yaml` from into `folder/params/` (left alone when it is the same folder).
    The same bytes every time. Raises KeyError for a place that is not in SAMPLES.
    """
    book = SAMPLES[place]()
    target = folder / "data" / "raw" / place
    if target.exists():
        shutil.rmtree(target)
    written = [_write(target / received / stem, table, book) for (received, stem), table in sorted(book.files.items())]
    if place == "renqiu":
        written += [*_write_prose(target / RECEIVED, PART, PROSE), *_write_prose(target / JANUARY, "2018", PROSE_YEAR)]
        written.append(_write_planted(target / "planted_faults.csv", book.planted))
        written.append(_write_planted(target / "planted_2018.csv", book.year))
    if params and (params / f"{place}.yaml").exists() and params.resolve() != (folder / "params").resolve():
        (folder / "params").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(params / f"{place}.yaml", folder / "params" / f"{place}.yaml")
    return written


def _renqiu() -> _Book:
    book = _Book(np.random.default_rng(20180630))
    later = _births(book, WEIGHTS, 12_000, FIRST, LAST, late="于村乡")
    _registrations(book)
    _checkups(book)
    people = _roll(book)
    _payments(book, people)
    _reported(book, people)
    _activities(book)
    _plans(book)
    _peers(book)
    _services(book)
    _second_half(book, people, later)
    return book


def _demo() -> _Book:
    """A small place in the statistical year that delivers births only, as workbooks with a title and a totals row."""
    book = _Book(np.random.default_rng(20180331))
    _births(book, DEMO_WEIGHTS, 2_400, pd.Period("2014-10", "M"), pd.Period("2018-03", "M"), suffix=".xlsx")
    return book


SAMPLES: Mapping[str, Callable[[], _Book]] = {"renqiu": _renqiu, "demo": _demo}
"""The sample places by key."""


def _births(
    book: _Book,
    weights: Mapping[str, float],
    yearly: float,
    first: pd.Period,
    last: pd.Period,
    *,
    late: str = "",
    suffix: str = ".csv",
) -> Rows:
    """Add births by township, occurrence and registration month, order and sex; one file for each half-year of registration.

    Returns what was registered after `last`, by month of registration and township: it has not arrived yet.
    """
    heading = BIRTHS
    counted = _registered(book.rng, weights, yearly, pd.period_range(first, last, freq="M"))
    later = {key: counted.pop(key) for key in [*counted] if key[0] > last}
    for (registered, place), rows in sorted(counted.items()):
        book.add(
            *_births_file(registered, place == late and registered >= pd.Period("2018-01", "M"), place, suffix),
            heading,
            rows,
        )
    if late:
        book.plant("late file", "check/late_delivery", "renqiu", 1, f"{LATE}/births.{PART}-{late}.csv, due 2018-07-10")
    return later


def _registered(rng: np.random.Generator, weights: Mapping[str, float], yearly: float, months: pd.PeriodIndex) -> Rows:
    """Return the rows of births of some months, by month of registration and township."""
    counted: Rows = {}
    for place, weight in weights.items():
        for month in months:
            mean = yearly / 12 * weight / sum(weights.values()) * SEASON[month.month - 1] * month.days_in_month / 30.44
            for order, sex, delay, count in _cell(rng, place, month, mean):
                row = [place, str(month), str(month + delay), ("一孩", "二孩", "多孩")[order], sex, count]
                counted.setdefault((month + delay, place), []).append(row)
    return counted


def _births_file(registered: pd.Period, is_late: bool, place: str, suffix: str) -> tuple[str, str]:
    half = f"{registered.year}H{1 if registered.month <= 6 else 2}"
    if is_late:
        return LATE, f"births.{PART}-{place}{suffix}"
    received = f"{registered.year}-07-06" if half.endswith("H1") else f"{registered.year + 1}-01-08"
    return received, f"births.{half}{suffix}"


def _cell(rng: np.random.Generator, place: str, month: pd.Period, mean: float) -> Iterable[tuple[int, str, int, int]]:
    """Yield (order, sex, delay, count) of one township and month."""
    two_child = month >= pd.Period("2016-10", "M")
    orders = np.array([0.41, 0.51, 0.08]) if two_child else np.array([0.54, 0.41, 0.05])
    level = (1.09 if two_child else 1.0) * (0.94 if month.year == 2015 else 1.0)
    ratios = (105.5, 122.0 if place in SKEWED else 106.5, 111.0)
    for order in range(3):
        total = rng.poisson(mean * level * orders[order] * rng.gamma(400, 1 / 400))
        boys = rng.binomial(total, ratios[order] / (100 + ratios[order]))
        for sex, number in (("男", boys), ("女", total - boys)):
            for delay, count in enumerate(rng.multinomial(number, DELAY / DELAY.sum())):
                if count:
                    yield order, sex, delay, int(count)


def _spread(rng: np.random.Generator, total: int, shape: tuple[int, ...], weights: np.ndarray) -> np.ndarray:
    """Return whole numbers in a shape that add up to the total exactly, spread by weights."""
    return rng.multinomial(total, (weights / weights.sum()).ravel()).reshape(shape)


def _by_place_and_month(book: _Book, total: int, months: pd.PeriodIndex) -> Iterable[tuple[str, pd.Period, int]]:
    weights = np.outer(list(WEIGHTS.values()), np.ones(len(months)))
    spread = _spread(book.rng, total, weights.shape, weights)
    for i, place in enumerate(WEIGHTS):
        for j, month in enumerate(months):
            yield place, month, int(spread[i, j])


def _halves(first: str, last: str) -> Iterable[tuple[str, pd.PeriodIndex]]:
    for start in pd.period_range(first, last, freq="M")[::6]:
        yield f"{start.year}H{1 if start.month == 1 else 2}", pd.period_range(start, periods=6, freq="M")


def _received(half: str) -> str:
    return f"{half[:4]}-07-06" if half.endswith("1") else f"{int(half[:4]) + 1}-01-08"


def _registrations(book: _Book) -> None:
    """Add registration services; the published totals of 2018H1, a usual mix before."""
    heading = REGISTRATIONS
    published = {"一孩登记": 1559, "二孩登记": 4696, "再生育审批": 14}
    for half, months in _halves("2016-01", "2018-06"):
        usual = {
            "一孩登记": book.rng.poisson(2500),
            "二孩登记": book.rng.poisson(3000),
            "再生育审批": book.rng.poisson(15),
        }
        for service, total in (published if half == PART else usual).items():
            late = 0 if half == PART else 1
            rows = [[p, str(m), service, n, max(n - late * (book.rng.random() < 0.02), 0)]
                    for p, m, n in _by_place_and_month(book, int(total), months)]  # fmt: skip
            book.add(_received(half), f"registrations.{half}.csv", heading, rows)
    book.plant(
        "unusual mix of registrations", "registered_mix", "renqiu", 0, "4,696 second-child for 1,559 first-child ones"
    )


def _checkups(book: _Book) -> None:
    """Add both check-up programmes; pre-conception ones of 2018H1 as published, in couples."""
    heading = CHECKUPS
    for half, months in _halves("2016-01", "2018-06"):
        couples = 1443 if half == PART else int(book.rng.poisson(1400))
        stem = f"checkups.{half}.xlsx" if half == PART else f"checkups.{half}.csv"
        for place, month, n in _by_place_and_month(book, couples, months):
            rows = [["免费孕前优生健康检查", place, str(month), sex, n] for sex in ("男", "女")]
            book.add(_received(half), stem, heading, rows)
        for place, month, n in _by_place_and_month(book, int(book.rng.poisson(10_400)), months):
            book.add(_received(half), stem, heading, [["农村妇女生殖健康检查", place, str(month), "女", n]])


@dataclass
class _Person:
    """A made-up person on a roll."""

    number: str
    programme: str
    place: str
    start: dt.date
    exit: dt.date | None = None
    reason: str = ""


NAMES = {"only_child_award": "独生子女父母奖励", "retirement_award": "独生子女父母退休一次性奖励",
         "rural_award": "农村奖扶", "special_support": "特扶"}  # fmt: skip
REASONS = {"only_child_award": ("子女年满18周岁", "迁出"), "rural_award": ("死亡", "迁出", "不再符合条件"),
           "special_support": ("死亡", "迁出"), "retirement_award": ("一次性发放完毕",)}  # fmt: skip
STOCKS = {"only_child_award": (1184, 58, 92), "rural_award": (2924, 299, 41), "special_support": (219, 9, 3)}
"""Opening, new and exits of 2018H1; 2,924 + 299 - 41 = 3,182 and 219 + 9 - 3 = 225 are the published closings."""
BIRTH_YEARS = {
    "only_child_award": (1972, 1990),
    "retirement_award": (1958, 1963),
    "rural_award": (1938, 1957),
    "special_support": (1945, 1968),
}

AGES = {"rural_award": 60, "special_support": 49}
"""Years that whoever joins a roll has completed."""


def _roll(book: _Book) -> list[_Person]:
    people = [
        p for programme, (opening, new, exits) in STOCKS.items() for p in _stock(book, programme, opening, new, exits)
    ]
    for _ in range(46):
        start = _day(book.rng, H1_START, dt.date(2018, 5, 31))
        paid = start + dt.timedelta(days=int(book.rng.integers(10, 25)))
        people.append(_new_person(book, "retirement_award", start, paid, "一次性发放完毕"))
    heading = ROLL
    _plant_people(book, people)
    twice = next(p for p in people if p.programme == "rural_award" and p.exit is None and p.start.year < 2016)
    rows = _listed([*people, twice])
    book.add(RECEIVED, "roll.csv", heading, rows)
    _plant_class(book, "on the roll twice", twice, "on_roll_twice", f"roll.csv row {len(rows) + 1}")
    return people


def _plant_people(book: _Book, people: Sequence[_Person]) -> None:
    """Plant one person who is too young for the roll, and one who is on two rolls that exclude each other."""
    rural = [p for p in people if p.programme == "rural_award" and p.exit is None]
    young = next(p for p in reversed(rural) if p.start.year == 2013)
    young.number = _own_number(book, "19620314001")
    _plant_class(book, "too young for the roll", young, "ineligible", "roll.csv")
    special = next(p for p in people if p.programme == "special_support" and p.exit is None and p.start.year == 2017)
    other = next(p for p in rural if p.start.year == 2014)
    other.number = special.number = _own_number(book, "19500506002")
    for person in (other, special):
        _plant_class(book, "on two rolls that exclude each other", person, "two_rolls", "roll.csv")


def _own_number(book: _Book, digits: str) -> str:
    """Return the identity number with these digits of birth and order; no random number is drawn for it."""
    number = f"{REGION}{digits}{check_character(REGION + digits)}"
    book.numbers.add(number)
    return number


def _listed(people: Sequence[_Person]) -> list[list[object]]:
    """Return the rows of a roll."""
    return [[i, f"样本{i:04d}", p.number, NAMES[p.programme], p.place, f"{i % 30:03d}", p.start.isoformat(),
             p.exit.isoformat() if p.exit else "", p.reason] for i, p in enumerate(people, start=1)]  # fmt: skip


def _stock(book: _Book, programme: str, opening: int, new: int, exits: int) -> Iterable[_Person]:
    """Yield people of a roll with the opening stock, entries and exits of 2018H1 given, and some earlier exits."""
    for i in range(opening):
        start = _day(book.rng, dt.date(2012, 1, 1), dt.date(2017, 12, 31))
        leaving = _day(book.rng, H1_START, dt.date(2018, 5, 31)) if i < exits else None
        yield _new_person(book, programme, start, leaving, str(book.rng.choice(REASONS[programme])) if leaving else "")
    for _ in range(new):
        yield _new_person(book, programme, _day(book.rng, H1_START, dt.date(2018, 5, 31)))
    for _ in range(exits):
        start = _day(book.rng, dt.date(2012, 1, 1), dt.date(2015, 12, 31))
        gone = _day(book.rng, dt.date(2016, 1, 1), dt.date(2017, 12, 31))
        yield _new_person(book, programme, start, gone, str(book.rng.choice(REASONS[programme])))


def _new_person(
    book: _Book, programme: str, start: dt.date, leaving: dt.date | None = None, reason: str = ""
) -> _Person:
    low, high = BIRTH_YEARS[programme]
    born = _day(book.rng, dt.date(low, 1, 1), dt.date(high, 12, 31))
    youngest = start.year - AGES.get(programme, 0) - 1
    born = born.replace(year=min(born.year, youngest), day=min(born.day, 28))
    weights = np.array(list(WEIGHTS.values()))
    place = str(book.rng.choice(list(WEIGHTS), p=weights / weights.sum()))
    return _Person(book.person(born), programme, place, start, leaving, reason)


def _day(rng: np.random.Generator, first: dt.date, last: dt.date) -> dt.date:
    return first + dt.timedelta(days=int(rng.integers(0, (last - first).days + 1)))


def _plant_class(book: _Book, fault: str, person: _Person, name: str, where: str, count: int = 1) -> None:
    book.plant(fault, f"pay_class/{person.programme}/{name}", person.place, count, where)


@dataclass
class _Payment:
    """A made-up bank row."""

    person: _Person
    due: pd.Period
    yuan: int
    paid: dt.date
    number: str = ""
    status: str = "成功"


def _payments(book: _Book, people: Sequence[_Person]) -> None:
    """Add the payments of 2018H1 as they were due, then plant the faults."""
    rows = [p for person in people for p in _due_payments(book, person)]
    book.add(RECEIVED, f"payments.{PART}.csv", PAYMENTS, _shuffled(book, _plant_payments(book, rows)))


def _shuffled(book: _Book, payments: Sequence[_Payment]) -> list[list[object]]:
    """Return the rows of a bank file, in no order."""
    shuffled = [payments[i] for i in book.rng.permutation(len(payments))]
    return [[p.number or p.person.number, "样本", f"{10**15 + i}", NAMES[p.person.programme], p.person.place, str(p.due), p.yuan,
             p.paid.isoformat(), p.status] for i, p in enumerate(shuffled)]  # fmt: skip


def _due_payments(
    book: _Book, person: _Person, quarters: tuple[str, str] = ("2018-03", "2018-06")
) -> Iterable[_Payment]:
    """Yield what a person is due: quarters by months on the roll, June for the yearly award, once at retirement."""
    if person.programme == "retirement_award":
        yield _Payment(person, pd.Period(person.start, "M"), 3000, person.exit or person.start)
        return
    for due in (pd.Period(quarter, "M") for quarter in quarters):
        if person.programme == "rural_award":
            amount = 960 * (due.month == 6 and _on_roll(person, due))
        else:
            monthly = {"only_child_award": 10, "special_support": 340 if due.month == 3 else 450}[person.programme]
            amount = monthly * sum(_on_roll(person, due - i) for i in range(3))
        if amount:
            yield _Payment(person, due, amount, due.end_time.date() - dt.timedelta(days=int(book.rng.integers(0, 9))))


def _on_roll(person: _Person, month: pd.Period) -> bool:
    """Return whether a person is entitled for a month: on the roll at its last day (started by then, not left before)."""
    last = month.end_time.date()
    return person.start <= last and (person.exit is None or person.exit > last)


def _plant_payments(book: _Book, rows: list[_Payment]) -> list[_Payment]:
    """Plant every payment fault, each on a person of its own, none in the two awards published as 100 % on time."""
    rural = iter(
        [
            r
            for r in rows
            if r.person.programme == "rural_award" and r.person.exit is None and r.person.start.year == 2016
        ]
    )
    june, march = pd.Period("2018-06", "M"), pd.Period("2018-03", "M")
    steady = [
        r
        for r in rows
        if r.person.programme == "special_support" and r.person.exit is None and r.person.start.year < 2017
    ]
    special = {due: iter([r for r in steady if r.due == due][start:]) for due, start in ((june, 0), (march, 40))}
    where = f"payments.{PART}.csv"
    unpaid = [next(rural) for _ in range(3)]
    for row in unpaid:
        _plant_class(book, "unpaid", row.person, "unpaid", f"no row in {where}")
    twice = [next(rural) for _ in range(2)]
    for row in twice:
        _plant_class(book, "paid twice", row.person, "paid_twice", where)
    for row in (next(special[june]) for _ in range(2)):
        row.yuan = 3 * 340
        _plant_class(book, "wrong rate (the old one)", row.person, "wrong_rate", where)
    for row in (next(special[march]) for _ in range(2)):
        row.paid = dt.date(2018, 5, 20)
        _plant_class(book, "late", row.person, "late", where)
    swapped = next(r for r in rural if r.person.number[-4] != r.person.number[-3])
    n = swapped.person.number
    swapped.number = n[:-4] + n[-3] + n[-4] + n[-2:]
    _plant_class(book, "transposed identity number", swapped.person, "matched_after_correction", where)
    returned = next(rural)
    returned.status = "退票"
    _plant_class(book, "returned by the bank", returned.person, "returned", where)
    return [r for r in rows if r not in unpaid] + twice + _strangers(book)


def _strangers(book: _Book) -> list[_Payment]:
    """Return payments to people who left the roll long ago, and to one who never was on it."""
    june, paid = pd.Period("2018-06", "M"), dt.date(2018, 6, 25)
    rows = [_Payment(person, june, 960, paid) for person in _left(book)]
    for row in rows:
        _plant_class(book, "paid after exit", row.person, "paid_after_exit", f"payments.{PART}.csv")
    stranger = _new_person(book, "rural_award", H1_START)
    _plant_class(book, "paid but not on the roll", stranger, "not_on_roll", f"payments.{PART}.csv")
    return [*rows, _Payment(stranger, june, 960, paid)]


def _left(book: _Book) -> list[_Person]:
    """Return two people of the rural award who left before 2018, from the roll as written."""
    heading, rows = book.files[RECEIVED, "roll.csv"]
    at = {name: i for i, name in enumerate(heading)}
    gone = [
        r
        for r in rows
        if r[at["项目"]] == NAMES["rural_award"] and r[at["退出日期"]] and str(r[at["退出日期"]]) < "2018"
    ]
    return [_Person(str(r[at["身份证号"]]), "rural_award", str(r[at["乡镇"]]), dt.date.fromisoformat(str(r[at["起始日期"]])),
                    dt.date.fromisoformat(str(r[at["退出日期"]])), str(r[at["退出原因"]])) for r in gone[:2]]  # fmt: skip


def _reported(book: _Book, people: Sequence[_Person]) -> None:
    """Add the totals that townships and the county reported; one township's closing does not add up."""
    heading = REPORTED
    wrong = ("长丰镇", "rural_award", "closing")
    for programme in NAMES:
        county = dict.fromkeys(("opening", "new", "exits", "closing"), 0)
        for place in WEIGHTS:
            flow = _flow([p for p in people if p.programme == programme and p.place == place])
            for item, n in flow.items():
                county[item] += n
                shown = n + 3 * ((place, programme, item) == wrong)
                book.add(
                    RECEIVED, "reported.csv", heading, [["乡级", place, PART, NAMES[programme], ITEMS[item], shown]]
                )
        for item, n in county.items():
            book.add(RECEIVED, "reported.csv", heading, [["县级", "任丘市", PART, NAMES[programme], ITEMS[item], n]])
    book.plant("township total does not add up", "reported_difference/rural_award/closing", wrong[0], 3, "reported.csv")


ITEMS = {"opening": "期初", "new": "新增", "exits": "退出", "closing": "期末"}


def _flow(people: Sequence[_Person], end: dt.date = H1_END) -> dict[str, int]:
    before = [p for p in people if p.start < H1_START and (p.exit is None or p.exit >= H1_START)]
    new = [p for p in people if H1_START <= p.start <= end]
    exits = [p for p in people if p.exit and H1_START <= p.exit <= end]
    return {
        "opening": len(before),
        "new": len(new),
        "exits": len(exits),
        "closing": len(before) + len(new) - len(exits),
    }


def _activities(book: _Book) -> None:
    """Add what the office did, as published: three joint inspections, one of them after the period."""
    heading = ACTIVITIES
    rows: list[list[object]] = [[f"2018-{m:02d}-{d:02d}", "集中学习", "", 1, 0] for m in range(1, 7) for d in (8, 22)]
    rows += [[day, "联合检查", "", 1, 0] for day in ("2018-01-18", "2018-05-16", "2018-07-16")]
    rows += [["2018-01-18", "抽调人员", "", 13, 0], ["2018-03-31", "全员大会", "", 1, 0], ["2018-04-20", "中考加分审核", "", 106, 0],
             ["2018-01-22", "查结案件", "", 4, 0], ["2018-05-21", "查结案件", "", 3, 0], ["2018-05-21", "没收设备", "", 3, 0],
             ["2018-01-24", "罚款", "", 4, 19500], ["2018-05-24", "罚款", "", 3, 15000],
             ["2018-02-09", "走访家庭", "", 51, 0], ["2018-05-11", "走访贫困母亲", "", 50, 0],
             ["2018-02-09", "慰问钱物", "", 51, 52600], ["2018-05-11", "慰问钱物", "", 50, 50000]]  # fmt: skip
    visited = [*COUNTIES, "赵县"]
    for i, county in enumerate(visited):
        day = dt.date(2018, 3, 6) + dt.timedelta(days=8 * i)
        rows += [[(day + dt.timedelta(days=later)).isoformat(), what, county, 1, 0]
                 for what, later in (("对标业务", 0), ("对标走访", 2), ("对标报告", 9), ("整改方案", 20))]  # fmt: skip
    book.add(LATE, f"activities.{PART}.csv", heading, sorted(rows, key=lambda r: str(r[0])))
    book.plant(
        "inspection outside the period",
        "activity_outside/inspection",
        "renqiu",
        1,
        f"activities.{PART}.csv, 2018-07-16",
    )


def _plans(book: _Book) -> None:
    book.add(RECEIVED, "plan.csv", PLAN, [["2018", "checkups/preconception", 5600],
             ["2018", "checkups/reproductive", 21000], ["2018", "activity/inspection", 4]])  # fmt: skip
    promises = [
        ["C1", "开展专项检查不少于2次", "At least 2 special inspections", "activity/inspection", 2, "综合治理科"],
        ["C2", "按时、保质、保量完成全年免费孕前优生健康检查任务", "Yearly target of free pre-conception check-ups met on time, in quality and number",
         "plan_share/checkups/preconception", 1, "妇幼科"],
        ["C3", "按时、保质、保量完成全年农村妇女生殖健康检查任务", "Yearly target of reproductive-health examinations met on time, in quality and number",
         "plan_share/checkups/reproductive", 1, "妇幼科"],
        ["C4", "加强出生人口监测预警", "Birth monitoring and early warning strengthened", "", "", "统计科"],
        ["C5", "按时发放奖励和特别扶助资金", "Awards and special support paid on schedule", "pay_on_time", 1, "家庭发展科"],
    ]  # fmt: skip
    told = [[c[0], PART, "2018H2", *c[1:], OWNERS[c[-1]]] for c in promises]
    book.add(RECEIVED, f"commitments.{PART}.csv", PROMISES, told)


def _peers(book: _Book, part: str = PART, received: str = RECEIVED, stem: str = "peers.csv", size: int = 1) -> None:
    """Add invented figures of the counties that were visited, for benchmarking."""
    rows = []
    for county, english in COUNTIES.items():
        births = int(book.rng.integers(2500, 6500)) * size
        due = int(births * book.rng.uniform(0.5, 0.7))
        rows.append(
            [
                county,
                english,
                part,
                "registered_on_time",
                int(book.rng.binomial(births, book.rng.uniform(0.95, 1.0))),
                births,
            ]
        )
        rows.append([county, english, part, "srb", int(book.rng.binomial(births, 1.075 / 2.075)), births])
        rows.append(
            [
                county,
                english,
                part,
                "plan_share/checkups/preconception",
                int(book.rng.binomial(due, 0.5 if size == 1 else 0.97)),
                due,
            ]
        )
    book.add(received, stem, PEERS, rows)


def _second_half(book: _Book, people: Sequence[_Person], later: Rows) -> None:
    """Add what arrived in October 2018 and January 2019: the second half of the year, with facts and faults of its own."""
    book.rng = np.random.default_rng(20181231)
    _births_later(book, later)
    _correction(book)
    _registrations_later(book)
    _checkups_later(book)
    everybody = _roll_later(book, people)
    _payments_later(book, everybody)
    _reported_later(book, everybody)
    _activities_later(book)
    _promises_later(book)
    _peers(book, "2018", JANUARY, "peers.2018.csv", 2)
    _services_later(book)


def _quarter(month: pd.Period) -> tuple[str, str]:
    """Return when the files of a month's quarter arrived, and the quarter."""
    return (OCTOBER, "2018Q3") if month.month <= 9 else (JANUARY, "2018Q4")


SILENT = "北辛庄乡"
"""The township whose births of the last quarter never arrived."""


def _births_later(book: _Book, later: Rows) -> None:
    """Add births registered from July to December: a tenth fewer happen, and one township's last quarter is missing."""
    counted = _registered(book.rng, WEIGHTS, 12_000 * 0.9, SECOND_HALF)
    keys = sorted({key for key in (*later, *counted) if key[0] <= YEAR_END})
    for registered, place in keys:
        received, quarter = _quarter(registered)
        if not (place == SILENT and quarter == "2018Q4"):
            rows = [*later.get((registered, place), ()), *counted.get((registered, place), ())]
            book.add(received, f"births.{quarter}.csv", BIRTHS, rows)
    missing = f"no row of {SILENT} in births.2018Q4.csv"
    book.plant_year("township missing", "quality/missing/births", SILENT, 3, missing)


def _correction(book: _Book) -> None:
    """Deliver the late township's births of the first half again: nine births of June had been forgotten."""
    stem = f"births.{PART}-于村乡.csv"
    heading, rows = book.files[LATE, stem]
    last = [i for i, row in enumerate(rows) if row[1] == row[2] == "2018-06"][:3]
    book.add(OCTOBER, stem, heading, [[*r[:-1], int(str(r[-1])) + 3 * (i in last)] for i, r in enumerate(rows)])
    book.plant_year("corrected file", "revision_corrected/births", "renqiu", 9, f"{OCTOBER}/{stem}")


FLAT, ROUNDED, COPIED, TARDY = "渤海路街道", "长丰镇", "青塔乡", "议论堡乡"
"""Townships with one value in every month, with rounded values, with last year's values, and with a late file."""


def _registrations_later(book: _Book) -> None:
    """Add registration services of the second half, in a usual mix; one township says the same number every month."""
    for service, mean in (("一孩登记", 2500), ("二孩登记", 3000), ("再生育审批", 15)):
        for place, month, n in _by_place_and_month(book, int(book.rng.poisson(mean)), SECOND_HALF):
            count = 19 if (place, service) == (FLAT, "一孩登记") else n
            received, quarter = _quarter(month)
            late = int(book.rng.random() < 0.02 and count > 0)
            book.add(
                received,
                f"registrations.{quarter}.csv",
                REGISTRATIONS,
                [[place, str(month), service, count, count - late]],
            )
    where = "registrations.2018Q3.csv, registrations.2018Q4.csv"
    book.plant_year("same value every month", "quality/equal_months/registered/first", FLAT, 6, where)


def _checkups_later(book: _Book) -> None:
    """Add check-ups of the second half: enough couples for the year's plan, too few rural examinations."""
    for place, month, n in _by_place_and_month(book, 1371, SECOND_HALF):
        _examined(book, place, month, [["免费孕前优生健康检查", place, str(month), sex, n] for sex in ("男", "女")])
    before = _last_year(book)
    for place, month, n in _by_place_and_month(book, 9_200, SECOND_HALF):
        said = {COPIED: before.get((place, str(month - 12)), n), ROUNDED: round(n, -1)}.get(place, n)
        _examined(book, place, month, [["农村妇女生殖健康检查", place, str(month), "女", said]])
    where = "checkups.2018Q3.csv, checkups.2018Q4.csv"
    book.plant_year("rounded values", "quality/heaping/checkups/reproductive", ROUNDED, 6, where)
    book.plant_year("last year's values", "quality/copied/checkups/reproductive", COPIED, 6, where)
    book.plant_year(
        "late file", "check/late_delivery", "renqiu", 1, f"{LATE_JANUARY}/checkups.2018Q4-{TARDY}.csv, due 2019-01-10"
    )


def _examined(book: _Book, place: str, month: pd.Period, rows: Sequence[Sequence[object]]) -> None:
    received, quarter = _quarter(month)
    late = place == TARDY and quarter == "2018Q4"
    stem = f"checkups.{quarter}-{place}.csv" if late else f"checkups.{quarter}.csv"
    book.add(LATE_JANUARY if late else received, stem, CHECKUPS, rows)


def _last_year(book: _Book) -> dict[tuple[str, str], int]:
    """Return the rural examinations of the second half of 2017 by township and month."""
    _, rows = book.files["2018-01-08", "checkups.2017H2.csv"]
    return {(str(r[1]), str(r[2])): int(str(r[4])) for r in rows if r[0] == "农村妇女生殖健康检查"}


LATER = {"only_child_award": (40, 85), "rural_award": (12, 38), "special_support": (4, 2)}
"""New and exits of 2018H2: 3,182 + 12 - 38 = 3,156 and 225 + 4 - 2 = 227 at the end of the year."""


def _roll_later(book: _Book, people: Sequence[_Person]) -> list[_Person]:
    """Deliver the whole roll again as it stood at the end of the year; the person listed twice stands once."""
    everybody = [*people]
    for programme, (new, exits) in LATER.items():
        steady = [i for i, p in enumerate(people) if p.programme == programme and not p.exit and p.start.year == 2017]
        for i in (int(i) for i in book.rng.choice(steady, exits, replace=False)):
            gone, reason = _day(book.rng, *AUTUMN), str(book.rng.choice(REASONS[programme]))
            everybody[i] = replace(people[i], exit=gone, reason=reason)
        everybody += [_new_person(book, programme, _day(book.rng, *AUTUMN)) for _ in range(new)]
    for _ in range(44):
        start = _day(book.rng, *AUTUMN)
        paid = start + dt.timedelta(days=int(book.rng.integers(10, 25)))
        everybody.append(_new_person(book, "retirement_award", start, paid, "一次性发放完毕"))
    book.add(JANUARY, "roll.csv", ROLL, _listed(everybody))
    for programme in ("rural_award", "special_support"):
        opening, new, exits = (a + b for a, b in zip(STOCKS[programme], (0, *LATER[programme]), strict=True))
        for item, n in zip(FLOW, (opening, new, exits, opening + new - exits), strict=True):
            book.plant_year("stock and flow", f"roll_{item}/{programme}", "renqiu", n, "roll.csv")
    return everybody


AUTUMN = (dt.date(2018, 7, 2), dt.date(2018, 11, 30))
FLOW = ("opening", "new", "exits", "closing")


def _payments_later(book: _Book, people: Sequence[_Person]) -> None:
    """Add the payments of the second half, all on time, and what had not arrived in June, made good in September."""
    by_number = {p.number: p for p in people}
    rows = [p for person in people for p in _due_payments(book, person, ("2018-09", "2018-12"))
            if p.due >= SECOND_HALF[0]]  # fmt: skip
    due = [p for p in people if p.programme == "rural_award" and _on_roll(p, pd.Period("2018-06", "M"))]
    paid = {str(r[0]) for r in _bank_rows(book) if r[3] == NAMES["rural_award"] and r[8] == "成功"}
    corrected = {n[:-4] + n[-3] + n[-4] + n[-2:] for n in paid}
    missed = [p for p in due if p.number not in paid and p.number not in corrected]
    rows += [_Payment(by_number[p.number], pd.Period("2018-06", "M"), 960, dt.date(2018, 9, 20)) for p in missed]
    book.add(JANUARY, "payments.2018H2.csv", PAYMENTS, _shuffled(book, rows))
    where = "payments.2018H2.csv, due in June and paid on 2018-09-20"
    book.plant_year("made good", "pay_class/rural_award/late", "renqiu", len(missed), where)


def _bank_rows(book: _Book) -> list[list[object]]:
    return book.files[RECEIVED, f"payments.{PART}.csv"][1]


def _reported_later(book: _Book, people: Sequence[_Person]) -> None:
    """Add the totals reported for the year; the county's new entrants are those of the first half."""
    for programme in NAMES:
        mine, county = [p for p in people if p.programme == programme], dict.fromkeys(ITEMS, 0)
        for place in WEIGHTS:
            for item, n in _flow([p for p in mine if p.place == place], dt.date(2018, 12, 31)).items():
                county[item] += n
                book.add(
                    JANUARY, "reported.2018.csv", REPORTED, [["乡级", place, "2018", NAMES[programme], ITEMS[item], n]]
                )
        for item, n in county.items():
            shown = STOCKS[programme][1] if (programme, item) == ("rural_award", "new") else n
            book.add(
                JANUARY,
                "reported.2018.csv",
                REPORTED,
                [["县级", "任丘市", "2018", NAMES[programme], ITEMS[item], shown]],
            )
    short = STOCKS["rural_award"][1] - county_new(people)
    book.plant_year(
        "half-year's figure reported for the year",
        "reported_difference/rural_award/new",
        "renqiu",
        short,
        "reported.2018.csv",
    )


def county_new(people: Sequence[_Person]) -> int:
    """Return how many entered the rural award in the year."""
    return _flow([p for p in people if p.programme == "rural_award"], dt.date(2018, 12, 31))["new"]


def _activities_later(book: _Book) -> None:
    """Add what the office did in the second half; the inspection of mid-July stands in the file of the first."""
    rows: list[list[object]] = [[f"2018-{m:02d}-{d:02d}", "集中学习", "", 1, 0] for m in range(7, 13) for d in (9, 23)]
    rows += [["2018-09-12", "联合检查", "", 1, 0], ["2018-11-20", "联合检查", "", 1, 0], ["2018-09-14", "查结案件", "", 2, 0],
             ["2018-11-23", "查结案件", "", 3, 0], ["2018-11-23", "没收设备", "", 1, 0], ["2018-09-17", "罚款", "", 2, 9000],
             ["2018-11-26", "罚款", "", 3, 14000], ["2018-12-12", "全员大会", "", 1, 0], ["2018-09-18", "走访家庭", "", 48, 0],
             ["2018-09-18", "慰问钱物", "", 48, 47400], ["2018-10-16", "对标走访", "黄骅市", 1, 0],
             ["2018-10-30", "对标报告", "黄骅市", 1, 0], ["2018-08-21", "业务培训", "", 1, 0],
             ["2018-10-25", "业务培训", "", 1, 0]]  # fmt: skip
    book.add(JANUARY, "activities.2018H2.csv", ACTIVITIES, sorted(rows, key=lambda r: str(r[0])))
    book.plant_year("trainings", "activity/training", "renqiu", 2, "activities.2018H2.csv")
    book.plant_year(
        "inspections of the year", "activity/inspection", "renqiu", 5, "activities.2018H1.csv, activities.2018H2.csv"
    )


def _promises_later(book: _Book) -> None:
    """Add what the annual report promises, the targets of the year after, and how the half-year's promises came out."""
    book.add(JANUARY, "plan.2019.csv", PLAN, [["2019", "checkups/preconception", 5600],
             ["2019", "checkups/reproductive", 21000], ["2019", "activity/inspection", 4]])  # fmt: skip
    promises = [
        ["D1", "2018", "2019H1", "补查2018年未完成的农村妇女生殖健康检查，上半年完成不少于11500人", "Reproductive-health examinations missed in 2018 made good: at least 11,500 in the first half",
         "checkups/reproductive", 11500, "妇幼科"],
        ["D2", "2018", "2019", "全年开展专项检查不少于4次", "At least 4 special inspections in the year", "activity/inspection", 4, "综合治理科"],
        ["D3", "2018", "2019", "登记服务按时办结", "Registrations completed on time", "registered_on_time", 1, "政务服务科"],
    ]  # fmt: skip
    book.add(JANUARY, "commitments.2018.csv", PROMISES, [[*c, OWNERS[c[-1]]] for c in promises])
    for name, state in (("C1", "kept"), ("C2", "kept"), ("C3", "not_kept"), ("C4", "cannot_judge"), ("C5", "kept")):
        book.plant_year(f"promise {state}", f"commitment/{name}", "renqiu", 1, f"commitments.{PART}.csv")


RISKS = {"2016H1": (0.081, 0.95), "2016H2": (0.078, 0.96), "2017H1": (0.083, 0.95), "2017H2": (0.080, 0.93),
         "2018H1": (0.082, 0.81)}  # fmt: skip
"""Share of the people examined who were found at high risk, and of those the share followed up, by half-year."""


def _services(book: _Book) -> None:
    """Add what the services notebook looks back on: high risk, earlier activities, improvement plans, peers' follow-up.

    It has a generator of its own, so that nothing else of the sample moves with it.
    """
    rng = np.random.default_rng(20180701)
    for half, (risk, followed) in RISKS.items():
        _risks(book, rng, half, risk, followed)
    for half, months in _halves("2016-01", "2017-12"):
        _earlier_activities(book, rng, half, months)
    done = [(dt.date(2018, 5, 10) + dt.timedelta(days=6 * i), county) for i, county in enumerate([*COUNTIES][:7])]
    rows = [[day.isoformat(), "整改完成", county, 1, 0] for day, county in done]
    book.add(LATE, f"activities.{PART}-followup.csv", ["日期", "事项", "对象", "数量", "金额"], rows)
    _peers_followed(book, rng, ("2017H1", PART), RECEIVED, "peers.followup.csv")


def _services_later(book: _Book) -> None:
    """Add what the services notebook needs of the second half: high risk, improvement plans done, peers' follow-up.

    From then on nearly all are followed up, which does not make up for the first half; two of the plans left are done.
    """
    rng = np.random.default_rng(20181230)
    found = sum(int(str(row[3])) for row in book.files[RECEIVED, f"risks.{PART}.csv"][1])
    for row in _at_risk(rng, SECOND_HALF, 0.081, 0.96):
        received, quarter = _quarter(pd.Period(str(row[2]), "M"))
        book.add(received, f"risks.{quarter}.csv", RISK, [row])
        found += int(str(row[3]))
    book.plant_year("found at high risk", "checkups_risk/preconception", "renqiu", found, "risks.*.csv of the year")
    done = [["2018-08-15", "整改完成", "黄骅市", 1, 0], ["2018-09-10", "整改完成", "赵县", 1, 0]]
    book.add(JANUARY, "activities.2018H2-followup.csv", ACTIVITIES, done)
    where = "activities.2018H1-followup.csv, activities.2018H2-followup.csv"
    book.plant_year("improvement plans done of ten", "benchmark_step/improvement_done", "renqiu", 9, where)
    _peers_followed(book, rng, ("2017", "2018"), JANUARY, "peers.2018-followup.csv", 2)


RISK = ["项目", "乡镇", "月份", "高风险人数", "已随访人数"]


def _at_risk(rng: np.random.Generator, months: pd.PeriodIndex, risk: float, followed: float) -> Iterable[list[object]]:
    """Yield the people found at high risk and followed up, by township and month."""
    for place, weight in WEIGHTS.items():
        for month in months:
            found = int(rng.poisson(2800 / 6 * risk * weight / sum(WEIGHTS.values())))
            yield ["免费孕前优生健康检查", place, str(month), found, int(rng.binomial(found, followed))]


def _risks(book: _Book, rng: np.random.Generator, half: str, risk: float, followed: float) -> None:
    """Add the people found at high risk and followed up in a half-year."""
    start = pd.Period(f"{half[:4]}-{'01' if half.endswith('1') else '07'}", "M")
    months = pd.period_range(start, periods=6, freq="M")
    book.add(_received(half), f"risks.{half}.csv", RISK, _at_risk(rng, months, risk, followed))
    if half == PART:
        measure = "peer_standing/checkups_followed_share/preconception"
        book.plant(
            "follow-up worse than peers and worsening", measure, "renqiu", 0, f"risks.{half}.csv, peers.followup.csv"
        )


def _earlier_activities(book: _Book, rng: np.random.Generator, half: str, months: pd.PeriodIndex) -> None:
    """Add what the office did in an earlier half-year, in its usual rhythm."""
    rows: list[list[object]] = []
    for month in months:
        rows += [[f"{month}-{day:02d}", "集中学习", "", 1, 0] for day in (8, 22)]
    for month, cases in zip((months[0], months[4]), rng.integers(1, 5, 2), strict=True):
        rows += [[f"{month}-17", "联合检查", "", 1, 0], [f"{month}-20", "查结案件", "", int(cases), 0],
                 [f"{month}-24", "罚款", "", int(cases), 5000 * int(cases)]]  # fmt: skip
    rows += [[f"{months[1]}-09", "走访家庭", "", int(rng.integers(45, 56)), 0],
             [f"{months[4]}-11", "走访贫困母亲", "", int(rng.integers(45, 56)), 0],
             [f"{months[2]}-30", "全员大会", "", 1, 0]]  # fmt: skip
    book.add(_received(half), f"activities.{half}.csv", ["日期", "事项", "对象", "数量", "金额"], sorted(rows))


def _peers_followed(
    book: _Book, rng: np.random.Generator, parts: tuple[str, str], received: str, stem: str, size: int = 1
) -> None:
    """Add how many high-risk people the peers followed up, this year and last; they truly differ a little."""
    rows = []
    for county, english in COUNTIES.items():
        share = rng.beta(0.95 * 150, 0.05 * 150)
        for part in parts:
            found = int(rng.integers(110, 330)) * size
            measure = "checkups_followed_share/preconception"
            rows.append([county, english, part, measure, int(rng.binomial(found, share)), found])
    book.add(received, stem, PEERS, rows)


PROSE = {
    "zh": """（本文件为合成样本，供演示分析人员文字的位置。）

## problems
1. **村级队伍待遇偏低。** 村级计生专干报酬少，队伍不稳，影响基础数据上报的及时性。
2. **特殊家庭政策落实不平衡。** 对计划生育特殊家庭的扶助规定，尚未在八个相关部门全部落实。
3. **机构职能尚未融合。** 卫生与计生职能还没有完全合并，基层工作衔接不畅。

## plan
继续以对标学习促整改，以数据核查促规范，把下列承诺事项逐项落实到科室。
""",
    "en": """(This file is synthetic; it shows where the analyst's own words go.)

## problems
1. **Village staff are under-paid.** The posts are unstable, and reports from villages come late.
2. **Rules for special families are carried out unevenly.** Not all eight departments concerned apply them yet.
3. **Functions are not yet merged.** Health and family planning still work side by side at the lowest level.

## plan
Benchmarking will go on to drive improvement, data checks to drive order; each promise below has an owner.
""",
}

PROSE_YEAR = {
    "zh": """（本文件为合成样本，供演示分析人员文字的位置；双花括号内写指标名，数字由结果填入。）

## checkups
孕前优生健康检查完成{{checkups/preconception}}人，超过全年计划；农村妇女生殖健康检查完成计划的{{plan_share/checkups/reproductive}}，
两个乡镇的检查数是照搬或取整的，正在核实。

## problems
1. **生殖健康检查没有完成计划。** 全年完成{{checkups/reproductive}}人，秋收时节到检率低。
2. **一个乡第四季度出生数据未报。** 已派人下乡补录。

## plan
先补报、后补查：一季度补齐缺报的出生登记，上半年补齐生殖健康检查。
""",
    "en": """(This file is synthetic; it shows where the analyst's own words go. A measure in double braces is filled in from the results.)

## checkups
Pre-conception check-ups reached {{checkups/preconception}} people, more than planned; reproductive-health examinations stand at
{{plan_share/checkups/reproductive}} of the plan, and the figures of two townships, copied or rounded, are being verified.

## problems
1. **Reproductive-health examinations fell short.** {{checkups/reproductive}} women came in the year; few did during the harvest.
2. **Births of one township are missing for the last quarter.** Staff have been sent to enter them.

## plan
First the missing registrations, in the first quarter; then the missed examinations, in the first half.
""",
}


def _write_prose(folder: Path, part: str, prose: Mapping[str, str]) -> list[Path]:
    paths = [folder / f"prose.{part}.{lang}.md" for lang in prose]
    for path, body in zip(paths, prose.values(), strict=True):
        path.write_text(body, "utf-8", newline="\n")
    return paths


def _write_planted(path: Path, planted: Sequence[Mapping[str, object]]) -> Path:
    out = io.StringIO()
    writer = csv.DictWriter(out, ["fault", "measure", "place", "count", "where"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(planted)
    path.write_text(out.getvalue(), "utf-8-sig", newline="\n")
    return path


def _write(path: Path, table: Table, book: _Book) -> Path:
    """Write one raw file: workbooks with a title and a totals row, CSV in GB18030 before 2018 and in UTF-8 with BOM since."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".xlsx":
        return _write_xlsx(path, table)
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([table[0], *table[1]])
    encoding = "gb18030" if path.parent.name < "2018" else "utf-8-sig"
    path.write_bytes(out.getvalue().encode(encoding))
    return path


def _write_xlsx(path: Path, table: Table) -> Path:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    heading, rows = table
    sheet.append(["（合成样本）" + path.stem])
    sheet.append(heading)
    for row in rows:
        sheet.append(row)
    sheet.append(["合计", *[""] * (len(heading) - 2), sum(int(str(r[-1])) for r in rows)])
    book.properties.created = book.properties.modified = dt.datetime(2018, 7, 6)
    book.save(path)
    return _fixed_zip(path)


def _fixed_zip(path: Path) -> Path:
    """Rewrite a zip file with one time stamp and no clock inside, so that the same content gives the same bytes."""
    import re

    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in sorted(old.namelist())}
    core = parts["docProps/core.xml"]
    parts["docProps/core.xml"] = re.sub(rb"\d{4}-\d\d-\d\dT[\d:]+Z", b"2018-07-06T00:00:00Z", core)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in parts.items():
            new.writestr(zipfile.ZipInfo(name, (2018, 7, 6, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return path

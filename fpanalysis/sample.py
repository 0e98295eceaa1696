"""A made-up county with known faults planted in it: what every page, test and newcomer starts from.

SYNTHETIC. The townships are Renqiu's by name; every row is invented. The totals for January-June 2018 equal the
figures the office published (see `PUBLISHED`), so that a back-test can hold them. Identity numbers are right in
form and belong to nobody: region code 139999 does not exist. The faults are listed in `planted_faults.csv` beside
the data, and the report must find each of them.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass
class _Book:
    """Raw files of a place as they grow: rows by (delivery date, file stem), and the list of planted faults."""

    rng: np.random.Generator
    files: dict[tuple[str, str], Table] = field(default_factory=dict)
    planted: list[dict[str, object]] = field(default_factory=list)
    numbers: set[str] = field(default_factory=set)

    def add(self, received: str, stem: str, heading: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Append rows to a file."""
        self.files.setdefault((received, stem), (list(heading), []))[1].extend(list(row) for row in rows)

    def plant(self, fault: str, measure: str, place: str, count: int, where: str) -> None:
        """List a planted fault: the result row (place, measure, count) that must name it."""
        self.planted.append({"fault": fault, "measure": measure, "place": place, "count": count, "where": where})

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
        written += _write_prose(target / RECEIVED)
        written.append(_write_planted(target / "planted_faults.csv", book.planted))
    if params and (params / f"{place}.yaml").exists() and params.resolve() != (folder / "params").resolve():
        (folder / "params").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(params / f"{place}.yaml", folder / "params" / f"{place}.yaml")
    return written


def _renqiu() -> _Book:
    book = _Book(np.random.default_rng(20180630))
    _births(book, WEIGHTS, 12_000, FIRST, LAST, late="于村乡")
    _registrations(book)
    _checkups(book)
    people = _roll(book)
    _payments(book, people)
    _reported(book, people)
    _activities(book)
    _plans(book)
    _peers(book)
    _services(book)
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
) -> None:
    """Add births by township, occurrence and registration month, order and sex; one file for each half-year of registration."""
    heading = ["乡镇", "出生年月", "登记年月", "孩次", "性别", "人数"]
    months = pd.period_range(first, last, freq="M")
    counted: dict[tuple[pd.Period, str], list[list[object]]] = {}
    for place, weight in weights.items():
        for month in months:
            mean = yearly / 12 * weight / sum(weights.values()) * SEASON[month.month - 1] * month.days_in_month / 30.44
            for order, sex, delay, count in _cell(book.rng, place, month, mean):
                if month + delay <= last:
                    row = [place, str(month), str(month + delay), ("一孩", "二孩", "多孩")[order], sex, count]
                    counted.setdefault((month + delay, place), []).append(row)
    for (registered, place), rows in sorted(counted.items()):
        book.add(
            *_births_file(registered, place == late and registered >= pd.Period("2018-01", "M"), place, suffix),
            heading,
            rows,
        )
    if late:
        book.plant("late file", "check/late_delivery", "renqiu", 1, f"{LATE}/births.{PART}-{late}.csv, due 2018-07-10")


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
    heading = ["乡镇", "月份", "业务", "办结数", "按时办结数"]
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
    heading = ["项目", "乡镇", "月份", "性别", "人数"]
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
    heading = ["序号", "姓名", "身份证号", "项目", "乡镇", "村代码", "起始日期", "退出日期", "退出原因"]
    _plant_people(book, people)
    twice = next(p for p in people if p.programme == "rural_award" and p.exit is None and p.start.year < 2016)
    listed = [*people, twice]
    rows = [[i, f"样本{i:04d}", p.number, NAMES[p.programme], p.place, f"{i % 30:03d}", p.start.isoformat(),
             p.exit.isoformat() if p.exit else "", p.reason] for i, p in enumerate(listed, start=1)]  # fmt: skip
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
    rows = _plant_payments(book, rows)
    order = book.rng.permutation(len(rows))
    heading = ["身份证号", "姓名", "银行账号", "项目", "乡镇", "应发年月", "金额", "发放日期", "状态"]
    shuffled = [rows[i] for i in order]
    listed = [[p.number or p.person.number, "样本", f"{10**15 + i}", NAMES[p.person.programme], p.person.place, str(p.due), p.yuan,
               p.paid.isoformat(), p.status] for i, p in enumerate(shuffled)]  # fmt: skip
    book.add(RECEIVED, f"payments.{PART}.csv", heading, listed)


def _due_payments(book: _Book, person: _Person) -> Iterable[_Payment]:
    """Yield what a person is due in 2018H1: quarters by months on the roll, June for the yearly award, once at retirement."""
    if person.programme == "retirement_award":
        yield _Payment(person, pd.Period(person.start, "M"), 3000, person.exit or person.start)
        return
    for due in (pd.Period("2018-03", "M"), pd.Period("2018-06", "M")):
        if person.programme == "rural_award":
            amount = 960 * (due.month == 6 and _on_roll(person, due))
        else:
            monthly = {"only_child_award": 10, "special_support": 450 if due.month == 6 else 340}[person.programme]
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
    heading = ["级别", "单位", "统计期", "项目", "指标", "上报数"]
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


def _flow(people: Sequence[_Person]) -> dict[str, int]:
    before = [p for p in people if p.start < H1_START and (p.exit is None or p.exit >= H1_START)]
    new = [p for p in people if H1_START <= p.start <= H1_END]
    exits = [p for p in people if p.exit and H1_START <= p.exit <= H1_END]
    return {
        "opening": len(before),
        "new": len(new),
        "exits": len(exits),
        "closing": len(before) + len(new) - len(exits),
    }


def _activities(book: _Book) -> None:
    """Add what the office did, as published: three joint inspections, one of them after the period."""
    heading = ["日期", "事项", "对象", "数量", "金额"]
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
    book.add(RECEIVED, "plan.csv", ["统计期", "指标", "目标"], [["2018", "checkups/preconception", 5600],
             ["2018", "checkups/reproductive", 21000], ["2018", "activity/inspection", 4]])  # fmt: skip
    heading = ["编号", "承诺期", "到期", "内容", "英文", "指标", "目标", "责任单位"]
    promises = [
        ["C1", "开展专项检查不少于2次", "At least 2 special inspections", "activity/inspection", 2, "综合治理科"],
        ["C2", "按时、保质、保量完成全年免费孕前优生健康检查任务", "Yearly target of free pre-conception check-ups met on time, in quality and number",
         "plan_share/checkups/preconception", 1, "妇幼科"],
        ["C3", "按时、保质、保量完成全年农村妇女生殖健康检查任务", "Yearly target of reproductive-health examinations met on time, in quality and number",
         "plan_share/checkups/reproductive", 1, "妇幼科"],
        ["C4", "加强出生人口监测预警", "Birth monitoring and early warning strengthened", "", "", "统计科"],
        ["C5", "按时发放奖励和特别扶助资金", "Awards and special support paid on schedule", "pay_on_time", 1, "家庭发展科"],
    ]  # fmt: skip
    book.add(RECEIVED, f"commitments.{PART}.csv", heading, [[c[0], PART, "2018H2", *c[1:]] for c in promises])


def _peers(book: _Book) -> None:
    """Add invented figures of the counties that were visited, for benchmarking."""
    rows = []
    for county, english in COUNTIES.items():
        births = int(book.rng.integers(2500, 6500))
        due = int(births * book.rng.uniform(0.5, 0.7))
        rows.append(
            [
                county,
                english,
                PART,
                "registered_on_time",
                int(book.rng.binomial(births, book.rng.uniform(0.95, 1.0))),
                births,
            ]
        )
        rows.append([county, english, PART, "srb", int(book.rng.binomial(births, 1.075 / 2.075)), births])
        rows.append([county, english, PART, "plan_share/checkups/preconception", int(book.rng.binomial(due, 0.5)), due])
    book.add(RECEIVED, "peers.csv", ["县市", "英文名", "统计期", "指标", "分子", "分母"], rows)


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
    _peers_followed(book, rng)


def _risks(book: _Book, rng: np.random.Generator, half: str, risk: float, followed: float) -> None:
    """Add the people found at high risk and followed up in a half-year, by township and month."""
    start = pd.Period(f"{half[:4]}-{'01' if half.endswith('1') else '07'}", "M")
    for place, weight in WEIGHTS.items():
        for month in pd.period_range(start, periods=6, freq="M"):
            found = int(rng.poisson(2800 / 6 * risk * weight / sum(WEIGHTS.values())))
            row = ["免费孕前优生健康检查", place, str(month), found, int(rng.binomial(found, followed))]
            book.add(_received(half), f"risks.{half}.csv", ["项目", "乡镇", "月份", "高风险人数", "已随访人数"], [row])
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


def _peers_followed(book: _Book, rng: np.random.Generator) -> None:
    """Add how many high-risk people the peers followed up, this year and last; they truly differ a little."""
    rows = []
    for county, english in COUNTIES.items():
        share = rng.beta(0.95 * 150, 0.05 * 150)
        for part in ("2017H1", PART):
            found = int(rng.integers(110, 330))
            measure = "checkups_followed_share/preconception"
            rows.append([county, english, part, measure, int(rng.binomial(found, share)), found])
    book.add(RECEIVED, "peers.followup.csv", ["县市", "英文名", "统计期", "指标", "分子", "分母"], rows)


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


def _write_prose(folder: Path) -> list[Path]:
    paths = [folder / f"prose.{PART}.{lang}.md" for lang in PROSE]
    for path, body in zip(paths, PROSE.values(), strict=True):
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

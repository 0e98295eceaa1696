"""How one cell of an office file is read: text in, value out, or a Refusal that says what was expected.

Office files write one value in many ways (full-width digits, thousand separators, 万元 beside 元, six date forms
and Excel serials, identity numbers that Excel has cut). A parser accepts what has exactly one meaning, names
each repair it made, and refuses what has lost information. Identity numbers become keyed pseudonyms here, where
the raw number is seen, and nowhere later (`identity`). Sources: Excel's 1900 and 1904 date systems.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from . import identity
from .contracts import ACTIVITIES
from .errors import ParamsError, did_you_mean
from .identity import Person
from .periods import parse_period
from .wording import catalogue

__all__ = ["PARSERS", "WELL_FORMED", "Context", "Parsed", "Refusal", "clean", "identity_text", "words"]


class Refusal(ValueError):
    """A cell that cannot be read: what was expected, and the likely fix."""

    def __init__(self, expected: str, fix: str = "") -> None:
        self.expected, self.fix = expected, fix
        super().__init__(expected)


@dataclass(frozen=True)
class Parsed:
    """A value and the name of the repair that reading it took ("" for none)."""

    value: Any
    repair: str = ""


@dataclass(frozen=True)
class Context:
    """What parsers need to know: names of places (spelling -> key), programmes, choices, unit, calendar, hash key, and
    the day that Excel counts as 0 in this file."""

    places: Mapping[str, str]
    programmes: Mapping[str, str]
    calendar: str
    key: bytes
    choices: Mapping[str, Any]
    unit: str = ""
    day_zero: dt.date = dt.date(1899, 12, 30)


def clean(cell: object) -> str:
    """Return a cell as text in normal form: half-width letters and digits, no surrounding or inner odd spaces."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, (int, float)):
        return _plain_number(cell)
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat() if cell.time() == dt.time() else cell.isoformat(" ")
    text = str(cell)
    return " ".join((text if text.isascii() else _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))).split())


def words(cell: object) -> str:
    """Return a cell that holds somebody's own words: as `clean` does, but its punctuation as it was written."""
    if not isinstance(cell, str):
        return clean(cell)
    plain = _WIDE.sub(lambda m: unicodedata.normalize("NFKC", m[0]), cell)
    return re.sub(r"\s+", " ", _INVISIBLE.sub("", plain)).strip()


_WIDE = re.compile("[０-９Ａ-Ｚａ-ｚ]")
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
"""Characters without width, which web pages and bank files leave in cells."""


def _plain_number(number: float) -> str:
    """Return a number cell as text, with the 15 digits that Excel shows; a longer one shows that Excel has cut it."""
    if abs(number) >= 1e15:
        return f"{number:.14E}"
    return str(int(number)) if float(number).is_integer() else repr(float(f"{number:.15g}"))


def _text(cell: str, context: Context) -> Parsed:
    return Parsed(cell)


LARGEST = 10**15
"""Excel keeps 15 digits of a number."""


def _number(cell: str, context: Context) -> Parsed:
    signed = re.sub(r"^- ", "-", cell.replace("−", "-"))
    grouped = re.fullmatch(r"-?\d{1,3}(?:([, ])\d{3}(?:\1\d{3})*)(\.\d+)?", signed)
    if not grouped and not re.fullmatch(r"-?\d+(\.\d*)?|-?\.\d+", signed):
        raise Refusal("a number such as 1234 or 1,234.50", "remove words and units from the cell")
    found = Decimal(re.sub("[, ]", "", signed))
    if abs(found) >= LARGEST:
        raise Refusal("a number of at most 15 digits", "is it in the right column?")
    return Parsed(found, "thousands" if grouped else "")


def _float(cell: str, context: Context) -> Parsed:
    found = _number(cell, context)
    return Parsed(float(found.value), found.repair)


def _int(cell: str, context: Context) -> Parsed:
    found = _number(cell, context)
    if found.value != found.value.to_integral_value():
        raise Refusal("a whole number", "counts have no decimals")
    return Parsed(int(found.value), found.repair)


def _count(cell: str, context: Context) -> Parsed:
    found = _int(cell, context)
    if found.value < 0:
        raise Refusal("a count of 0 or more", "a correction belongs into the month that it corrects")
    return found


def _yuan(cell: str, context: Context) -> Parsed:
    """Return whole fen; a unit in the cell goes before that of the column."""
    cell = cell.replace("元整", "元")
    unit = 10_000 if "万元" in cell or ("元" not in cell and context.unit == "万元") else 1
    bare = cell.replace("人民币", "").replace("万元", "").replace("元", "").replace("¥", "").strip()
    found = _number(bare, context)
    fen = found.value * unit * 100
    if fen != fen.to_integral_value() or abs(fen) >= LARGEST:
        raise Refusal("an amount in yuan with at most two decimals")
    return Parsed(int(fen), found.repair or ("ten_thousand_yuan" if unit > 1 else ""))


_DATES = (
    r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?",
    r"(?P<y>\d{4})年(?P<m>\d{1,2})月(?P<d>\d{1,2})日",
    r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})",
)
_SERIAL = re.compile(r"\d{5}")
_SHORT_MONTH = re.compile(r"(?P<y>(?:19|20)\d\d)(?P<m>[1-9])")
YEARS = range(1900, 2101)
"""Years that an office writes."""
DATES, MONTHS = range(1950, 2051), range(2000, 2051)
"""Years of Excel serials that are taken for days, and for days in a column of months."""


def _closed(cell: str) -> str:
    """Return a day or month without the spaces that stand around its marks, as in 2018 年 6 月 30 日."""
    return re.sub(" ?([-/.年月日]) ?", r"\1", cell)


def _date(cell: str, context: Context) -> Parsed:
    """Return a day; None for 9999-12-31, which stands for "no end"."""
    cell = _closed(cell)
    if _SERIAL.fullmatch(cell):
        return _serial(cell, context.day_zero, DATES, "a date such as 2018-06-30")
    for form in _DATES:
        if found := re.fullmatch(form, cell):
            day = tuple(int(found[part]) for part in "ymd")
            return Parsed(None, "open_end") if day == (9999, 12, 31) else Parsed(_day(*day))
    raise Refusal("a date such as 2018-06-30", "write year-month-day; a year of two digits is ambiguous")


def _serial(cell: str, zero: dt.date, years: range, expected: str) -> Parsed:
    """Return the day of an Excel serial. Raises Refusal where five digits may mean something else.

    >>> _serial("43281", dt.date(1899, 12, 30), DATES, "a date").value
    Timestamp('2018-06-30 00:00:00')
    """
    day = pd.Timestamp(zero) + pd.Timedelta(days=int(cell))
    if short := _SHORT_MONTH.fullmatch(cell):
        raise Refusal(
            expected, f"it may be {short['y']}-0{short['m']} or the Excel serial of {day.date()}: write it out"
        )
    if day.year not in years:
        raise Refusal(expected, f"as an Excel serial it would be {day.date()}: write year and month out")
    return Parsed(day, "serial_date")


def _day(year: int, month: int, day: int) -> pd.Timestamp:
    try:
        found = dt.date(year, month, day)
    except ValueError:
        raise Refusal("a date such as 2018-06-30, one that exists") from None
    if year not in YEARS:
        raise Refusal(f"a date such as 2018-06-30, from {YEARS[0]} to {YEARS[-1]}", "correct the year")
    return pd.Timestamp(found)


_MONTH = re.compile(r"(?P<y>\d{4})(?P<mark>[-/.年]?)(?P<m>0?[1-9]|1[0-2])(?:月)?(?:份)?")


def _month(cell: str, context: Context) -> Parsed:
    cell = _closed(cell)
    if re.fullmatch(r"(19|20)\d\d年?", cell):
        return Parsed(pd.Period(f"{cell[:4]}-12", "M"), "year_only")
    found = _MONTH.fullmatch(cell)
    if found and (len(found["m"]) == 2 or not cell.isdigit()) and int(found["y"]) in YEARS:
        if found["mark"] == "." and found["m"] == "1":
            january, october = f"{found['y']}-01", f"{found['y']}-10"
            fix = f"it may be {january} or {october}, whose 0 Excel has dropped: write {january} or {october}"
            raise Refusal("a month such as 2018-06", fix)
        return Parsed(pd.Period(year=int(found["y"]), month=int(found["m"]), freq="M"))
    if _SERIAL.fullmatch(cell):
        day = _serial(cell, context.day_zero, MONTHS, "a month such as 2018-06")
    else:
        day = _date_of_month(cell, context)
    return Parsed(pd.Period(day.value, "M"), day.repair)


def _date_of_month(cell: str, context: Context) -> Parsed:
    try:
        day = _date(cell, context)
    except Refusal:
        day = Parsed(None)
    if day.value is None:
        raise Refusal("a month such as 2018-06", "write year-month")
    return day


def _period(cell: str, context: Context) -> Parsed:
    try:
        return Parsed(parse_period(cell, context.calendar).key)
    except ParamsError:
        raise Refusal("a period such as 2018H1, 2018 or 2018-06") from None


def _named(known: Mapping[str, Any], what: str) -> Callable[[str], Parsed]:
    def read(cell: str) -> Parsed:
        if cell in known:
            return Parsed(known[cell])
        if cell.lower() in known:
            return Parsed(known[cell.lower()])
        raise Refusal(what, did_you_mean(cell, known).removeprefix("; "))

    return read


def _place(cell: str, context: Context) -> Parsed:
    return _named(context.places, "a township of params")(cell.replace(" ", ""))


def _programme(cell: str, context: Context) -> Parsed:
    return _named(context.programmes, "a programme of params")(cell)


def _measure(cell: str, context: Context) -> Parsed:
    """Return a measure whose indicator the catalogue knows, and whose activity is one that files may hold."""
    head, _, tail = cell.partition("/")
    known = [key for key, entry in catalogue().items() if entry["file"] == "indicators.csv"]
    if head not in known:
        raise Refusal("a measure such as checkups/preconception", did_you_mean(head, known).removeprefix("; "))
    if head.startswith("activity") and tail not in ACTIVITIES:
        raise Refusal("an activity of the data dictionary", did_you_mean(tail, ACTIVITIES).removeprefix("; "))
    return Parsed(cell)


def _choice(cell: str, context: Context) -> Parsed:
    return _named(context.choices, "one of the known values")(cell)


def _person(cell: str, context: Context) -> Parsed:
    number = identity_text(cell)
    if re.fullmatch(r"\d(\.\d+)?E\+?\d+|\d+\.0*", number):
        raise Refusal("an 18-character identity number", CUT)
    if len(number) == 18 and WELL_FORMED.fullmatch(number):
        person = identity.read([number], context.key)[0]
        if number.endswith("000") and not person.valid:  # zeros in the place of what Excel has cut
            raise Refusal("an 18-character identity number", CUT)
        return Parsed(person, "" if person.valid else "check_character")
    if re.fullmatch(r"\d{15}", number):
        return _lifted(number, context.key)
    near = identity.one_slip([number])[0] if _SLIPPED.fullmatch(number) else []
    if not near:
        raise Refusal("an identity number of 18 (or old 15) characters", "compare with the paper form")
    return Parsed(_mistyped(number, near, context.key), "odd_number")


CUT = "Excel has cut its last digits: export again with the column as text"
WELL_FORMED = re.compile(r"[0-9]{17}[0-9X]")
_SLIPPED = re.compile(r"\d{16}[\dX]|\d{18}[\dX]|(?=.{18}$)[\dX]*[A-Z]?[\dX]*", re.ASCII)
"""One character too few, one too many, or one that no number has."""


def identity_text(cell: str) -> str:
    """Return a cell as an identity number is written: without spaces, hyphens and quotation marks, upper case, and with
    an X where a sign that looks like it stands last."""
    return re.sub("[×Х]$", "X", cell.replace(" ", "").replace("-", "").strip("'‘’`").upper())


def _lifted(number: str, key: bytes) -> Parsed:
    """Return what a number of 15 digits is since 1999: with the century, and a check character."""
    if new := identity.lifted([number])[0]:
        return Parsed(identity.read([new], key)[0], "lifted_15")
    return Parsed(_mistyped(number, identity.one_slip([number])[0], key), "check_character")


def _mistyped(number: str, near: Sequence[str], key: bytes) -> Person:
    return Person(identity.pseudonym(number, key), False, tuple(identity.pseudonym(n, key) for n in near))


def _item(cell: str, context: Context) -> Parsed:
    """Return the number of an item of a follow-up workbook that was made with the key of this place."""
    if found := identity.known_item(cell, context.key):
        return Parsed(found)
    raise Refusal("an item of a follow-up workbook made here", "copy the number from the workbook, all 12 characters")


def _name(cell: str, context: Context) -> Parsed:
    return Parsed(identity.name_key(cell, context.key))


PARSERS: Mapping[str, Callable[[str, Context], Parsed]] = {
    "text": _text,
    "prose": _text,
    "number": _float,
    "int": _int,
    "count": _count,
    "yuan": _yuan,
    "date": _date,
    "month": _month,
    "period": _period,
    "place": _place,
    "programme": _programme,
    "choice": _choice,
    "measure": _measure,
    "person": _person,
    "name": _name,
    "item": _item,
}
"""How each kind of column is read; a new kind is one function and its entry here."""

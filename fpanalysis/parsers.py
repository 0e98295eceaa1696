"""How one cell of an office file is read: text in, value out, or a Refusal that says what was expected.

Office files write one value in many ways (full-width digits, thousand separators, 万元 beside 元, six date forms
and Excel serials, identity numbers that Excel has cut). A parser accepts what has exactly one meaning, names
each repair it made, and refuses what has lost information. Identity numbers become keyed pseudonyms here, where
the raw number is seen, and nowhere later. Sources: GB 11643-1999 (18-digit number and its check character);
Excel's 1900 date system.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from .contracts import ACTIVITIES
from .errors import ParamsError, did_you_mean
from .periods import parse_period
from .wording import catalogue

__all__ = ["PARSERS", "Context", "Parsed", "Person", "Refusal", "check_character", "clean", "one_slip_neighbours"]


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
class Person:
    """A pseudonym: keyed hash of an identity number, whether its check character is right, and if it is not,
    the pseudonyms of the valid numbers one slip away."""

    pseudonym: str
    valid: bool
    near: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """What parsers need to know: names of places (spelling -> key), programmes, choices, unit, calendar, hash key."""

    places: Mapping[str, str]
    programmes: Mapping[str, str]
    calendar: str
    key: bytes
    choices: Mapping[str, Any]
    unit: str = ""


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
    return re.sub(r"\s+", " ", _INVISIBLE.sub("", unicodedata.normalize("NFKC", str(cell)))).strip()


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
DATE_SERIALS, MONTH_SERIALS = range(18_264, 55_001), range(36_526, 55_001)
"""Excel serials that are taken for days: 1950 to July 2050; in a column of months 2000 to July 2050."""


def _date(cell: str, context: Context) -> Parsed:
    """Return a day; None for 9999-12-31, which stands for "no end"."""
    if _SERIAL.fullmatch(cell):
        return _serial(cell, DATE_SERIALS, "a date such as 2018-06-30")
    for form in _DATES:
        if found := re.fullmatch(form, cell):
            day = tuple(int(found[part]) for part in "ymd")
            return Parsed(None, "open_end") if day == (9999, 12, 31) else Parsed(_day(*day))
    raise Refusal("a date such as 2018-06-30", "write year-month-day; a year of two digits is ambiguous")


def _serial(cell: str, plausible: range, expected: str) -> Parsed:
    """Return the day of an Excel serial (1900 date system). Raises Refusal where five digits may mean something else.

    >>> _serial("43281", DATE_SERIALS, "a date").value
    Timestamp('2018-06-30 00:00:00')
    """
    day = pd.Timestamp("1899-12-30") + pd.Timedelta(days=int(cell))
    if short := _SHORT_MONTH.fullmatch(cell):
        raise Refusal(
            expected, f"it may be {short['y']}-0{short['m']} or the Excel serial of {day.date()}: write it out"
        )
    if int(cell) not in plausible:
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
        day = _serial(cell, MONTH_SERIALS, "a month such as 2018-06")
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


_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def check_character(first17: str) -> str:
    """Return the check character of an 18-digit identity number (GB 11643-1999, ISO 7064 MOD 11-2).

    >>> check_character("11010519491231002")
    'X'
    """
    return "10X98765432"[sum(int(d) * w for d, w in zip(first17, _WEIGHTS, strict=True)) % 11]


def _is_valid(number: str) -> bool:
    try:
        dt.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return check_character(number[:17]) == number[17]


def one_slip_neighbours(number: str) -> list[str]:
    """Return the valid numbers one substituted character or one swap of neighbours away, sorted.

    The check character catches every such slip (METHODS: 32,600 substitutions, 6,160 transpositions), so a failing
    number has its true one in this list when it has one slip.
    """
    slips = {number[:i] + d + number[i + 1 :] for i in range(17) for d in "0123456789"}
    slips |= {number[:17] + c for c in "0123456789X"}
    slips |= {number[:i] + number[i + 1] + number[i] + number[i + 2 :] for i in range(17)}
    return sorted(s for s in slips - {number} if s[:17].isdigit() and _is_valid(s))


def _person(cell: str, context: Context) -> Parsed:
    number = cell.replace(" ", "").replace("-", "").lstrip("'").upper()
    if re.fullmatch(r"\d(\.\d+)?E\+?\d+|\d+\.0*", number) or _is_cut(number):
        raise Refusal(
            "an 18-character identity number", "Excel has cut its last digits: export again with the column as text"
        )
    if not re.fullmatch(r"\d{17}[\dX]|\d{15}", number):
        raise Refusal("an identity number of 18 (or old 15) characters", "compare with the paper form")
    lifted = len(number) == 15
    if lifted:
        body = number[:6] + "19" + number[6:]
        number = body + check_character(body)
    valid = _is_valid(number)
    near = () if valid else tuple(_pseudonym(n, context.key) for n in one_slip_neighbours(number))
    repair = "lifted_15" if lifted else "" if valid else "check_character"
    return Parsed(Person(_pseudonym(number, context.key), valid, near), repair)


def _is_cut(number: str) -> bool:
    """Return whether a number looks like one that Excel kept 15 digits of: zeros at the end, and the check fails."""
    return bool(re.fullmatch(r"\d{15}000", number)) and not _is_valid(number)


def _pseudonym(number: str, key: bytes) -> str:
    return hmac.new(key, number.encode(), hashlib.sha256).hexdigest()[:24]


PARSERS: Mapping[str, Callable[[str, Context], Parsed]] = {
    "text": _text,
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
}
"""How each kind of column is read; a new kind is one function and its entry here."""

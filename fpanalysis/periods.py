"""Reporting periods in the two calendars of family-planning statistics.

*Calendar year*: 1 January to 31 December. *Statistical year* of family planning: 1 October of the year before
to 30 September. `2018H1` is January-June 2018 in the first and October 2017-March 2018 in the second, so a
period always carries its calendar, its key shows it (`2018H1`, `S2018H1`) and every page prints it.
Source: reporting rules of the national family-planning statistics system (statistical year from 1 October).
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .errors import ParamsError

if TYPE_CHECKING:  # the command line asks for names of periods only, and must not wait for pandas
    import pandas as pd

__all__ = ["CALENDARS", "PARTS", "Period", "named_period", "parse_period"]

CALENDARS = {"calendar": 1, "statistical": -2}
"""First month of the year, counted from January of the year it is named after (1 = January, -2 = October before)."""

PARTS = {"": (0, 12), "H1": (0, 6), "H2": (6, 6), **{f"Q{q}": (3 * (q - 1), 3) for q in range(1, 5)}}
"""Part of a year: first month (0 = first of that year) and length in months."""

_FORM = re.compile(r"(?P<calendar>[CS]?)(?P<year>(?:19|20)\d\d)(?P<part>|H[12]|Q[1-4]|-(?:0[1-9]|1[0-2]))")


@dataclass(frozen=True, order=True)
class Period:
    """A year, half-year, quarter (in either calendar) or month.

    `part` is "" (year), "H1", "H2", "Q1" ... "Q4", or "-01" ... "-12" for a month of the civil calendar.
    """

    year: int
    part: str = ""
    calendar: str = "calendar"

    @property
    def key(self) -> str:
        """Return the name used in tables and folders: `2018H1`, `S2018H1` (statistical year), `2018-06`."""
        return f"{'S' if self.calendar == 'statistical' else ''}{self.year}{self.part}"

    @property
    def first_month(self) -> pd.Period:
        """Return the first month, as a monthly pandas Period."""
        import pandas as pd

        return pd.Period(self.start, "M")

    @property
    def months(self) -> pd.PeriodIndex:
        """Return all months of the period, in order."""
        import pandas as pd

        return pd.period_range(self.first_month, periods=self._length, freq="M")

    @property
    def last_month(self) -> pd.Period:
        """Return the last month."""
        return self.first_month + (self._length - 1)

    @property
    def start(self) -> dt.date:
        """Return the first day."""
        return _first_day(self.year, int(self.part[1:]) if self.is_month else self._offset)

    @property
    def end(self) -> dt.date:
        """Return the last day."""
        month = self.start.month + self._length
        return _first_day(self.start.year, month) - dt.timedelta(days=1)

    @property
    def _offset(self) -> int:
        """Return the first month, counted from January of the year as 1."""
        return CALENDARS[self.calendar] + PARTS[self.part][0]

    @property
    def _length(self) -> int:
        return 1 if self.is_month else PARTS[self.part][1]

    @property
    def is_month(self) -> bool:
        """Return whether this is a single civil month."""
        return self.part.startswith("-")

    @property
    def kind(self) -> str:
        """Return "year", "half", "quarter" or "month"."""
        return {"": "year", "H": "half", "Q": "quarter", "-": "month"}[self.part[:1]]

    def contains(self, day: dt.date) -> bool:
        """Return whether a day lies within the period."""
        return self.start <= day <= self.end

    def holds(self, key: str) -> bool:
        """Return whether the period `key` ("" for none: always) lies within this one, as a file of it belongs to it."""
        other = parse_period(key) if key else self
        return self.start <= other.start and other.end <= self.end

    def year_ago(self) -> Period:
        """Return the same part of the year before."""
        return replace(self, year=self.year - 1)

    def previous(self) -> Period:
        """Return the period of the same kind just before this one."""
        return self._shift(-1)

    def next(self) -> Period:
        """Return the period of the same kind just after this one."""
        return self._shift(1)

    def whole_year(self) -> Period:
        """Return the year (of the same calendar) that this period is part of."""
        if self.is_month:
            return Period(self.year)
        return replace(self, part="")

    def _shift(self, steps: int) -> Period:
        if self.is_month:
            month = self.first_month + steps
            return Period(month.year, f"-{month.month:02d}")
        if not self.part:
            return replace(self, year=self.year + steps)
        per_year = 2 if self.part[0] == "H" else 4
        position = self.year * per_year + int(self.part[1]) - 1 + steps
        return replace(self, year=position // per_year, part=f"{self.part[0]}{position % per_year + 1}")


def _first_day(year: int, month: int) -> dt.date:
    """Return the first day of a month counted from January of `year` as 1 (0 and below: the year before)."""
    return dt.date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)


def parse_period(text: str, calendar: str = "calendar") -> Period:
    """Return the period that a word names.

    `2018`, `2018H1`, `2018Q3` are read in `calendar` ("calendar" or "statistical"); `C2018H1` and `S2018H1`
    name their calendar outright; `2018-06` is a month. Raises ParamsError for anything else.

    >>> parse_period("2018H1", "statistical").start
    datetime.date(2017, 10, 1)
    """
    found = _FORM.fullmatch(str(text).strip().upper())
    if not found:
        raise ParamsError(
            f"period {str(text)!r} is not understood: write a year (2018), half-year (2018H1), quarter (2018Q3) "
            "or month (2018-06); put S in front for the statistical year (S2018H1), C for the calendar year"
        )
    part, year = found["part"], int(found["year"])
    if part.startswith("-"):
        return Period(year, part)
    named = {"C": "calendar", "S": "statistical", "": calendar}[found["calendar"]]
    return Period(year, part, named)


def named_period(part: str, calendar: str = "calendar") -> str:
    """Return the key of the period that the part of a file name begins with, "" when it names none.

    >>> named_period("2018H1-Donghu", "statistical"), named_period("2018-06"), named_period("Donghu")
    ('S2018H1', '2018-06', '')
    """
    words = re.split("[-.]", part)
    for word in ("-".join(words[:2]), words[0]):
        try:
            return parse_period(word, calendar).key
        except ParamsError:
            continue
    return ""

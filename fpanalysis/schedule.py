"""What a programme pays when: rates and their terms as the small tables that the reconciliation reads.

A month counts when the person is on the roll on its last day, at the rate in force on that day. A monthly rate is paid
in the months of `pays` for the months since the one before; a yearly one is shared evenly among them (in December
when none are given); one paid once is due in the month in which the person joins the roll.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from .eligibility import sql
from .errors import FpError, did_you_mean
from .formulation import CODES

__all__ = ["day_number", "eligible", "month_number", "rate_on", "tables"]

BITS = 62
"""Bits of tokens, one a programme and one a payment due: with the sign they fit into a whole number of SQL."""
IMPOSSIBLE = -7
"""What no tokens make."""


def tables(rates: pd.DataFrame, months: pd.PeriodIndex, as_of: dt.date) -> dict[str, pd.DataFrame]:
    """Return terms, calendar, parts, tariff and excludes (`formulation.TABLES`); programmes are numbered as sorted.

    `rates`: a row a programme and effective date (`reconcile.classify`). Raises FpError for a programme without a rate
    on a day that counts, or one that excludes a programme that does not exist.
    """
    found: dict[str, list[tuple[int, ...]]] = {"terms": [], "calendar": [], "parts": [], "tariff": []}
    used = 0
    for number, (_, frame) in enumerate(rates.groupby("programme")):
        terms = _terms(frame)
        mine = [row for due in months for row in _parts(terms, due)]
        whole = {due: sum(row[5] for row in mine if row[0] == due) for due in sorted({row[0] for row in mine})}
        fits = used + 1 + len(whole) <= BITS
        token, *others = [1 << used + n if fits else 0 for n in range(1 + len(whole))]
        used += (1 + len(whole)) * fits
        tokens = dict(zip(whole, others, strict=True))
        found["parts"] += [(number, *row) for row in mine]
        dues = [_due(terms, due, as_of) for due in months]
        found["calendar"] += [
            (number, *row, tokens.get(row[0], 0), whole.get(row[0], 0), number * CODES + row[0]) for row in dues
        ]
        found["tariff"] += sorted({(number, *row) for due in months for row in _tariff(terms, due)})
        days = [row[2] for row in mine] or [day_number(months[0].start_time), _last(months[-1])]
        sound = (_once if terms.unit == "once" else _through)(token, tokens, whole)
        found["terms"].append((number, min(days), max(days), token, *sound))
    heads = {
        "terms": ["programme", "opens", "closes", "token", "bits", "dues", "whole"],
        "calendar": ["programme", "due", "closes", "deadline", "waiting", "token", "whole", "code"],
        "parts": ["programme", "due", "opens", "day", "ymd", "once", "amount"],
        "tariff": ["programme", "due", "amount"],
    }
    made = {name: pd.DataFrame(rows, columns=heads[name], dtype="int64") for name, rows in found.items()}
    return made | {"excludes": _excludes(rates)}


def _through(token: int, tokens: Mapping[int, int], whole: Mapping[int, int]) -> tuple[int, int, int]:
    """Return what a sound person has who is on the roll all through: the tokens together, payments, fen."""
    return (token + sum(tokens.values())) or IMPOSSIBLE, len(tokens), sum(whole.values())


def _once(token: int, tokens: Mapping[int, int], whole: Mapping[int, int]) -> tuple[int, int, int]:
    """Return the same of a rate paid once, where month and payment cancel out; nobody is sound while it changes."""
    amounts = set(whole.values())
    return (token or IMPOSSIBLE, 1, amounts.pop()) if len(amounts) == 1 else (IMPOSSIBLE, 1, 0)


def eligible(rates: pd.DataFrame) -> dict[int, str]:
    """Return the condition of each programme that has one, as SQL, by its number."""
    if "eligible" not in rates:
        return {}
    rules = rates.groupby("programme")["eligible"].last()
    return {n: sql(rule, where=f"programme {name!r}") for n, (name, rule) in enumerate(rules.items()) if rule}


def rate_on(terms: pd.DataFrame, day: pd.Timestamp) -> int:
    """Return the rate (fen) of one programme in force on a day. Raises FpError when none was."""
    return _terms(terms).on(day)


def day_number(day: pd.Timestamp | dt.date) -> int:
    """Return the days from 1970-01-01 to a day."""
    return (pd.Timestamp(day) - pd.Timestamp(0)).days


def month_number(month: pd.Period) -> int:
    """Return a month as a number such as 201806."""
    return month.year * 100 + month.month


def _last(month: pd.Period) -> int:
    return day_number(month.end_time.normalize())


@dataclass(frozen=True)
class _Terms:
    """What a programme pays: unit, calendar months in which it pays, days of grace, and each rate (fen) from a day."""

    name: str
    unit: str
    pays: tuple[int, ...]
    grace_days: int
    rates: tuple[tuple[pd.Timestamp, int], ...]

    def on(self, day: pd.Timestamp) -> int:
        """Return the rate in force on a day. Raises FpError when none was."""
        in_force = [amount for since, amount in self.rates if since <= day]
        if in_force:
            return in_force[-1]
        first = self.rates[0][0]
        raise FpError(
            f"programme {self.name!r} has no rate in force on {day:%Y-%m-%d}; its first is from {first:%Y-%m-%d}"
        )


def _terms(frame: pd.DataFrame) -> _Terms:
    """Return the terms of one programme from its rows of rates; what is no rate is as its last row says."""
    last = frame.to_dict("records")[-1]
    unit, given = last["unit"], tuple(sorted(last["pays"]))
    pays = given or ((12,) if unit == "year" else tuple(range(1, 13)))
    amounts = sorted(zip(frame["effective"], frame["amount"].astype("int64").tolist(), strict=True), key=lambda r: r[0])
    return _Terms(last["programme"], unit, pays, int(last["grace_days"]), tuple(amounts))


def _due(terms: _Terms, due: pd.Period, as_of: dt.date) -> tuple[int, int, int, int]:
    """Return a month as number, its last day, the last day in time for its payment, and whether that is to come."""
    deadline = _last(due) + terms.grace_days
    return month_number(due), _last(due), deadline, int(deadline >= day_number(as_of))


def _months_of(terms: _Terms, due: pd.Period) -> list[pd.Period]:
    """Return the months on whose last days a payment due in a month depends; none when none is due."""
    if terms.unit == "once":
        return [due]
    if due.month not in terms.pays:
        return []
    length = next(n for n in range(1, 13) if (due - n).month in terms.pays) if terms.unit == "month" else 1
    return [due - i for i in range(length)]


def _parts(terms: _Terms, due: pd.Period) -> Iterator[tuple[int, ...]]:
    """Yield due, first day of the month, the day that counts (as number and as 20180630), whether once, and fen."""
    once = int(terms.unit == "once")
    for month in _months_of(terms, due):
        day = month.end_time.normalize()
        amount = _share(terms, due, terms.on(day))
        yield month_number(due), day_number(month.start_time), day_number(day), int(f"{day:%Y%m%d}"), once, amount


def _tariff(terms: _Terms, due: pd.Period) -> Iterator[tuple[int, int]]:
    """Yield each amount that one part of a payment was, is or will be."""
    for _, amount in terms.rates if _months_of(terms, due) else ():
        yield month_number(due), _share(terms, due, amount)


def _share(terms: _Terms, due: pd.Period, rate: int) -> int:
    """Return the rate itself, of a yearly one the share that falls on a month."""
    if terms.unit != "year":
        return rate
    place, times = terms.pays.index(due.month), len(terms.pays)
    return rate * (place + 1) // times - rate * place // times


def _excludes(rates: pd.DataFrame) -> pd.DataFrame:
    """Return every two programmes that exclude each other, both ways, as numbers."""
    numbers = {name: n for n, name in enumerate(sorted(set(rates["programme"])))}
    named: Mapping[str, tuple[str, ...]] = rates.groupby("programme")["excludes"].last() if "excludes" in rates else {}
    pairs = {(name, other) for name, others in named.items() for other in others}
    for name, other in sorted(pairs):
        if other not in numbers:
            raise FpError(f"programme {name!r} excludes {other!r}, which does not exist{did_you_mean(other, numbers)}")
    both = sorted({(numbers[a], numbers[b]) for a, b in pairs} | {(numbers[b], numbers[a]) for a, b in pairs})
    return pd.DataFrame(both, columns=["programme", "other"], dtype="int64")

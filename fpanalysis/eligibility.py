"""Who may be on a roll, as an expression that params hold and everybody can read: `age >= 60 and start >= 2016-01-01`.

An expression compares `age` (completed years on the day that counts), `birth` and `start` (dates) and `sex` (male,
female) with a value, by = != < <= > >=, and joins comparisons with `and`, `or`, `not` and brackets. Nothing else is
understood and nothing is executed: a small parser turns it into a condition of SQL over whole numbers.

Completed years on a day: both dates written as 20180630; 60 years are completed when the difference is 600000 or more.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

from .errors import ParamsError, did_you_mean

__all__ = ["FIELDS", "sql"]

FIELDS: Mapping[str, str] = {"age": "number", "birth": "date", "start": "date", "sex": "word"}
"""What an expression may ask about, and the kind of value it is compared with."""

SEXES = {"male": 1, "female": 2}
OPERATORS = ("<=", ">=", "!=", "=", "<", ">")
TOKEN = re.compile(r"\s*(\d{4}-\d\d-\d\d|\d+|[A-Za-z_]+|<=|>=|!=|==|=|<|>|\(|\)|\S)")


def sql(expression: str, *, where: str = "eligible") -> str:
    """Return the condition of an expression in SQL, with the places {birth}, {since}, {sex} and {ymd} (the day).

    `where` names file and programme in the ParamsError of an expression that is not understood.

    >>> sql("age >= 60")
    '{ymd} - {birth} >= 600000'
    """
    tokens = TOKEN.findall(expression)
    found, rest = _either(tokens, expression, where)
    if rest:
        raise _error(expression, where, rest[0], "and, or, or the end")
    return found


def _either(tokens: list[str], whole: str, where: str) -> tuple[str, list[str]]:
    """Return the SQL of comparisons joined by `or`, and the tokens after them."""
    found, rest = _both(tokens, whole, where)
    while rest and rest[0].lower() == "or":
        more, rest = _both(rest[1:], whole, where)
        found = f"({found} OR {more})"
    return found, rest


def _both(tokens: list[str], whole: str, where: str) -> tuple[str, list[str]]:
    found, rest = _one(tokens, whole, where)
    while rest and rest[0].lower() == "and":
        more, rest = _one(rest[1:], whole, where)
        found = f"({found} AND {more})"
    return found, rest


def _one(tokens: list[str], whole: str, where: str) -> tuple[str, list[str]]:
    """Return the SQL of one comparison, one in brackets, or one denied."""
    if tokens and tokens[0].lower() == "not":
        found, rest = _one(tokens[1:], whole, where)
        return f"(NOT {found})", rest
    if tokens and tokens[0] == "(":
        found, rest = _either(tokens[1:], whole, where)
        if not rest or rest[0] != ")":
            raise _error(whole, where, rest[0] if rest else "its end", "a closing bracket")
        return f"({found})", rest[1:]
    return _comparison(tokens, whole, where), tokens[3:]


def _comparison(tokens: list[str], whole: str, where: str) -> str:
    field, operator, value = (*tokens[:3], "its end", "its end", "its end")[:3]
    if field not in FIELDS:
        raise _error(whole, where, field, f"one of {', '.join(FIELDS)}{did_you_mean(field, FIELDS)}")
    operator = "=" if operator == "==" else operator
    if operator not in OPERATORS:
        raise _error(whole, where, operator, f"one of {' '.join(OPERATORS)} after {field!r}")
    if field == "age":
        return _age(operator, _number(value, whole, where))
    if field == "sex":
        if value not in SEXES or operator not in ("=", "!="):
            raise _error(whole, where, f"{operator} {value}", "sex = male or sex = female")
        return f"{{sex}} {_operator(operator)} {SEXES[value]}"
    day = _day(value, whole, where)
    if field == "birth":
        return f"{{birth}} {_operator(operator)} {day:%Y%m%d}"
    return f"{{since}} {_operator(operator)} {(day - dt.date(1970, 1, 1)).days}"


def _age(operator: str, years: int) -> str:
    """Return a comparison of completed years, which are a range of differences of two dates written as numbers."""
    least, beyond, apart = years * 10_000, (years + 1) * 10_000, "{ymd} - {birth}"
    return {
        ">=": f"{apart} >= {least}",
        "<": f"{apart} < {least}",
        ">": f"{apart} >= {beyond}",
        "<=": f"{apart} < {beyond}",
        "=": f"({apart} >= {least} AND {apart} < {beyond})",
        "!=": f"({apart} < {least} OR {apart} >= {beyond})",
    }[operator]


def _operator(operator: str) -> str:
    return "<>" if operator == "!=" else operator


def _number(value: str, whole: str, where: str) -> int:
    if not re.fullmatch(r"\d{1,3}", value):
        raise _error(whole, where, value, "a whole number of years after age")
    return int(value)


def _day(value: str, whole: str, where: str) -> dt.date:
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise _error(whole, where, value, "a date such as 2016-01-01") from None


def _error(whole: str, where: str, found: str, expected: str) -> ParamsError:
    return ParamsError(f"{where}: {whole!r}: found {found!r}, expected {expected}")

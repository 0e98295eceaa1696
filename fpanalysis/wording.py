"""Every word a reader sees, Chinese and English side by side, from the CSV files in `catalogue/`.

The files open in Excel (UTF-8 with BOM) and can be proof-read there; code has no wording. A sentence is a
template whose numbers are named and formatted by kind, so that both languages print the same figure in their
own manner: `{n:count}`, `{share:pct}`, `{n:inspection|inspections}` (English singular and plural).

| format | from | zh | en |
|---|---|---|---|
| count | 1559 | 1,559 | 1,559 |
| n1, n2 | 109.84 | 109.8 | 109.8 |
| pct | 0.985 | 98.5% | 98.5% (1 is 100%; 0.9999 is >99.9%, 0.0001 <0.1%) |
| signedpct | -0.031 | -3.1% | -3.1% |
| points | 0.012 | +1.2个百分点 | +1.2 percentage points |
| p | 0.0004 | <0.001 | <0.001 |
| date | 2018-07-16 | 2018年7月16日 | 16 July 2018 |
| month | 2018-06 | 2018年6月 | June 2018 |
| list | ["a", "b"] | a、b | a, b |
| dated | [["a", "2018-07-16"]] | a（2018年7月16日） | a (16 July 2018) |
| dates | ["2018-07-16"] | 2018年7月16日 | 16 July 2018 |
| period | 2018H1 | 2018年上半年 | first half of 2018 |
| span | 2018H1 (or 2018-01/2018-09) | 2018年上半年 | first half of 2018 |
| word | a key of the catalogue | its wording | its wording |
| label | a measure | its label | its label |
| remark | a result row's note | its wording | its wording |
| money | 34500 | 3.45万 | 34,500 (yuan, exactly; in 万 from 10,000 on, as Chinese offices write it) |
| floor | 102600 | 10万 | 100,000 (down to one leading digit, for "over ...") |
| one\\|many | 1 | one | one |

`change` says of a result row whether it rose: "rose by 5.2%" or "fell by 5.2%" only where its interval excludes zero,
else "showed no real change (+0.2%)"; of a row that is a difference of shares it says so in percentage points.

A format followed by + prints the interval of a result row too: `{srb:n1+}` is 109.8 (103.2–116.9).

A missing number is printed as "no data", never as nan.
"""

from __future__ import annotations

import csv
import datetime as dt
import functools
import math
import string
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from importlib import resources
from typing import Any

import pandas as pd

from .errors import FpError, did_you_mean
from .periods import Period, parse_period
from .results import Fact, read_note

__all__ = [
    "LANGS",
    "catalogue",
    "checked_lang",
    "defined",
    "format_value",
    "has",
    "indicator",
    "label",
    "needs",
    "period_label",
    "remark",
    "text",
]

LANGS = ("zh", "en")


@functools.cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """Return every entry by key: the columns of its file (`zh`, `en`, and for indicators unit, kind, source ...).

    Raises FpError when a key stands twice, or lacks a language.
    """
    entries: dict[str, Mapping[str, str]] = {}
    for file in sorted(resources.files(__package__).joinpath("catalogue").iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".csv"):
            continue
        for number, row in enumerate(csv.DictReader(file.read_text("utf-8-sig").splitlines()), start=2):
            key = row["key"]
            if key in entries or not (row["zh"] and row["en"]):
                fault = "stands twice in the catalogue" if key in entries else "lacks zh or en"
                raise FpError(f"catalogue/{file.name}, row {number}: key {key!r} {fault}")
            entries[key] = {**row, "file": file.name}
    return entries


def has(key: str) -> bool:
    """Return whether the catalogue knows a key."""
    return key in catalogue()


def text(key: str, lang: str, facts: Mapping[str, Fact] | None = None, /, **values: Any) -> str:
    """Return the wording of a key in a language, its placeholders filled from `values`, then from `facts`.

    A fact is named by its measure: `{registered/first:count}`, `{srb.lower:n1}`. Raises FpError for an unknown key
    or language, or a placeholder without a value.
    """
    template = _entry(key)[checked_lang(lang)]
    if "{" not in template and "}" not in template:
        return template
    try:
        return _Formatter(lang).vformat(template, (), {**(facts or {}), **values})
    except KeyError as missing:
        raise FpError(f"catalogue entry {key!r} needs a value for {missing}") from None


def needs(key: str) -> set[str]:
    """Return the names of the placeholders of an entry, in either language, with attribute (`srb`, `srb.lower`)."""
    entry = _entry(key)
    return {name for lang in LANGS for _, name, _, _ in string.Formatter().parse(entry[lang]) if name}


def indicator(measure: str) -> Mapping[str, str]:
    """Return the catalogue row of a measure's indicator: zh, en, kind (how it is printed), unit, better, source.

    The breakdown after the first slash does not matter. Raises FpError for an unknown indicator.
    """
    found = _entry(f"{measure.split('/')[0]}", kind="indicator")
    kind = found.get("kind", "")
    return {**found, "kind": PRINTED[kind]} if kind in PRINTED else found


def defined() -> list[Mapping[str, str]]:
    """Return the indicators that the catalogue makes from a numerator and a denominator, in its order."""
    return [entry for entry in catalogue().values() if entry.get("numerator")]


def label(measure: str, lang: str, names: Mapping[str, str] | None = None) -> str:
    """Return the words for a measure: the indicator, then its breakdown; `names` words parts that params name.

    >>> label("births/order2", "en")
    'Births, second'
    """
    name, *parts = measure.split("/")
    words = [_part(part, lang, names or {}) for part in parts]
    if "{name}" in _entry(name)[checked_lang(lang)]:  # an indicator of a place's own, named by its first part
        return text("list.comma", lang).join([text(name, lang, name="".join(words[:1])), *words[1:]])
    return text("list.comma", lang).join([text(name, lang), *words])


def period_label(period: Period | str, lang: str, *, calendar: bool = True, article: bool = False) -> str:
    """Return the words for a period: its name, and with `calendar` its calendar and first and last month.

    With `article` a half-year or quarter stands as in a sentence: "the first half of 2018".
    """
    found = parse_period(period) if isinstance(period, str) else period
    if found.is_month:
        return format_value(found.first_month, "month", lang)
    name = text(f"period.{found.calendar}.{found.part or 'year'}", lang, year=found.year)
    name = text("period.article", lang, name=name) if article and found.part else name
    if not calendar:
        return name
    return text(f"period.{found.calendar}.long", lang, name=name, first=found.first_month, last=found.last_month)


def remark(note: str, lang: str, names: Mapping[str, str] | None = None) -> str:
    """Return the words of a result row's note, "" for none; `names` words places and others that it names by key."""
    if not note:
        return ""
    key, values = read_note(note)
    return text(key, lang, **{name: _worded(value, names or {}) for name, value in values.items()})


def _worded(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_worded(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def format_value(value: Any, kind: str, lang: str) -> str:
    """Return one value as this language prints it; `kind` is a format of the module's table."""
    if "|" in kind:
        one, many = kind.split("|")
        return one if _plain(value) == 1 else many
    if kind.endswith("+") and isinstance(value, Fact):
        return _with_interval(value, kind.removesuffix("+"), lang)
    if kind == "change" and isinstance(value, Fact):
        return _change(value, lang)
    value = _plain(value)
    if _missing(value):
        return text("no_data", lang)
    if kind not in FORMATS:
        raise FpError(f"number format {kind!r} does not exist{did_you_mean(kind, FORMATS)}")
    return FORMATS[kind](value, lang)


def _part(part: str, lang: str, names: Mapping[str, str]) -> str:
    if part in names:
        return names[part]
    return next((text(key, lang) for key in (f"part.{part}", f"class.{part}", part) if has(key)), part)


def checked_lang(lang: str) -> str:
    """Return the language if there is one of that name. Raises FpError otherwise."""
    if lang not in LANGS:
        raise FpError(f"language {lang!r} does not exist{did_you_mean(lang, LANGS)}")
    return lang


def _entry(key: str, kind: str = "catalogue entry") -> Mapping[str, str]:
    found = catalogue().get(key)
    if found is None:
        raise FpError(f"{kind} {key!r} does not exist{did_you_mean(key, catalogue())}")
    return found


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Fact) else value


def _with_interval(fact: Fact, kind: str, lang: str) -> str:
    if _missing(fact.value) or _missing(fact.lower):
        return format_value(fact.value, kind, lang)
    low, high = (format_value(bound, kind, lang) for bound in (fact.lower, fact.upper))
    return text("interval", lang, value=format_value(fact.value, kind, lang), lower=low, upper=high)


def _change(fact: Fact, lang: str) -> str:
    """Return whether a figure rose or fell, by its interval; without one, or with zero in it, that it did not."""
    if _missing(fact.value):
        return text("no_data", lang)
    side = "up" if fact.lower > 0 else "down" if fact.upper < 0 else "none"
    signed = has(fact.measure.split("/")[0]) and indicator(fact.measure)["kind"] == "points"
    kind = "points" if signed else "signedpct" if side == "none" else "pct"
    size = fact.value if side == "none" or signed else abs(fact.value)
    return text(f"change.{side}", lang, size=format_value(size, kind, lang))


def _missing(value: Any) -> bool:
    if value is None or value is pd.NaT:
        return True
    return isinstance(value, float) and math.isnan(value)


def _decimals(places: int, scale: int = 1, sign: str = "", unit: str = "") -> Any:
    """Return a formatter that rounds half away from zero in decimal (as people do), not half to even in binary."""

    def write(value: Any, lang: str) -> str:
        if isinstance(value, float) and math.isinf(value):
            return "∞" if value > 0 else "−∞"
        exact = Decimal(repr(float(value))) * scale
        rounded = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) + 0
        return f"{rounded:{sign if exact else ''},.{places}f}".replace("-", "−") + unit

    return write


def _pct(value: Any, lang: str) -> str:
    """Return a share as per cent; only what is exactly 1 reads 100%, and only what is exactly 0 reads 0%."""
    if value in (0, 1):
        return f"{100 * value:.0f}%"
    if 0.9995 <= value < 1 or 0 < value < 0.0005:
        return ">99.9%" if value > 0.5 else "<0.1%"
    return _decimals(1, 100, unit="%")(value, lang)


def _floor(value: Any, lang: str) -> str:
    if math.isinf(value) or value < 1:
        return _decimals(0)(value, lang)
    size = 10 ** (len(str(int(value))) - 1)
    return _money(int(value) // size * size, lang)


def _money(value: Any, lang: str) -> str:
    """Return an amount in full, or in the large unit of the language (`money.unit`) with all its digits."""
    unit = text("money.unit", lang)
    size = int(text(f"numbers.scale.{unit}", lang)) if has(f"numbers.scale.{unit}") else math.inf
    if math.isinf(value) or abs(value) < size:
        return _decimals(0 if value % 1 == 0 or math.isinf(value) else 2)(value, lang)
    scaled = (Decimal(repr(float(value))) / int(size)).normalize()
    return f"{scaled:,f}".replace("-", "−") + unit


def _points(value: Any, lang: str) -> str:
    return text("points", lang, size=_decimals(1, 100, sign="+")(value, lang))


def _p(value: Any, lang: str) -> str:
    if value < 0.001:
        return "<0.001"
    return f"{value:.3f}" if value < 0.0995 else f"{value:.2f}"


def _date(value: Any, lang: str) -> str:
    day = pd.Timestamp(value)
    return text("date", lang, year=day.year, month=day.month, day=day.day, name=text(f"month.{day.month}", lang))


def _month(value: Any, lang: str) -> str:
    month = value if isinstance(value, (pd.Period, dt.date)) else pd.Period(value, "M")
    return text("month", lang, year=month.year, month=month.month, name=text(f"month.{month.month}", lang))


def _list(value: Iterable[Any], lang: str) -> str:
    return text("list.join", lang).join(str(item) for item in value) or text("none", lang)


def _dated(value: Iterable[tuple[str, str]], lang: str) -> str:
    return _list([text("list.dated", lang, name=name, day=day) for name, day in value], lang)


def _span(value: Any, lang: str) -> str:
    first, _, last = str(value).partition("/")
    return text("months", lang, first=first, last=last) if last else period_label(first, lang, calendar=False)


FORMATS = {
    "count": _decimals(0),
    "n1": _decimals(1),
    "n2": _decimals(2),
    "signedcount": _decimals(0, sign="+"),
    "signed": _decimals(1, sign="+"),
    "pct": _pct,
    "floor": _floor,
    "money": _money,
    "pct0": _decimals(0, 100, unit="%"),
    "signedpct": _decimals(1, 100, sign="+", unit="%"),
    "points": _points,
    "change": _decimals(1, 100, sign="+", unit="%"),
    "p": _p,
    "date": _date,
    "month": _month,
    "list": _list,
    "dated": _dated,
    "dates": lambda value, lang: _list([_date(day, lang) for day in value], lang),
    "word": lambda value, lang: text(str(value), lang),
    "words": lambda value, lang: _list([text(str(key), lang) for key in value], lang),
    "period": lambda value, lang: period_label(str(value), lang, calendar=False),
    "span": _span,
    "remark": lambda value, lang: remark(value, lang),
    "label": lambda value, lang: label(str(value), lang),
    "plain": lambda value, lang: str(value),
}
"""How each kind of value is printed; a new kind is one entry here and one row in the module's table."""


PRINTED = {"share": "pct", "rate": "n1", "ratio": "n2", "mean": "n1", "difference": "count"}
"""How the kinds of indicators are printed (a kind that is a format itself is printed so)."""


class _Formatter(string.Formatter):
    """Fill templates; a missing value reads "no data"."""

    def __init__(self, lang: str) -> None:
        self.lang = lang

    def format_field(self, value: Any, format_spec: str) -> str:
        return format_value(value, format_spec or "plain", self.lang)

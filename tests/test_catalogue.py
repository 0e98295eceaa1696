"""Every wording of the catalogue, said with nothing, one, very much and no value at all, in both languages."""

import math
import re
import string

import pytest

from fpanalysis import results, wording
from fpanalysis.results import Fact

NAN = float("nan")
SIZES = [0, 1, 2, 1_000_000_000, NAN, math.inf, -1]
NOTE = results.note("note.activity.on_days", days=["2018-03-31"])
WORDS = {"date": "2018-03-31", "month": "2018-03", "list": ["a", "b"], "dated": [["a", "2018-03-31"]], "dates": ["2018-03-31"], "span": "2018H1",
         "word": "yes", "words": ["yes", "no"], "remark": NOTE,
         "label": "births/order1", "period": "2018H1", "plain": "x", "": "x"}  # fmt: skip
"""A value for each format that is no number."""
PATTERNS = ("numbers.", "prose.", "said.")
"""Beginnings of keys that hold regular expressions, which no reader sees."""
KEYS = [key for key in wording.catalogue() if not key.startswith(PATTERNS)]
FURNITURE = ("word.", "workbook.term.")
"""Beginnings of keys that have a layout or a 1 of their own."""


def fields(key: str) -> list[tuple[str, str]]:
    entry = wording.catalogue()[key]
    return [
        (name, spec or "")
        for lang in wording.LANGS
        for _, name, spec, _ in string.Formatter().parse(entry[lang])
        if name
    ]


def said(key: str, lang: str, size: float, alone: dict[str, float] | None = None) -> str:
    """An entry with every number of one size, those of the facts named in `alone` of another."""
    values: dict[str, object] = {}
    for field, spec in fields(key):
        name = field.split(".")[0]
        kind = spec.removesuffix("+")
        if kind in WORDS and "|" not in spec and "." not in field:
            values.setdefault(name, WORDS[kind])
        else:
            n = (alone or {}).get(name, size)
            values[name] = Fact("renqiu", "2018-06", "births", n, n, n, n, n, 0.5, "counted", NOTE)
    plain = {n: v for n, v in values.items() if not isinstance(v, Fact)}
    return wording.text(key, lang, {n: v for n, v in values.items() if isinstance(v, Fact)}, **plain)


@pytest.mark.parametrize("lang", wording.LANGS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_wording_can_be_said_with_any_size(lang, size):
    """No hole is left, nothing reads nan, and no blank stands twice or before a full stop."""
    for key in (key for key in KEYS if not key.startswith(FURNITURE)):
        words = said(key, lang, size)

        assert not re.search(r"[{}]|\bnan\b|\bNaN\b|NaT", words), (key, words)
        assert not re.search(r"\S  +\S| [.,;](?:\s|$)|。。|，，|\.\.", words), (key, words)


def plurals() -> set[str]:
    """Every English word that the catalogue itself has in the plural, and some more."""
    specs = {spec for key in KEYS for _, spec in fields(key) if "|" in spec}
    return {spec.split("|")[1] for spec in specs if spec != "|"} | {
        "births",
        "people",
        "months",
        "tests",
        "boys",
        "girls",
        "files",
        "facts",
    }


def singulars() -> set[str]:
    """Nouns that the catalogue has in the singular where there is one of them."""
    specs = {spec for key in KEYS for _, spec in fields(key) if "|" in spec}
    ones = {spec.split("|")[0].split(" ")[0] for spec in specs if spec.split("|")[0] != spec.split("|")[1]}
    return ones - {"it", "is", "was", "has", "shows", "equals", "usable", "only-child", "other", "peer", ""}


def test_english_has_its_singular():
    wrong = re.compile(rf"(?<![\d.,%–−+/-])\b1 (?:{'|'.join(sorted(plurals()))})\b")
    for key in (key for key in KEYS if not key.startswith(FURNITURE)):
        words = said(key, "en", 1)

        assert not wrong.search(words), (key, words)


def test_each_number_of_a_sentence_agrees_with_its_own_noun():
    """One of a kind among many of the others, and many among ones: no "1 births", no "2 birth"."""
    one = re.compile(rf"(?<![\d.,%–−+/-])\b1 (?:{'|'.join(sorted(plurals()))})\b")
    many = re.compile(rf"(?<![\d.,%–−+/-])\b[02] (?:{'|'.join(sorted(singulars()))})\b(?!-)")
    for key in (key for key in KEYS if not key.startswith(FURNITURE)):
        for name in {field.split(".")[0] for field, _ in fields(key)}:
            for others, alone in ((2, 1), (1, 2), (1, 0)):
                words = said(key, "en", others, {name: alone})

                assert not (one.search(words) or many.search(words)), (key, name, words)


def test_each_language_has_its_own_punctuation():
    for key in KEYS:
        entry = wording.catalogue()[key]
        zh, en = (re.sub(r"\{[^{}]*\}", "0", entry[lang]) for lang in wording.LANGS)

        assert not re.search(r"[\u4e00-\u9fff][,;?!]|[,;?!][\u4e00-\u9fff]", zh), (key, zh)
        assert not re.search(r"[，。；：？！（）、～]", en), (key, en)
        assert zh.count("（") == zh.count("）") and en.count("(") == en.count(")"), (key, zh, en)


def test_a_sentence_ends_as_sentences_do():
    for key in (key for key in KEYS if key.startswith("say.") and key != "say.plan.0"):  # that one is a whole sentence
        entry = wording.catalogue()[key]

        assert (entry["zh"][-1], entry["en"][-1]) == ("。", "."), key


@pytest.mark.parametrize("lang", wording.LANGS)
def test_a_missing_number_is_called_missing(lang):
    for key in (key for key in KEYS if key.startswith("say.")):
        numbers = [
            spec
            for _, spec in fields(key)
            if "|" not in spec and spec.removesuffix("+") in ("count", "pct", "n1", "n2")
        ]

        assert not numbers or wording.text("no_data", lang) in said(key, lang, NAN), key


@pytest.mark.parametrize(
    ("lower", "upper", "zh", "en"),
    [(0.01, 0.09, "上升5.0%", "rose by 5.0%"), (-0.09, -0.01, "下降5.0%", "fell by 5.0%"),
     (-0.01, 0.11, "没有明显变化（+5.0%）", "showed no real change (+5.0%)"), (NAN, NAN, "没有明显变化（+5.0%）", "showed no real change (+5.0%)")],
)  # fmt: skip
def test_a_rise_is_called_one_only_by_its_interval(lower, upper, zh, en):
    value = -0.05 if upper < 0 else 0.05
    fact = Fact("x", "2018", "births_change", 1, 1, value, lower, upper, NAN, "", "")

    assert [zh, en] == [wording.format_value(fact, "change", lang) for lang in wording.LANGS]


def test_shares_differ_by_points_and_counts_by_per_cent():
    assert ["+1.2个百分点", "+1.2 percentage points"] == [
        wording.format_value(0.012, "points", lang) for lang in wording.LANGS
    ]
    assert "+1.2%" == wording.format_value(0.012, "signedpct", "zh")

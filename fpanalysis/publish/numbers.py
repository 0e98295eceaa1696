"""The numbers of a report: found in text, held against the facts, and read back from every file.

A number is written in many ways (`1,559`, `12.3万`, `−3.5%`, `98.5%`); `find` gives each its value, its step (what the
last digit printed stands for) and whether it is a share. Three gates rest on that, each of which says what to do:

* `check_prose`: a figure in running text must be one of the facts. Held to it is what a reader would take for a result:
  a number with a thousands separator, a decimal part or a per cent sign, or of three digits and more. It passes when,
  rounded as it is printed, it equals a number of a fact of the county (or of a township that the paragraph names; of a
  single month only where the paragraph names the month), a number in a fact's remark, one of the headline figures and
  captions, or one that the catalogue itself has. Years, dates and numbers that are names (row 3622, 12号) are none.
  A paragraph with a footnote or a stated source (`来源：`, `source:`) is the analyst's own responsibility.
* `check_format`: what a rendered file says, read back by its format's `extract`, is the set of numbers of the document.
* `telling` gives the numbers for the comparison of two languages (`languages`).

Limits: a typed number that happens to equal another fact of the same county passes; so do small numbers (below 100).
"""

from __future__ import annotations

import functools
import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from ..blocks import Cards, Column, Figure, Heading, Ledger, Table, csv_text, raw_value
from ..errors import PublishError
from ..facts import ledger_rows
from ..results import read_note
from ..wording import LANGS, catalogue, format_value, indicator, text
from . import FORMATS
from .document import Document, Passage, Tokens

__all__ = ["Number", "Sayings", "check_format", "check_prose", "find", "telling"]

FULL_WIDTH = str.maketrans("０１２３４５６７８９．％", "0123456789.%")
ENDING = re.compile(r"\.(?:csv|xlsx|json|html|pdf|docx|md|ipynb)\b")
FILE = re.compile(rf"[^\s（(：:，,]*{ENDING.pattern}")
ISO_DAY = re.compile(r"\b\d{4}-\d\d(?:-\d\d)?\b", re.ASCII)
NUMBERS_OF_A_FACT = ("value", "lower", "upper")


@dataclass(frozen=True)
class Number:
    """A number as it stands in a text: canonical form, value, step of its last digit, and where it ends and begins."""

    key: str
    value: Decimal
    step: Decimal
    is_share: bool
    start: int
    end: int

    @property
    def tells(self) -> bool:
        """Return whether a reader would take it for a result: a share, a decimal, or three digits and more."""
        return self.is_share or self.step < 1 or abs(self.value) >= 100


@functools.lru_cache(20_000)
def find(words: str) -> tuple[Number, ...]:
    """Return the numbers of a text in order; parts of words and names of files (`2018H1`, `SHA-256`) are none.

    Remembered: a report says most of its texts in every format, and each is looked at again.

    >>> [n.key for n in find("2,886人，1.2万元，−3.5%")]
    ['2886', '12000', '-3.5%']
    """
    clean = words.translate(FULL_WIDTH)
    if ENDING.search(clean):
        clean = FILE.sub(lambda found: " " * len(found[0]), clean)
    return tuple(_number(found) for found in _pattern().finditer(clean))


def telling(document: Document) -> dict[str, int]:
    """Return the numbers of running text that tell a result, with the first cell that has it; no years or dates."""
    found: dict[str, int] = {}
    for cell, tokens in _paragraphs(document):
        words = _plain(tokens)
        for number in find(_undated(words)):
            if number.tells and not _is_name(number, _undated(words), document.meta.lang):
                found.setdefault(number.key.lstrip("-"), cell)
    return found


def check_prose(document: Document, *, name: str) -> None:
    """Refuse a figure in running text that is not in the facts; without a ledger there is nothing to hold it against.

    Raises PublishError naming the notebook `name`, the cell, the figure and the remedy.
    """
    if document.ledger is None:
        return
    known = _Known(document, document.ledger)
    for cell, tokens in _paragraphs(document):
        words = _undated(_plain(tokens))
        if _has_footnote(tokens) or _says_source(words, document.meta.lang):
            continue
        for number in find(words):
            if number.tells and not _is_name(number, words, document.meta.lang) and not known(number, _plain(tokens)):
                around = words[max(0, number.start - 12) : number.end + 12].strip()
                raise PublishError(
                    f"notebook {name}, cell {cell}: the figure {words[number.start : number.end].strip()!r} in "
                    f'"{around}" is not in the facts; take it from the results, or say where it comes from: a '
                    f"footnote [^a], or 'source: ...' in the same paragraph"
                )


def check_format(format: str, content: bytes, document: Document, *, name: str) -> None:
    """Refuse a rendered file whose numbers, read back, are not those of the document.

    `format` is a name in FORMATS, `name` is said in errors. Raises PublishError with what is missing or too many.
    """
    Sayings(document).check(format, content, name=name)


class Sayings:
    """The numbers of a document, found once, to hold the files of all formats against."""

    def __init__(self, document: Document) -> None:
        self.document = document

    @functools.cached_property
    def stated(self) -> set[str]:
        """Return the numbers that every file for readers must carry."""
        return _stated(self.document)

    @functools.cached_property
    def allowed(self) -> set[str]:
        """Return the numbers that a file for readers may carry."""
        return self.stated | _furniture(self.document)

    def check(self, format: str, content: bytes, *, name: str) -> None:
        """Refuse a rendered file as `check_format` does."""
        missing, extra = CHECKS.get(format, _compare_texts)(format, content, self)
        if missing or extra:
            said = "; ".join(
                f"{what}: {', '.join(sorted(found)[:8])}{' ...' * (len(found) > 8)}"
                for what, found in (("missing", missing), ("not in the report", extra)) if found
            )  # fmt: skip
            raise PublishError(
                f"{name}: its numbers differ from those of the report ({said}); the format {format} is at fault"
            )


def extractor(format: str) -> Callable[[bytes], Any]:
    """Return the function that reads texts (and, of a workbook, numbers) back from a file of a format."""
    found: Callable[[bytes], Any] = import_module(FORMATS[format].partition(":")[0]).extract
    return found


# Numbers in text


def _number(found: re.Match[str]) -> Number:
    digits, part, unit = found["digits"].replace(",", ""), found["part"] or "", (found["unit"] or "").strip()
    value, step = Decimal(f"{'-' if found['sign'] else ''}{digits}{part}"), _step(len(part))
    key = str(value)
    if unit not in ("", "%"):
        scale = Decimal(text(f"numbers.scale.{unit}", "en"))
        value, step = value * scale, step * scale
        key = f"{value.normalize():f}"
    return Number(key + ("%" if unit == "%" else ""), value, step, unit == "%", found.start(), found.end())


@functools.cache
def _step(part: int) -> Decimal:
    """Return what the last digit stands for, by the length of the decimal part with its point."""
    return Decimal(1).scaleb(-max(part - 1, 0))


@functools.cache
def _pattern() -> re.Pattern[str]:
    scales = "|".join(text("numbers.scales", lang) for lang in LANGS)
    return re.compile(
        r"(?P<sign>(?<![\d%])−|(?<![^\s(（：:])-)?"
        r"(?<![A-Za-z\d_.])(?P<digits>\d{1,3}(?:,\d{3})+|\d+)(?P<part>\.\d+)?(?![A-Za-z\d_]|\.\d)"
        rf"(?P<unit>\s?%|\s?(?:{scales}))?",
        re.ASCII,
    )


def _undated(words: str) -> str:
    """Return a text with its dates blanked out, in the length it had."""
    return ISO_DAY.sub(lambda found: " " * len(found[0]), words)


def _is_name(number: Number, words: str, lang: str) -> bool:
    """Return whether a number is a year, or numbers something (row 3622)."""
    before, after = words[: number.start], words[number.end :]
    if re.search(text("numbers.label_before", lang), before) or re.match(text("numbers.label_after", lang), after):
        return True
    is_year = re.fullmatch(r"(?:19|20)\d\d", words[number.start : number.end].strip())
    return bool(is_year and re.match(text("numbers.year_after", lang), after))


def _paragraphs(document: Document) -> Iterator[tuple[int, Tokens]]:
    """Yield cell and tokens of every paragraph and list item of the running text (footnotes are sources)."""
    for part in document.parts:
        if isinstance(part.content, Passage):
            for token in part.content.tokens:
                items = token.get("children", ()) if token["type"] == "list" else [token]
                yield from ((part.cell, [item]) for item in items)


def _plain(tokens: Tokens) -> str:
    """Return the words of tokens, a line end as a space."""
    return "".join(
        " " if token["type"] in ("softbreak", "linebreak") else _plain(token["children"]) if "children" in token
        else "" if token["type"] == "footnote_ref" else token.get("raw", "")
        for token in tokens
    )  # fmt: skip


def _has_footnote(tokens: Tokens) -> bool:
    return any(token["type"] == "footnote_ref" or _has_footnote(token.get("children", ())) for token in tokens)


def _says_source(words: str, lang: str) -> bool:
    return bool(re.search(text("numbers.source", lang), words))


# What may stand in running text


class _Known:
    """Tell whether a number is one of the facts that a paragraph may speak of."""

    def __init__(self, document: Document, ledger: Ledger) -> None:
        self.keys = _said_elsewhere(document) | _said_by_the_house()
        self.pools = _pools(ledger)

    def __call__(self, number: Number, words: str) -> bool:
        if number.key.lstrip("-") in self.keys:
            return True
        plain, shares = self.pools.of(words)
        half = float(number.step) / 2 + 1e-9
        if number.is_share:
            return bool((np.abs(shares - float(abs(number.value))) <= half).any())
        near = bool((np.abs(plain - float(abs(number.value))) <= half).any())
        return near or (number.step >= 1 and _is_floor_of(int(abs(number.value)), plain))


class _Pools:
    """The numbers of a ledger by the places and months that a paragraph names."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.rows = ledger, ledger_rows(ledger)
        kinds = {m: indicator(m)["kind"] for m in self.rows["measure"].unique()}
        self.share = self.rows["measure"].map(kinds).str.endswith("pct").to_numpy(dtype=bool)
        self.monthly = self.rows["period"].str.fullmatch(r"\d{4}-\d\d").to_numpy(dtype=bool)
        self.remarks = [_numbers_in(read_note(note)[1]) if note else [] for note in self.rows["note"]]
        self.levels = set(self.rows["method"].str.extract(r"-(\d+(?:\.\d+)?)$")[0].dropna().astype(float))
        self.names = {key: {_short(word) for word in (key, *words)} for key, *words in ledger.names}
        self.pools: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[np.ndarray, np.ndarray]] = {}

    def of(self, words: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the plain numbers and the shares (in per cent) of the facts that a paragraph speaks of."""
        named = tuple(key for key, forms in self.names.items() if any(form in words for form in forms))
        months = tuple(sorted(_months(words)))
        if (named, months) not in self.pools:
            places = [self.ledger.place, *named]
            mine = self.rows["place"].isin(places).to_numpy() & (
                ~self.monthly | self.rows["period"].isin(months).to_numpy()
            )
            self.pools[named, months] = self._numbers(mine)
        return self.pools[named, months]

    def _numbers(self, mine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows, share = self.rows[mine], self.share[mine]
        remarks = [n for told, kept in zip(self.remarks, mine, strict=True) if kept for n in told]
        results = rows[[*NUMBERS_OF_A_FACT]].to_numpy()
        whole = rows[["count", "total", "p"]].to_numpy().ravel()
        counted = [len(self.ledger.files), *rows["measure"].value_counts().unique()]
        plain = np.concatenate([results[~share].ravel(), whole, remarks, counted])
        shares = np.concatenate([100 * results[share].ravel(), 100 * np.array(remarks), remarks, [*self.levels]])
        return _finite(plain), _finite(shares)


@functools.lru_cache(maxsize=1)
def _pools(ledger: Ledger) -> _Pools:
    """Return the numbers of a ledger, found once for both languages of a report."""
    return _Pools(ledger)


def _finite(values: np.ndarray) -> np.ndarray:
    return np.unique(np.abs(values[np.isfinite(values)]))


def _is_floor_of(value: int, pool: np.ndarray) -> bool:
    """Return whether a round number ("over 100,000") is a number of the pool down to its leading digit."""
    size = 10 ** (len(str(value)) - 1)
    return value >= 1000 and value % size == 0 and bool(((pool >= value) & (pool < value + size)).any())


def _numbers_in(values: Any) -> list[float]:
    if isinstance(values, Mapping):
        return [n for value in values.values() for n in _numbers_in(value)]
    if isinstance(values, (list, tuple)):
        return [n for value in values for n in _numbers_in(value)]
    if isinstance(values, str):
        return [float(n.value) for n in find(values)]
    return [float(values)] if isinstance(values, (int, float)) and not isinstance(values, bool) else []


def _short(name: str) -> str:
    """Return a place's name as people write it: 鄚州 for 鄚州镇."""
    return re.sub(text("numbers.place_end", "zh"), "", name) or name


def _months(words: str) -> set[str]:
    """Return the months that a text names, as keys: 2018年6月, June 2018, 2018-06."""
    names = {text(f"month.{n}", "en"): n for n in range(1, 13)}
    zh = re.findall(text("numbers.month", "zh"), words)
    en = [(year, names[name]) for name, year in re.findall(rf"({'|'.join(names)})\s+(\d{{4}})", words)]
    iso = [tuple(found[:7].split("-")) for found in ISO_DAY.findall(words)]
    return {f"{year}-{int(month):02d}" for year, month in [*zh, *en, *iso]}


def _said_elsewhere(document: Document) -> set[str]:
    """Return the numbers of headline figures, captions, alt texts and notes, which are made from the results."""
    said: list[str] = []
    for part in document.parts:
        content = part.content
        if isinstance(content, Cards):
            said += [line for f in content.facts for line in (f.value, f.change, f.reference)]
        elif isinstance(content, (Table, Figure)):
            said += [content.caption, *content.notes, content.alt if isinstance(content, Figure) else ""]
            said += [str(len(content.values))] if isinstance(content, Table) else []
    return _keys(said)


@functools.cache
def _said_by_the_house() -> set[str]:
    """Return the numbers of the catalogue's own wording (95%), and the bounds that formats print (<0.001, >99.9%)."""
    templates = [entry[lang] for key, entry in catalogue().items() for lang in LANGS if not key.startswith("numbers.")]
    said = ["".join(literal for literal, *_ in string.Formatter().parse(template)) for template in templates]
    bounds = [format_value(0.0, "p", "en"), *(format_value(share, "pct", "en") for share in (0.0001, 0.9999))]
    return _keys([*said, *bounds])


def _keys(texts: Iterable[str]) -> set[str]:
    return {number.key.lstrip("-") for words in texts for number in find(words)}


# What a rendered file says

Differences = tuple[set[str], set[str]]


def _compare_texts(format: str, content: bytes, held: Sayings) -> Differences:
    """Return what is missing in a file for readers, and what it has too many."""
    said = {number.key for words in extractor(format)(content) for number in find(words)}
    return held.stated - said, {key for key in said - held.allowed if len(key) > 2 or not key.isdigit()}


def _stated(document: Document) -> set[str]:
    """Return every number that a file for readers must carry: text, headings, headline figures, tables."""
    texts: list[str] = [_plain(note.get("children", ())) for note in document.footnotes]
    texts += [_plain(tokens) for _, tokens in _paragraphs(document)]
    for part in document.parts:
        content = part.content
        if isinstance(content, Heading):
            texts.append(content.text)
        elif isinstance(content, Cards):
            texts += [line for f in content.facts for line in (f.label, f.value, f.change, f.reference)]
        elif isinstance(content, Table):
            texts += [cell for row in content.texts for cell in row]
        if isinstance(content, (Table, Figure)):
            texts += [content.caption, *content.notes, content.source]
    return {number.key for words in texts for number in find(words)}


def _furniture(document: Document) -> set[str]:
    """Return further numbers that a file may carry: cover, drawings, data behind them, raw values, their counts."""
    meta = document.meta
    texts = [meta.title, meta.subtitle, meta.office, meta.place, meta.period, meta.calendar, meta.as_of, meta.release]
    texts += [
        meta.inputs,
        meta.notice,
        *(entry[meta.lang] for key, entry in catalogue().items() if key.startswith("page.")),
    ]
    for part in document.parts:
        content = part.content
        if isinstance(content, Figure):
            texts += [content.alt, *re.split(r"<[^>]*>", content.svg)]
        for table in (content, getattr(content, "data", None)):
            if isinstance(table, Table):
                texts += [*_heads(table.columns), csv_text(table, meta.lang).replace(",", "\n"), str(len(table.values))]
                texts += [cell for row in table.texts for cell in row] + [table.caption, *table.notes, table.source]
        if hasattr(content, "kind"):
            texts.append(re.sub(r"<[^>]*>", "\n", getattr(content, "content", "")))
    return {number.key for words in texts for number in find(words)}


def _heads(columns: Sequence[Column]) -> list[str]:
    return [words for column in columns for words in (column.label, column.unit, column.group)]


def _compare_facts(format: str, content: bytes, held: Sayings) -> Differences:
    """Return which numbers of the ledger a facts file lacks, and which it has too many."""
    found = set(extractor(format)(content))
    must = _ledger_numbers(held.document.ledger) if held.document.ledger else set()
    return must - found, found - must


def _ledger_numbers(ledger: Ledger) -> set[str]:
    rows = ledger_rows(ledger)[["count", "total", "value", "lower", "upper", "p"]]
    return {str(raw_value(value)) for value in pd.unique(rows.to_numpy().ravel()) if np.isfinite(value)}


def _compare_workbook(format: str, content: bytes, held: Sayings) -> Differences:
    """Return which raw numbers an annex lacks, and which fractions are too many (whole ones also count sheets)."""
    cells = extractor(format)(content)
    have = {_rounded(n) for cell in cells for n in ([n.value for n in find(cell)] if isinstance(cell, str) else [cell])}
    must = {_rounded(value) for value in _raw_numbers(held.document)}
    may = must | {_rounded(float(key.rstrip("%"))) for key in held.allowed | _said_by_the_house()}
    return {f"{n:g}" for n in must - have}, {f"{n:g}" for n in have - may if not n.is_integer()}


def _raw_numbers(document: Document) -> Iterator[float]:
    for part in document.parts:
        content = part.content
        if isinstance(content, Cards):
            yield from (f.raw for f in content.facts if isinstance(f.raw, (int, float)))
        for table in (content, getattr(content, "data", None)):
            if isinstance(table, Table):
                cells = [cell for row in table.values for cell in row]
                flat = [n for cell in cells for n in (cell if isinstance(cell, tuple) else (cell,))]
                yield from (n for n in flat if isinstance(n, (int, float)) and not isinstance(n, bool))


def _rounded(value: float) -> float:
    return float(f"{float(value):.9g}")


CHECKS: dict[str, Callable[[str, bytes, Sayings], Differences]] = {
    "fp-facts": _compare_facts,
    "fp-xlsx": _compare_workbook,
}
"""How the numbers of a format are compared; the others are texts for readers."""

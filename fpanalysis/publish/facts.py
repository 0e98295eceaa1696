"""The facts of a report for machines: `facts.json` against a published JSON Schema, and the same as a tidy CSV.

`facts.schema.json` beside this file is the contract (JSON Schema, draft 2020-12). Both files carry Chinese and English,
so that the notebooks of both languages give the same bytes. One fact is one line, also in the JSON, sorted by id: two
releases can be compared with any tool that compares lines.
"""

from __future__ import annotations

import csv
import functools
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..blocks import Ledger, csv_cell
from ..facts import FIELDS, sources
from ..periods import parse_period
from ..results import NUMBERS
from ..wording import LANGS, period_label, text
from .document import Document
from .exporter import ReportExporter
from .marks import VERSION, facts_of, written_at

__all__ = ["SCHEMA", "VERSION", "FactsExporter", "extract", "facts_csv", "facts_json"]

SCHEMA = Path(__file__).with_name("facts.schema.json")
WORDS = ("label", "unit", "note")
NAMED = ("place", "period", "method")


class FactsExporter(ReportExporter):
    """nbconvert exporter `fp-facts`: the facts of an executed report notebook as JSON."""

    export_from_notebook = "Report (facts, JSON)"
    output_mimetype = "application/json"
    extension = ".facts.json"

    def render(self, document: Document, files: Mapping[str, Path]) -> bytes:
        """Return the facts."""
        return facts_json(document, before=Path(self.before) if self.before else None)


def facts_json(document: Document, *, before: Path | None = None) -> bytes:
    """Return `facts.json` of a document; `before` is that of the release before.

    Raises PublishError when `before` is not of this version.
    """
    if document.ledger:
        return _written(document.ledger, before, written_at(before))
    head = {"schema": VERSION, "report": {"title": document.meta.title, "lang": document.meta.lang}, "sources": {}}
    return _joined(head, [])


@functools.lru_cache(maxsize=1)
def _written(ledger: Ledger, before: Path | None, changed: int) -> bytes:
    """Return `facts.json` of a ledger, once for all files of a release that carry it; `changed`: time of `before`."""
    head = {"schema": VERSION, "report": _report(ledger), "sources": sources(ledger)}
    return _joined(head, [_line({name: fact[name] for name in FIELDS}) for fact in facts_of(ledger, before)])


def _joined(head: Mapping[str, Any], lines: Sequence[str]) -> bytes:
    top = json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}")
    return (top + ',\n "facts": [' + ",".join(f"\n  {line}" for line in lines) + "\n ]\n}\n").encode()


def facts_csv(facts: bytes) -> bytes:
    """Return the facts of a `facts.json` as tidy CSV (UTF-8 with BOM): one row a fact, words in both languages."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow([head for name in FIELDS for head in _heads(name)])
    for fact in _read(facts):
        writer.writerow([cell for name in FIELDS for cell in _cells(fact[name], name)])
    return lines.getvalue().encode("utf-8-sig")


def extract(data: bytes) -> list[str]:
    """Return the numbers of all results in a `facts.json` as text, for the comparison of formats."""
    return [str(fact[name]) for fact in _read(data) for name in NUMBERS if _is_number(fact[name])]


@functools.lru_cache(1)
def _read(data: bytes) -> Sequence[Mapping[str, Any]]:
    """Return the facts of a `facts.json`, read once to be checked and to be written as CSV."""
    facts: Sequence[Mapping[str, Any]] = json.loads(data)["facts"]
    return facts


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_line: Callable[[Mapping[str, Any]], str] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""A fact as one line; one encoder for all of them."""


def _report(ledger: Ledger) -> dict[str, Any]:
    period = parse_period(ledger.period)
    names = {key: dict(zip(LANGS, words, strict=True)) for key, *words in ledger.names}
    place = names.get(ledger.place) or dict.fromkeys(LANGS, ledger.place)
    when = {lang: period_label(period, lang, calendar=False) for lang in LANGS}
    return {
        "title": {lang: text("report.title", lang, name=place[lang], period=when[lang]) for lang in LANGS},
        "place": {"key": ledger.place, **place},
        "period": {
            "key": period.key,
            **when,
            "calendar": period.calendar,
            "first_month": str(period.first_month),
            "last_month": str(period.last_month),
        },
        "as_of": ledger.as_of,
        "inputs": ledger.inputs,
        "synthetic": ledger.synthetic,
    }


def _heads(name: str) -> Iterator[str]:
    if name in NAMED:
        yield name
    yield from (f"{name}_{lang}" for lang in LANGS) if name in (*NAMED, *WORDS) else (name,)


def _cells(value: Any, name: str) -> list[Any]:
    if name in NAMED:
        return [csv_cell(value[key]) for key in ("key", *LANGS)]
    if name in WORDS:
        return [csv_cell(value[lang]) for lang in LANGS] if value else [""] * len(LANGS)
    if _is_number(value):
        return [value]
    return [csv_cell(" ".join(value) if isinstance(value, list) else value)]

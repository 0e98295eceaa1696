"""Preliminary and revised figures marked where they stand, as statistical offices do: [p] and [r] behind them.

The marks are those of the UK Government Statistical Service for tables ("Using symbols in tables", 2023); a hidden
figure has its own already. The status of a figure is that of its fact (`facts`). Where all figures of a column share a
mark the head carries it, where all of a row do its name, else each figure; what the marks mean is said once, below the
first table that has one. A forecast or an expectation is called that and is not preliminary.

A figure is marked as revised where what is printed has changed: a change behind its last digit changes nothing for
who reads it (`facts.json` calls it revised all the same). A mark is part of the printed text alone: raw values, and so
files for machines, stay numbers.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..blocks import MISSING, Cards, Column, Fact, Figure, Ledger, Table
from ..errors import PublishError
from ..facts import records, statuses
from ..results import NUMBERS
from ..tables import measure_kind, printed
from ..wording import text
from .document import Document, Part

__all__ = ["MARKS", "VERSION", "earlier_facts", "facts_of", "marked", "unmarked", "written_at"]

VERSION = "urn:fpanalysis:facts:1"
MARKS = {"preliminary": " [p]", "revised": " [r]"}
"""What stands behind a figure, by its status."""
AHEAD = ("births_expected", "births_forecast", "forecast_backtest")
"""Figures of what is to come (or was foretold)."""

MarkOf = Callable[[str, str, Column], str]
"""The mark of a fact by its id, what is printed of it, and the column in which it stands."""
Facts = Mapping[str, Mapping[str, Any]]


def marked(document: Document, *, before: Path | None = None) -> Document:
    """Return a document with its preliminary and revised figures marked; `before`: facts.json of the release before.

    Without facts there is nothing to tell it by.
    """
    if document.ledger is None:
        return document
    found, then = statuses(facts_of(document.ledger, before)), _by_figure(earlier_facts(before) if before else {})
    here, lang = f"@{document.ledger.place}@{document.ledger.period}", document.meta.lang

    def mark_of(id: str, words: str, column: Column) -> str:
        status = "" if id.split("@")[0] in AHEAD else found.get(id, "")
        same = status == "revised" and any(printed(one, column, lang) == words for one in then.get(id, ()))
        return "" if same else MARKS.get(status, "")

    parts = [_part(part, mark_of, here) for part in document.parts]
    return replace(document, parts=tuple(_explained(document.parts, parts, document.meta.lang)))


def unmarked(words: str) -> str:
    """Return printed words without a mark."""
    return next((words.removesuffix(mark) for mark in MARKS.values() if words.endswith(mark)), words)


def facts_of(ledger: Ledger, before: Path | None) -> list[dict[str, Any]]:
    """Return the facts of a ledger, sorted by id; `before`: facts.json of the release before.

    Made once for all files of a release, which carry the same ledger.
    """
    return _facts(ledger, before, written_at(before))


@functools.lru_cache(maxsize=1)
def _facts(ledger: Ledger, before: Path | None, changed: int) -> list[dict[str, Any]]:
    return records(ledger, earlier_facts(before) if before else {})


def written_at(path: Path | None) -> int:
    """Return when a file was written, by which it is known whether what was read from it holds; 0 for none."""
    return path.stat().st_mtime_ns if path and path.is_file() else 0


def earlier_facts(path: Path) -> dict[str, dict[str, Any]]:
    """Return the facts of a facts.json by id. Raises PublishError when it is not of this version."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise PublishError(f"{path.name} of the release before cannot be read: {error}") from None
    if not isinstance(content, dict) or content.get("schema") != VERSION:
        found = content.get("schema") if isinstance(content, dict) else type(content).__name__
        raise PublishError(f"{path.name} of the release before has schema {found!r}, expected {VERSION!r}")
    return {fact["id"]: fact for fact in content["facts"]}


def _by_figure(earlier: Facts) -> dict[str, list[dict[str, Any]]]:
    """Return facts of the release before as result rows, by `measure@place@period` (without the method)."""
    found: dict[str, list[dict[str, Any]]] = {}
    for fact in earlier.values():
        numbers = {name: math.nan if fact[name] is None else fact[name] for name in NUMBERS}
        place, period = fact["place"]["key"], fact["period"]["key"]
        row = {"measure": fact["measure"], "note": "", **numbers}
        found.setdefault(f"{fact['measure']}@{place}@{period}", []).append(row)
    return found


def _part(part: Part, mark_of: MarkOf, here: str) -> Part:
    content = part.content
    if isinstance(content, Cards):
        return replace(part, content=Cards(tuple(_card(fact, mark_of, here) for fact in content.facts)))
    if isinstance(content, Table):
        return replace(part, content=_table(content, mark_of))
    if isinstance(content, Figure) and content.data:
        return replace(part, content=replace(content, data=_table(content.data, mark_of)))
    return part


def _card(fact: Fact, mark_of: MarkOf, here: str) -> Fact:
    column = Column("value", "", measure_kind(fact.key) if fact.key else "plain")
    return replace(fact, value=fact.value + mark_of(fact.key + here, fact.value, column))


def _table(table: Table, mark_of: MarkOf) -> Table:
    if not table.ids:
        return table
    marks = [[mark_of(id, words, column) if id and words != MISSING else None
              for id, words, column in zip(row, texts, table.columns, strict=True)]
             for row, texts in zip(table.ids, table.texts, strict=True)]  # fmt: skip
    if not any(mark for row in marks for mark in row):
        return table
    heads = [_shared(column) for column in zip(*marks, strict=True)]
    left = [[None if head else mark for head, mark in zip(heads, row, strict=True)] for row in marks]
    columns = _headed(table.columns, heads)
    rows = tuple(_row(texts, row) for texts, row in zip(table.texts, left, strict=True))
    return replace(table, columns=columns, texts=rows)


def _headed(columns: Sequence[Column], heads: Sequence[str]) -> tuple[Column, ...]:
    """Return columns with their marks; where all columns of a group share one it stands at the group's heading."""
    groups: dict[str, set[str]] = {}
    for column, mark in zip(columns, heads, strict=True):
        groups.setdefault(column.group, set()).add(mark)
    shared = {group: found.pop() for group, found in groups.items() if group and len(found) == 1}
    return tuple(
        replace(column, group=column.group + shared[column.group]) if shared.get(column.group)
        else replace(column, label=column.label + mark)
        for column, mark in zip(columns, heads, strict=True)
    )  # fmt: skip


def _row(texts: Sequence[str], marks: Sequence[str | None]) -> tuple[str, ...]:
    whole = _shared(marks)
    if whole:
        return (texts[0] + whole, *texts[1:])
    return tuple(words + (mark or "") for words, mark in zip(texts, marks, strict=True))


def _shared(marks: Sequence[str | None]) -> str:
    """Return the mark that all figures share, "" when they differ; None is no figure."""
    found = {mark for mark in marks if mark is not None}
    return found.pop() or "" if len(found) == 1 else ""


def _explained(plain: Sequence[Part], parts: Sequence[Part], lang: str) -> list[Part]:
    """Return the parts with what the marks mean below the first table (else figure) that has one."""
    changed = [n for n, (a, b) in enumerate(zip(plain, parts, strict=True)) if a != b]
    shown = [n for kind in (Table, Figure) for n in changed if isinstance(parts[n].content, kind)]
    told: list[Part] = list(parts)
    if shown:
        content: Any = told[shown[0]].content
        used = "\n".join(str(parts[n].content) for n in changed)
        notes = [text(f"mark.{status}", lang) for status, mark in MARKS.items() if mark in used]
        told[shown[0]] = replace(told[shown[0]], content=replace(content, notes=(*content.notes, *notes)))
    return told

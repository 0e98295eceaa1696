"""The two languages of a report hold against each other: the same parts in the same order, and the same numbers.

Chinese and English are two notebooks of the same run. `check_languages` refuses to publish either when a heading, a
table or a figure stands in one only, when a table's raw values or a headline figure differ, when the ledgers differ, or
when a number that tells a result stands in the text of one only.

The analyst's own words may exist in one language alone: the other report then says so in their place
(`prose.other_language`), which a reader must know and which is no reason to withhold the report. Headings and numbers
within such a text are not expected in the other language.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..blocks import Cards, Figure, Heading, Table
from ..errors import PublishError
from ..wording import text
from .document import Document, Passage, plain_text
from .numbers import telling

__all__ = ["check_languages"]


def check_languages(documents: Mapping[str, Document], *, names: Mapping[str, str]) -> None:
    """Refuse two reports that are not the same in both languages; `documents` and notebook `names` by language.

    Raises PublishError with the notebook, cell and remedy of the first difference.
    """
    zh, en = documents["zh"], documents["en"]
    alone = _alone(zh) | _alone(en)
    _check_parts(zh, en, names, alone)
    if zh.ledger != en.ledger:
        raise PublishError(
            f"notebooks {names['zh']} and {names['en']}: their facts differ; run both from the same data and code"
        )
    _check_text(zh, en, names, alone)


def _alone(document: Document) -> set[int]:
    """Return the cells of which this language only says that the text is in the other one."""
    notice = text("prose.other_language", document.meta.lang)
    passages = [part for part in document.parts if isinstance(part.content, Passage)]
    return {part.cell for part in passages if notice in plain_text(part.content.tokens)}  # type: ignore[union-attr]


def _check_parts(zh: Document, en: Document, names: Mapping[str, str], alone: set[int]) -> None:
    here, there = list(_parts(zh, alone)), list(_parts(en, alone))
    for (cell, mark, numbers), (other, expected, others) in zip(here, there, strict=False):
        if mark != expected:
            raise PublishError(
                f"notebook {names['zh']}, cell {cell}: {mark}, where notebook {names['en']}, cell {other}, has "
                f"{expected}; give both languages the same headings, tables and figures"
            )
        if numbers != others:
            raise PublishError(
                f"notebook {names['zh']}, cell {cell}: {mark} has other numbers than in notebook {names['en']}, cell "
                f"{other}; run both from the same data and code"
            )
    if len(here) != len(there):
        lang, rest = ("zh", here[len(there) :]) if len(here) > len(there) else ("en", there[len(here) :])
        lacking = names["en" if lang == "zh" else "zh"]
        raise PublishError(
            f"notebook {names[lang]}, cell {rest[0][0]}: {rest[0][1]} is missing in notebook {lacking}; give both "
            "languages the same headings, tables and figures"
        )


def _parts(document: Document, alone: set[int]) -> Iterator[tuple[int, str, Any]]:
    """Yield cell, name and numbers of everything that both languages must have."""
    for part in document.parts:
        content = part.content
        if isinstance(content, Heading) and (part.cell not in alone or content.level <= 2):
            yield part.cell, f"a heading of level {content.level}", None
        elif isinstance(content, Cards):
            yield part.cell, f"{len(content.facts)} headline figures", [fact.raw for fact in content.facts]
        elif isinstance(content, Table):
            yield part.cell, f"table {content.id}", _raw(content)
        elif isinstance(content, Figure):
            yield part.cell, f"figure {content.id}", _raw(content.data) if content.data else None


def _raw(table: Table) -> list[list[Any]]:
    """Return a table's numbers by row; words differ between languages, their number does not."""
    return [[None if isinstance(value, str) else value for value in row] for row in table.values]


def _check_text(zh: Document, en: Document, names: Mapping[str, str], alone: set[int]) -> None:
    said = {"zh": telling(zh), "en": telling(en)}
    for lang, other in (("zh", "en"), ("en", "zh")):
        only = {key: cell for key, cell in said[lang].items() if key not in said[other] and cell not in alone}
        for key, cell in sorted(only.items(), key=lambda found: found[1]):
            raise PublishError(
                f"notebook {names[lang]}, cell {cell}: the number {key} is in the text of this language only; write "
                f"the same number in the text of notebook {names[other]}, or leave it out in both"
            )

"""The printed data dictionary: what each kind of raw file must hold, from the same contracts that check it."""

from __future__ import annotations

from collections.abc import Mapping

from .contracts import Column, Contract
from .wording import text

__all__ = ["dictionary_markdown"]

HEADINGS = ("column", "meaning", "type", "required", "values")


def dictionary_markdown(contracts: Mapping[str, Contract], lang: str) -> str:
    """Return the data dictionary of all contracts as Markdown. Raises FpError for an unknown language."""
    parts = [f"# {text('dictionary.title', lang)}"]
    for kind, contract in contracts.items():
        heads = [text(f"dictionary.{name}", lang) for name in HEADINGS]
        lines = [_line(heads), _line(["---"] * len(heads))]
        lines += [_line(_cells(kind, name, column, lang)) for name, column in contract.columns.items()]
        parts.append(f"## `{kind}`\n\n{text(f'kind.{kind}', lang)}\n\n" + "\n".join(lines))
    return "\n\n".join([*parts, f"## `prose`\n\n{text('kind.prose', lang)}\n"])


def _cells(kind: str, name: str, column: Column, lang: str) -> list[str]:
    required = text("dictionary.yes" if column.required else "dictionary.no", lang)
    values = "; ".join(f"`{key}`: {', '.join(spellings)}" for key, spellings in column.choices.items())
    return [f"`{name}`", text(f"column.{kind}.{name}", lang), text(f"type.{column.kind}", lang), required, values]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"

"""A notebook as a document: its blocks and texts in order, or one clear reason why it may not be published.

Markdown cells and the markdown of blocks are parsed as one text (mistune's syntax tree), so that footnotes cross
cells; the blocks stand in it as marked paragraphs. Ordinary outputs (tables and pictures of a plain notebook,
printed text) are carried as they are. Code is never shown; a cell tagged `note` is for the analyst only.

Gates refuse what a reader should not get: warnings or errors in an output, a figure without words for those who
cannot see it, a heading level that is skipped (WCAG 2.2, technique H42), a missing title, a character that no font
of the report has. Each names the notebook, the cell (counted from the top) and the remedy.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mistune
from nbformat import NotebookNode

from ..blocks import Block, Cards, Figure, Heading, Ledger, Meta, Prose, Table, from_bundle, to_json
from ..errors import FpError, PublishError
from ..typeface import uncovered

__all__ = ["Document", "Output", "Part", "Passage", "Tokens", "plain_text", "read_document"]

Tokens = Sequence[Mapping[str, Any]]

SKIPPED = {"note"}
PARAMETERS = {"parameters", "injected-parameters"}
PICTURES = ("image/svg+xml", "image/png", "image/jpeg", "image/gif")
TEXTUAL = ("text/markdown", "text/html", "text/plain")
MARK = "\ue000"
MARKED = re.compile(f"{MARK}(\\d+){MARK}")
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
COMMENT = re.compile(r"\s*(<!--.*?-->|<br\s*/?>)?\s*", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class Passage:
    """Running text between headings and blocks, as mistune's tokens."""

    tokens: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Output:
    """An ordinary output: `kind` is its MIME type, `content` text or base64, `alt` what a picture shows."""

    kind: str
    content: str
    alt: str = ""


@dataclass(frozen=True)
class Part:
    """One part of the document and the cell it comes from."""

    content: Heading | Cards | Table | Figure | Passage | Output
    cell: int


@dataclass(frozen=True)
class Document:
    """A report ready to be rendered: cover, parts in order, footnotes in the order of their first mention.

    Every table and figure has an id; `numbers` gives ("table" or "figure", its number) by id. `ledger` carries the
    facts, for machines and for the comparison of numbers; no page shows it.
    """

    meta: Meta
    parts: tuple[Part, ...]
    footnotes: tuple[Mapping[str, Any], ...]
    numbers: Mapping[str, tuple[str, int]]
    ledger: Ledger | None = None

    @property
    def headings(self) -> tuple[Heading, ...]:
        """Return the headings in order."""
        return tuple(part.content for part in self.parts if isinstance(part.content, Heading))


@dataclass(frozen=True)
class _Item:
    """What a cell gives: markdown, a block or an ordinary output."""

    content: str | Block | Output
    cell: int


Refuse = Callable[[int, str, str], PublishError]


def read_document(notebook: NotebookNode, *, name: str, fonts: Mapping[str, Path], lang: str = "") -> Document:
    """Return the document of an executed notebook (nbformat 4).

    `name` is said in errors; `fonts` are the font files of the report (`typeface.font_files`). A notebook without
    `meta(...)` is titled by its first level-1 heading, in `lang` or, when that is empty, the language of the title.
    Raises PublishError for the first gate that does not open.
    """

    def refuse(cell: int, what: str, remedy: str) -> PublishError:
        where = f", cell {cell}" if cell else ""
        return PublishError(f"notebook {name}{where}: {what}; {remedy}")

    items = [item for number, cell in enumerate(notebook.cells, start=1) for item in _items(cell, number, refuse)]
    metas = [item for item in items if isinstance(item.content, Meta)]
    if len(metas) > 1:
        raise refuse(metas[1].cell, "a second meta(...)", "a report has one cover")
    ledgers = [item for item in items if isinstance(item.content, Ledger)]
    if len(ledgers) > 1:
        raise refuse(ledgers[1].cell, "a second ledger(...)", "a report has its facts once")
    parts, footnotes = _parts([item for item in items if not isinstance(item.content, (Meta, Ledger))], refuse)
    meta, parts = _titled(metas[0].content if metas else None, parts, lang, name, refuse)
    parts, numbers = _numbered(parts, refuse)
    _check_levels(parts, refuse)
    _check_alternatives(parts, refuse)
    _check_characters(meta, parts, footnotes, fonts, refuse)
    return Document(meta, tuple(parts), tuple(footnotes), numbers, ledgers[0].content if ledgers else None)  # type: ignore[arg-type]


def plain_text(tokens: Tokens) -> str:
    """Return the words of mistune's tokens, without their form."""
    return "".join(t.get("raw", "") if "children" not in t else plain_text(t["children"]) for t in tokens)


def _items(cell: NotebookNode, number: int, refuse: Refuse) -> Iterator[_Item]:
    tags = set(cell.metadata.get("tags", ()))
    outputs = cell.get("outputs", ())
    for output in outputs:
        _check_output(output, number, refuse)
    if tags & SKIPPED or (cell.cell_type == "code" and tags & PARAMETERS):
        return
    if cell.cell_type == "markdown":
        yield _Item(_with_attachments(cell, number, refuse), number)
    for output in outputs:
        found = _output(output, number, refuse)
        if found is not None and not _is_empty(found):
            yield _Item(found.markdown if isinstance(found, Prose) else found, number)


def _is_empty(found: Block | Output) -> bool:
    """Return whether there is nothing to show: a table without rows, a figure of such a table, no text, no cards."""
    if isinstance(found, Figure):
        return found.data is not None and not found.data.values
    if isinstance(found, Cards):
        return not found.facts
    return isinstance(found, Table) and not found.values


def _check_output(output: NotebookNode, number: int, refuse: Refuse) -> None:
    if output.output_type == "error":
        raise refuse(number, f"it failed with {output.ename}: {output.evalue}", "mend it and run the notebook again")
    if output.output_type == "stream" and output.name == "stderr" and output.text.strip():
        first = ANSI.sub("", output.text).strip().splitlines()[0]
        raise refuse(number, f"it wrote a warning: {first}", "mend its cause and run the notebook again")


def _output(output: NotebookNode, number: int, refuse: Refuse) -> Block | Output | str | None:
    if output.output_type == "stream":
        printed = ANSI.sub("", output.text).rstrip()
        return Output("text/plain", printed) if output.name == "stdout" and printed else None
    try:
        block = from_bundle(output.data)
    except (FpError, TypeError) as error:
        raise refuse(
            number, f"its block cannot be read ({error})", "run the notebook again with this version"
        ) from None
    return block or _ordinary(output)


def _ordinary(output: NotebookNode) -> Output | str | None:
    for kind in PICTURES:
        if kind in output.data:
            alt = output.metadata.get(kind, {}).get("alt", "") or output.metadata.get("alt", "")
            return Output(kind, output.data[kind], alt)
    for kind in TEXTUAL:
        if kind in output.data:
            return output.data[kind] if kind == "text/markdown" else Output(kind, ANSI.sub("", output.data[kind]))
    return None


def _with_attachments(cell: NotebookNode, number: int, refuse: Refuse) -> str:
    """Return a cell's markdown with its attached pictures put in as data addresses."""

    def embedded(found: re.Match[str]) -> str:
        bundle = cell.get("attachments", {}).get(found[1])
        if not bundle:
            raise refuse(number, f"the attached picture {found[1]!r} is missing", "paste it into the cell again")
        kind, content = next(iter(bundle.items()))
        return f"(data:{kind};base64,{''.join(content.split())})"

    return re.sub(r"\(attachment:([^)\s]+)\)", embedded, cell.source)


def _parts(items: Sequence[_Item], refuse: Refuse) -> tuple[list[Part], list[Mapping[str, Any]]]:
    """Return the parts in order and the footnotes, from all markdown parsed as one text."""
    woven = "\n\n".join(
        f"{MARK}{n}{MARK}" + (f"\n\n{item.content}" if isinstance(item.content, str) else "")
        for n, item in enumerate(items)
    )
    tokens, footnotes = _parsed(woven)
    parts: list[Part] = []
    seen = -1
    for token in tokens:
        marked = MARKED.fullmatch(plain_text([token]).strip()) if token["type"] == "paragraph" else None
        if marked:
            seen += 1
            if int(marked[1]) != seen:
                break
            content = items[seen].content
            parts += [Part(content, items[seen].cell)] if not isinstance(content, str) else []  # type: ignore[arg-type]
        else:
            _check_markdown([token], items[seen].cell, refuse)
            _add(parts, token, items[seen].cell, refuse)
    if seen != len(items) - 1 or MARK in plain_text(footnotes):
        raise refuse(items[seen].cell, "its markdown swallows what follows", "close its code fence, list or footnote")
    return parts, footnotes


def _parsed(markdown: str) -> tuple[list[dict[str, Any]], list[Mapping[str, Any]]]:
    tokens = _parser()(markdown)
    assert not isinstance(tokens, str)
    notes = [item for token in tokens if token["type"] == "footnotes" for item in token["children"]]
    return [token for token in tokens if token["type"] not in ("footnotes", "blank_line")], notes


@functools.cache
def _parser() -> mistune.Markdown:
    return mistune.create_markdown(renderer=None, plugins=["footnotes", "table", "strikethrough"])


def _add(parts: list[Part], token: Mapping[str, Any], cell: int, refuse: Refuse) -> None:
    """Append a token: a heading as a block, other text to the passage that stands last."""
    if token["type"] == "heading":
        if any(child["type"] == "footnote_ref" for child in token["children"]):
            raise refuse(cell, "a footnote in a heading", "put it into the text below")
        parts.append(Part(Heading(plain_text(token["children"]).strip(), token["attrs"]["level"]), cell))
    elif token["type"] == "block_html":
        return
    elif parts and isinstance(parts[-1].content, Passage) and parts[-1].cell == cell:
        parts[-1] = Part(Passage((*parts[-1].content.tokens, token)), cell)
    else:
        parts.append(Part(Passage((token,)), cell))


def _check_markdown(tokens: Tokens, cell: int, refuse: Refuse) -> None:
    for token in tokens:
        if token["type"] in ("block_html", "inline_html") and not COMMENT.fullmatch(token["raw"]):
            raise refuse(cell, f"HTML in the text: {token['raw'].strip()[:40]}", "write it as markdown")
        if token["type"] == "image":
            if not plain_text(token["children"]).strip():
                raise refuse(cell, "a picture without alt text", "say what it shows: ![what it shows](...)")
            if not token["attrs"]["url"].startswith("data:image/"):
                raise refuse(cell, f"a picture from outside: {token['attrs']['url'][:60]}", "paste it into the cell")
        _check_markdown(token.get("children", ()), cell, refuse)


def _titled(meta: Meta | None, parts: Sequence[Part], lang: str, name: str, refuse: Refuse) -> tuple[Meta, list[Part]]:
    """Return the cover, from the first level-1 heading when there is no meta, and the parts without that heading."""
    titles = [part for part in parts if isinstance(part.content, Heading) and part.content.level == 1]
    if meta is None:
        if not titles:
            raise PublishError(f"notebook {name}: it has no title; show meta(title=...) or begin it with '# Title'")
        first = titles.pop(0)
        parts = [part for part in parts if part is not first]
        title = first.content.text  # type: ignore[union-attr]
        meta = Meta(title, lang or ("zh" if re.search(r"[\u4e00-\u9fff]", title) else "en"))
    if titles:
        raise refuse(titles[0].cell, f"a second title: {titles[0].content.text}", "use '##', or tag the cell 'note'")  # type: ignore[union-attr]
    return meta, list(parts)


def _numbered(parts: Sequence[Part], refuse: Refuse) -> tuple[list[Part], dict[str, tuple[str, int]]]:
    """Return the parts with an id on every table and figure, and the number of each."""
    numbers: dict[str, tuple[str, int]] = {}
    done = []
    for part in parts:
        content = part.content
        if isinstance(content, (Table, Figure)):
            kind = "table" if isinstance(content, Table) else "figure"
            number = 1 + sum(other == kind for other, _ in numbers.values())
            content = replace(content, id=content.id or f"{kind}-{number}")
            if content.id in numbers or not re.fullmatch(r"[A-Za-z][\w.-]*", content.id):
                raise refuse(part.cell, f"the id {content.id!r} stands twice or is no name", "give it another id")
            numbers[content.id] = (kind, number)
        done.append(replace(part, content=content))
    return done, numbers


def _check_levels(parts: Sequence[Part], refuse: Refuse) -> None:
    before = 1
    for part in parts:
        if isinstance(part.content, Heading):
            if part.content.level > before + 1:
                found = f"heading {part.content.text!r} of level {part.content.level} follows level {before}"
                raise refuse(part.cell, found, f"make it level {before + 1}")
            before = part.content.level


def _check_alternatives(parts: Sequence[Part], refuse: Refuse) -> None:
    for part in parts:
        content = part.content
        is_picture = isinstance(content, Figure) or (isinstance(content, Output) and content.kind in PICTURES)
        if is_picture and not content.alt.strip():  # type: ignore[union-attr]
            raise refuse(part.cell, "a figure without alt text", "show it as figure(axes, caption=..., alt=...)")


def _check_characters(
    meta: Meta, parts: Sequence[Part], footnotes: Tokens, fonts: Mapping[str, Path], refuse: Refuse
) -> None:
    cover = Part(Passage(({"raw": _words(meta)},)), 0)
    notes = [Part(Passage((note,)), 0) for note in footnotes]
    shown = [(part, set(_words(part.content))) for part in (cover, *parts, *notes)]
    lacking = uncovered("".join(set().union(*(characters for _, characters in shown))), fonts)
    for part, characters in shown if lacking else ():
        missing = sorted(characters & lacking)
        if missing:
            listed = ", ".join(f"{character} (U+{ord(character):04X})" for character in missing)
            files = ", ".join(sorted({path.name for path in fonts.values()}))
            raise refuse(part.cell, f"no glyph for {listed} in {files}", "use another character or other fonts")


def _words(content: Any) -> str:
    if isinstance(content, Passage):
        return plain_text(content.tokens)
    if isinstance(content, Output):
        return "" if content.kind.startswith("image/") else content.content
    return json.dumps(to_json(content), ensure_ascii=False)

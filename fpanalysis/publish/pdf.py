"""A report as PDF for print and for screen readers: one file that carries its data with it.

Typst sets the page from the document model, handed over as JSON beside the drawings, so that there is nothing to
escape. The file is tagged and holds to PDF/UA-1 (ISO 14289-1) and PDF/A-3a (ISO 19005-3); typst refuses what breaks
them, a missing glyph among it, and a warning counts as a refusal. The Chinese page is the one of official documents
(GB/T 9704-2012): A4, margins 37, 35, 28 and 26 mm, 22 lines of 28 characters of 16 pt, "— 1 —" on the outside.

The widths of table columns are worked out here from the fonts' own advance widths: a table that is too wide is set
smaller, then split with its first column repeated, and goes on a page across when even that takes many parts.
Fonts come from named files only, and the date is that of the data, so equal documents give equal bytes.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
import typst

from ..blocks import Cards, Column, Figure, Heading, Table, csv_text
from ..errors import PublishError
from ..typeface import BUNDLED, FALLBACK, text_width, typst_fonts
from ..wording import text
from .document import Document, Output, Part, Passage, Tokens, plain_text
from .exporter import ReportExporter
from .facts import FactsExporter

__all__ = ["PdfExporter", "extract", "render"]

STANDARDS = ["ua-1", "a-3a"]
NO_DATE = dt.date(1970, 1, 1)
POINTS = 72 / 25.4
TEXT_WIDTH = {"zh": 156 * POINTS, "en": 160 * POINTS}
ACROSS_WIDTH = {"zh": 243 * POINTS, "en": 247 * POINTS}
SIZES = {"zh": (10.5, 9.5, 9.0), "en": (9.5, 9.0, 8.5)}
GAP = 9.0
PARTS = 3
WHOLE = (9.0, 4.5)
"""Widths in letters up to which a text is not broken, and where that would part a table, up to which it then is not."""
TRIES = 3
"""How often a report is set: again where the last row of a table stands alone, with room for a row above it."""
WIDE = r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f“”‘’—…]"
PIECES = re.compile(rf"(?<=[\s/，、；：）])|(?<={WIDE})(?={WIDE})")
SAFE_ADDRESS = re.compile(r"(?:https?:|mailto:)", re.IGNORECASE)
FACTS = "facts.json"
LAST_ROWS = "query(<row>).map(row => (row.value, row.location().page()))"
"""The table and the page of the last two rows of each table (typst; asked afterwards, it costs no new setting)."""
SUFFIX = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg", "image/gif": "gif"}


class PdfExporter(ReportExporter):
    """nbconvert exporter `fp-pdf`: an executed report notebook as a tagged PDF."""

    export_from_notebook = "Report (PDF)"
    output_mimetype = "application/pdf"
    extension = ".pdf"

    def render(self, document: Document, files: Mapping[str, Path]) -> bytes:
        """Return the file, with the facts attached where the document carries any."""
        facts = FactsExporter(config=self.config).render(document, files) if document.ledger else b""
        return render(document, files, {FACTS: facts} if facts else None)


def render(document: Document, files: Mapping[str, Path], attachments: Mapping[str, bytes] | None = None) -> bytes:
    """Return a document as PDF, set in the given font files, with the CSV of every table attached.

    `attachments` are more files to carry, by name. Raises PublishError when typst refuses or warns.
    """
    carried, lowered = {**_data_files(document), **(attachments or {})}, set[str]()
    fonts = typst_fonts(*sorted({path.resolve().parent for path in (*files.values(), FALLBACK)}))
    for _ in range(TRIES):
        made = _Model(document, files, carried, lowered).files()
        alone = _last_rows_alone(document, made, fonts)
        if alone <= lowered:
            break
        lowered |= alone
    return _compiled(document, made, fonts)


def _last_rows_alone(document: Document, made: Mapping[str, bytes], fonts: Any) -> set[str]:
    """Return the ids of the tables whose last row stands alone on a page; no file is written for that."""
    pages: dict[str, list[int]] = {}
    with _refused(document):
        found = json.loads(typst.eval(made, LAST_ROWS, font_paths=fonts))
    for name, page in found:
        pages.setdefault(name, []).append(page)
    return {name for name, found in pages.items() if name and found[-1] != found[-2]}


def _compiled(document: Document, made: Mapping[str, bytes], fonts: Any) -> bytes:
    """Return the file; what has been set to ask for its last rows is not set again."""
    with _refused(document):
        content, warnings = typst.compile_with_warnings(made, font_paths=fonts, format="pdf", pdf_standards=STANDARDS)
    for warning in warnings:
        raise PublishError(_refusal(document, warning.message, getattr(warning, "hints", ())))
    return content


@contextmanager
def _refused(document: Document) -> Iterator[None]:
    """Say in a PublishError what typst refuses."""
    try:
        yield
    except typst.TypstError as error:
        raise PublishError(_refusal(document, error.message, getattr(error, "hints", ()))) from None


def extract(data: bytes) -> list[str]:
    """Return the lines of text of a PDF, page by page as they are drawn: floating figures where they stand."""
    from pypdfium2 import PdfDocument  # needed to check a file, not to make one

    lines: list[str] = []
    with PdfDocument(data) as pages:
        for page in pages:
            words = page.get_textpage()
            lines += [line.strip() for line in words.get_text_range().splitlines() if line.strip()]
            words.close()
            page.close()
    return lines


def _refusal(document: Document, message: str, hints: Iterable[str]) -> str:
    hint = "; ".join(hints) or "change that part of the report, or use other fonts"
    return f"the PDF of {document.meta.title!r} cannot be made: {message}; {hint}"


def _data_files(document: Document) -> dict[str, bytes]:
    """Return each table's and figure's data as CSV, by the name it is attached under."""
    blocks = [part.content for part in document.parts if isinstance(part.content, (Table, Figure))]
    tables = {block.id: block if isinstance(block, Table) else block.data for block in blocks}
    bom = b"\xef\xbb\xbf"  # Excel reads UTF-8 only after it
    return {
        f"{name}.csv": bom + csv_text(table, document.meta.lang).encode() for name, table in tables.items() if table
    }


class _Model:
    """What the template reads: the document as JSON values, and the files that stand beside it."""

    def __init__(
        self, document: Document, fonts: Mapping[str, Path], attached: Mapping[str, bytes], lowered: Iterable[str] = ()
    ) -> None:
        self.document, self.fonts, self.attached, self.lowered = document, fonts, attached, frozenset(lowered)
        self.lang = document.meta.lang
        self.pictures: dict[str, bytes] = {}
        self.mentioned: set[str] = set()

    def files(self) -> dict[str, bytes]:
        """Return the virtual files that typst compiles, the template as its main file."""
        template = resources.files(__package__).joinpath("templates", "report.typ").read_bytes()
        model = json.dumps(self.values(), ensure_ascii=False).encode()
        carried = {f"attached/{name}": content for name, content in self.attached.items()}
        return {"main.typ": template, "model.json": model, **self.pictures, **carried}

    def values(self) -> dict[str, Any]:
        """Return the model."""
        meta = self.document.meta
        named = {"place": meta.place, "period": meta.period, "calendar": meta.calendar, "as_of": meta.as_of}
        last = {"release": meta.release, "inputs": meta.inputs}
        day = _day(meta.as_of)
        return {
            "lang": self.lang,
            "title": meta.title,
            "subtitle": meta.subtitle,
            "office": meta.office,
            "notice": (meta.notice or self._word("page.synthetic")) if meta.synthetic else "",
            "facts": [[self._word(f"page.{key}"), value] for key, value in named.items() if value],
            "colophon": [[self._word(f"page.{key}"), value] for key, value in last.items() if value],
            "date": [day.year, day.month, day.day],
            "keywords": [value for value in (meta.place, meta.period) if value],
            "fonts": _families(self.fonts),
            "contents": self._word("page.contents"),
            "page": self._word("pdf.page", page="{page}", pages="{pages}"),
            "attached": [[name, _kind_of(name), self._described(name)] for name in sorted(self.attached)],
            "attached_words": self._word("pdf.attached", n=len(self.attached)) if self.attached else "",
            "parts": [self._part(part) for part in self.document.parts],
        }  # fmt: skip

    def _word(self, key: str, **values: Any) -> str:
        return text(key, self.lang, **values)

    def _described(self, name: str) -> str:
        kind, number = self.document.numbers.get(name.removesuffix(".csv"), ("", 0))
        return self._word("pdf.data", name=self._word(f"{kind}.number", n=number)) if kind else name

    def _part(self, part: Part) -> dict[str, Any]:
        content = part.content
        if isinstance(content, Heading):
            return {"kind": "heading", "text": content.text, "level": content.level - 1}
        if isinstance(content, Cards):
            facts = [[fact.label, fact.value, fact.change, fact.reference] for fact in content.facts]
            return {"kind": "cards", "facts": facts}
        if isinstance(content, Table):
            return self._numbered(content, self._table(content))
        if isinstance(content, Figure):
            drawn = {"kind": "figure", "file": self._picture("image/svg+xml", content.svg), "alt": content.alt}
            return self._numbered(content, drawn)
        if isinstance(content, Passage):
            return {"kind": "text", "blocks": self._blocks(content.tokens)}
        return self._output(content)

    def _numbered(self, block: Table | Figure, drawn: dict[str, Any]) -> dict[str, Any]:
        """Return a table or figure with its number, its name and what stands below it."""
        kind, number = self.document.numbers[block.id]
        below = [*block.notes, *([self._word("table.source", source=block.source)] if block.source else [])]
        name = self._word(f"{kind}.number", n=number)
        drawn["lower"] = block.id in self.lowered
        return drawn | {"id": block.id, "name": name, "caption": block.caption, "below": below}

    def _table(self, table: Table) -> dict[str, Any]:
        """Return a table as the parts it is split into, each with its columns' widths, heads and rows."""
        size, across, parts = layout(table, self.lang, self.fonts)
        return {
            "kind": "table",
            "size": size,
            "across": across,
            "unit": self._word("table.unit", unit=table.unit) if table.unit else "",
            "total": table.total,
            "parts": [_cut(table, columns, widths) | {"low": _low(table, columns, widths, size, self.fonts)}
                      for columns, widths in parts],
        }  # fmt: skip

    def _picture(self, kind: str, content: str) -> str:
        """Return the name of a picture that is put beside the model."""
        name = f"pictures/{len(self.pictures) + 1}.{SUFFIX[kind]}"
        is_text = kind == "image/svg+xml" and "<svg" in content
        self.pictures[name] = content[content.index("<svg") :].encode() if is_text else base64.b64decode(content)
        return name

    def _output(self, output: Output) -> dict[str, Any]:
        if output.kind.startswith("image/"):
            return {"kind": "picture", "file": self._picture(output.kind, output.content), "alt": output.alt}
        if output.kind == "text/html":
            read = _Rows()
            read.feed(output.content)
            return self._plain_table(read.heads, read.rows) if read.rows else {"kind": "code", "text": read.words}
        return {"kind": "code", "text": output.content}

    def _plain_table(self, heads: Sequence[Sequence[str]], rows: Sequence[Sequence[str]]) -> dict[str, Any]:
        """Return rows of text as a table without number and caption."""
        width = max(len(row) for row in (*heads, *rows))
        names = [" ".join(filter(None, column)) for column in itertools.zip_longest(*heads, fillvalue="")]
        names += [""] * (width - len(names))
        numbers = [all(re.fullmatch(r"[-−\d.,%]*", row[n]) for row in rows if n < len(row)) for n in range(width)]
        columns = tuple(Column(str(n), name, "n2" if numbers[n] else "text") for n, name in enumerate(names))
        filled = tuple((*row, *[""] * (width - len(row))) for row in rows)
        return self._table(Table(columns, filled, filled)) | {"name": "", "caption": "", "below": [], "id": ""}

    def _blocks(self, tokens: Tokens) -> list[dict[str, Any]]:
        """Return the blocks of running text."""
        return [self._block(token) for token in tokens if token["type"] != "blank_line"]

    def _block(self, token: Mapping[str, Any]) -> dict[str, Any]:
        kind = token["type"]
        if kind == "table":
            head, body = token["children"][0], token["children"][1:]
            rows = [
                [plain_text(cell["children"]) for cell in row["children"]] for part in body for row in part["children"]
            ]
            return self._plain_table([[plain_text(cell["children"]) for cell in head["children"]]], rows)
        if kind == "list":
            items = [self._blocks(item["children"]) for item in token["children"]]
            start = token["attrs"].get("start", 1) if token["attrs"].get("ordered") else None
            return {"kind": kind, "start": start, "items": items}
        if kind == "block_quote":
            return {"kind": "quote", "blocks": self._blocks(token["children"])}
        if kind in ("block_code", "thematic_break"):
            return {"kind": "code", "text": token["raw"]} if kind == "block_code" else {"kind": "rule"}
        return {"kind": "paragraph", "inside": self._inline(token.get("children", ()))}

    def _inline(self, tokens: Tokens) -> list[Any]:
        """Return running words: strings, and mappings for what is more than words."""
        return [node for n in range(len(tokens)) for node in self._node(tokens, n)]

    def _node(self, tokens: Tokens, n: int) -> list[Any]:
        token = tokens[n]
        kind = token["type"]
        if kind == "softbreak":
            closed = re.search(f"{WIDE}$", plain_text(tokens[:n])) and re.match(WIDE, plain_text(tokens[n + 1 :]))
            return [] if closed else [" "]
        if kind in ("text", "codespan"):
            return [token["raw"]] if kind == "text" else [{"kind": "codespan", "text": token["raw"]}]
        if kind == "footnote_ref":
            return [self._footnote(token)]
        if kind == "image":
            found = re.match(r"data:(image/[a-z+]+);base64,(.*)", token["attrs"]["url"], re.DOTALL)
            name = self._picture(found[1], found[2]) if found and found[1] in SUFFIX else ""
            return [{"kind": "picture", "file": name, "alt": plain_text(token["children"])}] if name else []
        inside = self._inline(token.get("children", ()))
        if kind == "link":
            return self._link(token["attrs"]["url"], inside)
        return [{"kind": kind, "inside": inside}] if kind in INLINE else inside

    def _link(self, address: str, inside: list[Any]) -> list[Any]:
        target = address.removeprefix("#")
        if target in self.document.numbers:
            kind, number = self.document.numbers[target]
            return [{"kind": "reference", "to": target, "inside": inside or [self._word(f"{kind}.number", n=number)]}]
        return (
            [{"kind": "link", "to": address, "inside": inside or [address]}] if SAFE_ADDRESS.match(address) else inside
        )

    def _footnote(self, token: Mapping[str, Any]) -> dict[str, Any]:
        key = token["raw"]
        if key in self.mentioned:
            return {"kind": "again", "key": key}
        self.mentioned.add(key)
        note = next(n for n in self.document.footnotes if n["attrs"]["key"] == key)
        return {"kind": "footnote", "key": key, "blocks": self._blocks(note["children"])}


INLINE = {"strong", "emphasis", "strikethrough", "linebreak"}
"""Tokens that the template sets in a manner of their own."""


def layout(
    table: Table, lang: str, fonts: Mapping[str, Path]
) -> tuple[float, bool, list[tuple[list[int], list[float]]]]:
    """Return the size of a table's letters, whether its page lies across, and the parts it is split into.

    A part is the numbers of its columns (the first column stands in each) and their widths in points.
    """
    for whole, size in itertools.product(WHOLE, SIZES[lang]):  # rather break a short text than part a table
        parts = _parts(table, size, TEXT_WIDTH[lang], fonts, whole)
        if len(parts) == 1:
            return size, False, parts
    across = _parts(table, size, ACROSS_WIDTH[lang], fonts, whole)
    turned = len(parts) > PARTS or (len(parts) == PARTS and len(across) == 1)
    return (size, True, across) if turned else (size, False, parts)


def _parts(
    table: Table, size: float, width: float, fonts: Mapping[str, Path], whole: float
) -> list[tuple[list[int], list[float]]]:
    """Return the fewest parts that are no wider than `width`, filled from the left."""
    needs = [_need(table, n, size, fonts, whole) for n in range(len(table.columns))]
    parts: list[list[int]] = [[0]]
    for n in range(1, len(needs)):
        if len(parts[-1]) > 1 and sum(needs[m][0] for m in [*parts[-1], n]) > width:
            parts.append([0])
        parts[-1].append(n)
    return [(part, _spread([needs[n] for n in part], width)) for part in parts]


def _need(table: Table, n: int, size: float, fonts: Mapping[str, Path], whole: float) -> tuple[float, float, float]:
    """Return the least width of a column, in which no number, word or text of up to `whole` letters' widths breaks, and
    those that keep each cell, then the head too, on one line."""
    column = table.columns[n]
    head = " ".join(filter(None, (column.label, table.head_unit(column))))
    cells = {row[n] for row in table.texts} or {""}
    body = max(text_width(cell, fonts["regular"]) for cell in cells)
    if table.total and table.texts:  # the last row is set in bold
        body = max(body, text_width(table.texts[-1][n], fonts["bold"]))
    named = text_width(head, fonts["bold"])
    least = max(*(text_width(piece, fonts["bold"]) for piece in PIECES.split(head)), min(named, 3.0))
    if column.is_text:
        words = max(text_width(piece, fonts["regular"]) for cell in cells for piece in PIECES.split(cell))
        least = max(least, words, min(body, whole))
    else:
        least = max(least, body)
    cells_whole, head_whole = max(least, body), max(least, body, named)
    return least * size + GAP, cells_whole * size + GAP, head_whole * size + GAP


def _spread(needs: Sequence[tuple[float, float, float]], width: float) -> list[float]:
    """Return widths that fill `width`: the least of each, then what cells want, what heads want, then equal shares."""
    widths = [least for least, _, _ in needs]
    if sum(widths) > width:
        return [round(least * width / sum(widths), 3) for least in widths]
    for stage in (1, 2):
        wants = [need[stage] - now for need, now in zip(needs, widths, strict=True)]
        share = min(1.0, (width - sum(widths)) / sum(wants)) if sum(wants) else 0.0
        widths = [now + share * want for now, want in zip(widths, wants, strict=True)]
    rest = (width - sum(widths)) / len(widths)
    return [round(now + rest, 3) for now in widths]


def _cut(table: Table, columns: Sequence[int], widths: Sequence[float]) -> dict[str, Any]:
    """Return some columns of a table as the template takes them; a head is (words, unit, columns, rows, is text)."""
    groups = [name for name, span, _ in table.groups for _ in range(span)]
    units = [unit for _, span, unit in table.groups for _ in range(span)]
    lower = [
        [table.columns[n].label, table.head_unit(table.columns[n]), 1, 1, table.columns[n].is_text] for n in columns
    ]
    heads = [lower]
    if any(groups[n] for n in columns if groups):
        upper: list[list[Any]] = []
        for (name, _), run in itertools.groupby(columns, lambda n: (groups[n], n if not groups[n] else -1)):
            members = list(run)
            alone = lower[columns.index(members[0])]
            unit = units[members[0]] if name and not table.unit else ""
            upper.append([name, unit, len(members), 1, False] if name else [*alone[:3], 2, alone[4]])
        heads = [upper, [head for n, head in zip(columns, lower, strict=True) if groups[n]]]
    return {
        "widths": list(widths),
        "words": [table.columns[n].is_text for n in columns],
        "heads": heads,
        "rows": [[row[n] for n in columns] for row in table.texts],
    }


def _low(
    table: Table, columns: Sequence[int], widths: Sequence[float], size: float, fonts: Mapping[str, Path]
) -> list[bool]:
    """Return which rows surely take one line, so that typst need not set them once more to learn their height.

    Only in the fonts of the package is a line as wide as its characters: others move pairs of them (kerning).
    """
    last = len(table.texts) - 1

    def is_low(words: str, width: float, weight: str) -> bool:
        is_plain = words.isprintable() and not words.endswith("]")  # no line end, no raised mark
        font = fonts[weight]
        return is_plain and font.parent == BUNDLED and text_width(words, font) * size < width - GAP + 0.01

    rows = [("bold" if table.total and n == last else "regular", [row[column] for column in columns])
            for n, row in enumerate(table.texts)]  # fmt: skip
    return [any(row) and all(is_low(words, width, weight) for words, width in zip(row, widths, strict=True))
            for weight, row in rows]  # fmt: skip


def _day(words: str) -> dt.date:
    """Return the day that the cover names (2018-07-18, 18 July 2018 or the Chinese form), NO_DATE when none is."""
    found = re.search(r"(\d{4})\D(\d{1,2})\D(\d{1,2})", words)
    if found:
        return dt.date(*map(int, found.groups()))
    named = re.search(r"\d{1,2} [A-Z][a-z]+ \d{4}", words)
    return pd.Timestamp(named[0]).date() if named else NO_DATE


def _kind_of(name: str) -> str:
    return {"csv": "text/csv", "json": "application/json"}.get(name.rpartition(".")[2], "application/octet-stream")


def _families(files: Mapping[str, Path]) -> dict[str, list[Any]]:
    """Return family and weight of each role's font, by which typst knows it."""
    return {role: [*_family(path.resolve())] for role, path in files.items()}


@functools.cache
def _family(path: Path) -> tuple[str, int]:
    for font in typst_fonts(path.parent).fonts():
        if Path(font.path).resolve() == path and font.index == 0:
            return font.family, font.weight
    raise PublishError(f"{path.name}: typst cannot read this font; use another one")


class _Rows(HTMLParser):
    """Read the tables of an ordinary output: heads and rows of text; `words` is all of it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.heads: list[list[str]] = []
        self.rows: list[list[str]] = []
        self.words = ""
        self.in_head = self.in_cell = False
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden += tag in ("style", "script")
        self.in_head = tag == "thead" or (self.in_head and tag != "tbody")
        if tag == "tr":
            (self.heads if self.in_head else self.rows).append([])
        if tag in ("td", "th") and (self.heads or self.rows):
            span = next((int(value) for name, value in attrs if name == "colspan" and (value or "").isdigit()), 1)
            (self.heads if self.in_head else self.rows)[-1].extend([""] * span)
            self.in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in ("style", "script")
        self.in_cell = self.in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.hidden:
            return
        self.words += data
        if self.in_cell:
            (self.heads if self.in_head else self.rows)[-1][-1] += " ".join(data.split())

"""A report as a Word file in the form of official documents (GB/T 9704-2012), for the analyst to edit.

Native parts throughout: heading styles, captions that count themselves, footnotes, repeated table heads, pictures
with alt text, links to tables and figures, so that a screen reader, a table of contents and an editor find what they
expect. The XML is written straight from the document model (`word_page`, `word_text`, `word_table`), which takes a
fraction of what calls per cell take. The text as published is stored inside the file, so that what was changed by hand
can be listed later from the file alone (`word_changes`). Equal notebooks give equal bytes.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from itertools import groupby
from pathlib import Path
from typing import Any

from ..blocks import Cards, Figure, Heading, Meta, Table
from ..typeface import BUNDLED, text_width, typst_fonts
from ..wording import text
from .document import Document, Output, Part, Passage
from .exporter import ReportExporter
from .word_changes import read_units, stored_text
from .word_page import DOCUMENT_PARTS, PORTRAIT, Relations, package, parts, section, with_original
from .word_table import Cell, Fit, Grid, tables_xml
from .word_text import (
    TALLEST,
    Drawing,
    Raster,
    Writing,
    blocks_xml,
    drawn,
    paragraph,
    picture_size,
    picture_xml,
    run,
    svg_xml,
)

__all__ = ["DocxExporter", "extract", "render"]

DPI = 200
TITLE = 22.0
SHORT = 8
"""Rows of a figure's data that stand below it; longer data are left to the spreadsheet annex."""

DRAWINGS = """#set page(width: auto, height: auto, margin: 0pt)
#let given = json(bytes(sys.inputs.drawings))
#for (svg, width) in given { page(image(bytes(svg), format: "svg", width: width * 1pt)) }"""


class DocxExporter(ReportExporter):
    """nbconvert exporter `fp-docx`: an executed report notebook as a Word file in official format."""

    export_from_notebook = "Report (Word)"
    output_mimetype = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    extension = ".docx"

    def render(self, document: Document, files: Mapping[str, Path]) -> bytes:
        """Return the Word file."""
        return render(document, fonts=files)


@dataclass(frozen=True)
class _Piece:
    """A piece of the body: its XML, whether it needs a turned page, whether it must stay with what follows."""

    xml: str
    landscape: bool = False
    leads: bool = False


def render(document: Document, *, fonts: Mapping[str, Path]) -> bytes:
    """Return a document as a Word file; `fonts` are the font files by weight that words are measured with."""
    meta = document.meta
    relations = Relations([(kind, target) for kind, target in DOCUMENT_PARTS])
    writing = Writing(
        lang=meta.lang,
        numbers=document.numbers,
        relations=relations,
        measure=functools.cache(lambda words: text_width(words, fonts["regular"])),
        raster=_rasterized_at_once(document, PORTRAIT / 20),
        width=PORTRAIT / 20,
    )
    pieces = [_Piece(_cover(meta, writing)), *(_part(part, document, writing) for part in document.parts)]
    body = _sections(pieces)
    in_note = replace(writing, relations=Relations(), in_note=True)
    notes = "".join(_footnote(note, in_note) for note in document.footnotes)
    made = parts(
        meta, body=body, notes=notes, relations=relations, note_relations=in_note.relations, lists=writing.lists
    )
    stored = stored_text(read_units(made))
    marks = {
        "lang": meta.lang,
        "release": meta.release,
        "inputs": meta.inputs,
        "text": hashlib.sha256(stored.encode()).hexdigest(),
    }
    return package(with_original(made, stored, {f"fpanalysis.{name}": mark for name, mark in marks.items() if mark}))


def extract(data: bytes) -> list[str]:
    """Return the texts of all paragraphs and cells of a Word file in order, footnotes last."""
    return [unit.text for unit in read_units(data) if unit.kind != "picture"]


def _rasterized_at_once(document: Document, width: float) -> Raster:
    """Return what turns drawings into pixels: all figures of a document at the first, since each start costs."""

    @functools.cache
    def figures() -> dict[Drawing, bytes]:
        drawings = [drawn(part.content.svg, width) for part in document.parts if isinstance(part.content, Figure)]
        return dict(zip(drawings, _rasterized(drawings), strict=True))

    def raster(drawing: Drawing) -> bytes:
        return figures()[drawing] if drawing in figures() else _rasterized([drawing])[0]

    return raster


def _rasterized(drawings: Sequence[Drawing], *, dpi: int = DPI) -> list[bytes]:
    """Return drawings (SVG, width in points) as PNG, in the bundled font: the same on every machine."""
    import typst  # carries a whole typesetter, and only figures need it

    if not drawings:
        return []
    given = json.dumps([[svg, width] for svg, width in drawings])
    made = typst.compile(
        DRAWINGS.encode(), format="png", ppi=dpi, font_paths=typst_fonts(BUNDLED), sys_inputs={"drawings": given}
    )
    return made if isinstance(made, list) else [made]


def _sections(pieces: Sequence[_Piece]) -> str:
    """Return the body: pieces on upright or turned pages, a heading on the page of what it heads."""
    turned = [piece.landscape for piece in pieces]
    for n in range(len(pieces) - 2, -1, -1):
        turned[n] = turned[n] or (pieces[n].leads and turned[n + 1])
    runs = [(landscape, [piece for _, piece in run]) for landscape, run in
            groupby(zip(turned, pieces, strict=True), key=lambda pair: pair[0])]  # fmt: skip
    made = []
    for n, (landscape, run_) in enumerate(runs):
        made.append("".join(piece.xml for piece in run_))
        ends = section(landscape=landscape)
        made.append(ends if n == len(runs) - 1 else paragraph("", "Break", ends))
    return "".join(made)


def _cover(meta: Meta, writing: Writing) -> str:
    """Return the title block: office, title, what and up to when, and the notice that data are synthetic."""
    lang = meta.lang
    when = [line for line in (meta.calendar or meta.period, meta.as_of) if line]
    lines = [
        ("Cover", meta.office),
        ("Title", _title_lines(meta, writing)),
        ("Cover", meta.subtitle),
        *(("CoverNote", line) for line in when),
        ("Notice", (meta.notice or text("page.synthetic", lang)) if meta.synthetic else ""),
    ]
    return "".join(paragraph(run(words, lang), style) for style, words in lines if words)


def _title_lines(meta: Meta, writing: Writing) -> str:
    """Return the title, broken where its sense lets it when it is too long for one line (GB/T 9704-2012, 7.3.1)."""
    title = meta.title
    if writing.measure(title) * TITLE <= writing.width:
        return title
    ends = [at for at in range(1, len(title)) if _breaks(title, at)] or [len(title)]
    sense = [title.find(words) + len(words) for words in (meta.period, meta.place) if words and words in title]
    halves = [at for at in sense if 0 < at < len(title) and writing.measure(title[:at]) > 0.3 * writing.measure(title)]
    at = halves[0] if halves else min(ends, key=lambda n: abs(writing.measure(title[:n]) - writing.measure(title[n:])))
    return f"{title[:at].rstrip()}\n{title[at:].lstrip()}"


def _breaks(title: str, at: int) -> bool:
    """Return whether a line may end before a character: at a space, and between two Chinese characters."""
    return " " in title[at - 1 : at + 1] or all(unicodedata.east_asian_width(c) == "W" for c in title[at - 1 : at + 1])


def _part(part: Part, document: Document, writing: Writing) -> _Piece:
    content = part.content
    if isinstance(content, Heading):
        return _Piece(paragraph(run(content.text, writing.lang), f"Heading{content.level - 1}"), leads=True)
    if isinstance(content, Passage):
        return _Piece(blocks_xml(content.tokens, writing))
    if isinstance(content, Cards):
        return _cards(content, writing)
    if isinstance(content, Table):
        return _table(content, document.numbers[content.id], writing)
    if isinstance(content, Figure):
        return _figure(content, document.numbers[content.id], writing)
    return _output(content, writing)


def _cards(cards: Cards, writing: Writing) -> _Piece:
    """Return headline figures as a table: a column each for name, figure, change and reference that any of them has."""
    names = [n for n in ("label", "value", "change", "reference") if any(getattr(fact, n) for fact in cards.facts)]
    heads = tuple(Cell(text(f"word.card.{name}", writing.lang)) for name in names)
    rows = tuple(tuple(Cell(getattr(fact, name)) for name in names) for fact in cards.facts)
    strong = tuple(name == "value" for name in names)
    grid = Grid((heads,), rows, tuple(False for _ in names), strong=strong)
    name = text("page.headline", writing.lang)
    title = paragraph(run(name, writing.lang), "Caption", "<w:keepNext/>")
    return _Piece(title + _tables(grid, writing, title=name)[0])


def _tables(grid: Grid, writing: Writing, *, title: str, number: str = "", notes: str = "") -> tuple[str, Fit]:
    """Return a grid as one table or several, with the notes below it; `number` names the table where it goes on."""
    made, fit = tables_xml(grid, measure=writing.measure, title=title, keep_next=bool(notes))
    words = text("word.continued", writing.lang, name=number) if number else ""
    between = paragraph(run(words, writing.lang), "Caption", "<w:keepNext/>") if number else _gap()
    return between.join(made) + (notes or _gap()), fit


def _gap() -> str:
    """Return the small empty paragraph that keeps a table apart from what follows."""
    return paragraph("", "TableNote")


def _table(table: Table, number: tuple[str, int], writing: Writing) -> _Piece:
    below = [*table.notes, table.source and text("table.source", writing.lang, source=table.source)]
    name = _name(number, writing.lang)
    title = f"{name} {table.caption}".strip()
    xml, fit = _tables(_grid(table), writing, title=title, number=name, notes=_notes(below, writing))
    unit = text("table.unit", writing.lang, unit=table.unit) if table.unit else ""
    caption = _caption(number, table.caption, writing, keep=True, unit=unit, fit=fit)
    return _Piece(caption + xml, fit.landscape)


def _grid(table: Table) -> Grid:
    """Return a block's cells: groups above the heads, over a head without a group an empty cell.

    Not one merged downwards: LibreOffice cuts such a cell off where the head is repeated on the next page.
    """
    right = tuple(not column.is_text for column in table.columns)
    words = [f"{c.label} ({unit})" if (unit := table.head_unit(c)) else c.label for c in table.columns]
    rows = tuple(tuple(map(Cell, row)) for row in table.texts)
    if not table.groups:
        return Grid((tuple(map(Cell, words)),), rows, right, table.total)
    over: list[Cell] = []
    under: list[Cell] = []
    for name, span, unit in table.groups:
        mine = words[len(under) : len(under) + span]
        if name:
            over.append(Cell(f"{name} ({unit})" if unit and not table.unit else name, span))
            under += map(Cell, mine)
        else:
            over.append(Cell(""))
            under.append(Cell(mine[0]))
    return Grid((tuple(over), tuple(under)), rows, right, table.total)


def _name(number: tuple[str, int], lang: str) -> str:
    return text(f"{number[0]}.number", lang, n=number[1])


def _caption(
    number: tuple[str, int], words: str, writing: Writing, *, keep: bool, unit: str = "", fit: Fit | None = None
) -> str:
    """Return a caption whose number counts itself (SEQ) and is a bookmark; a unit stands at its right end."""
    kind, n = number
    mark = next(writing.ids)
    before, _, after = text(f"{kind}.number", writing.lang, n="\0").partition("\0")
    counted = f'<w:fldSimple w:instr=" SEQ {kind.title()} \\* ARABIC "><w:r><w:t>{n}</w:t></w:r></w:fldSimple>'
    named = run(before, writing.lang) + counted + run(after, writing.lang)
    marked = f'<w:bookmarkStart w:id="{mark}" w:name="{kind}_{n}"/>{named}<w:bookmarkEnd w:id="{mark}"/>'
    said = text("word.caption", writing.lang, name="", caption=words) if words else ""
    column = sum(fit.widths) if fit else PORTRAIT
    is_wide = 240 * writing.measure(f"{_name(number, writing.lang)}{said}    {unit}") * 1.06 > column
    tab = f'<w:tabs><w:tab w:val="right" w:pos="{column}"/></w:tabs>' if unit and not is_wide else ""
    properties = ("<w:keepNext/>" if keep else "") + tab
    if unit and is_wide:
        below = paragraph(run(unit, writing.lang), "TableNote", '<w:keepNext/><w:jc w:val="right"/>')
        return paragraph(marked + run(said, writing.lang), "Caption", properties) + below
    return paragraph(marked + run(said + (f"\t{unit}" if unit else ""), writing.lang), "Caption", properties)


def _notes(lines: Sequence[str], writing: Writing) -> str:
    """Return notes and source below a table or figure, held together."""
    said = [line for line in lines if line]
    return "".join(
        paragraph(run(line, writing.lang), "TableNote", "<w:keepNext/>" if n < len(said) - 1 else "")
        for n, line in enumerate(said)
    )


def _figure(figure: Figure, number: tuple[str, int], writing: Writing) -> _Piece:
    """Return a picture, its caption and notes, and its data when they are short."""
    name, lang = _name(number, writing.lang), writing.lang
    drawn = paragraph(svg_xml(figure.svg, alt=figure.alt, name=name, writing=writing), "Figure")
    short = figure.data is not None and len(figure.data.values) <= SHORT
    elsewhere = text("word.figure.elsewhere", lang) if figure.data is not None and not short else ""
    source = figure.source and text("table.source", lang, source=figure.source)
    lines = [*figure.notes, source, elsewhere]
    caption = _caption(number, figure.caption, writing, keep=any(lines) or short)
    return _Piece(drawn + caption + _notes(lines, writing) + (_data(figure.data, name, writing) if short else ""))  # type: ignore[arg-type]


def _data(table: Table, name: str, writing: Writing) -> str:
    """Return the data behind a figure as a compact table, with its notes."""
    title = text("word.figure.data", writing.lang, name=name)
    return _tables(_grid(table), writing, title=title, notes=_notes(table.notes, writing))[0]


def _output(output: Output, writing: Writing) -> _Piece:
    """Return an ordinary output: a picture, an HTML table as a table, printed text as it was printed."""
    name = text("page.picture", writing.lang)
    if output.kind == "image/svg+xml":
        return _Piece(paragraph(svg_xml(output.content, alt=output.alt, name=name, writing=writing), "Figure"))
    if output.kind.startswith("image/"):
        content = base64.b64decode("".join(output.content.split()))
        size, suffix = picture_size(content, writing.width, TALLEST), output.kind.removeprefix("image/")
        return _Piece(
            paragraph(picture_xml(content, suffix, size=size, alt=output.alt, name=name, writing=writing), "Figure")
        )
    if output.kind == "text/html":
        reader = _Rows()
        reader.feed(output.content)
        reader.close()
        return _html(reader, writing)
    return _Piece(paragraph(run(output.content, writing.lang), "Code"))


def _html(reader: _Rows, writing: Writing) -> _Piece:
    """Return what a page of HTML holds: its words as paragraphs, its tables as tables."""
    name = text("page.table", writing.lang)
    made = [_tables(_html_grid(rows, heads), writing, title=name) for rows, heads in reader.tables if rows]
    said = [paragraph(run(words, writing.lang), "TableText") for words in reader.words]
    return _Piece("".join([*said, *(xml for xml, _ in made)]), any(fit.landscape for _, fit in made))


def _html_grid(rows: Sequence[Sequence[Cell]], heads: int) -> Grid:
    """Return rows as a grid of equal width; a column is one of numbers when all its cells below the heads are."""
    wide = max(sum(cell.span for cell in row) for row in rows)
    filled = [(*row, *[Cell("")] * (wide - sum(cell.span for cell in row))) for row in rows]
    flat = [[cell for cell in row for _ in range(cell.span)] for row in filled[heads:]]
    right = tuple(bool(flat) and all(_is_number(row[n].text) for row in flat) for n in range(wide))
    return Grid(tuple(filled[:heads]), tuple(filled[heads:]), right)


def _is_number(words: str) -> bool:
    return (
        words.strip().lower() in ("", "nan", "-", "–")
        or words.strip().rstrip("%").replace(",", "").replace(".", "", 1).lstrip("+-−").isdigit()
    )


class _Rows(HTMLParser):
    """Read the tables of an ordinary output as rows of cells, and the words outside of them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[tuple[list[list[Cell]], int]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.hanging: dict[int, tuple[int, int]] = {}
        self.cell: dict[str, str] | None = None
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append(([], 0))
            self.hanging = {}
        elif tag == "tr" and self.tables:
            self.tables[-1][0].append([])
            self._hang()
        elif tag in ("td", "th") and self.tables and self.tables[-1][0]:
            self.cell, self.said = {name: value or "" for name, value in attrs}, ""
        elif tag == "br":
            self.said += "\n"
        if tag in ("style", "script", "thead"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self.cell is not None:
            self._add()
        elif tag == "thead" and self.tables:
            self.tables[-1] = (self.tables[-1][0], len(self.tables[-1][0]))
        if tag in self.open:
            self.open.remove(tag)

    def handle_data(self, data: str) -> None:
        if {"style", "script"} & set(self.open):
            return
        if self.cell is not None:
            self.said += data
        elif data.strip():
            self.words.append(" ".join(data.split()))

    def _add(self) -> None:
        assert self.cell is not None
        span, down = (int(self.cell.get(name, "1") or 1) for name in ("colspan", "rowspan"))
        row = self.tables[-1][0][-1]
        at = sum(cell.span for cell in row)
        row.append(Cell(" ".join(self.said.split()), span, "restart" if down > 1 else ""))
        if down > 1:
            self.hanging[at] = (span, down - 1)
        self.cell = None
        self._hang()

    def _hang(self) -> None:
        """Continue the cells from above that reach down to where the row now stands."""
        row = self.tables[-1][0][-1]
        while (at := sum(cell.span for cell in row)) in self.hanging and self.hanging[at][1] > 0:
            span, left = self.hanging[at]
            row.append(Cell("", span, "continue"))
            self.hanging[at] = (span, left - 1)


def _footnote(note: Mapping[str, Any], writing: Writing) -> str:
    """Return a footnote: its number, then its text, each paragraph in the style of footnotes."""
    number = note["attrs"]["index"]
    mark = '<w:r><w:rPr><w:rStyle w:val="FootnoteReference"/></w:rPr><w:footnoteRef/></w:r>' + run(" ", writing.lang)
    inside = blocks_xml(note["children"], writing, "FootnoteText") or paragraph("", "FootnoteText")
    head, end, rest = inside.partition("</w:pPr>")
    return f'<w:footnote w:id="{number}">{head}{end}{mark}{rest}</w:footnote>'

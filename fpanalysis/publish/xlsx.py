"""A report's numbers as a workbook: cover, contents, notes, then one table a sheet with its native chart.

It is made for people who work on with the numbers and for programs that read them: numbers are numbers with the
format the report prints them in, text stays text whatever it begins with (OWASP, CSV injection), every table is a
native table with heads that filter, nothing is merged and nothing is a formula. `sheets` says what stands in which
cell and `charts` which chart a figure gets; this module writes them. Prose is not repeated. Properties come from the
report and not from the clock, so that equal notebooks give equal bytes.
"""

from __future__ import annotations

import datetime as dt
import functools
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from zipfile import ZipFile

import pandas as pd

from ..blocks import MISSING, Heading, Meta
from ..figures import BLUE, GREY, INK, ORANGE, RULE
from ..wording import format_value, text
from .charts import Plot, chart_notes, native_chart, plot_of
from .document import Document, Passage, Tokens, plain_text
from .exporter import ReportExporter
from .sheets import INFINITE, Cell, Sheet, data_sheets, figures_without_data

if TYPE_CHECKING:
    from xlsxwriter.chart import Chart
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

__all__ = ["XlsxExporter", "extract", "numbers", "render"]

EPOCH = dt.date(1980, 1, 1)
ZERO = dt.date(1899, 12, 30)
"""The day that a date in a workbook counts from."""
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
SHEET = re.compile(r"xl/worksheets/sheet\d+\.xml")
HOSTILE = ("=", "+", "-", "@", "\t", "\r")
NARROWEST, WIDEST, BUTTON, ONE_LINE = 9, 60, 4, 11
HEAD_LINES = 3
LINE = 15.5
A4 = 9
COVER = (20, 78)
PAGE, DIGIT, EDGES, LEGIBLE = 900, 8, 5, 0.6
PROSE = 0.95
STYLES: Mapping[str, Mapping[str, Any]] = {
    "title": {"bold": True, "font_size": 14, "font_color": INK},
    "report": {"bold": True, "font_size": 20, "font_color": INK},
    "small": {"font_color": GREY, "font_size": 10},
    "notice": {"bold": True, "font_color": ORANGE},
    "name": {"font_color": GREY, "valign": "top"},
    "words": {"font_color": INK, "valign": "top", "text_wrap": True, "align": "left"},
    "link": {"font_color": BLUE, "underline": 1, "valign": "top"},
    "head": {"bold": True, "font_color": INK, "bg_color": "#e3ebf3", "text_wrap": True, "valign": "top", "bottom": 1,
             "bottom_color": BLUE},
    "cell": {"font_color": INK, "valign": "top", "bottom": 1, "bottom_color": RULE},
    "wrapped": {"text_wrap": True},
    "number": {"align": "right"},
    "mark": {"font_color": GREY},
    "beside": {"align": "left", "indent": 1},
    "over": {"align": "right", "indent": 2},
    "total": {"bold": True, "top": 1, "top_color": INK},
    "quoted": {"quote_prefix": True},
}  # fmt: skip
"""How cells look, by name; a cell may have several."""


class XlsxExporter(ReportExporter):
    """nbconvert exporter `fp-xlsx`: the tables and figures of an executed report notebook as a workbook."""

    export_from_notebook = "Report data (Excel)"
    output_mimetype = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    extension = ".xlsx"

    def render(self, document: Document, files: Mapping[str, Path]) -> bytes:
        """Return the workbook; it names its fonts and carries none."""
        return render(document)


def render(document: Document) -> bytes:
    """Return a document's tables and figures as an Excel workbook.

    Raises PublishError for a table that a workbook cannot hold.
    """
    lang = document.meta.lang
    first = [text(f"workbook.{name}", lang) for name in ("cover", "contents", "notes")]
    sheets = data_sheets(document, taken=first)
    with _Book(document.meta) as book:
        _write_cover(book, first[0], document.meta)
        _write_contents(book, first[1], sheets, document)
        _write_notes(book, first[2], sheets, document)
        for sheet in sheets:
            _write_sheet(book, sheet, contents=first[1])
    return book.stream.getvalue()


def extract(data: bytes) -> list[str | float]:
    """Return what every cell of a workbook that `render` made holds, sheet by sheet and row by row: numbers raw, dates
    as ISO text.

    Read from its XML, in a fifth of the time that openpyxl takes, which makes an object of each cell and style.
    """
    with ZipFile(io.BytesIO(data)) as book:
        shared = ["".join(item.itertext()) for item in _xml(book, "xl/sharedStrings.xml")]
        dated = _dated(_xml(book, "xl/styles.xml"))
        sheets = sorted((name for name in book.namelist() if SHEET.fullmatch(name)), key=lambda name: (len(name), name))
        cells = [cell for name in sheets for cell in _xml(book, name).iter(f"{MAIN}c")]
    held = ((cell, cell.findtext(f"{MAIN}v")) for cell in cells)
    return [shared[int(words)] if cell.get("t") == "s" else _plain(float(words), cell.get("s", "0") in dated)
            for cell, words in held if words is not None]  # fmt: skip


def _xml(book: ZipFile, name: str) -> Element:
    return ElementTree.fromstring(book.read(name))


def _dated(styles: Element) -> set[str]:
    """Return the numbers of the styles that show a date: those whose pattern has a year outside of quoted words."""
    patterns = {one.get("numFmtId"): re.sub('"[^"]*"', "", one.get("formatCode", "")) for one in
                styles.iter(f"{MAIN}numFmt")}  # fmt: skip
    looks = styles.findall(f"{MAIN}cellXfs/{MAIN}xf")
    return {str(n) for n, look in enumerate(looks) if "y" in patterns.get(look.get("numFmtId"), "")}


def _plain(number: float, is_date: bool) -> str | float:
    return (ZERO + dt.timedelta(days=int(number))).isoformat() if is_date else number


def numbers(data: bytes) -> set[float]:
    """Return the numbers in the tables of a workbook that `render` made: those of the report, not of its contents."""
    from openpyxl import load_workbook

    found: set[float] = set()
    for sheet in load_workbook(io.BytesIO(data)).worksheets:
        for name, area in sheet.tables.items():
            if name != "contents":
                found |= {float(cell.value) for row in sheet[area] for cell in row
                          if isinstance(cell.value, (int, float))}  # fmt: skip
    return found


class _Book:
    """A workbook in memory, with its styles and page layout; closed when the block that opens it ends."""

    def __init__(self, meta: Meta) -> None:
        from xlsxwriter import Workbook  # a tenth of a second that only this format needs

        self.meta, self.lang = meta, meta.lang
        self.stream = io.BytesIO()
        font = {"font_name": text("workbook.font", self.lang), "font_size": 11}
        kept = {"in_memory": True, "strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False,
                "default_format_properties": font}  # fmt: skip
        self.made = Workbook(self.stream, kept)
        self.made.set_properties(_properties(meta))
        for name in ("release", "inputs"):
            if getattr(meta, name):
                self.made.set_custom_property(name, getattr(meta, name), "text")
        self.styles: dict[tuple[Any, ...], Format] = {}

    def __enter__(self) -> _Book:
        return self

    def __exit__(self, *failed: object) -> None:
        if not any(failed):
            self.made.close()

    def style(self, *names: str, pattern: str = "") -> Format:
        """Return the format with the named styles and number format."""
        key = (*names, pattern)
        if key not in self.styles:
            given = {"num_format": pattern} if pattern else {}
            self.styles[key] = self.made.add_format({k: v for n in names for k, v in STYLES[n].items()} | given)
        return self.styles[key]

    def sheet(self, name: str, title: str = "", *, across: bool = True) -> Worksheet:
        """Return a new sheet for A4, fitted to one page in width, with heads and page numbers."""
        made = self.made.add_worksheet(name)
        made.set_paper(A4)
        made.set_landscape() if across else made.set_portrait()
        made.fit_to_pages(1, 0)
        made.set_margins(left=0.5, right=0.5, top=0.8, bottom=0.7)
        made.hide_gridlines(2)
        made.set_header(f"&L{_on_page(self.meta.title)}&R{_on_page(title or name)}")
        made.set_footer(f"&L{_on_page(self.meta.office)}&C&P / &N")
        return made


def _properties(meta: Meta) -> dict[str, Any]:
    joined = " · ".join(part for part in (meta.place, meta.period) if part)
    return {"title": meta.title, "subject": joined, "author": meta.office, "company": meta.office,
            "comments": _notice(meta), "created": dt.datetime.combine(_as_of(meta), dt.time())}  # fmt: skip


def _notice(meta: Meta) -> str:
    return (meta.notice or text("page.synthetic", meta.lang)) if meta.synthetic else ""


def _as_of(meta: Meta) -> dt.date:
    """Return the day up to which the data reach, as the cover words it; the first day of zip archives without one."""
    years = [int(year) for year in re.findall(r"(?<!\d)\d{4}(?!\d)", meta.as_of) if 1900 < int(year) < 9999]
    worded = {words: day for year in years for words, day in _worded_days(year, meta.lang).items()}
    found = [words for words in worded if words in meta.as_of]
    return worded[max(found, key=len)] if found else EPOCH


@functools.lru_cache(8)
def _worded_days(year: int, lang: str) -> Mapping[str, dt.date]:
    """Return the days of a year by their words in a language and in figures; all places are published for the same."""
    days = [day.date() for day in pd.date_range(f"{year}-01-01", f"{year}-12-31")]
    return {words: day for day in days for words in (format_value(day, "date", lang), day.isoformat())}


def _on_page(words: str) -> str:
    """Return words for a page's header, in which & is a command and 255 characters are the limit."""
    return words[:70].replace("&", "&&")


def _write_cover(book: _Book, name: str, meta: Meta) -> None:
    sheet = book.sheet(name, across=False)
    for column, width in enumerate(COVER):
        sheet.set_column(column, column, width)
    lines = [(meta.title, "report"), (text("workbook.annex", meta.lang), "title"), (meta.subtitle, "title"),
             (_notice(meta), "notice")]  # fmt: skip
    row = 0
    for words, style in lines:
        if words:
            sheet.write_string(row, 0, words, book.style(style))
            row += 1
    for label, words in _cover_facts(meta):
        row += 1
        sheet.write_string(row, 0, label, book.style("name"))
        _write_words(book, sheet, row, words)
    row += 2
    sheet.write_string(row, 0, text("workbook.how", meta.lang), book.style("name"))
    for n in range(1, 6):
        _write_words(book, sheet, row + n - 1, text(f"workbook.how.{n}", meta.lang))


def _write_words(book: _Book, sheet: Worksheet, row: int, words: str) -> None:
    sheet.set_row(row, _height([words], [COVER[1] - 2]))
    sheet.write_string(row, 1, words, book.style("words"))


def _cover_facts(meta: Meta) -> list[tuple[str, str]]:
    keys = ("office", "place", "period", "calendar", "as_of", "release", "inputs")
    named = {key: text("workbook.office" if key == "office" else f"page.{key}", meta.lang) for key in keys}
    return [(named[key], getattr(meta, key)) for key in keys if getattr(meta, key)]


def _write_contents(book: _Book, name: str, sheets: Sequence[Sheet], document: Document) -> None:
    lang = book.lang
    heads = [text(f"workbook.head.{key}", lang) for key in ("number", "title", "kind", "rows", "sheet")]
    rows = [[_words(s.number), _words(s.title or s.number), _words(text(f"workbook.kind.{s.kind}", lang)),
             Cell(len(s.rows), str(len(s.rows)), "0"), _words(s.name)] for s in sheets]  # fmt: skip
    sheet = book.sheet(name)
    sheet.write_string(0, 0, name, book.style("title"))
    widths = _widths(heads, rows)
    _write_table(book, sheet, "contents", 1, heads, rows, widths)
    for row, made in enumerate(sheets, start=2):
        for column, words in ((1, made.title or made.number), (4, made.name)):
            sheet.write_url(row, column, f"internal:'{made.name}'!A1", book.style("cell", "beside", "link"), words)


def _write_notes(book: _Book, name: str, sheets: Sequence[Sheet], document: Document) -> None:
    lang = book.lang
    heads = [text(f"workbook.head.{key}", lang) for key in ("topic", "entry", "meaning")]
    rows = [tuple(map(_words, line)) for line in _explained(sheets, document)]
    sheet = book.sheet(name)
    sheet.write_string(0, 0, name, book.style("title"))
    _write_table(book, sheet, "notes", 1, heads, rows, [*_widths(heads, rows)[:2], 90])


def _explained(sheets: Sequence[Sheet], document: Document) -> list[tuple[str, str, str]]:
    """Return topic, entry and meaning of what a reader of the numbers must know."""
    lang = document.meta.lang
    marks = {"suppressed": text("table.mark", lang), "missing": MISSING,
             "blank": text("workbook.mark.blank_name", lang), "infinite": INFINITE["inf"]}  # fmt: skip
    rows = [("mark", mark, text(f"workbook.mark.{key}", lang)) for key, mark in marks.items()]
    for key in ("preliminary", "revised", "interval", "share"):
        rows.append(("term", text(f"workbook.term.{key}_name", lang), text(f"workbook.term.{key}", lang)))
    rows += [("note", sheet.number, note) for sheet in sheets for note in sheet.notes]
    rows += [("source", sheet.number, sheet.source) for sheet in sheets if sheet.source]
    rows += [("method", str(n), words) for n, words in enumerate(_methods(document), start=1)]
    missing = text("workbook.page_only", lang)
    rows += [("output", number, f"{caption} ({missing})" if caption else missing)
             for number, caption in figures_without_data(document)]  # fmt: skip
    return [(text(f"workbook.topic.{topic}", lang), entry, meaning) for topic, entry, meaning in rows]


def _methods(document: Document) -> list[str]:
    """Return the items of the list under the report's heading "Methods"."""
    heading = text("heading.methods", document.meta.lang)
    under, found = False, []
    for part in document.parts:
        if isinstance(part.content, Heading):
            under = part.content.text == heading
        elif under and isinstance(part.content, Passage):
            found += list(_items(part.content.tokens))
    return found


def _items(tokens: Tokens) -> Iterable[str]:
    for token in tokens:
        if token["type"] == "list_item":
            yield plain_text(token["children"]).strip()
        else:
            yield from _items(token.get("children", ()))


def _write_sheet(book: _Book, sheet: Sheet, *, contents: str) -> None:
    made = book.sheet(sheet.name, sheet.number)
    widths = _widths(sheet.heads, sheet.rows)
    plot = plot_of(sheet, book.lang) if sheet.kind == "figure" else None
    top = _above(sheet, book.meta, max(sum(widths), 80), chart_notes(sheet, plot, book.lang))
    for row, (words, style) in enumerate(top):
        made.write_string(row, 0, words, book.style(style, *(["quoted"] if words.startswith(HOSTILE) else [])))
    made.write_url(len(top), 0, f"internal:'{contents}'!A1", book.style("link"), text("workbook.back", book.lang))
    head_row = len(top) + 1
    name = f"{sheet.kind}_{book.made.worksheets_objs.index(made)}"
    _write_table(book, made, name, head_row, sheet.heads, sheet.rows, widths, has_total=sheet.table.total,
                 title=sheet.title)  # fmt: skip
    if plot:
        chart = native_chart(book.made, sheet, plot, lang=book.lang, head_row=head_row)
        _place(made, chart, _size(plot, len(sheet.rows)), sheet.alt, head_row, widths)


def _place(
    made: Worksheet, chart: Chart, size: tuple[int, int], alt: str, head_row: int, widths: Sequence[float]
) -> None:
    """Put a chart right of the table; on paper on a page of its own where both on one would be too small to read."""
    gap = len(widths)
    made.set_column(gap, gap, 2)
    made.insert_chart(head_row + 1, gap + 1, chart, {"description": alt, "object_position": 3})
    chart.set_size({"width": size[0], "height": size[1]})
    table = sum(DIGIT * width + EDGES for width in widths)
    if PAGE / (table + size[0] + 2 * DIGIT) < LEGIBLE:
        made.fit_page = False
        made.set_print_scale(max(10, min(100, int(100 * PAGE / max(table, size[0])))))
        made.set_v_pagebreaks([gap])


def _above(sheet: Sheet, meta: Meta, width: float, said: Sequence[str]) -> list[tuple[str, str]]:
    """Return the lines above a table with their styles: title, where and when, unit, notes, source, then `said`."""
    lang = meta.lang
    unit = text("table.unit", lang, unit=sheet.table.unit) if sheet.table.unit else ""
    where = " · ".join(part for part in (meta.place, meta.period, unit) if part)
    number = "" if sheet.kind in ("headline", "output") else sheet.number
    title = " ".join(part for part in (number, sheet.title) if part) or sheet.number
    notes = [*sheet.notes, *([text("table.source", lang, source=sheet.source)] if sheet.source else []), *said]
    small = [line for words in (where, *notes) for line in _lines(words, width)]
    return [(title, "title"), *((line, "small") for line in small)]


def _write_table(
    book: _Book,
    sheet: Worksheet,
    name: str,
    head_row: int,
    heads: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    widths: Sequence[float],
    *,
    has_total: bool = False,
    title: str = "",
) -> None:
    """Write a native table with its heads in `head_row`, frozen below the heads and right of the first column."""
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width)
    sides = _sides(rows, len(heads))
    columns = [{"header": head, "header_format": book.style("head", *HEAD_SIDES[side])}
               for head, side in zip(heads, sides, strict=True)]  # fmt: skip
    if has_total and rows:
        columns[0]["total_string"] = rows[-1][0].words
    last = head_row + max(1, len(rows))
    shown = {"name": name, "columns": columns, "style": "Table Style Light 1", "total_row": has_total and len(rows) > 1}
    sheet.add_table(head_row, 0, last, len(heads) - 1, shown | ({"title": title} if title else {}))
    insides = [width - (3 if side == "number" else 1) for width, side in zip(widths, sides, strict=True)]
    sheet.set_row(head_row, _height(heads, insides, BOLDER))
    for number, row in enumerate(rows, start=1):
        style = ("cell", "total") if has_total and number == len(rows) else ("cell",)
        for column, cell in enumerate(row):
            _write_cell(book, sheet, head_row + number, column, cell, (*style, *CELL_SIDES[sides[column]]))
        height = _height([cell.words for cell in row], [width - 1 for width in widths])
        if height > LINE:
            sheet.set_row(head_row + number, height)
    sheet.ignore_errors({"number_stored_as_text": _area(head_row, last, len(heads))})
    sheet.freeze_panes(head_row + 1, 1)
    sheet.repeat_rows(head_row)


def _sides(rows: Sequence[Sequence[Cell]], columns: int) -> list[str]:
    """Return for each column whether it names the rows (stub), holds numbers, or words."""
    return ["stub" if not n else "number" if any(row[n].pattern for row in rows) else "words" for n in range(columns)]


def _height(texts: Sequence[str], widths: Sequence[float], wider: float = PROSE) -> float:
    """Return the height of a row, in points, in which every text finds room."""
    lines = [len(_lines(words, width / wider)) for words, width in zip(texts, widths, strict=True)
             if len(words) * WIDE * wider > width]  # fmt: skip
    return LINE * max([1, *lines])


def _area(first: int, last: int, columns: int) -> str:
    from xlsxwriter.utility import xl_range

    return str(xl_range(first, 0, last, columns - 1))


def _write_cell(book: _Book, sheet: Worksheet, row: int, column: int, cell: Cell, style: tuple[str, ...]) -> None:
    if cell.value is None:
        sheet.write_blank(row, column, None, book.style(*style))
    elif isinstance(cell.value, str):
        style += ("mark",) if cell.pattern else ("wrapped",)
        style += ("quoted",) if cell.value.startswith(HOSTILE) else ()
        sheet.write_string(row, column, cell.value, book.style(*style))
    elif isinstance(cell.value, dt.date):
        sheet.write_datetime(row, column, cell.value, book.style(*style, pattern=cell.pattern))
    else:
        sheet.write_number(row, column, cell.value, book.style(*style, pattern=cell.pattern))


def _words(words: str) -> Cell:
    return Cell(words, words)


def _widths(heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[float]:
    """Return the widths of columns, in digits: wide enough for what they show and for heads of three lines."""
    shown = [max((_span(row[n].words) for row in rows), default=0) for n in range(len(heads))]
    return [min(max(NARROWEST, words + 2, _head_width(head)), WIDEST) for head, words in zip(heads, shown, strict=True)]


def _head_width(head: str) -> float:
    """Return the least width in which a bold head takes HEAD_LINES lines, with room for its button."""
    width = max([min(_span(head), ONE_LINE), *map(_span, PIECES.findall(head))]) * BOLDER
    while len(_lines(head, width / BOLDER)) > HEAD_LINES:
        width += 1
    return width + BUTTON


@functools.lru_cache(4096)
def _span(words: str) -> float:
    """Return how wide words are, in digits of the font; remembered, since the same ones fill many rows."""
    return sum(WIDE if east_asian_width(character) in "WF" else 1 for character in words)


def _lines(words: str, width: float) -> list[str]:
    """Return words in lines of at most a width, broken at spaces and between Chinese characters."""
    lines, used = [""], 0.0
    for piece in PIECES.findall(words):
        if used + _span(piece.rstrip()) > width and used:
            lines.append("")
            used = 0.0
        lines[-1] += piece
        used += _span(piece)
    return [line.strip() for line in lines if line.strip()]


def _size(plot: Plot, rows: int) -> tuple[int, int]:
    """Return width and height of a chart in pixels."""
    if plot.form == "bars":
        return 760, min(max(260, 130 + 24 * (plot.last - plot.first + 1) * len(plot.columns)), 1200)
    return (min(max(640, 38 * rows), 1000) if plot.form == "dots" else 860), 430


WIDE, BOLDER = 2.1, 1.1
HANZI = r"\u2e80-\u9fff\uf900-\uffef"
PIECES = re.compile(rf"[{HANZI}][，。、；：）】》]?|[^\s{HANZI}]+\s*|\s+")
CELL_SIDES = {"stub": (), "words": ("beside",), "number": ("number",)}
HEAD_SIDES = {"stub": (), "words": ("beside",), "number": ("over",)}
"""How the cells and the head of a column stand."""

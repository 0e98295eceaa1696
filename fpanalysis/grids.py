"""Tables as they stand in files (CSV, workbooks, HTML pages named .xls): cells by Excel's row number.

Nothing is interpreted here, and nothing is dropped unseen: quotation marks must come in pairs (a missing one swallows
rows), cells merged over rows are told apart from empty ones, a formula that was never worked out and an error of Excel
reach the reader as what they are. Hidden sheets are not read and are counted; hidden rows are read and counted.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from .errors import DataError, Fault

__all__ = ["GRIDS", "UNCOMPUTED", "Grid", "decode", "is_html", "read_grids"]

ENCODINGS = ("utf-8-sig", "gb18030")
SEPARATORS = ",\t;"
END_OF_DOS = "\x1a"
"""The last character of files from the time of DOS, which banks' programs still write."""
UNCOMPUTED = "=?"
"""What a formula cell holds whose value no program has worked out and saved."""


@dataclass(frozen=True)
class Grid:
    """One table: cells by row number (1 = first line), and what was found besides.

    `merged`: (first row, last row, column index) of cells merged over several rows; the value stands in the first.
    `repairs`: cells by kind of repair that finding the table took. `day_zero`: the day that a date written as 0 is.
    """

    sheet: str
    rows: Sequence[tuple[int, Sequence[Any]]]
    merged: Sequence[tuple[int, int, int]] = ()
    repairs: Mapping[str, int] = field(default_factory=dict)
    day_zero: dt.date = dt.date(1899, 12, 30)


def read_grids(raw: bytes, name: str) -> tuple[list[Grid], dict[str, int]]:
    """Return the tables of a file (at least one), and the repairs that concern the file as a whole.

    `name` is how messages call the file; its ending says how it is read, unless the content is an HTML page.
    Raises DataError when it cannot be opened as what its name says.
    """
    if not raw.removeprefix(b"\xef\xbb\xbf").strip():
        raise DataError([Fault(name, 0, "", "", "a file with content, but it is empty", "export it again")])
    if is_html(raw):
        return _html_grids(raw, name)
    return GRIDS[name[name.rindex(".") :].lower()](raw, name)


def is_html(raw: bytes) -> bool:
    """Return whether a file holds an HTML page with a table, as web systems export under the name .xls."""
    start = raw[:4000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith(b"<") and (b"<html" in start or b"<table" in start) and b"<workbook" not in start


def decode(raw: bytes, name: str) -> str:
    """Return the text of a file: UTF-8 or GB18030 (with or without BOM), or UTF-16 with BOM; strictly."""
    for encoding in ("utf-16",) if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ENCODINGS:
        try:
            return _no_garbage(raw.decode(encoding).removeprefix("\ufeff").removesuffix(END_OF_DOS))
        except ValueError:
            continue
    fix = "in Excel: save as 'CSV UTF-8'; a workbook is named .xlsx"
    raise DataError([Fault(name, 0, "", "", "text in UTF-8 or GB18030", fix)])


def _no_garbage(text: str) -> str:
    """Return the text unless control or private-use characters show that it was decoded wrongly."""
    if re.search("[\x00-\x08\x0e-\x1f\x7f\ue000-\uf8ff\ufffd]", text):
        raise ValueError("not text in this encoding")
    return text


def _csv_grids(raw: bytes, name: str) -> tuple[list[Grid], dict[str, int]]:
    text = decode(raw, name)
    lines = re.split("\r\n|\r|\n", text[:20_000])[:20]
    mark = max(SEPARATORS, key=lambda m: sum(line.count(m) for line in lines))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        rows.extend(enumerate(reader, start=1))
    except csv.Error:
        raise DataError([_open_quote(name, len(rows) + 1)]) from None
    if '"' not in text:
        return [Grid("", rows)], {}
    rows = [(number, [_kept_text(cell) for cell in row]) for number, row in rows]
    usual = Counter(len(row) for _, row in rows).most_common(1)
    width = max(usual[0][0] - 1, 1) if usual else 1
    swallowed = [n for n, row in rows if any(("\n" in c or "\r" in c) and c.count(mark) >= width for c in row)]
    if swallowed:
        raise DataError([_open_quote(name, number) for number in swallowed])
    return [Grid("", rows)], {}


def _kept_text(cell: str) -> str:
    """Return what stands in `="00123"`, the way to make Excel keep a text as it is."""
    return cell[2:-1] if len(cell) > 2 and cell[:2] == '="' and cell[-1] == '"' else cell


def _open_quote(name: str, row: int) -> Fault:
    fix = "a quotation mark in this row has no partner and would swallow the rows below: delete it, or double it"
    return Fault(name, row, "", "", "quotation marks in pairs", fix)


def _xlsx_grids(raw: bytes, name: str) -> tuple[list[Grid], dict[str, int]]:
    """Return the visible sheets that hold anything, and how many hidden ones there are."""
    values, formulas = _books(raw, name)
    hidden = sum(sheet.sheet_state != "visible" for sheet in values.worksheets)
    visible = [s for s in values.worksheets if s.sheet_state == "visible"]
    grids = [_sheet(s, formulas[s.title] if formulas else None, values.epoch.date()) for s in visible]
    filled = [grid for grid in grids if grid.rows]
    if not filled:
        raise DataError([Fault(name, 0, "", "", "a visible sheet with a table", "show the sheet in Excel and save")])
    return filled, {"hidden_sheet": hidden} if hidden else {}


def _books(raw: bytes, name: str) -> tuple[Any, Any]:
    """Return a workbook with its values, and once more with its formulas when it has any."""
    import openpyxl

    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as parts, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl tells of styles and extensions it skips
            sheets = [part for part in parts.namelist() if part.startswith("xl/worksheets/")]
            formulas = any(re.search(rb"<f[ >/]", parts.read(sheet)) for sheet in sheets)
            values = openpyxl.load_workbook(io.BytesIO(raw), data_only=True)
            return values, openpyxl.load_workbook(io.BytesIO(raw)) if formulas else None
    except Exception as error:
        fix = f"open it in Excel and save it again, without a password ({type(error).__name__})"
        raise DataError([Fault(name, 0, "", "", "an Excel workbook (.xlsx)", fix)]) from None


def _sheet(sheet: Any, formulas: Any, day_zero: dt.date) -> Grid:
    """Return the rows of a sheet that hold anything.

    The sheet's own cells are read, not `iter_rows`: formats often reach down to the last row of all, a million below.
    """
    held = {at: cell.value for at, cell in sheet._cells.items() if cell.value is not None}
    formula = {at: UNCOMPUTED for at, cell in formulas._cells.items() if cell.data_type == "f"} if formulas else {}
    width = max((column for _, column in [*held, *formula]), default=0)
    rows: dict[int, list[Any]] = {}
    for (number, column), value in {**formula, **held}.items():
        rows.setdefault(number, [None] * width)[column - 1] = value
    merged = [(m.min_row, m.max_row, m.min_col - 1) for m in sheet.merged_cells.ranges if m.max_row > m.min_row]
    hidden = sum(1 for d in sheet.row_dimensions.values() if d.hidden)
    return Grid(sheet.title, sorted(rows.items()), sorted(merged), {"hidden_row": hidden} if hidden else {}, day_zero)


def _html_grids(raw: bytes, name: str) -> tuple[list[Grid], dict[str, int]]:
    tables = _Tables()
    tables.feed(decode(raw, name))
    tables.close()
    if not tables.found:
        raise DataError([Fault(name, 0, "", "", "a table in the HTML page", "save it in Excel as .xlsx")])
    return [grid for grid in tables.found if grid.rows], {"html_table": 1}


class _Tables(HTMLParser):
    """Every table of an HTML page as a Grid; rows are numbered within their table."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Grid] = []
        self.rows: list[tuple[int, list[str]]] = []
        self.merged: list[tuple[int, int, int]] = []
        self.cell: list[str] | None = None
        self.wide = 1

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.rows, self.merged = [], []
            self.found.append(Grid(f"table {len(self.found) + 1}", self.rows, self.merged))
        elif tag == "tr":
            self._close_cell()
            self.rows.append((len(self.rows) + 1, []))
        elif tag in ("td", "th") and self.rows:
            self._close_cell()
            self._open_cell({key: value or "" for key, value in attrs})
        elif tag == "br" and self.cell is not None:
            self.cell.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr", "table"):
            self._close_cell()

    def handle_data(self, data: str) -> None:
        if self.cell is not None:
            self.cell.append(data)

    def _open_cell(self, attributes: Mapping[str, str]) -> None:
        number, row = self.rows[-1]
        while any(first < number <= last and column == len(row) for first, last, column in self.merged):
            row.append("")
        self.wide, tall = (max(int("0" + re.sub(r"\D", "", attributes.get(a, ""))), 1) for a in ("colspan", "rowspan"))
        if tall > 1:
            self.merged += [(number, number + tall - 1, len(row) + i) for i in range(self.wide)]
        self.cell = []

    def _close_cell(self) -> None:
        if self.cell is not None:
            self.rows[-1][1].extend(["".join(self.cell), *[""] * (self.wide - 1)])
            self.cell = None


GRIDS: Mapping[str, Callable[[bytes, str], tuple[list[Grid], dict[str, int]]]] = {
    ".csv": _csv_grids,
    ".xlsx": _xlsx_grids,
}
"""How a file is opened, by the ending of its name; a new one is one function and its entry here."""

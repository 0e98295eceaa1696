"""The follow-up workbook: differences person by person, for the office to fill in and hand back. INTERNAL.

One sheet a class, one real table a sheet, so that it can be filtered by township and sorted; statuses are chosen from a
list. Persons stand under a short pseudonym and by where their rows are in the office's own files: the office finds
them, nobody else can. It is no format of the report (not in FORMATS) and is written by `fpanalysis followup` alone.
Its headings are those that `ingest` reads back (`followup.head.*`), and a cell never holds a formula.
"""

from __future__ import annotations

import datetime as dt
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any
from unicodedata import east_asian_width

import pandas as pd
from xlsxwriter import Workbook

from ..wording import catalogue, text

__all__ = ["followup_book"]

WIDTHS = {
    "item": 17, "class": 14, "programme": 22, "place": 13, "village": 13, "person": 11, "roll_row": 28,
    "payment_row": 34, "period": 12, "entitled": 13, "paid": 13, "difference": 13, "todo": 30, "ask": 20, "status": 11,
    "explanation": 32, "date": 13, "by": 11, "first_seen": 12, "last_seen": 12, "times_seen": 11,
}  # fmt: skip
"""Columns in their order, and how wide they are."""
TOTALS = {"programme": 24, "place": 16, "village": 14, "on_roll": 10, "due_people": 10, "open": 10, "entitled": 15,
          "paid": 15, "difference": 13, "reported": 15, "gap": 15}  # fmt: skip
"""Columns of the totals by village, and how wide they are."""
COUNTED = ("on_roll", "due_people", "open")
COVER = (30, 14, 14, 22, 18, 20)
"""Widths of the columns of the cover."""
HIDDEN = ("class", "last_seen")
"""Columns that only the next period needs."""
FILLED_IN = ("status", "explanation", "date", "by")
MONEY = ("entitled", "paid", "difference")
WRAPPED = ("programme", "roll_row", "payment_row", "todo", "ask", "explanation")
HEAD = 3
"""Row of the heading, counted from 0."""
STEPS = 6
LINE = 16
"""Height of a line in points."""
FIRST_DAY = dt.date(2000, 1, 1)
EPOCH = dt.datetime(2000, 1, 1)


def followup_book(
    items: pd.DataFrame,
    *,
    lang: str,
    names: Mapping[str, str],
    office: str,
    place: str,
    period: str,
    as_of: dt.date,
    file: str,
    villages: pd.DataFrame | None = None,
) -> bytes:
    """Return the workbook as .xlsx. `items`: `followup.carried`; `names`: words for programmes and places; `period` in
    words; `file`: what the filled-in workbook is to be called; `villages`: `followup.villages`, for a last sheet. The
    same input gives the same bytes."""
    stream = io.BytesIO()
    plain = {"strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}
    font = {"font_name": text("workbook.font", lang), "font_size": 11}
    book = Workbook(stream, {"in_memory": True, "default_format_properties": font, **plain})
    title, internal = text("followup.title", lang), text("followup.internal", lang)
    book.set_properties({"title": title, "category": internal, "company": office, "created": EPOCH})
    styles = _styles(book)
    sheets = {c: _sheet_name(c, lang) for c in _classes() if (items["class"] == c).any()}
    where = text("followup.where", lang, office=office, period=period, as_of=as_of)
    _cover(book, styles, items, sheets, [title, internal, where], _steps(lang, place, file), lang)
    for name, sheet in sheets.items():
        _class(book, styles, items[items["class"] == name], name, sheet, lang, names)
    if villages is not None and len(villages):
        _villages(book, styles, villages, lang, names)
    book.close()
    return stream.getvalue()


def _classes() -> list[str]:
    """Return the classes in the order of their rules."""
    rules = [
        (int(entry["order"]), key.removeprefix("class.")) for key, entry in catalogue().items() if entry.get("order")
    ]
    return [name for _, name in sorted(rules)]


def _sheet_name(name: str, lang: str) -> str:
    return text(f"class.{name}", lang)[:31]


def _steps(lang: str, place: str, file: str) -> list[str]:
    return [text(f"followup.how.{n}", lang, place=place, file=file) for n in range(1, STEPS + 1)]


def _styles(book: Workbook) -> dict[str, Any]:
    cell = {"valign": "top", "border": 1, "border_color": "#D9D9D9"}
    filled = {**cell, "bg_color": "#FFF7D6", "locked": False}
    internal = {"bold": True, "font_color": "#FFFFFF", "bg_color": "#B00020"}
    head = {"bold": True, "text_wrap": True, "valign": "vcenter", "bg_color": "#E7ECF2", "border": 1}
    wanted = {
        "title": {"bold": True, "font_size": 16}, "internal": internal, "label": {"bold": True, "valign": "top"},
        "words": {"text_wrap": True, "valign": "top"}, "head": {**head, "border_color": "#BFBFBF"}, "cell": cell,
        "wrapped": {**cell, "text_wrap": True}, "money": {**cell, "num_format": text("followup.pattern.yuan", "en")},
        "filled": filled, "filled_wrapped": {**filled, "text_wrap": True},
        "filled_date": {**filled, "num_format": "yyyy-mm-dd"}, "count": {**cell, "num_format": "0"},
        "link": {**cell, "font_color": "#0B5394", "underline": 1},
    }  # fmt: skip
    return {name: book.add_format(style) for name, style in wanted.items()}


def _page(sheet: Any, lang: str) -> None:
    sheet.set_landscape()
    sheet.set_paper(8)  # A3: a row has many columns
    sheet.fit_to_pages(1, 0)
    sheet.hide_gridlines(2)
    sheet.set_header(f"&C{text('followup.internal', lang)}")
    sheet.set_footer("&C&P / &N")


def _cover(
    book: Workbook, styles: Mapping[str, Any], items: pd.DataFrame, sheets: Mapping[str, str], top: Sequence[str],
    steps: Sequence[str], lang: str,
) -> None:  # fmt: skip
    sheet = book.add_worksheet(text("followup.cover", lang))
    _page(sheet, lang)
    for column, width in enumerate(COVER):
        sheet.set_column(column, column, width)
    sheet.write_string(0, 0, top[0], styles["title"])
    for column in range(6):
        sheet.write_string(1, column, top[1] if column == 0 else "", styles["internal"])
    sheet.merge_range(2, 0, 2, 5, text("followup.internal.why", lang), styles["words"])
    sheet.write_string(3, 0, top[2])
    sheet.write_string(5, 0, text("followup.how", lang), styles["label"])
    for number, step in enumerate(steps, start=1):
        sheet.merge_range(5 + number, 0, 5 + number, 5, f"{number}. {step}", styles["words"])
        sheet.set_row(5 + number, LINE * _lines(step, sum(COVER)))
    sheet.set_row(2, LINE * _lines(text("followup.internal.why", lang), sum(COVER)))
    _contents(sheet, styles, items, sheets, 7 + len(steps), lang)


def _contents(
    sheet: Any, styles: Mapping[str, Any], items: pd.DataFrame, sheets: Mapping[str, str], row: int, lang: str
) -> None:
    """Write the list of classes: items, persons, money, and how many were there before."""
    sheet.write_string(row, 0, text("followup.contents", lang), styles["label"])
    for column, head in enumerate(("class", "items", "people", "money", "old")):
        sheet.write_string(row + 1, column, text(f"followup.contents.{head}", lang), styles["head"])
    for at, (name, shown) in enumerate([*sheets.items(), ("", text("followup.contents.total", lang))], start=row + 2):
        mine = items[items["class"] == name] if name else items
        if name:
            sheet.write_url(at, 0, f"internal:'{shown}'!A1", styles["link"], shown)
        else:
            sheet.write_string(at, 0, shown, styles["cell"])
        sheet.write_number(at, 1, len(mine), styles["count"])
        sheet.write_number(at, 2, mine["person"].nunique(), styles["count"])
        sheet.write_number(at, 3, int(mine["difference"].sum()) / 100, styles["money"])
        sheet.write_number(at, 4, int((mine["times_seen"] > 1).sum()), styles["count"])


def _class(
    book: Workbook, styles: Mapping[str, Any], items: pd.DataFrame, name: str, shown: str, lang: str,
    names: Mapping[str, str],
) -> None:  # fmt: skip
    sheet = book.add_worksheet(shown)
    _page(sheet, lang)
    for column, (key, width) in enumerate(WIDTHS.items()):
        sheet.set_column(column, column, width, None, {"hidden": key in HIDDEN})
    sheet.write_string(0, 0, text(f"class.{name}", lang), styles["title"])
    sheet.write_string(1, 0, text("followup.internal", lang), styles["internal"])
    sheet.write_string(1, 2, text(f"meaning.{name}", lang))
    ordered = items.assign(settled=items["status"] != "open").sort_values("settled", kind="stable")
    for number, row in enumerate(ordered.to_dict("records"), start=HEAD + 1):
        cells = _cells(row, name, lang, names)
        sheet.set_row(number, LINE * max(_lines(cells[key], WIDTHS[key]) for key in WRAPPED))
        for column, (key, value) in enumerate(cells.items()):
            _write(sheet, number, column, key, value, styles)
    last = HEAD + len(items)
    heads = [{"header": text(f"followup.head.{key}", lang), "header_format": styles["head"]} for key in WIDTHS]
    options = {"columns": heads, "name": f"followup_{name}", "style": "Table Style Light 1", "banded_rows": False}
    sheet.add_table(HEAD, 0, last, len(WIDTHS) - 1, options)
    sheet.set_row(HEAD, 33)
    sheet.freeze_panes(HEAD + 1, 1)
    sheet.repeat_rows(HEAD)
    sheet.ignore_errors({"number_stored_as_text": f"A1:Z{last + 1}"})
    _validate(sheet, HEAD + 1, last, lang)


def _villages(
    book: Workbook, styles: Mapping[str, Any], totals: pd.DataFrame, lang: str, names: Mapping[str, str]
) -> None:
    """Write the totals of villages and townships, for an auditor to hold against lists and forms."""
    shown = text("followup.villages", lang)
    sheet = book.add_worksheet(shown)
    _page(sheet, lang)
    sheet.write_string(0, 0, shown, styles["title"])
    sheet.write_string(1, 0, text("followup.internal", lang), styles["internal"])
    sheet.write_string(1, 2, text("followup.villages.why", lang))
    heads = [{"header": text(f"followup.villages.{key}", lang), "header_format": styles["head"]} for key in TOTALS]
    for column, (key, width) in enumerate(TOTALS.items()):
        sheet.set_column(column, column, width)
        for number, row in enumerate(_total_cells(totals, key, lang, names), start=HEAD + 1):
            if isinstance(row, str):
                sheet.write_string(number, column, row, styles["cell"])
            elif not pd.isna(row):
                sheet.write_number(number, column, row, styles["count" if key in COUNTED else "money"])
    options = {"columns": heads, "name": "followup_villages", "style": "Table Style Light 1", "banded_rows": False}
    sheet.add_table(HEAD, 0, HEAD + len(totals), len(TOTALS) - 1, options)
    sheet.set_row(HEAD, 33)
    sheet.freeze_panes(HEAD + 1, 3)
    sheet.repeat_rows(HEAD)
    sheet.ignore_errors({"number_stored_as_text": f"A1:Z{HEAD + len(totals) + 1}"})


def _total_cells(totals: pd.DataFrame, key: str, lang: str, names: Mapping[str, str]) -> list[Any]:
    """Return a column of the totals, money in yuan."""
    if key in ("programme", "place"):
        return [names.get(word, word) for word in totals[key]]
    if key == "village":
        whole, none = text("followup.villages.whole", lang), text("followup.villages.none", lang)
        return [
            whole if level == "township" else village or none
            for level, village in zip(totals["level"], totals[key], strict=True)
        ]
    if key in COUNTED:
        return [int(n) for n in totals[key]]
    fen = totals["reported"] - totals["paid"] if key == "gap" else totals[key]
    return [float(n) / 100 for n in fen]


def _cells(row: Mapping[str, Any], name: str, lang: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Return what stands in each column of an item's row."""
    rule = catalogue()[f"class.{name}"]
    again = text("followup.still_there", lang) if row["again"] else ""
    said = {
        "class": text(f"class.{name}", lang),
        "programme": names.get(row["programme"], row["programme"]),
        "place": names.get(row["place"], row["place"]),
        "roll_row": _stood(row["roll_row"], lang),
        "payment_row": _stood(row["payment_row"], lang),
        "todo": again + rule[f"do_{lang}"],
        "ask": rule[f"ask_{lang}"],
        "status": text(f"followup.status.{row['status']}", lang),
        "date": None if pd.isna(row["date"]) else row["date"].date(),
        **{key: int(row[key]) / 100 for key in MONEY},
    }
    return {key: said.get(key, row.get(key)) for key in WIDTHS}


def _stood(places: Sequence[tuple[str, str, int]], lang: str) -> str:
    """Return in words where rows stand: file, sheet and rows."""
    held: dict[tuple[str, str], list[int]] = {}
    for file, sheet, row in places:
        held.setdefault((file, sheet), []).append(row)
    lines = [text("followup.row.sheet" if sheet else "followup.row", lang, file=file, sheet=sheet, rows=rows)
             for (file, sheet), rows in sorted(held.items())]  # fmt: skip
    return "\n".join(lines)


def _lines(words: str, width: float) -> int:
    """Return how many lines words take in a column; characters of Chinese are two digits wide."""
    spans = [sum(2.1 if east_asian_width(c) in "WF" else 1.1 for c in line) for line in words.split("\n")]
    return sum(max(1, math.ceil(span / (width - 1))) for span in spans)


def _write(sheet: Any, row: int, column: int, key: str, value: Any, styles: Mapping[str, Any]) -> None:
    if key in MONEY:
        sheet.write_number(row, column, value, styles["money"])
    elif key == "times_seen":
        sheet.write_number(row, column, int(value), styles["count"])
    elif key == "date" and value is not None:
        sheet.write_datetime(row, column, value, styles["filled_date"])
    elif key in FILLED_IN:
        style = styles["filled_date" if key == "date" else "filled_wrapped" if key in WRAPPED else "filled"]
        sheet.write_string(row, column, value, style) if value else sheet.write_blank(row, column, None, style)
    else:
        sheet.write_string(row, column, str(value), styles["wrapped" if key in WRAPPED else "cell"])


def _validate(sheet: Any, first: int, last: int, lang: str) -> None:
    """Let the status be chosen from its list, and the date be a day up to today."""
    at = {key: column for column, key in enumerate(WIDTHS)}
    words = [e[lang] for key, e in catalogue().items() if key.startswith("followup.status.")]
    bad = {"error_title": text("followup.bad", lang), "error_message": text("followup.choose", lang, words=words)}
    sheet.data_validation(first, at["status"], last, at["status"], {"validate": "list", "source": words, **bad})
    bad = {**bad, "error_message": text("followup.day", lang)}
    day = {"validate": "date", "criteria": "between", "minimum": FIRST_DAY, "maximum": "=TODAY()", **bad}
    sheet.data_validation(first, at["date"], last, at["date"], day)

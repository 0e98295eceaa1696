"""The figures of a report as native charts of a workbook, drawn from the cells beside them.

Which chart a figure gets follows from its data. Months or other periods are lines, with the ends of an interval as
thin lines of the same colour; named rows with an interval are dots on a line from end to end; other named rows are
bars with their numbers. Only columns of one kind of number share a chart, so that an axis means one thing. Lines and
dots do not start at zero, bars do. Series differ by form as well as colour (Okabe and Ito, "Color universal design",
2008). A text in a plotted cell would be drawn as zero, so a column with a mark in it is drawn as bars, where that is
nothing.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..blocks import Column
from ..figures import BLUE, GREY, INK, ORANGE, PALE, RULE
from ..wording import format_value, text
from .sheets import PATTERNS, Sheet

if TYPE_CHECKING:
    from xlsxwriter.chart import Chart
    from xlsxwriter.workbook import Workbook

__all__ = ["FORMS", "Plot", "chart_notes", "native_chart", "plot_of"]

MOST_BARS = 4
SERIES = ((BLUE, "solid"), (ORANGE, "dash"), (GREY, "round_dot"), ("#2f7d6b", "long_dash"))
AXIS = {"count": PATTERNS["count"], "pct": PATTERNS["pct0"], "pct0": PATTERNS["pct0"]}
PLOTTED = {"count", "n1", "n2", "pct", "pct0", "floor", "signedcount", "signedpct", "plain"}


@dataclass(frozen=True)
class Plot:
    """What a chart shows: its form (line, dots, bars), columns by position, first and last row (counted from 0)."""

    form: str
    columns: tuple[int, ...]
    first: int
    last: int


def plot_of(sheet: Sheet, lang: str) -> Plot | None:
    """Return what the chart of a sheet's table shows, None when the table has no number to draw."""
    table = sheet.table
    columns = table.columns
    numbers = [n for n, column in enumerate(columns) if n and column.kind in PLOTTED]
    bodies = len(table.values) - table.total
    if not numbers or not bodies:
        return None
    months = _months([row[0] for row in table.values], lang)
    if months or columns[0].key == "period":
        first, last = months or (0, bodies - 1)
        plot = Plot("line", _of_one_kind(columns, numbers), first, last)
    elif any(columns[n].interval for n in numbers):
        plot = Plot("dots", (next(n for n in numbers if columns[n].interval),), 0, len(table.values) - 1)
    else:
        return _bars(columns, numbers, bodies)
    return plot if _is_clean(sheet, plot) else _bars(columns, numbers, bodies)


def chart_notes(sheet: Sheet, plot: Plot | None, lang: str) -> list[str]:
    """Return how to read a chart: what stands for the ends of an interval; and that empty cells are no data."""
    said = []
    if plot and plot.form != "bars" and any(sheet.table.columns[n].interval for n in plot.columns):
        said.append(text(f"workbook.chart.{plot.form}", lang))
    if any(cell.value is None for row in sheet.rows for cell in row):
        said.append(text("workbook.chart.blank", lang))
    return said


def native_chart(book: Workbook, sheet: Sheet, plot: Plot, *, lang: str, head_row: int) -> Chart:
    """Return the chart of a sheet whose table's heads stand in `head_row` (counted from 0), first column A."""
    chart = book.add_chart({"type": {"dots": "line", "line": "line", "bars": "bar"}[plot.form]})
    FORMS[plot.form](chart, sheet, plot, _Range(sheet, plot, head_row))
    font = {"name": text("workbook.font", lang), "color": INK, "size": 10}
    chart.set_title({"name": sheet.title, "overlay": False, "name_font": {**font, "size": 12, "bold": True}})
    _axes(chart, sheet, plot, font, lang)
    if len(plot.columns) == 1:
        chart.set_legend({"none": True})
    elif plot.form == "line":
        chart.set_legend({"position": "top", "font": font, "delete_series": _ends(sheet, plot)})
    else:
        chart.set_legend({"position": "top", "font": font})
    chart.set_chartarea({"border": {"color": RULE}})
    chart.show_blanks_as("gap")
    return chart


@dataclass(frozen=True)
class _Range:
    """The cells of a plot on its sheet, as the workbook's charts name them."""

    sheet: Sheet
    plot: Plot
    head_row: int

    def head(self, cell: int) -> list[Any]:
        return [self.sheet.name, self.head_row, cell]

    def cells(self, cell: int) -> list[Any]:
        above = self.head_row + 1
        return [self.sheet.name, above + self.plot.first, cell, above + self.plot.last, cell]


def place(columns: Sequence[Column], n: int) -> int:
    """Return the column of the sheet in which a column of the table stands: an interval takes three."""
    return sum(3 if column.interval else 1 for column in columns[:n])


def _of_one_kind(columns: Sequence[Column], numbers: Sequence[int]) -> tuple[int, ...]:
    """Return the columns of the kind of number that most have, the first such kind if several do."""
    kind = Counter(columns[n].kind for n in numbers).most_common(1)[0][0]
    return tuple(n for n in numbers if columns[n].kind == kind)[: len(SERIES)]


def _bars(columns: Sequence[Column], numbers: Sequence[int], rows: int) -> Plot:
    """Return bars of the columns that are like the first; of more than a reader can tell apart the last, the latest."""
    first = columns[numbers[0]]
    alike = [n for n in numbers if (columns[n].kind, columns[n].unit) == (first.kind, first.unit)]
    return Plot("bars", tuple(alike if len(alike) <= MOST_BARS else alike[-1:]), 0, rows - 1)


def _months(stubs: Sequence[Any], lang: str) -> tuple[int, int] | None:
    """Return the first and last row of the first run of months, None when there is none."""
    known = [_is_month(str(stub), lang) for stub in stubs]
    if True not in known:
        return None
    first = known.index(True)
    return first, next((n for n in range(first, len(known)) if not known[n]), len(known)) - 1


@functools.lru_cache(4096)
def _is_month(words: str, lang: str) -> bool:
    years = [part for part in "".join(c if c.isdecimal() else " " for c in words).split() if len(part) == 4]
    return any(format_value(f"{year}-{month:02d}", "month", lang) == words for year in years for month in range(1, 13))


def _is_clean(sheet: Sheet, plot: Plot) -> bool:
    """Return whether every plotted cell is a number or empty."""
    return not any(isinstance(value, str) for value in _plotted(sheet, plot))


def _plotted(sheet: Sheet, plot: Plot) -> Iterator[Any]:
    columns = sheet.table.columns
    for n in plot.columns:
        at = place(columns, n)
        ends = 3 if columns[n].interval and plot.form != "bars" else 1
        for row in sheet.rows[plot.first : plot.last + 1]:
            yield from (cell.value for cell in row[at : at + ends])


def _ends(sheet: Sheet, plot: Plot) -> list[int]:
    """Return the positions of the series that are ends of an interval."""
    order = [end for n in plot.columns for end in ((0, 1, 1) if sheet.table.columns[n].interval else (0,))]
    return [position for position, end in enumerate(order) if end]


def _lines(chart: Chart, sheet: Sheet, plot: Plot, at: _Range) -> None:
    for n, (colour, dash) in zip(plot.columns, SERIES, strict=False):
        cell = place(sheet.table.columns, n)
        chart.add_series(_series(at, cell, line={"color": colour, "width": 2, "dash_type": dash}))
        if sheet.table.columns[n].interval:
            for end in (cell + 1, cell + 2):
                chart.add_series(_series(at, end, line={"color": colour, "width": 0.75, "dash_type": dash}))


def _dots(chart: Chart, sheet: Sheet, plot: Plot, at: _Range) -> None:
    cell = place(sheet.table.columns, plot.columns[0])
    forms = (("circle", 7, BLUE), ("long_dash", 7, GREY), ("long_dash", 7, GREY))
    for end, (form, size, colour) in enumerate(forms):
        marker = {"type": form, "size": size, "fill": {"color": colour}, "border": {"color": colour}}
        chart.add_series(_series(at, cell + end, line={"none": True}, marker=marker))
    chart.set_high_low_lines({"line": {"color": GREY, "width": 1.25}})


def _bar_series(chart: Chart, sheet: Sheet, plot: Plot, at: _Range) -> None:
    for n, (colour, _) in zip(plot.columns, SERIES, strict=False):
        cell = place(sheet.table.columns, n)
        rows = sheet.rows[plot.first : plot.last + 1]
        marked = [{"delete": True} if isinstance(row[cell].value, str) else None for row in rows]
        labels = {"value": True, "num_format": PATTERNS[_kind_of(sheet, plot)], "font": {"color": INK, "size": 10},
                  **({"custom": marked} if any(marked) else {})}  # fmt: skip
        chart.add_series(_series(at, cell, fill={"color": colour}, gap=45, data_labels=labels))


def _series(at: _Range, cell: int, **look: Any) -> dict[str, Any]:
    return {"name": at.head(cell), "categories": at.cells(0), "values": at.cells(cell), **look}


def _axes(chart: Chart, sheet: Sheet, plot: Plot, font: Mapping[str, Any], lang: str) -> None:
    columns = sheet.table.columns
    quiet = {"num_font": font, "name_font": {**font, "color": GREY, "bold": False}, "line": {"color": PALE}}
    count = plot.last - plot.first + 1
    rows = {"name": columns[0].label, "label_position": "low", **quiet}
    if plot.form == "bars":
        rows |= {"reverse": True, "interval_unit": 1}
    elif count > 12:
        rows |= {"interval_unit": math.ceil(count / 12)} if plot.form == "line" else {}
        rows["num_font"] = {**font, "rotation": -45}
    form = AXIS.get(_kind_of(sheet, plot), PATTERNS["plain"])
    values = {"name": _value_name(sheet, plot, lang), "num_format": form, **quiet}
    values["major_gridlines"] = {"visible": plot.form != "bars", "line": {"color": RULE, "width": 0.75}}
    if plot.form == "bars":
        values |= {"label_position": "high", "min": 0} if _least(sheet, plot) >= 0 else {"label_position": "high"}
    else:
        low = _round_below(sheet, plot)
        values |= {"min": low} if low > 0 else {}
    across, up = (values, rows) if plot.form == "bars" else (rows, values)  # bars lie
    chart.set_x_axis(across)
    chart.set_y_axis(up)


def _value_name(sheet: Sheet, plot: Plot, lang: str) -> str:
    """Return the name of the value axis: the column's head when there is one, else the unit that is shared."""
    table = sheet.table
    units = list(dict.fromkeys(table.columns[n].unit for n in plot.columns if table.columns[n].unit))
    if len(plot.columns) > 1 and len(units) == 1:
        return units[0]
    head = sheet.heads[place(table.columns, plot.columns[0])]
    return text("workbook.head.unit", lang, head=head, unit=table.unit) if table.unit else head


def _kind_of(sheet: Sheet, plot: Plot) -> str:
    return sheet.table.columns[plot.columns[0]].kind


def _least(sheet: Sheet, plot: Plot) -> float:
    return min((value for value in _plotted(sheet, plot) if isinstance(value, (int, float))), default=0)


def _round_below(sheet: Sheet, plot: Plot) -> float:
    """Return a round number a little below the least that is plotted."""
    known = [value for value in _plotted(sheet, plot) if isinstance(value, (int, float))]
    if not known or max(known) == min(known):
        return 0
    step = 10.0 ** math.floor(math.log10(max(known) - min(known))) / 2
    return round(math.floor(min(known) / step) * step, 6)


FORMS = {"line": _lines, "dots": _dots, "bars": _bar_series}
"""How each form is drawn."""

"""Tables as WordprocessingML: widths measured, heads that repeat, rows that hold together, numbers to the right.

Rows are put together as text, so that thousands take a fraction of a second. Column widths follow the width of the
words in the report's own font: a number is never broken, words may be. A table that is too wide for the column gets
smaller letters (10.5, then 9 pt), and only then a page of its own, turned; so most pages stay upright and few have a
gap. What is too wide even for that is set as several tables, each with the names of the rows. Rows cannot split, the
head repeats (ECMA-376, part 1, 17.4.6 and 17.4.49), and a table begins and ends with at least two rows on a page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from xml.sax.saxutils import escape, quoteattr

from .word_page import LANDSCAPE, PORTRAIT

__all__ = ["Cell", "Fit", "Grid", "fitted", "split", "table_xml", "tables_xml"]

SIZES = (10.5, 9.0)
SMALLEST = 7.5
PADDING = 160  # both sides, in twentieths of a point
SLACK = 1.06  # another font than the measured one
BOLD = 1.08  # bold letters are so much wider
TOGETHER = 12  # a table of so few rows stands on one page
MEASURED = 400  # rows; of longer tables the longest words of a column are measured
WORD = re.compile(
    r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f]|[^\s\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f]+"
)
FILL = "EEF2F6"
RULE = '<w:{side} w:val="single" w:sz="{size}" w:space="0" w:color="{color}"/>'


@dataclass(frozen=True)
class Cell:
    """One cell: its words, over how many columns, `merge` restart or continue downwards, `inside` runs for words."""

    text: str
    span: int = 1
    merge: str = ""
    inside: str = ""


@dataclass(frozen=True)
class Grid:
    """A table as rows of cells; `right` says which columns hold numbers, `total` that the last row sums up."""

    heads: tuple[tuple[Cell, ...], ...]
    rows: tuple[tuple[Cell, ...], ...]
    right: tuple[bool, ...]
    total: bool = False
    strong: tuple[bool, ...] = ()


@dataclass(frozen=True)
class Fit:
    """Size of the letters in points, whether the page is turned, width of each column in twentieths of a point."""

    size: float
    landscape: bool
    widths: tuple[int, ...]


def tables_xml(
    grid: Grid, *, measure: Callable[[str], float], title: str = "", keep_next: bool = False
) -> tuple[list[str], Fit]:
    """Return a grid as one table, or as several where it is too wide, and how the first of them fits.

    `title` is what a screen reader calls it; `keep_next` holds the last of them together with what follows.
    """
    pieces = split(grid, measure=measure)
    fits = [fitted(piece, measure=measure, turned=len(pieces) > 1) for piece in pieces]
    pairs = list(zip(pieces, fits, strict=True))
    last = len(pairs) - 1
    return [table_xml(g, f, title=title, keep_next=keep_next and n == last) for n, (g, f) in enumerate(pairs)], fits[0]


def split(grid: Grid, *, measure: Callable[[str], float]) -> list[Grid]:
    """Return a grid as it is when it fits a page, else as several that do, each with the first column."""
    needed, _ = _needs(grid, measure)
    least = [_twips(ems, SIZES[-1]) for ems in needed]
    if sum(least) <= LANDSCAPE or len(least) < 3:
        return [grid]
    kept: list[list[int]] = [[0]]
    for n in range(1, len(least)):
        if len(kept[-1]) > 1 and sum(least[m] for m in kept[-1]) + least[n] > LANDSCAPE:
            kept.append([0])
        kept[-1].append(n)
    return [_part(grid, columns) for columns in kept]


def _part(grid: Grid, kept: Sequence[int]) -> Grid:
    """Return some columns of a grid; a cell over several columns shrinks to those that are kept."""
    return Grid(
        tuple(_cells(row, kept) for row in grid.heads),
        tuple(_cells(row, kept) for row in grid.rows),
        tuple(grid.right[n] for n in kept),
        grid.total,
        tuple(grid.strong[n] for n in kept) if grid.strong else (),
    )


def _cells(row: Sequence[Cell], kept: Sequence[int]) -> tuple[Cell, ...]:
    at, found = 0, []
    for cell in row:
        span = sum(at <= n < at + cell.span for n in kept)
        found += [replace(cell, span=span)] if span else []
        at += cell.span
    return tuple(found)


def _twips(ems: float, size: float) -> float:
    return ems * size * 20 * SLACK + PADDING


def fitted(grid: Grid, *, measure: Callable[[str], float], turned: bool = False) -> Fit:
    """Return how a grid fits: upright and large if it can be, unless it is to be `turned`.

    `measure` gives the width of words in ems.
    """
    needed, wished = _needs(grid, measure)
    for landscape, column in ((False, PORTRAIT), (True, LANDSCAPE))[turned:]:
        for size in SIZES:
            least = [_twips(ems, size) for ems in needed]
            if sum(least) <= column:
                return Fit(size, landscape, _shared(least, [_twips(ems, size) for ems in wished], column))
    least = [_twips(ems, SMALLEST) for ems in needed]
    return Fit(SMALLEST, True, _shared([width * LANDSCAPE / sum(least) for width in least], least, LANDSCAPE))


def _needs(grid: Grid, measure: Callable[[str], float]) -> tuple[list[float], list[float]]:
    """Return the least and the wished width of each column in ems."""
    needed, wished = [], []
    for n, is_number in enumerate(grid.right):
        heads = [row[n].text for row in _columns(grid.heads) if row[n].span == 1]
        body = _longest([row[n].text for row in _columns(grid.rows) if row[n].span == 1])
        heavy = bool(grid.strong and grid.strong[n]) or grid.total
        widths = [measure(words) * (BOLD if heavy else 1.0) for words in body]
        unbroken = max(
            [*(BOLD * _unbroken(words, measure) for words in heads), *(_unbroken(words, measure) for words in body)],
            default=1.0,
        )
        whole = max(widths, default=1.0)
        head = max([measure(words) / 2 + 0.5 for words in heads], default=1.0)
        needed.append(max(unbroken, whole if is_number else min(whole, 7.0), min(head, 5.0), 1.5))
        wished.append(max(whole, needed[-1], *(min(measure(words), 8.0) for words in heads)))
    return needed, wished


def _longest(words: Sequence[str]) -> list[str]:
    """Return the words that can decide a column's width: all of a short table, the longest of a long one."""
    known = list(dict.fromkeys(words))
    return known if len(known) <= MEASURED else sorted(known, key=len)[-MEASURED:]


def _unbroken(words: str, measure: Callable[[str], float]) -> float:
    return max((measure(piece) for piece in WORD.findall(words)), default=0.0)


def _columns(rows: Sequence[Sequence[Cell]]) -> list[list[Cell]]:
    """Return rows with a cell over several columns standing in each of them."""
    if not any(cell.span > 1 for row in rows for cell in row):
        return [list(row) for row in rows]
    return [[cell for cell in row for _ in range(cell.span)] for row in rows]


def _shared(least: Sequence[float], most: Sequence[float], column: int) -> tuple[int, ...]:
    """Return widths that fill the column: what is over goes to the smallest wishes first, then to all alike."""
    widths, spare = list(least), column - sum(least)
    wishes = sorted((max(b - a, 0.0), n) for n, (a, b) in enumerate(zip(least, most, strict=True)))
    for left, (wish, n) in zip(range(len(wishes), 0, -1), wishes, strict=True):
        given = min(wish, max(spare, 0.0) / left)
        widths[n] += given
        spare -= given
    grown = column / sum(widths)
    whole = [int(width * grown) for width in widths]
    return (*whole[:-1], column - sum(whole[:-1]))


def table_xml(grid: Grid, fit: Fit, *, title: str = "", keep_next: bool = False) -> str:
    """Return one table, set as `fit` says."""
    size = (
        "" if fit.size == SIZES[0] else f'<w:sz w:val="{round(2 * fit.size)}"/><w:szCs w:val="{round(2 * fit.size)}"/>'
    )
    columns = "".join(f'<w:gridCol w:w="{width}"/>' for width in fit.widths)
    heads = [_head(n, fit, grid, size) for n in range(len(grid.heads))]
    last = len(grid.rows) - 1
    body = [
        _row(row, fit, grid, size, total=grid.total and n == last, keep=_keeps(n, last, keep_next))
        for n, row in enumerate(grid.rows)
    ]
    return (
        f"<w:tbl>{_form(fit, grid.total, title)}<w:tblGrid>{columns}</w:tblGrid>{''.join(heads)}{''.join(body)}</w:tbl>"
    )


def _form(fit: Fit, total: bool, title: str) -> str:
    """Return the properties of a table: rules above and below, pale ones between rows, fixed widths."""
    between = RULE.format(side="insideH", size=2, color="DDE3E9")
    sides = "".join(f'<w:{side} w:w="{PADDING // 2}" w:type="dxa"/>' for side in ("left", "right"))
    named = f"<w:tblCaption w:val={quoteattr(title)}/>" if title else ""
    return (
        f'<w:tblPr><w:tblW w:w="{sum(fit.widths)}" w:type="dxa"/>'
        f"<w:tblBorders>{_rule('top', 12)}{_rule('bottom', 12)}{between}</w:tblBorders>"
        f'<w:tblLayout w:type="fixed"/><w:tblCellMar>{sides}</w:tblCellMar>'
        f'<w:tblLook w:val="0460" w:firstRow="1" w:lastRow="{int(total)}" w:firstColumn="1" w:lastColumn="0" '
        f'w:noHBand="0" w:noVBand="1"/>{named}</w:tblPr>'
    )


def _keeps(n: int, last: int, keep_next: bool) -> bool:
    """Return whether a row stays with the next one: all of a short table, the first and last two of a long one."""
    if n == last:
        return keep_next
    return last < TOGETHER or n == 0 or n == last - 1


def _head(n: int, fit: Fit, grid: Grid, size: str) -> str:
    """Return the n-th row of heads; between an empty cell and the head below it there is no rule."""
    above = _columns(grid.heads)[n - 1] if n else []
    cells, at = [], 0
    for cell in grid.heads[n]:
        side = "center" if cell.span > 1 else "right" if grid.right[at] else "left"
        is_bare = n < len(grid.heads) - 1 and not cell.text and not cell.merge
        edges = '<w:top w:val="nil"/>' if above and not above[at].text else ""
        edges += '<w:bottom w:val="nil"/>' if is_bare else _rule("bottom", 6)
        form = (
            '<w:pPr><w:pStyle w:val="TableHead"/>' + (f'<w:jc w:val="{side}"/>' if side != "left" else "") + "</w:pPr>"
        )
        width = sum(fit.widths[at : at + cell.span])
        cells.append(
            f"<w:tc>{_cell_form(cell, width, edges, FILL, 'bottom')}<w:p>{form}{_words(cell, size)}</w:p></w:tc>"
        )
        at += cell.span
    return f"<w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>{''.join(cells)}</w:tr>"


def _row(row: Sequence[Cell], fit: Fit, grid: Grid, size: str, *, total: bool, keep: bool) -> str:
    kept = "<w:keepNext/>" if keep else ""
    edges = _rule("top", 6) if total else ""
    cells, at = [], 0
    for cell in row:
        side = '<w:jc w:val="right"/>' if grid.right[at] else ""
        heavy = "<w:b/><w:bCs/>" if total or (grid.strong and grid.strong[at]) else ""
        width = sum(fit.widths[at : at + cell.span])
        cells.append(
            f"<w:tc>{_cell_form(cell, width, edges, FILL if total else '', 'center')}<w:p><w:pPr>"
            f'<w:pStyle w:val="TableText"/>{kept}{side}</w:pPr>{_words(cell, heavy + size)}</w:p></w:tc>'
        )
        at += cell.span
    return f"<w:tr><w:trPr><w:cantSplit/></w:trPr>{''.join(cells)}</w:tr>"


def _cell_form(cell: Cell, width: int, edges: str, fill: str, upright: str) -> str:
    span = f'<w:gridSpan w:val="{cell.span}"/>' if cell.span > 1 else ""
    merge = f'<w:vMerge w:val="{cell.merge}"/>' if cell.merge else ""
    borders = f"<w:tcBorders>{edges}</w:tcBorders>" if edges else ""
    shade = f'<w:shd w:val="clear" w:color="auto" w:fill="{fill}"/>' if fill else ""
    wide = f'<w:tcW w:w="{width}" w:type="dxa"/>'
    return f'<w:tcPr>{wide}{span}{merge}{borders}{shade}<w:vAlign w:val="{upright}"/></w:tcPr>'


def _words(cell: Cell, form: str) -> str:
    if cell.inside:
        return cell.inside
    if not cell.text:
        return ""
    inside = escape(CONTROL.sub("", cell.text)).replace("\n", "</w:t><w:br/><w:t>")
    return f'<w:r>{f"<w:rPr>{form}</w:rPr>" if form else ""}<w:t xml:space="preserve">{inside}</w:t></w:r>'


CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def _rule(side: str, size: int) -> str:
    return RULE.format(side=side, size=size, color="1C2733")

"""Tables in Word: widths that fill the column, numbers that are never broken, columns that are never lost."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpanalysis.publish.word_page import LANDSCAPE, PORTRAIT
from fpanalysis.publish.word_table import Cell, Fit, Grid, fitted, split, table_xml, tables_xml

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
NAMESPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def ems(words):
    """Return the width of words where every character is half an em wide, a Chinese one a whole."""
    return sum(1.0 if character > "\u2e80" else 0.5 for character in words)


def grid(*columns, total=False):
    """Return a grid from columns of words, the first of which is the head; all but the first column are numbers."""
    rows = list(zip(*columns, strict=True))
    cells = [tuple(map(Cell, row)) for row in rows]
    return Grid((cells[0],), tuple(cells[1:]), tuple(n > 0 for n in range(len(columns))), total)


def tree(xml):
    return ElementTree.fromstring(xml.replace("<w:tbl>", f"<w:tbl {NAMESPACE}>", 1))


NUMBERS = st.lists(st.integers(0, 10**12).map("{:,}".format), min_size=1, max_size=24)


@given(NUMBERS)
def test_widths_fill_the_column_and_hold_every_number(numbers):
    made = grid(("地区", "鄚州镇"), *((f"列{n}", number) for n, number in enumerate(numbers)))
    for piece in split(made, measure=ems):
        fit = fitted(piece, measure=ems)

        assert sum(fit.widths) == (LANDSCAPE if fit.landscape else PORTRAIT)
        for cell, width in zip(piece.rows[0], fit.widths, strict=True):
            assert ems(cell.text) * fit.size * 20 <= width


@given(NUMBERS)
def test_splitting_keeps_every_column_once_and_in_order(numbers):
    made = grid(("地区", "鄚州镇"), *((f"列{n}", number) for n, number in enumerate(numbers)))
    pieces = split(made, measure=ems)

    assert [cell for piece in pieces for cell in piece.rows[0][1:]] == list(made.rows[0][1:])
    assert all(piece.rows[0][0] == Cell("鄚州镇") for piece in pieces)


@pytest.mark.parametrize(
    ("columns", "fit"), [(4, (10.5, False)), (9, (9.0, False)), (11, (10.5, True)), (13, (9.0, True))]
)
def test_letters_shrink_before_the_page_turns(columns, fit):
    made = grid(("地区", "鄚州镇"), *(("列", "1,234,5") for _ in range(columns)))
    found = fitted(made, measure=ems)

    assert (found.size, found.landscape) == fit


def test_a_table_that_is_split_stands_on_turned_pages():
    made = grid(("地区", "鄚州镇"), *(("列", "1,234,567.89") for _ in range(30)))
    tables, fit = tables_xml(made, measure=ems)

    assert len(tables) > 1
    assert fit.landscape


def test_a_group_that_is_split_stands_over_both_parts():
    made = grid(("地区", "鄚州镇"), *(("列", "1,234,567.89") for _ in range(20)))
    grouped = Grid(((Cell(""), Cell("组", 20)), *made.heads), made.rows, made.right)
    pieces = split(grouped, measure=ems)

    assert 20 == sum(piece.heads[0][1].span for piece in pieces)
    assert all(piece.heads[0][1].text == "组" for piece in pieces)


def test_short_tables_hold_together_and_long_ones_at_their_ends():
    def kept(rows):
        made = grid(("地区", *["镇"] * rows), ("数", *["1"] * rows))
        body = list(tree(table_xml(made, Fit(10.5, False, (100, 100)))).iter(f"{W}tr"))[1:]
        return [row.find(f".//{W}keepNext") is not None for row in body]

    assert kept(4) == [True, True, True, False]
    assert kept(40) == [True] + [False] * 37 + [True, False]


def test_words_are_escaped_and_control_characters_left_out():
    made = grid(("a", "<&>\x07"), ("b", "1"))

    assert "<&>" == next(list(tree(table_xml(made, Fit(10.5, False, (1, 1)))).iter(f"{W}tr"))[1].iter(f"{W}t")).text


def test_a_cell_over_two_rows_is_merged_downwards():
    made = Grid(((Cell("a"),),), ((Cell("x", merge="restart"),), (Cell("", merge="continue"),)), (False,))
    merges = [m.get(f"{W}val") for m in tree(table_xml(made, Fit(10.5, False, (9,)))).iter(f"{W}vMerge")]

    assert merges == ["restart", "continue"]

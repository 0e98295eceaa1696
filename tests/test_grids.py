"""Tables as they stand in files: every cell where Excel shows it, or a fault."""

import csv
import io

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpanalysis.errors import DataError
from fpanalysis.grids import GRIDS, UNCOMPUTED, is_html, read_grids

CELLS = st.text(st.characters(codec="gb18030", exclude_categories=["Cc", "Cs", "Co", "Cn"]), max_size=6).filter(
    lambda cell: not cell.startswith(('="', "\ufeff"))
)


def only(raw: bytes, name: str = "a.csv") -> list[tuple[int, list]]:
    grids, _ = read_grids(raw, name)

    assert len(grids) == 1
    return [(number, list(row)) for number, row in grids[0].rows]


def page(body: str) -> bytes:
    return f"<html><head><meta charset=gb2312></head><body>{body}</body></html>".encode("gb18030")


@settings(deadline=None)
@given(
    st.lists(st.lists(CELLS, min_size=4, max_size=4), min_size=1, max_size=6),
    st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]),
    st.sampled_from(["\r", "\n", "\r\n"]),
)
def test_what_was_written_is_read_in_every_encoding_and_line_end(rows, encoding, end):
    held = io.StringIO()
    csv.writer(held, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([["鄚", "b", "c", "d"], *rows])
    raw = held.getvalue().encode(encoding)
    if not is_html(raw):
        assert [row for _, row in only(raw)][1:] == rows


def test_a_cell_of_several_lines_is_one_row_as_in_excel():
    assert only(b'a,b\n"one\ntwo",3\nx,4\n') == [(1, ["a", "b"]), (2, ["one\ntwo", "3"]), (3, ["x", "4"])]


@pytest.mark.parametrize("text", ['a,b\n1,2\n"3,4\n5,6\n', 'a,b\n1,2\n"3,4\n5,6",7\n', 'a,b\n1,2\n"3"x,4\n'])
def test_an_odd_quotation_mark_is_a_fault_in_its_row(text):
    with pytest.raises(DataError, match="a.csv, row 3: expected quotation marks in pairs"):
        read_grids(text.encode(), "a.csv")


def test_an_html_page_is_read_with_its_spans():
    raw = page(
        "<table><tr><th colspan=2>甲<br>乙<th>丙</tr><tr><td rowspan='2'>1<td>2<td>3&nbsp;4</tr><tr><td>5<td>6</table>"
    )
    grid = read_grids(raw, "a.xls")[0][0]

    assert [list(row) for _, row in grid.rows] == [["甲 乙", "", "丙"], ["1", "2", "3\xa04"], ["", "5", "6"]]
    assert list(grid.merged) == [(2, 3, 0)]


def test_an_html_page_without_a_table_is_refused():
    with pytest.raises(DataError, match="a table in the HTML page"):
        read_grids(page("<p>登录超时</p>"), "a.xls")


def test_text_that_begins_with_a_bracket_is_no_page():
    assert not is_html("<2018年>,b\n1,2\n".encode())


def test_formulas_have_their_saved_value_and_say_when_they_have_none():
    book = openpyxl.Workbook()
    book.active.append([1, "=A1+1", None])
    held = io.BytesIO()
    book.save(held)

    assert only(held.getvalue(), "a.xlsx") == [(1, [1, UNCOMPUTED])]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_the_mark_at_the_end_of_a_file_from_dos_is_no_row(encoding):
    assert only("鄚,1\r\n\x1a".encode(encoding)) == [(1, ["鄚", "1"])]


@pytest.mark.parametrize("name", sorted(f"a{ending}" for ending in GRIDS))
@pytest.mark.parametrize("raw", [b"", b"\xef\xbb\xbf", b" \r\n"])
def test_an_empty_file_is_refused(name, raw):
    with pytest.raises(DataError, match="it is empty"):
        read_grids(raw, name)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=300), st.sampled_from([*GRIDS, ".xls"]))
def test_any_bytes_are_read_or_refused_by_name(raw, ending):
    if ending != ".xls" or is_html(raw):
        try:
            read_grids(raw, f"a{ending}")
        except DataError as error:
            assert str(error.faults[0]).startswith(f"a{ending}")

"""What stands in which cell of the annex: types, marks, heads, names."""

from __future__ import annotations

import datetime as dt
import string

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import v4

from fpanalysis import blocks
from fpanalysis.publish.document import Output, read_document
from fpanalysis.publish.sheets import LONGEST_NAME, data_sheets, pattern, read_grid, sheet_name
from fpanalysis.typeface import font_files


def sheets(*shown, lang="zh"):
    outputs = [v4.new_output("display_data", data=block._repr_mimebundle_())
               for block in (blocks.meta("题", lang=lang), *shown)]  # fmt: skip
    notebook = v4.new_notebook(cells=[v4.new_code_cell("x", outputs=outputs)])
    return data_sheets(read_document(notebook, name="x", fonts=font_files()))


def table(values, column, **more):
    frame = pd.DataFrame({"place": [f"p{n}" for n in range(len(values))], "v": pd.Series(values, dtype=object)})
    return blocks.table(frame, columns=[blocks.Column("place", "地区"), column], **more)


def cells(values, **column):
    return [row[1:] for row in sheets(table(values, blocks.Column("v", "数", **column)))[0].rows]


def test_a_number_is_the_raw_number_with_the_format_that_prints_it():
    (cell,) = cells([0.98567], kind="pct")[0]

    assert (cell.value, cell.words, cell.pattern) == (0.98567, "98.6%", "0.0%")


def test_an_interval_takes_three_cells():
    row = cells([(106, 101.5, 111.25)], kind="n1", interval=True)[0]

    assert [(c.value, c.pattern) for c in row] == [(106, "#,##0.0"), (101.5, "#,##0.0"), (111.25, "#,##0.0")]


def test_a_missing_number_is_a_mark_and_no_zero():
    assert [row[0].value for row in cells([None, 0], kind="count")] == ["–", 0]


def test_an_infinite_end_is_text():
    assert [c.value for c in cells([(2.0, 1.0, float("inf"))], kind="n1", interval=True)[0]] == [2, 1, "∞"]


def test_a_withheld_number_keeps_its_mark_in_every_cell_of_its_interval():
    made = blocks.Table((blocks.Column("place", "地区"), blocks.Column("v", "数", "n1", interval=True)),
                        (("a", (None, None, None)),), (("a", "*"),))  # fmt: skip

    assert [c.value for c in sheets(made)[0].rows[0]] == ["a", "*", "*", "*"]


def test_a_column_that_prints_several_kinds_keeps_each():
    made = blocks.Table((blocks.Column("m", "项"), blocks.Column("v", "值", "n2")),
                        (("a", 0.5), ("b", 12)), (("a", "50.0%"), ("b", "12")))  # fmt: skip

    assert [row[1].pattern for row in sheets(made)[0].rows] == ["0.0%", "#,##0"]


def test_a_headline_figure_is_a_number_with_its_unit():
    made = sheets(blocks.facts([blocks.fact("出生", "5,584人", raw=5584), blocks.fact("称", "约半", raw=None)]))[0]

    assert [(row[1].value, row[1].pattern) for row in made.rows] == [(5584, '#,##0"人"'), ("约半", "General")]


def test_a_day_is_a_date():
    assert [row[0].value for row in cells(["2018-07-06", "n/a"])] == [dt.date(2018, 7, 6), "n/a"]


def test_group_headings_and_units_are_folded_into_the_heads():
    columns = [blocks.Column("p", "Place"), blocks.Column("a", "first", "count", "births", "Births"),
               blocks.Column("b", "share", "pct", "", "", True)]  # fmt: skip
    made = sheets(
        blocks.table(pd.DataFrame({"p": ["a"], "a": [1], "b": [(0.5, 0.4, 0.6)]}), columns=columns), lang="en"
    )

    assert made[0].heads == ("Place", "Births: first (births)", "share", "share: lower", "share: upper")


def test_heads_differ_whatever_their_case():
    frame = pd.DataFrame({"p": ["x"], "a": [1], "b": [2], "c": [3]})
    columns = [
        blocks.Column("p", "P"),
        *(blocks.Column(k, h, "count") for k, h in zip("abc", ("n", "N", "n"), strict=True)),
    ]

    assert sheets(blocks.table(frame, columns=columns))[0].heads == ("P", "n", "N 2", "n 3")


@given(st.text(min_size=0, max_size=60), st.lists(st.text(min_size=1, max_size=31), max_size=4))
def test_every_sheet_name_is_valid_and_new(words, taken):
    name = sheet_name(words, taken)

    assert 1 <= len(name.encode("utf-16-le", "surrogatepass")) // 2 <= LONGEST_NAME
    assert not set(name) & set("[]:*?/\\'")
    assert name.casefold() not in {other.casefold() for other in taken}


def test_a_long_name_is_cut_between_words():
    assert (
        sheet_name("Table 1 " + string.ascii_lowercase[:12] + " births by township", [])
        == "Table 1 abcdefghijkl births by"
    )


@pytest.mark.parametrize(("value", "kind", "form"), [(1, "pct", '[<0.9995]0.0%;[<1]">99.9%";0%'), (0, "pct", "0%"),
                                                    (1.2, "pct", "0.0%"), (3, "no such kind", "General")])  # fmt: skip
def test_formats_print_as_the_report_does(value, kind, form):
    assert pattern(value, kind, "zh") == form


def test_a_plain_html_table_is_read_and_an_odd_one_is_not():
    plain = "<table><tr><th></th><th>a</th></tr><tr><td>x &amp; y</td><td>12.5</td></tr></table>"
    read = read_grid(Output("text/html", plain), "en")

    assert [column.label for column in read.columns] == ["Column 1", "a"]
    assert read.values == (("x & y", 12.5),)
    assert read_grid(Output("text/html", plain.replace("<td>x", '<td rowspan="2">x')), "en") is None
    assert read_grid(Output("text/plain", "x"), "en") is None

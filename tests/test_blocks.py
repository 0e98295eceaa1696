"""The document model: every block survives JSON, shows itself in JupyterLab, and gives equal bytes."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import nbformat
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpanalysis import blocks
from fpanalysis.blocks import BLOCKS, MIME, Column, csv_text, from_bundle, from_json, table, to_json
from fpanalysis.errors import FpError

FRAME = pd.DataFrame({"place": ["鄚州镇", "合计"], "births": [12, 340], "share": [0.5, np.nan]})
TABLE = table(
    FRAME, columns=[Column("place", "地区"), Column("births", "出生", "count", "人"), Column("share", "占比", "pct")]
)
EXAMPLES = {
    "meta": blocks.meta("报告", lang="zh", office="某局", synthetic=True),
    "heading": blocks.heading("一、出生", 3),
    "prose": blocks.prose("出生**减少**[^a]。"),
    "cards": blocks.facts(
        [blocks.fact("出生", "5,584人", raw=5584.0, key="births"), {"label": "性别比", "value": "106.0"}]
    ),
    "table": TABLE,
    "figure": blocks.Figure("<svg></svg>", "出生减少。", "图", "登记", ("注",), TABLE, "births"),
    "ledger": blocks.Ledger("renqiu", "2018H1", ("place,value", "renqiu,1"), (("renqiu", "任丘市", "Renqiu"),)),
}


def test_there_is_an_example_of_every_block():
    assert list(BLOCKS) == list(EXAMPLES)


@pytest.mark.parametrize("block", EXAMPLES.values(), ids=EXAMPLES)
def test_a_block_survives_json(block):
    carried = json.loads(json.dumps(to_json(block), allow_nan=False))

    assert block == from_json(carried)


@pytest.mark.parametrize("block", EXAMPLES.values(), ids=EXAMPLES)
def test_a_block_survives_a_notebook(block):
    output = nbformat.v4.new_output("display_data", data=block._repr_mimebundle_())
    cell = nbformat.v4.new_code_cell("x", id="a", outputs=[output])
    text = nbformat.writes(nbformat.v4.new_notebook(cells=[cell]))

    assert block == from_bundle(nbformat.reads(text, as_version=4).cells[0].outputs[0].data)


@pytest.mark.parametrize("block", EXAMPLES.values(), ids=EXAMPLES)
def test_a_block_shows_itself_beside_its_json(block):
    bundle = block._repr_mimebundle_()

    assert bundle == block._repr_mimebundle_()
    assert bundle["text/plain"]
    assert set(bundle) & {"text/html", "text/markdown", "image/svg+xml"}


@pytest.mark.parametrize("block", EXAMPLES.values(), ids=EXAMPLES)
def test_a_block_is_frozen(block):
    with pytest.raises(FrozenInstanceError):
        block.id = "other"


def test_a_drawing_stands_in_the_bundle_once():
    bundle = EXAMPLES["figure"]._repr_mimebundle_()

    assert "svg" not in bundle[MIME]
    assert bundle["image/svg+xml"] == "<svg></svg>"


def test_an_ordinary_output_is_no_block():
    assert from_bundle({"text/plain": "1"}) is None


def test_a_table_prints_by_kind_and_keeps_the_raw_values():
    assert (("鄚州镇", "12", "50.0%"), ("合计", "340", "–")) == TABLE.texts
    assert (("鄚州镇", 12, 0.5), ("合计", 340, None)) == TABLE.values


def test_an_interval_is_printed_behind_its_value():
    frame = pd.DataFrame({"place": ["a"], "srb": [(109.84, 103.2, 116.9)]})
    made = table(frame, columns=[Column("place", "Place"), Column("srb", "Ratio", "n1", interval=True)], lang="en")

    assert (("a", "109.8 (103.2–116.9)"),) == made.texts
    assert csv_text(made, "en") == "Place,Ratio,Ratio lower,Ratio upper\r\na,109.84,103.2,116.9\r\n"


def test_the_input_is_unchanged():
    before = FRAME.copy()
    table(FRAME)

    pd.testing.assert_frame_equal(before, FRAME)


def test_headings_may_be_given_by_name():
    made = table(FRAME, columns={"births": "出生"})

    assert [Column("births", "出生", "count")] == list(made.columns)


def test_a_unit_that_all_share_is_stated_once():
    columns = (Column("place", "地区"), Column("a", "一", "count", "人"), Column("b", "二", "count", "人"))
    made = blocks.Table(columns, (), ())

    assert made.unit == "人"
    assert made.head_unit(columns[1]) == ""


def test_a_unit_that_a_group_shares_is_stated_at_the_group():
    columns = (Column("place", "地区"), Column("a", "一", "count", "人", "出生"), Column("b", "二", "count", "人", "出生"),
               Column("c", "金额", "n2", "元"))  # fmt: skip
    made = blocks.Table(columns, (), ())

    assert (("", 1, ""), ("出生", 2, "人"), ("", 1, "元")) == made.groups
    assert ["", "", "", "元"] == [made.head_unit(column) for column in columns]


def test_csv_keeps_fen_and_small_numbers():
    frame = pd.DataFrame({"name": ["a", "b"], "value": [3054720.55, 1.5e-9]})

    assert csv_text(table(frame)) == "name,value\r\na,3054720.55\r\nb,1.5e-09\r\n"


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_csv_holds_no_formula(formula):
    made = table(pd.DataFrame({"name": [formula], "n": [-1]}))

    assert csv_text(made) == f"name,n\r\n'{formula},-1\r\n"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.text(), st.floats() | st.none() | st.integers())))
def test_any_table_survives_json(rows):
    made = table(
        pd.DataFrame(rows, columns=["name", "value"], dtype=object), columns=[Column("name", "n"), Column("value", "v")]
    )

    assert made == from_json(json.loads(json.dumps(to_json(made), allow_nan=False)))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: blocks.heading("x", 1), "level 1 does not exist, expected 2, 3 or 4"),
        (lambda: blocks.meta("x", lang="fr"), "language 'fr' does not exist"),
        (lambda: blocks.meta("x", lang="zh", ofice="y"), "no field 'ofice'; did you mean 'office'?"),
        (lambda: blocks.meta(" ", lang="zh"), "title is empty"),
        (lambda: table(FRAME, columns=[Column("birth", "x")]), "no column 'birth'; did you mean 'births'?"),
        (lambda: blocks.figure(None, caption="x", alt=" "), "needs an alt text"),
        (lambda: from_json({"block": "tabel"}), "block 'tabel' does not exist; did you mean 'table'?"),
        (lambda: from_json({"block": "heading", "txt": "x"}), "no field 'txt'; did you mean 'text'?"),
    ],
)
def test_errors_say_what_was_meant(wrong, words):
    with pytest.raises(FpError) as raised:
        wrong()

    assert words in str(raised.value)


def test_a_raw_value_keeps_twelve_digits():
    assert 0.0345307598099 == blocks.raw_value(0.034530759809863865)

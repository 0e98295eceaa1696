"""Tables from result rows: order, words, formats, intervals, groups, suppression."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from fpanalysis import results, tables
from fpanalysis.errors import FpError

NAMES = {"鄚州镇": "Maozhou", "青塔乡": "Qingta", "renqiu": "Renqiu"}


def row(measure, place="鄚州镇", period="2018H1", **numbers):
    return {"place": place, "period": period, "measure": measure, "method": "count", **numbers}


RATIOS = results.rows(
    [row("srb", "renqiu", count=2873, total=5584, value=105.97, lower=100.6, upper=111.7),
     row("srb", "青塔乡", count=10, total=19, value=111.1, lower=40.0, upper=300.0),
     row("srb", "鄚州镇", count=12, total=12, value=math.inf, lower=300.2, upper=math.inf)]
)  # fmt: skip


def test_rows_stand_in_the_order_of_the_names_and_the_total_last():
    made = tables.wide(RATIOS, ["srb"], lang="en", names={"renqiu": "Renqiu", **NAMES}, total="renqiu")

    assert ["Maozhou", "Qingta", "Renqiu"] == [line[0] for line in made.texts]
    assert made.total


def test_the_order_of_the_results_does_not_matter():
    turned = tables.wide(RATIOS[::-1], ["srb"], lang="en", names=NAMES)

    assert tables.wide(RATIOS, ["srb"], lang="en", names=NAMES) == turned


def test_an_interval_is_printed_behind_its_value():
    made = tables.wide(RATIOS, ["srb"], lang="en", names=NAMES)

    assert ["∞ (300.2–∞)", "111.1 (40.0–300.0)", "106.0 (100.6–111.7)"] == [line[1] for line in made.texts]
    assert made.values[2][1] == (105.97, 100.6, 111.7)


def test_an_interval_of_no_width_is_not_printed():
    made = tables.wide(
        results.rows([row("births_corrected", value=12, lower=12, upper=12)]), ["births_corrected"], lang="en"
    )

    assert made.texts[0][1] == "12"


def test_other_numbers_of_a_row_are_asked_for_by_name():
    made = tables.wide(RATIOS, ["srb", "srb@total"], lang="en", names=NAMES, intervals=False)

    assert ("Renqiu", "106.0", "5,584") == made.texts[2]
    assert (("", 1, ""), ("Sex ratio at birth", 2, "")) == made.groups


def test_a_missing_cell_is_a_dash():
    some = results.rows([row("births", count=3), row("registered", "青塔乡", count=4)])
    made = tables.wide(some, ["births", "registered"], lang="zh")

    assert (("鄚州镇", "3", "–"), ("青塔乡", "–", "4")) == made.texts
    assert (("鄚州镇", 3, None), ("青塔乡", None, 4)) == made.values


def test_columns_of_one_indicator_stand_under_its_name():
    some = results.rows([row("births", count=3), row("births/order1", count=1), row("srb", value=106.0)])
    made = tables.wide(some, ["births", "births/order1", "srb"], lang="en")

    assert ["All", "first births", "Sex ratio at birth"] == [column.label for column in made.columns[1:]]
    assert ["", "Births (by month of birth)", ""] == [name for name, _, _ in made.groups]


def test_columns_of_one_breakdown_stand_under_it():
    some = results.rows([row("roll_new/rural_award", count=3), row("roll_exits/rural_award", count=1)])
    made = tables.wide(
        some, ["roll_new/rural_award", "roll_exits/rural_award"], lang="en", names={"rural_award": "Rural award"}
    )

    assert ["New on the roll", "Left the roll"] == [column.label for column in made.columns[1:]]
    assert made.groups[1][0] == "Rural award"


def test_headings_can_be_given():
    made = tables.wide(RATIOS, ["srb"], lang="en", heads={"srb": "Ratio"})

    assert made.columns[1].label == "Ratio"


def test_a_suppressed_cell_is_a_mark_that_is_explained():
    hidden = row("roll_exits/rural_award", count=math.nan, note=results.note("note.suppressed", smallest=3))
    made = tables.wide(results.rows([hidden]), ["roll_exits/rural_award"], lang="en")

    assert made.texts[0][1] == "*"
    assert made.values[0][1] is None
    assert made.notes[-1].startswith("* ")


def test_periods_can_be_rows():
    some = results.rows([row("births", period="2018-05", count=3), row("births", period="2018-06", count=4)])

    assert (("May 2018", "3"), ("June 2018", "4")) == tables.wide(some, ["births"], lang="en", rows="period").texts


def test_two_results_for_one_cell_are_refused():
    with pytest.raises(FpError, match="several results for 鄚州镇, births: pick one period"):
        tables.wide(results.rows([row("births", count=1)] * 2), ["births"], lang="zh")


def test_no_results_make_an_empty_table():
    assert tables.wide(results.empty(), ["births"], lang="zh").texts == ()
    assert tables.long(results.empty(), lang="zh").texts == ()


def test_long_shows_what_tells_rows_apart():
    some = results.rows([row("births", count=3), row("registered_on_time", value=0.5, p=0.0004)])
    made = tables.long(some, lang="en")

    assert ["measure", "value", "unit", "p"] == [column.key for column in made.columns]
    assert ["3", "50.0%"] == [line[1] for line in made.texts]
    assert ["–", "<0.001"] == [line[3] for line in made.texts]


def test_long_refuses_an_unknown_column():
    with pytest.raises(FpError, match="column 'valeu' does not exist; did you mean 'value'"):
        tables.long(RATIOS, lang="en", columns=["valeu"])


def test_cross_has_a_row_for_each_breakdown():
    some = results.rows([row("roll_new/a", count=3), row("roll_new/b", count=4), row("roll_exits/a", count=1)])
    made = tables.cross(some, ["roll_new", "roll_exits"], lang="en", names={"a": "A", "b": "B"})

    assert (("A", "3", "1"), ("B", "4", "–")) == made.texts


def test_across_has_a_column_for_each_period():
    some = results.rows([row("births", period="2017H2", count=9), row("births", period="2018H1", count=7),
                         row("births", "renqiu", "2018H1", count=20)])  # fmt: skip
    made = tables.across(some, "births", periods=["2017H2", "2018H1"], lang="en", names=NAMES, total="renqiu")

    assert ["Place", "second half of 2017", "first half of 2018"] == [column.label for column in made.columns]
    assert ("9", "7") == made.texts[0][1:] and ("–", "20") == made.texts[-1][1:]
    assert made.total and made.unit


def test_an_indicator_about_another_prints_as_that():
    assert tables.measure_kind("peer/registered_on_time") == "pct"
    assert tables.measure_unit("peer/srb", "en") == "boys per 100 girls"


def test_the_results_are_unchanged():
    before = RATIOS.copy()
    tables.wide(RATIOS, ["srb"], lang="zh", names=NAMES)

    pd.testing.assert_frame_equal(before, RATIOS)

"""Which native chart a figure gets, and that it is drawn from the cells."""

from __future__ import annotations

import pandas as pd
import pytest

from fpanalysis.blocks import Column, Table, table
from fpanalysis.publish.charts import FORMS, Plot, chart_notes, plot_of
from fpanalysis.publish.sheets import Cell, Sheet


def sheet(made: Table) -> Sheet:
    """A sheet with the cells of a table, as a figure has them: missing is empty."""
    rows = []
    for values in made.values:
        flat = [part for value in values for part in (value if isinstance(value, tuple) else (value,))]
        rows.append(tuple(Cell(value, str(value)) for value in flat))
    heads = tuple(f"{column.label} {end}" for column in made.columns for end in range(3 if column.interval else 1))
    return Sheet("s", "figure", "图1", "图", made, heads, tuple(rows))


def of(stub, key="place", total=False, **columns):
    frame = pd.DataFrame(
        {key: stub, **{name: pd.Series(values, dtype=object) for name, (values, *_) in columns.items()}}
    )
    typed = [
        Column(key, "名"),
        *(Column(name, name, kind, interval=bool(rest)) for name, (_, kind, *rest) in columns.items()),
    ]
    return sheet(table(frame, columns=typed, total=total))


def test_months_are_lines_of_the_kind_that_most_columns_have():
    made = of(["2018年6月", "2018年7月", "2018年下半年"], "period", a=([1, 2, 3], "count"), s=([0.5, 0.6, 0.7], "pct"),
              b=([1, 2, 3], "count"))  # fmt: skip

    assert plot_of(made, "zh") == Plot("line", (1, 3), 0, 1)


def test_named_rows_with_an_interval_are_dots():
    made = of(["a", "b"], n=([5, 6], "count"), r=([(100, 90, 110), (101, 95, 108)], "n1", True))

    assert plot_of(made, "zh") == Plot("dots", (2,), 0, 1)
    assert len(chart_notes(made, plot_of(made, "zh"), "zh")) == 1


def test_other_named_rows_are_bars_without_the_total():
    assert plot_of(of(["a", "b", "all"], total=True, n=([5, 6, 11], "count")), "zh") == Plot("bars", (1,), 0, 1)


def test_a_mark_in_a_plotted_cell_makes_bars_because_text_is_drawn_as_zero():
    made = of(["a", "b"], r=([(100, 90, "inf"), (101, 95, 108)], "n1", True))

    assert plot_of(made, "zh").form == "bars"


def test_words_alone_have_no_chart():
    assert plot_of(of(["a"], w=(["x"], "text")), "zh") is None


@pytest.mark.parametrize("form", ["line", "dots", "bars"])
def test_every_form_can_be_drawn(form):
    assert callable(FORMS[form])

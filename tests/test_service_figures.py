"""Small drawings of the services: what is drawn where, and the same in words."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from fpanalysis import results, wording
from fpanalysis.funnels import standing
from fpanalysis.plan_path import paths
from fpanalysis.service_figures import HIGHEST, PANELS, alt_peers, alt_plan_path, plot_peers, plot_plan_path

PERIOD = {"place": "x", "period": "2018H1"}
MEASURES = ["checkups/preconception", "checkups/reproductive", "activity/inspection", "activity/study_session"]
YEAR = {**PERIOD, "measures": MEASURES}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def walked(number: int = 1) -> pd.DataFrame:
    """A county with some targets, two past years and half of this one."""
    months = pd.period_range("2016-01", "2018-06", freq="M")
    measures = MEASURES[:number]
    monthly = pd.concat([pd.DataFrame({"measure": m, "month": months, "count": 100}) for m in measures])
    plan = pd.DataFrame({"period": "2018", "measure": measures, "target": 1000.0})
    return paths(monthly, plan, period="2018H1", county="x", last=months[-1], rng=np.random.default_rng(1))


def compared(measure: str = "registered_on_time") -> pd.DataFrame:
    peers = pd.DataFrame([(f"c{i}", 880 + 5 * i, 1000) for i in range(8)], columns=["county", "count", "total"])
    peers = peers.assign(county_en="", period="2018H1", measure=measure)
    own = results.rows(
        [{"place": "x", "period": "2018H1", "measure": measure, "count": 600, "total": 1000, "value": 0.6}]
    )
    return standing(peers, own, period="2018H1", before="2017H1", county="x")


@pytest.mark.parametrize("lang", wording.LANGS)
def test_the_walked_path_ends_at_the_share_done(lang):
    drawing = plot_plan_path(walked(), **YEAR, lang=lang)
    usual, done = drawing.axes[0].lines[:2]

    assert (6, 0.6) == (done.get_xdata()[-1], pytest.approx(done.get_ydata()[-1]))
    assert (12, 1.0) == (usual.get_xdata()[-1], usual.get_ydata()[-1])


def test_the_panels_share_one_scale_and_are_at_most_three():
    drawing = plot_plan_path(walked(4), **YEAR, lang="en")

    assert PANELS == len(drawing.axes)
    assert 1 == len({ax.get_ylim() for ax in drawing.axes})


def test_a_wide_interval_is_cut_off_inside_the_panel():
    table = walked()
    table.loc[table["measure"].str.startswith("plan_forecast"), "upper"] = 99_000
    ax = plot_plan_path(table, **YEAR, lang="en").axes[0]

    assert ax.get_ylim()[1] <= HIGHEST * 1.1
    assert max(line.get_ydata()[-1] for line in ax.lines) <= ax.get_ylim()[1]
    assert [HIGHEST] == [line.get_ydata()[0] for line in ax.lines if line.get_marker() == "^"]


def test_an_interval_that_fits_has_both_its_ends_drawn():
    table = walked()
    row = results.pick(table, measure="plan_forecast/*").iloc[0]
    ends = [
        line.get_ydata()[0]
        for line in plot_plan_path(table, **YEAR, lang="en").axes[0].lines
        if line.get_marker() == "_"
    ]

    assert [row["lower"] / 1000, row["upper"] / 1000] == pytest.approx(ends)


@pytest.mark.parametrize("lang", wording.LANGS)
def test_the_words_stand_above_the_panels_in_the_colours_of_their_lines(lang):
    drawing = plot_plan_path(walked(3), **YEAR, lang=lang)
    drawing.canvas.draw()
    (legend,) = drawing.legends

    assert [wording.text(f"figure.path.{k}", lang) for k in ("usual", "walked", "expected")] == [
        t.get_text() for t in legend.get_texts()
    ]
    assert 3 == len({t.get_color() for t in legend.get_texts()})
    assert not any(ax.texts for ax in drawing.axes)
    assert all(legend.get_window_extent().y0 >= ax.get_window_extent().y1 for ax in drawing.axes)


def test_only_the_targets_asked_for_are_drawn():
    assert 1 == len(plot_plan_path(walked(3), **PERIOD, measures=MEASURES[:1], lang="en").axes)


def test_the_words_say_what_is_drawn():
    said = alt_plan_path(walked(), **YEAR, lang="en")

    assert said.startswith("People examined, free pre-conception check-ups: 60.0% of the plan done by June 2018")


def test_the_own_county_is_a_square_and_named():
    drawing = plot_peers(compared(), **PERIOD, lang="en", measures=["registered_on_time"], names={"x": "Xian"})
    squares = [line for line in drawing.axes[0].lines if line.get_marker() == "s"]

    assert [0.6] == list(squares[0].get_ydata())
    assert ["Xian"] == [t.get_text() for t in drawing.axes[0].texts]


def test_the_limits_drawn_are_those_of_the_rows():
    table = compared()
    drawing = plot_peers(table, **PERIOD, lang="en", measures=["registered_on_time"], names={})
    row = results.pick(table, place="x", measure="peer_funnel/registered_on_time/95").iloc[0]
    lower = drawing.axes[0].lines[0]

    assert row["lower"] == pytest.approx(np.interp(1000, lower.get_xdata(), lower.get_ydata()), rel=0.01)


@pytest.mark.parametrize(("lang", "word"), [("zh", "95%界限之外"), ("en", "outside the 95% limits")])
def test_the_words_say_on_which_side_the_county_lies(lang, word):
    assert word in alt_peers(compared(), **PERIOD, lang=lang, measures=["registered_on_time"], names={})


@pytest.mark.parametrize("lang", wording.LANGS)
def test_nothing_to_draw_says_so(lang):
    empty = results.empty()
    plot_plan_path(empty, **YEAR, lang=lang)
    plot_peers(empty, **PERIOD, lang=lang, measures=[], names={})

    assert alt_plan_path(empty, **YEAR, lang=lang)
    assert alt_peers(empty, **PERIOD, lang=lang, measures=["registered_on_time"], names={})

"""Figures are tested through their Axes and their words: what stands where, also with missing or no rows."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from fpanalysis import figures, results
from fpanalysis.errors import FpError
from fpanalysis.wording import LANGS, text

NAMES = {"鄚州镇": "鄚州镇", "青塔乡": "Qingta", "renqiu": "任丘市"}
TOWNS = {place: name for place, name in NAMES.items() if place != "renqiu"}
MONTHS = pd.period_range("2016-07", "2018-06", freq="M")


def row(measure, place="renqiu", period="2018H1", **numbers):
    return {"place": place, "period": period, "measure": measure, "method": "count", **numbers}


def _births():
    known = [row("births", place, str(m), count=900 + n) for place in NAMES for n, m in enumerate(MONTHS)]
    late = [row("births_completeness", period=str(m), value=0.98 if m < MONTHS[-2] else 0.7) for m in MONTHS]
    fixed = [row("births_corrected", period=str(m), count=900 + n, value=900 + n, lower=890, upper=990)
             for n, m in enumerate(MONTHS)]  # fmt: skip
    ahead = [row("births_forecast", period=str(m), value=950, lower=900 - wide, upper=1000 + wide) | {"method": method}
             for m in pd.period_range("2018-07", periods=6, freq="M") for method, wide in (("gp-80", 0), ("gp-95", 50))]  # fmt: skip
    halves = [
        row("births", place, key, count=n)
        for place, n in (("鄚州镇", 30), ("青塔乡", 40))
        for key in ("2017H1", "2018H1")
    ]
    total = [row("births_expected", count=5500, value=5400, lower=5000, upper=5800) | {"method": "gp-95"}]
    return known + late + fixed + ahead + halves + total


def _ratios():
    numbers = [("renqiu", "srb", 106.0, 100.6, 111.7), ("renqiu", "srb/order3", 160.0, 130.0, 190.0),
               ("青塔乡", "srb", 80.0, 60.0, 105.0), ("鄚州镇", "srb", 110.0, 90.0, 135.0)]  # fmt: skip
    return [row(m, p, count=60, total=120, value=v, lower=low, upper=high) for p, m, v, low, high in numbers]


def _judged(place, key):
    """The results with a verdict on the sex ratio of one township."""
    return RESULTS.assign(note=RESULTS["note"].mask(RESULTS["place"].eq(place) & RESULTS["measure"].eq("srb"),
                                                    results.note(f"note.srb.{key}")))  # fmt: skip


def _funnel():
    about = row("srb_funnel", count=2, total=600, value=106.0, lower=1.0, upper=0.0) | {"method": "funnel_none"}
    points = [("青塔乡", 200, 98.0), ("鄚州镇", 400, 175.0)]
    limits = {"funnel-95": (85.0, 132.0), "funnel-99.8": (72.0, 156.0)}
    return [about] + [row(m.replace("funnel-", "srb_funnel/"), p, count=n / 2, total=n, value=v, lower=low, upper=high) | {"method": m}
                      for p, n, v in points for m, (low, high) in limits.items()]  # fmt: skip


RESULTS = results.rows(
    _births() + _ratios() + _funnel()
    + [row(f"pay_class/rural_award/{name}", count=n) for name, n in (("matched", 90), ("unpaid", 3), ("late", 0))]
    + [row("entitled_amount/rural_award", value=90240.0), row("pay_amount/rural_award", value=88320.0)]
    + [row(f"pay_class_amount/rural_award/{name}", value=n) for name, n in (("unpaid", 2880.0), ("paid_twice", -960.0))]
    + [row("plan_share/checkups/preconception", count=2886, total=5600, value=2886 / 5600)]
)  # fmt: skip
PLOTS = {
    "births": (figures.plot_births, figures.alt_births, {"place": "renqiu", "period": "2018H1"}),
    "sex_ratio": (figures.plot_sex_ratio, figures.alt_sex_ratio, {"county": "renqiu", "names": NAMES}),
    "funnel": (figures.plot_funnel, figures.alt_funnel, {"county": "renqiu", "names": NAMES}),
    "classes": (figures.plot_classes, figures.alt_classes, {"place": "renqiu"}),
    "bridge": (figures.plot_bridge, figures.alt_bridge, {"place": "renqiu"}),
    "small_multiples": (
        figures.plot_small_multiples,
        figures.alt_small_multiples,
        {"names": TOWNS, "periods": ["2017H1", "2017H2", "2018H1"]},
    ),
}
MISSING = RESULTS.assign(count=np.nan, total=np.nan, value=np.nan, lower=np.nan, upper=np.nan)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def words(ax) -> str:
    ax.figure.draw_without_rendering()
    labels = [*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels(), ax.xaxis.label, ax.title, ax._left_title]
    return "\n".join(label.get_text() for label in labels)


def test_every_plot_is_tested():
    public = {name.removeprefix("plot_") for name in figures.__all__ if name.startswith("plot_")}

    assert public == set(PLOTS) == {name.removeprefix("alt_") for name in figures.__all__ if name.startswith("alt_")}


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_becomes_well_formed_svg_with_ids_of_its_own(name, lang):
    plot, _, given = PLOTS[name]
    svg = figures.to_svg(plot(RESULTS, lang=lang, **given), name)

    assert ET.fromstring(svg).tag.endswith("svg")
    assert all(found.startswith(f"{name}-") for found in re.findall(r'(?:id="|url\(#|href="#|class=")([^")]*)', svg))
    assert len(svg.encode()) < 21_000


@pytest.mark.parametrize("name", PLOTS)
def test_equal_results_give_equal_bytes(name):
    plot, _, given = PLOTS[name]

    assert figures.to_svg(plot(RESULTS, lang="zh", **given), "a") == figures.to_svg(
        plot(RESULTS, lang="zh", **given), "a"
    )


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("rows", [results.empty(), MISSING], ids=["empty", "missing"])
@pytest.mark.parametrize("name", PLOTS)
def test_without_data_a_plot_and_its_words_say_so(name, rows, lang):
    plot, alt, given = PLOTS[name]

    assert text("figure.no_data", lang) in words(plot(rows, lang=lang, **given))
    assert text("figure.no_data", lang).lower() in alt(rows, lang=lang, **given).lower()


@pytest.mark.parametrize(
    "measure", ["births", "births_corrected", "births_completeness", "births_forecast", "births_expected"]
)
def test_births_are_drawn_whatever_is_missing(measure):
    rows = RESULTS[RESULTS["measure"] != measure]
    svg = figures.to_svg(figures.plot_births(rows, place="renqiu", lang="en", period="2018H1"), "a")

    assert "NaN" not in svg and "nan" not in svg
    assert "nan" not in figures.alt_births(rows, place="renqiu", lang="en", period="2018H1")


def test_a_forecast_alone_is_drawn():
    rows = RESULTS[RESULTS["measure"] == "births_forecast"]

    assert "forecast" in words(figures.plot_births(rows, place="renqiu", lang="en"))


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_changes_neither_results_nor_settings(name):
    plot, _, given = PLOTS[name]
    rows, settings = RESULTS.copy(), dict(mpl.rcParams)
    plot(rows, lang="zh", **given)

    pd.testing.assert_frame_equal(RESULTS, rows)
    assert settings == dict(mpl.rcParams)


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_draws_on_given_axes(name):
    plot, _, given = PLOTS[name]
    _, ax = plt.subplots()

    assert plot(RESULTS, lang="zh", ax=ax, **given) is ax


def test_births_are_held_against_the_expectation():
    shown = words(figures.plot_births(RESULTS, place="renqiu", lang="en", period="2018H1"))

    assert "5,500 registered" in shown
    assert "expected 5,400 (5,000–5,800)" in shown


@pytest.mark.parametrize(("actual", "side"), [(5500, "within"), (5900, "above"), (4900, "below")])
def test_words_say_on_which_side_of_the_expectation_births_are(actual, side):
    rows = RESULTS.copy()
    rows.loc[rows["measure"] == "births_expected", ["count", "total"]] = actual

    assert f"{side} the 95% interval" in figures.alt_births(rows, place="renqiu", lang="en", period="2018H1")


def test_words_hold_births_corrected_for_late_registration_against_the_expectation():
    rows = RESULTS.copy()
    rows.loc[rows["measure"] == "births_expected", ["count", "total"]] = (4900, 5500)
    said = figures.alt_births(rows, place="renqiu", lang="en", period="2018H1")

    assert "5,500 births, corrected for late registration: within the 95% interval" in said


def test_incomplete_months_are_drawn_hollow():
    ax = figures.plot_births(RESULTS, place="renqiu", lang="en")
    hollow = [line for line in ax.lines if line.get_markerfacecolor() == "white"]

    assert [2] == [len(line.get_xdata()) for line in hollow]


def test_an_interval_that_leaves_out_the_reference_has_another_form():
    ax = figures.plot_sex_ratio(RESULTS, county="renqiu", lang="zh", names=NAMES)
    points = {line.get_marker(): list(line.get_xdata()) for line in ax.lines if line.get_marker() in ("o", "s")}

    assert {"o": [106.0, 110.0], "s": [160.0, 80.0]} == points


def test_townships_stand_in_the_order_of_the_names_not_of_their_ratio():
    ax = figures.plot_sex_ratio(RESULTS, county="renqiu", lang="zh", names=NAMES)

    assert ["任丘市", text("part.order3", "zh"), "鄚州镇", "Qingta"] == [
        label.get_text() for label in ax.get_yticklabels()
    ]


def test_a_ratio_without_girls_is_drawn_to_the_edge():
    rows = results.rows(
        [*_ratios()[:1], row("srb", "青塔乡", count=5, total=5, value=math.inf, lower=90.0, upper=math.inf)]
    )

    assert "∞" not in figures.to_svg(figures.plot_sex_ratio(rows, county="renqiu", lang="zh"), "a")


def test_a_drawing_fills_its_paper():
    """Neither rows that all hold the reference nor a second drawing leave an empty margin."""
    rows = results.rows([r for r in _ratios() if r["lower"] < 106.3 < r["upper"]])
    ax = figures.plot_sex_ratio(rows, county="renqiu", lang="zh", names=NAMES)
    ax.figure.draw_without_rendering()

    assert ax.xaxis.get_tightbbox().y0 < 8


def test_two_ratios_for_one_place_are_refused():
    with pytest.raises(FpError, match="pick one period"):
        figures.plot_sex_ratio(results.rows(_ratios() * 2), county="renqiu", lang="zh")


def test_classes_without_people_are_left_out():
    ax = figures.plot_classes(RESULTS, place="renqiu", lang="en")

    assert [text("class.unpaid", "en")] == [label.get_text() for label in ax.get_yticklabels()]
    assert "90 of 93 people agree" in words(ax)


def test_full_agreement_is_said():
    rows = results.rows([row("pay_class/rural_award/matched", count=9)])

    assert "All 9 people agree" in words(figures.plot_classes(rows, place="renqiu", lang="en"))
    assert "all 9 people agree" in figures.alt_classes(rows, place="renqiu", lang="en")


def test_small_multiples_share_one_scale():
    """Heights above the base line are in proportion; the county, whose scale is another, is not among them."""
    ax = figures.plot_small_multiples(RESULTS, lang="en", **PLOTS["small_multiples"][2])
    base, curves = ax.lines[0].get_ydata(), ax.lines[1].get_ydata()
    heights = [curves[n] - base[0] for n in (2, 6)]

    assert 30 / 40 == pytest.approx(heights[0] / heights[1])


def test_a_hidden_figure_leaves_a_gap_and_a_dash():
    rows = RESULTS[
        ~((RESULTS["place"] == "青塔乡") & (RESULTS["period"] == "2018H1") & (RESULTS["measure"] == "births"))
    ]
    ax = figures.plot_small_multiples(rows, lang="en", **PLOTS["small_multiples"][2])

    assert "Qingta –" in words(ax)
    assert "most in 鄚州镇 (30), fewest in 鄚州镇 (30)" in figures.alt_small_multiples(
        rows, lang="en", **PLOTS["small_multiples"][2]
    )


def test_a_rare_character_is_written_as_a_letter():
    svg = figures.to_svg(figures.plot_small_multiples(RESULTS, lang="zh", **PLOTS["small_multiples"][2]), "a")

    assert ">鄚州镇 30</text>" in svg


def test_a_character_that_no_font_has_is_refused():
    _, ax = plt.subplots()
    ax.set_title("\U0001f476")

    with pytest.raises(FpError, match="the font lacks a character"):
        figures.to_svg(ax, "a")


def test_a_number_in_words_is_left_as_it_is():
    _, ax = plt.subplots()
    ax.set_title("12.3456")

    assert ">12.3456</text>" in figures.to_svg(ax, "a")


def test_the_funnel_names_only_what_lies_beyond_the_outer_limits_and_is_a_finding():
    terms, found = {"county": "renqiu", "lang": "en", "names": NAMES}, _judged("鄚州镇", "high")
    shown = words(figures.plot_funnel(found, **terms))

    assert "鄚州镇" in shown
    assert "Qingta" not in shown
    assert "allowing for all tests: 鄚州镇" in figures.alt_funnel(found, **terms)


@pytest.mark.parametrize("key", ["alone", "cannot_tell"])
def test_the_funnel_names_nobody_whom_all_tests_together_do_not_name(key):
    terms, found = {"county": "renqiu", "lang": "en", "names": NAMES}, _judged("鄚州镇", key)

    assert "鄚州镇" not in words(figures.plot_funnel(found, **terms))
    assert "鄚州镇" not in figures.alt_funnel(found, **terms)


def test_the_funnel_says_how_many_lie_outside():
    alt = figures.alt_funnel(RESULTS, county="renqiu", lang="en", names=NAMES)

    assert "Funnel of 2 townships around 106.0: outside the 95% limits 1" in alt


def test_two_funnels_in_one_table_are_refused():
    with pytest.raises(FpError, match="several funnels"):
        figures.plot_funnel(results.rows(_funnel() * 2), county="renqiu", lang="zh")


def test_a_township_whose_verdict_is_chance_is_not_marked():
    rows = results.rows([r | {"note": results.note("note.srb.alone")} for r in _ratios()])
    alt = figures.alt_sex_ratio(rows, county="renqiu", lang="en", names=NAMES)
    told = results.rows([r | {"note": results.note("note.srb.high")} for r in _ratios()])

    assert "Of 2 townships, 0 differ" in alt
    assert "Of 2 townships, 2 differ" in figures.alt_sex_ratio(told, county="renqiu", lang="en", names=NAMES)


def test_a_first_drawing_can_be_had_in_advance_and_leaves_nothing_behind():
    settings = dict(mpl.rcParams)
    alone = figures.to_svg(figures.plot_births(RESULTS, place="renqiu", lang="zh"), "a")

    figures.warm()

    assert settings == dict(mpl.rcParams)
    assert not plt.get_fignums()
    assert figures.to_svg(figures.plot_births(RESULTS, place="renqiu", lang="zh"), "a") == alone


def test_a_font_that_does_not_say_how_high_it_is_is_left_to_matplotlib(tmp_path):
    from fontTools.ttLib import TTFont

    with TTFont(mpl.font_manager.findfont("DejaVu Sans")) as font:
        del font["OS/2"]
        font.save(tmp_path / "bare.ttf")

    font = mpl.font_manager.FontProperties(fname=tmp_path / "bare.ttf")

    assert figures._heights(font) == (None, None, None)

"""Figures of a report: `plot_*` draws result rows on matplotlib Axes, `alt_*` says in words what is seen there.

Lines and dots are named where they stand instead of in a legend, and told apart by form as well as colour, so that
a grey print and a colour-blind reader lose nothing (Okabe and Ito, "Color universal design", 2008). Ratios stand on
a logarithmic scale: 80 and 125 are equally far from 100. Empty or missing rows are drawn as "no data". Drawings are
5.8 inches wide with 11 pt letters: legible on a telephone, in a column and on A4.
"""

from __future__ import annotations

import functools
import io
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np
import pandas as pd

from .drawing import tidy
from .errors import FpError
from .periods import parse_period
from .results import by_row, pick, read_note
from .stats import funnel_limits, ratio_to_share, share_to_ratio
from .typeface import font_files, register_matplotlib
from .wording import LANGS, format_value, has, period_label, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing
    from matplotlib.font_manager import FontProperties

__all__ = [
    "alt_births",
    "alt_bridge",
    "alt_classes",
    "alt_funnel",
    "alt_sex_ratio",
    "alt_small_multiples",
    "plot_births",
    "plot_bridge",
    "plot_classes",
    "plot_funnel",
    "plot_sex_ratio",
    "plot_small_multiples",
    "to_svg",
    "warm",
]

P = ParamSpec("P")
Heights = tuple[float | None, float | None, float | None]

MISSING = "–"
WIDTH = 5.8
PANEL = (0.9, 0.56)
"""Width and height of a small panel in its cell."""
ROW = 0.27
INK, GREY, PALE, RULE = "#1c2733", "#566270", "#9aa5b1", "#dde3e9"
BLUE, FAN, FAN_WIDE, ORANGE = "#1b4f80", "#a9c1da", "#d6e2ee", "#b34700"
COMPLETE = 0.98
ORDERS = ("srb", "srb/order1", "srb/order2", "srb/order3")
TICKS = (25, 40, 50, 60, 70, 80, 90, 100, 110, 120, 140, 160, 200, 250, 300, 400)
WIDEST = (45.0, 240.0)
TOLD = {f"note.srb.{verdict}" for verdict in ("high", "low", "above", "below", "inside")}
"""Verdicts on a sex ratio that are more than chance, after allowing for all tests."""
FUNNEL = ((0.95, (0, (4, 2))), (0.998, "-"))
"""Limits of the funnel and how their lines are drawn: inner, outer."""
FALLBACK = "'FPA Sans','Noto Sans CJK SC','Microsoft YaHei','PingFang SC',sans-serif"


def _style() -> Mapping[str, Any]:
    return _style_in(*sorted(font_files().items()))


@functools.cache
def _style_in(*files: tuple[str, Path]) -> Mapping[str, Any]:
    return {
        "font.family": register_matplotlib(dict(files)),
        "font.size": 11,
        "text.color": INK,
        "axes.labelcolor": GREY,
        "axes.edgecolor": PALE,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 11,
        "axes.labelsize": 10.5,
        "xtick.color": PALE,
        "ytick.color": PALE,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.labelsize": 10.5,
        "ytick.labelsize": 10.5,
        "figure.constrained_layout.h_pad": 0.03,
        "figure.constrained_layout.w_pad": 0.03,
        "svg.fonttype": "none",
    }


def _styled(plot: Callable[P, Axes]) -> Callable[P, Axes]:
    """Return a plot function that draws in the house style and leaves matplotlib's settings as they were."""

    @functools.wraps(plot)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Axes:
        import matplotlib as mpl

        with mpl.rc_context(_style()):
            return plot(*args, **kwargs)

    return drawn


@_styled
def plot_births(
    results: pd.DataFrame,
    *,
    place: str,
    lang: str,
    period: str = "",
    months: int = 60,
    ax: Axes | None = None,
) -> Axes:
    """Return monthly births of a place: known, corrected for late registration, and the forecast with its fan.

    Reads births, births_corrected, births_completeness and births_forecast (methods ending in -80, -95) by month,
    and births_expected of `period`, which is marked. At most the last `months` of history are drawn.
    """
    known, corrected = _history(results, place, months)
    ahead = {
        level: _monthly(results, place, "births_forecast", level).dropna(subset=["value"]) for level in ("80", "95")
    }
    ax = _axes(ax, 3.3)
    if known.empty and all(rows.empty for rows in ahead.values()):
        return _no_data(ax, lang)
    _mark_period(ax, results, place, period, lang)
    _draw_history(ax, known, corrected, _incomplete(results, place, known, corrected), lang)
    _draw_fan(ax, known, corrected, ahead, lang)
    _month_axis(ax, [*known.index, *ahead["95"].index, *ahead["80"].index])
    low, high = ax.get_ylim()
    ax.set_ylim(max(0.0, low - 0.04 * (high - low)), high + (0.3 if period else 0.08) * (high - low))
    _y_title(ax, text("figure.births.axis", lang))
    return _finish(ax, lang)


def alt_births(
    results: pd.DataFrame, *, place: str, lang: str, names: Mapping[str, str] | None = None, period: str = "",
    months: int = 60,
) -> str:  # fmt: skip
    """Return in words what `plot_births` shows: range, incomplete months, against expectation, forecast."""
    known, corrected = _history(results, place, months)
    best = known["value"].copy()
    best.update(corrected["value"])
    best = best.dropna()
    if best.empty:
        return text("figure.alt.none", lang, what=text("births", lang))
    said = [
        text("figure.alt.births", lang, place=_name(place, names), first=best.index[0], last=best.index[-1],
             high=best.max(), high_month=best.idxmax(), low=best.min(), low_month=best.idxmin())
    ]  # fmt: skip
    open_months = _incomplete(results, place, known, corrected)
    if open_months:
        said.append(text("figure.alt.births.incomplete", lang, n=len(open_months)))
    said += [*_alt_expected(results, place, period, lang), *_alt_forecast(results, place, lang)]
    said += _alt_years(results, place, lang)
    return _joined(said, lang)


@_styled
def plot_sex_ratio(
    results: pd.DataFrame,
    *,
    county: str,
    lang: str,
    names: Mapping[str, str] | None = None,
    reference: float = 106.3,
    band: tuple[float, float] = (103.0, 107.0),
    townships: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Return sex ratios at birth with intervals: the county and its birth orders, below them the townships.

    Reads srb rows of one period; townships stand in the order of `names`, not ranked: raw ratios are mostly chance.
    The grey stripe is `band`, the line `reference`. A ratio that differs from the reference by the verdict in its note
    (after allowing for all tests; of a row without a note: whose interval leaves it out) is an orange square, the
    others are blue dots.
    """
    top, below = _ratio_rows(results, county, names or {}, lang)
    rows = pd.concat([top, below]) if townships else top
    ax = _axes(ax, 1.25 + ROW * (len(rows) + (0.6 if townships and len(below) else 0)))
    if rows["value"].notna().sum() == 0:
        return _no_data(ax, lang)
    heights = [-float(n) - (0.6 if n >= len(top) else 0) for n in range(len(rows))]
    _ratio_scale(ax, rows, band, reference, lang)
    _ratio_marks(ax, rows.assign(height=heights), reference, lang)
    _ratio_text(ax, heights, rows, len(top), lang)
    ax.set_ylim(heights[-1] - 0.7, 0.8)
    return _finish(ax, lang, grid="x")


def alt_sex_ratio(
    results: pd.DataFrame, *, county: str, lang: str, names: Mapping[str, str] | None = None,
    reference: float = 106.3, townships: bool = True,
) -> str:  # fmt: skip
    """Return in words what `plot_sex_ratio` shows: county, orders, and which townships differ from the reference."""
    top, below = _ratio_rows(results, county, names or {}, lang)
    county_row = top[top["measure"] == "srb"]
    if county_row["value"].notna().sum() == 0:
        return text("figure.alt.none", lang, what=text("srb", lang))
    row = county_row.iloc[0]
    said = [text("figure.alt.srb.county", lang, place=_name(county, names), reference=reference,
                 **{key: row[key] for key in ("value", "lower", "upper")})]  # fmt: skip
    orders = top[(top["measure"] != "srb") & top["value"].notna()]
    items = [text("figure.alt.ratio", lang, name=name, value=value)
             for name, value in zip(orders["name"], orders["value"], strict=True)]  # fmt: skip
    said += [text("figure.alt.srb.orders", lang, list=_listed(items, lang))] if items else []
    if townships and len(below):
        out = below[[_leaves_out(r, reference) for r in by_row(below)]]
        which = text("figure.alt.srb.which", lang, names=_listed(list(out["name"]), lang)) if len(out) else ""
        said.append(text("figure.alt.srb.places", lang, n=len(out), all=len(below), which=which))
    return _joined(said, lang)


@_styled
def plot_funnel(
    results: pd.DataFrame,
    *,
    county: str,
    lang: str,
    names: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Return the funnel: townships' sex ratios by births, between the limits within which chance keeps them.

    Reads srb_funnel rows of one period: the townships' points, and from the county's row target and over-dispersion.
    Points outside the outer limits (99.8 %) whose `srb` row is a finding after allowing for all tests are orange
    squares and named; nobody else is.
    """
    towns, about = _funnel_rows(results, county)
    ax = _axes(ax, 3.4)
    if about is None or towns.empty:
        return _no_data(ax, lang)
    most = towns["total"].max() * 1.15
    births = np.geomspace(max(towns["total"].min() * 0.7, 10.0), most, 20)
    for level, line in FUNNEL:
        low, high = _limits(births, about, level)
        for edge in (low, high):
            ax.plot(births, edge, color=GREY, linewidth=1.1, linestyle=line)
    _right_labels(ax, most, [(float(_limits(np.array([most]), about, level)[side][0]), f"{100 * level:g}%", GREY)
                             for level, _ in FUNNEL for side in (0, 1)])  # fmt: skip
    ax.axhline(about["value"], color=INK, linewidth=1)
    ax.set_yscale("log")
    _funnel_marks(ax, towns, names)
    _funnel_scale(ax, towns, births, about)
    ax.set_xlabel(text("figure.funnel.births", lang))
    _y_title(ax, text("figure.funnel.axis", lang, target=about["value"]))
    return _finish(ax, lang)


def alt_funnel(results: pd.DataFrame, *, county: str, lang: str, names: Mapping[str, str] | None = None) -> str:
    """Return in words what `plot_funnel` shows: the centre, and how many townships lie outside which limits."""
    towns, about = _funnel_rows(results, county)
    if about is None or towns.empty:
        return text("figure.alt.none", lang, what=text("srb_funnel", lang))
    out = {level: towns[_outside(towns, level)] for level, _ in FUNNEL}
    said = [text("figure.alt.funnel", lang, n=len(towns), target=about["value"], inner=len(out[FUNNEL[0][0]]),
                 outer=len(out[FUNNEL[1][0]]))]  # fmt: skip
    beyond = [_name(place, names) for place in towns[_named(towns)]["place"]]
    said += [text("figure.alt.funnel.named", lang, names=_listed(beyond, lang))] if beyond else []
    return _joined(said, lang)


@_styled
def plot_classes(results: pd.DataFrame, *, place: str, lang: str, programme: str = "", ax: Axes | None = None) -> Axes:
    """Return the outcome of the payments check as bars: people in each class other than agreement.

    Reads pay_class/<programme>/<class> of one period; all programmes together unless one is named.
    """
    found = _classes(results, place, programme)
    others = found[(found.index != "matched") & (found > 0)].sort_values(ascending=False, kind="stable")
    ax = _axes(ax, 0.95 + ROW * max(2, len(others)))
    if found.empty:
        return _no_data(ax, lang)
    agreed = text("figure.classes.matched", lang, n=found.get("matched", 0.0), all=found.sum())
    if others.empty:
        return _no_data(ax, lang, text("figure.classes.none", lang, all=found.sum()))
    heights = -np.arange(len(others), dtype=float)
    ax.barh(heights, others, height=0.62, color=BLUE, linewidth=0)
    for height, count in zip(heights, others, strict=True):
        ax.annotate(format_value(count, "count", lang), (count, height), (4, 0), textcoords="offset points",
                    va="center", color=INK, annotation_clip=False)  # fmt: skip
    ax.set_yticks(heights, [_class_name(name, lang) for name in others.index])
    ax.set_xlim(0, others.max() * 1.12)
    ax.set_xticks([])
    _y_title(ax, agreed)
    ax.spines["bottom"].set_visible(False)
    return _finish(ax, lang, grid="")


def alt_classes(
    results: pd.DataFrame, *, place: str, lang: str, names: Mapping[str, str] | None = None, programme: str = ""
) -> str:
    """Return in words what `plot_classes` shows: how many agree, and every other class with its people."""
    found = _classes(results, place, programme)
    if found.empty:
        return text("figure.alt.none", lang, what=text("pay_class", lang))
    others = found[(found.index != "matched") & (found > 0)].sort_values(ascending=False, kind="stable")
    if others.empty:
        return text("figure.alt.classes.none", lang, place=_name(place, names), all=found.sum())
    items = [text("figure.alt.item", lang, name=_class_name(name, lang), n=n) for name, n in others.items()]
    return text("figure.alt.classes", lang, place=_name(place, names), matched=found.get("matched", 0.0),
                all=found.sum(), list=_listed(items, lang))  # fmt: skip


@_styled
def plot_bridge(results: pd.DataFrame, *, place: str, lang: str, programme: str = "", ax: Axes | None = None) -> Axes:
    """Return the way from what was due to what was paid: one step for each class that makes a difference.

    Reads entitled_amount, pay_amount and pay_class_amount of one period; all programmes together unless one is named.
    Drawn from the amount due, which is zero here, so that steps of some thousand of several million yuan are seen.
    """
    due, paid, items = _bridge(results, place, programme)
    ax = _axes(ax, 1.25 + ROW * max(2, len(items)))
    if math.isnan(due) or items.empty:
        return _no_data(ax, lang, text("figure.bridge.due", lang, due=due) if items.empty and due == paid else "")
    ends, heights = np.cumsum(items.to_numpy()), -np.arange(len(items), dtype=float)
    ax.barh(
        heights, items, left=ends - items, height=0.62, color=[BLUE if n > 0 else ORANGE for n in items], linewidth=0
    )
    ax.vlines(ends[:-1], heights[:-1] - 0.31, heights[1:] + 0.31, color=GREY, linewidth=0.8)
    for height, start, step in zip(heights, ends - items, items, strict=True):
        words = ("+" if step > 0 else "−") + format_value(abs(step), "n2", lang)
        ax.annotate(words, (max(start, start + step), height), (4, 0), textcoords="offset points", va="center",
                    color=INK, annotation_clip=False)  # fmt: skip
    ax.axvline(0, color=INK, linewidth=1)
    ax.set_yticks(heights, [_class_name(name, lang) for name in items.index])
    low, high = min(0.0, ends.min(), (ends - items).min()), max(0.0, ends.max(), (ends - items).max())
    ax.set_xlim(low - (high - low) * 0.04, high + (high - low) * 0.22)
    ax.locator_params(axis="x", nbins=5)
    ax.xaxis.set_major_formatter(lambda yuan, _: format_value(yuan, "count", lang))
    ax.set_xlabel(text("figure.bridge.unit", lang))
    ends_said = [text("figure.bridge.due", lang, due=due), text("figure.bridge.paid", lang, paid=paid)]
    _y_title(ax, text("list.comma", lang).join(ends_said))
    return _finish(ax, lang, grid="x")


def alt_bridge(
    results: pd.DataFrame, *, place: str, lang: str, names: Mapping[str, str] | None = None, programme: str = ""
) -> str:
    """Return in words what `plot_bridge` shows: due, paid, and every step between."""
    due, paid, items = _bridge(results, place, programme)
    if math.isnan(due):
        return text("figure.alt.none", lang, what=text("entitled_amount", lang))
    if items.empty:
        return text("figure.alt.bridge.none", lang, place=_name(place, names), due=due)
    said = [text("figure.alt.bridge.item", lang, name=_class_name(name, lang), n=n) for name, n in items.items()]
    return text("figure.alt.bridge", lang, place=_name(place, names), due=due, paid=paid, list=_listed(said, lang))


@_styled
def plot_small_multiples(
    results: pd.DataFrame,
    *,
    lang: str,
    names: Mapping[str, str],
    periods: Sequence[str],
    measure: str = "births",
    columns: int = 4,
    ax: Axes | None = None,
) -> Axes:
    """Return a small panel for each place of `names`, all on the same scale: a measure by period, oldest first.

    The panels stand in the order of `names`; places without rows are left out, hidden figures leave a gap. The number
    is the last period's.
    """
    series = _panels(results, names, measure, periods)
    lines = math.ceil(len(series) / columns)
    ax = _axes(ax, 0.5 + 0.62 * max(1, lines))
    if series.isna().all(axis=None):
        return _no_data(ax, lang)
    top, steps = float(series.max(axis=None)) or 1.0, np.linspace(0, PANEL[0], len(periods))
    corners = [(n % columns, -(n // columns)) for n in range(len(series))]
    curves = [np.column_stack([x + steps, y + PANEL[1] * values / top])
              for (x, y), values in zip(corners, series.to_numpy(float), strict=True)]  # fmt: skip
    _broken(ax, [np.array([[x, y], [x + PANEL[0], y]]) for x, y in corners], color=PALE, linewidth=0.7)
    _broken(ax, curves, color=BLUE, linewidth=1.2)
    ax.plot(*np.array([curve[-1] for curve in curves]).T, "o", color=BLUE, markersize=2.6, clip_on=False)
    for (x, y), (place, value) in zip(corners, series.iloc[:, -1].items(), strict=True):
        words = {"name": names[str(place)], "value": value if math.isfinite(value) else MISSING}
        said = text("figure.panels.name" if math.isfinite(value) else "figure.panels.hidden", lang, **words)
        ax.annotate(said, (x, y + PANEL[1] + 0.04), va="bottom", fontsize=10, annotation_clip=False)
    ax.set_xlim(-0.01, columns - 1 + PANEL[0] + 0.02)
    ax.set_ylim(-lines + 0.94, 1.0)
    ax.set_axis_off()
    ends = {
        "first": period_label(periods[0], lang, calendar=False),
        "last": period_label(periods[-1], lang, calendar=False),
    }
    ax.set_title(text("figure.panels.scale", lang, top=top, **ends), loc="left", y=1.0, color=GREY, fontsize=10)
    return _finish(ax, lang, grid="")


def alt_small_multiples(
    results: pd.DataFrame, *, lang: str, names: Mapping[str, str], periods: Sequence[str], measure: str = "births"
) -> str:
    """Return in words what `plot_small_multiples` shows: the places with most and fewest in the last period."""
    series = _panels(results, names, measure, periods)
    latest = series.iloc[:, -1].dropna()
    if latest.empty:
        return text("figure.alt.none", lang, what=text(measure.split("/")[0], lang))
    ends = {
        "first": period_label(periods[0], lang, calendar=False),
        "last": period_label(periods[-1], lang, calendar=False),
    }
    return text("figure.alt.panels", lang, n=len(series), **ends, most=names[str(latest.idxmax())], high=latest.max(),
                least=names[str(latest.idxmin())], low=latest.min())  # fmt: skip


def to_svg(drawing: Axes | Drawing | np.ndarray, id: str) -> str:
    """Return a drawing as SVG whose ids all begin with `id`, letters kept as letters, and close it.

    Equal drawings give equal bytes. Raises FpError when the font lacks a character.
    """
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    first = drawing.ravel()[0] if isinstance(drawing, np.ndarray) else drawing
    whole = getattr(first, "figure", None) or first
    with mpl.rc_context({**_style(), "svg.hashsalt": id}), warnings.catch_warnings():
        warnings.filterwarnings("error", message="Glyph")
        text_out = io.StringIO()
        try:
            _draw(whole, text_out)
        except UserWarning as missing:
            raise FpError(f"figure {id!r}: the font lacks a character: {missing}") from None
        finally:
            plt.close(whole)
    return tidy(text_out.getvalue(), id, ink=INK, family=FALLBACK)


def _draw(figure: Drawing, target: io.StringIO) -> None:
    """Draw a figure as SVG, laid out and drawn by one renderer, which then measures every text once.

    `savefig` takes another one for each, and draws everything once more to find the layout.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG, RendererSVG

    heights: dict[FontProperties, Heights] = {}

    class Canvas(FigureCanvasSVG):
        def get_renderer(self) -> RendererSVG:
            return renderer

    class Renderer(RendererSVG):
        def _get_font_height_metrics(self, font: FontProperties) -> Heights:
            """Return what each text asks the font's tables for, six times, from what was read of them once."""
            if font not in heights:
                heights[font.copy()] = _heights(font)
            return heights[font]

    Canvas(figure)
    figure.dpi = FigureCanvasSVG.fixed_dpi
    width, height = figure.get_size_inches() * figure.dpi
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    renderer = Renderer(width, height, target, metadata=metadata)
    for spine in (spine for ax in figure.axes for spine in ax.spines.values()):
        spine.set_in_layout(False)  # it lies on the edge of its Axes, whose box is measured anyway
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) if not axis.get_label_text()):
        axis.set_label_coords(0.0, 0.0)  # or every tick is measured, again and again, to find where no label goes
    figure.draw(renderer)
    renderer.finalize()


def _heights(font: FontProperties) -> Heights:
    """Return how far a font reaches above and below its line, and the gap between lines, as matplotlib scales them.

    None thrice for a font that does not say so: matplotlib then looks elsewhere.
    """
    from matplotlib.font_manager import fontManager, get_font

    face = get_font(fontManager._find_fonts_by_props(font))
    told = face.get_sfnt_table("OS/2")
    if told is None:
        return None, None, None
    scale = 1 / face.get_sfnt_table("head")["unitsPerEm"] * font.get_size_in_points()
    return told["sTypoAscender"] * scale, -told["sTypoDescender"] * scale, told["sTypoLineGap"] * scale


def warm() -> None:
    """Draw something and throw it away: what the first drawing of a process reads and fills is then there for all.

    No figure of pyplot, which would choose the way that drawings are shown.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rows = pd.DataFrame({"measure": ["pay_class/x/matched", "pay_class/x/unpaid"], "place": "x", "value": [9.0, 1.0]})
    for lang in LANGS:
        with mpl.rc_context(_style()):
            ax = Figure(figsize=(WIDTH, 2), layout="constrained").subplots()
        to_svg(plot_classes(rows, place="x", lang=lang, ax=ax), "warm")


def _axes(ax: Axes | None, height: float) -> Axes:
    if ax is not None:
        return ax
    from matplotlib import pyplot as plt

    return plt.subplots(figsize=(WIDTH, height), layout="constrained")[1]


def _finish(ax: Axes, lang: str, grid: str = "y") -> Axes:
    """Return the Axes with quiet ticks and grid; tick labels keep the font when drawn later, in other settings."""
    ax.tick_params(length=0, labelfontfamily=_style()["font.family"])
    ax.set_axisbelow(True)
    if grid:
        ax.grid(axis=grid, color=RULE, linewidth=0.7)
        for line in ax.get_xgridlines() if grid == "x" else ax.get_ygridlines():
            line.set_clip_on(False)
        ax.spines["left"].set_visible(False)
    return ax


def _no_data(ax: Axes, lang: str, words: str = "") -> Axes:
    ax.set_axis_off()
    ax.text(0.5, 0.5, words or text("figure.no_data", lang), transform=ax.transAxes, ha="center", va="center",
            color=GREY)  # fmt: skip
    return _finish(ax, lang, grid="")


def _y_title(ax: Axes, words: str) -> None:
    """Name the vertical axis on top, level, where it is read first."""
    ax.set_title(words, loc="left", y=1.0, color=GREY, fontsize=10.5)


def _position(month: pd.Period) -> float:
    return month.year * 12 + month.month - 1


def _month_axis(ax: Axes, months: Sequence[pd.Period]) -> None:
    """Mark years at each January, or months when there are few."""
    low, high = min(map(_position, months)), max(map(_position, months))
    if high - low > 30:
        years = np.arange(math.ceil(low / 12), high // 12 + 1)
        ax.set_xticks(years * 12, [str(year) for year in years])
    else:
        at = np.arange(math.ceil(low / 3) * 3, high + 1, 3)
        ax.set_xticks(at, [f"{at_ // 12}-{at_ % 12 + 1:02d}" for at_ in map(int, at)])
    ax.set_xlim(low - 0.8, high + 0.8)


def _monthly(results: pd.DataFrame, place: str, measure: str, level: str = "") -> pd.DataFrame:
    """Return the rows of a measure by month (index of monthly Periods, in order), the interval `level` only."""
    rows = pick(results, place=place, measure=measure)
    rows = rows[rows["period"].str.fullmatch(r"\d{4}-\d\d")]
    if level:
        rows = rows[rows["method"].str.endswith(f"-{level}")]
    rows = rows.drop_duplicates("period")
    return rows.set_index(pd.PeriodIndex(rows["period"], freq="M")).sort_index()


def _history(results: pd.DataFrame, place: str, months: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the last months of known births (else the counts of the corrected rows) and of corrected births."""
    known, corrected = (_monthly(results, place, name).tail(months) for name in ("births", "births_corrected"))
    known = known if len(known) else corrected.assign(value=corrected["count"])
    return known.dropna(subset=["value"]), corrected.dropna(subset=["value"])


def _name(place: str, names: Mapping[str, str] | None) -> str:
    return (names or {}).get(place, place)


def _listed(items: Sequence[str], lang: str) -> str:
    return format_value(items, "list", lang)


def _joined(sentences: Sequence[str], lang: str) -> str:
    return functools.reduce(lambda a, b: text("figure.alt.join", lang, a=a, b=b), sentences)


def _incomplete(results: pd.DataFrame, place: str, known: pd.DataFrame, corrected: pd.DataFrame) -> list[pd.Period]:
    """Return the months that are not yet fully registered: by their share, else by what the correction adds."""
    share = _monthly(results, place, "births_completeness")["value"]
    if share.empty:
        share = known["value"] / corrected["value"]
    return [month for month in known.index if share.get(month, 1.0) < COMPLETE]


def _draw_history(
    ax: Axes, known: pd.DataFrame, corrected: pd.DataFrame, open_months: Sequence[pd.Period], lang: str
) -> None:
    if known.empty:
        return
    whole = known["value"].drop(list(open_months))
    ax.plot(whole.index.map(_position), whole, color=BLUE, linewidth=1.7)
    if len(whole):
        ax.annotate(text("figure.births.history", lang), (_position(whole.index[0]), whole.head(12).max()), (0, 6),
                    textcoords="offset points", color=BLUE, weight="bold")  # fmt: skip
    if not open_months:
        return
    part = known.loc[list(open_months), "value"]
    ax.plot(part.index.map(_position), part, "o", markerfacecolor="white", markeredgecolor=GREY, markersize=5)
    ax.annotate(text("figure.births.known", lang), (_position(part.index[-1]), part.iloc[-1]), (-8, -2),
                textcoords="offset points", ha="right", va="center", color=GREY)  # fmt: skip
    fixed = corrected[corrected.index.isin([*whole.index[-1:], *open_months])]
    if len(fixed):
        ax.plot(fixed.index.map(_position), fixed["value"], color=BLUE, linewidth=1.7)
        fixed = fixed[fixed.index.isin(open_months)]
        ax.vlines(fixed.index.map(_position), fixed["lower"], fixed["upper"], color=BLUE, linewidth=1)
        ax.plot(fixed.index.map(_position), fixed["value"], "o", color=BLUE, markersize=4)


def _draw_fan(
    ax: Axes, known: pd.DataFrame, corrected: pd.DataFrame, ahead: Mapping[str, pd.DataFrame], lang: str
) -> None:
    labels = []
    for level, colour in (("95", FAN_WIDE), ("80", FAN)):
        rows = ahead[level].dropna(subset=["lower", "upper"])
        if len(rows):
            ax.fill_between(
                rows.index.map(_position).to_numpy(float), rows["lower"], rows["upper"], color=colour, linewidth=0
            )
            labels.append((rows["upper"].iloc[-1], text("figure.births.level", lang, level=level), GREY))
    middle = next((rows for rows in ahead.values() if len(rows)), None)
    if middle is None:
        return
    ax.plot(middle.index.map(_position), middle["value"], color=BLUE, linewidth=1.7, linestyle=(0, (4, 2)))
    labels.append((middle["value"].iloc[-1], text("figure.births.forecast", lang), BLUE))
    _right_labels(ax, _position(middle.index[-1]) + 1, labels)


def _right_labels(ax: Axes, x: float, labels: Sequence[tuple[float, str, str]]) -> None:
    """Name lines at their right end, pushed apart so that the names do not touch."""
    low, high = ax.get_ylim()
    gap, last = 0.075 * (high - low), math.inf
    for height, words, colour in sorted(labels, reverse=True):
        last = min(height, last - gap)
        ax.annotate(words, (x, last), color=colour, va="center", annotation_clip=False,
                    weight="bold" if colour == BLUE else "normal")  # fmt: skip


def _mark_period(ax: Axes, results: pd.DataFrame, place: str, period: str, lang: str) -> None:
    row = _expected(results, place, period)
    if not period or row is None:
        return
    months = parse_period(period).months
    left, right = _position(months[0]) - 0.5, _position(months[-1]) + 0.5
    ax.axvspan(left, right, color="#f1f4f7", linewidth=0, zorder=0)
    words = [
        period_label(period, lang, calendar=False),
        text("figure.births.actual", lang, actual=row["count"]),
        text("figure.births.expected", lang, **{key: row[key] for key in ("value", "lower", "upper")}),
    ]
    ax.annotate("\n".join(words), (right, 0.985), (-4, 0), xycoords=("data", "axes fraction"),
                textcoords="offset points", ha="right", va="top", color=INK, fontsize=10, linespacing=1.35)  # fmt: skip


def _expected(results: pd.DataFrame, place: str, period: str) -> Mapping[str, Any] | None:
    """Return the row of births expected in a period, with the wider interval when there are two."""
    rows = pick(results, place=place, period=period, measure="births_expected").dropna(subset=["value"])
    return rows.sort_values("method").to_dict("records")[-1] if len(rows) else None


def _level(method: str) -> str:
    return method.rpartition("-")[2] if "-" in method else ""


def _alt_expected(results: pd.DataFrame, place: str, period: str, lang: str) -> list[str]:
    row = _expected(results, place, period) if period else None
    if row is None or math.isnan(row["count"]):
        return []
    births, which = (row["count"], "") if math.isnan(row["total"]) else (round(row["total"]), "corrected_")
    which = "" if births == row["count"] else which
    side = "below" if births < row["lower"] else "above" if births > row["upper"] else "within"
    words = {key: row[key] for key in ("value", "lower", "upper")}
    return [text(f"figure.alt.births.{which}{side}", lang, period=period_label(period, lang, calendar=False),
                 actual=births, level=_level(row["method"]), **words)]  # fmt: skip


def _alt_forecast(results: pd.DataFrame, place: str, lang: str) -> list[str]:
    rows = _monthly(results, place, "births_forecast", "80").dropna(subset=["value", "lower", "upper"])
    if rows.empty:
        return []
    row = rows.iloc[-1]
    return [text("figure.alt.births.forecast", lang, last=rows.index[-1], level="80",
                 **{key: row[key] for key in ("value", "lower", "upper")})]  # fmt: skip


def _alt_years(results: pd.DataFrame, place: str, lang: str) -> list[str]:
    rows = pick(results, place=place, measure="births_forecast", method="gp-95").dropna(subset=["lower"])
    years = rows[rows["period"].str.fullmatch(r"S?\d{4}")]
    return [text("figure.alt.births.year", lang, year=period_label(row.period, lang, calendar=False), value=row.value,
                 lower=row.lower, upper=row.upper) for row in years.itertuples(index=False)]  # fmt: skip


def _ratio_rows(
    results: pd.DataFrame, county: str, names: Mapping[str, str], lang: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the county's rows (all births, then by order) and the townships' in the order of `names`, never ranked."""
    top = pick(results, place=county, measure=ORDERS)
    top = top.assign(rank=top["measure"].map(ORDERS.index)).sort_values("rank", kind="stable")
    top = top.assign(name=[_name(county, names) if m == "srb" else text(f"part.{m.partition('/')[2]}", lang)
                           for m in top["measure"]])  # fmt: skip
    below = pick(results, measure="srb")
    order = {place: rank for rank, place in enumerate(names)}
    below = below[below["place"] != county].assign(rank=lambda f: f["place"].map(order).fillna(len(order)))
    below = below.sort_values(["rank", "place"], kind="stable")
    below = below.assign(name=[_name(place, names) for place in below["place"]])
    for rows in (top, below):
        if rows.duplicated(["place", "measure"]).any():
            raise FpError("several sex ratios for one place: pick one period and basis first")
    return top, below


def _leaves_out(row: Mapping[str, Any], reference: float) -> bool:
    """Return whether a ratio differs by its verdict; an interval alone names one township in twenty on noise."""
    if row["note"] and (key := read_note(row["note"])[0]).startswith("note.srb."):
        return key in TOLD
    return row["lower"] > reference or row["upper"] < reference


def _ratio_scale(ax: Axes, rows: pd.DataFrame, band: tuple[float, float], reference: float, lang: str) -> None:
    ends = np.concatenate([rows["lower"], rows["upper"], rows["value"], band])
    ends = ends[np.isfinite(ends) & (ends > 0)]
    low, high = max(WIDEST[0], ends.min() * 0.97), min(WIDEST[1], ends.max() * 1.03)
    ax.set_xscale("log")
    ticks = [tick for tick in TICKS if low <= tick <= high]
    ticks = [tick for tick in ticks if tick % 20 == 0 or len(ticks) < 8]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.set_xlim(low, high)
    ax.axvspan(*band, color="#e3e8ed", linewidth=0, zorder=0)
    ax.axvline(reference, color=GREY, linewidth=1, linestyle=(0, (3, 2)), zorder=0.5)
    ax.set_xlabel("\n".join([
        text("figure.srb.axis", lang),
        text("list.join", lang).join([text("figure.srb.band", lang, lower=_trim(band[0]), upper=_trim(band[1])),
                                      text("figure.srb.reference", lang, value=reference)]),
    ]), linespacing=1.4)  # fmt: skip


def _trim(number: float) -> str:
    return f"{number:g}"


def _ratio_marks(ax: Axes, rows: pd.DataFrame, reference: float, lang: str) -> None:
    """Draw intervals and ratios, those that leave out the reference in another form and colour."""
    for height in rows.loc[rows["value"].isna(), "height"]:
        ax.annotate(text("figure.no_data", lang), (0.02, height), xycoords=("axes fraction", "data"), va="center",
                    color=GREY, fontsize=10)  # fmt: skip
    low, high = ax.get_xlim()
    out = pd.Series([_leaves_out(row, reference) for row in by_row(rows)], index=rows.index, dtype=bool)
    for some, line, colour, mark, width in ((~out, PALE, BLUE, "o", 1.8), (out, ORANGE, ORANGE, "s", 2.4)):
        drawn = rows[some & rows["value"].notna()]
        seen = drawn[drawn["value"].between(low, high)]
        if len(drawn):  # an empty line would still take up room
            ends = drawn[["lower", "upper"]].clip(low, high).assign(gap=np.nan).to_numpy().ravel()
            ax.plot(ends, drawn["height"].repeat(3), color=line, linewidth=width, solid_capstyle="butt", clip_on=False)
        if len(seen):
            ax.plot(seen["value"], seen["height"], mark, color=colour, markersize=6, clip_on=False)


def _ratio_text(ax: Axes, heights: Sequence[float], rows: pd.DataFrame, top: int, lang: str) -> None:
    """Write names at the left, ratio and births at the right of each row."""
    ax.set_yticks(heights, list(rows["name"]))
    for number, words in enumerate(ax.get_yticklabels()):
        words.set_weight("bold" if number < top else "normal")
    columns = {36: ("value", "n1", "figure.srb.ratio"), 76: ("total", "count", "figure.srb.births")}
    for right, (key, kind, head) in columns.items():
        shown = [format_value(value, kind, lang) if math.isfinite(value) else MISSING for value in rows[key]]
        for height, words in zip([0.95, *heights], [text(head, lang), *shown], strict=True):
            ax.annotate(words, (1, height), (right, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
                        ha="right", va="center", fontsize=10, color=GREY if height > 0 else INK,
                        annotation_clip=False)  # fmt: skip


def _funnel_rows(results: pd.DataFrame, county: str) -> tuple[pd.DataFrame, Mapping[str, Any] | None]:
    """Return one row a township, with its limits by level, and the county's row with target and over-dispersion."""
    rows = results[results["measure"].str.match(r"srb_funnel(/|$)")].dropna(subset=["value"])
    about = by_row(rows[rows["place"] == county])
    rows = rows[(rows["place"] != county) & (rows["total"] > 0)]
    if rows.duplicated(["place", "method"]).any() or len(about) > 1:
        raise FpError("several funnels in one table: pick one period first")
    towns = rows.drop_duplicates("place").copy()
    judged = results[(results["measure"] == "srb") & (results["note"] != "")]
    told = [read_note(note)[0] in TOLD for note in judged["note"]]
    towns["found"] = towns["place"].isin(judged.loc[told, "place"])
    for method, some in rows.groupby("method"):
        bounds = some.set_index("place")[["lower", "upper"]].reindex(towns["place"])
        towns[f"low{method}"], towns[f"high{method}"] = bounds["lower"].to_numpy(), bounds["upper"].to_numpy()
    return towns, about[0] if about else None


def _limits(births: np.ndarray, about: Mapping[str, Any], level: float) -> tuple[np.ndarray, np.ndarray]:
    share = float(ratio_to_share(about["value"]))
    low, high = funnel_limits(births, share, level, factor=about["lower"], spread=about["upper"])
    return share_to_ratio(low), share_to_ratio(high)


def _named(towns: pd.DataFrame) -> pd.Series:
    """Return which townships may be named: by the outer limits alone, chance names one in 25 counties of twenty."""
    return _outside(towns, FUNNEL[1][0]) & towns["found"]


def _outside(towns: pd.DataFrame, level: float) -> pd.Series:
    method = f"funnel-{100 * level:g}"
    if f"low{method}" not in towns:
        return pd.Series(False, index=towns.index)
    return (towns["value"] < towns[f"low{method}"]) | (towns["value"] > towns[f"high{method}"])


def _funnel_marks(ax: Axes, towns: pd.DataFrame, names: Mapping[str, str] | None) -> None:
    beyond = _named(towns)
    seen = towns["value"].clip(*WIDEST)
    ax.plot(towns.loc[~beyond, "total"], seen[~beyond], "o", color=BLUE, markersize=6)
    if beyond.any():
        ax.plot(towns.loc[beyond, "total"], seen[beyond], "s", color=ORANGE, markersize=7)
    for row in towns[beyond].assign(seen=seen[beyond]).itertuples():
        ax.annotate(_name(row.place, names), (row.total, row.seen), (7, 0), textcoords="offset points", va="center",
                    color=ORANGE, fontsize=10)  # fmt: skip


def _funnel_scale(ax: Axes, towns: pd.DataFrame, births: np.ndarray, about: Mapping[str, Any]) -> None:
    low, high = _limits(births[:1] * 1.3, about, FUNNEL[1][0])
    ends = [low[0], high[0], *towns["value"]]
    ends = [end for end in ends if math.isfinite(end) and end > 0]
    bottom, top = max(WIDEST[0], min(ends) * 0.94), min(WIDEST[1], max(ends) * 1.06)
    ticks = [tick for tick in TICKS if bottom <= tick <= top and tick % 20 == 0]
    ax.set_yticks(ticks, [str(tick) for tick in ticks])
    ax.set_yticks([], minor=True)
    ax.set_ylim(bottom, top)
    ax.set_xlim(births[0], births[-1])


def _classes(results: pd.DataFrame, place: str, programme: str) -> pd.Series:
    """Return people by class, of one programme or all."""
    rows = pick(results, place=place, measure=f"pay_class/{programme}/*" if programme else "pay_class/*")
    rows = rows[rows["measure"].str.count("/") == 2].dropna(subset=["value"])  # pay_class/<programme> is the sum
    rows = rows[~rows["measure"].str.endswith("/nothing_due")]  # nobody to be paid
    return rows.groupby([m.rpartition("/")[2] for m in rows["measure"]], sort=False)["value"].sum()


def _bridge(results: pd.DataFrame, place: str, programme: str) -> tuple[float, float, pd.Series]:
    """Return yuan due and paid, and what each class that matters adds to what was due, in the order of the rules."""
    ends = [pick(results, place=place, measure=f"{name}/{programme}" if programme else f"{name}/*")["value"].dropna()
            for name in ("entitled_amount", "pay_amount")]  # fmt: skip
    due, paid = (float(end.sum()) if len(end) else math.nan for end in ends)
    below = pick(results, place=place, measure=f"pay_class_amount/{programme}/*" if programme else "pay_class_amount/*")
    below = below[below["measure"].str.count("/") == 2]
    steps = -below.groupby([m.rpartition("/")[2] for m in below["measure"]], sort=False)["value"].sum()
    return due, paid, steps[steps != 0]


def _class_name(name: str, lang: str) -> str:
    return text(f"class.{name}", lang) if has(f"class.{name}") else name


def _panels(results: pd.DataFrame, names: Mapping[str, str], measure: str, periods: Sequence[str]) -> pd.DataFrame:
    """Return a measure by place (in the order of `names`) and period; NaN where it is hidden or unknown."""
    rows = pick(results, measure=measure, place=list(names), period=list(periods))
    found = rows.drop_duplicates(["place", "period"]).set_index(["place", "period"])["value"].unstack()  # noqa: PD010
    return found.reindex([name for name in names if name in found.index], columns=list(periods))


def _broken(ax: Axes, curves: Sequence[np.ndarray], **style: Any) -> None:
    """Draw many curves as one line with gaps."""
    gap = np.full((1, 2), np.nan)
    ax.plot(*np.concatenate([part for curve in curves for part in (curve, gap)]).T, clip_on=False, **style)

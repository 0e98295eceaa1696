"""Drawings of the services: the year against its usual path, and the county in the funnel of its peers.

In the manner of `figures`: named where they stand, told apart by form as well as colour, with the same in words beside
them (`alt_*`). Both are small: one panel a target or measure, at most three.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from .figures import BLUE, FAN_WIDE, GREY, INK, ORANGE, PALE, WIDTH, _no_data, _styled
from .results import by_row, pick, read_note
from .tables import measure_kind
from .wording import format_value, has, label, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PANELS", "alt_peers", "alt_plan_path", "plot_peers", "plot_plan_path"]

PANELS = 3
"""At most so many panels stand side by side."""
HIGHEST = 1.5
"""Share of the plan at which an interval is cut off in the drawing."""
LIMITS = ((0.95, (0, (4, 2))), (0.998, "-"))


@_styled
def plot_plan_path(results: pd.DataFrame, *, place: str, lang: str, period: str, measures: Sequence[str]) -> Any:
    """Return one panel a target: the share of the plan done by month, the usual path, the forecast with its interval.

    Reads plan_path and plan_walked rows by month, and plan_usual and plan_forecast rows of `period`. An interval that
    goes on above the panel ends in an arrow.
    """
    found = _targets(results, place, period, measures)
    drawing, panels = _panels(len(found), 2.2)
    top = min(max([1.0, *(row["upper"] / row["total"] for row in found.values())]), HIGHEST)
    if not found:
        _no_data(panels[0], lang)
    for n, (ax, (measure, row)) in enumerate(zip(panels, found.items(), strict=False)):
        usual, walked = (_path(results, place, f"{head}/{measure}") for head in ("plan_path", "plan_walked"))
        ax.plot(range(len(usual) + 1), [0.0, *usual], color=GREY, linewidth=1.1, linestyle=(0, (4, 2)))
        ax.plot(range(len(walked) + 1), [0.0, *walked], color=BLUE, linewidth=2)
        ax.axhline(1, color=INK, linewidth=0.8)
        _forecast(ax, *(row[name] / row["total"] for name in ("value", "lower", "upper")), top)
        _path_scale(ax, _short(measure, lang, len(panels)), top, lang, first=n == 0)
    if found:
        words = [text(f"figure.path.{name}", lang) for name in ("usual", "walked", "expected")]
        drawing.legend([*panels[0].lines[:2], panels[0].lines[3]], words, loc="outside upper left", ncols=3,
                       frameon=False, fontsize=9.5, labelcolor="linecolor", borderpad=0)  # fmt: skip
    return drawing


def alt_plan_path(results: pd.DataFrame, *, place: str, lang: str, period: str, measures: Sequence[str]) -> str:
    """Return in words what `plot_plan_path` shows: done, usual and expected share of each target."""
    items = []
    for measure, row in _targets(results, place, period, measures).items():
        walked = pick(results, place=place, measure=f"plan_walked/{measure}").sort_values("period")
        usual = pick(results, place=place, period=period, measure=f"plan_usual/{measure}")["value"].iloc[0]
        items.append(text("figure.alt.path", lang, name=label(measure, lang), month=walked["period"].iloc[-1],
                          share=walked["value"].iloc[-1], usual=usual,
                          forecast=row["value"] / row["total"]))  # fmt: skip
    if not items:
        return text("figure.alt.none", lang, what=text("plan_path", lang))
    return text("list.semicolon", lang).join(items) + text("list.end", lang)


@_styled
def plot_peers(
    results: pd.DataFrame, *, place: str, lang: str, period: str, measures: Sequence[str], names: Mapping[str, str]
) -> Any:
    """Return one panel a measure: the counties' figures by their cases, between the limits of their funnel.

    Reads peer_funnel rows of `period`. The own county is a square; peers are not named.
    """
    found = _funnels(results, place, period, measures)
    drawing, panels = _panels(len(found), 2.1)
    if not found:
        _no_data(panels[0], lang)
    for ax, (measure, (about, rows)) in zip(panels, found.items(), strict=False):
        _funnel(ax, about, rows, place, names, lang)
        ax.set_title(_short(measure, lang, len(panels)), loc="left", y=1.0, color=GREY, fontsize=9)
    return drawing


def alt_peers(
    results: pd.DataFrame, *, place: str, lang: str, period: str, measures: Sequence[str], names: Mapping[str, str]
) -> str:
    """Return in words what `plot_peers` shows: the own figure, the peers', and on which side of the limits it lies."""
    items = []
    for measure, (about, rows) in _funnels(results, place, period, measures).items():
        own = rows[rows["place"] == place].iloc[0]
        side = "inside" if own["lower"] <= own["value"] <= own["upper"] else "outside"
        items.append(text("figure.alt.peers", lang, name=label(measure, lang, names), value=own["value"],
                          target=about["value"], side=f"figure.peers.{side}"))  # fmt: skip
    if not items:
        return text("figure.alt.none", lang, what=text("peer_funnel", lang))
    return text("list.semicolon", lang).join(items) + text("list.end", lang)


def _panels(number: int, height: float) -> tuple[Any, list[Axes]]:
    from matplotlib import pyplot as plt

    shown = max(1, min(number, PANELS))
    drawing, axes = plt.subplots(1, shown, figsize=(WIDTH, height), layout="constrained", squeeze=False)
    return drawing, list(axes[0])


def _targets(results: pd.DataFrame, place: str, period: str, measures: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    rows = pick(results, place=place, period=period, measure=[f"plan_forecast/{m}" for m in measures])
    rows = rows[(rows["total"] > 0) & rows["value"].notna()]
    return {row["measure"].partition("/")[2]: row for row in by_row(rows)}


def _forecast(ax: Axes, value: float, lower: float, upper: float, top: float) -> None:
    """Draw the forecast at the year's end: a bar with an end at each bound, or an arrow where it is cut off."""
    ax.plot([12, 12], [lower, min(upper, top)], color=ORANGE, linewidth=2.4, solid_capstyle="butt")
    for bound, mark in ((lower, "_"), (min(upper, top), "_" if upper <= top else "^")):
        ax.plot(12, bound, mark, color=ORANGE, markersize=9 if mark == "_" else 6, clip_on=False)
    if value <= top:
        ax.plot(12, value, "s", color=ORANGE, markersize=3.5, clip_on=False)


def _short(measure: str, lang: str, panels: int) -> str:
    """Return the words for a measure, as wide as one of so many panels: what is counted, of a share its name too."""
    head, *parts = measure.split("/")
    keep = parts[-1:] if head in ("checkups", "activity") else [head, *parts[1:]]
    words = text("list.comma", lang).join(text(f"part.{k}" if has(f"part.{k}") else k, lang) for k in keep if has(k) or
                                          has(f"part.{k}"))  # fmt: skip
    return textwrap.fill(words or label(measure, lang), (40 if lang == "zh" else 82) // panels)


def _path(results: pd.DataFrame, place: str, measure: str) -> list[float]:
    return pick(results, place=place, measure=measure).sort_values("period")["value"].tolist()


def _path_scale(ax: Axes, title: str, top: float, lang: str, *, first: bool) -> None:
    ax.set_title(title, loc="left", y=1.0, color=GREY, fontsize=9)
    if first:
        ax.set_xlabel(text("figure.path.months", lang), fontsize=9.5, loc="left")
    ax.set_xlim(0, 12.4)
    ax.set_ylim(0, top * 1.08)
    ax.set_xticks([3, 6, 9, 12])
    ax.set_yticks([0, 0.5, 1], [format_value(share, "pct0", lang) if first else "" for share in (0, 0.5, 1)])
    ax.tick_params(length=0)


def _funnels(
    results: pd.DataFrame, place: str, period: str, measures: Sequence[str]
) -> dict[str, tuple[Mapping[str, Any], pd.DataFrame]]:
    found = {}
    for measure in measures:
        about = by_row(pick(results, place=place, period=period, measure=f"peer_funnel/{measure}"))
        rows = pick(results, period=period, measure=f"peer_funnel/{measure}/95")
        if about and len(rows) and measure_kind(measure) == "pct":
            found[measure] = (about[0], rows)
    return dict(list(found.items())[:PANELS])


def _funnel(
    ax: Axes, about: Mapping[str, Any], rows: pd.DataFrame, place: str, names: Mapping[str, str], lang: str
) -> None:
    size = np.geomspace(rows["total"].min() * 0.8, rows["total"].max() * 1.15, 12)
    target, terms = about["value"], read_note(about["note"])[1]
    variance = terms["factor"] * terms["unit"] / size + terms["spread"] ** 2 + terms["centre"]
    for level, line in LIMITS:
        half = special.stdtrit(terms["freedom"], (1 + level) / 2) * np.sqrt(variance)
        for edge in (np.maximum(target - half, 0), np.minimum(target + half, np.inf if terms["rated"] else 1)):
            ax.plot(size, edge, color=PALE if level < 0.99 else GREY, linewidth=1, linestyle=line)
    ax.axhline(target, color=INK, linewidth=0.8)
    own = rows["place"] == place
    ax.plot(rows.loc[~own, "total"], rows.loc[~own, "value"], "o", color=BLUE, markersize=4.5, markerfacecolor=FAN_WIDE)
    ax.plot(rows.loc[own, "total"], rows.loc[own, "value"], "s", color=ORANGE, markersize=6)
    for row in rows[own].itertuples():
        ax.annotate(names.get(row.place, row.place), (row.total, row.value), (6, -3), textcoords="offset points",
                    color=ORANGE, fontsize=9.5)  # fmt: skip
    ax.set_xlabel(text("figure.peers.size", lang), fontsize=9.5)
    ax.yaxis.set_major_formatter(lambda share, _: format_value(share, "pct0", lang))
    ax.locator_params(nbins=3)
    ax.margins(x=0)
    ax.tick_params(length=0, labelsize=9.5)

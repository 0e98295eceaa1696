"""matplotlib's SVG made small: the same picture, fewer bytes."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib import pyplot as plt

from fpanalysis.drawing import tidy
from fpanalysis.errors import FpError

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 100 100">'


def small(inside: str, id: str = "a") -> str:
    made = tidy(f"{HEAD}{inside}</svg>", id, ink="#111111", family="Song")
    assert ET.fromstring(made).tag.endswith("svg")
    return made.partition(">\n")[2].removesuffix("\n</svg>")


def drawn(ax) -> str:
    written = io.StringIO()
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "a"}):
        ax.figure.savefig(written, format="svg", metadata={"Date": None})
    plt.close(ax.figure)
    return written.getvalue()


def places(svg: str) -> np.ndarray:
    """Where the points of all paths stand, read from steps or from places."""
    found: list[tuple[float, float]] = []
    for path in re.findall(r' d="([^"]*)"', svg):
        x = y = 0.0
        start = (x, y)
        for command, part in re.findall(r"([mlhvzMLHV])([^a-zA-Z]*)", path):
            numbers = [float(n) for n in re.findall(r"-?\d*\.?\d+", part)]
            pairs = [(n, 0.0) for n in numbers] if command == "h" else [(0.0, n) for n in numbers] if command == "v" else list(zip(numbers[::2], numbers[1::2], strict=True))  # fmt: skip
            for across, along in pairs:
                x, y = (across, along) if command.isupper() else (x + across, y + along)
                found.append((x, y))
            if command == "z":
                x, y = start
            elif command in "mM":
                start = found[-len(pairs)]
    return np.array(found)


def test_a_line_keeps_its_points_to_a_tenth():
    assert '<path style="fill:none;stroke:#123456" d="m1 2.1 2 2v5.9h-3"/>' == small(
        '<path d="M 1.04 2.06 L 3.01 4.11 L 3 10 L 0 10" style="fill: none; stroke: #123456; stroke-linecap: square"/>'
    )


def test_every_point_of_a_drawing_stands_where_matplotlib_put_it():
    _, ax = plt.subplots(figsize=(3, 2))
    ax.plot(np.arange(40), np.random.default_rng(1).normal(size=40))
    ax.set_axis_off()
    before = drawn(ax)
    curve = [part for part in re.findall(r'<path d="([^"]*)"', before) if part.count("L") > 10]
    wanted = np.array([[float(n) for n in line[2:].split()] for line in curve[0].strip().split("\n")])

    np.testing.assert_allclose(wanted, places(tidy(before, "a", ink="#111", family="Song"))[: len(wanted)], atol=0.051)


def test_neighbours_of_one_style_are_one_path():
    grid = "".join(f'<path d="M 0 {y} L 9 {y}" style="fill: none; stroke: #123456"/>' for y in (10, 20, 30))

    assert '<path style="fill:none;stroke:#123456" d="m0 10h9m-9 10h9m-9 10h9"/>' == small(grid)


@pytest.mark.parametrize(("at", "paths"), [(0, 1), (9, 1), (5, 2)])
def test_areas_that_cover_each_other_are_not_merged(at, paths):
    """Where two overlap the order of drawing tells; where they only touch it does not."""
    area = '<path d="M {0} {1} L {2} {1} L {2} 9 L {0} 9 z" style="fill: #123456"/>'

    assert paths == small(area.format(0, 0, 9) + area.format(at + (10 if at == 0 else 0), 0, 30)).count("<path")


def test_a_clip_is_left_out_where_nothing_is_clipped():
    clip = '<defs><clipPath id="c"><rect x="0" y="0" width="50" height="50"/></clipPath></defs>'
    line = '<path d="M 0 10 L {} 10" clip-path="url(#c)" style="stroke: #123456"/>'

    assert "clip" not in small(clip + line.format(50.5))
    assert 'clip-path="url(#a-i1)"' in small(clip + line.format(80)) and '<clipPath id="a-i1">' in small(
        clip + line.format(80)
    )


def dots(number: int, fill: str = "#123456") -> str:
    kappa = 0.5522847
    curves = [f"C {a} {b} {c} {d} {e} {f}" for a, b, c, d, e, f in (
        (kappa, 1, 1, kappa, 1, 0), (1, -kappa, kappa, -1, 0, -1), (-kappa, -1, -1, -kappa, -1, 0), (-1, kappa, -kappa, 1, 0, 1))]  # fmt: skip
    circle = f'<defs><path id="m" d="M 0 1 {" ".join(curves)} z" style="stroke: #123456"/></defs>'
    return circle + "".join(
        f'<use xlink:href="#m" x="{n}" y="5.04" style="fill: {fill}; stroke: #123456"/>' for n in range(number)
    )


def test_a_dot_is_a_circle_and_many_are_points_of_one_pen():
    assert '<circle style="fill:#fff;stroke:#123456" cx="0" cy="5" r="1"/>' == small(
        dots(1, "#ffffff").replace("#ffffff;", "#fff;")
    )
    assert 7 == small(dots(7, "#abcdef")).count("<circle")
    assert small(dots(7)).startswith(
        '<path style="fill:none;stroke:#123456;stroke-width:3;stroke-linecap:round" d="M0 5h.1M1 5h.1'
    )


def test_words_stand_last_in_groups_of_one_style_and_as_they_were_written():
    words = '<text style="font-size: 9px; fill: #111111" x="{}" y="3" transform="rotate(-0 1 3)">{}</text>'
    shape = '<path d="M 0 0 L 9 9" style="stroke: #123456"/>'
    made = small(words.format(1, "12.3456 &lt; 鄚") + shape + words.format(2.06, "b") + words.format(3, " "))

    assert made.endswith(
        '<g style="font-size:9px">\n<text x="1" y="3">12.3456 &lt; 鄚</text>\n<text x="2.1" y="3">b</text>\n</g>'
    )


def test_turned_words_stay_turned():
    assert 'transform="rotate(-90 1.1 3)"' in small(
        '<text style="font-size: 9px" x="1" y="3" transform="rotate(-90 1.06 3)">a</text>'
    )


def test_what_is_not_known_is_kept():
    _, ax = plt.subplots(figsize=(2, 2))
    ax.imshow(np.eye(2))
    ax.bar([0], [1], hatch="//")
    made = tidy(drawn(ax), "a", ink="#111", family="Song")

    assert ET.fromstring(made) is not None
    assert "<image" in made and "data:image/png" in made and "<pattern" in made
    assert set(re.findall(r"url\(#([^)]*)", made)) <= set(re.findall(r' id="([^"]*)"', made))


def test_a_drawing_that_is_none_is_refused():
    with pytest.raises(FpError, match="figure 'a': the drawing is no SVG"):
        tidy("<svg>", "a", ink="#111", family="Song")

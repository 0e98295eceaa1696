"""The SVG that matplotlib writes, made to stand in a page: the same picture in a third of the bytes, ids of its own.

matplotlib names every line, repeats every style, clips what needs no clipping and puts each dot into definitions. Here
a drawing is taken apart into what is drawn (paths, dots, words) and written anew: places to a tenth of a point,
steps instead of places (SVG 1.1, 8.3), dots as circles, neighbours of one style in one path or group, words last so
that nothing covers them. What is not known here (pictures, patterns, turned groups) is kept as it stands.
Equal drawings give equal bytes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby
from xml.etree import ElementTree as ET

from .errors import FpError

__all__ = ["tidy"]

Point = tuple[float, float]
Box = tuple[float, float, float, float]

SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}href"
EDGE = 1.0
"""How far, in points, a line may stand over the edge of its clip before it is clipped: half a stroke."""
MANY = 6
"""From how many dots on a pen is worth its style."""
REFERENCE = re.compile(r'(?:url\(|href=")#([^")]*)')
NEEDLESS = {
    "stroke-linecap:square",
    "stroke-dashoffset:0",
    "text-anchor:start",
    "font-weight:400",
}
"""Declarations that say what holds anyway (a line's square end is half its width)."""


@dataclass(frozen=True)
class _Line:
    """One stroke of a path: its points and whether it returns to the first."""

    points: tuple[Point, ...]
    closed: bool


@dataclass(frozen=True)
class _Mark:
    """One thing that is drawn: `lines` of a path, a `dot` (x, y, radius), or its `form` as it stands."""

    style: str
    clip: str
    lines: tuple[_Line, ...] = ()
    dot: tuple[float, float, float] | None = None
    form: str = ""
    is_text: bool = False

    @property
    def box(self) -> Box | None:
        """Return the least rectangle around it, None where that is not known."""
        if self.dot:
            x, y, r = self.dot
            return x - r, y - r, x + r, y + r
        points = [point for line in self.lines for point in line.points]
        if not points:
            return None
        return (*map(min, zip(*points, strict=True)), *map(max, zip(*points, strict=True)))  # type: ignore[return-value]


def tidy(drawn: str, id: str, *, ink: str, family: str) -> str:
    """Return matplotlib's SVG with ids that begin with `id`, letters in `ink` and in the fonts of `family`.

    Raises FpError when it is no SVG with a viewBox.
    """
    try:
        root = ET.fromstring(drawn)
        box = root.attrib["viewBox"]
    except (ET.ParseError, KeyError) as error:
        raise FpError(f"figure {id!r}: the drawing is no SVG: {error}") from None
    marks = [mark for mark in _marks(root, ink) if mark.style != "fill:#fff"]
    shapes = _merged([_unclipped(mark, _clips(root)) for mark in marks if not mark.is_text])
    styles = list(dict.fromkeys(mark.style for mark in marks if mark.is_text))
    words = sorted((mark for mark in marks if mark.is_text), key=lambda mark: styles.index(mark.style))
    written = "\n".join(_written([*shapes, *words]))
    body = _own_ids("\n".join([*_definitions(root, written), written]), id)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="100%" fill="{ink}" stroke-linejoin="round"'
    return f'{head} font-family="{family}">\n{body}\n</svg>'


def _marks(root: ET.Element, ink: str) -> Iterator[_Mark]:
    """Yield what is drawn, in order."""
    named = {e.get("id"): e for e in root.iter(f"{SVG}path") if e.get("id")}
    for part in _leaves(root, ""):
        if isinstance(part, _Mark):
            yield part
            continue
        element, clip = part
        style = element.get("style", "")
        if element.tag == f"{SVG}path":
            yield from _drawn(element.get("d", ""), _style(style), clip, (0.0, 0.0))
        elif element.tag == f"{SVG}use":
            yield from _used(element, named.get(element.get(XLINK, "")[1:]), clip)
        elif (element.text or "").strip():
            yield _Mark(_style(style, ink), clip, form=_text(element), is_text=True)


def _leaves(parent: ET.Element, clip: str) -> Iterator[tuple[ET.Element, str] | _Mark]:
    """Yield paths, uses and words with the clip that holds for them, and whole what is not known here."""
    for element in parent:
        kind = element.tag.removeprefix(SVG)
        here = element.get("clip-path", clip)
        if kind in ("defs", "metadata", "style"):
            continue
        if kind == "g" and element.attrib.keys() <= {"id", "clip-path"}:
            yield from _leaves(element, here)
        elif kind in ("path", "use", "text") and not len(element) and element.attrib.keys() <= KNOWN[kind]:
            yield element, here
        else:
            yield _Mark("", clip, form=_as_it_stands(element))


def _used(element: ET.Element, shape: ET.Element | None, clip: str) -> Iterator[_Mark]:
    """Yield a shape out of the definitions, moved to where it is used; its own style holds before the user's."""
    if shape is None or shape.attrib.keys() - {"id", "d", "style"}:
        yield _Mark("", clip, form=_as_it_stands(element))
        return
    at = (float(element.get("x", 0)), float(element.get("y", 0)))
    style = _style(f"{element.get('style', '')};{shape.get('style', '')}")
    yield from _drawn(shape.get("d", ""), style, clip, at)


def _drawn(path: str, style: str, clip: str, at: Point) -> Iterator[_Mark]:
    """Yield the mark of a path: strokes, a dot where its curves are a circle round the origin, else as it stands."""
    x, y = at
    radius = _radius(path)
    if radius:
        yield _Mark(style, clip, dot=(round(x, 1), round(y, 1), radius))
    elif re.fullmatch(r"[MLz\d\s.e-]*", path):
        lines = tuple(_lines(path, at))
        yield from [_Mark(_plain_ends(style, lines), clip, lines=lines)] if lines else []
    else:
        moved = f' transform="translate({x:g} {y:g})"' if (x, y) != (0, 0) else ""
        yield _Mark(style, clip, form=f'<path d="{_curve(path)}"{moved}/>')


def _lines(path: str, at: Point) -> Iterator[_Line]:
    """Yield the strokes of a path of straight lines, its points to a tenth."""
    for found in re.finditer(r"M([^Mz]*)(z?)", path):
        numbers = [float(number) for number in found[1].replace("L", " ").split()]
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        yield _Line(tuple((round(x + at[0], 1), round(y + at[1], 1)) for x, y in pairs), bool(found[2]))


def _radius(path: str) -> float:
    """Return the radius of a circle round the origin drawn as curves, 0 for anything else."""
    if not re.match(r"M[^MLCz]*C", path) or re.search(r"[^MCz\d\s.e-]", path) or path.count("C") < 4:
        return 0.0
    numbers = [[float(n) for n in part.split()[-2:]] for part in re.split(r"[MCz]", path) if part.strip()]
    far = [math.hypot(x, y) for x, y in numbers]
    return round(far[0], 1) if max(far) - min(far) < 0.01 * far[0] else 0.0


def _curve(path: str) -> str:
    rounded = re.sub(r"-?\d+\.\d+(?:e-?\d+)?", lambda n: f"{round(float(n[0]), 1) + 0.0:g}", path)
    return re.sub(r"\s+", " ", rounded).strip()


def _style(style: str, ink: str = "") -> str:
    """Return a style without what holds anyway; of two declarations of a property the later; `ink` is the letters'."""
    parts = [part.split(":", 1) for part in style.split(";") if ":" in part]
    told = {name.strip(): value.strip() for name, value in parts}
    told.pop("font-family", None)
    short = [f"{name}:{_short_value(value)}" for name, value in told.items()]
    return ";".join(part for part in short if part not in NEEDLESS and part != f"fill:{_short_value(ink)}")


def _short_value(value: str) -> str:
    value = re.sub(r"#([0-9a-f])\1([0-9a-f])\2([0-9a-f])\3$", r"#\1\2\3", value)
    value = re.sub(r"\d+\.\d+", lambda number: f"{round(float(number[0]), 2):g}", value)
    return re.sub(r"(?<![\d.])0(?=\.\d)", "", value)


def _plain_ends(style: str, lines: Sequence[_Line]) -> str:
    """Return a style without the form of corners, where a path has none."""
    cornered = any(len(line.points) > 2 for line in lines)
    return style if cornered else style.replace(";stroke-linejoin:miter", "").replace("stroke-linejoin:miter;", "")


def _text(element: ET.Element) -> str:
    """Return words where they stand; a turn by nothing is none."""
    move = re.fullmatch(r"\s*(?:translate\(([-\d.e]+) ([-\d.e]+)\))?\s*(?:rotate\(-?0(?:\.0*)?(?: [^)]*)?\))?\s*",
                        element.get("transform", ""))  # fmt: skip
    x, y = (float(element.get(name, 0)) for name in ("x", "y"))
    turned = ""
    if move is None:
        turned = f' transform="{_curve(element.get("transform", ""))}"'
    elif move[1]:
        x, y = x + float(move[1]), y + float(move[2])
    place = f' x="{x:.1f}" y="{y:.1f}"'.replace('.0"', '"') if (x, y) != (0, 0) else ""
    return f"<text{place}{turned}>{escape(element.text or '', quote=False)}</text>"


def _as_it_stands(element: ET.Element) -> str:
    written = ET.tostring(element, encoding="unicode").strip()
    written = re.sub(r' xmlns:\w+="[^"]*"', "", written)
    return re.sub(r"(</?)ns\d+:", r"\1", written).replace(" ns1:href", " href")


def _definitions(root: ET.Element, written: str) -> list[str]:
    """Return the definitions that the drawing still refers to: clips, patterns, forms kept as they stand."""
    kept = [child for defs in root.iter(f"{SVG}defs") for child in defs if child.get("id")]
    used = set(REFERENCE.findall(written))
    return [f"<defs>{_as_it_stands(child)}</defs>" for child in kept if child.get("id") in used]


def _clips(root: ET.Element) -> dict[str, Box]:
    """Return the rectangles that clip, by the reference to them."""
    found = {}
    for clip in root.iter(f"{SVG}clipPath"):
        for rect in clip.iter(f"{SVG}rect"):
            x, y, width, height = (float(rect.get(name, 0)) for name in ("x", "y", "width", "height"))
            found[f"url(#{clip.get('id')})"] = (x, y, x + width, y + height)
    return found


def _unclipped(mark: _Mark, clips: Mapping[str, Box]) -> _Mark:
    """Return a mark without its clip where it stands inside it, and with the rectangle as CSS where it does not."""
    around, box = clips.get(mark.clip), mark.box
    if around is None:
        return mark
    if box and all(box[n] >= around[n] - EDGE for n in (0, 1)) and all(box[n] <= around[n] + EDGE for n in (2, 3)):
        return replace(mark, clip="")
    return mark


def _merged(marks: Sequence[_Mark]) -> list[_Mark]:
    """Return neighbouring paths of one style as one, where they do not cover each other or have no area."""
    done: list[_Mark] = []
    for mark in marks:
        last = done[-1] if done else None
        if last and _may_merge(last, mark):
            done[-1] = replace(last, lines=(*last.lines, *mark.lines))
        else:
            done.append(mark)
    return done


def _may_merge(last: _Mark, mark: _Mark) -> bool:
    if not (last.lines and mark.lines) or (last.style, last.clip) != (mark.style, mark.clip):
        return False
    if "opacity" in mark.style:
        return False
    return "fill:none" in mark.style or not any(_touch(line, new) for line in last.lines for new in mark.lines)


def _touch(one: _Line, other: _Line) -> bool:
    a, b = (_Mark("", "", lines=(line,)).box for line in (one, other))
    assert a and b
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _dots(marks: Sequence[_Mark]) -> str:
    """Return dots of one size and one colour as points of a round pen; "" where they are others."""
    colours = dict(part.split(":", 1) for part in marks[0].style.split(";") if part)
    sizes = {mark.dot[2] for mark in marks if mark.dot}
    if len(sizes) != 1 or not all(mark.dot for mark in marks) or colours.get("fill") != colours.get("stroke"):
        return ""
    if len(marks) < MANY or colours.keys() - {"fill", "stroke"} or not colours.get("fill", "").startswith("#"):
        return ""
    clip = f' clip-path="{marks[0].clip}"' if marks[0].clip else ""
    pen = f"fill:none;stroke:{colours['fill']};stroke-width:{2 * sizes.pop() + 1:g};stroke-linecap:round"
    points = "".join(f"M{mark.dot[0]:g} {mark.dot[1]:g}h.1" for mark in marks if mark.dot)
    return f'<path style="{pen}"{clip} d="{points}"/>'


def _written(marks: Sequence[_Mark]) -> Iterator[str]:
    """Yield marks as SVG, neighbours of one style in a group; then the rectangles that clip."""
    for (style, clip), run in groupby(marks, key=lambda mark: (mark.style, mark.clip)):
        same = list(run)
        if dots := _dots(same):
            yield dots
            continue
        forms = [_form(mark) for mark in same]
        said = (f' style="{style}"' if style else "") + (f' clip-path="{clip}"' if clip else "")
        if not said:
            yield from forms
        elif len(forms) == 1 and re.match(r"<(?:path|circle|text)\b", forms[0]):
            tag, rest = re.split(r"(?=[\s>/])", forms[0][1:], maxsplit=1)
            yield f"<{tag}{said}{rest}"
        else:
            yield f"<g{said}>\n" + "\n".join(forms) + "\n</g>"


def _form(mark: _Mark) -> str:
    if mark.dot:
        x, y, r = mark.dot
        return f'<circle cx="{x:g}" cy="{y:g}" r="{r:g}"/>'
    return mark.form or f'<path d="{_steps(mark.lines)}"/>'


def _steps(lines: Sequence[_Line]) -> str:
    """Return path data in steps from point to point, which are shorter than places."""
    short: list[str] = []
    x = y = 0.0
    for line in lines:
        command = ""
        for n, (at, down) in enumerate(line.points):
            across, along = round(at - x, 1), round(down - y, 1)
            step = "m" if n == 0 else "h" if along == 0 else "v" if across == 0 else "l"
            numbers = {"h": f"{across:g}", "v": f"{along:g}"}.get(step, f"{across:g} {along:g}")
            implied = step == command or (step == "l" and command == "m")
            short.append((" " if implied else step) + numbers)
            command, x, y = step, at, down
        if line.closed:
            short.append("z")
            x, y = line.points[0]
    return re.sub(r"(?<![\d.])0(?=\.\d)", "", "".join(short)).replace(" -", "-")


def _own_ids(body: str, id: str) -> str:
    """Return the drawing with those ids that are referred to, numbered and with the figure's own in front."""
    used = dict.fromkeys(re.findall(r"url\(#([^)]*)\)|href=\"#([^\"]*)\"", body))
    new = {a or b: f"{id}-i{n}" for n, (a, b) in enumerate(used, start=1)}
    body = re.sub(r' id="([^"]*)"', lambda m: f' id="{new[m[1]]}"' if m[1] in new else "", body)
    return re.sub(r'(url\(#|href="#)([^)"]*)', lambda m: m[1] + new[m[2]], body)


KNOWN = {
    "path": {"id", "d", "style", "clip-path"},
    "use": {"id", "x", "y", "style", "clip-path", XLINK},
    "text": {"id", "x", "y", "style", "clip-path", "transform"},
}
"""Attributes of what is taken apart here; anything with others is kept as it stands."""

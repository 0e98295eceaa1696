"""Running text as WordprocessingML: runs, paragraphs, lists, links, footnotes and pictures, from mistune's tokens.

Everything is text put together, escaped at one place (`run`). Order of elements inside a property is that of the
schema (ECMA-376, part 1, 17.3). A footnote stands where it is first mentioned; a second mention of it is a field that
refers to the first (NOTEREF), as Word itself does it, because a second reference would be a second note.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from itertools import count
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes
from xml.sax.saxutils import escape, quoteattr

from ..wording import text
from .document import Tokens, plain_text
from .word_page import Relations
from .word_table import Cell, Grid, tables_xml

__all__ = [
    "Drawing",
    "Raster",
    "Writing",
    "blocks_xml",
    "drawn",
    "inline_xml",
    "paragraph",
    "picture_size",
    "picture_xml",
    "run",
]

EMU = 12700  # a point in English metric units
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
AMBIGUOUS = re.compile("[“”‘’—…·×±§°–−]")
"""Characters that Word takes from the Latin font unless told that they stand in Chinese text."""

SAFE_ADDRESS = re.compile(r"(?:https?:|mailto:)", re.IGNORECASE)
WIDE_GLYPH = r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f“”‘’—…]"
ADDRESS = re.compile(r"data:image/(png|jpeg|gif|svg\+xml)[^,]*?(;base64)?,(.*)", re.DOTALL)
SVG_PICTURE = "{96DAC541-7B7A-43D3-8B79-37D633B846F1}"
Drawing: TypeAlias = tuple[str, float]
"""An SVG, and the width in points that it is drawn at."""
Raster: TypeAlias = Callable[[Drawing], bytes]
"""What turns a drawing into PNG."""
CHARACTER_STYLES = ("Hyperlink", "CodeText", "Emphasis")


@dataclass
class Writing:
    """What is known and gathered while a text is written; `notes` are its footnotes by key, None inside one."""

    lang: str
    numbers: Mapping[str, tuple[str, int]]
    relations: Relations
    measure: Callable[[str], float]
    raster: Raster
    width: float
    in_note: bool = False
    mentioned: set[int] = field(default_factory=set)
    lists: list[tuple[bool, int]] = field(default_factory=list)
    ids: Any = field(default_factory=lambda: count(1))


def run(words: str, lang: str, *forms: str) -> str:
    """Return a run of text; `forms` are b, strike, sup or the name of a character style."""
    style = next((f'<w:rStyle w:val="{name}"/>' for name in CHARACTER_STYLES if name in forms), "")
    hint = '<w:rFonts w:hint="eastAsia"/>' if lang == "zh" and AMBIGUOUS.search(words) else ""
    bold = "<w:b/><w:bCs/>" if "b" in forms else ""
    strike = "<w:strike/>" if "strike" in forms else ""
    raised = '<w:vertAlign w:val="superscript"/>' if "sup" in forms else ""
    inside = escape(CONTROL.sub("", words))
    inside = re.sub(r"\r?\n", '</w:t><w:br/><w:t xml:space="preserve">', inside)
    inside = inside.replace("\t", '</w:t><w:tab/><w:t xml:space="preserve">')
    properties = f"<w:rPr>{style}{hint}{bold}{strike}{raised}</w:rPr>" if style + hint + bold + strike + raised else ""
    return f'<w:r>{properties}<w:t xml:space="preserve">{inside}</w:t></w:r>' if words else ""


def paragraph(inside: str, style: str = "", properties: str = "") -> str:
    """Return a paragraph of runs; `properties` follow the style in its properties."""
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    made = f"<w:pPr>{named}{properties}</w:pPr>" if named + properties else ""
    return f"<w:p>{made}{inside}</w:p>"


def blocks_xml(tokens: Tokens, writing: Writing, style: str = "", level: int = 0) -> str:
    """Return block tokens (paragraphs, lists, tables, code, quotes) as paragraphs and tables."""
    return "".join(BLOCKS[token["type"]](token, writing, style, level) for token in tokens if token["type"] in BLOCKS)


def inline_xml(tokens: Tokens, writing: Writing, *forms: str) -> str:
    """Return inline tokens as runs."""
    made = []
    for n, token in enumerate(tokens):
        kind = token["type"]
        if kind == "softbreak":
            made.append(run(_line_end(plain_text(tokens[:n]), plain_text(tokens[n + 1 :])), writing.lang, *forms))
        elif kind in FORMS:
            made.append(inline_xml(token["children"], writing, *forms, FORMS[kind]))
        elif kind in INLINE:
            made.append(INLINE[kind](token, writing, forms))
        elif kind == "text":
            made.append(run(token["raw"], writing.lang, *forms))
        elif "children" in token:
            made.append(inline_xml(token["children"], writing, *forms))
    return "".join(made)


def picture_xml(
    image: bytes, suffix: str, *, size: tuple[float, float], alt: str, name: str, writing: Writing, svg: str = ""
) -> str:
    """Return a run with a picture in the line, `size` in points; `svg` is shown instead by programs that know it."""
    relation, number = writing.relations.picture(image, suffix), next(writing.ids)
    vector = ""
    if svg:
        drawn = writing.relations.picture(svg.encode("utf-8"), "svg")
        vector = (
            f'<a:extLst><a:ext uri="{SVG_PICTURE}"><asvg:svgBlip '
            f'xmlns:asvg="http://schemas.microsoft.com/office/drawing/2016/SVG/main" r:embed="{drawn}"/>'
            "</a:ext></a:extLst>"
        )
    wide, high = (round(length * EMU) for length in size)
    named = f'id="{number}" name={quoteattr(name)} descr={quoteattr(CONTROL.sub("", alt))}'
    return (
        f'<w:r><w:drawing><wp:inline distT="0" distB="0" distL="0" distR="0"><wp:extent cx="{wide}" cy="{high}"/>'
        f"<wp:docPr {named}/><wp:cNvGraphicFramePr>"
        '<a:graphicFrameLocks noChangeAspect="1"/></wp:cNvGraphicFramePr><a:graphic>'
        '<a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:pic>'
        f"<pic:nvPicPr><pic:cNvPr {named}/><pic:cNvPicPr/></pic:nvPicPr>"
        f'<pic:blipFill><a:blip r:embed="{relation}">{vector}</a:blip>'
        "<a:stretch><a:fillRect/></a:stretch></pic:blipFill>"
        f'<pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext cx="{wide}" cy="{high}"/></a:xfrm>'
        '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></pic:spPr></pic:pic></a:graphicData></a:graphic>'
        "</wp:inline></w:drawing></w:r>"
    )


def picture_size(content: bytes, widest: float, highest: float) -> tuple[float, float]:
    """Return width and height in points of a pixel picture at its own resolution (96 dpi when unsaid), made to fit."""
    from PIL import Image  # takes a moment, and only pictures need it

    with Image.open(io.BytesIO(content)) as image:
        dots = float(image.info.get("dpi", (96, 96))[0]) or 96
        wide, high = image.width * 72 / dots, image.height * 72 / dots
    return fit(wide, high, widest, highest)


def fit(wide: float, high: float, widest: float, highest: float) -> tuple[float, float]:
    """Return width and height made smaller, in proportion, where they exceed what there is room for."""
    scale = min(1.0, widest / wide, highest / high)
    return wide * scale, high * scale


def _line_end(before: str, after: str) -> str:
    """Return the space that a line end in the source stands for: none between two Chinese characters."""
    return "" if re.search(f"{WIDE_GLYPH}$", before) and re.match(WIDE_GLYPH, after) else " "


def _paragraph(token: Mapping[str, Any], writing: Writing, style: str, level: int) -> str:
    if any(child["type"] == "image" for child in token["children"]):
        style = "Figure"
    return paragraph(inline_xml(token["children"], writing), style)


def _list(token: Mapping[str, Any], writing: Writing, style: str, level: int) -> str:
    writing.lists.append((bool(token["attrs"].get("ordered")), token["attrs"].get("start", 1)))
    number = len(writing.lists)
    return "".join(_item(item, number, writing, level) for item in token["children"])


def _item(token: Mapping[str, Any], number: int, writing: Writing, level: int) -> str:
    """Return an item: its first paragraph is numbered, what follows stands under it."""
    depth = min(level, 8)
    numbered = f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr>'
    made = []
    for n, child in enumerate(token["children"]):
        if child["type"] not in ("block_text", "paragraph"):
            made.append(blocks_xml([child], writing, "ListParagraph", level + 1))
            continue
        hung = f'<w:ind w:left="{480 * (depth + 1) + (315 if writing.lang == "zh" else 0)}"/>'
        made.append(paragraph(inline_xml(child["children"], writing), "ListParagraph", hung if n else numbered))
    return "".join(made)


def _quote(token: Mapping[str, Any], writing: Writing, style: str, level: int) -> str:
    return blocks_xml(token["children"], writing, "Quote", level)


def _code(token: Mapping[str, Any], writing: Writing, style: str, level: int) -> str:
    return paragraph(run(token["raw"].rstrip("\n"), writing.lang), "Code")


def _rule(token: Mapping[str, Any], writing: Writing, style: str, level: int) -> str:
    line = '<w:pBdr><w:bottom w:val="single" w:sz="4" w:space="1" w:color="9AA5B1"/></w:pBdr>'
    return paragraph("", style, line)


def _table(token: Mapping[str, Any], writing: Writing, style: str, level: int) -> str:
    """Return a table in the text; its columns of numbers are those that the markdown sets to the right."""
    head, *body = token["children"]
    rows = [head, *(row for part in body for row in part["children"])]
    right = tuple(cell["attrs"].get("align") == "right" for cell in head["children"])
    heads, *cells = (tuple(_cell(cell, writing) for cell in row["children"]) for row in rows)
    made, _ = tables_xml(Grid((heads,), tuple(cells), right), measure=writing.measure)
    return "".join(table + paragraph("", "TableNote") for table in made)


def _cell(token: Mapping[str, Any], writing: Writing) -> Cell:
    return Cell(plain_text(token["children"]), inside=inline_xml(token["children"], writing))


def _link(token: Mapping[str, Any], writing: Writing, forms: Sequence[str]) -> str:
    """Return a link: inside the report to a bookmark, outside through a relation; an unsafe address is mere text."""
    address, inside = token["attrs"]["url"], inline_xml(token["children"], writing, *forms, "Hyperlink")
    if address.removeprefix("#") in writing.numbers:
        kind, number = writing.numbers[address.removeprefix("#")]
        words = text(f"{kind}.number", writing.lang, n=number)
        inside = inside or run(words, writing.lang, *forms, "Hyperlink")
        return f'<w:hyperlink w:anchor="{kind}_{number}">{inside}</w:hyperlink>'
    if not SAFE_ADDRESS.match(address):
        return inline_xml(token["children"], writing, *forms)
    inside = inside or run(address, writing.lang, *forms, "Hyperlink")
    return f'<w:hyperlink r:id="{writing.relations.link(address)}">{inside}</w:hyperlink>'


def _image(token: Mapping[str, Any], writing: Writing, forms: Sequence[str]) -> str:
    """Return a picture that stands in the text as a data address (RFC 2397)."""
    kind, coded, content = ADDRESS.fullmatch(token["attrs"]["url"]).groups()  # type: ignore[union-attr]
    data = base64.b64decode(content) if coded else unquote_to_bytes(content)
    alt, name = plain_text(token["children"]), text("page.picture", writing.lang)
    if kind == "svg+xml":
        return svg_xml(data.decode("utf-8"), alt=alt, name=name, writing=writing)
    size = picture_size(data, writing.width, TALLEST)
    return picture_xml(data, kind, size=size, alt=alt, name=name, writing=writing)


TALLEST = 430.0
"""Height in points that a picture may have: two thirds of the page, so that its caption and a text stand with it."""


def svg_xml(svg: str, *, alt: str, name: str, writing: Writing) -> str:
    """Return a run with a drawing: pixels for every program, and the drawing itself for those that show it."""
    size, image = fit(*_svg_size(svg), writing.width, TALLEST), writing.raster(drawn(svg, writing.width))
    return picture_xml(image, "png", size=size, alt=alt, name=name, writing=writing, svg=_sized(svg, size))


def drawn(svg: str, width: float) -> Drawing:
    """Return a drawing at the width that it has on a page whose text is `width` points wide."""
    return svg, fit(*_svg_size(svg), width, TALLEST)[0]


def _sized(svg: str, size: tuple[float, float]) -> str:
    """Return a drawing that says its size in points, where its view box lets it be scaled."""
    root, end, rest = svg[svg.index("<svg") :].partition(">")
    if "viewBox" not in root:
        return root + end + rest
    root = re.sub(r'\s(?:width|height)="[^"]*"', "", root)
    return f'{root} width="{size[0]:.1f}pt" height="{size[1]:.1f}pt"{end}{rest}'


def _svg_size(svg: str) -> tuple[float, float]:
    """Return width and height of a drawing in points: its own, else those of its view box (a unit is a point)."""
    root = svg[svg.index("<svg") :].partition(">")[0]
    sizes = [re.search(rf'\s{side}="([\d.]+)(pt|px|)"', root) for side in ("width", "height")]
    if all(sizes):
        return tuple(float(s[1]) * (1 if s[2] == "pt" else 0.75) for s in sizes)  # type: ignore[index,return-value]
    box = re.search(r'viewBox="[-\d.]+[ ,]+[-\d.]+[ ,]+([\d.]+)[ ,]+([\d.]+)"', root)
    return (float(box[1]), float(box[2])) if box else (300.0, 150.0)


def _mention(token: Mapping[str, Any], writing: Writing, forms: Sequence[str]) -> str:
    number = token["attrs"]["index"]
    if writing.in_note:
        return run(str(number), writing.lang, "sup")
    if number in writing.mentioned:
        return _second_mention(number)
    writing.mentioned.add(number)
    mark = next(writing.ids)
    return (
        f'<w:bookmarkStart w:id="{mark}" w:name="_RefNote{number}"/><w:r><w:rPr><w:rStyle w:val="FootnoteReference"/>'
        f'</w:rPr><w:footnoteReference w:id="{number}"/></w:r><w:bookmarkEnd w:id="{mark}"/>'
    )


def _second_mention(number: int) -> str:
    style = '<w:rPr><w:rStyle w:val="FootnoteReference"/></w:rPr>'
    codes = [
        '<w:fldChar w:fldCharType="begin"/>',
        f'<w:instrText xml:space="preserve"> NOTEREF _RefNote{number} \\f \\h </w:instrText>',
        '<w:fldChar w:fldCharType="separate"/>',
        f"<w:t>{number}</w:t>",
        '<w:fldChar w:fldCharType="end"/>',
    ]
    return "".join(f"<w:r>{style}{code}</w:r>" for code in codes)


FORMS = {"strong": "b", "emphasis": "Emphasis", "strikethrough": "strike"}
INLINE: dict[str, Callable[[Mapping[str, Any], Writing, Sequence[str]], str]] = {
    "codespan": lambda token, writing, forms: run(unescape(token["raw"]), writing.lang, *forms, "CodeText"),
    "linebreak": lambda token, writing, forms: "<w:r><w:br/></w:r>",
    "link": _link,
    "image": _image,
    "footnote_ref": _mention,
    "inline_html": lambda token, writing, forms: "",
}
BLOCKS: dict[str, Callable[[Mapping[str, Any], Writing, str, int], str]] = {
    "paragraph": _paragraph,
    "block_text": _paragraph,
    "list": _list,
    "block_quote": _quote,
    "block_code": _code,
    "table": _table,
    "thematic_break": _rule,
}
"""How each kind of token is written; what is not named here has no words (comments, blank lines)."""

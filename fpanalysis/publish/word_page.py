"""The frame of a Word file: page, styles, footers and properties, put together as an Open Packaging archive.

The page is that of official documents (GB/T 9704-2012): A4, margins of 37, 35, 28 and 26 mm, 22 lines of 28
characters at 16 pt. `docGrid type="lines"` sets the lines; the letters stand 0.25 pt closer (28 times 16 pt are wider
than the column), as a grid of characters is doubled by LibreOffice. The parts are templates in `templates/word/`; the
order of elements is that of ECMA-376, part 1. No clock is looked at: the archive's parts are sorted and carry one
date, and the file's own dates are the report's day, so equal reports give equal bytes.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..blocks import Meta
from ..wording import text

__all__ = ["GRID_LINES", "LANDSCAPE", "PORTRAIT", "Relations", "package", "parts", "report_day", "section"]

GRID_LINES = 22
MM = 1440 / 25.4
A4 = (11906, 16838)
MARGINS = {"top": 37, "right": 26, "bottom": 35, "left": 28}  # mm
TURNED = {"top": 28, "right": 37, "bottom": 26, "left": 35}
FOOTER = {False: 23, True: 14}  # mm from the edge of the paper; upright the line stands 7 mm below the text
PORTRAIT = A4[0] - round(54 * MM)
LANDSCAPE = A4[1] - round(72 * MM)
"""Width of the text column in twentieths of a point, upright and turned."""

HEIGHT = A4[1] - round(72 * MM)
PITCH = HEIGHT // GRID_LINES
WORD_LANG = {"zh": "zh-CN", "en": "en-GB"}
FIRST_LINE = {"zh": 630, "en": 0}
EPOCH = (1980, 1, 1, 0, 0, 0)
UNDATED = dt.date(2000, 1, 1)
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml"
HEADER = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


class Relations:
    """What one part of the archive refers to: outside addresses and pictures, each once, numbered as they come."""

    def __init__(self, first: Sequence[tuple[str, str]] = ()) -> None:
        self.rows = [(kind, target, False) for kind, target in first]
        self.media: dict[str, bytes] = {}

    def link(self, address: str) -> str:
        """Return the id of an address outside the file."""
        return self._id("hyperlink", address, True)

    def picture(self, content: bytes, suffix: str) -> str:
        """Return the id of a picture, which becomes a file of the archive named after its content."""
        name = f"media/{hashlib.sha256(content).hexdigest()[:16]}.{suffix}"
        self.media[f"word/{name}"] = content
        return self._id("image", name, False)

    def xml(self) -> str:
        """Return the part that lists the relations."""
        modes = {True: ' TargetMode="External"', False: ""}
        rows = "".join(
            f'<Relationship Id="rId{n}" Type="{_type(kind)}" Target={quoteattr(target)}{modes[outside]}/>'
            for n, (kind, target, outside) in enumerate(self.rows, start=1)
        )
        return f'{HEADER}<Relationships xmlns="{PACKAGE}/relationships">{rows}</Relationships>'

    def _id(self, kind: str, target: str, outside: bool) -> str:
        row = (kind, target, outside)
        if row not in self.rows:
            self.rows.append(row)
        return f"rId{self.rows.index(row) + 1}"


def _type(kind: str) -> str:
    return kind if ":" in kind else f"{OFFICE}/{kind}"


DOCUMENT_PARTS = (
    ("styles", "styles.xml"),
    ("settings", "settings.xml"),
    ("fontTable", "fontTable.xml"),
    ("numbering", "numbering.xml"),
    ("footnotes", "footnotes.xml"),
    ("footer", "footer1.xml"),
    ("footer", "footer2.xml"),
    ("theme", "theme/theme1.xml"),
    ("customXml", "../customXml/item1.xml"),
)
FOOTERS = "".join(
    f'<w:footerReference w:type="{kind}" r:id="rId{1 + DOCUMENT_PARTS.index(("footer", name))}"/>'
    for kind, name in (("default", "footer1.xml"), ("even", "footer2.xml"))
)
ROOT_PARTS = (
    ("officeDocument", "word/document.xml"),
    (f"{PACKAGE}/relationships/metadata/core-properties", "docProps/core.xml"),
    ("extended-properties", "docProps/app.xml"),
    ("custom-properties", "docProps/custom.xml"),
)


def section(*, landscape: bool = False) -> str:
    """Return the properties of a section: the official page, upright or turned."""
    wide, high = reversed(A4) if landscape else A4
    turned = ' w:orient="landscape"' if landscape else ""
    margins = " ".join(f'w:{side}="{round(mm * MM)}"' for side, mm in (TURNED if landscape else MARGINS).items())
    return (
        f'<w:sectPr>{FOOTERS}<w:type w:val="nextPage"/><w:pgSz w:w="{wide}" w:h="{high}"{turned}/>'
        f'<w:pgMar {margins} w:header="851" w:footer="{round(FOOTER[landscape] * MM)}" w:gutter="0"/>'
        f'<w:cols w:space="425"/><w:docGrid w:type="lines" w:linePitch="{PITCH}"/></w:sectPr>'
    )


def parts(
    meta: Meta,
    *,
    body: str,
    notes: str,
    relations: Relations,
    note_relations: Relations,
    lists: Sequence[tuple[bool, int]] = (),
) -> dict[str, bytes]:
    """Return the parts of a Word file by their name in the archive.

    `body` and `notes` are the XML of the text and of the footnotes; `lists` is (numbered, first number) of each list.
    """
    lang = WORD_LANG[meta.lang]
    made = {
        "word/document.xml": _filled("document.xml", body=body),
        "word/footnotes.xml": _filled("footnotes.xml", notes=notes),
        "word/styles.xml": _filled("styles.xml", lang=lang),
        "word/settings.xml": _filled("settings.xml", pitch=PITCH),
        "word/fontTable.xml": _filled("fontTable.xml"),
        "word/theme/theme1.xml": _filled("theme.xml"),
        "word/numbering.xml": _filled("numbering.xml", lists=lists, first=FIRST_LINE[meta.lang] // 2),
        "word/footer1.xml": _filled("footer.xml", even=False),
        "word/footer2.xml": _filled("footer.xml", even=True),
        "word/_rels/document.xml.rels": relations.xml(),
        "docProps/core.xml": _filled("core.xml", meta=_escaped(meta), lang=lang, day=report_day(meta).isoformat()),
        "docProps/app.xml": _filled("app.xml", meta=_escaped(meta)),
        "_rels/.rels": Relations(ROOT_PARTS).xml(),
    }
    if note_relations.rows:
        made["word/_rels/footnotes.xml.rels"] = note_relations.xml()
    return {name: xml.encode("utf-8") for name, xml in made.items()} | relations.media | note_relations.media


def with_original(made: Mapping[str, bytes], original: str, properties: Mapping[str, str]) -> dict[str, bytes]:
    """Return the parts with the report's text as published stored beside it, and what the file says of itself."""
    stored = f'{HEADER}<original xmlns="{ORIGINAL}">{escape(original)}</original>'
    item = (
        f'{HEADER}<ds:datastoreItem ds:itemID="{{8B1C2C3A-5D0E-4F0B-9B6E-0F5A7A1D3C11}}" xmlns:ds="{CUSTOM}">'
        f'<ds:schemaRefs><ds:schemaRef ds:uri="{ORIGINAL}"/></ds:schemaRefs></ds:datastoreItem>'
    )
    said = {name: escape(value) for name, value in properties.items()}
    return {
        **made,
        "customXml/item1.xml": stored.encode("utf-8"),
        "customXml/itemProps1.xml": item.encode("utf-8"),
        "customXml/_rels/item1.xml.rels": Relations([("customXmlProps", "itemProps1.xml")]).xml().encode("utf-8"),
        "docProps/custom.xml": _filled("custom.xml", properties=said).encode("utf-8"),
    }


ORIGINAL = "urn:fpanalysis:original-text"
CUSTOM = "http://schemas.openxmlformats.org/officeDocument/2006/customXml"


def package(made: Mapping[str, bytes]) -> bytes:
    """Return the parts as one archive: the list of types first, the rest by name, all of one date."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, content in (("[Content_Types].xml", _types(made)), *sorted(made.items())):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 0
            file.writestr(entry, content)
    return archive.getvalue()


def report_day(meta: Meta) -> dt.date:
    """Return the day up to which data were received, read from the words of the cover; 2000-01-01 when they have none.

    >>> report_day(Meta("x", "en", as_of="Data received by 18 July 2018"))
    datetime.date(2018, 7, 18)
    """
    numbers = [int(found) for found in re.findall(r"\d+", meta.as_of)]
    if len(numbers) == 2:
        named = (n for n in range(1, 13) if text(f"month.{n}", meta.lang).lower() in meta.as_of.lower())
        numbers = [numbers[1], next(named, 0), numbers[0]]
    try:
        return dt.date(*numbers[:3])
    except (TypeError, ValueError):
        return UNDATED


def _escaped(meta: Meta) -> dict[str, str]:
    return {name: escape(getattr(meta, name)) for name in ("title", "office", "period", "calendar")}


@functools.cache
def _environment() -> Environment:
    loader = PackageLoader(__package__ or "", "templates/word")
    return Environment(loader=loader, undefined=StrictUndefined, keep_trailing_newline=False)


def _filled(name: str, **values: Any) -> str:
    return _environment().get_template(name).render(**values)


def _types(made: Mapping[str, bytes]) -> bytes:
    defaults = {"rels": "application/vnd.openxmlformats-package.relationships+xml", "xml": "application/xml"}
    defaults |= {suffix: kind for suffix, kind in MEDIA.items() if any(name.endswith(f".{suffix}") for name in made)}
    rows = [f'<Default Extension="{suffix}" ContentType="{kind}"/>' for suffix, kind in sorted(defaults.items())]
    rows += [f'<Override PartName="/{name}" ContentType="{TYPES[name]}"/>' for name in sorted(made) if name in TYPES]
    return f'{HEADER}<Types xmlns="{PACKAGE}/content-types">{"".join(rows)}</Types>'.encode()


MEDIA = {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "svg": "image/svg+xml"}
TYPES = {
    "word/document.xml": f"{MAIN}.document.main+xml",
    **{f"word/{name}.xml": f"{MAIN}.{name}+xml" for name in ("styles", "settings", "fontTable")},
    **{f"word/{name}.xml": f"{MAIN}.{name}+xml" for name in ("numbering", "footnotes")},
    **{f"word/footer{n}.xml": f"{MAIN}.footer+xml" for n in (1, 2)},
    "word/theme/theme1.xml": "application/vnd.openxmlformats-officedocument.theme+xml",
    "docProps/core.xml": "application/vnd.openxmlformats-package.core-properties+xml",
    "docProps/app.xml": "application/vnd.openxmlformats-officedocument.extended-properties+xml",
    "docProps/custom.xml": "application/vnd.openxmlformats-officedocument.custom-properties+xml",
    "customXml/itemProps1.xml": "application/vnd.openxmlformats-officedocument.customXmlProperties+xml",
}
"""Content type of each picture by its suffix, and of each part by its name (ECMA-376, part 2, 10.1.2)."""

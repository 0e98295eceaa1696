"""What was changed by hand in a published Word file: numbers first, then words, from the file alone.

A published file holds its own text as it was published (`word_page.with_original`). Here both texts are read as units,
a paragraph or a cell each, and compared: first unit by unit (Myers-like matching of `difflib`), then, in units that
differ, piece by piece, where a number is one piece, a Chinese character one, a Latin word one. Formatting, split runs,
field codes and white space do not count, so saving the file in another program changes nothing. Tracked changes count
as accepted and are named as such; comments are listed but change nothing.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import io
import json
import re
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from xml.etree import ElementTree

from ..errors import FpError
from ..wording import text

__all__ = ["Change", "Comment", "Comparison", "Unit", "compare", "read_units", "report_lines", "stored_text"]

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
VALUE = "{http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes}"
ORIGINAL = "{urn:fpanalysis:original-text}original"
NUMBER = r"[-−+]?\d[\d,，]*(?:[.．]\d+)?[%％‰]?"
PIECE = re.compile(rf"{NUMBER}|[A-Za-z_]+|\s+|.", re.DOTALL)
AROUND = 12
ALIKE = 0.4
HEADING = re.compile(r"heading [1-9]")


@dataclass(frozen=True)
class Unit:
    """One paragraph, cell, footnote or picture: its words, and where it stands (section, table, row, column)."""

    kind: str
    text: str
    section: str = ""
    table: str = ""
    row: str = ""
    column: str = ""
    tracked: str = ""


@dataclass(frozen=True)
class Change:
    """One change: what stood there, what stands there now, the words around it; `tracked` is a reviser's name."""

    where: Unit
    old: str
    new: str
    around: str

    @property
    def is_number(self) -> bool:
        """Return whether a number was changed, added or removed."""
        return bool(re.search(r"\d", self.old + self.new))


@dataclass(frozen=True)
class Comment:
    """A reader's comment on the text."""

    where: Unit
    author: str
    text: str


@dataclass(frozen=True)
class Comparison:
    """What was changed in a file: `marks` say which release it came from, `lang` is the language of the report."""

    changes: tuple[Change, ...]
    comments: tuple[Comment, ...]
    marks: Mapping[str, str]
    lang: str


def compare(data: bytes, *, name: str) -> Comparison:
    """Return what was changed by hand in a Word file since it was published; `name` is said in errors.

    Raises FpError when the file is no Word file, was not published by fpanalysis, or has lost its stored text.
    """
    made = _opened(data, name)
    stored, marks = _original(made), _marks(made)
    if stored is None:
        raise FpError(
            f"{name}: the text as published is not stored in it, so nothing can be compared; "
            "expected a report.*.docx that fpanalysis wrote (a file put together anew by another program loses it)"
        )
    if marks.get("text", hashlib.sha256(stored.encode()).hexdigest()) != hashlib.sha256(stored.encode()).hexdigest():
        raise FpError(f"{name}: the text as published that is stored in it was itself changed; take another copy")
    kept = json.loads(stored)
    before, now = [Unit(**unit) for unit in kept], read_units(made)
    return Comparison(tuple(_changes(before, now)), tuple(_comments(made)), marks, marks.get("lang", "zh"))


def read_units(data: bytes | Mapping[str, bytes]) -> list[Unit]:
    """Return the units of a Word file in the order of the text, footnotes last; of its parts, when those are given.

    Tracked insertions are in, tracked deletions are out; the words of empty units are left out with them.
    """
    made = _opened(data, "the file") if isinstance(data, bytes) else data
    return list(_units(*(made.get(f"word/{name}.xml") for name in ("document", "styles", "footnotes"))))


@functools.lru_cache(1)
def _units(document: bytes, styles: bytes | None, notes: bytes | None) -> tuple[Unit, ...]:
    """Return the units of these parts; once where what is read back is what the text as published was taken from."""
    body = ElementTree.fromstring(document).find(f"{W}body")
    found = list(_walk(body if body is not None else (), _heading_styles(styles)))
    if notes:
        found += _footnotes(ElementTree.fromstring(notes))
    return tuple(unit for unit in found if unit.text)


def stored_text(units: Sequence[Unit]) -> str:
    """Return units as the JSON text that a published file stores."""
    rows = [{key: value for key, value in vars(unit).items() if value} for unit in units]
    return json.dumps([row if "text" in row else {**row, "text": ""} for row in rows], ensure_ascii=False)


def report_lines(found: Comparison, *, name: str) -> list[str]:
    """Return a comparison in words, in the language of the report: numbers first, then words, then comments."""
    lang = found.lang
    known = [key for key in ("release", "inputs") if found.marks.get(key)]
    lines = [text(f"word.changes.{key}", lang, mark=found.marks[key]) for key in known]
    if not found.changes:
        lines.append(text("word.changes.none", lang, file=name))
    numbers = [change for change in found.changes if change.is_number]
    words = [change for change in found.changes if not change.is_number]
    for key, changes in (("numbers", numbers), ("words", words)):
        if changes:
            lines.append(text(f"word.changes.{key}", lang, n=len(changes)))
            lines += [f"  {_line(change, lang)}" for change in changes]
    if found.comments:
        lines.append(text("word.changes.comments", lang, n=len(found.comments)))
        lines += [f"  {_comment_line(comment, lang)}" for comment in found.comments]
    return lines


def _opened(data: bytes, name: str) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            made = {entry: archive.read(entry) for entry in archive.namelist() if entry.endswith((".xml", ".rels"))}
    except zipfile.BadZipFile:
        made = {}
    if "word/document.xml" not in made:
        raise FpError(f"{name}: it is no Word file (.docx); save it as 'Word document (.docx)' and try again")
    return made


def _original(made: Mapping[str, bytes]) -> str | None:
    """Return the stored text, whatever name another program has given to its part."""
    for name in sorted(made):
        if name.startswith("customXml/item") and ORIGINAL[1:].partition("}")[0].encode() in made[name]:
            root = ElementTree.fromstring(made[name])
            if root.tag == ORIGINAL:
                return root.text or ""
    return None


def _marks(made: Mapping[str, bytes]) -> dict[str, str]:
    """Return the properties that a published file carries, without their prefix."""
    if "docProps/custom.xml" not in made:
        return {}
    root = ElementTree.fromstring(made["docProps/custom.xml"])
    named = {entry.get("name", ""): "".join(entry.itertext()) for entry in root}
    return {key.removeprefix("fpanalysis."): value for key, value in named.items() if key.startswith("fpanalysis.")}


def _heading_styles(styles: bytes | None) -> set[str]:
    """Return the ids of the styles that are headings by their name (ids differ from program to program)."""
    if not styles:
        return set()
    found = set()
    for style in ElementTree.fromstring(styles).iter(f"{W}style"):
        name = style.find(f"{W}name")
        if name is not None and HEADING.fullmatch((name.get(f"{W}val") or "").lower()):
            found.add(style.get(f"{W}styleId") or "")
    return found


def _walk(body: ElementTree.Element | Sequence[ElementTree.Element], headings: set[str]) -> Iterator[Unit]:
    section, before = "", ""
    for element in body:
        if element.tag == f"{W}sdt":
            content = element.find(f"{W}sdtContent")
            yield from _walk(content if content is not None else (), headings)
        elif element.tag == f"{W}p":
            unit = Unit("paragraph", _words(element), section, tracked=_tracked(element))
            style = element.find(f"{W}pPr/{W}pStyle")
            if style is not None and style.get(f"{W}val") in headings:
                section = unit.text
            before = unit.text or before
            yield unit
            yield from _alternatives(element, section)
        elif element.tag == f"{W}tbl":
            yield from _table(element, section, before)


def _table(table: ElementTree.Element, section: str, caption: str) -> Iterator[Unit]:
    """Return the cells of a table, each with the first cell of its row and the head of its column."""
    named = table.find(f"{W}tblPr/{W}tblCaption")
    name = (named.get(f"{W}val") if named is not None else "") or caption
    heads: dict[int, str] = {}
    for n, row in enumerate(table.iter(f"{W}tr")):
        at, first = 0, ""
        is_head = row.find(f"{W}trPr/{W}tblHeader") is not None or n == 0
        for cell in row.iter(f"{W}tc"):
            words = _clean(" ".join(filter(None, (_words(p) for p in cell.iter(f"{W}p")))))
            span = cell.find(f"{W}tcPr/{W}gridSpan")
            wide = int(span.get(f"{W}val") or 1) if span is not None else 1
            if is_head and words:
                heads |= dict.fromkeys(range(at, at + wide), words)
            first = words if at == 0 else first
            yield Unit("cell", words, section, name, first, heads.get(at, ""), _tracked(cell))
            at += wide


def _footnotes(root: ElementTree.Element) -> list[Unit]:
    return [
        Unit("footnote", _clean(" ".join(_words(p) for p in note.iter(f"{W}p"))), tracked=_tracked(note))
        for note in root
        if note.get(f"{W}type") is None
    ]


def _alternatives(paragraph: ElementTree.Element, section: str) -> Iterator[Unit]:
    for drawing in paragraph.iter(f"{DRAWING}docPr"):
        yield Unit("picture", _clean(drawing.get("descr") or ""), section)


def _words(element: ElementTree.Element) -> str:
    """Return the words of a paragraph as they read now: field codes and tracked deletions are not part of them."""
    made: list[str] = []
    for node in _shown(element):
        if node.tag == f"{W}t":
            made.append(node.text or "")
        elif node.tag in BLANKS:
            made.append(BLANKS[node.tag])
    return _clean("".join(made))


def _shown(element: ElementTree.Element) -> Iterator[ElementTree.Element]:
    for child in element:
        if child.tag in HIDDEN:
            continue
        yield child
        yield from _shown(child)


BLANKS = {f"{W}tab": " ", f"{W}br": " ", f"{W}cr": " ", f"{W}noBreakHyphen": "-"}
HIDDEN = {f"{W}{tag}" for tag in ("del", "moveFrom", "instrText", "delText", "drawing", "pict", "object", "pPr", "rPr")}


def _clean(words: str) -> str:
    return " ".join(unicodedata.normalize("NFC", words).split())


def _tracked(element: ElementTree.Element) -> str:
    """Return who made the tracked changes in an element, "" when there are none."""
    marks = (node.get(f"{W}author") or "?" for tag in ("ins", "del", "moveFrom", "moveTo")
             for node in element.iter(f"{W}{tag}") if len(node))  # fmt: skip
    return ", ".join(dict.fromkeys(marks))


def _comments(made: Mapping[str, bytes]) -> Iterator[Comment]:
    if "word/comments.xml" not in made:
        return
    body = ElementTree.fromstring(made["word/document.xml"])
    about = {}
    for paragraph in body.iter(f"{W}p"):
        for mark in paragraph.iter(f"{W}commentReference"):
            about[mark.get(f"{W}id")] = Unit("paragraph", _words(paragraph))
    for comment in ElementTree.fromstring(made["word/comments.xml"]).iter(f"{W}comment"):
        words = _clean(" ".join(_words(p) for p in comment.iter(f"{W}p")))
        yield Comment(about.get(comment.get(f"{W}id"), Unit("paragraph", "")), comment.get(f"{W}author") or "?", words)


def _changes(before: Sequence[Unit], now: Sequence[Unit]) -> Iterator[Change]:
    keys_before, keys_now = ([(unit.kind, unit.text) for unit in units] for units in (before, now))
    start = next((n for n, pair in enumerate(zip(keys_before, keys_now, strict=False)) if pair[0] != pair[1]),
                 min(len(before), len(now)))  # fmt: skip
    end = 0
    while end < min(len(before), len(now)) - start and keys_before[-1 - end] == keys_now[-1 - end]:
        end += 1
    old, new = before[start : len(before) - end], now[start : len(now) - end]
    matcher = difflib.SequenceMatcher(
        None, keys_before[start : len(before) - end], keys_now[start : len(now) - end], False
    )
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind != "equal":
            yield from _replaced(old[a:b], new[c:d])


def _replaced(old: Sequence[Unit], new: Sequence[Unit]) -> Iterator[Change]:
    """Return the changes between two runs of units: like with like, in order, the rest as added and removed."""
    at = 0
    for unit in old:
        match = next((n for n in range(at, len(new)) if _alike(unit, new[n], len(old) == len(new))), None)
        if match is None:
            yield Change(replace(unit, tracked=""), unit.text, "", "")
            continue
        yield from (Change(added, "", added.text, "") for added in new[at:match])
        yield from _within(replace(unit, tracked=new[match].tracked), unit.text, new[match].text)
        at = match + 1
    yield from (Change(added, "", added.text, "") for added in new[at:])


def _alike(old: Unit, new: Unit, same_count: bool) -> bool:
    if old.kind != new.kind:
        return False
    if old.kind == "cell":
        return (old.row == new.row or old.column == new.column) if not same_count else True
    return same_count or difflib.SequenceMatcher(None, old.text, new.text, False).ratio() >= ALIKE


def _within(where: Unit, old: str, new: str) -> Iterator[Change]:
    """Return the changes inside one unit, neighbouring pieces taken together."""
    a, b = PIECE.findall(old), PIECE.findall(new)
    for kind, i, j, k, m in difflib.SequenceMatcher(None, a, b, False).get_opcodes():
        if kind != "equal":
            around = f"{_near(b[:k], back=True)}[…]{_near(b[m:])}"
            yield Change(where, "".join(a[i:j]).strip(), "".join(b[k:m]).strip(), around)


def _near(pieces: Sequence[str], *, back: bool = False) -> str:
    """Return the pieces nearest to a change, whole ones only: half a number would mislead."""
    kept: list[str] = []
    for piece in reversed(pieces) if back else pieces:
        if sum(map(len, kept)) + len(piece) > AROUND:
            break
        kept.append(piece)
    return "".join(reversed(kept) if back else kept)


def _line(change: Change, lang: str) -> str:
    kind = "line" if change.old and change.new else "added" if change.new else "removed"
    line = text(f"word.changes.{kind}", lang, where=_where(change.where, lang), old=change.old, new=change.new)
    around = text("word.changes.around", lang, around=change.around) if change.around.strip("[…]") else ""
    author = change.where.tracked
    return line + around + (text("word.changes.tracked", lang, author=author) if author else "")


def _comment_line(comment: Comment, lang: str) -> str:
    about = comment.where.text[: 3 * AROUND] or text("word.changes.cover", lang)
    return text("word.changes.comment", lang, where=about, author=comment.author, words=comment.text)


def _where(unit: Unit, lang: str) -> str:
    """Return where a unit stands, in words."""
    if unit.kind == "footnote":
        return text("word.changes.footnote", lang)
    section = unit.section or text("word.changes.cover", lang)
    if unit.kind == "picture":
        return text("word.changes.join", lang, section=section, place=text("word.changes.picture", lang))
    if unit.kind != "cell":
        return section
    cell = text("word.changes.cell", lang, table=unit.table, row=unit.row, column=unit.column)
    return text("word.changes.join", lang, section=section, place=cell)

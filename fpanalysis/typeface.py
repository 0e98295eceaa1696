"""The typeface of a report: which font files, what they cover, and the piece of them that a page carries.

A fresh machine has no Chinese font and every default then prints boxes, so the package brings its own, FPA Sans
and FPA Song (see `fonts/`). The order of choice: a folder that the office names with the fonts it is licensed for
(仿宋, 小标宋, 黑体, 楷体, as GB/T 9704-2012 asks), the system's fonts where that is allowed (another machine then gives
other bytes), last the bundled ones. A character that a chosen font lacks (鄚 in 仿宋_GB2312) is borrowed from FPA
Sans; one that it lacks too is refused, so that no box is ever printed.

A page carries its own characters only: WOFF2 (W3C Recommendation, 2022), about 125 bytes a Hanzi, with layout tables
and hints dropped. Every font is read as it stands and no clock is looked at, so equal input gives equal bytes.
"""

from __future__ import annotations

import copy
import functools
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import brotli
from fontTools import subset
from fontTools.misc.psCharStrings import T2CharString
from fontTools.ttLib import TTFont, TTLibError, woff2

from .errors import FpError

__all__ = [
    "ALONE",
    "FALLBACK",
    "ROLES",
    "WEIGHTS",
    "choose_fonts",
    "covers",
    "font_files",
    "page_font",
    "register_matplotlib",
    "text_width",
    "typst_fonts",
    "uncovered",
]

WEIGHTS = {"regular": 400, "bold": 700}
"""Weight class (OpenType `OS/2.usWeightClass`) of each weight a report uses."""

ROLES = {
    "body": ("仿宋", "fangsong", "simfang", "stfangso"),
    "heading": ("黑体", "heiti", "simhei"),
    "subheading": ("楷体", "kaiti", "simkai"),
    "title": ("小标宋", "xiaobiaosong", "fzxbs"),
}
"""Parts of an official page beyond the weights, and what in a file's name says that a font is for it."""

BUNDLED = Path(__file__).parent / "fonts"
FALLBACK = BUNDLED / "FPASans-Regular.otf"
"""The font that characters are borrowed from which another lacks."""

ALONE = {BUNDLED / f"FPASans-{weight.title()}.otf" for weight in WEIGHTS}
"""Fonts in which no glyph calls a subroutine or another glyph (`make_fonts`)."""

SUFFIXES = {".otf", ".ttf", ".otc", ".ttc"}
INVISIBLE = {"Cc", "Cf", "Zs", "Zl", "Zp"}
NO_EMBEDDING = 0x0002 | 0x0100 | 0x0200  # OS/2.fsType: restricted licence, no subsetting, bitmaps only
DROPPED_TABLES = [
    "BASE",
    "FFTM",
    "GDEF",
    "GPOS",
    "GSUB",
    "JSTF",
    "VORG",
    "vhea",
    "vmtx",
]  # layout, a time stamp
BROTLI = SimpleNamespace(**{**vars(brotli), "compress": functools.partial(brotli.compress, quality=10)})
"""What fontTools, which has no setting for it, compresses with: the best level takes three times as long for 1 %."""
KEPT_NAMES = [0, 1, 2, 4, 6, 14]  # copyright, family, style, full and PostScript name, address of the licence


def font_files(folder: Path | None = None, *, system: bool = False) -> dict[str, Path]:
    """Return the font file of each weight and role: from `folder` when one is named, else bundled.

    In a folder, a file whose name says a role (`ROLES`) is for that role. Of the other files, one whose name ends
    with the weight ("...regular.ttf", "...bold.ttf") is taken first, then the one nearest to it in weight class; one
    font alone serves as both. Headings are set in those too when the folder has nothing better. With `system`, the
    system's fonts are looked through for the roles that the folder leaves open. A collection (.ttc) counts as its
    first face. Without arguments: what `choose_fonts` chose. Raises FpError when the folder holds no font, something
    that is none, or a font that may not be embedded.
    """
    if folder is None and not system:
        folder, system = _choice
    return dict(_files(folder, system))


def choose_fonts(folder: Path | None = None, *, system: bool = False) -> dict[str, Path]:
    """Return the font files of a folder, having made them the choice of this process (`font_files()`)."""
    global _choice
    files = dict(_files(folder, system))
    _choice = (folder, system)
    return files


_choice: tuple[Path | None, bool] = (None, False)


@cache
def _files(folder: Path | None, system: bool) -> Mapping[str, Path]:
    bundled = {weight: BUNDLED / f"FPASans-{weight.title()}.otf" for weight in WEIGHTS}
    found = _fonts_in(folder) if folder else ()
    named = {role: path for role in ROLES for path in reversed(found) if _is_for(role, path)}
    plain = {path: _weight_class(path) for path in found if path not in named.values()}
    weights = {weight: _nearest(plain, weight) for weight in WEIGHTS} if plain else bundled
    usual = {"heading": weights["bold"], "subheading": weights["regular"]}
    song = dict.fromkeys(("body", "title"), BUNDLED / "FPASong-Regular.otf")
    installed = _system_fonts() if system else {}
    chosen = {**weights, **song, **usual, **installed, **named}
    for path in {*chosen.values()} - {*bundled.values(), *song.values()}:
        with _open(path) as font:
            _refuse_restricted(font, path)
    return chosen


def _fonts_in(folder: Path) -> list[Path]:
    """Return the font files of a folder by name."""
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    found = [path for path in inside if path.suffix.lower() in SUFFIXES]
    if not found:
        raise FpError(f"{folder}: found no font file, expected at least one of {', '.join(sorted(SUFFIXES))}")
    return found


def _system_fonts() -> dict[str, Path]:
    """Return the system's font for each role it has one for, told by the file's name."""
    from matplotlib import font_manager  # it knows where every system keeps its fonts

    found = sorted(Path(name) for name in font_manager.findSystemFonts())
    return {role: path for role in ROLES for path in reversed(found) if _is_for(role, path)}


def _is_for(role: str, path: Path) -> bool:
    return any(word in path.stem.lower() for word in ROLES[role])


def covers(path: Path, characters: Iterable[str]) -> bool:
    """Return whether a font has every one of some characters, white space and control characters aside."""
    return all(ord(c) in _covered(path) for c in characters if unicodedata.category(c) not in INVISIBLE)


def uncovered(text: str, files: Mapping[str, Path]) -> set[str]:
    """Return the characters of `text` that neither a font has nor the fallback; white space and controls aside.

    `files` is as `font_files` returns it; a character counts as covered when for each of them it is there.
    """
    visible = {character for character in text if unicodedata.category(character) not in INVISIBLE}
    borrowed = _covered(FALLBACK)
    return {c for c in visible for path in files.values() if ord(c) not in _covered(path) and ord(c) not in borrowed}


def text_width(text: str, path: Path) -> float:
    """Return how wide a line of text is in a font, in ems; a character it lacks counts as in the fallback, else one."""
    own = _advances(path)
    return sum(own.get(ord(character)) or _advances(FALLBACK).get(ord(character), 1.0) for character in text)


def page_font(text: str, weight_file: Path) -> bytes:
    """Return `weight_file` cut to exactly the characters of `text`, as WOFF2 bytes.

    Order and number of the characters do not matter. Raises FpError when the font lacks one of them or when
    its maker forbids embedding (OpenType `OS/2.fsType`).
    """
    missing = {character for character in text if not covers(weight_file, character)}
    if missing:
        raise FpError(f"{weight_file.name}: the font lacks {_listing(missing)}; choose a font with these characters")
    bare = weight_file.parent == BUNDLED  # `make_fonts` has left no hints to look for
    options = subset.Options(hinting=bare, desubroutinize=not bare, notdef_outline=True, bidi_closure=False)
    options.layout_features, options.name_IDs = [], KEPT_NAMES
    options.drop_tables += DROPPED_TABLES
    cut = subset.Subsetter(options)
    cut.populate(text=text)
    woff2.brotli = BROTLI
    with _open(weight_file) as font, io.BytesIO() as page:
        _refuse_restricted(font, weight_file)
        font["cmap"], font["hmtx"] = _few(_map(weight_file), text), copy.copy(_metrics(weight_file))
        if "CFF " in font:
            top = font["CFF "].cff[0]
            top.charset = list(_glyphs(weight_file))
            if weight_file in ALONE:
                top.CharStrings = _sealed(weight_file, top)
        cut.subset(font)
        font.flavor = "woff2"
        font.save(page)
        return page.getvalue()


class _Sealed(T2CharString):
    """An outline that is copied as it stands, since it calls no other: read token by token it took half the time."""

    def needsDecompilation(self) -> bool:
        return False

    def getToken(self, index: int) -> tuple[None, int, int]:  # type: ignore[override]
        return None, 0, index


def _sealed(path: Path, top: Any) -> Any:
    """Return the outlines of a font to be copied as they stand, by their places in it."""
    outlines = copy.copy(_outlines(path))
    index = outlines.charStringsIndex = copy.copy(outlines.charStringsIndex)
    index.file, index.fdArray, index.fdSelect = top.file, top.FDArray, top.FDSelect
    index.items, index.subrClass = list(index.items), _Sealed
    index.globalSubrs = outlines.globalSubrs = top.GlobalSubrs
    return outlines


def _few(whole: Any, text: str) -> Any:
    """Return the table that leads from characters to glyphs with the characters of a text alone."""
    few, codes = copy.copy(whole), sorted(map(ord, set(text)))
    few.tables = [copy.copy(table) for table in whole.tables]
    for table in few.tables:
        table.cmap = {code: table.cmap[code] for code in codes if code in table.cmap}
    return few


@cache
def typst_fonts(*folders: Path) -> Any:
    """Return the fonts of some folders, and no others, as typst takes them: read once a process."""
    from typst import Fonts

    return Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(path) for path in folders])


def register_matplotlib(files: Mapping[str, Path]) -> str | list[str]:
    """Return the family of the regular font, and the fallback's when that is another, as matplotlib takes them.

    Makes the weights among `files` known to matplotlib (once only).
    """
    from matplotlib import font_manager  # takes a second, and only figures need it

    known = {entry.fname for entry in font_manager.fontManager.ttflist}
    for path in sorted({str(files[weight]) for weight in WEIGHTS} | {str(FALLBACK)}):
        if path not in known:
            font_manager.fontManager.addfont(path)
    families = [font_manager.FontProperties(fname=str(path)).get_name() for path in (files["regular"], FALLBACK)]
    return families[0] if families[0] == families[1] else families


def _nearest(classes: Mapping[Path, int], weight: str) -> Path:
    def distance(path: Path) -> tuple[bool, int, str]:
        return not path.stem.lower().endswith(weight), abs(classes[path] - WEIGHTS[weight]), path.name

    return min(classes, key=distance)


def _weight_class(path: Path) -> int:
    with _open(path) as font:
        return int(font["OS/2"].usWeightClass)


@cache
def _map(path: Path) -> Any:
    """Return the table of a font that leads from characters to glyphs, tens of thousands, read once a process."""
    with _open(path) as font:
        font["cmap"].ensureDecompiled(recurse=True)
        return font["cmap"]


@cache
def _glyphs(path: Path) -> Sequence[str]:
    """Return the names of a font's glyphs in its order."""
    with _open(path) as font:
        return tuple(font.getGlyphOrder())


@cache
def _metrics(path: Path) -> Any:
    """Return the table of a font that says how wide each glyph is, read once a process; a cut replaces its parts."""
    with _open(path) as font:
        return font["hmtx"]


@cache
def _outlines(path: Path) -> Any:
    """Return where a font keeps its outlines (CFF), read once a process; none of them is read here."""
    with _open(path) as font:
        return font["CFF "].cff[0].CharStrings


@cache
def _covered(path: Path) -> frozenset[int]:
    return frozenset(_map(path).getBestCmap())


@cache
def _advances(path: Path) -> Mapping[int, float]:
    with _open(path) as font:
        units, widths = font["head"].unitsPerEm, _metrics(path).metrics
        return {code: widths[name][0] / units for code, name in _map(path).getBestCmap().items()}


def _open(path: Path) -> TTFont:
    try:
        file = io.BytesIO(path.read_bytes())  # a file that is no font would stay open behind TTFont's error
        return TTFont(file, fontNumber=0, lazy=True, recalcBBoxes=False, recalcTimestamp=False)
    except (OSError, TTLibError) as error:
        raise FpError(f"{path}: cannot be read as a font: {error}") from error


def _refuse_restricted(font: TTFont, path: Path) -> None:
    if font["OS/2"].fsType & NO_EMBEDDING:
        raise FpError(f"{path.name}: its maker forbids embedding it in a page; choose another font")


def _listing(characters: Iterable[str]) -> str:
    return ", ".join(f"{character} (U+{ord(character):04X})" for character in sorted(characters))

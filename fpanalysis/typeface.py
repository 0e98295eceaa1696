"""The typeface of a report: which font files, what they cover, and the piece of them that a page carries.

A fresh machine has no Chinese font and every default then prints boxes, so the package brings its own, FPA
Sans (see `fonts/`); an office may name a folder with the fonts it is licensed for instead. A page carries its
own characters only: WOFF2 (W3C Recommendation, 2022), about 125 bytes a Hanzi, with layout tables and hints
dropped. Every font is read as it stands and no clock is looked at, so equal input gives equal bytes.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont, TTLibError

from .errors import FpError

__all__ = ["WEIGHTS", "font_files", "page_font", "register_matplotlib", "text_width", "uncovered"]

WEIGHTS = {"regular": 400, "bold": 700}
"""Weight class (OpenType `OS/2.usWeightClass`) of each weight a report uses."""

BUNDLED = Path(__file__).parent / "fonts"
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
KEPT_NAMES = [0, 1, 2, 4, 6, 14]  # copyright, family, style, full and PostScript name, address of the licence


def font_files(folder: Path | None = None) -> dict[str, Path]:
    """Return the font file of each weight: those of `folder` when one is named, else the bundled FPA Sans.

    In a folder, a file whose name ends with the weight ("...regular.ttf", "...bold.ttf") is taken first,
    then the one nearest to it in weight class; one font alone serves as both. A collection (.ttc) counts as
    its first face. Raises FpError when the folder holds no font, or something that is none.
    """
    if folder is None:
        return {weight: BUNDLED / f"FPASans-{weight.title()}.otf" for weight in WEIGHTS}
    found = folder.iterdir() if folder.is_dir() else ()
    classes = {path: _weight_class(path) for path in sorted(found) if path.suffix.lower() in SUFFIXES}
    if not classes:
        raise FpError(f"{folder}: found no font file, expected at least one of {', '.join(sorted(SUFFIXES))}")
    return {weight: _nearest(classes, weight) for weight in WEIGHTS}


def uncovered(text: str, files: Mapping[str, Path]) -> set[str]:
    """Return the characters of `text` that a font lacks; white space and control characters aside.

    `files` is as `font_files` returns it; a character counts as covered when every one of the files has it.
    """
    visible = {character for character in text if unicodedata.category(character) not in INVISIBLE}
    return {character for character in visible for path in files.values() if ord(character) not in _covered(path)}


def text_width(text: str, path: Path) -> float:
    """Return how wide a font sets `text` on one line, in ems; a character that it lacks counts as one."""
    advances = _advances(path)
    return sum(advances.get(ord(character), 1.0) for character in text)


def page_font(text: str, weight_file: Path) -> bytes:
    """Return `weight_file` cut to exactly the characters of `text`, as WOFF2 bytes.

    Order and number of the characters do not matter. Raises FpError when the font lacks one of them or when
    its maker forbids embedding (OpenType `OS/2.fsType`).
    """
    missing = uncovered(text, {"": weight_file})
    if missing:
        raise FpError(f"{weight_file.name}: the font lacks {_listing(missing)}; choose a font with these characters")
    options = subset.Options(hinting=False, desubroutinize=True, notdef_outline=True, bidi_closure=False)
    options.layout_features, options.name_IDs = [], KEPT_NAMES
    options.drop_tables += DROPPED_TABLES
    cut = subset.Subsetter(options)
    cut.populate(text=text)
    with _open(weight_file) as font, io.BytesIO() as page:
        _refuse_restricted(font, weight_file)
        cut.subset(font)
        font.flavor = "woff2"
        font.save(page)
        return page.getvalue()


def register_matplotlib(files: Mapping[str, Path]) -> str:
    """Return the family name of the regular font after making all `files` known to matplotlib (once only)."""
    from matplotlib import font_manager  # takes a second, and only figures need it

    known = {entry.fname for entry in font_manager.fontManager.ttflist}
    for path in sorted({str(path) for path in files.values()} - known):
        font_manager.fontManager.addfont(path)
    return font_manager.FontProperties(fname=str(files["regular"])).get_name()


def _nearest(classes: Mapping[Path, int], weight: str) -> Path:
    def distance(path: Path) -> tuple[bool, int, str]:
        return not path.stem.lower().endswith(weight), abs(classes[path] - WEIGHTS[weight]), path.name

    return min(classes, key=distance)


def _weight_class(path: Path) -> int:
    with _open(path) as font:
        return int(font["OS/2"].usWeightClass)


@cache
def _covered(path: Path) -> frozenset[int]:
    with _open(path) as font:
        return frozenset(font.getBestCmap())


@cache
def _advances(path: Path) -> dict[int, float]:
    with _open(path) as font:
        unit, metrics = font["head"].unitsPerEm, font["hmtx"].metrics
        return {code: metrics[name][0] / unit for code, name in font.getBestCmap().items()}


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

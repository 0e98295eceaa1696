"""Make FPA Sans and FPA Song: the subsets of Noto Sans and Noto Serif CJK SC that come with the package.

    python -m fpanalysis.fonts.make_fonts SOURCE_DIR

SOURCE_DIR holds NotoSansCJK-Regular.ttc, NotoSansCJK-Bold.ttc (version 2.004) and NotoSerifCJK-Regular.ttc (version
2.001), all of Debian's `fonts-noto-cjk`. FPA Song needs `cffsubr`, which nothing else does: `pip install cffsubr`.
Two runs give the same bytes: no clock is read, the dates in the fonts are those of the source.

The characters: GB 2312, the 8,105 of the Table of General Standard Chinese Characters (通用规范汉字表, 2013;
`characters.txt` beside this file, in the table's order, after the property kTGH of Unicode's Unihan database),
and the signs a report may need, as far as the source has them; in FPA Sans every Hanzi of GBK as well (names of
places come in traditional and rare forms too). FPA Song does without those, which alone would take 4 MB; reports
then borrow the character from FPA Sans (`typeface`). All three together stay below 12 MB.

The OFL asks for another name; only the copyright notice and the licence stay in the name table. Hints and layout
tables go: reports set plain horizontal text. Outlines are rounded to the 256 units an em of the Chinese fonts that
come with Windows, which takes a quarter off every page and is not seen in print (at 22 pt a unit is 0.03 mm). In
FPA Song strokes that recur are shared between glyphs (CFF subroutines), which takes off a fifth more.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from fontTools import subset
from fontTools.pens.recordingPen import RecordingPen
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.transformPen import TransformPen
from fontTools.ttLib import TTCollection, TTFont
from fontTools.ttLib.scaleUpem import scale_upem

__all__ = ["FACES", "Face", "gb_2312_characters", "main", "standard_characters", "wanted"]

UNITS_PER_EM = 256
FOLDER = Path(__file__).parent
GBK = (0x4E00, 0x9FA5)  # every Hanzi of GBK, traditional forms too: names of places come as they are written

BLOCKS = (
    (0x0020, 0x024F),  # ASCII, Latin-1, Latin Extended (pinyin)
    (0x2000, 0x27BF),  # punctuation, sub- and superscripts, arrows, mathematics, ①, shapes, dingbats
    (0x3000, 0x312F),  # CJK punctuation, kana, bopomofo
    (0x3200, 0x33FF),  # ㈠, ㊣, ㎡
    (0xFE30, 0xFE4F),  # vertical forms of punctuation
    (0xFF00, 0xFFEF),  # full-width forms
)
KEPT_TABLES = {"CFF ", "OS/2", "cmap", "head", "hhea", "hmtx", "maxp", "name", "post"}
KEPT_NAMES = (0, 5, 13, 14)  # copyright, version, licence and its address


@dataclass(frozen=True)
class Face:
    """One font to make: its family and weight, the source's collection, face and version, how much it holds."""

    family: str
    weight: str
    collection: str
    source: str
    version: str
    gbk: bool = True
    shared: bool = False

    @property
    def postscript(self) -> str:
        """Return the PostScript name, which the file is called by too."""
        return f"{self.family.replace(' ', '')}-{self.weight}"


def standard_characters() -> str:
    """Return the 8,105 characters of 通用规范汉字表 in the table's order (3,500 + 3,000 + 1,605)."""
    return "".join((FOLDER / "characters.txt").read_text(encoding="utf-8").split())


def gb_2312_characters() -> str:
    """Return the 7,445 characters of GB 2312 (6,763 of them Hanzi) in the standard's order."""
    cells = product(range(0xA1, 0xF8), range(0xA1, 0xFF))
    return "".join(bytes(cell).decode("gb2312", errors="ignore") for cell in cells)


def wanted(*, gbk: bool = True) -> set[int]:
    """Return the code points a font should have where its source has them, with or without all Hanzi of GBK."""
    named = {ord(character) for character in standard_characters() + gb_2312_characters()}
    return named.union(*(range(first, last + 1) for first, last in (*BLOCKS, *([GBK] if gbk else []))))


def rename(font: TTFont, face: Face) -> None:
    """Give `font` its own name everywhere a name is kept, in place."""
    names = font["name"]
    names.names = [record for record in names.names if record.nameID in KEPT_NAMES and record.langID == 0x409]
    full = face.family if face.weight == "Regular" else f"{face.family} {face.weight}"
    own = {1: face.family, 2: face.weight, 3: f"{face.version};{face.postscript}", 4: full, 6: face.postscript}
    for number, text in own.items():
        names.setName(text, number, 3, 1, 0x409)
    font["OS/2"].achVendID = "NONE"
    compact = font["CFF "].cff
    top = compact[0]
    compact.fontNames = [face.postscript]
    top.FamilyName, top.FullName, top.Notice = face.family, full, names.getDebugName(0)
    for number, part in enumerate(top.FDArray):
        part.FontName = f"{face.postscript}-{number}"


def coarsen(font: TTFont, units: int) -> None:
    """Round the outlines of `font` to a grid of `units` to the em, in place.

    `scale_upem` rounds every step of an outline, so that its end drifts from its start; it sees to the
    metrics here, and the outlines are drawn anew with every point rounded where it lies.
    """
    scale = units / font["head"].unitsPerEm
    outlines = {name: RecordingPen() for name in font.getGlyphOrder()}
    for name, glyph in font.getGlyphSet().items():
        glyph.draw(outlines[name])
    scale_upem(font, units)
    strings = font["CFF "].cff[0].CharStrings
    for name, outline in outlines.items():
        pen = T2CharStringPen(font["hmtx"][name][0] - strings[name].private.nominalWidthX, None)
        outline.replay(TransformPen(pen, (scale, 0, 0, scale, 0, 0)))
        strings[name].program = pen.getCharString().program


def make(source: Path, face: Face, target: Path) -> None:
    """Write one font, cut from its collection in `source`, to `target`."""
    collection = TTCollection(source / face.collection, recalcTimestamp=False)
    font = next(f for f in collection if f["name"].getDebugName(6) == face.source)
    options = subset.Options(hinting=False, layout_features=[], notdef_outline=True, name_IDs=["*"])
    options.drop_tables += sorted(set(font.keys()) - KEPT_TABLES - {"GlyphOrder"})
    cut = subset.Subsetter(options)
    cut.populate(unicodes=wanted(gbk=face.gbk))
    cut.subset(font)
    coarsen(font, UNITS_PER_EM)
    rename(font, face)
    if face.shared:
        import cffsubr  # here alone, so that the project does without it

        matrix = font["CFF "].cff[0].FontMatrix
        cffsubr.subroutinize(font, keep_glyph_names=False)
        font["CFF "].cff[0].FontMatrix = matrix  # lost on the way: without it renderers take 1000 units an em
    font.save(target)


def main(source: Path, target: Path = FOLDER) -> None:
    """Write every font into `target`."""
    for face in FACES:
        make(source, face, target / f"{face.postscript}.otf")


FACES = (
    Face("FPA Sans", "Regular", "NotoSansCJK-Regular.ttc", "NotoSansCJKsc-Regular", "2.004"),
    Face("FPA Sans", "Bold", "NotoSansCJK-Bold.ttc", "NotoSansCJKsc-Bold", "2.004"),
    Face("FPA Song", "Regular", "NotoSerifCJK-Regular.ttc", "NotoSerifCJKsc-Regular", "2.001", gbk=False, shared=True),
)
"""Every font that comes with the package."""


if __name__ == "__main__":
    main(Path(sys.argv[1]))

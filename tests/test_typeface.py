"""The typeface: what it covers, what a page carries, and which file is chosen."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from fontTools.ttLib import TTCollection, TTFont
from hypothesis import given, settings
from hypothesis import strategies as st

from fpanalysis.errors import FpError
from fpanalysis.fonts.make_fonts import gb_2312_characters, standard_characters, wanted
from fpanalysis.typeface import (
    ALONE,
    FALLBACK,
    ROLES,
    WEIGHTS,
    choose_fonts,
    covers,
    font_files,
    page_font,
    register_matplotlib,
    text_width,
    uncovered,
)

FILES = font_files()
PAGE = "任丘市鄚州镇出生人口性别比 108.5（−2.3）①→≥"
LAYOUT = {"BASE", "GDEF", "GPOS", "GSUB", "VORG", "vhea", "vmtx"}


def read(page: bytes) -> TTFont:
    return TTFont(io.BytesIO(page))


def small_font(path: Path, text: str = "一", weight_class: int = 400, fs_type: int = 0) -> Path:
    """Write a font with the characters of `text` only."""
    font = read(page_font(text, FILES["regular"]))
    font.flavor = None
    font["OS/2"].usWeightClass, font["OS/2"].fsType = weight_class, fs_type
    font.save(path)
    return path


# Laws


@given(st.text(), st.text())
def test_uncovered_of_two_texts_is_that_of_each(one: str, other: str) -> None:
    both = uncovered(one + other, FILES)

    assert uncovered(one, FILES) | uncovered(other, FILES) == both


@given(st.text())
def test_uncovered_characters_are_of_the_text(text: str) -> None:
    missing = uncovered(text, FILES)

    assert missing <= set(text)


@settings(max_examples=5, deadline=None)
@given(st.permutations(list(PAGE)))
def test_the_order_of_a_page_does_not_change_its_font(characters: list[str]) -> None:
    found = page_font("".join(characters) + PAGE, FILES["regular"])

    assert page_font(PAGE, FILES["regular"]) == found


def test_a_page_font_does_not_depend_on_the_pages_before_it() -> None:
    found = page_font(PAGE, FILES["regular"])
    page_font("Another page", FILES["regular"])

    assert page_font(PAGE, FILES["regular"]) == found


@pytest.mark.parametrize("weight", WEIGHTS)
def test_a_page_font_has_exactly_the_characters_of_the_page(weight: str) -> None:
    covered = read(page_font(PAGE, FILES[weight])).getBestCmap()

    assert {ord(character) for character in PAGE} == set(covered)


def test_the_source_is_unchanged() -> None:
    before = FILES["regular"].read_bytes()

    page_font(PAGE, FILES["regular"])

    assert before == FILES["regular"].read_bytes()


# What a page carries


def test_a_page_font_is_woff2() -> None:
    assert b"wOF2" == page_font(PAGE, FILES["regular"])[:4]


def test_a_page_font_has_no_layout_tables() -> None:
    assert set() == LAYOUT & set(read(page_font(PAGE, FILES["regular"])).keys())


def test_a_page_of_seven_hundred_hanzi_stays_small() -> None:
    hanzi = standard_characters()[:3500:5]

    assert len(page_font(hanzi, FILES["regular"])) < 95_000


def test_a_page_font_keeps_the_copyright_notice() -> None:
    notice = read(page_font(PAGE, FILES["bold"]))["name"].getDebugName(0)

    assert "© 2014-2021 Adobe (http://www.adobe.com/)." == notice


def test_white_space_needs_no_glyph() -> None:
    assert set() == uncovered(" \t\n\u3000\u2009\u200b\ufeff", FILES)


def test_a_rare_character_is_uncovered() -> None:
    assert {"𰻝"} == uncovered("鄚𰻝州", FILES)


def test_a_character_that_a_font_lacks_is_borrowed_from_the_bundled_one(tmp_path: Path) -> None:
    files = FILES | {"bold": small_font(tmp_path / "b.otf")}

    assert {"𰻝"} == uncovered("一鄚𰻝", files)
    assert not covers(files["bold"], "鄚")
    assert covers(FALLBACK, "鄚 ")


def test_a_hanzi_is_one_em_wide_also_when_it_is_borrowed(tmp_path: Path) -> None:
    small = small_font(tmp_path / "a.otf")

    assert 4.0 == text_width("一鄚州𰻝", small)
    assert 1.5 < text_width("1,559", FILES["body"]) < 2.6


def test_a_page_with_an_uncovered_character_is_refused() -> None:
    with pytest.raises(FpError, match=r"the font lacks 𰻝 \(U\+30EDD\)"):
        page_font("𰻝", FILES["regular"])


def test_a_font_that_may_not_be_embedded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FpError, match="forbids embedding"):
        page_font("一", small_font(tmp_path / "a.otf", fs_type=2))


# Which file is chosen


def test_the_bundled_fonts_are_the_default() -> None:
    names = {role: path.stem for role, path in font_files().items()}
    sans = {"regular": "FPASans-Regular", "bold": "FPASans-Bold"}
    roles = {
        "body": "FPASong-Regular",
        "title": "FPASong-Regular",
        "heading": sans["bold"],
        "subheading": sans["regular"],
    }

    assert sans | roles == names


def test_a_file_is_for_the_role_that_its_name_says(tmp_path: Path) -> None:
    named = {"body": "仿宋_GB2312.ttf", "title": "FZXBSJW.TTF", "heading": "simhei.ttf", "subheading": "KaiTi.ttf"}
    for name in named.values():
        small_font(tmp_path / name)
    found = font_files(tmp_path)

    assert named == {role: found[role].name for role in ROLES}
    assert {weight: found[weight] for weight in WEIGHTS} == {weight: FILES[weight] for weight in WEIGHTS}


def test_headings_are_set_in_the_fonts_of_a_folder_that_names_no_roles(tmp_path: Path) -> None:
    regular, bold = small_font(tmp_path / "Office-Regular.otf"), small_font(tmp_path / "Office-Bold.otf")
    found = font_files(tmp_path)

    assert (found["subheading"], found["heading"], found["body"]) == (regular, bold, FILES["body"])


def test_the_system_is_looked_through_only_when_that_is_allowed(tmp_path: Path) -> None:
    from matplotlib import font_manager

    installed = {Path(name) for name in font_manager.findSystemFonts()}
    found = font_files(tmp_path_font(tmp_path), system=True)

    assert {path for role, path in found.items() if role in ROLES} <= installed | set(FILES.values()) | {
        tmp_path / "a.ttf"
    }
    assert FILES == font_files()


def tmp_path_font(folder: Path) -> Path:
    small_font(folder / "a.ttf")
    return folder


def test_a_choice_holds_until_the_next(tmp_path: Path) -> None:
    body = small_font(tmp_path / "simfang.ttf")
    try:
        assert body == choose_fonts(tmp_path)["body"]
        assert body == font_files()["body"]
    finally:
        choose_fonts()

    assert FILES == font_files()


def test_a_font_of_a_folder_that_may_not_be_embedded_is_refused(tmp_path: Path) -> None:
    small_font(tmp_path / "simfang.ttf", fs_type=2)

    with pytest.raises(FpError, match=r"simfang\.ttf: its maker forbids embedding"):
        font_files(tmp_path)


def test_weight_classes_choose_among_the_fonts_of_a_folder(tmp_path: Path) -> None:
    bold, regular = small_font(tmp_path / "a.otf", weight_class=600), small_font(tmp_path / "b.ttf")

    assert {"regular": regular, "bold": bold}.items() <= font_files(tmp_path).items()


def test_a_name_that_ends_with_the_weight_wins(tmp_path: Path) -> None:
    small_font(tmp_path / "a.otf", weight_class=700)
    named = small_font(tmp_path / "Office-Bold.otf", weight_class=400)

    assert named == font_files(tmp_path)["bold"]


def test_one_font_serves_as_both(tmp_path: Path) -> None:
    only = small_font(tmp_path / "office.ttf")

    assert {"regular": only, "bold": only}.items() <= font_files(tmp_path).items()


def test_a_collection_counts_as_its_first_face(tmp_path: Path) -> None:
    faces = TTCollection()
    faces.fonts = [TTFont(small_font(tmp_path / f"{n}.face", text)) for n, text in enumerate("一二")]
    faces.save(tmp_path / "simsun.ttc")

    assert covers(font_files(tmp_path)["regular"], "一")
    assert not covers(font_files(tmp_path)["regular"], "二")


def test_a_folder_without_fonts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").touch()

    with pytest.raises(FpError, match=r"found no font file, expected at least one of \.otc, \.otf, \.ttc"):
        font_files(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FpError, match="found no font file"):
        font_files(tmp_path / "fonts")


def test_a_file_that_is_no_font_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ttf").write_bytes(b"not a font")

    with pytest.raises(FpError, match=r"a\.ttf: cannot be read as a font"):
        font_files(tmp_path)


# matplotlib


def test_matplotlib_knows_the_family() -> None:
    assert "FPA Sans" == register_matplotlib(FILES)


def test_matplotlib_borrows_what_an_office_font_lacks(tmp_path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    font = read(page_font("一", FILES["regular"]))
    font.flavor = None
    font["name"].setName("Office", 1, 3, 1, 0x409)
    font.save(tmp_path / "office.otf")
    family = register_matplotlib(font_files(tmp_path))
    figure = Figure()
    figure.text(0, 0, "一鄚州", family=family)

    FigureCanvasAgg(figure).draw()  # a missing glyph warns, and a warning is an error

    assert ["Office", "FPA Sans"] == family


def test_registering_twice_adds_nothing() -> None:
    from matplotlib.font_manager import fontManager

    register_matplotlib(FILES)
    before = len(fontManager.ttflist)

    register_matplotlib(FILES)

    assert before == len(fontManager.ttflist)


def test_a_figure_in_chinese_draws_without_a_missing_glyph() -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    for row, weight in enumerate(WEIGHTS):
        figure.text(0, row / 2, PAGE, family=register_matplotlib(FILES), weight=weight)

    FigureCanvasAgg(figure).draw()  # a missing glyph warns, and a warning is an error


# The bundled font


def test_the_standard_has_8105_characters() -> None:
    assert 8105 == len(set(standard_characters()))


def test_gb_2312_has_7445_characters() -> None:
    assert 7445 == len(set(gb_2312_characters()))


def test_no_glyph_is_made_that_is_not_wanted() -> None:
    assert set(TTFont(FILES["regular"]).getBestCmap()) <= wanted()


def test_the_serif_leaves_rare_hanzi_to_the_sans() -> None:
    song = set(TTFont(FILES["body"]).getBestCmap())

    assert song <= wanted(gbk=False)
    assert not song & {ord("鄭")} and covers(FILES["regular"], "鄭")


@pytest.mark.parametrize("weight", [*WEIGHTS, "body"])
def test_reserved_names_are_nowhere_in_the_bundled_font(weight: str) -> None:
    data = FILES[weight].read_bytes()
    names = [name.encode(code) for name in ("Noto", "Source") for code in ("ascii", "utf-16-be")]

    assert [] == [name for name in names if name in data]


@pytest.mark.parametrize("weight", WEIGHTS)
def test_outlines_copied_as_they_stand_are_those_read_token_by_token(weight: str, tmp_path: Path) -> None:
    elsewhere = Path(shutil.copy(FILES[weight], tmp_path))

    assert elsewhere not in ALONE and FILES[weight] in ALONE
    assert page_font(PAGE, elsewhere) == page_font(PAGE, FILES[weight])


@pytest.mark.parametrize("weight", WEIGHTS)
def test_figures_and_the_minus_are_equally_wide(weight: str) -> None:
    font = TTFont(FILES[weight])
    widths = {font["hmtx"][font.getBestCmap()[ord(character)]][0] for character in "0123456789−"}

    assert 1 == len(widths)

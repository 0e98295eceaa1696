"""The archive: fixed dates, types for every part, the day of the report."""

import datetime as dt
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpanalysis.blocks import Meta
from fpanalysis.publish.word_page import LANDSCAPE, PORTRAIT, Relations, package, parts, report_day, section
from fpanalysis.wording import format_value

META = Meta("报告", "zh", as_of="数据收至2018年7月18日")


def made(**media):
    relations = Relations()
    for suffix, content in media.items():
        relations.picture(content, suffix)
    return parts(META, body="", notes="", relations=relations, note_relations=Relations())


def test_the_archive_begins_with_the_types_and_carries_one_date():
    with zipfile.ZipFile(io.BytesIO(package(made()))) as archive:
        names, dates = archive.namelist(), {entry.date_time for entry in archive.infolist()}

    assert names == ["[Content_Types].xml", *sorted(names[1:])]
    assert dates == {(1980, 1, 1, 0, 0, 0)}


def test_every_suffix_in_the_archive_has_its_type():
    with zipfile.ZipFile(io.BytesIO(package(made(png=b"p", svg=b"s")))) as archive:
        types = archive.read("[Content_Types].xml").decode()
        suffixes = {name.rpartition(".")[2] for name in archive.namelist()}

    assert {"png", "svg"} < suffixes
    assert all(f'Extension="{suffix}"' in types for suffix in suffixes)


def test_the_order_of_parts_does_not_matter():
    assert package(made()) == package(dict(reversed(made().items())))


def test_one_address_and_one_picture_are_referred_to_once():
    relations = Relations()

    assert relations.link("https://example.org/") == relations.link("https://example.org/") == "rId1"
    assert relations.picture(b"x", "png") == relations.picture(b"x", "png") == "rId2"
    assert len(relations.media) == 1


def test_an_address_is_escaped():
    relations = Relations()
    relations.link('https://example.org/?a="1"&b=<2>')

    assert "&amp;b=&lt;2&gt;" in relations.xml()


@given(st.dates(min_value=dt.date(1000, 1, 1)), st.sampled_from(["zh", "en"]))
def test_the_day_is_read_back_from_the_words_of_either_language(day, lang):
    assert report_day(Meta("x", lang, as_of=format_value(day, "date", lang))) == day


@pytest.mark.parametrize("words", ["", "yesterday", "31 2018", "2018-02-30"])
def test_without_a_day_the_date_is_fixed(words):
    assert report_day(Meta("x", "en", as_of=words)) == dt.date(2000, 1, 1)


def test_a_turned_page_has_the_wider_column():
    assert 'w:orient="landscape"' in section(landscape=True)
    assert (PORTRAIT / 20, LANDSCAPE / 20) == pytest.approx((442.2, 637.8), abs=0.1)

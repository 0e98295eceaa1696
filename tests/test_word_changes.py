"""What was changed by hand in a published Word file: found from the file alone, numbers first."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import zipfile

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import v4

from fpanalysis import blocks
from fpanalysis.__main__ import main
from fpanalysis.errors import FpError
from fpanalysis.publish.docx import DocxExporter
from fpanalysis.publish.word_changes import compare, read_units, report_lines

SOFFICE = shutil.which("soffice")
TOWNS = pd.DataFrame({"place": ["鄚州镇", "青塔乡"], "a": [1559, 4696]})
COLUMNS = [blocks.Column("place", "地区"), blocks.Column("a", "一孩", "count", "件")]
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def published(lang="zh") -> bytes:
    displayed = [
        blocks.meta({"zh": "任丘市报告", "en": "Renqiu report"}[lang], lang=lang, office="某局", inputs="1f2e", release="r3"),
        blocks.heading("一、登记服务"),
        blocks.prose("2018年上半年共办理一孩登记 1,559 件，二孩登记 4,696 件[^a]。\n\n按时办结率 99.8%，见[](#towns)。"),
        blocks.table(TOWNS, columns=COLUMNS, caption="各乡镇", id="towns"),
        blocks.heading("二、下一步"),
        blocks.prose("至少开展 2 次检查。\n\n[^a]: 按登记时间。"),
    ]  # fmt: skip
    outputs = [v4.new_output("display_data", data=b._repr_mimebundle_()) for b in displayed]
    return DocxExporter().from_notebook_node(v4.new_notebook(cells=[v4.new_code_cell("x", outputs=outputs)]))[0]


FILE = published()


def edited(*changes, data=FILE, part="word/document.xml", extra=()) -> bytes:
    """Return the file with texts of a part replaced, each of which must be there, and further parts added."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name).decode("utf-8") if name == part else old.read(name)
            for before, after in changes if name == part else ():
                assert before in content, before
                content = content.replace(before, after, 1)
            new.writestr(name, content)
        for name, content in extra:
            new.writestr(name, content)
    return out.getvalue()


def changes(data):
    return [(c.old, c.new) for c in compare(data, name="report.zh.docx").changes]


def test_an_unchanged_file_is_unchanged():
    assert changes(FILE) == []


def test_a_changed_number_is_listed_with_old_and_new_and_where():
    (change,) = compare(edited(("1,559 件", "1,595 件")), name="x").changes

    assert (change.old, change.new, change.is_number) == ("1,559", "1,595", True)
    assert change.where.section == "一、登记服务"
    assert change.around == "年上半年共办理一孩登记 […] 件，二孩登记 "


def test_a_changed_cell_is_named_by_table_row_and_column():
    (change,) = compare(edited((">4,696<", ">4,697<")), name="x").changes

    assert (change.old, change.new) == ("4,696", "4,697")
    assert (change.where.table, change.where.row, change.where.column) == ("表1 各乡镇", "青塔乡", "一孩")


def test_numbers_come_before_words():
    found = compare(edited(("按时办结率", "及时办结率"), ("至少开展 2 次", "至少开展 3 次")), name="report.zh.docx")
    lines = report_lines(found, name="report.zh.docx")

    assert lines == [
        "发布版本：r3",
        "输入数据校验码：1f2e",
        "改动的数字（1处）：",
        "  二、下一步：2 → 3　（至少开展 […] 次检查。）",
        "改动的文字（1处）：",
        "  一、登记服务：按 → 及　（[…]时办结率 99.8%，见）",
    ]


def test_an_english_report_is_compared_in_english():
    found = compare(published("en"), name="report.en.docx")

    assert (
        report_lines(found, name="report.en.docx")[-1]
        == "report.en.docx: the text is as it was published; nothing was changed."
    )


def test_an_added_and_a_removed_paragraph_are_listed():
    data = edited(("<w:body>", "<w:body><w:p><w:r><w:t>新增一段 7 字</w:t></w:r></w:p>"))
    gone = re.sub(r"<w:p>(?:(?!</w:p>).)*至少开展.*?</w:p>", "", text_of(FILE))
    removed = edited((text_of(FILE), gone))

    assert changes(data) == [("", "新增一段 7 字")]
    assert changes(removed) == [("至少开展 2 次检查。", "")]


def text_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read("word/document.xml").decode("utf-8")


def test_a_removed_table_row_is_listed_cell_by_cell():
    row = next(r for r in re.findall(r"<w:tr>.*?</w:tr>", text_of(FILE)) if "青塔乡" in r)

    assert changes(edited((row, ""))) == [("青塔乡", ""), ("4,696", "")]


def test_runs_that_word_splits_are_no_change():
    split = '</w:t></w:r><w:proofErr w:type="gramStart"/><w:r><w:rPr><w:b/></w:rPr><w:t xml:space="preserve">'

    assert changes(edited(("1,559 件", f"1,5{split}59 件"))) == []


def test_a_changed_footnote_is_listed():
    (change,) = compare(edited(("按登记时间", "按出生时间"), part="word/footnotes.xml"), name="x").changes

    assert (change.old, change.new, change.where.kind) == ("登记", "出生", "footnote")


def test_tracked_changes_count_as_accepted_and_name_their_author():
    run = "</w:t></w:r>"
    tracked = (
        f'{run}<w:del w:id="900" w:author="王某" w:date="2018-08-01T00:00:00Z"><w:r><w:delText>99.8%</w:delText></w:r></w:del>'
        '<w:ins w:id="901" w:author="王某" w:date="2018-08-01T00:00:00Z"><w:r><w:t>100%</w:t></w:r></w:ins>'
        '<w:r><w:t xml:space="preserve">'
    )
    found = compare(edited(("99.8%", tracked)), name="x")

    assert [(c.old, c.new) for c in found.changes] == [("99.8%", "100%")]
    assert "（修订：王某）" in report_lines(found, name="x")[3]


def test_comments_are_listed_and_change_nothing():
    comments = f'<w:comments xmlns:w="{W}"><w:comment w:id="1" w:author="李某"><w:p><w:r><w:t>请核对</w:t></w:r></w:p></w:comment></w:comments>'
    mark = ("99.8%", '99.8%</w:t></w:r><w:r><w:commentReference w:id="1"/></w:r><w:r><w:t xml:space="preserve">')
    found = compare(edited(mark, extra=[("word/comments.xml", comments)]), name="x")

    assert found.changes == ()
    assert report_lines(found, name="x")[-1] == "  按时办结率 99.8%，见表1。：李某批注“请核对”"


@given(st.integers(0, 99999).filter(lambda n: n != 4696))
def test_any_other_number_is_found(number):
    assert changes(edited((">4,696<", f">{number:,}<"))) == [("4,696", f"{number:,}")]


def test_units_do_not_depend_on_the_order_of_reading():
    assert read_units(FILE) == read_units(FILE)
    assert [u.text for u in read_units(FILE) if u.kind == "cell"] == [
        "地区",
        "一孩",
        "鄚州镇",
        "1,559",
        "青塔乡",
        "4,696",
    ]


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"PK", "it is no Word file"), (edited(("urn:fpanalysis:original-text", "urn:x"), part="customXml/item1.xml"), "is not stored in it"),
     (edited(("1,559", "1,595"), part="customXml/item1.xml"), "was itself changed")],
)  # fmt: skip
def test_a_file_that_cannot_be_compared_is_refused_in_words(data, says):
    with pytest.raises(FpError, match=f"old.docx: .*{says}"):
        compare(data, name="old.docx")


@pytest.mark.parametrize(("data", "code"), [(FILE, 0), (edited(("1,559 件", "1,595 件")), 1)])
def test_the_command_says_by_its_exit_code_whether_anything_was_changed(data, code, tmp_path, capsys):
    path = tmp_path / "report.zh.docx"
    path.write_bytes(data)

    assert main(["compare-word", str(path)]) == code
    assert ("1,559 → 1,595" in capsys.readouterr().out) == bool(code)


def test_a_missing_file_is_named(tmp_path, capsys):
    assert main(["compare-word", str(tmp_path / "no.docx")]) == 2
    assert "no.docx: there is no such file" in capsys.readouterr().err


@pytest.mark.skipif(not SOFFICE, reason="needs LibreOffice")
def test_saving_in_libreoffice_changes_nothing_and_loses_nothing(tmp_path):
    (tmp_path / "a.docx").write_bytes(edited(("1,559 件", "1,595 件")))
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    subprocess.run([SOFFICE, profile, "--headless", "--convert-to", "docx:MS Word 2007 XML", "--outdir", tmp_path / "saved",
                    tmp_path / "a.docx"], env=dict(os.environ), check=True, capture_output=True, timeout=120)  # fmt: skip
    found = compare((tmp_path / "saved" / "a.docx").read_bytes(), name="a.docx")

    assert [(c.old, c.new) for c in found.changes] == [("1,559", "1,595")]
    assert found.marks["release"] == "r3"

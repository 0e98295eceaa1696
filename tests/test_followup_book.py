"""The follow-up workbook: what it holds, what it must not hold, and that it comes back as a person fills it in."""

import datetime as dt
import io
import random
import re
import shutil
import subprocess
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from fpanalysis import due, ingest, wording
from fpanalysis.__main__ import main
from fpanalysis.errors import DataError, ParamsError
from fpanalysis.followup import STATUSES, carried, differences, villages
from fpanalysis.identity import item_number
from fpanalysis.paths import Home
from fpanalysis.publish.followup_book import FILLED_IN, HEAD, WIDTHS, followup_book

KEY = b"a key of this place"
MONTHS = pd.period_range("2018-01", "2018-06", freq="M")
ABOUT = {
    "office": "某局",
    "place": "renqiu",
    "period": "2018年上半年",
    "as_of": dt.date(2018, 7, 18),
    "file": "followup.2018H1.xlsx",
}
NAMES = {"rural_award": "农村奖扶", "a": "鄚州镇"}
PSEUDONYM = "0123456789abcdef01234567"


def items(number: int = 6) -> pd.DataFrame:
    """Differences of two classes, new in this period."""
    records = [
        (f"{n}{PSEUDONYM}"[:24], ["unpaid", "paid_twice"][n % 2], 96_000, 192_000 * (n % 2)) for n in range(number)
    ]
    persons = pd.DataFrame(records, columns=["person", "class", "entitled", "paid"]).assign(
        programme="rural_award", place="a", corrected=False
    )
    rows = {"programme": "rural_award", "place": "a", "file": "2018-07-06/roll.xlsx", "sheet": "Sheet1"}
    roll = persons[["person"]].assign(**rows, village="007", start=pd.Timestamp("2016-01-01"), row=range(3, 3 + number))
    paid = persons[["person"]].assign(**{**rows, "file": "2018-07-06/payments.csv", "sheet": ""}, due=MONTHS[-1], row=range(9, 9 + number),
                                      person_valid=True, person_near=[()] * number)  # fmt: skip
    found = differences(persons, roll, paid, months=MONTHS, period="2018H1", key=KEY)
    return carried(found, empty(), period="2018H1")


def empty() -> pd.DataFrame:
    return ingest.read_files([], files={}, places={}, programmes={}, county="renqiu")["followup"]


def book(found: pd.DataFrame, lang: str = "zh") -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(followup_book(found, lang=lang, names=NAMES, **ABOUT)))


def column(sheet, name: str, lang: str = "zh") -> int:
    """Where a heading stands, counted from 1."""
    heads = [cell.value for cell in sheet[HEAD + 1]]
    return heads.index(wording.text(f"followup.head.{name}", lang)) + 1


def answer(
    sheet, row: int, status: str, *, lang: str = "zh", explanation="核对过", date=dt.date(2018, 7, 19), by="张"
) -> None:
    words = {
        "status": wording.text(f"followup.status.{status}", lang),
        "explanation": explanation,
        "date": date,
        "by": by,
    }
    for name, value in words.items():
        sheet.cell(row, column(sheet, name, lang)).value = value


def hand_back(
    folder: Path, made: openpyxl.Workbook | bytes, name="followup.2018H1.xlsx", received="2018-07-20", key=KEY
) -> pd.DataFrame:
    """What is read of a workbook that came back."""
    path = folder / received / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(made) if isinstance(made, bytes) else made.save(path)
    return ingest.read_files(
        ingest.find_deliveries(folder), files={}, places={}, programmes={}, county="renqiu", key=key
    )["followup"]


# What it holds


@pytest.mark.parametrize("lang", wording.LANGS)
def test_each_class_is_a_sheet_with_one_real_table_and_a_list_of_statuses(lang):
    made = book(items(), lang)

    assert made.sheetnames == [
        wording.text(key, lang) for key in ("followup.cover", "class.paid_twice", "class.unpaid")
    ]
    for sheet in made.worksheets[1:]:
        (table,) = sheet.tables.values()
        heads = [cell.value for cell in sheet[HEAD + 1]]
        assert table.ref == f"A{HEAD + 1}:{openpyxl.utils.get_column_letter(len(WIDTHS))}{HEAD + 4}"
        assert heads == [wording.text(f"followup.head.{name}", lang) for name in WIDTHS]
        lists = [v for v in sheet.data_validations.dataValidation if v.type == "list"]
        assert lists[0].formula1 == '"' + ",".join(wording.text(f"followup.status.{s}", lang) for s in STATUSES) + '"'


def test_the_office_can_find_the_row_and_the_village_keeps_its_zeros():
    sheet = book(items())["未发"]
    row = [cell.value for cell in sheet[HEAD + 2]]

    assert row[column(sheet, "roll_row") - 1] == "2018-07-06/roll.xlsx［Sheet1］第3行"
    assert row[column(sheet, "payment_row") - 1] == "2018-07-06/payments.csv 第9行"
    assert row[column(sheet, "village") - 1] == "007"
    assert row[column(sheet, "difference") - 1] == 960
    assert row[column(sheet, "todo") - 1] == wording.catalogue()["class.unpaid"]["do_zh"]


def test_no_whole_pseudonym_and_no_formula_is_in_it():
    found = items().assign(explanation='=HYPERLINK("x")', status="explained")
    made = followup_book(found, lang="zh", names=NAMES, **ABOUT)
    texts = [
        str(cell.value)
        for sheet in book(found).worksheets
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type != "f"
    ]

    assert PSEUDONYM[:20].encode() not in made
    assert not any(PSEUDONYM[:12] in words for words in texts)
    assert sum(words.startswith("=HYPERLINK") for words in texts) == len(found)


def test_it_says_on_every_sheet_that_it_is_internal():
    for sheet in book(items()).worksheets:
        assert "内部资料" in str(sheet["A2"].value)
        assert "内部资料" in sheet.oddHeader.center.text


def test_the_same_differences_give_the_same_bytes():
    one, other = (followup_book(items(), lang="zh", names=NAMES, **ABOUT) for _ in range(2))

    assert one == other


def test_open_ones_stand_before_settled_ones_and_those_said_to_be_corrected_are_named():
    found = items(4)
    found.loc[found["class"] == "unpaid", "status"] = ["explained", "open"]
    found["again"] = found["status"] == "open"
    sheet = book(found)["未发"]
    at = column(sheet, "status")

    assert [sheet.cell(HEAD + n, at).value for n in (2, 3)] == ["待查", "已说明"]
    assert sheet.cell(HEAD + 2, column(sheet, "todo")).value.startswith(wording.text("followup.still_there", "zh"))


# That it comes back


@pytest.mark.parametrize("lang", wording.LANGS)
def test_an_untouched_workbook_comes_back_as_it_was(tmp_path, lang):
    found = items()
    back = hand_back(tmp_path, followup_book(found, lang=lang, names=NAMES, **ABOUT)).set_index("item")
    was = found.set_index("item")

    assert set(back.index) == set(was.index)
    for name in (
        "class",
        "period",
        "entitled",
        "paid",
        "status",
        "explanation",
        "first_seen",
        "last_seen",
        "times_seen",
    ):
        assert back[name].to_dict() == was[name].to_dict(), name


@pytest.mark.parametrize("lang", wording.LANGS)
def test_answers_come_back_and_are_carried_on(tmp_path, lang):
    found = items()
    made = book(found, lang)
    sheet = made.worksheets[2]
    for row, status in enumerate(("explained", "corrected", "written_off"), start=HEAD + 2):
        answer(sheet, row, status, lang=lang)
    numbers = [sheet.cell(row, 1).value for row in range(HEAD + 2, HEAD + 5)]
    anew = found.drop(columns=["again", *found.columns[found.columns.get_loc("difference") + 1 :].drop("again")])
    again = carried(anew, hand_back(tmp_path, made), period="2018H2").set_index("item")

    assert again.loc[numbers, "status"].tolist() == ["explained", "open", "written_off"]
    assert again.loc[numbers, "again"].tolist() == [False, True, False]
    assert again.loc[numbers[0], ["explanation", "by", "date"]].tolist() == ["核对过", "张", pd.Timestamp("2018-07-19")]
    assert set(again["times_seen"]) == {2}


def shuffled(sheet, seed: int) -> None:
    """Sort the rows of a sheet otherwise, as a person does in Excel."""
    body = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=HEAD + 2)]
    random.Random(seed).shuffle(body)
    for number, row in enumerate(body, start=HEAD + 2):
        for at, value in enumerate(row, start=1):
            sheet.cell(number, at).value = value


def as_people_do(found: pd.DataFrame) -> openpyxl.Workbook:
    """The workbook filled in, sorted, filtered, a sheet renamed, and a column of the office's own added."""
    made = book(found)
    sheet = made["未发"]
    answer(sheet, HEAD + 2, "explained", date="2018年7月19日", explanation="账号已停用　已联系")
    shuffled(sheet, 1)
    sheet.row_dimensions[HEAD + 3].hidden = True  # filtered away
    sheet.title = "未发(鄚州)"
    sheet.cell(HEAD + 1, len(WIDTHS) + 1).value = "领导意见"
    sheet.cell(HEAD + 2, len(WIDTHS) + 1).value = "同意"
    return made


def check_as_people_do(found: pd.DataFrame, back: pd.DataFrame) -> None:
    assert sorted(back["item"]) == sorted(found["item"])
    assert back["status"].value_counts().to_dict() == {"open": len(found) - 1, "explained": 1}
    assert back.loc[back["status"] == "explained", "explanation"].tolist() == ["账号已停用 已联系"]
    assert back.loc[back["status"] == "explained", "date"].tolist() == [pd.Timestamp("2018-07-19")]


def totals() -> pd.DataFrame:
    """Two villages of a township, one person on no roll, and what the township reported."""
    columns = ["person", "entitled", "paid", "class"]
    rows = [
        ("p", 300, 300, "matched"),
        ("q", 500, 0, "unpaid"),
        ("r", 200, 200, "matched"),
        ("s", 0, 90, "not_on_roll"),
    ]
    persons = pd.DataFrame(rows, columns=columns).assign(programme="rural_award", place="a")
    persons["on_roll"] = persons["class"] != "not_on_roll"
    roll = persons[persons["on_roll"]].assign(village=["002", "001", "001"], start=pd.Timestamp("2016-01-01"))
    told = {
        "level": "township",
        "place": "a",
        "period": "2018H1",
        "programme": "rural_award",
        "item": "amount",
        "value": 6.0,
    }
    return villages(persons, roll, pd.DataFrame([told]), period="2018H1")


def test_villages_add_up_to_the_township_which_is_held_against_its_report():
    found = totals()
    sums = ["on_roll", "due_people", "open", "entitled", "paid", "difference"]
    below, whole = found[found["level"] == "village"], found[found["level"] == "township"]

    assert ["", "001", "002"] == below["village"].tolist()
    assert below[sums].sum().tolist() == whole[sums].iloc[0].tolist() == [3, 3, 2, 1000, 590, 410]
    assert below["reported"].isna().all() and whole["reported"].tolist() == [600]


@pytest.mark.parametrize(("lang", "whole"), [("zh", "全乡镇"), ("en", "whole township")])
def test_the_last_sheet_has_the_villages_and_is_not_read_back(tmp_path, lang, whole):
    made = openpyxl.load_workbook(
        io.BytesIO(followup_book(items(), lang=lang, names=NAMES, villages=totals(), **ABOUT))
    )
    sheet = made.worksheets[-1]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=HEAD + 2)]

    assert sheet["A2"].value == wording.text("followup.internal", lang)
    assert rows[-1] == ["农村奖扶", "鄚州镇", whole, 3, 3, 2, 10, 5.9, 4.1, 6, 0.1]
    assert rows[1][:3] == ["农村奖扶", "鄚州镇", "001"]
    assert len(items()) == len(hand_back(tmp_path, made))


def test_sorting_filtering_renaming_and_a_column_more_change_nothing(tmp_path):
    found = items()

    check_as_people_do(found, hand_back(tmp_path, as_people_do(found)))


def test_it_comes_back_from_libreoffice_too(tmp_path):
    """Opened and saved again by another program: dates, lists and the table are written anew."""
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if not office:
        pytest.skip("needs LibreOffice, which is not here")
    found = items()
    (tmp_path / "out").mkdir()
    as_people_do(found).save(tmp_path / "filled.xlsx")
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    words = [
        office,
        profile,
        "--headless",
        "--convert-to",
        "xlsx",
        "--outdir",
        str(tmp_path / "out"),
        str(tmp_path / "filled.xlsx"),
    ]
    subprocess.run(words, check=True, capture_output=True, timeout=300)

    check_as_people_do(found, hand_back(tmp_path / "raw", (tmp_path / "out" / "filled.xlsx").read_bytes()))


def test_all_faults_of_a_workbook_come_at_once(tmp_path):
    made = book(items(8))
    sheet = made["未发"]
    sheet.cell(HEAD + 2, 1).value = "AAAA-BBBB-CCCC"
    sheet.cell(HEAD + 3, column(sheet, "status")).value = "处理中"
    answer(sheet, HEAD + 4, "explained", explanation=None)
    answer(sheet, HEAD + 5, "corrected", date=dt.date(2018, 7, 21))
    with pytest.raises(DataError) as error:
        hand_back(tmp_path, made)
    said = str(error.value)

    assert "row 5, column 事项编号: found 'AAAA-BBBB-CCCC', expected an item of a follow-up workbook made here" in said
    assert "row 6, column 处理状态" in said and "one of the known values" in said


def test_answers_that_lack_something_or_lie_in_the_future_are_faults(tmp_path):
    made = book(items(8))
    sheet = made["未发"]
    answer(sheet, HEAD + 2, "explained", explanation=None)
    answer(sheet, HEAD + 3, "corrected", date=dt.date(2018, 7, 21))
    answer(sheet, HEAD + 4, "written_off", by=None)
    with pytest.raises(DataError) as error:
        hand_back(tmp_path, made)

    assert [(f.row, f.column) for f in error.value.faults] == [(5, "说明"), (6, "办理日期"), (7, "经办人")]
    assert "a day up to 2018-07-20, when the file was received" in str(error.value)


def test_an_item_that_stands_twice_is_a_fault(tmp_path):
    made = book(items())
    sheet = made["未发"]
    sheet.cell(HEAD + 3, 1).value = sheet.cell(HEAD + 2, 1).value
    with pytest.raises(DataError, match="each of these once"):
        hand_back(tmp_path, made)


def test_a_heading_that_is_gone_is_a_fault(tmp_path):
    made = book(items(1))
    made.worksheets[1].cell(HEAD + 1, column(made.worksheets[1], "explanation")).value = "意见"
    with pytest.raises(DataError, match="column 说明: expected this column"):
        hand_back(tmp_path, made)


def test_no_error_shows_what_an_office_wrote(tmp_path):
    made = book(items())
    made.worksheets[1].cell(HEAD + 2, column(made.worksheets[1], "status")).value = "张三 13912345678"
    with pytest.raises(DataError) as error:
        hand_back(tmp_path, made)

    assert "张三" not in str(error.value)


@pytest.mark.parametrize(
    ("key", "words"), [(None, "put back the file .key"), (b"another", "an item of a follow-up workbook made here")]
)
def test_without_the_key_of_the_place_nothing_is_guessed(tmp_path, key, words):
    with pytest.raises(DataError, match=re.escape(words)):
        hand_back(tmp_path, book(items()), key=key)


# The command


@pytest.fixture
def office(home, monkeypatch, tmp_path) -> Path:
    """A project with the sample county that has no key yet, and is the current one."""
    (home / "data" / "raw" / "renqiu" / ".key").unlink(missing_ok=True)
    monkeypatch.setenv("FPANALYSIS_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return home


def test_a_workbook_handed_back_leaves_the_place_as_due_as_it_was(office, tmp_path):
    home, day = Home(office), dt.date(2018, 8, 20)
    before = due.reports(home, "renqiu", today=day)
    assert main(["followup", "renqiu", "2018H1", "--out", str(tmp_path / "one.xlsx")]) == 0
    back = office / "data" / "raw" / "renqiu" / "2018-07-20"
    back.mkdir()
    shutil.copyfile(tmp_path / "one.xlsx", back / "followup.2018H1.xlsx")

    assert due.reports(home, "renqiu", today=day) == before
    assert "due" in {report.state for report in before}


@pytest.mark.parametrize("period", ["2018H1", "2018"])
def test_a_workbook_of_a_half_or_a_whole_year_ends_with_the_villages(office, tmp_path, period):
    assert main(["followup", "renqiu", period, "--out", str(tmp_path / "one.xlsx")]) == 0

    assert openpyxl.load_workbook(tmp_path / "one.xlsx").sheetnames[-1] == wording.text("followup.villages", "zh")


def test_the_command_writes_a_private_file_and_reads_it_back(office, tmp_path, capsys):
    first, second = tmp_path / "one.xlsx", tmp_path / "two.xlsx"

    assert main(["followup", "renqiu", "2018H1", "--out", str(first)]) == 0
    assert "internal, not for publication" in capsys.readouterr().out
    assert first.stat().st_mode & 0o077 == 0
    made = openpyxl.load_workbook(first)
    sheet = made["未发"]
    number = sheet.cell(HEAD + 2, 1).value
    answer(sheet, HEAD + 2, "explained")
    back = office / "data" / "raw" / "renqiu" / "2018-07-20"
    back.mkdir()
    made.save(back / "followup.2018H1.xlsx")
    assert main(["followup", "renqiu", "2018H1", "--out", str(second)]) == 0
    sheet = openpyxl.load_workbook(second)["未发"]
    rows = {row[0]: row for row in sheet.iter_rows(min_row=HEAD + 2, values_only=True)}

    assert rows[number][column(sheet, "status") - 1] == "已说明"
    assert rows[number][column(sheet, "times_seen") - 1] == 1
    assert not (office / "outputs").exists()


@pytest.mark.parametrize(
    "where",
    ["outputs/renqiu/2018H1/f.xlsx", "data/raw/renqiu/2018-07-20/followup.xlsx", "f.csv", "there.xlsx", "no/f.xlsx"],
)
def test_it_is_written_nowhere_where_it_must_not_be(office, where, capsys):
    for folder in ("outputs/renqiu/2018H1", "data/raw/renqiu/2018-07-20"):
        (office / folder).mkdir(parents=True, exist_ok=True)
    (office / "there.xlsx").write_text("filled in", "utf-8")

    assert main(["followup", "renqiu", "2018H1", "--out", str(office / where)]) == 2
    assert "expected" in (said := capsys.readouterr().err) or "internal" in said or "exists" in said
    assert (office / "there.xlsx").read_text("utf-8") == "filled in"


def test_a_key_is_made_once_kept_private_and_checked(tmp_path):
    home = Home(tmp_path)
    file = home.raw / "x" / ".key"
    file.parent.mkdir(parents=True)

    assert home.key("x") is None
    assert home.key("x", make=True) == home.key("x") == home.key("x", make=True)
    assert file.stat().st_mode & 0o077 == 0
    file.write_text("abc", "ascii")
    with pytest.raises(ParamsError, match="holds no key"):
        home.key("x")


def test_every_column_to_fill_in_is_read_back():
    from fpanalysis.contracts import CONTRACTS

    assert set(FILLED_IN) <= set(CONTRACTS["followup"].columns) <= set(WIDTHS)
    assert item_number(["x"], KEY) != item_number(["y"], KEY)

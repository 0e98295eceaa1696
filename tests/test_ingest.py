import datetime as dt
import json
from pathlib import Path

import pandas as pd
import pytest

from fpanalysis import ingest
from fpanalysis.contracts import CONTRACTS
from fpanalysis.errors import DataError, ParamsError
from fpanalysis.params import FileNames

BIRTHS = FileNames(
    columns={
        "place": "乡镇",
        "occurred": "出生年月",
        "registered": "登记年月",
        "order": "孩次",
        "sex": "性别",
        "count": "人数",
    }
)
HEAD = "乡镇,出生年月,登记年月,孩次,性别,人数\n"
GOOD = HEAD + "鄚州镇,2018-01,2018-02,一孩,男,3\n鄚州镇,2018-01,2018-02,一孩,女,2\n"
PLACES = {"鄚州镇": "鄚州镇", "青塔乡": "青塔乡", "全市": "renqiu"}


@pytest.fixture
def read(tmp_path):
    """A function that reads files given as {delivery/name: content} with the births' names, or other `files`."""

    def go(contents: dict[str, str | bytes], files=None, as_of=None, places=PLACES):
        for name, content in contents.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        found = ingest.find_deliveries(tmp_path, as_of)
        return ingest.read_files(
            found,
            files=files or {"births": BIRTHS},
            places=places,
            programmes={"特扶": "special_support"},
            county="renqiu",
            key=b"k",
        )

    return go


def births(content: str | bytes) -> dict[str, str | bytes]:
    return {"2018-07-06/births.csv": content}


def faults(error) -> list[str]:
    return str(error.value).splitlines()[1:]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_every_encoding_reads_the_same(read, encoding):
    frame = read(births(GOOD.encode(encoding)))["births"]

    assert frame["count"].tolist() == [3, 2]
    assert frame["place"].tolist() == ["鄚州镇", "鄚州镇"]


def test_a_tidy_frame_has_the_columns_of_its_contract_and_where_each_row_stood(read):
    frame = read(births(GOOD))["births"]

    assert list(frame.columns) == [*CONTRACTS["births"].columns, "file", "row"]
    assert frame["row"].tolist() == [2, 3]


def test_kinds_that_did_not_come_are_empty_frames_with_their_columns(read):
    data = read(births(GOOD))

    assert not data.has("roll")
    assert {"person", "person_valid", "person_near", "start"} <= set(data["roll"].columns)


def test_an_unknown_kind_is_refused(read):
    with pytest.raises(ParamsError, match="'birth' does not exist; did you mean 'births'"):
        read(births(GOOD))["birth"]


def test_all_faults_of_a_file_come_in_one_error_with_excel_rows(read):
    bad = HEAD + "鄚洲镇,2018-01,2018-02,一孩,男,3\n鄚州镇,2018-13,2018-02,四孩,男,x\n"

    with pytest.raises(DataError) as error:
        read(births(bad))

    assert len(error.value.faults) == 4
    assert (
        "row 2, column 乡镇: found '鄚洲镇', expected a township of params (did you mean '鄚州镇'?)" in faults(error)[0]
    )
    assert all("row 3" in line for line in faults(error)[1:])


def test_faults_of_several_files_come_in_one_error(read):
    with pytest.raises(DataError) as error:
        read(
            {
                "2018-07-06/births.a.csv": HEAD + "x,2018-01,,一孩,男,3\n",
                "2018-07-06/births.b.csv": HEAD + "y,2018-01,,一孩,男,3\n",
            }
        )

    assert {f.file for f in error.value.faults} == {"2018-07-06/births.a.csv", "2018-07-06/births.b.csv"}


def test_a_misspelt_column_names_the_nearest_heading(read):
    with pytest.raises(
        DataError, match="column 出生年月: expected this column, but the file does not have it .did you mean '出生月'"
    ):
        read(births(GOOD.replace("出生年月", "出生月")))


def test_a_heading_that_stands_twice_is_refused(read):
    with pytest.raises(DataError, match="each heading once"):
        read(births("乡镇,出生年月,登记年月,孩次,性别,人数,人数\n鄚州镇,2018-01,2018-02,一孩,男,3,4\n"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (HEAD.encode(), "rows below the heading"),
        (b"PK\x03\x04" + bytes(range(256)), "UTF-8 or GB18030"),
    ],
)
def test_empty_or_broken_files_are_refused_in_one_sentence(read, content, words):
    with pytest.raises(DataError, match=words):
        read(births(content))


def test_a_workbook_named_csv_and_a_csv_named_workbook_are_refused(read):
    with pytest.raises(DataError, match="an Excel workbook"):
        read({"2018-07-06/births.xlsx": GOOD})


def test_a_missing_file_is_named(read):
    with pytest.raises(DataError, match="roll.csv: expected a file roll.csv or roll.xlsx"):
        read(births(GOOD), files={"births": BIRTHS, "roll": FileNames()})


def test_a_file_without_entry_in_params_is_not_ignored(read):
    with pytest.raises(DataError, match="expected an entry roll: under files: in params"):
        read({**births(GOOD), "2018-07-06/roll.csv": "x"})


@pytest.mark.parametrize(
    ("name", "words"),
    [("birth.csv", "did you mean 'births'"), ("births.xls", "save it as .xlsx"), ("births.pdf", ".csv or .xlsx")],
)
def test_a_file_with_a_name_that_means_nothing_is_refused(read, name, words):
    with pytest.raises(DataError, match=words):
        read({f"2018-07-06/{name}": GOOD})


def test_a_folder_that_is_no_date_is_refused(read):
    with pytest.raises(DataError, match="a folder named by the date of receipt"):
        read({"July/births.csv": GOOD})


def test_the_newest_delivery_of_a_part_counts_and_parts_add_up(read):
    data = read({
        "2018-07-01/births.a.csv": GOOD, "2018-07-09/births.a.csv": GOOD.replace(",3\n", ",5\n"),
        "2018-07-01/births.b.csv": GOOD.replace("鄚州镇", "青塔乡"),
    })  # fmt: skip

    assert data["births"].groupby("place")["count"].sum().to_dict() == {"鄚州镇": 7, "青塔乡": 5}
    assert [d.used for d in data.deliveries] == [False, True, True]


def test_as_of_leaves_out_what_came_later(read):
    contents = {"2018-07-01/births.csv": GOOD, "2018-07-09/births.csv": GOOD.replace(",3\n", ",5\n")}

    assert read(contents, as_of=dt.date(2018, 7, 5))["births"]["count"].sum() == 5


def test_a_row_that_stands_in_two_files_is_refused_with_both_places(read):
    with pytest.raises(DataError, match="2018-07-09/births.b.csv, row 2.*stands also in 2018-07-01/births.a.csv row 2"):
        read({"2018-07-01/births.a.csv": GOOD, "2018-07-09/births.b.csv": GOOD})


def test_a_title_a_repeated_heading_a_total_and_signatures_are_passed_over_and_listed(read):
    messy = "2018年出生\n单位：人\n" + GOOD + HEAD + "鄚州镇,2018-02,2018-02,一孩,男,1\n合 计,,,,,6\n填表人：某某\n"
    data = read(births(messy))

    assert data["births"]["count"].sum() == 6
    assert data["births"]["row"].tolist() == [4, 5, 7]
    assert set(data.repairs["repair"]) == {"rows_above_heading", "repeated_heading", "totals_row", "rows_below_totals"}


def test_a_total_that_differs_from_the_sum_is_a_fault(read):
    with pytest.raises(DataError, match="row 4, column 人数: found '6', expected the sum of the rows above, 5"):
        read(births(GOOD + "合计,,,,,6\n"))


def test_optional_columns_may_be_missing(read):
    names = FileNames(columns={"occurred": "月", "count": "数"})
    frame = read(births("月,数\n2018-01,5\n"), files={"births": names})["births"]

    assert frame[["place", "order", "sex"]].values.tolist() == [["renqiu", 0, "unknown"]]
    assert frame["registered"].tolist() == frame["occurred"].tolist()


def test_a_mapped_column_must_be_there_even_if_it_is_optional(read):
    with pytest.raises(DataError, match="column 孩次"):
        read(births("乡镇,出生年月,登记年月,性别,人数\n鄚州镇,2018-01,2018-02,男,3\n"))


def test_own_spellings_of_values_come_from_params(read):
    names = FileNames(columns=BIRTHS.columns, values={"sex": {"M": "male", "F": "female"}})
    frame = read(births(GOOD.replace("男", "M").replace("女", "F")), files={"births": names})["births"]

    assert frame["sex"].tolist() == ["male", "female"]


ROLL = FileNames(columns={"person": "身份证号", "programme": "项目", "start": "起始日期"})
ROLL_FILE = "姓名,身份证号,项目,起始日期\n某某,139999196509120001,特扶,2016-01-01\n某某,{0},特扶,2016-01-01\n"


def test_persons_leave_as_pseudonyms_and_names_are_never_kept(read):
    frame = read({"2018-07-06/roll.csv": ROLL_FILE.format("139999195809100016")}, files={"roll": ROLL})["roll"]
    everything = frame.to_csv()

    assert "1399991965" not in everything and "某某" not in everything
    assert frame["person"].nunique() == 2


def test_a_wrong_check_character_is_marked_with_its_neighbours_not_refused(read):
    data = read({"2018-07-06/roll.csv": ROLL_FILE.format("139999196509120010")}, files={"roll": ROLL})
    frame = data["roll"]

    assert frame["person_valid"].tolist() == [True, False]
    assert frame["person"][0] in frame["person_near"][1]
    assert data.repairs["repair"].tolist() == ["check_character"]


def test_no_error_shows_an_identity_number(read):
    with pytest.raises(DataError) as error:
        read({"2018-07-06/roll.csv": ROLL_FILE.format("13999919650912000")}, files={"roll": ROLL})

    assert "139999" not in str(error.value)
    assert "(17 characters, not shown)" in str(error.value)


def test_prose_is_read_by_section_and_language(read):
    files = {"births": BIRTHS, "prose": FileNames()}
    data = read({**births(GOOD), "2018-07-06/prose.zh.md": "前言\n\n## problems\n一\n\n## plan\n二\n"}, files=files)

    assert data.prose == {("problems", "zh"): "一", ("plan", "zh"): "二"}


def test_a_misspelt_section_is_refused(read):
    with pytest.raises(DataError, match="found 'problem', expected a section of the report; did you mean 'problems'"):
        read(
            {**births(GOOD), "2018-07-06/prose.zh.md": "## problem\n一\n"},
            files={"births": BIRTHS, "prose": FileNames()},
        )


NASTY = FileNames(columns={"person": "身份证号", "village": "村代码", "amount": "金额", "paid": "发放日期"})
READABLE = ["bom.csv", "dates.csv", "fullwidth.csv", "gb18030.csv", "hidden.xlsx", "merged.xlsx", "old15.csv", "plain.xlsx", "thousand.csv",
            "totals.csv", "utf8.csv"]  # fmt: skip


def nasty(shared: Path, name: str, tmp_path: Path, monkeypatch) -> pd.DataFrame:
    """One messy office file, read by a contract of its own columns."""
    from fpanalysis.contracts import Column, Contract

    contract = Contract(
        {"person": Column("person"), "village": Column("text"), "amount": Column("yuan"), "paid": Column("date")}
    )
    path = tmp_path / "2018-07-06" / ("payments" + Path(name).suffix)
    path.parent.mkdir()
    path.write_bytes((shared / "nasty" / name).read_bytes())
    delivery = ingest.find_deliveries(tmp_path)[0]
    base = ingest.Context({}, {}, "calendar", b"k", {})
    return ingest._Reader(delivery, contract, NASTY, base, "x").frame()


@pytest.mark.parametrize("name", READABLE)
def test_messy_office_files_are_read_right(shared, name, tmp_path, monkeypatch):
    frame = nasty(shared, name, tmp_path, monkeypatch)
    truth = json.loads((shared / "nasty" / "expect.json").read_text("utf-8"))
    context = ingest.Context({}, {}, "calendar", b"k", {})

    assert frame["village"].tolist() == [t["village"] for t in truth]
    assert frame["amount"].tolist() == [t["amount"] * 100 for t in truth]
    assert frame["paid"].map(lambda d: d.date().isoformat()).tolist() == [t["date"] for t in truth]
    assert frame["person"].tolist() == [ingest.PARSERS["person"](t["pid"], context).value.pseudonym for t in truth]


@pytest.mark.parametrize("name", ["sci.csv", "idnum.xlsx"])
def test_files_that_have_lost_digits_are_refused_with_the_way_out(shared, name, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="export again with the column as text"):
        nasty(shared, name, tmp_path, monkeypatch)


def test_an_identity_number_in_the_wrong_column_is_not_shown_either(read):
    with pytest.raises(DataError) as error:
        read(births(GOOD.replace("鄚州镇", "139999196509120001", 1)))

    assert "139999" not in str(error.value)

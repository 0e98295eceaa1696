import datetime as dt
import gc
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
        found = ingest.received_by(ingest.find_deliveries(tmp_path), as_of)
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


NAMED_ROLL = FileNames(columns={"person": "身份证号", "name": "姓名", "programme": "项目", "start": "起始日期"})
PAID = FileNames(
    columns={
        "person": "身份证号",
        "name": "姓名",
        "programme": "项目",
        "due": "年月",
        "amount": "金额",
        "paid": "发放日期",
    }
)
PAID_FILE = "姓名,身份证号,项目,年月,金额,发放日期\n{},{},特扶,2018-06,960,2018-06-20\n"


def test_a_name_is_kept_as_a_hash_and_speaks_against_another_person(read):
    rolls = "姓名,身份证号,项目,起始日期\n张建國,139999196509120001,特扶,2016-01-01\n"
    kinds = {"roll": NAMED_ROLL, "payments": PAID}
    same, other = (
        read(
            {"2018-07-06/roll.csv": rolls, "2018-07-06/payments.csv": PAID_FILE.format(name, "139999196509120010")},
            files=kinds,
        )
        for name in ("张 建国", "王芳")
    )
    person = same["roll"]["person"].iloc[0]

    assert same["roll"]["person_name"].iloc[0] == same["payments"]["person_name"].iloc[0]
    assert "张" not in same["roll"].to_csv()
    assert person in same["payments"]["person_near"].iloc[0]
    assert other["roll"]["person"].iloc[0] == person
    assert person not in other["payments"]["person_near"].iloc[0]


def test_a_mistyped_number_of_the_roll_is_set_right_by_the_payee_it_means_and_listed(read):
    rolls = "姓名,身份证号,项目,起始日期\n张,139999196509120010,特扶,2016-01-01\n"
    paid = PAID_FILE.format("张", "139999196509120001")
    data = read(
        {"2018-07-06/roll.csv": rolls, "2018-07-06/payments.csv": paid}, files={"roll": NAMED_ROLL, "payments": PAID}
    )

    assert data["roll"]["person"].tolist() == data["payments"]["person"].tolist()
    assert data["roll"]["corrected"].tolist() == [True]
    assert "number_set_right" in data.repairs["repair"].tolist()


def test_birth_and_sex_come_with_a_right_number(read):
    frame = read({"2018-07-06/roll.csv": ROLL_FILE.format("139999196509120010")}, files={"roll": ROLL})["roll"]

    assert frame["birth"].tolist() == [pd.Timestamp("1965-09-12"), pd.NaT]
    assert frame["sex"].tolist() == ["female", ""]


@pytest.mark.parametrize("number", ["13999919650912001", "1399991965091200001", "13999919650912000O"])
def test_a_number_of_another_length_is_marked_when_a_right_one_is_one_slip_away(read, number):
    data = read({"2018-07-06/roll.csv": ROLL_FILE.format(number)}, files={"roll": ROLL})

    assert data["roll"]["person_valid"].tolist() == [True, False]
    assert data["roll"]["person"].iloc[0] in data["roll"]["person_near"].iloc[1]
    assert data.repairs["repair"].tolist() == ["odd_number"]


def test_a_row_about_a_person_can_be_found_again_by_file_sheet_and_row(read):
    rows = [["身份证号", "项目", "起始日期"], ["139999196509120001", "特扶", "2016-01-01"]]
    frame = read({"2018-07-06/roll.xlsx": workbook(("名册", rows))}, files={"roll": ROLL})["roll"]

    assert frame[["file", "sheet", "row"]].values.tolist() == [["2018-07-06/roll.xlsx", "名册", 2]]


def test_no_error_shows_an_identity_number(read):
    with pytest.raises(DataError) as error:
        read({"2018-07-06/roll.csv": ROLL_FILE.format("1399991965091200")}, files={"roll": ROLL})

    assert "139999" not in str(error.value)
    assert "(16 characters, not shown)" in str(error.value)


@pytest.mark.parametrize("part", ["zh", "2018H1", "2018H1.fr"])
def test_prose_says_its_period_and_language(read, part):
    with pytest.raises(DataError, match="expected the period and the language in the name.*e.g. prose.2018H1.zh.md"):
        read(
            {**births(GOOD), f"2018-07-06/prose.{part}.md": "## plan\n一\n"},
            files={"births": BIRTHS, "prose": FileNames()},
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("## plan\n一\n## plan\n二\n", "expected each section once"),
        ("# 计划\n\n## plan\n一\n", "expected headings of sections as '## section'"),
    ],
)
def test_no_word_of_the_analyst_is_dropped(read, text, expected):
    with pytest.raises(DataError, match=expected):
        read({**births(GOOD), "2018-07-06/prose.2018H1.zh.md": text}, files={"births": BIRTHS, "prose": FileNames()})


def test_a_section_in_two_files_is_refused(read):
    files = {f"2018-07-06/prose.2018H1-{part}.zh.md": "## plan\n一\n" for part in "ab"}
    with pytest.raises(DataError, match="expected one file of 2018H1 with this section in zh"):
        read({**births(GOOD), **files}, files={"births": BIRTHS, "prose": FileNames()})


def test_words_in_a_table_stay_as_written_and_its_numbers_do_not(read):
    table = "id,made,due,zh,en,target\nＣ１,2018H1,2018H2,检查（专项），不少于２次：按时,Two，inspections,２\n"
    names = FileNames(columns={c: c for c in ("id", "made", "due", "zh", "en", "target")})
    found = read({**births(GOOD), "2018-07-06/commitments.csv": table}, files={"births": BIRTHS, "commitments": names})
    row = found["commitments"].iloc[0]

    assert ("C1", "检查（专项），不少于2次：按时", "Two,inspections", 2) == tuple(row[["id", "zh", "en", "target"]])


def test_prose_is_read_by_section_and_language(read):
    files = {"births": BIRTHS, "prose": FileNames()}
    data = read(
        {**births(GOOD), "2018-07-06/prose.2018H1.zh.md": "前言\n\n## problems\n一\n\n## plan\n二\n"}, files=files
    )

    assert data.prose == {("2018H1", "problems", "zh"): "一", ("2018H1", "plan", "zh"): "二"}


def test_a_misspelt_section_is_refused(read):
    with pytest.raises(DataError, match="found 'problem', expected a section of the report; did you mean 'problems'"):
        read(
            {**births(GOOD), "2018-07-06/prose.2018H1.zh.md": "## problem\n一\n"},
            files={"births": BIRTHS, "prose": FileNames()},
        )


NASTY = FileNames(columns={"person": "身份证号", "village": "村代码", "amount": "金额", "paid": "发放日期"})
READABLE = ["bom.csv", "dates.csv", "fullwidth.csv", "gb18030.csv", "hidden.xlsx", "html.xls", "merged.xlsx", "old15.csv", "plain.xlsx", "thousand.csv",
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
    return ingest._read_tables(delivery, contract, NASTY, base, "x")[0]


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


# A row of the county among its townships


REGISTRATIONS = FileNames(
    columns={"place": "乡镇", "month": "月份", "service": "业务", "count": "办结数", "on_time": "按时办结数"}
)
DONE = "乡镇,月份,业务,办结数,按时办结数\n"
TOWNS = "鄚州镇,2018-01,一孩登记,3,3\n青塔乡,2018-01,一孩登记,2,1\n"


def services(read, content, **more):
    return read({"2018-07-06/registrations.csv": DONE + content, **more}, files={"registrations": REGISTRATIONS})


@pytest.mark.parametrize("name", ["全市", "合计", "总 计"])
def test_a_county_row_that_agrees_with_its_townships_is_left_out_and_noted(read, name):
    data = services(read, TOWNS + f"{name},2018-01,一孩登记,5,4\n")

    assert data["registrations"]["count"].sum() == 5
    assert data.repairs[["repair", "cells", "first_row"]].values.tolist() == [["county_row", 1, 4]]


def test_a_county_row_that_differs_is_a_fault_with_the_sum(read):
    with pytest.raises(
        DataError, match="row 4, column 按时办结数: found '5', expected the sum of the townships' rows, 4"
    ):
        services(read, TOWNS + "全市,2018-01,一孩登记,5,5\n")


def test_county_rows_alone_stay_as_they_are(read):
    data = services(read, "全市,2018-01,一孩登记,5,4\n全市,2018-02,一孩登记,6,6\n")

    assert data["registrations"]["count"].sum() == 11
    assert data.repairs.empty


def test_a_county_row_without_township_rows_of_its_keys_is_refused(read):
    with pytest.raises(DataError, match="row 4.*found '9', expected rows of townships with the same 月份, 业务"):
        services(read, TOWNS + "全市,2018-02,一孩登记,9,9\n")


def test_a_county_row_of_nothing_needs_no_townships(read):
    data = services(read, TOWNS + "全市,2018-02,一孩登记,0,0\n")

    assert data["registrations"]["count"].sum() == 5


def test_a_county_row_may_count_the_townships_of_other_parts_too(read):
    late = {"2018-07-18/registrations.late.csv": DONE + "青塔乡,2018-01,一孩登记,2,1\n"}
    data = services(read, "鄚州镇,2018-01,一孩登记,3,3\n全市,2018-01,一孩登记,5,4\n", **late)

    assert data["registrations"]["count"].tolist() == [3, 2]


def test_a_county_file_beside_a_township_file_is_held_against_it(read):
    county = {"2018-07-06/registrations.county.csv": DONE + "全市,2017-12,一孩登记,9,9\n全市,2018-01,一孩登记,5,4\n"}
    data = services(read, TOWNS, **county)

    assert data["registrations"]["count"].tolist() == [9, 3, 2]


def test_a_county_name_without_keys_is_a_total(read):
    assert services(read, TOWNS + "全市,,,5,4\n")["registrations"]["count"].sum() == 5


def test_rows_with_a_place_left_blank_are_not_added_to_the_county(read):
    with pytest.raises(DataError, match="write the township in every row"):
        services(read, TOWNS + ",2018-02,一孩登记,9,9\n")


def test_a_person_of_the_county_stays_a_row(read):
    names = FileNames(columns={**ROLL.columns, "place": "乡镇"})
    text = "乡镇,身份证号,项目,起始日期\n鄚州镇,139999196509120001,特扶,2016-01-01\n全市,139999195809100016,特扶,2016-01-01\n"

    assert read({"2018-07-06/roll.csv": text}, files={"roll": names})["roll"]["place"].tolist() == ["鄚州镇", "renqiu"]


# Subtotals, totals and what stands below them


def test_subtotals_are_held_against_their_block_and_the_total_against_everything(read):
    rows = "鄚州镇,2018-01,一孩登记,3,3\n小计,,,3,3\n青塔乡,2018-01,一孩登记,2,1\n青塔乡小计,,,2,1\n合计,,,5,4\n"
    data = services(read, rows)

    assert data["registrations"]["count"].tolist() == [3, 2]
    assert data.repairs[["repair", "cells"]].values.tolist() == [["totals_row", 3]]


def test_every_total_that_differs_is_a_fault(read):
    with pytest.raises(DataError) as error:
        services(read, "鄚州镇,2018-01,一孩登记,3,3\n小计,,,4,3\n青塔乡,2018-01,一孩登记,2,1\n小计,,,5,1\n合计,,,7,4\n")

    assert [(f.row, f.value) for f in error.value.faults] == [(3, "4"), (5, "5"), (6, "7")]


def test_a_total_on_top_counts_the_rows_below(read):
    assert services(read, "合计,,,5,4\n" + TOWNS)["registrations"]["count"].sum() == 5


def test_an_incomplete_row_between_totals_is_a_fault(read):
    with pytest.raises(DataError, match="row 4, column 月份: expected a value, but the cell is empty"):
        services(read, "鄚州镇,2018-01,一孩登记,3,3\n小计,,,3,3\n青塔乡,,一孩登记,2,1\n合计,,,3,3\n")


@pytest.mark.parametrize("row", ["青塔乡,,一孩登记,2,1", "青塔乡,2018-02,一孩登记,,", ",,,7,", "青塔乡,,,,"])
def test_an_incomplete_row_of_data_below_the_last_total_is_a_fault(read, row):
    with pytest.raises(DataError, match="row 5, column"):
        services(read, TOWNS + f"合计,,,5,4\n{row}\n")


@pytest.mark.parametrize(
    "row", ["填表人：某某,,,,", "填表人,某某,审核人,某某,", "报出日期,2018-07-05,,,", ",,以上数据已核对,,"]
)
def test_signatures_below_the_last_total_are_passed_over(read, row):
    data = services(read, TOWNS + f"合计,,,5,4\n{row}\n")

    assert data["registrations"]["count"].sum() == 5
    assert "rows_below_totals" in set(data.repairs["repair"])


def test_a_total_that_nothing_could_be_held_against_says_so(read):
    data = services(read, TOWNS + "合计,,,,\n")

    assert data.repairs["repair"].tolist() == ["totals_unchecked"]


def test_a_total_of_a_column_with_gaps_is_the_sum_of_what_is_there(read):
    assert services(read, TOWNS + "青塔乡,2018-02,一孩登记,2,\n合计,,,7,4\n")["registrations"]["count"].sum() == 7


# Workbooks


def workbook(*sheets, merge=()) -> bytes:
    """A workbook of (title, rows) sheets; `merge` are ranges of the first one."""
    import io

    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    for area in merge:
        book.worksheets[0].merge_cells(area)
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


@pytest.mark.parametrize("mac", [True, False])
def test_days_are_counted_from_the_day_that_the_workbook_says(read, mac):
    import io

    import openpyxl
    from openpyxl.utils.datetime import CALENDAR_MAC_1904

    names = FileNames(columns={**ROLL.columns, "exit": "退出日期"})
    day = pd.Timestamp("2018-05-31")
    number = (day - pd.Timestamp(1904, 1, 1) if mac else day - pd.Timestamp(1899, 12, 30)).days
    rows = [[*names.columns.values()], ["139999196509120001", "特扶", day.to_pydatetime(), number]]
    book = openpyxl.load_workbook(io.BytesIO(workbook(("a", []))))
    book.epoch = CALENDAR_MAC_1904 if mac else book.epoch
    for row in rows:
        book.active.append(row)
    held = io.BytesIO()
    book.save(held)
    roll = read({"2018-07-06/roll.xlsx": held.getvalue()}, files={"roll": names})["roll"]

    assert [day, day] == [roll["start"][0], roll["exit"][0]]


HEADS = ["乡镇", "月份", "业务", "办结数", "按时办结数"]
FIRST = ["鄚州镇", "2018-01", "一孩登记", 3, 3]
SECOND = ["青塔乡", "2018-04", "二孩登记", 2, 1]


def booked(read, *sheets, **more):
    content = {"2018-07-06/registrations.xlsx": workbook(*sheets, **more)}
    return read(content, files={"registrations": REGISTRATIONS})


def test_all_visible_sheets_with_the_table_are_put_together_and_others_named(read):
    data = booked(
        read, ("一季度", [HEADS, FIRST]), ("二季度", [["标题"], HEADS, SECOND]), ("说明", [["某某"]]), ("空", [])
    )
    frame = data["registrations"]

    assert frame[["file", "row"]].values.tolist() == [
        ["2018-07-06/registrations.xlsx[一季度]", 2], ["2018-07-06/registrations.xlsx[二季度]", 3]
    ]  # fmt: skip
    assert data.repairs[["file", "repair"]].values.tolist() == [
        ["2018-07-06/registrations.xlsx[说明]", "other_sheet"],
        ["2018-07-06/registrations.xlsx[二季度]", "rows_above_heading"],
    ]


def test_faults_of_all_sheets_come_at_once_also_of_a_misspelt_heading(read):
    with pytest.raises(DataError) as error:
        booked(read, ("a", [HEADS, ["鄚洲镇", *FIRST[1:]]]), ("b", [[*HEADS[:3], "办数", HEADS[4]], SECOND]))

    assert [f.file[-3:] for f in error.value.faults] == ["[a]", "[b]"]


def test_a_place_merged_over_its_rows_is_filled_down_and_noted(read):
    rows = [HEADS, FIRST, [None, "2018-02", "一孩登记", 4, 4], SECOND]
    data = booked(read, ("a", rows), merge=["A2:A3"])

    assert data["registrations"]["place"].tolist() == ["鄚州镇", "鄚州镇", "青塔乡"]
    assert data.repairs[["repair", "cells", "first_row"]].values.tolist() == [["merged_cell", 1, 3]]


def test_a_number_merged_over_rows_is_refused(read):
    rows = [HEADS, FIRST, [*SECOND[:4], None]]
    with pytest.raises(DataError, match="row 3, column 按时办结数.*merged with the row above"):
        booked(read, ("a", rows), merge=["E2:E3"])


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("#REF!", "Excel shows an error"),
        ("=1+2", "never been worked out"),
        (True, "a number"),
        (0.5, "a whole number"),
        (-3, "0 or more"),
    ],
)
def test_a_cell_without_a_right_value_is_refused_with_the_reason(read, cell, words):
    with pytest.raises(DataError, match=f"row 2, column 按时办结数.*{words}"):
        booked(read, ("a", [HEADS, [*FIRST[:4], cell]]))


def test_a_total_that_was_never_worked_out_is_left_out_and_said_so(read):
    data = booked(read, ("a", [HEADS, FIRST, ["合计", None, None, "=SUM(D2:D2)", None]]))

    assert data.repairs["repair"].tolist() == ["totals_unchecked"]


def test_a_formatted_column_down_to_the_last_row_costs_nothing(read):
    import io

    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(workbook(("a", [HEADS, FIRST]))))
    book.active.cell(1_048_576, 1).number_format = "0.00"
    held = io.BytesIO()
    book.save(held)
    data = read({"2018-07-06/registrations.xlsx": held.getvalue()}, files={"registrations": REGISTRATIONS})

    assert len(data["registrations"]) == 1


# Text files


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_every_line_end_reads_the_same(read, end):
    assert read(births(GOOD.replace("\n", end)))["births"]["row"].tolist() == [2, 3]


def test_a_quote_that_does_not_close_is_a_fault_where_it_opens(read):
    with pytest.raises(DataError, match="row 3: expected quotation marks in pairs"):
        read(
            births(
                HEAD
                + "鄚州镇,2018-01,2018-02,一孩,男,3\n"
                + '"青塔乡,2018-01,2018-02,一孩,男,3\n'
                + "青塔乡,2018-02,,一孩,男,3\n"
            )
        )


def test_rows_swallowed_between_two_quotes_are_a_fault(read):
    names = FileNames(columns=BIRTHS.columns)
    row = "鄚州镇,2018-01,2018-0{0},一孩,男,3,{1}\n"
    text = HEAD.replace("人数", "人数,备注") + row.format(2, '"甲') + row.format(3, "") + row.format(4, '乙"')

    with pytest.raises(DataError, match="row 2: .*quotation marks in pairs"):
        read(births(text), files={"births": names})


def test_a_row_with_more_cells_than_headings_is_refused(read):
    with pytest.raises(DataError, match="row 3: .*6 cells, as in the heading, but the row has 7"):
        read(births(HEAD + "鄚州镇,2018-01,2018-02,一孩,男,3\n鄚州镇,2018-01,2018-02,一孩,女,1,234\n"))


@pytest.mark.parametrize("mark", ["\t", ";"])
def test_another_separator_is_seen_below_a_title_too(read, mark):
    assert read(births("2018年出生\n" + GOOD.replace(",", mark)))["births"]["count"].sum() == 5


def test_gb18030_with_its_own_mark_reads(read):
    assert read(births("\ufeff".encode("gb18030") + GOOD.encode("gb18030")))["births"]["count"].sum() == 5


def test_text_that_excel_was_told_to_keep_is_read(read):
    assert read(births(GOOD.replace("2018-01", '"=""2018-01"""')))["births"]["count"].sum() == 5


def test_blank_lines_are_no_rows_and_keep_the_numbering(read):
    assert read(births(GOOD.replace("\n", "\n\n,,,,,\n")))["births"]["row"].tolist() == [4, 7]


def test_a_title_that_says_another_unit_than_params_is_refused(read):
    names = FileNames(columns={"date": "日期", "activity": "事项", "amount": "金额"})
    with pytest.raises(DataError, match="row 1.*found '万元', expected 元"):
        read(
            {"2018-07-06/activities.csv": "单位：万元,,\n日期,事项,金额\n2018-03-01,罚款,3.45\n"},
            files={"activities": names},
        )


def test_an_exit_at_the_end_of_time_is_no_exit(read):
    names = FileNames(columns={**ROLL.columns, "exit": "退出日期"})
    text = "身份证号,项目,起始日期,退出日期\n139999196509120001,特扶,2016-01-01,9999-12-31\n"
    data = read({"2018-07-06/roll.csv": text}, files={"roll": names})

    assert data["roll"]["exit"].isna().tolist() == [True]
    assert data.repairs["repair"].tolist() == ["open_end"]


def test_a_start_at_the_end_of_time_is_refused(read):
    text = ROLL_FILE.format("139999195809100016").replace("2016-01-01", "9999-12-31")
    with pytest.raises(DataError, match="row 2, column 起始日期.*a date such as"):
        read({"2018-07-06/roll.csv": text}, files={"roll": ROLL})


@pytest.mark.parametrize("cell", ["某某某", "13912345678", "6222020402001234", "某某 6222020402001234"])
def test_no_error_shows_a_name_a_telephone_or_an_account(read, cell):
    with pytest.raises(DataError) as error:
        read(
            {"2018-07-06/roll.csv": ROLL_FILE.format("139999195809100016").replace("特扶", cell)}, files={"roll": ROLL}
        )

    assert cell not in str(error.value)
    assert "not shown" in str(error.value)


def test_a_misspelt_programme_is_still_shown(read):
    with pytest.raises(DataError, match="found '特扶金', .*did you mean '特扶'"):
        read(
            {"2018-07-06/roll.csv": ROLL_FILE.format("139999195809100016").replace("特扶", "特扶金")},
            files={"roll": ROLL},
        )


# Deliveries


def test_a_csv_and_a_workbook_of_one_part_and_day_are_refused(read):
    with pytest.raises(DataError, match="births.a.xlsx.*2018-07-06/births.a.csv"):
        read({"2018-07-06/births.a.csv": GOOD, "2018-07-06/births.a.xlsx": b"x"})


@pytest.mark.parametrize("name", ["2018-07-06/old/births.csv", "births.csv"])
def test_a_file_that_would_not_be_seen_is_refused(read, name):
    with pytest.raises(DataError, match="a folder named by the date of receipt|files, but this is a folder"):
        read({"2018-07-06/births.csv": GOOD, name: GOOD})


@pytest.mark.parametrize(
    ("name", "calendar", "key"),
    [
        ("2018H1-于村乡", "calendar", "2018H1"),
        ("2018H1", "statistical", "S2018H1"),
        ("C2018H1", "statistical", "2018H1"),
        ("a", "calendar", ""),
    ],
)
def test_the_period_in_a_name_is_read_in_the_calendar_of_the_place(tmp_path, name, calendar, key):
    path = tmp_path / "2018-07-06" / f"births.{name}.csv"
    path.parent.mkdir()
    path.write_text(GOOD, "utf-8")

    assert [d.period for d in ingest.find_deliveries(tmp_path, calendar=calendar)] == [key]


def test_a_copy_of_a_file_about_persons_is_refused(read):
    text = ROLL_FILE.format("139999195809100016")
    with pytest.raises(DataError, match="expected rows of its own, but it is a copy of 2018-07-06/roll.2018H1"):
        read({"2018-07-06/roll.2018H1.csv": text, "2018-07-06/roll.2018H1(1).csv": text}, files={"roll": ROLL})


def test_a_copy_of_a_sheet_is_refused(read):
    with pytest.raises(DataError, match="[b].: expected rows of its own, but sheet a has the same"):
        booked(read, ("a", [HEADS, FIRST]), ("b", [HEADS, FIRST]))


# More that offices do


@pytest.mark.parametrize("word", ["鄚州镇合计", "本页合计", "街道小计", "Subtotal"])
def test_the_total_of_a_block_has_many_names(read, word):
    assert (
        services(read, f"鄚州镇,2018-01,一孩登记,3,3\n{word},,,3,3\n青塔乡,2018-01,一孩登记,2,1\n")["registrations"][
            "count"
        ].sum()
        == 5
    )


@pytest.mark.parametrize("word", ["全市合计", "全县总计", "共计：", "Grand total", "21,合计"])
def test_the_total_of_all_has_many_names(read, word):
    text = (
        ("序号," if "," in word else "")
        + DONE
        + "".join(("1," if "," in word else "") + line + "\n" for line in TOWNS.splitlines())
        + f"{word},,,5,4\n"
    )
    data = read({"2018-07-06/registrations.csv": text}, files={"registrations": REGISTRATIONS})

    assert data["registrations"]["count"].sum() == 5
    assert "totals_row" in set(data.repairs["repair"])


def test_numbered_rows_without_content_are_passed_over_and_counted(read):
    text = "序号," + DONE + "1," + TOWNS.splitlines()[0] + "\n2,,,,,\n3,,,,,\n"
    data = read({"2018-07-06/registrations.csv": text}, files={"registrations": REGISTRATIONS})

    assert data.repairs[["repair", "cells", "first_row"]].values.tolist() == [["numbered_row", 2, 3]]


@pytest.mark.parametrize("mark", ["以下空白", "（以下空白）", "续表 2", "第1页 共2页", "— 第 2 页 —"])
def test_marks_of_pages_are_passed_over_and_counted(read, mark):
    first, second = TOWNS.splitlines()
    data = services(read, f"{first}\n,{mark},,,\n{DONE}{second}\n{mark},,,,\n")

    assert data["registrations"]["count"].tolist() == [3, 2]
    assert ["page_mark", 2, 3] in data.repairs[["repair", "cells", "first_row"]].values.tolist()


def test_totals_of_sound_columns_are_checked_in_the_same_go_as_faults_of_others(read):
    with pytest.raises(DataError) as error:
        services(read, TOWNS.replace(",3,3", ",3,x") + "合计,,,6,4\n")

    assert [(f.row, f.column) for f in error.value.faults] == [(2, "按时办结数"), (4, "办结数")]


@pytest.mark.parametrize("mark", ["-", "/", "无", "——", "至今", "长期"])
def test_a_dash_for_no_exit_is_an_empty_cell_and_noted(read, mark):
    names = FileNames(columns={**ROLL.columns, "exit": "退出日期"})
    text = f"身份证号,项目,起始日期,退出日期\n139999196509120001,特扶,2016-01-01,{mark}\n"
    data = read({"2018-07-06/roll.csv": text}, files={"roll": names})

    assert data["roll"]["exit"].isna().all()
    assert data.repairs["repair"].tolist() == ["dash"]


def test_a_dash_for_a_number_is_refused(read):
    with pytest.raises(DataError, match="found '-', expected a number"):
        services(read, "鄚州镇,2018-01,一孩登记,-,3\n")


@pytest.mark.parametrize("cell", ["99999999999999999999", "1e30"])
def test_a_number_that_no_column_holds_is_refused(read, cell):
    with pytest.raises(DataError, match="row 2, column 办结数"):
        services(read, f"鄚州镇,2018-01,一孩登记,{cell},3\n")


def test_characters_without_width_do_not_matter(read):
    assert services(read, "鄚州镇\u200b,\u202d2018-01\u202c,一孩登记,3,3\n")["registrations"]["count"].sum() == 3


def test_a_heading_that_says_another_unit_than_params_is_refused(read):
    names = FileNames(columns={"date": "日期", "activity": "事项", "amount": "金额（万元）"})
    with pytest.raises(DataError, match="found '万元', expected 元, the unit of this column in params .write units"):
        read(
            {"2018-07-06/activities.csv": "日期,事项,金额（万元）\n2018-03-01,罚款,3.45\n"}, files={"activities": names}
        )


def test_the_likeliest_sheet_is_named_when_none_has_the_table(read):
    with pytest.raises(DataError, match="column 月份: expected this column"):
        booked(read, ("封面", [["2018年"]]), ("表", [["乡镇", "办结数"], ["鄚州镇", 3]]))


def test_persons_rows_merged_by_place_are_filled(read):
    rows = [["乡镇", "身份证号", "项目", "起始日期"], ["鄚州镇", "139999196509120001", "特扶", "2016-01-01"],
            [None, "139999195809100016", "特扶", "2016-01-01"]]  # fmt: skip
    names = FileNames(columns={**ROLL.columns, "place": "乡镇"})
    data = read({"2018-07-06/roll.xlsx": workbook(("a", rows), merge=["A2:A3"])}, files={"roll": names})

    assert data["roll"]["place"].tolist() == ["鄚州镇", "鄚州镇"]


def test_system_files_of_windows_are_no_deliveries(read):
    assert len(read({**births(GOOD), "2018-07-06/Thumbs.db": b"x"}).deliveries) == 1


@pytest.mark.parametrize(("name", "key"), [("activities.2018H1-a.csv", "2018H1"), ("activities.csv", "")])
def test_activities_say_which_period_their_file_names(read, name, key):
    names = FileNames(columns={"date": "日期", "activity": "事项"})
    text = "日期,事项\n2018-07-01,罚款\n"

    assert read({f"2018-07-06/{name}": text}, files={"activities": names})["activities"]["file_period"].tolist() == [
        key
    ]


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("content", ["nothing that is a table", "乡镇,出生月份\n鄚州镇,2018-01\n"])
def test_the_collector_of_garbage_is_afterwards_as_it_was_also_when_reading_fails(read, on, content):
    (gc.enable if on else gc.disable)()
    try:
        with pytest.raises(DataError):
            read({"2018-07-05/births.csv": content})

        assert gc.isenabled() == on
    finally:
        gc.enable()

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpanalysis.identity import check_character
from fpanalysis.parsers import PARSERS, Context, Refusal, clean, words

CONTEXT = Context({"鄚州镇": "鄚州镇"}, {"特扶": "special_support"}, "calendar", b"key", {"男": "male"})
NUMBERS = st.builds(
    lambda day, n: (body := f"139999{day:%Y%m%d}{n:03d}") + check_character(body),
    st.dates(dt.date(1930, 1, 1), dt.date(1999, 12, 31)),
    st.integers(0, 999),
)


def read(kind: str, cell: object, context: Context = CONTEXT):
    return PARSERS[kind](clean(cell), context).value


@pytest.mark.parametrize(
    "cell",
    [
        "2018-06-30",
        "2018/6/30",
        "2018.6.30",
        "2018年6月30日",
        "20180630",
        "43281",
        43281,
        dt.datetime(2018, 6, 30),
        "２０１８－０６－３０",
        "2018 年 6 月 30 日",
        "2018. 6. 30",
    ],
)
def test_one_day_in_every_form_of_the_office(cell):
    assert read("date", cell) == pd.Timestamp("2018-06-30")


@pytest.mark.parametrize("cell", ["18-06-30", "2018-02-30", "30/06/2018", "六月"])
def test_an_ambiguous_or_impossible_day_is_refused(cell):
    with pytest.raises(Refusal):
        read("date", cell)


@pytest.mark.parametrize(
    "cell",
    [
        "2018-06",
        "2018/6",
        "2018年6月",
        "201806",
        "2018年6月份",
        "2018 年 6 月份",
        "2018-06-15",
        dt.datetime(2018, 6, 1),
    ],
)
def test_one_month_in_every_form(cell):
    assert read("month", cell) == pd.Period("2018-06", "M")


@pytest.mark.parametrize(
    ("cell", "month"), [("2018.10", 10), ("2018.01", 1), ("2018.2", 2), (2018.9, 9), (2018.12, 12)]
)
def test_a_month_after_a_point_with_one_meaning_is_read(cell, month):
    assert read("month", cell) == pd.Period(year=2018, month=month, freq="M")


@pytest.mark.parametrize("cell", ["2018.1", 2018.1, "2018.1月"])
def test_october_that_lost_its_zero_is_not_read_as_january(cell):
    with pytest.raises(Refusal) as refusal:
        read("month", cell)

    assert "write 2018-01 or 2018-10" in refusal.value.fix


@pytest.mark.parametrize("cell", ["20186", 20186])
@pytest.mark.parametrize("kind", ["month", "date"])
def test_five_digits_with_two_readings_are_refused_with_both(kind, cell):
    with pytest.raises(Refusal) as refusal:
        read(kind, cell)

    assert "2018-06" in refusal.value.fix and "1955-04-07" in refusal.value.fix


@pytest.mark.parametrize(
    ("kind", "cell"), [("month", "29000"), ("month", "60000"), ("date", "12345"), ("date", "69999")]
)
def test_a_serial_far_from_the_office_is_refused(kind, cell):
    with pytest.raises(Refusal, match="such as 2018-06"):
        read(kind, cell)


@given(st.dates(dt.date(2000, 1, 1), dt.date(2050, 7, 1)))
def test_a_serial_of_this_century_is_its_day_and_month(day):
    serial = (day - dt.date(1899, 12, 30)).days

    assert read("date", serial) == pd.Timestamp(day)
    assert read("month", serial) == pd.Period(day, "M")


@pytest.mark.parametrize("cell", ["9999-12-31", "99991231", dt.datetime(9999, 12, 31), "9999/12/31"])
def test_the_last_day_of_all_means_no_end_and_is_noted(cell):
    parsed = PARSERS["date"](clean(cell), CONTEXT)

    assert (parsed.value, parsed.repair) == (None, "open_end")


@pytest.mark.parametrize("cell", ["0000-00-00", "00000000", "1492-01-01", "2999-12-31", "00:00:00", "0001-01-01"])
@pytest.mark.parametrize("kind", ["month", "date"])
def test_a_day_that_no_office_writes_is_refused(kind, cell):
    with pytest.raises(Refusal):
        read(kind, cell)


def test_a_day_with_its_time_is_the_day():
    assert read("date", dt.datetime(2018, 6, 30, 8, 30, 5)) == pd.Timestamp("2018-06-30")


def test_a_bare_year_is_december_and_noted():
    parsed = PARSERS["month"]("2019", CONTEXT)

    assert (parsed.value, parsed.repair) == (pd.Period("2019-12", "M"), "year_only")


@pytest.mark.parametrize(
    ("cell", "fen"),
    [
        ("3,000.00", 300000),
        ("30元", 3000),
        ("30元整", 3000),
        ("¥10.5", 1050),
        ("2.6万元", 2600000),
        ("2.6万元整", 2600000),
        (960, 96000),
    ],
)
def test_amounts_are_whole_fen(cell, fen):
    assert read("yuan", cell) == fen


def test_the_unit_of_a_column_counts():
    assert read("yuan", "3.45", Context({}, {}, "calendar", b"", {}, unit="万元")) == 3450000


def test_the_unit_in_a_cell_goes_before_that_of_the_column():
    assert read("yuan", "30元", Context({}, {}, "calendar", b"", {}, unit="万元")) == 3000


def test_a_number_is_read_with_the_fifteen_digits_that_excel_shows():
    assert read("yuan", 10.1 * 3) == 3030


@pytest.mark.parametrize("cell", ["12,34", "约10", "1.005", "--", "1 2", "12\n34", "TRUE", True, "5%"])
def test_an_amount_with_two_meanings_is_refused(cell):
    with pytest.raises(Refusal):
        read("yuan", cell)


def test_a_count_is_not_negative_but_a_correction_of_births_may_be():
    assert read("int", "-2") == -2
    with pytest.raises(Refusal, match="0 or more"):
        read("count", "-2")


def test_a_misspelt_place_offers_the_nearest():
    with pytest.raises(Refusal) as refusal:
        read("place", "鄚洲镇")

    assert "鄚州镇" in refusal.value.fix


@given(NUMBERS)
def test_the_same_person_in_every_spelling(number):
    wide, signs = "".join(chr(ord(c) + 0xFEE0) for c in number), number.replace("X", "×")
    spellings = [number, number.lower(), f" {number} ", "'" + number, f"‘{number}’", wide, signs]

    assert len({read("person", s).pseudonym for s in spellings}) == 1


@given(NUMBERS)
def test_a_pseudonym_does_not_show_the_number_and_changes_with_the_key(number):
    one, other = (read("person", number, Context({}, {}, "calendar", key, {})).pseudonym for key in (b"a", b"b"))

    assert number not in one
    assert one != other


@given(NUMBERS.filter(lambda n: n[6:8] == "19"))
def test_an_old_number_is_lifted_to_the_new_one(number):
    old = number[:6] + number[8:17]

    assert read("person", old).pseudonym == read("person", number).pseudonym


@pytest.mark.parametrize("cell", ["1.39999E+17", 1.39999196509120e17, 139999196509120000, "139999196509120001.0"])
def test_a_number_that_excel_has_cut_is_refused_with_the_way_out(cell):
    with pytest.raises(Refusal) as refusal:
        read("person", cell)

    assert "export again" in refusal.value.fix


@given(st.text(max_size=30), st.sampled_from(list(PARSERS)))
def test_any_text_is_read_or_refused(cell, kind):
    try:
        PARSERS[kind](clean(cell), CONTEXT)
    except Refusal as refusal:
        assert refusal.expected


@pytest.mark.parametrize(
    ("cell", "near"),
    [("checkup/preconception", "checkups"), ("activity/inspections", "inspection"), ("pay_in_time", "pay_on_time")],
)
def test_a_misspelt_measure_is_refused_with_the_nearest(cell, near):
    with pytest.raises(Refusal) as refused:
        PARSERS["measure"](cell, CONTEXT)

    assert near in refused.value.fix


@pytest.mark.parametrize("cell", ["plan_share/checkups/preconception", "activity/inspection", "srb", "pay_on_time"])
def test_a_measure_of_the_catalogue_is_taken(cell):
    assert cell == PARSERS["measure"](cell, CONTEXT).value


@pytest.mark.parametrize(
    ("cell", "said"),
    [(" 补查，上半年完成不少于１１５００人（含补查）：\u200b是？ ", "补查，上半年完成不少于11500人（含补查）：是？"),
     ("人数,其中男5人;\n女6人", "人数,其中男5人; 女6人"), ("plain, English (text)", "plain, English (text)"), (12.0, "12"), (None, "")],
)  # fmt: skip
def test_somebodys_words_keep_the_punctuation_they_were_written_with(cell, said):
    assert said == words(cell)

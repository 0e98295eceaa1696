"""How a column of a file becomes whole numbers, by its type in the file."""

from pathlib import Path

import duckdb
import pytest

from fpanalysis.engines.duckdb import DIALECT
from fpanalysis.engines.staging import Column, Files, expression, kind_of_type, weighed
from fpanalysis.errors import FpError


def made(value: str, column: Column):
    kind = duckdb.execute(f"SELECT typeof({value})").fetchall()[0][0]
    text = expression(column, {"c": kind, "person": kind}, dialect=DIALECT, where="f.csv")
    return duckdb.execute(f"SELECT {text} FROM (SELECT {value} AS c, {value} AS person) f").fetchall()[0][0]


@pytest.mark.parametrize("value", ["DATE '2018-06-30'", "'2018-06-30'", "TIMESTAMP '2018-06-30 10:00:00'", "17712"])
def test_a_day_is_counted_from_1970(value):
    assert 17712 == made(value, Column("c", "day"))


@pytest.mark.parametrize("value", ["DATE '2018-06-30'", "'2018-06'", "'2018-06-30'", "201806"])
def test_a_month_is_a_number(value):
    assert 201806 == made(value, Column("c", "month"))


@pytest.mark.parametrize("value", ["960", "'960'", "'960.00'", "960.0", "CAST(960 AS DECIMAL(12, 2))"])
def test_yuan_become_fen(value):
    assert 96000 == made(value, Column("c", "yuan"))


@pytest.mark.parametrize("value", ["'1958-06-30'", "19580630", "DATE '1958-06-30'"])
def test_a_date_of_birth_is_written_as_one_number(value):
    assert 19580630 == made(value, Column("c", "birth"))


def test_a_number_tells_birth_and_sex():
    assert [19491231, 2] == [
        made("'11010519491231002X'", Column("c", kind)) for kind in ("birth_in_number", "sex_in_number")
    ]


def test_persons_are_one_to_one_and_never_themselves():
    numbers = ["'110105194912310021'", "'11010519491231002X'", "'11010519491231002x'", "'110105194912310012'"]
    found = [made(number, Column("person", "person", salt=5)) for number in numbers]

    assert 3 == len(set(found))
    assert found[1] == found[2]
    assert not {int(n.strip("'Xx")) for n in numbers} & set(found)


@pytest.mark.parametrize(
    "value", ["'1101051949123100'", "''", "CAST(NULL AS VARCHAR)", "'1101051949123100AB'", "CAST(NULL AS BIGINT)"]
)
def test_what_is_no_number_is_no_person(value):
    assert made(value, Column("person", "person", salt=5)) is None


def test_types_have_one_name_in_both_dialects():
    found = [kind_of_type(t) for t in ("VARCHAR", "string", "BIGINT", "int", "DECIMAL(18,2)", "DATE", "TIMESTAMP_NS")]

    assert ["text", "text", "whole", "whole", "number", "date", "time"] == found


def test_a_missing_column_offers_the_nearest():
    with pytest.raises(FpError, match=r"f\.csv: column 'amount' is missing; did you mean 'amounts'"):
        expression(Column("amount", "yuan"), {"amounts": "INTEGER"}, dialect=DIALECT, where="f.csv")


def test_files_of_two_forms_are_refused():
    with pytest.raises(FpError, match=r"expected \.parquet or \.csv files, of one form"):
        _ = Files((Path("a.csv"), Path("b.parquet")), {}).form


def test_a_character_too_few_or_too_many_and_an_old_number_are_persons_of_their_own():
    texts = ["11010519491231002X", "1101051949123100X", "11010519491231002XX", "110105491231002", "1101O519491231002X"]
    found = [made(f"'{text}'", Column("person", "person", salt=5)) for text in texts]

    assert 5 == len({*found} - {None})


@pytest.mark.parametrize("number", [11010519491231002, 44052418800101001, 99999999999999999, 10000000000000000])
def test_a_number_is_weighed_as_the_standard_says(number):
    total = sum(int(digit) << place for place, digit in enumerate(reversed(str(number))))

    assert total % 11 == duckdb.execute(f"SELECT {weighed(str(number), 17)} % 11").fetchall()[0][0]


@pytest.mark.parametrize(
    ("kind", "whole", "text"), [("number", None, -11010519491231002), ("letters", None, "11010519491231002X")]
)
def test_only_a_text_shows_its_number(kind, whole, text):
    assert [whole, text] == [made(value, Column("c", kind)) for value in ("17", "'11010519491231002X'")]

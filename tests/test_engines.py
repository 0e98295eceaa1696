"""One text, one answer: every number of buckets, files or frames; limits end in one sentence and leave nothing behind."""

import duckdb
import pytest
from pandas.testing import assert_frame_equal
from planted import AS_OF, MONTHS, mix, rates

from fpanalysis import engines
from fpanalysis.__main__ import main
from fpanalysis.errors import FpError
from fpanalysis.reconcile import at_scale, classify

TERMS = {"months": MONTHS, "rates": rates(), "as_of": AS_OF}
NUMBERS = "CREATE TABLE {0} AS SELECT * FROM (SELECT {3} AS person, 'rural_award' AS programme, 'a' AS place, {1} FROM range({2}) t(i))"


def write(folder, kind: str, columns: str, rows: int, form: str, person: str):
    path = folder / f"{kind}.{form}"
    with duckdb.connect() as connection:
        connection.execute(NUMBERS.format(kind, columns, rows, person))
        connection.execute(f"COPY {kind} TO '{path}'")
    return path


def files(folder, rows: int = 1000, form: str = "parquet", person: str = "i") -> dict[str, list]:
    """A roll and payments of so many people, of whom every tenth was not paid."""
    start = "DATE '2015-01-01' AS start, CAST(NULL AS DATE) AS exit"
    paid = (
        "201806 AS due, CASE WHEN i % 10 = 0 THEN 0 ELSE 960 END AS amount, DATE '2018-06-20' AS paid, 'paid' AS status"
    )
    if form == "csv":
        paid = paid.replace("201806", "'2018-06'")
    return {
        kind: [write(folder, kind, columns, rows, form, person)]
        for kind, columns in (("roll", start), ("payments", paid))
    }


def test_the_classes_of_files_have_every_person_and_fen(tmp_path):
    found = at_scale(**files(tmp_path), **TERMS).set_index("class")

    assert {"matched": 900, "unpaid": 100} == found["people"].to_dict()
    assert {"matched": 0, "unpaid": 9_600_000} == (found["entitled"] - found["paid"]).to_dict()
    assert {"matched": 900, "unpaid": 100} == found["payments"].to_dict()


def test_villages_add_up_to_their_townships(tmp_path):
    given = files(tmp_path)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t AS SELECT *, 'v' || person % 7 AS village FROM '{given['roll'][0]}'")
        connection.execute(f"COPY t TO '{given['roll'][0]}'")
    villages, townships = (at_scale(**given, level=level, **TERMS) for level in ("village", "place"))
    sums = ["people", "payments", "entitled", "carried", "paid"]

    assert {f"v{n}" for n in range(7)} == set(villages["place"])
    assert_frame_equal(villages.groupby("class")[sums].sum(), townships.groupby("class")[sums].sum())


def test_villages_of_frames_stand_behind_their_townships_and_add_up():
    roll, payments, _ = mix(5)
    roll = roll.assign(village=[f"{n % 3:03d}" for n in range(len(roll))])
    villages, townships = (
        at_scale(roll=roll, payments=payments, level=level, **TERMS) for level in ("village", "place")
    )
    sums = ["people", "on_roll", "payments", "entitled", "carried", "paid"]

    assert {"a 000", "a 001", "a 002"} <= set(villages["place"])
    assert_frame_equal(villages.groupby("class")[sums].sum(), townships.groupby("class")[sums].sum())


@pytest.mark.parametrize("buckets", [2, 5])
def test_buckets_change_nothing(tmp_path, buckets):
    given = files(tmp_path)

    assert_frame_equal(at_scale(**given, **TERMS), at_scale(**given, buckets=buckets, **TERMS))


def test_parquet_and_csv_give_the_same(tmp_path):
    """Identity numbers are text in both; the date of birth in them is held against the programme's condition."""
    found = []
    for form in ("parquet", "csv"):
        given = files(
            tmp_path,
            form=form,
            person="'139999' || CAST(19500101 + i % 12 * 100 AS STRING) || LPAD(CAST(i AS STRING), 4, '1')",
        )
        found.append(at_scale(**given, **TERMS))

    assert_frame_equal(*found)
    assert {"matched": 900, "unpaid": 100} == found[0].set_index("class")["people"].to_dict()


def test_what_is_no_identity_number_is_no_key_and_a_case_of_its_own(tmp_path):
    found = at_scale(**files(tmp_path, form="csv"), **TERMS)

    assert [("no_key", 2000, 86_400_000)] == list(zip(found["class"], found["people"], found["paid"], strict=True))


def test_persons_are_written_under_a_keyed_hash_alone(tmp_path):
    at_scale(**files(tmp_path), out=tmp_path / "out", key=b"k", **TERMS)
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT * FROM '{tmp_path / 'out'}/*.parquet'").fetchdf()

    assert 1000 == rows["person"].nunique() == len(rows)
    assert rows["person"].str.fullmatch("[0-9a-f]{24}").all()
    assert {"matched", "unpaid"} == set(rows["class"])


def test_a_programme_that_params_do_not_know_is_not_lost_silently(tmp_path):
    given = files(tmp_path)
    terms = TERMS | {"rates": rates()[rates()["programme"] != "rural_award"].assign(excludes=[()] * 3)}

    with pytest.raises(FpError, match=r"1000 payment rows with 864000\.00 yuan are in no class"):
        at_scale(**given, **terms)


def test_too_little_memory_and_no_room_to_spill_is_one_sentence_and_leaves_nothing(tmp_path):
    given = files(tmp_path, 400_000)
    spill, out = tmp_path / "spill", tmp_path / "out"
    spill.mkdir()
    limits = {"memory_limit": "20MB", "disk_limit": "1MB", "temp": spill, "threads": 1, "out": out}

    with pytest.raises(FpError) as told:
        at_scale(**given, **limits, **TERMS)

    assert "\n" not in str(told.value) and ("memory limit" in str(told.value) or "room on disk" in str(told.value))
    assert {"roll.parquet", "payments.parquet", "spill"} == {p.name for p in tmp_path.iterdir()}
    assert not list(spill.iterdir())


def test_an_existing_folder_is_not_written_into(tmp_path):
    with pytest.raises(FpError, match="exists: name a folder that does not"):
        at_scale(**files(tmp_path), out=tmp_path, **TERMS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("SELECT * EXCLUDE due FROM t", "column 'due' is missing"),
        ("SELECT * REPLACE ('soon' AS paid) FROM t", "a cell cannot be read"),
        ("SELECT * REPLACE ('perhaps' AS status) FROM t", "column status: expected paid, returned"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, change, words):
    given = files(tmp_path)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t AS SELECT * FROM '{given['payments'][0]}'")
        connection.execute(f"COPY ({change}) TO '{given['payments'][0]}'")

    with pytest.raises(FpError, match=words):
        at_scale(**given, **TERMS)


def test_an_unknown_engine_offers_the_nearest():
    with pytest.raises(FpError, match="engine 'dusk' does not exist; did you mean 'dask'"):
        engines.run("SELECT 1", {}, {}, engine="dusk")


def test_frames_in_buckets_give_every_row(tmp_path):
    roll, payments, _ = mix(5)

    assert_frame_equal(classify(roll, payments, **TERMS), classify(roll, payments, buckets=3, **TERMS))


def test_the_command_reads_office_files_and_writes_a_statement(home, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(home)
    day = home / "data" / "raw" / "renqiu" / "2018-07-06"
    given = [
        "--roll",
        f"{day / 'roll.csv'}",
        "--payments",
        f"{day / 'payments.2018H1.csv'}",
        "--out",
        f"{tmp_path / 'found'}",
    ]

    assert 0 == main(["reconcile", "renqiu", "2018H1", *given, "--as-of", "2018-07-18"])
    assert "internal" in capsys.readouterr().out
    assert {"statement.csv", "classes"} == {path.name for path in (tmp_path / "found").iterdir()}
    assert 2 == main(["reconcile", "renqiu", "2018H1", *given])
    assert "exists: name a folder that does not" in capsys.readouterr().err

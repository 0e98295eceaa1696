"""Which columns files of rolls and payments need, and how persons leave them."""

from fpanalysis.formulation import TABLES
from fpanalysis.sources import names, roll_and_payments, words, written


def test_the_files_give_every_column_of_the_text():
    found = roll_and_payments(["r.csv"], ["p.csv"], programmes={"a": 0}, places={"b": 0}, key=b"k")

    assert set(TABLES["roll"]) == set(found["roll"].columns)
    assert set(TABLES["payments"]) == set(found["payments"].columns)
    assert set(TABLES["near"]) == set(found["near"].columns)


def test_another_key_gives_other_persons():
    salts = {
        roll_and_payments([], [], programmes={}, places={}, key=key)["roll"].columns["person"].salt
        for key in (b"a", b"b")
    }

    assert 2 == len(salts)


def test_classes_are_numbered_from_one_and_places_from_nought():
    found = names(["p"], ["a", "b"], ["matched"])

    assert [[0], [0, 1], [1]] == [frame["code"].tolist() for frame in found.values()]


def test_what_is_written_holds_no_person_but_its_hash():
    text = written(b"k")

    assert 1 == text.count("person") - text.count("AS person")
    assert "SHA256" in text


def test_one_column_of_files_as_it_stands():
    assert ["place"] == list(words(["r.parquet"], "place").columns)

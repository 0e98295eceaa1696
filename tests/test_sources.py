"""Which columns files of rolls and payments need, and how persons leave them."""

import pandas as pd

from fpanalysis.formulation import TABLES
from fpanalysis.sources import kin, meanings, names, near, renamed, roll_and_payments, words, written


def test_the_files_give_every_column_of_the_text():
    found = roll_and_payments(["r.csv"], ["p.csv"], programmes={"a": 0}, places={"b": 0}, key=b"k")

    assert set(TABLES["roll"]) == set(found["roll"].columns)
    assert set(TABLES["payments"]) == set(found["payments"].columns)


def test_whom_numbers_may_mean_gives_every_column_of_the_text():
    claims = near(pd.DataFrame({"programme": [0], "due": [5], "written": ["11010519491231003X"]}))
    made = meanings(claims, renamed(["110105491231002"]), key=b"k")

    assert all(set(TABLES[name]) == set(made[name].columns) for name in ("near", "renamed"))
    assert "11010519491231002X" in claims["near"].tolist()


def test_old_numbers_are_lifted_unless_their_date_is_wrong():
    made = renamed(["110105491231002", "110105491331002"])

    assert [("110105491231002", "11010519491231002X")] == list(made.itertuples(index=False, name=None))


def test_who_claims_each_other_is_put_under_one_head():
    made = kin(pd.DataFrame({"person": [1, 2, 7], "near": [3, 3, 8]})).set_index("person")["head"]

    assert {1: 1, 2: 1, 3: 1, 7: 7, 8: 7} == made.to_dict()


def test_only_what_a_condition_asks_is_made():
    columns = roll_and_payments(["r.csv"], [], programmes={}, places={}, key=b"k", asked=["birth"])["roll"].columns

    assert ["person", ""] == [columns["birth"].instead.source, columns["sex"].source]


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
    columns = words(["r.parquet"], "village", "place").columns

    assert {"place": "village"} == {name: column.source for name, column in columns.items()}

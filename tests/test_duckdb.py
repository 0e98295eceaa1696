"""The engine in this process: limits, the folder it spills into, and errors as sentences."""

import pandas as pd
import pytest

from fpanalysis.engines import run
from fpanalysis.engines.duckdb import connected, one_sentence, whole
from fpanalysis.errors import FpError

ROWS = pd.DataFrame({"person": [1, 2, 3, None], "fen": [10, 20, 30, 40]})
SUM = {"sum": "SELECT CAST(SUM(fen) AS BIGINT) AS fen FROM found"}


@pytest.mark.parametrize("buckets", [1, 3])
def test_every_row_is_in_one_bucket(buckets):
    found = run("SELECT * FROM rows_", {"rows_": ROWS}, SUM, buckets=buckets)["sum"]

    assert 100 == found["fen"].sum()
    assert buckets == len(found)


def test_the_folder_to_spill_into_goes_away(tmp_path):
    with connected(temp=tmp_path) as connection:
        connection.execute("SELECT 1")

        assert 1 == len(list(tmp_path.iterdir()))

    assert not list(tmp_path.iterdir())


def test_what_fails_half_way_leaves_no_folder(tmp_path):
    with pytest.raises(ZeroDivisionError), whole(tmp_path / "new" / "out") as folder:
        (folder / "part0000.parquet").write_bytes(b"half")
        raise ZeroDivisionError

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("Out of Memory Error: could not allocate", "the memory limit of 2GB is too small"),
        ("Out of Memory Error: max_temp_directory_size was reached", "there is too little room on disk"),
        ("IO Error: No space left on device", "there is too little room on disk"),
        ("Conversion Error: invalid date 'soon' LINE 1: SELECT", "a cell cannot be read: invalid date 'soon'"),
        ("Invalid Input Error: no Parquet file", "the files cannot be read: Invalid Input Error: no Parquet file"),
    ],
)
def test_an_error_is_a_sentence_with_a_remedy(error, words):
    assert one_sentence(Exception(error), "2GB").startswith(words)


def test_a_text_that_is_wrong_is_refused():
    with pytest.raises(FpError, match="the files cannot be read"):
        run("SELECT nothing FROM rows_", {"rows_": ROWS}, SUM)

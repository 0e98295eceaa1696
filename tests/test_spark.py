"""Spark SQL runs the same text: every row of every class is that of DuckDB, from frames and from files."""

import pytest
from pandas.testing import assert_frame_equal
from planted import AS_OF, MONTHS, mix, rates
from test_engines import files

from fpanalysis.engines.spark import steps
from fpanalysis.reconcile import at_scale, classify, formulated

TERMS = {"months": MONTHS, "rates": rates(), "as_of": AS_OF}


def test_the_steps_of_the_text_are_its_own():
    text, _ = formulated(rates(), MONTHS, AS_OF)
    found = steps(text)
    again = ",\n".join(f"{name} AS ({step})" for name, step in found[:-1])

    assert "".join(text.split()) == "".join(f"WITH {again}{found[-1][1]}".split())
    assert ["tally", "found"] == [found[0][0], found[-1][0]]


@pytest.fixture(scope="module")
def session():
    """A session that does not compile its plans: tiny tables are done in a tenth of the time."""
    sql = pytest.importorskip("pyspark.sql")
    builder = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    quick = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN",
             "spark.sql.shuffle.partitions": "1", "spark.sql.adaptive.enabled": "false"}  # fmt: skip
    for name, value in quick.items():
        builder = builder.config(name, value)
    started = builder.getOrCreate()
    yield started
    started.stop()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # pyspark's own
def test_every_row_is_that_of_duckdb(session):
    roll, payments, _ = mix(7, most=12)

    assert_frame_equal(classify(roll, payments, **TERMS), classify(roll, payments, engine="spark", **TERMS))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_files_give_the_same_totals(session, tmp_path):
    given = files(tmp_path, 500)
    found = at_scale(**given, engine="spark", out=tmp_path / "out", **TERMS)

    assert_frame_equal(at_scale(**given, **TERMS), found)
    assert all(part.name.startswith("part0") for part in (tmp_path / "out").iterdir())

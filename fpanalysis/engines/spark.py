"""Spark SQL, for data that live in a cluster: the same text, on the session of the cluster or of this machine.

Tables go in and answers come out as Parquet files or small frames; Java and `pyspark` are needed here alone. Persons
are mixed with the key of the run by a hash of 64 bits (of ten million persons, two fall together once in 400,000 runs).
"""

from __future__ import annotations

import functools
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import FpError
from .duckdb import whole
from .staging import FEW, Ask, Dialect, Files, Table, expression, kind_of_type

__all__ = ["opened", "steps"]

DIALECT = Dialect(
    days="unix_date({0})",
    error="raise_error('{0}')",
    quote="`",
    mask="NULLIF(xxhash64({0}, {1}L), xxhash64(CAST(NULL AS BIGINT), {1}L))",
    mask_text="xxhash64({0}, {1}L)",
)


@contextmanager
def opened(*, address: str = "", memory_limit: str = "", **limits: Any) -> Iterator[Ask]:
    """Yield what asks Spark; see `engines.opened`. `address`: `host:port` of a master, "" for this machine.

    Spark keeps limits of its own: of `limits` only the memory of the driver is heeded.
    """
    with _session(address, memory_limit) as spark:
        yield functools.partial(_ask, spark)


def _ask(
    spark: Any,
    text: str,
    tables: Mapping[str, Table],
    questions: Mapping[str, str],
    *,
    out: Path | None = None,
    written: str = "SELECT * FROM found",
    buckets: int = 1,
) -> dict[str, pd.DataFrame]:
    """Return the answer to each question; Spark parts the rows by itself."""
    with whole(out) as folder, _folder() as scratch:
        try:
            for name, table in tables.items():
                _define(spark, name, table, scratch)
            for name, step in steps(text):
                made = spark.sql(step)
                (
                    made.cache() if name == "found" or len(re.findall(rf"\b{name}\b", text)) > 2 else made
                ).createOrReplaceTempView(name)
            if folder:
                spark.sql(written.replace("SHA256(", "SHA2_OF(")).write.mode("overwrite").parquet(str(folder / "parts"))
                _flatten(folder)
            return {name: _frame(spark.sql(question)) for name, question in questions.items()}
        except Exception as error:
            if isinstance(error, FpError) or type(error).__module__.split(".")[0] not in ("pyspark", "py4j"):
                raise
            raise FpError(f"Spark could not finish: {' '.join(str(error).split())[:200]}") from None
        finally:
            spark.catalog.clearCache()


def steps(text: str) -> list[tuple[str, str]]:
    """Return the steps of `WITH a AS (...), b AS (...) SELECT ...` by name, the last one named `found`.

    Spark would work a step out anew wherever it is read; made one after the other, what is read often is kept.
    """
    found, rest = [], text.strip().removeprefix("WITH ")
    while head := re.match(r"\s*,?\s*(\w+) AS \(", rest):
        depth, at = 1, head.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(rest[at], 0)
            at += 1
        found.append((head[1], rest[head.end() : at - 1]))
        rest = rest[at:]
    return [*found, ("found", rest)]


def _define(spark: Any, name: str, table: Table, scratch: Path) -> None:
    """Make a table readable under its name."""
    if not isinstance(table, Files):
        _from_frame(spark, table, scratch / f"{name}.parquet").createOrReplaceTempView(name)
        return
    paths = [str(path) for path in table.paths]
    if table.form == "frame":
        read = _from_frame(spark, table.frame, scratch / f"{name}_rows.parquet")
    else:
        read = spark.read.parquet(*paths) if table.form == "parquet" else spark.read.option("header", True).csv(paths)
    types = dict(read.dtypes)
    made = [f"{expression(c, types, dialect=DIALECT, where=table.name)} AS {n}" for n, c in table.columns.items()]
    read.createOrReplaceTempView(f"{name}_file")
    joins = ""
    for column, words in table.joined.items():
        heading = table.columns[column].source
        if kind_of_type(types.get(heading, "int")) == "text" and len(table.columns[column].codes) > FEW:
            _from_frame(spark, words, scratch / f"{name}_{heading}.parquet").createOrReplaceTempView(
                f"{name}_{heading}_codes"
            )
            joins += f" LEFT JOIN {name}_{heading}_codes AS {heading}_codes ON f.`{heading}` = {heading}_codes.word"
    spark.sql(f"SELECT {', '.join(made)} FROM {name}_file f{joins}").createOrReplaceTempView(name)


def _from_frame(spark: Any, frame: pd.DataFrame, path: Path) -> Any:
    """Return a frame as a table of Spark, by way of a Parquet file (which keeps whole numbers with gaps whole)."""
    import duckdb

    connection = duckdb.connect()
    connection.register("given", frame)
    connection.execute(f"COPY given TO '{path}' (FORMAT parquet)")
    connection.close()
    return spark.read.parquet(str(path))


def _frame(answer: Any) -> pd.DataFrame:
    """Return an answer as a frame with the types that DuckDB gives."""
    kinds = dict(answer.dtypes)
    made = pd.DataFrame([tuple(row) for row in answer.collect()], columns=answer.columns)
    whole_numbers = [name for name, kind in kinds.items() if kind_of_type(kind) == "whole"]
    return made.astype({name: "float64" if made[name].isna().any() else "int64" for name in whole_numbers})


def _flatten(folder: Path) -> None:
    """Move Spark's parts up into the folder, named as the other engines name them."""
    for n, part in enumerate(sorted((folder / "parts").glob("part-*.parquet"))):
        part.rename(folder / f"part{n:04d}.parquet")
    shutil.rmtree(folder / "parts")


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fpanalysis-") as name:
        yield Path(name)


@contextmanager
def _session(address: str, memory_limit: str) -> Iterator[Any]:
    """Yield a session, the running one if there is one. Raises FpError without Java or pyspark."""
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise FpError("the engine spark is not installed: pip install 'fpanalysis[spark]'") from None
    running = SparkSession.getActiveSession()
    if shutil.which("java") is None and running is None:
        raise FpError("the engine spark needs Java 17 or later, which is not on this machine")
    builder = SparkSession.builder.appName("fpanalysis").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.shuffle.partitions", "2" if not address else "200").config(
        "spark.sql.session.timeZone", "UTC"
    )
    if memory_limit:
        builder = builder.config("spark.driver.memory", memory_limit.lower().removesuffix("b"))
    session = running or builder.master(f"spark://{address}" if address else "local[*]").getOrCreate()
    session.sql("CREATE OR REPLACE TEMPORARY FUNCTION SHA2_OF(x STRING) RETURNS STRING RETURN SHA2(x, 256)")
    try:
        yield session
    finally:
        if running is None:
            session.stop()

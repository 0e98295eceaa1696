"""Where a SQL text runs: DuckDB in this process, DuckDB on the workers of a Dask cluster, or Spark; the answer is one.

One contract, three members. An engine is opened and then asked: it takes a text, the tables that it reads, and
questions to its answer (which they call `found`), and returns the answers to these; rows about persons leave it only
into a file that was asked for.

The text is the same for all (portable SQL over whole numbers), and looks at one person at a time, so that it may run on
one hash bucket of the persons after another: answers of buckets come back one below the other, and the caller adds up.

`ENGINES` has each member by the word that names it: `duckdb`, `dask://` (a cluster of this machine) or
`dask://host:port`, `spark` or `spark://host:port`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import FpError, did_you_mean
from . import dask, duckdb, spark
from .staging import Ask, Files, Table

__all__ = ["ENGINES", "Ask", "Files", "Table", "opened", "run"]


def opened(engine: str = "duckdb", **limits: Any) -> AbstractContextManager[Ask]:
    """Return the context of an engine that may be asked several times: `run` without engine and limits, save `buckets`.

    `limits`: `memory_limit` ("2GB"), `threads`, `temp` (folder to spill into), `disk_limit`, `buckets`. Raises FpError
    in one sentence when an engine is unknown or not installed.
    """
    name, _, address = engine.partition("://")
    if name not in ENGINES:
        raise FpError(f"engine {engine!r} does not exist{did_you_mean(name, ENGINES)}")
    return ENGINES[name](address=address, **limits)


def run(
    text: str,
    tables: Mapping[str, Table],
    questions: Mapping[str, str],
    *,
    engine: str = "duckdb",
    out: Path | None = None,
    **limits: Any,
) -> dict[str, pd.DataFrame]:
    """Return the answer to each question, a frame.

    `tables`: a frame or `Files` by name. `questions`: a SQL text by name that reads `found`, the answer of `text`.
    `out`: folder to write `found` into as Parquet; it is there whole or not at all. `limits`: of `opened`. Raises
    FpError in one sentence when memory or disk do not suffice or a file cannot be read.
    """
    with opened(engine, **limits) as ask:
        return ask(text, tables, questions, out=out)


ENGINES: Mapping[str, Callable[..., AbstractContextManager[Ask]]] = {
    "duckdb": duckdb.opened,
    "dask": dask.opened,
    "spark": spark.opened,
}
"""Every engine by its name; a new one is one file with an `opened` of this contract."""

"""DuckDB in this process: the engine of every report, and of ten million rows on a laptop.

What does not fit into `memory_limit` is written into a folder that goes away with the run; persons stand there under a
number that was mixed with a random key as they were read. Threads may add up in any order; all sums are of whole
numbers, so that the answer is the same to the last fen.
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import FpError
from .staging import Ask, Dialect, Files, Table, expression, kind_of_type

__all__ = ["connected", "define", "one_sentence", "opened"]

DIALECT = Dialect(
    days="CAST({} - DATE '1970-01-01' AS INTEGER)",
    error="error('{}')",
    quote='"',
    mask="NULLIF(hash(xor({}, {})), hash(CAST(NULL AS BIGINT)))",
    mask_text="hash(CONCAT({0}, '{1}'))",
)

SMALL = 1000
"""Frames of so many rows become tables, whose least and largest numbers DuckDB knows: it joins them by position."""

LEAST_THREADS = 4
"""DuckDB parts the groups of a group-by by its threads; below three the parts outgrow the processor's cache, and ten
million persons take twice the time and half as much memory again, on two processors too."""


@contextmanager
def opened(*, address: str = "", buckets: int = 1, **limits: Any) -> Iterator[Ask]:
    """Yield what asks DuckDB; see `engines.opened`. `limits`: of `connected`."""
    with connected(**limits) as connection:
        yield functools.partial(_ask, connection, buckets=buckets)


def _ask(
    connection: Any,
    text: str,
    tables: Mapping[str, Table],
    questions: Mapping[str, str],
    *,
    out: Path | None = None,
    written: str = "SELECT * FROM found",
    buckets: int = 1,
) -> dict[str, pd.DataFrame]:
    """Return the answer to each question. `written`: what of `found` goes into `out`."""
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in questions}
    with whole(out) as folder:
        for bucket in range(buckets):
            file = folder / f"part{bucket:04d}.parquet" if folder else None
            found = answers(connection, text, tables, questions, bucket, buckets, file, written)
            for name, answer in found.items():
                parts[name].append(answer)
    return {name: pd.concat(found, ignore_index=True) if len(found) > 1 else found[0] for name, found in parts.items()}


def answers(
    connection: Any,
    text: str,
    tables: Mapping[str, Table],
    questions: Mapping[str, str],
    bucket: int,
    buckets: int,
    file: Path | None,
    written: str,
) -> dict[str, pd.DataFrame]:
    """Return the answers for one bucket of the persons, its rows written into a file when one is named.

    What is made for them goes away with the cursor. An answer that is read once is not kept, nor parsed twice.
    """
    with connection.cursor() as cursor:
        for name, table in sorted(tables.items(), key=lambda item: item[0] != "kin"):
            if buckets > 1 or name != "kin":
                define(cursor, name, table, bucket, buckets, kin="kin" in tables)
        asked = [name for name, question in questions.items() if "found" in question]
        once = f"WITH found AS ({text}) " if len(asked) == 1 and not file else ""
        if not once:
            cursor.execute(f"CREATE TEMP TABLE found AS {text}")
        if file:
            cursor.execute(f"COPY ({written}) TO '{_quoted(file)}' (FORMAT parquet, COMPRESSION zstd)")
        texts = {name: once * (name in asked) + question for name, question in questions.items()}
        return {name: cursor.execute(question).fetchdf() for name, question in texts.items()}


def define(connection: Any, name: str, table: Table, bucket: int = 0, buckets: int = 1, *, kin: bool = False) -> None:
    """Make a table readable under its name, of persons only those of a bucket (rows without: the first).

    `kin`: whether a table of that name says who is put where someone else is (person, head).
    """
    if not isinstance(table, Files):
        connection.register(f"{name}_frame", table)
        source = f"SELECT * FROM {name}_frame"
        kept = len(table) <= SMALL
    else:
        reader = _reader(connection, name, table)
        types = {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()}
        made = [f"{expression(c, types, dialect=DIALECT, where=table.name)} AS {n}" for n, c in table.columns.items()]
        source = f"SELECT {', '.join(made)} FROM {reader} f"
        for column, words in table.joined.items():
            heading = table.columns[column].source
            if kind_of_type(types.get(heading, "INTEGER")) == "text":
                connection.register(f"{name}_{heading}_codes", words)
                source += (
                    f' LEFT JOIN {name}_{heading}_codes AS {heading}_codes ON f."{heading}" = {heading}_codes.word'
                )
        kept = table.often and kind_of_type(types.get("person", "")) == "text"
    columns = table.columns if isinstance(table, Files) else table.columns.tolist()
    if buckets > 1 and "person" in columns and name != "kin":
        head = "COALESCE(k.head, s.person)" if kin else "s.person"
        joined = "LEFT JOIN kin k ON s.person = k.person" if kin else ""
        source = f"SELECT s.* FROM ({source}) s {joined} WHERE COALESCE(hash({head}) % {buckets}, 0) = {bucket}"
    connection.execute(f"CREATE TEMP {'TABLE' if kept else 'VIEW'} {name} AS {source}")


def _reader(connection: Any, name: str, table: Files) -> str:
    """Return what stands behind FROM to read a table as it is."""
    if table.form == "frame":
        connection.register(f"{name}_frame", table.frame)
        return f"{name}_frame"
    listed = ", ".join(f"'{_quoted(path)}'" for path in table.paths)
    if table.form == "parquet":
        return f"read_parquet([{listed}], union_by_name = true)"
    return f"read_csv([{listed}], header = true, all_varchar = true, union_by_name = true, strict_mode = true)"


@contextmanager
def connected(
    *, memory_limit: str = "", threads: int = 0, temp: Path | None = None, disk_limit: str = ""
) -> Iterator[Any]:
    """Yield a connection with its limits and a spill folder that goes away; errors come out as one FpError sentence."""
    import duckdb

    folder = Path(tempfile.mkdtemp(prefix="fpanalysis-", dir=temp))
    wanted = {"temp_directory": str(folder), "preserve_insertion_order": False}
    wanted |= {"memory_limit": memory_limit} if memory_limit else {}
    wanted |= {"threads": threads or max(LEAST_THREADS, os.cpu_count() or 1)}
    wanted |= {"max_temp_directory_size": disk_limit} if disk_limit else {}
    try:
        connection = duckdb.connect(config=wanted)
        try:
            yield connection
        finally:
            connection.close()
    except duckdb.Error as error:
        raise FpError(one_sentence(error, memory_limit)) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def one_sentence(error: Exception, memory_limit: str = "") -> str:
    """Return what a reader can do about an error of DuckDB."""
    first = " ".join(str(error).split())
    if "disk" in first.lower() or "max_temp_directory_size" in first or "No space left" in first:
        return "there is too little room on disk for what does not fit into memory: free some, or name --temp"
    if "memory" in first.lower():
        limit = f" of {memory_limit}" if memory_limit else ""
        return f"the memory limit{limit} is too small for these rows: raise --memory-limit, or split with --buckets 8"
    if "Conversion Error" in first or "Could not convert" in first:
        return f"a cell cannot be read: {first.partition('LINE')[0].removeprefix('Conversion Error: ').strip()}"
    return f"the files cannot be read: {first.partition('LINE')[0].strip()}"


@contextmanager
def whole(out: Path | None) -> Iterator[Path | None]:
    """Yield a folder that becomes `out` when all went well, and goes away when not; None for no `out`."""
    if out is None:
        yield None
        return
    if out.exists():
        raise FpError(f"{out.name}/ exists: name a folder that does not")
    new = not out.parent.exists()
    out.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        yield made
        made.replace(out)
    finally:
        shutil.rmtree(made, ignore_errors=True)
        if new and not out.exists():
            out.parent.rmdir()


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")

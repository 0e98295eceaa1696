"""DuckDB on the workers of a Dask cluster: one hash bucket of the persons a task, on this machine or on many.

A task reads the files itself (all workers must see them), looks at its persons only, and gives back sums; a task that
is lost with its worker is done again elsewhere and gives the same. Rows about persons go from a worker into the file
that was asked for, under another name until they are whole, and nowhere else.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import FpError
from .duckdb import answers, connected, whole
from .staging import Ask, Table

__all__ = ["opened"]

BUCKETS = 8


@contextmanager
def opened(*, address: str = "", buckets: int = BUCKETS, **limits: Any) -> Iterator[Ask]:
    """Yield what asks a cluster; see `engines.opened`. `address`: `host:port` of a scheduler, "" for a cluster of this
    machine that ends with the context. `limits` hold for each task."""
    with _client(address) as client:
        yield functools.partial(_ask, client, limits, alone=not address, buckets=buckets)


def _ask(
    client: Any,
    limits: Mapping[str, Any],
    text: str,
    tables: Mapping[str, Table],
    questions: Mapping[str, str],
    *,
    out: Path | None = None,
    written: str = "SELECT * FROM found",
    alone: bool = False,
    buckets: int = BUCKETS,
) -> dict[str, pd.DataFrame]:
    """Return the answer to each question. `alone`: the cluster is of this machine, and its workers stay."""
    with whole(out) as folder:
        given = client.scatter(dict(tables), hash=False) if alone else dict(tables)
        tasks = [
            client.submit(_bucket, text, given, dict(questions), bucket, buckets, folder, written, limits, pure=False)
            for bucket in range(buckets)
        ]
        try:
            parts = client.gather(tasks)
        except FpError:
            raise
        except Exception as error:
            raise FpError(f"the cluster could not finish: {' '.join(str(error).split())[:200]}") from None
    return {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in questions}


def _bucket(
    text: str,
    tables: Mapping[str, Table],
    questions: Mapping[str, str],
    bucket: int,
    buckets: int,
    folder: Path | None,
    written: str,
    limits: Mapping[str, Any],
) -> dict[str, pd.DataFrame]:
    """Return the answers for one bucket; runs on a worker, and may run twice."""
    file = folder / f".{bucket:04d}-{uuid.uuid4().hex}" if folder else None
    with connected(**{"threads": 1, **limits}) as connection:
        found = answers(connection, text, tables, questions, bucket, buckets, file, written)
    if file:
        file.replace(folder / f"part{bucket:04d}.parquet")
    return found


@contextmanager
def _client(address: str) -> Iterator[Any]:
    """Yield a client of the cluster at an address, or of one of this machine. Raises FpError when there is none."""
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise FpError("the engine dask is not installed: pip install 'fpanalysis[cluster]'") from None
    if not address:
        with LocalCluster(threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster) as client:
            yield client
        return
    try:
        client = Client(f"tcp://{address}", timeout=10)
    except (OSError, TimeoutError, ValueError) as error:
        raise FpError(f"no Dask scheduler answers at dask://{address}: {' '.join(str(error).split())[:120]}") from None
    with client:
        yield client

"""DuckDB on Dask workers: the answer of one process, also when a worker is killed, and without the rows of anybody."""

import os
import signal
import threading

import pytest
from pandas.testing import assert_frame_equal
from planted import AS_OF, MONTHS, mix, rates
from test_engines import files

from fpanalysis.errors import FpError
from fpanalysis.reconcile import at_scale, classify

TERMS = {"months": MONTHS, "rates": rates(), "as_of": AS_OF}


@pytest.fixture(scope="module")
def cluster():
    """Two workers in this process: quick to start; workers of their own are tried in the slow tests."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as started:
        yield started


def address(started) -> str:
    return "dask://" + started.scheduler_address.partition("://")[2]


@pytest.fixture(scope="module")
def processes():
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as started:
        yield started


@pytest.mark.slow
def test_every_row_is_that_of_one_process(processes):
    roll, payments, _ = mix(7, most=12)

    assert_frame_equal(classify(roll, payments, **TERMS), classify(roll, payments, engine=address(processes), **TERMS))


@pytest.mark.slow
def test_files_give_the_same_totals_and_rows(processes, tmp_path):
    given = files(tmp_path, 5000)
    found = at_scale(**given, engine=address(processes), buckets=3, out=tmp_path / "out", **TERMS)

    assert_frame_equal(at_scale(**given, **TERMS), found)
    assert ["part0000.parquet", "part0001.parquet", "part0002.parquet"] == sorted(
        p.name for p in (tmp_path / "out").iterdir()
    )


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(tmp_path):
    from distributed import LocalCluster

    given = files(tmp_path, 300_000)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as started:
        victim = next(iter(started.workers.values())).pid
        killed = threading.Timer(1.0, os.kill, (victim, signal.SIGKILL))
        killed.start()
        found = at_scale(**given, engine=address(started), buckets=12, out=tmp_path / "out", **TERMS)
        killed.join()

    assert_frame_equal(at_scale(**given, **TERMS), found)
    assert 12 == len(list((tmp_path / "out").iterdir()))


def test_no_scheduler_is_one_sentence(tmp_path):
    with pytest.raises(FpError, match="no Dask scheduler answers at dask://127.0.0.1:9"):
        classify(*mix(1)[:2], engine="dask://127.0.0.1:9", **TERMS)

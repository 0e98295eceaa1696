"""One run at a time, whole texts, and one sentence for a disk that is full or may not be written to."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from fpanalysis.errors import BusyError, StorageError
from fpanalysis.locks import is_held, locked, replace_text, storage, synced

HOLDER = """
import sys, time
from pathlib import Path
from fpanalysis.locks import locked
with locked(Path(sys.argv[1]), wait=0):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds a lock, and the lock."""
    path = tmp_path / ".locks" / "renqiu.lock"
    other = subprocess.Popen([sys.executable, "-c", textwrap.dedent(HOLDER), str(path)], stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"held\n"
    yield other, path
    other.kill()
    other.wait()
    other.stdout.close()


def test_a_second_run_is_refused_with_the_name_of_the_place(holder):
    sentence = "another run works on renqiu and did not end within 0 seconds; try again"
    with pytest.raises(BusyError, match=sentence), locked(holder[1], wait=0):
        pass


def test_a_second_run_waits_and_says_so(holder):
    other, path = holder
    heard = []

    def say(text):
        heard.append(text)
        other.kill()

    with locked(path, wait=30, say=say):
        pass
    assert heard == ["another run works on renqiu; waiting for it"]


def test_a_killed_run_holds_nothing(holder):
    other, path = holder
    os.kill(other.pid, signal.SIGKILL)
    other.wait()

    with locked(path, wait=5):
        assert path.is_file()


def test_whether_a_run_is_at_work_is_told_without_holding_it_up(holder):
    other, path = holder
    assert is_held(path)
    other.kill()
    other.wait()

    assert not is_held(path)
    assert not is_held(path.with_name("never.lock"))
    path.with_name("drive.held").touch()
    assert is_held(path.with_name("drive.lock"))


def test_a_lock_is_free_after_a_failure(tmp_path):
    path = tmp_path / ".locks" / "x.lock"
    with pytest.raises(ZeroDivisionError), locked(path, wait=0):
        raise ZeroDivisionError

    started = time.monotonic()
    with locked(path, wait=30):
        assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("code", "sentence"), [(errno.ENOSPC, "is full; free some space"), (errno.EROFS, "cannot be written to")]
)
def test_a_disk_that_takes_nothing_is_one_sentence(tmp_path, code, sentence):
    with pytest.raises(StorageError, match=sentence), storage(tmp_path):
        raise OSError(code, os.strerror(code), str(tmp_path / "x"))


def test_other_faults_of_the_system_stay_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError), storage(tmp_path):
        (tmp_path / "nothing").read_text()


def test_a_text_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "state.json"
    for text in ("old", "new"):
        replace_text(path, text)

    assert [path.read_text(), [p.name for p in tmp_path.iterdir()]] == ["new", ["state.json"]]


def test_what_is_synced_is_unchanged(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"1")
    synced(tmp_path)

    assert (tmp_path / "a" / "b").read_bytes() == b"1"

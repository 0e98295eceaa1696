"""Runs that are killed, disks that are full or sealed, two runs at a time: a reader sees a whole release or none.

The kills are at random moments with a fixed seed; the finished release must be, byte for byte, that of a run that
nothing disturbed.
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from conftest import copy_project

from fpanalysis import ledger
from fpanalysis.errors import StorageError
from fpanalysis.paths import Home
from fpanalysis.pipeline import run_report

DAY = "2018-07-20"
KILLS = 50


def start(home: Path, *words: str) -> subprocess.Popen[bytes]:
    environment = {k: v for k, v in os.environ.items() if k not in ("FPANALYSIS_OUTPUTS", "FPANALYSIS_WORK")}
    return subprocess.Popen(
        [sys.executable, "-m", "fpanalysis", *words],
        env={**environment, "FPANALYSIS_HOME": str(home)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip


def kill(run: subprocess.Popen[bytes]) -> None:
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()


def content(home: Path) -> dict[str, str]:
    """Hashes of everything that a reader sees."""
    outputs = home / "outputs"
    files = [p for p in outputs.rglob("*") if p.is_file() and not any(part.startswith(".") for part in p.parts[-8:])]
    names = {p.relative_to(outputs).as_posix(): p for p in files}
    return {n: hashlib.sha256(p.read_bytes()).hexdigest() for n, p in names.items()
            if n != "ledger.jsonl" and "/failed/" not in n and "/latest/" not in n}  # fmt: skip


def whole(home: Path) -> bool:
    """Whether every release that can be seen is complete by its own manifest."""
    for folder in (home / "outputs").glob("[a-z]*/*/r*"):
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - {"manifest.json"}
        if files != set(manifest["outputs"]):
            return False
    return True


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups (POSIX)")
@pytest.mark.parametrize(
    "words", [("run", "demo", "S2018H1", "--jobs", "2"), ("run", "--all", "--due", "--today", DAY)]
)
def test_fifty_kills_change_nothing(tmp_path, words):
    calm, stormy = (copy_project(tmp_path / name, "demo") for name in ("calm", "stormy"))
    started = time.monotonic()
    start(calm, *words).communicate()
    length, wanted = time.monotonic() - started, content(calm)
    rng = random.Random(20180630)
    rounds = 0
    for _ in range(KILLS):
        run = start(stormy, *words)
        try:
            run.communicate(timeout=rng.uniform(0.05, 0.6) * length)
        except subprocess.TimeoutExpired:
            kill(run)
        assert whole(stormy)
        if content(stormy) == wanted:
            rounds += 1
            subprocess.run(["rm", "-rf", str(stormy / "outputs")], check=True)
    run = start(stormy, *words)
    said = run.communicate()[0].decode()

    assert run.returncode == 0, said
    assert content(stormy) == wanted
    assert rounds < KILLS / 2, "the kills came too late to disturb anything"
    if "--due" in words:
        assert {e.event for e in ledger.last_events(ledger.read(Home(stormy).ledger)).values()} == {"done"}


def status(home: Path) -> str:
    """What `fpanalysis status` says, in one line; it is no failure of its own."""
    asked = start(home, "status", "--today", DAY)
    said = asked.communicate()[0].decode()
    assert asked.returncode == 0, said
    return " ".join(said.split())


@contextmanager
def disk(folder: Path, *options: str):
    """A small disk of its own."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("needs the right to mount a small disk (root), to fill it or seal it")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs (Linux)")
def test_a_full_disk_is_one_sentence_and_the_next_run_goes_on(tmp_path):
    home = copy_project(tmp_path / "project", "demo")
    with disk(home / "outputs", "size=400k"):
        run = start(home, "run", "demo", "S2018H1")
        said = run.communicate()[0].decode()

        assert run.returncode == 1, said
        assert ("is full; free some space and run again" in said) or ("No space left on device" in said)
        assert "Traceback" not in said
        assert content(home) == {}
        subprocess.run(["mount", "-o", "remount,size=60m", str(home / "outputs")], check=True)
        again = start(home, "run", "demo", "S2018H1")

        assert again.communicate() and again.returncode == 0
        assert whole(home) and content(home)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs (Linux)")
def test_the_ledger_tells_of_a_full_disk_and_the_next_run_goes_on(tmp_path):
    home = copy_project(tmp_path / "project", "demo")
    words = ("run", "--all", "--due", "--today", DAY)
    with disk(home / "outputs", "size=400k"):
        run = start(home, *words)
        said = run.communicate()[0].decode()
        told = list(ledger.last_events(ledger.read(Home(home).ledger)).values())

        assert run.returncode == 1, said
        assert "Traceback" not in said
        assert [(event.event, event.kind) for event in told] == [("failed", "StorageError")], said
        assert "is full; free some space and run again" in told[0].reason
        assert f"due failed, to be tried again: {told[0].reason}" in status(home)
        assert content(home) == {}
        subprocess.run(["mount", "-o", "remount,size=60m", str(home / "outputs")], check=True)
        again = start(home, *words)

        assert again.communicate() and again.returncode == 0
        assert [e.event for e in ledger.last_events(ledger.read(Home(home).ledger)).values()] == ["done"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs (Linux)")
def test_a_disk_without_room_for_a_line_of_the_ledger_is_one_sentence(tmp_path):
    home = copy_project(tmp_path / "project", "demo")
    with disk(home / "outputs", "size=64k"):
        with suppress(OSError), (home / "outputs" / "rubbish").open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        run = start(home, "run", "--all", "--due", "--today", DAY)
        said = run.communicate()[0].decode()
        asked = start(home, "status", "--today", DAY, "--json", str(home / "outputs" / "state.json"))
        sentence = f"fpanalysis: the disk that holds {home / 'outputs'} is full; free some space and run again, what is"

        assert (run.returncode, said.count("\n"), said.startswith(sentence)) == (1, 1, True), said
        assert sentence in asked.communicate()[0].decode()
        assert asked.returncode == 1
        assert "due never made" in status(home)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs (Linux)")
def test_a_sealed_disk_stops_what_is_due_with_one_sentence(tmp_path):
    home = copy_project(tmp_path / "project", "demo")
    with disk(home / "outputs", "size=1m", "ro"):
        run = start(home, "run", "--all", "--due", "--today", DAY)
        said = run.communicate()[0].decode()

        assert run.returncode == 1, said
        assert "cannot be written to; make it" in said
        assert "Traceback" not in said
        assert "due never made" in status(home)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs (Linux)")
def test_a_sealed_disk_is_one_sentence(tmp_path):
    home = copy_project(tmp_path / "project", "demo")
    with disk(home / "outputs", "size=1m", "ro"), pytest.raises(StorageError, match="cannot be written to; make it"):
        run_report("demo", "S2018H1", home=home)


@pytest.mark.slow
def test_two_runs_at_a_time_make_one_release(tmp_path):
    home = copy_project(tmp_path / "project", "demo")
    runs = [start(home, "run", "demo", "S2018H1") for _ in range(2)]
    said = [run.communicate()[0].decode() for run in runs]

    assert [run.returncode for run in runs] == [0, 0], said
    assert [p.name for p in (home / "outputs" / "demo" / "S2018H1").glob("r*")] == ["r1"]
    assert sum("nothing has changed since" in text for text in said) == 1


@pytest.mark.slow
def test_two_runs_of_what_is_due_make_one_release_and_fail_neither(tmp_path):
    home = copy_project(tmp_path / "project", "demo")
    runs = [start(home, "run", "--all", "--due", "--today", DAY) for _ in range(2)]
    while not any(event.event == "started" for event in ledger.read(Home(home).ledger)):
        time.sleep(0.1)
    time.sleep(2)
    meanwhile = status(home)
    said = [run.communicate()[0].decode() for run in runs]
    told = [event.event for event in ledger.read(Home(home).ledger)]

    assert [run.returncode for run in runs] == [0, 0], said
    assert [p.name for p in (home / "outputs" / "demo" / "S2018H1").glob("r*")] == ["r1"]
    assert told.count("done") == 1
    assert set(told) <= {"started", "done", "unchanged"}
    assert "a run is at work on it" in meanwhile
    assert "done r1" in status(home)

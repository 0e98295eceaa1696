"""Kills aimed at what a whole run seldom meets: a Dask fleet, process by process, and the moments of publication.

After every kill and the run that follows it: the same bytes as undisturbed, no finished stage run again, the ledger
right, no process left behind; and whoever reads meanwhile sees a whole release, the old one or the new one.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import nbformat
import pytest
from conftest import copy_project
from test_crashes import DAY, KILLS, content, whole

from fpanalysis import ledger
from fpanalysis.paths import Home

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc (Linux)"),
]
DUE = ("run", "--all", "--due", "--today", DAY)
GONE = 30
"""Seconds within which all processes of a run that was killed must have ended (one that imports ends after it)."""


def project(folder: Path, *places: str) -> Path:
    """A project with copies of the small sample place, whose notebooks write down that they were started."""
    copy_project(folder, "demo")
    for path in (folder / "notebooks").glob("0[1-6]*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        at = next(n for n, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ()))
        notebook.cells.insert(at + 1, nbformat.v4.new_code_cell(note(path.stem), id="note"))
        nbformat.write(notebook, path)
    for place in places:
        text = (folder / "params" / "demo.yaml").read_text("utf-8").replace("place: demo", f"place: {place}")
        (folder / "params" / f"{place}.yaml").write_text(text, "utf-8")
        shutil.copytree(folder / "data" / "raw" / "demo", folder / "data" / "raw" / place)
    return folder


def note(name: str) -> str:
    """Code of a cell that writes down that this notebook was started."""
    stage = f"{name}.{{lang}}" if name.startswith("06") else name
    return f"""\
import os
from pathlib import Path

with Path(os.environ["FPANALYSIS_HOME"], "ran.txt").open("a") as file:
    file.write(f"{{place}}/{stage}\\n")"""


def start(home: Path, *words: str) -> subprocess.Popen:
    """Start the command with its words, and its output, in the project's folder."""
    environment = {k: v for k, v in os.environ.items() if k not in ("FPANALYSIS_OUTPUTS", "FPANALYSIS_WORK")}
    with (home / "said.txt").open("wb") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "fpanalysis", *words], env={**environment, "FPANALYSIS_HOME": str(home)},
            stdout=said, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip


def started(home: Path) -> list[str]:
    """Place and stage of every notebook that was started."""
    path = home / "ran.txt"
    return path.read_text("utf-8").split() if path.is_file() else []


def finished(home: Path) -> set[str]:
    """Place and stage of everything that a run has finished, published or not."""
    kept = {f"{path.parent.parent.name}/{path.name}" for path in (home / "outputs" / ".stage").glob("*/*.marks/*")}
    published = (home / "outputs").glob("*/*/r*/notebooks/*.ipynb")
    return kept | {f"{path.parents[3].name}/{path.stem}" for path in published}


def processes(home: Path) -> dict[int, str]:
    """The processes that work for a project, by number: parent, worker, zygote, kernel, or what else there is."""
    found, above = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"FPANALYSIS_HOME={home}\0".encode() not in (folder / "environ").read_bytes() + b"\0":
                continue
            words = (folder / "cmdline").read_bytes().decode().split("\0")
            pid = int(folder.name)
            above[pid] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            kind = next((kind for word, kind in KINDS.items() if word in " ".join(words)), "other")
            found[pid] = kind
    return {pid: "kernel" if kind == found.get(above[pid]) == "zygote" else kind for pid, kind in found.items()}


KINDS = {"fpanalysis.zygote": "zygote", "-m fpanalysis run": "parent", "spawn_main": "worker"}
VICTIMS = ("parent", "parent", "worker", "kernel", "zygote")


def all_gone(home: Path) -> dict[int, str]:
    """Wait until no process works for a project any more; return those that still do."""
    deadline = time.monotonic() + GONE
    while (left := processes(home)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def told(home: Path) -> set[str]:
    """The releases that every report that was begun ends with, by a ledger whose numbers are right; else what is not."""
    events = ledger.read(Home(home).ledger)
    done = [(event.place, event.period, event.release) for event in events if event.event == "done"]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert len(done) == len(set(done))
    return {e.release if e.event in ("done", "unchanged") else e.event for e in ledger.last_events(events).values()}


def said(home: Path) -> str:
    """What the last run on a project has said."""
    return (home / "said.txt").read_text("utf-8", errors="replace")


class Storm:
    """Runs of a fleet on a project, killed process by process; `again`: stages that ran though they were finished."""

    def __init__(self, home: Path, words: tuple[str, ...], rng: random.Random) -> None:
        self.home, self.words, self.rng = home, words, rng
        self.run: subprocess.Popen[bytes] | None = None
        self.done, self.seen, self.again, self.killed = set[str](), 0, list[str](), list[str]()

    def look(self) -> None:
        """Note what ran since the last look though it was finished then."""
        done, now = finished(self.home), started(self.home)
        self.again += [name for name in now[self.seen :] if name in self.done]
        self.done, self.seen = done, len(now)

    def kill(self, seconds: float) -> int | None:
        """Let the run (a new one, when there is none) go on for some seconds, then kill one of its processes.

        Return the exit code of the run when it has ended.
        """
        self.run = self.run or start(self.home, *self.words)
        with suppress(subprocess.TimeoutExpired):
            return self.end(seconds)
        there = processes(self.home)
        wanted = self.rng.choice([kind for kind in VICTIMS if kind in there.values()])
        self.look()
        with suppress(ProcessLookupError):
            os.kill(self.rng.choice(sorted(pid for pid, kind in there.items() if kind == wanted)), signal.SIGKILL)
            self.killed.append(wanted)
        return self.end() if wanted == "parent" else None

    def end(self, seconds: float | None = None) -> int:
        """Return the exit code of the run when it has ended, and nothing of it is left."""
        self.run = self.run or start(self.home, *self.words)
        code = self.run.wait(seconds)
        assert all_gone(self.home) == {}
        self.look()
        self.run = None
        return code


def test_kills_of_a_dask_fleet_change_nothing(tmp_path):
    calm, stormy = (project(tmp_path / name, "other") for name in ("calm", "stormy"))
    words = (*DUE, "--jobs", "2")
    since = time.monotonic()
    assert start(calm, *words).wait() == 0
    length, wanted = time.monotonic() - since, content(calm)
    storm = Storm(stormy, words, random.Random(20180630))
    rounds = 0
    while len(storm.killed) < KILLS:
        code = storm.kill(storm.rng.uniform(0.05, 0.5) * length)

        assert whole(stormy)
        if code == 0:
            rounds += 1
            assert (content(stormy), told(stormy)) == (wanted, {"r1"})
            shutil.rmtree(stormy / "outputs")
            storm.done = set()
        elif code is not None and code > 0:
            assert "failed" in said(stormy)
    code = storm.end()
    if code:
        assert "failed" in said(stormy)
        code = storm.end()
    print({kind: storm.killed.count(kind) for kind in VICTIMS}, f"{rounds} rounds of {length:.0f} s")

    assert code == 0
    assert (content(stormy), told(stormy)) == (wanted, {"r1"})
    assert storm.again == []
    assert rounds < KILLS / 2, "the kills came too late to disturb anything"
    assert set(storm.killed) == set(VICTIMS)

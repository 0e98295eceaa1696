"""Kills aimed at what a whole run seldom meets: a Dask fleet, process by process, and the moments of publication.

After every kill and the run that follows it: the same bytes as undisturbed, no finished stage run again, the ledger
right, no process left behind; and whoever reads meanwhile sees a whole release, the old one or the new one.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path

import nbformat
import pytest
from conftest import copy_project
from test_crashes import DAY, KILLS, content, whole

from fpanalysis import ledger
from fpanalysis.paths import Home, marks

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

        Of what kind is left to chance, and waited for. Return the exit code of the run when it has ended.
        """
        self.run = self.run or start(self.home, *self.words)
        kind = self.rng.choice(VICTIMS)
        there: list[int] = []
        while not there:
            with suppress(subprocess.TimeoutExpired):
                return self.end(seconds)
            there = sorted(pid for pid, found in processes(self.home).items() if found == kind)
            seconds = 0.05
        self.look()
        with suppress(ProcessLookupError):
            os.kill(self.rng.choice(there), signal.SIGKILL)
            self.killed.append(kind)
        return self.end() if kind == "parent" else None

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
        code = storm.kill(storm.rng.uniform(0.05, 0.4) * length)

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


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def broken(release: Path) -> list[str]:
    """The files of a release that are not those that its manifest tells of."""
    outputs = json.loads((release / "manifest.json").read_text("utf-8"))["outputs"]
    return [name for name, wanted in outputs.items() if digest(release / name) != wanted]


@contextmanager
def reading(home: Path, shop: Path):
    """Read meanwhile, again and again, what `latest` leads to and what is in the shop; nothing of it may be broken."""
    wrong, over = list[str](), threading.Event()

    def read() -> None:
        while not over.wait(0.02):
            try:
                copies = [path.parent for path in shop.glob("*/*/r*/manifest.json")]
                wrong.extend(name for release in (latest(home), *copies) for name in broken(release))
            except (OSError, ValueError) as error:
                wrong.append(repr(error))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield wrong
    finally:
        over.set()
        thread.join()


def latest(home: Path) -> Path:
    return (home / "outputs" / "demo" / "S2018H1" / "latest").resolve(strict=True)


class Publication:
    """A second release whose notebooks have all run: it only has to be published, and copied to a shop."""

    def __init__(self, folder: Path) -> None:
        self.home, self.shop, self.kept = project(folder / "project"), folder / "shop", folder / "kept"
        self.words = (*DUE, "--to", f"file://{self.shop}")
        self.stage = self.home / "outputs" / ".stage" / "demo" / "S2018H1"
        assert start(self.home, *self.words).wait() == 0
        with (self.home / "params" / "demo.yaml").open("a", encoding="utf-8") as params:
            params.write("alarm_budget: 0.04\n")
        run = start(self.home, *self.words)
        assert self.until(run, lambda: len(list(marks(self.stage).glob("*"))) == 7)
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        assert all_gone(self.home) == {}
        assert latest(self.home).name == "r1"
        for path in (self.stage / "kept").glob("*.made_from"):  # written anew before the notebooks would run
            path.unlink()
        shutil.copytree(self.home / "outputs", self.kept / "outputs", symlinks=True)
        shutil.copytree(self.shop, self.kept / "shop")

    def until(self, run: subprocess.Popen[bytes], happened: Callable[[], bool]) -> bool:
        """Wait until something has happened; return whether it has before the run ended."""
        while not happened() and run.poll() is None:
            time.sleep(0.002)
        return happened()

    def moments(self) -> dict[str, Callable[[], bool]]:
        """By what a publication can be seen to have come so far: made up, being written, there."""
        return {
            "made up": lambda: any((self.stage / "kept").glob("*.made_from")),
            "written": lambda: any(self.stage.glob("report.*")),
            "there": lambda: (self.stage.parents[2] / "demo" / "S2018H1" / "r2").is_dir(),
        }

    def again(self) -> None:
        """Put back the state in which only the publication is left to do."""
        for path, name in ((self.home / "outputs", "outputs"), (self.shop, "shop")):
            shutil.rmtree(path)
            shutil.copytree(self.kept / name, path, symlinks=True)

    def seen(self) -> dict[str, str]:
        """What readers see, here and in the shop."""
        copied = {f"shop/{p.relative_to(self.shop)}": digest(p) for p in self.shop.rglob("*") if p.is_file()}
        return {**content(self.home), **copied, "latest": latest(self.home).name}


def test_kills_at_publication_leave_the_old_release_or_the_new_one(tmp_path):
    here = Publication(tmp_path)
    ran, before = started(here.home), here.seen()
    run, came = start(here.home, *here.words), {}
    for name, happened in here.moments().items():
        assert here.until(run, happened)
        came[name] = time.monotonic()
    assert run.wait() == 0
    came["over"], wanted = time.monotonic(), here.seen()
    names = list(came)
    rng, killed, undisturbed = random.Random(20180630), dict.fromkeys(names[:-1], 0), 0
    here.again()
    while sum(killed.values()) < KILLS:
        name = names[sum(killed.values()) % 3]
        with reading(here.home, here.shop) as wrong:
            run = start(here.home, *here.words)
            here.until(run, here.moments()[name])
            time.sleep(rng.uniform(0, came[names[names.index(name) + 1]] - came[name]))
            if run.poll() is None:
                os.kill(run.pid, signal.SIGKILL)
                killed[name] += 1
            else:
                undisturbed += 1
            run.wait()
            there = here.moments()["there"]()
            if there:
                assert start(here.home, *here.words).wait() == 0, said(here.home)

        assert wrong == []
        assert whole(here.home)
        if there:
            assert (here.seen(), told(here.home)) == (wanted, {"r2"})
            here.again()
        else:
            assert here.seen() == before
    print(killed, f"{undisturbed} too late", {name: f"{at - came['made up']:.2f} s" for name, at in came.items()})

    assert start(here.home, *here.words).wait() == 0
    assert (here.seen(), told(here.home)) == (wanted, {"r2"})
    assert started(here.home) == ran
    assert all_gone(here.home) == {}
    assert min(killed.values()) >= KILLS // 4

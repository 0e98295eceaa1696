"""Many places: in order, one failure stops nobody, retries, a cluster whose workers die, releases copied whole."""

import datetime as dt
import functools
import importlib
import json
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import psutil
import pytest
from conftest import copy_project

from fpanalysis import due, fleet, ledger, releases
from fpanalysis.__main__ import main
from fpanalysis.desk import KEEPERS, REPORT
from fpanalysis.errors import CopyError, FpError, NotebookError, ParamsError
from fpanalysis.paths import Home
from fpanalysis.periods import parse_period
from fpanalysis.pipeline import run_report

TODAY = dt.date(2018, 7, 20)


def made_with(house):
    return [house.notebooks / f"{name}.ipynb" for name in (*KEEPERS, REPORT)]


def release(place: str, period: str, *, home: Path) -> tuple[Path, bool]:
    """What run_report leaves for a scheduler, without running a notebook."""
    house = Home(home)
    made_from = releases.inputs(house, parse_period(period), place, notebooks=made_with(house))
    asked = {"place": place, "period": period, "as_of": "", "parameters": {}}
    settings = {"period": period, "as_of": "2018-07-18", "fonts": "", "folder": "", "counties": [], "parameters": {}}
    last = releases.newest(house.releases(place, period))
    target = house.releases(place, period) / f"r{int(last.name[1:]) + 1 if last else 1}"
    with releases.staged(target, house) as stage:
        (stage / "results.csv").write_text(f"{place} {period}")
        about = {"period": period, "asked": asked, "settings": settings, "inputs": made_from}
        releases.write_manifest(stage, {**about, "fingerprint": releases.fingerprint(made_from, **settings)})
    return target, True


def failing(place: str, period: str, *, home: Path, times: Path, error: type[Exception], number: int):
    """Fail for place "a" the first `number` times, then make the release."""
    if place == "a":
        with times.open("a") as file:
            file.write(".")
        if len(times.read_text()) <= number:
            raise error("cell 3: no")
    return release(place, period, home=home)


def dying(place: str, period: str, *, home: Path, times: Path):
    """Kill this very process the first time place "a" is made."""
    if place == "a" and not times.exists():
        times.write_text(".")
        os.kill(os.getpid(), signal.SIGKILL)
    return release(place, period, home=home)


def always_dying(place: str, period: str, *, home: Path):
    """Kill this very process whenever place "a" is made."""
    if place == "a":
        os.kill(os.getpid(), signal.SIGKILL)
    return release(place, period, home=home)


@pytest.fixture
def house(tmp_path, root) -> Home:
    """Three small places, a to c, with births by half-year; notebooks are there but not run."""
    (tmp_path / "params").mkdir()
    (tmp_path / "notebooks").symlink_to(root / "notebooks", target_is_directory=True)
    text = (root / "params" / "demo.yaml").read_text("utf-8").replace("calendar: statistical", "calendar: calendar")
    for place in "abc":
        named = text.replace("place: demo", f"place: {place}").replace("since: S2018H1", "since: 2017H2, kinds: [half]")
        (tmp_path / "params" / f"{place}.yaml").write_text(named, "utf-8")
        for half, months, day in (
            ("2017H2", range(7, 13), "2018-01-08"),
            ("2018H1", range(1, 7), "2018-07-08"),
        ):
            folder = tmp_path / "data" / "raw" / place / day
            folder.mkdir(parents=True)
            lines = [
                f"{town},{half[:4]}-{month:02d},{half[:4]}-{month:02d},1,{sex},9"
                for town in ("东湖镇", "西山镇")
                for month in months
                for sex in ("男", "女")
            ]
            body = "\n".join(["乡镇,出生年月,登记年月,孩次,性别,人数", *lines])
            (folder / f"births.{half}.csv").write_text(body + "\n", "utf-8")
    return Home(tmp_path)


def states(found):
    return {(r.place, r.period): r.state for r in found if r.state != "not due"}


def test_every_due_report_is_made_in_order(house):
    heard = []
    found = fleet.run_due(house, today=TODAY, heard=lambda place, events: heard.append(place), make=release)

    assert set(states(found).values()) == {"done"}
    assert heard == ["a", "b", "c"]
    assert [(e.place, e.period) for e in ledger.read(house.ledger) if e.event == "done"] == [
        (place, period) for place in "abc" for period in ("2017H2", "2018H1")
    ]


def test_a_second_run_makes_nothing(house):
    fleet.run_due(house, today=TODAY, make=release)
    before = house.ledger.read_bytes()
    fleet.run_due(house, today=TODAY, make=release)

    assert before == house.ledger.read_bytes()


def test_a_fault_of_the_program_stops_nobody_and_tells_no_value(house, tmp_path):
    make = functools.partial(failing, times=tmp_path / "times", error=KeyError, number=99)
    found = fleet.run_due(house, today=TODAY, pauses=(0,), make=make)
    reasons = {r.reason for r in found if r.state == "failed"}

    assert {r.place: r.state for r in found if r.state in ("done", "failed")} == {
        "a": "failed",
        "b": "done",
        "c": "done",
    }
    assert [reason.partition(", line")[0] for reason in reasons] == [
        "a fault of the program: KeyError in test_fleet.py"
    ]


def test_a_newer_program_makes_nothing_anew_unless_asked(house, root):
    fleet.run_due(house, today=TODAY, make=release)
    (house.root / "notebooks").unlink()
    shutil.copytree(root / "notebooks", house.root / "notebooks")
    path = house.root / "notebooks" / "05_services.ipynb"
    text = path.read_text("utf-8")
    path.write_text(text.replace('"source": [\n', '"source": [\n "# new\\n",\n', 1), "utf-8")
    made = len(ledger.read(house.ledger))
    fleet.run_due(house, today=TODAY, make=release)

    assert made == len(ledger.read(house.ledger))
    found = fleet.run_due(house, today=TODAY, make=release, upgrade=True)
    assert set(states(found).values()) == {"done"}
    assert 2 * made == len(ledger.read(house.ledger))


def test_a_clock_that_jumps_makes_nothing_anew_and_loses_nothing(house):
    fleet.run_due(house, today=TODAY, make=release)
    before = house.ledger.read_bytes()
    for day in (dt.date(1999, 1, 1), dt.date(2045, 12, 31), TODAY):
        found = fleet.run_due(house, today=day, make=release)
        assert "failed" not in {r.state for r in found}

    assert before == house.ledger.read_bytes()
    assert set(states(found).values()) == {"done"}


def test_no_scheduler_is_one_sentence(house):
    with pytest.raises(FpError, match="no Dask scheduler answers at nonsense://here"):
        fleet.run_due(house, today=TODAY, scheduler="nonsense://here", make=release)


def test_one_failure_stops_nobody_and_is_not_tried_again_before_a_change(house, tmp_path):
    times = tmp_path / "times"
    make = functools.partial(failing, times=times, error=ParamsError, number=99)
    found = fleet.run_due(house, today=TODAY, pauses=(0, 0), make=make)

    assert states(found) == {
        (place, period): "failed" if place == "a" else "done" for place in "abc" for period in ("2017H2", "2018H1")
    }
    fleet.run_due(house, today=TODAY, make=make)
    assert len(times.read_text()) == 2


def test_what_may_pass_is_tried_again_after_a_pause(house, tmp_path):
    make = functools.partial(failing, times=tmp_path / "times", error=NotebookError, number=2)
    found = fleet.run_due(house, today=TODAY, only=["a"], pauses=(0.05, 0.1), make=make)

    assert states(found) == {("a", "2017H2"): "done", ("a", "2018H1"): "done"}
    assert [e.event for e in ledger.read(house.ledger)][:6] == ["started", "failed"] * 2 + ["started", "done"]


def test_pauses_are_kept(house, tmp_path):
    make = functools.partial(failing, times=tmp_path / "times", error=NotebookError, number=1)
    started = time.monotonic()
    fleet.run_due(house, today=TODAY, only=["a"], pauses=(0.6,), make=make)

    assert time.monotonic() - started >= 0.6


def test_the_summary_counts_every_state(house):
    found = fleet.run_due(house, today=TODAY, make=release)
    told = json.loads(json.dumps(fleet.summary(found, today=TODAY)))

    assert told["today"] == "2018-07-20"
    assert told["counts"] == {"due": 0, "done": 6, "failed": 0, "late": 0, "not due": 3}
    assert len(told["reports"]) == 9


def test_a_release_is_copied_whole_and_once(house, tmp_path):
    made, _ = release("a", "2018H1", home=house.root)
    target = tmp_path / "shop" / "a" / "2018H1" / "r1"
    fleet.copy_release(made, f"file://{tmp_path}/shop")
    first = (target / "manifest.json").stat().st_mtime_ns
    fleet.copy_release(made, f"file://{tmp_path}/shop")

    assert {p.name: p.read_bytes() for p in target.iterdir()} == {p.name: p.read_bytes() for p in made.iterdir()}
    assert first == (target / "manifest.json").stat().st_mtime_ns


def test_what_an_earlier_run_did_not_copy_is_copied_though_nothing_is_due(house, tmp_path):
    made = []

    def make(*given, **named):
        made.append(given)
        return release(*given, **named)

    fleet.run_due(house, today=TODAY, only=["a"], make=make)
    shop, url = tmp_path / "shop", f"file://{tmp_path}/shop"
    for _ in range(2):
        found = fleet.run_due(house, today=TODAY, only=["a"], url=url, make=make)

    assert made == [("a", "2017H2"), ("a", "2018H1")]
    assert set(states(found).values()) == {"done"}
    assert sorted(p.parts[-3:-1] for p in shop.glob("*/*/r1/manifest.json")) == [("2017H2", "r1"), ("2018H1", "r1")]
    assert [e.event for e in ledger.read(house.ledger)] == ["started", "done"] * 2 + ["started", "unchanged"] * 2


def test_a_store_that_takes_nothing_is_told_and_tried_again(house, tmp_path):
    (tmp_path / "shop").write_text("no folder")
    url = f"file://{tmp_path}/shop"
    found = fleet.run_due(house, today=TODAY, only=["a"], url=url, pauses=(0,), make=release)
    failed = [e for e in ledger.read(house.ledger) if e.event == "failed"]

    assert states(found) == {("a", "2017H2"): "due", ("a", "2018H1"): "due"}
    assert {e.kind for e in failed} == {"CopyError"}
    assert failed[0].reason.startswith(f"a/2017H2/r1 is made, but could not be copied to {url}: ")
    (tmp_path / "shop").unlink()
    again = fleet.run_due(house, today=TODAY, only=["a"], url=url, pauses=(), make=release)
    assert set(states(again).values()) == {"done"}
    assert [p.name for p in house.releases("a", "2018H1").glob("r*")] == ["r1"]


def test_a_store_that_is_down_is_waited_for_once_a_place(house, tmp_path):
    fleet.run_due(house, today=TODAY, only=["a"], make=release)
    (tmp_path / "shop").write_text("no folder")
    fleet.run_due(house, today=TODAY, only=["a"], url=f"file://{tmp_path}/shop", pauses=(0,), make=release)
    failed = [event.period for event in ledger.read(house.ledger) if event.event == "failed"]

    assert failed == ["2017H2", "2017H2", "2018H1"]


def test_a_password_of_a_store_is_not_told(house, tmp_path):
    made, _ = release("a", "2018H1", home=house.root)
    with pytest.raises(CopyError, match="could not be copied to nowhere://host/x: ") as error:
        fleet.copy_release(made, "nowhere://user:se@cret@host/x")

    assert "cret" not in str(error.value)


def test_a_half_written_manifest_is_no_release_and_is_replaced(house, tmp_path):
    made, _ = release("a", "2018H1", home=house.root)
    target = tmp_path / "shop" / "a" / "2018H1" / "r1"
    target.mkdir(parents=True)
    (target / "manifest.json").write_text('{"half')

    assert not fleet.is_copied(made, f"file://{tmp_path}/shop")
    fleet.copy_release(made, f"file://{tmp_path}/shop")
    assert fleet.is_copied(made, f"file://{tmp_path}/shop")
    assert {p.name for p in target.iterdir()} == {p.name for p in made.iterdir()}


def test_a_run_killed_after_its_release_is_ended_without_making_it_again(house):
    fleet.run_due(house, today=TODAY, only=["a"], make=release)
    lines = house.ledger.read_bytes().splitlines(keepends=True)
    house.ledger.write_bytes(b"".join(lines[:-1]))
    (house.releases("a", "2018H1") / "latest").unlink()
    found = fleet.run_due(house, today=TODAY, only=["a"], make=release)

    assert set(states(found).values()) == {"done"}
    assert [e.event for e in ledger.read(house.ledger)][-3:] == ["started", "started", "unchanged"]
    assert (house.releases("a", "2018H1") / "latest").readlink().name == "r1"
    assert [p.name for p in house.releases("a", "2018H1").glob("r*")] == ["r1"]


def refusing(place: str, period: str, *, home: Path, kind: type[Exception]):
    """Fail whenever a report of a year that is there is to be made anew."""
    if releases.newest(Home(home).releases(place, period)):
        raise kind("cell 3: no")
    return release(place, period, home=home)


@pytest.mark.parametrize(("kind", "state"), [(ParamsError, "failed"), (NotebookError, "due")])
def test_the_last_good_release_of_a_report_that_fails_is_copied_once(house, tmp_path, kind, state):
    make = functools.partial(refusing, kind=kind)
    fleet.run_due(house, today=TODAY, only=["a"], make=make)
    params = house.params / "a.yaml"
    params.write_text(params.read_text("utf-8") + "alarm_budget: 0.04\n", "utf-8")
    (house.releases("a", "2018H1") / "latest").unlink()
    shop, url = tmp_path / "shop", f"file://{tmp_path}/shop"
    found = fleet.run_due(house, today=TODAY, only=["a"], url=url, pauses=(), make=make)

    assert states(found) == {("a", "2017H2"): state, ("a", "2018H1"): state}
    assert sorted(p.parts[-3:-1] for p in shop.glob("*/*/r1/manifest.json")) == [("2017H2", "r1"), ("2018H1", "r1")]
    assert (house.releases("a", "2018H1") / "latest").readlink().name == "r1"
    again = fleet.run_due(house, today=TODAY, only=["a"], url=url, pauses=(), make=make)
    assert states(again) == states(found)
    assert [e.event for e in ledger.read(house.ledger)].count("copied") == 2


def test_the_last_good_release_of_a_report_that_is_late_is_copied(house, tmp_path):
    fleet.run_due(house, today=TODAY, only=["a"], make=release)
    path = house.raw / "a" / "2018-07-08" / "births.2018H1.csv"
    path.write_text(
        "\n".join(line for line in path.read_text("utf-8").splitlines() if ",2018-06," not in line), "utf-8"
    )
    params = house.params / "a.yaml"
    params.write_text(params.read_text("utf-8") + "deadlines: {births: 10}\n", "utf-8")
    found = fleet.run_due(house, today=TODAY, only=["a"], url=f"file://{tmp_path}/shop", make=release)

    assert states(found)["a", "2018H1"] == "late"
    assert (tmp_path / "shop" / "a" / "2018H1" / "r1" / "manifest.json").is_file()


@pytest.mark.parametrize("as_of", ["", "2018-05-01"])
def test_a_release_made_by_hand_before_its_time_is_copied_unless_it_has_parameters_of_its_own(house, tmp_path, as_of):
    made, _ = release("a", "2018H1", home=house.root)
    manifest = releases.manifest_of(made)
    manifest["asked"]["as_of"] = as_of
    (made / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    found = fleet.run_due(house, today=dt.date(2018, 6, 1), only=["a"], url=f"file://{tmp_path}/shop", make=release)

    assert [r.state for r in found if r.period == "2018H1"] == ["not due"]
    assert (tmp_path / "shop" / "a" / "2018H1").exists() is not bool(as_of)


def test_a_release_whose_manifest_cannot_be_read_is_told_as_not_copied(house, tmp_path):
    made, _ = release("a", "2018H1", home=house.root)
    (made / "manifest.json").write_text('{"half')
    heard = []
    hear = {"heard": lambda place, events: heard.extend(events)}
    fleet.run_due(house, today=dt.date(2018, 1, 2), only=["a"], url=f"file://{tmp_path}/shop", make=release, **hear)

    assert [e.event for e in heard if e.period == "2018H1"] == ["not copied"]


def test_a_store_that_does_not_take_the_last_good_release_is_told_and_makes_nothing_again(house, tmp_path):
    make = functools.partial(refusing, kind=ParamsError)
    fleet.run_due(house, today=TODAY, only=["a"], make=make)
    params = house.params / "a.yaml"
    params.write_text(params.read_text("utf-8") + "alarm_budget: 0.04\n", "utf-8")
    fleet.run_due(house, today=TODAY, only=["a"], make=make)
    (tmp_path / "shop").write_text("no folder")
    before = len(ledger.read(house.ledger))
    found = fleet.run_due(house, today=TODAY, only=["a"], url=f"file://{tmp_path}/shop", make=make)
    told = ledger.read(house.ledger)[before:]

    assert set(states(found).values()) == {"failed"}
    assert [(e.event, e.release) for e in told] == [("not copied", "r1")] * 2
    assert "could not be copied to file://" in told[0].reason


def test_latest_left_behind_by_a_killed_run_is_mended_without_its_line_in_the_ledger(house):
    fleet.run_due(house, today=TODAY, only=["a"], make=release)
    (house.releases("a", "2018H1") / "latest").unlink()
    fleet.run_due(house, today=TODAY, only=["a"], make=release)

    assert (house.releases("a", "2018H1") / "latest").readlink().name == "r1"
    assert [p.name for p in house.releases("a", "2018H1").glob("r*")] == ["r1"]


def test_a_process_makes_one_place_at_a_time(house):
    """Also on a cluster whose workers have several threads: they share the environment that kernels inherit."""
    at_work, seen = set(), []

    def make(place, period, *, home):
        at_work.add(place)
        time.sleep(0.05)
        seen.append((len(at_work), os.environ["FPANALYSIS_OUTPUTS"]))
        at_work.discard(place)
        return release(place, period, home=home)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda place: fleet.catch_up(str(house.root), place, today=TODAY, make=make), "abc"))
    assert seen == [(1, str(house.outputs))] * 6
    assert "FPANALYSIS_OUTPUTS" not in os.environ


def test_a_fault_outside_of_any_report_is_a_failure_of_each_place_and_no_crash(house, root):
    (house.root / "notebooks").unlink()
    shutil.copytree(root / "notebooks", house.root / "notebooks")
    (house.root / "notebooks" / "own.ipynb").write_text("half a notebook")
    ledger.append(house.ledger, ledger.Event("a", "2017H2", "started"), now=ledger.local_time)
    ledger.append(house.ledger, ledger.Event("a", "2017H2", "done", release="r1"), now=ledger.local_time)
    heard = []
    found = fleet.run_due(house, today=TODAY, heard=lambda place, events: heard.extend(events), make=release)

    assert {(e.place, e.period, e.event, e.kind) for e in heard} == {
        (place, "", "failed", "JSONDecodeError") for place in "abc"
    }
    assert heard == ledger.read(house.ledger)[2:]
    assert set(states(found).values()) == {"due"}


def test_a_memory_store_takes_releases_too(house):
    import fsspec

    made, _ = release("b", "2018H1", home=house.root)
    fleet.copy_release(made, "memory://shop")

    assert fsspec.filesystem("memory").cat_file("/shop/b/2018H1/r1/results.csv") == b"b 2018H1"


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("import os; os.kill(os.getpid(), 9)", "cell 3: the kernel was killed (signal 9); out of memory is the usual"),
        ("import time; time.sleep(60)", "cell 3: the cell took longer than 2 seconds and was stopped; allow more"),
        ("1 / 0", "cell 3: ZeroDivisionError: division by zero"),
    ],
    ids=["killed", "too long", "exception"],
)
def test_the_ledger_tells_how_a_notebook_ended(tmp_path, code, sentence, monkeypatch, capsys):
    home = Home(copy_project(tmp_path, "demo"))
    path = home.notebooks / "01_check_data.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2:] = [nbformat.v4.new_code_cell(code)]
    nbformat.write(notebook, path)
    make = functools.partial(run_report, cell_timeout=2)
    (started, failed), found = fleet.catch_up(str(home.root), "demo", today=TODAY, pauses=(), make=make)

    assert [started, failed] == ledger.read(home.ledger)
    assert (started.event, failed.event, failed.kind) == ("started", "failed", "NotebookError")
    assert failed.reason.startswith(f"notebook 01_check_data.ipynb, {sentence}")
    assert [r.reason for r in found if r.state == "due"] == [f"failed, to be tried again: {failed.reason}"]
    assert releases.newest(home.releases("demo", failed.period)) is None
    monkeypatch.setenv("FPANALYSIS_HOME", str(home.root))
    assert main(["status", "--today", "2018-07-20"]) == 0
    listed = " ".join(capsys.readouterr().out.split())
    assert listed.startswith(f"demo S2018H1 due failed, to be tried again: {failed.reason} demo")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_place_whose_workers_die_again_and_again_is_told_and_stops_nobody(house):
    found = fleet.run_due(house, today=TODAY, workers=2, make=always_dying)
    last = ledger.last_events(ledger.read(house.ledger))
    told = [event for (place, _), event in last.items() if place == "a" and event.event == "failed"]

    assert [event.kind for event in told] == ["KilledWorker"]
    assert told[0].reason.startswith("its worker died again and again; out of memory is the usual cause")
    assert {state for (place, _), state in states(found).items() if place != "a"} == {"done"}
    assert [(r.period, r.reason) for r in found if r.state == "due"] == [
        ("2017H2", f"failed, to be tried again: {told[0].reason}"),
        ("2018H1", "never made"),
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_makes_the_same_and_replaces_a_worker_that_dies(house, tmp_path):
    make = functools.partial(dying, times=tmp_path / "times")
    found = fleet.run_due(house, today=TODAY, workers=2, make=make)

    assert (tmp_path / "times").exists()
    assert set(states(found).values()) == {"done"}
    assert sum(e.event == "done" for e in ledger.read(house.ledger)) == 6


def cpu_seconds() -> float:
    """CPU seconds of this process and its workers until now."""
    me = psutil.Process()
    times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return sum(time.user + time.system for time in times)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_2800_places_are_made_once_each_and_the_last_as_fast_as_the_first(tmp_path, root, monkeypatch):
    monkeypatch.syspath_prepend(str(root))
    number, tenth = 2800, 280
    names = importlib.import_module("benchmarks.fleet").make_home(tmp_path, number, since="2018H2, kinds: [half]")
    house, today, heard, used = Home(tmp_path), dt.date(2019, 1, 20), [], {}

    def hear(place, events):
        heard.append(place)
        if len(heard) in (10, 10 + tenth, number - tenth, number):
            used[len(heard)] = cpu_seconds()

    found = fleet.run_due(house, today=today, workers=2, heard=hear, make=release)
    events = ledger.read(house.ledger)

    assert states(found) == {(place, "2018H2"): "done" for place in names}
    assert [event.seq for event in events] == list(range(1, 2 * len(names) + 1))
    assert sorted((e.place, e.event, e.release) for e in events) == sorted(
        told for place in names for told in ((place, "done", "r1"), (place, "started", ""))
    )
    assert used[number] - used[number - tenth] < 2 * (used[10 + tenth] - used[10])
    assert states(due.scan(house, names, today=today, events=events)) == states(found)

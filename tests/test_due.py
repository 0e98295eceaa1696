"""What is due, late, done or failed, on any day, from files as they arrive."""

import datetime as dt
import json
import shutil

import pytest

from fpanalysis import due, ledger, releases
from fpanalysis.desk import KEEPERS, REPORT
from fpanalysis.due import Report, reports, scan
from fpanalysis.errors import ParamsError
from fpanalysis.locks import locked
from fpanalysis.params import load_params
from fpanalysis.paths import Home
from fpanalysis.periods import parse_period


def made_with(house):
    return [house.notebooks / f"{name}.ipynb" for name in (*KEEPERS, REPORT)]


@pytest.fixture
def house(home):
    """The sample county in the summer of 2018: what came later is not there yet."""
    for day in (home / "data" / "raw" / "renqiu").iterdir():
        if day.is_dir() and day.name > "2018-08":
            shutil.rmtree(day)
    return Home(home)


def states(house, day, events=()):
    return {r.period: r.state for r in reports(house, "renqiu", today=dt.date.fromisoformat(day), events=events)}


def one(house, period, day, events=()) -> Report:
    found = reports(house, "renqiu", today=dt.date.fromisoformat(day), events=events)
    return next(r for r in found if r.period == period)


def publish(house, period="2018H1", **asked) -> None:
    """A release as the pipeline leaves it, without the notebooks having run."""
    made_from = releases.inputs(house, parse_period(period), "renqiu", notebooks=made_with(house))
    asked = {"place": "renqiu", "period": period, "as_of": "", "parameters": {}, **asked}
    settings = {"period": period, "as_of": "2018-07-18", "fonts": "", "folder": "", "counties": [], "parameters": {}}
    about = {"period": period, "asked": asked, "settings": settings, "inputs": made_from}
    with releases.staged(house.releases("renqiu", period) / "r1", house) as stage:
        (stage / "results.csv").write_text("x")
        releases.write_manifest(stage, {**about, "fingerprint": releases.fingerprint(made_from, **settings)})


def test_a_period_is_due_when_it_is_over_and_its_data_are_complete(house):
    assert [states(house, day)["2018H1"] for day in ("2018-06-30", "2018-07-01")] == ["not due", "due"]
    assert one(house, "2018H1", "2018-07-20").reason == "never made"


def test_periods_before_every_kind_of_file_was_handed_in_are_not_asked_for(house):
    assert "2017H2" not in states(house, "2018-07-20")


def test_the_first_period_can_be_named(home, house):
    path = home / "params" / "renqiu.yaml"
    path.write_text(path.read_text("utf-8") + "\nreports: {kinds: [half], since: 2016H1}\n", "utf-8")

    assert list(states(house, "2018-07-20")) == ["2016H1", "2016H2", "2017H1", "2017H2", "2018H1", "2018H2"]


def test_a_first_period_that_is_none_is_refused(home):
    path = home / "params" / "renqiu.yaml"
    path.write_text(path.read_text("utf-8") + "\nreports: {since: 2016H7}\n", "utf-8")

    with pytest.raises(ParamsError, match="period '2016H7' is not understood"):
        load_params("renqiu", home / "params")


def drop(house, unwanted) -> None:
    """Take rows out of the newest file of registrations: those that `unwanted` holds for, given as list of cells."""
    path = max((house.raw / "renqiu").glob("*/registrations*"))
    text = path.read_bytes().decode("utf-8-sig")
    lines = [line for line in text.splitlines() if not unwanted(line.split(","))]
    path.write_bytes(("\n".join(lines) + "\n").encode("utf-8-sig"))


LAST = "2018-06"


@pytest.mark.parametrize(
    ("day", "state", "reason"),
    [
        ("2018-07-09", "not due", "waiting for registrations, due by 2018-07-10"),
        ("2018-07-10", "not due", "waiting for registrations, due by 2018-07-10"),
        ("2018-07-11", "late", "missing since 2018-07-10: registrations"),
    ],
)
def test_what_is_missing_is_awaited_and_then_late(house, day, state, reason):
    drop(house, lambda cells: cells[1] == LAST)
    found = one(house, "2018H1", day)

    assert (found.state, found.reason) == (state, reason)


def test_a_township_that_did_not_hand_in_is_named(house):
    drop(house, lambda cells: cells[1] == LAST and "长丰" in cells[0])
    found = one(house, "2018H1", "2018-07-20")

    assert (found.state, found.reason) == ("late", "missing since 2018-07-10: registrations from 长丰镇")


def test_a_made_report_is_done_until_something_changes(home, house):
    publish(house)
    assert one(house, "2018H1", "2018-07-20").state == "done"

    path = home / "params" / "renqiu.yaml"
    path.write_text(path.read_text("utf-8") + "\nalarm_budget: 0.04\n", "utf-8")
    found = one(house, "2018H1", "2018-07-20")
    assert (found.state, found.reason, found.release) == ("due", "changed since r1: params", "r1")


def test_a_newer_program_leaves_a_published_report_as_it_is(home, house):
    publish(house)
    path = home / "notebooks" / "05_services.ipynb"
    path.write_text(path.read_text("utf-8").replace('"source": [\n', '"source": [\n "# new\\n",\n', 1), "utf-8")
    found = one(house, "2018H1", "2018-07-20")

    assert (found.state, found.reason) == (
        "done",
        "made with an older version (notebooks); --due --upgrade makes it anew",
    )
    asked = reports(house, "renqiu", today=dt.date(2018, 7, 20), upgrade=True)
    assert ["2018H1"] == [r.period for r in asked if r.state == "due"]


def test_a_new_delivery_makes_the_report_due_again(house):
    publish(house)
    folder = house.raw / "renqiu"
    shutil.copytree(folder / "2018-07-18", folder / "2018-08-02")

    assert one(house, "2018H1", "2018-08-03").reason == "changed since r1: raw"


def test_a_report_made_by_hand_with_another_day_is_not_the_report(house):
    publish(house, as_of="2018-07-10")

    assert one(house, "2018H1", "2018-07-20").reason == "r1 was made by hand with other parameters"


def failure(house, kind, **changed) -> ledger.Event:
    mark = due.data_mark(house, "renqiu", parse_period("2018H1"))
    about = {"reason": "cell 3", "kind": kind, "data": mark, "at": "2018-07-19T02:00:00+08:00", **changed}
    return ledger.Event("renqiu", "2018H1", "failed", **about)


def test_a_failure_that_would_come_again_waits_for_a_change(house):
    found = one(house, "2018H1", "2018-07-20", [failure(house, "DataError")])

    assert (found.state, found.reason, found.since) == ("failed", "cell 3", "2018-07-19T02:00:00+08:00")
    assert one(house, "2018H1", "2018-07-20", [failure(house, "DataError", data="other")]).state == "due"


def test_a_failure_that_may_pass_is_due_again(house):
    found = one(house, "2018H1", "2018-07-20", [failure(house, "StorageError")])

    assert (found.state, found.reason) == ("due", "failed, to be tried again: cell 3")


def test_a_run_that_died_is_due_and_said_so(house):
    found = one(house, "2018H1", "2018-07-20", [ledger.Event("renqiu", "2018H1", "started")])

    assert (found.state, "ended without a word" in found.reason) == ("due", True)


def test_a_run_at_work_is_not_called_dead(house):
    with locked(house.lock("renqiu"), wait=0):
        found = one(house, "2018H1", "2018-07-20", [ledger.Event("renqiu", "2018H1", "started")])

    assert (found.state, found.reason) == ("due", "a run is at work on it")


def test_a_run_that_died_after_its_release_is_due_once_more(house):
    publish(house)
    events = [ledger.Event("renqiu", "2018H1", "started")]

    assert one(house, "2018H1", "2018-07-20", events).state == "due"
    assert due.current(house, "renqiu", "2018H1") == house.releases("renqiu", "2018H1") / "r1"
    (house.raw / "renqiu" / "2018-07-18" / "new.txt").write_text("x")
    assert due.current(house, "renqiu", "2018H1") is None


def test_a_release_that_was_not_copied_is_due(house):
    publish(house)
    found = one(house, "2018H1", "2018-07-20", [failure(house, "CopyError", reason="no room")])

    assert (found.state, found.reason) == ("due", "failed, to be tried again: no room")


def test_a_place_that_cannot_be_read_stops_no_other(home, house):
    broken = (home / "params" / "renqiu.yaml").read_text("utf-8").replace("place: renqiu", "place: aaa")
    (home / "params" / "aaa.yaml").write_text(broken, "utf-8")
    found = scan(house, ["aaa", "renqiu"], today=dt.date(2018, 7, 20))

    assert (found[0].place, found[0].state, "data/raw/aaa/ is missing" in found[0].reason) == ("aaa", "failed", True)
    assert {r.place for r in found} == {"aaa", "renqiu"}


@pytest.mark.parametrize("day", ["1999-01-01", "2018-07-20", "2045-12-31"])
def test_a_clock_that_jumps_makes_nothing_due_that_is_not_there(house, day):
    assert [p for p, state in states(house, day).items() if state == "due"] == (["2018H1"] if day > "2018-07" else [])


def test_states_are_those_that_are_named(house):
    found = scan(house, ["renqiu"], today=dt.date(2018, 7, 20))

    assert {r.state for r in found} <= set(due.STATES)
    assert json.dumps([vars(r) for r in found])


def kept(house):
    return json.loads(house.lacks("renqiu").read_text("utf-8"))


def test_raw_files_are_read_once_and_again_when_one_or_the_params_change(house):
    before = one(house, "2018H1", "2018-07-20")
    asked = house.lacks("renqiu")
    asked.write_text(json.dumps({**kept(house), "lacks": {**kept(house)["lacks"], "2018H1": {"births": "X"}}}))

    assert one(house, "2018H1", "2018-07-20").reason == "missing since 2018-07-10: births from X"
    path = house.params / "renqiu.yaml"
    path.write_text(path.read_text("utf-8") + "\n", "utf-8")
    assert one(house, "2018H1", "2018-07-20") == before
    drop(house, lambda cells: cells[1] == LAST and "长丰" in cells[0])
    assert "长丰镇" in one(house, "2018H1", "2018-07-20").reason


@pytest.mark.parametrize("spoilt", ["", '{"made_from": "', "[]", "{}", '{"made_from": 1}'])
def test_what_was_kept_and_cannot_be_read_is_found_again(house, spoilt):
    before = reports(house, "renqiu", today=dt.date(2018, 7, 20))
    whole = house.lacks("renqiu").read_bytes()
    house.lacks("renqiu").write_text(spoilt)

    assert before == reports(house, "renqiu", today=dt.date(2018, 7, 20))
    assert whole == house.lacks("renqiu").read_bytes()


def test_states_are_told_where_nothing_can_be_kept(house):
    before = reports(house, "renqiu", today=dt.date(2018, 7, 20))
    shutil.rmtree(house.outputs)
    house.outputs.mkdir()
    house.lacks("renqiu").parent.write_text("no folder")

    assert before == reports(house, "renqiu", today=dt.date(2018, 7, 20))


def test_a_manifest_that_cannot_be_read_stops_no_other_place(home, house):
    copy = (home / "params" / "renqiu.yaml").read_text("utf-8").replace("place: renqiu", "place: zzz")
    (home / "params" / "zzz.yaml").write_text(copy, "utf-8")
    shutil.copytree(home / "data" / "raw" / "renqiu", home / "data" / "raw" / "zzz")
    publish(house)
    (house.releases("renqiu", "2018H1") / "r1" / "manifest.json").write_text('{"half')
    found = scan(house, ["renqiu", "zzz"], today=dt.date(2018, 7, 20))

    assert [(r.place, r.period, r.state) for r in found][:2] == [("renqiu", "", "failed"), ("zzz", "2018H1", "due")]


def test_a_run_by_hand_that_was_killed_before_it_could_say_so_has_made_its_report(house):
    publish(house)
    failed = failure(house, "DataError")

    assert one(house, "2018H1", "2018-07-20", [failed]) == Report("renqiu", "2018H1", "done", release="r1")
    done = ledger.Event("renqiu", "2018H1", "done", at="2018-07-19T03:00:00+08:00", release="r1")
    assert one(house, "2018H1", "2018-07-20", [failed, done]).since == done.at

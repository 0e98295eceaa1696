"""The ledger: numbered lines, whole after any crash, in an order that no clock disturbs."""

import datetime as dt
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from fpanalysis.errors import NotebookError, ParamsError
from fpanalysis.ledger import Event, append, last_events, read, recorded

NOON = dt.datetime(2018, 7, 18, 12, 0, tzinfo=dt.UTC)


def at(*moments):
    """A clock that tells the moments one after the other."""
    left = list(moments)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def test_events_come_back_in_their_order(tmp_path):
    path = tmp_path / "ledger.jsonl"
    for name in ("started", "done"):
        append(path, Event("renqiu", "2018H1", name), at(NOON))

    assert [(e.seq, e.event, e.at) for e in read(path)] == [
        (1, "started", "2018-07-18T12:00:00+00:00"),
        (2, "done", "2018-07-18T12:00:00+00:00"),
    ]


def test_a_clock_that_is_set_back_changes_no_state(tmp_path):
    path = tmp_path / "ledger.jsonl"
    clock = at(NOON, NOON - dt.timedelta(days=900))
    append(path, Event("renqiu", "2018H1", "failed"), clock)
    append(path, Event("renqiu", "2018H1", "done"), clock)

    assert last_events(read(path))["renqiu", "2018H1"].event == "done"


def test_a_line_that_was_cut_is_passed_over(tmp_path):
    path = tmp_path / "ledger.jsonl"
    append(path, Event("renqiu", "2018H1", "started"), at(NOON))
    whole = path.read_bytes()
    for cut in range(1, len(whole)):
        path.write_bytes(whole + whole[:cut].rstrip(b"\n"))
        append(path, Event("renqiu", "2018H1", "done"), at(NOON))

        assert [e.event for e in read(path)][-1] == "done"
        assert read(path)[0].seq == 1


def test_many_writers_lose_nothing(tmp_path):
    path = tmp_path / "ledger.jsonl"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: append(path, Event(f"p{n}", "2018H1", "done"), at(NOON)), range(40)))

    assert sorted(e.seq for e in read(path)) == list(range(1, 41))
    assert len(last_events(read(path))) == 40


def test_there_is_no_ledger_before_anything_happened(tmp_path):
    assert read(tmp_path / "ledger.jsonl") == []


def test_every_line_is_json_for_other_programs(tmp_path):
    path = tmp_path / "ledger.jsonl"
    append(path, Event("renqiu", "2018H1", "failed", reason="任丘市"), at(NOON))

    assert json.loads(path.read_text("utf-8"))["reason"] == "任丘市"


def events(path, work):
    return [(e.event, e.kind, e.reason, e.release) for e in
            recorded(path, work, place="renqiu", period="2018H1", now=at(NOON))]  # fmt: skip


def test_work_is_recorded_with_its_release(tmp_path):
    path = tmp_path / "ledger.jsonl"
    found = events(path, lambda: (tmp_path / "r3", True))

    assert found == [("started", "", "", ""), ("done", "", "", "r3")]


@pytest.mark.parametrize(
    ("error", "passing"),
    [(NotebookError("cell 3"), True), (ParamsError("no"), False), (FileNotFoundError("gone"), True)],
)
def test_a_failure_is_recorded_and_known_to_pass_or_not(tmp_path, error, passing):
    def work():
        raise error

    path = tmp_path / "ledger.jsonl"
    assert events(path, work)[-1][0] == "failed"
    assert read(path)[-1].passing is passing


def test_a_run_that_is_stopped_by_hand_is_recorded_and_stops(tmp_path):
    def work():
        raise KeyboardInterrupt

    path = tmp_path / "ledger.jsonl"
    with pytest.raises(KeyboardInterrupt):
        events(path, work)

    assert read(path)[-1].reason == "stopped by hand"


def test_the_events_of_a_place_are_those_that_name_it(tmp_path):
    path = tmp_path / "ledger.jsonl"
    for place in ("a", "aa", "b", "任丘", "a", 'q"q'):
        append(path, Event(place, "2018H1", "failed", reason=f'"place": "{place}b", "place": "a"'), at(NOON))
    path.write_bytes(path.read_bytes() + b'{"place": "a", "period": "2018H1", "eve')

    for place in ("a", "aa", "b", "任丘", 'q"q', "c"):
        assert [e for e in read(path) if e.place == place] == read(path, place)
    assert [e.seq for e in read(path, "a")] == [1, 5]


def test_a_cut_line_of_a_place_hides_no_later_one(tmp_path):
    path = tmp_path / "ledger.jsonl"
    append(path, Event("a", "2018H1", "started"), at(NOON))
    path.write_bytes(path.read_bytes() + b'{"place": "a", "period"')
    append(path, Event("a", "2018H1", "done"), at(NOON))

    assert [e.event for e in read(path, "a")] == ["started", "done"]


def test_what_became_of_a_copy_changes_no_state(tmp_path):
    path = tmp_path / "ledger.jsonl"
    for name in ("failed", "copied", "not copied"):
        append(path, Event("renqiu", "2018H1", name), at(NOON))

    assert last_events(read(path))["renqiu", "2018H1"].event == "failed"


def test_an_event_of_a_place_as_a_whole_is_read_back(tmp_path):
    path = tmp_path / "ledger.jsonl"
    written = append(path, Event("a", "", "failed", kind="KilledWorker"), at(NOON))

    assert read(path) == read(path, "a") == [written]
    assert append(path, Event("a", "", "failed"), at(NOON)).seq == 2

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fpanalysis import releases
from fpanalysis.errors import FpError
from fpanalysis.locks import locked
from fpanalysis.paths import Home, marks
from fpanalysis.periods import parse_period


def test_the_newest_release_has_the_highest_number(tmp_path):
    for name in ("r1", "r2", "r10", "rubbish"):
        (tmp_path / name).mkdir()

    assert releases.newest(tmp_path) == tmp_path / "r10"
    assert releases.newest(tmp_path / "nothing") is None


@pytest.fixture
def house(tmp_path) -> Home:
    return Home(tmp_path)


def target(house, number=1):
    return house.releases("renqiu", "2018H1") / f"r{number}"


def seen(house) -> list[str]:
    """What a reader sees in outputs."""
    return sorted(p.name for p in house.outputs.iterdir() if not p.name.startswith("."))


def test_a_stage_becomes_the_release_as_a_whole(house):
    with releases.staged(target(house), house) as stage:
        (stage / "report.html").write_text("x")

        assert not target(house).exists() and seen(house) == []

    assert (target(house) / "report.html").read_text() == "x"
    assert seen(house) == ["renqiu"]


def test_latest_leads_to_the_newest_release(house):
    for number in (1, 2):
        with releases.staged(target(house, number), house) as stage:
            (stage / "report.html").write_text(str(number))

        assert (house.releases("renqiu", "2018H1") / "latest" / "report.html").read_text() == str(number)


def test_without_links_latest_is_a_text(house, monkeypatch):
    def refuse(*given, **named):
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    with releases.staged(target(house), house):
        pass

    assert (house.releases("renqiu", "2018H1") / "latest.txt").read_text() == "r1\n"


def test_a_failure_before_any_notebook_leaves_nothing(house):
    with pytest.raises(FpError), releases.staged(target(house), house):
        raise FpError("no")

    assert not house.outputs.exists() or seen(house) == []


def test_what_a_failed_run_finished_is_there_for_the_next(house):
    with pytest.raises(FpError), releases.staged(target(house), house) as stage:
        (stage / "a.ipynb").write_text("finished")
        marks(stage).mkdir()
        (marks(stage) / "a").write_text("finished")
        raise FpError("no")

    assert seen(house) == []
    with releases.staged(target(house), house) as stage:
        assert ((stage / "a.ipynb").read_text(), (marks(stage) / "a").read_text()) == ("finished", "finished")
    assert seen(house) == ["renqiu"]
    assert not any((house.outputs / ".stage").iterdir())
    assert [p.name for p in target(house).iterdir()] == ["a.ipynb"]


def test_a_link_that_a_killed_run_left_behind_is_mended_and_a_right_one_left_alone(house):
    for number in (1, 2):
        with releases.staged(target(house, number), house):
            pass
    latest = house.releases("renqiu", "2018H1") / "latest"
    latest.unlink()
    latest.symlink_to("r1")
    releases.lead_to(target(house, 2))
    made = latest.lstat().st_mtime_ns
    releases.lead_to(target(house, 2))

    assert (latest.readlink().name, latest.lstat().st_mtime_ns) == ("r2", made)


def test_a_run_looks_back_on_earlier_periods_of_its_year_only(house):
    for key in ("2018H1", "2018H2", "2018", "2017H2", "2018Q1", "notes"):
        folder = house.outputs / "renqiu" / key / "r1"
        folder.mkdir(parents=True)
        (folder / "results.csv").write_text("x")

    def before(key):
        return {p.parent.name for p in releases.read_before(house, "renqiu", parse_period(key))}

    assert before("2018H1") == {"2018Q1", "2017H2"}
    assert before("2018H2") == {"2018H1", "2018Q1"}
    assert before("2018") == {"2018H1", "2018H2", "2018Q1"}
    assert before("2017") == {"2017H2"}


def test_manifest_hashes_every_output(tmp_path):
    (tmp_path / "a.csv").write_text("x")
    releases.write_manifest(tmp_path, {"place": "renqiu"})
    manifest = json.loads((tmp_path / "manifest.json").read_text("utf-8"))

    assert manifest["outputs"] == {"a.csv": releases.file_hash(tmp_path / "a.csv")}
    assert releases.manifest_of(tmp_path) == manifest


def test_a_fingerprint_changes_with_each_input_and_setting(desk):
    notebooks = [desk.home.notebooks / "02_births.ipynb"]
    made = releases.inputs(desk.home, desk.period, "renqiu", notebooks=notebooks)
    other = {**made, "params": {"renqiu.yaml": "0"}}
    prints = {
        releases.fingerprint(made, as_of="a"),
        releases.fingerprint(made, as_of="b"),
        releases.fingerprint(other, as_of="a"),
    }

    assert len(prints) == 3
    assert releases.fingerprint(made, as_of="a") == releases.fingerprint(made, as_of="a")


def test_inputs_name_raw_files_params_notebooks_and_packages(desk):
    notebooks = [desk.home.notebooks / "02_births.ipynb"]
    made = releases.inputs(desk.home, desk.period, "renqiu", notebooks=notebooks)

    assert set(made) == {"raw", "params", "notebooks", "before", "library", "packages", "python"}
    assert set(made["raw"]) >= {d.name for d in desk.data.deliveries}
    assert os.sep not in "".join(made["notebooks"])


def test_places_that_begin_and_end_at_the_same_time_are_not_in_each_others_way(house):
    def made(place):
        for number in range(1, 60):
            with releases.staged(house.releases(place, "2018H1") / f"r{number}", house):
                pass
        return releases.newest(house.releases(place, "2018H1")).name

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(made, ("a", "b"))) == ["r59", "r59"]


def test_latest_is_mended_under_the_lock_of_the_place_and_never_led_back(house):
    for number in (1, 2):
        with releases.staged(target(house, number), house):
            pass
    latest = house.releases("renqiu", "2018H1") / "latest"
    releases.mend_latest(target(house, 1), house)
    assert latest.readlink().name == "r2"

    latest.unlink()
    latest.symlink_to("r1")
    with locked(house.lock("renqiu"), wait=0):
        releases.mend_latest(target(house, 2), house)
        assert latest.readlink().name == "r1"
    releases.mend_latest(target(house, 2), house)
    assert latest.readlink().name == "r2"


def test_two_that_mend_and_one_that_makes_end_at_the_newest(house):
    latest = house.releases("renqiu", "2018H1") / "latest"

    def make(number):
        with locked(house.lock("renqiu"), wait=60), releases.staged(target(house, number), house):
            pass

    make(1)

    def mend(_):
        while releases.newest(latest.parent).name != "r40":
            releases.mend_latest(releases.newest(latest.parent), house)

    with ThreadPoolExecutor(3) as pool:
        others = [pool.submit(mend, n) for n in range(2)]
        for number in range(2, 41):
            make(number)
        for other in others:
            other.result()
    assert latest.readlink().name == "r40"
    assert not latest.with_suffix(".txt").exists()


def test_a_look_reads_a_file_once_and_the_next_one_again(tmp_path):
    path = tmp_path / "births.csv"
    path.write_text("1")
    look = releases.one_look()
    first = look(path)
    path.write_text("2")

    assert (look(path), releases.one_look()(path)) == (first, releases.content_hash(path))
    assert first != releases.content_hash(path)


def test_longer_periods_that_are_published_do_not_know_of_a_report_made_after_them(house):
    for key in ("2018H1", "2018H2", "2018", "2018Q1", "2017", "2019H1"):
        (house.outputs / "renqiu" / key / "r1").mkdir(parents=True)

    def after(key):
        return [p.parent.name for p in releases.told_after(house, "renqiu", parse_period(key))]

    assert after("2018Q1") == ["2018H1", "2018"]
    assert (after("2018H1"), after("2018H2"), after("2018")) == (["2018"], ["2018"], [])
    assert after("2019") == []

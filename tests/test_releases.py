import json
import os

import pytest

from fpanalysis import releases
from fpanalysis.errors import FpError


def test_the_newest_release_has_the_highest_number(tmp_path):
    for name in ("r1", "r2", "r10", "rubbish"):
        (tmp_path / name).mkdir()

    assert releases.newest(tmp_path) == tmp_path / "r10"
    assert releases.newest(tmp_path / "nothing") is None


def test_a_stage_becomes_the_release_as_a_whole(tmp_path):
    target = tmp_path / "outputs" / "renqiu" / "2018H1" / "r1"
    with releases.staged(target, tmp_path / "outputs") as stage:
        (stage / "report.html").write_text("x")

        assert not target.exists()

    assert (target / "report.html").read_text() == "x"
    assert [p.name for p in (tmp_path / "outputs").iterdir()] == ["renqiu"]


def test_a_failure_leaves_outputs_as_they_were(tmp_path):
    outputs = tmp_path / "outputs"
    with pytest.raises(FpError), releases.staged(outputs / "renqiu" / "2018H1" / "r1", outputs):
        raise FpError("no")

    assert not outputs.exists()


def test_manifest_hashes_every_output(tmp_path):
    (tmp_path / "a.csv").write_text("x")
    releases.write_manifest(tmp_path, {"place": "renqiu"})
    manifest = json.loads((tmp_path / "manifest.json").read_text("utf-8"))

    assert manifest["outputs"] == {"a.csv": releases.file_hash(tmp_path / "a.csv")}
    assert releases.manifest_of(tmp_path) == manifest


def test_a_fingerprint_changes_with_each_input_and_setting(desk):
    notebooks = [desk.home.notebooks / "02_births.ipynb"]
    made = releases.inputs(desk.home, "renqiu", desk.data.deliveries, notebooks)
    other = {**made, "params": {"renqiu.yaml": "0"}}
    prints = {
        releases.fingerprint(made, as_of="a"),
        releases.fingerprint(made, as_of="b"),
        releases.fingerprint(other, as_of="a"),
    }

    assert len(prints) == 3
    assert releases.fingerprint(made, as_of="a") == releases.fingerprint(made, as_of="a")


def test_inputs_name_raw_files_params_notebooks_and_packages(desk):
    made = releases.inputs(desk.home, "renqiu", desk.data.deliveries, [desk.home.notebooks / "02_births.ipynb"])

    assert set(made) == {"raw", "params", "notebooks", "library", "packages", "python"}
    assert len(made["raw"]) == len(desk.data.deliveries)
    assert os.sep not in "".join(made["notebooks"])

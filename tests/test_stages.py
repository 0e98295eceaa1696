"""Stages: what is made from the same is not made again; what a run left is taken up; order and parallel runs agree."""

import json
from pathlib import Path

import nbformat
import pytest

from fpanalysis import releases, stages
from fpanalysis.errors import NotebookError, ParamsError
from fpanalysis.execute import run_notebook

HEAD = 'place = "x"'


def write(folder: Path, name: str, code: str) -> Path:
    parameters = nbformat.v4.new_code_cell(HEAD, id="parameters", metadata={"tags": ["parameters"]})
    notebook = nbformat.v4.new_notebook(cells=[parameters, nbformat.v4.new_code_cell(code, id="work")])
    folder.mkdir(exist_ok=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder / f"{name}.ipynb"


def plan(folder: Path, notebooks: list[Path], salt: str = "") -> list[stages.Stage]:
    named = [(path.stem, path) for path in notebooks]

    def mark(path: Path, about: str) -> str:
        return releases.fingerprint({"text": path.read_text("utf-8")}, about=about, salt=salt)

    return stages.planned(named, {name: {"place": "renqiu", "other": "1"} for name, _ in named}, mark)


def note(folder: Path, name: str) -> str:
    """Code of a cell that writes a line to a file for each time it runs."""
    return f"with open({str(folder / 'ran.txt')!r}, 'a') as file:\n    file.write('{name}\\n')"


def ran(folder: Path) -> list[str]:
    path = folder / "ran.txt"
    return path.read_text().split() if path.is_file() else []


def run(source: Path, target: Path, given: dict[str, str]) -> None:
    """Do what the last cell of a notebook says, in this process: starting kernels takes longer."""
    exec(nbformat.read(source, as_version=4).cells[-1].source, {})
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(source.read_text("utf-8"), "utf-8")


def make(*given, **named):
    return stages.make(*given, **{"progress": lambda name: None, "run": run, **named})


@pytest.fixture
def three(tmp_path):
    """Three notebooks, the second of which reads the first, and the third both."""
    folder = tmp_path / "notebooks"
    return [
        write(folder, "a", note(tmp_path, "a")),
        write(folder, "b", f"{note(tmp_path, 'b')}\n# desk.kept('a')"),
        write(folder, "c", f"{note(tmp_path, 'c')}\n# desk.kept()"),
    ]


def test_what_a_notebook_reads_stands_in_its_text(three):
    assert [stages.reads(path, ["a", "b", "c"]) for path in three] == [(), ("a",), ("a", "b")]


def test_the_project_s_own_notebooks_are_read_so(root):
    keepers = [f"0{n}" for n in range(1, 6)]
    names = sorted(p.stem for p in (root / "notebooks").glob("0[1-5]*.ipynb"))

    assert len(keepers) == len(names)
    assert "02_births" in stages.reads(root / "notebooks" / "03_sex_ratio.ipynb", names)
    assert set(stages.reads(root / "notebooks" / "06_report.ipynb", names)) == set(names)


def test_only_declared_parameters_are_given(tmp_path, three):
    assert plan(tmp_path, three)[0].given == {"place": "renqiu"}


def test_notebooks_that_wait_for_each_other_are_named(tmp_path, three):
    write(tmp_path / "notebooks", "a", "desk.kept('b')")

    with pytest.raises(
        ParamsError, match="read each other in a circle, so none can be first: (a -> b -> a|b -> a -> b)"
    ):
        plan(tmp_path, three)


@pytest.mark.parametrize("jobs", [1, 2])
def test_stages_run_after_those_they_read(tmp_path, three, jobs):
    heard: list[str] = []
    found = make(plan(tmp_path, three[::-1]), tmp_path / "stage", jobs=jobs, progress=heard.append)

    assert ran(tmp_path) == found == heard == ["a", "b", "c"]


def test_a_finished_stage_is_not_run_again(tmp_path, three):
    heard: list[str] = []
    make(plan(tmp_path, three), tmp_path / "stage", progress=heard.append)
    again = make(plan(tmp_path, three), tmp_path / "stage", progress=heard.append)

    assert again == []
    assert heard == ["a", "b", "c"] * 2


def test_a_change_runs_that_stage_and_those_that_read_it(tmp_path, three):
    make(plan(tmp_path, three), tmp_path / "stage")
    write(tmp_path / "notebooks", "b", f"{note(tmp_path, 'b2')}\n# desk.kept('a')")
    again = make(plan(tmp_path, three), tmp_path / "stage")

    assert again == ["b", "c"]


def test_a_failure_keeps_what_the_others_finished(tmp_path, three):
    write(tmp_path / "notebooks", "b", "1 / 0  # desk.kept('a')")
    with pytest.raises(NotebookError, match=r"b\.ipynb, cell 2: ZeroDivisionError"):
        make(plan(tmp_path, three), tmp_path / "stage", run=run_notebook, jobs=2)
    first, second, third = plan(tmp_path, three)

    assert [stages.finished(s, tmp_path / "stage") for s in (first, second, third)] == [True, False, False]


def test_what_a_release_holds_is_taken_over(tmp_path, three):
    wanted, release = plan(tmp_path, three), tmp_path / "r1"
    make(wanted, release)
    (release / "kept").mkdir()
    (release / "kept" / "a.csv").write_text("rows")
    (release / "manifest.json").write_text(json.dumps({"stages": {s.name: s.mark for s in wanted[:2]}}))
    stages.reuse(wanted, release, tmp_path / "stage", lambda name: f"made from {name}")

    assert make(wanted, tmp_path / "stage") == ["c"]
    assert (tmp_path / "stage" / "kept" / "a.csv").read_text() == "rows"
    assert (tmp_path / "stage" / "kept" / "a.made_from").read_text() == "made from a"


def test_results_of_a_stage_in_one_language_are_kept_too(tmp_path):
    path, stage = write(tmp_path / "notebooks", "07_province", note(tmp_path, "p")), tmp_path / "stage"
    wanted = stages.planned([("07_province.zh", path)], {"07_province.zh": {}}, lambda path, about: about)
    (stage / "kept").mkdir(parents=True)
    (stage / "kept" / "07_province.zh.csv").write_text("results")
    make(wanted, stage)
    stages.clear(wanted, stage)

    assert (stage / "kept" / "07_province.zh.csv").is_file()


@pytest.mark.parametrize("left", ["notebooks/a.ipynb", "kept/a.csv"])
def test_what_a_stopped_machine_did_not_write_whole_is_made_again(tmp_path, three, left):
    wanted, stage = plan(tmp_path, three), tmp_path / "stage"
    (stage / "kept").mkdir(parents=True)
    (stage / "kept" / "a.csv").write_text("results")
    make(wanted, stage)
    assert make(wanted, stage) == []
    (stage / left).write_text("")

    assert not stages.finished(wanted[0], stage)
    assert make(wanted, stage) == ["a"]


def test_what_a_dead_run_left_unfinished_is_cleared(tmp_path, three):
    wanted, stage = plan(tmp_path, three), tmp_path / "stage"
    make(wanted[:1], stage)
    for rubbish in ("report.zh.html", "notebooks/b.ipynb", "kept/b.csv"):
        (stage / rubbish).parent.mkdir(exist_ok=True)
        (stage / rubbish).write_text("half")
    stages.clear(wanted, stage)

    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.glob("stage*/**/*") if p.is_file()) == [
        "stage.marks/a",
        "stage/notebooks/a.ipynb",
    ]


def test_the_working_folder_is_the_same_afterwards(tmp_path, three):
    before = Path.cwd()
    make(plan(tmp_path, three), tmp_path / "stage", jobs=2)

    assert before == Path.cwd()

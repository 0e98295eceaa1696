import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import nbformat
import pytest
from conftest import copy_project

from fpanalysis import due, fleet, ledger, pipeline, releases
from fpanalysis.__main__ import main
from fpanalysis.errors import NotebookError, PublishError
from fpanalysis.paths import Home
from fpanalysis.pipeline import publish, run_report, steps


def command(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What the command line does and says in a project (in this process: starting Python takes longer than most)."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setenv("FPANALYSIS_HOME", str(home))
        patch.delenv("FPANALYSIS_WORK", raising=False)
        try:
            code = main(words)
        except SystemExit as ended:
            code = int(ended.code or 0)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def test_the_command_line_starts_as_a_program(home):
    done = subprocess.run(
        [sys.executable, "-m", "fpanalysis", "dictionary", "en"], cwd=home, capture_output=True, text=True
    )

    assert done.returncode == 0
    assert "## `births`" in done.stdout


def test_a_release_holds_both_reports_results_and_manifest(edition):
    assert {p.name for p in edition.iterdir()} == {
        *(f"report.{lang}.{ending}" for lang in ("zh", "en") for ending in ("pdf", "docx", "xlsx")),
        "report.zh.html",
        "report.en.html",
        "facts.json",
        "facts.csv",
        "results.csv",
        "manifest.json",
        "notebooks",
        "kept",
    }
    assert edition.parts[-4:] == ("outputs", "renqiu", "2018H1", "r1")


def test_the_manifest_names_inputs_outputs_and_versions(edition):
    manifest = json.loads((edition / "manifest.json").read_text("utf-8"))

    assert manifest["outputs"]["report.zh.html"] == releases.file_hash(edition / "report.zh.html")
    assert set(manifest["inputs"]["notebooks"]) >= {"02_births.ipynb", "06_report.ipynb"}
    assert manifest["inputs"]["packages"]["pandas"]
    assert (manifest["calendar"], manifest["as_of"], manifest["synthetic"]) == ("calendar", "2018-07-18", True)


def test_the_pages_hold_no_code_and_load_nothing(edition):
    for lang in ("zh", "en"):
        page = (edition / f"report.{lang}.html").read_text("utf-8")

        assert "open_desk(" not in page
        assert 'src="http' not in page and "@import" not in page and "url(http" not in page


def test_an_unchanged_report_is_not_made_again(edition):
    home = edition.parents[3]
    heard: list[str] = []

    assert run_report("renqiu", "2018H1", home=home, progress=heard.append) == (edition, False)
    assert heard == ["check"]


def test_an_unchanged_report_is_told_without_reading_the_data(edition, tmp_path):
    home = edition.parents[3]
    asked = {"place": "renqiu", "period": "2018H1", "as_of": "", "parameters": {}}

    assert releases.unchanged(Home(home), asked) == edition
    assert releases.unchanged(Home(home), {**asked, "as_of": "2018-07-10"}) is None
    assert "nothing has changed since:" in command(home, "run", "renqiu", "2018H1").stdout


def test_an_unchanged_report_is_told_without_the_scientific_libraries(edition):
    code = "import sys; from fpanalysis.__main__ import main; main(sys.argv[1:]); print('pandas' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "renqiu", "2018H1"],
        env={**os.environ, "FPANALYSIS_HOME": str(edition.parents[3])}, capture_output=True, text=True,
    )  # fmt: skip

    assert done.stdout.splitlines()[0] == "nothing has changed since:"
    assert done.stdout.splitlines()[-1] == "False"


def test_what_a_release_was_made_from_stands_in_its_manifest(edition):
    manifest = releases.manifest_of(edition)

    assert list(manifest["stages"]) == sorted(step for step in steps("renqiu") if step not in ("check", "publish"))
    assert manifest["deliveries"]["2018-07-18/activities.2018H1.csv"] == {"received": "2018-07-18", "used": True}
    assert (edition.parent / "latest").resolve() == edition


@pytest.mark.parametrize(("place", "number"), [("renqiu", 9), ("cangzhou", 4)])
def test_steps_are_those_of_a_run(root, place, number):
    assert len(steps(place, root)) == len(set(steps(place, root))) == number


WRONG = {
    "a place": (["run", "renqui", "2018H1"], "did you mean 'renqiu'"),
    "a period": (["run", "renqiu", "2018H7"], "period '2018H7' is not understood"),
    "a notebook parameter": (
        ["run", "renqiu", "2018H1", "-p", "as_off", "x"],
        "no notebook has a parameter 'as_off'; did you mean 'as_of'",
    ),
    "the place as a parameter": (
        ["run", "renqiu", "2018H1", "-p", "place", "demo"],
        "'place' is not a parameter to set with -p: it is the first word of the command",
    ),
    "the day as a parameter": (
        ["run", "renqiu", "2018H1", "-p", "as_of", "2018-07-10"],
        "'as_of' is not a parameter to set with -p: use --as-of DATE",
    ),
    "a date": (["run", "renqiu", "2018H1", "--as-of", "soon"], "as_of is 'soon'"),
    "a sample place": (["sample", "x", "--place", "renqi"], "did you mean 'renqiu'"),
    "a language": (["dictionary", "zz"], "language 'zz' does not exist"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_misspelt_word_gives_one_sentence_and_exit_code_2(home, what):
    words, sentence = WRONG[what]
    done = command(home, *words)

    assert done.returncode == 2
    assert sentence in done.stderr and "Traceback" not in done.stderr
    assert not (home / "outputs").exists()


def spoil_column(raw: Path) -> None:
    path = raw / "2018-07-06" / "plan.csv"
    path.write_bytes(path.read_bytes().replace("统计期".encode(), "统计季".encode()))


def spoil_empty(raw: Path) -> None:
    (raw / "2018-07-06" / "peers.csv").write_bytes(b"")


def spoil_encoding(raw: Path) -> None:
    path = raw / "2018-07-06" / "plan.csv"
    path.write_bytes(b"\xff\xff\x81" + path.read_bytes())


def spoil_missing(raw: Path) -> None:
    for path in raw.glob("*/roll.csv"):
        path.unlink()


def spoil_params(raw: Path) -> None:
    path = raw.parents[2] / "params" / "renqiu.yaml"
    path.write_text(path.read_text("utf-8").replace("smallest_count", "smalest_count"), "utf-8")


SPOILT = {
    spoil_column: "column 统计期: expected this column, but the file does not have it (did you mean '统计季'?)",
    spoil_empty: "2018-07-06/peers.csv: expected a file with content, but it is empty",
    spoil_encoding: "2018-07-06/plan.csv: expected text in UTF-8 or GB18030",
    spoil_missing: "roll.csv: expected a file roll.csv or roll.xlsx",
    spoil_params: "smalest_count does not exist; did you mean 'smallest_count'",
}


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda f: f.__name__)
def test_a_spoilt_file_gives_one_sentence_and_exit_code_2(home, spoil):
    spoil(home / "data" / "raw" / "renqiu")
    for act in ("run", "check"):
        done = command(home, act, "renqiu", "2018H1")

        assert done.returncode == 2
        assert SPOILT[spoil] in done.stderr and "Traceback" not in done.stderr
        assert not (home / "outputs").exists()


def test_check_names_what_was_found_and_writes_nothing(home):
    done = command(home, "check", "renqiu", "2018H1")

    assert done.returncode == 0
    assert "files read, no fault" in done.stdout
    assert "was received on 18 July 2018, due by 10 July 2018" in done.stdout
    assert not (home / "outputs").exists()


def test_a_failing_notebook_is_named_and_leaves_no_release(home):
    path = home / "notebooks" / "01_check_data.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("1 / 0"))
    nbformat.write(notebook, path)

    with pytest.raises(
        NotebookError, match=f"01_check_data.ipynb, cell {len(notebook.cells)}: ZeroDivisionError"
    ) as error:
        run_report("renqiu", "2018H1", home=home)
    kept = home / "outputs" / "renqiu" / "2018H1" / "failed" / "1"
    assert {p.name for p in kept.iterdir()} == {"01_check_data.ipynb", "failure.json"}
    assert str(error.value).endswith(f"is kept in {kept / '01_check_data.ipynb'}")
    assert [p.name for p in (home / "outputs" / "renqiu" / "2018H1").iterdir()] == ["failed"]
    assert [p.name for p in (home / "outputs").iterdir() if not p.name.startswith(".")] == ["renqiu"]
    assert releases.newest(home / "outputs" / "renqiu" / "2018H1") is None


def test_an_unknown_format_in_params_is_refused_before_anything_runs(home):
    path = home / "params" / "renqiu.yaml"
    path.write_text(path.read_text("utf-8") + "formats: [fp-html, fp-fact]\n", "utf-8")
    heard: list[str] = []

    with pytest.raises(PublishError, match="format 'fp-fact' does not exist; did you mean 'fp-facts'"):
        run_report("renqiu", "2018H1", home=home, progress=heard.append)
    assert heard == []


def test_the_formats_asked_for_are_published(edition, tmp_path):
    notebooks = {lang: edition / "notebooks" / f"06_report.{lang}.ipynb" for lang in ("zh", "en")}
    publish(notebooks, tmp_path, formats=["fp-facts"], before=edition)

    assert {path.name for path in tmp_path.iterdir()} == {"facts.json", "facts.csv"}
    assert (tmp_path / "facts.json").read_bytes() == (edition / "facts.json").read_bytes()


def test_the_sample_is_written_where_asked(home, tmp_path):
    done = command(home, "sample", str(tmp_path / "new"))

    assert done.returncode == 0
    assert (tmp_path / "new" / "params" / "renqiu.yaml").is_file()
    assert (tmp_path / "new" / "data" / "raw" / "renqiu" / "planted_faults.csv").is_file()


def test_help_names_the_commands_with_examples(home):
    done = command(home, "--help")

    assert done.returncode == 0
    assert all(word in done.stdout for word in ("run", "check", "sample", "dictionary", "fpanalysis run renqiu 2018H1"))


def test_a_run_goes_on_where_a_failed_one_stopped(home):
    path = home / "notebooks" / "05_services.ipynb"
    good = path.read_text("utf-8")
    notebook = nbformat.reads(good, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("1 / 0"))
    nbformat.write(notebook, path)
    with pytest.raises(NotebookError, match="05_services.ipynb"):
        run_report("renqiu", "2018H1", home=home)
    first = home / "outputs" / ".stage" / "renqiu" / "2018H1" / "notebooks" / "01_check_data.ipynb"
    made = first.stat().st_mtime_ns
    path.write_text(good, "utf-8")
    release, new = run_report("renqiu", "2018H1", home=home)

    assert new
    assert (release / "notebooks" / "01_check_data.ipynb").stat().st_mtime_ns == made
    assert [p.name for p in (home / "outputs").iterdir() if not p.name.startswith(".")] == ["renqiu"]


def test_run_needs_a_place_and_a_period_or_all_that_is_due(home):
    for words in (["run"], ["run", "renqiu"], ["run", "--all"], ["run", "--due"], ["run", "renqiu", "2018H1", "--due"]):
        done = command(home, *words)

        assert done.returncode == 2
        assert "run --all --due" in done.stderr


def test_status_lists_every_report_and_writes_json(home, tmp_path):
    done = command(home, "status", "--today", "2018-07-20", "--json", str(tmp_path / "state.json"))

    assert done.returncode == 0
    assert done.stdout.splitlines()[0].split() == ["renqiu", "2018H1", "due", "never", "made"]
    assert json.loads((tmp_path / "state.json").read_text("utf-8"))["counts"]["due"] == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["renqiu", "2018H1", "--upgrade"], "--scheduler, --to and --upgrade go with --due"),
        (["renqiu", "--due", "--as-of", "2018-07-20"], "run --due takes neither --as-of nor -p"),
    ],
)
def test_options_that_would_do_nothing_are_refused(home, words, sentence):
    assert sentence in command(home, "run", *words).stderr


def test_what_is_due_is_made_on_the_terms_asked_for(home, monkeypatch):
    terms = {}
    monkeypatch.setattr(fleet, "run_due", lambda home, **given: terms.update(given) or [])
    command(home, "run", "--all", "--due", "--wait", "5", "--cell-timeout", "7", "--upgrade")

    assert terms["make"].keywords == {"wait": 5, "cell_timeout": 7}
    assert terms["upgrade"]


@pytest.mark.parametrize(("state", "code"), [("done", 0), ("late", 0), ("not due", 0), ("failed", 1), ("due", 1)])
def test_a_run_says_when_a_report_could_not_be_made(home, monkeypatch, state, code):
    monkeypatch.setattr(fleet, "run_due", lambda home, **given: [due.Report("renqiu", "2018H1", state)])

    assert command(home, "run", "--all", "--due").returncode == code


@pytest.mark.parametrize("words", [["status", "renqui"], ["run", "renqui", "--due"]])
def test_a_misspelt_place_is_a_wrong_command(home, words):
    done = command(home, *words)

    assert (done.returncode, "did you mean 'renqiu'" in done.stderr) == (2, True)


@pytest.mark.parametrize("words", [["run", "--all", "--due"], ["run", "renqiu", "--due"], ["status", "renqiu"]])
def test_params_of_one_place_that_are_wrong_are_a_failure_of_that_place(home, tmp_path, words):
    path = home / "params" / "renqiu.yaml"
    path.write_text(path.read_text("utf-8") + "nonsense: 1\n", "utf-8")
    done = command(home, *words, "--json", str(tmp_path / "new" / "state.json"))
    told = json.loads((tmp_path / "new" / "state.json").read_text("utf-8"))

    assert (done.returncode, told["counts"]) == (1, {"due": 0, "done": 0, "failed": 1, "late": 0, "not due": 0})
    assert set(told["reports"][0]) == {"place", "period", "state", "reason", "since", "release"}
    assert told["reports"][0]["reason"].startswith("params/renqiu.yaml: nonsense does not exist")


def test_status_lists_the_states_asked_for_and_counts_all(home):
    done = command(home, "status", "--today", "2018-07-20", "--state", "failed,not due")

    assert [line.split()[:2] for line in done.stdout.splitlines()[:-1]] == [["renqiu", "2018H2"], ["renqiu", "2018"]]
    assert done.stdout.splitlines()[-1] == "1 place: 1 due, 2 not due"
    wrong = command(home, "status", "--state", "faild")
    assert (wrong.returncode, "no report is ever 'faild': it is due, done, failed" in wrong.stderr) == (2, True)


def test_a_copy_that_was_not_taken_is_told_by_the_exit_code(home, monkeypatch):
    def run_due(home, *, heard, **given):
        heard("renqiu", [ledger.Event("renqiu", "2018H1", "not copied", reason="no room")])
        return [due.Report("renqiu", "2018H1", "late")]

    monkeypatch.setattr(fleet, "run_due", run_due)
    done = command(home, "run", "--all", "--due")

    assert (done.returncode, "renqiu 2018H1 not copied no room" in done.stderr) == (1, True)


@pytest.mark.parametrize(("period", "warned"), [("2018H1", True), ("2018", False)])
def test_a_report_that_a_published_one_does_not_know_of_is_said_and_noted(home, monkeypatch, period, warned):
    house = Home(home)
    for key in ("2018", "2017"):
        (house.releases("renqiu", key) / "r1").mkdir(parents=True)
    monkeypatch.setattr(pipeline, "run_report", lambda place, period, **given: (house.releases(place, period), True))
    house.releases("renqiu", period).mkdir(parents=True, exist_ok=True)
    done = command(home, "run", "renqiu", period)
    sentence = (
        "published reports of renqiu do not know of this one of 2018H1: what one of them hides, it may tell together"
    )

    assert (done.returncode, sentence in done.stderr) == (0, warned)
    assert ledger.read(house.ledger)[-1].reason.startswith(sentence) is warned


def test_the_ledger_names_the_period_of_the_calendar_of_the_place(tmp_path, monkeypatch):
    house = Home(copy_project(tmp_path, "demo"))

    def fails(place, period, **given):
        raise NotebookError("cell 3")

    monkeypatch.setattr(pipeline, "run_report", fails)
    command(house.root, "run", "demo", "2018H1")

    assert [(e.place, e.period, e.event) for e in ledger.read(house.ledger)] == [("demo", "S2018H1", "failed")]

"""All formats at once: through plain nbconvert, read once, in both languages, equal bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbconvert.exporters import get_exporter
from nbformat import v4

from fpanalysis import blocks
from fpanalysis.errors import PublishError
from fpanalysis.publish import FORMATS, checked_formats, document, edition, exporter
from fpanalysis.publish.edition import EditionExporter, publish_edition

EXTENSIONS = {name: get_exporter(name)().file_extension for name in FORMATS}


def written(folder: Path, name: str = "report", lang: str = "zh", *shown: blocks.Block) -> Path:
    parts = [blocks.meta("任丘市报告", lang=lang), blocks.prose("## 一\n\n出生5,584人。"), *shown]
    outputs = [v4.new_output("display_data", data=part._repr_mimebundle_()) for part in parts]
    path = folder / f"{name}.ipynb"
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("x", id="a", outputs=outputs)]), path)
    return path


def convert(path: Path, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "fp-report", str(path), *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


@pytest.mark.parametrize("within", [True, False], ids=["beside it", "from elsewhere"])
def test_plain_nbconvert_writes_every_format_beside_the_notebook(tmp_path, within):
    path = written(tmp_path)
    done = convert(Path(path.name) if within else path, cwd=tmp_path if within else Path(__file__).parent)

    assert done.returncode == 0, done.stderr
    assert {f"report{extension}" for extension in EXTENSIONS.values()} | {"report.facts.csv", "report.ipynb"} == {
        p.name for p in tmp_path.iterdir()
    }


def test_formats_and_name_may_be_chosen(tmp_path):
    done = convert(written(tmp_path), "--output", "page", "--EditionExporter.formats=fp-html", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert {"page.html", "report.ipynb"} == {p.name for p in tmp_path.iterdir()}


def test_without_the_page_another_format_comes_first(tmp_path):
    done = convert(written(tmp_path), "--EditionExporter.formats=fp-facts", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert {"report.facts.json", "report.facts.csv", "report.ipynb"} == {p.name for p in tmp_path.iterdir()}


def test_a_notebook_is_read_and_gated_once_for_all_formats(tmp_path, monkeypatch):
    """Counted by wrapping the two functions where they are used."""
    counted: list[str] = []
    for name in ("read_document", "check_prose"):
        wrapped = getattr(exporter, name)
        monkeypatch.setattr(exporter, name, lambda *a, _f=wrapped, _n=name, **k: (counted.append(_n), _f(*a, **k))[1])
    EditionExporter().from_filename(str(written(tmp_path)))

    assert counted == ["read_document", "check_prose"]


def test_a_file_whose_numbers_differ_is_not_published(tmp_path, monkeypatch):
    monkeypatch.setattr("fpanalysis.publish.html.render", lambda *given, **named: "<p>出生5,548人。</p>")

    with pytest.raises(
        PublishError, match=r"report\.html: its numbers differ .*missing: 5584; not in the report: 5548"
    ):
        EditionExporter(formats=["fp-html"]).from_filename(str(written(tmp_path)))


@pytest.mark.slow
def test_a_table_of_2800_rows_is_published_in_every_format_in_seconds(tmp_path):
    """All formats, numbers read back and compared included; seconds of this process alone."""
    counties = pd.DataFrame({"county": [f"县{n}" for n in range(2800)], **{f"c{n}": range(2800) for n in range(5)}})
    path = written(tmp_path, "report", "zh", blocks.table(counties, caption="各县", id="counties"))
    start = time.process_time()
    made, others = EditionExporter().from_filename(str(path))
    spent = time.process_time() - start
    page = made if isinstance(made, str) else made.decode()

    assert "县2799" in page and len(others["outputs"]) >= len(EXTENSIONS) - 1
    assert spent < 40


def test_an_unknown_format_is_refused():
    with pytest.raises(PublishError, match="format 'fp-htm' does not exist; did you mean 'fp-html'"):
        checked_formats(["fp-htm"])


def test_no_format_means_all():
    assert checked_formats([]) == tuple(FORMATS)


def test_a_release_has_each_format_in_each_language_and_facts_once(tmp_path):
    notebooks = {lang: written(tmp_path, f"06.{lang}", lang) for lang in ("zh", "en")}
    made = publish_edition(notebooks)
    readers = {f"report.{lang}{e}" for name, e in EXTENSIONS.items() for lang in notebooks if name != "fp-facts"}

    assert readers | {"facts.json", "facts.csv"} == set(made)
    assert b"lang=zh-CN" in made["report.zh.html"] and b"lang=en" in made["report.en.html"]


def test_formats_of_a_release_may_be_chosen(tmp_path):
    notebooks = {lang: written(tmp_path, f"06.{lang}", lang) for lang in ("zh", "en")}

    assert {"report.zh.html", "report.en.html"} == set(publish_edition(notebooks, formats=["fp-html"]))
    assert {"facts.json", "facts.csv"} == set(publish_edition(notebooks, formats=["fp-facts"]))


def test_languages_that_differ_are_refused(tmp_path):
    notebooks = {"zh": written(tmp_path, "06.zh", "zh"), "en": written(tmp_path, "06.en", "en", blocks.heading("x"))}

    with pytest.raises(
        PublishError, match=r"notebook 06\.en\.ipynb, cell 1: a heading of level 2 is missing in notebook 06\.zh\.ipynb"
    ):
        publish_edition(notebooks)


def test_a_release_is_the_same_twice(edition, tmp_path):
    """In a process of its own, with another hash seed and time zone."""
    code = (
        "import sys, pathlib; from fpanalysis.publish.edition import publish_edition; folder = pathlib.Path(sys.argv[1]);"
        "made = publish_edition({lang: folder / 'notebooks' / f'06_report.{lang}.ipynb' for lang in ('zh', 'en')});"
        "[(pathlib.Path(sys.argv[2]) / name).write_bytes(content) for name, content in made.items()]"
    )
    subprocess.run([sys.executable, "-c", code, str(edition), str(tmp_path)], check=True,
                   env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Shanghai"})  # fmt: skip
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    assert made == {name: (edition / name).read_bytes() for name in made}
    assert {"report.zh.html", "facts.json"} <= set(made)


def test_the_release_before_tells_what_was_revised(edition, tmp_path):
    content = json.loads((edition / "facts.json").read_bytes())
    changed = next(fact for fact in content["facts"] if fact["id"] == "registered/second@renqiu@2018H1")
    changed["value"] -= 1
    (tmp_path / "facts.json").write_text(json.dumps(content), "utf-8")
    notebooks = {lang: edition / "notebooks" / f"06_report.{lang}.ipynb" for lang in ("zh", "en")}
    made = publish_edition(notebooks, formats=["fp-facts"], before=tmp_path / "facts.json")
    revised = [fact for fact in json.loads(made["facts.json"])["facts"] if fact["status"] == "revised"]

    assert [(4695, 4696)] == [(fact["previous"], fact["value"]) for fact in revised]


def test_the_modules_that_read_a_notebook_are_those_counted():
    assert exporter.read_document is document.read_document
    assert edition.ReportExporter is exporter.ReportExporter

"""The laws of the house, so that a review is about ideas."""

import ast
import inspect
import re
from importlib import import_module
from pathlib import Path

import nbformat
import pytest

from fpanalysis import wording

PACKAGE = Path(__file__).resolve().parent.parent / "fpanalysis"
FLOORS = {
    "ground": [
        "errors",
        "paths",
        "lean",
        "locks",
        "periods",
        "results",
        "wording",
        "stats",
        "gp",
        "typeface",
        "history",
        "identity",
        "eligibility",
        "engines",
        "engines.dask",
        "engines.duckdb",
        "engines.spark",
        "engines.staging",
    ],
    "entry": ["contracts", "parsers", "grids", "levels", "ingest", "params", "checks", "dictionary"],
    "analysis": [
        "nowcast",
        "forecast",
        "regressors",
        "warning",
        "sex_ratio",
        "monitoring",
        "townships",
        "clusters",
        "family",
        "birth_order",
        "missing_girls",
        "consistency",
        "schedule",
        "formulation",
        "sources",
        "suspects",
        "reconcile",
        "followup",
        "indicators",
        "commitments",
        "quality",
        "revisions",
        "benchmark",
        "rollup",
        "pooling",
        "plan_path",
        "rates",
        "comparisons",
        "funnels",
    ],
    "show": [
        "overlaps",
        "disclosure",
        "blocks",
        "facts",
        "drawing",
        "figures",
        "tables",
        "narrative",
        "prose",
        "services",
        "service_figures",
    ],
    "publish": [
        "publish",
        "publish.charts",
        "publish.document",
        "publish.docx",
        "publish.edition",
        "publish.exporter",
        "publish.facts",
        "publish.followup_book",
        "publish.html",
        "publish.languages",
        "publish.marks",
        "publish.numbers",
        "publish.pdf",
        "publish.sheets",
        "publish.word_changes",
        "publish.word_page",
        "publish.word_table",
        "publish.word_text",
        "publish.xlsx",
    ],
    "run": [
        "zygote",
        "kernels",
        "engine",
        "execute",
        "releases",
        "desk",
        "stages",
        "pipeline",
        "ledger",
        "due",
        "fleet",
    ],
    "door": ["__main__", "sample"],
}
MAY_USE = {
    "ground": {"ground"},
    "entry": {"ground", "entry"},
    "analysis": {"ground", "analysis"},
    "show": {"ground", "show"},
    "publish": {"ground", "show", "publish"},
    "run": {"ground", "entry", "publish", "run"},
    "door": {"ground", "entry", "analysis", "show", "publish", "run", "door"},
}
FLOOR_OF = {module: floor for floor, modules in FLOORS.items() for module in modules}
MODULES = sorted(FLOOR_OF)
NOTEBOOKS = sorted((PACKAGE.parent / "notebooks").glob("*.ipynb"))


def source(module: str) -> Path:
    path = PACKAGE / Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imported(module: str) -> set[str]:
    """Modules of the package that a module imports, anywhere in its text."""
    here = module.split(".")[:-1] if source(module).name != "__init__.py" else module.split(".")
    found = set()
    for node in ast.walk(ast.parse(source(module).read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith("fpanalysis")):
            base = (
                [*here[: len(here) - node.level + 1], *filter(None, [node.module])]
                if node.level
                else node.module.split(".")[1:]
            )
            names = [".".join([*base, alias.name]) for alias in node.names]
            found |= {name if name in FLOOR_OF else ".".join(base) for name in names}
    return {name for name in found if name in FLOOR_OF}


def functions(module: str) -> list[ast.FunctionDef]:
    return [n for n in ast.walk(ast.parse(source(module).read_text("utf-8"))) if isinstance(n, ast.FunctionDef)]


def test_every_module_has_its_floor():
    files = {p.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".") for p in PACKAGE.rglob("*.py")}
    modules = {f.removesuffix(".__init__") for f in files} - {"__init__", "fonts", "fonts.make_fonts"}

    assert modules == set(FLOOR_OF)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_uses_only_floors_below_it(module):
    floors = {FLOOR_OF[name] for name in imported(module)}

    assert floors <= MAY_USE[FLOOR_OF[module]], {n: FLOOR_OF[n] for n in imported(module)}


def test_there_is_no_cycle():
    graph = {m: imported(m) - {m} for m in MODULES}
    while ends := [m for m, uses in graph.items() if not uses & set(graph)]:
        for module in ends:
            del graph[module]

    assert not graph


@pytest.mark.parametrize("module", [m for m in MODULES if FLOOR_OF[m] in ("ground", "analysis", "show", "entry")])
def test_analysis_and_show_do_not_print(module):
    calls = [
        n.func.id
        for n in ast.walk(ast.parse(source(module).read_text("utf-8")))
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
    ]

    assert "print" not in calls


@pytest.mark.parametrize("module", FLOORS["analysis"])
def test_analysis_reads_no_files(module):
    text = source(module).read_text("utf-8")

    assert not re.search(r"\bopen\(|read_csv|read_excel|\bPath\(|matplotlib", text)


@pytest.mark.parametrize("module", MODULES)
def test_public_names_exist_and_are_documented_and_typed(module):
    loaded = import_module(f"fpanalysis.{module}")

    assert loaded.__doc__
    for name in loaded.__all__:
        thing = getattr(loaded, name)
        if inspect.isfunction(thing) and thing.__module__ == loaded.__name__:
            assert thing.__doc__, name
            untyped = [p.name for p in inspect.signature(thing).parameters.values() if p.annotation is p.empty]

            assert not untyped, (name, untyped)
            assert inspect.signature(thing).return_annotation is not inspect.Signature.empty, name


@pytest.mark.parametrize("module", MODULES)
def test_no_function_is_longer_than_forty_lines(module):
    long = {f.name: f.end_lineno - f.lineno + 1 for f in functions(module) if f.end_lineno - f.lineno + 1 > 60}
    code = {f.name for f in functions(module) if _code_lines(f) > 40}

    assert not long
    assert not code


def _code_lines(function: ast.FunctionDef) -> int:
    doc = ast.get_docstring(function)
    return function.end_lineno - function.lineno + 1 - (len(doc.splitlines()) if doc else 0)


def test_a_typical_function_has_at_most_fifteen_lines():
    lengths = sorted(_code_lines(f) for module in MODULES for f in functions(module))

    assert lengths[len(lengths) * 8 // 10] <= 20
    assert lengths[len(lengths) // 2] <= 15


@pytest.mark.parametrize("module", [m for m in MODULES if FLOOR_OF[m] not in ("run", "door")])
def test_params_are_seen_by_notebooks_and_the_run_only(module):
    if module != "params":
        assert "params" not in imported(module)
    for function in functions(module):
        names = [a.arg for a in [*function.args.args, *function.args.kwonlyargs]]

        assert not {"config", "cfg", "options", "settings"} & set(names), function.name


@pytest.mark.parametrize(
    "module", [m for m in MODULES if FLOOR_OF[m] in ("ground", "entry", "analysis", "show", "publish", "run")]
)
def test_code_has_no_wording_for_readers(module):
    """Chinese stands in code only where files are read (contracts, parsers, ingest, params)."""
    if module in ("contracts", "parsers", "grids", "levels", "ingest", "params", "typeface", "wording"):
        return
    strings = [
        n.value
        for n in ast.walk(ast.parse(source(module).read_text("utf-8")))
        if isinstance(n, ast.Constant) and isinstance(n.value, str)
    ]
    docs = [ast.get_docstring(n, clean=False) for n in ast.walk(ast.parse(source(module).read_text("utf-8")))
            if isinstance(n, (ast.Module, ast.FunctionDef, ast.ClassDef))]  # fmt: skip

    assert not [s for s in strings if re.search("[\u4e00-\u9fff]", s) and s not in docs and len(s) > 3]


@pytest.mark.parametrize("module", [m for m in MODULES if m != "__main__"])
def test_every_module_has_its_test(module):
    assert (PACKAGE.parent / "tests" / f"test_{module.split('.')[-1]}.py").is_file()


def test_no_paths_of_a_machine_and_no_hosts():
    import subprocess

    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.splitlines():
        path = PACKAGE.parent / name
        if (
            path.suffix in (".py", ".md", ".toml", ".yml", ".yaml", ".lock", ".ipynb", ".csv", ".cfg")
            and path.is_file()
        ):
            text = path.read_text("utf-8", errors="ignore")

            assert not re.search(r"(?<![\w.])/(?:home|root|Users|work)/\w", text), name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_a_reading(path):
    notebook = nbformat.read(path, as_version=4)
    code = [c for c in notebook.cells if c.cell_type == "code"]
    texts = [c for c in notebook.cells if c.cell_type == "markdown"]

    assert len(texts) >= len(notebook.cells) / 3
    for cell in code:
        assert not re.search(r"^\s*(def|class|lambda)\b", cell.source, re.MULTILINE), cell.source
        assert len(cell.source.splitlines()) <= 12, cell.source
        assert not cell.source.rstrip().endswith(";")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_has_flat_text_parameters(path):
    cells = [c for c in nbformat.read(path, as_version=4).cells if "parameters" in c.metadata.get("tags", ())]

    assert len(cells) == 1
    for node in ast.parse(cells[0].source).body:
        assert (
            isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_committed_outputs_have_no_personal_datum_and_no_warning(path):
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            assert not (output.output_type == "stream" and output.name == "stderr")
            assert not re.search(r"(?<![0-9a-f.])\d{17}[\dXx](?![0-9a-f])", str(output))


def test_the_catalogue_reads():
    assert len(wording.catalogue()) > 200

"""One period of one place, from raw files to published report: check, run the notebooks in order, publish, release.

Imports no analysis: what is computed stands in the notebooks.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import releases, results
from .desk import KEEPERS, REPORT, Desk, open_desk, shared_data
from .errors import NotebookError, ParamsError, did_you_mean
from .execute import CELL_TIMEOUT, declared_parameters, keep_failed, run_notebook
from .publish.edition import checked_formats, publish_edition
from .wording import LANGS

__all__ = ["run_report"]

FACTS = "facts.json"
Progress = Callable[[str], None]
GIVEN = {
    "place": "it is the first word of the command",
    "period": "it is the second word of the command",
    "as_of": "use --as-of DATE",
    "lang": "every run publishes both languages",
}
"""Parameters of the notebooks that the run itself sets, and what to do instead of setting them."""
KERNEL = {"MPLBACKEND": "agg", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Environment of the kernels: no window, and one thread for linear algebra (idle ones multiply the CPU time)."""


def run_report(
    place: str,
    period: str,
    *,
    as_of: str = "",
    parameters: Mapping[str, str] | None = None,
    home: Path | None = None,
    cell_timeout: int | None = CELL_TIMEOUT,
    progress: Progress = lambda step: None,
) -> tuple[Path, bool]:
    """Return the folder of the finished release, and whether it is new (False: nothing has changed since the last one).

    `parameters` go to every notebook, whose cells may take `cell_timeout` seconds each; `progress` hears the name of
    each finished step (there are `len(steps())`). Raises FpError of some kind with one sentence, and leaves no
    half-made report in `outputs/`: of a notebook that failed, what ran until then is in `failed/`, for inspection.
    """
    desk = open_desk(place, period, as_of=as_of, home=home)
    notebooks = [desk.home.notebooks / f"{name}.ipynb" for name in (*KEEPERS, REPORT)]
    _check_parameters(parameters or {}, notebooks)
    checked_formats(desk.params.formats)
    progress("check")
    made_from = releases.inputs(desk.home, place, desk.data.deliveries, notebooks)
    mark = releases.fingerprint(made_from, period=desk.period.key, as_of=desk.as_of.isoformat(),
                                **_fonts_mark(desk), **(parameters or {}))  # fmt: skip
    folder = desk.home.releases(place, desk.period.key)
    last = releases.newest(folder)
    if last and releases.manifest_of(last).get("fingerprint") == mark:
        return last, False
    target = folder / f"r{int(last.name[1:]) + 1 if last else 1}"
    with releases.staged(target, desk.home.outputs) as stage:
        _fill(stage, desk, notebooks, parameters or {}, progress, cell_timeout)
        releases.write_manifest(stage, {**_about(desk, target.name), "fingerprint": mark, "inputs": made_from})
    return target, True


def _fonts_mark(desk: Desk) -> dict[str, str]:
    """Return one hash over the office's own fonts, nothing without: a report is made anew when they change."""
    files = sorted(desk.fonts.iterdir()) if desk.fonts else []
    return {"fonts": " ".join(releases.file_hash(path) for path in files if path.is_file())} if files else {}


def _about(desk: Desk, release: str) -> dict[str, Any]:
    return {
        "place": desk.place,
        "period": desk.period.key,
        "calendar": desk.period.calendar,
        "as_of": desk.as_of.isoformat(),
        "release": release,
        "synthetic": desk.params.synthetic,
    }


def steps() -> list[str]:
    """Return the names of the steps of a run, as `progress` hears them."""
    return ["check", *KEEPERS, *(f"{REPORT}.{lang}" for lang in LANGS), "publish"]


def _check_parameters(parameters: Mapping[str, str], notebooks: Sequence[Path]) -> None:
    known = {name for notebook in notebooks for name in declared_parameters(notebook)}
    for name in parameters:
        if name in GIVEN:
            raise ParamsError(f"{name!r} is not a parameter to set with -p: {GIVEN[name]}")
        if name not in known:
            raise ParamsError(f"no notebook has a parameter {name!r}{did_you_mean(name, known)}")


def _fill(
    stage: Path,
    desk: Desk,
    notebooks: Sequence[Path],
    parameters: Mapping[str, str],
    progress: Progress,
    cell_timeout: int | None,
) -> None:
    """Run everything into the stage folder: executed notebooks, kept results, results.csv and the reports."""
    given = {"place": desk.place, "period": desk.period.key, "as_of": desk.as_of.isoformat(), **parameters}
    terms = {"failed": desk.home.failed(desk.place, desk.period.key), "cell_timeout": cell_timeout}
    home = {"FPANALYSIS_HOME": str(desk.home.root), "FPANALYSIS_WORK": str(stage / "kept")}
    with shared_data(desk) as data, _environment(**home, **data, **KERNEL):
        for notebook in notebooks[:-1]:
            _execute(notebook, stage / "notebooks" / notebook.name, given, **terms)
            progress(notebook.stem)
        for lang in LANGS:
            executed = stage / "notebooks" / f"{REPORT}.{lang}.ipynb"
            _execute(notebooks[-1], executed, {**given, "lang": lang}, **terms)
            progress(executed.stem)
    executed = {lang: stage / "notebooks" / f"{REPORT}.{lang}.ipynb" for lang in LANGS}
    before = releases.newest(desk.home.releases(desk.place, desk.period.key))
    fonts = {"fonts": str(desk.fonts or ""), "system_fonts": desk.params.system_fonts}
    publish(executed, stage, formats=desk.params.formats, before=before, **fonts)
    progress("publish")
    results.write(
        results.combine([results.read(stage / "kept" / f"{name}.csv") for name in KEEPERS]), stage / "results.csv"
    )
    shutil.rmtree(stage / "kept")


def _execute(notebook: Path, target: Path, given: Mapping[str, str], *, failed: Path, cell_timeout: int | None) -> None:
    """Run a notebook with those of the parameters that it declares; keep what ran of it in `failed` when it fails."""
    known = declared_parameters(notebook)
    wanted = {name: value for name, value in given.items() if name in known}
    try:
        run_notebook(notebook, target, wanted, cell_timeout=cell_timeout)
    except NotebookError as error:
        raise keep_failed(target, failed, error) from None


def publish(
    notebooks: Mapping[str, Path],
    target: Path,
    *,
    formats: Sequence[str] = (),
    before: Path | None = None,
    **traits: Any,
) -> None:
    """Write the executed notebooks, by language, as `report.<lang>.<extension>` into the folder `target`.

    Formats that carry both languages are written once, without a language in their name. `formats` empty for all;
    `before` is the release before; `traits` are those of ReportExporter (`fonts`). Every notebook is read and held
    against the gates once, both languages against each other, and nothing is written when a gate refuses: PublishError.
    """
    earlier = before / FACTS if before and (before / FACTS).is_file() else None
    for name, content in publish_edition(notebooks, formats=formats, before=earlier, **traits).items():
        (target / name).write_bytes(content)


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set environment variables, which kernels inherit, for the length of a block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, old in before.items():
            os.environ.pop(name, None)
            if old is not None:
                os.environ[name] = old

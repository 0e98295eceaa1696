"""One period of one place, from raw files to published report: check, run the notebooks in order, publish, release.

Imports no analysis: what is computed stands in the notebooks.
"""

from __future__ import annotations

import datetime as dt
import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import lean, releases, results, stages  # lean: before anything imports nbformat
from .desk import LATEST, Desk, notebooks_of, open_desk, shared_data
from .errors import NotebookError, ParamsError, did_you_mean
from .execute import CELL_TIMEOUT, declared_parameters, keep_failed, run_notebook
from .locks import locked, storage
from .params import load_params
from .paths import Home, find_home
from .publish import checked_formats
from .wording import LANGS

__all__ = ["environment", "run_report"]

FACTS = "facts.json"
WAIT = 3600.0
"""Seconds to wait for another run on the same place."""
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
    jobs: int = 1,
    wait: float = WAIT,
    cell_timeout: int | None = CELL_TIMEOUT,
    progress: Progress = lambda step: None,
    say: Progress = lambda text: None,
) -> tuple[Path, bool]:
    """Return the folder of the finished release, and whether it is new (False: nothing has changed since the last one).

    `parameters` go to every notebook, whose cells may take `cell_timeout` seconds each; up to `jobs` notebooks run at a
    time where their order allows; another run on the same place is waited for at most `wait` seconds. `progress` hears
    the name of each finished step (those of `steps`), `say` whole sentences. Raises FpError of some kind with
    one sentence; no reader ever sees a half-made report: of a notebook that failed, what ran is kept in `failed/`,
    for inspection, and the next run goes on with the stages that this one finished.
    """
    lean.settle()
    desk = open_desk(place, period, as_of=as_of, home=home)
    _check_parameters(parameters or {}, _notebooks(desk))
    checked_formats(desk.params.formats)
    progress("check")
    asked = {"place": place, "period": period, "as_of": as_of, "parameters": dict(parameters or {})}
    with storage(desk.home.outputs), locked(desk.home.lock(place), wait=wait, say=say):
        return _released(desk, asked, jobs, cell_timeout, progress)


def _notebooks(desk: Desk) -> list[Path]:
    return [desk.home.notebooks / f"{name}.ipynb" for name in desk.notebooks]


def _released(
    desk: Desk, asked: Mapping[str, Any], jobs: int, cell_timeout: int | None, progress: Progress
) -> tuple[Path, bool]:
    """Return the release that answers `asked`, made if nothing made from the same is there."""
    counties = list(desk.params.counties)
    until = _until(desk, asked["as_of"])
    read = {"as_of": until, "counties": counties}
    made_from = releases.inputs(desk.home, desk.period, desk.place, notebooks=_notebooks(desk), **read)
    settings = {
        "period": desk.period.key, "as_of": desk.as_of.isoformat(), "until": until, "counties": counties,
        "folder": desk.params.fonts, "fonts": releases.folder_hash(desk.fonts), "parameters": asked["parameters"],
    }  # fmt: skip
    mark = releases.fingerprint(made_from, **settings)
    last = releases.newest(desk.home.releases(desk.place, desk.period.key))
    if last and releases.manifest_of(last).get("fingerprint") == mark:
        releases.lead_to(last)
        return last, False
    target = desk.home.releases(desk.place, desk.period.key) / f"r{int(last.name[1:]) + 1 if last else 1}"
    plan = _stages(desk, made_from, settings)
    with releases.staged(target, desk.home) as stage:
        stages.clear(plan, stage)
        stages.reuse(plan, last, stage, desk.made_from)
        with _kernels(stage, desk):
            failed = desk.home.failed(desk.place, desk.period.key)
            run = functools.partial(_execute, failed=failed, cell_timeout=cell_timeout)
            stages.make(plan, stage, jobs=jobs, progress=progress, run=run)
        _publish(stage, desk, last)
        progress("publish")
        about = {**_about(desk, target.name), "asked": asked, "settings": settings, "inputs": made_from}
        marks = {step.name: step.mark for step in plan}
        releases.write_manifest(stage, {**about, "fingerprint": mark, "stages": marks})
    return target, True


def _until(desk: Desk, as_of: str) -> str:
    """Return the last day of receipt of the files that a report takes in, "" for no last day."""
    if as_of:
        return "" if as_of == LATEST else as_of
    return "" if desk.closes == dt.date.max else desk.closes.isoformat()


def _stages(desk: Desk, made_from: Mapping[str, Any], settings: Mapping[str, Any]) -> list[stages.Stage]:
    """Return the stages of the report: the notebooks that keep results, and the report in each language."""
    *keepers, report = _notebooks(desk)
    named = [*((path.stem, path) for path in keepers), *((f"{report.stem}.{lang}", report) for lang in LANGS)]
    base = {"place": desk.place, "period": desk.period.key, "as_of": desk.as_of.isoformat(), **settings["parameters"]}
    given = {name: {**base, "lang": name.rpartition(".")[2]} if path == report else base for name, path in named}

    def mark(path: Path, about: str) -> str:
        own = {path.name: made_from["notebooks"][path.name]}
        return releases.fingerprint({**made_from, "notebooks": own}, **settings, about=about)

    return stages.planned(named, given, mark)


def _about(desk: Desk, release: str) -> dict[str, Any]:
    received = {d.name: {"received": d.received.isoformat(), "used": d.used} for d in desk.data.deliveries}
    return {
        "place": desk.place,
        "period": desk.period.key,
        "calendar": desk.period.calendar,
        "as_of": desk.as_of.isoformat(),
        "release": release,
        "synthetic": desk.params.synthetic,
        "deliveries": received,
    }


def steps(place: str, home: Path | None = None) -> list[str]:
    """Return the names of the steps of a run on a place, as `progress` hears them, in some order."""
    folders = Home(home) if home else find_home()
    *keepers, report = notebooks_of(load_params(place, folders.params))
    return ["check", *keepers, *(f"{report}.{lang}" for lang in LANGS), "publish"]


def _check_parameters(parameters: Mapping[str, str], notebooks: Sequence[Path]) -> None:
    known = {name for notebook in notebooks for name in declared_parameters(notebook)}
    for name in parameters:
        if name in GIVEN:
            raise ParamsError(f"{name!r} is not a parameter to set with -p: {GIVEN[name]}")
        if name not in known:
            raise ParamsError(f"no notebook has a parameter {name!r}{did_you_mean(name, known)}")


@contextmanager
def _kernels(stage: Path, desk: Desk) -> Iterator[None]:
    """Let kernels find the project, the stage's kept results, and the data that this run has read."""
    home = {"FPANALYSIS_HOME": str(desk.home.root), "FPANALYSIS_WORK": str(stage / "kept")}
    with shared_data(desk) as data, environment(**home, **data, **KERNEL):
        yield


def _execute(notebook: Path, target: Path, given: Mapping[str, str], *, failed: Path, cell_timeout: int | None) -> None:
    """Run a notebook; when it fails, keep what ran of it in `failed` and nowhere else."""
    try:
        run_notebook(notebook, target, given, cell_timeout=cell_timeout)
    except NotebookError as error:
        told = keep_failed(target, failed, error)
        target.unlink(missing_ok=True)
        raise told from None


def _publish(stage: Path, desk: Desk, before: Path | None) -> None:
    """Write the reports and results.csv into the stage folder, and take out of it what only the run needs."""
    *keepers, report = desk.notebooks
    executed = {lang: stage / "notebooks" / f"{report}.{lang}.ipynb" for lang in LANGS}
    fonts = {"fonts": str(desk.fonts or ""), "system_fonts": desk.params.system_fonts}
    publish(executed, stage, formats=desk.params.formats, before=before, **fonts)
    kept = keepers or [f"{report}.{LANGS[0]}"]
    found = results.combine([results.read(stage / "kept" / f"{name}.csv") for name in kept])
    results.write(found, stage / "results.csv")
    for path in (stage / "kept").glob("*.made_from"):
        path.unlink()


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
    from .publish.edition import publish_edition  # not before notebooks have run: it takes a quarter of a second

    earlier = before / FACTS if before and (before / FACTS).is_file() else None
    for name, content in publish_edition(notebooks, formats=formats, before=earlier, **traits).items():
        (target / name).write_bytes(content)


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Set environment variables, which kernels inherit, for the length of a block, and put back what was there."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, old in before.items():
            os.environ.pop(name, None)
            if old is not None:
                os.environ[name] = old

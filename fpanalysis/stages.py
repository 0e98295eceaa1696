"""The stages of one report: a stage is one notebook run once, skipped where nothing that makes it has changed.

A stage is finished when its mark, the fingerprint of everything that made it, lies beside the folder with what it left
(not in it: the folder becomes the release, and a run that is killed at its very end must not lose the marks). So a run
that was killed, or failed, goes on where it stopped, and a report in which only one notebook changed runs that one and
those that read it. Which stages a notebook reads is told from its own text (`desk.kept("02_births")`).
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from . import releases
from .errors import ParamsError
from .execute import declared_parameters, run_notebook
from .paths import marks

__all__ = ["Stage", "make", "planned", "reads", "reuse"]

KEPT = re.compile(r"\.kept\(([^)]*)\)")


@dataclass(frozen=True)
class Stage:
    """One notebook with its parameters, the stages it reads, and the mark of everything that makes it."""

    name: str
    notebook: Path
    given: Mapping[str, str]
    needs: tuple[str, ...]
    mark: str


def reads(notebook: Path, keepers: Sequence[str]) -> tuple[str, ...]:
    """Return the keepers whose results a notebook reads: those it names in `kept(...)`, all where it names none."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    said = KEPT.findall("\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code"))
    named = {name for words in said for name in re.findall(r"[\"']([^\"']+)[\"']", words)}
    every = set(keepers) if any(not words.strip() for words in said) else set()
    return tuple(k for k in keepers if k in named | every and k != notebook.stem)


def planned(
    notebooks: Sequence[tuple[str, Path]], given: Mapping[str, Mapping[str, str]], mark: Callable[[Path, str], str]
) -> list[Stage]:
    """Return the stages for notebooks (name of the stage and file), each after those it reads.

    `given`: parameters by stage. `mark` returns the fingerprint of one notebook together with a text that says the
    parameters and the marks of the stages it reads. Raises ParamsError when notebooks read each other in a circle.
    """
    found: dict[str, Stage] = {}
    keepers = [name for name, path in notebooks if name == path.stem]
    needs = {name: reads(path, keepers) for name, path in notebooks}
    files = dict(notebooks)
    for name in _in_order(needs):
        path = files[name]
        declared = declared_parameters(path)
        parameters = {k: v for k, v in given[name].items() if k in declared}
        about = [sorted(parameters.items()), [found[n].mark for n in needs[name]]]
        found[name] = Stage(name, path, parameters, needs[name], mark(path, json.dumps(about, ensure_ascii=False)))
    return list(found.values())


def _in_order(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names, each after those it needs. Raises ParamsError when notebooks wait for each other."""
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise ParamsError(f"these notebooks read each other in a circle, so none can be first: {circle}") from None


def make(
    stages: Sequence[Stage],
    folder: Path,
    *,
    jobs: int = 1,
    progress: Callable[[str], None],
    run: Callable[[Path, Path, Mapping[str, str]], None] = run_notebook,
) -> list[str]:
    """Run the stages that are not finished in the folder, up to `jobs` at a time; return the names of those that ran.

    `progress` hears the name of every stage, run or not; `run` executes a notebook. A stage starts when those it
    reads are finished. The first failure is raised after the others that were running have ended; what they finished
    is kept.
    """
    ran: list[str] = []
    with ThreadPoolExecutor(jobs) as pool:
        waiting, running, done = list(stages), dict[Future[None], Stage](), set[str]()
        while waiting or running:
            for stage in [s for s in waiting if set(s.needs) <= done]:
                if finished(stage, folder):
                    waiting.remove(stage)
                    done.add(stage.name)
                    progress(stage.name)
                elif len(running) < jobs:
                    waiting.remove(stage)
                    running[pool.submit(_run, stage, folder, run)] = stage
            for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                future.result()
                ran.append(running[future].name)
                done.add(running.pop(future).name)
                progress(ran[-1])
    return ran


def _run(stage: Stage, folder: Path, run: Callable[[Path, Path, Mapping[str, str]], None]) -> None:
    _mark(stage, folder).unlink(missing_ok=True)
    run(stage.notebook, _notebook(stage.name, folder), stage.given)
    _note(stage, folder)


def _note(stage: Stage, folder: Path) -> None:
    """Mark a stage as finished."""
    _mark(stage, folder).parent.mkdir(parents=True, exist_ok=True)
    _mark(stage, folder).write_text(_seal(stage, folder), "utf-8")


def _seal(stage: Stage, folder: Path) -> str:
    """Return the mark of a stage with the hashes of what it left, which a machine that stopped may not have written."""
    left = [path for path in (_notebook(stage.name, folder), _kept(stage.name, folder)) if path.is_file()]
    return "\n".join([stage.mark, *map(releases.file_hash, left)])


def finished(stage: Stage, folder: Path) -> bool:
    """Return whether a folder holds what the stage leaves, whole, made from the same."""
    mark = _mark(stage, folder)
    whole = mark.is_file() and _notebook(stage.name, folder).is_file()
    return whole and mark.read_text("utf-8") == _seal(stage, folder)


def reuse(stages: Sequence[Stage], release: Path | None, folder: Path, made_from: Callable[[str], str]) -> None:
    """Take over into the folder what a release holds of stages that are made from the same.

    `made_from`: the fingerprint that the results of a keeper carry for the notebooks that read them.
    """
    marks = releases.manifest_of(release).get("stages", {}) if release else {}
    for stage in stages:
        if release and marks.get(stage.name) == stage.mark and not finished(stage, folder):
            for path in (*release.glob(f"notebooks/{stage.name}.ipynb"), *release.glob(f"kept/{stage.name}.csv")):
                target = folder / path.relative_to(release)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            _note(stage, folder)
        results = _kept(stage.name, folder)
        if finished(stage, folder) and results.is_file():
            results.with_suffix(".made_from").write_text(made_from(stage.name), "utf-8", newline="\n")


def clear(stages: Sequence[Stage], folder: Path) -> None:
    """Remove from the folder, and from its marks, everything that is not what a finished stage left."""
    keep = {path for stage in stages if finished(stage, folder) for path in _left(stage, folder)}
    for path in [p for top in (folder, marks(folder)) for p in top.rglob("*") if p.is_file() and p not in keep]:
        path.unlink()


def _left(stage: Stage, folder: Path) -> tuple[Path, ...]:
    kept = _kept(stage.name, folder)
    return _mark(stage, folder), _notebook(stage.name, folder), kept, kept.with_suffix(".made_from")


def _notebook(name: str, folder: Path) -> Path:
    return folder / "notebooks" / f"{name}.ipynb"


def _kept(name: str, folder: Path) -> Path:
    return folder / "kept" / f"{name}.csv"


def _mark(stage: Stage, folder: Path) -> Path:
    return marks(folder) / stage.name

"""What running notebooks costs: warm kernels against plain papermill, on the project's own notebooks.

Each way runs the seven notebooks of a report (01 to 05, 06 in Chinese and in English) for some counties, copies of the
sample county, in a process of its own that is measured with everything it starts: CPU seconds (what the system counted
for the process and its children), seconds by the wall clock (noisy on a shared machine), and the largest memory of all
its processes together (proportional set size, so that shared pages count once). From the root of the project:

    python -m benchmarks.execution                        # one county, every way: minutes
    python -m benchmarks.execution --counties 1 10 40 --json tables.json

`engine` is `papermill --engine fpanalysis`; `warm` shares what was read among a county's notebooks, as a run does.
`report` is the whole of `fpanalysis run`: its slope over counties is what one more county costs, publication included.
`cells` is the floor: the same cells in one process, without kernels and without isolation.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
PERIOD = "2018H1"
NOTEBOOKS = [*((name, "zh") for name in ("01_check_data", "02_births", "03_sex_ratio", "04_subsidies", "05_services")),
             ("06_report", "zh"), ("06_report", "en")]  # fmt: skip
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg"}
EVERY = 2.0
"""Seconds between looks at the memory, each of which takes some hundredths of one."""


def make_home(folder: Path, counties: int) -> list[str]:
    """Return the names of counties, copies of the sample county, in a project made in `folder`."""
    names = [f"county{number:02}" for number in range(1, counties + 1)]
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    (folder / "params").mkdir()
    sample = (ROOT / "params" / "renqiu.yaml").read_text("utf-8")
    for name in names:
        (folder / "params" / f"{name}.yaml").write_text(sample.replace("place: renqiu", f"place: {name}"), "utf-8")
        shutil.copytree(ROOT / "data" / "raw" / "renqiu", folder / "data" / "raw" / name)
    return names


# Ways to run notebooks


def _jobs(home: Path, names: Sequence[str]) -> Iterator[tuple[Path, Path, dict[str, str], dict[str, str]]]:
    """Yield source, target, parameters and environment of every notebook in order."""
    for name in names:
        work = home / "work" / name
        env = {"FPANALYSIS_HOME": str(home), "FPANALYSIS_WORK": str(work / "kept")}
        for notebook, lang in NOTEBOOKS:
            target = work / f"{notebook}.{lang}.ipynb"
            yield home / "notebooks" / f"{notebook}.ipynb", target, {"place": name, "period": PERIOD, "lang": lang}, env


def plain(home: Path, names: Sequence[str]) -> None:
    """Run with papermill as it comes, one notebook after another in one process."""
    import papermill

    logging.getLogger("papermill").setLevel(logging.ERROR)
    for source, target, parameters, env in _jobs(home, names):
        target.parent.mkdir(parents=True, exist_ok=True)
        os.environ.update(env)
        papermill.execute_notebook(source, target, parameters, progress_bar=False, cwd=str(source.parent))


def plain_2(home: Path, names: Sequence[str]) -> None:
    """Run with papermill as it comes, in two processes."""
    _in_two("plain", home, names)


def _in_two(way: str, home: Path, names: Sequence[str]) -> None:
    words = [sys.executable, "-m", "benchmarks.execution", "--home", str(home), "--way", way, "--names"]
    halves = [half for half in (names[::2], names[1::2]) if half]
    for process in [subprocess.Popen([*words, *half], cwd=ROOT) for half in halves]:
        if process.wait():
            raise SystemExit(f"{way} in two processes failed")


def engine(home: Path, names: Sequence[str]) -> None:
    """Run with warm kernels, each notebook for itself, as `papermill --engine fpanalysis` does."""
    _forked(home, names, {})


def warm(home: Path, names: Sequence[str]) -> None:
    """Run with warm kernels, one notebook after another, the files of a county read once, as `fpanalysis run` does."""
    from fpanalysis.pipeline import open_desk, shared_data

    for name in names:
        with shared_data(open_desk(name, PERIOD, home=home)) as data:
            _forked(home, [name], data)


def _forked(home: Path, names: Sequence[str], data: Mapping[str, str]) -> None:
    from fpanalysis.execute import run_notebook

    for source, target, parameters, env in _jobs(home, names):
        wanted = parameters if source.stem == "06_report" else {k: v for k, v in parameters.items() if k != "lang"}
        run_notebook(source, target, wanted, environment={**env, **data})


def warm_2(home: Path, names: Sequence[str]) -> None:
    """Run with warm kernels, in two processes, as the workers of a fleet do."""
    _in_two("warm", home, names)


def cells(home: Path, names: Sequence[str]) -> None:
    """Run the same cells in this process: the floor."""
    import nbformat
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    for source, _, parameters, env in _jobs(home, names):
        os.environ.update(env)
        shell.reset()
        injected = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
        code = [c for c in nbformat.read(source, as_version=4).cells if c.cell_type == "code"]
        for cell in [code[0].source, injected, *(c.source for c in code[1:])]:
            with contextlib.redirect_stdout(io.StringIO()):
                shell.run_cell(cell).raise_error()


def report(home: Path, names: Sequence[str]) -> None:
    """Make the whole report, published in every format."""
    from fpanalysis.pipeline import run_report

    for name in names:
        run_report(name, PERIOD, home=home)


WAYS: dict[str, Callable[[Path, Sequence[str]], None]] = {
    "plain": plain, "plain_2": plain_2, "engine": engine, "warm": warm, "warm_2": warm_2, "cells": cells,
    "report": report,
}  # fmt: skip


# Measuring


def measured(way: str, counties: int) -> dict[str, float | str]:
    """Return CPU seconds, seconds, and peak memory in MB of a way, whole and by notebook."""
    with tempfile.TemporaryDirectory() as folder:
        names = make_home(Path(folder), counties)
        before, start = _children(), time.monotonic()
        words = ["-m", "benchmarks.execution", "--home", folder, "--way", way, "--names", *names]
        env = {**os.environ, **ONE_THREAD}
        process = subprocess.Popen([sys.executable, *words], cwd=ROOT, env=env)
        peak = _peak_memory(process)
        if process.returncode:
            raise SystemExit(f"{way} failed")
        cpu, wall, runs = _children() - before, time.monotonic() - start, counties * len(NOTEBOOKS)
    return {"way": way, "counties": counties, "cpu": cpu, "wall": wall, "cpu_notebook": cpu / runs,
            "wall_notebook": wall / runs, "peak_mb": peak}  # fmt: skip


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _peak_memory(process: subprocess.Popen[bytes]) -> float:
    """Return the largest memory, in MB, of a process and all below it, waiting for its end."""
    import psutil

    peak, ended = 0.0, threading.Event()
    threading.Thread(target=lambda: (process.wait(), ended.set()), daemon=True).start()
    while not ended.wait(EVERY):
        with contextlib.suppress(psutil.Error):
            top = psutil.Process(process.pid)
            peak = max(peak, sum(_memory(one) for one in [top, *top.children(recursive=True)]) / 1e6)
    return peak


def _memory(process: object) -> int:
    with contextlib.suppress(Exception):  # it may have ended
        return process.memory_full_info().pss
    return 0


def ratios(found: pd.DataFrame) -> pd.DataFrame:
    """Return what the goals are about, by number of counties: ratios within this very run."""
    cpu, wall = (found.pivot_table(index="counties", columns="way", values=name) for name in ("cpu", "wall"))
    pairs = [(way, other) for other in ("plain", "cells") for way in ("warm", "engine") if {way, other} <= {*cpu}]
    rows = {f"cpu: {way} / {other}": cpu[way] / cpu[other] for way, other in pairs}
    for name, of in {"cpu": cpu, "wall": wall}.items() if {"warm_2", "plain_2"} <= {*cpu} else ():
        rows[f"{name}: warm_2 / plain_2"] = of["warm_2"] / of["plain_2"]
    if "report" in cpu and len(cpu) > 1:
        step = cpu.index.to_series().diff()
        rows |= {"cpu: one more county, whole report": cpu["report"].diff() / step}
    if {"warm", "cells"} <= {*cpu} and len(cpu) > 1:
        step = cpu.index.to_series().diff()
        rows |= {
            f"cpu: one more county, {way}": cpu[way].diff() / step
            for way in ("plain", "engine", "warm", "cells")
            if way in cpu
        }
    return pd.DataFrame(rows).T


def main() -> None:
    """Measure and print; or, with --way, be one of the processes that are measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counties", type=int, nargs="+", default=[1])
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--way", choices=list(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--names", nargs="+", help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.way:
        WAYS[words.way](words.home, words.names)
        return
    rows = []
    for counties in words.counties:
        for way in words.ways:
            rows.append(measured(way, counties))
            print(json.dumps({k: round(v, 2) if isinstance(v, float) else v for k, v in rows[-1].items()}), flush=True)
    found = pd.DataFrame(rows)
    print(found.round(2).to_string(index=False), ratios(found).round(2).to_string(), sep="\n\n")
    if words.json:
        content = {"measured": rows, "ratios": json.loads(ratios(found).to_json())}
        words.json.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()

"""What everything around the reports costs when there are many places: planning, states, ledger, locks, Dask, status.

A project of small counties is made, half-years and a year due in each, and `fpanalysis run --all --due` goes through it
with a stand-in for the reports: it writes a release of three files as the pipeline leaves it, and runs no notebook. So
what is measured is what a report costs besides itself. From the root of the project:

    python -m benchmarks.fleet                              # 170 places, two workers of this machine: a minute
    python -m benchmarks.fleet --places 170 2800 --json tables.json
    python -m benchmarks.fleet --files renqiu --places 10   # places with as many files as the sample county

`first`: all is due; `again`: nothing is; `status`: the state of everything, in one process. CPU seconds are those of
the client and its workers together; `tenth` is how many times as long the last tenth of the places took as the first
(by the clock; with `--workers 1` in CPU seconds).
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from fpanalysis import due, fleet, ledger, releases
from fpanalysis.desk import notebooks_of
from fpanalysis.params import load_params, places
from fpanalysis.paths import Home
from fpanalysis.periods import parse_period

ROOT = Path(__file__).resolve().parent.parent
TODAY = dt.date(2019, 1, 20)
HALVES = {"2018H1": "2018-07-08", "2018H2": "2019-01-08"}
"""Half-years with births, and when their file arrived."""
TOWNS = ("东湖镇", "西山镇", "南塘乡", "北桥乡")


def make_home(folder: Path, number: int, files: str = "", since: str = "2018H1") -> list[str]:
    """Return the names of small counties in a project made in `folder`; `files`: a place whose files they get."""
    names = [f"county{n:04}" for n in range(1, number + 1)]
    (folder / "params").mkdir(parents=True)
    (folder / "notebooks").symlink_to(ROOT / "notebooks", target_is_directory=True)
    text = (ROOT / "params" / f"{files or 'demo'}.yaml").read_text("utf-8")
    if not files:
        text = text.replace("calendar: statistical", "calendar: calendar").replace("since: S2018H1", f"since: {since}")
    for name in names:
        named = text.replace(f"place: {files or 'demo'}", f"place: {name}")
        (folder / "params" / f"{name}.yaml").write_text(named, "utf-8")
        raw = folder / "data" / "raw" / name
        if files:
            _link(ROOT / "data" / "raw" / files, raw)
        else:
            _births(raw)
    return names


def _link(source: Path, target: Path) -> None:
    for path in (p for p in source.rglob("*") if p.is_file()):
        (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
        (target / path.relative_to(source)).symlink_to(path)


def _births(raw: Path) -> None:
    for half, day in HALVES.items():
        first = 1 if half.endswith("H1") else 7
        rows = [f"{town},{half[:4]}-{month:02},{half[:4]}-{month:02},1,{sex},{9 + month}"
                for town in TOWNS for month in range(first, first + 6) for sex in "男女"]  # fmt: skip
        (raw / day).mkdir(parents=True)
        text = "\n".join(["乡镇,出生年月,登记年月,孩次,性别,人数", *rows]) + "\n"
        (raw / day / f"births.{half}.csv").write_text(text, "utf-8")


def stand_in(place: str, period: str, *, home: Path) -> tuple[Path, bool]:
    """Leave a release as `run_report` does, without running a notebook."""
    house = Home(home)
    params = load_params(place, house.params)
    notebooks = [house.notebooks / f"{name}.ipynb" for name in notebooks_of(params)]
    made_from = releases.inputs(house, parse_period(period), place, notebooks=notebooks)
    asked = {"place": place, "period": period, "as_of": "", "parameters": {}}
    settings = {"period": period, "as_of": "", "fonts": "", "folder": "", "counties": [], "parameters": {}}
    last = releases.newest(house.releases(place, period))
    target = house.releases(place, period) / f"r{int(last.name[1:]) + 1 if last else 1}"
    with releases.staged(target, house) as stage:
        for name in ("results.csv", "facts.json"):
            (stage / name).write_text(f"{place} {period}\n", "utf-8")
        about = {"period": period, "asked": asked, "settings": settings, "inputs": made_from}
        releases.write_manifest(stage, {**about, "fingerprint": releases.fingerprint(made_from, **settings)})
    return target, True


def run(home: Home, workers: int) -> dict[str, float]:
    """Make all that is due, and return what can be seen from within: events, tenths, memory of the client."""
    clock = time.monotonic if workers > 1 else time.process_time
    moments, events = [clock()], []

    def heard(place: str, happened: list[ledger.Event]) -> None:
        moments.append(clock())
        events.extend(happened)

    found = fleet.run_due(home, today=TODAY, workers=workers, heard=heard, make=stand_in)
    told = json.dumps(fleet.summary(found, today=TODAY))
    steps = pd.Series(moments[1:]).diff().dropna()
    tenth = max(len(steps) // 10, 1)
    return {"reports": sum(r.state == "done" for r in found), "events": len(events), "json_kb": len(told) / 1000,
            "tenth": steps[-tenth:].sum() / steps[:tenth].sum()}  # fmt: skip


def status(home: Home, workers: int) -> dict[str, float]:
    """Look at the state of everything, as `fpanalysis status` does."""
    found = due.scan(home, places(home.params), today=TODAY, events=ledger.read(home.ledger))
    return {"reports": sum(r.state == "done" for r in found)}


ACTS = {"first": run, "again": run, "status": status}


def measured(act: str, home: Path, number: int, workers: int) -> dict[str, float | str]:
    """Return CPU seconds, seconds and memory of an act in a process of its own, whole and by place."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    words = ["-m", "benchmarks.fleet", "--home", str(home), "--act", act, "--workers", str(workers)]
    answer = subprocess.run([sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    told = json.loads(answer.stdout.splitlines()[-1])
    return {"act": act, "places": number, "cpu": cpu, "wall": wall, "ms_place": 1000 * cpu / number, **told}


def main() -> None:
    """Measure and print; or, with --act, be one of the processes that are measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--places", type=int, nargs="+", default=[170])
    parser.add_argument("--workers", type=int, default=2, help="worker processes; 1 for none")
    parser.add_argument("--files", default="", metavar="PLACE", help="give each place the files of this one")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--act", choices=list(ACTS), help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.act:
        told = ACTS[words.act](Home(words.home), words.workers)
        print(json.dumps({**told, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000}))
        return
    rows = []
    for number in words.places:
        with tempfile.TemporaryDirectory() as folder:
            make_home(Path(folder), number, words.files)
            for act in ACTS:
                rows.append(measured(act, Path(folder), number, words.workers))
                print(
                    json.dumps({k: round(v, 2) if isinstance(v, float) else v for k, v in rows[-1].items()}), flush=True
                )
    if words.json:
        words.json.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()

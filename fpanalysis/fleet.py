"""Many places: every report that is due, made in order, on this machine or on a Dask cluster.

A place is one task: its reports are made one after the other (a later period looks back on an earlier one), and one
that fails stops neither the others of its place nor the other places. A failure that may pass is tried again after
a pause. Workers read the project's files where they lie and write releases to its outputs; with a URL the newest
release of each report (of a late one, or one that fails, the last that was made) is copied there as well, the manifest
last, so that whoever sees a manifest sees a whole release; what an earlier run could not copy is made up for.

A worker that dies is replaced by the cluster and its place is begun again: finished stages and releases are found by
their marks, so nothing runs twice without need.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

from . import due, ledger, releases
from .errors import CopyError, FpError, StorageError, sentence
from .params import load_params, places
from .paths import Home
from .periods import parse_period
from .pipeline import environment, run_report

__all__ = ["PAUSES", "catch_up", "copy_release", "is_copied", "run_due", "summary"]

PAUSES = (1.0, 10.0, 60.0)
"""Seconds before each further try of a report whose failure may pass."""
ANSWER = 20
"""Seconds within which a scheduler must answer."""
MANIFEST = "manifest.json"
ALONE = threading.Lock()
"""A process makes one place at a time, also where a cluster's worker has several threads: its environment is one."""
Make = Callable[..., tuple[Path, bool]]
"""How a report is made: `run_report`, or what stands in for it."""
CaughtUp: TypeAlias = tuple[list[ledger.Event], list[due.Report]]
"""What happened at a place, and the state of its reports."""
Answer: TypeAlias = Callable[[], CaughtUp]


def run_due(
    home: Home,
    *,
    today: dt.date,
    only: Sequence[str] = (),
    workers: int = 1,
    scheduler: str = "",
    memory: str = "auto",
    url: str = "",
    pauses: Sequence[float] = PAUSES,
    upgrade: bool = False,
    heard: Callable[[str, list[ledger.Event]], None] = lambda place, events: None,
    make: Make = run_report,
) -> list[due.Report]:
    """Return the state of every report after all that were due have been made (or have failed).

    `only`: places (all in params without). With one worker and no `scheduler` the work is done in this process, else
    on the Dask cluster at `scheduler` ("tcp://..."), or on one of `workers` processes on this machine, each bounded to
    `memory`. `url`: an fsspec URL to copy releases to. `upgrade`: what was made with an older version is made anew.
    `heard` gets each place with its events when it is done. Raises FpError when no scheduler answers.
    """
    chosen = list(only) or places(home.params)
    about = {"today": today, "url": url, "pauses": tuple(pauses), "outputs": str(home.outputs), "upgrade": upgrade,
             "make": make}  # fmt: skip
    found: dict[str, list[due.Report]] = {}
    for wave in _waves(home, chosen):
        asked = ((place, functools.partial(catch_up, str(home.root), place, **about)) for place in wave)
        if workers > 1 or scheduler:
            asked = _on_cluster(asked, workers=workers, scheduler=scheduler, memory=memory)
        for place, answer in asked:
            happened, found[place] = _answered(home, place, answer, about)
            heard(place, happened)
    return [report for place in chosen for report in found[place]]


def _waves(home: Home, chosen: Sequence[str]) -> list[list[str]]:
    """Return the places in the order of their dependence: provinces, which add up counties, after all others."""
    above = [place for place in chosen if _has_counties(home, place)]
    return [wave for wave in ([place for place in chosen if place not in above], above) if wave]


def _has_counties(home: Home, place: str) -> bool:
    try:
        return bool(load_params(place, home.params).counties)
    except FpError:
        return False  # said by the report of the place itself


def catch_up(
    root: str,
    place: str,
    *,
    today: dt.date,
    url: str = "",
    pauses: Sequence[float] = PAUSES,
    outputs: str = "",
    upgrade: bool = False,
    make: Make = run_report,
) -> CaughtUp:
    """Make the due reports of one place, in order, each tried `len(pauses) + 1` times at most, and copy all to `url`.

    Return what happened, and the state of every report of the place afterwards.
    """
    home = Home(Path(root))
    happened: list[ledger.Event] = []
    tried: set[str] = set()
    with ALONE, environment(FPANALYSIS_OUTPUTS=outputs or str(home.outputs)):
        copied = functools.cache(is_copied)  # the store is asked once for each release, not after each report
        while True:
            look = {"today": today, "upgrade": upgrade, "hashed": (hashed := releases.one_look())}
            found = due.reports(home, place, events=ledger.read(home.ledger, place), **look)
            down = any(event.kind == CopyError.__name__ for event in happened)  # the store: waited for once
            report = next((r for r in found if r.period not in tried and _is_wanting(home, r, url, copied)), None)
            if not report:
                return happened + _brought(home, found, "" if down else url), found
            tried.add(report.period)
            mark = due.data_mark(home, place, parse_period(report.period), hashed)
            happened += _made(home, report, mark, () if down else pauses, url, upgrade, make)


def _is_wanting(home: Home, report: due.Report, url: str, copied: Callable[[Path, str], bool]) -> bool:
    """Return whether a report is due, or done while its release is not yet where `latest` and the copies are."""
    if report.state != "done":
        return report.state == "due"
    release = home.releases(report.place, report.period) / report.release
    return not releases.is_led_to(release) or (bool(url) and not copied(release, url))


def _brought(home: Home, found: Sequence[due.Report], url: str) -> list[ledger.Event]:
    """Lead to, and copy, the last good releases of reports that are late or were not made anew; return the copies.

    One that was made by hand with parameters of its own, to try something out, say, stays here.
    """
    older = {home.releases(r.place, r.period) / r.release: r for r in found if r.release and r.state != "done"}
    for release in older:
        releases.mend_latest(release, home)
    usual = [release for release in older if url and not _is_by_hand(release)]
    return [_copied(home, release, older[release], url) for release in usual if not is_copied(release, url)]


def _is_by_hand(release: Path) -> bool:
    with suppress(ValueError):  # a manifest that cannot be read: copying will say so
        return due.is_by_hand(releases.manifest_of(release))
    return False


def _copied(home: Home, release: Path, report: due.Report, url: str) -> ledger.Event:
    about = {"place": report.place, "period": report.period, "release": report.release}
    try:
        copy_release(release, url)
        told = ledger.Event(**about, event="copied")
    except CopyError as error:
        told = ledger.Event(**about, event="not copied", reason=str(error), kind=CopyError.__name__)
    return ledger.append(home.ledger, told, now=ledger.local_time)


def _made(
    home: Home, report: due.Report, mark: str, pauses: Sequence[float], url: str, upgrade: bool, make: Make
) -> list[ledger.Event]:
    """Make a report, or what is missing of one that is there (the link to it, its copy), and return what happened."""
    happened: list[ledger.Event] = []

    def work() -> tuple[Path, bool]:
        there = None if upgrade else due.current(home, report.place, report.period)
        release, new = (there, False) if there else make(report.place, report.period, home=home.root)
        if there:
            releases.mend_latest(there, home)
        if url:
            copy_release(release, url)
        return release, new

    about = {"place": report.place, "period": report.period, "data": mark}
    for pause in (*pauses, None):
        happened += ledger.recorded(home.ledger, work, **about, now=ledger.local_time)
        if pause is None or not happened[-1].passing:
            break
        time.sleep(pause)
    return happened


def _on_cluster(
    asked: Iterable[tuple[str, Answer]], *, workers: int, scheduler: str, memory: str
) -> Iterator[tuple[str, Answer]]:
    """Yield each place with its answer as the cluster finishes it."""
    from distributed import as_completed

    with _client(workers, scheduler, memory) as client:
        tasks = {client.submit(work, pure=False): place for place, work in asked}
        for task in as_completed(list(tasks)):
            yield tasks.pop(task), task.result


def _answered(home: Home, place: str, answer: Answer, about: dict[str, Any]) -> CaughtUp:
    """Return what came of a place; where nothing did (its workers died, the program has a fault) it failed.

    A disk that takes nothing is no fault of a place, and raises StorageError.
    """
    try:
        return answer()
    except StorageError:
        raise
    except Exception as error:
        told = [_lost(home, place, error)]
        look = {"today": about["today"], "upgrade": about["upgrade"]}
        return told, due.reports(home, place, events=ledger.read(home.ledger, place), **look)


@contextmanager
def _client(workers: int, scheduler: str, memory: str) -> Iterator[Any]:
    """Yield a client of the cluster at `scheduler`, or of one of this machine that ends with the block."""
    from distributed import Client, LocalCluster

    with ExitStack() as opened:
        try:
            cluster = scheduler or opened.enter_context(LocalCluster(
                n_workers=workers, threads_per_worker=1, memory_limit=memory, dashboard_address="127.0.0.1:0"
            ))  # fmt: skip
            client = opened.enter_context(Client(cluster, timeout=ANSWER))
        except (OSError, ValueError) as error:
            where = scheduler or "this machine"
            raise FpError(f"no Dask scheduler answers at {where}: {' '.join(str(error).split())[:120]}") from None
        yield client


LOST = {
    "KilledWorker": "its worker died again and again; out of memory is the usual cause: give more (--memory), or make "
    "fewer places at a time (--jobs)",
    "FutureCancelledError": "the cluster ended before the report was made",
}
"""What became of a place whose task has no answer, by the kind of error that distributed raises for it."""


def _lost(home: Home, place: str, error: Exception) -> ledger.Event:
    """Return the event, written to the ledger, of a place whose task ended without one; of the report it was at."""
    at_work = [event.period for event in ledger.read(home.ledger, place)[-1:] if event.event == "started"]
    kind = type(error).__name__
    reason = LOST.get(kind) or sentence(error)
    event = ledger.Event(place, "".join(at_work), "failed", reason=reason, kind=kind)
    return ledger.append(home.ledger, event, now=ledger.local_time)


def is_copied(release: Path, url: str) -> bool:
    """Return whether a release is at `url` as a whole; False too where that cannot be told."""
    with suppress(Exception):  # every store has errors of its own; copying will say them
        files, target = _store(release, url)
        return bool(files.cat_file(f"{target}/{MANIFEST}") == (release / MANIFEST).read_bytes())
    return False


def copy_release(release: Path, url: str) -> None:
    """Copy a release to `<url>/<place>/<period>/<release>/`, the manifest last; what is there whole is left alone.

    Raises CopyError with the reason why the store does not take it.
    """
    if is_copied(release, url):
        return
    try:
        files, target = _store(release, url)
        for path in releases.manifest_of(release)["outputs"]:
            files.makedirs(f"{target}/{path}".rpartition("/")[0], exist_ok=True)
            files.pipe_file(f"{target}/{path}", (release / path).read_bytes())
        part = f"{target}/.{MANIFEST}.part"  # a file of a disk grows while it is written: nobody must read half of it
        files.pipe_file(part, (release / MANIFEST).read_bytes())
        files.mv(part, f"{target}/{MANIFEST}")
    except Exception as error:  # every store has errors of its own
        user = next(iter(re.findall(r"//([^/]*@)", url)), "")  # and password
        where, told = (words.replace(user, "") for words in (url, f"{type(error).__name__}: {error}"))
        what, why = "/".join(release.parts[-3:]), " ".join(told.split())[:200]
        raise CopyError(f"{what} is made, but could not be copied to {where}: {why}") from None


def _store(release: Path, url: str) -> tuple[Any, str]:
    """Return the store that a URL means, and the folder of a release in it."""
    import fsspec

    files, base = fsspec.core.url_to_fs(url)
    return files, "/".join([base.rstrip("/"), *release.parts[-3:]])


def summary(found: Sequence[due.Report], *, today: dt.date) -> dict[str, Any]:
    """Return the states of all reports for a scheduler that reads JSON: counts by state, and every report."""
    counts = {state: sum(r.state == state for r in found) for state in due.STATES}
    return {"today": today.isoformat(), "counts": counts, "reports": [vars(report) for report in found]}

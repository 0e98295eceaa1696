"""Which reports are due: the periods that are over, whose data are complete, and whose report is missing or outdated.

Complete means that every kind of file with a deadline in params reaches the last month of the period (a file without
months: that one was received after it), from every township that handed one in every month before. Before the deadline
a report whose data are not complete is not due; after it, it is late, and the state says what is missing, until the
day on which the report is closed: then it is made from what has come. An office that wants to publish earlier runs that
report by hand. The raw files are read for this once; what they lack is kept (`Home.lacks`) until one of them, the
params or the program changes.

A report is outdated when what it tells of has changed: raw files, params, fonts, or an earlier report that it reads. A
newer program (notebooks, library, packages, Python) does not by itself change what an office has published: the report
stays done, its state says that it was made with an older version, and only `upgrade` makes it due. A report that was
made by a run that died before it could say so, or that could not be copied, is due too, though only the rest is done.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from . import ledger, releases
from .checks import deadline
from .desk import closing_day, deliveries, read_data
from .errors import CopyError, sentence
from .ingest import Data, Delivery
from .locks import is_held, replace_text
from .params import Params, load_params
from .paths import Home
from .periods import Period

__all__ = ["STATES", "Report", "current", "is_by_hand", "reports", "scan"]

STATES = ("due", "done", "failed", "late", "not due")
MONTH = {"births": "registered", "registrations": "month", "checkups": "month", "payments": "due"}
"""Kinds of files by month, and the column that says which."""
PROGRAM = ("notebooks", "library", "packages", "python")
"""What a report is made with, not from: a newer one makes no published report due."""
Hashed: TypeAlias = Callable[[Path], str]
REGULAR = 6
"""A township that handed in for each of so many months before is expected to have done so for the last one."""


@dataclass(frozen=True)
class Report:
    """One report and its state (one of STATES), why, since when, and the newest release if there is one."""

    place: str
    period: str
    state: str
    reason: str = ""
    since: str = ""
    release: str = ""


def scan(
    home: Home,
    chosen: Sequence[str],
    *,
    today: dt.date,
    events: Sequence[ledger.Event] = (),
    upgrade: bool = False,
) -> list[Report]:
    """Return the state of every report of some places, in the order in which they are to be made."""
    last, hashed = ledger.last_events(events), releases.one_look()
    return [report for place in chosen for report in _reports(home, place, today, last, upgrade, hashed)]


def reports(
    home: Home,
    place: str,
    *,
    today: dt.date,
    events: Sequence[ledger.Event] = (),
    upgrade: bool = False,
    hashed: Hashed | None = None,
) -> list[Report]:
    """Return the state of each report of a place: from the first period with complete data to the one that runs today.

    `today` decides what is over; `events` are those of the ledger; with `upgrade` a report made with an older version
    is due; `hashed`: the look at the files (`releases.one_look`), a new one without. A place whose files cannot be read
    is one report without period, failed, with the sentence that says why.
    """
    return _reports(home, place, today, ledger.last_events(events), upgrade, hashed or releases.one_look())


def _reports(
    home: Home, place: str, today: dt.date, last: Mapping[tuple[str, str], ledger.Event], upgrade: bool, hashed: Hashed
) -> list[Report]:
    try:
        params = load_params(place, home.params)
        received = deliveries(home, params)
        periods = _periods(params, received, today)
        lacks = _lacks(home, params, received, periods)
        for period in periods:
            if closing_day(received, period, params.closing_days) < today:
                lacks[period.key] = {}  # the report is closed: it is made from what had come
        return [_state(home, params, p, lacks[p.key], today, last.get((place, p.key)), upgrade, hashed)
                for p in periods]  # fmt: skip
    except Exception as error:  # whatever it is, it must stop no other place
        return [Report(place, "", "failed", sentence(error))]


def _lacks(
    home: Home, params: Params, received: Sequence[Delivery], periods: Sequence[Period]
) -> dict[str, dict[str, str]]:
    """Return what each period lacks; the raw files are read only where they, or what reads them, have changed."""
    if params.counties:
        return {period.key: _unpublished(home, period, params) for period in periods}
    path = home.lacks(params.place)
    files = {"params": releases.file_hash(home.params / f"{params.place}.yaml"), **releases.program(),
             "raw": [(d.name, d.received.isoformat(), d.sha256) for d in received]}  # fmt: skip
    mark = releases.fingerprint(files)
    known = _kept(path, mark)
    if not {period.key for period in periods} <= set(known):
        data = read_data(params, list(received), key=home.key(params.place))
        known = {period.key: missing(period, params, received, data) for period in periods}
        with suppress(OSError):  # a folder of somebody else: it is read again the next time
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_text(path, json.dumps({"made_from": mark, "lacks": known}, ensure_ascii=False) + "\n")
    return known


def _kept(path: Path, mark: str) -> dict[str, dict[str, str]]:
    """Return what is kept in a file with this mark; nothing of another one, or of one that was cut off."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(path.read_text("utf-8"))
        return found["lacks"] if found["made_from"] == mark else {}
    return {}


def _periods(params: Params, received: Sequence[Delivery], today: dt.date) -> list[Period]:
    """Return the periods that are reported on, from the first one to those that today lies in, by their end."""
    first = {kind: min((d.received for d in received if d.kind == kind), default=today) for kind in _awaited(params)}
    whole = _holding(min(today, max(first.values(), default=today)), "half", params.calendar).previous()
    since = params.period(params.reports.since).start if params.reports.since else whole.start
    found = []
    for kind in params.reports.kinds:
        period = _holding(today, kind, params.calendar)
        while period.start >= since:
            found.append(period)
            period = period.previous()
    return sorted(found, key=lambda p: (p.end, -p.start.toordinal()))


def _awaited(params: Params) -> list[str]:
    """Return the kinds of file that make a period complete: those with a deadline, and all by month."""
    return sorted({*params.deadlines, *(kind for kind in MONTH if kind in params.files)})


def _holding(day: dt.date, kind: str, calendar: str) -> Period:
    """Return the period of a kind that a day lies in."""
    parts = {"year": [""], "half": ["H1", "H2"], "quarter": ["Q1", "Q2", "Q3", "Q4"], "month": [f"-{day.month:02d}"]}
    kept = "calendar" if kind == "month" else calendar
    found = [Period(year, part, kept) for year in (day.year, day.year + 1) for part in parts[kind]]
    return next(period for period in found if period.contains(day))


def _unpublished(home: Home, period: Period, params: Params) -> dict[str, str]:
    """Return the counties of a province that have not published a period, as what its data lack."""
    there = releases.published(home, period, list(params.counties))
    absent = [county for county in params.counties if county not in there]
    return {"reports": ", ".join(absent)} if absent else {}


def missing(period: Period, params: Params, received: Sequence[Delivery], data: Data) -> dict[str, str]:
    """Return what a period's data lack: by kind of file, "" for all of it, else the townships that did not hand in."""
    found = {}
    for kind in _awaited(params):
        frame = data.frames.get(kind)
        if kind not in MONTH:
            if not any(d.kind == kind and d.received > period.end for d in received):
                found[kind] = ""
        elif frame is None or not _reaches(frame[MONTH[kind]], period, _last_due(kind, params, period)):
            found[kind] = ""
        elif kind != "payments" and (absent := _absent(frame["place"], frame[MONTH[kind]], period.last_month)):
            found[kind] = ", ".join(absent)
    return found


def _reaches(months: pd.Series, period: Period, last: pd.Period | None) -> bool:
    """Return whether months cover a period from its beginning to `last` (None: nothing is awaited)."""
    if last is None or not len(months):
        return last is None
    return bool(months.min() <= last <= months.max())


def _last_due(kind: str, params: Params, period: Period) -> pd.Period | None:
    """Return the last month of a period for which a kind of file has rows; payments: in which a programme pays."""
    if kind != "payments":
        return period.last_month
    pays = {"month": range(1, 13), "year": (12,), "once": ()}
    due = {month for p in params.programmes.values() for month in p.pays or pays[p.unit]}
    return max((month for month in period.months if month.month in due), default=None)


def _absent(places: pd.Series, months: pd.Series, last: pd.Period) -> list[str]:
    """Return the townships with rows in each of the months before `last`, and none in it or after it."""
    rows = pd.DataFrame({"place": places, "month": months})
    before = rows[rows["month"].isin(pd.period_range(last - REGULAR, last - 1, freq="M"))].drop_duplicates()
    regular = before.groupby("place").size()
    present = set(rows.loc[rows["month"] >= last, "place"])
    return sorted(str(place) for place in regular.index[regular == REGULAR] if place not in present)


def _state(
    home: Home,
    params: Params,
    period: Period,
    lacks: Mapping[str, str],
    today: dt.date,
    last: ledger.Event | None,
    upgrade: bool,
    hashed: Hashed,
) -> Report:
    release = releases.newest(home.releases(params.place, period.key))
    about: dict[str, Any] = {
        "place": params.place, "period": period.key, "release": release.name if release else "",
        "since": last.at if last else "",
    }  # fmt: skip
    if period.end >= today:
        return Report(**about, state="not due", reason=f"the period ends on {period.end}")
    if lacks:
        return Report(**about, **_waiting(period, params, lacks, today))
    why, older = _out_of_date(home, release, hashed)
    open_end = last is not None and (last.event == "started" or last.kind == CopyError.__name__)
    if not why and not (older and upgrade) and not open_end:
        told = about["since"] if last and last.release == about["release"] else ""  # a run killed here told nothing
        return Report(**{**about, "since": told}, state="done", reason=older)
    why = why or older
    if (
        last
        and last.event == "failed"
        and not last.passing
        and last.data == data_mark(home, params.place, period, hashed)
    ):
        return Report(**about, state="failed", reason=last.reason)
    if last and last.event == "failed":
        why = f"failed, to be tried again: {last.reason}"
    if last and last.event == "started":
        held = is_held(home.lock(params.place))
        why = "a run is at work on it" if held else "the last run ended without a word (killed, or the machine stopped)"
    return Report(**about, state="due", reason=why)


def _waiting(period: Period, params: Params, lacks: Mapping[str, str], today: dt.date) -> dict[str, str]:
    days = {kind: deadline(period, params.deadlines.get(kind)) for kind in lacks}
    over = sorted(kind for kind, day in days.items() if day and day < today)
    words = [f"{kind} from {who}" if who else kind for kind, who in sorted(lacks.items()) if not over or kind in over]
    if over:
        return {"state": "late", "reason": f"missing since {min(str(days[k]) for k in over)}: {'; '.join(words)}"}
    last = max((day for day in days.values() if day), default=None)
    until = f", due by {last}" if last else ""
    return {"state": "not due", "reason": f"waiting for {'; '.join(words)}{until}"}


def current(home: Home, place: str, period: str) -> Path | None:
    """Return the newest release of a report if all that it tells of is unchanged, be it made with an older version."""
    release = releases.newest(home.releases(place, period))
    return release if release and not _out_of_date(home, release)[0] else None


def _out_of_date(home: Home, release: Path | None, hashed: Hashed = releases.content_hash) -> tuple[str, str]:
    """Return why a report has to be made (again), and with what older version it was made; "" when it need not, ""."""
    manifest = releases.manifest_of(release) if release else {}
    if not release:
        return "never made", ""
    if is_by_hand(manifest):
        return f"{release.name} was made by hand with other parameters", ""
    changed = releases.changes(home, manifest, hashed)
    content, program = ([name for name in changed if (name in PROGRAM) == part] for part in (False, True))
    why = f"changed since {release.name}: {', '.join(content)}" if content else ""
    return why, f"made with an older version ({', '.join(program)}); --due --upgrade makes it anew" if program else ""


def is_by_hand(manifest: Mapping[str, Any]) -> bool:
    """Return whether a release was made with parameters of its own, which no run of what is due would give it."""
    asked = manifest.get("asked", {})
    return not asked or bool(asked.get("as_of") or asked.get("parameters"))


def data_mark(home: Home, place: str, period: Period, hashed: Hashed = releases.content_hash) -> str:
    """Return the fingerprint of all that a report of a period would be made from today."""
    notebooks = sorted(home.notebooks.glob("*.ipynb"))
    counties = list(load_params(place, home.params).counties)
    read = {"notebooks": notebooks, "counties": counties, "hashed": hashed}
    return releases.fingerprint(releases.inputs(home, period, place, **read))

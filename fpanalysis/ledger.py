"""What happened in every run, a line an event: appended, never changed, readable with any text tool.

    {"at": "2018-07-18T02:00:03+08:00", "seq": 17, "place": "renqiu", "period": "2018H1", "event": "failed", ...}

The order of events is that of `seq`, not of the clock, which may be set back. A line that a killed run left half
written is passed over. The last event of a report (save ASIDE) tells its state; what a started event without an end
means, a run that is at work or one that died, is told by the lock of the place.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from .errors import sentence
from .locks import locked, storage

__all__ = ["Event", "append", "last_events", "local_time", "read", "recorded"]

ASIDE = ("copied", "not copied")
"""Events that tell nothing of the state of a report: what became of its newest release in a store."""
PASSING = (
    "StorageError",
    "BusyError",
    "CopyError",
    "NotebookError",
    "OSError",
    "MemoryError",
    "KilledWorker",
    "FutureCancelledError",
)
"""Kinds of failure that may pass by themselves; the others come again until someone changes a file."""
WAIT = 60.0


@dataclass(frozen=True)
class Event:
    """One line: when, which report, what happened (started, done, unchanged, failed, ASIDE), why, and of what kind."""

    place: str
    period: str
    event: str
    at: str = ""
    seq: int = 0
    release: str = ""
    reason: str = ""
    kind: str = ""
    data: str = ""
    """Fingerprint of the raw files and params, so that the same failure is not tried again on the same files."""

    @property
    def passing(self) -> bool:
        """Return whether this is a failure that may pass by itself."""
        return self.event == "failed" and self.kind in PASSING


def local_time() -> dt.datetime:
    """Return what the clock of this machine says, with its time zone: the `now` of a real run."""
    return dt.datetime.now().astimezone()


def read(path: Path, place: str = "") -> list[Event]:
    """Return the events of a ledger (of one place), oldest first; none where there is no ledger yet."""
    content = path.read_bytes() if path.is_file() else b""
    lines = _naming(place, content) if place else content.split(b"\n")
    events = (event for line in lines if (event := _event(line)))
    return sorted((event for event in events if place in ("", event.place)), key=lambda event: event.seq)


def _naming(place: str, content: bytes) -> Iterator[bytes]:
    """Yield the lines that name a place; the others, of thousands of places and many years, are not looked at."""
    name = json.dumps({"place": place}, ensure_ascii=False)[1:-1].encode()
    at = content.find(name)
    while at >= 0:
        end = content.find(b"\n", at) % (len(content) + 1)  # without a line's end: the end of all
        yield content[content.rfind(b"\n", 0, at) + 1 : end]
        at = content.find(name, end)


def _event(line: bytes) -> Event | None:
    try:
        found = json.loads(line)
        return Event(**{"period": "", **{f.name: found[f.name] for f in fields(Event) if f.name in found}})
    except (ValueError, TypeError):
        return None


def append(path: Path, event: Event, now: Callable[[], dt.datetime]) -> Event:
    """Write one event at the end of a ledger, with its time and number, and return it; it is on the disk afterwards.

    Raises StorageError when the disk does not take it.
    """
    with storage(path.parent), locked(path.parent / ".locks" / "ledger.lock", wait=WAIT):
        old = _tail(path)
        last = max((found.seq for line in old.split(b"\n") if (found := _event(line))), default=0)
        at = now().isoformat(timespec="seconds")
        written = Event(**{**asdict(event), "at": at, "seq": last + 1})
        text = json.dumps({k: v for k, v in asdict(written).items() if v != ""}, ensure_ascii=False) + "\n"
        with path.open("ab") as file:
            file.write((b"\n" if old and not old.endswith(b"\n") else b"") + text.encode())
            file.flush()
            os.fsync(file.fileno())
    return written


def _tail(path: Path) -> bytes:
    """Return the last lines of a ledger (its end is what matters, and it grows for years)."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 65536))
        return file.read()


def last_events(events: Iterable[Event]) -> dict[tuple[str, str], Event]:
    """Return the last event of each place and period that tells of its state."""
    return {(event.place, event.period): event for event in events if event.event not in ASIDE}


def recorded(
    path: Path,
    work: Callable[[], tuple[Path, bool]],
    *,
    place: str,
    period: str,
    data: str = "",
    now: Callable[[], dt.datetime],
) -> Iterator[Event]:
    """Do the work on one report and yield what happened, as it happens and as it is written: started, then the end.

    A failure is the last event, not an exception, so that it stops no other report; being stopped by hand is both.
    """
    about = {"place": place, "period": period, "data": data}
    yield append(path, Event(**about, event="started"), now)
    try:
        release, new = work()
    except Exception as error:
        yield append(path, Event(**about, event="failed", kind=_kind(error), reason=sentence(error)), now)
    except BaseException as error:
        append(path, Event(**about, event="failed", kind=_kind(error), reason=sentence(error)), now)
        raise
    else:
        yield append(path, Event(**about, event="done" if new else "unchanged", release=release.name), now)


def _kind(error: BaseException) -> str:
    return "OSError" if isinstance(error, OSError) else type(error).__name__

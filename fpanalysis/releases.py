"""What was published: releases of a period, their manifest, and the fingerprint of everything that made them.

A release is `outputs/<place>/<period>/r<number>/`, made in a private folder on the same file system and renamed into
place as a whole: a reader sees all of it or nothing; `latest` beside it leads to the newest. Its manifest holds the
hashes of all inputs and outputs and the versions of the packages, and no clock: the same inputs give the same bytes.

Imports nothing but the standard library, so that a report that has not changed is told in a second.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
import platform
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from .errors import BusyError, ParamsError
from .locks import locked, replace_text, synced
from .paths import Home, marks
from .periods import Period, parse_period

__all__ = [
    "as_closed",
    "changes",
    "content_hash",
    "file_hash",
    "fingerprint",
    "folder_hash",
    "inputs",
    "is_led_to",
    "lead_to",
    "manifest_of",
    "mend_latest",
    "newest",
    "one_look",
    "program",
    "published",
    "read_before",
    "staged",
    "told_after",
    "unchanged",
    "write_manifest",
]

PACKAGES = ("jupyterlab", "papermill", "nbconvert", "pandas", "numpy", "matplotlib", "scipy", "pydantic", "openpyxl")
LATEST = "latest"
LOOK = 4096
"""Files whose hashes one look at many reports keeps in mind."""


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def content_hash(path: Path) -> str:
    """Return the hash of what counts in a file: of a notebook code and text, not the outputs; else every byte."""
    return _notebook_hash(path) if path.suffix == ".ipynb" else file_hash(path)


def one_look() -> Callable[[Path], str]:
    """Return a `content_hash` that reads each file once, for one look at many reports that are made from the same."""
    return functools.lru_cache(maxsize=LOOK)(content_hash)


def folder_hash(folder: Path | None) -> str:
    """Return one hash over the files of a folder, "" for none."""
    files = sorted(p for p in folder.iterdir() if p.is_file()) if folder else []
    return _digest([(p.name, file_hash(p)) for p in files]) if files else ""


def inputs(
    home: Home,
    period: Period,
    place: str,
    *,
    notebooks: Sequence[Path],
    as_of: str = "",
    counties: Sequence[str] = (),
    hashed: Callable[[Path], str] = content_hash,
) -> dict[str, Any]:
    """Return what a report is made from, as hashes: raw files received by `as_of`, params, notebooks, library,
    results of the releases that it reads (`read_before`; of a province those of its `counties` for the period); and
    the versions of Python and the packages.
    """
    raw = {path.relative_to(home.raw / place).as_posix(): hashed(path) for path in home.raw_files(place, as_of)}
    read = [*read_before(home, place, period), *published(home, period, counties).values()]
    before = {"/".join(p.parts[-3:]): hashed(p / "results.csv") for p in read}
    return {
        "raw": raw,
        "params": {f"{place}.yaml": hashed(home.params / f"{place}.yaml")},
        "notebooks": {path.name: hashed(path) for path in notebooks},
        "before": before,
        **program(),
    }


def fingerprint(made_from: Mapping[str, Any], **settings: Any) -> str:
    """Return one hash of everything that can change a number: the inputs, and settings such as `as_of`."""
    return _digest({**made_from, "settings": settings})


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@functools.cache
def program() -> Mapping[str, Any]:
    """Return what this process runs: hash of the package's files, versions. Once: it runs what it has read."""
    package = Path(__file__).resolve().parent
    files = sorted(p for p in package.rglob("*") if p.is_file() and p.suffix != ".pyc")
    return {
        "library": _digest([(path.relative_to(package).as_posix(), file_hash(path)) for path in files]),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "python": platform.python_version(),
    }


def _notebook_hash(path: Path) -> str:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return _digest([(c["cell_type"], "".join(c["source"]), c["metadata"].get("tags", [])) for c in cells])


def newest(folder: Path) -> Path | None:
    """Return the newest release in a period's folder, None when there is none."""
    numbered = [p for p in folder.glob("r*") if re.fullmatch(r"r\d+", p.name)] if folder.is_dir() else []
    return max(numbered, key=lambda p: int(p.name[1:]), default=None)


def as_closed(folder: Path, closes: str) -> Path | None:
    """Return the newest release in a period's folder that was made from what had arrived by the day it was closed."""
    kept = {p: manifest_of(p).get("as_of", "") for p in folder.glob("r*") if (p / "results.csv").is_file()}
    numbered = [p for p, day in kept.items() if re.fullmatch(r"r\d+", p.name) and "" < day <= closes]
    return max(numbered, key=lambda p: int(p.name[1:]), default=None)


def read_before(home: Home, place: str, period: Period) -> list[Path]:
    """Return the newest releases with results of the periods that a report of `period` looks back on.

    Of the same year those that end before it ends, and its own parts that end with it; and the period before it (its
    closing is this one's opening): never one that looks back on this.
    """
    earlier = [other for other in _periods_of(home, place) if _looks_back(period, other)]
    there = [newest(home.releases(place, other.key)) for other in earlier]
    return [release for release in there if release and (release / "results.csv").is_file()]


def told_after(home: Home, place: str, period: Period) -> list[Path]:
    """Return the newest releases of longer or later periods that share months with `period` and look back on it, in the
    order in which they are to be made again.

    They do not know of a report of `period` that is made now: what they hide may be told by the two together.
    """
    others = [p for p in _periods_of(home, place) if p.start <= period.end and period.start <= p.end]
    later = sorted((p for p in others if _looks_back(p, period)), key=_place_in_time)
    return [release for other in later if (release := newest(home.releases(place, other.key)))]


def _periods_of(home: Home, place: str) -> list[Period]:
    """Return the periods that have a folder in a place's outputs."""
    folder = home.outputs / place
    found = {_named(p.name) for p in folder.iterdir()} if folder.is_dir() else set()
    return sorted((period for period in found if period), key=str)


def _looks_back(period: Period, other: Period) -> bool:
    """Return whether a report of `period` reads the one of `other`."""
    near = other.whole_year() == period.whole_year() or other == period.previous()
    return near and _place_in_time(other) < _place_in_time(period)


def _place_in_time(period: Period) -> tuple[dt.date, int]:
    """Return what orders reports as they are made: by their end, of those with the same end the shortest first."""
    return period.end, -period.start.toordinal()


def published(home: Home, period: Period, counties: Sequence[str]) -> dict[str, Path]:
    """Return the newest release with results for a period, by county; without those that have none."""
    found = {county: newest(home.releases(county, period.key)) for county in counties}
    return {county: path for county, path in found.items() if path and (path / "results.csv").is_file()}


def _named(key: str) -> Period | None:
    with suppress(ParamsError):
        return parse_period(key)
    return None


def manifest_of(release: Path) -> dict[str, Any]:
    """Return the manifest of a release, {} when it has none."""
    path = release / "manifest.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def unchanged(home: Home, asked: Mapping[str, Any]) -> Path | None:
    """Return the release that answers the same words (place, period, as_of, parameters) from the same inputs, if any.

    Told from hashes alone, without reading the data.
    """
    folder = home.outputs / str(asked["place"])
    for period in sorted(folder.iterdir()) if folder.is_dir() else []:
        release = newest(period)
        manifest = manifest_of(release) if release else {}
        if release and manifest.get("asked") == asked and not changes(home, manifest):
            return release
    return None


def changes(home: Home, manifest: Mapping[str, Any], hashed: Callable[[Path], str] = content_hash) -> list[str]:
    """Return which inputs (`raw`, `params`, `library`, ...) are not those that a release was made from."""
    asked, settings = manifest["asked"], manifest["settings"]
    folder = home.root / settings["folder"] if settings["folder"] else None
    fonts = folder_hash(folder if folder and folder.is_dir() else None)
    period = parse_period(manifest["period"])
    notebooks = [home.notebooks / name for name in manifest["inputs"]["notebooks"]]
    read = {"as_of": settings.get("until", ""), "counties": settings.get("counties", [])}
    made_from = inputs(home, period, asked["place"], notebooks=[p for p in notebooks if p.is_file()], hashed=hashed,
                       **read)  # fmt: skip
    found = [name for name, content in made_from.items() if content != manifest["inputs"].get(name)]
    return found + ["fonts"] * (fonts != settings["fonts"])


def write_manifest(folder: Path, content: Mapping[str, Any]) -> None:
    """Write `manifest.json` with the hashes of all other files in the folder added as `outputs`."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json")
    outputs = {p.relative_to(folder).as_posix(): file_hash(p) for p in files}
    text = json.dumps({**content, "outputs": outputs}, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / "manifest.json").write_text(text + "\n", "utf-8", newline="\n")


@contextmanager
def staged(target: Path, home: Home) -> Iterator[Path]:
    """Give a private folder to fill; when the block ends well it becomes `target`, a release, as a whole.

    What an earlier run of the period left unfinished (killed, or failed) is in the folder at the start, so that
    finished stages need not run again. Hold the lock of the place meanwhile.
    """
    stage = home.stage(target.parent.parent.name, target.parent.name)
    stage.mkdir(parents=True, exist_ok=True)
    try:
        yield stage
        synced(stage)
        target.parent.mkdir(parents=True, exist_ok=True)
        stage.rename(target)
        lead_to(target)
        shutil.rmtree(marks(stage), ignore_errors=True)
    finally:
        if not marks(stage).is_dir():
            shutil.rmtree(stage, ignore_errors=True)
        with suppress(OSError):  # other periods of the place may have something there; the folder above is everybody's
            stage.parent.rmdir()


def lead_to(release: Path) -> None:
    """Let `latest` beside a release lead to it: a link, swapped in one step; a text file where links cannot be made.

    Hold the lock of the place meanwhile, and name its newest release.
    """
    link = release.parent / LATEST
    if _led_to(link) == release.name:
        return
    part = link.with_name(f".{LATEST}.part")
    try:
        part.unlink(missing_ok=True)
        part.symlink_to(release.name, target_is_directory=True)
        part.replace(link)
    except OSError:
        replace_text(link.with_suffix(".txt"), release.name + "\n")


def is_led_to(release: Path) -> bool:
    """Return whether `latest` leads to a release."""
    return _led_to(release.parent / LATEST) == release.name


def mend_latest(release: Path, home: Home) -> None:
    """Let `latest` lead to the newest release of a report, `release` or a newer one, where a killed run left it behind.

    Where another run is at work on the place it is left alone: that run sets it, or the next one does.
    """
    place = release.parent.parent.name
    if not is_led_to(release):
        with suppress(BusyError), locked(home.lock(place), wait=0):
            lead_to(newest(release.parent) or release)


def _led_to(link: Path) -> str:
    """Return the name of the release that `latest` leads to, "" when it leads nowhere."""
    text = link.with_suffix(".txt")
    if link.is_symlink():
        return link.readlink().name
    return text.read_text("utf-8").strip() if text.is_file() else ""

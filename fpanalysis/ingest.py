"""Raw files to tidy frames: finds the deliveries, reads every cell by its contract, reports all faults at once.

Deliveries lie in `data/raw/<place>/<received-date>/<kind>[.<part>].csv|xlsx`. Of each kind and part the newest
one received by `as_of` counts; older ones are kept and listed. Reading is strict where a guess could be wrong and
patient where the meaning is plain (title rows, merged two-row headings, repeated headings, totals rows, several
sheets): each repair is counted. A totals row is checked before it is left out: a subtotal against the rows since the
total before it, any other against all rows; so is a row of the county among its townships (`levels`). Rows about
persons leave here pseudonymised: the identity number is hashed with a key, and columns outside the contract (name,
phone, account) are never kept.
"""

from __future__ import annotations

import datetime as dt
import gc
import hashlib
import math
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from .contracts import CONTRACTS, Column, Contract
from .errors import DataError, Fault, ParamsError, did_you_mean
from .grids import GRIDS, UNCOMPUTED, Grid, decode, is_html, read_grids
from .identity import Person, narrowed, read, set_right
from .levels import Disagreement, without_county_rows
from .parsers import PARSERS, WELL_FORMED, Context, Parsed, Refusal, clean, identity_text, words
from .paths import is_hidden
from .periods import named_period

__all__ = ["KINDS", "SECTIONS", "Data", "Delivery", "FileMap", "find_deliveries", "read_files",
           "received_by"]  # fmt: skip

SECTIONS = ("overview", "services", "births", "sex_ratio", "checkups", "subsidies", "organisation", "benchmarking",
            "revision", "problems", "plan")  # fmt: skip
"""Sections of the report that the analyst's prose may fill: `## <section>` in `prose.<period>.<lang>.md`."""

KINDS = (*CONTRACTS, "prose")
"""Every kind of raw file."""

HEADER_ROWS = 20
TOTALS = re.compile(r"(?P<of>.*?)(?P<word>合计|总计|共计|小计)|(?P<english>(?:grand|sub)?total)")
DASHES = ("-", "--", "—", "——", "/", "\\", "无", "至今", "长期")
"""What offices write into a cell to say that there is nothing."""
PAGE_MARK = re.compile(r"\W*(以下空白|续表\d*|第\d+页(\W*共\d+页)?)\W*")
"""What printing leaves between or below the rows of a table."""
UNIT = re.compile(r"单位:?\(?(?:[人户个件次][、,/]?)?(百元|千元|万元|亿元|元(?!氏))")
NUMERIC = ("int", "count", "yuan", "number")
NUMBERLIKE = re.compile(r"(?=.*\d)[-+\d.,:/%¥()eExX 年月日号人元万]+")
NOTE_WORDS = re.compile(
    "填表|制表|填报|报送|报出|审核|复核|负责|经办|统计|单位|领导|签字|签章|盖章|日期|时间|联系|电话|备注|说明|注[: ]|"
    "note|signed|prepared|checked",
    re.IGNORECASE,
)
"""How a line below the table begins that is a signature or a remark."""
EXCEL_ERROR = re.compile(r"#(REF!|N/A|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|SPILL!|CALC!)|#{2,}")


class FileMap(Protocol):
    """How one kind of file of a place is written: the office's headings, spellings of values, units."""

    columns: Mapping[str, str]
    values: Mapping[str, Mapping[str, Any]]
    units: Mapping[str, str]


@dataclass(frozen=True)
class Delivery:
    """One raw file as received. `used` says whether a later delivery of the same kind and part replaced it.

    `period` is the key of the period that `part` begins with, "" when it names none.
    """

    kind: str
    part: str
    received: dt.date
    path: Path
    sha256: str
    used: bool = True
    period: str = ""

    @property
    def name(self) -> str:
        """Return `<received-date>/<file>`, as every message and table names the file."""
        return f"{self.path.parent.name}/{self.path.name}"


@dataclass(frozen=True)
class Data:
    """What a place delivered: tidy frames by kind (empty ones for kinds it has not), prose, repairs, deliveries.

    A tidy frame has the columns of its contract, then where a row stood: `file` (`<received-date>/<file>`, with
    `[<sheet>]` behind it when several sheets were read) and `row`. `repairs` has a row a file and kind of repair: file,
    kind, repair, cells, first_row.
    """

    frames: Mapping[str, pd.DataFrame]
    prose: Mapping[tuple[str, str, str], str]
    repairs: pd.DataFrame
    deliveries: Sequence[Delivery]

    def __getitem__(self, kind: str) -> pd.DataFrame:
        """Return the tidy frame of a kind, empty when the place has none. Raises ParamsError for an unknown kind."""
        if kind not in CONTRACTS:
            raise ParamsError(f"kind of file {kind!r} does not exist{did_you_mean(kind, KINDS)}")
        return self.frames[kind]

    def has(self, kind: str) -> bool:
        """Return whether the place delivered this kind."""
        return (kind == "prose" and bool(self.prose)) or (kind in self.frames and len(self.frames[kind]) > 0)


def find_deliveries(folder: Path, calendar: str = "calendar") -> list[Delivery]:
    """Return every raw file below a place's folder, oldest first.

    `calendar` is that of the place, for periods in file names. Raises DataError naming every file or folder whose
    name is not understood, or that would not be seen.
    """
    if not folder.is_dir():
        raise ParamsError(f"there are no raw files: the folder data/raw/{folder.name}/ is missing")
    listed = [p for p in sorted(folder.iterdir()) if not is_hidden(p)]
    found, faults = [], [_unseen(p) for p in listed if p.is_file() and p.name.partition(".")[0] in KINDS]
    for day in (p for p in listed if p.is_dir()):
        try:
            received = dt.date.fromisoformat(day.name)
        except ValueError:
            faults.append(
                Fault(f"{day.name}/", 0, "", day.name, "a folder named by the date of receipt", "e.g. 2018-07-05")
            )
            continue
        for path in (p for p in sorted(day.iterdir()) if not is_hidden(p)):
            delivery = _delivery(path, received, calendar)
            (faults if isinstance(delivery, Fault) else found).append(delivery)
    faults += _same_part(found)
    if faults:
        raise DataError(faults)
    return received_by(found)


def received_by(found: Sequence[Delivery], as_of: dt.date | None = None) -> list[Delivery]:
    """Return the raw files among those found that were received by `as_of` (all when None).

    Raises DataError naming every used one that is a copy of another.
    """
    received = _newest([d for d in found if as_of is None or d.received <= as_of])
    if copies := _copies(received):
        raise DataError(copies)
    return received


def _unseen(path: Path) -> Fault:
    fix = f"put it into one, e.g. 2018-07-05/{path.name}"
    return Fault(path.name, 0, "", "", "it in a folder named by the date of receipt", fix)


def _same_part(found: Sequence[Delivery]) -> list[Fault]:
    """Return a fault for each file of the same kind, part and day as another one, of which only one would count."""
    faults, first = [], {}
    for delivery in found:
        other = first.setdefault((delivery.kind, delivery.part, delivery.received), delivery)
        if other is not delivery:
            fix = "keep the right one, or give the files different parts"
            expected = f"one file of a kind, part and day, but {other.name} is another"
            faults.append(Fault(delivery.name, 0, "", "", expected, fix))
    return faults


def _copies(received: Sequence[Delivery]) -> list[Fault]:
    """Return a fault for each used file that is a copy of another one: its rows would count twice.

    Only of kinds whose rows may be alike (payments, rolls, activities); in the others each row is named.
    """
    faults, first = [], {}
    for delivery in (d for d in received if d.used and d.kind in CONTRACTS and not CONTRACTS[d.kind].unique):
        other = first.setdefault((delivery.kind, delivery.sha256), delivery)
        if other is not delivery:
            expected = f"rows of its own, but it is a copy of {other.name}"
            faults.append(Fault(delivery.name, 0, "", "", expected, "delete one, or give both the same name"))
    return faults


def _delivery(path: Path, received: dt.date, calendar: str) -> Delivery | Fault:
    kind, _, part = path.stem.partition(".")
    name = f"{path.parent.name}/{path.name}"
    if path.is_dir():
        return Fault(f"{name}/", 0, "", "", "files, but this is a folder", "move its files up")
    if kind not in KINDS:
        return Fault(name, 0, "", kind, f"a file named by its kind{did_you_mean(kind, KINDS)}")
    raw = path.read_bytes()
    ending = path.suffix.lower()
    if ending not in ((".md",) if kind == "prose" else GRIDS) and (kind == "prose" or not is_html(raw)):
        fix = "open it in Excel and save it as .xlsx" if ending == ".xls" else ""
        return Fault(name, 0, "", path.suffix, ".md" if kind == "prose" else ".csv or .xlsx", fix)
    return Delivery(kind, part, received, path, hashlib.sha256(raw).hexdigest(), period=named_period(part, calendar))


def _newest(deliveries: Sequence[Delivery]) -> list[Delivery]:
    newest = {(d.kind, d.part): d for d in deliveries}
    return [replace(d, used=newest[d.kind, d.part] is d) for d in deliveries]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage in a block that makes a million things and no circles: that was a sixth of reading."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_uncollected()
def read_files(
    deliveries: Sequence[Delivery],
    *,
    files: Mapping[str, FileMap],
    places: Mapping[str, str],
    programmes: Mapping[str, str],
    county: str,
    calendar: str = "calendar",
    key: bytes | None = None,
) -> Data:
    """Return the tidy frames of all used deliveries.

    `files` maps headings for each kind the place has, `places` and `programmes` map accepted spellings to keys,
    `key` hashes identity numbers (None: a random one, so that pseudonyms mean nothing after this call).
    Raises DataError with all faults of all files in one go, also for a kind in `files` of which nothing came.
    """
    base = Context(places, programmes, calendar, key or secrets.token_bytes(32), {})
    known = {**OURS, **files}
    faults = _not_readable(deliveries, files, key)
    frames: dict[str, list[pd.DataFrame]] = {kind: [] for kind in CONTRACTS}
    prose: dict[tuple[str, str, str], str] = {}
    repairs: list[Repair] = []
    for delivery in (d for d in deliveries if d.used and d.kind in known and (d.kind not in OURS or key)):
        try:
            if delivery.kind == "prose":
                said = _read_prose(delivery)
                faults += [_said_twice(delivery, key) for key in said if key in prose]
                prose |= said
            else:
                frame, found = _read_tables(delivery, CONTRACTS[delivery.kind], known[delivery.kind], base, county)
                frames[delivery.kind].append(frame)
                repairs += found
        except DataError as error:
            faults += error.faults
    tidy = {kind: _together(kind, parts) for kind, parts in frames.items()}
    if not faults:
        found, faults = _county_rows(tidy, files, county)
        repairs += found
    faults += [fault for kind, frame in tidy.items() for fault in _twice(kind, frame)]
    if faults:
        raise DataError(faults)
    repairs += _set_right(tidy)
    listed = pd.DataFrame(repairs, columns=["file", "kind", "repair", "cells", "first_row"])
    return Data(tidy, prose, listed, tuple(deliveries))


def _county_rows(
    tidy: dict[str, pd.DataFrame], files: Mapping[str, FileMap], county: str
) -> tuple[list[Repair], list[Fault]]:
    """Leave out, in the frames, the county's own rows among its townships; return the repairs that took, the faults."""
    repairs, faults = [], []
    for kind in (kind for kind in files if kind in CONTRACTS and CONTRACTS[kind].adds_up):
        tidy[kind], found, differing = _levels(kind, tidy[kind], files[kind], county)
        repairs += found
        faults += differing
    return repairs, faults


def _set_right(tidy: dict[str, pd.DataFrame]) -> list[Repair]:
    """Set right, in the frames, the mistyped numbers of the roll that mean one payee; strike out of those of payments
    whom a name speaks against (which of the others is meant is seen when what is due is known). Return the repairs."""
    roll, payments = tidy["roll"], tidy["payments"]
    tidy["payments"] = narrowed(payments, roll)
    tidy["roll"] = roll = set_right(roll, payments, within=["programme"])
    mended = roll[roll["corrected"]]
    return [(str(file), "roll", "number_set_right", len(g), int(g["row"].min())) for file, g in mended.groupby("file")]


def _not_readable(deliveries: Sequence[Delivery], files: Mapping[str, FileMap], key: bytes | None) -> list[Fault]:
    """Return a fault for each kind that did not come, and each file that lacks an entry in params or the key."""
    faults = [_missing_kind(kind) for kind in files if not any(d.kind == kind for d in deliveries)]
    faults += [_unmapped(d) for d in deliveries if d.kind not in {**OURS, **files}]
    return faults + [_without_key(d) for d in deliveries if d.used and d.kind in OURS and key is None]


def _missing_kind(kind: str) -> Fault:
    return Fault(f"{kind}.csv", 0, "", "", f"a file {kind}.csv or {kind}.xlsx in a folder <received-date>/",
                 f"deliver it, or take {kind!r} out of files: in params")  # fmt: skip


def _unmapped(delivery: Delivery) -> Fault:
    return Fault(
        delivery.name, 0, "", delivery.kind, f"an entry {delivery.kind}: under files: in params", "add its column names"
    )


def _without_key(delivery: Delivery) -> Fault:
    fix = "put back the file .key that lay beside the raw files of the place when the workbook was made"
    return Fault(delivery.name, 0, "", "", "the key that the items of this workbook were numbered with", fix)


def _said_twice(delivery: Delivery, key: tuple[str, str, str]) -> Fault:
    expected = f"one file of {key[0]} with this section in {key[2]}, but another has it too"
    return Fault(delivery.name, 0, "", key[1], expected, "put the texts together in one file")


def _read_prose(delivery: Delivery) -> dict[tuple[str, str, str], str]:
    """Return the analyst's text by (period, section, language)."""
    raw = delivery.path.read_bytes()
    if not raw.strip():
        raise DataError([Fault(delivery.name, 0, "", "", "a file with content, but it is empty", "export it again")])
    written = decode(raw, delivery.name)
    pieces = re.split(r"^##[ \t]+(.+?)[ \t]*$", written, flags=re.MULTILINE)
    faults = [
        Fault(delivery.name, written[: written.index(f"## {s}")].count("\n") + 1 if f"## {s}" in written else 0, "", s,
              f"a section of the report{did_you_mean(s, SECTIONS)}")
        for s in pieces[1::2] if s not in SECTIONS
    ]  # fmt: skip
    twice = sorted({s for s in pieces[1::2] if pieces[1::2].count(s) > 1})
    faults += [Fault(delivery.name, 0, "", s, "each section once", "put both texts under one heading") for s in twice]
    if re.search(r"^#[ \t]+\S", written, flags=re.MULTILINE):
        expected = "headings of sections as '## section' (a '#' alone is the report's title)"
        faults.append(Fault(delivery.name, 0, "", "# ", expected, "write ##"))
    lang = delivery.part.rpartition(".")[2]
    if lang not in ("zh", "en") or not delivery.period:
        expected = "the period and the language in the name: prose.<period>.zh.md or prose.<period>.en.md"
        faults.append(Fault(delivery.name, 0, "", delivery.part, expected, "e.g. prose.2018H1.zh.md"))
    if faults:
        raise DataError(faults)
    return {(delivery.period, s, lang): body.strip() for s, body in zip(pieces[1::2], pieces[2::2], strict=True)}


Repair = tuple[str, str, str, int, int]
"""File, kind, repair, cells, first row."""


def _read_tables(
    delivery: Delivery, contract: Contract, names: FileMap, base: Context, county: str
) -> tuple[pd.DataFrame, list[Repair]]:
    """Return the tidy frame of a file, all its sheets that hold the table put together, and the repairs."""
    grids, found = read_grids(delivery.path.read_bytes(), delivery.name)
    tables = _with_table(grids, contract, names)
    repairs: list[Repair] = [(delivery.name, delivery.kind, repair, n, 0) for repair, n in found.items()]
    repairs += [(f"{delivery.name}[{g.sheet}]", delivery.kind, "other_sheet", 1, 0) for g in grids if g not in tables]
    frames, faults = [], _same_rows(delivery.name, tables)
    for grid in tables:
        name = f"{delivery.name}[{grid.sheet}]" if len(tables) > 1 else delivery.name
        reader = _Reader(name, contract, names, base, county)
        try:
            frames.append(reader.frame(grid))
            faults += ANSWERS.get(delivery.kind, _no_faults)(frames[-1], delivery.received, reader.titles)
            repairs += [(name, delivery.kind, *repair) for repair in reader.listed_repairs()]
        except DataError as error:
            faults += error.faults
    if faults:
        raise DataError(faults)
    named = {"file_period": delivery.period} if contract.of_a_period else {}
    return pd.concat(frames, ignore_index=True).assign(**named), repairs


def _no_faults(frame: pd.DataFrame, received: dt.date, titles: Mapping[str, str]) -> list[Fault]:
    return []


def _half_answered(frame: pd.DataFrame, received: dt.date, titles: Mapping[str, str]) -> list[Fault]:
    """Return a fault for each answer of a follow-up workbook that lacks something, or is dated later than received."""
    faults, settled = [], frame[frame["status"] != "open"]
    for name in ("explanation", "date", "by"):
        for row in settled[settled[name].isna() | (settled[name] == "")].itertuples():
            expected = "a value, because the status is not open, but the cell is empty"
            faults.append(Fault(row.file, row.row, titles[name], "", expected, "fill it in, or set the status to open"))
    for row in frame[pd.to_datetime(frame["date"]) > pd.Timestamp(received)].itertuples():
        expected = f"a day up to {received}, when the file was received"
        faults.append(
            Fault(row.file, row.row, titles["date"], f"{row.date:%Y-%m-%d}", expected, "correct the year or the day")
        )
    return faults


ANSWERS = {"followup": _half_answered}
"""Checks across the columns of a row, by kind of file."""


@dataclass(frozen=True)
class _OurNames:
    """The headings of a file that is made here, as far as messages name them."""

    columns: Mapping[str, str]
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)


OURS: Mapping[str, FileMap] = {kind: _OurNames({name: said[0] for name, said in contract.headings.items()})
                               for kind, contract in CONTRACTS.items() if contract.headings}  # fmt: skip
"""Kinds that need no entry in params: they come back from the office as they were made here."""


def _same_rows(name: str, tables: Sequence[Grid]) -> list[Fault]:
    """Return a fault for each sheet with the very rows of another one."""
    pairs = [(a, b) for i, b in enumerate(tables) for a in tables[:i] if a.rows == b.rows]
    return [Fault(f"{name}[{b.sheet}]", 0, "", "", f"rows of its own, but sheet {a.sheet} has the same",
                  "hide or delete one of the sheets") for a, b in pairs]  # fmt: skip


def _with_table(grids: Sequence[Grid], contract: Contract, names: FileMap) -> list[Grid]:
    """Return the sheets with at least half of the table's headings and a row below them; when none, the likeliest."""
    wanted = _wanted(contract, names)
    mapped = len(names.columns) or len(wanted)
    likely = []
    for grid in grids if len(grids) > 1 else ():
        cells = [row for row in _cleaned(grid.rows[: HEADER_ROWS + 2]) if any(row[1])]
        heading = _find_heading(cells, wanted)
        likely.append((len(heading.at), heading.index + heading.height < len(cells)))
    found = [g for g, (n, rows) in zip(grids, likely, strict=True) if rows and 2 * n >= mapped] if likely else []
    best = likely.index(max(likely)) if likely else 0
    return found or [grids[best]]


def _levels(
    kind: str, frame: pd.DataFrame, names: FileMap, county: str
) -> tuple[pd.DataFrame, list[Repair], list[Fault]]:
    """Return the rows of a kind without the county's own among its townships, the repairs that took, the faults."""
    contract = CONTRACTS[kind]
    keys = [c for c in contract.unique if c != "place"]
    counts = [name for name, column in contract.columns.items() if column.kind in NUMERIC]
    month = [c for c in keys if contract.columns[c].kind == "month"][-1]
    kept, left_out, differing = without_county_rows(frame, keys=keys, counts=counts, month=month, county=county)
    repairs = [(str(file), kind, "county_row", len(g), int(g["row"].min())) for file, g in left_out.groupby("file")]
    title = {name: names.columns.get(name, name) for name in contract.columns}
    return kept, repairs, [_unlike_townships(found, title, keys) for found in differing]


def _unlike_townships(found: Disagreement, title: Mapping[str, str], keys: Sequence[str]) -> Fault:
    where = (found.file, found.row, title[found.column], f"{found.value:g}")
    if found.expected is None:
        same = ", ".join(title[key] for key in keys)
        fix = "write the township in every row; take totals over several months or kinds out"
        return Fault(*where, f"rows of townships with the same {same}, because this row is the county's", fix)
    fix = "a township is missing or stands twice; or write the township in every row"
    return Fault(*where, f"the sum of the townships' rows, {found.expected:g}", fix)


class _Cleaned(dict[str, str]):
    """Texts in normal form, each of them worked out once."""

    def __missing__(self, cell: str) -> str:
        text = self[cell] = clean(cell)
        return text


def _cleaned(rows: Sequence[tuple[int, Sequence[Any]]]) -> list[tuple[int, list[str]]]:
    texts = _Cleaned()
    return [(n, [texts[cell] if isinstance(cell, str) else clean(cell) for cell in row]) for n, row in rows]


def _wanted(contract: Contract, names: FileMap) -> dict[str, str]:
    """Return the contract column of each heading."""
    if contract.headings:
        return {clean(h).replace(" ", ""): c for c, said in contract.headings.items() for h in said}
    return {clean(names.columns.get(c, c)).replace(" ", ""): c for c in contract.columns}


@dataclass(frozen=True)
class _Heading:
    """Where the heading stands: index of its first row, its height, positions of each contract column, all texts."""

    index: int = 0
    height: int = 0
    at: Mapping[str, Sequence[int]] = field(default_factory=dict)
    texts: Sequence[str] = ()


def _find_heading(cells: Sequence[tuple[int, list[str]]], wanted: Mapping[str, str]) -> _Heading:
    """Return the row (or two merged rows) with the most headings of the contract; the first of the best."""
    best = _Heading()
    for height in (1, 2):
        for index in range(min(HEADER_ROWS, len(cells))):
            texts = _merged([row for _, row in cells[index : index + height]])
            at = {wanted[h]: [i for i, x in enumerate(texts) if x == h] for h in texts if h in wanted}
            if len(at) > len(best.at):
                best = _Heading(index, height, at, texts)
    return best


@dataclass(frozen=True)
class _Total:
    """A totals row: its number and cells, the data rows it adds up (from, to), and how many stand above it."""

    row: int
    cells: Sequence[str]
    first: int
    last: int | None
    above: int


class _Reader:
    """One table read by its contract: heading, rows, cells. Faults gather until `frame` ends."""

    def __init__(self, name: str, contract: Contract, names: FileMap, base: Context, county: str) -> None:
        self.name, self.contract, self.names, self.base, self.county = name, contract, names, base, county
        self.titles = {c: names.columns.get(c, c) for c in contract.columns}
        self.contexts = {c: self._context(c, column) for c, column in contract.columns.items()}
        self.persons = any(column.kind == "person" for column in contract.columns.values())
        self.hides = self.persons or bool(contract.headings)
        self.refused: set[str] = set()
        self.faults: list[Fault] = []
        self.repairs: Counter[tuple[str, str]] = Counter()
        self.first_row: dict[tuple[str, str], int] = {}
        self.total_words: dict[str, str] = {}

    def frame(self, grid: Grid) -> pd.DataFrame:
        """Return the tidy frame of a table. Raises DataError with all its faults."""
        self.contexts = {c: replace(context, day_zero=grid.day_zero) for c, context in self.contexts.items()}
        cells = _cleaned(grid.rows)
        for repair, number in grid.repairs.items():
            self.repairs["", repair] = number
        found = _find_heading(cells, _wanted(self.contract, self.names))
        self._check_heading(found, cells)
        heading = {name: where[0] for name, where in found.at.items()}
        body = cells[found.index + found.height :]
        self._keep_words(grid.rows[found.index + found.height :], body, heading)
        self._fill_merged(grid.merged, body, heading)
        self._check_width(body, max(len(row) for _, row in cells[found.index : found.index + found.height]))
        raw, totals = self._body(body, heading)
        if not len(raw) and not self.faults:
            self._fault(0, "", "", "rows below the heading, but there are none", "export it again")
        columns = {name: self._column(name, column, raw) for name, column in self.contract.columns.items()}
        self._check_totals(columns, totals, {n: i for n, i in heading.items() if n not in self.refused})
        if self.faults:
            raise DataError(self.faults)
        traced = pd.DataFrame({"file": self.name, "row": raw["#"].to_numpy(dtype="int64")})
        return _assemble(columns, self.contract.columns, traced.assign(sheet=grid.sheet) if self.persons else traced)

    def listed_repairs(self) -> list[tuple[str, int, int]]:
        """Return (repair, cells, first row) for each kind of repair."""
        return [(repair, n, self.first_row.get((c, repair), 0)) for (c, repair), n in sorted(self.repairs.items())]

    def _fault(self, row: int, column: str, value: str, expected: str, fix: str = "") -> None:
        self.faults.append(Fault(self.name, row, column, value, expected, fix))

    def _check_heading(self, found: _Heading, cells: Sequence[tuple[int, list[str]]]) -> None:
        """Note the rows above the heading. Raises DataError when a column is missing or stands twice."""
        row = cells[found.index][0] if cells else 0
        others = [text for text in found.texts if text]
        for name, column in self.contract.columns.items():
            title = self.titles[name]
            if name not in found.at and (column.required or name in self.names.columns):
                near = did_you_mean(title, others).removeprefix("; ") if others else ""
                self._fault(row, title, "", "this column, but the file does not have it", near)
            if len(found.at.get(name, ())) > 1:
                self._fault(
                    row, title, title, "each heading once, but it stands twice", "rename or delete one of the columns"
                )
        above = cells[: found.index]
        self._check_unit(above)
        if self.faults:
            raise DataError(self.faults)
        if above:
            self.repairs["", "rows_above_heading"] = len(above)

    def _check_unit(self, above: Sequence[tuple[int, list[str]]]) -> None:
        """Refuse a unit of money above the heading, or in it, that differs from that of params."""
        for name in (name for name, column in self.contract.columns.items() if column.kind == "yuan"):
            own = re.search(r"(百元|千元|万元|亿元)", self.titles[name])
            for number, said in [(0, own), *((n, UNIT.search("".join(row).replace(" ", ""))) for n, row in above)]:
                unit = self.names.units.get(name, "元")
                if said and said[1] != unit:
                    known = said[1] in ("元", "万元")
                    fix = f"write units: {{{name}: {said[1]}}} under files: in params" if known else "convert it"
                    self._fault(number, self.titles[name], said[1], f"{unit}, the unit of this column in params", fix)

    def _keep_words(
        self, rows: Iterable[tuple[int, Sequence[Any]]], body: Iterable[tuple[int, list[str]]], at: Mapping[str, int]
    ) -> None:
        """Write cells with somebody's own words as they were written, and not in the normal form of all others."""
        own = [index for name, index in at.items() if self.contract.columns[name].kind == "prose"]
        for (_, given), (_, row) in zip(rows, body, strict=True):
            for index in own:
                if index < len(row):
                    row[index] = words(given[index])

    def _fill_merged(
        self, merged: Sequence[tuple[int, int, int]], body: Sequence[tuple[int, list[str]]], heading: Mapping[str, int]
    ) -> None:
        """Write what stands in a merged cell into each of its rows; refuse a number merged over rows."""
        rows = {number: row for number, row in body if any(row)}
        at = {index: name for name, index in heading.items()}
        for first, last, index in merged:
            below = [n for n in range(first + 1, last + 1) if n in rows and first in rows] if index in at else []
            for number in below:
                if self.contract.columns[at[index]].kind in NUMERIC:
                    expected = "a number of its own, but the cell is merged with the row above"
                    self._fault(
                        number, self.titles[at[index]], "", expected, "unmerge it and write a number in each row"
                    )
                else:
                    rows[number].extend([""] * (index + 1 - len(rows[number])))
                    rows[number][index] = _at(rows[first], index)
                    self._repaired(at[index], "merged_cell", number)

    def _check_width(self, body: Sequence[tuple[int, list[str]]], width: int) -> None:
        """Refuse rows with more cells than headings: a comma that separates nothing has moved the rest."""
        for number, row in body:
            if any(row[width:]):
                expected = f"{width} cells, as in the heading, but the row has {len(row)}"
                self._fault(number, "", "", expected, "put a text or number that holds a comma in quotation marks")

    def _body(
        self, cells: Sequence[tuple[int, list[str]]], heading: Mapping[str, int]
    ) -> tuple[pd.DataFrame, list[_Total]]:
        """Return the data rows as a frame of texts, and the totals rows."""
        records: list[list[Any]] = []
        totals: list[_Total] = []
        titles = [clean(self.titles[name]).replace(" ", "") for name in heading]
        where = list(heading.values())
        width = max(where, default=-1) + 1
        for _, row in cells:
            row.extend([""] * (width - len(row)))
        marked = [(number, row, self._sums(row, heading)) for number, row in cells if any(row)]
        last = max((number for number, _, sums in marked if sums), default=math.inf)
        block = 0
        for number, row, sums in marked:
            values = [row[i] for i in where]
            if all(value.replace(" ", "") == title for value, title in zip(values, titles, strict=True)):
                self._repaired("", "repeated_heading", number)
            elif sums:
                span = (block, len(records)) if sums == "block" else (0, None)
                totals.append(_Total(number, row, *span, above=len(records)))
                block = len(records)
            elif not any(values) and _is_numbered_only(row):
                self._repaired("", "numbered_row", number)
            elif PAGE_MARK.fullmatch("".join(row).replace(" ", "")):
                self._repaired("", "page_mark", number)
            elif number > last and self._is_note(row, heading):
                self._repaired("", "rows_below_totals", number)
            else:
                records.append([number, *values])
        table = np.array(records, dtype=object).reshape(-1, 1 + len(heading))
        return pd.DataFrame(table, columns=["#", *heading], dtype=object), totals

    def _sums(self, row: Sequence[str], heading: Mapping[str, int]) -> str:
        """Return what a totals row adds up ("block" or "all"), "" for any other row.

        A row of the county with keys of its own (a month, a service) is no totals row: `levels` holds it against the
        townships. Without any it is the total.
        """
        place = _at(row, heading["place"]) if "place" in heading else ""
        sums = self._total_word(next(filter(None, row))) or self._total_word(place)
        if sums == "block" or not self.contract.adds_up:
            return sums
        keys = [heading[name] for name in self.contract.unique if name != "place" and name in heading]
        names_county = place and (self._total_word(place) or self.base.places.get(place) == self.county)
        if names_county:
            return "" if any(_at(row, i) for i in keys) else "all"
        return sums

    def _total_word(self, cell: str) -> str:
        """Return what the word of a total adds up: "block" (小计, a township's 合计), "all" (合计), "" for another."""
        if cell not in self.total_words:
            self.total_words[cell] = self._read_total_word(cell)
        return self.total_words[cell]

    def _read_total_word(self, cell: str) -> str:
        word = cell.replace(" ", "").lower().rstrip(":")
        found = TOTALS.fullmatch(word) if word.endswith(("计", "total")) else None
        if not found:
            return ""
        if found["english"]:
            return "block" if found["english"] == "subtotal" else "all"
        of = found["of"]
        whole = of in ("", "全市", "全县", "全区", "本表") or self.base.places.get(of) == self.county
        if found["word"] == "小计" or of == "本页" or (not whole and of in self.base.places):
            return "block"
        return "all" if whole else ""

    def _is_note(self, row: Sequence[str], heading: Mapping[str, int]) -> bool:
        """Return whether a row below the last totals row is a signature or a remark.

        It names no place, programme or other known word, and holds no number where the table has one (a date behind
        a word such as 填表日期 does not count), or begins with such a word.
        """
        columns = {name: column for name, column in self.contract.columns.items() if name in heading}
        named = [name for name, column in columns.items() if column.kind in ("place", "programme", "choice")]
        if any(self._reads(name, _at(row, heading[name])) is not None for name in named):
            return False
        telling = [heading[name] for name, column in columns.items() if column.kind not in ("text", "prose")]
        bare = not any(NUMBERLIKE.fullmatch(_at(row, i)) for i in telling)
        signs = NOTE_WORDS.match(next(cell for cell in row if cell)) is not None
        complete = all(_at(row, heading[name]) for name, column in columns.items() if column.required)
        return (signs and bare) if complete else (signs or bare)

    def _reads(self, name: str, cell: str) -> Any:
        """Return the value of a cell, None for one that is empty or not understood."""
        found = self._cell(cell, name, self.contract.columns[name]) if cell else Refusal("")
        return None if isinstance(found, Refusal) else found.value

    def _repaired(self, column: str, repair: str, row: int, cells: int = 1) -> None:
        self.repairs[column, repair] += cells
        self.first_row.setdefault((column, repair), row)

    def _column(self, name: str, column: Column, raw: pd.DataFrame) -> pd.Series:
        """Return the parsed values of one contract column; unread cells are None and a fault each."""
        if name not in raw:
            return pd.Series([self._default(name, column)] * len(raw), dtype=object)
        codes, uniques = pd.factorize(raw[name])
        parsed = self._parsed(uniques, name, column)
        for code, (cell, found) in enumerate(zip(uniques, parsed, strict=True)):
            if isinstance(found, Refusal):
                self.refused.add(name)
                shown = self._shown(cell, column, found)
                for row in raw["#"][codes == code]:
                    self._fault(int(row), self.titles[name], shown, found.expected, found.fix)
            elif found.repair:
                where = raw["#"][codes == code]
                self._repaired(name, found.repair, int(where.iloc[0]), len(where))
        values = pd.Series([None if isinstance(f, Refusal) else f.value for f in parsed], dtype=object)
        return values.take(codes).reset_index(drop=True)

    def _parsed(self, cells: Sequence[str], name: str, column: Column) -> list[Parsed | Refusal]:
        """Return each cell read; right identity numbers, which most are, all at once."""
        if column.kind != "person":
            return [self._cell(cell, name, column) for cell in cells]
        texts = [identity_text(cell) for cell in cells]
        formed = [at for at, text in enumerate(texts) if WELL_FORMED.fullmatch(text) and not text.endswith("000")]
        persons = dict(zip(formed, read([texts[at] for at in formed], self.base.key), strict=True))
        return [Parsed(persons[at], "" if persons[at].valid else "check_character") if at in persons
                else self._cell(cell, name, column) for at, cell in enumerate(cells)]  # fmt: skip

    def _default(self, name: str, column: Column) -> Any:
        return self.county if column.kind == "place" else column.default

    def _context(self, name: str, column: Column) -> Context:
        spelled = {clean(s).lower(): key for key, spellings in column.choices.items() for s in (str(key), *spellings)}
        own = {clean(s).lower(): _choice_key(column, key) for s, key in self.names.values.get(name, {}).items()}
        unit = self.names.units.get(name, "")
        return replace(self.base, choices={**spelled, **own}, unit=unit)

    def _cell(self, cell: str, name: str, column: Column) -> Parsed | Refusal:
        if cell == UNCOMPUTED:
            return Refusal("a value, but its formula has never been worked out", "open the file in Excel and save it")
        if EXCEL_ERROR.fullmatch(cell):
            return Refusal(
                "a value, but Excel shows an error here", "mend the formula, or widen the column, and export again"
            )
        if not cell:
            if column.required:
                return Refusal("a value, but the cell is empty")
            return Parsed(self._default(name, column))
        if not column.required and column.kind in ("date", "choice") and cell in DASHES:
            return Parsed(self._default(name, column), "dash")
        if column.kind == "place" and self.contract.adds_up and self._total_word(cell) == "all":
            return Parsed(self.county)
        try:
            found = PARSERS[column.kind](cell, self.contexts[name])
        except Refusal as refusal:
            return refusal
        if column.required and found.repair == "open_end":
            return Refusal("a date such as 2018-06-30", "9999-12-31 stands for no end, which this column cannot have")
        return found

    def _shown(self, cell: str, column: Column, refusal: Refusal) -> str:
        """Return a cell for a message, never a personal datum, whatever its column.

        In a file about persons columns may have slipped: there only what looks like a date, a small number or a
        misspelt known word is shown.
        """
        plain = r"[-\d./:,年月日元万% ]{1,10}|=.|#.*|[0-9A-Z]{4}(-[0-9A-Z]{4}){2}"
        slipped = not (re.fullmatch(plain, cell) or "did you mean" in refusal.fix)
        if column.kind == "person" or re.search(r"\d{9}", cell) or (self.hides and slipped):
            return f"({len(cell)} characters, not shown)" if cell else ""
        return "" if cell == UNCOMPUTED else cell

    def _check_totals(
        self, columns: Mapping[str, pd.Series], totals: Sequence[_Total], heading: Mapping[str, int]
    ) -> None:
        """Hold each totals row against the rows it adds up, the county's own left aside where townships stand.

        `heading`: the columns without a refused cell.
        """
        if self.contract.adds_up and "place" in self.refused:
            return
        own = [place == self.county for place in columns["place"]] if self.contract.adds_up else []
        aside = own if own and not all(own) else [False] * len(next(iter(columns.values())))
        counted = {
            name: [0 if value is None or left else value for value, left in zip(columns[name], aside, strict=True)]
            for name, column in self.contract.columns.items() if column.kind in NUMERIC and name in heading
        }  # fmt: skip
        for total in totals:
            filled = [n for n in counted if _at(total.cells, heading[n]) not in ("", UNCOMPUTED)]
            for name in filled:
                self._check_total(total, name, _at(total.cells, heading[name]), counted[name][total.first : total.last])
            self._repaired("", "totals_row" if filled else "totals_unchecked", total.row)

    def _check_total(self, total: _Total, name: str, cell: str, values: Sequence[float]) -> None:
        column = self.contract.columns[name]
        scale = 100 if column.kind == "yuan" else 1
        found = self._cell(cell, name, column)
        if isinstance(found, Refusal):
            self._fault(total.row, self.titles[name], self._shown(cell, column, found), found.expected, found.fix)
        elif not math.isclose(found.value, sum(values), rel_tol=1e-12, abs_tol=1e-9):
            rows = "all rows" if total.first + len(values) > total.above else "the rows above"
            self._fault(total.row, self.titles[name], cell, f"the sum of {rows}, {sum(values) / scale:,g}",
                        "a row is missing, or stands twice")  # fmt: skip


def _is_numbered_only(row: Sequence[str]) -> bool:
    """Return whether nothing but a running number stands in a row."""
    filled = [cell for cell in row if cell]
    return len(filled) == 1 and re.fullmatch(r"\d{1,6}", filled[0]) is not None


def _choice_key(column: Column, key: Any) -> Any:
    if key in column.choices:
        return key
    raise ParamsError(
        f"files: values: {key!r} is not a value of this column{did_you_mean(key, map(str, column.choices))}"
    )


def _merged(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return headings of one or two rows: the lowest text of each column."""
    width = max((len(r) for r in rows), default=0)
    return [next((_at(r, i) for r in reversed(rows) if _at(r, i)), "").replace(" ", "") for i in range(width)]


def _at(row: Sequence[str], index: int) -> str:
    return row[index] if index < len(row) else ""


PERSON = ("person", "person_valid", "person_near", "birth", "sex")
"""What a column of identity numbers becomes: the parts of `identity.Person`."""

DTYPES = {
    "month": "period[M]",
    "date": "datetime64[ns]",
    "int": "int64",
    "count": "int64",
    "yuan": "int64",
    "number": "float64",
}


def _tidy_name(name: str, column: Column) -> str:
    return "person_name" if column.kind == "name" else name


def _assemble(columns: Mapping[str, pd.Series], contract: Mapping[str, Column], traced: pd.DataFrame) -> pd.DataFrame:
    """Return a tidy frame: a person column becomes PERSON, a name person_name; months fill from `occurred`."""
    tidy: dict[str, Any] = {}
    for name, values in columns.items():
        if len(values) and isinstance(values.iloc[0], Person):
            for at, part in enumerate(PERSON):
                tidy[part] = pd.Series([person[at] for person in values], dtype=object)
        else:
            tidy[_tidy_name(name, contract[name])] = values
    if "registered" in tidy:
        tidy["registered"] = tidy["registered"].where(tidy["registered"].notna(), tidy["occurred"])
    return pd.DataFrame({**tidy, **traced})


def _together(kind: str, parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the parts of a kind as one frame with the dtypes of its contract, also when there are none."""
    contract = CONTRACTS[kind].columns
    persons = any(column.kind == "person" for column in contract.values())
    names = [x for c, col in contract.items() for x in (PERSON if col.kind == "person" else (_tidy_name(c, col),))]
    names += ["sheet"] if persons else []
    found = [p for p in parts if len(p)]
    frame = (
        pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=[*names, "file", "row"], dtype=object)
    )
    if CONTRACTS[kind].of_a_period and not found:
        frame["file_period"] = ""
    for name, column in contract.items():
        if column.kind in DTYPES:
            frame[name] = _typed(frame[name], column)
        elif name == "order":
            frame[name] = frame[name].astype("int64")
        elif column.kind != "person":
            frame[_tidy_name(name, column)] = frame[_tidy_name(name, column)].astype("str")
    others = {"row": "int64", "file": "str", "file_period": "str", "sheet": "str", "person": "str",
              "person_valid": bool, "sex": "str"}  # fmt: skip
    if persons:
        frame["birth"] = pd.to_datetime(frame["birth"].astype("str"), format="%Y%m%d", errors="coerce")
    return frame.astype({name: dtype for name, dtype in others.items() if name in frame})


def _typed(values: pd.Series, column: Column) -> pd.Series:
    if column.kind == "month":
        months = pd.PeriodIndex.from_ordinals([month.ordinal for month in values], freq="M")
        return pd.Series(months, index=values.index)
    if column.kind in ("count", "int") and not column.required and column.default is None:
        return pd.to_numeric(values).astype("float64")
    if column.kind == "date":
        return pd.to_datetime(values).astype("datetime64[ns]")
    return pd.to_numeric(values).astype(DTYPES[column.kind])


def _twice(kind: str, frame: pd.DataFrame) -> list[Fault]:
    """Return a fault for each row that stands again in the same or another file of the kind."""
    unique = list(CONTRACTS[kind].unique)
    if not unique or frame.empty:
        return []
    again = frame[frame.duplicated(unique, keep="first")]
    if again.empty:
        return []
    first = frame[frame.duplicated(unique, keep=False)].groupby(unique, sort=False)[["file", "row"]].first()
    faults = []
    for record in again.itertuples():
        origin = first.loc[tuple(getattr(record, c) for c in unique)]
        shown = ", ".join(str(getattr(record, c)) for c in unique)
        expected = f"each of these once, but it stands also in {origin['file']} row {origin['row']}"
        fix = "delete one, or name the corrected file as the old one so that it replaces it"
        faults.append(Fault(record.file, int(record.row), "", shown, expected, fix))
    return faults

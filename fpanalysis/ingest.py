"""Raw files to tidy frames: finds the deliveries, reads every cell by its contract, reports all faults at once.

Deliveries lie in `data/raw/<place>/<received-date>/<kind>[.<part>].csv|xlsx`. Of each kind and part the newest
one received by `as_of` counts; older ones are kept and listed. Reading is strict where a guess could be wrong and
patient where the meaning is plain (title rows, merged two-row headings, repeated headings, totals rows, hidden
sheets): each repair is counted. A totals row is checked against the sum before it is left out. Rows about persons
leave here pseudonymised: the identity number is hashed with a key, and columns outside the contract (name, phone,
account) are never kept.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from .contracts import CONTRACTS, Column, Contract
from .errors import DataError, Fault, ParamsError, did_you_mean
from .parsers import PARSERS, Context, Parsed, Person, Refusal, clean

__all__ = ["KINDS", "SECTIONS", "Data", "Delivery", "FileMap", "find_deliveries", "read_files"]

SECTIONS = ("overview", "services", "births", "sex_ratio", "checkups", "subsidies", "organisation", "benchmarking",
            "problems", "plan")  # fmt: skip
"""Sections of the report that the analyst's prose may fill: `## <section>` in `prose.<lang>.md`."""

KINDS = (*CONTRACTS, "prose")
"""Every kind of raw file."""

ENCODINGS = ("utf-8-sig", "gb18030")
HEADER_ROWS = 20
TOTALS = ("合计", "总计", "小计", "全市合计", "total")


class FileMap(Protocol):
    """How one kind of file of a place is written: the office's headings, spellings of values, units."""

    columns: Mapping[str, str]
    values: Mapping[str, Mapping[str, Any]]
    units: Mapping[str, str]


@dataclass(frozen=True)
class Delivery:
    """One raw file as received. `used` says whether a later delivery of the same kind and part replaced it."""

    kind: str
    part: str
    received: dt.date
    path: Path
    sha256: str
    used: bool = True

    @property
    def name(self) -> str:
        """Return `<received-date>/<file>`, as every message and table names the file."""
        return f"{self.path.parent.name}/{self.path.name}"


@dataclass(frozen=True)
class Data:
    """What a place delivered: tidy frames by kind (empty ones for kinds it has not), prose, repairs, deliveries.

    `repairs` has a row a file and kind of repair: file, kind, repair, cells, first_row.
    """

    frames: Mapping[str, pd.DataFrame]
    prose: Mapping[tuple[str, str], str]
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


def find_deliveries(folder: Path, as_of: dt.date | None = None) -> list[Delivery]:
    """Return every raw file below a place's folder received by `as_of` (all when None), oldest first.

    Raises DataError naming every file or folder whose name is not understood.
    """
    if not folder.is_dir():
        raise ParamsError(f"there are no raw files: the folder data/raw/{folder.name}/ is missing")
    found, faults = [], []
    for day in sorted(p for p in folder.iterdir() if p.is_dir()):
        try:
            received = dt.date.fromisoformat(day.name)
        except ValueError:
            faults.append(
                Fault(f"{day.name}/", 0, "", day.name, "a folder named by the date of receipt", "e.g. 2018-07-05")
            )
            continue
        for path in sorted(p for p in day.iterdir() if p.is_file() and not p.name.startswith((".", "~$"))):
            delivery = _delivery(path, received)
            (faults if isinstance(delivery, Fault) else found).append(delivery)
    if faults:
        raise DataError(faults)
    return _newest([d for d in found if as_of is None or d.received <= as_of])


def _delivery(path: Path, received: dt.date) -> Delivery | Fault:
    kind, _, part = path.stem.partition(".")
    name = f"{path.parent.name}/{path.name}"
    if kind not in KINDS:
        return Fault(name, 0, "", kind, f"a file named by its kind{did_you_mean(kind, KINDS)}")
    if path.suffix.lower() not in ((".md",) if kind == "prose" else (".csv", ".xlsx")):
        fix = "open it in Excel and save it as .xlsx" if path.suffix.lower() == ".xls" else ""
        return Fault(name, 0, "", path.suffix, ".md" if kind == "prose" else ".csv or .xlsx", fix)
    return Delivery(kind, part, received, path, hashlib.sha256(path.read_bytes()).hexdigest())


def _newest(deliveries: Sequence[Delivery]) -> list[Delivery]:
    newest = {(d.kind, d.part): d for d in deliveries}
    return [
        Delivery(d.kind, d.part, d.received, d.path, d.sha256, used=newest[d.kind, d.part] is d) for d in deliveries
    ]


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
    faults = [_missing_kind(kind) for kind in files if not any(d.kind == kind for d in deliveries)]
    faults += [_unmapped(d) for d in deliveries if d.kind not in files]
    frames: dict[str, list[pd.DataFrame]] = {kind: [] for kind in CONTRACTS}
    prose: dict[tuple[str, str], str] = {}
    repairs: list[tuple[str, str, str, int, int]] = []
    for delivery in (d for d in deliveries if d.used and d.kind in files):
        try:
            if delivery.kind == "prose":
                prose |= _read_prose(delivery)
            else:
                reader = _Reader(delivery, CONTRACTS[delivery.kind], files[delivery.kind], base, county)
                frames[delivery.kind].append(reader.frame())
                repairs += reader.listed_repairs()
        except DataError as error:
            faults += error.faults
    tidy = {kind: _together(kind, parts, county) for kind, parts in frames.items()}
    faults += [fault for kind, frame in tidy.items() for fault in _twice(kind, frame)]
    if faults:
        raise DataError(faults)
    listed = pd.DataFrame(repairs, columns=["file", "kind", "repair", "cells", "first_row"])
    return Data(tidy, prose, listed, tuple(deliveries))


def _missing_kind(kind: str) -> Fault:
    return Fault(f"{kind}.csv", 0, "", "", f"a file {kind}.csv or {kind}.xlsx in a folder <received-date>/",
                 f"deliver it, or take {kind!r} out of files: in params")  # fmt: skip


def _unmapped(delivery: Delivery) -> Fault:
    return Fault(
        delivery.name, 0, "", delivery.kind, f"an entry {delivery.kind}: under files: in params", "add its column names"
    )


def _read_prose(delivery: Delivery) -> dict[tuple[str, str], str]:
    """Return the analyst's text by (section, language)."""
    written = _decode(delivery)
    pieces = re.split(r"^##[ \t]+(.+?)[ \t]*$", written, flags=re.MULTILINE)
    faults = [
        Fault(delivery.name, written[: written.index(f"## {s}")].count("\n") + 1 if f"## {s}" in written else 0, "", s,
              f"a section of the report{did_you_mean(s, SECTIONS)}")
        for s in pieces[1::2] if s not in SECTIONS
    ]  # fmt: skip
    if delivery.part not in ("zh", "en"):
        faults.append(Fault(delivery.name, 0, "", delivery.part, "prose.zh.md or prose.en.md"))
    if faults:
        raise DataError(faults)
    return {(s, delivery.part): body.strip() for s, body in zip(pieces[1::2], pieces[2::2], strict=True)}


def _decode(delivery: Delivery) -> str:
    """Return the text of a file: UTF-8 (with or without BOM), GB18030, or UTF-16 with BOM; strictly."""
    raw = delivery.path.read_bytes()
    if not raw.strip():
        raise DataError([Fault(delivery.name, 0, "", "", "a file with content, but it is empty", "export it again")])
    for encoding in ("utf-16",) if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ENCODINGS:
        try:
            return _no_garbage(raw.decode(encoding))
        except (UnicodeDecodeError, ValueError):
            continue
    fault = Fault(
        delivery.name, 0, "", "", "text in UTF-8 or GB18030", "in Excel: save as 'CSV UTF-8'; a workbook is named .xlsx"
    )
    raise DataError([fault])


def _no_garbage(text: str) -> str:
    """Return the text unless control or private-use characters show that it was decoded wrongly."""
    if re.search("[\x00-\x08\x0e-\x1f\x7f\ue000-\uf8ff\ufffd]", text):
        raise ValueError("not text in this encoding")
    return text


@dataclass
class _Grid:
    """Cells of a table by Excel's row number, and the repairs that finding them took."""

    rows: list[tuple[int, list[Any]]]
    repairs: Counter[str] = field(default_factory=Counter)


def _csv_grid(delivery: Delivery) -> _Grid:
    text = _decode(delivery)
    first = text.split("\n", 1)[0]
    mark = max(",\t;", key=first.count)
    return _Grid([(n, row) for n, row in enumerate(csv.reader(io.StringIO(text), delimiter=mark), start=1)])


def _xlsx_grid(delivery: Delivery) -> _Grid:
    """Return the cells of the first visible sheet that has any; hidden sheets and rows are counted, rows kept."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(delivery.path, data_only=True)
    except Exception as error:
        fault = Fault(
            delivery.name,
            0,
            "",
            "",
            "an Excel workbook (.xlsx)",
            f"open it in Excel and save it again ({type(error).__name__})",
        )
        raise DataError([fault]) from None
    hidden = [s for s in book.worksheets if s.sheet_state != "visible"]
    visible = [s for s in book.worksheets if s.sheet_state == "visible" and s.max_row and s.dimensions != "A1:A1"]
    if not visible:
        raise DataError([Fault(delivery.name, 0, "", "", "a visible sheet with a table")])
    sheet = visible[0]
    hidden_rows = sum(1 for d in sheet.row_dimensions.values() if d.hidden)
    rows = [(n, list(cells)) for n, cells in enumerate(sheet.iter_rows(values_only=True), start=1)]
    found = Counter({"hidden_sheet": len(hidden), "hidden_row": hidden_rows, "other_sheet": len(visible) - 1})
    return _Grid(rows, +found)


GRIDS = {".csv": _csv_grid, ".xlsx": _xlsx_grid}


class _Reader:
    """One file read by its contract: grid, heading, rows, cells. Faults gather until `frame` ends."""

    def __init__(self, delivery: Delivery, contract: Contract, names: FileMap, base: Context, county: str) -> None:
        self.delivery, self.contract, self.names, self.base, self.county = delivery, contract, names, base, county
        self.faults: list[Fault] = []
        self.repairs: Counter[tuple[str, str]] = Counter()
        self.first_row: dict[tuple[str, str], int] = {}

    def frame(self) -> pd.DataFrame:
        """Return the tidy frame of the file. Raises DataError with all its faults."""
        grid = GRIDS[self.delivery.path.suffix.lower()](self.delivery)
        cells = [(n, [clean(c) for c in row]) for n, row in grid.rows]
        for repair, number in grid.repairs.items():
            self.repairs["", repair] = number
        start, heading = self._heading(cells)
        raw, totals = self._body(cells[start:], heading)
        if not len(raw) and not self.faults:
            self._fault(0, "", "", "rows below the heading, but there are none", "export it again")
        tidy = pd.DataFrame({"file": self.delivery.name, "row": raw["#"].to_numpy(dtype="int64")})
        columns = {name: self._column(name, column, raw) for name, column in self.contract.columns.items()}
        if not self.faults:
            self._check_totals(columns, totals, heading)
        if self.faults:
            raise DataError(self.faults)
        return _assemble(columns, tidy)

    def listed_repairs(self) -> list[tuple[str, str, str, int, int]]:
        """Return (file, kind, repair, cells, first row) for each kind of repair."""
        return [(self.delivery.name, self.delivery.kind, repair, n, self.first_row.get((c, repair), 0))
                for (c, repair), n in sorted(self.repairs.items())]  # fmt: skip

    def _fault(self, row: int, column: str, value: str, expected: str, fix: str = "") -> None:
        self.faults.append(Fault(self.delivery.name, row, column, value, expected, fix))

    def _heading(self, cells: Sequence[tuple[int, list[str]]]) -> tuple[int, dict[str, int]]:
        """Return the index of the first row below the heading, and the position of each contract column."""
        wanted = {self.names.columns.get(c, c).replace(" ", ""): c for c in self.contract.columns}
        best: tuple[int, int, dict[str, list[int]], list[str]] = (0, 0, {}, [])
        for height in (1, 2):
            for index in range(min(HEADER_ROWS, len(cells))):
                heads = _merged([row for _, row in cells[index : index + height]])
                at = {wanted[h]: [i for i, x in enumerate(heads) if x == h] for h in heads if h in wanted}
                if len(at) > len(best[2]):
                    best = (index, height, at, heads)
        index, height, at, heads = best
        self._check_heading(at, heads, cells[index][0] if cells else 0)
        if index:
            self.repairs["", "rows_above_heading"] = index
        return index + height, {name: where[0] for name, where in at.items()}

    def _check_heading(self, at: Mapping[str, list[int]], heads: Sequence[str], row: int) -> None:
        mapped = set(self.names.columns)
        for name, column in self.contract.columns.items():
            title = self.names.columns.get(name, name)
            if name not in at and (column.required or name in mapped):
                others = [h for h in heads if h]
                near = did_you_mean(title, others).removeprefix("; ") if others else ""
                self._fault(row, title, "", "this column, but the file does not have it", near)
            if len(at.get(name, ())) > 1:
                self._fault(
                    row, title, title, "each heading once, but it stands twice", "rename or delete one of the columns"
                )
        if self.faults:
            raise DataError(self.faults)

    def _body(
        self, cells: Sequence[tuple[int, list[str]]], heading: Mapping[str, int]
    ) -> tuple[pd.DataFrame, list[tuple[int, list[str]]]]:
        """Return the data rows as a frame of texts, and the totals rows."""
        records, totals = [], []
        needed = [heading[n] for n, c in self.contract.columns.items() if c.required and n in heading]
        titles = [self.names.columns.get(n, n).replace(" ", "") for n in heading]
        for number, row in cells:
            if not any(row):
                continue
            if [c.replace(" ", "") for c in (_at(row, heading[n]) for n in heading)] == titles:
                self._repaired("", "repeated_heading", number)
            elif next(c for c in row if c).replace(" ", "").lower().rstrip(":：") in TOTALS:
                totals.append((number, row))
                self._repaired("", "totals_row", number)
            elif totals and not all(_at(row, i) for i in needed):
                self._repaired("", "rows_below_totals", number)
            else:
                records.append([number, *(_at(row, heading[n]) for n in heading)])
        return pd.DataFrame(records, columns=["#", *heading], dtype=object), totals

    def _repaired(self, column: str, repair: str, row: int, cells: int = 1) -> None:
        self.repairs[column, repair] += cells
        self.first_row.setdefault((column, repair), row)

    def _column(self, name: str, column: Column, raw: pd.DataFrame) -> pd.Series:
        """Return the parsed values of one contract column; unread cells are None and a fault each."""
        if name not in raw:
            return pd.Series([self._default(name, column)] * len(raw), dtype=object)
        codes, uniques = pd.factorize(raw[name])
        context = self._context(name, column)
        parsed = [self._cell(cell, name, column, context) for cell in uniques]
        for code, (cell, found) in enumerate(zip(uniques, parsed, strict=True)):
            if isinstance(found, Refusal):
                for row in raw["#"][codes == code]:
                    self._fault(
                        int(row), self.names.columns.get(name, name), _shown(cell, column), found.expected, found.fix
                    )
            elif found.repair:
                where = raw["#"][codes == code]
                self._repaired(name, found.repair, int(where.iloc[0]), len(where))
        values = pd.Series([None if isinstance(f, Refusal) else f.value for f in parsed], dtype=object)
        return values.take(codes).reset_index(drop=True)

    def _default(self, name: str, column: Column) -> Any:
        return self.county if column.kind == "place" else column.default

    def _context(self, name: str, column: Column) -> Context:
        spelled = {clean(s).lower(): key for key, spellings in column.choices.items() for s in (str(key), *spellings)}
        own = {clean(s).lower(): _choice_key(column, key) for s, key in self.names.values.get(name, {}).items()}
        base = self.base
        unit = self.names.units.get(name, "")
        return Context(base.places, base.programmes, base.calendar, base.key, {**spelled, **own}, unit)

    def _cell(self, cell: str, name: str, column: Column, context: Context) -> Parsed | Refusal:
        if not cell:
            if column.required:
                return Refusal("a value, but the cell is empty")
            return Parsed(self._default(name, column))
        try:
            return PARSERS[column.kind](cell, context)
        except Refusal as refusal:
            return refusal

    def _check_totals(
        self, columns: Mapping[str, pd.Series], totals: Sequence[tuple[int, list[str]]], heading: Mapping[str, int]
    ) -> None:
        for number, row in totals[-1:]:
            for name, column in self.contract.columns.items():
                cell = _at(row, heading[name]) if name in heading else ""
                if column.kind in ("int", "count", "yuan") and cell:
                    self._check_total(number, name, column, cell, int(columns[name].sum()))

    def _check_total(self, row: int, name: str, column: Column, cell: str, total: int) -> None:
        title = self.names.columns.get(name, name)
        scale = 100 if column.kind == "yuan" else 1
        found = self._cell(cell, name, column, self._context(name, column))
        if isinstance(found, Refusal):
            self._fault(row, title, _shown(cell, column), found.expected, found.fix)
        elif found.value != total:
            self._fault(
                row, title, cell, f"the sum of the rows above, {total / scale:,g}", "a row is missing, or stands twice"
            )


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


def _shown(cell: str, column: Column) -> str:
    """Return a cell for a message; never one that is, or holds, an identity number, whatever its column."""
    personal = column.kind == "person" or re.search(r"\d{15}", cell)
    return f"({len(cell)} characters, not shown)" if personal else cell


DTYPES = {
    "month": "period[M]",
    "date": "datetime64[ns]",
    "int": "int64",
    "count": "int64",
    "yuan": "int64",
    "number": "float64",
}


def _assemble(columns: Mapping[str, pd.Series], traced: pd.DataFrame) -> pd.DataFrame:
    """Return a tidy frame: a person column becomes person, person_valid, person_near; months fill from `occurred`."""
    tidy: dict[str, Any] = {}
    for name, values in columns.items():
        if len(values) and isinstance(values.iloc[0], Person):
            tidy["person"] = values.map(lambda p: p.pseudonym)
            tidy["person_valid"] = values.map(lambda p: p.valid).astype(bool)
            tidy["person_near"] = values.map(lambda p: p.near)
        else:
            tidy[name] = values
    if "registered" in tidy:
        tidy["registered"] = tidy["registered"].where(tidy["registered"].notna(), tidy["occurred"])
    return pd.DataFrame({**tidy, **traced})


def _together(kind: str, parts: Iterable[pd.DataFrame], county: str) -> pd.DataFrame:
    """Return the parts of a kind as one frame with the dtypes of its contract, also when there are none."""
    contract = CONTRACTS[kind].columns
    names = [
        x
        for c, col in contract.items()
        for x in (("person", "person_valid", "person_near") if col.kind == "person" else (c,))
    ]
    found = [p for p in parts if len(p)]
    frame = (
        pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=[*names, "file", "row"], dtype=object)
    )
    for name, column in contract.items():
        if column.kind in DTYPES:
            frame[name] = _typed(frame[name], column)
        elif name == "order":
            frame[name] = frame[name].astype("int64")
        elif column.kind != "person":
            frame[name] = frame[name].astype("str")
    return frame.astype(
        {"row": "int64", "file": "str", **({"person": "str", "person_valid": bool} if "person" in frame else {})}
    )


def _typed(values: pd.Series, column: Column) -> pd.Series:
    if column.kind == "month":
        return pd.Series(pd.PeriodIndex(values.to_list(), freq="M"), index=values.index)
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
    first = frame[frame.duplicated(unique, keep=False)].groupby(unique, sort=False)[["file", "row"]].first()
    faults = []
    for record in again.itertuples():
        origin = first.loc[tuple(getattr(record, c) for c in unique)]
        shown = ", ".join(str(getattr(record, c)) for c in unique)
        expected = f"each of these once, but it stands also in {origin['file']} row {origin['row']}"
        fix = "delete one, or name the corrected file as the old one so that it replaces it"
        faults.append(Fault(record.file, int(record.row), "", shown, expected, fix))
    return faults

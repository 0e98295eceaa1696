"""The facts of a report: every result row with its words, basis, status and sources, the same in both languages.

`ledger` packs the rows into a block that the report notebook shows once; `records` unpacks it into one mapping a fact,
as `facts.json` publishes it. Whatever the catalogue can say (labels, units, methods, remarks) is looked up when it is
unpacked, so that a notebook carries each number once.

An id is `<measure>@<place>@<period>`, with `@<method>` behind it where a measure has several intervals, and a number
where several remarks (one a file) have all of that in common: it stays the same from release to release, so that a
reader can follow a figure.

| status | when |
|---|---|
| suppressed | hidden because it counts too few people (`note.suppressed`) |
| preliminary | rests on births of a month whose registration is open (completeness below 1); period not ended |
| revised | differs, in any of its numbers, from the same fact of the release before |
| final | else |

Births counted by month of registration are settled with the month. A preliminary figure that differs from the release
before stays preliminary; `previous` holds the earlier value of both. After the observation status of SDMX
(CL_OBS_STATUS) and Eurostat's flags p and r.
"""

from __future__ import annotations

import csv
import functools
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import pandas as pd

from . import results
from .blocks import Ledger, raw_value
from .periods import parse_period
from .results import COLUMNS, NUMBERS, read_note
from .tables import measure_unit
from .wording import LANGS, has, indicator, label, period_label, remark, text

__all__ = ["FIELDS", "SourceFile", "ledger", "ledger_rows", "records", "sources", "statuses"]

FIELDS = (
    "id", "measure", "label", "place", "period", "calendar", "basis", "unit", *NUMBERS, "level", "method", "note",
    "status", "previous", "sources",
)  # fmt: skip
"""What a fact says, in the order in which files say it."""

STATUSES = ("suppressed", "preliminary", "revised", "final")
LEVEL = re.compile(r"-(\d+(?:\.\d+)?)$")
SUPPRESSED = "note.suppressed"
SETTLED = ("births_reported", "births_carried_in")
"""Measures of births that are counted by month of registration, and so do not wait for late registrations."""
ALL_FILES = "all files"


class SourceFile(Protocol):
    """A raw file: its kind, its name as reports print it, its hash, and whether it was used."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def used(self) -> bool: ...


def ledger(
    found: pd.DataFrame,
    *,
    place: str,
    period: str,
    names: Mapping[str, tuple[str, str]],
    files: Iterable[SourceFile] = (),
    as_of: str = "",
    inputs: str = "",
    synthetic: bool = False,
) -> Ledger:
    """Return the block that carries every result row of a report as a fact.

    `place` and `period` are keys; `names` gives the Chinese and English words for keys of places and programmes (only
    those that the rows use are kept; a place without is called by its key); of `files` those that were used are
    sources.
    """
    rows = found.sort_values(["measure", "place", "period", "method", "note"], kind="stable")
    known = sorted({key for key in _keys(rows) | {place} if key in names})
    used = sorted({(f.kind, f.name, f.sha256) for f in files if f.used})
    worded = tuple((key, *names[key]) for key in known)
    return Ledger(place, period, _written(rows), worded, tuple(used), as_of, inputs, synthetic)


@functools.lru_cache(maxsize=1)
def ledger_rows(block: Ledger) -> pd.DataFrame:
    """Return the result table that a ledger carries, numbers to twelve digits; not to be changed.

    Read once for both languages and every format of a release, which carry the same ledger.
    """
    records = list(csv.DictReader(block.lines))
    return results.rows(pd.DataFrame(records, columns=list(COLUMNS)).replace({n: {"": None} for n in NUMBERS}))


def records(block: Ledger, earlier: Mapping[str, Mapping[str, Any]] | None = None) -> list[dict[str, Any]]:
    """Return the facts of a ledger, sorted by id; `earlier` are those of the release before, by id."""
    rows = ledger_rows(block)
    open_months = _open_months(rows)
    names = {lang: {key: words[n] for key, *words in block.names} for n, lang in enumerate(LANGS)}
    told, delivered = _Words(names), sorted({kind for kind, _, _ in block.files})
    made = [
        _record(row, name, told, open_months, (earlier or {}).get(name))
        | {"sources": _delivered(told.kinds(row.measure), delivered)}
        for name, row in zip(_ids(rows), rows.itertuples(index=False), strict=True)
    ]
    return sorted(made, key=lambda fact: fact["id"])


def statuses(facts: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the status of each fact by `measure@place@period`; of several there the first in STATUSES holds."""
    found: dict[str, str] = {}
    for fact in facts:
        key, status = f"{fact['measure']}@{fact['place']['key']}@{fact['period']['key']}", fact["status"]
        found[key] = min(status, found.get(key, status), key=STATUSES.index)
    return found


def sources(block: Ledger) -> dict[str, list[dict[str, str]]]:
    """Return the raw files by kind, each as file and sha256: what the `sources` of a fact name."""
    kinds = sorted({kind for kind, _, _ in block.files})
    return {kind: [{"file": f, "sha256": sha} for k, f, sha in block.files if k == kind] for kind in kinds}


def _written(rows: pd.DataFrame) -> tuple[str, ...]:
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(COLUMNS)
    for values in zip(*(rows[name].tolist() for name in COLUMNS), strict=True):
        writer.writerow(["" if (v := raw_value(value)) is None else v for value in values])
    return tuple(lines.getvalue().splitlines())


def _ids(rows: pd.DataFrame) -> list[str]:
    """Return the id of each row: what it is, then its method, then a number, as far as that is needed to tell it."""
    plain = rows["measure"] + "@" + rows["place"] + "@" + rows["period"]
    with_method = plain.where(~plain.duplicated(keep=False), plain + "@" + rows["method"])
    number = (with_method.groupby(with_method).cumcount() + 1).astype(str)
    return list(with_method.where(~with_method.duplicated(keep=False), with_method + "@" + number))


def _keys(rows: pd.DataFrame) -> set[str]:
    """Return the places, the parts of measures and what remarks name: what `names` may word."""
    parts = {part for measure in rows["measure"].unique() for part in measure.split("/")[1:]}
    told = (value for note in rows["note"].unique() if note for value in read_note(note)[1].values())
    return {
        *rows["place"],
        *parts,
        *(one for value in told for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)),
    }


def _open_months(rows: pd.DataFrame) -> tuple[str, str]:
    """Return the first month whose registration is open and the last month known, "" where no row says."""
    shares = rows[rows["measure"] == "births_completeness"]
    unfinished = shares[~(shares["value"] >= 1)]
    return min(unfinished["period"], default=""), max(shares["period"], default="")


def _record(
    row: Any, name: str, told: _Words, open_months: tuple[str, str], before: Mapping[str, Any] | None
) -> dict[str, Any]:
    numbers = {column: raw_value(getattr(row, column)) for column in NUMBERS}
    status, previous = _status(row, numbers, told, open_months, before)
    return {
        "id": name,
        "measure": row.measure,
        "label": told.label(row.measure),
        "place": told.place(row.place),
        "period": told.period(row.period),
        "calendar": told.calendar(row.period),
        "basis": BASES_BY_METHOD.get(row.method) or BASES[told.kinds(row.measure)[0]],
        "unit": told.unit(row.measure),
        **numbers,
        "level": told.level(row.method),
        "method": told.method(row.method),
        "note": told.note(row.note),
        "status": status,
        "previous": previous,
    }


def _status(
    row: Any,
    numbers: Mapping[str, Any],
    told: _Words,
    open_months: tuple[str, str],
    before: Mapping[str, Any] | None,
) -> tuple[str, Any]:
    """Return the status of a fact, and its value in the release before where any number differs from it."""
    if row.note and read_note(row.note)[0] == SUPPRESSED:
        return "suppressed", None
    comparable = before is not None and before["status"] != "suppressed"
    changed = comparable and any(before[n] != number for n, number in numbers.items())  # type: ignore[index]
    previous = before["value"] if changed else None  # type: ignore[index]
    if _is_open(row, told, open_months):
        return "preliminary", previous
    return ("revised" if changed else "final"), previous


def _is_open(row: Any, told: _Words, open_months: tuple[str, str]) -> bool:
    first, last = open_months
    if not last:
        return False
    ends = told.last_month(row.period)
    births = "births" in told.kinds(row.measure) and row.measure.split("/")[0] not in SETTLED
    return ends > last or (births and bool(first) and ends >= first)


def _delivered(named: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """Return the kinds of files that a measure comes from, of those that there are."""
    return [kind for kind in kinds if kind in named or ALL_FILES in named]


class _Words:
    """Words for keys in both languages, and what else a key says, each looked up once."""

    def __init__(self, names: Mapping[str, Mapping[str, str]]) -> None:
        self.names = names
        self.known: dict[tuple[str, str], Any] = {}

    def _once(self, kind: str, key: str, find: Callable[[str], Any]) -> Any:
        if (kind, key) not in self.known:
            self.known[kind, key] = find(key)
        return self.known[kind, key]

    def _both(self, kind: str, key: str, say: Callable[[str, str], str], *, with_key: bool) -> dict[str, str]:
        def words(key: str) -> dict[str, str]:
            return ({"key": key} if with_key else {}) | {lang: say(key, lang) for lang in LANGS}

        return self._once(kind, key, words)

    def kinds(self, measure: str) -> list[str]:
        return self._once("kinds", measure, _kinds)

    def level(self, method: str) -> float | None:
        return self._once("level", method, _level)

    def calendar(self, period: str) -> str:
        return self._once("calendar", period, _calendar)

    def last_month(self, period: str) -> str:
        return self._once("last month", period, lambda key: str(parse_period(key).last_month))

    def label(self, measure: str) -> dict[str, str]:
        return self._both("label", measure, lambda k, lang: label(k, lang, self.names[lang]), with_key=False)

    def place(self, key: str) -> dict[str, str]:
        return self._both("place", key, lambda k, lang: self.names[lang].get(k, k), with_key=True)

    def period(self, key: str) -> dict[str, str]:
        return self._both("period", key, lambda k, lang: period_label(k, lang, calendar=False), with_key=True)

    def unit(self, measure: str) -> dict[str, str]:
        return self._both("unit", measure, lambda k, lang: measure_unit(k, lang) or "%", with_key=False)

    def method(self, key: str) -> dict[str, str]:
        words = f"method.{key}"
        return self._both("method", key, lambda k, lang: text(words, lang) if has(words) else k, with_key=True)

    def note(self, note: str) -> dict[str, str] | None:
        if not note:
            return None
        return self._both("note", note, lambda k, lang: remark(k, lang, self.names[lang]), with_key=False)


def _kinds(measure: str) -> list[str]:
    return [kind.strip() for kind in indicator(measure)["source"].split(",") if kind.strip()]


def _level(method: str) -> float | None:
    level = LEVEL.search(method)
    return float(level[1]) / 100 if level else None


def _calendar(key: str) -> str:
    period = parse_period(key)
    return "month" if period.is_month else period.calendar


BASES_BY_METHOD = {"by_occurrence": "occurrence", "by_registration": "registration", "by_both": "both"}
"""What a figure of births is counted by, by the method that says so."""

BASES = {
    "births": "occurrence",
    "registrations": "handled",
    "checkups": "examined",
    "risks": "examined",
    "roll": "roll",
    "payments": "due",
    "reported": "reported",
    "activities": "event",
    "plan": "reported",
    "commitments": "reported",
    "peers": "reported",
    "totals": "reported",
    "params": "rule",
    ALL_FILES: "files",
}
"""What a figure is counted by, by the kind of file that it comes from first; words in the catalogue under `basis.`."""

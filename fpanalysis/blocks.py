"""The parts a report is made of: one small document model that every format is rendered from.

A notebook shows `heading(...)`, `prose(...)`, `facts(...)`, `table(...)`, `figure(...)` and once `meta(...)`. Each
result is a frozen block that JupyterLab draws as usual (HTML, SVG or markdown) and that carries itself as JSON
beside the drawing, under the MIME type `MIME`. Publishing reads that JSON and never parses HTML back, so that the
web page, and later PDF, Word and Excel, are made from the same typed columns and raw values.

All text arrives already worded: callers take it from the catalogue. Equal input gives equal bytes: no clock, no
random id. A figure's drawing stands in the bundle once, as `image/svg+xml`; `from_bundle` puts the two together.
"""

from __future__ import annotations

import csv
import io
import math
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from .errors import FpError, did_you_mean
from .wording import LANGS, format_value, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

__all__ = [
    "BLOCKS",
    "MIME",
    "Block",
    "Cards",
    "Column",
    "Fact",
    "Figure",
    "Heading",
    "Ledger",
    "Meta",
    "Prose",
    "Table",
    "csv_cell",
    "csv_cells",
    "csv_heads",
    "csv_text",
    "fact",
    "facts",
    "figure",
    "from_bundle",
    "from_json",
    "heading",
    "meta",
    "prose",
    "raw_value",
    "table",
    "to_json",
]

MIME = "application/vnd.fpanalysis.block+json"
MISSING = "–"
LEVELS = range(2, 5)

B = TypeVar("B", bound="Block")


class Block:
    """A part of a report; shows itself in JupyterLab and carries its JSON beside that."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        carried = to_json(self)
        carried.pop("svg", None)
        return {MIME: carried, **self._shown()}

    def _shown(self) -> dict[str, str]:
        """Return the drawing for JupyterLab by MIME type."""
        raise NotImplementedError


@dataclass(frozen=True)
class Meta(Block):
    """What stands on the cover: all worded, `lang` zh or en, `other` the address of the other language's page.

    `synthetic` puts a banner on top: `notice`, or the catalogue's `page.synthetic` when that is empty.
    """

    title: str
    lang: str
    subtitle: str = ""
    office: str = ""
    place: str = ""
    period: str = ""
    calendar: str = ""
    synthetic: bool = False
    notice: str = ""
    as_of: str = ""
    release: str = ""
    inputs: str = ""
    other: str = ""

    def _shown(self) -> dict[str, str]:
        lines = [self.subtitle, self.office, self.period, self.calendar, self.as_of]
        small = " · ".join(line for line in lines if line)
        return {"text/markdown": f"# {self.title}\n\n{small}\n", "text/plain": self.title}


@dataclass(frozen=True)
class Heading(Block):
    """A heading of level 2 (section) to 4; level 1 is the title and stands in Meta."""

    text: str
    level: int = 2

    def _shown(self) -> dict[str, str]:
        return {"text/markdown": f"{'#' * self.level} {self.text}\n", "text/plain": self.text}


@dataclass(frozen=True)
class Prose(Block):
    """Running text as markdown (footnotes `[^a]` may be defined in another block)."""

    markdown: str

    def _shown(self) -> dict[str, str]:
        return {"text/markdown": self.markdown, "text/plain": self.markdown}


@dataclass(frozen=True)
class Fact:
    """One headline figure: its name, the printed figure, the change, what to hold it against; raw value and key."""

    label: str
    value: str
    change: str = ""
    reference: str = ""
    raw: float | None = None
    key: str = ""


@dataclass(frozen=True)
class Cards(Block):
    """Headline figures side by side."""

    facts: tuple[Fact, ...]

    def _shown(self) -> dict[str, str]:
        lines = [(f.label, f.value, f.change, f.reference) for f in self.facts]
        cells = "".join(
            '<td style="text-align:left;vertical-align:top;padding:.4em 1.2em .4em 0">'
            f"{escape(label)}<br><b>{escape(value)}</b><br>{escape(change)}<br>{escape(reference)}</td>"
            for label, value, change, reference in lines
        )
        plain = "\n".join("  ".join(part for part in line if part) for line in lines)
        return {"text/html": f"<table><tr>{cells}</tr></table>", "text/plain": plain}


@dataclass(frozen=True)
class Column:
    """One column: key, heading, kind (a format of `wording.FORMATS`, or "text"), unit, heading of its group.

    With `interval`, a raw value is (value, lower, upper).
    """

    key: str
    label: str
    kind: str = "text"
    unit: str = ""
    group: str = ""
    interval: bool = False

    @property
    def is_text(self) -> bool:
        """Return whether the column holds words, not numbers."""
        return self.kind == "text"


@dataclass(frozen=True)
class Table(Block):
    """A table: `values` raw by row, `texts` the same cells as printed; the first column names the row.

    Raw values are numbers, texts or None; `total` says that the last row sums the others up. `ids` names the fact of
    each cell (`measure@place@period`, "" for none), so that publishing can mark what is preliminary or revised.
    """

    columns: tuple[Column, ...]
    values: tuple[tuple[Any, ...], ...]
    texts: tuple[tuple[str, ...], ...]
    caption: str = ""
    notes: tuple[str, ...] = ()
    source: str = ""
    id: str = ""
    total: bool = False
    ids: tuple[tuple[str, ...], ...] = ()

    @property
    def unit(self) -> str:
        """Return the unit that all numbers share, "" when they differ."""
        return _shared({column.unit for column in self.columns if not column.is_text})

    @property
    def groups(self) -> tuple[tuple[str, int, str], ...]:
        """Return the headings above the headings: words, number of neighbouring columns, the unit they share.

        A column without a group stands alone, with no words. Empty when no column has a group.
        """
        spans = [[*run] for _, run in groupby(enumerate(self.columns), lambda c: c[1].group or c[0])]
        found = [(run[0][1].group, len(run), _shared({column.unit for _, column in run})) for run in spans]
        return tuple(found) if any(name for name, _, _ in found) else ()

    def head_unit(self, column: Column) -> str:
        """Return the unit to state at a column's head: none where the table or its group has stated it."""
        same = {other.unit for other in self.columns if other.group == column.group}
        return "" if self.unit or (column.group and _shared(same)) else column.unit

    def _shown(self) -> dict[str, str]:
        return {"text/html": _table_html(self), "text/plain": _table_plain(self)}


@dataclass(frozen=True)
class Figure(Block):
    """A drawing as SVG, what it shows in words (`alt`), and the table it was drawn from."""

    svg: str
    alt: str
    caption: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()
    data: Table | None = None
    id: str = ""

    def _shown(self) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": f"{self.caption}\n{self.alt}"}


@dataclass(frozen=True)
class Ledger(Block):
    """Every result of a report as facts, for machines: no page shows it, and it is the same in both languages.

    `lines` is a table as CSV, one line a fact after a line of headings, so that a kept notebook shows a changed fact as
    one changed line. `names` words places and programmes (key, zh, en); `files` are the raw ones (kind, name, SHA-256).
    """

    place: str
    period: str
    lines: tuple[str, ...]
    names: tuple[tuple[str, str, str], ...] = ()
    files: tuple[tuple[str, str, str], ...] = ()
    as_of: str = ""
    inputs: str = ""
    synthetic: bool = False

    def _shown(self) -> dict[str, str]:
        count = len(self.lines) - 1
        said = " · ".join(text("ledger.shown", lang, n=count) for lang in LANGS)
        return {"text/markdown": said, "text/plain": said}


def meta(title: str, *, lang: str, **words: Any) -> Meta:
    """Return the cover of a report; `words` are the other fields of `Meta`.

    Raises FpError for an unknown field or language, or an empty title.
    """
    known = [field.name for field in fields(Meta)]
    for word in words:
        if word not in known:
            raise FpError(f"meta has no field {word!r}{did_you_mean(word, known)}")
    if lang not in LANGS:
        raise FpError(f"language {lang!r} does not exist{did_you_mean(lang, LANGS)}")
    if not title.strip():
        raise FpError("meta: the title is empty")
    return Meta(title, lang, **words)


def heading(text: str, level: int = 2) -> Heading:
    """Return a heading of level 2, 3 or 4. Raises FpError for another level."""
    if level not in LEVELS:
        raise FpError(f"heading {text!r}: level {level} does not exist, expected 2, 3 or 4 (1 is the title, in meta)")
    return Heading(text, level)


def prose(markdown: str) -> Prose:
    """Return running text."""
    return Prose(markdown)


def fact(
    label: str, value: str, *, change: str = "", reference: str = "", raw: float | None = None, key: str = ""
) -> Fact:
    """Return one headline figure for `facts`; `value` is the figure as printed, `raw` the number behind it."""
    return Fact(label, value, change, reference, raw_value(raw), key)


def facts(cards: Iterable[Fact | Mapping[str, Any]]) -> Cards:
    """Return headline figures side by side, from facts or mappings with the fields of `Fact`."""
    return Cards(tuple(card if isinstance(card, Fact) else fact(**card) for card in cards))


def table(
    frame: pd.DataFrame,
    *,
    columns: Sequence[Column] | Mapping[str, str] = (),
    lang: str = "zh",
    caption: str = "",
    notes: Sequence[str] = (),
    source: str = "",
    id: str = "",
    total: bool = False,
) -> Table:
    """Return a table of a frame's columns, each value printed by its column's kind, raw values kept.

    `columns` are typed columns, or headings by column name (the kind then follows the dtype), or empty for all
    columns as they stand. A missing value prints as a dash. Raises FpError for a column the frame lacks.
    """
    typed = _typed(frame, columns)
    for column in typed:
        if column.key not in frame.columns:
            raise FpError(f"the table has no column {column.key!r}{did_you_mean(column.key, frame.columns)}")
    values = tuple(zip(*([raw_value(value) for value in frame[column.key]] for column in typed), strict=True))
    texts = tuple(
        tuple(_printed(value, column, lang) for value, column in zip(row, typed, strict=True)) for row in values
    )
    return Table(typed, values, texts, caption, tuple(notes), source, id, total)


def figure(
    drawing: Axes | Drawing | np.ndarray,
    *,
    caption: str,
    alt: str,
    data: Table | pd.DataFrame | None = None,
    lang: str = "zh",
    source: str = "",
    notes: Sequence[str] = (),
    id: str = "",
) -> Figure:
    """Return a figure from matplotlib Axes (or a Figure), closing it so that JupyterLab does not show it twice.

    `alt` says what the drawing shows in words. Raises FpError when it is empty.
    """
    if not alt.strip():
        raise FpError(f"figure {caption!r} needs an alt text that says what it shows")
    from .figures import to_svg  # matplotlib takes a second, and only figures need it

    name = id or f"figure-{zlib.crc32(caption.encode()):08x}"
    kept = table(data, lang=lang) if isinstance(data, pd.DataFrame) else data
    return Figure(to_svg(drawing, name), alt, caption, source, tuple(notes), kept, name)


def to_json(block: Block) -> dict[str, Any]:
    """Return a block as plain JSON values, with its name in BLOCKS under "block"."""
    name = next(name for name, kind in BLOCKS.items() if type(block) is kind)
    return {"block": name, **_plain(block)}


def from_json(carried: Mapping[str, Any]) -> Block:
    """Return the block that `to_json` wrote. Raises FpError for an unknown block or field."""
    name = carried.get("block")
    if name not in BLOCKS:
        raise FpError(f"block {name!r} does not exist{did_you_mean(str(name), BLOCKS)}")
    return _built(BLOCKS[name], {key: value for key, value in carried.items() if key != "block"})


def from_bundle(data: Mapping[str, Any]) -> Block | None:
    """Return the block that a notebook output carries, None for an ordinary output."""
    if MIME not in data:
        return None
    drawn = data.get("image/svg+xml")
    return from_json({**data[MIME], "svg": drawn} if drawn else data[MIME])


def csv_text(block: Table, lang: str = "zh") -> str:
    """Return a table's raw values as CSV, an interval as three columns, four decimals (below 1: six digits).

    A text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, CSV injection).
    """
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow([head for column in block.columns for head in csv_heads(column, lang)])
    for row in block.values:
        pairs = zip(row, block.columns, strict=True)
        writer.writerow([cell for value, column in pairs for cell in csv_cells(value, column)])
    return lines.getvalue()


def _typed(frame: pd.DataFrame, columns: Sequence[Column] | Mapping[str, str]) -> tuple[Column, ...]:
    if columns and not isinstance(columns, Mapping):
        return tuple(columns)
    labels = columns or {name: str(name) for name in frame.columns}
    return tuple(Column(name, label, _kind(frame[name]) if name in frame else "text") for name, label in labels.items())


def _kind(values: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        return "text"
    known = values.dropna()
    return "count" if (known == known.round()).all() else "n2"


def raw_value(value: Any) -> Any:
    """Return a cell as JSON has it: int, float, text ("inf" too) or None; an interval as a tuple of those.

    Floats keep twelve digits: what differs beyond them is the machine, and kept outputs must not change with it.
    """
    if isinstance(value, (tuple, list)):
        return tuple(raw_value(part) for part in value)
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, float):
        return value if isinstance(value, (bool, int)) else str(value)
    if not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if value.is_integer() and abs(value) < 2**53:
        return int(value)
    return float(f"{value:.12g}") if abs(value) < 1e9 else value


def _printed(value: Any, column: Column, lang: str) -> str:
    if column.interval and isinstance(value, tuple):
        point, *ends = value
        inside = "–".join(_printed_one(end, column.kind, lang) for end in ends)
        known = point is not None and all(end is not None for end in ends)
        return (
            f"{_printed_one(point, column.kind, lang)} ({inside})" if known else _printed_one(point, column.kind, lang)
        )
    return _printed_one(value, column.kind, lang)


def _printed_one(value: Any, kind: str, lang: str) -> str:
    if value is None or value == "":
        return MISSING
    if isinstance(value, str):
        return {"inf": "∞", "-inf": "−∞"}.get(value, value)
    return str(value) if kind == "text" else format_value(value, kind, lang)


def csv_heads(column: Column, lang: str) -> list[str]:
    """Return what heads a column in CSV: group, label and unit; of an interval three."""
    name = " ".join(part for part in (column.group, column.label) if part)
    head = f"{name} ({column.unit})" if column.unit else name
    ends = [f"{head} {text(f'table.{end}', lang)}" for end in ("lower", "upper")] if column.interval else []
    return [head, *ends]


def csv_cells(value: Any, column: Column) -> list[str]:
    """Return a raw value as CSV cells; an interval as three."""
    cells = list(value) if isinstance(value, tuple) else [value, *([None, None] if column.interval else [])]
    return [csv_cell(cell) for cell in cells]


def csv_cell(value: Any) -> str:
    """Return a value as a CSV cell: four decimals (below 1: six digits), no formula."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t") and value != "-inf" else value
    if not isinstance(value, float):
        return str(value)
    return f"{round(value, 4):.15g}" if abs(value) >= 1 else f"{value:.6g}"


def _plain(value: Any) -> Any:
    if isinstance(value, (Block, Fact, Column)):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}  # type: ignore[arg-type]
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def _built(kind: type[Any], carried: Mapping[str, Any]) -> Any:
    known = [field.name for field in fields(kind)]
    for name in carried:
        if name not in known:
            raise FpError(f"block {kind.__name__} has no field {name!r}{did_you_mean(name, known)}")
    return kind(**{name: _nested(name, value) for name, value in carried.items()})


def _nested(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return _built(PARTS[name], value)
    return tuple(_nested(name, part) for part in value) if isinstance(value, list) else value


def _table_html(block: Table) -> str:
    aligned = ["left" if column.is_text else "right" for column in block.columns]
    groups = "".join(
        f'<th colspan="{span}">{escape(_group(name, unit, block))}</th>' for name, span, unit in block.groups
    )
    heads = "".join(
        f'<th style="text-align:{side}">{escape(_head(column, block))}</th>'
        for column, side in zip(block.columns, aligned, strict=True)
    )
    body = "".join(f"<tr>{_row_html(row, aligned)}</tr>\n" for row in block.texts)
    below = "".join(f"<div><small>{escape(line)}</small></div>" for line in (*block.notes, block.source) if line)
    over = f"<tr>{groups}</tr>" if groups else ""
    return (
        f"<table><caption>{escape(_title(block))}</caption>\n<thead>{over}<tr>{heads}</tr></thead>\n"
        f"<tbody>\n{body}</tbody></table>{below}"
    )


def _row_html(row: Sequence[str], aligned: Sequence[str]) -> str:
    cells = (f'<td style="text-align:{side}">{escape(t)}</td>' for t, side in zip(row, aligned, strict=True))
    return re.sub(r"^<td(.*?)</td>", r'<th scope="row"\1</th>', "".join(cells))


def _shared(units: set[str]) -> str:
    return next(iter(units)) if len(units) == 1 else ""


def _head(column: Column, block: Table) -> str:
    unit = block.head_unit(column)
    return f"{column.label} ({unit})" if unit else column.label


def _group(name: str, unit: str, block: Table) -> str:
    return f"{name} ({unit})" if name and unit and not block.unit else name


def _title(block: Table) -> str:
    return " ".join(part for part in (block.caption, block.unit and f"({block.unit})") if part)


def _table_plain(block: Table) -> str:
    lines = [[_head(column, block) for column in block.columns], *block.texts]
    return "\n".join([_title(block), *("\t".join(line) for line in lines)]).strip()


PARTS: dict[str, type[Any]] = {"facts": Fact, "columns": Column, "data": Table}
"""What a nested object is, by the name of the field that holds it."""

BLOCKS: dict[str, type[Block]] = {
    "meta": Meta,
    "heading": Heading,
    "prose": Prose,
    "cards": Cards,
    "table": Table,
    "figure": Figure,
    "ledger": Ledger,
}
"""Every block by the name it carries in JSON."""

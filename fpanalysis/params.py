"""One YAML file a place, as a frozen, checked object: nothing else differs between places.

Unknown keys are errors with the nearest known name; all faults of the file are reported at once. An object of
params is seen by notebooks and `pipeline` only; functions take the values they need as named arguments.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .contracts import CONTRACTS
from .eligibility import sql
from .errors import ParamsError, did_you_mean
from .ingest import KINDS
from .periods import Period, parse_period

__all__ = ["FileNames", "Params", "check_place", "load_params", "places"]

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, seven times as fast, where PyYAML was built with it."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Name(_Frozen):
    """A name in both languages."""

    zh: str
    en: str


class Township(_Frozen):
    """A township or sub-district: name as in the files, English name, other spellings, townships it borders on."""

    name: str
    en: str
    also: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()


class FileNames(_Frozen):
    """How the office writes one kind of file: heading of each contract column, spellings of values, units."""

    columns: Mapping[str, str] = {}
    values: Mapping[str, Mapping[str, Any]] = {}
    units: Mapping[str, Literal["元", "万元"]] = {}


class Rate(_Frozen):
    """An amount in yuan, from when it is in force, and where that is laid down."""

    effective: dt.date
    amount: float = Field(gt=0)
    source: str


class Condition(_Frozen):
    """Who may be on a programme's roll (an expression of `eligibility`), and where that is laid down."""

    rule: str
    source: str


class Indicator(_Frozen):
    """An indicator of the place's own: its words, numerator and denominator (measures, sums with +), its kind.

    kind: "count" (no denominator), "share", "rate" (per 1,000), "ratio", "mean" or "difference".
    """

    zh: str
    en: str
    numerator: str
    denominator: str = ""
    kind: Literal["count", "share", "rate", "ratio", "mean", "difference"]


class Programme(_Frozen):
    """A subsidy programme: spellings in files, unit of its rate, calendar months it is due in, days of grace.

    `eligible`: the condition on whoever is on its roll; `excludes`: programmes that nobody on this roll may be in.
    """

    zh: str
    en: str
    also: tuple[str, ...] = ()
    unit: Literal["month", "year", "once"]
    pays: tuple[Annotated[int, Field(ge=1, le=12)], ...] = ()
    grace_days: int = Field(default=0, ge=0)
    rates: tuple[Rate, ...] = Field(min_length=1)
    eligible: Condition | None = None
    excludes: tuple[str, ...] = ()


class Span(_Frozen):
    """Days on which something held, the last one left out where it still does."""

    first: dt.date
    last: dt.date | None = None


class Event(_Frozen):
    """Something that may move births: when it held, and where that is laid down."""

    spans: tuple[Span, ...] = Field(min_length=1)
    source: str


class Printed(_Frozen):
    """A sex ratio as it was published: where, the births beside it, and the ratio as text with its decimals."""

    source: str
    births: int = Field(gt=0)
    ratio: str = Field(pattern=r"^\d+(\.\d+)?$")


class SexRatio(_Frozen):
    """Reference and band of the sex ratio at birth (boys per 100 girls) with their source, level and error rate.

    `uncertain`: 95 % interval of the reference. `printed`: published ratios whose consistency is to be checked.
    """

    reference: float = Field(default=106.3, gt=90, lt=120)
    uncertain: tuple[float, float] = (105.4, 107.2)
    band: tuple[float, float] = (103.0, 107.0)
    level: float = Field(default=0.95, gt=0.5, lt=1)
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    test: Literal["midp", "exact", "wilson"] = "midp"
    printed: tuple[Printed, ...] = ()
    source: Name = Name(
        zh="Chao、Gerland、Cook、Alkema，PNAS 2019（东亚参考值）",
        en="Chao, Gerland, Cook, Alkema, PNAS 2019 (East Asia)",
    )


class Reports(_Frozen):
    """The periods that a scheduled run reports on: their kinds, and the first one.

    `since` "": the last one that was over when the office had handed in every kind of file for the first time.
    """

    kinds: tuple[Literal["month", "quarter", "half", "year"], ...] = ("half", "year")
    since: str = ""


class Params(_Frozen):
    """Everything that is particular to one place.

    A report is closed `closing_days` after the first delivery that follows its period: what comes later is left out
    unless it is asked for (`Desk`).

    `fonts` is a folder, from the project's home, with the office's own fonts (仿宋, 小标宋, 黑体, 楷体, told by file
    name); with `system_fonts` the system's are taken for what it lacks, and another machine gives other bytes.
    `counties`: of a province, the places in params whose published results it adds up, with their names.
    `reports`: the periods that a scheduled run reports on.
    """

    place: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    name: Name
    office: Name
    synthetic: bool = False
    calendar: Literal["calendar", "statistical"] = "calendar"
    townships: tuple[Township, ...] = ()
    files: Mapping[str, FileNames]
    counties: Mapping[str, Name] = {}
    programmes: Mapping[str, Programme] = {}
    events: Mapping[
        Literal["two_child_policy", "three_child_policy", "liked_year", "avoided_year", "closure"], Event
    ] = {}
    deadlines: Mapping[str, Annotated[int, Field(ge=1, le=31)]] = {}
    closing_days: int = Field(default=31, ge=0)
    sex_ratio: SexRatio = SexRatio()
    forecast_months: int = Field(default=18, ge=1, le=24)
    smallest_count: int = Field(default=3, ge=0)
    alarm_budget: float = Field(default=0.05, gt=0, lt=0.5)
    usual_mix: tuple[float, float] = (0.3, 2.0)
    indicators: Mapping[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Indicator] = {}
    seed: int = 20180630
    fonts: str = ""
    system_fonts: bool = False
    formats: tuple[str, ...] = ()
    reports: Reports = Reports()

    @model_validator(mode="after")
    def _known_names(self) -> Params:
        for kind, names in self.files.items():
            _known(f"files: {kind}", kind, KINDS)
            for column in [*names.columns, *names.values, *names.units] if kind in CONTRACTS else []:
                _known(f"files: {kind}: {column}", column, CONTRACTS[kind].columns)
        towns = [township.name for township in self.townships]
        for township in self.townships:
            for other in township.neighbours:
                _known(f"townships: {township.name}: neighbours: {other}", other, towns)
        for name, programme in self.programmes.items():
            _understood(f"programmes: {name}: eligible: rule", programme.eligible)
            for other in programme.excludes:
                _known(f"programmes: {name}: excludes: {other}", other, self.programmes)
        for kind in self.deadlines:
            _known(f"deadlines: {kind}", kind, KINDS)
        if self.reports.since:
            self.period(self.reports.since)
        return self

    def period(self, text: str) -> Period:
        """Return the period a word names, in this place's calendar unless the word says otherwise."""
        return parse_period(text, self.calendar)

    @property
    def spellings(self) -> Mapping[str, str]:
        """Return every accepted spelling of a place and the key it stands for (county first)."""
        county = dict.fromkeys((self.place, self.name.zh, self.name.en, "全市", "全县"), self.place)
        below = {s: key for key, name in self.counties.items() for s in (key, name.zh, name.en)}
        return county | below | {s: t.name for t in self.townships for s in (t.name, t.en, *t.also)}

    @property
    def neighbours(self) -> Mapping[str, tuple[str, ...]]:
        """Return the townships that each township borders on, as far as params say."""
        return {township.name: township.neighbours for township in self.townships if township.neighbours}

    @property
    def programme_spellings(self) -> Mapping[str, str]:
        """Return every accepted spelling of a programme and its key."""
        return {s: key for key, p in self.programmes.items() for s in (key, p.zh, p.en, *p.also)}

    def place_names(self, lang: str) -> Mapping[str, str]:
        """Return the name to print for each place key, in the order of params, the place itself last."""
        names = {t.name: t.name if lang == "zh" else t.en for t in self.townships}
        names |= {key: name.zh if lang == "zh" else name.en for key, name in self.counties.items()}
        return names | {self.place: self.name.zh if lang == "zh" else self.name.en}

    @property
    def own_indicators(self) -> list[Mapping[str, str]]:
        """Return the place's own indicators as rows of key, numerator, denominator, kind, unit (`rates.derived`)."""
        units = {"rate": "per1000"}
        return [{"key": f"own_{i.kind}/{key}", "numerator": i.numerator, "denominator": i.denominator, "kind": i.kind,
                 "unit": units.get(i.kind, "")} for key, i in self.indicators.items()]  # fmt: skip

    def rates(self) -> pd.DataFrame:
        """Return the programmes as rows: programme, effective, amount (fen), unit, pays (months), grace_days, eligible
        (expression, "" for none), excludes (programmes)."""
        records = [
            {"programme": key, "effective": pd.Timestamp(rate.effective), "amount": round(rate.amount * 100),
             "unit": programme.unit, "pays": programme.pays, "grace_days": programme.grace_days,
             "eligible": programme.eligible.rule if programme.eligible else "", "excludes": programme.excludes}
            for key, programme in self.programmes.items() for rate in programme.rates
        ]  # fmt: skip
        columns = ["programme", "effective", "amount", "unit", "pays", "grace_days", "eligible", "excludes"]
        return pd.DataFrame(records, columns=columns).astype({"effective": "datetime64[ns]", "amount": "int64"})

    def event_spans(self) -> pd.DataFrame:
        """Return the spans of all events as rows: name, first, last (NaT where it still holds)."""
        records = [(name, span.first, span.last) for name, event in self.events.items() for span in event.spans]
        found = pd.DataFrame(records, columns=["name", "first", "last"])
        return found.assign(first=pd.to_datetime(found["first"]), last=pd.to_datetime(found["last"]))


def places(folder: Path) -> list[str]:
    """Return the keys of all places that have a params file."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def check_place(place: str, folder: Path) -> None:
    """Refuse a place that has no params file: ParamsError with the nearest that has one."""
    if Path(place).name != place or not (folder / f"{place}.yaml").is_file():  # in a folder of thousands
        raise ParamsError(f"place {place!r} has no file params/{place}.yaml{did_you_mean(place, places(folder))}")


def load_params(place: str, folder: Path) -> Params:
    """Return the checked parameters of a place. Raises ParamsError naming every fault of its file."""
    check_place(place, folder)
    path = folder / f"{place}.yaml"
    try:
        raw = yaml.load(path.read_text("utf-8"), LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"params/{path.name} is not valid YAML in UTF-8: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise ParamsError(f"params/{path.name} is empty; it needs at least: place, name, office, files")
    try:
        found = Params.model_validate(raw)
    except ValidationError as error:
        raise ParamsError(_listing(path.name, error)) from None
    if found.place != place:
        raise ParamsError(f"params/{path.name}: place is {found.place!r}, expected {place!r}, the name of the file")
    return found


def _known(where: str, name: str, known: Any) -> None:
    if name not in known:
        raise ValueError(f"{where} does not exist{did_you_mean(name, known)}")


def _understood(where: str, condition: Condition | None) -> None:
    try:
        sql(condition.rule if condition else "age >= 0", where=where)
    except ParamsError as error:
        raise ValueError(str(error)) from None


def _listing(file: str, error: ValidationError) -> str:
    lines = [_fault(file, dict(fault)) for fault in error.errors()]
    return lines[0] if len(lines) == 1 else "\n  ".join([f"{len(lines)} faults in params/{file}:", *lines])


def _fault(file: str, fault: Mapping[str, Any]) -> str:
    where = ": ".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"params/{file}: {where} does not exist{did_you_mean(str(fault['loc'][-1]), _siblings(fault['loc']))}"
    if fault["type"] == "missing":
        return f"params/{file}: {where} is missing"
    if fault["type"] == "value_error":
        return f"params/{file}: {fault['ctx']['error']}"
    return f"params/{file}: {where}: found {fault['input']!r}, expected: {fault['msg']}"


def _siblings(loc: tuple[Any, ...]) -> list[str]:
    """Return the keys that are known at the place of a misspelt one."""
    model: Any = Params
    for part in loc[:-1]:
        field = model.model_fields.get(part) if isinstance(model, type) and issubclass(model, BaseModel) else None
        model = _inner(field.annotation) if field else model
    return list(model.model_fields)


def _inner(annotation: Any) -> Any:
    """Return the model inside `Mapping[str, Model]` or `tuple[Model, ...]`."""
    for argument in getattr(annotation, "__args__", ()):
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            return argument
    return annotation

"""The analyst's desk: what a notebook opens at its start, and where it keeps what it found.

    desk = open_desk(place, period, lang, as_of)
    found = sex_ratio(desk.data["births"], ...)
    desk.keep(found, "03_sex_ratio")

Notebooks 01-05 keep result tables; 06 reads them (`desk.kept()`) and works nothing out. A kept table carries the
fingerprint of everything that made it; when 06 finds one missing or out of date, it runs that notebook first.

A report stays what it was. Without `as_of` it is made from what had arrived when it was closed: `closing_days` (params)
after the first delivery that followed the end of its period. So the half-year report can be made again a year later
and gives the same numbers; what has come in since is left out (`later` counts it) and goes into the annual report,
which explains the difference. `as_of="latest"` takes everything in; such a report calls itself revised.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import pickle
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from . import releases, results, wording
from .errors import FpError, ParamsError
from .execute import run_notebook
from .grids import decode
from .ingest import Data, Delivery, find_deliveries, read_files, received_by
from .params import Params, load_params
from .paths import Home, find_home
from .periods import Period, parse_period
from .typeface import choose_fonts
from .zygote import library_stamp

__all__ = ["KEEPERS", "REPORT", "Desk", "closing_day", "deliveries", "notebooks_of", "open_desk", "read_data",
           "shared_data"]  # fmt: skip

SHARED = "FPANALYSIS_DATA"
"""Environment variable: where the data that a run has read can be had again, without reading the files anew."""

KEEPERS = ("01_check_data", "02_births", "03_sex_ratio", "04_subsidies", "05_services")
"""Notebooks that keep results, in the order of a run."""

REPORT = "06_report"
PROVINCE = "07_province"
"""The notebook that makes the report of a province, from what its counties have published."""
LATEST = "latest"
"""What `as_of` says for everything received."""


@dataclass(frozen=True)
class Desk:
    """Everything a notebook needs about one period of one place."""

    params: Params
    period: Period
    lang: str
    as_of: dt.date
    data: Data
    home: Home
    closes: dt.date = dt.date.max
    later: int = 0

    @property
    def place(self) -> str:
        """Return the key of the county."""
        return self.params.place

    @property
    def names(self) -> dict[str, str]:
        """Return the words for what params and raw files name (places, programmes, peers, owners) in this language."""
        worded = {**self.params.indicators, **self.params.programmes}
        programmes = {key: p.zh if self.lang == "zh" else p.en for key, p in worded.items()}
        return {**self.params.place_names(self.lang), **programmes, **self._given_names()}

    @property
    def bilingual(self) -> dict[str, tuple[str, str]]:
        """Return the Chinese and English words for keys that params and peers name."""
        zh, en = (replace(self, lang=lang).names for lang in wording.LANGS)
        return {key: (zh.get(key, key), en.get(key, key)) for key in {**zh, **en}}

    @property
    def sources(self) -> list[Delivery]:
        """Return what the numbers come from: the raw files, and the file of params."""
        path = self.home.params / f"{self.place}.yaml"
        return [*self.data.deliveries, Delivery("params", "", self.as_of, path, releases.file_hash(path))]

    @property
    def key(self) -> bytes:
        """Return the key of pseudonyms and numbers of items; before a follow-up workbook was made, any."""
        return self.home.key(self.place) or b"none yet"

    @property
    def revised(self) -> bool:
        """Return whether this was made after the report was closed, from files that came later."""
        return self.as_of > self.closes

    def closed(self, period: Period) -> Desk:
        """Return the desk of another period of this place, as it was when that period's report was closed."""
        return open_desk(self.place, period.key, self.lang, home=self.home.root)

    @property
    def office(self) -> str:
        """Return the name of the office that issues the report."""
        return self.params.office.zh if self.lang == "zh" else self.params.office.en

    @property
    def reference_source(self) -> str:
        """Return where the reference of the sex ratio comes from."""
        source = self.params.sex_ratio.source
        return source.zh if self.lang == "zh" else source.en

    @property
    def fonts(self) -> Path | None:
        """Return the folder with the office's own fonts (params `fonts`, from the home of the project), if any."""
        return self.home.root / self.params.fonts if self.params.fonts else None

    @property
    def other_page(self) -> str:
        """Return the file name of the same report in the other language."""
        return f"report.{'en' if self.lang == 'zh' else 'zh'}.html"

    @property
    def inputs(self) -> str:
        """Return the first 12 digits of one hash over all raw files that were used."""
        used = sorted(d.sha256 for d in self.data.deliveries if d.used)
        return hashlib.sha256(" ".join(used).encode()).hexdigest()[:12]

    @property
    def where(self) -> dict[str, str]:
        """Return the period's and the county's key, as every analysis takes them."""
        return {"period": self.period.key, "county": self.place}

    @property
    def months(self) -> pd.PeriodIndex:
        """Return the months of the period."""
        return self.period.months

    @cached_property
    def births(self) -> pd.DataFrame:
        """Return the births without those dated after the day of the report, which cannot be (`check` names them)."""
        births, last = self.data["births"], pd.Period(self.as_of, "M")
        return births[(births["registered"] <= last) & (births["occurred"] <= last)]

    def last_known(self, period: Period | None = None) -> pd.Period:
        """Return the last month of registration that is known; of another period, the month that was as late for it."""
        births = self.births
        last = births["registered"].max() if len(births) else self._last_of_others()
        return last if period is None else period.last_month + (last - self.period.last_month).n

    def _last_of_others(self) -> pd.Period:
        """Return the last month of the other monthly files up to the day of the report; without any, the period's."""
        months = pd.concat([self.data[kind]["month"] for kind in ("registrations", "checkups")])
        known = months[months <= pd.Period(self.as_of, "M")]
        return known.max() if len(known) else self.period.last_month

    @property
    def reached(self) -> pd.Period | None:
        """Return the last month of the period that the data reach, None when they reach its end."""
        last = min(self.last_known(), pd.Period(self.as_of, "M"))
        return None if last >= self.period.last_month and self.as_of > self.period.end else last

    def coming(self, number: int = 2) -> list[Period]:
        """Return the next periods of this kind that are not known to their end (the report's own, if it is not)."""
        found = [self.period]
        while found[-1].last_month <= self.last_known():
            found = [found[-1].next()]
        while len(found) < number:
            found.append(found[-1].next())
        return found

    def foretold(self) -> dict[str, pd.PeriodIndex]:
        """Return the months of the periods that births are forecast for: those coming, their year and the next."""
        year = self.coming()[0].whole_year()
        return {p.key: p.months for p in [*self.coming(), year, year.next()] if not p.is_month}

    def past(self, number: int = 5) -> list[Period]:
        """Return the last periods of this kind that are known to their end, oldest first, at most the report's own."""
        found = [self.period]
        while found[0].last_month > self.last_known():
            found = [found[0].previous()]
        while len(found) < number:
            found.insert(0, found[0].previous())
        return found

    def answered(self) -> list[Period]:
        """Return the periods in which promises fell due, within this one (a year answers for its halves) or before."""
        due = {parse_period(key) for key in self.data["commitments"]["due"]} - {self.period}
        return sorted(p for p in due if p.end < self.period.start or self.period.holds(p.key))

    def reported(self) -> list[Period]:
        """Return the periods whose reports this one has to look back on: of a year its first half, once closed."""
        half = replace(self.period, part="H1")
        closed = closing_day(self.data.deliveries, half, self.params.closing_days) < self.as_of
        return [half] if self.period.kind == "year" and closed else []

    def paid_months(self, period: Period | None = None) -> pd.PeriodIndex:
        """Return the months of the period that the delivered payments reach; of the others nothing can be said."""
        due, months = self.data["payments"]["due"], (period or self.period).months
        return months[(months >= due.min()) & (months <= due.max())] if len(due) else months[:0]

    def history(self) -> pd.PeriodIndex:
        """Return the months from the first to the last month of registration."""
        births = self.births
        first = births["registered"].min() if len(births) else self.period.first_month
        return pd.period_range(first, self.last_known(), freq="M")

    def rng(self) -> np.random.Generator:
        """Return a new random generator from the seed in params: the same numbers in every run."""
        return np.random.default_rng(self.params.seed)

    def files(self) -> pd.DataFrame:
        """Return the raw files as rows: kind, file, received, used, rows, sha (first 12 digits)."""
        rows = dict.fromkeys((d.name for d in self.data.deliveries), 0)
        for frame in self.data.frames.values():
            for file, number in frame["file"].value_counts().items():
                rows[file if file in rows else file.rpartition("[")[0]] += number  # a workbook's sheet is in brackets
        records = [(d.kind, d.name, d.received.isoformat(), d.used, rows[d.name] or None, d.sha256[:12])
                   for d in self.data.deliveries]  # fmt: skip
        return pd.DataFrame(records, columns=["kind", "file", "received", "used", "rows", "sha"])

    def prose(self, section: str) -> str:
        """Return the analyst's words for a section of this period, "" for none; a notice where only the other language
        has any."""
        said = {lang: self.data.prose.get((self.period.key, section, lang), "") for lang in wording.LANGS}
        return said[self.lang] or (wording.text("prose.other_language", self.lang) if any(said.values()) else "")

    def written(self) -> dict[str, tuple[str, str, int]]:
        """Return the analyst's words of this period and language: text, file, line it begins in, by section."""
        found = {}
        mine = [d for d in self.data.deliveries if d.kind == "prose" and d.used and d.part.endswith(f".{self.lang}")]
        for delivery in mine:
            lines = decode(delivery.path.read_bytes(), delivery.name).splitlines()
            for (period, section, lang), said in self.data.prose.items():
                heads = [n for n, line in enumerate(lines, start=1) if re.fullmatch(rf"##\s+{section}\s*", line)]
                if (period, lang) == (delivery.period, self.lang) == (self.period.key, self.lang) and heads:
                    blank = next((n for n, line in enumerate(lines[heads[0] :]) if line.strip()), 0)
                    found[section] = (said, delivery.name, heads[0] + blank + 1)
        return found

    def saying(self, said: Mapping[str, str]) -> Desk:
        """Return the desk with other words of the analyst: text by section."""
        worded = {(self.period.key, section, self.lang): words for section, words in said.items()}
        return replace(self, data=replace(self.data, prose={**self.data.prose, **worded}))

    def _given_names(self) -> dict[str, str]:
        """Return the English names that raw files give peers and owners of promises."""
        found: dict[str, str] = {}
        for kind, name in (("peers", "county"), ("commitments", "owner")) if self.lang == "en" else ():
            pairs = zip(self.data[kind][name], self.data[kind][f"{name}_en"], strict=True)
            found |= {zh: en for zh, en in sorted(set(pairs)) if en}
        return found

    def title(self) -> str:
        """Return place, period and its calendar in words, in the desk's language."""
        name = self.names[self.place]
        return wording.text("desk.title", self.lang, name=name, period=wording.period_label(self.period, self.lang))

    @property
    def notebooks(self) -> tuple[str, ...]:
        """Return the notebooks of a report of this place, the report itself last."""
        return notebooks_of(self.params)

    def handed_in(self) -> dict[str, pd.DataFrame]:
        """Return the results that the counties of a province have published for this period, by county."""
        found = releases.published(self.home, self.period, list(self.params.counties))
        return {county: results.read(release / "results.csv") for county, release in found.items()}

    def keep(self, found: pd.DataFrame, name: str) -> None:
        """Keep the result table of a notebook for the report."""
        folder = self.home.work(self.place, self.period.key)
        folder.mkdir(parents=True, exist_ok=True)
        results.write(found, folder / f"{name}.csv")
        (folder / f"{name}.made_from").write_text(self.made_from(name), "utf-8", newline="\n")

    def kept(self, *names: str) -> pd.DataFrame:
        """Return the kept results of this period (of the notebooks named, else of all) as one table.

        A notebook whose results are missing or out of date is run first.
        """
        wanted, folder = names or KEEPERS, self.home.work(self.place, self.period.key)
        for name, made_from in self._made_from(wanted).items():
            mark = folder / f"{name}.made_from"
            if not (mark.is_file() and mark.read_text("utf-8") == made_from):
                self._run(name)
        return results.combine([results.read(folder / f"{name}.csv") for name in wanted])

    def published(self, measure: str, of: Period | None = None) -> pd.DataFrame:
        """Return a measure's rows (`srb_look/*`) from the newest releases of this year's periods up to this one, or of
        the period `of`.

        They are what was known when they were published, and stay so when files are corrected later.
        """
        own = releases.newest(self.home.releases(self.place, (of or self.period).key))
        before = [] if of else releases.read_before(self.home, self.place, self.period)
        found = [*before, *([own] if own else [])]
        files = [release / "results.csv" for release in found if (release / "results.csv").is_file()]
        return results.combine([results.pick(results.read(file), measure=measure) for file in files])

    def elsewhere(self) -> pd.DataFrame:
        """Return the township rows of the other periods that the newest releases of this year show."""
        shown = [results.read(r / "results.csv") for r in releases.read_before(self.home, self.place, self.period)]
        rows = results.combine(shown)
        return rows[(rows["place"] != self.place) & (rows["period"] != self.period.key)]

    def said(self, period: Period) -> pd.DataFrame:
        """Return the results that the report of an earlier period published when it was closed; empty without one."""
        closes = closing_day(self.data.deliveries, period, self.params.closing_days)
        release = releases.as_closed(self.home.releases(self.place, period.key), closes.isoformat())
        return results.read(release / "results.csv") if release else results.empty()

    def made_from(self, name: str) -> str:
        """Return the fingerprint of everything that the results of a notebook are made from."""
        return self._made_from([name])[name]

    def _made_from(self, names: Sequence[str]) -> dict[str, str]:
        files = {name: self.home.notebooks / f"{name.partition('.')[0]}.ipynb" for name in names}
        read = {"as_of": self.as_of.isoformat(), "counties": list(self.params.counties)}
        made_from = releases.inputs(self.home, self.period, self.place, notebooks=list(files.values()), **read)
        about = {"period": self.period.key, "as_of": self.as_of.isoformat()}
        each = {name: {path.name: made_from["notebooks"][path.name]} for name, path in files.items()}
        return {name: releases.fingerprint({**made_from, "notebooks": own}, **about) for name, own in each.items()}

    def _run(self, name: str) -> None:
        folder = self.home.work(self.place, self.period.key)
        parameters = {"place": self.place, "period": self.period.key, "as_of": self.as_of.isoformat()}
        run_notebook(self.home.notebooks / f"{name}.ipynb", folder / f"{name}.ipynb", parameters)


def open_desk(place: str, period: str, lang: str = "zh", as_of: str = "", home: Path | None = None) -> Desk:
    """Return the desk of one period of one place: checked params, period, and the raw data read.

    `as_of` ("2018-07-20") leaves out what came later; "" means what had arrived when the report was closed, "latest"
    everything received. Raises ParamsError or DataError with a sentence that names what is wrong.
    """
    found = Home(home) if home else find_home()
    params = load_params(place, found.params)
    when = params.period(period)
    everything = deliveries(found, params)
    closes = closing_day(everything, when, params.closing_days)
    until = None if as_of == LATEST else _day(as_of) or closes
    received = received_by(everything, until)
    if not received and not params.counties:
        raise ParamsError(
            f"nothing was received by {as_of} in data/raw/{place}/" if as_of else f"data/raw/{place}/ is empty"
        )
    awaited = {d.kind for d in everything} - {d.kind for d in received}
    data = _shared(_mark(found, place, received)) or read_data(params, received, awaited, found.key(place))
    last = max((d.received for d in received), default=when.end)
    day = last if as_of in ("", LATEST) else until or last
    _check_period(when, data, place, pd.Period(day, "M"))
    later = len(everything) - len(received)
    desk = Desk(params, when, wording.checked_lang(lang), day, data, found, closes, later)
    _choose_fonts(desk)
    return desk


def notebooks_of(params: Params) -> tuple[str, ...]:
    """Return the notebooks of a report of a place, the report itself last."""
    return (PROVINCE,) if params.counties else (*KEEPERS, REPORT)


def deliveries(home: Home, params: Params) -> list[Delivery]:
    """Return all raw files of a place; a province need not have any."""
    folder = home.raw / params.place
    return [] if params.counties and not folder.is_dir() else find_deliveries(folder, params.calendar)


def closing_day(everything: Sequence[Delivery], period: Period, days: int) -> dt.date:
    """Return the day on which a period's report is closed; without a delivery after its end it is open."""
    first = min((d.received for d in everything if d.received > period.end), default=None)
    return first + dt.timedelta(days) if first else dt.date.max


def _choose_fonts(desk: Desk) -> None:
    """Let everything that is drawn in this process be drawn in the office's fonts."""
    try:
        choose_fonts(desk.fonts, system=desk.params.system_fonts)
    except FpError as error:
        raise ParamsError(f"params/{desk.place}.yaml: fonts: {error}") from None


def read_data(
    params: Params, deliveries: list[Delivery], awaited: Collection[str] = (), key: bytes | None = None
) -> Data:
    """Return the deliveries of a place read by its params; kinds that are `awaited` may be missing. `key`: see Home."""
    return read_files(
        deliveries,
        files={kind: names for kind, names in params.files.items() if kind not in awaited},
        places=params.spellings,
        programmes=params.programme_spellings,
        county=params.place,
        calendar=params.calendar,
        key=key,
    )


@contextmanager
def shared_data(desk: Desk) -> Iterator[dict[str, str]]:
    """Give the environment in which other processes of a run open this desk without reading its files again.

    The data stay in memory, for this user only, and go with this process: they hold rows about persons, which are
    never written. Where a system has no such memory (all but Linux), every process reads for itself.
    """
    if not hasattr(os, "memfd_create"):
        yield {}
        return
    number = os.memfd_create("fpanalysis")
    try:
        with os.fdopen(number, "wb", closefd=False) as memory:
            pickle.dump(_mark(desk.home, desk.place, list(desk.data.deliveries)), memory)
            pickle.dump(desk.data, memory, pickle.HIGHEST_PROTOCOL)
        yield {SHARED: f"/proc/{os.getpid()}/fd/{number}"}
    finally:
        os.close(number)


def _shared(mark: str) -> Data | None:
    """Return the data that the run has read, when they are of these very files; else None."""
    named = os.environ.get(SHARED)
    if named:
        with suppress(OSError, EOFError, pickle.UnpicklingError), Path(named).open("rb") as memory:
            if pickle.load(memory) == mark:
                return pickle.load(memory)
    return None


def _mark(home: Home, place: str, deliveries: list[Delivery]) -> str:
    """Return one hash over everything that decides what is read: files, params, library."""
    text = f"{deliveries} {releases.file_hash(home.params / f'{place}.yaml')} {library_stamp()}"
    return hashlib.sha256(text.encode()).hexdigest()


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise ParamsError(f"as_of is {text!r}, expected a date such as 2018-07-20, or latest") from None


def _check_period(period: Period, data: Data, place: str, last: pd.Period) -> None:
    """Refuse a period that the data (up to the month `last`) do not reach, with the months they cover."""
    births = data["births"]
    months = births["registered"] if len(births) else data["registrations"]["month"]
    months = months[months <= last]
    if (len(months) and not months.min() <= period.last_month) or (len(months) and period.first_month > months.max()):
        raise ParamsError(
            f"period {period.key} of {place} ({period.first_month} to {period.last_month}) lies outside the data, "
            f"which cover {months.min()} to {months.max()}"
        )
    if period.first_month > last:
        raise ParamsError(f"period {period.key} of {place} begins in {period.first_month}, after the data ({last})")

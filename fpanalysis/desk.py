"""The analyst's desk: what a notebook opens at its start, and where it keeps what it found.

    desk = open_desk(place, period, lang, as_of)
    found = sex_ratio(desk.data["births"], ...)
    desk.keep(found, "03_sex_ratio")

Notebooks 01-05 keep result tables; 06 reads them (`desk.kept()`) and works nothing out. A kept table carries the
fingerprint of everything that made it; when 06 finds one missing or out of date, it runs that notebook first.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from . import releases, results, wording
from .errors import ParamsError
from .execute import run_notebook
from .ingest import Data, Delivery, find_deliveries, read_files
from .params import Params, load_params
from .paths import Home, find_home
from .periods import Period

__all__ = ["KEEPERS", "REPORT", "Desk", "open_desk", "read_data"]

KEEPERS = ("01_check_data", "02_births", "03_sex_ratio", "04_subsidies", "05_services")
"""Notebooks that keep results, in the order of a run."""

REPORT = "06_report"


@dataclass(frozen=True)
class Desk:
    """Everything a notebook needs about one period of one place."""

    params: Params
    period: Period
    lang: str
    as_of: dt.date
    data: Data
    home: Home

    @property
    def place(self) -> str:
        """Return the key of the county."""
        return self.params.place

    @property
    def names(self) -> dict[str, str]:
        """Return the words for keys that params name (places, programmes) in the desk's language."""
        programmes = {key: p.zh if self.lang == "zh" else p.en for key, p in self.params.programmes.items()}
        return {**self.params.place_names(self.lang), **programmes, **self._peer_names()}

    @property
    def office(self) -> str:
        """Return the name of the office that issues the report."""
        return self.params.office.zh if self.lang == "zh" else self.params.office.en

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
    def pace(self) -> float:
        """Return the share of the year that has passed at the end of the period."""
        return ((self.period.last_month - self.period.whole_year().first_month).n + 1) / 12

    @property
    def where(self) -> dict[str, str]:
        """Return the period's and the county's key, as every analysis takes them."""
        return {"period": self.period.key, "county": self.place}

    @property
    def months(self) -> pd.PeriodIndex:
        """Return the months of the period."""
        return self.period.months

    def last_known(self, period: Period | None = None) -> pd.Period:
        """Return the last month of registration that is known; of another period, the month that was as late for it."""
        births = self.data["births"]
        last = births["registered"].max() if len(births) else self.period.last_month
        return last if period is None else period.last_month + (last - self.period.last_month).n

    def paid_months(self) -> pd.PeriodIndex:
        """Return the months of the period that the delivered payments reach; of the others nothing can be said."""
        due = self.data["payments"]["due"]
        return self.months[(self.months >= due.min()) & (self.months <= due.max())] if len(due) else self.months[:0]

    def history(self) -> pd.PeriodIndex:
        """Return the months from the first to the last month of registration."""
        births = self.data["births"]
        first = births["registered"].min() if len(births) else self.period.first_month
        return pd.period_range(first, self.last_known(), freq="M")

    def rng(self) -> np.random.Generator:
        """Return a new random generator from the seed in params: the same numbers in every run."""
        return np.random.default_rng(self.params.seed)

    def files(self) -> pd.DataFrame:
        """Return the raw files as rows: kind, file, received, used, rows, sha (first 12 digits)."""
        counted = {f: len(t) for frame in self.data.frames.values() for f, t in frame.groupby("file", observed=True)}
        records = [(d.kind, d.name, d.received.isoformat(), d.used, counted.get(d.name), d.sha256[:12])
                   for d in self.data.deliveries]  # fmt: skip
        return pd.DataFrame(records, columns=["kind", "file", "received", "used", "rows", "sha"])

    def prose(self, section: str) -> str:
        """Return the analyst's words for a section, "" when there are none in this language."""
        return self.data.prose.get((section, self.lang), "")

    def _peer_names(self) -> dict[str, str]:
        peers = self.data["peers"]
        english = zip(peers["county"], peers["county_en"], strict=True)
        return {zh: en for zh, en in english if en} if self.lang == "en" else {}

    def title(self) -> str:
        """Return place, period and its calendar in words, in the desk's language."""
        name = self.names[self.place]
        return wording.text("desk.title", self.lang, name=name, period=wording.period_label(self.period, self.lang))

    def keep(self, found: pd.DataFrame, name: str) -> None:
        """Keep the result table of a notebook for the report."""
        folder = self.home.work(self.place, self.period.key)
        folder.mkdir(parents=True, exist_ok=True)
        results.write(found, folder / f"{name}.csv")
        (folder / f"{name}.made_from").write_text(self._made_from(name), "utf-8", newline="\n")

    def kept(self) -> pd.DataFrame:
        """Return all kept results of this period as one table; runs the notebooks whose results are missing or old."""
        for name in KEEPERS:
            if not self._is_fresh(name):
                self._run(name)
        folder = self.home.work(self.place, self.period.key)
        return results.combine([results.read(folder / f"{name}.csv") for name in KEEPERS])

    def published(self, measure: str) -> pd.DataFrame:
        """Return a measure's rows (`srb_look/*`) from the newest releases of this year's periods, oldest period first.

        They are what was known when they were published, and stay so when files are corrected later.
        """
        year = self.period.whole_year().key
        folder = self.home.outputs / self.place
        keys = sorted(p.name for p in folder.iterdir() if p.name.startswith(year)) if folder.is_dir() else []
        last = [releases.newest(folder / key) for key in keys]
        files = [release / "results.csv" for release in last if release and (release / "results.csv").is_file()]
        return results.combine([results.pick(results.read(file), measure=measure) for file in files])

    def _is_fresh(self, name: str) -> bool:
        made_from = self.home.work(self.place, self.period.key) / f"{name}.made_from"
        return made_from.is_file() and made_from.read_text("utf-8") == self._made_from(name)

    def _made_from(self, name: str) -> str:
        made_from = releases.inputs(
            self.home, self.place, self.data.deliveries, [self.home.notebooks / f"{name}.ipynb"]
        )
        return releases.fingerprint(made_from, period=self.period.key, as_of=self.as_of.isoformat())

    def _run(self, name: str) -> None:
        folder = self.home.work(self.place, self.period.key)
        parameters = {"place": self.place, "period": self.period.key, "as_of": self.as_of.isoformat()}
        run_notebook(self.home.notebooks / f"{name}.ipynb", folder / f"{name}.ipynb", parameters)


def open_desk(place: str, period: str, lang: str = "zh", as_of: str = "", home: Path | None = None) -> Desk:
    """Return the desk of one period of one place: checked params, period, and the raw data read.

    `as_of` ("2018-07-20"; "" means everything received) leaves out what came later. Raises ParamsError or DataError
    with a sentence that names what is wrong.
    """
    found = Home(home) if home else find_home()
    params = load_params(place, found.params)
    when = params.period(period)
    everything = find_deliveries(found.raw / place)
    deliveries = find_deliveries(found.raw / place, _day(as_of))
    if not deliveries:
        raise ParamsError(
            f"nothing was received by {as_of} in data/raw/{place}/" if as_of else f"data/raw/{place}/ is empty"
        )
    awaited = {d.kind for d in everything} - {d.kind for d in deliveries}
    data = read_data(params, deliveries, awaited)
    _check_period(when, data, place)
    return Desk(
        params, when, wording.checked_lang(lang), _day(as_of) or max(d.received for d in deliveries), data, found
    )


def read_data(params: Params, deliveries: list[Delivery], awaited: Collection[str] = ()) -> Data:
    """Return the deliveries of a place read by its params; kinds that are `awaited` may be missing."""
    return read_files(
        deliveries,
        files={kind: names for kind, names in params.files.items() if kind not in awaited},
        places=params.spellings,
        programmes=params.programme_spellings,
        county=params.place,
        calendar=params.calendar,
    )


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise ParamsError(f"as_of is {text!r}, expected a date such as 2018-07-20") from None


def _check_period(period: Period, data: Data, place: str) -> None:
    """Refuse a period that the data do not reach, with the months they cover."""
    births = data["births"]
    months = births["registered"] if len(births) else data["registrations"]["month"]
    if (len(months) and not months.min() <= period.last_month) or (len(months) and period.first_month > months.max()):
        raise ParamsError(
            f"period {period.key} of {place} ({period.first_month} to {period.last_month}) lies outside the data, "
            f"which cover {months.min()} to {months.max()}"
        )

"""The command line: reads words, calls one function, prints what it returned. Also installed as `fpanalysis`."""

from __future__ import annotations

import argparse
import datetime as dt
import functools
import json
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import FpError, ParamsError, StorageError

if TYPE_CHECKING:
    import pandas as pd

    from .desk import Desk
    from .params import Params
    from .periods import Period

__all__ = ["main"]

EXAMPLES = """examples:
  fpanalysis run renqiu 2018H1               the half-year report, Chinese and English
  fpanalysis run renqiu S2018H1              the same half-year of the statistical year (October to March)
  fpanalysis run renqiu 2018H1 --as-of 2018-07-10    only from what had arrived by then
  fpanalysis run --all --due                 every report that is due, of every place (for a scheduler)
  fpanalysis status                          what is done, due, late or failed, why, and since when
  fpanalysis check renqiu 2018H1             look at the raw files, change nothing
  fpanalysis reconcile renqiu 2018H1 --roll roll.parquet --payments p1.parquet p2.parquet --out DIR   at any size
  fpanalysis followup renqiu 2018H1 --out FILE.xlsx      differences to follow up (internal)
  fpanalysis sample DIR                      write the synthetic sample county into DIR
  fpanalysis dictionary zh                   what each raw file must hold
  fpanalysis compare-word report.zh.docx     what was changed by hand since it was published
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Return the exit code: 0 done, 1 a notebook or publication failed, 2 the input is wrong."""
    parser = _parser()
    words = parser.parse_args(argv)
    try:
        return words.act(words)
    except FpError as error:
        print(f"fpanalysis: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("fpanalysis: stopped; nothing half-made is left", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fpanalysis",
        description="Reproducible period reports for a population and family-planning office.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    acts = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, act in ACTS.items():
        command = acts.add_parser(name, help=(act.__doc__ or "").splitlines()[0], description=act.__doc__)
        command.set_defaults(act=act)
        OPTIONS[name](command)
    return parser


def _report_options(command: argparse.ArgumentParser, nargs: str | None = None) -> None:
    command.add_argument("place", nargs=nargs, help="name of a file in params/, without .yaml")
    words = "2018, 2018H1, 2018Q3 or 2018-06; S2018H1 means the statistical year"
    command.add_argument("period", nargs=nargs, help=words)
    command.add_argument(
        "--as-of",
        default="",
        metavar="DATE",
        help="leave out what came after DATE (2018-07-20; latest: nothing); by default, after the report was closed",
    )


def _run_options(command: argparse.ArgumentParser) -> None:
    _report_options(command, "?")
    command.add_argument("--all", action="store_true", help="every place in params/ (with --due)")
    command.add_argument("--due", action="store_true", help="what is due: over, complete, and missing or out of date")
    command.add_argument("--upgrade", action="store_true", help="with --due, what was made with an older version too")
    command.add_argument("--jobs", type=int, default=0, metavar="N", help="notebooks, with --due places, at a time")
    command.add_argument("--wait", type=float, default=3600, metavar="S", help="seconds to wait for another run (3600)")
    command.add_argument("--scheduler", default="", metavar="URL", help="a Dask cluster for --due: tcp://host:8786")
    command.add_argument("--memory", default="auto", metavar="SIZE", help="bound of each local worker, e.g. 2GB")
    command.add_argument("--to", default="", metavar="URL", help="copy releases there too (any fsspec URL or folder)")
    _state_options(command)
    command.add_argument(
        "-p",
        dest="parameters",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="a further parameter that a notebook of yours declares",
    )
    command.add_argument(
        "--cell-timeout", type=int, default=1800, metavar="SECONDS", help="stop a cell that takes longer (default 1800)"
    )
    command.add_argument(
        "--cold", action="store_true", help="start an ordinary kernel for every notebook (FPANALYSIS_KERNELS=cold)"
    )


def _state_options(command: argparse.ArgumentParser) -> None:
    words = "list only reports in these states (failed,late), all are counted: due, done, failed, late, not due"
    command.add_argument("--state", type=lambda words: words.split(","), default=[], metavar="STATES", help=words)
    command.add_argument("--json", type=Path, metavar="FILE", help="write the state of every report as JSON")
    command.add_argument("--today", type=dt.date.fromisoformat, default=None, metavar="DATE", help="instead of today")


def _status_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("places", nargs="*", metavar="PLACE", help="places in params/ (all without)")
    _state_options(command)


def _followup_options(command: argparse.ArgumentParser) -> None:
    _report_options(command)
    command.add_argument("--out", type=Path, metavar="FILE", help="file to write (default: followup.PERIOD.xlsx here)")
    command.add_argument("--lang", default="zh", help="zh (default) or en")


def _sample_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path, metavar="DIR", help="folder to write params/ and data/raw/ into")
    command.add_argument("--place", default="renqiu", help="which sample place: renqiu (default) or demo")


def _dictionary_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("lang", nargs="?", default="en", help="zh or en (default)")


def _compare_word_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=Path, metavar="FILE", help="a Word file that fpanalysis published")


def _reconcile_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("place", help="name of a file in params/, without .yaml: programmes, rates, places")
    command.add_argument("period", help="2018, 2018H1, 2018Q3 or 2018-06; S2018H1 means the statistical year")
    command.add_argument(
        "--roll", type=Path, nargs="+", required=True, metavar="FILE", help="Parquet, CSV or office files"
    )
    command.add_argument("--payments", type=Path, nargs="+", required=True, metavar="FILE")
    command.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder to make: statement.csv, and classes/"
    )
    command.add_argument("--as-of", default="", metavar="DATE", help="day up to which payments are known (today)")
    command.add_argument("--engine", default="duckdb", help="duckdb (default), dask, dask://host:port, spark")
    command.add_argument(
        "--memory-limit", default="", metavar="SIZE", help="2GB; what does not fit is written to --temp"
    )
    command.add_argument("--temp", type=Path, metavar="DIR", help="folder to spill into")
    command.add_argument(
        "--buckets", type=int, default=0, help="look at the persons in so many parts, one after another"
    )
    command.add_argument(
        "--level",
        default="place",
        choices=["place", "village"],
        help="where people are counted: place (default), village",
    )
    command.add_argument(
        "--own-places", action="store_true", help="places as they stand in the files, not those of params"
    )


def run(words: argparse.Namespace) -> int:
    """Check the data, run the notebooks, publish the report in both languages; or, with --due, all that is due."""
    if words.cold:
        os.environ["FPANALYSIS_KERNELS"] = "cold"
    if words.due:
        return _run_due(words)
    if words.all or not (words.place and words.period):
        raise ParamsError("name a place and a period (run renqiu 2018H1), or everything that is due (run --all --due)")
    if words.scheduler or words.to or words.upgrade:
        raise ParamsError("--scheduler, --to and --upgrade go with --due")
    asked = {"place": words.place, "period": words.period, "as_of": words.as_of, "parameters": dict(words.parameters)}
    if release := _unchanged(asked):
        return _listed(release, "nothing has changed since:")
    from tqdm import tqdm

    from .pipeline import run_report, steps

    with tqdm(total=len(steps(words.place)), unit="step", disable=None, leave=False) as bar:

        def progress(step: str) -> None:
            bar.set_postfix_str(step)
            bar.update()

        terms = {"jobs": words.jobs or min(os.cpu_count() or 1, 3), "wait": words.wait, "say": _say,
                 "cell_timeout": words.cell_timeout or None}  # fmt: skip
        release, new = _noted(asked, _period_of(asked), lambda: run_report(**asked, **terms, progress=progress))
    return _listed(release, "report made:" if new else "nothing has changed since:")


def _period_of(asked: Mapping[str, Any]) -> Period:
    """Return the period that words mean in the calendar of a place."""
    from .params import load_params
    from .paths import find_home

    return load_params(asked["place"], find_home().params).period(str(asked["period"]))


def _noted(asked: Mapping[str, Any], period: Period, work: Callable[[], tuple[Path, bool]]) -> tuple[Path, bool]:
    """Do the work and write its end to the ledger: a new release, or a failure that is not the words' or the files'.

    Says beforehand, and notes with a new release, which published reports do not know of it.
    """
    from . import ledger, releases
    from .paths import find_home

    home, place = find_home(), asked["place"]

    def end(event: str, **about: str) -> None:
        ledger.append(home.ledger, ledger.Event(place, period.key, event, **about), now=ledger.local_time)

    later = ", ".join(p.parent.name for p in releases.told_after(home, place, period))
    warned = later and (
        f"published reports of {place} do not know of this one of {period.key}: what one of them hides, it may tell "
        f"together with this; run again after this, in this order: {later}"
    )
    if warned:
        _say(warned)
    try:
        release, new = work()
    except FpError as error:
        if error.exit_code == 1 and not isinstance(error, StorageError):
            end("failed", reason=str(error), kind=type(error).__name__)
        raise
    if new:
        end("done", release=release.name, reason=warned)
    return release, new


def _unchanged(asked: Mapping[str, Any]) -> Path | None:
    """Return the release that answers the same words, told without reading the data."""
    from . import releases
    from .locks import storage
    from .paths import find_home

    home = find_home()
    release = releases.unchanged(home, asked)
    if release:
        with storage(home.outputs):
            releases.mend_latest(release, home)
    return release


def _listed(release: Path, head: str) -> int:
    print(head)
    for path in sorted(p for p in release.iterdir() if p.is_file()):
        print(f"  {_short(path)}")
    return 0


def _say(text: str) -> None:
    print(f"fpanalysis: {text}", file=sys.stderr)


def _run_due(words: argparse.Namespace) -> int:
    """Make every report that is due; the exit code is 1 when one has failed, or could not be made this time."""
    from tqdm import tqdm

    from . import fleet
    from .ledger import Event
    from .params import check_place, places
    from .paths import find_home
    from .pipeline import run_report

    if words.period or bool(words.place) == words.all:
        raise ParamsError("run --due takes one place or --all, and no period: run --all --due, or run renqiu --due")
    if words.as_of or words.parameters:
        raise ParamsError("run --due takes neither --as-of nor -p: a report made with them is made by hand")
    _check_states(words)
    home, today = find_home(), words.today or dt.date.today()
    only = [words.place] if words.place else places(home.params)
    for place in only:
        check_place(place, home.params)
    missed = []
    with tqdm(total=len(only), unit="place", disable=None, leave=False) as bar:

        def heard(place: str, events: list[Event]) -> None:
            for event in events:
                tqdm.write(_line(event), file=sys.stderr)
            missed.extend(event for event in events if event.event == "not copied")
            bar.set_postfix_str(place)
            bar.update()

        make = functools.partial(run_report, wait=words.wait, cell_timeout=words.cell_timeout or None)
        found = fleet.run_due(
            home, today=today, only=only, workers=words.jobs or 1, scheduler=words.scheduler, memory=words.memory,
            url=words.to, upgrade=words.upgrade, heard=heard, make=make,
        )  # fmt: skip
    return max(_told(found, words, today, wrong=("failed", "due")), int(bool(missed)))


def _line(event: Any) -> str:
    """Return an event as one line of a log."""
    words = (event.at, event.place, event.period, event.event, event.release, event.reason)
    return " ".join(" ".join(word.split()) for word in words if word)


def status(words: argparse.Namespace) -> int:
    """List the state of every report: done, due, late, failed or not due; why, and since when; then how many."""
    from . import due, ledger
    from .params import check_place, places
    from .paths import find_home

    _check_states(words)
    home, today = find_home(), words.today or dt.date.today()
    for place in words.places:
        check_place(place, home.params)
    found = due.scan(home, words.places or places(home.params), today=today, events=ledger.read(home.ledger))
    return _told(found, words, today)


def _check_states(words: argparse.Namespace) -> None:
    from .due import STATES

    for state in words.state:
        if state not in STATES:
            raise ParamsError(f"no report is ever {state!r}: it is {', '.join(STATES)}")


def _told(found: Sequence[Any], words: argparse.Namespace, today: dt.date, wrong: Collection[str] = ("failed",)) -> int:
    """Print the state of each report, write it as JSON if asked to, and return 1 when one is in a `wrong` state."""
    from .fleet import summary
    from .locks import replace_text, storage

    for report in (r for r in found if not words.state or r.state in words.state):
        since = f" since {report.since[:10]}" if report.since and report.state in ("done", "failed") else ""
        line = f"{report.place:<12} {report.period:<9} {report.state:<8}{report.release:<5}{since} {report.reason}"
        print(" ".join(line.split("\n")).rstrip())
    told = summary(found, today=today)
    places = len({report.place for report in found})
    print(
        f"{places} place{'s' * (places != 1)}:",
        ", ".join(f"{number} {state}" for state, number in told["counts"].items() if number) or "no reports",
    )
    if words.json:
        with storage(words.json.parent):
            words.json.parent.mkdir(parents=True, exist_ok=True)
            replace_text(words.json, json.dumps(told, ensure_ascii=False, indent=1) + "\n")
    return int(any(report.state in wrong for report in found))


def check(words: argparse.Namespace) -> int:
    """Check the raw files of a place and period; change nothing."""
    from . import checks, wording
    from .desk import open_desk
    from .results import combine

    desk = open_desk(words.place, words.period, "en", words.as_of)
    where = {"period": desk.period, "county": desk.place}
    townships = [t.name for t in desk.params.townships]
    received = desk.data.deliveries
    found = combine([
        checks.run_rules(desk.data.frames, townships=townships, as_of=desk.as_of, **where),
        checks.deliveries(received, deadlines=desk.params.deadlines, as_of=desk.as_of, **where),
        checks.repairs(desk.data.repairs, **where),
    ])  # fmt: skip
    print(f"{desk.title()}: {sum(d.used for d in received)} files read, no fault.")
    for row in found[found["count"] > 0].itertuples():
        print(f"  {wording.remark(row.note, 'en')}")
    if desk.later:
        print(f"  {desk.later} files came after {desk.as_of} and are left out; --as-of latest takes them in")
    return 0


def followup(words: argparse.Namespace) -> int:
    """Write the internal follow-up workbook of a period: differences, to be filled in and handed back."""
    from .desk import open_desk
    from .paths import find_home, write_private
    from .publish.followup_book import followup_book
    from .wording import period_label

    home = find_home()
    target = _internal(words.out or Path(f"followup.{words.period}.xlsx"), home.outputs, home.raw)
    desk = open_desk(words.place, words.period, words.lang, words.as_of)
    if desk.home.key(desk.place) is None:
        desk.home.key(desk.place, make=True)
        desk = open_desk(words.place, words.period, words.lang, words.as_of)
    items, totals = _items(desk)
    about = {"office": desk.office, "place": desk.place, "period": period_label(desk.period, desk.lang)}
    made = followup_book(items, lang=desk.lang, names=desk.names, as_of=desk.as_of,
                         file=f"followup.{desk.period.key}.xlsx", villages=totals, **about)  # fmt: skip
    write_private(target, made)
    print(f"{len(items)} differences to follow up: {_short(target)} (internal, not for publication)")
    return 0


def _items(desk: Desk) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return the differences of the period, and of the periods of what came back, with their history; and totals."""
    import pandas as pd

    from .followup import carried, differences, looked_at, villages
    from .periods import parse_period
    from .reconcile import classify

    roll, payments, returned = (desk.data[kind] for kind in ("roll", "payments", "followup"))
    own, looked = desk.period.key, looked_at(returned, desk.period.key)
    months = {key: desk.paid_months(parse_period(key)) for key in dict.fromkeys([*looked, own])}
    persons = {key: classify(roll, payments, months=m, rates=desk.params.rates(), as_of=desk.as_of)
               for key, m in months.items() if len(m)}  # fmt: skip
    found = [differences(persons[key], roll, payments, months=months[key], period=key, key=desk.key)
             for key in looked if key in persons]  # fmt: skip
    if not found:
        raise FpError(f"{desk.title()}: there are no payments to follow up")
    totals = villages(persons[own], roll, desk.data["reported"], period=own) if own in persons else None
    return carried(pd.concat(found, ignore_index=True), returned, period=own), totals


def _internal(target: Path, outputs: Path, raw: Path) -> Path:
    """Return the file if it may be written there. Raises FpError where reports or raw files lie, or it exists."""
    where = target.resolve()
    for folder, holds in ((outputs, "reports for publication"), (raw, "files as they were received")):
        if where.is_relative_to(folder.resolve()):
            raise FpError(
                f"{target}: {folder.name}/ holds {holds}; the follow-up workbook is internal: name another folder"
            )
    if where.suffix.lower() != ".xlsx" or not where.parent.is_dir():
        raise FpError(f"{target}: expected a file ending in .xlsx, in a folder that exists")
    if where.exists():
        raise FpError(f"{target} exists, and may have been filled in: name another file, or delete it")
    return target


def sample(words: argparse.Namespace) -> int:
    """Write the synthetic sample county: params, raw files, and the list of faults planted in them."""
    from .errors import ParamsError, did_you_mean
    from .paths import find_home
    from .sample import SAMPLES, write_sample

    if words.place not in SAMPLES:
        raise ParamsError(f"sample place {words.place!r} does not exist{did_you_mean(words.place, SAMPLES)}")
    written = write_sample(words.folder, words.place, params=find_home().params)
    print(f"{len(written)} synthetic files below {words.folder}")
    return 0


def dictionary(words: argparse.Namespace) -> int:
    """Print the data dictionary: every kind of raw file and its columns."""
    from .contracts import CONTRACTS
    from .dictionary import dictionary_markdown

    print(dictionary_markdown(CONTRACTS, words.lang))
    return 0


def compare_word(words: argparse.Namespace) -> int:
    """List what was changed by hand in a published Word file: numbers first. The exit code is then 1."""
    from .publish.word_changes import compare, report_lines

    if not words.file.is_file():
        raise FpError(f"{words.file}: there is no such file; name a report that fpanalysis published as .docx")
    found = compare(words.file.read_bytes(), name=words.file.name)
    print("\n".join(report_lines(found, name=words.file.name)))
    return 1 if found.changes else 0


def reconcile(words: argparse.Namespace) -> int:
    """Hold a roll against payments of any size: a statement by programme, place and class; every case (internal)."""
    from .params import load_params
    from .paths import find_home
    from .reconcile import at_scale

    params = load_params(words.place, find_home().params)
    if words.out.exists():
        raise FpError(f"{words.out} exists: name a folder that does not")
    limits = {"memory_limit": words.memory_limit, "temp": words.temp, "buckets": words.buckets}
    own = words.own_places or words.level != "place"
    found = at_scale(
        **_rows(params, {"roll": words.roll, "payments": words.payments}),
        months=params.period(words.period).months, rates=params.rates(), as_of=_day(words.as_of), engine=words.engine,
        programmes=params.programme_spellings, places=None if own else params.spellings, level=words.level,
        out=words.out / "classes", **{name: limit for name, limit in limits.items() if limit},
    )  # fmt: skip
    found.to_csv(words.out / "statement.csv", index=False, encoding="utf-8-sig", lineterminator="\n")
    short = found.groupby(["programme", "class"])[["people", "payments", "entitled", "carried", "paid"]].sum()
    print(
        short.assign(**{fen: short[fen] / 100 for fen in ("entitled", "carried", "paid")}).to_string(
            float_format="%.2f"
        )
    )
    print(f"{_short(words.out)}: statement.csv (small counts unhidden), classes/ (persons under a hash): internal")
    return 0


def _rows(params: Params, files: Mapping[str, Sequence[Path]]) -> dict[str, Any]:
    """Return tidy files as they are, for the engine to read; if any is an office's own, all read into frames."""
    import datetime as dt
    import hashlib

    from .desk import read_data
    from .ingest import Delivery

    missing = next((path for paths in files.values() for path in paths if not path.is_file()), None)
    if missing:
        raise FpError(f"{missing}: there is no such file")
    if all(_is_tidy(path) for paths in files.values() for path in paths):
        return dict(files)
    day = dt.date.today()
    deliveries = [Delivery(kind, str(n), day, path, hashlib.sha256(path.read_bytes()).hexdigest())
                  for kind, paths in files.items() for n, path in enumerate(paths)]  # fmt: skip
    data = read_data(params, deliveries, set(params.files) - set(files))
    return {kind: data[kind] for kind in files}


def _is_tidy(path: Path) -> bool:
    """Return whether a file has the columns of the data dictionary: Parquet, or CSV in UTF-8 with them as headings."""
    if path.suffix.lower() != ".csv":
        return path.suffix.lower() == ".parquet"
    with path.open("rb") as file:
        heading = file.readline()
    return {b"person", b"programme"} <= {cell.strip(b'" \r\n\xef\xbb\xbf') for cell in heading.split(b",")}


def _day(text: str) -> dt.date:
    import datetime as dt

    try:
        return dt.date.fromisoformat(text) if text else dt.date.today()
    except ValueError:
        raise FpError(f"--as-of is {text!r}, expected a date such as 2018-07-20") from None


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


ACTS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": run,
    "status": status,
    "check": check,
    "followup": followup,
    "reconcile": reconcile,
    "sample": sample,
    "dictionary": dictionary,
    "compare-word": compare_word,
}
OPTIONS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "run": _run_options, "status": _status_options, "check": _report_options, "sample": _sample_options,
    "dictionary": _dictionary_options, "compare-word": _compare_word_options, "followup": _followup_options,
    "reconcile": _reconcile_options,
}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())

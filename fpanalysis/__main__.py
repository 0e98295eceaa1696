"""The command line: reads words, calls one function, prints what it returned. Also installed as `fpanalysis`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from .errors import FpError

__all__ = ["main"]

EXAMPLES = """examples:
  fpanalysis run renqiu 2018H1               the half-year report, Chinese and English
  fpanalysis run renqiu S2018H1              the same half-year of the statistical year (October to March)
  fpanalysis run renqiu 2018H1 --as-of 2018-07-10    only from what had arrived by then
  fpanalysis check renqiu 2018H1             look at the raw files, change nothing
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


def _report_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("place", help="name of a file in params/, without .yaml")
    command.add_argument("period", help="2018, 2018H1, 2018Q3 or 2018-06; S2018H1 means the statistical year")
    command.add_argument(
        "--as-of",
        default="",
        metavar="DATE",
        help="leave out what came after DATE (2018-07-20; latest: nothing); by default, after the report was closed",
    )


def _run_options(command: argparse.ArgumentParser) -> None:
    _report_options(command)
    command.add_argument(
        "-p",
        dest="parameters",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="a further parameter that a notebook of yours declares",
    )


def _sample_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path, metavar="DIR", help="folder to write params/ and data/raw/ into")
    command.add_argument("--place", default="renqiu", help="which sample place: renqiu (default) or demo")


def _dictionary_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("lang", nargs="?", default="en", help="zh or en (default)")


def _compare_word_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=Path, metavar="FILE", help="a Word file that fpanalysis published")


def run(words: argparse.Namespace) -> int:
    """Check the data, run the notebooks, publish the report in both languages."""
    from tqdm import tqdm

    from .pipeline import run_report, steps

    with tqdm(total=len(steps()), unit="step", disable=None, leave=False) as bar:

        def progress(step: str) -> None:
            bar.set_postfix_str(step)
            bar.update()

        release, new = run_report(
            words.place, words.period, as_of=words.as_of, parameters=dict(words.parameters), progress=progress
        )
    print("report made:" if new else "nothing has changed since:")
    for path in sorted(p for p in release.iterdir() if p.is_file()):
        print(f"  {_short(path)}")
    return 0


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


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


ACTS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": run,
    "check": check,
    "sample": sample,
    "dictionary": dictionary,
    "compare-word": compare_word,
}
OPTIONS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "run": _run_options, "check": _report_options, "sample": _sample_options, "dictionary": _dictionary_options,
    "compare-word": _compare_word_options,
}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())

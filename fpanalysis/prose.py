"""The analyst's own words: numbers filled in from the results, and numbers typed by hand held against them.

`{{measure}}` in `prose.<period>.<lang>.md` becomes the county's figure of the period, printed as the report prints
it: `{{registered/first}}`, `{{srb.lower}}`, `{{births@Maozhou}}` (a township by name or key), and
`{{births_change:signedpct}}` (a format of `wording.FORMATS`). A name that is not in the results stops the report.

A number typed beside the name of a measure (一孩登记1,600件, "1,600 first-child registrations") must be its
figure, rounded as typed; the names are in the catalogue under `said.`. Where the words speak of another time
or place, or give a source, the number is the analyst's own (`prose.elsewhere`). Both values, file and line are told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

import pandas as pd

from .errors import PublishError, did_you_mean
from .periods import parse_period
from .results import NUMBERS, Fact, facts
from .tables import measure_kind
from .wording import LANGS, catalogue, format_value, indicator, text

__all__ = ["Written", "filled"]

Written = tuple[str, str, int]
"""A section's text, the name of its file, and the line that the text begins in."""

HOLE = re.compile(r"\{\{\s*(?P<measure>[\w/]+)(?:\.(?P<part>\w+))?(?:@(?P<place>[^}:]+))?(?::(?P<kind>\w+))?\s*\}\}")
NUMBER = (
    r"(?<![\d.,])(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?![\d]|\.\d|,\d{3})(?P<unit>\s?(?:%|SCALES))?"
)
SAID = "said"
"""First word of the keys that hold the names of measures as people write them."""


class _Claim(NamedTuple):
    """A number typed beside the name of a measure: name, number and unit as typed, where it begins."""

    measure: str
    name: str
    number: str
    unit: str
    start: int


def filled(
    written: Mapping[str, Written],
    found: pd.DataFrame,
    *,
    place: str,
    period: str,
    lang: str,
    names: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the text of each section with its placeholders filled; `names` words places in this language.

    Raises PublishError naming file and line: for a placeholder without a figure, and for a typed number that is not the
    figure of the measure beside it, with both values.
    """
    known = {key: facts(found, place=key, period=period) for key in set(found["place"]) | {place}}
    keys = {word: key for key in known for word in (key, (names or {}).get(key, key))}
    other = re.compile("|".join(_elsewhere(period, lang, [word for word, key in keys.items() if key != place])))
    for said, file, line in written.values():
        _check_typed(said, known[place], lang, other, (file, line))
    return {
        section: HOLE.sub(lambda hole, at=(said, file, line): _figure(hole, known, keys, place, lang, *at), said)
        for section, (said, file, line) in written.items()
    }  # fmt: skip


def _figure(
    hole: re.Match[str],
    known: Mapping[str, Mapping[str, Fact]],
    keys: Mapping[str, str],
    place: str,
    lang: str,
    said: str,
    file: str,
    line: int,
) -> str:
    """Return what stands in the place of a placeholder."""
    at = f"{file}, line {_line(said, hole.start(), line)}: {hole[0]}"
    wanted = (hole["place"] or place).strip()
    if wanted not in keys:
        raise PublishError(f"{at}: there is no place {wanted!r}{did_you_mean(wanted, keys)}")
    figures, measure, part = known[keys[wanted]], hole["measure"], hole["part"] or "value"
    if measure not in figures:
        raise PublishError(f"{at}: there is no measure {measure!r} in the results{did_you_mean(measure, figures)}")
    if part not in NUMBERS:
        raise PublishError(f"{at}: a result has no {part!r}{did_you_mean(part, NUMBERS)}")
    value = getattr(figures[measure], part)
    if value != value:
        raise PublishError(f"{at}: this figure has no value in this period; say it in words, or leave it out")
    kind = "count" if part in ("count", "total") else measure_kind(measure, value)
    if kind == "count" and part == "value" and indicator(measure).get("unit") == "yuan":
        kind = "money"
    return format_value(value, hole["kind"] or kind, lang)


def _elsewhere(period: str, lang: str, places: list[str]) -> Iterator[str]:
    """Yield patterns of words that speak of another time or place than the county in the period."""
    when = parse_period(period)
    yield text("prose.elsewhere", lang)
    yield rf"(?!{when.year})(?:19|20)\d\d"
    yield text(f"prose.other.{when.part if when.kind == 'half' else 'year'}", lang)
    yield from map(re.escape, places)


def _check_typed(
    said: str, figures: Mapping[str, Fact], lang: str, other: re.Pattern[str], at: tuple[str, int]
) -> None:
    """Raise PublishError for the first typed number that is not the figure of the measure named beside it."""
    for start, clause in _clauses(said, lang):
        for claim in _claims(clause, lang) if not other.search(clause) else ():
            fact = figures.get(claim.measure)
            if fact is not None and fact.value == fact.value and not _agrees(claim, fact):
                right = format_value(fact.value, measure_kind(claim.measure, fact.value), lang)
                raise PublishError(
                    f"{at[0]}, line {_line(said, start + claim.start, at[1])}: {claim.name!r} is given as "
                    f"{claim.number}{claim.unit}, but the results say {right}; write {{{{{claim.measure}}}}}, "
                    f"or 'source: ...' in the same sentence"
                )


def _clauses(said: str, lang: str) -> Iterator[tuple[int, str]]:
    """Yield the sentences of a text with where they begin; placeholders are blanked out."""
    blank = HOLE.sub(lambda hole: " " * len(hole[0]), said)
    for found in re.finditer(text("prose.sentence", lang), blank):
        yield found.start(), found[0]


def _claims(clause: str, lang: str) -> Iterator[_Claim]:
    """Yield every number that stands beside the name of a measure; of names that overlap the longest counts."""
    number = NUMBER.replace("SCALES", "|".join(text("numbers.scales", lang) for lang in LANGS))
    found = [
        (measure, match)
        for measure, words in _names(lang)
        for pattern in (text("prose.name_number", lang), text("prose.number_name", lang))
        for match in re.finditer(pattern.replace("NAME", f"(?P<name>{words})").replace("NUMBER", number), clause)
    ]
    taken: set[int] = set()
    for measure, match in sorted(found, key=lambda pair: -len(pair[1]["name"])):
        here = {*range(*match.span("name")), *range(*match.span("number"))}
        if not here & taken:
            taken |= here
            yield _Claim(measure, match["name"], match["number"], (match["unit"] or "").strip(), match.start("number"))


def _names(lang: str) -> list[tuple[str, str]]:
    """Return measures and the words that name them."""
    start = f"{SAID}."
    return [(key.removeprefix(start), entry[lang]) for key, entry in catalogue().items() if key.startswith(start)]


def _agrees(claim: _Claim, fact: Fact) -> bool:
    """Return whether a typed number is the figure, rounded as it was typed; another kind of number is no claim."""
    is_share = claim.unit == "%"
    if is_share != measure_kind(claim.measure, fact.value).endswith("pct"):
        return True
    typed = Decimal(claim.number.replace(",", ""))
    scale = 1 if claim.unit in ("", "%") else int(text(f"numbers.scale.{claim.unit}", "en"))
    step = scale * float(Decimal(1).scaleb(int(typed.as_tuple().exponent)))
    value = abs(fact.value) * (100 if is_share else 1)
    return abs(float(typed) * scale - value) <= step / 2 + 1e-9


def _line(said: str, position: int, first: int) -> int:
    return first + said[:position].count("\n")

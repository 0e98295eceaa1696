"""All tests of the sex ratio in one report are one family: adjusted together, counted, and judged anew.

A report that tests the county, its birth orders, twenty townships, the contrasts between orders, three pooled years,
clusters and the data themselves makes a hundred tests; adjusting each kind by itself leaves a chance of a false finding
far above alpha. So what each analysis found alone goes through `together` once, and nothing is said before it:

- *Who belongs.* Every p-value of a period by which a reader could be told something: heads of TESTED. The test against
  the reference and the one against the band are two tests.
- *Who does not.* `srb_high` and `srb_low` are the halves of `srb_band`. The monthly looks and the e-values
  (`monitoring`) have a budget of their own for the year, alpha in all, which must not depend on what a half-year tests
  besides; so a report of a county without anything the matter says something false with a chance of at most 2 alpha,
  and names both budgets. A period compared with was tested in its own report.
- *What happens.* Holm's adjustment decides (any dependence; Holm, Scandinavian Journal of Statistics 6 (1979) 65), that
  of Benjamini and Hochberg (JRSS B 57 (1995) 289) is told beside it. What is significant alone and not in the family is
  called so (`alone`), and places of a cluster are then not named.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from . import results, stats
from .errors import FpError
from .sex_ratio import finding

__all__ = ["MEASURES", "TESTED", "together"]

TESTED = ("srb", "srb_band", "srb_pooled", "srb_pooled_band", "srb_contrast", "srb_change_ratio", "srb_dispersion",
          "srb_cluster", "srb_late", "srb_heaping")  # fmt: skip
"""Measures whose p-values are the tests of the family."""
MEASURES = tuple(f"{head}_adjusted" for head in TESTED)
"""Measures of the adjusted p-values; those by township stand on counts of persons, as for `disclosure.protect`."""
ALONE = {
    "note.srb.contrast.different": "note.srb.contrast.alone",
    "note.srb.change.different": "note.srb.change.alone",
    "note.srb.dispersion.more": "note.srb.dispersion.alone",
    "note.srb.cluster.found": "note.srb.cluster.alone",
    "note.srb.bases.differ": "note.srb.bases.alone",
    "note.srb.heaping.many": "note.srb.heaping.alone",
}
"""What is said instead of a finding that the family does not bear out."""
VERDICTS = ("high", "low", "above", "below", "inside", "alone")
BANDS = {"srb": "srb_band", "srb_pooled": "srb_pooled_band"}


def together(found: pd.DataFrame, *, period: str, county: str, alpha: float = 0.05) -> pd.DataFrame:
    """Return the rows with their findings judged in one family, a row `<head>_adjusted` a test, and `srb_tests`.

    `found`: rows of all analyses of a report; those not in TESTED stay as they are, adjusted rows of single
    analyses are replaced. p of an adjusted row: Holm's; its note holds Benjamini and Hochberg's, and so does `srb_bh`
    for `srb`. `srb_tests` (county): count = tests; the note says how many are below `alpha` after either. The answer
    does not depend on the order of rows, and judging twice changes nothing.
    """
    rows = found[~_heads(found).isin([*MEASURES, "srb_bh", "srb_tests"])].reset_index(drop=True)
    tests = rows[_heads(rows).isin(TESTED) & rows["p"].notna()]
    if tests.duplicated(["place", "period", "measure"]).any():
        raise FpError("several tests of one measure of a place and period: pick one basis first")
    tests = tests.assign(holm=stats.adjust(tests["p"], "holm"), bh=stats.adjust(tests["p"], "bh"))
    judged = tests.assign(note=_notes(tests, alpha)).reindex(columns=list(results.COLUMNS))
    rows = pd.concat([rows.drop(index=tests.index), judged]).sort_index()
    return results.combine([rows, _adjusted(tests), _count(tests, period, county, alpha)])


def _heads(rows: pd.DataFrame) -> pd.Series:
    return rows["measure"].str.replace("/.*", "", regex=True)


def _notes(tests: pd.DataFrame, alpha: float) -> list[str]:
    """Return the remark of every test, with the verdict that the family bears out."""
    adjusted = tests.set_index(["place", "period", "measure"])[["p", "holm"]]
    return [_note(row, adjusted, alpha, len(tests)) for row in tests.to_dict("records")]


def _note(row: dict[str, Any], adjusted: pd.DataFrame, alpha: float, tests: int) -> str:
    if not row["note"]:
        return ""
    key, said = results.read_note(row["note"])
    head, slash, part = row["measure"].partition("/")
    if head not in BANDS:
        said = {name: value for name, value in said.items() if name != "places"}
        return row["note"] if key not in ALONE or row["holm"] < alpha else results.note(ALONE[key], tests=tests, **said)
    if key.removeprefix("note.srb.") in VERDICTS:
        band = _band(row, BANDS[head] + slash + part, adjusted)
        numbers = {
            "p_band": band["p"],
            "p_band_adjusted": band["holm"],
            "p_adjusted": row["holm"],
            "ratio": row["value"],
        }
        key = f"note.srb.{finding({**said, **row, **numbers}, (said['low'], said['high']), alpha)}"
    return results.note(key, **{**said, "tests": tests} if "tests" in said else said)


def _band(row: dict[str, Any], measure: str, adjusted: pd.DataFrame) -> pd.Series:
    at = (row["place"], row["period"], measure)
    if at not in adjusted.index:
        raise FpError(f"{row['measure']} of {row['place']} stands without {measure}, expected both: pass all rows on")
    return adjusted.loc[at]


def _adjusted(tests: pd.DataFrame) -> pd.DataFrame:
    """Return a row a test with p adjusted by Holm, and those of `srb` once more after Benjamini and Hochberg."""
    head = _heads(tests)
    notes = [results.note("note.srb.together", tests=len(tests), bh=float(bh)) for bh in tests["bh"]]
    plain = tests.assign(lower=float("nan"), upper=float("nan"), method="holm", note=notes)
    part = tests["measure"].str.replace("^[^/]*", "", regex=True)
    holm = plain.assign(measure=head + "_adjusted" + part, p=tests["holm"])
    bh = plain.assign(measure="srb_bh" + part, p=tests["bh"], method="bh")[head == "srb"]
    return results.rows(pd.concat([holm, bh]).reindex(columns=list(results.COLUMNS)))


def _count(tests: pd.DataFrame, period: str, county: str, alpha: float) -> pd.DataFrame:
    below = {name: int((tests[name] < alpha).sum()) for name in ("holm", "bh")}
    said = results.note("note.srb.family", tests=len(tests), alpha=alpha, **below)
    return results.rows([{"place": county, "period": period, "measure": "srb_tests", "count": len(tests),
                          "method": "holm", "note": said}])  # fmt: skip

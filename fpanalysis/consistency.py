"""Are the printed numbers possible at all? A check of published sex ratios before anything is said about them.

*GRIM* (Brown and Heathers, Social Psychological and Personality Science 8 (2017) 363): a ratio printed to two
decimals and the births printed beside it must go with some whole number of boys. A communique printed 6,312 births and
"110.77"; 3,317 boys give 110.75, 3,318 give 110.82, and nothing lies between.

*Heaping*: counts that are made rather than counted end too often in 0 or 5. How often they do so by chance is worked
out for each count from the Poisson distribution about the mean of the township's other months (no count is chosen by
its own size: among those above 20 alone, 0 and 5 would come up a quarter of the time).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.stats import poisson

from . import results, stats
from .errors import FpError

__all__ = ["grim", "heaping", "possible_boys"]

LEAST = 10
"""Means below this say nothing by their last digit: 0 and 5 are too seldom near them."""
EVEN = 1e-9


def possible_boys(births: int, printed: str) -> tuple[list[int], int]:
    """Return every number of boys that gives the ratio as printed, and the one that comes nearest.

    `printed`: the ratio as it stands, "110.77"; its decimals say how exactly. Both ways of rounding a half count.

        >>> possible_boys(6312, "110.77")
        ([], 3317)
    """
    if births != int(births) or births <= 0:
        raise FpError(f"births of a printed ratio are {births}, expected a whole number above 0")
    text = str(printed).strip()
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise FpError(f"printed ratio is {printed!r}, expected a number as text, such as '110.77'")
    decimals = len(text.partition(".")[2])
    value, half = float(text), 0.5 * 10.0**-decimals * (1 + EVEN)
    middle = births * value / (100 + value)
    reach = births * half * 100 / (100 + max(value - half, 0.0)) ** 2 + 2
    tried = np.arange(max(0, int(middle - reach)), min(births, int(middle + reach) + 1) + 1, dtype="float64")
    with np.errstate(divide="ignore"):
        ratio = 100 * tried / (births - tried)
    away = np.abs(ratio - value)
    return [int(k) for k in tried[away <= half]], int(tried[np.argmin(away)])


def grim(printed: Iterable[tuple[str, int, str]], *, period: str, county: str) -> pd.DataFrame:
    """Return a row `srb_printed/<number>` for each published ratio: (source, births, ratio as printed).

    count = the number of boys that fits (or comes nearest), total = births, value = the ratio it gives; the note says
    whether the printed ratio is possible, and from what source it is.
    """
    rows = []
    for number, (source, births, text) in enumerate(printed, start=1):
        fitting, nearest = possible_boys(births, text)
        ratio = 100 * nearest / (births - nearest) if births > nearest else float("inf")
        key = "possible" if fitting else "impossible"
        said = results.note(f"note.srb.printed.{key}", source=source, births=births, printed=text, boys=nearest,
                            ratio=ratio if np.isfinite(ratio) else None)  # fmt: skip
        rows.append({"place": county, "period": period, "measure": f"srb_printed/{number}", "count": nearest,
                     "total": births, "value": ratio, "method": "grim", "note": said})  # fmt: skip
    return results.rows(rows)


def heaping(
    births: pd.DataFrame, *, months: pd.PeriodIndex, period: str, county: str, level: float = 0.95,
    basis: str = "occurred",
) -> pd.DataFrame:  # fmt: skip
    """Return the row `srb_heaping`: share of monthly township counts that end in 0 or 5.

    Counted are boys and girls of each township and `basis` month, where the other months have a mean of at least LEAST.
    count = such numbers, total = numbers, value = their share with interval; p one-sided, mid-p, exact against the
    chance of each number (Poisson-binomial).
    """
    mine = births[births[basis].isin(months) & births["sex"].isin(["male", "female"])]
    counts = mine.groupby(["place", "sex", basis], observed=True)["count"].sum().rename("n").reset_index()
    means = _of_the_others(counts)
    looked = (means >= LEAST).to_numpy()
    ends = counts["n"].to_numpy()[looked] % 5 == 0
    heaped, whole = float(ends.sum()), float(len(ends))
    low, high = stats.binomial_interval(heaped, whole, level)
    p = _tail(_chances(means[looked].to_numpy()), int(heaped)) if whole else np.nan
    key = "none" if not whole else "many" if p < 1 - level else "usual"
    head = {"place": county, "period": period, "measure": "srb_heaping", "count": heaped, "total": whole, "p": p}
    share = heaped / whole if whole else np.nan
    said = results.note(f"note.srb.heaping.{key}", least=LEAST)
    return results.rows([{**head, "value": share, "lower": float(low), "upper": float(high),
                          "method": f"share_midp-{100 * level:g}", "note": said}])  # fmt: skip


def _of_the_others(counts: pd.DataFrame) -> pd.Series:
    """Return the mean of the other months of the same township and sex; of a single month the count itself."""
    group = counts.groupby(["place", "sex"], observed=True)["n"]
    number, total = group.transform("size"), group.transform("sum")
    return ((total - counts["n"]) / (number - 1)).where(number > 1, counts["n"])


def _chances(means: np.ndarray) -> np.ndarray:
    """Return the chance of a last digit 0 or 5 of a Poisson count with each mean."""
    ends = np.arange(0, means.max() + 12 * np.sqrt(means.max()) + 5, 5)
    return poisson.pmf(ends, means[:, None]).sum(axis=1)


def _tail(chances: np.ndarray, seen: int) -> float:
    """Return the mid-p chance of at least `seen` successes in trials with these chances (Poisson-binomial)."""
    pmf = np.ones(1)
    for chance in chances:
        pmf = np.convolve(pmf, [1 - chance, chance])
    return float(pmf[seen + 1 :].sum() + pmf[seen] / 2)

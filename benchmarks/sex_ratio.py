"""The simulation tables of the sex-ratio methods: error rates, power, coverage, shrinkage, clusters, time.

Everything that can be is worked out exactly; the rest is simulated with a fixed seed, so that the same numbers come
out. Twenty townships of 250 births a half-year, counties of 10,000 births a year, one-sided against 107 where nothing
else is said. Run from the root of the project (`--runs 40` takes a minute, the default some twenty):

    python -m benchmarks.sex_ratio --json tables.json

`--data DIR` adds the real monthly births of Denmark, when they are there.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binom

from fpanalysis import clusters, missing_girls, monitoring, results, sex_ratio, stats, townships

SEED = 20180630
TOWNS, MONTHLY = 20, 42
YEAR = np.round(np.arange(1, 13) * 10_000 / 12)
KINDS = ("midp", "wilson", "clopper-pearson")


def share(ratio: float | np.ndarray) -> np.ndarray:
    """Return the share of boys for boys per 100 girls."""
    return stats.ratio_to_share(ratio)


NULL = float(share(107))


def coverage(runs: int) -> pd.DataFrame:
    """Return coverage of 95 % intervals by births, in per cent, and the larger of the two misses; exact."""
    rows = []
    for births in (10, 50, 250, 1_000):
        k, truths = np.arange(births + 1), share(np.arange(95.0, 135.5, 0.5))
        mass = binom.pmf(k[None, :], births, truths[:, None])
        for kind in (*KINDS, "plain"):
            low, high = _plain(k, births) if kind == "plain" else stats.binomial_interval(k, births, 0.95, kind)
            under, over = ((mass * miss).sum(axis=1).mean() for miss in (truths[:, None] < low, truths[:, None] > high))
            rows.append([births, kind, 100 * (1 - under - over), 100 * under, 100 * over])
    return pd.DataFrame(rows, columns=["births", "interval", "covers", "misses_low_truth", "misses_high_truth"])


def _plain(k: np.ndarray, births: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the interval that offices use: ratio -+ z x standard error, as shares."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = 100 * k / (births - k)
        error = 1.96 * 100 * np.sqrt(k * births / (births - k) ** 3.0)
        low, high = share(np.maximum(ratio - error, 0)), share(ratio + error)
    return np.where(k == births, 1.0, low), np.where(k == births, 1.0, high)


def practices(runs: int) -> pd.DataFrame:
    """Return for each practice of a year's monthly monitoring of townships: false flag in a null year, and its finds.

    finds: two townships at 130, each found; false: flags that were false among all, in those years.
    """
    rng = np.random.default_rng(SEED)
    months = np.arange(1, 13) * MONTHLY
    bounds, _ = monitoring.boundaries(months, monitoring.spending(months / months[-1], 0.05 / TOWNS), NULL)
    truths = np.where(np.arange(TOWNS) < 2, 130.0, 106.0)
    counts: dict[str, list[list[float]]] = {}
    for _ in range(runs):
        for odd, truth in ((False, np.full(TOWNS, 106.0)), (True, truths)):
            boys = rng.binomial(MONTHLY, share(truth)[:, None], size=(TOWNS, 12))
            for name, flags in _flags(boys, months, bounds):
                cells = counts.setdefault(name, [[], [], [], []])
                if odd:
                    cells[1].append(flags[:2].any(axis=1).mean())
                    cells[2].append(flags[2:].sum())
                    cells[3].append(flags.sum())
                else:
                    cells[0].append(flags.any())
    rows = [[name, 100 * np.mean(null), 100 * np.mean(found), 100 * sum(wrong) / max(sum(every), 1)]
            for name, (null, found, wrong, every) in counts.items()]  # fmt: skip
    return pd.DataFrame(rows, columns=["practice", "false flag in a year", "finds", "flags that are false"])


def _flags(boys: np.ndarray, months: np.ndarray, bounds: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the flags (township, month) that each practice raises."""
    total = boys.cumsum(axis=1)
    yield "ratio of the month over 107", boys / MONTHLY > NULL
    yield "exact test each month", stats.binomial_p(boys, MONTHLY, NULL, "greater", "exact") < 0.05
    p = stats.binomial_p(total, months, NULL, "greater", "midp")
    yield "BH each month, year so far", np.column_stack([stats.adjust(column, "bh") < 0.05 for column in p.T])
    log = np.vectorize(lambda k, n: monitoring.log_e(k, n, NULL, planned=500.0))(total, months)
    yield "e-process, e-BH", np.column_stack([stats.adjust_e(np.exp(column)) <= 0.05 for column in log.T])
    yield "alpha spending, 0.05/20", total >= bounds
    last = stats.adjust(stats.binomial_p(total[:, -1], months[-1], NULL, "greater", "exact"), "bh") < 0.05
    yield "year-end, exact and BH", np.column_stack([np.zeros((TOWNS, 11), dtype=bool), last])


def county(runs: int) -> pd.DataFrame:
    """Return alarms of a county's year by rule and true ratio, in per cent: in the year, and by June."""
    rng = np.random.default_rng(SEED)
    allowed = monitoring.spending(YEAR / YEAR[-1], 0.05)
    bounds, _ = monitoring.boundaries(YEAR, allowed, NULL)
    rows = []
    for truth in (107, 112, 115, 116, 120):
        chance = 100 * monitoring.alarm_chance(YEAR, bounds, float(share(truth)))
        once = 100 * float(stats.power(YEAR[-1], share(truth), NULL, 0.05, "greater", "exact"))
        walks = np.cumsum(rng.binomial(np.diff(YEAR, prepend=0).astype(int), share(truth), size=(runs, 12)), axis=1)
        again = stats.binomial_p(walks, YEAR, NULL, "greater", "exact") < 0.05
        e = np.vectorize(lambda k, n: monitoring.log_e(k, n, NULL, planned=10_000.0))(walks, YEAR) >= np.log(20)
        rows += [
            [truth, "alpha spending (exact)", chance[-1], chance[5]],
            [truth, "once at year-end (exact)", once, 0.0],
            [truth, "e-process", 100 * e.any(axis=1).mean(), 100 * e[:, :6].any(axis=1).mean()],
            [truth, "repeated exact tests", 100 * again.any(axis=1).mean(), 100 * again[:, :6].any(axis=1).mean()],
        ]
    return pd.DataFrame(rows, columns=["truth", "rule", "in the year", "by June"])


def under_plan(runs: int) -> pd.DataFrame:
    """Return the size of monitoring at 5 %, in per cent, when births are not as planned; exact."""
    rows = []
    for factor in (0.6, 0.8, 0.9, 1.0, 1.1, 1.25):
        births = np.round(YEAR * factor)
        information = np.append(np.minimum(births[:-1] / 10_000, monitoring.LAST_BUT_ONE), 1.0)
        for name, at in (("spend what is left", information), ("leave it", births / 10_000)):
            _, spent = monitoring.boundaries(births, monitoring.spending(at, 0.05), NULL)
            rows.append([100 * factor, name, 100 * spent[-1]])
    return pd.DataFrame(rows, columns=["births, % of plan", "last look", "size"])


def looking(runs: int) -> pd.DataFrame:
    """Return what twelve looks cost against one at year-end, in points of power, over years of about 10,000; exact."""
    rows = []
    for name, alpha in itertools.product(monitoring.SPENDING, (0.05, 0.0125)):
        lost, june = [], []
        for total in range(9_800, 10_201, 40):
            births = np.round(np.arange(1, 13) * total / 12)
            bounds, _ = monitoring.boundaries(births, monitoring.spending(births / total, alpha, name), NULL)
            once = float(stats.power(total, share(112), NULL, alpha, "greater", "exact"))
            lost.append(100 * (once - monitoring.alarm_chance(births, bounds, float(share(112)))[-1]))
            june.append(100 * monitoring.alarm_chance(births, bounds, float(share(115)))[5])
        rows.append([name, 100 * alpha, np.mean(lost), np.max(lost), np.mean(june)])
    return pd.DataFrame(rows, columns=["spending", "alpha, %", "cost at 112", "at most", "finds 115 by June"])


def streams(runs: int) -> pd.DataFrame:
    """Return how often each stream of a county finds its skew in a year at alpha/4, and any of them, in per cent."""
    rng, parts = np.random.default_rng(SEED), (0.40, 0.52, 0.08)
    births = [np.round(YEAR * part) for part in parts]
    births.append(sum(births))
    bounds = [monitoring.boundaries(n, monitoring.spending(n / n[-1], 0.0125), NULL)[0] for n in births]
    rows = []
    for truths in ((107, 107, 107), (106, 106, 160), (106, 115, 130), (106, 110, 120)):
        walks = [np.cumsum(rng.binomial(np.diff(n, prepend=0).astype(int), share(t), size=(runs, 12)), axis=1)
                 for n, t in zip(births, truths, strict=False)]  # fmt: skip
        walks.append(sum(walks))
        found = [(walk >= bound).any(axis=1) for walk, bound in zip(walks, bounds, strict=True)]
        rows.append(
            ["/".join(map(str, truths)), *(100 * one.mean() for one in found), 100 * np.any(found, axis=0).mean()]
        )
    return pd.DataFrame(rows, columns=["truth by order", "first", "second", "third", "total", "any of the four"])


def power(runs: int) -> pd.DataFrame:
    """Return power of the one-sided mid-p test at 5 % against 106, exact and simulated, and the ratio found (80 %)."""
    rng, rows, drawn = np.random.default_rng(SEED), [], max(50 * runs, 1_000)
    for births in (50, 250, 1_000, 5_000, 10_000, 20_000):
        found = stats.share_to_ratio([float(stats.detectable(births, share(ratio))) for ratio in (106, 107)])
        for truth in (110, 115, 120, 130):
            exact = 100 * float(stats.power(births, share(truth), share(106), 0.05, "greater"))
            p = stats.binomial_p(rng.binomial(births, share(truth), drawn), births, share(106), "greater")
            rows.append([births, truth, exact, 100 * (p < 0.05).mean(), *found])
    return pd.DataFrame(rows, columns=["births", "truth", "exact", "simulated", "found against 106", "against 107"])


def shrinkage(runs: int) -> pd.DataFrame:
    """Return root mean square errors and coverage of shrunken township ratios in six kinds of county."""
    rows, rng = [], np.random.default_rng(SEED)
    for name, draw in TRUTHS.items():
        errors, covered = [], []
        for _ in range(max(runs // 10, 2)):
            truth = draw(rng)
            births = rng.permutation(np.round(np.linspace(100, 400, TOWNS)))
            boys = rng.binomial(births.astype(int), share(truth))
            given = [{"place": f"t{i:02}", "period": "x", "measure": "srb", "count": b, "total": n}
                     for i, (b, n) in enumerate(zip(boys, births, strict=True))]  # fmt: skip
            found = townships.shrunken(results.rows(given), period="x", county="county")
            found = results.pick(found, measure="srb_shrunken")
            errors.append(
                [((100 * boys / (births - boys) - truth) ** 2).mean(), ((found["value"] - truth) ** 2).mean()]
            )
            covered.append(((found["lower"] <= truth) & (truth <= found["upper"])).mean())
        raw, shrunk = np.sqrt(np.mean(errors, axis=0))
        rows.append([name, raw, shrunk, shrunk / raw, 100 * np.mean(covered)])
    return pd.DataFrame(rows, columns=["townships", "raw error", "shrunken error", "share", "coverage of 95 %"])


TRUTHS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "all 106": lambda rng: np.full(TOWNS, 106.0),
    "sd 2": lambda rng: rng.normal(106, 2, TOWNS),
    "sd 5": lambda rng: rng.normal(106, 5, TOWNS),
    "sd 10": lambda rng: rng.normal(106, 10, TOWNS),
    "two at 130": lambda rng: np.where(np.arange(TOWNS) < 2, 130.0, 106.0),
    "four at 120": lambda rng: np.where(np.arange(TOWNS) < 4, 120.0, 106.0),
}


def scan(runs: int) -> pd.DataFrame:
    """Return how often a cluster is found, in per cent: four neighbours at 120 among 20 townships on a 4 x 5 grid."""
    rng, rows = np.random.default_rng(SEED), []
    places = [f"t{i:02}" for i in range(TOWNS)]
    near = {places[i]: [places[j] for j in (i + 1, i + 5) if j < TOWNS and (j != i + 1 or j % 5)] for i in range(TOWNS)}
    inside = np.isin(np.arange(TOWNS), (6, 7, 11, 12))
    for years in (1, 3):
        for high in (106.0, 120.0):
            found, at_end = [], []
            for _ in range(max(runs // 5, 2)):
                births = np.full(TOWNS, 500 * years)
                boys = rng.binomial(births, share(np.where(inside, high, 106.0)))
                given = [{"place": p, "period": "x", "measure": "srb", "count": b, "total": n}
                         for p, b, n in zip(places, boys, births, strict=True)]  # fmt: skip
                best = clusters.scan(results.rows(given), period="x", county="c", neighbours=near, rng=rng, draws=199)
                found.append(best["p"].iloc[0] < 0.05)
                p = stats.binomial_p(boys, births, NULL, "greater")
                at_end.append((stats.adjust(p, "bh")[inside] < 0.05).any())
            rows.append([years, high, 100 * np.mean(found), 100 * np.mean(at_end)])
    return pd.DataFrame(rows, columns=["years", "four at", "scan finds something", "year-end BH finds one"])


def report(runs: int) -> pd.DataFrame:
    """Return how often a half-year report of a county without selection says anything but silence, in per cent."""
    rng, rows = np.random.default_rng(SEED), []
    for truth in (106.3, 106.0, 107.0):
        kinds: dict[str, list[bool]] = {"unlike the reference": [], "high or low": [], "either, as one family": []}
        total = rng.multinomial(250, (0.40, 0.52, 0.08), size=(runs, TOWNS))
        boys = rng.binomial(total, share(truth))
        for b, n in zip(boys, total, strict=True):
            counts, births = (np.concatenate([[x.sum()], x.sum(axis=0), x.sum(axis=1)]) for x in (b, n))
            measured = sex_ratio.ratios(counts, births - counts)
            kinds["unlike the reference"].append(bool((stats.adjust(measured["p"]) < 0.05).any()))
            kinds["high or low"].append(bool((stats.adjust(measured["p_band"]) < 0.05).any()))
            both = stats.adjust(np.concatenate([measured["p"], measured["p_band"]]))
            kinds["either, as one family"].append(bool((both < 0.05).any()))
        rows += [[truth, kind, 100 * np.mean(said)] for kind, said in kinds.items()]
    return pd.DataFrame(rows, columns=["truth", "says somewhere", "reports"])


def missing(runs: int) -> pd.DataFrame:
    """Return coverage of the interval of missing girls, in per cent, with a fixed and with an uncertain reference."""
    rng, rows = np.random.default_rng(SEED), []
    reference = 106.3 * np.exp(rng.normal(0, np.log(107.2 / 105.4) / 3.92, max(runs, 20)))
    for births in (5_000, 100_000):
        boys = rng.binomial(births, share(reference))
        for name, uncertain in (("fixed", (106.3, 106.3)), ("uncertain", missing_girls.UNCERTAIN)):
            inside, width = [], []
            for b in boys:
                given = [{"place": "c", "period": "x", "measure": "srb", "count": b, "total": births,
                          "note": results.note("note.srb.high")}]  # fmt: skip
                row = missing_girls.missing_girls(results.rows(given), period="x", county="c", uncertain=uncertain)
                inside.append(row["lower"].iloc[0] <= 0 <= row["upper"].iloc[0])
                width.append((row["upper"] - row["lower"]).iloc[0] / 2)
            rows.append([births, name, 100 * np.mean(inside), np.mean(width)])
    return pd.DataFrame(rows, columns=["births", "reference", "coverage", "half width"])


def seconds(runs: int) -> pd.DataFrame:
    """Return CPU seconds: 134,400 exact p, 100,000 whole rows, one year of monitoring, 20 townships shrunken."""
    rng = np.random.default_rng(SEED)
    births = rng.integers(100, 20_000, 134_400)
    boys = rng.binomial(births, 0.515)
    jobs = {
        "134,400 exact p": lambda: stats.binomial_p(boys, births, 0.5153),
        "134,400 one-sided p": lambda: stats.binomial_p(boys, births, 0.5153, "greater", "exact"),
        "100,000 ratios with intervals": lambda: sex_ratio.ratios(boys[:100_000], (births - boys)[:100_000]),
        "a year of looks": lambda: monitoring.boundaries(YEAR, monitoring.spending(YEAR / YEAR[-1], 0.05), NULL),
    }
    rows = []
    for name, job in jobs.items():
        start = time.process_time()
        job()
        rows.append([name, time.process_time() - start])
    return pd.DataFrame(rows, columns=["job", "CPU seconds"])


def denmark(folder: Path) -> pd.DataFrame:
    """Return chi-square / df of Denmark's months around their own mean, and how many leave 103-107 or have p < .05."""
    frame = pd.read_csv(folder / "srb_denmark_monthly.csv").dropna(subset=["boys", "girls"])
    boys, births = frame["boys"].to_numpy(float), (frame["boys"] + frame["girls"]).to_numpy(float)
    mean = boys.sum() / births.sum()
    chi = ((boys - births * mean) ** 2 / (births * mean * (1 - mean))).sum() / (len(boys) - 1)
    ratio = 100 * boys / (births - boys)
    p = stats.binomial_p(boys, births, mean)
    row = [len(boys), chi, 100 * ((ratio < 103) | (ratio > 107)).mean(), 100 * (p < 0.05).mean()]
    return pd.DataFrame([row], columns=["months", "chi2/df", "% outside 103-107", "% with p < .05"])


TABLES: dict[str, Callable[[int], pd.DataFrame]] = {
    "coverage": coverage,
    "practices": practices,
    "county": county,
    "under_plan": under_plan,
    "looking": looking,
    "streams": streams,
    "power": power,
    "report": report,
    "shrinkage": shrinkage,
    "scan": scan,
    "missing": missing,
    "seconds": seconds,
}


def main(arguments: list[str] | None = None) -> None:
    """Print the tables asked for, and write them as JSON."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("tables", nargs="*", help=f"some of {', '.join(TABLES)} (default: all)")
    words.add_argument("--runs", type=int, default=4_000, help="simulated years (default: 4000)")
    words.add_argument("--json", type=Path, help="write the tables to this file too")
    words.add_argument("--data", type=Path, help="folder with srb_denmark_monthly.csv")
    given = words.parse_args(arguments)
    unknown = [name for name in given.tables if name not in TABLES]
    if unknown or given.runs < 1:
        words.error(f"no table {unknown[0]!r}; tables: {', '.join(TABLES)}" if unknown else "--runs must be 1 or more")
    made = {}
    for name in given.tables or TABLES:
        made[name] = TABLES[name](given.runs)
        print(f"\n{TABLES[name].__doc__.splitlines()[0]}\n{made[name].round(2).to_string(index=False)}", flush=True)
    if given.data:
        made["denmark"] = denmark(given.data)
        print(f"\n{made['denmark'].round(2).to_string(index=False)}")
    if given.json:
        tables = {name: table.to_dict("records") for name, table in made.items()}
        given.json.write_text(json.dumps(tables, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()

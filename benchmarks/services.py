"""The simulation tables of the services methods: coverage of plan forecasts, claims under the null, ranks and funnels.

Seeded, so that the same numbers come out. `--data`: real monthly series (CSV files with series, region, month, births)
stand for the work of a year in a back-test of the plan's forecasts. Run from the root of the project:

    python -m benchmarks.services --json tables.json [--data DIR]
"""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from fpanalysis import comparisons, funnels, indicators, plan_path, results

from .learn_births_prior import read

SEED = 20180630
FACTORS = (1.0, 1.1, 1.2)
"""What a count is multiplied by: no change, and changes that may be seen."""


def _year(rng: np.random.Generator, usual: np.ndarray, spread: float, volume: float) -> np.ndarray:
    """Return a year of monthly counts: shares around the usual ones with a spread of their own, Poisson counts.

    `spread`: standard deviation of the share done by mid-year.
    """
    concentration = 0.25 / spread**2 - 1 if spread else np.inf
    shares = rng.dirichlet(usual * concentration) if spread else usual
    level = volume * rng.gamma(25, 1 / 25)
    return rng.poisson(level * shares)


def plan_forecasts(runs: int) -> pd.DataFrame:
    """Return how often the 90 % interval held what the year came to, by years of history and month; in per cent."""
    rng = np.random.default_rng(SEED)
    rows = []
    for years in (0, 1, 2, 3, 5):
        for now in (2, 6, 9):
            for spread in (0.0, 0.02, 0.05, 0.1):
                for volume in (50, 500, 5_000):
                    held = [_held(rng, years, now, spread, volume) for _ in range(runs)]
                    rows.append([years, now, spread, volume, 100 * np.mean([h[0] for h in held]),
                                 np.median([h[1] for h in held])])  # fmt: skip
    return pd.DataFrame(rows, columns=["years", "month", "spread", "volume", "covers", "width"])


def _held(rng: np.random.Generator, years: int, now: int, spread: float, volume: float) -> tuple[bool, float]:
    usual = rng.dirichlet(np.full(12, 4.0))
    return _foretold(rng, np.array([_year(rng, usual, spread, volume) for _ in range(years + 1)]), now, volume)


def _foretold(rng: np.random.Generator, counts: np.ndarray, now: int, volume: float) -> tuple[bool, float]:
    """Return whether the interval held what the last year (row) came to, and its width as a share of the volume."""
    years = len(counts) - 1
    months = pd.period_range(f"{2018 - years}-01", periods=12 * (years + 1), freq="M")
    seen = counts.ravel()[: 12 * years + now]
    frame = pd.DataFrame({"measure": "checkups/x", "month": months[: len(seen)], "count": seen})
    plan = pd.DataFrame({"period": ["2018"], "measure": ["checkups/x"], "target": [float(volume)]})
    found = plan_path.paths(frame, plan, period="2018", county="c", last=months[len(seen) - 1], rng=rng)
    row = found[found["measure"] == "plan_forecast/checkups/x"].iloc[0]
    came = counts[-1].sum()
    return bool(row["lower"] <= came <= row["upper"]), float((row["upper"] - row["lower"]) / volume)


def plan_real(frame: pd.DataFrame, runs: int) -> pd.DataFrame:
    """Return the same for real series, `runs` years of each: every month's count stands for work done in it.

    Regions and years are drawn at random; ours is told only what was known by the month.
    """
    rng = np.random.default_rng(SEED)
    by_year = {key: _whole_years(group) for key, group in frame.groupby(["series", "region"])}
    long = {key: table for key, table in by_year.items() if len(table) >= 6}
    rows = []
    for (series, _), table in long.items():
        for _ in range(runs):
            end = int(rng.integers(5, len(table)))
            for years in (0, 1, 2, 3, 5):
                for now in (2, 6, 9):
                    counts = table[end - years : end + 1]
                    rows.append([series, years, now, *_foretold(rng, counts, now, counts[-1].sum())])
    found = pd.DataFrame(rows, columns=["series", "years", "month", "covers", "width"])
    told = found.groupby(["years", "month"]).agg(
        cases=("covers", "size"), covers=("covers", "mean"), width=("width", "median")
    )
    return told.assign(covers=100 * told["covers"]).reset_index()


def _whole_years(group: pd.DataFrame) -> np.ndarray:
    """Return the counts of a region, one row a year that is known whole and has any."""
    table = group.pivot_table(index=group["month"].dt.year, columns=group["month"].dt.month, values="births")
    return table.dropna().pipe(lambda t: t[t.sum(axis=1) > 0]).to_numpy()


def claims(runs: int) -> pd.DataFrame:
    """Return how often a rise or fall is claimed, in per cent of comparisons: under the null and where there is one.

    `scatter`: variance of the counts over their mean, which `years` of past months let the method see; `factor` 1 is
    the null. `plain`: the same with the scatter left out of account.
    """
    rng = np.random.default_rng(SEED)
    rows = []
    for mean, scatter, years, factor in product((5, 50, 500, 5_000), (1.0, 3.0), (1, 2, 5), FACTORS):
        told = np.array([_claimed(rng, mean, scatter, years, factor) for _ in range(25 * runs)])
        rows.append([f"counts of {mean}", scatter, years, factor, *(100 * told.mean(axis=0))])
    for cases in (20, 200, 2_000):
        for truth in (0.5, 0.9, 0.98):
            told = np.array([_claimed_share(rng, cases, truth) for _ in range(25 * runs)])
            rows.append([f"shares of {cases} at {truth}", 1.0, 1, 1.0, 100 * told.mean(), 100 * told.mean()])
    return pd.DataFrame(rows, columns=["figure", "scatter", "years", "factor", "claims", "plain"])


def _counts(rng: np.random.Generator, mean: float | np.ndarray, scatter: float, size: int) -> np.ndarray:
    if scatter == 1:
        return rng.poisson(mean, size)
    return rng.negative_binomial(mean / (scatter - 1), 1 / scatter, size)


def _claimed(rng: np.random.Generator, mean: float, scatter: float, years: int, factor: float) -> tuple[bool, bool]:
    """Return whether a change on the same half a year ago is claimed: with `years` of past months, and as Poisson."""
    months = pd.period_range(end="2017-12", periods=12 * years, freq="M")
    past = pd.DataFrame({"measure": "m", "month": months, "count": _counts(rng, mean / 6, scatter, len(months))})
    seen = comparisons.scatter(past, before=pd.Period("2018-01", "M"))["m"]
    then = past["count"].iloc[-12:-6].sum()
    now = _counts(rng, factor * mean / 6, scatter, 6).sum()
    return _said(now, then, seen), _said(now, then, comparisons.POISSON)


def _said(now: float, then: float, scatter: comparisons.Scatter) -> bool:
    rows = [{"place": "c", "period": period, "measure": "activity/inspection", "count": n}
            for period, n in (("2018H1", now), ("2017H1", then))]  # fmt: skip
    found = comparisons.changes(
        results.rows(rows), period="2018H1", county="c", scatter={"activity/inspection": scatter}
    )
    return _is_claim(found)


def _claimed_share(rng: np.random.Generator, cases: int, truth: float) -> bool:
    about = {"place": "c", "measure": "registered_on_time", "total": cases}
    rows = [{**about, "period": period, "count": n, "value": n / cases}
            for period, n in zip(("2018H1", "2017H1"), rng.binomial(cases, truth, 2), strict=True)]  # fmt: skip
    return _is_claim(comparisons.changes(results.rows(rows), period="2018H1", county="c"))


def seasons(runs: int) -> pd.DataFrame:
    """Return how often a half-year is called a rise or fall on the one before, in per cent: under the null and not.

    The first half usually has five sixths of the second; `years`: earlier ones that are known, which are held against.
    """
    cases = {"years": (1, 2, 5), "scatter": (1.0, 3.0), "factor": FACTORS}
    return _said_so(_claimed_beyond, "claims", cases, 25 * runs)


def _said_so(drawn: Callable[..., bool], name: str, cases: Mapping[str, Sequence[float]], runs: int) -> pd.DataFrame:
    """Return for each combination of the cases how often something is said of what is drawn, in per cent."""
    rng = np.random.default_rng(SEED)
    rows = [[*case, 100 * np.mean([drawn(rng, *case) for _ in range(runs)])] for case in product(*cases.values())]
    return pd.DataFrame(rows, columns=[*cases, name])


def _claimed_beyond(rng: np.random.Generator, years: int, scatter: float, factor: float) -> bool:
    """Return whether a change of the last six months is claimed, of `years` and one more from July to June."""
    months = pd.period_range(pd.Period("2017-07", "M") - 12 * years, periods=12 * (years + 1), freq="M")
    mean = np.where(months.month <= 6, 100.0, 120.0) * np.where(months >= pd.Period("2018-01", "M"), factor, 1.0)
    about = "checkups/preconception"
    monthly = pd.DataFrame({"measure": about, "month": months, "count": _counts(rng, mean, scatter, len(months))})
    halves = monthly.groupby([months.year, np.where(months.month <= 6, 1, 2)])["count"].sum()
    found = results.rows([{"place": "c", "period": f"{year}H{half}", "measure": about, "count": n}
                          for (year, half), n in halves.items()])  # fmt: skip
    seen = comparisons.scatter(monthly, before=pd.Period("2018-01", "M"))
    said = comparisons.changes(found, period="2018H1", county="c", scatter=seen)
    return _is_claim(results.pick(said, measure=f"change/previous/{about}"))


def _is_claim(found: pd.DataFrame) -> bool:
    return results.read_note(found["note"].iloc[0])[0] in ("note.change.rise", "note.change.fall", "note.change.first")


def mixes(runs: int) -> pd.DataFrame:
    """Return how often a mix of registrations is called unusual, in per cent, by years of history and true spread.

    `ratio`: second-child registrations for each first-child one now, against 1.2 before.
    """
    cases = {"halves": (1, 2, 4, 8), "spread": (0.0, 0.02, 0.05), "ratio": (1.2, 3.0)}
    return _said_so(_unusual, "unusual", cases, 4 * runs)


def _unusual(rng: np.random.Generator, halves: int, spread: float, ratio: float) -> bool:
    months = pd.period_range(pd.Period("2018-01", "M") - 6 * halves, periods=6 * (halves + 1), freq="M")
    rows = []
    for n, month in enumerate(months[::6]):
        usual = (ratio if n == halves else 1.2) / (1 + (ratio if n == halves else 1.2))
        share = rng.beta(*(c * (usual * (1 - usual) / spread**2 - 1) for c in (usual, 1 - usual))) if spread else usual
        second = rng.binomial(6_000, share)
        rows += [("a", month, "first", 6_000 - second), ("a", month, "second", second)]
    frame = pd.DataFrame(rows, columns=["place", "month", "service", "count"]).assign(on_time=np.nan)
    found = indicators.registrations(frame, months=months[-6:], period="2018H1", county="c")
    return bool((results.pick(found, measure="registered_mix", period="2018H1")["note"] != "").any())


def ranks(runs: int) -> pd.DataFrame:
    """Return how often the 95 % interval of ranks holds the true rank (with equal counties: every rank they share).

    `pairwise`: ours; `simulated`: quantiles of ranks of draws from each county's own posterior, as usually done.
    """
    rng = np.random.default_rng(SEED)
    rows = []
    for spread in (0.0, 0.005, 0.02, 0.05):
        held, widths = [], []
        for _ in range(10 * runs):
            truth = np.clip(0.9 + spread * rng.normal(size=10), 0.01, 0.99)
            count = rng.binomial(1_500, truth)
            ahead = 1 + (truth[None, :] > truth[:, None]).sum(axis=1)
            last = 10 - (truth[None, :] < truth[:, None]).sum(axis=1)
            _, low, high = funnels.rank_intervals(count / 1_500, np.full(10, 1_500.0), rated=False)
            drawn = rng.beta(count + 0.5, 1_500.5 - count, size=(400, 10))
            placed = 10 - drawn.argsort(axis=1).argsort(axis=1)
            ends = np.quantile(placed, [0.025, 0.975], axis=0)
            held.append([((low <= ahead) & (last <= high)).mean(), ((ends[0] <= ahead) & (last <= ends[1])).mean()])
            widths.append([(high - low).mean(), (ends[1] - ends[0]).mean()])
        rows.append([spread, *(100 * np.mean(held, axis=0)), *np.mean(widths, axis=0)])
    return pd.DataFrame(rows, columns=["spread", "pairwise", "simulated", "pairwise_width", "simulated_width"])


def funnel_alarms(runs: int) -> pd.DataFrame:
    """Return how often an ordinary county lies outside the funnel's limits, in per cent, by peers and true spread.

    `false`: outside those of 95 %, `far`: of 99.8 %; `worse`: how often a county 6 points worse than its peers is
    outside those of 95 %.
    """
    rng = np.random.default_rng(SEED)
    rows = []
    for number, spread, how in product((4, 9, 20), (0.0, 0.01, 0.03), funnels.OVERDISPERSION):
        p = np.array([[_p(rng, number, spread, gap, how) for gap in (0.0, 0.06)] for _ in range(25 * runs)])
        told = [(p[:, 0] < 0.05).mean(), (p[:, 0] < 0.002).mean(), (p[:, 1] < 0.05).mean()]
        rows.append([number, spread, how, *(100 * np.array(told))])
    return pd.DataFrame(rows, columns=["peers", "spread", "overdispersion", "false", "far", "worse"])


def _p(rng: np.random.Generator, number: int, spread: float, gap: float, how: str) -> float:
    sizes = rng.integers(1_200, 4_000, number + 1)
    truth = np.clip(0.9 + spread * rng.normal(size=number + 1) - np.r_[gap, np.zeros(number)], 0.01, 0.99)
    counts = rng.binomial(sizes, truth)
    peers = pd.DataFrame({"county": [f"c{i}" for i in range(number)], "county_en": "", "period": "2018H1",
                          "measure": "registered_on_time", "count": counts[1:], "total": sizes[1:]})  # fmt: skip
    own = results.rows([{"place": "c", "period": "2018H1", "measure": "registered_on_time", "count": counts[0],
                         "total": sizes[0], "value": counts[0] / sizes[0]}])  # fmt: skip
    found = funnels.standing(peers, own, period="2018H1", before="2017H1", county="c", how=how)
    return float(results.pick(found, measure="peer_standing/registered_on_time")["p"].iloc[0])


TABLES: dict[str, Callable[[int], pd.DataFrame]] = {
    "plan_forecasts": plan_forecasts,
    "claims": claims,
    "seasons": seasons,
    "mixes": mixes,
    "ranks": ranks,
    "funnel_alarms": funnel_alarms,
}
"""Every table by name: (runs) -> frame."""


def main() -> None:
    """Print every table, and write them as JSON when asked."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--runs", type=int, default=20)
    asked.add_argument("--tables", nargs="*", default=list(TABLES))
    asked.add_argument("--json", type=Path)
    asked.add_argument("--data", type=Path, help="folder of real series: the table plan_real")
    given = asked.parse_args()
    wanted = {name: functools.partial(TABLES[name], given.runs) for name in given.tables}
    if given.data:
        wanted["plan_real"] = lambda: plan_real(read([given.data]), max(1, given.runs // 20))
    made = {}
    for name, make in wanted.items():
        made[name] = make()
        print(f"\n{name}\n{made[name].round(2).to_string(index=False)}", flush=True)
        if name.startswith("plan_"):
            print(made[name].groupby("years")["covers"].mean().round(1).to_string(), flush=True)
    if given.json:
        given.json.write_text(json.dumps({name: table.to_dict("records") for name, table in made.items()}), "utf-8")


if __name__ == "__main__":
    main()

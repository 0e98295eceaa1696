"""Forecast of the package against seasonal naive on real monthly births: accuracy, coverage and CPU time.

Rolling origin, 12 months ahead, histories of 36, 60 and 120 months; for each panel a fixed draw of series, and of each
series up to `--origins` origins spread over it. MASE: mean absolute error divided by that of seasonal naive inside
the history (Hyndman and Koehler 2006). Half-years are sums of sampled paths. One thread gives the CPU time of the
work itself (idle BLAS threads spin). Run:

    OMP_NUM_THREADS=1 python benchmarks/forecast_quick.py --data ../shared/data/real --series 12
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from fpanalysis.forecast import sample_paths

PANELS = ("jp_prefectures", "us_ca_counties", "un_countries", "us_states_mw_south")
HORIZON, SEED = 12, 20180630
BOUNDS = (0.025, 0.1, 0.5, 0.9, 0.975)


def cases(folder: Path, panel: str, series: int, origins: int) -> list[tuple[str, int, pd.Series]]:
    """Return (name, months of history, history followed by the 12 months to foretell)."""
    frame = pd.read_csv(folder / f"{panel}.csv")
    frame["month"] = pd.PeriodIndex(frame["month"], freq="M")
    rng = np.random.default_rng(SEED)
    names = sorted(frame["region"].unique())
    found = []
    for name in sorted(rng.choice(names, min(series, len(names)), replace=False)):
        births = frame[frame["region"] == name].set_index("month")["births"].sort_index().astype(float)
        for history in (36, 60, 120):
            ends = np.arange(history, len(births) - HORIZON + 1)
            for end in ends[np.linspace(0, len(ends) - 1, min(origins, len(ends))).astype(int)] if len(ends) else []:
                found.append((str(name), history, births.iloc[end - history : end + HORIZON]))
    return found


def score(history: int, births: pd.Series) -> dict[str, float]:
    """Return the scores of one case."""
    past, truth = births.iloc[:history].to_numpy(), births.iloc[history:].to_numpy()
    scale = np.abs(past[12:] - past[:-12]).mean()
    monthly = pd.DataFrame({"place": "x", "month": births.index[:history], "births": past})
    start = time.process_time()
    (path,) = sample_paths(monthly, horizon=HORIZON, rng=np.random.default_rng(SEED))
    cpu = time.process_time() - start
    draws = path.births[:, history:]
    low95, low80, middle, high80, high95 = np.quantile(draws, BOUNDS, axis=0)
    half, total = draws[:, :6].sum(axis=1), truth[:6].sum()
    sums = np.quantile(half, BOUNDS)
    return {
        "mase": np.abs(middle - truth).mean() / scale,
        "naive": np.abs(past[-12:] - truth).mean() / scale,
        "in80": ((truth >= low80) & (truth <= high80)).mean(),
        "in95": ((truth >= low95) & (truth <= high95)).mean(),
        "half80": float(sums[1] <= total <= sums[3]),
        "half95": float(sums[0] <= total <= sums[4]),
        "cpu": cpu,
    }


def main() -> None:
    """Print one line a panel and history, and their mean."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--data", type=Path, default=Path("../shared/data/real"))
    words.add_argument("--series", type=int, default=12)
    words.add_argument("--origins", type=int, default=3)
    given = words.parse_args()
    if not given.data.is_dir():
        words.error(f"no folder {given.data}: name the one with the real series (--data DIR)")
    records = [
        {"panel": panel, "history": history, **score(history, births)}
        for panel in PANELS
        for _, history, births in cases(given.data, panel, given.series, given.origins)
    ]
    table = pd.DataFrame(records)
    grouped = table.groupby(["panel", "history"])
    print(grouped.mean().assign(cases=grouped.size()).round(3).to_string())
    print("\nall cases", len(table), table.drop(columns=["panel", "history"]).mean().round(3).to_dict())


if __name__ == "__main__":
    main()

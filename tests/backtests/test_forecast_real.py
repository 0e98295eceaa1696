"""Back-test of the forecast on real monthly births: better than seasonal naive, and intervals that hold."""

import importlib
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "data" / "real"
PANELS = ("jp_prefectures", "us_ca_counties", "un_countries")

needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="needs the real births in ../shared/data/real")


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    """Mean scores of some 85 cases by method: a fixed draw of series, histories of 36, 60 and 120 months."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        births = importlib.import_module("benchmarks.births")
        learn = importlib.import_module("benchmarks.learn_births_prior")
    found = births.cases(learn.read([REAL / f"{panel}.csv" for panel in PANELS]), series=5, origins=2)
    chosen = {name: births.METHODS[name] for name in ("ours", "SeasonalNaive")}
    return births.summary(births.run(found, chosen), [])


@needs_real
def test_errors_are_clearly_below_those_of_seasonal_naive(scores):
    assert scores.loc["ours", "mase"] < 0.9 * scores.loc["SeasonalNaive", "mase"]


@needs_real
def test_intervals_cover_as_often_as_they_say(scores):
    assert 0.75 <= scores.loc["ours", "in80"] <= 0.87
    assert 0.91 <= scores.loc["ours", "in95"] <= 0.98

"""Back-test of the forecast on real monthly births: better than seasonal naive, and intervals that hold."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "data" / "real"
PANELS = ("jp_prefectures", "us_ca_counties", "un_countries")

needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="needs the real births in ../shared/data/real")


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    """Scores of some 85 cases, a fixed draw of series, histories of 36, 60 and 120 months, 12 months ahead."""
    place = importlib.util.spec_from_file_location("forecast_quick", ROOT / "benchmarks" / "forecast_quick.py")
    quick = importlib.util.module_from_spec(place)
    place.loader.exec_module(quick)
    cases = [case for panel in PANELS for case in quick.cases(REAL, panel, series=5, origins=2)]
    return pd.DataFrame([quick.score(history, births) for _, history, births in cases])


@needs_real
def test_errors_are_clearly_below_those_of_seasonal_naive(scores):
    assert scores["mase"].mean() < 0.9 * scores["naive"].mean()


@needs_real
def test_intervals_cover_as_often_as_they_say(scores):
    assert 0.75 <= scores["in80"].mean() <= 0.87
    assert 0.91 <= scores["in95"].mean() <= 0.98

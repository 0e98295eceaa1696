"""The county beside its peers: intervals, and the counties visited."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from fpanalysis import results
from fpanalysis.benchmark import STEPS, peers, visits

WHERE = {"period": "2018H1", "county": "x"}
SPAN = {"first": dt.date(2018, 1, 1), "last": dt.date(2018, 6, 30)}


def others(*records: tuple, measure: str = "registered_on_time") -> pd.DataFrame:
    """Rows of (county, count, total)."""
    frame = pd.DataFrame(records, columns=["county", "count", "total"])
    return frame.assign(county_en="", period="2018H1", measure=measure, total=frame["total"].astype("float64"))


def test_the_own_county_is_no_peer_of_its_own():
    frame = others(("X City", 999, 1000), ("X  City（本市）", 999, 1000), ("z", 90, 100))
    found = peers(frame, own(95, 100), **WHERE, own_names=["X City"])

    assert ["x", "z"] == found["place"].tolist()


def own(count: float, total: float, measure: str = "registered_on_time") -> pd.DataFrame:
    return results.rows(
        [{"place": "x", "period": "2018H1", "measure": measure, "count": count, "total": total, "value": count / total}]
    )


@pytest.mark.parametrize(
    ("measure", "method"), [("registered_on_time", "wilson_share-95"), ("plan_share/x", "rate_exact-95")]
)
def test_work_against_a_target_is_a_rate_and_a_part_of_a_total_a_share(measure, method):
    found = peers(others(("a", 5, 15), measure=measure), own(6, 10, measure), **WHERE)

    assert {method} == set(found["method"])


def test_what_exceeds_its_total_is_a_rate_in_every_county():
    found = peers(others(("a", 21, 15), ("b", 5, 10)), own(11, 20), **WHERE)

    assert {"rate_exact-95"} == set(found["method"])


def test_a_count_alone_has_an_interval():
    mine = results.rows([{"place": "x", "period": "2018H1", "measure": "registered_on_time", "count": 40}])
    found = peers(others(("a", 30, np.nan)), mine, **WHERE)

    assert [40, 30] == found["value"].tolist()
    assert [28.577, 20.241] == pytest.approx(found["lower"].tolist(), abs=5e-4)  # chi-square tables: 57.153/2, 40.482/2


def test_nothing_is_tested_twice():
    """Whether the county differs from its peers is what the funnel says, and nothing beside it."""
    found = peers(others(("a", 500, 1000), ("b", 490, 980)), own(900, 1000), **WHERE)

    assert found["p"].isna().all()
    assert (found["note"] == "").all()


def test_a_sex_ratio_is_boys_per_100_girls():
    found = peers(others(("a", 515, 1000), measure="srb"), own(520, 1000, "srb"), **WHERE)

    assert [100 * 520 / 480, 100 * 515 / 485] == pytest.approx(found["value"].tolist())
    assert {"midp-95"} == set(found["method"])


def test_peers_stand_without_an_own_figure():
    found = peers(others(("b", 5, 10), ("a", 6, 10)), results.empty(), **WHERE)

    assert ["a", "b"] == found["place"].tolist()


def test_no_peers_are_no_rows():
    assert 0 == len(peers(others(), own(5, 10), **WHERE))


table = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.integers(0, 90), st.integers(0, 90)), max_size=6, unique_by=lambda r: r[0]
)


@settings(deadline=None, max_examples=40)
@given(table, st.integers(0, 50), st.integers(1, 50), st.randoms(use_true_random=False))
def test_intervals_hold_the_value_and_the_order_of_rows_does_not_matter(rows, count, total, random):
    frame = others(*rows)
    before = frame.copy()
    found = peers(frame, own(count, total), **WHERE)
    shuffled = peers(frame.iloc[random.sample(range(len(frame)), len(frame))], own(count, total), **WHERE)
    known = found[found["value"].notna()]

    assert_frame_equal(before, frame)
    assert_frame_equal(found, shuffled)
    assert ((known["lower"] <= known["value"]) & (known["value"] <= known["upper"])).all()


# Visits


def went(*records: tuple) -> pd.DataFrame:
    frame = pd.DataFrame(records, columns=["date", "activity", "subject"])
    return frame.assign(date=pd.to_datetime(frame["date"]), count=1)


TWICE = [("2018-03-08", "benchmark_visit", "b"), ("2018-02-08", "benchmark_visit", "a"), ("2018-05-08", "benchmark_visit", "a"),
         ("2018-07-08", "benchmark_visit", "c"), ("2018-03-18", "benchmark_report", "a"), ("2018-04-01", "improvement_plan", "a")]  # fmt: skip


def step(found: pd.DataFrame, name: str) -> tuple[float, float, list[list[str]]]:
    row = results.pick(found, measure=f"benchmark_step/{name}").iloc[0]
    return row["count"], row["total"], results.read_note(row["note"])[1]["items"] if row["note"] else []


def test_a_county_visited_twice_is_one_county_and_two_visits():
    found = visits(went(*TWICE), **SPAN, **WHERE)

    assert 2 == results.value(found, measure="benchmark_counties")
    assert ["a", "b"] == results.read_note(found["note"].iloc[0])[1]["counties"]
    assert (1, 3, [["b", "2018-03-08"], ["a", "2018-05-08"]]) == step(found, "benchmark_report")
    assert (1, 1, []) == step(found, "improvement_plan")


def test_what_was_left_open_comes_back_until_it_is_done():
    later = [("2018-08-01", "benchmark_report", "b"), ("2018-09-01", "improvement_done", "a")]
    found = visits(went(*TWICE, *later), first=dt.date(2018, 7, 1), last=dt.date(2018, 12, 31), **WHERE)

    assert ["c"] == results.read_note(found["note"].iloc[0])[1]["counties"]
    assert (1, 3, [["a", "2018-05-08"], ["c", "2018-07-08"]]) == step(found, "benchmark_report")
    assert (0, 1, [["b", "2018-08-01"]]) == step(found, "improvement_plan")
    assert (1, 1, []) == step(found, "improvement_done")


def test_of_two_plans_of_one_county_the_first_is_done_first(desk):
    """The sample: ten plans, two of them for Zhaoxian, seven carried out by June."""
    done, made, left = step(visits(desk.data["activities"], **SPAN, **desk.where), "improvement_done")

    assert (7, 10) == (done, made)
    assert [["黄骅市", "2018-05-21"], ["青县", "2018-05-29"], ["赵县", "2018-06-06"]] == left


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 360), st.sampled_from(["benchmark_visit", "benchmark_report", "improvement_plan"]),
                          st.sampled_from("ab")), max_size=12))  # fmt: skip
def test_what_is_open_in_june_is_what_december_starts_from(drawn):
    day = dt.date(2018, 1, 1)
    frame = went(*[(str(day + dt.timedelta(days=n)), kind, subject) for n, kind, subject in drawn])
    year = visits(frame, first=day, last=dt.date(2018, 12, 31), **WHERE)
    halves = [visits(frame, first=a, last=b, **WHERE)
              for a, b in ((day, SPAN["last"]), (dt.date(2018, 7, 1), dt.date(2018, 12, 31)))]  # fmt: skip
    for row in results.pick(year, measure="benchmark_step/*").itertuples():
        first, second = (results.pick(half, measure=row.measure) for half in halves)
        begun = (first["total"] - first["count"]).sum()
        made = sum(kind == STEPS[row.measure.partition("/")[2]] for _, kind, _ in drawn)

        assert row.total == made
        assert second.empty or row.total - row.count == (second["total"] - second["count"]).sum()
        assert second.empty or begun <= second["total"].sum() + row.count


def test_no_benchmarking_is_no_rows():
    assert 0 == len(visits(went(("2018-03-08", "inspection", "b")), **SPAN, **WHERE))


def test_the_sample_visited_the_nine_counties_published(desk):
    """DOMAIN, the half-year report: counties visited."""
    found = visits(desk.data["activities"], **SPAN, **desk.where)
    listed = results.read_note(found["note"].iloc[0])[1]["counties"]

    assert {"赵县", "元氏县", "晋州市", "裕华区", "鹿泉区", "平泉市", "乐亭县", "黄骅市", "青县"} == set(listed)
    assert 9 == found["value"].iloc[0]

import datetime as dt
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from fpanalysis import checks, results, wording
from fpanalysis.ingest import Delivery
from fpanalysis.periods import parse_period

PERIOD = parse_period("2018H1")
AS_OF = dt.date(2018, 7, 20)


MONTHLY = {"births": "registered", "registrations": "month", "checkups": "month"}


@pytest.mark.parametrize("kind", MONTHLY)
def test_months_that_the_data_do_not_reach_are_named_not_counted_as_zero(desk, kind):
    frame = desk.data[kind]
    short = {**desk.data.frames, kind: frame[frame[MONTHLY[kind]] <= pd.Period("2018-04", "M")]}
    row = results.pick(run(short), measure=f"check/{kind}_not_reached").iloc[0]

    assert 2 == row["count"]
    assert "do not reach 2 months of the period (first: 2018-05)" in wording.remark(row["note"], "en")
    assert 0 == results.value(run(desk.data.frames), "count", measure=f"check/{kind}_not_reached")


def test_a_birth_dated_in_the_future_does_not_make_the_months_reached(desk):
    births = desk.data["births"]
    short = births[births["registered"] <= pd.Period("2018-04", "M")].copy()
    short.loc[short.index[0], "registered"] = pd.Period("2081-06", "M")
    row = results.pick(run({**desk.data.frames, "births": short}), measure="check/births_not_reached").iloc[0]

    assert 2 == row["count"]


@pytest.mark.parametrize("rule", ["exit_before_start", "exit_without_reason", "roll_check_character"])
def test_a_finding_about_persons_names_no_township(desk, rule):
    values = {"exit_before_start": {"exit": pd.Timestamp("1999-01-01")}, "roll_check_character": {"person_valid": False},
              "exit_without_reason": {"exit": pd.Timestamp("2018-05-01"), "reason": ""}}[rule]  # fmt: skip
    found = results.pick(run(planted(desk, "roll", **values)), measure=f"check/{rule}")

    assert ["renqiu"] == found["place"].tolist()
    assert found["count"].iloc[0] >= 1


def run(frames, townships=("鄚州镇",)):
    return checks.run_rules(frames, period=PERIOD, county="renqiu", townships=townships, as_of=AS_OF)


def planted(desk, kind: str, **values) -> dict[str, pd.DataFrame]:
    """The sample's frames with one row of one kind changed."""
    frame = desk.data[kind].copy()
    for column, value in values.items():
        frame.loc[frame.index[0], column] = value
    return {**desk.data.frames, kind: frame}


@pytest.mark.parametrize(
    ("rule", "kind", "values"),
    [
        ("registered_before_occurred", "births", {"registered": pd.Period("2010-01", "M")}),
        ("births_in_future", "births", {"registered": pd.Period("2030-01", "M")}),
        ("exit_before_start", "roll", {"exit": pd.Timestamp("1999-01-01")}),
        ("exit_without_reason", "roll", {"exit": pd.Timestamp("2018-05-01"), "reason": ""}),
        ("roll_check_character", "roll", {"person_valid": False}),
        ("more_on_time_than_done", "registrations", {"on_time": 10_000}),
    ],
)
def test_a_planted_contradiction_is_found_once_with_file_and_row(desk, rule, kind, values):
    before = results.pick(run(desk.data.frames), measure=f"check/{rule}")["count"].sum()
    found = results.pick(run(planted(desk, kind, **values)), measure=f"check/{rule}")
    row = desk.data[kind].iloc[0]

    assert found["count"].sum() == before + 1
    said = " ".join(wording.remark(note, "en") for note in found["note"])
    assert (f"row {row['row']}" in said) == (kind != "roll")  # a row of a roll is a person


def test_a_township_that_sent_nothing_is_named(desk):
    found = results.pick(run(desk.data.frames, ["鄚州镇", "无此镇"]), measure="check/township_without_births")

    assert found[["place", "count"]].values.tolist() == [["无此镇", 6]]


def test_every_rule_says_that_it_was_applied_even_when_it_finds_nothing(desk):
    assert set(run(desk.data.frames)["measure"]) == {f"check/{rule}" for rule in checks.RULES}


def test_every_rule_has_its_words():
    for rule in [*checks.RULES, "late_delivery", "replaced_delivery"]:
        assert wording.has(f"check.{rule}.found")


def test_nothing_is_found_where_there_is_nothing(desk):
    found = run({kind: frame.iloc[:0] for kind, frame in desk.data.frames.items()})

    assert found["count"].sum() == 0


def test_a_late_file_is_named_with_both_days(desk):
    found = checks.deliveries(
        desk.data.deliveries, period=PERIOD, county="renqiu", deadlines={"births": 10}, as_of=AS_OF
    )
    late = results.pick(found, measure="check/late_delivery")

    assert [wording.remark(n, "en") for n in late["note"]] == [
        "2018-07-18/births.2018H1-于村乡.csv was received on 18 July 2018, due by 10 July 2018"
    ]


def test_a_replaced_file_is_named(desk):
    old = [replace(desk.data.deliveries[0], used=False)]
    found = checks.deliveries(old, period=PERIOD, county="renqiu", deadlines={}, as_of=AS_OF)

    assert results.value(found, measure="check/replaced_delivery") == 1


def test_every_repair_has_its_words():
    """Whatever the readers count: the names in their sources."""
    sources = "".join(
        (Path(checks.__file__).parent / f"{m}.py").read_text("utf-8") for m in ("ingest", "parsers", "grids")
    )
    counted = set(re.findall(r'"([a-z]+(?:_[a-z0-9]+)+)"', sources))
    known = {key.removeprefix("repair.") for key in wording.catalogue() if key.startswith("repair.")} - {"found"}

    assert {"county_row", "totals_row", "merged_cell", "open_end", "html_table", "hidden_sheet"} <= counted & known
    assert known - {"thousands", "dash"} <= counted


def test_a_file_of_one_month_may_be_late_for_the_half_year_but_not_one_of_the_other_calendar():
    base = Delivery("births", "x", dt.date(2018, 7, 18), Path("2018-07-18/births.x.csv"), "")
    found = [
        checks.deliveries(
            [replace(base, period=key)], period=PERIOD, county="renqiu", deadlines={"births": 10}, as_of=AS_OF
        )["count"].iloc[0]
        for key in ("", "2018-06", "2018H1", "S2018H1", "2018")
    ]

    assert found == [0, 1, 1, 0, 0]


def test_repairs_are_listed_by_file(desk):
    found = checks.repairs(desk.data.repairs, period=PERIOD, county="renqiu")

    assert "repair/totals_row" in set(found["measure"])
    assert all(wording.remark(note, lang) for note in found["note"] for lang in wording.LANGS)


def test_months_that_no_payment_reaches_are_named(desk):
    found = checks.run_rules(
        desk.data.frames, period=parse_period("S2018H1"), county="renqiu", townships=[], as_of=AS_OF
    )
    row = results.pick(found, measure="check/months_without_payments").iloc[0]

    assert (row["place"], row["count"]) == ("renqiu", 3)
    assert "first: 2017-10" in wording.remark(row["note"], "en")


@pytest.mark.parametrize(("year", "late"), [("2017", 0), ("2018", 1)])
def test_a_file_is_late_for_its_own_period_and_the_year_it_is_part_of(desk, year, late):
    found = checks.deliveries(
        desk.data.deliveries,
        period=parse_period(year),
        county="renqiu",
        deadlines={"births": 10, "roll": 10},
        as_of=AS_OF,
    )

    assert results.value(found, measure="check/late_delivery") == late


def test_a_corrected_file_is_late_only_if_it_first_came_late(desk):
    base = desk.data.deliveries[-1]
    days = {"a": ("2018-07-05", "2018-10-09"), "b": ("2018-07-18", "2018-10-09")}
    files = [replace(base, kind="births", part=f"2018H1-{part}", period="2018H1", received=dt.date.fromisoformat(day),
                     used=n == 1) for part, both in days.items() for n, day in enumerate(both)]  # fmt: skip
    found = checks.deliveries(
        files, period=PERIOD, county="renqiu", deadlines={"births": 10}, as_of=dt.date(2018, 10, 9)
    )
    late = found[(found["measure"] == "check/late_delivery") & (found["count"] > 0)]

    assert 1 == len(late)
    assert "2018-07-18" in late["note"].iloc[0]

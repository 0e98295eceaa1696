import csv

import pandas as pd
import pytest

from fpanalysis.identity import check_character
from fpanalysis.sample import SAMPLES, STOCKS, write_sample


@pytest.mark.parametrize("place", SAMPLES)
def test_the_committed_raw_files_are_what_the_generator_writes(root, tmp_path, place):
    write_sample(tmp_path, place)
    made = {p.relative_to(tmp_path): p.read_bytes() for p in (tmp_path / "data").rglob("*") if p.is_file()}
    kept = {p.relative_to(root): p.read_bytes() for p in (root / "data" / "raw" / place).rglob("*") if p.is_file()}

    assert made == kept


def test_births_are_about_twelve_thousand_a_year_over_five_years(desk):
    births = desk.data["births"]
    yearly = births.groupby(births["occurred"].dt.year)["count"].sum().loc[2014:2017]

    assert yearly.between(10_500, 14_000).all()
    assert (births["occurred"].min(), births["occurred"].max()) == (
        pd.Period("2013-07", "M"),
        pd.Period("2018-06", "M"),
    )


def test_the_two_child_policy_shows(desk):
    births = desk.data["births"]
    share = (
        births[births["order"] == 2].groupby(births["occurred"].dt.year)["count"].sum()
        / births.groupby(births["occurred"].dt.year)["count"].sum()
    )

    assert share[2017] - share[2015] > 0.07


def test_registration_is_late_as_usual(desk):
    births = desk.data["births"]
    known = births[births["occurred"] < "2017-06"]
    delay = (known["registered"] - known["occurred"]).map(lambda months: months.n)
    shares = known["count"].groupby(delay).sum().cumsum() / known["count"].sum()

    assert shares.loc[[0, 1, 2]].round(2).tolist() == pytest.approx([0.65, 0.88, 0.97], abs=0.01)


def test_stocks_flow():
    opening, new, exits = STOCKS["rural_award"]

    assert opening + new - exits == 3182


def test_identity_numbers_are_right_in_form_and_of_a_region_that_does_not_exist(root):
    path = root / "data/raw/renqiu/2018-07-06/roll.csv"
    numbers = [row["身份证号"] for row in csv.DictReader(path.read_text("utf-8-sig").splitlines())]

    assert all(n.startswith("139999") and check_character(n[:17]) == n[17] for n in numbers)
    assert len(set(numbers)) == len(numbers) - 2  # one is on the roll twice, one on two rolls: planted


def test_every_kind_of_fault_the_office_fears_is_planted(root):
    path = root / "data/raw/renqiu/planted_faults.csv"
    planted = {row["fault"] for row in csv.DictReader(path.read_text("utf-8-sig").splitlines())}
    wanted = {"unpaid", "paid twice", "paid after exit", "wrong rate (the old one)", "late", "transposed identity number",
              "township total does not add up", "inspection outside the period", "late file"}  # fmt: skip

    assert wanted <= planted

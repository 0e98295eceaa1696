"""Real places with births only: everything runs, what has no data says so, and the numbers are the published ones."""

import csv
import json
from pathlib import Path

import pytest
from conftest import copy_project

from fpanalysis import results
from fpanalysis.pipeline import run_report

PARAMS = """
place: {place}
name: {{zh: {zh}, en: {en}}}
office: {{zh: {zh}, en: {en}}}
townships: {townships}
formats: [fp-html]
files:
  births:
    columns: {columns}
"""


def write_place(
    home: Path, place: str, names: tuple[str, str], townships: list[str], columns: dict[str, str], rows: list[list]
) -> None:
    """Params and one raw file of a place that delivers births only."""
    listed = json.dumps([{"name": t, "en": t} for t in townships], ensure_ascii=False)
    mapped = json.dumps(columns, ensure_ascii=False)
    text = PARAMS.format(place=place, zh=names[0], en=names[1], townships=listed, columns=mapped)
    (home / "params" / f"{place}.yaml").write_text(text, "utf-8")
    folder = home / "data" / "raw" / place / "2020-01-31"
    folder.mkdir(parents=True)
    with (folder / "births.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([list(columns.values()), *rows])


@pytest.fixture(scope="module")
def new_taipei(shared, tmp_path_factory):
    """New Taipei City 2019: births by district, birth order and sex, a year's totals by date of registration."""
    home = copy_project(tmp_path_factory.mktemp("taipei"))
    table = list(csv.DictReader((shared / "real" / "srb_newtaipei_2019_by_order.csv").read_text("utf-8").splitlines()))
    rows = [
        [r["unit"], "2019", r["birth_order"], sex, r[key]]
        for r in table
        for sex, key in (("男", "boys"), ("女", "girls"))
    ]
    columns = {"place": "unit", "occurred": "year", "order": "order", "sex": "sex", "count": "births"}
    write_place(home, "newtaipei", ("新北市", "New Taipei"), sorted({r["unit"] for r in table}), columns, rows)
    release, _ = run_report("newtaipei", "2019", home=home)
    return table, release


def test_a_year_table_gives_an_annual_report_with_the_ratios_of_the_table(new_taipei):
    table, release = new_taipei
    found = results.read(release / "results.csv")
    boys, girls = (sum(int(r[sex]) for r in table) for sex in ("boys", "girls"))

    assert results.value(found, place="newtaipei", period="2019", measure="births") == boys + girls
    assert results.value(found, place="newtaipei", period="2019", measure="srb") == pytest.approx(
        100 * boys / girls, abs=1e-9
    )


def test_every_order_and_district_is_there(new_taipei):
    table, release = new_taipei
    found = results.read(release / "results.csv")
    for order in (1, 2, 3):
        boys, girls = (
            sum(int(r[sex]) for r in table if r["birth_order"].startswith(str(order))) for sex in ("boys", "girls")
        )

        assert results.value(found, place="newtaipei", period="2019", measure=f"srb/order{order}") == pytest.approx(
            100 * boys / girls
        )
    assert set(results.pick(found, measure="srb")["place"]) == {"newtaipei", *(r["unit"] for r in table)}


def test_sections_without_data_say_so(new_taipei):
    page = (new_taipei[1] / "report.zh.html").read_text("utf-8")

    assert page.count("本节没有报送数据") >= 4
    assert "不作预测" in page  # no forecast from a single year's total, and it says why


@pytest.mark.slow
def test_a_county_of_months_is_forecast(shared, tmp_path):
    home = copy_project(tmp_path)
    table = csv.DictReader((shared / "real" / "us_ca_counties.csv").read_text("utf-8").splitlines())
    rows = [[r["month"], r["births"]] for r in table if r["region"] == "fresno" and "2012" < r["month"] < "2019-07"]
    write_place(home, "fresno", ("弗雷斯诺县", "Fresno"), [], {"occurred": "month", "count": "births"}, rows)
    release, _ = run_report("fresno", "2019H1", home=home)
    found = results.read(release / "results.csv")
    actual = sum(int(n) for month, n in rows if month >= "2019")
    expected = results.pick(found, measure="births_expected", method="gp-95").iloc[0]

    assert results.value(found, place="fresno", period="2019H1", measure="births") == actual
    assert expected["lower"] < actual < expected["upper"]

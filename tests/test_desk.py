import datetime as dt

import pandas as pd
import pytest

from fpanalysis import results
from fpanalysis.desk import KEEPERS, REPORT, open_desk
from fpanalysis.errors import FpError, ParamsError


def test_a_desk_knows_place_period_and_calendar(root):
    desk = open_desk("renqiu", "S2018H1", "en", home=root)

    assert (
        desk.title()
        == "Renqiu: first half of statistical year 2018 (family-planning statistical year, October 2017 to March 2018)"
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("renqui", "2018H1"), "did you mean 'renqiu'"),
        (("renqiu", "2018H9"), "period '2018H9' is not understood"),
        (("renqiu", "2031H1"), "lies outside the data, which cover 2013-07 to 2018-06"),
        (("renqiu", "2018H1", "fr"), "language 'fr' does not exist"),
        (("renqiu", "2018H1", "zh", "July"), "as_of is 'July', expected a date"),
        (("renqiu", "2018H1", "zh", "2001-01-01"), "nothing was received by 2001-01-01"),
    ],
)
def test_each_wrong_word_gives_one_sentence(root, words, sentence):
    with pytest.raises(FpError, match=sentence):
        open_desk(*words, home=root)


def test_a_place_without_raw_files_is_refused(home):
    text = (home / "params" / "renqiu.yaml").read_text("utf-8").replace("place: renqiu", "place: other")
    (home / "params" / "other.yaml").write_text(text, "utf-8")

    with pytest.raises(ParamsError, match="the folder data/raw/other/ is missing"):
        open_desk("other", "2018H1", home=home)


def test_as_of_leaves_out_the_late_file(root):
    early = open_desk("renqiu", "2018H1", as_of="2018-07-10", home=root).data
    late = open_desk("renqiu", "2018H1", home=root).data

    assert early["births"]["count"].sum() < late["births"]["count"].sum()
    assert not early.has("activities")


def test_the_year_before_is_taken_at_the_same_maturity(desk):
    assert desk.last_known() == pd.Period("2018-06", "M")
    assert desk.last_known(desk.period.year_ago()) == pd.Period("2017-06", "M")


def test_files_are_listed_with_their_rows(desk):
    files = desk.files()

    assert files["used"].all()
    assert files.loc[files["kind"] == "births", "rows"].sum() == len(desk.data["births"])


def test_kept_results_come_back(home, monkeypatch):
    monkeypatch.setenv("FPANALYSIS_WORK", str(home / "work"))
    desk = open_desk("renqiu", "2018H1", home=home)
    table = results.rows(
        [{"place": "renqiu", "period": "2018H1", "measure": "births", "count": 1, "method": "counted"}]
    )
    for name in KEEPERS:
        desk.keep(table, name)

    assert len(desk.kept()) == len(KEEPERS)


def test_every_keeper_is_a_notebook(root):
    names = {p.stem for p in (root / "notebooks").glob("*.ipynb")}

    assert {*KEEPERS, REPORT} <= names


def test_names_are_in_the_language_asked_for(root):
    names = open_desk("renqiu", "2018H1", "en", home=root).names

    assert (names["鄚州镇"], names["rural_award"], names["renqiu"], names["赵县"]) == (
        "Maozhou",
        "Rural award-assistance",
        "Renqiu",
        "Zhaoxian",
    )


def test_the_day_of_the_report_is_that_of_the_last_delivery_not_of_the_clock(desk):
    assert desk.as_of == dt.date(2018, 7, 18)


def test_only_months_that_payments_reach_are_reconciled(root, desk):
    assert list(desk.paid_months()) == list(desk.months)
    assert len(open_desk("renqiu", "S2018H1", home=root).paid_months()) == 3
    assert len(open_desk("renqiu", "2017", home=root).paid_months()) == 0


def test_published_looks_come_from_the_newest_release_of_the_same_year(home):
    desk = open_desk("renqiu", "2018H1", home=home)
    look = {"place": "renqiu", "measure": "srb_look/total", "period": "2018-01", "total": 10}
    for release, value in (("2018H1/r1", 100), ("2018H1/r2", 101), ("2017H1/r1", 99)):
        folder = desk.home.outputs / "renqiu" / release
        folder.mkdir(parents=True)
        results.write(results.rows([{**look, "value": value}, {**look, "measure": "births"}]), folder / "results.csv")

    assert [101] == list(desk.published("srb_look/*")["value"])


def test_before_anything_is_published_there_are_no_looks(home):
    assert open_desk("renqiu", "2018H1", home=home).published("srb_look/*").empty

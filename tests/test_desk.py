import datetime as dt
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from fpanalysis import desk as desks
from fpanalysis import releases, results
from fpanalysis.desk import KEEPERS, REPORT, open_desk, shared_data
from fpanalysis.errors import FpError, ParamsError
from fpanalysis.typeface import choose_fonts, font_files


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
        (("renqiu", "2031H1"), "lies outside the data, which cover 2013-07 to 2018-12"),
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
    assert "2018-06-18" not in set(early["activities"]["date"].astype(str).str[:10])


def test_the_year_before_is_taken_at_the_same_maturity(desk):
    assert desk.last_known() == pd.Period("2018-06", "M")
    assert desk.last_known(desk.period.year_ago()) == pd.Period("2017-06", "M")


def test_a_birth_dated_in_the_future_moves_no_month(desk):
    births = desk.data["births"].copy()
    births.loc[births.index[0], ["occurred", "registered"]] = pd.Period("2081-06", "M")
    spoilt = replace(desk, data=replace(desk.data, frames={**desk.data.frames, "births": births}))

    assert spoilt.last_known() == desk.last_known()
    assert len(spoilt.births) == len(desk.births) - 1
    assert list(spoilt.history()) == list(desk.history())


@pytest.mark.parametrize(
    ("period", "coming", "past"),
    [
        ("2018H1", ["2018H2", "2019H1"], ["2016H1", "2016H2", "2017H1", "2017H2", "2018H1"]),
        ("2017H1", ["2017H2", "2018H1"], ["2015H1", "2015H2", "2016H1", "2016H2", "2017H1"]),
        ("2018", ["2019", "2020"], ["2014", "2015", "2016", "2017", "2018"]),
        ("2018Q1", ["2018Q3", "2018Q4"], ["2017Q1", "2017Q2", "2017Q3", "2017Q4", "2018Q1"]),
        ("S2018H1", ["S2018H2", "S2019H1"], ["S2016H1", "S2016H2", "S2017H1", "S2017H2", "S2018H1"]),
    ],
)
def test_what_is_known_is_not_to_come_and_what_is_to_come_is_not_past(root, period, coming, past):
    desk = open_desk("renqiu", period, home=root)

    assert coming == [p.key for p in desk.coming()]
    assert past == [p.key for p in desk.past()]


@pytest.mark.parametrize(
    ("period", "as_of", "reached"),
    [("2018H1", "", None), ("2018", "2018-07-18", "2018-06"), ("2018H1", "2018-07-06", None), ("2017", "", None),
     ("2018H1", "2018-04-01", "2017-12"), ("S2018H2", "2018-07-18", "2018-06"), ("2018", "", None)],
)  # fmt: skip
def test_a_period_that_is_not_over_says_how_far_the_data_reach(root, period, as_of, reached):
    if period == "2018H1" and as_of == "2018-04-01":
        with pytest.raises(ParamsError, match="lies outside the data"):
            open_desk("renqiu", period, as_of=as_of, home=root)
    else:
        found = open_desk("renqiu", period, as_of=as_of, home=root).reached

        assert reached == (str(found) if found else None)


def test_a_year_answers_for_the_promises_due_within_it(root):
    assert ["2018H2"] == [p.key for p in open_desk("renqiu", "2018", home=root).answered()]
    assert [] == open_desk("renqiu", "2018H1", home=root).answered()


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


def test_names_of_both_languages_stand_side_by_side(root, desk):
    assert desk.bilingual["鄚州镇"] == ("鄚州镇", "Maozhou")
    assert desk.bilingual["赵县"] == ("赵县", "Zhaoxian")
    assert desk.bilingual == open_desk("renqiu", "2018H1", "en", home=root).bilingual


def test_peers_are_in_one_order_in_both_languages(root):
    names = list(open_desk("renqiu", "2018H1", "en", home=root).names)
    peers = names[names.index("乐亭县") :][:9]

    assert names[: len(names) - 13] == [name for name in names if name not in (*peers, *names[-4:])]
    assert "青县" in peers and peers == sorted(peers)


def test_the_file_of_params_is_a_source(desk, root):
    last = desk.sources[-1]

    assert (last.kind, last.name, last.used) == ("params", "params/renqiu.yaml", True)
    assert last.sha256 == releases.file_hash(root / "params" / "renqiu.yaml")


@pytest.mark.parametrize(
    ("prose", "lang", "said"),
    [
        ({("2018H1", "plan", "zh"): "文"}, "zh", "文"),
        (
            {("2018H1", "plan", "zh"): "文"},
            "en",
            "(The analyst wrote this section in Chinese only; see the Chinese version.)",
        ),
        ({("2018H1", "plan", "en"): "Text"}, "zh", "（本节分析人员只写了英文，见英文版。）"),
        ({("2018H1", "problems", "zh"): "文"}, "en", ""),
    ],
)
def test_a_report_says_that_the_analyst_wrote_in_the_other_language_only(desk, prose, lang, said):
    assert replace(desk, lang=lang, data=replace(desk.data, prose=prose)).prose("plan") == said


def test_the_day_of_the_report_is_that_of_the_last_delivery_before_it_was_closed(desk):
    """First delivery after June on 6 July, and 31 days: what came in October and January is left out, and counted."""
    assert (desk.as_of, desk.closes, desk.revised) == (dt.date(2018, 7, 18), dt.date(2018, 8, 6), False)
    assert desk.later > 10


def test_a_report_can_be_made_anew_from_everything_and_says_that_it_is_revised(root, desk):
    latest = open_desk("renqiu", "2018H1", as_of="latest", home=root)

    assert (latest.as_of, latest.revised, latest.later) == (dt.date(2019, 1, 17), True, 0)
    assert latest.births[latest.births["occurred"].isin(latest.months)]["count"].sum() > 5584


@pytest.mark.parametrize(("days", "as_of"), [(0, "2018-07-06"), (12, "2018-07-18"), (200, "2019-01-17")])
def test_params_say_how_long_a_report_stays_open(home, days, as_of):
    path = home / "params" / "renqiu.yaml"
    path.write_text(path.read_text("utf-8").replace("closing_days: 31", f"closing_days: {days}"), "utf-8")

    assert as_of == open_desk("renqiu", "2018H1", home=home).as_of.isoformat()


def test_the_annual_report_looks_back_on_the_half_year_as_it_was(root, desk):
    year = open_desk("renqiu", "2018", home=root)
    (half,) = year.reported()

    assert desk.births.equals(year.closed(half).births)
    assert [] == desk.reported() == open_desk("renqiu", "2018", as_of="2018-07-18", home=root).reported()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_analysts_words_are_known_by_file_and_line(root, lang):
    year = open_desk("renqiu", "2018", lang, home=root)
    path = root / "data" / "raw" / "renqiu" / "2019-01-08" / f"prose.2018.{lang}.md"
    for said, file, line in year.written().values():
        assert file == f"2019-01-08/prose.2018.{lang}.md"
        assert path.read_text("utf-8").splitlines()[line - 1] == said.splitlines()[0]

    assert "x" == year.saying({"plan": "x"}).prose("plan")


def test_only_months_that_payments_reach_are_reconciled(root, desk):
    assert list(desk.paid_months()) == list(desk.months)
    assert len(open_desk("renqiu", "S2018H1", home=root).paid_months()) == 3
    assert len(open_desk("renqiu", "2017", home=root).paid_months()) == 0


def test_rows_of_several_sheets_count_for_their_file(desk):
    births = desk.data["births"]
    name = births["file"].iloc[-1]
    sheets = births["file"].where(births["file"] != name, name + births["row"].map(lambda row: f"[{row % 2}]"))
    several = replace(desk, data=replace(desk.data, frames={**desk.data.frames, "births": births.assign(file=sheets)}))

    pd.testing.assert_frame_equal(several.files(), desk.files())


def with_fonts(home: Path, folder: str) -> Path:
    """The project with a folder of fonts named in its params."""
    path = home / "params" / "renqiu.yaml"
    path.write_text(f"{path.read_text('utf-8')}\nfonts: {folder}\n", "utf-8")
    return home


def test_everything_is_drawn_in_the_fonts_that_the_office_names(home):
    (home / "fonts").mkdir()
    shutil.copyfile(font_files()["bold"], home / "fonts" / "simfang.otf")
    try:
        desk = open_desk("renqiu", "2018H1", home=with_fonts(home, "fonts"))
        assert desk.fonts == home / "fonts"
        assert font_files()["body"] == home / "fonts" / "simfang.otf"
    finally:
        choose_fonts()


def test_a_folder_without_fonts_is_one_clear_error(home):
    with pytest.raises(ParamsError, match=r"params/renqiu\.yaml: fonts: .*font: found no font file, expected at least"):
        open_desk("renqiu", "2018H1", home=with_fonts(home, "font"))


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


def test_what_an_earlier_report_said_is_its_release_as_it_was_closed(home):
    """r2 was made later, from everything received: it calls itself revised and is not what the report said."""
    desk = open_desk("renqiu", "2018", home=home)
    (half,) = desk.reported()
    births = {"place": "renqiu", "measure": "births", "period": "2018H1"}
    for release, day, count in (("r1", "2018-07-18", 5584), ("r2", "2019-01-17", 6130)):
        folder = desk.home.releases("renqiu", half.key) / release
        folder.mkdir(parents=True)
        results.write(results.rows([{**births, "count": count}]), folder / "results.csv")
        (folder / "manifest.json").write_text(json.dumps({"as_of": day}), "utf-8")

    assert [5584] == desk.said(half)["count"].tolist()
    assert desk.said(desk.period).empty


@pytest.fixture
def unread(monkeypatch):
    """Reading raw files fails from now on."""

    def refuse(*_: object) -> None:
        raise AssertionError("files are read anew")

    return lambda: monkeypatch.setattr(desks, "read_data", refuse)


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no such memory")
def test_the_data_of_a_run_are_read_once_and_are_the_same(root, desk, monkeypatch, unread):
    with shared_data(desk) as environment:
        monkeypatch.setenv("FPANALYSIS_DATA", environment["FPANALYSIS_DATA"])
        unread()
        again = open_desk("renqiu", "2018H1", "zh", home=root)

    assert again.data.frames.keys() == desk.data.frames.keys()
    for kind, frame in desk.data.frames.items():
        pd.testing.assert_frame_equal(frame, again.data.frames[kind])
    assert (again.data.prose, again.data.deliveries) == (desk.data.prose, desk.data.deliveries)


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no such memory")
@pytest.mark.parametrize("change", ["data/raw/renqiu/2018-07-06/peers.csv", "params/renqiu.yaml"])
def test_shared_data_of_other_files_are_not_used(home, monkeypatch, unread, change):
    with shared_data(open_desk("renqiu", "2018H1", home=home)) as environment:
        monkeypatch.setenv("FPANALYSIS_DATA", environment["FPANALYSIS_DATA"])
        with (home / change).open("ab") as file:
            file.write(b"\n")
        unread()

        with pytest.raises(AssertionError, match="read anew"):
            open_desk("renqiu", "2018H1", home=home)


def test_shared_data_that_are_gone_are_read_anew(root, desk, monkeypatch):
    with shared_data(desk) as environment:
        monkeypatch.setenv("FPANALYSIS_DATA", environment.get("FPANALYSIS_DATA", "none"))

    assert open_desk("renqiu", "2018H1", home=root).inputs == desk.inputs

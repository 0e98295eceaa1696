import pytest

from fpanalysis import narrative, results, wording
from fpanalysis.results import Fact

NAN = float("nan")
BASE = {"place": "renqiu", "period": "2018H1", "method": "counted"}
SERVICES = [("registered/first", 1559), ("registered/second", 4696), ("registered/further", 14)]


def facts(*measures: tuple[str, float]) -> dict[str, Fact]:
    table = results.rows([{**BASE, "measure": m, "count": n} for m, n in measures])
    return results.facts(table, place="renqiu", period="2018H1")


@pytest.mark.parametrize("lang", wording.LANGS)
def test_numbers_in_a_sentence_come_from_the_facts(lang):
    said = narrative.paragraph("services", facts(*SERVICES), lang, period="2018H1")

    assert all(number in said for number in ("1,559", "4,696", "14"))


def test_a_sentence_with_a_missing_number_is_left_out():
    said = narrative.sentences("services", facts(*SERVICES, ("registered_on_time", NAN)), "en", period="x")

    assert len(said) == 1


@pytest.mark.parametrize("lang", wording.LANGS)
def test_a_section_without_data_says_so(lang):
    assert narrative.paragraph("services", {}, lang, period="x") == wording.text("section.no_data", lang)


def test_english_says_one_registration_and_two_registrations():
    one = narrative.sentences(
        "services",
        facts(("registered/first", 1), ("registered/second", 2), ("registered/further", 1)),
        "en",
        period="x",
    )

    assert "1 first-child registration and 2 second-child registrations" in one[0]
    assert "1 approval for a further birth" in one[0]


def row(measure: str, count: float, note: str = "", place: str = "renqiu") -> dict[str, object]:
    return {**BASE, "place": place, "measure": measure, "count": count, "note": note}


def told(*found: dict[str, object]) -> list[str]:
    names = {"renqiu": "Renqiu", "rural_award": "Rural award"}
    return narrative.findings(results.rows(found), period="2018H1", county="renqiu", lang="en", names=names)


def test_a_finding_is_told_with_its_place_and_remark():
    note = results.note("check.replaced_delivery.found", file="a.csv")

    assert told(row("check/replaced_delivery", 1, note)) == ["Renqiu: a.csv was replaced by a later delivery."]


def test_outcomes_of_payments_are_told_for_the_county_and_only_when_wrong():
    found = told(
        row("pay_class/rural_award/unpaid", 3),
        row("pay_class/rural_award/unpaid", 3, place="鄚州镇"),
        row("pay_class/rural_award/matched", 9),
        row("pay_class/rural_award/late", 0),
        row("pay_class/rural_award", 12, results.note("note.reconcile.people", on_roll=12, others=0)),
    )

    assert found == ["Renqiu, Rural award: unpaid (3 people)."]


def test_no_finding_gives_no_list():
    assert narrative.bullets(told()) == ""


def test_headline_figures_without_data_are_left_out():
    cards = narrative.headline(facts(("births", 5584)), "en", low=103, high=107)

    assert [(c.label, c.value) for c in cards] == [("Births registered", "5,584")]


def test_a_card_says_its_change_or_that_there_is_nothing_to_compare_with():
    given = facts(("registered", 6269), ("change/year_ago/registered", 0.1217), ("pay_on_time", 0.998))
    rise = given["change/year_ago/registered"]
    given["change/year_ago/registered"] = rise._replace(lower=0.08, upper=0.16)
    cards = {c.key: c.change for c in narrative.headline(given, "en", low=103, high=107)}

    assert {"registered": "rose by 12.2% on the year before",
            "pay_on_time": "Nothing to compare with from the year before"} == cards  # fmt: skip


def test_the_change_of_a_share_is_in_points():
    given = facts(("pay_on_time", 0.998), ("pay_on_time_change", -0.012))

    assert (
        "showed no real change (−1.2 percentage points) on the year before"
        == narrative.headline(given, "en", low=103, high=107)[0].change
    )


@pytest.mark.parametrize(
    ("lang", "said"),
    [("en", "births corrected for delay fell by 5.6% on the year before; reports missing from Beixinzhuang, +0.8% if as usual"),
     ("zh", "校正延迟后比上年同期下降5.6%；北辛庄乡缺报，如照常报送则+0.8%")],
)  # fmt: skip
def test_who_is_missing_stands_beside_the_headline_fall(lang, said):
    gap = row("quality/missing/births", 3, place="beixinzhuang")
    names = {"beixinzhuang": {"en": "Beixinzhuang", "zh": "北辛庄乡"}[lang]}
    silent = narrative.missing(results.rows([gap]), period="2018H1", names=names)
    given = facts(
        ("births", 11762), ("births_corrected_change/year_ago", -0.056), ("missing_effect/births_reported", 0.008)
    )
    fall = "births_corrected_change/year_ago"
    given[fall] = given[fall]._replace(lower=-0.08, upper=-0.03)

    assert said == narrative.headline(given, lang, low=103, high=107, **silent)[0].change
    assert "missing" not in narrative.headline(given, "en", low=103, high=107)[0].change


def test_a_finding_of_a_half_year_comes_back_with_its_period():
    found = results.rows([row("registered_mix", 3, results.note("note.mix.unusual", lower=0.3, upper=2.0))])
    terms = {"period": "2018H1", "county": "renqiu", "lang": "en", "names": {"renqiu": "Renqiu"}, "again": True}
    (said,) = narrative.findings(found, **terms, kinds=["registered_mix"])

    assert said.startswith("Renqiu, first half of 2018, ")


def test_names_in_a_remark_are_worded():
    fact = Fact(
        "renqiu",
        "2018H1",
        "benchmark_counties",
        1,
        NAN,
        1,
        NAN,
        NAN,
        NAN,
        "",
        results.note("x", counties=["赵县", "青县"]),
    )

    assert narrative.named(fact, "counties", {"赵县": "Zhaoxian"}) == ["Zhaoxian", "青县"]
    assert narrative.named(None, "counties", {}) == []


def test_a_promise_is_a_row_with_its_state():
    note = results.note(
        "note.commitment.open",
        zh="检查",
        en="Inspections",
        made="2018H1",
        due="2018H2",
        owner="A",
        measure="activity/inspection",
    )
    table = results.rows([{**BASE, "measure": "commitment/C1", "count": NAN, "total": 2, "note": note}])
    made = narrative.promises(table, period="2018H1", lang="en", names={"A": "Unit A"})

    assert made.texts == (("C1", "Inspections", "2", "second half of 2018", "Unit A", "not yet due"),)


def test_a_sentence_needs_each_attribute_that_it_names():
    without = Fact("renqiu", "2019-12", "births_completeness", 5, 5, 1.0, NAN, NAN, NAN, "", "")
    known = facts(("births", 5), ("births_reported", 5), ("births_carried_in", 0), ("births_unregistered", 0))
    said = narrative.sentences("births", known, "en", period="x", completeness=without, **narrative.bases(known))

    assert [
        "5 births of x are registered so far.",
        "5 births were registered in the same months: those 5, and 0 of earlier months.",
    ] == said


def test_why_a_figure_is_missing_is_said():
    note = results.note("note.forecast.too_short", months=3, needed=12)
    fact = Fact("renqiu", "2018H1", "births_expected", NAN, NAN, NAN, NAN, NAN, NAN, "", note)

    assert narrative.refused(fact, "en") == "Only 3 usable months of data, fewer than the 12 needed: no forecast"
    assert narrative.refused(fact._replace(value=1.0), "en") is None
    assert narrative.refused(None, "en") is None


def test_a_section_is_heading_paragraph_and_what_was_written():
    made = narrative.section("services", facts(*SERVICES), "en", "", "**Mine.**", period="x")

    assert made.markdown.startswith("### 1.1 Registration services\n\nIn x,")
    assert made.markdown.endswith("\n\n**Mine.**")


@pytest.mark.parametrize(("share", "said"), [(0.65, True), (0.994, True), (0.995, False), (1.0, False), (NAN, True)])
def test_a_month_that_is_whole_is_not_called_incomplete(share, said):
    table = results.rows([{**BASE, "measure": "births_completeness", "value": share}])
    fact = results.fact(table, measure="births_completeness")

    assert said == (narrative.incomplete(fact) is not None)


def test_a_section_may_be_left_out_in_silence():
    assert "" == narrative.paragraph("inspections", {}, "en", silent=True)
    assert "No data" in narrative.paragraph("inspections", {}, "en")


def alarm(note: str, measure: str = "alarm/month", **values) -> dict:
    values = {"completed": 700, "expected": 1000, "change": -0.3, **values}
    return {
        "place": "renqiu",
        "period": "2018-06",
        "measure": measure,
        "value": -0.3,
        "note": results.note(note, **values),
    }


BUDGET = {"place": "renqiu", "period": "2018H1", "measure": "alarm_budget", "value": 0.05,
          "note": results.note("note.alarm.budget", tests=28, budget=0.05, month=0.45, township=0.45, drift=0.1)}  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([alarm("note.alarm.none")], "No alarm is raised for this period. 28 tests"),
        ([alarm("note.alarm.fall_strong")], "1 alarm is raised."),
        ([alarm("note.alarm.fall"), alarm("note.alarm.rise")], "2 alarms are raised."),
    ],
)
def test_alarms_are_counted_and_the_budget_is_said(rows, said):
    told = narrative.alarms(results.rows([*rows, BUDGET]), lang="en", names={"renqiu": "Renqiu"})

    assert told.startswith(said)
    assert ("- Renqiu, June 2018: " in told) == ("raised for" not in told)
    assert "5.0%: 45% of that for the months of the county, 45% for townships, 10% for slow drift" in told


def test_what_was_not_judged_is_not_told():
    assert "" == narrative.alarms(results.empty(), lang="en", names={})


def test_an_earlier_alarm_comes_back():
    before = alarm("note.alarm.withdrawn", "alarm_before/month", then=-0.3, now=-0.02)
    told = narrative.alarms(results.rows([before, BUDGET]), lang="en", names={"renqiu": "Renqiu"})

    assert "Renqiu, June 2018: Raised earlier, and withdrawn" in told


def test_the_classes_that_occur_are_explained():
    classes = results.rows([row("pay_class/rural_award/unpaid", 3), row("pay_class/rural_award/late", 0),
                            row("pay_class/rural_award", 3)])  # fmt: skip

    assert ["unpaid: due, and no payment was made."] == narrative.meanings(classes, "en")


def promised(state: str, number: int, value: float = NAN) -> dict[str, object]:
    words = {
        "zh": "检查",
        "en": "Inspections",
        "made": "2017H2",
        "due": "2018H1",
        "owner": "科",
        "measure": "activity/inspection",
    }
    return {**BASE, "measure": f"commitment/C{number}", "count": value, "total": 2,
            "note": results.note(f"note.commitment.{state}", **words)}  # fmt: skip


@pytest.mark.parametrize(
    ("lang", "counts", "said"),
    [
        ("en", {"kept": 1}, "1 commitment has fallen due: 1 kept."),
        ("en", {"kept": 2, "not_kept": 1, "open": 3}, "3 commitments have fallen due: 2 kept, 1 not kept."),
        ("zh", {"not_kept": 1, "cannot_judge": 2}, "到期承诺3项：未兑现1项、无法判断2项。"),
        ("zh", {"open": 3}, ""),
    ],
)
def test_answers_are_told_in_one_sentence(lang, counts, said):
    assert said == narrative.answered(facts(*((f"promises/{state}", n) for state, n in counts.items())), lang)


def test_promises_due_stand_with_their_result_and_open_ones_without():
    found = results.rows([promised("not_kept", 1, 1), promised("open", 2)])
    tables = [narrative.promises(found, period="2018H1", lang="en", names={}, states=states, id=name)
              for states, name in ((narrative.ANSWERS, "answered"), (("open",), "commitments"))]  # fmt: skip

    assert ("C1", "Inspections", "2", "1", "first half of 2018", "科", "not kept") == tables[0].texts[0]
    assert ("C2", "Inspections", "2", "first half of 2018", "科", "not yet due") == tables[1].texts[0]
    assert [1, 1] == [len(table.texts) for table in tables]


@pytest.mark.parametrize("lang", wording.LANGS)
def test_a_revision_stands_beside_what_was_said(lang):
    found = results.rows([{**BASE, "measure": f"revision/{m}", "count": now, "total": then, "value": now - then}
                          for m, now, then in (("births", 6130, 5584), ("registered", 10, 10))])  # fmt: skip
    table = narrative.revised(found, period="2018H1", lang=lang, names={})

    assert ("5,584", "6,130", "+546") == table.texts[0][1:]
    assert "0" == table.texts[1][3]

"""Facts on the show floor and in publishing: every row once, ids, status, sources; JSON against its schema; CSV."""

from __future__ import annotations

import csv
import io
import json
from copy import deepcopy
from dataclasses import dataclass

import jsonschema
import pytest
from nbformat import v4

from fpanalysis import blocks, results
from fpanalysis.blocks import Ledger, from_json, to_json
from fpanalysis.errors import PublishError
from fpanalysis.facts import FIELDS, ledger, ledger_rows, records, sources
from fpanalysis.publish.document import read_document
from fpanalysis.publish.facts import SCHEMA, FactsExporter, extract, facts_csv, facts_json
from fpanalysis.typeface import font_files
from fpanalysis.wording import has

NAMES = {"renqiu": ("任丘市", "Renqiu"), "鄚州镇": ("鄚州镇", "Maozhou"), "elsewhere": ("别处", "Elsewhere")}
HIDDEN = results.note("note.suppressed", smallest=3)


@dataclass(frozen=True)
class File:
    kind: str
    name: str
    sha256: str
    used: bool = True


FILES = [File("births", "2018-07-06/births.csv", "a" * 64), File("roll", "2018-07-06/roll.csv", "b" * 64),
         File("births", "2018-01-06/births.csv", "c" * 64, used=False)]  # fmt: skip


def row(measure: str, value: float, *, place: str = "renqiu", period: str = "2018H1", **more) -> dict:
    return {
        "place": place,
        "period": period,
        "measure": measure,
        "value": value,
        "count": value,
        "method": "counted",
        **more,
    }


ROWS = [
    row("births", 5584, method="by_occurrence"),
    row("births", 10, place="鄚州镇", period="2017H1", method="by_occurrence"),
    row("births_reported", 6233, method="by_registration"),
    row("births_completeness", 1.0, period="2017-12", method="chain_ladder-95"),
    row("births_completeness", 0.65, period="2018-06", method="chain_ladder-95", lower=0.6, upper=0.7),
    row("births_forecast", 6764, period="2018H2", method="gp-80", lower=6000, upper=7000),
    row("births_forecast", 6764, period="2018H2", method="gp-95", lower=5000, upper=8000),
    row("srb", 106.0, method="midp-95", lower=100.6, upper=float("inf"), p=0.5),
    row("roll_new/rural_award", float("nan"), place="鄚州镇", note=HIDDEN),
    row("check/late_delivery", 1, note=results.note("note.activity.on_days", days=["2018-07-16"])),
    row("check/late_delivery", 1, note=results.note("note.activity.on_days", days=["2018-07-17"])),
]


def made(rows: list[dict] = ROWS) -> Ledger:
    return ledger(results.rows(rows), place="renqiu", period="2018H1", names=NAMES, files=FILES, as_of="2018-07-18")


def by_id(block: Ledger, earlier=None) -> dict[str, dict]:
    return {fact["id"]: fact for fact in records(block, earlier)}


def notebook(block: Ledger | None = None, lang: str = "zh"):
    shown = [blocks.meta("题 Title", lang=lang), *([block] if block else [])]
    outputs = [v4.new_output("display_data", data=b._repr_mimebundle_()) for b in shown]
    return v4.new_notebook(cells=[v4.new_code_cell("x", outputs=outputs)])


def document(block: Ledger | None = None, lang: str = "zh"):
    return read_document(notebook(block, lang), name="x.ipynb", fonts=font_files())


# The ledger


def test_a_ledger_carries_the_result_rows():
    """To twelve digits, in its own order."""
    kept = ledger_rows(made())

    assert len(ROWS) == len(kept)
    assert results.value(kept, measure="srb") == 106.0
    assert results.value(kept, "upper", measure="srb") == float("inf")


def test_the_order_of_the_rows_does_not_matter():
    assert made() == made(ROWS[::-1])


def test_names_that_no_row_uses_are_left_out():
    assert ["renqiu", "鄚州镇"] == [key for key, _, _ in made().names]


def test_only_files_that_were_used_are_sources():
    assert {"births": [{"file": "2018-07-06/births.csv", "sha256": "a" * 64}],
            "roll": [{"file": "2018-07-06/roll.csv", "sha256": "b" * 64}]} == sources(made())  # fmt: skip


def test_a_ledger_is_one_small_line_in_jupyterlab():
    assert made()._repr_mimebundle_()["text/plain"] == "11条数据 · 11 facts"
    assert len(made()._repr_mimebundle_()["text/markdown"]) < 40


def test_a_ledger_survives_json():
    assert made() == from_json(json.loads(json.dumps(to_json(made()))))


# The facts


def test_ids_stand_once_and_say_no_more_than_is_needed():
    found = [name for name in by_id(made()) if name.startswith(("births@", "births_forecast", "check"))]

    assert found == [
        "births@renqiu@2018H1",
        "births@鄚州镇@2017H1",
        "births_forecast@renqiu@2018H2@gp-80",
        "births_forecast@renqiu@2018H2@gp-95",
        "check/late_delivery@renqiu@2018H1@counted@1",
        "check/late_delivery@renqiu@2018H1@counted@2",
    ]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("births@renqiu@2018H1", "preliminary"),
        ("births@鄚州镇@2017H1", "final"),
        ("births_reported@renqiu@2018H1", "final"),
        ("births_completeness@renqiu@2017-12", "final"),
        ("births_completeness@renqiu@2018-06", "preliminary"),
        ("births_forecast@renqiu@2018H2@gp-95", "preliminary"),
        ("srb@renqiu@2018H1", "preliminary"),
        ("roll_new/rural_award@鄚州镇@2018H1", "suppressed"),
        ("check/late_delivery@renqiu@2018H1@counted@1", "final"),
    ],
)
def test_a_status_says_whether_a_figure_will_move(name, status):
    assert by_id(made())[name]["status"] == status


def test_without_open_months_births_are_final():
    rows = [r for r in ROWS if r["period"] != "2018-06" and r["measure"] != "births_forecast"]
    rows.append(row("births_completeness", 1.0, period="2018-06", method="by_registration"))

    assert by_id(made(rows))["births@renqiu@2018H1"]["status"] == "final"


def test_a_changed_figure_is_revised_and_keeps_what_it_was():
    earlier = by_id(made())
    rows = [{**r, "value": 6000.0} if r["measure"] == "births_reported" else r for r in ROWS]
    now = by_id(made(rows), earlier)["births_reported@renqiu@2018H1"]

    assert (now["status"], now["previous"], now["value"]) == ("revised", 6233, 6000)


def test_a_changed_figure_that_is_still_open_stays_preliminary():
    earlier = by_id(made())
    rows = [{**r, "value": 5600.0} if r["measure"] == "births" and r["value"] == 5584 else r for r in ROWS]
    now = by_id(made(rows), earlier)["births@renqiu@2018H1"]

    assert (now["status"], now["previous"]) == ("preliminary", 5584)


def test_an_unchanged_release_revises_nothing():
    assert records(made()) == records(made(), by_id(made()))


def test_what_was_suppressed_before_is_no_revision():
    earlier = by_id(made())
    rows = [
        {**r, "value": 9.0, "count": 9.0, "note": ""} if r["measure"] == "roll_new/rural_award" else r for r in ROWS
    ]
    now = by_id(made(rows), earlier)["roll_new/rural_award@鄚州镇@2018H1"]

    assert (now["status"], now["previous"]) == ("final", None)


def test_a_fact_says_what_it_is_counted_by_and_from():
    facts = by_id(made())

    assert [("occurrence", ["births"]), ("registration", ["births"]), ("files", ["births", "roll"])] == [
        (facts[name]["basis"], facts[name]["sources"])
        for name in (
            "births@renqiu@2018H1",
            "births_reported@renqiu@2018H1",
            "check/late_delivery@renqiu@2018H1@counted@1",
        )
    ]


def test_a_fact_has_its_words_in_both_languages():
    fact = by_id(made())["srb@renqiu@2018H1"]

    assert fact["label"] == {"zh": "出生人口性别比", "en": "Sex ratio at birth"}
    assert fact["place"] == {"key": "renqiu", "zh": "任丘市", "en": "Renqiu"}
    assert (fact["level"], fact["upper"], fact["calendar"]) == (0.95, "inf", "calendar")


def test_every_basis_and_status_of_the_schema_has_words():
    fact = json.loads(SCHEMA.read_text("utf-8"))["$defs"]["fact"]["properties"]

    assert all(has(f"{name}.{key}") for name in ("basis", "status") for key in fact[name]["enum"])


# facts.json and facts.csv


def schema() -> jsonschema.Draft202012Validator:
    content = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(content)
    return jsonschema.Draft202012Validator(content)


def test_facts_json_follows_its_schema():
    schema().validate(json.loads(facts_json(document(made()))))


def test_a_notebook_without_a_ledger_has_no_facts():
    content = json.loads(facts_json(document()))
    schema().validate(content)

    assert content["facts"] == []


def spoil(**changes):
    def change(content):
        content["facts"][0] |= changes

    return change


WRONG = {
    "an unknown status": spoil(status="provisional"),
    "a number as text": spoil(value="5,584"),
    "an unknown basis": spoil(basis="conception"),
    "an id without a place": spoil(id="births@2018H1"),
    "a level above 1": spoil(level=95),
    "a field of its own": spoil(person="x"),
    "a period of no calendar": spoil(period={"key": "2018H3", "zh": "x", "en": "x"}),
    "a suppressed number": spoil(status="suppressed", value=2),
    "a lacking field": lambda content: content["facts"][0].pop("unit"),
    "one language": lambda content: content["facts"][0]["label"].pop("en"),
    "a short hash": lambda content: content["sources"]["births"][0].update(sha256="1f"),
    "another version": lambda content: content.update(schema="urn:fpanalysis:facts:2"),
}


@pytest.mark.parametrize("what", WRONG)
def test_the_schema_rejects(what):
    content = json.loads(facts_json(document(made())))
    wrong = deepcopy(content)
    WRONG[what](wrong)

    assert schema().is_valid(content)
    assert not schema().is_valid(wrong)


def test_both_languages_give_the_same_bytes():
    assert facts_json(document(made(), "zh")) == facts_json(document(made(), "en"))


def test_a_fact_is_a_line_in_the_order_of_the_fields():
    content = facts_json(document(made())).decode()
    lines = [line.strip().rstrip(",") for line in content.splitlines() if '"id":' in line]

    assert len(ROWS) == len(lines)
    assert list(FIELDS) == list(json.loads(lines[0]))
    assert lines == sorted(lines)


def test_the_csv_says_the_same_as_the_json():
    content = facts_json(document(made()))
    table = list(csv.DictReader(io.StringIO(facts_csv(content).decode("utf-8-sig"))))
    facts = json.loads(content)["facts"]

    assert [fact["id"] for fact in facts] == [line["id"] for line in table]
    assert [str(fact["value"] if fact["value"] is not None else "") for fact in facts] == [
        line["value"] for line in table
    ]
    assert table[0]["place_en"] == "Renqiu"


def test_every_number_is_read_back():
    assert {"5584", "106", "100.6", "0.5", "0.65"} <= set(extract(facts_json(document(made()))))


def test_the_release_before_may_be_named(tmp_path):
    (tmp_path / "facts.json").write_bytes(facts_json(document(made())))
    rows = [{**r, "value": 6000.0} if r["measure"] == "births_reported" else r for r in ROWS]
    body, _ = FactsExporter(before=str(tmp_path / "facts.json")).from_notebook_node(notebook(made(rows)))

    assert ["births_reported@renqiu@2018H1"] == [f["id"] for f in json.loads(body)["facts"] if f["status"] == "revised"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{}", "has schema None, expected 'urn:fpanalysis:facts:1'"),
        ("[]", "has schema 'list'"),
        ("x", "cannot be read"),
    ],
)
def test_a_release_before_of_another_kind_is_refused(tmp_path, content, words):
    (tmp_path / "facts.json").write_text(content, "utf-8")

    with pytest.raises(PublishError, match=f"facts.json of the release before {words}"):
        facts_json(document(made()), before=tmp_path / "facts.json")


def test_a_release_before_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(PublishError, match=r"facts\.json of the release before cannot be read"):
        FactsExporter(before=str(tmp_path / "facts.json")).from_notebook_node(notebook(made()))


# The sample county


def test_the_sample_report_publishes_its_facts(edition):
    content = json.loads((edition / "facts.json").read_bytes())
    rows = results.read(edition / "results.csv")
    schema().validate(content)

    assert len(rows) == len(content["facts"]) == len({fact["id"] for fact in content["facts"]})
    assert {"final", "preliminary", "suppressed"} == {fact["status"] for fact in content["facts"]}
    assert all(set(fact["sources"]) <= set(content["sources"]) and fact["sources"] for fact in content["facts"])

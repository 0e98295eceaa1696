import re
from pathlib import Path

import pytest

from fpanalysis import results, wording
from fpanalysis.contracts import CONTRACTS
from fpanalysis.errors import FpError
from fpanalysis.results import Fact

NAN = float("nan")
FACT = Fact("renqiu", "2018H1", "srb", 51, 100, 109.84, 103.2, 116.94, 0.03, "midp", "")


def test_every_entry_has_both_languages_with_the_same_placeholders():
    import string

    def names(text: str) -> set[str]:
        fields = [(name, spec) for _, name, spec, _ in string.Formatter().parse(text) if name]
        return {name for name, spec in fields if "|" not in spec}

    for key in set(wording.catalogue()) - {"date", "month"}:  # English names the month, Chinese numbers it
        entry = wording.catalogue()[key]

        assert names(entry["zh"]) == names(entry["en"]), key


def test_every_format_in_the_catalogue_exists():
    import string

    for key, entry in wording.catalogue().items():
        for lang in wording.LANGS:
            for _, name, spec, _ in string.Formatter().parse(entry[lang]):
                known = not name or not spec or "|" in spec or spec.removesuffix("+") in wording.FORMATS

                assert known, (key, spec)


def test_every_contract_column_is_in_the_dictionary():
    for kind, contract in CONTRACTS.items():
        assert wording.has(f"kind.{kind}")
        for column in contract.columns:
            assert wording.has(f"column.{kind}.{column}"), (kind, column)


@pytest.mark.parametrize(
    ("value", "kind", "zh", "en"),
    [
        (1559, "count", "1,559", "1,559"),
        (0, "count", "0", "0"),
        (2.5, "count", "3", "3"),
        (109.85, "n1", "109.9", "109.9"),
        (-0.031, "signedpct", "−3.1%", "−3.1%"),
        (0, "signedcount", "0", "0"),
        (546, "signedcount", "+546", "+546"),
        ("2018H1", "period", "2018年上半年", "first half of 2018"),
        (1.0, "pct", "100%", "100%"),
        (0.99999, "pct", ">99.9%", ">99.9%"),
        (0.00004, "pct", "<0.1%", "<0.1%"),
        (0.0005, "pct", "0.1%", "0.1%"),
        (0.985, "pct", "98.5%", "98.5%"),
        (102600, "floor", "10万", "100,000"),
        (9600, "floor", "9,000", "9,000"),
        (0, "floor", "0", "0"),
        (34500, "money", "3.45万", "34,500"),
        (9999, "money", "9,999", "9,999"),
        (150000, "money", "15万", "150,000"),
        (123456789.5, "money", "12,345.67895万", "123,456,789.50"),
        (-34500, "money", "−3.45万", "−34,500"),
        (0, "money", "0", "0"),
        (0.0004, "p", "<0.001", "<0.001"),
        (0.034, "p", "0.034", "0.034"),
        ("2018-07-16", "date", "2018年7月16日", "16 July 2018"),
        ("2018-06", "month", "2018年6月", "June 2018"),
        (["a", "b"], "list", "a、b", "a, b"),
        ([], "list", "无", "none"),
        (NAN, "count", "无数据", "no data"),
        (float("inf"), "n1", "∞", "∞"),
        (10**9, "count", "1,000,000,000", "1,000,000,000"),
        (1, "inspection|inspections", "inspection", "inspection"),
        (0, "inspection|inspections", "inspections", "inspections"),
        (FACT, "n1+", "109.8（103.2～116.9）", "109.8 (103.2–116.9)"),
    ],
)
def test_each_format_prints_as_its_language_does(value, kind, zh, en):
    assert [wording.format_value(value, kind, lang) for lang in ("zh", "en")] == [zh, en]


def test_sentences_take_numbers_from_facts():
    assert wording.format_value(FACT, "n1", "en") == "109.8"
    assert wording.needs("check.late_delivery.found") == {"file", "received", "due"}


def test_a_missing_placeholder_is_an_error_that_names_it():
    with pytest.raises(FpError, match="needs a value for 'due'"):
        wording.text("check.late_delivery.found", "zh", file="x", received="2018-07-16")


def test_an_unknown_key_offers_the_nearest():
    with pytest.raises(FpError, match="'no_dtaa' does not exist; did you mean 'no_data'"):
        wording.text("no_dtaa", "zh")


def test_every_entry_of_the_catalogue_is_used():
    """By its key, or by a key that code puts together from its beginning ("status." or the word "status")."""
    package = Path(wording.__file__).parent
    texts = [p.read_text("utf-8") for p in package.rglob("*") if p.suffix in (".py", ".html", ".typ")]
    texts += [p.read_text("utf-8") for p in (package.parent / "notebooks").glob("*.ipynb")]
    code = "".join(texts)
    made = set(re.findall(r"f[\"']([\w.]+\.)\{", code)) | {"state."}
    entries = wording.catalogue()
    unused = [key for key, entry in entries.items()
              if key not in code and not key.startswith(tuple(made)) and entry["file"] != "indicators.csv"
              and f'"{key.rpartition(".")[0]}"' not in code]  # fmt: skip

    assert not unused


def test_an_unknown_language_is_refused():
    with pytest.raises(FpError, match="language 'fr' does not exist"):
        wording.text("no_data", "fr")


def test_a_page_says_which_calendar():
    assert wording.period_label("S2018H1", "zh") == "2018统计年度上半年（计划生育统计年度，2017年10月至2018年3月）"
    assert wording.period_label("2018H1", "en") == "first half of 2018 (calendar year, January 2018 to June 2018)"


def test_a_remark_is_worded_in_either_language():
    note = results.note("check.replaced_delivery.found", file="a.csv")

    assert wording.remark(note, "en") == "a.csv was replaced by a later delivery"
    assert wording.remark("", "en") == ""


def test_what_a_remark_names_is_worded():
    note = results.note("note.rollup.missing", places=["晋州市", "x"])

    assert wording.remark(note, "en", {"晋州市": "Jinzhou"}) == "Not yet published: Jinzhou, x"
    assert wording.remark(note, "zh") == "尚未公布：晋州市、x"


def test_counties_left_out_of_a_comparison_are_worded():
    note = results.note("note.peer.similar", factor=2, n=8, left=["晋州市", "x"])

    assert wording.remark(note, "en", {"晋州市": "Jinzhou"}).endswith("left out: Jinzhou, x")
    assert wording.remark(note, "zh").endswith("未计入：晋州市、x")


def test_labels_word_the_breakdown():
    assert wording.label("births/order2", "en") == "Births (by month of birth), second births"

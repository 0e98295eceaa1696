from pathlib import Path

import pytest
from pydantic import ValidationError

from fpanalysis.errors import ParamsError
from fpanalysis.params import load_params, places


@pytest.fixture
def changed(root, tmp_path):
    """A function that loads the sample's params with one text replaced."""

    def load(old: str, new: str):
        text = (root / "params" / "renqiu.yaml").read_text("utf-8")
        assert old in text
        (tmp_path / "renqiu.yaml").write_text(text.replace(old, new, 1), "utf-8")
        return load_params("renqiu", tmp_path)

    return load


def test_every_params_file_is_valid(root):
    for place in places(root / "params"):
        assert load_params(place, root / "params").place == place


def test_params_cannot_be_changed(root):
    with pytest.raises(ValidationError):
        load_params("renqiu", root / "params").place = "other"


def test_an_unknown_place_is_refused_with_the_nearest(root):
    with pytest.raises(ParamsError, match=r"place 'renqui' has no file params/renqui.yaml; did you mean 'renqiu'\?"):
        load_params("renqui", root / "params")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("synthetic: true", "sinthetic: true", "sinthetic does not exist; did you mean 'synthetic'"),
        ("  reference:", "  referense:", "sex_ratio: referense does not exist; did you mean 'reference'"),
        (
            "{place: 乡镇, occurred",
            "{plase: 乡镇, occurred",
            "files: births: plase does not exist; did you mean 'place'",
        ),
        ("  births:\n    columns", "  birth:\n    columns", "files: birth does not exist; did you mean 'births'"),
        ("also: [特扶]", "allso: [特扶]", "special_support: allso does not exist; did you mean 'also'"),
        ("unit: year", "unit: yearly", "rural_award: unit: found 'yearly', expected"),
        (
            "rule: age >= 60",
            "rule: agee >= 60",
            r"params/renqiu.yaml: programmes: rural_award: eligible: rule: 'agee >= 60': found 'agee', expected one of age",
        ),
        (
            "excludes: [special_support]",
            "excludes: [special]",
            "programmes: rural_award: excludes: special does not exist; did you mean 'special_support'",
        ),
        ("place: renqiu", "place: other", "place is 'other', expected 'renqiu'"),
    ],
)
def test_a_misspelt_key_or_value_names_itself_and_the_nearest(changed, old, new, words):
    with pytest.raises(ParamsError, match=words):
        changed(old, new)


def test_all_faults_are_told_at_once(changed):
    with pytest.raises(ParamsError) as error:
        changed("synthetic: true\ncalendar: calendar ", "sinthetic: true\ncalendar: lunar ")

    assert "2 faults in params/renqiu.yaml" in str(error.value)


@pytest.mark.parametrize("content", ["", "- a\n- b\n", "place: [", "\tplace: x"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, content):
    (tmp_path / "x.yaml").write_text(content)

    with pytest.raises(ParamsError, match="params/x.yaml"):
        load_params("x", tmp_path)


def test_rates_are_rows_in_fen(root):
    rates = load_params("renqiu", root / "params").rates()

    assert rates.loc[rates["programme"] == "only_child_award", "amount"].tolist() == [1000]


def test_other_spellings_lead_to_the_same_township(root):
    spellings = load_params("renqiu", root / "params").spellings

    assert spellings["莫州镇"] == spellings["鄚州镇"] == "鄚州镇"


def test_all_formats_are_published_where_none_is_named(root, changed):
    assert load_params("renqiu", root / "params").formats == ()
    assert changed("seed: 20180630", "formats: [fp-html]").formats == ("fp-html",)


def test_neighbours_are_townships_of_the_place(changed):
    found = changed("en: Xinhualu}", "en: Xinhualu, neighbours: [西环路街道]}")

    assert {"新华路街道": ("西环路街道",)} == dict(found.neighbours)
    with pytest.raises(ParamsError, match="neighbours: 西环路街 does not exist; did you mean '西环路街道'"):
        changed("en: Xinhualu}", "en: Xinhualu, neighbours: [西环路街]}")


def test_a_published_ratio_keeps_its_decimals_as_text(changed):
    found = changed("  test: midp", '  test: wilson\n  printed: [{source: communique, births: 6312, ratio: "110.70"}]')

    assert "110.70" == found.sex_ratio.printed[0].ratio
    with pytest.raises(ParamsError, match="ratio: found '110,7'"):
        changed("  test: midp", '  test: midp\n  printed: [{source: communique, births: 6312, ratio: "110,7"}]')

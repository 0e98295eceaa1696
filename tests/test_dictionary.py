import pytest

from fpanalysis.contracts import CONTRACTS
from fpanalysis.dictionary import dictionary_markdown
from fpanalysis.errors import FpError
from fpanalysis.wording import LANGS


@pytest.mark.parametrize("lang", LANGS)
def test_every_kind_and_column_is_printed(lang):
    printed = dictionary_markdown(CONTRACTS, lang)

    for kind, contract in CONTRACTS.items():
        assert f"## `{kind}`" in printed
        assert all(f"| `{column}` |" in printed for column in contract.columns)


def test_accepted_spellings_are_printed():
    assert "`male`: 男" in dictionary_markdown(CONTRACTS, "zh")


def test_an_unknown_language_is_refused():
    with pytest.raises(FpError, match="language 'fr'"):
        dictionary_markdown(CONTRACTS, "fr")

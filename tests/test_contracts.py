import pytest

from fpanalysis.contracts import CONTRACTS
from fpanalysis.parsers import PARSERS


@pytest.mark.parametrize("kind", CONTRACTS)
def test_every_column_can_be_read(kind):
    assert {column.kind for column in CONTRACTS[kind].columns.values()} <= set(PARSERS)


@pytest.mark.parametrize("kind", CONTRACTS)
def test_no_spelling_means_two_things(kind):
    for column in CONTRACTS[kind].columns.values():
        spellings = [s for words in column.choices.values() for s in words]

        assert len(spellings) == len(set(spellings))


@pytest.mark.parametrize("kind", CONTRACTS)
def test_unique_columns_are_columns(kind):
    of_the_file = {"file_period"} if CONTRACTS[kind].of_a_period else set()

    assert set(CONTRACTS[kind].unique) <= set(CONTRACTS[kind].columns) | of_the_file


def test_persons_stand_in_rolls_and_payments_alone():
    with_persons = {
        k for k, contract in CONTRACTS.items() if any(c.kind == "person" for c in contract.columns.values())
    }

    assert with_persons == {"roll", "payments"}

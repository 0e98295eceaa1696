"""One wrong cell of a consistent set of reported tables is always among the suspects, and alone where sums cross."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpanalysis.suspects import suspects

ITEMS = ("opening", "new", "exits", "closing", "amount")


def tables(numbers: list[int], counties: int = 2, towns: int = 3, villages: int = 2) -> pd.DataFrame:
    """Consistent tables of villages, townships, counties and a province from the numbers of the villages."""
    drawn = iter(numbers * 200)
    places = [("all", "")]
    places += [(f"c{c}", "all") for c in range(counties)]
    places += [(f"c{c}t{t}", f"c{c}") for c in range(counties) for t in range(towns)]
    places += [(f"c{c}t{t}v{v}", f"c{c}t{t}") for c in range(counties) for t in range(towns) for v in range(villages)]
    value: dict[tuple[str, str], int] = {}
    for place, _ in reversed(places):
        below = [p for p, above in places if above == place]
        own = {item: sum(value[p, item] for p in below) if below else next(drawn) for item in ITEMS}
        own["closing"] = own["opening"] + own["new"] - own["exits"]
        value |= {(place, item): n for item, n in own.items()}
    return pd.DataFrame([(p, a, i, value[p, i]) for p, a in places for i in ITEMS],
                        columns=["place", "parent", "item", "value"])  # fmt: skip


NUMBERS = st.lists(st.integers(0, 900), min_size=7, max_size=60)


@given(NUMBERS, st.integers(0, 10_000), st.integers(1, 500), st.booleans())
def test_the_wrong_cell_is_found(numbers, which, error, less):
    cells = tables(numbers)
    at = which % len(cells)
    cells.loc[at, "value"] += -error if less else error
    found = suspects(cells)
    true = tables(numbers).loc[at, "value"]

    assert at in found.index
    assert true == found.loc[at, "mended"]
    assert (2 if cells.loc[at, "item"] == "amount" and "v" in cells.loc[at, "place"] else 1) == len(found)


@given(NUMBERS)
def test_consistent_tables_have_no_suspect(numbers):
    assert suspects(tables(numbers)).empty


def test_what_the_rows_give_tells_one_village_from_another():
    """An amount stands in no flow, so that the two villages of a township cannot be told apart without the rows."""
    cells = tables([5, 3, 1, 8]).query("item == 'amount'").reset_index(drop=True)
    known = cells.assign(computed=cells["value"].astype("float64"))
    at = known.index[known["place"] == "c1t2v0"][0]
    known.loc[at, "value"] += 7

    assert [at] == suspects(known).index.tolist()
    assert {"c1t2v0", "c1t2v1"} == set(suspects(known.drop(columns="computed"))["place"])


@pytest.mark.parametrize("second", [3, 40])
def test_two_wrong_cells_have_no_single_suspect(second):
    cells = tables([5, 3, 1, 8, 2, 9, 4])
    cells.loc[0, "value"] += 2
    cells.loc[second, "value"] += 3

    assert suspects(cells).empty

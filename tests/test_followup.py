"""Follow-up of differences: stable numbers, history from period to period, ages, and what an answer is worth."""

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from fpanalysis import results, wording
from fpanalysis.followup import BANDS, SETTLED, STATUSES, ageing, carried, differences, looked_at
from fpanalysis.identity import item_number, known_item
from fpanalysis.reconcile import CLASSES

MONTHS = pd.period_range("2018-01", "2018-06", freq="M")
KEY = b"a key of this place"


def persons(*records: tuple) -> pd.DataFrame:
    """Rows of (person, class, entitled, paid)."""
    frame = pd.DataFrame(records, columns=["person", "class", "entitled", "paid"])
    return frame.assign(programme="x", place="a", corrected=frame["class"] == "matched_after_correction")


def roll(*people: str) -> pd.DataFrame:
    rows = [
        (p, "x", "a", "01", pd.Timestamp("2016-01-01"), "2018-07-06/roll.xlsx[Sheet2]", "Sheet2", n + 2)
        for n, p in enumerate(people)
    ]
    return pd.DataFrame(rows, columns=["person", "programme", "place", "village", "start", "file", "sheet", "row"])


def payments(*rows: tuple) -> pd.DataFrame:
    """Rows of (person, month, neighbours)."""
    listed = [
        (p, "x", "a", pd.Period(due, "M"), near, not near, "2018-07-06/payments.csv", "", n + 2)
        for n, (p, due, near) in enumerate(rows)
    ]
    columns = ["person", "programme", "place", "due", "person_near", "person_valid", "file", "sheet", "row"]
    return pd.DataFrame(listed, columns=columns)


def items(*records: tuple, period: str = "2018H1", people=(), paid=()) -> pd.DataFrame:
    return differences(persons(*records), roll(*people), payments(*paid), months=MONTHS, period=period, key=KEY)


def returned(*records: tuple, file: str = "2018-10-01/followup.2018H1.xlsx") -> pd.DataFrame:
    """Rows of (item, status, date, first_seen, times_seen), as read back."""
    frame = pd.DataFrame(records, columns=["item", "status", "date", "first_seen", "times_seen"])
    return frame.assign(date=pd.to_datetime(frame["date"]), explanation="why", by="someone", last_seen="2018H1", period="2018H1",
                        entitled=10_000, paid=0, file=file, row=range(5, 5 + len(frame))).astype({"times_seen": "int64"})  # fmt: skip


def test_every_class_with_something_to_do_is_followed_and_no_other():
    found = items(*[(f"p{n}", name, 100, 0) for n, name in enumerate(CLASSES)])

    assert set(found["class"]) == set(CLASSES) - set(SETTLED)
    for name in found["class"]:
        entry = wording.catalogue()[f"class.{name}"]
        assert all(entry[f"{word}_{lang}"] for word in ("do", "ask") for lang in wording.LANGS), name


def test_an_item_has_the_same_number_whatever_stands_around_it():
    alone = items(("p", "unpaid", 100, 0))
    among = items(("q", "late", 5, 5), ("p", "unpaid", 200, 0), ("r", "unpaid", 1, 0))

    assert alone["item"][0] in set(among["item"])


@pytest.mark.parametrize("other", [("p", "late", 1, 0), ("q", "unpaid", 1, 0)])
def test_another_person_or_class_has_another_number(other):
    assert items(("p", "unpaid", 1, 0))["item"][0] != items(other)["item"][0]


def test_another_period_or_key_has_another_number():
    mine = items(("p", "unpaid", 1, 0))
    elsewhere = differences(
        persons(("p", "unpaid", 1, 0)), roll(), payments(), months=MONTHS, period="2018H1", key=b"other"
    )

    assert mine["item"][0] != items(("p", "unpaid", 1, 0), period="2018H2")["item"][0]
    assert mine["item"][0] != elsewhere["item"][0]


def test_cases_without_a_person_are_items_of_their_own():
    found = items((None, "no_key", 0, 5), (None, "no_key", 0, 5))

    assert found["item"].nunique() == 2
    assert found["person"].tolist() == ["", ""]


@given(st.lists(st.text(max_size=8), min_size=1, max_size=4), st.data())
def test_a_number_is_known_again_however_it_is_typed_and_a_slip_in_it_is_seen(parts, data):
    number = item_number(parts, KEY)
    at = data.draw(st.sampled_from([i for i, c in enumerate(number) if c != "-"]))
    slipped = number[:at] + ("A" if number[at] != "A" else "B") + number[at + 1 :]

    assert known_item(number.lower().replace("-", " ").replace("0", "o"), KEY) == number
    assert known_item(slipped, KEY) != number
    assert known_item(number, b"other") == ""


def test_the_office_finds_the_rows_and_the_workbook_shows_a_short_pseudonym():
    found = items(("abcdef0123456789", "paid_twice", 1, 2), people=["abcdef0123456789"],
                  paid=[("abcdef0123456789", "2018-06", ()), ("abcdef0123456789", "2018-06", ()), ("abcdef0123456789", "2018-09", ())])  # fmt: skip

    assert found["person"][0] == "abcdef01"
    assert found["village"][0] == "01"
    assert found["roll_row"][0] == (("2018-07-06/roll.xlsx", "Sheet2", 2),)
    assert found["payment_row"][0] == (("2018-07-06/payments.csv", "", 2), ("2018-07-06/payments.csv", "", 3))


def test_a_payment_under_a_mistyped_number_is_found_under_the_person_it_means():
    found = items(("p", "matched_after_correction", 5, 5), people=["p"], paid=[("w", "2018-06", ("z", "p"))])

    assert found["payment_row"][0] == (("2018-07-06/payments.csv", "", 2),)


# History


def test_a_new_item_is_open_and_first_seen_now():
    found = carried(items(("p", "unpaid", 100, 0)), returned(), period="2018H1").iloc[0]

    assert (found["status"], found["first_seen"], found["last_seen"], found["times_seen"]) == (
        "open",
        "2018H1",
        "2018H1",
        1,
    )


@pytest.mark.parametrize("status", ["open", "explained", "written_off"])
def test_an_answer_is_carried_on(status):
    mine = items(("p", "unpaid", 100, 0))
    found = carried(mine, returned((mine["item"][0], status, "2018-09-01", "2018H1", 1)), period="2018H2").iloc[0]

    assert (found["status"], found["explanation"], found["by"]) == (status, "why", "someone")
    assert (found["first_seen"], found["last_seen"], found["times_seen"]) == ("2018H1", "2018H2", 2)


def test_making_the_workbook_of_a_period_again_does_not_count_twice():
    mine = items(("p", "unpaid", 100, 0))
    found = carried(mine, returned((mine["item"][0], "open", None, "2018H1", 1)), period="2018H1")

    assert found["times_seen"].tolist() == [1]


def test_what_was_said_to_be_corrected_and_is_still_there_is_open_and_marked():
    mine = items(("p", "unpaid", 100, 0))
    found = carried(mine, returned((mine["item"][0], "corrected", "2018-09-01", "2018H1", 1)), period="2018H2")

    assert found[["status", "again"]].values.tolist() == [["open", True]]


def test_the_last_answer_counts():
    mine = items(("p", "unpaid", 100, 0))
    number = mine["item"][0]
    both = pd.concat([returned((number, "explained", "2019-02-01", "2018H1", 2), file="2019-02-02/followup.2018H2.xlsx"),
                      returned((number, "open", None, "2018H1", 1))])  # fmt: skip

    assert carried(mine, both, period="2019H1")["status"].tolist() == ["explained"]


def test_the_period_before_and_those_of_what_came_back_are_looked_at_again():
    assert looked_at(returned(("x", "open", None, "2018H1", 1)), "2019H1") == ["2018H1", "2018H2", "2019H1"]
    assert looked_at(returned(), "2018H2") == ["2018H1", "2018H2"]


def test_a_year_looks_at_its_halves_whose_items_keep_their_numbers_and_ages():
    assert looked_at(returned(), "2018") == ["2017H2", "2018H1", "2018H2"]


def test_a_difference_of_the_period_before_is_as_old_as_that_though_nobody_answered():
    found = carried(items(("p", "unpaid", 100, 0)), returned(), period="2018H2")

    assert (["2018H1"], ["open"]) == (found["first_seen"].tolist(), found["status"].tolist())


# Ages


def aged(found: pd.DataFrame, back: pd.DataFrame, as_of: dt.date, looked=("2018H1",)) -> dict[str, float]:
    history = carried(found, back, period="2018H2")
    table = ageing(history, back, looked=looked, as_of=as_of, period="2018H2", county="c")
    return dict(zip(table["measure"], table["value"], strict=True))


@pytest.mark.parametrize(
    ("as_of", "band"),
    [
        ("2018-07-18", "age0_3"),
        ("2018-09-29", "age0_3"),
        ("2018-09-30", "age3_6"),
        ("2018-12-31", "age6_12"),
        ("2019-06-29", "age6_12"),
        ("2019-06-30", "age12"),
        ("2025-01-01", "age12"),
    ],
)
def test_an_open_item_ages_from_the_end_of_the_period_it_was_seen_in(as_of, band):
    mine = items(("p", "unpaid", 12_345, 0))
    back = returned((mine["item"][0], "open", None, "2018H1", 1))
    found = aged(mine, back, dt.date.fromisoformat(as_of))

    assert found[f"followup/open/{band}"] == 1
    assert found[f"followup_amount/open/{band}"] == 123.45


def test_a_settled_item_ages_to_the_day_it_was_settled():
    mine = items(("p", "unpaid", 100, 0))
    found = aged(mine, returned((mine["item"][0], "explained", "2018-08-01", "2018H1", 1)), dt.date(2025, 1, 1))

    assert found["followup/explained/age0_3"] == 1


def test_what_is_gone_from_the_data_is_corrected_whatever_was_answered():
    found = aged(items(), returned(("gone", "open", None, "2018H1", 1)), dt.date(2018, 10, 1))

    assert found["followup/corrected"] == 1
    assert found["followup_amount/corrected"] == 100


def test_what_was_not_looked_at_again_keeps_its_answer():
    found = aged(
        items(), returned(("x", "explained", "2018-09-01", "2018H1", 1)), dt.date(2018, 10, 1), looked=["2018H2"]
    )

    assert (found["followup/explained"], found["followup/corrected"]) == (1, 0)


STATES = st.lists(st.tuples(st.sampled_from(STATUSES), st.booleans(), st.integers(0, 10**6)), max_size=12)


@settings(max_examples=30)
@given(STATES, st.dates(dt.date(2018, 7, 1), dt.date(2022, 1, 1)))
def test_every_item_is_in_one_status_and_one_band_and_the_money_adds_up(states, as_of):
    mine = items(*[(f"p{n}", "unpaid", fen, 0) for n, (_, there, fen) in enumerate(states) if there])
    numbers = [item_number(["x", f"p{n}", "unpaid", "", "2018H1"], KEY) for n in range(len(states))]
    back = returned(
        *[
            (i, s, None if s == "open" else "2018-07-02", "2018H1", 1)
            for i, (s, _, _) in zip(numbers, states, strict=True)
        ]
    )
    found = aged(mine, back, as_of)

    assert found["followup"] == len(states)
    for head in ("followup", "followup_amount"):
        assert found[head] == pytest.approx(sum(found[f"{head}/{s}"] for s in STATUSES), abs=0.001)
        for status in STATUSES:
            bands = sum(found.get(f"{head}/{status}/{band}", 0) for band in BANDS)
            assert bands == pytest.approx(found[f"{head}/{status}"], abs=0.001)


def test_ageing_is_of_the_county_alone_and_worded_in_both_languages():
    mine = items(("p", "unpaid", 100, 0), ("q", "unpaid", 100, 0))
    back = returned((mine["item"][0], "corrected", "2018-09-01", "2018H1", 1))
    table = ageing(
        carried(mine, back, period="2018H2"),
        back,
        looked=["2018H1"],
        as_of=dt.date(2018, 12, 1),
        period="2018H2",
        county="c",
    )

    assert set(table["place"]) == {"c"}
    assert list(table.columns) == list(results.COLUMNS)
    for lang in wording.LANGS:
        labels = pd.Series([wording.label(m, lang) for m in table["measure"]])
        assert not labels.str.contains("age|_off|/").any()
        assert wording.remark(table.set_index("measure").loc["followup/open", "note"], lang).count("1") == 1


def test_nothing_changes_its_input():
    people, on_roll, paid = persons(("p", "unpaid", 100, 0)), roll("p"), payments(("p", "2018-06", ()))
    before = [frame.copy(deep=True) for frame in (people, on_roll, paid)]
    mine = differences(people, on_roll, paid, months=MONTHS, period="2018H1", key=KEY)
    kept = mine.copy(deep=True)
    carried(mine, returned(), period="2018H1")

    for old, new in zip([*before, kept], [people, on_roll, paid, mine], strict=True):
        assert_frame_equal(new, old)

"""Identity numbers: the standard's own example, laws of every slip against brute force, and what may be believed."""

import datetime as dt
import importlib
import sys

import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fpanalysis.identity import (
    check_character,
    match,
    name_key,
    narrowed,
    normal_name,
    one_slip,
    pseudonym,
    read,
    set_right,
)

NUMBERS = st.builds(
    lambda day, n: (body := f"139999{day:%Y%m%d}{n:03d}") + check_character(body),
    st.dates(dt.date(1930, 1, 1), dt.date(2010, 12, 31)), st.integers(0, 999),
)  # fmt: skip


def brute_force(number: str) -> list[str]:
    """Every number one substitution or swap away that is right, by trying all 180."""
    tried = {number[:i] + d + number[i + 1 :] for i in range(17) for d in "0123456789"}
    tried |= {number[:17] + c for c in "0123456789X"}
    tried |= {number[:i] + number[i + 1] + number[i] + number[i + 2 :] for i in range(17)}
    return sorted(n for n in tried - {number} if n[:17].isdigit() and n[17] == check_character(n[:17]) and _born(n))


def _born(number: str) -> bool:
    try:
        return 1850 <= dt.date(int(number[6:10]), int(number[10:12]), int(number[12:14])).year <= 2100
    except ValueError:
        return False


def test_check_character_of_the_standards_example():
    """GB 11643-1999, annex: 11010519491231002X."""
    assert check_character("11010519491231002") == "X"


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        ("11010519491231002X", True),
        ("440524188001010014", True),  # the other example of the standard
        ("110105194912310021", False),
        ("139999190002290013", False),  # 1900 was no leap year, the check character fits
        ("130982195603150011", False),
    ],
)
def test_a_number_is_right_by_check_character_and_date_alone(number, valid):
    assert read([number], b"k")[0].valid == valid


def test_a_county_code_older_than_the_person_is_no_fault():
    """130982 (Renqiu, a city since 1986): right for every year of birth, also those before."""
    numbers = [(body := f"130982{year}0615002") + check_character(body) for year in range(1920, 2001)]

    assert all(person.valid for person in read(numbers, b"k"))


@given(NUMBERS)
def test_date_of_birth_and_sex_are_those_of_the_number(number):
    (person,) = read([number], b"k")

    assert person.birth == int(number[6:14])
    assert person.sex == ("male" if int(number[16]) % 2 else "female")


@given(NUMBERS, st.integers(0, 17), st.integers(1, 9))
def test_every_wrong_character_fails_and_the_true_number_is_a_neighbour(number, at, shift):
    old = 10 if number[at] == "X" else int(number[at])
    wrong = number[:at] + str((old + shift) % 10) + number[at + 1 :]
    assume(wrong != number)

    assert not read([wrong], b"k")[0].valid
    assert one_slip([wrong]) == [brute_force(wrong)]
    assert number in one_slip([wrong])[0]


@given(NUMBERS, st.integers(0, 16))
def test_every_swap_fails_and_the_true_number_is_a_neighbour(number, at):
    wrong = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    assume(wrong != number)

    assert not read([wrong], b"k")[0].valid
    assert number in one_slip([wrong])[0]


@given(NUMBERS, st.integers(0, 17), st.sampled_from("0123456789"))
def test_a_character_left_out_or_too_many_has_the_true_number_as_neighbour(number, at, extra):
    assert number in one_slip([number[:at] + number[at + 1 :]])[0]
    assert number in one_slip([number[:at] + extra + number[at:]])[0]


@given(NUMBERS, st.integers(0, 17))
def test_a_letter_for_a_digit_has_the_true_number_alone_at_its_place(number, at):
    assert one_slip([number[:at] + "O" + number[at + 1 :]]) == [[number]]


def test_an_old_number_with_a_day_that_does_not_exist_has_neighbours_by_its_date():
    (near,) = one_slip(["139999650931001"])

    assert "139999196509010013" in near
    assert all(n[6:8] == "19" and n[:6] == "139999" for n in near)


@given(st.lists(NUMBERS, min_size=1, max_size=5))
def test_neighbours_are_hashed_like_the_numbers(numbers):
    swapped = [n[:-4] + n[-3] + n[-4] + n[-2:] for n in numbers]

    for number, person in zip(numbers, read(swapped, b"k"), strict=True):
        assert person.valid or pseudonym(number, b"k") in person.near


def test_pseudonyms_change_with_the_key():
    assert pseudonym("11010519491231002X", b"a") != pseudonym("11010519491231002X", b"b")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("张建国", "張建國"),
        ("王 芳", "王　芳"),
        ("阿不都·热合曼", "阿不都•热合曼"),
        ("阿不都・热合曼", "阿不都热合曼"),
        ("李𠮷", "李吉"),
        ("ＬＩ", "li"),
    ],
)
def test_a_name_has_one_form(one, other):
    assert normal_name(one) == normal_name(other)
    assert name_key(one, b"k") == name_key(other, b"k")


def test_a_name_is_kept_as_a_keyed_hash_only_and_nothing_stays_nothing():
    assert "张" not in name_key("张建国", b"k")
    assert name_key("张建国", b"k") != name_key("张建华", b"k")
    assert name_key(" ", b"k") == ""


def failing(*rows: tuple) -> pd.DataFrame:
    """Rows of (person, neighbours, name)."""
    frame = pd.DataFrame(rows, columns=["person", "person_near", "person_name"])
    return frame.assign(person_valid=False)


def known(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["person", "person_name"])


@pytest.mark.parametrize(
    ("rows", "others", "meant"),
    [
        ([("w", ("a", "b"), "")], [("a", "")], {"w": "a"}),
        ([("w", ("a", "b"), "")], [("a", ""), ("b", "")], {}),  # two candidates
        ([("w", ("a",), ""), ("v", ("a",), "")], [("a", "")], {}),  # two claims
        ([("w", ("a", "b"), "n")], [("a", "n"), ("b", "m")], {"w": "a"}),  # the name tells
        ([("w", ("a",), "n")], [("a", "m")], {}),  # the name speaks against it
        ([("w", ("a",), "n")], [("a", "")], {"w": "a"}),
        ([("w", ("a",), ""), ("w", ("a",), "")], [("a", "")], {"w": "a"}),  # paid twice by one wrong number
        ([("w", (), "")], [("a", "")], {}),
    ],
)
def test_a_meaning_is_believed_only_when_there_is_one(rows, others, meant):
    found = match(failing(*rows), known(*others))

    assert dict(zip(found["person"], found["meant"], strict=True)) == meant


def test_a_meaning_must_agree_in_programme():
    rows, others = failing(("w", ("a",), "")).assign(programme="x"), known(("a", "")).assign(programme="y")

    assert match(rows, others, within=["programme"]).empty


def test_neighbours_of_another_name_are_struck_out_and_the_input_stays():
    rows = failing(("w", ("a", "b", "c"), "n"))
    before = rows.copy(deep=True)
    found = narrowed(rows, known(("a", "n"), ("b", "m")))

    assert found["person_near"].iloc[0] == ("a", "c")
    pd.testing.assert_frame_equal(rows, before)


def side(*rows: tuple) -> pd.DataFrame:
    """Rows of (person, right, neighbours)."""
    frame = pd.DataFrame(rows, columns=["person", "person_valid", "person_near"])
    return frame.assign(programme="x", person=frame["person"].astype("str"))


@pytest.mark.parametrize(
    ("mine", "others", "expected"),
    [
        ([("w", False, ("a", "b"))], [("a", True, ())], [("a", True, True)]),
        ([("w", False, ("a", "b"))], [("a", True, ()), ("b", True, ())], [("w", False, False)]),
        (
            [("w", False, ("a",)), ("a", True, ())],
            [("a", True, ())],
            [("w", False, False), ("a", True, False)],
        ),  # known
        ([("w", False, ("a",))], [("w", False, ("a",)), ("a", True, ())], [("w", False, False)]),  # both wrote it so
        ([("w", False, ("a",))], [("a", False, ())], [("w", False, False)]),
        ([("a", True, ())], [], [("a", True, False)]),
    ],
)
def test_a_mistyped_row_is_set_right_by_the_one_person_it_can_mean(mine, others, expected):
    found = set_right(side(*mine), side(*others), within=["programme"])

    assert list(zip(found["person"], found["person_valid"], found["corrected"], strict=True)) == expected


# Precision, recall and speed at size


@pytest.fixture(scope="module")
def benchmark(root):
    """The benchmark as a module (it lies beside the package, not in it)."""
    sys.path.insert(0, str(root))
    try:
        return importlib.import_module("benchmarks.identity")
    finally:
        sys.path.remove(str(root))


@pytest.mark.parametrize("names", [False, True])
def test_precision_and_recall_of_a_county(benchmark, names):
    found = benchmark.measured(20_000, 1, 1, names=names)

    assert found["precision"] >= 0.999
    assert round(found["recall"], 2) == 1.00
    assert found["believed"] >= 190


@pytest.mark.slow
@pytest.mark.parametrize(("number", "counties"), [(100_000, 1), (1_000_000, 170)], ids=["crowded county", "province"])
def test_precision_and_recall_at_size(benchmark, number, counties):
    """METHODS, section 4: precision at least 0.999, recall of one-slip numbers 1.00, on pseudonyms."""
    found = benchmark.measured(number, counties)

    assert found["precision"] >= 0.999
    assert round(found["recall"], 2) == 1.00


@pytest.mark.slow
def test_a_million_numbers_are_read_in_seconds(benchmark):
    assert 4 * benchmark.reading(250_000) < 10

"""Identity numbers and names as people mistype them: what is right, what a wrong one can mean, and keyed pseudonyms.

An 18-digit number is right when its check character and its date of birth are (GB 11643-1999; ISO 7064 MOD 11-2). No
register of regions is asked: numbers keep the code of a county that was renamed long ago, and
`stdnum.cn.ric.validate`, which holds the code against the year of birth, refuses most people over 60.

The check character catches every single wrong character and every swap of two neighbours, because each weight has an
inverse modulo 11 and neighbouring weights differ. That also makes the true number easy to find: at each place at most
one other character makes the sum right, so that a failing number has about five right ones one slip away, not 180.
They are hashed here, where the raw number is seen, with the key of the pseudonyms; so a failing number is joined to
the one it means without anyone seeing either. A meaning is accepted only when exactly one candidate is on the other
side, no other failing number claims it, and no name speaks against it: precision before completeness.

Names are compared in one normal form (full-width letters, compatibility and variant characters, spaces and middle dots
do not matter) and are hashed like numbers. Variant characters: `data/name_variants.csv`, from the table of variant
forms of the Table of General Standard Chinese Characters (2013), with the traditional forms of frequent surnames.
"""

from __future__ import annotations

import csv
import functools
import hmac
import re
import unicodedata
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = [
    "Person",
    "check_character",
    "item_number",
    "known_item",
    "lifted",
    "match",
    "name_key",
    "narrowed",
    "neighbours",
    "normal_name",
    "one_slip",
    "pseudonym",
    "read",
    "set_right",
]

Digits: TypeAlias = NDArray[np.int16]
"""Numbers by row, characters by column: 0-9, 10 for X, ODD for anything else."""

WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2, 1], dtype=np.int16)
INVERSES = np.array([pow(int(w), -1, 11) for w in WEIGHTS], dtype=np.int16)
CHARACTERS = np.frombuffer(b"0123456789X", dtype=np.uint8)
ODD = 99
BORN = (1850, 2100)
"""Years of birth that a right number may have."""
CHUNK = 20_000
"""Failing numbers whose neighbours are worked out at a time: 35 candidates each, in 25 MB."""
MIDDLE_DOTS = re.compile("[\u00b7\u2022\u2027\u2219\u22c5\u30fb\uff65\u318d\u2024.\\s]")


class Person(NamedTuple):
    """What is kept of an identity number: the pseudonym, whether it is right, the pseudonyms of the right numbers one
    slip away when it is not, the date of birth as 19580630 (0 when it is not right), and the sex ("" likewise)."""

    pseudonym: str
    valid: bool
    near: tuple[str, ...] = ()
    birth: int = 0
    sex: str = ""


def check_character(first17: str) -> str:
    """Return the check character of an 18-digit identity number (GB 11643-1999, ISO 7064 MOD 11-2).

    >>> check_character("11010519491231002")
    'X'
    """
    return "10X98765432"[sum(int(d) * int(w) for d, w in zip(first17, WEIGHTS[:17], strict=True)) % 11]


def read(numbers: Sequence[str], key: bytes) -> list[Person]:
    """Return what is kept of each number; `numbers` of 18 characters, upper case. `key` hashes the pseudonyms."""
    digits = _digits(numbers, 18)
    valid = _valid(digits)
    near: dict[int, tuple[str, ...]] = {}
    failing = np.flatnonzero(~valid)
    for at, numbers_near in zip(failing, one_slip([numbers[i] for i in failing]), strict=True):
        near[int(at)] = tuple(pseudonym(n, key) for n in numbers_near)
    birth = np.where(valid, _birth(digits), 0).tolist()
    sexes = np.where(valid, np.where(digits[:, 16] % 2 == 1, "male", "female"), "").tolist()
    hashed = [pseudonym(n, key) for n in numbers]
    return [Person(p, v, near.get(i, ()), b, s)
            for i, (p, v, b, s) in enumerate(zip(hashed, valid.tolist(), birth, sexes, strict=True))]  # fmt: skip


def lifted(numbers: Sequence[str]) -> list[str]:
    """Return what old numbers of 15 digits are since 1999, with the century and a check character; "" for a wrong date.

    >>> lifted(["110105491231002"])
    ['11010519491231002X']
    """
    whole = _since_1999(_digits([n if len(n) == 15 else "" for n in numbers], 15))
    right, found = _valid(whole), np.full(len(numbers), "", dtype="U18")
    found[right] = _texts(whole[right])
    return found.tolist()


def pseudonym(number: str, key: bytes) -> str:
    """Return the keyed hash of a text, 24 hexadecimal digits (HMAC-SHA-256)."""
    return hmac.digest(key, number.encode(), "sha256").hex()[:24]


def one_slip(numbers: Sequence[str]) -> list[list[str]]:
    """Return, for each failing number of 15 and more characters, the right numbers that one slip turns into it, sorted.

    A slip is one wrong character (also one that no number has), two neighbours swapped, one character left out or one
    too many; in an old number of 15, whose only check is the date of birth, one digit of that or a swap in it.
    """
    by_length: dict[int, list[int]] = {}
    for at, number in enumerate(numbers):
        by_length.setdefault(len(number), []).append(at)
    found: list[list[str]] = [[] for _ in numbers]
    for length, where in by_length.items():
        for start in range(0, len(where), CHUNK):
            part = where[start : start + CHUNK]
            owners, texts = neighbours(_digits([numbers[i] for i in part], length))
            for owner, text in zip(owners.tolist(), texts.tolist(), strict=True):
                found[part[owner]].append(text)
    return [sorted(set(texts)) for texts in found]


def neighbours(digits: Digits) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Return (row of the failing number, right number one slip away), by number of columns: 15, 17, 18 or 19."""
    slips = {15: _slips_of_old, 17: _left_out, 18: _wrong_or_swapped, 19: _too_many}
    owners, candidates = slips[digits.shape[1]](digits)
    right = _valid(candidates)
    return owners[right], _texts(candidates[right])


def match(failing: pd.DataFrame, known: pd.DataFrame, *, within: Sequence[str] = ()) -> pd.DataFrame:
    """Return within, person, meant: the failing pseudonyms that mean exactly one person, and whom.

    `failing`: person, person_near, and person_name where names are known. `known`: the persons on the other side who
    may be meant (those with something missing, the more narrowly chosen the better): person, perhaps person_name.
    `within`: columns of both in which a meaning must agree (programme, month). Accepted when exactly one candidate is
    known, no other failing number claims it, and no name speaks against it.
    """
    columns = [*within, "person", "person_near", *(["person_name"] if "person_name" in failing else [])]
    claims = failing[columns].explode("person_near").dropna(subset="person_near").drop_duplicates()
    claims = claims.astype({"person_near": "str"})
    theirs = known[[*within, "person", *(["person_name"] if "person_name" in known else [])]]
    theirs = theirs.rename(columns={"person": "person_near", "person_name": "name_known"})
    claims = claims.merge(theirs.drop_duplicates(), on=[*within, "person_near"])
    if "person_name" in claims and "name_known" in claims:
        claims = claims[~_contradict(claims["person_name"], claims["name_known"])]
    choices = claims.groupby([*within, "person"])["person_near"].transform("nunique")
    rivals = claims.groupby([*within, "person_near"])["person"].transform("nunique")
    accepted = claims[(choices == 1) & (rivals == 1)].drop_duplicates([*within, "person"])
    return accepted.rename(columns={"person_near": "meant"})[[*within, "person", "meant"]].reset_index(drop=True)


def narrowed(rows: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Return rows whose `person_near` holds no longer whom a name speaks against.

    `rows`, `known`: frames with person and person_name ("" for none); where either has no names, nothing changes.
    """
    failing = rows.index[~rows["person_valid"].astype(bool)]
    if "person_name" not in rows or "person_name" not in known or not len(failing):
        return rows
    names = known[known["person_name"] != ""].groupby("person")["person_name"].agg(set)
    both = rows.loc[failing, ["person_near", "person_name"]].itertuples(name=None)
    kept = {at: tuple(n for n in near if _may_be(name, names.get(n))) for at, near, name in both}
    near = rows["person_near"].copy()
    near.loc[failing] = pd.Series(kept, dtype=object)
    return rows.assign(person_near=near)


def set_right(rows: pd.DataFrame, others: pd.DataFrame, *, within: Sequence[str]) -> pd.DataFrame:
    """Return rows with the failing numbers that mean exactly one person set right, and `corrected` where that was done.

    Who may be meant: a right number among `others` (that agrees in `within`) of whom `rows` know nothing.
    """
    sides = [pd.MultiIndex.from_frame(frame[[*within, "person"]].astype(object)) for frame in (others, rows)]
    known = others[others["person_valid"].astype(bool) & ~sides[0].isin(sides[1])]
    failing = rows[~rows["person_valid"].astype(bool) & ~sides[1].isin(sides[0])]
    found = match(failing, known, within=within) if len(failing) and len(known) else failing[[*within, "person"]][:0]
    if found.empty:
        return rows.assign(corrected=False)
    meant = found.set_index([*within, "person"])["meant"].to_dict()
    right = [meant.get(key, "") for key in rows[[*within, "person"]].itertuples(index=False, name=None)]
    corrected = pd.Series(right, rows.index, dtype="str") != ""
    person = rows["person"].mask(corrected, pd.Series(right, rows.index, dtype="str"))
    return rows.assign(person=person, person_valid=rows["person_valid"] | corrected, corrected=corrected)


def normal_name(name: str) -> str:
    """Return a name in the form in which names are compared: "" for none.

    >>> normal_name("Li\uff65 Na") == normal_name("LI NA")
    True
    """
    plain = MIDDLE_DOTS.sub("", unicodedata.normalize("NFKC", name)).upper()
    return plain.translate(_variants())


def name_key(name: str, key: bytes) -> str:
    """Return the keyed hash of a name in its normal form, "" for none; it is no pseudonym of any number."""
    plain = normal_name(name)
    return pseudonym(f"name:{plain}", key) if plain else ""


@functools.cache
def _variants() -> Mapping[int, str]:
    file = resources.files(__package__).joinpath("data", "name_variants.csv")
    return {ord(row["variant"]): row["standard"] for row in csv.DictReader(file.read_text("utf-8-sig").splitlines())}


def _may_be(name: str, names: set[str] | None) -> bool:
    return not name or not names or name in names


def _contradict(one: pd.Series, other: pd.Series) -> pd.Series:
    return (one != "") & (other != "") & (one != other)


# ---- numbers of items -------------------------------------------------------------------------------------


LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""No I, L, O and U, which are misread (D. Crockford's base 32)."""
READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def item_number(parts: Sequence[str], key: bytes) -> str:
    """Return the number of an item, the same whenever its parts and the key are: `7K3Q-9XZ2-M4T8`, the last three of
    its characters a check that only the holder of the key can make."""
    head = _lettered("item", "\x1f".join(parts), key, 9)
    whole = head + _lettered("check", head, key, 3)
    return "-".join(whole[at : at + 4] for at in (0, 4, 8))


def known_item(text: str, key: bytes) -> str:
    """Return the number of an item in its usual form, "" when it is none that was made with this key."""
    plain = text.upper().translate(READ_AS)
    right = len(plain) == 12 and plain[9:] == _lettered("check", plain[:9], key, 3)
    return "-".join(plain[at : at + 4] for at in (0, 4, 8)) if right else ""


def _lettered(purpose: str, text: str, key: bytes, length: int) -> str:
    number = int.from_bytes(hmac.digest(key, f"{purpose}:{text}".encode(), "sha256")[:8])
    return "".join(LETTERS[number >> 5 * at & 31] for at in range(length))


# ---- numbers as arrays ------------------------------------------------------------------------------------


def _digits(numbers: Sequence[str], length: int) -> Digits:
    raw = np.array([n.encode("ascii", "replace") for n in numbers], dtype=f"S{length}")
    codes = raw.view(np.uint8).reshape(len(numbers), length)
    digits = codes.astype(np.int16) - ord("0")
    digits[codes == ord("X")] = 10
    digits[(digits < 0) | (digits > 10) | (codes == ord(":"))] = ODD
    return digits


def _texts(digits: Digits) -> NDArray[np.str_]:
    letters = np.ascontiguousarray(CHARACTERS[digits.astype(np.intp)])
    return letters.view(f"S{digits.shape[1]}").reshape(len(digits)).astype("U")


def _valid(digits: Digits) -> NDArray[np.bool_]:
    """Return which numbers of 18 have the right check character and a date of birth that exists."""
    proper = (digits[:, :17] <= 9).all(axis=1) & (digits[:, 17] <= 10)
    return proper & (digits @ WEIGHTS % 11 == 1) & _day_exists(digits)


def _birth(digits: Digits) -> NDArray[np.int32]:
    return (digits[:, 6:14].astype(np.int32) @ (10 ** np.arange(7, -1, -1, dtype=np.int32))).astype(np.int32)


def _day_exists(digits: Digits) -> NDArray[np.bool_]:
    birth = _birth(digits)
    year, month, day = birth // 10_000, birth // 100 % 100, birth % 100
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])[np.where(month <= 12, month, 0)]
    last = last + ((month == 2) & leap)
    return (year >= BORN[0]) & (year <= BORN[1]) & (day >= 1) & (day <= last)


def _repeated(digits: Digits, times: int) -> tuple[NDArray[np.int64], Digits, NDArray[np.int64]]:
    """Return each row so many times: the row's number, its digits, and which time it is."""
    owners = np.repeat(np.arange(len(digits)), times)
    return owners, digits[owners], np.tile(np.arange(times), len(digits))


def _solved(candidates: Digits, at: NDArray[np.int64]) -> Digits:
    """Return the candidates with the one character at a place that makes the sum right."""
    rows = np.arange(len(candidates))
    candidates[rows, at] = 0
    candidates[rows, at] = (1 - candidates @ WEIGHTS) * INVERSES[at] % 11
    return candidates


def _wrong_or_swapped(digits: Digits) -> tuple[NDArray[np.int64], Digits]:
    owners, wrong, at = _repeated(digits, 18)
    wrong = _solved(wrong, at)
    changed = (wrong != digits[owners]).any(axis=1)
    others, swapped, at = _repeated(digits, 17)
    rows = np.arange(len(swapped))
    swapped[rows, at], swapped[rows, at + 1] = swapped[rows, at + 1].copy(), swapped[rows, at].copy()
    return np.concatenate([owners[changed], others]), np.concatenate([wrong[changed], swapped])


def _left_out(digits: Digits) -> tuple[NDArray[np.int64], Digits]:
    owners, short, at = _repeated(digits, 18)
    place = np.arange(18)[None, :]
    source = np.clip(place - (place > at[:, None]), 0, 16)
    return owners, _solved(np.take_along_axis(short, source, axis=1), at)


def _too_many(digits: Digits) -> tuple[NDArray[np.int64], Digits]:
    owners, long, at = _repeated(digits, 19)
    place = np.arange(18)[None, :]
    return owners, np.take_along_axis(long, place + (place >= at[:, None]), axis=1)


def _slips_of_old(digits: Digits) -> tuple[NDArray[np.int64], Digits]:
    owners, wrong, n = _repeated(digits, 60)
    wrong[np.arange(len(wrong)), 6 + n // 10] = n % 10
    others, swapped, at = _repeated(digits, 7)
    rows, at = np.arange(len(swapped)), at + 5
    swapped[rows, at], swapped[rows, at + 1] = swapped[rows, at + 1].copy(), swapped[rows, at].copy()
    return np.concatenate([owners, others]), _since_1999(np.concatenate([wrong, swapped]))


def _since_1999(old: Digits) -> Digits:
    """Return numbers of 15 with the century and a check character."""
    century = np.tile(np.array([1, 9], dtype=np.int16), (len(old), 1))
    whole = np.concatenate([old[:, :6], century, old[:, 6:], np.zeros((len(old), 1), dtype=np.int16)], axis=1)
    return _solved(whole, np.full(len(whole), 17))

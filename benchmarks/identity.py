"""Mistyped identity numbers: how many are set right, and how many rightly, on pseudonyms alone.

Made-up people of so many counties; one number in a hundred is mistyped (half of them one wrong character, three in ten
two neighbours swapped, the rest one character left out or one too many), and one in a thousand belongs to a stranger
whose number is mistyped too. Whom a number may mean are those with nothing paid: the mistyped, as many unpaid people
again, and in a crowded county everybody's neighbours. Precision: of the meanings believed, those that are right;
recall: of the mistyped numbers, those set right.

    python -m benchmarks.identity --people 1e6 --counties 170 --json OUT
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fpanalysis.identity import check_character, match, name_key, one_slip, pseudonym, read

SEED = 20180630
KEY = b"a key of the benchmark"
KINDS = ("wrong", "swapped", "left out", "too many")
SHARES = (0.5, 0.3, 0.1, 0.1)
NAMES = 5_000
"""Different names, so that one in so many strangers has the right one by chance."""


def people(number: int, counties: int, rng: np.random.Generator) -> list[str]:
    """Return different identity numbers of people aged 18 to 90, of so many counties that do not exist."""
    days = pd.Timestamp("2000-06-30") - pd.to_timedelta(rng.integers(0, 26_000, 2 * number), unit="D")
    county, serial = rng.integers(0, counties, 2 * number), rng.integers(0, 1000, 2 * number)
    born = days.strftime("%Y%m%d")
    bodies = {f"{139800 + c}{d}{s:03d}" for c, d, s in zip(county, born, serial, strict=True)}
    chosen = rng.permutation(sorted(bodies))[:number].tolist()
    return [body + check_character(body) for body in chosen]


def slip(number: str, rng: np.random.Generator) -> str:
    """Return a number with one slip of a kind drawn from SHARES; never the number itself."""
    while True:
        at, kind, digit = int(rng.integers(1, 18)), rng.choice(len(KINDS), p=SHARES), str(rng.integers(10))
        wrong = (
            number[:at] + digit + number[at + 1 :],
            number[: at - 1] + number[at] + number[at - 1] + number[at + 1 :],
            number[:at] + number[at + 1 :],
            number[:at] + digit + number[at:],
        )[kind]
        if wrong != number:
            return wrong


def measured(number: int, counties: int, seed: int = SEED, *, names: bool = False) -> dict[str, Any]:
    """Return precision, recall, meanings believed, and CPU seconds of finding and joining the neighbours."""
    rng = np.random.default_rng(seed)
    numbers = people(number, counties, rng)
    true, unpaid = numbers[: number // 100], numbers[number // 100 : number // 50]
    strangers = people(max(1, number // 1000), counties, rng)
    wrong = [slip(n, rng) for n in [*true, *strangers]]
    begun = time.process_time()
    near = [tuple(pseudonym(n, KEY) for n in texts) for texts in one_slip(wrong)]
    rows = pd.DataFrame({"person": [pseudonym(n, KEY) for n in wrong], "person_near": near})
    others = pd.DataFrame({"person": [pseudonym(n, KEY) for n in [*true, *unpaid]]})
    if names:
        rows["person_name"] = _names([*true, *strangers])
        others["person_name"] = _names([*true, *unpaid])
    found = match(rows, others)
    seconds = time.process_time() - begun
    meant = dict(zip(rows["person"], others["person"][: len(true)], strict=False))
    right = sum(meant.get(p) == m for p, m in zip(found["person"], found["meant"], strict=True))
    return {"precision": right / len(found), "recall": right / len(true), "believed": len(found), "cpu_s": seconds}


def _names(numbers: list[str]) -> list[str]:
    return [name_key(f"n{int(n[:17]) % NAMES}", KEY) for n in numbers]


def reading(number: int, seed: int = SEED) -> float:
    """Return the CPU seconds of reading so many right numbers: check, date, pseudonym."""
    numbers = people(number, 170, np.random.default_rng(seed))
    begun = time.process_time()
    read(numbers, KEY)
    return time.process_time() - begun


def main() -> None:
    """Measure with and without names, print, and write JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=float, default=1e5)
    parser.add_argument("--counties", type=int, default=170)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", type=Path)
    words = parser.parse_args()
    number = int(words.people)
    results = {name: measured(number, words.counties, words.seed, names=names)
               for name, names in (("numbers alone", False), ("with names", True))}  # fmt: skip
    for name, row in results.items():
        print(f"{name}: precision {row['precision']:.5f}, recall {row['recall']:.5f}, "
              f"{row['believed']} believed, {row['cpu_s']:.2f} CPU s")  # fmt: skip
    seconds = reading(number, words.seed)
    print(f"reading {number} right numbers: {seconds:.2f} CPU s")
    if words.json:
        about = {"people": number, "counties": words.counties, "seed": words.seed, "reading_cpu_s": seconds}
        words.json.write_text(json.dumps({**about, "results": results}, indent=1), "utf-8")


if __name__ == "__main__":
    main()

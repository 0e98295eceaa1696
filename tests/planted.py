"""Rolls and payments of made-up people, each a case of one class whose money is known: what the engines must give back."""

import datetime as dt
import random

import pandas as pd

MONTHS = pd.period_range("2018-01", "2018-06", freq="M")
AS_OF = dt.date(2018, 7, 18)
YEARLY, QUARTERLY, OTHER = "rural_award", "special_support", "other_award"


def rates() -> pd.DataFrame:
    """A yearly award in June from 60 years, a quarterly one whose rate rises in April, and a monthly one."""
    records = [
        (YEARLY, "2001-01-01", 96000, "year", (6,), 15, "age >= 60", (OTHER,)),
        (QUARTERLY, "2001-01-01", 34000, "month", (3, 6, 9, 12), 15, "", ()),
        (QUARTERLY, "2018-04-01", 45000, "month", (3, 6, 9, 12), 15, "", ()),
        (OTHER, "2001-01-01", 1000, "month", (), 400, "", ()),
    ]
    columns = ["programme", "effective", "amount", "unit", "pays", "grace_days", "eligible", "excludes"]
    return pd.DataFrame(records, columns=columns).astype({"effective": "datetime64[ns]"})


def roll_row(person, programme=YEARLY, start="2016-05-01", exit=None, birth="1950-03-01", place="a"):
    return person, programme, place, start, exit, "died" if exit else "", birth


def pay_row(person, due="2018-06", fen=96000, paid="2018-06-25", status="paid", programme=YEARLY, place="a"):
    return person, programme, place, due, fen, paid, status


def _quarters(p, march=102000, june=135000):
    return [
        pay_row(p, "2018-03", march, "2018-03-28", programme=QUARTERLY),
        pay_row(p, "2018-06", june, programme=QUARTERLY),
    ]


CASES = {
    "matched": lambda p: ([roll_row(p)], [pay_row(p)]),
    "matched ": lambda p: ([roll_row(p, QUARTERLY)], _quarters(p)),
    "matched  ": lambda p: ([roll_row(p, start="2018-06-30")], [pay_row(p, fen=46000), pay_row(p, fen=50000)]),
    "unpaid": lambda p: ([roll_row(p)], []),
    "paid_twice": lambda p: ([roll_row(p)], [pay_row(p), pay_row(p)]),
    "on_roll_twice": lambda p: ([roll_row(p), roll_row(p)], [pay_row(p)]),
    "not_on_roll": lambda p: ([], [pay_row(p)]),
    "paid_after_exit": lambda p: ([roll_row(p, exit="2017-03-01")], [pay_row(p)]),
    "before_start": lambda p: ([roll_row(p, start="2018-07-01")], [pay_row(p)]),
    "wrong_rate": lambda p: ([roll_row(p, QUARTERLY)], _quarters(p, june=102000)),
    "wrong_amount": lambda p: ([roll_row(p)], [pay_row(p, fen=95999)]),
    "late": lambda p: ([roll_row(p)], [pay_row(p, paid="2018-07-16")]),
    "returned": lambda p: ([roll_row(p)], [pay_row(p, status="returned")]),
    "carried_over": lambda p: ([roll_row(p, OTHER)], []),
    "ineligible": lambda p: ([roll_row(p, birth="1958-07-01")], [pay_row(p)]),
    "nothing_due": lambda p: ([roll_row(p, exit="2018-05-01")], []),
    "two_rolls": lambda p: ([roll_row(p), roll_row(p, OTHER)], [pay_row(p)]),
    "no_key": lambda p: ([], [pay_row(None)]),
}
"""Rows of the roll and of payments of one person, by class."""

MONEY = {
    "matched": (96000, 96000), "matched ": (237000, 237000), "matched  ": (96000, 96000), "unpaid": (96000, 0),
    "paid_twice": (96000, 192000), "on_roll_twice": (96000, 96000), "not_on_roll": (0, 96000),
    "paid_after_exit": (0, 96000), "before_start": (0, 96000), "wrong_rate": (237000, 204000),
    "wrong_amount": (96000, 95999), "late": (96000, 96000), "returned": (96000, 0), "carried_over": (0, 0),
    "ineligible": (0, 96000), "nothing_due": (0, 0), "two_rolls": (96000, 96000), "no_key": (0, 96000),
}  # fmt: skip
"""What is due and what is paid in each case, in fen."""


def mix(seed: int, most: int = 6) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, list[int]]]:
    """A roll, payments, and by class the people (person-programmes), fen due and fen paid; rows in no order."""
    random_ = random.Random(seed)
    roll, payments, truth = [], [], {}
    for case in CASES:
        for n in range(random_.randrange(most)):
            on_roll, paid = CASES[case](f"{case.strip()}{len(case)}-{n}")
            place = random_.choice("abc")
            roll += [(*row[:2], place, *row[3:]) for row in on_roll]
            payments += [(*row[:2], place, *row[3:]) for row in paid]
            kept = truth.setdefault(case.strip(), [0, 0, 0])
            for i, number in enumerate((2 if case == "two_rolls" else 1, *MONEY[case])):
                kept[i] += number
    random_.shuffle(roll)
    random_.shuffle(payments)
    return _roll(roll), _payments(payments), truth


def _roll(rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["person", "programme", "place", "start", "exit", "reason", "birth"])
    frame = frame.astype(dict.fromkeys(["person", "programme", "place", "reason"], "str"))
    return frame.assign(**{name: pd.to_datetime(frame[name]) for name in ("start", "exit", "birth")})


def _payments(rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["person", "programme", "place", "due", "amount", "paid", "status"])
    text = dict.fromkeys(["programme", "place", "status"], "str")
    return frame.astype(text).assign(
        due=pd.PeriodIndex(frame["due"], freq="M"), amount=frame["amount"].astype("int64"), paid=pd.to_datetime(frame["paid"]),
        person_valid=True, person_near=[() for _ in rows],
    )  # fmt: skip


def by_class(found: pd.DataFrame) -> dict[str, list[int]]:
    """People, fen due and fen paid of each class of an answer of `classify`."""
    sums = found.groupby("class").agg(people=("programme", "size"), entitled=("entitled", "sum"), paid=("paid", "sum"))
    return {str(name): [int(n) for n in row] for name, row in sums.iterrows()}

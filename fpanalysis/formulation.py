"""The reconciliation as one SQL text: every source becomes rows, one union, one group-by, ordered rules, one class.

The text is portable: DuckDB and Spark SQL run it letter by letter, and it may run on one hash bucket of the persons
after another, because no step looks beyond one person. It knows whole numbers only: persons, programmes, places and
reasons are codes, days are counted from 1970-01-01, months are year x 12 + month - 1, dates of birth are 19580630,
money is fen. Every sum is cast to BIGINT (a wider type would come back as floating point).

What stands in the tables that the text reads (`TABLES`), and the definitions it holds to, is said in `reconcile`.

The steps. `tally` counts, for each person-programme, the rows that are exactly as they should be: on the roll on every
day that counts, and each payment due paid once, in full, in time. Who has these rows and no others is `matched` and
needs no closer look: on a sound roll nine in ten; who is `barred` (on a roll that excludes another) has a row too many.
`odd` are the rest; their rows are looked at month by month (`owed`, `months`, `judged`) and end in marks for each thing
that can be wrong. The rules (`catalogue/rules.csv`) are asked in their order of all alike, and the first that fits is
the class. Rows without a person are each a case of their own.

The idea of one key, counts and sums by source and one ordered list of rules is that of record reconciliation in
accounting. A sum of tokens 1, 16, 256, ... tells that each stands once when the number of rows is that of the
tokens; of a rate paid once, the tokens of the payment and of the month in which the person joined cancel out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["OPEN", "PLACES", "TABLES", "query", "spells_query"]

OPEN = 110_000
"""The day that stands for "no exit yet" (2271-03-04), later than any in a file."""

PLACES = 1 << 20
"""One more than the largest code of a place."""

DAYS_BEFORE_1970 = 60_000
"""Added to days where they are put together with a place, so that they are above zero."""

TABLES: Mapping[str, tuple[str, ...]] = {
    "roll": ("programme", "person", "place", "since", "until", "reason", "birth", "sex", "corrected"),
    "payments": ("programme", "person", "place", "due", "amount", "paid", "returned", "corrected"),
    "near": ("programme", "person", "due", "near"),
    "terms": ("programme", "opens", "closes", "tokens", "dues", "whole"),
    "calendar": ("programme", "due", "closes", "deadline", "waiting", "token", "amiss", "whole"),
    "parts": ("programme", "due", "opens", "day", "ymd", "once", "amount"),
    "tariff": ("programme", "due", "amount"),
    "excludes": ("programme", "other"),
}
"""Every table the text reads, with its columns; `roll`, `payments` and `near` have rows about persons.

`near`: pseudonyms that a failing number of a payment may mean. `terms`: a row a programme, first and last day that
counts, what a sound person's tokens add up to, how many payments are due, and of how much (fen). `calendar`: a row a
programme and month of the period: last day, last day in time, whether that is still to come, token of the full payment
and of one that is not as it should be, and the full amount (0 where none is due). `parts`: the days that a payment
stands for, each with its amount. `tariff`: every amount that a part ever had. `excludes`: programmes of which nobody
may be on both rolls.
"""

# Equal rows come in any order, in each window in its own: RANGE counts them together, ROWS would part them.
SPELLS = """
ordered AS (
  SELECT r.*,
    MAX(until) OVER (PARTITION BY programme, person ORDER BY since, until, place, reason
                     ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached,
    LAG(since) OVER (PARTITION BY programme, person ORDER BY since, until, place, reason) AS since_before
  FROM {roll} r WHERE until >= since),
numbered AS (
  SELECT o.*,
    SUM(CASE WHEN reached IS NULL OR (since >= reached AND since <> since_before) THEN 1 ELSE 0 END)
      OVER (PARTITION BY programme, person ORDER BY since, until, place, reason
            RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS spell,
    CASE WHEN reached IS NULL OR (since >= reached AND since <> since_before) THEN 1 ELSE 0 END AS head
  FROM ordered o),
spells AS (
  SELECT programme, person, CAST(spell AS BIGINT) AS spell, MIN(since) AS since, MAX(until) AS until,
    CAST(COUNT(*) AS BIGINT) AS listed, MAX(CASE WHEN head = 1 THEN place END) AS place,
    MAX((CAST(until AS BIGINT) + {before}) * {places} + reason) % {places} AS reason,
    MAX(birth) AS birth, MAX(sex) AS sex
  FROM numbered GROUP BY programme, person, spell)"""

STEPS = """
WITH known AS (SELECT * FROM roll WHERE person IS NOT NULL),
made AS (
  SELECT p.*, c.deadline, c.token, c.amiss, c.whole
  FROM payments p JOIN calendar c ON p.programme = c.programme AND p.due = c.due WHERE p.person IS NOT NULL),
barred AS ({barred}),
tally AS (
  SELECT programme, person, MAX(place) AS place, CAST(SUM(token) AS BIGINT) AS tokens, COUNT(*) AS found
  FROM (
    SELECT r.programme, r.person, r.place,
      CASE {entering}WHEN r.since <= t.opens AND r.until > t.closes AND r.corrected = 0 AND {sound} THEN 1
           ELSE 0 END AS token
    FROM known r JOIN terms t ON r.programme = t.programme
    UNION ALL
    SELECT m.programme, m.person, -1,
      CASE WHEN m.returned = 0 AND m.corrected = 0 AND m.paid <= m.deadline AND m.amount = m.whole
           THEN m.token ELSE m.amiss END
    FROM made m
    UNION ALL SELECT programme, person, -1, 0 FROM barred) rows_of_all
  GROUP BY programme, person),
odd AS (
  SELECT y.programme, y.person, CASE WHEN b.person IS NULL THEN 0 ELSE 1 END AS rivals
  FROM tally y JOIN terms t ON y.programme = t.programme
  LEFT JOIN barred b ON y.programme = b.programme AND y.person = b.person
  WHERE y.tokens <> t.tokens OR y.found <> t.dues + 1),
on_roll AS (SELECT r.* FROM known r JOIN odd o ON r.programme = o.programme AND r.person = o.person),
paid_to AS (SELECT m.* FROM made m JOIN odd o ON m.programme = o.programme AND m.person = o.person),
{spells},
ends AS (
  SELECT programme, person, MIN(since) AS earliest, MAX(until) AS latest FROM spells GROUP BY programme, person),
bounds AS (
  SELECT programme, person, MIN(since) AS first_since, MAX(until) AS last_until, MAX(corrected) AS corrected,
    MAX((CAST(since AS BIGINT) + {before}) * {places} + place) AS spot
  FROM on_roll GROUP BY programme, person),
days AS (
  SELECT s.programme, s.person, s.spell, p.due, p.once, p.amount, e.earliest, e.latest, p.day,
    CASE WHEN p.once = 1 THEN CASE WHEN s.since BETWEEN p.opens AND p.day THEN 1 ELSE 0 END
         WHEN s.since <= p.day AND s.until > p.day THEN 1 ELSE 0 END AS counts,
    CASE WHEN {eligible} THEN 1 ELSE 0 END AS may
  FROM spells s JOIN parts p ON s.programme = p.programme
  JOIN ends e ON s.programme = e.programme AND s.person = e.person),
owed AS (
  SELECT programme, person, due, CAST(SUM(amount * counts * may) AS BIGINT) AS entitled,
    CAST(SUM(counts * may) AS BIGINT) AS parts, CAST(SUM(counts * (1 - may)) AS BIGINT) AS barred,
    CAST(CASE WHEN MAX(once) = 1 THEN MAX(amount * counts)
         ELSE SUM(CASE WHEN spell = 1 AND earliest <= day THEN amount ELSE 0 END) END AS BIGINT) AS without_exit,
    CAST(CASE WHEN MAX(once) = 1 THEN MAX(amount * counts)
         ELSE SUM(CASE WHEN spell = 1 AND latest > day THEN amount ELSE 0 END) END AS BIGINT) AS without_start
  FROM days GROUP BY programme, person, due),
claims AS (
  SELECT DISTINCT n.programme, n.person, n.due, n.near
  FROM near n JOIN owed o ON n.programme = o.programme AND n.near = o.person AND n.due = o.due
  WHERE o.entitled > 0
    AND NOT EXISTS (SELECT 1 FROM paid_to m WHERE m.programme = n.programme AND m.person = n.near AND m.due = n.due
                    AND m.returned = 0)
    AND NOT EXISTS (SELECT 1 FROM on_roll r WHERE r.programme = n.programme AND r.person = n.person)),
meant AS (
  SELECT programme, person, due, near FROM (
    SELECT c.*, COUNT(*) OVER (PARTITION BY programme, person, due) AS choices,
      COUNT(*) OVER (PARTITION BY programme, near, due) AS rivals FROM claims c) weighed
  WHERE choices = 1 AND rivals = 1),
received AS (
  SELECT m.programme, COALESCE(n.near, m.person) AS person, m.place, m.due, m.amount, m.paid, m.deadline, m.returned,
    CASE WHEN n.near IS NOT NULL OR m.corrected > 0 THEN 1 ELSE 0 END AS corrected
  FROM paid_to m
  LEFT JOIN meant n ON m.programme = n.programme AND m.person = n.person AND m.due = n.due),
months AS (
  SELECT programme, person, due, CAST(SUM(entitled) AS BIGINT) AS entitled, CAST(SUM(parts) AS BIGINT) AS parts,
    CAST(SUM(barred) AS BIGINT) AS barred, CAST(SUM(without_exit) AS BIGINT) AS without_exit,
    CAST(SUM(without_start) AS BIGINT) AS without_start, CAST(SUM(paid) AS BIGINT) AS paid,
    CAST(SUM(in_time) AS BIGINT) AS in_time, CAST(SUM(paid_rows) AS BIGINT) AS paid_rows,
    CAST(SUM(late_rows) AS BIGINT) AS late_rows, CAST(SUM(returned_rows) AS BIGINT) AS returned_rows,
    CAST(SUM(corrected) AS BIGINT) AS corrected
  FROM (
    SELECT programme, person, due, entitled, parts, barred, without_exit, without_start, 0 AS paid, 0 AS in_time,
      0 AS paid_rows, 0 AS late_rows, 0 AS returned_rows, 0 AS corrected
    FROM owed
    UNION ALL
    SELECT programme, person, due, 0, 0, 0, 0, 0, amount * (1 - returned),
      CASE WHEN returned = 0 AND paid <= deadline THEN amount ELSE 0 END,
      1 - returned, CASE WHEN returned = 0 AND paid > deadline THEN 1 ELSE 0 END, returned, corrected
    FROM received) rows_of_both
  GROUP BY programme, person, due),
held AS (
  SELECT m.programme, m.person, m.due, m.parts, m.without_exit, m.without_start, m.paid, m.in_time, m.paid_rows,
    m.late_rows, m.returned_rows, m.corrected, c.closes, b.first_since, b.last_until,
    CASE WHEN c.waiting = 1 AND m.paid_rows + m.returned_rows = 0 THEN 0 ELSE m.entitled END AS entitled,
    CASE WHEN c.waiting = 1 AND m.paid_rows + m.returned_rows = 0 THEN m.entitled ELSE 0 END AS carried,
    CASE WHEN c.waiting = 1 AND m.paid_rows + m.returned_rows = 0 THEN 0 ELSE m.barred END AS barred
  FROM months m JOIN calendar c ON m.programme = c.programme AND m.due = c.due
  LEFT JOIN bounds b ON m.programme = b.programme AND m.person = b.person),
judged AS (
  SELECT h.*, CASE WHEN h.paid > h.entitled THEN 1 ELSE 0 END AS over_paid,
    CASE WHEN h.paid > h.entitled AND h.entitled > 0 AND h.paid_rows > 1 THEN 1 ELSE 0 END AS twice,
    CASE WHEN h.entitled > 0 AND h.paid <> h.entitled AND f.amount IS NOT NULL THEN 1 ELSE 0 END AS other_rate
  FROM held h
  LEFT JOIN tariff f ON h.programme = f.programme AND h.due = f.due AND h.paid = h.parts * f.amount
    AND h.parts > 0),
marked AS (
  SELECT programme, person, entitled, carried, paid, corrected, barred, twice, other_rate, 0 AS listed, 0 AS inside,
    CASE WHEN over_paid = 1 AND twice = 0 AND COALESCE(last_until, {open}) <= closes
              AND (entitled <= 0 OR paid = without_exit) THEN 1 ELSE 0 END AS gone,
    CASE WHEN over_paid = 1 AND twice = 0 AND CASE WHEN entitled > 0 THEN paid = without_start
              ELSE COALESCE(first_since, closes) > closes END THEN 1 ELSE 0 END AS early,
    CASE WHEN entitled > 0 AND paid = 0 AND returned_rows > 0 THEN 1 ELSE 0 END AS returned,
    CASE WHEN entitled > 0 AND paid = 0 AND returned_rows = 0 THEN 1 ELSE 0 END AS unpaid,
    CASE WHEN paid <> entitled THEN 1 ELSE 0 END AS wrong,
    CASE WHEN entitled > 0 AND late_rows > 0 THEN 1 ELSE 0 END AS late,
    CASE WHEN entitled > 0 AND in_time < entitled THEN 1 ELSE 0 END AS short,
    CASE WHEN entitled > 0 OR paid <> 0 THEN 1 ELSE 0 END AS touched, paid_rows + returned_rows AS payments
  FROM judged
  WHERE entitled > 0 OR carried > 0 OR barred > 0 OR paid_rows + returned_rows > 0
  UNION ALL
  SELECT programme, person, 0, 0, 0, 0, 0, 0, 0, listed, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
  FROM spells WHERE since <= {closes} AND (until > {opens} OR since >= {opens})),
spots AS (
  SELECT programme, person, MAX(CASE WHEN rank = 3 THEN spot END) AS spell,
    MAX(CASE WHEN rank = 2 THEN spot END) AS roll, MAX(CASE WHEN rank = 1 THEN spot END) AS payment
  FROM (
    SELECT programme, person, 3 AS rank, (CAST(since AS BIGINT) + {before}) * {places} + place AS spot FROM spells
    UNION ALL SELECT programme, person, 2, spot FROM bounds
    UNION ALL SELECT programme, person, 1, (CAST(paid AS BIGINT) + {before}) * {places} + place FROM received) stood
  GROUP BY programme, person),
looked_at AS (
  SELECT m.programme, m.person, CAST(SUM(m.entitled) AS BIGINT) AS entitled, CAST(SUM(m.carried) AS BIGINT) AS carried,
    CAST(SUM(m.paid) AS BIGINT) AS paid, SUM(m.corrected) AS corrected, SUM(m.barred) AS barred,
    SUM(m.twice) AS twice, SUM(m.other_rate) AS other_rate, MAX(m.listed) AS listed, MAX(m.inside) AS inside,
    SUM(m.gone) AS gone, SUM(m.early) AS early, SUM(m.returned) AS returned, SUM(m.unpaid) AS unpaid,
    SUM(m.wrong) AS wrong, SUM(m.late) AS late, SUM(m.short) AS short, SUM(m.touched) AS touched,
    CAST(SUM(m.payments) AS BIGINT) AS payments
  FROM marked m GROUP BY m.programme, m.person),
persons AS (
  SELECT l.programme, l.person, COALESCE(s.spell, s.roll, s.payment) % {places} AS place, l.entitled, l.carried,
    l.paid, CASE WHEN l.inside = 1 OR l.entitled > 0 THEN 1 ELSE 0 END AS on_roll,
    CASE WHEN l.short = 0 THEN 1 ELSE 0 END AS in_time, CASE WHEN b.person IS NULL THEN 0 ELSE 1 END AS known,
    l.corrected + COALESCE(b.corrected, 0) AS corrected, l.barred, COALESCE(o.rivals, 0) AS rivals, l.twice,
    l.other_rate, l.listed, l.gone, l.early, l.returned, l.unpaid, l.wrong, l.late, l.touched,
    l.payments, 1 AS has_key
  FROM looked_at l
  JOIN spots s ON l.programme = s.programme AND l.person = s.person
  LEFT JOIN bounds b ON l.programme = b.programme AND l.person = b.person
  LEFT JOIN odd o ON l.programme = o.programme AND l.person = o.person
  UNION ALL
  SELECT y.programme, y.person, y.place, t.whole, 0, t.whole, 1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
    CASE WHEN t.whole > 0 THEN 1 ELSE 0 END, t.dues, 1
  FROM tally y JOIN terms t ON y.programme = t.programme
  WHERE y.tokens = t.tokens AND y.found = t.dues + 1
  UNION ALL
  SELECT programme, person, place, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
  FROM roll WHERE person IS NULL AND since <= {closes} AND (until > {opens} OR since >= {opens})
  UNION ALL
  SELECT p.programme, p.person, p.place, 0, 0, p.amount * (1 - p.returned), 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
    1, 1, 0
  FROM payments p JOIN calendar c ON p.programme = c.programme AND p.due = c.due WHERE p.person IS NULL)
SELECT programme, person, place, on_roll, entitled, carried, paid, in_time, payments,
  CASE WHEN corrected > 0 THEN 1 ELSE 0 END AS corrected,
  CASE {cases} ELSE 0 END AS class
FROM persons"""

BARRED = """
  SELECT DISTINCT a.programme, a.person FROM known a JOIN excludes x ON a.programme = x.programme
  JOIN known b ON b.programme = x.other AND b.person = a.person
  WHERE a.since < b.until AND b.since < a.until AND a.since < a.until AND b.since < b.until
    AND a.since <= {closes} AND b.since <= {closes} AND a.until > {opens} AND b.until > {opens}"""
NOBODY = "SELECT programme, person FROM known WHERE 1 = 0"


def query(
    rules: Mapping[str, str],
    *,
    opens: int,
    closes: int,
    eligible: Mapping[int, str],
    days: Mapping[int, Sequence[int]],
    entering: Mapping[int, Sequence[tuple[int, int, int]]],
    excluding: bool,
) -> str:
    """Return the text that gives programme, person, place, on_roll, entitled, carried, paid, in_time, payments,
    corrected, class.

    `rules`: the condition of each class in their order; the class comes back as its number, from 1 (0: none fitted).
    `opens`, `closes`: first and last day of the period. `eligible`: by programme a condition (`eligibility.sql`) with
    the places {since}, {birth}, {sex}, {ymd}. `days`: by programme the days that count, as 20180630. `entering`: by
    programme that pays once, first and last day of each month and its token. `excluding`: whether any programme
    excludes another.
    """
    cases = " ".join(f"WHEN {condition} THEN {n}" for n, condition in enumerate(rules.values(), start=1))
    spells = _filled(SPELLS, roll="on_roll")
    barred = BARRED.format(opens=opens, closes=closes) if excluding else NOBODY
    of_row, of_spell = ({name: f"{t}.{name}" for name in ("since", "birth", "sex")} for t in "rs")
    sound = {n: " AND ".join(f"({rule.format(**of_row, ymd=day)})" for day in days[n]) for n, rule in eligible.items()}
    looked = {n: rule.format(**of_spell, ymd="p.ymd") for n, rule in eligible.items()}
    return _filled(
        STEPS,
        spells=spells.strip(),
        barred=barred.strip(),
        cases=cases,
        opens=opens,
        closes=closes,
        open=OPEN,
        sound=_by_programme(sound, "r"),
        entering="".join(_entering(n, months, _by_programme(sound, "r")) for n, months in entering.items()),
        eligible=_by_programme(looked, "s"),
    )


def spells_query() -> str:
    """Return the text that gives times on the roll without overlap: programme, person, place, since, until, reason."""
    steps = _filled(SPELLS, roll="roll").strip()
    return f"WITH {steps} SELECT programme, person, place, since, until, reason FROM spells"


def _entering(programme: int, months: Sequence[tuple[int, int, int]], sound: str) -> str:
    """Return the token of who joins the roll of a rate paid once: that of the month's payment, below zero."""
    tokens = " ".join(f"WHEN r.since BETWEEN {opens} AND {closes} THEN -{token}" for opens, closes, token in months)
    fits = f"r.until >= r.since AND r.corrected = 0 AND {sound}"
    return f"WHEN r.programme = {programme} THEN CASE WHEN {fits} THEN CASE {tokens} ELSE 1 END ELSE 1 END "


def _by_programme(conditions: Mapping[int, str], table: str) -> str:
    """Return a condition that asks each programme its own; one that cannot be judged counts as met."""
    asked = " ".join(f"WHEN {n} THEN ({condition})" for n, condition in conditions.items() if condition)
    return f"COALESCE(CASE {table}.programme {asked} ELSE 1 = 1 END, 1 = 1)" if asked else "1 = 1"


def _filled(text: str, **parts: object) -> str:
    return text.format(before=DAYS_BEFORE_1970, places=PLACES, **parts)

"""The reconciliation as one SQL text: every source becomes rows, one union, one group-by, ordered rules, one class.

The text is portable: DuckDB and Spark SQL run it letter by letter, and it may run on one hash bucket of the persons
after another, because no step looks beyond one person. It knows whole numbers only: persons, programmes, places and
reasons are codes, days are counted from 1970-01-01, months are 201806, dates of birth are 19580630,
money is fen. Every sum is cast to BIGINT (a wider type would come back as floating point).

What stands in the tables that the text reads (`TABLES`), and the definitions it holds to, is said in `reconcile`.

The steps. `tally` counts, for each person-programme, the rows that are exactly as they should be: on the roll on every
day that counts, and each payment due paid once, in full, in time. Who has these rows and no others is `matched` and
needs no closer look: on a sound roll nine in ten; who is `barred` (on a roll that excludes another) has a row too many.
`odd` are the rest; their rows are looked at month by month (`days`, `months`, `judged`) and end in marks for each thing
that can be wrong. The rules (`catalogue/rules.csv`) are asked in their order of all alike, and the first that fits is
the class. Rows without a person are each a case of their own.

The idea of one key, counts and sums by source and one ordered list of rules is that of record reconciliation in
accounting. Tokens are a bit each; that all are there, added without carrying, and no more rows than tokens tells that
each stands once. Of a rate paid once, the tokens of the payment and of the month of joining cancel out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["OPEN", "PLACES", "TABLES", "query", "spells_query"]

OPEN = 110_000
"""The day that stands for "no exit yet" (2271-03-04), later than any in a file."""

CODES = 1_000_000
"""What a programme is times, so that programme and month are one number (`calendar.code`)."""

PLACES = 1 << 20
"""One more than the largest code of a place."""

MARKS = {
    name: 1 << n
    for n, name in enumerate(
        ("here", "known", "inside", "keyless", "rivals", "barred", "gone", "early", "twice", "returned", "unpaid",
         "wrong", "off_rate", "late", "short", "corrected", "touched")
    )
}  # fmt: skip
"""What can be said of a person-programme or of a month of it: a bit each, so that one number has them all."""

RANKS = {name: rank << 40 for rank, name in enumerate(("payment", "row", "spell"), start=1)}
"""Where a place is taken from, the better the higher; above the day and the place themselves."""

DAYS_BEFORE_1970 = 60_000
"""Added to days where they are put together with a place, so that they are above zero."""

TABLES: Mapping[str, tuple[str, ...]] = {
    "roll": ("programme", "person", "place", "since", "until", "reason", "birth", "sex", "corrected"),
    "payments": ("programme", "person", "place", "due", "amount", "paid", "returned", "corrected"),
    "near": ("programme", "person", "due", "near"),
    "renamed": ("person", "meant"),
    "terms": ("programme", "opens", "closes", "token", "bits", "dues", "whole"),
    "calendar": ("programme", "due", "closes", "deadline", "waiting", "token", "whole", "code"),
    "parts": ("programme", "due", "opens", "day", "ymd", "once", "amount"),
    "tariff": ("programme", "due", "amount"),
    "excludes": ("programme", "other"),
}
"""Every table the text reads, with its columns; `roll`, `payments` and `near` have rows about persons.

`near`: pseudonyms that a failing number of a payment may mean. `terms`: a row a programme, first and last day that
counts, what a sound person's tokens add up to, how many payments are due, and of how much (fen). `calendar`: a row a
programme and month of the period: last day, last day in time, whether that is still to come, token of the full payment
and of one that is not as it should be, the full amount (0 where none is due), and programme and month as one number.
`parts`: the days that a payment stands for, each with its amount. `tariff`: every amount that a part ever had.
`excludes`: programmes of which nobody may be on both rolls.
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
WITH tally AS (
  SELECT person, MAX(place) AS place, BIT_XOR(token) AS bits, COUNT(*) AS found
  FROM (
    SELECT r.person, r.place,
      CASE {entering}WHEN r.since <= t.opens AND r.until > t.closes AND r.corrected = 0 AND {sound} THEN t.token
           ELSE t.token * 0 END AS token
    FROM roll r JOIN terms t ON r.programme = t.programme
    UNION ALL
    SELECT p.person, -1,
      CASE WHEN p.amount = c.whole AND p.paid <= c.deadline AND p.returned = 0 AND p.corrected = 0 THEN c.token
           ELSE c.token * 0 END
    FROM payments p JOIN calendar c ON p.programme * {codes} + p.due = c.code
    UNION ALL SELECT person, -1, 0 FROM renamed
    UNION ALL SELECT meant, -1, 0 FROM renamed) rows_of_all
  GROUP BY person),
odd AS (SELECT person FROM tally WHERE person IS NULL OR found <> CASE bits {founds} ELSE -1 END),
of_roll AS (
  SELECT r.programme, COALESCE(n.meant, r.person) AS person, r.place, r.since, r.until, r.reason, r.birth, r.sex,
    r.corrected
  FROM roll r JOIN odd o ON r.person IS NOT DISTINCT FROM o.person JOIN terms t ON r.programme = t.programme
  LEFT JOIN renamed n ON r.person = n.person),
of_payments AS (
  SELECT p.programme, COALESCE(n.meant, p.person) AS person, p.place, p.due, p.amount, p.paid, p.returned, p.corrected,
    c.deadline
  FROM payments p JOIN odd o ON p.person IS NOT DISTINCT FROM o.person
  JOIN calendar c ON p.programme * {codes} + p.due = c.code
  LEFT JOIN renamed n ON p.person = n.person),
bounds AS (
  SELECT programme, person, COUNT(*) AS found, MIN(since) AS first_since, MAX(until) AS last_until,
    MIN(CASE WHEN until >= since THEN since END) AS earliest, MAX(CASE WHEN until >= since THEN until END) AS latest,
    MAX((CAST(since AS BIGINT) + {before}) * {places} + place) AS spot, MAX(place) AS place,
    MAX(birth) AS birth, MAX(sex) AS sex, MAX(corrected) AS corrected
  FROM of_roll WHERE person IS NOT NULL GROUP BY programme, person),
barred AS ({barred}),
several AS (
  SELECT l.* FROM of_roll l JOIN bounds b ON l.programme = b.programme AND l.person = b.person WHERE b.found > 1),
{spells},
stays AS (
  SELECT programme, person, 1 AS spell, first_since AS since, last_until AS until, 1 AS listed, place, birth, sex,
    earliest, latest
  FROM bounds WHERE found = 1 AND last_until >= first_since
  UNION ALL
  SELECT s.programme, s.person, s.spell, s.since, s.until, s.listed, s.place, s.birth, s.sex, b.earliest, b.latest
  FROM spells s JOIN bounds b ON s.programme = b.programme AND s.person = b.person),
days AS (
  SELECT s.programme, s.person, s.spell, s.earliest, s.latest, p.due, p.once, p.amount, p.day,
    CASE WHEN {counts} THEN 1 ELSE 0 END AS counts,
    CASE WHEN {eligible} THEN 1 ELSE 0 END AS may
  FROM stays s JOIN parts p ON s.programme = p.programme),
claims AS (
  SELECT DISTINCT n.programme, n.person, n.due, n.near
  FROM near n JOIN stays s ON n.programme = s.programme AND n.near = s.person
  JOIN parts p ON n.programme = p.programme AND n.due = p.due
  WHERE {counts} AND {eligible} AND p.amount > 0
    AND NOT EXISTS (SELECT 1 FROM of_payments m WHERE m.programme = n.programme AND m.person = n.near AND m.due = n.due
                    AND m.returned = 0)
    AND NOT EXISTS (SELECT 1 FROM bounds b WHERE b.programme = n.programme AND b.person = n.person)),
meant AS (
  SELECT programme, person, due, near FROM (
    SELECT c.*, COUNT(*) OVER (PARTITION BY programme, person, due) AS choices,
      COUNT(*) OVER (PARTITION BY programme, near, due) AS rivals FROM claims c) weighed
  WHERE choices = 1 AND rivals = 1),
months AS (
  SELECT programme, person, due, CAST(SUM(entitled) AS BIGINT) AS entitled, CAST(SUM(parts) AS BIGINT) AS parts,
    CAST(SUM(without_exit) AS BIGINT) AS without_exit, CAST(SUM(without_start) AS BIGINT) AS without_start,
    CAST(SUM(paid) AS BIGINT) AS paid, CAST(SUM(in_time) AS BIGINT) AS in_time,
    CAST(SUM(paid_rows) AS BIGINT) AS paid_rows, CAST(SUM(returned_rows) AS BIGINT) AS returned_rows,
    BIT_OR(flags) AS flags, MAX(spot) AS spot
  FROM (
    SELECT programme, person, due, amount * counts * may AS entitled, counts * may AS parts,
      CASE WHEN once = 1 THEN amount * counts WHEN spell = 1 AND earliest <= day THEN amount ELSE 0 END AS without_exit,
      CASE WHEN once = 1 THEN amount * counts WHEN spell = 1 AND latest > day THEN amount ELSE 0 END AS without_start,
      0 AS paid, 0 AS in_time, 0 AS paid_rows, 0 AS returned_rows, counts * (1 - may) * {f[barred]} AS flags,
      CAST(NULL AS BIGINT) AS spot
    FROM days
    UNION ALL
    SELECT m.programme, COALESCE(n.near, m.person), m.due, 0, 0, 0, 0, m.amount * (1 - m.returned),
      CASE WHEN m.returned = 0 AND m.paid <= m.deadline THEN m.amount ELSE 0 END, 1 - m.returned, m.returned,
      CASE WHEN m.returned = 0 AND m.paid > m.deadline THEN {f[late]} ELSE 0 END
        + CASE WHEN n.near IS NOT NULL OR m.corrected > 0 THEN {f[corrected]} ELSE 0 END,
      (CAST(m.paid AS BIGINT) + {before}) * {places} + m.place
    FROM of_payments m LEFT JOIN meant n ON m.programme = n.programme AND m.person = n.person AND m.due = n.due
    WHERE m.person IS NOT NULL) rows_of_both
  GROUP BY programme, person, due),
held AS (
  SELECT m.programme, m.person, m.due, m.parts, m.without_exit, m.without_start, m.paid, m.in_time, m.paid_rows,
    m.paid_rows + m.returned_rows AS payments, m.returned_rows, m.spot, c.closes, b.first_since, b.last_until,
    m.flags & {f[late]} AS late, m.flags & {f[corrected]} AS corrected,
    CASE WHEN c.waiting = 1 AND m.paid_rows + m.returned_rows = 0 THEN 0 ELSE m.entitled END AS entitled,
    CASE WHEN c.waiting = 1 AND m.paid_rows + m.returned_rows = 0 THEN m.entitled ELSE 0 END AS carried,
    CASE WHEN c.waiting = 1 AND m.paid_rows + m.returned_rows = 0 THEN 0 ELSE m.flags & {f[barred]} END AS barred
  FROM months m JOIN calendar c ON m.programme = c.programme AND m.due = c.due
  LEFT JOIN bounds b ON m.programme = b.programme AND m.person = b.person),
judged AS (
  SELECT h.*, CASE WHEN h.paid > h.entitled AND NOT (h.entitled > 0 AND h.paid_rows > 1) THEN 1 ELSE 0 END AS over_paid,
    CASE WHEN h.entitled > 0 AND f.amount IS NOT NULL THEN 1 ELSE 0 END AS other_rate
  FROM held h
  LEFT JOIN tariff f ON h.programme = f.programme AND h.due = f.due AND h.paid = h.parts * f.amount
    AND h.parts > 0),
marked AS (
  SELECT programme, person, entitled, carried, paid, payments, 0 AS listed, {payment} + spot AS spot,
    {f[here]} + barred + corrected
    + CASE WHEN paid > entitled AND entitled > 0 AND paid_rows > 1 THEN {f[twice]} ELSE 0 END
    + CASE WHEN over_paid = 1 AND COALESCE(last_until, {open}) <= closes
              AND (entitled <= 0 OR paid = without_exit) THEN {f[gone]} ELSE 0 END
    + CASE WHEN over_paid = 1 AND CASE WHEN entitled > 0 THEN paid = without_start
              ELSE COALESCE(first_since, closes) > closes END THEN {f[early]} ELSE 0 END
    + CASE WHEN entitled <= 0 OR paid <> 0 THEN 0 WHEN returned_rows > 0 THEN {f[returned]} ELSE {f[unpaid]} END
    + CASE WHEN paid <> entitled THEN {f[wrong]} + CASE WHEN other_rate = 1 THEN 0 ELSE {f[off_rate]} END ELSE 0 END
    + CASE WHEN entitled > 0 THEN late + CASE WHEN in_time < entitled THEN {f[short]} ELSE 0 END ELSE 0 END
    + CASE WHEN entitled > 0 OR paid <> 0 THEN {f[touched]} ELSE 0 END AS flags
  FROM judged WHERE entitled > 0 OR carried > 0 OR barred > 0 OR payments > 0
  UNION ALL
  SELECT programme, person, 0, 0, 0, 0, CASE WHEN {during} THEN listed ELSE 0 END,
    {spell} + (CAST(since AS BIGINT) + {before}) * {places} + place,
    CASE WHEN {during} THEN {f[here]} + {f[inside]} ELSE 0 END
  FROM stays
  UNION ALL
  SELECT programme, person, 0, 0, 0, 0, 0, {row} + spot,
    {f[known]} + CASE WHEN corrected > 0 THEN {f[corrected]} ELSE 0 END
  FROM bounds
  UNION ALL SELECT programme, person, 0, 0, 0, 0, 0, CAST(NULL AS BIGINT), {f[rivals]} FROM barred),
persons AS (
  SELECT programme, person, MAX(spot) % {places} AS place, CAST(SUM(entitled) AS BIGINT) AS entitled,
    CAST(SUM(carried) AS BIGINT) AS carried, CAST(SUM(paid) AS BIGINT) AS paid,
    CAST(SUM(payments) AS BIGINT) AS payments, MAX(listed) AS listed, BIT_OR(flags) AS flags
  FROM marked GROUP BY programme, person),
looked_at AS (
  SELECT programme, person, place, entitled, carried, paid, payments, listed, flags
  FROM persons WHERE (flags & {f[here]}) > 0
  UNION ALL
  SELECT programme, person, place, 0, 0, 0, 0, 1, {f[inside]} + {f[known]} + {f[keyless]}
  FROM of_roll WHERE person IS NULL AND {during}
  UNION ALL
  SELECT programme, person, place, 0, 0, amount * (1 - returned), 1, 0, {f[touched]} + {f[keyless]}
  FROM of_payments WHERE person IS NULL),
usual AS (
  SELECT programme, bits, dues, whole AS entitled, 0 AS carried, whole AS paid, 1 AS listed,
    {f[known]} + {f[inside]} + CASE WHEN whole > 0 THEN {f[touched]} ELSE 0 END AS flags
  FROM terms)
SELECT programme, person, place, CASE WHEN entitled > 0 OR inside > 0 THEN 1 ELSE 0 END AS on_roll,
  entitled, carried, paid, CASE WHEN short > 0 THEN 0 ELSE 1 END AS in_time, payments,
  CASE WHEN corrected > 0 THEN 1 ELSE 0 END AS corrected,
  CASE {cases} ELSE 0 END AS class
FROM (SELECT l.*, {marks} FROM looked_at l) asked
UNION ALL
SELECT u.programme, y.person, y.place, 1, u.entitled, 0, u.entitled, 1, u.dues, 0, u.class
FROM tally y JOIN (SELECT programme, bits, dues, entitled, CASE {cases} ELSE 0 END AS class
                   FROM (SELECT usual.*, {marks} FROM usual) asked) u
  ON y.bits = u.bits AND y.found = u.dues + 1 AND y.person IS NOT NULL"""

COUNTS = """CASE WHEN p.once = 1 THEN s.since BETWEEN p.opens AND p.day
      ELSE s.since <= p.day AND s.until > p.day END"""
"""Whether someone is on the roll on a day that counts; what is paid once is due for the month of joining."""
BARRED = """
  SELECT DISTINCT a.programme, a.person FROM of_roll a JOIN excludes x ON a.programme = x.programme
  JOIN of_roll b ON b.programme = x.other AND b.person = a.person
  WHERE a.since < b.until AND b.since < a.until AND a.since < a.until AND b.since < b.until
    AND a.since <= {closes} AND b.since <= {closes} AND a.until > {opens} AND b.until > {opens}"""
NOBODY = "SELECT programme, person FROM of_roll WHERE 1 = 0"


def query(
    rules: Mapping[str, str],
    *,
    opens: int,
    closes: int,
    eligible: Mapping[int, str],
    days: Mapping[int, Sequence[int]],
    entering: Mapping[int, Sequence[tuple[int, int, int]]],
    sound: Mapping[int, int],
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
    spells = _filled(SPELLS, roll="several")
    barred = BARRED.format(opens=opens, closes=closes) if excluding else NOBODY
    of_row, of_spell = ({name: f"{t}.{name}" for name in ("since", "birth", "sex")} for t in "rs")
    fits = {n: _throughout(rule, days[n]).format(**of_row) for n, rule in eligible.items()}
    looked = {n: rule.format(**of_spell, ymd="p.ymd") for n, rule in eligible.items()}
    return _filled(
        STEPS,
        spells=spells.strip(),
        barred=barred.strip(),
        cases=cases,
        f=MARKS,
        **RANKS,
        marks=", ".join(f"(flags & {bit}) AS {name}" for name, bit in MARKS.items()),
        closes=closes,
        during=f"since <= {closes} AND (until > {opens} OR since >= {opens})",
        open=OPEN,
        founds=" ".join(f"WHEN {bits} THEN {found}" for bits, found in sound.items()),
        sound=_by_programme(fits, "r"),
        entering="".join(_entering(n, months, _by_programme(fits, "r")) for n, months in entering.items()),
        counts=COUNTS,
        eligible=_by_programme(looked, "s"),
    )


def spells_query() -> str:
    """Return the text that gives times on the roll without overlap: programme, person, place, since, until, reason."""
    steps = _filled(SPELLS, roll="roll").strip()
    return f"WITH {steps} SELECT programme, person, place, since, until, reason FROM spells"


def _entering(programme: int, months: Sequence[tuple[int, int, int]], sound: str) -> str:
    """Return the token of who joins the roll of a rate paid once: the roll's and that of the month's payment."""
    tokens = " ".join(
        f"WHEN r.since BETWEEN {opens} AND {closes} THEN t.token + {token}" for opens, closes, token in months
    )
    fits = f"r.until >= r.since AND r.corrected = 0 AND {sound}"
    none = "t.token * 0"
    return f"WHEN r.programme = {programme} THEN CASE WHEN {fits} THEN CASE {tokens} ELSE {none} END ELSE {none} END "


def _throughout(rule: str, days: Sequence[int]) -> str:
    """Return a condition that holds on all days where `rule` does: who is old enough on the first is so on the last."""
    if "NOT" in rule or not days:
        return " AND ".join(f"({rule.replace('{ymd}', str(day))})" for day in days)
    return rule.replace("{ymd} - {birth} <", f"{max(days)} - {{birth}} <").replace("{ymd}", str(min(days)))


def _by_programme(conditions: Mapping[int, str], table: str) -> str:
    """Return a condition that asks each programme its own; one that cannot be judged counts as met."""
    asked = " ".join(f"WHEN {n} THEN ({condition})" for n, condition in conditions.items() if condition)
    return f"COALESCE(CASE {table}.programme {asked} ELSE 1 = 1 END, 1 = 1)" if asked else "1 = 1"


def _filled(text: str, **parts: object) -> str:
    return text.format(before=DAYS_BEFORE_1970, places=PLACES, codes=CODES, **parts)

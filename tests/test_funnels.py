"""Funnel, ranks and standing: golden over-dispersion, laws of ranks, similar counties, worse and worsening."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpanalysis import funnels, results, stats, wording
from fpanalysis.errors import FpError
from fpanalysis.funnels import OVERDISPERSION, VERDICTS, overdispersion, rank_intervals, similar, standing

WHERE = {"period": "2018H1", "county": "x"}
SHARE = "registered_on_time"
BCG = np.array([[4, 119, 11, 128], [6, 300, 29, 274], [3, 228, 11, 209], [62, 13536, 248, 12619], [33, 5036, 47, 5761],
                [180, 1361, 372, 1079], [8, 2537, 10, 619], [505, 87886, 499, 87892], [29, 7470, 45, 7232],
                [17, 1699, 65, 1600], [186, 50448, 141, 27197], [5, 2493, 3, 2338], [27, 16886, 29, 17825]], float)  # fmt: skip
Z = np.array([-3.1, -1.2, -0.8, -0.3, 0.1, 0.4, 0.9, 1.6, 2.2, 5.0])
VARIANCES = np.array([1, 2, 1, 3, 2, 1, 4, 2, 1, 2]) / 1000


def listed(*records: tuple, measure: str = SHARE, period: str = "2018H1") -> pd.DataFrame:
    frame = pd.DataFrame(records, columns=["county", "count", "total"])
    return frame.assign(county_en="", period=period, measure=measure)


def own(count: float, total: float, measure: str = SHARE, period: str = "2018H1") -> pd.DataFrame:
    return results.rows(
        [{"place": "x", "period": period, "measure": measure, "count": count, "total": total, "value": count / total}]
    )


def alike(share: float, number: int = 9, total: int = 1000) -> pd.DataFrame:
    return listed(*[(f"c{i}", round(total * share) + (i % 3 - 1) * 4, total) for i in range(number)])


def verdict(found: pd.DataFrame) -> str:
    return results.read_note(results.pick(found, measure=f"peer_standing/{SHARE}")["note"].iloc[0])[0]


def stands(peers: pd.DataFrame, *have: pd.DataFrame, **terms) -> pd.DataFrame:
    return standing(peers, results.combine(have), **WHERE, before="2017H1", **terms)


# Over-dispersion


def test_the_additive_variance_is_dersimonian_and_lairds():
    """BCG vaccine trials (Colditz and others, JAMA 271 (1994) 698): tau^2 of the log risk ratio by DL is 0.3088 in R's metafor."""
    a, b, c, d = BCG.T
    y, v = np.log(a / (a + b) / (c / (c + d))), 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)
    centre = (y / v).sum() / (1 / v).sum()

    assert 0.3088 == round(OVERDISPERSION["additive"]((y - centre) / np.sqrt(v), v)[1], 4)


def test_the_multiplicative_factor_is_the_mean_square_of_the_winsorised_z():
    """R 4: q <- quantile(z, c(.1, .9)); mean(pmin(pmax(z, q[1]), q[2])^2) = 1.86325 (Spiegelhalter 2005, section 4.1)."""
    assert 1.86325 == pytest.approx(overdispersion(Z * np.sqrt(VARIANCES), VARIANCES, 0.0, "multiplicative")[0])


def test_the_additive_variance_of_winsorised_z():
    """R 4, same z, w <- 1/v: (sum(zw^2) - 9) / (sum(w) - sum(w^2)/sum(w)) = 0.0016615010917 (Spiegelhalter 2005, 4.2)."""
    assert 0.0016615010917 == pytest.approx(overdispersion(Z * np.sqrt(VARIANCES), VARIANCES, 0.0)[1], rel=1e-9)


@pytest.mark.parametrize("how", OVERDISPERSION)
def test_counties_that_differ_by_chance_need_nothing(how):
    assert (1.0, 0.0) == overdispersion(np.array([0.1, -0.1, 0.05, -0.05]), np.ones(4), 0.0, how)


def test_an_unknown_over_dispersion_offers_the_nearest():
    with pytest.raises(FpError, match="'aditive' does not exist; did you mean 'additive'"):
        overdispersion([1.0], [1.0], 0.0, "aditive")


def test_without_over_dispersion_the_limits_are_those_of_the_plain_funnel():
    """`stats.funnel_limits`, which is held against the limits of PHEindicatormethods in its own test."""
    found = stands(alike(0.9), own(900, 1000), how="none")
    limits = results.pick(found, measure=f"peer_funnel/{SHARE}/95").iloc[0]
    target = results.pick(found, measure=f"peer_funnel/{SHARE}")["value"].iloc[0]

    assert tuple(float(b) for b in stats.funnel_limits(1000, target)) == pytest.approx(
        (limits["lower"], limits["upper"])
    )


def test_three_peers_have_two_degrees_of_freedom_and_are_winsorised_as_if_to_0_64():
    """Three z-scores around their mean: q(0.1) = 0.8 z1 + 0.2 z2, so squares shrink to 0.64 of theirs and a little more."""
    shrunk, freedom = funnels._winsorising(3)

    assert 0.64 <= shrunk < 0.66
    assert 2 == pytest.approx(freedom, rel=0.05)


def test_many_peers_are_winsorised_as_the_normal_distribution_is():
    """Mean square of a normal variable cut at its 10 % and 90 % points a: 0.8 - 2 a phi(a) + 0.2 a^2 = 0.6787."""
    assert 0.6787 == pytest.approx(funnels._winsorising(200)[0], abs=0.005)


@pytest.mark.parametrize("spread", [0.0, 0.03])
def test_an_ordinary_county_lies_outside_the_limits_as_rarely_as_they_say(spread):
    rng, outside = np.random.default_rng(3), []
    for _ in range(1_500):
        totals = rng.integers(1_200, 4_000, 10).astype(float)
        counts = rng.binomial(totals.astype(int), np.clip(0.9 + spread * rng.normal(size=10), 0, 1)).astype(float)
        table = pd.DataFrame({"place": list("abcdefghij"), "count": counts, "total": totals})
        outside.append(funnels._funnel(SHARE, table, "additive")["p"] < 0.05)

    assert np.mean(outside) <= 0.05 + 0.012


# Ranks


def test_equal_counties_may_hold_any_rank():
    assert [[1] * 5, [1] * 5, [5] * 5] == [list(b) for b in rank_intervals([0.5] * 5, [100] * 5, rated=False)]


def test_counties_that_are_far_apart_hold_their_ranks():
    assert [[1, 2, 3]] * 3 == [list(b) for b in rank_intervals([0.9, 0.5, 0.1], [1000] * 3, rated=False)]


def test_the_lowest_can_come_first():
    assert [3, 2, 1] == list(rank_intervals([0.9, 0.5, 0.1], [1000] * 3, rated=False, high_first=False)[0])


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(100, 5000)), min_size=2, max_size=12),
       st.randoms(use_true_random=False))  # fmt: skip
def test_a_rank_lies_in_its_interval_and_the_order_of_counties_does_not_matter(counties, random):
    shares, totals = np.array([c / 100 for c, _ in counties]), np.array([n for _, n in counties], float)
    order = random.sample(range(len(counties)), len(counties))
    rank, low, high = rank_intervals(shares, totals, rated=False)
    again = rank_intervals(shares[order], totals[order], rated=False)

    assert ((1 <= low) & (low <= rank) & (rank <= high) & (high <= len(counties))).all()
    assert [list(b[order]) for b in (rank, low, high)] == [list(b) for b in again]


def test_the_interval_holds_the_true_rank_in_at_least_95_of_100_tables():
    rng = np.random.default_rng(20180630)
    truth = np.array([0.90, 0.90, 0.90, 0.92, 0.92, 0.95])
    best, worst = np.array([4, 4, 4, 2, 2, 1]), np.array([6, 6, 6, 3, 3, 1])
    held = []
    for _ in range(300):
        _, low, high = rank_intervals(rng.binomial(800, truth) / 800, np.full(6, 800.0), rated=False)
        held.append((low <= best) & (worst <= high))

    assert 0.95 <= np.mean(held)


# Similar counties


def sized(*births: int) -> pd.DataFrame:
    frame = listed(*[(f"c{i}", n // 2, n) for i, n in enumerate(births)], measure="srb")
    return pd.concat([frame, frame.assign(measure=SHARE)])


def test_counties_alike_in_size_are_chosen_and_the_others_named():
    chosen, row = similar(sized(500, 2400, 4000, 6000, 9000), own(2000, 4000, "srb"), **WHERE)

    assert {"c1", "c2", "c3"} == set(chosen["county"])
    assert {"n": 3, "factor": 2.0, "left": ["c0", "c4"]} == results.read_note(row["note"].iloc[0])[1]


@pytest.mark.parametrize(
    ("have", "births"), [((2000, 4000), (100, 200, 300)), ((NAN := float("nan"), NAN), (4000, 4000, 4000))]
)
def test_too_few_or_no_size_known_compares_with_all(have, births):
    chosen, row = similar(sized(*births), own(*have, "srb"), **WHERE)

    assert 3 == chosen["county"].nunique()
    assert "note.peer.all" == results.read_note(row["note"].iloc[0])[0]


def test_no_peers_are_no_rows():
    chosen, row = similar(listed(), own(1, 2), **WHERE)

    assert (0, 0) == (len(row), len(stands(chosen, own(1, 2))))


# Standing


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [((900, 1000), None, "within"), ((990, 1000), None, "better"), ((700, 1000), None, "worse_unknown"),
     ((700, 1000), (710, 1000), "worse"), ((700, 1000), (850, 1000), "worse_worsening"), ((700, 1000), (600, 1000), "worse")],
)  # fmt: skip
def test_worse_than_peers_and_worsening_is_named(now, before, said):
    then = [own(*before, period="2017H1")] if before else []

    assert VERDICTS[said] == verdict(stands(alike(0.9), own(*now), *then))


def test_outside_the_funnel_with_any_rank_possible_is_not_told_apart():
    """550 of 1,000 against nine times 500: t of the funnel is 3.00, z of each pair 2.24, Holm's limit for nine 2.77."""
    peers = listed(*[(f"c{i}", 500, 1000) for i in range(9)])
    found = stands(peers, own(550, 1000))
    rank = results.pick(found, place="x", measure=f"peer_rank/{SHARE}").iloc[0]

    assert (1, 1, 10) == (rank["value"], rank["lower"], rank["upper"])
    assert results.pick(found, measure=f"peer_standing/{SHARE}")["p"].iloc[0] < 0.05
    assert VERDICTS["untold"] == verdict(found)


@pytest.mark.parametrize(("boys", "said"), [(600, "high"), (420, "low")])
def test_without_a_better_direction_it_is_high_or_low(boys, said):
    peers = alike(0.51).assign(measure="srb")
    found = stands(peers, own(boys, 1000, "srb"))

    assert VERDICTS[said] == results.read_note(results.pick(found, measure="peer_standing/srb")["note"].iloc[0])[0]


def test_the_county_is_not_held_against_itself():
    """Its own figure moves neither target nor over-dispersion."""
    one, other = (
        results.pick(stands(alike(0.9), own(n, 1000)), measure=f"peer_funnel/{SHARE}").iloc[0] for n in (100, 900)
    )

    assert (one["value"], one["upper"]) == (other["value"], other["upper"])


def test_work_beyond_the_target_is_a_rate_and_has_no_upper_bound_of_one():
    peers = listed(*[(f"c{i}", 110 + i, 100) for i in range(6)], measure="plan_share/checkups/preconception")
    found = stands(peers, own(105, 100, "plan_share/checkups/preconception"))
    limits = results.pick(found, measure="peer_funnel/plan_share/checkups/preconception/95").iloc[0]

    assert limits["upper"] > 1


def test_fewer_than_three_peers_are_no_funnel():
    assert 0 == len(stands(alike(0.9, 2), own(9, 10)))


def test_the_sample_is_worse_and_worsening_where_that_was_planted(desk):
    from fpanalysis import indicators, rates

    parts = [
        indicators.counted(desk.data, span=p, county="renqiu", last=desk.last_known())
        for p in (desk.period, desk.period.year_ago())
    ]
    have = [rates.derived(p, wording.defined(), period=p["period"].iloc[0]) for p in parts]
    found = standing(desk.data["peers"], results.combine(have), period="2018H1", county="renqiu", before="2017H1")
    row = results.pick(found, measure="peer_standing/checkups_followed_share/preconception").iloc[0]

    assert VERDICTS["worse_worsening"] == results.read_note(row["note"])[0]


@pytest.mark.parametrize("lang", wording.LANGS)
@pytest.mark.parametrize("number", [0, 1, 10**9, float("nan")])
def test_every_standing_reads_with_any_number(lang, number):
    said = [wording.text(key, lang, n=number, ranks=number, p=number) for key in VERDICTS.values()]
    said += [wording.text(f"note.peer.{k}", lang, n=number, factor=number, left=[], spread=number)
             for k in ("all", "similar", "all_similar", "funnel")]  # fmt: skip

    assert not [s for s in said if "nan" in s.lower() or "{" in s]

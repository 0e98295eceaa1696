import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpanalysis import results, stats, townships, wording
from fpanalysis.disclosure import protect
from fpanalysis.errors import FpError

WHERE = {"period": "2018H1", "county": "renqiu"}
quick = settings(max_examples=15, deadline=None)
towns = st.lists(st.tuples(st.integers(1, 400), st.integers(1, 400)), min_size=3, max_size=10)


def ratios_of(cells) -> pd.DataFrame:
    """`srb` rows of townships with (boys, girls)."""
    rows = [{"place": f"t{number:02}", "period": "2018H1", "measure": "srb", "count": boys, "total": boys + girls}
            for number, (boys, girls) in enumerate(cells)]  # fmt: skip
    return results.rows(rows)


def drawn(truths, births=250, seed=1) -> pd.DataFrame:
    boys = np.random.default_rng(seed).binomial(births, stats.ratio_to_share(truths))
    return ratios_of(zip(boys, births - boys, strict=True))


def shrunken(cells) -> pd.DataFrame:
    return results.pick(townships.shrunken(cells, **WHERE), measure="srb_shrunken")


@quick
@given(st.lists(st.tuples(st.integers(20, 400), st.integers(20, 400)), min_size=3, max_size=10))
def test_a_shrunken_ratio_lies_between_its_own_and_the_others(cells):
    """But for the skew of a posterior mean, which is half a per cent at 20 boys."""
    found = shrunken(ratios_of(cells))
    own = np.array([100 * boys / girls for boys, girls in cells])

    assert (found["value"] <= max(own) * 1.02).all()
    assert (found["value"] >= min(own) * 0.98).all()
    assert (found["lower"] < found["value"]).all()
    assert (found["value"] < found["upper"]).all()


@quick
@given(towns, st.randoms())
def test_the_order_of_townships_does_not_matter(cells, shuffler):
    rows = ratios_of(cells)
    order = list(range(len(rows)))
    shuffler.shuffle(order)
    found = shrunken(rows.iloc[order]).sort_values("place").reset_index(drop=True)

    np.testing.assert_allclose(shrunken(rows)["value"], found["value"], rtol=1e-9)


@quick
@given(towns)
def test_swapping_boys_and_girls_mirrors_the_shrunken_ratio(cells):
    found, mirrored = shrunken(ratios_of(cells)), shrunken(ratios_of([(girls, boys) for boys, girls in cells]))

    np.testing.assert_allclose(1e4 / found["lower"], mirrored["upper"], rtol=1e-4)


def test_shrinkage_pulls_small_places_more_than_large_ones():
    cells = [(130, 100), (13_000, 10_000), *[(1_060, 1_000)] * 8]
    found = shrunken(ratios_of(cells)).set_index("place")["value"]

    assert 106 < found["t00"] < 125
    assert found["t01"] == pytest.approx(130, abs=1)


def test_shrunken_ratios_err_less_than_half_as_much_as_raw_ones():
    """20 townships of 250 births, true sd 5: the goal of METHODS (root mean square error at most half)."""
    rng = np.random.default_rng(5)
    errors = []
    for seed in range(12):
        truths = rng.normal(106, 5, 20)
        rows = drawn(truths, seed=seed)
        raw = 100 * rows["count"] / (rows["total"] - rows["count"])
        errors.append([((raw - truths) ** 2).mean(), ((shrunken(rows)["value"].to_numpy() - truths) ** 2).mean()])
    raw, better = np.sqrt(np.mean(errors, axis=0))

    assert better <= 0.5 * raw


def test_a_township_without_births_has_no_value_and_two_are_too_few():
    found = townships.shrunken(ratios_of([(0, 0), (60, 50), (70, 60), (50, 55)]), **WHERE)
    empty = results.pick(found, place="t00")

    assert np.isnan(empty["value"].iloc[0])
    assert townships.shrunken(ratios_of([(60, 50), (70, 60)]), **WHERE).empty


def test_dispersion_is_chi_square_over_its_degrees_of_freedom():
    cells = [(140, 110), (120, 130), (100, 90)]
    found = results.pick(townships.dispersion(ratios_of(cells), **WHERE), measure="srb_dispersion").iloc[0]
    from scipy.stats import chi2_contingency

    other = chi2_contingency(np.array(cells), correction=False)

    assert other.statistic / 2 == pytest.approx(found["value"])
    assert other.pvalue == pytest.approx(found["p"])


def test_places_alike_have_no_spread_and_places_apart_have_one():
    alike = townships.dispersion(ratios_of([(5_300, 5_000)] * 6), **WHERE)
    apart = townships.dispersion(ratios_of([(5_300, 5_000), (7_000, 5_000)] * 3), **WHERE)

    assert 0 == results.value(alike, measure="srb_between")
    assert results.pick(apart, measure="srb_between").iloc[0]["lower"] > 5
    assert "note.srb.dispersion.more" == results.read_note(apart["note"].iloc[0])[0]


def test_between_is_dersimonian_and_laird():
    """Written out: tau^2 = (Q - df) / (sum w - sum w^2 / sum w), at the pooled share's variances."""
    cells = np.array([(150, 100), (110, 130), (170, 180), (90, 120)])
    total, share = cells.sum(axis=1), cells[:, 0].sum() / cells.sum()
    weights = total / (share * (1 - share))
    own = cells[:, 0] / total
    q = (weights * (own - (weights * own).sum() / weights.sum()) ** 2).sum()
    tau = np.sqrt((q - 3) / (weights.sum() - (weights**2).sum() / weights.sum()))
    found = results.value(townships.dispersion(ratios_of(cells), **WHERE), measure="srb_between")

    assert tau * 100 / (1 - share) ** 2 == pytest.approx(found)


def test_the_funnel_holds_95_and_99_8_per_cent_around_the_townships_together():
    found = townships.funnel(drawn(np.full(20, 106.0)), **WHERE)
    about = results.pick(found, place="renqiu").iloc[0]
    narrow, wide = (results.pick(found, method=f"funnel-{level}") for level in ("95", "99.8"))

    assert (about["lower"], about["upper"]) == (1.0, 0.0)
    assert (wide["lower"].to_numpy() < narrow["lower"].to_numpy()).all()
    _, high = stats.funnel_limits(250, stats.ratio_to_share(about["value"]))
    np.testing.assert_allclose(narrow["upper"], stats.share_to_ratio(high))


@pytest.mark.parametrize("kind", ["multiplicative", "additive"])
def test_over_dispersion_widens_the_funnel_only_where_it_is_seen(kind):
    apart = drawn(np.random.default_rng(2).normal(106, 25, 20), births=900)
    plain = results.pick(townships.funnel(apart, **WHERE), method="funnel-95")
    wider = results.pick(townships.funnel(apart, **WHERE, overdispersion=kind), method="funnel-95")
    alike = townships.funnel(ratios_of([(530, 500)] * 10), **WHERE, overdispersion=kind)

    assert (wider["upper"].to_numpy() > plain["upper"].to_numpy() * 1.05).all()
    assert (1.0, 0.0) == tuple(results.pick(alike, place="renqiu").iloc[0][["lower", "upper"]])


def test_an_unknown_over_dispersion_is_refused():
    with pytest.raises(FpError, match="over-dispersion 'aditive' does not exist; did you mean 'additive'"):
        townships.funnel(ratios_of([(5, 5)] * 3), **WHERE, overdispersion="aditive")


def test_three_years_are_pooled():
    months = pd.period_range("2015-01", "2018-06", freq="M")
    rows = [("甲镇", 1, sex, 10, month, month) for month in months for sex in ("male", "female")]
    births = pd.DataFrame(rows, columns=["place", "order", "sex", "count", "occurred", "registered"])
    found = townships.pooled(births, last=months[-1], **WHERE)

    assert 36 * 20 == results.value(found, "total", place="甲镇", measure="srb_pooled")


@pytest.mark.parametrize("lang", wording.LANGS)
def test_everything_has_words(lang):
    rows = drawn(np.r_[np.full(8, 106.0), 300.0], births=400)
    made = results.combine([
        townships.shrunken(results.combine([rows, ratios_of([(0, 0)]).assign(place="z")]), **WHERE),
        townships.dispersion(rows, **WHERE),
        *(townships.funnel(rows, **WHERE, overdispersion=kind) for kind in townships.OVERDISPERSION),
    ])  # fmt: skip

    assert all(wording.remark(note, lang) for note in made["note"] if note)
    assert all(wording.text(f"method.{method}", lang) for method in made["method"])
    assert all(wording.indicator(measure)["kind"] for measure in made["measure"])


def test_a_small_township_is_hidden_with_the_same_others_in_every_measure():
    """Else the sum of one measure would give away what another hides."""
    rows = ratios_of([(1, 1), (60, 50), (70, 60), (90, 85)])
    whole = results.rows([{"place": "renqiu", "period": "2018H1", "measure": "srb", "count": 221, "total": 417}])
    found = [rows, whole, townships.shrunken(rows, **WHERE), townships.funnel(rows, **WHERE)]
    kept = protect(results.combine(found), smallest=3, measures=["srb", *townships.MEASURES], county="renqiu")
    hidden = kept[kept["count"].isna()].groupby("measure")["place"].agg(set)

    assert {"srb", "srb_shrunken", "srb_funnel/95", "srb_funnel/99.8"} == set(hidden.index)
    assert all({"t00", "t01"} == places for places in hidden)


@pytest.mark.parametrize("kind", townships.OVERDISPERSION)
@pytest.mark.parametrize("boys", [0, 5])
def test_townships_of_one_sex_only_have_a_funnel_without_over_dispersion(kind, boys):
    rows = [{"place": f"t{i}", "period": "x", "measure": "srb", "count": boys, "total": 5} for i in range(4)]
    about = townships.funnel(results.rows(rows), period="x", county="c", overdispersion=kind).iloc[-1]

    assert [1, 0] == list(about[["lower", "upper"]])

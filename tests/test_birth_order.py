import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpanalysis import birth_order, results, wording
from fpanalysis.errors import FpError

counts = st.lists(st.tuples(st.integers(0, 900), st.integers(1, 900)), min_size=3, max_size=3)
quick = settings(max_examples=15, deadline=None)


def orders_of(cells, period="2018H1"):
    rows = [{"place": "renqiu", "period": period, "measure": f"srb/order{order}", "count": boys, "total": boys + girls}
            for order, (boys, girls) in enumerate(cells, start=1)]  # fmt: skip
    return results.rows(rows)


def change(now, ago):
    both = results.combine([orders_of(now), orders_of(ago, "2017H1")])
    return birth_order.change(both, period="2018H1", before="2017H1", county="renqiu")


def contrasts(cells, **terms):
    return birth_order.contrasts(orders_of(cells), period="2018H1", county="renqiu", **terms)


@quick
@given(counts, counts)
def test_the_parts_add_up_to_the_change_exactly(now, ago):
    found = change(now, ago)
    total = results.value(found, measure="srb_change")
    ratio = [100 * sum(b for b, _ in cells) / sum(g for _, g in cells) for cells in (now, ago)]

    assert ratio[0] - ratio[1] == pytest.approx(total, abs=1e-8)
    assert total == pytest.approx(results.pick(found, measure="srb_change/*")["value"].sum(), abs=1e-8)


@quick
@given(counts, counts)
def test_going_back_undoes_every_part(now, ago):
    forward, back = (results.pick(change(*pair), measure="srb_change/*")["value"] for pair in ((now, ago), (ago, now)))

    np.testing.assert_allclose(forward, -back.to_numpy(), atol=1e-8)


def test_a_change_of_the_mix_alone_is_the_mix():
    found = change([(206, 200), (530, 500), (160, 100)], [(412, 400), (530, 500), (80, 50)])
    parts = results.pick(found, measure="srb_change/*").set_index("measure")["value"]

    assert parts["srb_change/mix"] == pytest.approx(results.value(found, measure="srb_change"))
    np.testing.assert_allclose(parts.drop("srb_change/mix"), 0, atol=1e-9)


def test_a_change_of_one_order_alone_is_that_order():
    found = change([(100, 100), (120, 80)], [(100, 100), (100, 100)])
    parts = results.pick(found, measure="srb_change/*").set_index("measure")["value"]

    assert parts["srb_change/order2"] == pytest.approx(results.value(found, measure="srb_change"))


def test_an_order_that_had_no_births_before_changes_the_mix_only():
    found = change([(100, 100), (100, 100), (60, 40)], [(100, 100), (100, 100), (0, 0)])
    parts = results.pick(found, measure="srb_change/*").set_index("measure")["value"]

    assert 0 == pytest.approx(parts["srb_change/order3"], abs=1e-9)
    assert parts["srb_change/mix"] > 0


def test_without_girls_there_is_no_change_to_tell():
    assert change([(5, 0)], [(5, 5)]).empty


def test_mantel_haenszel_equals_r():
    """R: mantelhaen.test(UCBAdmissions) gives a common odds ratio 0.9046968, interval 0.7719074 to 1.0603298."""
    admitted = [(512, 313), (353, 207), (120, 205), (138, 279), (53, 138), (22, 351)]
    women = [(89, 19), (17, 8), (202, 391), (131, 244), (94, 299), (24, 317)]
    row = birth_order._pooled(np.array(admitted, float), np.array(women, float), "a", "b", "x", 0.95)

    np.testing.assert_allclose(
        [0.9046968, 0.7719074, 1.0603298], [row[c] for c in ("value", "lower", "upper")], rtol=1e-6
    )


def test_a_headline_on_noise_is_called_so():
    """METHODS: a fall from 124 to 118 in a county of 5,000 births each is not significant (p = .07 at that size)."""
    ago, now = (1384, 1116), (1353, 1147)
    row = results.pick(change([now], [ago]), measure="srb_change_ratio").iloc[0]

    assert row["p"] > 0.05
    assert "note.srb.change.same" == results.read_note(row["note"])[0]


def test_second_births_against_first_are_a_ratio_of_ratios():
    """Births by order in Sanxia, 2019: 250/232, 166/187, 69/49."""
    found = contrasts([(250, 232), (166, 187), (69, 49)])
    second = results.pick(found, measure="srb_contrast/order2").iloc[0]

    assert (166 / 187) / (250 / 232) == pytest.approx(second["value"])
    assert second["lower"] < second["value"] < second["upper"]
    assert 0.18940145397555122 > second["p"] > 0.1


def test_pooling_hides_what_the_contrast_shows():
    found = contrasts([(4_030, 4_000), (5_280, 5_000), (500, 310)])
    third = results.pick(found, measure="srb_contrast/order3").iloc[0]

    assert third["p"] < 1e-6
    assert "note.srb.contrast.different" == results.read_note(third["note"])[0]


def test_an_order_without_births_has_no_contrast():
    assert ["srb_contrast/order2"] == list(contrasts([(5, 5), (6, 4), (0, 0)])["measure"])


def test_two_rows_for_one_order_are_refused():
    rows = results.combine([orders_of([(5, 5)]), orders_of([(6, 4)])])

    with pytest.raises(FpError, match="several sex ratios of one birth order in 2018H1"):
        birth_order.contrasts(rows, period="2018H1", county="renqiu")


@pytest.mark.parametrize("kind", ["midp", "exact"])
@pytest.mark.parametrize("lang", wording.LANGS)
def test_contrasts_and_changes_have_words(lang, kind):
    cells = [(4_030, 4_000), (5_280, 5_000), (500, 310)]
    made = results.combine([contrasts(cells, kind=kind), change(cells, [(400, 400), (300, 300), (90, 90)])])

    assert all(wording.remark(note, lang) for note in made["note"] if note)
    assert all(wording.text(f"method.{method}", lang) for method in made["method"])
    assert all(wording.label(measure, lang) for measure in made["measure"])

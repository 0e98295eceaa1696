import numpy as np
import pytest

from fpanalysis import clusters, results, wording
from fpanalysis.errors import FpError

WHERE = {"period": "2018H1", "county": "renqiu"}
RING = {f"t{n:02}": [f"t{(n + 1) % 12:02}"] for n in range(12)}


def ratios_of(cells):
    rows = [{"place": f"t{n:02}", "period": "2018H1", "measure": "srb", "count": boys, "total": boys + girls}
            for n, (boys, girls) in enumerate(cells)]  # fmt: skip
    return results.rows(rows)


def scan(cells, **changed):
    terms = {"neighbours": RING, "rng": np.random.default_rng(1), "draws": 199, **WHERE, **changed}
    return clusters.scan(ratios_of(cells), **terms)


def test_connected_groups_of_a_ring_of_four():
    edges = {"a": {"b", "d"}, "b": {"a", "c"}, "c": {"b", "d"}, "d": {"a", "c"}}

    assert 4 + 4 + 4 == len(clusters.connected("abcd", edges, 3))
    assert ("a", "b", "c") in clusters.connected("abcd", edges, 3)
    assert ("a", "c") not in clusters.connected("abcd", edges, 3)


def test_too_many_groups_are_refused():
    everywhere = {str(n): {str(m) for m in range(60)} - {str(n)} for n in range(60)}

    with pytest.raises(FpError, match="take a smaller `largest`"):
        clusters.connected(everywhere, everywhere, 6)


def test_high_neighbours_are_found_and_named():
    cells = [(800, 500) if n in (3, 4, 5) else (515, 485) for n in range(12)]
    best = scan(cells).iloc[0]

    assert best["p"] == 1 / 200
    assert ["t03", "t04", "t05"] == results.read_note(best["note"])[1]["places"]


def test_nobody_is_named_on_noise():
    cells = [(515 + (n % 3), 485) for n in range(12)]
    found = scan(cells)

    assert 1 == len(found)
    assert found["p"].iloc[0] > 0.05
    assert "places" not in results.read_note(found["note"].iloc[0])[1]


def test_two_clusters_apart_are_both_told():
    cells = [(800, 500) if n in (1, 2, 7, 8) else (515, 485) for n in range(12)]
    found = scan(cells)
    named = [results.read_note(note)[1]["places"] for note in found["note"]]

    assert [["t01", "t02"], ["t07", "t08"]] == sorted(named)[:2]


def test_the_p_value_is_even_under_the_null():
    """40 null counties, 99 draws each: p at most 0.2 about one time in five."""
    rng = np.random.default_rng(4)
    p = []
    for _ in range(40):
        boys = rng.binomial(250, 0.515, 12)
        p.append(scan(zip(boys, 250 - boys, strict=True), draws=99, rng=rng)["p"].iloc[0])

    assert 0.05 <= np.mean(np.array(p) <= 0.2) <= 0.4


def test_the_same_seed_gives_the_same_answer_whatever_the_direction_of_borders():
    cells = [(300 + 9 * n, 290) for n in range(12)]
    back = {f"t{(n + 1) % 12:02}": [f"t{n:02}"] for n in range(12)}

    assert scan(cells).equals(scan(cells, neighbours=back))


def test_without_neighbours_there_is_nothing_to_say():
    assert scan([(5, 5)] * 12, neighbours={}).empty


def test_an_unknown_neighbour_is_refused():
    with pytest.raises(FpError, match="neighbour 't1' is no township; did you mean"):
        scan([(5, 5)] * 12, neighbours={"t00": ["t1"]})


@pytest.mark.parametrize("lang", wording.LANGS)
def test_clusters_have_words(lang):
    made = results.combine([scan([(800, 500), *[(515, 485)] * 11]), scan([(515, 485)] * 12)])

    assert all(wording.remark(note, lang) for note in made["note"])
    assert wording.text("method.scan", lang)
    assert wording.label("srb_cluster/1", lang)


def test_more_births_than_can_be_dealt_out_are_refused():
    rows = [{"place": place, "period": "x", "measure": "srb", "count": 5e8, "total": 1e9} for place in ("a", "b")]

    with pytest.raises(FpError, match="2,000,000,000 births in x, expected fewer than 1,000,000,000"):
        clusters.scan(results.rows(rows), period="x", county="c", neighbours={"a": ["b"]}, rng=np.random.default_rng(1))

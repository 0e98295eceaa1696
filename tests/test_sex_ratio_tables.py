"""The benchmark of the sex ratio in its quick mode: every table can be made, and the exact ones hold the goals."""

import json
import runpy

import pytest


@pytest.fixture(scope="module")
def bench(root):
    return runpy.run_path(str(root / "benchmarks" / "sex_ratio.py"))


@pytest.mark.parametrize(
    "name",
    [
        "coverage",
        "practices",
        "county",
        "under_plan",
        "looking",
        "streams",
        "power",
        "report",
        "shrinkage",
        "scan",
        "missing",
    ],
)
def test_every_table_can_be_made(bench, name):
    table = bench["TABLES"][name](2)

    assert len(table)
    assert table.notna().all(axis=None)


def test_mid_p_covers_94_5_to_95_5_per_cent_with_even_misses(bench):
    """Mean over true ratios; neither tail above 3 % from 50 births on."""
    table = bench["coverage"](1).query("interval == 'midp' and births >= 50")

    assert table["covers"].between(94.5, 95.5).all()
    assert (table[["misses_low_truth", "misses_high_truth"]] < 3).all(axis=None)


def test_births_under_plan_keep_the_size(bench):
    table = bench["under_plan"](1).query("`last look` == 'spend what is left'")

    assert table["size"].between(4, 5).all()


def test_tables_are_printed_and_written(bench, tmp_path, capsys):
    bench["main"](["under_plan", "--runs", "1", "--json", str(tmp_path / "tables.json")])

    assert ["under_plan"] == list(json.loads((tmp_path / "tables.json").read_text("utf-8")))
    assert "exact" in capsys.readouterr().out


def test_an_unknown_table_is_refused(bench, capsys):
    with pytest.raises(SystemExit):
        bench["main"](["powers"])

    assert "no table 'powers'" in capsys.readouterr().err

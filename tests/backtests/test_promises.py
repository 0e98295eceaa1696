"""What a half-year report promised comes back, with its outcome, in the annual report of the same year."""

import pytest

from fpanalysis import results
from fpanalysis.desk import open_desk
from fpanalysis.execute import run_notebook

SECOND_HALF = """日期,事项,对象,数量,金额
2018-09-12,联合检查,,1,0
2018-11-20,联合检查,,1,0
"""
CHECKUPS = """项目,乡镇,月份,性别,人数
免费孕前优生健康检查,鄚州镇,2018-12,男,1400
免费孕前优生健康检查,鄚州镇,2018-12,女,1400
农村妇女生殖健康检查,鄚州镇,2018-12,女,9000
"""


@pytest.fixture
def answered(home, monkeypatch):
    """The commitments of the annual report of 2018, with two inspections and some check-ups in its second half."""
    folder = home / "data" / "raw" / "renqiu" / "2019-01-08"
    folder.mkdir()
    (folder / "activities.2018H2.csv").write_text(SECOND_HALF, "utf-8")
    (folder / "checkups.2018H2.csv").write_text(CHECKUPS, "utf-8")
    monkeypatch.setenv("FPANALYSIS_HOME", str(home))
    run_notebook(home / "notebooks" / "05_services.ipynb", home / "05.ipynb", {"place": "renqiu", "period": "2018"})
    found = open_desk("renqiu", "2018", home=home).kept("05_services")
    rows = results.pick(found, place="renqiu", period="2018", measure="commitment/*")
    return {r.measure.split("/")[1]: (results.read_note(r.note)[0], r.value) for r in rows.itertuples()}


def test_each_promise_is_answered_with_its_number(answered):
    """Three inspections (that of mid-July, which the half-year report had listed too early, is one); 2,886 + 2,800 of 5,600 couples' check-ups
    reach the target, 10,470 + 9,000 of 21,000 examinations do not; the payments of the second half have not come, and one promise has no number."""
    states = {name: key.rpartition(".")[2] for name, (key, _) in answered.items()}

    assert {"C1": "kept", "C2": "kept", "C3": "not_kept", "C4": "cannot_judge", "C5": "cannot_judge"} == states
    assert 3 == answered["C1"][1]
    assert (2886 + 2800) / 5600 == pytest.approx(answered["C2"][1])
    assert answered["C3"][1] < 1

import pytest

from fpanalysis.errors import ParamsError
from fpanalysis.paths import Home, find_home


def test_home_is_found_from_a_folder_below(root):
    assert find_home(root / "notebooks").root == root


def test_the_environment_names_another_home(monkeypatch, tmp_path):
    (tmp_path / "params").mkdir()
    monkeypatch.setenv("FPANALYSIS_HOME", str(tmp_path))

    assert find_home().root == tmp_path.resolve()


def test_an_environment_that_names_no_project_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("FPANALYSIS_HOME", str(tmp_path / "nowhere"))

    with pytest.raises(ParamsError, match="no folder params/"):
        find_home()


def test_elsewhere_the_package_knows_its_own_home(tmp_path, root):
    assert find_home(tmp_path).root == root


def test_kept_results_go_where_the_run_says(monkeypatch, tmp_path, root):
    monkeypatch.setenv("FPANALYSIS_WORK", str(tmp_path))

    assert find_home(root).work("renqiu", "2018H1") == tmp_path


def test_releases_may_go_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("FPANALYSIS_OUTPUTS", str(tmp_path / "elsewhere"))

    assert Home(tmp_path).outputs == tmp_path / "elsewhere"
    assert Home(tmp_path).releases("renqiu", "2018H1") == tmp_path / "elsewhere" / "renqiu" / "2018H1"

"""The recipes for schedulers: each is read by the rules of its own kind, and calls what the command line has."""

import configparser
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import types
import xml.etree.ElementTree as ET
from graphlib import TopologicalSorter
from pathlib import Path
from typing import ClassVar

import papermill
import pytest
import yaml

from fpanalysis.__main__ import _parser
from fpanalysis.desk import KEEPERS
from fpanalysis.stages import reads

CRON_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


@pytest.fixture
def recipes(root) -> Path:
    return root / "docs" / "scheduling"


def understood(command: str) -> None:
    """Refuse a command line that fpanalysis would refuse."""
    words = shlex.split(command.replace("\\", "/"), comments=True)
    start = next(i for i, word in enumerate(words) if Path(word).stem == "fpanalysis" and word != "/srv/fpanalysis")
    given = [w for w in words[start + 1 :] if not w.startswith(("2>", ">"))]
    given = given[: given.index("outputs/log.txt")] if "outputs/log.txt" in given else given
    found = _parser().parse_args(given)

    assert found.due and found.all


def test_the_crontab_has_five_fields_in_range_and_a_command(recipes):
    lines = [line for line in (recipes / "crontab").read_text().splitlines() if re.match(r"[\d*]", line)]
    *fields, command = lines[0].split(maxsplit=5)

    assert len(lines) == 1
    for field, (low, high) in zip(fields, CRON_FIELDS, strict=True):
        assert field == "*" or low <= int(field) <= high
    understood(command.split("&&")[1])


def test_the_systemd_unit_and_timer_are_whole(recipes, tmp_path):
    service, timer = (configparser.ConfigParser(interpolation=None, strict=True) for _ in range(2))
    for parser, name in ((service, "fpanalysis.service"), (timer, "fpanalysis.timer")):
        parser.optionxform = str
        parser.read(recipes / name, "utf-8")

    assert service["Service"]["Type"] == "oneshot"
    assert timer["Timer"]["Persistent"] == "true"
    assert re.fullmatch(r"\*-\*-\* \d\d:\d\d:\d\d", timer["Timer"]["OnCalendar"])
    understood(service["Service"]["ExecStart"])


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze, which is not here")
def test_systemd_has_nothing_to_say_against_the_units(recipes, tmp_path):
    program = Path(sys.executable).with_name("fpanalysis")
    for name in ("fpanalysis.service", "fpanalysis.timer"):
        text = (recipes / name).read_text("utf-8").replace("/srv/fpanalysis/.venv/bin/fpanalysis", str(program))
        (tmp_path / name).write_text(text.replace("/srv/fpanalysis", str(tmp_path)), "utf-8")
    units = [str(path) for path in tmp_path.iterdir()]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_windows_task_makes_up_for_missed_days(recipes):
    task = ET.parse(recipes / "windows-task.xml").getroot()
    names = {"t": task.tag[1:].partition("}")[0]}
    text = {e.tag.rpartition("}")[2]: (e.text or "") for e in task.findall(".//t:*", names)}

    assert (text["StartWhenAvailable"], text["MultipleInstancesPolicy"]) == ("true", "IgnoreNew")
    understood(f"{text['Command']} {text['Arguments']}")


def test_the_ci_schedule_runs_what_is_due(recipes):
    found = yaml.safe_load((recipes / "ci-schedule.yml").read_text("utf-8"))
    steps = [step["run"] for step in found["jobs"]["due"]["steps"] if "run" in step]

    assert steps[0] == "make setup"
    understood(steps[1])


class Task:
    """Stands in for an Airflow operator: keeps what it was given, and which tasks come after it."""

    made: ClassVar[list] = []

    def __init__(self, **given):
        self.__dict__.update(given)
        self.after: list[Task] = []
        Task.made.append(self)

    def __rshift__(self, other):
        self.after.append(other)
        return other

    def execute(self):
        """Do what PapermillOperator does: one plain papermill call."""
        Path(self.output_nb).parent.mkdir(parents=True, exist_ok=True)
        return papermill.execute_notebook(
            self.input_nb, self.output_nb, parameters=self.parameters, progress_bar=False, report_mode=True
        )


AIRFLOW = {
    "airflow 2": ("airflow.models.dag", "airflow.operators.bash"),
    "airflow 3": ("airflow.sdk", "airflow.providers.standard.operators.bash"),
}
"""Modules of the classes for a DAG and for a task that runs a command."""


class Dag:
    def __init__(self, **given):
        self.given = given

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


@pytest.fixture(params=sorted(AIRFLOW))
def tasks(recipes, home, monkeypatch, request):
    """The tasks of the Airflow DAG, read with stand-ins for Airflow's own classes, where each version has them."""
    Task.made = []
    wanted = {
        AIRFLOW[request.param][0]: {"DAG": Dag},
        AIRFLOW[request.param][1]: {"BashOperator": Task},
        "airflow.providers.papermill.operators.papermill": {"PapermillOperator": Task},
    }
    for name, content in wanted.items():
        parts = name.split(".")
        for i in range(1, len(parts) + 1):
            monkeypatch.setitem(sys.modules, ".".join(parts[:i]), types.ModuleType(".".join(parts[:i])))
        vars(sys.modules[name]).update(content)
    monkeypatch.setenv("FPANALYSIS_HOME", str(home))
    runpy.run_path(str(recipes / "airflow_dag.py"))
    return {task.task_id: task for task in Task.made}


def test_the_airflow_dag_has_a_task_a_notebook_in_an_order_that_holds(tasks, root):
    assert set(tasks) == {*KEEPERS, "06_report_zh", "06_report_en", "publish_zh", "publish_en"}
    for name in KEEPERS:
        for needed in reads(root / "notebooks" / f"{name}.ipynb", KEEPERS):
            assert tasks[name] in tasks[needed].after
        assert {tasks["06_report_zh"], tasks["06_report_en"]} <= set(tasks[name].after)


def in_order(tasks: dict[str, Task]) -> list[Task]:
    before = {name: {n for n, t in tasks.items() if task in t.after} for name, task in tasks.items()}
    return [tasks[name] for name in TopologicalSorter(before).static_order()]


@pytest.mark.parametrize("tasks", ["airflow 3"], indirect=True)
@pytest.mark.filterwarnings("default")
def test_a_task_of_the_dag_is_a_plain_papermill_call(tasks, home):
    done = tasks["01_check_data"].execute()

    assert done.cells[-1].execution_count
    assert (home / "outputs" / "airflow" / "renqiu" / "2018H1" / "01_check_data.ipynb").is_file()


@pytest.mark.parametrize("tasks", ["airflow 3"], indirect=True)
@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_dag_makes_both_reports(tasks, home):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for task in in_order(tasks):
        if hasattr(task, "bash_command"):
            subprocess.run(task.bash_command, shell=True, check=True, env={**os.environ, "PATH": path})
        else:
            task.execute()

    for lang in ("zh", "en"):
        page = home / "outputs" / "airflow" / "renqiu" / "2018H1" / f"06_report.{lang}.html"
        assert "1,559" in page.read_text("utf-8")

"""The project's own files agree with each other: dependencies, commands, entry points, fonts."""

from __future__ import annotations

import os
import re
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest
import yaml
from fontTools.ttLib import TTFont
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from fpanalysis.fonts.make_fonts import gb_2312_characters, standard_characters
from fpanalysis.typeface import font_files

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
CONDA_NAMES = {"brotli-python": "brotli", "python-duckdb": "duckdb"}
TARGETS = ["help", "setup", "report", "test", "test-slow", "lab", "sample", "format", "lock", "clean"]
SPARK = (ROOT / "requirements.spark.lock").read_text(encoding="utf-8")
CONFIGURATION = [
    "requirements.lock",
    "requirements.spark.lock",
    "environment.yml",
    "pyproject.toml",
    "Makefile",
    ".ci/run",
]
CONFIGURATION += [".github/workflows/ci.yml", ".pre-commit-config.yaml", ".editorconfig", ".gitignore"]
FONTS = ROOT / "fpanalysis" / "fonts"


def direct() -> dict[str, Requirement]:
    """Return every direct dependency by name: to run, to test, to build."""
    lines = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["test"]]
    found = map(Requirement, [*lines, *PROJECT["dependency-groups"]["build"]])
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def locked() -> dict[str, str]:
    """Return the version of every package in the lock."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", LOCK, flags=re.MULTILINE))


def conda() -> dict[str, str]:
    """Return the version of every package in environment.yml, by its name in the lock; pip's too (not on conda-forge)."""
    lines = [line for line in CONDA["dependencies"] if isinstance(line, str)]
    lines += [
        line.replace("==", "=") for part in CONDA["dependencies"] if isinstance(part, dict) for line in part["pip"]
    ]
    pairs = (line.split("=") for line in lines if "=" in line)
    return {CONDA_NAMES.get(name, name): pinned for name, pinned in pairs if name != "python"}


# Dependencies


def test_every_direct_dependency_is_locked() -> None:
    assert set() == set(direct()) - set(locked())


@pytest.mark.parametrize("name", direct())
def test_a_locked_version_is_one_that_the_project_asks_for(name: str) -> None:
    assert direct()[name].specifier.contains(locked()[name])


@pytest.mark.parametrize("name", direct())
def test_the_locked_version_is_installed(name: str) -> None:
    assert locked()[name] == version(name)


def test_conda_has_the_same_direct_dependencies() -> None:
    assert {name: locked()[name] for name in direct()} == conda()


def test_conda_has_a_python_that_the_project_runs_on() -> None:
    asked = Requirement(f"python{PROJECT['project']['requires-python']}")

    assert asked.specifier.contains(CONDA["dependencies"][0].removeprefix("python="))


def test_the_build_asks_for_the_locked_backend() -> None:
    assert PROJECT["build-system"]["requires"] == PROJECT["dependency-groups"]["build"]


def test_every_locked_package_is_hashed() -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", LOCK)

    assert [] == [block for block in blocks if "==" in block and "--hash=sha256:" not in block]


def test_the_lock_holds_nothing_but_packages_and_hashes() -> None:
    line = re.compile(r"#.*|[a-z0-9-]+==\S+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")

    assert [] == [text for text in LOCK.splitlines() if not line.fullmatch(text)]


@pytest.mark.parametrize("name", CONFIGURATION)
def test_no_address_is_written_into_the_configuration(name: str) -> None:
    assert "://" not in (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CONFIGURATION)
def test_no_path_of_one_machine_is_written_into_the_configuration(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")

    assert [] == re.findall(r"(?<![\w.])/(?:home|root|tmp|Users|work)\b", text)


def test_spark_is_locked_as_its_extra_asks() -> None:
    asked = map(Requirement, PROJECT["project"]["optional-dependencies"]["spark"])
    held = dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\\n    --hash=sha256:[0-9a-f]{64}$", SPARK, flags=re.MULTILINE))

    assert all(one.specifier.contains(held[one.name]) for one in asked)
    assert len(held) == SPARK.count("==")


# Commands


@pytest.mark.parametrize("target", TARGETS)
def test_a_promised_target_is_there_and_explained(target: str) -> None:
    assert re.search(rf"^{target}:.*  ## \S", MAKEFILE, flags=re.MULTILINE)


def test_continuous_integration_runs_the_tests_of_everyone() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no executable bit")
def test_continuous_integration_can_be_started() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize(
    ("group", "name"),
    [("console_scripts", name) for name in PROJECT["project"]["scripts"]]
    + [(group, name) for group, names in PROJECT["project"]["entry-points"].items() for name in names],
)
def test_an_entry_point_resolves(group: str, name: str) -> None:
    (found,) = entry_points(group=group, name=name)

    assert callable(found.load())


def test_the_installed_project_is_this_one() -> None:
    assert PROJECT["project"]["version"] == version("fpanalysis")


# Fonts and licences


@pytest.mark.parametrize("name", PROJECT["project"]["license-files"])
def test_a_licence_stands_in_full(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")

    assert "WITHOUT WARRANT" in text


def test_the_bundled_fonts_leave_the_project_light() -> None:
    size = sum(path.stat().st_size for path in FONTS.glob("*.otf"))

    assert 0 < size < 12_000_000


@pytest.mark.parametrize("weight", font_files())
@pytest.mark.parametrize(
    "characters",
    [gb_2312_characters(), standard_characters(), "鄚", "−×±÷≤≥≠≈←↑→↓‰℃“”—…•", "①②⑳㈠Ⅰ％（），。"],
    ids=["GB 2312", "8105", "Renqiu", "signs", "forms"],
)
def test_the_bundled_fonts_cover_what_reports_are_written_in(weight: str, characters: str) -> None:
    covered = TTFont(font_files()[weight]).getBestCmap()

    assert "" == "".join(character for character in characters if ord(character) not in covered)

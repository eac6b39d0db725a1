"""What is built is what is in the tree, and works where the tree is not."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "prefect_stripe"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist, and the wheel that is built from it."""
    return _build(ROOT, tmp_path_factory.mktemp("from-sdist"))


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel in a folder of its own; what it depends on is taken from this environment."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--target", str(folder), str(_only(built, "*.whl"))], check=True)
    return folder


def _build(source: Path, to: Path, *options: str) -> Path:
    command = [sys.executable, "-m", "build", "--no-isolation", *options, "--outdir", str(to), str(source)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return to


def _only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def _files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder.parent).as_posix()
        # By name: a recursive glob does not follow the symlinks that the layers are.
        for part in (folder, *(path for path in folder.iterdir() if path.is_dir()))
        for path in (part.rglob("*") if part != folder else part.iterdir())
        if path.is_file() and "__pycache__" not in path.parts
    }


def _contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")}


def test_each_layer_has_its_import_name() -> None:
    layers = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {PACKAGE.name, "tests"}
    assert {path.name: path.resolve() for path in PACKAGE.iterdir() if path.is_symlink()} == {
        name: ROOT / name for name in layers
    }


def test_pyright_is_told_of_each_layer() -> None:
    # Unlike mypy it follows no links inside of a folder, and says nothing of what it leaves out.
    included = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pyright"]["include"]
    layers = {f"prefect_stripe/{path.name}" for path in PACKAGE.iterdir() if path.is_symlink()}
    assert layers
    assert layers - {*included} == set()


def test_wheel_has_the_files_of_the_tree(built: Path) -> None:
    in_wheel = {name for name in _contents(_only(built, "*.whl")) if ".dist-info/" not in name}
    assert in_wheel == _files(PACKAGE)
    assert "prefect_stripe/py.typed" in in_wheel


def test_wheel_is_the_same_from_the_tree_and_from_the_sdist(built: Path, tmp_path: Path) -> None:
    from_tree = _contents(_only(_build(ROOT, tmp_path, "--wheel"), "*.whl"))
    assert from_tree == _contents(_only(built, "*.whl"))


def test_sdist_has_what_testing_and_building_need(built: Path) -> None:
    with tarfile.open(_only(built, "*.tar.gz")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tests = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py")}
    needed = {"Makefile", "constraints.txt", "pyproject.toml", "README.md", "LICENSE", "examples/orders.csv"}
    assert names >= tests | needed


USE = """
import importlib, pkgutil, sys
from importlib.metadata import distribution

import prefect_stripe

for module in pkgutil.walk_packages(prefect_stripe.__path__, "prefect_stripe."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)

entry_points = {point.group: point for point in distribution("prefect-stripe").entry_points}
blocks = entry_points["prefect.collections"].load()
print(prefect_stripe.__file__)
print([kind.get_block_type_slug() for kind in vars(blocks).values() if isinstance(kind, type)])
print(callable(entry_points["pytest11"].load().stripe_sandbox))
print(all(hasattr(prefect_stripe, name) for name in prefect_stripe.__all__))
"""


def test_wheel_works_outside_the_repository(installed: Path, tmp_path: Path) -> None:
    """All modules import, and the entry points lead to the block and to the fixture."""
    environment = {"PYTHONPATH": str(installed), "PREFECT_HOME": str(tmp_path), "HOME": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", USE], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        str(installed / "prefect_stripe" / "__init__.py"),
        "['stripe-credentials']",
        "True",
        "True",
    ]


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_everything_that_is_asked_for_is_constrained() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line)] == []
    project = _project()
    asked = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    asked += [requirement for group in project["dependency-groups"].values() for requirement in group]
    constrained = {_normalised(line.partition("==")[0]) for line in lines}
    assert {_normalised(re.split(r"[\[<>=!~; ]", requirement)[0]) for requirement in asked} - constrained == set()


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_no_file_names_a_registry() -> None:
    """What is installed, and from where, is the machine's to say."""
    hosts = re.compile(r"py" r"pi\.org|python" r"hosted|npm" r"js\.org|--(extra-)?index" r"-url|find" r"-links")
    files = {path for layer in ROOT.iterdir() if layer.is_dir() and layer.name[0] != "." for path in layer.rglob("*")}
    files |= {*ROOT.iterdir(), *(ROOT / ".ci").iterdir()}
    kinds = {".py", ".toml", ".txt", ".md", ".yml", ".yaml", ".csv", "", ".lock", ".cfg", ".ini", ".json"}
    text = {path for path in files if path.is_file() and path.suffix in kinds}
    assert {str(path) for path in text if hosts.search(path.read_text(errors="replace"))} == set()

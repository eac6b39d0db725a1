"""What a user's type checker says of calls: nothing of good ones, and something of every mistake."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = {name: HERE / f"{name}.py" for name in ("good_calls", "wrong_calls")}
Place = tuple[str, int]


def marked() -> set[Place]:
    lines = FILES["wrong_calls"].read_text().splitlines()
    return {("wrong_calls", number) for number, line in enumerate(lines, 1) if line.endswith("# wrong")}


def by_mypy(elsewhere: Path) -> set[Place]:
    # With the project's own settings, so that what lint has left in mypy's cache is good here too.
    command = [sys.executable, "-m", "mypy", "--strict", *map(str, FILES.values())]
    said = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=False)
    assert said.returncode in (0, 1), said.stdout + said.stderr
    return {
        (Path(file).stem, int(line)) for file, line in re.findall(r"^(.+?):(\d+): error", said.stdout, re.MULTILINE)
    }


def by_pyright(elsewhere: Path) -> set[Place]:
    # Elsewhere, so that this project's own settings are not those of the check.
    command = [
        sys.executable,
        "-m",
        "pyright",
        "--outputjson",
        "--pythonpath",
        sys.executable,
        *map(str, FILES.values()),
    ]
    said = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False)
    assert said.returncode in (0, 1), said.stdout + said.stderr
    found = json.loads(said.stdout)["generalDiagnostics"]
    return {(Path(each["file"]).stem, each["range"]["start"]["line"] + 1) for each in found}


@pytest.mark.parametrize("checked", [by_mypy, by_pyright])
def test_every_mistake_is_reported_and_nothing_else(checked: Callable[[Path], set[Place]], tmp_path: Path) -> None:
    assert len(marked()) > 25
    assert checked(tmp_path) == marked()

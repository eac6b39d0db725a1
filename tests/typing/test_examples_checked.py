"""What a user's type checker says of the examples in the tasks' docstrings, once they are copied."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from prefect_stripe.client import OPERATIONS
from tests.tasks.examples import example

ROOT = Path(__file__).parents[2]


def test_examples_have_the_types_that_they_show(tmp_path: Path) -> None:
    files = [tmp_path / f"{operation}.py" for operation in OPERATIONS]
    for file in files:
        file.write_text(example(file.stem))
    # With the project's own settings, so that what lint has left in mypy's cache is good here too.
    command = [sys.executable, "-m", "mypy", "--strict", *map(str, files)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode in (0, 1), said.stdout + said.stderr
    # The fields of an object are Any: that an example names what it returns is for its reader.
    assert [line for line in said.stdout.splitlines() if ": error:" in line and "[no-any-return]" not in line] == []

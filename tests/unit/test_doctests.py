"""The examples in our docstrings, run."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [
    *(ROOT / "prefect_stripe").glob("*.py"),
    *(path for layer in ("client", "blocks", "flows") for path in (ROOT / "prefect_stripe" / layer).glob("*.py")),
]
EXAMPLES = {str(path.relative_to(ROOT)): path for path in sorted(FILES) if ">>> " in path.read_text()}


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 8


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_do_what_they_say(name: str) -> None:
    module = import_module(name.removesuffix(".py").replace("/", ".").removesuffix(".__init__"))
    results = doctest.testmod(module)
    assert results.attempted
    assert not results.failed

"""How much of it: `make test-scale SCALE_ARGS="--orders 100"`."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--orders", type=int, default=500, help="orders in a file (default: %(default)s)")

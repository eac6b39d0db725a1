"""Whom `make test-stripe` asks: Stripe's test mode, by a key of test mode, or nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("STRIPE_", "PYTEST_"))}


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (None, "no API key"),
        ("", "no API key"),
        ("sk_live_5IcPMPmnEBmx", "the key is a live key"),
        ("rk_live_5IcPMPmnEBmx", "the key is a live key"),
        ("pk_test_5IcPMPmnEBmx", "publishable key"),
        ("5IcPMPmnEBmx", "not a Stripe API key"),
    ],
)
def test_nothing_is_asked_without_a_key_of_test_mode(key: str | None, why: str) -> None:
    command = [sys.executable, "-m", "pytest", "tests/contract", "--stripe", "--collect-only"]
    environment = ENVIRONMENT | ({} if key is None else {"STRIPE_API_KEY": key})
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert "set STRIPE_API_KEY to a secret key of test mode" in ended.stderr
    assert why in ended.stderr
    assert "5IcPMPmnEBmx" not in ended.stdout + ended.stderr


def test_the_makefile_says_that_it_is_there() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "make test-stripe" in said

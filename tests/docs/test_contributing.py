"""What CONTRIBUTING.md says of adding an operation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from prefect_stripe.client import OPERATIONS
from prefect_stripe.flows.run_operation import OperationName

ROOT = Path(__file__).parents[2]


def test_what_it_names_is_there() -> None:
    named = re.findall(r"`(?:python )?([\w.]+/[\w./]*)`", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).exists() and name != "site/"] == []


def test_the_form_offers_every_operation() -> None:
    assert sorted(get_args(OperationName)) == sorted(OPERATIONS)

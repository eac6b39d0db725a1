"""Books that are kept of the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefect_stripe.sandbox import Sandbox
from tests.books.account import Books


@pytest.fixture
def books(stripe_sandbox: Sandbox, tmp_path: Path) -> Books:
    return Books(stripe_sandbox, tmp_path / "books")

"""The `stripe_sandbox` fixture, for the tests of whoever has this package installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from prefect_stripe.sandbox.server import Sandbox


@pytest.fixture(scope="session")
def stripe_sandbox_server() -> Iterator[Sandbox]:
    """One sandbox on a free loopback port for the whole session."""
    from prefect_stripe.sandbox.server import Sandbox  # pytest loads this module always: only a user pays for the rest

    with Sandbox.start() as sandbox:
        yield sandbox


@pytest.fixture
def stripe_sandbox(stripe_sandbox_server: Sandbox) -> Sandbox:
    """A sandbox that remembers nothing of other tests: `url`, `api_key`, `ledger`, `faults`, `clock`."""
    stripe_sandbox_server.reset()
    return stripe_sandbox_server

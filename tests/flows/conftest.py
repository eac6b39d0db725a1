"""A world for the tests of processes."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from prefect_stripe.sandbox import Sandbox
from tests.flows.world import World


@pytest.fixture
def world(stripe_sandbox: Sandbox) -> Iterator[World]:
    headers = {"Authorization": f"Bearer {stripe_sandbox.api_key}"}
    with httpx.Client(base_url=stripe_sandbox.url, headers=headers, timeout=10) as http:
        yield World(stripe_sandbox, http)

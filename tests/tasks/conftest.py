"""Credentials for the sandbox, which has forgotten everything."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from prefect_stripe import StripeCredentials
from prefect_stripe.sandbox import Sandbox


@pytest.fixture
def credentials(stripe_sandbox: Sandbox) -> StripeCredentials:
    """Without retries of the client's own, so that a fault reaches the task."""
    return StripeCredentials(
        api_key=SecretStr(stripe_sandbox.api_key), api_base=stripe_sandbox.url, max_retries=0, requests_per_second=1000
    )

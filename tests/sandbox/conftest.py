"""The sandbox as its users have it (through the plugin), and two clients of other people's making."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
import stripe

from prefect_stripe.sandbox import Sandbox

stripe.enable_telemetry = False


@pytest.fixture
def sandbox(stripe_sandbox: Sandbox) -> Sandbox:
    return stripe_sandbox


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}
    # Certificates cost a client 45 ms to load, and there is no TLS on loopback.
    with httpx.Client(base_url=sandbox.url, headers=headers, timeout=10, verify=False) as client:
        yield client


@pytest.fixture(scope="session")
def _sdk_transport() -> stripe.HTTPClient:
    return stripe.RequestsClient()


@pytest.fixture
def sdk(sandbox: Sandbox, _sdk_transport: stripe.HTTPClient) -> stripe.StripeClient:
    """The official SDK, unmodified."""
    return stripe.StripeClient(sandbox.api_key, base_addresses={"api": sandbox.url}, http_client=_sdk_transport)


@pytest.fixture
def customer(http: httpx.Client) -> str:
    """A customer whose default card works."""
    id: str = http.post("/v1/customers", data={"email": "ap@example.com", "name": "Acme"}).json()["id"]
    card = http.post("/v1/payment_methods/pm_card_visa/attach", data={"customer": id}).json()["id"]
    http.post(f"/v1/customers/{id}", data={"invoice_settings[default_payment_method]": card})
    return id

"""The rate that processes share, on a real server's global concurrency limit."""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from httpx import HTTPStatusError
from prefect.client.orchestration import SyncPrefectClient, get_client
from pydantic import SecretStr

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.blocks import rate as shared
from prefect_stripe.blocks.rate import PrefectRateShare, ensure_rate_limit
from prefect_stripe.client.rate import RateShare

pytestmark = pytest.mark.server


@pytest.fixture
def client(prefect_server: None) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


def credentials(requests_per_second: float | None = None) -> StripeCredentials:
    return StripeCredentials(api_key=SecretStr(f"sk_test_{uuid4().hex}"), requests_per_second=requests_per_second)


def asked(share: RateShare) -> float | None:
    """What the server says, asked again where it was too busy to say: a share leaves that to its asker."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return share.ask()
        except HTTPStatusError as refused:
            if refused.response.status_code != 503 or time.monotonic() > deadline:
                raise


def test_processes_share_the_limit_by_their_number(client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch) -> None:
    name = ensure_rate_limit(credentials(24))
    one, two, three = (PrefectRateShare(name, client) for _ in range(3))
    assert asked(one) == 24.0
    assert asked(two) == 1.0, "the first has not heard of it yet, and may still use all"
    assert asked(one) == 12.0
    monkeypatch.setattr(shared, "_ARRIVING_SECONDS", 0.0)
    assert asked(three) == 8.0
    assert asked(one) == 8.0
    three.leave()
    two.leave()
    assert asked(one) == 24.0
    one.leave()
    assert client.read_global_concurrency_limit_by_name(name).active_slots == 0


def test_a_process_for_which_there_is_no_slot_goes_slowly(client: SyncPrefectClient) -> None:
    name = ensure_rate_limit(credentials(), requests_per_second=1)
    one, two = (PrefectRateShare(name, client) for _ in range(2))
    assert asked(one) == 1.0
    assert asked(two) == 0.5


def test_a_lease_that_the_server_has_taken_back_is_taken_anew(
    client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = ensure_rate_limit(credentials(24))
    share = PrefectRateShare(name, client)
    assert asked(share) == 24.0
    PrefectRateShare.leave(_with_the_lease_of(share, client))
    assert client.read_global_concurrency_limit_by_name(name).active_slots == 0
    monkeypatch.setattr(shared, "_RENEWING_SECONDS", 0.0)
    assert asked(share) == 24.0
    assert client.read_global_concurrency_limit_by_name(name).active_slots == 1


def _with_the_lease_of(share: PrefectRateShare, client: SyncPrefectClient) -> PrefectRateShare:
    other = PrefectRateShare(share.name, client)
    other.__dict__ |= share.__dict__
    return other


def test_without_a_limit_nothing_is_shared(client: SyncPrefectClient) -> None:
    assert asked(PrefectRateShare(f"stripe-{uuid4().hex}", client)) is None


def test_credentials_bring_the_share_of_the_server_that_is_configured(client: SyncPrefectClient) -> None:
    account = credentials(24)
    name = ensure_rate_limit(account)
    assert account.api_key.get_secret_value() not in name
    share = account.config().rate_share
    assert share is not None
    assert share is account.config().rate_share
    assert (share.name, asked(share)) == (name, 24.0)
    assert client.read_global_concurrency_limit_by_name(name).active_slots == 1
    share.leave()

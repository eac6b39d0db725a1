"""One rate for all processes that use an account, by a global concurrency limit of the Prefect server they share.

A process that sends requests occupies one slot of the limit, under a lease that the server takes back when the process
has died; how many slots are occupied is how many processes share the rate. None needs a slot for a request, and none is
handed requests that it then does not send.
"""

from __future__ import annotations

import atexit
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from uuid import UUID

from httpx import HTTPStatusError
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, get_current_settings, temporary_settings

from prefect_stripe.client.rate import LIVE_LIMIT, TEST_LIMIT, end_following

if TYPE_CHECKING:
    from prefect_stripe.blocks.credentials import StripeCredentials

_LEASE_SECONDS: Final = 60.0  # the shortest that the server gives
_RENEWING_SECONDS: Final = 20.0
_ARRIVING_SECONDS: Final = 3.0
_ANSWER_SECONDS: Final = 5.0
_ARRIVING_RATE: Final = 1.0


class PrefectRateShare:
    """The part of a global concurrency limit that is this process's own: the limit by the number of processes.

    A process that comes to others sends one request a second for three seconds, until they have heard of it.

    Args:
        name: Name of the limit.
        client: Speaks to the Prefect server.
    """

    def __init__(self, name: str, client: SyncPrefectClient) -> None:
        self.name = name
        self._client = client
        self._lease: UUID | None = None
        self._renewed = 0.0
        self._settled = 0.0

    def ask(self) -> float | None:
        """Return the requests a second for this process; None where there is no such limit, or it is not active."""
        # It is asked again in a second anyway, and must know soon that a server is down.
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            return self._ask()

    def _ask(self) -> float | None:
        now = time.monotonic()
        try:
            if self._lease is None:
                # First, since the server gives a lease of nothing for a name that it does not know.
                self._client.read_global_concurrency_limit_by_name(self.name)
            arriving = self._hold(now)
            limit = self._client.read_global_concurrency_limit_by_name(self.name)
        except ObjectNotFound:
            return None
        if not limit.active or not limit.limit:
            return None
        if self._lease is None:
            return min(_ARRIVING_RATE, limit.limit / (limit.active_slots + 1))
        if arriving and limit.active_slots > 1:
            self._settled = now + _ARRIVING_SECONDS
        share = limit.limit / max(1, limit.active_slots)
        return min(_ARRIVING_RATE, share) if now < self._settled else share

    def leave(self) -> None:
        """Give the slot back."""
        lease, self._lease = self._lease, None
        if lease is not None:
            self._client.release_concurrency_slots_with_lease(lease)

    def _hold(self, now: float) -> bool:
        """Keep the slot or take one; say whether it is new."""
        if self._lease is not None:
            if now - self._renewed < _RENEWING_SECONDS:
                return False
            try:
                self._client.renew_concurrency_lease(self._lease, _LEASE_SECONDS)
            except HTTPStatusError as refused:
                if refused.response.status_code not in {404, 410}:
                    raise
                self._lease = None
            else:
                self._renewed = now
                return False
        try:
            answer = self._client.increment_concurrency_slots_with_lease(
                [self.name], 1, "concurrency", _LEASE_SECONDS
            ).json()
        except HTTPStatusError as refused:
            if refused.response.status_code != 423:  # all slots taken
                raise
            return False
        self._lease, self._renewed = UUID(answer["lease_id"]), now
        return True


def limit_name(account: str) -> str:
    """Return the name of an account's limit: as the account of a client's configuration, never the key."""
    return f"stripe-{account.rstrip(':').replace(':', '-')}"


def share_of(account: str) -> PrefectRateShare | None:
    """Return an account's share on the server that is configured; None where none is.

    Args:
        account: What tells accounts and modes apart, without being the key itself.
    """
    settings = get_current_settings().api
    if settings.url is None:
        return None
    name = limit_name(account)
    if (found := _SHARES.get((settings.url, name))) is None:
        client = SyncPrefectClient(
            settings.url,
            auth_string=settings.auth_string.get_secret_value() if settings.auth_string else None,
            api_key=settings.key.get_secret_value() if settings.key else None,
            httpx_settings={"timeout": _ANSWER_SECONDS},
        )
        found = _SHARES[settings.url, name] = PrefectRateShare(name, client)
    return found


_SHARES: Final[dict[tuple[str, str], PrefectRateShare]] = {}


@atexit.register
def _leave_all() -> None:
    # The server may be gone, and takes the slot back itself: a process waits at its end for the answer that is on its
    # way, and for one more.
    end_following(_ANSWER_SECONDS)
    with suppress(Exception), temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
        for share in _SHARES.values():
            share.leave()


def ensure_rate_limit(credentials: StripeCredentials, requests_per_second: int | None = None) -> str:
    """Make the limit that all processes of an account share, or set it; run it where none of them works just now.

    Args:
        credentials: Of the account and mode.
        requests_per_second: For all processes together; None means the credentials' own, or Stripe's for the mode.

    Returns:
        The name of the limit, as the Prefect UI shows it.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate

    own = credentials.requests_per_second or (LIVE_LIMIT if credentials.mode == "live" else TEST_LIMIT)
    name = limit_name(credentials.config().account)
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(name, requests_per_second or max(1, int(own)))
        # A server that was killed has forgotten the leases, and counts their slots for ever.
        client.update_global_concurrency_limit(name, GlobalConcurrencyLimitUpdate(active_slots=0))
    return name

"""Staying inside Stripe's limits without asking: token buckets, shared by all clients of an account in a process.

Stripe page: "Rate limits".
"""

from __future__ import annotations

import threading
from math import inf
from typing import Final

LIVE_LIMIT: Final = 100.0
TEST_LIMIT: Final = 25.0
ENDPOINT_LIMIT: Final = 25.0
SEARCH_LIMIT: Final = 20.0

_RECOVERY_SECONDS: Final = 10.0
_HALVING_SECONDS: Final = 1.0
_SMALLEST_SHARE: Final = 1 / 16


class TokenBucket:
    """Hands out moments at which a request may start, at most `limit` a second over time.

    After a refusal by Stripe's limiter it halves its rate, and comes back to the full one over ten seconds. Refusals
    within a second of one another count once: they are what was under way together.
    """

    def __init__(self, limit: float, burst_seconds: float = 0.2) -> None:
        self.limit = limit
        self._burst_seconds = burst_seconds
        self._next = 0.0
        self._share = 1.0
        self._share_since = -inf
        self._lock = threading.Lock()

    def reserve(self, now: float) -> float:
        """Take one token and return the seconds to wait before it may be used.

        Args:
            now: Seconds on a monotonic clock.

        Example:
            >>> bucket = TokenBucket(limit=10, burst_seconds=0)
            >>> bucket.reserve(100.0), round(bucket.reserve(100.0), 3)
            (0.0, 0.1)
        """
        with self._lock:
            start = max(self._next, now - self._burst_seconds)
            self._next = start + 1 / (self.limit * self._current_share(now))
            return max(0.0, start - now)

    def refused(self, now: float) -> None:
        """Note that Stripe's limiter refused a request."""
        with self._lock:
            if now - self._share_since < _HALVING_SECONDS:
                return
            self._share = max(_SMALLEST_SHARE, self._current_share(now) / 2)
            self._share_since = now

    def _current_share(self, now: float) -> float:
        return min(1.0, self._share + (now - self._share_since) / _RECOVERY_SECONDS)


class RateLimits:
    """The buckets of one account and mode: one for all requests, one an endpoint, one for searches.

    Args:
        limit: Requests a second, or None for no limit.
        endpoint_limit: Requests a second to one endpoint, or None for no limit of its own.
        search_limit: Searches a second, or None for no limit of their own.
    """

    def __init__(self, limit: float | None, endpoint_limit: float | None, search_limit: float | None) -> None:
        self._account = [TokenBucket(limit)] if limit else []
        self._limits = {False: endpoint_limit, True: search_limit}
        self._named: dict[str, TokenBucket] = {}

    def reserve(self, endpoint: str, search: bool, now: float) -> float:
        """Take a token from each bucket that the request falls under; return the longest wait in seconds."""
        return max((bucket.reserve(now) for bucket in self._buckets(endpoint, search)), default=0.0)

    def refused(self, endpoint: str, search: bool, now: float) -> None:
        """Slow down every bucket that a refused request fell under."""
        for bucket in self._buckets(endpoint, search):
            bucket.refused(now)

    def _buckets(self, endpoint: str, search: bool) -> list[TokenBucket]:
        if (limit := self._limits[search]) is None:
            return self._account
        name = "search" if search else endpoint
        bucket = self._named.get(name) or self._named.setdefault(name, TokenBucket(limit))
        return [*self._account, bucket]


_ACCOUNTS: dict[tuple[str, float | None, float | None, float | None], RateLimits] = {}
_ACCOUNTS_LOCK = threading.Lock()


def limits_of(
    account: str,
    limit: float | None,
    endpoint_limit: float | None = None,
    search_limit: float | None = None,
) -> RateLimits:
    """Return the process's buckets for an account: all clients of one account share them.

    Args:
        account: What tells accounts and modes apart, without being the key itself.
        limit: Requests a second, or None for no limit.
        endpoint_limit: Requests a second to one endpoint, or None for no limit of its own.
        search_limit: Searches a second, or None for no limit of their own.
    """
    key = (account, limit, endpoint_limit, search_limit)
    with _ACCOUNTS_LOCK:
        if key not in _ACCOUNTS:
            _ACCOUNTS[key] = RateLimits(limit, endpoint_limit, search_limit)
        return _ACCOUNTS[key]

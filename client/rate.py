"""Staying inside Stripe's limits without asking: token buckets, shared by all clients of an account in a process.

Stripe page: "Rate limits".
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from math import inf
from typing import Final, Protocol

LIVE_LIMIT: Final = 100.0
TEST_LIMIT: Final = 25.0
ENDPOINT_LIMIT: Final = 25.0
SEARCH_LIMIT: Final = 20.0

_RECOVERY_SECONDS: Final = 10.0
_HALVING_SECONDS: Final = 1.0
_SMALLEST_SHARE: Final = 1 / 16
_ASKING_SECONDS: Final = 1.0
_STALE_SECONDS: Final = 5.0
_IDLE_SECONDS: Final = 10.0
_CAUTIOUS: Final = 1 / 4

_LOGGER: Final = logging.getLogger("prefect_stripe.rate")


class RateShare(Protocol):
    """Where a process learns which part of an account's rate is its own, when others use the account too."""

    @property
    def name(self) -> str:
        """What is shared."""
        ...

    def ask(self) -> float | None:
        """Return the requests a second that this process may send now; None where nothing is shared."""
        ...

    def leave(self) -> None:
        """Leave the rate to the others, until asked again."""
        ...


class TokenBucket:
    """Hands out moments at which a request may start, at most `limit` a second over time.

    After a refusal by Stripe's limiter it halves its rate, and comes back to the full one over ten seconds. Refusals
    within a second of one another count once: they are what was under way together.
    """

    def __init__(self, limit: float, burst_seconds: float = 0.2) -> None:
        self.limit = limit
        self.part = 1.0
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
            self._next = start + 1 / (self.limit * self.part * self._current_share(now))
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
        share: Where to learn which part of all three is this process's own; None means all.
    """

    def __init__(
        self,
        limit: float | None,
        endpoint_limit: float | None,
        search_limit: float | None,
        share: RateShare | None = None,
    ) -> None:
        self._account = [TokenBucket(limit)] if limit else []
        self._limits = {False: endpoint_limit, True: search_limit}
        self._named: dict[str, TokenBucket] = {}
        self._part = 1.0
        self._following = Following(share, limit, self._take_part) if share and limit else None

    def reserve(self, endpoint: str, search: bool, now: float) -> float:
        """Take a token from each bucket that the request falls under; return the longest wait in seconds."""
        if self._following:
            self._following.used()
        wait = 0.0
        for bucket in self._buckets(endpoint, search):
            wait = max(wait, bucket.reserve(now))
        return wait

    def refused(self, endpoint: str, search: bool, now: float) -> None:
        """Slow down every bucket that a refused request fell under."""
        for bucket in self._buckets(endpoint, search):
            bucket.refused(now)

    def _buckets(self, endpoint: str, search: bool) -> list[TokenBucket]:
        if (limit := self._limits[search]) is None:
            return self._account
        name = "search" if search else endpoint
        bucket = self._named.get(name) or self._named.setdefault(name, TokenBucket(limit))
        bucket.part = self._part
        return [*self._account, bucket]

    def _take_part(self, part: float) -> None:
        self._part = part
        for bucket in self._account:
            bucket.part = part


class Following:
    """Keeps a process at its part of a shared rate, from a thread of its own while requests are sent.

    No request waits for an answer: until the first one, and where there is none for five seconds, the part is a
    quarter of the limit or what it was, whichever is less.

    Args:
        share: Where to ask.
        limit: Requests a second that would be this process's own if it were alone.
        take: Told the part, between 0 and 1.
    """

    def __init__(self, share: RateShare, limit: float, take: Callable[[float], None]) -> None:
        self._share = share
        self._limit = limit
        self._take = take
        self._used = -inf
        self._running = False
        self._none_shared = False
        self._warned = False
        self._lock = threading.Lock()

    def used(self) -> None:
        """Note that a request is about to be sent."""
        self._used = time.monotonic()
        if self._running or self._none_shared:
            return
        with self._lock:
            if not self._running:
                self._running = True
                self._take(_CAUTIOUS)
                threading.Thread(target=self._follow, name=_THREAD, daemon=True).start()

    def _follow(self) -> None:
        part, heard = _CAUTIOUS, -inf
        while True:
            now = time.monotonic()
            try:
                rate = self._share.ask()
            except Exception as problem:  # noqa: BLE001 whatever it is, the money work goes on
                if now - heard > _STALE_SECONDS:
                    part = min(part, _CAUTIOUS)
                    self._warn(problem)
            else:
                self._warned = False
                if rate is None:
                    self._none_shared = True
                    self._take(1.0)
                    return
                part, heard = min(1.0, rate / self._limit), now
            self._take(part)
            if _ENDING.wait(_ASKING_SECONDS) or self._left():
                return

    def _left(self) -> bool:
        with self._lock:
            if time.monotonic() - self._used < _IDLE_SECONDS:
                return False
            try:
                self._share.leave()
            except Exception as problem:  # noqa: BLE001 nor does it need this
                self._warn(problem)
            self._running = False
            return True

    def _warn(self, problem: Exception) -> None:
        if not self._warned:
            self._warned = True
            # Its kind alone: what else an HTTP client says may hold an address with a password in it.
            _LOGGER.warning(
                "the rate shared under %s cannot be learned (%s): at most a quarter of it is used",
                self._share.name,
                type(problem).__name__,
            )


_ENDING: Final = threading.Event()
_THREAD: Final = "stripe-rate"


def end_following(seconds: float) -> None:
    """End what asks for a part, as the process ends: Python aborts a process in which it has to break off a thread.

    Args:
        seconds: How long to wait for an answer that is on its way.
    """
    _ENDING.set()
    for thread in threading.enumerate():
        if thread.name == _THREAD:
            thread.join(seconds)


_ACCOUNTS: dict[tuple[str, float | None, float | None, float | None, str | None], RateLimits] = {}
_ACCOUNTS_LOCK = threading.Lock()


def limits_of(
    account: str,
    limit: float | None,
    endpoint_limit: float | None = None,
    search_limit: float | None = None,
    share: RateShare | None = None,
) -> RateLimits:
    """Return the process's buckets for an account: all clients of one account share them.

    Args:
        account: What tells accounts and modes apart, without being the key itself.
        limit: Requests a second, or None for no limit.
        endpoint_limit: Requests a second to one endpoint, or None for no limit of its own.
        search_limit: Searches a second, or None for no limit of their own.
        share: Where to learn which part of all three is this process's own; None means all.
    """
    key = (account, limit, endpoint_limit, search_limit, share.name if share else None)
    with _ACCOUNTS_LOCK:
        if key not in _ACCOUNTS:
            _ACCOUNTS[key] = RateLimits(limit, endpoint_limit, search_limit, share)
        return _ACCOUNTS[key]

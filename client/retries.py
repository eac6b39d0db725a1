"""Which failures are worth another try with the same idempotency key, and how long to wait before it.

Stripe page: "Error handling" and "Rate limits".
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

RETRIED_STATUS: Final = frozenset({409, 429})
NEVER_RETRIED_STATUS: Final = frozenset({400, 401, 402, 403, 404})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, how long, and with what pauses a request is tried again.

    Attributes:
        max_retries: Tries after the first.
        budget: Seconds from the first try's start after which no other try begins.
        base: Seconds that the first pause is at most; each next one at most twice as long.
        cap: Seconds that a pause is at most, unless Stripe asks for more by `Retry-After`.
    """

    max_retries: int = 4
    budget: float = 60.0
    base: float = 0.5
    cap: float = 8.0

    def pause(
        self,
        tries: int,
        elapsed: float,
        retry_after: float | None = None,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> float | None:
        """Return the seconds to wait before the next try, or None where there should be none.

        Args:
            tries: Tries made so far, at least 1.
            elapsed: Seconds since the first try began.
            retry_after: Seconds that Stripe asked for, if it did.
            jitter: Draws a number between its two arguments.

        Example:
            >>> RetryPolicy(max_retries=1).pause(2, 0.0) is None
            True
        """
        if tries > self.max_retries:
            return None
        wait = jitter(0.0, min(self.cap, self.base * 2 ** min(tries - 1, 30)))
        wait = max(wait, retry_after or 0.0)
        return wait if elapsed + wait <= self.budget else None


def may_pass(http_status: int, headers: Mapping[str, str], replayed: bool) -> bool:
    """Say whether the same request may be answered otherwise if it is sent again.

    A replayed 5xx is a stored answer: the same key would bring it back for ever.
    """
    if http_status in NEVER_RETRIED_STATUS or replayed:
        return False
    wish = headers.get("stripe-should-retry")
    if wish in {"true", "false"}:
        return wish == "true"
    return http_status in RETRIED_STATUS or http_status >= 500


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Read `Retry-After`, where it is given in seconds."""
    value = headers.get("retry-after", "")
    return float(value) if value.isdecimal() else None

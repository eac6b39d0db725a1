"""What can go wrong with one exchange, a row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from prefect_stripe.sandbox.faults import Faults

QUICK: Final = 0.03
"""Seconds that a client waits for an answer where one is slow or never comes."""

LATE: Final = 2 * QUICK
"""Seconds until work begins that its client has given up by then."""


@dataclass(frozen=True)
class Trouble:
    """One row.

    Attributes:
        kind: The sandbox's fault.
        when: Whether it happens before or after the work is done.
        how: What else the fault needs.
        slow: Whether it is by the client's own patience that it ends.
        done: Whether Stripe does the work, and the client is not told so.
    """

    kind: str
    when: str = "before"
    how: Mapping[str, Any] = field(default_factory=dict[str, Any])
    slow: bool = False
    done: bool = False

    def plan(self, faults: Faults, number: int) -> None:
        """Have it happen on the exchange of this number."""
        faults.add(self.kind, self.when, number=number, **self.how)  # type: ignore[arg-type]


TROUBLES: Final[Mapping[str, Trouble]] = {
    "reset before": Trouble("reset"),
    "answer lost after commit": Trouble("close", "after", done=True),
    "500 before": Trouble("error"),
    "500 after commit": Trouble("error", "after", done=True),
    "429": Trouble("rate_limit"),
    "429 with a reason": Trouble("rate_limit", how={"reason": "global-rate"}),
    "lock timeout": Trouble("lock_timeout"),
    "timeout before": Trouble("hang", slow=True),
    "timeout after commit": Trouble("hang", "after", slow=True, done=True),
    "timeout, committed later": Trouble("delay", how={"seconds": LATE}, slow=True, done=True),
    "truncated body": Trouble("truncate", "after", done=True),
    "HTML before": Trouble("html"),
    "HTML after commit": Trouble("html", "after", done=True),
    "slow drip": Trouble("drip", "after", {"seconds": 6 * QUICK}, slow=True, done=True),
}

KILLS: Final[Mapping[str, Trouble]] = {
    "SIGKILL before commit": Trouble("hang"),
    "SIGKILL, committed later": Trouble("delay", how={"seconds": LATE}, done=True),
    "SIGKILL after commit": Trouble("hang", "after", done=True),
}
"""The worker's process is killed while the sandbox holds the exchange."""

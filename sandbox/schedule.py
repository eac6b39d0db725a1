"""What happens by itself once its time has come: it is caught up with before each request of the account."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, order=True, slots=True)
class Due:
    at: float
    seq: int
    kind: str
    id: str
    """The object that it happens to."""


@dataclass(slots=True)
class Schedule:
    """Of one account, the soonest first."""

    _heap: list[Due] = field(default_factory=list[Due])
    _seq: int = 0

    def add(self, at: float, kind: str, id: str) -> None:
        self._seq += 1
        heapq.heappush(self._heap, Due(at, self._seq, kind, id))

    def due(self, now: float) -> Iterator[Due]:
        """Take what is due, in order; what that adds is included."""
        while self._heap and self._heap[0].at <= now:
            yield heapq.heappop(self._heap)

"""The sandbox's time: runs like ours, and can be moved forward or stopped."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Seconds since the epoch, moved by `advance` and `set`, stopped by `freeze`. It never runs backwards."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._frozen: float | None = None

    def time(self) -> float:
        return self._frozen if self._frozen is not None else time.time() + self._offset

    def now(self) -> int:
        return int(self.time())

    def utc(self) -> datetime:
        return datetime.fromtimestamp(self.now(), UTC)

    def advance(self, by: float | timedelta) -> None:
        """Move forward by seconds or a timedelta."""
        seconds = by.total_seconds() if isinstance(by, timedelta) else float(by)
        if seconds < 0:
            raise ValueError("the clock runs forward only: lists are ordered by creation")
        if self._frozen is not None:
            self._frozen += seconds
        self._offset += seconds

    def set(self, to: datetime | float) -> None:
        """Move forward to a moment: an aware datetime, or seconds since the epoch."""
        if isinstance(to, datetime) and to.utcoffset() is None:
            raise ValueError("give the clock an aware datetime")
        self.advance((to.timestamp() if isinstance(to, datetime) else float(to)) - self.time())

    def freeze(self) -> None:
        """Stop: only `advance` and `set` move it now."""
        self._frozen = self.time()

    def resume(self) -> None:
        """Run again, from where it stands."""
        if self._frozen is not None:
            self._offset = self._frozen - time.time()
            self._frozen = None

    def reset(self) -> None:
        self._offset, self._frozen = 0.0, None

"""Python's search for cycles, put off while objects are read by the million that are in none."""

from __future__ import annotations

import gc
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

THRESHOLD: Final = 100_000
"""Containers more than before until Python looks for cycles among the young; of its own accord, 700. A decoded page has
two thousand, and to look through them takes twice as long as to decode them."""

_lock = threading.Lock()
_users = 0
_before = gc.get_threshold()


@contextmanager
def rare_collections() -> Generator[None]:
    """Have Python look for cycles rarely, in the whole process, until the last who asked for it is done."""
    global _users, _before
    with _lock:
        if not _users:
            _before = gc.get_threshold()
            # Where it was turned off, or made rarer still, it stays so.
            if _before[0]:
                gc.set_threshold(max(THRESHOLD, _before[0]), *_before[1:])
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                gc.set_threshold(*_before)

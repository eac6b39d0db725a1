"""Scripted faults: what goes wrong, on which exchange, and whether before or after the work is done."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias, get_args
from zlib import crc32

Kind: TypeAlias = Literal[
    "reset", "close", "hang", "error", "html", "rate_limit", "lock_timeout", "truncate", "drip", "delay"
]
When: TypeAlias = Literal["before", "after"]

ONLY_BEFORE: Final = frozenset({"rate_limit", "lock_timeout", "delay"})
ONLY_AFTER: Final = frozenset({"truncate", "drip"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        kind: `reset` (the connection is reset), `close` (closed without an answer), `hang` (no answer until the client
            goes, at most `seconds`), `error` (a 5xx of Stripe's, kept under the idempotency key), `html` (a 502 of a
            proxy, no JSON), `rate_limit` and `lock_timeout` (429), `truncate` (half of the body), `drip` (the body a
            piece at a time, over `seconds`), `delay` (the work begins `seconds` late, the key held).
        when: `before` anything is done, or `after` all is done and kept under the key.
        operation: Only for this operation.
        number: Only for the exchange of this number, the first since the last reset being 1.
        skip: How many matching exchanges pass first.
        times: How often; None means always.
        status: Status of an `error` (500 unless given) or an `html` (502 unless given).
        reason: What a limiter's 429 gives as its reason, if anything.
        share: How many of the matching exchanges are hit, as a part of 1: always the same ones, by their number.
        seconds: How long a `hang`, `drip` or `delay` takes.
    """

    kind: Kind
    when: When = "before"
    operation: str | None = None
    number: int | None = None
    skip: int = 0
    times: int | None = 1
    status: int = 0
    reason: str | None = None
    share: float = 1.0
    seconds: float = 30.0

    def __post_init__(self) -> None:
        if not self.status:
            object.__setattr__(self, "status", 502 if self.kind == "html" else 500)
        if self.kind not in get_args(Kind) or self.when not in get_args(When):
            raise ValueError(f"no such fault: {self.kind} {self.when}")
        if (self.kind in ONLY_BEFORE and self.when == "after") or (self.kind in ONLY_AFTER and self.when == "before"):
            raise ValueError(f"the fault {self.kind!r} does not happen {self.when!r} the work")

    def hits(self, number: int) -> bool:
        """Whether the exchange of this number is in its share."""
        return self.share >= 1 or crc32(f"{self.kind} {self.when} {number}".encode()) < self.share * 2**32


@dataclass
class Faults:
    """The script. Safe to write from a test's thread while the server runs in its own."""

    _planned: list[Fault] = field(default_factory=list[Fault])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: Kind, when: When | None = None, **how: Any) -> Fault:
        """Plan a fault: `faults.add("close", "after", operation="pay_invoice")`."""
        fault = Fault(kind, when or ("after" if kind in ONLY_AFTER else "before"), **how)
        with self._lock:
            self._planned.append(fault)
        return fault

    def take(self, operation: str | None, number: int) -> Fault | None:
        """The fault of this exchange, if one is planned; it is used up by that."""
        with self._lock:
            for place, fault in enumerate(self._planned):
                if fault.operation not in (None, operation) or fault.number not in (None, number):
                    continue
                if not fault.hits(number):
                    continue
                if fault.skip:
                    self._planned[place] = replace(fault, skip=fault.skip - 1)
                    continue
                if fault.times is not None:
                    left = replace(fault, times=fault.times - 1)
                    self._planned[place : place + 1] = [left] if left.times else []
                return fault
        return None

    @property
    def planned(self) -> list[Fault]:
        with self._lock:
            return list(self._planned)

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self.planned]

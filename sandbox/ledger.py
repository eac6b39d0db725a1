"""What really happened, append-only: every exchange, and every effect on an object.

Tests assert against this, not against their own counters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Effect:
    """One change of one object. `kind` is Stripe's name of the event: `invoice.finalized`, `charge.failed`."""

    seq: int
    time: float
    kind: str
    object: str
    id: str
    amount: int | None
    currency: str | None
    operation: str
    request_id: str
    idempotency_key: str | None
    account: str
    livemode: bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, and what became of it. `status` is the answer's, or None where none was sent."""

    seq: int
    number: int
    time: float
    operation: str | None
    method: str
    path: str
    params: dict[str, Any]
    status: int | None
    request_id: str
    idempotency_key: str | None
    replayed: bool
    fault: str | None
    account: str | None
    livemode: bool | None
    code: str | None


@dataclass(slots=True)
class Ledger:
    """Effects and exchanges in the order in which they happened; `seq` runs through both."""

    entries: list[Effect | Exchange] = field(default_factory=list[Effect | Exchange])

    def append(self, entry: Effect | Exchange) -> None:
        self.entries.append(entry)

    @property
    def next_seq(self) -> int:
        return len(self.entries) + 1

    @property
    def exchanges(self) -> list[Exchange]:
        return [entry for entry in self.entries if isinstance(entry, Exchange)]

    @property
    def effects(self) -> list[Effect]:
        return [entry for entry in self.entries if isinstance(entry, Effect)]

    def select(self, kind: str | None = None, **equal: Any) -> list[Effect]:
        """Effects of a kind (`invoice.finalized`), whose fields equal those given (`id=…`, `operation=…`)."""
        return [
            effect
            for effect in self.effects
            if (kind is None or effect.kind == kind) and all(getattr(effect, k) == v for k, v in equal.items())
        ]

    def count(self, kind: str | None = None, **equal: Any) -> int:
        return len(self.select(kind, **equal))

    def requests(self, operation: str | None = None, **equal: Any) -> list[Exchange]:
        """Exchanges of an operation, whose fields equal those given (`status=402`, `replayed=True`)."""
        return [
            exchange
            for exchange in self.exchanges
            if (operation is None or exchange.operation == operation)
            and all(getattr(exchange, k) == v for k, v in equal.items())
        ]

    def counts(self) -> dict[str, int]:
        """How often each kind of effect happened."""
        found: dict[str, int] = {}
        for effect in self.effects:
            found[effect.kind] = found.get(effect.kind, 0) + 1
        return found

    def as_json(self, after: int = 0) -> Iterator[dict[str, Any]]:
        for entry in self.entries[after:]:
            yield {"entry": type(entry).__name__.lower(), **asdict(entry)}

    def clear(self) -> None:
        self.entries.clear()

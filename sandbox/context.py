"""One request being executed: what handlers read, and the only way in which they change anything.

Every change is undone if the handler refuses, except where the refusal says that it commits (a decline).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from prefect_stripe.sandbox import errors
from prefect_stripe.sandbox.expand import Path, render
from prefect_stripe.sandbox.ledger import Effect, Ledger
from prefect_stripe.sandbox.rows import Row
from prefect_stripe.sandbox.store import Account, Store, new_id

API_VERSION = "2026-10-28.endive"


@dataclass
class Context:
    store: Store
    account: Account
    ledger: Ledger
    operation: str
    path: str
    ids: Mapping[str, str]
    params: dict[str, Any]
    expand: list[Path]
    request_id: str
    idempotency_key: str | None
    time: float
    search_lag: float = 0.0
    _later: list[tuple[float, str, str]] = field(default_factory=list[tuple[float, str, str]])
    _written: dict[str, Row] = field(default_factory=dict[str, Row])
    _undo: list[Callable[[], object]] = field(default_factory=list[Callable[[], object]])
    _effects: list[tuple[str, Row, int | None, bytes]] = field(default_factory=list[tuple[str, Row, int | None, bytes]])

    @property
    def now(self) -> int:
        return int(self.time)

    @property
    def livemode(self) -> bool:
        return self.account.livemode

    # Reading

    def given(self, name: str, otherwise: Any) -> Any:
        """A parameter, or what stands for it where it was not sent."""
        return self.params.get(name, otherwise)

    def get(self, object: str, id: str | None) -> Row | None:
        return self.account.get(object, id)

    def find(self, object: str, id: str, param: str, *, status: int = 400) -> Row:
        """The object that a parameter names (400 if there is none), or the path (status 404)."""
        row = self.account.get(object, id)
        if row is None or row.get("_gone") or not self._previewed(row):
            elsewhere = self.store.in_other_mode(self.account, object, id)
            raise errors.no_such(object, id, param, status=status, elsewhere=elsewhere)
        return row

    def _previewed(self, row: Row) -> bool:
        """Whether it is no preview, or one that is only looked at, and in time."""
        until: int | None = row.get("_preview_until")
        return until is None or (until >= self.now and self.operation in PREVIEWS_SEEN_BY)

    def select(self, object: str, index: str, value: str) -> list[Row]:
        """Rows by an index, oldest first."""
        return list(self.account.table(object).oldest_first(index, value))

    def seen(self, object: str) -> list[Row]:
        """What search sees of a type."""
        rows, until = self.account.table(object).rows, self.time - self.search_lag
        return [row for row in self.account.index.seen(rows, object, until) if not row.get("_gone")]

    # Changing

    def insert(self, object: str, row: Row) -> Row:
        """Add an object, with the id it brings or a new one, `object` and `livemode` filled in."""
        id: str = row.get("id") or new_id(object)
        mode = {} if object in WITHOUT_MODE else {"livemode": self.livemode}
        whole = {"id": id, "object": object, **mode, **row}
        table = self.account.table(object)
        self._writing(whole, None)
        table.put(whole)
        self._undo.append(lambda: table.remove(id))
        return whole

    def change(self, row: Row, **fields: Any) -> Row:
        table = self.account.table(row["object"])
        self._writing(row, row)
        former = table.change(row, fields)
        self._undo.append(lambda: table.change(row, former))
        return row

    def delete(self, row: Row) -> None:
        table = self.account.table(row["object"])
        self._writing(row, row)
        table.remove(row["id"])
        self._undo.append(lambda: table.put(row))

    def _writing(self, row: Row, before: Row | None) -> None:
        if self.search_lag and row["object"] in SEARCHABLE:
            self.account.index.before(row["id"], before)
            self._written[row["id"]] = row

    def record(self, kind: str, row: Row, amount: int | None = None) -> None:
        """Write an effect into the ledger, and the event with it where Stripe has one."""
        self._effects.append((kind, row, amount, orjson.dumps(render(self.account, row, []))))

    def schedule(self, at: float, kind: str, id: str) -> None:
        """Have something happen to an object by itself, at a time of the sandbox's clock."""
        self._later.append((at, kind, id))

    # Ending

    def rollback(self) -> None:
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()
        self._effects.clear()
        self._written.clear()
        self._later.clear()

    def commit(self) -> None:
        self._undo.clear()
        for at, kind, id in self._later:
            self.account.schedule.add(at, kind, id)
        self._later.clear()
        for id, row in self._written.items():
            there = self.account.get(row["object"], id)
            self.account.index.after(id, there, self.time)
        self._written.clear()
        for kind, row, amount, body in self._effects:
            self.ledger.append(
                Effect(
                    seq=self.ledger.next_seq,
                    time=self.time,
                    kind=kind,
                    object=row["object"],
                    id=row["id"],
                    amount=amount,
                    currency=row.get("currency"),
                    operation=self.operation,
                    request_id=self.request_id,
                    idempotency_key=self.idempotency_key,
                    account=self.account.id,
                    livemode=self.livemode,
                )
            )
            self._event(kind, body)
        self._effects.clear()

    def _event(self, kind: str, body: bytes) -> None:
        if kind in NOT_EVENTS:
            return
        self.account.table("event").put(
            {
                "id": new_id("event"),
                "object": "event",
                "api_version": API_VERSION,
                "created": self.now,
                "data": {"object": orjson.loads(body)},
                "livemode": self.livemode,
                "pending_webhooks": 0,
                "request": {"id": self.request_id or None, "idempotency_key": self.idempotency_key},
                "type": kind,
            }
        )


WITHOUT_MODE = frozenset({"balance_transaction", "item", "refund", "subscription_item"})
PREVIEWS_SEEN_BY = frozenset({"retrieve_invoice", "list_invoice_line_items"})
SEARCHABLE = frozenset({"charge", "customer", "invoice", "payment_intent", "price", "product"})
NOT_EVENTS = frozenset({"balance_transaction.created", "invoiceitem.updated", "payment_intent.updated"})
"""Effects of which Stripe makes no event: it has no `payment_intent.updated` [SIM], nor an invoice item's [SDK]."""

"""What can be extracted: every list of Stripe's that can be asked for by when its objects were created."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from prefect_stripe.client import OPERATIONS

DAY: Final = 24 * 60 * 60


@dataclass(frozen=True)
class Child:
    """A list embedded in an object, of which an answer has only the beginning, as a table of its own.

    Attributes:
        table: Its table.
        field: The object's field that it is embedded in.
        object: Stripe's name of its elements.
        operation: The list of all of them.
        parent: The field of an element that names its object; and what the list calls the object's id.
    """

    table: str
    field: str
    object: str
    operation: str
    parent: str


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        name: Its name, as in `list_invoices`.
        at: The field that holds when an object was created.
        parts: Lists that only together are all, by name, each with its filters.
        child: What is embedded in its objects, if anything.
        feed: The types of events that tell of each change of one of its objects, if there are such.
        retrieve: The operation that reads one of its objects again, where there is a feed.
        settled: Whether its objects stay as they are, but for a status that changes within days.
        kept_days: For how many days Stripe keeps them, where it is not for ever.
    """

    name: str
    at: str = "created"
    parts: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"": {}})
    child: Child | None = None
    feed: str | None = None
    retrieve: str | None = None
    settled: bool = False
    kept_days: int | None = None

    @property
    def operation(self) -> str:
        return f"list_{self.name}"

    @property
    def object(self) -> str:
        return OPERATIONS[self.operation].object

    @property
    def tables(self) -> tuple[str, ...]:
        """It and its child table."""
        return (self.name, self.child.table) if self.child else (self.name,)

    def part_of(self, row: Mapping[str, Any]) -> str:
        """Say in which part an object is listed."""
        if len(self.parts) == 1:
            return next(iter(self.parts))
        return next(part for part, filters in self.parts.items() if filters.items() <= row.items())


TABLES: Final[Mapping[str, Table]] = {
    table.name: table
    for table in (
        Table("balance_transactions", settled=True),
        Table("charges", feed="charge.*", retrieve="retrieve_charge"),
        Table("customers", feed="customer.*", retrieve="retrieve_customer"),
        Table("events", settled=True, kept_days=30),
        # Of changes of these three, Stripe tells of some alone.
        Table("invoice_items", at="date"),
        Table("invoice_payments"),
        Table("payment_intents"),
        Table(
            "invoices",
            child=Child("invoice_lines", "lines", "line_item", "list_invoice_line_items", "invoice"),
            feed="invoice.*",
            retrieve="retrieve_invoice",
        ),
        Table("payouts", feed="payout.*", retrieve="retrieve_payout"),
        # Stripe lists active ones alone, unless asked for the others.
        Table(
            "prices",
            parts={"active": {"active": True}, "inactive": {"active": False}},
            feed="price.*",
            retrieve="retrieve_price",
        ),
        Table("products", feed="product.*", retrieve="retrieve_product"),
        Table("refunds", feed="refund.*", retrieve="retrieve_refund"),
        # Without a status, those that are canceled are left out. There is no operation here that reads one again.
        Table(
            "subscriptions",
            parts={"": {"status": "all"}},
            child=Child("subscription_items", "items", "subscription_item", "list_subscription_items", "subscription"),
        ),
    )
}
"""By name: each list operation that takes `created`."""

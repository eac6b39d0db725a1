"""What can be extracted: every list of Stripe's that can be asked for by when its objects were created."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from prefect_stripe.client import OPERATIONS


@dataclass(frozen=True)
class Child:
    """A list embedded in an object, of which an answer has only the beginning, as a table of its own.

    Attributes:
        table: Its table.
        field: The object's field that it is embedded in.
        object: Stripe's name of its elements.
        operation: The list of all of them, by the id of the object.
    """

    table: str
    field: str
    object: str
    operation: str


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        name: Its name, as in `list_invoices`.
        at: The field that holds when an object was created.
        parts: Lists that only together are all, by name, each with its filters.
        child: What is embedded in its objects, if anything.
        retrieve: The operation that reads one of its objects again, or None.
    """

    name: str
    at: str = "created"
    parts: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"": {}})
    child: Child | None = None
    retrieve: str | None = None

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


TABLES: Final[Mapping[str, Table]] = {
    table.name: table
    for table in (
        Table("balance_transactions", retrieve="retrieve_balance_transaction"),
        Table("charges", retrieve="retrieve_charge"),
        Table("customers", retrieve="retrieve_customer"),
        Table("events"),
        Table("invoice_items", at="date", retrieve="retrieve_invoice_item"),
        Table("invoice_payments"),
        Table(
            "invoices",
            child=Child("invoice_lines", "lines", "line_item", "list_invoice_line_items"),
            retrieve="retrieve_invoice",
        ),
        Table("payment_intents", retrieve="retrieve_payment_intent"),
        Table("payouts", retrieve="retrieve_payout"),
        # Stripe lists active ones alone, unless asked for the others.
        Table("prices", parts={"active": {"active": True}, "inactive": {"active": False}}, retrieve="retrieve_price"),
        Table("products", retrieve="retrieve_product"),
        Table("refunds", retrieve="retrieve_refund"),
        # Without a status, those that are canceled are left out.
        Table("subscriptions", parts={"": {"status": "all"}}),
    )
}
"""By name: each list operation that takes `created`."""

"""Every action reaches the goal that the table states of it, seen by reading the object again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from prefect_stripe.client import OPERATIONS, ClientConfig, InvalidRequestError, StripeClient
from prefect_stripe.sandbox import Sandbox

Object = dict[str, Any]


class Account:
    """What an action needs to be done."""

    def __init__(self, client: StripeClient) -> None:
        self.client = client

    def do(self, operation: str, *ids: str, **params: Any) -> Object:
        """Do one operation."""
        return self.client.call(operation, *ids, params=params).data

    def customer(self) -> str:
        """A customer."""
        return str(self.do("create_customer", email="ap@example.com")["id"])

    def product(self) -> str:
        """A product."""
        return str(self.do("create_product", name="Consulting")["id"])

    def draft(self) -> str:
        """A draft invoice of 50.00."""
        customer = self.customer()
        invoice = self.do("create_invoice", customer=customer, collection_method="send_invoice", days_until_due=30)
        self.do("create_invoice_item", customer=customer, invoice=invoice["id"], amount=5000, currency="usd")
        return str(invoice["id"])

    def item(self) -> str:
        """An invoice item that waits for an invoice."""
        item = self.do("create_invoice_item", customer=self.customer(), amount=5000, currency="usd")
        return str(item["id"])

    def open_invoice(self) -> str:
        """A finalized invoice."""
        return str(self.do("finalize_invoice", self.draft())["id"])

    def payment(self, **params: Any) -> str:
        """A payment of 50.00 that waits for its confirmation, unless told otherwise."""
        params = {"payment_method": "pm_card_visa", "allowed_payment_method_types": ["card"], **params}
        return str(self.do("create_payment_intent", amount=5000, currency="usd", **params)["id"])

    def authorized(self) -> str:
        """A payment that was authorised and may be raised."""
        card = {"request_incremental_authorization": "if_available"}
        return self.payment(capture_method="manual", confirm=True, payment_method_options={"card": card})

    def with_microdeposits(self) -> str:
        """A payment from a bank account that awaits its check."""
        bank = {"account_number": "000123456789", "routing_number": "110000000", "account_holder_type": "individual"}
        intent = self.do(
            "create_payment_intent",
            amount=5000,
            currency="usd",
            allowed_payment_method_types=["us_bank_account"],
            payment_method_data={
                "type": "us_bank_account",
                "us_bank_account": bank,
                "billing_details": {"name": "Jenny Rosen"},
            },
            mandate_data={"customer_acceptance": {"type": "offline"}},
            confirm=True,
        )
        return str(intent["id"])

    def with_balance(self) -> str:
        """A payment that waits while there is enough in the customer's balance, to be applied by hand."""
        customer = self.customer()
        self.do("update_customer", customer, cash_balance={"settings": {"reconciliation_mode": "manual"}})
        kind = "customer_balance"
        transfer: Object = {"allowed_payment_method_types": [kind], "payment_method_data": {"type": kind}}
        intent = self.do(
            "create_payment_intent", amount=5000, currency="usd", customer=customer, confirm=True, **transfer
        )
        self.do("fund_customer_cash_balance", customer, amount=5000, currency="usd")
        return str(intent["id"])


ACTIONS: Final[dict[str, tuple[Callable[[Account], str], Object]]] = {
    "delete_customer": (Account.customer, {}),
    "delete_product": (Account.product, {}),
    "delete_invoice": (Account.draft, {}),
    "delete_invoice_item": (Account.item, {}),
    "finalize_invoice": (Account.draft, {}),
    "pay_invoice": (Account.open_invoice, {"paid_out_of_band": True}),
    "void_invoice": (Account.open_invoice, {}),
    "mark_invoice_uncollectible": (Account.open_invoice, {}),
    "confirm_payment_intent": (Account.payment, {}),
    "capture_payment_intent": (Account.authorized, {}),
    "cancel_payment_intent": (Account.authorized, {}),
    "increment_payment_intent_authorization": (Account.authorized, {"amount": 6000}),
    "verify_payment_intent_microdeposits": (Account.with_microdeposits, {"amounts": [32, 45]}),
    "apply_payment_intent_customer_balance": (Account.with_balance, {}),
}


def status_of(client: StripeClient, operation: str, id_: str) -> str:
    """Read what became of an object."""
    name = {"invoiceitem": "invoice_item"}.get(OPERATIONS[operation].object, OPERATIONS[operation].object)
    try:
        found = client.call(f"retrieve_{name}", id_).data
    except InvalidRequestError as error:
        return "deleted" if error.code == "resource_missing" else str(error)
    return "deleted" if found.get("deleted") else str(found.get("status"))


def test_every_action_with_a_goal_is_tried() -> None:
    assert ACTIONS.keys() == {name for name, row in OPERATIONS.items() if row.goal}
    assert all(OPERATIONS[name].found == "goal" for name in ACTIONS)


@pytest.mark.parametrize("operation", ACTIONS)
def test_an_action_reaches_its_goal(stripe_sandbox: Sandbox, operation: str) -> None:
    client = StripeClient(ClientConfig(api_key=stripe_sandbox.api_key, api_base=stripe_sandbox.url))
    prepare, params = ACTIONS[operation]
    id_ = prepare(Account(client))
    if operation != "increment_payment_intent_authorization":  # which raises an amount, and moves no state
        assert status_of(client, operation, id_) not in OPERATIONS[operation].goal
    client.call(operation, id_, params=params)
    assert status_of(client, operation, id_) in OPERATIONS[operation].goal

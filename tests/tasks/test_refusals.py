"""Every action on every object in every state: what is not legal is refused by Stripe's status, type and code.

The tables have a row for each operation that acts on an object, and a column for each state that it can be in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from prefect_stripe import StripeCredentials, tasks
from prefect_stripe.client import OPERATIONS, CardError, InvalidRequestError
from prefect_stripe.sandbox import Sandbox

Object = dict[str, Any]


@dataclass(frozen=True)
class Refused:
    http_status: int = 400
    code: str | None = None
    type: str = "invalid_request_error"
    raises: type[Exception] = InvalidRequestError


OK = None
NO = Refused()
GONE = Refused(404, "resource_missing")
LOCKED = Refused(code="invoice_not_editable")
STATE = Refused(code="payment_intent_unexpected_state")
UNKNOWN = Refused(code="resource_missing")
CAPTURED = Refused(code="charge_already_captured")
UNPAID = Refused(code="charge_not_refundable")
DECLINED = Refused(402, "card_declined", "card_error", CardError)


@dataclass(frozen=True)
class Table:
    states: tuple[str, ...]
    actions: Mapping[str, tuple[Refused | None, ...]]


# fmt: off
INVOICE = Table(
    (                                "draft", "open", "paid", "void", "uncollectible", "deleted"), {
    "finalize_invoice":             (OK,      NO,     NO,     NO,     NO,              GONE),
    "send_invoice":                 (OK,      OK,     NO,     NO,     NO,              GONE),
    "pay_invoice":                  (OK,      OK,     NO,     NO,     OK,              GONE),
    "void_invoice":                 (NO,      OK,     NO,     NO,     NO,              GONE),
    "mark_invoice_uncollectible":   (NO,      OK,     NO,     NO,     NO,              GONE),
    "delete_invoice":               (OK,      NO,     NO,     NO,     NO,              GONE),
    "update_invoice":               (OK,      NO,     NO,     NO,     NO,              GONE),
    "update_invoice_line":          (OK,      LOCKED, LOCKED, LOCKED, LOCKED,          GONE),
    "update_invoice_lines":         (OK,      LOCKED, LOCKED, LOCKED, LOCKED,          GONE),
    "add_invoice_lines":            (OK,      LOCKED, LOCKED, LOCKED, LOCKED,          GONE),
    "remove_invoice_lines":         (OK,      LOCKED, LOCKED, LOCKED, LOCKED,          GONE),
    "create_invoice_item":          (OK,      LOCKED, LOCKED, LOCKED, LOCKED,          UNKNOWN),
    "update_invoice_item":          (OK,      LOCKED, LOCKED, LOCKED, LOCKED,          NO),
    "delete_invoice_item":          (OK,      LOCKED, LOCKED, LOCKED, LOCKED,          NO),
})
# Between its collection and its outcome, and where nobody can be charged or be sent anything.
COLLECTED = Table(
    (                                "debit under way", "card declines", "no card", "of a deleted customer"), {
    "pay_invoice":                  (NO,                DECLINED,        Refused(code="missing"), UNKNOWN),
    "void_invoice":                 (NO,                OK,              OK,        OK),
    "send_invoice":                 (NO,                NO,              NO,        NO),
})
PAYMENT_INTENT = Table(
    (                                          "requires_payment_method", "requires_confirmation", "3-D Secure",
     "microdeposits", "bank transfer", "processing", "requires_capture", "succeeded", "canceled", "missing"), {
    "update_payment_intent":                  (OK,    OK,    OK,    OK,    OK,    STATE, STATE, STATE, STATE, GONE),
    "confirm_payment_intent":                 (OK,    OK,    OK,    OK,    OK,    STATE, STATE, STATE, STATE, GONE),
    "capture_payment_intent":                 (STATE, STATE, STATE, STATE, STATE, STATE, OK,    STATE, STATE, GONE),
    "cancel_payment_intent":                  (OK,    OK,    OK,    OK,    OK,    STATE, OK,    STATE, STATE, GONE),
    "increment_payment_intent_authorization": (STATE, STATE, STATE, STATE, STATE, STATE, OK,    STATE, STATE, GONE),
    "verify_payment_intent_microdeposits":    (STATE, STATE, STATE, OK,    STATE, STATE, STATE, STATE, STATE, GONE),
    "apply_payment_intent_customer_balance":  (STATE, STATE, STATE, STATE, OK,    STATE, STATE, STATE, STATE, GONE),
})
# An authorisation that was not asked to be incremental or has been increased ten times, and a payment of an invoice.
PARTICULAR = Table(
    (                                          "not incremental", "ten times", "of an invoice"), {
    "increment_payment_intent_authorization": (NO,                NO,          STATE),
    "cancel_payment_intent":                  (OK,                OK,          NO),
    "update_payment_intent":                  (STATE,             STATE,       NO),
})
CHARGE = Table(
    (                  "authorised", "captured", "expired", "of a payment, authorised", "of a payment, captured",
     "declined", "refunded", "missing"), {
    "capture_charge": (OK, CAPTURED, Refused(code="charge_expired_for_capture"), NO, NO, NO, CAPTURED, GONE),
    "create_refund":  (UNPAID, OK, UNPAID, UNPAID, OK, UNPAID, Refused(code="charge_already_refunded"), UNKNOWN),
    "update_charge":  (OK, OK, OK, OK, OK, OK, OK, GONE),
})
CUSTOMER = Table(
    (                                "there", "deleted"), {
    "update_customer":              (OK,      GONE),
    "delete_customer":              (OK,      GONE),
    "fund_customer_cash_balance":   (OK,      GONE),
    "attach_payment_method":        (OK,      UNKNOWN),
    "create_invoice":               (OK,      UNKNOWN),
    "create_invoice_item":          (OK,      UNKNOWN),
    "create_payment_intent":        (OK,      UNKNOWN),
})
CATALOGUE = Table(
    (                                "in use", "unused", "archived", "deleted"), {
    "update_product":               (OK,       OK,       OK,         GONE),
    "delete_product":               (NO,       OK,       NO,         GONE),
    "create_price":                 (OK,       OK,       OK,         UNKNOWN),
    "update_price":                 (OK,       GONE,     OK,         GONE),
    "create_payment_link":          (OK,       UNKNOWN,  NO,         UNKNOWN),
    "update_payment_link":          (OK,       GONE,     OK,         GONE),
    "create_invoice_item":          (OK,       UNKNOWN,  NO,         UNKNOWN),
})
PAYMENT_METHOD = Table(
    (                                "bare", "its own", "another's", "spent", "declines", "missing"), {
    "attach_payment_method":        (OK,     OK, Refused(code="payment_method_unexpected_state"), NO, DECLINED, GONE),
})
# fmt: on
TABLES = {
    "invoice": INVOICE,
    "collected": COLLECTED,
    "payment": PAYMENT_INTENT,
    "particular": PARTICULAR,
    "charge": CHARGE,
    "customer": CUSTOMER,
    "catalogue": CATALOGUE,
    "method": PAYMENT_METHOD,
}
CASES = [(name, state) for name, table in TABLES.items() for state in table.states]


@dataclass(frozen=True)
class Thing:
    """An object in a state: its id, and others that have to do with it."""

    id: str
    others: Mapping[str, str]


class Maker:
    """Brings objects into states, by the client."""

    def __init__(self, credentials: StripeCredentials, sandbox: Sandbox) -> None:
        self.call, self.sandbox = credentials.get_client().call, sandbox

    def do(self, operation: str, *ids: str, **params: Any) -> Object:
        return self.call(operation, *ids, params=params).data

    def thing(self, table: str, state: str) -> Thing:
        makers: dict[str, Callable[[str], Thing]] = {
            "invoice": self.invoice,
            "collected": self.collected,
            "payment": self.payment,
            "particular": self.particular,
            "charge": self.charge,
            "customer": self.customer,
            "catalogue": self.catalogue,
            "method": self.method,
        }
        made = makers[table](state)
        self.sandbox.catch_up()
        return made

    def buyer(self, card: str | None = "pm_card_visa") -> str:
        id: str = self.do("create_customer", email="ap@example.com")["id"]
        if card is not None:
            own = self.do("attach_payment_method", card, customer=id)["id"]
            self.do("update_customer", id, invoice_settings={"default_payment_method": own})
        return id

    def draft(self, buyer: str, **params: Any) -> Thing:
        id: str = self.do("create_invoice", customer=buyer, currency="usd", **params)["id"]
        item = self.do("create_invoice_item", customer=buyer, invoice=id, amount=5000, currency="usd")["id"]
        line = self.do("list_invoice_line_items", id)["data"][0]["id"]
        return Thing(id, {"item": item, "line": line, "customer": buyer})

    def invoice(self, state: str) -> Thing:
        made = self.draft(self.buyer(), collection_method="send_invoice", days_until_due=30)
        steps = {
            "draft": (),
            "open": ("finalize_invoice",),
            "paid": ("pay_invoice",),
            "void": ("finalize_invoice", "void_invoice"),
            "uncollectible": ("finalize_invoice", "mark_invoice_uncollectible"),
            "deleted": ("delete_invoice",),
        }
        for operation in steps[state]:
            self.do(operation, made.id)
        return made

    def collected(self, state: str) -> Thing:
        cards = {
            "debit under way": "pm_usBankAccount_success",
            "card declines": "pm_card_chargeCustomerFail",
            "of a deleted customer": "pm_card_visa",
        }
        made = self.draft(self.buyer(cards.get(state)))
        self.do("finalize_invoice", made.id)
        if state == "debit under way":
            self.do("pay_invoice", made.id)
        if state == "of a deleted customer":
            self.do("delete_customer", made.others["customer"])
        return made

    def intent(self, **params: Any) -> Object:
        whole: Object = {"amount": 5000, "currency": "usd", "allowed_payment_method_types": ["card"]}
        return self.do("create_payment_intent", **whole | params)

    def authorised(self, **params: Any) -> Object:
        return self.intent(payment_method="pm_card_visa", capture_method="manual", confirm=True, **params)

    def increasable(self) -> Object:
        return self.authorised(payment_method_options={"card": {"request_incremental_authorization": "if_available"}})

    def payment(self, state: str) -> Thing:
        match state:
            case "requires_payment_method":
                made = self.intent()
            case "requires_confirmation":
                made = self.intent(payment_method="pm_card_visa")
            case "3-D Secure":
                made = self.intent(payment_method="pm_card_threeDSecure2Required", confirm=True)
            case "microdeposits":
                account = {
                    "account_number": "000123456789",
                    "routing_number": "110000000",
                    "account_holder_type": "individual",
                }
                made = self.intent(
                    allowed_payment_method_types=["us_bank_account"],
                    payment_method_data={
                        "type": "us_bank_account",
                        "us_bank_account": account,
                        "billing_details": {"name": "Jenny Rosen"},
                    },
                    mandate_data={"customer_acceptance": {"type": "offline"}},
                    confirm=True,
                )
            case "bank transfer":
                buyer = self.buyer(None)
                self.do("update_customer", buyer, cash_balance={"settings": {"reconciliation_mode": "manual"}})
                made = self.intent(
                    customer=buyer,
                    allowed_payment_method_types=["customer_balance"],
                    payment_method_data={"type": "customer_balance"},
                    confirm=True,
                )
                self.do("fund_customer_cash_balance", buyer, amount=5000, currency="usd")
            case "processing":
                made = self.intent(
                    allowed_payment_method_types=["us_bank_account"],
                    payment_method="pm_usBankAccount_success",
                    confirm=True,
                )
            case "requires_capture":
                made = self.increasable()
            case "succeeded":
                made = self.intent(payment_method="pm_card_visa", confirm=True)
            case "canceled":
                made = self.do("cancel_payment_intent", self.intent()["id"])
            case _:
                made = {"id": "pi_missing", "status": state}
        actions = ("3-D Secure", "microdeposits", "bank transfer")
        assert made["status"] == ("requires_action" if state in actions else state)
        # What is confirmed with it once more: nothing new where there is no token of the type.
        methods = {"microdeposits": {"payment_method": "pm_usBankAccount_success"}, "bank transfer": {}}
        return Thing(made["id"], methods.get(state, {"payment_method": "pm_card_visa"}))

    def particular(self, state: str) -> Thing:
        if state == "of an invoice":
            made = self.draft(self.buyer())
            self.do("finalize_invoice", made.id)
            (payment,) = self.do("list_invoice_payments", invoice=made.id)["data"]
            return Thing(payment["payment"]["payment_intent"], {})
        if state == "not incremental":
            return Thing(self.authorised()["id"], {})
        id: str = self.increasable()["id"]
        for time in range(10):
            self.do("increment_payment_intent_authorization", id, amount=5001 + time)
        return Thing(id, {})

    def charge(self, state: str) -> Thing:
        if state == "missing":
            return Thing("ch_missing", {})
        if state == "of a payment, authorised":
            return Thing(self.authorised()["latest_charge"], {})
        if state == "of a payment, captured":
            return Thing(self.intent(payment_method="pm_card_visa", confirm=True)["latest_charge"], {})
        if state == "declined":
            id = self.intent()["id"]
            with pytest.raises(CardError):
                self.do("confirm_payment_intent", id, payment_method="pm_card_visa_chargeDeclined")
            return Thing(self.do("retrieve_payment_intent", id)["latest_charge"], {})
        made: str = self.sandbox.seed("charge", amount=5000, currency="usd")["id"]
        if state in ("captured", "refunded"):
            self.do("capture_charge", made)
        if state == "refunded":
            self.do("create_refund", charge=made)
        if state == "expired":
            self.sandbox.clock.advance(timedelta(days=8))
        return Thing(made, {})

    def customer(self, state: str) -> Thing:
        id = self.buyer(None)
        if state == "deleted":
            self.do("delete_customer", id)
        return Thing(id, {})

    def catalogue(self, state: str) -> Thing:
        id: str = self.do("create_product", name="Tea")["id"]
        if state == "deleted":
            self.do("delete_product", id)
        if state in ("unused", "deleted"):
            return Thing(id, {"price": "price_missing", "link": "plink_missing"})
        price = self.do("create_price", product=id, currency="usd", unit_amount=500)["id"]
        link = self.do("create_payment_link", line_items=[{"price": price, "quantity": 1}])["id"]
        if state == "archived":
            self.do("update_product", id, active=False)
            self.do("update_price", price, active=False)
        return Thing(id, {"price": price, "link": link})

    def method(self, state: str) -> Thing:
        buyer = self.buyer(None)
        match state:
            case "missing":
                id = "pm_missing"
            case "declines":
                id = "pm_card_chargeDeclined"
            case "its own":
                id = self.do("attach_payment_method", "pm_card_visa", customer=buyer)["id"]
            case "another's":
                id = self.do("attach_payment_method", "pm_card_visa", customer=self.buyer(None))["id"]
            case "spent":
                id = self.intent(payment_method="pm_card_visa", confirm=True)["payment_method"]
            case _:
                id = self.do("retrieve_payment_method", "pm_card_visa")["id"]
        return Thing(id, {"customer": buyer})


def perform(credentials: StripeCredentials, table: str, action: str, thing: Thing) -> object:
    """Call the task, without a run around it."""
    id, other = thing.id, thing.others
    link, price = other.get("link", ""), other.get("price", "")
    buyer = id if table == "customer" else other.get("customer") or _buyer(credentials)
    item: Object = {"customer": buyer, "currency": "usd"}
    item |= {"pricing": {"price": price}} if table == "catalogue" else {"amount": 100}
    item |= {"invoice": id} if table == "invoice" else {}
    given: dict[str, tuple[tuple[str, ...], Object]] = {
        "update_invoice": ((id,), {"description": "Another"}),
        "update_invoice_line": ((id, other.get("line", "")), {"amount": 1}),
        "update_invoice_lines": ((id,), {"lines": [{"id": other.get("line"), "amount": 1}]}),
        "add_invoice_lines": ((id,), {"lines": [{"amount": 1, "description": "More"}]}),
        "remove_invoice_lines": ((id,), {"lines": [{"id": other.get("line"), "behavior": "delete"}]}),
        "create_invoice_item": ((), item),
        "update_invoice_item": ((other.get("item", ""),), {"amount": 1}),
        "delete_invoice_item": ((other.get("item", ""),), {}),
        "update_payment_intent": ((id,), {"amount": 6000}),
        "confirm_payment_intent": ((id,), dict(other)),
        "increment_payment_intent_authorization": ((id,), {"amount": 9000}),
        "verify_payment_intent_microdeposits": ((id,), {"descriptor_code": "SM11AA"}),
        "create_refund": ((), {"charge": id}),
        "update_charge": ((id,), {"description": "Another"}),
        "update_customer": ((id,), {"name": "Another"}),
        "fund_customer_cash_balance": ((id,), {"amount": 100, "currency": "usd"}),
        "attach_payment_method": ((id if table == "method" else "pm_card_visa",), {"customer": buyer}),
        "create_invoice": ((), {"customer": buyer, "currency": "usd"}),
        "create_payment_intent": ((), {"customer": buyer, "amount": 5000, "currency": "usd"}),
        "update_product": ((id,), {"name": "Another"}),
        "create_price": ((), {"product": id, "currency": "usd", "unit_amount": 700}),
        "update_price": ((price,), {"nickname": "Another"}),
        "create_payment_link": ((), {"line_items": [{"price": price, "quantity": 1}]}),
        "update_payment_link": ((link,), {"active": False}),
    }
    ids, params = given.get(action, ((id,), {}))
    task: Any = getattr(tasks, action)
    return task.fn(credentials, *ids, **params)


def _buyer(credentials: StripeCredentials) -> str:
    id: str = credentials.get_client().call("create_customer").data["id"]
    return id


@pytest.fixture
def maker(credentials: StripeCredentials, stripe_sandbox: Sandbox) -> Maker:
    return Maker(credentials, stripe_sandbox)


@pytest.mark.parametrize(("name", "state"), CASES)
def test_what_is_not_legal_is_refused_as_stripe_refuses(
    name: str, state: str, maker: Maker, credentials: StripeCredentials, stripe_sandbox: Sandbox
) -> None:
    table = TABLES[name]
    thing = maker.thing(name, state)
    for action, outcomes in table.actions.items():
        refused = dict(zip(table.states, outcomes, strict=True))[state]
        if refused is None:
            continue
        effects = len(stripe_sandbox.ledger.effects)
        with pytest.raises(InvalidRequestError if refused.http_status != 402 else CardError) as raised:
            perform(credentials, name, action, thing)
        error = raised.value
        assert (error.http_status, error.type, error.code) == (refused.http_status, refused.type, refused.code), action
        assert type(error) is refused.raises
        assert error.operation == action
        assert error.request_id == stripe_sandbox.ledger.exchanges[-1].request_id
        done = {effect.kind for effect in stripe_sandbox.ledger.effects[effects:]}
        # A decline leaves its traces, and nothing else does.
        assert done <= {"charge.failed", "payment_intent.payment_failed", "invoice.payment_failed", "customer.created"}
        assert refused is DECLINED or done <= {"customer.created"}, action


LEGAL = [
    (name, state, action)
    for name, table in TABLES.items()
    for action, outcomes in table.actions.items()
    for state, outcome in zip(table.states, outcomes, strict=True)
    if outcome is None
]


@pytest.mark.parametrize(("name", "state", "action"), LEGAL)
def test_what_is_legal_is_done(
    name: str, state: str, action: str, maker: Maker, credentials: StripeCredentials, stripe_sandbox: Sandbox
) -> None:
    thing = maker.thing(name, state)
    effects = len(stripe_sandbox.ledger.effects)
    perform(credentials, name, action, thing)
    assert len(stripe_sandbox.ledger.effects) > effects


def test_every_operation_that_acts_on_an_object_has_its_row() -> None:
    acting = {operation.name for operation in OPERATIONS.values() if operation.writes and operation.ids}
    assert acting - {action for table in TABLES.values() for action in table.actions} == set()

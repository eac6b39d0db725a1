"""The ways an order's payment can go, one row each; every test of convergence goes them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prefect_stripe.flows.payment_orders import PaymentOrder
from tests.flows.world import World

Given = dict[str, Any]

FAILS: Given = {"payment_method": "pm_card_chargeCustomerFail"}
HELD: Given = {"capture_method": "manual", "settlement": "hold"}
MANUAL: Given = {"capture_method": "manual"}
DEBIT: Given = {"payment_method_type": "us_bank_account"}
TRANSFER: Given = {"payment_method_type": "customer_balance"}


def nothing(world: World) -> Given:
    return {}


def begun_by(**former: Any) -> Callable[[World], Given]:
    """A run of the order before this one said something else."""

    def arrange(world: World) -> Given:
        world.run(world.payment(**former))
        return {}

    return arrange


def an_unverified_account(world: World, customer: str | None = None) -> Given:
    """A bank account that microdeposits have to verify, and a customer."""
    account = {"account_number": "000123456789", "routing_number": "110000000", "account_holder_type": "individual"}
    given = {f"payment_method_data[us_bank_account][{name}]": value for name, value in account.items()}
    customer = customer or world.post("customers", email="jenny@example.com")["id"]
    # A payment that is none of the order's, by which the bank account gets an id.
    other = world.post(
        "payment_intents",
        amount=100,
        currency="usd",
        customer=customer,
        **{"allowed_payment_method_types[0]": "us_bank_account", "payment_method_data[type]": "us_bank_account"},
        **{"payment_method_data[billing_details][name]": "Jenny Rosen"},
        **given,
    )
    world.post(f"payment_intents/{other['id']}/cancel")
    return {"payment_method": other["payment_method"]}


def transferred(amount: int, mode: str = "automatic") -> Callable[[World], Given]:
    """The customer has transferred so much before anything is asked for."""

    def arrange(world: World) -> Given:
        customer = world.post(
            "customers", email="jenny@example.com", **{"cash_balance[settings][reconciliation_mode]": mode}
        )["id"]
        fund(world, customer, amount)
        return {}

    return arrange


def transferred_later(amount: int) -> Callable[[World], Given]:
    """The customer is told to transfer, does, and the money waits to be applied by hand."""

    def arrange(world: World) -> Given:
        customer = world.post(
            "customers", email="jenny@example.com", **{"cash_balance[settings][reconciliation_mode]": "manual"}
        )["id"]
        assert world.run(world.payment(**TRANSFER)).ending == "requires_action"
        fund(world, customer, amount)
        return {}

    return arrange


def fund(world: World, customer: str, amount: int) -> None:
    world.post(f"test_helpers/customers/{customer}/fund_cash_balance", amount=amount, currency="usd")


def by_a_person(do: Callable[[World, str], None], **former: Any) -> Callable[[World], Given]:
    """A run of the order before this one, after which a person did something to its payment."""

    def arrange(world: World) -> Given:
        run = world.run(world.payment(**former))
        assert run.outcome is not None
        do(world, str(run.outcome.object_id))
        return {}

    return arrange


def cancel(world: World, intent: str) -> None:
    world.post(f"payment_intents/{intent}/cancel")


def capture(amount: int) -> Callable[[World, str], None]:
    def do(world: World, intent: str) -> None:
        world.post(f"payment_intents/{intent}/capture", amount_to_capture=amount)

    return do


def confirm(world: World, intent: str) -> None:
    world.post(f"payment_intents/{intent}/confirm", payment_method="pm_card_mastercard")


@dataclass(frozen=True)
class PaymentPath:
    """One way.

    Attributes:
        ending: How it ends.
        status: Status of the order's PaymentIntent in the end.
        received: What was taken in the end, in minor units.
        money: What happened to the account's money, in all.
        given: What the order says, other than the usual one.
        arrange: What is done before; returns more for the order to say.
        again: How a second run ends.
    """

    ending: str
    status: str
    received: int
    money: Mapping[str, int]
    given: Given = field(default_factory=Given)
    arrange: Callable[[World], Given] = nothing
    again: str | None = None

    def order(self, world: World) -> PaymentOrder:
        """Arrange things, and return the order."""
        return world.payment(**self.given | self.arrange(world))


BEGUN = {"customers": 1, "payments": 1}
ATTACHED = {**BEGUN, "attached": 1}
CHARGED = {**ATTACHED, "charged": 1}
DECLINED = {**ATTACHED, "declined": 1}
AUTHORISED = {**CHARGED, "authorised": 1}
CAPTURED = {**AUTHORISED, "captured": 1}
VERIFYING = {**ATTACHED, "payments": 2, "canceled": 1}
TOLD = BEGUN

PAYMENT_PATHS: Mapping[str, PaymentPath] = {
    "paid": PaymentPath("done", "succeeded", 24000, CHARGED),
    "declined": PaymentPath("declined", "requires_payment_method", 0, DECLINED, FAILS),
    "declined, canceled": PaymentPath(
        "declined", "canceled", 0, {**DECLINED, "canceled": 1}, {**FAILS, "on_decline": "cancel"}
    ),
    "declined, failed": PaymentPath("failed", "requires_payment_method", 0, DECLINED, {**FAILS, "on_decline": "fail"}),
    "declined three times": PaymentPath(
        "declined",
        "canceled",
        0,
        {**DECLINED, "declined": 3, "canceled": 1},
        {**FAILS, "max_payment_attempts": 3, "on_decline": "cancel"},
    ),
    "declined, then another card": PaymentPath(
        "done",
        "succeeded",
        24000,
        {**CHARGED, "declined": 1, "attached": 2},
        {"max_payment_attempts": 2},
        begun_by(**FAILS),
    ),
    "declined on attaching": PaymentPath(
        "declined",
        "canceled",
        0,
        {**BEGUN, "canceled": 1},
        {"payment_method": "pm_card_visa_chargeDeclined", "on_decline": "cancel", "max_payment_attempts": 2},
    ),
    "3-D Secure": PaymentPath(
        "requires_action", "requires_action", 0, ATTACHED, {"payment_method": "pm_card_authenticationRequired"}
    ),
    "held": PaymentPath("done", "requires_capture", 0, AUTHORISED, HELD),
    "captured": PaymentPath("done", "succeeded", 24000, CAPTURED, MANUAL),
    "captured in part": PaymentPath("done", "succeeded", 18000, CAPTURED, {**MANUAL, "amount_to_capture": 18000}),
    "held, then captured in part": PaymentPath(
        "done", "succeeded", 18000, CAPTURED, {**MANUAL, "amount_to_capture": 18000}, begun_by(**HELD)
    ),
    "increased and captured": PaymentPath(
        "done", "succeeded", 30000, {**CAPTURED, "authorised": 2}, {**MANUAL, "increase_to": 30000}
    ),
    "increased and held": PaymentPath(
        "done", "requires_capture", 0, {**AUTHORISED, "authorised": 2}, {**HELD, "increase_to": 30000}
    ),
    "increased and captured in part": PaymentPath(
        "done",
        "succeeded",
        27050,
        {**CAPTURED, "authorised": 2},
        {**MANUAL, "increase_to": 30000, "amount_to_capture": 27050},
    ),
    "held, then canceled": PaymentPath(
        "done", "canceled", 0, {**AUTHORISED, "canceled": 1}, {**MANUAL, "settlement": "cancel"}, begun_by(**HELD)
    ),
    "declined, then canceled": PaymentPath(
        "done", "canceled", 0, {**DECLINED, "canceled": 1}, {"settlement": "cancel"}, begun_by(**FAILS)
    ),
    "paid, and not to be canceled": PaymentPath(
        "rejected", "succeeded", 24000, CHARGED, {"settlement": "cancel"}, begun_by(), again="rejected"
    ),
    "a bank debit": PaymentPath(
        "processing",
        "processing",
        0,
        {**ATTACHED, "debits begun": 1},
        {**DEBIT, "payment_method": "pm_usBankAccount_processing"},
    ),
    "a bank debit, not to be canceled now": PaymentPath(
        "processing",
        "processing",
        0,
        {**ATTACHED, "debits begun": 1},
        {**DEBIT, "payment_method": "pm_usBankAccount_processing", "settlement": "cancel"},
        begun_by(**DEBIT, payment_method="pm_usBankAccount_processing"),
    ),
    "microdeposits by amounts": PaymentPath(
        "processing",
        "processing",
        0,
        {**VERIFYING, "debits begun": 1},
        {**DEBIT, "microdeposit_amounts": [45, 32]},
        an_unverified_account,
    ),
    "microdeposits by code": PaymentPath(
        "processing",
        "processing",
        0,
        {**VERIFYING, "debits begun": 1},
        {**DEBIT, "microdeposit_descriptor_code": "SM11AA"},
        an_unverified_account,
    ),
    "microdeposits not known yet": PaymentPath(
        "requires_action", "requires_action", 0, VERIFYING, DEBIT, an_unverified_account
    ),
    "wrong microdeposits": PaymentPath(
        "requires_action",
        "requires_action",
        0,
        VERIFYING,
        {**DEBIT, "microdeposit_amounts": [1, 2]},
        an_unverified_account,
    ),
    "microdeposits for the last time": PaymentPath(
        "declined",
        "canceled",
        0,
        {**VERIFYING, "canceled": 2},
        {**DEBIT, "microdeposit_amounts": [10, 11], "on_decline": "cancel"},
        an_unverified_account,
    ),
    "from the balance": PaymentPath("done", "succeeded", 24000, {**BEGUN, "charged": 1}, TRANSFER, transferred(30000)),
    "from a balance that is too small": PaymentPath(
        "requires_action", "requires_action", 0, {**TOLD, "part funded": 1}, TRANSFER, transferred(10000)
    ),
    "to be transferred": PaymentPath("requires_action", "requires_action", 0, TOLD, TRANSFER),
    "transferred, and applied by hand": PaymentPath(
        "done", "succeeded", 24000, {**BEGUN, "charged": 1}, TRANSFER, transferred_later(24000)
    ),
    "transferred in part": PaymentPath(
        "requires_action", "requires_action", 0, TOLD, TRANSFER, transferred_later(10000)
    ),
    "changed contents": PaymentPath(
        "rejected", "requires_capture", 0, AUTHORISED, {**HELD, "amount": 25000}, begun_by(**HELD), again="rejected"
    ),
    "canceled by a person": PaymentPath(
        "rejected", "canceled", 0, {**AUTHORISED, "canceled": 1}, MANUAL, by_a_person(cancel, **HELD), again="rejected"
    ),
    "captured by a person": PaymentPath(
        "found_done", "succeeded", 24000, CAPTURED, MANUAL, by_a_person(capture(24000), **HELD), again="found_done"
    ),
    "captured otherwise by a person": PaymentPath(
        "rejected", "succeeded", 10000, CAPTURED, MANUAL, by_a_person(capture(10000), **HELD), again="rejected"
    ),
    "confirmed by a person with another card": PaymentPath(
        "found_done",
        "succeeded",
        24000,
        {**CHARGED, "declined": 1},
        {},
        by_a_person(confirm, **FAILS),
        again="found_done",
    ),
}

"""Payments that come from a bank: debits that are verified with microdeposits, and transfers from a cash balance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import Refusal, bad_request, missing_parameter, unexpected_state
from prefect_stripe.sandbox.expand import render
from prefect_stripe.sandbox.objects import charging, invoice_actions
from prefect_stripe.sandbox.objects.cash import held, moved
from prefect_stripe.sandbox.objects.common import address, chosen, positive, target
from prefect_stripe.sandbox.objects.payment_methods import Behaviour, behaviour, mint
from prefect_stripe.sandbox.rows import Row
from prefect_stripe.sandbox.store import secret_letters

# [DOC copy] Account numbers of Stripe's page "Accept an ACH Direct Debit payment", by what becomes of the debit.
ACCOUNTS: Final[Mapping[str, str | None]] = {
    "000123456789": None,
    "000111111113": "account_closed",
    "000111111116": "no_account",
    "000222222227": "insufficient_funds",
    "000333333335": "debit_not_authorized",
}
ATTEMPTS: Final = 3  # [K]
HOLDER: Final = ("address", "email", "name", "phone", "tax_id")


@dataclass(frozen=True)
class Verification:
    """What test microdeposits do [DOC copy]."""

    amounts: tuple[int, int]
    descriptor: str
    code: str | None = None
    message: str = ""


# [DOC copy: amounts and descriptors; SDK: codes; texts K]
VERIFICATIONS: Final = (
    Verification((32, 45), "SM11AA"),
    Verification(
        (10, 11),
        "SM33CC",
        "payment_method_microdeposit_verification_attempts_exceeded",
        "You have exceeded the number of allowed verification attempts.",
    ),
    Verification(
        (40, 41),
        "SM44DD",
        "payment_method_microdeposit_verification_timeout",
        "The microdeposit verification has timed out.",
    ),
)


def new_method(ctx: Context, data: Mapping[str, Any]) -> Row:
    """A payment method from its details: a bank account of the test numbers, or a customer's cash balance.

    A bank account needs its holder's name [DOC]; which other fields is unconfirmed [K: strictest reading].
    """
    type = data.get("type")
    holder: Row = data.get("billing_details") or {}
    billing: Row = {**dict.fromkeys(HOLDER), **holder, "address": address(holder.get("address") or {})}
    if type == "customer_balance":
        return mint(ctx, Behaviour(type="customer_balance", brand="", last4=""), None, billing_details=billing)
    if type != "us_bank_account":
        raise bad_request("The sandbox makes payment methods of bank accounts only.", param="payment_method_data[type]")
    account: Row = data.get("us_bank_account") or {}
    for name in ("account_number", "routing_number", "account_holder_type"):
        if not account.get(name):
            raise missing_parameter(f"payment_method_data[us_bank_account][{name}]")
    if not holder.get("name"):
        raise missing_parameter("payment_method_data[billing_details][name]")
    number = str(account["account_number"])
    if number not in ACCOUNTS:
        raise bad_request(
            "You must use a test bank account number in test mode.",
            code="account_number_invalid",
            param="payment_method_data[us_bank_account][account_number]",
        )
    code = ACCOUNTS[number]
    known = Behaviour(type="us_bank_account", code=code, decline_code=code, later=True, last4=number[-4:], brand="")
    method = mint(ctx, known, None, _verified=False, billing_details=billing)
    given = chosen(account, "account_holder_type", "account_type", "routing_number")
    return ctx.change(method, us_bank_account={**method["us_bank_account"], **given})


def asks_first(ctx: Context, intent: Row, method: Row) -> bool:
    """Whether there is no charge to attempt: it waits for something to be done first, or cash has paid it."""
    if method["type"] == "customer_balance":
        _transfer(ctx, intent)
        return True
    if method.get("_verified", True):
        return False
    if not ctx.params.get("mandate_data"):  # [K]
        raise bad_request("A debit from a bank account needs `mandate_data`.", param="mandate_data")
    ctx.change(
        intent,
        status="requires_action",
        next_action={
            "type": "verify_with_microdeposits",
            "verify_with_microdeposits": {
                "arrival_date": ctx.now + 86400,
                "hosted_verification_url": f"https://payments.stripe.com/microdeposit/{secret_letters()}",
                "microdeposit_type": "amounts",
            },
        },
        _attempts=0,
    )
    ctx.record("payment_intent.requires_action", intent, intent["amount"])
    return True


def verify_payment_intent_microdeposits(ctx: Context) -> Row:
    params, intent = ctx.params, target(ctx, "payment_intent", "intent")
    action: Row = intent["next_action"] or {}
    if intent["status"] != "requires_action" or action.get("type") != "verify_with_microdeposits":  # [K]
        raise unexpected_state(
            "This PaymentIntent is not waiting for microdeposits to be verified.",
            payment_intent=render(ctx.account, intent, []),
        )
    amounts, descriptor = params.get("amounts"), params.get("descriptor_code")
    if (amounts is None) == (descriptor is None):  # [SDK]
        raise bad_request("Give either `amounts` or `descriptor_code`.", code="parameter_missing", param="amounts")
    if amounts is not None and len(amounts) != 2:  # [SDK; text K]
        raise bad_request(
            "Exactly two amounts are needed.",
            code="payment_method_microdeposit_verification_amounts_invalid",
            param="amounts",
        )
    for known in VERIFICATIONS:
        if descriptor == known.descriptor or (amounts is not None and tuple(sorted(amounts)) == known.amounts):
            return _verified(ctx, intent, known)
    raise _mismatch(ctx, intent, "amounts" if amounts is not None else "descriptor_code")


def _verified(ctx: Context, intent: Row, known: Verification) -> Row:
    if known.code is not None:
        raise _failed(ctx, intent, known.code, known.message)
    method = ctx.find("payment_method", intent["payment_method"], "payment_method")
    ctx.change(method, _verified=True)
    outcome = charging.attempt(ctx, intent, method, off_session=False)
    if outcome.error is not None:
        raise outcome.error
    return intent


def _mismatch(ctx: Context, intent: Row, what: str) -> Refusal:
    """A wrong guess counts, and the last one ends it [SDK: codes; text and count K]."""
    tried = intent.get("_attempts", 0) + 1
    if tried >= ATTEMPTS:
        return _failed(ctx, intent, VERIFICATIONS[1].code or "", VERIFICATIONS[1].message)
    ctx.change(intent, _attempts=tried)
    error = bad_request(
        f"The {what} provided do not match what was sent to the bank account. You have {ATTEMPTS - tried} attempts "
        "left.",
        code=f"payment_method_microdeposit_verification_{what}_mismatch",
        param=what,
    )
    error.commits = True
    return error


def _failed(ctx: Context, intent: Row, code: str, message: str) -> Refusal:
    """The account cannot be verified any more: the intent wants another payment method [SDK: codes; K]."""
    ctx.change(
        intent,
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_payment_error={"type": "invalid_request_error", "code": code, "message": message},
    )
    ctx.record("payment_intent.payment_failed", intent, intent["amount"])
    error = bad_request(message, code=code, payment_intent=render(ctx.account, intent, []))
    error.commits = True
    return error


# Bank transfers


def _transfer(ctx: Context, intent: Row) -> None:
    """Apply the customer's cash [SDK]; where that does not pay all, the customer is told where to send the rest [K]."""
    if intent["customer"] is None:
        raise missing_parameter("customer")
    ctx.change(intent, _funded=intent.get("_funded", 0))  # confirmed again, it keeps what it was paid
    customer = ctx.find("customer", intent["customer"], "customer")
    _apply(ctx, intent, customer, min(held(customer, intent["currency"]), _remaining(intent)))
    if intent["status"] != "succeeded":
        ctx.record("payment_intent.requires_action", intent, intent["amount"])


def _remaining(intent: Row) -> int:
    return int(intent["amount"] - intent["_funded"])


def _apply(ctx: Context, intent: Row, customer: Row, amount: int) -> None:
    """Move cash to an intent: it succeeds once nothing remains."""
    currency = intent["currency"]
    remaining = _remaining(intent) - amount
    if amount:
        moved(ctx, customer, currency, -amount, applied_to_payment={"payment_intent": intent["id"]})
    ctx.change(
        intent,
        _funded=intent["_funded"] + amount,
        status="requires_action",
        next_action={
            "type": "display_bank_transfer_instructions",
            "display_bank_transfer_instructions": {
                "amount_remaining": remaining,
                "currency": currency,
                "hosted_instructions_url": f"https://payments.stripe.com/bank_transfers/{intent['id']}",
                "reference": intent["id"][-10:].upper(),
                "type": "us_bank_transfer" if currency == "usd" else "eu_bank_transfer",
            },
        },
    )
    if remaining == 0:
        method = ctx.find("payment_method", intent["payment_method"], "payment_method")
        charging.attempt(ctx, intent, method, off_session=True)
        invoice_actions.intent_succeeded(ctx, intent)
    elif amount:
        ctx.record("payment_intent.partially_funded", intent, amount)


def apply_payment_intent_customer_balance(ctx: Context) -> Row:
    """Cash pays for what waits for a transfer, up to what remains of it [SDK; texts K]."""
    params, intent = ctx.params, target(ctx, "payment_intent", "intent")
    method = ctx.get("payment_method", intent["payment_method"])
    if intent["status"] != "requires_action" or method is None or behaviour(method).type != "customer_balance":
        raise unexpected_state(
            f"This PaymentIntent cannot be paid from a customer's balance: it has a status of {intent['status']}.",
            payment_intent=render(ctx.account, intent, []),
        )
    customer = ctx.find("customer", intent["customer"], "customer")
    if params.get("currency") not in (None, intent["currency"]):
        raise bad_request("The currency does not match the PaymentIntent's.", param="currency")
    amount = ctx.given("amount", _remaining(intent))
    positive(amount, "amount")
    if amount > _remaining(intent):
        raise bad_request(
            "The amount is greater than what remains of the PaymentIntent.", code="amount_too_large", param="amount"
        )
    if amount > held(customer, intent["currency"]):  # [K]
        raise bad_request("The customer's cash balance is too small.", code="balance_insufficient", param="amount")
    _apply(ctx, intent, customer, amount)
    return intent


def fund_customer_cash_balance(ctx: Context) -> Row:
    """Test helper: a bank transfer arrives. It goes to the oldest payments that wait, unless that is done by hand."""
    params, customer = ctx.params, target(ctx, "customer", "customer")
    amount, currency = params["amount"], params["currency"]
    positive(amount, "amount")
    transfer = {"type": "us_bank_transfer", "reference": params.get("reference")}
    row = moved(ctx, customer, currency, amount, funded={"bank_transfer": transfer})
    ctx.record("customer_cash_balance_transaction.created", row, amount)
    if customer.get("_reconciliation", "automatic") == "automatic":
        for intent in ctx.select("payment_intent", "customer", customer["id"]):
            action: Row = intent["next_action"] or {}
            waiting = action.get("type") == "display_bank_transfer_instructions"
            if waiting and intent["currency"] == currency and held(customer, currency):
                _apply(ctx, intent, customer, min(_remaining(intent), held(customer, currency)))
    return row

"""Moving money: a payment intent's attempt becomes a charge, and a charge a balance transaction."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from prefect_stripe.money import chargeable, exponent
from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import Json, Refusal, bad_request, card_error
from prefect_stripe.sandbox.expand import render
from prefect_stripe.sandbox.objects import balance, cash
from prefect_stripe.sandbox.objects.payment_methods import Behaviour, behaviour, card_details
from prefect_stripe.sandbox.objects.totals import MAXIMUM, minimum
from prefect_stripe.sandbox.rows import Row
from prefect_stripe.sandbox.store import new_id, secret_letters

Status: TypeAlias = Literal["succeeded", "requires_capture", "processing", "requires_action", "declined"]

DEBIT_SECONDS: Final = 4 * 86400  # days, as it says [DOC]; how many is K
AUTHORIZED_SECONDS: Final = 7 * 86400  # [SDK]
DEFAULT_OPTIONS: Final[Row] = {"card": {"request_three_d_secure": "automatic"}}


@dataclass(frozen=True)
class Outcome:
    status: Status
    charge: Row | None = None
    error: Refusal | None = None


def check_amount(amount: int, currency: str, param: str = "amount") -> None:
    """Refuse what cannot be charged in the currency [SDK: codes; minimums and texts K]."""
    if amount < 1:
        raise bad_request(
            "This value must be greater than or equal to 1.", code="parameter_invalid_integer", param=param
        )
    if amount < minimum(currency):
        raise bad_request(
            f"Amount must be at least {shown(minimum(currency), currency)} {currency}",
            code="amount_too_small",
            param=param,
        )
    if amount > MAXIMUM:
        raise bad_request(
            f"Amount must be no more than {shown(MAXIMUM, currency)} {currency}", code="amount_too_large", param=param
        )
    step = chargeable(amount, currency)
    if step is not None:
        raise bad_request(f"Invalid amount: {step}.", param=param)  # [K: text; rule SDK]


def shown(amount: int, currency: str) -> str:
    """An amount as Stripe writes it in messages."""
    sign = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}.get(currency, "")
    return f"{sign}{Decimal(amount).scaleb(-exponent(currency)):,}"


def new_intent(ctx: Context, amount: int, currency: str, **fields: Any) -> Row:
    """An intent as it begins, with every field that the SDK's type requires [SDK]."""
    id = new_id("payment_intent")
    return ctx.insert(
        "payment_intent",
        {
            "id": id,
            "allowed_payment_method_types": None,
            "amount": amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 0,
            "application": None,
            "application_fee_amount": None,
            "automatic_payment_methods": None,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic",
            "client_secret": f"{id}_secret_{secret_letters()}",
            "confirmation_method": "automatic",
            "created": ctx.now,
            "currency": currency,
            "customer": None,
            "customer_account": None,
            "description": None,
            "excluded_payment_method_types": None,
            "last_payment_error": None,
            "latest_charge": None,
            "metadata": {},
            "next_action": None,
            "on_behalf_of": None,
            "payment_details": None,
            "payment_method": None,
            "payment_method_configuration_details": None,
            "payment_method_options": DEFAULT_OPTIONS,
            "payment_method_types": ["card"],
            "processing": None,
            "receipt_email": None,
            "review": None,
            "setup_future_usage": None,
            "shipping": None,
            "source": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "requires_payment_method",
            "transfer_data": None,
            "transfer_group": None,
            **fields,
        },
    )


def _option(intent: Row, type: str, name: str) -> str | None:
    """What is said of one type goes before what is said of the whole [SDK]."""
    options: Row = intent["payment_method_options"] or {}
    own: Row = options.get(type) or {}
    said: str | None = own.get(name) or intent[name]
    return said


def captures(intent: Row, type: str) -> bool:
    """Whether a payment by this type is captured at once."""
    return _option(intent, type, "capture_method") != "manual"


def _used(ctx: Context, intent: Row, method: Row) -> None:
    """What is nobody's is used once only, or is the customer's from then on, if it is for later payments too [SDK]."""
    if method["customer"] is not None:
        return
    if intent["customer"] and _option(intent, method["type"], "setup_future_usage") in ("off_session", "on_session"):
        ctx.change(method, customer=intent["customer"])
        ctx.record("payment_method.attached", method)
    elif not behaviour(method).later:
        ctx.change(method, _spent=True)


def attempt(ctx: Context, intent: Row, method: Row, *, off_session: bool, capture: bool = True) -> Outcome:
    """Charge a payment method for an intent; its state follows, and the caller raises the error if there is one."""
    known = behaviour(method)
    if known.type != "customer_balance":
        cash.give_back(ctx, intent)
    if known.authenticates and not intent.get("_authenticated"):
        return _authentication(ctx, intent, method, off_session)
    if known.later:
        charge = _charge(ctx, intent, method, status="pending")
        if known.settles:
            ctx.schedule(ctx.now + DEBIT_SECONDS, "settle_debit", charge["id"])
        ctx.change(
            intent,
            status="processing",
            payment_method=method["id"],
            latest_charge=charge["id"],
            last_payment_error=None,
            next_action=None,
        )
        _used(ctx, intent, method)
        ctx.record("charge.pending", charge, charge["amount"])
        ctx.record("payment_intent.processing", intent, intent["amount"])
        return Outcome("processing", charge)
    if known.code:
        return decline(ctx, intent, method, known)
    charge = _charge(ctx, intent, method, status="succeeded", captured=capture)
    ctx.change(
        intent,
        payment_method=method["id"],
        latest_charge=charge["id"],
        last_payment_error=None,
        next_action=None,
    )
    _used(ctx, intent, method)
    if not capture:
        ctx.change(intent, status="requires_capture", amount_capturable=intent["amount"])
        ctx.schedule(ctx.now + AUTHORIZED_SECONDS, "expire_authorization", intent["id"])
        ctx.record("charge.succeeded", charge, charge["amount"])
        ctx.record("payment_intent.amount_capturable_updated", intent, intent["amount"])
        return Outcome("requires_capture", charge)
    succeed(ctx, intent, charge)
    if known.disputed:
        ctx.schedule(ctx.time, "open_dispute", charge["id"])
    return Outcome("succeeded", charge)


def succeed(ctx: Context, intent: Row, charge: Row) -> None:
    """All of a charge is captured, and the intent has reached its end."""
    settle_as(ctx, intent, charge)
    ctx.change(intent, status="succeeded", amount_received=charge["amount_captured"], amount_capturable=0)
    ctx.record("charge.succeeded", charge, charge["amount"])
    ctx.record("payment_intent.succeeded", intent, charge["amount_captured"])


def settle_as(ctx: Context, intent: Row, charge: Row) -> None:
    """Settle at once, or after the answer where the intent captures asynchronously [K, SIM]."""
    if intent["capture_method"] == "automatic_async":
        ctx.schedule(ctx.time, "settle_charge", charge["id"])
    else:
        balance.settle(ctx, charge)


def release(ctx: Context, intent: Row, reason: str | None) -> None:
    """Cancel an intent; what was authorized, or transferred, goes back to the customer [SDK]."""
    cash.give_back(ctx, intent)
    charge = ctx.get("charge", intent["latest_charge"])
    if intent["status"] == "requires_capture" and charge is not None:
        ctx.change(charge, amount_refunded=charge["amount"], refunded=True)
        ctx.record("charge.refunded", charge, charge["amount"])
    ctx.change(
        intent,
        status="canceled",
        canceled_at=ctx.now,
        cancellation_reason=reason,
        amount_capturable=0,
        next_action=None,
        processing=None,
    )
    ctx.record("payment_intent.canceled", intent, intent["amount"])


def _authentication(ctx: Context, intent: Row, method: Row, off_session: bool) -> Outcome:
    """3-D Secure: nobody is there to answer it off session; else the customer is asked [K]."""
    if not off_session:
        ctx.change(
            intent,
            status="requires_action",
            payment_method=method["id"],
            next_action={"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}},
        )
        ctx.record("payment_intent.requires_action", intent, intent["amount"])
        return Outcome("requires_action")
    known = Behaviour(code="authentication_required", decline_code="authentication_required")
    return decline(ctx, intent, method, known)


def decline(ctx: Context, intent: Row, method: Row, known: Behaviour, charge: Row | None = None) -> Outcome:
    """A failed attempt: the failed charge is recorded and the intent wants another payment method [DOC]."""
    code = known.code or "card_declined"
    failure = {"status": "failed", "paid": False, "captured": False, "failure_code": code}
    failure |= {"failure_message": known.message, "outcome": _outcome(known)}
    charge = ctx.change(charge, **failure) if charge else _charge(ctx, intent, method, **failure)
    reason: Json = {
        "charge": charge["id"],
        "code": code,
        "decline_code": known.decline_code,
        "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
        "message": known.message,
        "payment_method": render(ctx.account, method, []),
        "type": "card_error",
    }
    ctx.change(
        intent,
        status="requires_payment_method",
        payment_method=None,
        latest_charge=charge["id"],
        last_payment_error=reason,
        next_action=None,
    )
    ctx.record("charge.failed", charge, charge["amount"])
    ctx.record("payment_intent.payment_failed", intent, intent["amount"])
    error = card_error(
        known.message,
        code,
        charge=charge["id"],
        decline_code=known.decline_code,
        payment_intent=render(ctx.account, intent, []),
        payment_method=reason["payment_method"],
    )
    return Outcome("declined", charge, error)


def _outcome(known: Behaviour) -> Json:
    if known.code is None:
        return {
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": "normal",
            "risk_score": 20,
            "seller_message": "Payment complete.",
            "type": "authorized",
        }
    blocked = known.decline_code == "fraudulent"
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "not_sent_to_network" if blocked else "declined_by_network",
        "reason": "highest_risk_level" if blocked else known.decline_code,
        "risk_level": "highest" if blocked else "normal",
        "risk_score": 90 if blocked else 20,
        "seller_message": "Stripe blocked this payment as too risky."
        if blocked
        else "The bank did not return any further details with this decline.",
        "type": "blocked" if blocked else "issuer_declined",
    }


def _charge(ctx: Context, intent: Row, method: Row, **fields: Any) -> Row:
    captured = fields.get("captured", fields.get("status") == "succeeded")
    return ctx.insert(
        "charge",
        {
            "amount": intent["amount"],
            "amount_captured": intent["amount"] if captured else 0,
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "balance_transaction": None,
            "billing_details": method["billing_details"],
            "calculated_statement_descriptor": "SANDBOX",
            "captured": captured,
            "created": ctx.now,
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "fraud_details": {},
            "metadata": dict(intent["metadata"]),
            "on_behalf_of": None,
            "outcome": _outcome(Behaviour()),
            "paid": fields.get("status") == "succeeded",
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": _method_details(intent, method),
            "presentment_details": None,
            "radar_options": {},
            "receipt_email": intent["receipt_email"],
            "receipt_number": None,
            "receipt_url": None,
            "refunded": False,
            "review": None,
            "shipping": intent["shipping"],
            "source": None,
            "source_transfer": None,
            "statement_descriptor": intent["statement_descriptor"],
            "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
            "transfer_data": None,
            "transfer_group": intent["transfer_group"],
            **fields,
        },
    )


def bare_charge(ctx: Context, amount: int, currency: str) -> Row:
    """An authorized charge without a payment intent."""
    known = Behaviour()
    method = {"id": None, "type": "card", "billing_details": {}, "card": card_details(known), "_behaviour": known}
    nothing = dict.fromkeys(
        (
            "customer",
            "description",
            "payment_method_options",
            "receipt_email",
            "shipping",
            "statement_descriptor",
            "statement_descriptor_suffix",
            "transfer_group",
        )
    )
    asked: Row = {**nothing, "id": None, "amount": amount, "currency": currency, "metadata": {}}
    charge = _charge(ctx, asked, method, status="succeeded", captured=False)
    ctx.record("charge.succeeded", charge, amount)
    return charge


def _method_details(intent: Row, method: Row) -> Json:
    details: Json = method[method["type"]]
    if method["type"] != "card":
        kept = ("account_holder_type", "account_type", "bank_name", "fingerprint", "last4", "routing_number")
        return {"type": method["type"], method["type"]: {name: details.get(name) for name in kept}}
    options: Json = intent["payment_method_options"] or {}
    asked: Json = options.get("card") or {}
    available = asked.get("request_incremental_authorization") == "if_available" and behaviour(method).increments
    card = {name: details[name] for name in ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint")}
    card |= {
        "amount_authorized": intent["amount"],
        "funding": details["funding"],
        "incremental_authorization": {"status": "available" if available else "unavailable"},
        "last4": details["last4"],
        "multicapture": {"status": "unavailable"},
        "network": details["brand"],
        "overcapture": {"maximum_amount_capturable": intent["amount"], "status": "unavailable"},
        "three_d_secure": None,
        "wallet": None,
    }
    return {"type": "card", "card": card}

"""Payment intents: created, updated, confirmed, canceled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import Refusal, bad_request, unexpected_state
from prefect_stripe.sandbox.expand import render
from prefect_stripe.sandbox.objects import bank_payments, charging, invoice_actions, payment_methods
from prefect_stripe.sandbox.objects.common import (
    address,
    apply_metadata,
    chosen,
    merged,
    new_metadata,
    only_one,
    refuse_not_simulated,
    target,
)
from prefect_stripe.sandbox.rows import Row

CHANGEABLE: Final = ("requires_payment_method", "requires_confirmation", "requires_action")  # [SIM]
CONFIRMABLE: Final = ("requires_payment_method", "requires_confirmation", "requires_action")  # [K]
CANCELABLE: Final = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action")  # [SDK]
_PLAIN: Final = (
    "description",
    "receipt_email",
    "setup_future_usage",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)
_CHOOSING: Final = frozenset({"allowed_payment_method_types", "currency", "customer", "excluded_payment_method_types"})
"""What the types that an intent takes depend on."""
_OPTIONS_NOT_SIMULATED: Final[Mapping[str, frozenset[str]]] = {
    "card": frozenset({"cvc_token", "installments", "moto", "three_d_secure"}),
    "customer_balance": frozenset(),
    "us_bank_account": frozenset({"networks"}),
}
"""Of each type that is simulated, the options that would change what happens and show in no answer."""
_ONLY_CONFIRMING: Final = ("error_on_requires_action", "mandate_data", "off_session", "return_url")


def create_payment_intent(ctx: Context) -> Row:
    params = ctx.params
    refuse_not_simulated(params, "payment_method_options")
    charging.check_amount(params["amount"], params["currency"])
    _one_way_to_choose_types(params)
    if not params.get("confirm"):
        for name in _ONLY_CONFIRMING:
            if params.get(name) is not None:  # [K]
                raise bad_request(f"You can only pass `{name}` when `confirm` is true.", param=name)
    customer = ctx.find("customer", params["customer"], "customer") if params.get("customer") else None
    intent = charging.new_intent(
        ctx,
        params["amount"],
        params["currency"],
        automatic_payment_methods=_automatic(params),
        capture_method=params.get("capture_method", "automatic_async"),  # [SIM]
        confirmation_method=params.get("confirmation_method", "automatic"),
        customer=customer["id"] if customer else None,
        metadata=new_metadata(params),
        **_types(params, params["currency"], customer is not None),
    )
    ctx.change(intent, **_fields(intent, params))
    _descriptor(intent)
    _set_method(ctx, intent, params)
    ctx.record("payment_intent.created", intent, intent["amount"])
    if params.get("confirm"):
        _confirm(ctx, intent)
    return intent


def _one_way_to_choose_types(params: Mapping[str, Any]) -> None:
    """To name the types that are allowed excludes the other ways, which go together [DOC]."""
    for other in ("excluded_payment_method_types", "automatic_payment_methods"):
        only_one(params, "allowed_payment_method_types", other)


def _automatic(params: Mapping[str, Any]) -> Row | None:
    """On by default, unless types are named [K, DOC]."""
    if "allowed_payment_method_types" in params:
        return None
    given: Row = params.get("automatic_payment_methods") or {"enabled": True}
    if not given["enabled"]:
        return None
    return {"allow_redirects": given.get("allow_redirects", "always"), "enabled": True}


def _types(params: Mapping[str, Any], currency: str, has_customer: bool) -> Row:
    """The types that an intent takes: those allowed, or all that suit it but those excluded."""
    allowed, excluded = params.get("allowed_payment_method_types"), params.get("excluded_payment_method_types")
    suited = [
        "card",
        *(["us_bank_account"] if currency == "usd" else []),
        *(["customer_balance"] if has_customer else []),
    ]
    types = [type for type in suited if type in allowed] if allowed else suited
    return {
        "allowed_payment_method_types": allowed,
        "excluded_payment_method_types": excluded,
        "payment_method_types": [type for type in types if type not in (excluded or ())],
    }


def _fields(intent: Row, params: Mapping[str, Any]) -> Row:
    fields = chosen(params, *_PLAIN)
    if "shipping" in params:
        given: Row | None = params["shipping"]
        names = ("carrier", "name", "phone", "tracking_number")
        fields["shipping"] = given and {
            **{name: given.get(name) for name in names},
            "address": address(given.get("address")),
        }
    if "payment_method_options" in params:
        old: Row = intent["payment_method_options"] or {}
        options: Row = {name: dict(value) for name, value in old.items()}
        given_options: Row = params["payment_method_options"] or {}
        for name, value in given_options.items():
            if value is None:
                options.pop(name, None)
            else:
                options[name] = {**options.get(name, {}), **_simulated(name, value)}
        fields["payment_method_options"] = {**charging.DEFAULT_OPTIONS, **options}
    return fields | payment_details(intent, params)


def payment_details(intent: Row, params: Mapping[str, Any]) -> Row:
    if "payment_details" not in params:
        return {}
    names = ("customer_reference", "order_reference")
    return {"payment_details": merged(intent["payment_details"], params["payment_details"], names)}


def _simulated(type: str, options: Row) -> Row:
    """The options of a type, less those that are switched off; others of which nothing is known are refused [own]."""
    path = f"payment_method_options[{type}]"
    if type not in _OPTIONS_NOT_SIMULATED:
        raise bad_request(f"The sandbox does not simulate `{type}`.", param=path)
    unknown = sorted(_OPTIONS_NOT_SIMULATED[type].intersection(options))
    for name in unknown:
        if options[name] not in (None, False, {"enabled": False}):
            raise bad_request(f"The sandbox does not simulate `{name}`.", param=f"{path}[{name}]")
    return {name: value for name, value in options.items() if name not in unknown}


def _descriptor(intent: Row) -> None:
    if intent["statement_descriptor"] and "card" in intent["payment_method_types"]:  # [SDK]
        raise bad_request(
            "The `statement_descriptor` parameter is not supported for card payments. Use "
            "`statement_descriptor_suffix` instead.",
            param="statement_descriptor",
        )


def _set_method(ctx: Context, intent: Row, params: Mapping[str, Any]) -> None:
    """Put the payment method that is given, if one is, on the intent."""
    only_one(params, "payment_method", "payment_method_data")
    if params.get("payment_method_data"):
        method = bank_payments.new_method(ctx, params["payment_method_data"])
    elif params.get("payment_method"):
        method = _given(ctx, intent, params["payment_method"])
    else:
        return
    _refuse_other_type(intent, method)
    ctx.change(intent, payment_method=method["id"])
    if intent["status"] in ("requires_payment_method", "requires_action"):
        ctx.change(intent, status="requires_confirmation", next_action=None)


def _refuse_other_type(intent: Row, method: Row) -> None:
    if method["type"] not in intent["payment_method_types"]:  # [K]
        raise bad_request(
            f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent. It takes the "
            f"following types: {', '.join(intent['payment_method_types'])}.",
            code="payment_intent_incompatible_payment_method",
            param="payment_method",
        )


def _given(ctx: Context, intent: Row, id: str) -> Row:
    """A payment method that this intent may use: of its own customer, or of nobody and never used [K; texts 3P]."""
    if id in payment_methods.TOKENS and not ctx.livemode:
        return payment_methods.mint(ctx, payment_methods.TOKENS[id], None)
    method = ctx.find("payment_method", id, "payment_method")
    if method.get("_spent") and method["customer"] is None:
        raise bad_request(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, or was "
            "detached from a Customer. It may not be used again. To use a PaymentMethod multiple times, you must "
            "attach it to a Customer first.",
            param="payment_method",
        )
    if method["customer"] is not None and method["customer"] != intent["customer"]:
        text = (
            f"The PaymentMethod {id} belongs to a Customer. Please include the Customer in the `customer` parameter on "
            "the PaymentIntent."
            if intent["customer"] is None
            else f"The PaymentMethod {id} does not belong to the Customer you supplied, {intent['customer']}. Please "
            "use this PaymentMethod with the Customer that it belongs to instead."
        )
        raise bad_request(text, param="payment_method")
    return method


def update_payment_intent(ctx: Context) -> Row:
    params, intent = ctx.params, target(ctx, "payment_intent", "intent")
    refuse_not_simulated(params, "payment_method_options")
    _one_way_to_choose_types(params)
    for name in ("amount", "currency", "customer", "payment_method", "capture_method"):
        if params.get(name) is not None and intent["status"] not in CHANGEABLE:  # [SIM]
            raise refused(
                ctx,
                intent,
                f"This PaymentIntent's {name} could not be updated because it has a status of {intent['status']}. You "
                f"may only update the {name} of a PaymentIntent with one of the following statuses: "
                f"{', '.join(CHANGEABLE)}.",
                param=name,
            )
    if params.get("transfer_group") and intent["transfer_group"] is not None:  # [SDK]
        raise bad_request(
            "You cannot change the transfer_group of a PaymentIntent that has one.", param="transfer_group"
        )
    _refuse_invoices_own(intent, params)
    for name in ("currency", "customer"):
        if intent.get("_funded") and params.get(name) not in (None, intent[name]):  # [K: text, strictest]
            raise bad_request(f"The {name} of a PaymentIntent that is paid in part cannot be changed.", param=name)
    amount = ctx.given("amount", intent["amount"])
    currency = ctx.given("currency", intent["currency"])
    charging.check_amount(amount, currency)
    fields: Row = {"amount": amount, "currency": currency, **chosen(params, "capture_method")}
    if "customer" in params:
        fields["customer"] = ctx.find("customer", params["customer"], "customer")["id"]
    if _CHOOSING & params.keys():
        fields |= _types({**intent, **params}, currency, bool(fields.get("customer", intent["customer"])))
    apply_metadata(ctx, intent, fields)
    ctx.change(intent, **fields, **_fields(intent, params))
    _descriptor(intent)
    _set_method(ctx, intent, params)
    ctx.record("payment_intent.updated", intent, intent["amount"])
    return intent


def _refuse_invoices_own(intent: Row, params: Mapping[str, Any]) -> None:
    """What an invoice asks for, and that it takes it at once, is for the invoice to say [SDK; capture_method K]."""
    if intent.get("_invoice") and params.keys() & {"amount", "capture_method", "currency", "customer"}:
        raise bad_request("This PaymentIntent belongs to an invoice, and cannot be changed directly.", param="intent")


def confirm_payment_intent(ctx: Context) -> Row:
    intent = target(ctx, "payment_intent", "intent")
    refuse_not_simulated(ctx.params, "payment_method_options")
    _one_way_to_choose_types(ctx.params)
    _confirm(ctx, intent)
    return intent


def _confirm(ctx: Context, intent: Row) -> None:
    """Attempt the payment; a decline is a 402 that leaves its traces [DOC]."""
    params = ctx.params
    if intent["status"] == "succeeded":  # [K]
        raise refused(
            ctx,
            intent,
            "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.",
        )
    if intent["status"] not in CONFIRMABLE:
        raise refused(
            ctx,
            intent,
            f"You cannot confirm this PaymentIntent because it has a status of {intent['status']}. Only a "
            f"PaymentIntent with one of the following statuses may be confirmed: {', '.join(CONFIRMABLE)}.",
        )
    if ctx.operation == "confirm_payment_intent":
        _refuse_invoices_own(intent, params)
        ctx.change(intent, **chosen(params, "capture_method"), **_fields(intent, params))
        if _CHOOSING & params.keys():
            ctx.change(intent, **_types(params, intent["currency"], bool(intent["customer"])))
        _set_method(ctx, intent, params)
    method = ctx.get("payment_method", intent["payment_method"])
    if method is None:  # [3P]
        raise refused(
            ctx,
            intent,
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
            "payment method or ConfirmationToken.",
        )
    _refuse_other_type(intent, method)
    if method["type"] != "card" and not charging.captures(intent, method["type"]):  # [DOC; text K]
        raise bad_request(
            f"The payment method type `{method['type']}` cannot be authorized first. Use `capture_method=automatic`.",
            param="capture_method",
        )
    _needs_return_url(intent, params)
    if params.get("amount_to_confirm") not in (None, intent["amount"]):  # [K]
        raise bad_request("The amount to confirm does not match the PaymentIntent's amount.", param="amount_to_confirm")
    if bank_payments.asks_first(ctx, intent, method):
        return
    nobody_there = bool(params.get("off_session") or params.get("error_on_requires_action"))
    outcome = charging.attempt(
        ctx, intent, method, off_session=nobody_there, capture=charging.captures(intent, method["type"])
    )
    if outcome.error is not None:
        raise outcome.error
    if outcome.status == "succeeded":
        invoice_actions.intent_succeeded(ctx, intent)


def _needs_return_url(intent: Row, params: Mapping[str, Any]) -> None:
    automatic = intent["automatic_payment_methods"]
    if automatic and automatic["allow_redirects"] != "never" and not params.get("return_url"):  # [K]
        raise bad_request(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
            "these payment methods might redirect your customer off of your page, you must provide a `return_url`. If "
            "you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to "
            "`true` and `automatic_payment_methods[allow_redirects]` to `never` when creating "
            "Setup Intents and Payment Intents.",
        )


def cancel_payment_intent(ctx: Context) -> Row:
    intent = target(ctx, "payment_intent", "intent")
    if intent.get("_invoice"):  # [SDK]
        raise bad_request("This PaymentIntent belongs to an invoice, and can only be canceled by voiding the invoice.")
    if intent["status"] not in CANCELABLE:  # a processing one is rarely cancelable: never here [SDK, SIM]
        raise refused(
            ctx,
            intent,
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
            f"with one of the following statuses may be canceled: {', '.join(CANCELABLE)}.",
        )
    charging.release(ctx, intent, ctx.params.get("cancellation_reason"))
    return intent


def refused(ctx: Context, intent: Row, message: str, **fields: Any) -> Refusal:
    """An unexpected state; the intent is shown as it was [SDK: code; SIM]."""
    return unexpected_state(message, payment_intent=render(ctx.account, intent, []), **fields)

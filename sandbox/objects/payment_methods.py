"""Payment methods: the test tokens of Stripe's page "Testing", attaching, and who owns one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import bad_request, card_error, missing_parameter, no_such
from prefect_stripe.sandbox.expand import Page
from prefect_stripe.sandbox.objects.common import refuse_not_simulated, target
from prefect_stripe.sandbox.paging import equals, page
from prefect_stripe.sandbox.rows import Row

# [K]
_MESSAGES: Final[Mapping[str, str]] = {
    "card_declined": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}


@dataclass(frozen=True)
class Behaviour:
    """What a test payment method does when it is charged.

    Attributes:
        type: `card` or `us_bank_account`.
        code: Error code of the decline, or None where it succeeds.
        decline_code: The issuer's reason.
        on_attach: Whether attaching is declined too.
        authenticates: Whether it asks for 3-D Secure.
        later: Whether its outcome comes after processing, as a bank debit's does.
        settles: Whether the later outcome ever comes.
        brand: Card brand.
        last4: Last digits of the number.
        increments: Whether an authorisation can be increased.
        disputed: Whether the charge is disputed as soon as it has succeeded.
    """

    type: str = "card"
    code: str | None = None
    decline_code: str | None = None
    on_attach: bool = False
    authenticates: bool = False
    later: bool = False
    settles: bool = True
    brand: str = "visa"
    last4: str = "4242"
    increments: bool = True
    disputed: bool = False

    @property
    def message(self) -> str:
        return _MESSAGES.get(self.decline_code or "", _MESSAGES.get(self.code or "", _MESSAGES["card_declined"]))


def _declining(decline_code: str, last4: str, code: str = "card_declined", *, on_attach: bool = True) -> Behaviour:
    return Behaviour(code=code, decline_code=decline_code, on_attach=on_attach, last4=last4)


def _bank(last4: str, code: str | None = None, *, settles: bool = True) -> Behaviour:
    return Behaviour(
        type="us_bank_account", code=code, decline_code=code, later=True, settles=settles, last4=last4, brand=""
    )


_INSUFFICIENT: Final = _declining("insufficient_funds", "9995")
_GENERIC: Final = _declining("generic_decline", "0002")

# [DOC copy], [3P], [K]: section 5 of the facts. Cards that decline are refused on attaching too, except the one whose
# purpose is to attach and then fail [K: strictest reading].
TOKENS: Final[Mapping[str, Behaviour]] = {
    "pm_card_visa": Behaviour(),
    "pm_card_visa_debit": Behaviour(last4="5556"),
    "pm_card_mastercard": Behaviour(brand="mastercard", last4="4444"),
    "pm_card_mastercard_debit": Behaviour(brand="mastercard", last4="3222"),
    "pm_card_amex": Behaviour(brand="amex", last4="8431"),
    "pm_card_discover": Behaviour(brand="discover", last4="1117"),
    "pm_card_diners": Behaviour(brand="diners", last4="0004"),
    "pm_card_jcb": Behaviour(brand="jcb", last4="0505"),
    "pm_card_unionpay": Behaviour(brand="unionpay", last4="0005"),
    "pm_card_us": Behaviour(),
    "pm_card_createDispute": Behaviour(last4="0259", disputed=True),
    "pm_card_chargeCustomerFail": _declining("generic_decline", "0341", on_attach=False),
    "pm_card_chargeDeclined": _GENERIC,
    "pm_card_visa_chargeDeclined": _GENERIC,
    "pm_card_chargeDeclinedInsufficientFunds": _INSUFFICIENT,
    "pm_card_visa_chargeDeclinedInsufficientFunds": _INSUFFICIENT,
    "pm_card_visa_chargeDeclinedLostCard": _declining("lost_card", "9987"),
    "pm_card_visa_chargeDeclinedStolenCard": _declining("stolen_card", "9979"),
    "pm_card_chargeDeclinedExpiredCard": _declining("expired_card", "0069", "expired_card"),
    "pm_card_chargeDeclinedIncorrectCvc": _declining("incorrect_cvc", "0127", "incorrect_cvc"),
    "pm_card_chargeDeclinedProcessingError": _declining("processing_error", "0119", "processing_error"),
    "pm_card_radarBlock": _declining("fraudulent", "0019"),
    "pm_card_authenticationRequired": Behaviour(authenticates=True, last4="3155"),
    "pm_card_authenticationRequiredOnSetup": Behaviour(authenticates=True, last4="3155"),
    "pm_card_threeDSecure2Required": Behaviour(authenticates=True, last4="3220"),
    "pm_card_threeDSecureRequired": Behaviour(authenticates=True, last4="3063"),
    "pm_usBankAccount_success": _bank("6789"),
    "pm_usBankAccount_processing": _bank("0000", settles=False),
    "pm_usBankAccount_accountClosed": _bank("1113", "account_closed"),
    "pm_usBankAccount_noAccount": _bank("1116", "no_account"),
    "pm_usBankAccount_insufficientFunds": _bank("2227", "insufficient_funds"),
    "pm_usBankAccount_debitNotAuthorized": _bank("3333", "debit_not_authorized"),
}

_BILLING: Final = {"address": None, "email": None, "name": None, "phone": None, "tax_id": None}


def behaviour(method: Row) -> Behaviour:
    known: Behaviour = method["_behaviour"]
    return known


def mint(ctx: Context, known: Behaviour, customer: str | None, **fields: Any) -> Row:
    """A new payment method."""
    return ctx.insert(
        "payment_method",
        {
            "allow_redisplay": "unspecified",
            "billing_details": {**_BILLING, "address": dict.fromkeys(_ADDRESS)},
            known.type: _details(known),
            "created": ctx.now,
            "customer": customer,
            "customer_account": None,
            "metadata": {},
            "radar_options": {},
            "type": known.type,
            "_behaviour": known,
            **fields,
        },
    )


_ADDRESS: Final = ("city", "country", "line1", "line2", "postal_code", "state")


def _details(known: Behaviour) -> dict[str, Any]:
    if known.type == "us_bank_account":
        return {
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": "STRIPE TEST BANK",
            "financial_connections_account": None,
            "fingerprint": "sandbox" + known.last4,
            "last4": known.last4,
            "networks": {"preferred": "ach", "supported": ["ach"]},
            "routing_number": "110000000",
            "status_details": {},
        }
    if known.type == "customer_balance":
        return {}
    return card_details(known)


def card_details(known: Behaviour) -> dict[str, Any]:
    return {
        "brand": known.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": known.brand,
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": "sandbox" + known.last4,
        "funding": "credit",
        "generated_from": None,
        "last4": known.last4,
        "networks": {"available": [known.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def attach(ctx: Context, id: str, customer: Row, param: str, *, status: int = 400) -> Row:
    """Attach to a customer: a token mints one of its own [3P]; one that is another's or was spent is refused [K]."""
    if id in TOKENS:
        if ctx.livemode:
            raise no_such("payment_method", id, param, status=status)
        known = TOKENS[id]
        if known.on_attach:
            raise card_error(known.message, known.code or "card_declined", decline_code=known.decline_code)
        method = mint(ctx, known, customer["id"])
    else:
        method = ctx.find("payment_method", id, param, status=status)
        if method["customer"] not in (None, customer["id"]):
            raise bad_request(
                "The payment method you provided has already been attached to a customer.",
                code="payment_method_unexpected_state",
            )
        if method.get("_spent"):
            raise bad_request(
                "This PaymentMethod was previously used without being attached to a Customer or was detached from a "
                "Customer, and may not be used again.",
            )
        ctx.change(method, customer=customer["id"])
    ctx.record("payment_method.attached", method)
    return method


def detach(ctx: Context, method: Row) -> None:
    ctx.change(method, customer=None, _spent=True)
    ctx.record("payment_method.detached", method)


def owned(ctx: Context, id: str, customer: Row, param: str) -> Row:
    """A payment method that belongs to the customer; a token, which belongs to none, is refused [K]."""
    method = ctx.get("payment_method", id)
    if method is None and id not in TOKENS:
        return ctx.find("payment_method", id, param)
    if method is None or method["customer"] != customer["id"]:
        raise bad_request(
            f"The customer does not have a payment method with the ID {id}. The payment method must be attached to the "
            "customer.",
            code="resource_missing",
            param=param,
        )
    return method


def attach_payment_method(ctx: Context) -> Row:
    """To a customer, who is needed: accounts of customers are not simulated [K, own]."""
    refuse_not_simulated(ctx.params)
    if "customer" not in ctx.params:
        raise missing_parameter("customer")
    customer = ctx.find("customer", ctx.params["customer"], "customer")
    return attach(ctx, ctx.ids["payment_method"], customer, "payment_method", status=404)


def retrieve_payment_method(ctx: Context) -> Row:
    token = ctx.ids["payment_method"]
    if token in TOKENS and not ctx.livemode:
        return mint(ctx, TOKENS[token], None)  # a new one of its kind each time, which is nobody's [K]
    return target(ctx, "payment_method", "payment_method")


def list_customer_payment_methods(ctx: Context) -> Page:
    customer = target(ctx, "customer", "customer")
    return page(ctx, "payment_method", {"type": equals("type")}, index="customer", value=customer["id"])


def list_payment_methods(ctx: Context) -> Page:
    if "customer" not in ctx.params:
        return page(ctx, "payment_method", where=lambda row: False)  # only a customer's own are listed [K]
    ctx.find("customer", ctx.params["customer"], "customer")
    return page(ctx, "payment_method", {"type": equals("type")}, index="customer", value=ctx.params["customer"])

"""What the sandbox answers, held against what the official SDK's types say is always there."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from textwrap import dedent
from typing import Any, cast

import httpx
import pytest
import stripe

from prefect_stripe.sandbox import Sandbox

OBJECTS: dict[str, type[Any]] = {
    "balance": stripe.Balance,
    "balance_transaction": stripe.BalanceTransaction,
    "charge": stripe.Charge,
    "customer": stripe.Customer,
    "customer_cash_balance_transaction": stripe.CustomerCashBalanceTransaction,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "invoice": stripe.Invoice,
    "invoice_payment": stripe.InvoicePayment,
    "invoiceitem": stripe.InvoiceItem,
    "item": stripe.LineItem,
    "line_item": stripe.InvoiceLineItem,
    "payment_intent": stripe.PaymentIntent,
    "payment_link": stripe.PaymentLink,
    "payment_method": stripe.PaymentMethod,
    "payout": stripe.Payout,
    "plan": stripe.Plan,
    "price": stripe.Price,
    "product": stripe.Product,
    "refund": stripe.Refund,
    "subscription": stripe.Subscription,
    "subscription_item": stripe.SubscriptionItem,
}


@cache
def class_node(object: str) -> ast.ClassDef:
    (node,) = ast.parse(dedent(inspect.getsource(OBJECTS[object]))).body
    assert isinstance(node, ast.ClassDef)
    return node


LEAVES: dict[str, type] = {"bool": bool, "Decimal": str, "int": int, "str": str}


def faults_of(node: ast.ClassDef, value: dict[str, Any], path: str) -> Iterator[str]:
    """Fields that the value lacks, has null though the type does not allow it, or has of another type."""
    inner = {child.name: child for child in node.body if isinstance(child, ast.ClassDef)}
    for field in node.body:
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        name, annotation = field.target.id, ast.unparse(field.annotation)
        if name.startswith("_") or name == "OBJECT_NAME" or annotation.startswith("ClassVar"):
            continue
        optional = annotation.startswith("Optional[")
        if value.get(name) is None:
            if not optional:
                yield f"{path}.{name}: {annotation}"
            continue
        plain = annotation[len("Optional[") : -1] if optional else annotation
        if plain in LEAVES and type(value[name]) is not LEAVES[plain]:
            yield f"{path}.{name}: {annotation}, not {value[name]!r}"
        nested = next(
            (inner[part] for part in annotation.replace("[", " ").replace("]", " ").split() if part in inner), None
        )
        if nested is not None:
            for one in value[name] if isinstance(value[name], list) else [value[name]]:
                if isinstance(one, dict):
                    yield from faults_of(nested, cast("dict[str, Any]", one), f"{path}.{name}")


CARD = {"allowed_payment_method_types[]": "card", "confirm": "true"}
BANK = {
    "allowed_payment_method_types[]": "us_bank_account",
    "confirm": "true",
    "mandate_data[customer_acceptance][type]": "offline",
}
ACCOUNT = {
    "payment_method_data[type]": "us_bank_account",
    "payment_method_data[us_bank_account][account_number]": "000123456789",
    "payment_method_data[us_bank_account][routing_number]": "110000000",
    "payment_method_data[us_bank_account][account_holder_type]": "individual",
    "payment_method_data[billing_details][name]": "Jenny Rosen",
}
TRANSFER = {
    "allowed_payment_method_types[]": "customer_balance",
    "confirm": "true",
    "payment_method_data[type]": "customer_balance",
    "customer": "theirs",
}
INTENTS: tuple[dict[str, str], ...] = (
    {"status": "requires_confirmation", "payment_method": "pm_card_visa"},
    {"status": "requires_capture", **CARD, "payment_method": "pm_card_visa", "capture_method": "manual"},
    {"status": "requires_action", **CARD, "payment_method": "pm_card_threeDSecure2Required"},
    {"status": "requires_action", **BANK, **ACCOUNT},
    {"status": "processing", **BANK, "payment_method": "pm_usBankAccount_success"},
    {"status": "requires_action", **TRANSFER},
)
CATALOGUE: tuple[dict[str, str], ...] = (
    {"custom_unit_amount[enabled]": "true", "custom_unit_amount[minimum]": "100"},
    {
        "billing_scheme": "tiered",
        "tiers_mode": "volume",
        "tiers[0][up_to]": "10",
        "tiers[0][unit_amount]": "100",
        "tiers[1][up_to]": "inf",
        "tiers[1][unit_amount_decimal]": "90.5",
        "recurring[interval]": "month",
        "expand[]": "tiers",
    },
    {
        "unit_amount": "5",
        "transform_quantity[divide_by]": "10",
        "transform_quantity[round]": "up",
        "currency_options[EUR][unit_amount_decimal]": "4.5",
        "expand[]": "currency_options",
    },
)
LINK = {
    "custom_fields[0][key]": "engraving",
    "custom_fields[0][label][custom]": "Engraving",
    "custom_fields[0][label][type]": "custom",
    "custom_fields[0][type]": "text",
    "payment_intent_data[description]": "From the shop",
    "restrictions[completed_sessions][limit]": "3",
}
SUBSCRIBING = {"subscription_data[description]": "From the shop"}
MUG = {
    "default_price_data[unit_amount]": "900",
    "marketing_features[0][name]": "Large",
    "package_dimensions[height]": "1",
    "package_dimensions[length]": "1",
    "package_dimensions[weight]": "1",
    "package_dimensions[width]": "1",
    "expand[]": "default_price",
}


def _of(form: dict[str, str], customer: str) -> dict[str, str]:
    owner = {"customer": customer} if "customer" in form else {}
    return {name: value for name, value in form.items() if name != "status"} | owner


@pytest.fixture
def samples(http: httpx.Client, sandbox: Sandbox, customer: str) -> dict[str, list[dict[str, Any]]]:
    """Objects of every type, in every state that a walk through the sandbox brings them into."""
    found: dict[str, list[dict[str, Any]]] = {}

    def collect(value: object) -> None:
        if isinstance(value, dict):
            whole = cast("dict[str, Any]", value)
            if str(whole.get("object")) in OBJECTS and "deleted" not in whole:
                found.setdefault(whole["object"], []).append(whole)
            for inner in whole.values():
                collect(inner)
        elif isinstance(value, list):
            for inner in cast("list[object]", value):
                collect(inner)

    def call(method: str, path: str, **form: Any) -> dict[str, Any]:
        answer = http.request(method, path, params=form) if method == "GET" else http.request(method, path, data=form)
        assert answer.status_code in (200, 402), answer.text
        collect(answer.json())
        body: dict[str, Any] = answer.json()
        return body

    price = call("POST", "/v1/prices", currency="usd", unit_amount="100", **{"product_data[name]": "P"})
    monthly = call(
        "POST",
        "/v1/prices",
        currency="usd",
        unit_amount="5",
        **{"product": price["product"], "recurring[interval]": "month"},
    )
    collect(sandbox.seed("subscription", customer=customer, price=monthly["id"]))
    invoice = call("POST", "/v1/invoices", customer=customer, currency="usd")
    call("POST", "/v1/invoiceitems", customer=customer, invoice=invoice["id"], **{"pricing[price]": price["id"]})
    call("POST", f"/v1/invoices/{invoice['id']}/pay", **{"expand[]": "payments"})
    call("POST", "/v1/invoices/create_preview", customer=customer, **{"invoice_items[0][price]": price["id"]})
    call("POST", "/v1/invoices", customer=customer, collection_method="send_invoice", days_until_due=3)
    never = {"automatic_payment_methods[enabled]": "true", "automatic_payment_methods[allow_redirects]": "never"}
    intent = call(
        "POST",
        "/v1/payment_intents",
        amount=900,
        currency="usd",
        confirm="true",
        payment_method="pm_card_visa",
        **never,
    )
    call(
        "POST",
        "/v1/payment_intents",
        amount=900,
        currency="usd",
        confirm="true",
        payment_method="pm_card_chargeDeclined",
        **never,
    )
    call("POST", "/v1/refunds", payment_intent=intent["id"])
    call("POST", f"/v1/test_helpers/customers/{customer}/fund_cash_balance", amount=5, currency="usd")
    for sold, more in ((price["id"], {}), (price["id"], LINK), (monthly["id"], SUBSCRIBING)):
        items = {"line_items[0][price]": sold, "line_items[0][quantity]": "1"}
        link = call("POST", "/v1/payment_links", **items, **more)
    call("GET", f"/v1/payment_links/{link['id']}/line_items")
    for actions in (("void",), ("mark_uncollectible",), ()):
        sent = {"customer": customer, "collection_method": "send_invoice", "days_until_due": 3, "currency": "usd"}
        one = call("POST", "/v1/invoices", **sent, auto_advance="true")
        call("POST", "/v1/invoiceitems", customer=customer, invoice=one["id"], amount=800, currency="usd")
        for action in ("finalize", *actions):
            call("POST", f"/v1/invoices/{one['id']}/{action}", **{"expand[]": "payments", "expand[1]": "customer"})
    for form in INTENTS:
        made = call("POST", "/v1/payment_intents", amount=900, currency="usd", **_of(form, customer))
        assert made["status"] == form["status"]
        call("GET", f"/v1/payment_intents/{made['id']}", **{"expand[]": "latest_charge"})
        if made["status"] != "processing":
            call("POST", f"/v1/payment_intents/{made['id']}/cancel")
    for form in CATALOGUE:
        call("POST", "/v1/prices", currency="usd", product=price["product"], **form)
    call("POST", "/v1/products", name="Mug", shippable="true", **{"default_price_data[currency]": "usd"}, **MUG)
    call("GET", f"/v1/customers/{customer}", **{"expand[]": "cash_balance", "expand[1]": "tax"})
    sandbox.clock.advance(4 * 86400)
    lists = ("payouts", "balance_transactions", "charges", "events", "payment_intents", "products", "customers")
    for name in (*lists, "subscriptions"):
        call("GET", f"/v1/{name}", limit="100")
    call("GET", f"/v1/customers/{customer}/payment_methods")
    collect(sandbox.seed("dispute", charge=call("GET", "/v1/charges")["data"][0]["id"]))
    call("GET", "/v1/balance")
    return found


def test_every_field_that_the_types_require_is_there(samples: dict[str, list[dict[str, Any]]]) -> None:
    assert set(OBJECTS) <= set(samples)
    missing = {
        fault
        for object, values in samples.items()
        for value in values
        for fault in faults_of(class_node(object), value, object)
    }
    assert missing == set()


def test_no_private_key_leaves_the_sandbox(samples: dict[str, list[dict[str, Any]]]) -> None:
    assert not [key for values in samples.values() for value in values for key in value if key.startswith("_")]


def test_every_event_is_one_that_stripe_has(samples: dict[str, list[dict[str, Any]]]) -> None:
    source = inspect.getsource(stripe.Event)
    types = {event["type"] for event in samples["event"]}
    assert len(types) > 10
    assert {type for type in types if f'"{type}"' not in source} == set()

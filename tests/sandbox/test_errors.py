"""What is refused before anything happens, in Stripe's words, and as the official SDK classifies it."""

from __future__ import annotations

import httpx
import pytest
import stripe

from prefect_stripe.sandbox import Sandbox

CUSTOMERS, ITEMS, PRICES = "/v1/customers", "/v1/invoiceitems", "/v1/prices"


@pytest.mark.parametrize(
    ("path", "form", "message", "code", "param"),
    [
        (
            CUSTOMERS,
            {"emial": "a@b.co"},
            "Received unknown parameter: emial. Did you mean email?",
            "parameter_unknown",
            "emial",
        ),
        (CUSTOMERS, {"foo": "1", "bar": "2"}, "Received unknown parameters: foo, bar", "parameter_unknown", "foo"),
        (
            CUSTOMERS,
            {"address[stret]": "x"},
            "Received unknown parameter: address[stret]",
            "parameter_unknown",
            "address[stret]",
        ),
        (CUSTOMERS, {"balance": "1.5"}, "Invalid integer: 1.5", "parameter_invalid_integer", "balance"),
        (
            CUSTOMERS,
            {"tax_exempt": "maybe"},
            "Invalid tax_exempt: must be one of exempt, none, or reverse",
            None,
            "tax_exempt",
        ),
        (
            "/v1/invoiceitems/ii_1",
            {"invoicing_rules": "x"},
            "Invalid invoicing_rules: must be one of ''",
            None,
            "invoicing_rules",
        ),
        (CUSTOMERS, {"email": "nobody"}, "Invalid email address: nobody", "email_invalid", "email"),
        (
            "/v1/payment_intents",
            {"amount": "500", "currency": "usd", "receipt_email": "nobody"},
            "Invalid email address: nobody",
            "email_invalid",
            "receipt_email",
        ),
        (CUSTOMERS, {"address": "Main Street"}, "Invalid object", None, "address"),
        (CUSTOMERS, {"preferred_locales": "de"}, "Invalid array", None, "preferred_locales"),
        (CUSTOMERS, {"expand[]": "name"}, "This property cannot be expanded (name).", None, "expand"),
        (
            CUSTOMERS,
            {"expand[]": "a.b.c.d.e"},
            "You cannot expand more than 4 levels of a property. Property: a.b.c.d.e",
            "property_expansion_max_depth",
            "expand",
        ),
        (PRICES, {"unit_amount": "1"}, "Missing required param: currency.", "parameter_missing", "currency"),
        (
            PRICES,
            {"currency": "", "unit_amount": "1"},
            "You passed an empty string for 'currency'. We assume empty values are an attempt to unset a parameter; "
            "however 'currency' cannot be unset. You should remove 'currency' from your request or supply a "
            "non-empty value.",
            "parameter_invalid_empty",
            "currency",
        ),
        (PRICES, {"currency": "usd", "unit_amount": "1", "active": "yes"}, "Invalid boolean: yes", None, "active"),
    ],
)
def test_bad_parameters(
    http: httpx.Client,
    sandbox: Sandbox,
    path: str,
    form: dict[str, str],
    message: str,
    code: str | None,
    param: str,
) -> None:
    answer = http.post(path, data=form)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["message"]) == (400, "invalid_request_error", message)
    assert (error.get("code"), error.get("param")) == (code, param)
    assert error["request_log_url"].endswith(answer.headers["Request-Id"])
    assert sandbox.ledger.effects == []


def test_an_unknown_currency_lists_the_known(http: httpx.Client) -> None:
    error = http.post(PRICES, data={"currency": "xyz", "unit_amount": "1"}).json()["error"]
    assert error["message"].startswith("Invalid currency: xyz. Stripe currently supports these currencies: aed, ")


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({f"metadata[{'k' * 41}]": "v"}, "Metadata keys can have up to 40 characters"),
        ({"metadata[k]": "v" * 501}, "Metadata values can have up to 500 characters"),
        ({f"metadata[k{number}]": "v" for number in range(51)}, "You can only have up to 50 metadata keys"),
        ({"name": "x" * 257}, "Invalid string: xxxxxxxxxx...xxxx; must be at most 256 characters"),
        ({"business_name": "x" * 151}, "Invalid string: xxxxxxxxxx...xxxx; must be at most 150 characters"),
        (
            {"invoice_settings[custom_fields][0][name]": "x" * 41, "invoice_settings[custom_fields][0][value]": "1"},
            "Invalid string: xxxxxxxxxx...xxxx; must be at most 40 characters",
        ),
        (
            {f"invoice_settings[custom_fields][{n}][{k}]": "x" for n in range(5) for k in ("name", "value")},
            "Array invoice_settings[custom_fields] exceeded maximum 4 allowed elements.",
        ),
        ({"invoice_prefix": "A" * 13}, "Invalid invoice prefix: must be 1 to 12"),
    ],
)
def test_lengths(http: httpx.Client, form: dict[str, str], message: str) -> None:
    answer = http.post(CUSTOMERS, data=form)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(message)


@pytest.mark.parametrize("limit", ["0", "101", "-1"])
def test_pages_hold_1_to_100(http: httpx.Client, limit: str) -> None:
    answer = http.get(CUSTOMERS, params={"limit": limit})
    assert answer.json()["error"]["param"] == "limit"
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"expand[]": "customer"}, "This property cannot be expanded (customer). You may want to try expanding "
         "'data.customer' instead."),
        ({"expand[]": "data.lines.data.pricing.price_details.price"}, "You cannot expand more than 4 levels"),
        ({"customer": "cus_none"}, "No such customer: 'cus_none'"),
        ({"status": "unpaid"}, "Invalid status: must be one of"),
        ({"starting_after": "in_a", "ending_before": "in_b"}, "You cannot parameterize by both"),
        ({"starting_after": "in_none"}, "No such invoice: 'in_none'"),
    ],
)  # fmt: skip
def test_bad_lists(http: httpx.Client, params: dict[str, str], message: str) -> None:
    answer = http.get("/v1/invoices", params=params)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(message)


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"amount": "1", "currency": "usd"}, "customer"),
        ({"customer": "C", "amount": "1"}, "currency"),
        ({"customer": "C", "currency": "usd"}, "amount"),
        ({"customer": "C", "currency": "usd", "amount": "1", "unit_amount_decimal": "2"}, "amount"),
        ({"customer": "C", "currency": "usd", "amount": "1", "quantity": "2"}, "amount"),
        ({"customer": "C", "currency": "usd", "unit_amount_decimal": "1", "quantity": "-2"}, "quantity"),
        ({"customer": "C", "currency": "usd", "unit_amount_decimal": "1.0000000000001"}, "unit_amount_decimal"),
        ({"customer": "C", "currency": "eur", "amount": "1", "invoice": "I"}, "currency"),
        ({"customer": "C", "currency": "usd", "amount": "1", "discounts[0][coupon]": "x"}, "discounts"),
        ({"customer": "C", "currency": "usd", "amount": "1", "period[start]": "2", "period[end]": "1"}, "period[end]"),
    ],
)
def test_invoice_items_are_priced_one_way(http: httpx.Client, customer: str, form: dict[str, str], param: str) -> None:
    invoice = http.post("/v1/invoices", data={"customer": customer, "currency": "usd"}).json()["id"]
    answer = http.post(ITEMS, data={k: {"C": customer, "I": invoice}.get(v, v) for k, v in form.items()})
    assert (answer.status_code, answer.json()["error"].get("param")) == (400, param)
    assert http.get(ITEMS).json()["data"] == []


def test_prices_are_refused_as_stripe_refuses(http: httpx.Client, customer: str) -> None:
    monthly = http.post(
        PRICES,
        data={"currency": "usd", "unit_amount": 1, "product_data[name]": "P", "recurring[interval]": "month"},
    ).json()["id"]
    archived = http.post(PRICES, data={"currency": "usd", "unit_amount": 1, "product_data[name]": "P"}).json()["id"]
    http.post(f"{PRICES}/{archived}", data={"active": "false"})
    for price, message in (
        (monthly, "The price specified is set to `type=recurring`"),
        (archived, "The price specified is inactive."),
        ("price_none", "No such price: 'price_none'"),
    ):
        error = http.post(ITEMS, data={"customer": customer, "pricing[price]": price}).json()["error"]
        assert error["message"].startswith(message)
        assert error["param"] == "pricing[price]"


def test_pending_items_share_a_currency(http: httpx.Client, customer: str) -> None:
    http.post(ITEMS, data={"customer": customer, "amount": 1, "currency": "usd"})
    error = http.post(ITEMS, data={"customer": customer, "amount": 1, "currency": "eur"}).json()["error"]
    assert error["message"].startswith("You cannot combine currencies on a single customer.")
    assert error["message"].endswith("with currency usd.")


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({}, 401, "You did not provide an API key."),
        ({"Authorization": "Bearer nonsense"}, 401, "Invalid API Key provided: ********"),
        ({"Authorization": "Bearer sk_prod_123456789012"}, 401, "Invalid API Key provided: sk_prod_"),
        ({"Authorization": "Bearer pk_test_1"}, 401, "This API call cannot be made with a publishable API key."),
        ({"Authorization": "Bearer sk_test_1", "Stripe-Account": "me"}, 403, "The provided key '"),
        ({"Authorization": "Bearer sk_test_1", "Stripe-Version": "2020-08-27"}, 400, "Invalid Stripe API version"),
    ],
)
def test_who_asks(sandbox: Sandbox, headers: dict[str, str], status: int, message: str) -> None:
    answer = httpx.get(f"{sandbox.url}/v1/customers", headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]["message"].startswith(message)
    assert "nonsense" not in answer.text


def test_restricted_keys_and_basic_auth_are_taken(sandbox: Sandbox) -> None:
    assert httpx.get(f"{sandbox.url}/v1/customers", auth=("rk_test_1", "")).status_code == 200


def test_unrecognized_urls(http: httpx.Client) -> None:
    for method, path in (("GET", "/v1/nothing"), ("PUT", "/v1/customers"), ("GET", "/v1/customers/")):
        answer = http.request(method, path)
        assert answer.status_code == 404
        assert answer.json()["error"]["message"].startswith(f"Unrecognized request URL ({method}: {path}).")


def test_json_bodies_are_refused(http: httpx.Client) -> None:
    answer = http.post(CUSTOMERS, json={"email": "a@b.co"})
    assert answer.status_code == 400
    assert "check that your POST content type" in answer.json()["error"]["message"]


def test_each_error_class_of_the_sdk(sandbox: Sandbox, sdk: stripe.StripeClient, customer: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as missing:
        sdk.v1.customers.retrieve("cus_none")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.AuthenticationError):
        stripe.StripeClient("sk_wrong", base_addresses={"api": sandbox.url}).v1.customers.list()
    with pytest.raises(stripe.PermissionError):
        sdk.v1.customers.list(options={"stripe_account": "nobody"})
    with pytest.raises(stripe.CardError):
        sdk.v1.payment_methods.attach("pm_card_chargeDeclined", {"customer": customer})
    sdk.v1.customers.create({}, options={"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError):
        sdk.v1.customers.create({"name": "x"}, options={"idempotency_key": "k"})
    sandbox.faults.add("rate_limit", reason="global-rate")
    with pytest.raises(stripe.RateLimitError):
        sdk.v1.customers.list()
    sandbox.faults.add("error")
    with pytest.raises(stripe.APIError):
        sdk.v1.customers.list()
    sandbox.faults.add("reset")
    with pytest.raises(stripe.APIConnectionError):
        sdk.v1.customers.list()


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"issuer[type]": "account", "issuer[account]": "acct_1"}, "issuer[type]"),
        ({"automatic_tax[enabled]": "true"}, "automatic_tax[enabled]"),
        ({"automatically_finalizes_at": "4000000000"}, "automatically_finalizes_at"),
        ({"automatic_tax": ""}, "automatic_tax"),
    ],
)
def test_an_invoice_is_not_what_it_would_not_show(http: httpx.Client, form: dict[str, str], param: str) -> None:
    customer = http.post("/v1/customers").json()["id"]
    own = {"automatic_tax[enabled]": "false", "issuer[type]": "self"}
    made = http.post("/v1/invoices", data={"customer": customer, **own}).json()
    assert (made["automatic_tax"]["enabled"], made["issuer"]["type"]) == (False, "self")
    for path in ("/v1/invoices", f"/v1/invoices/{made['id']}"):
        answer = http.post(path, data=form | ({"customer": customer} if path == "/v1/invoices" else {}))
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)

"""Products, prices, payment links, previews and subscriptions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
import stripe

from prefect_stripe.sandbox import Sandbox
from prefect_stripe.sandbox.errors import Refusal

TIERS = {"tiers[0][up_to]": "inf", "tiers[0][unit_amount]": "1"}
TENS = {"transform_quantity[divide_by]": "10", "transform_quantity[round]": "up"}


def price(http: httpx.Client, **form: Any) -> dict[str, Any]:
    body = {"currency": "usd", "unit_amount": "1000", "product_data[name]": "Tea", **form}
    answer = http.post("/v1/prices", data=body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_product_with_prices_is_archived_not_deleted(http: httpx.Client) -> None:
    made = price(http)
    answer = http.delete(f"/v1/products/{made['product']}")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("This product cannot be deleted")
    assert http.post(f"/v1/products/{made['product']}", data={"active": "false"}).json()["active"] is False
    bare = http.post("/v1/products", data={"name": "Bare", "id": "sku-1"}).json()["id"]
    assert bare == "sku-1"
    again = http.post("/v1/products", data={"name": "Bare", "id": "sku-1"}).json()["error"]
    assert (again["code"], again["param"]) == ("resource_already_exists", "id")
    assert http.delete("/v1/products/sku-1").json() == {"id": "sku-1", "object": "product", "deleted": True}
    assert http.get("/v1/products/sku-1").status_code == 404


def test_a_lookup_key_is_one_prices_alone(http: httpx.Client) -> None:
    old = price(http, lookup_key="tea")
    answer = http.post(
        "/v1/prices", data={"currency": "usd", "unit_amount": "2", "product": old["product"], "lookup_key": "tea"}
    )
    assert answer.json()["error"]["code"] == "resource_already_exists"
    new = price(http, lookup_key="tea", transfer_lookup_key="true")
    found = http.get("/v1/prices", params={"lookup_keys[]": "tea"}).json()["data"]
    assert [one["id"] for one in found] == [new["id"]]
    assert http.get(f"/v1/prices/{old['id']}").json()["lookup_key"] is None


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"unit_amount": "1", "unit_amount_decimal": "1"}, "unit_amount"),
        ({}, "unit_amount"),
        ({"unit_amount": "-1"}, "unit_amount"),
        ({"unit_amount": "1", "product": "prod_none"}, "product"),
        ({"unit_amount": "1", "tiers_mode": "volume"}, "tiers_mode"),
        ({"unit_amount": "1", **TIERS}, "tiers"),
        ({**TIERS, "billing_scheme": "tiered", "tiers_mode": "volume", **TENS}, "tiers"),
        (
            {**TIERS, "billing_scheme": "tiered", "tiers_mode": "volume", "tiers[0][unit_amount_decimal]": "1"},
            "tiers[0][unit_amount]",
        ),
        (
            {
                "unit_amount": "1",
                "currency_options[eur][tiers][0][up_to]": "inf",
                **{f"currency_options[eur][tiers][0][{name}]": "1" for name in ("flat_amount", "flat_amount_decimal")},
            },
            "currency_options[eur][tiers][0][flat_amount]",
        ),
        ({"unit_amount": "1", "currency_options[xyz][unit_amount]": "1"}, "currency_options"),
        ({"unit_amount": "1", "currency_options[eur][unit_amount]": "-1"}, "currency_options[eur][unit_amount]"),
        (
            {"unit_amount": "1", "recurring[interval]": "month", "recurring[interval_count]": "37"},
            "recurring[interval_count]",
        ),
    ],
)
def test_prices_that_are_refused(http: httpx.Client, form: dict[str, str], param: str) -> None:
    product = {} if "product" in form else {"product_data[name]": "Tea"}
    answer = http.post("/v1/prices", data={"currency": "usd", **product, **form})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({f"images[{n}]": "https://example.com/1.png" for n in range(9)}, "images"),
        ({f"marketing_features[{n}][name]": "Large" for n in range(16)}, "marketing_features"),
        ({"marketing_features[0][name]": "x" * 81}, "marketing_features[0][name]"),
        ({"statement_descriptor": "A<B"}, "statement_descriptor"),
        ({"statement_descriptor": "2026"}, "statement_descriptor"),
    ],
)
def test_products_that_are_refused(http: httpx.Client, form: dict[str, str], param: str) -> None:
    answer = http.post("/v1/products", data={"name": "Tea", **form})
    assert (answer.status_code, answer.json()["error"].get("param")) == (400, param)


def test_a_prices_amount_cannot_change(http: httpx.Client) -> None:
    made = price(http)
    error = http.post(f"/v1/prices/{made['id']}", data={"unit_amount": "2"}).json()["error"]
    assert error["code"] == "parameter_unknown"


def test_tiers_and_other_currencies_are_shown_as_amounts_are(http: httpx.Client) -> None:
    tiers = {
        "tiers[0][up_to]": "10",
        "tiers[0][unit_amount]": "100",
        "tiers[1][up_to]": "inf",
        "tiers[1][unit_amount_decimal]": "90.50",
    }
    form = {"currency": "usd", "product_data[name]": "Call", "billing_scheme": "tiered", "tiers_mode": "volume"}
    options = {"currency_options[EUR][unit_amount_decimal]": "4", "expand[0]": "tiers", "expand[1]": "currency_options"}
    made = http.post("/v1/prices", data={**form, **tiers, **options}).json()
    flat = {"flat_amount": None, "flat_amount_decimal": None}
    assert made["tiers"] == [
        {**flat, "unit_amount": 100, "unit_amount_decimal": "100", "up_to": 10},
        {**flat, "unit_amount": None, "unit_amount_decimal": "90.5", "up_to": None},
    ]
    euros = {"custom_unit_amount": None, "tax_behavior": "unspecified", "unit_amount": 4, "unit_amount_decimal": "4"}
    assert made["currency_options"] == {"eur": euros}


def test_only_active_prices_are_listed_unless_asked_for(http: httpx.Client) -> None:
    kept, archived = price(http), price(http)
    http.post(f"/v1/prices/{archived['id']}", data={"active": "false"})
    assert [one["id"] for one in http.get("/v1/prices").json()["data"]] == [kept["id"]]
    assert [one["id"] for one in http.get("/v1/prices?active=false").json()["data"]] == [archived["id"]]


def test_fractions_of_a_cent(http: httpx.Client) -> None:
    made = http.post(
        "/v1/prices", data={"currency": "usd", "unit_amount_decimal": "0.10", "product_data[name]": "Call"}
    ).json()
    assert (made["unit_amount"], made["unit_amount_decimal"]) == (None, "0.1")


def test_amounts_given_inline_show_in_no_list(http: httpx.Client, customer: str) -> None:
    http.post("/v1/invoiceitems", data={"customer": customer, "amount": 1, "currency": "usd"})
    for name in ("prices?active=false", "prices", "products"):
        assert http.get(f"/v1/{name}").json()["data"] == []


def test_a_price_for_ten_is_for_ten_whatever_becomes_of_the_quantity(http: httpx.Client, customer: str) -> None:
    tens = price(http, **TENS)["id"]
    item = http.post("/v1/invoiceitems", data={"customer": customer, "quantity": "25", "pricing[price]": tens}).json()
    assert item["amount"] == 3000
    changed = http.post(f"/v1/invoiceitems/{item['id']}", data={"quantity": "30"}).json()
    assert (changed["quantity"], changed["amount"]) == (30, 3000)
    sold = {"line_items[0][price]": tens, "line_items[0][quantity]": "25", "expand[]": "line_items"}
    link = http.post("/v1/payment_links", data=sold).json()
    (line,) = link["line_items"]["data"]
    assert line["amount_total"] == 3000
    more = {"line_items[0][id]": line["id"], "line_items[0][quantity]": "31", "expand[]": "line_items"}
    (line,) = http.post(f"/v1/payment_links/{link['id']}", data=more).json()["line_items"]["data"]
    assert line["amount_total"] == 4000
    monthly = price(http, **{**TENS, "transform_quantity[round]": "down", "recurring[interval]": "month"})["id"]
    asked = {"subscription_details[items][0][price]": monthly, "subscription_details[items][0][quantity]": "25"}
    preview = http.post("/v1/invoices/create_preview", data={"customer": customer, **asked}).json()
    assert [line["amount"] for line in preview["lines"]["data"] if line["quantity"] == 25] == [2000]


def test_payment_links(http: httpx.Client, sdk: stripe.StripeClient) -> None:
    tea, cake = price(http)["id"], price(http, unit_amount="300")["id"]
    link = sdk.v1.payment_links.create(
        {"line_items": [{"price": tea, "quantity": 2}, {"price": cake, "quantity": 1}], "metadata": {"a": "b"}}
    )
    assert link.url.startswith("https://buy.stripe.com/test_")
    assert "line_items" not in link.to_dict()  # not there unless expanded
    items = sdk.v1.payment_links.line_items.list(link.id).data
    assert [(item.quantity, item.amount_total) for item in items] == [(2, 2000), (1, 300)]
    sdk.v1.payment_links.update(link.id, {"active": False, "line_items": [{"id": items[0].id, "quantity": 3}]})
    read = sdk.v1.payment_links.retrieve(link.id, {"expand": ["line_items"]})
    assert read.active is False
    assert read.line_items is not None
    assert [item.amount_total for item in read.line_items.data] == [3000, 300]
    assert sdk.v1.payment_links.list({"active": True}).data == []


def test_a_payment_link_shows_names_and_one_way_to_end(http: httpx.Client) -> None:
    one = {"line_items[0][price]": price(http)["id"], "line_items[0][quantity]": "1"}
    ends = {"after_completion[type]": "redirect", "after_completion[redirect][url]": "https://example.com"}
    made = http.post("/v1/payment_links", data={**one, **ends, "name_collection[business][enabled]": "true"}).json()
    assert made["after_completion"] == {"type": "redirect", "redirect": {"url": "https://example.com"}}
    assert made["name_collection"] == {"business": {"enabled": True, "optional": False}, "individual": None}
    path = f"/v1/payment_links/{made['id']}"
    more = {"name_collection[individual][enabled]": "true", "name_collection[individual][optional]": "true"}
    shown = http.post(path, data=more).json()["name_collection"]
    assert shown == {
        "business": {"enabled": True, "optional": False},
        "individual": {"enabled": True, "optional": True},
    }
    assert http.post(path, data={"name_collection": ""}).json()["name_collection"] is None


ONE = {"line_items[0][price]": "T", "line_items[0][quantity]": "1"}


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({}, "line_items"),
        ({"line_items[0][price]": "T"}, "line_items[0][quantity]"),
        ({"line_items[0][quantity]": "1"}, "line_items[0][price]"),
        ({"line_items[0][price]": "price_none", "line_items[0][quantity]": "1"}, "line_items[0][price]"),
        ({f"line_items[{n}][{k}]": v for n in range(21) for k, v in (("price", "T"), ("quantity", "1"))}, "line_items"),
        ({**ONE, "optional_items[0][price]": "T", "optional_items[0][quantity]": "1"}, "optional_items"),
        ({**ONE, "shipping_options[0][shipping_rate]": "shr_1"}, "shipping_options"),
        ({**ONE, "automatic_tax[enabled]": "true"}, "automatic_tax[enabled]"),
    ],
)
def test_payment_links_that_are_refused(http: httpx.Client, form: dict[str, str], param: str) -> None:
    tea = price(http)["id"]
    answer = http.post("/v1/payment_links", data={k: tea if v == "T" else v for k, v in form.items()})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_a_customer_alone_has_no_preview(http: httpx.Client, customer: str) -> None:
    answer = http.post("/v1/invoices/create_preview", data={"customer": customer})
    assert answer.status_code == 400
    assert "`subscription_details[items]`" in answer.json()["error"]["message"]


def test_a_preview_changes_nothing_and_can_be_looked_at_for_three_days(
    http: httpx.Client, sandbox: Sandbox, customer: str
) -> None:
    tea = price(http)["id"]
    http.post("/v1/invoiceitems", data={"customer": customer, "amount": 70, "currency": "usd"})
    effects = len(sandbox.ledger.effects)
    form = {
        "customer": customer,
        "invoice_items[0][price]": tea,
        "invoice_items[0][quantity]": "3",
        "invoice_items[1][unit_amount]": "50",
        "invoice_items[1][currency]": "usd",
    }
    preview = http.post("/v1/invoices/create_preview", data=form).json()
    assert preview["id"].startswith("upcoming_in_")
    assert [line["amount"] for line in preview["lines"]["data"]] == [3000, 50, 70]  # what is pending is on it too
    assert (preview["total"], preview["status"]) == (3120, "draft")
    assert len(sandbox.ledger.effects) == effects
    assert http.get("/v1/invoices").json()["data"] == []
    lines = f"/v1/invoices/{preview['id']}/lines"
    assert len(http.get(lines).json()["data"]) == 3
    assert http.post(f"/v1/invoices/{preview['id']}/finalize").status_code == 404
    pending = http.get("/v1/invoiceitems", params={"pending": "true"}).json()["data"][0]["id"]
    http.post(f"/v1/invoiceitems/{pending}", data={"amount": 71})
    assert http.get(lines).json()["data"][2]["amount"] == 70
    sandbox.clock.advance(timedelta(hours=73))
    assert http.get(lines).status_code == 404


def test_a_subscription_is_previewed_and_listed(http: httpx.Client, sandbox: Sandbox, customer: str) -> None:
    monthly = price(http, unit_amount="5000", **{"recurring[interval]": "month"})["id"]
    made = sandbox.seed("subscription", customer=customer, price=monthly, quantity=2)
    assert [one["id"] for one in http.get(f"/v1/subscriptions?customer={customer}").json()["data"]] == [made["id"]]
    preview = http.post("/v1/invoices/create_preview", data={"subscription": made["id"]}).json()
    (line,) = preview["lines"]["data"]
    assert (line["amount"], line["parent"]["type"]) == (10000, "subscription_item_details")
    assert preview["parent"]["subscription_details"]["subscription"] == made["id"]
    item = made["items"]["data"][0]["id"]
    changed = {
        "subscription": made["id"],
        "subscription_details[items][0][id]": item,
        "subscription_details[items][0][quantity]": "5",
    }
    assert http.post("/v1/invoices/create_preview", data=changed).json()["total"] == 25000


@pytest.mark.parametrize(
    ("name", "value", "refused"),
    [
        ("cancel_now", "true", True),
        ("cancel_at_period_end", "true", True),
        ("trial_end", "now", True),
        ("proration_date", "1900000000", True),
        ("resume_at", "now", True),
        ("billing_cycle_anchor[type]", "now", True),
        ("billing_cycle_anchor[type]", "unchanged", False),
        ("cancel_now", "false", False),
        ("proration_behavior", "none", False),
    ],
)
def test_a_preview_of_what_is_not_simulated_is_refused(
    http: httpx.Client, sandbox: Sandbox, customer: str, name: str, value: str, refused: bool
) -> None:
    monthly = price(http, unit_amount="5000", **{"recurring[interval]": "month"})["id"]
    made = sandbox.seed("subscription", customer=customer, price=monthly)
    first, *rest = name.split("[")
    path = f"subscription_details[{first}]"
    asked = {"subscription": made["id"], "[".join((path, *rest)): value}
    answer = http.post("/v1/invoices/create_preview", data=asked)
    assert answer.json().get("error", {}).get("param") == (path if refused else None)


def test_a_subscription_of_a_quarter_ends_in_a_quarter(http: httpx.Client, sandbox: Sandbox, customer: str) -> None:
    every = {"recurring[interval]": "month", "recurring[interval_count]": "3"}
    quarterly = price(http, unit_amount="5000", **every)["id"]
    made = sandbox.seed("subscription", customer=customer, price=quarterly)
    (item,) = made["items"]["data"]
    assert item["current_period_end"] - item["current_period_start"] == 3 * 30 * 86_400
    (line,) = http.post("/v1/invoices/create_preview", data={"subscription": made["id"]}).json()["lines"]["data"]
    assert line["period"]["start"] == item["current_period_end"]
    assert line["period"]["end"] - line["period"]["start"] == 3 * 30 * 86_400


def test_a_subscription_shows_ten_of_its_items_and_lists_them_all(
    http: httpx.Client, sandbox: Sandbox, customer: str
) -> None:
    prices = [price(http, unit_amount="100", **{"recurring[interval]": "month"})["id"] for _ in range(21)]
    made = sandbox.seed("subscription", customer=customer, price=prices[0])["id"]
    other = sandbox.seed("subscription", customer=customer, price=prices[0])["id"]
    items = [sandbox.seed("subscription_item", subscription=made, price=one)["id"] for one in prices[1:20]][::-1]
    assert sandbox.ledger.count("customer.subscription.updated", id=made) == 19
    for full_or_twice, one in ((made, prices[20]), (other, prices[0])):
        with pytest.raises(Refusal):
            sandbox.seed("subscription_item", subscription=full_or_twice, price=one)

    _, shown = http.get("/v1/subscriptions", params={"customer": customer}).json()["data"]
    assert [one["id"] for one in shown["items"]["data"]] == items[:10]
    assert shown["items"]["has_more"] is True
    first = http.get(shown["items"]["url"]).json()
    assert (first["data"], first["has_more"]) == (shown["items"]["data"], True)

    def listed(**params: str) -> tuple[list[str], bool]:
        page = http.get("/v1/subscription_items", params={"subscription": made, **params}).json()
        return [one["id"] for one in page["data"]], page["has_more"]

    assert listed(limit="3") == (items[:3], True)
    assert listed(limit="3", starting_after=items[2]) == (items[3:6], True)
    assert listed(limit="2", ending_before=items[3]) == (items[1:3], True)
    whole, more = listed(limit="100")
    assert (whole[:-1], more) == (items, False)

    expanded = {"subscription": other, "expand[]": "data.price.product"}
    (one,) = http.get("/v1/subscription_items", params=expanded).json()["data"]
    assert one["price"]["product"]["object"] == "product"
    with_last = http.get("/v1/subscriptions", params={"price": prices[19]}).json()["data"]
    assert [subscription["id"] for subscription in with_last] == [made]
    preview = http.post("/v1/invoices/create_preview", data={"subscription": made}).json()
    assert (preview["total"], preview["lines"]["has_more"]) == (2000, True)


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({}, "parameter_missing", "subscription"),
        ({"subscription": ""}, "parameter_invalid_empty", "subscription"),
        ({"subscription": "sub_none"}, "resource_missing", "subscription"),
        ({"subscription": "theirs", "starting_after": "si_none"}, "resource_missing", "starting_after"),
        ({"subscription": "theirs", "limit": "101"}, "parameter_invalid_integer", "limit"),
        ({"subscription": "theirs", "created": "1"}, "parameter_unknown", "created"),
    ],
)
def test_items_are_listed_of_a_subscription_that_is_there(
    http: httpx.Client, sandbox: Sandbox, customer: str, params: dict[str, str], code: str, param: str
) -> None:
    monthly = price(http, **{"recurring[interval]": "month"})["id"]
    made = sandbox.seed("subscription", customer=customer, price=monthly)["id"]
    sent = {name: made if value == "theirs" else value for name, value in params.items()}
    answer = http.get("/v1/subscription_items", params=sent)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, code, param)


def test_a_subscription_that_ends_has_nothing_upcoming(http: httpx.Client, sandbox: Sandbox, customer: str) -> None:
    monthly = price(http, **{"recurring[interval]": "month"})["id"]
    made = sandbox.seed("subscription", customer=customer, price=monthly, status="canceled")
    answer = http.post("/v1/invoices/create_preview", data={"subscription": made["id"]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "invoice_upcoming_none")
    assert http.get("/v1/subscriptions").json()["data"] == []
    assert len(http.get("/v1/subscriptions?status=all").json()["data"]) == 1


def test_an_invoice_that_advances_does_so_behind_your_back(http: httpx.Client, sandbox: Sandbox, customer: str) -> None:
    invoice = http.post("/v1/invoices", data={"customer": customer, "currency": "usd", "auto_advance": "true"}).json()
    assert invoice["automatically_finalizes_at"] == invoice["created"] + 3601
    assert invoice["next_payment_attempt"] == invoice["created"] + 3600
    http.post(
        "/v1/invoiceitems", data={"customer": customer, "invoice": invoice["id"], "amount": 5000, "currency": "usd"}
    )
    kept = http.post("/v1/invoices", data={"customer": customer, "currency": "usd", "auto_advance": "true"}).json()[
        "id"
    ]
    stopped = http.post(f"/v1/invoices/{kept}", data={"auto_advance": "false"}).json()
    assert (stopped["automatically_finalizes_at"], stopped["next_payment_attempt"]) == (None, None)
    sandbox.clock.advance(3602)
    assert http.get(f"/v1/invoices/{invoice['id']}").json()["status"] == "paid"
    assert http.get(f"/v1/invoices/{kept}").json()["status"] == "draft"
    (charged,) = sandbox.ledger.select("charge.succeeded")
    assert (charged.operation, charged.request_id) == ("automatic", "")


def test_events_tell_what_happened(http: httpx.Client, sandbox: Sandbox, customer: str) -> None:
    invoice = http.post("/v1/invoices", data={"customer": customer, "currency": "usd"}).json()["id"]
    http.post(f"/v1/invoices/{invoice}/finalize")
    events = http.get("/v1/events", params={"types[0]": "invoice.created", "types[1]": "invoice.finalized"}).json()[
        "data"
    ]
    assert [event["type"] for event in events] == ["invoice.finalized", "invoice.created"]
    assert [event["data"]["object"]["status"] for event in events] == ["open", "draft"]
    request = sandbox.ledger.requests("finalize_invoice")[0].request_id
    assert events[0]["request"]["id"] == request
    assert http.get(f"/v1/events/{events[0]['id']}").json() == events[0]
    both = http.get("/v1/events", params={"type": "invoice.created", "types[]": "invoice.finalized"})
    assert both.json()["error"]["code"] == "parameters_exclusive"

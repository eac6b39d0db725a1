"""What we send is what Stripe's own SDK sends: both recorded by one real server.

Every operation is sent with all its parameters at once, generated from their shapes, so that a parameter that is
written wrongly anywhere is found; and with what a generator would not think of, case by case.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import reduce
from typing import Any
from urllib.parse import parse_qsl

import pytest
import stripe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stripe._encode import _api_encode  # pyright: ignore

from prefect_stripe import schema
from prefect_stripe.client import OPERATIONS, ClientConfig, ParameterError, StripeClient
from prefect_stripe.client.encoding import form_encode, form_pairs
from prefect_stripe.schema import Shape
from tests.client.server import Seen, Server, serving

KEY = "sk_test_51WireParityKey"

# How the SDK calls each operation, where it is not by our own name turned around: create_customer, v1.customers.create.
SDK = {
    "add_invoice_lines": "invoices.add_lines",
    "apply_payment_intent_customer_balance": "payment_intents.apply_customer_balance",
    "finalize_invoice": "invoices.finalize_invoice",
    "fund_customer_cash_balance": "test_helpers.customers.fund_cash_balance",
    "increment_payment_intent_authorization": "payment_intents.increment_authorization",
    "list_customer_payment_methods": "customers.payment_methods.list",
    "list_invoice_line_items": "invoices.line_items.list",
    "list_payment_link_line_items": "payment_links.line_items.list",
    "list_preview_lines": "invoices.line_items.list",
    "mark_invoice_uncollectible": "invoices.mark_uncollectible",
    "preview_invoice": "invoices.create_preview",
    "remove_invoice_lines": "invoices.remove_lines",
    "retrieve_balance": "balance.retrieve",
    "send_invoice": "invoices.send_invoice",
    "update_invoice_line": "invoices.line_items.update",
    "update_invoice_lines": "invoices.update_lines",
    "verify_payment_intent_microdeposits": "payment_intents.verify_microdeposits",
    "void_invoice": "invoices.void_invoice",
}


def sdk_path(operation: str) -> str:
    if operation in SDK:
        return SDK[operation]
    verb, noun = operation.split("_", 1)
    return f"{noun if verb in {'list', 'search'} else noun + 's'}.{verb}"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(Server()) as server:
        yield server


class Pair:
    """Our client and theirs, pointed at the same server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.ours = StripeClient(ClientConfig(api_key=KEY, api_base=server.url))
        self.theirs = stripe.StripeClient(
            KEY, base_addresses={"api": server.url}, http_client=stripe.RequestsClient(), stripe_version=None
        )

    def we_send(self, operation: str, ids: tuple[str, ...], params: dict[str, Any], **options: Any) -> Seen:
        self.server.seen.clear()
        self.ours.call(operation, *ids, params=params, **options)
        return self.server.seen[0]

    def they_send(self, operation: str, ids: tuple[str, ...], params: dict[str, Any], **options: Any) -> Seen:
        self.server.seen.clear()
        call: Any = reduce(getattr, sdk_path(operation).split("."), self.theirs.v1)
        call(*ids, params=params, options=options)
        return self.server.seen[0]


@pytest.fixture(scope="module")
def pair(server: Server) -> Pair:
    return Pair(server)


HEADERS = ("authorization", "stripe-version", "stripe-account", "content-type")


def essence(request: Seen) -> dict[str, Any]:
    """What matters of a request; of its idempotency key, that it is there."""
    headers: dict[str, Any] = {name: request.headers.get(name) for name in HEADERS}
    return {
        "method": request.method,
        "path": request.path,
        "query": sorted(parse_qsl(request.query, keep_blank_values=True)),
        "body": sorted(parse_qsl(request.body, keep_blank_values=True)),
        "idempotency-key": "idempotency-key" in request.headers,
        "content-length": request.method == "POST" and "content-length" in request.headers,
        **headers,
    }


def sample(shape: Shape) -> Any:
    """A value of a shape that makes the most of it."""
    if shape.kind == "hash":
        return {name: sample(field) for name, field in shape.fields.items()}
    if shape.kind == "list":
        assert shape.item is not None
        return [sample(shape.item), sample(shape.item)]
    if shape.kind == "map":
        assert shape.item is not None
        return {"a name": sample(shape.item), "größe & co=1": sample(shape.item)}
    if shape.kind == "union":
        return sample(max(shape.alternatives, key=lambda one: (one.kind == "hash", one.kind)))
    return LEAVES[shape.kind] if shape.kind != "enum" else shape.choices[0] if shape.choices else ""


LEAVES: dict[str, Any] = {
    "string": "Zoë & Söhne = 100 % +1/2?#🎉 [x]",
    "integer": -1050,
    "number": 12.5,
    "decimal": Decimal("0.125"),
    "boolean": False,
    "timestamp": datetime(2026, 3, 1, 12, 30, tzinfo=timezone(timedelta(hours=9))),
}


def without_expand(operation: str) -> dict[str, Shape]:
    return {name: shape for name, shape in schema.parameters(operation).items() if name != "expand"}


def ids_of(operation: str) -> tuple[str, ...]:
    return tuple(f"{name}_1AbC" for name in OPERATIONS[operation].ids)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_parameter_of_an_operation_is_sent_as_the_sdk_sends_it(pair: Pair, operation: str) -> None:
    params = {name: sample(shape) for name, shape in without_expand(operation).items()}
    ids = ids_of(operation)
    ours, theirs = pair.we_send(operation, ids, params), pair.they_send(operation, ids, params)
    assert essence(ours) == essence(theirs)
    assert bool(ours.query or ours.body) == bool(params)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_only_what_is_required_for_a_connected_account_under_a_key_of_ones_own(pair: Pair, operation: str) -> None:
    shapes = without_expand(operation)
    params = {name: sample(shapes[name]) for name in schema.required(operation)}
    expand = [] if OPERATIONS[operation].method == "DELETE" else ["data.customer", "payments"]
    ids = tuple(f"a!b+c:d@{name}&e=f,g;<h>|~" for name in OPERATIONS[operation].ids)
    ours = pair.we_send(operation, ids, params, expand=expand, idempotency_key="order-7", stripe_account="acct_1")
    theirs = pair.they_send(
        operation,
        ids,
        params | ({"expand": expand} if expand else {}),
        idempotency_key="order-7",
        stripe_account="acct_1",
    )
    # With a read or a delete a key has no effect at Stripe: we leave it out, and the SDK sends it if it is told to.
    key = {"idempotency-key": "order-7" if ours.method == "POST" else None}
    assert essence(ours) | {"idempotency-key": ours.headers.get("idempotency-key")} == essence(theirs) | key


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_field_that_can_be_cleared_is_cleared_alike(pair: Pair, operation: str) -> None:
    shapes = without_expand(operation)
    params: dict[str, Any] = {name: sample(shapes[name]) for name in schema.required(operation)}
    params |= {name: "" for name, shape in shapes.items() if shape.clearable}
    ids = ids_of(operation)
    assert essence(pair.we_send(operation, ids, params)) == essence(pair.they_send(operation, ids, params))


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

CASES: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("update_customer", ("cus_1",), {"metadata": {"kept": "1", "deleted": ""}}),
    ("update_customer", ("cus_1",), {"metadata": ""}),
    ("update_customer", ("cus_1",), {"metadata": {}}),
    ("update_customer", ("cus_1",), {"name": None, "email": "", "tax": {"ip_address": None}}),
    ("update_invoice_lines", ("in_1",), {"lines": [{"id": "a", "quantity": 0}, {"id": "b", "discountable": True}]}),
    ("create_invoice", (), {"custom_fields": [{"name": "PO & co", "value": "1\n2"}], "auto_advance": False}),
    ("create_invoice", (), {"due_date": NOON, "description": "日本語\t€"}),
    ("create_invoice", (), {"due_date": 1767268800, "description": " leading and trailing "}),
    ("list_invoices", (), {"created": {"gte": NOON, "lt": NOON + timedelta(days=1)}, "limit": 100}),
    ("list_invoices", (), {"created": 1767268800}),
    ("search_customers", (), {"query": "email:\"zoe@example.com\" AND metadata['k']:'v+w'", "page": "x=="}),
    ("create_price", (), {"currency": "kwd", "unit_amount_decimal": Decimal("10.50"), "tiers": [{"up_to": "inf"}]}),
    ("create_price", (), {"currency": "usd", "unit_amount_decimal": "0.1250"}),
    ("verify_payment_intent_microdeposits", ("pi_1",), {"amounts": (32, 45)}),
    ("create_payment_intent", (), {"amount": 10**15, "currency": "usd", "off_session": True}),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "ids", "params"), CASES)
def test_a_case_is_sent_as_the_sdk_sends_it(
    pair: Pair, operation: str, ids: tuple[str, ...], params: dict[str, Any]
) -> None:
    assert essence(pair.we_send(operation, ids, params)) == essence(pair.they_send(operation, ids, params))


def test_the_pinned_version_is_the_sdks(pair: Pair) -> None:
    assert (
        pair.they_send("retrieve_customer", ("cus_1",), {}).headers["stripe-version"] == ClientConfig(KEY).api_version
    )


SAFE = st.text(st.characters(exclude_characters="[]", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6).filter(
    str.isprintable
)
WHOLE = st.integers(-(2**63), 2**63 - 1)
HASHES = st.dictionaries(
    SAFE,
    st.recursive(
        SAFE | st.just("") | WHOLE | st.none() | st.booleans() | st.datetimes(timezones=st.just(UTC)),
        lambda inner: (
            st.dictionaries(SAFE, inner, max_size=3)
            | st.lists(st.dictionaries(SAFE, inner.filter(bool), min_size=1, max_size=3), min_size=1, max_size=3)
            | st.lists(SAFE | WHOLE, min_size=1, max_size=3)
        ),
        max_leaves=8,
    ),
    max_size=4,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HASHES)
def test_any_nesting_is_flattened_as_the_sdk_flattens_it(params: dict[str, Any]) -> None:
    assert form_pairs(params) == [(key, str(value)) for key, value in _api_encode(params)]


# Where the SDK is wrong


def test_booleans_and_times_in_a_list_are_written_as_anywhere_else(server: Server, pair: Pair) -> None:
    params = {"flags": [True, False], "times": [NOON]}
    server.seen.clear()
    pair.theirs.raw_request("post", "/v1/anything", **params)  # pyright: ignore[reportUnknownMemberType]
    assert parse_qsl(server.seen[0].body) == [
        ("flags[0]", "True"),
        ("flags[1]", "False"),
        ("times[0]", "2026-01-01 12:00:00+00:00"),
    ]
    assert form_encode(params) == "flags[0]=true&flags[1]=false&times[0]=1767268800"


@pytest.mark.parametrize("operation", [name for name, row in OPERATIONS.items() if row.ids])
def test_an_empty_id_is_refused_where_the_sdk_asks_for_something_else(pair: Pair, operation: str) -> None:
    ids = ("",) * len(OPERATIONS[operation].ids)
    shapes = schema.parameters(operation)
    params = {name: sample(shapes[name]) for name in schema.required(operation)}
    theirs = pair.they_send(operation, ids, params)
    assert "//" in theirs.path or theirs.path.endswith("/")
    with pytest.raises(ParameterError, match="is empty"):
        pair.we_send(operation, ids, params)
    assert pair.server.seen == []


def test_a_time_without_a_zone_is_refused_where_the_sdk_takes_this_machines(pair: Pair) -> None:
    params = {"created": {"gte": datetime(2026, 1, 1)}}  # noqa: DTZ001
    assert "created[gte]" in dict(parse_qsl(pair.they_send("list_invoices", (), params).query))
    with pytest.raises(ParameterError, match="time zone"):
        pair.we_send("list_invoices", (), params)


def test_an_empty_list_is_refused_where_the_sdk_says_nothing(pair: Pair) -> None:
    params: dict[str, Any] = {"custom_fields": []}
    assert pair.they_send("update_invoice", ("in_1",), params).body == ""
    with pytest.raises(ParameterError, match="'' to clear"):
        pair.we_send("update_invoice", ("in_1",), params)


def test_a_decimal_keeps_its_digits_where_the_sdk_writes_an_exponent(pair: Pair) -> None:
    params = {"currency": "usd", "unit_amount_decimal": Decimal("1E+2")}
    assert "unit_amount_decimal=1E%2B2" in pair.they_send("create_price", (), params).body
    assert "unit_amount_decimal=100" in pair.we_send("create_price", (), params).body

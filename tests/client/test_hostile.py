"""What answers need not be Stripe: whatever it sends ends in a clear error, and the key goes nowhere else."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest

from prefect_stripe.client import APIConnectionError, APIError, RetryPolicy, StripeError
from prefect_stripe.client.bodies import MOST_BYTES
from tests.client.server import KEY, Act, Caller, Server, answer, serving, until_closed

ONCE = RetryPolicy(max_retries=0)
GZIP = {"Content-Encoding": "gzip"}


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize("operation", ["retrieve_invoice", "pay_invoice", "delete_invoice"])
def test_a_redirect_is_not_followed_and_the_key_stays_here(
    call: Caller, server: Server, status: int, operation: str
) -> None:
    with serving(Server()) as other:
        for location in (
            f"{other.url}/v1/invoices/in_1",
            f"//127.0.0.1:{other.server_address[1]}/",
            "/v1/invoices/in_2",
        ):
            server.will(answer(status, {"id": "in_1"}, headers={"Location": location}))
            with pytest.raises(APIError, match="refused to follow a redirect"):
                call(operation, "in_1")
    assert other.connections == 0
    assert [request.path.split("/")[3] for request in server.seen] == ["in_1"] * 3


def bomb(size: int) -> bytes:
    """A gzip of zeros, a thousandth as large."""
    packer = zlib.compressobj(wbits=31)
    packed = [packer.compress(bytes(2**20)) for _ in range(size // 2**20)]
    return b"".join((*packed, packer.flush()))


OVERSIZED = "larger than 64 MB"

UNUSABLE: dict[str, tuple[Act, type[StripeError], str]] = {
    "a gzip bomb": (answer(body=bomb(4 * MOST_BYTES), headers=GZIP), APIConnectionError, OVERSIZED),
    "a gzip bomb as an error": (answer(402, bomb(2 * MOST_BYTES), headers=GZIP), APIConnectionError, OVERSIZED),
    "a body without end": (until_closed(bytes(MOST_BYTES + 2**20)), APIConnectionError, OVERSIZED),
    "half a gzip": (answer(body=gzip.compress(b'{"id": "in_1"}')[:-9], headers=GZIP), APIConnectionError, "unpacked"),
    "no gzip": (answer(body=b'{"id": "in_1"}', headers=GZIP), APIConnectionError, "unpacked"),
    "another packing": (answer(body=b"\x1b\x03", headers={"Content-Encoding": "br"}), APIError, "not one of Stripe's"),
    "a page for people": (
        answer(body=b"<html>Sign in</html>", headers={"Content-Type": "text/html"}), APIError, "not one of Stripe's",
    ),
    "deep JSON": (answer(body=b'{"id":' * 10**5 + b"1" + b"}" * 10**5), APIError, "not one of Stripe's"),
    "deep JSON in an error": (
        answer(402, b'{"error": {"type": "card_error", "a": ' + b"[" * 900 + b"]" * 900 + b"}}"),
        APIError, "not one of Stripe's",
    ),
    "a list": (answer(body=[{"id": "in_1"}]), APIError, "not one of Stripe's"),
    "an object without an id": (answer(body={"object": "invoice"}), APIError, "not one of Stripe's"),
    "an id that is a number": (answer(body={"id": 1}), APIError, "not one of Stripe's"),
    "a page of a list for an object": (answer(body={"object": "list", "data": []}), APIError, "not one of Stripe's"),
    "a number without end": (answer(body=b'{"id": "in_1", "total": 1e999}'), APIError, "not one of Stripe's"),
    "NaN": (answer(body=b'{"id": "in_1", "total": NaN}'), APIError, "not one of Stripe's"),
    "another encoding": (answer(body='{"id": "in_1"}'.encode("utf-16")), APIError, "not one of Stripe's"),
}  # fmt: skip


@pytest.mark.parametrize("unusable", UNUSABLE)
def test_what_cannot_be_used_is_an_error_that_says_so(call: Caller, server: Server, unusable: str) -> None:
    server.otherwise, kind, why = UNUSABLE[unusable]
    call.options["retries"] = ONCE
    with pytest.raises(kind, match=why) as caught:
        call("pay_invoice", "in_1")
    assert type(caught.value) is kind
    assert str(caught.value).startswith("pay_invoice in_1: ")


@pytest.mark.parametrize("unusable", ["a gzip bomb", "an object without an id", "a page for people"])
def test_after_what_cannot_be_used_the_same_write_is_asked_for_again(
    call: Caller, server: Server, unusable: str
) -> None:
    """It may have been done: the same key brings the answer that it had."""
    server.will(UNUSABLE[unusable][0], answer())
    call.options["retries"] = RetryPolicy(max_retries=1, base=0.001)
    assert call("pay_invoice", "in_1", idempotency_key="k").tries == 2
    assert server.keys() == ["k", "k"]


WRONG_ERRORS: list[Any] = [
    {"type": ["card_error"], "code": {"a": 1}, "message": [1], "param": 5, "decline_code": {}, "doc_url": []},
    {"type": "card_error", "code": ["x"], "payment_intent": [1], "charge": {"id": 5}},
    {"message": "x" * 10**6},
    {"message": {"deep": "x"}, "type": None},
    {},
]


@pytest.mark.parametrize("status", [400, 402, 404, 409, 429, 500])
@pytest.mark.parametrize("error", WRONG_ERRORS, ids=range(len(WRONG_ERRORS)))
def test_an_error_of_the_wrong_shape_is_one_that_can_be_looked_at(
    call: Caller, server: Server, status: int, error: Any
) -> None:
    server.otherwise = answer(status, {"error": error})
    call.options["retries"] = ONCE
    with pytest.raises(StripeError) as caught:
        call("pay_invoice", "in_1")
    facts = (caught.value.type, caught.value.code, caught.value.decline_code, caught.value.param, caught.value.doc_url)
    assert all(fact is None or isinstance(fact, str) for fact in facts)
    assert caught.value.http_status == status
    assert str(caught.value)


HEADERS: list[dict[str, str]] = [
    {"Retry-After": "9" * 1000},
    {"Retry-After": "-1"},
    {"Retry-After": "nan"},
    {"Date": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"},
    {"Date": "Mon, 01 Jan 0001 00:00:00 +2359"},
    {"Date": "Fri, 31 Dec 9999 23:59:59 -2359"},
    {"Date": "x" * 10_000},
    {"Request-Id": "\xff" * 100},
    {"Idempotent-Replayed": "perhaps"},
    {"Stripe-Should-Retry": "\x00"},
]


@pytest.mark.parametrize("headers", HEADERS, ids=range(len(HEADERS)))
def test_headers_that_are_none_of_stripes_break_nothing(call: Caller, server: Server, headers: dict[str, str]) -> None:
    server.will(answer(503, headers=headers), answer(headers=headers))
    call.options |= {"retries": RetryPolicy(max_retries=1, base=0.001, budget=1.0)}
    try:
        seen: int | None = call("pay_invoice", "in_1").http_status
    except StripeError as error:
        seen = error.http_status
    assert (seen, len(server.seen)) in {(200, 2), (503, 1), (None, 2)}


PAGES: list[Any] = [
    {"data": [1], "has_more": True},
    {"data": [{}], "has_more": True},
    {"data": [{"id": ["c"]}], "has_more": True},
    {"data": [{"id": "c"}], "has_more": "false"},
    {"data": [{"id": "c"}], "has_more": 1},
    {"data": [{"id": "c"}]},
    {"data": {"id": "c"}, "has_more": False},
    {"data": None, "has_more": False},
    {"data": [], "has_more": True},
    {"id": "c"},
]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_of_the_wrong_shape_is_no_list_that_lacks_some(call: Caller, server: Server, page: Any) -> None:
    server.otherwise = answer(body=page)
    with pytest.raises(APIError):
        call.pages("list_customers")
    assert len(server.seen) == 1


def test_a_list_that_leads_back_is_not_walked_for_ever(call: Caller, server: Server) -> None:
    for _ in range(50):
        server.will(*(answer(body={"data": [{"id": id_}], "has_more": True}) for id_ in ("cus_1", "cus_2")))
    with pytest.raises(APIError, match="and not where"):
        call.pages("list_customers")
    assert len(server.seen) == 3


# --- What is asked for ------------------------------------------------------------------------------------------------

HOSTILE_IDS = [
    "..", ".", "%2F", "%2e%2e", "in_1/void", "../customers/cus_1", "in_1?expand[]=x", "in_1#", "in_1\r\nX: y",
    "in_1\\..\\x", "\u0456n_1", "in_\uff11", "in_1\u2215pay", "in_1\u200b", "\ud800", "\x00", " in_1", "x" * 10**6,
]  # fmt: skip


@pytest.mark.parametrize("id_", HOSTILE_IDS, ids=ascii)
@pytest.mark.parametrize("operation", ["retrieve_invoice", "update_invoice", "delete_invoice"])
def test_an_id_that_leads_elsewhere_leads_nowhere(call: Caller, server: Server, operation: str, id_: str) -> None:
    with pytest.raises(StripeError, match="invoice is") as caught:
        call(operation, id_)
    assert len(str(caught.value)) < 1000
    assert server.connections == 0


HOSTILE: dict[str, Any] = {
    "a million keys": lambda: {"metadata": {f"k{number}": "v" for number in range(10**6)}},
    "a million items": lambda: {"preferred_locales": ["en"] * 10**6},
    "a hundred million characters": lambda: {"name": "x" * 10**8},
    "NaN": lambda: {"balance": float("nan")},
    "a huge number": lambda: {"balance": 10**5000},
    "bytes": lambda: {"name": b"Jenny"},
    "half a character": lambda: {"name": "\ud800"},
    "a control character": lambda: {"name": "Jenny\x00"},
    "a name that closes its brackets": lambda: {"metadata": {"a][b": "x"}},
    "a name of nothing": lambda: {"metadata": {"": "x"}},
    "a circle": lambda: _circle(),
    "a circle of lists": lambda: {"preferred_locales": _circle_of_lists()},
    "an object": lambda: {"name": object()},
}


def _circle() -> dict[str, Any]:
    circle: dict[str, Any] = {}
    circle |= {"metadata": circle, "address": circle}
    return circle


def _circle_of_lists() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize("hostile", HOSTILE)
def test_parameters_that_no_api_has_a_form_for_are_refused_before_they_are_sent(
    call: Caller, server: Server, hostile: str
) -> None:
    with pytest.raises(StripeError) as caught:
        call("create_customer", params=HOSTILE[hostile]())
    assert len(str(caught.value)) < 1000
    assert server.connections == 0


def test_nothing_of_the_key_is_in_what_a_hostile_answer_leaves(call: Caller, server: Server) -> None:
    server.otherwise = answer(402, {"error": {"type": "card_error", "message": f"{KEY} 4242 4242 4242 4242"}})
    with pytest.raises(StripeError) as caught:
        call("pay_invoice", "in_1")
    assert str(caught.value).startswith("pay_invoice in_1: sk_test_… …4242")

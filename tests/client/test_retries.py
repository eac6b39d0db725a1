"""What is tried again, what is not, and under which key: seen from the server."""

from __future__ import annotations

import json

import pytest

from prefect_stripe.client import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    CardError,
    ConflictError,
    IdempotencyError,
    InvalidRequestError,
    PermissionDeniedError,
    RateLimitError,
    RetryPolicy,
    StripeError,
)
from tests.client.server import (
    CUSTOMER,
    Act,
    Caller,
    Server,
    announce,
    answer,
    drip,
    drip_the_head,
    hang_up,
    refuse,
    reset,
    say_nothing,
    until_closed,
)

TRUNCATED = answer(cut=5)
HTML = b"<html><h1>Bad gateway</h1></html>"

PASSING: dict[str, Act] = {
    "reset": reset,
    "hung up": hang_up,
    "truncated": TRUNCATED,
    "truncated without a length": until_closed(json.dumps(CUSTOMER).encode()[:-9]),
    "not JSON": answer(200, HTML),
    "not an object": answer(200, b"[]"),
    "gzip that is none": answer(200, b"garbage", headers={"Content-Encoding": "gzip"}),
    "409": refuse(409, "invalid_request_error"),
    "409 of the key": refuse(409, "idempotency_error", code="idempotency_key_in_use"),
    "429": refuse(429, "invalid_request_error", code="rate_limit"),
    "429 of a lock": refuse(429, "invalid_request_error", code="lock_timeout"),
    "500": refuse(500),
    "502 of a proxy": answer(502, HTML),
    "503": refuse(503),
    "424 that says it may pass": refuse(424, headers={"Stripe-Should-Retry": "true"}),
}


@pytest.mark.parametrize("failure", PASSING.values(), ids=PASSING)
def test_what_may_pass_is_tried_again_under_the_same_key(call: Caller, server: Server, failure: Act) -> None:
    server.will(failure, failure)

    response = call("create_customer", params={"name": "Zoë"}, idempotency_key="order-7")

    assert (response.data, response.tries) == (CUSTOMER, 3)
    assert server.keys() == ["order-7"] * 3
    assert {request.body for request in server.seen} == {"name=Zo%C3%AB"}


def test_a_connection_that_breaks_while_we_speak_is_tried_again_under_the_same_key(
    call: Caller, server: Server
) -> None:
    server.interruptions.append(reset)
    long = "x" * 80_000
    assert call("create_customer", params={"preferred_locales": [long] * 100}, idempotency_key="k").tries == 2
    assert server.keys() == ["k"]
    assert server.seen[0].body == "&".join(f"preferred_locales[{i}]={long}" for i in range(100))


def test_a_key_that_nobody_chose_is_kept_over_retries_and_fresh_for_the_next_write(
    call: Caller, server: Server
) -> None:
    server.will(reset, refuse(500), answer())
    call("create_customer")
    call("create_customer")

    first, *same, second = server.keys()
    assert first
    assert same == [first, first]
    assert second not in {None, first}


NEVER: dict[str, tuple[Act, type[StripeError]]] = {
    "400": (refuse(400, "invalid_request_error"), InvalidRequestError),
    "400 of the key": (refuse(400, "idempotency_error"), IdempotencyError),
    "401": (refuse(401, "invalid_request_error"), AuthenticationError),
    "402": (refuse(402, "card_error", code="card_declined"), CardError),
    "402 whatever it says": (refuse(402, "card_error", headers={"Stripe-Should-Retry": "true"}), CardError),
    "403": (refuse(403, "invalid_request_error"), PermissionDeniedError),
    "404": (refuse(404, "invalid_request_error", code="resource_missing"), InvalidRequestError),
    "404 of something else": (answer(404, HTML), APIError),
    "424": (refuse(424), APIError),
    "500 that says it will not pass": (refuse(500, headers={"Stripe-Should-Retry": "false"}), APIError),
    "429 that says it will not pass": (
        refuse(429, "invalid_request_error", headers={"Stripe-Should-Retry": "false"}),
        RateLimitError,
    ),
    "a 500 that is a stored answer": (refuse(500, headers={"Idempotent-Replayed": "true"}), APIError),
    "a redirect": (answer(302, b"", headers={"Location": "http://127.0.0.1:9/"}), APIError),
}


@pytest.mark.parametrize(("refusal", "kind"), NEVER.values(), ids=NEVER)
def test_what_cannot_pass_is_asked_once(call: Caller, server: Server, refusal: Act, kind: type[StripeError]) -> None:
    server.will(refusal)
    with pytest.raises(StripeError) as caught:
        call("pay_invoice", "in_1")

    assert type(caught.value) is kind
    assert not caught.value.retryable
    assert len(server.seen) == 1


def test_a_500_that_comes_back_as_a_stored_answer_ends_the_tries(call: Caller, server: Server) -> None:
    server.will(refuse(500), refuse(500, headers={"Idempotent-Replayed": "true"}))
    with pytest.raises(APIError) as caught:
        call("pay_invoice", "in_1", idempotency_key="pay-1")

    assert (caught.value.replayed, caught.value.retryable) == (True, False)
    assert server.keys() == ["pay-1", "pay-1"]


def test_a_stored_answer_is_marked_as_one(call: Caller, server: Server) -> None:
    server.will(hang_up, answer(headers={"Idempotent-Replayed": "true"}))
    assert call("create_customer").replayed
    assert not call("create_customer").replayed


def test_tries_end_with_the_last_failure(call: Caller, server: Server) -> None:
    server.otherwise = refuse(409, "invalid_request_error")
    with pytest.raises(ConflictError) as caught:
        call("pay_invoice", "in_1")

    assert caught.value.retryable
    assert len(server.seen) == 4


def test_no_retries_are_none(call: Caller, server: Server) -> None:
    call.options["retries"] = RetryPolicy(max_retries=0)
    server.otherwise = reset
    with pytest.raises(APIConnectionError):
        call("retrieve_customer", "cus_1")
    assert len(server.seen) == 1


def test_retry_after_beyond_the_budget_is_not_waited_for(call: Caller, server: Server) -> None:
    server.otherwise = refuse(429, "invalid_request_error", headers={"Retry-After": "3600"})
    with pytest.raises(RateLimitError) as caught:
        call("retrieve_customer", "cus_1")

    assert caught.value.retryable
    assert len(server.seen) == 1


def test_no_try_begins_after_the_budget(call: Caller, server: Server) -> None:
    call.options["retries"] = RetryPolicy(max_retries=1000, base=0.02, cap=0.02, budget=0.1)
    server.otherwise = refuse(500)
    with pytest.raises(APIError):
        call("retrieve_customer", "cus_1")
    assert 2 <= len(server.seen) < 500


# Deletes

GONE = refuse(404, "invalid_request_error", code="resource_missing", param="id")


@pytest.mark.parametrize("failure", [hang_up, TRUNCATED, refuse(500)], ids=["hung up", "truncated", "500"])
def test_gone_after_an_unanswered_delete_is_deleted(call: Caller, server: Server, failure: Act) -> None:
    server.will(failure, GONE)
    response = call("delete_customer", "cus_1")
    assert response.data == {"id": "cus_1", "object": "customer", "deleted": True}


@pytest.mark.parametrize(
    "before",
    [[], [refuse(409, "invalid_request_error")], [refuse(429, "invalid_request_error")]],
    ids=["at once", "after 409", "after 429"],
)
def test_gone_without_our_having_deleted_it_is_an_error(call: Caller, server: Server, before: list[Act]) -> None:
    server.will(*before, GONE)
    with pytest.raises(InvalidRequestError):
        call("delete_customer", "cus_1")


def test_a_404_that_is_not_stripes_deletes_nothing(call: Caller, server: Server) -> None:
    server.will(hang_up, answer(404, HTML))
    with pytest.raises(APIError):
        call("delete_customer", "cus_1")


def test_gone_after_another_unanswered_write_is_an_error(call: Caller, server: Server) -> None:
    server.will(hang_up, GONE)
    with pytest.raises(InvalidRequestError):
        call("void_invoice", "in_1")


# Time


@pytest.mark.parametrize(
    "act",
    [say_nothing, drip, drip_the_head, announce],
    ids=["silence", "a byte now and then", "a byte of the head now and then", "announcements without end"],
)
def test_an_answer_that_does_not_come_in_time_is_tried_again(call: Caller, server: Server, act: Act) -> None:
    call.options |= {"timeout": 0.3, "connect_timeout": 0.1}
    server.will(act)
    assert call("pay_invoice", "in_1", idempotency_key="k").tries == 2
    assert server.keys() == ["k", "k"]


def test_nothing_in_time_is_said_so(call: Caller, server: Server) -> None:
    call.options |= {"timeout": 0.05, "connect_timeout": 0.05, "retries": RetryPolicy(max_retries=0)}
    server.otherwise = say_nothing
    with pytest.raises(APIConnectionError, match=r"nothing, or not all of it, came within 0.05 s"):
        call("retrieve_customer", "cus_1")

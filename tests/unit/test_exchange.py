"""The exchange by hand: what it sends and waits for, with no server, no clock and no sleep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pytest

from prefect_stripe.client import (
    APIConnectionError,
    APIError,
    Call,
    CardError,
    ClientConfig,
    ParameterError,
    PermissionDeniedError,
    RateLimitError,
    Response,
    RetryPolicy,
    StripeError,
)
from prefect_stripe.client.exchange import Answer, NoAnswer, Outcome, Wait, WireRequest, exchange, prepare
from prefect_stripe.client.rate import RateLimits

TEST = ClientConfig(api_key="sk_test_51AbCdEf", api_base="https://api.example", retries=RetryPolicy(base=0.0))
TEST_ONCE = replace(TEST, retries=RetryPolicy(max_retries=0))
NO_LIMITS = RateLimits(None, None, None)


def answer(status: int = 200, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, headers or {}, json.dumps({"id": "cus_1"} if body is None else body).encode())


def refusal(status: int, code: str = "", **headers: str) -> Answer:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return answer(status, {"error": {"type": "invalid_request_error", "code": code, "message": "no"}}, fields)


class Driver:
    """Drives one exchange with the outcomes it is given; each send takes a second on its clock."""

    def __init__(self, *outcomes: Outcome, config: ClientConfig = TEST, limits: RateLimits = NO_LIMITS) -> None:
        self.outcomes = list(outcomes)
        self.config = config
        self.limits = limits
        self.now = 1000.0
        self.sent: list[WireRequest] = []
        self.waits: list[float] = []

    def run(self, call: Call) -> Response:
        steps = exchange(call, self.config, self.limits, lambda: self.now)
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as end:
                return end.value
            if isinstance(step, Wait):
                self.waits.append(step.seconds)
                self.now += step.seconds
                outcome = None
            else:
                self.sent.append(step)
                self.now += 1.0
                outcome = self.outcomes.pop(0)


RETRIEVE = Call("retrieve_customer", ("cus_1",))
PAY = Call("pay_invoice", ("in_1",), idempotency_key="pay-1")


def test_one_request_and_its_answer() -> None:
    driver = Driver(answer(headers={"request-id": "req_1", "date": "Mon, 23 Nov 2026 01:08:12 GMT"}))
    response = driver.run(RETRIEVE)
    assert response == Response(
        {"id": "cus_1"}, 200, "req_1", False, datetime(2026, 11, 23, 1, 8, 12, tzinfo=UTC), tries=1
    )
    assert driver.waits == []


def test_a_date_that_is_none_is_none() -> None:
    assert Driver(answer(headers={"date": "yesterday"})).run(RETRIEVE).date is None


def test_the_same_request_goes_out_again_after_each_pause() -> None:
    driver = Driver(NoAnswer("x"), refusal(429, retry_after="3"), refusal(503, retry_after="2"), answer())
    assert driver.run(PAY).tries == 4
    assert len(driver.sent) == 4
    assert len({id(request) for request in driver.sent}) == 1
    assert driver.waits == [0.0, 3.0, 2.0]


def test_no_answer_says_where_and_why() -> None:
    with pytest.raises(APIConnectionError, match=r"^pay_invoice in_1: no answer from https://api\.example: silence$"):
        Driver(NoAnswer("silence"), config=TEST_ONCE).run(PAY)


def test_the_budget_begins_with_the_first_request_and_not_with_our_own_limit() -> None:
    limits = RateLimits(0.01, None, None)
    limits.reserve("/v1/invoices/{invoice}/pay", False, 1000.0)
    driver = Driver(NoAnswer("x"), answer(), limits=limits)
    driver.run(PAY)
    assert driver.waits[0] > TEST.retries.budget
    assert len(driver.sent) == 2


def test_the_budget_ends_the_tries() -> None:
    config = ClientConfig(api_key="sk_test_1", retries=RetryPolicy(max_retries=99, base=0.0, budget=3.5))
    driver = Driver(*[NoAnswer("x")] * 99, config=config)
    with pytest.raises(APIConnectionError):
        driver.run(PAY)
    assert len(driver.sent) == 4


class Counting(RateLimits):
    """Limits that note who was refused."""

    def __init__(self) -> None:
        super().__init__(None, None, None)
        self.slowed: list[tuple[str, bool]] = []

    def refused(self, endpoint: str, search: bool, now: float) -> None:
        self.slowed.append((endpoint, search))


@pytest.mark.parametrize(
    ("refused", "slows"),
    [
        (refusal(429, stripe_rate_limited_reason="global-rate"), True),
        (refusal(429, "rate_limit", stripe_rate_limited_reason="endpoint-concurrency"), True),
        (refusal(429, "rate_limit"), True),
        (answer(429, "<html>"), True),
        (refusal(429, "lock_timeout"), False),
        (refusal(429, "rate_limit", stripe_rate_limited_reason="resource-specific"), False),
        (refusal(409), False),
        (refusal(503), False),
    ],
)
def test_only_stripes_limiter_slows_us_down(refused: Answer, slows: bool) -> None:
    limits = Counting()
    Driver(refused, answer(), limits=limits).run(PAY)
    assert limits.slowed == ([("/v1/invoices/{invoice}/pay", False)] if slows else [])


def test_each_try_takes_a_token() -> None:
    driver = Driver(refusal(503), refusal(503), answer(), limits=RateLimits(0.5, None, None))
    driver.run(RETRIEVE)
    # Beginnings two seconds apart, of which each request takes one.
    assert driver.waits == pytest.approx([0.0, 0.8, 0.0, 1.0])


UNREADABLE: list[Answer] = [
    answer(200, [1]),
    Answer(200, {}, b""),
    Answer(201, {}, b'{"id": "cus_'),
    Answer(200, {}, b"\xff\xfe"),
]


@pytest.mark.parametrize("unreadable", UNREADABLE)
def test_a_success_that_cannot_be_read_is_an_unknown_and_asked_for_again(unreadable: Answer) -> None:
    assert Driver(unreadable, answer()).run(PAY).tries == 2
    with pytest.raises(APIError, match="not one of Stripe's") as caught:
        Driver(unreadable, config=TEST_ONCE).run(PAY)
    assert caught.value.retryable


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 429, 500])
@pytest.mark.parametrize("body", [b"<html>", b'"text"', b"{}", b'{"error": "text"}', b'{"error": null}'])
def test_an_error_that_is_not_stripes_is_never_taken_for_one(status: int, body: bytes) -> None:
    with pytest.raises(StripeError) as caught:
        Driver(Answer(status, {}, body), config=TEST_ONCE).run(PAY)
    assert type(caught.value) is APIError
    assert caught.value.http_status == status


def test_a_refusal_without_a_message_has_one() -> None:
    with pytest.raises(CardError, match="without a message"):
        Driver(answer(402, {"error": {"type": "card_error"}})).run(PAY)


# Before anything is sent


def sent(call: Call, config: ClientConfig = TEST) -> WireRequest:
    return prepare(call, config)[1]


def test_a_read_goes_out_with_its_filters_in_the_address() -> None:
    request = sent(Call("list_customers", params={"email": "zoe@example.com"}, expand=("data.sources",)))
    assert (request.method, request.body) == ("GET", None)
    assert request.target == "/v1/customers?email=zoe%40example.com&expand[0]=data.sources"
    assert not {"Idempotency-Key", "Content-Type"} & request.headers.keys()


def test_a_delete_has_neither_body_nor_key() -> None:
    request = sent(Call("delete_customer", ("cus_1",), idempotency_key="k"))
    assert (request.method, request.body) == ("DELETE", None)
    assert "Idempotency-Key" not in request.headers


def test_a_write_says_who_it_is_as_whom_and_in_which_version() -> None:
    config = ClientConfig(api_key="sk_test_51AbCdEf", stripe_account="acct_1", api_version="2026-01-01.test")
    request = sent(Call("create_customer", params={"name": "Zoë"}, idempotency_key="k-1"), config)
    assert request.body == b"name=Zo%C3%AB"
    assert request.headers["Authorization"] == "Bearer sk_test_51AbCdEf"
    assert request.headers["Stripe-Version"] == "2026-01-01.test"
    assert request.headers["Stripe-Account"] == "acct_1"
    assert request.headers["Idempotency-Key"] == "k-1"
    other = sent(Call("create_customer", stripe_account="acct_2"), config)
    assert other.headers["Stripe-Account"] == "acct_2"
    assert "Stripe-Account" not in sent(RETRIEVE).headers


def test_the_package_names_itself_in_its_own_version() -> None:
    name, python = sent(RETRIEVE).headers["User-Agent"].split(" ")
    assert name == f"prefect-stripe/{version('prefect-stripe')}"
    assert python.startswith("python/3.")


def test_expansions_of_both_kinds_are_joined() -> None:
    request = sent(Call("retrieve_customer", ("cus_1",), {"expand": ["tax"]}, ["sources"]))
    assert request.target.endswith("?expand[0]=tax&expand[1]=sources")


REFUSED: list[tuple[Call, str]] = [
    (Call("make_customer"), "there is no operation 'make_customer'"),
    (Call("retrieve_customer"), r"takes 1 ids \(customer\), not 0"),
    (Call("retrieve_customer", ("cus_1", "cus_2")), "takes 1 ids"),
    (Call("update_invoice_line", ("in_1",)), r"takes 2 ids \(invoice, line_item\), not 1"),
    (Call("retrieve_customer", ("",)), "customer is empty"),
    (Call("create_customer", params={"emial": "x"}), "emial: unknown parameter; did you mean 'email'"),
    (Call("create_price", params={"unit_amount": 10.5, "currency": "usd"}), "unit_amount: expected an integer"),
    (Call("create_price", params={}), "currency: required"),
    (Call("create_customer", params={"api_key": "sk_test_x"}), "api_key: unknown parameter"),
    (Call("create_customer", expand="tax"), "expand is a string"),
    (Call("delete_customer", ("cus_1",), expand=["tax"]), "expand: unknown parameter"),
    (Call("create_customer", idempotency_key=""), "idempotency_key must be"),
    (Call("create_customer", idempotency_key="a\nb"), "idempotency_key must be"),
    (Call("create_customer", idempotency_key="x" * 256), "idempotency_key must be"),
    (Call("create_customer", stripe_account=""), "stripe_account must be"),
    (Call("create_customer", params={"metadata": {"a[b]": "x"}}), "no brackets"),
]


@pytest.mark.parametrize(("call", "why"), REFUSED)
def test_what_cannot_be_meant_is_refused_before_it_is_sent(call: Call, why: str) -> None:
    driver = Driver(answer())
    with pytest.raises(ParameterError, match=why) as caught:
        driver.run(call)
    assert driver.sent == []
    assert caught.value.operation == call.operation
    assert str(caught.value).startswith(call.operation)
    assert caught.value.__context__ is None


LIVE: dict[str, Any] = {"api_key": "sk_live_51AbCdEf", "mode": "live"}


@pytest.mark.parametrize("call", [PAY, Call("create_customer"), Call("delete_customer", ("cus_1",))])
def test_a_live_key_changes_nothing_unless_it_may(call: Call) -> None:
    with pytest.raises(PermissionDeniedError, match="allow_live_writes"):
        sent(call, ClientConfig(**LIVE))
    assert sent(call, ClientConfig(**LIVE, allow_live_writes=True))


@pytest.mark.parametrize(
    "call", [RETRIEVE, Call("list_invoices"), Call("preview_invoice", params={"customer": "cus_1"})]
)
def test_a_live_key_may_read(call: Call) -> None:
    assert sent(call, ClientConfig(**LIVE))


def test_the_last_failure_is_the_one_that_is_raised() -> None:
    with pytest.raises(RateLimitError):
        Driver(NoAnswer("x"), refusal(503), refusal(409), NoAnswer("y"), refusal(429)).run(PAY)

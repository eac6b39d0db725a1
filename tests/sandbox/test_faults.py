"""Scripted faults, as a real client meets them, and what really happened according to the ledger."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from prefect_stripe.sandbox import Fault, Sandbox

KEY = {"Idempotency-Key": "k"}


def create(http: httpx.Client) -> httpx.Response:
    return http.post("/v1/customers", data={"name": "a"}, headers=KEY)


@pytest.mark.parametrize("kind", ["reset", "close", "hang"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_no_answer(http: httpx.Client, sandbox: Sandbox, kind: Any, when: Any) -> None:
    sandbox.faults.add(kind, when, operation="create_customer", seconds=0.2)
    expected = {"reset": httpx.ReadError, "close": httpx.RemoteProtocolError, "hang": httpx.RemoteProtocolError}
    with pytest.raises(expected[kind]):
        create(http)
    done = 0 if when == "before" else 1
    assert sandbox.ledger.count("customer.created") == done
    (exchange,) = sandbox.ledger.exchanges
    assert (exchange.status, exchange.fault) == (None, f"{kind} {when}")
    again = create(http)  # the same key, on a new connection
    assert again.status_code == 200
    assert again.headers.get("Idempotent-Replayed") == (None if when == "before" else "true")
    assert sandbox.ledger.count("customer.created") == 1


def test_a_hang_lasts_until_the_client_goes(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.faults.add("hang", seconds=60)
    began = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        http.get("/v1/customers", timeout=0.1)
    assert time.monotonic() - began < 5
    assert http.get("/v1/customers").status_code == 200


@pytest.mark.parametrize(("when", "done"), [("before", 0), ("after", 1)])
def test_a_500_is_kept_under_its_key(http: httpx.Client, sandbox: Sandbox, when: Any, done: int) -> None:
    sandbox.faults.add("error", when)
    answer = create(http)
    assert (answer.status_code, answer.json()["error"]["type"]) == (500, "api_error")
    again = create(http)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (500, "true")
    assert sandbox.ledger.count("customer.created") == done


@pytest.mark.parametrize(("when", "done"), [("before", 0), ("after", 1)])
def test_a_proxys_502_is_no_json(http: httpx.Client, sandbox: Sandbox, when: Any, done: int) -> None:
    sandbox.faults.add("html", when)
    answer = create(http)
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    assert "Request-Id" not in answer.headers
    assert sandbox.ledger.count("customer.created") == done
    assert create(http).status_code == 200  # the proxy's answer was not Stripe's, and is not kept


@pytest.mark.parametrize("reason", [None, "endpoint-concurrency"])
def test_limits(http: httpx.Client, sandbox: Sandbox, reason: str | None) -> None:
    sandbox.faults.add("rate_limit", reason=reason)
    answer = create(http)
    assert answer.status_code == 429
    assert answer.headers.get("Stripe-Rate-Limited-Reason") == reason


def test_lock_timeout_has_a_code_and_no_reason(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.faults.add("lock_timeout")
    answer = create(http)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "lock_timeout")
    assert "Stripe-Rate-Limited-Reason" not in answer.headers
    assert answer.headers["Stripe-Should-Retry"] == "true"


def test_half_a_body(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.faults.add("truncate")
    with pytest.raises(httpx.RemoteProtocolError):
        create(http)
    assert sandbox.ledger.count("customer.created") == 1
    assert create(http).headers["Idempotent-Replayed"] == "true"


def test_a_slow_drip_arrives_whole(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.faults.add("drip", seconds=0.2)
    began = time.monotonic()
    assert create(http).json()["name"] == "a"
    assert time.monotonic() - began >= 0.15


def test_a_script_says_which_and_how_often(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.faults.add("error", operation="list_products", times=2, skip=1)
    sandbox.faults.add("error", number=6)
    paths = ["/v1/customers", *["/v1/products"] * 4, "/v1/customers", "/v1/customers"]
    assert [http.get(path).status_code for path in paths] == [200, 200, 500, 500, 200, 500, 200]
    sandbox.faults.add("error", operation="list_prices", times=None)
    assert {http.get("/v1/prices").status_code for _ in range(5)} == {500}
    assert [fault.operation for fault in sandbox.faults.planned] == ["list_prices"]


def test_a_fault_that_cannot_happen_then_is_refused() -> None:
    with pytest.raises(ValueError, match="drip"):
        Fault("drip", "before")
    with pytest.raises(ValueError, match="no such fault"):
        Fault("explode")  # type: ignore[arg-type]


def test_the_limiter_lets_so_many_through(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.rate_limit = 5
    answers = [http.get("/v1/customers") for _ in range(30)]
    limited = [answer for answer in answers if answer.status_code == 429]
    assert 0 < len(limited) < 30
    assert limited[0].headers["Stripe-Rate-Limited-Reason"] == "global-rate"


def test_a_share_of_the_exchanges_is_hit_and_always_the_same_ones(sandbox: Sandbox) -> None:
    def hit() -> list[int]:
        sandbox.reset()
        sandbox.faults.add("error", share=0.2, times=None)
        with httpx.Client(base_url=sandbox.url, auth=(sandbox.api_key, "")) as http:
            return [number for number in range(300) if http.get("/v1/products").status_code == 500]

    first = hit()
    assert 30 < len(first) < 90
    assert hit() == first

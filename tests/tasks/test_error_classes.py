"""Each way in which Stripe, or the way to it, can fail, as the error that a task raises."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import SecretStr

from prefect_stripe import StripeCredentials
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
    StripeError,
)
from prefect_stripe.sandbox import Sandbox
from prefect_stripe.tasks import attach_payment_method, create_customer, list_customers, retrieve_customer

Try = Callable[[StripeCredentials, Sandbox], object]


def _missing(credentials: StripeCredentials, sandbox: Sandbox) -> object:
    return retrieve_customer.fn(credentials, "cus_none")


def _declined(credentials: StripeCredentials, sandbox: Sandbox) -> object:
    customer = create_customer.fn(credentials)["id"]
    return attach_payment_method.fn(credentials, "pm_card_chargeDeclined", customer=customer)


def _other_parameters(credentials: StripeCredentials, sandbox: Sandbox) -> object:
    create_customer.fn(credentials, name="a", idempotency_key="k")
    return create_customer.fn(credentials, name="b", idempotency_key="k")


def _revoked(credentials: StripeCredentials, sandbox: Sandbox) -> object:
    """A key that is well formed, and that the sandbox takes for none: it knows of no dashes."""
    revoked = StripeCredentials(api_key=SecretStr("sk_test_revo-ked"), api_base=sandbox.url, max_retries=0)
    return list_customers.fn(revoked)


def _not_ours(credentials: StripeCredentials, sandbox: Sandbox) -> object:
    return list_customers.fn(credentials, stripe_account="nobody")


def _at_once(credentials: StripeCredentials, sandbox: Sandbox) -> object:
    sandbox.latency = 0.2
    start = threading.Barrier(2)

    def create() -> dict[str, Any]:
        start.wait()
        return create_customer.fn(credentials, name="a", idempotency_key="k")

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(create), pool.submit(create)]:
            done.result()
    return None


def _faulty(kind: Any, **how: Any) -> Try:
    def attempt(credentials: StripeCredentials, sandbox: Sandbox) -> object:
        sandbox.faults.add(kind, **how)
        return list_customers.fn(credentials)

    return attempt


@pytest.mark.parametrize(
    ("attempt", "raises", "status", "type", "code"),
    [
        (_missing, InvalidRequestError, 404, "invalid_request_error", "resource_missing"),
        (_declined, CardError, 402, "card_error", "card_declined"),
        (_other_parameters, IdempotencyError, 400, "idempotency_error", None),
        (_revoked, AuthenticationError, 401, "invalid_request_error", None),
        (_not_ours, PermissionDeniedError, 403, "invalid_request_error", "account_invalid"),
        (_at_once, ConflictError, 409, "idempotency_error", "idempotency_key_in_use"),
        (_faulty("rate_limit"), RateLimitError, 429, "invalid_request_error", "rate_limit"),
        (_faulty("lock_timeout"), RateLimitError, 429, "invalid_request_error", "lock_timeout"),
        (_faulty("error"), APIError, 500, "api_error", None),
        (_faulty("html"), APIError, 502, None, None),
        (_faulty("reset"), APIConnectionError, None, None, None),
    ],
)
def test_each_failure_has_its_class(
    attempt: Try,
    raises: type[StripeError],
    status: int | None,
    type: str | None,
    code: str | None,
    credentials: StripeCredentials,
    stripe_sandbox: Sandbox,
) -> None:
    with pytest.raises(StripeError) as raised:
        attempt(credentials, stripe_sandbox)
    error = raised.value
    assert error.__class__ is raises
    assert (error.http_status, error.type, error.code) == (status, type, code)

"""What Stripe says when it refuses: status, type, code, message and parameter, in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

TITLES: Mapping[str, str] = {
    "payment_method": "PaymentMethod",
    "balance_transaction": "balance transaction",
    "invoice_payment": "invoice payment",
    "line_item": "invoice line item",
}


class Refusal(Exception):
    """An error answer.

    Attributes:
        status: HTTP status.
        error: The error hash of the body.
        saved: Whether the answer is kept under the idempotency key: true once execution has begun [DOC].
        commits: Whether what was done before stays done, as after a decline.
        headers: Further response headers.
    """

    def __init__(
        self,
        status: int,
        error: Json,
        *,
        saved: bool = False,
        commits: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(error.get("message"))
        self.status = status
        self.error = error
        self.saved = saved
        self.commits = commits
        self.headers = dict(headers or {})


def refusal(status: int, message: str, /, *, saved: bool = True, commits: bool = False, **fields: Any) -> Refusal:
    """Make an invalid-request error that is raised while executing, fields that are None left out."""
    error = {"type": "invalid_request_error", "message": message} | {k: v for k, v in fields.items() if v is not None}
    return Refusal(status, error, saved=saved, commits=commits)


def invalid(message: str, /, **fields: Any) -> Refusal:
    """A 400 found before execution begins: nothing is kept under the key [DOC]."""
    return refusal(400, message, saved=False, **fields)


def bad_request(message: str, /, **fields: Any) -> Refusal:
    """A 400 found while executing: kept under the key [DOC]."""
    return refusal(400, message, **fields)


def missing_parameter(param: str, **how: Any) -> Refusal:
    """What is required was not sent [SDK: code; text K]."""
    return refusal(400, f"Missing required param: {param}.", code="parameter_missing", param=param, **how)


def no_such(object: str, id: str, param: str, *, status: int = 404, elsewhere: str | None = None) -> Refusal:
    """The object is not there: 404 where its id is in the path, 400 where it is a parameter [K].

    Args:
        object: The object's type.
        id: What was asked for.
        param: The parameter Stripe names.
        status: 404 or 400.
        elsewhere: The mode ("live" or "test") in which an object of this id exists.
    """
    message = f"No such {TITLES.get(object, object)}: '{id}'"
    if elsewhere:
        other = "test" if elsewhere == "live" else "live"
        message += (
            f"; a similar object exists in {elsewhere} mode, but a {other} mode key was used to make this request."
        )
    return refusal(status, message, code="resource_missing", param=param)


def unexpected_state(message: str, **fields: Any) -> Refusal:
    """A payment intent that is in no state for what is asked [SDK: code; SIM]."""
    return bad_request(message, code="payment_intent_unexpected_state", **fields)


def card_error(message: str, code: str, **fields: Any) -> Refusal:
    """A 402. What the attempt did stays done: the failed charge, the attempt's count [DOC]."""
    error = {"type": "card_error", "code": code, "message": message}
    error |= {k: v for k, v in fields.items() if v is not None}
    return Refusal(402, error, saved=True, commits=True)


def rate_limited(reason: str | None) -> Refusal:
    """A 429 of the limiter, with its reason where it is given [3P]."""
    error = {
        "type": "invalid_request_error",
        "code": "rate_limit",
        "message": "Request rate limit exceeded. Learn more about rate limits here: https://stripe.com/docs/rate-limits.",
    }
    return Refusal(429, error, headers={"Stripe-Rate-Limited-Reason": reason} if reason else {})


def lock_timeout() -> Refusal:
    """A 429 of an object held by another request: no limiter's reason, and the SDK is told to retry [3P, SDK]."""
    error = {
        "type": "invalid_request_error",
        "code": "lock_timeout",
        "message": (
            "This object cannot be accessed right now because another API request or Stripe process is currently "
            "accessing it. If you see this error intermittently, retry the request. If you see this error frequently "
            "and are making multiple concurrent requests to a single object, make your requests serially or at a "
            "lower rate."
        ),
    }
    return Refusal(429, error, headers={"Stripe-Should-Retry": "true"})


def api_error(status: int = 500) -> Refusal:
    """A failure of Stripe's own, kept under the key as any other answer [DOC; text K]."""
    return Refusal(
        status,
        {"type": "api_error", "message": "An unknown error occurred."},
        saved=True,
    )


def body(error: Json, request_id: str, livemode: bool) -> Json:
    """The whole error body, with the links that Stripe adds [SDK]."""
    links: Json = {"request_log_url": f"https://dashboard.stripe.com/{'' if livemode else 'test/'}logs/{request_id}"}
    if "code" in error:
        links["doc_url"] = f"https://stripe.com/docs/error-codes/{str(error['code']).replace('_', '-')}"
    return {"error": {**error, **links}}

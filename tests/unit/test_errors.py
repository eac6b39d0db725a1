"""Which class an answer becomes, and what an error tells."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from prefect_stripe import client
from prefect_stripe.client import (
    APIError,
    AuthenticationError,
    CardError,
    ConflictError,
    IdempotencyError,
    InvalidRequestError,
    ParameterError,
    PermissionDeniedError,
    RateLimitError,
    StripeError,
)
from prefect_stripe.client.errors import error_class, masked, without_secrets

KEY = "sk_live_51AbCdEf"

CLASSES: list[tuple[int, dict[str, str], type[StripeError]]] = [
    (400, {"type": "invalid_request_error"}, InvalidRequestError),
    (400, {"type": "idempotency_error"}, IdempotencyError),
    (400, {"type": "invalid_request_error", "code": "rate_limit"}, RateLimitError),
    (401, {"type": "invalid_request_error"}, AuthenticationError),
    (402, {"type": "card_error"}, CardError),
    (402, {"type": "invalid_request_error"}, CardError),
    (403, {"type": "invalid_request_error"}, PermissionDeniedError),
    (404, {"type": "invalid_request_error"}, InvalidRequestError),
    (409, {"type": "idempotency_error"}, ConflictError),
    (409, {"type": "invalid_request_error"}, ConflictError),
    (424, {"type": "api_error"}, APIError),
    (429, {"type": "invalid_request_error", "code": "lock_timeout"}, RateLimitError),
    (500, {"type": "api_error"}, APIError),
    (599, {}, APIError),
]


@pytest.mark.parametrize(("status", "error", "kind"), CLASSES)
def test_the_class_that_fits(status: int, error: dict[str, str], kind: type[StripeError]) -> None:
    assert error_class(status, error) is kind


def test_one_except_catches_them_all_and_a_refusal_of_ours_is_a_value_error() -> None:
    kinds = [kind for name in client.__all__ if name.endswith("Error") and (kind := getattr(client, name))]
    assert len(kinds) == 11
    assert all(issubclass(kind, StripeError) for kind in kinds)
    assert issubclass(ParameterError, ValueError)
    assert issubclass(ParameterError, InvalidRequestError)
    assert issubclass(IdempotencyError, InvalidRequestError)


@pytest.mark.parametrize("kind", [kind for *_, kind in CLASSES] + [ParameterError])
def test_every_class_pickles_with_its_notes(kind: type[StripeError]) -> None:
    error = kind(
        "no", operation="pay_invoice", ids=("in_1",), http_status=402, request_id="req_1",
        error={"code": "x", "payment_intent": {"client_secret": "y"}}, replayed=True, retryable=True,
    )  # fmt: skip
    error.add_note("look here")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert vars(again) == vars(error)
    assert again.args == error.args == ("no",)


def test_text_names_what_was_done_to_what_and_what_support_asks_for() -> None:
    bare = StripeError("it broke")
    full = StripeError("No such line", operation="update_invoice_line", ids=("in_1", "il_1"), http_status=404,
                       request_id="req_9", error={"code": "resource_missing", "param": "line"})  # fmt: skip
    assert str(bare) == "it broke"
    assert str(full) == (
        "update_invoice_line in_1 il_1: No such line (status 404, code resource_missing, param line, request req_9)"
    )


def test_client_secrets_are_blanked_at_any_depth_and_nothing_else_is() -> None:
    given: dict[str, Any] = {
        "id": "in_1",
        "client_secret": "a",
        "confirmation_secret": {"client_secret": "b", "type": "payment_intent"},
        "lines": {"data": [{"payment": {"client_secret": "c", "amount": 1}}, "text", None, True]},
    }
    assert without_secrets(given) == {
        "id": "in_1",
        "client_secret": None,
        "confirmation_secret": None,
        "lines": {"data": [{"payment": {"client_secret": None, "amount": 1}}, "text", None, True]},
    }
    assert given["client_secret"] == "a"


@pytest.mark.parametrize(
    "link",
    [
        "https://hooks.stripe.com/3d_secure_2/hosted?payment_intent_client_secret=pi_3AbCdEfGh_secret_{}&source=src_1",
        "https://hooks.stripe.com/redirect/authenticate/src_1AbC?client_secret=src_client_secret_{}",
    ],
)
def test_a_link_that_has_a_client_secret_in_it_is_masked_wherever_it_stands(link: str) -> None:
    given = {"next_action": {"type": "redirect_to_url", "redirect_to_url": {"url": link.format("0XyZ")}}}
    assert without_secrets(given) == {
        "next_action": {"type": "redirect_to_url", "redirect_to_url": {"url": link.format("…")}}
    }
    error = StripeError("no", error={"payment_intent": given, "message": link.format("0XyZ")})
    assert "0XyZ" not in f"{error!r} {error} {error.error}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Invalid API Key: {KEY}.", "Invalid API Key: sk_live_…."),
        ("rk_test_1a2b and whsec_3c", "rk_test_… and whsec_…"),
        ("No such intent: 'pi_3AbCdEfGh_secret_XyZ'", "No such intent: 'pi_3AbCdEfGh_secret_…'"),
        ("Invalid API Key provided: sk_test_****1234", "Invalid API Key provided: sk_test_****1234"),
        ("No such product: 'my_secret_product'", "No such product: 'my_secret_product'"),
        ("the task_test_id and in_1AbC", "the task_test_id and in_1AbC"),
    ],
)
def test_secrets_in_text_are_masked_and_ids_are_not(text: str, shown: str) -> None:
    assert masked(text) == shown
    error = StripeError(text, ids=(text,), error={"message": text})
    assert (error.message, error.ids, error.error["message"]) == (shown, (shown,), shown)

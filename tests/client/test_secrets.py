"""No key and no client secret in anything that a caller is handed, raised, or may write down."""

from __future__ import annotations

import pickle
import traceback
from typing import TYPE_CHECKING

import httpx
import pytest

from prefect_stripe.client import Call, RetryPolicy, StripeError
from tests.client.server import KEY, Act, Caller, Server, answer, refuse, reset, say_nothing

if TYPE_CHECKING:
    from types import TracebackType

SECRET = "pi_3AbCdEfGh_secret_XyZ123456"

FAILURES: dict[str, Act] = {
    "no answer": reset,
    "silence": say_nothing,
    "declined": refuse(402, "card_error", message=f"declined {SECRET}"),
    "a key in the message": refuse(401, "invalid_request_error", message=f"Invalid API Key provided: {KEY}"),
    "a client secret in the error": answer(
        402, {"error": {"type": "card_error", "payment_intent": {"id": "pi_1", "client_secret": SECRET}}}
    ),
    "a page that repeats the key": answer(400, f"<p>Bearer {KEY}</p>".encode()),
    "a redirect": answer(301, b"", headers={"Location": "http://127.0.0.1:1/"}),
}


def chain(error: BaseException | None) -> list[BaseException]:
    """An error and everything that hangs on it."""
    found: list[BaseException] = []
    todo = [error]
    while todo:
        if (one := todo.pop()) is not None and one not in found:
            found.append(one)
            todo += [one.__cause__, one.__context__]
    return found


def locals_of(traceback_: TracebackType | None) -> list[object]:
    values: list[object] = []
    while traceback_ is not None:
        values += traceback_.tb_frame.f_locals.values()
        traceback_ = traceback_.tb_next
    return values


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_an_error_shows_no_secret_however_it_is_looked_at(call: Caller, server: Server, failure: Act) -> None:
    call.options |= {"retries": RetryPolicy(max_retries=1, base=0.001), "timeout": 0.05, "connect_timeout": 0.05}
    server.otherwise = failure
    with pytest.raises(StripeError) as caught:
        call("pay_invoice", "in_1", params={"payment_method": "pm_1"})

    error = caught.value
    texts = [str(error), repr(error), repr(vars(error)), "".join(traceback.format_exception(error))]
    texts += [repr(value) for value in locals_of(error.__traceback__)[1:]]
    for secret in (KEY, SECRET):
        assert not any(secret in text for text in texts)
        assert secret.encode() not in pickle.dumps(error)
    for linked in chain(error):
        assert not isinstance(linked, httpx.HTTPError)
        assert not any(isinstance(value, httpx.Request) for value in locals_of(linked.__traceback__))


def test_a_secret_given_as_an_id_is_refused_and_not_repeated(call: Caller, server: Server) -> None:
    for secret in (KEY, SECRET):
        with pytest.raises(StripeError) as caught:
            call("retrieve_payment_intent", secret)
        assert secret not in str(caught.value) + repr(caught.value.ids)
    assert not server.seen


def test_nothing_that_holds_the_key_shows_it(call: Caller) -> None:
    from prefect_stripe.client.exchange import prepare

    config = call.config()
    _, request = prepare(Call("create_customer", params={"name": "Zoë"}), config)
    shown = repr([config, request])
    assert KEY not in shown
    assert "Zo" not in shown


def test_an_error_pickles_with_all_it_knows(call: Caller, server: Server) -> None:
    server.otherwise = refuse(
        402, "card_error", code="card_declined", decline_code="insufficient_funds", param="source", doc_url="https://x"
    )
    with pytest.raises(StripeError) as caught:
        call("pay_invoice", "in_1")
    error = pickle.loads(pickle.dumps(caught.value))

    assert type(error) is type(caught.value)
    assert vars(error) == vars(caught.value)
    assert str(error) == str(caught.value)
    assert str(error) == (
        "pay_invoice in_1: no (status 402, code card_declined, decline_code insufficient_funds, param source, "
        "request req_1)"
    )
    assert (error.doc_url, error.request_id, error.http_status) == ("https://x", "req_1", 402)

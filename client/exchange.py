"""One exchange with Stripe, written once and without I/O: build, send, classify, wait, retry, parse.

`exchange` is a generator. It yields a `WireRequest` to be sent or a `Wait` to be waited, and is sent back an `Answer`,
or a `NoAnswer`. A sync and an async shell drive it (`client.client`).
"""

from __future__ import annotations

import platform
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final, cast

import orjson

from prefect_stripe.client.config import ClientConfig, check_header
from prefect_stripe.client.encoding import form_encode, path_of
from prefect_stripe.client.errors import (
    MOST_OF_AN_ID,
    APIConnectionError,
    APIError,
    ParameterError,
    PermissionDeniedError,
    StripeError,
    error_class,
    masked,
    without_secrets,
)
from prefect_stripe.client.operations import OPERATIONS, Operation
from prefect_stripe.client.rate import RateLimits
from prefect_stripe.client.retries import may_pass, retry_after_seconds

FIRST_YEAR: Final = 2011
LAST_YEAR: Final = 9000

USER_AGENT: Final = f"prefect-stripe/0.1.0 python/{platform.python_version()}"


@dataclass(frozen=True, slots=True)
class Call:
    """What a caller wants done: an operation, the ids in its path, and Stripe's parameters.

    Attributes:
        operation: Name of the operation.
        ids: The ids in its path, in order.
        params: Stripe's parameters; None values are not sent.
        expand: Fields to expand.
        idempotency_key: Who this write is; a fresh one where None. Not sent with GET and DELETE.
        stripe_account: Connected account, where it is not the configured one.
    """

    operation: str
    ids: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    expand: Sequence[str] = ()
    idempotency_key: str | None = None
    stripe_account: str | None = None


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request as it goes out. The headers hold the key, and the rest may hold names: kept out of the repr.

    Attributes:
        method: HTTP method.
        target: Path and query, below the address of the API.
        headers: Header names as they are sent.
        body: What is posted, or None.
    """

    method: str
    target: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Wait:
    """Seconds to let pass before going on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came in; header names in lower case. The body may hold client secrets: kept out of the repr."""

    http_status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why no answer came, in words. Not the transport's exception: that holds the request, and with it the key."""

    reason: str


@dataclass(frozen=True, slots=True)
class Response:
    """What an operation answered.

    Attributes:
        data: The object, or one page of a list, as Stripe sent it. Not in the repr: it may hold client secrets.
        http_status: Its status.
        request_id: Stripe's id of the request.
        replayed: Whether this is the stored answer of an earlier request with the same idempotency key. Then it is a
            snapshot of that moment: read the object again before deciding anything by it.
        date: Stripe's clock at the answer, aware, UTC.
        tries: How many requests it took.
    """

    data: dict[str, Any] = field(repr=False)
    http_status: int
    request_id: str | None
    replayed: bool
    date: datetime | None
    tries: int


Outcome = Answer | NoAnswer | None
Decode = Callable[[bytes], dict[str, Any] | None]
"""Makes an object of the body of a success; None where it is none."""
Exchange = Generator[WireRequest | Wait, Outcome, Response]


def prepare(call: Call, config: ClientConfig) -> tuple[Operation, WireRequest]:
    """Check a call and write it as a request.

    Raises:
        ParameterError: An unknown operation or parameter, an empty id, a value of the wrong type.
        PermissionDeniedError: A write with a live key that may not write.
    """
    operation = OPERATIONS.get(call.operation)
    if operation is None:
        named = masked(str(call.operation)[:MOST_OF_AN_ID])
        raise ParameterError(f"there is no operation {named!r}", operation=named)
    try:
        request = _request(operation, call, config)
    except ParameterError as error:
        error.operation, error.ids = operation.name, tuple(masked(str(id_)[:MOST_OF_AN_ID]) for id_ in call.ids)
        raise
    if config.mode == "live" and operation.writes and not config.allow_live_writes:
        raise PermissionDeniedError(
            "refused before sending: this would change live data; set allow_live_writes on the credentials to allow it",
            operation=operation.name,
            ids=call.ids,
        )
    return operation, request


def _request(operation: Operation, call: Call, config: ClientConfig) -> WireRequest:
    from prefect_stripe.schema import problems  # its types are loaded with the first call, not with the package

    if len(call.ids) != len(operation.ids):
        raise ParameterError(f"takes {len(operation.ids)} ids ({', '.join(operation.ids)}), not {len(call.ids)}")
    path = path_of(operation.path, dict(zip(operation.ids, call.ids, strict=True)))
    params = _params(call)
    if found := problems(operation.name, params):
        raise ParameterError("; ".join(str(problem) for problem in found[:5]))
    if (portion := operation.portion) is not None and params.get(portion, ...) is None:
        # It was rather lost on the way than meant so, and the money would be gone.
        raise ParameterError(f"{portion}: None would be all that is left; leave it out if that is meant")
    encoded = form_encode(params) if params else ""
    headers = _headers(operation, call, config)
    if operation.method == "POST":
        return WireRequest("POST", path, headers, encoded.encode())
    return WireRequest(operation.method, f"{path}?{encoded}" if encoded else path, headers)


def _params(call: Call) -> Mapping[str, Any]:
    if not call.expand:
        return call.params
    if isinstance(call.expand, str):
        raise ParameterError(f"expand is a string: write a list, such as [{call.expand!r}]")
    return {**call.params, "expand": [*(call.params.get("expand") or ()), *call.expand]}


def _headers(operation: Operation, call: Call, config: ClientConfig) -> dict[str, str]:
    # Checked before there is a header with the key in it, which a traceback that shows variables would show.
    if call.stripe_account is not None:
        check_header("stripe_account", call.stripe_account)
    if operation.method == "POST" and call.idempotency_key is not None:
        check_header("idempotency_key", call.idempotency_key)
    headers = {
        "Authorization": f"Bearer {config.api_key}",
        "Stripe-Version": config.api_version,
        "User-Agent": USER_AGENT,
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
    }
    if account := call.stripe_account or config.stripe_account:
        headers["Stripe-Account"] = account
    if operation.method == "POST":
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        headers["Idempotency-Key"] = call.idempotency_key or str(uuid.uuid4())
    return headers


def exchange(
    call: Call,
    config: ClientConfig,
    limits: RateLimits,
    clock: Callable[[], float],
    decode: Decode | None = None,
) -> Exchange:
    """Do one call: yield what to send and how long to wait, and return Stripe's answer.

    Args:
        call: What is wanted.
        config: As whom, and how patiently.
        limits: The account's buckets.
        clock: Seconds on a monotonic clock.
        decode: What makes an object of the answer, where that is not to be all of Python's own.

    Raises:
        StripeError: Of the class that fits the last failure.
    """
    operation, request = prepare(call, config)
    search = operation.paging == "search"
    tries, begun, unsure = 0, 0.0, False
    while True:
        wait = limits.reserve(operation.path, search, clock())
        if wait > 0:
            yield Wait(wait)
        tries += 1
        begun = begun if tries > 1 else clock()
        outcome = yield request
        retry_after: float | None = None
        if isinstance(outcome, Answer):
            result = read(outcome, operation, call, tries, decode)
            if isinstance(result, Response):
                return result
            if unsure and operation.method == "DELETE" and result.http_status == 404 and result.type is not None:
                return _already_deleted(operation, call, result, tries)
            if result.http_status == 429 and _refused_by_limiter(result, outcome):
                limits.refused(operation.path, search, clock())
            retry_after = retry_after_seconds(outcome.headers)
        else:
            assert outcome is not None, "a request is answered with an outcome"
            result = APIConnectionError(
                f"no answer from {config.api_base}: {outcome.reason}",
                operation=operation.name,
                ids=call.ids,
                retryable=True,
            )
        unsure = unsure or result.http_status is None or not 300 <= result.http_status < 500
        pause = config.retries.pause(tries, clock() - begun, retry_after) if result.retryable else None
        if pause is None:
            try:
                raise result
            finally:
                # By its traceback an error holds this frame: holding it here, too, would keep both until a collection.
                del result
        yield Wait(pause)


def read(
    answer: Answer, operation: Operation, call: Call, tries: int, decode: Decode | None = None
) -> Response | StripeError:
    """Make a response of an answer, or the error that it is."""
    status, headers = answer.http_status, answer.headers
    request_id = headers.get("request-id")
    replayed = headers.get("idempotent-replayed") == "true"
    success = 200 <= status < 300
    data = decode(answer.body) if decode is not None and success else object_in(answer.body)
    if success and data is not None and _is_answer(data, operation):
        return Response(data, status, request_id, replayed, _date(headers.get("date")), tries)
    facts: dict[str, Any] = {
        "operation": operation.name,
        "ids": call.ids,
        "http_status": status,
        "request_id": request_id,
        "replayed": replayed,
    }
    if 300 <= status < 400:
        return APIError("refused to follow a redirect with the API key: check api_base", **facts)
    # An unreadable success is as unknown as no answer at all: the same key brings the real one.
    retryable = status < 300 or may_pass(status, headers, replayed)
    error = _error_in(data) if status >= 400 else None
    if error is None:
        return APIError("the answer is not one of Stripe's", retryable=retryable, **facts)
    message = str(error.get("message") or f"Stripe answered {status} without a message")
    return error_class(status, error)(message, error=error, retryable=retryable, **facts)


def _is_answer(data: dict[str, Any], operation: Operation) -> bool:
    # An account has one balance, and Stripe gives it no id.
    return bool(operation.paging) or isinstance(data.get("id"), str) or data.get("object") == "balance"


def object_in(body: bytes) -> dict[str, Any] | None:
    """Decode an object; None where it is none."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return cast(dict[str, Any], data) if isinstance(data, dict) else None


def _error_in(data: dict[str, Any] | None) -> dict[str, Any] | None:
    error = (data or {}).get("error")
    try:
        return cast(dict[str, Any], without_secrets(error)) if isinstance(error, dict) else None
    except APIError:
        return None


def _already_deleted(operation: Operation, call: Call, error: StripeError, tries: int) -> Response:
    stub = {"id": call.ids[-1], "object": operation.object, "deleted": True}
    return Response(stub, 404, error.request_id, False, None, tries)


def _refused_by_limiter(error: StripeError, answer: Answer) -> bool:
    # What one object can bear is no reason to slow down all others.
    reason = answer.headers.get("stripe-rate-limited-reason")
    return reason != "resource-specific" if reason else error.code != "lock_timeout"


@lru_cache(maxsize=8)
def _date(value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        date = parsedate_to_datetime(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    # It is reckoned with: what was never Stripe's clock must not lead to years that no calendar has.
    return date if FIRST_YEAR <= date.year <= LAST_YEAR else None

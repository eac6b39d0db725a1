"""What can go wrong between us and Stripe: one hierarchy, carrying everything that support will ask for.

Stripe page: "Error handling".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

# API keys, webhook secrets, and client secrets, which are an id with something after it, but for those of sources.
_SECRET_TEXT: Final = re.compile(
    r"\b((?:sk|rk)_(?:test|live)|whsec|src_client_secret|[a-z]+_[A-Za-z0-9]{8,}_secret)_\w+"
)

# Numbers of cards, as people write them; Stripe itself never sends one, but repeats what it was sent.
_CARD: Final = re.compile(
    r"(?<!\d)(?:(?:4\d|5[1-5]|2[2-7]|6[05])\d\d(?:[ -]?\d{4}){2}|3[47]\d\d[ -]?\d{6}[ -]?\d)[ -]?(\d{4})(?!\d)"
)

SECRET_FIELDS: Final = frozenset({"client_secret", "confirmation_secret"})

MOST_OF_AN_ID: Final = 255
"""No id of Stripe's is longer; of what is, no more than this is repeated."""

MOST_LEVELS: Final = 100
"""How deeply an answer is looked into: Stripe's own are a fifth of that, and Python's stack has ten times it."""


def without_secrets(value: Any, levels: int = MOST_LEVELS) -> Any:
    """Return a copy of a decoded JSON value in which every client secret is None, and in a link cannot be read.

    Raises:
        APIError: It is nested too deeply to be one of Stripe's.

    Example:
        >>> without_secrets({"id": "pi_1", "client_secret": "pi_1_secret_x"})
        {'id': 'pi_1', 'client_secret': None}
    """
    if isinstance(value, str):
        # Looked for first, since a page has thousands of texts: links to 3-D Secure and to banks have one in them.
        return _SECRET_TEXT.sub(r"\1_…", value) if "_secret_" in value else value
    if not isinstance(value, dict | list):
        return value
    if not levels:
        raise APIError("the answer is nested too deeply to be one of Stripe's")
    if isinstance(value, list):
        return [without_secrets(v, levels - 1) for v in cast(list[object], value)]
    fields = cast(dict[str, object], value)
    return {k: None if k in SECRET_FIELDS else without_secrets(v, levels - 1) for k, v in fields.items()}


def masked(text: str) -> str:
    """Return a text in which no API key, no client secret and no card's number can be read.

    Example:
        >>> masked("No such customer: 'sk_test_123'")
        "No such customer: 'sk_test_…'"
        >>> masked("No such source: '4242 4242 4242 4242'")
        "No such source: '…4242'"
    """
    return _CARD.sub(r"…\1", _SECRET_TEXT.sub(r"\1_…", text))


def has_secret(text: str) -> bool:
    """Say whether there is an API key or a client secret in a text."""
    return _SECRET_TEXT.search(text) is not None


class StripeError(Exception):
    """Any failure of a call to Stripe. Pickles, and never carries a key or a client secret.

    Attributes:
        message: What went wrong, in Stripe's words where Stripe answered.
        operation: The operation's name, such as `pay_invoice`.
        ids: The ids in its path.
        http_status: Status of the answer, or None where none came.
        request_id: Stripe's id of the request (`req_…`), to give to Stripe's support.
        error: Stripe's whole error object, without secrets.
        replayed: Whether Stripe replayed a stored answer of an earlier request with the same idempotency key.
        retryable: Whether the same request, under the same key, may succeed later.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str = "",
        ids: tuple[str, ...] = (),
        http_status: int | None = None,
        request_id: str | None = None,
        error: Mapping[str, Any] | None = None,
        replayed: bool = False,
        retryable: bool = False,
    ) -> None:
        # A secret gets here if it was passed as an id, or if what answered was not Stripe.
        self.message = masked(message)
        super().__init__(self.message)
        self.operation = operation
        self.ids = tuple(masked(str(id_)[:MOST_OF_AN_ID]) for id_ in ids)
        self.http_status = http_status
        self.request_id = request_id
        self.error: dict[str, Any] = without_secrets(dict(error or {}))
        if "message" in self.error:
            self.error["message"] = masked(str(self.error["message"]))
        self.replayed = replayed
        self.retryable = retryable

    @property
    def type(self) -> str | None:
        """Stripe's error type, such as `card_error`."""
        return self._word("type")

    @property
    def code(self) -> str | None:
        """Stripe's error code, such as `card_declined`."""
        return self._word("code")

    @property
    def decline_code(self) -> str | None:
        """The issuer's reason, such as `insufficient_funds`."""
        return self._word("decline_code")

    @property
    def param(self) -> str | None:
        """The parameter that Stripe objects to."""
        return self._word("param")

    @property
    def doc_url(self) -> str | None:
        """Stripe's page on the code."""
        return self._word("doc_url")

    def _word(self, name: str) -> str | None:
        # What answered need not be Stripe: a list as a code would break whoever looks it up in a table.
        word: object = self.error.get(name)
        return word if isinstance(word, str) else None

    def __str__(self) -> str:
        where = " ".join((self.operation, *self.ids)).strip()
        facts = ", ".join(
            f"{name} {value}"
            for name, value in (
                ("status", self.http_status),
                ("code", self.code),
                ("decline_code", self.decline_code),
                ("param", self.param),
                ("request", self.request_id),
            )
            if value is not None
        )
        return (f"{where}: " if where else "") + self.message + (f" ({facts})" if facts else "")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.__class__, self.message, {k: v for k, v in self.__dict__.items() if k != "message"})


def _rebuild(cls: type[StripeError], message: str, state: dict[str, Any]) -> StripeError:
    error = cls.__new__(cls, message)
    Exception.__init__(error, message)
    error.__dict__.update(state, message=message)
    return error


class InvalidRequestError(StripeError):
    """Stripe refused the request as it stands (400, 404): repeating it would be refused again."""


class ParameterError(InvalidRequestError, ValueError):
    """We refused the request before sending it: a misspelt parameter, an empty id, a float amount."""


class AuthenticationError(StripeError):
    """The API key is missing, wrong or revoked (401)."""


class PermissionDeniedError(StripeError):
    """The API key may not do this (403), or this package refuses to (a live write without `allow_live_writes`)."""


class CardError(StripeError):
    """The payment was declined (402). The state may have changed all the same: read the object again."""


class ConflictError(StripeError):
    """Another request holds this object or this idempotency key (409)."""


class RateLimitError(StripeError):
    """Too many requests, or too many at once on one object (429)."""


class IdempotencyError(InvalidRequestError):
    """The idempotency key was used before with other parameters: nothing was done this time."""


class APIError(StripeError):
    """Stripe failed (5xx) or answered what cannot be read. The write may or may not have happened."""


class APIConnectionError(StripeError):
    """No answer came: no connection, a timeout, a connection that broke. The write may or may not have happened."""


_BY_STATUS: Final[dict[int, type[StripeError]]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    402: CardError,
    403: PermissionDeniedError,
    404: InvalidRequestError,
    409: ConflictError,
    429: RateLimitError,
}


def error_class(http_status: int, error: Mapping[str, Any]) -> type[StripeError]:
    """Choose the class for an answer, by its status and Stripe's error type."""
    if error.get("type") == "idempotency_error" and http_status != 409:
        return IdempotencyError
    if http_status == 400 and error.get("code") == "rate_limit":
        return RateLimitError
    return _BY_STATUS.get(http_status, APIError)

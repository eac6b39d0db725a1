"""What a client needs to know before it may speak to Stripe, checked before anything is sent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from prefect_stripe.client.errors import AuthenticationError, ParameterError
from prefect_stripe.client.rate import (
    ENDPOINT_LIMIT,
    LIVE_LIMIT,
    SEARCH_LIMIT,
    TEST_LIMIT,
    RateLimits,
    RateShare,
    limits_of,
)
from prefect_stripe.client.retries import RetryPolicy

API_BASE: Final = "https://api.stripe.com"
API_VERSION: Final = "2026-10-28.endive"

Mode = Literal["test", "live"]

_KEY_KINDS: Final = ("sk", "rk")


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """Where to send requests, as whom, and how patiently.

    Attributes:
        api_key: Secret (`sk_…`) or restricted (`rk_…`) key. Shown in no repr.
        mode: `test` or `live`; must be what the key's prefix says.
        api_base: Address of the API; https, or plain http on loopback.
        stripe_account: Connected account (`acct_…`) that requests act for.
        api_version: Value of `Stripe-Version`.
        timeout: Seconds to wait for an answer.
        connect_timeout: Seconds to wait for a connection.
        retries: When and how often to try again.
        requests_per_second: Own limit for all clients of this account in this process, in place of Stripe's own; None
            means Stripe's own limits at Stripe, and none on loopback.
        allow_live_writes: Whether a live key may change anything.
        rate_share: Where to learn which part of the limits is this process's own; None means all.

    Raises:
        AuthenticationError: The key is missing, not a secret key, or of the other mode.
        ParameterError: The address is not one that a key may be sent to; or a value cannot stand in a header.
    """

    api_key: str = field(repr=False)
    mode: Mode = "test"
    api_base: str = API_BASE
    stripe_account: str | None = None
    api_version: str = API_VERSION
    timeout: float = 80.0
    connect_timeout: float = 10.0
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    requests_per_second: float | None = None
    allow_live_writes: bool = False
    rate_share: RateShare | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_key(self.api_key, self.mode)
        check_base(self.api_base)
        check_header("api_version", self.api_version)
        if self.stripe_account is not None:
            check_header("stripe_account", self.stripe_account)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("not pickled, since it holds the API key: pass StripeCredentials, and make the client there")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    @property
    def account(self) -> str:
        """A short name of account and mode; the key cannot be had from it."""
        digest = hashlib.sha256(self.api_key.encode()).hexdigest()[:16]
        return f"{self.mode}:{digest}:{self.stripe_account or ''}"

    @property
    def limits(self) -> RateLimits:
        """The buckets of the account, shared by all its clients in this process."""
        if self.requests_per_second is not None:
            return limits_of(self.account, self.requests_per_second, share=self.rate_share)
        if is_loopback(self.api_base):
            return limits_of(self.account, None)
        limit = LIVE_LIMIT if self.mode == "live" else TEST_LIMIT
        return limits_of(self.account, limit, ENDPOINT_LIMIT, SEARCH_LIMIT, self.rate_share)


def check_key(api_key: str, mode: Mode) -> None:
    """Refuse a key that is missing, malformed or of the other mode.

    Raises:
        AuthenticationError: With what to do about it. The key is never part of the message.
    """
    if problem := key_problem(api_key, mode):
        raise problem


def key_problem(api_key: str, mode: Mode) -> AuthenticationError | None:
    """Return what is wrong with a key, to be raised where no variable holds it."""
    if not api_key:
        return AuthenticationError(
            "no API key: set STRIPE_API_KEY, or save a StripeCredentials block with the secret key "
            "from the Stripe Dashboard (Developers, API keys)"
        )
    kind, _, rest = api_key.partition("_")
    key_mode, _, secret = rest.partition("_")
    if kind == "pk":
        return AuthenticationError(
            "this is a publishable key (pk_…): use a secret key (sk_…) or a restricted key (rk_…)"
        )
    if kind not in _KEY_KINDS or key_mode not in {"test", "live"} or not secret or not api_key.isascii():
        return AuthenticationError(
            "this is not a Stripe API key: it should start with sk_test_, rk_test_, sk_live_ or rk_live_"
        )
    if any(c.isspace() or not c.isprintable() for c in api_key):
        return AuthenticationError("the API key has a space or a line break in it: copy it once more")
    if key_mode != mode:
        return AuthenticationError(
            f"the key is a {key_mode} key, and the mode is {mode!r}: use a {mode} key, or declare mode={key_mode!r}"
        )
    return None


def check_base(api_base: str) -> None:
    """Refuse an address that a key must not be sent to.

    Raises:
        ParameterError: Not https, except on loopback; with the version in it; or not an address at all.
    """
    wrong = ParameterError(f"api_base is {api_base!r}: write an address such as {API_BASE!r}")
    try:
        parts = urlsplit(api_base)
        sound = parts.hostname and parts.port != 0 and parts.hostname.encode("idna")
    except ValueError:  # as is a UnicodeError
        raise wrong from None
    if not sound or parts.scheme not in {"https", "http"} or parts.username or parts.query or parts.fragment:
        raise wrong
    if parts.path.rstrip("/").endswith("/v1"):
        raise ParameterError(f"api_base is {api_base!r}: leave out /v1, which each operation's path begins with")
    if parts.scheme == "http" and not is_loopback(api_base):
        raise ParameterError(f"api_base is {api_base!r}: a key is sent over https only, except to this machine itself")


def check_header(name: str, value: object) -> None:
    """Refuse a value that cannot stand in a header as it is.

    Raises:
        ParameterError: It is empty, too long, or has characters in it that a header has no room for.
    """
    if not isinstance(value, str):
        raise ParameterError(f"{name} is a {type(value).__name__}: write a string")
    if not value.isascii() or not value.isprintable() or not 0 < len(value) <= 255 or value != value.strip():
        raise ParameterError(f"{name} must be 1 to 255 printable ASCII characters without spaces at its ends")


def is_loopback(api_base: str) -> bool:
    """Say whether an address is this machine's own."""
    host = urlsplit(api_base).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

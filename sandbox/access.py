"""Who asks: the API key, the account, the version, and how much they may ask."""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from prefect_stripe.sandbox.context import API_VERSION
from prefect_stripe.sandbox.errors import invalid, rate_limited, refusal
from prefect_stripe.sandbox.store import Account, Store

PLATFORM: Final = "acct_1SandboxPlatform"
_KEY: Final = re.compile(r"(sk|rk)_(test|live)_\w+", re.ASCII)
_ACCOUNT: Final = re.compile(r"acct_\w+", re.ASCII)
_VERSION: Final = re.compile(r"20\d\d-\d\d-\d\d\.[a-z]+", re.ASCII)


def account(store: Store, headers: Mapping[str, str]) -> Account:
    """The account that a request acts on, in the mode of its key."""
    key = _api_key(headers)
    live = key.split("_")[1] == "live"
    name = headers.get("stripe-account")
    if name is not None and not _ACCOUNT.fullmatch(name):  # [K]
        raise refusal(
            403,
            f"The provided key '{_masked(key)}' does not have access to account '{name}' (or that account does not "
            "exist). Application access may have been revoked.",
            saved=False,
            code="account_invalid",
        )
    return store.account(live, name or PLATFORM)


def version(headers: Mapping[str, str]) -> str:
    """The API version that is asked for; without one, the account's own, which is the current [DOC; text K]."""
    asked = headers.get("stripe-version", API_VERSION)
    if not _VERSION.fullmatch(asked):
        raise invalid(f"Invalid Stripe API version: {asked}")
    return asked


def _api_key(headers: Mapping[str, str]) -> str:
    """The key, as bearer token or by basic authentication [RUN, DOC; texts K]."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            given = ""
    elif scheme.lower() != "bearer":
        given = ""
    given = given.strip()
    if not given:
        raise refusal(
            401,
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See "
            "https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/.",
            saved=False,
        )
    if given.startswith("pk_"):
        raise refusal(
            401,
            "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list "
            "of your API keys at https://dashboard.stripe.com/account/apikeys.",
            saved=False,
            code="secret_key_required",
        )
    if not _KEY.fullmatch(given):
        raise refusal(401, f"Invalid API Key provided: {_masked(given)}", saved=False)
    return given


def _masked(key: str) -> str:
    return key[:8] + "*" * max(len(key) - 12, 4) + key[-4:] if len(key) > 12 else "*" * len(key)


@dataclass
class Limiter:
    """A token bucket an account: so many requests a second, in real time."""

    per_second: float | None = None
    _buckets: dict[tuple[bool, str], tuple[float, float]] = field(
        default_factory=dict[tuple[bool, str], tuple[float, float]]
    )

    def admit(self, account: Account) -> None:
        """Count a request.

        Raises:
            Refusal: 429, with the limiter's reason.
        """
        if self.per_second is None:
            return
        name, now = (account.livemode, account.id), time.monotonic()
        level, at = self._buckets.get(name, (self.per_second, now))
        level = min(self.per_second, level + (now - at) * self.per_second)
        self._buckets[name] = (max(level - 1, 0.0) if level >= 1 else level, now)
        if level < 1:
            raise rate_limited("global-rate")

    def clear(self) -> None:
        self._buckets.clear()

"""The Prefect block that holds an account's API key and how to speak to it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Final, Literal, Self, cast

from prefect.blocks.abstract import CredentialsBlock
from pydantic import (
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from prefect_stripe.blocks.rate import share_of
from prefect_stripe.blocks.settings import StripeSettings, by_variable
from prefect_stripe.client import API_BASE, API_VERSION, AsyncStripeClient, ClientConfig, RetryPolicy, StripeClient
from prefect_stripe.client.config import check_base, check_header, check_key, key_problem
from prefect_stripe.client.errors import AuthenticationError

_PREFECTS_OWN: Final = frozenset({"block_type_slug", "_block_document_id", "_block_document_name", "_is_anonymous"})


class _LaterSecret(SecretStr):
    """A secret that is loaded when it is first read: unpickling comes before Prefect's settings are there."""

    def __init__(self, load: Callable[[], SecretStr]) -> None:
        super().__init__("not loaded yet")
        self._load = load

    def get_secret_value(self) -> str:
        return self._loaded.get_secret_value()

    @cached_property
    def _loaded(self) -> SecretStr:
        return self._load()


def _digest(secret: SecretStr) -> str:
    return hashlib.sha256(secret.get_secret_value().encode()).hexdigest()[:16]


class StripeCredentials(CredentialsBlock):
    """Holds a Stripe API key, and how requests are sent with it.

    Only the key is needed; everything else has a default. The key must be of the declared mode, and a live key changes
    nothing unless `allow_live_writes` says so.

    A saved block is pickled as its name, one from the environment as that, and any other is not pickled at all: no key
    gets into a pickle. Where it is unpickled the key is loaded when it is first needed.

    Attributes:
        api_key: Secret or restricted key.
        mode: `test` or `live`; the key must be of this mode.
        api_base: Address of the API.
        stripe_account: Connected account that requests act for.
        api_version: Stripe API version.
        timeout_seconds: Seconds to wait for an answer.
        connect_timeout_seconds: Seconds to wait for a connection.
        max_retries: Tries after the first, under the same idempotency key.
        retry_budget_seconds: Seconds after which no other try begins.
        requests_per_second: Own limit for this process.
        allow_live_writes: Whether a live key may change anything.

    Example:
        Load a saved block:
        ```python
        from prefect_stripe import StripeCredentials
        credentials = StripeCredentials.load("BLOCK_NAME")
        ```

        Or take it from the environment (`STRIPE_API_KEY` and others):
        ```python
        from prefect_stripe import StripeCredentials
        credentials = StripeCredentials.from_environment()
        ```
    """

    model_config = ConfigDict(hide_input_in_errors=True, extra="ignore")

    _block_type_name = "Stripe Credentials"
    _block_type_slug = "stripe-credentials"
    _logo_url = "https://github.com/stripe.png?size=200"  # type: ignore[assignment]
    _documentation_url = "https://docs.stripe.com/keys"  # type: ignore[assignment]

    api_key: SecretStr = Field(
        default=...,
        title="API key",
        description="Secret key (sk_test_…, sk_live_…) or restricted key (rk_…) from the Stripe Dashboard, under "
        "Developers, API keys.",
    )
    mode: Literal["test", "live"] = Field(
        default="test",
        title="Mode",
        description="Whether the key moves test money or real money. A key of the other mode is refused.",
    )
    api_base: str = Field(
        default=API_BASE,
        title="API base",
        description="Address of the API. Change it only to use the embedded sandbox, such as http://127.0.0.1:12111.",
    )
    stripe_account: str | None = Field(
        default=None,
        title="Connected account",
        description="Id of the connected account (acct_…) that requests act for. Leave empty for your own account.",
    )
    api_version: str = Field(
        default=API_VERSION,
        title="API version",
        description="Stripe API version sent with each request. This package is tested with the default.",
    )
    timeout_seconds: float = Field(
        default=80.0, gt=0, le=600, title="Timeout", description="Seconds to wait for an answer before trying again."
    )
    connect_timeout_seconds: float = Field(
        default=10.0, gt=0, le=120, title="Connect timeout", description="Seconds to wait for a connection."
    )
    max_retries: int = Field(
        default=4,
        ge=0,
        le=20,
        title="Retries",
        description="How often a request that may pass is sent again, always under the same idempotency key.",
    )
    retry_budget_seconds: float = Field(
        default=60.0, ge=0, le=3600, title="Retry budget", description="Seconds after which no other try begins."
    )
    requests_per_second: float | None = Field(
        default=None,
        gt=0,
        title="Requests per second",
        description="Own limit for this process. Empty means Stripe's limits: 25 in test mode, 100 live.",
    )
    allow_live_writes: bool = Field(
        default=False,
        title="Allow live writes",
        description="Let a live key change things: create, charge, send, void. Without it a live key only reads.",
    )

    _from_environment: bool = PrivateAttr(default=False)

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, values: Any) -> Any:
        # Passed over in silence, a misspelt stripe_account would move the money of another account.
        # What is raised here is no ValueError, since pydantic would attach the values to it, and with them the key.
        given = cast(object, values)
        if isinstance(given, Mapping):
            given = cast(Mapping[str, object], given)
            for name in sorted(given.keys() - cls.model_fields.keys() - _PREFECTS_OWN):
                near = get_close_matches(name, cls.model_fields, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise TypeError(f"{cls.__name__} has no field {name!r}{hint}")
            if given.get("api_key") is None:
                check_key("", "test")
        return cast(object, values)

    @field_validator("stripe_account", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("api_base")
    @classmethod
    def _check_base(cls, value: str) -> str:
        check_base(value)
        return value

    @field_validator("stripe_account", "api_version")
    @classmethod
    def _check_header(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None:
            check_header(str(info.field_name), value)
        return value

    @model_validator(mode="after")
    def _check_key(self) -> Self:
        # An AuthenticationError passes through pydantic as it is: a ValidationError would carry the key as its input.
        if problem := key_problem(self.api_key.get_secret_value(), self.mode):
            raise problem
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        if self._block_document_name is None and not self._from_environment:
            raise TypeError(
                "StripeCredentials made in code are not pickled, since they hold the API key: save them as a block "
                "(credentials.save('NAME')), or set STRIPE_API_KEY and use StripeCredentials.from_environment()"
            )
        settings = {field: getattr(self, field) for field in type(self).model_fields if field != "api_key"}
        return type(self)._unpickled, (settings, dict(self.__pydantic_private__ or {}), _digest(self.api_key))

    @classmethod
    def _unpickled(cls, settings: dict[str, Any], private: dict[str, Any], key_digest: str) -> Self:
        def load() -> SecretStr:
            name = private["_block_document_name"]
            load_block: Any = cls.load
            loaded: Self = cls.from_environment() if name is None else load_block(name, _sync=True)
            if _digest(loaded.api_key) != key_digest:
                where = "STRIPE_API_KEY" if name is None else f"the block {name!r}"
                raise AuthenticationError(
                    f"{where} has another key than when these credentials were handed over, perhaps another account's: "
                    "start again, so that everything is done with one key"
                )
            return loaded.api_key

        construct: Any = cls.model_construct
        credentials: Self = construct(api_key=_LaterSecret(load), **settings)
        for name, value in private.items():
            setattr(credentials, name, value)
        return credentials

    @classmethod
    def from_environment(cls) -> Self:
        """Read the credentials from `STRIPE_*` environment variables.

        Returns:
            Credentials with the defaults for everything that is not set.

        Raises:
            AuthenticationError: `STRIPE_API_KEY` is not set.
            pydantic.ValidationError: A variable, which it names, holds what the field of the same name does not take.

        Example:
            ```python
            from prefect_stripe import StripeCredentials
            credentials = StripeCredentials.from_environment()
            ```
        """
        try:
            given: dict[str, Any] = StripeSettings().model_dump(exclude_none=True)
            if "api_key" not in given:
                raise AuthenticationError(
                    "no Stripe credentials: pass a StripeCredentials block, or set STRIPE_API_KEY to your secret test "
                    "key (sk_test_…, from the Stripe Dashboard under Developers, API keys)"
                )
            credentials = cls(**given)
        except ValidationError as error:
            raise by_variable(error) from None
        credentials._from_environment = True
        return credentials

    @property
    def account(self) -> str:
        """What tells this account's writes from another's: the mode and the connected account, never the key."""
        return f"{self.mode}:{self.stripe_account or ''}"

    def config(self) -> ClientConfig:
        """Return the client's configuration; it holds the key, so keep it out of anything that is stored."""
        # Also where fields were set since: refused here, no variable of a traceback holds the key, as one below would.
        if problem := key_problem(self.api_key.get_secret_value(), self.mode):
            raise problem
        check_base(self.api_base)
        config = ClientConfig(
            api_key=self.api_key.get_secret_value(),
            mode=self.mode,
            api_base=self.api_base,
            stripe_account=self.stripe_account,
            api_version=self.api_version,
            timeout=self.timeout_seconds,
            connect_timeout=self.connect_timeout_seconds,
            retries=RetryPolicy(max_retries=self.max_retries, budget=self.retry_budget_seconds),
            requests_per_second=self.requests_per_second,
            allow_live_writes=self.allow_live_writes,
        )
        return replace(config, rate_share=share_of(config.account))

    def get_client(self) -> StripeClient:
        """Return a client for these credentials. Clients are cheap; connections are shared by account.

        Example:
            ```python
            from prefect_stripe import StripeCredentials
            client = StripeCredentials.load("BLOCK_NAME").get_client()
            invoice = client.call("retrieve_invoice", "in_1AbC").data
            ```
        """
        return StripeClient(self.config())

    def get_async_client(self) -> AsyncStripeClient:
        """Return an async client for these credentials, for use in any event loop."""
        return AsyncStripeClient(self.config())

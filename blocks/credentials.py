"""The Prefect block that holds an account's API key and how to speak to it."""

from __future__ import annotations

from typing import Any, Literal

from prefect.blocks.abstract import CredentialsBlock
from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator
from typing_extensions import Self

from prefect_stripe.blocks.settings import StripeSettings
from prefect_stripe.client import API_BASE, API_VERSION, AsyncStripeClient, ClientConfig, RetryPolicy, StripeClient
from prefect_stripe.client.config import check_base, check_key
from prefect_stripe.client.errors import AuthenticationError


class StripeCredentials(CredentialsBlock):
    """Holds a Stripe API key, and how requests are sent with it.

    Only the key is needed; everything else has a default. The key must be of the declared mode, and a live key changes
    nothing unless `allow_live_writes` says so.

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

    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name = "Stripe Credentials"
    _block_type_slug = "stripe-credentials"
    _logo_url = "https://github.com/stripe.png?size=200"  # type: ignore[assignment]
    _documentation_url = "https://docs.stripe.com/keys"  # type: ignore[assignment]

    api_key: SecretStr = Field(
        default=...,
        title="API key",
        description="Secret key (sk_test_…, sk_live_…) or restricted key (rk_…) from the Stripe Dashboard, under Developers, API keys.",
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

    @field_validator("api_base")
    @classmethod
    def _check_base(cls, value: str) -> str:
        check_base(value)
        return value

    @model_validator(mode="after")
    def _check_key(self) -> Self:
        # An AuthenticationError passes through pydantic as it is: a ValidationError would carry the key as its input.
        check_key(self.api_key.get_secret_value(), self.mode)
        return self

    @classmethod
    def from_environment(cls) -> Self:
        """Read the credentials from `STRIPE_*` environment variables.

        Returns:
            Credentials with the defaults for everything that is not set.

        Raises:
            AuthenticationError: `STRIPE_API_KEY` is not set.
            pydantic.ValidationError: A variable holds what the field of the same name does not take.

        Example:
            ```python
            from prefect_stripe import StripeCredentials
            credentials = StripeCredentials.from_environment()
            ```
        """
        given: dict[str, Any] = StripeSettings().model_dump(exclude_none=True)
        if "api_key" not in given:
            raise AuthenticationError(
                "no Stripe credentials: pass a StripeCredentials block, or set STRIPE_API_KEY to your secret test key "
                "(sk_test_…, from the Stripe Dashboard under Developers, API keys)"
            )
        return cls(**given)

    @property
    def account(self) -> str:
        """What tells this account's writes from another's: the mode and the connected account, never the key."""
        return f"{self.mode}:{self.stripe_account or ''}"

    def config(self) -> ClientConfig:
        """Return the client's configuration; it holds the key, so keep it out of anything that is stored."""
        return ClientConfig(
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

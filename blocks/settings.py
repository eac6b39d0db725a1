"""The same configuration from `STRIPE_*` environment variables, where no block is saved."""

from __future__ import annotations

from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict


class StripeSettings(BaseSettings):
    """Reads `STRIPE_API_KEY`, `STRIPE_MODE`, `STRIPE_API_BASE`, `STRIPE_ACCOUNT` and the others.

    Each field is the `StripeCredentials` field of the same name; what is not set there stays None here.

    Example:
        ```bash
        export STRIPE_API_KEY=sk_test_123
        ```
    """

    model_config = SettingsConfigDict(env_prefix="STRIPE_", env_ignore_empty=True, extra="ignore")

    api_key: SecretStr | None = None
    mode: Literal["test", "live"] | None = None
    api_base: str | None = None
    stripe_account: str | None = Field(
        default=None, validation_alias=AliasChoices("STRIPE_ACCOUNT", "STRIPE_STRIPE_ACCOUNT")
    )
    api_version: str | None = None
    timeout_seconds: float | None = None
    connect_timeout_seconds: float | None = None
    max_retries: int | None = None
    retry_budget_seconds: float | None = None
    requests_per_second: float | None = None
    allow_live_writes: bool | None = None


def by_variable(error: ValidationError) -> ValidationError:
    """Return the same problems, told of the variables instead of the fields, and without what is in them."""
    return ValidationError.from_exception_data(
        "the environment",
        [
            InitErrorDetails(
                type=PydanticCustomError("variable", "{problem}", {"problem": one["msg"]}),
                loc=(f"STRIPE_{str(one['loc'][0]).upper().removeprefix('STRIPE_')}",),
                input=None,
            )
            for one in error.errors(include_url=False)
        ],
        hide_input=True,
    )

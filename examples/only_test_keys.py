"""What is said where `STRIPE_API_KEY` is a key that an example must not use."""

from __future__ import annotations

from prefect_stripe.client import ClientConfig, StripeError


def problem_of(key: str) -> str | None:
    """Say what is wrong with the key, if anything is; none at all means the sandbox."""
    if key.startswith(("sk_live_", "rk_live_")):
        return "STRIPE_API_KEY is a live key: examples charge cards, and take only a test key (sk_test_…)."
    try:
        if key:
            ClientConfig(api_key=key)
    except StripeError as error:
        return f"STRIPE_API_KEY: {error}."
    return None

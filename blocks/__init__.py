"""What is configured in Prefect, or by environment: the credentials block."""

from prefect_stripe.blocks.credentials import StripeCredentials

__all__ = ["StripeCredentials"]

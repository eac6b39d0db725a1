"""What is configured in Prefect, or by environment: the credentials block."""

from prefect_stripe.blocks.credentials import StripeCredentials
from prefect_stripe.blocks.rate import ensure_rate_limit

__all__ = ["StripeCredentials", "ensure_rate_limit"]

"""The Stripe HTTP API over httpx: operations, wire form, retries, paging, errors. Imports no Prefect."""

from prefect_stripe.client.client import AsyncStripeClient, StripeClient
from prefect_stripe.client.config import API_BASE, API_VERSION, ClientConfig
from prefect_stripe.client.errors import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    CardError,
    ConflictError,
    IdempotencyError,
    InvalidRequestError,
    ParameterError,
    PermissionDeniedError,
    RateLimitError,
    StripeError,
)
from prefect_stripe.client.exchange import Call, Response
from prefect_stripe.client.operations import OPERATIONS, Operation
from prefect_stripe.client.retries import RetryPolicy

__all__ = [
    "API_BASE",
    "API_VERSION",
    "OPERATIONS",
    "APIConnectionError",
    "APIError",
    "AsyncStripeClient",
    "AuthenticationError",
    "Call",
    "CardError",
    "ClientConfig",
    "ConflictError",
    "IdempotencyError",
    "InvalidRequestError",
    "Operation",
    "ParameterError",
    "PermissionDeniedError",
    "RateLimitError",
    "Response",
    "RetryPolicy",
    "StripeClient",
    "StripeError",
]

"""Stripe from Prefect: typed tasks, and flows in which money never moves twice.

The names below are imported on first use, so that the sandbox, the client and the pytest plugin start without
Prefect's import time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect_stripe.blocks import StripeCredentials as StripeCredentials
    from prefect_stripe.flows import InvoiceOrder as InvoiceOrder
    from prefect_stripe.flows.invoice_lifecycle import invoice_lifecycle as invoice_lifecycle

_HOME = {
    "StripeCredentials": "prefect_stripe.blocks",
    "InvoiceOrder": "prefect_stripe.flows",
    "invoice_lifecycle": "prefect_stripe.flows",
}

__all__ = ["InvoiceOrder", "StripeCredentials", "invoice_lifecycle"]


if not TYPE_CHECKING:  # or a type checker would take every misspelt name for one of these

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])

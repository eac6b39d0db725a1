"""A stateful Stripe that runs offline, for tests and demonstrations.

    python -m prefect_stripe.sandbox --port 12111

    from prefect_stripe.sandbox import Sandbox

    with Sandbox.start() as sandbox:
        ...  # sandbox.url, sandbox.api_key, sandbox.ledger, sandbox.faults, sandbox.clock

It speaks HTTP only, on loopback. It is as strict as Stripe is, and where Stripe's behaviour is uncertain it is strict.
Each rule names its source: [SDK] the official SDK's types and docstrings, [DOC] Stripe's documentation, [PROBE] and
[SIM] recordings of Stripe's test mode, [SPEC23] the OpenAPI description of 2023, [3P] others' notes on Stripe, [K]
general knowledge, unconfirmed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect_stripe.sandbox.faults import Fault as Fault
    from prefect_stripe.sandbox.ledger import Effect as Effect
    from prefect_stripe.sandbox.ledger import Exchange as Exchange
    from prefect_stripe.sandbox.server import Sandbox as Sandbox

# On first use: pytest loads the plugin beside this module in every project that has the package.
_HOME = {"Sandbox": "server", "Fault": "faults", "Effect": "ledger", "Exchange": "ledger"}

__all__ = ["Effect", "Exchange", "Fault", "Sandbox"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)

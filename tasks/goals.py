"""Whether what an action is for holds already: the status of its object, its amounts, and how it was reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from prefect_stripe.client import OPERATIONS, Call

Facts = Mapping[str, Any]


def holds(call: Call, seen: Facts) -> bool:
    """Say whether an object is as an action would leave it.

    Args:
        call: The action, with its parameters.
        seen: Its object, as it is now.

    Example:
        >>> capture = Call("capture_payment_intent", ("pi_1",), {"amount_to_capture": 500})
        >>> holds(capture, {"status": "succeeded", "amount": 1000, "amount_received": 1000})
        False
    """
    same = _AMOUNTS.get(call.operation)
    return seen["status"] in OPERATIONS[call.operation].goal and (same is None or same(call.params, seen))


def tells(call: Call) -> bool:
    """Say whether its object's state tells that an action was done, and allows it once.

    A part of a customer's balance may be applied again, and a capture that is not the last be followed by another: sent
    under another key, it would move money twice.
    """
    if call.operation == "apply_payment_intent_customer_balance":
        return call.params.get("amount") is None
    return not (call.operation == "capture_payment_intent" and call.params.get("final_capture") is False)


def _captured(params: Facts, seen: Facts) -> bool:
    return bool(seen["amount_received"] == (params.get("amount_to_capture") or seen["amount"]))


def _paid(params: Facts, seen: Facts) -> bool:
    elsewhere: int = seen.get("amount_paid_off_stripe") or 0
    return bool(elsewhere == (seen["amount_paid"] if params.get("paid_out_of_band") else 0))


_AMOUNTS: Final[Mapping[str, Callable[[Facts, Facts], bool]]] = {
    "capture_payment_intent": _captured,
    "increment_payment_intent_authorization": lambda params, seen: bool(seen["amount"] == params["amount"]),
    "pay_invoice": _paid,
}
"""Of the actions whose goal is more than a status."""

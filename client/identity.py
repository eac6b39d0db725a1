"""Who a write is: the idempotency key that stays the same whenever it is the same write, and only then.

Stripe page: "Idempotent requests".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from prefect_stripe.client.encoding import form_pairs


def _digest(*parts: object) -> str:
    # JSON keeps ("ab", "c") and ("a", "bc") apart, which joined text would not.
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()


def business_write_key(
    account: str,
    business_key: str,
    operation: str,
    ids: Sequence[str],
    slot: str,
    generation: int = 0,
) -> str:
    """Name a write by the business it does, whatever run does it and with whatever parameters.

    Args:
        account: Mode and connected account; not the API key, which may be rolled while the business goes on.
        business_key: The order's own id.
        operation: Name of the operation.
        ids: The ids in its path.
        slot: Which one of this operation's writes for the business it is: `line-3`, `pay-2`.
        generation: How often it had to begin anew, since what it made has died.

    Returns:
        An idempotency key of 67 characters, from which no personal data can be read.

    Example:
        >>> key = business_write_key("test", "ORD-1001", "create_invoice", [], "invoice")
        >>> key == business_write_key("test", "ORD-1001", "create_invoice", [], "invoice"), len(key)
        (True, 67)
    """
    return "psb" + _digest(account, business_key, operation, list(ids), slot, generation)


def run_write_key(
    account: str,
    root_flow_run_id: str,
    operation: str,
    ids: Sequence[str],
    slot: str | None,
    params: Mapping[str, Any],
) -> str:
    """Name a write by the run it belongs to, and by its slot there; without a slot, by its parameters.

    Parameters that differ by themselves between tries (a timestamp, a random id) make another write of it: name a slot.

    Args:
        account: Mode and connected account.
        root_flow_run_id: The only id of a run that its retries keep.
        operation: Name of the operation.
        ids: The ids in its path.
        slot: What tells this write from others of the same operation in the run, or None.
        params: Stripe's parameters, which count where there is no slot.
    """
    content: object = slot if slot is not None else [list(pair) for pair in sorted(form_pairs(params))]
    return "psr" + _digest(account, root_flow_run_id, operation, list(ids), content)


def following_key(key: str) -> str:
    """Name the write that takes the place of one whose key has a failure of Stripe's own stored under it.

    Args:
        key: The key of the write before.

    Example:
        >>> following_key("psr1") == following_key("psr1") != following_key(following_key("psr1"))
        True
    """
    return key[:3] + _digest(key)


def fingerprint(content: Any) -> str:
    """Return a short hash by which a change of content is noticed.

    Args:
        content: Anything that JSON can write.

    Example:
        >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
        True
    """
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]

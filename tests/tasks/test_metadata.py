"""Which writes leave their key in the metadata, by which the object is found once Stripe has forgotten the key."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from prefect import flow

from prefect_stripe import StripeCredentials, tasks
from prefect_stripe.client import OPERATIONS, Call
from prefect_stripe.schema import required
from prefect_stripe.tasks.identity import identified

pytestmark = pytest.mark.server

CARRY_THEIR_KEY = {
    "create_customer",
    "create_invoice",
    "create_invoice_item",
    "create_payment_intent",
    "create_payment_link",
    "create_refund",
}


def test_just_what_can_only_be_found_by_its_metadata_carries_its_key(credentials: StripeCredentials) -> None:
    calls: dict[str, Call] = {}
    as_given: dict[str, Call] = {}

    @flow
    def run() -> None:
        for operation in OPERATIONS.values():
            if operation.writes:
                function: Any = inspect.unwrap(getattr(tasks, operation.name).fn)
                given = dict.fromkeys(required(operation.name), "anything")
                wanted = function(credentials, *operation.ids, **given)
                as_given[operation.name], calls[operation.name] = wanted.call, identified(wanted).call

    run()
    carrying = {name: call.params.get("metadata") for name, call in calls.items() if "metadata" in call.params}
    assert carrying == {name: {"prefect_stripe_key": calls[name].idempotency_key} for name in CARRY_THEIR_KEY}
    without = {name: {k: v for k, v in call.params.items() if k != "metadata"} for name, call in calls.items()}
    assert without == {name: call.params for name, call in as_given.items()}, "nothing else is added"
    # A key is not sent with DELETE, which is the same however often it is done.
    keyless = {name for name, call in calls.items() if call.idempotency_key is None}
    assert keyless == {name for name in calls if OPERATIONS[name].method == "DELETE"}
    assert len({call.idempotency_key for call in calls.values()} - {None}) == len(calls) - len(keyless)


def test_metadata_that_has_just_room_for_ours_gets_it(credentials: StripeCredentials) -> None:
    @flow
    def run() -> dict[str, str]:
        theirs = {f"key{i}": "value" for i in range(49)}
        metadata: dict[str, str] = tasks.create_customer(credentials, metadata=theirs)["metadata"]
        return metadata

    metadata = run()
    assert len(metadata) == 50
    assert "prefect_stripe_key" in metadata

"""Whose a write is: the same when something is begun again, another when another is meant, and never both in silence.

On a real Prefect server and the sandbox, whose ledger says what was made.
"""

# pyright: reportUnknownMemberType=false
# Prefect does not type `submit` in full.

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from prefect import flow, task, unmapped

from prefect_stripe import StripeCredentials
from prefect_stripe.client import IdempotencyError, InvalidRequestError, ParameterError
from prefect_stripe.sandbox import Sandbox
from prefect_stripe.tasks import acreate_customer, create_customer, create_product, delete_product, retrieve_customer

pytestmark = pytest.mark.server

NAME = "Jenny Rosen"


class Trouble:
    """The user's own code, which fails the first time."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1
        if self.times == 1:
            raise RuntimeError("something of the user's own, after the write")


def keys(sandbox: Sandbox) -> list[str | None]:
    """The idempotency key of every request to create a customer."""
    return [exchange.idempotency_key for exchange in sandbox.ledger.requests("create_customer")]


def made(sandbox: Sandbox) -> int:
    return sandbox.ledger.count("customer.created")


# --- Begun again: one write -------------------------------------------------------------------------------------------

Again = Callable[[StripeCredentials, Trouble], object]


def a_flow(credentials: StripeCredentials, trouble: Trouble) -> object:
    @flow(retries=1)
    def run() -> None:
        create_customer(credentials, name=NAME)
        trouble()

    return run()


def a_flow_that_submits(credentials: StripeCredentials, trouble: Trouble) -> object:
    @flow(retries=1)
    def run() -> None:
        create_customer.submit(credentials, name=NAME).result()
        trouble()

    return run()


def a_flow_that_maps(credentials: StripeCredentials, trouble: Trouble) -> object:
    @flow(retries=1)
    def run() -> None:
        create_customer.map(unmapped(credentials), name=[NAME]).result()
        trouble()

    return run()


def an_async_flow(credentials: StripeCredentials, trouble: Trouble) -> object:
    @flow(retries=1)
    async def run() -> None:
        await acreate_customer(credentials, name=NAME)
        trouble()

    return asyncio.run(run())


def an_async_flow_that_submits(credentials: StripeCredentials, trouble: Trouble) -> object:
    @flow(retries=1)
    async def run() -> None:
        assert acreate_customer.submit(credentials, name=NAME).result()
        trouble()

    return asyncio.run(run())


def a_flow_around_a_subflow(credentials: StripeCredentials, trouble: Trouble) -> object:
    @flow
    def sub() -> None:
        create_customer(credentials, name=NAME)

    @flow(retries=1)
    def run() -> None:
        sub()
        trouble()

    return run()


def a_subflow(credentials: StripeCredentials, trouble: Trouble) -> object:
    @flow(retries=1)
    def sub() -> None:
        create_customer(credentials, name=NAME)
        trouble()

    @flow
    def run() -> None:
        sub()

    return run()


def a_task_that_calls_ours(credentials: StripeCredentials, trouble: Trouble) -> object:
    @task(retries=1)
    def bill() -> None:
        create_customer(credentials, name=NAME)
        trouble()

    @flow
    def run() -> None:
        bill()

    return run()


def a_task_that_submits_ours(credentials: StripeCredentials, trouble: Trouble) -> object:
    @task(retries=1)
    def bill() -> None:
        create_customer.submit(credentials, name=NAME).result()
        trouble()

    @flow
    def run() -> None:
        bill()

    return run()


def a_task_that_calls_our_function(credentials: StripeCredentials, trouble: Trouble) -> object:
    @task(retries=1)
    def bill() -> None:
        create_customer.fn(credentials, name=NAME)
        trouble()

    @flow
    def run() -> None:
        bill()

    return run()


def a_task_that_calls_a_subflow(credentials: StripeCredentials, trouble: Trouble) -> object:
    @flow
    def sub() -> None:
        create_customer(credentials, name=NAME)

    @task(retries=1)
    def bill() -> None:
        sub()
        trouble()

    @flow
    def run() -> None:
        bill()

    return run()


def a_task_outside_of_flows(credentials: StripeCredentials, trouble: Trouble) -> object:
    @task(retries=1)
    def bill() -> None:
        create_customer(credentials, name=NAME)
        trouble()

    return bill()


@pytest.mark.parametrize(
    "again",
    [
        a_flow,
        a_flow_that_submits,
        a_flow_that_maps,
        an_async_flow,
        an_async_flow_that_submits,
        a_flow_around_a_subflow,
        a_subflow,
        a_task_that_calls_ours,
        a_task_that_submits_ours,
        a_task_that_calls_our_function,
        a_task_that_calls_a_subflow,
        a_task_outside_of_flows,
    ],
)
def test_what_begins_again_after_a_write_makes_nothing_twice(
    again: Again, credentials: StripeCredentials, stripe_sandbox: Sandbox
) -> None:
    trouble = Trouble()
    again(credentials, trouble)
    assert trouble.times == 2
    assert made(stripe_sandbox) == 1
    assert len(keys(stripe_sandbox)) == 2
    assert len({*keys(stripe_sandbox)}) == 1


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("in_a_flow", [True, False])
def test_a_lost_answer_is_asked_for_again_by_the_tasks_own_retry(
    sync: bool, in_a_flow: bool, credentials: StripeCredentials, stripe_sandbox: Sandbox
) -> None:
    stripe_sandbox.faults.add("close", "after", operation="create_customer")
    at_once: dict[str, Any] = {"retry_delay_seconds": 0, "retry_jitter_factor": None}
    one, other = create_customer.with_options(**at_once), acreate_customer.with_options(**at_once)

    def call() -> object:
        return one(credentials, name=NAME)

    async def acall() -> object:
        return await other(credentials, name=NAME)

    if sync:
        (flow(call) if in_a_flow else call)()
    else:
        asyncio.run((flow(acall) if in_a_flow else acall)())
    assert made(stripe_sandbox) == 1
    assert [e.replayed for e in stripe_sandbox.ledger.requests("create_customer")] == [False, True]


# --- Another one meant ------------------------------------------------------------------------------------------------


def test_slots_tell_the_same_writes_of_a_run_apart(credentials: StripeCredentials, stripe_sandbox: Sandbox) -> None:
    trouble = Trouble()

    @flow(retries=1)
    def run() -> None:
        for slot in ("first", "second"):
            create_customer(credentials, name=NAME, slot=slot)
        trouble()

    run()
    assert made(stripe_sandbox) == 2
    assert keys(stripe_sandbox)[:2] == keys(stripe_sandbox)[2:]


def test_a_slot_is_the_same_write_whatever_the_parameters(
    credentials: StripeCredentials, stripe_sandbox: Sandbox
) -> None:
    trouble = Trouble()

    @flow(retries=1)
    def run() -> None:
        create_customer(credentials, name=NAME, metadata={"attempt": str(trouble.times)}, slot="customer")
        trouble()

    # Stripe's own last guard: the key is the same, and the parameters are not.
    with pytest.raises(IdempotencyError):
        run()
    assert made(stripe_sandbox) == 1


def test_what_differs_in_its_parameters_is_another_write(
    credentials: StripeCredentials, stripe_sandbox: Sandbox
) -> None:
    @flow
    def run() -> None:
        create_customer.map(unmapped(credentials), name=["Ada", "Bea", "Cleo"]).result()
        asyncio.run(gathered())

    async def gathered() -> None:
        await asyncio.gather(*(acreate_customer(credentials, name=name) for name in ("Dora", "Eva")))

    run()
    assert made(stripe_sandbox) == 5
    assert len({*keys(stripe_sandbox)}) == 5


def test_another_run_is_another_write(credentials: StripeCredentials, stripe_sandbox: Sandbox) -> None:
    @flow
    def run() -> None:
        create_customer(credentials, name=NAME)

    run()
    run()
    assert made(stripe_sandbox) == 2


def test_another_account_is_another_write(credentials: StripeCredentials, stripe_sandbox: Sandbox) -> None:
    @flow
    def run() -> None:
        create_customer(credentials, name=NAME)
        create_customer(credentials, name=NAME, stripe_account="acct_other")

    run()
    assert made(stripe_sandbox) == 2
    assert len({*keys(stripe_sandbox)}) == 2


def test_outside_of_flows_each_call_is_another_write(credentials: StripeCredentials, stripe_sandbox: Sandbox) -> None:
    create_customer(credentials, name=NAME)
    create_customer(credentials, name=NAME)
    asyncio.run(acreate_customer(credentials, name=NAME))
    create_customer.fn(credentials, name=NAME)
    create_customer.fn(credentials, name=NAME)
    assert made(stripe_sandbox) == 5
    assert len({*keys(stripe_sandbox)}) == 5


def test_a_key_of_the_callers_own_is_sent_as_it_is(credentials: StripeCredentials, stripe_sandbox: Sandbox) -> None:
    @flow
    def run() -> tuple[str, str]:
        first = create_customer(credentials, name=NAME, idempotency_key="order-1001")
        second = create_customer(credentials, name=NAME, idempotency_key="order-1001")
        return first["id"], second["id"]

    first, second = run()
    assert first == second
    assert made(stripe_sandbox) == 1
    assert keys(stripe_sandbox) == ["order-1001"] * 2


# --- The same twice: refused ------------------------------------------------------------------------------------------

Twice = Callable[[StripeCredentials], object]


def called_twice(credentials: StripeCredentials) -> object:
    create_customer(credentials, name=NAME)
    return create_customer(credentials, name=NAME)


def called_once_and_submitted_once(credentials: StripeCredentials) -> object:
    create_customer(credentials, name=NAME)
    return create_customer.submit(credentials, name=NAME).result()


def once_sync_and_once_async(credentials: StripeCredentials) -> object:
    create_customer(credentials, name=NAME)
    return acreate_customer.submit(credentials, name=NAME).result()


def mapped_over_the_same(credentials: StripeCredentials) -> object:
    return create_customer.map(unmapped(credentials), name=[NAME, NAME]).result()


def in_two_tasks(credentials: StripeCredentials) -> object:
    @task
    def bill() -> object:
        return create_customer(credentials, name=NAME)

    bill()
    return bill()


def in_two_subflows(credentials: StripeCredentials) -> object:
    @flow
    def sub() -> object:
        return create_customer(credentials, name=NAME)

    sub()
    return sub()


def in_a_flow_and_its_subflow(credentials: StripeCredentials) -> object:
    @flow
    def sub() -> object:
        return create_customer(credentials, name=NAME)

    create_customer(credentials, name=NAME)
    return sub()


def in_one_task(credentials: StripeCredentials) -> object:
    return task(called_twice)(credentials)


@pytest.mark.parametrize(
    "twice",
    [
        called_twice,
        called_once_and_submitted_once,
        once_sync_and_once_async,
        mapped_over_the_same,
        in_two_tasks,
        in_two_subflows,
        in_a_flow_and_its_subflow,
        in_one_task,
    ],
)
def test_the_same_write_twice_in_a_run_is_refused_and_slots_are_named(
    twice: Twice, credentials: StripeCredentials, stripe_sandbox: Sandbox
) -> None:
    with pytest.raises(ParameterError, match=r"the same create_customer .* slot="):
        flow(twice)(credentials)
    assert made(stripe_sandbox) == 1
    assert len(keys(stripe_sandbox)) == 1


def test_the_same_write_twice_in_a_task_outside_of_flows_is_refused_too(
    credentials: StripeCredentials, stripe_sandbox: Sandbox
) -> None:
    with pytest.raises(ParameterError, match="slot="):
        in_one_task(credentials)
    assert made(stripe_sandbox) == 1


def test_a_retried_run_may_not_do_the_same_twice_either(
    credentials: StripeCredentials, stripe_sandbox: Sandbox
) -> None:
    trouble = Trouble()

    @flow(retries=1)
    def run() -> None:
        create_customer(credentials, name=NAME)
        trouble()
        create_customer(credentials, name=NAME)

    with pytest.raises(ParameterError, match="slot="):
        run()
    assert trouble.times == 2
    assert made(stripe_sandbox) == 1


def test_reading_twice_is_nobodys_mistake(credentials: StripeCredentials, stripe_sandbox: Sandbox) -> None:
    @flow
    def run() -> None:
        customer = create_customer(credentials, name=NAME)["id"]
        assert retrieve_customer(credentials, customer) == retrieve_customer(credentials, customer)

    run()
    assert len(stripe_sandbox.ledger.requests("retrieve_customer")) == 2


# --- Found again, once the key is forgotten ---------------------------------------------------------------------------


def test_what_is_made_in_a_run_carries_its_key(credentials: StripeCredentials, stripe_sandbox: Sandbox) -> None:
    @flow
    def run() -> dict[str, Any]:
        return create_customer(credentials, name=NAME, metadata={"team": "sales"})["metadata"]

    assert run() == {"team": "sales", "prefect_stripe_key": keys(stripe_sandbox)[0]}


@pytest.mark.parametrize("theirs", ["", {f"key{i}": "value" for i in range(50)}])
def test_cleared_metadata_and_full_metadata_are_left_alone(theirs: Any, credentials: StripeCredentials) -> None:
    @flow
    def run() -> dict[str, Any]:
        return create_customer(credentials, name=NAME, metadata=theirs)["metadata"]

    assert run() == (theirs or {})


# --- Deletions, which have no key -------------------------------------------------------------------------------------


def test_what_this_run_deleted_before_is_deleted(credentials: StripeCredentials, stripe_sandbox: Sandbox) -> None:
    product, trouble = create_product.fn(credentials, name="Mug")["id"], Trouble()

    @flow(retries=1)
    def run() -> object:
        deleted = delete_product(credentials, product)
        trouble()
        return deleted

    assert run() == {"id": product, "object": "product", "deleted": True}
    assert (trouble.times, stripe_sandbox.ledger.count("product.deleted")) == (2, 1)


@pytest.mark.parametrize("in_a_flow", [True, False], ids=["in a flow", "by itself"])
def test_a_deletion_whose_answer_was_lost_is_seen_to_be_done(
    credentials: StripeCredentials, stripe_sandbox: Sandbox, in_a_flow: bool
) -> None:
    product = create_product.fn(credentials, name="Mug")["id"]
    stripe_sandbox.faults.add("close", "after", operation="delete_product")
    patient = delete_product.with_options(retry_delay_seconds=0)
    run = flow(lambda: patient(credentials, product)) if in_a_flow else lambda: patient(credentials, product)
    assert run() == {"id": product, "object": "product", "deleted": True}
    assert stripe_sandbox.ledger.count("product.deleted") == 1


def test_what_was_never_there_is_not_said_to_be_deleted(
    credentials: StripeCredentials, stripe_sandbox: Sandbox
) -> None:
    other = create_product.fn(credentials, name="Mug")["id"]

    @flow(retries=1)
    def run() -> None:
        delete_product(credentials, other)
        delete_product(credentials, "prod_misspelt")

    with pytest.raises(InvalidRequestError, match="prod_misspelt"):
        run()
    assert len(stripe_sandbox.ledger.requests("delete_product")) == 4

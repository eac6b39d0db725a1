"""A saved block, with a Prefect server: what is kept, and how it gets into another process."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any, cast

import pytest
from prefect import flow
from prefect.futures import PrefectFuture
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner
from pydantic import SecretStr

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client import AuthenticationError
from prefect_stripe.sandbox import Sandbox
from prefect_stripe.tasks import create_customer

pytestmark = pytest.mark.server


@pytest.fixture
def credentials(stripe_sandbox: Sandbox) -> StripeCredentials:
    made = StripeCredentials(
        api_key=SecretStr(stripe_sandbox.api_key), api_base=stripe_sandbox.url, timeout_seconds=7.5
    )
    made.save("billing", overwrite=True)
    return made


def test_a_saved_block_is_loaded_as_it_was(credentials: StripeCredentials) -> None:
    loaded: Any = StripeCredentials.load("billing")
    assert loaded.config() == credentials.config()


def test_a_reference_is_loaded_in_an_event_loop_too(credentials: StripeCredentials) -> None:
    async def unpickled() -> StripeCredentials:
        return pickle.loads(pickled)

    pickled = pickle.dumps(credentials)
    again = asyncio.run(unpickled())
    assert again.config() == credentials.config()

    async def config() -> object:
        return pickle.loads(pickled).config()

    assert asyncio.run(config()) == credentials.config()


def test_a_block_that_was_saved_anew_with_another_key_is_refused(credentials: StripeCredentials) -> None:
    pickled = pickle.dumps(credentials)
    StripeCredentials(api_key=SecretStr("sk_test_of_another_account")).save("billing", overwrite=True)
    with pytest.raises(AuthenticationError, match="the block 'billing' has another key"):
        pickle.loads(pickled).config()


def test_tasks_in_other_processes_load_the_block_there(credentials: StripeCredentials, stripe_sandbox: Sandbox) -> None:
    # Prefect declares its own process runner as one of other futures than a flow takes.
    runner = cast("TaskRunner[PrefectFuture[Any]]", ProcessPoolTaskRunner(max_workers=1))

    @flow(task_runner=runner)
    def in_another_process() -> str:
        future = create_customer.submit(credentials, name="Zoë")  # pyright: ignore[reportUnknownMemberType]
        return str(future.result()["name"])

    assert in_another_process() == "Zoë"
    assert len(stripe_sandbox.ledger.effects) == 1

"""An order that waits for a person on a Prefect server: its run is suspended, and any worker takes it up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import State, flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import OrchestrationResult, SetStateStatus
from prefect.settings import get_current_settings
from prefect.states import Failed, Scheduled
from pydantic import SecretStr

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.flows import invoice_lifecycle
from tests.flows.approvers import LIMITS
from tests.flows.told import Told, events, eventually
from tests.flows.world import World

pytestmark = pytest.mark.server

SERVE = """
from prefect_stripe.flows import ApprovalLimit, invoice_lifecycle

if __name__ == "__main__":
    limits = [ApprovalLimit(currency="usd", amount=40000)]
    invoice_lifecycle.serve("approvals", parameters={"approval_limits": limits}, pause_on_shutdown=False)
"""

ANSWER = {"decision": "approve", "reason": "as agreed", "decided_by": "J.R."}


@pytest.fixture
def workers(world: World, tmp_path: Path) -> Workers:
    return Workers(world, tmp_path)


class Workers:
    """Workers of the deployment, one after the other, and its runs."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder

    @contextmanager
    def one(self) -> Generator[None]:
        environment = {
            **os.environ,
            "PREFECT_API_URL": str(get_current_settings().api.url),
            "PREFECT_HOME": str(self.folder),
            "PREFECT_RUNNER_POLL_FREQUENCY": "1",
            "STRIPE_API_KEY": self.world.sandbox.api_key,
            "STRIPE_API_BASE": self.world.sandbox.url,
        }
        script = self.folder / "serve.py"
        script.write_text(SERVE)
        with (self.folder / "served.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, str(script)], env=environment, stdout=log, stderr=log, cwd=self.folder
            )
        try:
            yield
        finally:
            process.kill()  # a polite end would wait for the next poll
            process.wait()

    def start(self, **given: Any) -> UUID:
        def deployed() -> list[UUID]:
            with get_client(sync_client=True) as client:
                return [one.id for one in client.read_deployments() if one.name == "approvals"]

        (deployment,) = eventually(deployed, bool)
        order = self.world.order(**given).model_dump(mode="json", exclude_none=True)
        with get_client(sync_client=True) as client:
            return client.create_flow_run_from_deployment(deployment, parameters={"order": order}).id


def read(run: UUID) -> FlowRun:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run)


def reaches(run: UUID, name: str) -> State[Any]:
    def state() -> State[Any]:
        state = read(run).state
        assert state is not None
        return state

    seen = eventually(state, lambda state: state.name == name or state.is_final())
    assert seen.name == name, seen
    return seen


def resume(run: UUID, **answer: Any) -> OrchestrationResult[Any]:
    with get_client(sync_client=True) as client:
        return client.resume_flow_run(run, run_input=ANSWER | answer)


def test_a_suspended_order_is_approved_and_taken_up_by_another_worker(workers: Workers, world: World) -> None:
    with workers.one():
        run = workers.start(external_id="HELD-1")
        suspended = reaches(run, "Suspended")
    told = Told(suspended)
    assert "463.00 USD is above the limit of 400.00 USD" in str(told.artifact.description)
    assert world.invoice()["status"] == "draft"
    assert events("stripe.order.HELD-1", expected=1) == {"stripe.order.awaiting_approval": 1}
    seen = form(suspended)
    assert "| 1 | Consulting, hours | 3 | 450.00 USD |" in seen["description"]
    assert world.invoice()["customer"] in seen["description"]
    assert "jenny" not in json.dumps(seen)

    assert resume(run, decision="perhaps").status == SetStateStatus.REJECT
    assert resume(run).status == SetStateStatus.ACCEPT
    assert resume(run, decision="reject").status == SetStateStatus.ABORT
    with workers.one():
        assert reaches(run, "Completed").message == f"HELD-1 done, {world.invoice()['number']} paid"
    assert (world.money["invoices"], world.money["charged"]) == (1, 1)
    assert any("approved by J.R." in row["step"] for row in last_table(run))


def form(state: State[Any]) -> dict[str, Any]:
    """What the form shows that a suspended run waits for."""
    keys, run = state.state_details.run_input_keyset, state.state_details.flow_run_id
    assert keys is not None
    assert run is not None
    with get_client(sync_client=True) as client:
        told = {what: client.read_flow_run_input(run, keys[what]) for what in ("schema", "description")}
    return {what: json.loads(text) for what, text in told.items()}


def last_table(run: UUID) -> list[dict[str, str]]:
    """The story that a run told last."""
    with get_client(sync_client=True) as client:
        artifacts = client.read_artifacts()
    told = [json.loads(str(one.data)) for one in artifacts if one.flow_run_id == run]
    rows: list[dict[str, str]] = max(told, key=lambda rows: str(rows[-1]["time (UTC)"]))
    return rows


def test_what_was_answered_cannot_be_followed_or_was_no_answer_and_is_asked_for_again(
    workers: Workers, world: World
) -> None:
    with workers.one():
        run = workers.start()
        reaches(run, "Suspended")
        resume(run, decision="change", corrections=[{"line": 7, "quantity": 1}])
        said = form(reaches_again(run, asked=2))["description"]
        assert said.startswith("**Your answer could not be followed: ")
        assert "line 7" in said

        # What only we can tell to be wrong, as Prefect's form does not hear of it.
        resume(run, decision="change", corrections=[{"line": 1, "description": " untidy "}])
        assert "corrections.0.description" in form(reaches_again(run, asked=3))["description"].replace("\\", "")

        # Set going by hand, by whoever thought that it was stuck.
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(run, Scheduled(), force=True)
        assert "without one" in form(reaches_again(run, asked=4))["description"]

        resume(run, decision="change", corrections=[{"line": 1, "quantity": 2}])
        message = str(reaches(run, "Completed").message)
    assert "approved with changes by J.R." in message
    assert (world.invoice()["amount_paid"], world.money["charged"]) == (31300, 1)


def reaches_again(run: UUID, asked: int) -> State[Any]:
    """Wait until a run is suspended that has asked so often."""
    flow_run = eventually(
        lambda: read(run),
        lambda run: run.state_name == "Suspended" and len(run.empirical_policy.pause_keys or ()) == asked,
    )
    assert flow_run.state is not None
    assert len(flow_run.empirical_policy.pause_keys or ()) == asked, flow_run.state
    return flow_run.state


def test_two_runs_of_one_order_wait_and_are_answered_otherwise(workers: Workers, world: World) -> None:
    with workers.one():
        runs = [workers.start(external_id="HELD-2") for _ in range(2)]
        for run in runs:
            reaches(run, "Suspended")
    resume(runs[0], decision="reject", reason="too much")
    with workers.one():
        assert "rejected by J.R." in str(reaches(runs[0], "NotApproved").message)
    resume(runs[1], decision="approve")
    with workers.one():
        message = str(reaches(runs[1], "Failed").message)
    assert "came too late: it was rejected by J.R." in message
    assert "too much" in message
    assert world.invoice()["status"] == "draft"
    assert events("stripe.order.HELD-2", expected=3)["stripe.order.not_approved"] == 1


def test_nobody_answers_in_time(workers: Workers, world: World) -> None:
    with workers.one():
        run = workers.start()
        suspended = reaches(run, "Suspended")
        timeout = suspended.state_details.pause_timeout
        assert timeout is not None
        assert round((timeout.timestamp() - suspended.timestamp.timestamp()) / 86400) == 30
        # Thirty days later, as Prefect itself does it then.
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(run, Failed(message="The flow was paused and never resumed."), force=True)
        assert resume(run).status == SetStateStatus.ABORT
        assert world.invoice()["status"] == "draft"
        again = workers.start()
        reaches(again, "Suspended")
        resume(again)
        reaches(again, "Completed")
    assert (world.money["invoices"], world.money["charged"]) == (1, 1)


def test_a_run_that_cannot_wait_ends_as_awaiting_approval(world: World) -> None:
    credentials = StripeCredentials(api_key=SecretStr(world.sandbox.api_key), api_base=world.sandbox.url)

    @flow
    def parent() -> State[Any]:
        state: State[Any] = invoice_lifecycle(
            world.order(), credentials, approval_limits=list(LIMITS), return_state=True
        )
        return state

    for state in (
        invoice_lifecycle(world.order(), credentials, approval_limits=list(LIMITS), return_state=True),
        parent(),
    ):
        assert (state.type, state.name) == ("COMPLETED", "AwaitingApproval")
        assert "above the limit of 400.00 USD" in str(Told(state).artifact.description)
    assert world.invoice()["status"] == "draft"

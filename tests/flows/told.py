"""What a Prefect server knows of a run: read from it, as an operator or a listener would."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import httpx
from prefect import State
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import Artifact, FlowRun
from prefect.client.schemas.sorting import TaskRunSort
from prefect.settings import get_current_settings

T = TypeVar("T")

PATIENCE = 60.0


def eventually(read: Callable[[], T], wanted: Callable[[T], bool]) -> T:
    """Read what the server writes down behind the run's back, until it has."""
    until = time.monotonic() + PATIENCE
    while not wanted(seen := read()) and time.monotonic() < until:
        time.sleep(0.05)
    return seen


class Told:
    """What the server knows of a run."""

    def __init__(self, state: State[Any]) -> None:
        self.state = state
        run_id = state.state_details.flow_run_id
        assert run_id is not None
        self.run_id: UUID = run_id

    @property
    def flow_run(self) -> FlowRun:
        with get_client(sync_client=True) as client:
            return client.read_flow_run(self.run_id)

    def task_runs(self, *names: str) -> list[tuple[str, str, str]]:
        """Name, state and flow of each, in order, when those that begin so are there and none is at work."""

        def read() -> list[tuple[str, str, str]]:
            with get_client(sync_client=True) as client:
                runs = client.read_task_runs(
                    flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[self.run_id])),
                    sort=TaskRunSort.EXPECTED_START_TIME_DESC,
                    limit=200,
                )
            return [(run.name, str(run.state_name), str(run.task_key)) for run in reversed(runs)]

        def whole(seen: list[tuple[str, str, str]]) -> bool:
            there = all(any(run[0].startswith(name) for run in seen) for name in names)
            return there and not any(run[1] in ("Pending", "Running") for run in seen)

        return eventually(read, whole)

    @property
    def artifact(self) -> Artifact:
        return self.artifact_of("table")

    def artifact_of(self, kind: str) -> Artifact:
        """The one artifact of a kind that the run left."""
        with get_client(sync_client=True) as client:
            artifacts = client.read_artifacts(
                artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[self.run_id]))
            )
        (artifact,) = [artifact for artifact in artifacts if artifact.type == kind]
        return artifact

    @property
    def table(self) -> list[dict[str, str]]:
        rows: list[dict[str, str]] = json.loads(str(self.artifact.data))
        return rows

    def logs(self, until: str) -> list[str]:
        def read() -> list[str]:
            with get_client(sync_client=True) as client:
                logs = client.read_logs(
                    log_filter=LogFilter(flow_run_id=LogFilterFlowRunId(any_=[self.run_id])), limit=200
                )
            return [log.message for log in logs]

        return eventually(read, lambda seen: any(until in message for message in seen))


def events(about: str, expected: int, role: str | None = None) -> Counter[str]:
    """How often the server heard each event of an invoice or a payment, by its id, or of any resource by its own.

    With a role, of those that it is only related to, as that.
    """
    api = str(get_current_settings().api.url)

    def read() -> Counter[str]:
        kind = "payment_intent" if about.startswith("pi_") else "invoice"
        id_ = about if "." in about else f"stripe.{kind}.{about}"
        resource = {"related": {"id": [id_], "role": [role]}} if role else {"resource": {"id": [id_]}}
        answer = httpx.post(f"{api}/events/filter", json={"filter": resource, "limit": 50})
        assert answer.status_code == 200, answer.text
        return Counter(event["event"] for event in answer.json()["events"])

    return eventually(read, lambda seen: seen.total() >= expected)

"""`python -m prefect_stripe.deployments.serve`: every flow, served from this one process, without a work pool."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from prefect import serve
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.schedules import Schedule

from prefect_stripe.blocks import StripeCredentials

PREFECT_FILE: Final = Path(__file__).with_name("prefect.yaml")
"""Where the deployments are declared, for workers and for here."""

MOST_RUNS: Final = 20
"""How many runs go on at a time; each is a process of its own."""


def declared(prefect_file: Path = PREFECT_FILE, credentials: str | None = None) -> list[RunnerDeployment]:
    """Read what a `prefect.yaml` declares, to be served from a process instead of started by workers.

    Args:
        prefect_file: Where it is declared.
        credentials: Name of a saved `StripeCredentials` block, which forms then show as chosen.
    """
    content: dict[str, Any] = yaml.safe_load(prefect_file.read_text(encoding="utf-8"))
    deployments = [_served(**deployment) for deployment in content["deployments"]]
    if credentials:
        chosen = reference_to(credentials)
        for deployment in deployments:
            deployment.parameters = {"credentials": chosen, **deployment.parameters}
    return deployments


def reference_to(name: str) -> dict[str, Any]:
    """Return what stands for a saved `StripeCredentials` block in a deployment's or a run's parameters."""
    load: Any = StripeCredentials.load
    return {"$ref": {"block_document_id": str(load(name, _sync=True)._block_document_id)}}


def keep_schedules(client: SyncPrefectClient, deployments: Sequence[RunnerDeployment]) -> None:
    """Leave the schedules that are on the server as they are; those that are declared as on are as they are declared.

    Prefect would exchange all of them for the declared ones: what was turned on in the UI would be off again, and what
    was added there be gone. Where one is declared without a slug none is known again, and they are exchanged.

    Args:
        client: Of the server.
        deployments: As they are declared; their schedules are completed.
    """
    for deployment in deployments:
        declared_ones = deployment.schedules or []
        if any(one.slug is None for one in declared_ones):
            continue
        try:
            there = client.read_deployment_by_name(deployment.full_name).schedules
        except ObjectNotFound:
            continue
        on = {one.slug for one in declared_ones if one.active}
        kept = [
            DeploymentScheduleCreate(
                schedule=one.schedule,
                active=one.active,
                max_scheduled_runs=one.max_scheduled_runs,
                parameters=one.parameters,
                slug=one.slug,
            )
            for one in there
            if one.slug not in on
        ]
        known = {one.slug for one in kept}
        deployment.schedules = [*kept, *(one for one in declared_ones if one.slug not in known)]


def _served(
    *, schedules: list[dict[str, Any]] | None, concurrency_limit: dict[str, Any], work_pool: object, **as_it_is: Any
) -> RunnerDeployment:
    return RunnerDeployment.from_entrypoint(
        **as_it_is,
        schedules=[Schedule(**schedule) for schedule in schedules or ()],
        concurrency_limit=ConcurrencyLimitConfig(**concurrency_limit),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the flows of a prefect.yaml from this process, until Ctrl-C.")
    parser.add_argument("--prefect-file", type=Path, default=PREFECT_FILE, help="a copy of yours (default: ours)")
    parser.add_argument("--limit", type=int, default=MOST_RUNS, help="runs at a time (default: %(default)s)")
    parser.add_argument("--credentials", help="name of a saved block, for runs that name none")
    options = parser.parse_args()
    try:
        deployments = declared(options.prefect_file, options.credentials)
    except (OSError, ValueError) as error:
        # No such file, or no such block: Prefect says so in words.
        parser.error(str(error))
    with get_client(sync_client=True) as client:
        keep_schedules(client, deployments)
    serve(*deployments, limit=options.limit)


if __name__ == "__main__":
    main()

"""Serving all flows from one process: what cannot be served is said in a line, and nothing is begun."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.deployments.runner import RunnerDeployment

from prefect_stripe.deployments import serve


@pytest.mark.server
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--credentials", "not-saved"], "Unable to find block document named not-saved"),
        (["--prefect-file", "not-there.yaml"], "not-there.yaml"),
    ],
)
def test_what_is_not_there_is_named(
    arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["serve", *arguments])
    with pytest.raises(SystemExit, match="2"):
        serve.main()
    assert told in capsys.readouterr().err


def _declared_on(folder: Path) -> Path:
    """A copy in which the schedule of the ledger is on."""
    content = yaml.safe_load(serve.PREFECT_FILE.read_text())
    for deployment in content["deployments"]:
        if deployment["name"] == "sync-the-ledger":
            deployment["schedules"][0]["active"] = True
    copy = folder / "prefect.yaml"
    copy.write_text(yaml.safe_dump(content))
    return copy


def _schedules(name: str) -> list[DeploymentSchedule]:
    with get_client(sync_client=True) as client:
        return client.read_deployment_by_name(name).schedules


@pytest.mark.server
def test_schedules_of_the_ui_outlive_being_served_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def served(*deployments: RunnerDeployment, limit: int) -> None:
        for deployment in deployments:
            apply: Any = deployment.apply
            apply(_sync=True)

    monkeypatch.setattr(serve, "serve", served)
    monkeypatch.setattr("sys.argv", ["serve"])
    serve.main()
    (daily,) = _schedules("extract/extract-tables")
    assert not daily.active
    with get_client(sync_client=True) as client:
        order = client.read_deployment_by_name("invoice-lifecycle/invoice-an-order")
        nightly = CronSchedule(cron="0 4 * * *", timezone="UTC")
        client.create_deployment_schedules(order.id, [(nightly, True)])
        tables = client.read_deployment_by_name("extract/extract-tables")
        client.create_deployment_schedules(tables.id, [(IntervalSchedule(interval=timedelta(hours=1)), True)])
        parameters = {"folder": "elsewhere", "tables": ["charges"]}
        # As the UI does; Prefect's client sends no parameters, and the server takes that for none.
        client._client.patch(  # pyright: ignore[reportPrivateUsage]
            f"/deployments/{tables.id}/schedules/{daily.id}",
            json={
                "active": True,
                "slug": daily.slug,
                "parameters": parameters,
                "schedule": {"cron": "0 5 * * *", "timezone": "UTC"},
            },
        ).raise_for_status()

    for _ in range(2):
        serve.main()
        (kept,) = _schedules("invoice-lifecycle/invoice-an-order")
        assert (kept.active, kept.schedule) == (True, nightly)
        found = {one.slug: one for one in _schedules("extract/extract-tables")}
        assert found.keys() == {"daily", None}
        daily = found["daily"]
        assert (daily.active, daily.parameters) == (True, parameters)
        assert isinstance(daily.schedule, CronSchedule)
        assert daily.schedule.cron == "0 5 * * *"

    monkeypatch.setattr("sys.argv", ["serve", "--prefect-file", str(_declared_on(tmp_path))])
    serve.main()
    assert [one.active for one in _schedules("sync-ledger/sync-the-ledger")] == [True]

"""What is declared for a server: the settings of the compose file are Prefect's, and what it starts is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOYMENTS = ROOT / "deployments"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOYMENTS / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]

OF_PREFECT_REDIS = {"PREFECT_REDIS_MESSAGING_URL"}
"""It reads its settings by itself."""


def environment() -> Iterator[tuple[str, str]]:
    for service in SERVICES.values():
        yield from service.get("environment", {}).items()


def test_each_setting_of_the_compose_file_is_one_of_prefects(monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose name Prefect does not know would be passed over in silence."""
    given = {name: value for name, value in environment() if name.startswith("PREFECT_")}
    offered = re.findall(r"PREFECT_\w*AUTH_STRING", (DEPLOYMENTS / "compose.yaml").read_text())
    given |= dict.fromkeys(offered, "admin:secret")
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    understood = Settings().to_environment_variables(exclude_unset=True, include_secrets=True)
    assert {name: understood.get(name) for name in given.keys() - OF_PREFECT_REDIS} == {
        name: value for name, value in given.items() if name not in OF_PREFECT_REDIS
    }


def test_each_service_waits_for_one_that_is_there_and_says_when_it_is_ready() -> None:
    for name, service in SERVICES.items():
        for other, when in service.get("depends_on", {}).items():
            assert other in SERVICES, name
            assert when["condition"] != "service_healthy" or "healthcheck" in SERVICES[other], (name, other)


def test_two_workers_take_runs_from_the_pool_that_is_deployed_to() -> None:
    declared = yaml.safe_load((DEPLOYMENTS / "prefect.yaml").read_text())
    pools = {one["work_pool"]["name"] for one in declared["deployments"]}
    commands = [service["command"] for name, service in SERVICES.items() if name.startswith("worker-")]
    assert commands == [f"prefect worker start --pool {pool} --type process" for pool in pools] * 2


def test_images_are_pinned_and_prefects_is_the_tested_one() -> None:
    for service in SERVICES.values():
        if "build" not in service:
            assert re.search(r":\d+\.\d+$", service["image"])
    constraints = (ROOT / "constraints.txt").read_text()
    (version,) = re.findall(r"^prefect==(.+)$", constraints, re.MULTILINE)
    assert f"FROM prefecthq/prefect:{version}-" in (DEPLOYMENTS / "Dockerfile").read_text()


def test_what_is_not_of_the_repository_gets_into_no_image() -> None:
    """What `make serve` keeps has keys in it, and an environment is large, and of another machine."""
    kept_out = (ROOT / ".gitignore").read_text().splitlines()
    assert (ROOT / ".dockerignore").read_text().splitlines() == [".git/", *(f"**/{line}" for line in kept_out)]


def test_the_guide_names_every_deployment() -> None:
    declared = yaml.safe_load((DEPLOYMENTS / "prefect.yaml").read_text())
    guide = (ROOT / "docs" / "prefect_ui.md").read_text()
    assert re.findall(r"^\| `([a-z-]+)` \|", guide, re.MULTILINE) == [one["name"] for one in declared["deployments"]]


def test_schedules_are_off_until_someone_turns_them_on() -> None:
    declared = yaml.safe_load((DEPLOYMENTS / "prefect.yaml").read_text())
    schedules = [one for deployment in declared["deployments"] for one in deployment["schedules"] or ()]
    assert [one["active"] for one in schedules].count(True) == 0


def test_deploying_leaves_the_schedules_of_the_ui_alone_where_none_is_declared() -> None:
    """Of an empty list Prefect 3.9 warns in each deployment, and announces that it will remove them."""
    declared = yaml.safe_load((DEPLOYMENTS / "prefect.yaml").read_text())
    assert [] not in [deployment["schedules"] for deployment in declared["deployments"]]


def test_automations_are_about_every_deployment_and_no_other() -> None:
    declared = yaml.safe_load((DEPLOYMENTS / "automations.yaml").read_text())
    (tag, flow) = declared["definitions"]["ours"]
    deployments = yaml.safe_load((DEPLOYMENTS / "prefect.yaml").read_text())["deployments"]
    flows = {import_module(module).__dict__[name].name for module, name in map(_parts, deployments)}
    assert set(flow["prefect.resource.name"]) == flows
    assert all(tag["prefect.resource.id"].removeprefix("prefect.tag.") in one["tags"] for one in deployments)
    about = {one["name"]: one["trigger"]["match_related"] for one in declared["automations"]}
    assert about.pop("collect-a-declined-invoice") == {"prefect.resource.role": "charge"}
    assert all(related == [tag, flow] for related in about.values())


def _parts(deployment: dict[str, Any]) -> tuple[str, str]:
    module, _, name = deployment["entrypoint"].rpartition(".")
    return module, name


def test_what_moves_money_is_off_until_someone_turns_it_on() -> None:
    declared = yaml.safe_load((DEPLOYMENTS / "automations.yaml").read_text())["automations"]
    runs = [one for one in declared if any(action["type"] == "run-deployment" for action in one["actions"])]
    assert [one["enabled"] for one in runs] == [False]

"""`python -m prefect_stripe.deployments.automations`: what a Prefect server does by itself for these flows."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound

from prefect_stripe.deployments.serve import reference_to

AUTOMATIONS_FILE: Final = Path(__file__).with_name("automations.yaml")
"""Where the automations are declared."""

AGAIN: Final = "set-a-crashed-run-going"
DEAD: Final = ("crash-a-dead-run", "hand-on-a-run-that-never-began")

NO_BLOCK: Final = (
    "it has nobody to tell. Save a notification block in the Prefect UI (Blocks, such as Slack Webhook or Custom "
    "Webhook), and name it by its type and its name: --notify slack-webhook/oncall"
)


class AutomationError(Exception):
    """What is asked for cannot be made, and nothing was."""


@dataclass(frozen=True)
class Wishes:
    """What differs from the file.

    Attributes:
        notify: Which notification block tells of failed runs, `type/name`; empty means as the file has it.
        credentials: Name of the saved `StripeCredentials` block that invoices are collected with; empty means the
            worker's environment.
        dead_after: Seconds without a heartbeat, or without having begun; None means as the file has it.
        again_after: Seconds from a crash to its being set going again; None means as the file has it.
        collect_after: Seconds from a decline to the next attempt; None means as the file has it.
    """

    notify: str = ""
    credentials: str = ""
    dead_after: float | None = None
    again_after: float | None = None
    collect_after: float | None = None


def planned(
    client: SyncPrefectClient, wishes: Wishes, file: Path = AUTOMATIONS_FILE
) -> tuple[list[AutomationCore], dict[str, str]]:
    """Read what is declared, with the ids of what it names on this server.

    Returns:
        The automations; and the names of those that are left out, with the reason.

    Raises:
        AutomationError: The server has no such deployment or block, or the file declares something else.
    """
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    automations: list[AutomationCore] = []
    left_out: dict[str, str] = {}
    for declared in content["automations"]:
        name, actions = declared["name"], declared["actions"]
        seconds = wishes.dead_after if name in DEAD else wishes.again_after if name == AGAIN else None
        if seconds is not None:
            declared["trigger"]["within"] = seconds
        for action in actions:
            _resolve(client, action, wishes)
        if any("block" in action for action in actions):
            left_out[name] = NO_BLOCK
            continue
        try:
            automations.append(AutomationCore.model_validate(declared))
        except ValueError as error:
            raise AutomationError(f"{name} in {file.name} is not an automation as Prefect has them: {error}") from error
    return automations, left_out


def _resolve(client: SyncPrefectClient, action: dict[str, Any], wishes: Wishes) -> None:
    """Put ids in place of names, where there are names."""
    if "block" in action and (block := wishes.notify or action["block"]):
        del action["block"]
        action["block_document_id"] = _block(client, block)
    if "deployment" in action:
        action["deployment_id"] = _deployment(client, action.pop("deployment"))
        if wishes.credentials:
            action["parameters"]["credentials"] = _account(wishes.credentials)
        if wishes.collect_after is not None:
            action["schedule_after"] = wishes.collect_after


def _block(client: SyncPrefectClient, named: str) -> str:
    kind, _, name = named.partition("/")
    try:
        return str(client.read_block_document_by_name(name, kind).id)
    except ObjectNotFound:
        raise AutomationError(
            f"there is no block {named!r} on the Prefect server: name one that is saved, by its type and its name, as "
            "`prefect block ls` shows them (slack-webhook/oncall)"
        ) from None


def _account(name: str) -> dict[str, Any]:
    try:
        return reference_to(name)
    except ValueError:
        raise AutomationError(
            f"there is no saved account {name!r}: save a `Stripe Credentials` block of that name in the Prefect UI"
        ) from None


def _deployment(client: SyncPrefectClient, named: str) -> str:
    try:
        return str(client.read_deployment_by_name(named).id)
    except ObjectNotFound:
        raise AutomationError(
            f"there is no deployment {named!r} on the Prefect server: deploy the flows first (docs, From one machine "
            "to many workers)"
        ) from None


def ensure_automations(
    client: SyncPrefectClient, automations: Sequence[AutomationCore], enable: Collection[str] = ()
) -> dict[str, str]:
    """Make the automations, or bring those of the same names up to date; what is as it should be is left alone.

    Whether one that is there is on, whoever turned it on or off has decided.

    Args:
        client: Of the server.
        automations: As they should be.
        enable: Names of those to turn on.

    Returns:
        What became of each, by its name: `created`, `updated` or `unchanged`.

    Raises:
        AutomationError: There are two of a name, or none of a name that is to be turned on.
    """
    if unknown := sorted(set(enable) - {one.name for one in automations}):
        names = ", ".join(one.name for one in automations)
        raise AutomationError(f"there is no automation {unknown[0]!r} to turn on: there are {names}")
    there = {one.name: client.read_automations_by_name(one.name) for one in automations}
    if twice := [name for name, found in there.items() if len(found) > 1]:
        raise AutomationError(f"there are {len(there[twice[0]])} automations {twice[0]!r}: delete all but one")
    became: dict[str, str] = {}
    for wanted in automations:
        seen = next(iter(there[wanted.name]), None)
        on = wanted.name in enable or (wanted if seen is None else seen).enabled
        wanted = wanted.model_copy(update={"enabled": on})
        if seen is None:
            client.create_automation(wanted)
            became[wanted.name] = "created"
        elif _content(seen) != _content(wanted):
            client.update_automation(seen.id, wanted)
            became[wanted.name] = "updated"
        else:
            became[wanted.name] = "unchanged"
        became[wanted.name] += ", on" if on else ", off"
    return became


def _content(automation: AutomationCore) -> Mapping[str, Any]:
    # Not as JSON, which has the same events in another order each time.
    return AutomationCore.model_validate(automation.model_dump()).model_dump()


def main(arguments: Sequence[str] | None = None) -> int:
    """Make them, and say what became of each; 1 if something is not there that they need."""
    options = _options(arguments)
    wishes = Wishes(options.notify, options.credentials, options.dead_after, options.again_after, options.collect_after)
    try:
        with get_client(sync_client=True) as client:
            automations, left_out = planned(client, wishes, options.file)
            if options.print:
                content = {"automations": [one.model_dump(mode="json") for one in automations]}
                print(yaml.safe_dump(content, sort_keys=False), end="")
            else:
                for name, became in ensure_automations(client, automations, options.enable).items():
                    print(f"{name}: {became}")
    except AutomationError as error:
        print(f"Nothing was made: {error}", file=sys.stderr)
        return 1
    for name, reason in left_out.items():
        print(f"{name}: left out, {reason}", file=sys.stderr)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m prefect_stripe.deployments.automations",
        description="Make the automations of these flows on the Prefect server of the current profile, or bring them "
        "up to date.",
    )
    parser.add_argument("--file", type=Path, default=AUTOMATIONS_FILE, help="a copy of yours (default: ours)")
    parser.add_argument("--notify", default="", metavar="TYPE/NAME", help="the notification block that tells you")
    parser.add_argument("--credentials", default="", metavar="NAME", help="the account to collect with, a saved block")
    parser.add_argument("--enable", action="append", default=[], metavar="AUTOMATION", help="turn one on")
    parser.add_argument("--dead-after", type=float, metavar="SECONDS", help="without a sign of life")
    parser.add_argument("--again-after", type=float, metavar="SECONDS", help="from a crash to its being set going")
    parser.add_argument("--collect-after", type=float, metavar="SECONDS", help="from a decline to the next attempt")
    parser.add_argument("--print", action="store_true", help="make nothing: print them for `prefect automation create`")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

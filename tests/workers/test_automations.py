"""What a Prefect server does by itself: each automation is made by the script, and its event is really caused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from prefect_stripe.sandbox import Sandbox
from tests.workers.ground import HOST, Ground, eventually, prefect_ground
from tests.workers.processes import process_of

SCRIPT: Final = (sys.executable, "-m", "prefect_stripe.deployments.automations")

NAMES: Final = [
    "tell-of-a-failed-run",
    "collect-a-declined-invoice",
    "crash-a-dead-run",
    "set-a-crashed-run-going",
    "hand-on-a-run-that-never-began",
]

DEAD_AFTER: Final = 40
"""Seconds. Prefect sends no more than a heartbeat in thirty."""

SAVE_A_BLOCK: Final = """
import sys
from prefect.blocks.notifications import CustomWebhookNotificationBlock
told = {"subject": "{{subject}}", "body": "{{body}}"}
CustomWebhookNotificationBlock(name="oncall", url=sys.argv[1], json_data=told).save("oncall")
"""


def order(external_id: str, **given: Any) -> dict[str, Any]:
    usual = {
        "external_id": external_id,
        "customer_email": f"{external_id.lower()}@example.com",
        "currency": "usd",
        "lines": [{"description": "Consulting, hours", "quantity": 3, "unit_amount": 15000}],
        "payment_method": "pm_card_visa",
    }
    return usual | given


class Told:
    """A webhook on loopback, and what it was told."""

    def __init__(self) -> None:
        self.messages: list[dict[str, str]] = []
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told.messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self.server.server_port}"

    def of(self, run: str) -> list[dict[str, str]]:
        return [message for message in self.messages if run in message["subject"]]


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    webhook = Told()
    threading.Thread(target=webhook.server.serve_forever, daemon=True).start()
    yield webhook
    webhook.server.shutdown()
    webhook.server.server_close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    # As Stripe is at its fastest: an order takes a while, in which its worker can be killed.
    with Sandbox.start(latency=0.2) as running:
        yield running


@pytest.fixture(scope="module")
def account(sandbox: Sandbox) -> dict[str, str]:
    return {
        "STRIPE_API_KEY": sandbox.api_key,
        "STRIPE_API_BASE": sandbox.url,
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    }


@pytest.fixture(scope="module")
def ground(account: dict[str, str], told: Told, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A server with our flows and automations, and a worker."""
    with prefect_ground(tmp_path_factory.mktemp("team")) as server:
        server.deploy()
        server.run(sys.executable, "-c", SAVE_A_BLOCK, told.url)
        options = ("--notify", "custom-webhook/oncall", "--dead-after", str(DEAD_AFTER), "--collect-after", "1")
        server.run(*SCRIPT, *options, "--enable", "collect-a-declined-invoice")
        with server.worker(**account):
            yield server


def runs_named(ground: Ground, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ground.api("/flow_runs/filter", {"flow_runs": {"name": {"any_": [name]}}})
    return found


def charges(sandbox: Sandbox, status: str) -> int:
    return len(sandbox.ledger.select(f"charge.{status}"))


def test_who_is_on_call_is_told_of_a_failed_run(ground: Ground, told: Told) -> None:
    run = ground.ended(ground.start_run("invoice-an-order", order=order("TOLD-1", total=1)))
    assert run["state_name"] == "Failed"
    (message,) = eventually(lambda: told.of("TOLD-1") or None, "the webhook is told")
    assert message["subject"] == "invoice TOLD-1: Failed"
    assert run["state"]["message"] in message["body"]
    assert run["id"] in message["body"]


def test_a_declined_invoice_is_collected_so_often_and_no_oftener(ground: Ground, sandbox: Sandbox) -> None:
    card = "pm_card_chargeCustomerFail"
    run = ground.ended(ground.start_run("invoice-an-order", order=order("DECL-1", payment_method=card)))
    assert run["state_name"] == "Declined", run["state"]

    def collected() -> list[dict[str, Any]] | None:
        runs = runs_named(ground, "collect DECL-1")
        ended = [one for one in runs if one["state_type"] == "COMPLETED"]
        return ended if len(ended) == 4 else None

    # Of each decline a run: three make an attempt, and the fourth finds that there are to be no more.
    runs = eventually(collected, "the invoice is collected")
    assert {one["state_name"] for one in runs} == {"Declined"}
    assert len({one["parameters"]["declined_charge"] for one in runs}) == 4
    assert (charges(sandbox, "failed"), charges(sandbox, "succeeded")) == (4, 0)
    # The same again, as by an event that is delivered twice.
    first = min(runs, key=lambda one: str(one["created"]))
    again = ground.ended(ground.start_run("collect-an-invoice", **first["parameters"]))
    assert (again["state_name"], charges(sandbox, "failed")) == ("Declined", 4)

"""What a Prefect server does by itself: each automation is made by the script, and its event is really caused."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
import yaml
from prefect.settings import PREFECT_API_URL, temporary_settings

from prefect_stripe.deployments.automations import main
from prefect_stripe.sandbox import Sandbox
from tests.workers.ground import HOST, Ground, eventually, prefect_ground
from tests.workers.processes import process_of, processes_of

SCRIPT: Final = (sys.executable, "-m", "prefect_stripe.deployments.automations")

NAMES: Final = [
    "tell-of-a-failed-run",
    "collect-a-declined-invoice",
    "crash-a-dead-run",
    "crash-a-run-without-heartbeat",
    "set-a-crashed-run-going",
    "hand-on-a-run-that-never-began",
]

DEAD_AFTER: Final = 35
"""Seconds. Prefect sends no more than a heartbeat in thirty."""

OPTIONS: Final = (
    *("--notify", "custom-webhook/oncall"),
    *("--dead-after", str(DEAD_AFTER), "--again-after", "10", "--collect-after", "1"),
)

Made = Callable[..., tuple[int, str, dict[str, str]]]
"""Gives its exit code, what it complained of, and what it said of each automation."""

SAVE_A_BLOCK: Final = """
import sys
from prefect.blocks.notifications import CustomWebhookNotificationBlock
told = {"subject": "{{subject}}", "body": "{{body}}"}
CustomWebhookNotificationBlock(name="oncall", url=sys.argv[1], json_data=told).save("oncall")
"""


def order(external_id: str, unit_amount: int = 15000, **given: Any) -> dict[str, Any]:
    usual = {
        "external_id": external_id,
        "customer_email": f"{external_id.lower()}@example.com",
        "currency": "usd",
        "lines": [{"description": "Consulting, hours", "quantity": 3, "unit_amount": unit_amount}],
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
    with Sandbox.start() as running:
        yield running


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}
    with httpx.Client(base_url=sandbox.url, headers=headers) as client:
        yield client


@pytest.fixture(scope="module")
def account(sandbox: Sandbox) -> dict[str, str]:
    return {
        "STRIPE_API_KEY": sandbox.api_key,
        "STRIPE_API_BASE": sandbox.url,
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    }


@pytest.fixture(scope="module")
def ground(account: dict[str, str], told: Told, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A server with our flows and automations, for which no worker works yet.

    That which hands on runs that never began is off, as it is on SQLite: the events that it waits for may be lost.
    """
    with prefect_ground(tmp_path_factory.mktemp("team")) as server:
        server.deploy()
        server.run(sys.executable, "-c", SAVE_A_BLOCK, told.url)
        server.run(*SCRIPT, *OPTIONS, "--enable", "collect-a-declined-invoice")
        yield server


def charges(sandbox: Sandbox, status: str) -> int:
    return len(sandbox.ledger.select(f"charge.{status}"))


@pytest.fixture
def made(ground: Ground, capsys: pytest.CaptureFixture[str]) -> Made:
    """The script, run once more in this process."""

    def run(*options: str) -> tuple[int, str, dict[str, str]]:
        with temporary_settings({PREFECT_API_URL: f"{ground.url}/api"}):
            code = main(options)
        out, err = capsys.readouterr()
        return code, err, dict(line.split(": ", 1) for line in out.splitlines())

    return run


def there(ground: Ground) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ground.api("/automations/filter", {"limit": 200})
    return found


def test_made_again_they_are_there_once_and_as_on_or_off_as_somebody_left_them(ground: Ground, made: Made) -> None:
    assert sorted(one["name"] for one in there(ground)) == sorted(NAMES)
    on = dict.fromkeys(NAMES[:-1], "unchanged, on")
    assert made(*OPTIONS) == (0, "", on | {NAMES[-1]: "unchanged, off"})
    ground.prefect("automation", "pause", "set-a-crashed-run-going")
    code, said, became = made(*OPTIONS, "--again-after", "11")
    assert (code, said, became["set-a-crashed-run-going"]) == (0, "", "updated, off")
    assert sorted(one["name"] for one in there(ground)) == sorted(NAMES)
    again = ("--enable", "set-a-crashed-run-going", *OPTIONS)
    assert made(*again)[2]["set-a-crashed-run-going"] == "updated, on"


def test_without_a_block_nobody_is_told_and_it_says_what_to_do(made: Made) -> None:
    code, said, became = made(*OPTIONS[2:])
    assert (code, sorted(became)) == (0, sorted(NAMES[1:]))
    assert said.startswith("tell-of-a-failed-run: left out, it has nobody to tell. Save a notification block")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--notify", "slack-webhook/nobody"), "there is no block 'slack-webhook/nobody' on the Prefect server"),
        (("--credentials", "nobody"), "there is no saved account 'nobody'"),
        (("--enable", "nothing"), "there is no automation 'nothing' to turn on"),
        (("--dead-after", "5"), "crash-a-dead-run"),
    ],
)
def test_what_is_not_there_is_said_before_anything_is_made(
    ground: Ground, made: Made, options: tuple[str, ...], why: str
) -> None:
    before = there(ground)
    code, said, became = made(*options)
    assert (code, became, there(ground)) == (1, {}, before)
    assert said.startswith("Nothing was made: ")
    assert why in said


def test_prefects_own_command_takes_what_is_printed(ground: Ground, tmp_path: Path) -> None:
    printed = yaml.safe_load(ground.run(*SCRIPT, *OPTIONS, "--print"))
    for one in printed["automations"]:
        one |= {"name": f"printed: {one['name']}", "enabled": False}
    file = tmp_path / "printed.yaml"
    file.write_text(yaml.safe_dump(printed))
    ground.prefect("automation", "create", "--from-file", str(file))
    by_name = {one["name"]: one for one in there(ground)}
    for name in NAMES:
        for part in ("actions", "description"):
            assert by_name[f"printed: {name}"][part] == by_name[name][part]


def test_a_run_that_was_taken_and_never_begun_waits_for_a_worker_again(ground: Ground, made: Made) -> None:
    name = "hand-on-a-run-that-never-began"
    assert made(*OPTIONS, "--dead-after", "10", "--enable", name)[2][name] == "updated, on"
    # As a worker leaves it that dies before it has begun a run which it took.
    body = {"parameters": {"order": order("TAKEN-1", unit_amount=1300)}, "state": {"type": "PENDING"}}
    run = ground.api(f"/deployments/{ground.deployment('invoice-an-order')['id']}/create_flow_run", body)["id"]
    eventually(lambda: ground.api(f"/flow_runs/{run}")["state_name"] == "Scheduled" or None, "it waits again")
    assert states_of(ground, run) == ["Pending", "Scheduled"]
    ground.prefect("automation", "pause", name)
    assert made(*OPTIONS)[2][name] == "updated, off"


def test_a_run_without_heartbeats_is_crashed_if_it_was_running_and_left_alone_if_it_waits(
    ground: Ground, made: Made
) -> None:
    """As where the event of its being suspended is lost: its last heartbeat is what the server knows of."""
    name = "crash-a-dead-run"
    assert made(*OPTIONS, "--dead-after", "10")[2][name] == "updated, on"
    running, suspended = (brought_to_run(ground, f"SILENT-{number}") for number in (1, 2))
    set_state(ground, suspended, "PAUSED", "Suspended")
    for run in (running, suspended):
        beat(ground, run)
    eventually(lambda: refusals(ground, suspended) or None, "it is refused")
    eventually(lambda: "Crashed" in states_of(ground, running) or None, "what was running is crashed")
    assert states_of(ground, suspended) == ["Pending", "Running", "Suspended"]
    assert states_of(ground, running)[:4] == ["Pending", "Running", "NoHeartbeat", "Crashed"]
    assert refusals(ground, running) == []
    assert made(*OPTIONS)[2][name] == "updated, on"


def brought_to_run(ground: Ground, external_id: str) -> str:
    """A run that no process works on."""
    body = {"parameters": {"order": order(external_id, unit_amount=1600)}, "state": {"type": "PENDING"}}
    run = str(ground.api(f"/deployments/{ground.deployment('invoice-an-order')['id']}/create_flow_run", body)["id"])
    set_state(ground, run, "RUNNING", "Running")
    return run


def set_state(ground: Ground, run: str, kind: str, name: str) -> None:
    answer = ground.api(f"/flow_runs/{run}/set_state", {"state": {"type": kind, "name": name}})
    assert answer["status"] == "ACCEPT", answer


def beat(ground: Ground, run: str) -> None:
    """Send a heartbeat of a run, as its process would."""
    event = {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": "prefect.flow-run.heartbeat",
        "resource": {"prefect.resource.id": f"prefect.flow-run.{run}"},
        "related": [
            {"prefect.resource.role": "tag", "prefect.resource.id": "prefect.tag.stripe"},
            {
                "prefect.resource.role": "flow",
                "prefect.resource.id": f"prefect.flow.{ground.api(f'/flow_runs/{run}')['flow_id']}",
                "prefect.resource.name": "invoice-lifecycle",
            },
        ],
    }
    httpx.post(f"{ground.url}/api/events", json=[event]).raise_for_status()


def refusals(ground: Ground, run: str) -> list[str]:
    """Why what an automation wanted of a run was not done."""
    wanted = {"event": {"name": ["prefect.automation.action.failed"]}, "related": {"id": [f"prefect.flow-run.{run}"]}}
    return [one["payload"]["reason"] for one in ground.api("/events/filter", {"filter": wanted})["events"]]


def of_order(sandbox: Sandbox, amount: int) -> dict[str, int]:
    """How often what matters was done for an order, which is known by its amount."""
    kinds = ("invoice.finalized", "invoice.paid", "charge.succeeded")
    return {kind: sum(effect.amount == amount for effect in sandbox.ledger.select(kind)) for kind in kinds}


ONCE: Final = {"invoice.finalized": 1, "invoice.paid": 1, "charge.succeeded": 1}


@dataclass(frozen=True)
class Died:
    """Runs whose worker died.

    Attributes:
        killed: A run whose process was killed with it.
        stopped: One whose process only stood still, and its worker with it.
        still: The worker and the process that stand still.
    """

    killed: str
    stopped: str
    still: tuple[int, int]


@pytest.fixture(scope="module")
def died(ground: Ground, account: dict[str, str], sandbox: Sandbox) -> Iterator[Died]:
    """Two workers die in the midst of an order, or so it seems."""
    sandbox.latency = 0.5
    with ground.worker(cwd=None, **account) as worker:
        killed = begun(ground, sandbox, "KILLED-1", 1100)
        for process in (worker.pid, process_of(killed)):
            os.kill(process, signal.SIGKILL)
    with ground.worker(cwd=None, **account) as worker:
        stopped = begun(ground, sandbox, "STOPPED-1", 1200)
        still = (worker.pid, process_of(stopped))
        for process in still:
            os.kill(process, signal.SIGSTOP)
        assert not sandbox.ledger.select("charge.succeeded"), "they were too fast for this"
        sandbox.latency = 0.0
        yield Died(killed, stopped, still)


def begun(ground: Ground, sandbox: Sandbox, external_id: str, unit_amount: int) -> str:
    """Start a run of an order, and wait until it has a draft; and until the server knows that its heart beats."""
    before = len(sandbox.ledger.select("invoice.created"))
    run = ground.start_run("invoice-an-order", order=order(external_id, unit_amount))
    eventually(lambda: len(sandbox.ledger.select("invoice.created")) > before or None, "there is a draft")
    eventually(lambda: heartbeats(ground, run) or None, "its heart beats")
    return run


def heartbeats(ground: Ground, run: str) -> int:
    wanted = {"event": {"name": ["prefect.flow-run.heartbeat"]}, "resource": {"id": [f"prefect.flow-run.{run}"]}}
    return len(ground.api("/events/filter", {"filter": wanted})["events"])


@pytest.fixture(scope="module")
def worker(ground: Ground, account: dict[str, str], died: Died) -> Iterator[None]:
    """The worker that is there after the others have died. What else there is to try is tried while they are missed."""
    with ground.worker(cwd=None, **account):
        yield


def completed(ground: Ground, run: str) -> dict[str, Any]:
    """Wait until a run is completed, whatever it was before."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = ground.api(f"/flow_runs/{run}")
        return found if found["state_type"] == "COMPLETED" else None

    return eventually(look, f"the run {run} is completed")


def states_of(ground: Ground, run: str) -> list[str]:
    return [state["name"] for state in ground.api(f"/flow_run_states/?flow_run_id={run}")]


@pytest.mark.usefixtures("worker")
def test_who_is_on_call_is_told_of_a_failed_run(ground: Ground, told: Told) -> None:
    run = ground.ended(ground.start_run("invoice-an-order", order=order("TOLD-1", total=1)))
    assert run["state_name"] == "Failed"
    (message,) = eventually(lambda: told.of("TOLD-1") or None, "the webhook is told")
    assert message["subject"] == "invoice TOLD-1: Failed"
    assert run["state"]["message"] in message["body"]
    assert run["id"] in message["body"]


@pytest.mark.usefixtures("worker")
def test_a_declined_invoice_is_collected_from_the_customers_other_card(
    ground: Ground, sandbox: Sandbox, http: httpx.Client, tmp_path: Path
) -> None:
    """That of an order by itself, and that of an order of a file."""
    card = "pm_card_chargeCustomerFail"
    given = order("DECL-1", unit_amount=1400, payment_method=card, customer=customer_with_another_card(http))
    del given["customer_email"]
    file = tmp_path / "orders.csv"
    columns = "external_id,customer,currency,description,quantity,unit_amount,payment_method"
    file.write_text(f"{columns}\nDECL-2,{customer_with_another_card(http)},usd,Mug,3,1500,{card}\n")
    by_itself = ground.start_run("invoice-an-order", order=given)
    of_a_file = ground.start_run("invoice-a-file", orders_file=str(file))
    assert ground.ended(by_itself)["state_name"] == "Declined"
    assert ground.ended(of_a_file)["state_name"] == "Completed"

    for number, amount in ((1, 3 * 1400), (2, 3 * 1500)):
        collected = eventually(lambda number=number: collection_of(ground, f"DECL-{number}"), "it is collected")
        assert collected["state"]["message"].startswith(f"DECL-{number} done"), collected["state"]
        assert of_order(sandbox, amount) == ONCE
    # The same again, as by an event that is delivered twice.
    again = ground.ended(ground.start_run("collect-an-invoice", **collected["parameters"]))
    assert again["state"]["message"].startswith("DECL-2 found done"), again["state"]
    assert of_order(sandbox, 3 * 1500) == ONCE


def customer_with_another_card(http: httpx.Client) -> str:
    customer = str(http.post("/v1/customers").json()["id"])
    card = http.post("/v1/payment_methods/pm_card_visa/attach", data={"customer": customer}).json()["id"]
    http.post(f"/v1/customers/{customer}", data={"invoice_settings[default_payment_method]": card})
    return customer


def collection_of(ground: Ground, external_id: str) -> dict[str, Any] | None:
    wanted = {"name": {"any_": [f"collect {external_id}"]}, "state": {"type": {"any_": ["COMPLETED"]}}}
    found: list[dict[str, Any]] = ground.api("/flow_runs/filter", {"flow_runs": wanted})
    return found[0] if found else None


@pytest.mark.usefixtures("worker")
def test_a_run_whose_process_was_killed_goes_on_as_the_same_run(
    ground: Ground, died: Died, told: Told, sandbox: Sandbox
) -> None:
    run = completed(ground, died.killed)
    states = states_of(ground, died.killed)
    seen = states.index("NoHeartbeat")
    assert states[seen - 1 : seen + 3] == ["Running", "NoHeartbeat", "Crashed", "AwaitingRetry"]
    assert run["run_count"] >= 2
    assert of_order(sandbox, 3 * 1100) == ONCE
    (message,) = told.of("KILLED-1")
    assert message["subject"] == "invoice KILLED-1: Crashed"


@pytest.mark.usefixtures("worker")
def test_a_run_that_was_taken_for_dead_and_lives_on_does_nothing_twice(
    ground: Ground, died: Died, sandbox: Sandbox
) -> None:
    completed(ground, died.stopped)
    assert of_order(sandbox, 3 * 1200) == ONCE
    for process in died.still:
        os.kill(process, signal.SIGCONT)
    eventually(lambda: died.still[1] not in processes_of(died.stopped) or None, "what stood still ends")
    assert of_order(sandbox, 3 * 1200) == ONCE
    # Whichever of the two says the last word: where it is that the late one crashed, the run would be set going again.
    states = states_of(ground, died.stopped)
    assert states.index("Crashed") < states.index("Completed")

"""Where only the wheel is: Prefect's own commands find the flows, and so does a repository with such folders."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect_stripe.sandbox import Sandbox
from tests.workers.ground import Ground, prefect_ground

ROOT = Path(__file__).parents[2]

ORDER = {
    "external_id": "ORD-1",
    "customer_email": "jenny@example.com",
    "currency": "usd",
    "lines": [{"description": "Consulting, hours", "quantity": 3, "unit_amount": 15000}],
    "payment_method": "pm_card_visa",
}

USERS_FILES = {
    "flows/__init__.py": "",
    "flows/invoices.py": '''
from prefect import flow
from prefect_stripe import InvoiceOrder, invoice_lifecycle
from prefect_stripe.tasks import list_invoices
from tasks.rates import hourly

@flow
def bill(number: str, hours: int) -> int:
    """Bill the hours of an order.

    Args:
        number: Its number.
        hours: Worked.
    """
    line = {"description": "Hours", "quantity": hours, "unit_amount": hourly()}
    order = InvoiceOrder(
        external_id=number,
        customer_email="ann@example.com",
        currency="usd",
        lines=[line],
        payment_method="pm_card_visa",
    )
    return invoice_lifecycle(order)["amount_paid"]
''',
    "tasks/__init__.py": "",
    "tasks/rates.py": """
from prefect import task

@task
def hourly() -> int:
    return 12000
""",
    "prefect.yaml": """
name: acme
pull:
  - prefect.deployments.steps.set_working_directory:
      directory: HERE
deployments:
  - name: hours
    entrypoint: flows/invoices.py:bill
    work_pool: { name: stripe }
""",
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel in it; what it depends on is taken from this environment."""
    built, folder = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(built), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--target", str(folder), str(wheel)], check=True)
    return folder


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start() as running:
        yield running


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of a user's."""
    folder = tmp_path_factory.mktemp("acme")
    for name, content in USERS_FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content.lstrip().replace("HERE", str(folder)))
    return folder


@pytest.fixture(scope="module")
def ground(
    installed: Path, sandbox: Sandbox, users: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    """A server with our flows and a user's, and a worker in the user's repository, where only the wheel is."""
    with prefect_ground(tmp_path_factory.mktemp("team")) as server:
        environment = {**server.environment, "PYTHONPATH": str(installed)}
        here = Ground(server.home, server.url, environment)
        assert here.run(sys.executable, "-m", "prefect_stripe.deployments").startswith(str(installed))
        here.deploy()
        here.prefect("--no-prompt", "deploy", "--all", cwd=users)
        account = {"STRIPE_API_KEY": sandbox.api_key, "STRIPE_API_BASE": sandbox.url}
        with here.worker(cwd=users, **account):
            yield here


def test_the_block_is_registered(ground: Ground) -> None:
    assert ground.api("/block_types/slug/stripe-credentials")["name"] == "Stripe Credentials"


def test_automations_are_made(ground: Ground) -> None:
    said = ground.run(sys.executable, "-m", "prefect_stripe.deployments.automations")
    assert {one["name"]: one["enabled"] for one in ground.api("/automations/filter", {})} == {
        "collect-a-declined-invoice": False,
        "crash-a-dead-run": True,
        "crash-a-run-without-heartbeat": True,
        "set-a-crashed-run-going": True,
        "hand-on-a-run-that-never-began": False,
    }
    assert said.count("created") == 5


def test_a_run_is_started_from_the_command_line(ground: Ground, sandbox: Sandbox) -> None:
    run = [
        "deployment",
        "run",
        "invoice-lifecycle/invoice-an-order",
        "--watch",
        "--params",
        json.dumps({"order": ORDER}),
    ]
    ground.prefect(*run)
    assert [effect.amount for effect in sandbox.ledger.select("invoice.paid")] == [45000]


def test_a_flow_of_a_users_own_uses_ours(ground: Ground, sandbox: Sandbox) -> None:
    """It has folders called flows and tasks, as ours are called where we are not installed."""
    run = ground.ended(ground.start_run("hours", number="ACME-7", hours=2))
    assert run["state_name"] == "Completed", run["state"]
    assert sandbox.ledger.select("invoice.paid")[-1].amount == 24000

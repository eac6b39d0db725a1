"""The flow of one order on a Prefect server: what an operator reads there, what others may listen to, and what must not
be there to be read."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from prefect import flow, tags
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.exceptions import ParameterTypeError
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, get_current_settings, temporary_settings
from pydantic import SecretStr

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client import APIConnectionError, AuthenticationError
from prefect_stripe.flows import InvoiceOrder, OrderError, driver, invoice_lifecycle
from prefect_stripe.flows.process import Reply, perform
from tests.flows.told import Told, events, eventually
from tests.flows.world import World

pytestmark = pytest.mark.server

T = TypeVar("T")

SECRET = "sk_test_neverToBeReadAnywhere42"
CLIENT_SECRET = r"pi_\w+_secret_"
EMAIL = "jenny.rosen@private.example"

SERVE = """
from prefect_stripe import invoice_lifecycle

if __name__ == "__main__":
    invoice_lifecycle.serve("orders", limit=2)
"""


@pytest.fixture
def credentials(world: World) -> StripeCredentials:
    return StripeCredentials(api_key=SecretStr(SECRET), api_base=world.sandbox.url, max_retries=0)


def order_of(world: World, **given: Any) -> InvoiceOrder:
    return world.order(customer_email=EMAIL, customer_name="Jenny Rosen", **given)


def run(order: InvoiceOrder, credentials: StripeCredentials | None) -> Told:
    return Told(invoice_lifecycle(order, credentials, return_state=True))


# What an operator reads


def test_an_operator_reads_what_happened(world: World, credentials: StripeCredentials) -> None:
    told = run(order_of(world), credentials)
    invoice = world.invoice()
    id_, number = invoice["id"], invoice["number"]
    assert (told.state.type, told.state.name) == ("COMPLETED", "Completed")
    assert told.state.message == f"ORD-1 done, {number} paid"
    assert told.flow_run.name == "invoice ORD-1"

    wanted = (
        "create the customer of ORD-1",
        "create draft for ORD-1",
        f"add line 1 to {id_} for ORD-1",
        f"add line 2 to {id_} for ORD-1",
        f"finalize {id_} for ORD-1",
        f"pay {id_} for ORD-1",
    )
    names = [name for name, _, _ in told.task_runs(*wanted)]
    assert {name: names.count(name) for name in wanted} == dict.fromkeys(wanted, 1)

    (finalized,) = [row for row in told.table if row["step"].startswith("finalize")]
    assert set(finalized) == {"time (UTC)", "step", "came to", "status", "amount", "request"}
    assert (finalized["came to"], finalized["status"], finalized["amount"]) == ("done", "open", "463.00 USD")
    (exchange,) = world.sandbox.ledger.requests("finalize_invoice")
    assert finalized["request"] == exchange.request_id
    assert told.artifact.key == "invoice-ord-1"
    assert f"[{number}](https://dashboard.stripe.com/test/invoices/{id_}) paid, 463.00 USD" in str(
        told.artifact.description
    )
    assert any("ties out at 463.00 USD" in line for line in told.logs(until="ORD-1 done"))


def test_a_long_error_leaves_the_table_its_other_columns_and_is_told_whole_above_and_in_the_log(
    world: World, credentials: StripeCredentials
) -> None:
    told = run(order_of(world, payment_method="pm_card_visa_chargeDeclinedInsufficientFunds"), credentials)
    assert "declined: Your card has …" in [row["came to"] for row in told.table]
    assert not any(row["step"].endswith("for ORD-1") for row in told.table)
    assert "insufficient" in str(told.artifact.description)
    assert any("declined: Your card has insufficient funds." in line for line in told.logs(until="ORD-1 declined"))


def test_a_run_is_found_by_its_order_its_customer_and_its_invoice(world: World, credentials: StripeCredentials) -> None:
    with tags("mine"):
        told = run(order_of(world, external_id="TAGGED-1"), credentials)
        declined = run(
            order_of(world, external_id="TAGGED-2", payment_method="pm_card_chargeCustomerFail"), credentials
        )
    invoice = world.all("invoices")[-1]
    with get_client(sync_client=True) as client:
        for tag in ("order:TAGGED-1", f"customer:{invoice['customer']}", f"invoice:{invoice['id']}"):
            filter_ = FlowRunFilter(tags=FlowRunFilterTags(all_=["mine", tag]))
            found = {one.id for one in client.read_flow_runs(flow_run_filter=filter_)}
            assert told.run_id in found, tag
            assert found <= {told.run_id, declined.run_id}, tag
    assert "order:TAGGED-2" in declined.flow_run.tags
    assert events("stripe.order.TAGGED-1", expected=3, role="order")["stripe.invoice.finalized"] == 1


def test_each_change_is_one_event_with_the_invoice_as_its_resource(
    world: World, credentials: StripeCredentials
) -> None:
    order = order_of(world, collection_method="send_invoice", days_until_due=30, settlement="paid_out_of_band")
    expected = {
        "stripe.invoice.created": 1,
        "stripe.invoice.updated": 2,  # its terms, and that it was sent
        "stripe.invoice.finalized": 1,
        "stripe.invoice.sent": 1,
        "stripe.invoice.paid": 1,
    }
    run(order, credentials)
    run(order, credentials)
    assert events(world.invoice()["id"], expected=6) == expected


def test_an_event_whose_answer_was_lost_is_told_all_the_same_and_once(
    world: World, credentials: StripeCredentials
) -> None:
    for operation in ("create_invoice", "finalize_invoice", "pay_invoice"):
        world.sandbox.faults.add("close", "after", operation=operation)
    run(order_of(world), credentials.model_copy(update={"max_retries": 2, "retry_budget_seconds": 30}))
    seen = events(world.invoice()["id"], expected=4)
    assert seen == {
        "stripe.invoice.created": 1,
        "stripe.invoice.updated": 1,
        "stripe.invoice.finalized": 1,
        "stripe.invoice.paid": 1,
    }


@pytest.mark.parametrize(
    ("given", "state", "told"),
    [
        ({"payment_method": "pm_card_chargeCustomerFail"}, "Declined", "card_declined"),
        ({"payment_method": "pm_card_authenticationRequired"}, "RequiresAction", "3-D Secure"),
        ({"payment_method": "pm_usBankAccount_processing"}, "Processing", "processed by the bank"),
        ({"payment_method": "pm_card_chargeCustomerFail", "on_decline": "fail"}, "Failed", "card_declined"),
        ({"total": 1}, "Failed", "does not tie out"),
    ],
)
def test_a_run_ends_in_a_state_that_says_how(
    world: World, credentials: StripeCredentials, caplog: pytest.LogCaptureFixture, given: Any, state: str, told: str
) -> None:
    with caplog.at_level(logging.INFO):
        seen = run(order_of(world, **given), credentials)
    assert seen.state.name == state
    assert told in str(seen.state.message)
    assert seen.flow_run.state_name == state
    assert told in str(seen.artifact.description)
    assert "Traceback" not in caplog.text
    assert not [record for record in caplog.records if record.exc_info and record.exc_info[0]]
    if state == "Failed":
        with pytest.raises(OrderError, match=told):
            seen.state.result()
    else:
        assert seen.state.result()["reason"]
    if "declined" in told or state == "RequiresAction":
        assert events(world.invoice()["id"], expected=4)["stripe.invoice.payment_failed"] == 1
        customer = f"stripe.customer.{world.invoice()['customer']}"
        assert events(customer, expected=4, role="customer")["stripe.invoice.payment_failed"] == 1
        declined = [run for run in seen.task_runs("pay") if run[1] == "Declined"]
        assert [name.split()[0] for name, _, _ in declined] == ["pay"]


def test_what_fails_says_so_without_a_traceback(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("STRIPE_API_KEY", raising=False)
    monkeypatch.setitem(driver.stripe_step.__dict__, "retries", 0)
    wrong = StripeCredentials(api_key=SecretStr("sk_test_wrong-wrong"), api_base=world.sandbox.url)
    nobody = StripeCredentials(api_key=SecretStr(SECRET), api_base="http://127.0.0.1:9", max_retries=0)
    cases: list[tuple[StripeCredentials | None, type[Exception], str]] = [
        (wrong, AuthenticationError, "Invalid API Key"),
        (nobody, APIConnectionError, "no answer from http://127.0.0.1:9"),
        (None, AuthenticationError, "STRIPE_API_KEY"),
    ]
    for given, kind, told in cases:
        caplog.clear()
        with caplog.at_level(logging.INFO):
            seen = run(order_of(world), given)
        assert seen.state.name == "Failed"
        assert told in str(seen.state.message)
        with pytest.raises(kind):
            seen.state.result()
        assert "Traceback" not in caplog.text
        assert not [record for record in caplog.records if record.exc_info and record.exc_info[0]]
    assert world.effects == 0


def test_a_bad_order_is_refused_before_there_is_a_run(world: World, credentials: StripeCredentials) -> None:
    order = order_of(world).model_dump(mode="json", exclude_none=True)
    order["lines"][0]["unit_amount"] = 12.5
    with pytest.raises(Exception, match=r"12\.5 is not a whole number") as refused:
        invoice_lifecycle(order, credentials)  # type: ignore[call-overload]
    assert SECRET not in str(refused.value)
    with pytest.raises(ParameterTypeError):
        invoice_lifecycle(order_of(world), credentials, look_back_days=0)
    assert not world.sandbox.ledger.exchanges


@pytest.mark.parametrize("external_id", ["注文", "注文-2", "---", "Ord/1 & co <b>", "x" * 200, "{order}", "a%sb"])
def test_an_orders_number_may_be_written_in_any_way(
    world: World, credentials: StripeCredentials, external_id: str
) -> None:
    told = run(order_of(world, external_id=external_id, settlement="wait"), credentials)
    assert told.state.name == "Completed"
    assert told.flow_run.name == f"invoice {external_id}"
    assert external_id in str(told.artifact.description)


# Wherever it is called from


def test_it_is_called_from_flows_sync_and_async_and_by_itself(world: World, credentials: StripeCredentials) -> None:
    @flow
    def parent(declining: bool) -> dict[str, Any]:
        method = "pm_card_chargeCustomerFail" if declining else "pm_card_visa"
        return invoice_lifecycle(order_of(world, external_id="P-1", payment_method=method), credentials)

    @flow
    async def aparent() -> dict[str, Any]:
        return await asyncio.to_thread(invoice_lifecycle, order_of(world, external_id="P-2"), credentials)

    @flow
    def refused() -> str:
        try:
            invoice_lifecycle(order_of(world, external_id="P-3", total=1), credentials)
        except OrderError as error:
            return f"{error.outcome.ending}: {error}"
        return "not refused"

    assert parent(declining=True)["ending"] == "declined"
    assert asyncio.run(aparent())["status"] == "paid"
    assert "rejected: P-3 rejected" in refused()
    assert invoice_lifecycle(order_of(world, external_id="P-2"), credentials)["ending"] == "found_done"
    assert (world.money["charged"], world.money["declined"]) == (1, 1)


def test_a_run_that_crashed_goes_on_when_its_flow_is_tried_again(
    world: World, credentials: StripeCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashes = iter(["create_invoice", "create_invoice_item", "pay_invoice"])
    crash_at = [next(crashes)]

    def crashing(client: Any, call: Any) -> Reply:
        reply = perform(client, call)
        if call.operation == crash_at[0]:
            crash_at[0] = next(crashes, "")
            raise RuntimeError("the worker's memory is full")
        return reply

    monkeypatch.setattr(driver, "perform", crashing)
    again = invoice_lifecycle.with_options(retries=3)
    state = again(order_of(world), credentials, return_state=True)
    assert state.name == "Completed"
    assert Told(state).flow_run.run_count == 4
    money = world.money
    assert (money["customers"], money["invoices"], money["items"], money["charged"]) == (1, 1, 2, 1)


def test_a_run_that_failed_at_stripe_is_tried_again_where_its_flow_says_so(
    world: World, credentials: StripeCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(driver.stripe_step.__dict__, "retries", 0)
    world.sandbox.faults.add("reset", "before", operation="finalize_invoice")
    again = invoice_lifecycle.with_options(retries=2)
    state = again(order_of(world), credentials, return_state=True)
    assert (state.name, Told(state).flow_run.run_count) == ("Completed", 2)
    assert (world.money["invoices"], world.money["charged"]) == (1, 1)


@pytest.fixture
def served(world: World, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The flow, served by a process of its own that has its key from the environment."""
    settings = get_current_settings()
    environment = {
        **os.environ,
        "PREFECT_API_URL": str(settings.api.url),
        "PREFECT_HOME": str(tmp_path),
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "STRIPE_API_KEY": SECRET,
        "STRIPE_API_BASE": world.sandbox.url,
    }
    script = tmp_path / "serve.py"
    script.write_text(SERVE)
    with (tmp_path / "served.log").open("w") as log:
        process = subprocess.Popen([sys.executable, str(script)], env=environment, stdout=log, stderr=log, cwd=tmp_path)
    try:
        yield environment
    finally:
        process.kill()  # a polite end would wait for the next poll
        process.wait()


def test_it_is_served_and_run_by_the_command_line_with_json(world: World, served: dict[str, str]) -> None:
    def deployed() -> bool:
        with get_client(sync_client=True) as client:
            return any(one.name == "orders" for one in client.read_deployments())

    def deploy(order: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "prefect", "deployment", "run", "invoice-lifecycle/orders", "--watch"]
        given = ["--params", json.dumps({"order": order})]
        return subprocess.run([*command, *given], env=served, capture_output=True, text=True, timeout=120, check=False)

    assert eventually(deployed, bool)
    order = order_of(world).model_dump(mode="json", exclude_none=True)
    ran = deploy(order)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (world.invoice()["status"], world.money["charged"]) == ("paid", 1)
    exchanges = len(world.sandbox.ledger.exchanges)
    order["lines"][0]["unit_amount"] = 1.5
    ran = deploy(order)
    assert ran.returncode != 0
    assert "unit_amount" in ran.stdout + ran.stderr
    assert len(world.sandbox.ledger.exchanges) == exchanges


# What must not be there


def test_no_key_no_secret_and_no_address_is_anywhere_but_in_the_parameters(
    world: World, credentials: StripeCredentials, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with caplog.at_level(logging.DEBUG), temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path / "results"}):
        told = run(order_of(world, external_id="PRIVATE-1"), credentials)
        run(order_of(world, external_id="PRIVATE-2", payment_method="pm_card_chargeCustomerFail"), credentials)
        run(order_of(world, external_id="PRIVATE-3", total=1), credentials)
        last = run(
            order_of(world, external_id="PRIVATE-4", payment_method="pm_card_authenticationRequired"), credentials
        )
    told.logs(until="PRIVATE-1 done")
    last.logs(until="PRIVATE-4 requires action")
    events(world.all("invoices")[0]["id"], expected=4)
    assert SECRET not in caplog.text
    assert EMAIL not in caplog.text

    connection_url = get_current_settings().server.database.connection_url
    assert connection_url is not None
    database = connection_url.get_secret_value().partition("///")[2].partition("?")[0]
    holding: dict[str, set[str]] = {SECRET: set(), EMAIL: set(), CLIENT_SECRET: set()}
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            cursor = connection.execute(f'SELECT * FROM "{table}"')
            columns = [column[0] for column in cursor.description]
            for row in cursor:
                for column, value in zip(columns, row, strict=True):
                    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
                    for word, places in holding.items():
                        if re.search(word, text):
                            places.add(f"{table}.{column}")
    assert "flow_run" in tables
    assert holding[SECRET] == set()
    assert holding[CLIENT_SECRET] == set()
    assert holding[EMAIL] == {"flow_run.parameters"}
    assert not (tmp_path / "results").exists(), "something was persisted"

"""The flow of a file of orders on a Prefect server: what it leaves to be read, and how it goes on."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from prefect import State, flow
from pydantic import SecretStr

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client import AuthenticationError
from prefect_stripe.flows import ApprovalLimit, BatchError, invoice_batch, invoice_shard, read_orders
from prefect_stripe.flows.order_rows import OrderFileError
from prefect_stripe.flows.process import Step
from tests.flows.approvers import says
from tests.flows.told import Told, events
from tests.flows.world import Interrupted, World

pytestmark = pytest.mark.server

HEADER = "external_id,customer_email,currency,description,quantity,unit_amount,settlement\n"


@pytest.fixture
def credentials(world: World) -> StripeCredentials:
    return StripeCredentials(api_key=SecretStr(world.sandbox.api_key), api_base=world.sandbox.url, max_retries=0)


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """Seven orders in nine rows: one in two rows, one of them bad in one of two rows."""
    path = tmp_path / "orders.csv"
    rows = [f"ORD-{n},c{n}@example.com,usd,Mug,1,1300,wait" for n in range(6)]
    rows[2:2] = ["ORD-1,c1@example.com,usd,Hat,2,500,wait"]
    rows += ["ORD-6,c6@example.com,jpy,Pen,1,300,wait", "ORD-6,c6@example.com,jpy,Ink,1,3.50,wait"]
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return path


def run(orders: Path | str, credentials: StripeCredentials, **given: Any) -> State[Any]:
    state: State[Any] = invoice_batch(str(orders), credentials, return_state=True, **given)  # type: ignore[assignment,call-overload]
    return state


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_row_ends_in_one_outcome_and_the_rejects_can_be_fed_back(
    world: World, credentials: StripeCredentials, orders: Path
) -> None:
    state = run(orders, credentials, chunk_size=3)
    report: dict[str, Any] = state.result()  # type: ignore[assignment]
    assert (state.name, report["orders"], report["rows"]) == ("CompletedWithRejects", 7, 9)
    assert report["endings"] == {"rejected": 1, "done": 6}
    assert [(t["currency"], t["status"], t["invoices"], t["total"]) for t in report["totals"]] == [
        ("usd", "open", 6, 8800)
    ]
    assert world.money["invoices"] == 6
    outcomes = rows_of(orders.with_name("orders.outcomes.csv"))
    numbers = sorted(int(number) for outcome in outcomes for number in outcome["rows"].split())
    assert numbers == list(range(2, 11))
    invoices = {invoice["id"]: invoice for invoice in world.all("invoices")}
    assert all(str(invoices[o["invoice"]]["total"]) == o["total"] for o in outcomes if o["invoice"])

    rejects = orders.with_name("orders.rejects.csv")
    assert [row["description"] for row in rows_of(rejects)] == ["Pen", "Ink"]
    corrected = orders.with_name("corrected.csv")
    corrected.write_text(rejects.read_text().replace("Ink,1,3.50", "Ink,1,350"))
    again: dict[str, Any] = run(corrected, credentials).result()  # type: ignore[assignment]
    assert (again["endings"], world.money["invoices"]) == ({"done": 1}, 7)
    assert [(t["currency"], t["total"]) for t in again["totals"]] == [("jpy", 650)]


def test_the_same_file_again_changes_nothing(world: World, credentials: StripeCredentials, orders: Path) -> None:
    run(orders, credentials)
    effects = world.effects
    report: dict[str, Any] = run(orders, credentials).result()  # type: ignore[assignment]
    assert report["endings"] == {"rejected": 1, "found_done": 6}
    assert world.effects == effects


def test_the_same_file_again_within_one_flow_is_looked_at_anew(
    world: World, credentials: StripeCredentials, orders: Path
) -> None:
    endings: list[dict[str, int]] = []

    @flow
    def a_day() -> None:
        for voided in (0, 1):
            report: dict[str, Any] = invoice_batch(str(orders), credentials)  # type: ignore[assignment]
            endings.append(report["endings"])
            if not voided:
                world.post(f"invoices/{world.all('invoices')[0]['id']}/void")

    a_day()
    assert endings == [{"rejected": 1, "done": 6}, {"rejected": 2, "found_done": 5}]


def test_an_order_above_the_limit_waits_and_the_same_file_goes_on_once_it_is_approved(
    world: World, credentials: StripeCredentials, orders: Path
) -> None:
    orders.write_text(orders.read_text().replace("ORD-", "LIMIT-"))
    limits = [ApprovalLimit(currency="usd", amount=2000)]
    state = run(orders, credentials, approval_limits=limits, rejects_file="/dev/null")
    report: dict[str, Any] = state.result()  # type: ignore[assignment]
    assert report["endings"] == {"rejected": 1, "done": 5, "awaiting_approval": 1}
    totals = {total["status"]: (total["invoices"], total["total"]) for total in report["totals"]}
    assert totals == {"awaiting approval": (1, 2300), "open": (5, 6500)}
    assert "**LIMIT-1** awaiting approval, " in str(Told(state).artifact_of("markdown").data)
    assert events("stripe.order.LIMIT-1", expected=1) == {"stripe.order.awaiting_approval": 1}

    orders.write_text("".join(line for line in orders.read_text().splitlines(True) if "LIMIT-6" not in line))
    assert run(orders, credentials, approval_limits=limits).name == "AwaitingApproval"
    (order,) = [order for order in read_orders(orders).orders if order.external_id == "LIMIT-1"]

    def stop(number: int, step: Step) -> None:
        if step.operation == "finalize_invoice":
            raise Interrupted

    assert world.run(order, limits=limits, ask=says("approve"), before=stop).error is not None
    report = run(orders, credentials, approval_limits=limits).result()  # type: ignore[assignment]
    assert report["endings"] == {"found_done": 5, "done": 1}
    assert world.money["finalized"] == 6


def test_an_operator_reads_the_report_and_a_listener_hears_of_each_order(
    world: World, credentials: StripeCredentials, orders: Path
) -> None:
    orders.write_text(orders.read_text().replace("ORD-", "HEARD-"))
    told = Told(run(orders, credentials, chunk_size=4))
    assert told.flow_run.name == "invoices of orders.csv"
    report = told.artifact_of("markdown")
    assert str(report.key).startswith("invoices-orders-csv-")
    for words in ("7 orders: 1 rejected, 6 done, of 9 rows", "| USD | open | 6 | 88.00 USD | 0.00 USD |", "HEARD-6"):
        assert words in str(report.data)
    assert "![Orders as they ended](data:image/png;base64,iVBOR" in str(report.data)
    assert [(name, state) for name, state, _ in told.task_runs("4 orders", "2 orders")] == [
        ("4 orders, HEARD-0 to HEARD-3", "Completed"),
        ("2 orders, HEARD-4 to HEARD-5", "Completed"),
    ]
    for n in range(6):
        assert events(f"stripe.order.HEARD-{n}", 1) == {"stripe.order.done": 1}
    assert events("stripe.order.HEARD-6", 1) == {"stripe.order.rejected": 1}


def test_a_run_that_is_tried_again_goes_on_with_the_chunk_that_it_stopped_in(
    world: World, credentials: StripeCredentials, orders: Path
) -> None:
    """The three orders of the second chunk fail, each twice, until the run itself has failed once."""
    world.sandbox.faults.add("reset", "before", operation="create_invoice", skip=3, times=6)
    retried = invoice_batch.with_options(retries=1, retry_delay_seconds=0)
    state: State[Any] = retried(str(orders), credentials, chunk_size=3, return_state=True)  # type: ignore[assignment,call-overload]
    assert state.result()["endings"] == {"rejected": 1, "done": 6}
    assert world.money["invoices"] == 6
    searches = [one for one in world.sandbox.ledger.exchanges if one.operation == "search_invoices"]
    assert len(searches) == 3 + 2 * 3 + 3, "once the first chunk; twice, and again, the second"


def test_where_stripe_is_not_to_be_reached_the_rest_is_not_begun_and_counted(
    world: World, credentials: StripeCredentials, orders: Path
) -> None:
    nowhere = StripeCredentials(api_key=SecretStr("sk_test_1"), api_base="http://127.0.0.1:9", max_retries=0)
    state = run(orders, nowhere, chunk_size=2)
    error = state.result(raise_on_failure=False)
    assert isinstance(error, BatchError)
    assert (error.report.orders, error.report.rows) == (7, 9)
    assert error.report.endings == {"rejected": 1, "failed": 6}
    assert "6 failed; ORD-0: list_customers: no answer from http://127.0.0.1:9" in str(error)
    assert state.message == str(error)
    reasons = [row["reason"] for row in rows_of(orders.with_name("orders.outcomes.csv"))]
    assert sum(reason.startswith("not begun") for reason in reasons) == 4


def test_a_wrong_key_or_file_fails_with_one_message(
    world: World, credentials: StripeCredentials, orders: Path, tmp_path: Path
) -> None:
    wrong = StripeCredentials(api_key=SecretStr("sk_test_wro-ng"), api_base=world.sandbox.url)
    assert isinstance(run(orders, wrong).result(raise_on_failure=False), AuthenticationError)
    missing = run(tmp_path / "nothing.csv", credentials)
    assert isinstance(missing.result(raise_on_failure=False), FileNotFoundError)
    assert "nothing.csv" in str(missing.message)
    orders.write_text("order,amount\n")
    assert isinstance(run(orders, credentials).result(raise_on_failure=False), OrderFileError)
    assert world.effects == 0


@pytest.mark.parametrize(("first", "last"), [(5, 3), (7, 9)])
def test_a_shard_of_no_orders_is_refused(
    world: World, credentials: StripeCredentials, orders: Path, first: int, last: int
) -> None:
    state: State[Any] = invoice_shard(str(orders), first, last, credentials=credentials, return_state=True)  # type: ignore[assignment,call-overload]
    assert isinstance(state.result(raise_on_failure=False), OrderFileError)
    assert f"orders.csv has no orders {first} to {last}" in str(state.message)
    assert world.effects == 0


@pytest.mark.parametrize(
    "names", [("orders.csv", ""), ("", "orders.csv"), ("", "../{folder}/orders.csv"), ("a.csv", "a.csv")]
)
def test_no_file_is_written_over_another(
    world: World, credentials: StripeCredentials, orders: Path, names: tuple[str, str]
) -> None:
    before = orders.read_text()
    outcomes, rejects = (str(orders.parent / n.format(folder=orders.parent.name)) if n else "" for n in names)
    state = run(orders, credentials, outcomes_file=outcomes, rejects_file=rejects)
    assert isinstance(state.result(raise_on_failure=False), OrderFileError)
    assert "written over the other" in str(state.message)
    assert (orders.read_text(), [*orders.parent.iterdir()], world.effects) == (before, [orders], 0)


@pytest.mark.parametrize("unwritable", ["outcomes_file", "rejects_file"])
def test_a_place_that_cannot_be_written_is_found_out_before_anything_is_done(
    world: World, credentials: StripeCredentials, orders: Path, unwritable: str
) -> None:
    state = run(orders, credentials, **{unwritable: str(orders / "within" / "a file.csv")})
    assert isinstance(state.result(raise_on_failure=False), OSError)
    assert world.effects == 0


def test_nothing_is_written_where_nothing_stays(world: World, credentials: StripeCredentials, orders: Path) -> None:
    assert run(orders, credentials, outcomes_file="/dev/null", rejects_file="/dev/null").is_completed()
    assert [*orders.parent.iterdir()] == [orders]

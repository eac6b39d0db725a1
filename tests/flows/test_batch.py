"""Many orders side by side, without Prefect: each has its outcome, and none costs another its own."""

from __future__ import annotations

import csv
import io
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from prefect_stripe.client import AuthenticationError, ClientConfig, PermissionDeniedError, StripeClient
from prefect_stripe.flows import batch
from prefect_stripe.flows.batch import Tally, in_markdown, invoice_orders, write_rejects
from prefect_stripe.flows.order_files import read_orders
from prefect_stripe.flows.orders import InvoiceOrder
from prefect_stripe.flows.outcomes import InvoiceOutcome
from prefect_stripe.flows.places import writing
from tests.flows.world import ACCOUNT, IMPATIENT, PATIENT, World

MUG: list[dict[str, Any]] = [{"description": "Mug", "quantity": 1, "unit_amount": 1300}]


def orders(world: World, count: int, **given: Any) -> list[InvoiceOrder]:
    made = given or {"settlement": "wait"}
    return [
        world.order(external_id=f"ORD-{n}", customer_email=f"c{n % 7}@example.com", lines=MUG, **made)
        for n in range(count)
    ]


def run(
    world: World, of: list[InvoiceOrder], client: StripeClient | None = None, side_by_side: int = 8
) -> list[InvoiceOutcome]:
    return invoice_orders(client or world.client(), of, ACCOUNT, 365, side_by_side)


def test_each_order_has_its_outcome_in_the_order_of_the_orders(world: World) -> None:
    given = orders(world, 20)
    given[3] = world.order(external_id="ORD-3", total=1)
    given[5] = world.order(external_id="ORD-5", payment_method="pm_card_chargeCustomerFail")
    outcomes = run(world, given)
    assert [outcome.external_id for outcome in outcomes] == [order.external_id for order in given]
    assert [outcome.ending for outcome in (outcomes[3], outcomes[5])] == ["rejected", "declined"]
    assert {outcome.ending for n, outcome in enumerate(outcomes) if n not in (3, 5)} == {"done"}
    effects = world.effects
    assert {outcome.ending for outcome in run(world, given)} == {"found_done", "rejected", "declined"}
    assert world.effects == effects


def test_what_fails_is_tried_once_more_and_costs_no_other_its_own(world: World) -> None:
    world.sandbox.faults.add("error", "before", operation="create_invoice")
    outcomes = run(world, orders(world, 10), world.client(IMPATIENT))
    assert {outcome.ending for outcome in outcomes} == {"done"}
    assert world.money["invoices"] == 10


def test_what_fails_for_good_says_why(world: World) -> None:
    world.sandbox.faults.add("error", "before", operation="finalize_invoice", times=None)
    outcomes = run(world, orders(world, 3), world.client(IMPATIENT))
    assert [outcome.ending for outcome in outcomes] == ["failed"] * 3
    assert all("finalize_invoice" in (outcome.reason or "") for outcome in outcomes)


def test_a_fault_of_our_own_in_one_order_is_told_and_costs_no_other_its_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = batch.invoice_process

    def faulty(order: InvoiceOrder, *others: Any) -> Any:
        if order.external_id == "ORD-2":
            raise ZeroDivisionError("of our own")
        return process(order, *others)

    monkeypatch.setattr(batch, "invoice_process", faulty)
    outcomes = run(world, orders(world, 5))
    assert [outcome.ending for outcome in outcomes] == ["done", "done", "failed", "done", "done"]
    assert outcomes[2].reason == "ZeroDivisionError: of our own"


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ({"api_key": "sk_test_revo-ked"}, AuthenticationError),
        ({"api_key": "sk_live_sandbox", "mode": "live"}, PermissionDeniedError),
    ],
)
def test_what_is_wrong_for_all_ends_it_before_it_is_tried_a_thousand_times(
    world: World, config: dict[str, Any], error: type[Exception]
) -> None:
    client = StripeClient(ClientConfig(api_base=world.sandbox.url, retries=PATIENT, **config))
    with pytest.raises(error):
        run(world, orders(world, 200), client)
    assert len(world.sandbox.ledger.exchanges) < 50


def test_interrupted_it_stops_between_two_steps_and_goes_on_another_time(world: World) -> None:
    """As when the run is cancelled: the worker's process gets a signal."""
    world.sandbox.latency = 0.05
    given = orders(world, 60, payment_method="pm_card_visa")

    def interrupt() -> None:
        while len(world.sandbox.ledger.exchanges) < 40:
            pass
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run(world, given, side_by_side=4)
    assert len(world.sandbox.ledger.exchanges) < 100
    world.sandbox.latency = 0.0
    assert {outcome.ending for outcome in run(world, given)} <= {"done", "found_done"}
    assert (world.money["invoices"], world.money["charged"]) == (60, 60)


def test_rejected_rows_are_written_with_their_reasons_and_can_be_fed_back(tmp_path: Path) -> None:
    source = tmp_path / "orders.csv"
    source.write_text(
        "external_id,customer_email,currency,description,quantity,unit_amount\n"
        'A-1,a@example.com,usd,"Mug, big",1,12.50\n'
        "A-2,b@example.com,usd,Hat,1,300\n"
        "A-1,a@example.com,usd,Pen,1,200\n"
    )
    file = read_orders(source)
    reasons = {number: reject.reason for reject in file.rejects for number in reject.rows}
    rejects = io.StringIO(newline="")
    write_rejects(source, source.name, reasons, rejects)
    fed_back = tmp_path / "rejects.csv"
    fed_back.write_text(rejects.getvalue().replace("12.50", "1250"))
    again = read_orders(fed_back)
    assert not again.rejects
    (order,) = again.orders
    assert [(line.description, line.unit_amount) for line in order.lines] == [("Mug, big", 1250), ("Pen", 200)]
    assert rejects.getvalue().count("row 2: unit_amount is '12.50'") == 2


def outcome(n: int, ending: Any, **given: Any) -> InvoiceOutcome:
    return InvoiceOutcome(external_id=f"ORD-{n}", ending=ending, **given)


def test_two_that_write_the_same_file_do_not_write_into_one_another(tmp_path: Path) -> None:
    """As where a run was taken up again, while the worker that it was taken from lives on."""
    place = tmp_path / "orders.outcomes.csv"
    with writing(place) as first:
        lives_on = Tally(first)
        lives_on.take(outcome(1, "done", reason="a longer line than that of the other"), (2,))
        lives_on.flush()
        with writing(place) as second:
            takes_up = Tally(second)
            for n in (1, 2):
                for tally in (takes_up, lives_on):
                    tally.take(outcome(n, "found_done"), (n + 1,))
                    tally.flush()
    with place.open(newline="") as file:
        assert [(row["rows"], row["ending"]) for row in csv.DictReader(file)] == [
            ("2", "found_done"),
            ("3", "found_done"),
        ]


def test_a_tally_never_adds_two_currencies_and_keeps_no_more_than_it_tells() -> None:
    file = io.StringIO(newline="")
    tally = Tally(file, told=2)
    tally.take(outcome(1, "done", status="paid", currency="usd", total=150, amount_paid=150), (2, 3))
    tally.take(outcome(2, "done", status="paid", currency="jpy", total=500, amount_paid=500), (4,))
    tally.take(outcome(3, "found_done", status="open", currency="usd", total=70, amount_paid=0), (5,))
    for n in range(4, 8):
        tally.take(outcome(n, "rejected", reason="a|b\nc"), (n + 2,))
    assert [(t.currency, t.status, t.total, t.amount_paid) for t in tally.report.totals] == [
        ("jpy", "paid", 500, 500),
        ("usd", "open", 70, 0),
        ("usd", "paid", 150, 150),
    ]
    assert (tally.report.orders, tally.report.rows) == (7, 8)
    assert tally.report.endings == {"done": 2, "found_done": 1, "rejected": 4}
    assert len(tally.to_tell) == 2
    told = in_markdown(tally, "https://files.example.com/orders.csv?signature=hush")
    assert "500 JPY" in told
    assert "and 2 more" in told
    assert "hush" not in told
    # A table's lines are not broken, and a reason that is long would be cut off.
    assert "- **ORD-4** rejected: a|b c" in told.splitlines()
    assert len(file.getvalue().splitlines()) >= 8

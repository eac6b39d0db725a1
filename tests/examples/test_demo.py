"""The demo as a newcomer runs it: a process of its own, its table, what it leaves behind, and what it refuses."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from prefect_stripe.sandbox import Sandbox

EXAMPLES = Path(__file__).parents[2] / "examples"

ORDERS = """\
external_id,customer_email,customer_name,currency,description,quantity,unit_amount,total,payment_method
ORD-1,jenny@example.com,Jenny Rosen,usd,Consulting,2,15000,30000,pm_card_visa
ORD-2,ann@example.com,Ann & Sons [Ltd],kwd,Support,1,45250,,pm_card_chargeCustomerFail
ORD-3,jenny@example.com,Jenny Rosen,usd,Licence,1,4900,4800,pm_card_visa
ORD-4,jenny@example.com,Jenny Rosen,usd,Travel,1,12.50,,pm_card_visa
"""


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS)
    return path


class Demo:
    """A demo in a process, whose home and temporary folder are empty and whose environment points elsewhere."""

    def __init__(self, folder: Path, orders: Path, **environment: str) -> None:
        self.home, self.temporary = folder / "home", folder / "temporary"
        for path in (self.home, self.temporary):
            path.mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("STRIPE_", "PREFECT_"))}
        elsewhere = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "PREFECT_HOME": str(self.home / "prefect")}
        self.process = subprocess.Popen(
            [sys.executable, str(EXAMPLES / "demo.py"), str(orders)],
            env=kept | elsewhere | {"HOME": str(self.home), "TMPDIR": str(self.temporary)} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""

    def line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.output += line
        return line

    def end(self) -> int:
        assert self.process.stdout is not None
        self.output += self.process.stdout.read()
        return self.process.wait()

    def left_behind(self) -> list[str]:
        """What listens still on an address that it named, and the files that it did not remove."""
        ports = [int(port) for port in re.findall(r"http://127\.0\.0\.1:(\d+)", self.output)]
        return [str(path) for path in (*self.home.iterdir(), *self.temporary.iterdir())] + [
            f"port {port}" for port in ports if _listens(port)
        ]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def started(folder: Path, orders: Path, **environment: str) -> Generator[Demo]:
    demo = Demo(folder, orders, **environment)
    try:
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.process.terminate()
            demo.end()


def test_orders_become_invoices_once_and_nothing_is_left_behind(tmp_path: Path, orders: Path) -> None:
    with started(tmp_path, orders) as demo:
        assert demo.end() == 0, demo.output
    lines = [" ".join(line.split()) for line in demo.output.splitlines()]
    assert any(re.fullmatch(r"ORD-1 Jenny Rosen \w+-0001 300\.00 USD paid", line) for line in lines), demo.output
    assert any(
        re.match(r"ORD-2 Ann & Sons \[Ltd\] \w+-0001 45\.250 KWD declined, open Your card", line) for line in lines
    )
    assert any(re.match(r"ORD-3 Jenny Rosen 49\.00 USD rejected, draft does not tie out", line) for line in lines)
    assert any(re.match(r"ORD-4 rejected row 5: unit_amount is '12\.50'", line) for line in lines)
    assert "KWD 45.250" in lines
    assert "USD 300.00 49.00" in lines
    assert [line for line in lines if re.match(r"(customers|invoices|invoice items|charges) \d", line)] == [
        "customers 2 2 0",
        "invoices 3 3 0",
        "invoice items 3 3 0",
        "charges 2 2 0",
    ]
    # 300.00 USD less 2.9 % and 0.30.
    assert "6100 Stripe fees 9.00" in lines
    assert "1200 Accounts receivable -300.00" in lines
    assert "debits less credits 0.00" in lines
    # The charge, and the payout of what it came to, unless the month ends before that is made.
    assert any(
        re.fullmatch(r"(1 transaction|[23] transactions), .* 5 files, closed again the same to the byte\.", it)
        for it in lines
    )
    assert demo.left_behind() == []


def test_interrupted_in_the_midst_of_an_order_it_ends_what_it_started(tmp_path: Path, orders: Path) -> None:
    with started(tmp_path, orders) as demo:
        sandbox = demo.line().split()[1].rstrip(",")
        assert "Prefect http" in demo.line()
        with httpx.Client(base_url=sandbox) as http:
            while http.get("/_sandbox").json()["exchanges"] < 3:
                pass
        demo.process.send_signal(signal.SIGINT)
        assert demo.end() == 130, demo.output
    assert "Traceback" not in demo.output
    assert demo.left_behind() == []


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("sk_live_51abcdef", "STRIPE_API_KEY is a live key"),
        ("rk_live_51abcdef", "STRIPE_API_KEY is a live key"),
        ("pk_test_51abcdef", "this is a publishable key"),
        ("test_51abcdef", "this is not a Stripe API key"),
    ],
)
def test_key_that_is_no_test_key_is_refused_before_anything_starts(
    tmp_path: Path, orders: Path, key: str, message: str
) -> None:
    with started(tmp_path, orders, STRIPE_API_KEY=key) as demo:
        assert demo.end() == 2
    assert message in demo.output
    assert "Nothing was started" in demo.output
    assert "http://" not in demo.output
    assert "51abcdef" not in demo.output
    assert demo.left_behind() == []


@pytest.mark.server
def test_with_a_key_it_counts_by_listing(
    demo_module: ModuleType, orders: Path, stripe_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at Stripe, where there is no ledger to ask."""
    from prefect_stripe.blocks import StripeCredentials
    from prefect_stripe.flows import InvoiceOutcome

    monkeypatch.setenv("STRIPE_API_KEY", stripe_sandbox.api_key)
    monkeypatch.setenv("STRIPE_API_BASE", stripe_sandbox.url)
    assert demo_module.show(orders, None) is True
    credentials = StripeCredentials.from_environment()
    client = credentials.get_client()
    (jenny,) = client.call("list_customers", params={"email": "jenny@example.com"}).data["data"]
    outcomes = [InvoiceOutcome(external_id="ORD-1", ending="done", customer=jenny["id"])]
    before = demo_module.count_at_stripe(credentials, outcomes)
    assert before == {"customers": 1, "invoices": 2, "invoice items": 2, "charges": 1}
    client.call("create_customer", params={"email": "jenny@example.com"})
    invoice = client.call("create_invoice", params={"customer": jenny["id"]}).data
    item = {"customer": jenny["id"], "invoice": invoice["id"], "amount": 1000, "currency": "usd"}
    client.call("create_invoice_item", params=item)
    after = demo_module.count_at_stripe(credentials, outcomes)
    assert after == {"customers": 2, "invoices": 3, "invoice items": 3, "charges": 1}


def test_what_is_made_twice_fails_it(demo_module: ModuleType) -> None:
    from prefect_stripe.flows import InvoiceOutcome

    paid = InvoiceOutcome(external_id="ORD-1", ending="done", invoice="in_1", status="paid", total=100)
    another = paid.model_copy(update={"invoice": "in_2"})
    assert demo_module.print_passes({"charges": 1}, {"charges": 1}, [paid], [paid]) is True
    assert demo_module.print_passes({"charges": 1}, {"charges": 2}, [paid], [paid]) is False
    assert demo_module.print_passes({"charges": 1}, {"charges": 1}, [paid], [another]) is False

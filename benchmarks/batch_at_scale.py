"""A batch at scale: ten thousand orders, one exchange in twenty failing, the worker's process killed twice on the way.

    make scale                      # all of it, some twenty minutes on two cores
    make scale BATCH_ARGS="--orders 1000"

It ends with an error unless every order has its one right invoice by the sandbox's own books, and memory stayed flat
after the first thousand orders.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
from pydantic import SecretStr

FAULTS: Final = (
    {"kind": "reset", "when": "before"},
    {"kind": "close", "when": "after"},
    {"kind": "error", "when": "before"},
    {"kind": "error", "when": "after"},
    {"kind": "rate_limit"},
)
"""Each hits one exchange in a hundred."""

CHUNK: Final = 50
SIDE_BY_SIDE: Final = 16
MOST_GROWTH: Final = 1.10

Line = tuple[int, int]


def lines_of(number: int) -> list[Line]:
    """Quantity and unit amount of an order's lines."""
    return [(1 + (number + place) % 4, 500 + 37 * ((number * 7 + place) % 100)) for place in range(1 + number % 3)]


def ending_of(number: int) -> tuple[str, str, str]:
    """Settlement, payment method, and the state that its invoice must end in."""
    if number % 10 == 0:
        return "pay", "pm_card_chargeCustomerFail", "open"
    return ("wait", "", "open") if number % 10 == 1 else ("pay", "pm_card_visa", "paid")


def write_orders(path: Path, prefix: str, count: int) -> None:
    """Write the orders, each fourth of a customer who has others."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        columns = "external_id,customer_email,currency,description,quantity,unit_amount,settlement,payment_method"
        writer.writerow(columns.split(","))
        for number in range(count):
            settlement, method, _ = ending_of(number)
            for place, (quantity, amount) in enumerate(lines_of(number)):
                head = [f"{prefix}-{number}", f"c{number // 4}@{prefix}.example.com".lower(), "usd"]
                writer.writerow([*head, f"Part {place}", quantity, amount, settlement, method])


# The worker's process


def work(arguments: argparse.Namespace) -> None:
    """Run the file, in Prefect or without, and print the seconds that it took."""
    # What the report's picture is drawn with is loaded once, and is no order's.
    import matplotlib.backends.backend_agg
    import matplotlib.figure

    from prefect_stripe.blocks import StripeCredentials

    assert matplotlib.backends.backend_agg
    credentials = StripeCredentials(
        api_key=SecretStr("sk_test_sandbox"), api_base=arguments.sandbox, retry_budget_seconds=30
    )
    outcomes = str(arguments.outcomes)
    if arguments.work == "prefect":
        from prefect_stripe.flows import invoice_batch

        started = time.perf_counter()
        invoice_batch(
            str(arguments.file),
            credentials,
            outcomes_file=outcomes,
            rejects_file=f"{outcomes}.rejects",
            chunk_size=CHUNK,
            side_by_side=SIDE_BY_SIDE,
            return_state=True,
        )
    else:
        from prefect_stripe.flows.batch import Tally, invoice_orders
        from prefect_stripe.flows.order_files import read_orders

        started = time.perf_counter()
        file = read_orders(arguments.file)
        with Path(outcomes).open("w", newline="") as written:
            tally = Tally(written)
            for start in range(0, len(file.orders), CHUNK):
                chunk = file.orders[start : start + CHUNK]
                for outcome in invoice_orders(credentials.get_client(), chunk, credentials.account, 365, SIDE_BY_SIDE):
                    tally.take(outcome, file.rows[outcome.external_id])
    print(time.perf_counter() - started, flush=True)


class Worker:
    """A worker's process on a file of orders."""

    def __init__(self, folder: Path, file: Path, sandbox: str, kind: str) -> None:
        self.outcomes = folder / f"{file.stem}.{kind}.{time.monotonic_ns()}.csv"
        given = ["--work", kind, "--file", str(file), "--sandbox", sandbox, "--outcomes", str(self.outcomes)]
        environment = {**os.environ, "PREFECT_HOME": str(folder / "prefect"), "PREFECT_LOGGING_LEVEL": "ERROR"}
        self.process = subprocess.Popen(
            [sys.executable, __file__, *given], env=environment, stdout=subprocess.PIPE, text=True
        )

    @property
    def done(self) -> int:
        """How many outcomes are written down."""
        return max(0, self.outcomes.read_bytes().count(b"\n") - 1) if self.outcomes.exists() else 0

    @property
    def memory(self) -> float:
        """Resident megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024 if "VmRSS:" in status else 0.0

    def kill_at(self, count: int) -> int:
        """End it as a crash of its machine would, once so many outcomes are written down."""
        while self.done < count:
            assert self.process.poll() is None, "the worker ended before it could be killed"
            time.sleep(0.05)
        self.process.kill()
        self.process.wait()
        return self.done

    def finish(self) -> tuple[float, list[tuple[int, float]]]:
        """Wait for its end; return the seconds that it took, and its memory by how many outcomes there were."""
        seen: list[tuple[int, float]] = []
        while self.process.poll() is None:
            seen.append((self.done, self.memory))
            time.sleep(0.25)
        assert self.process.stdout is not None
        assert self.process.returncode == 0, "the worker failed"
        return float(self.process.stdout.read().split()[-1]), seen


# What is right


def wrong_by_the_books(books: httpx.Client, prefix: str, count: int) -> list[str]:
    """Say what is not as it should be, by what the sandbox answers to a plain client."""
    wrong: list[str] = []
    invoices: dict[str, list[dict[str, Any]]] = {}
    for invoice in _all(books, "invoices"):
        invoices.setdefault(invoice["metadata"].get("prefect_stripe_order", ""), []).append(invoice)
    charges = Counter(
        (charge["customer"], charge["amount"]) for charge in _all(books, "charges") if charge["status"] == "succeeded"
    )
    wanted: Counter[tuple[str, int]] = Counter()
    for number in range(count):
        order, total = f"{prefix}-{number}", sum(quantity * amount for quantity, amount in lines_of(number))
        status = ending_of(number)[2]
        seen = [(invoice["status"], invoice["total"]) for invoice in invoices.get(order, [])]
        if seen != [(status, total)]:
            wrong.append(f"{order}: {seen}, and not one {status} over {total}")
        elif status == "paid":
            wanted[invoices[order][0]["customer"], total] += 1
    ours = {key: number for key, number in charges.items() if key in wanted}
    if ours != dict(wanted):
        wrong.append(f"charges: {sum(ours.values())} succeeded, and {wanted.total()} should have")
    return wrong


def _all(books: httpx.Client, path: str) -> Iterator[dict[str, Any]]:
    cursor: dict[str, str] = {}
    while True:
        page = books.get(f"/v1/{path}", params={"limit": "100", **cursor}).raise_for_status().json()
        yield from page["data"]
        if not page["has_more"]:
            return
        cursor = {"starting_after": page["data"][-1]["id"]}


@contextmanager
def sandbox(latency_ms: int = 0) -> Generator[str]:
    """Run a sandbox in a process of its own, which takes so many milliseconds for each operation."""
    command = [sys.executable, "-m", "prefect_stripe.sandbox", "--port", "0", "--latency-ms", str(latency_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def at_scale(folder: Path, count: int) -> list[str]:
    """The batch under faults and kills."""
    orders = folder / "orders.csv"
    write_orders(orders, "ORD", count)
    with sandbox() as address, httpx.Client(base_url=address, auth=("sk_test_sandbox", ""), timeout=60) as books:
        for fault in FAULTS:
            books.post("/_sandbox/faults", json={**fault, "share": 0.01, "times": None}).raise_for_status()
        started = time.perf_counter()
        for part in (1 / 3, 2 / 3):
            done = Worker(folder, orders, address, "prefect").kill_at(int(count * part))
            print(f"killed at {done} outcomes, after {time.perf_counter() - started:.0f} s", flush=True)
        worker = Worker(folder, orders, address, "prefect")
        _, memory = worker.finish()
        state = books.get("/_sandbox").json()
        print(f"done after {time.perf_counter() - started:.0f} s and {state['exchanges']} exchanges", flush=True)
        books.delete("/_sandbox/faults").raise_for_status()
        wrong = wrong_by_the_books(books, "ORD", count)
        print(f"{count - len(wrong)} of {count} orders have their one right invoice; what happened: {state['effects']}")
    if worker.done != count:
        wrong.append(f"{worker.done} outcomes for {count} orders")
    first, last = _memory_at(memory, min(1000, count // 2)), max(megabytes for _, megabytes in memory)
    print(f"memory: {first:.0f} MB after the first thousand, {last:.0f} MB at the most: {last / first:.2f}")
    if last / first > MOST_GROWTH:
        wrong.append(f"memory grew by {last / first:.2f}, and {MOST_GROWTH} is the most")
    return wrong


def _memory_at(memory: list[tuple[int, float]], count: int) -> float:
    return next((megabytes for done, megabytes in memory if done >= count), memory[-1][1])


def main() -> int:
    """Run it all; 1 if something is not as it should be."""
    parser = argparse.ArgumentParser(description="A batch at scale, under faults and kills.")
    parser.add_argument("--orders", type=int, default=10_000)
    for name in ("--work", "--file", "--sandbox", "--outcomes"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:  # this is a worker's process
        work(arguments)
        return 0
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    with TemporaryDirectory() as name, prefect_test_harness(server_startup_timeout=120):
        os.environ["PREFECT_API_URL"] = PREFECT_API_URL.value() or ""
        wrong = at_scale(Path(name), arguments.orders)
    for one in wrong[:50]:
        print("wrong:", one)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

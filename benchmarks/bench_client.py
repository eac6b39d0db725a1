"""What a call costs: our client, the official SDK, and a bare transport, against one local server that answers at once.

Prints microseconds of CPU a call and calls a second, sync and async, at 1, 8, 32 and 100 in flight; then microseconds
of CPU an object for a list of 10,000. Ratios within one run are what counts: machines differ, and so do their moods.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import orjson
import stripe
from rich.console import Console
from rich.table import Table

from prefect_stripe.client import AsyncStripeClient, ClientConfig, StripeClient

KEY = "sk_test_benchmark"
IN_FLIGHT = (1, 8, 32, 100)
CALLS = 3000
HEADERS = {"Authorization": f"Bearer {KEY}", "Stripe-Version": "2026-10-28.endive"}


@contextlib.contextmanager
def instant_server() -> Iterator[str]:
    """Start the server in a process of its own, so that its CPU is not counted."""
    path = Path(__file__).with_name("instant_server.py")
    with subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def measure_sync(call: Callable[[], Any], in_flight: int) -> tuple[float, float]:
    """Return microseconds of CPU a call, and calls a second."""
    with ThreadPoolExecutor(in_flight) as threads:
        list(threads.map(lambda _: call(), range(in_flight * 3)))
        cpu, wall = time.process_time(), time.perf_counter()
        list(threads.map(lambda _: call(), range(CALLS)))
        return _rates(CALLS, cpu, wall)


async def measure_async(call: Callable[[], Awaitable[Any]], in_flight: int) -> tuple[float, float]:
    """Return microseconds of CPU a call, and calls a second."""

    async def worker(calls: int) -> None:
        for _ in range(calls):
            await call()

    await asyncio.gather(*(worker(3) for _ in range(in_flight)))
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(worker(CALLS // in_flight) for _ in range(in_flight)))
    return _rates(CALLS // in_flight * in_flight, cpu, wall)


def _rates(calls: int, cpu: float, wall: float) -> tuple[float, float]:
    return (time.process_time() - cpu) / calls * 1e6, calls / (time.perf_counter() - wall)


def sync_calls(base: str) -> dict[str, Callable[[], Any]]:
    """Each contender's way to retrieve one invoice."""
    ours = StripeClient(ClientConfig(api_key=KEY, api_base=base))
    sdk = stripe.StripeClient(KEY, base_addresses={"api": base})
    bare = httpx.Client(limits=httpx.Limits(max_connections=100, max_keepalive_connections=100), headers=HEADERS)
    url = f"{base}/v1/invoices/in_1"
    return {
        "ours": lambda: ours.call("retrieve_invoice", "in_1"),
        "SDK": lambda: sdk.v1.invoices.retrieve("in_1"),
        "bare httpx": lambda: orjson.loads(bare.get(url).content),
    }


def async_calls(base: str) -> dict[str, Callable[[], Awaitable[Any]]]:
    """Each contender's way to retrieve one invoice, awaited."""
    ours = AsyncStripeClient(ClientConfig(api_key=KEY, api_base=base))
    http_client = stripe.HTTPXClient(allow_sync_methods=False)
    sdk = stripe.StripeClient(KEY, base_addresses={"api": base}, http_client=http_client)
    bare = httpx.AsyncClient(limits=httpx.Limits(max_connections=100, max_keepalive_connections=100), headers=HEADERS)
    url = f"{base}/v1/invoices/in_1"

    async def floor() -> Any:
        return orjson.loads((await bare.get(url)).content)

    return {
        "ours": lambda: ours.call("retrieve_invoice", "in_1"),
        "SDK": lambda: sdk.v1.invoices.retrieve_async("in_1"),
        "bare httpx": floor,
    }


def listing(base: str) -> dict[str, Callable[[], int]]:
    """Each contender's way to list 10,000 invoices."""
    ours = StripeClient(ClientConfig(api_key=KEY, api_base=base))
    sdk = stripe.StripeClient(KEY, base_addresses={"api": base})
    bare = httpx.Client(headers=HEADERS)

    def floor() -> int:
        count, after = 0, ""
        while True:
            page = orjson.loads(bare.get(f"{base}/v1/invoices?limit=100{after}").content)
            count += len(page["data"])
            if not page["has_more"]:
                return count
            after = f"&starting_after={page['data'][-1]['id']}"

    return {
        "ours": lambda: sum(len(page) for page in ours.pages("list_invoices")),
        "SDK": lambda: sum(1 for _ in sdk.v1.invoices.list({"limit": 100}).auto_paging_iter()),
        "bare httpx": floor,
    }


def report(title: str, rows: dict[str, list[tuple[float, float]]]) -> None:
    """Print a table of one kind of call."""
    table = Table(title=title)
    table.add_column("")
    for in_flight in IN_FLIGHT:
        table.add_column(f"{in_flight} in flight: µs CPU (x ours), calls/s", justify="right")
    for name, measured in rows.items():
        cells = [
            f"{cpu:,.0f} (x {cpu / rows['ours'][column][0]:.2f}), {rate:,.0f}"
            for column, (cpu, rate) in enumerate(measured)
        ]
        table.add_row(name, *cells)
    Console(width=180).print(table)


async def _all_async(base: str) -> dict[str, list[tuple[float, float]]]:
    return {name: [await measure_async(call, n) for n in IN_FLIGHT] for name, call in async_calls(base).items()}


def main() -> None:
    """Run everything once and print it."""
    with instant_server() as base:
        report(
            "retrieve, sync", {name: [measure_sync(c, n) for n in IN_FLIGHT] for name, c in sync_calls(base).items()}
        )
        report("retrieve, async", asyncio.run(_all_async(base)))
        costs = {}
        for name, walk in listing(base).items():
            walk()
            cpu = time.process_time()
            count = walk()
            assert count == 10_000, f"{name} listed {count}"
            costs[name] = (time.process_time() - cpu) / count * 1e6
        for name, cost in costs.items():
            print(f"list of 10,000: {name}: {cost:.1f} µs CPU an object (x {cost / costs['ours']:.2f})")


if __name__ == "__main__":
    main()

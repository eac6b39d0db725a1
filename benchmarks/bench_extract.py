"""What an extracted object costs: ours, the official SDK's auto-paging into a frame, the floor; then ours at limits.

    python benchmarks/bench_extract.py [--invoices 100000] [--transactions 1000000] [--limited 20000]
        [--rounds 1]

Prints, as Markdown, microseconds of CPU an object and the peak of memory, each contender in a process of its own
against a local server that answers at once; then the rate under 200 ms an answer and Stripe's limits, as a part of what
the limits allow; then each target and whether it was met. The ratios count, not the figures.

The floor reads the same pages one after the other, makes tables of twenty at a time by Arrow's JSON reader, and writes
them as Parquet. The bare parse is that reader alone.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit
from urllib.request import urlopen

KEY = "sk_test_benchmark"
SDK_OBJECTS = 20_000
BEGINS, ENDS = 1_760_000_000, 1_760_000_000 + 365 * 86_400
KINDS = {"invoices": "in", "balance_transactions": "txn"}
GROUP = 20
"""Pages that the floor makes a table of at once."""
LATENCY = 0.2
FOUR = ("balance_transactions", "charges", "customers", "refunds")

FEW = 1_000
"""Objects that each contender works on first."""

Row = Mapping[str, float]
Work = Callable[[], int]


@contextlib.contextmanager
def server(objects: int, *options: str) -> Generator[str]:
    """Start the server in a process of its own, so that its CPU and memory are not counted."""
    path = Path(__file__).with_name("extract_server.py")
    command = [sys.executable, str(path), "--objects", str(objects), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


# --- The contenders, each in a process of its own: made ready, then what is measured ---------------------------------


def ours(base: str, table: str, folder: str) -> Work:
    """Extract as the flow does."""
    from prefect_stripe.client import ClientConfig, StripeClient
    from prefect_stripe.flows.extract_store import Folder
    from prefect_stripe.flows.extract_tables import TABLES
    from prefect_stripe.flows.extracting import Extraction, extract_table

    asked = Extraction("test:", Folder(folder), begins=BEGINS, ends=ENDS)
    client = StripeClient(ClientConfig(api_key=KEY, api_base=base))
    return lambda: extract_table(client, TABLES[table], asked).manifest.rows()


def floor(base: str, table: str, folder: str) -> Work:
    """Read the bytes of pages, make tables of them by Arrow's JSON reader, write Parquet; no more than that."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def work() -> int:
        rows, writer = 0, None
        for group in _groups(_pages(base, table)):
            struct = _parsed(group)
            flat = pa.Table.from_batches([pa.RecordBatch.from_struct_array(chunk.flatten()) for chunk in struct.chunks])
            writer = writer or pq.ParquetWriter(f"{folder}/all.parquet", flat.schema)
            writer.write_table(flat)
            rows += flat.num_rows
        assert writer is not None
        writer.close()
        return rows

    return work


def parse(base: str, table: str, folder: str) -> Work:
    """Arrow's JSON reader alone, on bytes that are in memory already."""
    groups = list(_groups(page for page, _ in zip(_pages(base, table), range(100), strict=False)))
    return lambda: sum(len(chunk.flatten()) for group in groups for chunk in _parsed(group).chunks)


def sdk(base: str, table: str, folder: str) -> Work:
    """The official SDK's auto-paging into a frame, and the frame into Parquet."""
    import pandas as pd
    import stripe

    listing = getattr(stripe.StripeClient(KEY, base_addresses={"api": base}).v1, table)

    def work() -> int:
        rows = [one.to_dict(for_json=True) for one in listing.list({"limit": 100}).auto_paging_iter()]
        frame = pd.DataFrame(rows)
        # Columns that hold nothing but empty mappings have no type that Parquet knows.
        empty = [name for name in frame if frame[name].map(lambda value: value == {}).all()]
        frame.drop(columns=empty).to_parquet(f"{folder}/all.parquet")
        return len(frame)

    return work


def _pages(base: str, table: str) -> Iterator[bytes]:
    import http.client

    connection, after = http.client.HTTPConnection(urlsplit(base).netloc), ""
    ending = f'"id": "{KINDS[table]}_'.encode()
    while True:
        connection.request("GET", f"/v1/{table}?limit=100{after}", headers={"Authorization": f"Bearer {KEY}"})
        page = connection.getresponse().read()
        yield page
        if page.find(b'"has_more":true', 0, 100) < 0:
            return
        at = page.rindex(ending) + len(b'"id": "')
        after = "&starting_after=" + page[at : page.index(b'"', at)].decode()


def _groups(pages: Iterator[bytes]) -> Iterator[bytes]:
    group: list[bytes] = []
    for page in pages:
        group.append(page)
        if len(group) == GROUP:
            yield b"\n".join(group)
            group = []
    if group:
        yield b"\n".join(group)


def _parsed(group: bytes):  # type: ignore[no-untyped-def]
    import pyarrow.json as pj

    options = pj.ReadOptions(use_threads=False, block_size=len(group) + 1)
    return pj.read_json(io.BytesIO(group), read_options=options)["data"]


CONTENDERS: Mapping[str, Callable[[str, str, str], Work]] = {"ours": ours, "floor": floor, "parse": parse, "sdk": sdk}


def contend(contender: str, table: str, few: str, base: str) -> None:
    """Have a contender work, and tell what it took as a line of JSON.

    It works on a few objects first: what is loaded and made then is no object's either.
    """
    with TemporaryDirectory() as warm, TemporaryDirectory() as folder:
        CONTENDERS[contender](few, table, warm)()
        work = CONTENDERS[contender](base, table, folder)
        begun = time.process_time()
        rows = work()
        cpu = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "cpu": cpu / rows * 1e6, "peak": peak}), flush=True)


def measured(contender: str, table: str, objects: int) -> Row:
    """Run a contender in a process of its own: CPU an object in microseconds, and the peak of memory in MB."""
    with server(FEW) as few, server(objects) as base:
        urlopen(f"{base}/v1/{table}").close()  # it makes its objects when the first is asked for
        command = [sys.executable, __file__, "--contender", contender, table, few, base]
        found: Row = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    assert contender == "parse" or found["rows"] == objects, f"{contender} found {found['rows']} of {objects}"
    return found


def contest(table: str, objects: int, rounds: int) -> Mapping[str, Row]:
    """Have all contenders take turns; of each the round of its median."""
    numbers = {"ours": objects, "floor": objects, "parse": SDK_OBJECTS, "sdk": SDK_OBJECTS}
    found: dict[str, list[Row]] = {name: [] for name in numbers}
    for _ in range(rounds):
        for name, number in numbers.items():
            found[name].append(measured(name, table, number))
    return {name: sorted(rows, key=lambda row: row["cpu"])[rounds // 2] for name, rows in found.items()}


# --- At the limits ----------------------------------------------------------------------------------------------------


def at_the_limits(tables: tuple[str, ...], objects: int) -> Row:
    """Extract tables side by side under a latency and Stripe's limits: objects a second, and the part refused."""
    from prefect_stripe.client import ClientConfig, StripeClient
    from prefect_stripe.client.rate import ENDPOINT_LIMIT, LIVE_LIMIT, SEARCH_LIMIT, limits_of
    from prefect_stripe.flows.extract_store import Folder
    from prefect_stripe.flows.extract_tables import TABLES
    from prefect_stripe.flows.extracting import Extraction, extract_table

    with server(objects, "--latency", str(LATENCY), "--limits") as base, TemporaryDirectory() as folder:
        client = StripeClient(ClientConfig(api_key=KEY, api_base=base))
        # On loopback there are none of its own accord.
        setattr(client, "_limits", limits_of(base, LIVE_LIMIT, ENDPOINT_LIMIT, SEARCH_LIMIT))  # noqa: B010
        asked = Extraction("test:", Folder(folder), begins=BEGINS, ends=ENDS)
        threads = [
            threading.Thread(target=lambda name=name: extract_table(client, TABLES[name], asked)) for name in tables
        ]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - begun
        with urlopen(f"{base}/counts") as answer:
            counts = json.load(answer)
    return {
        "rate": len(tables) * objects / seconds,
        "refused": counts["refused"] / (counts["refused"] + counts["answered"]),
        "requests": counts["answered"],
    }


def sequential(objects: int) -> float:
    """Objects a second of one list, page after page."""
    from prefect_stripe.client import ClientConfig, StripeClient

    with server(objects, "--latency", str(LATENCY), "--limits") as base:
        client = StripeClient(ClientConfig(api_key=KEY, api_base=base))
        begun = time.perf_counter()
        rows = sum(len(page) for page in client.pages("list_balance_transactions"))
        return rows / (time.perf_counter() - begun)


def _row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--invoices", type=int, default=100_000)
    parser.add_argument("--transactions", type=int, default=1_000_000)
    parser.add_argument("--limited", type=int, default=20_000, help="objects of each list under limits")
    parser.add_argument("--rounds", type=int, default=1, help="of which the median counts")
    parser.add_argument("--contender", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        contend(*options.contender)
        return
    judged: list[tuple[str, float, str, bool]] = []
    _row("extraction", "objects", "µs CPU an object", "peak MB")
    _row("---", "---:", "---:", "---:")
    for table, objects in (("invoices", options.invoices), ("balance_transactions", options.transactions)):
        found = contest(table, objects, options.rounds)
        for name, row in found.items():
            _row(f"{table}: {name}", f"{row['rows']:,}", f"{row['cpu']:.2f}", f"{row['peak']:.0f}")
        tenth = measured("ours", table, objects // 10)
        _row(f"{table}: ours, a tenth", f"{objects // 10:,}", f"{tenth['cpu']:.2f}", f"{tenth['peak']:.0f}")
        ratio = found["ours"]["cpu"] / found["floor"]["cpu"]
        judged.append((f"{table}: CPU, x the floor", ratio, "≤ 1.5", ratio <= 1.5))
        ratio = found["sdk"]["cpu"] / found["ours"]["cpu"]
        judged.append((f"{table}: the official SDK's CPU, x ours", ratio, "≥ 20", ratio >= 20))
        peak = found["ours"]["peak"]
        judged.append((f"{table}: peak MB", peak, "< 400", peak < 400))
        ratio = peak / tenth["peak"]
        judged.append((f"{table}: peak, x that of a tenth of the objects", ratio, "≤ 1.25", ratio <= 1.25))
    print()
    _row("at the limits, 200 ms an answer", "objects/s", "requests", "refused")
    _row("---", "---:", "---:", "---:")
    alone = sequential(options.limited // 10)
    _row("page after page", f"{alone:,.0f}", "", "")
    for told, tables, times in (("one list", FOUR[:1], 5), ("four lists", FOUR, 20)):
        row = at_the_limits(tables, options.limited)
        _row(told, f"{row['rate']:,.0f}", f"{row['requests']:,.0f}", f"{row['refused']:.2%}")
        ceiling = len(tables) * 25 * 100
        judged.append((f"{told}: part of the ceiling", row["rate"] / ceiling, "≥ 0.8", row["rate"] >= 0.8 * ceiling))
        judged.append(
            (
                f"{told}: x page after page (the ceiling is {times})",
                row["rate"] / alone,
                f"≥ {0.8 * times:g}",
                row["rate"] / alone >= 0.8 * times,
            )
        )
        judged.append((f"{told}: refused", row["refused"], "< 0.01", row["refused"] < 0.01))
    print()
    _row("target", "measured", "wanted", "")
    _row("---", "---:", "---:", "---")
    for what, value, wanted, met in judged:
        _row(what, f"{value:.2f}", wanted, "met" if met else "**not met**")


if __name__ == "__main__":
    main()

"""What Prefect adds to a batch: the same orders through the same process, with Prefect and without, in turns."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from batch_at_scale import Worker, sandbox, write_orders
from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

TURNS = 3


def main(count: int) -> None:
    """Print the seconds that each took, and the ratio of their medians; a sandbox of its own for each."""
    seconds: dict[str, list[float]] = {"plain": [], "prefect": []}
    with TemporaryDirectory() as name, prefect_test_harness(server_startup_timeout=120):
        os.environ["PREFECT_API_URL"] = PREFECT_API_URL.value() or ""
        for turn in range(TURNS):
            for kind, taken in seconds.items():
                orders = Path(name, f"turn-{turn}.csv")
                write_orders(orders, f"TURN{turn}", count)
                with sandbox() as address:
                    taken.append(Worker(Path(name), orders, address, kind).finish()[0])
    for kind, taken in seconds.items():
        print(f"{count} orders, {kind}: {', '.join(f'{one:.1f}' for one in taken)} s")
    added = median(seconds["prefect"]) / median(seconds["plain"]) - 1
    print(f"Prefect adds {added:+.0%} (wanted: at most +15%: {'met' if added <= 0.15 else 'not met'})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)

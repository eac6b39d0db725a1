"""Runs that go at once."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.flows.world import Run


def at_once(*runs: Callable[[], Run]) -> list[Run]:
    results: dict[int, Run] = {}

    def go(number: int, run: Callable[[], Run]) -> None:
        results[number] = run()

    threads = [threading.Thread(target=go, args=(number, run)) for number, run in enumerate(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[number] for number in range(len(runs))]


def endings(runs: list[Run]) -> list[str]:
    return sorted(run.outcome.ending if run.outcome else type(run.error).__name__ for run in runs)

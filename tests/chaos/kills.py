"""Workers' processes that are killed in the midst of an exchange.

They are forked from a process that has everything loaded and no thread, so that a kill costs milliseconds.
"""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from prefect_stripe.client import ClientConfig, StripeClient
from prefect_stripe.flows.process import drive, perform
from prefect_stripe.sandbox import Sandbox
from tests.chaos.ground import PATIENT
from tests.flows.world import AnyOrder, process_of


class Nursery:
    """A process that forks a worker for each order that it is sent, and reaps it."""

    def __init__(self, link: Connection[Any, Any]) -> None:
        self._link = link

    def start(self, order: AnyOrder, sandbox: Sandbox) -> int:
        """Have a worker run an order's process; return its process id."""
        self._link.send((order, sandbox.url, sandbox.api_key))
        pid: int = self._link.recv()
        return pid

    def kill(self, pid: int) -> int:
        """Kill a worker, and return once it is gone how it ended: minus the signal's number, or its exit code."""
        os.kill(pid, signal.SIGKILL)
        self._link.send(pid)
        code: int = self._link.recv()
        return code


@contextmanager
def nursery() -> Generator[Nursery]:
    """Fork the nursery: to be entered before the process has any thread."""
    ours, theirs = Pipe()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _serve(theirs)
    theirs.close()
    try:
        yield Nursery(ours)
    finally:
        ours.send(None)
        os.waitpid(pid, 0)


def _serve(link: Connection[Any, Any]) -> None:
    code = 1
    # A collection in a worker would touch, and so copy, every page that it shares with this process.
    gc.freeze()
    try:
        while (asked := link.recv()) is not None:
            if isinstance(asked, int):
                link.send(os.waitstatus_to_exitcode(os.waitpid(asked, 0)[1]))
                continue
            worker = os.fork()
            if worker == 0:
                _work(*asked)
            link.send(worker)
        code = 0
    except EOFError:
        pass
    finally:
        os._exit(code)


def _work(order: AnyOrder, url: str, api_key: str) -> None:
    try:
        client = StripeClient(ClientConfig(api_key=api_key, api_base=url, retries=PATIENT))
        drive(process_of(order), lambda step: perform(client, step.call))
    finally:
        os._exit(0)


def await_exchange(sandbox: Sandbox, number: int, *, recorded: bool) -> None:
    """Wait until an exchange has begun, or is where a fault holds it."""
    deadline = time.monotonic() + 30
    while sandbox.app.exchanges < number or (recorded and not _is_recorded(sandbox, number)):
        assert time.monotonic() < deadline, f"exchange {number} never came"
        time.sleep(0.0005)


def _is_recorded(sandbox: Sandbox, number: int) -> bool:
    entries = sandbox.ledger.entries
    return bool(entries) and getattr(entries[-1], "number", 0) >= number

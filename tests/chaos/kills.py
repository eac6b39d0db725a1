"""Workers' processes that are killed in the midst of an exchange.

They are forked from a process that has everything loaded and no thread, so that a kill costs milliseconds.
"""

from __future__ import annotations

import gc
import os
import signal
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from prefect_stripe.client import ClientConfig, StripeClient
from prefect_stripe.flows.process import drive, perform
from prefect_stripe.sandbox import Sandbox
from tests.chaos.ground import PATIENT
from tests.flows.world import AnyOrder, process_of


class NotHitError(Exception):
    """What should have gone wrong did not: on a busy machine one side was too slow for it. Nothing was tried."""


class Nursery:
    """A process that forks a worker for each piece of work that it is sent, and reaps it."""

    def __init__(self, link: Connection[Any, Any]) -> None:
        self._link = link

    def start(self, *work: Any) -> int:
        """Have a worker do what the nursery is for, given this; return its process id."""
        self._link.send(work)
        pid: int = self._link.recv()
        return pid

    def kill(self, pid: int) -> None:
        """Kill a worker, and return once it is gone.

        Raises:
            NotHitError: It had ended by itself before.
        """
        os.kill(pid, signal.SIGKILL)
        code = self.wait(pid)
        if code != -signal.SIGKILL:
            raise NotHitError(f"the worker was not killed, but ended with {code}")

    def wait(self, pid: int) -> int:
        """Wait until a worker has ended, and say how: its exit code, or minus the signal that ended it."""
        self._link.send(pid)
        code: int = self._link.recv()
        return code


@contextmanager
def nursery(work: Callable[..., None]) -> Generator[Nursery]:
    """Fork a nursery whose workers do this: to be entered before the process has any thread."""
    # It is loaded with the first call, which is each worker's own.
    import_module("prefect_stripe.schema")
    ours, theirs = Pipe()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _serve(theirs, work)
    theirs.close()
    try:
        yield Nursery(ours)
    finally:
        ours.send(None)
        os.waitpid(pid, 0)


def _serve(link: Connection[Any, Any], work: Callable[..., None]) -> None:
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
                _work(work, asked)
            link.send(worker)
        code = 0
    except EOFError:
        pass
    finally:
        os._exit(code)


def _work(work: Callable[..., None], given: tuple[Any, ...]) -> None:
    code = 1
    try:
        work(*given)
        code = 0
    except BaseException:  # noqa: BLE001 - nothing of the parent's must run on in a worker
        traceback.print_exc()
    finally:
        os._exit(code)


def run_order(order: AnyOrder, url: str, api_key: str) -> None:
    """Run an order's process by the plain driver: what a worker does that is to be killed."""
    client = StripeClient(ClientConfig(api_key=api_key, api_base=url, retries=PATIENT))
    drive(process_of(order), lambda step: perform(client, step.call))


def await_exchange(sandbox: Sandbox, number: int, *, recorded: bool) -> None:
    """Wait until an exchange has begun, or is where a fault holds it.

    Raises:
        TimeoutError: It does not come.
    """
    deadline = time.monotonic() + 30
    while sandbox.app.exchanges < number or (recorded and not _is_recorded(sandbox, number)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"exchange {number} never came")
        time.sleep(0.0005)


def _is_recorded(sandbox: Sandbox, number: int) -> bool:
    entries = sandbox.ledger.entries
    return bool(entries) and getattr(entries[-1], "number", 0) >= number

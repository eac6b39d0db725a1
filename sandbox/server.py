"""The sandbox on a loopback port, in a thread of this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, TypeVar

from prefect_stripe.sandbox import control
from prefect_stripe.sandbox.app import Application
from prefect_stripe.sandbox.clock import Clock
from prefect_stripe.sandbox.faults import Faults
from prefect_stripe.sandbox.ledger import Ledger
from prefect_stripe.sandbox.wire import Connection, Request

T = TypeVar("T")

HOST: Final = "127.0.0.1"
TEST_KEY: Final = "sk_test_sandbox"


async def listen(app: Application, port: int, connections: set[Connection]) -> asyncio.Server:
    """Serve the application on a loopback port; 0 takes a free one."""

    async def serve(request: Request, connection: Connection) -> None:
        if request.path.startswith(control.PREFIX):
            connection.write(control.answer(app, request))
        else:
            await app.serve(request, connection)

    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Connection(serve, connections), HOST, port, backlog=1024)


def port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


class Sandbox:
    """A running sandbox, to be used as a context manager.

    Example:
        >>> with Sandbox.start() as sandbox:
        ...     credentials = StripeCredentials(api_key=sandbox.api_key, api_base=sandbox.url)

    Attributes:
        app: The application itself.
        url: Where it listens, without a slash at the end.
        api_key: A test key that it takes; any `sk_test_…` or `rk_test_…` will do.
    """

    api_key: str = TEST_KEY

    def __init__(self, app: Application | None = None) -> None:
        self.app = app or Application()
        self.url = ""
        self._connections: set[Connection] = set()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="prefect-stripe-sandbox", daemon=True)

    @classmethod
    def start(cls, *, port: int = 0, latency: float = 0.0, rate_limit: float | None = None) -> Sandbox:
        """Start one.

        Args:
            port: Loopback port; 0 takes a free one.
            latency: Seconds that each operation takes.
            rate_limit: Requests a second that an account may make.
        """
        sandbox = cls()
        sandbox.app.latency, sandbox.app.limiter.per_second = latency, rate_limit
        sandbox._port = port
        sandbox._thread.start()
        sandbox._ready.wait()
        if sandbox._failure is not None:
            raise sandbox._failure
        return sandbox

    _port: int = 0

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that started us
            self._failure = error
            self._ready.set()

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await listen(self.app, self._port, self._connections)
        self.url = f"http://{HOST}:{port_of(server)}"
        self._ready.set()
        await self._stop.wait()
        server.close()
        for connection in list(self._connections):
            connection.transport.abort()

    def stop(self) -> None:
        """End the server and its thread."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(timeout=10)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def ledger(self) -> Ledger:
        return self.app.ledger

    @property
    def faults(self) -> Faults:
        return self.app.faults

    @property
    def clock(self) -> Clock:
        return self.app.clock

    @property
    def latency(self) -> float:
        return self.app.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self.app.latency = seconds

    @property
    def rate_limit(self) -> float | None:
        return self.app.limiter.per_second

    @rate_limit.setter
    def rate_limit(self, per_second: float | None) -> None:
        self.app.limiter.per_second = per_second

    @property
    def search_lag(self) -> float:
        return self.app.search_lag

    @search_lag.setter
    def search_lag(self, seconds: float) -> None:
        self.app.search_lag = seconds

    def catch_up(self) -> None:
        """Let happen now what is due, instead of before the next request: debits, payouts, invoices that advance."""
        self._in_its_thread(self.app.catch_up)

    def seed(self, object: str, **how: Any) -> dict[str, Any]:
        """Make an object that no operation makes, or have happen what Stripe or a bank does, in the test account.

        `seed("subscription", customer=…, price=…, quantity=1)`, and one item more of it,
        `seed("subscription_item", subscription=…, price=…)`; `seed("charge", amount=…, currency=…)`, which is
        authorized and outside of any payment intent; `seed("balance_transaction", amount=…, currency=…, type=…)`, and
        also `category`, `fees` by type, `source` and `created`; `seed("payout", amount=…, currency=…)`, a manual one;
        `seed("payout_failure", payout=…)`; `seed("dispute", charge=…)`, `seed("dispute_won", dispute=…)`.
        """
        return self._in_its_thread(lambda: self.app.seed(object, **how))

    def drop_connections(self) -> None:
        """Reset every connection, as a network that fails does: who waits for an answer gets none."""

        def drop() -> None:
            for connection in list(self._connections):
                connection.reset()

        self._in_its_thread(drop)

    def _in_its_thread(self, work: Callable[[], T]) -> T:
        """Objects are changed by the server's thread alone."""
        assert self._loop is not None

        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(timeout=10)

    def reset(self) -> None:
        """Forget everything, as a fresh account would be: objects, keys, ledger, faults, clock, settings."""
        self._in_its_thread(self.app.reset)
        self.app.limiter.per_second = None

"""`python -m prefect_stripe.sandbox`: the sandbox in a process of its own, on loopback."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal

from prefect_stripe.sandbox.app import Application
from prefect_stripe.sandbox.server import HOST, TEST_KEY, listen, port_of
from prefect_stripe.sandbox.wire import Connection


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m prefect_stripe.sandbox",
        description=f"A stateful Stripe that runs offline. Takes any test key, such as {TEST_KEY}.",
    )
    parser.add_argument("--port", type=int, default=12111, help="loopback port; 0 takes a free one (default: 12111)")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="milliseconds that each operation takes")
    parser.add_argument("--rate-limit", type=float, help="requests a second that an account may make")
    parser.add_argument("--search-lag", type=float, default=0.0, help="seconds until search sees what was written")
    return parser.parse_args()


async def _main(arguments: argparse.Namespace) -> None:
    app = Application(latency=arguments.latency_ms / 1000, search_lag=arguments.search_lag)
    app.limiter.per_second = arguments.rate_limit
    connections: set[Connection] = set()
    try:
        server = await listen(app, arguments.port, connections)
    except (OSError, OverflowError) as error:
        raise SystemExit(f"it cannot listen: {error}; name another port with --port, or 0 for a free one") from None
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # where loops take no signals, they end the process unasked
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, stop.set)
    print(f"http://{HOST}:{port_of(server)}", flush=True)
    await stop.wait()
    server.close()
    for connection in list(connections):
        connection.transport.abort()


if __name__ == "__main__":
    asyncio.run(_main(_arguments()))

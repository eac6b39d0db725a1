"""Everybody's way to retrieve one invoice and to list 10,000: our client, the official SDK, and transports without any.

A bare transport makes the same request from the same headers for each call, with the same timeouts, reads all of the
answer and decodes it, and does nothing else: what it costs is the floor for everything that is built on it.
"""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import aiohttp
import httpcore
import httpx
import orjson
import stripe
from httpx_aiohttp import AiohttpTransport

from prefect_stripe.client import API_VERSION, AsyncStripeClient, ClientConfig, StripeClient
from prefect_stripe.client.exchange import USER_AGENT
from prefect_stripe.client.streams import AsyncStream, Stream, connected

KEY: Final = "sk_test_benchmark"
PATH: Final = "/v1/invoices/in_1"
HEADERS: Final = {
    "Authorization": f"Bearer {KEY}",
    "Stripe-Version": API_VERSION,
    "User-Agent": USER_AGENT,
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
}
TIMEOUT: Final = httpx.Timeout(80, connect=10)
MANY: Final = httpx.Limits(max_connections=100, max_keepalive_connections=100)

OURS: Final = "prefect-stripe"
SDK: Final = "official SDK"
FLOOR: Final = "httpcore connection"
"""The bare transport that our client is built on, over the same streams."""

SyncCall = Callable[[], Any]
AsyncCall = Callable[[], Awaitable[Any]]
T = TypeVar("T")


def sync_calls(base: str) -> dict[str, SyncCall]:
    """Each contender's way to retrieve one invoice."""
    ours = StripeClient(ClientConfig(api_key=KEY, api_base=base))
    sdk = stripe.StripeClient(KEY, base_addresses={"api": base})
    client = httpx.Client(limits=MANY, timeout=TIMEOUT, headers=HEADERS)
    return {
        OURS: lambda: ours.call("retrieve_invoice", "in_1"),
        FLOOR: _httpcore(base, _OurStream()),
        SDK: lambda: sdk.v1.invoices.retrieve("in_1"),
        "httpcore connection over its own stream": _httpcore(base, None),
        "httpx": lambda: orjson.loads(client.get(base + PATH).content),
        "http.client": _http_client(base),
    }


def async_calls(base: str, stack: AsyncExitStack) -> dict[str, AsyncCall]:
    """Each contender's way to retrieve one invoice, awaited; the stack closes what complains if it is left open."""
    ours = AsyncStripeClient(ClientConfig(api_key=KEY, api_base=base))
    sdk = stripe.StripeClient(
        KEY, base_addresses={"api": base}, http_client=stripe.HTTPXClient(allow_sync_methods=False)
    )

    def client(**options: Any) -> httpx.AsyncClient:
        made = httpx.AsyncClient(limits=MANY, timeout=TIMEOUT, headers=HEADERS, **options)
        stack.push_async_callback(made.aclose)
        return made

    return {
        OURS: lambda: ours.call("retrieve_invoice", "in_1"),
        FLOOR: _async_httpcore(base, _OurStreams()),
        SDK: lambda: sdk.v1.invoices.retrieve_async("in_1"),
        "httpcore connection over anyio": _async_httpcore(base, None),
        "httpx": _async_httpx(base, client()),
        "httpx-aiohttp": _async_httpx(base, client(transport=AiohttpTransport(limits=MANY))),
        "aiohttp": _aiohttp(base, stack),
    }


def listings(base: str) -> dict[str, Callable[[], int]]:
    """Each contender's way to list 10,000 invoices; each returns how many it has seen."""
    ours = StripeClient(ClientConfig(api_key=KEY, api_base=base))
    sdk = stripe.StripeClient(KEY, base_addresses={"api": base})
    client = httpx.Client(timeout=TIMEOUT, headers=HEADERS)

    def bare() -> int:
        count, after = 0, ""
        while True:
            page = orjson.loads(client.get(f"{base}/v1/invoices?limit=100{after}").content)
            count += len(page["data"])
            if not page["has_more"]:
                return count
            after = f"&starting_after={page['data'][-1]['id']}"

    return {
        OURS: lambda: sum(len(page) for page in ours.pages("list_invoices")),
        SDK: lambda: sum(1 for _ in sdk.v1.invoices.list({"limit": 100}).auto_paging_iter()),
        "httpx": bare,
    }


# --- Bare transports --------------------------------------------------------------------------------------------------


def _request(base: str) -> tuple[httpcore.Origin, Callable[[], httpcore.Request]]:
    parts = urlsplit(base)
    host, port = (parts.hostname or "").encode(), parts.port or 80
    headers: list[tuple[bytes | str, bytes | str]] = [("Host", parts.netloc), *HEADERS.items()]
    timeout = {"connect": TIMEOUT.connect, "read": TIMEOUT.read, "write": TIMEOUT.write, "pool": TIMEOUT.pool}

    def make() -> httpcore.Request:
        url = httpcore.URL(scheme=b"http", host=host, port=port, target=PATH.encode())
        return httpcore.Request("GET", url, headers=headers, extensions={"timeout": timeout})

    return httpcore.Origin(b"http", host, port), make


def _httpcore(base: str, network: httpcore.NetworkBackend | None) -> SyncCall:
    origin, request = _request(base)
    idle: list[httpcore.HTTPConnection] = []

    def call() -> Any:
        connection = _taken(idle) or httpcore.HTTPConnection(origin, network_backend=network)
        response = connection.handle_request(request())
        body = response.read()
        response.close()
        idle.append(connection)
        return orjson.loads(body)

    return call


class _OurStream(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> Stream:
        return Stream(super().connect_tcp(host, port, timeout, local_address, socket_options))


class _OurStreams(httpcore.AsyncNetworkBackend):
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> AsyncStream:
        return await connected(host, port, None, timeout or 0)


def _async_httpcore(base: str, network: httpcore.AsyncNetworkBackend | None) -> AsyncCall:
    origin, request = _request(base)
    idle: list[httpcore.AsyncHTTPConnection] = []
    # Our streams leave it to their caller how long an answer may take; httpcore's own see to it at each read.
    seconds = None if network is None else 90.0

    async def call() -> Any:
        connection = _taken(idle) or httpcore.AsyncHTTPConnection(origin, network_backend=network)
        async with asyncio.timeout(seconds):
            response = await connection.handle_async_request(request())
            body = await response.aread()
            await response.aclose()
        idle.append(connection)
        return orjson.loads(body)

    return call


def _http_client(base: str) -> SyncCall:
    idle: list[http.client.HTTPConnection] = []

    def call() -> Any:
        connection = _taken(idle) or http.client.HTTPConnection(urlsplit(base).netloc, timeout=80)
        connection.request("GET", PATH, headers=HEADERS)
        body = connection.getresponse().read()
        idle.append(connection)
        return orjson.loads(body)

    return call


def _async_httpx(base: str, client: httpx.AsyncClient) -> AsyncCall:
    async def call() -> Any:
        return orjson.loads((await client.get(base + PATH)).content)

    return call


def _aiohttp(base: str, stack: AsyncExitStack) -> AsyncCall:
    connector, timeout = aiohttp.TCPConnector(limit=100), aiohttp.ClientTimeout(80)
    session = aiohttp.ClientSession(headers=HEADERS, connector=connector, timeout=timeout)
    stack.push_async_callback(session.close)

    async def call() -> Any:
        async with session.get(base + PATH) as response:
            return orjson.loads(await response.read())

    return call


def _taken(idle: list[T]) -> T | None:
    try:
        return idle.pop()  # one step, so that threads need no lock
    except IndexError:
        return None

"""Everybody's way to retrieve one invoice and to list 10,000: our client, the official SDK, and transports without any.

A bare transport makes the same request from the same headers for each call, with the same timeouts, reads all of the
answer and decodes it, and does nothing else: what it costs is the floor for everything that is built on it.
"""

from __future__ import annotations

import http.client
from collections.abc import Awaitable, Callable
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

KEY: Final = "sk_test_benchmark"
PATH: Final = "/v1/invoices/in_1"
HEADERS: Final = {
    "Authorization": f"Bearer {KEY}",
    "Stripe-Version": API_VERSION,
    "User-Agent": USER_AGENT,
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
}
SECONDS, CONNECT_SECONDS = 80.0, 10.0
TIMEOUT: Final = httpx.Timeout(SECONDS, connect=CONNECT_SECONDS)
MANY: Final = httpx.Limits(max_connections=100, max_keepalive_connections=100)

OURS: Final = "prefect-stripe"
SDK: Final = "official SDK"
TRANSPORTS: Final = ("http.client", "httpcore", "httpx", "httpx-aiohttp", "aiohttp")
"""What else a client could be built on."""

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
        SDK: lambda: sdk.v1.invoices.retrieve("in_1"),
        "httpcore": _httpcore(base),
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
        SDK: lambda: sdk.v1.invoices.retrieve_async("in_1"),
        "httpcore": _async_httpcore(base),
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


def _httpcore(base: str) -> SyncCall:
    origin, request = _request(base)
    idle: list[httpcore.HTTPConnection] = []

    def call() -> Any:
        connection = _taken(idle) or httpcore.HTTPConnection(origin)
        response = connection.handle_request(request())
        body = response.read()
        response.close()
        idle.append(connection)
        return orjson.loads(body)

    return call


def _async_httpcore(base: str) -> AsyncCall:
    origin, request = _request(base)
    idle: list[httpcore.AsyncHTTPConnection] = []

    async def call() -> Any:
        connection = _taken(idle) or httpcore.AsyncHTTPConnection(origin)
        response = await connection.handle_async_request(request())
        body = await response.aread()
        await response.aclose()
        idle.append(connection)
        return orjson.loads(body)

    return call


def _http_client(base: str) -> SyncCall:
    idle: list[http.client.HTTPConnection] = []

    def call() -> Any:
        connection = _taken(idle) or http.client.HTTPConnection(urlsplit(base).netloc, timeout=SECONDS)
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
    connector, timeout = aiohttp.TCPConnector(limit=100), aiohttp.ClientTimeout(SECONDS)
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

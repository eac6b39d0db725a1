"""Connections to Stripe: one pool a process for sync use, and one an event loop for async use.

A pool is a stack of lanes, the last used on top; a lane is an httpx transport with a single connection. httpx's own
pool looks at all of its connections for every request, which at a hundred under way costs ten times the request itself.

The transports are used without an `httpx.Client` around them: that would write every address to the log, and with it
the e-mail addresses that customers are looked up by.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from functools import cache
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from prefect_stripe.client.config import ClientConfig, is_loopback
from prefect_stripe.client.exchange import Answer, NoAnswer, WireRequest

MAX_LANES: Final = 100
IDLE_SECONDS: Final = 30.0

_ONE_CONNECTION: Final = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE_SECONDS)

Lane = TypeVar("Lane")


class _Lanes(Generic[Lane]):
    """The lanes that nobody uses, and how a new one is made."""

    def __init__(self, make: Callable[[], Lane]) -> None:
        self._make = make
        self._idle: deque[tuple[float, Lane]] = deque()
        self._lock = threading.Lock()

    def take(self) -> Lane:
        """Return the lane used last, or a new one."""
        with self._lock:
            if self._idle:
                return self._idle.pop()[1]
        return self._make()

    def give_back(self, lane: Lane) -> Lane | None:
        """Keep a lane for later; return one to be closed, if one has been idle for too long."""
        now = time.monotonic()
        with self._lock:
            self._idle.append((now, lane))
            idle_since, _ = self._idle[0]
            return self._idle.popleft()[1] if now - idle_since > IDLE_SECONDS else None

    def take_all(self) -> list[Lane]:
        """Return every lane that nobody uses."""
        with self._lock:
            lanes = [lane for _, lane in self._idle]
            self._idle.clear()
            return lanes


class Pool:
    """Connections for sync use, from any thread."""

    def __init__(self, api_base: str) -> None:
        options = _options(api_base)
        self._lanes = _Lanes(lambda: httpx.HTTPTransport(**options))
        self._turns = threading.Semaphore(MAX_LANES)

    def send(self, request: WireRequest, config: ClientConfig) -> Answer | NoAnswer:
        """Send a request, once, and wait for its answer."""
        with self._turns:
            lane = self._lanes.take()
            try:
                return self._answer(lane, request, config)
            except (httpx.RequestError, TimeoutError) as error:
                return _no_answer(error, config)
            finally:
                if (stale := self._lanes.give_back(lane)) is not None:
                    stale.close()

    @staticmethod
    def _answer(lane: httpx.HTTPTransport, request: WireRequest, config: ClientConfig) -> Answer:
        deadline = time.monotonic() + config.connect_timeout + config.timeout
        response = lane.handle_request(_to_httpx(request, config))
        try:
            chunks: list[bytes] = []
            for chunk in response.iter_bytes():
                chunks.append(chunk)
                # httpx's own timeout begins anew with each byte that drips in.
                if time.monotonic() > deadline:
                    raise TimeoutError
            return _from_httpx(response, b"".join(chunks))
        finally:
            response.close()


class AsyncPool:
    """Connections for async use, in one event loop."""

    def __init__(self, api_base: str) -> None:
        options = _options(api_base)
        self._lanes = _Lanes(lambda: httpx.AsyncHTTPTransport(**options))
        self._turns = asyncio.Semaphore(MAX_LANES)

    async def send(self, request: WireRequest, config: ClientConfig) -> Answer | NoAnswer:
        """Send a request, once, and wait for its answer."""
        async with self._turns:
            lane = self._lanes.take()
            try:
                async with asyncio.timeout(config.connect_timeout + config.timeout):
                    return await self._answer(lane, request, config)
            except (httpx.RequestError, TimeoutError) as error:
                return _no_answer(error, config)
            finally:
                if (stale := self._lanes.give_back(lane)) is not None:
                    await stale.aclose()

    @staticmethod
    async def _answer(lane: httpx.AsyncHTTPTransport, request: WireRequest, config: ClientConfig) -> Answer:
        response = await lane.handle_async_request(_to_httpx(request, config))
        try:
            return _from_httpx(response, await response.aread())
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close every connection."""
        for lane in self._lanes.take_all():
            await lane.aclose()


_lock = threading.Lock()
_pools: dict[str, Pool] = {}
_async_pools: dict[asyncio.AbstractEventLoop, tuple[dict[str, AsyncPool], AsyncGenerator[dict[str, AsyncPool]]]] = {}


def pool(api_base: str) -> Pool:
    """Return the process's connections to an address."""
    with _lock:
        if api_base not in _pools:
            _pools[api_base] = Pool(api_base)
        return _pools[api_base]


async def async_pool(api_base: str) -> AsyncPool:
    """Return the running event loop's connections to an address."""
    loop = asyncio.get_running_loop()
    if loop not in _async_pools:
        with _lock:
            for other in [other for other in _async_pools if other.is_closed()]:
                del _async_pools[other]
        keeper = _until_the_loop_ends(loop)
        _async_pools[loop] = await anext(keeper), keeper
    pools, _ = _async_pools[loop]
    if api_base not in pools:
        pools[api_base] = AsyncPool(api_base)
    return pools[api_base]


async def _until_the_loop_ends(loop: asyncio.AbstractEventLoop) -> AsyncGenerator[dict[str, AsyncPool]]:
    # An event loop that ends closes the async generators that were begun in it, and so its connections.
    pools: dict[str, AsyncPool] = {}
    try:
        yield pools
    finally:
        _async_pools.pop(loop, None)
        for each in pools.values():
            await each.close()


def _forget_after_fork() -> None:
    # Two processes must not speak through one connection, nor wait for a lock that only the other could release.
    global _lock
    _lock = threading.Lock()
    _pools.clear()
    _async_pools.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_forget_after_fork)


@cache
def _ssl_context() -> ssl.SSLContext:
    # Making one costs 45 ms of CPU, so all connections of a process share it.
    return httpx.create_ssl_context()


def _options(api_base: str) -> dict[str, Any]:
    return {"verify": _ssl_context(), "limits": _ONE_CONNECTION, "proxy": _proxy(api_base)}


def _proxy(api_base: str) -> str | None:
    # A key goes to this machine itself in clear: on no account through a proxy.
    parts = urlsplit(api_base)
    if is_loopback(api_base) or proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def _to_httpx(request: WireRequest, config: ClientConfig) -> httpx.Request:
    timeout = {
        "connect": config.connect_timeout,
        "read": config.timeout,
        "write": config.timeout,
        "pool": config.timeout,
    }
    return httpx.Request(
        request.method,
        request.url,
        headers=dict(request.headers),
        content=request.body,
        extensions={"timeout": timeout},
    )


def _from_httpx(response: httpx.Response, body: bytes) -> Answer:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers.raw}
    return Answer(response.status_code, headers, body)


def _no_answer(error: httpx.RequestError | TimeoutError, config: ClientConfig) -> NoAnswer:
    if isinstance(error, httpx.ConnectTimeout):
        return NoAnswer(f"no connection within {config.connect_timeout:g} s")
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return NoAnswer(f"nothing, or not all of it, came within {config.timeout:g} s")
    # The text of a LocalProtocolError may quote a header.
    text = "" if isinstance(error, httpx.LocalProtocolError) else str(error)
    return NoAnswer(f"{type(error).__name__}: {text}" if text else type(error).__name__)

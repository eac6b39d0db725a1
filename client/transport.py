"""Connections to Stripe: one pool a process for sync use, and one an event loop for async use.

A pool is a stack of lanes, the last used on top; a lane is one connection of httpcore, which is what httpx sends
through. httpx's client itself is left out: it writes every address to the log, and with it the e-mail addresses that
customers are looked up by; its pool looks at all of its connections for every request, which at a hundred under way
costs ten times the request itself; and at one, a request costs twice as much with it as without.
"""

from __future__ import annotations

import asyncio
import os
import select
import ssl
import threading
import time
import zlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from queue import SimpleQueue
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from prefect_stripe.client.bodies import MOST_BYTES, Body, OversizedError, unpacked
from prefect_stripe.client.config import ClientConfig, is_loopback
from prefect_stripe.client.exchange import Answer, NoAnswer, WireRequest
from prefect_stripe.client.streams import Stream, connected

MAX_LANES: Final = 100
IDLE_SECONDS: Final = 30.0
FRESH_SECONDS: Final = 0.1
"""For so long after its last answer a connection is taken to be open for a read: to ask is a system call, at which a
thread loses its turn to others. One that was closed all the same brings no answer, and the request is sent again.
"""

_FAILURES: Final = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    TimeoutError,
    OversizedError,
    zlib.error,
)

# Not httpcore's HTTPConnection, which would look for each request whether it has to connect first, under a lock.
SyncLane = httpcore.HTTP11Connection | httpcore.ConnectionPool
AsyncLane = httpcore.AsyncHTTP11Connection | httpcore.AsyncConnectionPool
_PROXIES: Final = (httpcore.ConnectionPool, httpcore.AsyncConnectionPool)
Lane = TypeVar("Lane", SyncLane, AsyncLane)


class Pool:
    """Connections to one address for sync use, from any thread."""

    def __init__(self, api_base: str) -> None:
        self._address = _address(api_base)
        self._idle: _Idle[SyncLane] = _Idle()
        # A semaphore in C, which threading's is not.
        self._turns: SimpleQueue[None] = SimpleQueue()
        for _ in range(MAX_LANES):
            self._turns.put(None)

    def send(self, request: WireRequest, config: ClientConfig) -> Answer | NoAnswer:
        """Send a request, once, and wait for its answer."""
        self._turns.get()
        try:
            return self._send(request, config)
        finally:
            self._turns.put(None)

    def _send(self, request: WireRequest, config: ClientConfig) -> Answer | NoAnswer:
        # What came unasked would be taken for the answer, and what a write did must never be taken from another's.
        lane, over = self._idle.take(ask=request.method != "GET")
        if over is not None:
            over.close()
        answered = False
        try:
            lane = lane or self._new_lane(config.connect_timeout)
            answer = self._answer(lane, request, config)
            answered = True
            return answer
        except _FAILURES as error:
            return _no_answer(error, config)
        finally:
            # One that was interrupted may say that it is idle, and be in the middle of becoming so.
            if lane is not None and (over := self._idle.give_back(lane) if answered else lane) is not None:
                over.close()

    def _new_lane(self, seconds: float) -> SyncLane:
        to = self._address
        if to.proxy is None:
            stream = httpcore.SyncBackend().connect_tcp(to.name, to.origin.port, seconds)
            if to.tls is not None:
                stream = stream.start_tls(to.tls, to.name, seconds)
            if hasattr(select, "poll"):  # not on Windows
                stream = Stream(stream)
            return httpcore.HTTP11Connection(to.origin, stream, IDLE_SECONDS)
        kind = httpcore.SOCKSProxy if to.by_socks else httpcore.HTTPProxy
        return kind(**to.proxy)

    def _answer(self, lane: SyncLane, request: WireRequest, config: ClientConfig) -> Answer:
        deadline = time.monotonic() + config.connect_timeout + config.timeout
        response = lane.handle_request(self._address.request(request, config))
        try:
            body = Body()
            for chunk in response.iter_stream():
                body.add(chunk)
                # The timeout of a read begins anew with each byte that drips in.
                if time.monotonic() > deadline:
                    raise TimeoutError
            return _answer(response, body.whole())
        finally:
            response.close()


class AsyncPool:
    """Connections to one address for async use, in one event loop."""

    def __init__(self, api_base: str) -> None:
        self._address = _address(api_base)
        self._idle: _Idle[AsyncLane] = _Idle()
        self._turns = asyncio.Semaphore(MAX_LANES)

    async def send(self, request: WireRequest, config: ClientConfig) -> Answer | NoAnswer:
        """Send a request, once, and wait for its answer."""
        async with self._turns:
            # It costs nothing here: the event loop has been told already.
            lane, over = self._idle.take(ask=True)
            if over is not None:
                await over.aclose()
            try:
                async with asyncio.timeout(config.connect_timeout + config.timeout):
                    lane = lane or await self._new_lane(config.connect_timeout)
                    return await self._answer(lane, request, config)
            except _FAILURES as error:
                return _no_answer(error, config)
            finally:
                if lane is not None and (over := self._idle.give_back(lane)) is not None:
                    await over.aclose()

    async def _new_lane(self, seconds: float) -> AsyncLane:
        to = self._address
        if to.proxy is None:
            stream = await connected(to.name, to.origin.port, to.tls, seconds)
            return httpcore.AsyncHTTP11Connection(to.origin, stream, IDLE_SECONDS)
        kind = httpcore.AsyncSOCKSProxy if to.by_socks else httpcore.AsyncHTTPProxy
        return kind(**to.proxy)

    async def _answer(self, lane: AsyncLane, request: WireRequest, config: ClientConfig) -> Answer:
        response = await lane.handle_async_request(self._address.request(request, config))
        try:
            body = Body()
            async for chunk in response.aiter_stream():
                body.add(chunk)
            return _answer(response, body.whole())
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close every connection."""
        for lane in self._idle.take_all():
            await lane.aclose()


class _Idle(Generic[Lane]):
    """The lanes that nobody uses, the one used last on top."""

    def __init__(self) -> None:
        self._lanes: deque[tuple[float, Lane]] = deque()
        self._lock = threading.Lock()

    def take(self, *, ask: bool) -> tuple[Lane | None, Lane | None]:
        """Return the lane on top, if there is one that can be used; and it to be closed, if it cannot.

        Args:
            ask: Whether also one that has answered a moment ago is asked if it is open, and silent.
        """
        with self._lock:
            if not self._lanes:
                return None, None
            idle_since, lane = self._lanes.pop()
        # A proxy looks after its connection itself.
        if isinstance(lane, _PROXIES) or not (ask or time.monotonic() - idle_since >= FRESH_SECONDS):
            return lane, None
        if not (lane.is_closed() or lane.has_expired()):
            return lane, None
        return None, lane

    def give_back(self, lane: Lane) -> Lane | None:
        """Keep a lane for later; return one to be closed: this one, or one that has been idle for too long."""
        if not _at_rest(lane):
            return lane
        now = time.monotonic()
        with self._lock:
            self._lanes.append((now, lane))
            idle_since, _ = self._lanes[0]
            return self._lanes.popleft()[1] if now - idle_since > IDLE_SECONDS else None

    def take_all(self) -> list[Lane]:
        """Return every lane."""
        with self._lock:
            lanes = [lane for _, lane in self._lanes]
            self._lanes.clear()
            return lanes


def _at_rest(lane: SyncLane | AsyncLane) -> bool:
    # Whoever is interrupted twice, or between two steps, leaves an answer behind that is nobody's: not for the next.
    if isinstance(lane, _PROXIES):
        return all(connection.is_idle() for connection in lane.connections)
    # What came with an answer and is not of it would be read as the answer to the next request.
    return lane.is_idle() and not lane._h11_state.trailing_data[0]  # pyright: ignore[reportPrivateUsage]


# --- One pool a process, and one a loop -------------------------------------------------------------------------------

_lock = threading.Lock()
_pools: dict[str, Pool] = {}
_async_pools: dict[asyncio.AbstractEventLoop, tuple[dict[str, AsyncPool], AsyncGenerator[dict[str, AsyncPool]]]] = {}


def pool(api_base: str) -> Pool:
    """Return the process's connections to an address."""
    if (found := _pools.get(api_base)) is not None:
        return found
    with _lock:
        return _pools.get(api_base) or _pools.setdefault(api_base, Pool(api_base))


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


# --- Where to, and what came of it ------------------------------------------------------------------------------------


class _NoBody:
    # None would be an empty body to httpcore, and so a piece of its own to check and send.

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for nothing in self:
            yield nothing


_NO_BODY: Final = _NoBody()


@dataclass(frozen=True, slots=True)
class _Address:
    origin: httpcore.Origin
    host: bytes
    prefix: bytes
    name: str
    tls: ssl.SSLContext | None
    proxy: Mapping[str, Any] | None
    by_socks: bool

    def request(self, request: WireRequest, config: ClientConfig) -> httpcore.Request:
        headers: list[tuple[bytes | str, bytes | str]] = [("Host", self.host), *request.headers.items()]
        if request.body is not None:
            headers.append(("Content-Length", str(len(request.body))))
        to = self.origin
        url = httpcore.URL(scheme=to.scheme, host=to.host, port=to.port, target=self.prefix + request.target.encode())
        timeout = {
            "connect": config.connect_timeout,
            "read": config.timeout,
            "write": config.timeout,
            "pool": config.timeout,
        }
        body = _NO_BODY if request.body is None else request.body
        return httpcore.Request(request.method, url, headers=headers, content=body, extensions={"timeout": timeout})


def _address(api_base: str) -> _Address:
    parts = urlsplit(api_base)
    host = (parts.hostname or "").encode("idna")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    tls = _ssl_context() if parts.scheme == "https" else None
    proxy = _proxy(api_base)
    options = None
    if proxy is not None:
        options = {
            "proxy_url": str(proxy.url),
            "proxy_auth": proxy.raw_auth,
            "ssl_context": tls,
            "max_connections": 1,
            "keepalive_expiry": IDLE_SECONDS,
        }
    return _Address(
        httpcore.Origin(parts.scheme.encode(), host, port),
        parts.netloc.encode("idna"),
        quote(parts.path.rstrip("/"), safe="/%").encode(),
        host.decode(),
        tls,
        options,
        proxy is not None and proxy.url.scheme.startswith("socks"),
    )


@cache
def _ssl_context() -> ssl.SSLContext:
    # Making one costs 45 ms of CPU, so all connections of a process share it.
    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _proxy(api_base: str) -> httpx.Proxy | None:
    # A key goes to this machine itself in clear: on no account through a proxy.
    parts = urlsplit(api_base)
    if is_loopback(api_base) or proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    url = proxies.get(parts.scheme) or proxies.get("all")
    return httpx.Proxy(url if "://" in url else f"http://{url}") if url else None


def _answer(response: httpcore.Response, body: bytes) -> Answer:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    if headers.get("content-encoding") == "gzip":
        body = unpacked(body)
    return Answer(response.status, headers, body)


def _no_answer(error: Exception, config: ClientConfig) -> NoAnswer:
    if isinstance(error, httpcore.ConnectTimeout):
        return NoAnswer(f"no connection within {config.connect_timeout:g} s")
    if isinstance(error, httpcore.TimeoutException | TimeoutError):
        return NoAnswer(f"nothing, or not all of it, came within {config.timeout:g} s")
    if isinstance(error, OversizedError):
        return NoAnswer(f"the answer is larger than {MOST_BYTES // 2**20} MB")
    if isinstance(error, zlib.error):
        return NoAnswer("the answer could not be unpacked")
    # The text of a LocalProtocolError may quote a header.
    text = "" if isinstance(error, httpcore.LocalProtocolError) else str(error)
    return NoAnswer(f"{type(error).__name__}: {text}" if text else type(error).__name__)

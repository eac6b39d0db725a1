"""Connections to Stripe: one pool a process for sync use, and one an event loop for async use.

A pool is a stack of lanes, the last used on top; a lane is one connection. httpx's client is left out: it writes every
address to the log, and with it the e-mail addresses that customers are looked up by; its pool looks at all of its
connections for every request, which at a hundred under way costs ten times the request itself; and at one, a request
costs six times as much with it as without.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import time
import zlib
from collections import deque
from collections.abc import AsyncGenerator
from functools import cache
from queue import SimpleQueue
from typing import Final, Generic, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from prefect_stripe.client.bodies import OversizedError
from prefect_stripe.client.config import ClientConfig
from prefect_stripe.client.connections import AsyncConnection, Connection, ConnectTimeoutError, connected
from prefect_stripe.client.exchange import Answer, NoAnswer, WireRequest
from prefect_stripe.client.http1 import Address, BrokenAnswerError
from prefect_stripe.client.proxies import AsyncProxyLane, ProxyLane, proxy_of

MAX_LANES: Final = 100
IDLE_SECONDS: Final = 30.0
FRESH_SECONDS: Final = 0.005
"""For so long after its last answer a connection is taken to be silent for a read: to ask is a system call, at which a
thread loses its turn to others. What comes so soon is mostly on its way yet, where to ask would not tell either.
"""

_FAILURES: Final = (OSError, BrokenAnswerError, OversizedError, zlib.error)

SyncLane = Connection | ProxyLane
AsyncLane = AsyncConnection | AsyncProxyLane
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
        # What a write did must never be taken from what came unasked.
        lane, over = self._idle.take(ask=request.method != "GET")
        if over is not None:
            over.close()
        try:
            lane = lane or self._new_lane(config.connect_timeout)
            return lane.exchange(request, config.timeout)
        except _FAILURES as error:
            return _no_answer(error, config)
        finally:
            if lane is not None and (over := self._idle.give_back(lane)) is not None:
                over.close()

    def _new_lane(self, seconds: float) -> SyncLane:
        return Connection(self._address, seconds) if self._address.proxy is None else ProxyLane(self._address, seconds)


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
                await over.close()
            try:
                lane = lane or await self._new_lane(config.connect_timeout)
                return await lane.exchange(request, config.timeout)
            except _FAILURES as error:
                return _no_answer(error, config)
            finally:
                if lane is not None and (over := self._idle.give_back(lane)) is not None:
                    await over.close()

    async def _new_lane(self, seconds: float) -> AsyncLane:
        if self._address.proxy is None:
            return await connected(self._address, seconds)
        return AsyncProxyLane(self._address, seconds)

    async def close(self) -> None:
        """Close every connection."""
        for lane in self._idle.take_all():
            await lane.close()


class _Idle(Generic[Lane]):
    """The lanes that nobody uses, the one used last on top. Without a lock: whoever waits for one loses its turn."""

    def __init__(self) -> None:
        self._lanes: deque[tuple[float, Lane]] = deque()

    def take(self, *, ask: bool) -> tuple[Lane | None, Lane | None]:
        """Return the lane on top, if there is one that can be used; and it to be closed, if it cannot.

        Args:
            ask: Whether also one that has answered a moment ago is asked if it is open, and silent.
        """
        try:
            idle_since, lane = self._lanes.pop()
        except IndexError:
            return None, None
        idle = time.monotonic() - idle_since
        # What came unasked would be taken for the answer; and each later answer for that of the next request.
        if idle <= IDLE_SECONDS and lane.usable and (not (ask or idle >= FRESH_SECONDS) or lane.is_silent()):
            return lane, None
        return None, lane

    def give_back(self, lane: Lane) -> Lane | None:
        """Keep a lane for later; return one to be closed: this one, or one that has been idle for too long."""
        if not lane.usable:
            return lane
        now = time.monotonic()
        self._lanes.append((now, lane))
        try:
            # Another thread may take it in between; then the next is closed, which costs no more than to connect again.
            return self._lanes.popleft()[1] if now - self._lanes[0][0] > IDLE_SECONDS else None
        except IndexError:
            return None

    def take_all(self) -> list[Lane]:
        """Return every lane."""
        lanes = [lane for _, lane in self._lanes]
        self._lanes.clear()
        return lanes


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
            # In a list made at one go: meanwhile the loops of other threads come and go.
            for other in [other for other in list(_async_pools) if other.is_closed()]:
                _async_pools.pop(other, None)
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


def _address(api_base: str) -> Address:
    parts = urlsplit(api_base)
    return Address(
        name=(parts.hostname or "").encode("idna").decode(),
        port=parts.port or (443 if parts.scheme == "https" else 80),
        tls=_ssl_context() if parts.scheme == "https" else None,
        host=parts.netloc.encode("idna").decode(),
        prefix=quote(parts.path.rstrip("/"), safe="/%"),
        proxy=proxy_of(api_base),
    )


@cache
def _ssl_context() -> ssl.SSLContext:
    # Making one costs 45 ms of CPU, so all connections of a process share it.
    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _no_answer(error: Exception, config: ClientConfig) -> NoAnswer:
    if isinstance(error, ConnectTimeoutError):
        return NoAnswer(f"no connection within {config.connect_timeout:g} s")
    if isinstance(error, TimeoutError):
        return NoAnswer(f"nothing, or not all of it, came within {config.timeout:g} s")
    if isinstance(error, zlib.error):
        return NoAnswer("the answer could not be unpacked")
    return NoAnswer(
        str(error) if isinstance(error, (BrokenAnswerError, OversizedError)) else f"{type(error).__name__}: {error}"
    )

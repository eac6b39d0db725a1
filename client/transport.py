"""Connections to Stripe: pooled by account, one pool a process for sync use and one an event loop for async use."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from functools import cache
from typing import Final
from weakref import WeakKeyDictionary

import httpx

from prefect_stripe.client.config import ClientConfig
from prefect_stripe.client.exchange import Answer, WireRequest

_CONNECTIONS: Final = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30.0)

_Key = tuple[str, str, float, float]

_lock = threading.Lock()
_pools: dict[_Key, httpx.Client] = {}
_async_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Key, httpx.AsyncClient]] = WeakKeyDictionary()


@cache
def _ssl_context() -> ssl.SSLContext:
    # Making one costs 45 ms of CPU, so all pools of a process share it.
    return httpx.create_ssl_context()


def _forget_after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    _pools.clear()
    _async_pools.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_forget_after_fork)


def _key(config: ClientConfig) -> _Key:
    return config.account, config.api_base, config.timeout, config.connect_timeout


def _timeout(config: ClientConfig) -> httpx.Timeout:
    return httpx.Timeout(config.timeout, connect=config.connect_timeout)


def pool(config: ClientConfig) -> httpx.Client:
    """Return the process's connections for this account."""
    with _lock:
        if (key := _key(config)) not in _pools:
            _pools[key] = httpx.Client(timeout=_timeout(config), limits=_CONNECTIONS, verify=_ssl_context())
        return _pools[key]


def async_pool(config: ClientConfig) -> httpx.AsyncClient:
    """Return the running event loop's connections for this account."""
    with _lock:
        pools = _async_pools.setdefault(asyncio.get_running_loop(), {})
        if (key := _key(config)) not in pools:
            pools[key] = httpx.AsyncClient(timeout=_timeout(config), limits=_CONNECTIONS, verify=_ssl_context())
        return pools[key]


def to_httpx(request: WireRequest) -> httpx.Request:
    """Write a request as httpx sends it."""
    return httpx.Request(request.method, request.url, headers=dict(request.headers), content=request.body)


def from_httpx(response: httpx.Response) -> Answer:
    """Read an answer as httpx received it; its header names are in lower case already."""
    return Answer(response.status_code, dict(response.headers), response.content)

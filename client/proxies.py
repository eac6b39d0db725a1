"""The way through a proxy: by httpcore, which knows CONNECT, SOCKS, and TLS within TLS."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from prefect_stripe.client.bodies import MOST_BYTES, OversizedError
from prefect_stripe.client.config import is_loopback
from prefect_stripe.client.connections import ConnectTimeoutError
from prefect_stripe.client.exchange import Answer, WireRequest
from prefect_stripe.client.http1 import Address, answer

_FAILURES: Final = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError)


def proxy_of(api_base: str) -> str | None:
    """Return the URL of the proxy that the environment names for an address. It may hold a password."""
    # A key goes to this machine itself in clear: on no account through a proxy.
    parts = urlsplit(api_base)
    if is_loopback(api_base) or proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    url = proxies.get(parts.scheme) or proxies.get("all")
    return url if not url or "://" in url else f"http://{url}"


class ProxyLane:
    """One connection through a proxy, in sync use. It is made by the first request.

    Args:
        address: Whom to connect to, and the proxy to go through.
        connect_seconds: How long connecting may take.
    """

    def __init__(self, address: Address, connect_seconds: float) -> None:
        kind = httpcore.SOCKSProxy if _by_socks(address) else httpcore.HTTPProxy
        self._pool = kind(**_options(address))
        self._address = address
        self._connect_seconds = connect_seconds
        self._at_rest = True

    @property
    def usable(self) -> bool:
        """Whether no answer is left half read."""
        # One that was interrupted may say that it is idle, and be in the middle of becoming so.
        return self._at_rest and all(connection.is_idle() for connection in self._pool.connections)

    def is_silent(self) -> bool:
        """httpcore looks after its connection itself."""
        return True

    def exchange(self, request: WireRequest, seconds: float) -> Answer:
        """Send a request and wait for all of its answer.

        Args:
            request: What to send.
            seconds: How long the answer may take, besides connecting.

        Raises:
            TimeoutError: It took longer; ConnectTimeoutError where connecting did.
            ConnectionError: The proxy refused, or the connection broke.
            OversizedError, zlib.error: Something else came than an answer.
        """
        self._at_rest = False
        deadline = time.monotonic() + self._connect_seconds + seconds
        with _plainly():
            response = self._pool.handle_request(_request(request, self._address, self._connect_seconds, seconds))
            try:
                body = bytearray()
                for piece in response.iter_stream():
                    _add(piece, body)
                    # The timeout of a read begins anew with each byte that drips in.
                    if time.monotonic() > deadline:
                        raise TimeoutError
            finally:
                response.close()
            self._at_rest = True
            return _answer(response, body)

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


class AsyncProxyLane:
    """One connection through a proxy, in async use.

    Args:
        address: Whom to connect to, and the proxy to go through.
        connect_seconds: How long connecting may take.
    """

    def __init__(self, address: Address, connect_seconds: float) -> None:
        kind = httpcore.AsyncSOCKSProxy if _by_socks(address) else httpcore.AsyncHTTPProxy
        self._pool = kind(**_options(address))
        self._address = address
        self._connect_seconds = connect_seconds
        self._at_rest = True

    @property
    def usable(self) -> bool:
        """Whether no answer is left half read."""
        # One that was interrupted may say that it is idle, and be in the middle of becoming so.
        return self._at_rest and all(connection.is_idle() for connection in self._pool.connections)

    def is_silent(self) -> bool:
        """httpcore looks after its connection itself."""
        return True

    async def exchange(self, request: WireRequest, seconds: float) -> Answer:
        """Send a request and wait for all of its answer.

        Args:
            request: What to send.
            seconds: How long the answer may take, besides connecting.

        Raises:
            TimeoutError: It took longer; ConnectTimeoutError where connecting did.
            ConnectionError: The proxy refused, or the connection broke.
            OversizedError, zlib.error: Something else came than an answer.
        """
        self._at_rest = False
        with _plainly():
            async with asyncio.timeout(self._connect_seconds + seconds):
                response = await self._pool.handle_async_request(
                    _request(request, self._address, self._connect_seconds, seconds)
                )
                try:
                    body = bytearray()
                    async for piece in response.aiter_stream():
                        _add(piece, body)
                finally:
                    await response.aclose()
            self._at_rest = True
            return _answer(response, body)

    async def close(self) -> None:
        """Close the connection."""
        await self._pool.aclose()


def _by_socks(address: Address) -> bool:
    return (address.proxy or "").startswith("socks")


def _options(address: Address) -> dict[str, Any]:
    proxy = httpx.Proxy(address.proxy or "")
    return {
        "proxy_url": str(proxy.url),
        "proxy_auth": proxy.raw_auth,
        "ssl_context": address.tls,
        "max_connections": 1,
    }


def _request(request: WireRequest, address: Address, connect_seconds: float, seconds: float) -> httpcore.Request:
    scheme = b"http" if address.tls is None else b"https"
    target = f"{address.prefix}{request.target}".encode()
    url = httpcore.URL(scheme=scheme, host=address.name.encode(), port=address.port, target=target)
    timeout = {"connect": connect_seconds, "read": seconds, "write": seconds, "pool": seconds}
    return httpcore.Request(
        request.method,
        url,
        headers=list(address.headers(request).items()),
        content=request.body,
        extensions={"timeout": timeout},
    )


def _add(piece: bytes, body: bytearray) -> None:
    body += piece
    if len(body) > MOST_BYTES:
        raise OversizedError


def _answer(response: httpcore.Response, body: bytearray) -> Answer:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    return answer(response.status, headers, bytes(body))


@contextmanager
def _plainly() -> Generator[None]:
    try:
        yield
    except httpcore.ConnectTimeout:
        raise ConnectTimeoutError from None
    except httpcore.TimeoutException:
        raise TimeoutError from None
    except _FAILURES as error:
        # The text of a LocalProtocolError may quote a header.
        text = "" if isinstance(error, httpcore.LocalProtocolError) else f": {error}"
        raise ConnectionError(f"{type(error).__name__}{text}") from None

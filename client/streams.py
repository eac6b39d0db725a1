"""asyncio's own streams, as httpcore wants its network: half of the CPU of a request that goes through anyio's."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import httpcore


class Stream(httpcore.AsyncNetworkStream):
    """One connection. How long an answer may take is its caller's to limit, for all of it and not for each read."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's own
        """Wait for some bytes; none at the end."""
        try:
            return await self._reader.read(max_bytes)
        except OSError as error:
            raise httpcore.ReadError(str(error)) from None

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's own
        """Send bytes."""
        try:
            self._writer.write(buffer)
            await self._writer.drain()
        except OSError as error:
            raise httpcore.WriteError(str(error)) from None

    async def aclose(self) -> None:
        """Close the connection at once: HTTP says by itself where a message ends."""
        self._writer.transport.abort()
        # The transport lets go of its socket in the loop's next turn, and there may be none after this.
        await asyncio.sleep(0)

    def get_extra_info(self, info: str) -> Any:
        """Say whether an idle connection is one no longer: then there is something to read, its end."""
        return (info == "is_readable" and (self._reader.at_eof() or self._writer.is_closing())) or None


async def connected(host: str, port: int, tls: ssl.SSLContext | None, seconds: float) -> Stream:
    """Connect, trying a host's addresses side by side where the event loop can.

    Args:
        host: Whom to connect to; with TLS also the name that its certificate must have.
        port: Its port.
        tls: The context, or None for a plain connection.
        seconds: How long it may take.
    """
    side_by_side = isinstance(asyncio.get_running_loop(), asyncio.BaseEventLoop)
    options: dict[str, Any] = {"happy_eyeballs_delay": 0.25} if side_by_side else {}
    try:
        async with asyncio.timeout(seconds):
            return Stream(*await asyncio.open_connection(host, port, ssl=tls, **options))
    except TimeoutError:
        raise httpcore.ConnectTimeout from None
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from None

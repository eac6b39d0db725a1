"""The network as httpcore wants it, at less cost than its own.

Sync, over a socket: of threads that share an interpreter, one that asks the system for anything loses its turn to the
others, and waits for it again. httpcore's own streams ask before each write and each read whether it can be done; these
write at once. Async, over asyncio's own streams: half of the CPU of a request that goes through anyio's.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import httpcore

T = TypeVar("T")

_MOST_MILLISECONDS: Final = 2**31 - 1  # what poll can count; 24 days


class Stream(httpcore.NetworkStream):
    """One connection in sync use.

    A timeout is counted from when a request is written, to the last of its answer: httpcore's own begins anew with each
    byte that drips in.

    Args:
        connected: httpcore's own stream, which speaks TLS already where it is to be spoken.
    """

    def __init__(self, connected: httpcore.NetworkStream) -> None:
        self._connected = connected
        self._socket: socket.socket = connected.get_extra_info("socket")
        self._socket.setblocking(False)
        self._until: float | None = None
        self._late = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Wait for some bytes; none at the end."""
        try:
            # No answer is there at once. What TLS has decrypted already, the system knows nothing of.
            if not (isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()):
                self._wait(select.POLLIN)
            return self._done(lambda: self._socket.recv(max_bytes), select.POLLIN)
        except TimeoutError:
            raise httpcore.ReadTimeout from None
        except OSError as error:
            raise httpcore.ReadError(str(error)) from None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes."""
        self._until = None if timeout is None else time.monotonic() + timeout
        self._late = False
        try:
            while buffer:
                buffer = buffer[self._done(lambda: self._socket.send(buffer), select.POLLOUT) :]  # noqa: B023 - called at once
        except TimeoutError:
            raise httpcore.WriteTimeout from None
        except OSError as error:
            raise httpcore.WriteError(str(error)) from None

    def close(self) -> None:
        """Close the connection."""
        self._connected.close()

    def get_extra_info(self, info: str) -> Any:
        """Say what httpcore's own stream says."""
        return self._connected.get_extra_info(info)

    def _done(self, step: Callable[[], T], needs: int) -> T:
        while True:
            try:
                return step()
            except BlockingIOError:
                self._wait(needs)
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN)
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT)

    def _wait(self, needs: int) -> None:
        milliseconds = None
        if self._until is not None:
            # What is there when the time is over is taken, once: whoever never stops sending is not read for ever.
            if self._late:
                raise TimeoutError
            left = self._until - time.monotonic()
            self._late = left < 0
            milliseconds = min(max(0, left * 1000), _MOST_MILLISECONDS)
        poll = select.poll()
        poll.register(self._socket, needs)
        if not poll.poll(milliseconds):
            raise TimeoutError


class AsyncStream(httpcore.AsyncNetworkStream):
    """One connection in async use. How long an answer may take is its caller's to limit, for all of it at once."""

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
        """Say whether an idle connection is one no longer: its end has come, or what nobody asked for."""
        if info != "is_readable":
            return None
        unasked = cast(bytearray, self._reader._buffer)  # type: ignore[attr-defined]  # pyright: ignore
        return len(unasked) > 0 or self._reader.at_eof() or self._writer.is_closing()


async def connected(host: str, port: int, tls: ssl.SSLContext | None, seconds: float) -> AsyncStream:
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
            return AsyncStream(*await asyncio.open_connection(host, port, ssl=tls, **options))
    except TimeoutError:
        raise httpcore.ConnectTimeout from None
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from None

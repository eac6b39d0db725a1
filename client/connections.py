"""One connection to Stripe, for sync and for async use: a request is written, and its answer read, one at a time."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from prefect_stripe.client.exchange import Answer, WireRequest
from prefect_stripe.client.http1 import Address, Incoming
from prefect_stripe.client.sockets import Socket, TlsSocket


class ConnectTimeoutError(TimeoutError):
    """No connection was made in time."""


class Connection:
    """A connection in sync use.

    Args:
        address: Whom to connect to.
        seconds: How long it may take.

    Raises:
        ConnectTimeoutError: It took longer.
        OSError: It was refused, or the certificate is not what it should be.
    """

    def __init__(self, address: Address, seconds: float) -> None:
        self.usable = True
        self._address = address
        self._incoming = Incoming()
        try:
            plain = Socket(address.name, address.port, seconds)
            self._socket = plain if address.tls is None else TlsSocket(plain, address.tls, address.name)
        except TimeoutError:
            raise ConnectTimeoutError from None

    def exchange(self, request: WireRequest, seconds: float) -> Answer:
        """Send a request and wait for all of its answer.

        Args:
            request: What to send.
            seconds: How long it may take, to the last byte.

        Raises:
            TimeoutError: It took longer.
            OSError: The connection broke.
            BrokenAnswerError, OversizedError, zlib.error: Something else came than an answer.
        """
        self.usable = False
        incoming = self._incoming
        data = self._address.written(request)
        self._socket.limit(seconds)
        try:
            self._socket.send(data)
            written = True
        except TimeoutError:
            raise
        except OSError:
            # It may have been answered before it was read to its end.
            written = False
        while not incoming.complete:
            incoming.feed(self._socket.receive())
        # TLS is read a record at a time: what it holds beyond the answer came unasked, and would be the next one's.
        reusable = written and incoming.reusable and not self._socket.holds_more()
        answer = incoming.answer()
        self.usable = reusable
        return answer

    def is_silent(self) -> bool:
        """Ask the system: what comes while nobody waits is the end, or nobody's answer."""
        return self._socket.is_silent()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


class AsyncConnection(asyncio.Protocol):
    """A connection in async use; `connected` makes one."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._incoming = Incoming()
        self._waiting: asyncio.Future[Exception | None] | None = None
        self._at_rest = True

    @property
    def usable(self) -> bool:
        """Whether it can take a request."""
        return self._at_rest and not self._transport.is_closing()

    def is_silent(self) -> bool:
        """It is while it is usable: the event loop tells of whatever comes."""
        return self.usable

    async def exchange(self, request: WireRequest, seconds: float) -> Answer:
        """Send a request and wait for all of its answer.

        Args:
            request: What to send.
            seconds: How long it may take, to the last byte.

        Raises:
            TimeoutError: It took longer.
            OSError: The connection broke.
            BrokenAnswerError, OversizedError, zlib.error: Something else came than an answer.
        """
        self._at_rest = False
        data = self._address.written(request)
        if self._transport.is_closing():
            raise ConnectionResetError("the connection ended before the request")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        async with asyncio.timeout(seconds):
            failure = await self._waiting
        if failure is not None:
            raise failure
        # It may have been answered before all of it was sent.
        reusable = self._incoming.reusable and not self._transport.get_write_buffer_size()
        answer = self._incoming.answer()
        self._at_rest = reusable
        return answer

    async def close(self) -> None:
        """Close the connection at once: HTTP says by itself where a message ends."""
        self._transport.abort()
        # The transport lets go of its socket in the loop's next turn, and there may be none after this.
        await asyncio.sleep(0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        # Those of uvloop are no subclass of it.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take in what came: of the answer that is waited for, or nobody's."""
        if self._waiting is None or self._waiting.done():
            self._transport.abort()
        else:
            self._take(self._waiting, data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take in the end."""
        if self._waiting is None or self._waiting.done():
            return
        if exc is None:
            self._take(self._waiting, b"")
        else:
            self._waiting.set_result(exc)

    def _take(self, waiting: asyncio.Future[Exception | None], data: bytes) -> None:
        try:
            self._incoming.feed(data)
        except Exception as error:  # noqa: BLE001 - whatever it is, the one who waits is told
            waiting.set_result(error)
        else:
            if self._incoming.complete:
                waiting.set_result(None)


async def connected(address: Address, seconds: float) -> AsyncConnection:
    """Connect, trying a host's addresses side by side where the event loop can.

    Args:
        address: Whom to connect to.
        seconds: How long it may take.

    Raises:
        ConnectTimeoutError: It took longer.
        OSError: It was refused, or the certificate is not what it should be.
    """
    loop = asyncio.get_running_loop()
    options: dict[str, Any] = {"happy_eyeballs_delay": 0.25} if isinstance(loop, asyncio.BaseEventLoop) else {}
    try:
        async with asyncio.timeout(seconds):
            _, connection = await loop.create_connection(
                lambda: AsyncConnection(address), address.name, address.port, ssl=address.tls, **options
            )
    except TimeoutError:
        raise ConnectTimeoutError from None
    return connection

"""The network in sync use: a socket that is written to and read from in time, plain or with TLS.

Of threads that share an interpreter, one that asks the system for anything loses its turn to the others, and waits for
it again. So nothing is asked first: neither whether a request can be written, nor whether its answer is there. It is
written at once, and the system itself waits as it reads. TLS is done in memory, between the two.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

T = TypeVar("T")

_AT_ONCE: Final = 65_536
_MOST_MILLISECONDS: Final = 2**31 - 1  # what poll can count; 24 days
_SLACK: Final = 0.05
"""Seconds that an answer may come too late: to tell the system how long to wait costs as much as a small read."""
_AT_ANY_RATE: Final = 0 if sys.platform == "win32" else socket.MSG_DONTWAIT


class Socket:
    """A connection without TLS.

    Args:
        host: Whom to connect to.
        port: Its port.
        seconds: How long it may take to connect; and, with TLS, until that is spoken.

    Raises:
        OSError: It was refused, or took longer (TimeoutError).
    """

    def __init__(self, host: str, port: int, seconds: float) -> None:
        self.limit(seconds)
        self._socket = self._connected(host, port)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Python, which would ask the system before it reads, is told never to wait; and the system is told to.
        self._socket.setblocking(False)
        if sys.platform != "win32":
            os.set_blocking(self._socket.fileno(), True)
        self._told = 0.0

    def _connected(self, host: str, port: int) -> socket.socket:
        # Each address of the host gets its share of the time, so that one that is silent leaves some to the next.
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for left, (*_, address) in zip(range(len(found), 0, -1), found, strict=True):
            if (seconds := (self._until - time.monotonic()) / left) <= 0:
                break
            try:
                return socket.create_connection(
                    (str(address[0]), int(address[1])), min(seconds, _MOST_MILLISECONDS / 1000)
                )
            except OSError:
                if left == 1:
                    raise
        raise TimeoutError

    def limit(self, seconds: float) -> None:
        """Say how long all that follows may take."""
        self._until = time.monotonic() + seconds
        self._late = False

    def send(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            OSError: They could not be sent, or not in time (TimeoutError).
        """
        left = memoryview(data)
        while left:
            try:
                left = left[self._socket.send(left, _AT_ANY_RATE) :]
            except BlockingIOError:
                _ready(self._socket, self._left(), to_write=True)

    def receive(self) -> bytes:
        """Wait for some bytes; none at the end.

        Raises:
            OSError: The connection broke, or nothing came in time (TimeoutError).
        """
        while True:
            left = self._left()
            try:
                return self._socket.recv(_AT_ONCE, self._how(left))
            except BlockingIOError:
                continue

    def holds_more(self) -> bool:
        """Say whether more came than was read, as far as that is known without asking the system."""
        return False

    def is_silent(self) -> bool:
        """Ask whether it is open, and nothing came."""
        return not _ready(self._socket, 0)

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def _left(self) -> float:
        # What is there when the time is over is taken, once: whoever never stops sending is not read for ever.
        if self._late:
            raise TimeoutError
        left = self._until - time.monotonic()
        self._late = left <= 0
        return max(left, 0)

    def _how(self, left: float) -> int:
        if sys.platform == "win32" or threading.current_thread() is threading.main_thread():
            # It is to the main thread that signals come, and the system would begin to wait anew after each.
            _ready(self._socket, left)
            return _AT_ANY_RATE
        if not left:
            return _AT_ANY_RATE
        if not left <= self._told <= left + _SLACK:
            self._told = min(left, _MOST_MILLISECONDS / 1000)
            limit = divmod(int(self._told * 1_000_000) + 1, 1_000_000)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", *limit))
        return 0


def _ready(connection: socket.socket, seconds: float, *, to_write: bool = False) -> bool:
    if sys.platform == "win32":
        one, none = [connection], list[socket.socket]()
        return any(select.select(none if to_write else one, one if to_write else none, one, seconds))
    poll = select.poll()
    poll.register(connection, select.POLLOUT if to_write else select.POLLIN)
    return bool(poll.poll(min(seconds * 1000, _MOST_MILLISECONDS)))


class TlsSocket:
    """A connection with TLS.

    Args:
        plain: The connection below it, closed where the handshake fails.
        context: Whom to trust.
        name: The name that the certificate must have.

    Raises:
        OSError: The certificate is not what it should be, the connection broke, or it took too long (TimeoutError).
    """

    def __init__(self, plain: Socket, context: ssl.SSLContext, name: str) -> None:
        self._plain = plain
        self._heard, self._said = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.limit, self.close = plain.limit, plain.close
        try:
            self._tls = context.wrap_bio(self._heard, self._said, server_hostname=name)
            self._carry(self._tls.do_handshake)
        except BaseException:
            plain.close()
            raise

    def send(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            OSError: They could not be sent, or not in time (TimeoutError).
        """
        left = memoryview(data)
        while left:
            left = left[self._carry(self._tls.write, left) :]

    def receive(self) -> bytes:
        """Wait for some bytes; none at the end.

        Raises:
            OSError: The connection broke, or nothing came in time (TimeoutError).
        """
        try:
            return self._carry(self._tls.read, _AT_ONCE)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""

    def holds_more(self) -> bool:
        """Say whether more came than was read, as far as that is known without asking the system."""
        return bool(self._tls.pending() or self._heard.pending)

    def is_silent(self) -> bool:
        """Ask whether it is open, and nothing came."""
        return not self.holds_more() and self._plain.is_silent()

    def _carry(self, step: Callable[..., T], *arguments: Any) -> T:
        # Let TLS do something, and carry to and fro what it has to say, and waits to hear.
        while True:
            try:
                done = step(*arguments)
            except ssl.SSLWantReadError:
                self._plain.send(self._said.read())
                if heard := self._plain.receive():
                    self._heard.write(heard)
                else:
                    self._heard.write_eof()
            except ssl.SSLError:
                with contextlib.suppress(OSError):  # the other is told, if it listens
                    self._plain.send(self._said.read())
                raise
            else:
                self._plain.send(self._said.read())
                return done

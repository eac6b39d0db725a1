"""HTTP/1.1 without I/O: a request as the bytes to be sent, and the answer that comes of the bytes that were read."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import httptools

from prefect_stripe.client.bodies import MOST_BYTES, OversizedError, unpacked
from prefect_stripe.client.exchange import Answer, WireRequest

MOST_BYTES_OF_HEAD: Final = 100 * 1024


class BrokenAnswerError(Exception):
    """What came is not HTTP, or not all of it came."""


@dataclass(frozen=True, slots=True)
class Address:
    """Whom to connect to, and what of each request follows from it.

    Attributes:
        name: The host, to be looked up; with TLS also the name that its certificate must have.
        port: Its port.
        tls: The context, or None for a plain connection.
        host: The header of this name.
        prefix: What stands before the path of each request.
        proxy: The URL of the proxy to go through, or None. It may hold a password.
    """

    name: str
    port: int
    tls: ssl.SSLContext | None
    host: str
    prefix: str
    proxy: str | None = field(default=None, repr=False)

    def headers(self, request: WireRequest) -> dict[str, str]:
        """Return all headers of a request."""
        headers = {"Host": self.host, **request.headers}
        if request.body is not None:
            headers["Content-Length"] = str(len(request.body))
        return headers

    def written(self, request: WireRequest) -> bytes:
        """Write a request as it goes out.

        Raises:
            ValueError: It would not be one request. The text does not quote it: it holds the key.
        """
        lines = [f"{request.method} {self.prefix}{request.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.headers(request).items()]
        # Whoever made them has refused what cannot stand there; what slipped through would be a request of its own.
        if not (text := "".join(lines)).isascii() or not text.isprintable() or " " in request.target:
            raise ValueError("a request of characters that HTTP has no room for")
        return "\r\n".join((*lines, "", "")).encode() + (request.body or b"")


class Incoming:
    """The answers that come in over one connection, one at a time. httptools calls the methods named `on_…`.

    Attributes:
        complete: Whether all of an answer came.
        reusable: Whether after it another may come: neither side ends the connection, and nothing came that belongs
            to no request.
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._start()

    def _start(self) -> None:
        self.complete = False
        self.reusable = False
        self._status = 0
        self._headers: dict[str, str] = {}
        self._head_is_over = False
        self._body: list[bytes] = []
        self._received = 0

    def feed(self, data: bytes) -> None:
        """Take in what was read; nothing is the end of the connection.

        Raises:
            BrokenAnswerError: It is not HTTP, or the connection ended too early.
            OversizedError: It is too much.
        """
        if not data:
            self._end()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            # What interrupts one of the methods below is not to be taken for something that came.
            raise error.__context__ or error from None
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            # What follows an answer and belongs to no request takes nothing away from it.
            self.reusable = False
            if not self.complete:
                raise BrokenAnswerError(f"what came is not HTTP: {error}") from None
        if self._received > MOST_BYTES:
            raise OversizedError
        if self._received > MOST_BYTES_OF_HEAD and not self._head_is_over:
            raise BrokenAnswerError(f"{MOST_BYTES_OF_HEAD // 2**10} kB came, and its head is not over")

    def _end(self) -> None:
        # The end of the connection is that of a body whose length nothing tells.
        told = "content-length" in self._headers or "transfer-encoding" in self._headers
        if not self._head_is_over or told:
            raise BrokenAnswerError(f"the connection ended {'within' if self._received else 'before'} the answer")
        self.complete = True

    def answer(self) -> Answer:
        """Return the answer that is complete, and be ready for the next.

        Raises:
            OversizedError: Unpacked, it would be too much.
            zlib.error: It is not packed as it says.
        """
        status, headers, body = self._status, self._headers, b"".join(self._body)
        self._start()
        return answer(status, headers, body)

    def on_message_begin(self) -> None:
        """An answer begins: unasked for, where there was one already."""
        self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header is there. One that comes after the body says nothing of it."""
        if not self._head_is_over:
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The head is over: of the answer, or of an announcement that one will come."""
        if self.complete:
            return
        self._status = self._parser.get_status_code()
        if 100 <= self._status < 200 and self._status != 101:
            self._headers = {}
        else:
            self._head_is_over = True

    def on_body(self, piece: bytes) -> None:
        """A piece of the body is there."""
        if not self.complete:
            self._body.append(piece)

    def on_message_complete(self) -> None:
        """An answer, or an announcement, is over."""
        if self._head_is_over and not self.complete:
            self.complete = True
            self.reusable = self._status >= 200 and self._parser.should_keep_alive()


def answer(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """Return an answer, unpacked.

    Raises:
        OversizedError: Unpacked, it would be too much.
        zlib.error: It is not packed as it says.
    """
    return Answer(status, headers, unpacked(body) if headers.get("content-encoding") == "gzip" else body)

"""HTTP/1.1 on an asyncio transport: h11 reads and writes it, and the socket stays in our hands.

An ASGI server would keep the socket to itself, and the faults need it: a reset, a close without an answer, half a body.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeAlias
from urllib.parse import unquote

import h11

MAX_BODY: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


Serve: TypeAlias = "Callable[[Request, Connection], Awaitable[None]]"


class Connection(asyncio.Protocol):
    """One client's connection: requests one after the other, each answered by `serve` through the methods below."""

    def __init__(self, serve: Serve, connections: set[Connection]) -> None:
        self._serve = serve
        self._connections = connections
        self._http = h11.Connection(h11.SERVER)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        try:
            self._http.receive_data(data)
            self._read()
        except h11.RemoteProtocolError as error:
            self._refuse(str(error))

    def _read(self) -> None:
        """Take what has come, until a request is whole or more is to come."""
        while self._task is None:
            event = self._http.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                return
            if isinstance(event, h11.Request):
                self._head, self._body = event, bytearray()
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > MAX_BODY:
                    self._refuse("The body is too long.")
                    return
            elif isinstance(event, h11.EndOfMessage):
                assert self._head is not None
                self._task = self._loop.create_task(self._answer(_request(self._head, bytes(self._body))))

    async def _answer(self, request: Request) -> None:
        # Not cancelled when the client goes: Stripe finishes what it has begun.
        try:
            await self._serve(request, self)
        finally:
            self._task = None
        if self.transport.is_closing():
            return
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            self.close()
            return
        self._http.start_next_cycle()
        try:
            self._read()
        except h11.RemoteProtocolError as error:
            self._refuse(str(error))

    def _refuse(self, reason: str) -> None:
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self.write(Reply(400, [("Content-Type", "text/plain"), ("Connection", "close")], reason.encode()))
        self.close()

    def encode(self, reply: Reply) -> bytes:
        """Return the bytes of a reply, which then counts as sent."""
        headers = [*reply.headers, ("Content-Length", str(len(reply.body)))]
        head = h11.Response(status_code=reply.status, headers=headers, reason=_phrase(reply.status))
        # To HEAD the length is told, and the body is not sent.
        asked = self._head is not None and self._head.method == b"HEAD"
        events: list[h11.Event] = [head, *([] if asked else [h11.Data(data=reply.body)]), h11.EndOfMessage()]
        return b"".join(self._http.send(event) or b"" for event in events)

    def write(self, reply: Reply) -> None:
        self.send(self.encode(reply))

    def send(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def close(self) -> None:
        self.transport.close()

    def reset(self) -> None:
        """End the connection with a RST instead of a FIN, as a dying peer does."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None and not self.transport.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


def _request(head: h11.Request, body: bytes) -> Request:
    path, _, query = head.target.decode("ascii").partition("?")
    headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
    return Request(head.method.decode("ascii"), unquote(path) if "%" in path else path, query, headers, body)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"

"""HTTP/1.1 on a plain asyncio transport.

A server of our own, because the faults need the socket itself: a reset, a close without an answer, half a body.
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

MAX_HEAD: Final = 64 * 1024
MAX_BODY: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    keep_alive: bool


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def encode(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {_phrase(self.status)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode("latin-1") + self.body


class MalformedRequest(Exception):
    """The bytes are no HTTP/1.1 request that this server reads."""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


Serve: TypeAlias = "Callable[[Request, Connection], Awaitable[None]]"


class Connection(asyncio.Protocol):
    """One client's connection: requests one after the other, each answered by `serve` through the methods below."""

    def __init__(self, serve: Serve, connections: set[Connection]) -> None:
        self._serve = serve
        self._connections = connections
        self._buffer = bytearray()
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
        self._buffer += data
        if self._task is None:
            self._next()

    def _next(self) -> None:
        try:
            request = parse(self._buffer)
        except MalformedRequest as error:
            self.write(Reply(400, [("Content-Type", "text/plain"), ("Connection", "close")], str(error).encode()))
            self.close()
            return
        if request is not None:
            self._task = self._loop.create_task(self._answer(request))

    async def _answer(self, request: Request) -> None:
        # Not cancelled when the client goes: Stripe finishes what it has begun.
        try:
            await self._serve(request, self)
        finally:
            self._task = None
        if not request.keep_alive:
            self.close()
        elif not self.transport.is_closing():
            self._next()

    def write(self, reply: Reply) -> None:
        self.send(reply.encode())

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


def parse(buffer: bytearray) -> Request | None:
    """Take one whole request off the buffer, or None while more of it is to come."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > MAX_HEAD:
            raise MalformedRequest("The head is too long.")
        return None
    try:
        first, *lines = bytes(buffer[:end]).decode("latin-1").split("\r\n")
        method, target, version = first.split(" ")
        headers = {name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        length = int(headers.get("content-length", "0"))
    except ValueError as error:
        raise MalformedRequest("The head cannot be read.") from error
    if length < 0 or length > MAX_BODY:
        raise MalformedRequest("The body is too long.")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        whole = _chunked(buffer, end + 4)
    else:
        stop = end + 4 + length
        whole = (bytes(buffer[end + 4 : stop]), stop) if len(buffer) >= stop else None
    if whole is None:
        return None
    body, stop = whole
    del buffer[:stop]
    path, _, query = target.partition("?")
    keep = headers.get("connection", "").lower() != "close" and version == "HTTP/1.1"
    return Request(method, unquote(path) if "%" in path else path, query, headers, body, keep)


def _chunked(buffer: bytearray, at: int) -> tuple[bytes, int] | None:
    body = bytearray()
    while True:
        line = buffer.find(b"\r\n", at)
        if line < 0:
            return None
        try:
            size = int(bytes(buffer[at:line]).split(b";")[0], 16)
        except ValueError as error:
            raise MalformedRequest("A chunk cannot be read.") from error
        if len(body) + size > MAX_BODY:
            raise MalformedRequest("The body is too long.")
        at = line + 2
        if len(buffer) < at + size + 2:
            return None
        if size == 0:
            return bytes(body), at + 2
        body += buffer[at : at + size]
        at += size + 2

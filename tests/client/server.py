"""A small real HTTP server that does what its script says, and remembers what it was sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import socketserver
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar, cast
from urllib.parse import urlsplit

from prefect_stripe.client import AsyncStripeClient, ClientConfig, Response, RetryPolicy, StripeClient

CUSTOMER = {"id": "cus_1", "object": "customer", "name": "Zoë"}
KEY = "sk_test_51SecretSecretSecret"


@dataclass(frozen=True)
class Seen:
    """A request as it came in; header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: str
    connection: int


Act: TypeAlias = Callable[[socket.socket], bool]
"""Answers a request on its connection, and says whether the connection lives on."""


def answer(
    status: int = 200,
    body: object = CUSTOMER,
    *,
    headers: Mapping[str, str] | None = None,
    drop: bool = False,
    cut: int = 0,
) -> Act:
    """Answer; `body` is JSON, unless it is bytes already.

    Args:
        status: HTTP status.
        body: What is sent.
        headers: Further headers.
        drop: Close the connection after it without having said so.
        cut: How many bytes to hold back before the connection is closed.
    """
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Length": str(len(payload)), "Date": "Mon, 23 Nov 2026 01:08:12 GMT", "Request-Id": "req_1"}
    fields |= headers or {}
    head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"

    def act(connection: socket.socket) -> bool:
        connection.sendall((head.encode() + payload)[: -cut or None])
        return not (drop or cut)

    return act


def refuse(status: int, type_: str = "api_error", *, headers: Mapping[str, str] | None = None, **error: str) -> Act:
    """Answer with one of Stripe's errors."""
    return answer(status, {"error": {"type": type_, "message": "no", **error}}, headers=headers)


def reset(connection: socket.socket) -> bool:
    """Break the connection as a crashed server does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())  # a mere close() would wait for the reader, and say goodbye first
    return False


def hang_up(connection: socket.socket) -> bool:
    """Close the connection without an answer."""
    return False


def say_nothing(connection: socket.socket) -> bool:
    """Never answer, until the client has gone."""
    connection.recv(1)
    return False


def drip(connection: socket.socket) -> bool:
    """Send a byte now and then, for ever, each well within any timeout between bytes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    return _drip(connection, b" ")


def _drip(connection: socket.socket, byte: bytes) -> bool:
    try:
        while True:
            connection.sendall(byte)
            time.sleep(0.01)
    except OSError:
        return False


def drip_the_head(connection: socket.socket) -> bool:
    """Send a byte of the head now and then, for ever, each well within any timeout between bytes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nRequest-Id: ")
    return _drip(connection, b"r")


def announce(connection: socket.socket) -> bool:
    """Say for ever, and as fast as it is read, that an answer will come."""
    try:
        while True:
            connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n" * 1000)
    except OSError:
        return False


def until_closed(body: bytes) -> Act:
    """Answer without a length: the end of the connection is the end of the body."""

    def act(connection: socket.socket) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
        return False

    return act


class Server(socketserver.ThreadingTCPServer):
    """Answers each request by the next act of the script, and as `otherwise` says once the script is done.

    An interruption comes before a request's body was read. `ended` counts the connections that came to their end.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: deque[Act] = deque()
        self.interruptions: deque[Act] = deque()
        self.otherwise: Act = answer()
        self.seen: list[Seen] = []
        self.connections = 0
        self.ended = threading.Semaphore(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def will(self, *acts: Act) -> None:
        self.script.extend(acts)

    def keys(self) -> list[str | None]:
        """The idempotency keys of the requests, in order."""
        return [request.headers.get("idempotency-key") for request in self.seen]

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, and count it as ended."""
        super().shutdown_request(request)
        self.ended.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Leave it to the client to notice."""


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = cast(Server, self.server)
        server.connections += 1
        connection, alive = server.connections, True
        while alive and (line := self.rfile.readline()):
            method, target, _ = line.decode().split(" ", 2)
            headers: dict[str, str] = {}
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.strip().lower()] = value.strip()
            if server.interruptions:
                alive = server.interruptions.popleft()(self.connection)
                continue
            body = self.rfile.read(int(headers.get("content-length", 0))).decode()
            parts = urlsplit(target)
            server.seen.append(Seen(method, parts.path, parts.query, headers, body, connection))
            act = server.script.popleft() if server.script else server.otherwise
            alive = act(self.connection)


AnyServer = TypeVar("AnyServer", bound=socketserver.BaseServer)


@contextlib.contextmanager
def serving(server: AnyServer) -> Generator[AnyServer]:
    """Let a server serve, in a thread of its own, until it is closed."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def silent_host() -> Generator[tuple[str, int]]:
    """An address that takes no connection."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(8):  # more than its queue holds
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield full.getsockname()


@dataclass
class Caller:
    """A client in the way that is being tested, sync or async, pointed at the server."""

    server: Server
    sync: bool
    options: dict[str, Any] = field(default_factory=dict[str, Any])

    def config(self, **changes: Any) -> ClientConfig:
        options: dict[str, Any] = {
            "api_key": KEY,
            "api_base": self.server.url,
            "timeout": 5.0,
            "retries": RetryPolicy(max_retries=3, base=0.001),
        }
        return ClientConfig(**{**options, **self.options, **changes})

    def __call__(self, operation: str, *ids: str, **arguments: Any) -> Response:
        if self.sync:
            return StripeClient(self.config()).call(operation, *ids, **arguments)
        return asyncio.run(AsyncStripeClient(self.config()).call(operation, *ids, **arguments))

    def pages(self, operation: str, *ids: str, **arguments: Any) -> list[list[dict[str, Any]]]:
        if self.sync:
            return list(StripeClient(self.config()).pages(operation, *ids, **arguments))

        async def collect() -> list[list[dict[str, Any]]]:
            return [page async for page in AsyncStripeClient(self.config()).pages(operation, *ids, **arguments)]

        return asyncio.run(collect())

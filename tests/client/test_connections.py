"""One connection: all that was written and read, in time, over plain sockets and over TLS."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import signal
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from prefect_stripe.client import connections, sockets
from prefect_stripe.client.connections import AsyncConnection, Connection, ConnectTimeoutError, connected
from prefect_stripe.client.exchange import Answer, WireRequest
from prefect_stripe.client.http1 import Address, BrokenAnswerError
from tests.client.server import silent_host

LARGE = b"0123456789abcdef" * 2**19  # 8 MB: more than the buffers of two sockets hold
SECONDS = 30.0
GET = WireRequest("GET", "/v1/a", {})


def posted(body: bytes) -> WireRequest:
    return WireRequest("POST", "/v1/a", {}, body)


def answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def address_of(listener: socket.socket, certificate: Path | None = None) -> Address:
    host, port = listener.getsockname()
    tls = ssl.create_default_context(cafile=certificate) if certificate else None
    return Address(host, port, tls, f"{host}:{port}", "")


class Ends:
    """Both ends of a connection: ours, and that of a server, which does things of its own in a thread."""

    def __init__(self, certificate: Path | None) -> None:
        self.threads = ThreadPoolExecutor(2)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            accepted = self.threads.submit(_accepted, listener, certificate)
            self.ours = Connection(address_of(listener, certificate), SECONDS)
            self.server = accepted.result()
        # What is sent is there: not held back until what was sent before it is acknowledged.
        self.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.settimeout(SECONDS)

    def exchange(self, request: WireRequest = GET, seconds: float = SECONDS) -> Future[Answer]:
        return self.threads.submit(self.ours.exchange, request, seconds)

    def exchange_here(self, request: WireRequest = GET, seconds: float = SECONDS) -> Answer:
        return self.ours.exchange(request, seconds)

    def exchange_in_a_thread(self, request: WireRequest = GET, seconds: float = SECONDS) -> Answer:
        return self.exchange(request, seconds).result()

    def take_request(self) -> bytes:
        found = b""
        while not found.endswith(b"\r\n\r\n"):
            part = self.server.recv(1)
            assert part
            found += part
        return found

    def close(self) -> None:
        self.ours.close()
        self.server.close()
        self.threads.shutdown()


def _accepted(listener: socket.socket, certificate: Path | None) -> socket.socket:
    server, _ = listener.accept()
    if certificate is None:
        return server
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context.wrap_socket(server, server_side=True)


@pytest.fixture(params=["plain", "TLS"])
def ends(request: pytest.FixtureRequest, certificate: Path) -> Iterator[Ends]:
    ends = Ends(certificate if request.param == "TLS" else None)
    yield ends
    ends.close()


plain = pytest.mark.parametrize("ends", ["plain"], indirect=True)


def test_more_than_the_other_takes_at_once_is_written_whole(ends: Ends) -> None:
    going = ends.exchange(posted(LARGE))
    ends.take_request()
    # It has to wait by now: nobody reads on yet, and no buffer is as large.
    assert not going.done()
    digest, number = hashlib.sha256(), 0
    while number < len(LARGE):
        part = ends.server.recv(4096)
        assert part, f"the end came after {number} bytes"
        digest.update(part)
        number += len(part)
    assert digest.digest() == hashlib.sha256(LARGE).digest()
    ends.server.sendall(answer(b"1"))
    assert going.result().body == b"1"
    assert ends.ours.usable


Way = Callable[[Ends, WireRequest, float], Answer]
either_way = pytest.mark.parametrize("exchange", [Ends.exchange_here, Ends.exchange_in_a_thread])
"""In the main thread, to which signals come, an answer is waited for in a way of its own."""


@either_way
def test_what_nobody_takes_is_given_up_in_time(ends: Ends, exchange: Way) -> None:
    with pytest.raises(TimeoutError):
        exchange(ends, posted(LARGE), 0.1)
    assert not ends.ours.usable


def test_an_answer_of_any_size_is_read_whole(ends: Ends) -> None:
    going = ends.exchange()
    ends.take_request()
    ends.server.sendall(answer(LARGE))
    assert going.result().body == LARGE


def test_what_tls_holds_back_is_not_waited_for(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "_AT_ONCE", 5)
    going = ends.exchange(GET, 2.0)
    ends.take_request()
    ends.server.sendall(answer(b"in one piece"))
    assert going.result().body == b"in one piece"


@either_way
def test_an_answer_that_does_not_come_is_given_up_in_time(ends: Ends, exchange: Way) -> None:
    with pytest.raises(TimeoutError):
        exchange(ends, GET, 0.1)
    assert not ends.ours.usable


@either_way
def test_an_answer_that_drips_is_given_up_in_time(ends: Ends, exchange: Way) -> None:
    dripped = ends.threads.submit(_drip, ends.server, answer(bytes(60_000))[:-50_000])
    with pytest.raises(TimeoutError):
        exchange(ends, GET, 0.2)
    ends.ours.close()
    dripped.result()


def _drip(server: socket.socket, begun: bytes) -> None:
    with contextlib.suppress(OSError):
        server.sendall(begun)
        while True:
            server.sendall(b" ")
            time.sleep(0.01)


def test_signals_do_not_make_the_time_longer(ends: Ends) -> None:
    # Where they do, the connection ends at last.
    threading.Timer(SECONDS / 3, ends.server.close).start()
    before = signal.signal(signal.SIGALRM, lambda number, frame: None)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        with pytest.raises(TimeoutError):
            ends.exchange_here(GET, 0.2)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("seconds", [1e7, 1e10, float("inf")])
def test_a_timeout_longer_than_the_system_counts_is_a_long_one(ends: Ends, seconds: float) -> None:
    """What was written may have moved money: by then there is no error to be made of how long to wait."""
    going = ends.exchange(GET, seconds)
    ends.take_request()
    ends.server.sendall(answer(b"late"))
    assert going.result(SECONDS).body == b"late"


@either_way
def test_what_is_there_as_the_time_ends_is_read_and_no_more_than_that(ends: Ends, exchange: Way) -> None:
    going = ends.exchange()
    ends.take_request()
    ends.server.sendall(answer(b"0"))  # with the first answer comes what TLS has to say for itself
    assert going.result().body == b"0"
    ends.server.sendall(answer(b"1"))
    assert exchange(ends, GET, 0.0).body == b"1"
    ends.server.sendall(answer(b"2")[:-1])
    with pytest.raises(TimeoutError):
        exchange(ends, GET, 0.0)


def test_one_answers_after_another(ends: Ends) -> None:
    for number in range(3):
        going = ends.exchange()
        assert ends.take_request().startswith(b"GET /v1/a HTTP/1.1\r\n")
        ends.server.sendall(answer(b"%d" % number))
        assert going.result().body == b"%d" % number
        assert ends.ours.usable
        assert ends.ours.is_silent()


@pytest.mark.parametrize("unasked", [True, False], ids=["what nobody asked for", "the end"])
def test_an_idle_connection_knows_what_came(ends: Ends, unasked: bool) -> None:
    going = ends.exchange()
    ends.take_request()
    ends.server.sendall(answer(b"1"))
    going.result()
    assert ends.ours.is_silent()
    if unasked:
        ends.server.sendall(answer(b"2"))
    else:
        ends.server.close()
    assert not ends.ours.is_silent()


def test_the_end_is_no_answer(ends: Ends) -> None:
    going = ends.exchange()
    ends.take_request()
    ends.server.sendall(answer(b"12")[:-1])
    ends.server.close()
    with pytest.raises(BrokenAnswerError, match="ended within"):
        going.result()
    assert not ends.ours.usable


def test_a_second_answer_that_comes_with_the_first_is_nobodys(ends: Ends) -> None:
    # Both are there before anything is read: with TLS as two records, of which the first is all of an answer.
    ends.server.sendall(answer(b"1"))
    ends.server.sendall(answer(b"2"))
    assert ends.exchange_here().body == b"1"
    assert not ends.ours.usable


@plain
def test_a_broken_connection_is_an_error_of_the_network(ends: Ends) -> None:
    going = ends.exchange()
    ends.take_request()
    _reset(ends.server)
    with pytest.raises(ConnectionResetError):
        going.result()
    assert not ends.ours.usable


@plain
def test_an_answer_that_came_before_all_was_written_tells_why_nobody_read_on(ends: Ends) -> None:
    going = ends.exchange(posted(LARGE))
    ends.take_request()
    ends.server.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 1\r\n\r\n1")
    ends.server.close()  # breaks the connection, since there is more to be read
    assert going.result().http_status == 413
    assert not ends.ours.usable


def _reset(server: socket.socket) -> None:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.close()


def test_half_a_record_of_tls_is_waited_for(certificate: Path) -> None:
    """All bytes that come from the server pass through a relay, one at a time; those of the handshake, too."""
    with (
        socket.create_server(("127.0.0.1", 0)) as front,
        socket.create_server(("127.0.0.1", 0)) as back,
        ThreadPoolExecutor(4) as threads,
    ):
        relayed = threads.submit(_relay, front, back.getsockname(), threads)
        accepted = threads.submit(_accepted, back, certificate)
        ours = Connection(address_of(front, certificate), SECONDS)
        server = accepted.result()
        going = threads.submit(ours.exchange, GET, SECONDS)
        server.recv(1000)
        server.sendall(answer(b"whole"))
        assert going.result().body == b"whole"
        ours.close()
        server.close()
        relayed.result()


def _relay(front: socket.socket, to: tuple[str, int], threads: ThreadPoolExecutor) -> None:
    near, _ = front.accept()
    near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with near, socket.create_connection(to) as far:
        there = threads.submit(_pass_on, near, far, 65536)
        _pass_on(far, near, 1)
        there.result()


def _pass_on(source: socket.socket, to: socket.socket, at_once: int) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(at_once):
            to.sendall(part)
        to.shutdown(socket.SHUT_RDWR)


def test_a_handshake_that_drips_is_given_up_in_time(certificate: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        dripped = threads.submit(_drip_a_handshake, listener)
        with pytest.raises(ConnectTimeoutError):
            Connection(address_of(listener, certificate), 0.2)
        dripped.result()


def _drip_a_handshake(listener: socket.socket) -> None:
    server, _ = listener.accept()
    with server:
        _drip(server, b"\x16\x03\x03\x40\x00")  # a record of 16 kB is to come


def resolve(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Give these addresses to the host that there is not."""

    def look_up(host: str, *arguments: Any, **options: Any) -> Any:
        if host == "api.stripe.example":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
        return asked(host, *arguments, **options)

    asked = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_an_address_that_is_silent_leaves_time_to_the_next(
    certificate: Path, tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        silent_host() as silent,
        socket.create_server(("127.0.0.1", 0)) as listener,
        ThreadPoolExecutor(1) as threads,
    ):
        resolve(monkeypatch, silent, listener.getsockname())
        accepted = threads.submit(_accepted, listener, certificate if tls else None)
        address = replace(address_of(listener, certificate if tls else None), name="api.stripe.example")
        try:
            Connection(address, 2.0).close()
        finally:
            socket.create_connection(listener.getsockname()).close()  # nobody waits for what did not come
            accepted.result().close()


def test_no_more_addresses_make_the_time_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    with silent_host() as silent:
        resolve(monkeypatch, *[silent] * 5)
        begun = time.monotonic()
        with pytest.raises(ConnectTimeoutError):
            Connection(Address("api.stripe.example", 443, None, "", ""), 0.3)
        assert time.monotonic() - begun < 1.0


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_in_no_time_there_is_no_connection(seconds: float) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(ConnectTimeoutError):
        Connection(address_of(listener), seconds)


def test_a_connection_may_take_as_long_as_it_takes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        Connection(address_of(listener), float("inf")).close()


# --- Async: what the event loop tells ---------------------------------------------------------------------------------


def talk(
    certificate: Path | None,
    act: Callable[[socket.socket], object],
    call: Callable[[AsyncConnection], Coroutine[Any, Any, None]],
) -> None:
    """Connect to a server that does one thing, and make a call."""

    async def run(address: Address) -> None:
        connection = await connected(address, SECONDS)
        await call(connection)
        await connection.close()

    def serve(listener: socket.socket) -> None:
        with _accepted(listener, certificate) as server:
            server.settimeout(SECONDS)
            act(server)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        served = threads.submit(serve, listener)
        asyncio.run(run(address_of(listener, certificate)))
        served.result()


async def _noticed(connection: AsyncConnection) -> None:
    async with asyncio.timeout(5):
        while connection.usable:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)


def test_async_a_loop_may_have_transports_of_its_own() -> None:
    """As uvloop has, whose transports are none of asyncio's classes."""

    class Transport:
        def __init__(self, inner: asyncio.Transport) -> None:
            self.write, self.is_closing, self.abort = inner.write, inner.is_closing, inner.abort
            self.get_write_buffer_size = inner.get_write_buffer_size

    class Protocol(AsyncConnection):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(cast(Any, Transport(transport)))

    async def call(connection: AsyncConnection) -> None:
        assert (await connection.exchange(GET, SECONDS)).body == b"1"
        assert connection.usable

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(connections, "AsyncConnection", Protocol)
        talk(None, lambda server: (server.recv(1000), server.sendall(answer(b"1"))), call)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_async_all_is_written_and_read(certificate: Path, tls: bool) -> None:
    def echo(server: socket.socket) -> None:
        for _ in range(2):
            with server.makefile("rb") as file:
                while (line := file.readline()) != b"\r\n":
                    assert line
                server.sendall(answer(file.read(len(LARGE))))

    async def call(connection: AsyncConnection) -> None:
        for body in (LARGE, LARGE[::-1]):
            assert (await connection.exchange(posted(body), SECONDS)).body == body
            assert connection.usable

    talk(certificate if tls else None, echo, call)


def test_async_a_connection_that_ended_before_the_request_is_not_waited_for() -> None:
    async def call(connection: AsyncConnection) -> None:
        await _noticed(connection)
        with pytest.raises(ConnectionResetError, match="before the request"):
            await connection.exchange(GET, SECONDS)

    talk(None, lambda server: server.close(), call)


@pytest.mark.parametrize("begun", [b"", answer(b"12")[:-1]], ids=["before", "within"])
def test_async_the_end_is_no_answer(begun: bytes) -> None:
    async def call(connection: AsyncConnection) -> None:
        with pytest.raises(BrokenAnswerError, match="ended within" if begun else "ended before"):
            await connection.exchange(GET, SECONDS)
        assert not connection.usable

    talk(None, lambda server: (server.recv(1000), server.sendall(begun)), call)


def test_async_an_answer_that_came_before_all_was_written_ends_the_connection() -> None:
    def act(server: socket.socket) -> None:
        server.recv(1000)
        server.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 1\r\n\r\n1")
        assert answered.wait(SECONDS)

    async def call(connection: AsyncConnection) -> None:
        assert (await connection.exchange(posted(LARGE), SECONDS)).http_status == 413
        assert not connection.usable
        answered.set()

    answered = threading.Event()
    talk(None, act, call)


def test_async_a_broken_connection_is_an_error_of_the_network() -> None:
    async def call(connection: AsyncConnection) -> None:
        with pytest.raises(ConnectionResetError):
            await connection.exchange(GET, SECONDS)

    talk(None, lambda server: (server.recv(1000), _reset(server)), call)


@pytest.mark.parametrize("unasked", [answer(b"2"), b"", b"\r\n"], ids=["an answer", "the end", "a line of nothing"])
def test_async_an_idle_connection_is_told_what_came(unasked: bytes) -> None:
    def act(server: socket.socket) -> None:
        server.recv(1000)
        server.sendall(answer(b"1"))
        assert read.wait(SECONDS)
        server.sendall(unasked)
        assert not unasked or noticed.wait(SECONDS)

    async def call(connection: AsyncConnection) -> None:
        assert (await connection.exchange(GET, SECONDS)).body == b"1"
        assert connection.is_silent()
        read.set()
        try:
            await _noticed(connection)
        finally:
            noticed.set()
        assert not connection.is_silent()

    read, noticed = threading.Event(), threading.Event()
    talk(None, act, call)


def test_async_what_comes_after_a_call_was_given_up_is_nobodys() -> None:
    def act(server: socket.socket) -> None:
        server.recv(1000)
        assert given_up.wait(SECONDS)
        server.sendall(answer(b"1"))

    async def call(connection: AsyncConnection) -> None:
        with pytest.raises(TimeoutError):
            await connection.exchange(GET, 0.01)
        assert not connection.usable
        given_up.set()

    given_up = threading.Event()
    talk(None, act, call)

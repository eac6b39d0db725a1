"""The connection of sync use: all that was written and read, in time, over plain sockets and over TLS."""

from __future__ import annotations

import hashlib
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpcore
import pytest

from prefect_stripe.client.streams import Stream

LARGE = b"0123456789abcdef" * 2**19  # 8 MB: more than the buffers of two sockets hold
SECONDS = 30.0


class Ends:
    """Both ends of a connection: ours, and that of a server, which does things of its own in a thread."""

    def __init__(self, certificate: Path | None) -> None:
        self.threads = ThreadPoolExecutor(2)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            made = httpcore.SyncBackend().connect_tcp("127.0.0.1", listener.getsockname()[1], SECONDS)
            self.server, _ = listener.accept()
        # What is sent is there: not held back until what was sent before it is acknowledged.
        self.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            wrapped = self.threads.submit(context.wrap_socket, self.server, server_side=True)
            made = made.start_tls(ssl.create_default_context(cafile=certificate), "127.0.0.1", SECONDS)
            self.server = wrapped.result()
        self.server.settimeout(SECONDS)
        self.stream = Stream(made)

    def serve(self, act: Callable[[socket.socket], object]) -> Future[object]:
        return self.threads.submit(act, self.server)

    def read(self, number: int, at_once: int = 65536) -> bytes:
        found = b""
        while len(found) < number:
            part = self.stream.read(at_once, SECONDS)
            assert part, f"the end came after {len(found)} bytes"
            found += part
        return found

    def close(self) -> None:
        self.stream.close()
        self.server.close()
        self.threads.shutdown()


@pytest.fixture(params=["plain", "TLS"])
def ends(request: pytest.FixtureRequest, certificate: Path) -> Iterator[Ends]:
    ends = Ends(certificate if request.param == "TLS" else None)
    yield ends
    ends.close()


def _received(server: socket.socket) -> bytes:
    digest, number = hashlib.sha256(), 0
    while number < len(LARGE):
        part = server.recv(4096)
        assert part, f"the end came after {number} bytes"
        digest.update(part)
        number += len(part)
    return digest.digest()


def test_more_than_the_other_takes_at_once_is_written_whole(ends: Ends) -> None:
    writing = ends.threads.submit(ends.stream.write, LARGE, SECONDS)
    # It has to wait by now: nobody reads yet, and no buffer is as large.
    assert not writing.done()
    assert _received(ends.server) == hashlib.sha256(LARGE).digest()
    writing.result()


def test_what_nobody_takes_is_given_up_in_time(ends: Ends) -> None:
    with pytest.raises(httpcore.WriteTimeout):
        ends.stream.write(LARGE, 0.1)


def test_an_answer_of_any_size_is_read_whole(ends: Ends) -> None:
    ends.stream.write(b"?", SECONDS)
    sending = ends.serve(lambda server: server.sendall(LARGE))
    assert ends.read(len(LARGE)) == LARGE
    sending.result()


def test_what_tls_holds_back_is_not_waited_for(ends: Ends) -> None:
    ends.stream.write(b"?", 2.0)
    ends.serve(lambda server: server.sendall(b"in one piece")).result()
    assert ends.read(12, at_once=5) == b"in one piece"


def test_an_answer_that_does_not_come_is_given_up_in_time(ends: Ends) -> None:
    ends.stream.write(b"?", 0.1)
    with pytest.raises(httpcore.ReadTimeout):
        ends.stream.read(1)


def test_without_a_timeout_it_waits(ends: Ends) -> None:
    ends.stream.write(b"?", None)
    reading = ends.threads.submit(ends.stream.read, 10)
    ends.server.sendall(b"late")
    assert reading.result(SECONDS) == b"late"


@pytest.mark.parametrize("seconds", [1e7, 1e10, float("inf")])
def test_a_timeout_longer_than_the_system_counts_is_a_long_one(ends: Ends, seconds: float) -> None:
    """What was written may have moved money: by then there is no error to be made of how long to wait."""
    ends.stream.write(b"?", seconds)
    reading = ends.threads.submit(ends.stream.read, 10)
    ends.server.sendall(b"late")
    assert reading.result(SECONDS) == b"late"


def test_what_is_there_as_the_time_ends_is_read_and_no_more_than_that(ends: Ends) -> None:
    ends.stream.write(b"?", SECONDS)
    ends.serve(lambda server: server.sendall(b"0")).result()
    assert ends.read(1) == b"0"  # with the first answer comes what TLS has to say for itself
    ends.stream.write(b"?", 0.0)
    ends.serve(lambda server: server.sendall(b"1")).result()
    assert ends.stream.read(1) == b"1"
    ends.serve(lambda server: server.sendall(b"2")).result()
    with pytest.raises(httpcore.ReadTimeout):
        ends.stream.read(1)
    ends.stream.write(b"?", SECONDS)
    assert ends.read(1) == b"2"


def test_the_end_is_no_bytes(ends: Ends) -> None:
    ends.stream.write(b"?", SECONDS)
    ends.server.recv(1)
    ends.server.sendall(b"!")
    assert ends.stream.read(1) == b"!"
    assert not ends.stream.get_extra_info("is_readable")
    ends.server.close()
    assert ends.stream.read(1) == b""
    assert ends.stream.get_extra_info("is_readable")


@pytest.mark.parametrize("ends", ["plain"], indirect=True)
def test_a_broken_connection_is_an_error_of_the_network(ends: Ends) -> None:
    ends.stream.write(b"?", SECONDS)
    ends.server.recv(1)
    ends.server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    ends.server.close()
    with pytest.raises(httpcore.ReadError, match="reset") as caught:
        ends.stream.read(1)
    assert caught.value.__cause__ is None
    with pytest.raises(httpcore.WriteError):
        ends.stream.write(LARGE, SECONDS)


def test_half_a_record_of_tls_is_waited_for(certificate: Path) -> None:
    """All bytes that come from the server pass through a relay, one at a time."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(4) as threads:
        made = httpcore.SyncBackend().connect_tcp("127.0.0.1", listener.getsockname()[1], SECONDS)
        near, _ = listener.accept()
        relayed, server = socket.socketpair()
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threads.submit(_relay, near, relayed, 65536)
        threads.submit(_relay, relayed, near, 1)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        wrapped = threads.submit(context.wrap_socket, server, server_side=True)
        stream = Stream(made.start_tls(ssl.create_default_context(cafile=certificate), "127.0.0.1", SECONDS))
        far = wrapped.result()
        stream.write(b"?", SECONDS)
        far.sendall(b"whole")
        assert stream.read(100) == b"whole"
        stream.close()
        far.close()


def _relay(source: socket.socket, to: socket.socket, at_once: int) -> None:
    try:
        while part := source.recv(at_once):
            to.sendall(part)
        to.shutdown(socket.SHUT_RDWR)
    except OSError:
        return

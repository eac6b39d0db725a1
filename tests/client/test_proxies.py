"""Stripe through the proxy that the environment names, by CONNECT and by SOCKS: real ones, on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import h11
import pytest

from prefect_stripe.client import (
    APIConnectionError,
    AsyncStripeClient,
    ClientConfig,
    RetryPolicy,
    StripeClient,
    transport,
)
from tests.client.server import CUSTOMER, KEY, Caller, Server, answer, say_nothing, serving

BASE = "https://api.stripe.example"


class Proxy(socketserver.ThreadingTCPServer):
    """Speaks SOCKS or CONNECT, by what it is spoken to in, and leads to one server whomever it is asked for."""

    daemon_threads = True

    def __init__(self, to: Server) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.to = to
        self.asked: list[bytes] = []
        self.refuses = False


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        near, proxy = cast(socket.socket, self.request), cast(Proxy, self.server)
        if (first := near.recv(1)) == b"\x05":
            near.recv(near.recv(1)[0])
            near.sendall(b"\x05\x00")
            size = near.recv(5)[4]
            proxy.asked.append(near.recv(size) + b":%d" % struct.unpack("!H", near.recv(2)))
            near.sendall(b"\x05%c\x00\x01\x00\x00\x00\x00\x00\x00" % (2 if proxy.refuses else 0))
        else:
            while not first.endswith(b"\r\n\r\n"):
                first += near.recv(1)
            proxy.asked.append(first.split(b" ")[1])
            near.sendall(b"HTTP/1.1 %s\r\n\r\n" % (b"403 Forbidden" if proxy.refuses else b"200 OK"))
        if not proxy.refuses:
            with socket.create_connection(("127.0.0.1", proxy.to.server_address[1])) as far:
                threading.Thread(target=_pass_on, args=(near, far), daemon=True).start()
                _pass_on(far, near)


def _pass_on(source: socket.socket, to: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            to.sendall(part)
        to.shutdown(socket.SHUT_RDWR)


@pytest.fixture(params=["http", "socks5"])
def proxy(
    request: pytest.FixtureRequest, tls_server: Server, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Proxy]:
    for name in ("NO_PROXY", "no_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    # A pool knows the proxy that there was when it was made.
    pools: dict[str, transport.Pool] = {}
    monkeypatch.setattr(transport, "_pools", pools)
    with serving(Proxy(tls_server)) as proxy:
        name = "HTTPS_PROXY" if request.param == "http" else "ALL_PROXY"
        monkeypatch.setenv(name, f"{request.param}://127.0.0.1:{proxy.server_address[1]}")
        yield proxy
        for pool in pools.values():
            for lane in pool._idle.take_all():  # pyright: ignore[reportPrivateUsage]
                lane.close()


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, tls_server: Server) -> Caller:
    options = {"api_base": BASE, "retries": RetryPolicy(max_retries=0), "requests_per_second": 100.0}
    return Caller(tls_server, request.param == "sync", options)


def test_stripe_is_reached_through_the_proxy_over_one_connection(
    proxy: Proxy, call: Caller, tls_server: Server
) -> None:
    async def twice() -> None:
        for _ in range(2):
            assert (await AsyncStripeClient(call.config()).call("create_customer")).data == CUSTOMER

    if call.sync:
        for _ in range(2):
            assert StripeClient(call.config()).call("create_customer").data == CUSTOMER
    else:
        asyncio.run(twice())
    assert proxy.asked == [b"api.stripe.example:443"]
    assert [request.connection for request in tls_server.seen] == [1, 1]
    assert {request.headers["authorization"] for request in tls_server.seen} == {f"Bearer {KEY}"}
    assert {request.headers["host"] for request in tls_server.seen} == {"api.stripe.example"}


def test_a_proxy_that_refuses_is_named(proxy: Proxy, call: Caller, tls_server: Server) -> None:
    proxy.refuses = True
    with pytest.raises(APIConnectionError, match="ProxyError") as caught:
        call("retrieve_customer", "cus_1")
    assert KEY not in repr(caught.value)
    assert tls_server.seen == []


def test_an_answer_that_does_not_come_through_is_given_up_in_time(
    proxy: Proxy, call: Caller, tls_server: Server
) -> None:
    call.options["timeout"] = 0.2
    tls_server.will(say_nothing)
    with pytest.raises(APIConnectionError, match=r"within 0\.2 s"):
        call("retrieve_customer", "cus_1")


def test_one_that_breaks_is_tried_again_under_the_same_key(proxy: Proxy, call: Caller, tls_server: Server) -> None:
    call.options["retries"] = RetryPolicy(max_retries=1, base=0.001)
    tls_server.will(answer(cut=1))
    assert call("create_customer", idempotency_key="k").tries == 2
    assert tls_server.keys() == ["k", "k"]


def test_a_call_that_is_interrupted_while_its_connection_comes_to_rest_leaves_it_to_nobody(
    proxy: Proxy, tls_server: Server
) -> None:
    def interrupted(connection: h11.Connection) -> None:
        patched.undo()
        raise KeyboardInterrupt

    client = StripeClient(ClientConfig(api_key=KEY, api_base=BASE, requests_per_second=100.0))
    # By then httpcore calls the connection idle, and h11 takes no request yet.
    patched = pytest.MonkeyPatch()
    patched.setattr(h11.Connection, "start_next_cycle", interrupted)
    with pytest.raises(KeyboardInterrupt):
        client.call("retrieve_customer", "cus_1")
    assert client.call("retrieve_customer", "cus_2").tries == 1
    assert [request.connection for request in tls_server.seen] == [1, 2]

"""Connections: kept, dropped, shared by threads and loops, and where they never go."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import pytest

from prefect_stripe.client import (
    APIConnectionError,
    APIError,
    AsyncStripeClient,
    RetryPolicy,
    StripeClient,
    connections,
    http1,
    sockets,
    transport,
)
from tests.client.server import CUSTOMER, KEY, Act, Caller, Server, answer, say_nothing, serving, silent_host

if TYPE_CHECKING:
    from _typeshed import TraceFunction


@pytest.fixture
def other() -> Iterator[Server]:
    with serving(Server()) as server:
        yield server


def slowly(act: Act) -> Act:
    def slow(connection: socket.socket) -> bool:
        time.sleep(0.05)
        return act(connection)

    return slow


def at_once(number: int, do: Callable[[], object]) -> None:
    with ThreadPoolExecutor(number) as threads:
        for future in [threads.submit(do) for _ in range(number)]:
            future.result()


def test_one_connection_serves_one_after_another(server: Server) -> None:
    client = StripeClient(Caller(server, sync=True).config())
    for _ in range(5):
        client.call("retrieve_customer", "cus_1")
    assert {request.connection for request in server.seen} == {1}


def test_all_clients_and_connected_accounts_share_connections(server: Server) -> None:
    caller = Caller(server, sync=True)
    for account in ("acct_1", "acct_2"):
        StripeClient(caller.config(stripe_account=account, timeout=3.0)).call("retrieve_customer", "cus_1")
    assert server.connections == 1


def test_async_calls_of_one_loop_share_connections(server: Server) -> None:
    async def run() -> None:
        for _ in range(5):
            await AsyncStripeClient(Caller(server, sync=False).config()).call("retrieve_customer", "cus_1")

    asyncio.run(run())
    assert server.connections == 1


def test_a_connection_that_the_server_dropped_costs_no_more_than_a_retry(call: Caller, server: Server) -> None:
    server.otherwise = answer(drop=True)
    client = StripeClient(call.config())
    async_client = AsyncStripeClient(call.config())

    async def twice() -> None:
        for number in range(2):
            await async_client.call("create_customer", idempotency_key=f"k{number}")

    if call.sync:
        for number in range(2):
            client.call("create_customer", idempotency_key=f"k{number}")
    else:
        asyncio.run(twice())
    assert set(server.keys()) == {"k0", "k1"}


def test_a_connection_that_ended_while_nobody_used_it_is_not_used_again(call: Caller, server: Server) -> None:
    async def twice() -> None:
        client = AsyncStripeClient(config)
        await client.call("create_customer")
        assert server.ended.acquire(timeout=5)
        for _ in range(3):  # turns of the loop, in which it learns of the end
            await asyncio.sleep(0)
        await client.call("create_customer")

    config = call.config(retries=RetryPolicy(max_retries=0))
    server.will(answer(drop=True))
    if call.sync:
        StripeClient(config).call("create_customer")
        assert server.ended.acquire(timeout=5)
        StripeClient(config).call("create_customer")
    else:
        asyncio.run(twice())
    assert [request.connection for request in server.seen] == [1, 2]


def test_a_connection_that_ended_a_moment_ago_costs_a_read_another_try_and_nothing_else(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow this machine is.
    monkeypatch.setattr(transport, "FRESH_SECONDS", 60.0)
    server.will(answer(drop=True))
    client = StripeClient(Caller(server, sync=True).config(retries=RetryPolicy(base=0.0)))
    assert client.call("retrieve_customer", "cus_1").tries == 1
    assert server.ended.acquire(timeout=5)
    assert client.call("retrieve_customer", "cus_1").tries == 2
    assert [request.connection for request in server.seen] == [1, 2]


def test_threads_each_get_their_own_answer(server: Server) -> None:
    def echo(number: int) -> str:
        response = client.call("retrieve_customer", f"cus_{number}")
        return str(response.data["id"])

    def echoing(connection: socket.socket) -> bool:
        return answer(body={"id": server.seen[-1].path})(connection)

    client = StripeClient(Caller(server, sync=True).config())
    server.otherwise = echoing
    with ThreadPoolExecutor(1) as one:
        assert list(one.map(echo, range(3))) == [f"/v1/customers/cus_{n}" for n in range(3)]
    server.otherwise = slowly(answer())
    with ThreadPoolExecutor(20) as many:
        assert list(many.map(echo, range(40))) == ["cus_1"] * 40
    assert server.connections <= 21


@pytest.mark.parametrize("sync", [True, False])
def test_no_more_connections_than_there_are_lanes(server: Server, sync: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_LANES", 3)
    server.otherwise = slowly(answer())
    caller = Caller(server, sync)

    async def gather() -> None:
        client = AsyncStripeClient(caller.config())
        await asyncio.gather(*(client.call("retrieve_customer", "cus_1") for _ in range(12)))

    if sync:
        at_once(12, lambda: caller("retrieve_customer", "cus_1"))
    else:
        asyncio.run(gather())
    assert len(server.seen) == 12
    assert server.connections == 3


def test_connections_end_with_their_event_loop(server: Server) -> None:
    client = AsyncStripeClient(Caller(server, sync=False).config())
    loop = asyncio.new_event_loop()
    loop.run_until_complete(client.call("retrieve_customer", "cus_1"))
    assert not server.ended.acquire(blocking=False)
    loop.run_until_complete(loop.shutdown_asyncgens())
    assert server.ended.acquire(timeout=5)
    assert loop not in transport._async_pools  # pyright: ignore[reportPrivateUsage]
    loop.close()


def test_an_event_loop_leaves_nothing_open_behind(server: Server) -> None:
    caller = Caller(server, sync=False)
    code = f"""
import asyncio, warnings
warnings.simplefilter("error")
from prefect_stripe.client import AsyncStripeClient, ClientConfig
client = AsyncStripeClient(ClientConfig(api_key={KEY!r}, api_base={caller.server.url!r}))
async def several():
    await asyncio.gather(*(client.call("retrieve_customer", "cus_1") for _ in range(5)))
for _ in range(3):
    asyncio.run(several())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_call_that_is_given_up_leaves_its_place_to_the_next(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        client = AsyncStripeClient(Caller(server, sync=False).config())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.call("retrieve_customer", "cus_1"), 0.05)
        for _ in range(2):
            assert (await client.call("retrieve_customer", "cus_1")).tries == 1

    monkeypatch.setattr(transport, "MAX_LANES", 1)
    server.will(say_nothing)
    asyncio.run(run())
    assert [request.connection for request in server.seen] == [1, 2, 2]


OURS = tuple(Path(str(module.__file__)).resolve() for module in (transport, connections, sockets, http1))


def interrupt_at(step: int) -> TraceFunction:
    """Trace a call, and interrupt it at so many lines of what is its connection's."""
    lines = itertools.count()

    def trace(frame: FrameType, event: str, _: object) -> TraceFunction | None:
        if event == "call":
            return trace if Path(frame.f_code.co_filename).resolve() in OURS else None
        if event == "line" and next(lines) == step:
            raise KeyboardInterrupt
        return trace

    return trace


def test_a_call_that_is_interrupted_at_any_line_leaves_no_answer_to_the_next(server: Server) -> None:
    def echoing(connection: socket.socket) -> bool:
        return answer(body={"id": server.seen[-1].path})(connection)

    server.otherwise = echoing
    client = StripeClient(Caller(server, sync=True).config(retries=RetryPolicy(max_retries=0)))
    client.call("create_customer")
    for step in range(10_000):
        sys.settrace(interrupt_at(step))
        try:
            client.call("update_customer", "cus_1")
        except KeyboardInterrupt:
            done = False
        else:
            done = True
        finally:
            sys.settrace(None)
        assert client.call("update_customer", f"cus_of_{step}").data["id"] == f"/v1/customers/cus_of_{step}"
        if done:
            assert step > 50
            return
    pytest.fail("it does not end")


UNASKED = {"id": "cus_unasked", "object": "customer"}


def and_another(connection: socket.socket) -> bool:
    """Send two answers in one piece."""
    made, sent = socket.socketpair()
    with made, sent:
        answer()(sent)
        answer(body=UNASKED)(sent)
        connection.sendall(made.recv(65536))
    return True


def test_a_second_answer_that_comes_with_the_first_is_nobodys(call: Caller, server: Server) -> None:
    async def twice() -> list[object]:
        client = AsyncStripeClient(call.config())
        return [(await client.call("create_customer")).data for _ in range(2)]

    server.will(and_another)
    client = StripeClient(call.config())
    found = [client.call("create_customer").data for _ in range(2)] if call.sync else asyncio.run(twice())
    assert found == [CUSTOMER, CUSTOMER]
    assert [request.connection for request in server.seen] == [1, 2]


@pytest.mark.parametrize("ends", [True, False], ids=["and the end", "alone"])
@pytest.mark.parametrize("asked", [("create_customer",), ("retrieve_customer", "cus_1")], ids=["a write", "a read"])
def test_what_comes_while_nobody_asks_is_nobodys_answer(
    call: Caller, server: Server, ends: bool, asked: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if asked[0] == "retrieve_customer":  # soon after the last answer, it does not look
        monkeypatch.setattr(transport, "FRESH_SECONDS", 0.0)

    def later(connection: socket.socket) -> bool:
        answer()(connection)
        assert answered.wait(5)
        answer(408, UNASKED)(connection)
        sent.set()
        return not ends

    async def twice() -> list[object]:
        client = AsyncStripeClient(call.config())
        first = await client.call(*asked)
        answered.set()
        await asyncio.to_thread(sent.wait, 5)
        for _ in range(3):  # turns of the loop, in which it is read
            await asyncio.sleep(0)
        return [first.data, (await client.call(*asked)).data]

    answered, sent = threading.Event(), threading.Event()
    server.will(later)
    if call.sync:
        client = StripeClient(call.config())
        first = client.call(*asked)
        answered.set()
        assert sent.wait(5)
        found: list[object] = [first.data, client.call(*asked).data]
    else:
        found = asyncio.run(twice())
    assert found == [CUSTOMER, CUSTOMER]
    assert [request.connection for request in server.seen] == [1, 2]


def test_a_call_that_is_cancelled_as_it_ends_leaves_no_answer_to_the_next(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancelled(incoming: http1.Incoming) -> None:
        monkeypatch.undo()
        raise asyncio.CancelledError

    async def run() -> None:
        client = AsyncStripeClient(Caller(server, sync=False).config())
        monkeypatch.setattr(http1.Incoming, "answer", cancelled)
        with pytest.raises(asyncio.CancelledError):
            await client.call("retrieve_customer", "cus_1")
        assert (await client.call("retrieve_customer", "cus_2")).tries == 1

    asyncio.run(run())
    assert [request.connection for request in server.seen] == [1, 2]


def test_a_loop_that_was_only_closed_is_forgotten(server: Server) -> None:
    caller = Caller(server, sync=False)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(AsyncStripeClient(caller.config()).call("retrieve_customer", "cus_1"))
    loop.close()
    caller("retrieve_customer", "cus_1")
    assert loop not in transport._async_pools  # pyright: ignore[reportPrivateUsage]


def test_the_loop_of_another_thread_may_begin_while_closed_ones_are_forgotten(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed() -> bool:
        pools[beginning] = kept
        return True

    caller, pools = Caller(server, sync=False), transport._async_pools  # pyright: ignore[reportPrivateUsage]
    closing, beginning = asyncio.new_event_loop(), asyncio.new_event_loop()
    closing.run_until_complete(AsyncStripeClient(caller.config()).call("retrieve_customer", "cus_1"))
    kept = pools[closing]
    monkeypatch.setattr(closing, "is_closed", closed)
    caller("retrieve_customer", "cus_1")
    assert closing not in pools
    assert beginning in pools
    del pools[beginning]
    monkeypatch.undo()
    closing.run_until_complete(closing.shutdown_asyncgens())
    closing.close()
    beginning.close()


def test_idle_connections_are_closed_in_time(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = Caller(server, sync=True)
    server.otherwise = slowly(answer())
    at_once(4, lambda: caller("retrieve_customer", "cus_1"))
    idle = transport.pool(server.url)._idle  # pyright: ignore[reportPrivateUsage]
    assert len(idle._lanes) == 4  # pyright: ignore[reportPrivateUsage]

    monkeypatch.setattr(transport, "IDLE_SECONDS", -1.0)
    for _ in range(4):
        caller("retrieve_customer", "cus_1")
    assert not idle._lanes  # pyright: ignore[reportPrivateUsage]


def test_a_forked_process_does_not_speak_through_its_parents_connection(server: Server) -> None:
    caller = Caller(server, sync=True)
    caller("retrieve_customer", "cus_1")
    pid = os.fork()
    if pid == 0:
        try:
            caller("retrieve_customer", "cus_1")
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    caller("retrieve_customer", "cus_1")
    assert [request.connection for request in server.seen] == [1, 2, 1]


def test_a_redirect_is_not_followed_and_the_key_goes_nowhere_else(call: Caller, server: Server, other: Server) -> None:
    server.otherwise = answer(307, b"", headers={"Location": other.url + "/v1/customers"})
    with pytest.raises(APIError, match="redirect"):
        call("create_customer")
    assert (len(server.seen), other.connections) == (1, 0)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_key_in_clear_goes_through_no_proxy(
    call: Caller, server: Server, other: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, other.url)
    call("retrieve_customer", "cus_1")
    assert (len(server.seen), other.connections) == (1, 0)


def test_answers_are_compressed(call: Caller, server: Server) -> None:
    server.otherwise = answer(body=gzip.compress(json.dumps(CUSTOMER).encode()), headers={"Content-Encoding": "gzip"})
    assert call("retrieve_customer", "cus_1").data == CUSTOMER
    assert server.seen[0].headers["accept-encoding"] == "gzip"


def test_an_address_with_a_path_of_its_own_is_kept(call: Caller, server: Server) -> None:
    call.options["api_base"] = server.url + "/stripe/"
    call("retrieve_customer", "cus_1")
    assert server.seen[0].path == "/stripe/v1/customers/cus_1"


def test_logs_hold_neither_the_key_nor_whom_was_looked_for(
    call: Caller, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        call("list_customers", params={"email": "zoe@example.com"})
        call("create_customer", params={"email": "zoe@example.com"})
    assert "email=zoe" in server.seen[0].query
    assert "zoe" not in caplog.text
    assert KEY not in caplog.text


def test_a_host_that_takes_no_connection_is_not_waited_for_longer_than_said(call: Caller) -> None:
    with silent_host() as (host, port):
        call.options |= {
            "api_base": f"http://{host}:{port}",
            "connect_timeout": 0.1,
            "retries": RetryPolicy(max_retries=0),
        }
        with pytest.raises(APIConnectionError, match=r"no connection within 0\.1 s"):
            call("retrieve_customer", "cus_1")


def test_an_unreachable_host_is_one_clear_message(call: Caller) -> None:
    call.options |= {"api_base": "http://127.0.0.1:1", "retries": RetryPolicy(max_retries=0)}
    with pytest.raises(APIConnectionError) as caught:
        call("retrieve_customer", "cus_1")
    assert str(caught.value).startswith(
        "retrieve_customer cus_1: no answer from http://127.0.0.1:1: ConnectionRefusedError: "
    )
    assert caught.value.retryable

"""The sandbox as a process and as a plugin: what starts it, what controls it, what it must not load."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from prefect_stripe.client.operations import OPERATIONS
from prefect_stripe.sandbox import Sandbox
from prefect_stripe.sandbox.routes import ROUTES, match

pytest_plugins = ("pytester",)


@pytest.fixture
def process() -> Iterator[str]:
    command = [
        sys.executable,
        "-m",
        "prefect_stripe.sandbox",
        "--port",
        "0",
        "--latency-ms",
        "1",
        "--rate-limit",
        "500",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()
        assert server.wait(timeout=10) == 0


def test_the_command_prints_where_it_listens_and_is_controlled_over_http(process: str) -> None:
    with httpx.Client(base_url=process, headers={"Authorization": "Bearer sk_test_x"}) as http:
        state = http.get("/_sandbox").json()
        assert (state["latency"], state["rate_limit"], state["exchanges"]) == (0.001, 500.0, 0)
        http.post("/_sandbox/faults", json={"kind": "error", "when": "after", "operation": "create_customer"})
        assert http.post("/v1/customers", headers={"Idempotency-Key": "k"}).status_code == 500
        before = http.get("/_sandbox/clock").json()["time"]
        assert http.post("/_sandbox/clock", json={"advance": 3600}).json()["time"] >= before + 3600
        assert http.post("/_sandbox/settings", json={"latency": 0, "search_lag": 60}).json()["search_lag"] == 60
        ledger = http.get("/_sandbox/ledger").json()
        assert [(entry["entry"], entry.get("kind"), entry.get("status")) for entry in ledger] == [
            ("effect", "customer.created", None),
            ("exchange", None, 500),
        ]
        assert [entry["seq"] for entry in ledger] == [1, 2]
        assert ledger[0]["idempotency_key"] == ledger[1]["idempotency_key"] == "k"
        assert http.get("/_sandbox/effects").json() == ledger[:1]
        assert http.get("/_sandbox/exchanges").json() == ledger[1:]
        assert http.post("/_sandbox/faults", json={"kind": "explode"}).status_code == 400
        assert http.get("/_sandbox/nothing").status_code == 404
        assert http.post("/_sandbox/reset").json()["effects"] == {}
        assert http.get("/v1/customers").json()["data"] == []


def test_it_listens_on_loopback_only(sandbox: Sandbox) -> None:
    host, port = sandbox.url.removeprefix("http://").split(":")
    assert host == "127.0.0.1"
    with pytest.raises(OSError, match="in use"):
        Sandbox.start(port=int(port))


@pytest.mark.parametrize(("port", "why"), [("taken", "address already in use"), ("99999", "port must be 0-65535")])
def test_the_command_says_in_one_line_why_it_cannot_listen(sandbox: Sandbox, port: str, why: str) -> None:
    port = sandbox.url.rpartition(":")[2] if port == "taken" else port
    command = [sys.executable, "-m", "prefect_stripe.sandbox", "--port", port]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert why in ended.stderr
    assert "--port" in ended.stderr


def test_a_stopped_sandbox_is_gone() -> None:
    with Sandbox.start() as sandbox:
        assert httpx.get(f"{sandbox.url}/_sandbox").status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{sandbox.url}/_sandbox")


def test_what_was_in_flight_at_a_reset_leaves_no_trace(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.faults.add("delay", seconds=0.3)
    with pytest.raises(httpx.ReadTimeout):
        http.post("/v1/customers", timeout=0.1)
    sandbox.reset()
    sandbox.faults.add("delay", seconds=0.4)
    assert http.get("/v1/customers").status_code == 200  # outlasts the first
    assert sandbox.ledger.effects == []


def test_requests_may_come_in_pieces_in_chunks_and_at_once(sandbox: Sandbox) -> None:
    host, port = sandbox.url.removeprefix("http://").split(":")
    head = b"POST /v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk_test_x\r\n"
    form = b"Content-Type: application/x-www-form-urlencoded\r\n"
    with socket.create_connection((host, int(port)), timeout=5) as client:
        for piece in (head, form, b"Content-Length: 6\r\n\r\nname", b"=a"):
            client.sendall(piece)
        assert b'"name":"a"' in client.recv(65536)
        client.sendall(head + form + b"Transfer-Encoding: chunked\r\n\r\n3\r\nnam\r\n3\r\ne=b\r\n0\r\n\r\n")
        assert b'"name":"b"' in client.recv(65536)
        get = b"GET /v1/customers?limit=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk_test_x\r\n"
        client.sendall(get + b"\r\n" + get + b"Connection: close\r\n\r\n")
        answers = b""
        while piece := client.recv(65536):
            answers += piece
        assert answers.count(b"HTTP/1.1 200 OK") == 2
        client.close()
    with socket.create_connection((host, int(port)), timeout=5) as client:
        client.sendall(b"nonsense\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 400")


def fresh(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_sandbox_loads_none_of_the_product_above_it() -> None:
    code = (
        "import sys, prefect_stripe.sandbox.__main__; "
        "print([m for m in sys.modules if m.split('.')[0] in ('prefect', 'pandas', 'stripe', 'httpx', 'starlette') or "
        "m.startswith(tuple(f'prefect_stripe.{layer}' for layer in ('client', 'blocks', 'tasks', 'flows')))])"
    )
    assert fresh(code).strip() == "[]"


def test_the_plugin_loads_nothing_of_the_sandbox() -> None:
    code = (
        "import sys, pytest, prefect_stripe.sandbox.pytest_plugin; "
        "print(sorted(m for m in sys.modules if m.startswith('prefect_stripe')))"
    )
    loaded = "['prefect_stripe', 'prefect_stripe.sandbox', 'prefect_stripe.sandbox.pytest_plugin']"
    assert fresh(code).strip() == loaded


def test_a_users_suite_has_the_fixture(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import urllib.request

        def post(sandbox):
            headers = {"Authorization": "Bearer " + sandbox.api_key}
            return urllib.request.urlopen(urllib.request.Request(sandbox.url + "/v1/customers", b"", headers))

        def test_one(stripe_sandbox):
            assert post(stripe_sandbox).status == 200
            assert stripe_sandbox.ledger.count("customer.created") == 1

        def test_two_starts_afresh(stripe_sandbox):
            assert stripe_sandbox.ledger.entries == []
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_the_routes_are_the_clients_operations() -> None:
    def shape(path: str) -> str:
        return re.sub(r"\{\w+\}", "{}", path)  # what an id is called in a path is each side's own affair

    known = {name: (operation.method, shape(operation.path)) for name, operation in OPERATIONS.items()}
    served = {name: (route.method, shape(route.path)) for name, route in ROUTES.items()}
    # The lines of a preview are listed at the same URL as any invoice's.
    assert {name: where for name, where in known.items() if served.get(name) != where}.keys() <= {"list_preview_lines"}
    assert known["list_preview_lines"] == served["list_invoice_line_items"]


def test_each_route_is_reached_by_its_own_url() -> None:
    for name, route in ROUTES.items():
        found = match(route.method, route.path.replace("{", "x_").replace("}", ""))
        assert found is not None
        assert found[0].operation == name


def test_every_rule_of_a_state_names_its_source() -> None:
    folder = Path(__file__).parents[2] / "sandbox" / "objects"
    tags = ("[DOC", "[SDK", "[PROBE", "[SIM", "[SPEC23", "[3P", "[K")
    untagged = [
        path.name
        for path in folder.glob("*.py")
        if "bad_request(" in path.read_text() and not any(tag in path.read_text() for tag in tags)
    ]
    assert untagged == []

"""`make serve` as a newcomer runs it: a process, a page to open, a run started on it, Ctrl-C, and nothing left."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.workers.ground import Ground, environment_for, free_port

SERVE = Path(__file__).parents[2] / "examples" / "serve.py"

ORDER = {
    "external_id": "ORD-1",
    "customer_email": "jenny@example.com",
    "currency": "usd",
    "lines": [{"description": "Consulting, hours", "quantity": 3, "unit_amount": 15000}],
    "payment_method": "pm_card_visa",
}


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STRIPE_", "PREFECT_"))}
    process = subprocess.Popen(
        [sys.executable, str(SERVE), "--home", str(tmp_path / "kept"), "--port", str(free_port())],
        env=kept,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield process
    if process.poll() is None:
        process.terminate()
        process.communicate()


def test_it_says_what_to_open_and_leaves_nothing_running(tmp_path: Path, serving: subprocess.Popen[str]) -> None:
    assert serving.stdout is not None
    said = ""
    while "Ctrl-C" not in said:
        line = serving.stdout.readline()
        assert line, said
        said += line
    opened = re.search(r"Open (http://127\.0\.0\.1:\d+)/deployments", said)
    sandbox = re.search(r"the sandbox at (http://127\.0\.0\.1:\d+)", said)
    assert opened, said
    assert sandbox, said

    ground = Ground(tmp_path, opened[1], environment_for(tmp_path, opened[1]))
    automations = {one["name"]: one["enabled"] for one in ground.api("/automations/filter", {})}
    assert (len(automations), automations["collect-a-declined-invoice"]) == (5, False)
    run = ground.ended(ground.start_run("invoice-an-order", order=ORDER))
    assert (run["state_name"], run["name"]) == ("Completed", "invoice ORD-1"), run["state"]
    # The account was chosen for whoever fills in the form, and the key is in the block alone.
    assert run["parameters"]["credentials"].keys() == {"$ref"}
    assert httpx.get(f"{sandbox[1]}/_sandbox").json()["exchanges"] > 3

    serving.send_signal(signal.SIGINT)
    said, _ = serving.communicate(timeout=120)
    assert serving.returncode == 0, said
    assert [one for one in (opened[1], sandbox[1]) if _listens(one)] == []
    assert _processes_of(tmp_path / "kept") == []


def _listens(address: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) == 0


def _processes_of(home: Path) -> list[str]:
    """What runs still and was told to keep its things there."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(home).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
    return found

"""The scripted server, and a client of each kind that speaks to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.client.server import Caller, Server


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, server: Server) -> Caller:
    return Caller(server, sync=request.param == "sync")

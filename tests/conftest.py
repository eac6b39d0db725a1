"""The one Prefect server of a process, for the tests that are marked `server`."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


def pytest_configure() -> None:
    """Have Ctrl-C heard: a shell that starts the tests in the background has it ignored, also by what they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A Prefect server of its own, with a database that is thrown away; half a minute until it is up."""
    from prefect.settings import (
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_SERVER_ANALYTICS_ENABLED,
        temporary_settings,
    )
    from prefect.testing.utilities import prefect_test_harness  # imports the server, which takes seconds

    # Each sync flow would wait a second for its heartbeat's thread at the end, and the server would call home.
    with (
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None, PREFECT_SERVER_ANALYTICS_ENABLED: False}),
        prefect_test_harness(server_startup_timeout=120),
    ):
        yield


@pytest.fixture(autouse=True)
def _server_where_marked(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("server"):
        request.getfixturevalue("prefect_server")

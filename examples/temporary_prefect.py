"""A Prefect server for the length of a `with` block, with a home of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final
from urllib.error import URLError
from urllib.request import urlopen

HOST: Final = "127.0.0.1"
SECONDS_TO_START: Final = 180
SECONDS_TO_END: Final = 15


@contextmanager
def temporary_prefect() -> Generator[str]:
    """Start a Prefect server and have this process use it; end it, and remove what it wrote, afterwards.

    To be entered before Prefect is imported, which reads its settings from the environment.

    Yields:
        The server's address, where its UI is.

    Raises:
        RuntimeError: The server did not start; with the end of what it logged.
    """
    with TemporaryDirectory(prefix="prefect-stripe-", ignore_cleanup_errors=True) as home, prefect_at(Path(home)) as it:
        yield it


@contextmanager
def prefect_at(home: Path, port: int = 0) -> Generator[str]:
    """Start a Prefect server that keeps what it is told in a folder, and have this process use it; end it afterwards.

    To be entered before Prefect is imported, as `temporary_prefect` is.

    Args:
        home: The folder; its log is `server.log` in there.
        port: Where it should listen; where that is taken, or 0, it is a free one.
    """
    assert "prefect" not in sys.modules, "Prefect has read its settings already"
    address = f"http://{HOST}:{_free_port(port)}"
    _configure(home, address)
    log = home / "server.log"
    with log.open("wb") as output, _server(address, output) as server:
        _await_health(server, address, log)
        yield address


def _configure(home: Path, address: str) -> None:
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]
    os.environ |= {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"{address}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # Who clicks on Run waits for it.
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        # The whole story goes to the server; on the console it would break the progress bar.
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        # What draws pictures would remember the fonts that it found, in the home of whoever tries this.
        "MPLCONFIGDIR": str(home / "matplotlib"),
    }


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        # As the server itself does it: a port whose last connections are fading away is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError:
            probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def _server(address: str, output: IO[bytes]) -> Generator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app", "--lifespan", "on"]
    server = subprocess.Popen(
        [*command, "--host", HOST, "--port", address.rpartition(":")[2]],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        # Ctrl-C is for us: the server ends last, when it has been told everything.
        start_new_session=True,
    )
    try:
        yield server
    finally:
        server.terminate()
        try:
            server.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _await_health(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while not _is_healthy(address):
        if server.poll() is not None or time.monotonic() > deadline:
            end = log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"the Prefect server did not start (exit code {server.poll()}):\n{end}")
        time.sleep(0.2)


def _is_healthy(address: str) -> bool:
    try:
        with urlopen(f"{address}/api/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False

"""A Prefect server as a team has one, with a process worker: started and filled by Prefect's own command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

HOST: Final = "127.0.0.1"
SECONDS_TO_START: Final = 180
SECONDS_TO_END: Final = 30
T = TypeVar("T")


@dataclass(frozen=True)
class Ground:
    """A server that runs.

    Attributes:
        home: Where it keeps what it is told, and where the logs are.
        url: Address of its pages.
        environment: What a process needs in order to use it.
    """

    home: Path
    url: str
    environment: Mapping[str, str]

    def run(self, *command: str, cwd: Path | None = None, **environment: str) -> str:
        """Run a command that is expected to succeed, and return what it printed."""
        ended = subprocess.run(
            command,
            cwd=cwd or self.home,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=SECONDS_TO_START,
            check=False,
        )
        assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def prefect(self, *arguments: str, cwd: Path | None = None, **environment: str) -> str:
        """Run Prefect's command line."""
        return self.run(sys.executable, "-m", "prefect", *arguments, cwd=cwd, **environment)

    def deploy(self, pool: str = "stripe") -> None:
        """Have every flow of ours on the server, as the guide says it."""
        self.prefect("block", "register", "-m", "prefect_stripe")
        self.prefect("work-pool", "create", pool, "--type", "process")
        prefect_file = self.run(sys.executable, "-m", "prefect_stripe.deployments").strip()
        self.prefect("--no-prompt", "deploy", "--all", "--prefect-file", prefect_file)

    @contextmanager
    def worker(
        self, pool: str = "stripe", cwd: Path | None = None, **environment: str
    ) -> Generator[subprocess.Popen[bytes]]:
        """Have a process worker take runs from a pool."""
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
        with started(command, self.home / "worker.log", {**self.environment, **environment}, cwd) as process:
            queue = f"/work_pools/{pool}/queues/default"
            eventually(lambda: self.api(queue)["status"] == "READY" or None, f"a worker takes runs from {pool}")
            yield process

    def api(self, path: str, body: Any = None) -> Any:
        """Ask the server's API, with a body by POST; again where it says that it is busy, as Prefect does."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/api{path}", data, {"Content-Type": "application/json"})

        def ask() -> tuple[Any] | None:
            try:
                with urlopen(request, timeout=60) as answer:
                    return (json.load(answer),)
            except HTTPError as error:
                if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise
                return None

        return eventually(ask, f"{path} is answered")[0]

    def deployment(self, name: str) -> dict[str, Any]:
        """The deployment of this name."""
        deployments: list[dict[str, Any]] = self.api("/deployments/filter", {})
        return next(one for one in deployments if one["name"] == name)

    def start_run(self, deployment: str, **parameters: Any) -> str:
        """Start a run of a deployment as the UI does it, and return its id."""
        run = self.api(f"/deployments/{self.deployment(deployment)['id']}/create_flow_run", {"parameters": parameters})
        return str(run["id"])

    def ended(self, run: str, seconds: float = SECONDS_TO_START) -> dict[str, Any]:
        """Wait until a run has ended, and return it."""

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.api(f"/flow_runs/{run}")
            return found if found["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"} else None

        return eventually(look, f"the run {run} ends", seconds)


def eventually(look: Callable[[], T | None], what: str, seconds: float = SECONDS_TO_START) -> T:
    """Look until there is something to be seen."""
    deadline = time.monotonic() + seconds
    while (seen := look()) is None:
        assert time.monotonic() < deadline, f"in {seconds} s it did not come to this: {what}"
        time.sleep(0.1)
    return seen


def environment_for(home: Path, url: str) -> dict[str, str]:
    """This environment without its settings of Prefect and Stripe, and with those of a server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "STRIPE_"))}
    return kept | {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"{url}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # It asks elsewhere what to offer, and covers buttons with it.
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # A test waits for what a worker does.
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_WORKER_PREFETCH_SECONDS": "5",
    }


@contextmanager
def prefect_ground(home: Path, settings: Mapping[str, str] | None = None) -> Generator[Ground]:
    """Start a server with a database of its own, and end it afterwards.

    Args:
        home: Where everything of it is kept.
        settings: Those of a team's server. Its services run apart from its API then, as the compose file has them.
    """
    port = free_port()
    url = f"http://{HOST}:{port}"
    ground = Ground(home, url, environment_for(home, url))
    prefect, environment = [sys.executable, "-m", "prefect"], {**ground.environment, **(settings or {})}
    start = [*prefect, "server", "start", "--host", HOST, "--port", str(port), *(["--no-services"] if settings else [])]
    with ExitStack() as stack:
        process = stack.enter_context(started(start, home / "server.log", environment))
        eventually(lambda: _healthy(url, process), "the server is healthy")
        if settings:
            services = [*prefect, "server", "services", "start"]
            stack.enter_context(started(services, home / "services.log", environment))
        yield ground


def _healthy(url: str, process: subprocess.Popen[bytes]) -> bool | None:
    assert process.poll() is None, "the server ended by itself"
    with suppress(OSError), urlopen(f"{url}/api/health", timeout=5) as answer:
        return True if answer.status == 200 else None
    return None


@contextmanager
def started(
    command: list[str], log: Path, environment: Mapping[str, str], cwd: Path | None = None
) -> Generator[subprocess.Popen[bytes]]:
    """Have a process run, and end it and all that it started."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd or log.parent,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_TO_END)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])

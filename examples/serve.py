"""A Prefect server with the flows on it, for this machine: open the page, fill in a form, and watch the run.

    make serve                              # SERVE_ARGS="--port 4300"

It speaks to the sandbox, or to Stripe's test mode where `STRIPE_API_KEY` is a test key. Ctrl-C ends all that it
started. What Prefect was told is kept in `.serve/`, and there again the next time; what was in the sandbox is not.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from only_test_keys import problem_of
from temporary_prefect import SECONDS_TO_END, prefect_at

from prefect_stripe.client import StripeError
from prefect_stripe.sandbox import Sandbox

HOME: Final = Path(__file__).parents[1] / ".serve"
PORT: Final = 4200
BLOCK: Final = "stripe"
SECONDS_TO_SERVE: Final = 120


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C.

    Returns:
        0 if it was interrupted, 1 if something of it ended by itself, 2 if it could not begin.
    """
    options = _options(arguments)
    home: Path = options.home
    if problem := problem_of(os.environ.get("STRIPE_API_KEY", "")):
        print(f"{problem} Nothing was started.")
        return 2
    # SIGINT too: a shell that starts this in the background has it ignored.
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _interrupt)
    home.mkdir(mode=0o700, exist_ok=True)
    try:
        with ExitStack() as stack:
            account = stack.enter_context(_stripe())
            print("Prefect starts, which takes some twenty seconds.", flush=True)
            address = stack.enter_context(prefect_at(home, options.port))
            _save_block()
            serving = stack.enter_context(_serving(home / "flows.log"))
            _automate()
            print(f"\nOpen {address}/deployments, choose one, and Run it. It uses {account}.")
            print("Ctrl-C ends it all.", flush=True)
            serving.wait()
            print(f"The flows are no longer served; {home / 'flows.log'} says why.")
            return 1
    except StripeError as error:
        print(error)
        return 2
    except KeyboardInterrupt:
        print("\nEnded. A run that was going on goes on where it stopped when its order is run again.")
        return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serve the flows on a Prefect server of this machine, until Ctrl-C.")
    parser.add_argument("--home", type=Path, default=HOME, help="what it keeps (default: %(default)s)")
    parser.add_argument("--port", type=int, default=PORT, help="or a free one, if it is taken (default: %(default)s)")
    return parser.parse_args(arguments)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _stripe() -> Generator[str]:
    """Start the sandbox and have the environment name it, unless there is a key; give what it is in words."""
    if os.environ.get("STRIPE_API_KEY"):
        yield "Stripe's test mode, with your STRIPE_API_KEY"
        return
    with Sandbox.start() as sandbox:
        os.environ |= {"STRIPE_API_KEY": sandbox.api_key, "STRIPE_API_BASE": sandbox.url}
        yield f"the sandbox at {sandbox.url}"


def _save_block() -> None:
    """Keep the credentials under the name that the forms offer, in place of those of the last time; and their limit."""
    from prefect_stripe.blocks import StripeCredentials, ensure_rate_limit

    credentials = StripeCredentials.from_environment()
    credentials.save(BLOCK, overwrite=True)
    ensure_rate_limit(credentials)


def _automate() -> None:
    """Have the server do what it can by itself; it tells nobody, since it knows nobody."""
    from prefect.client.orchestration import get_client

    from prefect_stripe.deployments.automations import Wishes, ensure_automations, planned

    with get_client(sync_client=True) as client:
        automations, _ = planned(client, Wishes(credentials=BLOCK))
        ensure_automations(client, automations)


@contextmanager
def _serving(log: Path) -> Generator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect_stripe.deployments.serve", "--credentials", BLOCK],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for us; this one hears of it while the server is still there to be told what became of the runs.
            start_new_session=True,
        )
        try:
            _await_ready(process, log)
            yield process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_TO_END)
            # And whatever run has not ended with it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _await_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import DeploymentStatus

    deadline = time.monotonic() + SECONDS_TO_SERVE
    with get_client(sync_client=True) as client:
        while True:
            deployments = client.read_deployments()
            if deployments and all(one.status == DeploymentStatus.READY for one in deployments):
                return
            if process.poll() is not None or time.monotonic() > deadline:
                end = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"the flows are not served (exit code {process.poll()}):\n{end}")
            time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())

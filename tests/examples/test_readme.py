"""The README's examples, run as they stand there; and its picture of the demo, held to what the demo prints."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from prefect_stripe.client import ClientConfig, StripeClient
from prefect_stripe.flows.invoice_process import invoice_process
from prefect_stripe.flows.order_files import OrderFile, read_orders
from prefect_stripe.flows.outcomes import InvoiceOutcome
from prefect_stripe.flows.process import drive, perform
from prefect_stripe.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
(SERVE,) = [block for block in PYTHON if ".serve(" in block]
(COMMANDS,) = [
    block for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) if "prefect deployment run" in block
]
(DEMO,) = re.findall(r"<!-- demo -->\n```text\n(.*?)```\n<!-- /demo -->", README, re.DOTALL)


@pytest.fixture
def environment(stripe_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox that the environment names, as a key from the Dashboard would be; and a folder with the examples."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.setenv("STRIPE_API_KEY", stripe_sandbox.api_key)
    monkeypatch.setenv("STRIPE_API_BASE", stripe_sandbox.url)
    monkeypatch.chdir(tmp_path)
    return stripe_sandbox


@pytest.mark.server
@pytest.mark.parametrize("block", [block for block in PYTHON if block != SERVE])
def test_python_example_runs(block: str, environment: Sandbox) -> None:
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(block, "README.md", "exec"), names)
    for name, value in names.items():
        if name.startswith("test_"):
            value(stripe_sandbox=environment)


@pytest.fixture
def served(tmp_path: Path, environment: Sandbox) -> Generator[dict[str, str]]:
    """The README's serve.py in a process; gives the environment that the command line needs."""
    from prefect.settings import PREFECT_API_URL

    (tmp_path / "serve.py").write_text(SERVE)
    here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    names = {**os.environ, "PATH": here, "PREFECT_API_URL": PREFECT_API_URL.value() or ""}
    names |= {"PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_RUNNER_POLL_FREQUENCY": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "serve.py"],
        cwd=tmp_path,
        env=names,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert any("is being served" in line for line in process.stdout)
            yield names
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()


@pytest.mark.server
def test_served_flow_is_started_from_the_command_line(served: dict[str, str], environment: Sandbox) -> None:
    command = COMMANDS.partition("python serve.py &\n")[2]
    ended = subprocess.run(["sh", "-c", command], env=served, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Flow run finished successfully in 'Completed'" in ended.stdout
    assert environment.ledger.count("invoice.paid") == 1
    assert [effect.amount for effect in environment.ledger.select("charge.succeeded")] == [45000]


def test_picture_of_the_demo_is_what_it_prints(
    demo_module: ModuleType, stripe_sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    file, outcomes = _demonstrated(stripe_sandbox)
    demo_module.print_orders(file, outcomes)
    demo_module.print_totals(outcomes)
    printed = _without_ids(capsys.readouterr().out)
    assert printed
    missing = [line for line in printed if line not in _without_ids(DEMO)]
    assert not missing, "\n".join(["the README's picture of the demo lacks:", *missing])


def test_a_narrow_terminal_is_shown_every_number_state_and_reason_whole(
    demo_module: ModuleType,
    stripe_sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(demo_module, "console", Console(width=80))
    file, outcomes = _demonstrated(stripe_sandbox)
    demo_module.print_orders(file, outcomes)
    printed = capsys.readouterr().out
    wanted = {"uncollectible", *(outcome.number for outcome in outcomes if outcome.number)}
    for reason in (outcome.reason or "" for outcome in outcomes):
        wanted |= {word for word in reason.split() if not word.startswith("in_")}
    assert [one for one in wanted if one not in printed] == []


def _demonstrated(sandbox: Sandbox) -> tuple[OrderFile, list[InvoiceOutcome]]:
    """The demo's orders, and what becomes of them."""
    client = StripeClient(ClientConfig(api_key=sandbox.api_key, api_base=sandbox.url))
    file = read_orders(ROOT / "examples" / "orders.csv")
    return file, [
        drive(invoice_process(order, "test:"), lambda step: perform(client, step.call)) for order in file.orders
    ]


def _without_ids(text: str) -> list[str]:
    """The lines of a text, with the ids that differ each time made alike."""
    alike = re.sub(r"\b[A-Z0-9]{8}-(\d{4})\b", r"NUMBER00-\1", re.sub(r"\bin_\w+", "in_" + "0" * 24, text))
    return [line.rstrip() for line in alike.splitlines() if line.strip()]

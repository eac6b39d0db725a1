"""What an import loads, each in a process of its own: seconds of it are spared to whoever needs less."""

from __future__ import annotations

import subprocess
import sys

import pytest

from prefect_stripe.client import OPERATIONS

HEAVY = {"prefect", "pandas", "numpy", "pyarrow", "stripe"}
OURS_ABOVE = {f"prefect_stripe.{layer}" for layer in ("blocks", "tasks", "flows", "deployments")}


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter has after it ran this code."""
    script = f"import sys\n{code}\nprint(*sys.modules, sep='\\n')"
    return set(
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    )


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("import prefect_stripe", HEAVY | {"httpx", "pydantic", "prefect_stripe.client"}),
        ("import prefect_stripe.client", HEAVY | {"pydantic", "prefect_stripe.params", "prefect_stripe.schema"}),
        ("import prefect_stripe.sandbox", HEAVY | {"httpx", "prefect_stripe.client"}),
        ("import prefect_stripe.sandbox.pytest_plugin", HEAVY | {"httpx", "prefect_stripe.client"}),
        ("import prefect_stripe.blocks", {"pandas", "pyarrow", "stripe", "prefect_stripe.params"}),
        ("import prefect_stripe.flows", {"pandas", "pyarrow", "duckdb", "numpy", "matplotlib", "stripe"}),
    ],
)
def test_an_import_loads_no_more_than_it_needs(code: str, unwanted: set[str]) -> None:
    above: set[str] = set() if "blocks" in code or "flows" in code else OURS_ABOVE
    assert not loaded_by(code) & (unwanted | above)


def test_a_call_through_the_client_loads_no_prefect() -> None:
    call = (
        "from prefect_stripe.client import ClientConfig, Call\n"
        "from prefect_stripe.client.exchange import prepare\n"
        "prepare(Call('create_customer', params={'name': 'Zoë'}), ClientConfig(api_key='sk_test_1'))"
    )
    loaded = loaded_by(call)
    assert "prefect_stripe.params" in loaded
    assert not loaded & (HEAVY | OURS_ABOVE)


def test_a_star_takes_every_task_and_nothing_else() -> None:
    names: dict[str, object] = {}
    exec("from prefect_stripe.tasks import *", names)
    assert {name for name in names if name != "__builtins__"} == {
        name for operation in OPERATIONS for name in (operation, f"a{operation}")
    }


def test_names_at_the_top_are_loaded_when_they_are_used() -> None:
    loaded = loaded_by("from prefect_stripe import StripeCredentials; StripeCredentials")
    assert {"prefect", "prefect_stripe.blocks"} <= loaded
    assert "prefect_stripe.flows" not in loaded

"""Every flow's own example runs as its docstring has it."""

from __future__ import annotations

import inspect
import re
import shutil
import textwrap
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow
from pydantic import SecretStr

from prefect_stripe import StripeCredentials, flows
from prefect_stripe.sandbox import Sandbox

FLOWS: dict[str, Flow[..., Any]] = {
    name: one for name in flows.__all__ if isinstance(one := getattr(flows, name), Flow)
}
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.server
@pytest.mark.parametrize("name", FLOWS)
def test_the_example_runs(name: str, stripe_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    doc = inspect.cleandoc(FLOWS[name].fn.__doc__ or "").split("\nExample:\n")[1]
    (code,) = re.findall(r"^ *```python\n(.*?)^ *```$", doc, re.DOTALL | re.MULTILINE)
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRIPE_API_KEY", stripe_sandbox.api_key)
    monkeypatch.setenv("STRIPE_API_BASE", stripe_sandbox.url)
    StripeCredentials(api_key=SecretStr(stripe_sandbox.api_key), api_base=stripe_sandbox.url).save(
        "example", overwrite=True
    )
    exec(compile(textwrap.dedent(code).replace("BLOCK_NAME", "example"), name, "exec"), {"__name__": "example"})

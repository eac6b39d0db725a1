"""Of whom the suite asks: the sandbox, or with `--stripe` Stripe itself, in the test mode of STRIPE_API_KEY."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping

import pytest
from pydantic import SecretStr

from prefect_stripe import StripeCredentials
from prefect_stripe.client import StripeError
from prefect_stripe.client.config import check_key
from prefect_stripe.schema import Problem
from tests.contract.account import Account

HOW = "set STRIPE_API_KEY to a secret key of test mode (sk_test_…), as in: STRIPE_API_KEY=sk_test_… make test-stripe"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stripe", action="store_true", help="ask Stripe's test mode instead of the sandbox")


def _asks_stripe(config: pytest.Config) -> bool:
    return bool(config.getoption("--stripe", default=False))


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a key that is missing, or live, before there is anything that could use it."""
    if not _asks_stripe(config):
        return
    try:
        check_key(os.environ.get("STRIPE_API_KEY", ""), "test")
    except StripeError as error:
        raise pytest.UsageError(f"{HOW}\n({error})") from None


@pytest.fixture
def account(request: pytest.FixtureRequest) -> Account:
    """An account that others may use too, by a name that is this test's own."""
    run = f"contract-{uuid.uuid4().hex[:12]}"
    if _asks_stripe(request.config):
        return Account(StripeCredentials(api_key=SecretStr(os.environ["STRIPE_API_KEY"])), run)
    sandbox = request.getfixturevalue("stripe_sandbox")
    return Account(StripeCredentials(api_key=SecretStr(sandbox.api_key), api_base=sandbox.url), run)


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send parameters as they are, though our own client would refuse them."""

    def no_problems(operation: str, params: Mapping[str, object]) -> list[Problem]:
        return []

    monkeypatch.setattr("prefect_stripe.schema.problems", no_problems)

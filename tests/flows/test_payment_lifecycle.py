"""The flow of one payment on a Prefect server: what an operator reads there, and what others may listen to."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.flows import OrderError, PaymentOrder, payment_intent_lifecycle
from tests.flows.payment_paths import FAILS, HELD, MANUAL
from tests.flows.told import Told, events
from tests.flows.world import World

pytestmark = pytest.mark.server


@pytest.fixture
def credentials(world: World) -> StripeCredentials:
    return StripeCredentials(api_key=SecretStr(world.sandbox.api_key), api_base=world.sandbox.url, max_retries=0)


def run(order: PaymentOrder, credentials: StripeCredentials) -> Told:
    return Told(payment_intent_lifecycle(order, credentials, return_state=True))


def test_an_operator_reads_what_happened_and_others_hear_of_it(world: World, credentials: StripeCredentials) -> None:
    told = run(world.payment(**MANUAL, increase_to=30000, amount_to_capture=27050), credentials)
    intent = world.intent()["id"]
    assert (told.state.type, told.state.name) == ("COMPLETED", "Completed")
    assert told.state.message == f"PAY-1 done, {intent} succeeded"
    assert told.flow_run.name == "payment PAY-1"

    wanted = (
        "create the customer of PAY-1",
        "create payment for PAY-1",
        f"confirm {intent} for PAY-1",
        f"increase the authorisation of {intent} for PAY-1",
        f"capture {intent} for PAY-1",
    )
    names = [name for name, _, _ in told.task_runs(*wanted)]
    assert {name: names.count(name) for name in wanted} == dict.fromkeys(wanted, 1)

    (captured,) = [row for row in told.table if row["step"].startswith("capture")]
    assert (captured["came to"], captured["status"]) == ("done", "succeeded")
    (exchange,) = world.sandbox.ledger.requests("capture_payment_intent")
    assert captured["request"] == exchange.request_id
    assert told.artifact.key == "payment-pay-1"
    assert f"[{intent}](https://dashboard.stripe.com/test/payments/{intent}) succeeded" in str(
        told.artifact.description
    )
    assert events(intent, expected=4) == {
        "stripe.payment_intent.created": 1,
        "stripe.payment_intent.amount_capturable_updated": 2,
        "stripe.payment_intent.succeeded": 1,
    }


@pytest.mark.parametrize(
    ("given", "type_", "name"),
    [
        (HELD, "COMPLETED", "Completed"),
        ({**FAILS, "on_decline": "cancel"}, "COMPLETED", "Declined"),
        ({**FAILS, "on_decline": "fail"}, "FAILED", "Failed"),
        ({"payment_method": "pm_card_authenticationRequired"}, "COMPLETED", "RequiresAction"),
        (
            {"payment_method_type": "us_bank_account", "payment_method": "pm_usBankAccount_processing"},
            "COMPLETED",
            "Processing",
        ),
    ],
    ids=["held", "declined", "failed", "3-D Secure", "a bank debit"],
)
def test_each_ending_is_a_state(
    world: World, credentials: StripeCredentials, given: dict[str, Any], type_: str, name: str
) -> None:
    told = run(world.payment(**given), credentials)
    assert (told.state.type, told.state.name) == (type_, name)
    if type_ == "FAILED":
        with pytest.raises(OrderError, match="card_declined"):
            told.state.result()

"""A process that runs orders and stops before the first write of each, until it is told to go on.

It reads a line of JSON an order, writes `ready` before the order's first write, waits for another line, and writes how
the order ended, as a line of JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from prefect_stripe.client import OPERATIONS, ClientConfig, RetryPolicy, StripeClient, StripeError
from prefect_stripe.flows.orders import InvoiceOrder
from prefect_stripe.flows.payment_orders import PaymentOrder
from prefect_stripe.flows.process import Reply, Step, drive, perform
from tests.flows.world import ACCOUNT, process_of

# As patient as a worker is, and a hundred times as fast.
RETRIES = RetryPolicy(max_retries=20, base=0.01, cap=0.05)


def run(api_key: str, api_base: str, order: dict[str, Any]) -> dict[str, Any]:
    client = StripeClient(ClientConfig(api_key=api_key, api_base=api_base, retries=RETRIES))
    held = False

    def do(step: Step) -> Reply:
        nonlocal held
        if not held and OPERATIONS[step.operation].writes:
            held = True
            print("ready", flush=True)
            sys.stdin.readline()
        return perform(client, step.call)

    kind = PaymentOrder if "amount" in order else InvoiceOrder
    try:
        outcome = drive(process_of(kind.model_validate(order), ACCOUNT), do)
    except StripeError as error:
        return {"ending": "failed", "reason": str(error)}
    return {"ending": outcome.ending, "reason": outcome.reason}


if __name__ == "__main__":
    api_key, api_base = sys.argv[1:]
    for line in sys.stdin:
        print(json.dumps(run(api_key, api_base, json.loads(line))), flush=True)

"""A world in which an order's process runs against the sandbox over HTTP, without Prefect.

What is asserted is read from the sandbox's ledger, or fetched by a plain HTTP client: never taken from our own code's
account of itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from prefect_stripe.client import ClientConfig, RetryPolicy, StripeClient, StripeError
from prefect_stripe.flows.approvals import Answer, ApprovalLimit, Decision, Question
from prefect_stripe.flows.invoice_process import invoice_process
from prefect_stripe.flows.orders import InvoiceOrder
from prefect_stripe.flows.outcomes import Outcome
from prefect_stripe.flows.payment_orders import PaymentOrder
from prefect_stripe.flows.payment_process import payment_process
from prefect_stripe.flows.process import Note, Process, Reply, Step, drive, perform
from prefect_stripe.sandbox import Sandbox

ACCOUNT = "test:"
PATIENT = RetryPolicy(max_retries=4, base=0.001, cap=0.002)
IMPATIENT = RetryPolicy(max_retries=0)

MONEY = {
    "customer.created": "customers",
    "invoice.created": "invoices",
    "invoiceitem.created": "items",
    "invoiceitem.deleted": "items removed",
    "invoice.deleted": "drafts deleted",
    "invoice.finalized": "finalized",
    "invoice.sent": "e-mails",
    "invoice.paid": "paid",
    "invoice.voided": "voided",
    "invoice.marked_uncollectible": "written off",
    "payment_intent.created": "payments",
    "payment_intent.amount_capturable_updated": "authorised",
    "payment_intent.partially_funded": "part funded",
    "payment_intent.canceled": "canceled",
    "charge.captured": "captured",
    "charge.succeeded": "charged",
    "charge.failed": "declined",
    "charge.pending": "debits begun",
    "payment_method.attached": "attached",
}


class AskedOrder(InvoiceOrder):
    """An order about which a person is asked, who gives this answer to whichever run asks."""

    decision: Decision


AnyOrder = InvoiceOrder | PaymentOrder


def process_of(
    order: AnyOrder, account: str = ACCOUNT, look_back_days: int = 365, limits: Sequence[ApprovalLimit] = ()
) -> Process[Outcome]:
    """Begin the process of an order, whatever kind it is of."""
    if isinstance(order, PaymentOrder):
        return (yield from payment_process(order, account, look_back_days))
    if isinstance(order, AskedOrder):
        asking = invoice_process(order, account, look_back_days, [ApprovalLimit(currency="usd", amount=40000)])
        return (yield from answered(asking, Answer(order.decision, datetime(2026, 5, 4, 12, tzinfo=UTC))))
    return (yield from invoice_process(order, account, look_back_days, limits))


def answered(process: Process[Outcome], answer: Answer) -> Process[Outcome]:
    """Have a process hear the same answer to whatever it asks."""
    try:
        step = next(process)
        while True:
            if isinstance(step, Question):
                step = process.send(answer)
                continue
            try:
                reply = yield step
            except StripeError as error:
                step = process.throw(error)
            else:
                step = process.send(reply)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome


class Interrupted(Exception):
    """The run ends here, as by a crash: nothing of the process survives it."""


@dataclass
class Run:
    """One run of a process: its outcome, or the error that it ended with, and every step it took."""

    outcome: Outcome | None = None
    error: Exception | None = None
    steps: list[Step] = field(default_factory=list[Step])
    notes: list[str] = field(default_factory=list[str])

    @property
    def ending(self) -> str:
        assert self.outcome is not None, f"no outcome, but {self.error!r}"
        return self.outcome.ending

    @property
    def reason(self) -> str:
        assert self.outcome is not None, f"no outcome, but {self.error!r}"
        return self.outcome.reason or ""


def nobody(question: Question) -> Answer | None:
    """Ask nobody, as where a run cannot wait."""
    return None


Hook = Callable[[int, Step], None]


@dataclass
class World:
    """The sandbox, and what one does there: run orders, look at what is, and lend a hand as a person would."""

    sandbox: Sandbox
    http: httpx.Client

    def client(self, retries: RetryPolicy = PATIENT) -> StripeClient:
        return StripeClient(ClientConfig(api_key=self.sandbox.api_key, api_base=self.sandbox.url, retries=retries))

    def order(self, **given: Any) -> InvoiceOrder:
        """An order over 463.00 USD in two lines, paid by card, with what is given in place of that."""
        usual: dict[str, Any] = {
            "external_id": "ORD-1",
            "currency": "usd",
            "payment_method": "pm_card_visa" if given.get("settlement", "pay") == "pay" else None,
            "lines": [
                {"description": "Consulting, hours", "quantity": 3, "unit_amount": 15000},
                {"description": "Mug", "quantity": 1, "unit_amount": 1300},
            ],
        }
        if not given.keys() & {"customer", "customer_email", "customer_external_id"}:
            usual |= {"customer_email": "jenny@example.com", "customer_name": "Jenny Rosen"}
        return (AskedOrder if "decision" in given else InvoiceOrder).model_validate(usual | given)

    def payment(self, **given: Any) -> PaymentOrder:
        """An order of a payment of 240.00 USD by card, with what is given in place of that."""
        usual: dict[str, Any] = {"external_id": "PAY-1", "currency": "usd", "amount": 24000}
        if given.get("payment_method_type", "card") == "card":
            usual["payment_method"] = "pm_card_visa"
        if not given.keys() & {"customer", "customer_email", "customer_external_id"}:
            usual["customer_email"] = "jenny@example.com"
        return PaymentOrder.model_validate(usual | given)

    def run(
        self,
        order: AnyOrder,
        *,
        retries: RetryPolicy = PATIENT,
        before: Hook = lambda number, step: None,
        after: Hook = lambda number, step: None,
        look_back_days: int = 365,
        account: str = ACCOUNT,
        limits: Sequence[ApprovalLimit] = (),
        ask: Callable[[Question], Answer | None] = nobody,
    ) -> Run:
        """Run an order's process afresh; the hooks may raise, before a step's call is sent or after its answer came."""
        run, client = Run(), self.client(retries)

        def do(step: Step) -> Reply:
            number = len(run.steps)
            run.steps.append(step)
            before(number, step)
            try:
                return perform(client, step.call)
            finally:
                after(number, step)

        def tell(note: Note) -> None:
            run.notes.append(note.text)

        try:
            run.outcome = drive(process_of(order, account, look_back_days, limits), do, tell, ask)
        except (StripeError, Interrupted) as error:
            run.error = error
        return run

    # Looking

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        answer = self.http.get(f"/v1/{path}", params=params)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def all(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """Every item of a list, newest first."""
        items: list[dict[str, Any]] = []
        while True:
            cursor = {"starting_after": items[-1]["id"]} if items else {}
            page = self.get(path, limit=100, **params, **cursor)
            items += page["data"]
            if not page["has_more"]:
                return items

    def invoice(self) -> dict[str, Any]:
        """The one invoice that there is."""
        (invoice,) = self.all("invoices")
        return invoice

    def intent(self) -> dict[str, Any]:
        """The one PaymentIntent that there is."""
        (intent,) = self.all("payment_intents")
        return intent

    def lines(self, invoice: str) -> list[tuple[str, int, int]]:
        """Description, quantity and amount of each line."""
        found = self.all(f"invoices/{invoice}/lines")
        return sorted((line["description"] or "", line["quantity"], line["amount"]) for line in found)

    def post(self, path: str, **params: Any) -> dict[str, Any]:
        """Do something as a person in the Dashboard would."""
        answer = self.http.post(f"/v1/{path}", data=params)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def delete(self, path: str) -> None:
        answer = self.http.delete(f"/v1/{path}")
        assert answer.status_code == 200, answer.text

    @property
    def money(self) -> dict[str, int]:
        """How often each thing happened that matters to whoever owns the money, by the ledger."""
        counted = Counter(
            MONEY[effect.kind]
            for effect in self.sandbox.ledger.effects
            # An invoice's own payments come and go with it.
            if effect.kind in MONEY and not (effect.object == "payment_intent" and "invoice" in effect.operation)
        )
        return dict(counted)

    @property
    def effects(self) -> int:
        """How many changes of anything there were in all, by the ledger."""
        return len(self.sandbox.ledger.effects)

    def state(self) -> list[Any]:
        """What is there now, by GET, without ids and times."""
        return [
            sorted((c["email"] or "", c["name"] or "", sorted(c["metadata"].items())) for c in self.all("customers")),
            sorted(
                (
                    i["status"],
                    i["currency"],
                    i["total"],
                    i["amount_paid"],
                    i["amount_paid_off_stripe"],
                    i["amount_remaining"],
                    i["collection_method"],
                    i["description"] or "",
                    i["auto_advance"],
                    sorted(set(i["metadata"])),
                    self.lines(i["id"]),
                )
                for i in self.all("invoices")
            ),
            sorted(
                (
                    i["status"],
                    i["currency"],
                    i["amount"],
                    i["amount_capturable"],
                    i["amount_received"],
                    i["cancellation_reason"] or "",
                    sorted(set(i["metadata"])),
                )
                for i in self.all("payment_intents")
            ),
            sorted((c["status"], c["amount"], c["amount_captured"], c["currency"]) for c in self.all("charges")),
        ]

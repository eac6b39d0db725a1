"""What an operator reads afterwards: every step with its time, state, amount and request id, and the events of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from textwrap import shorten
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from prefect.artifacts import create_table_artifact
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.events import emit_event
from prefect.exceptions import MissingContextError
from prefect.logging.loggers import LoggingAdapter, get_logger, get_run_logger

from prefect_stripe.client import OPERATIONS, CardError, StripeError
from prefect_stripe.client.identity import fingerprint
from prefect_stripe.flows.outcomes import Outcome
from prefect_stripe.flows.process import Note, Reply, Step
from prefect_stripe.money import format_amount

DASHBOARD: Final = "https://dashboard.stripe.com"

MOST_TOLD: Final = 34
"""About how many characters of an error stand in the table, whose lines the Prefect UI does not break."""

EVENTS: Final[Mapping[str, str]] = {
    "create_invoice": "created",
    "update_invoice": "updated",
    "update_invoice_lines": "updated",
    "finalize_invoice": "finalized",
    "send_invoice": "sent",
    "mark_invoice_uncollectible": "marked_uncollectible",
    "void_invoice": "voided",
    "create_payment_intent": "created",
    "cancel_payment_intent": "canceled",
}
"""The event of each operation, by Stripe's own names: `stripe.invoice.finalized`."""

_PAYMENT_STATES: Final = {
    "succeeded": "succeeded",
    "processing": "processing",
    "requires_action": "requires_action",
    "requires_capture": "amount_capturable_updated",
}

STATE_EVENTS: Final[Mapping[str, Mapping[str, str]]] = {
    "pay_invoice": {"paid": "paid"},
    "confirm_payment_intent": _PAYMENT_STATES,
    "capture_payment_intent": _PAYMENT_STATES,
    "verify_payment_intent_microdeposits": _PAYMENT_STATES,
    "apply_payment_intent_customer_balance": _PAYMENT_STATES,
    "increment_payment_intent_authorization": _PAYMENT_STATES,
}
"""Of the others, the event of the state that they led to."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the story."""

    at: datetime
    step: str
    came_to: str
    status: str = ""
    amount: str = ""
    request_id: str = ""


@dataclass
class Story:
    """The story of one order, told while it happens: to the log, as events, and at the end as an artifact.

    Attributes:
        kind: What the order becomes: `invoice` or `payment`.
        external_id: The order's business key.
        account: Connected account, for links and events, or None.
        live: Whether it is about live money.
    """

    kind: str
    external_id: str
    account: str | None = None
    live: bool = False
    lines: list[Line] = field(default_factory=list[Line])
    _customer: str | None = None

    def note(self, note: Note) -> None:
        """Tell something that was found or concluded."""
        self._tell(note.text, "found", note.about or {}, None)
        if note.step is not None:
            self._emit(note.step, note.about or {})

    def did(self, step: Step, reply: Reply) -> None:
        """Tell a step that Stripe answered."""
        self._tell(step.label, "done before" if reply.replayed else "done", reply.data, reply.request_id)
        self._emit(step, reply.data)

    def failed(self, step: Step, error: StripeError) -> None:
        """Tell a step that Stripe refused, or did not answer."""
        self._tell(
            step.label,
            f"declined: {error.message}" if isinstance(error, CardError) else str(error),
            {},
            error.request_id,
        )
        if isinstance(error, CardError) and step.operation in STATE_EVENTS:
            subject = {"id": step.call.ids[0], "object": OPERATIONS[step.operation].object}
            facts = {"code": error.code, "decline_code": error.decline_code}
            facts["declined_charge"] = error.error.get("charge")
            self._emit(step, subject, "payment_failed", {name: fact for name, fact in facts.items() if fact})

    def publish(self, outcome: Outcome) -> None:
        """Leave the story in the Prefect UI, as a table with a summary and a link to the invoice; tag the run by it.

        What is shortened in the table stands whole in the log; and in the summary, if the order ended by it.
        """
        create_table_artifact(
            key=artifact_key(self.kind, self.external_id),
            table=[
                {
                    "step": line.step.removesuffix(f" for {self.external_id}"),
                    "came to": shorten(line.came_to, MOST_TOLD, placeholder=" …"),
                    "status": line.status,
                    "amount": line.amount,
                    "time (UTC)": line.at.strftime("%Y-%m-%d %H:%M:%S"),
                    "request": line.request_id,
                }
                for line in self.lines
            ],
            description=self.summary(outcome),
        )
        known = {"order": outcome.external_id, "customer": outcome.customer, self.kind: outcome.object_id}
        _tag_run(f"{what}:{which}" for what, which in known.items() if which)

    def summary(self, outcome: Outcome) -> str:
        """Say in Markdown how the order ended."""
        words = f"**{self.external_id}: {outcome.ending.replace('_', ' ')}**"
        if outcome.object_id:
            words += f", [{outcome.name}]({self.link(outcome.object_id)}) {outcome.status}"
        if outcome.sum is not None and outcome.currency:
            words += f", {format_amount(outcome.sum, outcome.currency)}"
        return words + (f". {outcome.reason}" if outcome.reason else "")

    def link(self, object_id: str) -> str:
        """Return the page of an invoice or a payment in the Stripe Dashboard."""
        page = "payments" if object_id.startswith("pi_") else "invoices"
        parts = [DASHBOARD, self.account, None if self.live else "test", page, object_id]
        return "/".join(part for part in parts if part)

    def _tell(self, step: str, came_to: str, about: Mapping[str, Any], request_id: str | None) -> None:
        # A refusal is about nothing, and its event names the customer, too.
        self._customer = about.get("customer") or self._customer
        status, amount = str(about.get("status") or ""), _amount_of(about)
        self.lines.append(Line(datetime.now(UTC), step, came_to, status, amount, request_id or ""))
        facts = ", ".join(part for part in (status, amount, request_id) if part)
        logger().info("%s: %s%s", step, came_to, f" ({facts})" if facts else "")

    def _emit(
        self, step: Step, about: Mapping[str, Any], name: str | None = None, more: Mapping[str, Any] | None = None
    ) -> None:
        """Emit the event of a write, if it has one: the same event, and so once, however often its answer is heard."""
        states = STATE_EVENTS.get(step.operation, {})
        name = name or EVENTS.get(step.operation) or states.get(str(about.get("status")))
        if name is None:
            return
        event = f"stripe.{about['object']}.{name}"
        more = more or {}
        related = {"order": self.external_id, "customer": self._customer, "charge": more.get("declined_charge")}
        emit_event(
            event,
            resource={
                "prefect.resource.id": f"stripe.{about['object']}.{about['id']}",
                "prefect.resource.name": str(about.get("number") or about["id"]),
                "stripe.account": self.account or "",
            },
            payload={
                "external_id": self.external_id,
                **{fact: about[fact] for fact in _TOLD_IN_EVENTS if about.get(fact) is not None},
                **more,
            },
            related=[
                {"prefect.resource.id": f"stripe.{role}.{which}", "prefect.resource.role": role}
                for role, which in related.items()
                if isinstance(which, str)
            ],
            id=uuid5(NAMESPACE_URL, f"{event}/{about['id']}/{step.call.idempotency_key}"),
        )


def emit_order(outcome: Outcome, account: str | None) -> None:
    """Emit the event of an order, named after its ending: `stripe.order.awaiting_approval`."""
    emit_event(
        f"stripe.order.{outcome.ending}",
        resource={
            "prefect.resource.id": f"stripe.order.{outcome.external_id or 'unnamed'}",
            "prefect.resource.name": outcome.external_id or "unnamed",
            "stripe.account": account or "",
        },
        related=[
            {"prefect.resource.id": f"stripe.{role}.{which}", "prefect.resource.role": role}
            for role, which in (
                ("invoice", outcome.object_id),
                ("customer", outcome.customer),
                ("charge", getattr(outcome, "declined_charge", None)),
            )
            if which
        ],
        payload=outcome.model_dump(mode="json", exclude_none=True),
    )


def _tag_run(tags: Iterable[str]) -> None:
    """Have the run found by what it is about, in a list of a thousand."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is not None:
        with get_client(sync_client=True) as client:
            client.update_flow_run(run.id, tags=sorted({*run.tags, *tags}))


_TOLD_IN_EVENTS: Final = (
    *("status", "number", "currency", "total", "amount_paid", "amount_remaining"),
    *("amount", "amount_capturable", "amount_received", "livemode"),
)


def artifact_key(kind: str, external_id: str) -> str:
    """Return the key of an order's artifact: what Prefect allows, lower-case letters, digits and dashes.

    Where that cannot say the order's number, it ends in a hash of it, so that no two orders share a key.

    Example:
        >>> artifact_key("invoice", "ORD-1001"), artifact_key("invoice", "Order 1001/a")
        ('invoice-ord-1001', 'invoice-order-1001-a-bf6299a7')
    """
    words = re.sub(r"[^a-z0-9]+", "-", external_id.lower()).strip("-")
    parts = [kind, words] if words == external_id.lower() else [kind, words, fingerprint(external_id)[:8]]
    return "-".join(part for part in parts if part)


def logger() -> LoggingAdapter | Any:
    """Return the run's logger, or the package's own where there is no run."""
    try:
        return get_run_logger()
    except MissingContextError:
        return get_logger("prefect_stripe")


def _amount_of(about: Mapping[str, Any]) -> str:
    currency, amount = about.get("currency"), about.get("total", about.get("amount"))
    return format_amount(amount, currency) if isinstance(amount, int) and isinstance(currency, str) else ""

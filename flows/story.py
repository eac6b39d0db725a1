"""What an operator reads afterwards: every step with its time, state, amount and request id, and the events of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from prefect.artifacts import create_table_artifact
from prefect.events import emit_event
from prefect.exceptions import MissingContextError
from prefect.logging.loggers import LoggingAdapter, get_logger, get_run_logger

from prefect_stripe.client import CardError, StripeError
from prefect_stripe.flows.outcomes import InvoiceOutcome
from prefect_stripe.flows.process import Note, Reply, Step
from prefect_stripe.money import format_amount

DASHBOARD: Final = "https://dashboard.stripe.com"

EVENTS: Final[Mapping[str, str]] = {
    "create_invoice": "stripe.invoice.created",
    "update_invoice": "stripe.invoice.updated",
    "update_invoice_lines": "stripe.invoice.updated",
    "finalize_invoice": "stripe.invoice.finalized",
    "send_invoice": "stripe.invoice.sent",
    "pay_invoice": "stripe.invoice.paid",
    "mark_invoice_uncollectible": "stripe.invoice.marked_uncollectible",
    "void_invoice": "stripe.invoice.voided",
}
"""The event of each change of an invoice, by Stripe's own names; a declined payment is `stripe.invoice.payment_failed`."""


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
        external_id: The order's business key.
        account: Connected account, for links and events, or None.
        live: Whether it is about live money.
    """

    external_id: str
    account: str | None = None
    live: bool = False
    lines: list[Line] = field(default_factory=list)

    def note(self, note: Note) -> None:
        """Tell something that was found or concluded."""
        self._tell(note.text, "found", note.about or {}, None)

    def did(self, step: Step, reply: Reply) -> None:
        """Tell a step that Stripe answered."""
        self._tell(step.label, "done before" if reply.replayed else "done", reply.data, reply.request_id)
        name = EVENTS.get(step.operation)
        if name and not reply.replayed and (step.operation != "pay_invoice" or reply.data.get("status") == "paid"):
            self._emit(name, reply.data)

    def failed(self, step: Step, error: StripeError) -> None:
        """Tell a step that Stripe refused, or did not answer."""
        self._tell(
            step.label,
            f"declined: {error.message}" if isinstance(error, CardError) else str(error),
            {},
            error.request_id,
        )
        if isinstance(error, CardError) and step.operation == "pay_invoice" and not error.replayed:
            self._emit(
                "stripe.invoice.payment_failed",
                {"id": step.call.ids[0], "object": "invoice"},
                {"code": error.code, "decline_code": error.decline_code},
            )

    def publish(self, outcome: InvoiceOutcome) -> None:
        """Leave the story in the Prefect UI, as a table with a summary and a link to the invoice."""
        create_table_artifact(
            key=artifact_key(self.external_id),
            table=[
                {
                    "time (UTC)": line.at.strftime("%Y-%m-%d %H:%M:%S"),
                    "step": line.step,
                    "came to": line.came_to,
                    "status": line.status,
                    "amount": line.amount,
                    "request": line.request_id,
                }
                for line in self.lines
            ],
            description=self.summary(outcome),
        )

    def summary(self, outcome: InvoiceOutcome) -> str:
        """Say in Markdown how the order ended."""
        words = f"**{self.external_id}: {outcome.ending.replace('_', ' ')}**"
        if outcome.invoice:
            words += f", invoice [{outcome.number or outcome.invoice}]({self.link(outcome.invoice)}) {outcome.status}"
        if outcome.total is not None and outcome.currency:
            words += f", {format_amount(outcome.total, outcome.currency)}"
        return words + (f". {outcome.reason}" if outcome.reason else "")

    def link(self, invoice: str) -> str:
        """Return the invoice's page in the Stripe Dashboard."""
        parts = [DASHBOARD, self.account, None if self.live else "test", "invoices", invoice]
        return "/".join(part for part in parts if part)

    def _tell(self, step: str, came_to: str, about: Mapping[str, Any], request_id: str | None) -> None:
        status, amount = str(about.get("status") or ""), _amount_of(about)
        self.lines.append(Line(datetime.now(UTC), step, came_to, status, amount, request_id or ""))
        facts = ", ".join(part for part in (status, amount, request_id) if part)
        logger().info("%s: %s%s", step, came_to, f" ({facts})" if facts else "")

    def _emit(self, name: str, invoice: Mapping[str, Any], more: Mapping[str, Any] | None = None) -> None:
        emit_event(
            name,
            resource={
                "prefect.resource.id": f"stripe.invoice.{invoice['id']}",
                "prefect.resource.name": str(invoice.get("number") or invoice["id"]),
                "stripe.account": self.account or "",
            },
            payload={
                "external_id": self.external_id,
                **{name: invoice[name] for name in _TOLD_IN_EVENTS if invoice.get(name) is not None},
                **(more or {}),
            },
        )


_TOLD_IN_EVENTS: Final = ("status", "number", "currency", "total", "amount_paid", "amount_remaining", "livemode")


def artifact_key(external_id: str) -> str:
    """Return the key of an order's artifact: what Prefect allows, lower-case letters, digits and dashes.

    Example:
        >>> artifact_key("ORD-1001/a")
        'invoice-ord-1001-a'
    """
    return "invoice-" + re.sub(r"[^a-z0-9]+", "-", external_id.lower()).strip("-")


def logger() -> LoggingAdapter | Any:
    """Return the run's logger, or the package's own where there is no run."""
    try:
        return get_run_logger()
    except MissingContextError:
        return get_logger("prefect_stripe")


def _amount_of(about: Mapping[str, Any]) -> str:
    currency, amount = about.get("currency"), about.get("total", about.get("amount"))
    return format_amount(amount, currency) if isinstance(amount, int) and isinstance(currency, str) else ""

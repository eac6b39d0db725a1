"""An order above a limit waits for a person: what is asked, what may be answered, what is written down of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from prefect_stripe.client.identity import fingerprint
from prefect_stripe.flows.forms import Form
from prefect_stripe.flows.orders import LARGEST, MOST_LINES, Currency, InvoiceOrder, LineCorrection, WholeNumber
from prefect_stripe.money import format_amount

APPROVAL: Final = "prefect_stripe_approval"
APPROVAL_REASON: Final = "prefect_stripe_approval_reason"
APPROVAL_CORRECTIONS: Final = "prefect_stripe_approval_corrections"

MOST_OF_A_VALUE: Final = 500
"""Stripe keeps no more characters in a value of metadata."""

Choice = Literal["approve", "change", "reject"]


class ApprovalLimit(Form):
    """Up to what an order is invoiced without being asked about, in one currency."""

    currency: Currency = Field(
        min_length=3, max_length=3, title="Currency", description="Three-letter code, such as usd, eur or jpy."
    )
    amount: WholeNumber = Field(
        ge=0,
        le=LARGEST * MOST_LINES,
        title="Limit (minor units)",
        description="An order that comes to more than this waits for a person: 100000 for 1,000.00 USD or 100,000 JPY.",
    )


class Decision(Form):
    """What a person says of an order that waits for approval: the form that is filled in to resume its run."""

    decision: Choice = Field(
        title="Decision",
        description="Approve: invoice it as it stands. Change: invoice it with the corrections below. Reject: do not "
        "invoice it; its draft is kept, with your reason.",
    )
    reason: Annotated[str, Field(min_length=1, max_length=300)] = Field(
        title="Why", description="Kept on the invoice at Stripe, for whoever asks later. Name no persons."
    )
    decided_by: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^@]+$")] = Field(
        title="Decided by",
        description="Your initials, or your role. Kept on the invoice at Stripe, so not your e-mail address.",
    )
    corrections: list[LineCorrection] = Field(
        default=[], max_length=MOST_LINES, title="Corrections", description="Only to change: what to change, by line."
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision, and when it was made; the same moment however often the run that was given it begins again."""

    decision: Decision
    at: datetime


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is to decide, yielded by a process; its driver answers, or says by None that nobody did.

    Attributes:
        external_id: The order's business key.
        invoice: Id of its invoice.
        customer: Id of its customer.
        currency: Three-letter code, lower case.
        status: Stripe's status of the invoice.
        total: What it comes to, in minor units.
        limit: Up to what it would not be asked about; None where its currency has no limit.
        contents: The order's fingerprint, as it was ordered.
        waits: Whether the process goes on with an answer only. Else the last one that was given is heard, if any was.
        lines: Number (0 where it is not the order's), description, quantity and amount of each line.
        refused: How many answers were given before that cannot be followed.
        problem: Why the last of them cannot.
    """

    external_id: str
    invoice: str
    customer: str
    currency: str
    status: str
    total: int
    limit: int | None
    contents: str
    waits: bool
    lines: tuple[tuple[int, str, int, int], ...] = ()
    refused: int = 0
    problem: str | None = None

    @property
    def key(self) -> str:
        """What is asked about: by that an answer is found again."""
        return fingerprint([self.invoice, self.contents])

    @property
    def why(self) -> str:
        """Why it is asked."""
        total = format_amount(self.total, self.currency)
        if self.limit is None:
            return f"{total}, and there is no limit for {self.currency.upper()} up to which nobody is asked"
        return f"{total} is above the limit of {format_amount(self.limit, self.currency)}"

    def in_markdown(self, problem: str | None = None) -> str:
        """Tell the person what is to be decided, and why an answer before could not be followed."""
        lines = [f"**{_plain(self.external_id)}**, for {self.customer}: {self.why}.", ""]
        if problem:
            lines = [
                f"**Your answer could not be followed: {_plain(problem)}.** Please answer again.",
                "",
                *lines,
            ]
        lines += ["| line | description | quantity | amount |", "|--:|---|--:|--:|"]
        lines += [
            f"| {number or ''} | {_plain(description)} | {quantity} | {format_amount(amount, self.currency)} |"
            for number, description, quantity, amount in self.lines
        ]
        lines.append(f"| | **total** | | **{format_amount(self.total, self.currency)}** |")
        lines += [
            "",
            f"The draft at Stripe is `{self.invoice}`. Nothing is finalized, sent or charged before you decide.",
        ]
        return "\n".join(lines)


class Recorded(BaseModel):
    """What was decided about an invoice, as its metadata tell it."""

    model_config = ConfigDict(frozen=True)

    decision: Choice
    invoice: str
    ordered: str
    contents: str
    total: int
    by: str
    at: AwareDatetime
    reason: str = ""
    corrections: list[LineCorrection] = []

    def __str__(self) -> str:
        words = {"approve": "approved", "change": "approved with changes", "reject": "rejected"}[self.decision]
        return f"{words} by {self.by} at {self.at:%Y-%m-%d %H:%M} UTC: {self.reason}"

    def says(self, decision: Decision) -> bool:
        """Say whether it comes to the same as a decision."""
        return self.decision == decision.decision and (
            self.decision != "change" or self.corrections == decision.corrections
        )

    def in_metadata(self) -> dict[str, str]:
        """Write it down: short facts in one value, what a person wrote in others."""
        mark = self.model_dump(mode="json", exclude={"reason", "corrections"})
        corrections = [one.model_dump(mode="json", exclude_none=True) for one in self.corrections]
        return {
            APPROVAL: orjson.dumps(mark).decode(),
            APPROVAL_REASON: self.reason,
            APPROVAL_CORRECTIONS: orjson.dumps(corrections).decode() if corrections else "",
        }


def recorded_on(invoice: dict[str, Any]) -> Recorded | None:
    """Read what was decided about exactly this invoice; what a copy of another one carries was not."""
    metadata: dict[str, str] = invoice.get("metadata") or {}
    try:
        recorded = Recorded.model_validate(
            {
                **orjson.loads(metadata.get(APPROVAL) or "{}"),
                "reason": metadata.get(APPROVAL_REASON, ""),
                "corrections": orjson.loads(metadata.get(APPROVAL_CORRECTIONS) or "[]"),
            }
        )
    except (ValidationError, orjson.JSONDecodeError, TypeError):
        return None
    return recorded if recorded.invoice == invoice["id"] else None


def limit_of(currency: str, limits: Sequence[ApprovalLimit]) -> int | None:
    """Return the (lowest) limit of a currency, or None where it has none."""
    return min((limit.amount for limit in limits if limit.currency == currency), default=None)


def must_be_asked(total: int, currency: str, limits: Sequence[ApprovalLimit]) -> bool:
    """Say whether an order needs a person's approval; where there are limits, so does one without a limit.

    Example:
        >>> limits = [ApprovalLimit(currency="usd", amount=100000)]
        >>> [must_be_asked(*order, limits) for order in ((100000, "usd"), (100001, "usd"), (1, "eur"))]
        [False, True, True]
    """
    limit = limit_of(currency, limits)
    return bool(limits) and (limit is None or total > limit)


def corrected(order: InvoiceOrder, corrections: Sequence[LineCorrection]) -> InvoiceOrder:
    """Return the order with a person's corrections on top of its own.

    Raises:
        ValidationError: With them it makes no sense.
    """
    changes = {correction.line: correction.changes for correction in order.corrections}
    for correction in corrections:
        changes[correction.line] = changes.get(correction.line, {}) | correction.changes
    amounts = any(not {"quantity", "unit_amount"}.isdisjoint(correction.changes) for correction in corrections)
    return type(order).model_validate(
        {
            **order.model_dump(),
            "corrections": [{"line": line, **change} for line, change in sorted(changes.items())],
            # It was the check of what was ordered, and that was made before anybody was asked.
            "total": None if amounts else order.total,
        }
    )


def _plain(text: str) -> str:
    """Return a text as Markdown that shows just that, in a cell of a table too."""
    return re.sub(r"([\\`*_\[\]|<>~])", r"\\\1", text)


def one_line(text: str) -> str:
    """Return what somebody wrote as one line that can be printed."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())

"""Those who approve, and what they are asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from prefect_stripe.flows.approvals import Answer, ApprovalLimit, Decision, Question

LIMITS = (ApprovalLimit(currency="usd", amount=40000),)
"""An order over 463.00 USD is above them."""

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def decision(choice: str, **given: Any) -> Decision:
    return Decision.model_validate(
        {"decision": choice, "reason": "as agreed with the customer", "decided_by": "J.R.", **given}
    )


@dataclass
class Approver:
    """A person who gives prepared answers, one after the other; the last one holds, as a run hears it again."""

    answers: list[Answer]
    asked: list[Question] = field(default_factory=list[Question])

    def __call__(self, question: Question) -> Answer:
        self.asked.append(question)
        return self.answers[min(question.refused, len(self.answers) - 1)] if question.waits else self.answers[-1]


def says(*choices: str | Decision, at: datetime = NOON) -> Approver:
    return Approver([Answer(one if isinstance(one, Decision) else decision(one), at) for one in choices])

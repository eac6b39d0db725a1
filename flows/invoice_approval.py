"""An invoice that waits for a person: it is not finalized, nor charged, before the decision is written down on it.

Stripe page: "Metadata".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from prefect_stripe.client.identity import fingerprint
from prefect_stripe.flows.approvals import (
    APPROVAL,
    APPROVAL_CORRECTIONS,
    MOST_OF_A_VALUE,
    Answer,
    ApprovalLimit,
    Decision,
    Question,
    Recorded,
    corrected,
    limit_of,
    must_be_asked,
    one_line,
    recorded_on,
)
from prefect_stripe.flows.business import Rejected, StripeObject, metadata_of
from prefect_stripe.flows.invoice_lines import SLOT, Lines
from prefect_stripe.flows.orders import MOST_LINES
from prefect_stripe.flows.process import Note, Process, Reply

if TYPE_CHECKING:
    from prefect_stripe.flows.invoice_process import InvoiceWork

ALIVE: Final = frozenset({"draft", "open"})


class AwaitingApproval(Rejected):
    """A person has to decide first, and none did."""

    ending = "awaiting_approval"


class NotApproved(Rejected):
    """A person decided against it."""

    ending = "not_approved"


class Approving:
    """Sees to it that an order's invoice is gone on with only as a person has it, if one must be asked."""

    def __init__(self, work: InvoiceWork, limits: Sequence[ApprovalLimit]) -> None:
        self.work = work
        self.limits = limits
        self._heard = False
        self._wrote = 0

    def begin(self) -> None:
        """Begin to look at the invoice: take the order as it was changed by a person, where that is written down."""
        self._wrote = self.work.business.wrote
        work, decided = self.work, recorded_on(self.work.invoice)
        if decided is None or decided.decision != "change" or decided.ordered != work.ordered.fingerprint:
            work.order, work.changed = work.ordered, None
            return
        if decided == work.changed:
            return
        try:
            work.order = corrected(work.ordered, decided.corrections)
        except ValidationError:
            work.order = work.ordered
        if work.order.fingerprint != decided.contents:
            raise Rejected(
                f"the changes that were approved are not those in the metadata of {work.invoice['id']}: somebody "
                "edited these; delete the draft, or void the invoice, and have it approved anew"
            )
        work.changed = decided

    def must_make_way(self) -> bool:
        """Say whether the draft is one that was approved with other contents.

        It may be finalized any moment by whoever knows it as approved, so that it is not to be changed by anybody.
        """
        return self._is_of_others(recorded_on(self.work.invoice))

    def decide(self) -> Process[bool]:
        """Have it decided whether the invoice may be gone on with; say whether to look at it once more before that.

        Raises:
            AwaitingApproval: Somebody must be asked, and nobody answered.
            NotApproved: Somebody decided against it.
            Rejected: Two decided otherwise, or too late.
        """
        work, refused, problem = self.work, 0, None
        while True:
            decided = recorded_on(work.invoice)
            if work.invoice["status"] == "draft" and self._is_of_others(decided):
                return True
            settled = decided is not None and self._covers(decided)
            if not settled and not must_be_asked(work.invoice["total"], work.invoice["currency"], self.limits):
                return False
            waits = not settled and self._is_held(decided)
            answer = None if self._heard else (yield from self._ask(waits, refused, problem))
            if answer is None:
                return self._end(decided if settled else None, waits)
            problem = self._problem(answer.decision)
            if settled or work.invoice["status"] not in ALIVE or (problem and not waits):
                self._heard = True
                self._refuse_other(decided if settled else None, answer)
                continue
            if problem:
                refused += 1
                continue
            self._heard = True
            yield from self._record(answer)
            if answer.decision.decision != "reject":
                return True

    def _is_of_others(self, decided: Recorded | None) -> bool:
        """Say whether it was approved with other contents, perhaps as a person changed this very order."""
        contents = self.work.order.fingerprint
        return decided is not None and decided.decision != "reject" and decided.contents != contents

    def _covers(self, decided: Recorded) -> bool:
        """Say whether it was decided about exactly these contents."""
        return decided.contents == self.work.order.fingerprint and (
            decided.decision == "reject" or decided.total == self.work.invoice["total"]
        )

    def _is_held(self, decided: Recorded | None) -> bool:
        """Say whether the invoice waits: a draft does, and so does one that was finalized as other than approved."""
        status = self.work.invoice["status"]
        return status == "draft" or (status == "open" and decided is not None)

    def _end(self, decided: Recorded | None, waits: bool) -> bool:
        """Go on, or do not, without an answer."""
        invoice = self.work.invoice
        if waits:
            held = "stays a draft" if invoice["status"] == "draft" else "was finalized otherwise, and is left open"
            raise AwaitingApproval(
                f"{self._question(waits=True).why}: a person must approve it; {invoice['id']} {held}"
            )
        if decided is not None and decided.decision == "reject" and invoice["status"] in ALIVE:
            left = "its draft is kept" if invoice["status"] == "draft" else "it was finalized all the same"
            raise NotApproved(f"{decided}; {left}, {invoice['id']}")
        # Where it had to be put right just now, or has other terms again, somebody else is at work on it.
        others = self.work.business.wrote > self._wrote or not self.work.has_terms(invoice)
        return decided is not None and invoice["status"] == "draft" and others

    # Asking

    def _ask(self, waits: bool, refused: int, problem: str | None) -> Process[Answer | None]:
        question = self._question(waits, refused, problem)
        if waits:
            lines = yield from self.work.business.read(
                self.work.label("read the lines of"), "list_invoice_line_items", question.invoice
            )
            question = self._question(waits, refused, problem, lines["data"])
        answer = yield question
        assert not isinstance(answer, Reply), "a question is answered with an answer"
        if answer is not None and waits:
            # Whoever was waited for may have taken days.
            before = metadata_of(self.work.invoice).get(APPROVAL)
            invoice = yield from self.work.reread()
            if metadata_of(invoice).get(APPROVAL) != before:
                raise Rejected(f"somebody else decided on {invoice['id']} meanwhile: run it again to have that judged")
        return answer

    def _question(
        self, waits: bool, refused: int = 0, problem: str | None = None, lines: Sequence[StripeObject] = ()
    ) -> Question:
        invoice = self.work.invoice
        told = (
            (_number_of(metadata_of(one).get(SLOT, "")), one.get("description") or "", one["quantity"], one["amount"])
            for one in lines
        )
        return Question(
            external_id=self.work.order.external_id,
            invoice=invoice["id"],
            customer=invoice["customer"],
            currency=invoice["currency"],
            status=invoice["status"],
            total=invoice["total"],
            limit=limit_of(invoice["currency"], self.limits),
            contents=self.work.ordered.fingerprint,
            waits=waits,
            lines=tuple(sorted(told, key=lambda line: line[0] or MOST_LINES + 1)),
            refused=refused,
            problem=problem,
        )

    def _problem(self, decision: Decision) -> str | None:
        """Say why a decision cannot be followed."""
        if not one_line(decision.reason) or not one_line(decision.decided_by):
            return "say why, and who decides"
        if decision.decision == "approve" and decision.corrections:
            return "it says to approve, and has corrections: choose to change, or leave them out"
        if decision.decision != "change":
            return None
        if self.work.invoice["status"] != "draft":
            return f"{self.work.invoice['id']} is finalized, and cannot be changed: approve or reject it"
        numbers = [correction.line for correction in decision.corrections]
        if not numbers:
            return "it says to change, and has no corrections"
        if len({*numbers}) < len(numbers):
            return "a line is corrected twice: say it once"
        try:
            order = corrected(self.work.ordered, decision.corrections)
        except ValidationError as error:
            return "; ".join(one["msg"].removeprefix("Value error, ") for one in error.errors())
        if order.fingerprint == self.work.ordered.fingerprint:
            return "the corrections change nothing"
        size = len(self._recorded(Answer(decision, self.work.business.now), 0).in_metadata()[APPROVAL_CORRECTIONS])
        if size > MOST_OF_A_VALUE:
            return (
                f"the corrections come to {size} characters, and {MOST_OF_A_VALUE} can be kept: correct less, or "
                "reject it and have the order corrected"
            )
        return None

    # Deciding

    def _record(self, answer: Answer) -> Process[None]:
        """Write a decision down, unless another one is written down before it."""
        work = self.work
        before = metadata_of(work.invoice).get(APPROVAL)
        total = work.invoice["total"]
        if answer.decision.decision == "change":
            work.order = corrected(work.ordered, answer.decision.corrections)
            total = yield from Lines(work).expected()
        # Whoever replaces the same mark does so under the same key: Stripe takes the first, and refuses another.
        work.invoice = yield from work.business.write(
            work.label("record the decision on"),
            "update_invoice",
            work.invoice["id"],
            slot=f"approval-{fingerprint(before)}",
            look=work.holds(lambda invoice: invoice["metadata"].get(APPROVAL) != before),
            params={"metadata": self._recorded(answer, total).in_metadata()},
            renews=False,
        )
        decided = recorded_on(work.invoice)
        self._refuse_other(decided, answer)
        yield Note(f"{decided}", work.invoice)

    def _recorded(self, answer: Answer, total: int) -> Recorded:
        decision = answer.decision
        changes = decision.decision == "change"
        contents = corrected(self.work.ordered, decision.corrections) if changes else self.work.order
        return Recorded(
            decision=decision.decision,
            invoice=self.work.invoice["id"],
            ordered=self.work.ordered.fingerprint,
            contents=contents.fingerprint,
            total=total,
            by=one_line(decision.decided_by),
            at=answer.at,
            reason=one_line(decision.reason),
            corrections=decision.corrections if changes else [],
        )

    def _refuse_other(self, decided: Recorded | None, answer: Answer) -> None:
        """Report an answer that comes too late: what is written down, or done, is something else."""
        decision, invoice = answer.decision, self.work.invoice
        if decided is not None and decided.ordered == self.work.ordered.fingerprint and decided.says(decision):
            return
        if decided is None and decision.decision == "approve":
            return
        came = f"the answer of {one_line(decision.decided_by)}, to {decision.decision} it, came too late"
        before = f"it was {decided} before" if decided else f"{invoice['id']} is {invoice['status']} by now"
        raise Rejected(f"{came}: {before}. Nothing more was done; run it again to go on with what is")


def _number_of(slot: str) -> int:
    number = slot.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0

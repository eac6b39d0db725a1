"""A business process without Prefect: a generator of steps, and the plain driver that runs one.

A process decides; a driver does. The process yields a `Step`, which is one call to Stripe with its idempotency key, and
is sent the `Reply`, or has the `StripeError` thrown into it. A `Note` is something to be told and not to be done; a
`Question` is for a person, and sent an `Answer`, or None where nobody answers. One driver makes each step a task run
(`flows.driver`); another may run many processes in one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from prefect_stripe.client import OPERATIONS, Call, StripeClient, StripeError
from prefect_stripe.flows.approvals import Answer, Question

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Step:
    """One call to Stripe.

    Attributes:
        label: What it does, as an operator reads it: "finalize in_1AbC for ORD-1001".
        call: The call; a write carries its idempotency key.
    """

    label: str
    call: Call

    @property
    def operation(self) -> str:
        """Name of the operation."""
        return self.call.operation


@dataclass(frozen=True, slots=True)
class Note:
    """Something found, or concluded: told in the report, and done by nobody.

    Attributes:
        text: What there is to tell.
        about: The Stripe object that it is told of, if any.
        step: The write that is seen to be done by it, where its own answer does not say so.
    """

    text: str
    about: dict[str, Any] | None = None
    step: Step | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What Stripe answered a step.

    Attributes:
        data: The object; for a list or a search, `{"data": [every item]}`.
        request_id: Stripe's id of the (last) request.
        replayed: Whether the answer is a stored one: a snapshot of an earlier moment.
        date: Stripe's clock, aware, UTC.
    """

    data: dict[str, Any]
    request_id: str | None = None
    replayed: bool = False
    date: datetime | None = None


Process = Generator[Step | Note | Question, Reply | Answer | None, T]


def perform(client: StripeClient, call: Call) -> Reply:
    """Do one step's call; of a list or a search, every page."""
    if OPERATIONS[call.operation].paging is None:
        response = client.perform(call)
        return Reply(response.data, response.request_id, response.replayed, response.date)
    pages = list(client.walk(call))
    last = pages[-1].response
    return Reply({"data": [item for page in pages for item in page]}, last.request_id, date=last.date)


def drive(
    process: Process[T],
    do: Callable[[Step], Reply],
    tell: Callable[[Note], None] = lambda note: None,
    ask: Callable[[Question], Answer | None] = lambda question: None,
) -> T:
    """Run a process to its end.

    Args:
        process: The process.
        do: Does one step, or raises the StripeError that it met.
        tell: Is told each note.
        ask: Asks a person, or says by None that nobody answers here.

    Returns:
        What the process returns.

    Raises:
        StripeError: One that the process has no answer to.
    """
    reply: Reply | Answer | None = None
    # Of at most one, and emptied before it is thrown: an error that this frame still held would hold it in turn.
    failures: list[StripeError] = []
    while True:
        try:
            step = process.throw(failures.pop()) if failures else process.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result
        reply = None
        if isinstance(step, Note):
            tell(step)
            continue
        if isinstance(step, Question):
            reply = ask(step)
            continue
        try:
            reply = do(step)
        except StripeError as error:
            failures.append(error)

"""What a task's write does where its idempotency key says nothing: look for what it made, before it writes again.

Stripe keeps a key for 24 hours. A run that is retried later, or picked up again after a weekend, would write a second
time under the very same key. And where Stripe answered a write with a failure of its own, the key brings that failure
back for as long as it is kept, whatever was done. A deletion has no key at all: what it deleted is not there any more,
which is no failure of the run that deleted it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast
from uuid import UUID

from prefect.client.orchestration import get_client

from prefect_stripe.client import OPERATIONS, Call, IdempotencyError, StripeError
from prefect_stripe.client.identity import following_key
from prefect_stripe.schema import parameters
from prefect_stripe.tasks.goals import holds, tells
from prefect_stripe.tasks.identity import METADATA_KEY, created_here, deletion, identified, root_flow_run_id

if TYPE_CHECKING:
    from prefect_stripe.tasks.declaration import Wanted

R = TypeVar("R")

REMEMBERED: Final = timedelta(hours=23)
"""How old a run may be for its keys to be known to Stripe for sure: an hour less than Stripe keeps them."""

SLACK: Final = timedelta(hours=1)
"""By how much Stripe's clock may be behind Prefect's."""

MOST_KEYS: Final = 5
"""How many keys one write tries, where Stripe has stored a failure of its own under each before."""


_deleted: Final = deque[str](maxlen=1024)
"""What this process has deleted, or may have without having heard of it: the newest, by run."""


class Look(NamedTuple):
    """How what an operation made is listed, and which of its parameters narrow the list: such as never change."""

    operation: str
    narrow: tuple[str, ...] = ()


LOOKS: Final = {
    "create_customer": Look("list_customers"),
    "create_invoice": Look("list_invoices", ("customer",)),
    "create_invoice_item": Look("list_invoice_items", ("customer",)),
    "create_payment_intent": Look("list_payment_intents"),
    "create_payment_link": Look("list_payment_links"),
    "create_refund": Look("list_refunds", ("charge", "payment_intent")),
}


def once(wanted: Wanted[R]) -> Generator[Wanted[Any], Any, R]:
    """Do what is wanted: with the key that its run gives it, and without doing it twice where the key does not hold.

    Raises:
        IdempotencyError: Nothing tells whether it was done, and Stripe may have forgotten by now.
        StripeError: What Stripe answered.
    """
    if OPERATIONS[wanted.call.operation].method == "DELETE":
        gone: R = yield from _delete(wanted)
        return gone
    write = identified(wanted)
    flow_run_id = root_flow_run_id()
    if write is wanted or flow_run_id is None:
        answer: R = yield write
        return answer
    begun = _begun(flow_run_id)
    if datetime.now(UTC) - begun > REMEMBERED:
        _refuse_what_cannot_be_found(write.call, begun)
        found = yield from _found(write, begun)
        if found is not None:
            return found
    tries = 1
    while True:
        try:
            answer = yield write
            return answer
        except StripeError as error:
            if tries == MOST_KEYS or not _is_stored_failure(error) or not _can_begin_anew(write.call):
                raise
        found = yield from _found(write, begun)
        if found is not None:
            return found
        tries += 1
        write = replace(write, call=replace(write.call, idempotency_key=following_key(str(write.call.idempotency_key))))


def _delete(wanted: Wanted[Any]) -> Generator[Wanted[Any], Any, Any]:
    """Delete; that there is nothing to delete is success where an earlier try of this run did it, or may have done."""
    call, name = wanted.call, deletion(wanted)
    try:
        answer = yield wanted
    except StripeError as error:
        if error.http_status == 404 and error.type is not None and name in _deleted:
            return {"id": call.ids[-1], "object": OPERATIONS[call.operation].object, "deleted": True}
        if name is not None and (error.http_status or 500) >= 500:
            _deleted.append(name)
        raise
    if name is not None:
        _deleted.append(name)
    return answer


def _is_stored_failure(error: StripeError) -> bool:
    return error.replayed and (error.http_status or 0) >= 500


def _can_begin_anew(call: Call) -> bool:
    """Say whether the next key does nothing twice: what was made can be found, or its object's state allows it once."""
    return (OPERATIONS[call.operation].found == "goal" and tells(call)) or _look_for(call) is not None


def _look_for(call: Call) -> Look | None:
    """Say how it would be found: only where it carries the mark."""
    metadata: Any = call.params.get("metadata")
    return LOOKS.get(call.operation) if isinstance(metadata, dict) and METADATA_KEY in metadata else None


def _refuse_what_cannot_be_found(call: Call, begun: datetime) -> None:
    operation = OPERATIONS[call.operation]
    # What acts on an object's state is judged by that state. Sending leaves none, and is done at least once.
    if operation.name == "send_invoice" or _can_begin_anew(call):
        return
    raise IdempotencyError(
        f"refused before sending: this run began at {begun:%Y-%m-%d %H:%M} UTC, so Stripe may have forgotten whether "
        f"it has done {operation.name} already, and the {operation.object} cannot be found again; look it up, then "
        "start a new run, or give idempotency_key=… of your own",
        operation=operation.name,
        ids=call.ids,
    )


def _found(write: Wanted[R], begun: datetime) -> Generator[Wanted[Any], Any, R | None]:
    """Find what the write was for: what it made, or its object where an action's goal holds."""
    operation, own = OPERATIONS[write.call.operation], write.call
    if operation.goal:
        read = Call(f"retrieve_{operation.object}", own.ids, {}, own.expand, None, own.stripe_account)
        seen: dict[str, Any] = yield replace(write, call=read, slot=None)
        return cast("R", seen) if holds(own, seen) else None
    look = _look_for(write.call)
    if look is None:
        return None
    params: dict[str, Any] = {name: write.call.params[name] for name in look.narrow if name in write.call.params}
    if "created" in parameters(look.operation):
        params["created"] = {"gte": begun - SLACK}
    key = cast("dict[str, str]", write.call.params["metadata"])[METADATA_KEY]
    call = Call(look.operation, (), params, (), None, write.call.stripe_account)
    items: list[dict[str, Any]] = yield replace(write, call=call, slot=None, max_items=None)
    metadata = ((item, cast("dict[str, str]", item.get("metadata") or {})) for item in items)
    return cast("R | None", next((item for item, marks in metadata if marks.get(METADATA_KEY) == key), None))


def _begun(flow_run_id: str) -> datetime:
    """Say when the run began, or a time before that: a run is made before it begins, a scheduled one days before."""
    made = created_here(flow_run_id)
    return made if made is not None and datetime.now(UTC) - made < REMEMBERED else _first_started(flow_run_id)


@lru_cache(maxsize=4096)
def _first_started(flow_run_id: str) -> datetime:
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(UUID(flow_run_id))
    return run.start_time or run.expected_start_time or datetime.now(UTC)

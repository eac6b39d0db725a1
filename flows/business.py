"""What every business process shares: reads, and writes that are done until their goal is seen to hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from prefect_stripe.client import Call, CardError, IdempotencyError, ParameterError, StripeError
from prefect_stripe.client.identity import business_write_key
from prefect_stripe.flows.approvals import Answer
from prefect_stripe.flows.outcomes import Ending
from prefect_stripe.flows.process import Note, Process, Reply, Step

StripeObject = dict[str, Any]
Steps = Process[None]
Look = Callable[[StripeObject | None], Process[StripeObject | None]]

MOST_GENERATIONS: Final = 50
"""How often a write begins anew, since what its stored answers speak of has died, before a person should look."""

DAYS_OF_KEYS: Final = 2
"""Stripe keeps idempotency keys for at least a day: what one may still stand for is younger than this."""

KEYS_HOLD: Final = timedelta(hours=23)
"""For so long a key is sure to be known: a write that was decided on earlier may be somebody's second one."""

MOST_DAYS: Final = 36_500
"""A look-back of a century sees everything that there is at Stripe."""


class Rejected(Exception):
    """The order, or what was found for it, does not allow going on. Its text is for the operator."""

    ending: Ending = "rejected"


class KeyTaken(Rejected):
    """A key was used with other contents: what it stands for is not what is asked for, and may be on its way."""


class Business:
    """One piece of business, named by its business key, on one account.

    Attributes:
        key: The business key.
        account: Mode and connected account (`StripeCredentials.account`).
        wrote: How many writes were done for it, stored answers not counted.
        now: Stripe's clock at the last answer that showed it.
    """

    def __init__(self, key: str, account: str) -> None:
        self.key = key
        self.account = account
        self.wrote = 0
        self.now = datetime.now(UTC)

    def read(
        self,
        label: str,
        operation: str,
        *ids: str,
        params: Mapping[str, Any] | None = None,
        expand: Sequence[str] = (),
    ) -> Process[StripeObject]:
        """Read an object, or every item of a list."""
        reply = yield Step(label, Call(operation, ids, params or {}, expand))
        return self._taken(reply)

    def write(
        self,
        label: str,
        operation: str,
        *ids: str,
        slot: str,
        look: Look,
        params: Mapping[str, Any] | None = None,
        about: Sequence[str] = (),
        renews: bool = True,
        stands: Callable[[StripeError], bool] = lambda error: False,
    ) -> Process[StripeObject]:
        """Do a write until what it is for is seen to hold, and return the object.

        An answer that this request earned is trusted. After a stored answer, and after a failure that may have done its
        work, Stripe is asked again: if it holds, the write is done; if a stored answer stands in its way, the next
        generation of its key is tried, which every worker derives alike.

        Args:
            label: What it does, for the operator.
            operation: Name of the operation.
            *ids: The ids in its path.
            slot: Which one of this operation's writes for the business it is.
            look: Reads Stripe again, given the answered object if there is one; returns the object where the goal holds
                and None where it does not.
            params: Stripe's parameters.
            about: Further ids that belong to its identity, such as the invoice that an item is for.
            renews: Whether a key that was used with other parameters may be followed by the next generation. Not where
                a second object would be made: the first may be on its way, where no look can see it.
            stands: Says of a refusal that it holds even as a stored answer, as beginning anew would be another try.

        Raises:
            KeyTaken: Its key was used with other contents, and it does not renew.
            CardError: The payment was declined, now or as a stored answer has it.
            StripeError: It failed, and was seen not to hold.
        """
        refusal: StripeError | None = None
        for generation in range(MOST_GENERATIONS):
            key = business_write_key(self.account, self.key, operation, (*ids, *about), slot, generation)
            step = Step(label, Call(operation, ids, params or {}, idempotency_key=key))
            try:
                reply = yield step
            except CardError:
                raise
            except StripeError as error:
                seen = yield from look(None)
                if seen is not None:
                    yield Note(f"{label}: the answer was lost or refused, and it is done", seen, step)
                    return seen
                if isinstance(error, IdempotencyError) and not renews:
                    raise KeyTaken(
                        f"{label}: begun before with other contents, perhaps this very moment, and not to be seen: run "
                        "it again in a minute; if what was begun has been deleted, in a day"
                    ) from error
                if stands(error) or (not error.replayed and not isinstance(error, IdempotencyError)):
                    raise
                refusal = error
                continue
            refusal = None
            data = self._taken(reply)
            assert isinstance(reply, Reply)
            if not reply.replayed:
                self.wrote += 1
                return data
            seen = yield from look(data)
            if seen is not None:
                return seen
        if refusal is not None:
            try:
                raise refusal
            finally:
                del refusal
        raise Rejected(f"{label}: begun {MOST_GENERATIONS} times within a day, and what it made is gone each time")

    def stood_still(self, since: datetime) -> bool:
        """Say whether so much time has gone by at Stripe that keys used since then may be forgotten."""
        return self.now - since > KEYS_HOLD

    def ago(self, days: int) -> int:
        """Return the Unix seconds of a moment so many days ago by Stripe's clock."""
        return int((self.now - timedelta(days=days)).timestamp())

    def _taken(self, reply: Reply | Answer | None) -> StripeObject:
        assert isinstance(reply, Reply), "a step is answered with a reply"
        if reply.date is not None:
            self.now = reply.date
        return reply.data


def check_look_back(days: int) -> None:
    """Refuse a look-back that sees nothing, or that no calendar has.

    Raises:
        ParameterError: It is not a whole number from 1 to `MOST_DAYS`.
    """
    if not 1 <= days <= MOST_DAYS:
        raise ParameterError(f"look_back_days is {days}: write 1 to {MOST_DAYS}; what is not looked for is made again")


def metadata_of(seen: StripeObject) -> dict[str, str]:
    """Return an object's metadata, which is null where there is none."""
    metadata: dict[str, str] | None = seen.get("metadata")
    return metadata or {}

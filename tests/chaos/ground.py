"""A sandbox of one's own, an order on one of its paths, and the judgement of what became of the order.

Judged is by the sandbox's own ledger and tables, never by what the code says of itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import httpx

from prefect_stripe.client import ClientConfig, RetryPolicy, StripeClient, StripeError
from prefect_stripe.flows.process import Note, Reply, Step, drive, perform
from prefect_stripe.sandbox import Sandbox
from tests.chaos.troubles import QUICK
from tests.flows.paths import PATHS
from tests.flows.payment_paths import PAYMENT_PATHS
from tests.flows.world import AnyOrder, Interrupted, Run, World, process_of

PATIENT: Final = RetryPolicy(max_retries=8, base=0.002, cap=0.05)
IMPATIENT: Final = RetryPolicy(max_retries=0)

DAY: Final = timedelta(hours=25)

LIFECYCLES: Final[Mapping[str, Mapping[str, Any]]] = {"invoice": PATHS, "payment": PAYMENT_PATHS}

Hook = Callable[[], None]


def nothing() -> None:
    """Do nothing."""


@dataclass
class Ground:
    """Where one path is gone, again and again from the same start.

    Attributes:
        lifecycle: `invoice` or `payment`.
        name: The path's name.
        world: The sandbox, and what one does there.
        operations: What the undisturbed run asked for, exchange by exchange.
    """

    lifecycle: str
    name: str
    world: World
    operations: list[str] = field(default_factory=list[str])
    _pictures: dict[bool, list[Any]] = field(default_factory=dict[bool, list[Any]])
    _before: int = 0

    def __post_init__(self) -> None:
        self.path = LIFECYCLES[self.lifecycle][self.name]
        order = self.begin()
        run = self.go(order)
        self.operations = [str(one.operation) for one in self.sandbox.ledger.exchanges[self._before :]]
        assert len(self.operations) == len(run.steps), "a step is one exchange, or the numbers mean nothing"
        self._pictures[False] = picture(self.sandbox)
        if self.lifecycle == "invoice" and (total := getattr(order, "known_total", None)) and self.path.money["items"]:
            ((_, _, seen, *_), *_) = self._pictures[False][1]
            assert seen == total or self.path.status == "draft" or self.name == "voided by a person, reissued"
        if problems := self.judge(run.outcome.ending if run.outcome else repr(run.error), {}, later=False):
            raise AssertionError(f"{self.lifecycle}, {self.name}, undisturbed: {'; '.join(problems)}")
        self.pass_a_day()
        self.go(order)
        self._pictures[True] = picture(self.sandbox)

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox."""
        return self.world.sandbox

    def begin(self) -> AnyOrder:
        """Start over, up to where the order's own run begins."""
        self.sandbox.reset()
        order: AnyOrder = self.path.order(self.world)
        self._before = self.sandbox.app.exchanges
        return order

    @property
    def exchanges(self) -> int:
        """How many exchanges there were since the beginning."""
        return self.sandbox.app.exchanges - self._before

    def number(self, place: int) -> int:
        """Number that the sandbox gives to the exchange of this place, the first being 1."""
        return self._before + place

    def go(
        self,
        order: AnyOrder,
        retries: RetryPolicy = PATIENT,
        *,
        tries: int = 1,
        quick: bool = False,
        before: Hook = nothing,
        after: Hook = nothing,
    ) -> Run:
        """Run the order's process afresh.

        Args:
            order: The order.
            retries: The transport's.
            tries: How often each step is tried, as Prefect would a task: while its error says that it is retryable.
            quick: Whether the client waits for an answer but for a moment.
            before: Called before each step; what it raises ends the run as a crash does.
            after: Called after each step, before the process is told what came of it.
        """
        run, client = Run(), StripeClient(config(self.sandbox, retries, quick=quick))

        def do(step: Step) -> Reply:
            run.steps.append(step)
            before()
            try:
                for left in reversed(range(tries)):
                    try:
                        return perform(client, step.call)
                    except StripeError as error:
                        if not left or not error.retryable:
                            raise
            finally:
                after()
            raise AssertionError("a step is tried at least once")

        def tell(note: Note) -> None:
            run.notes.append(note.text)

        try:
            run.outcome = drive(process_of(order), do, tell)
        except (StripeError, Interrupted) as error:
            run.error = error
        return run

    def settle(self, order: AnyOrder, most: int = 3) -> tuple[Run, int]:
        """Run it until a run comes to its end; return that one, and how many it took."""
        for count in range(1, most):
            run = self.go(order)
            if run.error is None:
                return run, count
        return self.go(order), most

    def rest(self) -> None:
        """Wait for what is still being worked on, though its client has gone."""
        app = self.sandbox.app
        deadline = time.monotonic() + 10
        while len(app.ledger.exchanges) < app.exchanges:
            assert time.monotonic() < deadline, "an exchange never came to its end"
            time.sleep(0.002)

    def pass_a_day(self) -> None:
        """Let so much time go by that every idempotency key is forgotten."""
        self.sandbox.clock.advance(DAY)

    def judge(self, ending: str, tolerated: Mapping[str, int], *, later: bool) -> list[str]:
        """Say what is wrong with how things stand.

        Args:
            ending: What the last run said of the order.
            tolerated: How many times more than once a thing may have been done that can be done at least once only.
            later: Whether a day went by.
        """
        path, money = self.path, dict(self.world.money)
        for kind, most in tolerated.items():
            more = money.get(kind, 0) - path.money.get(kind, 0)
            if 0 < more <= most:
                money[kind] = path.money[kind]
        problems: list[str] = []
        if ending.replace("found_done", "done") != path.ending.replace("found_done", "done"):
            problems.append(f"it ended {ending}, not {path.ending}")
        if money != dict(path.money):
            names = sorted(money.keys() | path.money.keys())
            wrong = [n for n in names if money.get(n, 0) != path.money.get(n, 0)]
            problems += [f"{n}: {money.get(n, 0)} times, not {path.money.get(n, 0)}" for n in wrong]
        if (seen := picture(self.sandbox)) != (right := self._pictures[later]):
            problems += [f"there is {a}, and should be {b}" for a, b in zip(seen, right, strict=True) if a != b]
        return problems


def config(sandbox: Sandbox, retries: RetryPolicy, *, quick: bool = False) -> ClientConfig:
    """Return the configuration of a client of the sandbox."""
    if quick:
        return ClientConfig(
            api_key=sandbox.api_key, api_base=sandbox.url, retries=retries, timeout=QUICK, connect_timeout=QUICK
        )
    return ClientConfig(api_key=sandbox.api_key, api_base=sandbox.url, retries=retries)


def picture(sandbox: Sandbox) -> list[Any]:
    """What there is at Stripe, without ids and times: customers, invoices with lines, items, payments, charges."""
    (account,) = (one for one in sandbox.app.store.accounts.values() if not one.livemode)

    def rows(object: str) -> list[dict[str, Any]]:
        return [row for row in account.table(object).rows.values() if not row.get("_gone")]

    def lines(invoice: str) -> list[Any]:
        return sorted(
            _of(line, "description", "quantity", "amount") for line in rows("line_item") if line["invoice"] == invoice
        )

    states = {row["id"]: row["status"] for row in rows("invoice")}
    return [
        sorted((*_of(row, "email", "name"), sorted(row["metadata"].items())) for row in rows("customer")),
        sorted((*_of(row, *_INVOICE), sorted(row["metadata"]), lines(row["id"])) for row in rows("invoice")),
        sorted(
            (*_of(row, "description", "quantity", "amount"), states.get(row["invoice"], "pending"))
            for row in rows("invoiceitem")
        ),
        sorted((*_of(row, *_INTENT), sorted(row["metadata"])) for row in rows("payment_intent")),
        sorted(_of(row, "status", "amount", "amount_captured", "currency") for row in rows("charge")),
    ]


_INVOICE: Final = (
    *("status", "currency", "total", "amount_paid", "amount_paid_off_stripe", "amount_remaining"),
    *("collection_method", "description", "auto_advance"),
)
_INTENT: Final = ("status", "currency", "amount", "amount_capturable", "amount_received", "cancellation_reason")


def _of(row: Mapping[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple("" if row[name] is None else row[name] for name in names)


@contextmanager
def new_world() -> Generator[World]:
    """Start a sandbox for this process."""
    with (
        Sandbox.start() as sandbox,
        httpx.Client(base_url=sandbox.url, headers={"Authorization": f"Bearer {sandbox.api_key}"}, timeout=30) as http,
    ):
        yield World(sandbox, http)

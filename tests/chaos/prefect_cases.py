"""The recoveries that are Prefect's own, by the flows on a real server: each run in a worker's process of its own."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import Pending
from pydantic import SecretStr

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client import OPERATIONS
from prefect_stripe.flows import driver, invoice_lifecycle, payment_intent_lifecycle
from prefect_stripe.flows.process import Reply, perform
from tests.chaos.cases import Case, Result, changed_by_another_run
from tests.chaos.ground import Ground, new_world
from tests.chaos.kills import Nursery, await_exchange, nursery
from tests.chaos.recoveries import tolerated
from tests.chaos.troubles import KILLS, TROUBLES
from tests.flows.world import AnyOrder

FLOWS: Final[Mapping[str, Any]] = {
    "invoice": invoice_lifecycle,
    "payment": payment_intent_lifecycle,
}

MAIN_PATHS: Final = (
    ("invoice", "paid"),
    ("invoice", "declined, voided"),
    ("invoice", "sent, paid elsewhere"),
    ("invoice", "written off"),
    ("payment", "captured in part"),
    ("payment", "declined, canceled"),
    ("payment", "held, then canceled"),
)
"""The paths that are gone on a server, at each of their writes."""


@dataclass(frozen=True)
class Job:
    """What a worker is asked to do.

    Attributes:
        lifecycle: Which flow.
        order: The order.
        flow_run: The flow run to work on.
        url: Where Stripe is.
        api_key: The key.
        task_retries: How often a step is tried again.
        breaks_at: The step of the first try after which the worker's own code breaks, the first being 1; 0 for none.
    """

    lifecycle: str
    order: AnyOrder
    flow_run: UUID
    url: str
    api_key: str
    task_retries: int = 0
    breaks_at: int = 0


def work(job: Job) -> None:
    """Work on a flow run, as a worker's process does."""
    # Their pauses, of seconds, are left out: nothing else of them is.
    options: dict[str, Any] = {"retry_delay_seconds": 0, "retry_jitter_factor": None}
    driver.stripe_step = driver.stripe_step.with_options(retries=job.task_retries, **options)
    if job.breaks_at:
        _break_at(job.breaks_at)
    credentials = StripeCredentials(api_key=SecretStr(job.api_key), api_base=job.url, max_retries=0)
    # Without the second that each flow waits for its heartbeat's thread to end.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        run_flow(
            FLOWS[job.lifecycle],
            flow_run=read(job.flow_run),
            parameters={"order": job.order, "credentials": credentials},
            return_type="state",
        )


def _break_at(place: int) -> None:
    steps = 0

    def breaking(client: Any, call: Any) -> Reply:
        nonlocal steps
        steps += 1
        try:
            return perform(client, call)
        finally:
            if steps == place:
                raise MemoryError("the worker has no memory left")

    module: Any = driver
    module.perform = breaking


def read(flow_run: UUID) -> FlowRun:
    """Read a flow run from the server."""
    with get_client(sync_client=True) as client:
        return client.read_flow_run(flow_run)


class Server:
    """What the cases need: workers, a sandbox, and the paths gone before."""

    def __init__(self, stack: ExitStack) -> None:
        self.nursery: Nursery = stack.enter_context(nursery(work))
        self.world = stack.enter_context(new_world())
        self._grounds: dict[tuple[str, str], Ground] = {}

    def ground(self, lifecycle: str, path: str) -> Ground:
        """Return where a path is gone."""
        if (lifecycle, path) not in self._grounds:
            self._grounds[lifecycle, path] = Ground(lifecycle, path, self.world)
        return self._grounds[lifecycle, path]

    def cases(self) -> Iterator[Case]:
        """Every case: the writes of the main paths, with the combinations below."""
        for lifecycle, path in MAIN_PATHS:
            for place, operation in enumerate(self.ground(lifecycle, path).operations, start=1):
                if OPERATIONS[operation].writes:
                    for trouble, recovery in COMBINATIONS:
                        yield Case(lifecycle, path, place, trouble, recovery)

    def try_out(self, case: Case) -> Result:
        """Try out a case."""
        ground = self.ground(case.lifecycle, case.path)
        operation = ground.operations[case.place - 1]
        try:
            return self._try_out(case, ground, operation)
        except Exception:  # noqa: BLE001 - a case that breaks the machinery is one that did not hold
            return Result(case, operation, (traceback.format_exc(limit=-4),))

    def _try_out(self, case: Case, ground: Ground, operation: str) -> Result:
        on = On(self, case, ground, ground.begin())
        {**TROUBLES, **KILLS}[case.trouble].plan(ground.sandbox.faults, ground.number(case.place))
        COMBINATIONS[case.trouble, case.recovery](on)
        ground.rest()
        problems: list[str] = []
        if not any(one.fault for one in ground.sandbox.ledger.exchanges):
            problems.append("the exchange was never hit")
        if not ((state := read(on.flow_run).state) and state.is_final()):
            problems.append(f"the flow run was left {state and state.name}")
        later = case.recovery == "25 hours later"
        clean, _ = ground.settle(on.order)
        allowed = tolerated(operation, case.trouble, later=later)
        problems += ground.judge(clean.ending, allowed, later=later)
        problems += changed_by_another_run(ground, on.order, clean.ending)
        again = tuple(kind for kind in allowed if ground.world.money.get(kind, 0) > ground.path.money.get(kind, 0))
        return Result(case, operation, tuple(problems), 0, again)


class On:
    """A case under way."""

    def __init__(self, server: Server, case: Case, ground: Ground, order: AnyOrder) -> None:
        self.server, self.case, self.ground, self.order = server, case, ground, order
        self.flow_run = self.new_run()

    def new_run(self) -> UUID:
        """Have the server know of a new run of the flow."""
        # How often it may be tried is the run's own, and stands from the beginning.
        flow = FLOWS[self.case.lifecycle].with_options(retries=2 if self.case.recovery == "flow retry" else 0)
        with get_client(sync_client=True) as client:
            self.flow_run = client.create_flow_run(flow, parameters={}, state=Pending()).id
        return self.flow_run

    def begin(self, **how: Any) -> int:
        """Have a worker begin with the flow run; return its process id."""
        sandbox = self.ground.sandbox
        job = Job(self.case.lifecycle, self.order, self.flow_run, sandbox.url, sandbox.api_key, **how)
        return self.server.nursery.start(job)

    def run(self, **how: Any) -> None:
        """Have a worker work on the flow run, to its end."""
        self.server.nursery.wait(self.begin(**how))

    def wait_until_hit(self) -> None:
        """Wait until the sandbox holds the exchange."""
        await_exchange(self.ground.sandbox, self.ground.number(self.case.place), recorded=True)


def _task_retry(on: On) -> None:
    on.run(task_retries=2)


def _flow_retry(on: On) -> None:
    on.run(breaks_at=on.case.place)
    assert (count := read(on.flow_run).run_count) == 2, f"the flow was tried {count} times"


def _picked_up(on: On) -> None:
    first = on.begin(task_retries=2)
    on.wait_until_hit()
    on.run(task_retries=2)
    seen = on.ground.exchanges
    # The first hears that its connection is gone, and goes on.
    on.ground.sandbox.drop_connections()
    on.server.nursery.wait(first)
    assert on.ground.exchanges > seen, "the first did not live on"


def _killed(on: On) -> None:
    worker = on.begin()
    on.wait_until_hit()
    on.server.nursery.kill(worker)
    on.run(task_retries=2)


def _new_run(on: On) -> None:
    on.run(breaks_at=on.case.place)
    on.new_run()
    on.run(task_retries=2)


def _next_day(on: On) -> None:
    on.run(breaks_at=on.case.place)
    on.ground.pass_a_day()
    on.new_run()
    on.run(task_retries=2)


COMBINATIONS: Final[Mapping[tuple[str, str], Callable[[On], None]]] = {
    ("reset before", "task retry"): _task_retry,
    ("answer lost after commit", "task retry"): _task_retry,
    ("500 after commit", "task retry"): _task_retry,
    ("answer lost after commit", "flow retry"): _flow_retry,
    ("500 after commit", "flow retry"): _flow_retry,
    ("timeout before", "picked up"): _picked_up,
    ("timeout after commit", "picked up"): _picked_up,
    ("SIGKILL before commit", "picked up"): _killed,
    ("SIGKILL after commit", "picked up"): _killed,
    ("answer lost after commit", "new run"): _new_run,
    ("answer lost after commit", "25 hours later"): _next_day,
}
"""The worst troubles with the recoveries that are Prefect's."""

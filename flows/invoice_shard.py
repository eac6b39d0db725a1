"""A file of orders in shards: each a run of a deployment of its own, for whichever worker is free."""

# No postponed annotations here: Prefect loads a served flow by its file, as a module that they cannot be resolved in.

import time
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, cast

from prefect import flow, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.futures import PrefectFuture, as_completed
from prefect.runtime import flow_run
from prefect.states import AwaitingRetry, Completed, Failed
from prefect.types._datetime import now
from pydantic import ValidationError

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client import StripeError
from prefect_stripe.client.identity import fingerprint
from prefect_stripe.flows.approvals import ApprovalLimit
from prefect_stripe.flows.business import MOST_DAYS
from prefect_stripe.flows.driver import failed
from prefect_stripe.flows.forms import plain_form, titled
from prefect_stripe.flows.invoice_chunks import Manner, all_failed, invoice_chunks
from prefect_stripe.flows.order_files import orders_in
from prefect_stripe.flows.order_rows import OrderFileError
from prefect_stripe.flows.orders import InvoiceOrder
from prefect_stripe.flows.outcomes import InvoiceOutcome
from prefect_stripe.flows.places import local_copy, name_of

DEPLOYMENT: Final = "invoice-shard/invoice-a-shard"
MOST_SHARDS: Final = 64
MOST_CRASHES: Final = 3
"""How often a shard is set going again whose worker died."""

_LOOKING_SECONDS: Final = 2.0

_SETTLING_SECONDS: Final = 15.0
"""A worker says once more, seconds after the process did, that it crashed: by then it must not be going again."""


class ShardError(Exception):
    """A file that other workers cannot be given in shards, before any of it was used."""


def _run_name() -> str:
    given = flow_run.parameters
    return f"orders {given['first']} to {given['last']} of {name_of(given['orders_file'])}"


@plain_form
@flow(name="invoice-shard", flow_run_name=_run_name, persist_result=True, result_serializer="json")
def invoice_shard(
    orders_file: Annotated[str, titled("File of orders", min_length=1)],
    first: Annotated[int, titled("First order", ge=1)],
    last: Annotated[int, titled("Last order", ge=1)],
    contents: Annotated[str, titled("Contents")] = "",
    credentials: Annotated[StripeCredentials | None, titled("Stripe account")] = None,
    chunk_size: Annotated[int, titled("Orders in a chunk", ge=1, le=500)] = 50,
    side_by_side: Annotated[int, titled("Orders side by side", ge=1, le=64)] = 16,
    look_back_days: Annotated[int, titled("Look back (days)", ge=1, le=MOST_DAYS)] = 365,
    approval_limits: Annotated[list[ApprovalLimit], titled("Approval limits")] = [],  # noqa: B006 - as a form shows it
) -> list[dict[str, Any]]:
    """Invoice some orders of a file, as invoice_batch does it; which starts this flow for each shard of its file.

    It writes no file: the run of invoice_batch that started it reads the outcomes from its result, wherever Prefect
    keeps results.

    Args:
        orders_file: The path or URL of a CSV or Parquet file, one row a line of an order, as this worker sees it.
        first: The number of the first order, as the file has its sound ones, from 1.
        last: The number of the last one.
        contents: What tells these orders and their account from others, as invoice_batch made it. Empty means
            whatever is there now.
        credentials: The Stripe account to use. Empty means the worker's STRIPE_API_KEY and other STRIPE_ variables.
        chunk_size: How many orders make one task run.
        side_by_side: How many orders are worked on at a time.
        look_back_days: How many days back to look for invoices of these orders that were made before.
        approval_limits: Orders above these end as awaiting_approval, with a draft.

    Returns:
        What became of each order, as `InvoiceOutcome` describes it. Where Stripe failed for some, the run ends as
        `Incomplete`, with the outcomes of all.

    Raises:
        OrderFileError: The file has other orders there, or none, or the account is another; nothing of it was used.
        StripeError: The key is wrong, or may not do this.

    Example:
        ```python
        from prefect_stripe.flows import invoice_shard

        outcomes = invoice_shard("examples/orders.csv", first=1, last=2)
        assert [outcome["external_id"] for outcome in outcomes] == ["ORD-1001", "ORD-1002"]
        ```
    """
    try:
        credentials = credentials or StripeCredentials.from_environment()
        with local_copy(orders_file) as copy:
            orders = orders_in(copy, name_of(orders_file)).orders[first - 1 : last]
        if contents and contents != contents_of(orders, credentials):
            raise OrderFileError(
                f"orders {first} to {last} of {name_of(orders_file)} are others than those that this run was made for, "
                "or this worker's Stripe account is another: run invoice_batch again"
            )
        if not orders:
            raise OrderFileError(f"{name_of(orders_file)} has no orders {first} to {last}")
        progress = create_progress_artifact(0.0, description=f"{len(orders)} orders")
        outcomes: list[InvoiceOutcome] = []
        manner = Manner(chunk_size, side_by_side, look_back_days, approval_limits)
        for ended in invoice_chunks(orders, credentials, manner):
            outcomes += ended
            update_progress_artifact(cast(Any, progress), 100 * len(outcomes) / len(orders))
    except (StripeError, ValidationError, OrderFileError, OSError) as error:
        return cast(list[dict[str, Any]], failed(f"{name_of(orders_file)} failed: {error}", error))
    data = [outcome.model_dump(mode="json") for outcome in outcomes]
    lost = sum(outcome.ending == "failed" for outcome in outcomes)
    told = f"{lost} of {len(data)} orders failed" if lost else f"{len(data)} orders"
    state: State[Any] = (
        Failed(name="Incomplete", message=told, data=data) if lost else Completed(message=told, data=data)
    )
    return cast(list[dict[str, Any]], state)


def contents_of(orders: Sequence[InvoiceOrder], credentials: StripeCredentials) -> str:
    """Tell orders and their account from others, without saying what they are."""
    return fingerprint([credentials.config().account, [order.model_dump(mode="json") for order in orders]])


def invoice_shards(
    orders: Sequence[InvoiceOrder],
    orders_file: str,
    credentials: StripeCredentials,
    block: dict[str, Any] | None,
    manner: Manner,
    shards: int,
) -> Iterator[list[InvoiceOutcome]]:
    """Have workers invoice the orders of a file, a run a shard, and yield the outcomes of each shard once it has ended.

    A run that is taken up again finds the runs that it started. A shard's run that crashed is set going again, and
    passes over the chunks that it ended; where it was alive after all, business keys keep it from doing anything twice.

    Args:
        orders: The sound orders of the file, in its order.
        orders_file: Where every worker finds the file.
        credentials: The account.
        block: What names it in a run's parameters; None where workers have it in their environment.
        manner: How the orders are worked on.
        shards: Into how many parts they are cut.

    Raises:
        ShardError: There is no deployment to run.
    """
    _require_deployment()
    given = {
        "orders_file": orders_file,
        "chunk_size": manner.chunk_size,
        "side_by_side": manner.side_by_side,
        "look_back_days": manner.look_back_days,
        "approval_limits": [limit.model_dump(mode="json") for limit in manner.approval_limits],
        **({"credentials": block} if block else {}),
    }
    size = max(1, -(-len(orders) // shards))
    runs: dict[PrefectFuture[Any], Sequence[InvoiceOrder]] = {}
    for start in range(0, len(orders), size):
        shard = orders[start : start + size]
        which = {"first": start + 1, "last": start + len(shard), "contents": contents_of(shard, credentials)}
        named: Any = run_shard.with_options(task_run_name=f"orders {which['first']} to {which['last']}")
        runs[named.submit({**given, **which})] = shard
    for ended in as_completed(list(runs)):
        outcomes, why = ended.result()
        yield [InvoiceOutcome.model_validate(one) for one in outcomes] if why is None else all_failed(runs[ended], why)


def block_of(credentials: StripeCredentials | None) -> dict[str, Any] | None:
    """Return what names an account in a run's parameters; None where it is the worker's own.

    Raises:
        ShardError: It is not saved: its key would stand in the parameters of the run.
    """
    if credentials is None:
        return None
    if credentials._block_document_id is None:  # pyright: ignore[reportPrivateUsage]
        raise ShardError("other workers know this account only if it is saved: credentials.save('acme'), and pass that")
    return {"$ref": {"block_document_id": str(credentials._block_document_id)}}  # pyright: ignore[reportPrivateUsage]


def _require_deployment() -> None:
    with get_client(sync_client=True) as client:
        try:
            client.read_deployment_by_name(DEPLOYMENT)
        except ObjectNotFound:
            raise ShardError(
                f"there is no deployment {DEPLOYMENT} on the Prefect server, which would run the shards: deploy it "
                "(docs, From one machine to many workers), or leave shards at 1"
            ) from None


@task(name="run-shard", persist_result=False)
def run_shard(parameters: dict[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
    """Have a worker run a shard, and wait for its end.

    Returns:
        The outcomes; or none, and why they are not known.
    """
    began, crashes, number = now("UTC"), 0, 1
    while True:
        key = f"{flow_run.id}-{parameters['contents']}-{number}"
        run: Any = run_deployment(
            DEPLOYMENT, parameters=parameters, idempotency_key=key, poll_interval=_LOOKING_SECONDS
        )
        # This run may have been taken up again: what crashed along with it goes on; what it saw fail is passed over.
        if run.state.is_crashed() and crashes < MOST_CRASHES:
            crashes += 1
            _set_going(run)
        elif not run.state.is_completed() and run.end_time is not None and run.end_time < began:
            number += 1
        else:
            return _outcomes(run)


def _set_going(run: FlowRun) -> None:
    """Have workers take up a run that crashed, unless somebody else has them do so, as an automation may."""
    time.sleep(_SETTLING_SECONDS)
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run.id).state
        if state is not None and state.is_crashed():
            client.set_flow_run_state(run.id, AwaitingRetry(message="It crashed, and is set going again."))


def _outcomes(run: FlowRun) -> tuple[list[dict[str, Any]], str | None]:
    assert run.state is not None
    if not run.state.is_completed() and run.state.name != "Incomplete":
        return [], f"the run {run.name!r} of its shard ended as {run.state.name}: {run.state.message}"
    try:
        result: Any = run.state.result(raise_on_failure=False)
    except Exception as error:  # noqa: BLE001 whatever the storage raises, the other shards' outcomes are to be told
        return [], (
            f"what the run {run.name!r} of its shard did is not to be read here ({type(error).__name__}): have results "
            "kept where all workers find them, and run the file again"
        )
    return result, None

"""The flow of a file of orders: each becomes an invoice and is brought to its end, a task run a chunk of them."""

# No postponed annotations here: Prefect loads a served flow by its file, as a module that they cannot be resolved in.

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, cast
from uuid import UUID

import orjson
from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.client.schemas.objects import State
from prefect.context import TaskRunContext
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.utilities.annotations import quote
from pydantic import ValidationError

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client import StripeError
from prefect_stripe.client.identity import fingerprint
from prefect_stripe.flows.approvals import ApprovalLimit
from prefect_stripe.flows.batch import BatchReport, Tally, in_markdown, invoice_orders, write_rejects
from prefect_stripe.flows.business import MOST_DAYS
from prefect_stripe.flows.driver import failed
from prefect_stripe.flows.forms import plain_form, titled
from prefect_stripe.flows.order_files import OrderFile, orders_in
from prefect_stripe.flows.order_rows import OrderFileError
from prefect_stripe.flows.orders import InvoiceOrder
from prefect_stripe.flows.outcomes import InvoiceOutcome
from prefect_stripe.flows.places import local_copy, name_of, writing
from prefect_stripe.flows.story import artifact_key, emit_order, logger

CHUNKS_HOLD: Final = timedelta(hours=24)
"""For so long a chunk that is done is passed over where its run is taken up again; after that it is looked at anew."""


class Incomplete(Exception):
    """A chunk of which some orders could not be finished. Carries the outcomes of all."""

    def __init__(self, message: str, outcomes: list[dict[str, Any]]) -> None:
        super().__init__(message)
        self.outcomes = outcomes


class BatchError(Exception):
    """A file of which not every order could be brought to an end that is known. Carries the report.

    Attributes:
        report: What became of its orders.
    """

    def __init__(self, report: BatchReport) -> None:
        super().__init__(str(report))
        self.report = report

    def __reduce__(self) -> tuple[type["BatchError"], tuple[BatchReport]]:
        return BatchError, (self.report,)


def _run_name() -> str:
    # Not the whole place: what a URL carries behind the path may be a secret.
    return f"invoices of {name_of(flow_run.parameters['orders_file'])}"


@plain_form
@flow(name="invoice-batch", flow_run_name=_run_name, persist_result=False)
def invoice_batch(
    orders_file: Annotated[str, titled("File of orders", min_length=1)],
    credentials: Annotated[StripeCredentials | None, titled("Stripe account")] = None,
    outcomes_file: Annotated[str, titled("File of outcomes")] = "",
    rejects_file: Annotated[str, titled("File of rejects")] = "",
    chunk_size: Annotated[int, titled("Orders in a chunk", ge=1, le=500)] = 50,
    side_by_side: Annotated[int, titled("Orders side by side", ge=1, le=64)] = 16,
    look_back_days: Annotated[int, titled("Look back (days)", ge=1, le=MOST_DAYS)] = 365,
    approval_limits: Annotated[list[ApprovalLimit], titled("Approval limits")] = [],  # noqa: B006 - as a form shows it
) -> dict[str, Any]:
    """Invoice a file of orders: each is brought to its end as invoice_lifecycle does it; a bad row stops no other.

    Every row of the file ends in one outcome. Running the same file again is safe: what is done is found and left as
    it is, and what is missing is done. A run that is retried, or taken up by another worker, goes on with the chunk
    that it stopped in.

    Args:
        orders_file: The path or URL of a CSV or Parquet file, one row a line of an order.
        credentials: The Stripe account to use. Empty means the worker's STRIPE_API_KEY and other STRIPE_ variables.
        outcomes_file: Where to write what became of each order, as CSV. Empty means beside the orders, as
            NAME.outcomes.csv, if they are a local file; else nowhere.
        rejects_file: Where to write the rows that have to be corrected, each with its reason, as a CSV that can be fed
            back. Empty means beside the orders, as NAME.rejects.csv, if they are a local file; else nowhere.
        chunk_size: How many orders make one task run.
        side_by_side: How many orders are worked on at a time.
        look_back_days: How many days back to look for invoices of these orders that were made before.
        approval_limits: Orders above these end as awaiting_approval, with a draft: have them approved one by one, by
            invoice_lifecycle, and run the file again. Where there are limits, so does an order whose currency has none.

    Returns:
        The report, as `BatchReport` describes it.

    Raises:
        OrderFileError: The file's rows cannot be told apart; nothing of it was used.
        BatchError: Stripe failed or could not be reached for some orders. Run it again: it goes on where it stopped.
        StripeError: The key is wrong, or may not do this.

    Example:
        ```python
        from prefect_stripe.flows import invoice_batch

        report = invoice_batch("examples/orders.csv", outcomes_file="outcomes.csv", rejects_file="rejects.csv")
        assert sum(report["endings"].values()) == report["orders"] == 15
        ```
    """
    try:
        credentials = credentials or StripeCredentials.from_environment()
        outcomes_place = outcomes_file or _beside(orders_file, "outcomes")
        rejects_place = rejects_file or _beside(orders_file, "rejects")
        with ExitStack() as stack:
            copy = stack.enter_context(local_copy(orders_file))
            file = orders_in(copy, name_of(orders_file))
            outcomes = stack.enter_context(writing(outcomes_place)) if outcomes_place else None
            tally = Tally(outcomes)
            tally.report.outcomes_file, tally.report.rejects_file = outcomes_place, rejects_place
            try:
                _invoice(file, tally, credentials, chunk_size, side_by_side, look_back_days, approval_limits)
            finally:
                # Whatever ended it, what is known by now is told.
                if rejects_place:
                    with writing(rejects_place) as rejects:
                        write_rejects(copy, name_of(orders_file), tally.rejected, rejects)
                _publish(tally, orders_file)
    except (StripeError, ValidationError, OrderFileError, OSError) as error:
        return cast(dict[str, Any], failed(f"{name_of(orders_file)} failed: {error}", error))
    return cast(dict[str, Any], _state_of(tally.report))


def _invoice(
    file: OrderFile,
    tally: Tally,
    credentials: StripeCredentials,
    chunk_size: int,
    side_by_side: int,
    look_back_days: int,
    approval_limits: Sequence[ApprovalLimit],
) -> None:
    def take(outcome: InvoiceOutcome, rows: tuple[int, ...]) -> None:
        tally.take(outcome, rows)
        emit_order(outcome, credentials.stripe_account)

    for reject in file.rejects:
        take(InvoiceOutcome(external_id=reject.external_id, ending="rejected", reason=reject.reason), reject.rows)
    progress = cast(UUID, create_progress_artifact(0.0, description=f"{len(file.orders)} orders"))
    reached = True
    for done, orders in _chunks(file.orders, chunk_size):
        if reached:
            outcomes = _chunk(orders, credentials, side_by_side, look_back_days, approval_limits)
            reached = any(outcome.ending != "failed" for outcome in outcomes)
        else:
            reason = "not begun, since every order of an earlier chunk failed; run the file again"
            outcomes = [InvoiceOutcome(external_id=one.external_id, ending="failed", reason=reason) for one in orders]
        for outcome in outcomes:
            take(outcome, file.rows[outcome.external_id])
        tally.flush()
        update_progress_artifact(progress, 100 * done / len(file.orders))
        logger().info("%d of %d: %s", done, len(file.orders), tally.report)


def _chunks(orders: Sequence[InvoiceOrder], size: int) -> Iterator[tuple[int, Sequence[InvoiceOrder]]]:
    """Cut the orders into chunks, each with how many there are up to its end."""
    for start in range(0, len(orders), size):
        yield min(start + size, len(orders)), orders[start : start + size]


def _chunk(
    orders: Sequence[InvoiceOrder],
    credentials: StripeCredentials,
    side_by_side: int,
    look_back_days: int,
    approval_limits: Sequence[ApprovalLimit],
) -> list[InvoiceOutcome]:
    """Run a chunk as a task run; one that is known to be done, by this run before it was taken up again, is not run."""
    name = f"{len(orders)} orders, {orders[0].external_id} to {orders[-1].external_id}"
    # Quoted, or Prefect would look through every order for results of other task runs.
    state = invoice_chunk.with_options(task_run_name=name.replace("{", "{{").replace("}", "}}"))(
        credentials, quote(list(orders)), side_by_side, look_back_days, list(approval_limits), return_state=True
    )
    result: Any = state.result(raise_on_failure=False)
    if isinstance(result, Incomplete):
        result = result.outcomes
    if isinstance(result, BaseException):
        raise result
    return [InvoiceOutcome.model_validate(outcome) for outcome in result]


def _identity(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    """Say which chunk of which run on which account it is: by that a run that is taken up again knows it as done."""
    credentials: StripeCredentials = parameters["credentials"]
    orders = [order.model_dump(mode="json") for order in parameters["orders"]]
    run = flow_run.root_flow_run_id or context.task_run.id
    limits = [limit.model_dump() for limit in parameters["approval_limits"]]
    content = [credentials.account, str(run), parameters["look_back_days"], limits, orders]
    return f"invoice-chunk-{fingerprint(content)}"


@task(
    name="invoice-chunk",
    cache_key_fn=_identity,
    cache_expiration=CHUNKS_HOLD,
    persist_result=True,
    result_serializer="json",
)
def invoice_chunk(
    credentials: StripeCredentials,
    orders: list[InvoiceOrder],
    side_by_side: int,
    look_back_days: int,
    approval_limits: list[ApprovalLimit],
) -> Any:
    """Invoice the orders of a chunk, side by side.

    Returns:
        The outcomes, in the order of the orders. Where some could not be finished the task run ends as `Incomplete`: it
        is no failure of the others, and is not taken for done by a run that is taken up again.
    """
    outcomes = invoice_orders(
        credentials.get_client(), orders, credentials.account, look_back_days, side_by_side, approval_limits
    )
    data = [outcome.model_dump(mode="json") for outcome in outcomes]
    count = sum(outcome.ending == "failed" for outcome in outcomes)
    if count:
        message = f"{count} of {len(outcomes)} orders failed"
        return Failed(name="Incomplete", message=message, data=Incomplete(message, data))
    return data


# What is told


def _publish(tally: Tally, orders_file: str) -> None:
    create_markdown_artifact(
        key=artifact_key("invoices", name_of(orders_file)),
        markdown=in_markdown(tally.report, orders_file, tally.to_tell),
        description=str(tally.report),
    )


def _state_of(report: BatchReport) -> State[Any]:
    """Make the state that the flow ends in; Prefect hands its caller what is in it."""
    data = orjson.loads(report.model_dump_json())
    if report.endings.get("failed"):
        return failed(str(report), BatchError(report))
    waiting = "AwaitingApproval" if report.endings.get("awaiting_approval") else "Completed"
    name = "CompletedWithRejects" if report.endings.get("rejected") else waiting
    return Completed(name=name, message=str(report), data=data)


def _beside(orders_file: str, what: str) -> str | None:
    """Return the place of a file beside the orders, if they are a local file."""
    if "://" in orders_file:
        return None
    path = Path(orders_file)
    stem = path.name.removesuffix(path.suffix)
    return str(path.with_name(f"{stem}.{what}.csv"))

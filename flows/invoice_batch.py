"""The flow of a file of orders: each becomes an invoice and is brought to its end, a task run a chunk of them."""

# No postponed annotations here: Prefect loads a served flow by its file, as a module that they cannot be resolved in.

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, cast
from uuid import UUID

import orjson
from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import ValidationError

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client import StripeError
from prefect_stripe.flows.approvals import ApprovalLimit
from prefect_stripe.flows.batch import BatchReport, Tally, in_markdown, write_rejects
from prefect_stripe.flows.business import MOST_DAYS
from prefect_stripe.flows.driver import failed
from prefect_stripe.flows.forms import plain_form, titled
from prefect_stripe.flows.invoice_chunks import Manner, invoice_chunks
from prefect_stripe.flows.invoice_shard import MOST_SHARDS, ShardError, block_of, invoice_shards
from prefect_stripe.flows.order_files import OrderFile, orders_in
from prefect_stripe.flows.order_rows import OrderFileError
from prefect_stripe.flows.outcomes import InvoiceOutcome
from prefect_stripe.flows.places import local_copy, name_of, named_twice, writing
from prefect_stripe.flows.story import artifact_key, emit_order, logger


class BatchError(Exception):
    """A file of which not every order could be brought to an end that is known. Carries the report.

    Attributes:
        report: What became of its orders.
    """

    def __init__(self, report: BatchReport) -> None:
        super().__init__(f"{report}; {report.first_failure}")
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
    shards: Annotated[int, titled("Shards", ge=1, le=MOST_SHARDS)] = 1,
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
        shards: Into how many parts to cut the file, for as many workers to take: more than 1 makes each a run of the
            deployment `invoice-shard/invoice-a-shard`. Then the account is a saved block, or empty.

    Returns:
        The report, as `BatchReport` describes it.

    Raises:
        OrderFileError: The file's rows cannot be told apart, or two of the three files are one; nothing of it was used.
        BatchError: Stripe failed or could not be reached for some orders. Run it again: it goes on where it stopped.
        StripeError: The key is wrong, or may not do this.
        ShardError: The file cannot be worked on by other workers, and nothing of it was.

    Example:
        ```python
        from prefect_stripe.flows import invoice_batch

        report = invoice_batch("examples/orders.csv", outcomes_file="outcomes.csv", rejects_file="rejects.csv")
        assert sum(report["endings"].values()) == report["orders"] == 15
        ```
    """
    try:
        block = block_of(credentials) if shards > 1 else None
        credentials = credentials or StripeCredentials.from_environment()
        outcomes_place = outcomes_file or _beside(orders_file, "outcomes")
        rejects_place = rejects_file or _beside(orders_file, "rejects")
        if twice := named_twice(orders_file, outcomes_place, rejects_place):
            raise OrderFileError(
                f"{name_of(twice)} is named for two of the orders, the outcomes and the rejects, and one would be "
                "written over the other: name another file for one of them"
            )
        with ExitStack() as stack:
            copy = stack.enter_context(local_copy(orders_file))
            file = orders_in(copy, name_of(orders_file))
            # Both before anything is done: that they cannot be written is not found out after.
            outcomes = stack.enter_context(writing(outcomes_place)) if outcomes_place else None
            rejects = stack.enter_context(writing(rejects_place)) if rejects_place else None
            tally = Tally(outcomes)
            tally.report.outcomes_file, tally.report.rejects_file = outcomes_place, rejects_place
            manner = Manner(chunk_size, side_by_side, look_back_days, approval_limits)
            if shards > 1:
                ended = invoice_shards(file.orders, orders_file, credentials, block, manner, shards)
            else:
                ended = invoice_chunks(file.orders, credentials, manner)
            try:
                _invoice(file, tally, credentials.stripe_account, ended)
            finally:
                # Whatever ended it, what is known by now is told.
                if rejects:
                    write_rejects(copy, name_of(orders_file), tally.rejected, rejects)
                _publish(tally, orders_file)
    except (StripeError, ValidationError, OrderFileError, ShardError, OSError) as error:
        return cast(dict[str, Any], failed(f"{name_of(orders_file)} failed: {error}", error))
    return cast(dict[str, Any], _state_of(tally.report))


def _invoice(file: OrderFile, tally: Tally, account: str | None, ended: Iterable[list[InvoiceOutcome]]) -> None:
    """Take down what became of the orders of a file, as it comes to be known."""

    def take(outcome: InvoiceOutcome, rows: tuple[int, ...]) -> None:
        tally.take(outcome, rows)
        emit_order(outcome, account)

    for reject in file.rejects:
        take(InvoiceOutcome(external_id=reject.external_id, ending="rejected", reason=reject.reason), reject.rows)
    progress = cast(UUID, create_progress_artifact(0.0, description=f"{len(file.orders)} orders"))
    done = 0
    for outcomes in ended:
        for outcome in outcomes:
            take(outcome, file.rows[outcome.external_id])
        tally.flush()
        done += len(outcomes)
        update_progress_artifact(progress, 100 * done / len(file.orders))
        logger().info("%d of %d: %s", done, len(file.orders), tally.report)


# What is told


def _publish(tally: Tally, orders_file: str) -> None:
    create_markdown_artifact(
        key=artifact_key("invoices", name_of(orders_file)),
        markdown=in_markdown(tally, orders_file),
        description=str(tally.report),
    )


def _state_of(report: BatchReport) -> State[Any]:
    """Make the state that the flow ends in; Prefect hands its caller what is in it."""
    data = orjson.loads(report.model_dump_json())
    if report.endings.get("failed"):
        error = BatchError(report)
        return failed(str(error), error)
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

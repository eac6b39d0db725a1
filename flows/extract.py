"""The flow that extracts: Stripe's objects as tables, complete, in files that any tool reads."""

# No postponed annotations here: Prefect loads a served flow by its file, as a module that they cannot be resolved in.

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Final, Literal, cast
from uuid import UUID

from prefect import flow
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.events import emit_event
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import BaseModel, Field, ValidationError

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client import StripeError
from prefect_stripe.flows.driver import failed
from prefect_stripe.flows.forms import plain_form, titled
from prefect_stripe.flows.story import logger

TableName = Literal[
    "balance_transactions",
    "charges",
    "customers",
    "events",
    "invoice_items",
    "invoice_payments",
    "invoices",
    "payment_intents",
    "payouts",
    "prices",
    "products",
    "refunds",
    "subscriptions",
]
DATE: Final = r"^(\d{4}-\d{2}-\d{2})?$"


class TableReport(BaseModel):
    """One table, as it is now."""

    table: str = Field(description="Its name, and that of its folder.")
    rows: int = Field(description="How many objects it holds.")
    windows: int = Field(description="In how many files they are.")
    windows_read: int = Field(description="How many of these were read by this run.")
    changed: int = Field(description="How many objects this run read again because Stripe told that they had changed.")
    deleted: int = Field(description="How many are in the table of what was deleted.")
    loaded: int = Field(description="How many rows of it were written into the database.")
    sha256: str = Field(description="One hash of all its files; a table and its child table share it.")


class ExtractReport(BaseModel):
    """What was extracted."""

    begins: datetime = Field(description="From when on objects were created.")
    ends: datetime = Field(description="Before when: when the run began, by Stripe's clock.")
    tables: list[TableReport] = Field(
        description="Of each: `rows`, `windows`, `windows_read`, `changed`, `deleted`, `loaded`, and "
        "`sha256`, one hash of all its files, which a child table shares."
    )

    def __str__(self) -> str:
        return ", ".join(f"{one.rows:,} {one.table.replace('_', ' ')}" for one in self.tables)


def _run_name() -> str:
    return f"extract {', '.join(flow_run.parameters.get('tables') or ())}"


@plain_form
@flow(name="extract", flow_run_name=_run_name, persist_result=False)
def extract(
    folder: Annotated[str, titled("Folder of the tables", min_length=1)],
    tables: Annotated[list[TableName], titled("Tables", min_length=1)],
    credentials: Annotated[StripeCredentials | None, titled("Stripe account")] = None,
    since: Annotated[str, titled("Created since (YYYY-MM-DD, UTC)", form_pattern=DATE)] = "",
    look_back_days: Annotated[int, titled("Look back (days)", ge=0, le=3650)] = 30,
    full: Annotated[bool, titled("Read everything again")] = False,
    database: Annotated[str, titled("Database")] = "",
    csv: Annotated[bool, titled("Also as CSV files")] = False,
) -> dict[str, Any]:
    """Extract Stripe's objects as tables: a folder a table, a Parquet file for each window of time.

    Windows are read side by side, as fast as Stripe's limits allow. A run that dies is taken up by the next, which
    reads only what is missing. A table is exchanged as a whole, once its manifest proves that nothing is missing.

    Args:
        folder: Where to write: a path, or a URL such as s3://bucket/stripe.
        tables: Which lists to extract. Invoices bring their lines along, as a table of their own.
        credentials: The Stripe account to use. Empty means the worker's STRIPE_API_KEY and other STRIPE_ variables.
        since: The first day of creation. Empty means from the account's first object on.
        look_back_days: How many days before the end of the last run to read again of balance transactions and events,
            which do not change later.
        full: Whether to read everything again. Else, of a table that is there, what is new is read, and what Stripe's
            events tell to have changed or to be deleted; and all of it where events do not tell enough.
        database: Into which to load the tables, too: the path of a DuckDB file, or a SQLAlchemy URL without a password.
            Empty means the worker's STRIPE_DATABASE, or none.
        csv: Whether to write each table as a CSV file, too, beside its folder.

    Returns:
        The report, as `ExtractReport` describes it.

    Raises:
        GapError: A window is missing. Nothing was exchanged.
        ManifestError: The folder holds another account's tables, or files that are not what was extracted.
        ColumnError: An object has a value of another type than its column.
        DatabaseError: The database cannot be used.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect_stripe.flows import extract

        report = extract("stripe", tables=["invoices", "balance_transactions"])
        print(report["tables"])
        ```
    """
    # It loads Arrow and pandas, half a second and 90 MB, which the other flows do without.
    from prefect_stripe.flows import extract_work

    try:
        credentials = credentials or StripeCredentials.from_environment()
        asked = extract_work.asked_of(credentials, folder, since, look_back_days, database, csv=csv)
        progress = _Progress(tables)
        asked = replace(asked, told=progress.add)
        names = list(dict.fromkeys(tables))
        report = extract_work.extract_tables(credentials.get_client(), names, asked, progress, full=full)
    except (StripeError, ValidationError, OSError, ValueError, *extract_work.ERRORS) as error:
        return cast(dict[str, Any], failed(f"not extracted: {error}", error))
    create_table_artifact(
        key="extract", table=[one.model_dump() for one in report.tables], description=f"Extracted: {report}"
    )
    emit_event(
        "stripe.extracted",
        resource={"prefect.resource.id": "stripe.extract"},
        payload=report.model_dump(mode="json"),
    )
    logger().info("extracted: %s", report)
    return cast(dict[str, Any], Completed(message=str(report), data=report.model_dump(mode="json")))


class _Progress:
    """How much was read, told every few seconds in the log and in an artifact."""

    def __init__(self, tables: list[TableName]) -> None:
        self._read = dict.fromkeys(tables, 0)
        self._artifact = cast(UUID, create_progress_artifact(0.0, description=f"Tables: {', '.join(tables)}"))

    def add(self, table: str, objects: int) -> None:
        """Hear of objects that were read; of each table from several threads, a few of which may be forgotten."""
        self._read[cast(TableName, table)] += objects

    def tell(self, done: int) -> None:
        """Say what was read until now."""
        told = ", ".join(f"{number:,} {table}" for table, number in self._read.items())
        logger().info("read: %s; %s of %s tables whole", told, done, len(self._read))
        update_progress_artifact(self._artifact, 100 * done / len(self._read), description=f"Read: {told}")

"""The flow that extracts: Stripe's objects as tables, complete, in files that any tool reads."""

# No postponed annotations here: Prefect loads a served flow by its file, as a module that they cannot be resolved in.

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Final, Literal, Protocol, cast
from uuid import UUID

from prefect import flow
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.events import emit_event
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import BaseModel, Field, ValidationError

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client import StripeClient, StripeError
from prefect_stripe.flows.driver import failed
from prefect_stripe.flows.extract_columns import ColumnError
from prefect_stripe.flows.extract_database import DatabaseError, database_at
from prefect_stripe.flows.extract_store import Folder, ManifestError
from prefect_stripe.flows.extract_tables import DAY, TABLES
from prefect_stripe.flows.extract_windows import EARLIEST, GapError
from prefect_stripe.flows.extracting import Extracted, Extraction, extract_table
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
TELL_SECONDS: Final = 5.0


class TableReport(BaseModel):
    """One table, as it is now."""

    table: str = Field(description="Its name, and that of its folder.")
    rows: int = Field(description="How many objects it holds.")
    windows: int = Field(description="In how many files they are.")
    windows_read: int = Field(description="How many of these were read by this run.")
    changed: int = Field(description="How many objects this run read again because Stripe told that they had changed.")
    deleted: int = Field(description="How many are in the table of what was deleted.")
    loaded: int = Field(description="How many rows were written into the database; a child table's are among them.")
    sha256: str = Field(description="One hash of all its files; a table and its child table share it.")


class ExtractReport(BaseModel):
    """What was extracted."""

    begins: datetime = Field(description="From when on objects were created.")
    ends: datetime = Field(description="Before when: when the run began, by Stripe's clock.")
    tables: list[TableReport] = Field(
        description="Of each: `rows`, `windows`, `windows_read`, `changed`, `deleted`, `loaded`, `sha256`."
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
    since: Annotated[str, titled("Created since (YYYY-MM-DD, UTC)", pattern=DATE)] = "",
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
    try:
        credentials = credentials or StripeCredentials.from_environment()
        client = credentials.get_client()
        now = client.call("retrieve_balance").date or datetime.now(UTC)
        begins = EARLIEST
        if since:
            begins = max(EARLIEST, int(datetime.combine(date.fromisoformat(since), time(), UTC).timestamp()))
        into = database_at(database)
        progress = _Progress(tables)
        asked = Extraction(
            account=credentials.account,
            folder=Folder(folder),
            begins=begins,
            ends=int(now.timestamp()),
            look_back=look_back_days * DAY,
            told=progress.add,
            database=into,
            csv=csv,
        )
        extracted = extract_tables(client, list(dict.fromkeys(tables)), asked, progress, full=full)
    except (
        StripeError,
        ValidationError,
        GapError,
        ManifestError,
        ColumnError,
        DatabaseError,
        OSError,
        ValueError,
    ) as error:
        return cast(dict[str, Any], failed(f"not extracted: {error}", error))
    report = report_of(extracted)
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


class Tells(Protocol):
    """Tells of progress."""

    def tell(self, done: int) -> None:
        """Say how far it is: how many tables are whole."""
        ...


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


def extract_tables(
    client: StripeClient, names: list[TableName], asked: Extraction, progress: Tells, *, full: bool = False
) -> Mapping[str, Extracted]:
    """Extract several tables side by side; when one fails, the others are still brought to their end.

    Interrupted, they all end with the page that they are at.
    """

    def extracted(name: TableName) -> Extracted:
        return extract_table(client, TABLES[name], asked, full=full)

    with ThreadPoolExecutor(len(names), thread_name_prefix="extract") as threads:
        working: dict[TableName, Future[Extracted]] = {name: threads.submit(extracted, name) for name in names}
        left = set(working.values())
        try:
            while left:
                _, left = wait(left, timeout=TELL_SECONDS)
                progress.tell(len(working) - len(left))
        except BaseException:
            # Canceled, or by Ctrl-C: the threads would be waited for until everything is read.
            asked.stop.set()
            raise
    return {name: one.result() for name, one in working.items()}


def report_of(extracted: Mapping[str, Extracted]) -> ExtractReport:
    """Say what was extracted; a child table has a line of its own."""
    manifests = [one.manifest for one in extracted.values()]
    return ExtractReport(
        begins=datetime.fromtimestamp(min(one.begins for one in manifests), UTC),
        ends=datetime.fromtimestamp(min(one.ends for one in manifests), UTC),
        tables=[
            TableReport(
                table=table,
                rows=one.manifest.rows(table),
                windows=one.windows_read + one.windows_left,
                windows_read=one.windows_read,
                changed=one.changed,
                deleted=one.manifest.deleted,
                loaded=one.loaded,
                sha256=one.manifest.digest,
            )
            for name, one in extracted.items()
            for table in TABLES[name].tables
        ],
    )

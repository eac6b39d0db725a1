"""What the flow that extracts does: what is asked for, several tables side by side, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, time
from typing import Final, Protocol

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client import StripeClient
from prefect_stripe.flows.extract import ExtractReport, TableName, TableReport
from prefect_stripe.flows.extract_columns import ColumnError
from prefect_stripe.flows.extract_database import DatabaseError, database_at
from prefect_stripe.flows.extract_store import Folder, ManifestError
from prefect_stripe.flows.extract_tables import DAY, TABLES
from prefect_stripe.flows.extract_windows import EARLIEST, GapError
from prefect_stripe.flows.extracting import Extracted, Extraction, extract_table
from prefect_stripe.flows.months import day_of

TELL_SECONDS: Final = 5.0
ERRORS: Final = (GapError, ManifestError, ColumnError, DatabaseError)
"""Why a table cannot be extracted, besides Stripe's own reasons."""


class Tells(Protocol):
    """Tells of progress."""

    def tell(self, done: int) -> None:
        """Say how far it is: how many tables are whole."""
        ...


def asked_of(
    credentials: StripeCredentials, folder: str, since: str, look_back_days: int, database: str, *, csv: bool
) -> Extraction:
    """Make of what a form says what is to be extracted, until now by Stripe's clock.

    Raises:
        ValueError: A day that is none.
        DatabaseError: The database cannot be opened.
        OSError: The folder cannot be.
        StripeError: Stripe refused, failed, or could not be reached.
    """
    begins = EARLIEST
    if since:
        begins = max(EARLIEST, int(datetime.combine(day_of(since, "since"), time(), UTC).timestamp()))
    now = credentials.get_client().call("retrieve_balance").date or datetime.now(UTC)
    return Extraction(
        account=credentials.account,
        folder=Folder(folder),
        begins=begins,
        ends=int(now.timestamp()),
        look_back=look_back_days * DAY,
        database=database_at(database),
        csv=csv,
    )


def extract_tables(
    client: StripeClient, names: Sequence[TableName], asked: Extraction, progress: Tells, *, full: bool = False
) -> ExtractReport:
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
    return _report({name: one.result() for name, one in working.items()})


def _report(extracted: Mapping[str, Extracted]) -> ExtractReport:
    # A child table has a line of its own.
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
                loaded=one.loaded.get(table, 0),
                sha256=one.manifest.digest,
            )
            for name, one in extracted.items()
            for table in TABLES[name].tables
        ],
    )

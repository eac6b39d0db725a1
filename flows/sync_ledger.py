"""The flow that keeps the ledger: every few minutes what is new at Stripe is posted once, as the close will want it."""

# No postponed annotations here: Prefect loads a served flow by its file, as a module that they cannot be resolved in.

from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Annotated, Any, Final, cast

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.events import emit_event
from prefect.states import Completed
from pydantic import BaseModel, Field, ValidationError

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client import StripeClient, StripeError
from prefect_stripe.flows import ledger_source
from prefect_stripe.flows.accounts import Chart, ChartError, check_mapped
from prefect_stripe.flows.close_month import chart_in
from prefect_stripe.flows.driver import failed
from prefect_stripe.flows.forms import plain_form, titled
from prefect_stripe.flows.journal import check_journal, journal
from prefect_stripe.flows.ledger_rows import BalanceRow, BooksError, Sums, check_rows, sums
from prefect_stripe.flows.ledger_store import Ledger, LedgerError, ledger_at
from prefect_stripe.flows.months import day_of, local_date, zone_of
from prefect_stripe.flows.story import logger
from prefect_stripe.money import format_amount

DAY: Final = r"^(\d{4}-\d{2}-\d{2})?$"


class SyncReport(BaseModel):
    """What a run of `sync_ledger` posted."""

    posted: int = Field(description="How many transactions are new in the ledger.")
    looked_at: int = Field(description="How many were read.")
    since: datetime = Field(description="From when on they were read.")
    movement: Sums = Field(description="What the new ones moved the balance by, in minor units by currency.")

    def __str__(self) -> str:
        moved = ", ".join(format_amount(amount, currency) for currency, amount in sorted(self.movement.items()))
        return f"{self.posted} transactions posted{f': {moved}' if moved else ''}"


@plain_form
@flow(name="sync-ledger", persist_result=False)
def sync_ledger(
    ledger: Annotated[str, titled("Ledger")] = "",
    credentials: Annotated[StripeCredentials | None, titled("Stripe account")] = None,
    time_zone: Annotated[str, titled("Time zone")] = "UTC",
    accounts_file: Annotated[str, titled("File of accounts")] = "",
    since: Annotated[str, titled("Since (YYYY-MM-DD)", form_pattern=DAY)] = "",
    look_back_hours: Annotated[int, titled("Look back (hours)", ge=0, le=24 * 400)] = 72,
) -> dict[str, Any]:
    """Post what is new at Stripe into the ledger, each transaction once: payments, refunds, fees, disputes, payouts.

    To be run every few minutes. The lines are those that close_month writes, so that the close of the month finds
    nothing missing and nothing new. A run that crashes, or runs while another does, posts nothing twice and leaves
    nothing half posted.

    Args:
        ledger: Where to post: the path of a SQLite file, or a SQLAlchemy URL without a password. Empty means the
            worker's STRIPE_LEDGER.
        credentials: The Stripe account to use. Empty means the worker's STRIPE_API_KEY and other STRIPE_ variables.
        time_zone: The zone in which you report, by its IANA name, such as Europe/Berlin.
        accounts_file: The path or URL of a CSV file of what is posted where: posts, number, account, party. Empty means
            the chart that comes with this package.
        since: The first day to post, when the ledger is new. Empty means the first of the month.
        look_back_hours: For how long before the newest transaction of the ledger to look for some that came late.

    Returns:
        The report, as `SyncReport` describes it.

    Raises:
        BooksError: Something does not hold, or has no account. It carries the figures; nothing was posted.
        ChartError: The file of accounts cannot be used.
        LedgerError: The ledger cannot be used.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect_stripe.flows import sync_ledger

        report = sync_ledger("ledger.db", time_zone="Europe/Berlin")
        print(report["posted"], report["movement"])
        ```
    """
    try:
        credentials = credentials or StripeCredentials.from_environment()
        books = ledger_at(ledger, credentials.account, time_zone)
        if books is None:
            raise LedgerError("no ledger is named: give its path or URL, or set STRIPE_LEDGER on the worker")
        client = credentials.get_client()
        first = day_of(since, "since") if since else None
        rows, report = post_new(client, books, chart_in(accounts_file), first, timedelta(hours=look_back_hours))
    except (StripeError, ValidationError, BooksError, ChartError, LedgerError, OSError, ValueError) as error:
        return cast(dict[str, Any], failed(f"nothing was posted: {error}", error))
    logger().info(str(report))
    if rows:
        _tell(rows, report)
    return cast(dict[str, Any], Completed(message=str(report), data=report.model_dump(mode="json")))


def post_new(
    client: StripeClient, books: Ledger, chart: Chart, since: date | None, look_back: timedelta
) -> tuple[list[BalanceRow], SyncReport]:
    """Read what is new, see that it holds, and post it, day by day, the oldest first.

    Returns:
        The transactions that were posted, and the report.

    Raises:
        BooksError: Something does not hold, or has no account.
        LedgerError: The ledger cannot be used.
        StripeError: Stripe refused, failed, or could not be reached.
        ValueError: The day is yet to come.
    """
    zone = zone_of(books.time_zone)
    today = (client.call("retrieve_balance").date or datetime.now(UTC)).astimezone(zone).date()
    if since is not None and since > today:
        # The ledger would keep it, and post nothing until then.
        raise ValueError(f"since: {since} is yet to come")
    first_day = books.begin(since or today.replace(day=1))
    begins = datetime(first_day.year, first_day.month, first_day.day, tzinfo=zone).astimezone(UTC)
    newest = books.newest()
    if newest is not None:
        begins = max(begins, datetime.fromtimestamp(newest, UTC) - look_back)
    rows = ledger_source.balance_rows(client, begins)
    books.check_account({row.id for row in rows})
    check_rows(rows)
    check_mapped(rows, chart)
    first_open, posted = books.first_open(), set[str]()
    # A ledger that stops in the middle has all until there, and goes on from there.
    for _, day in groupby(rows, key=lambda row: local_date(row.created, zone)):
        own = list(day)
        lines = journal(own, chart, zone, first_open)
        check_journal(lines, own)
        posted.update(books.post(lines))
    new = [row for row in rows if row.id in posted]
    return new, SyncReport(posted=len(new), looked_at=len(rows), since=begins, movement=sums(new))


def _tell(rows: list[BalanceRow], report: SyncReport) -> None:
    counts = dict[tuple[str, str], list[BalanceRow]]()
    for row in rows:
        counts.setdefault((row.currency, row.category), []).append(row)
    create_table_artifact(
        key="ledger",
        table=[
            {
                "currency": currency.upper(),
                "category": category,
                "transactions": len(some),
                "net": format_amount(sum(row.net for row in some), currency),
            }
            for (currency, category), some in sorted(counts.items())
        ],
        description=str(report),
    )
    emit_event(
        "stripe.ledger.posted",
        resource={"prefect.resource.id": "stripe.ledger"},
        payload=report.model_dump(mode="json"),
    )

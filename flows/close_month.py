"""The flow that closes a month: balance transactions become a journal that ties to the cent, or nothing is written."""

# No postponed annotations here: Prefect loads a served flow by its file, as a module that they cannot be resolved in.

from datetime import datetime
from typing import Annotated, Any, Literal, cast

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import ValidationError

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client import StripeError
from prefect_stripe.flows.accounts import DEFAULT, Chart, ChartError, read_chart
from prefect_stripe.flows.close_report import CloseReport, in_markdown, report_of, stopped_in_markdown
from prefect_stripe.flows.closing import Close, close
from prefect_stripe.flows.driver import failed
from prefect_stripe.flows.forms import plain_form, titled
from prefect_stripe.flows.journal_formats import PREFIX
from prefect_stripe.flows.ledger_rows import BooksError, Sums
from prefect_stripe.flows.ledger_store import LedgerError, ledger_at
from prefect_stripe.flows.manifests import Folder
from prefect_stripe.flows.months import Month, zone_of
from prefect_stripe.flows.payout_matching import BankFileError, read_bank_lines
from prefect_stripe.flows.places import local_copy, name_of
from prefect_stripe.flows.story import artifact_key, logger
from prefect_stripe.money import minor_units

MONTH = r"^(\d{4}-(0[1-9]|1[0-2]))?$"
ENTRY_PREFIX = r"^[A-Za-z0-9][A-Za-z0-9-]{0,3}$"


def _run_name() -> str:
    return f"books of {flow_run.parameters.get('month') or 'last month'}"


@plain_form
@flow(name="close-month", flow_run_name=_run_name, persist_result=False)
def close_month(
    folder: Annotated[str, titled("Folder of the books", min_length=1)],
    month: Annotated[str, titled("Month (YYYY-MM)", form_pattern=MONTH)] = "",
    credentials: Annotated[StripeCredentials | None, titled("Stripe account")] = None,
    time_zone: Annotated[str, titled("Time zone")] = "UTC",
    accounts_file: Annotated[str, titled("File of accounts")] = "",
    formats: Annotated[list[Literal["netsuite", "quickbooks"]], titled("Other layouts")] = ["netsuite", "quickbooks"],  # noqa: B006 - never changed
    prefix: Annotated[str, titled("Prefix of entries' numbers", pattern=ENTRY_PREFIX)] = PREFIX,
    opening_balances: Annotated[str, titled("Opening balances")] = "",
    bank_file: Annotated[str, titled("File of the bank's lines")] = "",
    ledger: Annotated[str, titled("Ledger")] = "",
    look_back_months: Annotated[int, titled("Look back (months)", ge=1, le=1200)] = 1,
) -> dict[str, Any]:
    """Close a month: post its balance transactions into a double-entry journal that ties to the cent, as CSV files.

    Whatever does not hold stops it, with the figures that differ, and nothing is written. A month that is closed stays
    as it is: closed again, it is held against Stripe, and what came late is told of and not inserted; it is posted in
    the next month that is closed, however late it came.

    Args:
        folder: Where closed months are kept, a folder each: a path, or a URL such as s3://bucket/books.
        month: The month to close, such as 2026-10. Empty means the one before this one.
        credentials: The Stripe account to use. Empty means the worker's STRIPE_API_KEY and other STRIPE_ variables.
        time_zone: The zone in which you report, by its IANA name, such as Europe/Berlin.
        accounts_file: The path or URL of a CSV file of what is posted where: posts, number, account, party. Empty means
            the chart that comes with this package.
        formats: In which other layouts to write the journal, a file a currency.
        prefix: What the numbers of entries begin with in these layouts: up to four letters, digits or dashes. Accounts
            whose months are imported into the same books need one each.
        opening_balances: Where Stripe's balances at the beginning are known from elsewhere, such as 1234.50 USD, 500
            JPY. Empty means the month before, as it was closed, or else all transactions before.
        bank_file: The path or URL of a CSV file of what arrived at the bank: date, amount, currency. Empty means none.
        ledger: The ledger that sync_ledger posts to, as a path or SQLAlchemy URL: held against the journal, and
            completed. Empty means the worker's STRIPE_LEDGER, or none.
        look_back_months: How many of the closed months before are read again in any case, for what came late to them.
            Where balances do not tie, further ones are.

    Returns:
        The report, as `CloseReport` describes it.

    Raises:
        BooksError: Something does not tie. It carries the figures.
        ChartError: The file of accounts cannot be used.
        BankFileError: The file of the bank's lines cannot be used.
        LedgerError: The ledger cannot be used.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect_stripe.flows import close_month

        report = close_month("books", month="2026-10", time_zone="Europe/Berlin")
        print(report["transactions"], report["files"])
        ```
    """
    told = month or "last month"
    try:
        credentials = credentials or StripeCredentials.from_environment()
        told = str(which := _month(month, time_zone, credentials))
        asked = Close(
            account=credentials.account,
            month=which,
            time_zone=time_zone,
            folder=Folder(folder),
            chart=chart_in(accounts_file),
            formats=tuple(formats),
            prefix=prefix,
            opening=balances_in(opening_balances) if opening_balances.strip() else None,
            bank=_lines_of(bank_file, read_bank_lines) if bank_file else None,
            ledger=ledger_at(ledger, credentials.account, time_zone),
            look_back_months=look_back_months,
        )
        closed = close(credentials.get_client(), asked)
    except BooksError as error:
        create_markdown_artifact(
            key=artifact_key("books", told),
            markdown=stopped_in_markdown(told, error),
            description=f"{told} is not closed: {error.gate}",
        )
        _emit("stopped", told, {"gate": error.gate, "differences": len(error.differences)})
        return cast(dict[str, Any], failed(f"{told} is not closed: {error}", error))
    except (StripeError, ValidationError, ChartError, BankFileError, LedgerError, OSError, ValueError) as error:
        return cast(dict[str, Any], failed(f"{told} is not closed: {error}", error))
    report = report_of(closed, with_bank=asked.bank is not None)
    create_markdown_artifact(
        key=artifact_key("books", told), markdown=in_markdown(report, closed, folder), description=str(report)
    )
    _emit("closed", told, report.model_dump(mode="json", exclude={"files"}))
    logger().info(str(report))
    return cast(dict[str, Any], Completed(name=_state_of(report), message=str(report), data=report.model_dump()))


def _state_of(report: CloseReport) -> str:
    if report.late:
        return "CompletedWithLateTransactions"
    return "CompletedWithUnmatchedPayouts" if report.unmatched else "Completed"


def _emit(what: str, month: str, payload: dict[str, Any]) -> None:
    emit_event(f"stripe.books.{what}", resource={"prefect.resource.id": f"stripe.books.{month}"}, payload=payload)


def _month(text: str, time_zone: str, credentials: StripeCredentials) -> Month:
    """Return the month that is meant; by Stripe's clock, where it is the one before this one."""
    zone = zone_of(time_zone)
    if text:
        return Month.parse(text)
    now = credentials.get_client().call("retrieve_balance").date or datetime.now(zone)
    return Month.of(now.astimezone(zone).date()).before


def chart_in(accounts_file: str) -> Chart:
    """Read a file of accounts, or return the default chart where none is named."""
    return _lines_of(accounts_file, read_chart) if accounts_file else DEFAULT


def _lines_of(place: str, read: Any) -> Any:
    with local_copy(place) as copy, copy.open(encoding="utf-8-sig", newline="") as file:
        try:
            return read(file)
        except UnicodeDecodeError:
            raise ValueError(f"{name_of(place)} is not in UTF-8: save it as CSV in UTF-8") from None


def balances_in(text: str) -> Sums:
    """Read balances in major units, each with its currency.

    Raises:
        ValueError: One is not to be understood.

    Example:
        >>> balances_in("1234.50 USD, 500 JPY")
        {'usd': 123450, 'jpy': 500}
    """
    found: Sums = {}
    for part in text.split(","):
        try:
            amount, currency = part.lower().split()
            if currency in found:
                raise ValueError
            found[currency] = minor_units(amount, currency)
        except ValueError:
            raise ValueError(
                f"{part.strip()!r} is no balance: write 1234.50 USD, 500 JPY, each currency once"
            ) from None
    return found

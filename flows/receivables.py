"""The flow of what is owed: open invoices by customer and by how long they are overdue, as of a day."""

# No postponed annotations here: Prefect loads a served flow by its file, as a module that they cannot be resolved in.

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, cast

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import BaseModel, Field, ValidationError

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client import StripeClient, StripeError
from prefect_stripe.flows import pictures
from prefect_stripe.flows.ageing import (
    BUCKETS,
    ENDED,
    STATUSES,
    Owed,
    ageing_csv,
    by_bucket,
    by_customer,
    check_control,
    invoices_csv,
    is_past,
    owed,
)
from prefect_stripe.flows.close_month import balances_in
from prefect_stripe.flows.driver import failed
from prefect_stripe.flows.forms import plain_form, titled
from prefect_stripe.flows.ledger_rows import BooksError
from prefect_stripe.flows.ledger_source import items
from prefect_stripe.flows.months import day_of, zone_of
from prefect_stripe.flows.places import name_of, named_twice, writing
from prefect_stripe.flows.story import artifact_key, logger
from prefect_stripe.flows.sync_ledger import DAY
from prefect_stripe.money import format_amount

MOST_TOLD: Final = 100


class CurrencyAgeing(BaseModel):
    """What is owed in one currency, in minor units."""

    currency: str = Field(description="Three-letter code, lower case.")
    customers: int = Field(description="How many owe.")
    invoices: int = Field(description="How many invoices are open or uncollectible.")
    buckets: dict[str, int] = Field(description="By days overdue.")
    total: int = Field(description="What they come to.")


class AgeingReport(BaseModel):
    """What was owed at the end of a day."""

    as_of: date = Field(description="The day.")
    currencies: list[CurrencyAgeing] = Field(
        description="Of each: `customers`, `invoices`, the `buckets` and their `total`, in minor units."
    )
    held_against: str = Field(description="What the totals were held against.")
    ageing_file: str = Field(description="Where it was written, a row a customer.")
    invoices_file: str = Field(description="Where the invoices were written that it is made of.")

    def __str__(self) -> str:
        told = ", ".join(format_amount(one.total, one.currency) for one in self.currencies)
        return f"owed on {self.as_of}: {told or 'nothing'}"


def _run_name() -> str:
    return f"receivables of {flow_run.parameters.get('as_of') or 'today'}"


@plain_form
@flow(name="receivables", flow_run_name=_run_name, persist_result=False)
def receivables(
    as_of: Annotated[str, titled("As of (YYYY-MM-DD)", form_pattern=DAY)] = "",
    credentials: Annotated[StripeCredentials | None, titled("Stripe account")] = None,
    time_zone: Annotated[str, titled("Time zone")] = "UTC",
    ageing_file: Annotated[str, titled("File of the ageing")] = "",
    invoices_file: Annotated[str, titled("File of the invoices")] = "",
    control_balances: Annotated[str, titled("Control account")] = "",
) -> dict[str, Any]:
    """Show who owes what, and for how long: open and uncollectible invoices by customer and days overdue.

    An invoice is overdue from the day after it was due; one without such a day, from the day after it was finalized.
    Each currency is for itself.

    Args:
        as_of: The day at whose end it is looked at, such as 2026-10-31. Empty means today, by Stripe's clock.
        credentials: The Stripe account to use. Empty means the worker's STRIPE_API_KEY and other STRIPE_ variables.
        time_zone: The zone in which you report, by its IANA name, such as Europe/Berlin.
        ageing_file: Where to write the ageing as CSV, a row a customer and currency. Empty means nowhere.
        invoices_file: Where to write the invoices that it is made of, as CSV. Empty means nowhere.
        control_balances: What your books say is owed, such as 1234.50 USD, 500 JPY: anything else stops the run. Empty
            means that it is held against nothing but Stripe's own figures.

    Returns:
        The report, as `AgeingReport` describes it.

    Raises:
        BooksError: Something does not add up, or is not what the books say. It carries the figures.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect_stripe.flows import receivables

        report = receivables(time_zone="Europe/Berlin", ageing_file="ageing.csv")
        print([(one["currency"], one["buckets"]) for one in report["currencies"]])
        ```
    """
    told = as_of or "today"
    try:
        credentials = credentials or StripeCredentials.from_environment()
        if twice := named_twice(ageing_file, invoices_file):
            raise ValueError(
                f"{name_of(twice)} is named for both the ageing and the invoices, and one would be written over the "
                "other: name another file for one of them"
            )
        some, day = read(credentials.get_client(), day_of(as_of, "as_of") if as_of else None, time_zone)
        control = balances_in(control_balances) if control_balances.strip() else None
        if control is not None:
            check_control(some, control)
        for place, text in ((ageing_file, ageing_csv(some)), (invoices_file, invoices_csv(some))):
            if place:
                with writing(place) as file:
                    file.write(text)
    except (StripeError, ValidationError, BooksError, OSError, ValueError) as error:
        return cast(dict[str, Any], failed(f"the receivables of {told} are not told: {error}", error))
    report = report_of(some, day, control is not None, ageing_file, invoices_file)
    create_markdown_artifact(
        key=artifact_key("receivables", day.isoformat()), markdown=in_markdown(report, some), description=str(report)
    )
    emit_event(
        "stripe.receivables.aged",
        resource={"prefect.resource.id": f"stripe.receivables.{day}"},
        payload=report.model_dump(mode="json"),
    )
    logger().info(str(report))
    return cast(dict[str, Any], Completed(message=str(report), data=report.model_dump(mode="json")))


def read(client: StripeClient, as_of: date | None, time_zone: str) -> tuple[list[Owed], date]:
    """Read what is owed, or was at the end of a day that is past.

    Returns:
        The invoices, and the day.

    Raises:
        BooksError: The figures of one do not add up, or do not say what was owed on that day.
        ValueError: The day is yet to come.
    """
    zone = zone_of(time_zone)
    now = client.call("retrieve_balance").date or datetime.now(UTC)
    today = now.astimezone(zone).date()
    day = as_of or today
    if day > today:
        raise ValueError(f"{day} is yet to come")
    past = is_past(day, now, zone)

    def paid_since(invoice: str, instant: datetime) -> int:
        payments = items(client, "list_invoice_payments", invoice=invoice, status="paid")
        return sum(
            one["amount_paid"] for one in payments if one["status_transitions"]["paid_at"] >= instant.timestamp()
        )

    # In the order in which invoices go from one to the other: one that does so meanwhile is read again, and not missed.
    invoices = {
        invoice["id"]: invoice
        for status in (*STATUSES, *(ENDED if past else ()))
        for invoice in items(client, "list_invoices", status=status)
    }
    found = (owed(invoice, day, zone, paid_since if past else None) for invoice in invoices.values())
    return [one for one in found if one is not None], day


def report_of(some: Sequence[Owed], day: date, controlled: bool, ageing_file: str, invoices_file: str) -> AgeingReport:
    """Return the figures of what is owed."""
    customers = by_customer(some)
    return AgeingReport(
        as_of=day,
        currencies=[
            CurrencyAgeing(
                currency=currency,
                customers=sum(name == currency for name, _ in customers),
                invoices=sum(one.currency == currency for one in some),
                buckets=buckets,
                total=sum(buckets.values()),
            )
            for currency, buckets in by_bucket(some).items()
        ],
        held_against="the control account" if controlled else "Stripe's own figures",
        ageing_file=ageing_file,
        invoices_file=invoices_file,
    )


def in_markdown(report: AgeingReport, some: Sequence[Owed]) -> str:
    """Tell of what is owed, with its picture; customers by their ids alone."""
    words = f"Owed on {report.as_of}, by days overdue"
    parts = [f"**{report}**"]
    if report.currencies:
        panels = {one.currency: list(one.buckets.items()) for one in report.currencies}
        parts.append(pictures.in_markdown(pictures.stacks(panels, words), words))
    # The total first: a page that is not wide shows the first columns of a table.
    head = ("currency", "customer", "total", *BUCKETS)
    lines = [head, ("---", "---", *("--:",) * (len(BUCKETS) + 1))]
    lines += [_row(one.currency, f"**{_customers(one.customers)}**", one.buckets) for one in report.currencies]
    customers = sorted(by_customer(some).items(), key=lambda item: (item[0][0], -sum(item[1].values()), item[0][1]))
    lines += [_row(currency, f"`{customer}`", buckets) for (currency, customer), buckets in customers[:MOST_TOLD]]
    parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    if len(customers) > MOST_TOLD:
        parts.append(f"and {_customers(len(customers) - MOST_TOLD)} more")
    parts.append(f"Held against {report.held_against}.")
    places = [place for place in (report.ageing_file, report.invoices_file) if place]
    if places:
        parts.append("Files: " + ", ".join(f"`{name_of(place)}`" for place in places))
    return "\n\n".join(parts)


def _row(currency: str, who: str, buckets: dict[str, int]) -> tuple[str, ...]:
    amounts = (sum(buckets.values()), *buckets.values())
    return (currency.upper(), who, *(format_amount(amount, currency) if amount else "" for amount in amounts))


def _customers(number: int) -> str:
    return "1 customer" if number == 1 else f"{number:,} customers"

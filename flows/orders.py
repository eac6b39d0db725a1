"""What an invoice is made from: one flat order, checked as a whole before anything is sent."""

from __future__ import annotations

import re
from decimal import Decimal
from numbers import Integral
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, model_validator

from prefect_stripe.client.identity import fingerprint
from prefect_stripe.flows.forms import Form
from prefect_stripe.money import CURRENCIES, chargeable

_ID = r"^[A-Za-z0-9_]{1,255}$"
_EMAIL = r"^[^@\s]+@[^@\s]+$"

MOST_LINES = 250
"""Stripe takes no more items on one invoice."""

LARGEST = 99_999_999
"""Stripe charges no more minor units at once."""


def _shown(value: Any) -> str:
    # Of anything else than a plain value the whole text may be without end.
    if isinstance(value, str):
        return repr(value[:60])
    return repr(value) if isinstance(value, bool | float | Decimal) else f"a {type(value).__name__}"


def _whole(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(
            f"{_shown(value)} is not a whole number: amounts are whole minor units (1250 for 12.50 USD, 500 for 500 "
            "JPY), quantities whole pieces"
        )
    return int(value)


def _currency(value: str) -> str:
    code = value.lower()
    if code not in CURRENCIES:
        raise ValueError(
            f"Stripe has no currency {value!r}: write its three-letter code, such as 'usd', 'eur' or 'jpy'"
        )
    return code


def _one_line(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("write it on one line, without control characters and without spaces at its ends")
    return value


def _id(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(_ID, value):
        raise ValueError(
            f"it is not an id of Stripe's, which is letters, digits and underscores (cus_…, pm_…): {value!r}"
        )
    return value


def _email(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(_EMAIL, value):
        raise ValueError("it is not an e-mail address, such as jenny@example.com")
    return value


Whole = BeforeValidator(_whole)
"""Of an optional number it stands after the bounds, which a form would not know otherwise."""

WholeNumber = Annotated[int, Whole]
Currency = Annotated[str, AfterValidator(_currency)]
Text = Annotated[str, AfterValidator(_one_line)]
# The patterns are for forms, which check them by themselves; the validators say it in words.
Id = Annotated[str, Field(min_length=1, max_length=255, pattern=_ID), BeforeValidator(_id)]
Email = Annotated[str, Field(max_length=512, pattern=_EMAIL), AfterValidator(_one_line), BeforeValidator(_email)]

CollectionMethod = Literal["charge_automatically", "send_invoice"]
Settlement = Literal["pay", "paid_out_of_band", "wait", "mark_uncollectible", "void"]
OnDecline = Literal["leave_open", "mark_uncollectible", "void", "fail"]


class OrderLine(Form):
    """One line: a description with a unit amount, or one of your prices; times a quantity."""

    description: Text | None = Field(
        default=None, max_length=500, title="Description", description="What the customer reads on the invoice."
    )
    quantity: WholeNumber = Field(
        default=1, ge=1, le=999_999, title="Quantity", description="Whole pieces, at least 1."
    )
    unit_amount: Annotated[int, Field(ge=-LARGEST, le=LARGEST), Whole] | None = Field(
        default=None,
        title="Unit amount (minor units)",
        description="Price of one piece in minor units: 1250 for 12.50 USD, 500 for 500 JPY. Negative for a reduction.",
    )
    price: Id | None = Field(
        default=None, title="Price", description="Id of one of your prices (price_…), in place of a unit amount."
    )

    @model_validator(mode="after")
    def _priced_one_way(self) -> Self:
        if (self.unit_amount is None) == (self.price is None):
            raise ValueError("a line needs either unit_amount (with a description) or price, and not both")
        if self.price is None and not self.description:
            raise ValueError("a line with unit_amount needs a description: it is what the customer reads")
        return self


class LineCorrection(Form):
    """What to change of a line, before the invoice is finalized."""

    line: WholeNumber = Field(
        ge=1, le=MOST_LINES, title="Line", description="Number of the line to correct, counted from 1."
    )
    description: Text | None = Field(default=None, max_length=500, title="Description", description="New description.")
    quantity: Annotated[int, Field(ge=1, le=999_999), Whole] | None = Field(
        default=None, title="Quantity", description="New quantity."
    )
    unit_amount: Annotated[int, Field(ge=-LARGEST, le=LARGEST), Whole] | None = Field(
        default=None,
        title="Unit amount (minor units)",
        description="New price of one piece in minor units.",
    )

    @property
    def changes(self) -> dict[str, Any]:
        """The fields that change, and what they change to."""
        return self.model_dump(exclude={"line"}, exclude_none=True)


class Order(Form):
    """What every order says: its business key, its currency, and its customer."""

    external_id: Text = Field(
        min_length=1,
        max_length=200,
        title="Order number",
        description="Your own id of the order. The same id is never billed twice.",
    )
    currency: Currency = Field(
        min_length=3, max_length=3, title="Currency", description="Three-letter code, such as usd, eur or jpy."
    )
    customer_email: Email | None = Field(
        default=None,
        title="Customer's e-mail",
        description="Where invoices are sent; finds the customer where no customer number is given.",
    )
    customer_name: Text | None = Field(
        default=None, max_length=256, title="Customer's name", description="Name for a customer that has to be made."
    )
    customer_external_id: Text | None = Field(
        default=None,
        max_length=200,
        title="Customer number",
        description="Your own id of the customer, who is found by it or made once.",
    )
    customer: Id | None = Field(
        default=None,
        title="Customer",
        description="Id of an existing customer (cus_…). In place of e-mail, name and number.",
    )
    description: Text | None = Field(
        default=None, max_length=1500, title="Memo", description="A note that the customer can read."
    )

    @model_validator(mode="after")
    def _names_one_customer(self) -> Self:
        details = (self.customer_external_id, self.customer_email, self.customer_name)
        if self.customer and any(details):
            raise ValueError(
                "name the customer once: either customer (cus_…), or customer_external_id, _email and _name"
            )
        if not self.customer and not (self.customer_external_id or self.customer_email):
            raise ValueError("the order needs a customer: customer (cus_…), customer_external_id or customer_email")
        return self


class InvoiceOrder(Order):
    """An order to be invoiced: who, what, how it is collected and settled.

    Amounts are whole minor units of `currency`. `external_id` is the business key: the same order is invoiced once,
    however often and wherever it is run.

    Example:
        >>> order = InvoiceOrder(
        ...     external_id="ORD-1001",
        ...     customer_email="jenny@example.com",
        ...     currency="usd",
        ...     lines=[OrderLine(description="Consulting, hours", quantity=3, unit_amount=15000)],
        ... )
        >>> order.known_total
        45000
    """

    lines: list[OrderLine] = Field(
        min_length=1, max_length=MOST_LINES, title="Lines", description="What is billed: 1 to 250 lines."
    )
    total: Annotated[int, Field(ge=0, le=LARGEST * MOST_LINES), Whole] | None = Field(
        default=None,
        title="Total (minor units)",
        description="What the invoice must come to, as a check: it is not finalized if it comes to anything else.",
    )
    corrections: list[LineCorrection] = Field(
        default=[], max_length=MOST_LINES, title="Corrections", description="Changes to lines, made before finalizing."
    )
    collection_method: CollectionMethod = Field(
        default="charge_automatically",
        title="Collection method",
        description="Charge the customer's payment method, or send the invoice by e-mail.",
    )
    days_until_due: Annotated[int, Field(ge=0, le=3650), Whole] | None = Field(
        default=None, title="Days until due", description="Only for invoices that are sent."
    )
    due_date: AwareDatetime | None = Field(
        default=None, title="Due date", description="Only for invoices that are sent, in place of days until due."
    )
    settlement: Settlement = Field(
        default="pay",
        title="Settlement",
        description="Pay now with a payment method; record a payment made elsewhere; wait; write off; or void.",
    )
    payment_method: Id | None = Field(
        default=None,
        title="Payment method",
        description="Id of the payment method to charge (pm_…). Empty means the customer's default.",
    )
    on_decline: OnDecline = Field(
        default="leave_open",
        title="If declined",
        description="What becomes of the invoice when its payment is declined for good.",
    )
    max_payment_attempts: WholeNumber = Field(
        default=1,
        ge=1,
        le=8,
        title="Payment attempts",
        description="How many charges may be tried for this order in all, over all runs.",
    )
    max_reissues: WholeNumber = Field(
        default=0,
        ge=0,
        le=20,
        title="Reissues",
        description="How many voided invoices of this order may be replaced by a new one.",
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.collection_method == "charge_automatically" and (self.days_until_due is not None or self.due_date):
            raise ValueError(
                "an invoice that is charged automatically has no due date: leave out days_until_due and due_date, "
                "or set collection_method to 'send_invoice'"
            )
        if self.collection_method == "send_invoice" and (self.days_until_due is None) == (self.due_date is None):
            raise ValueError("an invoice that is sent needs either days_until_due or due_date, and not both")
        if self.collection_method == "send_invoice" and not (self.customer or self.customer_email):
            raise ValueError("an invoice that is sent needs the customer's e-mail: set customer_email")
        if self.collection_method == "send_invoice" and self.settlement == "pay" and not self.payment_method:
            raise ValueError(
                "an invoice that is sent is paid by its customer: set settlement to 'wait' (or to 'paid_out_of_band', "
                "once it was), or name the payment_method to charge"
            )
        if self.payment_method and self.settlement != "pay":
            raise ValueError(f"payment_method is only for settlement 'pay', not {self.settlement!r}")
        self._check_corrections()
        self._check_amounts()
        return self

    def _check_corrections(self) -> None:
        numbers = [correction.line for correction in self.corrections]
        for correction in self.corrections:
            if correction.line > len(self.lines):
                raise ValueError(f"a correction names line {correction.line}, and the order has {len(self.lines)}")
            if numbers.count(correction.line) > 1:
                raise ValueError(f"line {correction.line} is corrected twice: say it once")
            if not correction.changes:
                raise ValueError(f"the correction of line {correction.line} changes nothing")
            if correction.unit_amount is not None and self.lines[correction.line - 1].price:
                raise ValueError(
                    f"line {correction.line} has a price: its unit amount is the price's and not corrected"
                )

    def _check_amounts(self) -> None:
        for line in self.final_lines:
            if line.unit_amount is not None and (
                problem := chargeable(line.unit_amount * line.quantity, self.currency)
            ):
                raise ValueError(problem)
        if self.known_total is not None and self.known_total < 0:
            raise ValueError(f"the lines come to {self.known_total}: an invoice cannot come to less than nothing")
        if self.known_total == 0 and self.settlement in {"mark_uncollectible", "void"}:
            raise ValueError(
                "an invoice over nothing is paid as soon as it is finalized: it cannot be written off or voided"
            )

    @property
    def final_lines(self) -> list[OrderLine]:
        """The lines as they should be in the end, corrections made."""
        changes = {correction.line: correction.changes for correction in self.corrections}
        return [line.model_copy(update=changes.get(number, {})) for number, line in enumerate(self.lines, start=1)]

    @property
    def known_total(self) -> int | None:
        """What the lines come to in minor units; None where a line's amount is in a price at Stripe."""
        amounts = [line.unit_amount * line.quantity for line in self.final_lines if line.unit_amount is not None]
        return sum(amounts) if len(amounts) == len(self.lines) else None

    @property
    def fingerprint(self) -> str:
        """A hash of what the invoice says: by it a change of contents under the same business key is noticed.

        How the invoice is settled is not part of it: that may change after it was finalized.
        """
        return fingerprint(
            {
                "currency": self.currency,
                "lines": [line.model_dump() for line in self.final_lines],
                "description": self.description,
                "collection_method": self.collection_method,
                "days_until_due": self.days_until_due,
                "due_date": None if self.due_date is None else int(self.due_date.timestamp()),
            }
        )

"""What a payment is made from: one flat order, checked as a whole before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from prefect_stripe.client.identity import fingerprint
from prefect_stripe.flows.orders import LARGEST, Id, Order, Text, Whole, WholeNumber
from prefect_stripe.money import chargeable

PaymentMethodType = Literal["card", "us_bank_account", "customer_balance"]
Deposit = Annotated[int, Field(ge=1, le=LARGEST), Whole]
PaymentSettlement = Literal["capture", "hold", "cancel"]

BANK_TRANSFERS: Final[Mapping[str, str]] = {
    "usd": "us_bank_transfer",
    "eur": "eu_bank_transfer",
    "gbp": "gb_bank_transfer",
    "jpy": "jp_bank_transfer",
    "mxn": "mx_bank_transfer",
}
"""The kind of bank transfer by which a customer's balance is funded, by its currency."""


class PaymentOrder(Order):
    """A payment to be taken: who pays, how much, how, and whether it is captured, held or canceled.

    Amounts are whole minor units of `currency`. `external_id` is the business key: the same order is charged once.

    Example:
        >>> order = PaymentOrder(
        ...     external_id="BOOKING-7",
        ...     customer_email="jenny@example.com",
        ...     currency="eur",
        ...     amount=24000,
        ...     payment_method="pm_card_visa",
        ...     capture_method="manual",
        ...     amount_to_capture=18000,
        ... )
        >>> order.final_amount
        18000
    """

    amount: WholeNumber = Field(
        ge=1, le=LARGEST, title="Amount (minor units)", description="What to authorise or charge: 1250 for 12.50 USD."
    )
    payment_method_type: PaymentMethodType = Field(
        default="card", title="Pay by", description="Card, US bank account, or the customer's balance (bank transfer)."
    )
    payment_method: Id | None = Field(
        default=None,
        title="Payment method",
        description="Id of the payment method to charge (pm_…). Not needed for a payment from the customer's balance.",
    )
    bank_transfer_country: Literal["BE", "DE", "ES", "FR", "IE", "NL"] | None = Field(
        default=None,
        title="Country of the bank transfer",
        description="Where the account is that the customer transfers to: for a payment in eur from their balance.",
    )
    capture_method: Literal["automatic", "manual"] = Field(
        default="automatic",
        title="Capture method",
        description="Automatic takes the money at once; manual authorises it first, to be captured, held or canceled.",
    )
    settlement: PaymentSettlement = Field(
        default="capture",
        title="Settlement",
        description="Capture the money; hold the authorisation for a later run; or cancel the payment.",
    )
    request_incremental_authorization: Literal["never", "if_available"] = Field(
        default="never",
        title="Ask for later increases",
        description="If available: the card is authorised in a way that a later run can increase, where its issuer and"
        " your Stripe account allow that.",
    )
    increase_to: Annotated[int, Field(ge=1, le=LARGEST), Whole] | None = Field(
        default=None,
        title="Increase to (minor units)",
        description="New total of a card's authorisation, above the amount. Only before it is captured, and only if the"
        " order that the card was authorised by had this, or asked for later increases.",
    )
    amount_to_capture: Annotated[int, Field(ge=1, le=LARGEST), Whole] | None = Field(
        default=None,
        title="Amount to capture (minor units)",
        description="Part of the authorised amount; the rest is released. Empty means all of it.",
    )
    microdeposit_amounts: tuple[Deposit, Deposit] | None = Field(
        default=None,
        title="Microdeposit amounts (cents)",
        description="The two small deposits that the customer found on the bank account.",
    )
    microdeposit_descriptor_code: Text | None = Field(
        default=None,
        pattern=r"^SM[A-Z0-9]{4}$",
        title="Microdeposit code",
        description="The six-character code (SM…) on the customer's bank statement, in place of the two amounts.",
    )
    on_decline: Literal["leave_open", "cancel", "fail"] = Field(
        default="leave_open",
        title="If declined",
        description="What becomes of the payment when it is declined for good.",
    )
    max_payment_attempts: WholeNumber = Field(
        default=1, ge=1, le=8, title="Payment attempts", description="How many charges may be tried over all runs."
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        by_card = self.payment_method_type == "card"
        if self.payment_method_type == "customer_balance" and self.payment_method:
            raise ValueError("a payment from the customer's balance takes no payment_method")
        if self.payment_method_type != "customer_balance" and not self.payment_method:
            raise ValueError(f"a payment by {self.payment_method_type} needs a payment_method (pm_…)")
        if self.payment_method_type == "us_bank_account" and self.currency != "usd":
            raise ValueError("a payment by us_bank_account is in usd")
        by_transfer = self.payment_method_type == "customer_balance"
        if by_transfer and self.currency not in BANK_TRANSFERS:
            raise ValueError(f"a payment from the customer's balance is in one of {', '.join(BANK_TRANSFERS)}")
        if (self.bank_transfer_country is not None) != (by_transfer and self.currency == "eur"):
            raise ValueError(
                "bank_transfer_country is for a payment in eur from the customer's balance, and needed there"
            )
        if self.capture_method == "manual" and not by_card:
            raise ValueError("only a card payment can be authorised first: set capture_method to 'automatic'")
        if self.capture_method == "automatic" and (
            self.settlement == "hold" or self.amount_to_capture or self.may_increase
        ):
            raise ValueError(
                "hold, amount_to_capture, increase_to and request_incremental_authorization need capture_method"
                " 'manual'"
            )
        if self.increase_to is not None and self.increase_to <= self.amount:
            raise ValueError(f"increase_to is {self.increase_to}: it is the new total, and must be above {self.amount}")
        if self.amount_to_capture is not None and self.amount_to_capture > self.authorised:
            raise ValueError(f"amount_to_capture is {self.amount_to_capture}, and {self.authorised} will be authorised")
        if self.microdeposit_amounts and self.microdeposit_descriptor_code:
            raise ValueError("give either microdeposit_amounts or microdeposit_descriptor_code, not both")
        if (
            self.microdeposit_amounts or self.microdeposit_descriptor_code
        ) and self.payment_method_type != "us_bank_account":
            raise ValueError("microdeposits are for payments by us_bank_account only")
        for amount in (self.amount, self.authorised, self.final_amount):
            if problem := chargeable(amount, self.currency):
                raise ValueError(problem)
        return self

    @property
    def may_increase(self) -> bool:
        """Whether the card is to be authorised so that more can be held later."""
        return self.increase_to is not None or self.request_incremental_authorization == "if_available"

    @property
    def authorised(self) -> int:
        """What is authorised in the end, in minor units."""
        return self.increase_to or self.amount

    @property
    def final_amount(self) -> int:
        """What is to be received in the end, in minor units."""
        return self.amount_to_capture or self.authorised

    @property
    def fingerprint(self) -> str:
        """A hash of what is charged and how: by it a change of contents under the same business key is noticed."""
        return fingerprint([self.currency, self.amount, self.payment_method_type, self.capture_method])

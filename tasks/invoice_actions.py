"""What is done with an invoice: finalize, send, pay, void, write off. Stripe page: "Invoices"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.tasks.declaration import StripeObject, Wanted, async_twin, one, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import (
        InvoiceFinalizeInvoiceParams,
        InvoiceMarkUncollectibleParams,
        InvoicePayParams,
        InvoiceSendInvoiceParams,
        InvoiceVoidInvoiceParams,
    )


@stripe_task
def finalize_invoice(
    credentials: StripeCredentials,
    invoice: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[InvoiceFinalizeInvoiceParams],
) -> Wanted[StripeObject]:
    """Finalize a draft invoice. Stripe page: "Finalize an invoice".

    Legal on a draft. It gets its number, and its amounts can change no more. Nothing is charged by it, whatever card
    there is; an invoice over nothing is paid at once.

    Args:
        credentials: As whom.
        invoice: Id of the invoice (`in_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters: `auto_advance`: whether Stripe collects it by itself from here on.

    Returns:
        The invoice.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, create_invoice, finalize_invoice, create_invoice_item

        @flow
        def try_finalize_invoice(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            invoice = create_invoice(credentials, customer=customer, currency="usd")["id"]
            create_invoice_item(
                credentials, customer=customer, invoice=invoice, currency="usd", unit_amount_decimal="1250", quantity=2
            )
            return finalize_invoice(credentials, invoice, auto_advance=False)["status"]
        ```
    """
    return one(
        credentials,
        "finalize_invoice",
        (invoice,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def send_invoice(
    credentials: StripeCredentials,
    invoice: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[InvoiceSendInvoiceParams],
) -> Wanted[StripeObject]:
    """Send an invoice by e-mail. Stripe page: "Send an invoice for manual payment".

    Legal with `collection_method="send_invoice"`, on an open invoice or a draft, which is finalized first. Sending
    leaves no state behind: called again, it is sent again. In test mode no e-mail goes out.

    Args:
        credentials: As whom.
        invoice: Id of the invoice (`in_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: None: Stripe takes no others here.

    Returns:
        The invoice.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, create_invoice, send_invoice, create_invoice_item

        @flow
        def try_send_invoice(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            invoice = create_invoice(
                credentials, customer=customer, collection_method="send_invoice", days_until_due=30
            )["id"]
            create_invoice_item(
                credentials, customer=customer, invoice=invoice, currency="usd", unit_amount_decimal="1250"
            )
            return send_invoice(credentials, invoice)["status"]
        ```
    """
    return one(
        credentials,
        "send_invoice",
        (invoice,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def pay_invoice(
    credentials: StripeCredentials,
    invoice: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[InvoicePayParams],
) -> Wanted[StripeObject]:
    """Pay an invoice. Stripe page: "Pay an invoice".

    Legal while open or uncollectible, and on a draft, which is finalized first. Charges the payment method given, or
    the invoice's, or the customer's.

    Args:
        credentials: As whom.
        invoice: Id of the invoice (`in_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters: `payment_method`, or `paid_out_of_band=True` for money that came outside Stripe.

    Returns:
        The invoice.

    Raises:
        CardError: The payment was declined: an invoice stays open, and a draft has become so. The same key answers so
            again: a new attempt needs another `slot`.
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import (
            create_customer,
            create_invoice,
            finalize_invoice,
            pay_invoice,
            create_invoice_item,
            attach_payment_method,
        )

        @flow
        def try_pay_invoice(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            invoice = create_invoice(credentials, customer=customer, currency="usd")["id"]
            create_invoice_item(
                credentials, customer=customer, invoice=invoice, currency="usd", unit_amount_decimal="1250", quantity=2
            )
            card = attach_payment_method(credentials, "pm_card_visa", customer=customer)["id"]
            finalize_invoice(credentials, invoice)
            return pay_invoice(credentials, invoice, payment_method=card)["status"]
        ```
    """
    return one(
        credentials,
        "pay_invoice",
        (invoice,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def void_invoice(
    credentials: StripeCredentials,
    invoice: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[InvoiceVoidInvoiceParams],
) -> Wanted[StripeObject]:
    """Void an open invoice. Stripe page: "Void an invoice".

    Legal while open. It stays on record with its number, and can never be paid. Drafts are deleted instead; paid
    invoices refunded.

    Args:
        credentials: As whom.
        invoice: Id of the invoice (`in_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: None: Stripe takes no others here.

    Returns:
        The invoice.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import (
            create_customer,
            create_invoice,
            finalize_invoice,
            void_invoice,
            create_invoice_item,
        )

        @flow
        def try_void_invoice(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            invoice = create_invoice(credentials, customer=customer, currency="usd")["id"]
            create_invoice_item(
                credentials, customer=customer, invoice=invoice, currency="usd", unit_amount_decimal="1250", quantity=2
            )
            finalize_invoice(credentials, invoice)
            return void_invoice(credentials, invoice)["status"]
        ```
    """
    return one(
        credentials,
        "void_invoice",
        (invoice,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def mark_invoice_uncollectible(
    credentials: StripeCredentials,
    invoice: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[InvoiceMarkUncollectibleParams],
) -> Wanted[StripeObject]:
    """Mark an open invoice as uncollectible. Stripe page: "Mark an invoice as uncollectible".

    Legal while open. It is written off as bad debt; it can still be paid, should the money come.

    Args:
        credentials: As whom.
        invoice: Id of the invoice (`in_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: None: Stripe takes no others here.

    Returns:
        The invoice.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import (
            create_customer,
            create_invoice,
            finalize_invoice,
            mark_invoice_uncollectible,
            create_invoice_item,
        )

        @flow
        def try_mark_invoice_uncollectible(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            invoice = create_invoice(credentials, customer=customer, currency="usd")["id"]
            create_invoice_item(
                credentials, customer=customer, invoice=invoice, currency="usd", unit_amount_decimal="1250", quantity=2
            )
            finalize_invoice(credentials, invoice)
            return mark_invoice_uncollectible(credentials, invoice)["status"]
        ```
    """
    return one(
        credentials,
        "mark_invoice_uncollectible",
        (invoice,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


afinalize_invoice = async_twin(finalize_invoice)
asend_invoice = async_twin(send_invoice)
apay_invoice = async_twin(pay_invoice)
avoid_invoice = async_twin(void_invoice)
amark_invoice_uncollectible = async_twin(mark_invoice_uncollectible)

"""Invoices, as objects: made as drafts, read, changed, deleted. Stripe page: "Invoices"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.tasks.declaration import StripeObject, Wanted, async_twin, many, one, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import (
        InvoiceCreateParams,
        InvoiceDeleteParams,
        InvoiceListParams,
        InvoicePaymentListParams,
        InvoiceRetrieveParams,
        InvoiceSearchParams,
        InvoiceUpdateParams,
    )


@stripe_task
def create_invoice(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[InvoiceCreateParams],
) -> Wanted[StripeObject]:
    """Create a draft invoice. Stripe page: "Create an invoice".

    It is empty: add items with `invoice=` set to its id. Finalized without items it comes to nothing and is paid at
    once. Pending items of the customer are swept in only with `pending_invoice_items_behavior="include"`.
    `collection_method="send_invoice"` needs `due_date` or `days_until_due`, which no other takes. With
    `auto_advance=True` Stripe finalizes and collects it by itself an hour later.

    Args:
        credentials: As whom.
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `customer`, `currency`, `collection_method`, `days_until_due`,
            `auto_advance`, `metadata`; `application_fee_amount` in minor units.

    Returns:
        The invoice.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, create_invoice, create_invoice_item

        @flow
        def try_create_invoice(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            invoice = create_invoice(credentials, customer=customer, currency="usd")["id"]
            create_invoice_item(
                credentials, customer=customer, invoice=invoice, currency="usd", unit_amount_decimal="1250", quantity=2
            )
            return invoice
        ```
    """
    return one(
        credentials,
        "create_invoice",
        (),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def retrieve_invoice(
    credentials: StripeCredentials,
    invoice: str,
    *,
    expand: Sequence[str] = (),
    stripe_account: str | None = None,
    **params: Unpack[InvoiceRetrieveParams],
) -> Wanted[StripeObject]:
    """Retrieve an invoice. Stripe page: "Retrieve an invoice".

    `lines` holds the first ten only: `list_invoice_line_items` has them all. Expand `payments` to see what paid it.

    Args:
        credentials: As whom.
        invoice: Id of the invoice (`in_…`).
        expand: Fields to expand.
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
        from prefect_stripe.tasks import create_customer, create_invoice, retrieve_invoice, create_invoice_item

        @flow
        def try_retrieve_invoice(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            invoice = create_invoice(credentials, customer=customer, currency="usd")["id"]
            create_invoice_item(
                credentials, customer=customer, invoice=invoice, currency="usd", unit_amount_decimal="1250", quantity=2
            )
            return retrieve_invoice(credentials, invoice)["total"]
        ```
    """
    return one(credentials, "retrieve_invoice", (invoice,), params, expand=expand, stripe_account=stripe_account)


@stripe_task
def update_invoice(
    credentials: StripeCredentials,
    invoice: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[InvoiceUpdateParams],
) -> Wanted[StripeObject]:
    """Update an invoice. Stripe page: "Update an invoice".

    A draft takes any change but of customer and currency; once finalized little more than `metadata` and
    `auto_advance`. What is not given stays as it is; `metadata` is merged, lists are replaced, `''` clears a field.

    Args:
        credentials: As whom.
        invoice: Id of the invoice (`in_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `description`, `due_date` (aware datetime), `collection_method`,
            `metadata`; `application_fee_amount` in minor units.

    Returns:
        The invoice.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, create_invoice, update_invoice, create_invoice_item

        @flow
        def try_update_invoice(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            invoice = create_invoice(credentials, customer=customer, currency="usd")["id"]
            create_invoice_item(
                credentials, customer=customer, invoice=invoice, currency="usd", unit_amount_decimal="1250", quantity=2
            )
            return update_invoice(credentials, invoice, description="Thank you")["description"]
        ```
    """
    return one(
        credentials,
        "update_invoice",
        (invoice,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def delete_invoice(
    credentials: StripeCredentials,
    invoice: str,
    *,
    stripe_account: str | None = None,
    **params: Unpack[InvoiceDeleteParams],
) -> Wanted[StripeObject]:
    """Delete a draft invoice. Stripe page: "Delete a draft invoice".

    Legal on a draft; void what is open. Items that the draft has swept in are not set free by it: delete or unassign
    them first.

    Args:
        credentials: As whom.
        invoice: Id of the invoice (`in_…`).
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: None: Stripe takes no others here.

    Returns:
        A stub: `id`, `object` and `deleted`.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, create_invoice, delete_invoice, create_invoice_item

        @flow
        def try_delete_invoice(credentials: StripeCredentials) -> bool:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            invoice = create_invoice(credentials, customer=customer, currency="usd")["id"]
            create_invoice_item(
                credentials, customer=customer, invoice=invoice, currency="usd", unit_amount_decimal="1250", quantity=2
            )
            return delete_invoice(credentials, invoice)["deleted"]
        ```
    """
    return one(credentials, "delete_invoice", (invoice,), params, stripe_account=stripe_account)


@stripe_task
def list_invoices(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[InvoiceListParams],
) -> Wanted[list[StripeObject]]:
    """List invoices, every page, newest first. Stripe page: "List all invoices".

    What was just made is there at once, unlike in a search. Each comes with its first ten lines only.

    Args:
        credentials: As whom.
        expand: Fields to expand; in a list they begin with `data.`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's filters: `customer`, `status`, `collection_method`, `created`, `due_date`, `subscription`;
            `limit` is the page size, 100 unless it says less.

    Returns:
        All that were found, each as Stripe sent it.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, create_invoice, list_invoices, create_invoice_item

        @flow
        def try_list_invoices(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            invoice = create_invoice(credentials, customer=customer, currency="usd")["id"]
            create_invoice_item(
                credentials, customer=customer, invoice=invoice, currency="usd", unit_amount_decimal="1250", quantity=2
            )
            return len(list_invoices(credentials, customer=customer, status="draft"))
        ```
    """
    return many(
        credentials, "list_invoices", (), params, expand=expand, max_items=max_items, stripe_account=stripe_account
    )


@stripe_task
def search_invoices(
    credentials: StripeCredentials,
    *,
    query: str,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[InvoiceSearchParams],
) -> Wanted[list[StripeObject]]:
    """Search invoices, every page. Stripe page: "Search invoices".

    Search lags behind: by up to a minute, and by an hour when Stripe has trouble. What must be found at once is listed,
    not searched. By `customer`, `status`, `number`, `total`, `currency`, `subscription`, `created` and metadata.
    `search_query` of `prefect_stripe.client.search` writes queries with the quotes in their places.

    Args:
        credentials: As whom.
        query: Search query, such as `status:'open' AND total>1000`; AND and OR do not mix.
        expand: Fields to expand; in a list they begin with `data.`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: `limit` is the page size, 100 unless it says less.

    Returns:
        All that were found, each as Stripe sent it.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import search_invoices

        @flow
        def try_search_invoices(credentials: StripeCredentials) -> int:
            return len(search_invoices(credentials, query="status:'open' AND total>1000"))
        ```
    """
    return many(
        credentials,
        "search_invoices",
        (),
        {"query": query, **params},
        expand=expand,
        max_items=max_items,
        stripe_account=stripe_account,
    )


@stripe_task
def list_invoice_payments(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[InvoicePaymentListParams],
) -> Wanted[list[StripeObject]]:
    """List the payments of invoices, every page, newest first. Stripe page: "List all payments for an invoice".

    What an invoice does not say itself: which PaymentIntent, charge or payment record it was paid by, and how much of
    it.

    Args:
        credentials: As whom.
        expand: Fields to expand; in a list they begin with `data.`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's filters: `invoice`, `status`, `payment`; `limit` is the page size, 100 unless it says less.

    Returns:
        All that were found, each as Stripe sent it.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import (
            create_customer,
            create_invoice,
            list_invoice_payments,
            finalize_invoice,
            create_invoice_item,
        )

        @flow
        def try_list_invoice_payments(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            invoice = create_invoice(credentials, customer=customer, currency="usd")["id"]
            create_invoice_item(
                credentials, customer=customer, invoice=invoice, currency="usd", unit_amount_decimal="1250", quantity=2
            )
            finalize_invoice(credentials, invoice)
            return len(list_invoice_payments(credentials, invoice=invoice))
        ```
    """
    return many(
        credentials,
        "list_invoice_payments",
        (),
        params,
        expand=expand,
        max_items=max_items,
        stripe_account=stripe_account,
    )


acreate_invoice = async_twin(create_invoice)
aretrieve_invoice = async_twin(retrieve_invoice)
aupdate_invoice = async_twin(update_invoice)
adelete_invoice = async_twin(delete_invoice)
alist_invoices = async_twin(list_invoices)
asearch_invoices = async_twin(search_invoices)
alist_invoice_payments = async_twin(list_invoice_payments)

"""Invoice items: what becomes a line of an invoice. Stripe page: "Invoice Items"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.tasks.declaration import StripeObject, Wanted, async_twin, many, one, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import (
        InvoiceItemCreateParams,
        InvoiceItemDeleteParams,
        InvoiceItemListParams,
        InvoiceItemRetrieveParams,
        InvoiceItemUpdateParams,
    )


@stripe_task
def create_invoice_item(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[InvoiceItemCreateParams],
) -> Wanted[StripeObject]:
    """Create an invoice item. Stripe page: "Create an invoice item".

    Name its draft with `invoice=`: without it the item waits, and lands on the next invoice that sweeps pending items
    in.

    Args:
        credentials: As whom.
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `customer`, `invoice`, `description`, `quantity`, and one of `amount`
            (minor units), `pricing`, `price_data` or `unit_amount_decimal` (minor units, as a decimal) with `currency`.

    Returns:
        The invoice item.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, create_invoice, create_invoice_item

        @flow
        def try_create_invoice_item(credentials: StripeCredentials) -> str:
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
        "create_invoice_item",
        (),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def retrieve_invoice_item(
    credentials: StripeCredentials,
    invoiceitem: str,
    *,
    expand: Sequence[str] = (),
    stripe_account: str | None = None,
    **params: Unpack[InvoiceItemRetrieveParams],
) -> Wanted[StripeObject]:
    """Retrieve an invoice item. Stripe page: "Retrieve an invoice item".

    It is not its line: on an invoice that has an id of its own (`il_…`).

    Args:
        credentials: As whom.
        invoiceitem: Id of the invoice item (`ii_…`).
        expand: Fields to expand.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: None: Stripe takes no others here.

    Returns:
        The invoice item.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, create_invoice_item, retrieve_invoice_item

        @flow
        def try_retrieve_invoice_item(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            item = create_invoice_item(credentials, customer=customer, amount=1250, currency="usd")["id"]
            return retrieve_invoice_item(credentials, item)["amount"]
        ```
    """
    return one(
        credentials, "retrieve_invoice_item", (invoiceitem,), params, expand=expand, stripe_account=stripe_account
    )


@stripe_task
def update_invoice_item(
    credentials: StripeCredentials,
    invoiceitem: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[InvoiceItemUpdateParams],
) -> Wanted[StripeObject]:
    """Update an invoice item. Stripe page: "Update an invoice item".

    Legal while it is pending or on a draft. Customer, invoice and currency stay.

    Args:
        credentials: As whom.
        invoiceitem: Id of the invoice item (`ii_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `quantity`, `description`, `unit_amount_decimal` (minor units).

    Returns:
        The invoice item.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, create_invoice_item, update_invoice_item

        @flow
        def try_update_invoice_item(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            item = create_invoice_item(credentials, customer=customer, amount=1250, currency="usd")["id"]
            return update_invoice_item(credentials, item, description="Coffee")["description"]
        ```
    """
    return one(
        credentials,
        "update_invoice_item",
        (invoiceitem,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def delete_invoice_item(
    credentials: StripeCredentials,
    invoiceitem: str,
    *,
    stripe_account: str | None = None,
    **params: Unpack[InvoiceItemDeleteParams],
) -> Wanted[StripeObject]:
    """Delete an invoice item. Stripe page: "Delete an invoice item".

    Legal while it is pending or on a draft, which then comes to less.

    Args:
        credentials: As whom.
        invoiceitem: Id of the invoice item (`ii_…`).
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
        from prefect_stripe.tasks import create_customer, create_invoice_item, delete_invoice_item

        @flow
        def try_delete_invoice_item(credentials: StripeCredentials) -> bool:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            item = create_invoice_item(credentials, customer=customer, amount=1250, currency="usd")["id"]
            return delete_invoice_item(credentials, item)["deleted"]
        ```
    """
    return one(credentials, "delete_invoice_item", (invoiceitem,), params, stripe_account=stripe_account)


@stripe_task
def list_invoice_items(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[InvoiceItemListParams],
) -> Wanted[list[StripeObject]]:
    """List invoice items, every page, newest first. Stripe page: "List all invoice items".

    With `pending=True`, those that are on no invoice yet.

    Args:
        credentials: As whom.
        expand: Fields to expand; in a list they begin with `data.`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's filters: `customer`, `invoice`, `pending`, `created`; `limit` is the page size, 100 unless it
            says less.

    Returns:
        All that were found, each as Stripe sent it.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, create_invoice, create_invoice_item, list_invoice_items

        @flow
        def try_list_invoice_items(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            invoice = create_invoice(credentials, customer=customer, currency="usd")["id"]
            create_invoice_item(
                credentials, customer=customer, invoice=invoice, currency="usd", unit_amount_decimal="1250", quantity=2
            )
            return len(list_invoice_items(credentials, invoice=invoice))
        ```
    """
    return many(
        credentials, "list_invoice_items", (), params, expand=expand, max_items=max_items, stripe_account=stripe_account
    )


acreate_invoice_item = async_twin(create_invoice_item)
aretrieve_invoice_item = async_twin(retrieve_invoice_item)
aupdate_invoice_item = async_twin(update_invoice_item)
adelete_invoice_item = async_twin(delete_invoice_item)
alist_invoice_items = async_twin(list_invoice_items)

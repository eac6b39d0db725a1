"""Previews: the invoice that would come next, without making it. Stripe page: "Create a preview invoice"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.tasks.declaration import StripeObject, Wanted, async_twin, many, one, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import InvoiceCreatePreviewParams, InvoiceLineItemListParams


@stripe_task
def preview_invoice(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    stripe_account: str | None = None,
    **params: Unpack[InvoiceCreatePreviewParams],
) -> Wanted[StripeObject]:
    """Preview an invoice. Stripe page: "Create a preview invoice".

    What was "the upcoming invoice". Nothing is made: it is a POST that only reads. Name what to preview besides the
    customer: a subscription, a schedule, their details, or `invoice_items`.

    Args:
        credentials: As whom.
        expand: Fields to expand.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `customer`, `subscription`, `subscription_details`, `invoice_items`
            (amounts in minor units).

    Returns:
        The preview, which `list_preview_lines` reads on by its `id` for some days.

    Raises:
        InvalidRequestError: There is nothing to preview (`invoice_upcoming_none`).
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, preview_invoice

        @flow
        def try_preview_invoice(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            items = [{"amount": 1250, "currency": "usd", "description": "Coffee"}]
            return preview_invoice(credentials, customer=customer, invoice_items=items)["total"]
        ```
    """
    return one(credentials, "preview_invoice", (), params, expand=expand, stripe_account=stripe_account)


@stripe_task
def list_preview_lines(
    credentials: StripeCredentials,
    invoice: str,
    *,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[InvoiceLineItemListParams],
) -> Wanted[list[StripeObject]]:
    """List the lines of a preview, every page. Stripe page: "Retrieve an invoice's line items".

    The preview's `lines` holds the first ten only.

    Args:
        credentials: As whom.
        invoice: Id of the preview (`upcoming_in_…`).
        expand: Fields to expand; in a list they begin with `data.`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: `limit` is the page size, 100 unless it says less.

    Returns:
        All that were found, each as Stripe sent it.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, preview_invoice, list_preview_lines

        @flow
        def try_list_preview_lines(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            items = [{"amount": 1250, "currency": "usd", "description": "Coffee"}]
            preview = preview_invoice(credentials, customer=customer, invoice_items=items)
            return len(list_preview_lines(credentials, preview["id"]))
        ```
    """
    return many(
        credentials,
        "list_preview_lines",
        (invoice,),
        params,
        expand=expand,
        max_items=max_items,
        stripe_account=stripe_account,
    )


apreview_invoice = async_twin(preview_invoice)
alist_preview_lines = async_twin(list_preview_lines)

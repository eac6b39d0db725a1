"""The lines of an invoice. Stripe page: "Invoice Line Items"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.tasks.declaration import StripeObject, Wanted, async_twin, many, one, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import (
        InvoiceAddLinesParams,
        InvoiceAddLinesParamsLine,
        InvoiceLineItemListParams,
        InvoiceLineItemUpdateParams,
        InvoiceRemoveLinesParams,
        InvoiceRemoveLinesParamsLine,
        InvoiceUpdateLinesParams,
        InvoiceUpdateLinesParamsLine,
    )


@stripe_task
def list_invoice_line_items(
    credentials: StripeCredentials,
    invoice: str,
    *,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[InvoiceLineItemListParams],
) -> Wanted[list[StripeObject]]:
    """List the lines of an invoice, every page. Stripe page: "Retrieve an invoice's line items".

    The invoice itself holds the first ten only. A line's id (`il_…`) is what its update wants, not its item's (`ii_…`).

    Args:
        credentials: As whom.
        invoice: Id of the invoice (`in_…`).
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
        from prefect_stripe.tasks import create_customer, create_invoice, list_invoice_line_items, create_invoice_item

        @flow
        def try_list_invoice_line_items(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            invoice = create_invoice(credentials, customer=customer, currency="usd")["id"]
            create_invoice_item(
                credentials, customer=customer, invoice=invoice, currency="usd", unit_amount_decimal="1250", quantity=2
            )
            return len(list_invoice_line_items(credentials, invoice))
        ```
    """
    return many(
        credentials,
        "list_invoice_line_items",
        (invoice,),
        params,
        expand=expand,
        max_items=max_items,
        stripe_account=stripe_account,
    )


@stripe_task
def update_invoice_line(
    credentials: StripeCredentials,
    invoice: str,
    line_item: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[InvoiceLineItemUpdateParams],
) -> Wanted[StripeObject]:
    """Update one line of a draft invoice. Stripe page: "Update an invoice's line item".

    Legal on a draft. Answers with the line, not the invoice. The id is the line's (`il_…`), not the item's.

    Args:
        credentials: As whom.
        invoice: Id of the invoice (`in_…`).
        line_item: Id of the line item (`il_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `quantity`, `description`, `price_data`, `pricing`; `amount` in minor
            units.

    Returns:
        The line.

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
            list_invoice_line_items,
            update_invoice_line,
            create_invoice_item,
        )

        @flow
        def try_update_invoice_line(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            invoice = create_invoice(credentials, customer=customer, currency="usd")["id"]
            create_invoice_item(
                credentials, customer=customer, invoice=invoice, currency="usd", unit_amount_decimal="1250", quantity=2
            )
            line = list_invoice_line_items(credentials, invoice)[0]["id"]
            return update_invoice_line(credentials, invoice, line, quantity=3)["amount"]
        ```
    """
    return one(
        credentials,
        "update_invoice_line",
        (invoice, line_item),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def update_invoice_lines(
    credentials: StripeCredentials,
    invoice: str,
    *,
    lines: list[InvoiceUpdateLinesParamsLine],
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[InvoiceUpdateLinesParams],
) -> Wanted[StripeObject]:
    """Update several lines of a draft invoice at once. Stripe page: "Bulk update invoice line items".

    Legal on a draft. What a change does not name stays as it is on its line.

    Args:
        credentials: As whom.
        invoice: Id of the invoice (`in_…`).
        lines: The changes, each with the line's `id` (`il_…`); amounts in minor units.
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters: `invoice_metadata`.

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
            list_invoice_line_items,
            update_invoice_lines,
            create_invoice_item,
        )

        @flow
        def try_update_invoice_lines(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            invoice = create_invoice(credentials, customer=customer, currency="usd")["id"]
            create_invoice_item(
                credentials, customer=customer, invoice=invoice, currency="usd", unit_amount_decimal="1250", quantity=2
            )
            line = list_invoice_line_items(credentials, invoice)[0]["id"]
            return update_invoice_lines(credentials, invoice, lines=[{"id": line, "quantity": 3}])["total"]
        ```
    """
    return one(
        credentials,
        "update_invoice_lines",
        (invoice,),
        {"lines": lines, **params},
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def add_invoice_lines(
    credentials: StripeCredentials,
    invoice: str,
    *,
    lines: list[InvoiceAddLinesParamsLine],
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[InvoiceAddLinesParams],
) -> Wanted[StripeObject]:
    """Add several lines to a draft invoice at once. Stripe page: "Bulk add invoice line items".

    Legal on a draft, of 250 lines at the most. Under another key the same lines are added again.

    Args:
        credentials: As whom.
        invoice: Id of the invoice (`in_…`).
        lines: The lines, each with a `description` and `amount` (minor units), `pricing` or `price_data`.
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters: `invoice_metadata`.

    Returns:
        The invoice.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, create_invoice, add_invoice_lines, create_invoice_item

        @flow
        def try_add_invoice_lines(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            invoice = create_invoice(credentials, customer=customer, currency="usd")["id"]
            create_invoice_item(
                credentials, customer=customer, invoice=invoice, currency="usd", unit_amount_decimal="1250", quantity=2
            )
            return add_invoice_lines(credentials, invoice, lines=[{"description": "Shipping", "amount": 500}])["total"]
        ```
    """
    return one(
        credentials,
        "add_invoice_lines",
        (invoice,),
        {"lines": lines, **params},
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def remove_invoice_lines(
    credentials: StripeCredentials,
    invoice: str,
    *,
    lines: list[InvoiceRemoveLinesParamsLine],
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[InvoiceRemoveLinesParams],
) -> Wanted[StripeObject]:
    """Remove lines from a draft invoice. Stripe page: "Bulk remove invoice line items".

    Legal on a draft. What is deleted is gone; an item that is unassigned waits for the customer's next invoice.

    Args:
        credentials: As whom.
        invoice: Id of the invoice (`in_…`).
        lines: Each with the line's `id` (`il_…`) and `behavior`: `delete` it, or `unassign` its item from the invoice.
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters: `invoice_metadata`.

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
            list_invoice_line_items,
            remove_invoice_lines,
            create_invoice_item,
        )

        @flow
        def try_remove_invoice_lines(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            invoice = create_invoice(credentials, customer=customer, currency="usd")["id"]
            create_invoice_item(
                credentials, customer=customer, invoice=invoice, currency="usd", unit_amount_decimal="1250", quantity=2
            )
            line = list_invoice_line_items(credentials, invoice)[0]["id"]
            return remove_invoice_lines(credentials, invoice, lines=[{"id": line, "behavior": "delete"}])["total"]
        ```
    """
    return one(
        credentials,
        "remove_invoice_lines",
        (invoice,),
        {"lines": lines, **params},
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


alist_invoice_line_items = async_twin(list_invoice_line_items)
aupdate_invoice_line = async_twin(update_invoice_line)
aupdate_invoice_lines = async_twin(update_invoice_lines)
aadd_invoice_lines = async_twin(add_invoice_lines)
aremove_invoice_lines = async_twin(remove_invoice_lines)

"""Previews: the invoice that would come next, without making it. Stripe page: "Create a preview invoice"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client import InvalidRequestError
from prefect_stripe.tasks.declaration import Steps, StripeObject, Wanted, async_twin, many, one, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import InvoiceCreatePreviewParams, InvoiceLineItemListParams


@stripe_task
def preview_invoice(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    stripe_account: str | None = None,
    **params: Unpack[InvoiceCreatePreviewParams],
) -> Steps[StripeObject]:
    """Preview an invoice. Stripe page: "Create a preview invoice".

    What was "the upcoming invoice". Nothing is made: it is a POST that only reads. Stripe wants to be told what to
    preview besides the customer: a subscription, a schedule, the items or phases of one to be, or `invoice_items`. With
    a customer alone its subscriptions are listed, and the next invoice to come of any of them is previewed; where there
    is none the answer is `{}`.

    Args:
        credentials: As whom.
        expand: Fields to expand.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `customer`, `subscription`, `subscription_details`, `invoice_items`
            (amounts in minor units).

    Returns:
        The preview, which `list_preview_lines` reads on by its `id` for some days; empty where nothing is upcoming.

    Raises:
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
            preview = preview_invoice(
                credentials,
                customer=customer,
                invoice_items=[{"amount": 1250, "currency": "usd", "description": "Coffee"}],
            )
            return preview["total"]
        ```
    """
    given: dict[str, Any] = {**params}
    owner = {name: given[name] for name in ("customer", "customer_account") if given.get(name) is not None}
    named: list[dict[str, str]] = [{}]
    if owner and not _says_what(given):
        subscriptions = yield many(credentials, "list_subscriptions", (), owner, stripe_account=stripe_account)
        renewals = dict[str, int]()
        for each in subscriptions:
            items = each["items"]["data"]
            if each["items"]["has_more"] and len(subscriptions) > 1:
                of = {"subscription": each["id"]}
                items = yield many(credentials, "list_subscription_items", (), of, stripe_account=stripe_account)
            renewals[each["id"]] = min((item["current_period_end"] for item in items), default=0)
        named = [{"subscription": id} for id in sorted(renewals, key=renewals.__getitem__)]
    for what in named:
        call = {**given, **what}
        try:
            found = yield one(credentials, "preview_invoice", (), call, expand=expand, stripe_account=stripe_account)
            return cast(StripeObject, found)
        except InvalidRequestError as error:
            if error.code != "invoice_upcoming_none":
                raise
    return {}


def _says_what(given: Mapping[str, Any]) -> bool:
    subscription: Any = given.get("subscription_details") or {}
    schedule: Any = given.get("schedule_details") or {}
    named = (given.get(name) for name in ("subscription", "schedule", "invoice_items"))
    return any(each is not None for each in (subscription.get("items"), schedule.get("phases"), *named))


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

    The preview's `lines` holds the first ten only. Stripe keeps a preview for some days.

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
            preview = preview_invoice(
                credentials,
                customer=customer,
                invoice_items=[{"amount": 1250, "currency": "usd", "description": "Coffee"}],
            )
            return len(list_preview_lines(credentials, preview["id"])) if preview else 0
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

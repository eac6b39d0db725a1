"""Payment links: a page where anyone can pay. Stripe page: "Payment Links"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.tasks.declaration import StripeObject, Wanted, async_twin, many, one, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import (
        PaymentLinkCreateParams,
        PaymentLinkCreateParamsLineItem,
        PaymentLinkLineItemListParams,
        PaymentLinkListParams,
        PaymentLinkRetrieveParams,
        PaymentLinkUpdateParams,
    )


@stripe_task
def create_payment_link(
    credentials: StripeCredentials,
    *,
    line_items: list[PaymentLinkCreateParamsLineItem],
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PaymentLinkCreateParams],
) -> Wanted[StripeObject]:
    """Create a payment link. Stripe page: "Create a payment link".

    Its `url` is what customers are given. It can be retired, not deleted.

    Args:
        credentials: As whom.
        line_items: What is sold: up to 20, each with `quantity` and `price` or `price_data` (minor units).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `after_completion`, `allow_promotion_codes`, `metadata`.

    Returns:
        The payment link.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_product, create_price, create_payment_link

        @flow
        def try_create_payment_link(credentials: StripeCredentials) -> str:
            product = create_product(credentials, name="Coffee, 1 kg")["id"]
            price = create_price(credentials, currency="usd", product=product, unit_amount=1250)["id"]
            return create_payment_link(credentials, line_items=[{"price": price, "quantity": 1}])["url"]
        ```
    """
    return one(
        credentials,
        "create_payment_link",
        (),
        {"line_items": line_items, **params},
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def retrieve_payment_link(
    credentials: StripeCredentials,
    payment_link: str,
    *,
    expand: Sequence[str] = (),
    stripe_account: str | None = None,
    **params: Unpack[PaymentLinkRetrieveParams],
) -> Wanted[StripeObject]:
    """Retrieve a payment link. Stripe page: "Retrieve payment link".

    Its line items are left out unless expanded (`expand=["line_items"]`).

    Args:
        credentials: As whom.
        payment_link: Id of the payment link (`plink_…`).
        expand: Fields to expand.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: None: Stripe takes no others here.

    Returns:
        The payment link.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_product, create_price, create_payment_link, retrieve_payment_link

        @flow
        def try_retrieve_payment_link(credentials: StripeCredentials) -> bool:
            product = create_product(credentials, name="Coffee, 1 kg")["id"]
            price = create_price(credentials, currency="usd", product=product, unit_amount=1250)["id"]
            link = create_payment_link(credentials, line_items=[{"price": price, "quantity": 1}])["id"]
            return retrieve_payment_link(credentials, link)["active"]
        ```
    """
    return one(
        credentials, "retrieve_payment_link", (payment_link,), params, expand=expand, stripe_account=stripe_account
    )


@stripe_task
def update_payment_link(
    credentials: StripeCredentials,
    payment_link: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PaymentLinkUpdateParams],
) -> Wanted[StripeObject]:
    """Update a payment link. Stripe page: "Update a payment link".

    It cannot be deleted: retire it with `active=False`. Its prices stay; quantities may change.

    Args:
        credentials: As whom.
        payment_link: Id of the payment link (`plink_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `active`, `line_items`, `metadata`; `application_fee_amount` in minor
            units.

    Returns:
        The payment link.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_product, create_price, create_payment_link, update_payment_link

        @flow
        def try_update_payment_link(credentials: StripeCredentials) -> bool:
            product = create_product(credentials, name="Coffee, 1 kg")["id"]
            price = create_price(credentials, currency="usd", product=product, unit_amount=1250)["id"]
            link = create_payment_link(credentials, line_items=[{"price": price, "quantity": 1}])["id"]
            return update_payment_link(credentials, link, active=False)["active"]
        ```
    """
    return one(
        credentials,
        "update_payment_link",
        (payment_link,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def list_payment_links(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PaymentLinkListParams],
) -> Wanted[list[StripeObject]]:
    """List payment links, every page, newest first. Stripe page: "List all payment links".

    Retired ones are among them unless `active` says otherwise.

    Args:
        credentials: As whom.
        expand: Fields to expand; in a list they begin with `data.`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's filters: `active`; `limit` is the page size, 100 unless it says less.

    Returns:
        All that were found, each as Stripe sent it.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_product, create_price, create_payment_link, list_payment_links

        @flow
        def try_list_payment_links(credentials: StripeCredentials) -> int:
            product = create_product(credentials, name="Coffee, 1 kg")["id"]
            price = create_price(credentials, currency="usd", product=product, unit_amount=1250)["id"]
            create_payment_link(credentials, line_items=[{"price": price, "quantity": 1}])
            return len(list_payment_links(credentials, active=True))
        ```
    """
    return many(
        credentials, "list_payment_links", (), params, expand=expand, max_items=max_items, stripe_account=stripe_account
    )


@stripe_task
def list_payment_link_line_items(
    credentials: StripeCredentials,
    payment_link: str,
    *,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PaymentLinkLineItemListParams],
) -> Wanted[list[StripeObject]]:
    """List the line items of a payment link, every page. Stripe page: "Retrieve a payment link's line items".

    They are not on the payment link itself, unless expanded there.

    Args:
        credentials: As whom.
        payment_link: Id of the payment link (`plink_…`).
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
        from prefect_stripe.tasks import (
            create_product,
            create_price,
            create_payment_link,
            list_payment_link_line_items,
        )

        @flow
        def try_list_payment_link_line_items(credentials: StripeCredentials) -> int:
            product = create_product(credentials, name="Coffee, 1 kg")["id"]
            price = create_price(credentials, currency="usd", product=product, unit_amount=1250)["id"]
            link = create_payment_link(credentials, line_items=[{"price": price, "quantity": 1}])["id"]
            return len(list_payment_link_line_items(credentials, link))
        ```
    """
    return many(
        credentials,
        "list_payment_link_line_items",
        (payment_link,),
        params,
        expand=expand,
        max_items=max_items,
        stripe_account=stripe_account,
    )


acreate_payment_link = async_twin(create_payment_link)
aretrieve_payment_link = async_twin(retrieve_payment_link)
aupdate_payment_link = async_twin(update_payment_link)
alist_payment_links = async_twin(list_payment_links)
alist_payment_link_line_items = async_twin(list_payment_link_line_items)

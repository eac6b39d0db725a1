"""Subscriptions, as far as their invoices need them. Stripe page: "Subscriptions"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.tasks.declaration import StripeObject, Wanted, async_twin, many, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import SubscriptionItemListParams, SubscriptionListParams


@stripe_task
def list_subscriptions(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[SubscriptionListParams],
) -> Wanted[list[StripeObject]]:
    """List subscriptions, every page, newest first. Stripe page: "List subscriptions".

    Canceled ones are listed only where `status` asks for them (`canceled`, `all`). Each shows its first ten items:
    `list_subscription_items` has them all.

    Args:
        credentials: As whom.
        expand: Fields to expand; in a list they begin with `data.`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's filters: `customer`, `price`, `status`, `created`; `limit` is the page size, 100 unless it
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
        from prefect_stripe.tasks import list_subscriptions

        @flow
        def try_list_subscriptions(credentials: StripeCredentials) -> int:
            return len(list_subscriptions(credentials, status="active"))
        ```
    """
    return many(
        credentials, "list_subscriptions", (), params, expand=expand, max_items=max_items, stripe_account=stripe_account
    )


alist_subscriptions = async_twin(list_subscriptions)


@stripe_task
def list_subscription_items(
    credentials: StripeCredentials,
    *,
    subscription: str,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[SubscriptionItemListParams],
) -> Wanted[list[StripeObject]]:
    """List the items of a subscription, every page. Stripe page: "List all subscription items".

    Args:
        credentials: As whom.
        subscription: Id of the subscription (`sub_…`).
        expand: Fields to expand; in a list they begin with `data.`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: `limit`, the page size, 100 unless it says less.

    Returns:
        All that were found, each as Stripe sent it.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import list_subscription_items, list_subscriptions

        @flow
        def try_list_subscription_items(credentials: StripeCredentials) -> int:
            subscription = list_subscriptions(credentials, status="active", max_items=1)[0]["id"]
            return len(list_subscription_items(credentials, subscription=subscription))
        ```
    """
    return many(
        credentials,
        "list_subscription_items",
        (),
        {"subscription": subscription, **params},
        expand=expand,
        max_items=max_items,
        stripe_account=stripe_account,
    )


alist_subscription_items = async_twin(list_subscription_items)

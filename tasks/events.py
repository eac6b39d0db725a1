"""Events: what happened in the account, for thirty days. Stripe page: "Events"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.tasks.declaration import StripeObject, Wanted, async_twin, many, one, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import EventListParams, EventRetrieveParams


@stripe_task
def retrieve_event(
    credentials: StripeCredentials,
    event: str,
    *,
    expand: Sequence[str] = (),
    stripe_account: str | None = None,
    **params: Unpack[EventRetrieveParams],
) -> Wanted[StripeObject]:
    """Retrieve an event. Stripe page: "Retrieve an event".

    It can be read for thirty days, and holds its object as it was then, not as it is.

    Args:
        credentials: As whom.
        event: Id of the event (`evt_…`).
        expand: Fields to expand.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: None: Stripe takes no others here.

    Returns:
        The event.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, retrieve_event, list_events

        @flow
        def try_retrieve_event(credentials: StripeCredentials) -> str:
            create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")
            event = list_events(credentials, type="customer.created", max_items=1)[0]["id"]
            return retrieve_event(credentials, event)["type"]
        ```
    """
    return one(credentials, "retrieve_event", (event,), params, expand=expand, stripe_account=stripe_account)


@stripe_task
def list_events(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[EventListParams],
) -> Wanted[list[StripeObject]]:
    """List events, every page, newest first. Stripe page: "List all events".

    Only the last thirty days. Each holds its object as it was then.

    Args:
        credentials: As whom.
        expand: Fields to expand; in a list they begin with `data.`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's filters: `type`, `types`, `created`, `delivery_success`; `limit` is the page size, 100 unless
            it says less.

    Returns:
        All that were found, each as Stripe sent it.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, list_events

        @flow
        def try_list_events(credentials: StripeCredentials) -> int:
            create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")
            return len(list_events(credentials, type="customer.created"))
        ```
    """
    return many(
        credentials, "list_events", (), params, expand=expand, max_items=max_items, stripe_account=stripe_account
    )


aretrieve_event = async_twin(retrieve_event)
alist_events = async_twin(list_events)

"""Payouts: what Stripe pays to the bank account. Stripe page: "Payouts"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.tasks.declaration import StripeObject, Wanted, async_twin, many, one, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import PayoutListParams, PayoutRetrieveParams


@stripe_task
def retrieve_payout(
    credentials: StripeCredentials,
    payout: str,
    *,
    expand: Sequence[str] = (),
    stripe_account: str | None = None,
    **params: Unpack[PayoutRetrieveParams],
) -> Wanted[StripeObject]:
    """Retrieve a payout. Stripe page: "Retrieve a payout".

    One that is `paid` may still turn to `failed`, when the bank sends it back.

    Args:
        credentials: As whom.
        payout: Id of the payout (`po_…`).
        expand: Fields to expand.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: None: Stripe takes no others here.

    Returns:
        The payout.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import retrieve_payout, list_payouts

        @flow
        def try_retrieve_payout(credentials: StripeCredentials) -> str:
            payouts = list_payouts(credentials, max_items=1)
            return retrieve_payout(credentials, payouts[0]["id"])["status"] if payouts else "none yet"
        ```
    """
    return one(credentials, "retrieve_payout", (payout,), params, expand=expand, stripe_account=stripe_account)


@stripe_task
def list_payouts(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PayoutListParams],
) -> Wanted[list[StripeObject]]:
    """List payouts, every page, newest first. Stripe page: "List all payouts".

    What an automatic one is made of is listed with `list_balance_transactions(payout=…)`.

    Args:
        credentials: As whom.
        expand: Fields to expand; in a list they begin with `data.`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's filters: `status`, `arrival_date`, `created`, `destination`; `limit` is the page size, 100
            unless it says less.

    Returns:
        All that were found, each as Stripe sent it.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import list_payouts

        @flow
        def try_list_payouts(credentials: StripeCredentials) -> int:
            return len(list_payouts(credentials, status="paid"))
        ```
    """
    return many(
        credentials, "list_payouts", (), params, expand=expand, max_items=max_items, stripe_account=stripe_account
    )


aretrieve_payout = async_twin(retrieve_payout)
alist_payouts = async_twin(list_payouts)

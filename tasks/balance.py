"""The balance: what the account has at Stripe. Stripe page: "Balance"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.tasks.declaration import StripeObject, Wanted, async_twin, one, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import BalanceRetrieveParams


@stripe_task
def retrieve_balance(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    stripe_account: str | None = None,
    **params: Unpack[BalanceRetrieveParams],
) -> Wanted[StripeObject]:
    """Retrieve the balance. Stripe page: "Retrieve balance".

    What is `available` can be paid out; what is `pending` will be. Each is a list with an element a currency.

    Args:
        credentials: As whom.
        expand: Fields to expand.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: None: Stripe takes no others here.

    Returns:
        The balance.

    Raises:
        ParameterError: A parameter that Stripe does not know; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import retrieve_balance

        @flow
        def try_retrieve_balance(credentials: StripeCredentials) -> dict[str, int]:
            return {one["currency"]: one["amount"] for one in retrieve_balance(credentials)["pending"]}
        ```
    """
    return one(credentials, "retrieve_balance", (), params, expand=expand, stripe_account=stripe_account)


aretrieve_balance = async_twin(retrieve_balance)

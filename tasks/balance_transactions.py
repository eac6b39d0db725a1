"""Balance transactions: every movement of the account's balance, with its fee. Stripe page: "Balance Transactions"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.tasks.declaration import StripeObject, Wanted, async_twin, many, one, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import BalanceTransactionListParams, BalanceTransactionRetrieveParams


@stripe_task
def retrieve_balance_transaction(
    credentials: StripeCredentials,
    balance_transaction: str,
    *,
    expand: Sequence[str] = (),
    stripe_account: str | None = None,
    **params: Unpack[BalanceTransactionRetrieveParams],
) -> Wanted[StripeObject]:
    """Retrieve a balance transaction. Stripe page: "Retrieve a balance transaction".

    `net` is `amount` less `fee`, in minor units of the settlement currency, which may not be the charge's.

    Args:
        credentials: As whom.
        balance_transaction: Id of the balance transaction (`txn_…`).
        expand: Fields to expand.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: None: Stripe takes no others here.

    Returns:
        The balance transaction.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import (
            create_customer,
            attach_payment_method,
            create_payment_intent,
            retrieve_balance_transaction,
            list_balance_transactions,
        )

        @flow
        def try_retrieve_balance_transaction(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            card = attach_payment_method(credentials, "pm_card_visa", customer=customer)["id"]
            create_payment_intent(
                credentials,
                amount=5000,
                currency="usd",
                customer=customer,
                payment_method=card,
                confirm=True,
                allowed_payment_method_types=["card"],
            )
            transaction = list_balance_transactions(credentials, max_items=1)[0]["id"]
            return retrieve_balance_transaction(credentials, transaction)["net"]
        ```
    """
    return one(
        credentials,
        "retrieve_balance_transaction",
        (balance_transaction,),
        params,
        expand=expand,
        stripe_account=stripe_account,
    )


@stripe_task
def list_balance_transactions(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[BalanceTransactionListParams],
) -> Wanted[list[StripeObject]]:
    """List balance transactions, every page, newest first. Stripe page: "List all balance transactions".

    `net` is `amount` less `fee`, in minor units of the settlement currency, which may not be the charge's. By `payout`,
    what an automatic payout is made of.

    Args:
        credentials: As whom.
        expand: Fields to expand; in a list they begin with `data.`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's filters: `payout`, `type`, `source`, `currency`, `created`; `limit` is the page size, 100
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
        from prefect_stripe.tasks import (
            create_customer,
            attach_payment_method,
            create_payment_intent,
            list_balance_transactions,
        )

        @flow
        def try_list_balance_transactions(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            card = attach_payment_method(credentials, "pm_card_visa", customer=customer)["id"]
            create_payment_intent(
                credentials,
                amount=5000,
                currency="usd",
                customer=customer,
                payment_method=card,
                confirm=True,
                allowed_payment_method_types=["card"],
            )
            return len(list_balance_transactions(credentials, type="charge"))
        ```
    """
    return many(
        credentials,
        "list_balance_transactions",
        (),
        params,
        expand=expand,
        max_items=max_items,
        stripe_account=stripe_account,
    )


aretrieve_balance_transaction = async_twin(retrieve_balance_transaction)
alist_balance_transactions = async_twin(list_balance_transactions)

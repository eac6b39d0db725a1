"""Payment intents, as objects: one for each payment to be taken. Stripe page: "PaymentIntents"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.tasks.declaration import StripeObject, Wanted, async_twin, many, one, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import (
        PaymentIntentCreateParams,
        PaymentIntentListParams,
        PaymentIntentRetrieveParams,
        PaymentIntentSearchParams,
        PaymentIntentUpdateParams,
    )


@stripe_task
def create_payment_intent(
    credentials: StripeCredentials,
    *,
    amount: int,
    currency: str,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PaymentIntentCreateParams],
) -> Wanted[StripeObject]:
    """Create a PaymentIntent. Stripe page: "Create a PaymentIntent".

    With `confirm=True` it charges at once; from a server that needs `allowed_payment_method_types=["card"]` or the
    like, so that no customer has to be sent elsewhere. Its `client_secret` is left out of the result.

    Args:
        credentials: As whom.
        amount: Minor units: 1250 for 12.50 USD, 500 for 500 JPY.
        currency: Three-letter code, lower case.
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `customer`, `payment_method`, `capture_method`, `confirm`, `metadata`.

    Returns:
        The PaymentIntent.

    Raises:
        CardError: Confirmed at once, and declined; the error names the PaymentIntent, which is there all the same.
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, create_payment_intent

        @flow
        def try_create_payment_intent(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            intent = create_payment_intent(
                credentials, amount=5000, currency="usd", customer=customer, allowed_payment_method_types=["card"]
            )["id"]
            return intent
        ```
    """
    return one(
        credentials,
        "create_payment_intent",
        (),
        {"amount": amount, "currency": currency, **params},
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def retrieve_payment_intent(
    credentials: StripeCredentials,
    payment_intent: str,
    *,
    expand: Sequence[str] = (),
    stripe_account: str | None = None,
    **params: Unpack[PaymentIntentRetrieveParams],
) -> Wanted[StripeObject]:
    """Retrieve a PaymentIntent. Stripe page: "Retrieve a PaymentIntent".

    Its `client_secret` is left out of the result. What it was paid by is `latest_charge`, an id unless expanded.

    Args:
        credentials: As whom.
        payment_intent: Id of the payment intent (`pi_…`).
        expand: Fields to expand.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters: `client_secret`.

    Returns:
        The PaymentIntent.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, create_payment_intent, retrieve_payment_intent

        @flow
        def try_retrieve_payment_intent(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            intent = create_payment_intent(
                credentials, amount=5000, currency="usd", customer=customer, allowed_payment_method_types=["card"]
            )["id"]
            return retrieve_payment_intent(credentials, intent)["status"]
        ```
    """
    return one(
        credentials, "retrieve_payment_intent", (payment_intent,), params, expand=expand, stripe_account=stripe_account
    )


@stripe_task
def update_payment_intent(
    credentials: StripeCredentials,
    payment_intent: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PaymentIntentUpdateParams],
) -> Wanted[StripeObject]:
    """Update a PaymentIntent. Stripe page: "Update a PaymentIntent".

    The amount may change in `requires_payment_method`, `requires_confirmation` and `requires_action`. What is not given
    stays as it is; `metadata` is merged, `''` clears a field.

    Args:
        credentials: As whom.
        payment_intent: Id of the payment intent (`pi_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `amount` (minor units), `description`, `metadata`.

    Returns:
        The PaymentIntent.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, create_payment_intent, update_payment_intent

        @flow
        def try_update_payment_intent(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            intent = create_payment_intent(
                credentials, amount=5000, currency="usd", customer=customer, allowed_payment_method_types=["card"]
            )["id"]
            return update_payment_intent(credentials, intent, amount=6000)["amount"]
        ```
    """
    return one(
        credentials,
        "update_payment_intent",
        (payment_intent,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def list_payment_intents(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PaymentIntentListParams],
) -> Wanted[list[StripeObject]]:
    """List PaymentIntents, every page, newest first. Stripe page: "List all PaymentIntents".

    Those that pay invoices are among them.

    Args:
        credentials: As whom.
        expand: Fields to expand; in a list they begin with `data.`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's filters: `customer`, `created`; `limit` is the page size, 100 unless it says less.

    Returns:
        All that were found, each as Stripe sent it.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, create_payment_intent, list_payment_intents

        @flow
        def try_list_payment_intents(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            create_payment_intent(
                credentials, amount=5000, currency="usd", customer=customer, allowed_payment_method_types=["card"]
            )
            return len(list_payment_intents(credentials, customer=customer))
        ```
    """
    return many(
        credentials,
        "list_payment_intents",
        (),
        params,
        expand=expand,
        max_items=max_items,
        stripe_account=stripe_account,
    )


@stripe_task
def search_payment_intents(
    credentials: StripeCredentials,
    *,
    query: str,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PaymentIntentSearchParams],
) -> Wanted[list[StripeObject]]:
    """Search PaymentIntents, every page. Stripe page: "Search PaymentIntents".

    Search lags behind: by up to a minute, and by an hour when Stripe has trouble. What must be found at once is listed,
    not searched. By `amount`, `currency`, `customer`, `status`, `created` and metadata. `search_query` of
    `prefect_stripe.client.search` writes queries with the quotes in their places.

    Args:
        credentials: As whom.
        query: Search query, such as `status:'succeeded' AND amount>1000`; AND and OR do not mix.
        expand: Fields to expand; in a list they begin with `data.`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: `limit` is the page size, 100 unless it says less.

    Returns:
        All that were found, each as Stripe sent it.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import search_payment_intents

        @flow
        def try_search_payment_intents(credentials: StripeCredentials) -> int:
            return len(search_payment_intents(credentials, query="status:'succeeded' AND amount>1000"))
        ```
    """
    return many(
        credentials,
        "search_payment_intents",
        (),
        {"query": query, **params},
        expand=expand,
        max_items=max_items,
        stripe_account=stripe_account,
    )


acreate_payment_intent = async_twin(create_payment_intent)
aretrieve_payment_intent = async_twin(retrieve_payment_intent)
aupdate_payment_intent = async_twin(update_payment_intent)
alist_payment_intents = async_twin(list_payment_intents)
asearch_payment_intents = async_twin(search_payment_intents)

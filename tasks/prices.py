"""Prices: what a product costs, and how often. Stripe page: "Prices"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.tasks.declaration import StripeObject, Wanted, async_twin, many, one, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import (
        PriceCreateParams,
        PriceListParams,
        PriceRetrieveParams,
        PriceSearchParams,
        PriceUpdateParams,
    )


@stripe_task
def create_price(
    credentials: StripeCredentials,
    *,
    currency: str,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PriceCreateParams],
) -> Wanted[StripeObject]:
    """Create a price. Stripe page: "Create a price".

    It needs `product` or `product_data`, and an amount. Amount, currency and interval can never change after. A
    `lookup_key` belongs to one price: `transfer_lookup_key=True` takes it from the one that has it.

    Args:
        credentials: As whom.
        currency: Three-letter code, lower case.
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `product`, `unit_amount` (minor units), `recurring`, `lookup_key`.

    Returns:
        The price.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_product, create_price

        @flow
        def try_create_price(credentials: StripeCredentials) -> str:
            product = create_product(credentials, name="Coffee, 1 kg")["id"]
            price = create_price(credentials, currency="usd", product=product, unit_amount=1250)["id"]
            return price
        ```
    """
    return one(
        credentials,
        "create_price",
        (),
        {"currency": currency, **params},
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def retrieve_price(
    credentials: StripeCredentials,
    price: str,
    *,
    expand: Sequence[str] = (),
    stripe_account: str | None = None,
    **params: Unpack[PriceRetrieveParams],
) -> Wanted[StripeObject]:
    """Retrieve a price. Stripe page: "Retrieve a price".

    Its `tiers` and `currency_options` are left out unless expanded.

    Args:
        credentials: As whom.
        price: Id of the price (`price_…`).
        expand: Fields to expand.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: None: Stripe takes no others here.

    Returns:
        The price.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_product, create_price, retrieve_price

        @flow
        def try_retrieve_price(credentials: StripeCredentials) -> int:
            product = create_product(credentials, name="Coffee, 1 kg")["id"]
            price = create_price(credentials, currency="usd", product=product, unit_amount=1250)["id"]
            return retrieve_price(credentials, price)["unit_amount"]
        ```
    """
    return one(credentials, "retrieve_price", (price,), params, expand=expand, stripe_account=stripe_account)


@stripe_task
def update_price(
    credentials: StripeCredentials,
    price: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PriceUpdateParams],
) -> Wanted[StripeObject]:
    """Update a price. Stripe page: "Update a price".

    Its amount cannot change, nor can it be deleted: make a new price, and archive this one with `active=False`.

    Args:
        credentials: As whom.
        price: Id of the price (`price_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `active`, `nickname`, `lookup_key` with `transfer_lookup_key`,
            `metadata`.

    Returns:
        The price.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_product, create_price, update_price

        @flow
        def try_update_price(credentials: StripeCredentials) -> bool:
            product = create_product(credentials, name="Coffee, 1 kg")["id"]
            price = create_price(credentials, currency="usd", product=product, unit_amount=1250)["id"]
            return update_price(credentials, price, active=False)["active"]
        ```
    """
    return one(
        credentials,
        "update_price",
        (price,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def list_prices(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PriceListParams],
) -> Wanted[list[StripeObject]]:
    """List prices, every page, newest first. Stripe page: "List all prices".

    Say `active`: whether archived prices are listed without it has changed over the years.

    Args:
        credentials: As whom.
        expand: Fields to expand; in a list they begin with `data.`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's filters: `active`, `product`, `currency`, `lookup_keys` (10 at most), `type`, `recurring`,
            `created`; `limit` is the page size, 100 unless it says less.

    Returns:
        All that were found, each as Stripe sent it.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_product, create_price, list_prices

        @flow
        def try_list_prices(credentials: StripeCredentials) -> int:
            product = create_product(credentials, name="Coffee, 1 kg")["id"]
            create_price(credentials, currency="usd", product=product, unit_amount=1250)
            return len(list_prices(credentials, product=product, active=True))
        ```
    """
    return many(
        credentials, "list_prices", (), params, expand=expand, max_items=max_items, stripe_account=stripe_account
    )


@stripe_task
def search_prices(
    credentials: StripeCredentials,
    *,
    query: str,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PriceSearchParams],
) -> Wanted[list[StripeObject]]:
    """Search prices, every page. Stripe page: "Search prices".

    Search lags behind: by up to a minute, and by an hour when Stripe has trouble. What must be found at once is listed,
    not searched. By `active`, `product`, `currency`, `lookup_key`, `type` and metadata. `search_query` of
    `prefect_stripe.client.search` writes queries with the quotes in their places.

    Args:
        credentials: As whom.
        query: Search query, such as `product:'prod_1'`; AND and OR do not mix.
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
        from prefect_stripe.tasks import search_prices

        @flow
        def try_search_prices(credentials: StripeCredentials) -> int:
            return len(search_prices(credentials, query="active:'true' AND currency:'usd'"))
        ```
    """
    return many(
        credentials,
        "search_prices",
        (),
        {"query": query, **params},
        expand=expand,
        max_items=max_items,
        stripe_account=stripe_account,
    )


acreate_price = async_twin(create_price)
aretrieve_price = async_twin(retrieve_price)
aupdate_price = async_twin(update_price)
alist_prices = async_twin(list_prices)
asearch_prices = async_twin(search_prices)

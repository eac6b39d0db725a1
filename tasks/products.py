"""Products: what is sold. Stripe page: "Products"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.tasks.declaration import StripeObject, Wanted, async_twin, many, one, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import (
        ProductCreateParams,
        ProductDeleteParams,
        ProductListParams,
        ProductRetrieveParams,
        ProductSearchParams,
        ProductUpdateParams,
    )


@stripe_task
def create_product(
    credentials: StripeCredentials,
    *,
    name: str,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[ProductCreateParams],
) -> Wanted[StripeObject]:
    """Create a product. Stripe page: "Create a product".

    Give it an `id` of your own, and a second call with it is refused instead of making a second product.

    Args:
        credentials: As whom.
        name: What customers read.
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `id`, `description`, `default_price_data`, `metadata`.

    Returns:
        The product.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_product

        @flow
        def try_create_product(credentials: StripeCredentials) -> str:
            product = create_product(credentials, name="Coffee, 1 kg")["id"]
            return product
        ```
    """
    return one(
        credentials,
        "create_product",
        (),
        {"name": name, **params},
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def retrieve_product(
    credentials: StripeCredentials,
    product: str,
    *,
    expand: Sequence[str] = (),
    stripe_account: str | None = None,
    **params: Unpack[ProductRetrieveParams],
) -> Wanted[StripeObject]:
    """Retrieve a product. Stripe page: "Retrieve a product".

    An archived one is answered as any other, with `active` false. Its prices are listed with `list_prices(product=…)`.

    Args:
        credentials: As whom.
        product: Id of the product (`prod_…`, or your own).
        expand: Fields to expand.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: None: Stripe takes no others here.

    Returns:
        The product.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_product, retrieve_product

        @flow
        def try_retrieve_product(credentials: StripeCredentials) -> str:
            product = create_product(credentials, name="Coffee, 1 kg")["id"]
            return retrieve_product(credentials, product)["name"]
        ```
    """
    return one(credentials, "retrieve_product", (product,), params, expand=expand, stripe_account=stripe_account)


@stripe_task
def update_product(
    credentials: StripeCredentials,
    product: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[ProductUpdateParams],
) -> Wanted[StripeObject]:
    """Update a product. Stripe page: "Update a product".

    What is not given stays as it is; `metadata` is merged, lists are replaced. `active=False` archives it.

    Args:
        credentials: As whom.
        product: Id of the product (`prod_…`, or your own).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `name`, `active`, `default_price`, `metadata`.

    Returns:
        The product.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_product, update_product

        @flow
        def try_update_product(credentials: StripeCredentials) -> bool:
            product = create_product(credentials, name="Coffee, 1 kg")["id"]
            return update_product(credentials, product, active=False)["active"]
        ```
    """
    return one(
        credentials,
        "update_product",
        (product,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def delete_product(
    credentials: StripeCredentials,
    product: str,
    *,
    stripe_account: str | None = None,
    **params: Unpack[ProductDeleteParams],
) -> Wanted[StripeObject]:
    """Delete a product. Stripe page: "Delete a product".

    Stripe refuses it once the product has prices: archive it then, with `update_product(…, active=False)`.

    Args:
        credentials: As whom.
        product: Id of the product (`prod_…`, or your own).
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: None: Stripe takes no others here.

    Returns:
        A stub: `id`, `object` and `deleted`.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_product, delete_product

        @flow
        def try_delete_product(credentials: StripeCredentials) -> bool:
            product = create_product(credentials, name="Coffee, 1 kg")["id"]
            return delete_product(credentials, product)["deleted"]
        ```
    """
    return one(credentials, "delete_product", (product,), params, stripe_account=stripe_account)


@stripe_task
def list_products(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[ProductListParams],
) -> Wanted[list[StripeObject]]:
    """List products, every page, newest first. Stripe page: "List all products".

    Archived ones are among them unless `active` says otherwise. `ids` goes with no cursor.

    Args:
        credentials: As whom.
        expand: Fields to expand; in a list they begin with `data.`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's filters: `active`, `ids`, `url`, `created`; `ids` goes with no cursor; `limit` is the page
            size, 100 unless it says less.

    Returns:
        All that were found, each as Stripe sent it.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_product, list_products

        @flow
        def try_list_products(credentials: StripeCredentials) -> int:
            create_product(credentials, name="Coffee, 1 kg")
            return len(list_products(credentials, active=True))
        ```
    """
    return many(
        credentials, "list_products", (), params, expand=expand, max_items=max_items, stripe_account=stripe_account
    )


@stripe_task
def search_products(
    credentials: StripeCredentials,
    *,
    query: str,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[ProductSearchParams],
) -> Wanted[list[StripeObject]]:
    """Search products, every page. Stripe page: "Search products".

    Search lags behind: by up to a minute, and by an hour when Stripe has trouble. What must be found at once is listed,
    not searched. By `active`, `name`, `description`, `shippable`, `url` and metadata. `search_query` of
    `prefect_stripe.client.search` writes queries with the quotes in their places.

    Args:
        credentials: As whom.
        query: Search query, such as `active:'true' AND name~'coffee'`; AND and OR do not mix.
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
        from prefect_stripe.tasks import search_products

        @flow
        def try_search_products(credentials: StripeCredentials) -> int:
            return len(search_products(credentials, query="active:'true' AND name~'coffee'"))
        ```
    """
    return many(
        credentials,
        "search_products",
        (),
        {"query": query, **params},
        expand=expand,
        max_items=max_items,
        stripe_account=stripe_account,
    )


acreate_product = async_twin(create_product)
aretrieve_product = async_twin(retrieve_product)
aupdate_product = async_twin(update_product)
adelete_product = async_twin(delete_product)
alist_products = async_twin(list_products)
asearch_products = async_twin(search_products)

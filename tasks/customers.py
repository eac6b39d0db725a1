"""Customers: who is billed. Stripe page: "Customers"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.tasks.declaration import StripeObject, Wanted, async_twin, many, one, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import (
        CustomerCreateParams,
        CustomerDeleteParams,
        CustomerListParams,
        CustomerRetrieveParams,
        CustomerSearchParams,
        CustomerUpdateParams,
    )


@stripe_task
def create_customer(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[CustomerCreateParams],
) -> Wanted[StripeObject]:
    """Create a customer. Stripe page: "Create a customer".

    Stripe does not keep e-mail addresses unique: two calls with the same one make two customers.

    Args:
        credentials: As whom.
        expand: Fields to expand, such as `sources`.
        idempotency_key: Who this write is; by default it is named by the run and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `email`, `name`, `metadata`; `balance` in minor units.

    Returns:
        The customer.

    Raises:
        ParameterError: A parameter that Stripe does not know or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer

        @flow
        def new_customer(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")
            return customer["id"]
        ```
    """
    return one(
        credentials,
        "create_customer",
        (),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def retrieve_customer(
    credentials: StripeCredentials,
    customer: str,
    *,
    expand: Sequence[str] = (),
    stripe_account: str | None = None,
    **params: Unpack[CustomerRetrieveParams],
) -> Wanted[StripeObject]:
    """Retrieve a customer. Stripe page: "Retrieve a customer".

    A deleted customer is answered as `{"id": …, "object": "customer", "deleted": true}`.

    Args:
        credentials: As whom.
        customer: Its id (`cus_…`).
        expand: Fields to expand.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: None: Stripe takes no other parameters here.

    Returns:
        The customer.

    Raises:
        ParameterError: The id is empty or malformed; nothing was sent.
        InvalidRequestError: There is no such customer (`resource_missing`).

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, retrieve_customer

        @flow
        def name_of_customer(credentials: StripeCredentials) -> str:
            created = create_customer(credentials, name="Jenny Rosen")
            return retrieve_customer(credentials, created["id"])["name"]
        ```
    """
    return one(credentials, "retrieve_customer", (customer,), params, expand=expand, stripe_account=stripe_account)


@stripe_task
def list_customers(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[CustomerListParams],
) -> Wanted[list[StripeObject]]:
    """List customers, every page, newest first. Stripe page: "List all customers".

    Args:
        credentials: As whom.
        expand: Fields to expand, such as `data.sources`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's filters: `email` (case-sensitive), `created` (aware datetimes or Unix seconds, or a range such
            as `{"gte": …}`); `limit` is the page size, 100 unless it says less.

    Returns:
        The customers.

    Raises:
        ParameterError: A filter that Stripe does not know or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, list_customers

        @flow
        def customers_of(credentials: StripeCredentials) -> int:
            create_customer(credentials, email="jenny@example.com")
            return len(list_customers(credentials, email="jenny@example.com"))
        ```
    """
    return many(
        credentials, "list_customers", (), params, expand=expand, max_items=max_items, stripe_account=stripe_account
    )


acreate_customer = async_twin(create_customer)
aretrieve_customer = async_twin(retrieve_customer)
alist_customers = async_twin(list_customers)

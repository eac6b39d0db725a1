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
        CustomerFundCashBalanceParams,
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

    Stripe does not keep e-mail addresses unique: two calls with the same one make two customers. What a customer is
    made with and not given later: `payment_method`, `tax_id_data`, `test_clock`.

    Args:
        credentials: As whom.
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `email`, `name`, `metadata`; `balance` in minor units.

    Returns:
        The customer.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer

        @flow
        def try_create_customer(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            return customer
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

    A deleted customer is still answered, as `{"id": …, "object": "customer", "deleted": true}`.

    Args:
        credentials: As whom.
        customer: Id of the customer (`cus_…`).
        expand: Fields to expand.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: None: Stripe takes no others here.

    Returns:
        The customer.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, retrieve_customer

        @flow
        def try_retrieve_customer(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            return retrieve_customer(credentials, customer)["name"]
        ```
    """
    return one(credentials, "retrieve_customer", (customer,), params, expand=expand, stripe_account=stripe_account)


@stripe_task
def update_customer(
    credentials: StripeCredentials,
    customer: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[CustomerUpdateParams],
) -> Wanted[StripeObject]:
    """Update a customer. Stripe page: "Update a customer".

    What is not given stays as it is: hashes such as `metadata` are merged, lists are replaced, `''` clears a field, and
    None is not sent.

    Args:
        credentials: As whom.
        customer: Id of the customer (`cus_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `name`, `invoice_settings`, `metadata`; `balance` in minor units.

    Returns:
        The customer.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, update_customer

        @flow
        def try_update_customer(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            return update_customer(credentials, customer, name="Jenny Miller")["name"]
        ```
    """
    return one(
        credentials,
        "update_customer",
        (customer,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def delete_customer(
    credentials: StripeCredentials,
    customer: str,
    *,
    stripe_account: str | None = None,
    **params: Unpack[CustomerDeleteParams],
) -> Wanted[StripeObject]:
    """Delete a customer. Stripe page: "Delete a customer".

    This cannot be undone, and cancels the customer's subscriptions at once.

    Args:
        credentials: As whom.
        customer: Id of the customer (`cus_…`).
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
        from prefect_stripe.tasks import create_customer, delete_customer

        @flow
        def try_delete_customer(credentials: StripeCredentials) -> bool:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            return delete_customer(credentials, customer)["deleted"]
        ```
    """
    return one(credentials, "delete_customer", (customer,), params, stripe_account=stripe_account)


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

    An e-mail address may be that of several customers, and `email` finds it only in the case that it was written in.

    Args:
        credentials: As whom.
        expand: Fields to expand; in a list they begin with `data.`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's filters: `email` (compared case by case), `created` (a moment, or a range such as `{"gte":
            …}`); `limit` is the page size, 100 unless it says less.

    Returns:
        All that were found, each as Stripe sent it.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, list_customers

        @flow
        def try_list_customers(credentials: StripeCredentials) -> int:
            create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")
            return len(list_customers(credentials, email="jenny@example.com"))
        ```
    """
    return many(
        credentials, "list_customers", (), params, expand=expand, max_items=max_items, stripe_account=stripe_account
    )


@stripe_task
def search_customers(
    credentials: StripeCredentials,
    *,
    query: str,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[CustomerSearchParams],
) -> Wanted[list[StripeObject]]:
    """Search customers, every page. Stripe page: "Search customers".

    Search lags behind: by up to a minute, and by an hour when Stripe has trouble. What must be found at once is listed,
    not searched. By `email`, `name`, `phone`, `created` and metadata; a string is found where it holds the words, not
    only where it is equal. `search_query` of `prefect_stripe.client.search` writes queries with the quotes in their
    places.

    Args:
        credentials: As whom.
        query: Search query, such as `email:'jenny@example.com'`; AND and OR do not mix.
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
        from prefect_stripe.tasks import search_customers

        @flow
        def try_search_customers(credentials: StripeCredentials) -> int:
            return len(search_customers(credentials, query="email:'jenny@example.com'"))
        ```
    """
    return many(
        credentials,
        "search_customers",
        (),
        {"query": query, **params},
        expand=expand,
        max_items=max_items,
        stripe_account=stripe_account,
    )


@stripe_task
def fund_customer_cash_balance(
    credentials: StripeCredentials,
    customer: str,
    *,
    amount: int,
    currency: str,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[CustomerFundCashBalanceParams],
) -> Wanted[StripeObject]:
    """Put money into a customer's cash balance, as a bank transfer would; in test mode only.

    Stripe page: "Fund a test mode cash balance".

    What the customer is to pay by bank transfer is paid from it at once, unless the customer's cash balance is
    reconciled by hand.

    Args:
        credentials: As whom.
        customer: Id of the customer (`cus_…`).
        amount: Minor units.
        currency: Three-letter code, lower case.
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters: `reference`, as a transfer's text.

    Returns:
        The cash balance transaction.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, fund_customer_cash_balance

        @flow
        def try_fund_customer_cash_balance(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            fund_customer_cash_balance(credentials, customer, amount=5000, currency="usd")
            return customer
        ```
    """
    return one(
        credentials,
        "fund_customer_cash_balance",
        (customer,),
        {"amount": amount, "currency": currency, **params},
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


acreate_customer = async_twin(create_customer)
aretrieve_customer = async_twin(retrieve_customer)
aupdate_customer = async_twin(update_customer)
adelete_customer = async_twin(delete_customer)
alist_customers = async_twin(list_customers)
asearch_customers = async_twin(search_customers)
afund_customer_cash_balance = async_twin(fund_customer_cash_balance)

"""Payment methods: what a customer pays with. Stripe page: "PaymentMethods"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.tasks.declaration import StripeObject, Wanted, async_twin, many, one, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import (
        CustomerPaymentMethodListParams,
        PaymentMethodAttachParams,
        PaymentMethodRetrieveParams,
    )


@stripe_task
def attach_payment_method(
    credentials: StripeCredentials,
    payment_method: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PaymentMethodAttachParams],
) -> Wanted[StripeObject]:
    """Attach a payment method to a customer. Stripe page: "Attach a PaymentMethod to a Customer".

    Needed before an invoice can be paid with it. Attaching a test payment method (`pm_card_visa`) makes a new one:
    charge the one that is returned.

    Args:
        credentials: As whom.
        payment_method: Id of the payment method (`pm_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters: `customer`, which is needed.

    Returns:
        The payment method.

    Raises:
        CardError: The issuer declines the card already here.
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, attach_payment_method

        @flow
        def try_attach_payment_method(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            card = attach_payment_method(credentials, "pm_card_visa", customer=customer)["id"]
            return card
        ```
    """
    return one(
        credentials,
        "attach_payment_method",
        (payment_method,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def retrieve_payment_method(
    credentials: StripeCredentials,
    payment_method: str,
    *,
    expand: Sequence[str] = (),
    stripe_account: str | None = None,
    **params: Unpack[PaymentMethodRetrieveParams],
) -> Wanted[StripeObject]:
    """Retrieve a payment method. Stripe page: "Retrieve a PaymentMethod".

    Whether or not it is attached: `customer` says to whom.

    Args:
        credentials: As whom.
        payment_method: Id of the payment method (`pm_…`).
        expand: Fields to expand.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: None: Stripe takes no others here.

    Returns:
        The payment method.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, attach_payment_method, retrieve_payment_method

        @flow
        def try_retrieve_payment_method(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            card = attach_payment_method(credentials, "pm_card_visa", customer=customer)["id"]
            return retrieve_payment_method(credentials, card)["card"]["brand"]
        ```
    """
    return one(
        credentials, "retrieve_payment_method", (payment_method,), params, expand=expand, stripe_account=stripe_account
    )


@stripe_task
def list_customer_payment_methods(
    credentials: StripeCredentials,
    customer: str,
    *,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[CustomerPaymentMethodListParams],
) -> Wanted[list[StripeObject]]:
    """List a customer's payment methods, every page, newest first. Stripe page: "List a Customer's PaymentMethods".

    Which one invoices are paid with by default is said on the customer, in `invoice_settings`.

    Args:
        credentials: As whom.
        customer: Id of the customer (`cus_…`).
        expand: Fields to expand; in a list they begin with `data.`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's filters: `type`; `limit` is the page size, 100 unless it says less.

    Returns:
        All that were found, each as Stripe sent it.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, attach_payment_method, list_customer_payment_methods

        @flow
        def try_list_customer_payment_methods(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            attach_payment_method(credentials, "pm_card_visa", customer=customer)
            return len(list_customer_payment_methods(credentials, customer, type="card"))
        ```
    """
    return many(
        credentials,
        "list_customer_payment_methods",
        (customer,),
        params,
        expand=expand,
        max_items=max_items,
        stripe_account=stripe_account,
    )


aattach_payment_method = async_twin(attach_payment_method)
aretrieve_payment_method = async_twin(retrieve_payment_method)
alist_customer_payment_methods = async_twin(list_customer_payment_methods)

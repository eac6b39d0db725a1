"""Charges: the movements of money that payments come down to. Stripe page: "Charges"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.tasks.declaration import StripeObject, Wanted, async_twin, many, one, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import (
        ChargeCaptureParams,
        ChargeListParams,
        ChargeRetrieveParams,
        ChargeSearchParams,
        ChargeUpdateParams,
    )


@stripe_task
def retrieve_charge(
    credentials: StripeCredentials,
    charge: str,
    *,
    expand: Sequence[str] = (),
    stripe_account: str | None = None,
    **params: Unpack[ChargeRetrieveParams],
) -> Wanted[StripeObject]:
    """Retrieve a charge. Stripe page: "Retrieve a charge".

    Right after a payment `balance_transaction`, which has the fee, may still be null. Refunds are left out unless
    expanded.

    Args:
        credentials: As whom.
        charge: Id of the charge (`ch_…`).
        expand: Fields to expand.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: None: Stripe takes no others here.

    Returns:
        The charge.

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
            retrieve_charge,
        )

        @flow
        def try_retrieve_charge(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            card = attach_payment_method(credentials, "pm_card_visa", customer=customer)["id"]
            payment = create_payment_intent(
                credentials,
                amount=5000,
                currency="usd",
                customer=customer,
                payment_method=card,
                confirm=True,
                allowed_payment_method_types=["card"],
            )
            return retrieve_charge(credentials, payment["latest_charge"])["amount"]
        ```
    """
    return one(credentials, "retrieve_charge", (charge,), params, expand=expand, stripe_account=stripe_account)


@stripe_task
def update_charge(
    credentials: StripeCredentials,
    charge: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[ChargeUpdateParams],
) -> Wanted[StripeObject]:
    """Update a charge. Stripe page: "Update a charge".

    What was charged never changes. A `customer` or `transfer_group` can be set where there is none yet.

    Args:
        credentials: As whom.
        charge: Id of the charge (`ch_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `description`, `receipt_email`, `metadata`.

    Returns:
        The charge.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, attach_payment_method, create_payment_intent, update_charge

        @flow
        def try_update_charge(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            card = attach_payment_method(credentials, "pm_card_visa", customer=customer)["id"]
            payment = create_payment_intent(
                credentials,
                amount=5000,
                currency="usd",
                customer=customer,
                payment_method=card,
                confirm=True,
                allowed_payment_method_types=["card"],
            )
            return update_charge(credentials, payment["latest_charge"], description="Coffee")["description"]
        ```
    """
    return one(
        credentials,
        "update_charge",
        (charge,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def list_charges(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[ChargeListParams],
) -> Wanted[list[StripeObject]]:
    """List charges, every page, newest first. Stripe page: "List all charges".

    Failed ones are among them: look at `status`. By `transfer_group` no more than 100 are found.

    Args:
        credentials: As whom.
        expand: Fields to expand; in a list they begin with `data.`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's filters: `customer`, `payment_intent`, `transfer_group`, `created`; `limit` is the page size,
            100 unless it says less.

    Returns:
        All that were found, each as Stripe sent it.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, attach_payment_method, create_payment_intent, list_charges

        @flow
        def try_list_charges(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            card = attach_payment_method(credentials, "pm_card_visa", customer=customer)["id"]
            payment = create_payment_intent(
                credentials,
                amount=5000,
                currency="usd",
                customer=customer,
                payment_method=card,
                confirm=True,
                allowed_payment_method_types=["card"],
            )
            return len(list_charges(credentials, payment_intent=payment["id"]))
        ```
    """
    return many(
        credentials, "list_charges", (), params, expand=expand, max_items=max_items, stripe_account=stripe_account
    )


@stripe_task
def search_charges(
    credentials: StripeCredentials,
    *,
    query: str,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[ChargeSearchParams],
) -> Wanted[list[StripeObject]]:
    """Search charges, every page. Stripe page: "Search charges".

    Search lags behind: by up to a minute, and by an hour when Stripe has trouble. What must be found at once is listed,
    not searched. By `amount`, `currency`, `customer`, `status`, `refunded`, `disputed`, the card's last digits and
    more. `search_query` of `prefect_stripe.client.search` writes queries with the quotes in their places.

    Args:
        credentials: As whom.
        query: Search query, such as `currency:'usd' AND amount>1000`; AND and OR do not mix.
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
        from prefect_stripe.tasks import search_charges

        @flow
        def try_search_charges(credentials: StripeCredentials) -> int:
            return len(search_charges(credentials, query="currency:'usd' AND amount>1000"))
        ```
    """
    return many(
        credentials,
        "search_charges",
        (),
        {"query": query, **params},
        expand=expand,
        max_items=max_items,
        stripe_account=stripe_account,
    )


@stripe_task
def capture_charge(
    credentials: StripeCredentials,
    charge: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[ChargeCaptureParams],
) -> Wanted[StripeObject]:
    """Capture a charge that was made without a PaymentIntent. Stripe page: "Capture a charge".

    Legal once, on a charge made with `capture=false`, for seven days. Stripe has deprecated it: a PaymentIntent's
    charge is captured with `capture_payment_intent`.

    Args:
        credentials: As whom.
        charge: Id of the charge (`ch_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `amount` (minor units; all of it by default).

    Returns:
        The charge.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import list_charges, capture_charge

        @flow
        def try_capture_charge(credentials: StripeCredentials) -> list[str]:
            held = [c for c in list_charges(credentials) if not c["captured"] and c["payment_intent"] is None]
            return [capture_charge(credentials, charge["id"])["status"] for charge in held]
        ```
    """
    return one(
        credentials,
        "capture_charge",
        (charge,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


aretrieve_charge = async_twin(retrieve_charge)
aupdate_charge = async_twin(update_charge)
alist_charges = async_twin(list_charges)
asearch_charges = async_twin(search_charges)
acapture_charge = async_twin(capture_charge)

"""Refunds: money given back. Stripe page: "Refunds"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.tasks.declaration import StripeObject, Wanted, async_twin, many, one, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import RefundCreateParams, RefundListParams, RefundRetrieveParams


@stripe_task
def create_refund(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[RefundCreateParams],
) -> Wanted[StripeObject]:
    """Refund a charge, all or in part. Stripe page: "Create a refund".

    Legal on a charge that has succeeded. Several refunds of one charge may not exceed it. One may be `pending` for
    days, and fail in the end.

    Args:
        credentials: As whom.
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters: `charge` or `payment_intent`, `amount` (minor units; all that is left by
            default), `reason`, `metadata`.

    Returns:
        The refund.

    Raises:
        ParameterError: A parameter that Stripe does not know, or of the wrong type; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, attach_payment_method, create_payment_intent, create_refund

        @flow
        def try_create_refund(credentials: StripeCredentials) -> str:
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
            return create_refund(credentials, payment_intent=payment["id"], amount=2000)["status"]
        ```
    """
    return one(
        credentials,
        "create_refund",
        (),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def retrieve_refund(
    credentials: StripeCredentials,
    refund: str,
    *,
    expand: Sequence[str] = (),
    stripe_account: str | None = None,
    **params: Unpack[RefundRetrieveParams],
) -> Wanted[StripeObject]:
    """Retrieve a refund. Stripe page: "Retrieve a refund".

    Look at `status`: one that is `pending` may still fail, and then says why in `failure_reason`.

    Args:
        credentials: As whom.
        refund: Id of the refund (`re_…`).
        expand: Fields to expand.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: None: Stripe takes no others here.

    Returns:
        The refund.

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
            create_refund,
            retrieve_refund,
        )

        @flow
        def try_retrieve_refund(credentials: StripeCredentials) -> int:
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
            refund = create_refund(credentials, payment_intent=payment["id"])["id"]
            return retrieve_refund(credentials, refund)["amount"]
        ```
    """
    return one(credentials, "retrieve_refund", (refund,), params, expand=expand, stripe_account=stripe_account)


@stripe_task
def list_refunds(
    credentials: StripeCredentials,
    *,
    expand: Sequence[str] = (),
    max_items: int | None = None,
    stripe_account: str | None = None,
    **params: Unpack[RefundListParams],
) -> Wanted[list[StripeObject]]:
    """List refunds, every page, newest first. Stripe page: "List all refunds".

    Of all charges, unless one is named. Failed ones are among them: look at `status`.

    Args:
        credentials: As whom.
        expand: Fields to expand; in a list they begin with `data.`.
        max_items: How many at the most; None for all.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's filters: `charge`, `payment_intent`, `created`; `limit` is the page size, 100 unless it says
            less.

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
            create_refund,
            list_refunds,
        )

        @flow
        def try_list_refunds(credentials: StripeCredentials) -> int:
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
            create_refund(credentials, payment_intent=payment["id"])
            return len(list_refunds(credentials, payment_intent=payment["id"]))
        ```
    """
    return many(
        credentials, "list_refunds", (), params, expand=expand, max_items=max_items, stripe_account=stripe_account
    )


acreate_refund = async_twin(create_refund)
aretrieve_refund = async_twin(retrieve_refund)
alist_refunds = async_twin(list_refunds)

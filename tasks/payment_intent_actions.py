"""What is done with a payment intent: confirm, capture, cancel and the rest. Stripe page: "PaymentIntents"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.tasks.declaration import StripeObject, Wanted, async_twin, one, stripe_task

if TYPE_CHECKING:
    from prefect_stripe.params import (
        PaymentIntentApplyCustomerBalanceParams,
        PaymentIntentCancelParams,
        PaymentIntentCaptureParams,
        PaymentIntentConfirmParams,
        PaymentIntentIncrementAuthorizationParams,
        PaymentIntentVerifyMicrodepositsParams,
    )


@stripe_task
def confirm_payment_intent(
    credentials: StripeCredentials,
    payment_intent: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PaymentIntentConfirmParams],
) -> Wanted[StripeObject]:
    """Confirm a PaymentIntent. Stripe page: "Confirm a PaymentIntent".

    Legal from `requires_payment_method` (with one given), `requires_confirmation` and `requires_action`. This charges,
    or authorises with `capture_method="manual"`. It may end in `requires_action`, where the customer must authenticate
    (3-D Secure), or in `processing`, as a bank debit does for days.

    Args:
        credentials: As whom.
        payment_intent: Id of the payment intent (`pi_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `payment_method`, `off_session`, `return_url`; `amount_to_confirm` in
            minor units.

    Returns:
        The PaymentIntent.

    Raises:
        CardError: Declined; the PaymentIntent is back in `requires_payment_method`. The same key answers so again: a
            new attempt needs another `slot`.
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
            confirm_payment_intent,
        )

        @flow
        def try_confirm_payment_intent(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            card = attach_payment_method(credentials, "pm_card_visa", customer=customer)["id"]
            intent = create_payment_intent(
                credentials, amount=5000, currency="usd", customer=customer, allowed_payment_method_types=["card"]
            )["id"]
            return confirm_payment_intent(credentials, intent, payment_method=card)["status"]
        ```
    """
    return one(
        credentials,
        "confirm_payment_intent",
        (payment_intent,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def capture_payment_intent(
    credentials: StripeCredentials,
    payment_intent: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PaymentIntentCaptureParams],
) -> Wanted[StripeObject]:
    """Capture an authorised PaymentIntent. Stripe page: "Capture a PaymentIntent".

    Legal from `requires_capture`, as a rule for seven days. Capturing less than was authorised releases the rest.

    Args:
        credentials: As whom.
        payment_intent: Id of the payment intent (`pi_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters: `amount_to_capture` (minor units; all of it by default), `final_capture`,
            `metadata`.

    Returns:
        The PaymentIntent.

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
            capture_payment_intent,
        )

        @flow
        def try_capture_payment_intent(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            card = attach_payment_method(credentials, "pm_card_visa", customer=customer)["id"]
            intent = create_payment_intent(
                credentials,
                amount=5000,
                currency="usd",
                customer=customer,
                payment_method=card,
                capture_method="manual",
                confirm=True,
                allowed_payment_method_types=["card"],
            )["id"]
            return capture_payment_intent(credentials, intent, amount_to_capture=3000)["amount_received"]
        ```
    """
    return one(
        credentials,
        "capture_payment_intent",
        (payment_intent,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def cancel_payment_intent(
    credentials: StripeCredentials,
    payment_intent: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PaymentIntentCancelParams],
) -> Wanted[StripeObject]:
    """Cancel a PaymentIntent. Stripe page: "Cancel a PaymentIntent".

    Legal from `requires_payment_method`, `requires_confirmation`, `requires_action` and `requires_capture`, where what
    was authorised is released. An invoice's own is canceled by voiding the invoice.

    Args:
        credentials: As whom.
        payment_intent: Id of the payment intent (`pi_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters: `cancellation_reason`: `duplicate`, `fraudulent`, `requested_by_customer` or
            `abandoned`.

    Returns:
        The PaymentIntent.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, create_payment_intent, cancel_payment_intent

        @flow
        def try_cancel_payment_intent(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            intent = create_payment_intent(
                credentials, amount=5000, currency="usd", customer=customer, allowed_payment_method_types=["card"]
            )["id"]
            return cancel_payment_intent(credentials, intent)["status"]
        ```
    """
    return one(
        credentials,
        "cancel_payment_intent",
        (payment_intent,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def increment_payment_intent_authorization(
    credentials: StripeCredentials,
    payment_intent: str,
    *,
    amount: int,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PaymentIntentIncrementAuthorizationParams],
) -> Wanted[StripeObject]:
    """Increase what a PaymentIntent authorises. Stripe page: "Increment an authorization".

    Legal from `requires_capture`, ten times at the most, where the card allows it and it was asked for when confirming
    (`payment_method_options[card][request_incremental_authorization]`).

    Args:
        credentials: As whom.
        payment_intent: Id of the payment intent (`pi_…`).
        amount: The new total, in minor units; above the present one.
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters, such as `description`, `metadata`.

    Returns:
        The PaymentIntent.

    Raises:
        CardError: The increase was declined; the first authorisation stands.
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
            increment_payment_intent_authorization,
        )

        @flow
        def try_increment_payment_intent_authorization(credentials: StripeCredentials) -> int:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            card = attach_payment_method(credentials, "pm_card_visa", customer=customer)["id"]
            intent = create_payment_intent(
                credentials,
                amount=5000,
                currency="usd",
                customer=customer,
                payment_method=card,
                capture_method="manual",
                confirm=True,
                allowed_payment_method_types=["card"],
                payment_method_options={"card": {"request_incremental_authorization": "if_available"}},
            )["id"]
            return increment_payment_intent_authorization(credentials, intent, amount=7000)["amount"]
        ```
    """
    return one(
        credentials,
        "increment_payment_intent_authorization",
        (payment_intent,),
        {"amount": amount, **params},
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def verify_payment_intent_microdeposits(
    credentials: StripeCredentials,
    payment_intent: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PaymentIntentVerifyMicrodepositsParams],
) -> Wanted[StripeObject]:
    """Verify a bank account by the small deposits made to it. Stripe page: "Verify microdeposits on a PaymentIntent".

    Legal from `requires_action` with the next action `verify_with_microdeposits`. A wrong answer uses up one of the few
    attempts that Stripe allows.

    Args:
        credentials: As whom.
        payment_intent: Id of the payment intent (`pi_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters: `amounts` (two numbers of cents), or `descriptor_code` (six characters, `SM…`).

    Returns:
        The PaymentIntent.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import create_customer, create_payment_intent, verify_payment_intent_microdeposits

        @flow
        def try_verify_payment_intent_microdeposits(credentials: StripeCredentials) -> str:
            customer = create_customer(credentials, email="jenny@example.com", name="Jenny Rosen")["id"]
            intent = create_payment_intent(
                credentials,
                amount=5000,
                currency="usd",
                customer=customer,
                confirm=True,
                allowed_payment_method_types=["us_bank_account"],
                payment_method_data={
                    "type": "us_bank_account",
                    "us_bank_account": {
                        "routing_number": "110000000",
                        "account_number": "000123456789",
                        "account_holder_type": "individual",
                    },
                    "billing_details": {"name": "Jenny Rosen", "email": "jenny@example.com"},
                },
                payment_method_options={"us_bank_account": {"verification_method": "microdeposits"}},
                mandate_data={"customer_acceptance": {"type": "offline"}},
            )["id"]
            return verify_payment_intent_microdeposits(credentials, intent, amounts=[32, 45])["status"]
        ```
    """
    return one(
        credentials,
        "verify_payment_intent_microdeposits",
        (payment_intent,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


@stripe_task
def apply_payment_intent_customer_balance(
    credentials: StripeCredentials,
    payment_intent: str,
    *,
    expand: Sequence[str] = (),
    idempotency_key: str | None = None,
    slot: str | None = None,
    stripe_account: str | None = None,
    **params: Unpack[PaymentIntentApplyCustomerBalanceParams],
) -> Wanted[StripeObject]:
    """Pay a PaymentIntent from the customer's cash balance. Stripe page: "Reconcile a customer_balance PaymentIntent".

    Legal from `requires_action` with the next action `display_bank_transfer_instructions`, once the money has arrived.
    Needed only where cash balances are reconciled by hand: otherwise Stripe does it by itself.

    Args:
        credentials: As whom.
        payment_intent: Id of the payment intent (`pi_…`).
        expand: Fields to expand.
        idempotency_key: Who this write is; by default it is named by the run, and by `slot` or the parameters.
        slot: What tells this write from others of the same operation in the run, instead of the parameters: needed for
            two that are alike, and where a parameter is another at each try, such as a time.
        stripe_account: Connected account (`acct_…`), where it is not the credentials' own.
        **params: Stripe's parameters: `amount` (minor units; what is missing by default), `currency`.

    Returns:
        The PaymentIntent.

    Raises:
        ParameterError: An id or a parameter that Stripe cannot mean; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect import flow
        from prefect_stripe import StripeCredentials
        from prefect_stripe.tasks import (
            create_customer,
            fund_customer_cash_balance,
            create_payment_intent,
            apply_payment_intent_customer_balance,
        )

        @flow
        def try_apply_payment_intent_customer_balance(credentials: StripeCredentials) -> str:
            customer = create_customer(
                credentials,
                email="jenny@example.com",
                name="Jenny Rosen",
                cash_balance={"settings": {"reconciliation_mode": "manual"}},
            )["id"]
            intent = create_payment_intent(
                credentials,
                amount=5000,
                currency="usd",
                customer=customer,
                confirm=True,
                allowed_payment_method_types=["customer_balance"],
                payment_method_data={"type": "customer_balance"},
                payment_method_options={
                    "customer_balance": {"funding_type": "bank_transfer", "bank_transfer": {"type": "us_bank_transfer"}}
                },
            )["id"]
            fund_customer_cash_balance(credentials, customer, amount=5000, currency="usd")
            return apply_payment_intent_customer_balance(credentials, intent)["status"]
        ```
    """
    return one(
        credentials,
        "apply_payment_intent_customer_balance",
        (payment_intent,),
        params,
        expand=expand,
        idempotency_key=idempotency_key,
        slot=slot,
        stripe_account=stripe_account,
    )


aconfirm_payment_intent = async_twin(confirm_payment_intent)
acapture_payment_intent = async_twin(capture_payment_intent)
acancel_payment_intent = async_twin(cancel_payment_intent)
aincrement_payment_intent_authorization = async_twin(increment_payment_intent_authorization)
averify_payment_intent_microdeposits = async_twin(verify_payment_intent_microdeposits)
aapply_payment_intent_customer_balance = async_twin(apply_payment_intent_customer_balance)

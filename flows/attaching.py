"""A payment method must be its customer's before an invoice or a later payment can use it.

Stripe page: "Attach a PaymentMethod to a Customer".
"""

from __future__ import annotations

from prefect_stripe.client import InvalidRequestError
from prefect_stripe.flows.business import Business, Rejected, StripeObject
from prefect_stripe.flows.process import Process


def attached(business: Business, payment_method: str, customer: str) -> Process[str]:
    """Return the payment method that is attached to the customer, attaching it where it is not.

    Attaching a test payment method (`pm_card_visa`) makes a new one, which is the one to charge. Within a day the same
    one is found again for the same customer, by its idempotency key; after that there is a second, which costs nothing.

    Raises:
        CardError: The issuer declines the card already here.
        Rejected: It is another customer's.
    """
    holder = yield from _holder(business, payment_method)
    if holder == customer:
        return payment_method
    if holder:
        raise Rejected(f"the payment method {payment_method} is another customer's ({holder})")

    def look(answered: StripeObject | None) -> Process[StripeObject | None]:
        known = answered or {"id": payment_method}
        return known if (yield from _holder(business, known["id"])) == customer else None

    # A business of its own: all orders of a customer share what is attached to it.
    owner = Business(f"payment-method:{customer}", business.account)
    method = yield from owner.write(
        f"attach {payment_method} to {customer} for {business.key}",
        "attach_payment_method",
        payment_method,
        slot="attach",
        about=(customer,),
        look=look,
        params={"customer": customer},
    )
    business.wrote += owner.wrote
    return str(method["id"])


def _holder(business: Business, payment_method: str) -> Process[str | None]:
    """Return whose payment method it is; what cannot be read, as a test one by its name, is nobody's yet."""
    try:
        seen = yield from business.read(
            f"read {payment_method} for {business.key}", "retrieve_payment_method", payment_method
        )
    except InvalidRequestError as error:
        if error.http_status != 404:
            raise
        return None
    return seen.get("customer")

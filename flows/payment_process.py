"""The life of an order's payment, written once: reads what is there, and does what is still missing.

Stripe pages: "The Payment Intents API", "Place a hold on a payment method", "Increment an authorization".
"""

from __future__ import annotations

from typing import Any, Final

from prefect_stripe.client import CardError, InvalidRequestError
from prefect_stripe.client.search import search_query
from prefect_stripe.flows.attaching import attached
from prefect_stripe.flows.business import DAYS_OF_KEYS, Business, Rejected, Steps, StripeObject, metadata_of
from prefect_stripe.flows.customers import Customers
from prefect_stripe.flows.outcomes import Ending, PaymentOutcome, decline_reason, failure_reason
from prefect_stripe.flows.payment_orders import PaymentOrder
from prefect_stripe.flows.process import Note, Process
from prefect_stripe.money import format_amount

ORDER: Final = "prefect_stripe_order"
FINGERPRINT: Final = "prefect_stripe_fingerprint"

End = tuple[Ending, str | None]


def payment_process(order: PaymentOrder, account: str, look_back_days: int = 365) -> Process[PaymentOutcome]:
    """Bring an order's payment to where the order wants it, from wherever it is.

    Args:
        order: The order.
        account: Mode and connected account, as `StripeCredentials.account` has them.
        look_back_days: How many days back a payment of this order may have been begun.

    Returns:
        The outcome; refusals and declines are outcomes, not exceptions.

    Raises:
        StripeError: Stripe failed, or could not be reached, in a way that a later run may get over.
    """
    work = PaymentWork(order, account, look_back_days)
    try:
        ending, reason = yield from work.run()
    except Rejected as refusal:
        ending, reason = "rejected", str(refusal)
    except InvalidRequestError as error:
        ending, reason = "rejected", f"Stripe refuses it: {error}"
    return work.outcome(ending, reason)


class PaymentWork:
    """One order on its way: what is known of its PaymentIntent, and the steps that bring it on."""

    def __init__(self, order: PaymentOrder, account: str, look_back_days: int) -> None:
        self.order = order
        self.look_back_days = look_back_days
        self.business = Business(order.external_id, account)
        self.customer: str | None = order.customer
        self.intent: StripeObject = {}
        self.attempts = 0

    def run(self) -> Process[End]:
        """Do what is missing; return how it ended and why."""
        self.customer = yield from Customers(self.order, self.business.account).find_or_create(self.business)
        yield from self._find()
        if not self.intent:
            if self.order.settlement == "cancel":
                return "done", "there is no payment of this order to cancel"
            yield from self._create()
        elif self.intent["metadata"].get(FINGERPRINT) != self.order.fingerprint:
            raise Rejected(
                f"the order has changed since its payment {self.intent['id']} was begun over "
                f"{format_amount(self.intent['amount'], self.intent['currency'])}; it is now over "
                f"{format_amount(self.order.amount, self.order.currency)}: cancel that one, or use another external_id"
            )
        if self.order.settlement == "cancel":
            return (yield from self._cancel())
        return (yield from self._advance())

    def outcome(self, ending: Ending, reason: str | None) -> PaymentOutcome:
        """Say how the order ended, with the PaymentIntent as it was seen last."""
        seen = self.intent
        if ending == "done" and not self.business.wrote:
            ending = "found_done"
        return PaymentOutcome(
            external_id=self.order.external_id,
            ending=ending,
            reason=reason,
            status=seen.get("status"),
            payment_intent=seen.get("id"),
            customer=self.customer,
            currency=seen.get("currency"),
            amount=seen.get("amount"),
            amount_capturable=seen.get("amount_capturable"),
            amount_received=seen.get("amount_received"),
        )

    def _find(self) -> Steps:
        """Find the order's payment: by list, which knows at once, then by search, at other customers and long ago."""
        label = f"look for the payment of {self.order.external_id}"
        recent = {"customer": self.customer, "created": {"gte": self.business.ago(self.look_back_days)}}
        self._take((yield from self._own(f"{label} at {self.customer}", "list_payment_intents", recent)))
        if not self.intent:
            query = search_query("payment_intents", (f"metadata[{ORDER}]", ":", self.order.external_id))
            self._take((yield from self._own(f"{label} everywhere", "search_payment_intents", {"query": query})))
            if self.intent:
                # What search shows may be a minute old.
                yield from self._reread()
        if self.intent:
            yield Note(f"found {self.intent['id']}, {self.intent['status']}", self.intent)

    def _own(self, label: str, operation: str, params: dict[str, Any]) -> Process[list[StripeObject]]:
        page = yield from self.business.read(label, operation, params=params)
        return [intent for intent in page["data"] if metadata_of(intent).get(ORDER) == self.order.external_id]

    def _take(self, own: list[StripeObject]) -> None:
        elsewhere = [intent for intent in own if intent["customer"] != self.customer]
        if elsewhere:
            names = ", ".join(f"{intent['id']} ({intent['status']}) of {intent['customer']}" for intent in elsewhere)
            raise Rejected(
                f"this order was charged to another customer before: {names}; it is now for {self.customer}: use "
                "another external_id if both are meant"
            )
        if len(own) > 1:
            raise Rejected(f"there are {len(own)} payments of this order: {', '.join(intent['id'] for intent in own)}")
        self.intent = own[0] if own else {}

    def _create(self) -> Steps:
        order = self.order

        def look(answered: StripeObject | None) -> Process[StripeObject | None]:
            if answered is None:
                # Of all customers, and by list: the key may stand for another customer's payment.
                recent = {"created": {"gte": self.business.ago(DAYS_OF_KEYS)}}
                self._take(
                    (yield from self._own(f"look again for {order.external_id}", "list_payment_intents", recent))
                )
                return self.intent or None
            self.intent = answered
            return (yield from self._reread())

        params: dict[str, Any] = {
            "amount": order.amount,
            "currency": order.currency,
            "customer": self.customer,
            "description": order.description,
            "capture_method": order.capture_method,
            "allowed_payment_method_types": [order.payment_method_type],
            "metadata": {ORDER: order.external_id, FINGERPRINT: order.fingerprint},
        }
        self.intent = yield from self.business.write(
            f"create payment for {order.external_id}",
            "create_payment_intent",
            slot="payment",
            look=look,
            params=params,
            renews=False,
        )

    def _reread(self, _: StripeObject | None = None) -> Process[StripeObject]:
        self.intent = yield from self.business.read(self._label("read"), "retrieve_payment_intent", self.intent["id"])
        return self.intent

    def _advance(self) -> Process[End]:
        """Go from state to state until there is nothing to do, or nothing that can be done without somebody else."""
        while True:
            before = self.intent["status"]
            step = {
                "requires_payment_method": self._confirm,
                "requires_confirmation": self._confirm,
                "requires_action": self._answer_action,
                "requires_capture": self._capture,
            }.get(before)
            if step is None:
                return self._end()
            end = yield from step()
            if end is not None:
                return end

    def _end(self) -> End:
        intent, wanted = self.intent, self.order.final_amount
        if intent["status"] == "processing":
            return "processing", "the payment is being processed by the bank"
        if intent["status"] == "canceled":
            if self.order.on_decline == "cancel" and intent.get("cancellation_reason") == "abandoned":
                return "declined", "canceled after its payment was declined"
            return (
                "rejected",
                f"its payment {intent['id']} was canceled ({intent.get('cancellation_reason') or 'no reason'})",
            )
        if intent["status"] == "succeeded" and intent["amount_received"] != wanted:
            received = format_amount(intent["amount_received"], intent["currency"])
            return (
                "rejected",
                f"{received} was captured, and the order says {format_amount(wanted, intent['currency'])}",
            )
        return "done", None

    # Confirming

    def _confirm(self) -> Process[End | None]:
        """Charge or authorise, while attempts are left; each charge that failed at Stripe was one, whoever made it."""
        charges = yield from self.business.read(
            self._label("read the charges of"), "list_charges", params={"payment_intent": self.intent["id"]}
        )
        failed = [charge for charge in charges["data"] if charge["status"] == "failed"]
        self.attempts = max(self.attempts, len(failed))
        if self.attempts >= self.order.max_payment_attempts:
            return (yield from self._declined(failure_reason(failed[0]) if failed else None))
        try:
            params = yield from self._confirm_params()
            self.intent = yield from self.business.write(
                self._label("confirm"),
                "confirm_payment_intent",
                self.intent["id"],
                slot=f"confirm-{self.attempts + 1}",
                look=self._holds("requires_action", "processing", "requires_capture", "succeeded"),
                params=params,
            )
        except CardError as error:
            self.attempts += 1
            reason = decline_reason(error)
            yield Note(f"declined: {reason}")
            yield from self._reread()
            final = self.attempts >= self.order.max_payment_attempts
            if final or error.error.get("advice_code") == "do_not_try_again":
                return (yield from self._declined(reason))
        return None

    def _confirm_params(self) -> Process[dict[str, Any]]:
        match self.order.payment_method_type:
            case "customer_balance":
                return {
                    "payment_method_data": {"type": "customer_balance"},
                    "payment_method_options": {
                        "customer_balance": {
                            "funding_type": "bank_transfer",
                            "bank_transfer": {"type": _BANK_TRANSFERS.get(self.order.currency, "us_bank_transfer")},
                        }
                    },
                }
            case "us_bank_account":
                options = {"us_bank_account": {"verification_method": "automatic"}}
                mandate = {"customer_acceptance": {"type": "offline"}}
                more: dict[str, Any] = {"payment_method_options": options, "mandate_data": mandate}
            case "card":
                wish = {"request_incremental_authorization": "if_available"}
                more = {"payment_method_options": {"card": wish}} if self.order.increase_to else {}
        method = yield from attached(self.business, str(self.order.payment_method), str(self.customer))
        return {"payment_method": method, **more}

    def _declined(self, reason: str | None) -> Process[End]:
        reason = reason or "the payment was declined"
        if self.order.on_decline == "cancel":
            yield from self._do_cancel()
        return "failed" if self.order.on_decline == "fail" else "declined", reason

    # Waiting for somebody

    def _answer_action(self) -> Process[End | None]:
        """Do what an action asks for, where the order can; else report who has to do what."""
        action = (self.intent.get("next_action") or {}).get("type")
        if action == "verify_with_microdeposits":
            return (yield from self._verify())
        if action == "display_bank_transfer_instructions":
            return (yield from self._apply_balance())
        return "requires_action", f"the customer must authenticate the payment (3-D Secure, {action})"

    def _verify(self) -> Process[End | None]:
        order = self.order
        params: dict[str, Any] = {}
        if order.microdeposit_amounts:
            params = {"amounts": list(order.microdeposit_amounts)}
        elif order.microdeposit_descriptor_code:
            params = {"descriptor_code": order.microdeposit_descriptor_code}
        if not params:
            return "requires_action", "the customer must say what the microdeposits on the bank account were"
        self.intent = yield from self.business.write(
            self._label("verify the microdeposits of"),
            "verify_payment_intent_microdeposits",
            self.intent["id"],
            slot=f"microdeposits-{params}",
            look=self._holds("processing", "succeeded"),
            params=params,
        )
        return None

    def _apply_balance(self) -> Process[End | None]:
        missing = self.intent["amount"] - self.intent.get("amount_received", 0)
        try:
            self.intent = yield from self.business.write(
                self._label("apply the customer's balance to"),
                "apply_payment_intent_customer_balance",
                self.intent["id"],
                # Funds may have come since: another minute is another try, and a PaymentIntent takes them once.
                slot=f"balance-{self.business.now.isoformat(timespec='minutes')}",
                look=self._holds("processing", "succeeded"),
            )
        except InvalidRequestError as error:
            waiting = format_amount(missing, self.intent["currency"])
            return "requires_action", f"the customer must transfer {waiting} first ({error.message})"
        return None

    # Once authorised

    def _capture(self) -> Process[End | None]:
        order = self.order
        if order.increase_to is not None and self.intent["amount"] < order.increase_to:
            try:
                self.intent = yield from self.business.write(
                    self._label("increase the authorisation of"),
                    "increment_payment_intent_authorization",
                    self.intent["id"],
                    slot=f"increase-{order.increase_to}",
                    look=lambda _: self._amount_is(order.authorised),
                    params={"amount": order.increase_to},
                )
            except CardError as error:
                yield from self._reread()
                return (
                    "declined",
                    f"the increase was declined, and the first authorisation stands: {decline_reason(error)}",
                )
        if order.settlement == "hold":
            return "done", f"{format_amount(self.intent['amount_capturable'], self.intent['currency'])} is held"
        self.intent = yield from self.business.write(
            self._label("capture"),
            "capture_payment_intent",
            self.intent["id"],
            slot="capture",
            look=self._holds("succeeded"),
            params={"amount_to_capture": order.final_amount},
        )
        return None

    def _cancel(self) -> Process[End]:
        if self.intent["status"] == "succeeded":
            return "rejected", "it was paid before it could be canceled; refund it instead"
        yield from self._do_cancel()
        return "done", None

    def _do_cancel(self) -> Steps:
        if self.intent["status"] == "canceled":
            return
        self.intent = yield from self.business.write(
            self._label("cancel"),
            "cancel_payment_intent",
            self.intent["id"],
            slot="cancel",
            look=self._holds("canceled"),
            params={
                "cancellation_reason": "requested_by_customer" if self.order.settlement == "cancel" else "abandoned"
            },
        )

    def _holds(self, *statuses: str) -> Any:
        def look(_: StripeObject | None) -> Process[StripeObject | None]:
            seen = yield from self._reread()
            return seen if seen["status"] in statuses else None

        return look

    def _amount_is(self, amount: int) -> Process[StripeObject | None]:
        seen = yield from self._reread()
        return seen if seen["amount"] == amount else None

    def _label(self, verb: str) -> str:
        return f"{verb} {self.intent['id']} for {self.order.external_id}"


_BANK_TRANSFERS: Final = {
    "usd": "us_bank_transfer",
    "eur": "eu_bank_transfer",
    "gbp": "gb_bank_transfer",
    "jpy": "jp_bank_transfer",
    "mxn": "mx_bank_transfer",
}

"""How a payment ends: captured, held or canceled, or waiting for somebody; each seen before it is reported.

Stripe pages: "PaymentIntent lifecycle", "Capture a payment later", "Verify a bank account with microdeposits".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from prefect_stripe.client import CardError, InvalidRequestError, StripeError
from prefect_stripe.client.identity import fingerprint
from prefect_stripe.flows.attaching import attached
from prefect_stripe.flows.business import Steps, StripeObject, metadata_of
from prefect_stripe.flows.outcomes import Ending, decline_reason, failure_reason
from prefect_stripe.flows.payment_orders import BANK_TRANSFERS
from prefect_stripe.flows.process import Note, Process
from prefect_stripe.money import format_amount

if TYPE_CHECKING:
    from prefect_stripe.flows.payment_process import PaymentWork

End = tuple[Ending, str | None]

DECLINED: Final = "prefect_stripe_declined"
WRONG_MICRODEPOSITS: Final = "prefect_stripe_wrong_microdeposits"

UNCONFIRMED: Final = ("requires_payment_method", "requires_confirmation")


class PaymentSettling:
    """Brings a PaymentIntent to the end that its order wants, or says what stands in the way."""

    def __init__(self, work: PaymentWork) -> None:
        self.work = work
        self.order = work.order
        self.business = work.business
        self._attempts = 0
        self._attached: str | None = None

    def settle(self) -> Process[End]:
        """Go from state to state until there is nothing to do, or nothing that can be done without somebody else."""
        if self.order.settlement == "cancel":
            return (yield from self._cancel())
        while True:
            # Held or taken, it may have been authenticated by the customer after somebody changed it.
            self.work.refuse_other_currency()
            before = self._state
            step = {
                "requires_payment_method": self._confirm,
                "requires_confirmation": self._confirm,
                "requires_action": self._answer_action,
                "requires_capture": self._capture,
            }.get(self.work.intent["status"])
            if step is None:
                return self._end()
            end = yield from step()
            if end is not None:
                return end
            if self._state == before:
                return "processing", "Stripe took the request, and its effect does not show yet"

    @property
    def _state(self) -> tuple[Any, ...]:
        intent = self.work.intent
        return intent["status"], _action(intent), intent["amount"], self._attempts

    def _end(self) -> End:
        """Judge a PaymentIntent that has come to its end, or that only the bank can bring there."""
        intent, wanted = self.work.intent, self.order.final_amount
        match intent["status"]:
            case "processing":
                return "processing", "the payment is being processed by the bank: run it again in some days"
            case "canceled":
                if reason := metadata_of(intent).get(DECLINED):
                    return "declined", reason
                why = intent.get("cancellation_reason") or "no reason given"
                return "rejected", f"its payment {intent['id']} was canceled ({why}): use another external_id"
            case "succeeded":
                received = format_amount(intent["amount_received"], intent["currency"])
                if self.order.settlement == "hold":
                    return "rejected", f"{received} was captured, and the order says to hold it"
                if intent["amount_received"] != wanted:
                    right = format_amount(wanted, self.order.currency)
                    return "rejected", f"{received} was captured, and the order says {right}"
                return "done", None
            case status:
                return "rejected", f"its payment {intent['id']} is {status}, which this version does not know"

    # Confirming

    def _confirm(self) -> Process[End | None]:
        """Charge or authorise, while attempts are left; each charge that failed at Stripe was one, whoever made it."""
        self.work.refuse_interference()
        failed, reason, final = (yield from self._failed()), None, False
        error: Mapping[str, Any] | None = self.work.intent.get("last_payment_error")
        self._attempts = max(self._attempts, _attempts_made(self.work.intent, failed))
        if failed:
            reason, final = failure_reason(failed[0]), _is_final(failed[0].get("outcome"))
        elif error:
            reason, final = decline_reason(CardError(error.get("message") or "", error=dict(error))), _is_final(error)
        if final or self._attempts >= self.order.max_payment_attempts:
            return (yield from self._declined(reason))
        try:
            yield from self._charge(attempt=self._attempts + 1)
        except CardError as refusal:
            self._attempts += 1
            reason = decline_reason(refusal)
            yield Note(f"declined: {reason}")
            yield from self.work.reread()
            if self.work.intent["status"] in UNCONFIRMED and (
                _is_final(refusal.error) or self._attempts >= self.order.max_payment_attempts
            ):
                return (yield from self._declined(reason))
        return None

    def _charge(self, attempt: int) -> Steps:
        """Confirm, unless this attempt is seen to have been made: it succeeded, failed, or is under way."""
        params = yield from self._confirm_params()
        # To read its charges and its card took a moment, in which somebody may have changed it.
        if (yield from self.work.reread())["status"] not in UNCONFIRMED:
            return
        self.work.refuse_interference()

        def look(_: StripeObject | None) -> Process[StripeObject | None]:
            seen = yield from self.work.reread()
            if seen["status"] not in UNCONFIRMED:
                return seen
            failed = yield from self._failed()
            return seen if _attempts_made(seen, failed) >= attempt else None

        self.work.intent = yield from self.business.write(
            self.work.label("confirm"),
            "confirm_payment_intent",
            self.work.intent["id"],
            slot=f"confirm-{attempt}",
            look=look,
            params=params,
        )
        self._attempts = attempt

    def _failed(self) -> Process[list[StripeObject]]:
        """Read the charges that failed, newest first."""
        charges = yield from self.business.read(
            self.work.label("read the charges of"), "list_charges", params={"payment_intent": self.work.intent["id"]}
        )
        return [charge for charge in charges["data"] if charge["status"] == "failed"]

    def _confirm_params(self) -> Process[dict[str, Any]]:
        order = self.order
        match order.payment_method_type:
            case "customer_balance":
                transfer: dict[str, Any] = {"type": BANK_TRANSFERS[order.currency]}
                if order.bank_transfer_country:
                    transfer[transfer["type"]] = {"country": order.bank_transfer_country}
                options = {"customer_balance": {"funding_type": "bank_transfer", "bank_transfer": transfer}}
                return {"payment_method_data": {"type": "customer_balance"}, "payment_method_options": options}
            case "us_bank_account":
                verification = {"us_bank_account": {"verification_method": "automatic"}}
                mandate = {"customer_acceptance": {"type": "offline"}}
                more: dict[str, Any] = {"payment_method_options": verification, "mandate_data": mandate}
            case "card":
                wish = {"request_incremental_authorization": "if_available"}
                more = {"payment_method_options": {"card": wish}} if order.may_increase else {}
        if self._attached is None:
            self._attached = yield from attached(self.business, str(order.payment_method), str(self.work.customer))
        return {"payment_method": self._attached, **more}

    def _declined(self, reason: str | None) -> Process[End]:
        """Do what the order says of a decline that is final."""
        reason = reason or "the payment was declined"
        if self.order.on_decline == "cancel":
            yield from self._record(DECLINED, reason[:500], "record the decline on")
            yield from self._do_cancel("abandoned")
            if self.work.intent["status"] != "canceled":
                return self._end()
        return "failed" if self.order.on_decline == "fail" else "declined", reason

    def _record(self, name: str, value: str, verb: str) -> Steps:
        """Record on the PaymentIntent what it does not tell by itself."""

        def look(_: StripeObject | None) -> Process[StripeObject | None]:
            seen = yield from self.work.reread()
            return seen if metadata_of(seen).get(name) else None

        if metadata_of(self.work.intent).get(name) != value:
            self.work.intent = yield from self.business.write(
                self.work.label(verb),
                "update_payment_intent",
                self.work.intent["id"],
                slot=f"{name}-{fingerprint(value)}",
                look=look,
                params={"metadata": {name: value}},
            )

    # Waiting for somebody

    def _answer_action(self) -> Process[End | None]:
        """Do what an action asks for, where the order can; else report who has to do what."""
        self.work.refuse_interference()
        match _action(self.work.intent):
            case "verify_with_microdeposits":
                return (yield from self._verify())
            case "display_bank_transfer_instructions":
                return (yield from self._apply_balance())
            case action:
                return (
                    "requires_action",
                    f"the customer must authenticate the payment (3-D Secure, {action}): run it again once they have, "
                    "or cancel it",
                )

    def _verify(self) -> Process[End | None]:
        order, again = self.order, "look at the bank statement, correct the order, and run it again"
        params: dict[str, Any] = {}
        if order.microdeposit_amounts:
            params = {"amounts": sorted(order.microdeposit_amounts)}
        elif order.microdeposit_descriptor_code:
            params = {"descriptor_code": order.microdeposit_descriptor_code}
        if not params:
            return (
                "requires_action",
                "the customer must say what the microdeposits on the bank account were: set microdeposit_amounts or "
                "microdeposit_descriptor_code, and run it again",
            )
        given = fingerprint(params)
        if metadata_of(self.work.intent).get(WRONG_MICRODEPOSITS) == given:
            # Stripe takes a few tries only: the same ones once more would be another.
            return "requires_action", f"the microdeposits were wrong before: {again}"
        try:
            self.work.intent = yield from self.business.write(
                self.work.label("verify the microdeposits of"),
                "verify_payment_intent_microdeposits",
                self.work.intent["id"],
                slot=f"microdeposits-{given}",
                look=self.work.has_left("requires_action", *UNCONFIRMED),
                params=params,
                stands=_is_wrong,
            )
        except InvalidRequestError as error:
            if not _is_wrong(error):
                raise
            yield from self.work.reread()
            if _action(self.work.intent) == "verify_with_microdeposits":
                yield from self._record(WRONG_MICRODEPOSITS, given, "record the wrong microdeposits on")
                return "requires_action", f"{error.message} {again[0].upper()}{again[1:]}"
        except CardError as error:
            yield Note(f"declined: {decline_reason(error)}")
            yield from self.work.reread()
        return None

    def _apply_balance(self) -> Process[End | None]:
        try:
            self.work.intent = yield from self.business.write(
                self.work.label("apply the customer's balance to"),
                "apply_payment_intent_customer_balance",
                self.work.intent["id"],
                # Funds may have come since: another minute is another try. It takes no more than what remains of it,
                # however many try.
                slot=f"balance-{self.business.now.isoformat(timespec='minutes')}",
                look=self.work.has_left("requires_action"),
            )
        except InvalidRequestError as error:
            yield Note(f"not applied: {error.message}")
        if self.work.intent["status"] != "requires_action":
            return None
        intent = self.work.intent
        action: dict[str, dict[str, Any]] = intent["next_action"] or {}
        instructions = action.get("display_bank_transfer_instructions") or {}
        remaining = format_amount(instructions.get("amount_remaining") or intent["amount"], intent["currency"])
        page = instructions.get("hosted_instructions_url")
        where = f", as {page} shows them" if page else ""
        return "requires_action", f"the customer must transfer {remaining}{where}: run it again once it has arrived"

    # Once authorised

    def _capture(self) -> Process[End | None]:
        order = self.order
        if order.increase_to is not None and self.work.intent["amount"] < order.increase_to:
            try:
                yield from self._increase(order.increase_to)
            except CardError as error:
                yield from self.work.reread()
                return (
                    "declined",
                    f"the increase was declined, and the first authorisation stands: {decline_reason(error)}",
                )
            if self.work.intent["status"] != "requires_capture":
                return None
        held = self.work.intent["amount_capturable"]
        told = format_amount(held, order.currency)
        if order.settlement == "hold":
            if held != order.authorised:
                return (
                    "rejected",
                    f"{told} is held, and the order says {format_amount(order.authorised, order.currency)}",
                )
            return "done", f"{told} is held"
        if held < order.final_amount:
            wanted = format_amount(order.final_amount, order.currency)
            return "rejected", f"{told} is authorised, and the order says to capture {wanted}"
        self.work.intent = yield from self.business.write(
            self.work.label("capture"),
            "capture_payment_intent",
            self.work.intent["id"],
            slot="capture",
            look=self.work.has_left("requires_capture"),
            params={"amount_to_capture": order.final_amount},
        )
        return None

    def _increase(self, total: int) -> Steps:
        def look(_: StripeObject | None) -> Process[StripeObject | None]:
            seen = yield from self.work.reread()
            return seen if seen["status"] != "requires_capture" or seen["amount"] >= total else None

        self.work.intent = yield from self.business.write(
            self.work.label("increase the authorisation of"),
            "increment_payment_intent_authorization",
            self.work.intent["id"],
            slot=f"increase-{total}",
            look=look,
            params={"amount": total},
        )

    # Canceling

    def _cancel(self) -> Process[End]:
        while True:
            match self.work.intent["status"]:
                case "canceled":
                    return "done", None
                case "succeeded":
                    return "rejected", "it was paid before it could be canceled: refund it instead"
                case "processing":
                    return (
                        "processing",
                        "the bank is processing it, and it can no longer be canceled: run it again in some days",
                    )
                case _:
                    yield from self._do_cancel("requested_by_customer")

    def _do_cancel(self, reason: str) -> Steps:
        """Cancel, unless it turns out that it has come to another end."""
        self.work.intent = yield from self.business.write(
            self.work.label("cancel"),
            "cancel_payment_intent",
            self.work.intent["id"],
            slot="cancel",
            look=self.work.has_left(*UNCONFIRMED, "requires_action", "requires_capture"),
            params={"cancellation_reason": reason},
        )


def _action(intent: StripeObject) -> str | None:
    """Name what has to be done next."""
    action: Mapping[str, Any] = intent.get("next_action") or {}
    return action.get("type")


def _attempts_made(intent: StripeObject, failed: Sequence[StripeObject]) -> int:
    """Count the attempts to pay that failed, by the PaymentIntent and its failed charges."""
    # Some leave an error and no charge: an authentication that failed, a bank account that is not known.
    return max(len(failed), 1 if intent.get("last_payment_error") else 0)


def _is_wrong(error: StripeError) -> bool:
    """Say whether the microdeposits were refused: that uses up one of a few tries, and stands."""
    return (error.code or "").startswith("payment_method_microdeposit")


def _is_final(said: Mapping[str, Any] | None) -> bool:
    """Say whether the issuer advises against another try: the error of a decline says so, and its charge's outcome."""
    return said is not None and said.get("advice_code") == "do_not_try_again"

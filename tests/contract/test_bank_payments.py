"""What the flows build on: payments from a bank account that is verified first, and from what was transferred."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.account import REFUSED, Account, Object, said

HOLDER: dict[str, Any] = {"type": "us_bank_account", "billing_details": {"name": "Jenny Rosen"}}
NUMBERS = {"account_number": "000123456789", "routing_number": "110000000", "account_holder_type": "individual"}
DEBIT: dict[str, Any] = {
    "allowed_payment_method_types": ["us_bank_account"],
    "payment_method_data": {**HOLDER, "us_bank_account": NUMBERS},
    "payment_method_options": {"us_bank_account": {"verification_method": "microdeposits"}},
    "mandate_data": {"customer_acceptance": {"type": "offline"}},
    "confirm": True,
}
TRANSFER: dict[str, Any] = {
    "allowed_payment_method_types": ["customer_balance"],
    "payment_method_data": {"type": "customer_balance"},
    "payment_method_options": {
        "customer_balance": {"funding_type": "bank_transfer", "bank_transfer": {"type": "us_bank_transfer"}}
    },
    "confirm": True,
}


def _waits_for(payment: Object) -> tuple[str, str | None]:
    action: Object = payment["next_action"] or {}
    return payment["status"], action.get("type")


# Microdeposits. What they are in test mode is on Stripe's page "Accept an ACH Direct Debit payment".


@pytest.mark.parametrize("told", [{"amounts": [32, 45]}, {"descriptor_code": "SM11AA"}], ids=["amounts", "code"])
def test_a_bank_account_is_verified_by_what_was_sent_to_it(account: Account, told: dict[str, Any]) -> None:
    payment = account.payment_where_offered(**DEBIT)
    assert _waits_for(payment) == ("requires_action", "verify_with_microdeposits")
    assert payment["amount_received"] == 0
    verified = account.do("verify_payment_intent_microdeposits", payment["id"], **told)
    assert verified["status"] in ("processing", "succeeded")  # days later, or soon in test mode
    assert verified["next_action"] is None
    charge = account.do("retrieve_charge", verified["latest_charge"])
    assert (charge["amount"], charge["payment_method_details"]["type"]) == (5000, "us_bank_account")
    method = account.do("retrieve_payment_method", verified["payment_method"])
    assert (method["us_bank_account"]["last4"], method["billing_details"]["name"]) == ("6789", "Jenny Rosen")
    assert said(account.refused("verify_payment_intent_microdeposits", payment["id"], **told)) == REFUSED


def test_a_wrong_guess_leaves_another(account: Account) -> None:
    payment = account.payment_where_offered(**DEBIT)
    error = account.refused("verify_payment_intent_microdeposits", payment["id"], amounts=[20, 21])
    assert (said(error), error.code) == (REFUSED, "payment_method_microdeposit_verification_amounts_mismatch")
    same = account.do("retrieve_payment_intent", payment["id"])
    assert _waits_for(same) == ("requires_action", "verify_with_microdeposits")
    verified = account.do("verify_payment_intent_microdeposits", payment["id"], amounts=[32, 45])
    assert verified["status"] in ("processing", "succeeded")


def test_what_is_not_verified_can_be_canceled(account: Account) -> None:
    payment = account.payment_where_offered(**DEBIT)
    canceled = account.do("cancel_payment_intent", payment["id"])
    assert (canceled["status"], canceled["next_action"]) == ("canceled", None)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("left_out", ["billing_details", "mandate_data"])
def test_a_debit_needs_its_holders_name_and_consent(account: Account, left_out: str) -> None:
    account.do("cancel_payment_intent", account.payment_where_offered(**DEBIT)["id"])  # it is offered
    data = {name: value for name, value in DEBIT["payment_method_data"].items() if name != left_out}
    params: dict[str, Any] = {name: value for name, value in DEBIT.items() if name != left_out} | {
        "payment_method_data": data
    }
    error = account.refused("create_payment_intent", amount=5000, currency="usd", metadata=account.mark, **params)
    assert said(error) == REFUSED


def test_only_a_card_is_authorised_first(account: Account) -> None:
    params: dict[str, Any] = {
        "amount": 5000,
        "currency": "usd",
        "capture_method": "manual",
        "confirm": True,
        "metadata": account.mark,
    }
    debit: dict[str, Any] = {"allowed_payment_method_types": ["us_bank_account"], "mandate_data": DEBIT["mandate_data"]}
    assert (
        said(account.refused("create_payment_intent", **params, **debit, payment_method="pm_usBankAccount_success"))
        == REFUSED
    )


# Transfers


def _buyer(account: Account, mode: str) -> str:
    """A customer whose transfers go to payments by themselves, or are applied by hand; not as the account has it."""
    return account.customer(cash_balance={"settings": {"reconciliation_mode": mode}})


def _fund(account: Account, customer: str, amount: int) -> None:
    moved = account.do("fund_customer_cash_balance", customer, amount=amount, currency="usd")
    assert (moved["type"], moved["net_amount"], moved["currency"]) == ("funded", amount, "usd")


def _held(account: Account, customer: str) -> int:
    seen = account.do("retrieve_customer", customer, expand=["cash_balance"])
    held: dict[str, int] = seen["cash_balance"]["available"] or {}
    return held.get("usd", 0)


def _remains(payment: Object) -> int | None:
    """What is still to be transferred for a payment that waits for it."""
    action: Object = payment["next_action"] or {}
    instructions: Object = action.get("display_bank_transfer_instructions") or {}
    return instructions.get("amount_remaining")


def _read(account: Account, payment: Object) -> Object:
    return account.do("retrieve_payment_intent", payment["id"])


def test_what_is_transferred_pays_by_itself_part_by_part(account: Account) -> None:
    customer = _buyer(account, "automatic")
    payment = account.payment_where_offered(customer=customer, **TRANSFER)
    assert _waits_for(payment) == ("requires_action", "display_bank_transfer_instructions")
    assert _remains(payment) == 5000
    _fund(account, customer, 2000)
    account.eventually(lambda: _remains(_read(account, payment)) == 3000 or None)
    _fund(account, customer, 3500)
    account.eventually(lambda: _read(account, payment)["status"] == "succeeded" or None)
    paid = _read(account, payment)
    assert (paid["amount_received"], paid["next_action"]) == (5000, None)
    assert account.do("retrieve_charge", paid["latest_charge"])["amount_captured"] == 5000
    account.eventually(lambda: _held(account, customer) == 500 or None)  # the rest is for the next payment


def test_what_was_transferred_before_pays_at_once(account: Account) -> None:
    customer = _buyer(account, "automatic")
    account.do("cancel_payment_intent", account.payment_where_offered(customer=customer, **TRANSFER)["id"])
    _fund(account, customer, 5000)
    account.eventually(lambda: _held(account, customer) == 5000 or None)
    payment = account.payment(customer=customer, **TRANSFER)
    account.eventually(lambda: _read(account, payment)["status"] == "succeeded" or None)


def test_by_hand_no_more_is_applied_than_is_asked_for(account: Account) -> None:
    customer = _buyer(account, "manual")
    payment = account.payment_where_offered(customer=customer, **TRANSFER)
    _fund(account, customer, 6000)
    account.eventually(lambda: _held(account, customer) == 6000 or None)
    assert _remains(_read(account, payment)) == 5000
    applied = account.do("apply_payment_intent_customer_balance", payment["id"], amount=2000)
    assert (*_waits_for(applied), _remains(applied)) == (
        "requires_action",
        "display_bank_transfer_instructions",
        3000,
    )
    assert said(account.refused("apply_payment_intent_customer_balance", payment["id"], amount=3001)) == REFUSED
    paid = account.do("apply_payment_intent_customer_balance", payment["id"])
    assert (paid["status"], paid["amount_received"]) == ("succeeded", 5000)
    assert _held(account, customer) == 1000
    assert said(account.refused("apply_payment_intent_customer_balance", payment["id"])) == REFUSED


def test_nothing_is_applied_where_nothing_was_transferred(account: Account) -> None:
    payment = account.payment_where_offered(customer=_buyer(account, "manual"), **TRANSFER)
    assert said(account.refused("apply_payment_intent_customer_balance", payment["id"])) == REFUSED
    assert _remains(_read(account, payment)) == 5000
    assert account.do("cancel_payment_intent", payment["id"])["status"] == "canceled"

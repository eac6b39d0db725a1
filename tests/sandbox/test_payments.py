"""Payment intents through all their states, what they leave on the balance, and refunds and payouts that sum."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
import stripe

from prefect_stripe.sandbox import Sandbox
from prefect_stripe.sandbox.errors import Refusal

NEVER = {"automatic_payment_methods[enabled]": "true", "automatic_payment_methods[allow_redirects]": "never"}
MANUAL = {"capture_method": "manual", "confirm": "true", "payment_method": "pm_card_visa"}
BANK = {
    "payment_method_data[type]": "us_bank_account",
    "payment_method_data[us_bank_account][account_number]": "000123456789",
    "payment_method_data[us_bank_account][routing_number]": "110000000",
    "payment_method_data[us_bank_account][account_holder_type]": "individual",
    "payment_method_data[billing_details][name]": "Jenny Rosen",
    "mandate_data[customer_acceptance][type]": "offline",
    "allowed_payment_method_types[]": "us_bank_account",
}


class Intents:
    """Payment intents over plain HTTP."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def create(self, **form: Any) -> dict[str, Any]:
        body = (
            {"amount": "5000", "currency": "usd"} | ({} if "allowed_payment_method_types[]" in form else NEVER) | form
        )
        return self._ok(self.http.post("/v1/payment_intents", data=body))

    def act(self, intent: dict[str, Any], action: str, **form: Any) -> dict[str, Any]:
        return self._ok(self.try_to(intent, action, **form))

    def try_to(self, intent: dict[str, Any], action: str, **form: Any) -> httpx.Response:
        return self.http.post(f"/v1/payment_intents/{intent['id']}/{action}".rstrip("/"), data=form)

    def read(self, intent: dict[str, Any], **params: Any) -> dict[str, Any]:
        return self._ok(self.http.get(f"/v1/payment_intents/{intent['id']}", params=params))

    @staticmethod
    def _ok(answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


@pytest.fixture
def intents(http: httpx.Client) -> Intents:
    return Intents(http)


def in_state(intents: Intents, state: str) -> dict[str, Any]:
    match state:
        case "requires_payment_method":
            intent = intents.create()
        case "requires_confirmation":
            intent = intents.create(payment_method="pm_card_visa")
        case "requires_action":
            intent = intents.create(payment_method="pm_card_authenticationRequired", confirm="true")
        case "processing":
            bank = {"payment_method": "pm_usBankAccount_success", "allowed_payment_method_types[]": "us_bank_account"}
            intent = intents.create(confirm="true", **bank)
        case "requires_capture":
            intent = intents.create(**MANUAL)
        case "succeeded":
            intent = intents.create(payment_method="pm_card_visa", confirm="true")
        case _:
            intent = intents.act(intents.create(), "cancel")
    assert intent["status"] == state
    return intent


STATES = (
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "processing",
    "requires_capture",
    "succeeded",
    "canceled",
)
LEGAL: dict[str, dict[str, str]] = {
    "confirm": {"requires_confirmation": "succeeded", "requires_payment_method": "succeeded"},
    "cancel": dict.fromkeys((*STATES[:3], "requires_capture"), "canceled"),
    "capture": {"requires_capture": "succeeded"},
    "increment_authorization": {},
    "verify_microdeposits": {},
    "apply_customer_balance": {},
    "": {state: state for state in STATES[:3]},  # an update of the amount
}
FORMS: dict[str, dict[str, str]] = {
    "confirm": {"payment_method": "pm_card_visa"},
    "increment_authorization": {"amount": "9000"},
    "verify_microdeposits": {"descriptor_code": "SM11AA"},
    "": {"amount": "6000"},
}
WORDS = {
    "confirm": "You cannot confirm this PaymentIntent because it has ",
    "cancel": "You cannot cancel this PaymentIntent because it has a status of {state}.",
    "capture": "This PaymentIntent could not be captured because it has a status of {state}. Only a PaymentIntent with "
    "one of the following statuses may be captured: requires_capture.",
    "increment_authorization": "This PaymentIntent's authorization could not be incremented",
    "verify_microdeposits": "This PaymentIntent is not waiting for microdeposits",
    "apply_customer_balance": "This PaymentIntent cannot be paid from a customer's balance",
    "": "This PaymentIntent's amount could not be updated because it has a status of {state}.",
}


@pytest.mark.parametrize("action", LEGAL)
@pytest.mark.parametrize("state", STATES)
def test_every_action_from_every_state(intents: Intents, sandbox: Sandbox, state: str, action: str) -> None:
    intent = in_state(intents, state)
    sandbox.catch_up()
    effects = len(sandbox.ledger.effects)
    answer = intents.try_to(intent, action, **FORMS.get(action, {}))
    if state in LEGAL[action]:
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == LEGAL[action][state]
        return
    if (state, action) == ("requires_action", "confirm"):  # with a card that works, it may be confirmed again
        assert answer.json()["status"] == "succeeded"
        return
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert len(sandbox.ledger.effects) == effects
    if (state, action) == ("requires_capture", "increment_authorization"):
        assert error["message"] == "Incremental authorization is not available for this PaymentIntent."
        return
    assert error["code"] == "payment_intent_unexpected_state"
    assert error["payment_intent"]["status"] == state
    words = "The remaining amount on this" if (state, action) == ("succeeded", "capture") else WORDS[action]
    assert error["message"].startswith(words.format(state=state))


def test_authorize_to_capture_by_the_sdk(sdk: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = sdk.v1.payment_intents.create(
        {
            "amount": 5000,
            "currency": "usd",
            "capture_method": "manual",
            "allowed_payment_method_types": ["card"],
            "payment_method": "pm_card_visa",
            "payment_method_options": {"card": {"request_incremental_authorization": "if_available"}},
            "confirm": True,
        }
    )
    assert (intent.status, intent.amount_capturable, intent.amount_received) == ("requires_capture", 5000, 0)
    assert sandbox.ledger.count("balance_transaction.created") == 0
    intent = sdk.v1.payment_intents.increment_authorization(intent.id, {"amount": 8000})
    assert (intent.status, intent.amount, intent.amount_capturable) == ("requires_capture", 8000, 8000)
    with pytest.raises(stripe.InvalidRequestError, match="must be greater"):
        sdk.v1.payment_intents.increment_authorization(intent.id, {"amount": 8000})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        sdk.v1.payment_intents.capture(intent.id, {"amount_to_capture": 8001})
    assert caught.value.code == "amount_too_large"
    intent = sdk.v1.payment_intents.capture(intent.id, {"amount_to_capture": 6000, "expand": ["latest_charge"]})
    assert (intent.status, intent.amount_received, intent.amount_capturable) == ("succeeded", 6000, 0)
    charge = intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert (charge.amount, charge.amount_captured, charge.amount_refunded, charge.refunded) == (8000, 6000, 2000, False)
    assert sandbox.ledger.select("balance_transaction.created")[0].amount == 6000 - 204


def test_capturing_nothing_names_another_parameter(intents: Intents) -> None:
    error = intents.try_to(intents.create(**MANUAL), "capture", amount_to_capture="0").json()["error"]
    assert (error["code"], error["param"]) == ("parameter_invalid_integer", "amount")


def test_an_authorization_expires_after_seven_days(intents: Intents, sandbox: Sandbox) -> None:
    intent = intents.create(**MANUAL)
    sandbox.clock.advance(timedelta(days=7, seconds=1))
    assert intents.read(intent)["status"] == "canceled"
    assert intents.try_to(intent, "capture").status_code == 400


def test_canceling_releases_what_was_authorized(intents: Intents) -> None:
    intent = intents.act(intents.create(**MANUAL), "cancel", cancellation_reason="duplicate")
    assert (intent["status"], intent["cancellation_reason"]) == ("canceled", "duplicate")
    charge = intents.read(intent, **{"expand[]": "latest_charge"})["latest_charge"]
    assert (charge["captured"], charge["refunded"], charge["amount_refunded"]) == (False, True, 5000)


def test_a_decline_leaves_an_intent_that_wants_another_card(intents: Intents, sandbox: Sandbox) -> None:
    intent = intents.create(payment_method="pm_card_chargeDeclinedInsufficientFunds")
    answer = intents.try_to(intent, "confirm")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["decline_code"]) == (402, "card_declined", "insufficient_funds")
    after = intents.read(intent)
    assert (after["status"], after["payment_method"]) == ("requires_payment_method", None)
    assert after["last_payment_error"]["decline_code"] == "insufficient_funds"
    assert error["payment_intent"]["id"] == intent["id"]
    assert error["charge"] == after["latest_charge"]
    assert intents.act(intent, "confirm", payment_method="pm_card_visa")["status"] == "succeeded"
    assert (sandbox.ledger.count("charge.failed"), sandbox.ledger.count("charge.succeeded")) == (1, 1)


def test_authentication_is_asked_for_or_refused_when_nobody_is_there(intents: Intents) -> None:
    asked = intents.create(payment_method="pm_card_threeDSecure2Required", confirm="true")
    assert (asked["status"], asked["next_action"]["type"]) == ("requires_action", "use_stripe_sdk")
    intent = intents.create(payment_method="pm_card_threeDSecure2Required")
    answer = intents.try_to(intent, "confirm", off_session="true")
    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "authentication_required")
    assert intents.read(intent)["status"] == "requires_payment_method"


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ({"amount": "49"}, "amount_too_small", "amount"),
        ({"amount": "100000000"}, "amount_too_large", "amount"),
        ({"amount": "0"}, "parameter_invalid_integer", "amount"),
        ({"amount": "1255", "currency": "kwd"}, None, "amount"),
        ({"payment_method_types[]": "card"}, "payment_method_types_no_longer_supported", "payment_method_types"),
        ({"allowed_payment_method_types[]": "card", **NEVER}, "parameters_exclusive", "allowed_payment_method_types"),
        ({"off_session": "true"}, None, "off_session"),
        ({"payment_method": "pm_none"}, "resource_missing", "payment_method"),
        ({"statement_descriptor": "ACME"}, None, "statement_descriptor"),
        ({"payment_method_options[boleto][setup_future_usage]": "none"}, None, "payment_method_options[boleto]"),
        ({"amount_details[tax][total_tax_amount]": "9000"}, None, "amount_details"),
        ({"payment_method_options[card][moto]": "true"}, None, "payment_method_options[card][moto]"),
        (
            {"payment_method": "pm_usBankAccount_success", "allowed_payment_method_types[]": "card"},
            "payment_intent_incompatible_payment_method",
            "payment_method",
        ),
    ],
)
def test_what_is_refused_at_creation(
    http: httpx.Client, sandbox: Sandbox, form: dict[str, str], code: str | None, param: str
) -> None:
    answer = http.post("/v1/payment_intents", data={"amount": "5000", "currency": "usd"} | form)
    error = answer.json()["error"]
    assert (answer.status_code, error.get("code"), error["param"]) == (400, code, param)
    assert sandbox.ledger.effects == []


def test_what_is_switched_off_or_cleared_is_no_option(intents: Intents) -> None:
    plain = {"card": {"request_three_d_secure": "automatic"}}
    off = {"payment_method_options[card][moto]": "false"}
    off["payment_method_options[card][installments][enabled]"] = "false"
    intent = intents.create(**off)
    assert intent["payment_method_options"] == plain
    asked = {"payment_method_options[card][request_incremental_authorization]": "if_available"}
    intents.act(intent, "", **asked)
    cleared = {"payment_method_options[card]": "", "payment_method_options[paypal]": ""}
    assert intents.act(intent, "", **cleared)["payment_method_options"] == plain
    held = intents.act(intent, "confirm", capture_method="manual", payment_method="pm_card_visa")
    assert intents.try_to(held, "increment_authorization", amount="6000").status_code == 400


def test_references_of_a_payment_are_kept_until_they_are_cleared(intents: Intents) -> None:
    intent = intents.create(**MANUAL, **{"payment_details[order_reference]": "o-7"})
    assert intent["payment_details"] == {"customer_reference": None, "order_reference": "o-7"}
    captured = intents.act(intent, "capture", **{"payment_details[customer_reference]": "c-7"})
    assert captured["payment_details"] == {"customer_reference": "c-7", "order_reference": "o-7"}
    assert intents.act(intent, "", payment_details="")["payment_details"] is None


def test_a_bank_account_is_shown_as_it_was_given(http: httpx.Client, intents: Intents) -> None:
    more = {
        "payment_method_data[us_bank_account][account_holder_type]": "company",
        "payment_method_data[us_bank_account][account_type]": "savings",
        "payment_method_data[billing_details][address][city]": "Dublin",
    }
    intent = intents.create(**BANK | more, confirm="true")
    method = http.get(f"/v1/payment_methods/{intent['payment_method']}").json()
    assert method["us_bank_account"]["account_holder_type"] == "company"
    assert method["us_bank_account"]["account_type"] == "savings"
    assert method["billing_details"]["name"] == "Jenny Rosen"
    assert method["billing_details"]["address"]["city"] == "Dublin"
    nameless = {name: value for name, value in BANK.items() if "billing_details" not in name}
    answer = http.post("/v1/payment_intents", data={"amount": "5000", "currency": "usd", "confirm": "true"} | nameless)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "payment_method_data[billing_details][name]")


@pytest.mark.parametrize("said", ["setup_future_usage", "payment_method_options[us_bank_account][setup_future_usage]"])
def test_an_account_for_later_payments_becomes_the_customers(
    http: httpx.Client, intents: Intents, customer: str, said: str
) -> None:
    bank = {"payment_method": "pm_usBankAccount_success", "allowed_payment_method_types[]": "us_bank_account"}
    intent = intents.create(**bank, **{said: "off_session"}, customer=customer, confirm="true")
    method = http.get(f"/v1/payment_methods/{intent['payment_method']}").json()
    assert method["customer"] == customer


def test_types_are_chosen_one_way_whenever_they_are(intents: Intents, sandbox: Sandbox) -> None:
    excluding = {"excluded_payment_method_types[]": "us_bank_account"}
    intent = intents.create(**excluding)  # beside automatic_payment_methods
    assert intent["payment_method_types"] == ["card"]
    for action in ("", "confirm"):
        error = intents.try_to(intent, action, **excluding, **{"allowed_payment_method_types[]": "card"}).json()[
            "error"
        ]
        assert (error["code"], error["param"]) == ("parameters_exclusive", "allowed_payment_method_types")
    assert sandbox.ledger.count("payment_intent.updated") == 0


def test_a_transfer_group_is_set_once(intents: Intents) -> None:
    intent = intents.act(intents.create(), "", transfer_group="order-7")
    assert intents.try_to(intent, "", transfer_group="order-8").json()["error"]["param"] == "transfer_group"
    assert intents.read(intent)["transfer_group"] == "order-7"


def test_a_bank_in_the_united_states_pays_dollars_alone(intents: Intents, sandbox: Sandbox) -> None:
    intent = intents.create(payment_method="pm_usBankAccount_success")
    assert intents.act(intent, "", currency="eur")["payment_method_types"] == ["card"]
    answer = intents.try_to(intent, "confirm", **{"mandate_data[customer_acceptance][type]": "offline"})
    assert answer.json()["error"]["code"] == "payment_intent_incompatible_payment_method"
    assert sandbox.ledger.count("charge.pending") == 0


def test_confirming_needs_somewhere_to_return_to(http: httpx.Client) -> None:
    form = {"amount": "5000", "currency": "usd", "confirm": "true", "payment_method": "pm_card_visa"}
    answer = http.post("/v1/payment_intents", data=form)
    assert answer.status_code == 400
    assert "you must provide a `return_url`" in answer.json()["error"]["message"]
    assert http.post("/v1/payment_intents", data={**form, "return_url": "https://example.com"}).status_code == 200


def test_a_card_belongs_to_one_customer_and_a_bare_one_is_used_once(
    http: httpx.Client, intents: Intents, customer: str
) -> None:
    owned = http.get(f"/v1/customers/{customer}/payment_methods").json()["data"][0]["id"]
    answer = http.post("/v1/payment_intents", data={"amount": 900, "currency": "usd", "payment_method": owned})
    assert answer.json()["error"]["message"].startswith(f"The PaymentMethod {owned} belongs to a Customer.")
    bare = intents.create(payment_method="pm_card_visa", confirm="true")["payment_method"]
    answer = http.post("/v1/payment_intents", data={"amount": 900, "currency": "usd", "payment_method": bare})
    assert "It may not be used again" in answer.json()["error"]["message"]


def test_a_charge_settles_after_the_answer_when_it_is_captured_asynchronously(intents: Intents) -> None:
    expand = {"expand[]": "latest_charge"}
    intent = intents.create(payment_method="pm_card_visa", confirm="true", **expand)
    assert intent["latest_charge"]["balance_transaction"] is None
    assert intents.read(intent, **expand)["latest_charge"]["balance_transaction"].startswith("txn_")


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        ("pm_usBankAccount_success", "succeeded", None),
        ("pm_usBankAccount_insufficientFunds", "requires_payment_method", "insufficient_funds"),
        ("pm_usBankAccount_processing", "processing", None),
    ],
)
def test_a_bank_debits_outcome_comes_days_later(
    intents: Intents, sandbox: Sandbox, token: str, status: str, code: str | None
) -> None:
    intent = intents.create(
        payment_method=token, confirm="true", **{"allowed_payment_method_types[]": "us_bank_account"}
    )
    assert intent["status"] == "processing"
    sandbox.clock.advance(timedelta(days=5))
    after = intents.read(intent)
    error: dict[str, Any] = after["last_payment_error"] or {}
    assert (after["status"], error.get("code")) == (status, code)


def test_an_invoice_paid_by_debit_is_paid_when_the_debit_settles(
    http: httpx.Client, sandbox: Sandbox, customer: str
) -> None:
    method = http.post("/v1/payment_methods/pm_usBankAccount_success/attach", data={"customer": customer}).json()["id"]
    invoice = http.post("/v1/invoices", data={"customer": customer, "currency": "usd"}).json()["id"]
    http.post("/v1/invoiceitems", data={"customer": customer, "invoice": invoice, "amount": 9000, "currency": "usd"})
    assert http.post(f"/v1/invoices/{invoice}/pay", data={"payment_method": method}).json()["status"] == "open"
    assert http.post(f"/v1/invoices/{invoice}/pay").status_code == 400  # one is in progress
    sandbox.clock.advance(timedelta(days=5))
    assert http.get(f"/v1/invoices/{invoice}").json()["status"] == "paid"
    assert sandbox.ledger.count("charge.succeeded") == 1


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"amounts[0]": "32", "amounts[1]": "45"}, "processing", None),
        ({"descriptor_code": "SM11AA"}, "processing", None),
        (
            {"amounts[0]": "1", "amounts[1]": "2"},
            "requires_action",
            "payment_method_microdeposit_verification_amounts_mismatch",
        ),
        (
            {"descriptor_code": "SM99ZZ"},
            "requires_action",
            "payment_method_microdeposit_verification_descriptor_code_mismatch",
        ),
        ({"amounts[0]": "32"}, "requires_action", "payment_method_microdeposit_verification_amounts_invalid"),
        (
            {"amounts[0]": "10", "amounts[1]": "11"},
            "requires_payment_method",
            "payment_method_microdeposit_verification_attempts_exceeded",
        ),
        (
            {"descriptor_code": "SM44DD"},
            "requires_payment_method",
            "payment_method_microdeposit_verification_timeout",
        ),
        ({}, "requires_action", "parameter_missing"),
    ],
)
def test_microdeposits(intents: Intents, form: dict[str, str], status: str, code: str | None) -> None:
    intent = intents.create(confirm="true", **BANK)
    assert (intent["status"], intent["next_action"]["type"]) == ("requires_action", "verify_with_microdeposits")
    answer = intents.try_to(intent, "verify_microdeposits", **form)
    assert answer.status_code == (200 if code is None else 400)
    if code is not None:
        assert answer.json()["error"]["code"] == code
    assert intents.read(intent)["status"] == status


TRANSFER = {
    "allowed_payment_method_types[]": "customer_balance",
    "payment_method_data[type]": "customer_balance",
    "confirm": "true",
}


def test_a_bank_transfer_pays_what_waits_for_it(http: httpx.Client, intents: Intents, customer: str) -> None:
    intent = intents.create(customer=customer, **TRANSFER)
    wanted = intent["next_action"]["display_bank_transfer_instructions"]["amount_remaining"]
    assert (intent["status"], wanted) == ("requires_action", 5000)
    fund = f"/v1/test_helpers/customers/{customer}/fund_cash_balance"
    http.post(fund, data={"amount": 2000, "currency": "usd"})
    left = intents.read(intent)["next_action"]["display_bank_transfer_instructions"]["amount_remaining"]
    assert left == 3000
    assert http.post(fund, data={"amount": 3500, "currency": "usd"}).json()["net_amount"] == 3500
    assert intents.read(intent)["status"] == "succeeded"
    cash = http.get(f"/v1/customers/{customer}", params={"expand[]": "cash_balance"}).json()["cash_balance"]
    assert cash["available"] == {"usd": 500}


def test_a_transfer_that_is_confirmed_again_keeps_what_it_was_paid(
    http: httpx.Client, intents: Intents, customer: str
) -> None:
    intent = intents.create(customer=customer, **TRANSFER)
    fund = f"/v1/test_helpers/customers/{customer}/fund_cash_balance"
    http.post(fund, data={"amount": 2000, "currency": "usd"})
    again = intents.act(intent, "confirm")
    assert again["next_action"]["display_bank_transfer_instructions"]["amount_remaining"] == 3000
    http.post(fund, data={"amount": 3000, "currency": "usd"})
    assert intents.read(intent)["status"] == "succeeded"


def test_a_balance_is_applied_by_hand(http: httpx.Client, intents: Intents, customer: str) -> None:
    http.post(f"/v1/customers/{customer}", data={"cash_balance[settings][reconciliation_mode]": "manual"})
    intent = intents.create(customer=customer, **TRANSFER)
    fund = f"/v1/test_helpers/customers/{customer}/fund_cash_balance"
    http.post(fund, data={"amount": 4000, "currency": "usd"})
    assert intents.read(intent)["status"] == "requires_action"
    error = intents.try_to(intent, "apply_customer_balance").json()["error"]
    assert error["code"] == "balance_insufficient"
    assert intents.act(intent, "apply_customer_balance", amount="4000")["status"] == "requires_action"
    http.post(fund, data={"amount": 1000, "currency": "usd"})
    assert intents.act(intent, "apply_customer_balance")["status"] == "succeeded"


def test_what_is_paid_in_part_keeps_its_currency_and_its_customer(
    http: httpx.Client, sandbox: Sandbox, intents: Intents, customer: str
) -> None:
    intent = intents.create(customer=customer, **TRANSFER)
    http.post(f"/v1/test_helpers/customers/{customer}/fund_cash_balance", data={"amount": 4000, "currency": "usd"})
    other = http.post("/v1/customers").json()["id"]
    for name, value in (("currency", "eur"), ("customer", other)):
        assert intents.try_to(intent, "", **{name: value}).json()["error"]["param"] == name
    intents.act(intent, "", currency="usd", customer=customer)  # what it has already is no change
    intents.act(intent, "cancel")
    cash = http.get(f"/v1/customers/{customer}", params={"expand[]": "cash_balance"}).json()["cash_balance"]
    assert cash["available"] == {"usd": 4000}
    assert sandbox.ledger.count("payment_intent.updated") == 1


def test_an_invoices_intent_is_the_invoices(http: httpx.Client, intents: Intents, customer: str) -> None:
    invoice = http.post("/v1/invoices", data={"customer": customer, "currency": "usd"}).json()["id"]
    http.post("/v1/invoiceitems", data={"customer": customer, "invoice": invoice, "amount": 9000, "currency": "usd"})
    http.post(f"/v1/invoices/{invoice}/finalize")
    (intent,) = http.get("/v1/payment_intents", params={"customer": customer}).json()["data"]
    assert intents.try_to(intent, "cancel").status_code == 400
    assert intents.try_to(intent, "", amount="1").status_code == 400
    card = http.get(f"/v1/customers/{customer}/payment_methods").json()["data"][0]["id"]
    assert intents.act(intent, "confirm", payment_method=card)["status"] == "succeeded"
    assert http.get(f"/v1/invoices/{invoice}").json()["status"] == "paid"


@pytest.mark.parametrize("action", ["", "confirm"])
def test_an_invoices_intent_is_not_captured_by_hand(
    http: httpx.Client, intents: Intents, customer: str, sandbox: Sandbox, action: str
) -> None:
    invoice = http.post("/v1/invoices", data={"customer": customer, "currency": "usd"}).json()["id"]
    http.post("/v1/invoiceitems", data={"customer": customer, "invoice": invoice, "amount": 9000, "currency": "usd"})
    http.post(f"/v1/invoices/{invoice}/finalize")
    (payment,) = http.get("/v1/invoice_payments", params={"invoice": invoice}).json()["data"]
    intent = {"id": payment["payment"]["payment_intent"]}
    refused = intents.try_to(intent, action, payment_method="pm_card_visa", capture_method="manual")
    assert refused.json()["error"]["message"].startswith("This PaymentIntent belongs to an invoice")
    card = http.post("/v1/payment_methods/pm_card_visa/attach", data={"customer": customer}).json()["id"]
    assert http.post(f"/v1/invoices/{invoice}/pay", data={"payment_method": card}).json()["status"] == "paid"
    assert sandbox.ledger.count("charge.succeeded") == 1


def test_what_is_canceled_is_given_back_to_a_customer_who_is_deleted(
    http: httpx.Client, intents: Intents, customer: str
) -> None:
    intent = intents.create(customer=customer, **TRANSFER)
    http.post(f"/v1/test_helpers/customers/{customer}/fund_cash_balance", data={"amount": 2000, "currency": "usd"})
    http.delete(f"/v1/customers/{customer}")
    assert intents.act(intent, "cancel")["status"] == "canceled"


def test_refunds_never_exceed_the_charge(http: httpx.Client, intents: Intents) -> None:
    intent = intents.create(payment_method="pm_card_visa", confirm="true")

    def refund(**form: str) -> httpx.Response:
        return http.post("/v1/refunds", data={"payment_intent": intent["id"], **form})

    assert refund(amount="2000", reason="duplicate").json()["status"] == "succeeded"
    error = refund(amount="3001").json()["error"]
    assert error["message"] == "Refund amount ($30.01) is greater than unrefunded amount on charge ($30.00)"
    assert refund().json()["amount"] == 3000
    assert refund().json()["error"]["code"] == "charge_already_refunded"
    charge = http.get(f"/v1/charges/{intent['latest_charge']}", params={"expand[]": "refunds"}).json()
    assert (charge["refunded"], charge["amount_refunded"]) == (True, 5000)
    assert [one["amount"] for one in charge["refunds"]["data"]] == [3000, 2000]


def test_the_balance_pays_out_to_the_last_cent(http: httpx.Client, intents: Intents, sandbox: Sandbox) -> None:
    made = [
        intents.create(amount=amount, payment_method="pm_card_visa", confirm="true") for amount in ("5000", "12345")
    ]
    http.post("/v1/refunds", data={"payment_intent": made[0]["id"], "amount": "1000"})
    sandbox.clock.advance(timedelta(days=4))
    sandbox.catch_up()
    (payout,) = http.get("/v1/payouts").json()["data"]
    rows = http.get("/v1/balance_transactions", params={"payout": payout["id"], "limit": 100}).json()["data"]
    assert all(row["net"] == row["amount"] - row["fee"] for row in rows)
    assert all(row["fee"] == sum(part["amount"] for part in row["fee_details"]) for row in rows)
    assert (
        sum(row["net"] for row in rows if row["type"] != "payout")
        == payout["amount"]
        == 5000 + 12345 - 175 - 388 - 1000
    )
    assert sum(row["net"] for row in rows) == 0
    assert {row["status"] for row in rows} <= {"available", "pending"}
    everything = http.get("/v1/balance_transactions", params={"limit": 100}).json()["data"]
    assert {row["id"] for row in rows} == {row["id"] for row in everything}


def test_only_a_bare_charge_is_captured_as_a_charge(http: httpx.Client, intents: Intents, sandbox: Sandbox) -> None:
    bare = sandbox.seed("charge", amount=5000, currency="usd")
    captured = http.post(f"/v1/charges/{bare['id']}/capture", data={"amount": "4000"}).json()
    assert (captured["captured"], captured["amount_captured"], captured["amount_refunded"]) == (True, 4000, 1000)
    again = http.post(f"/v1/charges/{bare['id']}/capture")
    assert again.json()["error"]["code"] == "charge_already_captured"
    old = sandbox.seed("charge", amount=5000, currency="usd")
    sandbox.clock.advance(timedelta(days=8))
    assert http.post(f"/v1/charges/{old['id']}/capture").json()["error"]["code"] == "charge_expired_for_capture"
    charge = intents.create(**MANUAL)["latest_charge"]
    assert "capture the PaymentIntent instead" in http.post(f"/v1/charges/{charge}/capture").json()["error"]["message"]


def test_a_charge_takes_few_changes(http: httpx.Client, intents: Intents, customer: str) -> None:
    charge = intents.create(payment_method="pm_card_visa", confirm="true")["latest_charge"]
    form = {"description": "d", "customer": customer, "transfer_group": "g", "fraud_details[user_report]": "safe"}
    changed = http.post(f"/v1/charges/{charge}", data=form).json()
    assert (changed["description"], changed["customer"], changed["fraud_details"]) == (
        "d",
        customer,
        {"user_report": "safe"},
    )
    for name, value in (("customer", customer), ("transfer_group", "h")):
        assert http.post(f"/v1/charges/{charge}", data={name: value}).json()["error"]["param"] == name


def balance_of(http: httpx.Client) -> dict[str, tuple[int, int]]:
    found = http.get("/v1/balance").json()
    pending = {one["currency"]: one["amount"] for one in found["pending"]}
    return {one["currency"]: (one["amount"], pending[one["currency"]]) for one in found["available"]}


def test_the_balance_is_what_its_transactions_come_to(http: httpx.Client, intents: Intents, sandbox: Sandbox) -> None:
    assert balance_of(http) == {"usd": (0, 0)}
    made = intents.create(amount="5000", payment_method="pm_card_visa", confirm="true")
    http.post("/v1/refunds", data={"payment_intent": made["id"], "amount": "1000"})
    sandbox.seed("balance_transaction", amount=-500, currency="jpy", type="stripe_fee")
    assert balance_of(http) == {"jpy": (-500, 0), "usd": (-1000, 5000 - 175)}
    sandbox.clock.advance(timedelta(days=4))
    assert balance_of(http) == {"jpy": (-500, 0), "usd": (0, 0)}
    (payout,) = http.get("/v1/payouts").json()["data"]
    sandbox.seed("payout_failure", payout=payout["id"])
    assert balance_of(http)["usd"] == (payout["amount"], 0)
    failed = http.get(f"/v1/payouts/{payout['id']}").json()
    back = http.get(f"/v1/balance_transactions/{failed['failure_balance_transaction']}").json()
    assert (failed["status"], back["type"], back["reporting_category"]) == (
        "failed",
        "payout_failure",
        "payout_reversal",
    )


def test_what_fails_is_paid_out_again_and_a_manual_payout_is_in_no_one_s_parts(
    http: httpx.Client, intents: Intents, sandbox: Sandbox
) -> None:
    intents.create(amount="5000", payment_method="pm_card_visa", confirm="true")
    sandbox.clock.advance(timedelta(days=4))
    sandbox.catch_up()
    (first,) = http.get("/v1/payouts").json()["data"]
    sandbox.seed("payout_failure", payout=first["id"])
    sandbox.clock.advance(timedelta(days=1))
    (second, _) = http.get("/v1/payouts").json()["data"]
    rows = http.get("/v1/balance_transactions", params={"payout": second["id"]}).json()["data"]
    assert sorted((row["type"], row["net"]) for row in rows) == [("payout", -4825), ("payout_failure", 4825)]
    manual = sandbox.seed("payout", amount=100, currency="usd")
    refused = http.get("/v1/balance_transactions", params={"payout": manual["id"]})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "payout")


def test_a_disputed_charge_is_taken_back_with_a_fee_and_won_without(
    http: httpx.Client, intents: Intents, sandbox: Sandbox
) -> None:
    intent = intents.create(amount="5000", payment_method="pm_card_createDispute", confirm="true")
    charge = http.get(f"/v1/charges/{intent['latest_charge']}").json()
    assert charge["disputed"]
    (taken,) = http.get("/v1/balance_transactions", params={"type": "adjustment"}).json()["data"]
    assert (taken["reporting_category"], taken["amount"], taken["fee"], taken["net"]) == ("dispute", -5000, 1500, -6500)
    refused = http.post("/v1/refunds", data={"charge": charge["id"], "amount": 100})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "charge_disputed")
    sandbox.seed("dispute_won", dispute=taken["source"])
    back = http.get("/v1/balance_transactions", params={"type": "adjustment"}).json()["data"][0]
    assert (back["reporting_category"], back["amount"], back["fee"]) == ("dispute_reversal", 5000, 0)
    assert http.post("/v1/refunds", data={"charge": charge["id"], "amount": 100}).status_code == 200
    with pytest.raises(Refusal, match="is won already"):
        sandbox.seed("dispute_won", dispute=taken["source"])


def test_a_movement_can_be_of_any_kind_with_a_fee_in_parts(http: httpx.Client, sandbox: Sandbox) -> None:
    made = sandbox.seed(
        "balance_transaction", amount=9000, currency="kwd", fees={"stripe_fee": 290, "tax": 29}, created=1_600_000_000
    )
    row = http.get(f"/v1/balance_transactions/{made['id']}").json()
    assert (row["fee"], row["net"], row["created"]) == (319, 8681, 1_600_000_000)
    assert [(part["type"], part["amount"]) for part in row["fee_details"]] == [("stripe_fee", 290), ("tax", 29)]

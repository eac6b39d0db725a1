"""What the flows build on: how an invoice lives, what it refuses in which state, and what it adds up to."""

from __future__ import annotations

from typing import Any

import pytest

from prefect_stripe.client import CardError, InvalidRequestError
from tests.contract.account import BY, DECLINED, NOT_THERE, REFUSED, Account, Object, said

ANY = object()
"""A code that the sources do not agree on, or do not know."""


def test_from_a_draft_to_paid(account: Account) -> None:
    customer = account.customer("pm_card_visa")
    draft = account.draft(customer, (5000, 1234))
    assert (draft["status"], draft["number"], draft["total"], draft["amount_due"]) == ("draft", None, 6234, 6234)
    assert draft["auto_advance"] is False

    opened = account.do("finalize_invoice", draft["id"])
    assert (opened["status"], opened["total"], opened["amount_remaining"]) == ("open", 6234, 6234)
    assert opened["number"]
    assert (opened["attempted"], opened["attempt_count"]) == (False, 0)  # finalizing charges nothing
    payment = account.payment_of(draft["id"])
    assert (payment["status"], payment["payment"]["type"], payment["amount_requested"]) == (
        "open",
        "payment_intent",
        6234,
    )

    paid = account.do("pay_invoice", draft["id"])
    assert (paid["status"], paid["amount_paid"], paid["amount_remaining"]) == ("paid", 6234, 0)
    assert paid["status_transitions"]["paid_at"]
    payment = account.payment_of(draft["id"])
    intent = account.do("retrieve_payment_intent", payment["payment"]["payment_intent"])
    assert (payment["status"], payment["amount_paid"]) == ("paid", 6234)
    assert (intent["status"], intent["amount_received"], intent["customer"]) == ("succeeded", 6234, customer)
    (charge,) = account.all("list_charges", payment_intent=intent["id"])
    assert (charge["status"], charge["amount"], charge["captured"]) == ("succeeded", 6234, True)


def test_paying_a_draft_finalizes_it_too(account: Account) -> None:
    draft = account.draft(account.customer("pm_card_visa"))
    assert account.do("pay_invoice", draft["id"])["status"] == "paid"


def test_a_draft_without_items_is_paid_as_soon_as_it_is_finalized(account: Account) -> None:
    draft = account.draft(account.customer(), ())
    paid = account.do("finalize_invoice", draft["id"])
    assert (paid["status"], paid["total"], paid["attempted"], paid["attempt_count"]) == ("paid", 0, True, 0)


def test_paid_out_of_band_charges_nothing(account: Account) -> None:
    opened = account.invoice(account.customer("pm_card_visa"), "open")
    intent = account.payment_of(opened["id"])["payment"]["payment_intent"]
    paid = account.do("pay_invoice", opened["id"], paid_out_of_band=True)
    assert (paid["status"], paid["amount_paid"], paid["amount_paid_off_stripe"]) == ("paid", 5000, 5000)
    assert paid["attempted"] is False
    assert account.all("list_charges", payment_intent=intent) == []
    kinds = {p["payment"]["type"] for p in account.all("list_invoice_payments", invoice=opened["id"], status="paid")}
    assert kinds == {"payment_record"}


def test_voiding_cancels_the_payment(account: Account) -> None:
    opened = account.invoice(account.customer("pm_card_visa"), "open")
    assert account.do("void_invoice", opened["id"])["status_transitions"]["voided_at"]
    payment = account.payment_of(opened["id"])
    intent = account.do("retrieve_payment_intent", payment["payment"]["payment_intent"])
    assert payment["status"] == "canceled"
    assert (intent["status"], intent["cancellation_reason"]) == ("canceled", "void_invoice")


def test_the_payment_of_an_invoice_is_not_to_be_canceled_by_itself(account: Account) -> None:
    opened = account.invoice(account.customer("pm_card_visa"), "open")
    intent = account.payment_of(opened["id"])["payment"]["payment_intent"]
    assert said(account.refused("cancel_payment_intent", intent)) == REFUSED
    assert account.do("retrieve_invoice", opened["id"])["status"] == "open"


def test_what_was_written_off_can_be_paid_after_all(account: Account) -> None:
    invoice = account.invoice(account.customer("pm_card_visa"), "uncollectible")
    assert account.do("pay_invoice", invoice["id"])["status"] == "paid"


def test_sending_a_draft_finalizes_it_and_sending_again_is_allowed(account: Account) -> None:
    customer = account.customer()
    draft = account.draft(customer, collection_method="send_invoice", days_until_due=30)
    assert abs(draft["due_date"] - draft["created"] - 30 * 86400) <= 1
    assert account.do("send_invoice", draft["id"])["status"] == "open"
    assert account.do("send_invoice", draft["id"])["status"] == "open"


@pytest.mark.parametrize(
    "params",
    [{"collection_method": "send_invoice"}, {"days_until_due": 30}],
    ids=["to be sent, but due when", "due, but not to be sent"],
)
def test_a_due_date_belongs_to_what_is_sent(account: Account, params: dict[str, Any]) -> None:
    error = account.refused("create_invoice", customer=account.customer(), currency="usd", **params)
    assert (said(error), error.code) == (REFUSED, None)


def test_what_is_charged_automatically_is_not_sent_by_hand(account: Account) -> None:
    opened = account.invoice(account.customer("pm_card_visa"), "open")
    assert said(account.refused("send_invoice", opened["id"])) == REFUSED


@pytest.mark.parametrize("state", BY)
def test_metadata_can_be_changed_in_any_state(account: Account, state: str) -> None:
    invoice = account.invoice(account.customer("pm_card_visa"), state)
    changed = account.do("update_invoice", invoice["id"], metadata={"note": state})
    assert (changed["metadata"], changed["status"]) == ({"note": state}, state)


# What an uncollectible invoice says to being voided, and a paid one to being sent, the sources do not agree on.
NOT_OPEN = ("draft", "paid", "void")
REFUSALS: list[tuple[str, str, object, str | None]] = [
    *((state, "finalize_invoice", ANY, None) for state in BY if state != "draft"),
    *((state, "delete_invoice", None, None) for state in BY if state != "draft"),
    *((state, "pay_invoice", ANY, None) for state in ("paid", "void")),
    *((state, "void_invoice", None, None) for state in NOT_OPEN),
    *((state, "mark_invoice_uncollectible", None, None) for state in (*NOT_OPEN, "uncollectible")),
    *((state, "update_invoice", None, "description") for state in BY if state != "draft"),
    *(
        (state, operation, "invoice_not_editable", None)
        for state in BY
        if state != "draft"
        for operation in (
            "create_invoice_item",
            "update_invoice_item",
            "delete_invoice_item",
            "update_invoice_line",
            "update_invoice_lines",
            "add_invoice_lines",
            "remove_invoice_lines",
        )
    ),
]


def _try(account: Account, operation: str, invoice: Object, item: str) -> InvalidRequestError:
    id, line = invoice["id"], invoice["lines"]["data"][0]["id"]
    ids: dict[str, tuple[str, ...]] = {
        "create_invoice_item": (),
        "update_invoice_item": (item,),
        "delete_invoice_item": (item,),
        "update_invoice_line": (id, line),
    }
    params: dict[str, dict[str, Any]] = {
        "update_invoice": {"description": "Another"},
        "create_invoice_item": {"customer": invoice["customer"], "invoice": id, "amount": 1, "currency": "usd"},
        "update_invoice_item": {"amount": 1},
        "update_invoice_line": {"amount": 1},
        "update_invoice_lines": {"lines": [{"id": line, "amount": 1}]},
        "add_invoice_lines": {"lines": [{"amount": 1, "description": "More"}]},
        "remove_invoice_lines": {"lines": [{"id": line, "behavior": "delete"}]},
    }
    error = account.refused(operation, *ids.get(operation, (id,)), **params.get(operation, {}))
    assert isinstance(error, InvalidRequestError)
    return error


@pytest.mark.parametrize("state", BY)
def test_what_is_not_legal_in_a_state_is_refused_and_changes_nothing(account: Account, state: str) -> None:
    customer = account.customer("pm_card_visa")
    draft = account.draft(customer)
    item: str = account.all("list_invoice_items", invoice=draft["id"])[0]["id"]
    for step in BY[state]:
        account.do(step, draft["id"])
    before = account.do("retrieve_invoice", draft["id"])
    wrong: list[tuple[str, object]] = []
    for _, operation, code, param in (row for row in REFUSALS if row[0] == state):
        error = _try(account, operation, before, item)
        if said(error) != REFUSED or (code is not ANY and error.code != code) or (param and error.param != param):
            wrong.append((operation, (error.http_status, error.type, error.code, error.param)))
    assert wrong == []
    after = account.do("retrieve_invoice", draft["id"])
    same = ("status", "total", "amount_due", "amount_paid", "number", "description", "metadata")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


def test_a_deleted_draft_is_gone_for_everyone(account: Account) -> None:
    draft = account.draft(account.customer())
    stub = {"id": draft["id"], "object": "invoice", "deleted": True}
    assert account.do("delete_invoice", draft["id"]) == stub
    for operation, param in (
        ("retrieve_invoice", "invoice"),
        ("delete_invoice", "invoice"),
        ("send_invoice", "invoice"),
        ("update_invoice", "id"),
        ("finalize_invoice", "id"),
        ("pay_invoice", "id"),
        ("void_invoice", "id"),
        ("mark_invoice_uncollectible", "id"),
    ):
        error = account.refused(operation, draft["id"])
        assert (said(error), error.code, error.param) == (NOT_THERE, "resource_missing", param), operation


def test_a_deleted_item_is_gone_and_its_invoice_adds_up_to_the_rest(account: Account) -> None:
    draft = account.draft(account.customer(), (5000, 700))
    items = account.all("list_invoice_items", invoice=draft["id"])
    (small,) = (item["id"] for item in items if item["amount"] == 700)
    assert account.do("delete_invoice_item", small)["deleted"] is True
    assert (said(account.refused("retrieve_invoice_item", small))) == NOT_THERE
    assert account.do("retrieve_invoice", draft["id"])["total"] == 5000


def test_an_item_that_names_no_invoice_waits_and_is_on_no_draft(account: Account) -> None:
    customer = account.customer()
    item = account.do("create_invoice_item", customer=customer, amount=300, currency="usd")
    assert item["invoice"] is None
    assert account.draft(customer, ())["lines"]["data"] == []
    assert [one["id"] for one in account.all("list_invoice_items", customer=customer, pending=True)] == [item["id"]]
    swept = account.do("create_invoice", customer=customer, currency="usd", pending_invoice_items_behavior="include")
    assert (swept["total"], len(swept["lines"]["data"])) == (300, 1)


def test_lines_know_their_items_and_can_be_corrected_added_and_removed(account: Account) -> None:
    draft = account.draft(account.customer(), (5000,))
    id = draft["id"]
    (item,) = account.all("list_invoice_items", invoice=id)
    (line,) = account.all("list_invoice_line_items", id)
    assert line["id"] != item["id"]
    assert line["parent"]["invoice_item_details"]["invoice_item"] == item["id"]
    assert account.do("update_invoice_lines", id, lines=[{"id": line["id"], "amount": 4000}])["total"] == 4000
    marked = {"amount": 250, "description": "Post", "metadata": {"slot": "post"}}
    assert account.do("add_invoice_lines", id, lines=[marked])["total"] == 4250
    (post,) = (one for one in account.all("list_invoice_line_items", id) if one["description"] == "Post")
    assert (post["amount"], post["metadata"]) == (250, {"slot": "post"})
    removed = account.do("remove_invoice_lines", id, lines=[{"id": line["id"], "behavior": "delete"}])
    assert removed["total"] == 250


def test_a_quantity_times_a_price(account: Account) -> None:
    product = account.do("create_product", name=f"Tea {account.run}")["id"]
    price = account.do("create_price", product=product, currency="usd", unit_amount=1250)["id"]
    customer = account.customer()
    draft = account.draft(customer, ())
    common = {"customer": customer, "invoice": draft["id"]}
    item = account.do("create_invoice_item", **common, pricing={"price": price}, quantity=3)
    assert (item["amount"], item["quantity"], item["pricing"]["price_details"]["price"]) == (3750, 3, price)
    account.do("create_invoice_item", **common, unit_amount_decimal="99", quantity=2, currency="usd")
    assert account.do("retrieve_invoice", draft["id"])["total"] == 3948
    account.do("update_price", price, active=False)
    assert said(account.refused("create_invoice_item", **common, pricing={"price": price})) == REFUSED


def test_an_invoice_shows_ten_lines_and_lists_them_all(account: Account) -> None:
    draft = account.draft(account.customer(), ())
    lines = [{"amount": 100 + number, "description": f"Line {number}"} for number in range(12)]
    shown = account.do("add_invoice_lines", draft["id"], lines=lines)
    assert (len(shown["lines"]["data"]), shown["lines"]["has_more"], shown["total"]) == (10, True, 1266)
    assert sorted(line["amount"] for line in account.all("list_invoice_line_items", draft["id"], limit=5)) == [
        100 + number for number in range(12)
    ]


def test_a_declined_charge_leaves_the_invoice_open_and_a_failed_charge(account: Account) -> None:
    customer = account.customer("pm_card_chargeCustomerFail")
    opened = account.invoice(customer, "open")
    error = account.refused("pay_invoice", opened["id"])
    assert isinstance(error, CardError)
    assert (said(error), error.code) == (DECLINED, "card_declined")
    assert account.do("retrieve_invoice", opened["id"])["status"] == "open"
    intent = account.payment_of(opened["id"])["payment"]["payment_intent"]
    assert [charge["status"] for charge in account.all("list_charges", payment_intent=intent)] == ["failed"]
    good = account.card(customer, "pm_card_visa")
    assert account.do("pay_invoice", opened["id"], payment_method=good)["status"] == "paid"
    statuses = sorted(charge["status"] for charge in account.all("list_charges", payment_intent=intent))
    assert statuses == ["failed", "succeeded"]


def test_a_card_that_wants_authentication_cannot_be_charged_without_its_owner(account: Account) -> None:
    opened = account.invoice(account.customer("pm_card_authenticationRequired"), "open")
    error = account.refused("pay_invoice", opened["id"])
    assert (said(error), error.code) == (DECLINED, "invoice_payment_intent_requires_action")
    assert account.do("retrieve_invoice", opened["id"])["status"] == "open"


def test_nobody_to_charge(account: Account) -> None:
    opened = account.invoice(account.customer(), "open")
    assert said(account.refused("pay_invoice", opened["id"])) == REFUSED
    assert account.do("retrieve_invoice", opened["id"])["status"] == "open"


def test_a_preview_adds_up_and_makes_nothing(account: Account) -> None:
    customer = account.customer()
    items = [{"amount": 700, "currency": "usd", "description": "Setup"}, {"amount": 55, "currency": "usd"}]
    preview = account.do("preview_invoice", customer=customer, currency="usd", invoice_items=items)
    assert (preview["total"], preview["currency"], preview["number"]) == (755, "usd", None)
    assert preview["id"].startswith("upcoming_in_")
    lines = account.all("list_preview_lines", preview["id"])
    assert sorted(line["amount"] for line in lines) == [55, 700]
    assert account.all("list_invoices", customer=customer) == []
    assert account.all("list_invoice_items", customer=customer) == []


def test_a_preview_of_nothing_is_refused(account: Account) -> None:
    assert said(account.refused("preview_invoice", customer=account.customer())) == REFUSED


def test_a_preview_for_somebody_who_is_no_customer_yet(account: Account) -> None:
    asked = {"amount": 700, "currency": "usd", "description": "Setup"}
    somebody = {"address": {"country": "US", "postal_code": "94107"}}
    preview = account.do("preview_invoice", customer_details=somebody, currency="usd", invoice_items=[asked])
    assert (preview["total"], preview["amount_due"], preview["customer"]) == (700, 700, None)


def test_a_preview_of_a_subscription_that_might_be(account: Account) -> None:
    customer, product = account.customer(), account.do("create_product", name=f"Plan {account.run}")["id"]
    monthly: dict[str, Any] = {
        "product": product,
        "currency": "usd",
        "unit_amount": 1250,
        "recurring": {"interval": "month"},
    }
    price = account.do("create_price", **monthly)["id"]
    wanted = {"items": [{"price": price, "quantity": 3}]}
    preview = account.do("preview_invoice", customer=customer, subscription_details=wanted)
    assert (preview["total"], preview["customer"], preview["status"]) == (3750, customer, "draft")
    (line,) = preview["lines"]["data"]
    assert (line["amount"], line["quantity"], line["pricing"]["price_details"]["price"]) == (3750, 3, price)
    assert line["parent"]["type"] == "subscription_item_details"
    assert 28 * 86400 <= line["period"]["end"] - line["period"]["start"] <= 31 * 86400 + 3600
    assert account.all("list_subscriptions", customer=customer, status="all") == []
    assert account.all("list_invoices", customer=customer) == []
    once = account.do("create_price", product=product, currency="usd", unit_amount=100)["id"]
    wrong = {"items": [{"price": once}]}
    assert said(account.refused("preview_invoice", customer=customer, subscription_details=wrong)) == REFUSED

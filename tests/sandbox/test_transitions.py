"""Every action on an invoice, from every state: what it becomes, or how Stripe refuses."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from prefect_stripe.sandbox import Sandbox

NOT_OPEN = "You can only pass in open invoices. This invoice isn't open."
NOT_EDITABLE = ("Invalid invoice: This invoice is no longer editable", "invoice_not_editable")
FINAL = "Finalized invoices can't be updated in this way"
NO_SEND = (
    "This invoice cannot be sent right now. Please contact us via https://support.stripe.com/contact for assistance."
)

PATHS = {
    "draft": [],
    "open": ["finalize"],
    "paid": ["finalize", "pay"],
    "void": ["finalize", "void"],
    "uncollectible": ["finalize", "mark_uncollectible"],
}


@pytest.fixture
def invoice_in(http: httpx.Client, customer: str) -> Callable[[str], str]:
    def make(state: str) -> str:
        form = {"customer": customer, "currency": "usd", "collection_method": "send_invoice", "days_until_due": "30"}
        id: str = http.post("/v1/invoices", data=form).json()["id"]
        http.post("/v1/invoiceitems", data={"customer": customer, "invoice": id, "amount": 5000, "currency": "usd"})
        for action in PATHS[state]:
            assert http.post(f"/v1/invoices/{id}/{action}").status_code == 200
        assert http.get(f"/v1/invoices/{id}").json()["status"] == state
        return id

    return make


def do(http: httpx.Client, customer: str, id: str, action: str) -> httpx.Response:
    invoice = http.get(f"/v1/invoices/{id}").json()
    line, item = invoice["lines"]["data"][0]["id"], http.get("/v1/invoiceitems", params={"invoice": id}).json()["data"]
    url = f"/v1/invoices/{id}"
    match action:
        case "delete":
            return http.delete(url)
        case "update description":
            return http.post(url, data={"description": "x"})
        case "update metadata":
            return http.post(url, data={"metadata[a]": "b"})
        case "pay out of band":
            return http.post(f"{url}/pay", data={"paid_out_of_band": "true"})
        case "update_lines":
            return http.post(f"{url}/update_lines", data={"lines[0][id]": line, "lines[0][amount]": "1"})
        case "update line":
            return http.post(f"{url}/lines/{line}", data={"amount": "1"})
        case "add_lines":
            return http.post(f"{url}/add_lines", data={"lines[0][amount]": "1"})
        case "remove_lines":
            return http.post(f"{url}/remove_lines", data={"lines[0][id]": line, "lines[0][behavior]": "delete"})
        case "create item":
            form = {"customer": customer, "invoice": id, "amount": 1, "currency": "usd"}
            return http.post("/v1/invoiceitems", data=form)
        case "update item":
            return http.post(f"/v1/invoiceitems/{item[0]['id']}", data={"amount": 1})
        case "delete item":
            return http.delete(f"/v1/invoiceitems/{item[0]['id']}")
        case _:
            return http.post(f"{url}/{action}")


LEGAL = [
    ("draft", "finalize", "open"),
    ("draft", "send", "open"),
    ("draft", "pay", "paid"),
    ("draft", "pay out of band", "paid"),
    ("draft", "update description", "draft"),
    ("draft", "update_lines", "draft"),
    ("draft", "update line", "draft"),
    ("draft", "add_lines", "draft"),
    ("draft", "remove_lines", "draft"),
    ("draft", "create item", "draft"),
    ("draft", "update item", "draft"),
    ("draft", "delete item", "draft"),
    ("open", "send", "open"),
    ("open", "pay", "paid"),
    ("open", "pay out of band", "paid"),
    ("open", "void", "void"),
    ("open", "mark_uncollectible", "uncollectible"),
    ("uncollectible", "pay", "paid"),
    ("uncollectible", "pay out of band", "paid"),
    *((state, "update metadata", state) for state in PATHS),
]

Refused = tuple[str, str, str, str | None, str | None]
REFUSED: list[Refused] = [
    *(
        (state, "finalize", "This invoice is already finalized, you can't re-finalize a non-draft invoice.", None, None)
        for state in ("open", "paid", "void", "uncollectible")
    ),
    *((state, "delete", "You can only delete draft invoices.", None, None) for state in PATHS if state != "draft"),
    *((state, "send", NO_SEND, None, None) for state in ("paid", "void", "uncollectible")),
    *(
        (state, action, text, None, None)
        for action in ("pay", "pay out of band")
        for state, text in (
            ("paid", "Invoice is already paid"),
            ("void", "You cannot pay an invoice that has been voided."),
        )
    ),
    *((state, "void", NOT_OPEN, None, None) for state in ("draft", "void", "uncollectible")),
    ("paid", "void", "Invoices with `paid` payments cannot be voided.", None, None),
    *((state, "mark_uncollectible", NOT_OPEN, None, None) for state in ("draft", "paid", "void")),
    ("uncollectible", "mark_uncollectible", "This invoice has already been marked uncollectible.", None, None),
    *((state, "update description", FINAL, None, "description") for state in PATHS if state != "draft"),
    *(
        (state, action, *NOT_EDITABLE, None)
        for state in PATHS
        if state != "draft"
        for action in (
            "update_lines",
            "update line",
            "add_lines",
            "remove_lines",
            "create item",
            "update item",
            "delete item",
        )
    ),
]


@pytest.mark.parametrize(("state", "action", "becomes"), LEGAL)
def test_legal(
    http: httpx.Client, customer: str, invoice_in: Callable[[str], str], state: str, action: str, becomes: str
) -> None:
    id = invoice_in(state)
    answer = do(http, customer, id, action)
    assert answer.status_code == 200, answer.text
    assert http.get(f"/v1/invoices/{id}").json()["status"] == becomes


@pytest.mark.parametrize(("state", "action", "message", "code", "param"), REFUSED)
def test_refused_and_nothing_changed(
    http: httpx.Client,
    sandbox: Sandbox,
    customer: str,
    invoice_in: Callable[[str], str],
    state: str,
    action: str,
    message: str,
    code: str | None,
    param: str | None,
) -> None:
    id = invoice_in(state)
    before, effects = http.get(f"/v1/invoices/{id}").json(), len(sandbox.ledger.effects)
    answer = do(http, customer, id, action)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert (error["type"], error["message"]) == ("invalid_request_error", message)
    assert (error.get("code"), error.get("param")) == (code, param)
    assert http.get(f"/v1/invoices/{id}").json() == before
    assert len(sandbox.ledger.effects) == effects


def test_the_table_has_every_action_from_every_state() -> None:
    covered = {(state, action) for state, action, *_ in [*LEGAL, *REFUSED]}
    actions = {action for _, action, *_ in [*LEGAL, *REFUSED]}
    # Deleting a draft leaves no state to read: it has a test of its own.
    assert {(state, action) for state in PATHS for action in actions} - covered == {("draft", "delete")}


def test_a_deleted_draft_is_gone(http: httpx.Client, invoice_in: Callable[[str], str]) -> None:
    id = invoice_in("draft")
    assert http.delete(f"/v1/invoices/{id}").json() == {"id": id, "object": "invoice", "deleted": True}
    for method, path, param in (
        ("GET", "", "invoice"),
        ("DELETE", "", "invoice"),
        ("POST", "/send", "invoice"),
        ("POST", "/finalize", "id"),
        ("POST", "/pay", "id"),
        ("POST", "/void", "id"),
        ("POST", "/mark_uncollectible", "id"),
        ("POST", "", "id"),
    ):
        answer = http.request(method, f"/v1/invoices/{id}{path}")
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["param"]) == (404, "resource_missing", param)
        assert error["message"] == f"No such invoice: '{id}'"


def test_only_an_invoice_that_is_to_be_sent_can_be_sent(http: httpx.Client, customer: str) -> None:
    id = http.post("/v1/invoices", data={"customer": customer}).json()["id"]
    answer = http.post(f"/v1/invoices/{id}/send")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        "You can only manually send an invoice if its collection method is 'send_invoice'."
    )
    assert http.get(f"/v1/invoices/{id}").json()["status"] == "draft"


def test_paying_without_a_card_says_so_and_has_finalized(http: httpx.Client) -> None:
    customer = http.post("/v1/customers", data={}).json()["id"]
    id = http.post("/v1/invoices", data={"customer": customer, "currency": "usd"}).json()["id"]
    http.post("/v1/invoiceitems", data={"customer": customer, "invoice": id, "amount": 5000, "currency": "usd"})
    answer = http.post(f"/v1/invoices/{id}/pay")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        "There is no `default_payment_method` set on this Customer or Invoice."
    )
    assert http.get(f"/v1/invoices/{id}").json()["status"] == "open"


def test_voiding_cancels_the_payment_intent(http: httpx.Client, invoice_in: Callable[[str], str]) -> None:
    id = invoice_in("void")
    payments = http.get("/v1/invoice_payments", params={"invoice": id, "expand[]": "data.payment.payment_intent"})
    (payment,) = payments.json()["data"]
    intent = payment["payment"]["payment_intent"]
    assert payment["status"] == "canceled"
    assert (intent["status"], intent["cancellation_reason"]) == ("canceled", "void_invoice")


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (
            {"collection_method": "send_invoice"},
            "If invoice collection method is 'send_invoice', you must specify 'due_date' or 'days_until_due'.",
        ),
        (
            {"days_until_due": "30"},
            "You can only specify 'due_date' or 'days_until_due' if invoice collection method is 'send_invoice'.",
        ),
    ],
)
def test_due_dates_belong_to_sent_invoices(
    http: httpx.Client, customer: str, form: dict[str, str], message: str
) -> None:
    answer = http.post("/v1/invoices", data={"customer": customer, **form})
    assert answer.status_code == 400
    assert answer.json()["error"].get("code") is None
    assert answer.json()["error"]["message"] == message


def test_a_sent_invoice_needs_an_address_to_go_to(http: httpx.Client) -> None:
    customer = http.post("/v1/customers", data={"name": "No mail"}).json()["id"]
    form = {"customer": customer, "collection_method": "send_invoice", "days_until_due": "30"}
    answer = http.post("/v1/invoices", data=form)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("Missing email.")

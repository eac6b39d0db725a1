"""What paging, looking first, and searching build on."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import Any

import pytest

from prefect_stripe.client import InvalidRequestError
from tests.contract.account import REFUSED, Account, Object, said


def _ids(rows: list[Object]) -> list[str]:
    return [row["id"] for row in rows]


@pytest.fixture
def drafts(account: Account) -> tuple[str, list[str]]:
    """A customer, and its five drafts, oldest first."""
    customer = account.customer()
    made = [account.do("create_invoice", customer=customer, currency="usd")["id"] for _ in range(5)]
    return customer, made


def test_a_list_shows_at_once_what_was_made(account: Account, drafts: tuple[str, list[str]]) -> None:
    customer, made = drafts
    assert sorted(_ids(account.all("list_invoices", customer=customer))) == sorted(made)


def test_pages_follow_one_another_down_and_up(account: Account, drafts: tuple[str, list[str]]) -> None:
    customer, _ = drafts
    whole = _ids(account.all("list_invoices", customer=customer))
    down = list(account.client.pages("list_invoices", params={"customer": customer, "limit": 2}))
    assert [len(page) for page in down] == [2, 2, 1]
    assert _ids(list(chain(*down))) == whole
    up = list(
        account.client.pages("list_invoices", params={"customer": customer, "limit": 2, "ending_before": whole[-1]})
    )
    assert sorted(_ids(list(chain(*up)))) == sorted(whole[:-1])
    first = account.do("list_invoices", customer=customer, limit=2, ending_before=whole[-1])
    assert (_ids(first["data"]), first["has_more"]) == (
        whole[-3:-1],
        True,
    )  # next to the cursor, newest first all the same


def test_newer_ones_come_first(account: Account, drafts: tuple[str, list[str]]) -> None:
    created = [row["created"] for row in account.all("list_invoices", customer=drafts[0])]
    assert created == sorted(created, reverse=True)


def test_filters(account: Account, drafts: tuple[str, list[str]]) -> None:
    customer, made = drafts
    account.do("finalize_invoice", made[0])  # nothing on it, so that it is paid
    account.do("delete_invoice", made[1])
    since = account.do("retrieve_invoice", made[2])["created"]

    def listed(**params: object) -> list[str]:
        return sorted(_ids(account.all("list_invoices", customer=customer, **params)))

    assert listed(status="draft") == sorted(made[2:])
    assert listed(status="paid") == made[:1]
    assert set(made[2:]) <= set(listed(created={"gte": since}))
    assert made[2] not in listed(created={"gt": since})
    assert listed(collection_method="send_invoice") == []


def test_cursors_that_cannot_be(account: Account, drafts: tuple[str, list[str]]) -> None:
    customer, made = drafts
    both = {"starting_after": made[0], "ending_before": made[1]}
    assert said(account.refused("list_invoices", customer=customer, **both)) == REFUSED
    account.do("delete_invoice", made[0])
    error = account.refused("list_invoices", customer=customer, starting_after=made[0])
    assert error.http_status in (400, 404)
    assert (error.type, error.code) == ("invalid_request_error", "resource_missing")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("limit", [0, 101])
def test_a_page_holds_1_to_100(account: Account, limit: int) -> None:
    error = account.refused("list_customers", limit=limit)
    assert (said(error), error.param) == (REFUSED, "limit")


def test_e_mail_addresses_are_told_apart_by_case_and_may_be_shared(account: Account) -> None:
    email = f"Jenny-{account.run}@example.com"
    twins = sorted(account.do("create_customer", email=email)["id"] for _ in range(2))
    assert sorted(_ids(account.all("list_customers", email=email))) == twins
    assert account.all("list_customers", email=email.lower()) == []


def test_products_by_their_ids_and_prices_by_their_product(account: Account) -> None:
    products = [account.do("create_product", name=account.run)["id"] for _ in range(2)]
    assert sorted(_ids(account.all("list_products", ids=products))) == sorted(products)
    price: dict[str, Any] = {"product": products[0], "currency": "usd", "unit_amount": 100}
    kept, archived = (account.do("create_price", **price)["id"] for _ in range(2))
    account.do("update_price", archived, active=False)
    assert _ids(account.all("list_prices", product=products[0], active=True)) == [kept]
    assert _ids(account.all("list_prices", product=products[0], active=False)) == [archived]


def test_payouts_can_be_asked_with_what_brought_them_back(account: Account) -> None:
    payouts = account.do("list_payouts", limit=100, expand=["data.failure_balance_transaction"])["data"]
    for payout in payouts:
        back = payout["failure_balance_transaction"]
        assert back is None or back["source"] == payout["id"]


def test_payments_of_a_customer(account: Account) -> None:
    customer = account.customer()
    card = account.card(customer, "pm_card_visa")
    payment = account.payment(customer=customer, payment_method=card, confirm=True)
    assert _ids(account.all("list_payment_intents", customer=customer)) == [payment["id"]]
    assert _ids(account.all("list_charges", customer=customer)) == [payment["latest_charge"]]
    since = payment["created"]
    assert _ids(account.all("list_payment_intents", customer=customer, created={"gte": since})) == [payment["id"]]
    assert account.all("list_payment_intents", customer=customer, created={"lt": since}) == []


def test_a_payment_link_and_what_it_sells(account: Account) -> None:
    product = account.do("create_product", name=account.run)["id"]
    price = account.do("create_price", product=product, currency="usd", unit_amount=100)["id"]
    link = account.do("create_payment_link", line_items=[{"price": price, "quantity": 2}])
    assert link["url"].startswith("https://buy.stripe.com/")
    (item,) = account.all("list_payment_link_line_items", link["id"])
    assert (item["quantity"], item["price"]["id"], item["amount_total"]) == (2, price, 200)
    assert account.do("update_payment_link", link["id"], active=False)["active"] is False


@pytest.fixture
def link(account: Account) -> dict[str, Any]:
    """What a link that sells one thing is made of."""
    product = account.do("create_product", name=account.run)["id"]
    price = account.do("create_price", product=product, currency="usd", unit_amount=100)["id"]
    return {"line_items": [{"price": price, "quantity": 1}], "metadata": account.mark}


def test_a_payment_link_shows_what_is_asked_of_it(account: Account, link: dict[str, Any]) -> None:
    made = account.do(
        "create_payment_link",
        **link,
        after_completion={"type": "redirect", "redirect": {"url": "https://example.com/thanks"}},
        automatic_tax={"enabled": False},
        custom_text={"submit": {"message": "Thank you"}},
        name_collection={"business": {"enabled": True}},
        phone_number_collection={"enabled": True},
        restrictions={"completed_sessions": {"limit": 3}},
    )
    assert made["after_completion"]["type"] == "redirect"
    assert made["after_completion"]["redirect"] == {"url": "https://example.com/thanks"}
    assert made["automatic_tax"]["enabled"] is False
    assert made["custom_text"]["submit"] == {"message": "Thank you"}
    assert made["name_collection"]["business"] == {"enabled": True, "optional": False}
    assert made["phone_number_collection"] == {"enabled": True}
    assert made["restrictions"]["completed_sessions"] == {"count": 0, "limit": 3}
    changed = account.do("update_payment_link", made["id"], active=False, metadata={"note": "over"})
    assert (changed["active"], changed["metadata"]) == (False, {**account.mark, "note": "over"})


def test_what_a_payment_link_cannot_show_it_refuses(account: Account, link: dict[str, Any]) -> None:
    # The sandbox knows no optional items, and says so; Stripe shows them. Neither passes over them in silence.
    asked = [{"price": link["line_items"][0]["price"], "quantity": 1}]
    try:
        made = account.do("create_payment_link", **link, optional_items=asked)
    except InvalidRequestError as refused:
        error = refused
    else:
        assert len(made["optional_items"]) == 1
        account.do("update_payment_link", made["id"], active=False)
        return
    assert (said(error), error.param) == (REFUSED, "optional_items")


def test_a_payment_link_sells_nothing_that_is_archived(account: Account, link: dict[str, Any]) -> None:
    account.do("update_price", link["line_items"][0]["price"], active=False)
    assert said(account.refused("create_payment_link", **link)) == REFUSED


# A search shows what there is within a minute or so, and within an hour when Stripe has trouble.


def _found(account: Account, operation: str, query: str) -> list[Object] | None:
    return account.all(operation, query=query) or None


def test_what_was_made_is_found_by_its_metadata_after_a_while(account: Account) -> None:
    customer = account.customer()
    product = account.do("create_product", name=account.run, metadata=account.mark)
    price = account.do("create_price", product=product["id"], currency="usd", unit_amount=100, metadata=account.mark)
    draft = account.do("create_invoice", customer=customer, currency="usd", metadata=account.mark)
    payment = account.payment(payment_method="pm_card_visa", confirm=True)
    query = f'metadata["contract"]:"{account.run}"'
    for operation, id in (
        ("search_customers", customer),
        ("search_products", product["id"]),
        ("search_prices", price["id"]),
        ("search_invoices", draft["id"]),
        ("search_payment_intents", payment["id"]),
        ("search_charges", payment["latest_charge"]),  # which takes its payment's metadata over
    ):
        assert _ids(account.eventually(partial(_found, account, operation, query))) == [id], operation


def test_searches_page_negate_and_join(account: Account) -> None:
    word = account.run.replace("-", "")
    made = {
        account.do("create_customer", name=f"{word} number {number}", metadata=account.mark)["id"]
        for number in range(3)
    }
    every = f'metadata["contract"]:"{account.run}"'

    def all_three() -> list[Object] | None:
        found = account.all("search_customers", query=every, limit=2)
        return found if len(found) == 3 else None

    assert set(_ids(account.eventually(all_three))) == made

    def named(query: str) -> list[str]:
        return sorted(row["name"][-1] for row in account.all("search_customers", query=query))

    assert named(f'{every} AND name:"number 1"') == ["1"]
    assert named(f'{every} AND -name:"number 1"') == ["0", "2"]
    assert named(f'{every} AND name~"{word[2:9]}"') == ["0", "1", "2"]
    assert named(f'name:"{word} number 0" OR name:"{word} number 2"') == ["0", "2"]
    assert named(f"{every} AND created>4000000000") == []


@pytest.mark.parametrize(
    "query",
    ['name:"a" AND email:"b" OR phone:"c"', 'shoe:"43"', "created:", 'created~"17"', 'metadata["a"]>"1"'],
    ids=["and beside or", "no such field", "half a clause", "part of a number", "more than a text"],
)
def test_queries_that_cannot_be(account: Account, query: str) -> None:
    assert said(account.refused("search_customers", query=query)) == REFUSED

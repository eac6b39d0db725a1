"""The sandbox's own time, and search that sees things late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest
import stripe

from prefect_stripe.sandbox import Sandbox


def found(http: httpx.Client, object: str, query: str) -> list[str]:
    answer = http.get(f"/v1/{object}/search", params={"query": query, "limit": 100})
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["data"]]


def test_dates_come_from_the_sandboxs_clock(http: httpx.Client, sandbox: Sandbox) -> None:
    later = datetime(2031, 5, 1, tzinfo=UTC)
    sandbox.clock.set(later)
    sandbox.clock.freeze()
    answer = http.post("/v1/customers")
    assert parsedate_to_datetime(answer.headers["Date"]) == later
    assert answer.json()["created"] == int(later.timestamp())
    with pytest.raises(ValueError, match="forward"):
        sandbox.clock.set(datetime(2030, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="aware"):
        sandbox.clock.set(datetime(2032, 1, 1))  # noqa: DTZ001


def test_created_filters_use_it(http: httpx.Client, sandbox: Sandbox) -> None:
    old = http.post("/v1/customers").json()
    sandbox.clock.advance(timedelta(days=3))
    new = http.post("/v1/customers").json()

    def listed(**params: int) -> list[str]:
        return [row["id"] for row in http.get("/v1/customers", params=params).json()["data"]]

    assert listed(**{"created[gt]": old["created"]}) == [new["id"]]
    assert listed(**{"created[lte]": old["created"]}) == [old["id"]]
    assert listed(created=new["created"]) == [new["id"]]


def test_search_lags_and_then_sees(http: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.search_lag = 60
    id = http.post("/v1/customers", data={"metadata[order]": "1"}).json()["id"]
    by_order = 'metadata["order"]:"1"'
    assert found(http, "customers", by_order) == []
    assert [row["id"] for row in http.get("/v1/customers").json()["data"]] == [id]  # a list sees it at once
    sandbox.clock.advance(61)
    assert found(http, "customers", by_order) == [id]
    http.post(f"/v1/customers/{id}", data={"metadata[order]": "2"})
    assert found(http, "customers", by_order) == [id]  # as it was
    http.delete(f"/v1/customers/{id}")
    sandbox.clock.advance(61)
    assert found(http, "customers", by_order) == found(http, "customers", 'metadata["order"]:"2"') == []


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ('name:"one two"', "ab"),
        ("name:'TWO'", "abc"),
        ('name:"two one"', "c"),
        ('name~"thr"', "b"),
        ('email:"A@example.com"', "a"),
        ('email~"example"', "ab"),
        ('metadata["tier"]:"gold"', "ac"),
        ("metadata['tier']:'GOLD' name:'one'", "ac"),
        ('metadata["tier"]:"gold" AND name:"one two"', "a"),
        ('name:"three" OR metadata["tier"]:"gold"', "abc"),
        ('-metadata["tier"]:"gold"', "b"),
        ('metadata["tier"]:null', "b"),
        ('-metadata["tier"]:null', "ac"),
        ("phone:null", "abc"),
        ("created>0", "abc"),
        ("created<=0", ""),
        (r'metadata["say \"hi\""]:"x"', "a"),
    ],
)
def test_the_query_language(http: httpx.Client, query: str, hits: str) -> None:
    forms = {
        "a": {"name": "one two", "email": "a@example.com", "metadata[tier]": "gold", 'metadata[say "hi"]': "x"},
        "b": {"name": "one two three", "email": "b@example.com"},
        "c": {"name": "two one", "metadata[tier]": "gold"},
    }
    names = {http.post("/v1/customers", data=form).json()["id"]: name for name, form in forms.items()}
    assert "".join(sorted(names[id] for id in found(http, "customers", query))) == hits


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("asdf", "We were unable to parse your search query."),
        ("", "You passed an empty string for 'query'."),
        ("name:unquoted", "We were unable to parse your search query."),
        ('(name:"a")', "We were unable to parse your search query."),
        ('name:"a" AND', "We were unable to parse your search query."),
        ('foo:"bar"', "Field `foo` is an unsupported search field for resource `customers`."),
        ('metadata:"bar"', "Field `metadata` is an unsupported"),
        ('name:"a" AND name:"b" OR name:"c"', "You cannot use both AND and OR"),
        ('name>"a"', "The operator `>` is not supported"),
        ('metadata["a"]~"abc"', "The operator `~` is not supported"),
        ('name~"ab"', "The substring operator needs"),
        (" ".join(['name:"a"'] * 11), "You can use up to 10 clauses"),
    ],
)
def test_queries_that_stripe_refuses(http: httpx.Client, query: str, message: str) -> None:
    answer = http.get("/v1/customers/search", params={"query": query})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(message)


def test_search_pages_and_counts(sdk: stripe.StripeClient) -> None:
    made = [sdk.v1.products.create({"name": "thing"}).id for _ in range(7)]
    page = sdk.v1.products.search({"query": 'name:"thing"', "limit": 3, "expand": ["total_count"]})
    assert page.to_dict()["total_count"] == 7
    assert [one.id for one in page.auto_paging_iter()] == made[::-1]


def test_invoices_are_found_by_what_is_searchable(http: httpx.Client, customer: str) -> None:
    id = http.post("/v1/invoices", data={"customer": customer, "currency": "usd", "metadata[order]": "7"}).json()["id"]
    queries = [f'customer:"{customer}"', 'status:"draft"', "total=0".replace("=", ":"), 'metadata["order"]:"7"']
    assert [found(http, "invoices", query) for query in queries] == [[id]] * 4
    assert found(http, "invoices", 'status:"paid"') == []

"""How pages follow one another, without a server."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_stripe.client import APIError, Call, InvalidRequestError, ParameterError
from prefect_stripe.client.paging import Pager

OBJECTS = [{"id": f"in_{number}"} for number in range(250, 0, -1)]


def serve(params: Any) -> dict[str, Any]:
    """Answer as Stripe does, over OBJECTS, newest first."""
    places = {item["id"]: place for place, item in enumerate(OBJECTS)}
    limit = params["limit"]
    if before := params.get("ending_before"):
        end = places[before]
        start = max(0, end - limit)
        return {"data": OBJECTS[start:end], "has_more": start > 0}
    start = places[after] + 1 if (after := params.get("starting_after")) else 0
    return {"data": OBJECTS[start : start + limit], "has_more": start + limit < len(OBJECTS)}


def walk(call: Call, max_items: int | None = None) -> tuple[list[dict[str, Any]], int]:
    pager, found, pages = Pager(call, max_items), list[dict[str, Any]](), 0
    while pager.call is not None:
        pages += 1
        found += pager.take(serve(pager.call.params))
    return found, pages


@given(st.integers(1, 100), st.none() | st.integers(0, 300))
def test_every_item_comes_once_and_in_order(limit: int, max_items: int | None) -> None:
    found, pages = walk(Call("list_invoices", params={"limit": limit}), max_items)
    wanted = OBJECTS if max_items is None else OBJECTS[:max_items]
    assert found == wanted
    assert pages == -(-len(wanted) // limit)


@given(st.integers(1, 100), st.integers(0, 249))
def test_backwards_every_newer_item_comes_once_and_oldest_first(limit: int, place: int) -> None:
    call = Call("list_invoices", params={"limit": limit, "ending_before": OBJECTS[place]["id"]})
    assert walk(call)[0] == OBJECTS[:place][::-1]


def test_a_page_is_as_large_as_stripe_allows_and_no_larger_than_wanted() -> None:
    assert limit_of(Call("list_invoices")) == 100
    assert limit_of(Call("list_invoices"), 3) == 3
    assert limit_of(Call("list_invoices", params={"limit": 2}), 3) == 2
    assert limit_of(Call("list_invoices", params={"limit": None})) == 100


def limit_of(call: Call, max_items: int | None = None) -> int:
    pager = Pager(call, max_items)
    assert pager.call is not None
    return pager.call.params["limit"]


@pytest.mark.parametrize("limit", [0, 101, -1, True, "10", 10.0])
def test_a_page_size_out_of_bounds_is_refused(limit: object) -> None:
    with pytest.raises(ParameterError, match="limit is"):
        Pager(Call("list_invoices", params={"limit": limit}))


@pytest.mark.parametrize("max_items", [-1, True, "5", 1.5])
def test_a_number_of_items_out_of_bounds_is_refused(max_items: Any) -> None:
    with pytest.raises(ParameterError, match="max_items is"):
        Pager(Call("list_invoices"), max_items)


@pytest.mark.parametrize("operation", ["retrieve_invoice", "create_invoice", "list_nothing"])
def test_what_has_no_pages_is_refused(operation: str) -> None:
    with pytest.raises(ParameterError, match="neither a list nor a search"):
        Pager(Call(operation, ("in_1",)))


def test_an_empty_list_is_one_empty_page() -> None:
    pager = Pager(Call("list_invoices"))
    assert pager.take({"data": [], "has_more": False}) == []
    assert pager.call is None


@pytest.mark.parametrize(
    ("operation", "page"),
    [
        ("list_invoices", {"data": [], "has_more": True}),
        ("search_invoices", {"data": [{"id": "in_1"}], "has_more": True}),
        ("search_invoices", {"data": [{"id": "in_1"}], "has_more": True, "next_page": None}),
    ],
)
def test_more_to_come_and_nowhere_to_find_it_is_an_error(operation: str, page: dict[str, Any]) -> None:
    with pytest.raises(APIError, match="not where"):
        Pager(Call(operation)).take(page)


def test_an_empty_page_of_a_search_may_have_a_next_one() -> None:
    pager = Pager(Call("search_invoices"))
    pager.take({"data": [], "has_more": True, "next_page": "p2"})
    assert pager.call is not None
    assert pager.call.params["page"] == "p2"


def test_a_page_that_comes_again_is_an_error_and_no_endless_walk() -> None:
    pager = Pager(Call("search_invoices"))
    pager.take({"data": [{"id": "in_1"}], "has_more": True, "next_page": "p2"})
    with pytest.raises(APIError, match="not where"):
        pager.take({"data": [{"id": "in_1"}], "has_more": True, "next_page": "p2"})


def test_what_is_enough_is_not_asked_where_more_would_be() -> None:
    pager = Pager(Call("search_invoices"), max_items=1)
    assert pager.take({"data": [{"id": "in_1"}], "has_more": True}) == [{"id": "in_1"}]
    assert pager.call is None


def test_more_than_was_asked_for_is_cut() -> None:
    assert Pager(Call("list_invoices"), max_items=1).take({"data": OBJECTS[:2], "has_more": False}) == OBJECTS[:1]


@pytest.mark.parametrize("answer", [{}, {"data": None}, {"data": {"id": "in_1"}}, {"object": "invoice", "id": "in_1"}])
def test_an_answer_that_is_no_page_is_an_error(answer: dict[str, Any]) -> None:
    with pytest.raises(APIError, match="not a page"):
        Pager(Call("list_invoices")).take(answer)


def gone(param: str = "starting_after", code: str = "resource_missing") -> InvalidRequestError:
    return InvalidRequestError("No such invoice", http_status=404, error={"param": param, "code": code})


def test_the_one_before_takes_the_place_of_a_cursor_that_is_gone() -> None:
    pager = Pager(Call("list_invoices", params={"limit": 3}))
    pager.take(serve({"limit": 3}))
    for cursor in ("in_249", "in_250"):
        assert pager.step_back(gone())
        assert pager.call is not None
        assert pager.call.params["starting_after"] == cursor
    assert pager.step_back(gone()), "where the page itself began, which is the beginning"
    assert pager.call.params["starting_after"] is None
    assert not pager.step_back(gone())


@pytest.mark.parametrize("error", [gone("customer"), gone("ending_before"), gone(code="parameter_invalid")])
def test_another_refusal_moves_nothing(error: InvalidRequestError) -> None:
    pager = Pager(Call("list_invoices", params={"limit": 3}))
    pager.take(serve({"limit": 3}))
    before = pager.call
    assert not pager.step_back(error)
    assert pager.call == before


def test_a_first_cursor_that_is_gone_is_the_callers_to_know() -> None:
    assert not Pager(Call("list_invoices", params={"starting_after": "in_9"})).step_back(gone())

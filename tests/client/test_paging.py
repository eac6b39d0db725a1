"""Lists and searches page by page, against a real server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest

from prefect_stripe.client import APIError, AsyncStripeClient, Call, InvalidRequestError, StripeClient
from prefect_stripe.flows.process import perform
from tests.client.server import Act, Caller, Server, answer, hang_up, refuse


def page(*ids: str, more: bool = False, next_page: str | None = None) -> Act:
    return answer(body={"data": [{"id": id_} for id_ in ids], "has_more": more, "next_page": next_page})


def asked(server: Server) -> list[dict[str, str]]:
    return [dict(parse_qsl(request.query)) for request in server.seen]


def ids(pages: list[list[dict[str, str]]]) -> list[list[str]]:
    return [[item["id"] for item in page] for page in pages]


def test_pages_follow_the_last_object(call: Caller, server: Server) -> None:
    server.will(page("in_3", "in_2", more=True), page("in_1"))
    assert ids(call.pages("list_invoices", params={"limit": 2, "status": "open"})) == [["in_3", "in_2"], ["in_1"]]
    assert asked(server) == [
        {"limit": "2", "status": "open"},
        {"limit": "2", "status": "open", "starting_after": "in_2"},
    ]


def test_backwards_is_oldest_first(call: Caller, server: Server) -> None:
    server.will(page("in_4", "in_3", more=True), page("in_6", "in_5"))
    pages = call.pages("list_invoices", params={"ending_before": "in_2", "limit": 2})
    assert ids(pages) == [["in_3", "in_4"], ["in_5", "in_6"]]
    assert [query["ending_before"] for query in asked(server)] == ["in_2", "in_4"]


def test_searches_follow_their_page(call: Caller, server: Server) -> None:
    server.will(page("in_2", more=True, next_page="p2"), page("in_1"))
    assert ids(call.pages("search_invoices", params={"query": "total>1"})) == [["in_2"], ["in_1"]]
    assert [query.get("page") for query in asked(server)] == [None, "p2"]


def test_a_page_that_fails_is_fetched_again_without_loss_or_repeat(call: Caller, server: Server) -> None:
    server.will(page("in_2", more=True), hang_up, refuse(500), page("in_1"))
    assert ids(call.pages("list_invoices")) == [["in_2"], ["in_1"]]
    assert [query.get("starting_after") for query in asked(server)] == [None, "in_2", "in_2", "in_2"]


GONE = refuse(404, "invalid_request_error", code="resource_missing", param="starting_after")


def test_a_cursor_that_was_deleted_gives_way_to_the_one_before(call: Caller, server: Server) -> None:
    server.will(page("in_4", "in_3", "in_2", more=True), GONE, GONE, page("in_1"))
    assert ids(call.pages("list_invoices")) == [["in_4", "in_3", "in_2"], ["in_1"]]
    assert [query.get("starting_after") for query in asked(server)] == [None, "in_2", "in_3", "in_4"]


def test_a_page_all_of_which_was_deleted_gives_way_to_where_it_began(call: Caller, server: Server) -> None:
    server.will(page("in_6", more=True), page("in_5", "in_4", more=True), GONE, GONE, page("in_3"))
    assert ids(call.pages("list_invoices")) == [["in_6"], ["in_5", "in_4"], ["in_3"]]
    assert [query.get("starting_after") for query in asked(server)] == [None, "in_6", "in_4", "in_5", "in_6"]


def test_what_is_deleted_as_one_goes_is_all_walked(call: Caller, server: Server) -> None:
    server.will(page("in_4", "in_3", more=True), GONE, GONE, page("in_2", "in_1", more=True), GONE, GONE, page("in_0"))
    assert ids(call.pages("list_invoices")) == [["in_4", "in_3"], ["in_2", "in_1"], ["in_0"]]
    assert [query.get("starting_after") for query in asked(server)] == [
        None,
        "in_3",
        "in_4",
        None,
        "in_1",
        "in_2",
        None,
    ]


def test_where_it_began_is_gone_too_and_that_is_an_error(call: Caller, server: Server) -> None:
    server.will(page("in_2", more=True), page("in_1", more=True), GONE, GONE)
    with pytest.raises(InvalidRequestError, match="starting_after"):
        call.pages("list_invoices")


def test_another_refusal_is_not_taken_for_a_lost_cursor(call: Caller, server: Server) -> None:
    server.will(page("in_2", "in_1", more=True), refuse(404, "invalid_request_error", code="resource_missing"))
    with pytest.raises(InvalidRequestError):
        call.pages("list_invoices")
    assert len(server.seen) == 2


def test_an_endless_page_is_an_error(call: Caller, server: Server) -> None:
    server.otherwise = page("in_1", more=True)
    with pytest.raises(APIError, match="not where"):
        call.pages("list_invoices")
    assert len(server.seen) == 2


def test_a_page_brings_the_answer_that_it_came_with(server: Server) -> None:
    server.will(page("in_2", more=True), page("in_1"))
    first, second = StripeClient(Caller(server, sync=True).config()).pages("list_invoices")
    assert (first.response.request_id, first.response.data["has_more"]) == ("req_1", True)
    assert second.response.data["data"] == second == [{"id": "in_1"}]


def test_a_step_of_a_process_walks_as_the_client_does(server: Server) -> None:
    server.will(page("in_4", "in_3", more=True), GONE, page("in_2", "in_1"))
    reply = perform(StripeClient(Caller(server, sync=True).config()), Call("list_invoices"))
    assert [item["id"] for item in reply.data["data"]] == ["in_4", "in_3", "in_2", "in_1"]
    assert (reply.request_id, reply.date) == ("req_1", datetime(2026, 11, 23, 1, 8, 12, tzinfo=UTC))


def test_pages_are_fetched_when_they_are_asked_for(server: Server) -> None:
    server.otherwise = page("in_2", more=True)
    next(StripeClient(Caller(server, sync=True).config()).pages("list_invoices"))
    assert len(server.seen) == 1


def test_async_pages_are_fetched_when_they_are_asked_for(server: Server) -> None:
    async def first() -> None:
        await anext(AsyncStripeClient(Caller(server, sync=False).config()).pages("list_invoices"))

    server.otherwise = page("in_2", more=True)
    asyncio.run(first())
    assert len(server.seen) == 1

"""How the pages of a list or a search follow one another, without I/O.

Stripe pages: "Pagination" and "Search pagination".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from operator import itemgetter
from typing import Any, Final, cast

from prefect_stripe.client.errors import APIError, ParameterError, StripeError
from prefect_stripe.client.exchange import Call, Response
from prefect_stripe.client.operations import OPERATIONS

PAGE_SIZE: Final = 100
_id: Final = itemgetter("id")

Items = list[object]


class Page(list[dict[str, Any]]):
    """The items of one page, in the order of the walk.

    Attributes:
        response: Stripe's answer that brought them.
    """

    def __init__(self, items: Iterable[dict[str, Any]], response: Response) -> None:
        super().__init__(items)
        self.response = response


class Pager:
    """Walks a list or a search: `call` is the next page's, until there is none.

    Example:
        >>> pager = Pager(Call("list_invoices"), max_items=1)
        >>> pager.take({"data": [{"id": "in_1"}], "has_more": True})
        [{'id': 'in_1'}]
        >>> pager.call is None
        True
    """

    def __init__(self, call: Call, max_items: int | None = None) -> None:
        """Begin before the first page.

        Args:
            call: A list or search; its `limit` is the page size, 100 unless given.
            max_items: How many items at the most, None for all.

        Raises:
            ParameterError: The operation has no pages, or a number is out of bounds.
        """
        operation = OPERATIONS.get(call.operation)
        if operation is None or operation.paging is None:
            raise ParameterError(f"{call.operation!r} is neither a list nor a search", operation=call.operation)
        limit = call.params.get("limit")
        limit = PAGE_SIZE if limit is None else limit
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= PAGE_SIZE:
            raise ParameterError(f"limit is {limit!r}: a page has 1 to {PAGE_SIZE} items", operation=call.operation)
        if max_items is not None and (type(max_items) is not int or max_items < 0):
            raise ParameterError(f"max_items is {max_items!r}: write 0 or more, or None", operation=call.operation)
        if max_items:
            limit = min(limit, max_items)
        self._paging = operation.paging
        self._backwards = call.params.get("ending_before") is not None
        self._left = max_items
        self._earlier: list[str | None] = []
        # A list that leads back to where it was would be walked for ever.
        self._walked: set[Any] = {call.params.get(self._cursor)}
        self.call: Call | None = None if max_items == 0 else _with(call, limit=limit)

    def take(self, page: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return a page's items and set `call` to the next page's.

        Items come newest first; with `ending_before`, oldest first, which is the order of the walk.

        Raises:
            APIError: The answer is no page; or it says that there are more, and not where.
        """
        assert self.call is not None, "no page was asked for"
        data, has_more = page.get("data"), page.get("has_more")
        # Taken on trust, a page that does not say whether it is the last would be a list that lacks some.
        if not isinstance(data, list) or not isinstance(has_more, bool) or (ids := _ids(cast(Items, data))) is None:
            raise self._unusable("the answer is not a page of a list")
        found = cast(list[dict[str, Any]], data)[:: -1 if self._backwards else 1]
        if self._left is not None:
            found = found[: self._left]
            self._left -= len(found)
        ids = ids[:: -1 if self._backwards else 1]
        self.call = self._next(self.call, page, ids) if has_more and self._left != 0 else None
        return found

    def step_back(self, error: StripeError) -> bool:
        """Take up the walk after an answer that says that the cursor's object is gone.

        Whoever deleted it left the one before it, most likely, and what follows that one is the same page. Where all of
        the page is gone, what follows it now follows where that page itself began.

        Args:
            error: The refusal of the page.

        Returns:
            Whether `call` is now another one that may be tried.
        """
        if self.call is None or error.param != self._cursor or error.code != "resource_missing" or not self._earlier:
            return False
        self.call = _with(self.call, **{self._cursor: self._earlier.pop()})
        return True

    @property
    def _cursor(self) -> str:
        if self._paging == "search":
            return "page"
        return "ending_before" if self._backwards else "starting_after"

    def _next(self, call: Call, page: Mapping[str, Any], ids: list[str]) -> Call:
        if self._paging == "search":
            cursor = page.get("next_page")
        else:
            self._earlier = [call.params.get(self._cursor), *ids]
            cursor = self._earlier.pop() if ids else None
        if not isinstance(cursor, str) or not cursor or cursor in self._walked:
            raise self._unusable("the page says that more follow, and not where")
        self._walked.add(cursor)
        return _with(call, **{self._cursor: cursor})

    def _unusable(self, message: str) -> APIError:
        assert self.call is not None
        return APIError(message, operation=self.call.operation, ids=self.call.ids)


def _ids(items: Items) -> list[str] | None:
    """The ids of items, None where one of them is no object."""
    # Without a step of Python's an item: there are a hundred a page.
    try:
        ids = [*map(_id, cast(list[dict[str, Any]], items))]
    except (KeyError, TypeError):
        return None
    return ids if {*map(type, ids)} <= {str} else None


def _with(call: Call, **params: Any) -> Call:
    return replace(call, params={**call.params, **params})

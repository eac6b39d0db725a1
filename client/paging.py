"""How the pages of a list or a search follow one another, without I/O.

Stripe pages: "Pagination" and "Search pagination".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from prefect_stripe.client.errors import APIError, ParameterError
from prefect_stripe.client.exchange import Call
from prefect_stripe.client.operations import OPERATIONS

PAGE_SIZE: Final = 100


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
        limit = call.params.get("limit", PAGE_SIZE)
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= PAGE_SIZE:
            raise ParameterError(f"limit is {limit!r}: a page has 1 to {PAGE_SIZE} items", operation=call.operation)
        if max_items is not None and (isinstance(max_items, bool) or max_items < 0):
            raise ParameterError(f"max_items is {max_items!r}: write 0 or more, or None", operation=call.operation)
        self._paging = operation.paging
        self._backwards = "ending_before" in call.params
        self._left = max_items
        self.call: Call | None = replace(call, params={**call.params, "limit": limit})
        if max_items == 0:
            self.call = None

    def take(self, page: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return a page's items and set `call` to the next page's.

        Items come newest first; with `ending_before`, oldest first, which is the order of the walk.

        Raises:
            APIError: The page says that there are more, and does not say where.
        """
        assert self.call is not None, "no page was asked for"
        call, items = self.call, list(page["data"])
        if self._backwards:
            items.reverse()
        cursor = self._cursor(page, items)
        if page.get("has_more") and not cursor:
            raise APIError("the page says that more follow, and not where", operation=call.operation, ids=call.ids)
        self.call = replace(call, params={**call.params, **cursor}) if cursor else None
        if self._left is not None:
            items = items[: self._left]
            self._left -= len(items)
            if self._left == 0:
                self.call = None
        return items

    def _cursor(self, page: Mapping[str, Any], items: list[dict[str, Any]]) -> dict[str, Any]:
        if not page.get("has_more"):
            return {}
        if self._paging == "search":
            return {"page": page["next_page"]} if page.get("next_page") else {}
        if not items:
            return {}
        return {"ending_before" if self._backwards else "starting_after": items[-1]["id"]}

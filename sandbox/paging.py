"""Lists: filters over a table, newest first, cut into pages by cursors [DOC/SDK]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import bad_request
from prefect_stripe.sandbox.expand import Page
from prefect_stripe.sandbox.rows import Row

Filter: TypeAlias = Callable[[Row, Any], bool]

DEFAULT_LIMIT: Final = 10  # [DOC]
_COMPARE: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


def equals(name: str) -> Filter:
    return lambda row, wanted: bool(row.get(name) == wanted)


def within(name: str) -> Filter:
    """A timestamp that equals an integer, or lies in a range of gt, gte, lt, lte."""

    def test(row: Row, wanted: Any) -> bool:
        value = row.get(name)
        if not isinstance(value, int):
            return False
        if isinstance(wanted, int):
            return value == wanted
        bounds: dict[str, int] = wanted
        return all(_COMPARE[bound](value, limit) for bound, limit in bounds.items())

    return test


def _listed(row: Row) -> bool:
    return not (row.get("_gone") or row.get("_hidden"))


def page(
    ctx: Context,
    object: str,
    filters: Mapping[str, Filter] | None = None,
    *,
    index: str | None = None,
    value: str | None = None,
    oldest_first: bool = False,
    where: Callable[[Row], bool] | None = None,
) -> Page:
    """One page of a table.

    Args:
        ctx: The request, whose parameters are the filters and cursors.
        object: Type of the objects.
        filters: What each filtering parameter means.
        index: The index that holds the rows, with its value.
        value: The index's value.
        oldest_first: For lists that keep the order in which their elements were made, as an invoice's lines.
        where: A condition beyond the filters.
    """
    params, table = ctx.params, ctx.account.table(object)
    tests = [(test, params[name]) for name, test in (filters or {}).items() if name in params]
    after, before = params.get("starting_after"), params.get("ending_before")
    if after and before:  # [K]
        raise bad_request("You cannot parameterize by both starting_after and ending_before.", param="starting_after")
    cursor = after or before
    if cursor:
        ctx.find(object, cursor, "starting_after" if after else "ending_before")
    # Towards the end of the list after a cursor, towards its start before one.
    backwards = oldest_first == bool(before)
    if cursor:
        rows = table.beyond(cursor, index, value, backwards=backwards)
    else:
        rows = table.newest_first(index, value) if backwards else table.oldest_first(index, value)
    limit, found, has_more = params.get("limit", DEFAULT_LIMIT), list[Row](), False
    for row in rows:
        if _listed(row) and (where is None or where(row)) and all(test(row, wanted) for test, wanted in tests):
            if len(found) == limit:
                has_more = True
                break
            found.append(row)
    return Page(found[::-1] if before else found, ctx.path, has_more)

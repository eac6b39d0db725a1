"""Pages of a list, from bytes to rows of which what is nested is JSON still.

Half of an invoice is nested, and a table keeps that as JSON: to decode it and write it again would be most of the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from keyword import iskeyword
from operator import attrgetter
from typing import Any, Final, cast

from msgspec import UNSET, MsgspecError, Raw, Struct, UnsetType, defstruct
from msgspec.json import Decoder

from prefect_stripe.client.exchange import object_in
from prefect_stripe.fields import Kind
from prefect_stripe.flows.extract_columns import Columns

_TYPES: Final[Mapping[Kind, Any]] = {
    "text": str | None,
    "integer": int | None,
    "number": float | None,
    "decimal": str | None,
    "boolean": bool | None,
    "time": int | None,
    "enum": str | None,
    "json": Raw,
}
_NULL: Final = Raw(b"null")


class Row(Struct):
    """An object of Stripe's, to be read as a mapping is; a field that is null may have been absent."""

    __getitem__ = Struct.__getattribute__  # no step of Python's: every id is asked for

    def __iter__(self) -> Iterator[str]:
        return iter(self.__struct_fields__)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field, or what is named where there is no such."""
        return getattr(self, name, default)


def fields(rows: Sequence[Mapping[str, Any]], name: str) -> Iterable[Any]:
    """Return a field of each row, None where there is none."""
    if len({*map(type, rows)}) == 1 and isinstance(rows[0], Row):
        return map(attrgetter(name), rows)
    return (row.get(name) for row in rows)


class PageDecoder:
    """Decodes pages of one type of object, with the list that each of them may embed.

    What is not as the columns say is decoded as any answer is: whoever makes columns of it says what is wrong. So is a
    page with a field that is new to it, and that field is known from then on.

    Example:
        >>> decoder = PageDecoder(Columns("payout"))
        >>> page = decoder.page(b'{"data": [{"id": "po_1", "amount": 1250, "metadata": {}}], "has_more": false}')
        >>> page["data"][0]["amount"], bytes(page["data"][0]["metadata"]), page["has_more"]
        (1250, b'{}', False)
    """

    def __init__(self, columns: Columns, embedded: str = "", embedded_columns: Columns | None = None) -> None:
        """Begin with the columns that rows are to become.

        Args:
            columns: Of the objects.
            embedded: The field of them that is a list.
            embedded_columns: Of what is in that list.
        """
        self._columns = columns
        self._embedded = embedded
        self._embedded_columns = embedded_columns
        self._others = columns.hidden
        self._embedded_others = embedded_columns.hidden if embedded_columns else frozenset[str]()
        self._decoder = self._made()

    def page(self, body: bytes) -> dict[str, Any] | None:
        """Decode a page.

        Returns:
            Its `data` and `has_more`; None where it is no object.
        """
        try:
            page = self._decoder.decode(body)
        except (MsgspecError, RecursionError):
            found = object_in(body)
            self._learn(found)
            return found
        return {"data": page.data, "has_more": page.has_more}

    def _made(self) -> Decoder[Any]:
        typed: dict[str, Any] = {}
        if self._embedded_columns is not None:
            typed[self._embedded] = _page_of(_row_of(self._embedded_columns, self._embedded_others, {})) | None
        return Decoder(_page_of(_row_of(self._columns, self._others, typed)))

    def _learn(self, page: Any) -> None:
        rows = _rows_in(page)
        others = self._others | _names_in(rows)
        embedded = self._embedded_others | _names_in(one for row in rows for one in _rows_in(row.get(self._embedded)))
        if (others, embedded) != (self._others, self._embedded_others):
            self._others, self._embedded_others = others, embedded
            self._decoder = self._made()


def _row_of(columns: Columns, others: Iterable[str], typed: Mapping[str, Any]) -> Any:
    kinds = columns.kinds
    fields: list[Any] = [("id", str)]
    fields += [(name, _TYPES[kind], _NULL if kind == "json" else None) for name, kind in kinds.items() if name != "id"]
    fields += [(name, typed.get(name, Raw) | UnsetType, UNSET) for name in sorted({*others} - kinds.keys())]
    # What Stripe sent refers to nothing that refers to it: there is nothing to collect.
    return defstruct(columns.object, fields, bases=(Row,), forbid_unknown_fields=True, gc=False)


def _page_of(row: Any) -> Any:
    return defstruct("page", [("data", list[row]), ("has_more", bool)], bases=(Row,), gc=False)


def _rows_in(page: Any) -> list[dict[str, Any]]:
    data = cast(dict[str, Any], page).get("data") if isinstance(page, dict) else None
    return [row for row in cast(list[object], data) if isinstance(row, dict)] if isinstance(data, list) else []


def _names_in(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    names = {name for row in rows for name in row}
    return {name for name in names if name.isidentifier() and not iskeyword(name) and not hasattr(Row, name)}

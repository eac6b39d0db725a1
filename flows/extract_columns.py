"""Rows of Stripe's to columns of exact types, which do not depend on which rows came first.

Whole minor units are Int64, times are UTC, enumerations are dictionaries, decimals are exact. What is nested is kept as
Stripe sent it, as JSON; and what this version does not know of, in `other_fields`. Of secrets nothing is kept.

Rows are turned over in C, many at a time. Arrow's own JSON reader takes longer than all of that, cannot leave a nested
value as it is, and makes of a new key a new type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from types import NoneType
from typing import Any, Final, TypeAlias, cast

import msgspec
import orjson
from msgspec import UNSET, Raw
from msgspec.structs import astuple

from prefect_stripe.client.errors import SECRET_FIELDS, without_secrets
from prefect_stripe.fields import FIELDS, Kind
from prefect_stripe.flows.arrow import Array, Batch, DataType, Schema, pa

Rows: TypeAlias = Sequence[Mapping[str, Any]]

OTHER: Final = "other_fields"
"""The column of what the schema has no column for: a JSON object, or null."""

_TIME: Final = pa.timestamp("us", "UTC")
_FIRST: Final = pa.scalar(0, pa.int32())
_SECONDS: Final = pa.timestamp("s", "UTC")
TYPES: Final[Mapping[Kind, DataType]] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "decimal": pa.decimal128(38, 12),
    "boolean": pa.bool_(),
    "time": _TIME,
    "enum": pa.dictionary(pa.int32(), pa.string()),
    "json": pa.string(),
}
EXPECTED: Final[Mapping[Kind, str]] = {
    "text": "a string",
    "integer": "an integer",
    "number": "a number",
    "decimal": "a decimal number in a string, of at most 12 decimals",
    "boolean": "true or false",
    "time": "Unix seconds",
    "enum": "a string",
    "json": "JSON",
}


class ColumnError(ValueError):
    """A value is not what its column holds. Names the place and the types, never the value."""


class Columns:
    """The columns of one type of object.

    Example:
        >>> columns = Columns("payout")
        >>> batch = columns.of([{"id": "po_1", "object": "payout", "amount": 1250, "created": 1790812800, "new": [1]}])
        >>> batch["amount"].to_pylist(), batch["created"].to_pylist()[0].isoformat(), batch["other_fields"].to_pylist()
        ([1250], '2026-10-01T00:00:00+00:00', ['{"new":[1]}'])
    """

    def __init__(self, object: str, without: Iterable[str] = ()) -> None:
        """Begin with a type of object.

        Args:
            object: Stripe's name of it.
            without: Fields that have no column, and are not kept elsewhere either.
        """
        self.object = object
        self._without = frozenset(without)
        self.kinds: Mapping[str, Kind] = {
            name: kind for name, kind in FIELDS[object].items() if name not in self._without
        }
        self.hidden = SECRET_FIELDS | self._without
        fields = [pa.field(name, TYPES[kind], nullable=name != "id") for name, kind in self.kinds.items()]
        self.schema: Schema = pa.schema([*fields, pa.field(OTHER, pa.string())])

    def of(self, rows: Rows) -> Batch:
        """Make columns of rows.

        Args:
            rows: Objects of Stripe's, decoded; what is nested in them may be JSON still.

        Raises:
            ColumnError: A value is of another type than its column.
        """
        given = _turned(rows)
        nothing = (None,) * len(rows)
        arrays = [self._array(name, kind, given.get(name, nothing), rows) for name, kind in self.kinds.items()]
        unknown = [name for name in given if name not in self.kinds and name not in self.hidden]
        arrays.append(_json([_rest(row, unknown) for row in rows]) if unknown else pa.nulls(len(rows), pa.string()))
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _array(self, name: str, kind: Kind, values: Sequence[Any], rows: Rows) -> Array:
        if kind != "text" and values and values[0] is None and values.count(None) == len(rows):
            return pa.nulls(len(rows), TYPES[kind])
        try:
            array = _MAKERS[kind](values)
            if name == "id" and array.null_count:
                raise TypeError
            return array
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            raise self._error(name, kind, values, rows) from None

    def _error(self, name: str, kind: Kind, values: Sequence[Any], rows: Rows) -> ColumnError:
        for value, row in zip(values, rows, strict=True):
            try:
                _MAKERS[kind]([value])
            except (pa.ArrowException, TypeError, ValueError, OverflowError):
                return ColumnError(
                    f"{name} of {self.object} {row.get('id')} is not {EXPECTED[kind]} but {type(value).__name__}, or "
                    "out of its range"
                )
        return ColumnError(f"{name} of a {self.object} is not {EXPECTED[kind]}")


def _turned(rows: Rows) -> Mapping[str, Sequence[Any]]:
    """Turn rows into columns; nearly always all rows of a page have the same keys, and it is done in C."""
    if not rows:
        return {}
    keys, kinds = tuple(rows[0]), {*map(type, rows)}
    if len(kinds) == 1 and isinstance(rows[0], msgspec.Struct):
        return dict(zip(keys, zip(*map(astuple, cast(Sequence[Any], rows)), strict=True), strict=True))
    if len(keys) > 1 and kinds == {dict} and {*map(len, rows)} == {len(keys)}:
        try:
            return dict(zip(keys, zip(*map(itemgetter(*keys), rows), strict=True), strict=True))
        except KeyError:
            pass
    names = dict.fromkeys(chain.from_iterable(rows))
    return {name: [row.get(name) for row in rows] for name in names}


def _rest(row: Mapping[str, Any], unknown: Iterable[str]) -> Any:
    return {name: row[name] for name in unknown if row.get(name, UNSET) is not UNSET} or None


def _integer(values: Sequence[Any]) -> Array:
    # Of these types alone: Arrow would make 1 of 1.5.
    if not {*map(type, values)} <= {int, NoneType}:
        raise TypeError
    return pa.array(values, pa.int64())


def _decimal(values: Sequence[Any]) -> Array:
    return pa.array(values, pa.string()).cast(TYPES["decimal"])


def _time(values: Sequence[Any]) -> Array:
    return _integer(values).view(_SECONDS).cast(_TIME)


def _enum(values: Sequence[Any]) -> Array:
    # Nearly always most enumerations are the same in all rows of a page.
    if values and values[0] == values[-1] and values.count(values[0]) == len(values):
        return pa.DictionaryArray.from_arrays(pa.repeat(_FIRST, len(values)), pa.array(values[:1], pa.string()))
    return pa.array(values, pa.string()).dictionary_encode()


def _json(values: Sequence[Any]) -> Array:
    # So are those lists and mappings that are empty. (What is 1 is also True to Python, and another text.)
    alike = values and (type(values[0]) is Raw or values[0] in ([], {})) and values.count(values[0]) == len(values)
    texts = _fit(_texts(values[:1] if alike else values))
    return pa.repeat(pa.scalar(texts[0], pa.string()), len(values)) if alike else pa.array(texts, pa.string())


def _texts(values: Sequence[Any]) -> list[bytes | None]:
    texts = map(bytes if {*map(type, values)} == {Raw} else _text, values)
    return [None if text == b"null" else text for text in texts]


def _text(value: Any) -> bytes:
    return bytes(value) if isinstance(value, Raw) else orjson.dumps(value, default=_as_it_is)


def _as_it_is(value: Any) -> orjson.Fragment:
    if isinstance(value, Raw):
        return orjson.Fragment(bytes(value))
    raise TypeError


def _fit(texts: list[bytes | None]) -> list[bytes | None]:
    """Take out secrets, and the line breaks that Stripe writes for people to read."""
    whole = b"".join(filter(None, texts))
    if b"_secret" in whole:
        return [text and orjson.dumps(without_secrets(orjson.loads(text))) for text in texts]
    if b"\n" in whole:
        return [text and msgspec.json.format(text, indent=-1) for text in texts]
    return texts


_MAKERS: Final[Mapping[Kind, Callable[[Sequence[Any]], Array]]] = {
    "text": lambda values: pa.array(values, pa.string()),
    "integer": _integer,
    "number": lambda values: pa.array(values, pa.float64()),
    "decimal": _decimal,
    "boolean": lambda values: pa.array(values, pa.bool_()),
    "time": _time,
    "enum": _enum,
    "json": _json,
}

"""What Stripe takes: the TypedDicts of `prefect_stripe.params` as a tree, and the problems of values held against it.

    >>> [str(problem) for problem in problems("create_price", {"currency": "eur", "unit_amuont": 500})]
    ["unit_amuont: unknown parameter; did you mean 'unit_amount'?"]

A problem names the place and the types, never the value, which may be somebody's name or worse. Values are followed
only as deep as the tree of types goes, so that no input, however deep or circular, can exhaust the stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from itertools import islice
from math import isfinite
from types import MappingProxyType, UnionType
from typing import Any, Literal, TypeAlias, Union, cast, get_args, get_origin

from typing_extensions import get_type_hints, is_typeddict

Kind: TypeAlias = Literal[
    "string", "integer", "number", "decimal", "boolean", "timestamp", "enum", "list", "map", "hash", "union"
]

MAX_PROBLEMS = 50
MAX_NAME = 60
MAX_ENTRIES = 1000
"""Of a list or a mapping: several times what Stripe takes of anything, and little enough to be looked through."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What one parameter may be."""

    kind: Kind
    clearable: bool = False
    """Whether '' is taken and clears the field."""
    choices: tuple[str, ...] = ()
    """Of an enum."""
    open: bool = False
    """Whether later versions of Stripe may add to an enum's choices, as to nearly all."""
    item: Shape | None = None
    """Of a list, or the values of a map."""
    fields: Mapping[str, Shape] = field(default_factory=dict[str, "Shape"])
    """Of a hash."""
    required: frozenset[str] = frozenset()
    """The fields that a hash cannot do without."""
    alternatives: tuple[Shape, ...] = ()
    """Of a union: leaves, and at most one hash."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why Stripe would refuse a parameter."""

    path: str
    """As Stripe writes it: lines[0][quantity]; empty for the parameters as a whole."""
    code: Literal["unknown", "missing", "invalid"]
    message: str
    shape: Shape | None = field(default=None, repr=False)
    """What was expected there; None for an unknown name."""
    suggestion: str | None = None
    """The name that an unknown one is nearest to."""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def operations() -> frozenset[str]:
    """The names of all operations."""
    return frozenset(_operation_params())


@cache
def request(operation: str) -> Shape:
    """The parameters of an operation as one hash, `expand` among them unless it deletes."""
    optional, required = _operation_params()[operation]
    parts = [_hash(part) for part in (required, optional) if part is not None]
    fields = {name: shape for part in parts for name, shape in part.fields.items()}
    if not operation.startswith("delete_"):
        fields["expand"] = Shape("list", item=Shape("string"))
    names = frozenset(name for part in parts for name in part.required)
    return Shape("hash", fields=MappingProxyType(fields), required=names)


def parameters(operation: str) -> Mapping[str, Shape]:
    """The parameters of an operation by name."""
    return request(operation).fields


def required(operation: str) -> frozenset[str]:
    """The names of the parameters that an operation cannot do without."""
    return request(operation).required


def problems(operation: str, params: Mapping[str, object]) -> list[Problem]:
    """What Stripe would refuse in these Python values: at most MAX_PROBLEMS.

    None means "not sent", at any level. '' is taken for strings, and for others where it clears the field. An enum may
    have a value that this version does not know, unless the SDK says that it cannot.
    """
    shape = request(operation)
    if params == {} and not shape.required:
        return []
    return list(islice(_problems(shape, params, ""), MAX_PROBLEMS))


# --- From types to shapes ---------------------------------------------------------------------------------------------


def _operation_params() -> dict[str, tuple[type, type | None]]:
    # Imported late: some hundred classes that only those need who send or receive.
    from prefect_stripe.params import OPERATION_PARAMS

    return OPERATION_PARAMS


@cache
def _hash(typed_dict: Any) -> Shape:
    fields = {name: _shape(hint) for name, hint in get_type_hints(typed_dict).items()}
    return Shape("hash", fields=MappingProxyType(fields), required=frozenset(typed_dict.__required_keys__))


# Unions that are one leaf, as the aliases of the generated module; those of more members first.
_COMPOUNDS: tuple[tuple[frozenset[type], Kind], ...] = (
    (frozenset({Decimal, int, str}), "decimal"),
    (frozenset({datetime, int}), "timestamp"),
)
_LEAVES: Mapping[type, Kind] = {str: "string", bool: "boolean", int: "integer", float: "number"}


def _shape(hint: Any) -> Shape:
    types = list(_members(hint))
    values = [value for member in types if get_origin(member) is Literal for value in get_args(member)]
    types = [member for member in types if get_origin(member) is not Literal]
    alternatives: list[Shape] = []
    for compound, kind in _COMPOUNDS:
        if compound <= {*types}:
            alternatives.append(Shape(kind))
            types = [member for member in types if member not in compound]
    choices = tuple(value for value in values if value != "")
    if choices or not (types or alternatives):
        alternatives.append(Shape("enum", choices=choices, open=str in types))
        types = [member for member in types if member is not str]
    alternatives += [_alternative(member) for member in types]
    shape = alternatives[0] if len(alternatives) == 1 else Shape("union", alternatives=tuple(alternatives))
    return replace(shape, clearable=True) if "" in values else shape


def _members(hint: Any) -> Iterator[Any]:
    if get_origin(hint) in (Union, UnionType):
        for member in get_args(hint):
            yield from _members(member)
    else:
        yield hint


def _alternative(member: Any) -> Shape:
    if is_typeddict(member):
        return _hash(member)
    if get_origin(member) is list:
        return Shape("list", item=_shape(get_args(member)[0]))
    if get_origin(member) is dict:
        return Shape("map", item=_shape(get_args(member)[1]))
    return Shape(_LEAVES[member])


# --- From leaves to what is wrong with them ---------------------------------------------------------------------------

Check: TypeAlias = Callable[[Shape, Any], str | None]

_DECIMAL = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


def _expected(what: str, value: object) -> str:
    return f"expected {what}, got {type(value).__name__}"


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _string(shape: Shape, value: object) -> str | None:
    return None if isinstance(value, str) else _expected("a string", value)


def _boolean(shape: Shape, value: object) -> str | None:
    return None if isinstance(value, bool) else _expected("True or False", value)


def _integer(shape: Shape, value: object) -> str | None:
    if _is_int(value):
        return None
    # As text in a form's field, too: whoever types 10.50 there means the same.
    broken = isinstance(value, float | Decimal) or (isinstance(value, str) and _DECIMAL.fullmatch(value))
    hint = "; amounts are whole minor units, 1050 for 10.50 USD" if broken else ""
    return _expected("an integer", value) + hint


def _number(shape: Shape, value: object) -> str | None:
    if isinstance(value, float):
        return None if isfinite(value) else "expected a finite number"
    return None if _is_int(value) else _expected("a number", value)


def _decimal(shape: Shape, value: object) -> str | None:
    if isinstance(value, str):
        return None if _DECIMAL.fullmatch(value) else "expected a decimal number such as '0.125'"
    if isinstance(value, Decimal):
        return None if value.is_finite() else "expected a finite decimal number"
    return None if _is_int(value) else _expected("a Decimal, or a string such as '0.125'", value)


def _timestamp(shape: Shape, value: object) -> str | None:
    if isinstance(value, datetime):
        try:
            zone = value.utcoffset()
        except ValueError:  # pandas' NaT passes for a datetime
            return "not a time (NaT): leave it out, or give None"
        return None if zone is not None else "a datetime without a time zone: give it a time zone"
    return None if _is_int(value) else _expected("Unix seconds or a datetime with a time zone", value)


def _enum(shape: Shape, value: object) -> str | None:
    return _string(shape, value) if shape.open else _choice(shape, value)


def _choice(shape: Shape, value: object) -> str | None:
    if isinstance(value, str) and value in shape.choices:
        return None
    return f"must be one of {', '.join(map(repr, shape.choices or ('',)))}"


_CHECKS: Mapping[Kind, Check] = {
    "string": _string,
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
    "decimal": _decimal,
    "timestamp": _timestamp,
    "enum": _enum,
}


# --- From values to problems ------------------------------------------------------------------------------------------


def _problems(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    if value is None or (shape.clearable and isinstance(value, str) and value == ""):
        return
    if shape.kind in _NESTED:
        yield from _NESTED[shape.kind](shape, value, path)
    elif (message := _CHECKS[shape.kind](shape, value)) is not None:
        yield Problem(path, "invalid", message, shape)


def _in_hash(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem(path, "invalid", _expected("a mapping", value), shape)
        return
    given = cast(Mapping[object, object], value)
    for name, item in given.items():
        if isinstance(name, str) and name in shape.fields:
            yield from _problems(shape.fields[name], item, below(path, name))
        else:
            yield _unknown(shape, name, path)
    for name in sorted(shape.required):
        if given.get(name) is None:
            yield Problem(below(path, name), "missing", "required, and not given", shape.fields[name])


def _unknown(shape: Shape, name: object, path: str) -> Problem:
    nearest: list[str] = []
    if isinstance(name, str) and len(name) <= MAX_NAME:
        # An amount may be meant for the amount_to_capture as well as for what is spelt more like it.
        longer = [field for field in shape.fields if field.startswith(f"{name}_")]
        nearest = longer if 1 < len(longer) <= 3 else get_close_matches(name, shape.fields, n=1)
    hint = f"; did you mean {' or '.join(map(repr, nearest))}?" if nearest else ""
    return Problem(below(path, name), "unknown", f"unknown parameter{hint}", suggestion=next(iter(nearest), None))


def _in_map(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem(path, "invalid", _expected("a mapping", value), shape)
        return
    if (message := _too_many(cast(Mapping[object, object], value))) is not None:
        yield Problem(path, "invalid", message, shape)
        return
    for name, item in cast(Mapping[object, object], value).items():
        if not isinstance(name, str):
            yield Problem(below(path, name), "invalid", "a name that is not a string", shape)
        elif shape.item is not None:
            yield from _problems(shape.item, item, below(path, name))


def _in_list(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, list | tuple):
        yield Problem(path, "invalid", _expected("a list", value), shape)
    elif (message := _too_many(cast(Sequence[object], value))) is not None:
        yield Problem(path, "invalid", message, shape)
    elif shape.item is not None:
        for index, item in enumerate(cast(Sequence[object], value)):
            yield from _problems(shape.item, item, below(path, index))


def _in_union(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    meant = [one for one in shape.alternatives if (one.kind == "hash") == isinstance(value, Mapping)]
    if len(meant) == 1:
        yield from _problems(meant[0], value, path)
    elif not meant:
        yield Problem(path, "invalid", _expected("a single value", value), shape)
    else:
        messages = [_CHECKS[one.kind](one, value) for one in meant]
        if None not in messages:
            yield Problem(path, "invalid", "; or ".join(filter(None, messages)), shape)


_NESTED: Mapping[Kind, Callable[[Shape, Any, str], Iterator[Problem]]] = {
    "hash": _in_hash,
    "map": _in_map,
    "list": _in_list,
    "union": _in_union,
}


def _too_many(entries: Sized) -> str | None:
    return f"has {len(entries)} entries, more than Stripe takes" if len(entries) > MAX_ENTRIES else None


def below(path: str, name: object) -> str:
    """The name of what is inside a hash or a list, as Stripe writes it: `lines[0][amount]`; one too long is cut."""
    text = name if isinstance(name, str) else str(name) if _is_int(name) else type(name).__name__
    text = text if len(text) <= MAX_NAME else text[:MAX_NAME] + "…"
    return f"{path}[{text}]" if path else text

"""Parameters as an operator writes them in a form: rows of Stripe's own bracketed names and plain text.

Stripe page: "API reference", where each parameter has its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import Field

from prefect_stripe.client import ParameterError
from prefect_stripe.flows.forms import Form
from prefect_stripe.schema import Shape, below, parameters

_NAME = re.compile(r"^[^\[\]]+(\[[^\[\]]+\])*$")


class OperationParameter(Form):
    """One parameter of an operation."""

    name: str = Field(
        title="Name",
        description="Stripe's name, with brackets for what is inside: email, metadata[order], lines[0][quantity].",
    )
    value: str = Field(
        title="Value",
        description="Plain text. Amounts in minor units (1250), true or false, times as Unix seconds. Empty clears.",
    )


def typed_parameters(operation: str, rows: Sequence[OperationParameter]) -> dict[str, Any]:
    """Turn rows into the parameters of an operation, each of the type that Stripe gives it.

    Args:
        operation: Name of the operation.
        rows: Names and values; lists are numbered from 0 without gaps.

    Raises:
        ParameterError: A name that is malformed, given twice, or both a value and a hash; a list with a gap.

    Example:
        >>> typed_parameters("create_price", [OperationParameter(name="unit_amount", value="1250")])
        {'unit_amount': 1250}
    """
    tree: dict[str, Any] = {}
    for row in rows:
        if not _NAME.match(row.name):
            raise ParameterError(
                f"{row.name!r} is not a parameter's name: write such as metadata[order]", operation=operation
            )
        *path, last = re.findall(r"[^\[\]]+", row.name)
        place = tree
        for part in path:
            inside: Any = place.setdefault(part, {})
            if not isinstance(inside, dict):
                raise ParameterError(
                    f"{row.name} is inside a parameter that has a value of its own", operation=operation
                )
            place = cast("dict[str, Any]", inside)
        if last in place:
            raise ParameterError(f"{row.name} is given twice", operation=operation)
        place[last] = row.value
    return _typed_fields(tree, parameters(operation), "")


def _typed_fields(tree: Mapping[str, Any], fields: Mapping[str, Shape], path: str) -> dict[str, Any]:
    return {
        name: _typed(value, fields[name], below(path, name)) if name in fields else value
        for name, value in tree.items()
    }


def _typed(value: Any, shape: Shape, path: str) -> Any:
    """Give a value the type that its shape asks for; what does not fit is left to be refused with its name."""
    if shape.kind == "union":
        hash_given = isinstance(value, Mapping)
        fitting = [one for one in shape.alternatives if (one.kind in {"hash", "map", "list"}) == hash_given]
        # Such as "inf" or a number: whichever makes more than a text of it, if one does.
        return next((typed for one in fitting if (typed := _typed(value, one, path)) != value), value)
    if isinstance(value, Mapping):
        inside = cast("Mapping[str, Any]", value)
        if shape.kind == "list" and shape.item is not None and all(number.isdecimal() for number in inside):
            return [_typed(inside[number], shape.item, below(path, number)) for number in _numbers(inside, path)]
        if shape.kind == "hash":
            return _typed_fields(inside, shape.fields, path)
        if shape.kind == "map" and shape.item is not None:
            return {name: _typed(inner, shape.item, below(path, name)) for name, inner in inside.items()}
        return dict(inside)
    if value == "":
        return value
    if shape.kind in {"integer", "timestamp"} and re.fullmatch(r"-?\d{1,18}", value):
        return int(value)
    # Python's True and False, too: it is what a refusal of anything else asks for.
    if shape.kind == "boolean" and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if shape.kind == "number" and re.fullmatch(r"-?\d{1,15}(\.\d{1,12})?", value):
        return float(value)
    return value


def _numbers(value: Mapping[str, Any], path: str) -> list[str]:
    numbers = [str(number) for number in range(len(value))]
    for number in numbers:
        if number not in value:
            raise ParameterError(
                f"{below(path, number)} is not given, and others are: number a list from 0, without gaps"
            )
    return numbers

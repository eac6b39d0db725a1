"""How a flow's parameters show in a form of the Prefect UI: each as one plain field, under a title.

Its help text is in the docstring of the flow, under `Args:`, or the description of the model's field.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar, Union, get_args, get_origin

from pydantic import Field
from pydantic.fields import FieldInfo
from pydantic_core import MISSING

if TYPE_CHECKING:
    from prefect import Flow

P = ParamSpec("P")
R = TypeVar("R")


def titled(title: str, **constraints: Any) -> FieldInfo:
    """Annotate a flow's parameter with its title, and with what `pydantic.Field` takes besides.

    Prefect overwrites the title of a parameter with its name; what is added to the schema at the end it leaves alone.
    """
    field: FieldInfo = Field(json_schema_extra={"title": title}, **constraints)
    return field


def plain_form(flow: Flow[P, R]) -> Flow[P, R]:
    """Show each optional parameter of a flow as a plain field, which may be left empty; a block as a choice of blocks.

    A form shows `Block | None = None` as a switch between two types, of which None is chosen. Prefect makes forms from
    the flow's signature, and calls its function: only the form hears that nothing is left out by saying None.
    """
    signature = inspect.signature(flow.fn, eval_str=True)
    parameters = [
        one if one.default is not None else one.replace(annotation=_without_none(one.annotation), default=MISSING)
        for one in signature.parameters.values()
    ]
    setattr(flow, "__signature__", signature.replace(parameters=parameters))  # noqa: B010 - no attribute of a Flow's
    return flow


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) is Annotated:
        kind, *notes = get_args(annotation)
        return Annotated[_without_none(kind), *notes]
    return Union[tuple(kind for kind in get_args(annotation) if kind is not type(None))]  # noqa: UP007


def plain_fields(schema: dict[str, Any]) -> None:
    """Make each optional field of a model's schema a plain one, which may be left empty.

    As for parameters. Prefect takes null for a field without it as well, where the field is not required, has a type,
    and no default.
    """
    for field in schema.get("properties", {}).values():
        match field:
            case {"anyOf": [kind, {"type": "null"}], "default": None}:
                del field["anyOf"], field["default"]
                field |= kind
                if "enum" in kind:
                    field["enum"] = [*kind["enum"], None]
            case _:
                pass

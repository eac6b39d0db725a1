"""How a flow's parameters show in a form of the Prefect UI: each as one plain field, under a title.

Its help text is in the docstring of the flow, under `Args:`, or the description of the model's field.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import MISSING, InitErrorDetails, PydanticCustomError

if TYPE_CHECKING:
    from prefect import Flow

P = ParamSpec("P")
R = TypeVar("R")

MOST_OF_A_NAME = 60
"""What is longer is compared with no name."""


def titled(title: str, form_pattern: str | None = None, **constraints: Any) -> FieldInfo:
    """Annotate a flow's parameter with its title, and with what `pydantic.Field` takes besides.

    Prefect overwrites the title of a parameter with its name; what is added to the schema at the end it leaves alone.

    Args:
        title: What the field is called.
        form_pattern: What the form checks by itself. The flow says in words what is wrong, as a pattern does not.
        constraints: What `pydantic.Field` takes besides.
    """
    shown = {"title": title} | ({"pattern": form_pattern} if form_pattern else {})
    field: FieldInfo = Field(json_schema_extra=cast(dict[str, Any], shown), **constraints)
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


class Form(BaseModel):
    """What somebody fills in, field by field: a field that there is not is refused, with the name that is meant."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=plain_fields)

    @model_validator(mode="before")
    @classmethod
    def _know_each_name(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            values = cast(Mapping[object, object], given)
            misspelt = [
                _misspelt(name, near[0], values[name])
                for name in values
                if isinstance(name, str) and name not in cls.model_fields and len(name) <= MOST_OF_A_NAME
                if (near := get_close_matches(name, cls.model_fields, n=1))
            ]
            if misspelt:
                raise ValidationError.from_exception_data(cls.__name__, misspelt)
        return cast(object, given)


def _misspelt(name: str, meant: str, value: object) -> InitErrorDetails:
    wrong = PydanticCustomError("misspelt", "there is no such field: is '{meant}' meant?", {"meant": meant})
    return InitErrorDetails(type=wrong, loc=(name,), input=value)

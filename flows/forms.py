"""How a parameter shows in a form of the Prefect UI: as one plain field, under a title.

Its help text is in the docstring of the flow, under `Args:`, or the description of the model's field.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field
from pydantic.fields import FieldInfo


def titled(title: str, **constraints: Any) -> FieldInfo:
    """Annotate a flow's parameter with its title, and with what `pydantic.Field` takes besides.

    Prefect overwrites the title of a parameter with its name; what is added to the schema at the end it leaves alone.
    """
    field: FieldInfo = Field(json_schema_extra={"title": title}, **constraints)
    return field


def plain_fields(schema: dict[str, Any]) -> None:
    """Make each optional field of a model's schema a plain one, which may be left empty.

    A form shows `text | None` as a switch between two types, of which None is chosen. Prefect takes null for a field
    without it as well, where the field is not required, has a type, and no default.
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

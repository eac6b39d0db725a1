"""What Prefect stores of a flow's parameters is a form that can be filled in by who reads no code.

The Prefect UI makes a form of it: JSON, a switch between two types, or a field without a name is what it makes of the
rest.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import pytest
from prefect import Flow, flow
from prefect.deployments.runner import RunnerDeployment
from prefect.utilities.callables import ParameterSchema, parameter_schema

import prefect_stripe.flows
from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.deployments.serve import declared
from prefect_stripe.flows import InvoiceOrder

Schema = Mapping[str, Any]


def stored(form: Flow[..., Any]) -> Schema:
    return parameter_schema(form).model_dump_for_openapi()


def flows() -> dict[str, Flow[..., Any]]:
    """Every flow there is, by where it is."""
    names = [module.name for module in pkgutil.walk_packages(prefect_stripe.flows.__path__, "prefect_stripe.flows.")]
    return {
        f"{name}.{one.fn.__name__}": one
        for name in names
        for one in vars(import_module(name)).values()
        if isinstance(one, Flow) and one.fn.__module__ == name
    }


FORMS = {name: stored(one) for name, one in flows().items()}


def resolved(field: Schema, schema: Schema) -> Schema:
    """A field with what it refers to."""
    reference = field.get("$ref", "").removeprefix("#/definitions/")
    return {**schema["definitions"][reference], **field} if reference else field


def fields(schema: Schema, part: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every field of a form, those of lines and their lines too; a block has a form of its own."""
    for name, field in part.get("properties", {}).items():
        whole = resolved(field, schema)
        yield f"{path}{name}", whole
        if "block_type_slug" not in whole:
            yield from fields(schema, whole, f"{path}{name}.")
            yield from fields(schema, resolved(whole.get("items", {}), schema), f"{path}{name}[].")


def problems(name: str, field: Schema) -> Iterator[str]:
    """What a person would stumble over in a field."""
    python_name = re.split(r"\W+", name)[-1]
    title, description = field.get("title", ""), field.get("description", "")
    if not re.match("[A-Z]", title) or ("_" in python_name and title == python_name.replace("_", " ").title()):
        yield "it has no title of its own"
    if not description.endswith("."):
        yield "it has no help text"
    if switches := {"anyOf", "oneOf", "allOf", "const"} & field.keys():
        yield f"it is no plain field: {switches}"
    if "enum" in field and len(set(field["enum"]) - {None}) < 2:
        yield "it is a choice of one"
    if field.get("default", "") is None:
        yield "its default is null, which would be sent"
    if field.get("writeOnly") or field.get("format") == "password":
        yield "a secret would be stored in clear: take a block"
    if re.search("amount|total|fee", python_name) and not re.search(r"\((minor units|cents)\)$", title):
        yield "its title does not say that it is in minor units"
    if python_name.endswith("_days") and "day" not in title.lower():
        yield "its title does not say that it is days"
    if not shown(field):
        yield "it would be shown as JSON"


def shown(field: Schema) -> bool:
    """Whether there is more to show a field by than JSON."""
    match field:
        case {"block_type_slug": _} | {"properties": _} | {"enum": [_, _, *_]}:
            return True
        case {"type": "array"}:
            return all(
                map(shown_in_a_list, [*field.get("prefixItems", ()), *([field["items"]] if "items" in field else ())])
            )
        case _:
            return field.get("type") in {"string", "integer", "number", "boolean"}


def shown_in_a_list(item: Schema) -> bool:
    return "$ref" in item or shown(item)


@pytest.mark.parametrize("name", FORMS)
def test_a_flow_has_a_form_that_can_be_filled_in(name: str) -> None:
    schema = FORMS[name]
    found = [f"{path}: {problem}" for path, field in fields(schema, schema) for problem in problems(path, field)]
    assert found == []


@pytest.mark.parametrize("name", FORMS)
def test_a_flow_can_be_served_by_its_file(name: str) -> None:
    """As `serve` has it: a run's process knows no module that annotations which are text could be resolved in."""
    annotations = flows()[name].fn.__annotations__.values()
    assert [annotation for annotation in annotations if isinstance(annotation, str)] == []


@pytest.mark.parametrize("name", FORMS)
def test_the_account_is_a_choice_of_saved_blocks(name: str) -> None:
    schema = FORMS[name]
    account = schema["properties"]["credentials"]
    assert resolved(account, schema)["block_type_slug"] == "stripe-credentials"
    assert "credentials" not in schema.get("required", [])


@pytest.mark.parametrize("name", FORMS)
def test_a_day_or_month_is_checked_by_the_form(name: str) -> None:
    written = [field for _, field in fields(FORMS[name], FORMS[name]) if "(YYYY-MM" in field.get("title", "")]
    assert all("pattern" in field for field in written)


def test_every_flow_is_deployed_with_this_form() -> None:
    """What `serve` and `prefect deploy` send is what is looked at here."""
    sent = {one.entrypoint: _schema_of(one).model_dump_for_openapi() for one in declared()}
    assert sent == FORMS


def _schema_of(deployment: RunnerDeployment) -> ParameterSchema:
    schema: ParameterSchema = (deployment.__pydantic_private__ or {})["_parameter_openapi_schema"]
    return schema


def test_what_a_form_cannot_show_is_found() -> None:
    """These tests would fail of it: a flow as it is written without a thought of forms."""

    def careless(
        order: InvoiceOrder,
        amount: int,
        options: dict[str, Any],
        credentials: StripeCredentials | None = None,
        dates: list[str] | None = None,
    ) -> None:
        """Do as it is told."""

    schema = stored(flow(careless))
    found = {path: list(problems(path, field)) for path, field in fields(schema, schema)}
    no_title, no_help, json = "it has no title of its own", "it has no help text", "it would be shown as JSON"
    null = "its default is null, which would be sent"
    assert {name: found[name] for name in schema["properties"]} == {
        "order": [no_title, no_help],
        "amount": [no_title, no_help, "its title does not say that it is in minor units"],
        "options": [no_title, no_help, json],
        "credentials": [no_title, no_help, "it is no plain field: {'anyOf'}", null, json],
        "dates": [no_title, no_help, "it is no plain field: {'anyOf'}", null, json],
    }

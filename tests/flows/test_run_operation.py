"""The flow that runs any operation: what a person writes in its form, and what it shows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest
from pydantic import SecretStr

import prefect_stripe.tasks
from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client import InvalidRequestError, ParameterError
from prefect_stripe.flows import OperationParameter, run_operation
from prefect_stripe.flows.operation_parameters import typed_parameters
from prefect_stripe.flows.run_operation import OperationName
from prefect_stripe.schema import Shape, parameters, problems
from tests.flows.told import Told
from tests.flows.world import World


def rows(given: Mapping[str, str]) -> list[OperationParameter]:
    return [OperationParameter(name=name, value=value) for name, value in given.items()]


@pytest.fixture
def credentials(world: World) -> StripeCredentials:
    return StripeCredentials(api_key=SecretStr("sk_test_any"), api_base=world.sandbox.url, max_retries=0)


# What is written in the form


@pytest.mark.parametrize(
    ("operation", "given", "typed"),
    [
        ("create_customer", {"email": "jenny@example.com"}, {"email": "jenny@example.com"}),
        ("create_customer", {"metadata[order]": "12", "phone": ""}, {"metadata": {"order": "12"}, "phone": ""}),
        ("create_price", {"unit_amount": "1250", "active": "false"}, {"unit_amount": 1250, "active": False}),
        ("create_price", {"active": "False"}, {"active": False}),
        ("create_price", {"recurring[interval]": "month"}, {"recurring": {"interval": "month"}}),
        ("list_invoices", {"created[gte]": "1767225600"}, {"created": {"gte": 1767225600}}),
        ("list_invoices", {"created": "1767225600"}, {"created": 1767225600}),
        (
            "add_invoice_lines",
            {"lines[1][amount]": "-5", "lines[0][amount]": "7", "lines[0][discountable]": "true"},
            {"lines": [{"amount": 7, "discountable": True}, {"amount": -5}]},
        ),
        ("retrieve_invoice", {"expand[0]": "customer"}, {"expand": ["customer"]}),
        (
            "create_price",
            {"currency_options[eur][unit_amount]": "9"},
            {"currency_options": {"eur": {"unit_amount": 9}}},
        ),
        (
            "create_price",
            {"tiers[0][up_to]": "10", "tiers[1][up_to]": "inf"},
            {"tiers": [{"up_to": 10}, {"up_to": "inf"}]},
        ),
        # What does not fit stays as it is written, and is refused by its name.
        ("create_price", {"unit_amount": "12.50", "active": "yes"}, {"unit_amount": "12.50", "active": "yes"}),
        ("create_price", {"nonsense[0]": "1"}, {"nonsense": {"0": "1"}}),
    ],
)
def test_text_becomes_what_stripe_takes(operation: str, given: Mapping[str, str], typed: Mapping[str, Any]) -> None:
    found = typed_parameters(operation, rows(given))
    assert repr(found) == repr(typed), "True is not 1"


WRITTEN = {
    "boolean": "true",
    "decimal": "12.5",
    "integer": "-7",
    "number": "12.5",
    "string": "a text",
    "timestamp": "1767225600",
}


def written(shape: Shape, name: str) -> Iterator[tuple[str, str]]:
    """Every value that a parameter can have inside, as it is written in the form."""
    for alternative in shape.alternatives:
        yield from written(alternative, name)
    for field, inner in shape.fields.items():
        yield from written(inner, f"{name}[{field}]")
    if shape.item is not None:
        yield from written(shape.item, f"{name}[{'0' if shape.kind == 'list' else 'eur'}]")
    for text in (*shape.choices, *([WRITTEN[shape.kind]] if shape.kind in WRITTEN else [])):
        yield name, text


@pytest.mark.parametrize("operation", get_args(OperationName))
def test_every_parameter_of_every_operation_can_be_written(operation: str) -> None:
    # One at a time: those that it is required beside are missing.
    assert [
        str(problem)
        for parameter, shape in parameters(operation).items()
        for row in written(shape, parameter)
        for problem in problems(operation, typed_parameters(operation, rows(dict([row]))))
        if problem.code != "missing"
    ] == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([("lines[1][amount]", "5")], r"lines\[0\] is not given, and others are"),
        ([("lines[0][amount]", "5"), ("lines[2][amount]", "5")], r"lines\[1\] is not given"),
        ([("lines[0][amount]", "5"), ("lines[01][amount]", "5")], r"lines\[1\] is not given"),
        ([("lines[0][tax_amounts][1][amount]", "5")], r"lines\[0\]\[tax_amounts\]\[0\] is not given"),
        ([("lines[0]", "5"), ("lines[0][amount]", "5")], "inside a parameter that has a value"),
        ([("lines[0][amount]", "5"), ("lines[0][amount]", "6")], "given twice"),
        ([("lines[0][amount", "5")], "not a parameter's name"),
        ([("", "5")], "not a parameter's name"),
    ],
)
def test_what_no_list_can_be_made_of_is_refused(given: list[tuple[str, str]], told: str) -> None:
    with pytest.raises(ParameterError, match=told):
        typed_parameters("add_invoice_lines", [OperationParameter(name=name, value=value) for name, value in given])


@pytest.mark.parametrize("operation", get_args(OperationName))
def test_each_choice_is_a_task(operation: str) -> None:
    assert getattr(prefect_stripe.tasks, operation).name


# What comes of it


@pytest.mark.server
def test_an_object_is_returned_and_shown(world: World, credentials: StripeCredentials) -> None:
    given = rows({"name": "Coffee, 1 kg", "metadata[shelf]": "7"})
    told = Told(run_operation("create_product", parameters=given, credentials=credentials, return_state=True))
    (product,) = world.all("products")
    assert (product["name"], product["metadata"]["shelf"]) == ("Coffee, 1 kg", "7")
    assert told.flow_run.name == "create_product"
    artifact = told.artifact_of("markdown")
    assert (artifact.key, artifact.description) == ("stripe-create-product", f"product {product['id']}")
    shown = str(artifact.data).partition("```json\n")[2].rpartition("\n```")[0]
    assert json.loads(shown)["id"] == product["id"]


@pytest.mark.server
def test_that_nothing_is_upcoming_is_shown(world: World, credentials: StripeCredentials) -> None:
    given = rows({"customer": world.post("customers")["id"]})
    told = Told(run_operation("preview_invoice", parameters=given, credentials=credentials, return_state=True))
    assert told.artifact_of("markdown").description == "nothing"


@pytest.mark.server
def test_a_list_is_returned_and_shown_up_to_the_items_that_were_asked_for(
    world: World, credentials: StripeCredentials
) -> None:
    for number in range(5):
        world.post("products", name=f"Coffee {number}")
    assert len(run_operation("list_products", credentials=credentials, max_items=0)) == 5
    told = Told(run_operation("list_products", credentials=credentials, max_items=3, return_state=True))
    assert [row["name"] for row in told.table] == ["Coffee 4", "Coffee 3", "Coffee 2"]
    assert told.artifact.description == "3 items, as many as were asked for: there may be more"


@pytest.mark.server
@pytest.mark.parametrize(
    ("operation", "ids", "given", "told"),
    [
        ("retrieve_product", [], {}, r"retrieve_product takes 1 ids \(product\), not 0"),
        ("list_products", ["prod_1"], {}, "takes 0 ids"),
        ("create_price", [], {"currency": "usd", "unit_amuont": "5"}, "did you mean 'unit_amount'"),
        ("create_price", [], {"currency": "usd", "unit_amount": "12.50"}, "1050 for 10.50 USD"),
        ("create_price", [], {"unit_amount": "5"}, "currency: required, and not given"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_sent(
    world: World, credentials: StripeCredentials, operation: Any, ids: list[str], given: dict[str, str], told: str
) -> None:
    with pytest.raises(ParameterError, match=told):
        run_operation(operation, ids=ids, parameters=rows(given), credentials=credentials)
    assert not world.sandbox.ledger.exchanges


@pytest.mark.server
def test_what_stripe_refuses_is_raised(world: World, credentials: StripeCredentials) -> None:
    with pytest.raises(InvalidRequestError, match="No such product"):
        run_operation("retrieve_product", ids=["prod_nothing"], credentials=credentials)

"""What a form knows of an order: bounds as JSON Schema has them, and help on every field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

from prefect_stripe.flows import InvoiceOrder, PaymentOrder


@pytest.mark.parametrize("model", [InvoiceOrder, PaymentOrder])
def test_bounds_are_written_as_forms_read_them(model: type[BaseModel]) -> None:
    text = json.dumps(model.model_json_schema())
    assert '"minimum"' in text
    assert '"ge"' not in text
    assert '"le"' not in text


@pytest.mark.parametrize("model", [InvoiceOrder, PaymentOrder])
def test_every_field_has_a_title_and_a_help_text(model: type[BaseModel]) -> None:
    schema: dict[str, Any] = model.model_json_schema()
    for part in (schema, *schema.get("$defs", {}).values()):
        for name, field in part["properties"].items():
            assert field.get("title"), name
            assert field.get("description", "").endswith("."), name

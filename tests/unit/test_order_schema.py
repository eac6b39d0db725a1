"""What a form knows of an order: bounds, as JSON Schema has them."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from prefect_stripe.flows import InvoiceOrder, PaymentOrder


@pytest.mark.parametrize("model", [InvoiceOrder, PaymentOrder])
def test_bounds_are_written_as_forms_read_them(model: type[BaseModel]) -> None:
    text = json.dumps(model.model_json_schema())
    assert '"minimum"' in text
    assert '"ge"' not in text
    assert '"le"' not in text

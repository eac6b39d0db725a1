"""Orders of anything at all: a sound one, or a refusal in words, and never an error of another kind or a wait."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from prefect_stripe.client import ParameterError
from prefect_stripe.client.search import FIELDS, search_query
from prefect_stripe.flows import InvoiceOrder, PaymentOrder

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=8)
    | st.sampled_from([1, -1]).map(lambda sign: sign * 10**5000)  # which no text can hold
    | st.sampled_from([Decimal("1E+99999999"), Decimal("NaN"), "\ud800", "\x00", "../cus_1"])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
SOUND: dict[type[BaseModel], dict[str, Any]] = {
    InvoiceOrder: {
        "external_id": "O-1", "customer": "cus_1", "currency": "usd",
        "lines": [{"description": "Mug", "unit_amount": 1300}],
    },
    PaymentOrder: {
        "external_id": "O-1", "customer": "cus_1", "currency": "usd", "amount": 1300, "payment_method": "pm_1",
    },
}  # fmt: skip


@pytest.mark.parametrize("model", SOUND)
@given(data=st.data())
def test_any_value_of_any_field_is_taken_or_refused_in_words(model: type[BaseModel], data: st.DataObject) -> None:
    field, value = data.draw(st.sampled_from(list(model.model_fields))), data.draw(VALUES)
    try:
        order: Any = model.model_validate(SOUND[model] | {field: value})
    except ValidationError as error:
        str(error)
        return
    again = model.model_validate_json(order.model_dump_json())
    assert (again, order.fingerprint) == (order, again.fingerprint)  # type: ignore[attr-defined]


def nested(levels: int) -> list[Any]:
    outermost: list[Any] = []
    for _ in range(levels):
        outermost = [outermost]
    return outermost


@pytest.mark.parametrize("model", SOUND)
def test_what_is_nested_without_end_is_refused(model: type[BaseModel]) -> None:
    circle: list[Any] = []
    deep = nested(100_000)
    circle.append(circle)
    for field in model.model_fields:
        for value in (deep, circle):
            with pytest.raises(ValidationError):
                model.model_validate(SOUND[model] | {field: value})
    with pytest.raises(ValidationError, match="recursion limit"):
        model.model_validate_json('{"lines":' + "[" * 10**6 + "]" * 10**6 + "}")


def test_a_search_is_for_no_list_however_large_what_it_holds() -> None:
    large: Any = [10**5000]
    with pytest.raises(ParameterError, match="name is compared with a list: write a text or a whole number"):
        search_query("customers", ("name", "~", large))


@given(value=SCALARS | st.lists(SCALARS, max_size=2), searched=st.sampled_from(list(FIELDS)), data=st.data())
def test_a_search_is_one_clause_whatever_it_is_for(value: Any, searched: str, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from([*FIELDS[searched], 'metadata[a" OR b]', "metadata[a\\]"]))
    operator: Any = data.draw(st.sampled_from([":", "~", ">", "<", ">=", "<="]))
    try:
        query = search_query(searched, (field, operator, value))
    except ParameterError:
        return
    outside, quoted, escaped = "", False, False
    for character in query:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif not quoted:
            outside += character
    assert not quoted
    assert " " not in outside

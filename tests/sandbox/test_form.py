"""The wire form, with the official SDK's encoder as the other side."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe._encode import _api_encode  # pyright: ignore[reportPrivateUsage]

from prefect_stripe.sandbox import form
from prefect_stripe.sandbox.errors import Refusal

names = st.text(st.characters(exclude_characters="[]", codec="utf-8"), min_size=1, max_size=5)
texts = st.text(st.characters(codec="utf-8"), max_size=8)
trees = st.dictionaries(
    names,
    st.recursive(
        texts, lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(names, inner, min_size=1)
    ),
    max_size=4,
)


def keyed(value: object) -> object:
    """A tree as it is decoded, its lists keyed by index."""
    if isinstance(value, dict):
        return {name: keyed(inner) for name, inner in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return {str(index): keyed(inner) for index, inner in enumerate(cast("list[object]", value))}
    return value


@given(trees)
def test_what_the_sdk_encodes_is_decoded(tree: dict[str, Any]) -> None:
    assert form.decode(urlencode(list(_api_encode(tree)))) == keyed(tree)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a[]=1&a[]=2", {"a": {"0": "1", "1": "2"}}),
        ("a[][x]=1&a[][y]=2&a[][x]=3", {"a": {"0": {"x": "1", "y": "2"}, "1": {"x": "3"}}}),
        ("a=1&a=2", {"a": "2"}),
        ("a[b]=", {"a": {"b": ""}}),
        ("m[caf%C3%A9]=%20+", {"m": {"café": "  "}}),
    ],
)
def test_other_spellings(text: str, tree: dict[str, Any]) -> None:
    assert form.decode(text) == tree


@pytest.mark.parametrize("text", ["a[b=1", "a]=1", "[a]=1", "a=1&a[b]=2", "a[b]=1&a=2", "%ff=1"])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        form.decode(text)


def test_lists_keep_their_order_whatever_the_order_on_the_wire(http: httpx.Client, customer: str) -> None:
    invoice = http.post("/v1/invoices", data={"customer": customer, "currency": "usd"}).json()["id"]
    body = {f"lines[{index}][amount]": str(index + 1) for index in (10, 2, 0, 1)}
    lines = http.post(f"/v1/invoices/{invoice}/add_lines", data=body).json()["lines"]["data"]
    assert [line["amount"] for line in lines] == [1, 2, 3, 11]


def test_a_parameter_inside_a_list_is_named_in_full(http: httpx.Client, customer: str) -> None:
    invoice = http.post("/v1/invoices", data={"customer": customer, "currency": "usd"}).json()["id"]
    for body, param in (
        ({"lines[0][amount]": "1", "lines[1][amount]": "x"}, "lines[1][amount]"),
        ({"lines[0][description]": "x"}, "lines[0][amount]"),
        ({"lines[0][pricing][price]": "price_none"}, "lines[0][pricing][price]"),
        ({"lines[0][amount]": "1", "lines[0][quantity]": "2"}, "lines[0][amount]"),
        ({"lines[0][price_data][currency]": "usd"}, "lines[0][price_data][unit_amount]"),
        ({"lines[0][amuont]": "1"}, "lines[0][amuont]"),
        ({"lines[0][amount]": "1", "lines[0][tax_rates][]": "txr_1"}, "lines[0][tax_rates]"),
    ):
        answer = http.post(f"/v1/invoices/{invoice}/add_lines", data=body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)

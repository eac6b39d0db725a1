"""The wire form, rule by rule, and as a whole against a decoder."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any
from urllib.parse import parse_qsl, quote_plus

import numpy as np
import pandas as pd
import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_stripe.client import ParameterError
from prefect_stripe.client.encoding import MAX_DEPTH, MAX_TEXT, form_encode, form_pairs, path_of


class Colour(str, Enum):  # noqa: UP042 - the kind whose str() is not its value
    RED = "red"


class Size(IntEnum):
    BIG = 2


class Nowhere(tzinfo):
    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        return None


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

SCALARS: list[tuple[object, str]] = [
    ("text", "text"),
    ("", ""),
    ("Zoë 🎉", "Zoë 🎉"),
    (Colour.RED, "red"),
    (True, "true"),
    (False, "false"),
    (0, "0"),
    (-1050, "-1050"),
    (2**63, "9223372036854775808"),
    (Size.BIG, "2"),
    (Decimal("1E+2"), "100"),
    (Decimal("0.10"), "0.10"),
    (Decimal("1E-9"), "0.000000001"),
    (10.0, "10.0"),
    (0.1, "0.1"),
    (1e-9, "0.000000001"),
    (np.float64(12.5), "12.5"),
    (NOON, "1767268800"),
    (NOON.astimezone(timezone(timedelta(hours=9))), "1767268800"),
    (NOON + timedelta(microseconds=999_999), "1767268800"),
    (pd.Timestamp(NOON), "1767268800"),
    (datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC), "-1"),
    (pendulum.datetime(2026, 1, 1, 14, tz="Europe/Helsinki"), "1767268800"),
    (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "253402300799"),
]


@pytest.mark.parametrize(("value", "written"), SCALARS)
def test_a_value_is_written_alike_wherever_it_stands(value: object, written: str) -> None:
    assert form_pairs({"a": value}) == [("a", written)]
    assert form_pairs({"a": [value]}) == [("a[0]", written)]
    assert form_pairs({"a": {"b": value}}) == [("a[b]", written)]
    assert type(form_pairs({"a": value})[0][1]) is str


REFUSED: list[tuple[object, str]] = [
    (datetime(2026, 1, 1), "without a zone"),  # noqa: DTZ001
    (datetime(2026, 1, 1, tzinfo=Nowhere()), "without a zone"),
    (pd.NaT, "not a time"),
    (date(2026, 1, 1), "is a date"),
    (float("nan"), "float"),
    (float("inf"), "float"),
    (Decimal("NaN"), "Decimal"),
    (b"bytes", "bytes"),
    ({1}, "set"),
    (np.int64(1), "int64"),
    (object(), "object"),
    ([], "empty list"),
    ((), "empty list"),
    ("\ud800", "half a character"),
    ("a\x00b", "control character"),
    ("\x1b[2J", "control character"),
    ("x" * (MAX_TEXT + 1), "Stripe takes no text"),
    (2**64, "more than 64 bits"),
    (-(10**400), "more than 64 bits"),
    (Decimal("1E+99999999"), "more than 40 digits"),
    (Decimal("1E-99999999"), "more than 40 digits"),
    (Decimal(1) / Decimal(3) + Decimal("1E+40"), "more than 40 digits"),
]


@pytest.mark.parametrize(("value", "why"), REFUSED)
def test_what_has_no_wire_form_is_refused_by_its_place(value: object, why: str) -> None:
    for params, place in (({"a": value}, "a"), ({"a": [1, value]}, "a[1]"), ({"a": {"b": value}}, "a[b]")):
        with pytest.raises(ParameterError, match=re.escape(place)) as caught:
            form_pairs(params)
        assert why in str(caught.value)


@pytest.mark.parametrize("hole", [None, {}])
def test_a_hole_in_a_list_is_refused(hole: object) -> None:
    with pytest.raises(ParameterError, match=r"a\[1\] is empty"):
        form_pairs({"a": [1, hole, 2]})


@pytest.mark.parametrize("name", ["", "a[b]", "]", "[", "a\nb", "a\x00", "\ud800", "a\u202eb"])
def test_a_name_that_would_change_the_structure_is_refused(name: str) -> None:
    with pytest.raises(ParameterError, match="metadata has the name"):
        form_pairs({"metadata": {name: "x"}})


def test_none_is_not_sent_and_an_empty_hash_says_nothing() -> None:
    assert form_pairs({"a": None, "b": {"c": None}, "d": {}, "e": 1}) == [("e", "1")]


def test_nesting_without_end_is_refused() -> None:
    endless: dict[str, Any] = {}
    endless["a"] = endless
    with pytest.raises(ParameterError, match=f"{MAX_DEPTH} levels"):
        form_pairs(endless)


def test_what_means_something_in_a_form_is_escaped_and_brackets_are_not() -> None:
    assert form_encode({"metadata": {"a&b=c": "1+1 =2&x=#%"}}) == "metadata[a%26b%3Dc]=1%2B1+%3D2%26x%3D%23%25"


def test_what_is_only_looked_at_is_written_as_it_would_be_escaped() -> None:
    """One character at a time, among such as need no escaping: of most texts others have them escaped anyway."""
    for code in (*range(0x20, 0x7F), *range(0xA0, 0x2200)):
        text = f"a{chr(code)}1"
        assert form_encode({text: text}) == f"{quote_plus(text, safe='[]')}={quote_plus(text)}"


NAMES = st.text(st.characters(exclude_characters="[]"), min_size=1, max_size=8).filter(str.isprintable)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n\r"))
LEAVES = TEXTS | st.integers(-(2**63), 2**63).map(str)
FORMS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, min_size=1, max_size=4) | st.dictionaries(NAMES, inner, min_size=1, max_size=4),
    max_leaves=12,
)


def decoded(form: str) -> dict[str, Any]:
    """Read a form back; a hash whose names are 0, 1, 2… is a list."""
    tree: dict[str, Any] = {}
    for key, value in parse_qsl(form, keep_blank_values=True, strict_parsing=True):
        head, *rest = re.findall(r"[^\[\]]+", key)
        node, names = tree, [head, *rest]
        for name in names[:-1]:
            node = node.setdefault(name, {})
        node[names[-1]] = value
    return {name: _lists(value) for name, value in tree.items()}


def _lists(node: Any) -> Any:
    if isinstance(node, list):
        return [_lists(item) for item in node]  # pyright: ignore
    if not isinstance(node, dict):
        return node
    items: dict[str, Any] = {name: _lists(value) for name, value in node.items()}  # pyright: ignore
    return list(items.values()) if list(items) == [str(index) for index in range(len(items))] else items


@given(st.dictionaries(NAMES, FORMS, min_size=1, max_size=4))
def test_every_form_can_be_read_back(params: dict[str, Any]) -> None:
    assert decoded(form_encode(params)) == {name: _lists(value) for name, value in params.items()}


# Paths


@pytest.mark.parametrize(
    ("id_", "written"),
    [("in_1", "in_1"), ("SKU-7.b~2", "SKU-7.b~2"), ("a:b|c", "a%3Ab%7Cc"), ("a&b=c+d", "a%26b%3Dc%2Bd")],
)
def test_an_id_names_nothing_but_itself(id_: str, written: str) -> None:
    assert path_of("/v1/products/{product}", {"product": id_}) == f"/v1/products/{written}"


NO_IDS = [
    *("", ".", "..", " ", "a b", "a\nb", "a\x00b", "a\u00a0b", "x" * 256, "in_1/void", "../customers", "in_1?x=1"),
    "in_1#x",
    "%2F",
    "in_1%2Fvoid",
    "in_1\\void",
    "in_\uff11",
    "\u0456n_1",
    "in_1\u2215void",
    "in_1\u200b",
    "\ud800",
]


@pytest.mark.parametrize("id_", NO_IDS)
def test_what_is_no_id_is_refused(id_: str) -> None:
    with pytest.raises(ParameterError, match="product is"):
        path_of("/v1/products/{product}", {"product": id_})


@pytest.mark.parametrize("value", [None, 1, {"id": "in_1", "customer_email": "zoe@example.com"}])
def test_an_object_is_no_id_and_is_not_repeated(value: object) -> None:
    with pytest.raises(ParameterError, match="invoice is a") as caught:
        path_of("/v1/invoices/{invoice}", {"invoice": value})
    assert "zoe" not in str(caught.value)


@given(st.text())
def test_no_id_reaches_another_resource(id_: str) -> None:
    try:
        path = path_of("/v1/products/{product}", {"product": id_})
    except ParameterError:
        return
    assert re.fullmatch(r"/v1/products/[\w.~%-]+", path, re.ASCII)
    assert path.rsplit("/", 1)[1] not in {".", ".."}

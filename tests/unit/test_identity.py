"""Idempotency keys: the same for the same write, in every version of this package, and for no other."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_stripe.client import ParameterError
from prefect_stripe.client.identity import business_write_key, fingerprint, run_write_key

RUN = "6b0d4b9e-7e5c-4a43-9a8d-0d4d9b3f2a10"

# An order may be taken up by a later version of this package: with another key, it would be charged twice.
PINNED_BUSINESS = {
    ("test:", "ORD-1001", "create_invoice", (), "invoice", 0): (
        "psb3eaa6d1626e8772b999ca4410b136d86109f30c533d47b9d4991608f70448815"
    ),
    ("live:acct_1", "ORD-1001", "pay_invoice", ("in_1",), "pay-2", 1): (
        "psbab1f561db2f8317b61e661e9c520fe322b8a8414903e7ec63d497e0f9bbfb665"
    ),
    ("test:", "Zoë/7", "create_invoice_item", ("in_1", "ii_2"), "line-3", 0): (
        "psbc57c7b7da7711ce68c5caebb6038e90a04792d470e828770a5dd60af75e60fa1"
    ),
}
PINNED_RUN: list[tuple[str | None, dict[str, Any], str]] = [
    ("line-1", {"amount": 500}, "psr20a67ad1815e4d3aeb6312593bfb4f5bbb5e2159dc11339f848177f1216694a0"),
    (
        None,
        {"amount": 500, "lines": [{"id": "il_1", "discountable": False}]},
        "psr6e808845e79cd193826d0a551d880f326f295e41706f9cfacbeb1bd3b2aecef0",
    ),
    (None, {}, "psrd5f78b1ccebaba973950d8df8f4d6655ab76b2683b44c9d8fca09f43a8b96d3b"),
]


@pytest.mark.parametrize(("parts", "key"), PINNED_BUSINESS.items())
def test_the_keys_of_business_never_change(parts: tuple[Any, ...], key: str) -> None:
    assert business_write_key(*parts) == key


@pytest.mark.parametrize(("slot", "params", "key"), PINNED_RUN)
def test_the_keys_of_runs_never_change(slot: str | None, params: dict[str, Any], key: str) -> None:
    assert run_write_key("test:", RUN, "update_invoice_lines", ["in_1"], slot, params) == key


def test_the_fingerprint_of_contents_never_changes() -> None:
    assert fingerprint({"lines": [{"amount": 1, "ö": None}], "a": True}) == "9907a7490e651b7cc2941fd65348b20b"


BUSINESS: tuple[Any, ...] = ("test:", "ORD-1", "pay_invoice", ["in_1"], "pay-1", 0)
OTHERS: list[tuple[Any, ...]] = [
    BUSINESS,
    ("live:", *BUSINESS[1:]),
    ("test:acct_1", *BUSINESS[1:]),
    ("test:", "ORD-2", *BUSINESS[2:]),
    ("test:", "ORD-1", "void_invoice", *BUSINESS[3:]),
    ("test:", "ORD-1", "pay_invoice", ["in_2"], "pay-1", 0),
    ("test:", "ORD-1", "pay_invoice", ["in_1", "pay-1"], "", 0),
    ("test:", "ORD-1", "pay_invoice", [], "in_1pay-1", 0),
    ("test:", "ORD-1", "pay_invoice", ["in_1"], "pay-2", 0),
    ("test:", "ORD-1", "pay_invoice", ["in_1"], "pay-1", 1),
    ("test:", "ORD-1", "pay_invoice", ["in_1"], "pay-", 10),
    ("test:O", "RD-1", "pay_invoice", ["in_1"], "pay-1", 0),
]


@pytest.mark.parametrize(("one", "other"), list(combinations(OTHERS, 2)))
def test_another_write_has_another_key(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    assert business_write_key(*one) != business_write_key(*other)


def run_key(params: dict[str, Any], slot: str | None = None, **other: Any) -> str:
    parts: dict[str, Any] = {
        "account": "test:",
        "root_flow_run_id": RUN,
        "operation": "create_price",
        "ids": (),
        **other,
    }
    return run_write_key(**parts, slot=slot, params=params)


def test_without_a_slot_the_parameters_tell_writes_apart_by_what_is_sent() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    same = [
        {"currency": "eur", "metadata": {"a": "1", "b": "true"}, "expires_at": noon},
        {"expires_at": 1767268800, "metadata": {"b": True, "a": 1}, "currency": "eur", "product": None},
    ]
    assert run_key(same[0]) == run_key(same[1])
    assert run_key({"lines": [{"id": "a"}, {"id": "b"}]}) != run_key({"lines": [{"id": "b"}, {"id": "a"}]})
    assert run_key({"currency": "eur"}) != run_key({"currency": "usd"})
    assert run_key({"a": ""}) != run_key({})


def test_with_a_slot_the_parameters_do_not_count() -> None:
    assert run_key({"currency": "eur"}, "a") == run_key({"currency": "usd"}, "a")
    assert run_key({"currency": "eur"}, "a") != run_key({"currency": "eur"}, "b")
    assert run_key({"currency": "eur"}, "") != run_key({"currency": "eur"})


@pytest.mark.parametrize(
    "other",
    [{"account": "live:"}, {"root_flow_run_id": "another"}, {"operation": "update_price"}, {"ids": ("price_1",)}],
)
def test_another_run_account_operation_or_object_has_another_key(other: dict[str, Any]) -> None:
    assert run_key({"currency": "eur"}) != run_key({"currency": "eur"}, **other)
    assert run_key({}, "a") != run_key({}, "a", **other)


def test_a_run_and_a_business_never_meet() -> None:
    assert run_write_key("test:", "x", "o", (), "s", {})[:3] != business_write_key("test:", "x", "o", (), "s")[:3]


@given(st.text(), st.text(), st.lists(st.text()))
def test_a_key_fits_stripes_header_and_shows_nothing_of_what_it_is_for(account: str, key: str, ids: list[str]) -> None:
    try:
        made = business_write_key(account, key, "create_invoice", ids, "invoice")
    except TypeError:
        assert any("\ud800" <= letter <= "\udfff" for text in (account, key, *ids) for letter in text)
        return
    assert len(made) == 67
    assert set(made[3:]) <= set("0123456789abcdef")


def test_parameters_that_cannot_be_sent_have_no_key() -> None:
    with pytest.raises(ParameterError, match="without a zone"):
        run_key({"expires_at": datetime(2026, 1, 1)})  # noqa: DTZ001

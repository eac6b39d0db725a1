"""Minor units, by the currency's own digits."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_stripe.money import (
    CURRENCIES,
    THREE_DECIMAL,
    WHOLE_UNITS_ONLY,
    ZERO_DECIMAL,
    chargeable,
    exponent,
    format_amount,
    major_units,
    minor_units,
)


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        (0, "usd", "0.00 USD"),
        (5, "usd", "0.05 USD"),
        (-5, "usd", "-0.05 USD"),
        (123456789, "eur", "1,234,567.89 EUR"),
        (1, "jpy", "1 JPY"),
        (1234567, "krw", "1,234,567 KRW"),
        (1, "kwd", "0.001 KWD"),
        (1234560, "bhd", "1,234.560 BHD"),
        (500, "isk", "5.00 ISK"),
        (10**30, "usd", f"{10**28:,}.00 USD"),
    ],
)
def test_an_amount_is_written_as_its_currency_is_read(amount: int, currency: str, written: str) -> None:
    assert format_amount(amount, currency) == written


@given(st.integers(-(10**24), 10**24), st.sampled_from(sorted(CURRENCIES)))
def test_no_amount_loses_a_digit(amount: int, currency: str) -> None:
    assert int(str(major_units(amount, currency)).replace(".", "")) == amount
    written = format_amount(amount, currency).removesuffix(f" {currency.upper()}").replace(",", "")
    assert Decimal(written) == major_units(amount, currency)


def test_no_precision_that_somebody_set_rounds_an_amount() -> None:
    with localcontext(prec=3):
        assert format_amount(123456789, "usd") == "1,234,567.89 USD"


def test_the_kinds_of_currency_do_not_overlap() -> None:
    kinds = [ZERO_DECIMAL, THREE_DECIMAL, WHOLE_UNITS_ONLY]
    assert sum(map(len, kinds)) == len(frozenset[str]().union(*kinds))
    assert (len(ZERO_DECIMAL), len(THREE_DECIMAL)) == (15, 5)
    assert all(len(code) == 3 and code.islower() for code in CURRENCIES)


@pytest.mark.parametrize("code", ["USD", "xyz", "", "us", "usdc"])
def test_an_unknown_currency_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="unknown currency"):
        exponent(code)


@pytest.mark.parametrize(
    ("amount", "currency", "takes"),
    [
        (1, "usd", True),
        (1, "jpy", True),
        (1250, "kwd", True),
        (1255, "kwd", False),
        (-1255, "kwd", False),
        (500, "isk", True),
        (550, "isk", False),
        (500, "ugx", True),
        (501, "ugx", False),
    ],
)
def test_what_stripe_could_charge(amount: int, currency: str, takes: bool) -> None:
    assert (chargeable(amount, currency) is None) is takes


@given(st.integers(-(10**15), 10**15), st.sampled_from(["usd", "jpy", "kwd"]))
def test_what_is_written_in_major_units_is_read_again(amount: int, currency: str) -> None:
    assert minor_units(str(major_units(amount, currency)), currency) == amount


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("1.234", "usd"),
        ("1.0", "jpy"),
        ("1,000", "usd"),
        ("1e3", "usd"),
        ("", "usd"),
        ("1.", "usd"),
        ("٣", "usd"),
        ("+1", "usd"),
    ],
)
def test_what_is_not_written_so_is_no_amount(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match="is no amount"):
        minor_units(text, currency)

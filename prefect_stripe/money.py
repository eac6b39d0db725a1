"""Amounts are integers in a currency's minor unit; this module knows how many digits that unit has.

Stripe page: "Supported currencies", with its lists of zero-decimal, three-decimal and special-case currencies.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


ZERO_DECIMAL: Final = _codes("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf")
THREE_DECIMAL: Final = _codes("bhd jod kwd omr tnd")

# Stripe takes these with two decimals that must both be zero, though the currency itself has none.
WHOLE_UNITS_ONLY: Final = _codes("isk ugx")

CURRENCIES: Final = (
    _codes(
        """
        aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny cop crc
        cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl hrk htg huf idr ils inr jmd kes kgs khr
        kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk
        php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah usd uyu
        uzs wst xcd xcg yer zar zmw
        """
    )
    | ZERO_DECIMAL
    | THREE_DECIMAL
    | WHOLE_UNITS_ONLY
)


def exponent(currency: str) -> int:
    """Return how many decimal digits the currency's minor unit has: 0, 2 or 3.

    Args:
        currency: Three-letter ISO code in lower case, as Stripe writes it.

    Raises:
        ValueError: Stripe does not support the currency.

    Example:
        >>> exponent("usd"), exponent("jpy"), exponent("kwd")
        (2, 0, 3)
    """
    if currency not in CURRENCIES:
        raise ValueError(
            f"unknown currency {currency!r}: write a three-letter code that Stripe supports, in lower case, "
            "such as 'usd'"
        )
    return 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2


def major_units(amount: int, currency: str) -> Decimal:
    """Convert minor units to an exact decimal in the currency's major unit.

    Args:
        amount: Integer minor units (cents of USD, whole yen of JPY, fils of KWD).
        currency: Three-letter ISO code in lower case.

    Example:
        >>> major_units(123450, "usd"), major_units(500, "jpy")
        (Decimal('1234.50'), Decimal('500'))
    """
    # Arithmetic would round to the context's precision, which is the caller's to set.
    return Decimal((amount < 0, [int(digit) for digit in str(abs(amount))], -exponent(currency)))


def minor_units(text: str, currency: str) -> int:
    """Read an amount that is written in the currency's major unit, as `major_units` writes it.

    Args:
        text: Digits, with a point before those of the minor unit; no thousands marks.
        currency: Three-letter ISO code in lower case.

    Raises:
        ValueError: It is written otherwise, or has more digits than the currency.

    Example:
        >>> minor_units("1234.5", "usd"), minor_units("-500", "jpy")
        (123450, -500)
    """
    digits = exponent(currency)
    found = _MAJOR.fullmatch(text)
    if found is None or len(found["part"] or "") > digits:
        raise ValueError(
            f"{text!r} is no amount of {currency.upper()}: write digits, and at most {digits} of them after a point"
        )
    return int(f"{found['sign']}{found['whole']}{(found['part'] or '').ljust(digits, '0')}")


_MAJOR: Final = re.compile(r"(?P<sign>-?)(?P<whole>\d{1,18})(\.(?P<part>\d{1,18}))?", re.ASCII)


def format_amount(amount: int, currency: str) -> str:
    """Write an amount the way the currency is read: digits after the point as the currency has them.

    Args:
        amount: Integer minor units.
        currency: Three-letter ISO code in lower case.

    Example:
        >>> format_amount(123450, "usd"), format_amount(12300, "jpy"), format_amount(-1250, "kwd")
        ('1,234.50 USD', '12,300 JPY', '-1.250 KWD')
    """
    return f"{major_units(amount, currency):,} {currency.upper()}"


def chargeable(amount: int, currency: str) -> str | None:
    """Say why Stripe could not charge exactly this amount in this currency, or None if it could.

    Three-decimal currencies are charged in steps of ten minor units; ISK and UGX in whole units, which are a hundred.

    Example:
        >>> chargeable(1255, "kwd")
        'amounts in KWD must be a multiple of 10 minor units, and 1255 is not'
    """
    step = 10 if currency in THREE_DECIMAL else 100 if currency in WHOLE_UNITS_ONLY else 1
    if amount % step == 0:
        return None
    return f"amounts in {currency.upper()} must be a multiple of {step} minor units, and {amount} is not"

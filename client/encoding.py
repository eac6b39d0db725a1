"""Stripe's wire form: what a parameter looks like once it is sent.

Stripe page: "API reference", under "Metadata" and "Expanding responses"; the form is what the official SDK sends.
"""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any, Final, cast
from urllib.parse import quote, quote_plus

from prefect_stripe.client.errors import MOST_OF_AN_ID, ParameterError, has_secret, masked

MAX_DEPTH: Final = 20
MAX_TEXT: Final = 100_000
"""No text that Stripe takes is nearly as long."""

MAX_DIGITS: Final = 40

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PLAIN_ID: Final = re.compile(r"(?!whsec)[a-z]{2,20}_[A-Za-z0-9]{1,60}")
"""What nearly every id is: it needs no escaping, and no secret looks like it."""

_NO_ID: Final = re.compile(r"[^!-~]|[/\\?#%]")
_NO_ESCAPES: Final = {"": re.compile(r"[A-Za-z0-9_.~-]*"), "[]": re.compile(r"[A-Za-z0-9_.~\[\]-]*")}


def form_pairs(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Flatten parameters to Stripe's nested brackets, in their order.

    Args:
        params: Nested mappings and sequences of strings, numbers, booleans and aware datetimes. None is not
            sent; `''` clears a field; a datetime becomes Unix seconds.

    Raises:
        ParameterError: A naive datetime, an empty list, an infinite number, or anything else that has no wire form.

    Example:
        >>> form_pairs({"lines": [{"id": "il_1", "discountable": False}], "expand": ["customer"]})
        [('lines[0][id]', 'il_1'), ('lines[0][discountable]', 'false'), ('expand[0]', 'customer')]
    """
    return [pair for key, value in params.items() for pair in _flatten(str(key), value, 0)]


def form_encode(params: Mapping[str, Any]) -> str:
    """Encode parameters as a query string or a form body.

    Example:
        >>> form_encode({"metadata": {"order": "A 1"}})
        'metadata[order]=A+1'
    """
    return "&".join([f"{_escaped(key, safe='[]')}={_escaped(value)}" for key, value in form_pairs(params)])


def _escaped(text: str, safe: str = "") -> str:
    # A look is cheaper than quote_plus, which takes a text apart and puts it together again.
    return text if _NO_ESCAPES[safe].fullmatch(text) else quote_plus(text, safe=safe)


def path_of(template: str, ids: Mapping[str, object]) -> str:
    """Fill ids into a path, so that none can change which resource it names.

    What separates the parts of an address is refused, not escaped: a proxy on the way may undo that.

    Raises:
        ParameterError: An id is empty, not a string, or has characters in it that no id of Stripe's has.

    Example:
        >>> path_of("/v1/invoices/{invoice}/pay", {"invoice": "in_1"})
        '/v1/invoices/in_1/pay'
    """
    escaped: dict[str, str] = {}
    for name, value in ids.items():
        if isinstance(value, str) and _PLAIN_ID.fullmatch(value):
            escaped[name] = value
            continue
        if not isinstance(value, str) or not value:
            what = "empty" if value == "" else f"a {type(value).__name__}"
            raise ParameterError(f"{name} is {what}: write the id of that object, as Stripe has it")
        if len(value) > MOST_OF_AN_ID or value in {".", ".."} or _NO_ID.search(value):
            raise ParameterError(f"{name} is {masked(value[:60])!r}: that is not an id that Stripe could have made")
        if has_secret(value):
            raise ParameterError(f"{name} is a secret, which must not stand in an address: write the object's id")
        escaped[name] = quote(value, safe="")
    return template.format_map(escaped)


def _flatten(key: str, value: Any, depth: int) -> Iterator[tuple[str, str]]:
    if depth > MAX_DEPTH:
        raise ParameterError(f"{key[:60]}… is nested more than {MAX_DEPTH} levels deep")
    if value is None:
        return
    if isinstance(value, Mapping):
        for name, inner in cast(Mapping[object, Any], value).items():
            yield from _flatten(f"{key}[{_name(key, name)}]", inner, depth + 1)
    elif isinstance(value, list | tuple):
        items = cast(Sequence[Any], value)
        if not items:
            raise ParameterError(
                f"{key} is an empty list, which Stripe would not see: leave it out, or write '' to clear"
            )
        for index, inner in enumerate(items):
            if inner is None or inner == {}:
                # Left out, it would leave a hole in the numbering; sent empty, it would be something else.
                raise ParameterError(f"{key}[{index}] is empty: leave it out of the list")
            yield from _flatten(f"{key}[{index}]", inner, depth + 1)
    else:
        yield key, _scalar(key, value)


def _name(key: str, name: object) -> str:
    text = str(name)
    if not text or not text.isprintable() or "[" in text or "]" in text:
        raise ParameterError(
            f"{key} has the name {text[:60]!r}: a name is not empty, and has no brackets and no control characters"
        )
    return text


def _scalar(key: str, value: Any) -> str:
    match value:
        case str():
            return _text(key, value)
        case bool():
            return "true" if value else "false"
        case int() if value.bit_length() <= 64:
            return int.__repr__(value)
        case int():
            raise ParameterError(f"{key} is a number of more than 64 bits")
        case Decimal() if value.is_finite() and len(value.as_tuple().digits) + abs(value.adjusted()) > MAX_DIGITS:
            raise ParameterError(f"{key} is a number of more than {MAX_DIGITS} digits")
        case Decimal() if value.is_finite():
            return format(value, "f")
        case datetime() if value.tzinfo is not None and value.utcoffset() is not None:
            # Not by subtraction: a pendulum time, as Prefect hands them out, does not divide by a timedelta.
            return str(timegm(value.utctimetuple()))
        case datetime() if value != value:  # pandas' NaT passes for a datetime
            raise ParameterError(f"{key} is not a time (NaT): leave it out, or give None")
        case datetime():
            raise ParameterError(f"{key} is a time without a zone: give it one, such as datetime.now(UTC)")
        case date():
            raise ParameterError(f"{key} is a date: write an aware datetime, so that the moment is certain")
        case float() if isfinite(value):
            # Percentages and package sizes only: the types of the parameters refuse a float for money.
            return format(Decimal(float.__repr__(value)), "f")
        case _:
            pass
    raise ParameterError(f"{key} is a {type(value).__name__}, which Stripe's API has no form for")


def _text(key: str, value: str) -> str:
    if len(value) > MAX_TEXT:
        raise ParameterError(f"{key} has {len(value)} characters: Stripe takes no text of more than {MAX_TEXT}")
    if found := _CONTROLS.search(value):
        raise ParameterError(f"{key} has the control character {found[0]!r} in it")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ParameterError(f"{key} has half a character in it, which no encoding can write") from None
    return str.__str__(value)

"""Search queries that Stripe takes: quoted, with fields that the object has, and never AND beside OR.

Stripe page: "Search", with its query language and the fields of each object.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

from prefect_stripe.client.errors import ParameterError

Kind = Literal["numeric", "token", "string"]
Clause = tuple[str, Literal[":", "~", ">", "<", ">=", "<="], str | int | bool | None]

MOST_CLAUSES: Final = 10

_CARDS: Final = {
    f"payment_method_details.{kind}.{fact}": "token"
    for kind in ("card", "card_present", "interac_present")
    for fact in ("last4", "exp_month", "exp_year", "brand", "fingerprint")
}


def _fields(numeric: str = "", token: str = "", string: str = "") -> dict[str, str]:
    kinds = {"numeric": numeric, "token": token, "string": string}
    return {name: kind for kind, names in kinds.items() for name in names.split()}


FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "charges": _fields(
        "amount created", "billing_details.address.postal_code currency customer disputed metadata refunded status"
    )
    | _CARDS,
    "customers": _fields("created", "metadata", "email name phone"),
    "invoices": _fields(
        "created total",
        "currency customer metadata last_finalization_error_code last_finalization_error_type",
        "number receipt_number status subscription",
    ),
    "payment_intents": _fields("amount created", "currency customer metadata status"),
    "prices": _fields("", "active currency metadata product type", "lookup_key"),
    "products": _fields("", "active metadata shippable", "description name url"),
}
"""The fields by which each object can be searched, and their kind."""

_METADATA = re.compile(r"^metadata\[(.+)\]$", re.DOTALL)


def search_query(searched: str, *clauses: Clause, match: Literal["all", "any"] = "all") -> str:
    """Write a query for one of the `search_…` tasks.

    A string field matches where it holds the words, in order, not only where it is equal; and what was written less
    than a minute ago, or an hour when Stripe has trouble, may not be found yet.

    Args:
        searched: What is searched: `charges`, `customers`, `invoices`, `payment_intents`, `prices` or `products`.
        *clauses: Field, operator, value. A `-` before the field negates; metadata is `metadata[key]`; None with `:`
            asks for the field's absence; `:` is exact (case apart), `~` finds a part of at least three characters, the
            others compare numbers (amounts in minor units, times in Unix seconds).
        match: Whether `all` clauses must hold, or `any`: Stripe takes no mixture.

    Raises:
        ParameterError: A field that the object has not, an operator that it does not take, no clause or too many.

    Example:
        >>> search_query("invoices", ("metadata[order]", ":", 'A"1'), ("total", ">", 1000))
        'metadata["order"]:"A\\\\"1" AND total>1000'
        >>> search_query("customers", ("-email", ":", None))
        '-email:null'
    """
    if match not in ("all", "any"):
        raise ParameterError(f"match is {match!r}: write 'all' or 'any'")
    if searched not in FIELDS:
        raise ParameterError(f"{searched!r} cannot be searched; these can: {', '.join(FIELDS)}")
    if not 1 <= len(clauses) <= MOST_CLAUSES:
        raise ParameterError(f"a search has 1 to {MOST_CLAUSES} clauses, not {len(clauses)}")
    for clause in clauses:
        # Callers need not be typed, and a clause without its parentheses is three texts.
        if not isinstance(clause, tuple | list) or len(clause) != 3:  # pyright: ignore[reportUnnecessaryIsInstance, reportUnnecessaryComparison]
            raise ParameterError(f"a clause is a field, an operator and a value, in parentheses, not {clause!r}")
    return (" AND " if match == "all" else " OR ").join(_clause(searched, *clause) for clause in clauses)


def _clause(searched: str, field: str, operator: str, value: str | int | bool | None) -> str:
    name = field.removeprefix("-")
    minus = "-" if name != field else ""
    metadata = _METADATA.match(name)
    kind = FIELDS[searched].get("metadata" if metadata else name)
    if kind is None or name == "metadata":
        raise ParameterError(
            f"{searched} cannot be searched by {name!r}; by {', '.join(FIELDS[searched])} (metadata[key])"
        )
    if metadata and (key := metadata[1])[0] in "'\"" and key[-1] == key[0]:
        # As queries have it; it would be sought with its quotes, and never found.
        raise ParameterError(f"{name} has quotes of its own: write metadata[{key[1:-1]}]")
    if operator not in _OPERATORS[kind]:
        raise ParameterError(
            f"{name} is a {kind} field: it takes {' '.join(sorted(_OPERATORS[kind]))}, not {operator!r}"
        )
    if isinstance(value, int) and value.bit_length() > 64:
        raise ParameterError(f"{name} is compared with a number of more than 64 bits")
    sought = _value(name, kind, operator, value)
    if operator == "~" and len(_text(value)) < 3:
        raise ParameterError(f"{name} ~ {value!r}: a part must have at least three characters")
    written = f"metadata[{_quoted(metadata[1])}]" if metadata else name
    return f"{minus}{written}{operator}{sought}"


def _value(name: str, kind: str, operator: str, value: str | int | bool | None) -> str:
    if value is None:
        if operator != ":":
            raise ParameterError(f"{name} {operator} None: absence is asked for with ':'")
        return "null"
    if kind == "numeric" and (isinstance(value, bool) or not isinstance(value, int)):
        raise ParameterError(
            f"{name} is compared with whole numbers (minor units, Unix seconds), not with this {type(value).__name__}"
        )
    if isinstance(value, bool):
        return '"true"' if value else '"false"'
    if not isinstance(value, str | int):  # pyright: ignore[reportUnnecessaryIsInstance] - callers need not be typed
        raise ParameterError(f"{name} is compared with a {type(value).__name__}: write a text or a whole number")
    return _text(value) if kind == "numeric" else _quoted(_text(value))


def _text(value: object) -> str:
    # As it is sent elsewhere: an enumeration that is a text, or a number, is that, and not its own name.
    if isinstance(value, str):
        return str.__str__(value)
    return int.__repr__(value) if isinstance(value, int) else str(value)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_OPERATORS: Final[Mapping[str, frozenset[str]]] = {
    "numeric": frozenset({":", ">", "<", ">=", "<="}),
    "token": frozenset({":"}),
    "string": frozenset({":", "~"}),
}

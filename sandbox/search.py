"""Search: Stripe's query language, over what it has seen by now.

Stripe's page "Search" [DOC]: clauses `field:value` joined by AND or by OR, never both, without parentheses.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import Refusal, bad_request
from prefect_stripe.sandbox.expand import Page
from prefect_stripe.sandbox.objects.common import Handler
from prefect_stripe.sandbox.paging import DEFAULT_LIMIT
from prefect_stripe.sandbox.rows import Row

FieldKind: TypeAlias = Literal["numeric", "token", "string"]
Place: TypeAlias = tuple[int, int]
"""When an object was created, and as which of its type."""

MAX_CLAUSES: Final = 10  # [K]
_METADATA: Final = {"metadata": "token"}
_CARD: Final = {
    f"payment_method_details.{kind}.{name}": "token"
    for kind in ("card", "card_present", "interac_present")
    for name in ("last4", "exp_month", "exp_year", "brand", "fingerprint")
}
# [DOC] Invoice items, payment links and balance transactions have no search.
FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "charge": {
        "amount": "numeric",
        "created": "numeric",
        **dict.fromkeys(
            ("billing_details.address.postal_code", "currency", "customer", "disputed", "refunded", "status"), "token"
        ),
        **_CARD,
        **_METADATA,
    },
    "customer": {"created": "numeric", "email": "string", "name": "string", "phone": "string", **_METADATA},
    "invoice": {
        "created": "numeric",
        "total": "numeric",
        "currency": "token",
        "customer": "token",
        **dict.fromkeys(("last_finalization_error_code", "last_finalization_error_type"), "token"),
        **dict.fromkeys(("number", "receipt_number", "status", "subscription"), "string"),
        **_METADATA,
    },
    "payment_intent": {
        "amount": "numeric",
        "created": "numeric",
        **dict.fromkeys(("currency", "customer", "status"), "token"),
        **_METADATA,
    },
    "price": {**dict.fromkeys(("active", "currency", "product", "type"), "token"), "lookup_key": "string", **_METADATA},
    "product": {
        **dict.fromkeys(("active", "shippable"), "token"),
        **dict.fromkeys(("description", "name", "url"), "string"),
        **_METADATA,
    },
}

_CLAUSE: Final = re.compile(
    r"""\s*(?P<negated>-)?
    (?P<field>[a-zA-Z_][\w.]*)
    (?:\[(?P<quote>["'])(?P<key>(?:\\.|(?!(?P=quote)).)*)(?P=quote)\])?
    (?P<op>>=|<=|[:~><])
    (?:(?P<mark>["'])(?P<text>(?:\\.|(?!(?P=mark)).)*)(?P=mark)|(?P<bare>[\w.\-]+))
    (?=\s|$)""",
    re.VERBOSE | re.DOTALL,
)
_NUMBER: Final = re.compile(r"-?\d{1,20}(\.\d{1,20})?", re.ASCII)
_JOIN: Final = re.compile(r"\s+(?:(?P<word>AND|OR)\s+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Clause:
    field: str
    key: str | None
    op: str
    value: str | None
    """None is the word null: the field is not there."""
    negated: bool


def searching(object: str) -> Handler:
    """A handler that answers with a page of what matches the query."""

    def search(ctx: Context) -> Page:
        clauses, any_of = parse(object, ctx.params["query"])
        tests = [_test(object, clause) for clause in clauses]
        join: Callable[[Iterator[bool]], bool] = any if any_of else all
        found = [row for row in ctx.seen(object) if not row.get("_hidden") and join(test(row) for test in tests)]
        place = ctx.account.table(object).place

        def age(row: Row) -> Place:
            return int(row["created"]), place(row["id"])

        after = _place_of(ctx.params.get("page"))
        left = sorted((row for row in found if after is None or age(row) < after), key=age, reverse=True)
        limit = ctx.params.get("limit", DEFAULT_LIMIT)
        rows, more = left[:limit], len(left) > limit
        counted = ("total_count",) in ctx.expand
        return Page(
            rows,
            ctx.path,
            more,
            search=True,
            next_page=_token(age(rows[-1])) if more else None,
            total_count=len(found) if counted else None,
        )

    return search


def parse(object: str, query: str) -> tuple[list[Clause], bool]:
    """The clauses of a query, and whether any of them is enough."""
    clauses: list[Clause] = []
    joins: set[str] = set()
    text, at = query.strip(), 0
    while at < len(text):
        match = _CLAUSE.match(text, at)
        if match is None:
            raise _unreadable()
        clauses.append(_clause(object, match))
        at = match.end()
        if at == len(text):
            break
        join = _JOIN.match(text, at)
        if join is None or join.end() == len(text):
            raise _unreadable()
        joins.add((join["word"] or "AND").upper())
        at = join.end()
    if not clauses:
        raise _unreadable()
    if len(joins) > 1:
        raise bad_request("You cannot use both AND and OR in the same query.", param="query")  # [DOC; text K]
    if len(clauses) > MAX_CLAUSES:  # [K]
        raise bad_request(f"You can use up to {MAX_CLAUSES} clauses in a query.", param="query")
    return clauses, joins == {"OR"}


def _clause(object: str, match: re.Match[str]) -> Clause:
    field, op = match["field"], match["op"]
    kind = FIELDS[object].get(field)
    if kind is None or (field == "metadata") != (match["key"] is not None):  # [3P: text]
        raise bad_request(
            f"Field `{field}` is an unsupported search field for resource `{object}s`. See "
            f"http://stripe.com/docs/search#query-fields-for-{object.replace('_', '-')}s for a list of "
            "supported fields.",
            param="query",
        )
    quoted = match["mark"] is not None
    value = _unescaped(match["text"]) if quoted else match["bare"]
    if not quoted and value == "null":
        if op != ":":
            raise _wrong_operator(op, field)
        return Clause(field, match["key"], op, None, bool(match["negated"]))
    if not quoted and kind != "numeric":
        raise _unreadable()
    if (op == "~" and kind != "string") or (op in ("<", ">", "<=", ">=") and kind != "numeric"):
        raise _wrong_operator(op, field)
    if op == "~" and len(value) < 3:
        raise bad_request("The substring operator needs at least 3 characters.", param="query")  # [DOC; text K]
    if kind == "numeric" and not _NUMBER.fullmatch(value):  # [K]
        raise bad_request(f"Field `{field}` takes a number.", param="query")
    key = None if match["key"] is None else _unescaped(match["key"])
    return Clause(field, key, op, value, bool(match["negated"]))


def _unescaped(text: str) -> str:
    return re.sub(r"(?s)\\(.)", r"\1", text)


def _unreadable() -> Refusal:  # [3P]
    return bad_request(
        'We were unable to parse your search query. Try using the format `metadata["key"]:"value"` to query for '
        'metadata or key:"value" to query for other fields.',
        param="query",
    )


def _wrong_operator(op: str, field: str) -> Refusal:
    return bad_request(f"The operator `{op}` is not supported for the field `{field}`.", param="query")  # [DOC; text K]


def _test(object: str, clause: Clause) -> Callable[[Row], bool]:
    kind = FIELDS[object][clause.field]

    def matches(row: Row) -> bool:
        value = _value(row, clause)
        if clause.value is None:
            return (value is None) != clause.negated
        return (value is not None and _holds(kind, clause.op, value, clause.value)) != clause.negated

    return matches


def _holds(kind: str, op: str, value: Any, wanted: str) -> bool:
    if kind == "numeric":
        number, limit = Decimal(value), Decimal(wanted)
        match op:
            case ">":
                return number > limit
            case "<":
                return number < limit
            case ">=":
                return number >= limit
            case "<=":
                return number <= limit
            case _:
                return number == limit
    have, want = str(value).lower(), wanted.lower()
    if op == "~":
        return want in have
    if kind == "token":
        return have == want
    words, sought = have.split(), want.split()  # all words, in order
    return any(words[at : at + len(sought)] == sought for at in range(len(words) - len(sought) + 1))


def _value(row: Row, clause: Clause) -> Any:
    if clause.field == "metadata":
        metadata: Row = row.get("metadata") or {}
        return metadata.get(clause.key or "")
    if clause.field.startswith("last_finalization_error_"):
        error: Row = row.get("last_finalization_error") or {}
        return error.get(clause.field.removeprefix("last_finalization_error_"))
    if clause.field == "refunded":
        return {0: None, row["amount"]: True}.get(row["amount_refunded"], False)
    if clause.field == "subscription":
        return row["parent"] and row["parent"]["subscription_details"]["subscription"]
    *outer, last = clause.field.split(".")
    for name in outer:
        inner: Row | None = row.get(name)
        if inner is None:
            return None
        row = inner
    return row.get(last)


def _token(place: Place) -> str:
    # Not an object's id: that one may be found no longer, when the next page is asked for.
    return base64.urlsafe_b64encode(f"{place[0]}.{place[1]}".encode()).decode()


def _place_of(page: str | None) -> Place | None:
    if page is None:
        return None
    try:
        created, _, number = base64.urlsafe_b64decode(page.encode()).decode().partition(".")
        return int(created), int(number)
    except (binascii.Error, ValueError):
        raise bad_request("Invalid page token.", param="page") from None  # [K]

"""Objects as they leave the sandbox: private keys dropped, embedded lists cut to their first page, ids expanded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from prefect_stripe.sandbox.errors import invalid
from prefect_stripe.sandbox.rows import Row
from prefect_stripe.sandbox.store import Account

Path: TypeAlias = tuple[str, ...]

EMBEDDED: Final = 10  # [K]
"""How many elements of an embedded list are in an answer [K]."""
MAX_LEVELS: Final = 4  # [DOC]


@dataclass(frozen=True)
class Page:
    """A list or a search result, before its rows are rendered."""

    rows: list[Row]
    url: str
    has_more: bool
    search: bool = False
    next_page: str | None = None
    total_count: int | None = None


@dataclass(frozen=True)
class Field:
    """Where an expansion leads: to an object by its id, or into an embedded list, of a type that may be None."""

    target: str | None
    embedded: bool = False
    default: bool = False
    """Whether an embedded list is there without being asked for."""


@dataclass(frozen=True)
class Kind:
    """What can be expanded in objects of one type, and how it is found."""

    fields: Mapping[str, Field] = field(default_factory=dict[str, Field])
    lists: Mapping[str, Callable[[Account, Row], tuple[Iterable[Row], str]]] = field(
        default_factory=dict[str, Callable[[Account, Row], tuple[Iterable[Row], str]]]
    )
    extras: Mapping[str, Callable[[Account, Row], Any]] = field(
        default_factory=dict[str, Callable[[Account, Row], Any]]
    )


def _children(object: str, index: str, url: str) -> Callable[[Account, Row], tuple[Iterable[Row], str]]:
    def find(account: Account, row: Row) -> tuple[Iterable[Row], str]:
        return account.table(object).oldest_first(index, row["id"]), url.format(id=row["id"])

    return find


def _refunds(account: Account, row: Row) -> tuple[Iterable[Row], str]:
    return account.table("refund").newest_first("charge", row["id"]), f"/v1/charges/{row['id']}/refunds"


def _subscriptions(account: Account, row: Row) -> tuple[Iterable[Row], str]:
    return account.table("subscription").newest_first("customer", row["id"]), f"/v1/customers/{row['id']}/subscriptions"


def _subscription_items(account: Account, row: Row) -> tuple[Iterable[Row], str]:
    items = account.table("subscription_item").newest_first("subscription", row["id"])
    return items, f"/v1/subscription_items?subscription={row['id']}"


def _nothing(url: str) -> Callable[[Account, Row], tuple[Iterable[Row], str]]:
    return lambda account, row: ((), url.format(id=row["id"]))


def _confirmation_secret(account: Account, row: Row) -> Any:
    for payment in account.table("invoice_payment").oldest_first("invoice", row["id"]):
        intent = account.get("payment_intent", payment["payment"].get("payment_intent"))
        if payment["is_default"] and intent is not None:
            return {"client_secret": intent["client_secret"], "type": "payment_intent"}
    return None


def _cash_balance(account: Account, row: Row) -> Any:
    return {
        "object": "cash_balance",
        "available": {code: amount for code, amount in row.get("_cash", {}).items() if amount} or None,
        "customer": row["id"],
        "customer_account": None,
        "livemode": row["livemode"],
        "settings": {
            "reconciliation_mode": row.get("_reconciliation", "automatic"),
            "using_merchant_default": "_reconciliation" not in row,
        },
    }


def _private(name: str) -> Callable[[Account, Row], Any]:
    return lambda account, row: row.get(name)


_PRICED: Final = {"pricing.price_details.price": Field("price"), "discounts": Field(None)}

KINDS: Final[Mapping[str, Kind]] = {  # [SDK: ExpandableField], and section 4 for what is not there unless asked for
    "balance_transaction": Kind({"source": Field("charge")}),
    "charge": Kind(
        {
            "balance_transaction": Field("balance_transaction"),
            "customer": Field("customer"),
            "failure_balance_transaction": Field("balance_transaction"),
            "payment_intent": Field("payment_intent"),
            "refunds": Field("refund", embedded=True),
        },
        lists={"refunds": _refunds},
    ),
    "customer": Kind(
        {
            "cash_balance": Field(None),
            "default_source": Field(None),
            "invoice_settings.default_payment_method": Field("payment_method"),
            "sources": Field(None, embedded=True),
            "subscriptions": Field("subscription", embedded=True),
            "tax": Field(None),
            "tax_ids": Field(None, embedded=True),
            "test_clock": Field(None),
        },
        lists={
            "sources": _nothing("/v1/customers/{id}/sources"),
            "subscriptions": _subscriptions,
            "tax_ids": _nothing("/v1/customers/{id}/tax_ids"),
        },
        extras={"cash_balance": _cash_balance, "tax": _private("_tax")},
    ),
    "dispute": Kind({"charge": Field("charge"), "payment_intent": Field("payment_intent")}),
    "invoice": Kind(
        {
            "confirmation_secret": Field(None),
            "customer": Field("customer"),
            "default_payment_method": Field("payment_method"),
            "default_source": Field(None),
            "discounts": Field(None),
            "latest_revision": Field("invoice"),
            "lines": Field("line_item", embedded=True, default=True),
            "payments": Field("invoice_payment", embedded=True),
        },
        lists={
            "lines": _children("line_item", "invoice", "/v1/invoices/{id}/lines"),
            "payments": _children("invoice_payment", "invoice", "/v1/invoice_payments?invoice={id}"),
        },
        extras={"confirmation_secret": _confirmation_secret},
    ),
    "invoice_payment": Kind(
        {
            "invoice": Field("invoice"),
            "payment.charge": Field("charge"),
            "payment.payment_intent": Field("payment_intent"),
            "payment.payment_record": Field(None),
        }
    ),
    "invoiceitem": Kind({"customer": Field("customer"), "invoice": Field("invoice"), **_PRICED}),
    "line_item": Kind({"subscription": Field("subscription"), **_PRICED}),
    "payment_intent": Kind(
        {
            "customer": Field("customer"),
            "latest_charge": Field("charge"),
            "payment_method": Field("payment_method"),
            "review": Field(None),
        }
    ),
    "payment_link": Kind(
        {"line_items": Field("item", embedded=True)},
        lists={"line_items": _children("item", "payment_link", "/v1/payment_links/{id}/line_items")},
    ),
    "payment_method": Kind({"customer": Field("customer")}),
    "payout": Kind(
        {
            "balance_transaction": Field("balance_transaction"),
            "destination": Field(None),
            "failure_balance_transaction": Field("balance_transaction"),
        }
    ),
    "price": Kind(
        {"currency_options": Field(None), "product": Field("product"), "tiers": Field(None)},
        extras={"currency_options": _private("_currency_options"), "tiers": _private("_tiers")},
    ),
    "product": Kind({"default_price": Field("price"), "tax_code": Field(None)}),
    "item": Kind({"price.product": Field("product")}),
    "refund": Kind(
        {
            "balance_transaction": Field("balance_transaction"),
            "charge": Field("charge"),
            "payment_intent": Field("payment_intent"),
        }
    ),
    "subscription": Kind(
        {
            "customer": Field("customer"),
            "default_payment_method": Field("payment_method"),
            "items": Field("subscription_item", embedded=True, default=True),
        },
        lists={"items": _subscription_items},
    ),
    "subscription_item": Kind({"discounts": Field(None), "price.product": Field("product")}),
}
_NONE: Final = Kind()


def paths(object: str, expand: list[str] | None, *, listing: bool, search: bool = False) -> list[Path]:
    """Check what is asked to be expanded against the type of the answer; return it without the `data` of a list."""
    found: list[Path] = []
    for text in expand or ():
        segments = tuple(text.split("."))
        if len(segments) > MAX_LEVELS:  # [DOC]
            raise invalid(
                f"You cannot expand more than {MAX_LEVELS} levels of a property. Property: {text}",
                code="property_expansion_max_depth",
                param="expand",
            )
        if search and text == "total_count":
            found.append(segments)
            continue
        if listing:
            if segments[0] != "data":  # [DOC; text K]
                reachable = _reachable(object, segments)
                hint = f" You may want to try expanding 'data.{text}' instead." if reachable else ""
                raise invalid(f"This property cannot be expanded ({text}).{hint}", param="expand")
            segments = segments[1:]
        if segments and not _reachable(object, segments):  # [SDK; text K]
            raise invalid(f"This property cannot be expanded ({text}).", param="expand")
        if segments:
            found.append(segments)
    return found


def _match(object: str | None, segments: Path) -> tuple[str, Field, Path] | None:
    """The expandable field that a path begins with, and what is left of the path below it."""
    fields = KINDS.get(object or "", _NONE).fields
    for length in range(1, len(segments) + 1):
        name = ".".join(segments[:length])
        if name in fields:
            return name, fields[name], segments[length:]
    return None


def _reachable(object: str | None, segments: Path) -> bool:
    found = _match(object, segments)
    if found is None:
        return False
    _, where, rest = found
    if where.embedded and rest:
        if rest[0] != "data":
            return False
        rest = rest[1:]
    return not rest or _reachable(where.target, rest)


def render(account: Account, row: Row, expand: list[Path]) -> Row:
    """A row as Stripe shows it, with the expansions asked for."""
    if row.get("deleted"):
        return row  # the stub is all that there is of it [PROBE]
    kind = KINDS.get(row["object"], _NONE)
    shown = {name: value for name, value in row.items() if name[0] != "_"}
    below: dict[str, list[Path]] = {name: [] for name, where in kind.fields.items() if where.default}
    for segments in expand:
        found = _match(row["object"], segments)
        if found is not None:
            name, where, rest = found
            rest = rest[1:] if where.embedded else rest
            below.setdefault(name, []).extend([rest] if rest else [])
    for name, rests in below.items():
        if name in kind.lists:
            shown[name] = _embedded(account, *kind.lists[name](account, row), rests)
        elif name in kind.extras:
            shown[name] = kind.extras[name](account, row)
        else:
            _replace(account, shown, name.split("."), kind.fields[name].target, rests)
    return shown


def _replace(account: Account, shown: Row, names: list[str], target: str | None, rests: list[Path]) -> None:
    for name in names[:-1]:
        inner: Row | None = shown.get(name)
        if inner is None:
            return
        shown[name] = inner = dict(inner)
        shown = inner
    id = shown.get(names[-1])
    found = account.get(target, id) if target and isinstance(id, str) else None
    if found is None and target == "charge" and isinstance(id, str):
        found = account.get("refund", id) or account.get("payout", id) or account.get("dispute", id)
    if found is not None:
        shown[names[-1]] = render(account, found, rests)


def _embedded(account: Account, rows: Iterable[Row], url: str, expand: list[Path]) -> Row:
    data: list[Row] = []
    has_more = False
    for row in rows:
        if len(data) == EMBEDDED:
            has_more = True
            break
        data.append(render(account, row, expand))
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def render_page(account: Account, page: Page, expand: list[Path]) -> Row:
    data = [render(account, row, expand) for row in page.rows]
    shown: Row = {
        "object": "search_result" if page.search else "list",
        "data": data,
        "has_more": page.has_more,
        "url": page.url,
    }
    if page.search:
        shown["next_page"] = page.next_page
        if page.total_count is not None:
            shown["total_count"] = page.total_count
    return shown

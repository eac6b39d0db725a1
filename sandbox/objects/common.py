"""What the handlers of several objects share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import bad_request
from prefect_stripe.sandbox.expand import Page
from prefect_stripe.sandbox.form import below
from prefect_stripe.sandbox.paging import Filter, page
from prefect_stripe.sandbox.rows import Row
from prefect_stripe.sandbox.validation import merged_metadata

Handler: TypeAlias = Callable[[Context], Row | Page]

ADDRESS: Final = ("city", "country", "line1", "line2", "postal_code", "state")


def retrieving(object: str, param: str = "id") -> Handler:
    """A handler that answers with the object in the path; `param` is what Stripe names when there is none."""

    def retrieve(ctx: Context) -> Row:
        return target(ctx, object, param)

    return retrieve


def listing(
    object: str,
    filters: Mapping[str, Filter] | None = None,
    *,
    index: str | None = None,
    parents: Mapping[str, str] | None = None,
    where: Callable[[Row], bool] | None = None,
) -> Handler:
    """A handler that answers with a page of a table.

    Args:
        object: Type of the objects.
        filters: What each filtering parameter means.
        index: A parameter that is an index too, and looked up by it.
        parents: Filtering parameters that name an object, which must be there, with its type.
        where: A condition on every row.
    """

    def list_page(ctx: Context) -> Page:
        for param, parent in (parents or {}).items():
            if param in ctx.params and ctx.get(parent, ctx.params[param]) is None:
                ctx.find(parent, ctx.params[param], param)
        by = index if index in ctx.params else None
        return page(ctx, object, filters, index=by, value=ctx.params[by] if by else None, where=where)

    return list_page


def target(ctx: Context, object: str, param: str) -> Row:
    """The object that the path names, or a 404."""
    return ctx.find(object, next(iter(ctx.ids.values())), param, status=404)


def apply_metadata(ctx: Context, row: Row, fields: dict[str, Any], name: str = "metadata") -> None:
    if name in ctx.params:
        fields["metadata"] = merged_metadata(row.get("metadata") or {}, ctx.params[name])


def new_metadata(params: Mapping[str, Any]) -> dict[str, str]:
    return merged_metadata({}, params.get("metadata"))


def chosen(params: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Those of the named parameters that were sent."""
    return {name: params[name] for name in names if name in params}


def filled(given: Mapping[str, Any] | None, names: tuple[str, ...]) -> dict[str, Any] | None:
    """A hash with all its fields, those that were not sent as None."""
    return None if given is None else {name: given.get(name) for name in names}


def merged(old: Mapping[str, Any] | None, given: Mapping[str, Any] | None, names: tuple[str, ...]) -> Any:
    """A hash after an update: fields that were not sent stay."""
    return None if given is None else filled({**(old or {}), **given}, names)


def address(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return filled(given, ADDRESS)


def only_one(params: Mapping[str, Any], *names: str, path: str = "") -> None:
    """Refuse parameters that exclude one another [K]."""
    sent = [name for name in names if params.get(name) is not None]
    if len(sent) > 1:
        raise bad_request(
            f"You may only specify one of these parameters: {', '.join(sent)}.",
            code="parameters_exclusive",
            param=below(path, sent[0]),
        )


def positive(number: int, param: str) -> None:
    """Refuse an amount of nothing or less [K]."""
    if number < 1:
        raise bad_request("Invalid positive integer", code="parameter_invalid_integer", param=param)


NOT_SIMULATED: Final = frozenset(
    {
        "account_tax_ids",
        "amount_details",
        "application_fee_amount",
        "application_fee_percent",
        "confirmation_token",
        "customer_account",
        "default_source",
        "default_tax_rates",
        "discounts",
        "from_invoice",
        "hooks",
        "managed_payments",
        "mandate",
        "on_behalf_of",
        "optional_items",
        "payment_method_configuration",
        "payment_method_options",
        "shipping_cost",
        "shipping_options",
        "source",
        "subscription",
        "tax_amounts",
        "tax_behavior",
        "tax_code",
        "tax_id_data",
        "tax_rates",
        "test_clock",
        "transfer_data",
        "validate",
    }
)
"""Parameters that would change what happens, and of which the sandbox knows no more: refused, not ignored [own]."""


def refuse_not_simulated(params: Mapping[str, Any], *allowed: str, path: str = "") -> None:
    """Refuse what Stripe would take and do something about [own]."""
    for name, value in params.items():
        if name in NOT_SIMULATED and name not in allowed and value:
            raise bad_request(f"The sandbox does not simulate `{name}`.", param=below(path, name))
    for name, field, refused in (("automatic_tax", "enabled", True), ("issuer", "type", "account")):
        given: Row = params.get(name) or {}
        if given.get(field) == refused:
            raise bad_request(f"The sandbox does not simulate `{name}`.", param=f"{below(path, name)}[{field}]")

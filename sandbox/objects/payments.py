"""Reading payment intents, charges, invoice payments and balance transactions."""

from __future__ import annotations

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import bad_request
from prefect_stripe.sandbox.expand import Page
from prefect_stripe.sandbox.objects.common import listing, target
from prefect_stripe.sandbox.paging import equals, page, within
from prefect_stripe.sandbox.rows import Row


def retrieve_payment_intent(ctx: Context) -> Row:
    row = target(ctx, "payment_intent", "intent")
    if ctx.params.get("client_secret") not in (None, row["client_secret"]):  # [K]
        raise bad_request(
            "The client_secret provided does not match the client_secret associated with the PaymentIntent.",
            code="payment_intent_invalid_parameter",
            param="client_secret",
        )
    return row


list_payment_intents = listing(
    "payment_intent",
    {"created": within("created"), "customer": equals("customer")},
    index="customer",
    parents={"customer": "customer"},
)


def list_charges(ctx: Context) -> Page:
    params = ctx.params
    for param in ("customer", "payment_intent"):
        if param in params and ctx.get(param, params[param]) is None:
            ctx.find(param, params[param], param)
    by = next((name for name in ("payment_intent", "customer") if name in params), None)
    filters = {name: equals(name) for name in ("customer", "payment_intent", "transfer_group")}
    return page(
        ctx,
        "charge",
        {**filters, "created": within("created")},
        index=by,
        value=params[by] if by else None,
    )


def list_invoice_payments(ctx: Context) -> Page:
    params = ctx.params
    if "invoice" in params and ctx.get("invoice", params["invoice"]) is None:
        ctx.find("invoice", params["invoice"], "invoice")
    wanted = params.get("payment")
    index, value = ("invoice", params.get("invoice")) if "invoice" in params else (None, None)
    if index is None and wanted and wanted.get("payment_intent"):
        index, value = "payment_intent", wanted["payment_intent"]

    def where(row: Row) -> bool:
        return wanted is None or all(row["payment"].get(name) == id for name, id in wanted.items())

    return page(
        ctx,
        "invoice_payment",
        {"created": within("created"), "invoice": equals("invoice"), "status": equals("status")},
        index=index,
        value=value,
        where=where,
    )

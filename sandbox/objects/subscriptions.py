"""Subscriptions and their items: listed and previewed. They are made by seeding only, as no operation here does."""

from __future__ import annotations

from typing import Final

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import bad_request
from prefect_stripe.sandbox.expand import Page
from prefect_stripe.sandbox.objects.common import listing
from prefect_stripe.sandbox.paging import equals, within
from prefect_stripe.sandbox.rows import Row

DAY: Final = 86400
_INTERVALS: Final = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY, "year": 365 * DAY}
MOST_ITEMS: Final = 20  # [SDK]
_ENDED: Final = ("canceled", "incomplete_expired")


def seed_subscription(ctx: Context, customer: str, price: str, quantity: int = 1, status: str = "active") -> Row:
    """A subscription of one recurring price, whose period begins now [own: no operation here makes one]."""
    owner, plan = ctx.find("customer", customer, "customer"), _recurring(ctx, price)
    row = ctx.insert(
        "subscription",
        {
            "application": None,
            "application_fee_percent": None,
            "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
            "billing_cycle_anchor": ctx.now,
            "billing_cycle_anchor_config": None,
            "billing_mode": {"type": "flexible", "flexible": None},
            "billing_schedules": [],
            "billing_thresholds": None,
            "cancel_at": None,
            "cancel_at_period_end": False,
            "canceled_at": None,
            "cancellation_details": {"comment": None, "feedback": None, "reason": None},
            "collection_method": "charge_automatically",
            "created": ctx.now,
            "currency": plan["currency"],
            "customer": owner["id"],
            "customer_account": None,
            "days_until_due": None,
            "default_payment_method": None,
            "default_source": None,
            "default_tax_rates": [],
            "description": None,
            "discounts": [],
            "ended_at": None,
            "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
            "latest_invoice": None,
            "metadata": {},
            "next_pending_invoice_item_invoice": None,
            "on_behalf_of": None,
            "pause_collection": None,
            "payment_settings": {"payment_method_options": None, "payment_method_types": None},
            "pending_invoice_item_interval": None,
            "pending_setup_intent": None,
            "pending_update": None,
            "schedule": None,
            "start_date": ctx.now,
            "status": status,
            "status_details": None,
            "test_clock": None,
            "transfer_data": None,
            "trial_end": None,
            "trial_settings": None,
            "trial_start": None,
        },
    )
    _add_item(ctx, row, plan, quantity)
    ctx.record("customer.subscription.created", row)
    return row


def seed_subscription_item(ctx: Context, subscription: str, price: str, quantity: int = 1) -> Row:
    """One item more of a subscription, of another recurring price of its currency [own]."""
    row, plan = ctx.find("subscription", subscription, "subscription"), _recurring(ctx, price)
    there = ctx.select("subscription_item", "subscription", row["id"])
    if len(there) >= MOST_ITEMS:
        raise bad_request(f"A subscription has {MOST_ITEMS} items at the most.", param="subscription")
    if plan["currency"] != row["currency"] or any(item["price"]["id"] == plan["id"] for item in there):  # [K]
        raise bad_request("An item needs another price, of the subscription's currency.", param="price")
    item = _add_item(ctx, row, plan, quantity)
    ctx.record("customer.subscription.updated", row)
    return item


def _recurring(ctx: Context, price: str) -> Row:
    plan = ctx.find("price", price, "price")
    if plan["type"] != "recurring":
        raise bad_request("A subscription needs a recurring price.", param="price")  # [SDK; text K]
    return plan


def period(price: Row) -> int:
    """Return how many seconds a recurring price is for; months and years are all of one length [own]."""
    recurring = price["recurring"]
    return _INTERVALS[recurring["interval"]] * int(recurring["interval_count"])


def _add_item(ctx: Context, subscription: Row, plan: Row, quantity: int) -> Row:
    return ctx.insert(
        "subscription_item",
        {
            "billed_until": None,
            "billing_thresholds": None,
            "created": ctx.now,
            "current_period_end": ctx.now + period(plan),
            "current_period_start": ctx.now,
            "discounts": [],
            "metadata": {},
            "plan": _plan(plan),
            "price": {name: value for name, value in plan.items() if name[0] != "_"},
            "quantity": quantity,
            "subscription": subscription["id"],
            "tax_rates": [],
        },
    )


def _plan(price: Row) -> Row:
    """A recurring price as it was called before there were prices [SDK]."""
    same = ("id", "active", "billing_scheme", "created", "currency", "livemode", "metadata", "nickname", "product")
    recurring = ("interval", "interval_count", "meter", "trial_period_days", "usage_type")
    return {
        **{name: price[name] for name in same},
        **{name: price["recurring"].get(name) for name in recurring},
        "object": "plan",
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "tiers_mode": price["tiers_mode"],
        "transform_usage": price["transform_quantity"],
    }


def _status(row: Row, wanted: str) -> bool:
    if wanted == "all":
        return True
    return row["status"] in _ENDED if wanted == "ended" else bool(row["status"] == wanted)


_FILTERS: Final = {
    "collection_method": equals("collection_method"),
    "created": within("created"),
    "customer": equals("customer"),
    "status": _status,
}
_PARENTS: Final = {"customer": "customer", "price": "price"}


def list_subscriptions(ctx: Context) -> Row | Page:
    """Those that have not been canceled, unless a status is asked for [SDK]."""

    def of_price(row: Row, wanted: str) -> bool:
        return any(item["price"]["id"] == wanted for item in ctx.select("subscription_item", "subscription", row["id"]))

    everything = "status" in ctx.params
    shown = listing(
        "subscription",
        {**_FILTERS, "price": of_price},
        index="customer",
        parents=_PARENTS,
        where=None if everything else lambda row: row["status"] != "canceled",
    )
    return shown(ctx)


list_subscription_items: Final = listing(
    "subscription_item", index="subscription", parents={"subscription": "subscription"}
)

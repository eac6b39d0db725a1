"""Events: made from the same record as the ledger's effects."""

from __future__ import annotations

from typing import Any, Final

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.expand import Page
from prefect_stripe.sandbox.objects.common import only_one
from prefect_stripe.sandbox.paging import Filter, page, within
from prefect_stripe.sandbox.rows import Row

SECONDS_KEPT: Final = 30 * 24 * 60 * 60  # [DOC]


def list_events(ctx: Context) -> Page:
    only_one(ctx.params, "type", "types")  # [SDK]
    since = ctx.now - SECONDS_KEPT
    return page(ctx, "event", FILTERS, where=lambda row: row["created"] >= since)


def _is_of(row: Row, wanted: Any) -> bool:
    # Asked for whole, or by its beginning, as `invoice.*` [SDK].
    return bool(row["type"].startswith(wanted[:-1]) if wanted.endswith("*") else row["type"] == wanted)


FILTERS: Final[dict[str, Filter]] = {
    "created": within("created"),
    "type": _is_of,
    "types": lambda row, wanted: row["type"] in wanted,
}

"""Events: made from the same record as the ledger's effects."""

from __future__ import annotations

from prefect_stripe.sandbox.objects.common import listing
from prefect_stripe.sandbox.paging import equals, within

list_events = listing(
    "event",
    {
        "created": within("created"),
        "type": equals("type"),
        "types": lambda row, wanted: row["type"] in wanted,
    },
)

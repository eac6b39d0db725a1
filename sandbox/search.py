"""Search."""

from __future__ import annotations

from prefect_stripe.sandbox.context import Context
from prefect_stripe.sandbox.errors import bad_request
from prefect_stripe.sandbox.expand import Page
from prefect_stripe.sandbox.objects.common import Handler


def searching(object: str) -> Handler:
    def search(ctx: Context) -> Page:
        raise bad_request("not yet")

    return search

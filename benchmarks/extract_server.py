"""A local server of lists that answers at once, or after a while and within limits. Run as `python extract_server.py`.

It knows the filters of `created` and the cursors; its objects are spread evenly over a year, and made when the
first is asked for. `--latency` is seconds an answer; `--limits` has it refuse more than 100 requests a second, and
more than 25 to one list, by token buckets as Stripe does. `GET /counts` tells how many it answered, and how many it
refused.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from functools import cache

BEGINS = 1_760_000_000
SPAN = 365 * 86_400
LISTS = {
    "/v1/balance_transactions": "txn",
    "/v1/invoices": "in",
    "/v1/charges": "ch",
    "/v1/customers": "cus",
    "/v1/refunds": "re",
}
MARK = "000000000000"
"""In the text of an object: its number."""
SECOND = "1111111111"
"""In the text of an object: when it was created."""


def balance_transaction() -> dict[str, object]:
    """A balance transaction of the size that Stripe sends."""
    fee = {"amount": 3200, "application": None, "currency": "usd", "description": "Stripe processing fees"}
    return {
        "id": f"txn_{MARK}",
        "object": "balance_transaction",
        "amount": 100000,
        "available_on": int(SECOND),
        "balance_type": "payments",
        "created": int(SECOND),
        "currency": "usd",
        "description": f"Payment for Invoice {MARK}",
        "exchange_rate": None,
        "fee": 3200,
        "fee_details": [{**fee, "type": "stripe_fee"}],
        "net": 96800,
        "reporting_category": "charge",
        "source": f"ch_{MARK}",
        "status": "available",
        "type": "charge",
    }


def invoice() -> dict[str, object]:
    """An invoice of some 3 kB, with the fields that Stripe sends."""
    line = {
        "id": f"il_{MARK}",
        "object": "line_item",
        "amount": 100000,
        "currency": "usd",
        "description": "Consulting, hours",
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": f"in_{MARK}",
        "livemode": True,
        "metadata": {"row": "1"},
        "parent": {
            "invoice_item_details": {"invoice_item": f"ii_{MARK}", "proration": False},
            "type": "invoice_item_details",
        },
        "period": {"end": int(SECOND), "start": int(SECOND)},
        "pretax_credit_amounts": [],
        "pricing": {"price_details": {"price": f"price_{MARK}", "product": f"prod_{MARK}"}, "type": "price_details"},
        "quantity": 1,
        "subtotal": 100000,
        "taxes": [],
    }
    nothing = """
        account_tax_ids application confirmation_secret custom_fields customer_account customer_address customer_phone
        customer_shipping default_payment_method default_source description due_date ending_balance footer from_invoice
        last_finalization_error latest_revision next_payment_attempt on_behalf_of parent receipt_number rendering
        shipping_cost shipping_details statement_descriptor test_clock threshold_reason
    """
    empty = """
        customer_tax_ids default_tax_rates discounts total_discount_amounts total_pretax_credit_amounts total_taxes
    """
    return {
        "id": f"in_{MARK}",
        "object": "invoice",
        "account_country": "US",
        "account_name": "Example Inc.",
        **dict.fromkeys(
            ("amount_due", "amount_paid", "total", "subtotal", "subtotal_excluding_tax", "total_excluding_tax"), 100000
        ),
        **dict.fromkeys(
            ("amount_overpaid", "amount_remaining", "amount_shipping", "attempt_count", "starting_balance"), 0
        ),
        **dict.fromkeys(("post_payment_credit_notes_amount", "pre_payment_credit_notes_amount"), 0),
        **dict.fromkeys(
            ("created", "effective_at", "period_end", "period_start", "webhooks_delivered_at"), int(SECOND)
        ),
        **dict.fromkeys(nothing.split()),
        **{name: [] for name in empty.split()},
        "attempted": True,
        "auto_advance": False,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "billing_reason": "manual",
        "collection_method": "charge_automatically",
        "currency": "usd",
        "customer": f"cus_{MARK}",
        "customer_email": f"ann.{MARK}@example.com",
        "customer_name": "Ann Lee",
        "customer_tax_exempt": "none",
        "hosted_invoice_url": f"https://invoice.example.com/i/acct_{MARK}/test_{MARK}{MARK}{MARK}{MARK}{MARK}?s=ap",
        "invoice_pdf": f"https://pay.example.com/invoice/acct_{MARK}/test_{MARK}{MARK}{MARK}{MARK}{MARK}/pdf?s=ap",
        "issuer": {"type": "self"},
        "lines": {"object": "list", "data": [line], "has_more": False, "url": f"/v1/invoices/in_{MARK}/lines"},
        "livemode": True,
        "metadata": {"order": f"ORD-{MARK}"},
        "number": f"EX-{MARK}",
        "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        "status": "paid",
        "status_transitions": dict.fromkeys(("finalized_at", "paid_at"), int(SECOND)),
    }


TEXTS = {"in": json.dumps(invoice()), "txn": json.dumps(balance_transaction())}


@cache
def _pieces(kind: str) -> list[str]:
    text = TEXTS.get(kind) or TEXTS["txn"].replace("txn_", f"{kind}_").replace("balance_transaction", kind)
    return re.split(f"({MARK}|{SECOND})", text)


def encoded(kind: str, number: int, created: int) -> str:
    """An object as text."""
    values = {MARK: f"{number:012}", SECOND: str(created)}
    return "".join(values.get(piece, piece) for piece in _pieces(kind))


def created_of(number: int, objects: int) -> int:
    return BEGINS + number * SPAN // objects


def first_not_before(second: int, objects: int) -> int:
    """The number of the first object that was created at a second or after it."""
    return min(objects, max(0, -(-(second - BEGINS) * objects // SPAN)))


@cache
def all_encoded(kind: str, objects: int) -> list[str]:
    """Every object of a list, made when the first is asked for."""
    return [encoded(kind, number, created_of(number, objects)) for number in range(objects)]


def page(kind: str, low: int, high: int, limit: int, objects: int) -> bytes:
    """The objects from before `high` down to `low`, the newest first."""
    low_here = max(low, high - limit)
    rows = all_encoded(kind, objects)[low_here:high][::-1]
    more = "true" if low_here > low else "false"
    url = next(path for path, prefix in LISTS.items() if prefix == kind)
    return _answer(f'{{"object":"list","url":"{url}","has_more":{more},"data":[{",".join(rows)}]}}'.encode())


def _answer(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


REFUSED = _answer(
    b'{"error":{"type":"invalid_request_error","code":"rate_limit","message":"Too many requests"}}',
    "429 Too Many Requests",
    "Stripe-Rate-Limited-Reason: endpoint-rate\r\n",
)


class Limiter:
    """A token bucket, as Stripe says of its own: refilled at a rate, it holds what comes in a second."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._tokens, self._at = float(per_second), 0.0

    def empty(self, now: float) -> bool:
        self._tokens = min(self._per_second, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        return self._tokens < 1

    def take(self) -> None:
        self._tokens -= 1


class State:
    objects = 0
    latency = 0.0
    limited = False
    counts = {"answered": 0, "refused": 0}  # noqa: RUF012 - one server a process
    account = Limiter(100)
    lists = {path: Limiter(25) for path in LISTS}  # noqa: RUF012


class Server(asyncio.Protocol):
    """Answers each request as soon as its head is there, or after the latency; GET only."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            target = self.buffer[: self.buffer.find(b"\r\n")].split(b" ")[1].decode()
            self.buffer = self.buffer[end + 4 :]
            answer = self.answer(target)
            if State.latency:
                asyncio.get_running_loop().call_later(State.latency, self.transport.write, answer)
            else:
                self.transport.write(answer)

    def answer(self, target: str) -> bytes:
        path, _, query = target.partition("?")
        if path == "/counts":
            return _answer(json.dumps(State.counts).encode())
        now = time.monotonic()
        limiters = (State.account, State.lists[path]) if State.limited else ()
        if any(limiter.empty(now) for limiter in limiters):
            State.counts["refused"] += 1
            return REFUSED
        for limiter in limiters:
            limiter.take()
        State.counts["answered"] += 1
        given = dict(part.split("=", 1) for part in query.replace("%5B", "[").replace("%5D", "]").split("&") if part)
        low = first_not_before(int(given.get("created[gte]", 0)), State.objects)
        high = first_not_before(int(given.get("created[lt]", 2**40)), State.objects)
        if after := given.get("starting_after"):
            high = min(high, int(after.rpartition("_")[2]))
        return page(LISTS[path], low, high, int(given.get("limit", 10)), State.objects)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--limits", action="store_true")
    options = parser.parse_args()
    State.objects, State.latency, State.limited = options.objects, options.latency, options.limits
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

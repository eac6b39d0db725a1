"""A local server that answers at once: what remains is what the client costs.

    python benchmarks/instant_server.py [SECONDS]

Prints its port. A retrieve answers an invoice of some 3 kB, after so many seconds if it is told any; a list of 10,000
answers pages of what `limit` asks.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys

OBJECTS = 10_000


def invoice(number: int) -> dict[str, object]:
    """An invoice of about the size that Stripe sends."""
    return {
        "id": f"in_{number:012d}",
        "object": "invoice",
        "currency": "usd",
        "total": 1250 + number,
        "status": "paid",
        "created": 1_790_000_000 + number,
        "metadata": {"order": f"ORD-{number}"},
        "lines": {
            "object": "list",
            "has_more": False,
            "url": f"/v1/invoices/in_{number:012d}/lines",
            "data": [
                {"id": f"il_{number}_{i}", "object": "line_item", "amount": 625, "description": "Consulting " * 8}
                for i in range(2)
            ],
        },
        **{f"field_{i}": None if i % 3 else f"value {i} of {number}" for i in range(90)},
    }


def _answer(body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRequest-Id: req_1\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0
ONE = _answer(json.dumps(invoice(1)).encode())
_ENCODED = [json.dumps(invoice(number)) for number in range(OBJECTS)]
_PAGES: dict[tuple[int, int], bytes] = {}


def page(start: int, limit: int) -> bytes:
    """A page of the list, made once."""
    if (start, limit) not in _PAGES:
        more = "true" if start + limit < OBJECTS else "false"
        data = ",".join(_ENCODED[start : start + limit])
        _PAGES[start, limit] = _answer(
            f'{{"object":"list","url":"/v1/invoices","has_more":{more},"data":[{data}]}}'.encode()
        )
    return _PAGES[start, limit]


class Instant(asyncio.Protocol):
    """Answers each request as soon as its head is there; GET only, so that there is no body."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            target = self.buffer[: self.buffer.find(b"\r\n")].split(b" ")[1].decode()
            self.buffer = self.buffer[end + 4 :]
            if target.startswith("/v1/invoices/"):
                if SECONDS:
                    asyncio.get_running_loop().call_later(SECONDS, self.transport.write, ONE)
                else:
                    self.transport.write(ONE)
                continue
            limit = re.search(r"limit=(\d+)", target)
            after = re.search(r"starting_after=in_(\d+)", target)
            self.transport.write(page(int(after[1]) + 1 if after else 0, int(limit[1]) if limit else 10))


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Instant, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

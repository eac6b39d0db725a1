"""The body of an answer: unpacked up to a size that no answer of Stripe's comes near."""

from __future__ import annotations

import zlib
from typing import Final

MOST_BYTES: Final = 64 * 1024 * 1024


class OversizedError(Exception):
    """There is more of it than any answer of Stripe's has; perhaps it never ends."""

    def __init__(self) -> None:
        super().__init__(f"the answer is larger than {MOST_BYTES // 2**20} MB")


def unpacked(packed: bytes) -> bytes:
    """Unpack gzip.

    Raises:
        OversizedError: Unpacked, it would be too much.
        zlib.error: It is not gzip, or not all of it.
    """
    gzip = zlib.decompressobj(wbits=31)
    body = gzip.decompress(packed, MOST_BYTES)
    if gzip.eof:
        return body
    raise OversizedError if gzip.unconsumed_tail else zlib.error("not all of it came")

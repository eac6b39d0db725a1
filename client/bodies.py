"""The body of an answer: taken in and unpacked up to a size that no answer of Stripe's comes near."""

from __future__ import annotations

import zlib
from typing import Final

MOST_BYTES: Final = 64 * 1024 * 1024


class OversizedError(Exception):
    """There is more of it than any answer of Stripe's has; perhaps it never ends."""


class Body:
    """The pieces of a body as they come in."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        """Take in the next piece.

        Raises:
            OversizedError: It is too much.
        """
        self._size += len(piece)
        if self._size > MOST_BYTES:
            raise OversizedError
        self._pieces.append(piece)

    def whole(self) -> bytes:
        """Return what came in."""
        return b"".join(self._pieces)


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

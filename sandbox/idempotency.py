"""Stripe's store of idempotency keys, as its page "Idempotent requests" has it [DOC].

An answer is kept once execution has begun, whatever its status. Nothing is kept of a request that failed validation,
was limited, or met another in flight under the same key; those may be tried again under it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

from prefect_stripe.sandbox.errors import Refusal

KEPT_SECONDS: Final = 24 * 3600  # [DOC: at least; forgotten at once, as the strictest reading]
MAX_LENGTH: Final = 255  # [DOC]


@dataclass(slots=True)
class Saved:
    """What a key stands for: the request it was first used with and, once that has ended, its answer."""

    method_path: str
    fingerprint: bytes
    at: float
    status: int | None = None
    body: bytes = b""
    request_id: str = ""


@dataclass(slots=True)
class Keys:
    """The keys of one account in one mode."""

    entries: dict[str, Saved] = field(default_factory=dict[str, Saved])

    def begin(self, key: str, method_path: str, params: bytes, now: float) -> Saved | None:
        """Take the key for a request that begins now, or return the answer to replay.

        Raises:
            Refusal: The key is too long, is held by a request in flight, or was used with another request.
        """
        if not 0 < len(key) <= MAX_LENGTH:  # [DOC; type and text K]
            raise Refusal(
                400,
                {
                    "type": "idempotency_error",
                    "message": f"Idempotency keys must be between 1 and {MAX_LENGTH} characters.",
                },
            )
        self._prune(now)
        fingerprint = hashlib.sha256(params).digest()
        known = self.entries.get(key)
        if known is None:
            self.entries[key] = Saved(method_path, fingerprint, now)
            return None
        if known.method_path != method_path:
            raise _mismatch(
                f"Keys for idempotent requests can only be used for the same endpoint they were first used for "
                f"('{method_path}' vs '{known.method_path}'). Try using a key other than '{key}' if you meant to "
                "execute a different request."
            )
        if known.fingerprint != fingerprint:
            raise _mismatch(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request."
            )
        if known.status is None:  # [DOC; code SDK; text K]
            raise Refusal(
                409,
                {
                    "type": "idempotency_error",
                    "code": "idempotency_key_in_use",
                    "message": (
                        f"There is currently another in-progress request using this Idempotent Key: {key}. "
                        "Please try again later."
                    ),
                },
            )
        return known

    def save(self, key: str, status: int, body: bytes, request_id: str) -> None:
        entry = self.entries[key]
        entry.status, entry.body, entry.request_id = status, body, request_id

    def release(self, key: str) -> None:
        """Forget a request that ended before its execution began."""
        entry = self.entries.get(key)
        if entry is not None and entry.status is None:
            del self.entries[key]

    def _prune(self, now: float) -> None:
        # Oldest first, as dicts keep their order and the clock runs forward only.
        old = list(takewhile(lambda key: now - self.entries[key].at >= KEPT_SECONDS, self.entries))
        for key in old:
            if self.entries[key].status is not None:
                del self.entries[key]


def _mismatch(message: str) -> Refusal:
    """The key of another request: an error of its own type [DOC; texts K]."""
    return Refusal(400, {"type": "idempotency_error", "message": message})

"""What an object is in the sandbox: Stripe's own JSON, with private keys that begin with an underscore."""

from __future__ import annotations

from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]

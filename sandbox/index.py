"""What search has seen: versions of objects by the time they were written, as search sees them only after a lag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from prefect_stripe.sandbox.rows import Row

Version: TypeAlias = tuple[float, Row | None]
"""When, and what; None is an object that is not there."""


@dataclass
class SearchIndex:
    """Versions of those objects that were written while search lagged; it sees all others as they are."""

    versions: dict[str, list[Version]] = field(default_factory=dict[str, list[Version]])

    def before(self, id: str, row: Row | None) -> None:
        """Note what an object was before its first write."""
        if id not in self.versions:
            self.versions[id] = [(float("-inf"), dict(row) if row is not None else None)]

    def after(self, id: str, row: Row | None, time: float) -> None:
        self.versions[id].append((time, dict(row) if row is not None else None))

    def seen(self, rows: Mapping[str, Row], object: str, until: float) -> Iterator[Row]:
        """Objects of a type as search sees them, which is how they were at a time."""
        for id, row in rows.items():
            if id not in self.versions:
                yield row
        for versions in self.versions.values():
            version = next(version for time, version in reversed(versions) if time <= until)
            if version is not None and version["object"] == object:
                yield version

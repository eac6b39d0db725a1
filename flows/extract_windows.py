"""Windows of time: half open, cut where they are heavy, and proof that together they leave nothing out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

EARLIEST = 1_262_304_000
"""The first second of 2010, UTC, before which Stripe has no objects."""
PAGE = 100
WORTHWHILE_PAGES = 2
"""A window is cut into pieces of at least as many pages, as far as one can tell: each has one page that is not full."""


class GapError(Exception):
    """The windows that were read are not the time that was asked for."""


@dataclass(frozen=True, order=True, slots=True)
class Window:
    """Objects that were created from one second on, and before another; `part` tells apart lists of the same time.

    Example:
        >>> window = Window("", 100, 200)
        >>> window.name, Window.named("prices-active-100-200")
        ('100-200', Window(part='prices-active', gte=100, lt=200))
    """

    part: str
    gte: int
    lt: int

    @property
    def name(self) -> str:
        """What its files are called, without an ending."""
        return "-".join([*filter(None, [self.part]), str(self.gte), str(self.lt)])

    @classmethod
    def named(cls, name: str) -> Window:
        """Return the window of a name.

        Raises:
            ValueError: No window is called that.
        """
        *part, gte, lt = name.split("-")
        window = cls("-".join(part), int(gte), int(lt))
        if window.name != name or window.gte >= window.lt:
            raise ValueError(f"{name!r} is no window")
        return window

    def cut_at(self, seen: int) -> tuple[Window, Window] | None:
        """Cut off what is newer than the last object seen: all of that was read, as lists come newest first.

        The second of the last object itself belongs to what is left: more may have been created in it.

        Returns:
            What is read, and what is left; None where nothing is newer.

        Example:
            >>> Window("", 100, 200).cut_at(150)
            (Window(part='', gte=151, lt=200), Window(part='', gte=100, lt=151))
        """
        if not self.gte <= seen < self.lt - 1:
            return None
        return Window(self.part, seen + 1, self.lt), Window(self.part, self.gte, seen + 1)

    def pieces(self, number: int) -> list[Window]:
        """Cut it into about equal pieces, the newest first; no more than it has seconds.

        Example:
            >>> [piece.name for piece in Window("", 0, 10).pieces(3)]
            ['6-10', '3-6', '0-3']
        """
        number = max(1, min(number, self.lt - self.gte))
        at = [self.gte + (self.lt - self.gte) * step // number for step in range(number + 1)]
        return [Window(self.part, gte, lt) for gte, lt in pairwise(at)][::-1]


def worthwhile_pieces(rest: Window, newest: int, oldest: int, rows: int, idle: int, page_size: int = PAGE) -> int:
    """Say into how many pieces to cut what is left of a window, judging by how dense the last page was.

    Args:
        rest: What is left.
        newest: When the page's first object was created.
        oldest: When its last was.
        rows: How many it had.
        idle: How many could take a piece.
        page_size: How many a full page has.

    Returns:
        A number; 1 means that it is not worth cutting.

    Example:
        >>> worthwhile_pieces(Window("", 0, 1000), newest=1100, oldest=1000, rows=100, idle=3)
        4
        >>> worthwhile_pieces(Window("", 0, 100), newest=1100, oldest=1000, rows=100, idle=3)
        1
    """
    pages = (rest.lt - rest.gte) * rows / max(1, newest - oldest) / page_size
    return max(1, min(idle + 1, int(pages / WORTHWHILE_PAGES)))


def missing(done: Iterable[Window], part: str, gte: int, lt: int) -> Iterator[Window]:
    """Yield what is between the windows that are done.

    Raises:
        GapError: Two of them overlap, or one reaches beyond.

    Example:
        >>> list(missing([Window("", 2, 4), Window("", 6, 9)], "", 0, 9))
        [Window(part='', gte=0, lt=2), Window(part='', gte=4, lt=6)]
    """
    at = gte
    for window in sorted(window for window in done if window.part == part):
        if window.gte < at or window.lt > lt:
            raise GapError(f"the window {window.name} overlaps another, or reaches beyond {at} to {lt}")
        if window.gte > at:
            yield Window(part, at, window.gte)
        at = window.lt
    if at < lt:
        yield Window(part, at, lt)


def overlapping(windows: Iterable[Window]) -> bool:
    """Say whether any two windows of a part share a second.

    Example:
        >>> overlapping([Window("", 0, 5), Window("", 4, 9)]), overlapping([Window("", 0, 5), Window("", 5, 9)])
        (True, False)
    """
    return any(one.part == other.part and one.lt > other.gte for one, other in pairwise(sorted(windows)))


def check_whole(done: Iterable[Window], parts: Iterable[str], gte: int, lt: int) -> None:
    """See that windows are all of a time: no gap, no overlap, nothing beyond.

    Raises:
        GapError: They are not.
    """
    windows = list(done)
    known = set(parts)
    for window in windows:
        if window.part not in known:
            raise GapError(f"the window {window.name} belongs to none of {sorted(known)}")
    gaps = [gap.name for part in sorted(known) for gap in missing(windows, part, gte, lt)]
    if gaps:
        raise GapError(f"not read: {', '.join(gaps[:10])}")

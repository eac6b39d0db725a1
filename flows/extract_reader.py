"""Reads the windows of one table side by side, and cuts again those that turn out heavy."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from math import inf
from pathlib import Path
from typing import Any, Final

from msgspec import UNSET

from prefect_stripe.client import OPERATIONS, InvalidRequestError, StripeClient
from prefect_stripe.flows.extract_columns import ColumnError, Columns
from prefect_stripe.flows.extract_decoder import PageDecoder, fields
from prefect_stripe.flows.extract_store import RUN, TableFolder, WindowFile
from prefect_stripe.flows.extract_tables import Child, Table
from prefect_stripe.flows.extract_windows import PAGE, Window, worthwhile_pieces

IN_FLIGHT: Final = 8
"""Windows of a table that are read at once: enough for 25 requests a second as long as each takes a third of one."""
MOST_ROWS: Final = 10_000
"""Of a window, unless that many objects were created in one second: what a run that dies reads again, at most."""
BATCH_ROWS: Final = 500
"""As many rows are made into columns at once, for less overhead; a window holds no more than these as objects."""

WORK_PRESUMED: Final = 0.01
PAGES_PRESUMED: Final = 2 * BATCH_ROWS // PAGE
"""Seconds of work on a page, until it is known: more than it takes; and on how many, as most only add to a batch."""

Hears = Callable[[str, int], None]
"""Hears the name of a table and how many objects more of it were read."""


class StoppedError(Exception):
    """Another window could not be read, or the run was canceled."""


class TableReader:
    """Reads windows of a table into its folder."""

    def __init__(
        self,
        client: StripeClient,
        table: Table,
        folder: TableFolder,
        *,
        in_flight: int = IN_FLIGHT,
        most_rows: int = MOST_ROWS,
        page_size: int = PAGE,
        told: Hears | None = None,
    ) -> None:
        """Begin.

        Args:
            client: Whose account is read, and whose limits hold.
            table: What is read.
            folder: Where to.
            in_flight: How many windows are read at once, at most.
            most_rows: After how many rows a window is cut.
            page_size: How many objects are asked for at once.
            told: Hears of progress, from several threads.
        """
        self._client = client
        self._table = table
        self._folder = folder
        self._in_flight = in_flight
        self._most_rows = most_rows
        self._page_size = page_size
        self._told = told
        self._waiting: deque[Window] = deque()
        self._busy = 0
        self._stopped = False
        self._wait, self._worked, self._pages_worked = inf, PAGES_PRESUMED * WORK_PRESUMED, PAGES_PRESUMED
        self._turn = threading.Condition()
        child = table.child
        self._columns = Columns(table.object, without=(child.field,) if child else ())
        self._child_columns = Columns(child.object) if child else None
        self._decoder = PageDecoder(self._columns, child.field if child else "", self._child_columns)

    def read(self, windows: Iterable[Window]) -> None:
        """Read windows, all of them or their pieces, each into a file of its own.

        Raises:
            StripeError: Stripe refused, failed, or could not be reached.
            ColumnError: An object has a value of another type than its column.
        """
        self._waiting.extend(windows)
        with ThreadPoolExecutor(self._in_flight, thread_name_prefix=f"extract-{self._table.name}") as threads:
            working = [threads.submit(self._work) for _ in range(self._in_flight)]
            try:
                errors = [error for one in working if (error := one.exception()) is not None]
            finally:
                self.stop()
        if errors:
            raise next((error for error in errors if not isinstance(error, StoppedError)), errors[0])

    def stop(self) -> None:
        """Have every thread end with the page that it is at."""
        with self._turn:
            self._stopped = True
            self._turn.notify_all()

    def _work(self) -> None:
        while (window := self._next()) is not None:
            try:
                left = self._window(window)
            except BaseException:
                self.stop()
                raise
            with self._turn:
                self._busy -= 1
                self._waiting.extend(left)
                self._turn.notify_all()

    def _next(self) -> Window | None:
        with self._turn:
            self._turn.wait_for(self._is_turn)
            if self._stopped or not self._waiting:
                return None
            self._busy += 1
            return self._waiting.popleft()

    def _is_turn(self) -> bool:
        return self._stopped or not self._busy or (bool(self._waiting) and self._busy < self._of_use())

    def _of_use(self) -> int:
        """Say how many can read at once: as many as can wait while one works. One, until the first page came."""
        if self._wait == inf:
            return 1
        return round(min(self._in_flight, max(1.0, self._wait * self._pages_worked / self._worked)))

    def _idle(self) -> int:
        # Not under the lock: who reads a moment too early or too late cuts one window more or less.
        return self._of_use() - self._busy - len(self._waiting)

    def _window(self, window: Window) -> list[Window]:
        """Read a window, or its newer part; return what is left."""
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(self._folder.folder.scratch(f"{self._table.name}/{RUN}")))
            files = _Files(scratch, self._columns, self._child_columns, self._lines, self._table)
            stack.callback(files.abandon)
            left: list[Window] = []
            for page, more in self._pages(window):
                files.add(page)
                if more and (cut := self._cut(window, files, page)):
                    window, left = cut
                    break
            files.close(window.gte)
            self._folder.stage(window, files.paths)
        return left

    def _pages(self, window: Window) -> Iterator[tuple[list[dict[str, Any]], bool]]:
        created = {"gte": window.gte, "lt": window.lt}
        params = {**self._table.parts[window.part], "created": created, "limit": self._page_size}
        asked = time.perf_counter()
        for page in self._client.pages(self._table.operation, params=params, decode=self._decoder.page):
            came = time.perf_counter()
            if self._stopped:
                raise StoppedError(f"{self._table.name}: stopped")
            if self._told:
                self._told(self._table.name, len(page))
            if full := len(page) == self._page_size:
                # The shortest wait, as then nobody else was in the way.
                self._wait = min(self._wait, came - asked)
            yield page, bool(page.response.data["has_more"])
            asked = time.perf_counter()
            if full:
                self._worked += asked - came
                self._pages_worked += 1

    def _cut(self, window: Window, files: _Files, page: list[dict[str, Any]]) -> tuple[Window, list[Window]] | None:
        """Say where to stop reading a window, and what to leave to others."""
        at = self._table.at
        newest, oldest = page[0][at], page[-1][at]
        if not files.may_cut_at(oldest) or (halves := window.cut_at(oldest)) is None:
            return None
        own, rest = halves
        idle = self._idle()
        pieces = worthwhile_pieces(rest, newest, oldest, len(page), idle, self._page_size) if idle > 0 else 1
        if pieces > 1:
            return own, rest.pieces(pieces)
        return (own, [rest]) if files.rows >= self._most_rows else None

    def _lines(self, row: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        return lines_of(self._client, self._table.child, row) if self._table.child else ()


def lines_of(client: StripeClient, child: Child, row: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return all elements of the list that is embedded in an object; of one that was deleted since, those it showed."""
    embedded = row.get(child.field)
    if embedded is None or embedded is UNSET:
        return ()
    shown: Sequence[Mapping[str, Any]] = embedded["data"]
    if not embedded["has_more"]:
        return shown
    # Whose they are is said in the path, or else in the query.
    ids, params = ([row["id"]], {}) if OPERATIONS[child.operation].ids else ([], {child.parent: row["id"]})
    try:
        return [line for page in client.pages(child.operation, *ids, params=params) for line in page]
    except InvalidRequestError as error:
        if error.code != "resource_missing":
            raise
        return shown


def _seconds(rows: Sequence[Mapping[str, Any]], at: str) -> list[int]:
    seconds = [*fields(rows, at)]
    if not {*map(type, seconds)} <= {int}:
        row, second = next((row, second) for row, second in zip(rows, seconds, strict=True) if type(second) is not int)
        raise ColumnError(f"{at} of {row.get('id')} is not Unix seconds but {type(second).__name__}")
    return seconds


def _are_falling(seconds: list[int]) -> bool:
    return seconds == sorted(seconds, reverse=True)


class _Files:
    """The files of a window, of the table and of its child, while they are written.

    The rows of the last second are held back: where the window is cut, they belong to what is left.
    """

    def __init__(
        self,
        scratch: Path,
        columns: Columns,
        child_columns: Columns | None,
        lines: Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]],
        table: Table,
    ) -> None:
        self.paths = {name: scratch / f"{name}.parquet" for name in table.tables}
        self._columns = columns
        self._child_columns = child_columns
        self._lines = lines
        self._at = table.at
        self._file = WindowFile(self.paths[table.name], columns.schema)
        self._child = (
            WindowFile(self.paths[table.tables[1]], child_columns.schema) if child_columns is not None else None
        )
        self._held: list[dict[str, Any]] = []
        self._times: list[int] = []
        self._oldest_written: int | None = None
        self._ordered = True

    @property
    def rows(self) -> int:
        return self._file.rows + len(self._held)

    def add(self, page: list[dict[str, Any]]) -> None:
        """Take in a page."""
        times = _seconds(page, self._at)
        # What is not ordered as Stripe orders it is never cut.
        self._ordered = self._ordered and _are_falling([*self._times[-1:], *times])
        self._held += page
        self._times += times
        if len(self._held) >= BATCH_ROWS:
            newer = self._times.index(self._times[-1]) if self._ordered else 0
            self._write(newer or len(self._held))

    def may_cut_at(self, second: int) -> bool:
        """Say whether nothing of a second, or before it, has been written."""
        return self._ordered and (self._oldest_written is None or second < self._oldest_written)

    def close(self, gte: int) -> None:
        """Write what is held back, from a second on, and end the files."""
        self._write(sum(second >= gte for second in self._times) if self._ordered else len(self._held))
        for file in self._all():
            file.close()

    def abandon(self) -> None:
        """Leave them unfinished."""
        for file in self._all():
            file.abandon()

    def _all(self) -> list[WindowFile]:
        return [self._file, *([self._child] if self._child is not None else [])]

    def _write(self, number: int) -> None:
        """Write so many of the rows that are held back."""
        if not number:
            return
        rows = self._held[:number]
        self._file.add(self._columns.of(rows))
        if self._child is not None and self._child_columns is not None:
            lines = [line for row in rows for line in self._lines(row)]
            for begin in range(0, len(lines), BATCH_ROWS):
                self._child.add(self._child_columns.of(lines[begin : begin + BATCH_ROWS]))
        self._oldest_written = self._times[number - 1]
        del self._held[:number], self._times[:number]

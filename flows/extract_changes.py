"""What has changed since a table was extracted, by Stripe's feed of events: read again, and put in its place.

An event tells that an object changed; what it is now is read from the object itself, as events are of the account's own
version of the API, and come in no order. What is no longer there becomes a tombstone: a row in a table of its own.

Stripe page: "Types of events".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prefect_stripe.client import InvalidRequestError, StripeClient
from prefect_stripe.flows.arrow import Table as Rows
from prefect_stripe.flows.arrow import pa, pc
from prefect_stripe.flows.extract_columns import Columns
from prefect_stripe.flows.extract_reader import Hears, lines_of
from prefect_stripe.flows.extract_store import RUN, TableFolder, WindowFile
from prefect_stripe.flows.extract_tables import DAY, Table
from prefect_stripe.flows.extract_windows import Window

FEED_SECONDS: Final = 29 * DAY
"""How far back the feed is relied on: Stripe keeps events for 30 days."""
OVERLAP: Final = 5 * 60
"""Seconds before the last run's end from which on events are read: they may be late."""

_SECOND: Final = pa.timestamp("us", "UTC")
TOMBSTONES: Final = pa.schema(
    [pa.field("id", pa.string(), nullable=False), pa.field("created", _SECOND), pa.field("deleted", _SECOND)]
)
"""The columns of what was deleted; `deleted` is when the feed told of it, or null where it did not."""


@dataclass(frozen=True)
class Told:
    """What the feed says of an object.

    Attributes:
        created: When it was created, in Unix seconds; None where the event was of another object that belongs to it.
        at: When the newest of its events was.
    """

    created: int | None
    at: int


@dataclass(frozen=True)
class Applied:
    """What became of changes.

    Attributes:
        changed: How many objects were read again and put in their place.
        gone: Those that were in the table and are no longer at Stripe: id, created, and when the feed told of it.
    """

    changed: int
    gone: list[tuple[str, int, int]]


def told_since(client: StripeClient, table: Table, second: int) -> dict[str, Told]:
    """Read the feed from a second on: which of a table's objects may be others than they were.

    Raises:
        StripeError: Stripe refused, failed, or could not be reached.
    """
    found: dict[str, Told] = {}
    params = {"type": table.feed, "created": {"gte": second - OVERLAP}}
    for page in client.pages("list_events", params=params):
        for event in page:
            object = event["data"]["object"]
            own = object.get("object") == table.object
            # A dispute, say, is another object, but marks its charge.
            id = object.get("id" if own else table.object)
            if isinstance(id, str) and id not in found:
                found[id] = Told(object.get(table.at) if own else None, event["created"])
    return found


def apply(
    client: StripeClient,
    table: Table,
    folder: TableFolder,
    told: Mapping[str, Told],
    files: Files,
    in_flight: int,
    heard: Hears,
) -> Applied:
    """Read again what has changed, and write anew the windows that it belongs to.

    Raises:
        StripeError: Stripe refused, failed, or could not be reached.
        ColumnError: An object has a value of another type than its column.
    """
    wanted = [id for id, one in told.items() if one.created is None or files.around(one.created)]
    rows = dict(zip(wanted, _read_again(client, table, wanted, in_flight, heard), strict=True))
    by_window: dict[Window, list[str]] = {}
    for id, row in rows.items():
        created = told[id].created if row is None else row[table.at]
        for window in files.around(created) if created is not None else ():
            by_window.setdefault(window, []).append(id)
    gone: list[tuple[str, int, int]] = []
    writer = _Writer(client, table, folder)
    for window, ids in by_window.items():
        live = [row for id in ids if (row := rows[id]) is not None and table.part_of(row) == window.part]
        there = writer.write(window, ids, live, staged=window not in files.kept)
        for id, created in there.items():
            if rows[id] is None:
                gone.append((id, created, told[id].at))
    return Applied(sum(row is not None for row in rows.values()), gone)


def _read_again(
    client: StripeClient, table: Table, ids: Iterable[str], in_flight: int, heard: Hears
) -> Iterator[dict[str, Any] | None]:
    def now(id: str) -> dict[str, Any] | None:
        assert table.retrieve is not None, f"{table.name} has no feed"
        heard(table.name, 1)
        try:
            data = client.call(table.retrieve, id).data
        except InvalidRequestError as error:
            if error.http_status != 404:
                raise
            return None
        return None if data.get("deleted") else data

    with ThreadPoolExecutor(in_flight, thread_name_prefix=f"extract-{table.name}") as threads:
        yield from threads.map(now, ids)


class Files:
    """The windows whose files may hold what has changed.

    Attributes:
        kept: Those of the run before, which are in the table.
        staged: Those that were read by a run that died.
    """

    def __init__(self, kept: Iterable[Window], staged: Iterable[Window]) -> None:
        self.kept = frozenset(kept)
        self._windows = sorted(self.kept | {*staged}, key=lambda window: window.gte)

    def around(self, second: int) -> list[Window]:
        """Return those that hold what was created in a second, one a part."""
        return [window for window in self._windows if window.gte <= second < window.lt]


class _Writer:
    """Writes the files of windows anew, with some objects exchanged."""

    def __init__(self, client: StripeClient, table: Table, folder: TableFolder) -> None:
        self._client = client
        self._table = table
        self._folder = folder
        self._columns = columns_of(table)

    def write(self, window: Window, ids: Iterable[str], live: list[dict[str, Any]], *, staged: bool) -> dict[str, int]:
        """Exchange objects in the files of a window; return which of them were there, and when they were created."""
        table, out = self._table, pa.array(list(ids), pa.string())
        own = self._folder.rows(table.name, window, staged=staged)
        is_out = pc.is_in(own["id"], value_set=out)
        there = own.filter(is_out)
        rows: dict[str, Sequence[Mapping[str, Any]]] = {table.name: live}
        left: dict[str, Rows] = {table.name: own.filter(pc.invert(is_out))}
        if child := table.child:
            lines = self._folder.rows(child.table, window, staged=staged)
            left[child.table] = lines.filter(pc.invert(pc.is_in(lines[child.parent], value_set=out)))
            rows[child.table] = [line for row in live for line in lines_of(self._client, child, row)]
        tables = {name: self._with(name, left[name], rows[name]) for name in table.tables}
        stage(self._folder, window, tables)
        seconds = there[table.at].cast(pa.timestamp("s", "UTC")).cast(pa.int64())
        return dict(zip(there["id"].to_pylist(), seconds.to_pylist(), strict=True))

    def _with(self, name: str, left: Rows, rows: Sequence[Mapping[str, Any]]) -> Rows:
        columns = self._columns[name]
        whole = pa.concat_tables([left.cast(columns.schema), pa.Table.from_batches([columns.of(rows)])])
        whole = whole.unify_dictionaries()
        return whole.sort_by([(self._table.at, "descending")]) if name == self._table.name else whole


def columns_of(table: Table) -> dict[str, Columns]:
    """The columns of a table and its child."""
    child = table.child
    found = {table.name: Columns(table.object, without=(child.field,) if child else ())}
    return found | ({child.table: Columns(child.object)} if child else {})


def stage(folder: TableFolder, window: Window, tables: Mapping[str, Rows]) -> None:
    """Write the files of a window, by table, for the run that is under way."""
    with folder.folder.scratch(f"{folder.table}/{RUN}") as name:
        parts: dict[str, Path] = {}
        for table, rows in tables.items():
            parts[table] = Path(name, f"{table}.parquet")
            file = WindowFile(parts[table], rows.schema)
            for batch in rows.to_batches():
                file.add(batch)
            file.close()
        folder.stage(window, parts)


# --- Tombstones -------------------------------------------------------------------------------------------------------


def missing_from(old: Callable[[], Iterator[Rows]], new: Rows) -> list[tuple[str, int, None]]:
    """Find what was in a table and is in it no more, by ids; nobody told when it was deleted."""
    found: list[tuple[str, int, None]] = []
    for rows in old():
        gone = rows.filter(pc.invert(pc.is_in(rows["id"], value_set=new)))
        seconds = gone.column(1).cast(pa.timestamp("s", "UTC")).cast(pa.int64())
        found += zip(gone["id"].to_pylist(), seconds.to_pylist(), [None] * len(gone), strict=True)
    return found


def tombstones(before: Rows | None, gone: Iterable[tuple[str, int, int | None]], live: Any) -> Rows:
    """Add to the tombstones of a table; what was made again under its old id has none any more."""
    ids, created, deleted = zip(*gone, strict=True) if (gone := list(gone)) else ((), (), ())
    arrays = [pa.array(ids, pa.string()), *(pa.array(one, pa.int64()) for one in (created, deleted))]
    arrays[1:] = [array.cast(pa.timestamp("s", "UTC")).cast(_SECOND) for array in arrays[1:]]
    new = pa.table(arrays, schema=TOMBSTONES)
    known = TOMBSTONES.empty_table() if before is None else before
    known = known.filter(pc.invert(pc.is_in(known["id"], value_set=pc.cast(new["id"], pa.string()).combine_chunks())))
    whole = pa.concat_tables([known, new])
    return whole.filter(pc.invert(pc.is_in(whole["id"], value_set=live))).sort_by("id")

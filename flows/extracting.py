"""Extraction of a table into a folder: what there is to read, what was read before, and proof that it is whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from threading import Event
from typing import Any

from prefect_stripe.client import StripeClient
from prefect_stripe.flows.arrow import pa, pc
from prefect_stripe.flows.collecting import rare_collections
from prefect_stripe.flows.extract_changes import (
    FEED_SECONDS,
    Applied,
    Files,
    Told,
    apply,
    columns_of,
    missing_from,
    stage,
    told_since,
    tombstones,
)
from prefect_stripe.flows.extract_csv import write_csv
from prefect_stripe.flows.extract_database import Database
from prefect_stripe.flows.extract_guards import alone, check_account
from prefect_stripe.flows.extract_reader import IN_FLIGHT, MOST_ROWS, Hears, StoppedError, TableReader
from prefect_stripe.flows.extract_store import FileRecord, Folder, Manifest, ManifestError, TableFolder
from prefect_stripe.flows.extract_tables import DAY, Table
from prefect_stripe.flows.extract_windows import EARLIEST, PAGE, Window, check_whole, missing, overlapping


@dataclass(frozen=True)
class Extraction:
    """What is asked for.

    Attributes:
        account: Mode and connected account.
        folder: Where to.
        begins: From which second on objects were created; by default from Stripe's first.
        ends: Before which. It must lie in the past, by Stripe's clock: in the second that runs more may be created.
        look_back: For how many seconds before the last run's end to read again.
        in_flight: How many windows of a table are read at once, at most.
        most_rows: After how many rows a window is cut.
        page_size: How many objects are asked for at once.
        told: Hears of progress.
        database: Into which the tables are loaded, too.
        csv: Whether they are written as CSV files, too.
        stop: Set, it has all that read end with the page that they are at.
    """

    account: str
    folder: Folder
    ends: int
    begins: int = EARLIEST
    look_back: int = 30 * DAY
    in_flight: int = IN_FLIGHT
    most_rows: int = MOST_ROWS
    page_size: int = PAGE
    told: Hears | None = None
    database: Database | None = None
    csv: bool = False
    stop: Event = field(default_factory=Event)

    def heard(self, table: str, objects: int) -> None:
        """Hear of objects of a table that were read.

        Raises:
            StoppedError: No more are to be read.
        """
        if self.stop.is_set():
            raise StoppedError(f"{table}: stopped")
        if self.told:
            self.told(table, objects)


@dataclass(frozen=True)
class Extracted:
    """A table that is whole.

    Attributes:
        manifest: What is in it.
        windows_read: How many windows this run read.
        windows_left: How many were there already.
        changed: How many objects in them were read again, as the feed told that they had changed.
        loaded: How many rows were written into each of the database's tables: its own, its child, its tombstones.
    """

    manifest: Manifest
    windows_read: int
    windows_left: int
    changed: int = 0
    loaded: Mapping[str, int] = field(default_factory=dict[str, int])


def extract_table(client: StripeClient, table: Table, asked: Extraction, *, full: bool = False) -> Extracted:
    """Bring a table up to date: in its folder; and, where that is asked for, in a database and as CSV.

    Args:
        client: Whose account is read, and whose limits hold.
        table: What is read.
        asked: From when to when, and where to.
        full: Whether to read everything anew.

    Raises:
        GapError: The windows are not the time that was asked for. Nothing came into the folder.
        ManifestError: The folder holds something else, or its files are not what its manifest says; or another run is
            at it.
        ColumnError: An object has a value of another type than its column.
        DatabaseError: The database cannot be used; the folder is up to date.
        StripeError: Stripe refused, failed, or could not be reached.
    """
    folder = TableFolder(asked.folder, table.name, asked.account, table.tables[1:])
    with alone(folder):
        extracted = _extracted(client, table, asked, folder, full=full)
        if asked.csv:
            write_csv(table, folder, extracted.manifest)
        if asked.database is None:
            return extracted
        return replace(extracted, loaded=asked.database.load(table, folder, extracted.manifest))


def _extracted(client: StripeClient, table: Table, asked: Extraction, folder: TableFolder, *, full: bool) -> Extracted:
    """Read what is not in a table's folder yet, and what has changed, and see that it is whole."""
    manifest = folder.manifest()
    if manifest is None:
        folder.check_new()
    if manifest is not None and manifest.state == "committing":
        manifest = folder.commit(manifest)
    if manifest is not None and (manifest.begins, set(manifest.parts)) != (asked.begins, set(table.parts)):
        raise _elsewhen(manifest, asked)
    if manifest is not None and manifest.state == "complete":
        folder.check(manifest)
        if asked.ends <= manifest.ends and not full:
            return Extracted(manifest, 0, len(manifest.files) // len(table.tables))
    told = _told(client, table, asked, manifest, full=full)
    if manifest is not None and manifest.state == "complete":
        check_account(client, table, folder, manifest, told, asked.ends)
        # Each that changed takes a request; to read a whole page takes one, too.
        if told is not None and len(told) > manifest.rows() / asked.page_size:
            told = None
    if manifest is None or manifest.state == "complete" or manifest.columns != _hash(table):
        folder.forget()
        manifest = _planned(table, asked, manifest, anew=full or (told is None and not table.settled))
        folder.tell(manifest)
    return _read(client, table, asked, folder, manifest, told or {})


def _told(
    client: StripeClient, table: Table, asked: Extraction, manifest: Manifest | None, *, full: bool
) -> Mapping[str, Told] | None:
    """Read what the feed tells since the former run; None where all is to be read anew."""
    if manifest is None or manifest.events_from is None or manifest.columns != _hash(table):
        return None
    under_way = manifest.state == "reading"
    if not under_way and (full or asked.ends - manifest.events_from > FEED_SECONDS):
        return None
    return told_since(client, table, manifest.events_from)


def _planned(table: Table, asked: Extraction, former: Manifest | None, *, anew: bool) -> Manifest:
    """Say what a run that begins is to read: the time, and the windows of the former run that it replaces."""
    if asked.begins >= asked.ends:
        raise ManifestError(f"{table.name}: {_day(asked.begins)} is yet to come")
    files = former.files if former is not None else []
    anew = anew or former is None or former.columns != _hash(table)
    again = asked.begins
    if former is not None and not anew:
        again = former.ends - (asked.look_back if table.settled else 0)
    if former is not None and table.kept_days is not None:
        again = max(again, _kept_here(table, asked, former))
    return Manifest(
        state="reading",
        table=table.name,
        account=asked.account,
        parts=[*table.parts],
        begins=asked.begins,
        ends=asked.ends if former is None else max(asked.ends, former.ends),
        files=files,
        stale=sorted({file.window.name for file in files if file.lt > again}),
        again=again,
        events_from=None if former is None or anew else former.events_from,
        columns=_hash(table),
        deleted=former.deleted if former is not None else 0,
        deleted_sha256=former.deleted_sha256 if former is not None else None,
    )


def _kept_here(table: Table, asked: Extraction, former: Manifest) -> int:
    """Say from when on Stripe still has what it keeps for some days alone: what is older is here, and nowhere else."""
    assert table.kept_days is not None
    again = min(former.ends, asked.ends - (table.kept_days - 1) * DAY)
    if former.columns != _hash(table) and any(file.rows and file.gte < again for file in former.files):
        raise ManifestError(
            f"{table.name}: it was extracted with other columns, by another version, and Stripe has no more than "
            f"{table.kept_days} days of it: keep that folder, and name another"
        )
    return again if former.columns == _hash(table) else asked.begins


def _read(
    client: StripeClient,
    table: Table,
    asked: Extraction,
    folder: TableFolder,
    manifest: Manifest,
    told: Mapping[str, Told],
) -> Extracted:
    """Read what is missing and what has changed, and bring it into the folder."""
    stale = {*manifest.stale}
    kept = [file for file in manifest.files if file.window.name not in stale]
    _split(table, folder, manifest)
    died = [*folder.staged()]
    before = {file.window for file in kept} | {*died}
    if overlapping(before):
        # Two runs were at it at once, where there are no locks.
        folder.forget()
        _split(table, folder, manifest)
        died = [*folder.staged()]
        before = {file.window for file in kept} | {*died}
    gaps = [gap for part in table.parts for gap in missing(before, part, manifest.begins, manifest.ends)]
    if gaps:
        reader = TableReader(
            client,
            table,
            folder,
            in_flight=asked.in_flight,
            most_rows=asked.most_rows,
            page_size=asked.page_size,
            told=asked.heard,
        )
        with rare_collections():
            reader.read(gaps)
    files = Files((file.window for file in kept), died)
    applied = apply(client, table, folder, told, files, asked.in_flight, asked.heard) if told else Applied(0, [])
    proven = _proven(table, folder, manifest, kept)
    whole = folder.commit(proven.model_copy(update=_deleted(table, folder, manifest, applied)))
    return Extracted(whole, len(whole.files) // len(table.tables) - len(before), len(before), applied.changed)


def _split(table: Table, folder: TableFolder, manifest: Manifest) -> None:
    """Keep what is old of windows of which only the newer part is read again."""
    staged = {*folder.staged()}
    for window in map(Window.named, manifest.stale):
        if manifest.again is None or not window.gte < manifest.again < window.lt:
            continue
        older = Window(window.part, window.gte, manifest.again)
        if older not in staged:
            rows = folder.rows(table.name, window, staged=False)
            at = pa.scalar(manifest.again, pa.timestamp("s", "UTC")).cast(rows.schema.field(table.at).type)
            stage(folder, older, {table.name: rows.filter(pc.less(rows[table.at], at))})


def _proven(table: Table, folder: TableFolder, manifest: Manifest, kept: list[FileRecord]) -> Manifest:
    """See that what was read, with what was there, is all of the time."""
    staged = [record for window in folder.staged() for record in folder.records(window, staged=True)]
    renewed = {file.window for file in staged}
    files = [*staged, *(file for file in kept if file.window not in renewed)]
    for name in table.tables:
        windows = [file.window for file in files if file.table == name]
        check_whole(windows, table.parts, manifest.begins, manifest.ends)
    return manifest.model_copy(
        update={
            "files": sorted(files, key=lambda file: (file.table, file.window)),
            "events_from": manifest.ends if table.feed else None,
        }
    )


def _deleted(table: Table, folder: TableFolder, manifest: Manifest, applied: Applied) -> dict[str, Any]:
    """Write the tombstones of what was in the table and is not any more, where there are any."""
    if table.settled:
        return {}
    own = [file.window for file in manifest.files if file.table == table.name]
    staged = [folder.rows(table.name, window, staged=True, columns=["id"])["id"] for window in folder.staged()]
    live = pa.chunked_array([chunk for ids in staged for chunk in ids.chunks], pa.string()).combine_chunks()
    gone: list[tuple[str, int, int | None]] = [*applied.gone]
    if {window.name for window in own} <= {*manifest.stale}:
        columns = ["id", table.at]
        gone += missing_from(
            lambda: (folder.rows(table.name, window, staged=False, columns=columns) for window in own), live
        )
    before = folder.tombstones()
    if not gone and before is None:
        return {}
    rows = tombstones(before, gone, live)
    return {"deleted": len(rows), "deleted_sha256": folder.stage_tombstones(rows)}


def _hash(table: Table) -> str:
    told = [f"{name} {columns.schema}" for name, columns in columns_of(table).items()]
    return sha256("\n".join(told).encode()).hexdigest()


def _elsewhen(manifest: Manifest, asked: Extraction) -> ManifestError:
    return ManifestError(
        f"{manifest.table}: it was extracted from {_day(manifest.begins)} on, not from {_day(asked.begins)} on: name "
        "another folder, or the same day"
    )


def _day(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).date().isoformat()

"""Extraction of a table into a folder: what there is to read, what was read before, and proof that it is whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from prefect_stripe.client import StripeClient
from prefect_stripe.flows.collecting import rare_collections
from prefect_stripe.flows.extract_reader import IN_FLIGHT, MOST_ROWS, TableReader, Told
from prefect_stripe.flows.extract_store import FileRecord, Folder, Manifest, ManifestError, TableFolder
from prefect_stripe.flows.extract_tables import Table
from prefect_stripe.flows.extract_windows import EARLIEST, PAGE, check_whole, missing

DAY: Final = 24 * 60 * 60


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
    """

    account: str
    folder: Folder
    ends: int
    begins: int = EARLIEST
    look_back: int = 30 * DAY
    in_flight: int = IN_FLIGHT
    most_rows: int = MOST_ROWS
    page_size: int = PAGE
    told: Told | None = None


@dataclass(frozen=True)
class Extracted:
    """A table that is whole.

    Attributes:
        manifest: What is in it.
        windows_read: How many windows this run read.
        windows_left: How many were there already.
    """

    manifest: Manifest
    windows_read: int
    windows_left: int


def extract_table(client: StripeClient, table: Table, asked: Extraction, *, full: bool = False) -> Extracted:
    """Read what of a table is not in its folder yet, and see that it is whole.

    Args:
        client: Whose account is read, and whose limits hold.
        table: What is read.
        asked: From when to when, and where to.
        full: Whether to read again also what was read by a former run.

    Raises:
        GapError: The windows are not the time that was asked for. Nothing came into the folder.
        ManifestError: The folder holds something else, or its files are not what its manifest says.
        ColumnError: An object has a value of another type than its column.
        StripeError: Stripe refused, failed, or could not be reached.
    """
    folder = TableFolder(asked.folder, table.name, asked.account, table.tables[1:])
    manifest = folder.manifest()
    if manifest is not None and manifest.state == "committing":
        manifest = folder.commit(manifest)
    if manifest is not None and (manifest.begins, set(manifest.parts)) != (asked.begins, set(table.parts)):
        raise _elsewhen(manifest, asked)
    if manifest is None or manifest.state == "complete":
        if manifest is not None:
            folder.check(manifest.files)
            if asked.ends <= manifest.ends and not full:
                return Extracted(manifest, 0, len(manifest.files) // len(table.tables))
        manifest = _planned(table, asked, manifest, full=full)
        folder.tell(manifest)
    kept = [file for file in manifest.files if file.window.name not in manifest.stale]
    before = {file.window for file in kept} | {*folder.staged()}
    gaps = [gap for part in table.parts for gap in missing(before, part, manifest.begins, manifest.ends)]
    if gaps:
        reader = TableReader(
            client,
            table,
            folder,
            in_flight=asked.in_flight,
            most_rows=asked.most_rows,
            page_size=asked.page_size,
            told=asked.told,
        )
        with rare_collections():
            reader.read(gaps)
    whole = folder.commit(_proven(table, folder, manifest, kept))
    return Extracted(whole, len(whole.files) // len(table.tables) - len(before), len(before))


def _planned(table: Table, asked: Extraction, former: Manifest | None, *, full: bool) -> Manifest:
    """Say what a run that begins is to read: the time, and the windows of the former run that it replaces."""
    if asked.begins >= asked.ends:
        raise ManifestError(f"{table.name}: there is no time from {asked.begins} until before {asked.ends}")
    files = former.files if former is not None else []
    again = asked.begins if full or former is None else former.ends - asked.look_back
    return Manifest(
        state="reading",
        table=table.name,
        account=asked.account,
        parts=[*table.parts],
        begins=asked.begins,
        ends=asked.ends if former is None else max(asked.ends, former.ends),
        files=files,
        stale=sorted({file.window.name for file in files if file.lt > again}),
    )


def _proven(table: Table, folder: TableFolder, manifest: Manifest, kept: list[FileRecord]) -> Manifest:
    """See that what was read, with what was there, is all of the time."""
    staged = [record for window in folder.staged() for record in folder.records(window, staged=True)]
    renewed = {file.window for file in staged}
    files = [*staged, *(file for file in kept if file.window not in renewed)]
    for name in table.tables:
        windows = [file.window for file in files if file.table == name]
        check_whole(windows, table.parts, manifest.begins, manifest.ends)
    return manifest.model_copy(update={"files": sorted(files, key=lambda file: (file.table, file.window))})


def _elsewhen(manifest: Manifest, asked: Extraction) -> ManifestError:
    return ManifestError(
        f"{manifest.table}: it was extracted from {manifest.begins} on, not from {asked.begins} on: name another folder"
    )

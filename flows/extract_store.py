"""Where a table is kept: a folder with a file a window, and a manifest that says what is in it and that it is whole.

    charges/_manifest.json           what was read, between which seconds, with the SHA-256 of each file
    charges/1262304000-1790812800.parquet
    charges/.run/…                   windows that are read, of a run that is not at its end
    charges_deleted/…                the tombstones of what was there once

Files come into the folder all at once, when every window was read, so that nobody reads half a table. A run that dies
is taken up by the next: what it had read is in `.run`, and is not read again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal

import fsspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prefect_stripe.flows.arrow import Batch, Schema, Table, pa, pq
from prefect_stripe.flows.extract_windows import Window

MANIFEST: Final = "_manifest.json"
RUN: Final = ".run"
TOMBSTONES: Final = "deleted.parquet"
ENDING: Final = ".parquet"
GROUP_BYTES: Final = 8 * 2**20
"""A row group is written when there is so much of it: what a window needs of memory."""


class ManifestError(Exception):
    """The table was extracted from elsewhere, or its files are not what its manifest says."""


class FileRecord(BaseModel):
    """A file of a window."""

    model_config = ConfigDict(extra="forbid")

    table: str = Field(description="The table, or the child table, in whose folder it is.")
    part: str = Field(description="Which of several lists of the same time; empty where there is one.")
    gte: int = Field(description="From which second on its objects were created, in Unix seconds.")
    lt: int = Field(description="Before which.")
    rows: int
    sha256: str = Field(description="Of the file.")

    @property
    def window(self) -> Window:
        return Window(self.part, self.gte, self.lt)


class Manifest(BaseModel):
    """What a table's folder holds. While `state` is `reading`, it holds what the run before left there."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["reading", "committing", "complete"]
    table: str
    account: str = Field(description="Mode and connected account.")
    parts: list[str]
    begins: int = Field(description="From which second on objects were read, in Unix seconds.")
    ends: int = Field(description="Before which. It is fixed when the run begins.")
    files: list[FileRecord] = Field(default_factory=list[FileRecord])
    stale: list[str] = Field(default_factory=list[str], description="Windows of a former run that this one replaces.")
    again: int | None = Field(default=None, description="From which second on this run reads once more what is new.")
    events_from: int | None = Field(default=None, description="From which second on the feed of events is to be read.")
    columns: str = Field(description="A hash of the names and types of the columns.")
    deleted: int = Field(default=0, description="How many tombstones there are.")
    deleted_sha256: str | None = Field(default=None, description="Of their file.")

    def rows(self, table: str | None = None) -> int:
        """Return how many rows a table has; the table itself, where none is named."""
        return sum(file.rows for file in self.files if file.table == (table or self.table))

    @property
    def digest(self) -> str:
        """One hash of all files: the same files, the same hash."""
        told = sorted(f"{file.table} {file.window.name} {file.rows} {file.sha256}" for file in self.files)
        told += [f"deleted {self.deleted} {self.deleted_sha256}"] if self.deleted_sha256 else []
        return sha256("\n".join(told).encode()).hexdigest()


class Folder:
    """A folder by path, or by a URL that fsspec can write to."""

    def __init__(self, place: str) -> None:
        """Begin with a place; nothing of it need be there.

        Raises:
            OSError: There is no writing to such a place from here.
        """
        # fsspec and what it opens are not typed.
        untyped: Any = fsspec
        try:
            self._files, root = untyped.core.url_to_fs(place)
        except (ImportError, ValueError) as error:
            raise OSError(f"the target cannot be opened here: {error}") from error
        protocol = self._files.protocol
        self._root = str(root).rstrip("/")
        self.is_local = "file" in ((protocol,) if isinstance(protocol, str) else tuple(protocol))

    def path(self, name: str) -> str:
        """Return where a file of it is."""
        return f"{self._root}/{name}"

    def read(self, name: str) -> bytes | None:
        """Read a file, if it is there."""
        try:
            data: bytes = self._files.cat_file(self.path(name))
        except FileNotFoundError:
            return None
        return data

    def write(self, name: str, data: bytes) -> None:
        """Write a file: all of it is there, or nothing of it."""
        with TemporaryDirectory(prefix="prefect-stripe-") as folder:
            part = Path(folder, "part")
            part.write_bytes(data)
            self.adopt(part, name)

    def adopt(self, part: Path, name: str) -> None:
        """Take in a file that was written elsewhere, whole."""
        if not self.is_local:
            self._files.put_file(str(part), self.path(name))
            return
        whole = Path(self.path(name))
        whole.parent.mkdir(parents=True, exist_ok=True)
        beside = whole.with_name(f".{whole.name}.{os.getpid()}")
        shutil.move(part, beside)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(whole)

    def scratch(self, name: str) -> TemporaryDirectory[str]:
        """Return a folder of this machine to write files in, before they are adopted as files of a folder."""
        if not self.is_local:
            return TemporaryDirectory(prefix="prefect-stripe-")
        Path(self.path(name)).mkdir(parents=True, exist_ok=True)
        return TemporaryDirectory(prefix=".part-", dir=self.path(name))

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder of it, none where it is not there."""
        try:
            self._files.invalidate_cache()
            found = self._files.ls(self.path(folder), detail=False)
        except FileNotFoundError:
            return []
        return sorted(PurePosixPath(str(path)).name for path in found)

    def files(self, folder: str) -> list[PurePosixPath]:
        """Return the files in a folder of it, and in all folders in that, by their paths in it."""
        self._files.invalidate_cache()
        root = self.path(folder)
        return sorted(PurePosixPath(str(path)).relative_to(root) for path in self._files.find(root))

    def move(self, name: str, to: str) -> None:
        """Rename a file; nothing happens where that was done before."""
        if self.is_local:
            if (path := Path(self.path(name))).exists():
                Path(self.path(to)).parent.mkdir(parents=True, exist_ok=True)
                path.replace(self.path(to))
        elif self._files.exists(self.path(name)):
            self._files.mv(self.path(name), self.path(to))

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all that is in it, if it is there."""
        if self._files.exists(self.path(name)):
            self._files.rm(self.path(name), recursive=True)


class TableFolder:
    """The folder of one table, and those of its child tables, which have the same windows."""

    def __init__(self, folder: Folder, table: str, account: str, children: Iterable[str] = ()) -> None:
        self.folder = folder
        self.table = table
        self.tables = (table, *children)
        self.account = account

    def manifest(self) -> Manifest | None:
        """Read what is known of the table.

        Raises:
            ManifestError: It cannot be read, or is of another account or table.
        """
        data = self.folder.read(f"{self.table}/{MANIFEST}")
        if data is None:
            return None
        try:
            found = Manifest.model_validate_json(data)
        except ValidationError as error:
            raise ManifestError(f"{self.table}: its manifest cannot be read: {error.error_count()} errors") from error
        for about, wanted, there in (("account", self.account, found.account), ("table", self.table, found.table)):
            if wanted != there:
                raise ManifestError(f"{self.table}: it was extracted from the {about} {there!r}, not {wanted!r}")
        return found

    def tell(self, manifest: Manifest) -> None:
        """Write the manifest."""
        self.folder.write(f"{self.table}/{MANIFEST}", (manifest.model_dump_json(indent=1) + "\n").encode())

    def staged(self) -> list[Window]:
        """Return the windows that a run has read, and not yet brought into the folder."""
        # The table's own file is written after those of its children: where it is, they are.
        names = self.folder.names(f"{self.table}/{RUN}")
        return [Window.named(name.removesuffix(ENDING)) for name in names if _is_window(name)]

    def stage(self, window: Window, parts: Mapping[str, Path]) -> None:
        """Take in the files of a window that was read, by table."""
        for table in reversed(self.tables):
            self.folder.adopt(parts[table], _name(table, window, staged=True))

    def records(self, window: Window, *, staged: bool) -> list[FileRecord]:
        """Read what a window's files hold."""
        return [self._record(table, window, staged=staged) for table in self.tables]

    def rows(self, table: str, window: Window, *, staged: bool, columns: list[str] | None = None) -> Table:
        """Read the rows of a window."""
        data = self._data(table, window, staged=staged)
        return pq.read_table(pa.BufferReader(data), columns=columns)

    def named(self, table: str, name: str) -> Table:
        """Read the rows of a window of the table, by the name of its file."""
        return self.rows(table, Window.named(name), staged=False)

    def tombstones(self) -> Table | None:
        """Read what is known to be deleted, if anything."""
        data = self.folder.read(self._tombstones)
        return None if data is None else pq.read_table(pa.BufferReader(data))

    def stage_tombstones(self, rows: Table) -> str:
        """Write what is known to be deleted, for the run that is under way; return the SHA-256 of the file."""
        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink)
        data: bytes = sink.getvalue().to_pybytes()
        self.folder.write(f"{self.table}/{RUN}/{TOMBSTONES}", data)
        return sha256(data).hexdigest()

    @property
    def _tombstones(self) -> str:
        return f"{self.table}_deleted/{TOMBSTONES}"

    def forget(self) -> None:
        """Leave what a run that died has read."""
        self.folder.remove(f"{self.table}/{RUN}")

    def _data(self, table: str, window: Window, *, staged: bool) -> bytes:
        data = self.folder.read(_name(table, window, staged=staged))
        if data is None:
            raise ManifestError(f"{table}: the file of {window.name} is not there")
        return data

    def _record(self, table: str, window: Window, *, staged: bool) -> FileRecord:
        data = self._data(table, window, staged=staged)
        try:
            rows = int(pq.read_metadata(pa.BufferReader(data)).num_rows)
        except pa.ArrowException as error:
            raise ManifestError(f"{table}: the file of {window.name} cannot be read") from error
        digest = sha256(data).hexdigest()
        return FileRecord(table=table, part=window.part, gte=window.gte, lt=window.lt, rows=rows, sha256=digest)

    def check(self, manifest: Manifest) -> None:
        """See that the files are what a manifest says.

        Raises:
            ManifestError: They are not.
        """
        for file in manifest.files:
            if self._record(file.table, file.window, staged=False) != file:
                raise ManifestError(f"{file.table}: {file.window.name}{ENDING} is not what was extracted")
        tombstones = self.folder.read(self._tombstones)
        if manifest.deleted_sha256 != (None if tombstones is None else sha256(tombstones).hexdigest()):
            raise ManifestError(f"{self._tombstones} is not what was extracted")
        self._check_others({file.window.name + ENDING for file in manifest.files}, manifest.deleted_sha256 is not None)

    def check_new(self) -> None:
        """See that a folder without a manifest has no files: whoever reads it would count them too.

        Raises:
            ManifestError: It has.
        """
        self._check_others(set(), tombstones=False)

    def _check_others(self, known: set[str], tombstones: bool) -> None:
        own = {**dict.fromkeys(self.tables, known), f"{self.table}_deleted": {TOMBSTONES} if tombstones else set[str]()}
        for folder, names in own.items():
            others = [str(file) for file in self.folder.files(folder) if str(file) not in names and _is_read(file)]
            if others:
                raise ManifestError(
                    f"{folder}: {others[0]} and {len(others) - 1} more files are there, of which the manifest says "
                    "nothing: take them away, or name another folder"
                )

    def commit(self, manifest: Manifest) -> Manifest:
        """Bring the windows of a run into the folders, and take out those that they replace.

        Whoever dies in it left a manifest that says what to do: it is done again from the beginning.
        """
        if manifest.state != "committing":
            manifest = manifest.model_copy(update={"state": "committing"})
            self.tell(manifest)
        for file in manifest.files:
            self.folder.move(_name(file.table, file.window, staged=True), _name(file.table, file.window, staged=False))
        self.folder.move(f"{self.table}/{RUN}/{TOMBSTONES}", self._tombstones)
        own = {file.window for file in manifest.files}
        for window in map(Window.named, manifest.stale):
            for table in self.tables if window not in own else ():
                self.folder.remove(_name(table, window, staged=False))
        for table in self.tables:
            self.folder.remove(f"{table}/{RUN}")
        whole = manifest.model_copy(update={"state": "complete", "stale": [], "again": None})
        self.tell(whole)
        return whole


def _name(table: str, window: Window, *, staged: bool) -> str:
    return "/".join([table, *([RUN] if staged else []), f"{window.name}{ENDING}"])


def _is_read(file: PurePosixPath) -> bool:
    # Arrow, and so pandas, reads all that is not hidden, by any name; DuckDB what ends so, also where it is hidden.
    hidden = any(part.startswith((".", "_")) for part in file.parts)
    return file.parts[0] != RUN and (file.suffix == ENDING or not hidden)


def _is_window(name: str) -> bool:
    try:
        Window.named(name.removesuffix(ENDING))
    except ValueError:
        return False
    return name.endswith(ENDING)


class WindowFile:
    """The Parquet file of a window while it is written; rows come newest first."""

    def __init__(self, path: Path, schema: Schema) -> None:
        self._path = path
        self._schema = schema
        self._batches: list[Batch] = []
        self._bytes = 0
        self._writer: Any = None
        self.rows = 0

    def add(self, batch: Batch) -> None:
        """Take in rows."""
        if batch.num_rows:
            self._batches.append(batch)
            self._bytes += batch.get_total_buffer_size()  # not nbytes, which takes as long as writing them
            self.rows += batch.num_rows
        if self._bytes >= GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        """End the file."""
        self._flush()
        self._open().close()

    def abandon(self) -> None:
        """Leave it unfinished."""
        if self._writer is not None:
            self._writer.close()

    def _open(self) -> Any:
        if self._writer is None:
            # A dictionary of ids is given up when it is large, and built for nothing until then.
            few = [field.name for field in self._schema if field.type != pa.string()]
            self._writer = pq.ParquetWriter(str(self._path), self._schema, use_dictionary=few)
        return self._writer

    def _flush(self) -> None:
        if self._batches:
            self._open().write_table(pa.Table.from_batches(self._batches, self._schema).unify_dictionaries())
        self._batches, self._bytes = [], 0

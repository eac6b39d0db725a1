"""What keeps a table from harm: one run at a time, and only of the account that it is of."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from prefect_stripe.client import InvalidRequestError, StripeClient
from prefect_stripe.fields import FIELDS
from prefect_stripe.flows.extract_changes import Told
from prefect_stripe.flows.extract_store import FileRecord, Manifest, ManifestError, TableFolder
from prefect_stripe.flows.extract_tables import DAY, Table
from prefect_stripe.flows.extract_windows import PAGE

if sys.platform != "win32":
    import fcntl

LOCK = ".lock"


@contextmanager
def alone(folder: TableFolder) -> Generator[None]:
    """Keep others from a table's folder, as long as this lasts; the lock of a process that dies goes with it.

    There is none on Windows, nor in an object store: there, whoever starts runs has to see to it.

    Raises:
        ManifestError: Another run is at it.
    """
    if not folder.folder.is_local or sys.platform == "win32":
        yield
        return
    path = Path(folder.folder.path(f"{folder.table}/{LOCK}"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ManifestError(f"{folder.table}: another run is at this table; wait for its end") from None
        except OSError:
            pass  # A file system that has no locks.
        yield


def check_account(
    client: StripeClient,
    table: Table,
    folder: TableFolder,
    manifest: Manifest,
    told: Mapping[str, Told] | None,
    now: int,
) -> None:
    """See that some of the newest objects of a table are still listed: those of another account are not.

    A key does not say which account it is of, and an account may have many.

    Args:
        client: Whose account is read.
        table: What is read.
        folder: Where it was read to.
        manifest: What is there.
        told: What the feed tells to have changed; None where it was not asked.
        now: Unix seconds, by Stripe's clock.

    Raises:
        ManifestError: None is, and they cannot have been deleted.
        StripeError: Stripe refused, failed, or could not be reached.
    """
    files = sorted((file for file in manifest.files if file.table == table.name and file.rows), key=_ends)
    if not files:
        return
    newest = _some(table, folder, files[-1])
    if table.kept_days is not None and min(newest.values()) < now - (table.kept_days - 1) * DAY:
        return
    may_be_gone = "deleted" in FIELDS[table.object] or len(table.parts) > 1
    if _any_listed(client, table, files[-1], newest) or (
        may_be_gone and told is not None and newest.keys() <= told.keys()
    ):
        return
    # The newest may have been deleted, all of them, where the feed was not asked; hardly the oldest, too.
    if may_be_gone and told is None and _any_listed(client, table, files[0], _some(table, folder, files[0])):
        return
    one = sorted(newest)[-1]
    if table.object == "customer" and _is_deleted(client, one):
        return
    raise ManifestError(
        f"{table.name}: its objects are not those of this account, {one} for one: name another folder, or other "
        "credentials"
    )


def _some(table: Table, folder: TableFolder, file: FileRecord) -> dict[str, int]:
    """Return the ids of some objects of a file, and when each was created, in Unix seconds."""
    rows = folder.rows(table.name, file.window, staged=False, columns=["id", table.at]).slice(0, PAGE)
    seconds = [int(at.timestamp()) for at in rows[table.at].to_pylist()]
    return dict(zip(rows["id"].to_pylist(), seconds, strict=True))


def _any_listed(client: StripeClient, table: Table, file: FileRecord, some: Mapping[str, int]) -> bool:
    created = {"gte": min(some.values()), "lt": max(some.values()) + 1}
    pages = client.pages(table.operation, params={**table.parts[file.part], "created": created, "limit": PAGE})
    return any(row["id"] in some for page in pages for row in page)


def _is_deleted(client: StripeClient, customer: str) -> bool:
    # Of a customer that was deleted, its own account alone says so.
    try:
        return bool(client.call("retrieve_customer", customer).data.get("deleted"))
    except InvalidRequestError:
        return False


def _ends(file: FileRecord) -> int:
    return file.lt

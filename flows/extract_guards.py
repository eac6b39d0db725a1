"""What keeps a table from harm: one run at a time, and only of the account that it is of."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from prefect_stripe.flows.extract_store import ManifestError, TableFolder

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

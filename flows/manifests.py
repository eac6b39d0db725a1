"""What is known of a month that is closed, beside its files: with it a month is closed, without it it is not."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import fsspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prefect_stripe.flows.journal_formats import PREFIX
from prefect_stripe.flows.ledger_rows import BooksError, Difference, Sums, stop_at
from prefect_stripe.flows.months import Month

NAME: Final = "manifest.json"


class Manifest(BaseModel):
    """A closed month: what was posted, between which balances, and what its files hold.

    It says nothing of when it was closed: closed anew from nothing, a month is the same to the byte.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: str = Field(description="Mode and connected account.")
    month: str
    time_zone: str
    prefix: str = Field(default=PREFIX, description="What the numbers of entries begin with in other layouts.")
    begins: str = Field(description="The first instant of the month, UTC.")
    ends: str = Field(description="The first instant that is no longer in it, UTC.")
    transactions: int
    late: tuple[str, ...] = Field(description="Transactions of months before that came after those were closed.")
    opening: Sums
    movement: Sums
    closing: Sums
    in_transit: Sums = Field(description="What was on its way to the bank at the end.")
    files: dict[str, str] = Field(description="SHA-256 of each file, by its name.")

    def in_json(self) -> str:
        return self.model_dump_json(indent=2) + "\n"


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


class Folder:
    """The folder of the books, by path or by a URL that fsspec can write to; in it a folder a month."""

    def __init__(self, place: str) -> None:
        """Begin with a place; nothing of it need be there.

        Raises:
            OSError: There is no writing to such a place from here.
        """
        # fsspec and what it opens are not typed.
        untyped: Any = fsspec
        try:
            self._files, self._root = untyped.core.url_to_fs(place)
            protocol = self._files.protocol
        except (ImportError, ValueError) as error:
            raise OSError(f"the folder of the books cannot be opened here: {error}") from error
        self._protocols: tuple[str, ...] = (protocol,) if isinstance(protocol, str) else tuple(protocol)

    def read(self, month: Month, name: str) -> str | None:
        """Read a file of a month, if it is there."""
        try:
            data: bytes = self._files.cat_file(self._path(month, name))
        except FileNotFoundError:
            return None
        # What another program wrote in its own encoding is not what was closed, and is told of as that.
        return data.decode(errors="replace")

    def write(self, month: Month, name: str, text: str) -> None:
        """Write a file of a month: all of it is there, or nothing of it."""
        path = self._path(month, name)
        if "file" not in self._protocols:
            self._files.pipe_file(path, text.encode())
            return
        whole = Path(path)
        whole.parent.mkdir(parents=True, exist_ok=True)
        part = whole.with_name(f".{name}.{os.getpid()}")
        with part.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(whole)

    def _path(self, month: Month, name: str) -> str:
        return f"{str(self._root).rstrip('/')}/{month}/{name}"

    def manifest(self, month: Month, account: str, time_zone: str) -> Manifest | None:
        """Read what is known of a month that is closed, and see that it was closed for this account and time zone.

        Raises:
            BooksError: It was closed for another, or cannot be read.
        """
        text = self.read(month, NAME)
        if text is None:
            return None
        try:
            found = Manifest.model_validate_json(text)
        except ValidationError as error:
            raise BooksError(
                f"the manifest of {month} cannot be read", [Difference(NAME, "a manifest", str(error.error_count()))]
            ) from error
        stop_at(
            f"{month} was closed for something else",
            [
                Difference(about, wanted, there)
                for about, wanted, there in (
                    ("account", account, found.account),
                    ("time zone", time_zone, found.time_zone),
                    ("month", str(month), found.month),
                )
                if wanted != there
            ],
        )
        return found

    def intact(self, month: Month, manifest: Manifest) -> dict[str, str]:
        """Return the files of a closed month.

        Raises:
            BooksError: They are not what was closed.
        """
        there = {name: self.read(month, name) for name in manifest.files}
        stop_at(
            f"the files of {month} are not what was closed",
            [
                Difference(name, f"SHA-256 {wanted}", "nothing" if (text := there[name]) is None else digest(text))
                for name, wanted in manifest.files.items()
                if (text := there[name]) is None or digest(text) != wanted
            ],
        )
        return {name: text for name, text in there.items() if text is not None}

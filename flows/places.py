"""Files by path or URL: read through a copy of one's own, and written where they are wanted."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, Any
from urllib.parse import urlsplit

import fsspec
import httpx


def name_of(place: str | Path) -> str:
    """Return a file's own name: what a URL carries behind it may be a secret.

    Example:
        >>> name_of("https://files.example.com/2026/orders.csv?signature=hush")
        'orders.csv'
    """
    text = str(place)
    return PurePosixPath(urlsplit(text).path if "://" in text else text).name or "file"


def named_twice(*places: str | None) -> str | None:
    """Return the first place that is the same file as one before it, however it is spelt; None where there is none."""
    seen: set[str] = set()
    for place in filter(None, places):
        path = Path(text := place.removeprefix("file://"))
        where = text if "://" in text else str(path.resolve())
        if where in seen and (path.is_file() or not path.exists()):  # as /dev/null is not
            return place
        seen.add(where)
    return None


@contextmanager
def local_copy(place: str | Path) -> Generator[Path]:
    """Copy a file, so that it stays as it is for as long as it is worked on.

    Args:
        place: A path, an `http(s)` URL, or one of any scheme that fsspec knows here, such as `s3://bucket/orders.csv`.

    Raises:
        OSError: It cannot be read; the message names it without what a URL carries behind the path.
    """
    with TemporaryDirectory(prefix="prefect-stripe-") as folder:
        path = Path(folder, "copy")
        with path.open("wb") as copy:
            if str(place).startswith(("http://", "https://")):
                _download(str(place), copy)
            else:
                with _opened(place, "rb") as file:
                    shutil.copyfileobj(file, copy)
        yield path


@contextmanager
def writing(place: str | Path) -> Generator[IO[str]]:
    """Write a text file, by path or by a URL that fsspec can write to.

    A file that is there gives way to a new one: whoever is still writing it, as a worker that was taken for dead, does
    not write in between.

    Raises:
        OSError: It cannot be written there.
    """
    path = Path(place)
    if "://" not in str(place) and path.is_file() and not path.is_symlink():
        with suppress(PermissionError):
            path.unlink()
    with _opened(place, "w", encoding="utf-8", newline="") as file:
        yield file


@contextmanager
def _opened(place: str | Path, mode: str, **options: Any) -> Generator[Any]:
    # fsspec and what it opens are not typed.
    untyped: Any = fsspec
    try:
        opening = untyped.open(str(place), mode, **options)
    except (ImportError, ValueError) as error:
        raise OSError(f"{name_of(place)} is at a place that cannot be opened here: {error}") from error
    with opening as file:
        yield file


def _download(url: str, copy: IO[bytes]) -> None:
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=60) as answer:
            if answer.is_error:
                raise OSError(f"{name_of(url)} could not be fetched: {answer.status_code} {answer.reason_phrase}")
            for chunk in answer.iter_bytes():
                copy.write(chunk)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OSError(f"{name_of(url)} could not be fetched: {type(error).__name__}") from None

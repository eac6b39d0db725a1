"""Databases by path or SQLAlchemy URL: passwords are for the environment, never for a flow's parameters."""

from __future__ import annotations

import os
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool

SECONDS_TO_WAIT: Final = 60
"""For so long a SQLite file is waited for that another writes to."""


def url_at(place: str, variable: str, files: str) -> URL | None:
    """Return the URL of a place, or else of what the environment names; None where there is neither.

    Args:
        place: A path, or a SQLAlchemy URL without a password.
        variable: The variable of the environment that names one where `place` is empty; a password may be in it.
        files: Which database a path is of, as SQLAlchemy names it.

    Raises:
        ValueError: It is neither, or a password stands where everybody reads it.
    """
    if place and "://" in place and _has_secret(_url(place, files)):
        # A flow's parameters are kept in clear, and shown.
        raise ValueError(f"its URL holds a password: put it into the variable {variable} of the worker")
    place = place or os.environ.get(variable, "")
    return _url(place, files) if place else None


def _url(place: str, files: str) -> URL:
    try:
        return make_url(place if "://" in place else f"{files}:///{place}")
    except (ArgumentError, ValueError):
        raise ValueError("it is no path and no SQLAlchemy URL") from None


def _has_secret(url: URL) -> bool:
    # Drivers take a password by the query, too, each by a name of its own; some a whole string of them.
    named = any(
        word in name.lower() for name in url.query for word in ("pass", "pwd", "secret", "token", "odbc_connect")
    )
    return bool(url.password) or named


def shown(url: URL) -> str:
    """Write a URL without what may be secret in it."""
    return url.set(query={}).render_as_string(hide_password=True)


def engine_at(url: URL) -> Engine:
    """Open a database."""
    if url.get_backend_name() == "duckdb":
        # A connection that is kept would keep everybody else from the file.
        return create_engine(url, poolclass=NullPool)
    if url.get_backend_name() != "sqlite":
        return create_engine(url)
    engine = create_engine(url, connect_args={"timeout": SECONDS_TO_WAIT})

    # Python's driver begins a transaction at the first write: too late, if another wrote since it read.
    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begun(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def reason_of(error: Exception) -> str:
    """Say in words why a database cannot be used."""
    if isinstance(error, (NoSuchModuleError, ImportError)):
        return "its driver is not installed here"
    return str(getattr(error, "orig", None) or error)

"""What a team's server stands on: nothing but a file, or Postgres and Redis, as Debian has them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from tests.workers.ground import HOST, eventually, free_port, started

COMPOSE: Final = Path(__file__).parents[2] / "deployments" / "compose.yaml"
POSTGRES: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@contextmanager
def sqlite(home: Path) -> Generator[dict[str, str]]:
    """Yield the settings of a server that keeps a file."""
    yield {}


@contextmanager
def postgres_and_redis(home: Path) -> Generator[dict[str, str]]:
    """Start both, and yield the settings of a server on them: those of the compose file, with other addresses."""
    redis_port = free_port()
    redis = ["redis-server", "--bind", HOST, "--port", str(redis_port), "--save", "", "--dir", str(home)]
    with started(redis, home / "redis.log", os.environ), postgres(home / "postgres.log") as port:
        eventually(lambda: _answers("redis-cli", "-h", HOST, "-p", str(redis_port), "ping"), "Redis answers")
        compose: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
        settings: Mapping[str, str] = compose["x-server-environment"]
        yield {
            name: value.replace("${POSTGRES_PASSWORD:-prefect}@postgres:5432", f"@{HOST}:{port}").replace(
                "redis:6379", f"{HOST}:{redis_port}"
            )
            for name, value in settings.items()
        }


@contextmanager
def postgres(log: Path) -> Generator[int]:
    """Run a cluster of our own; by the user that Debian's package made, where we are root, whom Postgres refuses.

    Yields:
        The port on which it has a database `prefect`, of a user of that name.
    """
    port = free_port()
    assert POSTGRES, "there is no Postgres: make test-scale installs it on Debian"
    programs = POSTGRES[-1]
    user = ["runuser", "--user", "postgres", "--"] if os.geteuid() == 0 else []
    # Not in the folder of the tests, which that user may not enter.
    with TemporaryDirectory(prefix="prefect-stripe-postgres-") as folder:
        if user:
            shutil.chown(folder, "postgres", "postgres")
        init = [*user, str(programs / "initdb"), "--pgdata", folder, "--username", "prefect", "--auth", "trust"]
        subprocess.run(init, check=True, capture_output=True, cwd=folder)
        options = ["-c", "unix_socket_directories=", "-c", "max_connections=200"]
        serve = [*user, str(programs / "postgres"), "-D", folder, "-h", HOST, "-p", str(port), *options]
        with started(serve, log, os.environ, cwd=Path(folder)):
            where = ["--host", HOST, "--port", str(port), "--username", "prefect"]
            eventually(lambda: _answers(str(programs / "pg_isready"), *where), "Postgres answers")
            subprocess.run([str(programs / "createdb"), *where, "prefect"], check=True, capture_output=True)
            yield port


def _answers(*command: str) -> bool | None:
    return True if subprocess.run(command, capture_output=True, check=False).returncode == 0 else None


BACKENDS: Final = {"SQLite": sqlite, "Postgres and Redis": postgres_and_redis}

"""The processes that workers start for runs: found, killed, stopped and continued."""

from __future__ import annotations

from pathlib import Path


def process_of(run: str) -> int:
    """The process that a worker started for a run.

    Raises:
        AssertionError: There is none.
    """
    if found := processes_of(run):
        return found[0]
    raise AssertionError(f"no process runs {run}")


def processes_of(run: str) -> list[int]:
    """The processes that workers started for a run, and that are there still."""
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                environment = (folder / "environ").read_bytes().split(b"\0")
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue  # it has ended, or is another's
            if f"PREFECT__FLOW_RUN_ID={run}".encode() in environment and b"prefect" in command:
                found.append(int(folder.name))
    return found


def family_of(process: int) -> list[int]:
    """A process and all that it started, and what those started."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # Behind the name of the command, which is in brackets and may be anything: the state, and the parent.
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended
    family = [process]
    for one in family:
        family += [child for child, parent in parents.items() if parent == one]
    return family

"""The matrix as it is printed: how many cases there were, and how many of them did not hold."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tests.chaos.cases import Result
from tests.chaos.matrix import Disturbed
from tests.chaos.recoveries import AT_LEAST_ONCE, RECOVERIES
from tests.chaos.troubles import KILLS, TROUBLES

Cell = tuple[int, int]


@dataclass
class Tally:
    """What has been seen so far."""

    cases: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    wrong: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    findings: list[Result] = field(default_factory=list[Result])
    again: Counter[str] = field(default_factory=Counter[str])
    further_runs: Counter[str] = field(default_factory=Counter[str])
    schedules: int = 0
    troubles: int = 0
    disturbed: list[Disturbed] = field(default_factory=list[Disturbed])

    @property
    def held(self) -> bool:
        """Whether all of it held."""
        return not self.findings and not self.disturbed

    def take(self, result: Result) -> None:
        """Count a case."""
        where = (f"{result.case.lifecycle}: {result.case.path}", result.case.trouble, result.case.recovery)
        self.cases[where] += 1
        self.again.update(result.again)
        self.further_runs[result.case.recovery] += result.runs > 0
        if result.problems:
            self.wrong[where] += 1
            self.findings.append(result)

    def take_schedule(self, seen: Disturbed) -> None:
        """Count a schedule."""
        self.schedules += 1
        self.troubles += seen.troubles
        if seen.problems:
            self.disturbed.append(seen)

    def by(self, row: int, names: Iterable[str]) -> str:
        """Write a table of one side of the matrix and the recoveries: cases, and after a slash those that failed."""
        cells: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        for counts, column in ((self.cases, 0), (self.wrong, 1)):
            for where, count in counts.items():
                cells[where[row], where[2]][column] += count
        there = {where[row] for where in self.cases}
        return table(
            [name for name in names if name in there],
            list(RECOVERIES),
            lambda name, recovery: (cells[name, recovery][0], cells[name, recovery][1]),
        )


def table(rows: Sequence[str], columns: Sequence[str], cell: Callable[[str, str], Cell]) -> str:
    """Write a table of counts with sums."""
    cells = [[cell(row, column) for column in columns] for row in rows]
    whole = [[*line, _sum(line)] for line in cells]
    whole.append([_sum([line[at] for line in whole]) for at in range(len(columns) + 1)])
    width, widths = max(len("in all"), *map(len, rows)) if rows else 6, [max(9, len(name) + 2) for name in columns]
    widths.append(9)
    heads = "".join(name.rjust(wide) for name, wide in zip((*columns, "in all"), widths, strict=True))
    lines = [" " * width + heads]
    for name, line in zip((*rows, "in all"), whole, strict=True):
        lines.append(name.ljust(width) + "".join(_cell(c).rjust(w) for c, w in zip(line, widths, strict=True)))
    return "\n".join(lines)


def _sum(cells: Sequence[Cell]) -> Cell:
    return sum(cases for cases, _ in cells), sum(wrong for _, wrong in cells)


def _cell(cell: Cell) -> str:
    cases, wrong = cell
    return f"{cases}/{wrong}" if wrong else str(cases) if cases else "-"


def legend() -> str:
    """Say what the recoveries are, and how they are done without Prefect."""
    width = max(map(len, RECOVERIES))
    lines = [f"  {name.ljust(width)}  {recovery.told}" for name, recovery in RECOVERIES.items()]
    return "\n".join(
        [
            "Recoveries, as the plain driver has them, which runs the same process as the flow does, without Prefect:",
            *lines,
            "A process depends on the order and the account alone, not on the run: so a retry of a flow, a run picked",
            "up by another worker and a new run differ in who does it and in what the first still does, not in the",
            "keys. The flows on a real Prefect server are a part of their own, below.",
        ]
    )


def matrix(tally: Tally, paths: Iterable[str]) -> str:
    """Write the matrix: cases, and after a slash those that did not hold."""
    named = [
        f"  {row.kind}, {tally.again[row.kind]} cases: {row.reason}" for row in AT_LEAST_ONCE if tally.again[row.kind]
    ]
    further = ", ".join(f"{name} {count}" for name, count in tally.further_runs.items() if count) or "none"
    return "\n\n".join(
        [
            "Cases by path and recovery (after a slash: not held)\n" + tally.by(0, paths),
            "Cases by trouble and recovery (after a slash: not held)\n" + tally.by(1, [*TROUBLES, *KILLS]),
            f"Cases that took another run than the recovery's own: {further}",
            "Done once more than once, which cannot be helped, and is named:\n" + ("\n".join(named) or "  nothing"),
        ]
    )


def findings(tally: Tally, option: str = "--case", most: int = 200) -> str:
    """Write down each case that did not hold, and how to see it again: by this option of `make chaos`."""
    lines: list[str] = []
    for result in sorted(tally.findings, key=lambda one: str(one.case))[:most]:
        lines += [f"\n{result.case}   (exchange {result.case.place} is {result.operation})"]
        lines += [f"  {problem}" for problem in result.problems]
        lines += [f"  again: {command(option, str(result.case))}"]
    for seen in sorted(tally.disturbed, key=lambda one: one.name)[:most]:
        lines += [f"\nschedule {seen.name}: {seen.told}", *(f"  {problem}" for problem in seen.problems)]
        lines += [f"  again: {command('--schedule', seen.name)}"]
    left = len(tally.findings) + len(tally.disturbed) - 2 * most
    return "\n".join(lines) + (f"\nand perhaps {left} more" if left > 0 else "")


def command(*given: str) -> str:
    """Write a command so that a shell, and then make's, take it as it is meant; names have apostrophes in them.

    Example:
        >>> print(command("--case", "invoice | paid | 1 | 429 | new run"))
        make chaos CHAOS_ARGS='--case "invoice | paid | 1 | 429 | new run"'
    """
    words = " ".join(part if part.replace("-", "").replace(":", "").isalnum() else f'"{part}"' for part in given)
    quoted = '"' + words.replace('"', r"\"") + '"' if "'" in words else f"'{words}'"
    return f"make chaos CHAOS_ARGS={quoted}" if given else "make chaos"

"""The rows of a small CSV file that somebody keeps by hand, told apart with certainty or not at all."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator


def numbered_rows(
    lines: Iterable[str], needed: Iterable[str], what: str, error: type[Exception]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a file, each with its number, of which the header has the first; a blank cell is "".

    Args:
        lines: Of the file.
        needed: The columns that it must have.
        what: What messages call it.
        error: What is raised.

    Raises:
        error: A column is missing; or a row has more cells than the header, or a quote that does not end, so that a
            comma that belongs to a name or an amount would have cut it.
    """
    reader = csv.DictReader(lines, restkey="", restval="", strict=True)
    number = 0
    try:
        if missing := set(needed) - set(reader.fieldnames or ()):
            raise error(f"{what} lacks the columns {', '.join(sorted(missing))}")
        number = 1
        for number, row in enumerate(reader, 2):
            if any(row.pop("", ())):
                raise error(f"row {number} of {what} has more cells than the header: quote those with a comma in them")
            yield number, {name: cell.strip() for name, cell in row.items()}
    except csv.Error as reason:
        raise error(f"row {number + 1} of {what} is no CSV: {reason}") from reason

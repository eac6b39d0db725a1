"""Pictures for reports: drawn here, and carried inside the report, so that the Prefect UI shows them by itself."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prefect_stripe.money import exponent

COMES: Final = "#1b7f79"
GOES: Final = "#d1603d"
STANDS: Final = "#3b4a6b"
SHADES: Final = ("#9fb3c8", "#f2c14e", "#f08a4b", "#d1603d", "#a63446", "#5b1a35")
MOST_PANELS: Final = 6
"""How many currencies a picture shows at the most: those with the most in them."""


@dataclass(frozen=True)
class Bars:
    """The bars of one currency, from left to right.

    Attributes:
        currency: Three-letter code, lower case.
        bars: Each with its name and minor units.
        stands: The names of those that stand on the ground; the others begin where the one before them ends.
    """

    currency: str
    bars: Sequence[tuple[str, int]]
    stands: frozenset[str]


def waterfall(panels: Sequence[Bars], title: str) -> bytes:
    """Draw how balances came about, a panel a currency, as PNG."""
    chosen = sorted(panels, key=lambda panel: -max(abs(amount) for _, amount in panel.bars))[:MOST_PANELS]
    figure, axes = _panels(len(chosen), title)
    for panel, axis in zip(sorted(chosen, key=lambda panel: panel.currency), axes, strict=True):
        top = 0
        for place, (name, amount) in enumerate(panel.bars):
            bottom = 0 if name in panel.stands else top
            top = bottom + amount
            color = STANDS if name in panel.stands else COMES if amount >= 0 else GOES
            axis.bar(place, _major(amount, panel.currency), bottom=_major(bottom, panel.currency), color=color)
        _dress(axis, panel.currency, [name for name, _ in panel.bars])
    return _png(figure)


def stacks(panels: Mapping[str, Sequence[tuple[str, int]]], title: str) -> bytes:
    """Draw what each of some buckets holds, a panel a currency, as PNG."""
    chosen = sorted(panels, key=lambda name: -sum(amount for _, amount in panels[name]))[:MOST_PANELS]
    figure, axes = _panels(len(chosen), title)
    for currency, axis in zip(sorted(chosen), axes, strict=True):
        for place, (_, amount) in enumerate(panels[currency]):
            axis.bar(place, _major(amount, currency), color=SHADES[min(place, len(SHADES) - 1)])
        _dress(axis, currency, [name for name, _ in panels[currency]])
    return _png(figure)


def growth(points: Sequence[tuple[float, Mapping[str, int]]], title: str) -> bytes:
    """Draw how many there were of each kind as time went on, one above the other, as PNG.

    Args:
        points: Seconds since the beginning, and how many of each kind there were then.
        title: What is counted.
    """
    figure, (axis,) = _panels(1, title)
    kinds = sorted({kind for _, counts in points for kind in counts}, key=lambda kind: -points[-1][1].get(kind, 0))
    unit, seconds = ("minutes", 60) if points[-1][0] >= 120 else ("seconds", 1)
    counts = [[at.get(kind, 0) for _, at in points] for kind in kinds]
    shades = [COMES, STANDS, *SHADES][: len(kinds)]
    axis.stackplot(
        [at / seconds for at, _ in points], counts, labels=[kind.replace("_", " ") for kind in kinds], colors=shades
    )
    axis.set_xlabel(unit, fontsize=8)
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(loc="upper left", fontsize=8, frameon=False)
    return _png(figure)


def in_markdown(picture: bytes, words: str) -> str:
    """Return a picture as Markdown that holds it whole."""
    return f"![{words}](data:image/png;base64,{b64encode(picture).decode()})"


def _panels(count: int, title: str) -> tuple[Any, Sequence[Any]]:
    # It takes half a second to import, and only reports need it; without pyplot it needs no display and keeps nothing.
    # What it draws on is untyped in places.
    from matplotlib.figure import Figure

    columns = 2 if count in {2, 4} else min(max(count, 1), 3)
    rows = -(-max(count, 1) // columns)
    figure: Any = Figure(figsize=(4.2 * columns, 3.4 * rows), layout="constrained")
    figure.suptitle(title)
    grid: Any = figure.subplots(rows, columns, squeeze=False)
    axes: list[Any] = list(grid.flat)
    for unused in axes[count:]:
        unused.set_axis_off()
    return figure, axes[:count]


def _dress(axis: Any, currency: str, names: Sequence[str]) -> None:
    axis.set_title(currency.upper(), loc="left", fontsize=10)
    axis.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=8)
    axis.yaxis.set_major_formatter("{x:,.0f}")
    axis.tick_params(axis="y", labelsize=8)
    axis.axhline(0, color="black", linewidth=0.8)
    axis.spines[["top", "right"]].set_visible(False)


def _major(amount: int, currency: str) -> float:
    # As high as it is drawn: no figure is taken from a picture.
    return float(amount / 10 ** exponent(currency))


def _png(figure: Any) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110, metadata={"Software": None})
    return file.getvalue()

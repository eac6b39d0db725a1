"""The amounts of tables that were extracted, in major units, for whoever reads them as such."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from prefect_stripe.fields import FIELDS
from prefect_stripe.money import major_units

if TYPE_CHECKING:
    from prefect_stripe.flows.arrow import Array, Table

_COUNTS: Final = frozenset({"attempt_count", "days_until_due", "next_invoice_sequence", "pending_webhooks", "quantity"})
AMOUNTS: Final = (
    frozenset(name for fields in FIELDS.values() for name, kind in fields.items() if kind == "integer") - _COUNTS
)
"""The columns of whole minor units."""


def in_major_units(table: Table, *, currency: str = "currency") -> Table:
    """Return a table with each amount of minor units as an exact decimal of its currency's major unit.

    1250 is 12.50 USD, 1250 JPY, and 1.250 KWD.

    Args:
        table: A table that was extracted; its amounts are named in `AMOUNTS`.
        currency: The column of three-letter codes.

    Returns:
        The same table; its amounts are `decimal128(38, 3)`.

    Raises:
        ValueError: A currency that Stripe does not support.
        KeyError: There is no such column of currencies.

    Example:
        >>> import pyarrow as pa
        >>> table = pa.table({"amount": [1250, 1250, 1250], "currency": ["usd", "jpy", "kwd"]})
        >>> in_major_units(table)["amount"].to_pylist()
        [Decimal('12.500'), Decimal('1250.000'), Decimal('1.250')]
    """
    # Loaded when it is used: most of those who run our flows have no tables in memory.
    from prefect_stripe.flows.arrow import pa

    codes = table.column(currency)
    codes = codes.cast(pa.string()) if pa.types.is_dictionary(codes.type) else codes
    for name in table.column_names:
        if name in AMOUNTS:
            major = pa.array(_major(table.column(name), codes), pa.decimal128(38, 3))
            table = table.set_column(table.column_names.index(name), name, pa.chunked_array([major]))
    return table


def _major(amounts: Array, codes: Array) -> list[Decimal | None]:
    return [
        None if amount is None or code is None else major_units(amount, code)
        for amount, code in zip(amounts.to_pylist(), codes.to_pylist(), strict=True)
    ]

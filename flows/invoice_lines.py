"""The lines of a draft: made once each, corrected, and held to the order's total before anything is finalized.

Stripe pages: "Create an invoice item", "Bulk update invoice line items".
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from prefect_stripe.client import InvalidRequestError
from prefect_stripe.client.identity import fingerprint
from prefect_stripe.flows.business import Rejected, Steps, StripeObject
from prefect_stripe.flows.orders import OrderLine
from prefect_stripe.flows.process import Note, Process
from prefect_stripe.money import format_amount

if TYPE_CHECKING:
    from prefect_stripe.flows.invoice_process import InvoiceWork

SLOT: Final = "prefect_stripe_slot"


def slot_of(number: int) -> str:
    """Name the place of a line in its order, counted from 1."""
    return f"line-{number}"


class Lines:
    """Makes a draft's lines be those of its order."""

    def __init__(self, work: InvoiceWork) -> None:
        self.work = work
        self.order = work.order
        self.business = work.business
        self._foreign = 0

    def converge(self) -> Steps:
        """Add, correct and remove lines until they are the order's, then tie out.

        Raises:
            Rejected: The draft does not come to what the order does.
        """
        present = yield from self._present()
        missing = [
            (number, line) for number, line in enumerate(self.order.lines, start=1) if slot_of(number) not in present
        ]
        for number, line in missing:
            yield from self._add(number, line)
        if missing:
            present = yield from self._present()
        yield from self._correct(present)
        yield from self._tie_out()

    def _present(self) -> Process[dict[str, StripeObject]]:
        """Read the draft's lines by slot, having removed those of ours that are no longer wanted."""
        invoice = self.work.invoice["id"]
        page = yield from self.business.read(self.work.label("read the lines of"), "list_invoice_line_items", invoice)
        wanted = {slot_of(number) for number in range(1, len(self.order.lines) + 1)}
        present: dict[str, StripeObject] = {}
        self._foreign = 0
        for line in page["data"]:
            slot = (line.get("metadata") or {}).get(SLOT)
            if slot is None:
                self._foreign += 1
            elif slot in wanted and slot not in present:
                present[slot] = line
            else:
                yield from self._remove(line)
        return present

    def _add(self, number: int, line: OrderLine) -> Steps:
        invoice = self.work.invoice["id"]
        params: dict[str, Any] = {
            "customer": self.work.customer,
            # Without it the item would wait for, and land on, whatever invoice comes next.
            "invoice": invoice,
            "description": line.description,
            "quantity": line.quantity,
            "metadata": {SLOT: slot_of(number)},
        }
        if line.price is not None:
            params["pricing"] = {"price": line.price}
        else:
            params |= {"currency": self.order.currency, "unit_amount_decimal": str(line.unit_amount)}

        def look(answered: StripeObject | None) -> Process[StripeObject | None]:
            if answered is None:
                return (yield from self._present()).get(slot_of(number))
            return (yield from self._alive(answered["id"]))

        yield from self.business.write(
            f"add line {number} to {invoice} for {self.order.external_id}",
            "create_invoice_item",
            slot=slot_of(number),
            about=(invoice,),
            look=look,
            params=params,
        )

    def _alive(self, item: str) -> Process[StripeObject | None]:
        try:
            seen = yield from self.business.read(self.work.label("read", item), "retrieve_invoice_item", item)
        except InvalidRequestError as error:
            if error.http_status != 404:
                raise
            return None
        return seen if not seen.get("deleted") and seen.get("invoice") == self.work.invoice["id"] else None

    def _remove(self, line: StripeObject) -> Steps:
        item = line["parent"]["invoice_item_details"]["invoice_item"]

        def look(_: StripeObject | None) -> Process[StripeObject | None]:
            alive = yield from self._alive(item)
            return None if alive else {"id": item, "deleted": True}

        yield from self.business.write(
            self.work.label("remove a line that is no longer ordered from"),
            "delete_invoice_item",
            item,
            slot="remove",
            look=look,
        )

    def _correct(self, present: dict[str, StripeObject]) -> Steps:
        changes = [
            change
            for number, line in enumerate(self.order.final_lines, start=1)
            if (change := self._difference(present[slot_of(number)], line))
        ]
        if not changes:
            yield from self.work.reread()
            return

        def look(_: StripeObject | None) -> Process[StripeObject | None]:
            now = yield from self._present()
            wanted = enumerate(self.order.final_lines, start=1)
            if any(self._difference(now[slot_of(number)], line) for number, line in wanted):
                return None
            return (yield from self.work.reread())

        self.work.invoice = yield from self.business.write(
            self.work.label(f"update {len(changes)} line{'s' * (len(changes) > 1)} of"),
            "update_invoice_lines",
            self.work.invoice["id"],
            slot=f"lines-{fingerprint(changes)}",
            look=look,
            params={"lines": changes},
        )

    def _difference(self, seen: StripeObject, wanted: OrderLine) -> dict[str, Any]:
        """Return what `update_invoice_lines` must be told to make a line what it should be; empty if it is."""
        change: dict[str, Any] = {}
        pricing = seen.get("pricing") or {}
        if wanted.price is not None:
            if (pricing.get("price_details") or {}).get("price") != wanted.price:
                change["pricing"] = {"price": wanted.price}
        elif Decimal(str(pricing.get("unit_amount_decimal") or 0)) != wanted.unit_amount:
            change["price_data"] = {
                "currency": self.order.currency,
                "unit_amount_decimal": str(wanted.unit_amount),
                "product_data": {"name": wanted.description},
            }
        if seen.get("quantity") != wanted.quantity:
            change["quantity"] = wanted.quantity
        if wanted.description is not None and seen.get("description") != wanted.description:
            change["description"] = wanted.description
        return {"id": seen["id"], **change} if change else {}

    def _tie_out(self) -> Steps:
        expected = self.order.total
        if expected is None:
            expected = yield from self._expected_total()
        currency, total = self.order.currency, self.work.invoice["total"]
        if total != expected:
            raise Rejected(
                f"does not tie out: the draft {self.work.invoice['id']} comes to {format_amount(total, currency)} "
                f"({total}), the order to {format_amount(expected, currency)} ({expected})"
                + (f"; the draft has {self._foreign} lines that are not the order's" if self._foreign else "")
                + "; it stays a draft"
            )
        yield Note(f"ties out at {format_amount(total, currency)}", self.work.invoice)

    def _expected_total(self) -> Process[int]:
        total = 0
        for number, line in enumerate(self.order.final_lines, start=1):
            unit_amount = line.unit_amount
            if line.price is not None:
                price = yield from self.business.read(self.work.label("read", line.price), "retrieve_price", line.price)
                unit_amount = price.get("unit_amount")
            if unit_amount is None:
                raise Rejected(f"line {number}: the price {line.price} has no fixed amount; state the order's total")
            total += unit_amount * line.quantity
        return total

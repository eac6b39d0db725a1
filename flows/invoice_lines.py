"""The lines of a draft: made once each, corrected, and held to the order's total before anything is finalized.

Stripe pages: "Create an invoice item", "Bulk update invoice line items".
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from prefect_stripe.client import InvalidRequestError
from prefect_stripe.client.identity import fingerprint
from prefect_stripe.flows.business import Rejected, Steps, StripeObject, metadata_of
from prefect_stripe.flows.orders import InvoiceOrder, OrderLine
from prefect_stripe.flows.process import Process
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
        self.business = work.business
        self._foreign = 0
        self._expected: tuple[InvoiceOrder, int] | None = None

    @property
    def order(self) -> InvoiceOrder:
        """The order as it is to be invoiced: a person may change it on the way."""
        return self.work.order

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
        yield from self.tie_out()

    def _present(self) -> Process[dict[str, StripeObject]]:
        """Read the draft's lines by slot, having removed those of ours that are no longer wanted."""
        invoice = self.work.invoice["id"]
        page = yield from self.business.read(self.work.label("read the lines of"), "list_invoice_line_items", invoice)
        wanted = {slot_of(number): line for number, line in enumerate(self.order.lines, start=1)}
        present: dict[str, StripeObject] = {}
        self._foreign = 0
        for line in page["data"]:
            slot = metadata_of(line).get(SLOT)
            if slot is None:
                self._foreign += 1
            elif slot in wanted and slot not in present and wanted[slot].price in (None, _price_of(line)):
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
        ours = seen.get("invoice") == self.work.invoice["id"] and SLOT in metadata_of(seen)
        return seen if ours and not seen.get("deleted") else None

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
        if gone := self._slots.keys() - present.keys():
            raise Rejected(
                f"{', '.join(sorted(gone))} of the draft {self.work.invoice['id']} went while it was worked on: run it "
                "again, once nobody else works on it"
            )
        changes = self._differences(present)
        if not changes:
            yield from self.work.reread()
            return

        def look(_: StripeObject | None) -> Process[StripeObject | None]:
            present = yield from self._present()
            if self._slots.keys() - present.keys() or self._differences(present):
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

    def _differences(self, present: dict[str, StripeObject]) -> list[dict[str, Any]]:
        """Return what `update_invoice_lines` must be told, for the lines that are not yet what they should be."""
        differences = (self._difference(line, self._slots[slot]) for slot, line in present.items())
        return [change for change in differences if change]

    @property
    def _slots(self) -> dict[str, OrderLine]:
        return {slot_of(number): line for number, line in enumerate(self.order.final_lines, start=1)}

    def _difference(self, seen: StripeObject, wanted: OrderLine) -> dict[str, Any]:
        change: dict[str, Any] = {}
        unit_amount = Decimal(str(_pricing_of(seen).get("unit_amount_decimal") or 0))
        if wanted.unit_amount is not None and unit_amount != wanted.unit_amount:
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

    def tie_out(self) -> Steps:
        """Refuse to go on with an invoice that does not come to what the order does, or that would charge more."""
        expected = yield from self.expected()
        currency, seen = self.order.currency, self.work.invoice
        # What the customer owes from before Stripe adds to what is due, and not to the total.
        owed = max(seen["amount_due"] - seen["total"], 0)
        comes = seen["total"] + owed
        # A copy of an invoice has its marks, and may be in another currency.
        if (seen["total"], seen["currency"]) == (expected, currency) and not owed:
            return
        draft = seen["status"] == "draft"
        foreign = f"; {_lines(self._foreign)} not the order's" if self._foreign else ""
        if owed:
            foreign += (
                f"; {format_amount(owed, seen['currency'])} of it is what the customer owes by their balance at Stripe:"
                " set that balance right, or bill it by itself"
            )
        raise Rejected(
            f"does not tie out: the {'draft' if draft else 'invoice'} {seen['id']} comes to "
            f"{format_amount(comes, seen['currency'])} ({comes}), the order to "
            f"{format_amount(expected, currency)} ({expected}){foreign}; "
            + ("it stays a draft" if draft else f"it is {seen['status']}, and nothing more is done with it")
        )

    def compare(self) -> Steps:
        """Refuse a finalized invoice whose lines are not the order's.

        Its total may be the order's all the same, if two versions of the order were at work on one draft.
        """
        invoice = self.work.invoice
        lines: list[StripeObject] = invoice["lines"]["data"]
        if invoice["lines"]["has_more"]:
            label = self.work.label("read the lines of")
            lines = (yield from self.business.read(label, "list_invoice_line_items", invoice["id"]))["data"]
        slots = {slot: line for line in lines if (slot := metadata_of(line).get(SLOT)) in self._slots}
        ours = [line for line in lines if SLOT in metadata_of(line)]
        if len(slots) != len(self._slots) or len(ours) != len(slots) or self._differences(slots):
            raise Rejected(
                f"the invoice {invoice['id']} comes to the order's total, and its lines are not the order's: another "
                f"version of the order, or somebody, was at work on it. {self.work.versions()}"
            )

    def expected(self) -> Process[int]:
        """Return what the order comes to, in minor units.

        Raises:
            Rejected: A price has no fixed amount, and the order states no total.
        """
        if self._expected is None or self._expected[0] is not self.order:
            order = self.order
            self._expected = order, (yield from self._sum()) if order.total is None else order.total
        return self._expected[1]

    def _sum(self) -> Process[int]:
        total, known = 0, dict[str, StripeObject]()
        for number, line in enumerate(self.order.final_lines, start=1):
            unit_amount = line.unit_amount
            if line.price is not None:
                if line.price not in known:
                    label = self.work.label("read", line.price)
                    known[line.price] = yield from self.business.read(label, "retrieve_price", line.price)
                unit_amount = known[line.price].get("unit_amount")
            if unit_amount is None:
                raise Rejected(f"line {number}: the price {line.price} has no fixed amount; state the order's total")
            total += unit_amount * line.quantity
        return total


def _price_of(line: StripeObject) -> str | None:
    details: StripeObject | None = _pricing_of(line).get("price_details")
    return details.get("price") if details else None


def _pricing_of(line: StripeObject) -> StripeObject:
    pricing: StripeObject | None = line.get("pricing")
    return pricing or {}


def _lines(count: int) -> str:
    return "1 line of it is" if count == 1 else f"{count} lines of it are"

"""The customer of an order: named by its id, or found by its own business key, or made once.

Stripe pages: "Create a customer", "List all customers", "Search customers".
"""

from __future__ import annotations

from typing import Any, Final

from prefect_stripe.client.search import Clause, search_query
from prefect_stripe.flows.business import DAYS_OF_KEYS, Business, KeyTaken, Rejected, Steps, StripeObject, metadata_of
from prefect_stripe.flows.orders import Order
from prefect_stripe.flows.process import Note, Process

CUSTOMER: Final = "prefect_stripe_customer"


class Customers:
    """Finds or makes the customer that an order names."""

    def __init__(self, order: Order, account: str) -> None:
        self.order = order
        self.external_id = order.customer_external_id
        self.email = order.customer_email
        # A business of its own: fifty orders of a new customer at once name one and the same write. A number may look
        # like an address, and is another customer's then.
        who = f"customer:{self.external_id}" if self.external_id else f"customer-email:{_normalised(self.email)}"
        self.business = Business(who, account)

    def find_or_create(self, of: Business) -> Process[str]:
        """Return the customer's id.

        Raises:
            Rejected: There is no such customer, it was deleted, or more than one matches.
        """
        if self.order.customer is not None:
            customer = yield from of.read(
                f"read {self.order.customer} for {self.order.external_id}", "retrieve_customer", self.order.customer
            )
            if customer.get("deleted"):
                raise Rejected(f"the customer {self.order.customer} was deleted: name another one")
            return self.order.customer
        found = yield from self._find()
        of.now = self.business.now
        if found is None:
            found = yield from self._create()
        if self.external_id and not self._is(found):
            found = yield from self._number(found)
        yield from self._complete(found)
        of.now = max(of.now, self.business.now)
        of.wrote += self.business.wrote
        return str(found["id"])

    @property
    def _who(self) -> str:
        # By number or by order: names of runs and log lines hold no e-mail addresses.
        number = f"customer {self.external_id}" if self.external_id else "the customer"
        return f"{number} of {self.order.external_id}"

    def _find(self) -> Process[StripeObject | None]:
        """Look by e-mail, which a list knows at once, and by what only a search knows: the number, and other spellings.

        What the search does not know yet is younger than the key under which it was created.
        """
        label, matches = f"look for {self._who}", list[StripeObject]()
        for email in dict.fromkeys(filter(None, (self.email, _normalised(self.email)))):
            matches += (yield from self.business.read(label, "list_customers", params={"email": email}))["data"]
        if self.external_id:
            matches += yield from self._search((f"metadata[{CUSTOMER}]", ":", self.external_id))
        if self.email and not any(map(self._may_be, matches)):
            matches += yield from self._search(("email", ":", self.email))
        return (yield from self._pick(matches))

    def _search(self, clause: Clause) -> Process[list[StripeObject]]:
        query = search_query("customers", clause)
        page = yield from self.business.read(f"search for {self._who}", "search_customers", params={"query": query})
        found: list[StripeObject] = page["data"]
        return found

    def _pick(self, customers: list[StripeObject]) -> Process[StripeObject | None]:
        """Return the one that it is: by its number, or where none has that, by an e-mail to which no number belongs."""
        matches = {customer["id"]: customer for customer in customers if self._may_be(customer)}
        known = {id_: customer for id_, customer in matches.items() if self._is(customer)} or matches
        if len(known) > 1:
            raise Rejected(f"{self._who} is not one but {len(known)}: {', '.join(known)}; name one with customer=…")
        for customer in known.values():
            yield Note(f"found {self._who}: {customer['id']}", customer)
            return customer
        return None

    def _is(self, customer: StripeObject) -> bool:
        number = metadata_of(customer).get(CUSTOMER)
        return number == self.external_id if self.external_id else self._has_email(customer)

    def _may_be(self, customer: StripeObject) -> bool:
        number = metadata_of(customer).get(CUSTOMER)
        return self._is(customer) or (number is None and self._has_email(customer))

    def _has_email(self, customer: StripeObject) -> bool:
        return self.email is not None and _normalised(customer.get("email")) == _normalised(self.email)

    def _create(self) -> Process[StripeObject]:
        # No more than who it is, so that its key always fits its parameters: two orders may spell a name in two ways.
        number, email = {"metadata": {CUSTOMER: self.external_id}}, {"email": _normalised(self.email)}

        def look(answered: StripeObject | None) -> Process[StripeObject | None]:
            if answered is None:
                # By list, which knows at once; where it has no address yet, among all that are new.
                new = {"created": {"gte": self.business.ago(DAYS_OF_KEYS)}}
                recent = new if self.external_id else {"email": _normalised(self.email)}
                page = yield from self.business.read(f"look again for {self._who}", "list_customers", params=recent)
                return (yield from self._pick(page["data"]))
            seen = yield from self.business.read(f"read {answered['id']}", "retrieve_customer", answered["id"])
            return None if seen.get("deleted") else seen

        return (
            yield from self.business.write(
                f"create {self._who}",
                "create_customer",
                slot="customer",
                look=look,
                params=number if self.external_id else email,
                renews=False,
            )
        )

    def _number(self, customer: StripeObject) -> Process[StripeObject]:
        """Record the number on a customer that has none; where another number was quicker, it is another's customer.

        Whoever gives this customer a number does so under the same key: Stripe takes the first, and refuses another.
        """
        owner = Business(f"customer:{customer['id']}", self.business.account)

        def look(_: StripeObject | None) -> Process[StripeObject | None]:
            seen = yield from self.business.read(f"read {customer['id']}", "retrieve_customer", customer["id"])
            return seen if self._is(seen) else None

        try:
            numbered = yield from owner.write(
                f"record {self._who} on {customer['id']}",
                "update_customer",
                customer["id"],
                slot="number",
                look=look,
                params={"metadata": {CUSTOMER: self.external_id}},
                renews=False,
            )
        except KeyTaken:
            found = yield from self._find()
            if found is not None and not self._is(found):
                raise
            return found or (yield from self._create())
        self.business.wrote += owner.wrote
        return numbered

    def _complete(self, customer: StripeObject) -> Steps:
        """Say of a customer what the order knows and Stripe does not: nothing that is there is changed."""
        missing = self._missing(customer)
        if not missing:
            return

        def look(_: StripeObject | None) -> Process[StripeObject | None]:
            seen = yield from self.business.read(f"read {customer['id']}", "retrieve_customer", customer["id"])
            return None if self._missing(seen) else seen

        yield from self.business.write(
            f"complete {self._who}, {customer['id']}",
            "update_customer",
            customer["id"],
            slot="details",
            look=look,
            params=missing,
        )

    def _missing(self, customer: StripeObject) -> dict[str, Any]:
        known = {"name": self.order.customer_name, "email": self.email}
        return {name: said for name, said in known.items() if said and not customer.get(name)}


def _normalised(email: str | None) -> str | None:
    return email.strip().lower() if email else None

"""An account at the sandbox in which much is going on, and what a folder holds of it afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

from prefect_stripe.client import ClientConfig, RetryPolicy, StripeClient
from prefect_stripe.flows.arrow import pa, pq
from prefect_stripe.flows.extract_columns import Columns
from prefect_stripe.flows.extract_store import Folder
from prefect_stripe.flows.extract_tables import TABLES
from prefect_stripe.flows.extracting import Extracted, Extraction, extract_table
from prefect_stripe.sandbox import Sandbox

ACCOUNT = "test:"
PATIENT = RetryPolicy(max_retries=8, base=0.001, cap=0.01)

OBJECTS = {name: table.object for name, table in TABLES.items()} | {
    child.table: child.object for table in TABLES.values() if (child := table.child)
}


class Shop:
    """Customers come, change and go, many at once and then none for days; drafts of invoices have many lines."""

    def __init__(self, sandbox: Sandbox, random: Random) -> None:
        self.sandbox = sandbox
        self.random = random
        self.client = StripeClient(ClientConfig(api_key=sandbox.api_key, api_base=sandbox.url, retries=PATIENT))
        self.versions: dict[str, list[dict[str, Any]]] = {}
        """Each object as it was after each write, the oldest first; one that is deleted is a stub."""
        sandbox.clock.freeze()

    @property
    def now(self) -> int:
        return self.sandbox.clock.now()

    def live(self, prefix: str) -> list[str]:
        """The ids of objects that are not deleted."""
        return [id for id, seen in self.versions.items() if id.startswith(prefix) and not seen[-1].get("deleted")]

    def called(self, operation: str, *ids: str, **params: Any) -> dict[str, Any]:
        """Write something, and remember what came of it."""
        data = self.client.call(operation, *ids, params=params).data
        self.versions.setdefault(data["id"], []).append(data)
        return data

    def let_time_pass(self) -> None:
        """No time at all, mostly; sometimes months."""
        self.sandbox.clock.advance(self.random.choice([0, 0, 0, 0, 1, 1, 7, 3600, 86400 * self.random.randint(1, 90)]))

    def customers(self, number: int) -> None:
        for _ in range(number):
            self.let_time_pass()
            self.called("create_customer", email=f"{self.random.random()}@example.com", metadata={"version": "0"})

    def transactions(self, number: int) -> None:
        for _ in range(number):
            self.let_time_pass()
            row = self.sandbox.seed(
                "balance_transaction", amount=self.random.randint(-(10**12), 10**12), currency="jpy", type="adjustment"
            )
            self.versions[row["id"]] = [row]

    def drafts(self, number: int) -> None:
        customer = self.called("create_customer")["id"]
        for _ in range(number):
            self.let_time_pass()
            draft = self.called("create_invoice", customer=customer, currency="eur")["id"]
            for _ in range(self.random.choice([0, 1, 3, 12, 25])):
                amount = self.random.randint(1, 10**6)
                self.client.call(
                    "create_invoice_item",
                    params={"customer": customer, "invoice": draft, "amount": amount, "currency": "eur"},
                )
            self.versions[draft].append(self.client.call("retrieve_invoice", draft).data)

    def subscription(self, items: int) -> str:
        """One of so many items."""
        customer, product = self.called("create_customer")["id"], self.called("create_product", name="Coffee")["id"]
        subscription = ""
        for amount in range(items):
            monthly = {"currency": "usd", "unit_amount": 100 + amount, "recurring": {"interval": "month"}}
            price = self.called("create_price", product=product, **monthly)["id"]
            if subscription:
                self.item_more(subscription, price)
            else:
                made = self.sandbox.seed("subscription", customer=customer, price=price)
                subscription, (item,) = made["id"], made["items"]["data"]
                self.versions[item["id"]] = [item]
        return subscription

    def item_more(self, subscription: str, price: str) -> None:
        item = self.sandbox.seed("subscription_item", subscription=subscription, price=price, quantity=2)
        self.versions[item["id"]] = [item]

    def something_happens(self) -> None:
        """A customer comes, changes or goes."""
        customers = self.live("cus_")
        match self.random.choice(["come", "change", "go"]):
            case "change" if customers:
                self.called(
                    "update_customer", self.random.choice(customers), metadata={"version": str(self.random.random())}
                )
            case "go" if customers:
                self.called("delete_customer", self.random.choice(customers))
            case _:
                self.called("create_customer")

    def extract(self, folder: Path, table: str, *, full: bool = False, **how: Any) -> Extracted:
        given: dict[str, Any] = {"ends": self.now, "page_size": 5, "most_rows": 20, **how}
        asked = Extraction(ACCOUNT, Folder(str(folder)), **given)
        self.sandbox.latency = 0.01  # so that there is something to be gained by reading side by side
        try:
            return extract_table(self.client, TABLES[table], asked, full=full)
        finally:
            self.sandbox.latency = 0.0


def landed(folder: Path, table: str) -> list[dict[str, Any]]:
    """The rows that lie in a folder, by whichever files are there."""
    files = sorted((folder / table).glob("*.parquet"))
    schema = Columns(OBJECTS[table]).schema
    return [row for file in files for row in pq.read_table(file).cast(_of(schema, pq.read_schema(file))).to_pylist()]


def _of(schema: Any, there: Any) -> Any:
    return pa.schema([schema.field(name) for name in there.names])


def as_row(object: str, sent: Mapping[str, Any], without: tuple[str, ...] = ()) -> dict[str, Any]:
    """What the row of an object is to be."""
    row: dict[str, Any] = Columns(object, without=without).of([sent]).to_pylist()[0]
    return row

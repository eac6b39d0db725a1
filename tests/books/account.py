"""An account at the sandbox, through whose months one goes, and whose books are closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx

from prefect_stripe.client import ClientConfig, RetryPolicy, StripeClient
from prefect_stripe.flows.accounts import DEFAULT
from prefect_stripe.flows.closing import Close, Closed, close
from prefect_stripe.flows.manifests import Folder
from prefect_stripe.flows.months import Month
from prefect_stripe.sandbox import Sandbox

ACCOUNT = "test:"

# The sandbox's clock goes forward only, and begins now; in this October, too, an hour comes twice.
OCTOBER, NOVEMBER, DECEMBER = Month(2035, 10), Month(2035, 11), Month(2035, 12)
ZONE = "Europe/Berlin"
FORMATS = ("netsuite", "quickbooks")


@dataclass
class Books:
    """The sandbox, and a folder of closed months. All that is made is made over HTTP, or by the sandbox itself."""

    sandbox: Sandbox
    folder: Path

    def __post_init__(self) -> None:
        self.sandbox.clock.freeze()
        self.at(2035, 10, 1)

    @property
    def client(self) -> StripeClient:
        return StripeClient(
            ClientConfig(api_key=self.sandbox.api_key, api_base=self.sandbox.url, retries=RetryPolicy(max_retries=0))
        )

    def at(self, year: int, month: int, day: int, hour: int = 12, minute: int = 0) -> None:
        """Go to a time, UTC; what happens by itself until then does."""
        self.sandbox.clock.set(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp())
        self.sandbox.catch_up()

    def later(self, **some: float) -> None:
        self.sandbox.clock.advance(timedelta(**some))
        self.sandbox.catch_up()

    def send(self, method: str, path: str, **data: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.sandbox.api_key}"}
        where = {"params": data} if method == "GET" else {"data": data}
        with httpx.Client(base_url=self.sandbox.url, headers=headers) as http:
            answer = http.send(http.build_request(method, path, **cast(Any, where)))
        found: dict[str, Any] = answer.json()
        assert answer.is_success, found
        return found

    def charge(self, amount: int, currency: str = "usd", card: str = "pm_card_visa") -> dict[str, Any]:
        return self.send(
            "POST",
            "/v1/payment_intents",
            amount=str(amount),
            currency=currency,
            payment_method=card,
            confirm="true",
            **{"allowed_payment_method_types[]": "card"},
        )

    def refund(self, intent: Mapping[str, Any], amount: int) -> dict[str, Any]:
        return self.send("POST", "/v1/refunds", payment_intent=intent["id"], amount=str(amount))

    def move(self, amount: int, currency: str = "usd", **how: Any) -> dict[str, Any]:
        return self.sandbox.seed("balance_transaction", amount=amount, currency=currency, **how)

    def payouts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.send("GET", "/v1/payouts", limit="100")["data"]
        return found

    def october(self) -> None:
        """A month in which everything happens once, in four currencies, and after which money is on its way."""
        first = self.charge(120_000)
        self.charge(50_000, "jpy")
        self.charge(99_990, "kwd")
        self.charge(80_000, "eur", "pm_card_createDispute")
        self.later(hours=3)
        self.refund(first, 20_000)
        self.at(2035, 10, 10)
        dispute = self.send("GET", "/v1/balance_transactions", type="adjustment")["data"][0]["source"]
        self.sandbox.seed("dispute_won", dispute=dispute)
        (failing,) = (payout for payout in self.payouts() if payout["currency"] == "jpy")
        self.sandbox.seed("payout_failure", payout=failing["id"])
        # Both sides of the hour that comes twice, and the last one of the month in Berlin.
        self.at(2035, 10, 28, 0, 30)
        self.charge(4_321)
        self.at(2035, 10, 28, 1, 30)
        self.charge(1_234, "eur")
        self.move(-700, type="stripe_fee")
        self.move(-133, type="tax_fee")
        self.move(25_000, "kwd", fees={"stripe_fee": 725, "tax": 138}, source="ch_elsewhere")
        self.at(2035, 10, 31, 22, 59)
        self.charge(7_777)
        self.at(2035, 10, 31, 23, 0)
        self.charge(8_888)

    def asked(self, month: Month = OCTOBER, **how: Any) -> Close:
        usual: dict[str, Any] = {
            "account": ACCOUNT,
            "month": month,
            "time_zone": ZONE,
            "folder": Folder(str(self.folder)),
            "chart": DEFAULT,
            "formats": FORMATS,
        }
        return Close(**{**usual, **how})

    def close(self, month: Month = OCTOBER, **how: Any) -> Closed:
        return close(self.client, self.asked(month, **how))

    def files(self, month: Month = OCTOBER) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((self.folder / str(month)).iterdir())}

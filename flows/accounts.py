"""Which account of the books each kind of movement is posted to: a chart that a CSV file can replace."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, NamedTuple

from prefect_stripe.flows.csv_rows import numbered_rows
from prefect_stripe.flows.ledger_rows import BalanceRow, Difference, stop_at

COLUMNS: Final = ("posts", "number", "account", "party")
NEEDED: Final = ("posts", "account")

# fmt: off
TYPES: Final = frozenset({
    "adjustment", "advance", "advance_funding", "anticipation_repayment", "application_fee", "application_fee_refund",
    "charge", "climate_order_purchase", "climate_order_refund", "connect_collection_transfer", "contribution",
    "fee_credit_funding", "inbound_transfer", "inbound_transfer_reversal", "issuing_authorization_hold",
    "issuing_authorization_release", "issuing_dispute", "issuing_dispute_provisional_credit",
    "issuing_dispute_provisional_credit_reversal", "issuing_transaction", "obligation_outbound",
    "obligation_reversal_inbound", "payment", "payment_failure_refund", "payment_network_reserve_hold",
    "payment_network_reserve_release", "payment_refund", "payment_reversal", "payment_unreconciled", "payout",
    "payout_cancel", "payout_failure", "payout_minimum_balance_hold", "payout_minimum_balance_release", "refund",
    "refund_failure", "reserve_hold", "reserve_release", "reserve_transaction", "reserved_funds",
    "stripe_balance_payment_debit", "stripe_balance_payment_debit_reversal", "stripe_fee", "stripe_fx_fee", "tax_fee",
    "tax_fund", "topup", "topup_reversal", "transfer", "transfer_cancel", "transfer_failure", "transfer_refund",
})
# fmt: on
"""The types of balance transactions of the API's version that is pinned."""

BALANCE: Final = "balance"
"""What the chart calls the account that is Stripe's balance."""


class Account(NamedTuple):
    """An account of the books: some systems know it by its number, others by its name.

    QuickBooks takes a line on receivables only with a customer: that is the party.
    """

    number: str
    name: str
    party: str = ""


class ChartError(Exception):
    """The file of accounts cannot be used as it is."""


@dataclass(frozen=True)
class Chart:
    """Where everything is posted.

    `balance` is the account of Stripe's balance itself. `category:charge` is that of a reporting category, and
    `category:fee/tax_fee` that of one of its types, where it is another. `fee:tax` is that of a type of fee.
    """

    accounts: Mapping[str, Account]

    @property
    def balance(self) -> Account:
        return self.accounts[BALANCE]

    def of_row(self, row: BalanceRow) -> Account | None:
        """Return the account that a row's amount is posted to, or None if none was chosen."""
        name = f"category:{row.category}"
        return self.accounts.get(f"{name}/{row.type}") or self.accounts.get(name)

    def of_fee(self, type: str) -> Account | None:
        """Return the account that a fee of this type is posted to, or None if none was chosen."""
        return self.accounts.get(f"fee:{type}")

    def in_csv(self) -> str:
        """Write it as a file that `read_chart` reads."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((posts, *account) for posts, account in self.accounts.items())
        return file.getvalue()


def read_chart(lines: Iterable[str]) -> Chart:
    """Read a chart of accounts from the lines of a CSV file.

    Raises:
        ChartError: A column is missing; a row says nothing, is there twice, or cannot be told apart; a number has two
            names; or something else is posted to the account of Stripe's balance, which would not be what Stripe holds.
            The message says which.

    Example:
        >>> read_chart(["posts,number,account", "balance,1050,Stripe"]).balance
        Account(number='1050', name='Stripe', party='')
    """
    accounts: dict[str, Account] = {}
    for number, row in numbered_rows(lines, NEEDED, "the file of accounts", ChartError):
        posts, code, name, party = (row.get(column, "") for column in COLUMNS)
        if not posts or not name:
            raise ChartError(f"row {number} of the file of accounts: posts and account must both say something")
        if posts != BALANCE and not posts.startswith(("category:", "fee:")):
            raise ChartError(
                f"row {number} of the file of accounts: {posts!r} is neither balance, nor category:… nor fee:…"
            )
        _, narrower, type = posts.partition("/")
        if narrower and type not in TYPES:
            near = ", ".join(get_close_matches(type, TYPES, 2)) or "one of Stripe's types of balance transactions"
            raise ChartError(f"row {number} of the file of accounts: {type!r} in {posts} is no type; write {near}")
        if posts in accounts:
            raise ChartError(f"row {number} of the file of accounts: {posts} is there twice")
        accounts[posts] = Account(code, name, party)
    if BALANCE not in accounts:
        raise ChartError("the file of accounts lacks a row that posts balance: the account of Stripe's balance")
    _check_told_apart(accounts)
    return Chart(accounts)


def _check_told_apart(accounts: Mapping[str, Account]) -> None:
    """See that an account's number means one account, and that the balance is only moved by what moves it at Stripe."""
    names = dict[str, str]()
    balance = accounts[BALANCE]
    for posts, account in accounts.items():
        if account.number and names.setdefault(account.number, account.name) != account.name:
            raise ChartError(
                f"the file of accounts has two names for {account.number}: {names[account.number]} and {account.name}"
            )
        if posts != BALANCE and (account.name == balance.name or account.number == balance.number != ""):
            raise ChartError(
                f"the file of accounts posts {posts} to {' '.join(balance[:2]).strip()}, the account of Stripe's "
                "balance, which is the other side of each entry already: choose another account"
            )


def _default() -> Chart:
    receivable = Account("1200", "Accounts receivable", "Stripe customers")
    transit = Account("1060", "Payouts in transit")
    fees, taxes = Account("6100", "Stripe fees"), Account("1350", "Tax on fees, deductible")
    refunds, disputes = Account("4090", "Refunds"), Account("6150", "Disputed payments")
    return Chart(
        {
            BALANCE: Account("1050", "Stripe balance"),
            "category:charge": receivable,
            "category:charge_failure": receivable,
            "category:partial_capture_reversal": receivable,
            "category:refund": refunds,
            "category:refund_failure": refunds,
            "category:dispute": disputes,
            "category:dispute_reversal": disputes,
            "category:payout": transit,
            "category:payout_reversal": transit,
            "category:fee": fees,
            "category:fee/tax_fee": taxes,
            "category:network_cost": fees,
            "fee:stripe_fee": fees,
            "fee:payment_method_passthrough_fee": fees,
            "fee:tax": taxes,
        }
    )


DEFAULT: Final = _default()
"""For accounts that are charged through invoices or orders which the books already hold as receivables.

Only what has one evident place is here: the rest (top-ups, Connect, Issuing, reserves, withheld tax) is for whoever
keeps the books to decide, and stops a close until it is.
"""


def check_mapped(rows: Iterable[BalanceRow], chart: Chart) -> None:
    """See that there is an account for everything.

    Raises:
        BooksError: There is none for some; it says how many transactions those are, and what they come to.
    """
    counts, amounts = dict[tuple[str, str], int](), dict[tuple[str, str], int]()

    def miss(posts: str, currency: str, amount: int) -> None:
        counts[posts, currency] = counts.get((posts, currency), 0) + 1
        amounts[posts, currency] = amounts.get((posts, currency), 0) + amount

    for row in rows:
        if chart.of_row(row) is None:
            miss(f"category:{row.category} (of type {row.type})", row.currency, row.amount)
        for fee in row.fees:
            if chart.of_fee(fee.type) is None:
                miss(f"fee:{fee.type}", row.currency, fee.amount)
    stop_at(
        "no account is chosen in the chart",
        [
            Difference(f"{posts}, {counts[posts, currency]} times", "an account", amounts[posts, currency], currency)
            for posts, currency in sorted(counts)
        ],
    )

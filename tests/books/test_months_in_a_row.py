"""Months in a row, of which money comes late and payouts fail at any time: each begins as the one before was closed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest

from prefect_stripe.flows.closing import Closed
from prefect_stripe.flows.ledger_store import ledger_at
from prefect_stripe.flows.months import Month, zone_of
from tests.books.account import ACCOUNT, OCTOBER, ZONE, Books


def within(month: Month, random: Random) -> int:
    begins, ends = (int(at.timestamp()) for at in (month.begins(zone_of(ZONE)), month.ends(zone_of(ZONE))))
    return random.randrange(begins, ends)


def live(books: Books, month: Month, former: list[Month], random: Random) -> None:
    for day in sorted(random.sample(range(4, 29), 5)):
        books.at(month.year, month.month, day)
        for _ in range(random.randint(0, 2)):
            books.charge(random.randint(1_000, 90_000), random.choice(("eur", "jpy", "usd")))
        if former and random.random() < 0.4:
            created = within(random.choice(former), random)
            books.move(-random.randint(1, 5_000), type="stripe_fee", created=created)
        payouts = [payout["id"] for payout in books.payouts() if payout["status"] != "failed"]
        if payouts and random.random() < 0.5:
            books.sandbox.seed("payout_failure", payout=random.choice(payouts))


def some(sums: Mapping[str, int]) -> dict[str, int]:
    return {currency: amount for currency, amount in sums.items() if amount}


@pytest.mark.parametrize("seed", range(4))
def test_each_month_begins_as_the_one_before_was_closed_and_none_changes(
    books: Books, tmp_path: Path, seed: int
) -> None:
    random, ledger = Random(seed), ledger_at(str(tmp_path / "ledger.db"), ACCOUNT, ZONE)
    closed, files = list[Closed](), dict[Month, dict[str, bytes]]()
    month = OCTOBER
    for _ in range(4):
        live(books, month, [*files], random)
        books.at(month.after.year, month.after.month, random.randint(1, 3))
        closed.append(one := books.close(month, ledger=ledger))
        if former := [*files]:
            before = closed[-2].manifest
            assert former[-1] == month.before
            assert one.transit is not None
            assert some(one.manifest.opening) == some(before.closing)
            assert some(one.transit.opening) == some(before.in_transit)
        files[month] = books.files(month)
        for each, there in files.items():
            again = books.close(each, ledger=ledger)
            assert (again.before, list(again.posted), books.files(each)) == (True, [], there)
        month = month.after
    assert any(one.late for one in closed)
    ends = month.begins(zone_of(ZONE)).timestamp()
    at_stripe = (row for page in books.client.pages("list_balance_transactions") for row in page)
    assert Counter(row.id for one in closed for row in one.rows) == Counter(
        row["id"] for row in at_stripe if row["created"] < ends
    )

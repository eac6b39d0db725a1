"""Closing a month of the books, without Prefect: what is read, what must hold, and what is written, in that order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from types import MappingProxyType

from prefect_stripe.client import StripeClient
from prefect_stripe.flows import journal_formats, ledger_source, payout_matching
from prefect_stripe.flows.accounts import Chart, check_mapped
from prefect_stripe.flows.journal import Line, check_journal, journal
from prefect_stripe.flows.ledger_rows import (
    BalanceRow,
    BooksError,
    Difference,
    Sums,
    check_balances,
    check_rows,
    differences,
    in_order,
    stop_at,
    sums,
)
from prefect_stripe.flows.ledger_store import Ledger
from prefect_stripe.flows.manifests import NAME, Folder, Manifest, digest
from prefect_stripe.flows.months import Month, zone_of
from prefect_stripe.flows.payout_matching import BankLine, Payout, Transit


@dataclass(frozen=True)
class Close:
    """What is asked for: which month of which books, and how they are kept.

    Attributes:
        account: Mode and connected account, as `StripeCredentials.account` has them.
        month: The month.
        time_zone: IANA name of the zone in which days and months are reckoned.
        folder: Where closed months are.
        chart: Where everything is posted.
        formats: In which formats besides its own the journal is written.
        prefix: What the numbers of entries begin with in these.
        opening: The balances at the beginning, where they are known from elsewhere; None where they are not.
        bank: The bank's lines, where they are at hand.
        ledger: What was posted as it came, where that is done.
        look_back_months: How many closed months before it are read again in any case, for what came late to them.
    """

    account: str
    month: Month
    time_zone: str
    folder: Folder
    chart: Chart
    formats: tuple[str, ...] = ()
    prefix: str = journal_formats.PREFIX
    opening: Mapping[str, int] | None = None
    bank: Sequence[BankLine] | None = None
    ledger: Ledger | None = None
    look_back_months: int = 1

    @property
    def begins(self) -> datetime:
        return self.month.begins(zone_of(self.time_zone))

    @property
    def ends(self) -> datetime:
        return self.month.ends(zone_of(self.time_zone))


@dataclass(frozen=True)
class Closed:
    """A month that ties out.

    Attributes:
        manifest: What is kept of it.
        lines: Its journal.
        rows: What was posted.
        late: What came after its month was closed: of months before, and posted here; or, where this one was closed
            already, of it too, and not posted.
        opening_from: Where the opening balances are known from.
        before: Whether it was closed already: then nothing was written.
        payouts: Those that were made in it, or were on their way; empty where it was closed already.
        transit: What explains the money on its way to the bank.
        files: Their names.
        posted: What was missing in the ledger, and was posted there now.
    """

    manifest: Manifest
    lines: Sequence[Line]
    rows: Sequence[BalanceRow]
    late: Sequence[BalanceRow]
    opening_from: str
    before: bool = False
    payouts: Sequence[Payout] = ()
    transit: Transit | None = None
    files: Sequence[str] = ()
    posted: Sequence[str] = ()


@dataclass(frozen=True)
class _Read:
    """What was read at Stripe.

    Attributes:
        earlier: Transactions of before the month; all of them, where what they come to is asked for.
        due: Those of it, and those of before it that are posted in no month before it; in order.
        later: Those of after it.
        closing: What there is at its end.
        since: The first month of those that were read.
    """

    earlier: Sequence[BalanceRow]
    due: Sequence[BalanceRow]
    later: Sequence[BalanceRow]
    closing: Sums
    since: Month


def close(client: StripeClient, asked: Close) -> Closed:
    """Close a month, or see that one that is closed already still ties out.

    Raises:
        BooksError: Something does not tie; nothing was written.
        StripeError: Stripe refused, failed, or could not be reached.
    """
    _is_over(client, asked)
    there = asked.folder.manifest(asked.month, asked.account, asked.time_zone)
    if there is not None:
        return _look_again(client, asked, there)
    return _close(client, asked)


def _close(client: StripeClient, asked: Close) -> Closed:
    previous = asked.folder.manifest(asked.month.before, asked.account, asked.time_zone)
    known = _opening(asked, previous)
    read = _read(client, asked, known and known[0])
    rows = read.due
    late = [row for row in rows if row.created < asked.begins.timestamp()]
    lines = _post(asked, rows)
    opening, opening_from = known or (sums(read.earlier), "all transactions before the month")
    movement = sums(rows)
    check_balances(opening, movement, read.closing, though=_though(read.since) if previous else "")
    payouts, in_transit = _payouts(client, asked, rows, {row.id for row in read.later})
    files = _files(asked, lines)
    manifest = Manifest(
        account=asked.account,
        month=str(asked.month),
        time_zone=asked.time_zone,
        prefix=asked.prefix,
        begins=asked.begins.isoformat(),
        ends=asked.ends.isoformat(),
        transactions=len(rows),
        late=tuple(row.id for row in late),
        opening=_complete(opening, read.closing),
        movement=_complete(movement, read.closing),
        closing=_complete(read.closing, opening),
        in_transit=in_transit.closing,
        files={name: digest(text) for name, text in files.items()},
    )
    posted = _ledger(asked, lines)
    # The manifest comes last: a month is closed by it.
    for name, text in {**files, NAME: manifest.in_json()}.items():
        asked.folder.write(asked.month, name, text)
    if asked.ledger is not None:
        asked.ledger.close(asked.month)
    return Closed(
        manifest,
        lines,
        rows,
        late,
        opening_from,
        payouts=payouts,
        transit=in_transit,
        files=(*files, NAME),
        posted=posted,
    )


def _look_again(client: StripeClient, asked: Close, there: Manifest) -> Closed:
    """See that a closed month is as it was; what has come since is told of, and not posted."""
    # Of this month alone: from one month to the next it may change.
    stop_at(
        f"{asked.month} was closed for something else",
        [Difference("prefix", asked.prefix, there.prefix)] if asked.prefix != there.prefix else [],
    )
    known = journal_formats.transactions_in(asked.folder.intact(asked.month, there)["journal.csv"])
    read = _read(client, asked, there.opening, known)
    rows = [row for row in read.due if row.id in known]
    late = [row for row in read.due if row.id not in known]
    _all_there(asked.month, known, rows)
    lines = _post(asked, rows)
    again = {name: digest(text) for name, text in _files(asked, lines).items()}
    stop_at(
        f"{asked.month} is closed, and would be another now; nothing was written",
        [
            Difference(name, f"SHA-256 {there.files.get(name, 'none')}", again.get(name, "not asked for"))
            for name in sorted({*there.files, *again})
            if there.files.get(name) != again.get(name)
        ],
    )
    check_balances(there.opening, sums(rows), there.closing)
    check_balances(there.closing, sums(late), read.closing, though=_though(read.since))
    posted = _ledger(asked, lines)
    if asked.ledger is not None:
        asked.ledger.close(asked.month)
    return Closed(
        there, lines, rows, late, "the month as it was closed", before=True, files=(*there.files, NAME), posted=posted
    )


def _is_over(client: StripeClient, asked: Close) -> None:
    now = client.call("retrieve_balance").date
    if now is not None and now < asked.ends:
        raise BooksError(
            f"{asked.month} is not over",
            [Difference("Stripe's clock", f"{asked.ends.isoformat()} or later", now.isoformat())],
        )


def _read(
    client: StripeClient, asked: Close, opening: Sums | None, own: Mapping[str, int] = MappingProxyType({})
) -> _Read:
    """Read a month, and what came late to those before it that are closed; all that these post must still be there.

    So many of them are read again as are asked for, and further ones as long as what there was, and what moved, do not
    make what there is.

    Args:
        client: Reads at Stripe.
        asked: The month.
        opening: What there was when it began; None where that is known from all transactions before.
        own: Of a month that is closed, the transactions that it posts, each with when it was created.
    """
    first, last = asked.begins.timestamp(), asked.ends.timestamp()
    since = None if opening is None else datetime.fromtimestamp(min((first, *own.values())), UTC)
    rows, stated = ledger_source.rows_and_balance(client, since)
    closing = ledger_source.balance_at(stated, rows, asked.ends)
    due = [row for row in rows if first <= row.created < last or row.id in own]
    posted, month, zone = dict[str, int](), asked.month, zone_of(asked.time_zone)
    for back in count(1):
        former = asked.folder.manifest(month.before, asked.account, asked.time_zone)
        if former is None or (back > asked.look_back_months and not differences(opening or {}, sums(due), closing)):
            break
        month = month.before
        posted |= journal_formats.transactions_in(asked.folder.intact(month, former)["journal.csv"])
        begins, ends = month.begins(zone), month.ends(zone)
        there = ledger_source.balance_rows(client, begins, ends)
        _all_there(month, (id for id, at in posted.items() if begins.timestamp() <= at < ends.timestamp()), there)
        due += [row for row in there if row.id not in posted and row.id not in own]
    return _Read(
        earlier=[row for row in rows if row.created < first],
        due=sorted(due, key=in_order),
        later=[row for row in rows if row.created >= last],
        closing=closing,
        since=month,
    )


def _though(since: Month) -> str:
    """Say what can be done about balances that do not tie, though all closed months were read again."""
    return (
        f", though all since the beginning of {since} was read again. If it came late to the time before: close the "
        f"months anew from {since} on, into another folder"
    )


def _all_there(month: Month, known: Iterable[str], rows: Iterable[BalanceRow]) -> None:
    there = {row.id for row in rows}
    stop_at(
        f"{month} is closed, and transactions of it are no longer at Stripe",
        [Difference(id, "there", "not there") for id in sorted(set(known) - there)],
    )


def _post(asked: Close, rows: Sequence[BalanceRow]) -> list[Line]:
    check_rows(rows)
    check_mapped(rows, asked.chart)
    lines = journal(rows, asked.chart, zone_of(asked.time_zone), asked.month.first)
    check_journal(lines, rows)
    return lines


def _opening(asked: Close, previous: Manifest | None) -> tuple[Sums, str] | None:
    """Say what there was when the month began, and where that is known from; None where only Stripe's past tells it.

    It is never taken from what it is checked against: the closing balance comes from Stripe's own statement of today.
    """
    if previous is None:
        return None if asked.opening is None else (dict(asked.opening), "given")
    if asked.opening is not None:
        stop_at(
            f"the opening balance that is given is not the closing balance of {asked.month.before}",
            [
                Difference(name.upper(), previous.closing.get(name, 0), asked.opening.get(name, 0), name)
                for name in sorted({*previous.closing, *asked.opening})
                if previous.closing.get(name, 0) != asked.opening.get(name, 0)
            ],
        )
    return dict(previous.closing), f"the closing balance of {asked.month.before}"


def _payouts(
    client: StripeClient, asked: Close, rows: Sequence[BalanceRow], later: set[str]
) -> tuple[list[Payout], Transit]:
    """Decompose the month's payouts, hold them against what is posted, and explain what is on its way."""
    own = {row.id for row in rows}
    found = ledger_source.payouts_of(client, asked.month, asked.begins, asked.ends, rows)
    payouts = {payout.id: payout for payout, _ in found if payout.row not in later}
    made = {payout.id: at for payout, at in found}
    payout_matching.check_posted(rows, payouts)
    stop_at(
        "a payout is not posted",
        [
            Difference(id, payout.row, "no such transaction in the month")
            for id, payout in payouts.items()
            if payout.row not in own and made[id] >= asked.begins
        ],
    )
    seen = dict[str, str]()
    for id, payout in payouts.items():
        if payout.automatic and payout.row in own:
            payouts[id] = payout_matching.check_parts(payout, ledger_source.rows_of_payout(client, id), seen)
    after = [payout_matching.at_the_end(payout, asked.ends, asked.month.after.first) for payout in payouts.values()]
    before = [
        payout_matching.at_the_end(payout, asked.begins, asked.month.first, later=own)
        for payout in payouts.values()
        if payout.row not in own
    ]
    in_transit = payout_matching.transit(before, after, rows)
    return payout_matching.match_bank(after, asked.bank or ()), in_transit


def _ledger(asked: Close, lines: Sequence[Line]) -> list[str]:
    """See that the ledger holds the month as the journal has it, and nothing else; post what is missing there."""
    if asked.ledger is None:
        return []
    first = max(asked.month.first, asked.ledger.begin(asked.month.first))
    due = [line for line in lines if line.date >= first]
    asked.ledger.check(due, first, asked.month.after.first)
    return asked.ledger.post(due)


def _files(asked: Close, lines: Sequence[Line]) -> dict[str, str]:
    return {**journal_formats.files(lines, asked.formats, asked.prefix), "accounts.csv": asked.chart.in_csv()}


def _complete(some: Mapping[str, int], others: Mapping[str, int]) -> Sums:
    return {name: some.get(name, 0) for name in sorted({*some, *others})}

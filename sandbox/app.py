"""One exchange from request to answer: who asks and what for, done at most once, and told or not told."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Final

import orjson

from prefect_stripe.sandbox import access, errors, expand, form, validation
from prefect_stripe.sandbox.clock import Clock
from prefect_stripe.sandbox.context import API_VERSION, Context
from prefect_stripe.sandbox.errors import Refusal
from prefect_stripe.sandbox.expand import Page
from prefect_stripe.sandbox.faults import Fault, Faults
from prefect_stripe.sandbox.ledger import Exchange, Ledger
from prefect_stripe.sandbox.objects import automatic, balance, captures, disputes, payouts, subscriptions
from prefect_stripe.sandbox.routes import Route, match
from prefect_stripe.sandbox.rows import Row
from prefect_stripe.sandbox.store import Account, Store, request_id
from prefect_stripe.sandbox.wire import Connection, Reply, Request

SEEDS: Final[Mapping[str, Callable[..., Row]]] = {
    "balance_transaction": balance.seed_balance_transaction,
    "charge": captures.seed_charge,
    "dispute": disputes.seed_dispute,
    "dispute_won": disputes.seed_dispute_won,
    "payout": payouts.seed_payout,
    "payout_failure": payouts.seed_payout_failure,
    "subscription": subscriptions.seed_subscription,
    "subscription_item": subscriptions.seed_subscription_item,
}
FORM: Final = "application/x-www-form-urlencoded"
PIECES: Final = 20
HTML: Final = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


@dataclass
class Answer:
    """An answer as it takes shape, and what the ledger will say of the exchange."""

    request: Request
    number: int
    request_id: str
    route: Route | None = None
    ids: dict[str, str] = field(default_factory=dict[str, str])
    account: Account | None = None
    version: str = API_VERSION
    key: str | None = None
    params: form.Form = field(default_factory=dict[str, "str | form.Form"])
    status: int = 200
    body: bytes = b""
    code: str | None = None
    saved: bool = False
    """Whether it is kept under the idempotency key: execution had begun."""
    original: str | None = None
    """The request whose kept answer this is."""
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def operation(self) -> str | None:
        return self.route.operation if self.route else None

    def refuse(self, refusal: Refusal) -> None:
        livemode = self.account is not None and self.account.livemode
        self.status, self.code, self.saved = refusal.status, refusal.error.get("code"), refusal.saved
        self.body = orjson.dumps(errors.body(refusal.error, self.request_id, livemode))
        self.headers |= refusal.headers


@dataclass
class Application:
    """The whole sandbox, apart from its socket."""

    store: Store = field(default_factory=Store)
    ledger: Ledger = field(default_factory=Ledger)
    clock: Clock = field(default_factory=Clock)
    faults: Faults = field(default_factory=Faults)
    limiter: access.Limiter = field(default_factory=access.Limiter)
    latency: float = 0.0
    """Seconds that each operation takes, its idempotency key held meanwhile."""
    search_lag: float = 0.0
    """Seconds of the sandbox's clock until search sees what was written."""
    exchanges: int = 0
    resets: int = 0

    def reset(self) -> None:
        """Forget everything: objects, keys, ledger, faults, clock, limits."""
        self.store.clear()
        self.ledger.clear()
        self.clock.reset()
        self.faults.clear()
        self.limiter.clear()
        self.latency = self.search_lag = 0.0
        self.exchanges = 0
        self.resets += 1

    def catch_up(self, *accounts: Account) -> None:
        """Let happen what is due by now, of these accounts or of all."""
        for account in accounts or tuple(self.store.accounts.values()):
            for due in account.schedule.due(self.clock.time()):
                automatic.run(self._automatic(account, due.at), due.kind, due.id)

    def seed(self, object: str, **how: Any) -> Row:
        """Make what no operation makes, in the test account: one of `SEEDS`."""
        if object not in SEEDS:
            raise ValueError(f"what can be seeded is {', '.join(SEEDS)}, not {object}")
        ctx = self._automatic(self.store.account(False, access.PLATFORM), self.clock.time())
        row = SEEDS[object](ctx, **how)
        ctx.commit()
        return expand.render(ctx.account, row, [])

    def _automatic(self, account: Account, time: float) -> Context:
        return Context(
            store=self.store,
            account=account,
            ledger=self.ledger,
            operation="automatic",
            path="",
            ids={},
            params={},
            expand=[],
            request_id="",
            idempotency_key=None,
            time=time,
            search_lag=self.search_lag,
        )

    async def serve(self, request: Request, connection: Connection) -> None:
        """Answer one request, faults and all."""
        self.exchanges += 1
        resets = self.resets
        answer = Answer(request, self.exchanges, request_id())
        found = match(request.method, request.path)
        if found is not None:
            answer.route, answer.ids = found
        fault = self.faults.take(answer.operation, answer.number)
        lost = fault is not None and fault.kind in ("reset", "close", "hang", "html")
        if not (lost and fault is not None and fault.when == "before"):
            await self._work(answer, fault)
        if resets != self.resets:  # what it belonged to is forgotten: it must not show in what came after
            connection.reset()
            return
        self._record(answer, fault, lost)
        await _tell(connection, self._reply(answer), fault)

    async def _work(self, answer: Answer, fault: Fault | None) -> None:
        """Do what is asked, and keep the answer under its key if execution began."""
        held = False
        try:
            held = self._admit(answer, fault)
            if answer.original is None:
                context = self._prepare(answer)
                wait = fault.seconds if fault is not None and fault.kind == "delay" else self.latency
                resets = self.resets
                if wait:
                    await asyncio.sleep(wait)
                if resets != self.resets:
                    return
                self._execute(answer, context, fault)
        except Refusal as refusal:
            answer.refuse(refusal)
        except Exception:  # noqa: BLE001 - a bug of ours must neither end the server nor leave anybody without an answer
            traceback.print_exc(file=sys.stderr)
            answer.refuse(errors.refusal(500, "The sandbox has a bug: its traceback is on stderr.", saved=False))
        if held and answer.account is not None and answer.key is not None:
            if answer.saved:
                answer.account.keys.save(answer.key, answer.status, answer.body, answer.request_id)
            else:
                answer.account.keys.release(answer.key)

    def _admit(self, answer: Answer, fault: Fault | None) -> bool:
        """Everything before the parameters are looked at; true if the request now holds its idempotency key."""
        request = answer.request
        answer.account = account = access.account(self.store, request.headers)
        answer.version = access.version(request.headers)
        self.catch_up(account)
        self.limiter.admit(account)
        if fault is not None and fault.kind == "rate_limit":
            raise errors.rate_limited(fault.reason)
        if fault is not None and fault.kind == "lock_timeout":
            raise errors.lock_timeout()
        if answer.route is None:  # [K]
            raise errors.refusal(
                404,
                f"Unrecognized request URL ({request.method}: {request.path}). Please see https://stripe.com/docs or "
                "we can help at https://support.stripe.com/.",
                saved=False,
            )
        if request.body and not request.headers.get("content-type", "").lower().startswith(FORM):  # [K]
            raise errors.invalid(
                f"Invalid request (check that your POST content type is {FORM}). If you have any questions, we can "
                "help at https://support.stripe.com/."
            )
        answer.params = form.decode(request.query, request.body)
        answer.key = request.headers.get("idempotency-key") if request.method == "POST" else None
        if answer.key is None:
            return False
        where, what = f"POST {request.path}", orjson.dumps(answer.params, option=orjson.OPT_SORT_KEYS)
        kept = account.keys.begin(answer.key, where, what, self.clock.time())
        if kept is not None:
            answer.status, answer.body, answer.original = kept.status or 200, kept.body, kept.request_id
        return kept is None

    def _prepare(self, answer: Answer) -> Context:
        """Validate: what is refused here never began."""
        assert answer.route is not None
        assert answer.account is not None
        params = validation.coerce(answer.route.operation, answer.params)
        wanted = params.pop("expand", None)
        listing, search = answer.route.shows != "one", answer.route.shows == "search"
        return Context(
            store=self.store,
            account=answer.account,
            ledger=self.ledger,
            operation=answer.route.operation,
            path=answer.request.path,
            ids=answer.ids,
            params=params,
            expand=expand.paths(answer.route.object, wanted, listing=listing, search=search),
            request_id=answer.request_id,
            idempotency_key=answer.key,
            time=self.clock.time(),
            search_lag=self.search_lag,
        )

    def _execute(self, answer: Answer, ctx: Context, fault: Fault | None) -> None:
        """Run the handler: all of it happens, or nothing, or what a refusal says stays done."""
        assert answer.route is not None
        ctx.time = self.clock.time()
        answer.saved = True
        failing = fault is not None and fault.kind == "error"
        if failing and fault is not None and fault.when == "before":
            raise errors.api_error(fault.status)
        try:
            result = answer.route.handler(ctx)
            if isinstance(result, Page):
                shown = expand.render_page(ctx.account, result, ctx.expand)
            else:
                shown = expand.render(ctx.account, result, ctx.expand)
            answer.body = orjson.dumps(shown)
        except Refusal as refusal:
            if refusal.commits:
                ctx.commit()
            else:
                ctx.rollback()
            raise
        except Exception:  # noqa: BLE001 - a bug of ours must neither end the server nor leave half a change
            ctx.rollback()
            traceback.print_exc(file=sys.stderr)
            bug = errors.refusal(500, "The sandbox has a bug: its traceback is on stderr.", saved=False)  # [own]
            raise bug from None
        ctx.commit()
        if failing and fault is not None:
            raise errors.api_error(fault.status)

    def _record(self, answer: Answer, fault: Fault | None, lost: bool) -> None:
        request, account = answer.request, answer.account
        html = fault is not None and fault.kind == "html"
        self.ledger.append(
            Exchange(
                seq=self.ledger.next_seq,
                number=answer.number,
                time=self.clock.time(),
                operation=answer.operation,
                method=request.method,
                path=request.path,
                params=answer.params,
                status=fault.status if html and fault is not None else None if lost else answer.status,
                request_id=answer.request_id,
                idempotency_key=request.headers.get("idempotency-key"),
                replayed=answer.original is not None,
                fault=f"{fault.kind} {fault.when}" if fault is not None else None,
                account=account.id if account else None,
                livemode=account.livemode if account else None,
                code=answer.code,
            )
        )

    def _reply(self, answer: Answer) -> Reply:
        headers = {
            "Date": formatdate(self.clock.time(), usegmt=True),
            "Content-Type": "application/json",
            "Request-Id": answer.request_id,
            "Stripe-Version": answer.version,
        }
        if answer.key is not None:
            headers["Idempotency-Key"] = answer.key
            headers["Original-Request"] = answer.original or answer.request_id
        if answer.original is not None:
            headers["Idempotent-Replayed"] = "true"
        return Reply(answer.status, list((headers | answer.headers).items()), answer.body)


async def _tell(connection: Connection, reply: Reply, fault: Fault | None) -> None:
    """Send the answer, or what a fault makes of it."""
    match fault.kind if fault is not None else None:
        case "reset":
            connection.reset()
        case "close":
            connection.close()
        case "hang":
            assert fault is not None
            await asyncio.wait([connection.lost], timeout=fault.seconds)
            connection.close()
        case "html":
            assert fault is not None
            connection.write(Reply(fault.status, [("Content-Type", "text/html")], HTML))
        case "truncate":
            whole = connection.encode(reply)
            connection.send(whole[: len(whole) - max(len(reply.body) // 2, 1)])
            connection.close()
        case "drip":
            assert fault is not None
            whole = connection.encode(reply)
            step = max(len(whole) // PIECES, 1)
            for at in range(0, len(whole), step):
                connection.send(whole[at : at + step])
                await asyncio.sleep(fault.seconds / PIECES)
        case _:
            connection.write(reply)

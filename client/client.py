"""The Stripe client, sync and async: two shells of the same exchange."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Self

from prefect_stripe.client.config import ClientConfig
from prefect_stripe.client.errors import StripeError
from prefect_stripe.client.exchange import Call, Decode, Exchange, Outcome, Response, Wait, exchange
from prefect_stripe.client.paging import Page, Pager
from prefect_stripe.client.transport import async_pool, pool


def _call(
    operation: str,
    ids: tuple[str, ...],
    params: Mapping[str, Any] | None,
    expand: Sequence[str],
    idempotency_key: str | None,
    stripe_account: str | None,
) -> Call:
    return Call(operation, ids, params or {}, expand, idempotency_key, stripe_account)


class _Client:
    def __init__(self, config: ClientConfig) -> None:
        self.config = config
        self._limits = config.limits

    def __repr__(self) -> str:
        return f"{type(self).__name__}(api_base={self.config.api_base!r}, mode={self.config.mode!r})"

    def __reduce__(self) -> str | tuple[object, ...]:
        return self.config.__reduce__()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def _exchange(self, call: Call, decode: Decode | None) -> Exchange:
        return exchange(call, self.config, self._limits, time.monotonic, decode)


class StripeClient(_Client):
    """Calls any operation of `OPERATIONS` by its name, and waits for the answer.

    Clients are cheap: connections belong to the process, not to the client. They are not pickled, since they hold the
    API key.

    Example:
        >>> from prefect_stripe.client import ClientConfig, StripeClient
        >>> client = StripeClient(ClientConfig(api_key="sk_test_123"))
        >>> client
        StripeClient(api_base='https://api.stripe.com', mode='test')
    """

    def call(
        self,
        operation: str,
        *ids: str,
        params: Mapping[str, Any] | None = None,
        expand: Sequence[str] = (),
        idempotency_key: str | None = None,
        stripe_account: str | None = None,
    ) -> Response:
        """Call one operation once; retries keep its idempotency key.

        Args:
            operation: Name of the operation, such as `pay_invoice`.
            ids: The ids in its path, in order.
            params: Stripe's parameters; amounts in minor units, times as aware datetimes or Unix seconds.
            expand: Fields to expand.
            idempotency_key: Who this write is. Without one it gets a fresh one, and a second call is a second write.
            stripe_account: Connected account, where it is not the configured one.

        Returns:
            The answer; `data` as Stripe sent it, client secrets included.

        Raises:
            ParameterError: Refused before it was sent.
            StripeError: Of the class that fits.
        """
        return self.perform(_call(operation, ids, params, expand, idempotency_key, stripe_account))

    def perform(self, call: Call, decode: Decode | None = None) -> Response:
        """Do a call that is written down already."""
        steps = self._exchange(call, decode)
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as end:
                response: Response = end.value
                return response
            if isinstance(step, Wait):
                time.sleep(step.seconds)
                outcome = None
            else:
                outcome = pool(self.config.api_base).send(step, self.config)

    def pages(
        self,
        operation: str,
        *ids: str,
        params: Mapping[str, Any] | None = None,
        expand: Sequence[str] = (),
        stripe_account: str | None = None,
        max_items: int | None = None,
        decode: Decode | None = None,
    ) -> Iterator[Page]:
        """Fetch a list or a search page by page, each when it is asked for.

        Args:
            operation: Name of the operation, such as `list_invoices`.
            ids: The ids in its path, in order.
            params: Stripe's filters; `limit` is the page size, 100 unless given.
            expand: Fields to expand, such as `data.customer`.
            stripe_account: Connected account, where it is not the configured one.
            max_items: How many items at the most, None for all.
            decode: What makes a page of the bytes of an answer, where not all of it is wanted as Python's own objects;
                items are mappings with an `id`.
        """
        return self.walk(_call(operation, ids, params, expand, None, stripe_account), max_items, decode)

    def walk(self, call: Call, max_items: int | None = None, decode: Decode | None = None) -> Iterator[Page]:
        """Fetch the pages of a call that is written down already."""
        pager = Pager(call, max_items)
        while pager.call is not None:
            try:
                response = self.perform(pager.call, decode)
            except StripeError as error:
                if not pager.step_back(error):
                    raise
            else:
                yield Page(pager.take(response.data), response)


class AsyncStripeClient(_Client):
    """`StripeClient` for async code: the same exchange, awaited.

    Connections belong to the running event loop, so that a client may be used from several loops.
    """

    async def call(
        self,
        operation: str,
        *ids: str,
        params: Mapping[str, Any] | None = None,
        expand: Sequence[str] = (),
        idempotency_key: str | None = None,
        stripe_account: str | None = None,
    ) -> Response:
        """Call one operation once, as `StripeClient.call` does."""
        return await self.perform(_call(operation, ids, params, expand, idempotency_key, stripe_account))

    async def perform(self, call: Call, decode: Decode | None = None) -> Response:
        """Do a call that is written down already."""
        steps = self._exchange(call, decode)
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as end:
                response: Response = end.value
                return response
            if isinstance(step, Wait):
                await asyncio.sleep(step.seconds)
                outcome = None
            else:
                outcome = await (await async_pool(self.config.api_base)).send(step, self.config)

    def pages(
        self,
        operation: str,
        *ids: str,
        params: Mapping[str, Any] | None = None,
        expand: Sequence[str] = (),
        stripe_account: str | None = None,
        max_items: int | None = None,
        decode: Decode | None = None,
    ) -> AsyncIterator[Page]:
        """Fetch a list or a search page by page, as `StripeClient.pages` does."""
        return self.walk(_call(operation, ids, params, expand, None, stripe_account), max_items, decode)

    async def walk(self, call: Call, max_items: int | None = None, decode: Decode | None = None) -> AsyncIterator[Page]:
        """Fetch the pages of a call that is written down already."""
        pager = Pager(call, max_items)
        while pager.call is not None:
            try:
                response = await self.perform(pager.call, decode)
            except StripeError as error:
                if not pager.step_back(error):
                    raise
            else:
                yield Page(pager.take(response.data), response)

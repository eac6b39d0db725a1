"""Token buckets on a clock of our own."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from prefect_stripe.client import ClientConfig
from prefect_stripe.client.rate import RateLimits, TokenBucket, limits_of

KEY = "sk_test_51RateRateRate"
ACCOUNTS = (f"acct_{number}" for number in count())


def starts(bucket: TokenBucket, number: int, now: float) -> list[float]:
    """The moments at which so many requests, all wanted now, may start."""
    return [now + bucket.reserve(now) for _ in range(number)]


def test_over_time_there_are_no_more_than_the_limit() -> None:
    moments = starts(TokenBucket(limit=25), 100, now=1000.0)
    for second in range(1000, 1003):
        assert sum(second <= moment < second + 1 for moment in moments) <= 25 * 1.2 + 1
    assert moments[-1] == pytest.approx(1000 + (100 - 1) / 25 - 0.2)


def test_time_that_nobody_used_is_not_saved_up() -> None:
    bucket = TokenBucket(limit=10, burst_seconds=0.2)
    bucket.reserve(0.0)
    assert sum(moment == 3600.0 for moment in starts(bucket, 50, now=3600.0)) == 3


def test_a_refusal_halves_the_rate_which_comes_back_in_time() -> None:
    def spacing(now: float) -> float:
        bucket.reserve(now)
        first, second = starts(bucket, 2, now)
        return second - first

    bucket = TokenBucket(limit=10, burst_seconds=0.0)
    assert spacing(100.0) == pytest.approx(0.1)
    bucket.refused(200.0)
    assert spacing(200.0) == pytest.approx(0.2)
    assert spacing(202.5) == pytest.approx(1 / 7.5)
    assert spacing(205.0) == pytest.approx(0.1)


def test_refusals_of_what_was_under_way_together_count_once() -> None:
    bucket = TokenBucket(limit=10, burst_seconds=0.0)
    for _ in range(100):
        bucket.refused(100.0)
    first, second = starts(bucket, 2, 100.0)
    assert second - first == pytest.approx(0.2)


def test_refusals_without_end_leave_a_trickle() -> None:
    bucket = TokenBucket(limit=16, burst_seconds=0.0)
    for second in range(100, 200):
        bucket.refused(float(second))
    first, second_ = starts(bucket, 2, 199.0)
    assert 0.5 < second_ - first <= 1.0


def test_an_endpoint_waits_for_its_own_limit_and_others_do_not() -> None:
    limits = RateLimits(100, 10, 1)
    waits = [limits.reserve("/v1/invoices", False, 1000.0) for _ in range(13)]
    assert waits[-1] == pytest.approx(12 / 10 - 0.2)
    assert limits.reserve("/v1/customers", False, 1000.0) == 0.0


def test_searches_share_one_limit() -> None:
    limits = RateLimits(100, 100, 1)
    limits.reserve("/v1/invoices/search", True, 1000.0)
    assert limits.reserve("/v1/customers/search", True, 1000.0) == pytest.approx(0.8)
    assert limits.reserve("/v1/customers", False, 1000.0) == 0.0


def test_no_limit_is_none() -> None:
    limits = RateLimits(None, None, None)
    limits.refused("/v1/invoices", False, 0.0)
    assert {limits.reserve("/v1/invoices", False, 0.0) for _ in range(1000)} == {0.0}


def test_all_clients_of_an_account_share_its_buckets() -> None:
    config, same = (ClientConfig(api_key=KEY, timeout=timeout) for timeout in (1.0, 2.0))
    assert config.limits is same.limits
    assert config.limits is not ClientConfig(api_key=KEY, stripe_account="acct_1").limits
    assert config.limits is not ClientConfig(api_key="sk_test_another").limits
    assert limits_of("x", 1.0) is not limits_of("x", 2.0)


@pytest.mark.parametrize(
    ("options", "account_wait", "endpoint_wait", "search_wait"),
    [
        ({}, 1 / 25, 1 / 25, 1 / 20),
        ({"api_key": "sk_live_51RateRateRate", "mode": "live"}, 1 / 100, 1 / 25, 1 / 20),
        ({"requests_per_second": 50}, 1 / 50, 1 / 50, 1 / 50),
        ({"api_base": "http://127.0.0.1:1"}, 0.0, 0.0, 0.0),
        ({"api_base": "http://127.0.0.1:1", "requests_per_second": 5}, 1 / 5, 1 / 5, 1 / 5),
    ],
)
def test_stripes_limits_hold_unless_ones_own_are_set(
    options: dict[str, Any], account_wait: float, endpoint_wait: float, search_wait: float
) -> None:
    def spacing(endpoints: list[str], search: bool) -> float:
        # An account of its own for each: the buckets of one are shared.
        values: dict[str, Any] = {"api_key": KEY, "stripe_account": next(ACCOUNTS), **options}
        config = ClientConfig(**values)
        waits = [config.limits.reserve(endpoint, search, 1000.0) for endpoint in endpoints]
        return waits[-1] - waits[-2]

    assert spacing([f"/v1/{number}" for number in range(200)], False) == pytest.approx(account_wait)
    assert spacing(["/v1/invoices"] * 200, False) == pytest.approx(endpoint_wait)
    assert spacing(["/v1/invoices/search"] * 200, True) == pytest.approx(search_wait)

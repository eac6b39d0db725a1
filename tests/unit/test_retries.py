"""When a request is tried again, and after how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_stripe.client import RetryPolicy
from prefect_stripe.client.retries import may_pass, retry_after_seconds


def longest(low: float, high: float) -> float:
    assert low == 0
    return high


def none(low: float, high: float) -> float:
    return low


def test_pauses_double_up_to_the_cap() -> None:
    policy = RetryPolicy(max_retries=9, base=0.5, cap=4.0)
    assert [policy.pause(tries, 0.0, jitter=longest) for tries in range(1, 7)] == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


def test_pauses_are_drawn_from_all_of_it() -> None:
    drawn = {RetryPolicy().pause(3, 0.0) for _ in range(50)}
    assert len(drawn) == 50
    assert all(pause is not None and 0 <= pause <= 2 for pause in drawn)


def test_there_are_so_many_retries_and_no_more() -> None:
    policy = RetryPolicy(max_retries=2)
    assert [policy.pause(tries, 0.0) is None for tries in (1, 2, 3)] == [False, False, True]


def test_retry_after_is_the_least_pause_and_may_exceed_the_cap() -> None:
    policy = RetryPolicy(cap=1.0)
    assert policy.pause(1, 0.0, 20.0, jitter=none) == 20.0
    assert policy.pause(1, 0.0, 0.1, jitter=longest) == 0.5


def test_no_try_begins_after_the_budget() -> None:
    policy = RetryPolicy(budget=10.0)
    assert policy.pause(1, 9.0, 1.0, jitter=none) == 1.0
    assert policy.pause(1, 9.0, 1.1, jitter=none) is None
    assert policy.pause(1, 10.1, jitter=none) is None


@given(st.integers(1, 10_000), st.floats(0, 100), st.none() | st.floats(0, 1e6))
def test_a_pause_never_leaves_its_bounds(tries: int, elapsed: float, retry_after: float | None) -> None:
    policy = RetryPolicy(max_retries=10_000)
    pause = policy.pause(tries, elapsed, retry_after)
    assert pause is None or (retry_after or 0.0) <= pause <= policy.budget - elapsed + 1e-9


@pytest.mark.parametrize(
    ("status", "wish", "replayed", "passes"),
    [
        (409, None, False, True),
        (429, None, False, True),
        (500, None, False, True),
        (503, None, False, True),
        (424, None, False, False),
        (405, None, False, False),
        (424, "true", False, True),
        (500, "false", False, False),
        (409, "false", False, False),
        (500, "perhaps", False, True),
        (500, None, True, False),
        (500, "true", True, False),
        *[(status, "true", False, False) for status in (400, 401, 402, 403, 404)],
    ],
)
def test_what_may_pass(status: int, wish: str | None, replayed: bool, passes: bool) -> None:
    headers = {} if wish is None else {"stripe-should-retry": wish}
    assert may_pass(status, headers, replayed) is passes


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, None), ("", None), ("7", 7.0), ("0", 0.0), ("-1", None), ("1.5", None), ("Wed, 21 Oct 2026", None)],
)
def test_retry_after_in_seconds(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds({} if value is None else {"retry-after": value}) == seconds


def test_retry_after_of_a_thousand_digits_is_beyond_any_budget() -> None:
    wait = retry_after_seconds({"retry-after": "9" * 1000})
    assert RetryPolicy().pause(1, 0.0, wait) is None

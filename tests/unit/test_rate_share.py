"""How a process keeps to its part of a rate that it shares, with what it is told made up here."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from queue import Queue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_stripe.client import rate
from prefect_stripe.client.rate import Following, RateLimits, TokenBucket


class Told:
    """Tells one thing after another, then the last for ever; an exception is raised."""

    name = "stripe-test"

    def __init__(self, *answers: float | Exception | None) -> None:
        self.answers = iter(answers)
        self.last = answers[-1]
        self.left = Queue[str]()

    def ask(self) -> float | None:
        answer = next(self.answers, self.last)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def leave(self) -> None:
        self.left.put("left")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "_ASKING_SECONDS", 0.01)
    monkeypatch.setattr(rate, "_IDLE_SECONDS", 0.1)


def parts(share: Told) -> Iterator[float]:
    """The parts of 20 requests a second that a process takes, one after another."""
    taken = Queue[float]()
    Following(share, 20, taken.put).used()
    while True:
        yield taken.get(timeout=10)


def test_it_begins_cautiously_and_then_takes_what_it_is_told() -> None:
    told = parts(Told(10.0, 5.0, 100.0))
    assert [next(told) for _ in range(4)] == [0.25, 0.5, 0.25, 1.0]


def test_where_nothing_is_shared_the_local_limit_serves_and_nobody_is_asked_again() -> None:
    share = Told(None)
    told = parts(share)
    assert [next(told) for _ in range(2)] == [0.25, 1.0]
    assert share.left.empty()


def test_a_server_that_is_down_is_said_once_and_a_quarter_used(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "prefect_stripe.rate"):
        share = Told(OSError("http://user:password@host is down"))
        told = parts(share)
        assert {next(told) for _ in range(5)} == {0.25}
        share.left.get(timeout=10)
    assert [record.getMessage() for record in caplog.records] == [
        "the rate shared under stripe-test cannot be learned (OSError): at most a quarter of it is used"
    ]


def test_a_server_that_stumbles_changes_nothing_until_the_part_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    told = parts(Told(10.0, OSError(), OSError()))
    assert [next(told) for _ in range(4)] == [0.25, 0.5, 0.5, 0.5]
    monkeypatch.setattr(rate, "_STALE_SECONDS", 0.0)
    told = parts(Told(10.0, OSError()))
    assert [next(told) for _ in range(3)] == [0.25, 0.5, 0.25]


def test_the_idle_leave_and_come_back_when_there_is_work() -> None:
    share = Told(10.0)
    taken = Queue[float]()
    following = Following(share, 20, taken.put)
    following.used()
    assert share.left.get(timeout=10) == "left"
    while not taken.empty():
        taken.get()
    following.used()
    assert taken.get(timeout=10) == 0.25
    assert taken.get(timeout=10) == 0.5


def test_every_bucket_of_the_account_is_cut_to_the_part() -> None:
    class AtOnce(Told):
        def ask(self) -> float | None:
            self.asked.put("asked")
            return super().ask()

        asked = Queue[str]()

    share = AtOnce(5.0)
    limits = RateLimits(20, 10, None, share)
    limits.reserve("/v1/invoices", False, 0.0)
    for _ in range(2):  # the second time, what was told the first time has been taken
        share.asked.get(timeout=10)
    waits = [limits.reserve("/v1/invoices", False, 1000.0) for _ in range(50)]
    assert waits[-1] - waits[-2] == pytest.approx(1 / (10 * 5 / 20))


@given(
    processes=st.integers(1, 12),
    limit=st.integers(2, 100),
    moments=st.lists(st.floats(0, 20), min_size=1, max_size=120).map(sorted),
    changes=st.integers(0, 20),
)
def test_parts_that_sum_to_one_stay_inside_the_limit(
    processes: int, limit: int, moments: list[float], changes: int
) -> None:
    buckets = [TokenBucket(limit) for _ in range(processes)]
    starts: list[float] = []
    for number, now in enumerate(moments):
        # Who is told first changes, and for a while all but some share.
        for bucket in buckets:
            bucket.part = 1 / processes if number >= changes else 1 / (processes + 1)
        starts += [now + bucket.reserve(now) for bucket in buckets]
    starts.sort()
    for first, start in enumerate(starts):
        # In any second: the limit, a fifth of it as burst, and one that each bucket rounds up.
        in_a_second = sum(start <= other < start + 1 for other in starts[first:])
        assert in_a_second <= limit * 1.2 + 2 * processes


ENDS_WHILE_IT_ASKS = """
import threading
from typing import Annotated
from pydantic import BaseModel, BeforeValidator
import prefect_stripe.blocks
from prefect_stripe.client.rate import RateLimits

asked = threading.Event()

def slowly(value):
    asked.set()
    threading.Event().wait(0.4)
    return value

class Answer(BaseModel):
    rate: Annotated[float, BeforeValidator(slowly)]

class Share:
    name = "stripe-test"

    def ask(self):
        return Answer(rate=5).rate

    def leave(self):
        pass

RateLimits(10, None, None, Share()).reserve("/v1/balance", False, 0.0)
asked.wait()
"""


def test_a_process_may_end_while_it_asks() -> None:
    """Python breaks off a thread that is left at the end, and aborts where that is in the midst of pydantic's code."""
    ended = subprocess.run([sys.executable, "-c", ENDS_WHILE_IT_ASKS], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr

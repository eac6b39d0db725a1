"""Windows: no gap, no overlap, however they are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_stripe.flows.extract_windows import GapError, Window, check_whole, missing, worthwhile_pieces

WINDOWS = st.tuples(st.integers(0, 10**6), st.integers(1, 10**6)).map(lambda of: Window("", of[0], sum(of)))


@given(window=WINDOWS, number=st.integers(-1, 50))
def test_pieces_are_the_whole(window: Window, number: int) -> None:
    pieces = window.pieces(number)
    assert len(pieces) == max(1, min(number, window.lt - window.gte))
    check_whole(pieces, [""], window.gte, window.lt)


@given(window=WINDOWS, seen=st.integers(-10, 2 * 10**6 + 10))
def test_a_cut_leaves_the_second_of_the_last_object_to_the_rest(window: Window, seen: int) -> None:
    halves = window.cut_at(seen)
    if halves is None:
        assert not window.gte <= seen < window.lt - 1
    else:
        own, rest = halves
        check_whole(halves, [""], window.gte, window.lt)
        assert rest.gte <= seen < rest.lt == own.gte


@given(window=WINDOWS, at=st.lists(st.integers(0, 2 * 10**6)))
def test_what_is_missing_completes_what_is_done(window: Window, at: list[int]) -> None:
    cuts = sorted({window.gte, window.lt, *(one for one in at if window.gte < one < window.lt)})
    pieces = [Window("", gte, lt) for gte, lt in pairwise(cuts)]
    done = pieces[::2]
    gaps = list(missing(done, "", window.gte, window.lt))
    check_whole([*done, *gaps], [""], window.gte, window.lt)
    if len(pieces) > 1:
        with pytest.raises(GapError, match="not read"):
            check_whole(done, [""], window.gte, window.lt)


@pytest.mark.parametrize(
    ("windows", "told"),
    [
        ([(0, 6), (5, 10)], "overlaps"),
        ([(0, 10), (0, 10)], "overlaps"),
        ([(0, 11)], "reaches beyond"),
        ([(-1, 10)], "overlaps another, or reaches beyond"),
        ([(0, 5), (6, 10)], "not read: 5-6"),
        ([], "not read: 0-10"),
    ],
)
def test_what_is_not_whole_is_told(windows: list[tuple[int, int]], told: str) -> None:
    with pytest.raises(GapError, match=told):
        check_whole([Window("", *window) for window in windows], [""], 0, 10)


def test_a_part_that_nobody_asked_for_is_told() -> None:
    with pytest.raises(GapError, match="belongs to none"):
        check_whole([Window("", 0, 10), Window("old", 0, 10)], [""], 0, 10)


@given(
    rest=WINDOWS, newest=st.integers(0, 10**7), span=st.integers(0, 10**6), rows=st.integers(1, 100),
    idle=st.integers(0, 20),
)  # fmt: skip
def test_nobody_is_given_a_piece_without_being_idle(rest: Window, newest: int, span: int, rows: int, idle: int) -> None:
    assert 1 <= worthwhile_pieces(rest, newest, newest - span, rows, idle) <= idle + 1


@given(window=WINDOWS, part=st.sampled_from(["", "active", "not-active"]))
def test_a_window_is_found_again_by_its_name(window: Window, part: str) -> None:
    window = Window(part, window.gte, window.lt)
    assert Window.named(window.name) == window


@pytest.mark.parametrize("name", ["", "5", "a-b", "9-5", "05-9", "_manifest"])
def test_other_names_are_no_windows(name: str) -> None:
    with pytest.raises(ValueError):
        Window.named(name)

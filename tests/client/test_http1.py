"""HTTP/1.1 as bytes: what goes out is one request, and of what comes in only an answer is taken. h11 is the oracle."""

from __future__ import annotations

import gzip
import string
from collections.abc import Sequence
from random import Random

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_stripe.client.exchange import Answer, WireRequest
from prefect_stripe.client.http1 import MOST_BYTES_OF_HEAD, Address, BrokenAnswerError, Incoming

HERE = Address(name="127.0.0.1", port=80, tls=None, host="127.0.0.1:80", prefix="/stripe")
SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def read(*pieces: bytes, incoming: Incoming | None = None) -> tuple[Answer, bool]:
    """Feed pieces until there is an answer; return it, and whether another may come."""
    incoming = incoming or Incoming()
    for piece in pieces:
        assert not incoming.complete
        incoming.feed(piece)
    assert incoming.complete
    reusable = incoming.reusable
    return incoming.answer(), reusable


# --- Requests ---------------------------------------------------------------------------------------------------------

names = st.sampled_from(["Authorization", "Stripe-Version", "Idempotency-Key", "User-Agent"])
values = st.text(string.ascii_letters + string.digits + string.punctuation + " ", min_size=1, max_size=60).map(
    str.strip
)
targets = st.text(string.ascii_letters + string.digits + "/?=&%[]_.-", max_size=60).map("/v1/".__add__)


@given(st.sampled_from(["GET", "POST", "DELETE"]), targets, st.dictionaries(names, values), st.none() | st.binary())
def test_what_goes_out_is_read_as_what_was_meant(
    method: str, target: str, headers: dict[str, str], body: bytes | None
) -> None:
    server = h11.Connection(h11.SERVER)
    server.receive_data(HERE.written(WireRequest(method, target, headers, body)))
    head, came = server.next_event(), b""
    assert isinstance(head, h11.Request)
    while isinstance(event := server.next_event(), h11.Data):
        came += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert (head.method, head.target) == (method.encode(), f"/stripe{target}".encode())
    expected = {"Host": HERE.host, **headers} | ({} if body is None else {"Content-Length": str(len(body))})
    assert head.headers.raw_items() == [(name.encode(), value.encode()) for name, value in expected.items()]
    assert (came, server.trailing_data) == (body or b"", (b"", False))


@pytest.mark.parametrize("wrong", ["a\r\nX: y", "a\nb", "a\rb", "a\x00b", "a\x7fb", "a\tb", "\x85", "ä", "\u2028"])
@pytest.mark.parametrize("where", ["target", "header"])
def test_what_would_be_two_requests_or_none_is_not_written(wrong: str, where: str) -> None:
    target, key = ("/v1/" + wrong, "secret") if where == "target" else ("/v1/a", "secret" + wrong)
    with pytest.raises(ValueError, match="no room") as caught:
        HERE.written(WireRequest("GET", target, {"Authorization": key}))
    assert "secret" not in repr(caught.value)
    assert caught.value.__context__ is None


def test_a_target_has_no_space() -> None:
    with pytest.raises(ValueError, match="no room"):
        HERE.written(WireRequest("GET", "/v1/a HTTP/1.1", {}))


# --- Answers ----------------------------------------------------------------------------------------------------------

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

WHOLE: dict[str, tuple[bytes, int, dict[str, str], bytes, bool]] = {
    "with a length": (SHORT, 200, {"content-length": "2"}, b"{}", True),
    "without a body": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, {}, b"", True),
    "without a reason": (b"HTTP/1.1 402\r\nContent-Length: 0\r\n\r\n", 402, {"content-length": "0"}, b"", True),
    "in chunks": (CHUNKED + b"1;x=y\r\n{\r\n1\r\n}\r\n0\r\n\r\n", 200, {"transfer-encoding": "chunked"}, b"{}", True),
    "with headers after it": (
        CHUNKED + b"2\r\n{}\r\n0\r\nContent-Encoding: gzip\r\nRequest-Id: req_2\r\n\r\n",
        200, {"transfer-encoding": "chunked"}, b"{}", True,
    ),
    "announced": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\nContent-Length: 9\r\n\r\n" + SHORT,
        200, {"content-length": "2"}, b"{}", True,
    ),
    "announced with a length that is another's": (
        b"HTTP/1.1 102 Processing\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}",
        200, {}, b"{}", False,
    ),
    "the last of its connection": (
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
        200, {"connection": "close", "content-length": "2"}, b"{}", False,
    ),
    "of an old server": (
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, {"content-length": "2"}, b"{}", False,
    ),
    "without a length": (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n{}", 200, {"a": "b"}, b"{}", False),
    "that changes the protocol": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        101, {"upgrade": "x", "connection": "upgrade"}, b"", False,
    ),
    "that offers another protocol": (
        b"HTTP/1.1 200 OK\r\nUpgrade: h2\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\n{}",
        200, {"upgrade": "h2", "connection": "Upgrade", "content-length": "2"}, b"{}", True,
    ),
    "packed": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 22\r\n\r\n" + gzip.compress(b"{}", mtime=0),
        200, {"content-encoding": "gzip", "content-length": "22"}, b"{}", True,
    ),
    "with a header of any bytes": (
        b"HTTP/1.1 200 OK\r\nA: \xff\r\nB:\r\nContent-Length: 0\r\n\r\n",
        200, {"a": "\xff", "b": "", "content-length": "0"}, b"", True,
    ),
}  # fmt: skip


UNTIL_CLOSED = {"without a length", "announced with a length that is another's"}


@pytest.mark.parametrize("kind", WHOLE)
def test_an_answer_is_read_however_it_was_cut(kind: str) -> None:
    sent, status, headers, body, reusable = WHOLE[kind]
    expected = Answer(status, headers, body), reusable
    end = (b"",) if kind in UNTIL_CLOSED else ()
    assert read(sent, *end) == expected
    assert read(*(sent[place : place + 1] for place in range(len(sent))), *end) == expected
    for cut in range(1, len(sent)):
        assert read(sent[:cut], sent[cut:], *end) == expected


def test_nothing_of_an_answer_is_left_to_the_next() -> None:
    incoming = Incoming()
    assert read(b"HTTP/1.1 402 X\r\nRequest-Id: r\r\nContent-Length: 1\r\n\r\n1", incoming=incoming)[0].body == b"1"
    assert read(SHORT, incoming=incoming) == (Answer(200, {"content-length": "2"}, b"{}"), True)


@pytest.mark.parametrize(
    "more", [SHORT, SHORT[:1], b"x", b"HTTP/1.1 500 X\r\nContent-Length: 9\r\n\r\n", CHUNKED + b"9\r\n"]
)
def test_what_follows_an_answer_is_nobodys_and_ends_the_connection(more: bytes) -> None:
    assert read(SHORT + more) == (Answer(200, {"content-length": "2"}, b"{}"), False)
    packed = b"HTTP/1.1 204 X\r\n\r\n"
    assert read(packed + more) == (Answer(204, {}, b""), False)


NOT_HTTP = [
    b"\x15\x03\x01\x00\x02\x02", b"SSH-2.0-OpenSSH\r\n", b"POST /v1 HTTP/1.1\r\n\r\n", b"HTTP/1.1 99 X\r\n\r\n",
    b"HTTP/1.1 2000 X\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551618\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNKED + b"zz\r\n",
    CHUNKED + b"-1\r\n", CHUNKED + b"2\r\n{}x",
]  # fmt: skip


@pytest.mark.parametrize("sent", NOT_HTTP, ids=repr)
def test_what_is_not_http_is_said_to_be_none(sent: bytes) -> None:
    with pytest.raises(BrokenAnswerError, match="not HTTP"):
        Incoming().feed(sent)
    with pytest.raises(BrokenAnswerError, match="not HTTP"):
        read(*(sent[place : place + 1] for place in range(len(sent))))


CUT = [kind for kind, (*_, reusable) in WHOLE.items() if reusable]


@pytest.mark.parametrize("kind", CUT)
def test_an_answer_that_ends_too_early_is_none(kind: str) -> None:
    sent = WHOLE[kind][0]
    for cut in range(len(sent)):
        incoming = Incoming()
        if cut:
            incoming.feed(sent[:cut])
        with pytest.raises(BrokenAnswerError, match="ended within" if cut else "ended before"):
            incoming.feed(b"")


@pytest.mark.parametrize("encoding", ["gzip", "identity", "chunked, gzip"])
def test_a_coding_that_says_no_length_has_none_at_the_end(encoding: str) -> None:
    with pytest.raises(BrokenAnswerError):
        read(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {encoding}\r\n\r\n".encode(), b"{}", b"")


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 200 OK\r\nA: ", b"b" * 60_000],
        [b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 10_000],
        [b"HTTP/1.1 200 ", b"O" * 60_000],
        [b"HTTP/1.1 102 Processing\r\n\r\n" * 2_000],
        [b"\r\n" * 30_000],
    ],
    ids=["a header", "headers", "a reason", "announcements", "nothing"],
)
def test_a_head_without_end_is_not_waited_for(pieces: Sequence[bytes]) -> None:
    with pytest.raises(BrokenAnswerError, match="its head is not over"):
        read(*pieces, *[pieces[-1]] * 10)


def test_a_body_may_be_larger_than_a_head() -> None:
    size = 3 * MOST_BYTES_OF_HEAD
    answer, _ = read(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode() + b"1", b"2" * (size - 1))
    assert answer.body == b"1" + b"2" * (size - 1)


statuses = st.sampled_from([200, 201, 204, 304, 307, 400, 402, 404, 409, 429, 500, 503])
bodies = st.binary(max_size=300)


@given(statuses, bodies, st.sampled_from(["length", "chunks", "close"]), st.integers(0, 2), st.randoms())
def test_an_answer_is_read_as_h11_reads_it(
    status: int, body: bytes, framing: str, announced: int, dice: Random
) -> None:
    sent = written_by_h11(status, body, framing, announced)
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(sent)
    client.receive_data(b"")
    came, head = b"", None
    while not isinstance(event := client.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            came += event.data
    assert head is not None

    incoming, place = Incoming(), 0
    while place < len(sent) and not incoming.complete:
        size = dice.randint(1, len(sent))
        incoming.feed(sent[place : place + size])
        place += size
    if not incoming.complete:
        incoming.feed(b"")
    reusable = incoming.reusable
    answer = incoming.answer()
    assert (answer.http_status, answer.body) == (head.status_code, came)
    assert answer.headers == {name.decode(): value.decode() for name, value in head.headers}
    assert reusable == (client.their_state is h11.DONE)


def written_by_h11(status: int, body: bytes, framing: str, announced: int) -> bytes:
    server = h11.Connection(h11.SERVER)
    server.receive_data(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    server.next_event()
    headers = {"length": [("Content-Length", str(len(body)))], "close": [("Connection", "close")]}.get(framing, [])
    sent = b"".join(
        server.send(h11.InformationalResponse(status_code=103, headers=[("Link", "x")])) or b""
        for _ in range(announced)
    )
    sent += server.send(h11.Response(status_code=status, headers=headers)) or b""
    if status not in {204, 304}:
        for place in range(0, len(body), 100):
            sent += server.send(h11.Data(data=body[place : place + 100])) or b""
    elif framing == "length":
        return sent
    return sent + (server.send(h11.EndOfMessage()) or b"")

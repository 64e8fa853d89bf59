"""Requests are taken whole, however they come; what is too large or of unknown length is refused early."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web.connections import MAX_WAITING, MAX_WAITING_PER_ADDRESS, Connection, Waiting
from web.request_buffer import BODY_BYTES, HEAD_BYTES, RefusedRequestError, RequestBuffer

heads = st.lists(st.text("abcXYZ019-: ", min_size=1, max_size=30).map(str.strip).filter(bool), max_size=5)


def request(lines: list[str], body: bytes, *, told: bool) -> bytes:
    head = ["GET / HTTP/1.1", *(f"X-{number}: {line}" for number, line in enumerate(lines))]
    if told or body:
        head.append(f"content-LENGTH:  {len(body)} ")
    return "\r\n".join([*head, "", ""]).encode() + body


requests = st.builds(request, heads, st.binary(max_size=300), told=st.booleans())


@given(st.lists(requests, min_size=1, max_size=4), st.lists(st.integers(1, 200), min_size=1, max_size=40))
def test_requests_are_taken_one_by_one_whatever_pieces_they_come_in(sent: list[bytes], sizes: list[int]) -> None:
    buffer, taken, stream, turn = RequestBuffer(), [], b"".join(sent), 0
    while stream:
        size = sizes[turn % len(sizes)]
        buffer.add(stream[:size])
        stream, turn = stream[size:], turn + 1
        while (whole := buffer.take()) is not None:
            taken.append(whole)
    assert taken == sent
    assert not buffer


@given(requests, st.data())
def test_a_request_that_is_not_whole_is_not_taken(whole: bytes, data: st.DataObject) -> None:
    buffer = RequestBuffer()
    buffer.add(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert buffer.take() is None


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"x" * HEAD_BYTES, "431"),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * HEAD_BYTES, "431"),
        (f"POST / HTTP/1.1\r\nContent-Length: {BODY_BYTES + 1}\r\n\r\n".encode(), "413"),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\ncontent-length: 999999999999\r\n\r\n", "413"),
        (b"POST / HTTP/1.1\r\ntransfer-encoding:chunked\r\n\r\n", "411"),
    ],
)
def test_what_will_not_be_read_to_its_end_is_refused(sent: bytes, status: str) -> None:
    buffer = RequestBuffer()
    buffer.add(sent)
    with pytest.raises(RefusedRequestError, match=status):
        buffer.take()


class Line:
    """Stands for a socket, which is only kept here."""


def waiting(*addresses: str) -> tuple[Waiting, list[Connection]]:
    made, found = Waiting(), [Connection(Line(), address, (address, 1)) for address in addresses]  # type: ignore[arg-type]
    for connection in found:
        made.add(connection)
    return made, found


def test_the_oldest_of_the_address_that_has_most_goes_first() -> None:
    made, found = waiting("b", *["a"] * MAX_WAITING_PER_ADDRESS, "c")
    assert made.surplus() is None
    more = Connection(Line(), "a", ("a", 2))  # type: ignore[arg-type]
    made.add(more)
    assert made.surplus() is found[1]
    made.remove(found[1])
    assert made.surplus() is None


def test_many_addresses_together_are_bounded_too() -> None:
    made, found = waiting("z", "z", *(f"a{number}" for number in range(MAX_WAITING - 2)))
    assert made.surplus() is None
    made.add(Connection(Line(), "new", ("new", 1)))  # type: ignore[arg-type]
    assert made.surplus() is found[0]


def test_those_whose_time_is_up_are_found() -> None:
    made, found = waiting("a", "b", "c")
    for number, connection in enumerate(found):
        connection.until_s = float(number)
    assert made.overdue(1.0) == found[:2]

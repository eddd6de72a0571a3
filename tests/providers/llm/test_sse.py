"""Events come out the same however the bytes were cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.providers.base import ProviderUnavailable
from apps.providers.llm.sse import Event, Events
from tests.providers.llm.samples import bytewise, cut, outcome


def read(*cuts: bytes) -> list[Event]:
    events = Events()
    return [event for one in cuts for event in events.feed(one)] + events.close()


CASES: list[tuple[bytes, list[Event]]] = [
    (b"data: a\n\n", [("", b"a")]),
    (b"data: a\n\ndata: b\n\n", [("", b"a"), ("", b"b")]),
    (b"data:a\n\ndata:  b\n\n", [("", b"a"), ("", b" b")]),
    (b"data: a\r\n\r\ndata: b\r\n\r\n", [("", b"a"), ("", b"b")]),
    (b"data: a\r\rdata: b\r\r", [("", b"a"), ("", b"b")]),
    (b"data: a\r\n\ndata: b\n\r\n", [("", b"a"), ("", b"b")]),
    (b"data: a\ndata: b\n\n", [("", b"a\nb")]),
    (b"data: a\ndata\ndata: b\n\n", [("", b"a\n\nb")]),
    (b"event: ping\ndata: {}\n\ndata: a\n\n", [("ping", b"{}"), ("", b"a")]),
    (b"data: {}\nevent:late\n\n", [("late", b"{}")]),
    (b"event: ping\n\ndata: a\n\n", [("", b"a")]),
    (b": keep alive\n\ndata: a\n\n: OPENROUTER PROCESSING\n\n", [("", b"a")]),
    (b"id: 7\nretry: 10\ndata: a\nunknown: x\nnonsense\n\n", [("", b"a")]),
    (b"\xef\xbb\xbfdata: a\n\n", [("", b"a")]),
    (b"data:\n\ndata: \n\n\n\ndata: a\n\n", [("", b"a")]),
    (b"data: a\n\ndata: b", [("", b"a"), ("", b"b")]),
    (b"data: a\n\ndata: b\n", [("", b"a"), ("", b"b")]),
    (b"data: \xc3\xa4\xe2\x80\xa8\n\n", [("", b"\xc3\xa4\xe2\x80\xa8")]),
    (b"", []),
    (b"\n\n\n", []),
]


@pytest.mark.parametrize(("stream", "expected"), CASES)
def test_events_are_found_whole_and_byte_by_byte(stream: bytes, expected: list[Event]):
    assert read(stream) == expected
    assert read(*bytewise(stream)) == expected
    assert read(b"", stream) == expected
    assert read(b"data: first\n\n", stream.removeprefix(b"\xef\xbb\xbf"))[1:] == expected


@given(
    st.lists(st.sampled_from([stream for stream, _ in CASES if not stream.startswith(b"\xef")])),
    st.lists(st.integers(0, 10**6), max_size=30),
)
def test_events_are_the_same_however_they_are_cut(streams: list[bytes], places: list[int]):
    stream = b"".join(streams)

    assert read(*cut(stream, places)) == read(*bytewise(stream))


@given(st.lists(st.binary(max_size=30), max_size=10))
def test_any_bytes_are_read(cuts: list[bytes]):
    read(*cuts)


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
@pytest.mark.parametrize("byte", [b"x", b"data: x\n", b"data: ", b"data:\n"])
def test_an_event_without_end_is_given_up(size: int, byte: bytes):
    endless = byte * 3000
    events = Events(most=500)

    def feed() -> None:
        for at in range(0, len(endless), size):
            assert events.feed(endless[at : at + size]) == []

    assert outcome(feed) == (ProviderUnavailable, True, None)


@pytest.mark.parametrize("begun", [b"", b"data: a\n\n"])
def test_an_event_too_large_is_refused_also_in_one_piece(begun: bytes):
    events = Events(most=500)
    events.feed(begun)

    assert events.feed(b"data: " + b"x" * 400 + b"\n\n") == [("", b"x" * 400)]
    with pytest.raises(ProviderUnavailable):
        events.feed(b"data: " + b"x" * 600 + b"\n\n")


def test_many_events_in_one_piece_are_no_large_event():
    events = Events(most=500)
    events.feed(b": begun\n\n")

    assert len(events.feed(b"data: " + b"x" * 100 + b"\n\n" + b"data: y\n\n" * 1000)) == 1001
    assert len(events.feed(b"data: y\r\n\r\n" * 50)) == 50

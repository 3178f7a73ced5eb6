"""Lines, waits, secrets and pictures: the parts of the wire that need no network."""

from __future__ import annotations

import base64
import io
import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from providers.base import (
    AskAgain,
    Failure,
    FailureKind,
    MaybeAccepted,
    ProviderError,
    Refused,
    TellOperator,
)
from providers.wire import jsonl, pictures, shapes
from providers.wire.errors import LONGEST_WAIT, MESSAGE_LIMIT, hide, redact, retry_after, whole_call

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


# --- lines ----------------------------------------------------------------------------------------------


def contents(*pieces: bytes, limit: int = 1_000) -> list[bytes]:
    return [line.content for line in jsonl.split(pieces, limit=limit)]


def test_lines_end_at_newlines_and_nowhere_else() -> None:
    line = json.dumps("a\u2028b\u2029c\u0085d\x1c", ensure_ascii=False).encode()
    assert contents(line + b"\n" + line + b"\n") == [line, line]


@given(st.lists(st.binary(max_size=20).filter(lambda b: b"\n" not in b and b.strip()), max_size=8), st.data())
def test_however_the_stream_is_cut_the_lines_are_the_same(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    found = list(jsonl.split(pieces))
    assert [line.content for line in found] == lines
    assert all(stream[line.offset :].startswith(line.content) for line in found)


def test_blank_lines_are_counted_but_not_given() -> None:
    assert [(line.number, line.offset, line.content) for line in jsonl.split([b"a\n\n \nb\r\n"])] == [
        (1, 0, b"a"),
        (4, 5, b"b\r"),
    ]


def test_a_last_line_without_its_newline_says_so() -> None:
    whole, cut = jsonl.split([b'{"a":1}\n{"b', b'":'])
    assert (whole.ended, cut.ended, cut.content) == (True, False, b'{"b":')


@pytest.mark.parametrize("piece", [7, 100, 1_000_000])
def test_a_line_that_is_too_long_leaves_its_head_and_the_rest_goes_on(piece: int) -> None:
    stream = b'{"a":1}\n' + b"h" * 10 + b"x" * 90_000 + b"\n" + b'{"b":2}\n'
    pieces = [stream[at : at + piece] for at in range(0, len(stream), piece)]
    first, long, last = jsonl.split(pieces, limit=80_000)
    assert (first.content, first.too_long) == (b'{"a":1}', False)
    assert long.too_long
    assert long.content.startswith(b"hhhhhhhhhhx")
    assert len(long.content) <= jsonl.HEAD
    assert (last.number, last.content, last.too_long) == (3, b'{"b":2}', False)
    assert stream[last.offset :] == b'{"b":2}\n'


def test_memory_stays_flat_whatever_the_stream_holds() -> None:
    def stream() -> Iterator[bytes]:
        for _ in range(300):
            yield b"x" * 99_999 + b"\n"
        for _ in range(300):  # one line of 30 MB
            yield b"y" * 100_000

    tracemalloc.start()
    try:
        count = sum(1 for _ in jsonl.split(stream(), limit=1_000_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 301
    assert peak < 5_000_000


@given(st.dictionaries(st.text(), st.text()))
def test_what_is_written_as_a_line_reads_back(value: dict[str, str]) -> None:
    line = jsonl.encode(value)
    assert b"\n" not in line
    assert len(line.decode().splitlines()) <= 1
    assert json.loads(line) == value


def test_text_that_is_no_unicode_is_not_written() -> None:
    with pytest.raises(ValueError):
        jsonl.encode("\ud83d")


# --- shapes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"null", b"\xff\xfe", b"[" * 100_000, b'"x"'])
def test_what_is_no_object_is_unreadable_and_is_not_quoted(content: bytes) -> None:
    with pytest.raises(shapes.Unreadable) as problem:
        shapes.parse_object(content)
    assert problem.value.__cause__ is None
    assert len(str(problem.value)) < 40


def test_wrong_types_are_empty_values() -> None:
    assert (shapes.mapping([1]), shapes.sequence({}), shapes.text(3)) == ({}, (), "")
    assert [shapes.count(value) for value in (3, -3, True, "3", 3.5, None)] == [3, 0, 0, 0, 0, 0]
    assert shapes.moment(0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert [shapes.moment(v) for v in (None, "1", True, 1e300, float("nan"), float("inf"))] == [None] * 6


# --- waits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:30 GMT"}, 30),
        ({"retry-after": "Mon, 23 Nov 2026 13:00:30 +0100"}, 30),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:30 -0000"}, 30),
        ({"retry-after": "Mon, 23 Nov 2020 12:00:30 GMT"}, 0),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": "1e12"}, LONGEST_WAIT.total_seconds()),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == (None if seconds is None else timedelta(seconds=seconds))


# --- secrets --------------------------------------------------------------------------------------------

BLOB = base64.b64encode(bytes(range(256)) * 4).decode()


@pytest.mark.parametrize(
    ("words", "safe"),
    [
        ("Incorrect API key provided: sk-proj-abcDEF123.", "Incorrect API key provided: [hidden]"),
        ("Incorrect API key provided: sk-ab***********wxyz.", "Incorrect API key provided: [hidden]"),
        ("header Authorization: Bearer abc.def-ghi failed", "header Authorization: Bearer [hidden] failed"),
        ("Key 12345678-abcd:ef0123456789abcdef no", "Key [hidden] no"),
        ("AIzaSyA-1234567890 is bad", "[hidden] is bad"),
        ("xoxb-123-456-abc leaked", "[hidden] leaked"),
        ("see https://h.example/v1?key=SECRET&alt=sse", "see https://h.example/v1?key=[hidden]&alt=sse"),
        ("https://a.b/c?X-Amz-Signature=ab12&x=1", "https://a.b/c?X-Amz-Signature=[hidden]&x=1"),
        ("wss://h.example/link/?ticket=ab12&app_id=1", "wss://h.example/link/?ticket=[hidden]&app_id=1"),
        ("signed with whsec_MDEy/Mzg+9A== no", "signed with [hidden] no"),
        ("via http://user:pass@proxy.example:3128", "via http://[hidden]@proxy.example:3128"),
        (f"image data:image/png;base64,{BLOB} is bad", "image [data] is bad"),
        ("data:image/svg+xml,%3Csvg%20x='1'%3E end", "[data]'1'%3E end"),
        (f"got {BLOB}", "got [data]"),
        ("two\nlines\u2028and\ttabs\x00", "two lines and tabs"),
        ("sku duplicate key item-0001 in task-force-list", "sku duplicate key item-0001 in task-force-list"),
    ],
)
def test_secrets_do_not_travel_in_words(words: str, safe: str) -> None:
    assert redact(words) == safe


def test_named_secrets_are_hidden_whatever_they_look_like() -> None:
    said = redact(
        "the prompt 'blue fox in rain' with hunter2-key", ("hunter2-key", "blue fox in rain", "", "a")
    )
    assert said == "the prompt '[hidden]' with [hidden]"


def test_hiding_keeps_lines_and_length() -> None:
    path = f"/srv/{'a' * 90}/file.py"
    assert hide(f"{path}\n  key=hunter2-key xoxb-123-456-abc", ("hunter2-key",)) == (
        f"{path}\n  key=[hidden] [hidden]"
    )


@given(st.text(max_size=2_000))
def test_any_message_is_cut_to_one_short_line(words: str) -> None:
    safe = redact(words)
    assert len(safe) <= MESSAGE_LIMIT
    assert len(safe.splitlines()) <= 1 or "\x1c" not in words


def test_a_huge_message_is_cut_quickly() -> None:
    assert redact("word " * 2_000_000).endswith("…")
    assert redact("A" * 5_000_000) == "[data]"


# --- the caller's next move -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "creating", "reading"),
    [
        (FailureKind.RATE_LIMITED, AskAgain, AskAgain),
        (FailureKind.AUTH, TellOperator, TellOperator),
        (FailureKind.QUOTA, TellOperator, TellOperator),
        (FailureKind.SERVER_ERROR, MaybeAccepted, AskAgain),
        (FailureKind.TIMEOUT, MaybeAccepted, AskAgain),
        (FailureKind.UNKNOWN, MaybeAccepted, AskAgain),
        (FailureKind.MALFORMED_REQUEST, Refused, Refused),
        (FailureKind.CONTENT_POLICY, Refused, Refused),
    ],
)
def test_a_failure_of_a_whole_call_names_the_next_move(
    kind: FailureKind, creating: type[ProviderError], reading: type[ProviderError]
) -> None:
    failure = Failure(kind, message="m")
    assert type(whole_call(failure, "s", creates=True)) is creating
    assert type(whole_call(failure, "s", creates=False)) is reading


# --- pictures -------------------------------------------------------------------------------------------


def drawn(kind: str) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((40, 30), 60).convert("RGB").save(out, kind)
    return out.getvalue()


SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><rect width="1"/></svg>\n'


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_is_known_by_its_bytes_and_must_be_whole(kind: str) -> None:
    whole = drawn(kind)
    assert pictures.media_type(whole) == f"image/{kind.lower()}"
    for cut in (len(whole) // 2, len(whole) - 20):
        with pytest.raises(pictures.NoPicture, match="ends in the middle"):
            pictures.media_type(whole[:cut])


def test_a_drawing_in_xml_is_a_picture() -> None:
    assert pictures.media_type(SVG) == "image/svg+xml"
    assert pictures.media_type(b"<svg/>") == "image/svg+xml"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"<html><body>no</body></html>",
        b"%PDF-1.7",
        b"<?xml version='1.0'?><Error/>",
        b"\x89PN",
    ],
)
def test_other_things_are_no_pictures(content: bytes) -> None:
    with pytest.raises(pictures.NoPicture):
        pictures.media_type(content)


def test_base64_may_come_as_a_data_url_and_must_be_clean() -> None:
    assert pictures.from_base64(base64.b64encode(b"abc").decode()) == b"abc"
    assert pictures.from_base64("data:image/png;base64,YWJj") == b"abc"
    for broken in ("YWJ", "YW\nJj", "é" * 4, "YW*j"):
        with pytest.raises(pictures.NoPicture):
            pictures.from_base64(broken)

"""The client over real sockets: shards, redirects, limits, resumed downloads, fetched pictures."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from meddler import Answer, Asked, Meddler
from PIL import Image

from providers.base import AskAgain, Gone, MaybeAccepted, ProviderError, TellOperator
from providers.wire.client import (
    CONNECTIONS_PER_SHARD,
    TRIES_WITHOUT_PROGRESS,
    Patience,
    Reply,
    Shards,
    Wire,
    is_loopback,
)

KEY = "sk-test-very-secret-0123456789"
FILE = bytes(range(256)) * 4_000
IMPATIENT = Patience(
    connect_seconds=1, write_seconds=1, read_seconds=0.3, making_seconds=0.3, reply_seconds=0.5
)


def wire(url: str, patience: Patience | None = None) -> Wire:
    return Wire(
        title="Vendor",
        base_url=url,
        headers={"authorization": f"Bearer {KEY}"},
        secrets=(KEY,),
        patience=patience or Patience(read_seconds=5),
    )


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[Wire, Meddler]]]:
    opened: list[tuple[Wire, Meddler]] = []

    def start(
        spoil: Callable[[Asked], Answer | None], patience: Patience | None = None
    ) -> tuple[Wire, Meddler]:
        meddler = Meddler(spoil).__enter__()
        opened.append((wire(meddler.url, patience), meddler))
        return opened[-1]

    yield start
    for client, meddler in opened:
        client.close()
        meddler.__exit__()


def refusal(reply: Reply) -> ProviderError:
    return Gone(str(reply.status))


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "PNG")
    return out.getvalue()


# --- shards ---------------------------------------------------------------------------------------------


def test_a_shard_is_opened_only_when_the_ones_before_are_full() -> None:
    shards = Shards(lambda: httpx.Client(), most=3)
    held = [shards.borrow() for _ in range(CONNECTIONS_PER_SHARD * 2)]
    clients = [one.__enter__() for one in held]
    assert len(shards) == 2
    assert all(clients.count(client) == CONNECTIONS_PER_SHARD for client in clients)
    held.pop(0).__exit__(None, None, None)
    with shards.borrow() as freed:
        assert freed is clients[0]
    with shards.borrow(), shards.borrow():
        assert len(shards) == 3
    for one in held:
        one.__exit__(None, None, None)
    with shards.borrow() as first:
        assert first is clients[0], "warm connections are used before others"
    shards.close()


def test_where_all_shards_are_full_the_least_busy_takes_more() -> None:
    shards = Shards(lambda: httpx.Client(), most=2)
    held = [shards.borrow() for _ in range(CONNECTIONS_PER_SHARD * 2 + 6)]
    clients = [one.__enter__() for one in held]
    assert len(shards) == 2
    assert {clients.count(client) for client in clients} == {CONNECTIONS_PER_SHARD + 3}
    for one in held:
        one.__exit__(None, None, None)
    shards.close()


def test_many_calls_at_once_spread_over_shards_and_all_come_back(
    serve: Callable[..., tuple[Wire, Meddler]],
) -> None:
    everyone = threading.Barrier(45)

    def together(_: Asked) -> Answer:
        everyone.wait(10)
        return Answer(200, b"{}")

    client, _ = serve(together)
    with ThreadPoolExecutor(45) as pool:
        replies = list(pool.map(lambda _: client.call("GET", "/x"), range(45)))
    assert {reply.status for reply in replies} == {200}
    assert client.shards == 3


# --- the key --------------------------------------------------------------------------------------------


def test_the_key_travels_in_the_header_and_redirects_are_not_followed(
    serve: Callable[..., tuple[Wire, Meddler]],
) -> None:
    client, server = serve(lambda _: Answer(302, b"", {"location": "/elsewhere"}))
    assert client.call("GET", "/a").status == 302
    (asked,) = server.requests
    assert asked.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("key", ["sk-\u2028abc", "sk-abc\ndef", "ключ-123456"])
def test_a_key_that_cannot_stand_in_a_header_is_refused_without_being_quoted(key: str) -> None:
    with pytest.raises(TellOperator) as told:
        Wire(title="Vendor", base_url="https://v.example", headers={"authorization": f"Bearer {key}"})
    assert key not in str(told.value)


@pytest.mark.parametrize("address", ["", "v.example/v1", "ftp://v.example", "https://"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(TellOperator, match="https://"):
        Wire(title="Vendor", base_url=address)


def test_nothing_shows_the_key(serve: Callable[..., tuple[Wire, Meddler]]) -> None:
    client, _ = serve(lambda _: Answer(200, b"{}"))
    client.call("GET", "/a")
    assert KEY not in repr(client)
    assert client.safe(f"you sent {KEY} and a prompt", "a prompt") == "you sent [hidden] and [hidden]"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("a.localhost", True),
        ("example.com", False),
        ("localhost.example.com", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback_is_this_machine(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


# --- limits and faults ----------------------------------------------------------------------------------


def test_a_reply_over_the_limit_is_not_read(serve: Callable[..., tuple[Wire, Meddler]]) -> None:
    client, _ = serve(lambda _: Answer(200, b"x" * 100_000))
    reply = client.call("GET", "/a", limit=50_000)
    assert (reply.status, reply.too_long, reply.body) == (200, True, b"")
    assert not client.call("GET", "/a", limit=100_000).too_long


@pytest.mark.parametrize("cut", [-1, 0, 3])
def test_a_lost_reply_is_ambiguous_only_where_something_is_created(
    serve: Callable[..., tuple[Wire, Meddler]], cut: int
) -> None:
    client, server = serve(lambda _: Answer(200, b"0123456789", cut_at=cut))
    with pytest.raises(MaybeAccepted):
        client.call("POST", "/a", creates=True, content=b"{}")
    with pytest.raises(AskAgain):
        client.call("GET", "/a")
    assert len(server.requests) == 2, "each is sent once"


def test_silence_is_a_timeout(serve: Callable[..., tuple[Wire, Meddler]]) -> None:
    client, _ = serve(lambda _: Answer(hang=True), IMPATIENT)
    with pytest.raises(AskAgain, match="ReadTimeout"):
        client.call("GET", "/a")
    with pytest.raises(MaybeAccepted, match="ReadTimeout"):
        client.call("POST", "/a", creates=True)


def test_a_server_that_drips_is_given_up() -> None:
    ticks = iter(range(0, 10_000, 200))
    with Meddler(lambda _: Answer(200, b"x" * 3_000_000)) as server:
        client = Wire(title="Vendor", base_url=server.url, monotonic=lambda: float(next(ticks)))
        with pytest.raises(AskAgain, match="ReadTimeout"):
            client.call("GET", "/a")
        client.close()


# --- downloads ------------------------------------------------------------------------------------------


def ranged(asked: Asked, content: bytes = FILE) -> Answer:
    start = int(asked.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
    if start >= len(content) and start:
        return Answer(416)
    if not start:
        return Answer(200, content)
    return Answer(206, content[start:], {"content-range": f"bytes {start}-{len(content) - 1}/{len(content)}"})


def cut(answer: Answer, at: int) -> Answer:
    return Answer(
        answer.status, answer.body, {**answer.headers, "content-length": str(len(answer.body))}, cut_at=at
    )


def test_a_cut_download_asks_for_the_rest(serve: Callable[..., tuple[Wire, Meddler]]) -> None:
    client, server = serve(lambda asked: cut(ranged(asked), 300_000) if asked.number < 3 else ranged(asked))
    assert b"".join(client.download("/file", refusal)) == FILE
    starts = [asked.headers.get("range") for asked in server.requests]
    assert starts[0] is None
    assert len(starts) == 4
    assert all(start for start in starts[1:])
    assert all(asked.headers["accept-encoding"] == "identity" for asked in server.requests)


def test_a_server_that_knows_no_ranges_is_read_again_past_what_we_have(
    serve: Callable[..., tuple[Wire, Meddler]],
) -> None:
    client, _ = serve(
        lambda asked: (
            cut(Answer(200, FILE), 400_000 * (asked.number + 1)) if asked.number < 2 else Answer(200, FILE)
        )
    )
    assert b"".join(client.download("/file", refusal)) == FILE


def test_a_download_cut_at_its_very_end_is_whole(serve: Callable[..., tuple[Wire, Meddler]]) -> None:
    def spoil(asked: Asked) -> Answer:
        if asked.number:
            return ranged(asked)
        return Answer(200, FILE, {"content-length": str(len(FILE) + 10)}, cut_at=len(FILE))

    client, _ = serve(spoil)
    assert b"".join(client.download("/file", refusal)) == FILE


def test_cuts_without_progress_come_to_an_end(serve: Callable[..., tuple[Wire, Meddler]]) -> None:
    client, server = serve(lambda asked: cut(ranged(asked), 0 if asked.number else 100_000))
    with pytest.raises(AskAgain):
        list(client.download("/file", refusal))
    assert len(server.requests) <= TRIES_WITHOUT_PROGRESS + 2


def test_another_part_than_asked_for_is_not_taken(serve: Callable[..., tuple[Wire, Meddler]]) -> None:
    def spoil(asked: Asked) -> Answer:
        if not asked.number:
            return cut(Answer(200, FILE), 300_000)
        return Answer(206, FILE[5:], {"content-range": f"bytes 5-{len(FILE) - 1}/{len(FILE)}"})

    client, _ = serve(spoil)
    with pytest.raises(AskAgain, match="another part"):
        list(client.download("/file", refusal))


def test_a_refused_download_raises_what_the_adapter_makes_of_it(
    serve: Callable[..., tuple[Wire, Meddler]],
) -> None:
    client, _ = serve(lambda _: Answer(404, b"{}"))
    with pytest.raises(Gone, match="404"):
        list(client.download("/file", refusal))


# --- pictures by address --------------------------------------------------------------------------------


def test_a_picture_elsewhere_is_fetched_without_the_key_and_through_redirects(
    serve: Callable[..., tuple[Wire, Meddler]],
) -> None:
    picture = png()
    client, home = serve(lambda asked: Answer(200, picture))
    _, store = serve(
        lambda asked: Answer(200, picture) if asked.path == "/b" else Answer(302, b"", {"location": "/b"})
    )
    assert client.fetch_picture(f"{store.url}/a") == picture
    assert all("authorization" not in asked.headers for asked in store.requests)
    assert client.fetch_picture(f"{home.url}/own") == picture
    assert home.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(404), Gone),
        (Answer(403), Gone),
        (Answer(410), Gone),
        (Answer(500), AskAgain),
        (Answer(200, b"<html>"), AskAgain),
        (Answer(200, png()[:-9]), AskAgain),
        (Answer(302, b"", {"location": "/again"}), AskAgain),
        (Answer(302, b"", {"location": "http://intranet.example/x"}), Gone),
        (Answer(302, b"", {"location": "file:///etc/passwd"}), Gone),
        (Answer(200, b"x" * 3_000), Gone),
        (Answer(200, png(), cut_at=5), AskAgain),
    ],
    ids=[
        "404",
        "403",
        "410",
        "500",
        "page",
        "cut picture",
        "loop",
        "not https",
        "a file",
        "too large",
        "cut",
    ],
)
def test_a_picture_that_cannot_be_had_says_whether_to_ask_again(
    serve: Callable[..., tuple[Wire, Meddler]], answer: Answer, expected: type[ProviderError]
) -> None:
    client, server = serve(lambda _: answer)
    with pytest.raises(expected):
        client.fetch_picture(f"{server.url}/picture", limit=2_000)


def test_plain_http_is_not_fetched_for_a_vendor_on_the_internet() -> None:
    client = Wire(title="Vendor", base_url="https://v.example/v1")
    for address in ("http://169.254.169.254/latest", "http://127.0.0.1:9/x", "not an address"):
        with pytest.raises(Gone, match="https"):
            client.fetch_picture(address)
    client.close()

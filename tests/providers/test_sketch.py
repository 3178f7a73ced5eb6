"""The provider that draws: the same wish gives the same picture, and its folder stays tidy."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from providers.base import Gone, Handle, ImageRequest, Lane, Made, Outgoing, Reference, Refused, Size
from providers.catalogue import load
from providers.sketch import Sketch


class Clock:
    now = datetime(2026, 11, 23, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def sketch(tmp_path: Path) -> Sketch:
    return Sketch(load()["sketch"], folder=tmp_path / "kept", clock=Clock())


def send(sketch: Sketch, lane: Lane = Lane.BATCH, tag: str = "t", **change: Any) -> Any:
    wish = {"key": "k", "model": "sketch", "prompt": "a red shoe", "size": Size(80, 64), **change}
    line = sketch.encode(ImageRequest(**wish), lane)
    payload = line.line + b"\n"
    return sketch.submit(
        Outgoing(tag, "sketch", lane, line.group, 1, len(payload), lambda: io.BytesIO(payload))
    )


def drawn(sketch: Sketch, **change: Any) -> bytes:
    (result,) = send(sketch, Lane.LIVE, **change).results
    assert isinstance(result.outcome, Made)
    assert result.outcome.cost_usd == 0
    content = result.outcome.pictures[0].content
    assert content is not None
    return content


def test_the_same_wish_gives_the_same_picture_in_both_lanes(sketch: Sketch) -> None:
    handle = send(sketch)
    (result,) = sketch.results(handle)
    assert isinstance(result.outcome, Made)
    assert result.outcome.pictures[0].content == drawn(sketch) == drawn(sketch)
    assert Image.open(io.BytesIO(drawn(sketch))).size == (80, 64)


def test_seed_prompt_and_references_change_the_picture(sketch: Sketch) -> None:
    pictures = [
        drawn(sketch),
        drawn(sketch, seed=7),
        drawn(sketch, prompt="a blue shoe"),
        drawn(sketch, references=(Reference(content=b"one"),)),
        drawn(sketch, references=(Reference(url="https://a.example/two.png"),)),
    ]
    assert len(set(pictures)) == len(pictures)


def test_nothing_is_drawn_before_the_results_are_read(sketch: Sketch, tmp_path: Path) -> None:
    handle = send(sketch)
    assert [file.suffix for file in (tmp_path / "kept").iterdir()] == [".jsonl"]
    assert next(sketch.results(handle)).key == "k"


def test_payloads_go_when_their_results_have_expired(sketch: Sketch, tmp_path: Path) -> None:
    clock = Clock()
    sketch = Sketch(load()["sketch"], folder=tmp_path, clock=clock)
    old = send(sketch, tag="old")
    assert sketch.poll(old).results_expire_at == clock.now + timedelta(days=30)
    clock.now += timedelta(days=31)
    send(sketch, tag="new")
    with pytest.raises(Gone):
        sketch.poll(old)
    with pytest.raises(Gone):
        list(sketch.results(old))


def test_a_tag_cannot_leave_the_folder(sketch: Sketch, tmp_path: Path) -> None:
    handle = send(sketch, tag="../../escape")
    assert len(list(sketch.results(handle))) == 1
    assert not list(tmp_path.parent.glob("escape*"))
    with pytest.raises(Gone):
        sketch.poll(Handle("../../../etc/passwd", {}))


def test_what_it_cannot_draw_is_refused(sketch: Sketch) -> None:
    for change in ({"size": Size(5_000, 64)}, {"quality": "splendid"}, {"model": "other"}):
        with pytest.raises(Refused):
            send(sketch, **change)


def test_it_hands_out_no_links(sketch: Sketch) -> None:
    with pytest.raises(Gone):
        sketch.fetch("https://a.example/b.png")

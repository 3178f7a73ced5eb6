"""Drawings become pixels, and drawings that mean harm do nothing but be refused."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from bot.imaging import vector
from bot.imaging.pictures import NotAPicture, open_picture
from bot.imaging.renditions import render
from bot.imaging.vector import MAX_BYTES, is_vector, rasterise
from providers.base import Size

NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
DOT = '<circle cx="50" cy="25" r="20" fill="#f00"/>'


def svg(inside: str = DOT, how: str = 'viewBox="0 0 100 50"') -> bytes:
    return f"<svg {NAMESPACES} {how}>{inside}</svg>".encode()


def pixel() -> str:
    """A picture of one pixel, as an address."""
    file = io.BytesIO()
    Image.new("RGB", (1, 1)).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGBA")


def test_a_drawing_is_as_large_as_asked_and_clear_where_nothing_is_drawn() -> None:
    picture = opened(rasterise(svg(), 400))
    assert picture.size == (400, 200)
    assert picture.getpixel((200, 100)) == (255, 0, 0, 255)
    assert picture.getpixel((2, 2)) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("how", "size"),
    [
        ('width="100" height="50"', (300, 150)),
        ('width="50mm" height="25mm" viewBox="0 0 100 50"', (300, 150)),
        ('width="100%" height="100%" viewBox="0 0 50 100"', (150, 300)),
        ('width="1e9" height="1e9" viewBox="0 0 100 100"', (300, 300)),
        ('viewBox="0 0 1 100000"', (1, 300)),
    ],
)
def test_its_shape_is_kept_whatever_size_it_claims(how: str, size: tuple[int, int]) -> None:
    assert opened(rasterise(svg(how=how), 300)).size == size


def test_what_comes_out_goes_on_like_any_other_master() -> None:
    png = rasterise(svg(), 256)
    assert open_picture(png).size == (256, 128)
    made = render(png, Size(64, 64))
    assert (made.media_type, made.width, made.height) == ("image/webp", 64, 64)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + svg(),
        b"<?xml version='1.0' encoding='UTF-8'?>\n<!-- made by a model -->\n" + svg(),
        svg(f'<defs><g id="a">{DOT}</g></defs><use xlink:href="#a"/>'),
        svg(
            '<linearGradient id="g"/><style>.a{fill:url( "#g" )}</style>'
            f'<rect class="a" style="fill:url(#g)"/>{DOT}'
        ),
        svg(f'<image href="{pixel()}" width="10" height="10"/>{DOT}'),
        svg(f'<text x="5" y="20">café</text>{DOT}'),
    ],
    ids=["byte order mark", "declaration", "use", "gradient", "pixels inside", "text"],
)
def test_what_drawings_are_made_of_is_drawn(content: bytes) -> None:
    assert is_vector(content)
    assert opened(rasterise(content, 100)).getpixel((50, 25)) == (255, 0, 0, 255)


SECRET = Path(__file__).as_uri()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not an SVG"),
        (b"\x89PNG\r\n\x1a\n", "not an SVG"),
        (b"<html><svg></svg></html>", "not an SVG"),
        (svg()[:-10], "well-formed"),
        (svg("\x00"), "well-formed"),
        (svg() + b"<!--" + b"x" * MAX_BYTES, "at most 2.1 MB"),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]>' + svg(), "DOCTYPE"),
        (b'<!DOCTYPE svg SYSTEM "http://127.0.0.1:1/x.dtd">' + svg(), "DOCTYPE"),
        (b'<?xml-stylesheet href="http://127.0.0.1:1/a.css"?>' + svg(), "instruction"),
        (svg("<script>alert(1)</script>"), "script"),
        (svg('<g xmlns:s="http://www.w3.org/2000/svg"><s:script/></g>'), "script"),
        (svg("<foreignObject/>"), "foreignobject"),
        (svg('<g onload="alert(1)"/>'), "script"),
        (svg('<a href="javascript:alert(1)"/>'), "links"),
        (svg('<a href="https://example.com/"/>'), "links"),
        (svg(f'<image href="{SECRET}"/>'), "links"),
        (svg('<image xlink:href="/etc/passwd"/>'), "links"),
        (svg('<image href="picture.png"/>'), "links"),
        (svg('<image href="data:image/svg+xml;base64,PHN2Zy8+"/>'), "links"),
        (svg('<use href="other.svg#a"/>'), "links"),
        (svg('<g xml:base="http://127.0.0.1/"/>'), "links"),
        (svg("<style>@import 'a.css';</style>"), "fetches"),
        (svg("<style>.a{fill:red}<![CDATA[.b{background:url(//127.0.0.1/x)}]]></style>"), "fetches"),
        (svg('<rect style="fill:url(http://127.0.0.1/#a)"/>'), "fetches"),
        (svg("<rect fill=\"url( 'file:///etc/passwd' )\"/>"), "fetches"),
        (svg("<g>" * 200 + "</g>" * 200), "deep"),
    ],
)
def test_what_no_picture_needs_is_refused_before_it_is_drawn(
    content: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn(*_: object, **__: object) -> None:
        raise AssertionError("it was drawn")

    monkeypatch.setattr(subprocess, "run", drawn)
    with pytest.raises(NotAPicture, match=words):
        rasterise(content, 100)


def bombs() -> dict[str, bytes]:
    uses = "".join(
        f'<g id="a{n}">' + f'<use href="#a{n - 1}"/>' * 10 + "</g>" for n in range(1, 10)
    )  # 10^9 rectangles
    blur = '<filter id="f"><feMorphology operator="dilate" radius="5000"/></filter>'
    return {
        "uses of uses": svg(
            f'<defs><g id="a0"><rect width="1" height="1"/></g>{uses}</defs><use href="#a9"/>'
        ),
        "endless filters": svg(blur + f'<g filter="url(#f)">{DOT}</g>' * 200),
        "masks in masks": svg(
            f'<mask id="m">{DOT}</mask>' + '<g mask="url(#m)">' * 120 + DOT + "</g>" * 120,
            'viewBox="0 0 9 9"',
        ),
        "no size at all": svg(how='width="0" height="0"'),
    }


@pytest.mark.parametrize("bomb", bombs().values(), ids=list(bombs()))
def test_a_drawing_that_never_ends_is_ended(bomb: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector, "WALL_SECONDS", 1.0)
    with contextlib.suppress(NotAPicture):
        assert opened(rasterise(bomb, 1_000)).size[0] <= 1_000


def test_the_renderer_can_open_no_file_even_when_it_is_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second guard, with the first one taken away."""
    target = tmp_path / "secret.png"
    Image.new("RGB", (9, 9), "red").save(target)
    monkeypatch.setattr(vector, "inspect", lambda _: False)
    picture = opened(rasterise(svg(f'<image href="{target}" width="100" height="50"/>'), 100))
    assert picture.getextrema() == ((0, 0),) * 4


def test_the_renderer_sees_none_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}
    real = subprocess.run

    def watched(command: list[str], **how: object) -> object:
        seen.update(how)
        return real(command, **how)  # type: ignore[call-overload]

    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")
    monkeypatch.setattr(subprocess, "run", watched)
    rasterise(svg(), 50)
    assert seen["env"] == {}
    assert "OPENAI_API_KEY" in os.environ


def test_many_may_be_drawn_at_once() -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda side: opened(rasterise(svg(), side)).size[0], range(40, 48)))
    assert made == list(range(40, 48))


@pytest.mark.parametrize("side", [0, -1, 8_193])
def test_a_side_that_cannot_be_is_the_callers_mistake(side: int) -> None:
    with pytest.raises(ValueError, match=str(side)):
        rasterise(svg(), side)


def test_other_pictures_are_told_apart() -> None:
    assert not is_vector(b"\x89PNG\r\n\x1a\n<svg")
    assert not is_vector(b"<html></html>")
    assert not is_vector(b"")
    assert is_vector(b"  \n<SVG/>")

"""The label of a picture's origin: written in every format, read back, and never faked by a prompt."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from picture_builders import opened, photo, png, saved, with_c2pa, with_jpeg_segment, with_png_chunk
from PIL.PngImagePlugin import PngInfo

from bot.imaging.disclosure import MADE_BY_A_MODEL, MADE_WITH_A_MODEL, has_c2pa, read_disclosure, xmp_packet
from bot.imaging.renditions import Format, RenderPolicy, render

FORMATS: tuple[Format, ...] = ("webp", "jpeg", "png")


@pytest.mark.parametrize("form", FORMATS)
def test_a_rendition_says_it_was_made_by_a_model(form: Format) -> None:
    content = render(png(photo()), None, RenderPolicy(format=form)).content
    expected = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    assert read_disclosure(content) == expected == MADE_BY_A_MODEL


@pytest.mark.parametrize("form", FORMATS)
def test_an_independent_xmp_reader_finds_the_label(form: Format) -> None:
    info = opened(render(png(photo()), None, RenderPolicy(format=form)).content).info
    packet = info.get("xmp") or info["XML:com.adobe.xmp"].encode()
    root = ElementTree.fromstring(packet)
    found = root.find(".//{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType")
    assert found is not None
    assert found.text == MADE_BY_A_MODEL
    assert root.findtext(".//{http://ns.adobe.com/xap/1.0/}CreatorTool") == "imgbatch"


@pytest.mark.parametrize("form", FORMATS)
def test_a_policy_can_leave_the_label_out(form: Format) -> None:
    content = render(png(photo()), None, RenderPolicy(format=form, disclosure=False)).content
    assert read_disclosure(content) is None
    assert b"xmpmeta" not in content


def test_leaving_out_a_label_the_master_had_is_noted() -> None:
    master = saved(photo(), "JPEG", xmp=xmp_packet())
    made = render(master, None, RenderPolicy(disclosure=False))
    assert made.notes == ("The master's label “made by a model” was left out, as the policy says.",)


def test_the_masters_own_more_exact_label_is_kept() -> None:
    master = saved(photo(), "JPEG", xmp=xmp_packet(MADE_WITH_A_MODEL))
    assert read_disclosure(render(master).content) == MADE_WITH_A_MODEL


def test_a_label_that_denies_the_model_is_replaced() -> None:
    camera = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
    master = saved(photo(), "JPEG", xmp=xmp_packet(camera))
    assert read_disclosure(master) == camera
    assert read_disclosure(render(master).content) == MADE_BY_A_MODEL


@pytest.mark.parametrize(
    "packet",
    [
        b'<rdf:Description Iptc4xmpExt:DigitalSourceType="%s"/>',
        b"<rdf:Description Iptc4xmpExt:DigitalSourceType='%s'/>",
        b'<Iptc4xmpExt:DigitalSourceType rdf:resource="%s"/>',
        b"<Iptc4xmpExt:DigitalSourceType>\n  %s\n</Iptc4xmpExt:DigitalSourceType>",
    ],
)
def test_labels_in_other_tools_spelling_are_read(packet: bytes) -> None:
    written = packet % MADE_BY_A_MODEL.encode()
    assert read_disclosure(saved(photo(), "JPEG", xmp=written)) == MADE_BY_A_MODEL
    assert read_disclosure(saved(photo(), "WEBP", xmp=written)) == MADE_BY_A_MODEL


def test_a_compressed_png_packet_is_read() -> None:
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp_packet().decode(), zip=True)
    assert read_disclosure(png(photo(), pnginfo=info)) == MADE_BY_A_MODEL


def test_a_label_inside_a_prompt_does_not_count() -> None:
    info = PngInfo()
    info.add_text("parameters", xmp_packet().decode())
    assert read_disclosure(png(photo(), pnginfo=info)) is None


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_c2pa_manifest_is_seen_in_the_master_and_not_left_broken_in_the_rendition(form: str) -> None:
    master = with_c2pa(form)
    assert has_c2pa(master)
    assert opened(master).size == (96, 64), "the built master is still a picture"
    for target in FORMATS:
        made = render(master, None, RenderPolicy(format=target))
        assert not has_c2pa(made.content)
        assert b"jumb" not in made.content
        assert made.notes == (
            "The master's C2PA manifest stays in the master; the rendition cannot keep it, "
            "it carries the label of its origin instead.",
        )


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_plain_picture_has_no_c2pa(form: str) -> None:
    assert not has_c2pa(saved(photo(), form))


def test_the_word_c2pa_elsewhere_is_not_a_manifest() -> None:
    assert not has_c2pa(with_png_chunk(png(photo()), b"tEXt", b"note\x00caBX c2pa jumb"))
    assert not has_c2pa(with_jpeg_segment(saved(photo(), "JPEG"), 0xEB, b"HDR gain map"))
    assert not has_c2pa(png(photo()) + b"\x00\x00\x00\x00caBX")


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n\xff", b"\xff\xd8\xff", b"RIFF1234WEBP", b"\xff\xd8" + b"\xff" * 99]
)
def test_reading_marks_never_fails_on_broken_bytes(content: bytes) -> None:
    assert read_disclosure(content) is None
    assert not has_c2pa(content)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_reading_marks_never_fails_on_a_file_cut_anywhere(form: str) -> None:
    content = with_c2pa(form)
    for end in range(0, len(content), 7):
        read_disclosure(content[:end])
        has_c2pa(content[:end])

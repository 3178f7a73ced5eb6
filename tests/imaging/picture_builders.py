"""Real pictures of the kinds that go wrong, built with Pillow and by hand."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

GPS_TAG = 0x8825


def png(image: Image.Image, **options: object) -> bytes:
    return saved(image, "PNG", **options)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def photo(width: int = 96, height: int = 64, mode: str = "RGB") -> Image.Image:
    """A colourful picture whose four corners differ: red, green, blue, white."""
    image = Image.new("RGB", (width, height), "#808080")
    draw = ImageDraw.Draw(image)
    half_w, half_h = width // 2, height // 2
    draw.rectangle((0, 0, half_w - 1, half_h - 1), "#e01010")
    draw.rectangle((half_w, 0, width, half_h - 1), "#10c010")
    draw.rectangle((0, half_h, half_w - 1, height), "#1010e0")
    draw.rectangle((half_w, half_h, width, height), "#f8f8f8")
    return image.convert(mode)


def corners(image: Image.Image) -> list[str]:
    """The colours of the four corners, as words, in reading order."""
    rgb = image.convert("RGB")
    right, bottom = rgb.width - 1 - rgb.width // 8, rgb.height - 1 - rgb.height // 8
    left, top = rgb.width // 8, rgb.height // 8
    return [_word(rgb.getpixel(at)) for at in ((left, top), (right, top), (left, bottom), (right, bottom))]


def _word(pixel: tuple[int, int, int]) -> str:
    named = {"red": (224, 16, 16), "green": (16, 192, 16), "blue": (16, 16, 224), "white": (248, 248, 248)}
    return min(named, key=lambda name: sum(abs(a - b) for a, b in zip(named[name], pixel, strict=True)))


def photo_with_private_data(form: str) -> bytes:
    """EXIF with a name and GPS, and for PNG the prompt in text chunks, for JPEG a comment."""
    exif = Image.Exif()
    exif[0x013B] = "Jane Secret"
    exif[0x010E] = "secret prompt in exif"
    exif.get_ifd(GPS_TAG).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 36.0)})
    options: dict[str, object] = {"exif": exif, "dpi": (300, 300)}
    if form == "PNG":
        info = PngInfo()
        info.add_text("parameters", "secret prompt: a chair")
        info.add_itxt("Comment", "secret note", "en", "secret")
        options["pnginfo"] = info
    if form == "JPEG":
        options["comment"] = b"secret comment"
    if form == "WEBP":
        options.pop("dpi")
    return saved(photo(), form, **options)


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def bomb_png(width: int, height: int) -> bytes:
    """A few hundred bytes that say they are a huge picture."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\x00" * 1000)
    chunks = (b"IHDR", header), (b"IDAT", body), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(name, data) for name, data in chunks)


def bomb_webp(width: int, height: int) -> bytes:
    body = struct.pack("<I", 0) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunk = b"VP8X" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def with_png_chunk(content: bytes, name: bytes, body: bytes) -> bytes:
    """The PNG with a chunk put after its header."""
    return content[:33] + png_chunk(name, body) + content[33:]


def with_jpeg_segment(content: bytes, marker: int, body: bytes) -> bytes:
    return content[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body + content[2:]


def with_webp_chunk(content: bytes, name: bytes, body: bytes) -> bytes:
    padded = body + b"\x00" * (len(body) & 1)
    whole = content[8:] + name + struct.pack("<I", len(body)) + padded
    return b"RIFF" + struct.pack("<I", len(whole)) + whole


def jumbf() -> bytes:
    """The start of a JUMBF superbox described as a C2PA manifest store."""
    description = b"c2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71" + b"\x03c2pa\x00"
    box = struct.pack(">I", len(description) + 8) + b"jumd" + description
    return struct.pack(">I", len(box) + 8) + b"jumb" + box


def with_c2pa(form: str) -> bytes:
    content = saved(photo(), form)
    if form == "PNG":
        return with_png_chunk(content, b"caBX", jumbf())
    if form == "JPEG":
        return with_jpeg_segment(content, 0xEB, b"JP\x00\x01\x00\x00\x00\x01" + jumbf())
    return with_webp_chunk(content, b"C2PA", jumbf())


_P3_COLORANTS = {
    b"rXYZ": (0.515102, 0.241182, -0.001049),
    b"gXYZ": (0.291965, 0.692236, 0.041882),
    b"bXYZ": (0.157153, 0.066582, 0.784378),
}
"""Display P3's primaries, adapted to D50, as in every Display P3 profile."""


def display_p3() -> bytes:
    """A Display P3 profile: its primaries, and sRGB's curve."""

    def xyz(x: float, y: float, z: float) -> bytes:
        return b"XYZ \x00\x00\x00\x00" + struct.pack(">3i", *(round(value * 65536) for value in (x, y, z)))

    curve = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    para = b"para\x00\x00\x00\x00\x00\x03\x00\x00" + struct.pack(">5i", *(round(v * 65536) for v in curve))

    def text(words: str) -> bytes:
        raw = words.encode("utf-16-be")
        return b"mluc\x00\x00\x00\x00" + struct.pack(">II4sII", 1, 12, b"enUS", len(raw), 28) + raw

    tags = {
        b"desc": text("Display P3"),
        b"cprt": text("public domain"),
        b"wtpt": xyz(0.9642, 1.0, 0.82491),
        **{name: xyz(*value) for name, value in _P3_COLORANTS.items()},
        b"rTRC": para,
        b"gTRC": para,
        b"bTRC": para,
    }
    table, data = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, body in tags.items():
        body += b"\x00" * (-len(body) % 4)
        table += struct.pack(">4sII", name, start + len(data), len(body))
        data += body
    size = start + len(data)
    header = struct.pack(">I4sI4s4s4s", size, b"none", 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    header += b"\x00" * 12 + b"acsp" + b"\x00" * 28 + struct.pack(">3i", 63190, 65536, 54061)
    header += b"\x00" * (128 - len(header))
    return header + struct.pack(">I", len(tags)) + table + data


def p3_to_srgb(pixel: tuple[int, int, int]) -> tuple[float, ...]:
    """The same colour in sRGB by arithmetic alone (CSS Color 4's matrix), not clipped, 0 to 255."""
    matrix = (
        (1.2249401763, -0.2249401763, 0.0),
        (-0.0420569547, 1.0420569547, 0.0),
        (-0.0196375546, -0.0786360456, 1.0982736002),
    )

    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    def curved(value: float) -> float:
        return value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055

    light = [linear(value / 255) for value in pixel]
    mixed = [sum(part * value for part, value in zip(row, light, strict=True)) for row in matrix]
    return tuple(255 * curved(value) for value in mixed)

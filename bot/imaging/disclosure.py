"""The label that says a picture was made by a model, and the marks the provider put in.

The label is IPTC's Digital Source Type in an XMP packet, which search engines and social networks
read. A provider's C2PA manifest is signed over the very bytes of the master: a picture made from the
master cannot carry it on without a new signature, and a manifest that no longer fits reads as
"tampered with". So the manifest stays in the kept master and the rendition gets the label.
"""

from __future__ import annotations

import re
import zlib
from typing import Final

from bot.imaging.parts import parts

_VOCABULARY: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"

MADE_BY_A_MODEL: Final = _VOCABULARY + "trainedAlgorithmicMedia"
"""IPTC's term for a picture created by a trained model."""

MADE_WITH_A_MODEL: Final = _VOCABULARY + "compositeWithTrainedAlgorithmicMedia"
"""IPTC's term for a picture put together from parts of which a trained model made some."""

_AI_TERMS: Final = frozenset({MADE_BY_A_MODEL, MADE_WITH_A_MODEL, _VOCABULARY + "compositeSynthetic"})
"""Terms in a master that disclose a model and are therefore kept rather than replaced."""

_XMP_IN_PNG: Final = b"XML:com.adobe.xmp"
_XMP_IN_JPEG: Final = b"http://ns.adobe.com/xap/1.0/\x00"
_MAX_XMP_BYTES: Final = 1_000_000
"""More XMP than this is not read: it may be a compressed bomb, and no label needs it."""

_SOURCE_TYPE: Final = re.compile(
    rb"DigitalSourceType(?:>\s*|\s*=\s*[\"']|\s+rdf:resource\s*=\s*[\"'])"
    rb"(https?://cv\.iptc\.org/newscodes/digitalsourcetype/[A-Za-z]+)"
)
"""The property as an element's text, as an attribute, or as an element's rdf:resource."""


def xmp_packet(term: str = MADE_BY_A_MODEL) -> bytes:
    """An XMP packet that holds the label and the tool's name, and nothing about anybody."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        "<xmp:CreatorTool>imgbatch</xmp:CreatorTool>"
        f"<Iptc4xmpExt:DigitalSourceType>{term}</Iptc4xmpExt:DigitalSourceType>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="r"?>'
    ).encode()


def read_disclosure(content: bytes) -> str | None:
    """The IPTC Digital Source Type a PNG, JPEG or WebP file carries in its XMP, or None.

    Reads the file's own structure rather than searching its bytes, so that a term inside a prompt or a
    signed manifest does not count. Never raises.
    """
    found = _SOURCE_TYPE.search(_xmp(content))
    return found[1].decode("ascii").replace("https://", "http://") if found else None


def term_for(master: bytes) -> str:
    """The term for a picture made from this master: the master's own if it discloses a model."""
    term = read_disclosure(master)
    return term if term in _AI_TERMS else MADE_BY_A_MODEL


def has_c2pa(master: bytes) -> bool:
    """Whether the file carries an embedded C2PA manifest (signed content credentials). Never raises.

    Looks only whether one is there; it does not verify the signature.
    """
    for name, body in parts(master):
        match name:
            case b"caBX" | b"C2PA":  # PNG's chunk, WebP's chunk
                return True
            # JPEG: APP11 with JUMBF boxes ("JP"), the first of which is described as c2pa.
            case b"\xff\xeb" if body[:2] == b"JP" and b"c2pa" in body[:256]:
                return True
    return False


def _xmp(content: bytes) -> bytes:
    for name, body in parts(content):
        if name == b"XMP ":
            return body[:_MAX_XMP_BYTES]
        if name == b"\xff\xe1" and body.startswith(_XMP_IN_JPEG):
            return body[len(_XMP_IN_JPEG) :]
        if name == b"iTXt" and body.startswith(_XMP_IN_PNG + b"\x00"):
            return _itxt_text(body[len(_XMP_IN_PNG) + 1 :])
    return b""


def _itxt_text(rest: bytes) -> bytes:
    """The text of an iTXt chunk after its keyword: flag, method, language, translated keyword, text."""
    compressed = rest[:1] == b"\x01"
    *_, text = rest[2:].split(b"\x00", 2)
    if not compressed:
        return text[:_MAX_XMP_BYTES]
    try:
        return zlib.decompressobj().decompress(text, _MAX_XMP_BYTES)
    except zlib.error:
        return b""

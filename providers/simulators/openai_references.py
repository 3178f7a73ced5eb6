"""The reference pictures of an edit: what OpenAI takes as one, in both encodings of the call."""

from __future__ import annotations

import base64
import binascii
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from PIL import Image, UnidentifiedImageError
from starlette.datastructures import FormData, UploadFile

from providers.simulators.openai_errors import Refused, invalid
from providers.simulators.openai_files import Shelf
from providers.simulators.openai_images import MAX_REFERENCES

MAX_REFERENCE_BYTES = 50 * 1024 * 1024
MAX_URL_CHARACTERS = 20_971_520
IMAGE_PURPOSES = ("vision", "user_data")
"""Purposes of files an edit may name; the vendor does not say which, these two are what its samples use."""
NUMBERS = frozenset({"n", "output_compression", "partial_images"})
"""Form fields that are numbers in the JSON form of the same call."""


def check_json_references(images: object, mask: object, shelf: Shelf, now: float) -> None:
    """Each reference is exactly one of an address or a file, and a picture. Raises Refused.

    An https address is taken on trust: nothing here leaves the machine. The real service could not reach
    loopback or plain http addresses, so those are refused.
    """
    if not isinstance(images, list) or not 1 <= len(images) <= MAX_REFERENCES:
        raise invalid(
            "images", f"Invalid 'images': expected an array of 1 to {MAX_REFERENCES} image references."
        )
    named = [(f"images[{place}]", image) for place, image in enumerate(images)]
    if mask is not None:
        named.append(("mask", mask))
    for name, image in named:
        if (
            not isinstance(image, dict)
            or len(image.keys() & {"image_url", "file_id"}) != 1
            or len(image) != 1
        ):
            raise invalid(name, f"Invalid '{name}': provide exactly one of 'image_url' or 'file_id'.")
        if "file_id" in image:
            _check_file(str(image["file_id"]), name, shelf, now)
        else:
            _check_address(str(image["image_url"]), name)


def _check_file(file_id: str, name: str, shelf: Shelf, now: float) -> None:
    file = shelf.get(file_id, now)
    if file.purpose not in IMAGE_PURPOSES:
        raise invalid(
            name, f"Invalid '{name}': file '{file_id}' has purpose '{file.purpose}', expected 'vision'."
        )
    with Path(file.path).open("rb") as handle:
        _check_picture(handle)


def _check_address(address: str, name: str) -> None:
    if len(address) > MAX_URL_CHARACTERS:
        raise invalid(name, f"Invalid '{name}.image_url': longer than {MAX_URL_CHARACTERS} characters.")
    if address.startswith("data:image/"):
        try:
            data = base64.b64decode(address.partition(",")[2], validate=True)
        except binascii.Error:
            raise invalid(name, f"Invalid '{name}.image_url': not valid base64.") from None
        _check_picture(BytesIO(data))
        return
    parts = urlsplit(address)
    if parts.scheme != "https" or not parts.hostname or parts.hostname in ("localhost", "127.0.0.1"):
        raise Refused(
            400, f"Error while downloading {address[:200]}.", "invalid_image_url", param=f"{name}.image_url"
        )


def _check_picture(file: BinaryIO) -> Image.Image:
    try:
        picture = Image.open(file)
        picture.verify()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise _bad_picture("Invalid image file or mode for image.") from None
    if picture.format not in ("PNG", "JPEG", "WEBP"):
        raise _bad_picture(f"Unsupported image format {picture.format}; use png, jpeg or webp.")
    return picture


def _bad_picture(message: str) -> Refused:
    return Refused(400, message, "invalid_image_file", type="image_generation_user_error", param="image")


def read_form(form: FormData) -> dict[str, Any]:
    """A multipart edit as the body of its JSON form, its pictures checked. Raises Refused."""
    images = [part for name in ("image", "image[]") for part in form.getlist(name)]
    if not 1 <= len(images) <= MAX_REFERENCES:
        raise invalid(
            "image", f"Invalid 'image': expected 1 to {MAX_REFERENCES} images, but got {len(images)}."
        )
    pictures = []
    for image in images:
        if not isinstance(image, UploadFile):
            raise invalid("image", "Invalid type for 'image': expected a file.")
        if (image.size or 0) >= MAX_REFERENCE_BYTES:
            raise _bad_picture("Invalid image: each image must be less than 50MB.")
        pictures.append(_check_picture(image.file))
    mask = form.get("mask")
    if isinstance(mask, UploadFile):
        found = _check_picture(mask.file)
        if found.size != pictures[0].size or found.mode not in ("RGBA", "LA", "PA"):
            raise _bad_picture(
                "Invalid mask: it must be a PNG with an alpha channel, as large as the first image."
            )
    body: dict[str, Any] = {"images": [{}] * len(images)}
    for name, value in form.multi_items():
        if isinstance(value, str):
            text = value.strip()
            body[name] = int(text) if name in NUMBERS and text.lstrip("-").isdigit() else value
    if body.get("stream") == "false":
        body["stream"] = False
    return body

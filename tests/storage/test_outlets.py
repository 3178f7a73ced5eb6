"""Exports reach a folder and an object store that speaks S3."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from storage.outlets import CHUNK_BYTES, OutletTrouble, open_outlet


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """The address of an S3 on loopback with a bucket, in a process of its own."""
    program = "from moto.server import main; main(['-H', '127.0.0.1', '-p', '0'])"
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        assert server.stderr is not None
        found = next(m for line in server.stderr if (m := re.search(rb"http://127\.0\.0\.1:\d+", line)))
        address = found[0].decode()
        rest = server.stderr
        reading = threading.Thread(target=rest.read, daemon=True)
        reading.start()
        urllib.request.urlopen(urllib.request.Request(f"{address}/pictures", method="PUT")).close()
        yield address
    finally:
        server.terminate()
        server.wait()
        reading.join()
        rest.close()


@pytest.fixture
def known(store: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in {
        "AWS_ENDPOINT_URL": store,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    return store


def fetch(address: str, key: str) -> bytes:
    """What another library finds there."""
    client = boto3.client("s3", endpoint_url=address, region_name="us-east-1")
    try:
        content: bytes = client.get_object(Bucket="pictures", Key=key)["Body"].read()
    finally:
        client.close()
    return content


def test_a_prefix_in_an_object_store(known: str) -> None:
    outlet = open_outlet("s3://pictures/exports/")
    assert outlet.address == "s3://pictures/exports"
    outlet.put("job-1/größe.webp", io.BytesIO(b"small"))
    assert fetch(known, "exports/job-1/größe.webp") == b"small"
    outlet.put("job-1/größe.webp", io.BytesIO(b"again"))
    assert fetch(known, "exports/job-1/größe.webp") == b"again"
    large = bytes(range(256)) * (2 * CHUNK_BYTES // 256) + b"end"  # sent in parts
    outlet.put("job-1/large.zip", io.BytesIO(large))
    assert fetch(known, "exports/job-1/large.zip") == large


def test_what_is_wrong_with_a_store_is_said_in_one_sentence(known: str) -> None:
    with pytest.raises(OutletTrouble, match="s3://nobodys takes no files"):
        open_outlet("s3://nobodys").put("a.txt", io.BytesIO(b"a"))
    with pytest.raises(OutletTrouble, match="is no object store; write s3://"):
        open_outlet("ftp://somewhere/x")
    with pytest.raises(ValueError, match="is not a file's name"):
        open_outlet("s3://pictures").put("../a.txt", io.BytesIO(b"a"))


def test_a_folder(tmp_path: Path) -> None:
    outlet = open_outlet(f"file://{tmp_path}/out")
    outlet.put("a/b.txt", io.BytesIO(b"b"))
    assert (tmp_path / "out/a/b.txt").read_bytes() == b"b"
    (tmp_path / "file").touch()
    with pytest.raises(OutletTrouble, match="takes no files"):
        open_outlet(str(tmp_path / "file")).put("a.txt", io.BytesIO(b"a"))

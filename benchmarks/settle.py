"""Settling a huge result file: time, peak memory, and what of it is ours.

    python benchmarks/settle.py [LINES] [MEGABYTES_A_LINE]

A process of its own serves the OpenAI Batch API's answers with LINES result lines of that many megabytes of
base64 each; a second one runs the real pipeline over it (adapter, settle, blobs, SQLite), a third, the
peer, only downloads the same bytes with httpx to a file.
"""

from __future__ import annotations

import base64
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from PIL import Image

KEY = "sk-sim-benchmark"


def picture(megabytes: float) -> str:
    """Base64 of a PNG of noise, about this large on the wire."""
    side = int((megabytes * 1_000_000 * 3 / 4 / 3) ** 0.5)
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(out, "PNG", compress_level=0)
    return base64.b64encode(out.getvalue()).decode()


class Vendor(BaseHTTPRequestHandler):
    """Files and one batch that ended: just what the adapter asks for."""

    protocol_version = "HTTP/1.1"
    keys: ClassVar[list[str]] = []
    image = ""

    def log_message(self, *_: object) -> None:
        return

    def _json(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        if self.headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(length)
        if self.path.endswith("/files"):
            lines = [part for part in body.split(b"\n") if part.startswith(b'{"custom_id"')]
            Vendor.keys = [json.loads(line)["custom_id"] for line in lines]
            self._json(
                {
                    "id": "file-in",
                    "object": "file",
                    "bytes": length,
                    "purpose": "batch",
                    "status": "processed",
                }
            )
        else:
            self._json(self._batch("validating"))

    def _batch(self, status: str) -> dict[str, object]:
        total = len(Vendor.keys)
        return {
            "id": "batch_1", "object": "batch", "endpoint": "/v1/images/generations", "status": status,
            "input_file_id": "file-in", "completion_window": "24h", "created_at": int(time.time()),
            "output_file_id": "file-out" if status == "completed" else None, "error_file_id": None,
            "request_counts": {"total": total, "completed": total, "failed": 0}, "metadata": {},
        }  # fmt: skip

    def do_GET(self) -> None:
        if not self.path.endswith("/content"):
            self._json(self._batch("completed"))
            return
        parts = line("%s").split("%s")
        size = sum(len(parts[0]) + len(key) + len(parts[1]) + 1 for key in Vendor.keys)
        self.send_response(200)
        self.send_header("content-length", str(size))
        self.end_headers()
        head, tail = parts[0].encode(), parts[1].encode() + b"\n"
        for key in Vendor.keys:
            self.wfile.write(head + key.encode() + tail)


def line(key: str) -> str:
    body = {"created": 1, "data": [{"b64_json": Vendor.image}], "usage": {
        "input_tokens": 10, "output_tokens": 1000,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 0}, "total_tokens": 1010}}  # fmt: skip
    response = {"status_code": 200, "request_id": "r", "body": body}
    return json.dumps({"id": "b", "custom_id": key, "response": response, "error": None})


def serve(megabytes: float) -> None:
    Vendor.image = picture(megabytes)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


def ours(port: int, lines: int) -> None:
    from bot.intake.spec import JobSpec
    from bot.pipeline.assemble import assemble
    from bot.pipeline.create import Wanted, create_job
    from bot.pipeline.poll import poll
    from bot.pipeline.submit import submit
    from bot.runtime import now
    from providers import catalogue
    from providers.openai import OpenAI
    from storage.states import ItemState
    from tests.parts import TestClock, make_context

    provider = OpenAI(
        catalogue.load()["openai"], api_key=KEY, base_url=f"http://127.0.0.1:{port}/v1", clock=now
    )
    with tempfile.TemporaryDirectory() as folder:
        sheet = Path(folder) / "sheet.csv"
        sheet.write_text("prompt\n" + "".join(f"noise number {n}\n" for n in range(lines)))
        with make_context(Path(folder) / "data", {"openai": provider}, clock=TestClock(now())) as ctx:
            wanted = Wanted(sheet, "sheet.csv", JobSpec(provider="openai", model="gpt-image-2"), "benchmark")
            job, _ = create_job(ctx, wanted, ctx.clock())
            ctx.store.start_job(job.id, ctx.clock())
            assemble(ctx, ctx.clock())
            submit(ctx, ctx.clock())
            ctx.clock.move(3600)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            started = time.perf_counter()
            poll(ctx, ctx.clock())
            seconds = time.perf_counter() - started
            assert ctx.queries.counts(job.id) == {ItemState.GENERATED: lines}
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, before)


def peer(port: int) -> None:
    import httpx

    started = time.perf_counter()
    with (
        tempfile.TemporaryFile() as file,
        httpx.stream("GET", f"http://127.0.0.1:{port}/v1/files/file-out/content", timeout=600) as response,
    ):
        for chunk in response.iter_bytes():
            file.write(chunk)
        size = file.tell()
    print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, size)


def main(lines: int, megabytes: float) -> None:
    command = [sys.executable, __file__]
    with subprocess.Popen([*command, "serve", str(megabytes)], stdin=-1, stdout=-1, text=True) as vendor:
        assert vendor.stdout is not None
        assert vendor.stdin is not None
        port = vendor.stdout.readline().strip()
        answers = []
        for kind in (["ours", port, str(lines)], ["peer", port]):
            done = subprocess.run([*command, *kind], stdout=-1, text=True, check=True).stdout.split()
            answers.append([float(part) for part in done])
        vendor.stdin.close()
    (seconds, peak, before), (peer_s, peer_mib, size) = answers
    print(f"{lines:,} lines of {megabytes} MB, {size / 1e9:.2f} GB in all")
    for name, taken, most, note in (
        ("settled", seconds, peak, f"{before:.0f} MiB before it began"),
        ("peer", peer_s, peer_mib, "download alone"),
    ):
        print(f"  {name:<8} {taken:6.1f} s  {size / 1e6 / taken:6.0f} MB/s  peak {most:4.0f} MiB ({note})")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    match sys.argv[1:]:
        case ["serve", megabytes]:
            serve(float(megabytes))
        case ["ours", port, lines]:
            ours(int(port), int(lines))
        case ["peer", port]:
            peer(int(port))
        case arguments:
            main(int(arguments[0]) if arguments else 1000, float(arguments[1]) if arguments[1:] else 2.0)

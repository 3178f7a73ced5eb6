"""A thin gRPC front for the simulated xAI, built from the vendor's own stubs.

The vendor's client speaks gRPC alone; this says each call over again in REST, with the caller's key, and
turns the answer back. It decides nothing: whatever is accepted or refused is the simulator's doing, which
must run with `grpc_spelling` on, so that errors carry their codes and points in time are whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, NoReturn, Self

import grpc
import httpx
from google.protobuf import empty_pb2
from google.protobuf.timestamp_pb2 import Timestamp
from xai_sdk.image import _format_image_aspect_ratio
from xai_sdk.proto import (
    batch_pb2,
    batch_pb2_grpc,
    files_pb2,
    files_pb2_grpc,
    image_pb2,
    image_pb2_grpc,
    models_pb2,
    models_pb2_grpc,
)

CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    412: grpc.StatusCode.FAILED_PRECONDITION,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


class _Rest:
    """The simulator's REST API, called for a gRPC caller."""

    def __init__(self, base_url: str) -> None:
        self.client = httpx.Client(base_url=base_url)

    def __call__(self, context: Any, method: str, path: str, **how: Any) -> Any:
        """The JSON of the answer; an error ends the RPC with the code that belongs to the status."""
        return self.raw(context, method, path, **how).json()

    def raw(self, context: Any, method: str, path: str, **how: Any) -> httpx.Response:
        metadata = dict(context.invocation_metadata())
        headers = {"authorization": metadata["authorization"]} if "authorization" in metadata else {}
        answer = self.client.request(method, path, headers=headers, **how)
        if not answer.is_success:
            self.refuse(context, answer)
        return answer

    def refuse(self, context: Any, answer: httpx.Response) -> NoReturn:
        context.abort(CODES.get(answer.status_code, grpc.StatusCode.UNKNOWN), answer.json()["error"])
        raise AssertionError("abort raises")


class Bridge:
    """Use as a context manager; `address` is what the vendor's client takes as `api_host`.

    By the name "localhost" the client uses credentials for connections that do not leave the machine. Its
    `use_insecure_channel` would do for everything but uploads: there it sends no key (SDK 1.21.0).
    """

    def __init__(self, base_url: str) -> None:
        self._rest = _Rest(base_url)
        self._server = grpc.server(ThreadPoolExecutor(8))
        image_pb2_grpc.add_ImageServicer_to_server(_Image(self._rest), self._server)
        batch_pb2_grpc.add_BatchMgmtServicer_to_server(_BatchMgmt(self._rest), self._server)
        files_pb2_grpc.add_FilesServicer_to_server(_Files(self._rest), self._server)
        models_pb2_grpc.add_ModelsServicer_to_server(_Models(self._rest), self._server)
        port = self._server.add_secure_port("127.0.0.1:0", grpc.local_server_credentials())
        self.address = f"localhost:{port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(grace=None).wait()
        self._rest.client.close()


# --- requests ---------------------------------------------------------------------------------------------


def _source(content: Any) -> dict[str, str]:
    """One picture sent along, by its address or its file."""
    if content.WhichOneof("source") == "file_id":
        return {"file_id": content.file_id}
    return {"url": content.image_url, "type": "image_url"}


def _body(request: Any) -> tuple[dict[str, Any], bool]:
    """A `GenerateImageRequest` as the REST body, and whether it is an edit."""
    as_base64 = request.format == image_pb2.ImageFormat.IMG_FORMAT_BASE64
    body: dict[str, Any] = {
        "model": request.model,
        "prompt": request.prompt,
        "response_format": "b64_json" if as_base64 else "url",
    }
    if request.HasField("n"):
        body["n"] = request.n
    if request.user:
        body["user"] = request.user
    if request.HasField("aspect_ratio"):
        body["aspect_ratio"] = _format_image_aspect_ratio(request.aspect_ratio)
    if request.HasField("resolution"):
        name = image_pb2.ImageResolution.Name(request.resolution)
        body["resolution"] = name.removeprefix("IMG_RESOLUTION_").lower()
    if request.HasField("quality"):
        body["quality"] = image_pb2.ImageQuality.Name(request.quality).removeprefix("IMG_QUALITY_").lower()
    if request.HasField("image"):
        body["image"] = _source(request.image)
    if request.images:
        body["images"] = [_source(image) for image in request.images]
    return body, request.HasField("image") or bool(request.images)


def _page(request: Any) -> dict[str, str]:
    token = {"pagination_token": request.pagination_token} if request.HasField("pagination_token") else {}
    return {**({"limit": str(request.limit)} if request.limit else {}), **token}


# --- answers ----------------------------------------------------------------------------------------------


def _when(value: str | None) -> Timestamp | None:
    if value is None:
        return None
    found = Timestamp()
    found.FromDatetime(datetime.fromisoformat(value))
    return found


def _image_response(answer: dict[str, Any]) -> Any:
    found = image_pb2.ImageResponse(model=answer["model"])
    found.usage.cost_in_usd_ticks = answer["usage"]["cost_in_usd_ticks"]
    for one in answer["data"]:
        image = found.images.add(respect_moderation=one["respect_moderation"])
        if "url" in one:
            image.url = one["url"]
        elif "b64_json" in one:
            image.base64 = f"data:image/jpeg;base64,{one['b64_json']}"
    return found


def _batch(shown: dict[str, Any]) -> Any:
    known = {
        name: shown[name]
        for name in ("batch_id", "name", "create_api_key_id", "cancel_by_xai_message", "input_file_id")
        if shown.get(name) is not None
    }
    times = {name: _when(shown[name]) for name in ("create_time", "expire_time", "cancel_time")}
    breakdown = shown.get("cost_breakdown")
    return batch_pb2.Batch(
        **known,
        **times,
        state=batch_pb2.BatchState(**shown["state"]),
        cost_breakdown=batch_pb2.BatchCostBreakdown(
            total_cost_usd_ticks=breakdown["total_cost_usd_ticks"],
            endpoint_costs=[batch_pb2.EndpointCost(**cost) for cost in breakdown["endpoint_costs"]],
        )
        if breakdown
        else None,
    )


def _result(row: dict[str, Any]) -> Any:
    found = batch_pb2.BatchResult(batch_request_id=row["batch_request_id"])
    result = row["batch_result"]
    if "error" in result:
        found.error.code, found.error.message = result["error"]["code"], result["error"]["message"]
    else:
        found.response.image_response.CopyFrom(_image_response(result["response"]["image_response"]))
    return found


def _file(shown: dict[str, Any]) -> Any:
    found = files_pb2.File(id=shown["id"], filename=shown["filename"], size=shown["bytes"])
    found.created_at.FromSeconds(shown["created_at"])
    if shown["expires_at"] is not None:
        found.expires_at.FromSeconds(shown["expires_at"])
    return found


# --- services ---------------------------------------------------------------------------------------------


class _Image(image_pb2_grpc.ImageServicer):  # type: ignore[misc]
    def __init__(self, rest: _Rest) -> None:
        self._rest = rest

    def GenerateImage(self, request: Any, context: Any) -> Any:
        body, edit = _body(request)
        path = "/images/edits" if edit else "/images/generations"
        return _image_response(self._rest(context, "POST", path, json=body))


class _BatchMgmt(batch_pb2_grpc.BatchMgmtServicer):  # type: ignore[misc]
    def __init__(self, rest: _Rest) -> None:
        self._rest = rest

    def CreateBatch(self, request: Any, context: Any) -> Any:
        body = {"name": request.name}
        if request.input_file_id:
            body["input_file_id"] = request.input_file_id
        return _batch(self._rest(context, "POST", "/batches", json=body))

    def AddBatchRequests(self, request: Any, context: Any) -> Any:
        added = []
        for one in request.batch_requests:
            body, edit = _body(one.image_request)
            named = {"batch_request_id": one.batch_request_id} if one.batch_request_id else {}
            added.append({**named, "batch_request": {"image_edit" if edit else "image_generation": body}})
        self._rest(context, "POST", f"/batches/{request.batch_id}/requests", json={"batch_requests": added})
        return empty_pb2.Empty()

    def GetBatch(self, request: Any, context: Any) -> Any:
        return _batch(self._rest(context, "GET", f"/batches/{request.batch_id}"))

    def CancelBatch(self, request: Any, context: Any) -> Any:
        return _batch(self._rest(context, "POST", f"/batches/{request.batch_id}:cancel"))

    def ListBatches(self, request: Any, context: Any) -> Any:
        page = self._rest(context, "GET", "/batches", params=_page(request))
        return batch_pb2.ListBatchesResponse(
            batches=map(_batch, page["batches"]), pagination_token=page["pagination_token"]
        )

    def ListBatchRequestMetadata(self, request: Any, context: Any) -> Any:
        page = self._rest(context, "GET", f"/batches/{request.batch_id}/requests", params=_page(request))
        return batch_pb2.ListBatchRequestMetadataResponse(
            batch_request_metadata=[
                batch_pb2.BatchRequestMetadata(
                    batch_request_id=one["batch_request_id"],
                    endpoint=one["endpoint"],
                    model=one["model"],
                    state=batch_pb2.BatchRequestMetadata.State.Value(f"STATE_{one['state'].upper()}"),
                    create_time=_when(one["create_time"]),
                    finish_time=_when(one["finish_time"]),
                )
                for one in page["batch_request_metadata"]
            ],
            pagination_token=page["pagination_token"],
        )

    def ListBatchResults(self, request: Any, context: Any) -> Any:
        page = self._rest(context, "GET", f"/batches/{request.batch_id}/results", params=_page(request))
        return batch_pb2.ListBatchResultsResponse(
            results=map(_result, page["results"]), pagination_token=page["pagination_token"]
        )


class _Files(files_pb2_grpc.FilesServicer):  # type: ignore[misc]
    def __init__(self, rest: _Rest) -> None:
        self._rest = rest

    def UploadFile(self, chunks: Iterator[Any], context: Any) -> Any:
        begun = next(chunks).init
        content = b"".join(chunk.data for chunk in chunks)
        form = {"expires_after": str(begun.expires_after)} if begun.HasField("expires_after") else {}
        return _file(self._rest(context, "POST", "/files", data=form, files={"file": (begun.name, content)}))

    def ListFiles(self, request: Any, context: Any) -> Any:
        page = self._rest(context, "GET", "/files", params=_page(request))
        return files_pb2.ListFilesResponse(
            data=map(_file, page["data"]), pagination_token=page["pagination_token"]
        )

    def RetrieveFile(self, request: Any, context: Any) -> Any:
        return _file(self._rest(context, "GET", f"/files/{request.file_id}"))

    def DeleteFile(self, request: Any, context: Any) -> Any:
        return files_pb2.DeleteFileResponse(**self._rest(context, "DELETE", f"/files/{request.file_id}"))

    def RetrieveFileContent(self, request: Any, context: Any) -> Iterator[Any]:
        answer = self._rest.raw(context, "GET", f"/files/{request.file_id}/content")
        yield files_pb2.FileContentChunk(data=answer.content)


class _Models(models_pb2_grpc.ModelsServicer):  # type: ignore[misc]
    def __init__(self, rest: _Rest) -> None:
        self._rest = rest

    def ListImageGenerationModels(self, _: Any, context: Any) -> Any:
        shown = self._rest(context, "GET", "/image-generation-models")["models"]
        return models_pb2.ListImageGenerationModelsResponse(models=map(_model, shown))

    def GetImageGenerationModel(self, request: Any, context: Any) -> Any:
        return _model(self._rest(context, "GET", f"/image-generation-models/{request.name}"))


def _model(shown: dict[str, Any]) -> Any:
    return models_pb2.ImageGenerationModel(
        name=shown["id"],
        aliases=shown["aliases"],
        version=shown["version"],
        image_price=shown["image_price"],
        max_prompt_length=shown["max_prompt_length"],
    )

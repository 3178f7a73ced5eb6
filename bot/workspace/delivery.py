"""How the app is reached: over one of its sockets, or with signed requests to its URL."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlencode

import httpx
from slack_sdk.signature import SignatureVerifier
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from bot.workspace import limits
from bot.workspace.state import APP_ID, Json, new_token

Envelope = Literal["events_api", "slash_commands", "interactive"]


class RequestUrlRefusedError(Exception):
    """The app's request URL did not answer Slack's url_verification as it must."""


class Socket:
    """One Socket Mode connection of the app."""

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self.warned = False
        """Set once it was told to go: it gets nothing more while another is there."""

    async def send(self, message: Json) -> bool:
        try:
            await self.websocket.send_text(json.dumps(message))
        except (RuntimeError, WebSocketDisconnect):
            return False
        return True

    async def close(self, code: int = 1000) -> None:
        if self.websocket.application_state is WebSocketState.CONNECTED:
            try:
                await self.websocket.close(code)
            except RuntimeError:
                return


class Delivery:
    """Carries payloads to the app and brings back what it acknowledged."""

    def __init__(
        self,
        signing_secret: str,
        ack_seconds: float = limits.ACK_SECONDS,
        retry_delays: Sequence[float] = limits.RETRY_DELAYS,
    ) -> None:
        self.ack_seconds = ack_seconds
        self.retry_delays = tuple(retry_delays)
        self.request_url: str | None = None
        self.drop_acks: list[str | None] = []
        """Acknowledgements to lose: of which kind of envelope, or (None) of any."""
        self.sockets: list[Socket] = []
        self.tickets: set[str] = set()
        self.sent: deque[tuple[str, Json]] = deque(maxlen=1_000)
        """The last payloads, each once and with its envelope type."""
        self.undelivered: list[Json] = []
        """Events given up after the last retry."""
        self._verifier = SignatureVerifier(signing_secret)
        self._waiting: dict[str, asyncio.Future[Json]] = {}
        self._turn = 0
        self._http: httpx.AsyncClient | None = None

    # --- what the rest calls ----------------------------------------------------------------------------
    async def event(self, body: Json) -> bool:
        """Deliver an event, again and again as Slack would; False when nobody ever acknowledged it."""
        self.sent.append(("events_api", body))
        for attempt, pause in enumerate((0.0, *self.retry_delays)):
            await asyncio.sleep(pause)
            reason = "timeout" if attempt else None
            if await self._once("events_api", body, attempt, reason) is not None:
                return True
        self.undelivered.append(body)
        return False

    async def again(self, body: Json, times: int) -> None:
        """Redeliver an event that was already acknowledged."""
        for attempt in range(1, times + 1):
            await self._once("events_api", body, attempt, "timeout")

    async def ask(self, kind: Envelope, payload: Json) -> Json | None:
        """What the app answered within its three seconds, None when it did not. Never sent twice."""
        self.sent.append((kind, payload))
        return await self._once(kind, payload, 0, None)

    async def _once(self, kind: Envelope, payload: Json, attempt: int, reason: str | None) -> Json | None:
        if self.request_url is not None:
            answer = await self._by_http(kind, payload, attempt, reason)
        else:
            answer = await self._by_socket(kind, payload, attempt, reason)
        lost = next((each for each in self.drop_acks if each in (None, kind)), "")
        if answer is not None and lost != "":
            self.drop_acks.remove(lost)
            return None
        return answer

    # --- Socket Mode ------------------------------------------------------------------------------------
    async def _by_socket(
        self, kind: Envelope, payload: Json, attempt: int, reason: str | None
    ) -> Json | None:
        envelope_id = new_token()
        envelope: Json = {
            "envelope_id": envelope_id,
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            envelope |= {"retry_attempt": attempt, "retry_reason": reason or ""}
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = future
        try:
            socket = self._next_socket()
            while socket is not None and not await socket.send(envelope):
                self._forget(socket)
                socket = self._next_socket()
            if socket is None:
                return None
            return await asyncio.wait_for(future, self.ack_seconds)
        except TimeoutError:
            return None
        finally:
            self._waiting.pop(envelope_id, None)

    def _next_socket(self) -> Socket | None:
        """One of the open sockets in turn; each payload goes to exactly one."""
        open_ones = [socket for socket in self.sockets if not socket.warned] or self.sockets
        if not open_ones:
            return None
        self._turn += 1
        return open_ones[self._turn % len(open_ones)]

    def _forget(self, socket: Socket) -> None:
        if socket in self.sockets:
            self.sockets.remove(socket)

    async def serve(self, websocket: WebSocket) -> None:
        """One Socket Mode connection from hello to goodbye."""
        ticket = websocket.query_params.get("ticket", "")
        if ticket not in self.tickets:
            await websocket.close(1008)
            return
        self.tickets.discard(ticket)
        await websocket.accept()
        socket = Socket(websocket)
        if len(self.sockets) >= limits.SOCKETS_PER_APP:
            await socket.send(_disconnect("too_many_websockets"))
            await socket.close()
            return
        self.sockets.append(socket)
        await socket.send(
            {
                "type": "hello",
                "num_connections": len(self.sockets),
                "debug_info": {"host": "loopback", "approximate_connection_time": 18_060},
                "connection_info": {"app_id": APP_ID},
            }
        )
        try:
            while True:
                self._acknowledged(await websocket.receive_text())
        except (WebSocketDisconnect, RuntimeError):
            return
        finally:
            self._forget(socket)

    def _acknowledged(self, text: str) -> None:
        try:
            message = json.loads(text)
        except json.JSONDecodeError:
            return
        future = self._waiting.get(str(message.get("envelope_id"))) if isinstance(message, dict) else None
        if future is not None and not future.done():
            payload = message.get("payload")
            future.set_result(payload if isinstance(payload, dict) else {})

    async def disconnect(self, reason: str, notice: float) -> None:
        """Tell every socket to go, and close those still there after the notice."""
        going = list(self.sockets)
        for socket in going:
            socket.warned = True
            await socket.send(_disconnect(reason))
        await asyncio.sleep(notice)
        for socket in going:
            self._forget(socket)
            await socket.close()

    async def cut(self) -> None:
        """Close every socket without notice."""
        for socket in list(self.sockets):
            self._forget(socket)
            await socket.close(1001)

    # --- HTTP -------------------------------------------------------------------------------------------
    async def verify(self, url: str) -> None:
        """Prove the app's request URL with a challenge, then use it; raises RequestUrlRefusedError."""
        challenge = new_token()
        body = {"type": "url_verification", "token": "loopback", "challenge": challenge}
        response = await self._post(url, json.dumps(body), "application/json", {})
        if response is None or response.status_code != 200 or challenge not in response.text:
            status = "no answer" if response is None else f"status {response.status_code}"
            raise RequestUrlRefusedError(f"{url} did not return the challenge ({status})")
        self.request_url = url

    async def _by_http(self, kind: Envelope, payload: Json, attempt: int, reason: str | None) -> Json | None:
        headers = {}
        if attempt:
            headers = {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": f"http_{reason}"}
        form = "application/x-www-form-urlencoded"
        if kind == "events_api":
            body, content_type = json.dumps(payload), "application/json"
        elif kind == "slash_commands":
            body, content_type = urlencode(payload), form
        else:
            body, content_type = urlencode({"payload": json.dumps(payload)}), form
        assert self.request_url is not None
        response = await self._post(self.request_url, body, content_type, headers)
        if response is None or response.status_code != 200:
            # The header tells Slack to stop, so this counts as delivered.
            refused = response is not None and response.headers.get("X-Slack-No-Retry") == "1"
            return {} if refused else None
        if "json" in response.headers.get("content-type", "") and response.text:
            answer = response.json()
            return answer if isinstance(answer, dict) else {}
        return {"text": response.text} if response.text and kind == "slash_commands" else {}

    async def _post(
        self, url: str, body: str, content_type: str, headers: dict[str, str]
    ) -> httpx.Response | None:
        if self._http is None:
            self._http = httpx.AsyncClient(trust_env=False)
        timestamp = str(int(time.time()))
        signature = self._verifier.generate_signature(timestamp=timestamp, body=body)
        headers = headers | {
            "Content-Type": content_type,
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature or "",
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        }
        try:
            return await self._http.post(url, content=body, headers=headers, timeout=self.ack_seconds)
        except httpx.HTTPError:
            return None

    async def close(self) -> None:
        for socket in list(self.sockets):
            self._forget(socket)
            await socket.close(1001)
        if self._http is not None:
            await self._http.aclose()


def _disconnect(reason: str) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "loopback"}}

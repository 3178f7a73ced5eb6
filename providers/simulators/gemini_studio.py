"""The simulated Gemini at work: draws, refuses, answers in words, stumbles, and bills what it drew.

**Words in a prompt that provoke something**, the same in both lanes:

- ``moderated``: the prompt is blocked (PROHIBITED_CONTENT); ``gore``: the picture is (IMAGE_SAFETY). To the
  vendor both are successes, and the words read are billed.
- ``[words]``: the model answers in words (NO_IMAGE); ``[nothing]``: it stops without a picture.
- ``[bad]``: INVALID_ARGUMENT every time.
- ``[flaky]``: INTERNAL the first time this prompt is seen, then fine.
- ``[timeout]``: DEADLINE_EXCEEDED the first time this prompt is seen, then fine.
- ``[down]``: UNAVAILABLE every time.
"""

from __future__ import annotations

import base64
import re
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from typing import Any, Literal

from PIL import Image

from providers.drawing import MAX_SIDE_PX, draw
from providers.simulators.gemini_errors import Refused, invalid, rate_limited
from providers.simulators.gemini_faults import GeminiFaults
from providers.simulators.gemini_models import Ask, text_tokens
from providers.simulators.ledger import Billed
from providers.simulators.server import Simulator

Lane = Literal["batch", "live"]


class Studio:
    """Answers requests that were found acceptable."""

    def __init__(self, simulator: Simulator, faults: Callable[[], GeminiFaults]) -> None:
        self._simulator = simulator
        self._dials = faults
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._drawn: Counter[int] = Counter()

    def execute(
        self, ask: Ask, lane: Lane, key: str | None = None, batch_id: str | None = None
    ) -> dict[str, Any]:
        """The vendor's answer, billed if it holds a picture. Raises Refused; then nothing is billed."""
        self._stumble(ask, lane)
        refusal = self._judge(ask)
        answer = refusal or self._picture_answer(ask, lane, key, batch_id)
        return {**answer, "modelVersion": ask.model, "responseId": uuid.uuid4().hex[:22]}

    def _judge(self, ask: Ask) -> dict[str, Any] | None:
        """The answer without a picture, if there is to be none; what is condemned stays condemned."""
        prompt = ask.prompt.lower()
        dice, dials = self._simulator.dice, self._dials()
        blocked = dice.share("refusal", ask.prompt) < dials.refusal_rate
        if blocked or re.search(r"\bmoderated\b", prompt):
            return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": ask.usage()}
        if re.search(r"\bgore\b", prompt):
            message = "Unable to show the generated image because it may violate the policy."
            return _unmade(ask, "IMAGE_SAFETY", message=message)
        if "[nothing]" in prompt:
            return _unmade(ask, "STOP")
        if "[words]" in prompt or dice.share("words", ask.prompt) < dials.text_only_rate:
            return _unmade(ask, "NO_IMAGE", said="I can describe that picture, but I cannot draw it.")
        return None

    def _stumble(self, ask: Ask, lane: Lane) -> None:
        """Passing trouble: words that work once, and the dice."""
        prompt = ask.prompt.lower()
        if "[bad]" in prompt:
            raise invalid("Request contains an invalid argument.")
        if "[down]" in prompt:
            raise overloaded()
        if "[flaky]" in prompt and self._first_sight(ask.prompt):
            raise internal()
        if "[timeout]" in prompt and self._first_sight(ask.prompt):
            raise Refused("DEADLINE_EXCEEDED", "Deadline expired before operation could complete.")
        faults, dice = self._dials(), self._simulator.dice
        throw = dice.again("error", lane, ask.prompt)
        if throw < faults.error_rate:
            kinds: tuple[Callable[[], Refused], ...] = (
                internal,
                overloaded,
                lambda: rate_limited(faults.retry_after),
            )
            raise kinds[int(throw / faults.error_rate * 3)]()

    def _first_sight(self, prompt: str) -> bool:
        with self._lock:
            new = prompt not in self._seen
            self._seen.add(prompt)
        return new

    def _picture_answer(self, ask: Ask, lane: Lane, key: str | None, batch_id: str | None) -> dict[str, Any]:
        dials = self._dials()
        thoughts = ask.thoughts + (300 if dials.thought_pictures else 0)
        words = "Here is your picture." if ask.with_words else ""
        usage = ask.usage(
            image=ask.card.tokens[ask.size_class], words=text_tokens(words) if words else 0, thoughts=thoughts
        )
        parts: list[dict[str, Any]] = []
        if dials.thought_pictures:
            parts.append({"thought": True, "text": "A first idea."})
            parts.append({"thought": True, **_blob(draw("a first idea", 64, 64), "image/png")})
        if words:
            parts.append({"text": words})
        parts.append(_blob(*self._picture(ask)))
        width, height = ask.pixels
        self._simulator.ledger.bill(
            Billed(
                lane, key, batch_id, ask.prompt, ask.model, f"{width}x{height}", ask.level.lower(),
                ask.price(usage, batch=lane == "batch"), self._simulator.clock(),
            )
        )  # fmt: skip
        content = {"role": "model", "parts": parts}
        return {
            "candidates": [{"index": 0, "finishReason": "STOP", "content": content}],
            "usageMetadata": usage,
        }

    def _picture(self, ask: Ask) -> tuple[bytes, str]:
        """A different picture each time the same is asked, the same ones in every run."""
        dials = self._dials()
        width, height = (dials.picture_px, dials.picture_px) if dials.picture_px else ask.pixels
        key = hash((ask.prompt, width, height))
        with self._lock:
            self._drawn[key] += 1
            time = self._drawn[key]
        media_type = "image/jpeg" if dials.jpeg else "image/png"
        shrink = -(-max(width, height) // MAX_SIDE_PX)
        made = draw(
            ask.prompt,
            width // shrink,
            height // shrink,
            seed=time + dials.seed,
            media_type=media_type,
            label=f"{ask.model} (simulated)",
        )
        return (made if shrink == 1 else _enlarged(made, width, height, media_type)), media_type


def _unmade(ask: Ask, reason: str, *, message: str = "", said: str = "") -> dict[str, Any]:
    """A "success" without a picture."""
    candidate: dict[str, Any] = {"index": 0, "finishReason": reason}
    if message:
        candidate["finishMessage"] = message
    if said:
        candidate["content"] = {"role": "model", "parts": [{"text": said}]}
    return {
        "candidates": [candidate],
        "usageMetadata": ask.usage(words=text_tokens(said) if said else 0),
    }


def _blob(content: bytes, media_type: str) -> dict[str, Any]:
    return {"inlineData": {"mimeType": media_type, "data": base64.b64encode(content).decode()}}


def _enlarged(content: bytes, width: int, height: int, media_type: str) -> bytes:
    """4K pictures have longer sides than are drawn."""
    out = BytesIO()
    with Image.open(BytesIO(content)) as small:
        small.resize((width, height), Image.Resampling.BILINEAR).save(
            out, "JPEG" if media_type == "image/jpeg" else "PNG", compress_level=1
        )
    return out.getvalue()


def internal() -> Refused:
    return Refused("INTERNAL", "An internal error has occurred. Please retry or report in the forum.")


def overloaded() -> Refused:
    return Refused("UNAVAILABLE", "The model is overloaded. Please try again later.")

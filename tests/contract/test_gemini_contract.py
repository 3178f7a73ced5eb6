"""The Gemini adapter keeps the contract, against the vendor's simulator over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from provider_contract import CALM, Bill, NetworkContract, Subject, clock

from providers.base import FailureKind
from providers.catalogue import load
from providers.gemini import Gemini
from providers.simulators.gemini import GeminiSimulator

FAST = ("batch_seconds=0.05", "validating_seconds=0.02", "cancelling_seconds=0.02", "picture_px=48")


class TestGemini(NetworkContract):
    @pytest.fixture
    def subject(self) -> Iterator[Subject]:
        with GeminiSimulator(faults=FAST) as vendor:

            def make(base_url: str, patience: object) -> Gemini:
                return Gemini(
                    load()["gemini"], api_key=vendor.key, base_url=base_url, clock=clock, patience=patience
                )

            yield Subject(
                provider=make(vendor.base_url, CALM),
                model="gemini-nano-banana-2.1",
                secret=vendor.key,
                base_url=vendor.base_url,
                make=make,
                bills=lambda: [Bill(image.prompt, image.price) for image in vendor.billed],
                troubles={
                    FailureKind.CONTENT_POLICY: "moderated",
                    FailureKind.SERVER_ERROR: "[down]",
                    FailureKind.TIMEOUT: "[timeout]",
                    FailureKind.MALFORMED_REQUEST: "[bad]",
                    FailureKind.UNKNOWN: "[words]",
                },
            )

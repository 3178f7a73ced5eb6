"""The OpenAI adapter keeps the contract, against the vendor's simulator over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from provider_contract import CALM, Bill, NetworkContract, Subject, clock

from providers.base import FailureKind
from providers.catalogue import load
from providers.openai import OpenAI
from providers.simulators.openai import OpenAISimulator

FAST = ("batch_seconds=0.05", "validating_seconds=0.02", "cancelling_seconds=0.02", "picture_px=48")


class TestOpenAI(NetworkContract):
    @pytest.fixture
    def subject(self) -> Iterator[Subject]:
        with OpenAISimulator(faults=FAST) as vendor:

            def make(base_url: str, patience: object) -> OpenAI:
                return OpenAI(
                    load()["openai"], api_key=vendor.key, base_url=base_url, clock=clock, patience=patience
                )

            yield Subject(
                provider=make(vendor.base_url, CALM),
                model="gpt-image-2",
                secret=vendor.key,
                base_url=vendor.base_url,
                make=make,
                bills=lambda: [Bill(image.prompt, image.price) for image in vendor.billed],
                troubles={
                    FailureKind.CONTENT_POLICY: "moderated",
                    FailureKind.SERVER_ERROR: "[down]",
                    FailureKind.TIMEOUT: "[timeout]",
                },
            )

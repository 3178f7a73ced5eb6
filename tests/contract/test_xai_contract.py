"""The xAI adapter keeps the contract, against the vendor's simulator over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from provider_contract import CALM, Bill, NetworkContract, Subject, clock

from providers.base import FailureKind
from providers.catalogue import load
from providers.simulators.xai import XAISimulator
from providers.xai import XAI

FAST = (
    "batch_seconds=0.05",
    "validating_seconds=0.02",
    "cancelling_seconds=0.02",
    "picture_px=48",
    "creates_per_second=0",
)


class TestXAI(NetworkContract):
    @pytest.fixture
    def subject(self) -> Iterator[Subject]:
        with XAISimulator(faults=FAST) as vendor:

            def make(base_url: str, patience: object) -> XAI:
                return XAI(
                    load()["xai"],
                    api_key=vendor.key,
                    base_url=base_url,
                    clock=clock,
                    patience=patience,
                    settling=timedelta(seconds=0.15),
                )

            yield Subject(
                provider=make(vendor.base_url, CALM),
                model="grok-imagine-image-2.0",
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

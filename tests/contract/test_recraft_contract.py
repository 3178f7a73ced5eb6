"""The Recraft adapter keeps the contract, for both kinds of pictures, against the vendor's simulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from at_once_contract import AtOnceBasics, AtOnceContract
from provider_contract import CALM, SQUARE, Bill, Subject, clock

from providers.base import FailureKind, Size
from providers.catalogue import load
from providers.recraft import Recraft
from providers.simulators.recraft import RecraftSimulator

FAST = ("picture_px=48", "requests_per_second=0", "images_per_minute=0")


class Recrafts:
    """The bench."""

    model, size = "recraftv4_1", SQUARE

    @pytest.fixture
    def subject(self) -> Iterator[Subject]:
        with RecraftSimulator(faults=FAST) as vendor:

            def make(base_url: str, patience: object) -> Recraft:
                return Recraft(
                    load()["recraft"], api_key=vendor.key, base_url=base_url, clock=clock, patience=patience
                )

            yield Subject(
                provider=make(vendor.base_url, CALM),
                model=self.model,
                secret=vendor.key,
                base_url=vendor.base_url,
                make=make,
                size=self.size,
                bills=lambda: [Bill(image.prompt, image.price) for image in vendor.billed],
                troubles={
                    FailureKind.CONTENT_POLICY: "moderated",
                    FailureKind.SERVER_ERROR: "[down]",
                    FailureKind.TIMEOUT: "[timeout]",
                },
            )


class TestRecraft(Recrafts, AtOnceContract):
    pass


class TestRecraftVector(Recrafts, AtOnceBasics):
    model, size = "recraftv4_1_vector", Size(4096, 4096)

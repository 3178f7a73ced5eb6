"""The adapter for OpenAI-compatible servers keeps the contract, against a plain server over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from at_once_contract import AtOnceBasics, AtOnceContract, one_by_one
from provider_contract import CALM, Bill, Subject, clock

from providers.base import FailureKind
from providers.catalogue import ModelCard, TokenPrices, load
from providers.openai_compatible import OpenAICompatible
from providers.simulators.openai_compatible import CompatibleSimulator

BARE = load()["openai_compatible"]["default"]
OWN: ModelCard = BARE.model_copy(
    update={
        "id": "qwen-image",
        "tokens": TokenPrices(text_in=Decimal(5), image_in=Decimal(8), image_out=Decimal(30)),
    }
)
"""An operator's own entry, for a gateway that bills by tokens."""


class Servers:
    """The bench."""

    dials: tuple[str, ...] = ("keyed=on", "usage=on")
    card = OWN

    @pytest.fixture
    def subject(self) -> Iterator[Subject]:
        with CompatibleSimulator(faults=("picture_px=48", *self.dials)) as server:
            key = server.key if "keyed=on" in self.dials else ""

            def make(base_url: str, patience: object) -> OpenAICompatible:
                return OpenAICompatible(
                    {self.card.id: self.card}, api_key=key, base_url=base_url, clock=clock, patience=patience
                )

            yield Subject(
                provider=make(server.base_url, CALM),
                model=self.card.id,
                secret=server.key,
                base_url=server.base_url,
                make=make,
                bills=lambda: [Bill(image.prompt, image.price) for image in server.billed],
                troubles={
                    FailureKind.CONTENT_POLICY: "moderated",
                    FailureKind.SERVER_ERROR: "[down]",
                    FailureKind.TIMEOUT: "[timeout]",
                },
            )


class TestGateway(Servers, AtOnceContract):
    """With a key and with usage."""


class TestBareServer(Servers, AtOnceBasics):
    """Without a key, answering with links and nothing else, under the one default card."""

    dials = ("paths=on",)
    card = BARE

    def test_the_vendors_own_cost_is_told(self, subject: Subject) -> None:
        """It tells none, so none is made up."""
        (outcome,) = one_by_one(subject, ["cost"]).values()
        assert outcome.cost_usd is None

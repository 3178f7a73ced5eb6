"""The fal adapter keeps the contract, against the vendor's simulator over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from bunch import Bunch
from meddler import Answer
from provider_contract import CALM, Bill, NetworkContract, Subject, clock, content_of, live

from providers.base import AskAgain, FailureKind, MaybeAccepted
from providers.catalogue import load
from providers.fal import LOOKUP_SLACK, START_WITHIN, Fal
from providers.simulators.fal import FalSimulator

FAST = ("concurrency=50", "latency=0.01", "picture_px=48")


def later() -> datetime:
    """Late enough that what is not in fal's list will never be: the suite expects an answer at once."""
    return clock() + START_WITHIN + LOOKUP_SLACK + timedelta(minutes=10)


class TestFal(NetworkContract):
    @pytest.fixture
    def subject(self) -> Iterator[Subject]:
        with FalSimulator(faults=FAST) as vendor:
            self.vendor = vendor

            def make(base_url: str, patience: object) -> Bunch:
                return Bunch(
                    Fal(load()["fal"], api_key=vendor.key, base_url=base_url, clock=later, patience=patience)
                )

            yield Subject(
                provider=make(vendor.base_url, CALM),
                model="fal-ai/flux-2-pro",
                secret=vendor.key.partition(":")[2],
                base_url=vendor.base_url,
                make=make,
                bills=lambda: [Bill(image.prompt, image.price) for image in vendor.billed],
                troubles={
                    FailureKind.CONTENT_POLICY: "moderated",
                    FailureKind.SERVER_ERROR: "[down]",
                    FailureKind.TIMEOUT: "[timeout]",
                    FailureKind.UNKNOWN: "[nothing]",
                },
            )

    def test_a_live_call_is_sent_once(self, subject: Subject) -> None:
        """A 5xx may hide an accepted request, and fal lets it be looked up: so it is, before a second one."""
        with self.behind(subject, lambda _: Answer(500, b"{}")) as (provider, meddler):
            with pytest.raises(MaybeAccepted):
                live(subject, "once", provider)
            assert len(meddler.requests) == 1

    def test_a_cut_download_goes_on_where_it_broke(self, subject: Subject) -> None:
        """The answer is a few lines; it is the picture behind it that is cut, and asked for again."""
        outcome = live(subject, "cut").outcome
        self.vendor.faults.turn("cut_connection", 2)
        for _ in range(2):
            with pytest.raises(AskAgain):
                content_of(subject, outcome)
        assert content_of(subject, outcome)

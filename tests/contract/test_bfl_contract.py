"""The Black Forest Labs adapter keeps the contract, against the vendor's simulator over real HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from bunch import Bunch, Proxy
from meddler import LOST, Answer, Asked, Meddler
from provider_contract import CALM, Bill, NetworkContract, Subject, clock, content_of, live, outgoing

from providers.base import AskAgain, FailureKind, Handle, Lane, MaybeAccepted, NoLookup, Phase, Provider
from providers.bfl import Bfl
from providers.catalogue import load
from providers.simulators.bfl import BflSimulator
from providers.wire.client import Patience

FAST = ("latency=0.01", "picture_px=48")


class TestBfl(NetworkContract):
    @pytest.fixture
    def subject(self) -> Iterator[Subject]:
        with BflSimulator(faults=FAST) as vendor:
            self.vendor = vendor

            def make(base_url: str, patience: object) -> Bunch:
                return Bunch(
                    Bfl(load()["bfl"], api_key=vendor.key, base_url=base_url, clock=clock, patience=patience)
                )

            yield Subject(
                provider=make(vendor.base_url, CALM),
                model="flux-2-pro",
                secret=vendor.key,
                base_url=vendor.base_url,
                make=make,
                bills=lambda: [Bill(image.prompt, image.price) for image in vendor.billed],
                troubles={
                    FailureKind.CONTENT_POLICY: "moderated",
                    FailureKind.SERVER_ERROR: "[down]",
                },
            )

    @contextmanager
    def behind(
        self, subject: Subject, spoil: Callable[[Asked], Answer | None], patience: Patience = CALM
    ) -> Iterator[tuple[Provider, Meddler]]:
        """The address to poll must lead through the meddler: it cannot be built, and gets the key."""
        with Proxy(spoil, subject.base_url) as meddler:
            provider = subject.again(meddler.url, patience)
            yield provider, meddler
            provider.close()

    def calls(self, subject: Subject, provider: Provider) -> Mapping[str, Callable[[], Any]]:
        """There is nothing to ask for the two others."""
        every = dict(super().calls(subject, provider))
        return {name: call for name, call in every.items() if name not in ("find", "cancel")}

    def test_a_submission_is_found_by_its_tag_alone(self, subject: Subject) -> None:
        """The vendor has no look-up, and says so before anything is called."""
        before = len(self.vendor.requests)
        for lane in (Lane.BATCH, Lane.LIVE):
            with pytest.raises(NoLookup):
                subject.provider.find(outgoing(subject, ["a"], lane), clock() - timedelta(minutes=1))
        assert len(self.vendor.requests) == before

    @pytest.mark.parametrize(
        "trouble", [LOST, Answer(502, b"bad gateway", forward=True)], ids=["lost", "502"]
    )
    def test_nothing_is_paid_twice_whichever_reply_is_lost(self, subject: Subject, trouble: Answer) -> None:
        """In doubt it stays in doubt: sent once, billed once, and nobody pretends to know."""

        def spoil(asked: Asked) -> Answer | None:
            return trouble if asked.method == "POST" else None

        with self.behind(subject, spoil) as (provider, meddler):
            with pytest.raises(MaybeAccepted):
                provider.submit(outgoing(subject, ["lost"], Lane.BATCH))
            with pytest.raises(NoLookup):
                provider.find(outgoing(subject, ["lost"], Lane.BATCH), clock())
            assert len(meddler.requests) == 1
        assert self.vendor.ledger.creates == 1

    def test_a_cut_download_goes_on_where_it_broke(self, subject: Subject) -> None:
        """The picture is fetched with the result; where it is cut, the result is read again."""
        handle = subject.provider.submit(outgoing(subject, ["cut"], Lane.BATCH))
        assert isinstance(handle, Handle)
        while subject.provider.poll(handle).phase is not Phase.ENDED:
            pass
        self.vendor.faults.turn("cut_connection", 2)
        for _ in range(2):
            with pytest.raises(AskAgain):
                list(subject.provider.results(handle))
        (result,) = subject.provider.results(handle)
        assert content_of(subject, result.outcome)

    def test_pictures_come_with_the_result(self, subject: Subject) -> None:
        outcome = live(subject, "at once").outcome
        assert outcome.pictures[0].content  # type: ignore[union-attr]

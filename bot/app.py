"""The composition root: the only file that chooses concrete things."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from bot.config import Settings, SettingsError
from bot.metered import Metered
from bot.policy import Policy
from bot.runtime import Context, now
from bot.tracing import MISSING, installed, using, wanted
from bot.turns import width
from providers import catalogue, registry
from providers.base import Hooked, Provider, ProviderError
from storage.blobs import FolderBlobs
from storage.engine import migrate, only_scheduler, open_engine
from storage.mail import Mail
from storage.notices import Notices
from storage.outlets import Outlet, OutletTrouble, open_outlet
from storage.queries import Queries
from storage.reviews import Reviews
from storage.shelf import Shelf
from storage.store import Store
from storage.vitals import Vitals
from storage.writer import Writer

log = logging.getLogger(__name__)


@contextmanager
def open_context(
    settings: Settings,
    *,
    schedules: bool,
    policy: Policy | None = None,
    clock: Callable[[], datetime] = now,
) -> Iterator[Context]:
    """Everything the stages need, opened and closed again.

    `schedules`: whether this process will run ticks, which only one may do on a data store. Raises
    StoreError, SettingsError or CatalogueError with one sentence.
    """
    data = settings.imgbatch_data
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise SettingsError(f"IMGBATCH_DATA: {data} cannot be made: {problem.strerror}") from None
    with ExitStack() as stack:
        if schedules:
            stack.enter_context(traced(settings))
        engine = open_engine(settings.database_url)
        stack.callback(engine.dispose)
        in_charge = stack.enter_context(only_scheduler(engine, data / "imgbatch.lock")) if schedules else None
        migrate(engine, data / "migrate.lock")
        writer = Writer(engine)
        providers = {name: Metered(plain) for name, plain in build_providers(settings, clock).items()}
        for provider in providers.values():
            stack.callback(provider.close)
        renderers = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="render")
        callers = {
            name: ThreadPoolExecutor(width(provider), thread_name_prefix=f"call-{name}")
            for name, provider in providers.items()
        }
        for pool in (renderers, *callers.values()):
            stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        yield Context(
            store=Store(writer),
            queries=Queries(engine),
            notices=Notices(engine, writer),
            mail=Mail(engine, writer),
            reviews=Reviews(engine, writer),
            shelf=Shelf(engine, writer),
            vitals=Vitals(engine, writer),
            blobs=FolderBlobs(data / "blobs"),
            providers=providers,
            policy=policy or Policy.of(settings),
            renderers=renderers,
            callers=callers,
            outlet=_outlet(settings),
            clock=clock,
            in_charge=in_charge or (lambda: False),
        )


@contextmanager
def traced(settings: Settings) -> Iterator[None]:
    """Traces are on until the block ends, if the settings ask for them. Raises SettingsError.

    Without the extra one line of the log says so, and everything else goes on.
    """
    if not wanted(settings):
        yield
        return
    if not installed():
        log.warning("%s", MISSING)
        yield
        return
    from bot.spans import Spans  # brings the packages of the extra

    try:
        spans = Spans(settings)
    except (ValueError, OSError) as problem:
        raise SettingsError(f"Traces cannot be told with these OTEL_ variables: {problem}") from problem
    with using(spans):
        yield


def _outlet(settings: Settings) -> Outlet | None:
    try:
        return open_outlet(settings.imgbatch_export_to) if settings.imgbatch_export_to else None
    except OutletTrouble as problem:
        raise SettingsError(f"IMGBATCH_EXPORT_TO: {problem}") from problem


def build_providers(settings: Settings, clock: Callable[[], datetime] = now) -> dict[str, Provider]:
    """The providers that are set up, in the order they are offered. Raises SettingsError."""
    own = [settings.imgbatch_catalogue] if settings.imgbatch_catalogue else []
    values = {name: settings.named(name) for name in registry.variables()}
    try:
        return registry.build(
            values,
            catalogue=catalogue.load(*own),
            folder=_drawings(settings),
            clock=clock,
            public_url=settings.imgbatch_public_url or "",
        )
    except ProviderError as problem:
        raise SettingsError(str(problem)) from problem


def build_hooks(settings: Settings) -> dict[str, Hooked]:
    """What proves the webhooks of the providers that send us some. Raises SettingsError."""
    values = {name: settings.named(name) for name in registry.variables()}
    try:
        return registry.hooks(values, public_url=settings.imgbatch_public_url or "")
    except ProviderError as problem:
        raise SettingsError(str(problem)) from problem


def _drawings(settings: Settings) -> Path:
    return settings.imgbatch_data / "providers"

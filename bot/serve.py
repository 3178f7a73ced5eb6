"""`imgbatch serve`: Slack, the schedule and the health port in one process, until told to stop."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import FrameType

from slack_bolt import App

from bot import logs
from bot.app import build_hooks, open_context
from bot.config import Settings, SettingsError, load
from bot.health import alive, ready
from bot.hooks import Hooks
from bot.metrics import Metrics
from bot.pipeline.rescue import clear_drafts
from bot.pipeline.scheduled import fire
from bot.runtime import Context
from bot.scheduler import Tick, pipeline_ticks, ticking
from bot.slack.announcer import announce
from bot.slack.app import Socket, connect, make_app
from bot.slack.app_home import refresh
from bot.slack.digest_post import tell_digests
from bot.slack.inbox import work_inbox
from bot.slack.old_files import delete_old_files
from bot.web import make_site, serving

log = logging.getLogger(__name__)


def serve_forever() -> int:
    """Run until SIGINT or SIGTERM. Exit status 0; raises SettingsError when Slack is not set up."""
    loaded = load()
    settings = loaded.settings
    logs.set_up(settings)
    logs.take_over()
    for name, origin in loaded.unknown:
        log.warning("%s (%s) is not a setting and does nothing; `imgbatch doctor` says more", name, origin)
    check_slack(settings)  # before anything is opened or brought to a newer form
    stop = threading.Event()

    def told(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told)
    with open_context(settings, schedules=True) as ctx, running(ctx, settings) as port:
        log.info("imgbatch is running; health at http://%s:%s/healthz", settings.imgbatch_host, port)
        stop.wait()
        log.info("stopping: what is under way is finished or taken up again at the next start")
    return 0


@contextmanager
def running(ctx: Context, settings: Settings) -> Iterator[int]:
    """The bot at work until the block ends; gives the health port. Raises SettingsError."""
    check_slack(settings)
    clear_drafts(ctx)
    app = make_app(ctx, settings)
    with ExitStack() as stack:
        over_http = settings.slack_app_token is None
        hooks = Hooks(build_hooks(settings), ctx.store.wake, ctx.clock)
        stack.callback(hooks.close)
        sockets: list[Socket] = []
        connected = None if over_http else lambda: any(socket.connected for socket in sockets)
        site = make_site(
            lambda: alive(ctx),
            app if over_http else None,
            hooks,
            ready=lambda: ready(ctx, settings.imgbatch_data, connected),
            metrics=Metrics(ctx, settings.imgbatch_data, connected),
        )
        port = stack.enter_context(serving(site, settings.imgbatch_host, settings.imgbatch_port))
        ticks = {**pipeline_ticks(ctx), **_slack_ticks(ctx, app, settings)}
        stack.enter_context(ticking(ticks, ctx.clock, ctx.pulse, ctx.in_charge))
        if not over_http:
            sockets.append(connect(app, settings))
            stack.callback(_hang_up, sockets[0].close)
        yield port


def _hang_up(close: Callable[[], object]) -> None:
    """Close the socket. An answer that was on its way fails then, which is no news: Slack asks again."""
    logging.getLogger("bot.slack.socket").setLevel(logging.CRITICAL)
    close()


def check_slack(settings: Settings) -> None:
    """Raise SettingsError naming the first thing that is missing."""
    if settings.slack_bot_token is None:
        raise SettingsError(
            "SLACK_BOT_TOKEN is not set; make the app from slack-manifest.yaml (docs/slack.md)"
        )
    if settings.slack_app_token is None and settings.slack_signing_secret is None:
        raise SettingsError(
            "Set SLACK_APP_TOKEN for Socket Mode, or SLACK_SIGNING_SECRET to receive Slack over HTTP"
        )


def _slack_ticks(ctx: Context, app: App, settings: Settings) -> Mapping[str, Tick]:
    channel = settings.imgbatch_alert_channel
    return {
        "schedule": lambda now: fire(ctx, now),
        "old_files": lambda now: delete_old_files(ctx, app.client, now),
        "home": lambda now: refresh(ctx, app.client, now),
        "digest": lambda now: tell_digests(ctx, app.client, now),
        "inbox": lambda now: work_inbox(ctx, app.client, now),
        "announce": lambda now: announce(ctx, app.client, now, alert_channel=channel),
    }

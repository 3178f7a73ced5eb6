"""The App Home: a person's own batches and the way to a new one."""

from __future__ import annotations

from typing import Any

from slack_bolt import App
from slack_sdk import WebClient

from bot.runtime import Context
from bot.slack import answers, views
from bot.slack import blocks as b
from bot.slack.wire import wire_of


def register(app: App, ctx: Context) -> None:
    @app.event("app_home_opened")
    def opened(event: dict[str, Any], client: WebClient) -> None:
        if event.get("tab") != "home":
            return
        mine = answers.jobs_of(ctx, str(event["user"]))
        body = [b.header("Your image batches"), b.actions("home", answers.form_button())]
        body += answers.job_lines(ctx, mine) or [b.section("None yet.")]
        wire_of(client).call("views.publish", ctx.clock(), user_id=event["user"], view=views.home(body))

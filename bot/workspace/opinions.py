"""A second opinion on what the app sends: the models of Slack's own SDK.

The workspace answers by its own rules alone; what the models object to is noted for the tests to look at.
"""

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.workspace.state import Json


def of_blocks(blocks: list[Json]) -> list[str]:
    """What the SDK's models find wrong with blocks that were taken; nothing of kinds they do not know."""
    found = []
    for index, block in enumerate(blocks):
        try:
            parsed = Block.parse(block)
            if parsed is not None:
                parsed.to_dict()
        except SlackObjectFormationError as problem:
            found.append(f"blocks/{index} ({block['type']}): {problem}")
    return found


def of_view(view: Json) -> list[str]:
    """The same for a modal or a Home tab."""
    frame = view | {"blocks": [{"type": "divider"}]}
    try:
        View(**frame).to_dict()
    except SlackObjectFormationError as problem:
        return [f"view: {problem}", *of_blocks(view["blocks"])]
    return of_blocks(view["blocks"])

"""Slack's limits, in one place, each with where it comes from.

“docs” is docs.slack.dev, “sdk” the checks of slack_sdk 3.47, “issues” reports in Slack's own repositories
about what is not documented.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

# --- messages ------------------------------------------------------------------------------------------

MESSAGE_BLOCKS: Final = 50
"""Blocks in one message (docs, reference/block-kit/blocks)."""
MESSAGE_CHARACTERS: Final = 10_000
"""All text in one message's blocks. Undocumented: `msg_blocks_too_long` was seen from about 11,300
(bolt-js#2509, #2867), so this keeps a distance."""
FALLBACK_TEXT: Final = 3_000
"""The message's `text`: chat.update refuses more than 4,000 (docs, chat.update, `msg_too_long`)."""
METADATA_EVENT: Final = "imgbatch"
"""Type of the metadata on our messages, by which they are found again after a crash."""

# --- blocks --------------------------------------------------------------------------------------------

HEADER_TEXT: Final = 150
"""docs, header block."""
SECTION_TEXT: Final = 3_000
"""docs, section block."""
FIELD_TEXT: Final = 2_000
SECTION_FIELDS: Final = 10
CONTEXT_ELEMENTS: Final = 10
"""docs, context block."""
ACTIONS: Final = 25
"""Elements of an actions block (docs)."""
ALT_TEXT: Final = 2_000
"""docs, image block; the same for its title."""
IMAGE_TYPES: Final = frozenset({"png", "jpg", "jpeg", "gif"})
"""What an image block shows from a slack_file (docs, slack-file-object). No WebP, no SVG."""
BLOCK_ID: Final = 255
ACTION_ID: Final = 255

# --- elements ------------------------------------------------------------------------------------------

BUTTON_TEXT: Final = 75
"""docs, button element; the same for an option's text."""
BUTTON_VALUE: Final = 2_000
OPTION_TEXT: Final = 75
OPTION_VALUE: Final = 150
OPTIONS: Final = 100
"""Options of a static select (docs); radio buttons and checkboxes have 10."""
OPTION_GROUPS: Final = 100
PLACEHOLDER: Final = 150
CONFIRM_TITLE: Final = 100
CONFIRM_TEXT: Final = 300
CONFIRM_BUTTON: Final = 30
INPUT_CHARACTERS: Final = 3_000
"""docs, plain text input: `max_length`."""

# --- views ---------------------------------------------------------------------------------------------

VIEW_BLOCKS: Final = 100
VIEW_TITLE: Final = 24
"""Title, submit and close of a modal (docs, views)."""
PRIVATE_METADATA: Final = 3_000
FIELD_ERROR: Final = 200
"""No limit is documented for an error under a field; longer ones push the form off the screen."""
FORM_FILE_BYTES: Final = 10_000_000
"""One file of a file input (docs, file-input-element)."""

# --- files ---------------------------------------------------------------------------------------------

FILES_PER_SHARE: Final = 10
"""Files in one completeUploadExternal: 15 and more answer `internal_error` (python-slack-sdk#1653)."""
FILE_READY: Final = timedelta(seconds=30)
"""Slack processes an upload in 0.5 to 5 s by most reports; after this long something is wrong with it."""

# --- answering -----------------------------------------------------------------------------------------

ANSWER_SECONDS: Final = 3
"""Commands, clicks and submissions must be acknowledged within this (docs, interactivity)."""
